//! A counterexample as a picture: a lane a thread, a box a step, in order from left to right.
//!
//! Boxes in different lanes may overlap in width, so that the picture stays short; a box always begins to the right of
//! every box that happened before it, so that the order can be read off the left edges. A thin line leads from each step
//! to the next: where it changes lanes, the scheduler switched. The violating step has a thick hatched frame and a flag:
//! colour is never the only sign.

use maud::{Markup, html};
use selvedge_verify::evidence::Row;

const LETTER_WIDTH: usize = 7;
const BOX_PADDING: usize = 9;
const BOX_HEIGHT: usize = 26;
const BOX_GAP: usize = 8;
/// The least distance between the left edges of two steps in a row.
const STEP: usize = 26;
/// The flag with its words.
const FLAG_WIDTH: usize = 200;
const LANE_HEIGHT: usize = 52;
const TOP: usize = 30;
/// Longer texts are cut in the picture; the table below it has them whole.
const LETTERS_SHOWN: usize = 28;

/// The picture. `name` makes the ids in it unique on the page.
pub fn figure(name: &str, threads: &[String], rows: &[Row]) -> Markup {
    let label_width = threads.iter().map(|thread| thread.chars().count()).max().unwrap_or(0) * LETTER_WIDTH + 24;
    let placed = place(threads.len(), rows, label_width);
    let flags = placed.iter().zip(rows).filter(|(_, row)| row.here).map(|(step, _)| step.x + FLAG_WIDTH);
    let width = placed.iter().map(|step| step.x + step.width).chain(flags).max().unwrap_or(0).max(label_width) + 16;
    let height = TOP + threads.len() * LANE_HEIGHT + 26;
    let middle = |thread: usize| TOP + thread * LANE_HEIGHT + LANE_HEIGHT / 2;
    html! {
        figure.lanes {
            div.scroll tabindex="0" role="region" aria-label="The execution as lanes" {
                svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
                    viewBox={ "0 0 " (width) " " (height) } role="img" aria-labelledby={ (name) "-lanes" } {
                    title id={ (name) "-lanes" } {
                        "A lane a thread, a box a step, in order from left to right; the table below says the same in words."
                    }
                    defs {
                        pattern id={ (name) "-hatch" } width="6" height="6" patternUnits="userSpaceOnUse"
                            patternTransform="rotate(45)" {
                            line.hatch x1="0" y1="0" x2="0" y2="6" {}
                        }
                    }
                    @for (lane, thread) in threads.iter().enumerate() {
                        rect.lane.odd[lane % 2 == 1] x="0" y=(TOP + lane * LANE_HEIGHT) width=(width) height=(LANE_HEIGHT) {}
                        text.name.t x="12" y=(middle(lane) + 5) { (thread) }
                    }
                    @for pair in placed.windows(2) {
                        @if pair[0].lane != pair[1].lane {
                            path.switch d={
                                "M" (pair[1].x - 4) " " (middle(pair[0].lane)) "V" (middle(pair[1].lane))
                                "h4"
                            } {}
                        }
                    }
                    @for (step, row) in placed.iter().zip(rows) {
                        @let top = middle(step.lane) - BOX_HEIGHT / 2;
                        g.step.here[row.here] {
                            title { (row.text) }
                            rect x=(step.x) y=(top) width=(step.width) height=(BOX_HEIGHT) rx="4" {}
                            @if row.here {
                                rect x=(step.x) y=(top) width=(step.width) height=(BOX_HEIGHT) rx="4"
                                    fill={ "url(#" (name) "-hatch)" } {}
                                path.flag d={ "M" (step.x + 6) " " (top) "V8" } {}
                                text.flag-words x=(step.x + 10) y="18" { "✗ the violation shows here" }
                            }
                            text.cut x=(step.x + BOX_PADDING) y=(middle(step.lane) + 4) { (step.text) }
                        }
                    }
                    text.axis x="12" y=(height - 8) { "order of steps →" }
                }
            }
        }
    }
}

struct Placed {
    lane: usize,
    x: usize,
    width: usize,
    text: String,
}

fn place(lanes: usize, rows: &[Row], start: usize) -> Vec<Placed> {
    let mut lane_ends = vec![start; lanes];
    let mut latest = start.saturating_sub(STEP);
    rows.iter()
        .map(|row| {
            let text = shortened(&row.text);
            let width = text.chars().count() * LETTER_WIDTH + 2 * BOX_PADDING;
            // A record from elsewhere may name a thread that it does not declare: its step goes into the last lane.
            let lane = row.thread.min(lanes.saturating_sub(1));
            let x = (latest + STEP).max(lane_ends.get(lane).copied().unwrap_or(start));
            latest = x;
            if let Some(end) = lane_ends.get_mut(lane) {
                *end = x + width + BOX_GAP;
            }
            Placed { lane, x, width, text }
        })
        .collect()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LETTERS_SHOWN {
        return text.to_owned();
    }
    text.chars().take(LETTERS_SHOWN - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(thread: usize, text: &str) -> Row {
        Row { thread, text: text.to_owned(), here: false }
    }

    #[test]
    fn left_edges_keep_the_order_and_boxes_of_a_lane_do_not_overlap() {
        let rows =
            [row(0, "lock"), row(1, "a long text indeed"), row(2, "x"), row(1, "y"), row(0, "unlock"), row(1, "z")];
        let placed = place(3, &rows, 40);
        assert!(placed.windows(2).all(|pair| pair[0].x < pair[1].x));
        for (position, step) in placed.iter().enumerate() {
            for earlier in placed[..position].iter().filter(|earlier| earlier.lane == step.lane) {
                assert!(earlier.x + earlier.width < step.x);
            }
        }
    }

    #[test]
    fn a_thread_that_was_not_declared_does_not_break_the_picture() {
        assert_eq!(place(2, &[row(7, "x")], 40)[0].lane, 1);
        figure("n", &[], &[row(0, "x")]);
    }
}

//! State graphs as pictures: a box a status, an arrow a change, numbered, and a table of the rules behind each number.
//!
//! The boxes stand on an ellipse, so that a straight arrow between two of them meets no third one; their order is the one
//! in which the fewest arrows cross. Where two statuses lead to each other, both arrows bend to their right.

use std::collections::BTreeSet;

use maud::{Markup, html};
use selvedge_verify::evidence::{Arrow, StateGraph};

use super::{Code, Page, Text, capitalised, scrolled};
use crate::report::System;

const LETTER_WIDTH: f64 = 7.4;
const BOX_PADDING: f64 = 12.0;
const BOX_HEIGHT: f64 = 30.0;
/// Half the axes of the ellipse, for few boxes and for many.
const AXES_FEW: (f64, f64) = (165.0, 105.0);
const AXES_MANY: (f64, f64) = (225.0, 150.0);
/// Room around the ellipse, for boxes and for arrows that bend outwards.
const MARGIN: (f64, f64) = (75.0, 40.0);
const LABEL_RADIUS: f64 = 10.0;
/// How far an arrow that has a counterpart bends, as a share of its length, and at most.
const BEND: f64 = 0.2;
const BEND_MAX: f64 = 46.0;
/// More boxes than this are left in the order of their names: the orders to try grow with the factorial.
const ORDERED_MAX: usize = 8;

impl Page<'_> {
    pub(super) fn graphs(&self, position: usize, system: &System) -> Markup {
        let mut settings: Vec<&str> = Vec::new();
        for graph in &system.graphs {
            if !settings.contains(&graph.spec.as_str()) {
                settings.push(&graph.spec);
            }
        }
        html! {
            section aria-labelledby={ "graphs-" (position) } {
                h2 id={ "graphs-" (position) } { "State graphs: " (Text(&system.name)) }
                p {
                    "Nobody drew these. Each arrow is a change of status that a rule of the spec makes in some execution of "
                    "a program of the corpus, every program taken under every value of the spec’s parameters. A change that "
                    "is missing is one that no program makes."
                }
                @for (place, setting) in settings.into_iter().enumerate() {
                    details open[place == 0] {
                        summary { (Text(setting)) }
                        @for (index, graph) in system.graphs.iter().enumerate().filter(|(_, graph)| graph.spec == setting) {
                            div.graph {
                                (figure(&format!("graph-{position}-{index}"), graph))
                                (self.arrows(system, graph))
                            }
                        }
                    }
                }
            }
        }
    }

    fn arrows(&self, system: &System, graph: &StateGraph) -> Markup {
        let clause_of = |rule: &str| system.clauses.iter().find(|clause| clause.rules.iter().any(|it| it.name == rule));
        scrolled(
            "The arrows",
            html! {
                table.arrows {
                    caption {
                        "The arrows of " (Text(&graph.things)) ", by number"
                        @if !graph.complete { "; not every execution was looked at" }
                    }
                    thead {
                        tr {
                            th.number scope="col" { "No." }
                            th scope="col" { "From" }
                            th scope="col" { "To" }
                            th scope="col" { "Rules (and clauses)" }
                        }
                    }
                    tbody {
                        @for (number, arrow) in (1..).zip(&graph.arrows) {
                            tr {
                                th.number scope="row" { (number) }
                                td { @match &arrow.from { Some(from) => { (Text(from)) } None => { "(new)" } } }
                                td { (Text(&arrow.to)) }
                                td {
                                    @for (place, rule) in arrow.rules.iter().enumerate() {
                                        @if place > 0 { ", " }
                                        (Code(rule))
                                        @if let Some(clause) = clause_of(rule) {
                                            " (" (self.clause_link(&system.name, &clause.id)) ")"
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            },
        )
    }
}

/// The picture. `name` makes the ids in it unique on the page.
fn figure(name: &str, graph: &StateGraph) -> Markup {
    let drawing = Drawing::of(&graph.arrows);
    let (width, height) = drawing.size;
    html! {
        figure.states {
            figcaption { (capitalised(&graph.things)) }
            div.scroll tabindex="0" role="region" aria-label={ "State graph of " (graph.things) } {
                svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
                    viewBox={ "0 0 " (width) " " (height) } role="img" aria-labelledby={ (name) "-title" } {
                    title id={ (name) "-title" } {
                        "State graph of " (graph.things) " under " (graph.spec) ": a box a status, an arrow a change of "
                        "status. The table beside it says the same in words."
                    }
                    defs {
                        marker id={ (name) "-head" } viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
                            markerUnits="userSpaceOnUse" orient="auto" { path.head d="M0 0L8 4L0 8z" {} }
                    }
                    @for line in &drawing.lines {
                        path.arrow d=(line.path) marker-end={ "url(#" (name) "-head)" } {}
                    }
                    @for node in &drawing.nodes {
                        rect.status.new[node.name.is_none()] x=(tenths(node.x - node.width / 2.0))
                            y=(tenths(node.y - BOX_HEIGHT / 2.0)) width=(tenths(node.width)) height=(BOX_HEIGHT) rx="6" {}
                        text.t[node.name.is_some()] x=(tenths(node.x)) y=(tenths(node.y + 4.0)) text-anchor="middle" {
                            (node.name.as_deref().unwrap_or(NEW))
                        }
                    }
                    @for ((number, line), arrow) in (1..).zip(&drawing.lines).zip(&graph.arrows) {
                        g.label {
                            title { (arrow.rules.join(", ")) }
                            circle cx=(tenths(line.label.0)) cy=(tenths(line.label.1)) r=(LABEL_RADIUS) {}
                            text x=(tenths(line.label.0)) y=(tenths(line.label.1 + 4.0)) text-anchor="middle" { (number) }
                        }
                    }
                }
            }
        }
    }
}

/// Where things come from that were not there before.
const NEW: &str = "(new)";

type Point = (f64, f64);

struct Node {
    name: Option<String>,
    x: f64,
    y: f64,
    width: f64,
}

impl Node {
    /// Whether the point is within the box or nearer to it than `gap`.
    fn holds(&self, (x, y): Point, gap: f64) -> bool {
        (x - self.x).abs() <= self.width / 2.0 + gap && (y - self.y).abs() <= BOX_HEIGHT / 2.0 + gap
    }
}

struct Line {
    path: String,
    label: Point,
}

struct Drawing {
    size: (f64, f64),
    nodes: Vec<Node>,
    /// In the order of the arrows.
    lines: Vec<Line>,
}

impl Drawing {
    fn of(arrows: &[Arrow]) -> Self {
        let names: BTreeSet<Option<&String>> =
            arrows.iter().flat_map(|arrow| [arrow.from.as_ref(), Some(&arrow.to)]).collect();
        let names: Vec<Option<&String>> = names.into_iter().collect();
        let place = |name: Option<&String>| names.iter().position(|known| *known == name).unwrap_or_default();
        let edges: Vec<(usize, usize)> =
            arrows.iter().map(|arrow| (place(arrow.from.as_ref()), place(Some(&arrow.to)))).collect();
        let order = fewest_crossings(names.len(), &edges);
        let axes = if names.len() <= 5 { AXES_FEW } else { AXES_MANY };
        let size = (2.0 * (axes.0 + MARGIN.0), 2.0 * (axes.1 + MARGIN.1));
        let nodes: Vec<Node> = names
            .iter()
            .zip(&order)
            .map(|(name, position)| {
                let turn = *position as f64 / names.len() as f64 * std::f64::consts::TAU;
                let letters = name.map_or(NEW.len(), |name| name.chars().count());
                Node {
                    name: name.cloned(),
                    x: size.0 / 2.0 + axes.0 * turn.sin(),
                    y: size.1 / 2.0 - axes.1 * turn.cos(),
                    width: letters as f64 * LETTER_WIDTH + 2.0 * BOX_PADDING,
                }
            })
            .collect();
        let curves: Vec<[Point; 3]> = edges
            .iter()
            .map(|&(from, to)| {
                let bend = if edges.contains(&(to, from)) { BEND } else { 0.0 };
                between(&nodes[from], &nodes[to], bend)
            })
            .collect();
        let mut labels: Vec<Point> = Vec::new();
        for (index, curve) in curves.iter().enumerate() {
            let others = curves.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, curve)| curve);
            labels.push(label_on(curve, others, &nodes, &labels));
        }
        let lines = curves.iter().zip(labels).map(|([from, bend, to], label)| Line {
            path: format!(
                "M{} {}Q{} {} {} {}",
                tenths(from.0),
                tenths(from.1),
                tenths(bend.0),
                tenths(bend.1),
                tenths(to.0),
                tenths(to.1)
            ),
            label,
        });
        Drawing { size, lines: lines.collect(), nodes }
    }
}

/// The position of each node on the ellipse, such that few arrows cross, and those that remain are short.
fn fewest_crossings(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..nodes).collect();
    if !(4..=ORDERED_MAX).contains(&nodes) {
        return order;
    }
    let mut best = (cost(&order, edges), order.clone());
    // Heap's algorithm over all but the first: turning the ellipse changes nothing.
    let mut counters = vec![0; nodes];
    let mut at = 1;
    while at < nodes - 1 {
        if counters[at] < at {
            let other = if at % 2 == 0 { 0 } else { counters[at] };
            order.swap(1 + other, 1 + at);
            let found = cost(&order, edges);
            if found < best.0 {
                best = (found, order.clone());
            }
            counters[at] += 1;
            at = 1;
        } else {
            counters[at] = 0;
            at += 1;
        }
    }
    best.1
}

/// Crossings first, then length along the ellipse.
fn cost(order: &[usize], edges: &[(usize, usize)]) -> (usize, usize) {
    let ends = |&(from, to): &(usize, usize)| (order[from].min(order[to]), order[from].max(order[to]));
    let crosses =
        |&(a, b): &(usize, usize), &(c, d): &(usize, usize)| a < c && c < b && b < d || c < a && a < d && d < b;
    let chords: BTreeSet<(usize, usize)> = edges.iter().map(ends).collect();
    let crossings = chords.iter().map(|one| chords.iter().filter(|other| crosses(one, other)).count()).sum();
    let length = chords.iter().map(|(from, to)| (to - from).min(order.len() + from - to)).sum();
    (crossings, length)
}

/// The curve from one box's edge to the other's: where it begins, where it bends to, where it ends.
fn between(from: &Node, to: &Node, bend: f64) -> [Point; 3] {
    let (across, down) = (to.x - from.x, to.y - from.y);
    let bend = bend.min(BEND_MAX / across.hypot(down));
    let middle = ((from.x + to.x) / 2.0 - down * bend, (from.y + to.y) / 2.0 + across * bend);
    let whole = [(from.x, from.y), middle, (to.x, to.y)];
    let steps = || (0..=200).map(|step| f64::from(step) / 200.0);
    let begin = steps().find(|part| !from.holds(at(&whole, *part, *part), 2.0)).unwrap_or(0.0);
    let end = steps().find(|part| to.holds(at(&whole, *part, *part), 2.0)).unwrap_or(1.0);
    [at(&whole, begin, begin), at(&whole, begin, end), at(&whole, end, end)]
}

/// The curve's polar form: with both parts the same, the point at that part of the curve.
fn at(curve: &[Point; 3], one: f64, other: f64) -> Point {
    let mix = |a: Point, b: Point, part: f64| (a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part);
    mix(mix(curve[0], curve[1], one), mix(curve[1], curve[2], one), other)
}

/// Where on an arrow its number stands: clear of boxes and other numbers, off other arrows if there is room, near the middle.
fn label_on<'a>(
    curve: &[Point; 3],
    others: impl Iterator<Item = &'a [Point; 3]>,
    nodes: &[Node],
    labels: &[Point],
) -> Point {
    let others: Vec<Point> = others
        .flat_map(|other| (0..=40).map(|step| at(other, f64::from(step) / 40.0, f64::from(step) / 40.0)))
        .collect();
    let distance = |a: Point, b: Point| (a.0 - b.0).hypot(a.1 - b.1);
    let penalty = |part: f64| {
        let here = at(curve, part, part);
        let on_labels = labels.iter().filter(|label| distance(here, **label) < 2.0 * LABEL_RADIUS + 3.0).count();
        let on_boxes = nodes.iter().filter(|node| node.holds(here, LABEL_RADIUS + 3.0)).count();
        let on_arrows = others.iter().filter(|other| distance(here, **other) < LABEL_RADIUS + 3.0).count();
        (1_000 * (on_labels + on_boxes) + 20 * on_arrows) as f64 + (part - 0.45).abs() * 40.0
    };
    let parts = (3..=17).map(|twentieth| f64::from(twentieth) / 20.0);
    let best = parts.min_by(|one, other| penalty(*one).total_cmp(&penalty(*other))).unwrap_or(0.5);
    at(curve, best, best)
}

/// A length as it is written: a tenth of a pixel is enough.
fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: Option<&str>, to: &str) -> Arrow {
        Arrow { from: from.map(str::to_owned), to: to.to_owned(), rules: vec!["rule".to_owned()] }
    }

    fn some() -> Vec<Arrow> {
        let ends = [
            ("a", "b"),
            ("b", "a"),
            ("a", "c"),
            ("c", "d"),
            ("d", "b"),
            ("d", "e"),
            ("e", "a"),
            ("b", "f"),
            ("f", "b"),
        ];
        ends.into_iter().map(|(from, to)| arrow(Some(from), to)).chain([arrow(None, "c")]).collect()
    }

    #[test]
    fn no_number_stands_on_a_box_or_on_another_number() {
        let drawing = Drawing::of(&some());
        assert_eq!((drawing.nodes.len(), drawing.lines.len()), (7, 10));
        for (index, line) in drawing.lines.iter().enumerate() {
            assert!(drawing.nodes.iter().all(|node| !node.holds(line.label, LABEL_RADIUS)), "{}", index + 1);
            for other in &drawing.lines[..index] {
                let distance = (line.label.0 - other.label.0).hypot(line.label.1 - other.label.1);
                assert!(distance > 2.0 * LABEL_RADIUS, "{}", index + 1);
            }
        }
    }

    #[test]
    fn boxes_do_not_overlap_and_stay_in_the_picture() {
        let drawing = Drawing::of(&some());
        for (index, node) in drawing.nodes.iter().enumerate() {
            let corner = (node.x + node.width / 2.0, node.y + BOX_HEIGHT / 2.0);
            assert!(node.x > node.width / 2.0 && corner.0 < drawing.size.0 && corner.1 < drawing.size.1);
            for other in &drawing.nodes[..index] {
                let apart = (node.x - other.x).abs() > (node.width + other.width) / 2.0;
                assert!(apart || (node.y - other.y).abs() > BOX_HEIGHT);
            }
        }
    }

    /// Every order is tried: what is found is as good as the best of all orders, counted in another way.
    #[test]
    fn the_order_is_one_with_the_fewest_crossings() {
        let edges = [(0, 3), (1, 4), (2, 5), (0, 2), (3, 5), (1, 3)];
        let mut best = usize::MAX;
        let mut orders = vec![vec![0usize]];
        for next in 1..6 {
            orders = orders
                .into_iter()
                .flat_map(|order| {
                    (0..=order.len()).map(move |place| {
                        let mut longer = order.clone();
                        longer.insert(place, next);
                        longer
                    })
                })
                .collect();
        }
        assert_eq!(orders.len(), 720);
        for order in &orders {
            best = best.min(cost(order, &edges).0);
        }
        let sorted: Vec<usize> = (0..6).collect();
        let found = fewest_crossings(6, &edges);
        assert_eq!(cost(&found, &edges).0, best);
        assert!(cost(&sorted, &edges).0 > best, "the edges were meant to cross where nobody looks");
    }

    #[test]
    fn a_graph_of_one_arrow_and_one_of_many_statuses_can_be_drawn() {
        assert_eq!(Drawing::of(&[arrow(None, "a")]).nodes.len(), 2);
        let many: Vec<Arrow> = (0..12).map(|n| arrow(Some(&format!("s{n}")), &format!("s{}", n + 1))).collect();
        assert_eq!(Drawing::of(&many).lines.len(), 12);
        assert!(Drawing::of(&[]).lines.is_empty());
    }
}

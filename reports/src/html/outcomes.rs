//! One table over all engines: what the spec allows of each program, what each engine made each subject do, and why the two
//! differ where they do.

use maud::{Markup, html};
use selvedge_verify::engine::Engine;
use selvedge_verify::evidence::Verdict;

use super::programs::program_anchor;
use super::{Code, Number, Page, Text, anchor, scrolled, wide};
use crate::differences::Class;
use crate::report::{OutcomeCell, OutcomeRow, System, column};

impl Page<'_> {
    pub(super) fn outcomes(&self, position: usize, system: &System) -> Markup {
        let at = format!("/systems/{position}");
        html! {
            section aria-labelledby={ "outcomes-" (position) } {
                h2 id={ "outcomes-" (position) } { "One table, all engines: " (Text(&system.name)) }
                p {
                    "How many outcomes the spec allows of each program, and how many of them each engine made each subject "
                    "show. The reference subject performs the spec rule by rule: what an engine does not show there, it cannot "
                    "show of an implementation either. Each difference has a class, which is computed from the sets of "
                    "outcomes alone. Of racy programs nothing is classed: after a data race nothing means anything."
                }
                p {
                    "An empty cell: no such check. The quick profile looks at the reference subject under the exhaustive engine "
                    "and loom, and at ours under those, the portfolio and real threads; each scheduler of the portfolio by "
                    "itself, and the reference subject on real threads, belong to the full profile and to "
                    code.own { "selvedge table" } ", which fills the table within minutes."
                }
                (classes(&format!("{at}/differences"), system))
                (outcome_table(self, system, &format!("{at}/outcomes")))
                @if !system.gaps.is_empty() { (self.gaps(system)) }
            }
        }
    }

    /// What engines are known not to show: the reasons behind rows in which they come to less.
    fn gaps(&self, system: &System) -> Markup {
        html! {
            h3 { "Known gaps of engines" }
            p {
                "What engines, and their own condition variables, do not show although it may happen. A test of each gap "
                "fails when a new version closes it: " code.own { "cargo test -p selvedge-verify --test gaps" } "."
            }
            (scrolled("Known gaps of engines", html! {
                table {
                    caption { "Known gaps of engines" }
                    thead {
                        tr {
                            th scope="col" { "Engine" }
                            th scope="col" { "What is not shown" }
                            th scope="col" { "What that means" }
                            th scope="col" { "Where it shows" }
                        }
                    }
                    tbody {
                        @for gap in &system.gaps {
                            tr {
                                th scope="row" { (Text(&gap.info.engine)) }
                                td { (Text(&gap.info.text)) p.source { (Text(&gap.info.source)) } }
                                td { (Text(&gap.info.consequence)) }
                                td {
                                    @if let Some(index) = gap.evidence { (self.check_link_by_id(index)) }
                                    @else { span.quiet { "not in these records" } }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }

    /// The pointers are below the row's.
    fn outcome_cell(&self, place: usize, cell: &OutcomeCell) -> Markup {
        let record = &self.report.evidence[cell.evidence];
        html! {
            @if record.verdict == Verdict::Skipped { span.quiet { "skipped" } }
            @else {
                a href={ "#" (anchor(&record.check)) } { (Number { at: &format!("{place}/witnessed"), value: wide(cell.witnessed) }) }
                @for (number, difference) in cell.differences.iter().enumerate() {
                    @let at = format!("{place}/differences/{number}/count");
                    br;
                    span class=(tone(difference.class)) {
                        (Number { at: &at, value: wide(difference.count) }) " " (difference.class.words())
                    }
                }
                @if cell.differences.is_empty() && cell.not_allowed > 0 {
                    br; span.quiet { "and " (Number { at: &format!("{place}/not_allowed"), value: wide(cell.not_allowed) }) " after a race" }
                }
            }
        }
    }
}

fn classes(at: &str, system: &System) -> Markup {
    html! {
        dl.facts {
            @for (number, known) in system.differences.iter().enumerate() {
                dt { (known.class.words()) }
                dd {
                    (known.class.meaning()) " "
                    (Number { at: &format!("{at}/{number}/outcomes"), value: wide(known.outcomes) }) " in "
                    (Number { at: &format!("{at}/{number}/cells"), value: wide(known.cells) }) " cells."
                }
            }
        }
    }
}

fn outcome_table(page: &Page<'_>, system: &System, at: &str) -> Markup {
    let engines = engines(&system.outcomes);
    let numbered: Vec<(usize, &OutcomeRow)> = system.outcomes.iter().enumerate().collect();
    let programs = numbered.chunk_by(|one, other| one.1.program == other.1.program);
    scrolled(
        "Outcomes, by program, subject and engine",
        html! {
            table {
                caption { "Outcomes, by program, subject and engine" }
                thead {
                    tr {
                        th scope="col" { "Program" }
                        th.number scope="col" { "Spec" }
                        th scope="col" { "Subject" }
                        @for engine in &engines { th scope="col" { (engine) } }
                    }
                }
                @for subjects in programs {
                    tbody {
                        @for (nth, (row, outcomes)) in subjects.iter().enumerate() {
                            tr data-base={ (at) "/" (row) "/cells" } {
                                @if nth == 0 {
                                    th scope="rowgroup" rowspan=(subjects.len()) {
                                        a href={ "#" (program_anchor(&system.name, &outcomes.program)) } { (Code(&outcomes.program)) }
                                    }
                                    td.number rowspan=(subjects.len()) { (allowed(outcomes)) }
                                }
                                td { (Code(&outcomes.subject)) }
                                @for engine in &engines {
                                    td {
                                        @for (place, cell) in outcomes.cells.iter().enumerate().filter(|(_, cell)| cell.engine == *engine) {
                                            (page.outcome_cell(place, cell))
                                        }
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

/// How many outcomes the spec allows.
fn allowed(row: &OutcomeRow) -> Markup {
    html! {
        @if let Some(place) = row.spec() {
            (Number { at: &format!("{place}/allowed"), value: wide(row.cells[place].allowed) })
        }
    }
}

/// The columns: the engines that are compared, whether they ran or not, and then others that did.
fn engines(rows: &[OutcomeRow]) -> Vec<&str> {
    let mut engines: Vec<&str> = rows.iter().flat_map(|row| &row.cells).map(|cell| cell.engine.as_str()).collect();
    engines.extend(Engine::COMPARED.iter().map(|engine| engine.name()));
    engines.sort_by_key(|engine| (column(engine), *engine));
    engines.dedup();
    engines
}

fn tone(class: Class) -> &'static str {
    match class {
        Class::Bug | Class::SpecTooStrong | Class::SpecTooWeak => "chip fail",
        Class::EnginesGap => "chip inconclusive",
        Class::NarrowerSubject | Class::WeakMemoryOnly => "quiet",
        Class::Budget => "quiet",
    }
}

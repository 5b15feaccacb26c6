//! Fuzz targets: what each came to, and the inputs that crashed one.

use maud::{Markup, html};
use selvedge_verify::evidence::{Evidence, Fuzzing};

use super::{Code, Command, Milliseconds, Number, Page, Text, chip, scrolled, verdict_chip};
use crate::report::{FuzzRow, System};

impl Page<'_> {
    pub(super) fn fuzzing(&self, position: usize, system: &System) -> Markup {
        html! {
            section aria-labelledby={ "fuzzing-" (position) } {
                h2 id={ "fuzzing-" (position) } { "Fuzzing" }
                p {
                    "Inputs that a fuzzer made, each judged by its target’s oracle. A target that is defined and did not "
                    "run comes first: nothing is known of it. The canary must crash, and so must a target that runs a bug "
                    "planted for it: each of those is named among the planted bugs."
                }
                (scrolled("Fuzzing", html! {
                    table {
                        caption { "Fuzz targets, and what each came to" }
                        thead {
                            tr {
                                th scope="col" { "Verdict" }
                                th scope="col" { "Target" }
                                th.number scope="col" { "Inputs before" }
                                th.number scope="col" { "kept after" }
                                th.number scope="col" { "Executions" }
                                th.number scope="col" { "a second" }
                                th.number scope="col" { "Edges" }
                                th.number scope="col" { "New inputs" }
                                th.number scope="col" { "Time" }
                                th scope="col" { "Crashes" }
                                th.number scope="col" { "Planted bugs found" }
                            }
                        }
                        tbody {
                            @for (number, row) in system.fuzzing.iter().enumerate() {
                                @let hunts = hunts(&format!("/systems/{position}/fuzzing/{number}"), row);
                                @match row.evidence {
                                    Some(index) => { (self.fuzz_row(index, &self.report.evidence[index], &hunts)) }
                                    None => {
                                        tr {
                                            td { (chip("not run", "fail")) }
                                            th scope="row" { (Code(&row.target)) }
                                            td colspan="8" { "it is defined, and this run left it out or never came to it" }
                                            (hunts)
                                        }
                                    }
                                }
                            }
                        }
                    }
                }))
            }
        }
    }

    fn fuzz_row(&self, index: usize, record: &Evidence, hunts: &Markup) -> Markup {
        html! {
            tr data-base={ "/evidence/" (index) } {
                td { (verdict_chip(record)) }
                th scope="row" {
                    a href={ "#" (super::anchor(&record.check)) } { (Code(record.subject.as_ref().unwrap_or(&record.check))) }
                }
                @match &record.fuzzing {
                    None => { td colspan="8" { (Text(&record.reason)) } }
                    Some(fuzzing) => {
                        td.number { (Number { at: "fuzzing/inputs_before", value: fuzzing.inputs_before }) }
                        td.number { (Number { at: "fuzzing/inputs_after", value: fuzzing.inputs_after }) }
                        td.number { (Number { at: "executions", value: record.executions }) }
                        td.number {
                            (Number { at: "fuzzing/executions_per_second", value: fuzzing.executions_per_second })
                        }
                        td.number { (Number { at: "fuzzing/edges", value: fuzzing.edges }) }
                        td.number { (Number { at: "fuzzing/new_units", value: fuzzing.new_units }) }
                        td.number {
                            (Milliseconds { at: "duration_ms", value: record.duration_ms }) " of "
                            (Milliseconds { at: "fuzzing/granted_ms", value: fuzzing.granted_ms })
                        }
                        td {
                            @if fuzzing.crashes.is_empty() { "none" }
                            @for crash in &fuzzing.crashes { (Code(&crash.input)) " " }
                        }
                    }
                }
                (hunts)
            }
        }
    }
}

/// How many of the bugs planted for a target it found.
fn hunts(at: &str, row: &FuzzRow) -> Markup {
    html! {
        td.number {
            @if row.planted == 0 { "–" } @else {
                (Number { at: &format!("{at}/found"), value: row.found }) " of "
                (Number { at: &format!("{at}/planted"), value: row.planted })
            }
        }
    }
}

/// The inputs that crashed a target, each with what it said and the command that runs it again.
pub(super) fn crashes(index: usize, fuzzing: &Fuzzing) -> Markup {
    html! {
        @for (position, crash) in fuzzing.crashes.iter().enumerate() {
            div data-base={ "/evidence/" (index) "/fuzzing/crashes/" (position) } {
                p {
                    (Code(&crash.input)) ", " (Number { at: "bytes", value: crash.bytes }) " bytes, found with "
                    (Number { at: "found_bytes", value: crash.found_bytes })
                }
                pre.program tabindex="0" { code { (crash.message) } }
                (Command(&crash.reproduce))
            }
        }
    }
}

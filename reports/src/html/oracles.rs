//! Real systems that were asked what the spec is asked, and where they differ from it.

use maud::{Markup, html};
use selvedge_verify::evidence::{Comparison, Evidence};

use super::{Code, Number, Page, Text, scrolled, verdict_chip};
use crate::report::System;

impl Page<'_> {
    pub(super) fn oracles(&self, position: usize, system: &System) -> Markup {
        html! {
            section aria-labelledby={ "oracles-" (position) } {
                h2 id={ "oracles-" (position) } { "Real systems asked: " (Text(&system.name)) }
                p {
                    "The spec says what somebody believed of the real thing. Here the real thing was asked. Where it gives "
                    "an answer that the spec does not allow, the spec is wrong until shown otherwise. Those that differ "
                    "come first."
                }
                (scrolled("Real systems asked", html! {
                    table {
                        caption { "Who was asked, how much, and how many answers the spec does not allow" }
                        thead {
                            tr {
                                th scope="col" { "Verdict" }
                                th scope="col" { "Asked" }
                                th scope="col" { "Who answered" }
                                th scope="col" { "What was asked" }
                                th.number scope="col" { "Questions" }
                                th.number scope="col" { "Differences" }
                                th scope="col" { "Check" }
                            }
                        }
                        tbody {
                            @for (row, oracle) in system.oracles.iter().enumerate() {
                                @let record = &self.report.evidence[oracle.evidence];
                                tr data-base={ "/systems/" (position) "/oracles/" (row) } {
                                    td { (verdict_chip(record)) }
                                    th scope="row" { (Code(&oracle.name)) }
                                    td {
                                        @match &record.comparison {
                                            Some(comparison) => { (Text(&comparison.respondent)) }
                                            None => { "nobody: " (Text(&record.reason)) }
                                        }
                                    }
                                    td { @if let Some(note) = &record.note { (Text(note)) } @else { "–" } }
                                    td.number { (Number { at: "questions", value: oracle.questions }) }
                                    td.number {
                                        @if let Some(value) = oracle.differing { (Number { at: "differing", value }) }
                                        @else { "–" }
                                    }
                                    td { (self.check_link_by_id(oracle.evidence)) }
                                }
                            }
                        }
                    }
                }))
            }
        }
    }

    /// What was asked, and the two answers: a row a difference.
    pub(super) fn differences(&self, record: &Evidence, comparison: &Comparison) -> Markup {
        html! {
            @if !comparison.differences.is_empty() {
                (scrolled("Differences", html! {
                    table.differences {
                        caption { "Questions with an answer that the spec does not allow, the shortest first" }
                        thead {
                            tr {
                                th scope="col" { "Asked" }
                                th scope="col" { "The spec allows" }
                                th scope="col" { "Answered" }
                                th scope="col" { "Clause" }
                            }
                        }
                        tbody {
                            @for difference in &comparison.differences {
                                tr {
                                    th scope="row" { (Code(&difference.input)) }
                                    td { (Code(&difference.spec)) }
                                    td { (Code(&difference.answer)) }
                                    td {
                                        @match &difference.clause {
                                            Some(id) => { (self.clause_link(&record.system, id)) }
                                            None => { "–" }
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
}

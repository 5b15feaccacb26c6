//! Every check, program by program.
//!
//! Checks of one program share nearly everything: what the spec allows of it, the clauses that it bears on, the form of
//! the command. All that stands once, above a table with a line a check. A check gets a fold of its own only if there is
//! an execution to show; one that failed stands in full among the failures, and its line leads there.

use maud::{Markup, html};
use selvedge_verify::evidence::{Evidence, Kind};

use super::{
    Code, Milliseconds, Number, Page, Seed, Text, about_kind, anchor, capitalised, chip, expectation_list, scrolled,
    summary_of, verdict_chip, wide,
};
use crate::report::{KINDS, Program, ProgramOutcome, Standing, System, mode_word};

/// The fragment by which the page's address points at a program.
pub fn program_anchor(system: &str, program: &str) -> String {
    anchor(&format!("{system}/{program}")).replacen("check-", "program-", 1)
}

impl Page<'_> {
    pub(super) fn checks(&self) -> Markup {
        let has_programs = |system: &&System| !system.programs.is_empty();
        html! {
            section #checks aria-labelledby="checks-title" {
                h2 #checks-title { "Every check" }
                p {
                    "By program: what the spec allows of it, what each check came to, and the commands that run them "
                    "again. A pass is worth what its technique and bound are worth; both stand beside each verdict. How "
                    "often each check took each rule of the spec stands in " code.own { "report.json" } "."
                }
                (legend(self.report.counts.by_kind.iter().map(|known| known.kind)))
                @for system in self.report.systems.iter().filter(has_programs) {
                    @if self.report.systems.len() > 1 { h3 { (Text(&system.name)) } }
                    @for program in &system.programs { (self.program(system, program)) }
                }
            }
        }
    }

    fn program(&self, system: &System, program: &Program) -> Markup {
        html! {
            details.program {
                summary {
                    @match &program.name {
                        Some(name) => { (Code(name)) }
                        None => { "checks of no single program" }
                    }
                    @if program.deciding.fail + program.deciding.error > 0 { " " (chip("fail", "fail")) }
                    " " span.quiet { (in_a_line(program)) }
                }
                // The fragment is inside, so that following a link to it opens the fold.
                div.inside id=[program.name.as_ref().map(|name| program_anchor(&system.name, name))] {
                    @if !program.clauses.is_empty() {
                        p { "Bears on " @for id in &program.clauses { (self.clause_link(&system.name, id)) " " } }
                    }
                    (self.expectations(program))
                    @if !program.outcomes.is_empty() { (self.outcomes_of(program)) }
                    @if !program.checks.is_empty() {
                        (self.check_table(program))
                        @for &index in &program.checks { (self.shown_execution(index)) }
                        details.commands {
                            summary { "Commands that run these checks again" }
                            pre.command tabindex="0" {
                                @for &index in &program.checks { code { (self.report.evidence[index].reproduce) } }
                            }
                        }
                    }
                    @if program.deciding.not_run + program.survey.not_run > 0 {
                        p { "Some of its checks were " a href="#not-run" { "not run" } "." }
                    }
                }
            }
        }
    }

    fn expectations(&self, program: &Program) -> Markup {
        html! {
            @for &index in &program.checks {
                @let record = &self.report.evidence[index];
                @if !record.expectations.is_empty() {
                    p { "Expectations, judged by " (self.check_link(index, &record.engine)) ":" }
                    (expectation_list(record))
                }
            }
        }
    }

    /// A row an outcome, a column a check: in how many of its executions the outcome was seen.
    fn outcomes_of(&self, program: &Program) -> Markup {
        let columns: Vec<(usize, &Evidence)> =
            program.compared.iter().map(|&index| (index, &self.report.evidence[index])).collect();
        let subjects = columns.chunk_by(|a, b| (a.1.kind, &a.1.subject) == (b.1.kind, &b.1.subject));
        scrolled(
            "Outcomes",
            html! {
                table.seen {
                    caption { "Outcomes, and in how many executions of each check they were seen" }
                    thead {
                        tr {
                            th scope="col" rowspan="2" { "Outcome" }
                            th scope="col" rowspan="2" { "By the spec" }
                            @for group in subjects {
                                th scope="colgroup" colspan=(group.len()) {
                                    @if let Some(subject) = &group[0].1.subject { (Code(subject)) }
                                    @if group[0].1.kind == Kind::Peer { " (peer)" }
                                }
                            }
                        }
                        tr { @for (_, record) in &columns { th.t scope="col" { (record.engine) } } }
                    }
                    tbody data-base="/evidence" {
                        @for outcome in &program.outcomes { (outcome_row(outcome, &columns)) }
                    }
                }
            },
        )
    }

    fn check_table(&self, program: &Program) -> Markup {
        let records: Vec<(usize, &Evidence)> =
            program.checks.iter().map(|&index| (index, &self.report.evidence[index])).collect();
        let kinds = records.chunk_by(|a, b| a.1.kind == b.1.kind);
        scrolled(
            "Checks",
            html! {
                table.checks {
                    caption { "Checks, a line each" }
                    thead {
                        tr {
                            th scope="col" { "Verdict" }
                            th scope="col" { "Subject" }
                            th scope="col" { "Technique and bound" }
                            th scope="col" { "Judged" }
                            th scope="col" { "Executions" }
                            th scope="col" { "Histories" }
                            th scope="col" { "Time" }
                            th scope="col" { "Why this verdict" }
                        }
                    }
                    @for kind in kinds {
                        tbody {
                            tr { th.group colspan="8" scope="rowgroup" { (capitalised(kind[0].1.kind.name())) } }
                            @for &(index, record) in kind { (self.check(index, record)) }
                        }
                    }
                }
            },
        )
    }

    fn check(&self, index: usize, record: &Evidence) -> Markup {
        let is_elsewhere = self.is_failure(index) || record.counterexample.is_some();
        html! {
            tr.check id=[(!is_elsewhere).then(|| anchor(&record.check))] data-base={ "/evidence/" (index) } {
                td { (verdict_chip(record)) }
                th scope="row" {
                    @match &record.subject {
                        Some(subject) => { (Code(subject)) }
                        None => { "the spec itself" }
                    }
                }
                td {
                    (Text(&record.technique))
                    @if let Some(seed) = record.seed.filter(|seed| !record.technique.contains(&seed.to_string())) {
                        ", seed " (Seed { at: "seed", value: seed })
                    }
                    (if record.complete { "; complete" } else { "; not complete" })
                }
                td { (record.mode.map_or("–", mode_word)) }
                td { (Number { at: "executions", value: record.executions }) }
                td { (Number { at: "histories", value: record.histories }) }
                td { (Milliseconds { at: "duration_ms", value: record.duration_ms }) }
                td {
                    @if self.is_failure(index) { (self.check_link(index, "see what failed")) }
                    @else if is_elsewhere { (self.check_link(index, "see the execution")) }
                    @else { (Text(&record.reason)) }
                }
            }
        }
    }

    /// The execution that a check of a mutant, a canary or a peer found, folded.
    fn shown_execution(&self, index: usize) -> Markup {
        let record = &self.report.evidence[index];
        html! {
            @if let (Some(found), false) = (&record.counterexample, self.is_failure(index)) {
                details.execution {
                    summary { (verdict_chip(record)) " " (Code(&record.check)) }
                    div.inside id=(anchor(&record.check)) {
                        @if let Some(note) = &record.note {
                            p { @if matches!(record.kind, Kind::Mutant | Kind::Canary) { "Planted: " } (Text(note)) }
                        }
                        @if !record.reason.contains(&found.sentence) { p { (Text(&record.reason)) } }
                        (self.counterexample(record, found))
                    }
                }
            }
        }
    }

    fn is_failure(&self, index: usize) -> bool {
        self.report.failures.iter().any(|failure| failure.evidence == index)
    }
}

fn outcome_row(outcome: &ProgramOutcome, columns: &[(usize, &Evidence)]) -> Markup {
    let witness = |record: &Evidence| record.outcomes.iter().position(|known| known.outcome == outcome.outcome);
    html! {
        tr class=[(outcome.standing == Standing::NotAllowed).then_some("here")] {
            th scope="row" { (Code(&outcome.outcome)) }
            td {
                (match outcome.standing {
                    Standing::Allowed => "allowed",
                    Standing::WeakMemory => "by weak memory only",
                    Standing::NotAllowed => "✗ not allowed",
                })
            }
            @for (index, record) in columns {
                td {
                    @if let Some(row) = witness(record) {
                        @let found = &record.outcomes[row];
                        @if found.seen > 0 && !found.allowed { span.mark { "✗ " } }
                        (Number { at: &format!("{index}/outcomes/{row}/seen"), value: found.seen })
                    } @else { "–" }
                }
            }
        }
    }
}

/// How a program's checks ended: what a folded list must not hide.
fn in_a_line(program: &Program) -> String {
    let mut parts = Vec::new();
    if program.deciding.checks > 0 {
        // Any kind that decides: only a peer's failures have other words.
        parts.push(summary_of(Kind::Conformance, &program.deciding));
    }
    if program.survey.checks > 0 {
        parts.push(format!("peers: {}", summary_of(Kind::Peer, &program.survey)));
    }
    let allowed = program.outcomes.iter().filter(|outcome| outcome.standing == Standing::Allowed).count();
    if allowed > 0 {
        parts.push(format!("{} allowed", crate::report::counted(wide(allowed), "outcome", "outcomes")));
    }
    parts.join("; ")
}

fn legend(kinds: impl Iterator<Item = Kind>) -> Markup {
    let present: Vec<Kind> = kinds.collect();
    html! {
        dl.facts {
            @for kind in KINDS.into_iter().filter(|kind| present.contains(kind)) {
                dt { (capitalised(kind.name())) }
                dd { (about_kind(kind)) }
            }
        }
    }
}

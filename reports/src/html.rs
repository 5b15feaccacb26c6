//! The report as one HTML page.
//!
//! It must open from a mail attachment in ten years: one file, nothing fetched, no script. Folding is `<details>`, a code
//! block is copied by one click because it selects as a whole, and what colour says is always said in words too.
//!
//! Every number that stands in `report.json` is written as `<data value="N" data-at="/json/pointer">`, and every text
//! that does as an element of class `t` or as `code` (unless of class `own`). A reader does not see that; the tests read
//! it and hold the page to the JSON. What many numbers' pointers begin with stands once around them, as `data-base`.
//!
//! What checks have in common is said once, by program (`programs.rs`): the page's size grows with the checks, a few
//! hundred bytes each, and with the executions that it shows.

use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use selvedge_verify::evidence::{Counterexample, Evidence, Kind, Verdict};
use selvedge_verify::info::ObligationInfo;

use self::programs::program_anchor;
use crate::exit::Exit;
use crate::report::{
    Alarm, Clause, Coverage, Failure, FailureKind, Fate, Finding, Mutant, Report, Run, RunPlan, SurveyCell, System,
    Tally, counted, mode_word, verdict_word,
};

mod fuzzing;
mod graphs;
mod lanes;
mod observations;
mod oracles;
mod outcomes;
mod programs;

/// Rows of a counterexample that are drawn and tabulated. A longer one says how many are left out.
const ROWS_SHOWN: usize = 400;

/// The page.
pub fn render(report: &Report) -> String {
    Page { report }.page().into_string()
}

/// The fragment by which the page's address points at a check. Two ids never share one.
pub fn anchor(check: &str) -> String {
    let mut anchor = String::from("check-");
    for byte in check.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => anchor.push(char::from(byte)),
            b'/' => anchor.push('.'),
            _ => anchor.push_str(&format!("_{byte:02x}")),
        }
    }
    anchor
}

struct Page<'a> {
    report: &'a Report,
}

/// A number of the JSON, with the pointer to it; without a slash in front it continues the `data-base` around it.
struct Number<'a> {
    at: &'a str,
    value: u64,
}

/// A seed of the JSON: to be copied, so that its digits are not grouped.
struct Seed<'a> {
    at: &'a str,
    value: u64,
}

/// A time in milliseconds of the JSON, with the pointer to it.
struct Milliseconds<'a> {
    at: &'a str,
    value: u64,
}

/// A text of the JSON: `code` between backticks is set as such, and a web address becomes a link.
struct Text<'a>(&'a str);

/// A text of the JSON that is code as a whole.
struct Code<'a>(&'a str);

/// A command of the JSON, on a line of its own, selected whole by one click.
struct Command<'a>(&'a str);

impl Render for Number<'_> {
    fn render(&self) -> Markup {
        html! { data value=(self.value) data-at=(self.at) { (grouped(self.value)) } }
    }
}

impl Render for Seed<'_> {
    fn render(&self) -> Markup {
        html! { data value=(self.value) data-at=(self.at) { (self.value) } }
    }
}

impl Render for Milliseconds<'_> {
    fn render(&self) -> Markup {
        html! { data.ms value=(self.value) data-at=(self.at) { (duration(self.value)) } }
    }
}

impl Render for Text<'_> {
    fn render(&self) -> Markup {
        html! {
            span.t {
                @for (position, piece) in self.0.split('`').enumerate() {
                    @if position % 2 == 1 { code { (piece) } } @else { (linked(piece)) }
                }
            }
        }
    }
}

impl Render for Code<'_> {
    fn render(&self) -> Markup {
        html! { code { (self.0) } }
    }
}

impl Render for Command<'_> {
    fn render(&self) -> Markup {
        html! { pre.command tabindex="0" { code { (self.0) } } }
    }
}

impl Page<'_> {
    fn page(&self) -> Markup {
        let report = self.report;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content=(report.generated_by);
                    title { (capitalised(report.conclusion.outcome.words())) " · conformance report" }
                    style { (PreEscaped(include_str!("html/page.css"))) }
                }
                body {
                    a.skip href="#verdict" { "Skip to the verdict" }
                    header {
                        p.brand { "Selvedge" }
                        h1 {
                            "Conformance report"
                            @if !report.systems.is_empty() { ": " (self.system_names()) }
                        }
                        p.when { "Made " (Text(&report.generated_at)) " by " (Text(&report.generated_by)) }
                    }
                    main {
                        (self.verdict())
                        (self.notices())
                        (self.contents())
                        (self.failures())
                        @for (position, system) in report.systems.iter().enumerate() { (self.system(position, system)) }
                        (self.unanswered())
                        (self.checks())
                        (self.not_run())
                        (doubt())
                        (words())
                    }
                    footer {
                        p {
                            "This page is a rendering of " code.own { "report.json" } " (format "
                            (Number { at: "/schema_version", value: u64::from(report.schema_version) })
                            "), which lies beside it together with " code.own { "junit.xml" }
                            ". The records that both are made from, one a check, lie in " code.own { "evidence/" }
                            " of each run’s directory."
                        }
                    }
                }
            }
        }
    }

    fn system_names(&self) -> Markup {
        html! {
            @for (position, system) in self.report.systems.iter().enumerate() {
                @if position > 0 { ", " }
                (Text(&system.name))
            }
        }
    }

    // The first screen.

    fn verdict(&self) -> Markup {
        let conclusion = &self.report.conclusion;
        html! {
            section #verdict aria-labelledby="verdict-words" {
                div class={ "banner " (tone_of_exit(conclusion.outcome)) } {
                    p #verdict-words .verdict-words {
                        span aria-hidden="true" { (sign_of_exit(conclusion.outcome)) " " }
                        (capitalised(conclusion.outcome.words()))
                    }
                    p.verdict-sentence { (Text(&conclusion.sentence)) }
                    p.exit { "Exit code " (Number { at: "/conclusion/exit_code", value: conclusion.exit_code.into() }) }
                }
                (self.tiles())
                div.pair {
                    div { (self.tallies()) (self.summaries()) }
                    div { (self.what_ran()) }
                }
            }
        }
    }

    fn tiles(&self) -> Markup {
        html! {
            dl.tiles aria-label="Checks that decide, by verdict" {
                @for (name, value) in cells_of(&self.report.counts.deciding) {
                    div class={ "tile " (name) @if value == 0 { " none" } } {
                        dt { span aria-hidden="true" { (sign_of_name(name)) " " } (name.replace('_', " ")) }
                        dd { (Number { at: &format!("/counts/deciding/{name}"), value }) }
                    }
                }
            }
        }
    }

    fn tallies(&self) -> Markup {
        let counts = &self.report.counts;
        html! {
            div.scroll tabindex="0" role="region" aria-label="Checks by kind and verdict" {
                table.tally {
                    caption {
                        "Checks by kind. The unit is one check: one program, one subject, one engine. "
                        "Checks of peers are a survey and do not decide the verdict."
                    }
                    thead {
                        tr {
                            th scope="col" { "Kind" }
                            @for (name, _) in cells_of(&counts.deciding) {
                                th.number scope="col" { (name.replace('_', " ")) }
                            }
                            th.number scope="col" { "all" }
                        }
                    }
                    tbody {
                        @for (position, known) in counts.by_kind.iter().enumerate() {
                            tr {
                                th scope="row" {
                                    (known.kind.name())
                                    @if known.kind == Kind::Peer { " (survey)" }
                                }
                                (tally_cells(&format!("/counts/by_kind/{position}/tally"), &known.tally))
                            }
                        }
                    }
                    tfoot {
                        tr {
                            th scope="row" { "all that decide" }
                            (tally_cells("/counts/deciding", &counts.deciding))
                        }
                    }
                }
            }
        }
    }

    fn what_ran(&self) -> Markup {
        let report = self.report;
        html! {
            div.ran {
                h2.small { "What was run" }
                dl.facts {
                    @for (position, known) in report.makers.iter().enumerate() {
                        dt { "Suite" }
                        dd {
                            "version " (Text(&known.maker.suite)) ", commit " (Code(&known.maker.commit))
                            @if report.makers.len() > 1 {
                                " (" (Number { at: &format!("/makers/{position}/records"), value: wide(known.records) })
                                " records)"
                            }
                        }
                        dt { "Compiler" }
                        dd { (Text(&known.maker.rustc)) }
                        dt { "Machine" }
                        dd { (Text(&known.maker.target)) ", kernel " (Text(&known.maker.kernel)) }
                    }
                    dt { "Work" }
                    dd {
                        (Number { at: "/counts/executions", value: report.counts.executions }) " executions in "
                        (Milliseconds { at: "/counts/checking_ms", value: report.counts.checking_ms })
                        " of checking, added up over checks that ran side by side"
                    }
                    @for (position, run) in report.runs.iter().enumerate() { (run_facts(position, run)) }
                }
                (self.reproduce_all())
            }
        }
    }

    fn reproduce_all(&self) -> Markup {
        let plans: Vec<&RunPlan> = self.report.runs.iter().filter_map(|run| run.plan.as_ref()).collect();
        html! {
            @if let (Some(known), false) = (self.report.makers.first(), plans.is_empty()) {
                h2.small { "How to run it again" }
                p {
                    "In a checkout at commit " (Code(&known.maker.commit)) ", where " code.own { "selvedge" } " is short for "
                    code.own { "cargo run --release --" } ":"
                }
                @for plan in plans { (Command(&plan.command)) }
                p { a href="#doubt" { "How to check a single number" } }
            }
        }
    }

    /// What the checks rest on, a row a system: it belongs on the first screen, since a pass alone says little.
    fn summaries(&self) -> Markup {
        let of = |position: usize, (some, value): (&str, u64), (all, whole): (&str, u64)| {
            let at = |field: &str| format!("/systems/{position}/summary/{field}");
            html! { (Number { at: &at(some), value }) " of " (Number { at: &at(all), value: whole }) }
        };
        html! {
            @if !self.report.systems.is_empty() {
                (scrolled("What the verdict rests on", html! {
                    table.rests {
                        caption {
                            "What the verdict rests on: requirements that an implementation was held against, planted bugs "
                            "that were found, alarms that went off when they had to, real systems that were asked and answered "
                            "as the spec allows."
                        }
                        thead {
                            tr {
                                th scope="col" { "System" }
                                th scope="col" { "Clauses" }
                                th scope="col" { "Planted bugs" }
                                th scope="col" { "Canaries" }
                                th scope="col" { "Real systems" }
                            }
                        }
                        tbody {
                            @for (position, system) in self.report.systems.iter().enumerate() {
                                @let known = &system.summary;
                                tr {
                                    th scope="row" { (Code(&system.name)) }
                                    td { (of(position, ("covered", known.covered), ("clauses", known.clauses))) }
                                    td { (of(position, ("killed", known.killed), ("mutants", known.mutants))) }
                                    td { (of(position, ("went_off", known.went_off), ("canaries", known.canaries))) }
                                    td { (of(position, ("agree", known.agree), ("oracles", known.oracles))) }
                                }
                            }
                        }
                    }
                }))
            }
        }
    }

    /// The reasons for which checks say nothing.
    fn unanswered(&self) -> Markup {
        html! {
            @if !self.report.unanswered.is_empty() {
                section #unanswered aria-labelledby="unanswered-title" {
                    h2 #unanswered-title { "Without an answer" }
                    p {
                        "Checks that could not run, or ended before there was anything to say. Of what they would have "
                        "shown, this page says nothing."
                    }
                    (scrolled("Without an answer", html! {
                        table {
                            caption { "Reasons, and how many checks each of them stopped" }
                            thead {
                                tr {
                                    th scope="col" { "Verdict" }
                                    th scope="col" { "Why" }
                                    th.number scope="col" { "Checks that decide" }
                                    th.number scope="col" { "Checks of peers" }
                                    th scope="col" { "Which" }
                                }
                            }
                            tbody {
                                @for (row, reason) in self.report.unanswered.iter().enumerate() {
                                    tr data-base={ "/unanswered/" (row) } {
                                        td { (chip(verdict_word(reason.verdict), verdict_word(reason.verdict))) }
                                        td { (Text(&reason.reason)) }
                                        td.number { (Number { at: "deciding", value: reason.deciding }) }
                                        td.number { (Number { at: "peers", value: reason.peers }) }
                                        td {
                                            details {
                                                summary { "list" }
                                                ul.plain { @for place in self.places(&reason.checks) { li { (place) } } }
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

    fn notices(&self) -> Markup {
        html! {
            @if !self.report.notices.is_empty() {
                section #notices aria-labelledby="notices-title" {
                    h2 #notices-title { "Know before you read on" }
                    ul.notices { @for notice in &self.report.notices { li { (Text(&notice.text)) } } }
                }
            }
        }
    }

    fn contents(&self) -> Markup {
        let report = self.report;
        html! {
            nav aria-label="Contents" {
                ul {
                    @if !report.failures.is_empty() { li { a href="#failures" { "What failed" } } }
                    @for (position, system) in report.systems.iter().enumerate() {
                        @for (part, title, present) in parts_of(system) {
                            @if present {
                                li {
                                    a href={ "#" (part) "-" (position) } {
                                        (title)
                                        @if report.systems.len() > 1 && part != "fuzzing" { " of " (Text(&system.name)) }
                                    }
                                }
                            }
                        }
                    }
                    @if !report.unanswered.is_empty() { li { a href="#unanswered" { "Without an answer" } } }
                    li { a href="#checks" { "Every check" } }
                    @if !report.not_run.is_empty() { li { a href="#not-run" { "Not run" } } }
                    li { a href="#doubt" { "How to check this page" } }
                    li { a href="#words" { "What the words mean" } }
                }
            }
        }
    }

    // What failed.

    fn failures(&self) -> Markup {
        let failures = &self.report.failures;
        html! {
            @if !failures.is_empty() {
                section #failures aria-labelledby="failures-title" {
                    h2 #failures-title { "What failed" }
                    @for (place, failure) in failures.iter().enumerate() {
                        @let is_first = failures[..place].iter().all(|known| known.evidence != failure.evidence);
                        (self.failure(failure, is_first))
                    }
                }
            }
        }
    }

    /// A record that failed in several ways stands in full under the first of them.
    fn failure(&self, failure: &Failure, is_first: bool) -> Markup {
        let record = &self.report.evidence[failure.evidence];
        let of_record = record.counterexample.as_ref().map_or(&record.reason, |found| &found.sentence);
        let sentence = failure.said.as_ref().unwrap_or(of_record);
        html! {
            article.failure id=[is_first.then(|| anchor(&record.check))] {
                h3 {
                    span.chip.fail { span aria-hidden="true" { "✗ " } (words_of_failure(failure.what)) }
                    " " (Code(&record.check))
                    " " a.self href={ "#" (anchor(&record.check)) } { "link" span.unseen { " to this check" } }
                }
                p.sentence { (Text(sentence)) }
                @if is_first { (self.record(failure.evidence, record)) }
            }
        }
    }

    // One system.

    fn system(&self, position: usize, system: &System) -> Markup {
        html! {
            @if !system.clauses.is_empty() { (self.clauses(position, system)) }
            @if !system.oracles.is_empty() { (self.oracles(position, system)) }
            @if !system.observations.is_empty() { (self.observations(position, system)) }
            @if !system.graphs.is_empty() { (self.graphs(position, system)) }
            @if !system.outcomes.is_empty() { (self.outcomes(position, system)) }
            @if !system.fuzzing.is_empty() { (self.fuzzing(position, system)) }
            @if !system.mutants.is_empty() { (self.mutants(position, system)) }
            @if !system.canaries.is_empty() { (self.canaries(position, system)) }
            @if !system.survey.is_empty() { (self.survey(position, system)) }
        }
    }

    fn clauses(&self, position: usize, system: &System) -> Markup {
        html! {
            section aria-labelledby={ "clauses-" (position) } {
                h2 id={ "clauses-" (position) } { "Clauses: " (Text(&system.name)) }
                p {
                    "A clause is covered if an implementation has shown a rule that names it, or if it demands something and a "
                    "check of an implementation that bears on it came to a verdict. One that only permits something is covered if an "
                    "implementation was seen to make use of that. Mutants, canaries, peers and the reference subject cover nothing. "
                    "Uncovered clauses come first. A rule is a kind of step that the spec has, and names the clause that "
                    "it stands for. The numbers are executions that cannot be explained without the rule, added up over rules and "
                    "checks; for the explorer, which runs nothing, steps of the spec’s own state space."
                }
                (scrolled("Clauses", html! {
                    table.clauses {
                        caption { "Requirements and what touched them" }
                        thead {
                            tr {
                                th scope="col" { "Clause" }
                                th scope="col" { "Coverage" }
                                th scope="col" { "Requirement" }
                                th scope="col" { "Rules taken, by engine" }
                                th scope="col" { "Checks" }
                            }
                        }
                        tbody {
                            @for (row, clause) in system.clauses.iter().enumerate() {
                                (self.clause(&format!("/systems/{position}/clauses/{row}"), system, clause))
                            }
                        }
                    }
                }))
                @if !system.parameters.is_empty() {
                    details {
                        summary { "Choices of semantics that the spec offers" }
                        dl.facts {
                            @for parameter in &system.parameters {
                                dt { (Code(&parameter.name)) }
                                dd {
                                    (Text(&parameter.text)) " "
                                    @for (position, value) in parameter.values.iter().enumerate() {
                                        @if position > 0 { " · " }
                                        (Code(value))
                                        @if position == 0 { " (default)" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn clause(&self, at: &str, system: &System, clause: &Clause) -> Markup {
        let (sign, words, tone) = match (clause.violations.is_empty(), clause.coverage) {
            (false, _) => ("✗", "violated", "fail"),
            (true, Coverage::Uncovered) => ("○", "uncovered", "inconclusive"),
            (true, Coverage::SpecOnly) => ("◐", "spec only", "skipped"),
            (true, Coverage::NotUsed) => ("◌", "not made use of", "skipped"),
            (true, Coverage::Covered) => ("●", "covered", "pass"),
        };
        html! {
            tr id=(clause_anchor(&system.name, &clause.id)) {
                th scope="row" { (Code(&clause.id)) }
                td {
                    span class={ "chip " (tone) } { span aria-hidden="true" { (sign) " " } (words) }
                    @for &index in &clause.violations { br; (self.check_link(index, "the violation")) }
                }
                td {
                    p.requirement { (Text(&clause.text)) }
                    p.source {
                        @if clause.extension { strong { "Extension. " } }
                        "From: " (Text(&clause.source))
                    }
                    @if !clause.rules.is_empty() {
                        details {
                            summary { "Rules" }
                            ul {
                                @for (row, rule) in clause.rules.iter().enumerate() {
                                    li {
                                        (Code(&rule.name)) " ("
                                        (match rule.obligation { ObligationInfo::Must => "must", ObligationInfo::May => "may" })
                                        "): " (Text(&rule.text)) " "
                                        (by_engine(&format!("{at}/rules/{row}/exercised"), &rule.exercised))
                                    }
                                }
                            }
                        }
                    }
                }
                td {
                    @if clause.rules.is_empty() { span.quiet { "no rule names it" } }
                    @else { (by_engine(&format!("{at}/exercised"), &clause.exercised)) }
                }
                td {
                    @if clause.checks.is_empty() { span.quiet { "none" } }
                    @else {
                        details {
                            summary { (counted(wide(clause.checks.len()), "check", "checks")) }
                            ul.plain { @for place in self.places(&clause.checks) { li { (place) } } }
                        }
                    }
                }
            }
        }
    }

    fn mutants(&self, position: usize, system: &System) -> Markup {
        html! {
            section aria-labelledby={ "mutants-" (position) } {
                h2 id={ "mutants-" (position) } { "Planted bugs: " (Text(&system.name)) }
                p {
                    "What the suite would miss, it must be shown not to miss. Survivors come first. What is wrong inside need "
                    "not be what shows outside: a ticket taken too late is noticed as a wakeup lost. A bug in a program is "
                    "found by exploring the spec, which takes no executions."
                }
                (scrolled("Planted bugs", html! {
                    table {
                        caption { "Each planted bug and who found it" }
                        thead {
                            tr {
                                th scope="col" { "Fate" }
                                th scope="col" { "Mutant" }
                                th scope="col" { "What is planted" }
                                th scope="col" { "Breaks" }
                                th scope="col" { "Noticed as" }
                                th scope="col" { "Found by" }
                                th.number scope="col" { "After executions" }
                                th.number scope="col" { "Time" }
                            }
                        }
                        tbody {
                            @for (row, mutant) in system.mutants.iter().enumerate() {
                                (self.mutant(&format!("/systems/{position}/mutants/{row}"), system, mutant))
                            }
                        }
                    }
                }))
            }
        }
    }

    fn mutant(&self, at: &str, system: &System, mutant: &Mutant) -> Markup {
        let (sign, words, tone) = match mutant.fate {
            Fate::Killed => ("†", "killed", "pass"),
            Fate::Undecided => ("?", "undecided", "inconclusive"),
            Fate::Survived => ("✗", "survived", "fail"),
        };
        html! {
            tr {
                td { span class={ "chip " (tone) } { span aria-hidden="true" { (sign) " " } (words) } }
                th scope="row" { (Code(&mutant.name)) }
                td { (Text(&mutant.planted)) }
                td {
                    @for id in &mutant.breaks { (self.clause_link(&system.name, id)) " " }
                    @if mutant.breaks.is_empty() { "the caller’s part" }
                }
                td {
                    @for id in &mutant.noticed_as { (self.clause_link(&system.name, id)) " " }
                    @if mutant.noticed_as.is_empty() && mutant.fate == Fate::Killed {
                        // A bug in a subject that breaks no clause of its spec makes it panic, or never end.
                        (if mutant.breaks.is_empty() { "an expectation" } else { "no clause" })
                    }
                }
                td {
                    @if let Some(kill) = mutant.kills.first() {
                        @if let Some(program) = &kill.program { (Code(program)) " under " }
                        (Text(&kill.engine)) ", " (self.check_link(kill.evidence, "the kill"))
                    }
                    @if mutant.kills.len() > 1 {
                        details {
                            summary { "also by" }
                            ul.plain {
                                @for (row, kill) in mutant.kills.iter().enumerate().skip(1) {
                                    li {
                                        (self.check_link_by_id(kill.evidence))
                                        @if let Some(value) = kill.executions {
                                            " after " (Number { at: &format!("{at}/kills/{row}/executions"), value })
                                        }
                                    }
                                }
                            }
                        }
                    }
                    @if !mutant.misses.is_empty() {
                        details open[mutant.kills.is_empty()] {
                            summary { "not by" }
                            ul.plain {
                                @for &index in &mutant.misses {
                                    li { (self.check_link_by_id(index)) ": " (Text(&self.report.evidence[index].reason)) }
                                }
                            }
                        }
                    }
                }
                td.number {
                    @if let Some(value) = mutant.kills.first().and_then(|kill| kill.executions) {
                        (Number { at: &format!("{at}/kills/0/executions"), value })
                    } @else if mutant.kills.first().is_some_and(|kill| kill.engine == "explorer") {
                        "explored"
                    } @else { "–" }
                }
                td.number {
                    @if let Some(kill) = mutant.kills.first() {
                        (Milliseconds { at: &format!("{at}/kills/0/duration_ms"), value: kill.duration_ms })
                    } @else { "–" }
                }
            }
        }
    }

    fn canaries(&self, position: usize, system: &System) -> Markup {
        html! {
            section aria-labelledby={ "canaries-" (position) } {
                h2 id={ "canaries-" (position) } { "Canaries: " (Text(&system.name)) }
                p {
                    "Each must make the alarm go off. One that stays silent makes the whole run worthless: "
                    "nothing that its engine passes can be relied on."
                }
                (scrolled("Canaries", html! {
                    table {
                        caption { "The alarm of each engine and mode" }
                        thead {
                            tr {
                                th scope="col" { "Alarm" }
                                th scope="col" { "Engine" }
                                th scope="col" { "Mode" }
                                th scope="col" { "What is planted" }
                                th.number scope="col" { "After executions" }
                                th scope="col" { "Check" }
                            }
                        }
                        tbody {
                            @for (row, canary) in system.canaries.iter().enumerate() {
                                @let record = &self.report.evidence[canary.evidence];
                                @let (sign, words, tone) = match canary.alarm {
                                    Alarm::WentOff => ("♪", "went off", "pass"),
                                    Alarm::Undecided => ("?", "undecided", "inconclusive"),
                                    Alarm::Silent => ("✗", "silent", "fail"),
                                };
                                tr {
                                    td { span class={ "chip " (tone) } { span aria-hidden="true" { (sign) " " } (words) } }
                                    th scope="row" { (Text(&canary.engine)) }
                                    td { (canary.mode.map_or("–", mode_word)) }
                                    td { (Text(record.note.as_ref().unwrap_or(&record.reason))) }
                                    td.number {
                                        @if let Some(value) = canary.executions {
                                            (Number {
                                                at: &format!("/systems/{position}/canaries/{row}/executions"), value
                                            })
                                        } @else { "–" }
                                    }
                                    td { (self.check_link_by_id(canary.evidence)) }
                                }
                            }
                        }
                    }
                }))
            }
        }
    }

    fn survey(&self, position: usize, system: &System) -> Markup {
        html! {
            section aria-labelledby={ "survey-" (position) } {
                h2 id={ "survey-" (position) } { "Peers: " (Text(&system.name)) }
                p {
                    "Other people’s primitives, asked the same questions. That a peer differs is not a fault of the peer: "
                    "each cell says what its documentation promises, where that is known. "
                    "“Not seen” is as strong as the number of executions behind it, and no stronger."
                }
                (scrolled("Peers", html! {
                    table.survey {
                        caption { "Questions by row, peers by column" }
                        thead {
                            tr {
                                th scope="col" { "Question" }
                                @for peer in &system.peers { th scope="col" { (Code(peer)) } }
                            }
                        }
                        tbody {
                            @for (row, question) in system.survey.iter().enumerate() {
                                tr {
                                    th scope="row" {
                                        (self.clause_link(&system.name, &question.question))
                                        @if let Some(text) = &question.text { p.requirement { (Text(text)) } }
                                    }
                                    @for (column, cell) in question.cells.iter().enumerate() {
                                        td {
                                            (self.survey_cell(
                                                &format!("/systems/{position}/survey/{row}/cells/{column}/executions"), cell
                                            ))
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

    fn survey_cell(&self, at: &str, cell: &SurveyCell) -> Markup {
        let engines: BTreeSet<&str> =
            cell.evidence.iter().map(|&index| self.report.evidence[index].engine.as_str()).collect();
        let engines: Vec<&str> = engines.into_iter().collect();
        let executions = html! { (Number { at, value: cell.executions }) " executions under " (engines.join(", ")) };
        html! {
            p.finding {
                @match cell.finding {
                    Finding::Violated => {
                        strong { span aria-hidden="true" { "≠ " } "violated" } " "
                        @if let Some(&witness) = cell.evidence.first() { "(" (self.check_link(witness, "witness")) ")" }
                        @if let Some(example) = &cell.example {
                            ": " (Code(&example.input)) " gives " (Code(&example.answer)) ", the spec allows " (Code(&example.spec))
                        }
                    }
                    Finding::NotSeen => { "violation not seen in " (executions) }
                    Finding::Undecided => {
                        "undecided"
                        @if let Some(&index) = cell.evidence.first() { ": " (Text(&self.report.evidence[index].reason)) }
                    }
                    Finding::NotAsked => { span.quiet { "not asked" } }
                }
            }
            @if cell.promised == Some(false) { p.promise { "not promised by its documentation" } }
            @for note in &cell.documentation { p.source { (Text(note)) } }
            @if cell.finding == Finding::NotSeen {
                details.source {
                    summary { (counted(wide(cell.evidence.len()), "check", "checks")) }
                    ul.plain { @for place in self.places(&cell.evidence) { li { (place) } } }
                }
            }
        }
    }

    /// Everything that a record says, below its headline.
    fn record(&self, index: usize, record: &Evidence) -> Markup {
        let at = |field: &str| format!("/evidence/{index}/{field}");
        html! {
            // The sentence of a counterexample has been said above it.
            @if record.counterexample.as_ref().is_none_or(|found| found.sentence != record.reason) {
                p { (verdict_chip(record)) " " (Text(&record.reason)) }
            }
            @if record.kind != Kind::Canary && record.kind != Kind::Mutant {
                @if let Some(note) = &record.note { p { (Text(note)) } }
            } @else if let Some(note) = &record.note {
                p { "Planted: " (Text(note)) }
            }
            @if let Some(found) = &record.counterexample { (self.counterexample(record, found)) }
            @if let Some(comparison) = &record.comparison { (self.differences(record, comparison)) }
            @if let Some(fuzzing) = &record.fuzzing { (fuzzing::crashes(index, fuzzing)) }
            dl.facts {
                dt { "Technique" }
                dd {
                    (Text(&record.technique)) "; "
                    (if record.complete { "complete within its bound" } else { "not complete" })
                }
                @if let Some(mode) = record.mode { dt { "Judged" } dd { (mode_word(mode)) } }
                dt { "Effort" }
                dd {
                    (Number { at: &at("executions"), value: record.executions }) " executions, "
                    (Number { at: &at("histories"), value: record.histories }) " distinct histories, "
                    (Number { at: &at("states"), value: record.states }) " spec states, "
                    (Milliseconds { at: &at("duration_ms"), value: record.duration_ms })
                }
                @if let Some(value) = record.killed_after {
                    dt { "Found after" }
                    dd { (Number { at: &at("killed_after"), value }) " executions" }
                }
                @if let Some(value) = record.seed { dt { "Seed" } dd { (Seed { at: &at("seed"), value }) } }
                @if let Some(subject) = &record.subject { dt { "Subject" } dd { (Code(subject)) } }
                @if let Some(program) = &record.program { dt { "Program" } dd { (Code(program)) } }
                @if !record.clauses.is_empty() {
                    dt { "Bears on" }
                    dd { @for id in &record.clauses { (self.clause_link(&record.system, id)) " " } }
                }
            }
            @if !record.expectations.is_empty() {
                h4 { "Expectations" }
                (expectation_list(record))
            }
            @if !record.outcomes.is_empty() { (outcome_list(index, record)) }
            @if !record.rules.is_empty() {
                details {
                    summary { "Rules of the spec that were taken" }
                    ul.plain {
                        @for (name, count) in &record.rules {
                            li {
                                (Code(name)) " "
                                (Number { at: &format!("/evidence/{index}/rules/{}", pointer_part(name)), value: *count })
                            }
                        }
                    }
                }
            }
            h4 { "Run it again" }
            (Command(&record.reproduce))
        }
    }

    fn counterexample(&self, record: &Evidence, found: &Counterexample) -> Markup {
        let shown = &found.rows[..found.rows.len().min(ROWS_SHOWN)];
        let left_out = found.rows.len() - shown.len();
        let name = anchor(&record.check);
        html! {
            @if record.kind == Kind::Mutant || record.kind == Kind::Canary || record.kind == Kind::Peer {
                p { (Text(&found.sentence)) }
            }
            @if let Some(id) = &found.clause {
                p {
                    "Broken clause: " (self.clause_link(&record.system, id))
                    @if let Some(clause) = self.clause_of(&record.system, id) { ", " q { (Text(&clause.text)) } }
                }
            }
            @if !shown.is_empty() {
                (lanes::figure(&name, &found.threads, shown))
                (scrolled("The execution, a column a thread", columns(&found.threads, shown)))
                @if left_out > 0 {
                    p.quiet data-left-out=(left_out) {
                        "The record in " code.own { "report.json" } " has further events that are not shown here."
                    }
                }
            }
            dl.facts {
                dt { "The spec allowed" }
                dd {
                    @if found.allowed.is_empty() { "nothing more" }
                    @else { ul.plain { @for allowed in &found.allowed { li { (Text(allowed)) } } } }
                }
                dt { "Seen" }
                dd { (Text(&found.seen)) }
            }
            @if !found.program.is_empty() {
                details {
                    summary { "The program" }
                    pre.program tabindex="0" { code { (found.program) } }
                }
            }
            @if let Some(token) = &found.token {
                details { summary { "The schedule’s token, for replay" } (Command(token)) }
            }
        }
    }

    // Links.

    fn check_link(&self, index: usize, words: &str) -> Markup {
        html! { a href={ "#" (anchor(&self.report.evidence[index].check)) } { (words) } }
    }

    /// Where checks stand: a link to each program that they are of, and one to each check that is of no single program.
    fn places(&self, checks: &[usize]) -> Vec<Markup> {
        let mut programs = BTreeMap::<(&str, &str), u64>::new();
        let mut places = Vec::new();
        for &index in checks {
            let record = &self.report.evidence[index];
            match &record.program {
                Some(program) => *programs.entry((&record.system, program)).or_default() += 1,
                None => places.push(self.check_link_by_id(index)),
            }
        }
        let linked = programs.into_iter().map(|((system, program), count)| {
            html! { a href={ "#" (program_anchor(system, program)) } { (Code(program)) } @if count > 1 { " (" (count) ")" } }
        });
        linked.chain(places).collect()
    }

    fn check_link_by_id(&self, index: usize) -> Markup {
        let record = &self.report.evidence[index];
        html! { a href={ "#" (anchor(&record.check)) } { (Code(&record.check)) } }
    }

    fn clause_link(&self, system: &str, id: &str) -> Markup {
        match self.clause_of(system, id) {
            Some(clause) => html! {
                a href={ "#" (clause_anchor(system, id)) } title=(clause.text) { (Code(id)) }
            },
            None => html! { (Code(id)) },
        }
    }

    fn clause_of(&self, system: &str, id: &str) -> Option<&Clause> {
        let system = self.report.systems.iter().find(|known| known.name == system)?;
        system.clauses.iter().find(|clause| clause.id == id)
    }

    fn not_run(&self) -> Markup {
        html! {
            @if !self.report.not_run.is_empty() {
                section #not-run aria-labelledby="not-run-title" {
                    h2 #not-run-title { "Not run" }
                    (scrolled("Not run", html! {
                        table {
                            caption { "Checks that were planned and have no record" }
                            thead {
                                tr {
                                    th scope="col" { "Check" }
                                    th scope="col" { "Kind" }
                                    th scope="col" { "Why" }
                                }
                            }
                            tbody {
                                @for missing in &self.report.not_run {
                                    tr id=(anchor(&missing.check.id)) {
                                        th scope="row" { (Code(&missing.check.id)) }
                                        td { (missing.check.kind.name()) }
                                        td { (Text(&missing.reason)) }
                                    }
                                }
                            }
                        }
                    }))
                }
            }
        }
    }
}

fn columns(threads: &[String], rows: &[selvedge_verify::evidence::Row]) -> Markup {
    html! {
        table.columns {
            caption { "The execution, step by step, a column a thread" }
            thead {
                tr {
                    th scope="col" { "Step" }
                    @for thread in threads { th scope="col" { (Text(thread)) } }
                }
            }
            tbody {
                @for (step, row) in rows.iter().enumerate() {
                    tr class=[row.here.then_some("here")] {
                        th.ordinal scope="row" { (step + 1) }
                        @for column in 0..threads.len() {
                            td {
                                @if column == row.thread {
                                    @if row.here { span.mark aria-hidden="true" { "✗ " } }
                                    (Code(&row.text))
                                    @if row.here { " " span.mark { "← here" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn expectation_list(record: &Evidence) -> Markup {
    html! {
        ul.plain {
            @for expected in &record.expectations {
                li {
                    (match expected.held {
                        Some(true) => "held: ",
                        Some(false) => "did not hold: ",
                        None => "could not be told: ",
                    })
                    (Code(&expected.text))
                    @if let Some(leans) = &expected.leans { " (" (leans) ")" }
                }
            }
        }
    }
}

fn outcome_list(index: usize, record: &Evidence) -> Markup {
    html! {
        details open[record.outcomes.iter().any(|outcome| !outcome.allowed)] {
            summary { "Outcomes" }
            (scrolled("Outcomes", html! {
                table {
                    caption { "Outcomes, allowed and seen" }
                    thead {
                        tr {
                            th scope="col" { "Outcome" }
                            th scope="col" { "The spec" }
                            th.number scope="col" { "Seen in executions" }
                        }
                    }
                    tbody {
                        @for (row, witness) in record.outcomes.iter().enumerate() {
                            tr.here[!witness.allowed] {
                                th scope="row" { (Code(&witness.outcome)) }
                                td { (if witness.allowed { "allows it" } else { "✗ does not allow it" }) }
                                td.number {
                                    (Number { at: &format!("/evidence/{index}/outcomes/{row}/seen"), value: witness.seen })
                                    @if witness.seen == 0 { span.quiet { " never" } }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn run_facts(position: usize, run: &Run) -> Markup {
    let at = |field: &str| format!("/runs/{position}/plan/{field}");
    html! {
        dt { "Run" }
        dd {
            (Code(&run.directory)) ": "
            (Number { at: &format!("/runs/{position}/records"), value: wide(run.records) }) " records"
            @if let Some(plan) = &run.plan {
                " of " (Number { at: &at("planned"), value: wide(plan.planned) }) " checks"
                @if let Some(profile) = plan.profile { ", profile " (profile.to_string()) }
                @if let Some(partition) = plan.partition {
                    ", part " (Number { at: &at("partition/index"), value: partition.index })
                    " of " (Number { at: &at("partition/count"), value: partition.count })
                }
                @if let Some(value) = plan.seed { ", seed " (Seed { at: &at("seed"), value }) }
                ". Began " (Text(&plan.started_at))
                @if let Some(value) = plan.duration_ms {
                    ", took " (Milliseconds { at: &at("duration_ms"), value })
                } @else { ", never came to its end" }
                " with " (Number { at: &at("jobs"), value: wide(plan.jobs) }) " at a time on "
                (Number { at: &at("processors"), value: wide(plan.processors) }) " processors"
                @if let Some(processor) = &plan.processor { " (" (Text(processor)) ")" }
                "."
            }
        }
    }
}

/// Which command prints what stands on the page.
fn doubt() -> Markup {
    let entries = [
        (
            "what ran, and its verdict",
            "selvedge verify ID",
            "Runs one check again; the id stands in its command. Engines that search or draw find the same; real threads \
             may not.",
        ),
        (
            "an execution",
            "selvedge replay DIR/evidence/ID.json",
            "Runs the recorded schedule again and judges it; of real threads, judges the recorded history again.",
        ),
        (
            "what the spec allows",
            "selvedge outcomes verify/litmus/SYSTEM/PROGRAM.litmus",
            "Prints every outcome of the program, with a shortest way there, and which of its expectations hold.",
        ),
        ("which checks there are", "selvedge list", "Prints the ids of all checks, those left out here too."),
        (
            "a sum or a table",
            "selvedge report DIR --out OTHER",
            "Makes this page, report.json and junit.xml from the records again. Every number here is one of report.json.",
        ),
    ];
    html! {
        section #doubt aria-labelledby="doubt-title" {
            h2 #doubt-title { "How to check this page" }
            p {
                "In a checkout at the commit named above, where " code.own { "selvedge" } " is short for "
                code.own { "cargo run --release --" } ". DIR is the directory of a run, as named above."
            }
            dl.facts {
                @for (what, command, meaning) in entries {
                    dt { (what) }
                    dd { code.own { (command) } br; (meaning) }
                }
            }
        }
    }
}

fn words() -> Markup {
    let groups: [(&str, &[(&str, &str)]); 4] = [
        (
            "What is compared",
            &[
                ("spec", "An executable model of the requirement. It says of every step whether it may happen."),
                ("clause", "One requirement with a stable name and a source. Evidence is counted per clause."),
                ("rule", "A kind of step of the spec. Each names the clause that it stands for."),
                ("program", "A litmus test: a few threads with a few operations each, in a file of its own."),
                (
                    "subject",
                    "What performs the operations: an implementation of ours by its name, a peer by its crate, or the \
                     reference subject, which performs the spec rule by rule.",
                ),
                ("peer", "Somebody else’s primitive, asked the same questions. It decides nothing here."),
                (
                    "real system, oracle",
                    "glibc, a kernel, a runtime: what the spec was written after. It is asked the same question, and must \
                     give an answer that the spec allows.",
                ),
                (
                    "mutant",
                    "A subject or program with a planted bug. The suite must find it: that is what makes a pass mean \
                     something.",
                ),
                ("canary", "A check that must fail, one for each engine and mode, to prove that the alarm works."),
                (
                    "observation",
                    "Something that a spec allows and perhaps nobody meant, found by exploring it. About the model first; about \
                     the real system only as far as it says so.",
                ),
            ],
        ),
        (
            "How it is compared",
            &[
                ("check", "One program, one subject, one engine; or one engine and many generated programs."),
                ("execution", "One run of a program from beginning to end under one order of its steps."),
                ("outcome", "The values returned, the final state, and who is blocked for ever."),
                ("history", "The calls and returns of an execution in the order in which they really happened."),
                ("judged: outcomes", "Each execution’s outcome must be one that the spec allows."),
                ("judged: histories", "The spec must also explain the calls and returns in their real-time order."),
                ("witnessed", "Allowed, and seen in at least one execution."),
                (
                    "equal, narrower, wider",
                    "The subject reached the same outcomes as the spec allows, fewer, or one that is not allowed. Narrower \
                     is legal: an implementation need not do all that it may, and an engine need not find it.",
                ),
                (
                    "by weak memory only",
                    "The spec is sequentially consistent. This outcome needs reordered memory accesses, which loom \
                     explores; where it could be run there, the reference subject reaches it too.",
                ),
                (
                    "at rest",
                    "Nothing can move any more. Who is blocked then must be someone whom the spec allows to be.",
                ),
            ],
        ),
        (
            "The engines",
            &[
                ("explorer", "Visits every state of the spec for the program. It runs no implementation."),
                (
                    "loom",
                    "Enumerates schedules, and what weak memory lets each read return, up to a number of preemptions.",
                ),
                (
                    "exhaustive",
                    "Runs one schedule of each class of schedules that nobody can tell apart, and every choice: all that \
                     the program can do under sequential consistency. Where that would be too much, depth-first search \
                     up to a number of preemptions takes its place, and the bound says so.",
                ),
                ("dfs", "Depth-first search: enumerates schedules up to a number of preemptions."),
                (
                    "portfolio",
                    "Draws schedules in four ways from a fixed seed: random, PCT (threads have random priorities, \
                     which change at one point fewer than its depth), URW (by how much each thread has left to do, so \
                     that no order is much likelier than another) and POS (steps have random priorities, which are drawn \
                     anew where steps depend on each other). “Inequivalent” counts the schedules that somebody could \
                     tell apart; the share not seen estimates how likely one more schedule would be a new one.",
                ),
                (
                    "threads",
                    "The machine’s own threads. Nothing steers them, and an execution cannot be repeated. Blocked means \
                     asleep without progress for the time that the bound states.",
                ),
                (
                    "differential",
                    "The same input to the spec and to a real system, whose answer must be one that the spec allows. An \
                     execution is one question.",
                ),
                (
                    "libfuzzer",
                    "Mutates inputs and keeps those that reach new code. It is bounded by time: a pass is worth the \
                     executions and edges that stand beside it.",
                ),
                ("preemption", "The scheduler takes the processor from a thread that could have gone on."),
                ("bound", "How far an engine looked: preemptions, executions, a seed. Beyond it a pass says nothing."),
                (
                    "complete",
                    "The engine finished everything within its bound; otherwise a budget or the number of draws ended it.",
                ),
                ("token", "The schedule of an execution, written so that it can be replayed."),
            ],
        ),
        (
            "The verdicts",
            &[
                (
                    "pass",
                    "What the technique could see, within its bound, is what the spec allows. Not a proof beyond the bound.",
                ),
                (
                    "fail",
                    "The spec is violated, a real system differs from it, a fuzz target crashed, or a planted bug survived.",
                ),
                ("differs", "A peer did what the spec does not allow. A finding, not a failure."),
                ("killed, survived", "A planted bug was found, or was not."),
                ("went off, silent", "A canary made the alarm go off as it must, or did not."),
                ("inconclusive", "A budget ran out before there was anything to say."),
                ("skipped", "The check cannot run with this engine or on this machine; the reason says why."),
                ("error", "The harness itself failed. Nothing is known of the subject."),
                ("not run", "Planned, and there is no record: stopped, lost, or in a part that is missing."),
            ],
        ),
    ];
    html! {
        section #words aria-labelledby="words-title" {
            h2 #words-title { "What the words mean" }
            @for (title, entries) in groups {
                h3 { (title) }
                dl.facts.words { @for (word, meaning) in entries { dt { (word) } dd { (meaning) } } }
            }
        }
    }
}

fn parts_of(system: &System) -> [(&'static str, &'static str, bool); 9] {
    [
        ("clauses", "Clauses", !system.clauses.is_empty()),
        ("oracles", "Real systems", !system.oracles.is_empty()),
        ("observations", "Observations", !system.observations.is_empty()),
        ("graphs", "State graphs", !system.graphs.is_empty()),
        ("outcomes", "One table, all engines", !system.outcomes.is_empty()),
        ("fuzzing", "Fuzzing", !system.fuzzing.is_empty()),
        ("mutants", "Planted bugs", !system.mutants.is_empty()),
        ("canaries", "Canaries", !system.canaries.is_empty()),
        ("survey", "Peers", !system.survey.is_empty()),
    ]
}

fn about_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Spec => "The spec alone: do the program’s expectations hold of everything that it allows?",
        Kind::Conformance => "Implementations of ours against the spec.",
        Kind::Generated => "Generated programs against the spec.",
        Kind::Reference => "The reference subject under an engine: how much of the spec can the engine reach?",
        Kind::Mutant => "Planted bugs. A check passes by finding the bug.",
        Kind::Canary => "Checks that must raise the alarm. One passes by failing as planned.",
        Kind::Oracle => {
            "Real systems asked what the spec is asked. A check passes if every answer is one that the spec allows."
        }
        Kind::Fuzz => "Fuzz targets. A check passes if no input made the target crash in the time that it had.",
        Kind::Peer => "Other people’s primitives against the spec. “Differs” is a finding, not a failure.",
    }
}

fn verdict_chip(record: &Evidence) -> Markup {
    // A peer's failure is a finding about the peer: it must not read like a failure of ours.
    let (word, tone) = match (record.kind, record.verdict) {
        (Kind::Peer, Verdict::Fail) => ("differs", "skipped"),
        (Kind::Mutant, Verdict::Pass) => ("killed", "pass"),
        (Kind::Mutant, Verdict::Fail) => ("survived", "fail"),
        (Kind::Canary, Verdict::Pass) => ("went off", "pass"),
        (Kind::Canary, Verdict::Fail) => ("silent", "fail"),
        (_, verdict) => (verdict_word(verdict), verdict_word(verdict)),
    };
    chip(word, tone)
}

fn chip(word: &str, tone: &str) -> Markup {
    let sign = if word == "differs" { "≠" } else { sign_of_name(tone) };
    html! { span class={ "chip " (tone) } { span aria-hidden="true" { (sign) " " } (word) } }
}

fn words_of_failure(what: FailureKind) -> &'static str {
    match what {
        FailureKind::SilentCanary => "canary silent",
        FailureKind::Violation => "violation",
        FailureKind::Expectation => "expectation does not hold",
        FailureKind::Difference => "differs from the real system",
        FailureKind::Crash => "crash",
        FailureKind::SurvivingMutant => "planted bug survived",
        FailureKind::HarnessError => "harness error",
    }
}

fn cells_of(tally: &Tally) -> [(&'static str, u64); 6] {
    [
        ("pass", tally.pass),
        ("fail", tally.fail),
        ("error", tally.error),
        ("inconclusive", tally.inconclusive),
        ("skipped", tally.skipped),
        ("not_run", tally.not_run),
    ]
}

fn tally_cells(at: &str, tally: &Tally) -> Markup {
    html! {
        @for (name, value) in cells_of(tally) {
            td.number.zero[value == 0] { (Number { at: &format!("{at}/{name}"), value }) }
        }
        td.number { (Number { at: &format!("{at}/checks"), value: tally.checks }) }
    }
}

fn by_engine(at: &str, counts: &BTreeMap<String, u64>) -> Markup {
    html! {
        @if counts.is_empty() { strong { "never taken" } }
        @else {
            ul.counts {
                @for (engine, &value) in counts {
                    li { (Text(engine)) " " (Number { at: &format!("{at}/{}", pointer_part(engine)), value }) }
                }
            }
        }
    }
}

/// A wide table scrolls in its own box, which the keyboard can reach.
fn scrolled(label: &str, table: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}

fn clause_anchor(system: &str, id: &str) -> String {
    anchor(&format!("{system}/{id}")).replacen("check-", "clause-", 1)
}

/// A name as a part of a JSON pointer.
fn pointer_part(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn linked(text: &str) -> Markup {
    let mut rest = text;
    let mut out = String::new();
    while let Some(start) = ["https://", "http://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let length = rest[start..]
            .find(|next: char| next.is_whitespace() || matches!(next, '<' | '>' | '"' | ')' | ','))
            .unwrap_or(rest.len() - start);
        // A full stop behind an address ends the sentence.
        let address = rest[start..start + length].trim_end_matches(['.', ';', ':']);
        out.push_str(&html! { (&rest[..start]) a href=(address) rel="noreferrer" { (address) } }.into_string());
        rest = &rest[start + address.len()..];
    }
    out.push_str(&html! { (rest) }.into_string());
    PreEscaped(out)
}

fn tone_of_exit(outcome: Exit) -> &'static str {
    match outcome {
        Exit::Pass => "pass",
        Exit::Violation => "fail",
        Exit::HarnessFailed | Exit::BadInput => "error",
        Exit::Inconclusive => "inconclusive",
        Exit::NothingRan => "skipped",
    }
}

fn sign_of_exit(outcome: Exit) -> &'static str {
    sign_of_name(tone_of_exit(outcome))
}

fn sign_of_name(name: &str) -> &'static str {
    match name {
        "pass" => "●",
        "fail" => "✗",
        "error" => "!",
        "inconclusive" => "?",
        "skipped" => "–",
        _ => "○",
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How a kind's checks ended, in a line: what a folded list must not hide.
fn summary_of(kind: Kind, tally: &Tally) -> String {
    let failed = tally.fail + tally.error;
    let mut parts = vec![counted(tally.checks, "check", "checks"), format!("{} pass", tally.pass)];
    if failed > 0 {
        let word = match (kind, failed) {
            (Kind::Peer, 1) => "differs from the spec",
            (Kind::Peer, _) => "differ from the spec",
            _ => "fail",
        };
        parts.push(format!("{failed} {word}"));
    }
    for (count, word) in [(tally.inconclusive, "inconclusive"), (tally.skipped, "skipped"), (tally.not_run, "not run")]
    {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

/// A time for people: `870 ms`, `12.4 s`, `3 min 05 s`.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min {:02} s", grouped(milliseconds / 60_000), milliseconds % 60_000 / 1_000),
    }
}

/// `usize` is at most 64 bits wide on every platform that Rust supports.
fn wide(number: usize) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases =
            [(0, "0"), (999, "999"), (1_000, "1,000"), (511_647, "511,647"), (u64::MAX, "18,446,744,073,709,551,615")];
        for (value, text) in cases {
            assert_eq!(grouped(value), text);
        }
    }

    #[test]
    fn durations_read_well() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 00 s"),
            (185_400, "3 min 05 s"),
        ];
        for (value, text) in cases {
            assert_eq!(duration(value), text);
        }
    }

    #[test]
    fn addresses_become_links_and_nothing_else_does() {
        let text = "see https://a.example/x?y=1&z=2. And <b>(http://b.example), not ftp://c";
        assert_eq!(
            linked(text).into_string(),
            "see <a href=\"https://a.example/x?y=1&amp;z=2\" rel=\"noreferrer\">https://a.example/x?y=1&amp;z=2</a>. And \
             &lt;b&gt;(<a href=\"http://b.example\" rel=\"noreferrer\">http://b.example</a>), not ftp://c"
        );
    }

    #[test]
    fn no_two_checks_share_an_anchor() {
        let ids = ["a/b", "a.b", "a_2eb", "a b", "a%b", "a-b", "ä"];
        for (position, id) in ids.iter().enumerate() {
            assert!(ids[..position].iter().all(|other| anchor(other) != anchor(id)), "{id}");
        }
    }
}

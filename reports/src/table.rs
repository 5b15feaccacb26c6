//! The terminal's summary: what failed, then a line a system and kind.

use selvedge_verify::evidence::{Evidence, Expected, Kind, Verdict};

use crate::differences::Class;
use crate::report::{FailureKind, OutcomeCell, Report, System, Tally, column, counted, verdict_word};

/// The whole summary, ready to print.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for failure in &report.failures {
        let record = &report.evidence[failure.evidence];
        out.push_str(&match &failure.said {
            None => failure_in_words(record),
            Some(said) => {
                let verdict = if failure.what == FailureKind::HarnessError { Verdict::Error } else { Verdict::Fail };
                format!("{}: {}\n  {said}\n  again: {}\n", verdict_word(verdict), record.check, record.reproduce)
            }
        });
        out.push('\n');
    }
    out.push_str(&by_kind(report));
    out.push('\n');
    for notice in &report.notices {
        out.push_str(&format!("note: {}\n", notice.text));
    }
    out.push_str(&report.conclusion.sentence);
    out.push('\n');
    out
}

/// One failed check: what is wrong, the execution in columns, and how to see it again.
pub fn failure_in_words(record: &Evidence) -> String {
    let mut out = format!("{}: {}\n  {}\n", verdict_word(record.verdict), record.check, record.reason);
    if let Some(counterexample) = &record.counterexample {
        let table = selvedge_verify::columns::render(&counterexample.threads, &counterexample.rows);
        for line in table.lines() {
            out.push_str(&format!("  {line}\n"));
        }
        for allowed in &counterexample.allowed {
            out.push_str(&format!("  the spec allowed: {allowed}\n"));
        }
    }
    for difference in record.comparison.iter().flat_map(|comparison| &comparison.differences) {
        let clause = difference.clause.as_ref().map_or(String::new(), |clause| format!("  ({clause})"));
        out.push_str(&format!("  asked {}{clause}\n", difference.input));
        out.push_str(&format!("    the spec allows {}\n    the answer is   {}\n", difference.spec, difference.answer));
    }
    for crash in record.fuzzing.iter().flat_map(|fuzzing| &fuzzing.crashes) {
        out.push_str(&format!("  crashed by {}, {} bytes\n", crash.input, crash.bytes));
        for line in crash.message.lines() {
            out.push_str(&format!("    {line}\n"));
        }
        out.push_str(&format!("  this input again: {}\n", crash.reproduce));
    }
    out.push_str(&format!("  again: {}\n", record.reproduce));
    out
}

/// What a single check came to, with every outcome.
pub fn answer_in_words(evidence: &Evidence) -> String {
    let mut out = String::new();
    if matches!(evidence.verdict, Verdict::Fail | Verdict::Error) {
        out.push_str(&failure_in_words(evidence));
    } else {
        out.push_str(&format!("{}: {}\n", verdict_word(evidence.verdict), evidence.reason));
    }
    if !evidence.technique.is_empty() {
        out.push_str(&format!("{}\n", evidence.technique));
    }
    for witness in &evidence.outcomes {
        let allowed = if witness.allowed { "" } else { "  NOT ALLOWED" };
        out.push_str(&format!("{:>8}  {}{allowed}\n", witness.seen, witness.outcome));
    }
    if evidence.kind == Kind::Reference && evidence.verdict == Verdict::Pass {
        out.push_str(match evidence.complete && evidence.preemptions.is_none() {
            true => "(the reference subject is the spec itself: outcomes never seen are the engine's gap)\n",
            false => "(the reference subject is the spec itself: outcomes never seen lie beyond this search, or are the engine's gap)\n",
        });
    }
    out
}

/// An expectation and whether it holds in the spec, a line; a second one says what it leans on, where that is known.
pub fn expectation(expected: &Expected) -> String {
    let held = match expected.held {
        Some(true) => "holds",
        Some(false) => "DOES NOT HOLD",
        None => "unknown",
    };
    let leans = expected.leans.as_ref().map(|leans| format!("{:14} ({leans})\n", "")).unwrap_or_default();
    format!("{held:14} {}\n{leans}", expected.text)
}

/// One line for one check that has ended, for runs without a progress bar.
pub fn line(record: &Evidence) -> String {
    let what = match record.verdict {
        Verdict::Pass => &record.technique,
        _ => &record.reason,
    };
    format!("{:12} {}  ({what})", verdict_word(record.verdict), record.check)
}

/// The table of outcomes: a line a program and subject, a column an engine. Nothing if there are none.
pub fn outcomes(system: &System) -> String {
    if system.outcomes.is_empty() {
        return String::new();
    }
    let cells = || system.outcomes.iter().flat_map(|row| &row.cells);
    let mut engines: Vec<&str> = cells().map(|cell| cell.engine.as_str()).collect();
    engines.sort_by_key(|engine| (column(engine), *engine));
    engines.dedup();
    let header = ["program", "spec", "subject"].into_iter().chain(engines.iter().copied());
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    let mut before = "";
    for row in &system.outcomes {
        let allowed = row.spec().map_or_else(String::new, |place| row.cells[place].allowed.to_string());
        let is_new = row.program != before;
        before = &row.program;
        let (program, allowed) = if is_new { (row.program.clone(), allowed) } else { Default::default() };
        let cells = engines.iter().map(|engine| {
            let cell = row.cells.iter().find(|cell| cell.engine == *engine);
            cell.map_or_else(String::new, cell_in_words)
        });
        rows.push([program, allowed, row.subject.clone()].into_iter().chain(cells).collect());
    }
    let mut out = format!("{}: outcomes seen, and why not those that the spec allows\n\n", system.name);
    out.push_str(&aligned(&rows, 1..2));
    out.push('\n');
    for known in &system.differences {
        let outcomes = counted(known.outcomes as u64, "outcome", "outcomes");
        let cells = counted(known.cells as u64, "cell", "cells");
        out.push_str(&format!(
            "{} {}: {outcomes} in {cells}. {}\n",
            sign(known.class),
            known.class.words(),
            known.class.meaning()
        ));
    }
    out.push_str("- skipped; *: not everything was looked at, or within a preemption bound. After a data race nothing is classed.\n\n");
    out
}

/// How many outcomes were seen, and the differences by class: `1 n1` is one seen and one missing, for a narrower subject
/// does not have it.
fn cell_in_words(cell: &OutcomeCell) -> String {
    if cell.relation.is_none() {
        return "-".to_owned();
    }
    let star = if cell.looked_everywhere { "" } else { "*" };
    let differences = cell.differences.iter().map(|known| format!(" {}{}", sign(known.class), known.count));
    format!("{}{star}{}", cell.witnessed, differences.collect::<String>())
}

/// The letter of a class.
fn sign(class: Class) -> &'static str {
    match class {
        Class::Bug => "!",
        Class::SpecTooStrong => "S",
        Class::SpecTooWeak => "s",
        Class::EnginesGap => "g",
        Class::NarrowerSubject => "n",
        Class::WeakMemoryOnly => "w",
        Class::Budget => "b",
    }
}

/// Columns of equal width, those of `right` aligned to the right.
fn aligned(rows: &[Vec<String>], right: impl std::ops::RangeBounds<usize>) -> String {
    let length = |cell: &String| cell.chars().count();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| length(&row[column])).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn by_kind(report: &Report) -> String {
    let header = ["checks", "run", "pass", "fail", "inconclusive", "skipped", "not run"];
    let mut rows = vec![std::iter::once("kind".to_owned()).chain(header.map(str::to_owned)).collect::<Vec<_>>()];
    for kind in report.counts.by_kind.iter().filter(|kind| kind.tally.checks > 0) {
        rows.push(row(kind.kind.name(), &kind.tally));
    }
    rows.push(row("all that decide", &report.counts.deciding));
    let mut out = aligned(&rows, 1..);
    out.push_str(&format!("{}\n", counted(report.counts.executions, "execution", "executions")));
    out
}

fn row(name: &str, tally: &Tally) -> Vec<String> {
    let failed = tally.fail + tally.error;
    let numbers = [tally.checks, tally.ran(), tally.pass, failed, tally.inconclusive, tally.skipped, tally.not_run];
    std::iter::once(name.to_owned()).chain(numbers.map(|number| number.to_string())).collect()
}

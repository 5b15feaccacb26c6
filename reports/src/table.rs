//! The terminal's summary: what failed, then a line a system and kind.

use selvedge_verify::evidence::{Evidence, Verdict};

use crate::report::{Report, Tally, counted, verdict_word};

/// The whole summary, ready to print.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for failure in &report.failures {
        let record = &report.evidence[failure.evidence];
        out.push_str(&failure_in_words(record));
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
    out.push_str(&format!("  again: {}\n", record.reproduce));
    out
}

/// One line for one check that has ended, for runs without a progress bar.
pub fn line(record: &Evidence) -> String {
    let what = match record.verdict {
        Verdict::Pass => &record.technique,
        _ => &record.reason,
    };
    format!("{:12} {}  ({what})", verdict_word(record.verdict), record.check)
}

fn by_kind(report: &Report) -> String {
    let header = ["checks", "run", "pass", "fail", "inconclusive", "skipped", "not run"];
    let mut rows = vec![std::iter::once("kind".to_owned()).chain(header.map(str::to_owned)).collect::<Vec<_>>()];
    for kind in report.counts.by_kind.iter().filter(|kind| kind.tally.checks > 0) {
        rows.push(row(kind.kind.name(), &kind.tally));
    }
    rows.push(row("all that decide", &report.counts.deciding));
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, width))| {
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out.push_str(&format!("{}\n", counted(report.counts.executions, "execution", "executions")));
    out
}

fn row(name: &str, tally: &Tally) -> Vec<String> {
    let failed = tally.fail + tally.error;
    let numbers = [tally.checks, tally.ran(), tally.pass, failed, tally.inconclusive, tally.skipped, tally.not_run];
    std::iter::once(name.to_owned()).chain(numbers.map(|number| number.to_string())).collect()
}

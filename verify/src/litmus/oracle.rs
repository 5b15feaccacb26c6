//! What must hold of any text at all, for the fuzzer and for the tests that replay what it found.

use selvedge_model::cond::CondSpec;

use super::diagnostic::{Diagnostics, PROBLEMS_MAX};
use super::source::{Source, parse};

/// How often bad lines are taken out of a text before it is given up.
const SALVAGES_MAX: usize = 6;

/// Reads any text and panics if the reader breaks a promise:
///
/// - it never panics itself;
/// - a program that it read prints as a text that reads back as the same program and prints the same again;
/// - a typed program prints as a text that reads back as the same typed program;
/// - a problem points at bytes of the text, on character boundaries, and can be shown;
/// - statements and expectations have lines, in the order of the program.
///
/// Of a text that is refused, the lines that have a problem are taken out and the rest is tried again: one bad byte
/// must not keep a fuzzer from the printer.
///
/// # Panics
///
/// If one of these does not hold.
pub fn check_text(text: &str) {
    let mut text = text.to_owned();
    for _ in 0..SALVAGES_MAX {
        match parse("fuzz", &text) {
            Ok(source) => return check_program(&text, &source),
            Err(problems) => {
                check_problems(&text, &problems);
                text = without_bad_lines(&text, &problems);
            }
        }
    }
}

fn without_bad_lines(text: &str, problems: &Diagnostics) -> String {
    let bad: Vec<usize> =
        problems.problems().iter().map(|problem| problems.line_and_column(problem.span.start).0).collect();
    let kept = text.split_inclusive('\n').zip(1..).filter(|(_, line)| !bad.contains(line));
    kept.map(|(line, _)| line).collect()
}

fn check_program(text: &str, source: &Source) {
    let program = source.untyped();
    let printed = program.to_string();
    let again = parse("fuzz", &printed).unwrap_or_else(|problems| panic!("{printed}does not read back:\n{problems:?}"));
    assert_eq!(again.untyped(), program, "{printed}reads back as another program");
    assert_eq!(again.untyped().to_string(), printed, "printing is not idempotent");

    let mut last = 0;
    for (thread, body) in program.threads.iter().enumerate() {
        for statement in 0..body.statements.len() {
            let line = source.statement_line(thread, statement);
            assert!(line > last, "thread {thread}, statement {statement}: line {line} comes after line {last}");
            last = line;
            let written = text.lines().nth(line - 1).unwrap_or_default();
            assert!(written.contains(source.statement_text(thread, statement)), "line {line} is `{written}`");
        }
    }
    for expectation in 0..program.expectations.len() {
        let line = source.expectation_line(expectation);
        assert!(line > last, "expectation {expectation}: line {line} comes after line {last}");
        last = line;
    }

    match source.program::<CondSpec>() {
        Err(problems) => check_problems(text, &problems),
        Ok(typed) => {
            let printed = typed.to_string();
            let again = parse("fuzz", &printed).and_then(|source| source.program::<CondSpec>());
            let again = again.unwrap_or_else(|problems| panic!("{printed}does not read back:\n{problems:?}"));
            assert_eq!(again, typed, "{printed}reads back as another program");
        }
    }
}

fn check_problems(text: &str, problems: &Diagnostics) {
    assert_eq!(problems.text(), text);
    assert!((1..=PROBLEMS_MAX).contains(&problems.problems().len()), "{} problems", problems.problems().len());
    for problem in problems.problems() {
        let related = problem.related.as_ref().map(|(span, _)| span);
        for span in std::iter::once(&problem.span).chain(related) {
            assert!(text.get(span.clone()).is_some(), "{problem}: {span:?} is no part of the text");
        }
        assert!(!problem.message.is_empty() && !problem.label.is_empty(), "{problem:?} says nothing");
        let (line, column) = problems.line_and_column(problem.span.start);
        assert!(line >= 1 && column >= 1 && line <= text.matches('\n').count() + 1);
    }
    assert!(problems.to_string().lines().count() >= problems.problems().len());
    assert!(!problems.render().is_empty());
}

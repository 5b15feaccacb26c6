//! What must hold of any text at all, for the fuzzer and for the tests that replay what it found.

use selvedge_model::cond::CondSpec;

use super::diagnostic::{Diagnostics, PROBLEMS_MAX};
use super::source::parse;

/// Reads any text and panics if the reader breaks a promise:
///
/// - it never panics itself;
/// - a program that it read prints as a text that reads back as the same program and prints the same again;
/// - a typed program prints as a text that reads back as the same typed program;
/// - a problem points at bytes of the text, on character boundaries, and can be shown;
/// - statements and expectations have lines, in the order of the program.
///
/// # Panics
///
/// If one of these does not hold.
pub fn check_text(text: &str) {
    let source = match parse("fuzz", text) {
        Ok(source) => source,
        Err(problems) => return check_problems(text, &problems),
    };
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

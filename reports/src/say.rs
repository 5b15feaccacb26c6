//! What the command prints, all of it.
//!
//! Whoever reads may go before the end: `selvedge verify | head` closes the pipe after ten lines. That is no reason to
//! stop, for evidence and report are still to be written, and none to fail. `println!` and `eprintln!` panic there, so
//! that nothing else in this crate prints; the progress bar draws on terminals alone.

use std::io::{Write, stderr, stdout};

/// Prints what was asked for, on standard output.
pub fn answer(text: &str) {
    print(&mut stdout(), text);
}

/// Prints a line about how it goes, or what went wrong, on standard error.
pub fn note(line: &str) {
    print(&mut stderr(), &format!("{line}\n"));
}

/// In one piece, so that lines of several threads do not mix. Where it cannot be printed, nobody can be told.
fn print(to: &mut dyn Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

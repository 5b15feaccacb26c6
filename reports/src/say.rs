//! What the command prints, all of it.
//!
//! Whoever reads may go before the end: `selvedge verify | head` closes the pipe after ten lines. That is no reason to
//! stop, for evidence and report are still to be written, and none to fail. `println!` and `eprintln!` panic there, so
//! that nothing else in this crate prints; the progress bar draws on terminals alone.
//!
//! An answer that cannot be written for another reason, because the disk is full that it goes to, is one that nobody has: the
//! command then ends as one that failed.

use std::io::{self, ErrorKind, Write, stderr, stdout};

use selvedge::platform::host::atomic::{AtomicBool, Ordering};

use crate::exit::Exit;

/// Whether an answer was lost.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Prints what was asked for, on standard output.
pub fn answer(text: &str) {
    heed(print(&mut stdout(), text));
}

/// Prints a line about how it goes, or what went wrong, on standard error. Where it cannot be printed, nobody can be told.
pub fn note(line: &str) {
    let _ = print(&mut stderr(), &format!("{line}\n"));
}

/// How the command ends that would end like this, if all that it answered has been written.
pub fn all_was_said(exit: Exit) -> Exit {
    if IS_LOST.load(Ordering::Relaxed) { Exit::HarnessFailed } else { exit }
}

/// The same of one that answers by somebody else's print.
pub fn has_said(printed: io::Result<()>, exit: Exit) -> Exit {
    heed(printed);
    all_was_said(exit)
}

fn heed(printed: io::Result<()>) {
    if let Err(error) = printed
        && error.kind() != ErrorKind::BrokenPipe
        && !IS_LOST.swap(true, Ordering::Relaxed)
    {
        note(&format!("cannot write to standard output: {error}"));
    }
}

/// In one piece, so that lines of several threads do not mix.
fn print(to: &mut dyn Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes()).and_then(|()| to.flush())
}

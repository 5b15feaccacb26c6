//! The litmus tests that come with the suite, and folders of anybody's.
//!
//! The suite's own are part of the library, so that an installed command needs no checkout. A test compares the lists
//! here with the folders under `verify/litmus/`: a file that is added there must be named here.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostics;
use super::source::{Source, parse};

/// A litmus test of the suite's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorpusFile {
    /// The file's stem.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl CorpusFile {
    /// Where the file lies in a checkout, from its root. `None` for a test that is not one of the suite's own.
    pub fn path(&self) -> Option<String> {
        let (folder, _) = FOLDERS.iter().find(|(_, files)| files.contains(self))?;
        Some(format!("verify/litmus/{folder}/{}.litmus", self.name))
    }
}

macro_rules! corpus {
    ($folder:literal: $($name:literal)*) => {
        &[$(CorpusFile {
            name: $name,
            text: include_str!(concat!("../../litmus/", $folder, "/", $name, ".litmus")),
        }),*]
    };
}

/// Go's condition variable.
pub static COND: &[CorpusFile] = corpus! { "cond":
    "L01-signal-has-no-memory"
    "L02-predicate-under-lock"
    "L03-predicate-without-lock"
    "L03-predicate-without-lock-race"
    "L04-fifo"
    "L05-signal-before-sleep"
    "L06-broadcast-and-a-newcomer"
    "L06-broadcast-and-a-newcomer-small"
    "L07-loop"
    "L08-if"
    "L09-sign-boundary"
    "L09-wrap-around"
    "L09-wrap-around-broadcast"
    "L09-wrap-around-fifo"
    "L10-copy-after-use"
    "L10-copy-after-use-broadcast"
    "L10-copy-after-use-signal"
    "L11-second-signal"
    "L11-second-signal-not-kept"
    "L12-read-lock"
    "L12-reader-behind-a-writer"
    "L13-overtaken-broadcast"
    "L13-overtaken-signal"
    "T01-times-out"
    "T02-not-yet"
    "T03-notified-in-time"
    "T04-deadline-and-signal"
    "T05-timed-out-takes-no-signal"
    "T06-abandoned-ticket"
    "T07-fifo-among-the-rest"
    "T08-broadcast-and-deadline"
    "T09-no-time-at-all"
    "T10-predicate-with-deadline"
    "T11-the-clock-stands"
    "any-order"
    "broadcast-before-wait"
    "broadcast-in-the-gap"
    "broadcast-wakes-both-sides"
    "copy-before-use"
    "copy-before-use-broadcast"
    "copy-before-use-signal"
    "copy-beside-a-signal"
    "ends-inside"
    "free-timeouts"
    "free-timeouts-loop"
    "free-timeouts-take-no-signal"
    "lock-twice"
    "message-passing"
    "message-passing-by-broadcast"
    "message-passing-by-signal"
    "more-unlocks-than-locks"
    "mutual-exclusion"
    "no-lock-no-exclusion"
    "one-signal-two-waiters"
    "overtaken-if"
    "overtaken-while"
    "producer-consumer"
    "read-lock-twice"
    "read-unlock-of-unlocked"
    "readers-share"
    "seed-two-waiters"
    "seed-two-waiters-ordered"
    "signal-before-wait"
    "signal-in-the-gap"
    "signal-wakes-the-wrong-side"
    "spurious-if"
    "spurious-keeps-the-signal"
    "spurious-wait"
    "spurious-while"
    "ticket-known-by-an-atomic"
    "ticket-known-by-an-atomic-broadcast"
    "ticket-known-by-nobody"
    "two-signallers"
    "two-signals"
    "two-ways-to-abort"
    "unlock-of-unlocked"
    "unlock-of-unlocked-beside-a-lock"
    "unlock-twice"
    "wait-again"
    "wait-again-behind-another"
    "wait-releases-the-lock"
    "wait-takes-the-lock-again"
    "wait-without-lock"
    "wait-without-lock-beside-a-lock"
    "wakeup-order-is-not-lock-order"
    "write-unlock-of-unlocked"
    "writer-is-alone"
};

/// Go's scheduler around system calls.
pub static PROC: &[CorpusFile] = corpus! { "proc":
    "S01-long-call"
    "S01-one-look"
    "S02-short-call"
    "S03-another-ones-call"
    "S03-another-ones-call-1.11"
    "S03-another-ones-call-1.26"
    "S04-stop-and-enter"
    "S04-stop-and-enter-1.11"
    "S04-stop-and-enter-1.26"
    "S04-then-a-look-1.26"
    "S04-then-a-return-1.26"
    "S05-return-during-stop"
    "S05-return-during-stop-1.26"
    "S05-return-then-start"
    "S06-two-calls"
    "S07-fewer-processors"
    "S08-exit-and-retake"
    "S08-exit-and-retake-1.26"
    "S09-locked"
    "S10-freeze"
    "S10-freeze-1.26"
    "S11-safe-point"
    "S11-safe-point-1.26"
    "back-to-two"
    "blocking-call"
    "blocking-call-1.26"
    "blocking-call-alone"
    "end-of-a-turn"
    "exit-finds-another"
    "exit-finds-another-1.26"
    "fewer-processors-order"
    "freeze-beside-idle"
    "global-first"
    "global-share"
    "locked-and-stop"
    "locked-told-early"
    "locked-told-early-1.26"
    "locked-yields"
    "long-turn"
    "look-at-a-later-call-1.26"
    "looks-once-more"
    "more-processors"
    "polled"
    "preempted-beside-idle"
    "preempted-for-a-stop"
    "preempted-for-a-stop-1.26"
    "readied-by-another"
    "ready-while-ending"
    "retake-and-return"
    "retake-and-stop"
    "round-and-stop"
    "safe-point-and-looks"
    "safe-point-idle"
    "safe-point-in-call"
    "safe-point-in-call-1.26"
    "safe-point-missed"
    "shared-turn"
    "short-calls"
    "spared"
    "stale-read-1.26"
    "stop-after-freeze"
    "stop-in-vain"
    "stop-while-waiting"
    "stop-with-idle"
    "stopper-moves"
    "three-stops"
    "told-early-and-stop"
    "two-return"
    "two-stops"
    "two-stops-1.11"
    "two-stops-1.26"
    "two-stops-and-call"
    "two-stops-free-processor"
    "work-during-hand-off"
    "yield"
    "yield-beside-idle"
    "yield-beside-idle-1.26"
};

/// getopt.
pub static GETOPT: &[CorpusFile] = corpus! { "getopt":
    "L01-does-not-permute"
    "L01-permutes"
    "L02-terminator"
    "L03-missing-argument"
    "L03-missing-argument-musl"
    "L04-ambiguous"
    "L05-the-same-twice"
    "L05-the-same-twice-musl"
    "L06-surplus-argument"
    "L06-surplus-argument-netbsd"
    "L07-argument-like-a-terminator"
    "L08-in-order"
    "L08-in-order-netbsd"
    "L09-one-letter"
    "L09-one-letter-freebsd"
    "L10-one-dash-ambiguous"
    "L10-one-dash-ambiguous-musl"
    "L11-another-argv"
    "L11-another-argv-musl"
    "L12-w-semicolon"
    "L13-w-semicolon-surplus"
    "L14-lone-dash"
    "L14-lone-dash-freebsd"
    "L15-environment-at-a-restart"
    "L16-calls-after-the-end"
    "L17-calls-after-two-terminators"
    "abbreviation-with-argument-freebsd"
    "attached-argument"
    "environment-at-each-call-netbsd"
    "every-call-consumes"
    "exact-name"
    "flag"
    "missing-long-argument"
    "musl-loses-an-operand"
    "musl-optopt-at-first"
    "musl-reads-no-terminator"
    "no-argv"
    "operands-are-moved-late-freebsd"
    "optional-argument"
    "outside-of-argv"
    "unknown"
};

/// The toy register.
pub static REGISTER: &[CorpusFile] = corpus! { "register":
    "two-reads"
    "two-writers"
};

/// FreeBSD's `uiomove` and its relatives.
pub static UIO: &[CorpusFile] = corpus! { "uio":
    "V01-empty-elements"
    "V02-used-up-element-is-skipped"
    "V02-used-up-element-stays"
    "V03-fault-after-progress"
    "V03-fault-below"
    "V03-fault-outside"
    "V03-fault-within-an-element"
    "V04-nothing-wanted"
    "V05-resid-above-the-sum"
    "V05-resid-below-the-sum"
    "V05-resid-below-the-sum-old"
    "V05-resid-below-the-sum-once"
    "V05-resid-below-the-sum-unchecked"
    "V05-sum-beyond-resid"
    "V06-no-elements"
    "V06-too-many-bytes"
    "V06-too-many-bytes-int"
    "V06-too-many-elements"
    "V09-frombuf"
    "V09-frombuf-at-the-end"
    "V09-frombuf-refuses"
    "V11-nocopy"
    "V11-nocopy-does-not-fault"
    "another-threads-kernel-transfer"
    "another-threads-transfer"
    "between-two-chunks"
    "buffer-overrun"
    "clone"
    "clone-goes-on"
    "copyiniov"
    "flags-are-restored"
    "nofault"
    "nofault-system"
    "nofault-system-old"
    "store-under-a-move"
    "system"
    "system-faults"
    "ureadc"
    "ureadc-faults"
    "ureadc-without-room"
    "write"
};

/// A device behind `uiomove`.
pub static UIO_DEVICE: &[CorpusFile] = corpus! { "uio-device":
    "full"
    "read-faults"
    "stream"
    "two-readers"
    "two-writers"
    "write-faults"
};

/// Linux's vectored system calls.
pub static IOVEC: &[CorpusFile] = corpus! { "iovec":
    "V07-range-of-no-length"
    "V07-range-of-no-length-low"
    "V08-descriptor-first"
    "V10-negative-position"
    "V10-own-position"
    "capped-sum"
    "count-of-32-bits"
    "file-fault-after-progress"
    "file-fault-first"
    "file-too-large"
    "hole-of-no-length"
    "negative-length"
    "no-bytes"
    "no-elements"
    "pipe-fault-after-progress"
    "pipe-small-write-is-whole"
    "position-overflow"
    "process-fault-after-progress"
    "process-forbidden"
    "process-local-is-smaller"
    "process-order"
    "process-unknown"
    "socket"
    "socket-may-take-it-all"
    "unknown-flag"
    "unreadable-vector"
    "write-and-position"
    "write-fault-past-the-end"
    "zero-fault"
};

/// Every folder of the suite's own, by name.
pub static FOLDERS: &[(&str, &[CorpusFile])] = &[
    ("cond", COND),
    ("getopt", GETOPT),
    ("proc", PROC),
    ("register", REGISTER),
    ("uio", UIO),
    ("uio-device", UIO_DEVICE),
    ("iovec", IOVEC),
];

/// Reads every `.litmus` file in a folder and the folders below it, in the order of their
/// paths without extension.
///
/// # Errors
///
/// A folder or file that cannot be read, or everything that is wrong with the files that are no litmus tests.
pub fn load(folder: &Path) -> Result<Vec<Source>, Unloadable> {
    let mut paths = Vec::new();
    find(folder, &mut paths)?;
    paths.sort_by_key(|path| path.with_extension(""));
    let mut sources = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        match load_file(&path) {
            Ok(source) => sources.push(source),
            Err(Unloadable::Texts(problems)) => unreadable.extend(problems),
            Err(error) => return Err(error),
        }
    }
    if unreadable.is_empty() { Ok(sources) } else { Err(Unloadable::Texts(unreadable)) }
}

/// Reads one file, whatever its extension.
///
/// # Errors
///
/// As [`load`].
pub fn load_file(path: &Path) -> Result<Source, Unloadable> {
    let text = std::fs::read_to_string(path).map_err(|error| Unloadable::File { path: path.to_owned(), error })?;
    parse(&path.display().to_string(), &text).map_err(|problems| Unloadable::Texts(vec![problems]))
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Unloadable> {
    let failed = |error| Unloadable::File { path: folder.to_owned(), error };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            find(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "litmus") {
            paths.push(path);
        }
    }
    Ok(())
}

/// Why litmus tests could not be loaded.
#[derive(Debug)]
pub enum Unloadable {
    /// A folder or a file that cannot be read.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Files that are no litmus tests, each with everything that is wrong with it.
    Texts(Vec<Diagnostics>),
}

impl fmt::Display for Unloadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unloadable::File { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            Unloadable::Texts(texts) => {
                for (index, problems) in texts.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    write!(f, "{separator}{problems}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Unloadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Unloadable::File { error, .. } => Some(error),
            Unloadable::Texts(_) => None,
        }
    }
}

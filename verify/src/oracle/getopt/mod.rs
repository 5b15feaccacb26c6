//! getopt, live and not: the C library of this process, C libraries in child processes, the spec, and our own, all as
//! one caller sees them.
//!
//! A [`Case`] is what a program passes. A [`Run`] is one implementation at work on it. [`compare`] makes several of them call
//! by call and says where they part: in what is returned, in optind, optopt, optarg, longindex, flags, in the whole of argv
//! or in a byte of what is printed.

mod ask;
mod child;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc;
mod runs;
mod survey;

use std::fmt;

pub use ask::oracles;
pub use child::{Child, Libc};
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use glibc::{Glibc, GlibcRun};
pub use runs::{Flags, ParserRun, ScanRun, SpecRun, options_of, ours};
pub use survey::{Peer, Probe, peers, probes};

pub use selvedge_model::getopt::FLAGS;
use selvedge_model::getopt::safety::{self, Passed, Seen};
use selvedge_model::getopt::{Function, LongOption, Op, Profile, Word};

/// What a program passes, and what it does between calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Which function.
    pub function: Function,
    /// optstring.
    pub optstring: Word,
    /// The long options. Flags are numbered from 0 to [`FLAGS`] - 1; `val` is never -1 without one.
    pub table: Vec<LongOption>,
    /// argv, the program's name included. Without a NUL, like everything here.
    pub argv: Vec<Word>,
    /// Whether messages are wanted.
    pub opterr: bool,
    /// Whether the environment has POSIXLY_CORRECT.
    pub posixly_correct: bool,
    /// Calls made after the first -1.
    pub calls_after_end: usize,
    /// What the program does between calls, in any order.
    pub interventions: Vec<Intervention>,
}

/// What a program does before a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intervention {
    /// Before the call of this number; the first is 0, and before that nothing is done.
    pub before_call: usize,
    /// What.
    pub act: Act,
}

/// What a program may do between calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Assigns to optind.
    SetOptind(usize),
    /// Passes another optstring from now on.
    Optstring(Word),
    /// Passes another argv from now on.
    Argv(Vec<Word>),
}

impl Case {
    /// A case without a table, with messages wanted, under the usual environment.
    pub fn new<W: AsRef<[u8]>>(function: Function, optstring: &[u8], argv: &[W]) -> Self {
        Case {
            function,
            optstring: optstring.to_vec(),
            table: Vec::new(),
            argv: argv.iter().map(|word| word.as_ref().to_vec()).collect(),
            opterr: true,
            posixly_correct: false,
            calls_after_end: 0,
            interventions: Vec::new(),
        }
    }

    /// Calls after which a scan must have ended (GETOPT-P1), each intervention counted as beginning anew.
    pub fn calls_max(&self) -> usize {
        let size = |argv: &[Word]| argv.iter().map(Vec::len).sum::<usize>() + argv.len() + 1;
        let others = self.interventions.iter().map(|intervention| match &intervention.act {
            Act::Argv(argv) => size(argv),
            _ => size(&self.argv),
        });
        size(&self.argv) + others.sum::<usize>() + self.calls_after_end
    }
}

impl fmt::Display for Case {
    /// As a litmus test would say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without_name = |argv: &[Word]| match argv {
            [] => Op::NoArgv,
            [_, words @ ..] => Op::Argv(words.to_vec()),
        };
        writeln!(f, "{}", Op::PosixlyCorrect(self.posixly_correct))?;
        writeln!(f, "{}", Op::SetOpterr(self.opterr))?;
        writeln!(f, "{}", Op::Optstring(self.optstring.clone()))?;
        writeln!(f, "{}", Op::Longopts(self.table.clone()))?;
        writeln!(f, "{}", without_name(&self.argv))?;
        for Intervention { before_call, act } in &self.interventions {
            let op = match act {
                Act::SetOptind(optind) => Op::SetOptind(u8::try_from(*optind).unwrap_or(u8::MAX)),
                Act::Optstring(optstring) => Op::Optstring(optstring.clone()),
                Act::Argv(argv) => without_name(argv),
            };
            writeln!(f, "before call {before_call}: {op}")?;
        }
        write!(f, "{} until -1, and {} more", call_op(self.function), self.calls_after_end)
    }
}

pub(crate) fn call_op(function: Function) -> Op {
    match function {
        Function::Getopt => Op::Getopt,
        Function::GetoptLong => Op::GetoptLong,
        Function::GetoptLongOnly => Op::GetoptLongOnly,
    }
}

/// One implementation at work on a case, as the program sees it. Everything is about the last call.
pub trait Run {
    /// Whose.
    fn name(&self) -> &'static str;
    /// Calls once. `None` where nothing is promised of such a call; it has not been made then.
    fn call(&mut self) -> Option<i32>;
    /// Does what a program does between calls.
    fn act(&mut self, act: &Act);
    /// optind.
    fn optind(&self) -> usize;
    /// optopt.
    fn optopt(&self) -> i32;
    /// optarg.
    fn optarg(&self) -> Option<&[u8]>;
    /// Where the program has the index of a long option stored; -1 before any.
    fn longindex(&self) -> i32;
    /// The flag variables; 0 before any is stored.
    fn flags(&self) -> [i32; FLAGS];
    /// The element at an index of argv; `None` for its terminator, and where nothing is.
    fn element(&self, index: usize) -> Option<&[u8]>;
    /// What the call printed.
    fn printed(&self) -> &[u8];
    /// Whether argv is in its order now. Our parser puts it in order at the end.
    fn shows_argv(&self) -> bool {
        true
    }
    /// Whether the first -1 is the last word.
    fn ends_for_good(&self) -> bool {
        false
    }
}

/// Two implementations that part.
#[derive(Clone, PartialEq, Eq)]
pub struct Difference {
    /// The case.
    pub case: Case,
    /// The number of the call.
    pub call: usize,
    /// In what.
    pub what: &'static str,
    /// Whose, and what it has.
    pub left: (&'static str, String),
    /// Whose, and what it has.
    pub right: (&'static str, String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((left, has), (right, has_not)) = (&self.left, &self.right);
        write!(f, "{}\ncall {}: {}: {left} has {has}, {right} has {has_not}", self.case, self.call, self.what)
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes all of them call again and again until -1, and `calls_after_end` times more, and holds each of `others` against
/// `one` after each call. Returns the number of calls. Ends early where `one`, which is the spec if any of them is,
/// promises nothing.
///
/// # Errors
///
/// Where one parts from another first, or that there is no end.
pub fn compare(case: &Case, one: &mut dyn Run, others: &mut [&mut dyn Run]) -> Result<usize, Box<Difference>> {
    let mut calls_left = None;
    for call in 0..case.calls_max() {
        for Intervention { act, .. } in case.interventions.iter().filter(|known| known.before_call == call && call > 0)
        {
            one.act(act);
            others.iter_mut().for_each(|other| other.act(act));
        }
        let Some(returned) = one.call() else { return Ok(call) };
        for other in others.iter_mut().filter(|other| calls_left.is_none() || !other.ends_for_good()) {
            let answer = other.call();
            if let Some((what, has, has_not)) = parts_in(returned, answer, one, &**other) {
                let (left, right) = ((one.name(), has), (other.name(), has_not));
                return Err(Box::new(Difference { case: case.clone(), call, what, left, right }));
            }
        }
        match calls_left {
            None if returned != -1 => continue,
            Some(0) => return Ok(call + 1),
            None if case.calls_after_end == 0 => return Ok(call + 1),
            None => calls_left = Some(case.calls_after_end - 1),
            Some(left) => calls_left = Some(left - 1),
        }
    }
    let endless = |name| (name, "not ended".to_owned());
    Err(Box::new(Difference {
        case: case.clone(),
        call: case.calls_max(),
        what: "GETOPT-P1",
        left: endless(one.name()),
        right: endless("nobody else"),
    }))
}

fn parts_in(
    returned: i32,
    other: Option<i32>,
    left: &dyn Run,
    right: &dyn Run,
) -> Option<(&'static str, String, String)> {
    let number = |what, one: i64, other: i64| (one != other).then(|| (what, one.to_string(), other.to_string()));
    let bytes =
        |what, one: Option<&[u8]>, other: Option<&[u8]>| (one != other).then(|| (what, shown(one), shown(other)));
    let argv = || {
        let mut index = 0;
        loop {
            let (one, other) = (left.element(index), right.element(index));
            if one != other {
                return Some(("argv", format!("{} at {index}", shown(one)), shown(other)));
            }
            // musl may leave its terminator in the middle.
            if one.is_none() && left.element(index + 1).is_none() && right.element(index + 1).is_none() {
                return None;
            }
            index += 1;
        }
    };
    let Some(other) = other else { return Some(("the call", returned.to_string(), "a refusal".to_owned())) };
    number("returned", returned.into(), other.into())
        .or_else(|| number("optind", left.optind() as i64, right.optind() as i64))
        .or_else(|| number("optopt", left.optopt().into(), right.optopt().into()))
        .or_else(|| bytes("optarg", left.optarg(), right.optarg()))
        .or_else(|| number("longindex", left.longindex().into(), right.longindex().into()))
        .or_else(|| {
            let (one, other) = (left.flags(), right.flags());
            (one != other).then(|| ("flags", format!("{one:?}"), format!("{other:?}")))
        })
        .or_else(|| bytes("printed", Some(left.printed()), Some(right.printed())))
        .or_else(|| if left.shows_argv() && right.shows_argv() { argv() } else { None })
}

fn shown(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "nothing".to_owned(), |bytes| format!("\"{}\"", bytes.escape_ascii()))
}

/// Whether the scan may have ended at `--`, which nothing remembers, or at what a library takes for it.
fn is_behind_terminator(profile: &Profile, run: &dyn Run, optind: usize) -> bool {
    match optind.checked_sub(1).and_then(|before| run.element(before)) {
        Some(b"") => profile.empty_w_ends,
        before => before == Some(b"--"),
    }
}

/// Runs a case to its end and asks of every call what must hold of any (S1, S3, S4 to S9), and of the whole S2, S5 and S11.
/// Cases with interventions are asked for the former only.
///
/// # Errors
///
/// The clauses broken, each with what is wrong.
pub fn check_safety(case: &Case, profile: &Profile, run: &mut dyn Run) -> Result<(), String> {
    let argv_of =
        |run: &dyn Run| (0..case.argv.len()).map_while(|index| run.element(index).map(<[u8]>::to_vec)).collect();
    let passed = Passed {
        profile,
        function: case.function,
        optstring: &case.optstring,
        table: &case.table,
        opterr: case.opterr,
    };
    // The letter 0xff is -1 for glibc, and not the end.
    let is_asked = !case.optstring.contains(&0xff) && !profile.loses_operands();
    let (mut ends, mut is_after_end) = (0, false);
    for call in 0..case.calls_max() {
        let (optind_before, longindex_before) = (run.optind(), run.longindex());
        let argv_before: Vec<Word> = argv_of(run);
        let Some(returned) = run.call() else { return Ok(()) };
        let seen = Seen {
            optind_before,
            argv_before,
            longindex_before,
            returned,
            optind: run.optind(),
            optarg: run.optarg().map(<[u8]>::to_vec),
            longindex: run.longindex(),
            argv: argv_of(run),
            printed: run.printed().to_vec(),
        };
        if let Some(broken) = safety::broken_by(&passed, &seen).first() {
            return Err(format!("{case}\ncall {call}: {}: {}\n{seen:?}", broken.clause, broken.text));
        }
        if is_after_end && is_asked && !is_behind_terminator(profile, run, optind_before) {
            let goes_on = returned != -1 || run.optind() != optind_before;
            if goes_on && !case.argv.is_empty() {
                return Err(format!("{case}\ncall {call}: GETOPT-S11: {returned} after the end"));
            }
        }
        is_after_end = returned == -1;
        if is_after_end {
            ends += 1;
            if ends > case.calls_after_end {
                break;
            }
        }
        if call + 1 == case.calls_max() {
            if profile.dash_in_cluster_begins_name {
                // An element with a dash at its end is begun anew for ever, in truth.
                return Ok(());
            }
            return Err(format!("{case}\nGETOPT-P1: {} calls are not enough", call + 1));
        }
    }
    let last: Vec<Word> = argv_of(run);
    if !is_asked || case.calls_after_end > 0 || case.argv.is_empty() {
        return Ok(());
    }
    let permutes = profile.permutes(case.function)
        && !case.posixly_correct
        && !(profile.has_prefixes(case.function) && matches!(case.optstring.first(), Some(b'+' | b'-')));
    let is_option = |word: &Word| word.len() > 1 && word[0] == b'-';
    if permutes && !is_behind_terminator(profile, run, run.optind()) && last[run.optind()..].iter().any(is_option) {
        return Err(format!("{case}\nGETOPT-S5: {last:?} has options from {} on", run.optind()));
    }
    let mut distinct = case.argv.clone();
    distinct.sort();
    distinct.dedup();
    if distinct.len() == case.argv.len() && !safety::is_stable(&case.argv, &last, run.optind()) {
        return Err(format!("{case}\nGETOPT-S2: {last:?} at {} is not in the order of what was given", run.optind()));
    }
    Ok(())
}

//! The spec and our own implementation as [`Run`]s.

use std::cell::Cell;

use selvedge::getopt::{HasArg, LongOption, Opt, Options, Parser, Scan};
use selvedge_model::getopt::{self as model, Answer, Function, GetoptSpec, Profile, State, Word};
use selvedge_model::spec::rule;

use super::{Act, Case, FLAGS, Run};

/// The spec at work.
pub struct SpecRun<'a> {
    profile: &'a Profile,
    function: Function,
    optstring: Word,
    table: &'a [model::LongOption],
    state: State,
    /// The clauses of the decisions so far, the last one first.
    clauses: Vec<&'static str>,
}

impl<'a> SpecRun<'a> {
    /// The spec, with this library's differences.
    pub fn new(profile: &'a Profile, case: &'a Case) -> Self {
        let mut state = State::new(&case.argv).with_library(profile);
        state.optind = 0;
        state.opterr = case.opterr;
        state.posixly_correct = case.posixly_correct;
        SpecRun {
            profile,
            function: case.function,
            optstring: case.optstring.clone(),
            table: &case.table,
            state,
            clauses: Vec::new(),
        }
    }

    /// The clauses by which the calls so far were decided, the last call's first.
    pub fn clauses(&self) -> &[&'static str] {
        &self.clauses
    }

    /// The spec's state.
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl Run for SpecRun<'_> {
    fn name(&self) -> &'static str {
        "the spec"
    }

    fn call(&mut self) -> Option<i32> {
        self.state.printed.clear();
        let outcome = self.state.call(self.profile, self.function, &self.optstring, Some(self.table));
        let clause = rule::<GetoptSpec>(outcome.rule).clause;
        self.clauses.retain(|known| *known != clause);
        self.clauses.insert(0, clause);
        match outcome.answer {
            Answer::Returned(code) => Some(code),
            Answer::Undefined => None,
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::SetOptind(optind) => self.state.optind = *optind,
            Act::Optstring(optstring) => self.optstring.clone_from(optstring),
            Act::Argv(argv) => self.state.argv = argv.iter().cloned().map(Some).chain([None]).collect(),
        }
    }

    fn optind(&self) -> usize {
        self.state.optind
    }

    fn optopt(&self) -> i32 {
        self.state.optopt
    }

    fn optarg(&self) -> Option<&[u8]> {
        self.state.optarg.as_deref()
    }

    fn longindex(&self) -> i32 {
        self.state.longindex
    }

    fn flags(&self) -> [i32; FLAGS] {
        std::array::from_fn(|flag| self.state.flags.get(&(flag as u8)).copied().unwrap_or(0))
    }

    fn element(&self, index: usize) -> Option<&[u8]> {
        self.state.argv.get(index)?.as_deref()
    }

    fn printed(&self) -> &[u8] {
        &self.state.printed
    }
}

/// The flag variables of a table of ours.
pub type Flags = [Cell<i32>; FLAGS];

/// What a case passes, as options of ours: one for its optstring, then one for each that it changes to.
pub fn options_of<'a>(case: &'a Case, flags: &'a Flags) -> Vec<Options<'a>> {
    let table = || case.table.iter().map(|entry| ours(entry, flags)).collect();
    let with = |optstring: &'a Word| {
        let table = (case.function != Function::Getopt).then(table);
        let is_long_only = case.function == Function::GetoptLongOnly;
        Options::lenient(optstring, table, is_long_only).posixly_correct(case.posixly_correct)
    };
    let changes = case.interventions.iter().filter_map(|intervention| match &intervention.act {
        Act::Optstring(optstring) => Some(optstring),
        _ => None,
    });
    std::iter::once(&case.optstring).chain(changes).map(with).collect()
}

/// An entry of the spec's as one of ours.
///
/// # Panics
///
/// If it stores into a flag that there is not.
pub fn ours<'a>(entry: &'a model::LongOption, flags: &'a Flags) -> LongOption<'a> {
    LongOption {
        name: &entry.name,
        has_arg: match entry.has_arg {
            model::HasArg::No => HasArg::No,
            model::HasArg::Required => HasArg::Required,
            model::HasArg::Optional => HasArg::Optional,
        },
        flag: entry.flag.map(|flag| &flags[usize::from(flag)]),
        val: entry.val,
    }
}

/// What both modes of ours show of their last call.
#[derive(Default)]
struct Shown<'a> {
    optarg: Option<&'a [u8]>,
    longindex: Option<usize>,
    printed: Word,
    optopt: i32,
}

impl<'a> Shown<'a> {
    /// Turns a result into what a C program would see.
    fn see(&mut self, opterr: bool, result: Option<Result<Opt<'a>, selvedge::getopt::Error<'a>>>) -> i32 {
        self.optarg = None;
        self.printed.clear();
        match result {
            None => -1,
            Some(Ok(option)) => {
                self.optarg = option.argument();
                match option {
                    Opt::Short { letter, .. } => i32::from(letter.cast_signed()),
                    Opt::Long { index, .. } => {
                        self.longindex = Some(index);
                        option.code()
                    }
                    Opt::Operand(_) => option.code(),
                }
            }
            Some(Err(error)) => {
                use selvedge::getopt::ErrorKind::{InvalidLetter, MissingAfterLetter};
                self.optopt = match error.kind {
                    InvalidLetter(letter) | MissingAfterLetter(letter) => i32::from(letter.cast_signed()),
                    _ => error.optopt(),
                };
                if opterr && error.is_printed() {
                    self.printed = error.message();
                    self.printed.push(b'\n');
                }
                error.code()
            }
        }
    }

    fn longindex(&self) -> i32 {
        self.longindex.map_or(-1, |index| i32::try_from(index).expect("a table is small"))
    }
}

/// Our compatibility mode at work.
pub struct ScanRun<'a> {
    options: &'a [Options<'a>],
    changes: Vec<&'a Word>,
    current: usize,
    argvs: Vec<&'a [u8]>,
    case: &'a Case,
    flags: &'a Flags,
    scan: Scan<'a>,
    shown: Shown<'a>,
}

impl<'a> ScanRun<'a> {
    /// Ours, with what [`options_of`] made of the case.
    pub fn new(case: &'a Case, options: &'a [Options<'a>], flags: &'a Flags) -> Self {
        flags.iter().for_each(|flag| flag.set(0));
        let mut scan = Scan::new();
        scan.optind = 0;
        let changes = case.interventions.iter().filter_map(|intervention| match &intervention.act {
            Act::Optstring(optstring) => Some(optstring),
            _ => None,
        });
        ScanRun {
            options,
            changes: changes.collect(),
            current: 0,
            argvs: case.argv.iter().map(Vec::as_slice).collect(),
            case,
            flags,
            scan,
            shown: Shown::default(),
        }
    }
}

impl Run for ScanRun<'_> {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn call(&mut self) -> Option<i32> {
        if self.argvs.is_empty() {
            // C leaves optarg as it was.
            self.shown.printed.clear();
            return Some(-1);
        }
        let result = self.scan.call(&self.options[self.current], &mut self.argvs);
        let returned = self.shown.see(self.case.opterr, result);
        Some(returned)
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::SetOptind(optind) => self.scan.optind = *optind,
            Act::Optstring(optstring) => {
                let place = self.changes.iter().position(|change| *change == optstring);
                self.current = place.expect("a change is one of the case's") + 1;
            }
            Act::Argv(argv) => {
                let same = self.case.interventions.iter().find_map(|intervention| match &intervention.act {
                    Act::Argv(known) if known == argv => Some(known),
                    _ => None,
                });
                let argv = same.expect("a change is one of the case's");
                self.argvs = argv.iter().map(Vec::as_slice).collect();
            }
        }
    }

    fn optind(&self) -> usize {
        self.scan.optind
    }

    fn optopt(&self) -> i32 {
        debug_assert_eq!(self.scan.optopt() as u8, self.shown.optopt as u8);
        self.shown.optopt
    }

    fn optarg(&self) -> Option<&[u8]> {
        self.shown.optarg
    }

    fn longindex(&self) -> i32 {
        self.shown.longindex()
    }

    fn flags(&self) -> [i32; FLAGS] {
        std::array::from_fn(|flag| self.flags[flag].get())
    }

    fn element(&self, index: usize) -> Option<&[u8]> {
        self.argvs.get(index).copied()
    }

    fn printed(&self) -> &[u8] {
        &self.shown.printed
    }
}

/// Our parser at work. It shows argv at the end only, and calls after the end find nothing.
pub struct ParserRun<'a> {
    parser: Parser<'a>,
    opterr: bool,
    flags: &'a Flags,
    shown: Shown<'a>,
    has_ended: bool,
}

impl<'a> ParserRun<'a> {
    /// Ours, with what [`options_of`] made of the case.
    pub fn new(case: &'a Case, options: &'a Options<'a>, flags: &'a Flags) -> Self {
        flags.iter().for_each(|flag| flag.set(0));
        ParserRun {
            parser: Parser::new(options, &case.argv),
            opterr: case.opterr,
            flags,
            shown: Shown::default(),
            has_ended: false,
        }
    }
}

impl Run for ParserRun<'_> {
    fn name(&self) -> &'static str {
        "our parser"
    }

    fn call(&mut self) -> Option<i32> {
        let next = self.parser.next();
        self.has_ended = next.is_none();
        Some(self.shown.see(self.opterr, next))
    }

    fn act(&mut self, _: &Act) {
        unreachable!("an iterator is not interfered with");
    }

    fn optind(&self) -> usize {
        // The others begin with 0, which a call without any argv leaves.
        if self.parser.argv().is_empty() { 0 } else { self.parser.optind() }
    }

    fn optopt(&self) -> i32 {
        self.shown.optopt
    }

    fn optarg(&self) -> Option<&[u8]> {
        self.shown.optarg
    }

    fn longindex(&self) -> i32 {
        self.shown.longindex()
    }

    fn flags(&self) -> [i32; FLAGS] {
        std::array::from_fn(|flag| self.flags[flag].get())
    }

    fn element(&self, index: usize) -> Option<&[u8]> {
        self.parser.argv().get(index).copied()
    }

    fn printed(&self) -> &[u8] {
        &self.shown.printed
    }

    fn shows_argv(&self) -> bool {
        self.has_ended
    }

    fn ends_for_good(&self) -> bool {
        true
    }
}

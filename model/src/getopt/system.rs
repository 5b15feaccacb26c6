//! The spec: a program of one or more threads that share getopt's variables, one atomic step an operation.

use super::profile::{self, Profile};
use super::vocabulary::FORMS;
use super::{Answer, Function, GET, HasArg, LongOption, Op, RULES, Ret, SET, State, UNDEFINED, Word};
use crate::spec::{Broken, Clause, Form, Parameter, Progress, Rule, Spec, Step, StepOf, Thread, Unknown};
use crate::text;

/// The spec, with its profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetoptSpec {
    /// The library.
    pub profile: &'static Profile,
}

impl Default for GetoptSpec {
    fn default() -> Self {
        GetoptSpec { profile: &profile::GLIBC }
    }
}

/// A program that parses its command line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ProgramState {
    /// getopt's variables, hidden ones included.
    pub getopt: State,
    /// What the program passes.
    pub optstring: Word,
    /// What the program passes.
    pub table: Vec<LongOption>,
    /// argv as it was given, to compare with.
    given: Vec<Option<Word>>,
}

const POSIX: &str = "POSIX.1-2024, getopt";
const GLIBC: &str = "glibc 2.36, posix/getopt.c";
const SHEET: &str = "facts/05-getopt.md";

static CLAUSES: &[Clause] = &[
    Clause::new("GETOPT-01", GLIBC, "A call with argc 0 returns -1 before anything else."),
    Clause::new(
        "GETOPT-02",
        GLIBC,
        "optind 0, or a first call, restarts the scan: nothing is remembered of an earlier one.",
    ),
    Clause::new(
        "GETOPT-03",
        GLIBC,
        "The prefix of optstring and POSIXLY_CORRECT choose the ordering, `-` before the environment, at a restart only.",
    ),
    Clause::new("GETOPT-04", POSIX, "`--` ends the scan, and optind is put behind it."),
    Clause::new(
        "GETOPT-05",
        POSIX,
        "When all elements are used up -1 is returned; optind is then the first operand's.",
    ),
    Clause::new("GETOPT-06", POSIX, "Without permutation the first operand ends the scan, and optind stays at it."),
    Clause::new("GETOPT-07", GLIBC, "In order, an operand is returned as the argument of an option 1."),
    Clause::new("GETOPT-08", POSIX, "A letter that is not in optstring returns `?` and is left in optopt."),
    Clause::new("GETOPT-09", POSIX, "A letter without a colon is an option without an argument."),
    Clause::new(
        "GETOPT-10",
        GLIBC,
        "The argument of a letter with two colons is the rest of the element, never the next element.",
    ),
    Clause::new(
        "GETOPT-11",
        POSIX,
        "The argument of a letter with a colon is the rest of the element or else the next element, whatever that looks like.",
    ),
    Clause::new(
        "GETOPT-12",
        POSIX,
        "A missing argument returns `:` where optstring begins with one, otherwise `?`, and leaves the letter in optopt.",
    ),
    Clause::new("GETOPT-13", GLIBC, "With `W;` in optstring, `-W name` is `--name`."),
    Clause::new(
        "GETOPT-20",
        GLIBC,
        "In getopt_long_only one dash is as good as two, but for a single letter that is an option.",
    ),
    Clause::new(
        "GETOPT-21",
        GLIBC,
        "A name that begins several different long options is ambiguous: `?`, and optopt is 0.",
    ),
    Clause::new("GETOPT-22", GLIBC, "A name that begins no long option is unknown: `?`, and optopt is 0."),
    Clause::new(
        "GETOPT-23",
        GLIBC,
        "A long option that takes no argument and is given one returns `?`, in colon mode too, with val in optopt.",
    ),
    Clause::new(
        "GETOPT-24",
        GLIBC,
        "A long option returns val, or stores it in its flag and returns 0; longindex is its place in the table.",
    ),
    Clause::new(
        "GETOPT-25",
        GLIBC,
        "A long option without its required argument returns `:` in colon mode, otherwise `?`, with val in optopt.",
    ),
    Clause::new("GETOPT-30", SHEET, "Where a function would read outside argv, nothing is promised."),
    Clause::new("GETOPT-31", SHEET, "The public variables are the program's to read and write between calls."),
    Clause::new(
        "GETOPT-S1",
        SHEET,
        "argv[1] to its end stays a permutation of what it was, and is not written by what does not permute.",
    ),
    Clause::new("GETOPT-S2", SHEET, "Options keep their order, and operands theirs."),
    Clause::new("GETOPT-S3", SHEET, "optind is between 1 and argc after every call."),
    Clause::new("GETOPT-S4", SHEET, "A call returns -1 or consumes at least a letter or an element."),
    Clause::new(
        "GETOPT-S5",
        SHEET,
        "After -1 under permutation everything before optind was an option, its argument or `--`, and all else are operands.",
    ),
    Clause::new("GETOPT-S6", SHEET, "optarg is set only by an option that takes an argument, or with a returned 1."),
    Clause::new("GETOPT-S7", SHEET, "longindex changes only when a long option is found."),
    Clause::new("GETOPT-S8", SHEET, "Nothing is printed in colon mode, with opterr 0, or without an error."),
    Clause::new("GETOPT-S9", SHEET, "`:` is returned only for a missing argument."),
    Clause::new("GETOPT-S10", SHEET, "An exact name is never ambiguous."),
    Clause::new(
        "GETOPT-S11",
        SHEET,
        "After an end by exhaustion or at an operand a further call returns -1 with the same optind.",
    ),
    Clause::new("GETOPT-P1", SHEET, "A scan ends after at most one call for each byte and each element of argv."),
];

const PARAMETERS: &[Parameter] = &[Parameter {
    name: "libc",
    values: &["glibc", "musl", "freebsd", "netbsd", "posix"],
    text: "Whose getopt it is.",
}];

impl Spec for GetoptSpec {
    type State = ProgramState;
    type Op = Op;
    type Phase = ();
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "getopt"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let chosen = text::choices(parameters, PARAMETERS)?;
        Ok(GetoptSpec { profile: profile::named(chosen[0]).expect("the values are the profiles' names") })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        vec![("libc", self.profile.name)]
    }

    fn clauses() -> &'static [Clause] {
        CLAUSES
    }

    fn rules() -> &'static [Rule] {
        RULES
    }

    fn forms() -> &'static [Form] {
        FORMS
    }

    fn observables() -> &'static [&'static str] {
        &["optind", "opterr", "optopt", "longindex", "posixly-correct", "flag0"]
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<ProgramState, Unknown> {
        // Something to parse for generated programs, which bring no command line of their own.
        let getopt = State::new(&["prog", "-a", "x", "-b", "1", "--alpha", "y"]).with_library(self.profile);
        let given = getopt.argv.clone();
        let alpha = LongOption { name: b"alpha".to_vec(), has_arg: HasArg::No, flag: None, val: i32::from(b'a') };
        let mut state = ProgramState { getopt, optstring: b"ab:".to_vec(), table: vec![alpha], given };
        for (name, value) in set {
            let getopt = &mut state.getopt;
            match name.as_str() {
                "optind" => getopt.optind = usize::from(text::initial_value(name, *value, 0..=u8::MAX)?),
                "opterr" => getopt.opterr = text::initial_value(name, *value, 0_u8..=1)? == 1,
                "optopt" => getopt.optopt = text::initial_value(name, *value, i32::MIN..=i32::MAX)?,
                "longindex" => getopt.longindex = text::initial_value(name, *value, -1..=i32::MAX)?,
                "posixly-correct" => getopt.posixly_correct = text::initial_value(name, *value, 0_u8..=1)? == 1,
                "flag0" => {
                    getopt.flags.insert(0, text::initial_value(name, *value, i32::MIN..=i32::MAX)?);
                }
                _ => return Err(text::unknown_name("initial value", name, Self::observables().iter().copied())),
            }
        }
        Ok(state)
    }

    fn observe(&self, state: &ProgramState, name: &str) -> Option<i64> {
        let getopt = &state.getopt;
        Some(match name {
            "optind" => getopt.optind as i64,
            "opterr" => i64::from(getopt.opterr),
            "optopt" => i64::from(getopt.optopt),
            "longindex" => i64::from(getopt.longindex),
            "posixly-correct" => i64::from(getopt.posixly_correct),
            "flag0" => i64::from(getopt.flags.get(&0).copied().unwrap_or(0)),
            _ => return None,
        })
    }

    fn steps(
        &self,
        state: &ProgramState,
        _: Thread,
        op: &Op,
        (): &(),
        _seen: Option<&Ret>,
        out: &mut Vec<StepOf<Self>>,
    ) {
        let mut state = state.clone();
        let function = match op {
            Op::Getopt => Some(Function::Getopt),
            Op::GetoptLong => Some(Function::GetoptLong),
            Op::GetoptLongOnly => Some(Function::GetoptLongOnly),
            _ => None,
        };
        let (rule, ret) = match function {
            Some(function) => {
                let outcome = state.getopt.call(self.profile, function, &state.optstring, Some(&state.table));
                match outcome.answer {
                    Answer::Returned(code) => (outcome.rule, Ret::Value(code, state.getopt.optarg.clone())),
                    Answer::Undefined => (UNDEFINED, Ret::Undefined),
                }
            }
            None => state.perform(op),
        };
        out.push(Step { rule, state, progress: Progress::Return(ret) });
    }

    fn invariants(&self, state: &ProgramState) -> Vec<Broken> {
        let sorted = |argv: &[Option<Word>]| {
            let mut words = argv.to_vec();
            words.sort();
            words
        };
        let is_permuted = sorted(&state.given) == sorted(&state.getopt.argv);
        let has_name = state.given.first() == state.getopt.argv.first();
        if is_permuted && has_name {
            return Vec::new();
        }
        vec![Broken { clause: "GETOPT-S1", text: "argv is no permutation of what was given".to_owned() }]
    }

    fn next_ops(&self, _done: &[Op]) -> Vec<Op> {
        let mut ops = vec![Op::Getopt, Op::Optind, Op::Arguments, Op::SetOptind(0)];
        if self.profile.has_long {
            ops.extend([Op::GetoptLong, Op::Printed]);
        }
        ops
    }
}

impl ProgramState {
    /// What a program does between calls.
    fn perform(&mut self, op: &Op) -> (crate::RuleId, Ret) {
        let getopt = &mut self.getopt;
        match op {
            Op::Argv(words) => {
                let name = b"prog".to_vec();
                getopt.argv = std::iter::once(&name).chain(words).cloned().map(Some).chain([None]).collect();
                self.given.clone_from(&getopt.argv);
            }
            Op::NoArgv => {
                getopt.argv = vec![None];
                self.given.clone_from(&getopt.argv);
            }
            Op::Optstring(text) => self.optstring.clone_from(text),
            Op::Longopts(table) => self.table.clone_from(table),
            Op::SetOptind(n) => getopt.optind = usize::from(*n),
            Op::SetOpterr(n) => getopt.opterr = *n,
            Op::SetOptreset(n) => getopt.optreset = *n,
            Op::PosixlyCorrect(n) => getopt.posixly_correct = *n,
            Op::Optind => return (GET, Ret::Value(getopt.optind as i32, None)),
            Op::Optopt => return (GET, Ret::Value(getopt.optopt, None)),
            Op::Longindex => return (GET, Ret::Value(getopt.longindex, None)),
            Op::Arguments => {
                let words = getopt.argv.get(1..getopt.argc()).unwrap_or_default();
                return (GET, Ret::Words(words.iter().map(|word| word.clone().unwrap_or_default()).collect()));
            }
            Op::Printed => return (GET, Ret::Text(std::mem::take(&mut getopt.printed))),
            Op::Getopt | Op::GetoptLong | Op::GetoptLongOnly => unreachable!("a call is no such operation"),
        }
        (SET, Ret::Ok)
    }
}

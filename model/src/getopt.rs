//! `getopt`, `getopt_long` and `getopt_long_only` as five C libraries have them.
//!
//! One call is one step. [`State::call`] is the whole of it, in the order in which the real functions decide: restart,
//! find the next element, try a long name, take a letter. What the libraries disagree about stands as data in one table
//! ([`profile`]) and is asked for where it matters; there is no second copy of the code for a second library.
//!
//! The core works without the rest of the crate: a [`State`], a [`Profile`] and what a caller passes. [`system`] makes a
//! [`Spec`](crate::Spec) of it, with litmus vocabulary, and [`safety`] says what must hold of any call at all.
//!
//! ```
//! use selvedge_model::getopt::{Answer, Function, State, profile::GLIBC};
//! let mut state = State::new(&["prog", "x", "-b", "1"]);
//! assert_eq!(state.call(&GLIBC, Function::Getopt, b"ab:", None).answer, Answer::Returned(i32::from(b'b')));
//! assert_eq!(state.optarg.as_deref(), Some(&b"1"[..]));
//! assert_eq!(state.call(&GLIBC, Function::Getopt, b"ab:", None).answer, Answer::Returned(-1));
//! assert_eq!((state.optind, state.words()[3].as_slice()), (3, &b"x"[..]));
//! ```

mod long;
pub mod message;
pub mod profile;
pub mod safety;
pub mod system;
mod vocabulary;

use std::collections::BTreeMap;

pub use profile::Profile;
pub use system::GetoptSpec;
pub use vocabulary::{Op, Ret};

use crate::RuleId;
use message::Complaint;
use profile::{Cluster, Environment, Letters, LoneDash, OneDash, OptoptWritten, Rotation};

/// How many flag variables a table may store into.
pub const FLAGS: usize = 2;

/// An element of argv, or a part of one. Bytes: a command line need not be text.
pub type Word = Vec<u8>;

/// Which of the three functions is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Function {
    /// Letters only.
    Getopt,
    /// Letters, and names after two dashes.
    GetoptLong,
    /// Letters, and names after one dash or two.
    GetoptLongOnly,
}

/// Whether a long option takes an argument.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HasArg {
    /// `no_argument`.
    No,
    /// `required_argument`.
    Required,
    /// `optional_argument`: after `=` only.
    Optional,
}

/// An entry of the table that `getopt_long` is given.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LongOption {
    /// The name, without dashes.
    pub name: Word,
    /// Whether it takes an argument.
    pub has_arg: HasArg,
    /// The flag variable, by number, that `val` is stored in; `None` where `val` is returned.
    pub flag: Option<u8>,
    /// What is returned or stored. Not -1 where it is returned: a caller takes that for the end, and glibc's
    /// `getopt_long_only` for no option at all, so that it goes on with the next element, or beyond argv.
    pub val: i32,
}

/// What a call did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The decision that ended the call.
    pub rule: RuleId,
    /// What it came to.
    pub answer: Answer,
}

/// What a call came to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// It returned this.
    Returned(i32),
    /// Nothing is promised: the real function would read outside argv, or does not exist. The state is as before.
    Undefined,
}

/// How operands are treated, once that is decided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ordering {
    /// They are moved behind the options.
    Permute,
    /// The first of them ends the scan.
    RequireOrder,
    /// Each is returned as the argument of an option numbered 1.
    InOrder,
}

/// Everything that a call reads and writes: the public variables, argv, and what the library hides.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// Index of the element to look at next.
    pub optind: usize,
    /// Whether messages are printed.
    pub opterr: bool,
    /// The letter or `val` of the last error, more or less: see [`OptoptWritten`].
    pub optopt: i32,
    /// The argument of the option just returned.
    pub optarg: Option<Word>,
    /// Set to restart the scan. glibc has no such variable.
    pub optreset: bool,
    /// Where the caller had the index of a long option stored last; -1 if nowhere yet.
    pub longindex: i32,
    /// The flag variables that have been stored into.
    pub flags: BTreeMap<u8, i32>,
    /// argv with its terminator, which is `None`. It has `argc + 1` slots.
    pub argv: Vec<Option<Word>>,
    /// Whether the environment has POSIXLY_CORRECT.
    pub posixly_correct: bool,
    /// What was printed.
    pub printed: Word,
    /// Whether any call has been made.
    initialised: bool,
    /// The letters of the current cluster not yet taken.
    cluster: Word,
    /// The same as an offset into the current element; 0 outside of a cluster.
    offset: usize,
    /// The operands skipped so far, to be moved behind the options that follow.
    window: (usize, usize),
    /// Whether there is a window, for libraries that forget it once its operands are moved.
    has_window: bool,
    ordering: Ordering,
    /// Whether POSIXLY_CORRECT was there when it was looked for; `None` before that.
    environment: Option<bool>,
    /// glibc's own copy of optopt, which overwrites the public one after every call.
    hidden_optopt: i32,
}

crate::rules! {
    NO_ARGUMENTS = "no arguments", "GETOPT-01", Must, "There is no argv[0]: returns -1 at once.";
    EXHAUSTED = "exhausted", "GETOPT-05", Must, "No element is left: optind is put at the first operand, returns -1.";
    TERMINATOR = "terminator", "GETOPT-04", Must, "The element is `--`: it is skipped and the scan ends with -1.";
    OPERAND_ENDS = "operand ends", "GETOPT-06", Must, "An operand ends the scan: returns -1, optind at it.";
    OPERAND_RETURNED = "operand returned", "GETOPT-07", Must, "An operand is the argument of option 1.";
    INVALID_LETTER = "invalid letter", "GETOPT-08", Must, "The letter is no option: optopt is the letter, returns `?`.";
    LETTER = "letter", "GETOPT-09", Must, "The letter is an option without an argument: returns it.";
    OPTIONAL = "optional argument", "GETOPT-10", Must, "The argument is the rest of the cluster, or none.";
    ATTACHED = "attached argument", "GETOPT-11", Must, "The argument is the rest of the cluster.";
    SEPARATE = "separate argument", "GETOPT-11", Must, "The argument is the next element, whatever it looks like.";
    MISSING = "missing argument", "GETOPT-12", Must, "No element is left for the argument: returns `:` or `?`.";
    AMBIGUOUS = "ambiguous name", "GETOPT-21", Must, "The name abbreviates several options: returns `?`, optopt 0.";
    UNKNOWN_NAME = "unknown name", "GETOPT-22", Must, "The name is no option: returns `?`, optopt 0.";
    SURPLUS = "surplus argument", "GETOPT-23", Must, "The option takes no argument and was given one with `=`.";
    NAME = "name", "GETOPT-24", Must, "The name is an option: returns val, or stores it and returns 0.";
    MISSING_LONG = "missing long argument", "GETOPT-25", Must, "No element is left for a long option's argument.";
    UNDEFINED = "undefined", "GETOPT-30", Must, "The call reads outside argv, or the library has no such function.";
    SET = "set", "GETOPT-31", Must, "The caller sets a variable or passes something else from now on.";
    GET = "get", "GETOPT-31", Must, "The caller reads a variable, argv or what was printed.";
}

/// What a caller passes, with what follows from it.
struct Call<'a> {
    profile: &'a Profile,
    function: Function,
    /// As passed.
    whole: &'a [u8],
    /// Without the prefix that chooses the ordering.
    optstring: &'a [u8],
    table: Option<&'a [LongOption]>,
}

impl Call<'_> {
    fn is_long_only(&self) -> bool {
        self.function == Function::GetoptLongOnly
    }

    /// A leading `:`, after the prefix: a missing argument is told apart from an unknown option, and nothing is printed.
    fn is_colon_mode(&self) -> bool {
        self.optstring.first() == Some(&b':')
    }

    fn is_silent(&self) -> bool {
        if self.profile.prefix_hides_colon_from_printing {
            self.whole.first() == Some(&b':')
        } else {
            self.is_colon_mode()
        }
    }

    fn heeds_environment(&self) -> bool {
        match self.profile.environment {
            Environment::Ignored => false,
            Environment::Heeded => true,
            Environment::HeededByLong => self.function != Function::Getopt,
        }
    }

    fn code_of_missing_argument(&self) -> i32 {
        if self.is_colon_mode() { i32::from(b':') } else { BAD }
    }

    /// The place of a letter in optstring.
    fn find(&self, letter: u8) -> Option<usize> {
        self.optstring.iter().position(|known| *known == letter)
    }

    /// What stands in optstring at a place; 0 past its end.
    fn at(&self, place: usize) -> u8 {
        self.optstring.get(place).copied().unwrap_or(0)
    }
}

/// What is returned for most errors.
const BAD: i32 = b'?' as i32;

impl State {
    /// The state of a program that has not called anything yet. `argv` begins with the program's name.
    pub fn new<W: AsRef<[u8]>>(argv: &[W]) -> Self {
        let argv = argv.iter().map(|word| Some(word.as_ref().to_vec())).chain([None]).collect();
        State {
            optind: 1,
            opterr: true,
            optopt: BAD,
            optarg: None,
            optreset: false,
            longindex: -1,
            flags: BTreeMap::new(),
            argv,
            posixly_correct: false,
            printed: Word::new(),
            initialised: false,
            cluster: Word::new(),
            offset: 0,
            window: (1, 1),
            has_window: false,
            ordering: Ordering::Permute,
            environment: None,
            hidden_optopt: 0,
        }
    }

    /// The same in a program with this library, as far as a caller can tell.
    pub fn with_library(self, profile: &Profile) -> Self {
        State { optopt: profile.optopt_at_first, ..self }
    }

    /// Number of elements, the program's name included.
    pub fn argc(&self) -> usize {
        self.argv.len() - 1
    }

    /// The elements in their present order, without the terminator: for argvs that still end in theirs.
    pub fn words(&self) -> Vec<Word> {
        self.argv[..self.argc()].iter().map(|slot| slot.clone().unwrap_or_default()).collect()
    }

    /// Whether letters of the current element are still to be taken.
    pub fn is_in_cluster(&self) -> bool {
        !self.cluster.is_empty()
    }

    /// How much of the command line is left: elements, then letters. Every call that does not return -1 makes it smaller.
    pub fn left(&self) -> (usize, usize) {
        (self.argv.len().saturating_sub(self.optind), self.cluster.len())
    }

    /// One call. `table` is `None` where a caller passes a null pointer, and for [`Function::Getopt`].
    pub fn call(
        &mut self,
        profile: &Profile,
        function: Function,
        optstring: &[u8],
        table: Option<&[LongOption]>,
    ) -> Outcome {
        let skips_prefix = profile.has_prefixes(function) && matches!(optstring.first(), Some(b'+' | b'-'));
        let call = Call {
            profile,
            function,
            whole: optstring,
            optstring: &optstring[usize::from(skips_prefix)..],
            table: table.filter(|_| function != Function::Getopt),
        };
        if self.is_undefined(&call) {
            return Outcome { rule: UNDEFINED, answer: Answer::Undefined };
        }
        let (rule, code) = self.permuting_at_once(&call);
        if profile.optopt_written == OptoptWritten::EveryCall {
            self.optopt = self.hidden_optopt;
        }
        Outcome { rule, answer: Answer::Returned(code) }
    }

    /// GETOPT-30.
    fn is_undefined(&self, call: &Call<'_>) -> bool {
        let profile = call.profile;
        if !profile.has(call.function) {
            return true;
        }
        if self.argc() == 0 {
            return false;
        }
        let restarts = self.is_restarting(call);
        match profile.cluster {
            Cluster::Pointer => {
                // The first call that has an argv begins where optind is: a program may have set it before.
                let overshot = !profile.end_is_any_index_past_argc && self.optind > self.argc();
                overshot
                    || !restarts && !self.cluster.is_empty() && self.optind >= self.argc()
                    || !restarts && self.cluster.is_empty() && self.would_rotate_wrongly(call)
            }
            Cluster::Offset if restarts => false,
            // The offset is applied to whatever element is next now.
            Cluster::Offset => {
                let skips = self.choose_ordering(call) == Ordering::Permute;
                let next = (self.optind..self.argc())
                    .find(|index| !skips || self.element(*index).is_none_or(is_option))
                    .and_then(|index| self.element(index));
                let is_taken = |element: &[u8]| is_option(element) && element != b"--" && element.len() <= self.offset;
                self.offset > 0 && next.is_some_and(is_taken)
            }
        }
    }

    /// Whether the caller has moved optind so that what was skipped does not lie before what followed any more, and a
    /// library that rotates by these numbers alone now would.
    fn would_rotate_wrongly(&self, call: &Call<'_>) -> bool {
        let optind = self.optind.max(1);
        let end = match self.word(optind) {
            None => optind,
            Some(b"--") => optind + 1,
            Some(element) if is_option(element) || self.choose_ordering(call) != Ordering::Permute => return false,
            Some(_) => optind,
        };
        let rotates = call.profile.rotation == Rotation::NextOperand && call.function != Function::Getopt;
        rotates && self.has_window && !(self.window.1 + 1..=self.argc()).contains(&end)
    }

    fn is_restarting(&self, call: &Call<'_>) -> bool {
        let profile = call.profile;
        let restarts_at_zero = match call.function {
            Function::Getopt => profile.getopt_restarts_at_zero,
            Function::GetoptLong | Function::GetoptLongOnly => profile.getopt_long_restarts_at_zero,
        };
        !self.initialised || self.optind == 0 && restarts_at_zero || self.optreset && profile.has_optreset
    }

    /// musl moves what a call has consumed before the operands that it skipped, in the same call. The others leave that
    /// to the next call: [`State::settle`].
    fn permuting_at_once(&mut self, call: &Call<'_>) -> (RuleId, i32) {
        if call.profile.rotation != Rotation::SameCall {
            return self.one_call(call);
        }
        self.restart(call);
        if self.word(self.optind).is_none() {
            return (EXHAUSTED, -1);
        }
        let skipped = self.optind;
        if self.ordering == Ordering::Permute {
            let option = (skipped..self.argc()).find(|index| self.element(*index).is_none_or(is_option));
            match option.filter(|index| self.argv[*index].is_some()) {
                Some(option) => self.optind = option,
                None => return (EXHAUSTED, -1),
            }
        }
        let resumed = self.optind;
        let result = self.one_call(call);
        if resumed > skipped {
            // The terminator moves too if a missing argument was looked for in its place.
            self.argv[skipped..self.optind].rotate_left(resumed - skipped);
            self.optind -= resumed - skipped;
        }
        result
    }

    /// The decisions of a call, in their order.
    fn one_call(&mut self, call: &Call<'_>) -> (RuleId, i32) {
        let profile = call.profile;
        if self.argc() == 0 && profile.rotation == Rotation::NextCall {
            return (NO_ARGUMENTS, -1);
        }
        if call.function != Function::Getopt || !profile.getopt_keeps_optarg {
            self.optarg = None;
        }
        self.restart(call);
        let is_fresh = match profile.cluster {
            Cluster::Pointer => self.cluster.is_empty(),
            Cluster::Offset => self.offset == 0,
        };
        if (is_fresh || profile.cluster == Cluster::Offset)
            && let Some(ended) = self.next_element(call)
        {
            return ended;
        }
        if let Some(ended) = self.try_long(call, is_fresh) {
            return ended;
        }
        if is_fresh {
            let element = self.element(self.optind).unwrap_or_default().to_vec();
            self.offset = usize::from(element.len() > 1);
            self.cluster = element[self.offset..].to_vec();
        } else if profile.cluster == Cluster::Offset {
            self.cluster = self.element(self.optind).unwrap_or_default()[self.offset..].to_vec();
        }
        self.letter(call)
    }

    /// GETOPT-02 and 03: begins anew if asked to, and decides the ordering where the library does that.
    fn restart(&mut self, call: &Call<'_>) {
        let profile = call.profile;
        let restarting = self.is_restarting(call);
        if restarting {
            if self.optind == 0 || self.optreset && profile.optreset_rewinds {
                self.optind = 1;
            }
            self.initialised = true;
            self.optreset = false;
            self.cluster.clear();
            self.offset = 0;
            if profile.rotation != Rotation::NextOperand || call.function != Function::Getopt {
                self.window = (self.optind, self.optind);
                self.has_window = false;
            }
        }
        if self.optind == 0 && call.function != Function::Getopt {
            self.optind = 1;
        }
        if call.heeds_environment()
            && (restarting || self.environment.is_none() || profile.environment_read_at_each_call)
        {
            self.environment = Some(self.posixly_correct);
        }
        if restarting || profile.prefix_read_at_each_call || profile.environment_read_at_each_call {
            self.ordering = self.choose_ordering(call);
        }
    }

    fn choose_ordering(&self, call: &Call<'_>) -> Ordering {
        let profile = call.profile;
        let prefix = call.whole.first().filter(|_| profile.has_prefixes(call.function));
        let seen = self.environment.filter(|_| !profile.environment_read_at_each_call);
        let environment = call.heeds_environment() && seen.unwrap_or(self.posixly_correct);
        match prefix {
            Some(b'-') if environment && profile.environment_beats_minus => Ordering::RequireOrder,
            Some(b'-') => Ordering::InOrder,
            Some(b'+') => Ordering::RequireOrder,
            _ if environment || !profile.permutes(call.function) => Ordering::RequireOrder,
            _ => Ordering::Permute,
        }
    }

    /// GETOPT-04 to 07: finds the next option. Some if the call ends before one.
    fn next_element(&mut self, call: &Call<'_>) -> Option<(RuleId, i32)> {
        match call.profile.rotation {
            Rotation::SameCall => {}
            Rotation::NextCall => {
                self.window.0 = self.window.0.min(self.optind);
                self.window.1 = self.window.1.min(self.optind);
                if self.ordering == Ordering::Permute {
                    self.settle();
                    self.skip_operands(call);
                    self.window.1 = self.optind;
                }
            }
            Rotation::NextOperand => {
                if self.ordering == Ordering::Permute
                    && self.word(self.optind).is_some_and(|element| is_operand(call, element))
                {
                    self.settle_if_any();
                    let first = if self.has_window { self.window.0 } else { self.optind };
                    self.skip_operands(call);
                    (self.window, self.has_window) = ((first, self.optind), true);
                }
            }
        }
        let writes_each =
            call.profile.optopt_written == OptoptWritten::EveryLetter && call.function == Function::Getopt;
        let Some(element) = self.word(self.optind) else { return Some(self.end(call, EXHAUSTED)) };
        if element == b"--" {
            self.optind += 1;
            if writes_each {
                self.optopt = i32::from(b'-');
            }
            if call.profile.rotation == Rotation::NextCall {
                self.settle();
                self.window.1 = self.argc();
            }
            return Some(self.end(call, TERMINATOR));
        }
        if !is_operand(call, element) {
            return None;
        }
        let stops = element == b"-" && call.profile.lone_dash == LoneDash::StopsInOrder;
        if self.ordering != Ordering::InOrder || stops {
            if writes_each && element == b"-" {
                self.optopt = 0;
            }
            return Some((OPERAND_ENDS, -1));
        }
        let element = self.word(self.optind).unwrap_or_default();
        self.optarg = Some(element.to_vec());
        self.optind += 1;
        Some((OPERAND_RETURNED, 1))
    }

    /// Moves the options that followed the skipped operands before them. Both keep their order.
    fn settle(&mut self) {
        let (first, last) = self.window;
        if first == last {
            self.window.0 = self.optind;
        } else if last != self.optind {
            self.argv[first..self.optind].rotate_left(last - first);
            self.window.0 = first + (self.optind - last);
        }
        self.window.1 = self.optind;
    }

    /// The same where a window is forgotten once its operands are moved, and what is left to skip begins another one.
    fn settle_if_any(&mut self) {
        let (first, last) = self.window;
        if self.has_window && last < self.optind {
            self.argv[first..self.optind].rotate_left(last - first);
            self.window = (first + (self.optind - last), self.optind);
        }
    }

    fn skip_operands(&mut self, call: &Call<'_>) {
        while self.word(self.optind).is_some_and(|element| is_operand(call, element)) {
            self.optind += 1;
        }
    }

    /// The scan is over: what comes next are the skipped operands, if there are any.
    fn end(&mut self, call: &Call<'_>, rule: RuleId) -> (RuleId, i32) {
        if call.profile.rotation != Rotation::NextOperand {
            if self.window.0 != self.window.1 {
                self.optind = self.window.0;
            }
        } else if call.function != Function::Getopt {
            self.settle_if_any();
            if std::mem::take(&mut self.has_window) {
                self.optind = self.window.0;
            }
        }
        (rule, -1)
    }

    /// GETOPT-08 to 12: takes one letter of the cluster.
    fn letter(&mut self, call: &Call<'_>) -> (RuleId, i32) {
        let profile = call.profile;
        let letter = self.cluster.remove(0);
        let code = code_of(profile, letter);
        self.offset += 1;
        if self.cluster.is_empty() {
            self.leave_cluster();
        }
        if profile.optopt_written == OptoptWritten::EveryLetter && call.function == Function::Getopt {
            self.optopt = code;
        }
        let place = call.find(letter).filter(|_| letter != b':' && (letter != b';' || profile.semicolon_is_a_letter));
        let Some(place) = place else {
            self.complain(call, code, &Complaint::InvalidLetter(letter));
            return (INVALID_LETTER, BAD);
        };
        let takes = (call.at(place + 1), call.at(place + 2));
        if letter == b'W' && takes.0 == b';' && call.table.is_some() && profile.w_semicolon {
            return self.w_semicolon(call, code);
        }
        let keeps_on_error = call.function == Function::Getopt && profile.getopt_option_clears_optarg;
        if takes.0 != b':' {
            if keeps_on_error {
                self.optarg = None;
            }
            return (LETTER, code);
        }
        let is_optional = takes.1 == b':';
        let optarg_before = self.optarg.take();
        if !self.cluster.is_empty() {
            self.optarg = Some(std::mem::take(&mut self.cluster));
            self.leave_cluster();
            return (if is_optional { OPTIONAL } else { ATTACHED }, code);
        }
        if is_optional {
            return (OPTIONAL, code);
        }
        if self.optind >= self.argc() {
            self.optind += usize::from(profile.missing_argument_overshoots);
            if keeps_on_error {
                self.optarg = optarg_before;
            }
            return self.missing_short_argument(call, letter, code);
        }
        self.optarg = self.element(self.optind).map(<[u8]>::to_vec);
        self.optind += 1;
        (SEPARATE, code)
    }

    fn missing_short_argument(&mut self, call: &Call<'_>, letter: u8, code: i32) -> (RuleId, i32) {
        self.complain(call, code, &Complaint::MissingAfterLetter(letter));
        (MISSING, call.code_of_missing_argument())
    }

    /// GETOPT-13: `-W name` is `--name`.
    fn w_semicolon(&mut self, call: &Call<'_>, code: i32) -> (RuleId, i32) {
        let text = if !self.cluster.is_empty() {
            std::mem::take(&mut self.cluster)
        } else if let Some(next) = self.element(self.optind) {
            next.to_vec()
        } else {
            return self.missing_short_argument(call, b'W', code);
        };
        if text.is_empty() && call.profile.empty_w_ends {
            self.optind += 1;
            return self.end(call, TERMINATOR);
        }
        let is_long_only = call.profile.one_dash == OneDash::Freebsd && call.is_long_only();
        self.name(call, b"-W ", &text, is_long_only)
    }

    fn leave_cluster(&mut self) {
        self.optind += 1;
        self.offset = 0;
    }

    /// An error: optopt, and a message unless nobody wants it.
    fn complain(&mut self, call: &Call<'_>, optopt: i32, complaint: &Complaint<'_>) {
        self.hidden_optopt = optopt;
        self.optopt = optopt;
        if self.opterr && !call.is_silent() {
            let program = self.argv[0].clone().unwrap_or_default();
            let strict = self.environment == Some(true) || call.function == Function::Getopt;
            call.profile.messages.print(&program, complaint, strict, &mut self.printed);
        }
    }

    /// The element at an index that is within argv: what is looked for where the end is looked for too.
    fn word(&self, index: usize) -> Option<&[u8]> {
        self.element(index).filter(|_| index < self.argc())
    }

    /// What stands at an index. musl may have moved a word to where the terminator was.
    fn element(&self, index: usize) -> Option<&[u8]> {
        self.argv.get(index)?.as_deref()
    }
}

/// A leading dash and something after it.
fn is_option(element: &[u8]) -> bool {
    element.len() > 1 && element[0] == b'-'
}

fn is_operand(call: &Call<'_>, element: &[u8]) -> bool {
    let may_be = call.profile.lone_dash == LoneDash::MayBeOption && call.function == Function::Getopt;
    let dash_is_option = may_be && call.find(b'-').is_some();
    !(is_option(element) || element == b"-" && dash_is_option)
}

/// What a letter is as an `int`.
fn code_of(profile: &Profile, letter: u8) -> i32 {
    match profile.letters {
        Letters::SignedChar => i32::from(letter.cast_signed()),
        Letters::CodeUnit if letter >= 0x80 => 0xdf00 | i32::from(letter),
        Letters::CodeUnit => i32::from(letter),
    }
}

#[cfg(test)]
mod tests;

//! glibc's getopt with one planted bug, or none.
//!
//! The function is written down once more, plainly and in one piece, so that each classic mistake can be made in it by
//! turning one switch. With [`Bug::None`] it must agree with the spec: what kills a mutant is then the planted bug and
//! nothing else.

use selvedge_model::getopt::message::Complaint;
use selvedge_model::getopt::profile::GLIBC;
use selvedge_model::getopt::{Function, HasArg, LongOption, Word};

use super::Planted;
use crate::oracle::getopt::{Act, Case, FLAGS, Run};

/// A planted bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // `MUTANTS` says what each is.
pub enum Bug {
    None,
    NoExchangeAtTerminator,
    PrefixBeforeExact,
    IdenticalIsAmbiguous,
    ComparedWithPreviousHit,
    OptionalTakesNextElement,
    SurplusIsMissing,
    ArgumentMustNotLookLikeOption,
    ClusterNotCleared,
    OptindTwice,
    EnvironmentBeatsMinus,
    PrefixReadAtEachCall,
    LongindexSetOnError,
    LoneDashEnds,
    TerminatorAsArgumentEnds,
    WindowNotClamped,
    WithoutOptindOfW,
    LetterBeatsAbbreviation,
    OptoptOfSuccess,
    UnstableExchange,
    StaleOptarg,
}

/// Every planted bug: M1 to M20 of fact sheet 5.
pub const MUTANTS: &[Planted<Bug>] = &[
    planted(
        Bug::NoExchangeAtTerminator,
        "M01-no-exchange-at-terminator",
        "`--` is not moved before the operands",
        "GETOPT-04",
    ),
    planted(
        Bug::PrefixBeforeExact,
        "M02-prefix-before-exact",
        "an abbreviation is found before an exact name",
        "GETOPT-S10",
    ),
    planted(
        Bug::IdenticalIsAmbiguous,
        "M03-identical-is-ambiguous",
        "entries that mean the same make a name ambiguous",
        "GETOPT-21",
    ),
    planted(
        Bug::ComparedWithPreviousHit,
        "M04-compared-with-previous-hit",
        "an entry is compared with the one found last, not first",
        "GETOPT-21",
    ),
    planted(
        Bug::OptionalTakesNextElement,
        "M05-optional-takes-next",
        "an optional argument may be the next element",
        "GETOPT-10",
    ),
    planted(
        Bug::SurplusIsMissing,
        "M06-surplus-is-missing",
        "an argument too many returns `:` in colon mode",
        "GETOPT-23",
    ),
    planted(
        Bug::ArgumentMustNotLookLikeOption,
        "M07-argument-like-option",
        "an argument must not begin with a dash",
        "GETOPT-11",
    ),
    planted(
        Bug::ClusterNotCleared,
        "M08-cluster-not-cleared",
        "an attached argument is parsed as letters again",
        "GETOPT-11",
    ),
    planted(Bug::OptindTwice, "M09-optind-twice", "an attached argument counts as two elements", "GETOPT-11"),
    planted(
        Bug::EnvironmentBeatsMinus,
        "M10-environment-beats-minus",
        "POSIXLY_CORRECT beats the prefix `-`",
        "GETOPT-03",
    ),
    planted(Bug::PrefixReadAtEachCall, "M11-prefix-at-each-call", "the prefix is looked at in each call", "GETOPT-03"),
    planted(
        Bug::LongindexSetOnError,
        "M12-longindex-on-error",
        "longindex is set when an argument is missing or too many",
        "GETOPT-S7",
    ),
    planted(Bug::LoneDashEnds, "M13-lone-dash-ends", "`-` ends the scan as `--` does", "GETOPT-06"),
    planted(
        Bug::TerminatorAsArgumentEnds,
        "M14-terminator-as-argument",
        "`--` as an argument ends the scan",
        "GETOPT-11",
    ),
    planted(
        Bug::WindowNotClamped,
        "M15-window-not-clamped",
        "the window of operands stays when optind is moved back",
        "GETOPT-31",
    ),
    planted(Bug::WithoutOptindOfW, "M16-w-without-optind", "`-W name` does not step over the name", "GETOPT-13"),
    planted(
        Bug::LetterBeatsAbbreviation,
        "M17-letter-beats-abbreviation",
        "after one dash a letter beats an abbreviation",
        "GETOPT-20",
    ),
    planted(
        Bug::OptoptOfSuccess,
        "M18-optopt-of-success",
        "optopt is that of the last letter, error or not",
        "GETOPT-08",
    ),
    planted(
        Bug::UnstableExchange,
        "M19-unstable-exchange",
        "the exchange swaps the ends instead of rotating",
        "GETOPT-S2",
    ),
    planted(Bug::StaleOptarg, "M20-stale-optarg", "optarg is not cleared", "GETOPT-S6"),
];

const fn planted(bug: Bug, name: &'static str, planted: &'static str, breaks: &'static str) -> Planted<Bug> {
    Planted { bug, name, planted, breaks }
}

/// glibc's getopt with one planted bug, or none, at work on a case.
pub struct Flawed<'a> {
    bug: Bug,
    function: Function,
    optstring: Word,
    table: &'a [LongOption],
    argv: Vec<Word>,
    opterr: bool,
    posixly_correct: bool,
    optind: usize,
    optopt: i32,
    optarg: Option<Word>,
    longindex: i32,
    flags: [i32; FLAGS],
    printed: Word,
    cluster: Word,
    first: usize,
    last: usize,
    ordering: u8,
}

const BAD: i32 = b'?' as i32;

impl<'a> Flawed<'a> {
    /// The function with that bug.
    pub fn new(bug: Bug, case: &'a Case) -> Self {
        Flawed {
            bug,
            function: case.function,
            optstring: case.optstring.clone(),
            table: if case.function == Function::Getopt { &[] } else { &case.table },
            argv: case.argv.clone(),
            opterr: case.opterr,
            posixly_correct: case.posixly_correct,
            optind: 0,
            optopt: 0,
            optarg: None,
            longindex: -1,
            flags: [0; FLAGS],
            printed: Word::new(),
            cluster: Word::new(),
            first: 1,
            last: 1,
            ordering: 0,
        }
    }

    fn letters(&self) -> &[u8] {
        let prefix = matches!(self.optstring.first(), Some(b'+' | b'-'));
        &self.optstring[usize::from(prefix)..]
    }

    fn is_colon_mode(&self) -> bool {
        self.letters().first() == Some(&b':')
    }

    fn missing(&self) -> i32 {
        if self.is_colon_mode() { i32::from(b':') } else { BAD }
    }

    fn complain(&mut self, optopt: i32, complaint: &Complaint<'_>) {
        self.optopt = optopt;
        if self.opterr && !self.is_colon_mode() {
            let program = self.argv[0].clone();
            GLIBC.messages.print(&program, complaint, false, &mut self.printed);
        }
    }

    fn read_prefix(&mut self) {
        self.ordering = match self.optstring.first() {
            Some(b'-') if self.bug == Bug::EnvironmentBeatsMinus && self.posixly_correct => b'+',
            Some(b'-') => b'-',
            Some(b'+') => b'+',
            _ if self.posixly_correct => b'+',
            _ => b'*',
        };
    }

    fn exchange(&mut self) {
        if self.first == self.last {
            self.first = self.optind;
        } else if self.last != self.optind {
            let (operands, options) = (self.last - self.first, self.optind - self.last);
            if self.bug == Bug::UnstableExchange {
                for step in 0..operands.min(options) {
                    self.argv.swap(self.first + step, self.optind - 1 - step);
                }
            } else {
                self.argv[self.first..self.optind].rotate_left(operands);
            }
            self.first += options;
            self.last = self.optind;
        }
    }

    fn next(&mut self) -> i32 {
        if self.argv.is_empty() {
            return -1;
        }
        if self.bug != Bug::StaleOptarg {
            self.optarg = None;
        }
        if self.optind == 0 {
            self.optind = 1;
            (self.first, self.last) = (1, 1);
            self.cluster.clear();
            self.read_prefix();
        } else if self.bug == Bug::PrefixReadAtEachCall {
            self.read_prefix();
        }
        if self.cluster.is_empty() {
            if self.bug != Bug::WindowNotClamped {
                self.last = self.last.min(self.optind);
                self.first = self.first.min(self.optind);
            }
            let argc = self.argv.len();
            if self.ordering == b'*' {
                if self.last <= self.optind {
                    self.exchange();
                }
                while self.optind < argc && self.is_operand(self.optind) {
                    self.optind += 1;
                }
                self.last = self.optind;
            }
            let ends = self.bug == Bug::LoneDashEnds && self.argv.get(self.optind).is_some_and(|word| word == b"-");
            if ends || self.argv.get(self.optind).is_some_and(|word| word == b"--") {
                self.optind += 1;
                if self.bug == Bug::NoExchangeAtTerminator {
                    self.first = if self.first == self.last { self.optind } else { self.first };
                } else {
                    self.exchange();
                }
                self.last = argc;
                self.optind = argc;
            }
            if self.optind >= argc {
                if self.first != self.last {
                    self.optind = self.first;
                }
                return -1;
            }
            if self.is_operand(self.optind) {
                if self.ordering == b'+' {
                    return -1;
                }
                self.optarg = Some(self.argv[self.optind].clone());
                self.optind += 1;
                return 1;
            }
            let element = self.argv[self.optind].clone();
            if self.function != Function::Getopt {
                if let Some(text) = element.strip_prefix(b"--") {
                    return self.name("--", text, self.function == Function::GetoptLongOnly).expect("two dashes");
                }
                let is_letter = self.letters().contains(&element[1]);
                let left_to_letters = is_letter && (element.len() == 2 || self.bug == Bug::LetterBeatsAbbreviation);
                if self.function == Function::GetoptLongOnly
                    && !left_to_letters
                    && let Some(code) = self.name("-", &element[1..], true)
                {
                    return code;
                }
            }
            self.cluster = element[1..].to_vec();
        }
        self.letter()
    }

    fn is_operand(&self, index: usize) -> bool {
        let word = &self.argv[index];
        let is_lone_dash = word == b"-" && self.bug != Bug::LoneDashEnds;
        is_lone_dash || word.first() != Some(&b'-')
    }

    fn letter(&mut self) -> i32 {
        let letter = self.cluster.remove(0);
        let code = i32::from(letter.cast_signed());
        if self.cluster.is_empty() {
            self.optind += 1;
        }
        let place = self.letters().iter().position(|known| *known == letter && !matches!(letter, b':' | b';'));
        let Some(place) = place else {
            self.complain(code, &Complaint::InvalidLetter(letter));
            return BAD;
        };
        let spec = [1, 2].map(|after| self.letters().get(place + after).copied());
        let attached = (!self.cluster.is_empty()).then(|| self.cluster.clone());
        if letter == b'W' && spec[0] == Some(b';') && self.function != Function::Getopt {
            let Some(text) = attached.or_else(|| self.argv.get(self.optind).cloned()) else {
                self.complain(code, &Complaint::MissingAfterLetter(letter));
                return self.missing();
            };
            if self.bug == Bug::WithoutOptindOfW {
                self.optind -= 1;
            }
            return self.name("-W ", &text, false).expect("it is no short option");
        }
        if self.bug == Bug::OptoptOfSuccess {
            self.optopt = code;
        }
        if spec[0] != Some(b':') {
            return code;
        }
        let is_optional = spec[1] == Some(b':');
        if attached.is_some() {
            self.optarg = attached;
            self.optind += if self.bug == Bug::OptindTwice { 2 } else { 1 };
            if self.bug == Bug::ClusterNotCleared {
                return code;
            }
        } else if !is_optional || self.bug == Bug::OptionalTakesNextElement {
            let next = self.argv.get(self.optind).cloned();
            let refuses = self.bug == Bug::ArgumentMustNotLookLikeOption;
            match next.filter(|next| !refuses || next.first() != Some(&b'-')) {
                Some(next) => {
                    self.optind += 1;
                    if self.bug == Bug::TerminatorAsArgumentEnds && next == b"--" {
                        return -1;
                    }
                    self.optarg = Some(next);
                }
                None if is_optional => self.optarg = None,
                None => {
                    self.complain(code, &Complaint::MissingAfterLetter(letter));
                    self.cluster.clear();
                    return self.missing();
                }
            }
        } else {
            self.optarg = None;
        }
        self.cluster.clear();
        code
    }

    /// `None` if it is left to the letters.
    fn name(&mut self, prefix: &str, text: &[u8], long_only: bool) -> Option<i32> {
        let end = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
        let (name, value) = (&text[..end], text.get(end + 1..));
        let table = self.table;
        let exact = table.iter().position(|entry| entry.name == name);
        let mut hits: Vec<usize> = (0..table.len()).filter(|at| table[*at].name.starts_with(name)).collect();
        if let Some(exact) = exact.filter(|_| self.bug != Bug::PrefixBeforeExact) {
            hits = vec![exact];
        }
        let same = |one: usize, other: usize| {
            let shape = |at: usize| (table[at].has_arg, table[at].flag, table[at].val);
            !long_only && self.bug != Bug::IdenticalIsAmbiguous && shape(one) == shape(other)
        };
        let compared_with = |hit: usize| if self.bug == Bug::ComparedWithPreviousHit { hit - 1 } else { 0 };
        let differing: Vec<usize> =
            (1..hits.len()).filter(|hit| !same(hits[compared_with(*hit)], hits[*hit])).map(|hit| hits[hit]).collect();
        let prefix = prefix.as_bytes();
        let Some(found) = hits.first().copied() else {
            if prefix == b"-" && self.letters().contains(&text[0]) {
                return None;
            }
            self.cluster.clear();
            self.optind += 1;
            self.complain(0, &Complaint::UnknownName { prefix, text });
            return Some(BAD);
        };
        self.cluster.clear();
        self.optind += 1;
        if !differing.is_empty() {
            let names: Vec<&[u8]> =
                std::iter::once(found).chain(differing).map(|at| table[at].name.as_slice()).collect();
            self.complain(0, &Complaint::Ambiguous { prefix, text, candidates: &names });
            return Some(BAD);
        }
        let entry = &table[found];
        let longindex = i32::try_from(found).expect("a table is small");
        if self.bug == Bug::LongindexSetOnError {
            self.longindex = longindex;
        }
        if let Some(value) = value {
            if entry.has_arg == HasArg::No {
                self.complain(entry.val, &Complaint::Surplus { prefix, text, name: &entry.name });
                return Some(if self.bug == Bug::SurplusIsMissing { self.missing() } else { BAD });
            }
            self.optarg = Some(value.to_vec());
        } else if entry.has_arg == HasArg::Required {
            let Some(next) = self.argv.get(self.optind).cloned() else {
                self.complain(entry.val, &Complaint::MissingAfterName { prefix, text, name: &entry.name });
                return Some(self.missing());
            };
            self.optarg = Some(next);
            self.optind += 1;
        }
        self.longindex = longindex;
        Some(match entry.flag {
            Some(flag) => {
                self.flags[usize::from(flag)] = entry.val;
                0
            }
            None => entry.val,
        })
    }
}

impl Run for Flawed<'_> {
    fn name(&self) -> &'static str {
        "the mutant"
    }

    fn call(&mut self) -> Option<i32> {
        self.printed.clear();
        // A bug may lead out of argv, where the real function would read whatever is there.
        let argc = self.argv.len();
        let is_outside = self.optind > argc || !self.cluster.is_empty() && self.optind >= argc;
        if is_outside && argc > 0 && self.optind > 0 {
            return None;
        }
        Some(self.next())
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::SetOptind(optind) => self.optind = *optind,
            Act::Optstring(optstring) => self.optstring.clone_from(optstring),
            Act::Argv(argv) => self.argv.clone_from(argv),
        }
    }

    fn optind(&self) -> usize {
        self.optind
    }

    fn optopt(&self) -> i32 {
        self.optopt
    }

    fn optarg(&self) -> Option<&[u8]> {
        self.optarg.as_deref()
    }

    fn longindex(&self) -> i32 {
        self.longindex
    }

    fn flags(&self) -> [i32; FLAGS] {
        self.flags
    }

    fn element(&self, index: usize) -> Option<&[u8]> {
        self.argv.get(index).map(Vec::as_slice)
    }

    fn printed(&self) -> &[u8] {
        &self.printed
    }
}

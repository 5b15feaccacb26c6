//! What C libraries disagree about: one table, a column a library, a field a row of the divergence matrix.
//!
//! `glibc` and `musl` are held against the live libraries. `freebsd`, `netbsd` and `posix` are not run here: they say what
//! fact sheet 5 measured once, and beyond that what the sources say of FreeBSD 14 (getopt.c, getopt_long.c) and of NetBSD
//! (getopt.c 1.28, getopt_long.c 1.21).
//!
//! What these sources do and the profiles do not: `getopt` and `getopt_long` keep the place within a cluster apart, here they
//! share it; and a message begins with the name of the process, not with argv\[0\]. Two of their habits break what must hold
//! of any scan: FreeBSD never gets past an element such as `-a-`, and NetBSD may end before options, at an empty `-W ''`.

use super::Function;
use super::message::Messages;

/// One library. Each field is a question to which the libraries have different answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Profile {
    /// Its name, as litmus files write it.
    pub name: &'static str,
    /// Whether there is a `getopt_long`.
    pub has_long: bool,
    /// Whether there is a `getopt_long_only`.
    pub has_long_only: bool,
    /// Whether `getopt` permutes.
    pub getopt_permutes: bool,
    /// Whether `getopt` knows the prefixes `+` and `-`. All `getopt_long`s do.
    pub getopt_has_prefixes: bool,
    /// When skipped operands are moved.
    pub rotation: Rotation,
    /// Whether a change of the prefix is noticed without a restart.
    pub prefix_read_at_each_call: bool,
    /// Whether a change of the environment is.
    pub environment_read_at_each_call: bool,
    /// Who heeds POSIXLY_CORRECT.
    pub environment: Environment,
    /// Whether POSIXLY_CORRECT beats the prefix `-`.
    pub environment_beats_minus: bool,
    /// Whether `optind = 0` restarts `getopt`.
    pub getopt_restarts_at_zero: bool,
    /// Whether it restarts `getopt_long`; otherwise it only becomes 1 there.
    pub getopt_long_restarts_at_zero: bool,
    /// Whether there is an `optreset`.
    pub has_optreset: bool,
    /// Whether `optreset` puts optind back to 1 by itself.
    pub optreset_rewinds: bool,
    /// How the place within a cluster is remembered.
    pub cluster: Cluster,
    /// Whether an optind beyond argc is the end; otherwise what is there is read.
    pub end_is_any_index_past_argc: bool,
    /// What the element `-` is.
    pub lone_dash: LoneDash,
    /// Whether `;` may be an option letter.
    pub semicolon_is_a_letter: bool,
    /// Whether optind steps over the missing argument of a letter, to argc + 1.
    pub missing_argument_overshoots: bool,
    /// Whether an abbreviation of two entries that mean the same is ambiguous all the same.
    pub identical_is_ambiguous: bool,
    /// Whether it is so in `getopt_long_only` at least.
    pub long_only_makes_ambiguous: bool,
    /// Whether `W;` in optstring makes `-W name` a long option.
    pub w_semicolon: bool,
    /// Whether an empty element after such a `-W` ends the scan as `--` does.
    pub empty_w_ends: bool,
    /// What `getopt_long_only` does with one dash.
    pub one_dash: OneDash,
    /// Whether a dash within a cluster makes a name of what comes after it; without anything after it the call fails, and
    /// the next one begins the element anew.
    pub dash_in_cluster_begins_name: bool,
    /// Whether an argument that a long option does not take returns `:` in colon mode.
    pub surplus_argument_is_told_as_missing: bool,
    /// Whether a `:` after a prefix is overlooked when it is decided whether to print.
    pub prefix_hides_colon_from_printing: bool,
    /// Whether optopt is 0, not `val`, after an error of an option that has a flag.
    pub flag_options_leave_optopt_zero: bool,
    /// What optopt is before anything is called.
    pub optopt_at_first: i32,
    /// When optopt is written.
    pub optopt_written: OptoptWritten,
    /// Whether `getopt` leaves optarg as it was when there is no argument.
    pub getopt_keeps_optarg: bool,
    /// Whether, if so, an option without an argument clears it all the same, and one that lacks its argument does not.
    pub getopt_option_clears_optarg: bool,
    /// What a letter from 0x80 on is as an `int`.
    pub letters: Letters,
    /// The texts.
    pub messages: Messages,
}

/// When skipped operands are moved behind the options that follow them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rotation {
    /// At the beginning of the next call that looks for an element: until then optind is the place in the original order.
    NextCall,
    /// When the next operand is met, or the end: until then optind is the place in the original order, and argv is in it.
    NextOperand,
    /// In the call that found the option.
    SameCall,
}

/// Who heeds POSIXLY_CORRECT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Environment {
    /// Nobody.
    Ignored,
    /// All three functions.
    Heeded,
    /// The long ones.
    HeededByLong,
}

/// How the place within a cluster is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cluster {
    /// As a pointer: a new argv is not noticed before the cluster's end.
    Pointer,
    /// As an offset into the element that optind names.
    Offset,
}

/// What the element `-` is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LoneDash {
    /// An operand.
    Operand,
    /// An operand; but where operands are returned in order it ends the scan.
    StopsInOrder,
    /// In `getopt` an option if optstring has a `-`, otherwise an operand.
    MayBeOption,
}

/// What `getopt_long_only` does with an element that begins with one dash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OneDash {
    /// A single letter that is a short option stays one; an unknown name is short options if its first letter is one.
    Glibc,
    /// Whatever is unknown or ambiguous is short options, without a word about the name.
    Musl,
    /// A name of one letter beats the letter; the rest of a cluster is tried as a name again.
    Freebsd,
}

/// When optopt is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OptoptWritten {
    /// After every call, from a copy that begins as 0 and changes at errors.
    EveryCall,
    /// At errors.
    OnError,
    /// `getopt`: at each letter, the dash of `--` and what comes after a lone dash included. The others: at errors.
    EveryLetter,
}

/// What a letter from 0x80 on is as an `int`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Letters {
    /// Negative, as `char` is on x86: 0xff is -1, which callers take for the end.
    SignedChar,
    /// 0xdf00 and the byte: how musl maps bytes that are no characters, which in its C locale are all of these.
    CodeUnit,
}

impl Profile {
    /// Whether the library has the function at all.
    pub fn has(&self, function: Function) -> bool {
        match function {
            Function::Getopt => true,
            Function::GetoptLong => self.has_long,
            Function::GetoptLongOnly => self.has_long_only,
        }
    }

    /// Whether a missing argument may move argv's terminator into argv, and an operand behind it (a bug of musl's, found
    /// by comparing argv as a whole): the element that is not there is moved before the operands like one that is.
    pub fn loses_operands(&self) -> bool {
        self.rotation == Rotation::SameCall && self.missing_argument_overshoots
    }

    /// Whether a function knows the prefixes `+` and `-`.
    pub fn has_prefixes(&self, function: Function) -> bool {
        function != Function::Getopt || self.getopt_has_prefixes
    }

    /// Whether a function permutes unless told otherwise.
    pub fn permutes(&self, function: Function) -> bool {
        function != Function::Getopt || self.getopt_permutes
    }
}

/// The GNU C library: 2.36 is the one measured.
pub const GLIBC: Profile = Profile {
    name: "glibc",
    has_long: true,
    has_long_only: true,
    getopt_permutes: true,
    getopt_has_prefixes: true,
    rotation: Rotation::NextCall,
    prefix_read_at_each_call: false,
    environment_read_at_each_call: false,
    environment: Environment::Heeded,
    environment_beats_minus: false,
    getopt_restarts_at_zero: true,
    getopt_long_restarts_at_zero: true,
    has_optreset: false,
    optreset_rewinds: false,
    cluster: Cluster::Pointer,
    end_is_any_index_past_argc: false,
    lone_dash: LoneDash::Operand,
    semicolon_is_a_letter: false,
    missing_argument_overshoots: false,
    identical_is_ambiguous: false,
    long_only_makes_ambiguous: true,
    w_semicolon: true,
    empty_w_ends: false,
    one_dash: OneDash::Glibc,
    dash_in_cluster_begins_name: false,
    surplus_argument_is_told_as_missing: false,
    prefix_hides_colon_from_printing: false,
    flag_options_leave_optopt_zero: false,
    optopt_at_first: b'?' as i32,
    optopt_written: OptoptWritten::EveryCall,
    getopt_keeps_optarg: false,
    getopt_option_clears_optarg: false,
    letters: Letters::SignedChar,
    messages: Messages::GLIBC,
};

/// musl, in its C locale.
pub const MUSL: Profile = Profile {
    name: "musl",
    getopt_permutes: false,
    rotation: Rotation::SameCall,
    prefix_read_at_each_call: true,
    environment: Environment::Ignored,
    has_optreset: true,
    optreset_rewinds: true,
    cluster: Cluster::Offset,
    end_is_any_index_past_argc: true,
    lone_dash: LoneDash::StopsInOrder,
    semicolon_is_a_letter: true,
    missing_argument_overshoots: true,
    identical_is_ambiguous: true,
    w_semicolon: false,
    one_dash: OneDash::Musl,
    optopt_at_first: 0,
    optopt_written: OptoptWritten::OnError,
    getopt_keeps_optarg: true,
    letters: Letters::CodeUnit,
    messages: Messages::MUSL,
    ..GLIBC
};

/// FreeBSD 14.
pub const FREEBSD: Profile = Profile {
    name: "freebsd",
    getopt_permutes: false,
    getopt_has_prefixes: false,
    rotation: Rotation::NextOperand,
    prefix_read_at_each_call: true,
    environment: Environment::HeededByLong,
    getopt_restarts_at_zero: false,
    has_optreset: true,
    end_is_any_index_past_argc: true,
    lone_dash: LoneDash::MayBeOption,
    semicolon_is_a_letter: true,
    one_dash: OneDash::Freebsd,
    dash_in_cluster_begins_name: true,
    flag_options_leave_optopt_zero: true,
    optopt_at_first: 0,
    optopt_written: OptoptWritten::EveryLetter,
    getopt_keeps_optarg: true,
    getopt_option_clears_optarg: true,
    messages: Messages::FREEBSD,
    ..GLIBC
};

/// NetBSD's getopt.c 1.28 and 1.29 and getopt_long.c 1.21 to 1.27.
pub const NETBSD: Profile = Profile {
    name: "netbsd",
    has_long_only: false,
    environment_read_at_each_call: true,
    environment_beats_minus: true,
    getopt_long_restarts_at_zero: false,
    empty_w_ends: true,
    dash_in_cluster_begins_name: false,
    surplus_argument_is_told_as_missing: true,
    prefix_hides_colon_from_printing: true,
    messages: Messages::NETBSD,
    ..FREEBSD
};

/// POSIX.1-2024: `getopt` alone, without extensions. It leaves open what a message says; here it says what it
/// said in the Unixes from which it comes.
pub const POSIX: Profile = Profile {
    name: "posix",
    has_long: false,
    has_long_only: false,
    environment: Environment::Ignored,
    has_optreset: false,
    lone_dash: LoneDash::Operand,
    optopt_written: OptoptWritten::OnError,
    messages: Messages::FREEBSD,
    ..FREEBSD
};

/// Every profile; the first is the default.
pub const ALL: [&Profile; 5] = [&GLIBC, &MUSL, &FREEBSD, &NETBSD, &POSIX];

/// The profile of a name.
pub fn named(name: &str) -> Option<&'static Profile> {
    ALL.into_iter().find(|profile| profile.name == name)
}

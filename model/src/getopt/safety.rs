//! What must hold of any call and of any scan, whatever the library: S1 to S10 and progress.
//!
//! The rules of a spec say what one library does. These say what none may do, and they are asked of real calls and of the
//! implementation as well as of the spec: everything that they look at is visible to a caller.

use super::{Function, HasArg, LongOption, Profile, Word, code_of};
use crate::Broken;

/// What a caller sees of a call: before it and after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// optind before.
    pub optind_before: usize,
    /// argv before, without the terminator.
    pub argv_before: Vec<Word>,
    /// longindex before.
    pub longindex_before: i32,
    /// What the call returned.
    pub returned: i32,
    /// optind after.
    pub optind: usize,
    /// optarg after.
    pub optarg: Option<Word>,
    /// longindex after.
    pub longindex: i32,
    /// argv after.
    pub argv: Vec<Word>,
    /// What the call printed.
    pub printed: Word,
}

/// What a caller passed.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a> {
    /// The library's profile.
    pub profile: &'a Profile,
    /// Which function.
    pub function: Function,
    /// optstring.
    pub optstring: &'a [u8],
    /// The table of long options.
    pub table: &'a [LongOption],
    /// Whether messages are wanted.
    pub opterr: bool,
}

/// The clauses that a call breaks. Ask only of calls that the library defines, and where optind was within argv before.
pub fn broken_by(passed: &Passed<'_>, seen: &Seen) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut demand = |clause: &'static str, holds: bool, text: &str| {
        if !holds {
            broken.push(Broken { clause, text: text.to_owned() });
        }
    };
    let profile = passed.profile;
    let skips_prefix = profile.has_prefixes(passed.function) && matches!(passed.optstring.first(), Some(b'+' | b'-'));
    let optstring = &passed.optstring[usize::from(skips_prefix)..];
    let is_colon_mode = optstring.first() == Some(&b':');
    let mut before = seen.argv_before.clone();
    let mut after = seen.argv.clone();
    demand("GETOPT-S1", before.first() == after.first(), "argv[0] has changed");
    if !profile.permutes(passed.function) {
        demand("GETOPT-S1", before == after, "argv has changed, and nothing permutes");
    }
    before.sort();
    after.sort();
    demand("GETOPT-S1", before == after || profile.loses_operands(), "argv is no permutation of what it was");
    let argc = seen.argv.len();
    let optind_max = argc.max(1) + usize::from(profile.missing_argument_overshoots);
    demand("GETOPT-S3", (1..=optind_max).contains(&seen.optind) || argc == 0, "optind is outside of argv");
    let is_letter = |known: &u8| code_of(profile, *known) == seen.returned;
    let letter = optstring.iter().position(is_letter).filter(|at| optstring[*at] != b':');
    let is_name = |entry: &&LongOption| seen.returned == if entry.flag.is_some() { 0 } else { entry.val };
    let is_option = letter.is_some() || passed.table.iter().any(|entry| is_name(&entry));
    let error = [i32::from(b'?'), i32::from(b':')].contains(&seen.returned);
    if seen.optarg.is_some() && !profile.getopt_keeps_optarg {
        let takes = letter.is_some_and(|at| matches!(optstring.get(at + 1), Some(b':' | b';')))
            || passed.table.iter().filter(is_name).any(|entry| entry.has_arg != HasArg::No);
        demand("GETOPT-S6", takes || seen.returned == 1, "optarg is set without an option that takes an argument");
    }
    let found = is_option && seen.returned != -1;
    demand(
        "GETOPT-S7",
        seen.longindex == seen.longindex_before || found,
        "longindex has changed and no name was found",
    );
    if !passed.opterr || is_colon_mode && !profile.prefix_hides_colon_from_printing {
        demand("GETOPT-S8", seen.printed.is_empty(), "a message was printed that nobody wants");
    }
    demand("GETOPT-S8", error || seen.printed.is_empty(), "a message was printed without an error");
    if seen.returned == i32::from(b':') && !is_option {
        demand("GETOPT-S9", is_colon_mode, "`:` was returned outside of colon mode");
    }
    broken
}

/// Whether the argv left at the end has options and operands each in their original order (S2), for words that are all
/// different: the indices of the original words, split where operands begin.
pub fn is_stable(original: &[Word], last: &[Word], first_operand: usize) -> bool {
    let place = |word: &Word| original.iter().position(|known| known == word);
    let ascends = |part: &[Word]| part.iter().map(place).collect::<Vec<_>>().is_sorted();
    let (options, operands) = last.split_at(first_operand.min(last.len()));
    ascends(options) && ascends(operands)
}

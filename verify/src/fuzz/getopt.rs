//! Cases for getopt out of bytes, and what is asked of them.
//!
//! Words are built from what optstring and table have: a command line of random bytes is nearly always one unknown option
//! after another.

use std::cell::Cell;
use std::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};
use selvedge_model::getopt::profile::{self, GLIBC};
use selvedge_model::getopt::{Function, HasArg, LongOption, Word};

use crate::mutant::Planted;
use crate::mutant::getopt::{Bug, Flawed, MUTANTS};
use crate::oracle::getopt::{
    Act, Case, Flags, Intervention, ParserRun, Run, ScanRun, SpecRun, check_safety, compare, options_of,
};

/// A case out of bytes, under an environment without POSIXLY_CORRECT.
#[derive(Clone, PartialEq, Eq)]
pub struct Input(pub Case);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

const WORDS_MAX: usize = 7;
const ENTRIES_MAX: usize = 6;
/// Few letters, so that they meet; `-`, `:`, `;` and `W` mean something of their own.
const LETTERS: &[u8] = b"abcaxbW-;:1\xff?";
const NAMES: [&[u8]; 10] = [b"alpha", b"all", b"al", b"beta", b"bet", b"colour", b"color", b"x", b"b", b"a-long-name"];
const VALS: [i32; 7] = [0, 1, 4, b'a' as i32, b'b' as i32, b'?' as i32, 1000];
const ODD_WORDS: [&[u8]; 9] = [b"-", b"--", b"", b"x", b"y", b"---", b"--=x", b"-:", b"+a"];

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let function = *u.choose(&[Function::Getopt, Function::GetoptLong, Function::GetoptLongOnly])?;
        case(u, function).map(Input)
    }
}

/// A case for one function.
pub fn case(u: &mut Unstructured<'_>, function: Function) -> Result<Case> {
    let optstring = optstring(u)?;
    let mut table = Vec::new();
    for _ in 0..u.int_in_range(0..=ENTRIES_MAX)? {
        table.push(entry(u)?);
    }
    let argv = argv(u, &table)?;
    let mut interventions = Vec::new();
    if u.ratio(1, 4)? {
        for _ in 0..u.int_in_range(1..=2)? {
            let act = match u.int_in_range(0..=5)? {
                0..=2 => Act::SetOptind(u.int_in_range(0..=WORDS_MAX + 1)?),
                3..=4 => Act::Optstring(self::optstring(u)?),
                _ => Act::Argv(self::argv(u, &table)?),
            };
            interventions.push(Intervention { before_call: u.int_in_range(1..=5)?, act });
        }
    }
    Ok(Case {
        function,
        optstring,
        table,
        argv,
        opterr: !u.ratio(1, 8)?,
        posixly_correct: false,
        calls_after_end: u.int_in_range(0..=3)?,
        interventions,
    })
}

fn optstring(u: &mut Unstructured<'_>) -> Result<Word> {
    let mut optstring = Word::new();
    optstring.extend(*u.choose(&[&b""[..], b"", b"", b":", b"+", b"-", b"+:", b"-:"])?);
    for _ in 0..u.int_in_range(0..=6)? {
        optstring.push(*u.choose(LETTERS)?);
        optstring.extend(*u.choose(&[&b""[..], b"", b":", b"::", b";"])?);
    }
    Ok(optstring)
}

fn entry(u: &mut Unstructured<'_>) -> Result<LongOption> {
    let name = *u.choose(&NAMES)?;
    Ok(LongOption {
        name: name.to_vec(),
        has_arg: *u.choose(&[HasArg::No, HasArg::Required, HasArg::Optional])?,
        flag: *u.choose(&[None, None, None, Some(0), Some(1)])?,
        val: *u.choose(&VALS)?,
    })
}

fn argv(u: &mut Unstructured<'_>, table: &[LongOption]) -> Result<Vec<Word>> {
    // No argv at all is a case of its own.
    if u.ratio(1, 64)? {
        return Ok(Vec::new());
    }
    let mut argv = vec![b"prog".to_vec()];
    for _ in 0..u.int_in_range(0..=WORDS_MAX)? {
        argv.push(word(u, table)?);
    }
    Ok(argv)
}

fn word(u: &mut Unstructured<'_>, table: &[LongOption]) -> Result<Word> {
    Ok(match u.int_in_range(0..=7)? {
        0..=1 => u.choose(&ODD_WORDS)?.to_vec(),
        2..=3 => {
            let mut cluster = b"-".to_vec();
            for _ in 0..u.int_in_range(1..=3)? {
                cluster.push(*u.choose(LETTERS)?);
            }
            cluster
        }
        4..=6 => {
            let mut word = u.choose(&[&b"--"[..], b"--", b"-", b""])?.to_vec();
            let name = if table.is_empty() { NAMES[0] } else { &u.choose(table)?.name };
            word.extend(&name[..u.int_in_range(0..=name.len())?]);
            word.extend(*u.choose(&[&b""[..], b"", b"=", b"=1", b"z"])?);
            word
        }
        _ => {
            let bytes = u.int_in_range(0..=3)?;
            let mut word = Word::new();
            for _ in 0..bytes {
                word.push(u.int_in_range(1..=u8::MAX)?);
            }
            word
        }
    })
}

/// Our two modes against the spec, and the safety clauses of every library's spec.
///
/// # Panics
///
/// Where they part, or a clause is broken, with the case.
pub fn check_model(case: &Case) {
    let flags: Flags = std::array::from_fn(|_| Cell::new(0));
    let options = options_of(case, &flags);
    agree(case, &mut SpecRun::new(&GLIBC, case), &mut [&mut ScanRun::new(case, &options, &flags)]);
    if case.interventions.is_empty() {
        agree(case, &mut SpecRun::new(&GLIBC, case), &mut [&mut ParserRun::new(case, &options[0], &flags)]);
        for profile in profile::ALL {
            check_safety(case, profile, &mut SpecRun::new(profile, case)).unwrap_or_else(|broken| {
                panic!("{}: {broken}", profile.name);
            });
        }
    }
}

/// The glibc of this process against the spec, and our two modes with it.
///
/// # Panics
///
/// Where they part, with the case.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn check_glibc(glibc: &mut crate::oracle::getopt::Glibc, case: &Case) {
    let flags: Flags = std::array::from_fn(|_| Cell::new(0));
    let options = options_of(case, &flags);
    let mut spec = SpecRun::new(&GLIBC, case);
    let mut live = glibc.begin(case);
    let flags_of_parser: Flags = std::array::from_fn(|_| Cell::new(0));
    let options_of_parser = options_of(case, &flags_of_parser);
    let mut scan = ScanRun::new(case, &options, &flags);
    if case.interventions.is_empty() {
        let mut parser = ParserRun::new(case, &options_of_parser[0], &flags_of_parser);
        agree(case, &mut spec, &mut [&mut live, &mut scan, &mut parser]);
    } else {
        agree(case, &mut spec, &mut [&mut live, &mut scan]);
    }
}

/// What the target `getopt_model` holds from one input to the next.
pub struct Oracle {
    /// The planted bug to be found, if there is one.
    bug: Option<Bug>,
}

impl Oracle {
    /// An oracle over ours, or over the planted bug of that name, or of that part before its first hyphen.
    ///
    /// # Errors
    ///
    /// If no planted bug has that name; the message lists those that there are.
    pub fn new(mutant: Option<&str>) -> std::result::Result<Self, String> {
        let planted = mutant.map(|name| Planted::find(MUTANTS, name)).transpose()?;
        Ok(Oracle { bug: planted.map(|planted| planted.bug) })
    }

    /// [`check_model`], or the planted bug against the spec.
    ///
    /// # Panics
    ///
    /// As that does.
    pub fn check(&self, bytes: &[u8]) {
        let mut u = Unstructured::new(bytes);
        let Ok(Input(mut case)) = Input::arbitrary(&mut u) else { return };
        // Nobody asks this process's own library here, so that the environment can be part of the input.
        case.posixly_correct = u.int_in_range(0..=3).is_ok_and(|drawn| drawn == 3);
        match self.bug {
            None => check_model(&case),
            Some(bug) => agree(&case, &mut SpecRun::new(&GLIBC, &case), &mut [&mut Flawed::new(bug, &case)]),
        }
    }
}

/// What a fuzz target does with its bytes: [`check_glibc`], with `getopt` or with the long functions.
///
/// # Panics
///
/// As that does.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn glibc(glibc: &mut crate::oracle::getopt::Glibc, long: bool, bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let function = match (long, u.arbitrary()) {
        (false, _) => Function::Getopt,
        (true, Ok(true)) => Function::GetoptLongOnly,
        (true, _) => Function::GetoptLong,
    };
    if let Ok(case) = case(&mut u, function) {
        check_glibc(glibc, &case);
    }
}

/// A case for tests, out of the `number`th draw from `seed`.
pub fn drawn(seed: u64, number: u64) -> Case {
    let mut state = seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let bytes: Vec<u8> = (0..40).flat_map(|_| next().to_le_bytes()).collect();
    Input::arbitrary(&mut Unstructured::new(&bytes)).expect("missing bytes count as zeros").0
}

fn agree(case: &Case, one: &mut dyn Run, others: &mut [&mut dyn Run]) {
    compare(case, one, others).unwrap_or_else(|difference| panic!("{difference}"));
}

//! Every command line up to a length over a nasty vocabulary: our two modes, the spec and glibc, call by call, messages
//! and argv included.

use std::cell::Cell;

use selvedge_model::getopt::profile::{self, GLIBC};
use selvedge_model::getopt::{Function, HasArg, LongOption, Word};
use selvedge_verify::oracle::getopt::{Case, Flags, ParserRun, ScanRun, SpecRun, check_safety, compare, options_of};

/// What has ever confused a getopt: dashes alone, clusters, attached and missing arguments, abbreviations, values that
/// nobody asked for, empty names, empty words, words that are no text.
const VOCABULARY: [&[u8]; 26] = [
    b"-",
    b"--",
    b"",
    b"x",
    b"-a",
    b"-ab",
    b"-b",
    b"-bval",
    b"-c",
    b"-cval",
    b"-z",
    b"-:",
    b"-;",
    b"-W",
    b"-Wal",
    b"-al",
    b"--alpha",
    b"--al",
    b"--alpha=",
    b"--beta",
    b"--beta=1",
    b"--colo",
    b"--=x",
    b"--nope",
    b"-\xff",
    b"---",
];

fn table() -> Vec<LongOption> {
    let entry = |name: &[u8], has_arg, flag, val| LongOption { name: name.to_vec(), has_arg, flag, val };
    vec![
        entry(b"alpha", HasArg::No, None, i32::from(b'a')),
        entry(b"all", HasArg::Optional, None, 2),
        entry(b"beta", HasArg::Required, Some(0), 4),
        entry(b"colour", HasArg::No, None, i32::from(b'c')),
        entry(b"color", HasArg::No, None, i32::from(b'c')),
        entry(b"al", HasArg::Required, Some(1), 5),
    ]
}

/// The words of a command line by number, in order of length.
fn words(mut number: usize, len: usize) -> Vec<Word> {
    let mut argv = vec![b"prog".to_vec()];
    for _ in 0..len {
        argv.push(VOCABULARY[number % VOCABULARY.len()].to_vec());
        number /= VOCABULARY.len();
    }
    argv
}

/// Compares all command lines of at most that length. Returns how many there are.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn all_agree(function: Function, optstring: &[u8], len_max: usize) -> usize {
    use selvedge_verify::oracle::getopt::Glibc;
    let mut glibc = Glibc::lock();
    let [flags, flags_of_parser]: [Flags; 2] = std::array::from_fn(|_| std::array::from_fn(|_| Cell::new(0)));
    let mut case = Case { table: table(), calls_after_end: 2, ..Case::new(function, optstring, &[b"prog"]) };
    let mut count = 0;
    for len in 0..=len_max {
        for number in 0..VOCABULARY.len().pow(len as u32) {
            case.argv = words(number, len);
            let options = [options_of(&case, &flags), options_of(&case, &flags_of_parser)];
            let mut scan = ScanRun::new(&case, &options[0], &flags);
            let mut parser = ParserRun::new(&case, &options[1][0], &flags_of_parser);
            let mut live = glibc.begin(&case);
            let agreed = compare(&case, &mut SpecRun::new(&GLIBC, &case), &mut [&mut live, &mut scan, &mut parser]);
            agreed.unwrap_or_else(|difference| panic!("{difference}"));
            count += 1;
        }
    }
    count
}

const UP_TO_4: usize = 1 + 26 + 26 * 26 + 26 * 26 * 26 + 26 * 26 * 26 * 26;
const UP_TO_3: usize = UP_TO_4 - 26 * 26 * 26 * 26;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn getopt_up_to_four_words() {
    assert_eq!(all_agree(Function::Getopt, b"ab:c::", 4), UP_TO_4);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn getopt_long_up_to_four_words() {
    assert_eq!(all_agree(Function::GetoptLong, b"ab:c::W;", 4), UP_TO_4);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn getopt_long_only_up_to_four_words() {
    assert_eq!(all_agree(Function::GetoptLongOnly, b":ab:c::", 4), UP_TO_4);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn prefixes_and_odd_optstrings_up_to_three_words() {
    let optstrings: [&[u8]; 7] = [b"+ab:c::", b"-ab:c::W;", b"+:ab:W;", b"-:", b"", b"a-b:;\xff", b":-:b::W"];
    for optstring in optstrings {
        for function in [Function::Getopt, Function::GetoptLong, Function::GetoptLongOnly] {
            assert_eq!(all_agree(function, optstring, 3), UP_TO_3);
        }
    }
}

/// What must hold of any call, of every library's spec.
#[test]
fn every_profile_is_safe_up_to_three_words() {
    for profile in profile::ALL {
        for function in [Function::Getopt, Function::GetoptLong, Function::GetoptLongOnly] {
            for (len, number) in
                (0..=3).flat_map(|len: usize| (0..VOCABULARY.len().pow(len as u32)).map(move |n| (len, n)))
            {
                let mut case = Case { table: table(), ..Case::new(function, b"ab:c::W;", &[b"prog"]) };
                case.argv = words(number, len);
                check_safety(&case, profile, &mut SpecRun::new(profile, &case))
                    .unwrap_or_else(|broken| panic!("{}: {broken}", profile.name));
            }
        }
    }
}

//! The two modes against each other, and what is refused. Against glibc and the spec: `verify/tests/getopt`.

use super::*;

const WORDS: [&str; 12] = ["x", "y", "-", "--", "-a", "-ab", "-b", "-bval", "--alpha", "--al", "--alpha=1", "-z"];

fn lists(len: usize) -> Vec<Vec<&'static str>> {
    if len == 0 {
        return vec![vec!["prog"]];
    }
    let with_one_more = |list: &Vec<&'static str>| {
        let list = list.clone();
        WORDS.map(|word| list.iter().copied().chain([word]).collect::<Vec<_>>())
    };
    lists(len - 1).iter().flat_map(with_one_more).collect()
}

/// What was returned, with its argument and its message.
type Shape = (i32, Option<Vec<u8>>, Option<Vec<u8>>);

fn shape(result: &Option<Result<Opt<'_>, Error<'_>>>) -> Option<Shape> {
    result.as_ref().map(|result| match result {
        Ok(option) => (option.code(), option.argument().map(<[u8]>::to_vec), None),
        Err(error) => (error.code(), None, Some(error.message())),
    })
}

/// The linear parser sees what the quadratic one sees, at the same optind, and leaves the same argv.
#[test]
fn the_two_modes_agree() {
    for optstring in ["ab:", ":ab::", "+ab:", "-ab:"] {
        let options = Options::getopt_long(optstring).unwrap().long("alpha", HasArg::Required, 3).unwrap();
        let options = options.long("algol", HasArg::Required, 3).unwrap().posixly_correct(false);
        for list in (0..=3).flat_map(lists) {
            let mut parser = Parser::new(&options, list.iter().copied());
            let mut argv: Vec<&[u8]> = list.iter().map(|word| word.as_bytes()).collect();
            let mut scan = Scan::new();
            loop {
                let expected = scan.call(&options, &mut argv);
                let found = parser.next();
                assert_eq!(shape(&found), shape(&expected), "{optstring} {list:?}");
                assert_eq!(parser.optind(), scan.optind, "{optstring} {list:?}");
                if found.is_none() {
                    break;
                }
            }
            assert_eq!(parser.argv(), argv, "{optstring} {list:?}");
            assert!(parser.next().is_none() && parser.next().is_none());
        }
    }
}

#[test]
fn lent_buffers_are_used() {
    let options = Options::getopt("ab:").unwrap().posixly_correct(false);
    let mut argv: [&[u8]; 5] = [b"prog", b"x", b"-b", b"1", b"-a"];
    let mut scratch: [&[u8]; 5] = [b""; 5];
    let parser = Parser::lent(&options, &mut argv, &mut scratch);
    assert_eq!(parser.filter_map(Result::ok).count(), 2);
    assert_eq!(argv, [&b"prog"[..], b"-b", b"1", b"-a", b"x"]);
    let mut nothing: [&[u8]; 0] = [];
    assert!(Parser::lent(&options, &mut nothing, &mut []).next().is_none());
}

/// Whoever leaves early finds every word once in the argv that was lent; whoever does not, finds glibc's order.
#[test]
fn an_argv_that_was_lent_is_a_permutation_after_every_step() {
    let options = Options::getopt_long("ab:").unwrap().long("alpha", HasArg::Required, 3).unwrap();
    let options = options.posixly_correct(false);
    for list in (0..=4).flat_map(lists) {
        let given: Vec<&[u8]> = list.iter().map(|word| word.as_bytes()).collect();
        let mut scan = Scan::new();
        let mut exchanged = given.clone();
        for steps in 0..=given.len() * 4 {
            let mut argv = given.clone();
            let mut scratch = vec![&b""[..]; argv.len()];
            let mut parser = Parser::lent(&options, &mut argv, &mut scratch);
            let has_ended = parser.by_ref().take(steps).count() < steps;
            drop(parser);
            if steps > 0 {
                scan.call(&options, &mut exchanged);
            }
            if has_ended {
                assert_eq!(argv, exchanged, "{list:?} after {steps} steps");
                break;
            }
            let (mut sorted, mut all) = (argv, given.clone());
            sorted.sort_unstable();
            all.sort_unstable();
            assert_eq!(sorted, all, "{list:?} after {steps} steps");
        }
    }
}

#[test]
fn a_nul_ends_what_c_reads() {
    let code = |options: &Options<'_>, word: &str| {
        let mut parser = Parser::new(options, ["prog", word]);
        parser.next().unwrap().map_or_else(|error| error.code(), |option| option.code())
    };
    let table = vec![LongOption { name: b"al\0pha", has_arg: HasArg::No, flag: None, val: 3 }];
    let options = Options::lenient(b"a\0b", Some(table), false).posixly_correct(false);
    assert_eq!([code(&options, "-a"), code(&options, "-b")], [i32::from(b'a'), i32::from(b'?')]);
    assert_eq!([code(&options, "--al"), code(&options, "--alp")], [3, i32::from(b'?')]);
}

#[test]
fn malformed_tables_are_refused() {
    let refused = |result: Result<Options<'static>, Malformed>| result.unwrap_err().to_string();
    assert_eq!(refused(Options::getopt("ab:::")), "optstring `ab:::`, byte 4: this colon belongs to no letter");
    assert_eq!(refused(Options::getopt("aba")), "optstring `aba`, byte 2: this letter is there twice");
    assert_eq!(refused(Options::getopt("a;")), "optstring `a;`, byte 1: a semicolon can only follow `W`");
    assert_eq!(refused(Options::getopt("a\0")), "optstring `a\0`, byte 1: a NUL ends the string in C");
    assert!(Options::getopt("+:a-b::W;").is_ok());
    let long = || Options::getopt_long("a").unwrap().long("all", HasArg::No, 1).unwrap();
    assert_eq!(refused(long().long("all", HasArg::No, 2)), "long option `all`: this name is there twice");
    assert_eq!(refused(long().long("", HasArg::No, 2)), "long option ``: a name must not be empty");
    assert!(refused(long().long("a=b", HasArg::No, 2)).ends_with("can never be typed"));
    assert_eq!(refused(long().long("end", HasArg::No, -1)), "long option `end`: -1 is what the end returns");
    let flag = std::cell::Cell::new(0);
    assert!(Options::getopt_long("a").unwrap().flag("end", HasArg::No, &flag, -1).is_ok());
    assert!(refused(Options::getopt("a").unwrap().long("all", HasArg::No, 1)).ends_with("letters only"));
}

#[cfg(unix)]
#[test]
fn arguments_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let options = Options::getopt("b:").unwrap();
    let argv = [OsStr::new("prog"), OsStr::from_bytes(b"-b\xff"), OsStr::from_bytes(b"-\xfe")];
    let mut parser = Parser::of_os_strings(&options, &argv);
    assert_eq!(parser.next().unwrap().unwrap().argument_os(), Some(OsStr::from_bytes(b"\xff")));
    let error = parser.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "prog: invalid option -- '\u{fffd}'");
    assert_eq!(error.message(), b"prog: invalid option -- '\xfe'");
}

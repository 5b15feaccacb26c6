//! The spec against the fact sheet: L1 to L17, each with the libraries that differ.

use super::profile::{FREEBSD, GLIBC, MUSL, NETBSD, POSIX};
use super::*;

fn entry(name: &str, has_arg: HasArg, val: i32) -> LongOption {
    LongOption { name: name.as_bytes().to_vec(), has_arg, flag: None, val }
}

/// The table of the sheet's measurements, as far as its results tell.
fn table() -> Vec<LongOption> {
    let letter = i32::from;
    vec![
        entry("alpha", HasArg::No, letter(b'a')),
        entry("all", HasArg::No, 2),
        entry("beta", HasArg::Required, 4),
        entry("gamma", HasArg::Optional, letter(b'g')),
        LongOption { flag: Some(0), ..entry("verbose", HasArg::No, 3) },
        entry("fubar", HasArg::No, 6),
        entry("colour", HasArg::No, letter(b'c')),
        entry("color", HasArg::No, letter(b'c')),
        entry("x", HasArg::No, 7),
    ]
}

/// A program: what each call returns with optarg and optind, until `calls` are made; then argv.
fn run(
    profile: &Profile,
    function: Function,
    optstring: &str,
    argv: &str,
    calls: usize,
) -> (Vec<(i32, String, usize)>, State) {
    let words: Vec<&str> = std::iter::once("prog").chain(argv.split_whitespace()).collect();
    let mut state = State::new(&words);
    let table = table();
    let made = (0..calls).map(|_| match state.call(profile, function, optstring.as_bytes(), Some(&table)).answer {
        Answer::Returned(code) => (code, text(state.optarg.as_deref().unwrap_or_default()), state.optind),
        Answer::Undefined => panic!("undefined"),
    });
    (made.collect(), state)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn argv(state: &State) -> String {
    text(&state.words()[1..].join(&b' '))
}

fn c(letter: char) -> i32 {
    letter as i32
}

use Function::{Getopt, GetoptLong, GetoptLongOnly};

#[test]
fn an_optind_beyond_argv_is_undefined_from_the_first_call_on_where_it_is_at_all() {
    let answer = |profile: &Profile, optind| {
        let mut state = State::new(&["prog"]);
        state.optind = optind;
        state.call(profile, Getopt, b"a", None).answer
    };
    assert_eq!(
        [1, 2, 3].map(|optind| answer(&GLIBC, optind)),
        [Answer::Returned(-1), Answer::Undefined, Answer::Undefined]
    );
    for profile in [&MUSL, &FREEBSD, &NETBSD] {
        assert_eq!([1, 2, 3].map(|optind| answer(profile, optind)), [Answer::Returned(-1); 3], "{}", profile.name);
    }
}

#[test]
fn l1_getopt_permutes_in_glibc_only() {
    let (made, state) = run(&GLIBC, Getopt, "ab:c", "x -a y -b 1 z", 3);
    assert_eq!(made, [(c('a'), String::new(), 3), (c('b'), "1".into(), 6), (-1, String::new(), 4)]);
    assert_eq!(argv(&state), "-a -b 1 x y z");
    for profile in [&MUSL, &FREEBSD, &NETBSD, &POSIX] {
        let (made, state) = run(profile, Getopt, "ab:c", "x -a y -b 1 z", 1);
        assert_eq!((made[0].0, made[0].2), (-1, 1), "{}", profile.name);
        assert_eq!(argv(&state), "x -a y -b 1 z");
    }
}

#[test]
fn l2_the_terminator_goes_before_the_operands() {
    for profile in [&GLIBC, &MUSL, &FREEBSD, &NETBSD] {
        let (made, state) = run(profile, GetoptLong, "ab:c::", "x -a -- y -b", 2);
        assert_eq!((made[0].0, made[1].0, made[1].2), (c('a'), -1, 3), "{}", profile.name);
        assert_eq!(argv(&state), "-a -- x y -b");
    }
}

#[test]
fn l3_a_missing_argument_in_colon_mode() {
    for (profile, optind) in [(&GLIBC, 2), (&MUSL, 3), (&FREEBSD, 2), (&POSIX, 2)] {
        let (made, state) = run(profile, Getopt, ":ab:", "-b", 1);
        assert_eq!((made[0].0, made[0].2, state.optopt), (c(':'), optind, c('b')), "{}", profile.name);
        assert!(state.printed.is_empty());
    }
}

#[test]
fn l4_an_ambiguous_name_lists_what_it_may_mean() {
    let (made, state) = run(&GLIBC, GetoptLong, "a", "--al=1", 1);
    assert_eq!((made[0].0, made[0].2, state.optopt, state.longindex), (c('?'), 2, 0, -1));
    assert_eq!(text(&state.printed), "prog: option '--al=1' is ambiguous; possibilities: '--alpha' '--all'\n");
    let said = |profile| text(&run(profile, GetoptLong, "a", "--al=1", 1).1.printed);
    assert_eq!(said(&MUSL), "prog: option is ambiguous: al=1\n");
    assert_eq!(said(&FREEBSD), "prog: option `--al' is ambiguous\n");
    assert_eq!(said(&NETBSD), "prog: ambiguous option -- al\n");
}

#[test]
fn l5_entries_that_mean_the_same_are_not_ambiguous() {
    for profile in [&GLIBC, &FREEBSD, &NETBSD] {
        let (made, state) = run(profile, GetoptLong, "a", "--colo", 1);
        assert_eq!((made[0].0, state.longindex), (c('c'), 6), "{}", profile.name);
    }
    assert_eq!(run(&MUSL, GetoptLong, "a", "--colo", 1).0[0].0, c('?'));
}

#[test]
fn l6_a_surplus_argument_is_no_missing_one() {
    for (profile, code) in [(&GLIBC, '?'), (&MUSL, '?'), (&FREEBSD, '?'), (&NETBSD, ':')] {
        let (made, state) = run(profile, GetoptLong, ":ab", "--alpha=3", 1);
        assert_eq!((made[0].0, state.optopt), (c(code), c('a')), "{}", profile.name);
        assert!(state.printed.is_empty());
    }
}

#[test]
fn l7_a_required_argument_may_look_like_anything() {
    let (made, _) = run(&GLIBC, GetoptLong, "a", "--beta -- x", 2);
    assert_eq!(made, [(4, "--".into(), 3), (-1, String::new(), 3)]);
}

#[test]
fn l8_in_order_and_the_environment() {
    for profile in [&GLIBC, &MUSL, &FREEBSD, &NETBSD] {
        let mut state = State::new(&["prog", "x", "--alpha"]);
        state.posixly_correct = true;
        let mut call = || state.call(profile, GetoptLong, b"-ab", Some(&table())).answer;
        if profile.name == "netbsd" {
            assert_eq!(call(), Answer::Returned(-1));
        } else {
            assert_eq!([call(), call(), call()], [1, c('a'), -1].map(Answer::Returned), "{}", profile.name);
        }
    }
}

#[test]
fn l9_and_l10_one_dash() {
    let codes = |profile, argv| -> Vec<i32> {
        run(profile, GetoptLongOnly, "ab:cx", argv, 3).0.iter().map(|made| made.0).collect()
    };
    assert_eq!(codes(&GLIBC, "-x -xa"), [c('x'), c('x'), c('a')]);
    assert_eq!(codes(&MUSL, "-x -xa"), [c('x'), c('x'), c('a')]);
    assert_eq!(codes(&FREEBSD, "-x -xa")[0], 7);
    assert_eq!(codes(&GLIBC, "-colo")[..2], [c('?'), -1]);
    assert_eq!(codes(&FREEBSD, "-colo")[..2], [c('?'), -1]);
    let (made, state) = run(&MUSL, GetoptLongOnly, "ab:c", "-colo", 4);
    assert_eq!(made.iter().map(|made| made.0).collect::<Vec<_>>(), [c('c'), c('?'), c('?'), c('?')]);
    assert_eq!(text(&state.printed).lines().count(), 3);
    let (made, state) = run(&FREEBSD, GetoptLongOnly, "n", "-nope", 2);
    assert_eq!((made[0].0, made[1].0), (c('n'), c('?')));
    assert_eq!(text(&state.printed), "prog: unrecognized option `-ope'\n");
    let (made, _) = run(&GLIBC, GetoptLongOnly, "f:", "-fu -fq", 2);
    assert_eq!((made[0].0, &made[1]), (6, &(c('f'), "q".to_owned(), 3)));
}

#[test]
fn l11_another_argv_in_the_middle_of_a_cluster() {
    for (profile, code) in [(&GLIBC, 'b'), (&FREEBSD, 'b'), (&MUSL, 'y')] {
        let mut state = State::new(&["prog", "-ab"]);
        state.call(profile, Getopt, b"abxy", None);
        state.argv = State::new(&["prog", "-xy"]).argv;
        state.optind = 1;
        assert_eq!(state.call(profile, Getopt, b"abxy", None).answer, Answer::Returned(c(code)), "{}", profile.name);
    }
}

#[test]
fn l12_and_l13_w_semicolon() {
    let (made, _) = run(&GLIBC, GetoptLong, "aW;", "-W beta 4", 2);
    assert_eq!(made, [(4, "4".into(), 4), (-1, String::new(), 4)]);
    let (made, _) = run(&MUSL, GetoptLong, "aW;", "-W beta 4", 2);
    assert_eq!((made[0].0, made[1].0, made[1].2), (c('W'), -1, 2));
    let (made, state) = run(&GLIBC, GetoptLong, "aW;", "-W alpha=1", 1);
    assert_eq!(made[0].0, c('?'));
    assert_eq!(text(&state.printed), "prog: option '-W alpha' doesn't allow an argument\n");
}

#[test]
fn l14_a_lone_dash() {
    let (made, state) = run(&GLIBC, Getopt, "a-b", "- -a", 2);
    assert_eq!((made[0].0, made[1].0, made[1].2, argv(&state)), (c('a'), -1, 2, "-a -".to_owned()));
    let (made, _) = run(&FREEBSD, Getopt, "a-b", "- -a", 2);
    assert_eq!((made[0].0, made[1].0), (c('-'), c('a')));
    let (made, _) = run(&MUSL, Getopt, "a-b", "- -a", 1);
    assert_eq!((made[0].0, made[0].2), (-1, 1));
}

#[test]
fn l15_the_environment_counts_at_a_restart() {
    let mut state = State::new(&["prog", "-a", "x", "-b"]);
    state.call(&GLIBC, Getopt, b"ab", None);
    state.posixly_correct = true;
    assert_eq!(state.call(&GLIBC, Getopt, b"ab", None).answer, Answer::Returned(c('b')));
    state.optind = 0;
    assert_eq!(state.call(&GLIBC, Getopt, b"ab", None).answer, Answer::Returned(c('a')));
    // The operand was skipped and not moved yet: moving it is the next call's business, and that one restarted.
    assert_eq!(state.call(&GLIBC, Getopt, b"ab", None).answer, Answer::Returned(-1));
}

#[test]
fn l16_and_l17_calls_after_the_end() {
    let codes = |profile, argv, calls| -> Vec<(i32, usize)> {
        run(profile, Getopt, "ab", argv, calls).0.iter().map(|made| (made.0, made.2)).collect()
    };
    assert_eq!(codes(&GLIBC, "-a -- x -b", 4), [(c('a'), 2), (-1, 3), (c('b'), 5), (-1, 4)]);
    for profile in [&MUSL, &FREEBSD, &NETBSD] {
        assert_eq!(codes(profile, "-a -- x -b", 3), [(c('a'), 2), (-1, 3), (-1, 3)], "{}", profile.name);
    }
    for profile in [&GLIBC, &MUSL, &FREEBSD, &NETBSD] {
        let ends = [(c('a'), 2), (-1, 3), (-1, 4), (c('b'), 5), (-1, 5)];
        assert_eq!(codes(profile, "-a -- -- -b", 5), ends, "{}", profile.name);
        assert_eq!(codes(profile, "-- -a", 2)[1].0, c('a'), "{}", profile.name);
    }
}

/// musl rotates its argv terminator into argv when a missing argument comes after operands.
#[test]
fn musl_loses_an_operand_behind_a_missing_argument() {
    let (made, state) = run(&MUSL, GetoptLong, "b:", "x -b", 2);
    assert_eq!((made[0].0, made[0].2, made[1].0), (c('?'), 3, -1));
    let slots: Vec<_> = state.argv[1..].iter().map(|slot| slot.as_deref().map(text)).collect();
    assert_eq!(slots, [Some("-b".to_owned()), None, Some("x".to_owned())]);
}

#[test]
fn texts_round_trip() {
    for op in [
        "argv [-a,%,%FFx,%2C,a%20b]",
        "argv x,-a",
        "argv [%]",
        "argv []",
        "argv [--]",
        "longopts alpha=a,beta:=4,c::@1=3,d",
        "optstring :ab:",
        "optstring %",
        "optstring %2D-a",
    ] {
        assert_eq!(op.parse::<Op>().unwrap().to_string(), op);
    }
    for ret in ["b(1)", "b(%)", "-1", "?", "4", "[]", "[%]", "{prog: no%0A}", "undefined", "ok", "57216"] {
        assert_eq!(ret.parse::<Ret>().unwrap().to_string(), ret);
    }
    assert!("argv %4".parse::<Op>().is_err() && "longopts =a".parse::<Op>().is_err() && "b(".parse::<Ret>().is_err());
}

/// Calls, and between them what the program does: what each call returns.
fn made(
    profile: &Profile,
    optstring: &str,
    words: &str,
    between: impl Fn(usize, &mut State),
    calls: usize,
) -> (Vec<i32>, State) {
    let words: Vec<&str> = std::iter::once("prog").chain(words.split_whitespace()).collect();
    let mut state = State::new(&words).with_library(profile);
    let table = table();
    let call = |number: usize| {
        between(number, &mut state);
        match state.call(profile, GetoptLong, optstring.as_bytes(), Some(&table)).answer {
            Answer::Returned(code) => code,
            Answer::Undefined => panic!("undefined"),
        }
    };
    let returned = (0..calls).map(call).collect();
    (returned, state)
}

#[test]
fn a_bsd_prints_names_as_they_were_written() {
    let said = |profile, words| text(&run(profile, GetoptLong, "a", words, 1).1.printed);
    assert_eq!(said(&FREEBSD, "--fub=3"), "prog: option `--fub' doesn't allow an argument\n");
    assert_eq!(said(&FREEBSD, "--be"), "prog: option `--be' requires an argument\n");
    assert_eq!(said(&NETBSD, "--fub=3"), "prog: option doesn't take an argument -- fub\n");
    assert_eq!(said(&NETBSD, "--be"), "prog: option requires an argument -- be\n");
    assert_eq!(said(&GLIBC, "--fub=3"), "prog: option '--fubar' doesn't allow an argument\n");
}

#[test]
fn a_bsd_has_an_option_of_a_lone_dash_in_getopt_only() {
    for profile in [&FREEBSD, &NETBSD] {
        assert_eq!(run(profile, Getopt, "a-", "-", 1).0[0].0, c('-'), "{}", profile.name);
        assert_eq!(run(profile, GetoptLong, "a-", "-", 1).0[0].0, -1, "{}", profile.name);
    }
}

#[test]
fn a_bsd_moves_operands_when_it_meets_the_next_one() {
    for profile in [&FREEBSD, &NETBSD] {
        let after = |calls| argv(&made(profile, "ab", "x -a -b y -a", |_, _| (), calls).1);
        assert_eq!([2, 3, 4].map(after), ["x -a -b y -a", "-a -b x y -a", "-a -b -a x y"], "{}", profile.name);
    }
    let after = |calls| argv(&made(&GLIBC, "ab", "x -a -b y -a", |_, _| (), calls).1);
    assert_eq!([2, 3, 4].map(after), ["-a x -b y -a", "-a -b x y -a", "-a -b -a x y"]);
}

/// The real function would rotate a negative number of words.
#[test]
fn a_bsd_whose_optind_is_put_before_what_it_skipped_is_undefined() {
    let mut state = State::new(&["prog", "x", "-a", "y"]);
    assert_eq!(state.call(&FREEBSD, GetoptLong, b"ab", None).answer, Answer::Returned(c('a')));
    state.optind = 1;
    assert_eq!(state.call(&FREEBSD, GetoptLong, b"ab", None).answer, Answer::Undefined);
    state.optind = 2;
    assert_eq!(state.call(&FREEBSD, GetoptLong, b"ab", None).answer, Answer::Returned(c('a')));
    state.optreset = true;
    state.optind = 1;
    assert_eq!(state.call(&FREEBSD, GetoptLong, b"ab", None).answer, Answer::Returned(c('a')));
}

#[test]
fn the_environment_is_looked_at_where_the_library_does() {
    let set_it = |number, state: &mut State| state.posixly_correct = number > 0;
    assert_eq!(made(&NETBSD, "ab", "-a x -b", set_it, 2).0, [c('a'), -1]);
    assert_eq!(made(&FREEBSD, "ab", "-a x -b", set_it, 2).0, [c('a'), c('b')]);
    assert_eq!(made(&GLIBC, "ab", "-a x -b", set_it, 2).0, [c('a'), c('b')]);
}

#[test]
fn a_bsd_getopt_forgets_the_argument_of_an_earlier_option() {
    for (profile, argument) in [(&FREEBSD, ""), (&NETBSD, ""), (&MUSL, "x"), (&GLIBC, "")] {
        assert_eq!(run(profile, Getopt, "b:a", "-b x -a", 2).0[1].1, argument, "{}", profile.name);
    }
    assert_eq!(run(&FREEBSD, Getopt, "b:", "-b x -b", 2).0[1].1, "x", "not where it has found no option");
}

#[test]
fn optopt_is_what_the_library_leaves_there() {
    let optopt = |profile: &Profile, words: &[&str]| {
        let mut state = State::new(words).with_library(profile);
        state.call(profile, Getopt, b"a", None);
        state.optopt
    };
    assert_eq!([&GLIBC, &MUSL, &FREEBSD].map(|profile| optopt(profile, &["prog", "x"])), [0; 3]);
    assert_eq!([&GLIBC, &MUSL, &FREEBSD].map(|profile| optopt(profile, &["prog", "--"])), [0, 0, c('-')]);
    assert_eq!(State::new(&["prog"]).with_library(&GLIBC).optopt, c('?'));
}

/// In FreeBSD what comes after a dash within a cluster is a name, and nothing after it begins the element anew.
#[test]
fn a_dash_within_a_cluster() {
    assert_eq!(made(&FREEBSD, "a", "-a-alpha", |_, _| (), 3).0, [c('a'), c('a'), -1]);
    let (returned, state) = made(&FREEBSD, "a", "-a-", |_, _| (), 3);
    assert_eq!((returned, state.optind), (vec![c('a'), c('?'), c('a')], 1));
    let (returned, state) = made(&NETBSD, "a", "-a-", |_, _| (), 3);
    assert_eq!((returned, state.optind), (vec![c('a'), c('?'), -1], 2));
    assert_eq!(made(&NETBSD, "aW;", "-W %", |_, _| (), 1).0, [c('?')]);
    let mut state = State::new(&["prog", "-W", ""]);
    assert_eq!(state.call(&NETBSD, GetoptLong, b"aW;", Some(&table())).answer, Answer::Returned(-1));
    assert_eq!(state.optind, 3);
}

/// musl's terminator may be in argv, and a word where it was.
#[test]
fn musl_looks_for_options_within_argc_only() {
    let mut state = State::new(&["prog", "z", "-b"]);
    let table = table();
    assert_eq!(state.call(&MUSL, GetoptLong, b"b:", Some(&table)).answer, Answer::Returned(c('?')));
    assert_eq!(state.argv[3].as_deref(), Some(&b"z"[..]));
    state.optind = 3;
    assert_eq!(state.call(&MUSL, GetoptLong, b"-b:", Some(&table)).answer, Answer::Returned(-1));
}

/// What C cannot have, and what no caller could tell apart, is no litmus test.
#[test]
fn what_cannot_be_meant_is_refused() {
    for wrong in
        ["optstring a%00b", "argv [-a,x%00]", "longopts a%00=1", "longopts a@2=3", "longopts a@255", "longopts a=-1"]
    {
        let refused = wrong.parse::<Op>().unwrap_err();
        assert!(refused.message.starts_with("cannot read"), "{wrong}: {}", refused.message);
    }
    for right in ["optstring a%01b", "longopts a@1=3", "longopts a@0=-1", "longopts a=-2"] {
        assert_eq!(right.parse::<Op>().unwrap().to_string(), right);
    }
}

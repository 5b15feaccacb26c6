//! The spec against live C libraries: the glibc of this process, glibc under POSIXLY_CORRECT, musl.
//!
//! The environment is set in child processes of one thread only.

use selvedge_model::getopt::profile::{FREEBSD, GLIBC, MUSL, NETBSD};
use selvedge_model::getopt::{Function, HasArg, LongOption, Profile};
use selvedge_verify::fuzz::getopt::drawn;
use selvedge_verify::oracle::getopt::{Act, Case, Child, Intervention, Libc, SpecRun, compare};

const SEED: u64 = 5;
const CASES: u64 = 4_000;

/// Cases compared, with the calls made in them; `None` if the library cannot be had, which is said.
fn compared(libc: Libc, profile: &Profile, change: impl Fn(u64, &mut Case)) -> Option<usize> {
    let mut child = match Child::start(libc) {
        Ok(child) => child,
        Err(why) => {
            println!("skipped: {why}");
            return None;
        }
    };
    let calls = (0..CASES).map(|number| {
        let mut case = drawn(SEED, number);
        change(number, &mut case);
        let agreed = compare(&case, &mut SpecRun::new(profile, &case), &mut [&mut child.begin(&case)]);
        agreed.unwrap_or_else(|difference| panic!("{difference}"))
    });
    Some(calls.sum())
}

#[test]
fn glibc_in_a_child_does_what_the_spec_says() {
    let calls = compared(Libc::Glibc, &GLIBC, |number, case| case.posixly_correct = number % 2 == 0);
    assert!(calls.is_none_or(|calls| calls > 10_000), "{calls:?}");
}

#[test]
fn musl_does_what_the_spec_says() {
    let calls = compared(Libc::Musl, &MUSL, |number, case| case.posixly_correct = number % 4 == 0);
    assert!(calls.is_none_or(|calls| calls > 10_000), "{calls:?}");
}

/// musl has moved a word to where its terminator was, and a scan that begins there does not see it.
#[test]
fn musl_is_at_the_end_at_argc() {
    let Ok(mut child) = Child::start(Libc::Musl) else { return };
    let before_call = |act| Intervention { before_call: 1, act };
    let case = Case {
        table: vec![LongOption { name: b"xx".to_vec(), has_arg: HasArg::No, flag: None, val: 7 }],
        interventions: [Act::SetOptind(3), Act::Optstring(b"-b:".to_vec())].map(before_call).to_vec(),
        ..Case::new(Function::GetoptLong, b"b:", &["prog", "z", "-b"])
    };
    let calls = compare(&case, &mut SpecRun::new(&MUSL, &case), &mut [&mut child.begin(&case)]);
    assert_eq!(calls, Ok(2));
}

/// The comparison can fail: held against another library's spec it does.
#[test]
fn the_libraries_are_told_apart() {
    let Ok(mut child) = Child::start(Libc::Glibc) else { return };
    for profile in [&MUSL, &FREEBSD, &NETBSD] {
        let parts = (0..CASES).find(|number| {
            let case = drawn(SEED, *number);
            compare(&case, &mut SpecRun::new(profile, &case), &mut [&mut child.begin(&case)]).is_err()
        });
        assert!(parts.is_some_and(|number| number < 100), "{}: {parts:?}", profile.name);
    }
}

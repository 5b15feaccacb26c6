//! Every planted bug is found by the property that ours passes, and the plain code without one is not.

use arbitrary::{Arbitrary, Unstructured};
use selvedge_verify::fuzz::uio::{self, Found, Handed, Session};
use selvedge_verify::mutant::uio::{self as bug, Bug};
use selvedge_verify::oracle::linux_iovec::Draws;

/// Inputs that are drawn before a bug counts as not found.
const INPUTS_MAX: usize = 50_000;

/// The first input, of so many, that shows the bug, and how.
fn hunt(one: impl Fn(&[u8]) -> Option<Found>) -> Option<(usize, Found)> {
    let mut draws = Draws::new(7);
    (1..=INPUTS_MAX).find_map(|number| one(&draws.bytes(16 + number % 160)).map(|found| (number, found)))
}

fn session(bytes: &[u8], bug: Bug) -> Option<Found> {
    let session = Session::arbitrary_take_rest(Unstructured::new(bytes)).ok()?;
    uio::session(&session, Some(bug)).err()
}

fn import(bytes: &[u8], bug: Bug) -> Option<Found> {
    let handed = Handed::arbitrary_take_rest(Unstructured::new(bytes)).ok()?;
    uio::import(&handed, Some(bug)).err()
}

#[test]
fn every_planted_bug_is_found() {
    let mut survivors = Vec::new();
    let mut report = |name: &'static str, killed: Option<(usize, Found)>| match killed {
        Some((number, found)) => println!("{name}: killed by input {number}: {found}"),
        None => survivors.push(name),
    };
    for planted in bug::MUTANTS {
        report(planted.name, hunt(|bytes| session(bytes, planted.bug)));
    }
    for planted in bug::IMPORT_MUTANTS {
        report(planted.name, hunt(|bytes| import(bytes, planted.bug)));
    }
    assert!(survivors.is_empty(), "{survivors:?} survived {INPUTS_MAX} inputs");
    assert!(bug::MUTANTS.len() + bug::IMPORT_MUTANTS.len() >= 12);
}

#[test]
fn without_a_bug_the_plain_code_is_what_the_spec_says() {
    assert_eq!(hunt(|bytes| session(bytes, bug::NONE)), None);
    assert_eq!(hunt(|bytes| import(bytes, bug::NONE)), None);
}

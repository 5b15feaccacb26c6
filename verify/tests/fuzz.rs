//! The fuzzer's seeds for programs and schedules, and what it once found, without a fuzzer.

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use selvedge_verify::fuzz::cond::Oracle;
use selvedge_verify::fuzz::uio;
use selvedge_verify::oracle::linux_iovec;

/// The inputs of a target, by path.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["seeds", "regressions"].map(|kind| fuzz.join(kind).join(target));
    // Where nothing was ever found there is no folder of regressions.
    let entries = folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn seeds_and_regressions_find_nothing() {
    let mut oracle = Oracle::new(None).unwrap();
    let (schedules, programs) = (inputs("cond_schedule"), inputs("cond_program"));
    assert!(schedules.len() >= 2 && programs.len() >= 3, "{} and {}", schedules.len(), programs.len());
    for (path, input) in schedules {
        assert!(oracle.schedule(&input).is_none(), "{path}");
    }
    for (path, input) in programs {
        assert!(oracle.program(&input).is_none(), "{path}");
    }
}

/// A seed that finds a planted bug by itself would make the fuzzer look better than it is.
#[test]
fn no_seed_gives_a_planted_bug_away() {
    for planted in selvedge_verify::mutant::cond::MUTANTS {
        let oracle = Oracle::new(Some(planted.name)).unwrap();
        for (path, input) in inputs("cond_schedule") {
            assert!(oracle.schedule(&input).is_none(), "{path} finds {}", planted.name);
        }
    }
}

/// The inputs of a target that takes a value, by path.
fn values<T: for<'a> Arbitrary<'a>>(target: &str) -> Vec<(String, T)> {
    let read = |bytes: &[u8]| T::arbitrary_take_rest(Unstructured::new(bytes)).expect("a seed is an input");
    inputs(target).into_iter().map(|(path, bytes)| (path, read(&bytes))).collect()
}

#[test]
fn seeds_and_regressions_of_transfers_find_nothing() {
    let (sessions, vectors) = (values::<uio::Session>("uio_model"), values::<uio::Handed>("iovec_import"));
    let questions = values::<linux_iovec::Question>("iovec_linux");
    assert!(sessions.len() >= 2 && vectors.len() >= 2 && questions.len() >= 2);
    for (path, session) in sessions {
        assert_eq!(uio::session(&session, None), Ok(()), "{path}");
        assert_eq!(uio::cursors(&session), Ok(()), "{path}");
    }
    for (path, handed) in vectors {
        assert_eq!(uio::import(&handed, None), Ok(()), "{path}");
    }
    for (path, question) in questions {
        linux_iovec::ask(&question).unwrap_or_else(|surprise| panic!("{path}: {surprise}"));
    }
}

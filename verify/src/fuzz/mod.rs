//! What the fuzz targets do with their bytes: one file a system. A target is a few lines of glue around what stands here,
//! and property tests call the same.
//!
//! A target runs ours, or a planted bug instead that the environment names ([`MUTANT`]), to show that it would be found.

pub mod canary;
pub mod cond;
pub mod getopt;
pub mod uio;

use crate::mutant::{self, Planted};

/// The environment variable that names the planted bug to be run instead of ours.
pub const MUTANT: &str = "SELVEDGE_FUZZ_MUTANT";

/// The bugs that are planted for a fuzz target; none where its subject is not ours to plant them in.
pub fn planted(target: &str) -> Vec<Planted<()>> {
    match target {
        "cond_schedule" | "cond_program" => described(mutant::cond::MUTANTS),
        "getopt_model" => described(mutant::getopt::MUTANTS),
        "uio_model" => described(mutant::uio::MUTANTS),
        "iovec_import" => described(mutant::uio::IMPORT_MUTANTS),
        _ => Vec::new(),
    }
}

fn described<B: Copy>(planted: &[Planted<B>]) -> Vec<Planted<()>> {
    planted.iter().map(|planted| planted.described()).collect()
}

/// For fuzz targets: what is made of the name in [`MUTANT`], or of none.
///
/// # Panics
///
/// If nothing can be made of it. The message begins with the variable's name.
pub fn by_environment<T>(make: impl FnOnce(Option<&str>) -> Result<T, String>) -> T {
    let name = std::env::var(MUTANT).ok();
    make(name.as_deref()).unwrap_or_else(|wrong| panic!("{MUTANT}: {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Makes = fn(&str) -> Result<(), String>;

    /// Each target's own way from a name to a bug.
    const TARGETS: [(&str, Makes); 5] = [
        ("cond_schedule", |name| cond::Oracle::new(Some(name)).map(drop)),
        ("cond_program", |name| cond::Oracle::new(Some(name)).map(drop)),
        ("getopt_model", |name| getopt::Oracle::new(Some(name)).map(drop)),
        ("uio_model", |name| uio::planted_session(Some(name)).map(drop)),
        ("iovec_import", |name| uio::planted_import(Some(name)).map(drop)),
    ];

    #[test]
    fn a_target_knows_the_bugs_that_are_planted_for_it_and_no_others() {
        for (target, makes) in TARGETS {
            let bugs = planted(target);
            assert!(bugs.len() >= 4, "{target}: {bugs:?}");
            for bug in &bugs {
                assert_eq!(makes(bug.name), Ok(()), "{target}");
                assert!(!bug.breaks.is_empty() && !bug.planted.ends_with('.'), "{bug:?}");
            }
            let error = makes("X99").unwrap_err();
            let first = format!("there is no planted bug `X99`; there are {}", bugs[0].name);
            assert!(error.starts_with(&first), "{target}: {error}");
        }
        assert!(
            uio::planted_import(Some("U01")).is_err(),
            "planted in the transfer, and not in what takes a vector in"
        );
        assert!(planted("litmus_parse").is_empty());
    }
}

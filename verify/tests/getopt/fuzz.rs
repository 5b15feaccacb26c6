//! What the fuzz targets do, with cases drawn from a fixed seed and with the committed seeds and regressions.

use std::fs;
use std::path::Path;

use selvedge_verify::fuzz::getopt as fuzz;

const CASES: u64 = 20_000;

#[test]
fn ours_does_what_the_spec_says() {
    for number in 0..CASES {
        fuzz::check_model(&fuzz::drawn(1, number));
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn glibc_does_what_the_spec_says() {
    let mut glibc = selvedge_verify::oracle::getopt::Glibc::lock();
    for number in 0..CASES {
        fuzz::check_glibc(&mut glibc, &fuzz::drawn(2, number));
    }
}

/// The committed inputs of a target.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["seeds", "regressions"].map(|kind| root.join(kind).join(target));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    entries.map(|entry| fs::read(entry.expect("it can be read").path()).expect("it can be read")).collect()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn seeds_and_regressions_pass() {
    let mut glibc = selvedge_verify::oracle::getopt::Glibc::lock();
    let oracle = fuzz::Oracle::new(None).unwrap();
    for target in ["getopt_model", "getopt_glibc", "getopt_long_glibc"] {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "{target} has seeds");
        for input in inputs {
            match target {
                "getopt_model" => oracle.check(&input),
                _ => fuzz::glibc(&mut glibc, target == "getopt_long_glibc", &input),
            }
        }
    }
}

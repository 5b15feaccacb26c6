//! A command line and what a program passes with it, over our getopt, or over the planted bug that SELVEDGE_FUZZ_MUTANT names.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::by_environment;
use selvedge_verify::fuzz::getopt::Oracle;

thread_local! {
    static ORACLE: LazyCell<Oracle> = LazyCell::new(|| by_environment(Oracle::new));
}

fuzz_target!(|bytes: &[u8]| ORACLE.with(|oracle| oracle.check(bytes)));

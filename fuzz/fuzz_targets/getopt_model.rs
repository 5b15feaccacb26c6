//! A command line and what a program passes with it, over our getopt, or over the planted bug that SELVEDGE_FUZZ_MUTANT names.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::getopt::Oracle;

thread_local! {
    static ORACLE: LazyCell<Oracle> = LazyCell::new(|| {
        let mutant = std::env::var("SELVEDGE_FUZZ_MUTANT").ok();
        Oracle::new(mutant.as_deref()).unwrap_or_else(|wrong| panic!("SELVEDGE_FUZZ_MUTANT: {wrong}"))
    });
}

fuzz_target!(|bytes: &[u8]| ORACLE.with(|oracle| oracle.check(bytes)));

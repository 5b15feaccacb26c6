//! A program of the corpus (the first byte) under a schedule (the others), over our condition variable, or over the planted
//! bug that SELVEDGE_FUZZ_MUTANT names.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::by_environment;
use selvedge_verify::fuzz::cond::Oracle;

thread_local! {
    static ORACLE: LazyCell<Oracle> = LazyCell::new(|| by_environment(Oracle::new));
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = ORACLE.with(|oracle| oracle.schedule(bytes)) {
        panic!("{found}");
    }
});

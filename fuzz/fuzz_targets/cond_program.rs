//! A program and its schedule, both made of the bytes, over our condition variable, or over the planted bug that
//! SELVEDGE_FUZZ_MUTANT names.

#![no_main]

use std::cell::{LazyCell, RefCell};

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::by_environment;
use selvedge_verify::fuzz::cond::Oracle;

thread_local! {
    static ORACLE: LazyCell<RefCell<Oracle>> = LazyCell::new(|| RefCell::new(by_environment(Oracle::new)));
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = ORACLE.with(|oracle| oracle.borrow_mut().program(bytes)) {
        panic!("{found}");
    }
});

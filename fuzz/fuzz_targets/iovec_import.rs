//! A vector that somebody hands over, taken in with a kernel's limits. SELVEDGE_FUZZ_MUTANT names a planted bug to run
//! instead of ours.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::by_environment;
use selvedge_verify::fuzz::uio::{self, Handed};

thread_local! {
    static BUG: LazyCell<Option<u8>> = LazyCell::new(|| by_environment(uio::planted_import));
}

fuzz_target!(|handed: Handed| {
    if let Err(found) = BUG.with(|bug| uio::import(&handed, **bug)) {
        panic!("{found}");
    }
});

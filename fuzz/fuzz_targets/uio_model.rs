//! Calls of one transfer, and cursors over slices, in lockstep with the spec. SELVEDGE_FUZZ_MUTANT names a planted bug to
//! run instead of ours.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::by_environment;
use selvedge_verify::fuzz::uio::{self, Session};

thread_local! {
    static BUG: LazyCell<Option<u8>> = LazyCell::new(|| by_environment(uio::planted_session));
}

fuzz_target!(|session: Session| {
    if let Err(found) = BUG.with(|bug| uio::session(&session, **bug)).and_then(|()| uio::cursors(&session)) {
        panic!("{found}");
    }
});

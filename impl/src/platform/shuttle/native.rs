//! Shuttle's own condition variable and mutex, as a peer.

use super::super::simulated::Engine;

super::super::native::native_cond!(Shuttle, shuttle);

/// Whether the execution has made any.
pub(super) fn is_used() -> bool {
    MADE.with_borrow(|made| !made.is_empty())
}

/// Where a thread is inside shuttle's code, if it is.
pub(super) fn inside(thread: usize) -> Option<(ObjectId, &'static Location<'static>)> {
    INSIDE.with_borrow(|inside| {
        inside.iter().find(|(other, ..)| *other == thread).map(|(_, object, location)| (*object, *location))
    })
}

/// Shuttle's mutex orders what its holders do; races are found by clocks of ours, which must be told.
fn acquired(mutex: &Object) {
    <Shuttle as Engine>::acquire(mutex, 0);
}

/// As above.
fn released(mutex: &Object) {
    <Shuttle as Engine>::release(mutex, 0);
}

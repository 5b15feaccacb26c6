//! Loom's own condition variable and mutex, as a peer, and an atomic, to show what loom makes of it.

pub use loom::sync::atomic::AtomicUsize;

super::super::native::native_cond!(Loom, loom);

/// Whether the execution has made any.
pub(super) fn is_used() -> bool {
    MADE.with_borrow(|made| !made.is_empty())
}

/// Loom knows what its own mutex orders.
fn acquired(_: &Object) {}

/// As above.
fn released(_: &Object) {}

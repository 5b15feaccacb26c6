//! Keeps panics that a runner catches off stderr.
//!
//! One hook is installed, once, on top of the one that it finds, which it calls for every panic of a thread that is not
//! inside a [`Quiet`] scope. Shuttle would put a hook of its own on top of ours with its first run, one that announces
//! every panic of the process; it is provoked and removed first.

use std::cell::Cell;
use std::panic;
use std::sync::{Arc, Once};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, panics on this thread are not printed.
pub(super) struct Quiet(());

impl Quiet {
    pub(super) fn new() -> Self {
        install();
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = Arc::new(panic::take_hook());
        #[cfg(feature = "shuttle")]
        {
            let kept = Arc::clone(&previous);
            panic::set_hook(Box::new(move |info| kept(info)));
            super::shuttle::provoke_hook();
            drop(panic::take_hook());
        }
        panic::set_hook(Box::new(move |info| {
            if DEPTH.try_with(Cell::get).unwrap_or(0) == 0 {
                previous(info);
            }
        }));
    });
}

/// The text of a panic.
pub(super) fn message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

//! Which memory orderings a program asks for under loom, and what becomes of it with one of them weakened.
//!
//! For the harness that shows each ordering to be needed. Both are per thread of the machine, and loom runs a whole
//! search on the thread that starts it: [`collect`] and [`weakened`] go around
//! [`explore`](super::explore). Outside of both an access costs the look at one flag.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;

use super::super::Ordering;

/// One place in the source that asks for an ordering.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site {
    /// As `file!()` names it.
    pub file: &'static str,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: u32,
    /// What it asks the ordering for.
    pub purpose: Purpose,
}

/// What an ordering is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// A load.
    Load,
    /// A store.
    Store,
    /// A read-modify-write that always succeeds.
    Update,
    /// A compare-exchange that succeeds.
    Success,
    /// A compare-exchange that fails.
    Failure,
    /// A fence.
    Fence,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Load => "load",
            Self::Store => "store",
            Self::Update => "read-modify-write",
            Self::Success => "compare-exchange that succeeds",
            Self::Failure => "compare-exchange that fails",
            Self::Fence => "fence",
        })
    }
}

/// Runs something, and tells the orderings that its accesses under loom asked for.
pub fn collect<R>(run: impl FnOnce() -> R) -> (R, BTreeMap<Site, Ordering>) {
    let restore = Restore::begin(Hook { sites: Some(BTreeMap::new()), weakened: None });
    let result = run();
    let sites = HOOK.with_borrow_mut(|hook| hook.sites.take()).unwrap_or_default();
    drop(restore);
    (result, sites)
}

/// Runs something with the ordering of one place replaced; `None` leaves a fence out.
///
/// # Panics
///
/// If nothing is given for what is no fence: an access has some ordering.
pub fn weakened<R>(site: Site, order: Option<Ordering>, run: impl FnOnce() -> R) -> R {
    assert!(order.is_some() || site.purpose == Purpose::Fence, "only a fence can be left out");
    let _restore = Restore::begin(Hook { sites: None, weakened: Some((site, order)) });
    run()
}

/// The ordering to use where an access asks for `order`.
pub(super) fn ordering(location: &'static Location<'static>, purpose: Purpose, order: Ordering) -> Ordering {
    if IN_USE.get() { apply(location, purpose, order).unwrap_or(order) } else { order }
}

/// The ordering to use where a fence asks for `order`; `None` if it is left out.
pub(super) fn fence(location: &'static Location<'static>, order: Ordering) -> Option<Ordering> {
    if IN_USE.get() { apply(location, Purpose::Fence, order) } else { Some(order) }
}

#[cold]
fn apply(location: &'static Location<'static>, purpose: Purpose, order: Ordering) -> Option<Ordering> {
    let site = Site { file: location.file(), line: location.line(), column: location.column(), purpose };
    HOOK.with_borrow_mut(|hook| {
        if let Some(sites) = &mut hook.sites {
            sites.insert(site, order);
        }
        match hook.weakened {
            Some((weakened, order)) if weakened == site => order,
            _ => Some(order),
        }
    })
}

thread_local! {
    static IN_USE: Cell<bool> = const { Cell::new(false) };
    static HOOK: RefCell<Hook> = const { RefCell::new(Hook { sites: None, weakened: None }) };
}

#[derive(Default)]
struct Hook {
    sites: Option<BTreeMap<Site, Ordering>>,
    weakened: Option<(Site, Option<Ordering>)>,
}

/// Takes the hook away at the end, also of an unwind.
struct Restore;

impl Restore {
    fn begin(hook: Hook) -> Self {
        assert!(!IN_USE.replace(true), "orderings are collected or weakened by one at a time");
        HOOK.set(hook);
        Restore
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        IN_USE.set(false);
        HOOK.take();
    }
}

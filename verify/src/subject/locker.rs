//! A raw reader-writer lock for subjects, obviously right: one conditional critical region.
//!
//! Mutants and peers without a lock of their own use it, so that a planted bug is the only thing wrong.

use selvedge::platform::{Platform, Region};

use super::Stop;

/// What Go prints when a mutex is unlocked that nobody holds.
pub const UNLOCK_OF_UNLOCKED: &str = "sync: unlock of unlocked mutex";

/// A lock with separate `lock` and `unlock` and no owner, as in Go.
pub struct RegionLock<P: Platform>(P::Region<Holders>);

#[derive(Default)]
struct Holders {
    readers: u32,
    writer: bool,
}

/// Which side of the lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Shared with other readers.
    Read,
    /// Exclusive.
    Write,
}

impl<P: Platform> RegionLock<P> {
    /// A free lock.
    pub fn new() -> Self {
        RegionLock(Region::new(Holders::default()))
    }

    /// Waits for the lock.
    pub fn lock(&self, side: Side) {
        match side {
            Side::Write => {
                self.0.when(|held| !held.writer && held.readers == 0, |held| held.writer = true);
            }
            Side::Read => self.0.when(|held| !held.writer, |held| held.readers += 1),
        }
    }

    /// Takes the read side without looking whether a writer is inside: for a planted bug.
    pub(crate) fn read_unchecked(&self) {
        self.0.with(|held| held.readers += 1);
    }

    /// Releases the lock; a fatal error if it is not held.
    pub fn unlock(&self, side: Side) -> Result<(), Stop> {
        let was_held = self.0.with(|held| match side {
            Side::Write => std::mem::replace(&mut held.writer, false),
            Side::Read => held.readers.checked_sub(1).map(|readers| held.readers = readers).is_some(),
        });
        if was_held { Ok(()) } else { Err(Stop::Abort(UNLOCK_OF_UNLOCKED.into())) }
    }
}

impl<P: Platform> Default for RegionLock<P> {
    fn default() -> Self {
        RegionLock::new()
    }
}

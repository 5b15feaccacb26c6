//! Who has a processor: the status word, its tick, and what everybody must look at.
//!
//! This is the part that is lock-free, and the part that loom checks. A processor is always in exactly one place: bound to
//! a machine, on a list under the scheduler's lock, in the hands of somebody who moves it (all of these are a [`Held`],
//! which cannot be copied), or in a system call, where it belongs to nobody and the status word says so. It comes out of a
//! call by one compare-and-swap, and whoever wins that makes the `Held` anew.
//!
//! The proof sketch, with the memory events named, stands in the [module's documentation](super).

use super::plant::{Bug, Planted};
use crate::platform::{Atomic, AtomicInteger, Ordering, Platform};

/// The status of a processor, with Go's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u32)]
pub enum Status {
    /// On the idle list, or in the hands of whoever moves it.
    Idle = 0,
    /// Bound to a machine.
    Running = 1,
    /// Its machine is in a system call; anybody may take it who has a reason to.
    Syscall = 2,
    /// Halted for whoever stopped the world.
    Halted = 3,
    /// Beyond the number of processors.
    Dead = 4,
}

/// Somebody wants the world to stop: halt at the next safe point.
pub const STOP: u32 = 1;
/// The monitor is in its deep sleep: wake it on entering a call.
pub(super) const MONITOR_SLEEPS: u32 = 2;
/// Some processors owe the safe-point function.
pub(super) const SAFE_POINT: u32 = 4;
/// The program is dying: no call that returns gets a processor.
pub(super) const FREEZE: u32 = 8;

/// The permission to a processor: exactly one exists for each that is in no call.
///
/// Losing one loses the processor, so that nothing drops it on purpose.
#[must_use = "a processor that nobody holds is lost"]
#[derive(PartialEq, Eq, Debug)]
pub struct Held(usize);

impl Held {
    /// The processor's number.
    pub fn index(&self) -> usize {
        self.0
    }

    /// The permission as a number, to be passed on through a word that one thread writes and one takes.
    pub(super) fn into_index(self) -> usize {
        self.0
    }

    /// The permission that [`Held::into_index`] turned into a number. Only for who took that number.
    pub(super) fn from_index(index: usize) -> Self {
        Held(index)
    }
}

/// What a machine remembers of the processor that it left behind in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absent {
    index: usize,
    tick: u32,
}

impl Absent {
    /// The processor's number.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// How a processor was got back.
#[derive(PartialEq, Eq, Debug)]
pub struct Reclaimed {
    /// The processor.
    pub held: Held,
    /// Somebody else had it in the meantime.
    pub was_away: bool,
}

/// The status words of all processors, and the word of attention.
pub struct Protocol<P: Platform> {
    attention: P::AtomicU32,
    words: Box<[Words<P>]>,
    planted: Planted,
}

/// On a cache line of its own: entering and leaving a call touch nothing else that is written.
#[repr(align(128))]
struct Words<P: Platform> {
    status: P::AtomicU32,
    /// Go's `syscalltick`: moves with each exit from a call, and whenever the processor is taken out of one. Only the
    /// holder writes it.
    tick: P::AtomicU32,
}

impl<P: Platform> Protocol<P> {
    /// The words of `count` processors, all dead, and the permission to each.
    pub(super) fn new(count: usize, planted: Planted) -> (Self, Vec<Held>) {
        let words = || Words { status: P::AtomicU32::new(Status::Dead as u32), tick: P::AtomicU32::new(0) };
        let protocol =
            Protocol { attention: P::AtomicU32::new(0), words: (0..count).map(|_| words()).collect(), planted };
        (protocol, (0..count).map(Held).collect())
    }

    /// The processor's status, as of some moment.
    pub fn status(&self, index: usize) -> Status {
        match self.words[index].status.load(Ordering::Relaxed) {
            0 => Status::Idle,
            1 => Status::Running,
            2 => Status::Syscall,
            3 => Status::Halted,
            _ => Status::Dead,
        }
    }

    /// The processor's tick, as of some moment.
    pub fn tick(&self, index: usize) -> u32 {
        self.words[index].tick.load(Ordering::Relaxed)
    }

    /// Sets the tick, before anything runs.
    pub(super) fn set_tick(&self, held: &Held, tick: u32) {
        self.words[held.0].tick.store(tick, Ordering::Relaxed);
    }

    /// The holder says where its processor is. Never [`Status::Syscall`]: see [`Protocol::enter`].
    pub(super) fn set(&self, held: &Held, status: Status) {
        debug_assert_ne!(status, Status::Syscall);
        // Relaxed: the permission itself is passed on with an order of its own, and who only looks takes no part in it.
        self.words[held.0].status.store(status as u32, Ordering::Relaxed);
    }

    /// Moves the tick.
    pub(super) fn bump(&self, held: &Held) {
        let tick = &self.words[held.0].tick;
        // Two accesses suffice, for only the holder writes.
        tick.store(tick.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The machine enters a call: the processor is left behind for whoever needs it. Returns what calls for attention.
    #[inline]
    pub fn enter(&self, held: Held) -> (Absent, u32) {
        let Held(index) = held;
        let words = &self.words[index];
        let absent = Absent { index, tick: words.tick.load(Ordering::Relaxed) };
        let early =
            if self.planted.has(Bug::StopReadFirst) { Some(self.attention.load(Ordering::Relaxed)) } else { None };
        // PublishCall. Release: what the machine did with the processor happens before what its next holder does.
        words.status.store(Status::Syscall as u32, Ordering::Release);
        // EnterFence: see "A stop never misses a call".
        P::fence(Ordering::SeqCst);
        // ReadAttention.
        let attention = early.unwrap_or_else(|| self.attention.load(Ordering::Relaxed));
        (absent, attention)
    }

    /// The machine is back from the call and gets its processor out of it, if it is in one: in this one, or in one that
    /// another machine has entered with it since.
    #[inline]
    pub fn reclaim(&self, absent: Absent) -> Option<Reclaimed> {
        let words = &self.words[absent.index];
        // Reclaim. Acquire: what others did with the processor meanwhile happens before what we do.
        let (call, runs) = (Status::Syscall as u32, Status::Running as u32);
        let won = words.status.compare_exchange(call, runs, Ordering::Acquire, Ordering::Relaxed);
        if won.is_err() && !self.reclaims_all_the_same(absent) {
            return None;
        }
        let held = Held(absent.index);
        let tick = words.tick.load(Ordering::Relaxed);
        let was_away = tick != absent.tick;
        if was_away && !self.planted.has(Bug::ReclaimWithoutTick) {
            // It was taken out of another machine's call, in effect: that machine must be able to tell.
            self.bump(&held);
        }
        Some(Reclaimed { held, was_away })
    }

    /// What two of the planted bugs do to a processor that is in no call any more.
    fn reclaims_all_the_same(&self, absent: Absent) -> bool {
        if self.planted.has(Bug::ReclaimByStore) {
            self.words[absent.index].status.store(Status::Running as u32, Ordering::Relaxed);
        }
        self.planted.has(Bug::ReclaimByStore) || self.planted.has(Bug::LinkStays)
    }

    /// Takes a processor out of whatever call it is in, if it is in one. It is idle then, or halted if the world stops.
    pub fn take_from_call(&self, index: usize, to: Status) -> Option<Held> {
        // Take. Acquire: what the machine did with the processor happens before what we do.
        let words = &self.words[index];
        words.status.compare_exchange(Status::Syscall as u32, to as u32, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let held = Held(index);
        if !self.planted.has(Bug::TakenWithoutTick) {
            self.bump(&held);
        }
        Some(held)
    }

    /// What calls for attention, as of some moment.
    #[inline]
    pub fn attention(&self) -> u32 {
        self.attention.load(Ordering::Relaxed)
    }

    /// Calls for attention, and from then on does not miss a processor in a call: each one entered a call before and
    /// [`Protocol::take_from_call`] finds it there, or its machine sees the call for attention.
    pub fn announce(&self, what: u32) {
        // Announce.
        self.attention.fetch_or(what, Ordering::Relaxed);
        // AnnounceFence: see "A stop never misses a call".
        P::fence(Ordering::SeqCst);
    }

    /// It no longer does.
    pub fn withdraw(&self, what: u32) {
        self.attention.fetch_and(!what, Ordering::Relaxed);
    }

    /// How many processors there can be.
    pub fn capacity(&self) -> usize {
        self.words.len()
    }
}

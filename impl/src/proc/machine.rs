//! Machines: threads, and the one way in which a sleeping one gets a processor.

use super::plant::{Bug, Planted};
use super::protocol::Held;
use crate::platform::{Arc, Atomic, Ordering, Platform, PlatformMutex, Unpark};

/// A thread that runs tasks, or whose own code is a task.
pub(super) struct Machine<P: Platform> {
    /// Go's `nextp`: the processor that it has been given, plus one; 0 for none; [`LEAVE`]. Written by the one who took its
    /// [`Sleeper`], taken by the machine.
    next: P::AtomicUsize,
    /// What it waited for under the name of [`Sleeper::tell`] has come.
    told: P::AtomicBool,
    /// Whether its task sleeps until it is unparked, and which of its tasks that is.
    parking: P::Mutex<(Parking<P>, u64)>,
}

/// Instead of a processor: the machine is to end.
const LEAVE: usize = usize::MAX;
/// Set beside a processor's number: the machine is to look for work at other processors, and is counted as spinning.
const SPINNING: usize = 1 << (usize::BITS - 2);

/// Whether a machine's task is parked.
enum Parking<P: Platform> {
    /// It is not.
    Awake,
    /// It is not, and the next park returns at once.
    Token,
    /// It is, on this thread.
    Asleep(P::Thread),
}

/// A machine that waits for a processor, or is about to: the one permission to give it one.
pub(super) struct Sleeper<P: Platform> {
    machine: Arc<Machine<P>>,
    thread: P::Thread,
}

impl<P: Platform> Machine<P> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Machine {
            next: P::AtomicUsize::new(0),
            told: P::AtomicBool::new(false),
            parking: P::Mutex::new((Parking::Awake, 0)),
        })
    }

    /// The permission to wake the calling thread as this machine. One at a time.
    pub(super) fn sleeper(self: &Arc<Self>) -> Sleeper<P> {
        Sleeper { machine: self.clone(), thread: P::current() }
    }

    /// Sleeps until a processor is given; says too whether the machine is counted as spinning. `None`: it is to end.
    pub(super) fn sleep(&self, planted: Planted) -> Option<(Held, bool)> {
        loop {
            // Acquire: what the giver did, and holders of the processor before him, happens before we go on.
            let next = self.next.load(Ordering::Acquire);
            if next != 0 {
                if !planted.has(Bug::NextStays) {
                    self.next.store(0, Ordering::Relaxed);
                }
                let given = (next & !SPINNING).wrapping_sub(1);
                return (next != LEAVE).then(|| (Held::from_index(given), next & SPINNING != 0));
            }
            P::park();
        }
    }

    /// The calling thread's task is about to sleep until it is unparked. `false`: it has been already.
    pub(super) fn may_be_unparked(&self) -> bool {
        let (parking, _) = &mut *self.parking.lock();
        let has_token = matches!(*parking, Parking::Token);
        *parking = if has_token { Parking::Awake } else { Parking::Asleep(P::current()) };
        !has_token
    }

    /// The number of its task.
    pub(super) fn task(&self) -> u64 {
        self.parking.lock().1
    }

    /// Its task has ended: those who can unpark that one can do nothing any more, and leave nothing for the next one.
    pub(super) fn next_task(&self) {
        let (parking, task) = &mut *self.parking.lock();
        *parking = Parking::Awake;
        *task += 1;
    }

    /// Unparks a task of its: from now on the caller alone may give it a processor. `None` if it does not sleep; then it will
    /// not do so the next time, unless it has ended.
    pub(super) fn unpark(self: &Arc<Self>, task: u64) -> Option<Sleeper<P>> {
        let (parking, current) = &mut *self.parking.lock();
        if *current != task {
            return None;
        }
        match std::mem::replace(parking, Parking::Awake) {
            Parking::Asleep(thread) => Some(Sleeper { machine: self.clone(), thread }),
            Parking::Awake | Parking::Token => {
                *parking = Parking::Token;
                None
            }
        }
    }

    /// Whether a task of its is parked, as of some moment.
    pub(super) fn is_parked(&self, task: u64) -> bool {
        matches!(*self.parking.lock(), (Parking::Asleep(_), current) if current == task)
    }

    /// Sleeps until it is told.
    pub(super) fn wait_until_told(&self) {
        // Two accesses in place of a swap: whoever tells it does so once, and loom lets a second swap read the first one's
        // `false` although the store of `true` happens before it.
        while !self.told.load(Ordering::Acquire) {
            P::park();
        }
        self.told.store(false, Ordering::Relaxed);
    }
}

impl<P: Platform> Sleeper<P> {
    /// Whether it is this machine's.
    pub(super) fn is_of(&self, machine: &Arc<Machine<P>>) -> bool {
        Arc::ptr_eq(&self.machine, machine)
    }

    /// Gives it the processor.
    pub(super) fn give(self, held: Held, spinning: bool) {
        let flag = if spinning { SPINNING } else { 0 };
        // Release: see `Machine::sleep`.
        self.machine.next.store((held.into_index() + 1) | flag, Ordering::Release);
        self.thread.unpark();
    }

    /// Tells it that it may go on with what it does: see [`Machine::wait_until_told`].
    pub(super) fn tell(self) {
        self.machine.told.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Ends the machine, which has no task.
    pub(super) fn dismiss(self) {
        // Relaxed: who leaves reads nothing that was written for it.
        self.machine.next.store(LEAVE, Ordering::Relaxed);
        self.thread.unpark();
    }
}

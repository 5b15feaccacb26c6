//! The objects that wait: mutex, reader-writer lock, reference condition variable, region.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::time::Duration;

use super::super::{PlatformCondvar, PlatformMutex, PlatformRwLock, Region as RegionTrait, Timeouts};
use super::thread::{Wait, Woken, deadline, wait_for};
use super::{
    Access, Confined, Engine, Execution, Object, ObjectId, Openness, Shape, Told, joins_in, object, reads, step,
    step_told, writes,
};

/// Where a lock was taken. The step that gives it back is said to be there as well: a guard is dropped by code that the
/// compiler adds, which has no place in the source.
type Place = &'static Location<'static>;

/// A mutex.
pub struct Mutex<E: Engine, T> {
    object: E::Object,
    held: Confined<E, bool>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, which one thread at a time has: `held` says so, and can be read and
// set only by the threads of one execution, between whose steps nothing interferes. `T: Send` lets them take turns.
unsafe impl<E: Engine, T: Send> Sync for Mutex<E, T> {}

impl<E: Engine, T> fmt::Debug for Mutex<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

impl<E: Engine, T> Mutex<E, T> {
    fn is_free(&self) -> bool {
        self.held.with(|held| !*held)
    }

    /// Takes the free lock; the step has been taken.
    fn take(&self, location: Place) -> MutexGuard<'_, E, T> {
        self.held.with(|held| *held = true);
        E::opens(self.object.id(), Openness::CLOSED);
        E::acquire(&self.object, 0);
        MutexGuard { mutex: self, location, on_this_thread: PhantomData }
    }

    /// Gives the lock back; the step has been taken. Does nothing once the execution is over.
    fn give_back(&self) {
        if self.held.try_with(|held| *held = false).is_some() {
            E::opens(self.object.id(), Openness::OPEN);
            E::release(&self.object, 0);
            E::changed(&Execution::current());
        }
    }
}

impl<E: Engine, T: Send> PlatformMutex<T> for Mutex<E, T> {
    type Guard<'a>
        = MutexGuard<'a, E, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self { object: object::<E>(Shape::Turns), held: Confined::new(false), value: UnsafeCell::new(value) }
    }

    #[track_caller]
    fn lock(&self) -> MutexGuard<'_, E, T> {
        let touch = writes::<E>(&self.object).needing(Openness::OPEN);
        let location = Location::caller();
        step(location, &[touch], Some(&|| self.is_free()));
        refuse_to_share::<E>(self.is_free());
        self.take(location)
    }

    #[track_caller]
    fn try_lock(&self) -> Option<MutexGuard<'_, E, T>> {
        E::try_lock_is_used();
        let location = Location::caller();
        step(location, &[writes::<E>(&self.object)], None);
        if !self.is_free() {
            E::only_looked(self.object.id());
            return None;
        }
        Some(self.take(location))
    }
}

/// Holding it is holding the lock.
pub struct MutexGuard<'a, E: Engine, T> {
    mutex: &'a Mutex<E, T>,
    location: Place,
    on_this_thread: PhantomData<*const ()>,
}

impl<E: Engine, T> Deref for MutexGuard<'_, E, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<E: Engine, T> DerefMut for MutexGuard<'_, E, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<E: Engine, T> Drop for MutexGuard<'_, E, T> {
    fn drop(&mut self) {
        // The lock is given back also if the thread is doomed at this very step.
        let _give_back = OnDrop(|| self.mutex.give_back());
        if Execution::<E>::try_current().is_some() && E::unlock_is_a_step() {
            step(self.location, &[writes::<E>(&self.mutex.object)], None);
        }
    }
}

/// Nothing waits while its thread unwinds. Where the execution ends with that, nobody goes on with what he holds; where the panic is
/// contained the lock is somebody's, and nobody else may have it: then the process ends, as it does after any second panic.
fn refuse_to_share<E: Engine>(is_free: bool) {
    if !is_free {
        let execution = Execution::<E>::current();
        let me = execution.running();
        let goes_on = execution.is_contained(me) && !execution.was_cut() && execution.doom_of(me).is_none();
        if goes_on {
            // A panic would not be printed: searches are quiet about them.
            eprintln!("while a thread unwinds it cannot wait on this platform, and the lock that it wants is taken");
            std::process::abort();
        }
    }
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A reader-writer lock.
///
/// Channel 0 carries what writers release, channel 1 what readers release: a reader is ordered after the writers before
/// it, a writer after both, and readers are not ordered among each other.
pub struct RwLock<E: Engine, T> {
    object: E::Object,
    holders: Confined<E, Holders>,
    value: UnsafeCell<T>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holders {
    Readers(usize),
    Writer,
}

// SAFETY: as for `Mutex`, with `holders` in the place of `held`. Readers share the value: `T: Sync`.
unsafe impl<E: Engine, T: Send + Sync> Sync for RwLock<E, T> {}

const WRITERS: usize = 0;
const READERS: usize = 1;

impl<E: Engine, T: Send + Sync> PlatformRwLock<T> for RwLock<E, T> {
    type ReadGuard<'a>
        = RwLockReadGuard<'a, E, T>
    where
        T: 'a;
    type WriteGuard<'a>
        = RwLockWriteGuard<'a, E, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self {
            object: object::<E>(Shape::TwoChannels),
            holders: Confined::new(Holders::Readers(0)),
            value: UnsafeCell::new(value),
        }
    }

    #[track_caller]
    fn read(&self) -> RwLockReadGuard<'_, E, T> {
        let ready = || self.holders.with(|holders| *holders != Holders::Writer);
        let location = Location::caller();
        step(location, &[writes::<E>(&self.object).needing(Openness::SHARED)], Some(&ready));
        refuse_to_share::<E>(ready());
        self.holders.with(|holders| {
            *holders = match *holders {
                Holders::Readers(count) => Holders::Readers(count + 1),
                // Only a muted read gets here.
                Holders::Writer => Holders::Readers(1),
            };
        });
        E::opens(self.object.id(), Openness::SHARED);
        E::acquire(&self.object, WRITERS);
        RwLockReadGuard { lock: self, location, on_this_thread: PhantomData }
    }

    #[track_caller]
    fn write(&self) -> RwLockWriteGuard<'_, E, T> {
        let ready = || self.holders.with(|holders| *holders == Holders::Readers(0));
        let location = Location::caller();
        step(location, &[writes::<E>(&self.object).needing(Openness::OPEN)], Some(&ready));
        refuse_to_share::<E>(ready());
        self.holders.with(|holders| *holders = Holders::Writer);
        E::opens(self.object.id(), Openness::CLOSED);
        E::acquire(&self.object, WRITERS);
        E::acquire(&self.object, READERS);
        RwLockWriteGuard { lock: self, location, on_this_thread: PhantomData }
    }
}

impl<E: Engine, T> RwLock<E, T> {
    fn give_back(&self, channel: usize) {
        let given = self.holders.try_with(|holders| {
            *holders = match *holders {
                Holders::Readers(count) => Holders::Readers(count.saturating_sub(1)),
                Holders::Writer => Holders::Readers(0),
            };
            *holders == Holders::Readers(0)
        });
        if let Some(is_free) = given {
            E::opens(self.object.id(), if is_free { Openness::OPEN } else { Openness::SHARED });
            E::release(&self.object, channel);
            E::changed(&Execution::current());
        }
    }
}

/// Holding it is holding the lock for reading.
pub struct RwLockReadGuard<'a, E: Engine, T> {
    lock: &'a RwLock<E, T>,
    location: Place,
    on_this_thread: PhantomData<*const ()>,
}

impl<E: Engine, T> Deref for RwLockReadGuard<'_, E, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for reading.
        unsafe { &*self.lock.value.get() }
    }
}

impl<E: Engine, T> Drop for RwLockReadGuard<'_, E, T> {
    fn drop(&mut self) {
        let _give_back = OnDrop(|| self.lock.give_back(READERS));
        if Execution::<E>::try_current().is_some() {
            step(self.location, &[writes::<E>(&self.lock.object)], None);
        }
    }
}

/// Holding it is holding the lock for writing.
pub struct RwLockWriteGuard<'a, E: Engine, T> {
    lock: &'a RwLock<E, T>,
    location: Place,
    on_this_thread: PhantomData<*const ()>,
}

impl<E: Engine, T> Deref for RwLockWriteGuard<'_, E, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for writing.
        unsafe { &*self.lock.value.get() }
    }
}

impl<E: Engine, T> DerefMut for RwLockWriteGuard<'_, E, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock for writing, and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<E: Engine, T> Drop for RwLockWriteGuard<'_, E, T> {
    fn drop(&mut self) {
        let _give_back = OnDrop(|| self.lock.give_back(WRITERS));
        if Execution::<E>::try_current().is_some() {
            step(self.location, &[writes::<E>(&self.lock.object)], None);
        }
    }
}

/// The reference condition variable.
///
/// The first half of a wait, one step, enters the waiter and releases the lock. The second half, one step, can be taken
/// once the waiter has been notified and the lock is free, and takes the lock. A notification by itself orders nothing:
/// what a waiter sees, it sees through the lock.
///
/// Under loom, waking a thread always orders what came before (loom offers no other way to wake one). That matters only
/// for a notification without the lock while the lock is free: a race that this order hides is found by shuttle alone.
pub struct Condvar<E: Engine> {
    object: E::Object,
    waiters: Confined<E, Waiters>,
}

#[derive(Default)]
struct Waiters {
    tickets: u64,
    /// In the order of their waits.
    waiting: Vec<Waiter>,
}

#[derive(Clone, Copy)]
struct Waiter {
    ticket: u64,
    /// What opens when the waiter is notified.
    notification: ObjectId,
    is_notified: bool,
}

impl Waiter {
    /// The step that was taken last notifies the waiter.
    fn notify<E: Engine>(&mut self) {
        self.is_notified = true;
        E::noted(self.notification, Access::Write, Openness::CLOSED);
        E::opens(self.notification, Openness::OPEN);
    }
}

impl<E: Engine> Condvar<E> {
    fn not_notified(&self) -> Vec<u64> {
        self.waiters.with(|waiters| {
            waiters.waiting.iter().filter(|waiter| !waiter.is_notified).map(|waiter| waiter.ticket).collect()
        })
    }

    fn wait_until<'a, T>(
        &self,
        location: &'static Location<'static>,
        guard: MutexGuard<'a, E, T>,
        timeout: Option<Duration>,
    ) -> (MutexGuard<'a, E, T>, Woken) {
        let mutex = guard.mutex;
        std::mem::forget(guard);
        let execution = Execution::<E>::current();
        let first_half = [writes::<E>(&self.object), writes::<E>(&mutex.object), reads::<E>(execution.clock())];
        let reads_clock = timeout.is_some() && execution.profile().timeouts == Timeouts::Clocked;
        {
            let give_back = OnDrop(|| mutex.give_back());
            step(location, &first_half[..if reads_clock { 3 } else { 2 }], None);
            drop(give_back);
        }
        let deadline = timeout.map(|timeout| deadline(&execution, timeout));
        let notification = execution.next_object();
        E::opens(notification, Openness::CLOSED);
        let ticket = self.waiters.with(|waiters| {
            waiters.tickets += 1;
            waiters.waiting.push(Waiter { ticket: waiters.tickets, notification, is_notified: false });
            waiters.tickets
        });
        let waiting = Waiting { condvar: self, ticket };
        let wait = Wait {
            lock: Some(&mutex.object),
            source: &self.object,
            event: Some(notification),
            may_be_lucky: true,
            may_act: &|| mutex.is_free(),
            happened: &|| waiting.is_notified(),
        };
        let woken = wait_for::<E>(location, &wait, deadline);
        drop(waiting);
        (mutex.take(location), woken)
    }
}

/// A waiter that leaves the list when it goes on, also by an unwind.
struct Waiting<'a, E: Engine> {
    condvar: &'a Condvar<E>,
    ticket: u64,
}

impl<E: Engine> Waiting<'_, E> {
    fn is_notified(&self) -> bool {
        self.condvar
            .waiters
            .with(|waiters| waiters.waiting.iter().any(|waiter| waiter.ticket == self.ticket && waiter.is_notified))
    }
}

impl<E: Engine> Drop for Waiting<'_, E> {
    fn drop(&mut self) {
        self.condvar.waiters.try_with(|waiters| waiters.waiting.retain(|waiter| waiter.ticket != self.ticket));
    }
}

impl<E: Engine> PlatformCondvar<E> for Condvar<E> {
    fn new() -> Self {
        Self { object: object::<E>(Shape::Silent), waiters: Confined::new(Waiters::default()) }
    }

    #[track_caller]
    fn wait<'a, T: Send + 'a>(&self, guard: MutexGuard<'a, E, T>) -> MutexGuard<'a, E, T> {
        self.wait_until(Location::caller(), guard, None).0
    }

    #[track_caller]
    fn wait_timeout<'a, T: Send + 'a>(
        &self,
        guard: MutexGuard<'a, E, T>,
        timeout: Duration,
    ) -> (MutexGuard<'a, E, T>, bool) {
        let (guard, woken) = self.wait_until(Location::caller(), guard, Some(timeout));
        (guard, woken == Woken::Event)
    }

    #[track_caller]
    fn notify_one(&self) {
        step(Location::caller(), &[writes::<E>(&self.object)], None);
        // The choice may be a scheduling point, and who is chosen may be gone after it.
        loop {
            let candidates = self.not_notified();
            if candidates.is_empty() {
                return;
            }
            let chosen = candidates[<E as super::super::Platform>::choose(candidates.len())];
            let found = self.waiters.with(|waiters| {
                let waiter = waiters.waiting.iter_mut().find(|waiter| waiter.ticket == chosen && !waiter.is_notified);
                waiter.map(Waiter::notify::<E>).is_some()
            });
            if found {
                break;
            }
        }
        E::changed(&Execution::current());
    }

    #[track_caller]
    fn notify_all(&self) {
        step(Location::caller(), &[writes::<E>(&self.object)], None);
        self.waiters.with(|waiters| {
            for waiter in waiters.waiting.iter_mut().filter(|waiter| !waiter.is_notified) {
                waiter.notify::<E>();
            }
        });
        E::changed(&Execution::current());
    }
}

/// A conditional critical region.
///
/// Each action is ordered after all actions before it, but for those that commute with others.
pub struct Region<E: Engine, T> {
    object: E::Object,
    value: Confined<E, T>,
}

impl<E: Engine, T: Send> RegionTrait<T> for Region<E, T> {
    fn new(value: T) -> Self {
        Self { object: object::<E>(Shape::Turns), value: Confined::new(value) }
    }

    /// The condition and the action must use nothing of the platform: they are one step.
    #[track_caller]
    fn when<R>(&self, ready: impl Fn(&T) -> bool, act: impl FnOnce(&mut T) -> R) -> R {
        self.when_ordered(ready, |value| (act(value), true))
    }

    #[track_caller]
    fn when_ordered<R>(&self, ready: impl Fn(&T) -> bool, act: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let told = Told { is_opaque: true, ..Told::default() };
        let is_ready = || self.value.with(|value| ready(value));
        step_told(Location::caller(), &[writes::<E>(&self.object)], told, Some(&is_ready));
        self.take_turn(act)
    }

    #[track_caller]
    fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        step(Location::caller(), &[writes::<E>(&self.object)], None);
        self.take_turn(|value| (act(value), true))
    }

    #[track_caller]
    fn with_others(&self, group: u8, act: impl FnOnce(&mut T)) {
        step(Location::caller(), &[joins_in::<E>(&self.object, group)], None);
        // What orders nothing must not hide a race either.
        self.take_turn(|value| (act(value), false));
    }
}

impl<E: Engine, T: Send> Region<E, T> {
    /// Acts; the step has been taken. The action says whether it is ordered with others.
    fn take_turn<R>(&self, act: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let (result, is_ordered) = self.value.with(act);
        E::altered(self.object.id());
        if is_ordered {
            E::acquire(&self.object, 0);
            E::release(&self.object, 0);
        }
        E::changed(&Execution::current());
        result
    }
}

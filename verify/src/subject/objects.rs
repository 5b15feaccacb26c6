//! The platform's own objects, under the operations of [`ObjectsSpec`]: what shows whether an engine understands them.
//!
//! Not part of the standard suite. A guard that a thread still has at its end is never given back, for the spec knows no
//! end of a thread. Handles for `unpark` are collected outside any engine's view, when each thread comes to its first
//! operation; under the exhaustive engine every thread does before anything is decided, as long as no call is a step
//! ([`Mode::Outcomes`](crate::evidence::Mode)).

use std::mem::ManuallyDrop;
use std::time::Duration;

use selvedge::platform::host::{Mutex, PoisonError};
use selvedge::platform::{
    Atomic, AtomicInteger, MutexGuard, Ordering, Platform, PlatformCondvar, PlatformMutex, PlatformRwLock, RunQueue,
    Steal, Unpark,
};
use selvedge_model::Thread;
use selvedge_model::toy::objects::{ATOMICS, ObjectsSpec, Op, QUEUE_OWNER, Ret, THREADS_MAX};

use super::{Stop, Subject};
use crate::litmus::{Observed, Program};

/// One of each object, and two atomics.
pub struct Objects<P: Platform> {
    atomics: [P::AtomicU32; ATOMICS],
    mutex: P::Mutex<()>,
    lock: P::RwLock<()>,
    condvar: P::Condvar,
    queue: P::RunQueue<u32>,
    threads: Mutex<[Option<P::Thread>; THREADS_MAX]>,
}

/// What a thread holds.
pub struct Held<'a, P: Platform> {
    is_known: bool,
    mutex: ManuallyDrop<Option<MutexGuard<'a, P, ()>>>,
    lock: ManuallyDrop<Vec<Side<'a, P>>>,
}

type ReadGuard<'a, P> = <<P as Platform>::RwLock<()> as PlatformRwLock<()>>::ReadGuard<'a>;
type WriteGuard<'a, P> = <<P as Platform>::RwLock<()> as PlatformRwLock<()>>::WriteGuard<'a>;

/// A guard of the reader-writer lock, kept to be dropped.
enum Side<'a, P: Platform> {
    Read(ReadGuard<'a, P>),
    Write(WriteGuard<'a, P>),
}

impl<P: Platform> Default for Held<'_, P> {
    fn default() -> Self {
        Held { is_known: false, mutex: ManuallyDrop::new(None), lock: ManuallyDrop::new(Vec::new()) }
    }
}

impl<P: Platform> Objects<P> {
    fn threads<R>(&self, use_them: impl FnOnce(&mut [Option<P::Thread>; THREADS_MAX]) -> R) -> R {
        use_them(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// By which a thread is unparked.
    fn handle(&self, thread: u8) -> P::Thread {
        let known = || self.threads(|threads| threads[usize::from(thread)].clone());
        let handle = known().or_else(|| {
            // A step that concerns nobody else, so that the others come to their first operation.
            P::AtomicBool::new(false).load(ORDER);
            known()
        });
        handle.unwrap_or_else(|| panic!("thread {thread} has not come to its first operation"))
    }

    fn wait<'a>(&'a self, held: &mut Held<'a, P>, span: Option<u32>) -> Ret {
        let Some(guard) = held.mutex.take() else { return Ret::NotHeld };
        let (guard, is_in_time) = match span {
            None => (self.condvar.wait(guard), true),
            Some(span) => self.condvar.wait_timeout(guard, milliseconds(span)),
        };
        *held.mutex = Some(guard);
        if is_in_time { Ret::Ok } else { Ret::Timeout }
    }
}

fn milliseconds(span: u32) -> Duration {
    Duration::from_millis(span.into())
}

const ORDER: Ordering = Ordering::SeqCst;

impl<P: Platform> Subject<ObjectsSpec> for Objects<P> {
    type Platform = P;
    type Local<'a> = Held<'a, P>;

    const CHOOSES: bool = true;
    const SHOWS_STATE: bool = true;

    fn create(_: &ObjectsSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        let value = |name: &str| {
            let set = initial.iter().rfind(|(other, _)| other == name);
            let value = set.map_or(0, |(_, value)| *value);
            u32::try_from(value).map_err(|_| format!("an atomic holds 32 bits and cannot hold {value}"))
        };
        Ok(Objects {
            atomics: [Atomic::new(value("a0")?), Atomic::new(value("a1")?)],
            mutex: PlatformMutex::new(()),
            lock: PlatformRwLock::new(()),
            condvar: PlatformCondvar::new(),
            queue: RunQueue::new(),
            threads: Mutex::new([const { None }; THREADS_MAX]),
        })
    }

    fn supports(_: &ObjectsSpec, program: &Program<Op>) -> Result<(), String> {
        let is_missing = |op: &Op| matches!(op, Op::Unpark(thread) if usize::from(*thread) >= program.threads.len());
        match program.ops().find(|op| is_missing(op)) {
            Some(op) => Err(format!("`{op}` names a thread that the program does not have")),
            None => Ok(()),
        }
    }

    fn perform<'a>(&'a self, thread: Thread, held: &mut Held<'a, P>, op: &Op) -> Result<Ret, Stop> {
        if !std::mem::replace(&mut held.is_known, true) {
            self.threads(|threads| threads[usize::from(thread.0)] = Some(P::current()));
        }
        let atomic = |at: u8| &self.atomics[usize::from(at)];
        Ok(match *op {
            Op::Load(at) => Ret::Value(atomic(at).load(ORDER)),
            Op::Store(at, value) => {
                atomic(at).store(value, ORDER);
                Ret::Ok
            }
            Op::Add(at, value) => Ret::Value(atomic(at).fetch_add(value, ORDER)),
            Op::CompareExchange(at, expected, new) => {
                let (Ok(old) | Err(old)) = atomic(at).compare_exchange(expected, new, ORDER, ORDER);
                Ret::Value(old)
            }
            Op::Lock => {
                let guard = self.mutex.lock();
                *held.mutex = Some(guard);
                Ret::Ok
            }
            Op::TryLock => match self.mutex.try_lock() {
                Some(guard) => {
                    *held.mutex = Some(guard);
                    Ret::Ok
                }
                None => Ret::Busy,
            },
            Op::Unlock => held.mutex.take().map_or(Ret::NotHeld, |_guard| Ret::Ok),
            Op::Read => {
                let guard = self.lock.read();
                held.lock.push(Side::Read(guard));
                Ret::Ok
            }
            Op::Write => {
                let guard = self.lock.write();
                held.lock.push(Side::Write(guard));
                Ret::Ok
            }
            Op::Release => held.lock.pop().map_or(Ret::NotHeld, |_guard| Ret::Ok),
            Op::Park => {
                P::park();
                Ret::Ok
            }
            Op::ParkUntil(time) => {
                if P::park_until(milliseconds(time)) {
                    Ret::Ok
                } else {
                    Ret::Timeout
                }
            }
            Op::Unpark(other) => {
                self.handle(other).unpark();
                Ret::Ok
            }
            Op::Wait => self.wait(held, None),
            Op::WaitTimeout(span) => self.wait(held, Some(span)),
            Op::NotifyOne => {
                self.condvar.notify_one();
                Ret::Ok
            }
            Op::NotifyAll => {
                self.condvar.notify_all();
                Ret::Ok
            }
            Op::Now => Ret::Value(P::now().as_millis() as u32),
            Op::Advance(span) => {
                P::advance(milliseconds(span));
                Ret::Ok
            }
            Op::Push(_) | Op::Pop if thread != QUEUE_OWNER => Ret::NotHeld,
            Op::Push(value) => {
                // SAFETY: of the threads only this one is the owner, and the queue was made before it began.
                unsafe { self.queue.push(value) };
                Ret::Ok
            }
            // SAFETY: as above.
            Op::Pop => unsafe { self.queue.pop() }.map_or(Ret::Empty, Ret::Value),
            Op::Steal => match self.queue.steal() {
                Steal::Success(value) => Ret::Value(value),
                Steal::Empty => Ret::Empty,
                Steal::Retry => Ret::Retry,
            },
            Op::Len => Ret::Value(self.queue.len() as u32),
            Op::IsEmpty => Ret::Value(self.queue.is_empty().into()),
        })
    }

    fn observe(&self) -> Observed {
        let number = |name: &str, value: u32| (name.to_owned(), i64::from(value));
        Observed::from([
            number("a0", self.atomics[0].load(ORDER)),
            number("a1", self.atomics[1].load(ORDER)),
            number("held", u32::from(self.mutex.try_lock().is_none())),
            number("now", P::now().as_millis() as u32),
            number("queued", self.queue.len() as u32),
        ])
    }
}

//! Small programs over any platform. Each is one execution and says what came out of it.
#![allow(dead_code, reason = "each test file uses its share")]

use std::collections::BTreeSet;
use std::time::Duration;

use selvedge::platform::host;
use selvedge::platform::{
    Arc, Atomic, AtomicInteger, Body, End, Join, Ordering, Platform, PlatformCondvar, PlatformMutex, PlatformRwLock,
    Region, TrackedCell, Unpark,
};

use Ordering::{Acquire, Relaxed, Release, SeqCst};

/// What can come out, each outcome as a text.
pub type Outcomes = BTreeSet<String>;

/// The outcomes of the given texts.
pub fn outcomes<const N: usize>(texts: [&str; N]) -> Outcomes {
    texts.map(str::to_owned).into()
}

/// A place for what a thread saw that no engine sees.
#[derive(Clone, Default)]
pub struct Seen(Arc<host::Mutex<Vec<(usize, String)>>>);

impl Seen {
    pub fn note(&self, place: usize, value: impl ToString) {
        self.0.lock().unwrap().push((place, value.to_string()));
    }

    /// What was noted, in the order of the places.
    pub fn read(&self) -> String {
        let mut notes = self.0.lock().unwrap().clone();
        notes.sort();
        notes.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" ")
    }
}

/// One letter an end.
pub fn letters(ends: &[End]) -> String {
    ends.iter()
        .map(|end| match end {
            End::Returned => 'R',
            End::Blocked => 'B',
            End::Panicked(_) => 'P',
            End::Raced(_) => 'X',
            End::Abandoned => 'A',
        })
        .collect()
}

/// A thread body that owns a clone of something.
pub fn body<S: Clone + Send + 'static>(shared: &S, run: impl FnOnce(S) + Send + 'static) -> Body {
    let shared = shared.clone();
    Box::new(move || run(shared))
}

/// A read of a cell that the program orders, or means to.
pub fn read<P: Platform>(cell: &P::Cell<u32>) -> u32 {
    // SAFETY: on the checking platforms an access that is not ordered does not take place. On the machine these programs
    // run only where they order it.
    cell.with(|value| unsafe { *value })
}

/// A write, likewise.
pub fn write<P: Platform>(cell: &P::Cell<u32>, new: u32) {
    // SAFETY: as for `read`.
    cell.with_mut(|value| unsafe { *value = new });
}

/// `threads` threads that count to `each` together, under a mutex, in a cell that only the mutex orders.
pub fn count_under_mutex<P: Platform>(threads: usize, each: usize) -> String {
    let shared = Arc::new((<P::Mutex<()>>::new(()), <P::Cell<u32>>::new(0)));
    let bodies = (0..threads).map(|_| {
        body(&shared, move |shared| {
            for _ in 0..each {
                let _held = shared.0.lock();
                write::<P>(&shared.1, read::<P>(&shared.1) + 1);
            }
        })
    });
    let ends = P::run_to_rest(bodies.collect());
    format!("{} {}", letters(&ends), read::<P>(&shared.1))
}

/// The value inside the mutex; how often a thread saw another inside.
pub fn value_in_mutex<P: Platform>(threads: usize) -> String {
    let shared = Arc::new((<P::Mutex<u32>>::new(0), P::AtomicU32::new(0)));
    let bodies = (0..threads).map(|_| {
        body(&shared, |shared| {
            let mut held = shared.0.lock();
            assert_eq!(shared.1.swap(1, Relaxed), 0, "alone");
            *held += 1;
            shared.1.store(0, Relaxed);
        })
    });
    let ends = P::run_to_rest(bodies.collect());
    format!("{} {}", letters(&ends), *shared.0.lock())
}

/// The same without the mutex, on an atomic.
pub fn lost_update<P: Platform>() -> String {
    let shared = Arc::new(P::AtomicU32::new(0));
    let bodies = (0..2).map(|_| {
        body(&shared, |count| {
            let old = count.load(Relaxed);
            count.store(old + 1, Relaxed);
        })
    });
    P::run_to_rest(bodies.collect());
    shared.load(Relaxed).to_string()
}

/// `fetch_add`, `fetch_sub`, `fetch_or`, `fetch_and`, `swap`, `compare_exchange` from one thread.
pub fn atomic_arithmetic<P: Platform>() -> String {
    let word = P::AtomicU32::new(u32::MAX);
    assert_eq!(word.fetch_add(2, SeqCst), u32::MAX);
    assert_eq!(word.fetch_sub(2, SeqCst), 1);
    assert_eq!(word.swap(0b1100, SeqCst), u32::MAX);
    assert_eq!(word.fetch_or(0b0010, SeqCst), 0b1100);
    assert_eq!(word.fetch_and(0b0110, SeqCst), 0b1110);
    assert_eq!(word.compare_exchange(1, 2, SeqCst, Relaxed), Err(0b0110));
    assert_eq!(word.compare_exchange(0b0110, 2, SeqCst, Relaxed), Ok(0b0110));
    let flag = P::AtomicBool::new(false);
    flag.store(true, Release);
    let signed = P::AtomicI64::new(-1);
    signed.fetch_add(-1, Relaxed);
    format!("{} {} {}", word.load(Acquire), flag.load(Acquire), signed.load(Relaxed))
}

/// A wait without a predicate beside a notification.
pub fn wait_beside_notify<P: Platform>() -> String {
    let shared = Arc::new((<P::Mutex<()>>::new(()), P::Condvar::new()));
    let ends = P::run_to_rest(vec![
        body(&shared, |shared| {
            let held = shared.0.lock();
            drop(shared.1.wait(held));
        }),
        body(&shared, |shared| shared.1.notify_one()),
    ]);
    letters(&ends)
}

/// Two waiters, and one notification once both wait: which of the two wakes, the first to wait or the second.
pub fn notify_one_of_two<P: Platform>() -> String {
    let shared = Arc::new((<P::Mutex<u32>>::new(0), P::Condvar::new()));
    let seen = Seen::default();
    let waiter = || {
        body(&(shared.clone(), seen.clone()), |(shared, seen)| {
            let mut held = shared.0.lock();
            *held += 1;
            let position = *held;
            drop(shared.1.wait(held));
            seen.note(0, position);
        })
    };
    let ends = P::run_to_rest(vec![
        waiter(),
        waiter(),
        body(&shared, |shared| {
            let held = shared.0.lock();
            if *held == 2 {
                shared.1.notify_one();
            }
        }),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// A notification by a thread that goes on holding the lock: the waiter must not be inside with it.
pub fn notify_under_lock<P: Platform>() -> String {
    let shared = Arc::new((<P::Mutex<bool>>::new(false), P::Condvar::new(), P::AtomicU32::new(0)));
    let ends = P::run_to_rest(vec![
        body(&shared, |shared| {
            let mut held = shared.0.lock();
            while !*held {
                held = shared.1.wait(held);
            }
            assert_eq!(shared.2.load(SeqCst), 0, "alone");
        }),
        body(&shared, |shared| {
            let mut held = shared.0.lock();
            *held = true;
            shared.1.notify_one();
            shared.2.store(1, SeqCst);
            shared.2.store(0, SeqCst);
        }),
    ]);
    letters(&ends)
}

/// Two waiters with a predicate, and a broadcast.
pub fn notify_all_of_two<P: Platform>() -> String {
    let shared = Arc::new((<P::Mutex<bool>>::new(false), P::Condvar::new()));
    let waiter = || {
        body(&shared, |shared| {
            let mut held = shared.0.lock();
            while !*held {
                held = shared.1.wait(held);
            }
        })
    };
    let ends = P::run_to_rest(vec![
        waiter(),
        waiter(),
        body(&shared, |shared| {
            *shared.0.lock() = true;
            shared.1.notify_all();
        }),
    ]);
    letters(&ends)
}

/// Two mutexes in opposite orders.
pub fn opposite_orders<P: Platform>() -> String {
    letters(&P::run_to_rest(opposite_order_bodies::<P>()))
}

fn opposite_order_bodies<P: Platform>() -> Vec<Body> {
    let shared = Arc::new([<P::Mutex<()>>::new(()), <P::Mutex<()>>::new(())]);
    let locker = |first: usize, second: usize| {
        body(&shared, move |locks| {
            let _first = locks[first].lock();
            let _second = locks[second].lock();
        })
    };
    vec![locker(0, 1), locker(1, 0)]
}

/// The same beside a third thread that has nothing to do with it.
pub fn opposite_orders_beside_a_third<P: Platform>() -> String {
    let third = Arc::new(P::AtomicU32::new(0));
    let mut bodies = opposite_order_bodies::<P>();
    bodies.push(body(&third, |third| {
        third.fetch_add(1, Relaxed);
        third.fetch_add(1, Relaxed);
    }));
    let ends = P::run_to_rest(bodies);
    format!("{} {}", letters(&ends), third.load(Relaxed))
}

/// A thread that locks what it holds.
pub fn lock_twice<P: Platform>() -> String {
    let lock = Arc::new(<P::Mutex<u32>>::new(0));
    let ends = P::run_to_rest(vec![body(&lock, |lock| {
        let mut held = lock.lock();
        *held = 1;
        drop(lock.lock());
    })]);
    letters(&ends)
}

/// What a blocked thread held can be looked at afterwards. (Not on the machine, where it holds it for ever.)
pub fn look_after_lock_twice<P: Platform>() -> String {
    let lock = Arc::new(<P::Mutex<u32>>::new(0));
    let ends = P::run_to_rest(vec![body(&lock, |lock| {
        let mut held = lock.lock();
        *held = 1;
        drop(lock.lock());
    })]);
    format!("{} {}", letters(&ends), *lock.lock())
}

/// `try_lock` beside a thread that locks.
pub fn try_beside_lock<P: Platform>() -> String {
    let shared = Arc::new(<P::Mutex<u32>>::new(0));
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![
        body(&shared, |shared| *shared.lock() += 1),
        body(&(shared.clone(), seen.clone()), |(shared, seen)| match shared.try_lock() {
            Some(held) => seen.note(0, *held),
            None => seen.note(0, "taken"),
        }),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// Two readers that are inside together, or not, and a writer.
pub fn readers_and_writer<P: Platform>() -> String {
    let shared = Arc::new((<P::RwLock<u32>>::new(0), P::AtomicU32::new(0)));
    let seen = Seen::default();
    let reader = |place: usize| {
        body(&(shared.clone(), seen.clone()), move |(shared, seen)| {
            let value = shared.0.read();
            let others = shared.1.fetch_add(1, Relaxed);
            let before = *value;
            shared.1.fetch_sub(1, Relaxed);
            assert_eq!(*value, before, "no writer inside");
            if others == 1 {
                seen.note(place, "together");
            }
        })
    };
    let ends = P::run_to_rest(vec![
        reader(0),
        reader(1),
        body(&shared, |shared| {
            let mut value = shared.0.write();
            assert_eq!(shared.1.load(Relaxed), 0, "no reader inside");
            *value += 1;
        }),
    ]);
    let together = if seen.read().is_empty() { "apart" } else { "together" };
    format!("{} {together}", letters(&ends))
}

/// An unpark that may come before, between or after two parks.
pub fn two_parks_one_unpark<P: Platform>() -> String {
    let handle = Arc::new(<P::Region<Option<P::Thread>>>::new(None));
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![
        body(&(handle.clone(), seen.clone()), |(handle, seen)| {
            handle.with(|slot| *slot = Some(P::current()));
            P::park();
            seen.note(0, "first");
            P::park();
            seen.note(1, "second");
        }),
        body(&handle, |handle| {
            let thread = handle.when(Option::is_some, |slot| slot.clone().unwrap());
            thread.unpark();
        }),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// A token that is left before the park is not lost; two make one.
pub fn token_before_park<P: Platform>() -> String {
    let ends = P::run_to_rest(vec![Box::new(|| {
        P::current().unpark();
        P::current().unpark();
        P::park();
        assert!(!P::park_timeout(Duration::ZERO), "one token only");
    })]);
    letters(&ends)
}

/// Store buffering: both threads read 0 only under weak memory.
pub fn store_buffering<P: Platform>(fence: bool) -> String {
    let shared = Arc::new([P::AtomicU32::new(0), P::AtomicU32::new(0)]);
    let seen = Seen::default();
    let side = |mine: usize| {
        body(&(shared.clone(), seen.clone()), move |(words, seen)| {
            words[mine].store(1, Relaxed);
            if fence {
                P::fence(SeqCst);
            }
            seen.note(mine, words[1 - mine].load(Relaxed));
        })
    };
    P::run_to_rest(vec![side(0), side(1)]);
    seen.read()
}

/// Message passing of a cell through a flag with the given orderings, fences included.
pub fn message_passing<P: Platform>(
    store: Ordering,
    load: Ordering,
    fence_before_store: bool,
    fence_after_load: bool,
) -> String {
    let shared = Arc::new((P::AtomicBool::new(false), <P::Cell<u32>>::new(0)));
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![
        body(&shared, move |shared| {
            write::<P>(&shared.1, 42);
            if fence_before_store {
                P::fence(Release);
            }
            shared.0.store(true, store);
        }),
        body(&(shared.clone(), seen.clone()), move |(shared, seen)| {
            if shared.0.load(load) {
                if fence_after_load {
                    P::fence(Acquire);
                }
                seen.note(0, read::<P>(&shared.1));
            } else {
                seen.note(0, "unset");
            }
        }),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// A release sequence: a relaxed read-modify-write of a third thread goes on with it, a relaxed store ends it.
pub fn release_sequence<P: Platform>(third_modifies: bool) -> String {
    let shared = Arc::new((P::AtomicU32::new(0), <P::Cell<u32>>::new(0)));
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![
        body(&shared, |shared| {
            write::<P>(&shared.1, 42);
            shared.0.store(1, Release);
        }),
        body(&shared, move |shared| {
            if third_modifies {
                let _ = shared.0.compare_exchange(1, 2, Relaxed, Relaxed);
            } else if shared.0.load(Relaxed) == 1 {
                shared.0.store(2, Relaxed);
            }
        }),
        body(&(shared.clone(), seen.clone()), |(shared, seen)| {
            if shared.0.load(Acquire) == 2 {
                seen.note(0, read::<P>(&shared.1));
            }
        }),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// How the second of two accesses to a cell is ordered after the first, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Nothing,
    /// Nothing either, and the read comes first.
    NothingReadFirst,
    Mutex,
    /// The first access is before the lock is taken, the second after an attempt that failed, or succeeded later.
    FailedTryLock,
    WriteThenRead,
    ReadThenWrite,
    ReadersOnly,
    /// The second reader enters only once it knows, in a way that orders nothing, that the first has left.
    ReadersInTurn,
    Region,
    Park,
    ParkTimeout,
    Join,
    Rest,
    Spawn,
    NotifyOnly,
}

/// Two accesses to a cell, the first a write (`Order::ReadersOnly`: under a reader's lock each), ordered by `order`.
pub fn two_accesses<P: Platform>(order: Order) -> String {
    let cell = Arc::new(<P::Cell<u32>>::new(0));
    let ends = match order {
        Order::Nothing => P::run_to_rest(vec![
            body(&cell, |cell| write::<P>(&cell, 1)),
            body(&cell, |cell| {
                read::<P>(&cell);
            }),
        ]),
        Order::NothingReadFirst => P::run_to_rest(vec![
            body(&cell, |cell| {
                read::<P>(&cell);
            }),
            body(&cell, |cell| write::<P>(&cell, 1)),
        ]),
        Order::ReadersInTurn => {
            let shared = Arc::new((<P::RwLock<()>>::new(()), cell, P::AtomicBool::new(false)));
            P::run_to_rest(vec![
                body(&shared, |shared| {
                    let turn = shared.0.read();
                    write::<P>(&shared.1, 1);
                    drop(turn);
                    shared.2.store(true, Relaxed);
                }),
                body(&shared, |shared| {
                    if shared.2.load(Relaxed) {
                        let _turn = shared.0.read();
                        read::<P>(&shared.1);
                    }
                }),
            ])
        }
        Order::Mutex => {
            let shared = Arc::new((<P::Mutex<()>>::new(()), cell));
            let side = || {
                body(&shared, |shared| {
                    let _held = shared.0.lock();
                    write::<P>(&shared.1, 1);
                })
            };
            P::run_to_rest(vec![side(), side()])
        }
        Order::FailedTryLock => {
            let shared = Arc::new((<P::Mutex<()>>::new(()), cell));
            P::run_to_rest(vec![
                body(&shared, |shared| {
                    write::<P>(&shared.1, 1);
                    let _held = shared.0.lock();
                    P::yield_now();
                }),
                body(&shared, |shared| {
                    if shared.0.try_lock().is_none() {
                        read::<P>(&shared.1);
                    }
                }),
            ])
        }
        Order::WriteThenRead | Order::ReadThenWrite | Order::ReadersOnly => {
            let shared = Arc::new((<P::RwLock<u32>>::new(0), cell));
            let with_lock = |writes: bool, accesses_write: bool| {
                body(&shared, move |shared| {
                    let access = || {
                        if accesses_write {
                            write::<P>(&shared.1, 1);
                        } else {
                            read::<P>(&shared.1);
                        }
                    };
                    if writes {
                        let mut turn = shared.0.write();
                        *turn += 1;
                        access();
                    } else {
                        let _turn = shared.0.read();
                        access();
                    }
                })
            };
            let writer_writes = order == Order::WriteThenRead;
            match order {
                Order::ReadersOnly => P::run_to_rest(vec![with_lock(false, true), with_lock(false, false)]),
                _ => P::run_to_rest(vec![with_lock(true, writer_writes), with_lock(false, !writer_writes)]),
            }
        }
        Order::Region => {
            let shared = Arc::new((<P::Region<bool>>::new(false), cell));
            P::run_to_rest(vec![
                body(&shared, |shared| {
                    write::<P>(&shared.1, 1);
                    shared.0.with(|set| *set = true);
                }),
                body(&shared, |shared| {
                    shared.0.when(|set| *set, |_| ());
                    write::<P>(&shared.1, 2);
                }),
            ])
        }
        Order::Park | Order::ParkTimeout => {
            let timed = order == Order::ParkTimeout;
            let handle = Arc::new(<P::Region<Option<P::Thread>>>::new(None));
            P::run_to_rest(vec![
                body(&(handle.clone(), cell.clone()), move |(handle, cell)| {
                    handle.with(|slot| *slot = Some(P::current()));
                    if timed {
                        if P::park_timeout(Duration::from_secs(1)) {
                            write::<P>(&cell, 4);
                        }
                    } else {
                        P::park();
                        write::<P>(&cell, 4);
                    }
                }),
                body(&(handle, cell), |(handle, cell)| {
                    let thread = handle.when(Option::is_some, |slot| slot.clone().unwrap());
                    write::<P>(&cell, 3);
                    thread.unpark();
                }),
            ])
        }
        Order::Join => P::run_to_rest(vec![body(&cell, |cell| {
            let theirs = cell.clone();
            let thread = P::spawn(move || write::<P>(&theirs, 1));
            thread.join();
            write::<P>(&cell, 2);
        })]),
        Order::Rest => {
            let mut ends = P::run_to_rest(vec![body(&cell, |cell| write::<P>(&cell, 1))]);
            write::<P>(&cell, 2);
            ends.extend(P::run_to_rest(vec![body(&cell, |cell| write::<P>(&cell, 3))]));
            ends
        }
        Order::Spawn => {
            write::<P>(&cell, 1);
            P::run_to_rest(vec![body(&cell, |cell| {
                write::<P>(&cell, 2);
                let theirs = cell.clone();
                P::spawn(move || write::<P>(&theirs, 3)).join();
            })])
        }
        Order::NotifyOnly => {
            let shared = Arc::new((<P::Mutex<()>>::new(()), P::Condvar::new(), cell));
            P::run_to_rest(vec![
                body(&shared, |shared| {
                    let held = shared.0.lock();
                    let held = shared.1.wait(held);
                    read::<P>(&shared.2);
                    drop(held);
                }),
                body(&shared, |shared| {
                    write::<P>(&shared.2, 1);
                    shared.1.notify_one();
                }),
            ])
        }
    };
    letters(&ends)
}

/// All that two threads can choose out of `k`.
pub fn two_choices<P: Platform>(k: usize) -> String {
    let seen = Seen::default();
    let chooser = |place: usize| body(&seen, move |seen| seen.note(place, P::choose(k)));
    P::run_to_rest(vec![chooser(0), chooser(1)]);
    seen.read()
}

/// A timed park that nobody unparks, beside a thread that lets `passes` pass.
pub fn timed_park<P: Platform>(timeout_ms: u64, passes_ms: u64) -> String {
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![
        body(&seen, move |seen| {
            seen.note(0, P::park_timeout(Duration::from_millis(timeout_ms)));
        }),
        Box::new(move || P::advance(Duration::from_millis(passes_ms))),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// A timed wait on the reference condition variable beside a notification, while time passes.
pub fn timed_wait<P: Platform>(passes_ms: u64) -> String {
    let shared = Arc::new((<P::Mutex<bool>>::new(false), P::Condvar::new()));
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![
        body(&(shared.clone(), seen.clone()), |(shared, seen)| {
            let held = shared.0.lock();
            if !*held {
                let (_held, notified) = shared.1.wait_timeout(held, Duration::from_millis(5));
                seen.note(0, notified);
            }
        }),
        body(&shared, move |shared| {
            P::advance(Duration::from_millis(passes_ms));
            *shared.0.lock() = true;
            shared.1.notify_one();
        }),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// A wait without predicate and nobody who notifies: how it ends under a budget of spurious wakeups.
pub fn lonely_wait<P: Platform>(waits: usize) -> String {
    let shared = Arc::new((<P::Mutex<()>>::new(()), P::Condvar::new()));
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![body(&(shared, seen.clone()), move |(shared, seen)| {
        let mut held = shared.0.lock();
        for _ in 0..waits {
            held = shared.1.wait(held);
            seen.note(0, "woke");
        }
    })]);
    format!("{} {}", letters(&ends), seen.read())
}

/// A thread that panics while it holds a lock, beside one that wants it.
pub fn panic_with_lock<P: Platform>() -> String {
    let lock = Arc::new((<P::Mutex<u32>>::new(0), <P::Cell<u32>>::new(0)));
    let ends = P::run_to_rest(vec![
        body(&lock, |lock| {
            let mut held = lock.0.lock();
            write::<P>(&lock.1, 1);
            *held += 1;
            panic!("on purpose");
        }),
        body(&lock, |lock| {
            let mut held = lock.0.lock();
            write::<P>(&lock.1, 1);
            *held += 1;
        }),
    ]);
    if let End::Panicked(message) = &ends[0] {
        assert_eq!(message, "on purpose");
    }
    format!("{} {}", letters(&ends), *lock.0.lock())
}

/// Running to rest inside running to rest: the inner deadlock does not end the outer threads.
pub fn nested_rest<P: Platform>() -> String {
    let seen = Seen::default();
    let ends = P::run_to_rest(vec![
        body(&seen, |seen| seen.note(0, lock_twice::<P>())),
        body(&seen, |seen| seen.note(1, "other")),
    ]);
    format!("{} {}", letters(&ends), seen.read())
}

/// A body that a destructor makes take steps while it leaves.
pub fn destructors_that_synchronise<P: Platform>() -> String {
    struct Tidy<P: Platform>(Arc<(P::Mutex<u32>, P::AtomicU32)>);
    impl<P: Platform> Drop for Tidy<P> {
        fn drop(&mut self) {
            self.0.1.fetch_add(1, SeqCst);
            if let Some(mut held) = self.0.0.try_lock() {
                *held += 1;
            }
        }
    }
    let shared = Arc::new((<P::Mutex<u32>>::new(0), P::AtomicU32::new(0)));
    let ends = P::run_to_rest(vec![
        body(&shared, |shared| {
            let _tidy = Tidy::<P>(shared);
            P::park();
        }),
        body(&shared, |shared| {
            let _tidy = Tidy::<P>(shared);
            panic!("on purpose");
        }),
    ]);
    format!("{} {} {}", letters(&ends), shared.1.load(SeqCst), *shared.0.lock())
}

/// Threads joined by hand, with their values.
pub fn join_values<P: Platform>() -> String {
    let handles: Vec<_> = (0..2u32).map(|n| P::spawn(move || n + 1)).collect();
    handles.into_iter().map(|handle| handle.join().to_string()).collect::<Vec<_>>().join(" ")
}

/// Two threads with names, as far as the system has them.
pub fn two_named_threads<P: Platform>() -> String {
    let start = |name| match P::spawn_named(name, move || name) {
        Ok(thread) => {
            assert_eq!(thread.join(), name);
            "started"
        }
        Err(_) => "failed",
    };
    ["first", "second"].map(start).join(" ")
}

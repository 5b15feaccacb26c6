//! Programs on the platform's own objects, as small as the engine's cost can be stated for.

use selvedge::platform::{
    Arc, Atomic, AtomicInteger, Body, End, MutexGuard, Ordering, Platform, PlatformCondvar, PlatformMutex, Shuttle,
    host,
};

type Mutex<T> = <Shuttle as Platform>::Mutex<T>;
type Condvar = <Shuttle as Platform>::Condvar;

/// One letter a thread: how it ended.
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

fn run(threads: Vec<Body>) -> String {
    letters(&Shuttle::run_to_rest(threads))
}

/// Each thread takes the lock so often and appends itself to a log.
pub fn mutexes(threads: usize, each: usize) -> String {
    let log = Arc::new(Mutex::new(String::new()));
    let bodies = (0..threads).map(|thread| {
        let log = log.clone();
        Box::new(move || {
            for _ in 0..each {
                *log.lock() += &thread.to_string();
            }
        }) as Body
    });
    let ends = run(bodies.collect());
    let log = log.lock().clone();
    format!("{ends} {log}")
}

/// Each thread adds to one counter so often; the log says what it found.
pub fn counters(threads: usize, each: usize) -> String {
    let counter = Arc::new(<Shuttle as Platform>::AtomicUsize::new(0));
    let log = Arc::new(host::Mutex::new(vec![Vec::new(); threads]));
    let bodies = (0..threads).map(|thread| {
        let (counter, log) = (counter.clone(), log.clone());
        Box::new(move || {
            for _ in 0..each {
                let found = counter.fetch_add(1, Ordering::SeqCst);
                log.lock().unwrap()[thread].push(found);
            }
        }) as Body
    });
    let ends = run(bodies.collect());
    format!("{ends} {:?}", log.lock().unwrap())
}

/// Each thread adds to a counter of its own.
pub fn disjoint_counters(threads: usize, each: usize) -> String {
    let bodies = (0..threads).map(|_| {
        let counter = <Shuttle as Platform>::AtomicUsize::new(0);
        Box::new(move || {
            for _ in 0..each {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }) as Body
    });
    run(bodies.collect())
}

/// A buffer with room for one: so many items go through it. Notifies with the lock held; the log tells each entry, wait
/// and return of either side.
pub fn buffer(items: usize) -> String {
    struct Buffer {
        slot: Mutex<(Option<usize>, String)>,
        not_empty: Condvar,
        not_full: Condvar,
    }
    let buffer = Arc::new(Buffer {
        slot: Mutex::new((None, String::new())),
        not_empty: Condvar::new(),
        not_full: Condvar::new(),
    });
    let theirs = buffer.clone();
    let producer = move || {
        for item in 0..items {
            let mut slot = theirs.slot.lock();
            slot.1 += "P";
            while slot.0.is_some() {
                slot.1 += "w";
                slot = theirs.not_full.wait(slot);
                slot.1 += "p";
            }
            slot.0 = Some(item);
            theirs.not_empty.notify_one();
        }
    };
    let theirs = buffer.clone();
    let consumer = move || {
        for _ in 0..items {
            let mut slot = theirs.slot.lock();
            slot.1 += "C";
            while slot.0.is_none() {
                slot.1 += "v";
                slot = theirs.not_empty.wait(slot);
                slot.1 += "c";
            }
            slot.0 = None;
            theirs.not_full.notify_one();
        }
    };
    let ends = run(vec![Box::new(producer), Box::new(consumer)]);
    let log = buffer.slot.lock().1.clone();
    format!("{ends} {log}")
}

/// So many consumers, and a thread that makes as many items, one notification each, with the lock held. The log tells each
/// wait (a letter), each item taken (a capital) and each item made.
pub fn consumers(count: usize) -> String {
    let shared = Arc::new((Mutex::new((0, String::new())), Condvar::new()));
    let mut bodies: Vec<Body> = Vec::new();
    for consumer in 0..count {
        let shared = shared.clone();
        let letter = char::from(b'a' + consumer as u8);
        bodies.push(Box::new(move || {
            let mut items: MutexGuard<'_, Shuttle, (u32, String)> = shared.0.lock();
            while items.0 == 0 {
                items.1.push(letter);
                items = shared.1.wait(items);
            }
            items.0 -= 1;
            items.1.push(letter.to_ascii_uppercase());
        }));
    }
    let theirs = shared.clone();
    bodies.push(Box::new(move || {
        for _ in 0..count {
            let mut items = theirs.0.lock();
            items.0 += 1;
            items.1 += "+";
            theirs.1.notify_one();
        }
    }));
    let ends = run(bodies);
    let log = shared.0.lock().1.clone();
    format!("{ends} {log}")
}

/// So many threads wait on our own condition variable for one broadcast.
pub fn broadcast(waiters: usize) -> String {
    let shared = Arc::new((selvedge::Mutex::<bool, Shuttle>::from(false), selvedge::Cond::<Shuttle>::default()));
    let mut bodies: Vec<Body> = Vec::new();
    for _ in 0..waiters {
        let shared = shared.clone();
        bodies.push(Box::new(move || shared.1.wait_while(&mut shared.0.lock(), |ready| !*ready)));
    }
    let theirs = shared.clone();
    bodies.push(Box::new(move || {
        *theirs.0.lock() = true;
        theirs.1.broadcast();
    }));
    run(bodies)
}

/// One thread holds a mutex for a while; another tries to take it, and a third one waits for it.
pub fn try_lock() -> String {
    let shared = Arc::new((Mutex::new(()), <Shuttle as Platform>::AtomicUsize::new(0)));
    let log = Arc::new(host::Mutex::new(None));
    let (holder, trier, waiter) = (shared.clone(), shared.clone(), shared.clone());
    let theirs = log.clone();
    let ends = run(vec![
        Box::new(move || {
            let held = holder.0.lock();
            holder.1.store(1, Ordering::SeqCst);
            drop(held);
        }),
        Box::new(move || {
            let stage = trier.1.load(Ordering::SeqCst);
            *theirs.lock().unwrap() = Some((stage, trier.0.try_lock().is_some()));
        }),
        Box::new(move || drop(waiter.0.lock())),
    ]);
    format!("{ends} {:?}", log.lock().unwrap())
}

/// A reader spins until a writer has written, twice.
pub fn spinning() -> String {
    let flag = Arc::new(<Shuttle as Platform>::AtomicUsize::new(0));
    let theirs = flag.clone();
    run(vec![
        Box::new(move || {
            for stage in 1..3 {
                while flag.load(Ordering::SeqCst) < stage {
                    Shuttle::spin_loop();
                }
            }
        }),
        Box::new(move || {
            theirs.store(1, Ordering::SeqCst);
            theirs.store(2, Ordering::SeqCst);
        }),
    ])
}

/// A reader spins for what nobody writes, beside one who yields only to be polite.
pub fn spinning_in_vain() -> String {
    let flag = Arc::new([0; 2].map(<Shuttle as Platform>::AtomicUsize::new));
    let theirs = flag.clone();
    run(vec![
        Box::new(move || {
            while flag[0].load(Ordering::SeqCst) == 0 {
                Shuttle::spin_loop();
            }
        }),
        Box::new(move || {
            theirs[1].load(Ordering::SeqCst);
            Shuttle::yield_now();
            theirs[1].store(1, Ordering::SeqCst);
        }),
    ])
}

/// Each thread draws a number and tells it under a lock.
pub fn choices() -> String {
    let log = Arc::new(Mutex::new(String::new()));
    let bodies = [2, 3].map(|alternatives| {
        let log = log.clone();
        Box::new(move || {
            let chosen = Shuttle::choose(alternatives);
            *log.lock() += &format!("{alternatives}:{chosen} ");
        }) as Body
    });
    let ends = run(bodies.into());
    let log = log.lock().clone();
    format!("{ends} {log}")
}

/// Two threads, each takes two locks, in opposite orders.
pub fn opposite_orders() -> String {
    let locks = Arc::new([(); 2].map(|()| Mutex::new(())));
    let bodies = (0..2).map(|first: usize| {
        let locks = locks.clone();
        Box::new(move || {
            let _outer = locks[first].lock();
            let _inner = locks[1 - first].lock();
        }) as Body
    });
    run(bodies.collect())
}

/// A thread that is cut off if its lock is taken first: only who is looked at as blocked shows that.
pub fn blocked_for_ever() -> String {
    let lock = Arc::new(Mutex::new(()));
    let theirs = lock.clone();
    run(vec![
        Box::new(move || {
            let _held = lock.lock();
            Shuttle::park();
        }),
        Box::new(move || drop(theirs.lock())),
    ])
}

/// Two threads, each writes one variable and reads the other.
pub fn store_buffering() -> String {
    let shared = Arc::new([0; 2].map(<Shuttle as Platform>::AtomicUsize::new));
    let seen = Arc::new(host::Mutex::new([9; 2]));
    let bodies = (0..2).map(|me| {
        let (shared, seen) = (shared.clone(), seen.clone());
        Box::new(move || {
            shared[me].store(1, Ordering::SeqCst);
            let found = shared[1 - me].load(Ordering::SeqCst);
            seen.lock().unwrap()[me] = found;
        }) as Body
    });
    run(bodies.collect());
    format!("{:?}", seen.lock().unwrap())
}

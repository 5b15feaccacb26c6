//! Loom and depth-first search under shuttle find the same outcomes, on programs drawn at random.
//!
//! The two share the objects' semantics but neither the search nor the way a thread waits: depth-first search leaves out
//! nothing, loom leaves out what it takes for equivalent. The programs use no weak memory, so that the outcomes must be
//! equal. What they note is everything that a thread can see: values, whether an attempt succeeded, how a wait ended, how
//! a thread ended.

mod platform_programs;

use std::collections::BTreeSet;

use selvedge::platform::shuttle::{self, SchedulerKind};
use selvedge::platform::{
    Arc, Atomic, AtomicInteger, Body, Bounds, Loom, Ordering, Platform, PlatformCondvar, PlatformMutex, PlatformRwLock,
    Profile, Region, Run, Shuttle, Timeouts, Unpark, host, loom,
};

use platform_programs::{Outcomes, Seen, letters};

/// What a thread does next.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// Add one under the mutex.
    Locked(usize),
    /// Hold one mutex while adding one under the other.
    Nested(usize, usize),
    TryLock(usize),
    /// A wait without a predicate.
    Wait,
    WaitTimeout,
    NotifyOne,
    NotifyAll,
    Park,
    ParkTimeout,
    Unpark(usize),
    Advance,
    Take,
    Put,
    Read,
    Write,
    Add,
}

/// Programs are drawn with SplitMix64 from a fixed seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }

    fn op(&mut self, threads: usize) -> Op {
        match self.below(24) {
            0 | 16 => Op::Locked(self.below(2)),
            1 => {
                let first = self.below(2);
                Op::Nested(first, 1 - first)
            }
            2 => Op::TryLock(self.below(2)),
            3 => Op::Wait,
            4 => Op::WaitTimeout,
            5 | 17 => Op::NotifyOne,
            6 => Op::NotifyAll,
            7 => Op::Park,
            8 => Op::ParkTimeout,
            9 | 18 | 19 => Op::Unpark(self.below(threads)),
            10 | 20 => Op::Advance,
            11 => Op::Take,
            12 | 21 => Op::Put,
            13 => Op::Read,
            14 | 22 => Op::Write,
            _ => Op::Add,
        }
    }

    fn program(&mut self) -> Vec<Vec<Op>> {
        let threads = 2 + self.below(2);
        let longest = if threads == 2 { 3 } else { 2 };
        (0..threads)
            .map(|_| {
                let length = 1 + self.below(longest);
                (0..length).map(|_| self.op(threads)).collect()
            })
            .collect()
    }
}

struct Shared<P: Platform> {
    locks: [P::Mutex<u32>; 2],
    condvar: P::Condvar,
    queue: P::Region<u32>,
    readers: P::RwLock<u32>,
    word: P::AtomicU32,
    threads: Vec<host::Mutex<Option<P::Thread>>>,
    /// How many threads have said who they are.
    known: P::Region<usize>,
}

fn run<P: Platform>(program: &[Vec<Op>]) -> String {
    let shared = Arc::new(Shared::<P> {
        locks: [<P::Mutex<u32>>::new(0), <P::Mutex<u32>>::new(0)],
        condvar: P::Condvar::new(),
        queue: <P::Region<u32>>::new(0),
        readers: <P::RwLock<u32>>::new(0),
        word: P::AtomicU32::new(0),
        threads: program.iter().map(|_| host::Mutex::new(None)).collect(),
        known: <P::Region<usize>>::new(0),
    });
    let needs_handles = program.iter().flatten().any(|op| matches!(op, Op::Unpark(_)));
    let seen = Seen::default();
    let bodies = program.iter().enumerate().map(|(me, ops)| {
        let (shared, seen, ops) = (Arc::clone(&shared), seen.clone(), ops.clone());
        let count = program.len();
        Box::new(move || {
            if needs_handles {
                *shared.threads[me].lock().unwrap() = Some(P::current());
                shared.known.with(|known| *known += 1);
                shared.known.when(|&known| known == count, |_| ());
            }
            for op in ops {
                let said = perform(op, &shared);
                seen.note(me, format!("{me}{said}"));
            }
        }) as Body
    });
    let ends = P::run_to_rest(bodies.collect());
    format!("{} {}", letters(&ends), seen.read())
}

fn perform<P: Platform>(op: Op, shared: &Shared<P>) -> String {
    let add = |value: &mut u32| {
        *value += 1;
        value.to_string()
    };
    let brief = std::time::Duration::from_millis(1);
    match op {
        Op::Locked(lock) => add(&mut shared.locks[lock].lock()),
        Op::Nested(first, second) => {
            let _held = shared.locks[first].lock();
            add(&mut shared.locks[second].lock())
        }
        Op::TryLock(lock) => shared.locks[lock].try_lock().map_or("-".into(), |mut held| add(&mut held)),
        Op::Wait => {
            let held = shared.locks[0].lock();
            add(&mut shared.condvar.wait(held))
        }
        Op::WaitTimeout => {
            let held = shared.locks[0].lock();
            let (mut held, notified) = shared.condvar.wait_timeout(held, brief);
            format!("{}{notified}", add(&mut held))
        }
        Op::NotifyOne => {
            shared.condvar.notify_one();
            "n".into()
        }
        Op::NotifyAll => {
            shared.condvar.notify_all();
            "n".into()
        }
        Op::Park => {
            P::park();
            "p".into()
        }
        Op::ParkTimeout => P::park_timeout(brief).to_string(),
        Op::Unpark(thread) => {
            let thread = shared.threads[thread].lock().unwrap().clone();
            thread.unwrap().unpark();
            "u".into()
        }
        Op::Advance => {
            P::advance(brief);
            "a".into()
        }
        Op::Take => shared.queue.when(
            |&count| count > 0,
            |count| {
                *count -= 1;
                count.to_string()
            },
        ),
        Op::Put => shared.queue.with(|count| {
            *count += 1;
            count.to_string()
        }),
        Op::Read => shared.readers.read().to_string(),
        Op::Write => add(&mut shared.readers.write()),
        Op::Add => shared.word.fetch_add(1, Ordering::SeqCst).to_string(),
    }
}

fn collect(search: impl FnOnce(Box<dyn Fn(String) + Send + Sync>) -> Run) -> (Run, Outcomes) {
    let seen = Arc::new(host::Mutex::new(BTreeSet::new()));
    let kept = Arc::clone(&seen);
    let run = search(Box::new(move |outcome| {
        kept.lock().unwrap().insert(outcome);
    }));
    let seen = seen.lock().unwrap().clone();
    (run, seen)
}

#[test]
fn loom_finds_what_depth_first_search_finds() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|count| count.parse().ok()).unwrap_or(default);
    // More and larger programs, for the nightly run: PROGRAMS=2000 EXECUTIONS=100000.
    let programs = number("PROGRAMS", 100);
    let executions = number("EXECUTIONS", 1_500);
    let mut draw = Draw(42);
    let (mut compared, mut outcomes, mut blocked) = (0, 0, 0);
    let (mut loom_executions, mut dfs_executions) = (0, 0);
    for index in 0..programs {
        let program = Arc::new(draw.program());
        let free = draw.below(4) == 0;
        let spurious = u32::from(draw.below(5) == 0);
        let bounds = Bounds {
            max_executions: Some(executions),
            choice_bits: if spurious == 0 && !program.iter().flatten().any(|op| matches!(op, Op::NotifyOne)) {
                0
            } else {
                4
            },
            profile: Profile {
                timeouts: if free { Timeouts::Free } else { Timeouts::Clocked },
                spurious_budget: spurious,
                ..Profile::default()
            },
            ..Bounds::default()
        };
        let (dfs, by_dfs) = {
            let program = Arc::clone(&program);
            collect(|keep| shuttle::explore(SchedulerKind::Dfs, &bounds, move || keep(run::<Shuttle>(&program))))
        };
        if !dfs.complete {
            assert_eq!(dfs.failure, None, "program {index}: {program:?}");
            continue;
        }
        let (by_loom_run, by_loom) = {
            let program = Arc::clone(&program);
            collect(|keep| loom::explore(&bounds, move || keep(run::<Loom>(&program))))
        };
        assert_eq!(by_loom_run.failure, None, "program {index}: {program:?}");
        if !by_loom_run.complete {
            assert!(by_loom.is_subset(&by_dfs), "program {index}: {program:?}");
            continue;
        }
        let missed: Vec<_> = by_dfs.difference(&by_loom).collect();
        let extra: Vec<_> = by_loom.difference(&by_dfs).collect();
        assert!(
            missed.is_empty() && extra.is_empty(),
            "program {index}, {:?}: {program:?}\nloom misses {missed:?}\nloom alone has {extra:?}",
            bounds.profile
        );
        compared += 1;
        outcomes += by_dfs.len();
        blocked += by_dfs.iter().filter(|outcome| outcome.contains('B')).count();
        loom_executions += by_loom_run.executions;
        dfs_executions += dfs.executions;
    }
    println!(
        "{compared} of {programs} programs, {outcomes} outcomes, {blocked} of them blocked; \
         {loom_executions} executions under loom, {dfs_executions} depth-first"
    );
    assert!(compared * 10 >= programs * 6, "{compared} of {programs} programs were small enough");
    assert!(blocked > 0);
}

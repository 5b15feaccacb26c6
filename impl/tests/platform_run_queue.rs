//! The run queue on every platform: nothing is lost or taken twice, first in is first out, the edges are those that are
//! promised, and a second owner is found.

use std::collections::VecDeque;

use selvedge::platform::host::Mutex;
use selvedge::platform::host::atomic::{AtomicBool, AtomicUsize};
use selvedge::platform::{Arc, Body, End, Join, Ordering, Platform, RunQueue, Std, Steal};

use Ordering::{Acquire, Relaxed, Release};

/// What a thread took, in order.
type Taken = Vec<u64>;

/// A push by a thread that is the owner, or that a checking platform stops before it does any harm.
fn push<Q: RunQueue<u64>>(queue: &Q, value: u64) {
    // SAFETY: on the machine every program here has one owner at a time; on the checking platforms a second one is stopped.
    unsafe { queue.push(value) };
}

/// A pop, likewise.
fn pop<Q: RunQueue<u64>>(queue: &Q) -> Option<u64> {
    // SAFETY: as for `push`.
    unsafe { queue.pop() }
}

/// What is wrong with the takes of a queue to which `1..=values` were pushed in that order.
fn complaint(values: u64, takers: &[Taken]) -> Option<String> {
    let mut times = vec![0u32; values as usize + 1];
    for taken in takers {
        if let Some(pair) = taken.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Some(format!("one taker was given {} and then {}", pair[0], pair[1]));
        }
        for value in taken {
            match times.get_mut(*value as usize) {
                Some(times) => *times += 1,
                None => return Some(format!("{value} was never pushed")),
            }
        }
    }
    let wrong = (1..=values).find(|value| times[*value as usize] != 1)?;
    Some(format!("{wrong} was taken {} times", times[wrong as usize]))
}

/// Real threads: an owner that pushes `1..=values` and pops now and then, two thieves, and a second owner who takes over.
fn stress<Q: RunQueue<u64> + 'static>(values: u64) -> Vec<Taken> {
    struct Shared<Q> {
        queue: Q,
        running: AtomicUsize,
        is_done: AtomicBool,
        taken: Mutex<Vec<Taken>>,
    }
    let shared =
        Arc::new(Shared { queue: Q::new(), running: 0.into(), is_done: false.into(), taken: Mutex::new(Vec::new()) });
    let body = |act: fn(&Shared<Q>, u64) -> Taken| {
        let shared = Arc::clone(&shared);
        Box::new(move || {
            shared.running.fetch_add(1, Relaxed);
            while shared.running.load(Relaxed) < 3 {
                Std::yield_now();
            }
            let taken = act(&shared, values);
            shared.taken.lock().unwrap().push(taken);
        }) as Body
    };
    let own = |shared: &Shared<Q>, values: u64| {
        let mut taken = Taken::new();
        for value in 1..=values / 2 {
            push(&shared.queue, value);
            if value % 3 == 0 || shared.queue.len() > 100 {
                taken.extend(pop(&shared.queue));
            }
        }
        taken
    };
    let steal = |shared: &Shared<Q>, _| {
        let mut taken = Taken::new();
        loop {
            let is_over = shared.is_done.load(Acquire);
            match shared.queue.steal() {
                Steal::Success(value) => taken.push(value),
                Steal::Empty if is_over => return taken,
                Steal::Empty | Steal::Retry => {}
            }
        }
    };
    let take_over = {
        let shared = Arc::clone(&shared);
        let first = body(own);
        Box::new(move || {
            // The second owner's turn begins once the first one's thread has ended.
            Std::spawn(first).join();
            let mut taken = Taken::new();
            for value in values / 2 + 1..=values {
                push(&shared.queue, value);
            }
            taken.extend(std::iter::from_fn(|| pop(&shared.queue)));
            shared.is_done.store(true, Release);
            shared.taken.lock().unwrap().push(taken);
        }) as Body
    };
    let threads = Std::run_to_rest(vec![take_over, body(steal), body(steal)]);
    assert!(threads.iter().all(|end| matches!(end, End::Returned)), "{threads:?}");
    let taken = shared.taken.lock().unwrap();
    taken.clone()
}

#[test]
fn real_threads_lose_nothing_and_take_nothing_twice() {
    for _ in 0..10 {
        let values = 100_000;
        let taken = stress::<<Std as Platform>::RunQueue<u64>>(values);
        assert_eq!(complaint(values, &taken), None);
    }
}

/// A queue that is wrong about once in a thousand values.
struct Planted<const BUG: usize> {
    values: Mutex<(u64, VecDeque<u64>)>,
}

const NONE: usize = 0;
const LOSES: usize = 1;
const REPEATS: usize = 2;
const SWAPS: usize = 3;

impl<const BUG: usize> RunQueue<u64> for Planted<BUG> {
    fn new() -> Self {
        Planted { values: Mutex::new(Default::default()) }
    }
    unsafe fn push(&self, value: u64) {
        let (pushes, values) = &mut *self.values.lock().unwrap();
        *pushes += 1;
        let is_wrong = *pushes % 1_000 == 0;
        match BUG {
            LOSES if is_wrong => {}
            REPEATS if is_wrong => values.extend([value, value]),
            SWAPS if is_wrong => values.push_front(value),
            _ => values.push_back(value),
        }
    }
    unsafe fn pop(&self) -> Option<u64> {
        self.values.lock().unwrap().1.pop_front()
    }
    fn steal(&self) -> Steal<u64> {
        self.values.lock().unwrap().1.pop_front().map_or(Steal::Empty, Steal::Success)
    }
    fn len(&self) -> usize {
        self.values.lock().unwrap().1.len()
    }
}

#[test]
fn the_stress_test_notices_a_queue_that_is_wrong() {
    let values = 10_000;
    assert_eq!(complaint(values, &stress::<Planted<NONE>>(values)), None);
    let said = complaint(values, &stress::<Planted<LOSES>>(values)).unwrap();
    assert!(said.ends_with("was taken 0 times"), "{said}");
    let said = complaint(values, &stress::<Planted<REPEATS>>(values)).unwrap();
    assert!(said.ends_with("was taken 2 times") || said.starts_with("one taker"), "{said}");
    // Only a taker alone surely takes both of two that were swapped.
    let alone = Planted::<SWAPS>::new();
    (1..=1_000).for_each(|value| push(&alone, value));
    let taken = std::iter::from_fn(|| pop(&alone)).collect();
    assert_eq!(complaint(1_000, &[taken]).unwrap(), "one taker was given 1000 and then 1");
}

#[cfg(any(feature = "loom", feature = "shuttle"))]
mod programs {
    //! Small programs. Each is one execution and says what came out of it.

    use std::collections::BTreeSet;

    use selvedge::platform::{PlatformMutex, TrackedCell};

    use super::*;

    pub type Queue<P> = <P as Platform>::RunQueue<u64>;

    /// A queue, a cell, and what threads took.
    struct Shared<P: Platform> {
        queue: Queue<P>,
        cell: P::Cell<u64>,
        mutex: P::Mutex<()>,
        taken: Mutex<[Taken; 3]>,
    }

    impl<P: Platform> Shared<P> {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                queue: RunQueue::new(),
                cell: TrackedCell::new(0),
                mutex: PlatformMutex::new(()),
                taken: Mutex::default(),
            })
        }

        fn note(&self, thread: usize, value: Option<u64>) {
            self.taken.lock().unwrap()[thread].extend(value);
        }

        fn steal(&self) -> Option<u64> {
            match self.queue.steal() {
                Steal::Success(value) => Some(value),
                Steal::Empty => None,
                Steal::Retry => panic!("nobody has granted that"),
            }
        }

        /// A read of the cell. It does not take place where it races.
        fn look(&self) {
            self.cell.with(|_| ());
        }

        fn write(&self) {
            self.cell.with_mut(|_| ());
        }
    }

    /// How the threads ended, and what each of them, and then the body, took.
    fn run<P: Platform>(threads: &[fn(&Shared<P>)]) -> String {
        match takes(threads) {
            (letters, None) => letters,
            (letters, Some(takers)) => format!("{letters} {takers:?}"),
        }
    }

    /// Runs the threads, and then takes what is left if none raced.
    fn takes<P: Platform>(threads: &[fn(&Shared<P>)]) -> (String, Option<Vec<Taken>>) {
        let shared = Shared::<P>::new();
        let bodies = threads.iter().map(|act| {
            let (shared, act) = (Arc::clone(&shared), *act);
            Box::new(move || act(&shared)) as Body
        });
        let ends = P::run_to_rest(bodies.collect());
        let letter = |end: &End| match end {
            End::Returned => 'R',
            End::Raced(_) => 'X',
            End::Abandoned => 'A',
            End::Blocked => 'B',
            End::Panicked(message) => panic!("{message}"),
        };
        let letters: String = ends.iter().map(letter).collect();
        if letters.contains(['X', 'A']) {
            return (letters, None);
        }
        let left: Taken = std::iter::from_fn(|| shared.steal()).collect();
        let mut takers = shared.taken.lock().unwrap()[..threads.len()].to_vec();
        takers.push(left);
        (letters, Some(takers))
    }

    pub fn owner_and_thief<P: Platform>() -> String {
        run::<P>(&[
            |shared| {
                push(&shared.queue, 1);
                push(&shared.queue, 2);
                shared.note(0, pop(&shared.queue));
            },
            |shared| shared.note(1, shared.steal()),
        ])
    }

    /// Says nothing if nothing is wrong.
    pub fn owner_and_two_thieves<P: Platform>() -> String {
        let (letters, takers) = takes::<P>(&[
            |shared| {
                push(&shared.queue, 1);
                push(&shared.queue, 2);
                shared.note(0, pop(&shared.queue));
                push(&shared.queue, 3);
            },
            |shared| (0..2).for_each(|_| shared.note(1, shared.steal())),
            |shared| shared.note(2, shared.steal()),
        ]);
        assert_eq!(letters, "RRR");
        complaint(3, &takers.unwrap_or_default()).unwrap_or_default()
    }

    /// What was written before a push is there for who takes the value.
    pub fn a_push_tells<P: Platform>() -> String {
        run::<P>(&[
            |shared| {
                shared.write();
                push(&shared.queue, 1);
            },
            |shared| {
                if shared.steal().is_some() {
                    shared.look();
                }
            },
        ])
    }

    /// What was written after it is not, whatever was pushed then.
    pub fn a_later_push_does_not_tell<P: Platform>() -> String {
        run::<P>(&[
            |shared| {
                push(&shared.queue, 1);
                shared.write();
                push(&shared.queue, 2);
            },
            |shared| {
                if shared.queue.len() == 2 && shared.steal() == Some(1) {
                    shared.look();
                }
            },
        ])
    }

    /// That there is something tells nothing else.
    pub fn a_look_does_not_tell<P: Platform>() -> String {
        run::<P>(&[
            |shared| {
                shared.write();
                push(&shared.queue, 1);
            },
            |shared| {
                if !shared.queue.is_empty() {
                    shared.look();
                }
            },
        ])
    }

    /// That something is gone tells the owner nothing else.
    pub fn a_steal_does_not_tell<P: Platform>() -> String {
        run::<P>(&[
            |shared| {
                push(&shared.queue, 1);
                if shared.queue.is_empty() {
                    push(&shared.queue, 2);
                    shared.note(0, pop(&shared.queue));
                    shared.look();
                }
            },
            |shared| {
                shared.write();
                shared.note(1, shared.steal());
            },
        ])
    }

    pub fn two_pushers<P: Platform>() -> String {
        run::<P>(&[|shared| push(&shared.queue, 1), |shared| push(&shared.queue, 2)])
    }

    pub fn a_pusher_and_a_popper<P: Platform>() -> String {
        run::<P>(&[|shared| push(&shared.queue, 1), |shared| shared.note(1, pop(&shared.queue))])
    }

    /// Who has stolen a value was told of its push, and may become the owner if that was the last thing the owner did.
    pub fn an_heir_by_theft<P: Platform>() -> String {
        run::<P>(&[
            |shared| push(&shared.queue, 1),
            |shared| {
                if shared.steal().is_some() {
                    push(&shared.queue, 2);
                    shared.note(1, pop(&shared.queue));
                }
            },
        ])
    }

    pub fn owners_under_a_mutex<P: Platform>() -> String {
        run::<P>(&[
            |shared| {
                let _held = shared.mutex.lock();
                push(&shared.queue, 1);
            },
            |shared| {
                let _held = shared.mutex.lock();
                push(&shared.queue, 1);
                shared.note(1, pop(&shared.queue));
            },
        ])
    }

    /// An owner that is blocked for ever, whose destructor goes on with the queue.
    pub fn a_destructor_that_pushes<P: Platform>() -> String {
        struct Last<'a, P: Platform>(&'a Shared<P>);
        impl<P: Platform> Drop for Last<'_, P> {
            fn drop(&mut self) {
                self.0.note(0, pop(&self.0.queue));
                push(&self.0.queue, 3);
            }
        }
        run::<P>(&[|shared| {
            let _last = Last(shared);
            push(&shared.queue, 1);
            push(&shared.queue, 2);
            P::park();
        }])
    }

    /// A thief that spins until there is something, and may have looked in vain when nobody else could go on: then only the
    /// push brings it back.
    pub fn a_spinning_thief<P: Platform>() -> String {
        run::<P>(&[
            |shared| {
                shared.queue.len();
                P::yield_now();
                push(&shared.queue, 1);
                // For ever: an end would be a change, too.
                P::park();
            },
            |shared| {
                let stolen = loop {
                    match shared.steal() {
                        Some(value) => break value,
                        None => P::spin_loop(),
                    }
                };
                shared.note(1, Some(stolen));
            },
        ])
    }

    /// How two steals of a value end, in a word each.
    pub fn two_steals<P: Platform>() -> String {
        let shared = Shared::<P>::new();
        push(&shared.queue, 1);
        let words = Arc::new(Mutex::new(Vec::new()));
        let (theirs, notes) = (Arc::clone(&shared), Arc::clone(&words));
        P::run_to_rest(vec![Box::new(move || {
            for _ in 0..2 {
                let word = match theirs.queue.steal() {
                    Steal::Success(_) => "success",
                    Steal::Empty => "empty",
                    Steal::Retry => "retry",
                };
                notes.lock().unwrap().push(word);
            }
        })]);
        let words = words.lock().unwrap();
        words.join(" ")
    }

    /// What each program can come to, and what it does.
    pub fn hold<P: Platform>(all: impl Fn(fn() -> String) -> BTreeSet<String>) {
        let is = |program: fn() -> String, expected: &[&str]| {
            let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(all(program), expected);
        };
        let takes = ["RR [[1], [], [2]]", "RR [[1], [2], []]", "RR [[2], [1], []]"];
        is(owner_and_thief::<P>, &takes);
        is(owner_and_two_thieves::<P>, &[""]);
        is(a_push_tells::<P>, &["RR [[], [], []]", "RR [[], [], [1]]"]);
        // Alone, it is the look at the cell that is found to race.
        is(a_later_push_does_not_tell::<P>, &["RR [[], [], [1, 2]]", "RX"]);
        is(a_look_does_not_tell::<P>, &["RR [[], [], [1]]", "RX"]);
        is(a_destructor_that_pushes::<P>, &["B [[1], [2, 3]]"]);
        is(owners_under_a_mutex::<P>, &["RR [[], [1], [1]]"]);
        let stolen = ["RR [[], [2], []]", "RR [[], [], [1]]"];
        is(an_heir_by_theft::<P>, &stolen);
        let ends = all(a_steal_does_not_tell::<P>);
        assert!(ends.contains("XR") && ends.contains("RR [[], [], [1]]"), "{ends:?}");
        for misuse in [two_pushers::<P>, a_pusher_and_a_popper::<P>] {
            let ends = all(misuse);
            assert!(ends.iter().all(|end| end.contains('X')), "a second owner goes unnoticed: {ends:?}");
        }
    }
}

#[cfg(feature = "shuttle")]
mod shuttle {
    use std::collections::BTreeSet;

    use selvedge::platform::shuttle::{self, SchedulerKind};
    use selvedge::platform::{Bounds, Profile, Shuttle};

    use super::programs::{self, Queue};
    use super::*;

    fn all_within(steal_retries: u32, program: fn() -> String) -> BTreeSet<String> {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let kept = Arc::clone(&seen);
        let bounds = Bounds { profile: Profile { steal_retries, ..Profile::default() }, ..Bounds::default() };
        let run = shuttle::explore(SchedulerKind::Dfs, &bounds, move || {
            kept.lock().unwrap().insert(program());
        });
        assert!(run.complete, "{run:?}");
        seen.lock().unwrap().clone()
    }

    #[test]
    fn every_schedule_keeps_the_contract() {
        programs::hold::<Shuttle>(|program| all_within(0, program));
    }

    #[test]
    fn a_steal_is_to_be_tried_again_only_as_often_as_granted() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        let ends = |retries| all_within(retries, programs::two_steals::<Shuttle>);
        assert_eq!(ends(0), texts(&["success empty"]));
        assert_eq!(ends(1), texts(&["success empty", "retry success", "success retry"]));
        assert_eq!(ends(2), texts(&["success empty", "retry success", "success retry", "retry retry"]));
    }

    #[test]
    fn a_thief_that_spins_is_woken_by_a_push() {
        assert_eq!(Vec::from_iter(all_within(0, programs::a_spinning_thief::<Shuttle>)), ["BR [[], [1], []]"]);
    }

    #[test]
    fn a_second_owner_is_named_with_both_places() {
        let run = shuttle::explore(SchedulerKind::Dfs, &Bounds::default(), || {
            let queue = Arc::new(Queue::<Shuttle>::new());
            let theirs = Arc::clone(&queue);
            // SAFETY: it is not kept, which is the point; the platform stops the second owner.
            let first = Box::new(move || unsafe { queue.push(1) }) as Body;
            // SAFETY: as above.
            let second = Box::new(move || assert!(unsafe { theirs.pop() }.is_none()));
            let ends = Shuttle::run_to_rest(vec![first, second]);
            let races = ends.iter().filter_map(|end| match end {
                End::Raced(race) => Some(race.to_string()),
                _ => None,
            });
            panic!("{}", races.collect::<String>());
        });
        let text = run.failure.unwrap().to_string();
        let line = |word: &str| {
            let at = include_str!("platform_run_queue.rs").lines().position(|line| line.contains(word));
            at.map(|at| format!("{}:{}:", file!(), at + 1)).unwrap()
        };
        let places = [line("unsafe { queue.push(1) }"), line("unsafe { theirs.pop() }")];
        assert!(text.contains("data race") && places.iter().all(|place| text.contains(place)), "{text}");
    }
}

#[cfg(feature = "loom")]
mod loom {
    use std::collections::BTreeSet;

    use selvedge::platform::{Bounds, Loom, Profile, loom};

    use super::programs;
    use super::*;

    fn all_within(bounds: &Bounds, program: fn() -> String) -> BTreeSet<String> {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let kept = Arc::clone(&seen);
        let run = loom::explore(bounds, move || {
            kept.lock().unwrap().insert(program());
        });
        assert!(run.complete, "{run:?}");
        seen.lock().unwrap().clone()
    }

    #[test]
    fn every_execution_keeps_the_contract() {
        programs::hold::<Loom>(|program| all_within(&Bounds::default(), program));
    }

    #[test]
    fn a_steal_is_to_be_tried_again_only_as_often_as_granted() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        let ends = |steal_retries| {
            let profile = Profile { steal_retries, ..Profile::default() };
            all_within(&Bounds { choice_bits: 2, profile, ..Bounds::default() }, programs::two_steals::<Loom>)
        };
        assert_eq!(ends(0), texts(&["success empty"]));
        assert_eq!(ends(1), texts(&["success empty", "retry success", "success retry"]));
    }
}

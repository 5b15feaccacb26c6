//! Small programs for what no litmus test comes by: operations that the spec does not have, and the end of a mutex.

use selvedge::platform::{Arc, Body, End, Loom, Platform, Region, Unpark};
use selvedge::{Cond, Held, Mutex, RawMutex};
use selvedge_verify::orderings::Trial;

/// All of them.
pub fn all() -> Vec<Trial> {
    vec![
        Trial::body("(program) try-lock", try_lock),
        Trial::body("(program) token-of-a-stranger", token_of_a_stranger),
        Trial::body("(program) end-of-a-mutex", end_of_a_mutex),
        Trial::body("(program) end-of-a-mutex-then-broadcast", end_of_a_mutex_then_broadcast),
        Trial::body("(program) end-of-a-mutex-beside-an-errand", end_of_a_mutex_beside_an_errand),
    ]
}

/// Runs the bodies as threads. Each must come to its end.
pub fn all_return(bodies: Vec<Body>) {
    run(bodies, false);
}

/// Runs the bodies as threads. Who waits for ever may.
fn all_return_or_wait(bodies: Vec<Body>) {
    run(bodies, true);
}

fn run(bodies: Vec<Body>, may_wait: bool) {
    for (thread, end) in Loom::run_to_rest(bodies).into_iter().enumerate() {
        match end {
            End::Returned | End::Abandoned => {}
            End::Blocked if may_wait => {}
            End::Blocked => panic!("thread {thread} is blocked for ever"),
            End::Panicked(message) => panic!("{message}"),
            End::Raced(race) => panic!("{race}"),
        }
    }
}

fn try_lock() {
    let mutex = Arc::new(Mutex::<u32, Loom>::default());
    let body = || {
        let mutex = mutex.clone();
        Box::new(move || {
            if let Some(mut value) = mutex.try_lock() {
                *value += 1;
            }
        }) as Body
    };
    all_return(vec![body(), body()]);
}

type Stage = <Loom as Platform>::Region<u32>;

/// Lets the other threads know how far the story has come.
fn reach(stage: &Stage, number: u32) {
    stage.with(|stage| *stage = number);
}

fn await_stage(stage: &Stage, number: u32) {
    stage.when(|stage| *stage >= number, |_| ());
}

/// A mutex that the calling thread holds. The condition variable knows that it is one of ours, unless it is foreign.
struct Holding<'a> {
    mutex: &'a RawMutex<Loom>,
    foreign: bool,
}

impl<'a> Held<'a, Loom> for Holding<'a> {
    fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R {
        self.mutex.unlock();
        let result = body();
        self.mutex.lock();
        result
    }

    fn raw_mutex(&self) -> Option<&'a RawMutex<Loom>> {
        (!self.foreign).then_some(self.mutex)
    }
}

/// What the threads of a program share.
struct Shared {
    cond: Cond<Loom>,
    mutex: RawMutex<Loom>,
    foreign: RawMutex<Loom>,
    stage: Stage,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Shared {
            cond: Cond::default(),
            mutex: RawMutex::default(),
            foreign: RawMutex::default(),
            stage: Stage::new(0),
        })
    }

    /// A thread that does something with it.
    fn thread(self: &Arc<Self>, act: fn(&Self)) -> Body {
        let shared = self.clone();
        Box::new(move || act(&shared))
    }

    /// Waits with the mutex from a stage on, and then ends it: by the program nobody else uses it any more, so that a
    /// notifier which moved the waiter must be done with it.
    fn wait_and_end_the_mutex(&self, from: u32, waiting: u32) {
        await_stage(&self.stage, from);
        self.mutex.lock();
        reach(&self.stage, waiting);
        self.cond.wait(&mut Holding { mutex: &self.mutex, foreign: false });
        self.mutex.unlock();
        self.mutex.retire();
    }

    /// Holds the mutex for a moment, from a stage on. Who waits with it has let it go by then.
    fn hold(&self, from: u32, held: u32) {
        await_stage(&self.stage, from);
        self.mutex.lock();
        reach(&self.stage, held);
        self.mutex.unlock();
    }

    /// Waits with the mutex that the condition variable takes for a foreign one.
    fn wait_with_foreign(&self, waiting: u32) {
        self.foreign.lock();
        reach(&self.stage, waiting);
        self.cond.wait(&mut Holding { mutex: &self.foreign, foreign: true });
        self.foreign.unlock();
    }

    /// Returns when the one who waits with the foreign mutex stands in line.
    fn await_foreign(&self, waiting: u32) {
        await_stage(&self.stage, waiting);
        self.foreign.lock();
        self.foreign.unlock();
    }
}

/// The waiter's thread has a token of its own, so that it looks whether it is woken before it has the waker's.
fn token_of_a_stranger() {
    let shared = Shared::new();
    all_return_or_wait(vec![
        shared.thread(|shared| {
            Loom::current().unpark();
            shared.mutex.lock();
            shared.cond.wait(&mut Holding { mutex: &shared.mutex, foreign: false });
            shared.mutex.unlock();
        }),
        shared.thread(|shared| shared.cond.signal()),
    ]);
}

/// A waiter is moved to its mutex, which somebody else frees, and ends the mutex.
fn end_of_a_mutex() {
    let shared = Shared::new();
    all_return(vec![
        shared.thread(|shared| shared.wait_and_end_the_mutex(0, 1)),
        shared.thread(|shared| shared.hold(1, 2)),
        shared.thread(|shared| {
            await_stage(&shared.stage, 2);
            shared.cond.signal();
        }),
    ]);
}

/// As before; the notifier then broadcasts to a waiter with a foreign lock, and says so at the same place.
fn end_of_a_mutex_then_broadcast() {
    let shared = Shared::new();
    all_return(vec![
        shared.thread(|shared| shared.wait_and_end_the_mutex(0, 1)),
        shared.thread(|shared| shared.hold(1, 2)),
        shared.thread(|shared| {
            await_stage(&shared.stage, 2);
            shared.cond.signal();
            reach(&shared.stage, 3);
            shared.await_foreign(4);
            shared.cond.broadcast();
        }),
        shared.thread(|shared| {
            await_stage(&shared.stage, 3);
            shared.wait_with_foreign(4);
        }),
    ]);
}

/// As before; but somebody who waited with a foreign lock, and was woken, sees the errand and says that it is done.
fn end_of_a_mutex_beside_an_errand() {
    let shared = Shared::new();
    all_return(vec![
        shared.thread(|shared| shared.wait_and_end_the_mutex(2, 3)),
        shared.thread(|shared| shared.hold(3, 4)),
        shared.thread(|shared| {
            shared.await_foreign(1);
            shared.cond.signal();
            reach(&shared.stage, 2);
            await_stage(&shared.stage, 4);
            shared.cond.signal();
        }),
        shared.thread(|shared| shared.wait_with_foreign(1)),
    ]);
}

//! Without waiters `signal` and `broadcast` are one read: no lock is taken, nobody is unparked, no system call is made.
//!
//! Every visible operation of the shuttle platform is published before it is taken. A strategy that asks at each decision
//! sees all of a thread's steps as long as another thread has one pending: a bystander, which comes last.

use selvedge::platform::shuttle::{
    Access, Divergence, Moment, Noted, Openness, Strategy, explore_with, pending_step, take_notes,
};
use selvedge::platform::{Arc, Atomic, Body, Bounds, End, Ordering, Platform, Shuttle, host};
use selvedge::{Cond, Mutex, RawMutex, go};

/// The steps that were published.
#[derive(Clone, Default)]
struct Seen(Arc<host::Mutex<Vec<Step>>>);

struct Step {
    thread: usize,
    touches: Touches,
    /// How many cells were accessed since the step before.
    cells: usize,
}

/// What a step does with each object, and how far that must be open.
type Touches = Vec<(Access, Openness)>;

impl Seen {
    /// All that was published since this was asked last.
    fn take(&self) -> Vec<Step> {
        std::mem::take(&mut *self.0.lock().expect("unpoisoned"))
    }
}

/// One execution, in which the first thread that can go on does.
struct Watching {
    seen: Seen,
    has_begun: bool,
    /// Whose step was the last.
    last: usize,
}

impl Watching {
    /// What a step turned out to touch belongs to it as well.
    fn add_notes(&mut self) {
        let mut notes = Vec::new();
        take_notes(&mut notes);
        let touched = notes.into_iter().filter_map(|note| match note {
            Noted::Touched(mention, _) => Some((mention.access, mention.needs)),
            Noted::OnlyLooked(_) => None,
        });
        let touches: Vec<_> = touched.collect();
        if !touches.is_empty() {
            self.seen.0.lock().expect("unpoisoned").push(Step { thread: self.last, touches, cells: 0 });
        }
    }
}

impl Strategy for Watching {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.has_begun, true)
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        self.add_notes();
        let thread = moment.enabled[0];
        let step = pending_step(thread).expect("it can go on");
        let touches = step.touches.iter().map(|mention| (mention.access, mention.needs)).collect();
        self.seen.0.lock().expect("unpoisoned").push(Step { thread, touches, cells: step.cells.len() });
        self.last = thread;
        Ok(Some(thread))
    }

    fn choose(&mut self, _: usize) -> Result<usize, Divergence> {
        Ok(0)
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

/// A condition variable with its lock, in either shape.
trait Shape: Send + Sync + 'static {
    fn new() -> Self;
    fn wait(&self);
    fn signal(&self);
    fn broadcast(&self);
}

struct Guarded(Cond<Shuttle>, Mutex<(), Shuttle>);

impl Shape for Guarded {
    fn new() -> Self {
        Guarded(Cond::default(), Mutex::default())
    }
    fn wait(&self) {
        let mut guard = self.1.lock();
        self.0.wait(&mut guard);
    }
    fn signal(&self) {
        self.0.signal();
    }
    fn broadcast(&self) {
        self.0.broadcast();
    }
}

impl Shape for go::Cond<RawMutex<Shuttle>, Shuttle> {
    fn new() -> Self {
        Self::default()
    }
    fn wait(&self) {
        self.l.lock();
        go::Cond::wait(self);
        self.l.unlock();
    }
    fn signal(&self) {
        go::Cond::signal(self);
    }
    fn broadcast(&self) {
        go::Cond::broadcast(self);
    }
}

/// What threads published beside each other, each step with its objects and cells.
struct Published {
    notifier: Vec<(Touches, usize)>,
    /// Whoever only reads one value.
    bystander: Vec<(Touches, usize)>,
}

/// Runs a notifier beside a bystander, and before them so many waiters.
fn notify<S: Shape>(seen: &Seen, cond: &Arc<S>, waiters: usize, notify: fn(&S)) -> Published {
    let mut bodies: Vec<Body> = Vec::new();
    for _ in 0..waiters {
        let cond = cond.clone();
        bodies.push(Box::new(move || cond.wait()));
    }
    let notified = cond.clone();
    bodies.push(Box::new(move || notify(&notified)));
    let other = <Shuttle as Platform>::AtomicU32::new(0);
    bodies.push(Box::new(move || {
        other.load(Ordering::SeqCst);
    }));
    seen.take();
    let ends = Shuttle::run_to_rest(bodies);
    assert!(ends.iter().all(|end| matches!(end, End::Returned)), "{ends:?}");
    let steps = seen.take();
    // Thread 0 runs the others.
    let first = steps.iter().map(|step| step.thread).filter(|thread| *thread != 0).min().expect("somebody took a step");
    let of = |thread| {
        let own = steps.iter().filter(|step| step.thread == thread);
        own.map(|step| (step.touches.clone(), step.cells)).collect()
    };
    Published { notifier: of(first + waiters), bystander: of(first + waiters + 1) }
}

/// What is published without waiters, with one, and without again.
fn published<S: Shape>(act: fn(&S)) -> [Published; 3] {
    let seen = Seen::default();
    let strategy = Watching { seen: seen.clone(), has_begun: false, last: 0 };
    let found = Arc::new(host::Mutex::new(None));
    let kept = found.clone();
    let run = explore_with(Box::new(strategy), &Bounds::default(), move || {
        let cond = Arc::new(S::new());
        let steps = [0, 1, 0].map(|waiters| notify(&seen, &cond, waiters, act));
        *kept.lock().expect("unpoisoned") = Some(steps);
    });
    assert!(run.failure.is_none() && run.truncated == 0 && run.executions == 1, "{run:?}");
    found.lock().expect("unpoisoned").take().expect("it was run")
}

fn is_one_read_without_waiters<S: Shape>(act: fn(&S)) {
    let [fresh, waited_for, used] = published(act);
    let read = (vec![(Access::Read, Openness::CLOSED)], 0);
    for Published { notifier, bystander } in [&fresh, &used] {
        assert_eq!(notifier[0], read);
        // Nothing else, but for what every thread publishes at its end.
        assert_eq!(notifier, bystander);
    }
    assert_eq!(fresh.bystander.len(), 2, "a read and an end: {:?}", fresh.bystander);
    // With a waiter the same read comes first, then at least the lock of the line, which must be free.
    let steps = waited_for.notifier;
    let takes_lock = |(touches, _): &(Touches, usize)| touches.contains(&(Access::Write, Openness::OPEN));
    assert!(steps[0] == read && steps.len() > fresh.notifier.len() && steps.iter().any(takes_lock), "{steps:?}");
}

#[test]
fn a_signal_without_waiters_is_one_read() {
    is_one_read_without_waiters(Guarded::signal);
    is_one_read_without_waiters(go::Cond::<RawMutex<Shuttle>, Shuttle>::signal);
}

#[test]
fn a_broadcast_without_waiters_is_one_read() {
    is_one_read_without_waiters(Guarded::broadcast);
    is_one_read_without_waiters(go::Cond::<RawMutex<Shuttle>, Shuttle>::broadcast);
}

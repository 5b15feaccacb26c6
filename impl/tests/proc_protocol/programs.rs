//! Small programs on the lock-free part of `selvedge::proc`, for every checking platform. Each panics, races or blocks where
//! something is wrong.

use selvedge::platform::{Arc, Atomic, AtomicInteger, Body, End, Ordering, Platform, TrackedCell};
use selvedge::proc::lab::{Held, Lab, Protocol, Reclaimed, STOP, protocol};
use selvedge::proc::{Executor, Status};

/// A program by its name.
pub struct Named {
    /// The name.
    pub name: &'static str,
    /// The program.
    pub body: fn(),
}

/// All of them.
pub fn all<P: Platform>() -> Vec<Named> {
    let named = |name, body| Named { name, body };
    vec![
        named("stop-and-enter", stop_and_enter::<P>),
        named("exit-and-retake", exit_and_retake::<P>),
        named("another-ones-call", another_ones_call::<P>),
        named("hand-over", hand_over::<P>),
        named("stop-and-checkpoint", stop_and_checkpoint::<P>),
        named("queue-and-retire", queue_and_retire::<P>),
        named("queue-and-stop-spinning", queue_and_stop_spinning::<P>),
        named("queue-beside-a-spinner", queue_beside_a_spinner::<P>),
        named("queue-beside-a-start", queue_beside_a_start::<P>),
        named("freeze-beside-a-stop", freeze_beside_a_stop::<P>),
        named("shutdown", shutdown::<P>),
    ]
}

/// Runs the bodies as threads. Each must come to its end, but for the last `may_wait`.
pub fn run<P: Platform>(bodies: Vec<Body>, may_wait: usize) {
    let must_end = bodies.len() - may_wait;
    for (thread, end) in P::run_to_rest(bodies).into_iter().enumerate() {
        match end {
            End::Returned | End::Abandoned => {}
            End::Blocked if thread >= must_end => {}
            End::Blocked => panic!("thread {thread} is blocked for ever"),
            End::Panicked(message) => panic!("{message}"),
            End::Raced(race) => panic!("{race}"),
        }
    }
}

/// One processor, and something that only its holder may touch.
struct Single<P: Platform> {
    protocol: Protocol<P>,
    owned: P::Cell<u32>,
    /// How often somebody has halted it.
    halted: P::AtomicU32,
}

impl<P: Platform> Single<P> {
    fn new() -> (Arc<Self>, Held) {
        let (protocol, mut held) = protocol::<P>(1);
        let held = held.pop().expect("there is one");
        protocol.runs(&held);
        (Arc::new(Single { protocol, owned: P::Cell::new(0), halted: P::AtomicU32::new(0) }), held)
    }

    /// What a holder does with its processor.
    fn use_it(&self, _: &Held) {
        // SAFETY: the permission is in our hands, and there is one; if that is wrong, the platform says so.
        self.owned.with_mut(|owned| unsafe { *owned += 1 });
    }

    fn halt(&self) {
        if let Some(held) = self.protocol.take_from_call(0, Status::Halted) {
            self.use_it(&held);
            self.halted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The world is to stop while a machine enters a call that never returns: one of the two halts the processor.
fn stop_and_enter<P: Platform>() {
    let (single, held) = Single::<P>::new();
    let other = single.clone();
    let enters = move || {
        other.use_it(&held);
        let (_, attention) = other.protocol.enter(held);
        if attention & STOP != 0 {
            other.halt();
        }
    };
    let stopper = single.clone();
    let stops = move || {
        stopper.protocol.announce(STOP);
        stopper.halt();
    };
    run::<P>(vec![Box::new(enters), Box::new(stops)], 0);
    assert_eq!(single.halted.load(Ordering::Relaxed), 1, "nobody halted the processor");
}

/// A call returns while the monitor takes the processor: exactly one has it.
fn exit_and_retake<P: Platform>() {
    let (single, held) = Single::<P>::new();
    let got = Arc::new(P::AtomicU32::new(0));
    let (machine, monitor) = (single.clone(), single.clone());
    let (one, two) = (got.clone(), got.clone());
    let exits = move || {
        machine.use_it(&held);
        let (absent, _) = machine.protocol.enter(held);
        if let Some(Reclaimed { held, was_away }) = machine.protocol.reclaim(absent) {
            machine.use_it(&held);
            assert!(!was_away, "nobody else had it");
            one.fetch_add(1, Ordering::Relaxed);
        }
    };
    let takes = move || {
        if let Some(held) = monitor.protocol.take_from_call(0, Status::Idle) {
            monitor.use_it(&held);
            two.fetch_add(1, Ordering::Relaxed);
        }
    };
    run::<P>(vec![Box::new(exits), Box::new(takes)], 0);
    assert_eq!(got.load(Ordering::Relaxed), 1, "one of the two has it");
}

/// The processor is taken out of a call and enters one with another machine, from which the first one may get it back: by
/// the tick it knows that it was away, and never do both have it.
fn another_ones_call<P: Platform>() {
    let (single, held) = Single::<P>::new();
    let got = Arc::new(P::AtomicU32::new(0));
    let taken = Arc::new(P::AtomicU32::new(0));
    let (first, second) = (single.clone(), single.clone());
    let (one, two) = (got.clone(), got.clone());
    let (was_taken, is_taken) = (taken.clone(), taken);
    let exits = move || {
        let (absent, _) = first.protocol.enter(held);
        if let Some(Reclaimed { held, was_away }) = first.protocol.reclaim(absent) {
            first.use_it(&held);
            assert_eq!(was_away, was_taken.load(Ordering::Relaxed) == 1, "the tick tells whether it was away");
            one.fetch_add(1, Ordering::Relaxed);
        }
    };
    let takes = move || {
        if let Some(held) = second.protocol.take_from_call(0, Status::Idle) {
            is_taken.store(1, Ordering::Relaxed);
            second.use_it(&held);
            second.protocol.runs(&held);
            let (absent, _) = second.protocol.enter(held);
            if let Some(Reclaimed { held, .. }) = second.protocol.reclaim(absent) {
                second.use_it(&held);
                two.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    run::<P>(vec![Box::new(exits), Box::new(takes)], 0);
    assert_eq!(got.load(Ordering::Relaxed), 1, "one of the two has it");
}

/// A task that ends hands its processor to one that sleeps, and what it did happens before the other goes on.
fn hand_over<P: Platform>() {
    let lab = Lab::<P>::new(1, 1);
    let mut running = lab.running(0, Vec::new());
    let mut sleeping = lab.sleeping();
    let unparker = sleeping.unparker();
    let owned = Arc::new(P::Cell::new(0));
    let mine = owned.clone();
    let ends = move || {
        running.unpark(&unparker);
        // SAFETY: the sleeper goes on only with the processor that we give it below.
        mine.with_mut(|owned| unsafe { *owned = 1 });
        running.end_task();
    };
    let goes_on = move || {
        sleeping.sleep_from_the_start();
        // SAFETY: as above.
        assert_eq!(owned.with(|owned| unsafe { *owned }), 1);
    };
    run::<P>(vec![Box::new(ends), Box::new(goes_on)], 0);
}

/// A task comes by a safe point while another one stops the world: what it did before happens before what that one does
/// with the world, and that before what it does afterwards.
fn stop_and_checkpoint<P: Platform>() {
    let lab = Lab::<P>::new(2, 2);
    let mut comes_by = lab.running(0, Vec::new());
    let mut stops = lab.running(0, Vec::new());
    let owned = Arc::new(P::Cell::new(0));
    let mine = owned.clone();
    let first = move || {
        // SAFETY: the stopper touches it only while we are halted.
        mine.with_mut(|owned| unsafe { *owned += 1 });
        comes_by.checkpoint();
        comes_by.end_task();
    };
    let second = move || {
        stops.stop_world();
        // SAFETY: the other task is halted or over.
        owned.with_mut(|owned| unsafe { *owned += 1 });
        stops.start_world(None);
    };
    run::<P>(vec![Box::new(first), Box::new(second)], 0);
}

/// One machine queues work on its own processor while another one retires its: somebody looks for the work.
fn queue_and_retire<P: Platform>() {
    let lab = Lab::<P>::new(2, 2);
    let mut queues = lab.running(0, Vec::new());
    let mut retires = lab.running(0, Vec::new());
    let mut sleeping = lab.sleeping();
    let unparker = sleeping.unparker();
    let bodies: Vec<Body> = vec![
        Box::new(move || queues.unpark(&unparker)),
        Box::new(move || retires.end_task()),
        Box::new(move || sleeping.sleep_from_the_start()),
    ];
    run::<P>(bodies, 0);
}

/// One machine queues work on its own processor while another one that looked for work gives up: somebody looks for it.
fn queue_and_stop_spinning<P: Platform>() {
    let lab = Arc::new(Lab::<P>::new(2, 2));
    let mut queues = lab.running(0, Vec::new());
    let mut sleeping = lab.sleeping();
    let unparker = sleeping.unparker();
    let bodies: Vec<Body> = vec![
        Box::new(move || queues.unpark(&unparker)),
        Box::new(move || sleeping.sleep_from_the_start()),
        Box::new(move || lab.work()),
    ];
    run::<P>(bodies, 1);
}

/// One machine queues work and sees another one spin, which has just found other work, while a third one retires its
/// processor: whoever spun sees to it that somebody looks, with that processor.
fn queue_beside_a_spinner<P: Platform>() {
    let lab = Lab::<P>::new(2, 2);
    lab.rests();
    let mut queues = lab.running(0, Vec::new());
    let mut retires = lab.running(0, Vec::new());
    let spinner = lab.spinner();
    let bodies: Vec<Body> = vec![
        Box::new(move || drop(queues.spawn(|_| ()))),
        Box::new(move || retires.end_task()),
        Box::new(move || spinner.finds_work()),
    ];
    run::<P>(bodies, 0);
    assert_eq!(lab.snapshot().idle, 0, "work is queued, and nobody looks for it");
}

/// The world starts while a task from a call is queued, whose machine finds no idle processor: one of the two sees to it that
/// somebody looks.
fn queue_beside_a_start<P: Platform>() {
    let lab = Lab::<P>::new(2, 2);
    lab.rests();
    let mut stops = lab.running(0, Vec::new());
    let mut in_call = lab.sleeping();
    let bodies: Vec<Body> = vec![
        Box::new(move || drop(in_call.spawn(|_| ()))),
        Box::new(move || {
            stops.stop_world();
            stops.start_world(None);
        }),
    ];
    // Whoever rests keeps the processor if the task comes first, and never halts it.
    run::<P>(bodies, 1);
    let found = lab.snapshot();
    assert!(found.idle == 0 || found.global == 0, "work is queued, and nobody looks for it: {found:?}");
}

/// The program dies while the world is about to stop: whoever stops it does not bring it back to life.
fn freeze_beside_a_stop<P: Platform>() {
    let lab = Lab::<P>::new(2, 2);
    let mut stops = lab.running(0, Vec::new());
    let mut freezes = lab.running(0, Vec::new());
    let bodies: Vec<Body> = vec![
        Box::new(move || {
            stops.stop_world();
            stops.start_world(None);
        }),
        Box::new(move || {
            freezes.freeze();
            freezes.checkpoint();
            panic!("a task goes on behind a safe point although the program is dying");
        }),
    ];
    run::<P>(bodies, 2);
}

/// What a task did happens before the end of a shutdown.
fn shutdown<P: Platform>() {
    let owned = Arc::new(P::Cell::new(0));
    let body = move || {
        let executor = Executor::builder().processors(1).processors_max(1).build_on::<P>();
        let mine = owned.clone();
        drop(executor.spawn(move |_| {
            // SAFETY: the other one who touches it waits for our end.
            mine.with_mut(|owned| unsafe { *owned += 1 });
        }));
        executor.shutdown();
        // SAFETY: the task is over.
        assert_eq!(owned.with(|owned| unsafe { *owned }), 1);
    };
    run::<P>(vec![Box::new(body)], 0);
}

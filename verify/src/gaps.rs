//! What loom and shuttle are known not to show: why no verdict of ours rests on their own condition variables, and why one
//! engine is not enough.
//!
//! Each gap is backed by a test in `verify/tests/gaps.rs` that asserts that it is still there. The test fails when a new
//! version closes the gap, and says what to do then. Reports list the gaps beside the cells of the table in which they show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;

/// Something that an engine, or its own primitive, does not show although it may happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Stable name.
    pub id: &'static str,
    /// The engine under which it shows.
    pub engine: Engine,
    /// What is not shown.
    pub text: &'static str,
    /// What that means for whoever relies on it, and what we do instead.
    pub consequence: &'static str,
    /// Where it is known from.
    pub source: &'static str,
    /// Where it shows in the table of peers: the subject and the program.
    pub shown_by: Option<(&'static str, &'static str)>,
}

/// The gaps that bear on condition variables, and on what they are made of.
pub const KNOWN: &[Gap] = &[
    Gap {
        id: "loom-condvar-wakes-in-order",
        engine: Engine::Loom,
        text: "loom's `Condvar::notify_one` wakes whoever has waited longest, and nobody else.",
        consequence: "A program that is wrong only if another waiter is woken passes. Our condition variables choose the waiter.",
        source: "loom 0.7.2, rt/condvar.rs: the waiters are a queue",
        shown_by: Some(("loom", "any-order")),
    },
    Gap {
        id: "loom-condvar-never-wakes-spuriously",
        engine: Engine::Loom,
        text: "loom's `Condvar` never wakes without a notification.",
        consequence: "A wait outside of a loop passes. Our platform offers spurious wakeups as a choice.",
        source: "https://github.com/tokio-rs/loom/issues/1",
        shown_by: Some(("loom", "spurious-wait")),
    },
    Gap {
        id: "loom-condvar-never-times-out",
        engine: Engine::Loom,
        text: "A timed wait on loom's `Condvar` waits to be notified, however long that takes.",
        consequence: "What a program does after a timeout is never run. Our platform offers the timeout as a choice.",
        source: "loom 0.7.2, sync/condvar.rs",
        shown_by: Some(("loom", "free-timeouts")),
    },
    Gap {
        id: "shuttle-condvar-never-wakes-spuriously",
        engine: Engine::Exhaustive,
        text: "shuttle's `Condvar` never wakes without a notification.",
        consequence: "A wait outside of a loop passes. Our platform offers spurious wakeups as a choice.",
        source: "https://docs.rs/shuttle/0.9.9/shuttle/sync/struct.Condvar.html",
        shown_by: Some(("shuttle", "spurious-wait")),
    },
    Gap {
        id: "shuttle-condvar-never-times-out",
        engine: Engine::Exhaustive,
        text: "A timed wait on shuttle's `Condvar` waits to be notified, however long that takes.",
        consequence: "What a program does after a timeout is never run. Our platform offers the timeout as a choice.",
        source: "https://docs.rs/shuttle/0.9.9/shuttle/sync/struct.Condvar.html",
        shown_by: Some(("shuttle", "free-timeouts")),
    },
    Gap {
        id: "loom-takes-seqcst-for-acqrel",
        engine: Engine::Loom,
        text: "loom takes a sequentially consistent access for one that acquires and releases.",
        consequence: "A correct program may fail. On our platform such a load sees the newest store, as an update does, which is \
                      right where all accesses to a variable are of that kind; what code on loom's own types needs is written \
                      with fences, which loom does know.",
        source: "https://github.com/tokio-rs/loom/issues/180",
        shown_by: None,
    },
    Gap {
        id: "loom-has-no-load-buffering",
        engine: Engine::Loom,
        text: "loom never lets a load see a store that comes later in the order of execution, which relaxed atomics may.",
        consequence: "A program that is wrong only then passes. No engine here shows it: orderings that rest on it are argued in \
                      prose.",
        source: "loom 0.7.2, rt/atomic.rs: a load chooses among stores that have been made",
        shown_by: None,
    },
    Gap {
        id: "loom-misses-executions",
        engine: Engine::Loom,
        text: "loom misses executions where a thread loads an atomic that it has stored to before.",
        consequence: "A search that loom calls complete is not. What the exhaustive engine can decide, it decides.",
        source: "https://github.com/tokio-rs/loom/issues/166",
        shown_by: None,
    },
    Gap {
        id: "shuttle-is-sequentially-consistent",
        engine: Engine::Exhaustive,
        text: "Under shuttle, and under our engines that stand on it, every atomic access is sequentially consistent.",
        consequence: "What only weak memory shows, only loom shows.",
        source: "https://docs.rs/shuttle/0.9.9/shuttle/sync/atomic/index.html",
        shown_by: None,
    },
];

/// A [`Gap`] as plain data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GapInfo {
    /// Stable name.
    pub id: String,
    /// The engine under which it shows.
    pub engine: String,
    /// What is not shown.
    pub text: String,
    /// What that means for whoever relies on it.
    pub consequence: String,
    /// Where it is known from.
    pub source: String,
    /// The subject that shows it, if one of the suite does.
    pub subject: Option<String>,
    /// The program over which it shows it.
    pub program: Option<String>,
}

impl From<&Gap> for GapInfo {
    fn from(gap: &Gap) -> Self {
        GapInfo {
            id: gap.id.to_owned(),
            engine: gap.engine.name().to_owned(),
            text: gap.text.to_owned(),
            consequence: gap.consequence.to_owned(),
            source: gap.source.to_owned(),
            subject: gap.shown_by.map(|(subject, _)| subject.to_owned()),
            program: gap.shown_by.map(|(_, program)| program.to_owned()),
        }
    }
}

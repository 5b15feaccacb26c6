//! Which rules of the spec each trace format shows.
//!
//! An event shows a rule if it can only be there because that rule was taken, or one of the few listed with it. What else
//! is taken on the way is an internal step: it happens between events, when it suits.

use super::trace::What;

/// An event, and the rules of which it shows one.
#[derive(Clone, Copy, Debug)]
pub struct Shows {
    /// The event.
    pub event: &'static str,
    /// The rules, that to blame first.
    pub rules: &'static [&'static str],
}

const fn shows(event: &'static str, rules: &'static [&'static str]) -> Shows {
    Shows { event, rules }
}

/// What every format shows in the same way.
const COMMON: &[Shows] = &[
    shows("go-start", &["m.local", "m.run-locked"]),
    shows("go-yield", &["yield"]),
    shows("go-block", &["park"]),
    shows("go-end", &["end"]),
    shows("go-create", &["ready", "ready.polled"]),
    shows("go-unblock", &["ready", "ready.polled"]),
    shows("gomaxprocs", &["start.keep", "start.switch"]),
];

/// Go 1.11 to 1.21. A call that nobody disturbs is not said to end; who takes a processor is not said, nor when the world
/// begins to stop.
const FORMAT_1_11: &[Shows] = &[
    shows("go-preempt", &["m.preempt"]),
    shows("proc-start", &["m.wake", "exit.idle"]),
    shows("proc-stop", &["m.release", "m.hand-locked", "m.hand-locked-early", "m.told-locked"]),
    shows("proc-steal", &["look.retake", "exit.reclaim"]),
    shows("call-begin", &["enter.call"]),
    shows("call-end-blocked", &["exit.run", "exit.queue"]),
];

/// Go 1.22 to 1.25.
const FORMAT_1_22: &[Shows] = &[
    shows("go-preempt", &["m.preempt"]),
    shows("proc-start", &["m.wake", "exit.idle", "exit.late-idle"]),
    shows(
        "proc-stop",
        &["m.release", "m.halt", "block.release", "m.hand-locked", "m.hand-locked-early", "m.told-locked"],
    ),
    shows("proc-steal", &["look.retake", "stop.call", "round.call", "enter.halts", "exit.reclaim"]),
    shows("call-begin", &["enter.call", "block.call"]),
    shows("call-end", &["exit.reclaim"]),
    shows("call-end-blocked", &["exit.run", "exit.queue"]),
];

/// Go 1.26 and later.
const FORMAT_1_26: &[Shows] = &[
    shows("go-preempt", &["m.preempt", "m.preempt-next"]),
    shows("proc-start", &["m.wake", "exit.idle-counted", "exit.late-idle"]),
    shows(
        "proc-stop",
        &[
            "m.release",
            "m.halt",
            "block.release",
            "enter.gives-up",
            "m.hand-locked",
            "m.hand-locked-early",
            "m.told-locked",
        ],
    ),
    shows("proc-steal", &["take", "take.halt"]),
    shows("call-begin", &["enter.owes-nothing"]),
    shows("call-end", &["exit.kept"]),
    shows("call-end-blocked", &["exit.kept", "exit.queue"]),
];

/// What a format shows, by the minor version of Go that introduced it.
pub fn table(format: u8) -> Vec<Shows> {
    let own = match format {
        ..22 => FORMAT_1_11,
        22..26 => FORMAT_1_22,
        26.. => FORMAT_1_26,
    };
    [COMMON, own].concat()
}

/// The rules that the event shows one of. None for what is said of the stop, and of how things stand: these are compared.
pub fn rules(format: u8, what: What) -> &'static [&'static str] {
    table(format).iter().find(|shows| shows.event == what.name()).map_or(&[], |shows| shows.rules)
}

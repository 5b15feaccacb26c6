//! Traces made wrong on purpose: the spec must reject them, or following a trace means nothing.
//!
//! What is made wrong is the list of events after it has been put in order, so that no sequence number gives a mutant
//! away: it is the spec that must notice.

use std::collections::BTreeMap;

use selvedge_model::proc::{Gid, Mid, Pid};

use super::trace::{Event, Trace, What};

/// How a trace is made wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// One event is missing.
    Removed,
    /// Two events, one after the other on their machine, have changed places.
    Swapped,
    /// A processor that a machine has just got is said to be another's as well.
    SharedProcessor,
    /// A goroutine that has just begun to run is said to run on another machine as well.
    SharedGoroutine,
    /// A goroutine that runs is said to leave a call that it has not entered.
    ExitWithoutEnter,
    /// A processor is said to be taken out of a call while its goroutine runs.
    TakenWhileRunning,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [
        Kind::Removed,
        Kind::Swapped,
        Kind::SharedProcessor,
        Kind::SharedGoroutine,
        Kind::ExitWithoutEnter,
        Kind::TakenWhileRunning,
    ];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Removed => "an event removed",
            Kind::Swapped => "two events of a machine swapped",
            Kind::SharedProcessor => "a processor given to two machines",
            Kind::SharedGoroutine => "a goroutine run by two machines",
            Kind::ExitWithoutEnter => "a call left that was not entered",
            Kind::TakenWhileRunning => "a processor taken while its goroutine runs",
        }
    }
}

/// Where the trace can be made wrong so: every place of it.
pub fn places(trace: &Trace, kind: Kind) -> Vec<usize> {
    let events = &trace.events;
    let fits = |index: &usize| -> bool {
        let event = &events[*index];
        match kind {
            // A status line repeats what is known; the last events of the trace have nothing after them that would show
            // the gap.
            Kind::Removed => !is_status(event) && is_followed_up(events, *index),
            Kind::Swapped => partner(events, *index).is_some(),
            Kind::SharedProcessor => event.what == What::ProcStart && another_machine(trace, *index).is_some(),
            Kind::SharedGoroutine => event.what == What::GoStart && another_machine(trace, *index).is_some(),
            Kind::ExitWithoutEnter | Kind::TakenWhileRunning => {
                event.what == What::GoStart && event.p.is_some() && event.m.is_some()
            }
        }
    };
    (0..events.len()).filter(fits).collect()
}

/// At most so many of the [`places`], from all over the trace, and of events of every kind alike: most events of a trace
/// are of two or three kinds.
pub fn sample(trace: &Trace, kind: Kind, places_max: usize) -> Vec<usize> {
    let mut of_kind: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for at in places(trace, kind) {
        of_kind.entry(trace.events[at].what.name()).or_default().push(at);
    }
    let each = places_max.div_ceil(of_kind.len().max(1)).max(1);
    let spread = of_kind.values().flat_map(|places| {
        let step = places.len().div_ceil(each).max(1);
        places.iter().copied().skip(step / 2).step_by(step)
    });
    spread.collect()
}

/// The events with the trace made wrong at one of its [`places`].
pub fn mutant(trace: &Trace, kind: Kind, at: usize) -> Vec<Event> {
    let mut events = trace.events.clone();
    let event = events[at].clone();
    let after = |what| Event { what, inferred: false, ..event.clone() };
    match kind {
        Kind::Removed => _ = events.remove(at),
        Kind::Swapped => {
            if let Some(other) = partner(&events, at) {
                // The later comes first, and the earlier stays before whatever else is between them.
                let later = events.remove(other);
                events.insert(at, later);
            }
        }
        Kind::SharedProcessor | Kind::SharedGoroutine => {
            let m = another_machine(trace, at);
            events.insert(at + 1, Event { m, stream: u16::MAX - 1, ..after(event.what) });
        }
        Kind::ExitWithoutEnter => events.insert(at + 1, after(What::CallEnd)),
        Kind::TakenWhileRunning => {
            events.insert(at + 1, Event { m: None, g: None, stream: u16::MAX - 1, ..after(What::ProcSteal) });
        }
    }
    events
}

fn is_status(event: &Event) -> bool {
    matches!(event.what, What::ProcIs(_) | What::GoIs(_))
}

/// Whether something later concerns the same machine, and the same goroutine or processor.
fn is_followed_up(events: &[Event], at: usize) -> bool {
    let event = &events[at];
    let later = || events[at + 1..].iter().filter(|later| !is_status(later));
    let same = |one: Option<u8>, other: Option<u8>| one.is_some() && one == other;
    later().any(|later| same(event.m, later.m) || event.m.is_none())
        && later().any(|later| same(event.g, later.g) || same(event.p, later.p) || (event.g, event.p) == (None, None))
}

/// The machine's next event, if the two are of the same machine and of different kinds, so that their order says something.
pub fn partner(events: &[Event], at: usize) -> Option<usize> {
    let event = &events[at];
    let m = event.m?;
    let next = (at + 1..events.len()).find(|index| events[*index].m == Some(m))?;
    let other = &events[next];
    let readies = |event: &Event| matches!(event.what, What::GoCreate | What::GoUnblock);
    let says_nothing = is_status(event) || is_status(other) || (readies(event) && readies(other));
    (!says_nothing).then_some(next)
}

/// Another machine, which has no processor and no goroutine as far as the events before tell.
fn another_machine(trace: &Trace, at: usize) -> Option<Mid> {
    let taken = trace.events[at].m?;
    let mut machines: Vec<(Option<Pid>, Option<Gid>)> = vec![(None, None); trace.names.machines()];
    for (p, _, m) in &trace.start.ps {
        machines[usize::from(*m)].0 = Some(*p);
    }
    for (g, _, m) in &trace.start.gs {
        if let Some(m) = m {
            machines[usize::from(*m)].1 = Some(*g);
        }
    }
    for event in &trace.events[..at] {
        let Some(m) = event.m else { continue };
        let machine = &mut machines[usize::from(m)];
        match event.what {
            What::ProcStart => machine.0 = event.p,
            What::ProcStop => machine.0 = None,
            What::GoStart | What::CallBegin => machine.1 = event.g,
            What::GoYield | What::GoPreempt | What::GoBlock | What::GoEnd | What::CallEndBlocked => machine.1 = None,
            _ => {}
        }
    }
    (0..machines.len() as Mid).find(|m| *m != taken && machines[usize::from(*m)] == (None, None))
}

//! Traces of Go 1.22 and later: batches of each machine's events, in generations.
//!
//! In a generation each processor and each goroutine has a counter. An event by which another machine may be concerned
//! carries the next value; a status line sets the counter to 0 and comes before the first use. That, and the order of each
//! machine's own events, is all the order there is: clocks may disagree. So we go on with the earliest event whose
//! counter fits and which its processor and machine can stand.

use std::collections::{BTreeMap, HashMap};

use super::trace::{Bytes, Event, GStand, Names, PStand, Start, Trace, What};

/// The codes of the events that concern us, and the number of each event's arguments.
mod code {
    pub(super) const BATCH: u8 = 1;
    pub(super) const STACKS: u8 = 2;
    pub(super) const STRINGS: u8 = 4;
    pub(super) const STRING: u8 = 5;
    pub(super) const CPU_SAMPLES: u8 = 6;
    pub(super) const FREQUENCY: u8 = 8;
    pub(super) const PROCS: u8 = 9;
    pub(super) const PROC_START: u8 = 10;
    pub(super) const PROC_STOP: u8 = 11;
    pub(super) const PROC_STEAL: u8 = 12;
    pub(super) const PROC_STATUS: u8 = 13;
    pub(super) const GO_CREATE: u8 = 14;
    pub(super) const GO_CREATE_SYSCALL: u8 = 15;
    pub(super) const GO_START: u8 = 16;
    pub(super) const GO_DESTROY: u8 = 17;
    pub(super) const GO_DESTROY_SYSCALL: u8 = 18;
    pub(super) const GO_STOP: u8 = 19;
    pub(super) const GO_BLOCK: u8 = 20;
    pub(super) const GO_UNBLOCK: u8 = 21;
    pub(super) const SYSCALL_BEGIN: u8 = 22;
    pub(super) const SYSCALL_END: u8 = 23;
    pub(super) const SYSCALL_END_BLOCKED: u8 = 24;
    pub(super) const GO_STATUS: u8 = 25;
    pub(super) const STW_BEGIN: u8 = 26;
    pub(super) const STW_END: u8 = 27;
    pub(super) const GO_SWITCH: u8 = 45;
    pub(super) const GO_SWITCH_DESTROY: u8 = 46;
    pub(super) const GO_CREATE_BLOCKED: u8 = 47;
    pub(super) const GO_STATUS_STACK: u8 = 48;
    pub(super) const EXPERIMENTAL_BATCH: u8 = 49;
    pub(super) const SYNC: u8 = 50;
    pub(super) const END_OF_GENERATION: u8 = 52;

    /// Of the events with a time, [`PROCS`] first; the time is one of the arguments.
    pub(super) const ARGUMENTS: [usize; 40] = [
        3, 3, 1, 4, 3, 4, 2, 3, 1, 1, 3, 3, 4, 3, 1, 1, 4, 3, 1, 2, 3, 2, 2, 2, 3, 2, 2, 1, 2, 2, 2, 5, 3, 4, 4, 5, 3,
        3, 4, 5,
    ];
}

/// No thread.
const NO_THREAD: u64 = u64::MAX;

/// Reads what follows the header.
pub(super) fn read(format: u8, body: &[u8]) -> Result<Trace, String> {
    let mut generations: BTreeMap<u64, Generation> = BTreeMap::new();
    let mut bytes = Bytes::new(body);
    while !bytes.is_empty() {
        let at = bytes.position();
        let kind = bytes.byte()?;
        match kind {
            code::END_OF_GENERATION => continue,
            code::BATCH => {}
            code::EXPERIMENTAL_BATCH => _ = bytes.byte()?,
            other => return Err(format!("an event of kind {other} at byte {at}, where a batch should begin")),
        }
        let (generation, thread, time) = (bytes.number()?, bytes.number()?, bytes.number()?);
        let size = bytes.number()?;
        let data = bytes.take(size)?;
        if kind == code::BATCH {
            generations.entry(generation).or_default().batch(thread, time, data)?;
        }
    }
    let mut order = Order { names: Names::default(), events: Vec::new(), start: Start::default(), ..Order::default() };
    for (number, generation) in generations {
        order.begin();
        order.merge(&generation).map_err(|text| format!("generation {number}: {text}"))?;
    }
    if order.start.procs == 0 {
        return Err("it does not say GOMAXPROCS".to_owned());
    }
    Ok(Trace { format, events: order.events, names: order.names, start: order.start, passed_over: order.passed_over })
}

/// An event as it stands in a batch.
struct Raw {
    time: u64,
    kind: u8,
    /// Without the time.
    arguments: [u64; 4],
}

#[derive(Default)]
struct Generation {
    threads: BTreeMap<u64, Vec<Raw>>,
    strings: HashMap<u64, String>,
}

impl Generation {
    fn batch(&mut self, thread: u64, mut time: u64, data: &[u8]) -> Result<(), String> {
        let mut bytes = Bytes::new(data);
        match data.first() {
            None | Some(&(code::STACKS | code::CPU_SAMPLES | code::FREQUENCY | code::SYNC)) => return Ok(()),
            Some(&code::STRINGS) => {
                bytes.byte()?;
                while !bytes.is_empty() {
                    if bytes.byte()? != code::STRING {
                        return Err("something else than a string among the strings".to_owned());
                    }
                    let (id, length) = (bytes.number()?, bytes.number()?);
                    self.strings.insert(id, String::from_utf8_lossy(bytes.take(length)?).into_owned());
                }
                return Ok(());
            }
            _ => {}
        }
        let events = self.threads.entry(thread).or_default();
        while !bytes.is_empty() {
            let kind = bytes.byte()?;
            let count = kind.checked_sub(code::PROCS).and_then(|index| code::ARGUMENTS.get(usize::from(index)));
            let Some(count) = count else { return Err(format!("an event of kind {kind}, which is none with a time")) };
            time = time.wrapping_add(bytes.number()?);
            let mut arguments = [0; 4];
            for argument in arguments.iter_mut().take(count - 1) {
                *argument = bytes.number()?;
            }
            events.push(Raw { time, kind, arguments });
        }
        Ok(())
    }
}

/// A processor as far as the order goes.
#[derive(Clone, Copy, Default)]
struct Proc {
    /// Its counter, if the generation has said its status.
    seq: Option<u64>,
    is_idle: bool,
    in_call: bool,
}

/// A machine as far as the order goes.
#[derive(Clone, Copy, Default)]
struct Machine {
    p: Option<u64>,
    g: Option<u64>,
}

/// Which events may come next, and those that have.
#[derive(Default)]
struct Order {
    names: Names,
    events: Vec<Event>,
    start: Start,
    procs: HashMap<u64, Proc>,
    /// The counters of goroutines whose status the generation has said.
    gos: HashMap<u64, u64>,
    /// Goroutines and processors that were ever seen.
    known: (Vec<u64>, Vec<u64>),
    machines: HashMap<u64, Machine>,
    streams: Vec<u64>,
    passed_over: u64,
}

impl Order {
    /// A generation begins: counters start anew.
    fn begin(&mut self) {
        self.gos.clear();
        self.procs.values_mut().for_each(|proc| proc.seq = None);
    }

    fn merge(&mut self, generation: &Generation) -> Result<(), String> {
        let mut next: Vec<(u64, usize)> = generation.threads.keys().map(|thread| (*thread, 0)).collect();
        loop {
            let front = |&(thread, at): &(u64, usize)| generation.threads[&thread].get(at);
            let mut ready: Vec<usize> = (0..next.len()).filter(|index| front(&next[*index]).is_some()).collect();
            if ready.is_empty() {
                return Ok(());
            }
            ready.sort_by_key(|index| front(&next[*index]).map(|raw| raw.time));
            let chosen = ready.iter().copied().find(|index| {
                let (thread, at) = next[*index];
                self.may_come(thread, &generation.threads[&thread][at])
            });
            let Some(chosen) = chosen else {
                let (thread, at) = next[ready[0]];
                let raw = &generation.threads[&thread][at];
                return Err(format!(
                    "no event can come next, by the sequence numbers; the first is of kind {} {:?}, on thread {thread}",
                    raw.kind, raw.arguments
                ));
            };
            let (thread, at) = next[chosen];
            next[chosen].1 += 1;
            self.take(thread, &generation.threads[&thread][at], &generation.strings)?;
        }
    }

    fn machine(&self, thread: u64) -> Machine {
        self.machines.get(&thread).copied().unwrap_or_default()
    }

    fn proc(&self, p: u64) -> Proc {
        self.procs.get(&p).copied().unwrap_or_default()
    }

    fn may_come(&self, thread: u64, raw: &Raw) -> bool {
        let [first, second, ..] = raw.arguments;
        let machine = self.machine(thread);
        let follows = |seq: Option<u64>, next: u64| seq.is_some_and(|seq| seq + 1 == next);
        match raw.kind {
            code::PROC_START => {
                let proc = self.proc(first);
                proc.is_idle && follows(proc.seq, second) && machine.p.is_none()
            }
            code::PROC_STEAL => {
                let proc = self.proc(first);
                proc.in_call && follows(proc.seq, second)
            }
            code::SYSCALL_BEGIN => machine.p.is_some_and(|p| follows(self.proc(p).seq, first)),
            code::SYSCALL_END_BLOCKED => machine.p.is_none_or(|p| !self.proc(p).in_call),
            // It may still be in a call, the end of which has to wait for the theft of its processor.
            code::GO_START if self.machines.values().any(|other| other.g == Some(first)) => false,
            code::GO_START | code::GO_UNBLOCK => follows(self.gos.get(&first).copied(), second),
            _ => true,
        }
    }

    fn take(&mut self, thread: u64, raw: &Raw, strings: &HashMap<u64, String>) -> Result<(), String> {
        let [first, second, third, _] = raw.arguments;
        let mut machine = self.machine(thread);
        let (had_p, had_g) = (machine.p, machine.g);
        let (what, p, g) = match raw.kind {
            code::PROCS => (What::Procs(u8::try_from(first).map_err(|_| "too many processors")?), had_p, had_g),
            code::PROC_START => {
                machine.p = Some(first);
                self.procs.insert(first, Proc { seq: Some(second), is_idle: false, in_call: false });
                (What::ProcStart, Some(first), None)
            }
            code::PROC_STOP => {
                let p = machine.p.take().ok_or("a machine without a processor stops one")?;
                let seq = self.proc(p).seq;
                self.procs.insert(p, Proc { seq, is_idle: true, in_call: false });
                (What::ProcStop, Some(p), None)
            }
            code::PROC_STEAL => {
                self.procs.insert(first, Proc { seq: Some(second), is_idle: true, in_call: false });
                if third == thread {
                    machine.p = None;
                } else if let Some(victim) = self.machines.get_mut(&third).filter(|victim| victim.p == Some(first)) {
                    victim.p = None;
                }
                (What::ProcSteal, Some(first), None)
            }
            code::PROC_STATUS => {
                let stand = match second {
                    1 => PStand::Running,
                    2 => PStand::Idle,
                    3 => PStand::Syscall,
                    4 => PStand::Abandoned,
                    other => return Err(format!("a processor of status {other}")),
                };
                let is_new = !self.known.1.contains(&first);
                if matches!(stand, PStand::Running | PStand::Syscall) {
                    machine.p = Some(first);
                }
                let in_call = matches!(stand, PStand::Syscall | PStand::Abandoned);
                self.procs.insert(first, Proc { seq: Some(0), is_idle: stand == PStand::Idle, in_call });
                if is_new {
                    self.known.1.push(first);
                    if stand != PStand::Idle {
                        let m = self.names.machine(thread)?;
                        self.start.ps.push((self.names.processor(first)?, stand, m));
                    }
                }
                (What::ProcIs(stand), Some(first), None)
            }
            code::GO_STATUS | code::GO_STATUS_STACK => {
                let stand = match third {
                    1 => GStand::Runnable,
                    2 => GStand::Running,
                    3 => GStand::Syscall,
                    4 => GStand::Waiting,
                    other => return Err(format!("a goroutine of status {other}")),
                };
                let on = (second != NO_THREAD && matches!(stand, GStand::Running | GStand::Syscall)).then_some(second);
                self.gos.insert(first, 0);
                if stand == GStand::Running || on == Some(thread) {
                    machine.g = Some(first);
                } else if let Some(other) = on {
                    self.machines.entry(other).or_default().g = Some(first);
                }
                if !self.known.0.contains(&first) {
                    self.known.0.push(first);
                    let m = match (stand, on) {
                        (GStand::Running, _) => Some(self.names.machine(thread)?),
                        (_, Some(other)) => Some(self.names.machine(other)?),
                        _ => None,
                    };
                    self.start.gs.push((self.names.goroutine(first)?, stand, m));
                }
                (What::GoIs(stand), None, Some(first))
            }
            code::GO_CREATE => {
                self.known.0.push(first);
                self.gos.insert(first, 0);
                (What::GoCreate, None, Some(first))
            }
            code::GO_CREATE_BLOCKED => {
                self.known.0.push(first);
                self.gos.insert(first, 0);
                self.passed_over += 1;
                return Ok(());
            }
            code::GO_START => {
                self.gos.insert(first, second);
                machine.g = Some(first);
                (What::GoStart, machine.p, Some(first))
            }
            code::GO_UNBLOCK => {
                self.gos.insert(first, second);
                (What::GoUnblock, None, Some(first))
            }
            code::GO_STOP | code::GO_BLOCK | code::GO_DESTROY => {
                machine.g = None;
                let is_asked = strings.get(&first).is_some_and(|reason| reason == "preempted");
                let what = match raw.kind {
                    code::GO_STOP if is_asked => What::GoPreempt,
                    code::GO_STOP => What::GoYield,
                    code::GO_BLOCK => What::GoBlock,
                    _ => What::GoEnd,
                };
                (what, had_p, had_g)
            }
            code::SYSCALL_BEGIN => {
                let p = machine.p.ok_or("a call begins on a machine without a processor")?;
                self.procs.insert(p, Proc { seq: Some(first), is_idle: false, in_call: true });
                (What::CallBegin, Some(p), had_g)
            }
            code::SYSCALL_END => {
                let p = machine.p.ok_or("a call ends with its processor, and there is none")?;
                let seq = self.proc(p).seq;
                self.procs.insert(p, Proc { seq, is_idle: false, in_call: false });
                (What::CallEnd, Some(p), had_g)
            }
            code::SYSCALL_END_BLOCKED => {
                machine.g = None;
                (What::CallEndBlocked, machine.p, had_g)
            }
            code::STW_BEGIN => (What::StopBegin, had_p, had_g),
            code::STW_END => (What::StopEnd, had_p, had_g),
            code::GO_CREATE_SYSCALL | code::GO_DESTROY_SYSCALL => {
                return Err("a thread of C enters Go: the spec has no such thing".to_owned());
            }
            code::GO_SWITCH | code::GO_SWITCH_DESTROY => {
                return Err("goroutines switch directly: the spec has no such thing".to_owned());
            }
            _ => {
                self.passed_over += 1;
                return Ok(());
            }
        };
        if let (What::Procs(procs), 0) = (what, self.start.procs) {
            self.start.procs = procs;
        }
        self.machines.insert(thread, machine);
        let stream = self.streams.iter().position(|known| *known == thread).unwrap_or_else(|| {
            self.streams.push(thread);
            self.streams.len() - 1
        });
        let event = Event {
            time: raw.time,
            stream: u16::try_from(stream).map_err(|_| "too many threads")?,
            m: if thread == NO_THREAD { None } else { Some(self.names.machine(thread)?) },
            p: p.map(|p| self.names.processor(p)).transpose()?,
            g: g.map(|g| self.names.goroutine(g)).transpose()?,
            what,
            inferred: false,
        };
        self.events.push(event);
        Ok(())
    }
}

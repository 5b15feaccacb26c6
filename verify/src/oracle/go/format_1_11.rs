//! Traces of Go 1.11 to 1.21: batches of each processor's events.
//!
//! A goroutine's events are numbered across processors, so that is the order. Machines are named where they get a
//! processor and nowhere else. A call that nobody disturbs has a beginning only: that it ended shows in what its processor
//! does next. Who takes a processor out of a call writes into that processor's batch and does not say who he is. And a
//! goroutine that found no processor after its call is said to have left it when it runs again. What follows from all
//! this without being in the trace are inferred events.

use std::collections::{BTreeMap, HashMap};

use selvedge_model::proc::{Gid, Mid, Pid};

use super::trace::{Bytes, Event, GStand, Names, Start, Trace, What};

/// The codes of the events that concern us or are not like the others.
mod code {
    pub(super) const BATCH: u8 = 1;
    pub(super) const FREQUENCY: u8 = 2;
    pub(super) const STACK: u8 = 3;
    pub(super) const PROCS: u8 = 4;
    pub(super) const PROC_START: u8 = 5;
    pub(super) const PROC_STOP: u8 = 6;
    pub(super) const GO_CREATE: u8 = 13;
    pub(super) const GO_START: u8 = 14;
    pub(super) const GO_END: u8 = 15;
    pub(super) const GO_STOP: u8 = 16;
    pub(super) const GO_SCHED: u8 = 17;
    pub(super) const GO_PREEMPT: u8 = 18;
    pub(super) const GO_SLEEP: u8 = 19;
    pub(super) const GO_BLOCK: u8 = 20;
    pub(super) const GO_UNBLOCK: u8 = 21;
    pub(super) const GO_BLOCK_SEND: u8 = 22;
    pub(super) const GO_BLOCK_NET: u8 = 27;
    pub(super) const SYSCALL: u8 = 28;
    pub(super) const SYS_EXIT: u8 = 29;
    pub(super) const SYS_BLOCK: u8 = 30;
    pub(super) const GO_WAITING: u8 = 31;
    pub(super) const GO_IN_SYSCALL: u8 = 32;
    pub(super) const TIMER_GOROUTINE: u8 = 35;
    pub(super) const STRING: u8 = 37;
    pub(super) const GO_START_LOCAL: u8 = 38;
    pub(super) const GO_UNBLOCK_LOCAL: u8 = 39;
    pub(super) const SYS_EXIT_LOCAL: u8 = 40;
    pub(super) const GO_START_LABEL: u8 = 41;
    pub(super) const GO_BLOCK_GC: u8 = 42;
    pub(super) const USER_LOG: u8 = 48;
    pub(super) const CPU_SAMPLE: u8 = 49;
}

/// The batch of whoever has no processor.
const NO_PROCESSOR: u64 = u64::MAX;

/// An event as it stands in a batch.
#[derive(Clone, Copy)]
struct Raw {
    p: u64,
    time: u64,
    kind: u8,
    /// The first two arguments after the time.
    arguments: [u64; 2],
    /// The next event in the batches of the same processor.
    next: Option<(u8, u64)>,
    /// The goroutine that runs on the processor, before the event or, if it starts one, after it.
    g: u64,
}

/// Reads what follows the header.
pub(super) fn read(format: u8, body: &[u8]) -> Result<Trace, String> {
    let merged = merge(batches(body)?)?;
    let mut told = Told { threads: threads_in_calls(&merged), ..Told::default() };
    for raw in &merged {
        told.take(raw)?;
    }
    if told.start.procs == 0 {
        return Err("it does not say GOMAXPROCS".to_owned());
    }
    Ok(Trace { format, events: told.events, names: told.names, start: told.start, passed_over: told.passed_over })
}

/// Each processor's events.
fn batches(body: &[u8]) -> Result<BTreeMap<u64, Vec<Raw>>, String> {
    let mut batches: BTreeMap<u64, Vec<Raw>> = BTreeMap::new();
    let mut bytes = Bytes::new(body);
    let (mut p, mut time) = (NO_PROCESSOR, 0_u64);
    while !bytes.is_empty() {
        let first = bytes.byte()?;
        let (kind, count) = (first & 0x3f, usize::from(first >> 6) + 1);
        let mut arguments = [0_u64; 3];
        if kind == code::STRING {
            bytes.number()?;
            let length = bytes.number()?;
            bytes.take(length)?;
            continue;
        } else if count < 4 {
            for argument in arguments.iter_mut().take(count) {
                *argument = bytes.number()?;
            }
        } else {
            let length = bytes.number()?;
            let mut rest = Bytes::new(bytes.take(length)?);
            let mut index = 0;
            while !rest.is_empty() {
                let argument = rest.number()?;
                if let Some(place) = arguments.get_mut(index) {
                    *place = argument;
                }
                index += 1;
            }
        }
        match kind {
            code::BATCH => (p, time) = (arguments[0], arguments[1]),
            code::FREQUENCY | code::STACK | code::TIMER_GOROUTINE | code::CPU_SAMPLE => {}
            0 | 50.. => return Err(format!("an event of kind {kind} before byte {}", bytes.position())),
            _ => {
                time = time.wrapping_add(arguments[0]);
                if kind == code::USER_LOG {
                    let length = bytes.number()?;
                    bytes.take(length)?;
                }
                let arguments = [arguments[1], arguments[2]];
                batches.entry(p).or_default().push(Raw { p, time, kind, arguments, next: None, g: 0 });
            }
        }
    }
    for events in batches.values_mut() {
        let mut g = 0;
        for index in 0..events.len() {
            events[index].next = events.get(index + 1).map(|next| (next.kind, next.arguments[0]));
            let event = &mut events[index];
            match event.kind {
                code::GO_START | code::GO_START_LOCAL | code::GO_START_LABEL => g = event.arguments[0],
                _ => {}
            }
            event.g = g;
            if is_end_of_run(event.kind) {
                g = 0;
            }
        }
    }
    Ok(batches)
}

/// Whether the goroutine that runs on the processor does so no longer.
fn is_end_of_run(kind: u8) -> bool {
    kind == code::SYS_BLOCK
        || kind == code::GO_SCHED
        || kind == code::GO_PREEMPT
        || is_block(kind)
        || kind == code::GO_END
}

fn is_block(kind: u8) -> bool {
    matches!(kind, code::GO_STOP | code::GO_SLEEP | code::GO_BLOCK | code::GO_BLOCK_GC)
        || (code::GO_BLOCK_SEND..=code::GO_BLOCK_NET).contains(&kind)
}

/// How a goroutine stands as far as the order goes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stand {
    #[default]
    Dead,
    Runnable,
    Running,
    Waiting,
}

/// One order of all: the earliest event whose goroutine is ready for it.
fn merge(batches: BTreeMap<u64, Vec<Raw>>) -> Result<Vec<Raw>, String> {
    let mut stands: HashMap<u64, (u64, Stand)> = HashMap::new();
    let mut next: Vec<(Vec<Raw>, usize)> = batches.into_values().map(|events| (events, 0)).collect();
    let mut merged = Vec::new();
    loop {
        let mut ready: Vec<usize> = (0..next.len()).filter(|index| next[*index].1 < next[*index].0.len()).collect();
        if ready.is_empty() {
            return Ok(merged);
        }
        ready.sort_by_key(|index| next[*index].0[next[*index].1].time);
        let chosen = ready.iter().copied().find(|index| {
            let raw = &next[*index].0[next[*index].1];
            transition(raw).is_none_or(|(g, seq, from, _)| {
                let (at, stand) = stands.get(&g).copied().unwrap_or_default();
                stand == from && seq.is_none_or(|seq| seq == at)
            })
        });
        let Some(chosen) = chosen else {
            let raw = &next[ready[0]].0[next[ready[0]].1];
            return Err(format!(
                "no event can come next, by the sequence numbers; the first is of kind {} {:?}",
                raw.kind, raw.arguments
            ));
        };
        let raw = next[chosen].0[next[chosen].1];
        next[chosen].1 += 1;
        if let Some((g, _, _, to)) = transition(&raw) {
            let stand = stands.entry(g).or_default();
            let counts = matches!(to, Stand::Runnable | Stand::Running)
                && !matches!(raw.kind, code::GO_SCHED | code::GO_PREEMPT);
            let counts = counts || matches!(raw.kind, code::GO_WAITING | code::GO_IN_SYSCALL);
            *stand = (stand.0 + u64::from(counts), to);
        }
        merged.push(raw);
    }
}

/// The goroutine whose events are numbered, its counter before, and how it stands before and after.
fn transition(raw: &Raw) -> Option<(u64, Option<u64>, Stand, Stand)> {
    let [first, second] = raw.arguments;
    Some(match raw.kind {
        code::GO_CREATE => (first, Some(0), Stand::Dead, Stand::Runnable),
        code::GO_WAITING | code::GO_IN_SYSCALL => (first, Some(1), Stand::Runnable, Stand::Waiting),
        code::GO_START | code::GO_START_LABEL => (first, Some(second), Stand::Runnable, Stand::Running),
        code::GO_START_LOCAL => (first, None, Stand::Runnable, Stand::Running),
        code::GO_UNBLOCK | code::SYS_EXIT => (first, Some(second), Stand::Waiting, Stand::Runnable),
        code::GO_UNBLOCK_LOCAL | code::SYS_EXIT_LOCAL => (first, None, Stand::Waiting, Stand::Runnable),
        code::SYS_BLOCK => (raw.g, None, Stand::Running, Stand::Waiting),
        code::GO_SCHED | code::GO_PREEMPT => (raw.g, None, Stand::Running, Stand::Runnable),
        kind if is_block(kind) => (raw.g, None, Stand::Running, Stand::Waiting),
        _ => return None,
    })
}

/// Goroutines that were in calls when the trace began, with the threads on which they left them: where a thread that
/// was not seen before gets a processor and leaves that call.
fn threads_in_calls(merged: &[Raw]) -> HashMap<u64, u64> {
    let in_calls: Vec<u64> =
        merged.iter().filter(|raw| raw.kind == code::GO_IN_SYSCALL).map(|raw| raw.arguments[0]).collect();
    let mut seen = Vec::new();
    let mut found = HashMap::new();
    for raw in merged.iter().filter(|raw| raw.kind == code::PROC_START) {
        let thread = raw.arguments[0];
        if let Some((code::SYS_EXIT | code::SYS_EXIT_LOCAL, g)) = raw.next
            && in_calls.contains(&g)
            && !seen.contains(&thread)
        {
            found.entry(g).or_insert(thread);
        }
        seen.push(thread);
    }
    found
}

/// What the events tell, one after the other.
#[derive(Default)]
struct Told {
    names: Names,
    events: Vec<Event>,
    start: Start,
    passed_over: u64,
    /// From [`threads_in_calls`].
    threads: HashMap<u64, u64>,
    has_begun: bool,
    /// The machine that has each processor.
    machines: HashMap<u64, Mid>,
    /// Processors whose goroutine is in a call, as far as the trace has said.
    open: HashMap<u64, u64>,
    /// Processors said to be taken, until they stop.
    taken: Vec<u64>,
    /// Goroutines in calls, and their machines.
    calls: HashMap<u64, Mid>,
    /// Goroutines that have left their call, which the trace will say later.
    left: Vec<u64>,
}

impl Told {
    fn take(&mut self, raw: &Raw) -> Result<(), String> {
        let Raw { p, kind, arguments: [first, _], .. } = *raw;
        if !self.has_begun && self.begins(raw)? {
            return Ok(());
        }
        if let Some(g) = self.open.remove(&p) {
            if kind == code::SYS_BLOCK {
                self.open.insert(p, g);
            } else {
                self.calls.remove(&g);
                self.tell(raw, What::CallEnd, Some(p), Some(g), true)?;
            }
        }
        match kind {
            code::PROCS => {
                let procs = u8::try_from(first).map_err(|_| "too many processors")?;
                if self.start.procs == 0 {
                    self.start.procs = procs;
                }
                self.tell(raw, What::StopBegin, Some(p), Some(raw.g), true)?;
                self.tell(raw, What::Procs(procs), Some(p), Some(raw.g), false)?;
                self.tell(raw, What::StopEnd, Some(p), Some(raw.g), true)
            }
            code::PROC_START => self.proc_start(raw),
            code::PROC_STOP => {
                if let Some(index) = self.taken.iter().position(|taken| *taken == p) {
                    self.taken.remove(index);
                    self.machines.remove(&p);
                    return self.tell(raw, What::ProcSteal, Some(p), None, false);
                }
                self.tell(raw, What::ProcStop, Some(p), None, false)?;
                self.machines.remove(&p);
                Ok(())
            }
            code::GO_CREATE => self.tell(raw, What::GoCreate, None, Some(first), false),
            code::GO_START | code::GO_START_LOCAL | code::GO_START_LABEL => {
                self.tell(raw, What::GoStart, Some(p), Some(first), false)
            }
            code::GO_UNBLOCK | code::GO_UNBLOCK_LOCAL => self.tell(raw, What::GoUnblock, None, Some(first), false),
            code::GO_END => self.tell(raw, What::GoEnd, Some(p), Some(raw.g), false),
            code::GO_SCHED => self.tell(raw, What::GoYield, Some(p), Some(raw.g), false),
            code::GO_PREEMPT => self.tell(raw, What::GoPreempt, Some(p), Some(raw.g), false),
            kind if is_block(kind) => self.tell(raw, What::GoBlock, Some(p), Some(raw.g), false),
            code::SYSCALL => {
                self.open.insert(p, raw.g);
                let m = *self.machines.get(&p).ok_or("a call on a processor that nobody has")?;
                self.calls.insert(raw.g, m);
                self.tell(raw, What::CallBegin, Some(p), Some(raw.g), false)
            }
            code::SYS_BLOCK => {
                self.open.remove(&p);
                self.taken.push(p);
                Ok(())
            }
            code::SYS_EXIT | code::SYS_EXIT_LOCAL => self.sys_exit(raw),
            _ => {
                self.passed_over += 1;
                Ok(())
            }
        }
    }

    /// The lines that say how it was. They end where the first processor starts.
    fn begins(&mut self, raw: &Raw) -> Result<bool, String> {
        let id = raw.arguments[0];
        match raw.kind {
            code::GO_CREATE => {
                let g = self.names.goroutine(id)?;
                self.start.gs.push((g, GStand::Runnable, None));
            }
            code::GO_WAITING | code::GO_IN_SYSCALL => {
                let g = self.names.goroutine(id)?;
                let (stand, m) = if raw.kind == code::GO_WAITING {
                    (GStand::Waiting, None)
                } else {
                    // A name that no thread has: their numbers are small.
                    let thread = self.threads.get(&id).copied().unwrap_or((1 << 32) + id);
                    (GStand::Syscall, Some(self.names.machine(thread)?))
                };
                if let Some(m) = m {
                    self.calls.insert(id, m);
                }
                self.start.gs.retain(|(known, ..)| *known != g);
                self.start.gs.push((g, stand, m));
            }
            code::PROC_START => {
                self.has_begun = true;
                return Ok(false);
            }
            _ => self.passed_over += 1,
        }
        Ok(true)
    }

    fn proc_start(&mut self, raw: &Raw) -> Result<(), String> {
        let m = self.names.machine(raw.arguments[0])?;
        let in_call = self.calls.iter().find(|(_, on)| **on == m).map(|(g, _)| *g);
        let leaves = |g: u64| matches!(raw.next, Some((code::SYS_EXIT | code::SYS_EXIT_LOCAL, left)) if left == g);
        if let Some(g) = in_call.filter(|g| !leaves(*g)) {
            // The machine does something else: its goroutine was put on a queue.
            self.calls.remove(&g);
            self.left.push(g);
            self.tell_of(raw, What::CallEndBlocked, Some(m), None, Some(g), true)?;
        }
        self.machines.insert(raw.p, m);
        self.tell(raw, What::ProcStart, Some(raw.p), None, false)
    }

    fn sys_exit(&mut self, raw: &Raw) -> Result<(), String> {
        let (p, g) = (raw.p, raw.arguments[0]);
        if let Some(index) = self.left.iter().position(|left| *left == g) {
            self.left.remove(index);
            self.passed_over += 1;
            return Ok(());
        }
        let m = self.calls.remove(&g).ok_or_else(|| format!("goroutine {g} leaves a call in which it is not"))?;
        if let Some(index) = self.taken.iter().position(|taken| *taken == p) {
            // Taken out of somebody else's call, by the machine that had it before.
            self.taken.remove(index);
            self.machines.insert(p, m);
            self.tell(raw, What::ProcSteal, Some(p), None, false)?;
            self.tell(raw, What::ProcStart, Some(p), None, true)?;
        }
        if self.machines.get(&p) == Some(&m) {
            return self.tell(raw, What::CallEndBlocked, Some(p), Some(g), false);
        }
        self.tell_of(raw, What::CallEndBlocked, Some(m), None, Some(g), true)
    }

    fn tell(&mut self, raw: &Raw, what: What, p: Option<u64>, g: Option<u64>, inferred: bool) -> Result<(), String> {
        let m = self.machines.get(&raw.p).copied();
        self.tell_of(raw, what, m, p, g, inferred)
    }

    fn tell_of(
        &mut self,
        raw: &Raw,
        what: What,
        m: Option<Mid>,
        p: Option<u64>,
        g: Option<u64>,
        inferred: bool,
    ) -> Result<(), String> {
        let p: Option<Pid> = p.map(|p| self.names.processor(p)).transpose()?;
        let g: Option<Gid> = g.map(|g| self.names.goroutine(g)).transpose()?;
        let stream =
            if raw.p == NO_PROCESSOR { u16::MAX } else { u16::try_from(raw.p).map_err(|_| "too many processors")? };
        self.events.push(Event { time: raw.time, stream, m, p, g, what, inferred });
        Ok(())
    }
}

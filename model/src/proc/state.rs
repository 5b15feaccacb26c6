//! What changes: processors, machines, goroutines, and the scheduler's own lists and counters.
//!
//! The methods are the small moves of which the rules are made. Each keeps the links and counters together, and throws
//! where the runtime would.

use super::{Bug, ProcSpec, Version};

/// A processor's number, its place in `allp`.
pub type Pid = u8;
/// A machine's number: an operating system thread.
pub type Mid = u8;
/// A goroutine's number: that of the program thread which it is.
pub type Gid = u8;

/// The most goroutines of a state.
pub const GOROUTINES_MAX: usize = 7;
/// The most processors of a state.
pub const PROCESSORS_MAX: usize = 4;
/// `stopwait` while the program is dying: no number of stopped processors ever brings it to 0.
pub const FREEZE_STOP_WAIT: u32 = 0x7fff_ffff;

/// The status of a processor, with Go's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PStatus {
    /// On the idle list, or with whoever is moving it.
    Idle = 0,
    /// One machine's. From Go 1.26 on also while that is in a system call.
    Running = 1,
    /// Its machine is in a system call. Up to Go 1.25 only.
    Syscall = 2,
    /// Halted for whoever stopped the world.
    GcStop = 3,
    /// Beyond GOMAXPROCS.
    Dead = 4,
}

/// The status of a goroutine, with Go's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GStatus {
    /// There is no such goroutine.
    Idle = 0,
    /// On a run queue.
    Runnable = 1,
    /// On a machine.
    Running = 2,
    /// In a system call.
    Syscall = 3,
    /// Asleep.
    Waiting = 4,
    /// Ended.
    Dead = 6,
}

/// Where a machine stands when no operation of a goroutine moves it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standing {
    /// It has a goroutine, whose operations move it.
    Runs,
    /// It has a processor and looks for a goroutine.
    Schedules,
    /// It has given its processor up and is about to park; first it may look at the run queues once more.
    Leaves {
        /// It was spinning, so it has to look.
        looks_again: bool,
    },
    /// It sleeps on the list of idle machines.
    Parked,
    /// It sleeps until its locked goroutine is handed to it.
    ParkedLocked,
    /// It has been given a processor (`nextp`) and is waking up, or is being made.
    Wakes,
}

/// A processor.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct P {
    /// Its status.
    pub status: PStatus,
    /// The machine that it is bound to.
    pub m: Option<Mid>,
    /// The local run queue, what comes next first.
    pub run_queue: Vec<Gid>,
    /// The first of the queue is `runnext`: it was readied last, and shares the turn of whoever runs before it.
    pub has_next: bool,
    /// The turn is to end: the monitor has asked for that, and whoever ran then has not left since for that reason.
    pub turn_is_over: bool,
    /// It has served the global queue before its own. It does so once in 61 turns: at which of them is not known, and no
    /// program has as many.
    pub served_global: bool,
    /// `syscalltick`.
    pub tick: u32,
    /// `runSafePointFn`: it still has to run the safe-point function.
    pub owes_safe_point: bool,
    /// How often it has run the safe-point function in this round.
    pub safe_points: u8,
    /// What the monitor remembers of it.
    pub seen: Seen,
}

/// What the monitor remembers of a processor, and how long it has passed it over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Seen {
    /// `schedtick` has moved since the last look.
    pub sched_moved: bool,
    /// `schedwhen`: when a look last found it moved.
    pub sched_when_us: u32,
    /// `syscalltick` has moved since the last look.
    pub tick_moved: bool,
    /// `syscallwhen`: when a look last found it moved.
    pub call_when_us: u32,
    /// Looks that found it in this very call with work queued and left it there.
    pub passed_over: u8,
    /// When a look first found it in this very call.
    pub first_in_call_us: Option<u32>,
    /// When a look first found it in calls of this very goroutine's turn.
    pub first_in_turn_us: Option<u32>,
    /// A look left it in a call although that was seen ten milliseconds earlier.
    pub left_too_long: bool,
    /// A look left it in a call, with work queued, although its goroutine's turn was seen ten milliseconds earlier.
    pub hogged_too_long: bool,
}

/// A machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct M {
    /// Where it stands.
    pub standing: Standing,
    /// The processor that it is bound to. In Go 1.11 it stays during a system call, whoever has the processor then.
    pub p: Option<Pid>,
    /// `nextp`: the processor that it has been given, while it slept or on its way there.
    pub next_p: Option<Pid>,
    /// `oldp`: the processor that it had when it entered the system call.
    pub old_p: Option<Pid>,
    /// `curg`: its goroutine.
    pub g: Option<Gid>,
    /// `syscalltick`: its processor's at entry.
    pub tick: u32,
    /// It looks for work elsewhere and is counted in `nmspinning`.
    pub spinning: bool,
    /// `locks` is not 0: its goroutine is inside the runtime and not preemptible.
    pub locks: bool,
    /// The goroutine locked to it.
    pub locked_g: Option<Gid>,
    /// Its processor was taken during this system call.
    pub lost: bool,
    /// It got a processor back that it had lost, and the tick did not tell.
    pub unnoticed: bool,
    /// `checkdead` does not count it yet.
    pub uncounted: bool,
    /// It was looking for work, and had looked at gcwaiting, when that was set: it may still find some.
    pub past_stop_check: bool,
}

/// A goroutine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct G {
    /// Its status, without the scan bit.
    pub status: GStatus,
    /// The scan bit: somebody holds the status still.
    pub scan: bool,
    /// The machine that it is on.
    pub m: Option<Mid>,
    /// It has been asked to leave its processor.
    pub preempt: bool,
    /// The machine that it is locked to.
    pub locked_m: Option<Mid>,
}

/// Everything that changes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// `allp`, with those that are dead.
    pub ps: Vec<P>,
    /// Machines, in the order in which they were made.
    pub ms: Vec<M>,
    /// Goroutines, by program thread.
    pub gs: Vec<G>,
    /// The global run queue, oldest first.
    pub global: Vec<Gid>,
    /// The list of idle processors; the last is taken first.
    pub idle_ps: Vec<Pid>,
    /// The list of idle machines; the last is taken first.
    pub idle_ms: Vec<Mid>,
    /// GOMAXPROCS.
    pub procs: u8,
    /// GOMAXPROCS as of the next start of the world.
    pub new_procs: u8,
    /// The thread that holds the scheduler's lock over several steps.
    pub lock: Option<u8>,
    /// The goroutine that has `worldsema`: it alone may stop the world, or ask for a safe-point round.
    pub world: Option<Gid>,
    /// Goroutines asleep until `worldsema` is theirs or free, the longest first.
    pub line: Vec<Gid>,
    /// `gcwaiting`: the world is to stop.
    pub gc_waiting: bool,
    /// The world has stopped: the stopper was told so.
    pub stopped: bool,
    /// The program is dying.
    pub freezing: bool,
    /// `stopwait`: processors that have not halted yet.
    pub stop_wait: u32,
    /// `nmspinning`.
    pub spinning: i8,
    /// Machines that exist, as `checkdead` counts them.
    pub created: i8,
    /// `nmidlelocked`: machines parked with a locked goroutine, less those that the monitor pretends to be running.
    pub idle_locked: i8,
    /// `nGsyscallNoP` (Go 1.26): goroutines in a system call, or on the way out, whose machine has no processor.
    pub calls_without_p: i8,
    /// A round of the safe-point function is under way or has just ended.
    pub safe_point_round: SafePointRound,
    /// Virtual time.
    pub now_us: u32,
    /// What the runtime threw.
    pub thrown: Option<&'static str>,
}

/// How far a round of the safe-point function is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SafePointRound {
    /// There was none, or the processors have changed since.
    None,
    /// Under way.
    Running,
    /// The caller was told that every processor has run it.
    Over,
}

impl P {
    /// A processor without a machine, of which nobody knows anything.
    pub fn new(status: PStatus) -> Self {
        let seen = Seen {
            sched_moved: true,
            sched_when_us: 0,
            tick_moved: true,
            call_when_us: 0,
            passed_over: 0,
            first_in_call_us: None,
            first_in_turn_us: None,
            left_too_long: false,
            hogged_too_long: false,
        };
        P {
            status,
            m: None,
            run_queue: Vec::new(),
            has_next: false,
            turn_is_over: false,
            served_global: false,
            tick: 0,
            owes_safe_point: false,
            safe_points: 0,
            seen,
        }
    }

    /// `runqput`: the goroutine comes next, and what would have come next comes last.
    pub(super) fn put_next(&mut self, g: Gid) {
        if self.has_next {
            self.run_queue.rotate_left(1);
        }
        self.run_queue.insert(0, g);
        self.has_next = true;
    }

    /// Takes a goroutine off the queue; whether it was `runnext`.
    pub(super) fn take(&mut self, place: usize) -> bool {
        self.run_queue.remove(place);
        place == 0 && std::mem::take(&mut self.has_next)
    }

    /// What others find here: `runnext` last of all.
    pub(super) fn oldest(&self) -> Option<usize> {
        let past_next = usize::from(self.has_next && self.run_queue.len() > 1);
        (!self.run_queue.is_empty()).then_some(past_next)
    }

    pub(super) fn bump(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        self.seen.tick_moved = true;
    }

    /// The monitor's looks begin anew: the call that they saw is over.
    pub(super) fn call_ended(&mut self) {
        self.seen.passed_over = 0;
        self.seen.first_in_call_us = None;
    }
}

impl M {
    fn new(standing: Standing) -> Self {
        M {
            standing,
            p: None,
            next_p: None,
            old_p: None,
            g: None,
            tick: 0,
            spinning: false,
            locks: false,
            locked_g: None,
            lost: false,
            unnoticed: false,
            uncounted: false,
            past_stop_check: false,
        }
    }
}

impl State {
    /// `running` goroutines on as many of `procs` processors, then those queued at each processor, then those asleep.
    pub(super) fn new(procs: u8, running: u8, queued: [u8; PROCESSORS_MAX], waiting: u8) -> Self {
        let goroutine = |status, m| G { status, scan: false, m, preempt: false, locked_m: None };
        let mut state = State {
            ps: (0..procs).map(|_| P::new(PStatus::Idle)).collect(),
            ms: Vec::new(),
            gs: Vec::new(),
            global: Vec::new(),
            idle_ps: (running..procs).rev().collect(),
            idle_ms: Vec::new(),
            procs,
            new_procs: procs,
            lock: None,
            world: None,
            line: Vec::new(),
            gc_waiting: false,
            stopped: false,
            freezing: false,
            stop_wait: 0,
            spinning: 0,
            created: running as i8,
            idle_locked: 0,
            calls_without_p: 0,
            safe_point_round: SafePointRound::None,
            now_us: 0,
            thrown: None,
        };
        for m in 0..running {
            state.ms.push(M { p: Some(m), g: Some(m), ..M::new(Standing::Runs) });
            state.gs.push(goroutine(GStatus::Running, Some(m)));
            state.p_mut(m).status = PStatus::Running;
            state.p_mut(m).m = Some(m);
        }
        for (p, count) in queued.into_iter().enumerate() {
            for _ in 0..count {
                let g = state.gs.len() as Gid;
                state.gs.push(goroutine(GStatus::Runnable, None));
                state.ps[p].run_queue.push(g);
            }
        }
        state.gs.extend((0..waiting).map(|_| goroutine(GStatus::Waiting, None)));
        state
    }

    pub(super) fn p(&self, p: Pid) -> &P {
        &self.ps[usize::from(p)]
    }

    pub(super) fn p_mut(&mut self, p: Pid) -> &mut P {
        &mut self.ps[usize::from(p)]
    }

    pub(super) fn m(&self, m: Mid) -> &M {
        &self.ms[usize::from(m)]
    }

    pub(super) fn m_mut(&mut self, m: Mid) -> &mut M {
        &mut self.ms[usize::from(m)]
    }

    pub(super) fn g(&self, g: Gid) -> &G {
        &self.gs[usize::from(g)]
    }

    pub(super) fn g_mut(&mut self, g: Gid) -> &mut G {
        &mut self.gs[usize::from(g)]
    }

    /// Whether there is work that a processor without any could do.
    pub(super) fn is_queued_anywhere(&self) -> bool {
        self.ps.iter().any(|p| !p.run_queue.is_empty())
    }

    /// The goroutine in whose system call the processor is (Go 1.26).
    pub(super) fn call_of(&self, spec: &ProcSpec, p: Pid) -> Option<(Mid, Gid)> {
        let is_running = spec.version == Version::Go1_26 && self.p(p).status == PStatus::Running;
        let m = self.p(p).m.filter(|_| is_running)?;
        let g = self.m(m).g.filter(|g| self.g(*g).status == GStatus::Syscall)?;
        Some((m, g))
    }

    pub(super) fn throw(&mut self, text: &'static str) {
        self.thrown.get_or_insert(text);
    }

    /// `wirep`: binds the two, and the processor runs.
    pub(super) fn wire(&mut self, m: Mid, p: Pid) {
        if self.m(m).p.is_some() {
            self.throw("wirep: already in go");
        }
        if self.p(p).m.is_some() || self.p(p).status != PStatus::Idle {
            self.throw("wirep: invalid p state");
        }
        self.m_mut(m).p = Some(p);
        let processor = self.p_mut(p);
        processor.m = Some(m);
        processor.status = PStatus::Running;
        processor.call_ended();
    }

    /// `releasep`: unbinds the two; the processor is idle and in the hands of whoever does it.
    pub(super) fn release(&mut self, m: Mid) -> Option<Pid> {
        let p = self.m(m).p?;
        if self.p(p).m != Some(m) || self.p(p).status != PStatus::Running {
            self.throw("releasep: invalid p state");
        }
        self.m_mut(m).p = None;
        self.m_mut(m).past_stop_check = false;
        self.p_mut(p).m = None;
        self.p_mut(p).status = PStatus::Idle;
        Some(p)
    }

    /// `execute`: the goroutine runs on the machine, in a turn of its own unless it shares that of the one before.
    pub(super) fn execute(&mut self, m: Mid, g: Gid, shares_turn: bool) {
        let machine = self.m_mut(m);
        machine.g = Some(g);
        machine.standing = Standing::Runs;
        machine.past_stop_check = false;
        let goroutine = self.g_mut(g);
        goroutine.status = GStatus::Running;
        goroutine.m = Some(m);
        goroutine.preempt = false;
        if let Some(p) = self.m(m).p.filter(|_| !shares_turn) {
            let processor = self.p_mut(p);
            processor.turn_is_over = false;
            processor.seen.sched_moved = true;
            processor.seen.first_in_turn_us = None;
        }
    }

    /// `dropg`: the machine and its goroutine part.
    pub(super) fn drop_g(&mut self, m: Mid) -> Option<Gid> {
        let g = self.m_mut(m).g.take()?;
        self.g_mut(g).m = None;
        Some(g)
    }

    /// `startm` with a processor: wakes an idle machine, or makes one, and gives it the processor.
    pub(super) fn start_m(&mut self, spec: &ProcSpec, p: Pid, spinning: bool) {
        let m = match self.idle_ms.pop() {
            Some(m) => m,
            None => {
                let uncounted = spec.bug == Some(Bug::IdReservedLate);
                self.ms.push(M { uncounted, ..M::new(Standing::Parked) });
                self.created += i8::from(!uncounted);
                (self.ms.len() - 1) as Mid
            }
        };
        if self.m(m).spinning {
            self.throw("startm: m is spinning");
        }
        if spinning && !self.p(p).run_queue.is_empty() {
            self.throw("startm: p has runnable gs");
        }
        self.give(m, p);
        self.m_mut(m).spinning = spinning;
    }

    /// Gives a machine a processor and wakes it. One that has not come to sleep yet will not: its note remembers.
    pub(super) fn give(&mut self, m: Mid, p: Pid) {
        let machine = self.m_mut(m);
        if matches!(machine.standing, Standing::Parked | Standing::ParkedLocked) {
            machine.standing = Standing::Wakes;
        }
        if machine.next_p.replace(p).is_some() {
            self.throw("startm: m has p");
        }
    }

    /// `ready`: a goroutine that slept comes next on this processor; one more machine may look for work.
    pub(super) fn ready(&mut self, spec: &ProcSpec, g: Gid, p: Pid) {
        self.g_mut(g).status = GStatus::Runnable;
        self.p_mut(p).put_next(g);
        self.wake_p(spec);
    }

    /// The goroutine makes room: the end of its turn has been seen to.
    pub(super) fn makes_room(&mut self, m: Mid) {
        if let Some(p) = self.m(m).p {
            self.p_mut(p).turn_is_over = false;
        }
    }

    /// A goroutine leaves its machine, which looks for other work.
    pub(super) fn leave(&mut self, m: Mid, status: GStatus) {
        if let Some(g) = self.drop_g(m) {
            self.g_mut(g).status = status;
        }
        self.m_mut(m).standing = Standing::Schedules;
    }

    /// Whether `wakep` would find that nobody looks for work, and a processor for somebody who does.
    pub(super) fn may_wake(&self) -> bool {
        self.spinning == 0 && !self.gc_waiting && !self.idle_ps.is_empty()
    }

    /// `wakep`: one more machine looks for work, unless one does already or there is no processor for it.
    pub(super) fn wake_p(&mut self, spec: &ProcSpec) {
        if self.may_wake()
            && let Some(p) = self.idle_ps.pop()
        {
            self.spinning += 1;
            self.start_m(spec, p, true);
        }
    }

    /// `mput` and its `checkdead`: the machine sleeps on the idle list.
    pub(super) fn park(&mut self, m: Mid) {
        self.idle_ms.push(m);
        self.m_mut(m).standing = Standing::Parked;
        self.check_dead();
    }

    /// `incidlelocked`.
    pub(super) fn add_idle_locked(&mut self, by: i8) {
        self.idle_locked += by;
        if by > 0 {
            self.check_dead();
        }
    }

    /// Nobody runs: then nobody must have anything to do.
    fn check_dead(&mut self) {
        let run = self.created - self.idle_ms.len() as i8 - self.idle_locked;
        let has_work =
            self.gs.iter().any(|g| matches!(g.status, GStatus::Runnable | GStatus::Running | GStatus::Syscall));
        if run < 0 {
            self.throw("checkdead: inconsistent counts");
        }
        if run == 0 && has_work {
            self.throw("checkdead: runnable g");
        }
    }

    /// Sets gcwaiting. A machine that looks for work right now may have read it before.
    pub(super) fn announce_stop(&mut self) {
        self.gc_waiting = true;
        for machine in &mut self.ms {
            machine.past_stop_check = machine.standing == Standing::Schedules;
        }
    }

    /// The processor halts for the stopper.
    pub(super) fn halt(&mut self, p: Pid) {
        self.p_mut(p).status = PStatus::GcStop;
        self.stop_wait = self.stop_wait.saturating_sub(1);
    }

    /// The safe-point function of the processor is run; whoever does it claims the flag, so that nobody else does.
    pub(super) fn run_safe_point(&mut self, p: Pid, claims: bool) {
        let processor = self.p_mut(p);
        processor.owes_safe_point &= !claims;
        processor.safe_points += 1;
    }

    /// The machine is about to enter a call: it notes its processor and that one's tick.
    pub(super) fn note_call(&mut self, m: Mid, p: Pid) {
        let tick = self.p(p).tick;
        let machine = self.m_mut(m);
        machine.tick = tick;
        machine.lost = false;
        machine.old_p = Some(p);
    }

    /// Takes the processor out of a system call: from the machine that it is bound to, or from nobody up to Go 1.25.
    /// The machine is marked, the tick moves.
    pub(super) fn take_from_call(&mut self, spec: &ProcSpec, p: Pid) {
        if spec.version == Version::Go1_26 {
            if let Some(m) = self.p_mut(p).m.take() {
                self.m_mut(m).p = None;
            }
            self.calls_without_p += 1;
        }
        for m in &mut self.ms {
            let was_here = if spec.version == Version::Go1_11 { m.p } else { m.old_p };
            m.lost |= was_here == Some(p);
        }
        self.p_mut(p).status = PStatus::Idle;
        self.p_mut(p).call_ended();
        if spec.bug != Some(Bug::TakenWithoutTick) {
            self.p_mut(p).bump();
        }
    }

    /// A processor that has just been made, or made anew.
    pub(super) fn revive(&mut self, p: Pid) {
        while self.ps.len() <= usize::from(p) {
            self.ps.push(P::new(PStatus::Dead));
        }
        self.p_mut(p).status = PStatus::GcStop;
        self.safe_point_round = SafePointRound::None;
    }
}

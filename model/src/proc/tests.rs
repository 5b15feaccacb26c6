//! The protocol on a stage: threads moved rule by rule.

use super::*;
use crate::spec::rule;

/// Threads that each run one operation at a time, and machines that move by themselves, moved rule by rule.
struct Stage {
    spec: ProcSpec,
    state: State,
    running: Vec<Option<(Op, Phase)>>,
}

impl Stage {
    fn with(version: Version, set: &[(&str, i64)]) -> Self {
        let spec = ProcSpec { version, bug: None };
        let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Self { state: spec.initial(&set).unwrap(), spec, running: vec![None; THREADS_MAX] }
    }

    fn enabled(&self, thread: u8) -> Vec<StepOf<ProcSpec>> {
        let mut out = Vec::new();
        if let Some((op, phase)) = &self.running[usize::from(thread)] {
            self.spec.steps(&self.state, Thread(thread), op, phase, None, &mut out);
        }
        out
    }

    fn call(&mut self, thread: u8, op: &str) {
        assert!(self.running[usize::from(thread)].is_none(), "thread {thread} is busy");
        self.running[usize::from(thread)] = Some((op.parse().unwrap(), Phase::default()));
    }

    /// Takes the one step of the thread, which goes by this rule. Returns what the operation returned.
    fn take(&mut self, thread: u8, name: &str) -> Option<Ret> {
        let mut steps = self.enabled(thread);
        let rules: Vec<&str> = steps.iter().map(|step| rule::<ProcSpec>(step.rule).name).collect();
        assert_eq!(rules, [name], "thread {thread}");
        let step = steps.remove(0);
        self.state = step.state;
        assert_eq!(self.spec.invariants(&self.state), []);
        let running = &mut self.running[usize::from(thread)];
        match step.progress {
            Progress::Next(phase) => {
                running.as_mut().unwrap().1 = phase;
                None
            }
            Progress::Return(ret) => {
                *running = None;
                Some(ret)
            }
            Progress::Abort { .. } => unreachable!("nothing here is fatal"),
        }
    }

    /// Performs the whole operation by these rules.
    fn perform(&mut self, thread: u8, op: &str, rules: &[&str]) -> Option<Ret> {
        self.call(thread, op);
        rules.iter().fold(None, |_, rule| self.take(thread, rule))
    }

    /// Takes the step by this rule of the first machine that can.
    fn machine(&mut self, name: &str) {
        let mut out = Vec::new();
        self.spec.internal(&self.state, &mut out);
        out.retain(|(id, _)| rule::<ProcSpec>(*id).name == name);
        assert!(!out.is_empty(), "no machine by {name}");
        self.state = out.remove(0).1;
        assert_eq!(self.spec.invariants(&self.state), []);
    }
}

const ENTER: &[&str] = &["enter.call", "enter.owes-nothing", "enter.publish", "enter.reads-no-stop"];
const EXIT: &[&str] = &["exit.reclaim", "exit.rewire", "exit.run"];
const ENTER_1_26: &[&str] = &["enter.owes-nothing", "enter.reads-early-no-stop", "enter.call-last"];
const EXIT_1_26: &[&str] = &["exit.return-first", "exit.kept"];

#[test]
fn a_short_call_moves_the_tick_once() {
    for (version, enter, exit) in [(Version::Go1_12, ENTER, EXIT), (Version::Go1_26, ENTER_1_26, EXIT_1_26)] {
        let mut stage = Stage::with(version, &[("tick0", i64::from(u32::MAX))]);
        assert_eq!(stage.perform(0, "enter-call", enter), Some(Ret::Ok));
        let status = if version == Version::Go1_26 { PStatus::Running } else { PStatus::Syscall };
        assert_eq!((stage.state.p(0).status, stage.state.g(0).status), (status, GStatus::Syscall));
        assert_eq!(stage.perform(0, "exit-call", exit), Some(Ret::Ok));
        assert_eq!((stage.state.p(0).tick, stage.state.g(0).status), (0, GStatus::Running));
        assert_eq!(stage.state.m(0).p, Some(0));
    }
}

#[test]
fn in_go_1_11_the_machine_keeps_its_link() {
    let mut stage = Stage::with(Version::Go1_11, &[]);
    stage.perform(0, "enter-call", ENTER);
    assert_eq!((stage.state.m(0).p, stage.state.p(0).m), (Some(0), None));
    assert_eq!(stage.perform(0, "exit-call", &["exit.reclaim-linked", "exit.run"]), Some(Ret::Ok));
    assert_eq!(stage.state.p(0).m, Some(0));
}

/// Rows 1 and 5 of `retake`: noted, then taken, then handed to a new machine, which runs what is queued.
#[test]
fn the_second_look_takes_a_processor_with_work() {
    let mut stage = Stage::with(Version::Go1_12, &[("queued0", 1)]);
    stage.perform(0, "enter-call", ENTER);
    assert_eq!(stage.perform(2, "look", &["look.note", "look.end"]), Some(Ret::Taken(0)));
    let taken = stage.perform(2, "look", &["look.decide", "look.retake", "hand-off.start", "look.end"]);
    assert_eq!(taken, Some(Ret::Taken(1)));
    assert_eq!((stage.state.ms.len(), stage.state.m(1).next_p), (2, Some(0)));
    stage.machine("m.wake");
    stage.machine("m.local");
    assert_eq!((stage.state.g(1).status, stage.state.p(0).m), (GStatus::Running, Some(1)));
    stage.perform(0, "exit-call", &["exit.lost", "exit.no-idle", "exit.queue"]);
    stage.machine("m.park");
    assert_eq!((stage.state.global.as_slice(), stage.state.idle_ms.as_slice()), (&[0][..], &[0][..]));
}

/// Go 1.26.6 showed it: a goroutine began to run after the stopper had taken processors. Its machine had looked at
/// gcwaiting before.
#[test]
fn a_machine_past_its_check_runs_once_more_while_the_world_stops() {
    for version in [Version::Go1_12, Version::Go1_26] {
        let mut stage = Stage::with(version, &[("procs", 2), ("running", 2)]);
        stage.call(0, "yield");
        stage.take(0, "yield");
        stage.call(1, "stop");
        for rule in ["world.take", "stop.announce", "stop.own", "stop.pass", "stop.pass", "stop.wait"] {
            stage.take(1, rule);
        }
        stage.machine("m.global");
        assert_eq!(stage.take(0, "resume"), Some(Ret::Ok));
        stage.call(0, "yield");
        stage.take(0, "yield");
        assert_eq!(machine_rules(&stage), ["m.halt"], "it looks at gcwaiting now");
        stage.machine("m.halt");
        assert_eq!(stage.take(1, "stop.done"), Some(Ret::Ok));
    }
}

/// The rules by which machines can move.
fn machine_rules(stage: &Stage) -> Vec<&'static str> {
    let mut out = Vec::new();
    stage.spec.internal(&stage.state, &mut out);
    out.iter().map(|(id, _)| rule::<ProcSpec>(*id).name).collect()
}

/// `startlockedm` sets `nextp` and wakes the note, whether or not anybody sleeps on it. A trace of Go 1.26.6 showed it.
#[test]
fn a_machine_on_its_way_to_sleep_is_given_a_processor_for_its_locked_goroutine() {
    for version in [Version::Go1_11, Version::Go1_12, Version::Go1_26] {
        let mut stage = Stage::with(version, &[("procs", 2), ("running", 2)]);
        stage.perform(0, "lock-thread", &["lock-thread"]);
        stage.call(0, "yield");
        stage.take(0, "yield");
        stage.call(1, "park");
        stage.take(1, "park");
        stage.machine("m.hand-locked-early");
        assert_eq!((stage.state.m(0).p, stage.state.m(0).next_p, stage.state.idle_locked), (Some(0), Some(1), -1));
        assert_eq!(machine_rules(&stage), ["m.told-locked", "m.park"], "it does not run the goroutine on its own");
        stage.machine("m.told-locked");
        assert_eq!((stage.state.m(0).p, stage.state.m(0).standing), (None, Standing::Wakes));
        stage.machine("m.park");
        stage.machine("m.wake");
        stage.machine("m.run-locked");
        assert_eq!(stage.take(0, "resume"), Some(Ret::Ok));
        assert_eq!((stage.state.m(0).p, stage.state.idle_locked), (Some(1), 0));
    }
}

/// The first goroutine has stopped the world and lets go of `worldsema`, for which the second sleeps. The third is in a call.
fn one_stops_and_one_waits(version: Version) -> Stage {
    let mut stage = Stage::with(version, &[("procs", 3), ("running", 3)]);
    let is_1_26 = version == Version::Go1_26;
    stage.perform(2, "enter-call", if is_1_26 { ENTER_1_26 } else { ENTER });
    stage.call(0, "stop");
    stage.take(0, "world.take");
    stage.call(1, "stop");
    stage.take(1, "world.queue");
    assert_eq!((stage.state.g(1).status, stage.state.line.as_slice()), (GStatus::Waiting, &[1][..]));
    let takes: &[&str] =
        if is_1_26 { &["stop.sees-call", "take.bit", "take.halt", "take.clear"] } else { &["stop.call"] };
    for rule in [&["stop.announce", "stop.own", "stop.pass", "stop.pass"], takes, &["stop.wait"]].concat() {
        stage.take(0, rule);
    }
    stage.machine("m.halt");
    stage.take(0, "stop.done");
    stage.call(0, "start");
    for rule in ["start.keep", "start.idle", "start.idle", "start.go", "world.release-waited"] {
        stage.take(0, rule);
    }
    stage
}

/// Who starts the world takes `worldsema` for the one who waits; in Go 1.11 that one has to take it himself.
#[test]
fn worldsema_is_handed_over_after_a_stop_later_than_go_1_11() {
    for version in [Version::Go1_11, Version::Go1_12, Version::Go1_26] {
        let mut stage = one_stops_and_one_waits(version);
        let is_handed_over = version != Version::Go1_11;
        let last = stage.take(0, if is_handed_over { "world.hand-over" } else { "world.ready" });
        assert_eq!((last, stage.state.world), (Some(Ret::Ok), is_handed_over.then_some(1)));
        stage.call(0, "park");
        stage.take(0, "park");
        stage.machine("m.next");
        stage.take(1, if is_handed_over { "world.handed" } else { "world.take" });
        stage.take(1, "stop.announce");
    }
}

/// Whoever comes by between letting go and handing over is faster, and the one who was readied goes to the end.
#[test]
fn worldsema_may_be_taken_before_it_is_handed_over() {
    for version in [Version::Go1_11, Version::Go1_12] {
        let mut stage = one_stops_and_one_waits(version);
        stage.call(2, "exit-call");
        for rule in ["exit.lost", "exit.idle", "exit.run"] {
            stage.take(2, rule);
        }
        stage.perform(2, "stop", &["world.take"]);
        stage.take(0, "world.ready");
        stage.call(0, "park");
        stage.take(0, "park");
        stage.machine("m.next");
        stage.take(1, "world.queue");
        assert_eq!((stage.state.world, stage.state.line.as_slice()), (Some(2), &[1][..]));
    }
}

/// After a round who waited is readied, and later than Go 1.11 `worldsema` may be his already; not if somebody was faster.
#[test]
fn worldsema_may_be_handed_over_after_a_round() {
    for version in [Version::Go1_11, Version::Go1_12, Version::Go1_26] {
        let mut stage = Stage::with(version, &[("procs", 2), ("running", 2)]);
        stage.call(0, "safe-point");
        stage.take(0, "world.take");
        stage.call(1, "stop");
        stage.take(1, "world.queue");
        let rules = |stage: &Stage| -> Vec<&str> {
            stage.enabled(0).iter().map(|step| rule::<ProcSpec>(step.rule).name).collect()
        };
        loop {
            match rules(&stage)[..] {
                [] => stage.machine("m.safe-point"),
                ["world.release-waited"] => break,
                _ => drop(stage.take(0, rules(&stage)[0])),
            }
        }
        stage.take(0, "world.release-waited");
        let is_later = version != Version::Go1_11;
        assert_eq!(rules(&stage), if is_later { &["world.ready", "world.hand-on"][..] } else { &["world.ready"] });
        let ends: Vec<Option<Gid>> = stage.enabled(0).iter().map(|step| step.state.world).collect();
        assert_eq!(ends, if is_later { &[None, Some(1)][..] } else { &[None] });
        // Somebody was faster.
        stage.state.world = Some(2);
        assert_eq!(rules(&stage), ["world.ready"]);
    }
}

/// Between the decision and the compare-and-swap the call may end and another begin: the swap does not notice.
#[test]
fn the_monitor_may_take_a_later_call_than_the_one_it_saw() {
    let mut stage = Stage::with(Version::Go1_12, &[("queued0", 1)]);
    stage.perform(0, "enter-call", ENTER);
    stage.perform(2, "look", &["look.note", "look.end"]);
    stage.call(2, "look");
    stage.take(2, "look.decide");
    stage.perform(0, "exit-call", EXIT);
    stage.perform(0, "enter-call", ENTER);
    stage.take(2, "look.retake");
    assert_eq!(stage.state.p(0).tick, 2);
}

/// From Go 1.26 on it decides while it holds the scan bit: a call that began after the one it found is new to it.
#[test]
fn the_monitor_notes_a_later_call_while_it_holds_the_scan_bit() {
    let mut stage = Stage::with(Version::Go1_26, &[("queued0", 1)]);
    stage.perform(0, "enter-call", ENTER_1_26);
    stage.perform(2, "look", &["look.sees-call", "take.bit", "look.note", "look.end"]);
    stage.call(2, "look");
    stage.take(2, "look.sees-call");
    stage.perform(0, "exit-call", &["exit.return-first", "exit.kept"]);
    stage.perform(0, "enter-call", ENTER_1_26);
    stage.take(2, "take.bit");
    stage.take(2, "look.note");
    assert_eq!((stage.state.p(0).m, stage.state.idle_locked, stage.state.g(0).scan), (Some(0), 0, false));
}

/// Who is readied shares the turn of whoever runs before it, so that a goroutine that it keeps from running gets its own.
#[test]
fn what_comes_next_shares_the_turn() {
    for version in [Version::Go1_11, Version::Go1_12, Version::Go1_26] {
        let mut stage = Stage::with(version, &[("queued0", 1), ("waiting", 1)]);
        stage.perform(3, "look", &["look.skip", "look.end"]);
        stage.perform(0, "ready 2", &["ready"]);
        stage.call(0, "park");
        stage.take(0, "park");
        stage.machine("m.next");
        assert_eq!((stage.state.m(0).g, stage.state.p(0).run_queue.as_slice()), (Some(2), &[1][..]));
        stage.state.now_us = 10_000;
        stage.perform(3, "look", &["look.preempt", "look.end"]);
    }
}

/// What was readied before comes last then, as from `runnext` to the end of the queue.
#[test]
fn what_came_next_comes_last() {
    let mut stage = Stage::with(Version::Go1_12, &[("queued0", 1), ("waiting", 2)]);
    stage.perform(0, "ready 2", &["ready"]);
    stage.perform(0, "ready 3", &["ready"]);
    assert_eq!(stage.state.p(0).run_queue, [3, 1, 2]);
    assert_eq!(stage.state.p(0).oldest(), Some(1), "others find that last which comes next");
}

/// The scan bit keeps the goroutine in its call until the thief has let go of it.
#[test]
fn a_goroutine_waits_for_its_scan_bit() {
    let mut stage = Stage::with(Version::Go1_26, &[("queued0", 1)]);
    stage.perform(0, "enter-call", ENTER_1_26);
    stage.perform(2, "look", &["look.sees-call", "take.bit", "look.note", "look.end"]);
    stage.call(2, "look");
    stage.take(2, "look.sees-call");
    stage.take(2, "take.bit");
    stage.call(0, "exit-call");
    assert_eq!(stage.enabled(0), []);
    stage.take(2, "take");
    stage.take(2, "take.clear");
    stage.take(0, "exit.return-first");
    assert_eq!((stage.state.calls_without_p, stage.state.m(0).p), (1, None));
    assert_eq!(stage.enabled(0).len(), 1);
}

#[test]
fn goroutines_of_a_destroyed_processor_come_first_and_in_order() {
    let set = [("procs", 4), ("running", 4), ("queued2", 1), ("queued3", 2)];
    let mut stage = Stage::with(Version::Go1_12, &set);
    stage.call(0, "stop");
    for rule in
        ["world.take", "stop.announce", "stop.own", "stop.pass", "stop.pass", "stop.pass", "stop.pass", "stop.wait"]
    {
        stage.take(0, rule);
    }
    for m in 1..4 {
        let mut out = Vec::new();
        machine::moves(&stage.spec, &stage.state, m, &mut out);
        stage.state = out.remove(0).1;
    }
    for _ in 1..4 {
        let mut out = Vec::new();
        stage.spec.internal(&stage.state, &mut out);
        stage.state = out.remove(0).1;
    }
    stage.take(0, "stop.done");
    stage.perform(0, "resize 2", &["resize"]);
    stage.perform(
        0,
        "start",
        &["start.keep", "start.destroy", "start.destroy", "start.idle", "start.go", "world.release"],
    );
    assert_eq!(stage.state.global, [5, 6, 4, 1, 2, 3], "the last queue, then the one before, then who was there");
    assert_eq!(stage.state.ps.iter().map(|p| p.status as u8).collect::<Vec<_>>(), [1, 0, 4, 4]);
}

#[test]
fn initial_values_that_do_not_fit_are_refused() {
    let wrong = |set: &[(&str, i64)]| {
        let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        ProcSpec::default().initial(&set).unwrap_err().message
    };
    assert_eq!(wrong(&[("running", 2)]), "2 goroutines cannot run on 1 processors");
    assert_eq!(wrong(&[("procs", 5)]), "5 is out of range for `procs`");
    assert_eq!(wrong(&[("queued1", 1)]), "`queued1` is 1, but no goroutine runs on processor 1");
    assert_eq!(wrong(&[("queued0", 7)]), "8 goroutines are too many");
    assert_eq!(wrong(&[("p0", 1)]), "unknown initial value `p0`");
}

/// A generator of numbers that are random enough to choose steps by.
struct Draws(u64);

impl Draws {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

/// What a thread may begin: the operations of well-formed threads, and those that need other threads' help.
fn beginnings(stage: &Stage, thread: u8, done: &[Op]) -> Vec<Op> {
    let mut ops = stage.spec.next_ops(done);
    let is_goroutine = usize::from(thread) < stage.state.gs.len();
    if Discipline::after(done) == Discipline::Free {
        ops.extend([Op::Ready(3), Op::Run]);
        if is_goroutine {
            ops.extend([Op::Park, Op::LockThread]);
        }
    }
    ops
}

/// What came of a random execution: whether it came to rest, or the clause that it broke and the rules that led there.
type Walked = Result<bool, (&'static str, Vec<&'static str>)>;

/// Four goroutines on two or three processors, the monitor and the poller do this and that in a random order.
fn walk(spec: ProcSpec, procs: i64, draws: &mut Draws) -> Walked {
    // Work that is queued while a processor is idle would have had to be announced.
    let set = [("procs", procs), ("running", 2), ("queued0", 3 - procs), ("waiting", procs - 1)];
    let mut stage = Stage { spec, ..Stage::with(spec.version, &set) };
    let mut done = vec![Vec::new(); 6];
    let mut trail = Vec::new();
    for _ in 0..400 {
        for (thread, done) in done.iter().enumerate() {
            let ops = beginnings(&stage, thread as u8, done);
            let may_begin = done.len() < 5 || !stage.spec.may_end(done);
            if stage.running[thread].is_none() && may_begin {
                stage.running[thread] = Some((ops[draws.below(ops.len())], Phase::Start));
            }
        }
        let mut machines = Vec::new();
        stage.spec.internal(&stage.state, &mut machines);
        let threads: Vec<(u8, StepOf<ProcSpec>)> =
            (0..6).flat_map(|thread| stage.enabled(thread).into_iter().map(move |step| (thread, step))).collect();
        let enabled = machines.len() + threads.len();
        if enabled == 0 {
            let running: Vec<_> = stage.running.iter().zip(0..).collect();
            let running = running
                .iter()
                .filter_map(|(running, thread)| running.as_ref().map(|(op, phase)| (Thread(*thread), op, phase)));
            let broken = stage.spec.at_rest(&stage.state, &running.collect::<Vec<_>>());
            return broken.first().map_or(Ok(true), |broken| Err((broken.clause, trail)));
        }
        let choice = draws.below(enabled);
        if let Some((id, state)) = machines.get(choice) {
            trail.push(rule::<ProcSpec>(*id).name);
            stage.state = state.clone();
        } else {
            let (thread, step) = threads[choice - machines.len()].clone();
            trail.push(rule::<ProcSpec>(step.rule).name);
            stage.state = step.state;
            let running = &mut stage.running[usize::from(thread)];
            match step.progress {
                Progress::Next(phase) => running.as_mut().unwrap().1 = phase,
                _ => done[usize::from(thread)].extend(running.take().map(|(op, _)| op)),
            }
        }
        if let Some(broken) = stage.spec.invariants(&stage.state).first() {
            return Err((broken.clause, trail));
        }
    }
    Ok(false)
}

/// No clause is broken on the way, nor where everything has come to rest.
#[test]
fn random_executions_break_no_clause() {
    let mut draws = Draws(20_261_122);
    let mut rested = 0;
    for turn in 0..3_000 {
        let version = [Version::Go1_11, Version::Go1_12, Version::Go1_26][turn % 3];
        let walked = walk(ProcSpec { version, bug: None }, 2 + (turn / 3 % 2) as i64, &mut draws);
        rested += usize::from(walked.unwrap_or_else(|broken| panic!("{version:?}: {broken:#?}")));
    }
    assert!(rested > 2_000, "only {rested} executions came to rest");
}

/// That they break none means something: where a bug is planted they break some. Not every bug is found like this; the
/// litmus tests see to the others.
#[test]
fn random_executions_notice_planted_bugs() {
    for bug in [
        Bug::ReclaimByStore,
        Bug::IdleWithWork,
        Bug::IdReservedLate,
        Bug::SafePointUnclaimed,
        Bug::QueueDies,
        Bug::NextStays,
        Bug::LinkStays,
        Bug::ShortCallsSpared,
        Bug::NoteForgotten,
        Bug::WaiterForgotten,
    ] {
        let spec = ProcSpec { version: Version::Go1_12, bug: Some(bug) };
        let mut draws = Draws(7);
        let found = (0..5_000).any(|turn| walk(spec, 2 + turn % 2, &mut draws).is_err());
        assert!(found, "nothing notices {bug:?}");
    }
}

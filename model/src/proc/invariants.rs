//! What must hold in every state, and when nothing moves any more.

use std::fmt;

use super::*;

pub(super) fn broken(spec: &ProcSpec, state: &State) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut require = |clause: &'static str, holds: bool, text: fmt::Arguments<'_>| {
        if !holds {
            broken.push(Broken { clause, text: text.to_string() });
        }
    };
    if let Some(text) = state.thrown {
        require("PROC-I15", false, format_args!("the runtime throws: {text}"));
    }
    processors(spec, state, &mut require);
    machines(spec, state, &mut require);
    goroutines(spec, state, &mut require);
    world(state, &mut require);
    broken
}

/// Says that a clause is broken unless it holds.
type Require<'a> = dyn FnMut(&'static str, bool, fmt::Arguments<'_>) + 'a;

fn processors(spec: &ProcSpec, state: &State, require: &mut Require<'_>) {
    for (p, processor) in state.ps.iter().enumerate() {
        let p = p as Pid;
        if processor.status == PStatus::Running {
            let named = processor.m.is_some_and(|m| state.m(m).p == Some(p));
            require("PROC-I01", named, format_args!("P{p} runs and its machine does not name it"));
        }
        let holders = state.ms.iter().enumerate().filter(|(_, machine)| {
            let is_stale =
                spec.version == Version::Go1_11 && machine.g.is_some_and(|g| state.g(g).status == GStatus::Syscall);
            machine.p == Some(p) && !is_stale
        });
        let holders: Vec<Mid> = holders.map(|(m, _)| m as Mid).collect();
        require("PROC-I02", holders.len() <= 1, format_args!("P{p} is bound to machines {holders:?}"));
        if processor.status == PStatus::Running {
            let alone = holders.iter().all(|m| processor.m == Some(*m));
            require("PROC-I01", alone, format_args!("P{p} runs and is named by machines {holders:?}"));
        }
        let listed = state.idle_ps.iter().filter(|listed| **listed == p).count();
        let may_be_listed =
            processor.status == PStatus::Idle && processor.m.is_none() && processor.run_queue.is_empty();
        require("PROC-I04", listed == 0 || (listed == 1 && may_be_listed), format_args!("P{p} is on the idle list"));
        let is_bare = processor.m.is_none() && processor.run_queue.is_empty();
        require("PROC-I14", processor.status != PStatus::Dead || is_bare, format_args!("P{p} is dead and not bare"));
        let seen = processor.seen;
        let left = format_args!("the monitor leaves P{p} in its call with work queued, again");
        require("PROC-L01", seen.passed_over <= 1, left);
        let hogged = format_args!("the monitor leaves P{p} in short calls with work queued");
        require("PROC-L02", !seen.hogged_too_long, hogged);
        require("PROC-L07", !seen.left_too_long, format_args!("the monitor leaves P{p} in its call for too long"));
        let rounds = match state.safe_point_round {
            SafePointRound::None => true,
            SafePointRound::Running => processor.safe_points <= 1,
            SafePointRound::Over => processor.status == PStatus::Dead || processor.safe_points == 1,
        };
        let ran = format_args!("P{p} has run the safe-point function {} times", processor.safe_points);
        require("PROC-I09", rounds, ran);
    }
    if state.lock.is_none() {
        let alive = state.ps.iter().filter(|p| p.status != PStatus::Dead).count();
        require("PROC-I03", alive == usize::from(state.procs), format_args!("{alive} processors of {}", state.procs));
    }
}

fn machines(spec: &ProcSpec, state: &State, require: &mut Require<'_>) {
    for (m, machine) in state.ms.iter().enumerate() {
        let sleeps = matches!(machine.standing, Standing::Parked | Standing::ParkedLocked);
        let is_bare = machine.p.is_none() && !machine.spinning && !machine.locks;
        require("PROC-I10", !sleeps || is_bare, format_args!("M{m} sleeps with a processor, or spins, or has locks"));
        let may_be_given = match machine.standing {
            Standing::Wakes => machine.next_p.is_some(),
            Standing::Schedules if machine.locked_g.is_some() => true,
            _ => machine.next_p.is_none(),
        };
        require(
            "PROC-I10",
            may_be_given,
            format_args!("M{m} has a next processor and is neither waking nor told early"),
        );
        require(
            "PROC-I11",
            !machine.unnoticed,
            format_args!("M{m} has its processor back and cannot tell that it lost it"),
        );
    }
    let given: Vec<Pid> = state.ms.iter().filter_map(|machine| machine.next_p).collect();
    for (index, p) in given.iter().enumerate() {
        require("PROC-I10", !given[..index].contains(p), format_args!("P{p} is given to two machines"));
        let processor = state.p(*p);
        let is_in_transit = processor.status == PStatus::Idle && processor.m.is_none() && !state.idle_ps.contains(p);
        require("PROC-I02", is_in_transit, format_args!("P{p} is given to a machine and somebody else's as well"));
    }
    let spinning = state.ms.iter().filter(|machine| machine.spinning).count();
    let counted = usize::try_from(state.spinning) == Ok(spinning);
    require("PROC-I12", counted, format_args!("{spinning} machines spin, {} are counted", state.spinning));
    if spec.version == Version::Go1_26 {
        let without = state.ms.iter().filter(|machine| {
            let is_out = |g: Gid| match state.g(g).status {
                GStatus::Syscall => true,
                GStatus::Running => machine.locks,
                _ => false,
            };
            machine.p.is_none() && machine.g.is_some_and(is_out)
        });
        let without = without.count();
        let counted = usize::try_from(state.calls_without_p) == Ok(without);
        require("PROC-I13", counted, format_args!("{without} calls without a processor, {}", state.calls_without_p));
    }
}

fn goroutines(spec: &ProcSpec, state: &State, require: &mut Require<'_>) {
    let mut executing = 0;
    for (g, goroutine) in state.gs.iter().enumerate() {
        let g = g as Gid;
        let queues = state.ps.iter().map(|p| &p.run_queue).chain([&state.global]);
        let queued: usize = queues.map(|queue| queue.iter().filter(|queued| **queued == g).count()).sum();
        let in_transit = goroutine.locked_m.is_some_and(|m| state.m(m).next_p.is_some() || state.m(m).p.is_some());
        let allowed = match goroutine.status {
            GStatus::Runnable => queued == 1 || (queued == 0 && in_transit),
            _ => queued == 0,
        };
        let found = format_args!("goroutine {g} is {:?} and in {queued} queues", goroutine.status);
        require("PROC-I05", allowed, found);
        if goroutine.status == GStatus::Running {
            let machine = goroutine.m.map(|m| state.m(m));
            let has_p = machine.is_some_and(|machine| machine.p.is_some());
            executing += usize::from(has_p);
            let on_its_way = spec.version == Version::Go1_26 && machine.is_some_and(|machine| machine.locks);
            require("PROC-I06", has_p || on_its_way, format_args!("goroutine {g} runs without a processor"));
            let may_run = !state.stopped || state.world == Some(g) || !has_p;
            require("PROC-I08", may_run, format_args!("goroutine {g} runs while the world has stopped"));
        }
    }
    let most = usize::from(state.procs.max(state.new_procs));
    require("PROC-I03", executing <= most, format_args!("{executing} machines run goroutines"));
}

fn world(state: &State, require: &mut Require<'_>) {
    let is_to_stop = state.gc_waiting && !state.freezing;
    require(
        "PROC-I16",
        state.world.is_some() || !is_to_stop,
        format_args!("the world is to stop, and nobody has worldsema"),
    );
    for (place, g) in state.line.iter().enumerate() {
        let sleeps = state.g(*g).status == GStatus::Waiting && state.world != Some(*g);
        require("PROC-I16", sleeps, format_args!("goroutine {g} is in worldsema's queue and does not sleep"));
        require("PROC-I16", !state.line[..place].contains(g), format_args!("goroutine {g} is in that queue twice"));
    }
    if state.gc_waiting && !state.freezing && !state.stopped {
        let going = state.ps.iter().filter(|p| !matches!(p.status, PStatus::GcStop | PStatus::Dead)).count();
        let counted = usize::try_from(state.stop_wait) == Ok(going);
        require(
            "PROC-I07",
            counted,
            format_args!("stopwait is {}, {going} processors have not halted", state.stop_wait),
        );
    }
    if state.stopped && state.lock.is_none() {
        let bound = state.ps.iter().all(|p| p.m.is_none() || p.status == PStatus::GcStop);
        require("PROC-I08", bound, format_args!("somebody got a processor while the world has stopped"));
    }
}

pub(super) fn broken_at_rest(spec: &ProcSpec, state: &State, running: &[(Thread, &Op, &Phase)]) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut require = |clause: &'static str, holds: bool, text: fmt::Arguments<'_>| {
        if !holds {
            broken.push(Broken { clause, text: text.to_string() });
        }
    };
    if state.thrown.is_some() {
        return broken;
    }
    let somebody_comes = running.iter().any(|(thread, _, phase)| {
        let g = state.gs.get(usize::from(thread.0));
        **phase == Phase::InLine && g.is_some_and(|g| g.status != GStatus::Waiting)
    });
    for (thread, op, phase) in running {
        let g = state.gs.get(usize::from(thread.0)).copied();
        match (op, phase) {
            (Op::Stop | Op::SafePoint, Phase::InLine) => {
                let text = format_args!("goroutine {} waits for ever for worldsema, which is free", thread.0);
                require("PROC-L08", state.world.is_some() || somebody_comes || state.freezing, text);
            }
            (Op::Stop, Phase::StopWaits) => {
                let excused = spec.version == Version::Go1_26 || state.freezing;
                require("PROC-L03", excused, format_args!("thread {} waits for ever for the world to stop", thread.0));
            }
            (Op::ExitCall, _) if g.is_some_and(|g| g.status != GStatus::Runnable) => {
                let never_entered = **phase == Phase::Start && g.is_some_and(|g| g.status != GStatus::Syscall);
                let excused = state.freezing || never_entered;
                let text = format_args!("goroutine {} is neither running nor queued after its call", thread.0);
                require("PROC-L04", excused, text);
            }
            (Op::SafePoint, Phase::RoundScans(_)) => {
                let in_call = |p: Pid| state.p(p).status == PStatus::Syscall || state.call_of(spec, p).is_some();
                let owing = (0..state.ps.len() as Pid).filter(|p| state.p(*p).owes_safe_point);
                for p in owing.filter(|p| !in_call(*p)) {
                    require("PROC-L06", false, format_args!("P{p} never runs its safe-point function"));
                }
                let all_ran = state.ps.iter().all(|p| !p.owes_safe_point);
                require("PROC-L06", !all_ran, format_args!("a safe-point round waits for nobody"));
            }
            _ => {}
        }
    }
    let runnable = state.gs.iter().any(|g| g.status == GStatus::Runnable);
    let idle = !state.idle_ps.is_empty() && !state.gc_waiting;
    require("PROC-L05", !(runnable && idle), format_args!("a goroutine waits for ever although a processor is idle"));
    broken
}

//! The state in which a trace begins.

use selvedge_model::proc::{G, GStatus, M, P, PStatus, Pid, ProcSpec, SafePointRound, Standing, State, Version};

use super::super::trace::{GStand, PStand, Trace};

/// Everything that the trace ever names exists from the start: a goroutine that will be made sleeps till then, a machine
/// that will be made is parked. One goroutine more is nobody's: the poller's reason to wake a machine.
pub(super) fn state(spec: &ProcSpec, trace: &Trace) -> State {
    let start = &trace.start;
    let p_count = usize::from(start.procs).max(1);
    let mut state = State {
        ps: (0..p_count).map(|_| P::new(PStatus::Idle)).collect(),
        ms: (0..trace.names.machines()).map(|_| machine()).collect(),
        gs: (0..=trace.names.goroutines()).map(|_| goroutine()).collect(),
        global: Vec::new(),
        idle_ps: Vec::new(),
        idle_ms: Vec::new(),
        procs: p_count as Pid,
        new_procs: p_count as Pid,
        lock: None,
        world: None,
        line: Vec::new(),
        gc_waiting: false,
        stopped: false,
        freezing: false,
        stop_wait: 0,
        spinning: 0,
        created: 0,
        idle_locked: 0,
        calls_without_p: 0,
        safe_point_round: SafePointRound::None,
        now_us: 0,
        thrown: None,
    };
    for (g, stand, m) in &start.gs {
        let goroutine = &mut state.gs[usize::from(*g)];
        goroutine.m = *m;
        goroutine.status = match stand {
            GStand::Runnable => GStatus::Runnable,
            GStand::Running => GStatus::Running,
            GStand::Syscall => GStatus::Syscall,
            GStand::Waiting => GStatus::Waiting,
        };
        if let Some(m) = m {
            let machine = &mut state.ms[usize::from(*m)];
            machine.g = Some(*g);
            machine.standing = Standing::Runs;
        }
    }
    for (p, stand, m) in start.ps.iter().filter(|(p, ..)| usize::from(*p) < p_count) {
        let (processor, machine) = (&mut state.ps[usize::from(*p)], &mut state.ms[usize::from(*m)]);
        let in_call = *stand != PStand::Running;
        if in_call && spec.version == Version::Go1_12 {
            processor.status = PStatus::Syscall;
            machine.old_p = Some(*p);
        } else {
            processor.status = PStatus::Running;
            processor.m = Some(*m);
            machine.p = Some(*p);
            if machine.g.is_none() {
                machine.standing = Standing::Schedules;
            }
        }
    }
    state.idle_ps = (0..p_count as Pid).filter(|p| state.ps[usize::from(*p)].status == PStatus::Idle).collect();
    state.idle_ms =
        (0..state.ms.len() as u8).filter(|m| state.ms[usize::from(*m)].standing == Standing::Parked).collect();
    state.created = i8::try_from(state.ms.len()).unwrap_or(i8::MAX);
    if spec.version == Version::Go1_26 {
        let without = state.ms.iter().filter(|machine| machine.g.is_some() && machine.p.is_none());
        state.calls_without_p = i8::try_from(without.count()).unwrap_or(i8::MAX);
    }
    state
}

fn machine() -> M {
    M {
        standing: Standing::Parked,
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

fn goroutine() -> G {
    G { status: GStatus::Waiting, scan: false, m: None, preempt: false, locked_m: None }
}

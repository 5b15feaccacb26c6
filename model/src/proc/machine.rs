//! Machines without a goroutine: they wake, look for work, park. And running goroutines that are asked to leave.

use super::*;

/// Takes a step by a rule: changes a copy of the state.
type Take<'a> = dyn FnMut(RuleId, &mut dyn FnMut(&mut State)) + 'a;

/// Every step that the machine can take by itself.
pub(super) fn moves(spec: &ProcSpec, state: &State, m: Mid, out: &mut Vec<(RuleId, State)>) {
    let lock_is_free = state.lock.is_none();
    let mut take = |rule, change: &mut dyn FnMut(&mut State)| {
        let mut after = state.clone();
        change(&mut after);
        out.push((rule, after));
    };
    let machine = state.m(m);
    match machine.standing {
        Standing::Parked | Standing::ParkedLocked => {}
        Standing::Wakes => {
            let Some(p) = machine.next_p else { return };
            take(M_WAKE, &mut |state| {
                state.wire(m, p);
                state.created += i8::from(state.m(m).uncounted);
                let machine = state.m_mut(m);
                machine.next_p = machine.next_p.filter(|_| spec.bug == Some(Bug::NextStays));
                machine.standing = Standing::Schedules;
                machine.uncounted = false;
            });
        }
        Standing::Leaves { looks_again } => {
            if !lock_is_free {
            } else if looks_again && state.is_queued_anywhere() && !state.idle_ps.is_empty() {
                take(M_AGAIN, &mut |state| {
                    if let Some(p) = state.idle_ps.pop() {
                        state.wire(m, p);
                        state.spinning += 1;
                        let machine = state.m_mut(m);
                        machine.spinning = true;
                        machine.standing = Standing::Schedules;
                    }
                });
            } else {
                take(M_PARK, &mut |state| state.park(m));
            }
        }
        Standing::Runs => {
            let asked = |g: Gid, p: Pid| state.g(g).preempt || state.gc_waiting || state.p(p).owes_safe_point;
            if let (Some(g), Some(p)) = (machine.g, machine.p)
                && state.g(g).status == GStatus::Running
                && !machine.locks
                && asked(g, p)
                && lock_is_free
            {
                let is_1_26 = spec.version == Version::Go1_26;
                let stays_if_stopped = state.gc_waiting && is_1_26;
                let mut preempts = |rule, stays: bool, wakes: bool| {
                    take(rule, &mut |state| {
                        if !stays {
                            state.makes_room(m);
                        }
                        state.drop_g(m);
                        state.g_mut(g).status = GStatus::Runnable;
                        state.g_mut(g).preempt = false;
                        if stays {
                            state.p_mut(p).put_next(g);
                        } else {
                            state.global.push(g);
                        }
                        state.m_mut(m).standing = Standing::Schedules;
                        if wakes {
                            state.wake_p(spec);
                        }
                    });
                };
                if stays_if_stopped {
                    preempts(M_PREEMPT_NEXT, true, false);
                } else if state.gc_waiting {
                    preempts(M_PREEMPT, false, false);
                    preempts(M_PREEMPT_STAYS, true, false);
                } else {
                    if !(is_1_26 && state.may_wake()) {
                        preempts(M_PREEMPT, false, false);
                    }
                    if spec.version != Version::Go1_11 && state.may_wake() {
                        preempts(M_PREEMPT_WAKES, false, true);
                    }
                }
            }
        }
        Standing::Schedules => schedules(spec, state, m, &mut take),
    }
}

/// `schedule` and `findrunnable`.
fn schedules(spec: &ProcSpec, state: &State, m: Mid, take: &mut Take<'_>) {
    let lock_is_free = state.lock.is_none();
    let machine = state.m(m);
    let Some(p) = machine.p else { return };
    let processor = state.p(p);
    if let Some(g) = machine.locked_g {
        let is_queued = state.global.contains(&g) || state.ps.iter().any(|p| p.run_queue.contains(&g));
        let was_told = machine.next_p.is_some();
        if state.g(g).status == GStatus::Runnable && !is_queued && !was_told {
            take(M_RUN_LOCKED, &mut |state| state.execute(m, g, false));
        } else if lock_is_free {
            take(if was_told { M_TOLD_LOCKED } else { M_PARK_LOCKED }, &mut |state| {
                state.release(m);
                hand_off(spec, state, p);
                let sleeps = !was_told || spec.bug == Some(Bug::NoteForgotten);
                state.m_mut(m).standing = if sleeps { Standing::ParkedLocked } else { Standing::Wakes };
                state.add_idle_locked(1);
            });
        }
        return;
    }
    if state.gc_waiting {
        if lock_is_free {
            take(M_HALT, &mut |state| {
                stop_spinning(state, m);
                state.release(m);
                state.halt(p);
                state.park(m);
            });
        }
        if !machine.past_stop_check {
            return;
        }
    } else if processor.owes_safe_point {
        take(M_SAFE_POINT, &mut |state| state.run_safe_point(p, true));
        return;
    }
    let global = state.global.first().copied().filter(|_| lock_is_free);
    if let Some(g) = global.filter(|_| !processor.served_global) {
        let mut dequeue = |state: &mut State| {
            state.global.remove(0);
            state.p_mut(p).served_global = true;
            false
        };
        run(spec, state, m, g, M_GLOBAL_FIRST, &mut dequeue, take);
    }
    if let Some(g) = processor.run_queue.first() {
        let rule = if processor.has_next { M_NEXT } else { M_LOCAL };
        run(spec, state, m, *g, rule, &mut |state| state.p_mut(p).take(0), take);
        if processor.turn_is_over && processor.has_next {
            if let Some(g) = processor.run_queue.get(1) {
                run(spec, state, m, *g, M_PAST_NEXT, &mut |state| state.p_mut(p).take(1), take);
            } else if let Some(g) = global {
                for moved in 0..share(state) {
                    run(spec, state, m, g, M_PAST_NEXT, &mut |state| take_global(state, p, moved), take);
                }
            }
        }
    } else if !state.global.is_empty() {
        for moved in (0..share(state)).rev() {
            let rule = if moved + 1 == share(state) { M_GLOBAL } else { M_GLOBAL_FEWER };
            if let Some(g) = global {
                run(spec, state, m, g, rule, &mut |state| take_global(state, p, moved), take);
            }
        }
    } else if !machine.spinning && 2 * usize::from(state.spinning.unsigned_abs()) < busy(state) {
        take(M_SPIN, &mut |state| {
            state.m_mut(m).spinning = true;
            state.spinning += 1;
        });
    } else if machine.spinning && state.is_queued_anywhere() {
        for (victim, other) in state.ps.iter().enumerate() {
            if let Some(place) = other.oldest() {
                let mut dequeue = |state: &mut State| {
                    state.ps[victim].take(place);
                    false
                };
                run(spec, state, m, other.run_queue[place], M_STEAL, &mut dequeue, take);
            }
        }
    } else if lock_is_free && !state.gc_waiting {
        take(M_RELEASE, &mut |state| {
            let looks_again = state.m(m).spinning;
            stop_spinning(state, m);
            state.release(m);
            state.idle_ps.push(p);
            state.m_mut(m).standing = Standing::Leaves { looks_again };
        });
    }
}

/// Processors that are not idle.
fn busy(state: &State) -> usize {
    usize::from(state.procs).saturating_sub(state.idle_ps.len())
}

/// How many goroutines a machine takes off the global queue at once: its processor's share, and one.
fn share(state: &State) -> usize {
    state.global.len().min(state.global.len() / usize::from(state.procs.max(1)) + 1)
}

/// Takes the oldest of the global queue for a processor, and moves so many that come next to its own, in front of which nothing is.
/// None of these shares a turn.
fn take_global(state: &mut State, p: Pid, moved: usize) -> bool {
    state.global.remove(0);
    let moved: Vec<Gid> = state.global.drain(..moved).collect();
    state.p_mut(p).run_queue.extend(moved);
    false
}

/// The machine runs the goroutine, or hands its processor to the machine to which that is locked. `dequeue` takes it off its
/// queue, and says whether it shares the turn of the one before.
fn run(
    spec: &ProcSpec,
    state: &State,
    m: Mid,
    g: Gid,
    rule: RuleId,
    dequeue: &mut dyn FnMut(&mut State) -> bool,
    take: &mut Take<'_>,
) {
    match state.g(g).locked_m {
        Some(_) if state.lock.is_some() => {}
        // What comes between the goroutine's being queued and that machine's sleep is no matter.
        Some(owner) => take(if sleeps(state, owner) { M_HAND_LOCKED } else { M_HAND_EARLY }, &mut |state| {
            dequeue(state);
            let was_spinning = state.m(m).spinning;
            stop_spinning(state, m);
            if was_spinning {
                state.wake_p(spec);
            }
            if let Some(p) = state.release(m) {
                state.give(owner, p);
            }
            state.add_idle_locked(-1);
            state.m_mut(m).standing = Standing::Leaves { looks_again: false };
        }),
        // Whoever stops spinning sees to it that somebody else looks, and for that he needs the lock.
        None if state.m(m).spinning && state.lock.is_some() => {}
        None => take(rule, &mut |state| {
            let shares_turn = dequeue(state);
            let was_spinning = state.m(m).spinning;
            stop_spinning(state, m);
            state.execute(m, g, shares_turn);
            if was_spinning {
                state.wake_p(spec);
            }
        }),
    }
}

fn sleeps(state: &State, m: Mid) -> bool {
    state.m(m).standing == Standing::ParkedLocked
}

fn stop_spinning(state: &mut State, m: Mid) {
    if std::mem::take(&mut state.m_mut(m).spinning) {
        state.spinning -= 1;
    }
}

/// `handoffp` at once, under the lock.
fn hand_off(spec: &ProcSpec, state: &mut State, p: Pid) {
    let has_work = !state.p(p).run_queue.is_empty() || !state.global.is_empty();
    if has_work {
        state.start_m(spec, p, false);
    } else if state.spinning == 0 && state.idle_ps.is_empty() {
        state.spinning += 1;
        state.start_m(spec, p, true);
    } else if state.gc_waiting {
        state.halt(p);
    } else {
        if state.p(p).owes_safe_point {
            state.run_safe_point(p, true);
        }
        state.idle_ps.push(p);
    }
}

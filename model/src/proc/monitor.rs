//! The monitor's look, and what it shares with others: taking a processor out of a call, and handing one off.

use super::*;

/// A call that lasts longer than this is no longer spared, a turn that lasts longer is ended, in microseconds.
const LONG_US: u32 = 10_000;

impl Moves<'_> {
    pub(super) fn look(mut self, phase: Phase) {
        match phase {
            Phase::Start => self.looks(Rounds::default(), 0),
            Phase::Looks(rounds, p) => self.looks(rounds, p),
            Phase::Retakes(rounds, p) if self.state.p(p).status == PStatus::Syscall => {
                let spec = self.spec;
                let errand = Errand::Look(Rounds::after(rounds.taken + 1));
                self.goes_on(LOOK_RETAKE, Phase::HandsOff(errand, p), |state| state.take_from_call(&spec, p));
            }
            Phase::Retakes(rounds, p) => self.gives_up(LOOK_MISS, Errand::Look(rounds), p, |_| ()),
            _ => {}
        }
    }

    fn looks(&mut self, rounds: Rounds, p: Pid) {
        if usize::from(p) >= self.state.ps.len() {
            self.returns(LOOK_END, Ret::Taken(rounds.taken), |_| ());
            return;
        }
        let now_us = self.state.now_us;
        let next = Phase::Looks(rounds, p + 1);
        let call = self.state.call_of(&self.spec, p);
        let processor = self.state.p(p);
        let in_call = call.is_some() || processor.status == PStatus::Syscall;
        if self.state.freezing || !(in_call || processor.status == PStatus::Running) {
            self.goes_on(LOOK_SKIP, next, |_| ());
            return;
        }
        let mut seen = processor.seen;
        seen.first_in_turn_us.get_or_insert(now_us);
        let is_long_turn = !seen.sched_moved && seen.sched_when_us + LONG_US <= now_us;
        if seen.sched_moved {
            seen.sched_moved = false;
            seen.sched_when_us = now_us;
        }
        if !in_call {
            let running = processor.m.and_then(|m| self.state.m(m).g).filter(|_| is_long_turn);
            let rule = if running.is_some() { LOOK_PREEMPT } else { LOOK_SKIP };
            self.goes_on(rule, next, |state| {
                state.p_mut(p).seen = seen;
                state.p_mut(p).turn_is_over |= is_long_turn;
                if let Some(g) = running {
                    state.g_mut(g).preempt = true;
                }
            });
            return;
        }
        let pretends = i8::from(!self.has(Bug::PretendsLate));
        if let Some((m, g)) = call {
            let errand = Errand::Look(Rounds { is_long_turn, found_us: now_us, ..rounds });
            self.goes_on(LOOK_SEES_CALL, Phase::Takes(errand, p, Bit::Unset(m, g)), |state| {
                state.p_mut(p).seen = seen;
                state.idle_locked -= pretends;
            });
            return;
        }
        match self.decides(p, &mut seen, is_long_turn, now_us) {
            Some(rule) => self.goes_on(rule, next, |state| state.p_mut(p).seen = seen),
            None => self.goes_on(LOOK_DECIDE, Phase::Retakes(rounds, p), |state| {
                state.p_mut(p).seen = seen;
                state.idle_locked -= pretends;
            }),
        }
    }

    /// The rule by which the processor stays in its call, or none: it is to be taken.
    fn decides(&self, p: Pid, seen: &mut Seen, is_long_turn: bool, now_us: u32) -> Option<RuleId> {
        seen.first_in_call_us.get_or_insert(now_us);
        let has_work = !self.state.p(p).run_queue.is_empty();
        let others_can = self.state.spinning > 0 || !self.state.idle_ps.is_empty();
        if seen.tick_moved && (!is_long_turn || self.has(Bug::ShortCallsSpared)) {
            seen.tick_moved = false;
            seen.call_when_us = now_us;
            self.passes_over(p, seen, now_us);
            Some(LOOK_NOTE)
        } else if (!has_work || self.has(Bug::SparedWithWork))
            && others_can
            && (seen.call_when_us + LONG_US > now_us || self.has(Bug::SparedForEver))
        {
            self.passes_over(p, seen, now_us);
            Some(LOOK_SPARE)
        } else {
            None
        }
    }

    /// The processor stays in its call; how long it did is written down for the clauses that bound it.
    fn passes_over(&self, p: Pid, seen: &mut Seen, now_us: u32) {
        let since = |first_us: Option<u32>| first_us.is_some_and(|first_us| first_us + LONG_US <= now_us);
        seen.left_too_long |= since(seen.first_in_call_us);
        if !self.state.p(p).run_queue.is_empty() {
            seen.passed_over = seen.passed_over.saturating_add(1);
            seen.hogged_too_long |= since(seen.first_in_turn_us);
        }
    }

    /// Go 1.26: takes a processor out of the call of a goroutine, by its scan bit.
    pub(super) fn takes(mut self, errand: Errand, p: Pid, bit: Bit) {
        match bit {
            Bit::Unset(m, g) => {
                let goroutine = self.state.g(g);
                if goroutine.status == GStatus::Syscall && !goroutine.scan {
                    let next = Phase::Takes(errand, p, Bit::Set(m, g));
                    self.goes_on(TAKE_BIT, next, |state| state.g_mut(g).scan = true);
                } else {
                    self.gives_up(TAKE_MISS, errand, p, |_| ());
                }
            }
            Bit::Set(m, g) => {
                let is_as_read = self.state.g(g).m == Some(m) && self.state.m(m).p == Some(p);
                if !is_as_read && !self.has(Bug::NoSecondLook) {
                    let stays = self.has(Bug::ScanBitStays);
                    self.gives_up(TAKE_UNDO, errand, p, |state| state.g_mut(g).scan = stays);
                } else if let Some((rule, seen)) = self.spares(errand, p) {
                    self.gives_up(rule, errand, p, |state| {
                        state.g_mut(g).scan = false;
                        state.p_mut(p).seen = seen;
                    });
                } else {
                    let (spec, next) = (self.spec, Phase::Takes(errand, p, Bit::Clear(g)));
                    let halts = errand == Errand::Stop;
                    self.goes_on(if halts { TAKE_HALT } else { TAKE }, next, |state| {
                        state.take_from_call(&spec, p);
                        if halts {
                            state.halt(p);
                        }
                    });
                }
            }
            Bit::Clear(g) => {
                let next = match errand {
                    Errand::Look(rounds) => Phase::HandsOff(Errand::Look(Rounds::after(rounds.taken + 1)), p),
                    Errand::Stop => Phase::StopScans(p + 1),
                    Errand::Exit => Phase::Reclaimed(p),
                    Errand::Round | Errand::Block => Phase::HandsOff(errand, p),
                };
                self.goes_on(TAKE_CLEAR, next, |state| state.g_mut(g).scan = false);
            }
        }
    }

    /// Go 1.26: the monitor decides while it holds the scan bit, so that the call cannot end meanwhile. What it does if it leaves the
    /// processor there.
    fn spares(&self, errand: Errand, p: Pid) -> Option<(RuleId, Seen)> {
        let Errand::Look(rounds) = errand else { return None };
        let mut seen = self.state.p(p).seen;
        self.decides(p, &mut seen, rounds.is_long_turn, rounds.found_us).map(|rule| (rule, seen))
    }

    /// The processor is not taken: on with the errand.
    fn gives_up(&mut self, rule: RuleId, errand: Errand, p: Pid, change: impl FnOnce(&mut State)) {
        let pretended = !self.has(Bug::PretendsLate);
        let machine = self.machine();
        let next = match errand {
            Errand::Look(rounds) => Phase::Looks(Rounds::after(rounds.taken), p + 1),
            Errand::Stop => Phase::StopScans(p + 1),
            Errand::Round | Errand::Block => Phase::RoundScans(p + 1),
            Errand::Exit => Phase::Bereft,
        };
        self.goes_on(rule, next, |state| {
            change(state);
            match (errand, machine) {
                (Errand::Look(_), _) => state.add_idle_locked(i8::from(pretended)),
                (Errand::Exit, Some(m)) => state.m_mut(m).old_p = None,
                _ => {}
            }
        });
    }

    /// `handoffp`, the part without the lock: a machine is started if there is work, or if nobody would find any.
    pub(super) fn hands_off(mut self, errand: Errand, p: Pid) {
        let has_work = !self.state.p(p).run_queue.is_empty() || !self.state.global.is_empty();
        let nobody_looks = self.state.spinning == 0 && self.state.idle_ps.is_empty();
        let spec = self.spec;
        if self.has(Bug::IdleWithWork) || !(has_work || nobody_looks) {
            self.goes_on(HAND_NONE, Phase::HandsOffLocked(errand, p), |_| ());
        } else if !self.lock_is_free() {
            // A machine can only be started under the lock.
        } else if has_work {
            self.handed_off(HAND_START, errand, p, |state| state.start_m(&spec, p, false));
        } else {
            self.handed_off(HAND_SPIN, errand, p, |state| {
                state.spinning += 1;
                state.start_m(&spec, p, true);
            });
        }
    }

    /// `handoffp`, the part under the lock.
    pub(super) fn hands_off_locked(mut self, errand: Errand, p: Pid) {
        let spec = self.spec;
        if !self.lock_is_free() {
        } else if self.state.gc_waiting && !self.has(Bug::HandOffIgnoresStop) {
            self.handed_off(HAND_HALT, errand, p, |state| state.halt(p));
        } else if self.state.p(p).owes_safe_point {
            let again = Phase::HandsOffLocked(errand, p);
            self.goes_on(HAND_SAFE_POINT, again, |state| state.run_safe_point(p, true));
        } else if !self.state.global.is_empty() && !self.has(Bug::IdleWithWork) {
            self.handed_off(HAND_START_LATE, errand, p, |state| state.start_m(&spec, p, false));
        } else {
            self.handed_off(HAND_IDLE, errand, p, |state| state.idle_ps.push(p));
        }
    }

    /// The processor is out of this thread's hands: on with the errand.
    fn handed_off(&mut self, rule: RuleId, errand: Errand, p: Pid, change: impl FnOnce(&mut State)) {
        let pretended = !self.has(Bug::PretendsLate);
        let machine = self.machine();
        match errand {
            Errand::Look(rounds) => self.goes_on(rule, Phase::Looks(rounds, p + 1), |state| {
                change(state);
                state.add_idle_locked(i8::from(pretended));
            }),
            Errand::Block if self.is(Version::Go1_26) => self.goes_on(rule, Phase::Recorded, change),
            Errand::Block => self.returns(rule, Ret::Ok, |state| {
                change(state);
                if let Some(m) = machine {
                    state.m_mut(m).locks = false;
                }
            }),
            Errand::Round | Errand::Stop | Errand::Exit => self.goes_on(rule, Phase::RoundScans(p + 1), change),
        }
    }

    pub(super) fn advance(mut self, by_us: u32) {
        self.returns(ADVANCE, Ret::Ok, |state| state.now_us = state.now_us.saturating_add(by_us));
    }
}

//! A goroutine enters a system call and leaves it; and the other things that goroutines do by themselves.

use super::*;

impl Moves<'_> {
    pub(super) fn enter_call(mut self, phase: Phase) {
        match phase {
            Phase::Start => {
                let Some((m, p)) = self.running() else { return };
                if self.is(Version::Go1_26) {
                    self.enter_runs_safe_point(m, p, Phase::Start);
                } else {
                    let me = self.me;
                    self.goes_on(ENTER_CALL, Phase::Entered, |state| {
                        state.m_mut(m).locks = true;
                        state.g_mut(me).status = GStatus::Syscall;
                    });
                }
            }
            Phase::Entered => {
                let Some(m) = self.machine() else { return };
                let Some(p) = self.state.m(m).p else { return };
                self.enter_runs_safe_point(m, p, Phase::Entered);
            }
            Phase::OwesNothing if self.is(Version::Go1_26) => {
                let (rule, next) = match self.state.gc_waiting {
                    true => (ENTER_READS_EARLY_STOP, Phase::SawStop),
                    false => (ENTER_READS_EARLY, Phase::Recorded),
                };
                self.goes_on(rule, next, |_| ());
            }
            Phase::OwesNothing if self.has(Bug::StopReadFirst) && !self.state.gc_waiting => {
                self.goes_on(ENTER_READS, Phase::ReadEarly, |_| ());
            }
            Phase::OwesNothing => self.publish(false),
            Phase::ReadEarly => self.publish(true),
            Phase::Published if self.state.gc_waiting => self.goes_on(ENTER_READS_STOP, Phase::SawStop, |_| ()),
            Phase::Published => self.entered(ENTER_READS, |_, _| ()),
            Phase::SawStop if !self.lock_is_free() => {}
            Phase::SawStop if self.is(Version::Go1_26) => self.enter_gives_up(),
            Phase::SawStop => {
                let Some(p) = self.own() else { return };
                let spec = self.spec;
                if self.state.stop_wait > 0 && self.state.p(p).status == PStatus::Syscall {
                    self.entered(ENTER_HALTS, |state, _| {
                        state.take_from_call(&spec, p);
                        state.halt(p);
                    });
                } else {
                    self.entered(ENTER_HALTED, |_, _| ());
                }
            }
            Phase::Recorded => {
                let me = self.me;
                self.entered(ENTER_CALL_LAST, |state, _| state.g_mut(me).status = GStatus::Syscall);
            }
            _ => {}
        }
    }

    /// The machine looks whether its processor owes a safe-point function; nothing holds the flag still afterwards.
    fn enter_runs_safe_point(&mut self, m: Mid, p: Pid, phase: Phase) {
        let notes_tick = self.is(Version::Go1_26);
        if self.state.p(p).owes_safe_point {
            self.goes_on(ENTER_SAFE_POINT, phase, |state| state.run_safe_point(p, true));
        } else {
            self.goes_on(ENTER_OWES_NOTHING, Phase::OwesNothing, |state| {
                state.m_mut(m).locks = true;
                if notes_tick {
                    state.note_call(m, p);
                    state.p_mut(p).call_ended();
                }
            });
        }
    }

    /// The processor's status says that it is in a call. With `ends`, entering is over then.
    fn publish(&mut self, ends: bool) {
        let Some(m) = self.machine() else { return };
        let Some(p) = self.state.m(m).p else { return };
        let keeps_link = self.is(Version::Go1_11) || self.has(Bug::LinkStays);
        let change = |state: &mut State| {
            state.note_call(m, p);
            let machine = state.m_mut(m);
            machine.p = machine.p.filter(|_| keeps_link);
            let processor = state.p_mut(p);
            processor.m = None;
            processor.status = PStatus::Syscall;
            processor.call_ended();
        };
        if ends {
            self.entered(ENTER_PUBLISH, |state, _| change(state));
        } else {
            self.goes_on(ENTER_PUBLISH, Phase::Published, change);
        }
    }

    /// The call has been entered: the goroutine's own code goes on, outside the scheduler.
    fn entered(&mut self, rule: RuleId, change: impl FnOnce(&mut State, Mid)) {
        let Some(m) = self.machine() else { return };
        self.returns(rule, Ret::Ok, |state| {
            change(state, m);
            state.m_mut(m).locks = false;
        });
    }

    /// Go 1.26: the stop cannot be over, for this processor has not halted.
    fn enter_gives_up(&mut self) {
        let Some((_, p)) = self.running() else { return };
        let spec = self.spec;
        self.goes_on(ENTER_GIVES_UP, Phase::Recorded, |state| {
            state.take_from_call(&spec, p);
            state.halt(p);
        });
    }

    /// From Go 1.26 on the goroutine's status comes last: with it others may take the processor, which its machine still
    /// has to let go.
    pub(super) fn enter_block(mut self, phase: Phase) {
        let me = self.me;
        let notes = |state: &mut State, m: Mid, p: Pid| {
            let tick = state.p(p).tick;
            let machine = state.m_mut(m);
            machine.locks = true;
            machine.tick = tick;
            machine.lost = false;
            machine.old_p = None;
            state.p_mut(p).bump();
        };
        match phase {
            Phase::Start => {
                let Some((m, p)) = self.running() else { return };
                if self.is(Version::Go1_26) {
                    self.goes_on(BLOCK_RELEASE, Phase::HandsOff(Errand::Block, p), |state| {
                        notes(state, m, p);
                        state.release(m);
                        state.calls_without_p += 1;
                    });
                } else {
                    self.goes_on(BLOCK_CALL, Phase::Released(p), |state| {
                        notes(state, m, p);
                        state.g_mut(me).status = GStatus::Syscall;
                    });
                }
            }
            Phase::Released(p) => {
                let Some(m) = self.machine() else { return };
                self.goes_on(BLOCK_RELEASE, Phase::HandsOff(Errand::Block, p), |state| _ = state.release(m));
            }
            Phase::Recorded => {
                self.entered(BLOCK_CALL_LAST, |state, _| state.g_mut(me).status = GStatus::Syscall);
            }
            _ => {}
        }
    }

    pub(super) fn exit_call(mut self, phase: Phase) {
        match phase {
            Phase::Start if !self.is_in_call() => {}
            Phase::Start if self.is(Version::Go1_26) => self.exit_returns_first(),
            Phase::Start => self.exit_reclaims(),
            Phase::Reclaimed(p) if self.is(Version::Go1_26) => self.exit_took(p),
            Phase::Reclaimed(p) => self.exit_rewires(p),
            Phase::Bereft if self.is(Version::Go1_26) => self.exit_idle(EXIT_IDLE_COUNTED),
            Phase::Bereft => self.exit_idle(EXIT_IDLE),
            Phase::Rewired => {
                let Some(m) = self.machine() else { return };
                let me = self.me;
                self.exited(EXIT_RUN, |state| {
                    if let Some(p) = state.m(m).p {
                        state.p_mut(p).bump();
                    }
                    state.g_mut(me).status = GStatus::Running;
                });
            }
            Phase::Empty => self.exit_queues(),
            Phase::Back => self.exit_looks_for_p(),
            Phase::Off { .. } => self.resume(phase),
            _ => {}
        }
    }

    fn is_in_call(&self) -> bool {
        self.is_goroutine() && self.state.g(self.me).status == GStatus::Syscall
    }

    /// The processor that the machine had when it entered the call.
    fn own(&self) -> Option<Pid> {
        let machine = self.state.m(self.machine()?);
        if self.is(Version::Go1_11) || self.has(Bug::LinkStays) { machine.p } else { machine.old_p }
    }

    fn exit_reclaims(&mut self) {
        let Some(m) = self.machine() else { return };
        let own = self.own().filter(|p| {
            let in_call = self.state.p(*p).status == PStatus::Syscall;
            !self.state.freezing && (in_call || self.has(Bug::ReclaimByStore) || self.has(Bug::LinkStays))
        });
        let Some(p) = own else {
            self.goes_on(EXIT_LOST, Phase::Bereft, |state| {
                let machine = state.m_mut(m);
                machine.locks = true;
                machine.old_p = None;
                machine.p = None;
            });
            return;
        };
        let owners_lose = |state: &mut State| {
            for (other, machine) in state.ms.iter_mut().enumerate() {
                machine.lost |= other != usize::from(m) && machine.old_p == Some(p);
            }
            let tick = state.p(p).tick;
            let machine = state.m_mut(m);
            machine.locks = true;
            machine.unnoticed |= machine.lost && machine.tick == tick;
            machine.old_p = None;
            tick != machine.tick
        };
        let extra = !self.has(Bug::ReclaimWithoutTick);
        if self.is(Version::Go1_11) || self.has(Bug::LinkStays) {
            self.goes_on(EXIT_RECLAIM_LINKED, Phase::Rewired, |state| {
                if owners_lose(state) && extra {
                    state.p_mut(p).bump();
                }
                let processor = state.p_mut(p);
                processor.status = PStatus::Running;
                processor.m = Some(m);
                processor.call_ended();
            });
        } else {
            self.goes_on(EXIT_RECLAIM, Phase::Reclaimed(p), |state| {
                owners_lose(state);
                let processor = state.p_mut(p);
                processor.status = PStatus::Idle;
                processor.call_ended();
            });
        }
    }

    fn exit_rewires(&mut self, p: Pid) {
        let Some(m) = self.machine() else { return };
        let extra = !self.has(Bug::ReclaimWithoutTick);
        self.goes_on(EXIT_REWIRE, Phase::Rewired, |state| {
            state.wire(m, p);
            if extra && state.p(p).tick != state.m(m).tick {
                state.p_mut(p).bump();
            }
        });
    }

    /// The idle list is looked at without the lock; only if it is not empty the lock is taken.
    fn exit_idle(&mut self, rule: RuleId) {
        let Some(m) = self.machine() else { return };
        let is_refused = self.state.freezing && !self.is(Version::Go1_26);
        if self.state.idle_ps.is_empty() || is_refused {
            self.goes_on(EXIT_NO_IDLE, Phase::Empty, |_| ());
        } else if self.lock_is_free() {
            let is_counted = self.is(Version::Go1_26);
            let next = if is_counted { Phase::Back } else { Phase::Rewired };
            self.goes_on(rule, next, |state| {
                if let Some(p) = state.idle_ps.pop() {
                    state.wire(m, p);
                    state.calls_without_p -= i8::from(is_counted);
                }
            });
        }
    }

    /// The slow path, under the lock. It does not ask whether the program is dying.
    fn exit_queues(&mut self) {
        let Some(m) = self.machine().filter(|_| self.lock_is_free()) else { return };
        let me = self.me;
        let is_counted = self.is(Version::Go1_26);
        if !self.state.idle_ps.is_empty() {
            self.exited(EXIT_LATE_IDLE, |state| {
                if let Some(p) = state.idle_ps.pop() {
                    state.wire(m, p);
                    state.p_mut(p).bump();
                    state.calls_without_p -= i8::from(is_counted);
                    state.execute(m, me, false);
                }
            });
            if self.state.freezing {
                self.exit_queues_by(EXIT_STAYS_OUT);
            }
        } else {
            self.exit_queues_by(EXIT_QUEUE);
        }
    }

    fn exit_queues_by(&mut self, rule: RuleId) {
        let Some(m) = self.machine() else { return };
        let me = self.me;
        let is_counted = self.is(Version::Go1_26);
        self.goes_on(rule, Phase::Off { from_call: true }, |state| {
            state.calls_without_p -= i8::from(is_counted);
            state.drop_g(m);
            state.g_mut(me).status = GStatus::Runnable;
            state.global.push(me);
            let machine = state.m_mut(m);
            machine.locks = false;
            if machine.locked_g.is_some() {
                machine.standing = Standing::ParkedLocked;
                state.add_idle_locked(1);
            } else {
                machine.standing = Standing::Leaves { looks_again: false };
            }
        });
    }

    fn exit_returns_first(&mut self) {
        let Some(m) = self.machine() else { return };
        if self.state.g(self.me).scan || self.state.freezing {
            // Spins until the bit is gone; if the program is dying, for ever.
            return;
        }
        let me = self.me;
        self.goes_on(EXIT_RETURN_FIRST, Phase::Back, |state| {
            state.g_mut(me).status = GStatus::Running;
            state.m_mut(m).locks = true;
        });
    }

    fn exit_looks_for_p(&mut self) {
        let Some(m) = self.machine() else { return };
        if let Some(p) = self.state.m(m).p {
            self.exited(EXIT_KEPT, |state| {
                let (tick, processor) = (state.m(m).tick, state.p_mut(p));
                let unnoticed = processor.tick == tick;
                processor.bump();
                processor.call_ended();
                let machine = state.m_mut(m);
                machine.unnoticed |= machine.lost && machine.old_p == Some(p) && unnoticed;
                machine.old_p = None;
            });
            return;
        }
        let old = self.state.m(m).old_p.and_then(|p| Some((p, self.state.call_of(&self.spec, p)?)));
        match old {
            Some((p, (holder, g))) => {
                self.goes_on(EXIT_SEES_CALL, Phase::Takes(Errand::Exit, p, Bit::Unset(holder, g)), |_| ());
            }
            None => self.goes_on(EXIT_LOST, Phase::Bereft, |state| state.m_mut(m).old_p = None),
        }
    }

    /// Go 1.26: the old processor, taken out of somebody else's call, or not.
    fn exit_took(&mut self, p: Pid) {
        let Some(m) = self.machine() else { return };
        self.goes_on(EXIT_STOLEN, Phase::Back, |state| {
            state.wire(m, p);
            state.calls_without_p -= 1;
        });
    }

    /// The call is over: the goroutine's own code goes on.
    fn exited(&mut self, rule: RuleId, change: impl FnOnce(&mut State)) {
        let Some(m) = self.machine() else { return };
        self.returns(rule, Ret::Ok, |state| {
            change(state);
            state.m_mut(m).locks = false;
        });
    }

    /// Goes on once somebody runs the goroutine again.
    fn resume(&mut self, phase: Phase) {
        let Some((_, p)) = self.running() else { return };
        if phase == (Phase::Off { from_call: true }) {
            self.returns(RESUME_CALL, Ret::Ok, |state| state.p_mut(p).bump());
        } else {
            self.returns(RESUME, Ret::Ok, |_| ());
        }
    }

    /// What a goroutine does by itself, outside calls.
    pub(super) fn goroutine(mut self, op: Op, phase: Phase) {
        if phase != Phase::Start {
            self.resume(phase);
            return;
        }
        if let (Op::Ready(sleeper), false) = (op, self.is_goroutine()) {
            self.ready_polled(sleeper);
            return;
        }
        let Some((m, p)) = self.running() else { return };
        let me = self.me;
        let spec = self.spec;
        match op {
            Op::Run => self.returns(RUN, Ret::Ok, |_| ()),
            Op::Yield if self.lock_is_free() => {
                let wakes = self.state.may_wake();
                let mut yields = |rule, wakes: bool| {
                    self.goes_on(rule, Phase::Off { from_call: false }, |state| {
                        state.makes_room(m);
                        state.leave(m, GStatus::Runnable);
                        state.global.push(me);
                        if wakes {
                            state.wake_p(&spec);
                        }
                    });
                };
                if !(wakes && spec.version == Version::Go1_26) {
                    yields(YIELD, false);
                }
                if wakes && spec.version != Version::Go1_11 {
                    yields(YIELD_WAKES, true);
                }
            }
            Op::Park => {
                self.goes_on(PARK, Phase::Off { from_call: false }, |state| state.leave(m, GStatus::Waiting));
            }
            Op::End => self.returns(END, Ret::Ok, |state| state.leave(m, GStatus::Dead)),
            Op::Ready(sleeper) if self.sleeps(sleeper) && self.lock_is_free() => {
                self.returns(READY, Ret::Ok, |state| state.ready(&spec, sleeper, p));
            }
            Op::LockThread => self.returns(LOCK_THREAD, Ret::Ok, |state| {
                state.g_mut(me).locked_m = Some(m);
                state.m_mut(m).locked_g = Some(me);
            }),
            _ => {}
        }
    }

    /// Whether the goroutine sleeps until it is readied by name.
    fn sleeps(&self, g: Gid) -> bool {
        let is_waiting = self.state.gs.get(usize::from(g)).is_some_and(|g| g.status == GStatus::Waiting);
        is_waiting && !self.state.line.contains(&g)
    }

    /// The network poller has found what the sleeper waits for.
    fn ready_polled(&mut self, sleeper: Gid) {
        if !self.sleeps(sleeper) || !self.lock_is_free() {
            return;
        }
        let spec = self.spec;
        self.returns(READY_POLLED, Ret::Ok, |state| {
            state.g_mut(sleeper).status = GStatus::Runnable;
            state.global.push(sleeper);
            if let Some(p) = state.idle_ps.pop() {
                state.start_m(&spec, p, false);
            }
        });
    }
}

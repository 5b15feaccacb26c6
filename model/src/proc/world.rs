//! What concerns every processor at once: stopping and starting the world, GOMAXPROCS, and safe-point rounds.

use super::*;

impl Moves<'_> {
    pub(super) fn stop(mut self, phase: Phase) {
        match phase {
            Phase::Start | Phase::InLine => self.takes_world(phase),
            Phase::HasWorld => {
                let Some((m, _)) = self.running() else { return };
                if !self.lock_is_free() || self.state.freezing {
                    return;
                }
                let me = self.me;
                self.goes_on(STOP_ANNOUNCE, Phase::StopAnnounced, |state| {
                    state.lock = Some(me);
                    state.stop_wait = u32::from(state.procs);
                    state.announce_stop();
                    state.m_mut(m).locks = true;
                });
            }
            Phase::StopAnnounced => {
                let Some((_, p)) = self.running() else { return };
                self.goes_on(STOP_OWN, Phase::StopScans(0), |state| state.halt(p));
            }
            Phase::StopScans(p) if usize::from(p) < self.state.ps.len() => self.stop_scans(p),
            Phase::StopScans(_) => match self.state.idle_ps.last() {
                Some(p) => {
                    let p = *p;
                    self.goes_on(STOP_IDLE, phase, |state| {
                        state.idle_ps.pop();
                        state.halt(p);
                    });
                }
                None => self.goes_on(STOP_WAIT, Phase::StopWaits, |state| state.lock = None),
            },
            Phase::StopWaits if self.state.stop_wait == 0 => self.returns(STOP_DONE, Ret::Ok, |state| {
                state.stopped = true;
                if !state.ps.iter().all(|p| matches!(p.status, PStatus::GcStop | PStatus::Dead)) {
                    state.throw("stopTheWorld: not stopped");
                }
            }),
            _ => {}
        }
    }

    fn stop_scans(&mut self, p: Pid) {
        let next = Phase::StopScans(p + 1);
        let spec = self.spec;
        if self.state.p(p).status == PStatus::Syscall {
            self.goes_on(STOP_CALL, next, |state| {
                state.take_from_call(&spec, p);
                state.halt(p);
            });
            return;
        }
        match self.state.call_of(&self.spec, p) {
            Some((m, g)) => {
                self.goes_on(STOP_SEES_CALL, Phase::Takes(Errand::Stop, p, Bit::Unset(m, g)), |_| ());
            }
            None => self.goes_on(STOP_PASS, next, |_| ()),
        }
    }

    pub(super) fn start(mut self, phase: Phase) {
        let Some((m, own)) = self.running() else { return };
        if matches!(phase, Phase::LetsGo | Phase::Readies) {
            self.lets_go_of_world(phase, !self.is(Version::Go1_11));
            return;
        }
        if self.state.world != Some(self.me) || !self.state.stopped || !self.lock_is_free() {
            return;
        }
        let me = self.me;
        let procs = self.state.new_procs;
        match phase {
            Phase::Start | Phase::StartGrows => {
                let missing =
                    (0..procs).find(|p| self.state.ps.get(usize::from(*p)).is_none_or(|p| p.status == PStatus::Dead));
                let keeps = |state: &mut State| {
                    state.lock = Some(me);
                    if state.procs != procs {
                        state.procs = procs;
                        state.safe_point_round = SafePointRound::None;
                    }
                };
                if let Some(p) = missing {
                    self.goes_on(START_GROW, Phase::StartGrows, |state| {
                        state.lock = Some(me);
                        state.revive(p);
                    });
                } else if own < procs {
                    self.goes_on(START_KEEP, Phase::StartDestroys, |state| {
                        keeps(state);
                        state.p_mut(own).status = PStatus::Running;
                    });
                } else {
                    self.goes_on(START_SWITCH, Phase::StartDestroys, |state| {
                        keeps(state);
                        state.m_mut(m).p = None;
                        state.p_mut(own).m = None;
                        state.p_mut(0).status = PStatus::Idle;
                        state.wire(m, 0);
                    });
                }
            }
            Phase::StartDestroys => {
                let mut surplus = procs..self.state.ps.len() as Pid;
                match surplus.find(|p| self.state.p(*p).status != PStatus::Dead) {
                    Some(p) => {
                        let saves = !self.has(Bug::QueueDies);
                        self.goes_on(START_DESTROY, phase, |state| {
                            state.p_mut(p).status = PStatus::Dead;
                            let queue = std::mem::take(&mut state.p_mut(p).run_queue);
                            state.p_mut(p).has_next = false;
                            if saves {
                                state.global.splice(0..0, queue);
                            }
                        });
                    }
                    None => self.start_pairs(procs),
                }
            }
            Phase::StartPairs(below) => self.start_pairs(below),
            _ => {}
        }
    }

    /// The processors below this one, the last first.
    fn start_pairs(&mut self, below: Pid) {
        let spec = self.spec;
        let Some(p) = (0..below).rev().find(|p| self.state.p(*p).status == PStatus::GcStop) else {
            self.goes_on(START_GO, Phase::LetsGo, |state| {
                state.gc_waiting = false;
                state.stopped = false;
                state.lock = None;
                state.wake_p(&spec);
            });
            return;
        };
        if self.state.p(p).run_queue.is_empty() {
            self.goes_on(START_IDLE, Phase::StartPairs(p), |state| {
                state.p_mut(p).status = PStatus::Idle;
                state.idle_ps.push(p);
            });
        } else {
            self.goes_on(START_PAIR, Phase::StartPairs(p), |state| {
                state.p_mut(p).status = PStatus::Idle;
                state.start_m(&spec, p, false);
            });
        }
    }

    pub(super) fn resize(mut self, procs: u8) {
        if self.state.world == Some(self.me) && self.state.stopped {
            self.returns(RESIZE, Ret::Ok, |state| state.new_procs = procs);
        }
    }

    pub(super) fn freeze(mut self) {
        let Some((m, _)) = self.running() else { return };
        self.returns(FREEZE, Ret::Ok, |state| {
            state.freezing = true;
            state.stop_wait = FREEZE_STOP_WAIT;
            state.announce_stop();
            state.m_mut(m).locks = true;
        });
    }

    pub(super) fn safe_point(mut self, phase: Phase) {
        match phase {
            Phase::Start | Phase::InLine => self.takes_world(phase),
            Phase::HasWorld => {
                let Some((m, own)) = self.running() else { return };
                if !self.lock_is_free() || self.state.freezing {
                    return;
                }
                let me = self.me;
                self.goes_on(ROUND_ANNOUNCE, Phase::RoundIdle(0), |state| {
                    state.lock = Some(me);
                    state.safe_point_round = SafePointRound::Running;
                    state.m_mut(m).locks = true;
                    for (p, processor) in state.ps.iter_mut().enumerate() {
                        processor.safe_points = 0;
                        processor.owes_safe_point = p != usize::from(own) && processor.status != PStatus::Dead;
                    }
                });
            }
            Phase::RoundIdle(from) => {
                let Some((_, own)) = self.running() else { return };
                let idle = (from..self.state.ps.len() as Pid).find(|p| self.state.idle_ps.contains(p));
                if let Some(p) = idle {
                    let claims = !self.has(Bug::SafePointUnclaimed);
                    self.goes_on(ROUND_IDLE, Phase::RoundIdle(p + 1), |state| state.run_safe_point(p, claims));
                } else {
                    self.goes_on(ROUND_OWN, Phase::RoundScans(0), |state| {
                        state.run_safe_point(own, true);
                        state.lock = None;
                    });
                }
            }
            Phase::RoundScans(p) if usize::from(p) < self.state.ps.len() => self.round_scans(p),
            Phase::RoundScans(_) if self.state.ps.iter().all(|p| !p.owes_safe_point) => {
                self.goes_on(ROUND_DONE, Phase::LetsGo, |state| state.safe_point_round = SafePointRound::Over);
            }
            Phase::LetsGo | Phase::Readies => self.lets_go_of_world(phase, false),
            _ => {}
        }
    }

    fn round_scans(&mut self, p: Pid) {
        let spec = self.spec;
        let processor = self.state.p(p);
        let owes = processor.owes_safe_point && !self.has(Bug::SafePointMissesCalls);
        match self.state.call_of(&self.spec, p) {
            _ if owes && processor.status == PStatus::Syscall => {
                self.goes_on(ROUND_CALL, Phase::HandsOff(Errand::Round, p), |state| {
                    state.take_from_call(&spec, p);
                });
            }
            Some((m, g)) if owes => {
                self.goes_on(ROUND_SEES_CALL, Phase::Takes(Errand::Round, p, Bit::Unset(m, g)), |_| ());
            }
            _ => self.goes_on(ROUND_PASS, Phase::RoundScans(p + 1), |_| ()),
        }
    }
}

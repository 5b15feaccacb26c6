//! `worldsema`: whoever wants to stop the world, or a safe-point round, has it first and lets go of it last.
//!
//! It is a semaphore for goroutines. A goroutine that has to wait for it sleeps as in `park`, and its machine goes on with other
//! work. Who waits is readied in the order in which they came. After a stop `worldsema` is handed over: it is taken again at
//! once, for the one who is readied. Between letting go and that, somebody may come by and be faster; then who was
//! readied has it only if it is free when he runs, and sleeps again otherwise, behind all others. After a round Go lets them
//! race; that it is handed over then as well is allowed, for nobody can tell it from a race that was won.

use super::*;

impl Moves<'_> {
    /// At the beginning, and as often as the goroutine is readied.
    pub(super) fn takes_world(&mut self, phase: Phase) {
        let Some((m, _)) = self.running() else { return };
        let me = self.me;
        let queues = |state: &mut State| {
            state.line.push(me);
            state.leave(m, GStatus::Waiting);
        };
        match self.state.world {
            None => {
                self.goes_on(WORLD_TAKE, Phase::HasWorld, |state| state.world = Some(me));
                if self.state.freezing {
                    self.goes_on(WORLD_STAYS_OUT, Phase::InLine, queues);
                }
            }
            Some(holder) if holder != me => self.goes_on(WORLD_QUEUE, Phase::InLine, queues),
            Some(_) if phase == Phase::InLine => self.goes_on(WORLD_HANDED, Phase::HasWorld, |_| ()),
            // It would wait for itself.
            Some(_) => {}
        }
    }

    /// The last steps of an operation that had it. The goroutine is not preemptible.
    pub(super) fn lets_go_of_world(&mut self, phase: Phase, hands_over: bool) {
        let Some((m, p)) = self.running() else { return };
        let (spec, is_free, is_later) = (self.spec, self.state.world.is_none(), !self.is(Version::Go1_11));
        match self.state.line.first().copied().filter(|_| !self.has(Bug::WaiterForgotten)) {
            _ if phase == Phase::Readies && !self.lock_is_free() => {}
            None => self.returns(WORLD_RELEASE, Ret::Ok, |state| {
                state.world = None;
                state.m_mut(m).locks = false;
            }),
            Some(_) if phase == Phase::LetsGo => {
                self.goes_on(WORLD_RELEASE_WAITED, Phase::Readies, |state| state.world = None);
            }
            Some(waiter) => {
                let takes_it = hands_over && (is_free || self.has(Bug::HandedBlindly));
                let mut readies = |rule, takes_it: bool| {
                    self.returns(rule, Ret::Ok, |state| {
                        state.line.remove(0);
                        if takes_it {
                            state.world = Some(waiter);
                        }
                        state.ready(&spec, waiter, p);
                        state.m_mut(m).locks = false;
                    });
                };
                readies(if takes_it { WORLD_HAND_OVER } else { WORLD_READY }, takes_it);
                if !hands_over && is_free && is_later {
                    readies(WORLD_HAND_ON, true);
                }
            }
        }
    }
}

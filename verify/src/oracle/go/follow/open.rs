//! What no trace shows, set to whatever lets the next step happen.

use selvedge_model::proc::{GStatus, Gid, Mid, Pid};

use super::{Follower, Outcome, stuck};

/// A virtual time at which every call and every turn has lasted long enough for the monitor.
const LATE_US: u32 = 1_000_000;

impl Follower<'_> {
    /// Nothing is queued, and nobody spins: so it is between events.
    pub(super) fn quiet(&mut self) {
        let state = &mut self.now.state;
        state.global.clear();
        for processor in &mut state.ps {
            processor.run_queue.clear();
            processor.has_next = false;
        }
        state.ms.iter_mut().for_each(|m| m.spinning = false);
        state.spinning = 0;
    }

    /// Takes steps while somebody else is spinning, so that nobody is woken to look for work.
    pub(super) fn while_others_look<T>(&mut self, take: impl FnOnce(&mut Self) -> T) -> T {
        self.now.state.spinning = 1;
        let taken = take(self);
        self.quiet();
        taken
    }

    /// Takes steps before those processors became idle that are on the list.
    pub(super) fn before_any_is_idle<T>(&mut self, take: impl FnOnce(&mut Self) -> T) -> T {
        let idle = std::mem::take(&mut self.now.state.idle_ps);
        let taken = take(self);
        self.now.state.idle_ps.splice(0..0, idle);
        taken
    }

    /// The machine spins, and finds nothing.
    pub(super) fn spins(&mut self, m: Mid) {
        self.now.state.spinning = 1;
        self.now.state.ms[usize::from(m)].spinning = true;
    }

    /// The processor is the next that anybody takes from the idle list.
    pub(super) fn comes_first(&mut self, p: Pid) -> Outcome {
        let idle = &mut self.now.state.idle_ps;
        match idle.iter().position(|listed| *listed == p) {
            Some(place) => {
                idle.remove(place);
                idle.push(p);
                Ok(())
            }
            None => stuck("PROC-P04", format!("P{p} is not idle but {:?}", self.status(p))),
        }
    }

    /// The machine is the next to be woken.
    pub(super) fn wakes_first(&mut self, m: Mid) -> Outcome {
        let idle = &mut self.now.state.idle_ms;
        match idle.iter().position(|listed| *listed == m) {
            Some(place) => {
                idle.remove(place);
                idle.push(m);
                Ok(())
            }
            None => {
                let standing = self.now.state.ms[usize::from(m)].standing;
                stuck("PROC-M01", format!("the machine is not parked: it {standing:?}"))
            }
        }
    }

    /// The goroutine is the only one queued, at this processor.
    pub(super) fn is_queued_at(&mut self, g: Gid, p: Pid) {
        self.quiet();
        self.now.state.ps[usize::from(p)].run_queue.push(g);
    }

    /// Somebody's work is queued.
    pub(super) fn has_work(&mut self) {
        self.quiet();
        self.now.state.gs[usize::from(self.phantom)].status = GStatus::Runnable;
        self.now.state.global.push(self.phantom);
    }

    /// The poller's goroutine sleeps again.
    pub(super) fn phantom_sleeps(&mut self) {
        self.quiet();
        self.now.state.gs[usize::from(self.phantom)].status = GStatus::Waiting;
    }

    /// The monitor has seen the call of this processor long ago, and any other is new to it.
    pub(super) fn is_seen_long_ago(&mut self, seen: Pid) {
        self.now.state.now_us = LATE_US;
        for (p, processor) in self.now.state.ps.iter_mut().enumerate() {
            processor.seen.sched_moved = true;
            processor.seen.tick_moved = p != usize::from(seen);
            processor.seen.call_when_us = 0;
        }
    }

    /// No processor but these owes a safe-point function.
    pub(super) fn only_owes(&mut self, owing: Option<Pid>) {
        for (p, processor) in self.now.state.ps.iter_mut().enumerate() {
            processor.owes_safe_point = owing.is_some_and(|owing| p == usize::from(owing));
        }
    }
}

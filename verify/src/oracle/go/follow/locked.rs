//! Goroutines locked to threads: which are, no trace says, so that is open too.
//!
//! It matters where a processor goes from one machine to another without having been idle. A machine that picks a
//! goroutine locked to another one gives that one its processor (`startlockedm`), whether or not it has come to sleep
//! yet; and a machine whose own goroutine is locked hands its processor off to whoever finds work (`stoplockedm`), even
//! while the world is to stop. Both are told by what the processor does next. A goroutine is said to be locked from
//! there until it runs.

use std::iter::successors;

use selvedge_model::proc::{GStatus, Gid, Mid, Pid, Standing};

use super::super::trace::{Event, What};
use super::{Follower, Outcome, Stuck};

impl Follower<'_> {
    /// A machine without a goroutine lets go of its processor for the sake of a locked one; or it does not, and has come
    /// by its safe point.
    pub(super) fn lets_go_for_locked(&mut self, index: usize, m: Mid, p: Pid) -> Result<bool, Stuck> {
        let left = self.now.left[usize::from(m)];
        let starts = self.next_holder(index, m).filter(|_| self.now.state.gc_waiting && left.is_some());
        if self.now.state.ms[usize::from(m)].next_p.is_some() {
            match starts {
                Some((_, started)) => self.starts_with_it(m, started, "m.told-locked")?,
                None => self.while_others_look(|it| it.machine(m, "m.told-locked"))?,
            }
            return Ok(true);
        }
        self.runs_safe_point(m, p)?;
        if let Some((owner, g)) = self.hands_over(index, m) {
            let before = self.now.clone();
            self.is_locked_to(g, owner);
            self.is_queued_at(g, p);
            let sleeps = self.now.state.ms[usize::from(owner)].standing == Standing::ParkedLocked;
            if self.machine(m, if sleeps { "m.hand-locked" } else { "m.hand-locked-early" }).is_ok() {
                return Ok(true);
            }
            self.now = before;
        }
        if let (Some((_, started)), Some(g)) = (starts, left) {
            let before = self.now.clone();
            self.is_locked_to(g, m);
            if self.starts_with_it(m, started, "m.park-locked").is_ok() {
                return Ok(true);
            }
            self.now = before;
        }
        Ok(false)
    }

    /// Whether a machine lets go of its processor for another one that has still to leave its goroutine.
    pub(super) fn lets_go_for_a_busy_one(&self, index: usize) -> bool {
        let event = &self.events[index];
        let Some(m) = event.m.filter(|m| event.what == What::ProcStop && self.g_of(*m).is_none()) else { return false };
        self.next_holder(index, m).is_some_and(|(start, holder)| {
            let last = self.pending(holder, start).last();
            self.g_of(holder).is_some() && last.is_some_and(|index| leaves_goroutine(self.events[index].what))
        })
    }

    /// The machine's events before this one that have not been taken yet.
    fn pending(&self, m: Mid, before: usize) -> impl Iterator<Item = usize> {
        let next = self.now.last[usize::from(m)].and_then(|last| self.next_of_machine[last]);
        successors(next, |index| self.next_of_machine[*index]).take_while(move |index| *index < before)
    }

    /// The goroutine does not run on the machine any more.
    pub(super) fn leaves(&mut self, g: Gid, m: Mid) {
        for left in self.now.left.iter_mut().filter(|left| **left == Some(g)) {
            *left = None;
        }
        self.now.left[usize::from(m)] = Some(g);
    }

    /// The goroutine is not locked to the machine, or not any more.
    pub(super) fn is_unlocked(&mut self, g: Gid, owner: Mid) {
        let state = &mut self.now.state;
        state.gs[usize::from(g)].locked_m = None;
        let machine = &mut state.ms[usize::from(owner)];
        machine.locked_g = None;
        if machine.standing == Standing::ParkedLocked {
            machine.standing = Standing::Parked;
            state.idle_ms.push(owner);
            state.idle_locked -= 1;
        }
    }

    /// The goroutine has been locked to the machine, which ran it last.
    fn is_locked_to(&mut self, g: Gid, owner: Mid) {
        let state = &mut self.now.state;
        state.gs[usize::from(g)].locked_m = Some(owner);
        let machine = &mut state.ms[usize::from(owner)];
        machine.locked_g = Some(g);
        if matches!(machine.standing, Standing::Leaves { .. } | Standing::Parked) {
            // It has parked as one does who has such a goroutine.
            machine.standing = Standing::ParkedLocked;
            state.idle_ms.retain(|m| *m != owner);
            state.idle_locked += 1;
        }
    }

    /// The other machine with which the processor starts next, and where it does, if no world is started in between. Whoever starts
    /// it says the number of processors first, while all of them are halted; that it has started he says late.
    fn next_holder(&self, index: usize, m: Mid) -> Option<(usize, Mid)> {
        let start = self.next_of_processor[index]?;
        let holder =
            self.events[start].m.filter(|holder| self.events[start].what == What::ProcStart && *holder != m)?;
        let is_of_start = |event: &Event| matches!(event.what, What::Procs(_) | What::StopEnd);
        let is_world_started = self.events[index..start].iter().any(is_of_start);
        (!is_world_started).then_some((start, holder))
    }

    /// The machine that gets the processor next, if that may be because the goroutine which it ran last is locked to it: it goes
    /// on with that one at once.
    fn hands_over(&self, index: usize, m: Mid) -> Option<(Mid, Gid)> {
        let (start, owner) = self.next_holder(index, m)?;
        let [one, other] = self.next_after(start);
        let is_status = one.is_some_and(|event| matches!(event.what, What::ProcIs(_) | What::GoIs(_)));
        let first = if is_status { other } else { one };
        let g = first.filter(|event| event.what == What::GoStart)?.g?;
        let is_its_own = self.now.left[usize::from(owner)] == Some(g) && self.g_of(owner).is_none();
        let is_told = self.now.state.ms[usize::from(owner)].next_p.is_some();
        // It must not run anything before, not even that one.
        let mut pending = self.pending(owner, start).map(|index| self.events[index].what);
        let waits = pending.all(|what| matches!(what, What::ProcStop | What::ProcIs(_) | What::GoIs(_)));
        (is_its_own && waits && !is_told && self.g_status(g) == GStatus::Runnable).then_some((owner, g))
    }

    /// A machine that is to sleep for its locked goroutine hands its processor off. There is work, so another one is started
    /// with it, although the world is to stop.
    fn starts_with_it(&mut self, m: Mid, started: Mid, rule: &'static str) -> Outcome {
        if let Standing::Leaves { .. } = self.now.state.ms[usize::from(started)].standing {
            self.machine(started, "m.park")?;
        }
        self.wakes_first(started)?;
        self.has_work();
        let locked = self.now.state.ms[usize::from(m)].locked_g;
        self.now.state.global.extend(locked);
        self.machine(m, rule)?;
        self.phantom_sleeps();
        Ok(())
    }
}

/// Whether a machine has no goroutine after this.
fn leaves_goroutine(what: What) -> bool {
    matches!(
        what,
        What::GoYield | What::GoPreempt | What::GoBlock | What::GoEnd | What::CallEndBlocked | What::ProcStop
    )
}

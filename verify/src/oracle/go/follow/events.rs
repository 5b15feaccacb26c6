//! Which rules an event calls for, and of whom.

use selvedge_model::proc::{GStatus, Gid, Mid, Op, PStatus, Phase, Pid, Standing, Version};

use super::super::trace::{Event, What};
use super::{Follower, MONITOR, Outcome, POLLER, Stage, Stopper, stuck};

impl Follower<'_> {
    /// Takes the steps that the event shows, and those that it takes to come there.
    pub(super) fn take(&mut self, index: usize) -> Outcome {
        let event = &self.events[index];
        let is_status = matches!(event.what, What::ProcIs(_) | What::GoIs(_));
        if let Some(m) = event.m {
            let is_other = is_status || event.what == What::StopEnd;
            let changes = |(stopper, _): &&mut (Mid, Vec<What>)| *stopper == m && !is_other;
            if let Some((_, shown)) = self.now.pretends.as_mut().filter(changes) {
                let expected = shown.pop();
                if expected.is_some_and(|expected| expected != event.what) {
                    return stuck("PROC-P15", format!("the stopper changes his processor, and shows `{}`", event.what));
                }
                if shown.is_empty() {
                    self.now.pretends = None;
                }
                return self.has_taken(index);
            }
            if !is_status && event.what != What::GoStart && self.now.restarts.contains(&m) {
                return stuck("PROC-G02", "a goroutine has left its call, and is not said to run");
            }
            if self.now.stopper.is_some_and(|it| it.m == m && it.stage == Stage::Begun) && event.what != What::ProcSteal
            {
                self.complete_stop()?;
            }
        }
        match (event.what, event.m, event.p, event.g) {
            (What::ProcStart, Some(m), Some(p), _) => self.proc_start(m, p)?,
            (What::ProcStop, Some(m), Some(p), _) => self.proc_stop(index, m, p)?,
            (What::ProcSteal, m, Some(p), _) => self.proc_steal(index, m, p)?,
            (What::GoStart, Some(m), _, Some(g)) => self.go_start(m, g)?,
            (What::GoYield | What::GoPreempt | What::GoBlock | What::GoEnd, Some(m), _, Some(g)) => {
                self.go_leaves(event.what, m, g)?;
            }
            (What::GoCreate | What::GoUnblock, m, _, Some(g)) => self.go_ready(event.what, m, g)?,
            (What::CallBegin, Some(m), Some(p), Some(g)) => self.call_begin(index, m, p, g)?,
            (What::CallEnd, Some(m), Some(p), Some(g)) => self.call_end(m, p, g)?,
            (What::CallEndBlocked, Some(m), _, Some(g)) => self.call_end_blocked(index, m, g)?,
            (What::StopBegin, Some(m), _, Some(g)) => self.stop_begin(m, g)?,
            (What::Procs(procs), m, ..) => self.procs(m, procs)?,
            (What::StopEnd, Some(m), _, Some(g)) => {
                self.runs_on(m, g)?;
                match self.now.stopper.take() {
                    Some(Stopper { m: stopper, stage: Stage::Started, .. }) if stopper == m => {}
                    _ => return stuck("PROC-W03", "the world is said to be started by somebody who has not"),
                }
            }
            (What::ProcIs(stand), m, Some(p), _) => self.proc_is(m, p, stand)?,
            (What::GoIs(stand), _, _, Some(g)) => self.go_is(g, stand)?,
            _ => return stuck("PROC-P01", "nobody is said to have done it, to nobody"),
        }
        self.has_taken(index)
    }

    fn has_taken(&mut self, index: usize) -> Outcome {
        if let Some(m) = self.events[index].m {
            self.now.last[usize::from(m)] = Some(index);
        }
        Ok(())
    }

    fn is_1_26(&self) -> bool {
        self.spec.version == Version::Go1_26
    }

    pub(super) fn status(&self, p: Pid) -> PStatus {
        self.now.state.ps.get(usize::from(p)).map_or(PStatus::Dead, |p| p.status)
    }

    fn p_of(&self, m: Mid) -> Option<Pid> {
        self.now.state.ms[usize::from(m)].p
    }

    pub(super) fn g_of(&self, m: Mid) -> Option<Gid> {
        self.now.state.ms[usize::from(m)].g
    }

    pub(super) fn g_status(&self, g: Gid) -> GStatus {
        self.now.state.gs[usize::from(g)].status
    }

    pub(super) fn phase(&self, thread: u8) -> Option<(Op, Phase)> {
        self.now.running[usize::from(thread)]
    }

    /// The goroutine runs on the machine, and does nothing else.
    fn runs_on(&mut self, m: Mid, g: Gid) -> Outcome {
        if self.g_of(m) != Some(g) || self.g_status(g) != GStatus::Running {
            let status = self.g_status(g);
            return stuck("PROC-G04", format!("the goroutine does not run on this machine: it is {status:?}"));
        }
        if self.p_of(m).is_none() {
            return stuck("PROC-I06", "the goroutine runs without a processor");
        }
        self.finish_round(g)
    }

    // Processors.

    fn proc_start(&mut self, m: Mid, p: Pid) -> Outcome {
        if let Some(g) = self.g_of(m) {
            self.settle(g)?;
            match self.phase(g) {
                // It was taken out of somebody else's call, which was another event.
                Some((Op::ExitCall, Phase::Rewired | Phase::Back)) if self.p_of(m) == Some(p) => {
                    self.now.takers.retain(|taker| *taker != m);
                    return Ok(());
                }
                Some((Op::ExitCall, Phase::Empty)) => {
                    self.finish_look()?;
                    self.comes_first(p)?;
                    self.thread(g, &["exit.late-idle"])?;
                    self.now.restarts.push(m);
                    return Ok(());
                }
                _ => {}
            }
            self.loses(g)?;
            if self.looks_at() == Some(p) {
                self.finish_look()?;
            }
            self.comes_first(p)?;
            return self.thread(g, &["exit.idle", "exit.idle-counted"]).map(|_| ());
        }
        let machine = &self.now.state.ms[usize::from(m)];
        if machine.next_p == Some(p) {
            return self.machine(m, "m.wake");
        }
        if let (Standing::ParkedLocked, Some(g)) = (machine.standing, machine.locked_g) {
            self.is_unlocked(g, m);
        }
        let machine = &self.now.state.ms[usize::from(m)];
        if let Standing::Leaves { .. } = machine.standing {
            self.machine(m, "m.park")?;
        }
        if self.looks_at() == Some(p) {
            self.wakes_first(m)?;
            self.has_work();
            self.thread(MONITOR, &["hand-off.start"])?;
            self.phantom_sleeps();
            self.machine(m, "m.wake")?;
            return self.finish_look();
        }
        self.comes_first(p)?;
        self.wakes_first(m)?;
        self.perform(POLLER, Op::Ready(self.phantom), &[&["ready.polled"]])?;
        self.phantom_sleeps();
        self.machine(m, "m.wake")
    }

    fn proc_stop(&mut self, index: usize, m: Mid, p: Pid) -> Outcome {
        if self.p_of(m) != Some(p) {
            return stuck("PROC-P02", format!("the machine has {:?} and lets go of P{p}", self.p_of(m)));
        }
        let Some(g) = self.g_of(m) else {
            if self.lets_go_for_locked(index, m, p)? {
                return Ok(());
            }
            if self.now.state.gc_waiting {
                return self.machine(m, "m.halt");
            }
            self.spins(m);
            self.machine(m, "m.release")?;
            self.quiet();
            return Ok(());
        };
        if self.may_read_of_the_stop(self.phase(g)) {
            self.now.running[usize::from(g)] = None;
            self.begin(g, Op::EnterCall)?;
            self.passes_safe_point(g)?;
        }
        match self.phase(g) {
            Some((Op::EnterBlock, _)) => {
                self.thread(g, &["block.release"])?;
                self.hand_off(g)?;
                if self.is_1_26() { self.thread(g, &["block.call-last"]).map(|_| ()) } else { Ok(()) }
            }
            Some((Op::EnterCall, _)) if self.is_1_26() => {
                self.stop_waits()?;
                self.go_on(g, &[&["enter.reads-early-stop"], &["enter.gives-up"], &["enter.call-last"]])
            }
            _ => stuck("PROC-P02", "the machine lets go of its processor while its goroutine runs"),
        }
    }

    pub(super) fn runs_safe_point(&mut self, m: Mid, p: Pid) -> Outcome {
        let owes = self.now.state.ps[usize::from(p)].owes_safe_point;
        if owes && !self.now.state.gc_waiting { self.machine(m, "m.safe-point") } else { Ok(()) }
    }

    /// From where it has the processor in its hands until it has not: nobody is started, for the trace does not say who.
    fn hand_off(&mut self, thread: u8) -> Outcome {
        self.while_others_look(|it| it.thread(thread, &["hand-off.none"]))?;
        while let Some((_, Phase::HandsOffLocked(..))) = self.phase(thread) {
            self.thread(thread, &["hand-off.safe-point", "hand-off.halt", "hand-off.idle"])?;
        }
        Ok(())
    }

    fn proc_steal(&mut self, index: usize, m: Option<Mid>, p: Pid) -> Outcome {
        let Some(m) = m else { return self.monitor_takes(index, p) };
        let Some(g) = self.g_of(m) else {
            return match self.p_of(m) {
                None => self.monitor_takes(index, p),
                Some(_) => stuck("PROC-P07", "a machine that looks for work takes a processor out of a call"),
            };
        };
        match (self.phase(g), self.now.stopper) {
            (_, Some(stopper)) if stopper.g == g && stopper.stage == Stage::Begun => self.stopper_takes(g, p),
            (Some((Op::EnterCall, Phase::Entered)), _) if self.p_of(m) == Some(p) => {
                // The stop has looked at this processor before it was published, or it would have taken it.
                self.stop_waits()?;
                self.passes_safe_point(g)?;
                self.go_on(g, &[&["enter.publish"], &["enter.reads-stop"], &["enter.halts"]])
            }
            _ if self.g_status(g) == GStatus::Running => self.round_takes(g, p),
            _ => {
                self.settle(g)?;
                if self.now.state.ms[usize::from(m)].old_p != Some(p) {
                    return stuck("PROC-P06", format!("the machine takes P{p}, which it did not have before its call"));
                }
                self.now.takers.push(m);
                self.begin(g, Op::ExitCall)?;
                if self.is_1_26() {
                    self.go_on(g, &[&["exit.return-first"], &["exit.sees-call"]])?;
                    self.go_on(g, &[&["take.bit"], &["take"], &["take.clear"], &["exit.stolen"]])
                } else {
                    self.go_on(g, &[&["exit.reclaim"], &["exit.rewire"]])
                }
            }
        }
    }

    fn monitor_takes(&mut self, index: usize, p: Pid) -> Outcome {
        self.finish_look()?;
        self.begin(MONITOR, Op::Look)?;
        self.looks_to(p)?;
        if self.is_1_26() {
            self.go_on(MONITOR, &[&["look.sees-call"], &["take.bit"], &["take"], &["take.clear"]])?;
        } else {
            self.go_on(MONITOR, &[&["look.decide"], &["look.retake"]])?;
        }
        // The next to get it is a machine that has not parked yet: it is handed on only then.
        let next = self.next_of_processor[index].map(|next| &self.events[next]);
        let takes = next.filter(|next| next.what == What::ProcStart).and_then(|next| next.m);
        if takes.is_some_and(|m| self.g_of(m).is_some()) {
            return Ok(());
        }
        self.finish_look()
    }

    /// The monitor passes over what comes before this processor.
    fn looks_to(&mut self, p: Pid) -> Outcome {
        while let Some((Op::Look, phase)) = self.phase(MONITOR) {
            match phase {
                Phase::Looks(_, at) if at == p => break,
                Phase::Start if p == 0 => break,
                _ => {}
            }
            self.is_seen_long_ago(p);
            let passes = ["look.skip", "look.note", "look.spare", "look.preempt", "look.end"];
            let sees_call = ["look.sees-call", "take.bit"];
            self.thread(MONITOR, &[&passes[..], &sees_call].concat())?;
        }
        self.is_seen_long_ago(p);
        Ok(())
    }

    /// The processor that the monitor has in its hands, if it has one.
    fn looks_at(&self) -> Option<Pid> {
        match self.phase(MONITOR) {
            Some((Op::Look, Phase::HandsOff(_, p))) => Some(p),
            _ => None,
        }
    }

    /// The monitor hands off what it has in its hands, and its look is over.
    fn finish_look(&mut self) -> Outcome {
        if self.looks_at().is_some() {
            self.hand_off(MONITOR)?;
        }
        self.looks_to(Pid::MAX)
    }

    /// Takes a processor so that it runs its safe-point function. That a round is under way is shown by nothing else.
    fn round_takes(&mut self, g: Gid, p: Pid) -> Outcome {
        if let Some((Op::SafePoint, Phase::RoundScans(at))) = self.phase(g)
            && at > p
        {
            self.finish_round(g)?;
        }
        if self.phase(g).is_none() {
            self.perform(g, Op::SafePoint, &[&["world.take"], &["round.announce"]])?;
            while let Some((_, Phase::RoundIdle(_))) = self.phase(g) {
                self.thread(g, &["round.idle", "round.own"])?;
            }
        }
        self.only_owes(None);
        while let Some((_, Phase::RoundScans(at))) = self.phase(g)
            && at < p
        {
            self.thread(g, &["round.pass"])?;
        }
        self.only_owes(Some(p));
        if self.is_1_26() {
            self.go_on(g, &[&["round.sees-call"], &["take.bit"], &["take"], &["take.clear"]])?;
        } else {
            self.thread(g, &["round.call"])?;
        }
        self.hand_off(g)
    }

    /// The goroutine goes on, so its round of safe points is over, if it had one.
    fn finish_round(&mut self, g: Gid) -> Outcome {
        self.only_owes(None);
        while let Some((Op::SafePoint, _)) = self.phase(g) {
            self.thread(g, &["round.pass", "round.done", "world.release"])?;
        }
        Ok(())
    }

    // The world.

    fn stop_begin(&mut self, m: Mid, g: Gid) -> Outcome {
        self.runs_on(m, g)?;
        if self.now.stopper.is_some() {
            return stuck("PROC-W01", "somebody stops the world while somebody else does");
        }
        self.now.has_stopped = true;
        self.now.stopper = Some(Stopper { g, m, stage: Stage::Begun });
        Ok(())
    }

    /// The stop has looked at every processor before this one.
    fn stop_scans_to(&mut self, g: Gid, p: Option<Pid>) -> Outcome {
        if self.phase(g).is_none() {
            self.perform(g, Op::Stop, &[&["world.take"], &["stop.announce"], &["stop.own"]])?;
        }
        loop {
            match self.phase(g) {
                Some((Op::Stop, Phase::StopScans(at))) if p.is_none_or(|p| at < p) => {
                    let is_past = usize::from(at) >= self.now.state.ps.len();
                    let past: &[&str] = if is_past { &["stop.idle", "stop.wait"] } else { &["stop.pass"] };
                    self.thread(g, past)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn stopper_takes(&mut self, g: Gid, p: Pid) -> Outcome {
        self.stop_scans_to(g, Some(p))?;
        if self.is_1_26() {
            self.go_on(g, &[&["stop.sees-call"], &["take.bit"], &["take.halt"], &["take.clear"]])
        } else {
            self.thread(g, &["stop.call"]).map(|_| ())
        }
    }

    /// The stop has looked at every processor, and waits.
    pub(super) fn stop_waits(&mut self) -> Outcome {
        match self.now.stopper {
            Some(stopper) if stopper.stage == Stage::Begun => self.stop_scans_to(stopper.g, None),
            _ => stuck("PROC-W01", "a processor halts, and nobody stops the world"),
        }
    }

    pub(super) fn complete_stop(&mut self) -> Outcome {
        self.stop_waits()?;
        self.finish_look()?;
        if let Some(stopper) = &mut self.now.stopper {
            let g = stopper.g;
            stopper.stage = Stage::Stopped;
            self.thread(g, &["stop.done"])?;
        }
        Ok(())
    }

    fn procs(&mut self, m: Option<Mid>, procs: u8) -> Outcome {
        let Some(Stopper { g, m: stopper, stage: Stage::Stopped }) = self.now.stopper else {
            let known = self.now.state.procs;
            // It is said once more when tracing begins, in a stop that began before.
            return if known == procs && !self.now.has_stopped {
                Ok(())
            } else {
                stuck("PROC-W03", format!("GOMAXPROCS is {known}, is said to be {procs}, and the world goes on"))
            };
        };
        if m != Some(stopper) {
            return stuck("PROC-W03", "the world is started by somebody who has not stopped it");
        }
        if procs != self.now.state.procs {
            self.perform(g, Op::Resize(procs), &[&["resize"]])?;
        }
        let own = self.p_of(stopper);
        self.begin(g, Op::Start)?;
        while self.phase(g).is_some() {
            let rules = ["start.grow", "start.keep", "start.switch", "start.destroy", "start.idle"];
            let last = ["start.go", "world.release"];
            self.while_others_look(|it| it.thread(g, &[&rules[..], &last].concat()))?;
        }
        if self.p_of(stopper) != own {
            let shown = vec![What::GoStart, What::ProcStart, What::ProcStop, What::GoYield];
            self.now.pretends = Some((stopper, shown));
        }
        self.now.stopper = Some(Stopper { g, m: stopper, stage: Stage::Started });
        Ok(())
    }

    // Goroutines.

    fn go_start(&mut self, m: Mid, g: Gid) -> Outcome {
        if let Some(place) = self.now.restarts.iter().position(|known| *known == m) {
            self.now.restarts.remove(place);
            return match self.g_of(m) == Some(g) && self.g_status(g) == GStatus::Running {
                true => Ok(()),
                false => stuck("PROC-G02", "another goroutine runs than the one that left its call"),
            };
        }
        let Some(p) = self.p_of(m) else {
            return stuck("PROC-I06", "the machine has no processor");
        };
        if self.g_status(g) != GStatus::Runnable {
            return stuck("PROC-G04", format!("the goroutine is not runnable but {:?}", self.g_status(g)));
        }
        if self.now.state.ms[usize::from(m)].locked_g == Some(g) {
            self.machine(m, "m.run-locked")?;
            self.is_unlocked(g, m);
        } else {
            if let Some(owner) = self.now.state.gs[usize::from(g)].locked_m {
                self.is_unlocked(g, owner);
            }
            self.runs_safe_point(m, p)?;
            self.is_queued_at(g, p);
            self.machine(m, "m.local")?;
            self.quiet();
        }
        match self.phase(g) {
            Some((_, Phase::Off { .. })) => self.thread(g, &["resume", "resume.call"]).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn go_leaves(&mut self, what: What, m: Mid, g: Gid) -> Outcome {
        self.runs_on(m, g)?;
        match what {
            What::GoYield => self.while_others_look(|it| it.perform(g, Op::Yield, &[&["yield"]]))?,
            What::GoBlock => self.perform(g, Op::Park, &[&["park"]])?,
            What::GoEnd => self.perform(g, Op::End, &[&["end"]])?,
            _ => {
                // Who asked it to, and when, the trace does not say.
                self.now.state.gs[usize::from(g)].preempt = true;
                let comes_next = self.is_1_26() && self.now.state.gc_waiting;
                let rule = if comes_next { "m.preempt-next" } else { "m.preempt" };
                self.while_others_look(|it| it.machine(m, rule))?;
            }
        }
        self.leaves(g, m);
        self.quiet();
        Ok(())
    }

    fn go_ready(&mut self, what: What, m: Option<Mid>, g: Gid) -> Outcome {
        if self.g_status(g) != GStatus::Waiting {
            return stuck("PROC-G07", format!("a goroutine is readied that is {:?}", self.g_status(g)));
        }
        let by = m.and_then(|m| self.g_of(m)).filter(|by| self.g_status(*by) == GStatus::Running);
        match by {
            Some(by) if self.p_of(m.unwrap_or_default()).is_some() => {
                self.finish_round(by)?;
                self.while_others_look(|it| it.perform(by, Op::Ready(g), &[&["ready"]]))
            }
            _ if what == What::GoCreate => stuck("PROC-G07", "a goroutine is made by no goroutine"),
            _ => {
                self.before_any_is_idle(|it| it.perform(POLLER, Op::Ready(g), &[&["ready.polled"]]))?;
                self.quiet();
                Ok(())
            }
        }
    }

    // Calls.

    fn call_begin(&mut self, index: usize, m: Mid, p: Pid, g: Gid) -> Outcome {
        self.runs_on(m, g)?;
        if self.p_of(m) != Some(p) {
            return stuck("PROC-P05", format!("the machine has {:?} and not P{p}", self.p_of(m)));
        }
        self.others_lose(m, p)?;
        let is_stopping = self.now.stopper.is_some_and(|stopper| stopper.stage == Stage::Begun);
        let [next, _] = self.next_after(index);
        let lets_go = next.is_some_and(|next| next.what == What::ProcStop);
        // Taken by this very machine, and by nobody before.
        let next = self.next_of_processor[index].map(|next| &self.events[next]);
        let halts = next.is_some_and(|next| next.what == What::ProcSteal && next.m == Some(m));
        if self.is_1_26() {
            if lets_go && !is_stopping {
                return self.begin(g, Op::EnterBlock);
            }
            self.begin(g, Op::EnterCall)?;
            self.passes_safe_point(g)?;
            return match lets_go {
                true => Ok(()),
                false => self.go_on(g, &[&["enter.reads-early-no-stop"], &["enter.call-last"]]),
            };
        }
        if lets_go {
            return self.perform(g, Op::EnterBlock, &[&["block.call"]]);
        }
        self.perform(g, Op::EnterCall, &[&["enter.call"]])?;
        if halts {
            return Ok(());
        }
        self.passes_safe_point(g)?;
        self.go_on(g, &[&["enter.publish"], &["enter.reads-no-stop", "enter.reads-stop"]])
    }

    /// Until it owes no safe-point function.
    fn passes_safe_point(&mut self, g: Gid) -> Outcome {
        while self.thread(g, &["enter.safe-point", "enter.owes-nothing"])? == "enter.safe-point" {}
        Ok(())
    }

    /// Another call begins on this processor. A machine that had it before and will find it gone has found that by now.
    fn others_lose(&mut self, m: Mid, p: Pid) -> Outcome {
        for other in (0..self.now.state.ms.len() as Mid).filter(|other| *other != m) {
            let machine = &self.now.state.ms[usize::from(other)];
            let Some(g) = machine.g.filter(|_| machine.old_p == Some(p)) else { continue };
            let takes_it = |event: &Event| event.what == What::ProcSteal && event.p == Some(p);
            let is_in_call = self.g_status(g) == GStatus::Syscall && self.phase(g).is_none();
            if is_in_call && !self.next_of(other).is_some_and(takes_it) {
                self.loses(g)?;
            }
        }
        Ok(())
    }

    /// It leaves its call and finds its processor gone, unless it has by now.
    fn loses(&mut self, g: Gid) -> Outcome {
        if self.phase(g).is_none() {
            self.begin(g, Op::ExitCall)?;
        }
        if self.is_1_26() && matches!(self.phase(g), Some((Op::ExitCall, Phase::Start))) {
            self.thread(g, &["exit.return-first"])?;
        }
        match self.phase(g) {
            Some((Op::ExitCall, Phase::Bereft)) => Ok(()),
            _ => self.thread(g, &["exit.lost"]).map(|_| ()),
        }
    }

    /// The call has been entered: what was still to do of that is done.
    fn settle(&mut self, g: Gid) -> Outcome {
        match self.phase(g) {
            Some((Op::EnterCall, _)) => self.thread(g, &["enter.halted-already"]).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn call_end(&mut self, m: Mid, p: Pid, g: Gid) -> Outcome {
        if self.g_of(m) != Some(g) {
            return stuck("PROC-P06", "the call is not this machine's");
        }
        self.settle(g)?;
        let tick = self.now.state.ps.get(usize::from(p)).map(|processor| processor.tick);
        let machine = &self.now.state.ms[usize::from(m)];
        if machine.old_p != Some(p) || Some(machine.tick) != tick {
            return stuck("PROC-I11", format!("P{p} was taken during the call, and the trace says that it was not"));
        }
        let kept: &[&[&str]] = &[&["exit.return-first"], &["exit.kept"]];
        let reclaimed: &[&[&str]] = &[&["exit.reclaim"], &["exit.rewire"], &["exit.run"]];
        self.perform(g, Op::ExitCall, if self.is_1_26() { kept } else { reclaimed })
    }

    fn call_end_blocked(&mut self, index: usize, m: Mid, g: Gid) -> Outcome {
        if self.g_of(m) != Some(g) {
            return stuck("PROC-P06", "the call is not this machine's");
        }
        self.settle(g)?;
        if let Some((Op::ExitCall, Phase::Rewired | Phase::Back)) = self.phase(g)
            && self.p_of(m).is_some()
            && !self.now.takers.contains(&m)
        {
            self.thread(g, &["exit.run", "exit.kept"])?;
            self.now.restarts.push(m);
            return Ok(());
        }
        self.loses(g)?;
        self.before_any_is_idle(|it| it.thread(g, &["exit.no-idle"]))?;
        // It may yet find a processor under the lock: then it goes on at once, on this machine.
        let [next, after] = self.next_after(index);
        let starts = self.next_start(g, index).map(|start| &self.events[start]);
        if let (Some(Event { what: What::ProcStart, p: Some(p), .. }), Some(after)) = (next, after)
            && starts.is_some_and(|start| std::ptr::eq(start, after))
            && self.status(*p) == PStatus::Idle
        {
            return Ok(());
        }
        self.now.queued_beside_idle += u64::from(!self.now.state.idle_ps.is_empty());
        self.before_any_is_idle(|it| it.thread(g, &["exit.queue"]))?;
        self.leaves(g, m);
        self.quiet();
        Ok(())
    }
}

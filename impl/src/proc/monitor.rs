//! The monitor: takes processors out of calls that last, and asks tasks that run for long to make room. Go's `sysmon`.

use std::time::Duration;

use super::plant::Bug;
use super::protocol::{MONITOR_SLEEPS, Status};
use super::scheduler::Scheduler;
use crate::platform::{Arc, Atomic, Ordering, Platform};

/// A call that lasts longer is no longer spared, a task that runs longer is asked to make room.
const LONG: Duration = Duration::from_millis(10);
/// The monitor's sleep between looks while it finds something to do.
const SLEEP_MIN: Duration = Duration::from_micros(20);
/// Its sleep after many looks in vain.
pub(super) const SLEEP_MAX: Duration = Duration::from_millis(10);
/// So many looks in vain, then each doubles the sleep.
const PATIENCE: u32 = 50;
/// The end of its deep sleep, if nobody wakes it.
const DEEP_SLEEP_MAX: Duration = Duration::from_secs(60);

/// What the monitor remembers between its looks.
pub(super) struct Monitor<P: Platform> {
    scheduler: Arc<Scheduler<P>>,
    seen: Vec<Seen>,
}

/// What it saw of a processor.
#[derive(Clone, Copy, Default)]
struct Seen {
    turn: Option<u32>,
    turn_since: Duration,
    tick: Option<u32>,
    call_since: Duration,
}

impl<P: Platform> Monitor<P> {
    pub(super) fn new(scheduler: Arc<Scheduler<P>>) -> Self {
        let seen = vec![Seen::default(); scheduler.protocol.capacity()];
        Monitor { scheduler, seen }
    }

    /// Looks at every processor once, and says how many it took out of calls. Go's `retake`.
    pub(super) fn look(&mut self) -> usize {
        let now = P::now();
        (0..self.scheduler.processor_count()).filter(|index| self.look_at(*index, now)).count()
    }

    fn look_at(&mut self, index: usize, now: Duration) -> bool {
        let scheduler = &self.scheduler;
        let processor = &scheduler.processors[index];
        let status = scheduler.protocol.status(index);
        if !matches!(status, Status::Running | Status::Syscall) {
            return false;
        }
        let seen = &mut self.seen[index];
        let turn = processor.turn.load(Ordering::Relaxed);
        let is_long_turn = if seen.turn == Some(turn) {
            seen.turn_since + LONG <= now
        } else {
            *seen = Seen { turn: Some(turn), turn_since: now, ..*seen };
            false
        };
        if status == Status::Running {
            if is_long_turn {
                processor.preempt.store(true, Ordering::Relaxed);
            }
            return false;
        }
        let planted = scheduler.planted;
        let tick = scheduler.protocol.tick(index);
        // A task whose calls are so short that each look sees another one would never lose its processor otherwise.
        let counts_turn = is_long_turn && !planted.has(Bug::ShortCallsSpared);
        if seen.tick != Some(tick) && !counts_turn {
            *seen = Seen { tick: Some(tick), call_since: now, ..*seen };
            return false;
        }
        let has_work = processor.has_work();
        let others_can = scheduler.spinning_count() + scheduler.idle_count() > 0;
        let is_short = seen.call_since + LONG > now || planted.has(Bug::SparedForEver);
        if (!has_work || planted.has(Bug::SparedWithWork)) && others_can && is_short {
            return false;
        }
        match scheduler.protocol.take_from_call(index, Status::Idle) {
            Some(held) => {
                scheduler.hand_off(held);
                true
            }
            None => false,
        }
    }

    /// Looks again and again until the executor closes.
    pub(super) fn run(mut self) {
        if !self.scheduler.tell_of_closing() {
            return;
        }
        let mut sleep = SLEEP_MIN;
        let mut in_vain = 0;
        loop {
            if in_vain == 0 {
                sleep = SLEEP_MIN;
            } else if in_vain > PATIENCE {
                sleep = (sleep * 2).min(SLEEP_MAX);
            }
            P::park_timeout(sleep);
            match self.sleeps_deeply() {
                None => return,
                Some(true) => in_vain = 0,
                Some(false) => {}
            }
            // Where the system has no thread left it is asked less and less often.
            let lacks_machines = self.scheduler.retry_machines();
            in_vain = if self.look() > 0 && !lacks_machines { 0 } else { in_vain + 1 };
        }
    }

    /// If nothing can need it, sleeps until something might, and says whether it did so. `None`: the executor closes.
    fn sleeps_deeply(&self) -> Option<bool> {
        let scheduler = &self.scheduler;
        {
            let mut lists = scheduler.lock();
            if lists.closing {
                return None;
            }
            let nothing_runs = scheduler.idle_count() == scheduler.processor_count();
            if lists.lacks_machines || !nothing_runs && !lists.world.is_stopping() {
                return Some(false);
            }
            // Under the lock: a processor leaves the idle list, and the world starts, under it, and whoever does that wakes
            // the monitor. The flag is for calls, which take no lock.
            lists.monitor = Some(P::current());
            scheduler.protocol.announce(MONITOR_SLEEPS);
        }
        P::park_timeout(DEEP_SLEEP_MAX);
        let mut lists = scheduler.lock();
        scheduler.wake_monitor(&mut lists);
        if lists.closing { None } else { Some(true) }
    }
}

//! Stopping the world, starting it again with more or fewer processors, and running something on each at a safe point.
//!
//! Whoever stops the world counts the processors that have not halted (`stop_wait`, Go's `stopwait`). Each halts once:
//! the stopper's own at once, those in calls by his compare-and-swap or by their machines as they enter, idle ones by him,
//! running ones by their machines at a safe point. A call need not return for that.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;

use super::context::Context;
use super::machine::{Machine, Sleeper};
use super::plant::Bug;
use super::protocol::{FREEZE, Held, SAFE_POINT, STOP, Status};
use super::scheduler::{Lists, Scheduler};
use crate::platform::{Arc, Atomic, Ordering, Platform};
use crate::waiter::muted;

/// What is run on each processor at a safe point; it is told the processor's number.
pub(super) type SafePointFunction = Arc<dyn Fn(usize) + Send + Sync>;

/// Never reached: see [`Context::freeze`]. Go's number.
const FREEZE_STOP_WAIT: usize = 0x7fff_ffff;

/// What the lock guards of all this.
pub(super) struct World<P: Platform> {
    /// The world is to stop or has stopped.
    stopping: bool,
    /// Processors that have not halted yet.
    stop_wait: usize,
    /// Who waits for them.
    stopper: Option<Sleeper<P>>,
    /// Processors that have halted, but for the stopper's own.
    halted: Vec<Held>,
    /// Processors beyond the number, each under its own number.
    dead: Vec<Held>,
    /// Somebody stops the world or runs a round of safe points (Go's `worldsema`).
    taken: bool,
    /// Who would like to, oldest first.
    line: std::collections::VecDeque<Sleeper<P>>,
    /// The round of safe points that is under way.
    round: Option<Round<P>>,
}

struct Round<P: Platform> {
    function: SafePointFunction,
    /// Processors that still owe it.
    left: usize,
    /// Who waits for them.
    asker: Option<Sleeper<P>>,
    /// What the function panicked with, the first time.
    panic: Option<Box<dyn Any + Send>>,
}

impl<P: Platform> World<P> {
    pub(super) fn new(dead: Vec<Held>) -> Self {
        World {
            stopping: false,
            stop_wait: 0,
            stopper: None,
            halted: Vec::new(),
            dead,
            taken: false,
            line: std::collections::VecDeque::new(),
            round: None,
        }
    }

    /// Whether processors are to halt.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether the machine's task waits for its turn.
    pub(super) fn is_in_line(&self, machine: &Arc<Machine<P>>) -> bool {
        self.line.iter().any(|sleeper| sleeper.is_of(machine))
    }

    /// Whether the machine's task waits for processors to halt.
    pub(super) fn is_stopper(&self, machine: &Arc<Machine<P>>) -> bool {
        self.stopper.as_ref().is_some_and(|stopper| stopper.is_of(machine))
    }

    /// Processors that have not halted yet.
    pub(super) fn stop_wait(&self) -> usize {
        self.stop_wait
    }
}

impl<P: Platform> Scheduler<P> {
    /// A processor halts for the stopper.
    pub(super) fn halt(&self, lists: &mut Lists<P>, held: Held) {
        self.protocol.set(&held, Status::Halted);
        let world = &mut lists.world;
        world.halted.push(held);
        world.stop_wait -= 1;
        if world.stop_wait == 0
            && let Some(stopper) = world.stopper.take()
        {
            stopper.tell();
        }
    }

    /// Whether the processor owes the safe-point function, as of some moment.
    pub(super) fn owes_safe_point(&self, index: usize) -> bool {
        self.processors[index].owes_safe_point.load(Ordering::Relaxed)
    }

    /// The holder runs the safe-point function, if its processor owes it. Only holders do, so that it is run once.
    pub(super) fn run_safe_point(&self, held: &Held) {
        if !self.owes_safe_point(held.index()) {
            return;
        }
        self.processors[held.index()].owes_safe_point.store(false, Ordering::Relaxed);
        let function = self.lock().world.round.as_ref().map(|round| round.function.clone());
        let Some(function) = function else { return };
        // Whose machine this is has nothing to do with the function: its panic is the asker's, and so is that of what it owns.
        let mut panic = P::contain(move || function(held.index())).err();
        {
            let mut lists = self.lock();
            let Some(round) = &mut lists.world.round else { return };
            if round.panic.is_none() {
                round.panic = panic.take();
            }
            round.left -= 1;
            if round.left == 0
                && let Some(asker) = round.asker.take()
            {
                asker.tell();
            }
        }
        if let Err(payload) = P::contain(|| drop(panic)) {
            std::mem::forget(payload);
        }
    }
}

impl<P: Platform> Context<P> {
    /// Stops the world: returns once no other task runs, each at a safe point of its own or in a call. A call that
    /// returns meanwhile waits. The world goes on when the answer is dropped.
    ///
    /// It takes as long as the slowest running task takes to its next safe point. Calls need not return.
    ///
    /// # Panics
    ///
    /// If the task is in a call.
    pub fn stop_the_world(&mut self) -> Stopped<'_, P> {
        self.stop();
        self.has_stopped = true;
        Stopped { context: self }
    }

    /// The other end, if it is still to come, with as many processors as there are.
    pub(super) fn start_if_stopped(&mut self) {
        if self.has_stopped {
            let count = self.scheduler.processor_count();
            self.start_after(count);
        }
    }

    fn start_after(&mut self, count: usize) {
        self.has_stopped = false;
        self.start(count);
    }

    /// Waits for its turn to stop the world, or to run a round; the processor is others' meanwhile.
    fn take_world(&mut self) {
        self.checkpoint();
        let scheduler = self.scheduler.clone();
        let mut lists = scheduler.lock();
        if !lists.world.taken && !lists.world.stopping {
            lists.world.taken = true;
            return;
        }
        self.wait_in_line(|sleeper| {
            lists.world.line.push_back(sleeper);
            drop(lists);
        });
    }

    /// Hands the world to the next in line: it stays taken, so that nobody who comes by is faster. Go does so after a stop, all but
    /// for a moment in which somebody may be; after a round of safe points it lets them race. Neither is of use to anybody.
    fn give_world(&mut self) {
        let next = {
            let world = &mut self.scheduler.lock().world;
            let next = world.line.pop_front();
            world.taken = next.is_some();
            next
        };
        if let Some(next) = next {
            let scheduler = self.scheduler.clone();
            self.ready(&scheduler, next);
        }
    }

    /// See [`Context::stop_the_world`]; [`Context::start`] is the other end.
    pub(super) fn stop(&mut self) {
        self.take_world();
        let machine = self.machine.clone();
        let (mut must_wait, mut is_frozen) = (false, false);
        self.with_held(|scheduler, held| {
            let mut lists = scheduler.lock();
            let count = scheduler.processor_count();
            is_frozen = scheduler.protocol.attention() & FREEZE != 0;
            if is_frozen {
                return held;
            }
            lists.world.stopping = true;
            lists.world.stop_wait = count;
            scheduler.protocol.announce(STOP);
            scheduler.protocol.set(&held, Status::Halted);
            lists.world.stop_wait -= 1;
            for index in 0..count {
                if let Some(held) = scheduler.protocol.take_from_call(index, Status::Halted) {
                    scheduler.halt(&mut lists, held);
                }
            }
            while let Some(held) = scheduler.take_idle(&mut lists) {
                scheduler.halt(&mut lists, held);
            }
            must_wait = lists.world.stop_wait != 0;
            if must_wait {
                lists.world.stopper = Some(machine.sleeper());
            }
            held
        });
        if is_frozen {
            // It has its turn, and nobody after it: the world is not its to stop any more, nor to start.
            let scheduler = self.scheduler.clone();
            self.wait_in_line(|sleeper| scheduler.lock().world.line.push_back(sleeper));
        }
        if must_wait {
            machine.wait_until_told();
        }
    }

    /// Starts the world again, with so many processors.
    pub(super) fn start(&mut self, count: usize) {
        self.with_held(|scheduler, mut own| {
            let mut lists = scheduler.lock();
            for index in scheduler.processor_count()..count {
                let world = &mut lists.world;
                let held =
                    world.dead.iter().position(|held| held.index() == index).map(|at| world.dead.swap_remove(at));
                let held = held.expect("a processor beyond the number is dead");
                scheduler.protocol.set(&held, Status::Halted);
                world.halted.push(held);
            }
            lists.world.halted.sort_by_key(Held::index);
            if own.index() >= count {
                // The first one is halted, because the stopper's own is another.
                own = std::mem::replace(&mut lists.world.halted[0], own);
                lists.world.halted.sort_by_key(Held::index);
            }
            let keep = lists.world.halted.partition_point(|held| held.index() < count);
            let destroyed = lists.world.halted.split_off(keep);
            // Each puts its work before all that is there, so what the last one has comes first, as in Go.
            for held in destroyed {
                let work = scheduler.drain(&held);
                if !scheduler.planted.has(Bug::QueueDies) {
                    scheduler.prepend_global(&mut lists, work);
                }
                scheduler.protocol.set(&held, Status::Dead);
                lists.world.dead.push(held);
            }
            scheduler.set_processor_count(count);
            scheduler.protocol.set(&own, Status::Running);
            lists.world.stopping = false;
            scheduler.protocol.withdraw(STOP);
            let mut with_work = Vec::new();
            for held in std::mem::take(&mut lists.world.halted).into_iter().rev() {
                if scheduler.processors[held.index()].has_work() {
                    with_work.push(held);
                } else {
                    scheduler.put_idle(&mut lists, held);
                }
            }
            // StartFence: see "No work is lost".
            P::fence(Ordering::SeqCst);
            let looks = scheduler.take_idle_to_look(&mut lists);
            scheduler.wake_monitor(&mut lists);
            drop(lists);
            with_work.into_iter().for_each(|held| scheduler.hand_off(held));
            if let Some(held) = looks {
                scheduler.start_machine(held, true);
            }
            own
        });
        self.give_world();
    }

    /// Nobody gets a processor any more: for a program that is dying and wants to be found as it was. Tasks that run go
    /// on to their next safe point, and no further; calls that return wait for ever. There is no way back.
    ///
    /// # Panics
    ///
    /// If the task is in a call.
    pub fn freeze(&mut self) {
        _ = self.held();
        let mut lists = self.scheduler.lock();
        lists.world.stopping = true;
        lists.world.stop_wait = FREEZE_STOP_WAIT;
        self.scheduler.protocol.announce(STOP | FREEZE);
    }

    /// Runs `function` once for each processor, while no task runs on it: by the task or machine that has it, at its next
    /// safe point; by the caller for those that are idle or in calls. Returns when all have run it. It must not wait for
    /// tasks.
    ///
    /// # Panics
    ///
    /// If the task is in a call. A panic of the function goes on here, once it has run on all processors.
    pub fn on_each_processor(&mut self, function: impl Fn(usize) + Send + Sync + 'static) {
        self.take_world();
        let machine = self.machine.clone();
        let function: SafePointFunction = Arc::new(function);
        let mut must_wait = false;
        let mut own_panic = None;
        self.with_held(|scheduler, held| {
            let mut lists = scheduler.lock();
            let count = scheduler.processor_count();
            lists.world.round = Some(Round { function: function.clone(), left: count - 1, asker: None, panic: None });
            for index in (0..count).filter(|index| *index != held.index()) {
                scheduler.processors[index].owes_safe_point.store(true, Ordering::Relaxed);
            }
            scheduler.protocol.announce(SAFE_POINT);
            let idle: Vec<Held> = std::iter::from_fn(|| scheduler.take_idle(&mut lists)).collect();
            drop(lists);
            for held in idle {
                if scheduler.planted.has(Bug::SafePointUnclaimed) {
                    function(held.index());
                }
                // Whoever gets it runs the function, or handing it off does.
                scheduler.hand_off(held);
            }
            own_panic = P::contain(|| function(held.index())).err();
            for index in (0..count).filter(|index| *index != held.index()) {
                if scheduler.owes_safe_point(index)
                    && !scheduler.planted.has(Bug::SafePointMissesCalls)
                    && let Some(taken) = scheduler.protocol.take_from_call(index, Status::Idle)
                {
                    scheduler.hand_off(taken);
                }
            }
            let mut lists = scheduler.lock();
            if let Some(round) = &mut lists.world.round
                && round.left != 0
            {
                round.asker = Some(machine.sleeper());
                must_wait = true;
            }
            held
        });
        if must_wait {
            machine.wait_until_told();
        }
        let others_panic = {
            let mut lists = self.scheduler.lock();
            self.scheduler.protocol.withdraw(SAFE_POINT);
            lists.world.round.take().and_then(|round| round.panic)
        };
        self.give_world();
        // Nobody else has it any more.
        let last_panic = P::contain(|| drop(function)).err();
        if let Some(payload) = own_panic.or(others_panic).or(last_panic) {
            resume_unwind(payload);
        }
    }
}

/// The world has stopped: no other task runs until this is dropped.
pub struct Stopped<'a, P: Platform> {
    context: &'a mut Context<P>,
}

impl<P: Platform> Stopped<'_, P> {
    /// Starts the world with so many processors. Work of those that there are no more comes first of all.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or more than the executor was built for.
    pub fn start_with_processors(self, count: usize) {
        let capacity = self.context.scheduler.protocol.capacity();
        assert!((1..=capacity).contains(&count), "{count} processors, of 1 to {capacity}");
        let context = &mut std::mem::ManuallyDrop::new(self).context;
        context.start_after(count);
    }
}

impl<P: Platform> Drop for Stopped<'_, P> {
    fn drop(&mut self) {
        // Where nothing waits any more there is nobody to wait for: see `tidy_up`.
        if !muted::<P>() {
            self.context.start_if_stopped();
        }
    }
}

impl<P: Platform> fmt::Debug for Stopped<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopped").finish_non_exhaustive()
    }
}

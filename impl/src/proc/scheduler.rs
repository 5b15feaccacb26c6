//! What all machines share: processors with their queues, the lists under the lock, and how work finds a machine.
//!
//! Three kinds of places hold work: a processor's run queue, its `first` slot (what was readied last and comes next), and
//! the global queue under the lock. A processor without work is on the idle list. That no work is lost between them is
//! a part of the proof sketch in the [module's documentation](super).
//!
//! Work is a task that has not begun, which any machine without a task can run, or a machine whose task waits for a
//! processor: it keeps the task on its stack, so that only it can go on with it, and whoever finds it hands it the processor.

use std::collections::VecDeque;

use super::context::worker;
use super::job::Job;
use super::lifetime::Lifetime;
use super::machine::{Machine, Sleeper};
use super::plant::{Bug, Planted};
use super::protocol::{FREEZE, Held, MONITOR_SLEEPS, Protocol, SAFE_POINT, STOP, Status};
use super::world::World;
use crate::platform::{
    Arc, Atomic, AtomicInteger, MutexGuard, Ordering, Platform, PlatformMutex, RunQueue, Steal, Unpark,
};

/// Every so many turns a processor looks at the global queue first, so that its own cannot starve it. As in Go.
const GLOBAL_FIRST_EVERY: u32 = 61;
/// The most tasks that a processor moves from the global queue to its own at once.
const BATCH_MAX: usize = 128;

/// How often a machine that spins looks for work before it sleeps. On the checking platforms, where waking costs nothing
/// and each look is a step of the program, once.
const fn spinning_rounds<P: Platform>() -> u32 {
    if P::VIRTUAL_TIME { 1 } else { 32 }
}

/// Something that needs a processor.
pub(super) enum Work<P: Platform> {
    /// A task that has not begun.
    Task(Job<P>),
    /// A machine whose task goes on.
    Machine(Sleeper<P>),
}

/// A processor's queues, and what others want of it. Its status is the [`Protocol`]'s.
pub(super) struct Processor<P: Platform> {
    queue: P::RunQueue<Work<P>>,
    /// What comes next, before the queue.
    first: P::Mutex<Option<Work<P>>>,
    /// Whether there is anything in `first`.
    has_first: P::AtomicBool,
    /// Go's `schedtick`: moves with each turn of a task. Only the holder writes it.
    pub turn: P::AtomicU32,
    /// What runs next goes on with the turn of whoever ran before. Only the holder writes it.
    shares_turn: P::AtomicBool,
    /// The monitor asks the running task to make room; whoever shares its turn inherits that.
    pub preempt: P::AtomicBool,
    /// Go's `runSafePointFn`: whoever clears it runs the function.
    pub owes_safe_point: P::AtomicBool,
}

impl<P: Platform> Processor<P> {
    fn new() -> Self {
        Processor {
            queue: P::RunQueue::new(),
            first: P::Mutex::new(None),
            has_first: P::AtomicBool::new(false),
            turn: P::AtomicU32::new(0),
            shares_turn: P::AtomicBool::new(false),
            preempt: P::AtomicBool::new(false),
            owes_safe_point: P::AtomicBool::new(false),
        }
    }

    /// Whether it has work, as of some moment.
    pub(super) fn has_work(&self) -> bool {
        self.has_first.load(Ordering::Relaxed) || !self.queue.is_empty()
    }

    /// How much work it has, as of some moment.
    pub(super) fn work_len(&self) -> usize {
        usize::from(self.has_first.load(Ordering::Relaxed)) + self.queue.len()
    }

    fn take_first(&self) -> Option<Work<P>> {
        if !self.has_first.load(Ordering::Relaxed) {
            return None;
        }
        let mut first = self.first.lock();
        self.has_first.store(false, Ordering::Relaxed);
        first.take()
    }

    /// For anybody: the oldest of the queue, or what comes next.
    fn steal(&self) -> Option<Work<P>> {
        loop {
            match self.queue.steal() {
                Steal::Success(work) => return Some(work),
                Steal::Empty => return self.take_first(),
                Steal::Retry => {}
            }
        }
    }
}

/// Everything that machines share.
pub(super) struct Scheduler<P: Platform> {
    pub protocol: Protocol<P>,
    pub processors: Box<[Processor<P>]>,
    lists: P::Mutex<Lists<P>>,
    /// Go's `npidle`: written under the lock, read without.
    idle_count: P::AtomicUsize,
    /// Go's `nmspinning`: machines that look for work at other processors.
    spinning_count: P::AtomicUsize,
    /// The length of the global queue: written under the lock, read without.
    global_count: P::AtomicUsize,
    /// Go's GOMAXPROCS: written while the world has stopped.
    processor_count: P::AtomicUsize,
    pub lifetime: Lifetime<P>,
    pub planted: Planted,
}

/// What the lock guards.
pub(super) struct Lists<P: Platform> {
    /// Processors without work; the last is taken first.
    idle: Vec<Held>,
    /// Machines without a task; the last is taken first.
    pub idle_machines: Vec<Sleeper<P>>,
    /// Work for anybody, oldest first.
    pub global: VecDeque<Work<P>>,
    /// Stopping the world, and resizing it.
    pub world: World<P>,
    /// Threads of ours that exist, with those whose own code is a task.
    pub machines: usize,
    /// A machine could not be started, and nobody has tried again.
    pub lacks_machines: bool,
    /// The monitor's thread while it is in its deep sleep.
    pub monitor: Option<P::Thread>,
    /// Threads that are unparked when the executor closes.
    pub told_of_closing: Vec<P::Thread>,
    /// Nothing is accepted any more; machines without a task end.
    pub closing: bool,
}

impl<P: Platform> Lists<P> {
    /// The permission to a processor that is idle.
    pub(super) fn idle(&self, index: usize) -> Option<&Held> {
        self.idle.iter().find(|held| held.index() == index)
    }
}

impl<P: Platform> Scheduler<P> {
    /// `processors` of `capacity` at most, all idle.
    pub(super) fn new(processors: usize, capacity: usize, lifetime: Lifetime<P>, planted: Planted) -> Self {
        let (protocol, mut held) = Protocol::new(capacity, planted);
        let dead = held.split_off(processors);
        held.iter().for_each(|held| protocol.set(held, Status::Idle));
        // The first is taken first.
        held.reverse();
        Scheduler {
            protocol,
            processors: (0..capacity).map(|_| Processor::new()).collect(),
            idle_count: P::AtomicUsize::new(held.len()),
            spinning_count: P::AtomicUsize::new(0),
            global_count: P::AtomicUsize::new(0),
            processor_count: P::AtomicUsize::new(processors),
            lists: P::Mutex::new(Lists {
                idle: held,
                idle_machines: Vec::new(),
                global: VecDeque::new(),
                world: World::new(dead),
                machines: 0,
                lacks_machines: false,
                monitor: None,
                told_of_closing: Vec::new(),
                closing: false,
            }),
            lifetime,
            planted,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, P, Lists<P>> {
        self.lists.lock()
    }

    /// Go's `npidle`, as of some moment.
    pub(super) fn idle_count(&self) -> usize {
        self.idle_count.load(Ordering::Relaxed)
    }

    /// Go's `nmspinning`, as of some moment.
    pub(super) fn spinning_count(&self) -> usize {
        self.spinning_count.load(Ordering::Relaxed)
    }

    /// Go's GOMAXPROCS.
    pub(super) fn processor_count(&self) -> usize {
        self.processor_count.load(Ordering::Relaxed)
    }

    /// Sets it, while the world has stopped.
    pub(super) fn set_processor_count(&self, count: usize) {
        self.processor_count.store(count, Ordering::Relaxed);
    }

    /// A task begins or goes on with a turn of its own, unless it was what comes next: two that ready each other must not look
    /// to the monitor like many that make room.
    pub(super) fn begin_turn(&self, held: &Held) {
        let processor = &self.processors[held.index()];
        if processor.shares_turn.load(Ordering::Relaxed) {
            processor.shares_turn.store(false, Ordering::Relaxed);
            return;
        }
        let turn = processor.turn.load(Ordering::Relaxed).wrapping_add(1);
        processor.turn.store(turn, Ordering::Relaxed);
        processor.preempt.store(false, Ordering::Relaxed);
    }

    /// Puts a processor on the idle list.
    pub(super) fn put_idle(&self, lists: &mut Lists<P>, held: Held) {
        self.protocol.set(&held, Status::Idle);
        lists.idle.push(held);
        self.idle_count.store(lists.idle.len(), Ordering::Relaxed);
    }

    /// Takes a processor from the idle list. None is there while the world stops.
    pub(super) fn take_idle(&self, lists: &mut Lists<P>) -> Option<Held> {
        let held = lists.idle.pop()?;
        self.idle_count.store(lists.idle.len(), Ordering::Relaxed);
        self.wake_monitor(lists);
        Some(held)
    }

    /// A processor for a task whose call has returned, if one is idle. The program must not be dying.
    pub(super) fn take_idle_for_return(&self) -> Option<Held> {
        if self.idle_count() == 0 || self.protocol.attention() & FREEZE != 0 {
            return None;
        }
        if self.planted.has(Bug::IdleWithoutLock) {
            let index = self.lock().idle.last().map(Held::index)?;
            let mut lists = self.lock();
            lists.idle.retain(|held| held.index() != index);
            self.idle_count.store(lists.idle.len(), Ordering::Relaxed);
            return Some(Held::from_index(index));
        }
        self.take_idle(&mut self.lock())
    }

    /// Ends the monitor's deep sleep: something may happen now that it must watch.
    pub(super) fn wake_monitor(&self, lists: &mut Lists<P>) {
        if let Some(monitor) = lists.monitor.take() {
            self.protocol.withdraw(MONITOR_SLEEPS);
            monitor.unpark();
        }
    }

    /// Puts work at the end of the global queue.
    pub(super) fn push_global(&self, lists: &mut Lists<P>, work: Work<P>) {
        lists.global.push_back(work);
        self.global_count.store(lists.global.len(), Ordering::Relaxed);
    }

    /// Puts work at the head of the global queue, in its order.
    pub(super) fn prepend_global(&self, lists: &mut Lists<P>, work: Vec<Work<P>>) {
        for work in work.into_iter().rev() {
            lists.global.push_front(work);
        }
        self.global_count.store(lists.global.len(), Ordering::Relaxed);
    }

    /// Takes the oldest of the global queue, and moves a fair share of the tasks behind it to the processor's own.
    fn pop_global(&self, lists: &mut Lists<P>, held: &Held) -> Option<Work<P>> {
        let share = (lists.global.len() / self.processor_count()).min(BATCH_MAX);
        let work = lists.global.pop_front();
        for _ in 1..share {
            match lists.global.pop_front() {
                Some(Work::Task(task)) => self.push_local(held, Work::Task(task)),
                Some(machine) => {
                    lists.global.push_front(machine);
                    break;
                }
                None => break,
            }
        }
        self.global_count.store(lists.global.len(), Ordering::Relaxed);
        work
    }

    pub(super) fn push_local(&self, held: &Held, work: Work<P>) {
        // SAFETY: `held` is the one permission to the processor, and each holder happens after the one before.
        unsafe { self.processors[held.index()].queue.push(work) };
    }

    fn pop_local(&self, held: &Held) -> Option<Work<P>> {
        // SAFETY: as in `push_local`.
        unsafe { self.processors[held.index()].queue.pop() }
    }

    /// Puts work first on the holder's own processor; what was first comes last.
    pub(super) fn put_first(&self, held: &Held, work: Work<P>) {
        let processor = &self.processors[held.index()];
        let before = {
            let mut first = processor.first.lock();
            processor.has_first.store(true, Ordering::Relaxed);
            first.replace(work)
        };
        if let Some(before) = before {
            self.push_local(held, before);
        }
    }

    /// The next work for a processor: its own or global. What comes next has to wait once the turn that it would share is to end.
    pub(super) fn find(&self, held: &Held) -> Option<Work<P>> {
        let processor = &self.processors[held.index()];
        let turn = processor.turn.load(Ordering::Relaxed);
        if turn % GLOBAL_FIRST_EVERY == GLOBAL_FIRST_EVERY - 1
            && let Some(work) = self.take_global(held)
        {
            return Some(work);
        }
        let queued = || self.pop_local(held).or_else(|| self.take_global(held));
        if processor.preempt.load(Ordering::Relaxed)
            && let Some(work) = queued()
        {
            return Some(work);
        }
        let first = processor.take_first();
        if first.is_some() {
            processor.shares_turn.store(true, Ordering::Relaxed);
        }
        first.or_else(queued)
    }

    /// The oldest of the global queue, if there seems to be any.
    fn take_global(&self, held: &Held) -> Option<Work<P>> {
        if self.global_count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.pop_global(&mut self.lock(), held)
    }

    /// Work for a machine that spins, from wherever it is. It looks for a while, because it may come any moment, and a machine
    /// that sleeps is slow to wake.
    pub(super) fn spin(&self, held: &Held) -> Option<Work<P>> {
        for _ in 1..spinning_rounds::<P>() {
            let work = self.steal(held).or_else(|| self.take_global(held));
            if work.is_some() {
                return work;
            }
            if self.protocol.attention() & (STOP | SAFE_POINT) != 0 {
                return None;
            }
            P::yield_now();
        }
        self.steal(held)
    }

    /// Work from some other processor.
    fn steal(&self, held: &Held) -> Option<Work<P>> {
        let (before, after) = self.living().split_at(held.index());
        after[1..].iter().chain(before).find_map(Processor::steal)
    }

    /// Everything that a dying processor has.
    pub(super) fn drain(&self, held: &Held) -> Vec<Work<P>> {
        let first = self.processors[held.index()].take_first();
        first.into_iter().chain(std::iter::from_fn(|| self.pop_local(held))).collect()
    }

    /// Whether any processor has work, or there is any for all.
    fn is_queued_anywhere(&self) -> bool {
        self.global_count.load(Ordering::Relaxed) != 0 || self.living().iter().any(Processor::has_work)
    }

    /// The processors that are not dead, the only ones that can have work: the number changes while the world has stopped, and
    /// who queues on a new one knows it. Who looks with an older number looked before that, fences included.
    fn living(&self) -> &[Processor<P>] {
        &self.processors[..self.processor_count()]
    }

    /// Go's `handoffp`: the processor goes to whoever has something to do with it.
    pub(super) fn hand_off(self: &Arc<Self>, held: Held) {
        self.protocol.set(&held, Status::Idle);
        loop {
            if !self.planted.has(Bug::IdleWithWork)
                && let Some(work) = self.find(&held)
            {
                return self.begin(held, work);
            }
            self.run_safe_point(&held);
            let mut lists = self.lock();
            if lists.world.is_stopping() && !self.planted.has(Bug::HandOffIgnoresStop) {
                return self.halt(&mut lists, held);
            }
            if self.processors[held.index()].owes_safe_point.load(Ordering::Relaxed) {
                continue;
            }
            if !self.planted.has(Bug::IdleWithWork)
                && let Some(work) = self.pop_global(&mut lists, &held)
            {
                drop(lists);
                return self.begin(held, work);
            }
            self.put_idle(&mut lists, held);
            break;
        }
        // Retire, RetireFence: see "No work is lost".
        if !self.planted.has(Bug::RetiresBlindly) && !self.planted.has(Bug::IdleWithWork) {
            P::fence(Ordering::SeqCst);
            if self.is_queued_anywhere() {
                self.wake_one();
            }
        }
    }

    /// Has the work done with the processor: by the machine that it is, or by one without a task.
    fn begin(self: &Arc<Self>, held: Held, work: Work<P>) {
        match work {
            Work::Machine(sleeper) => sleeper.give(held, false),
            task @ Work::Task(_) => {
                // From here on it has its turn: `first` is only its way to the machine.
                self.begin_turn(&held);
                self.put_first(&held, task);
                self.start_machine(held, false);
            }
        }
    }

    /// Go's `startm`: gives the processor to a machine without a task, or to a new one.
    pub(super) fn start_machine(self: &Arc<Self>, held: Held, spinning: bool) {
        let mut lists = self.lock();
        if let Some(sleeper) = lists.idle_machines.pop() {
            drop(lists);
            sleeper.give(held, spinning);
            return;
        }
        lists.machines += 1;
        drop(lists);
        let scheduler = self.clone();
        let index = held.index();
        let started = self.lifetime.start_thread("", move || {
            let machine = Machine::new();
            machine.sleeper().give(held, spinning);
            worker(scheduler, machine);
        });
        if started.is_err() {
            // The permission went with the closure, which was not run.
            self.do_without_machine(Held::from_index(index), spinning);
        }
    }

    /// The system has no thread left for a processor. It goes to a task that waits for one, wherever that stands in the queues, for
    /// its machine is there; if there is none it is idle, whatever is queued. The monitor tries again.
    #[cold]
    fn do_without_machine(&self, held: Held, spinning: bool) {
        loop {
            self.run_safe_point(&held);
            let mut lists = self.lock();
            let is_stopping = lists.world.is_stopping();
            if self.owes_safe_point(held.index()) && !is_stopping {
                continue;
            }
            lists.machines -= 1;
            lists.lacks_machines = true;
            let queued = self.drain(&held);
            self.prepend_global(&mut lists, queued);
            if is_stopping {
                self.halt(&mut lists, held);
            } else if let Some(sleeper) = self.take_waiting_machine(&mut lists) {
                drop(lists);
                sleeper.give(held, false);
            } else {
                self.put_idle(&mut lists, held);
            }
            break;
        }
        if spinning {
            self.stop_spinning();
        }
    }

    /// The first in the global queue of those whose machine is there.
    fn take_waiting_machine(&self, lists: &mut Lists<P>) -> Option<Sleeper<P>> {
        let at = lists.global.iter().position(|work| matches!(work, Work::Machine(_)))?;
        let work = lists.global.remove(at);
        self.global_count.store(lists.global.len(), Ordering::Relaxed);
        match work {
            Some(Work::Machine(sleeper)) => Some(sleeper),
            _ => unreachable!("it is there"),
        }
    }

    /// Tries again where a machine could not be started, and says whether one is still lacking.
    pub(super) fn retry_machines(self: &Arc<Self>) -> bool {
        if !std::mem::take(&mut self.lock().lacks_machines) {
            return false;
        }
        if self.is_queued_anywhere() {
            self.wake_one();
        }
        self.lock().lacks_machines
    }

    /// Go's `wakep`, for whoever has just queued work on its own processor: sees to it that somebody looks for it, if a
    /// processor is idle.
    pub(super) fn queued(self: &Arc<Self>) {
        if self.planted.has(Bug::QueuesSilently) {
            return;
        }
        // QueueFence: see "No work is lost".
        P::fence(Ordering::SeqCst);
        self.wake_one();
    }

    /// One more machine looks for work, unless one does already or no processor is idle.
    pub(super) fn wake_one(self: &Arc<Self>) {
        while self.idle_count() != 0 && self.spinning_count() == 0 {
            if self.spinning_count.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                return;
            }
            let idle = self.take_idle(&mut self.lock());
            match idle {
                Some(held) => return self.start_machine(held, true),
                None => self.stop_spinning(),
            }
        }
    }

    /// An idle processor for one more machine that looks for work, if there is any and nobody looks yet. It is counted as
    /// spinning.
    pub(super) fn take_idle_to_look(&self, lists: &mut Lists<P>) -> Option<Held> {
        if self.spinning_count() != 0 || !self.is_queued_anywhere() {
            return None;
        }
        let held = self.take_idle(lists)?;
        self.start_spinning();
        Some(held)
    }

    /// Whether one more machine may spin: at most half of the processors that are not idle.
    pub(super) fn may_spin(&self) -> bool {
        let busy = self.processor_count().saturating_sub(self.idle_count());
        2 * self.spinning_count() < busy
    }

    /// The machine begins to look for work at other processors.
    pub(super) fn start_spinning(&self) {
        self.spinning_count.fetch_add(1, Ordering::Relaxed);
    }

    /// It does so no longer. Whoever calls it looks once more: at the queues, if it found nothing, or for somebody who spins
    /// in its place.
    pub(super) fn stop_spinning(&self) {
        self.spinning_count.fetch_sub(1, Ordering::Relaxed);
        // StopSpinFence: see "No work is lost".
        P::fence(Ordering::SeqCst);
    }

    /// A machine that spun has found work: another one looks in its place, if there is a processor for it.
    pub(super) fn found_work(self: &Arc<Self>) {
        self.stop_spinning();
        self.wake_one();
    }

    /// A worker without work retires its processor. Then it looks at the queues once more, and takes a processor back if
    /// there is work now: it spins in that case.
    pub(super) fn retire(self: &Arc<Self>, held: Held, spinning: bool) -> Option<Held> {
        let mut lists = self.lock();
        // A stop of the world and a safe point are for the caller, who looks for them before all else.
        let must_stay = lists.world.is_stopping()
            || self.processors[held.index()].owes_safe_point.load(Ordering::Relaxed)
            || !lists.global.is_empty();
        if must_stay {
            drop(lists);
            if !spinning {
                self.start_spinning();
            }
            return Some(held);
        }
        self.put_idle(&mut lists, held);
        drop(lists);
        if spinning {
            self.spinning_count.fetch_sub(1, Ordering::Relaxed);
        }
        if self.planted.has(Bug::RetiresBlindly) {
            return None;
        }
        // RetireFence, and StopSpinFence if it spun: see "No work is lost".
        P::fence(Ordering::SeqCst);
        if !self.is_queued_anywhere() {
            return None;
        }
        let held = self.take_idle(&mut self.lock())?;
        self.start_spinning();
        Some(held)
    }

    /// A task whose machine sleeps goes on: on an idle processor, else next on the caller's, else after all others.
    pub(super) fn ready(self: &Arc<Self>, sleeper: Sleeper<P>, own: Option<&Held>) {
        if own.is_none() || self.idle_count() != 0 {
            let mut lists = self.lock();
            if let Some(held) = self.take_idle(&mut lists) {
                drop(lists);
                return sleeper.give(held, false);
            }
            if own.is_none() {
                return self.push_global(&mut lists, Work::Machine(sleeper));
            }
        }
        if let Some(own) = own {
            self.put_first(own, Work::Machine(sleeper));
            self.queued();
        }
    }

    /// A task from outside, after all others. As with tasks from tasks no machine is woken if one spins, so that a burst of
    /// short tasks does not wake one for each.
    pub(super) fn submit(self: &Arc<Self>, job: Job<P>) {
        self.push_global(&mut self.lock(), Work::Task(job));
        self.queued();
    }

    /// A task from a task: last on its own processor.
    pub(super) fn submit_local(self: &Arc<Self>, held: &Held, job: Job<P>) {
        self.push_local(held, Work::Task(job));
        self.queued();
    }
}

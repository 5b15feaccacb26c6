//! A machine's own view: the processor it holds, the call it is in, and how its task gives way to others.

use super::job::Job;
use super::machine::{Machine, Sleeper};
use super::protocol::{Absent, FREEZE, Held, MONITOR_SLEEPS, Reclaimed, SAFE_POINT, STOP, Status};
use super::scheduler::{Scheduler, Work};
use crate::platform::host::atomic::AtomicBool;
use crate::platform::{Arc, Atomic, Ordering, Platform, Std};
use crate::waiter::muted;

/// What a task is told about the machine that it runs on, and how it acts as a task.
///
/// A task runs on one machine from beginning to end. While it runs it holds a processor, but for the time of a
/// [call](Context::blocking) and while it waits for others. It is never interrupted: others get its processor at
/// [safe points](Context::checkpoint), which all methods that let others run are.
pub struct Context<P: Platform = Std> {
    pub(super) scheduler: Arc<Scheduler<P>>,
    pub(super) machine: Arc<Machine<P>>,
    place: Place,
    /// Counted as looking for work at other processors. Only without a task.
    spinning: bool,
    /// The world has stopped for its task.
    pub(super) has_stopped: bool,
    /// Others may have the way to unpark its task.
    has_unparkers: AtomicBool,
}

/// Where a machine's task is.
#[derive(Debug)]
enum Place {
    /// On a processor.
    On(Held),
    /// In a call, with the processor left behind.
    InCall(Absent),
    /// Without a processor: in a call that was known to block, or asleep.
    Off,
}

impl<P: Platform> Context<P> {
    /// A machine that holds the processor, or none yet.
    pub(super) fn new(scheduler: Arc<Scheduler<P>>, machine: Arc<Machine<P>>, held: Option<Held>) -> Self {
        Context {
            scheduler,
            machine,
            place: held.map_or(Place::Off, Place::On),
            spinning: false,
            has_stopped: false,
            has_unparkers: AtomicBool::new(false),
        }
    }

    /// The number of the processor that the task runs on; `None` in a call.
    pub fn processor(&self) -> Option<usize> {
        match &self.place {
            Place::On(held) => Some(held.index()),
            Place::InCall(_) | Place::Off => None,
        }
    }

    /// Runs something that may block the thread, such as a system call. The processor stays behind, and is taken by the
    /// monitor if the call lasts and others have work, or if the world stops. Returns once the task has a processor again.
    ///
    /// Without such a reason this costs two stores, a fence, two loads and a compare-and-swap. A panic in `call` goes on
    /// after the task has a processor again.
    pub fn blocking<R>(&mut self, call: impl FnOnce() -> R) -> R {
        self.enter_call();
        let back = Back(self);
        let result = call();
        drop(back);
        result
    }

    /// Like [`Context::blocking`] for a call that is known to last: the processor is handed off at once.
    pub fn blocking_long<R>(&mut self, call: impl FnOnce() -> R) -> R {
        self.enter_long_call();
        let back = Back(self);
        let result = call();
        drop(back);
        result
    }

    /// Go's `entersyscall`: from here to [`Context::exit_call`] the task does without a processor. Better:
    /// [`Context::blocking`].
    ///
    /// # Panics
    ///
    /// If the task is in a call.
    #[inline]
    pub fn enter_call(&mut self) {
        let held = self.leave_processor();
        let (absent, attention) = self.scheduler.protocol.enter(held);
        self.place = Place::InCall(absent);
        if attention != 0 {
            self.entered_in_turmoil(absent);
        }
    }

    /// Somebody wants something of the processor that was just left behind.
    #[cold]
    fn entered_in_turmoil(&mut self, absent: Absent) {
        let scheduler = &self.scheduler;
        let attention = scheduler.protocol.attention();
        if attention & MONITOR_SLEEPS != 0 {
            scheduler.wake_monitor(&mut scheduler.lock());
        }
        if attention & STOP != 0 {
            let mut lists = scheduler.lock();
            if lists.world.is_stopping()
                && let Some(held) = scheduler.protocol.take_from_call(absent.index(), Status::Halted)
            {
                scheduler.halt(&mut lists, held);
            }
        }
        if attention & SAFE_POINT != 0
            && scheduler.owes_safe_point(absent.index())
            && let Some(held) = scheduler.protocol.take_from_call(absent.index(), Status::Idle)
        {
            scheduler.hand_off(held);
        }
    }

    /// Go's `entersyscallblock`: like [`Context::enter_call`], but the processor is handed off at once. Better:
    /// [`Context::blocking_long`].
    ///
    /// # Panics
    ///
    /// If the task is in a call.
    pub fn enter_long_call(&mut self) {
        let held = self.leave_processor();
        self.scheduler.protocol.bump(&held);
        self.scheduler.hand_off(held);
    }

    /// Go's `exitsyscall`: returns once the task has a processor again, and says whether it had lost its own.
    ///
    /// # Panics
    ///
    /// If the task is in no call.
    #[inline]
    pub fn exit_call(&mut self) -> bool {
        let protocol = &self.scheduler.protocol;
        if let Place::InCall(absent) = self.place
            && protocol.attention() & FREEZE == 0
            && let Some(Reclaimed { held, was_away }) = protocol.reclaim(absent)
        {
            protocol.bump(&held);
            self.place = Place::On(held);
            return was_away;
        }
        self.exit_bereft();
        true
    }

    /// The processor is gone: another idle one, or the global queue.
    #[cold]
    fn exit_bereft(&mut self) {
        assert!(!matches!(self.place, Place::On(_)), "the task is in no call");
        self.place = Place::Off;
        self.get_processor();
        if let Place::On(held) = &self.place {
            self.scheduler.protocol.bump(held);
        }
    }

    /// A machine without a processor gets one: an idle one, or it waits on the global queue.
    pub(super) fn get_processor(&mut self) {
        let scheduler = &self.scheduler;
        if let Some(held) = scheduler.take_idle_for_return() {
            scheduler.protocol.set(&held, Status::Running);
            self.place = Place::On(held);
            return;
        }
        let mut lists = scheduler.lock();
        let is_frozen = scheduler.protocol.attention() & FREEZE != 0;
        let late = if is_frozen { None } else { scheduler.take_idle(&mut lists) };
        match late {
            Some(held) => {
                drop(lists);
                self.go_on(held);
            }
            None => {
                scheduler.push_global(&mut lists, Work::Machine(self.machine.sleeper()));
                drop(lists);
                self.wait_for_processor();
            }
        }
    }

    /// The task goes on with a processor that it was given, in a turn of its own.
    fn go_on(&mut self, held: Held) {
        self.scheduler.protocol.set(&held, Status::Running);
        self.scheduler.begin_turn(&held);
        self.place = Place::On(held);
    }

    /// The processor that the task is on, which it gives away.
    #[inline]
    fn leave_processor(&mut self) -> Held {
        match std::mem::replace(&mut self.place, Place::Off) {
            Place::On(held) => held,
            place => {
                self.place = place;
                panic!("the task is in a call")
            }
        }
    }

    pub(super) fn held(&self) -> &Held {
        match &self.place {
            Place::On(held) => held,
            Place::InCall(_) | Place::Off => panic!("the task is in a call"),
        }
    }

    fn sleep(&mut self) {
        let (held, _) = self.machine.sleep(self.scheduler.planted).expect("a machine with a task is never dismissed");
        // Before the task goes on, which is not there yet to be preempted for it.
        self.scheduler.run_safe_point(&held);
        self.go_on(held);
    }

    /// The task has left its [`Sleeper`] where others find it: it sleeps until one of them gives it a processor.
    pub(super) fn wait_for_processor(&mut self) {
        self.sleep();
        self.answer();
    }

    /// A safe point: lets the world stop, and runs what the processor owes. Makes room for what is queued if the task has run for
    /// long, or if others wanted it to come here.
    ///
    /// A task that computes for long without any of the other methods should call it now and then. It costs two loads if
    /// nobody wants anything.
    ///
    /// # Panics
    ///
    /// If the task is in a call.
    #[inline]
    pub fn checkpoint(&mut self) {
        if self.scheduler.protocol.attention() & (STOP | SAFE_POINT) != 0 {
            self.answer();
        }
        if self.scheduler.processors[self.held().index()].preempt.load(Ordering::Relaxed) {
            self.yield_now();
        }
    }

    /// Does what others want of a task at a safe point.
    #[cold]
    fn answer(&mut self) {
        while self.scheduler.protocol.attention() & (STOP | SAFE_POINT) != 0 {
            let scheduler = &self.scheduler;
            let index = self.held().index();
            let is_waited_for = || scheduler.processors[index].has_work() || !scheduler.lock().global.is_empty();
            if scheduler.owes_safe_point(index) && is_waited_for() {
                // As in Go, whose goroutines come to a safe point by being preempted.
                return self.yield_now();
            }
            scheduler.run_safe_point(self.held());
            let mut lists = scheduler.lock();
            if !lists.world.is_stopping() {
                return;
            }
            let Place::On(held) = std::mem::replace(&mut self.place, Place::Off) else { unreachable!("held above") };
            // It comes first when the world goes on.
            scheduler.put_first(&held, Work::Machine(self.machine.sleeper()));
            scheduler.halt(&mut lists, held);
            drop(lists);
            self.sleep();
        }
    }

    /// Go's `Gosched`: everything that waits for a processor now comes before the rest of this task.
    ///
    /// # Panics
    ///
    /// If the task is in a call.
    pub fn yield_now(&mut self) {
        let held = self.leave_processor();
        // The room that the monitor may have asked for.
        self.scheduler.processors[held.index()].preempt.store(false, Ordering::Relaxed);
        {
            let mut lists = self.scheduler.lock();
            self.scheduler.push_global(&mut lists, Work::Machine(self.machine.sleeper()));
        }
        // Now, or those to whom it goes would pass what it owes on from one to the other.
        self.scheduler.run_safe_point(&held);
        self.scheduler.hand_off(held);
        self.wait_for_processor();
    }

    /// Sleeps until [unparked](Unparker::unpark). Others have the processor meanwhile.
    ///
    /// # Panics
    ///
    /// If the task is in a call.
    pub fn park(&mut self) {
        let held = self.leave_processor();
        if self.machine.may_be_unparked() {
            self.scheduler.hand_off(held);
            self.wait_for_processor();
        } else {
            self.place = Place::On(held);
        }
    }

    /// The way to end a sleep of this task in [`Context::park`]. It does nothing once this task has ended.
    pub fn unparker(&self) -> Unparker<P> {
        // Not the platform's: only this task's end reads it, which is exclusive.
        self.has_unparkers.store(true, Ordering::Relaxed);
        Unparker { scheduler: self.scheduler.clone(), machine: self.machine.clone(), task: self.machine.task() }
    }

    /// Unparks another task; it comes next on this task's processor if none is idle and both are of one executor.
    pub fn unpark(&mut self, other: &Unparker<P>) {
        if let Some(sleeper) = other.machine.unpark(other.task) {
            self.ready(&other.scheduler, sleeper);
        }
    }

    /// The task of a machine of `scheduler`'s goes on, next on this processor if it is one of that scheduler's and none is idle.
    pub(super) fn ready(&mut self, scheduler: &Arc<Scheduler<P>>, sleeper: Sleeper<P>) {
        let own = match &self.place {
            Place::On(held) if Arc::ptr_eq(scheduler, &self.scheduler) => Some(held),
            Place::On(_) | Place::InCall(_) | Place::Off => None,
        };
        scheduler.ready(sleeper, own);
    }

    /// Starts a task, which comes last on this task's processor, where others may steal it.
    pub(super) fn submit(&mut self, job: Job<P>) {
        match &self.place {
            Place::On(held) => self.scheduler.submit_local(held, job),
            Place::InCall(_) | Place::Off => self.scheduler.submit(job),
        }
    }

    /// Gives up the processor for good: the machine is no machine any more.
    pub(super) fn end(&mut self) {
        match std::mem::replace(&mut self.place, Place::Off) {
            Place::On(held) => self.scheduler.hand_off(held),
            // Whoever wants the processor takes it out of the call.
            Place::InCall(_) | Place::Off => {}
        }
    }

    /// Waits without a processor until the world is this task's to stop, or for another reason; `enlist` puts the sleeper
    /// where it is found.
    pub(super) fn wait_in_line(&mut self, enlist: impl FnOnce(Sleeper<P>)) {
        let held = self.leave_processor();
        enlist(self.machine.sleeper());
        self.scheduler.hand_off(held);
        self.wait_for_processor();
    }

    /// Lends the processor to `act`, which gives it or another one back.
    pub(super) fn with_held(&mut self, act: impl FnOnce(&Arc<Scheduler<P>>, Held) -> Held) {
        let held = self.leave_processor();
        let held = act(&self.scheduler, held);
        self.place = Place::On(held);
    }

    /// Go's `schedule`: the next task for a machine without one. `None` if it has given its processor away.
    fn schedule(&mut self) -> Option<Job<P>> {
        loop {
            let scheduler = self.scheduler.clone();
            if scheduler.protocol.attention() & (STOP | SAFE_POINT) != 0 {
                scheduler.run_safe_point(self.held());
                // Before it halts: whoever starts the world again must not take it for one that will find the work.
                let spinning = std::mem::take(&mut self.spinning);
                if spinning {
                    scheduler.stop_spinning();
                }
                let mut lists = scheduler.lock();
                if lists.world.is_stopping() {
                    scheduler.halt(&mut lists, self.leave_processor());
                    return None;
                }
                drop(lists);
                if spinning {
                    // It goes on looking, and whoever queues work meanwhile need not wake another.
                    self.spinning = true;
                    scheduler.start_spinning();
                }
            }
            let mut work = scheduler.find(self.held());
            if work.is_none() {
                if !self.spinning && scheduler.may_spin() {
                    self.spinning = true;
                    scheduler.start_spinning();
                }
                if self.spinning {
                    work = scheduler.spin(self.held());
                }
            }
            if work.is_some() && std::mem::take(&mut self.spinning) {
                scheduler.found_work();
            }
            match work {
                Some(Work::Task(job)) => {
                    scheduler.begin_turn(self.held());
                    return Some(job);
                }
                Some(Work::Machine(sleeper)) => {
                    let held = self.leave_processor();
                    scheduler.protocol.set(&held, Status::Idle);
                    sleeper.give(held, false);
                    return None;
                }
                None => {
                    let held = self.leave_processor();
                    let spinning = std::mem::take(&mut self.spinning);
                    let held = scheduler.retire(held, spinning)?;
                    scheduler.protocol.set(&held, Status::Running);
                    self.place = Place::On(held);
                    self.spinning = true;
                }
            }
        }
    }
}

/// Ends a call, also if it panics.
struct Back<'a, P: Platform>(&'a mut Context<P>);

impl<P: Platform> Drop for Back<'_, P> {
    fn drop(&mut self) {
        // Where nothing waits any more there is nothing to wait for.
        if !muted::<P>() {
            self.0.exit_call();
        }
    }
}

/// A machine of ours: runs tasks until it is dismissed.
pub(super) fn worker<P: Platform>(scheduler: Arc<Scheduler<P>>, machine: Arc<Machine<P>>) {
    let mut context = Context::new(scheduler, machine, None);
    while let Some((held, spinning)) = context.machine.sleep(context.scheduler.planted) {
        context.scheduler.protocol.set(&held, Status::Running);
        context.place = Place::On(held);
        context.spinning = spinning;
        while let Some(job) = context.schedule() {
            job.run(&mut context);
            context.tidy_up();
        }
        let mut lists = context.scheduler.lock();
        if lists.closing {
            lists.machines -= 1;
            break;
        }
        lists.idle_machines.push(context.machine.sleeper());
    }
}

impl<P: Platform> Context<P> {
    /// After a task: it may have left a call open, or the world stopped, and whoever can unpark it must not unpark the next one.
    pub(super) fn tidy_up(&mut self) {
        if !matches!(self.place, Place::On(_)) {
            self.exit_call();
        }
        self.start_if_stopped();
        if std::mem::take(self.has_unparkers.get_mut()) {
            self.machine.next_task();
        }
    }
}

/// Ends a task's sleep in [`Context::park`].
pub struct Unparker<P: Platform = Std> {
    scheduler: Arc<Scheduler<P>>,
    pub(super) machine: Arc<Machine<P>>,
    /// Which of the machine's tasks: see [`Machine::next_task`].
    task: u64,
}

impl<P: Platform> Clone for Unparker<P> {
    fn clone(&self) -> Self {
        Unparker { scheduler: self.scheduler.clone(), machine: self.machine.clone(), task: self.task }
    }
}

impl<P: Platform> Unparker<P> {
    /// Ends the task's sleep, or lets the next one end at once. From anywhere: inside a task
    /// [`Context::unpark`] is better.
    pub fn unpark(&self) {
        if let Some(sleeper) = self.machine.unpark(self.task) {
            self.scheduler.ready(sleeper, None);
        }
    }

    /// Whether the task sleeps in [`Context::park`], as of some moment.
    pub fn is_parked(&self) -> bool {
        self.machine.is_parked(self.task)
    }
}

//! Go's scheduler around system calls: the executor `selvedge::proc`, right and with its planted bugs.
//!
//! Goroutines are threads of the program. Each acts through a [`Context`] of the executor: those that run at the beginning
//! hold a processor from the start; those that are queued are tasks, whose machine lends its context to the program's
//! thread; those that wait are asleep. What a goroutine does between its operations, and after the last, is *its own code*.
//! Go interrupts that; the executor's tasks come by safe points instead. So, where anybody stops the world or asks for
//! a safe point, a companion thread goes on for each goroutine that has no operations left, and does nothing but come by
//! safe points.
//!
//! Threads beyond the goroutines are the monitor, the clock and the network poller, as in the spec.

use std::time::Duration;

use selvedge::platform::host::{self, PoisonError};
use selvedge::platform::{Arc, Platform, Region, Shuttle};
use selvedge::proc::lab::{Lab, Task};
use selvedge::proc::{Bug, Context, Status, Unparker};
use selvedge_model::Thread;
use selvedge_model::proc::{GOROUTINES_MAX, GStatus, Op, PROCESSORS_MAX, ProcSpec, Ret, Version};

use super::{Stop, Subject, Variant};
use crate::engine::Engine;
use crate::generate::Shape;
use crate::litmus::{self, Observed, Program, Statement};
use crate::mutant::proc as bug;
use crate::suite::{Drivers, System};

/// The executions that the reference subject gets at most in the quick profile. All its steps are on one object, so that
/// hardly any two are equivalent and only small programs are finished at all; more would cost time and show little.
const REFERENCE_EXECUTIONS_QUICK: u64 = 500;

/// Generated programs for each version of Go in the quick profile. One takes some 0.2 s, most of it for exploring the spec.
const GENERATED_QUICK: usize = 20;

/// The executor, with goroutines in the state that a program asks for.
pub struct Executor<P: Platform>(Arc<Shared<P>>);

/// What tasks share with the program's threads.
struct Shared<P: Platform> {
    lab: Lab<P>,
    goroutines: Vec<Goroutine<P>>,
    /// Goroutines that run at the beginning: the first. Then come those that are queued.
    running: usize,
    /// Those from here on are asleep.
    first_waiting: usize,
    /// What nobody will ever see happen.
    never: P::Region<()>,
    /// Where each goroutine stands, for whoever looks once nothing moves any more. Written beside the steps that it tells of.
    standing: Arc<host::Mutex<Vec<GStatus>>>,
    /// Whether goroutines must come by safe points after their last operation.
    must_answer: host::Mutex<bool>,
}

struct Goroutine<P: Platform> {
    seat: P::Region<Seat<P>>,
    /// Of a goroutine that begins as a task once its thread has it, of any other from the start.
    unparker: host::OnceLock<Unparker<P>>,
}

/// Where a goroutine's context is.
enum Seat<P: Platform> {
    /// Not there yet, or with the program's thread.
    Away,
    /// Not there yet, and the program's thread has left without it.
    Unwanted,
    /// For the program's thread to take.
    Offered(Context<P>),
    /// The thread has no operations left, and the goroutine's own code goes on.
    Left(Context<P>),
    /// The goroutine has ended.
    Ended(Context<P>),
}

impl<P: Platform> Seat<P> {
    fn take(&mut self) -> Context<P> {
        match std::mem::replace(self, Seat::Away) {
            Seat::Offered(context) | Seat::Left(context) | Seat::Ended(context) => context,
            Seat::Away | Seat::Unwanted => unreachable!("asked for before it is taken"),
        }
    }
}

/// What a thread of the program has between its operations.
pub struct Local<P: Platform> {
    context: Option<Context<P>>,
    /// The number of processors as of the next start of the world.
    processors: Option<usize>,
    /// It has stopped the world, or frozen it: what it does then is no task's.
    holds_world: bool,
}

impl<P: Platform> Default for Local<P> {
    fn default() -> Self {
        Local { context: None, processors: None, holds_world: false }
    }
}

impl<P: Platform> Shared<P> {
    fn stands(&self, g: usize, status: GStatus) {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)[g] = status;
    }

    /// The goroutine's own code, after the last operation of its thread.
    fn goes_on(&self, g: usize, mut context: Context<P>) {
        let must_answer = *self.must_answer.lock().unwrap_or_else(PoisonError::into_inner);
        if !must_answer || context.processor().is_none() {
            return;
        }
        loop {
            self.stands(g, GStatus::Runnable);
            context.checkpoint();
            self.stands(g, GStatus::Running);
            P::spin_loop();
        }
    }

    /// What a queued goroutine's machine does: lends its context, and has it back when the goroutine ends.
    fn lends(&self, g: usize, context: &mut Context<P>) {
        let seat = &self.goroutines[g].seat;
        seat.with(|seat| {
            let context = context.take();
            *seat = if matches!(seat, Seat::Unwanted) { Seat::Left(context) } else { Seat::Offered(context) };
        });
        self.stands(g, GStatus::Running);
        let is_over = |seat: &Seat<P>| matches!(seat, Seat::Left(_) | Seat::Ended(_));
        let (ended, lent) = seat.when(is_over, |seat| (matches!(seat, Seat::Ended(_)), seat.take()));
        if ended {
            *context = lent;
        } else {
            self.goes_on(g, lent);
            // It is in a call that does not return.
            seat.when(|_| false, |_| ());
        }
    }
}

/// A program's initial values.
#[derive(Default)]
struct Initial {
    processors: usize,
    running: usize,
    waiting: usize,
    queued: [usize; PROCESSORS_MAX],
    ticks: [u32; PROCESSORS_MAX],
}

impl Initial {
    fn of(set: &[(String, i64)]) -> Self {
        let mut initial = Initial { processors: 1, running: 1, ..Initial::default() };
        for (name, value) in set {
            let count = usize::try_from(*value).unwrap_or_default();
            let index = name.chars().last().and_then(|last| last.to_digit(10)).unwrap_or_default() as usize;
            match name.trim_end_matches(|last: char| last.is_ascii_digit()) {
                "procs" => initial.processors = count,
                "running" => initial.running = count,
                "waiting" => initial.waiting = count,
                "queued" => initial.queued[index] = count,
                "tick" => initial.ticks[index] = count as u32,
                other => unreachable!("the spec knows no `{other}`"),
            }
        }
        initial
    }

    fn goroutines(&self) -> usize {
        self.running + self.queued.iter().sum::<usize>() + self.waiting
    }
}

/// Operations of the program, with the thread that has each.
fn operations(program: &Program<Op>) -> impl Iterator<Item = (usize, Op)> {
    program.threads.iter().enumerate().flat_map(|(thread, body)| {
        body.statements.iter().filter_map(move |statement| match statement {
            Statement::Operation { op, .. } | Statement::While { op, .. } | Statement::If { op, .. } => {
                Some((thread, *op))
            }
            _ => None,
        })
    })
}

impl<P: Platform> Subject<ProcSpec> for Executor<P> {
    type Platform = P;
    type Local<'a> = Local<P>;

    const SHOWS_STATE: bool = true;

    fn create(spec: &ProcSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        Self::create_variant(spec, initial, bug::NONE)
    }

    fn create_variant(_: &ProcSpec, initial: &[(String, i64)], variant: Variant) -> Result<Self, String> {
        let initial = Initial::of(initial);
        let lab = match bug::planted(variant) {
            None => Lab::new(initial.processors, PROCESSORS_MAX),
            Some(bug) => Lab::with_bug(initial.processors, PROCESSORS_MAX, bug),
        };
        Ok(Executor(Arc::<Shared<P>>::new_cyclic(|weak| {
            let mut goroutines = Vec::new();
            let mut add = |context: Option<Context<P>>| {
                let unparker = host::OnceLock::new();
                if let Some(context) = &context {
                    unparker.get_or_init(|| context.unparker());
                }
                let seat = Region::new(context.map_or(Seat::Away, Seat::Offered));
                goroutines.push(Goroutine { seat, unparker });
            };
            let mut first_queued = initial.running;
            for p in 0..initial.running {
                let task = |g: usize| -> Task<P> {
                    let shared = weak.clone();
                    Box::new(move |context| {
                        if let Some(shared) = shared.upgrade() {
                            shared.lends(g, context);
                        }
                    })
                };
                let queued = (first_queued..first_queued + initial.queued[p]).map(task).collect();
                first_queued += initial.queued[p];
                add(Some(lab.running(initial.ticks[p], queued)));
            }
            (initial.running..initial.processors).for_each(|p| lab.set_tick(p, initial.ticks[p]));
            (initial.running..first_queued).for_each(|_| add(None));
            (0..initial.waiting).for_each(|_| add(Some(lab.sleeping())));
            let standing = |g: usize| match () {
                () if g < initial.running => GStatus::Running,
                () if g < first_queued => GStatus::Runnable,
                () => GStatus::Waiting,
            };
            Shared {
                lab,
                never: Region::new(()),
                standing: Arc::new(host::Mutex::new((0..goroutines.len()).map(standing).collect())),
                goroutines,
                running: initial.running,
                first_waiting: first_queued,
                must_answer: host::Mutex::new(false),
            }
        })))
    }

    fn supports(spec: &ProcSpec, program: &Program<Op>) -> Result<(), String> {
        if spec.version != Version::Go1_12 {
            return Err("the executor follows Go 1.12 to 1.25".into());
        }
        let initial = Initial::of(&program.initial);
        let goroutines = initial.goroutines();
        let is_task = |g: usize| (initial.running..goroutines - initial.waiting).contains(&g);
        if operations(program).any(|(_, op)| matches!(op, Op::Ready(g) if is_task(usize::from(g)))) {
            return Err("a task that has not begun cannot be asleep".into());
        }
        let awaits = program.threads.iter().take(goroutines).filter(|thread| {
            let mut in_call = false;
            thread.statements.iter().any(|statement| match statement {
                Statement::Operation { op: Op::EnterCall | Op::EnterBlock | Op::Stop | Op::Freeze, .. } => {
                    in_call = true;
                    false
                }
                Statement::Operation { op: Op::ExitCall | Op::Start, .. } => {
                    in_call = false;
                    false
                }
                Statement::Await { .. } => !in_call,
                _ => false,
            })
        });
        let wants_world = |thread: &litmus::ThreadBody<Op>| {
            let mut ops = thread.statements.iter().filter_map(Statement::op);
            ops.any(|op| matches!(op, Op::Stop | Op::SafePoint | Op::Freeze))
        };
        // Whoever waits for a thread that wants the world would wait for ever.
        let others = |name: &str| program.threads.iter().any(|thread| thread.name != name && wants_world(thread));
        if let Some(thread) = awaits.into_iter().find(|thread| others(&thread.name)) {
            return Err(format!("{} awaits on a processor, where a task comes by no safe point", thread.name));
        }
        Ok(())
    }

    /// One for each goroutine that runs or is asleep at the beginning: a queued one's machine goes on for it itself.
    fn companions(&self, program: &Program<Op>) -> usize {
        let must_answer = operations(program).any(|(_, op)| matches!(op, Op::Stop | Op::SafePoint | Op::Freeze));
        let is_preempted = operations(program).any(|(_, op)| matches!(op, Op::Advance { .. }));
        let must_answer = must_answer || is_preempted;
        *self.0.must_answer.lock().unwrap_or_else(PoisonError::into_inner) = must_answer;
        for g in program.threads.len()..self.0.running {
            // Nobody will ever take it.
            self.0.goroutines[g].seat.with(|seat| *seat = Seat::Left(seat.take()));
        }
        for g in program.threads.len().max(self.0.running)..self.0.first_waiting {
            // Nor this; its machine goes on for it.
            self.0.goroutines[g].seat.with(|seat| *seat = Seat::Unwanted);
        }
        let queued = self.0.first_waiting - self.0.running;
        if must_answer { self.0.goroutines.len() - queued } else { 0 }
    }

    fn accompany(&self, companion: usize) {
        let queued = self.0.first_waiting - self.0.running;
        let g = if companion < self.0.running { companion } else { companion + queued };
        let context = self.0.goroutines[g].seat.when(|seat| matches!(seat, Seat::Left(_)), Seat::take);
        self.0.goes_on(g, context);
    }

    fn leave(&self, Thread(thread): Thread, mut local: Local<P>) {
        let must_answer = *self.0.must_answer.lock().unwrap_or_else(PoisonError::into_inner) && !local.holds_world;
        let Some(goroutine) = self.0.goroutines.get(usize::from(thread)).filter(|_| must_answer) else { return };
        let context = local.context.take();
        goroutine.seat.with(|seat| {
            *seat = match (context, std::mem::replace(seat, Seat::Away)) {
                (Some(context), _) | (None, Seat::Offered(context)) => Seat::Left(context),
                (None, Seat::Away) => Seat::Unwanted,
                (None, seat) => seat,
            }
        });
    }

    fn perform(&self, Thread(thread): Thread, local: &mut Local<P>, op: &Op) -> Result<Ret, Stop> {
        let thread = usize::from(thread);
        match op {
            Op::Look => return Ok(Ret::Taken(self.0.lab.look() as u8)),
            Op::Advance { by_us } => P::advance(Duration::from_micros(u64::from(*by_us))),
            Op::Ready(g) if thread >= self.0.goroutines.len() => self.0.sleeping(usize::from(*g)).unpark(),
            _ => self.0.act(thread, local, *op)?,
        }
        Ok(Ret::Ok)
    }

    /// Not how many machines there are: where Go starts one that only looks for work, the executor looks by itself.
    fn observe(&self) -> Observed {
        let snapshot = self.0.lab.snapshot();
        let mut standing = self.0.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (goroutine, stands) in self.0.goroutines.iter().zip(&mut standing) {
            let Some(task) = goroutine.unparker.get() else { continue };
            if self.0.lab.is_in_line(task) {
                *stands = GStatus::Waiting;
            } else if self.0.lab.is_stopper(task) {
                // It has its processor, which has halted, and waits for the others.
                *stands = GStatus::Running;
            }
        }
        let with = |status: GStatus| standing.iter().filter(|each| **each == status).count() as i64;
        let mut observed = Observed::from(
            [
                ("global", snapshot.global as i64),
                ("idle", snapshot.idle as i64),
                ("stopwait", snapshot.stop_wait as i64),
                ("running", with(GStatus::Running)),
                ("waiting", with(GStatus::Waiting)),
                ("now", P::now().as_micros() as i64),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        for (p, processor) in snapshot.processors.iter().enumerate() {
            observed.insert(format!("p{p}"), processor.status as i64);
            observed.insert(format!("tick{p}"), i64::from(processor.tick & 0xff));
            observed.insert(format!("queued{p}"), processor.queued as i64);
        }
        for g in 0..GOROUTINES_MAX {
            observed.insert(format!("g{g}"), standing.get(g).copied().unwrap_or(GStatus::Idle) as i64);
        }
        observed
    }
}

impl<P: Platform> Shared<P> {
    /// The unparker of a goroutine, once that is asleep, for whoever readies it now.
    fn sleeping(&self, g: usize) -> &Unparker<P> {
        let unparker = self.goroutines[g].unparker.get().expect("such programs are not supported");
        while !unparker.is_parked() {
            P::spin_loop();
        }
        self.stands(g, GStatus::Runnable);
        unparker
    }

    /// A goroutine's thread takes its context before its first operation.
    fn begin(&self, g: usize) -> Context<P> {
        let mut context = self.goroutines[g].seat.when(|seat| matches!(seat, Seat::Offered(_)), Seat::take);
        self.goroutines[g].unparker.get_or_init(|| context.unparker());
        if g >= self.first_waiting {
            context.sleep_from_the_start();
            self.stands(g, GStatus::Running);
        }
        context
    }

    fn act(&self, g: usize, local: &mut Local<P>, op: Op) -> Result<(), Stop> {
        if g >= self.goroutines.len() {
            // Only a goroutine can do that.
            self.never.when(|()| false, |()| ());
        }
        let mut context = match local.context.take() {
            Some(context) => context,
            None => self.begin(g),
        };
        let capacity = PROCESSORS_MAX;
        match op {
            // A task's thread is its own in any case.
            Op::LockThread => {}
            Op::Run if local.holds_world => {}
            Op::Run => {
                self.stands(g, GStatus::Runnable);
                context.checkpoint();
                self.stands(g, GStatus::Running);
            }
            Op::EnterCall => {
                context.enter_call();
                self.stands(g, GStatus::Syscall);
            }
            Op::EnterBlock => {
                context.enter_long_call();
                self.stands(g, GStatus::Syscall);
            }
            Op::ExitCall => {
                self.stands(g, GStatus::Runnable);
                context.exit_call();
                self.stands(g, GStatus::Running);
            }
            Op::Yield => {
                self.stands(g, GStatus::Runnable);
                context.yield_now();
                self.stands(g, GStatus::Running);
            }
            Op::Park => {
                self.stands(g, GStatus::Waiting);
                context.park();
                self.stands(g, GStatus::Running);
            }
            Op::Ready(sleeper) => context.unpark(self.sleeping(usize::from(sleeper))),
            Op::End => {
                self.stands(g, GStatus::Dead);
                if (self.running..self.first_waiting).contains(&g) {
                    self.goroutines[g].seat.with(|seat| *seat = Seat::Ended(context));
                } else {
                    context.end_task();
                }
                return Ok(());
            }
            Op::Stop => {
                self.stands(g, GStatus::Runnable);
                context.stop_world();
                local.holds_world = true;
                self.stands(g, GStatus::Running);
            }
            Op::Resize(processors) => local.processors = Some(usize::from(processors).min(capacity)),
            Op::Start => {
                context.start_world(local.processors.take());
                local.holds_world = false;
            }
            Op::Freeze => {
                context.freeze();
                local.holds_world = true;
            }
            Op::SafePoint => {
                self.stands(g, GStatus::Runnable);
                self.safe_point(g, &mut context)?;
                self.stands(g, GStatus::Running);
            }
            Op::Look | Op::Advance { .. } => unreachable!("performed by whoever it is"),
        }
        local.context = Some(context);
        Ok(())
    }

    /// A round of the safe-point function, which counts how often each processor runs it. Once it is run anywhere, whoever asked
    /// for it has got his turn, and runs.
    fn safe_point(&self, g: usize, context: &mut Context<P>) -> Result<(), Stop> {
        let counts = Arc::new(host::Mutex::new([0; PROCESSORS_MAX]));
        let (count, standing) = (counts.clone(), self.standing.clone());
        context.on_each_processor(move |p| {
            standing.lock().unwrap_or_else(PoisonError::into_inner)[g] = GStatus::Running;
            count.lock().unwrap_or_else(PoisonError::into_inner)[p] += 1;
        });
        let counts = *counts.lock().unwrap_or_else(PoisonError::into_inner);
        let processors = self.lab.snapshot().processors;
        match (0..processors.len()).find(|p| (processors[*p].status != Status::Dead) != (counts[*p] == 1)) {
            None => Ok(()),
            Some(p) => Err(Stop::Abort(format!("P{p} has run the safe-point function {} times", counts[p]))),
        }
    }
}

/// The scheduler's entry for the suite. The reference subject does not run under loom: the spec keeps all it knows in one
/// object, and weak memory has nothing to show there. Neither does the executor, which needs more threads than loom has
/// room for; loom gets the part that is lock-free, in `impl/tests/proc_protocol`.
pub fn system() -> System<ProcSpec> {
    let executor = Drivers::NONE.shuttle::<Executor<Shuttle>>();
    let mut system = System::new("proc", litmus::corpus::PROC)
        .reference(&[Engine::Exhaustive, Engine::Portfolio], REFERENCE_EXECUTIONS_QUICK)
        .primitive("executor", executor)
        .programs_of(Shape { operations_max: 2, ..Shape::default() }, GENERATED_QUICK)
        .canary(
            "takes-without-tick",
            "whoever takes a processor out of a call does not move its tick",
            executor.variant(bug::variant(Bug::TakenWithoutTick)),
        );
    for mutant in bug::EXECUTOR_MUTANTS {
        system = system.mutant(mutant.name, mutant.planted, mutant.breaks, executor.variant(bug::variant(mutant.bug)));
    }
    system
}

//! One execution of a program over a subject, on whatever platform the subject stands.
//!
//! The threads of the program become threads of the platform; each interprets its statements and performs its
//! operations on the shared subject. What comes back is the outcome and the history. The code is the same for every
//! engine: an engine decides only who runs when.
//!
//! In [`Mode::Histories`] each call and each return is a visible step of its own on one history object. Without that a
//! subject that returns a value which it fetched before its call would pass: no engine would ever put another thread's
//! step between the fetch and the call. What a checker takes from a history is which operations had returned before
//! which were called, so calls commute with calls and returns with returns, and an engine is told so.
//!
//! What threads do here outside the engine's view must not tell one thread what another has done, or an engine that
//! leaves out equivalent executions would be misled. So an abort is a visible step, and the other threads go on after
//! it; what they do then is not recorded.

use selvedge::platform::host::{Mutex, MutexGuard, PoisonError};
use selvedge::platform::{Arc, Atomic, AtomicInteger, Body, End, Ordering, Platform, Region, TrackedCell, Unpark};
use selvedge_model::{Spec, Thread};

use crate::engine::jitter::Jitter;
use crate::evidence::Mode;
use crate::history::{Close, Event, EventOf, History, HistoryOf};
use crate::litmus::{
    Access, Expr, Final, Observed, Outcome, Program, RegisterIndex, Statement, ThreadBody, ThreadEnd, ThreadIndex,
    Value, VariableIndex,
};
use crate::subject::{Stop, Subject, Variant};

/// This file, as the locations of its steps name it.
pub(crate) const SOURCE: &str = file!();

/// The turns that a loop statement may take in one execution before the execution counts as endless.
///
/// The corpus needs a handful; a subject whose `wait` returns at once without reason reaches any number.
pub const TURNS_MAX: u32 = 64;

/// What one execution came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Execution<S: Spec> {
    /// How it ended.
    pub ending: Ending,
    /// What happened.
    pub history: HistoryOf<S>,
    /// The observables that the subject shows.
    pub observed: Observed,
}

/// How an execution ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With an outcome.
    Outcome(Outcome),
    /// A loop did not end within [`TURNS_MAX`]: a stated bound. There is no outcome; what happened until then can be
    /// judged.
    Endless,
    /// The engine gave the execution up: there is no outcome.
    Truncated(String),
    /// A data race inside the subject: never allowed.
    Raced(String),
    /// The subject panicked: never allowed.
    Panicked {
        /// The thread; one beyond the program's is a companion of the subject's.
        thread: ThreadIndex,
        /// The panic message.
        message: String,
    },
}

/// Runs the program once over a new subject.
///
/// An engine calls this in the body that it repeats. The error is [`Subject::create`]'s.
pub fn execute<S: Spec, X: Subject<S>>(
    spec: &S,
    program: &Arc<Program<S::Op>>,
    variant: Variant,
    mode: Mode,
) -> Result<Execution<S>, String> {
    execute_in::<S, X>(Vec::new(), spec, program, variant, mode, None)
}

/// Like [`execute`], with events recorded in the memory of `events`, which is empty; and where nothing controls the schedule,
/// with pauses between the statements, and with threads that begin together.
pub(crate) fn execute_in<S: Spec, X: Subject<S>>(
    events: Vec<EventOf<S>>,
    spec: &S,
    program: &Arc<Program<S::Op>>,
    variant: Variant,
    mode: Mode,
    jitter: Option<Jitter>,
) -> Result<Execution<S>, String> {
    let subject = inside::<S, X, _>(|| X::create_variant(spec, &program.initial, variant))?;
    let note = |thread: &ThreadBody<S::Op>| ThreadNotes {
        position: 0,
        accessing: None,
        registers: vec![Value::Int(0); thread.registers.len()],
    };
    let (history, events) = match mode {
        Mode::Histories => (Some(Region::new(events)), Vec::new()),
        Mode::Outcomes => (None, events),
    };
    let shared = Arc::new(Shared::<S, X> {
        program: program.clone(),
        subject,
        variables: program.variables.iter().map(SharedVariable::new).collect(),
        is_awaited: program
            .threads
            .iter()
            .any(|thread| thread.statements.iter().any(|statement| matches!(statement, Statement::Await { .. }))),
        awaiters: Mutex::new(Vec::new()),
        missing: jitter.is_some().then(|| Atomic::new(program.threads.len())),
        history,
        aborted: Region::new(None),
        notes: Mutex::new(Notes {
            threads: program.threads.iter().map(note).collect(),
            events,
            has_aborted: false,
            endless: false,
        }),
    });
    let actors = (0..program.threads.len()).map(|index| {
        let shared = shared.clone();
        let jitter = jitter.map(|jitter| jitter.of_thread(index));
        Box::new(move || Actor::new(&shared, index, jitter).run()) as Body
    });
    let companions = (0..shared.subject.companions(program)).map(|index| {
        let shared = shared.clone();
        Box::new(move || inside::<S, X, _>(|| shared.subject.accompany(index))) as Body
    });
    let bodies = actors.chain(companions).collect();
    let ends = X::Platform::run_to_rest(bodies);
    let execution = shared.conclude(ends);
    inside::<S, X, _>(|| drop(shared));
    Ok(execution)
}

/// Runs code of the subject.
fn inside<S: Spec, X: Subject<S>, R>(code: impl FnOnce() -> R) -> R {
    if X::FOREIGN { X::Platform::foreign(code) } else { code() }
}

/// The platform that subject `X` of spec `S` stands on.
type PlatformOf<S, X> = <X as Subject<S>>::Platform;

/// A shared variable, made of what its declaration says.
enum SharedVariable<P: Platform> {
    /// A cell that the platform watches for races.
    Plain(P::Cell<i64>),
    /// An atomic with the orderings of its loads, stores and read-modify-writes.
    Atomic { cell: P::AtomicI64, load: Ordering, store: Ordering, update: Ordering },
}

impl<P: Platform> SharedVariable<P> {
    fn new(declared: &crate::litmus::Variable) -> Self {
        let (load, store, update) = match declared.access {
            // Where nobody watches for races a plain access would be undefined behaviour if the subject under test
            // fails to order it, as planted bugs do on purpose: a relaxed access is the nearest defined thing.
            Access::Plain if P::DETECTS_RACES => return SharedVariable::Plain(TrackedCell::new(declared.initial)),
            Access::Plain | Access::Relaxed => (Ordering::Relaxed, Ordering::Relaxed, Ordering::Relaxed),
            Access::AcqRel => (Ordering::Acquire, Ordering::Release, Ordering::AcqRel),
            Access::SeqCst => (Ordering::SeqCst, Ordering::SeqCst, Ordering::SeqCst),
        };
        SharedVariable::Atomic { cell: Atomic::new(declared.initial), load, store, update }
    }
}

/// What the threads of one execution share.
struct Shared<S: Spec, X: Subject<S>> {
    program: Arc<Program<S::Op>>,
    subject: X,
    variables: Vec<SharedVariable<PlatformOf<S, X>>>,
    /// Whether any thread has an `await`.
    is_awaited: bool,
    /// Who waits in an `await`; every write unparks them all. Outside the engine's view: the tokens carry the order.
    awaiters: Mutex<Vec<<PlatformOf<S, X> as Platform>::Thread>>,
    /// How many threads have still to begin, if they begin together.
    missing: Option<<PlatformOf<S, X> as Platform>::AtomicUsize>,
    /// Where events go if each call and each return is a visible step; else they go to the notes.
    history: Option<RegionOf<S, X, Vec<EventOf<S>>>>,
    /// The first thread whose operation ended the program.
    aborted: RegionOf<S, X, Option<ThreadIndex>>,
    notes: Mutex<Notes<S>>,
}

/// A region of the platform that subject `X` stands on.
type RegionOf<S, X, T> = <PlatformOf<S, X> as Platform>::Region<T>;

/// What the harness notes down for itself, outside the engine's view.
struct Notes<S: Spec> {
    threads: Vec<ThreadNotes>,
    /// What happened, unless the engine sees the recording.
    events: Vec<EventOf<S>>,
    /// Some operation ended the program: what happens from now on does not count.
    has_aborted: bool,
    endless: bool,
}

/// What is noted down of a thread.
struct ThreadNotes {
    /// The statement at which it stands.
    position: usize,
    /// The plain variable that it is accessing.
    accessing: Option<VariableIndex>,
    registers: Vec<Value>,
}

impl<S: Spec> Notes<S> {
    /// Whether the threads need not go on. A program that was aborted, or of which one thread goes round for ever, goes on where
    /// an engine explores it: a thread that ended early for a reason that the engine does not see would hide its later steps, and the
    /// executions in which they come earlier.
    fn over<P: Platform>(&self) -> bool {
        (self.endless || self.has_aborted) && !P::VIRTUAL_TIME
    }
}

/// The groups of events whose order no checker looks at.
const CALLS: u8 = 0;
const RETURNS: u8 = 1;

impl<S: Spec, X: Subject<S>> Shared<S, X> {
    fn notes(&self) -> MutexGuard<'_, Notes<S>> {
        // A thread that unwinds may poison the lock; what it wrote is whole all the same.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call, a return or an abort.
    fn record(&self, event: EventOf<S>) {
        let Some(history) = &self.history else {
            let mut notes = self.notes();
            if !notes.has_aborted {
                notes.events.push(event);
            }
            return;
        };
        let group = match event {
            Event::Call { .. } => Some(CALLS),
            Event::Return { .. } => Some(RETURNS),
            _ => None,
        };
        // Nothing counts behind an abort. That is seen to where the engine knows what was before what.
        let note = |events: &mut Vec<EventOf<S>>| {
            if !matches!(events.last(), Some(Event::Abort { .. })) {
                events.push(event);
            }
        };
        match group {
            Some(group) => history.with_others(group, note),
            None => history.with(note),
        }
    }

    /// Records that a thread's operation has ended the program, unless another one has.
    fn abort(&self, thread: ThreadIndex, text: String) {
        self.aborted.with(|first| {
            if first.is_none() {
                *first = Some(thread);
            }
        });
        self.record(Event::Abort { thread, text });
        self.notes().has_aborted = true;
    }

    /// Records an access, which is visible by itself.
    fn record_access(&self, event: EventOf<S>) {
        if self.history.is_none() {
            let mut notes = self.notes();
            if !notes.has_aborted {
                notes.events.push(event);
            }
        }
    }

    fn conclude(&self, ends: Vec<End>) -> Execution<S> {
        let events = match &self.history {
            Some(history) => history.with(std::mem::take),
            None => std::mem::take(&mut self.notes().events),
        };
        // Nobody is left who could abort: the engine need not be asked if nobody has.
        let has_aborted = self.notes().has_aborted;
        let aborted = if has_aborted { self.aborted.with(|first| *first) } else { None };
        let ending = self.ending(&mut self.notes(), aborted, ends);
        let at_rest = matches!(ending, Ending::Outcome(Outcome::Final(_)));
        // Foreign code whose threads are blocked may not stand being asked.
        let is_shown = at_rest && (X::SHOWS_STATE || !X::FOREIGN);
        Execution {
            history: History { events, close: if at_rest { Close::AtRest } else { Close::Cut } },
            observed: if is_shown { inside::<S, X, _>(|| self.subject.observe()) } else { Observed::new() },
            ending,
        }
    }

    fn ending(&self, notes: &mut Notes<S>, aborted: Option<ThreadIndex>, ends: Vec<End>) -> Ending {
        if let Some((thread, race)) = raced(&ends) {
            return match notes.threads.get(thread).and_then(|thread| thread.accessing) {
                Some(variable) => Ending::Outcome(Outcome::Race { variable }),
                None => Ending::Raced(race),
            };
        }
        if let Some(thread) = aborted {
            return Ending::Outcome(Outcome::Abort { thread, clause: String::new() });
        }
        if notes.endless {
            return Ending::Endless;
        }
        let mut threads = Vec::with_capacity(ends.len());
        for (thread, end) in ends.into_iter().enumerate() {
            // Companions come last; all that matters of them is that they did not fail.
            let position = notes.threads.get(thread).map_or(0, |thread| thread.position);
            threads.push(match end {
                End::Returned => ThreadEnd::Done,
                End::Blocked => ThreadEnd::Blocked(position),
                End::Panicked(message) => return Ending::Panicked { thread, message },
                End::Raced(_) => unreachable!("looked for above"),
                End::Abandoned => return Ending::Truncated("the engine gave the execution up".into()),
            });
        }
        threads.truncate(self.program.threads.len());
        let variables = self
            .variables
            .iter()
            .map(|variable| match variable {
                // SAFETY: every thread of the program has ended or is blocked for ever: nobody writes.
                SharedVariable::Plain(cell) => cell.with(|value| unsafe { *value }),
                SharedVariable::Atomic { cell, .. } => cell.load(Ordering::SeqCst),
            })
            .collect();
        debug_assert_eq!(threads.len(), self.program.threads.len());
        let registers = notes.threads.iter_mut().map(|thread| std::mem::take(&mut thread.registers)).collect();
        Ending::Outcome(Outcome::Final(Final { threads, variables, registers }))
    }
}

/// The thread that was about to race, if one was.
fn raced(ends: &[End]) -> Option<(ThreadIndex, String)> {
    ends.iter().enumerate().find_map(|(thread, end)| match end {
        End::Raced(race) => Some((thread, race.to_string())),
        _ => None,
    })
}

/// A thread of the program.
struct Actor<'a, S: Spec, X: Subject<S>> {
    shared: &'a Shared<S, X>,
    index: ThreadIndex,
    registers: Vec<Value>,
    local: X::Local<'a>,
    jitter: Option<Jitter>,
}

/// The rest of the thread does not count any more.
struct Over;

impl<'a, S: Spec, X: Subject<S>> Actor<'a, S, X> {
    fn new(shared: &'a Shared<S, X>, index: ThreadIndex, jitter: Option<Jitter>) -> Self {
        let registers = vec![Value::Int(0); shared.program.threads[index].registers.len()];
        Actor { shared, index, registers, local: X::Local::default(), jitter }
    }

    fn run(mut self) {
        if let Some(missing) = &self.shared.missing {
            // Starting a thread takes longer than most programs.
            missing.fetch_sub(1, Ordering::AcqRel);
            while missing.load(Ordering::Acquire) > 0 {
                <PlatformOf<S, X>>::yield_now();
            }
        }
        let has_ended = self.statements().is_ok();
        let Actor { shared, index, local, .. } = self;
        if has_ended {
            inside::<S, X, _>(|| shared.subject.leave(Thread(index as u8), local));
        } else {
            // A guard that the thread holds stays held: to give it back would be a step that the thread never takes.
            std::mem::forget(local);
        }
    }

    fn statements(&mut self) -> Result<(), Over> {
        for (position, statement) in self.shared.program.threads[self.index].statements.iter().enumerate() {
            {
                let mut notes = self.shared.notes();
                if notes.over::<PlatformOf<S, X>>() {
                    return Err(Over);
                }
                notes.threads[self.index].position = position;
            }
            if let Some(jitter) = &mut self.jitter {
                jitter.pause::<PlatformOf<S, X>>();
            }
            self.statement(statement)?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement<S::Op>) -> Result<(), Over> {
        match statement {
            Statement::Operation { register, op } => {
                let ret = self.perform(op)?;
                if let Some(register) = register {
                    self.set(*register, Value::of_text(&ret.to_string()));
                }
            }
            Statement::While { op, condition } => {
                let mut turns = 0;
                while self.evaluate(condition).is_true() {
                    if turns == TURNS_MAX {
                        self.shared.notes().endless = true;
                        return Err(Over);
                    }
                    turns += 1;
                    self.perform(op)?;
                }
            }
            Statement::If { op, condition } => {
                if self.evaluate(condition).is_true() {
                    self.perform(op)?;
                }
            }
            Statement::Write { variable, value } => {
                let value = self.evaluate(value);
                self.write(*variable, number(&value));
            }
            Statement::Add { variable, value } => {
                let value = number(&self.evaluate(value));
                self.add(*variable, value);
            }
            Statement::Set { register, value } => {
                let value = self.evaluate(value);
                self.set(*register, value);
            }
            Statement::Await { condition } => self.wait_until(condition),
        }
        Ok(())
    }

    fn perform(&mut self, op: &S::Op) -> Result<S::Ret, Over> {
        let thread = self.index;
        self.shared.record(Event::Call { thread, op: op.clone() });
        let subject = &self.shared.subject;
        match inside::<S, X, _>(|| subject.perform(Thread(thread as u8), &mut self.local, op)) {
            Ok(ret) => {
                self.shared.record(Event::Return { thread, ret: ret.clone() });
                Ok(ret)
            }
            Err(Stop::Abort(text)) => {
                self.shared.abort(thread, text);
                Err(Over)
            }
        }
    }

    fn set(&mut self, register: RegisterIndex, value: Value) {
        self.shared.notes().threads[self.index].registers[register] = value.clone();
        self.registers[register] = value;
    }

    /// Blocks without effect until the condition holds.
    ///
    /// Where spinning waits, it is a spin loop. Elsewhere a writer unparks the awaiters. Store buffering is what could go wrong: the awaiter registers (R) and reads the variables (L), a writer stores
    /// (W) and looks for awaiters (A). With a `SeqCst` fence between R and L and one between W and A, either L sees W,
    /// or A sees R and leaves a token, so that the park returns and the next read sees W. Weak memory may show a thread
    /// an old value for a while, but a thread that sleeps does not look again.
    fn wait_until(&self, condition: &Expr) {
        if PlatformOf::<S, X>::SPINNING_WAITS {
            while !self.evaluate(condition).is_true() {
                PlatformOf::<S, X>::spin_loop();
            }
            return;
        }
        let me = PlatformOf::<S, X>::current();
        self.awaiters().push(me);
        PlatformOf::<S, X>::fence(Ordering::SeqCst);
        while !self.evaluate(condition).is_true() {
            PlatformOf::<S, X>::park();
        }
    }

    fn awaiters(&self) -> MutexGuard<'a, Vec<<PlatformOf<S, X> as Platform>::Thread>> {
        self.shared.awaiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evaluate(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Int(value) => Value::Int(*value),
            Expr::Word(word) => Value::Word(word.clone()),
            Expr::Variable(variable) => Value::Int(self.read(*variable)),
            Expr::Register(register) => self.registers[*register].clone(),
            Expr::Not(operand) => Value::Int(i64::from(!self.evaluate(operand).is_true())),
            Expr::Binary(operator, left, right) => {
                let left = self.evaluate(left);
                let right = self.evaluate(right);
                operator.apply(&left, &right)
            }
        }
    }

    fn read(&self, variable: VariableIndex) -> i64 {
        let value = match &self.shared.variables[variable] {
            SharedVariable::Plain(cell) => self.noted(variable, || {
                // SAFETY: the platform watches this cell and unwinds out of `with` before a racing access happens.
                cell.with(|value| unsafe { *value })
            }),
            SharedVariable::Atomic { cell, load, .. } => cell.load(*load),
        };
        self.shared.record_access(Event::Read { thread: self.index, variable, value: Value::Int(value) });
        value
    }

    fn write(&self, variable: VariableIndex, value: i64) {
        match &self.shared.variables[variable] {
            SharedVariable::Plain(cell) => self.noted(variable, || {
                // SAFETY: the platform watches this cell and unwinds out of `with_mut` before a racing access happens.
                cell.with_mut(|place| unsafe { *place = value });
            }),
            SharedVariable::Atomic { cell, store, .. } => cell.store(value, *store),
        }
        self.wrote(variable, value);
    }

    fn add(&self, variable: VariableIndex, value: i64) {
        match &self.shared.variables[variable] {
            SharedVariable::Plain(_) => {
                let old = self.read(variable);
                self.write(variable, old.wrapping_add(value));
            }
            SharedVariable::Atomic { cell, update, .. } => {
                let old = cell.fetch_add(value, *update);
                self.shared.record_access(Event::Read { thread: self.index, variable, value: Value::Int(old) });
                self.wrote(variable, old.wrapping_add(value));
            }
        }
    }

    fn wrote(&self, variable: VariableIndex, value: i64) {
        self.shared.record_access(Event::Write { thread: self.index, variable, value: Value::Int(value) });
        if !self.shared.is_awaited || PlatformOf::<S, X>::SPINNING_WAITS {
            return;
        }
        PlatformOf::<S, X>::fence(Ordering::SeqCst);
        let awaiters = self.awaiters().clone();
        for awaiter in awaiters {
            awaiter.unpark();
        }
    }

    /// Performs an access to a plain variable, and leaves a note of which one in case the access is a race: the
    /// platform then unwinds out of it.
    fn noted<R>(&self, variable: VariableIndex, access: impl FnOnce() -> R) -> R {
        self.shared.notes().threads[self.index].accessing = Some(variable);
        let result = access();
        self.shared.notes().threads[self.index].accessing = None;
        result
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::Word(_) => 0,
    }
}

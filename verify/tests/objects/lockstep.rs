//! The platform and the model side by side, step by step, along random schedules. Whatever is said about a step here is
//! taken from what the platform itself publishes about it, never from a table.
//!
//! In every state that is passed:
//!
//! 1. a thread can go on on the platform if and only if it can in the model;
//! 2. what its step needs of the objects says the same, or less if the step is published as opaque;
//! 3. two enabled steps that are published as independent commute in the model: both orders lead to the same states, by
//!    way of the same answers;
//! 4. two steps that were taken one after the other, and turn out to be independent by all that is known of them
//!    afterwards, could have been taken in the other order, with the same answers and the same end.
//!
//! At the end the answers, the final state and the blocked threads are those of the model.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use selvedge::platform::Arc;
use selvedge::platform::host::Mutex;
use selvedge::platform::shuttle::{
    self, Access, Divergence, Mention, Moment, Noted, Openness, PendingStep, Strategy, explore_with,
};
use selvedge_model::toy::ObjectsSpec;
use selvedge_model::toy::objects::{Op, Phase, Ret, State, is_without_effect};
use selvedge_model::{Progress, Spec, StepOf, Thread, spec};
use selvedge_verify::evidence::Mode;
use selvedge_verify::execute::{Ending, execute};
use selvedge_verify::litmus::{Final, Outcome, Program, Statement, ThreadEnd, Value};

use super::{CLOCKED, Draw, FREE, Subj, bounds, generated, themed};

/// What was met along the way.
#[derive(Clone, Debug, Default)]
pub struct Met {
    pub states: usize,
    /// Pairs of enabled steps that were published as independent.
    pub independent: usize,
    /// Pairs of enabled steps that were published as dependent, and do not commute.
    pub conflicts: usize,
    /// Pairs of enabled steps that were published as dependent, and commute all the same.
    pub vain: usize,
    /// Neighbours in a schedule that turned out to be independent.
    pub neighbours: usize,
    /// How often a step of the first form was what made a step of the second form possible, by the model.
    pub freed: BTreeMap<(&'static str, &'static str), usize>,
    /// How often a step by each rule was taken.
    pub rules: BTreeMap<&'static str, usize>,
}

/// Runs the program so often, in lockstep.
pub fn walk(spec: ObjectsSpec, program: &Program<Op>, seed: u64, executions: u64, met: &mut Met) {
    let program = Arc::new(program.clone());
    let walk = Shared(Arc::new(Mutex::new(Walk::new(spec, &program, std::mem::take(met)))));
    let (theirs, shared) = (walk.clone(), program.clone());
    let strategy = Lockstep { walk: walk.clone(), draw: Draw(seed), left: executions };
    let run = explore_with(Box::new(strategy), &bounds(spec, executions), move || {
        let execution = execute::<ObjectsSpec, Subj>(&spec, &shared, 0, Mode::Outcomes).unwrap();
        let walk = theirs.0.lock().unwrap();
        let Ending::Outcome(outcome) = execution.ending else { panic!("{:?}", execution.ending) };
        assert_eq!(outcome, walk.config.outcome(), "{shared}");
        for (name, value) in &execution.observed {
            assert_eq!(spec.observe(&walk.config.state, name), Some(*value), "{name} in the end:\n{shared}");
        }
    });
    assert_eq!(run.failure, None, "{spec:?}\n{program}");
    assert_eq!(run.executions, executions);
    *met = walk.0.lock().unwrap().met.clone();
}

/// Where the model stands.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Config {
    state: State,
    threads: Vec<Actor>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Actor {
    ops: Vec<Op>,
    /// What the operations so far have returned.
    returned: Vec<Ret>,
    phase: Phase,
}

type ModelStep = StepOf<ObjectsSpec>;

impl Config {
    fn op(&self, thread: usize) -> Option<Op> {
        let actor = &self.threads[thread];
        actor.ops.get(actor.returned.len()).copied()
    }

    /// The steps that a thread can take.
    fn steps(&self, spec: ObjectsSpec, thread: usize) -> Vec<ModelStep> {
        let mut steps = Vec::new();
        if let Some(op) = self.op(thread) {
            spec.steps(&self.state, Thread(thread as u8), &op, &self.threads[thread].phase, None, &mut steps);
        }
        steps
    }

    /// After a step, and whatever the thread does then without touching any object.
    fn after(&self, spec: ObjectsSpec, thread: usize, step: &ModelStep) -> Config {
        let mut config = self.clone();
        config.state = step.state.clone();
        let actor = &mut config.threads[thread];
        match &step.progress {
            Progress::Next(phase) => actor.phase = *phase,
            Progress::Return(ret) => {
                actor.returned.push(*ret);
                actor.phase = Phase::default();
            }
            Progress::Abort { .. } => unreachable!("the spec has no aborts"),
        }
        config.settle(spec, thread);
        config
    }

    fn settle(&mut self, spec: ObjectsSpec, thread: usize) {
        if let [step] = &self.steps(spec, thread)[..]
            && is_without_effect(step.rule)
        {
            *self = self.after(spec, thread, &step.clone());
        }
    }

    fn outcome(&self) -> Outcome {
        let ends = self.threads.iter().map(|actor| match actor.returned.len() {
            all if all == actor.ops.len() => ThreadEnd::Done,
            some => ThreadEnd::Blocked(some),
        });
        let registers = self.threads.iter().map(|actor| {
            let answers = actor.returned.iter().map(|ret| Value::of_text(&ret.to_string()));
            answers.chain(std::iter::repeat(Value::Int(0))).take(actor.ops.len()).collect()
        });
        Outcome::Final(Final { threads: ends.collect(), variables: vec![], registers: registers.collect() })
    }
}

/// A step that was taken.
struct Taken {
    thread: usize,
    /// Which of the model's steps.
    alternative: usize,
    touches: Vec<(shuttle::ObjectId, Access)>,
    before: Config,
}

struct Walk {
    spec: ObjectsSpec,
    start: Config,
    config: Config,
    /// The last step, and the one before it.
    last: Option<Taken>,
    last_but_one: Option<Taken>,
    /// A thread's step that waits for a choice: what the model offers.
    choosing: Option<(usize, Vec<ModelStep>)>,
    is_over: bool,
    met: Met,
}

fn name(step: &ModelStep) -> &'static str {
    spec::rule::<ObjectsSpec>(step.rule).name
}

/// The form of an operation, such as `lock`.
fn form(op: Op) -> &'static str {
    let text = op.to_string();
    let forms = ObjectsSpec::forms();
    forms.iter().find(|form| text.split(' ').next() == Some(form.name)).expect("every operation has a form").name
}

fn independent(one: &[(shuttle::ObjectId, Access)], other: &[(shuttle::ObjectId, Access)]) -> bool {
    one.iter().all(|(object, access)| {
        other.iter().all(|(other_object, other_access)| object != other_object || access.commutes_with(*other_access))
    })
}

fn published(step: &PendingStep) -> Vec<(shuttle::ObjectId, Access)> {
    step.touches.iter().map(|mention| (mention.object, mention.access)).collect()
}

impl Walk {
    fn new(spec: ObjectsSpec, program: &Program<Op>, met: Met) -> Self {
        let threads = program.threads.iter().map(|thread| Actor {
            ops: thread.statements.iter().filter_map(Statement::op).copied().collect(),
            returned: Vec::new(),
            phase: Phase::default(),
        });
        let mut start = Config { state: spec.initial(&[]).unwrap(), threads: threads.collect() };
        for thread in 0..start.threads.len() {
            start.settle(spec, thread);
        }
        let config = start.clone();
        Walk { spec, start, config, last: None, last_but_one: None, choosing: None, is_over: false, met }
    }

    fn begin(&mut self) {
        self.config = self.start.clone();
        (self.last, self.last_but_one, self.choosing, self.is_over) = (None, None, None, false);
    }

    /// The step before a thread's `unpark` by which it waits for the others to start; see the subject.
    fn is_private(&self, step: &PendingStep) -> bool {
        matches!(self.config.op(step.thread - 1), Some(Op::Unpark(_)))
            && step.touches.iter().all(|mention| mention.access == Access::Read)
    }

    /// The last step is known in full now.
    fn look_back(&mut self) {
        let mut notes = Vec::new();
        shuttle::take_notes(&mut notes);
        let Some(last) = &mut self.last else { return };
        for note in notes {
            match note {
                Noted::Touched(Mention { object, access, .. }, _) => last.touches.push((object, access)),
                Noted::OnlyLooked(looked) => {
                    for (_, access) in last.touches.iter_mut().filter(|(object, _)| *object == looked) {
                        *access = Access::Read;
                    }
                }
            }
        }
        let Some(first) = self.last_but_one.take() else { return };
        if first.thread == last.thread || !independent(&first.touches, &last.touches) {
            return;
        }
        self.met.neighbours += 1;
        let swapped = first.before.steps(self.spec, last.thread).get(last.alternative).and_then(|step| {
            let between = first.before.after(self.spec, last.thread, step);
            let step = between.steps(self.spec, first.thread).get(first.alternative).cloned()?;
            Some(between.after(self.spec, first.thread, &step))
        });
        assert_eq!(
            swapped.as_ref(),
            Some(&self.config),
            "thread {} at {:?}, then thread {} at {:?}, are said not to depend on each other: {:?}, {:?}; left is the end \
             with the two swapped, right the end as it came",
            first.thread,
            first.before.op(first.thread),
            last.thread,
            last.before.op(last.thread),
            first.touches,
            last.touches,
        );
    }

    fn look_around(&mut self, enabled: &[usize]) {
        self.met.states += 1;
        let pending: Vec<PendingStep> = shuttle::pending().into_iter().filter(|step| step.thread > 0).collect();
        for thread in 0..self.config.threads.len() {
            let can = !self.config.steps(self.spec, thread).is_empty();
            let op = self.config.op(thread);
            assert_eq!(
                enabled.contains(&(thread + 1)),
                can,
                "whether thread {thread} can go on: {op:?}, {:?}; {pending:#?} {enabled:?}",
                self.config
            );
            let Some(step) = pending.iter().find(|step| step.thread == thread + 1) else { continue };
            let is_open = step.touches.iter().all(|mention| shuttle::openness(mention.object) >= mention.needs);
            assert!(is_open || !can, "{op:?} can go on although what it needs is not open: {step:?}");
            assert!(can || !is_open || step.is_opaque, "{op:?} cannot go on although all it needs is open: {step:?}");
            if op == Some(Op::TryLock) {
                let needs_nothing = |mention: &Mention| mention.needs == Openness::CLOSED;
                assert!(step.touches.iter().all(needs_nothing) && can, "a try-lock waits for nobody: {step:?}");
            }
        }
        let moving: Vec<&PendingStep> =
            pending.iter().filter(|step| enabled.contains(&step.thread) && !self.is_private(step)).collect();
        for (at, one) in moving.iter().enumerate() {
            for other in &moving[at + 1..] {
                let commute = self.commute(one.thread - 1, other.thread - 1);
                match independent(&published(one), &published(other)) {
                    true => {
                        self.met.independent += 1;
                        assert!(commute, "{one:?} and {other:?} do not commute in {:?}", self.config);
                    }
                    false if commute => self.met.vain += 1,
                    false => self.met.conflicts += 1,
                }
            }
        }
    }

    /// Whether the steps of two threads commute: all that the one order can come to, the other can, and neither makes the
    /// other impossible.
    fn commute(&self, one: usize, other: usize) -> bool {
        let both = |first: usize, second: usize| {
            let mut ends = Vec::new();
            for step in self.config.steps(self.spec, first) {
                let between = self.config.after(self.spec, first, &step);
                let seconds = between.steps(self.spec, second);
                if seconds.is_empty() {
                    return None;
                }
                ends.extend(seconds.iter().map(|step| between.after(self.spec, second, step)));
            }
            Some(ends)
        };
        let (Some(there), Some(back)) = (both(one, other), both(other, one)) else { return false };
        there.iter().all(|end| back.contains(end)) && back.iter().all(|end| there.contains(end))
    }

    /// A thread takes its step; if the model leaves a choice, once it is made.
    fn take(&mut self, thread: usize) {
        let step = shuttle::pending_step(thread + 1).expect("who takes a step was about to");
        if self.is_private(&step) {
            (self.last, self.last_but_one) = (None, None);
            return;
        }
        self.last_but_one = self.last.take();
        self.last = Some(Taken { thread, alternative: 0, touches: published(&step), before: self.config.clone() });
        let steps = self.config.steps(self.spec, thread);
        match &steps[..] {
            [step] => self.apply(thread, step),
            _ => self.choosing = Some((thread, steps)),
        }
    }

    fn chose(&mut self, alternatives: usize, chosen: usize) {
        let (thread, steps) = self.choosing.take().expect("only a notification leaves a choice");
        assert_eq!(steps.len(), alternatives);
        self.last.as_mut().expect("it was taken").alternative = chosen;
        self.apply(thread, &steps[chosen]);
    }

    fn apply(&mut self, thread: usize, step: &ModelStep) {
        *self.met.rules.entry(name(step)).or_default() += 1;
        let before = self.config.clone();
        self.config = before.after(self.spec, thread, step);
        for other in (0..before.threads.len()).filter(|&other| other != thread) {
            let could = !before.steps(self.spec, other).is_empty();
            if !could && !self.config.steps(self.spec, other).is_empty() {
                let freed = form(self.config.op(other).expect("it has a step"));
                *self.met.freed.entry((name(step), freed)).or_default() += 1;
            }
        }
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Walk>>);

impl Shared {
    /// A strategy runs on the stack of the thread that it is asked about. A panic there would be that thread's, so a
    /// failed assertion is handed to the engine as an error.
    fn check<R>(&self, check: impl FnOnce(&mut Walk) -> R) -> Result<R, Divergence> {
        let mut walk = self.0.lock().unwrap();
        catch_unwind(AssertUnwindSafe(|| check(&mut walk))).map_err(|panic| match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(_) => "an assertion failed".to_owned(),
        })
    }
}

/// A random strategy that takes the model along.
struct Lockstep {
    walk: Shared,
    draw: Draw,
    left: u64,
}

impl Strategy for Lockstep {
    fn begin(&mut self) -> bool {
        let goes_on = self.left > 0;
        self.left = self.left.saturating_sub(1);
        if goes_on {
            self.walk.0.lock().unwrap().begin();
        }
        goes_on
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let draw = &mut self.draw;
        self.walk.check(|walk| {
            if !walk.is_over {
                walk.look_back();
                walk.is_over = moment.enabled == [0];
                let threads: Vec<usize> = moment.enabled.iter().copied().filter(|thread| *thread > 0).collect();
                walk.look_around(&threads);
            }
            if walk.is_over {
                return Some(0);
            }
            let drawn = moment.enabled[draw.below(moment.enabled.len())];
            walk.take(drawn - 1);
            Some(drawn)
        })
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        let chosen = self.draw.below(alternatives);
        self.walk.check(|walk| walk.chose(alternatives, chosen))?;
        Ok(chosen)
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

/// Along random schedules of generated programs.
pub fn walk_generated(executions: u64) -> Met {
    let mut met = Met::default();
    for (spec, seed) in [(CLOCKED, 21), (CLOCKED, 22), (FREE, 23)] {
        for program in generated(spec, 5, seed, 50).iter().chain(&themed(4, seed, 100)) {
            walk(spec, program, seed, executions, &mut met);
        }
    }
    met
}

#[test]
fn what_the_platform_publishes_is_what_the_model_does() {
    let met = walk_generated(20);
    assert!(met.states > 50_000 && met.independent > 20_000 && met.neighbours > 10_000, "{met:?}");
    assert!(met.conflicts > met.vain, "steps are published as dependent without reason: {met:?}");
    let rules = ObjectsSpec::rules().iter().map(|rule| rule.name);
    let missing: Vec<_> = rules.filter(|rule| !met.rules.contains_key(rule)).collect();
    assert_eq!(
        missing,
        ["park.luck", "wait.luck", "not-held", "steal.retry"],
        "luck is for the programs as a whole: see `outcomes`"
    );
}

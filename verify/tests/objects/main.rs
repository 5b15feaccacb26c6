//! What the platform tells the exhaustive engine about its objects, held against an executable model of them
//! ([`ObjectsSpec`]): which steps commute, when each can be taken, what comes out.

mod classes;
mod lockstep;
mod outcomes;
mod release;
mod repeatable;

use std::collections::{BTreeMap, BTreeSet};

use selvedge::platform::host::Mutex;
use selvedge::platform::{Arc, Bounds, Profile, Shuttle, Timeouts};
use selvedge_model::toy::ObjectsSpec;
use selvedge_model::toy::objects::{Op, Timeouts as SpecTimeouts};
use selvedge_verify::engine::exhaustive::{Account, Class, Explored, Options, Reduction, explore_classes, is_pruned};
use selvedge_verify::evidence::Mode;
use selvedge_verify::execute::{Ending, execute};
use selvedge_verify::explore::{self, Limits, explore};
use selvedge_verify::generate::{Shape, generate};
use selvedge_verify::litmus::{Observed, Outcome, Program, Statement, ThreadBody};
use selvedge_verify::subject::Subject;
use selvedge_verify::subject::objects::Objects;

type Subj = Objects<Shuttle>;

/// An outcome, and what can be seen of the objects then.
type End = (Outcome, Observed);

const CLOCKED: ObjectsSpec = ObjectsSpec { timeouts: SpecTimeouts::Clocked, spurious: false };
const FREE: ObjectsSpec = ObjectsSpec { timeouts: SpecTimeouts::Free, spurious: false };
const LUCKY: ObjectsSpec = ObjectsSpec { timeouts: SpecTimeouts::Clocked, spurious: true };

/// A program of operations, a list a thread. What each returns goes into a register of its own.
fn program(name: &str, threads: &[Vec<Op>]) -> Program<Op> {
    let threads = threads.iter().enumerate().map(|(index, ops)| ThreadBody {
        name: format!("T{index}"),
        registers: (0..ops.len()).map(|register| format!("r{register}")).collect(),
        statements: ops
            .iter()
            .enumerate()
            .map(|(register, op)| Statement::Operation { register: Some(register), op: *op })
            .collect(),
    });
    Program {
        name: name.to_owned(),
        about: vec![],
        spec: "objects".to_owned(),
        parameters: vec![],
        initial: vec![],
        clauses: vec![],
        variables: vec![],
        threads: threads.collect(),
        expectations: vec![],
    }
}

/// A thread's operations, from a text such as `lock; wait; unlock`.
fn ops(text: &str) -> Vec<Op> {
    text.split(';').map(|op| op.trim().parse().unwrap_or_else(|error| panic!("{op}: {error}"))).collect()
}

/// Programs that make sense, of two to four threads, with every answer kept.
fn generated(spec: ObjectsSpec, operations_max: usize, seed: u64, count: usize) -> Vec<Program<Op>> {
    let shape = Shape { threads_min: 2, threads_max: 3, operations_max, variables_max: 0 };
    let (programs, _) = generate(&spec, &shape, seed, count);
    programs
        .iter()
        .map(|generated| {
            let threads: Vec<Vec<Op>> = generated
                .threads
                .iter()
                .map(|thread| thread.statements.iter().filter_map(Statement::op).copied().collect())
                .collect();
            program(&generated.name, &threads)
        })
        .collect()
}

/// What threads do with a few objects, so that they meet: an object's operations, with what must come before and after.
const THEMES: [&[&str]; 6] = [
    &["load 0", "store 0 1", "add 0 1", "compare-exchange 0 0 2", "compare-exchange 0 1 3", "load 1", "store 1 1"],
    &["lock; unlock", "lock; add 0 1; unlock", "try-lock; unlock", "try-lock", "lock; load 0; unlock"],
    &["read; release", "write; release", "read; load 0; release", "write; add 0 1; release", "read; read; release"],
    &["park", "park-until 1", "unpark 0", "unpark 1", "unpark 0; park", "advance 1", "add 0 1", "now"],
    &[
        "lock; wait; unlock",
        "lock; wait-timeout 1; unlock",
        "notify-one",
        "notify-all",
        "lock; notify-one; unlock",
        "advance 1",
        "try-lock; unlock",
    ],
    // What only the owner may do does nothing elsewhere, so that much of it must be offered.
    &["push 1", "push 2", "pop", "push 3; pop", "push 4; push 5", "steal", "steal; len", "is-empty", "add 0 1"],
];

/// Programs whose threads, two or three, put together what one of the themes offers.
fn themed(parts_max: usize, seed: u64, count: usize) -> Vec<Program<Op>> {
    let mut draw = Draw(seed);
    (0..count)
        .map(|index| {
            let theme = THEMES[index % THEMES.len()];
            let threads: Vec<Vec<Op>> = (0..2 + draw.below(2))
                .map(|_| (0..1 + draw.below(parts_max)).flat_map(|_| ops(theme[draw.below(theme.len())])).collect())
                .collect();
            program(&format!("themed-{seed}-{index}"), &threads)
        })
        .collect()
}

/// Random numbers (SplitMix64), the same on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % bound as u64) as usize
    }
}

fn show(end: &End) -> String {
    format!("{:?} {:?}", end.0, end.1)
}

fn show_all<'e>(ends: impl IntoIterator<Item = &'e End>) -> String {
    ends.into_iter().map(|end| format!("\n  {}", show(end))).collect()
}

/// All that the model lets the program come to; `None` if that is too much.
fn allowed(spec: ObjectsSpec, program: &Program<Op>, states_max: usize) -> Option<BTreeSet<End>> {
    let limits = Limits { states: states_max, reduction: explore::Reduction::None };
    let found = explore(&spec, program, &limits).unwrap();
    let ends = found
        .outcomes
        .into_iter()
        .flat_map(|(outcome, observed)| observed.into_iter().map(move |observed| (outcome.clone(), observed)));
    found.complete.then(|| ends.collect())
}

/// What the objects came to under the engine.
struct Reached {
    ends: BTreeSet<End>,
    /// What the executions of each class came to.
    classes: BTreeMap<Class, BTreeSet<End>>,
    account: Account,
    complete: bool,
}

/// Everything that the platform's objects come to under the engine.
fn reached(spec: ObjectsSpec, program: &Program<Op>, reduction: Reduction, executions_max: u64) -> Reached {
    let name = program.name.clone();
    let program = Arc::new(program.clone());
    let last = Arc::new(Mutex::new(None));
    let classes = Arc::new(Mutex::new(BTreeMap::<Class, BTreeSet<End>>::new()));
    let (seen, ended, by_class) = (last.clone(), last, classes.clone());
    let body = move || {
        let execution = execute::<ObjectsSpec, Subj>(&spec, &program, 0, Mode::Outcomes).unwrap();
        if is_pruned() {
            return;
        }
        let Ending::Outcome(outcome) = execution.ending else { panic!("{program}\n{:?}", execution.ending) };
        *seen.lock().unwrap() = Some((outcome, execution.observed));
    };
    let done = explore_classes(&bounds(spec, executions_max), options(reduction), None, body, move |class| {
        let end = ended.lock().unwrap().take().expect("an execution that came to its end came to something");
        by_class.lock().unwrap().entry(class).or_default().insert(end);
    });
    let Explored { run, account, .. } = done;
    assert_eq!(run.failure, None, "{name}");
    let classes = classes.lock().unwrap().clone();
    Reached { ends: classes.values().flatten().cloned().collect(), classes, account, complete: run.complete }
}

fn options(reduction: Reduction) -> Options {
    Options { reduction, ..Options::default() }
}

fn bounds(spec: ObjectsSpec, executions_max: u64) -> Bounds {
    let timeouts = match spec.timeouts {
        SpecTimeouts::Clocked => Timeouts::Clocked,
        SpecTimeouts::Free => Timeouts::Free,
    };
    Bounds {
        max_executions: Some(executions_max),
        profile: Profile {
            timeouts,
            spurious_budget: spec.spurious.into(),
            steal_retries: spec.spurious.into(),
            ..Profile::default()
        },
        ..Bounds::default()
    }
}

fn is_supported(spec: ObjectsSpec, program: &Program<Op>) -> bool {
    <Subj as Subject<ObjectsSpec>>::supports(&spec, program).is_ok()
}

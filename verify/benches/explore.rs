//! The explorer against stateright, and how it grows.
//!
//! The program is the one that every condition variable's documentation shows: waiters
//! `lock; while n == 0 wait; n -= 1; unlock`, signallers `lock; n += 1; unlock; signal`, as many of each.
//!
//! Group `four-by-four` holds the explorer to stateright's depth-first search, one thread each, on four of each:
//!
//! - `selvedge` and `selvedge-unreduced`: this crate's explorer, the full spec, all outcomes collected;
//! - `stateright-spec`: stateright over the same spec through its `Model` trait, step for step the unreduced system;
//! - `stateright-by-hand`: a model written for nothing else (435,438 states). It is smaller than the spec: a signal is one
//!   step and always wakes somebody if somebody waits, there is no copy checker, no clock and no invariant of the spec.
//!
//! Neither stateright model collects outcomes; both only look at a property that always holds. Stateright compares
//! states by a 64-bit fingerprint, the explorer compares them in full. How many states each has, and how many bytes the explorer
//! keeps of one, is printed first.
//!
//! Groups `threads` and `operations` show how the explorer's time grows with the number of threads and with the length
//! of each.
//!
//! Run with `cargo bench -p selvedge-verify --bench explore -- four-by-four && scripts/bench-ratios`, which holds ours to whichever
//! of the two models was faster. `SELVEDGE_BENCH_PASSES` is how often all are measured in turn, 3 unless told.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use selvedge_model::cond::{CondSpec, Op, Phase, State, Which};
use selvedge_model::{Progress, Spec, Thread};
use selvedge_verify::explore::{Limits, Reduction, explore};
use selvedge_verify::litmus::{Access, Binary, Expr, Program, Statement, ThreadBody, Variable};
use stateright::{Checker, Model, Property};

fn program(waiters: usize, signallers: usize, rounds: usize) -> Program<Op> {
    const N: usize = 0;
    let perform = |op| Statement::Operation { register: None, op };
    let add = |value| Statement::Add { variable: N, value: Expr::Int(value) };
    let body = |name: String, round: &[Statement<Op>]| ThreadBody {
        name,
        registers: Vec::new(),
        statements: round.iter().cycle().take(round.len() * rounds).cloned().collect(),
    };
    let is_zero = Expr::Binary(Binary::Equal, Box::new(Expr::Variable(N)), Box::new(Expr::Int(0)));
    let wait = Op::Wait(Which::Original);
    let waiter = [perform(Op::Lock), Statement::While { op: wait, condition: is_zero }, add(-1), perform(Op::Unlock)];
    let signaller = [perform(Op::Lock), add(1), perform(Op::Unlock), perform(Op::Signal(Which::Original))];
    let threads = (0..waiters)
        .map(|index| body(format!("W{index}"), &waiter))
        .chain((0..signallers).map(|index| body(format!("S{index}"), &signaller)));
    Program {
        name: "producers and consumers".to_owned(),
        about: Vec::new(),
        spec: "cond".to_owned(),
        parameters: Vec::new(),
        initial: Vec::new(),
        clauses: Vec::new(),
        variables: vec![Variable { name: "n".to_owned(), access: Access::Plain, initial: 0 }],
        threads: threads.collect(),
        expectations: Vec::new(),
    }
}

fn outcomes(program: &Program<Op>, reduction: Reduction) -> usize {
    let found =
        explore(&CondSpec::default(), program, &Limits { reduction, ..Limits::default() }).expect("a sound program");
    assert!(found.complete);
    found.outcomes.len()
}

/// The program step for step, with the spec's own steps: what the explorer does unreduced.
#[derive(Clone)]
struct BySpec {
    waiters: usize,
    threads: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BySpecState {
    spec: State,
    n: u8,
    threads: Vec<BySpecThread>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BySpecThread {
    line: u8,
    phase: Phase,
    read: u8,
}

impl BySpec {
    /// The operation at a line; none where the line touches `n`.
    fn op(&self, thread: usize, line: u8) -> Option<Op> {
        let is_waiter = thread < self.waiters;
        match (is_waiter, line) {
            (_, 0) => Some(Op::Lock),
            (true, 2) => Some(Op::Wait(Which::Original)),
            (true, 5) | (false, 3) => Some(Op::Unlock),
            (false, 4) => Some(Op::Signal(Which::Original)),
            _ => None,
        }
    }

    fn is_done(&self, thread: usize, line: u8) -> bool {
        line == if thread < self.waiters { 6 } else { 5 }
    }
}

impl Model for BySpec {
    type State = BySpecState;
    /// The thread, and which of its steps.
    type Action = (usize, usize);

    fn init_states(&self) -> Vec<BySpecState> {
        let thread = BySpecThread { line: 0, phase: Phase::default(), read: 0 };
        let spec = CondSpec::default().initial(&[]).expect("the default");
        vec![BySpecState { spec, n: 0, threads: vec![thread; self.threads] }]
    }

    fn actions(&self, state: &BySpecState, actions: &mut Vec<(usize, usize)>) {
        let mut steps = Vec::new();
        for (thread, BySpecThread { line, phase, .. }) in state.threads.iter().enumerate() {
            if self.is_done(thread, *line) {
                continue;
            }
            let count = match self.op(thread, *line) {
                None => 1,
                Some(op) => {
                    steps.clear();
                    CondSpec::default().steps(&state.spec, Thread(thread as u8), &op, phase, None, &mut steps);
                    steps.len()
                }
            };
            actions.extend((0..count).map(|step| (thread, step)));
        }
    }

    fn next_state(&self, state: &BySpecState, (thread, step): (usize, usize)) -> Option<BySpecState> {
        let mut after = state.clone();
        let BySpecThread { line, phase, read } = &mut after.threads[thread];
        if let Some(op) = self.op(thread, *line) {
            let mut steps = Vec::new();
            CondSpec::default().steps(&state.spec, Thread(thread as u8), &op, phase, None, &mut steps);
            let taken = steps.swap_remove(step);
            after.spec = taken.state;
            match taken.progress {
                Progress::Next(next) => *phase = next,
                Progress::Return(_) => {
                    *phase = Phase::default();
                    // After a wait the condition is read again.
                    *line = if matches!(op, Op::Wait(_)) { 1 } else { *line + 1 };
                }
                Progress::Abort { .. } => return None,
            }
            return Some(after);
        }
        match (thread < self.waiters, *line) {
            (true, 1) => *line = if after.n == 0 { 2 } else { 3 },
            (true, 3) | (false, 1) => {
                *read = after.n;
                *line += 1;
            }
            (is_waiter, _) => {
                after.n = if is_waiter { *read - 1 } else { *read + 1 };
                *read = 0;
                *line += 1;
            }
        }
        // A signaller reads at line 1 and writes at line 2; a waiter reads at 3 and writes at 4.
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("n stays small", |model: &Self, state: &BySpecState| {
            usize::from(state.n) <= model.threads
        })]
    }
}

/// A ticket condition variable and the program around it, nothing else.
#[derive(Clone)]
struct ByHand {
    waiters: usize,
    threads: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ByHandState {
    locked: bool,
    n: u8,
    wait: u8,
    notify: u8,
    line: [u8; 8],
    /// A waiter's ticket, a signaller's value read.
    local: [u8; 8],
}

impl Model for ByHand {
    type State = ByHandState;
    type Action = usize;

    fn init_states(&self) -> Vec<ByHandState> {
        vec![ByHandState { locked: false, n: 0, wait: 0, notify: 0, line: [0; 8], local: [0; 8] }]
    }

    fn actions(&self, state: &ByHandState, actions: &mut Vec<usize>) {
        actions.extend((0..self.threads).filter(|thread| match (*thread < self.waiters, state.line[*thread]) {
            (_, 0) | (true, 5) => !state.locked,
            (true, 4) => state.local[*thread] < state.notify,
            (true, 9) | (false, 5) => false,
            _ => true,
        }));
    }

    fn next_state(&self, state: &ByHandState, thread: usize) -> Option<ByHandState> {
        let mut after = state.clone();
        let (line, local) = (&mut after.line[thread], &mut after.local[thread]);
        let mut next = *line + 1;
        match (thread < self.waiters, *line) {
            (_, 0) => after.locked = true,
            (true, 1) => next = if after.n == 0 { 2 } else { 6 },
            (true, 2) => {
                *local = after.wait;
                after.wait += 1;
            }
            (true, 3) => after.locked = false,
            (true, 4) => *local = 0,
            (true, 5) => {
                after.locked = true;
                next = 1;
            }
            (true, 6) | (false, 1) => *local = after.n,
            (true, 7) => after.n = std::mem::take(local) - 1,
            (false, 2) => after.n = std::mem::take(local) + 1,
            (true, _) | (false, 3) => after.locked = false,
            (false, _) => {
                if after.notify != after.wait {
                    after.notify += 1;
                }
            }
        }
        *line = next;
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("tickets in order", |_, state: &ByHandState| state.notify <= state.wait)]
    }
}

fn states<M>(model: M) -> usize
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + std::fmt::Debug + std::hash::Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static,
{
    let checker = model.checker().threads(1).spawn_dfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

fn four_by_four(criterion: &mut Criterion) {
    let passes = std::env::var("SELVEDGE_BENCH_PASSES").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let program = program(4, 4, 1);
    let by_spec = BySpec { waiters: 4, threads: 8 };
    let by_hand = ByHand { waiters: 4, threads: 8 };
    for (name, reduction) in [("selvedge", Reduction::Commuting), ("selvedge-unreduced", Reduction::None)] {
        let found = explore(&CondSpec::default(), &program, &Limits { reduction, ..Limits::default() })
            .expect("a sound program");
        println!(
            "{name}: {} states, {} transitions, {} outcomes, {} bytes a state",
            found.states,
            found.transitions,
            found.outcomes.len(),
            found.bytes_per_state
        );
    }
    println!("stateright-by-hand: {} states", states(by_hand.clone()));
    println!("stateright-spec: {} states", states(by_spec.clone()));
    let searches: [(&str, &dyn Fn() -> usize); 4] = [
        ("selvedge", &|| outcomes(black_box(&program), Reduction::Commuting)),
        ("stateright-by-hand", &|| states(black_box(by_hand.clone()))),
        ("selvedge-unreduced", &|| outcomes(black_box(&program), Reduction::None)),
        ("stateright-spec", &|| states(black_box(by_spec.clone()))),
    ];
    let mut group = criterion.benchmark_group("four-by-four");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
    group.sampling_mode(SamplingMode::Flat);
    for pass in 1..=passes {
        for (name, search) in searches {
            group.bench_function(BenchmarkId::new(name, pass), |bencher| bencher.iter(search));
        }
    }
    group.finish();
}

fn growth(criterion: &mut Criterion) {
    for (name, programs) in [
        ("threads", [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 1)]),
        ("operations", [(2, 2, 1), (2, 2, 2), (2, 2, 3), (2, 2, 4)]),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        for (waiters, signallers, rounds) in programs {
            let program = program(waiters, signallers, rounds);
            let id = BenchmarkId::from_parameter(format!("{waiters}x{signallers}x{rounds}"));
            group.bench_with_input(id, &program, |bencher, program| {
                bencher.iter(|| outcomes(program, Reduction::Commuting));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, four_by_four, growth);
criterion_main!(benches);

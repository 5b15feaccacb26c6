//! Shortest executions: breadth first, over every step of everybody, with each state's predecessor kept.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use selvedge_model::{Obligation, Spec, Unknown};

use super::store::Store;
use super::system::{Move, System, Trust, Tuple};
use super::{WATCHED_EVERY, Watch, narrate};
use crate::columns;
use crate::evidence::Row;
use crate::litmus::{Observed, Outcome, Program};

/// An execution that ends somewhere of interest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The threads' names, and `daemon` behind them if a daemon takes part: the columns.
    pub threads: Vec<String>,
    /// The steps, one a row; the last one is marked.
    pub rows: Vec<Row>,
    /// The outcome that it comes to; none for a path to a state in the middle.
    pub outcome: Option<Outcome>,
}

impl Path {
    /// The execution as columns of plain text.
    pub fn render(&self) -> String {
        columns::render(&self.threads, &self.rows)
    }
}

/// A shortest execution to an outcome that is wanted, with the observables of the spec's state there. `None` if no
/// execution comes to one, or `states` states were visited without meeting one.
///
/// Every step is on the path: the reduction plays no part here. Time and memory grow with the number of states
/// nearer than the outcome.
///
/// # Errors
///
/// As [`explore`](super::explore).
pub fn shortest_path<S: Spec>(
    spec: &S,
    program: &Program<S::Op>,
    states: usize,
    mut wanted: impl FnMut(&Outcome, &Observed) -> bool,
) -> Result<Option<Path>, Unknown> {
    let mut first = None;
    let found = |path| {
        first = Some(path);
        ControlFlow::Break(())
    };
    to_outcomes(spec, program, states, &mut |_| ControlFlow::Continue(()), &mut wanted, found)?;
    Ok(first)
}

/// A shortest execution to each of these outcomes, in one search. Those that were not met before the states ran out, or
/// whoever looks on broke it off, are missing.
///
/// # Errors
///
/// As [`explore`](super::explore).
pub fn shortest_paths<'o, S: Spec>(
    spec: &S,
    program: &Program<S::Op>,
    states: usize,
    watch: &mut Watch<'_>,
    outcomes: impl IntoIterator<Item = &'o Outcome>,
) -> Result<BTreeMap<Outcome, Path>, Unknown> {
    let wanted: BTreeSet<&Outcome> = outcomes.into_iter().collect();
    let mut paths = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(paths);
    }
    let found = |path: Path| {
        if let Some(outcome) = path.outcome.clone() {
            paths.entry(outcome).or_insert(path);
        }
        if paths.len() == wanted.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // An outcome is met in many states, and each way back costs as much as it is long.
    let mut met = BTreeSet::new();
    let mut is_new = |outcome: &Outcome, _: &Observed| {
        wanted.contains(outcome) && !met.contains(outcome) && met.insert(outcome.clone())
    };
    to_outcomes(spec, program, states, watch, &mut is_new, found)?;
    Ok(paths)
}

/// Shows a shortest execution to each outcome that is wanted when it is met.
fn to_outcomes<S: Spec>(
    spec: &S,
    program: &Program<S::Op>,
    states: usize,
    watch: &mut Watch<'_>,
    wanted: &mut dyn FnMut(&Outcome, &Observed) -> bool,
    found: impl FnMut(Path) -> ControlFlow<()>,
) -> Result<(), Unknown> {
    let (mut system, initial) = System::new(spec, program)?;
    let nothing = Observed::new();
    let mut races = Vec::new();
    let ends = |system: &System<'_, S>, at: &[u32], moves: &[Move], ends: &mut Vec<End>| {
        races.clear();
        system.races(at, &mut races);
        for variable in &races {
            let outcome = Outcome::Race { variable: *variable };
            if wanted(&outcome, &nothing) {
                ends.push(End { outcome: Some(outcome), by: None });
            }
        }
        for step in moves {
            if let Some(outcome) = step.abort().filter(|outcome| wanted(outcome, &nothing)) {
                ends.push(End { outcome: Some(outcome), by: Some(step.clone()) });
            }
        }
        if !moves.iter().any(|step| step.obligation == Obligation::Must) {
            let outcome = Outcome::Final(system.rest(at).0);
            if wanted(&outcome, &system.observed(at)) {
                ends.push(End { outcome: Some(outcome), by: None });
            }
        }
    };
    search(&mut system, &initial, states, watch, ends, found);
    Ok(())
}

/// A shortest execution to a state that is wanted.
pub(super) fn to_state<S: Spec>(
    system: &mut System<'_, S>,
    initial: &Tuple,
    states: usize,
    wanted: impl Fn(&[u32]) -> bool,
) -> Option<Path> {
    let mut first = None;
    let ends = |_: &System<'_, S>, at: &[u32], _: &[Move], ends: &mut Vec<End>| {
        if wanted(at) {
            ends.push(End { outcome: None, by: None });
        }
    };
    let found = |path| {
        first = Some(path);
        ControlFlow::Break(())
    };
    search(system, initial, states, &mut |_| ControlFlow::Continue(()), ends, found);
    first
}

/// Where a search ends: the outcome, and the step that ends the program if one does.
struct End {
    outcome: Option<Outcome>,
    by: Option<Move>,
}

/// Breadth first, until `found` has seen enough, or whoever looks on has.
fn search<S: Spec>(
    system: &mut System<'_, S>,
    initial: &Tuple,
    states: usize,
    watch: &mut Watch<'_>,
    mut ends_of: impl FnMut(&System<'_, S>, &[u32], &[Move], &mut Vec<End>),
    mut found: impl FnMut(Path) -> ControlFlow<()>,
) {
    let mut ends = Vec::new();
    let mut store = Store::new(initial.len());
    let mut parents = vec![0];
    let (mut at, mut to) = (Tuple::new(), Tuple::new());
    let mut moves = Vec::new();
    store.insert(initial);
    let mut index = 0;
    while index < store.len() {
        at.clear();
        at.extend_from_slice(store.get(index));
        moves.clear();
        moves_anyhow(system, &at, &mut moves);
        ends_of(system, &at, &moves, &mut ends);
        for end in ends.drain(..) {
            if found(trace(system, &store, &parents, index, end)).is_break() {
                return;
            }
        }
        for step in &moves {
            if store.len() < states && system.after(&at, step, &mut to) && store.insert(&to).1 {
                parents.push(index);
            }
        }
        index += 1;
        if index.is_multiple_of(WATCHED_EVERY) && watch(store.len()).is_break() {
            return;
        }
    }
}

/// Every step that is enabled.
pub(super) fn moves_anyhow<S: Spec>(system: &mut System<'_, S>, at: &[u32], moves: &mut Vec<Move>) {
    let trust = Trust::none(system.program.variables.len());
    system.moves(at, &trust, moves).expect("where nothing is trusted nothing goes against it");
}

/// Reads the way back from a state, then finds the steps along it again.
fn trace<S: Spec>(system: &mut System<'_, S>, store: &Store, parents: &[usize], last: usize, end: End) -> Path {
    let mut way = vec![last];
    while let Some(index) = way.last().copied().filter(|index| *index != 0) {
        way.push(parents[index]);
    }
    way.reverse();
    let mut steps = Vec::new();
    let (mut moves, mut to) = (Vec::new(), Tuple::new());
    for pair in way.windows(2) {
        let at = store.get(pair[0]);
        moves.clear();
        moves_anyhow(system, at, &mut moves);
        let step = moves.iter().find(|step| system.after(at, step, &mut to) && to == store.get(pair[1]));
        steps.push((pair[0], step.expect("the states are neighbours").clone()));
    }
    steps.extend(end.by.map(|step| (last, step)));

    let mut threads: Vec<String> = system.program.threads.iter().map(|thread| thread.name.clone()).collect();
    let daemon = threads.len();
    if steps.iter().any(|(_, step)| step.thread.is_none()) {
        threads.push("daemon".to_owned());
    }
    let count = steps.len();
    let rows = steps.into_iter().enumerate().map(|(number, (state, step))| Row {
        thread: step.thread.unwrap_or(daemon),
        text: narrate(system, store.get(state), &step),
        here: number + 1 == count,
    });
    Path { rows: rows.collect(), threads, outcome: end.outcome }
}

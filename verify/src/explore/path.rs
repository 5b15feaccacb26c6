//! Shortest executions: breadth first, over every step of everybody, with each state's predecessor kept.

use selvedge_model::{Obligation, Spec, Unknown};

use super::narrate;
use super::store::Store;
use super::system::{Move, System, Trust, Tuple};
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
    let (mut system, initial) = System::new(spec, program)?;
    let nothing = Observed::new();
    let mut races = Vec::new();
    Ok(search(&mut system, &initial, states, |system, at, moves| {
        races.clear();
        system.races(at, &mut races);
        for variable in &races {
            let outcome = Outcome::Race { variable: *variable };
            if wanted(&outcome, &nothing) {
                return Some(End { outcome: Some(outcome), by: None });
            }
        }
        for step in moves {
            if let Some(outcome) = step.abort().filter(|outcome| wanted(outcome, &nothing)) {
                return Some(End { outcome: Some(outcome), by: Some(step.clone()) });
            }
        }
        if moves.iter().any(|step| step.obligation == Obligation::Must) {
            return None;
        }
        let outcome = Outcome::Final(system.rest(at).0);
        wanted(&outcome, &system.observed(at)).then_some(End { outcome: Some(outcome), by: None })
    }))
}

/// A shortest execution to a state that is wanted.
pub(super) fn to_state<S: Spec>(
    system: &mut System<'_, S>,
    initial: &Tuple,
    states: usize,
    wanted: impl Fn(&[u32]) -> bool,
) -> Option<Path> {
    search(system, initial, states, |_, at, _| wanted(at).then_some(End { outcome: None, by: None }))
}

/// Where a search ends: the outcome, and the step that ends the program if one does.
struct End {
    outcome: Option<Outcome>,
    by: Option<Move>,
}

fn search<S: Spec>(
    system: &mut System<'_, S>,
    initial: &Tuple,
    states: usize,
    mut is_end: impl FnMut(&System<'_, S>, &[u32], &[Move]) -> Option<End>,
) -> Option<Path> {
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
        if let Some(end) = is_end(system, &at, &moves) {
            return Some(trace(system, &store, &parents, index, end));
        }
        for step in &moves {
            if store.len() < states && system.after(&at, step, &mut to) && store.insert(&to).1 {
                parents.push(index);
            }
        }
        index += 1;
    }
    None
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

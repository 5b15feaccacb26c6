//! What a program's author has observed about its spec, as the explorer finds it.

use selvedge_model::Spec;

use crate::conformance::Target;
use crate::evidence::{Observation, Row};
use crate::explore;
use crate::info::spec_in_words;
use crate::litmus::{Expectation, Program, Quantifier};

/// The observations of a program, each judged anew: whether the spec allows such an outcome, and the shortest way to one.
/// It is looked for among so many states. `command` prints them, where there is a file to print them of.
pub(super) fn observations<S: Spec>(target: &Target<S>, states: usize, command: Option<&str>) -> Vec<Observation> {
    let program = &target.program;
    let observed = program.expectations.iter().filter_map(|expectation| {
        let observation = expectation.observation.as_ref()?;
        let is_allowed = is_allowed(target, expectation);
        let path = if is_allowed == Some(true) { path_to(target, expectation, states) } else { None };
        let words = |path: &explore::Path| Some(explore::describe(program, path.outcome.as_ref()?));
        Some(Observation {
            name: observation.name.clone(),
            text: observation.text.join(" "),
            spec: spec_in_words(&target.spec),
            condition: program.condition(&expectation.condition),
            allowed: is_allowed,
            outcome: path.as_ref().and_then(words),
            threads: path.as_ref().map(|path| path.threads.clone()).unwrap_or_default(),
            rows: path.map(|path| path.rows.into_iter().map(unmarked).collect()).unwrap_or_default(),
            program: without_text(program),
            command: command.map(str::to_owned),
        })
    });
    observed.collect()
}

/// Where the way ends nothing is wrong.
fn unmarked(row: Row) -> Row {
    Row { here: false, ..row }
}

/// Whether some outcome satisfies the condition, whatever is expected. `None` if that is unknown.
fn is_allowed<S: Spec>(target: &Target<S>, expectation: &Expectation) -> Option<bool> {
    let exists = Expectation { quantifier: Quantifier::Exists, ..expectation.clone() };
    explore::judge(&exists, &target.allowed).held
}

fn path_to<S: Spec>(target: &Target<S>, expectation: &Expectation, states: usize) -> Option<explore::Path> {
    let satisfies = |outcome: &_, observed: &_| expectation.condition.holds(outcome, Some(observed)) == Some(true);
    explore::shortest_path(&target.spec, &target.program, states, satisfies).ok().flatten()
}

/// The program in litmus syntax, without what is said elsewhere in the record.
fn without_text<Op: Clone + std::fmt::Display>(program: &Program<Op>) -> String {
    let mut program = Program { about: Vec::new(), ..program.clone() };
    for observation in program.expectations.iter_mut().filter_map(|expectation| expectation.observation.as_mut()) {
        observation.text.clear();
    }
    program.to_string()
}

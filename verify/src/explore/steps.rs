//! Every step of every execution, one by one: for whoever draws a spec rather than judges it.

use selvedge_model::{RuleId, Spec, Unknown};

use super::path::moves_anyhow;
use super::store::Store;
use super::system::{System, Tuple};
use crate::litmus::Program;

/// Shows every step by a rule that an execution of the program can take: the rule, and the spec's state before and after
/// it. Steps of the program alone are not shown. Returns whether `states` were enough to meet all.
///
/// # Errors
///
/// As [`explore`](super::explore).
pub fn every_step<S: Spec>(
    spec: &S,
    program: &Program<S::Op>,
    states: usize,
    mut show: impl FnMut(RuleId, &S::State, &S::State),
) -> Result<bool, Unknown> {
    let (mut system, initial) = System::new(spec, program)?;
    let mut store = Store::new(initial.len());
    let (mut at, mut to) = (Tuple::new(), Tuple::new());
    let mut moves = Vec::new();
    store.insert(&initial);
    let mut index = 0;
    while index < store.len() {
        at.clear();
        at.extend_from_slice(store.get(index));
        index += 1;
        moves.clear();
        moves_anyhow(&mut system, &at, &mut moves);
        for step in &moves {
            if !system.after(&at, step, &mut to) {
                continue;
            }
            if let Some(rule) = step.rule() {
                show(rule, system.spec_state(&at), system.spec_state(&to));
            }
            if store.len() >= states {
                return Ok(false);
            }
            store.insert(&to);
        }
    }
    Ok(true)
}

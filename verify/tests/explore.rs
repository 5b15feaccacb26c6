//! The explorer: the condition variable's litmus tests with their outcomes, pinned numbers, the reduction held against
//! the unreduced exploration, and specs that are broken on purpose.

mod sketch;

use std::collections::BTreeSet;

use selvedge_model::Spec;
use selvedge_model::cond::CondSpec;
use selvedge_verify::explore::{Exploration, Limits, Reduction, describe, explore};
use selvedge_verify::litmus::Program;
use sketch::Sketch;

fn limits(reduction: Reduction) -> Limits {
    Limits { reduction, ..Limits::default() }
}

#[test]
fn tmp_big() {
    for (w, s) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
        let mut sketch = Sketch::cond(&[]).plain("n", 0);
        for index in 0..w {
            sketch = sketch.thread(&format!("W{index}"), &["lock", "wait-while n == 0", "n += -1", "unlock"]);
        }
        for index in 0..s {
            sketch = sketch.thread(&format!("S{index}"), &["lock", "n += 1", "unlock", "signal"]);
        }
        let program = sketch.program::<CondSpec>();
        for reduction in [Reduction::Commuting, Reduction::None] {
            if w == 4 && reduction == Reduction::None {
                continue;
            }
            let start = std::time::Instant::now();
            let found = explore(&CondSpec::default(), &program, &limits(reduction)).unwrap();
            println!(
                "{w} {reduction:?} {} {} {} {} {:?} {}",
                found.states,
                found.transitions,
                found.depth,
                found.outcomes.len(),
                start.elapsed(),
                found.bytes_per_state
            );
        }
    }
}

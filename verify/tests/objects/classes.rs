//! Executions that the engine calls equivalent come to the same.

use std::collections::BTreeSet;

use selvedge_model::toy::objects::Op;
use selvedge_verify::engine::exhaustive::Reduction;

use super::{CLOCKED, FREE, LUCKY, generated, reached, show_all, themed};

/// For a program of a test: without reduction.
const EXECUTIONS_MAX: u64 = 2_000;

/// Every interleaving of generated programs, sorted into the engine's classes: each class has one outcome, one final state,
/// one set of blocked threads. So neighbouring steps that the engine calls independent can change places and nobody can
/// tell.
#[test]
fn all_executions_of_a_class_come_to_the_same() {
    let (mut checked, mut executions, mut classes, mut too_large) = (0, 0, 0, 0);
    for (spec, seed) in [(CLOCKED, 11), (CLOCKED, 12), (FREE, 13), (LUCKY, 14)] {
        for program in generated(spec, 2, seed, 30).iter().chain(&themed(2, seed, 50)) {
            let all = reached(spec, program, Reduction::None, EXECUTIONS_MAX);
            for ends in all.classes.values() {
                assert_eq!(ends.len(), 1, "{spec:?}\n{program}\nequivalent, and yet:{}", show_all(ends));
            }
            if !all.complete {
                too_large += 1;
                continue;
            }
            let one_each = reached(spec, program, Reduction::Optimal, EXECUTIONS_MAX);
            assert!(one_each.complete);
            let known = |classes: &super::BTreeMap<_, _>| classes.keys().copied().collect::<BTreeSet<_>>();
            assert_eq!(known(&one_each.classes), known(&all.classes), "{spec:?}\n{program}");
            // What such a step did with its object is known only once it has been taken: until then it is thought to have
            // written, and two of them to be in conflict.
            let is_vague = |op: &Op| matches!(op, Op::TryLock | Op::CompareExchange(..) | Op::Pop | Op::Steal);
            // And a choice before a thread's first step, here whether to wake without reason, is not part of a class's name.
            if !program.ops().any(is_vague) && !spec.spurious {
                assert_eq!(one_each.account.complete as usize, one_each.classes.len(), "{spec:?}\n{program}");
            }
            checked += 1;
            executions += all.account.complete;
            classes += all.classes.len();
        }
    }
    println!("{checked} programs, {executions} executions in {classes} classes; {too_large} too large");
    assert!(checked >= 150, "{checked} programs; {too_large} were too large");
    assert!(executions as usize > 2 * classes, "most executions must be equivalent to others for this to say anything");
}

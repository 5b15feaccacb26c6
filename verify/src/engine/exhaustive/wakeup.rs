//! Wakeup trees: what is still to be explored from a decision on, as sequences of steps that share their beginnings.

use serde::{Deserialize, Serialize};

use super::trace::{Touches, dependent};

/// A step of a sequence that is to be explored.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Who takes it.
    pub thread: usize,
    /// What it touches.
    pub touches: Touches,
    /// The choices that are to follow it; `None` if none are known.
    pub choices: Option<Vec<usize>>,
}

/// A step that is to be taken, and what is to come after it.
#[derive(Clone, Debug)]
pub struct Wakeup {
    /// Who takes it.
    pub thread: usize,
    /// What it touches.
    pub touches: Touches,
    /// What is to come, by the choices that follow the step.
    pub branches: Vec<Branch>,
}

/// What is to come after certain choices.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The choices.
    pub choices: Vec<usize>,
    /// The steps that are to be taken next, in this order. None: whatever comes is explored.
    pub next: Vec<Wakeup>,
}

impl Wakeup {
    /// A step after which everything is to be explored.
    pub fn leaf(thread: usize, touches: Touches) -> Self {
        Self { thread, touches, branches: Vec::new() }
    }
}

/// A step of trees as they are written down: one after the other, each before those that come after it, so that deep trees
/// are no deep text (readers of JSON do not follow it far down).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    thread: usize,
    touches: Touches,
    /// The choices of each branch, and how many steps it begins with.
    branches: Vec<(Vec<usize>, usize)>,
}

/// Trees, written down.
pub fn keep(trees: &[Wakeup]) -> Vec<Kept> {
    fn visit(tree: &Wakeup, kept: &mut Vec<Kept>) {
        let branches = tree.branches.iter().map(|branch| (branch.choices.clone(), branch.next.len())).collect();
        kept.push(Kept { thread: tree.thread, touches: tree.touches.clone(), branches });
        tree.branches.iter().flat_map(|branch| &branch.next).for_each(|next| visit(next, kept));
    }
    let mut kept = Vec::new();
    trees.iter().for_each(|tree| visit(tree, &mut kept));
    kept
}

/// The trees that were written down.
pub fn restore(kept: Vec<Kept>) -> Vec<Wakeup> {
    fn next(kept: &mut impl Iterator<Item = Kept>) -> Option<Wakeup> {
        let Kept { thread, touches, branches } = kept.next()?;
        let branches = branches
            .into_iter()
            .map(|(choices, count)| Branch { choices, next: (0..count).map_while(|_| next(kept)).collect() })
            .collect();
        Some(Wakeup { thread, touches, branches })
    }
    let mut kept = kept.into_iter();
    std::iter::from_fn(|| next(&mut kept)).collect()
}

/// Where in a sequence a thread's step could come first: `Some(Some(at))` if its step at `at` depends on none before it,
/// `Some(None)` if it takes none and its pending step depends on none of the sequence; `None` if it cannot come first.
///
/// In the literature: whether the thread is a *weak initial* of the sequence.
pub fn weak_initial(thread: usize, pending: &Touches, sequence: &[Planned]) -> Option<Option<usize>> {
    match sequence.iter().position(|planned| planned.thread == thread) {
        Some(at) => {
            let first = &sequence[at].touches;
            sequence[..at].iter().all(|before| !dependent(&before.touches, first)).then_some(Some(at))
        }
        None => sequence.iter().all(|planned| !dependent(&planned.touches, pending)).then_some(None),
    }
}

/// Makes sure that some sequence of the tree leads to an execution equivalent to one that begins with `sequence`. Returns
/// whether anything had to be added.
pub fn insert(tree: &mut Vec<Wakeup>, mut sequence: Vec<Planned>) -> bool {
    let mut level = tree;
    loop {
        if sequence.is_empty() {
            return false;
        }
        let found = level
            .iter()
            .enumerate()
            .find_map(|(at, child)| Some((at, weak_initial(child.thread, &child.touches, &sequence)?)));
        let Some((child, position)) = found else {
            level.push(chain(sequence));
            return true;
        };
        let child = &mut level[child];
        let step = position.map(|at| sequence.remove(at));
        if child.branches.is_empty() {
            return false;
        }
        let at = match step.and_then(|step| step.choices) {
            None => 0,
            Some(choices) => match child.branches.iter().position(|branch| branch.choices == choices) {
                Some(at) => at,
                None => {
                    let next = if sequence.is_empty() { Vec::new() } else { vec![chain(sequence)] };
                    child.branches.push(Branch { choices, next });
                    return true;
                }
            },
        };
        if child.branches[at].next.is_empty() {
            return false;
        }
        level = &mut child.branches[at].next;
    }
}

/// A sequence as a tree.
fn chain(sequence: Vec<Planned>) -> Wakeup {
    let mut next: Option<Wakeup> = None;
    for Planned { thread, touches, choices } in sequence.into_iter().rev() {
        let branches = match (next.take(), choices) {
            (None, None) => Vec::new(),
            (after, choices) => {
                vec![Branch { choices: choices.unwrap_or_default(), next: after.into_iter().collect() }]
            }
        };
        next = Some(Wakeup { thread, touches, branches });
    }
    next.expect("a sequence to insert is not empty")
}

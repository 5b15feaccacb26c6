//! What an expectation leans on: whether it holds whatever the semantics permit, or only while some licence is withheld.
//!
//! A program that waits with `if` where it should with `while` is wrong *only if spurious wakeups exist*, or if somebody may
//! overtake; one that signals where it should broadcast is wrong in any case. Whoever ports a program from one system to
//! another needs to know which. The spec names its licences ([`Spec::freedoms`]), and each subset of them is explored: exact, at
//! the price of two to the number of licences explorations.

use std::fmt;
use std::ops::ControlFlow;

use selvedge_model::{Freedom, Spec, Unknown};

use super::{Exploration, Limits, Watch, explore_watched, judge};
use crate::litmus::Program;

/// What an expectation leans on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaning {
    /// Whether it holds where every licence is withheld.
    pub holds_at_first: bool,
    /// The smallest sets of licences with which that turns into its opposite. Empty if none does.
    pub turned_by: Vec<Vec<&'static Freedom>>,
}

impl fmt::Display for Leaning {
    /// In words that follow an expectation: `fails only if spurious wakeups exist`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, otherwise) = if self.holds_at_first { ("holds", "fails") } else { ("fails", "holds") };
        if self.turned_by.is_empty() {
            return write!(f, "{now} under every semantics");
        }
        let one_way = |set: &Vec<&Freedom>| set.iter().map(|freedom| freedom.text).collect::<Vec<_>>().join(" and ");
        let ways: Vec<String> = self.turned_by.iter().map(one_way).collect();
        write!(f, "{otherwise} only if {}", ways.join(", or if "))
    }
}

/// What each expectation of a program leans on, whatever the program itself says of its spec's licences. `None` for an
/// expectation if that is unknown, because the exploration came to its limits; for all if the spec has no licences.
///
/// # Errors
///
/// If the program sets a parameter or an initial value that the spec does not have.
pub fn leanings<S: Spec>(program: &Program<S::Op>, limits: &Limits) -> Result<Vec<Option<Leaning>>, Unknown> {
    leanings_watched::<S>(program, limits, &mut |_| ControlFlow::Continue(()))
}

/// Like [`leanings`], with somebody who looks on.
///
/// # Errors
///
/// As there.
pub fn leanings_watched<S: Spec>(
    program: &Program<S::Op>,
    limits: &Limits,
    watch: &mut Watch<'_>,
) -> Result<Vec<Option<Leaning>>, Unknown> {
    let freedoms = S::freedoms();
    if freedoms.is_empty() {
        return Ok(vec![None; program.expectations.len()]);
    }
    let explorations: Vec<Exploration> = (0..1_usize << freedoms.len())
        .map(|set| explore_watched(&S::configure(&settings::<S>(program, set))?, program, limits, watch))
        .collect::<Result<_, Unknown>>()?;
    let leaning = |expectation| {
        let held: Vec<bool> =
            explorations.iter().map(|exploration| judge(expectation, exploration).held).collect::<Option<_>>()?;
        let turned: Vec<usize> = (0..held.len()).filter(|set| held[*set] != held[0]).collect();
        let mut smallest: Vec<usize> = turned
            .iter()
            .copied()
            .filter(|set| !turned.iter().any(|other| other != set && other & set == *other))
            .collect();
        smallest.sort_by_key(|set| set.count_ones());
        let turned_by = smallest.into_iter().map(|set| members(freedoms, set).collect()).collect();
        Some(Leaning { holds_at_first: held[0], turned_by })
    };
    Ok(program.expectations.iter().map(leaning).collect())
}

/// The licences of a set.
fn members(freedoms: &'static [Freedom], set: usize) -> impl Iterator<Item = &'static Freedom> {
    freedoms.iter().enumerate().filter(move |(index, _)| set >> index & 1 == 1).map(|(_, freedom)| freedom)
}

/// The program's parameters, but with exactly these licences given.
fn settings<S: Spec>(program: &Program<S::Op>, set: usize) -> Vec<(String, String)> {
    let is_licence = |name: &str| S::freedoms().iter().any(|freedom| freedom.parameter == name);
    let others = program.parameters.iter().filter(|(name, _)| !is_licence(name)).cloned();
    others.chain(members(S::freedoms(), set).map(|it| (it.parameter.to_owned(), it.value.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use selvedge_model::cond::{CondSpec, Op};

    use super::*;
    use crate::litmus;
    use crate::litmus::corpus::COND;

    /// The leanings of a program in words.
    fn leanings_of(text: &str) -> Vec<String> {
        let program: Program<Op> = litmus::parse("test.litmus", text).unwrap().program::<CondSpec>().unwrap();
        let leanings = leanings::<CondSpec>(&program, &Limits::default()).unwrap();
        leanings.into_iter().map(|leaning| leaning.expect("all is explored").to_string()).collect()
    }

    const IF: &str = "
var ready = 0
thread W
  lock
  wait-if ready == 0
  r = ready
  unlock
thread S
  lock
  ready = 1
  unlock
  signal
";

    #[test]
    fn a_wait_with_if_leans_on_the_absence_of_spurious_wakeups() {
        let text =
            format!("spec cond\n{IF}\nforall !done W || W:r == 1\nexists W:r == 0\nexists W:r == 1\nnever W:r == 2\n");
        let expected = [
            "fails only if spurious wakeups exist",
            "holds only if spurious wakeups exist",
            "holds under every semantics",
            "holds under every semantics",
        ];
        assert_eq!(leanings_of(&text), expected);
        // What the program itself permits makes no difference.
        let text = text.replace("spec cond\n", "spec cond\nparameter spurious allowed\nparameter order any\n");
        assert_eq!(leanings_of(&text), expected);
    }

    /// The leanings of a program of the corpus in words.
    fn leanings_of_file(name: &str) -> Vec<String> {
        let file = COND.iter().find(|file| file.name == name).expect("it is in the corpus");
        leanings_of(file.text)
    }

    #[test]
    fn an_expectation_may_lean_on_each_of_several_licences_or_on_two_together() {
        let order = leanings_of_file("L04-fifo");
        assert_eq!(order, ["fails only if waiters may be woken out of order, or if spurious wakeups exist"]);
        let deadline = leanings_of_file("T05-timed-out-takes-no-signal");
        assert_eq!(
            deadline[2],
            "fails only if spurious wakeups exist, or if waiters may be woken out of order and a timeout may come at any \
             time"
        );
        let loops = leanings_of_file("L07-loop");
        assert!(loops.iter().all(|leaning| leaning == "holds under every semantics"), "{loops:?}");
    }

    #[test]
    fn what_never_holds_says_so() {
        let text = format!("spec cond\n{IF}\nnever done S\n");
        assert_eq!(leanings_of(&text), ["fails under every semantics"]);
    }

    #[test]
    fn an_exploration_that_was_cut_knows_no_leaning() {
        let text = format!("spec cond\n{IF}\nforall done S\n");
        let program = litmus::parse("test.litmus", &text).unwrap().program::<CondSpec>().unwrap();
        let few = Limits { states: 3, ..Limits::default() };
        assert_eq!(leanings::<CondSpec>(&program, &few).unwrap(), [None]);
    }

    #[test]
    fn a_spec_without_licences_leans_on_nothing() {
        use selvedge_model::toy::{RegisterSpec, register};
        let text = "spec register\nthread A\n  write 1\nforall done A\n";
        let program: Program<register::Op> =
            litmus::parse("test.litmus", text).unwrap().program::<RegisterSpec>().unwrap();
        assert_eq!(leanings::<RegisterSpec>(&program, &Limits::default()).unwrap(), [None]);
    }
}

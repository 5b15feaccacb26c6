//! Oracles: real systems that are asked what the spec is asked, and must answer what the spec allows.
//!
//! A spec says what somebody believed of the real thing. glibc, Linux, the Go runtime know: an oracle puts the same
//! questions to both and counts where they differ. Where they do, the spec is wrong until shown otherwise.
//!
//! An oracle is a value of a type that implements [`Oracle`], and stands in [`all`]; the suite makes a check of each, in a
//! child process like every other, and a record of evidence. What it must do itself is find out who answers, make the
//! questions, and tell [`Inquiry`] of each what was answered.

pub mod getopt;
pub mod go;
pub mod linux_iovec;
pub mod uio_cursors;

use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Display;

use crate::engine::Profile;
use crate::evidence::{ClauseAnswers, Comparison, Difference, PeerAnswers};

/// Every oracle of this repository. One more system: one more file beside this one, and one more entry here.
pub fn all() -> Vec<Box<dyn Oracle>> {
    let mut all = getopt::oracles();
    all.extend([
        Box::new(linux_iovec::LinuxIovec) as Box<dyn Oracle>,
        Box::new(uio_cursors::UioCursors),
        Box::new(go::GoScheduler),
    ]);
    all
}

/// Differences that a record keeps: those of the shortest inputs. All are counted.
pub const DIFFERENCES_KEPT: usize = 20;

/// A real system that can be asked.
///
/// ```
/// use selvedge_verify::engine::Profile;
/// use selvedge_verify::evidence::Verdict;
/// use selvedge_verify::oracle::{Inquiry, Oracle};
/// use selvedge_verify::suite::{Options, Suite};
///
/// /// The processor, asked what 8-bit addition comes to.
/// struct Processor;
///
/// impl Oracle for Processor {
///     fn name(&self) -> &'static str {
///         "adder/processor"
///     }
///
///     fn about(&self) -> &'static str {
///         "The sum of two bytes, for every pair of them."
///     }
///
///     fn respondent(&self) -> Result<String, String> {
///         Ok(std::env::consts::ARCH.to_owned())
///     }
///
///     fn questions(&self, _: Profile) -> u64 {
///         256 * 256
///     }
///
///     fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
///         for (a, b) in (0..=255).flat_map(|a| (0..=255).map(move |b| (a, b))) {
///             let spec = (u16::from(a) + u16::from(b)) % 256;
///             let answer = u16::from(u8::wrapping_add(a, b));
///             inquiry.compare(&["ADD-01"], format_args!("{a} + {b}"), &spec, &answer);
///         }
///         inquiry.that_was_all();
///         Ok(())
///     }
/// }
///
/// let suite = Suite::empty().oracle(Processor);
/// let check = &suite.plan(&Options::quick())[0];
/// assert_eq!(check.id, "adder/oracle/processor/differential");
/// let evidence = suite.run_here(check, &Options::quick());
/// assert_eq!((evidence.verdict, evidence.executions), (Verdict::Pass, 65_536));
/// ```
pub trait Oracle: Send + Sync {
    /// The system, a slash, and who is asked: `getopt/glibc`.
    fn name(&self) -> &'static str;

    /// What is asked, and of what inputs: one sentence.
    fn about(&self) -> &'static str;

    /// Who answers, with the version that is found now: `glibc 2.36`, `Linux 6.18.5`.
    ///
    /// # Errors
    ///
    /// Why nobody answers on this machine. The check is then skipped, with that reason.
    fn respondent(&self) -> Result<String, String>;

    /// Asks, until [`Inquiry::is_over`] or until there is nothing left to ask. Runs alone in its process, on its main
    /// thread: it may set environment variables and redirect standard error.
    ///
    /// # Errors
    ///
    /// What broke, if the asking itself did. A difference is none: it is told to the inquiry.
    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String>;

    /// Questions that a run may ask. A run that needs more to be done with an enumeration is inconclusive, so that one
    /// that enumerates names enough; one that draws is bounded by this alone and says [`Inquiry::that_was_all`] at the end.
    fn questions(&self, profile: Profile) -> u64 {
        match profile {
            Profile::Quick => 20_000,
            Profile::Full => 2_000_000,
        }
    }
}

/// What was asked so far, and how many questions are left.
#[derive(Debug)]
pub struct Inquiry {
    seed: u64,
    profile: Profile,
    questions: u64,
    asked: u64,
    done: bool,
    differing: u64,
    /// The longest input on top, to be dropped first.
    differences: BinaryHeap<BySize>,
    /// Questions and differences.
    clauses: BTreeMap<&'static str, (u64, u64)>,
    peers: BTreeMap<(String, &'static str), PeerAnswers>,
    notes: Vec<String>,
}

impl Inquiry {
    /// An inquiry of so many questions, under a seed.
    pub fn new(questions: u64, profile: Profile, seed: u64) -> Self {
        Inquiry {
            seed,
            profile,
            questions,
            asked: 0,
            done: false,
            differing: 0,
            differences: BinaryHeap::new(),
            clauses: BTreeMap::new(),
            peers: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// For an oracle that draws its questions.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// For an oracle that enumerates less in a quick run.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Whether no question is left.
    pub fn is_over(&self) -> bool {
        self.asked >= self.questions
    }

    /// Questions asked so far.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Questions left.
    pub fn left(&self) -> u64 {
        self.questions.saturating_sub(self.asked)
    }

    /// One question was answered by both. `clauses` are the ids of the requirements that it bears on, the one to blame
    /// first; `difference` is asked for the three texts (input, the spec's answer, theirs) if they do not agree.
    pub fn answered(
        &mut self,
        clauses: &[&'static str],
        agrees: bool,
        difference: impl FnOnce() -> (String, String, String),
    ) {
        self.asked += 1;
        for (position, clause) in clauses.iter().enumerate() {
            let (questions, differing) = self.clauses.entry(clause).or_default();
            *questions += 1;
            *differing += u64::from(!agrees && position == 0);
        }
        if !agrees {
            self.differing += 1;
            let (input, spec, answer) = difference();
            self.differences.push(BySize(Difference {
                clause: clauses.first().map(|clause| (*clause).to_owned()),
                input,
                spec,
                answer,
            }));
            if self.differences.len() > DIFFERENCES_KEPT {
                self.differences.pop();
            }
        }
    }

    /// One question to which the spec allows exactly one answer. Says whether they agree.
    pub fn compare<A: PartialEq + Display>(
        &mut self,
        clauses: &[&'static str],
        input: impl Display,
        spec: &A,
        answer: &A,
    ) -> bool {
        let agrees = spec == answer;
        self.answered(clauses, agrees, || (input.to_string(), spec.to_string(), answer.to_string()));
        agrees
    }

    /// A peer (a crate of somebody else's, with its version) answered too: a cell of the survey. It decides nothing and
    /// counts as no question.
    pub fn peer(
        &mut self,
        peer: &str,
        clause: &'static str,
        agrees: bool,
        difference: impl FnOnce() -> (String, String, String),
    ) {
        let cell = self.peers.entry((peer.to_owned(), clause)).or_insert_with(|| PeerAnswers {
            peer: peer.to_owned(),
            clause: clause.to_owned(),
            questions: 0,
            differing: 0,
            example: None,
        });
        cell.questions += 1;
        if !agrees {
            cell.differing += 1;
            let (input, spec, answer) = difference();
            if cell.example.as_ref().is_none_or(|known| input.len() < known.input.len()) {
                cell.example = Some(Difference { clause: Some(clause.to_owned()), input, spec, answer });
            }
        }
    }

    /// Something about this run that the record says after [`Oracle::about`].
    pub fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    /// What is to be said about this run.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Everything was asked that was to be asked: an enumeration came to its end, or a draw to its budget.
    pub fn that_was_all(&mut self) {
        self.done = true;
    }

    /// Whether everything was asked that was to be asked.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// What the answers come to.
    pub(crate) fn into_comparison(self, respondent: String) -> Comparison {
        Comparison {
            respondent,
            differing: self.differing,
            differences: self.differences.into_sorted_vec().into_iter().map(|BySize(difference)| difference).collect(),
            clauses: self
                .clauses
                .into_iter()
                .map(|(clause, (questions, differing))| ClauseAnswers {
                    clause: clause.to_owned(),
                    questions,
                    differing,
                })
                .collect(),
            peers: self.peers.into_values().collect(),
        }
    }
}

/// A difference by the length of its input: a short one is the one to read.
#[derive(Debug)]
struct BySize(Difference);

impl BySize {
    fn key(&self) -> (usize, &str) {
        (self.0.input.len(), &self.0.input)
    }
}

impl PartialEq for BySize {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for BySize {}

impl PartialOrd for BySize {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BySize {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_counted_and_the_shortest_are_kept() {
        let mut inquiry = Inquiry::new(1_000, Profile::Quick, 1);
        for length in (1..=100_usize).rev() {
            inquiry.compare(&["A-01", "A-02"], "x".repeat(length), &0, &usize::from(length % 2 == 1));
        }
        assert_eq!((inquiry.asked(), inquiry.left(), inquiry.is_over()), (100, 900, false));
        let comparison = inquiry.into_comparison("nobody 1.0".to_owned());
        assert_eq!(comparison.differing, 50);
        let lengths: Vec<usize> = comparison.differences.iter().map(|difference| difference.input.len()).collect();
        assert_eq!(lengths, (1..=DIFFERENCES_KEPT).map(|position| 2 * position - 1).collect::<Vec<_>>());
        assert_eq!(comparison.differences[0].clause.as_deref(), Some("A-01"));
        let clauses: Vec<(u64, u64)> = comparison.clauses.iter().map(|it| (it.questions, it.differing)).collect();
        assert_eq!(clauses, [(100, 50), (100, 0)], "the first clause is the one to blame");
    }

    #[test]
    fn a_peers_answers_are_no_questions_and_its_shortest_difference_is_kept() {
        let mut inquiry = Inquiry::new(1, Profile::Quick, 1);
        for input in ["long", "at", "longer"] {
            inquiry.peer("lexopt 0.3", "A-01", false, || (input.into(), "this".into(), "that".into()));
        }
        inquiry.peer("lexopt 0.3", "A-01", true, || unreachable!("they agree"));
        assert_eq!(inquiry.asked(), 0);
        let comparison = inquiry.into_comparison("nobody 1.0".to_owned());
        let [cell] = &comparison.peers[..] else { panic!("one cell: {:?}", comparison.peers) };
        assert_eq!((cell.questions, cell.differing), (4, 3));
        assert_eq!(cell.example.as_ref().map(|it| it.input.as_str()), Some("at"));
    }
}

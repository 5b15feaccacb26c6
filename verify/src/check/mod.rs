//! Is this history one that the spec allows?
//!
//! The checker follows the set of *configurations* that fit what was seen so far: a spec state and, for each thread,
//! whether it runs no operation, runs one that stands at some phase, or runs one that has finished and not yet returned.
//! A call adds a running operation. A return keeps the configurations in which that operation, after any number of steps
//! of running operations and daemons, has finished with exactly that value. If none is left, the history is a
//! *violation* of safety. For operations of one step this is linearizability; for operations of several steps, blocking
//! ones among them, it is more.
//!
//! **Laziness.** Steps are taken only when a return, an abort or the end asks for them, and only until the operation
//! asked about has finished. Nothing is lost: a return and a call change no spec state and disable no step, so every
//! step that a path takes after its operation has finished can be taken after the return just as well.
//!
//! **Looking ahead.** The history says what each operation will return. An operation that finishes with another value is
//! dropped at once, and the spec is told the value (`seen`), so that it may answer by membership. A violation is
//! therefore found no later than it shows; the event reported is the first at which the history *so far* has no
//! explanation, found by bisection.
//!
//! **Quiescence.** If nothing in the subject could move any more ([`Close::AtRest`]), some configuration must be at
//! rest: exactly the operations that never returned are running, no *must* rule of an operation or a daemon is enabled,
//! and [`Spec::at_rest`] and [`Spec::invariants`] find nothing. Otherwise a wakeup was lost.
//!
//! **Invariants.** A configuration whose state breaks an invariant explains nothing: it is dropped. A deadline that a
//! spec states as an invariant is thereby enforced.
//!
//! **Cost.** One event costs at most the number of configurations that the operations overlapping it can reach: it grows
//! exponentially with the number of operations that overlap (blocked ones overlap everything after them), and not with
//! the length of the history. [`Budget`] bounds it. Measured with `cargo bench -p selvedge-verify --bench check` on two
//! shared cores: four rounds of a condition variable take 31 µs with 2 threads, 123 µs with 3, 0.38 ms with 4, 1.8 ms with
//! 6; three threads take 34 µs a round at 16 rounds and 28 µs at 64. Without order between the threads the whole history
//! overlaps: three rounds of three threads take 2.5 ms. A history that was judged before costs 0.6 µs.
//!
//! ```
//! use selvedge_verify::check::{Budget, Judgement, check};
//! use selvedge_verify::history::{Close, Event, History};
//! # use selvedge_model::*;
//! # #[derive(Clone, Debug)] struct Flag;
//! # #[derive(Clone, PartialEq, Eq, Hash, Debug)] struct Word(&'static str);
//! # impl std::fmt::Display for Word {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.0) }
//! # }
//! # impl std::str::FromStr for Word {
//! #     type Err = Unreadable;
//! #     fn from_str(_: &str) -> Result<Self, Unreadable> { unreachable!() }
//! # }
//! # impl Spec for Flag {
//! #     type State = bool; type Op = Word; type Phase = (); type Ret = Word;
//! #     fn name(&self) -> &'static str { "flag" }
//! #     fn configure(_: &[(String, String)]) -> Result<Self, Unknown> { Ok(Flag) }
//! #     fn parameters() -> &'static [Parameter] { &[] }
//! #     fn configuration(&self) -> Vec<(&'static str, &'static str)> { vec![] }
//! #     fn clauses() -> &'static [Clause] {
//! #         &[Clause { id: "FLAG-01", text: "Await returns once the flag was raised.", source: "here", extension: false }]
//! #     }
//! #     fn rules() -> &'static [Rule] {
//! #         &[Rule { name: "raise", clause: "FLAG-01", obligation: Obligation::Must, text: "" },
//! #           Rule { name: "await", clause: "FLAG-01", obligation: Obligation::Must, text: "" }]
//! #     }
//! #     fn forms() -> &'static [Form] { &[] }
//! #     fn observables() -> &'static [&'static str] { &[] }
//! #     fn initial(&self, _: &[(String, i64)]) -> Result<bool, Unknown> { Ok(false) }
//! #     fn observe(&self, _: &bool, _: &str) -> Option<i64> { None }
//! #     fn steps(&self, state: &bool, _: Thread, op: &Word, _: &(), _: Option<&Word>, out: &mut Vec<StepOf<Self>>) {
//! #         let progress = Progress::Return(Word("ok"));
//! #         match op.0 {
//! #             "raise" => out.push(Step { rule: RuleId(0), state: true, progress }),
//! #             _ if *state => out.push(Step { rule: RuleId(1), state: true, progress }),
//! #             _ => {}
//! #         }
//! #     }
//! #     fn next_ops(&self, _: &[Word]) -> Vec<Word> { vec![Word("raise"), Word("await")] }
//! # }
//! // A flag: `await` blocks until somebody has called `raise`. Here it came back although nobody had.
//! let history = History {
//!     events: vec![Event::Call { thread: 0, op: Word("await") }, Event::Return { thread: 0, ret: Word("ok") }],
//!     close: Close::AtRest,
//! };
//! let Judgement::Violation(violation) = check(&Flag, &false, &history, &Budget::default()) else { panic!() };
//! assert_eq!(violation.clause, Some("FLAG-01"));
//! assert_eq!(
//!     violation.sentence,
//!     "T1's `await` returned ok, but it would take `raise` to enable await (FLAG-01: Await returns once the flag was \
//!      raised); the spec allowed: nothing, every running operation is blocked"
//! );
//! ```

mod explain;
mod judge;
mod rules;
mod search;
mod story;

use selvedge_model::Spec;

use crate::history::{Close, Disordered, EventOf, HistoryOf};
use crate::litmus::ThreadIndex;

pub use judge::{Judge, Judged};
pub use rules::RuleSet;

pub(crate) use explain::quoted;
use search::{Interrupt, Run, Tracked};

/// How much the checker may do for one history. Counted in spec steps and configurations, never in time, so that a
/// verdict does not depend on the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Spec steps computed, in total.
    pub steps_max: u64,
    /// Configurations held at one time.
    pub configurations_max: usize,
}

impl Default for Budget {
    /// Enough for any litmus test; a few seconds and a few hundred megabytes at the very worst.
    fn default() -> Self {
        Budget { steps_max: 4_000_000, configurations_max: 200_000 }
    }
}

/// What the checker found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// The spec allows the history.
    Allowed(Allowed),
    /// It does not.
    Violation(Violation),
    /// The budget ran out before there was an answer.
    Inconclusive {
        /// Which limit was reached, and where.
        reason: String,
    },
    /// The events are no history: whoever recorded them is at fault, and nothing was judged.
    Malformed(Disordered),
}

impl Judgement {
    /// Whether the spec allows the history.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Judgement::Allowed(_))
    }

    /// The violation, if it is one.
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            Judgement::Violation(violation) => Some(violation),
            _ => None,
        }
    }
}

/// How the spec allows a history.
///
/// An *explanation* is a sequence of steps that fits the history, in which each step is taken no earlier than the first
/// return, abort or end that may need it (see the [module](self) on laziness).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// The most configurations held at one time: how ambiguous the history is.
    pub configurations_max: usize,
    /// Spec steps computed.
    pub steps: u64,
    /// Rules that at least one explanation takes. The subject need not have done what they say: a wait that was
    /// signalled can also be explained by a spurious wakeup where the spec allows one.
    pub exercised: RuleSet,
    /// Rules that every explanation takes: the subject has shown what they say.
    pub certain: RuleSet,
    /// The clause that demands the abort with which the history ends, if it ends with one.
    pub aborted: Option<&'static str>,
}

/// Where a violation shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// At this event (an index into [`History::events`](crate::history::History::events)): up to here the spec could
    /// follow.
    Event(usize),
    /// At the end: the spec allows everything that happened, but not that nothing more happens. Also where the events'
    /// order means nothing.
    End,
}

/// How a history breaks the spec.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Where it shows.
    pub at: At,
    /// The broken clause, if one clause is to blame.
    ///
    /// Where the history would be allowed if the spec gave one [`Freedom`](selvedge_model::Freedom) that it withholds: the
    /// clause that withholds it. Otherwise, for a return: the clause of the rule by which the operation could return, or of
    /// the rule that the operation would have needed to get on. For an end: the clause of the *must* rule that is enabled, or
    /// of the deadline missed.
    pub clause: Option<&'static str>,
    /// What is wrong: which clause is broken, what was seen, what the spec allowed. One sentence.
    pub sentence: String,
    /// What the spec allowed instead at that point.
    pub allowed: Vec<String>,
    /// What was seen there.
    pub seen: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// What a history is held against.
#[derive(Clone, Debug)]
pub struct Checker<S: Spec> {
    spec: S,
    initial: S::State,
    budget: Budget,
    names: Vec<String>,
}

impl<S: Spec> Checker<S> {
    /// A checker for histories that start in the given state.
    pub fn new(spec: S, initial: S::State) -> Self {
        Checker { spec, initial, budget: Budget::default(), names: Vec::new() }
    }

    /// With another budget.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// With names for the threads in sentences; those without one are T1, T2 and so on.
    pub fn thread_names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Judges a history whose order is that of real time.
    ///
    /// The program ends with an abort at some instant between the call that aborts and the abort's record. What other threads
    /// are recorded to do after that does not count.
    pub fn check(&self, history: &HistoryOf<S>) -> Judgement {
        if let Err(disordered) = history.ordered() {
            return Judgement::Malformed(disordered);
        }
        self.run(&history.events, history.close).unwrap_or_else(|interrupt| self.inconclusive(interrupt, history))
    }

    /// Judges a history in which only the order *within* each thread means anything: is there an interleaving that the
    /// spec allows?
    ///
    /// Nothing is known of when an operation was called, so it may take steps as soon as its thread's last one has
    /// returned. If one thread aborted, what the others are recorded to have returned counts as far as it can have been before that.
    ///
    /// The cost grows with all configurations that the whole history can reach, hence exponentially with its length:
    /// litmus tests have a dozen operations at most.
    pub fn check_unordered(&self, history: &HistoryOf<S>) -> Judgement {
        if let Err(disordered) = history.ordered() {
            return Judgement::Malformed(disordered);
        }
        self.run_unordered(history).unwrap_or_else(|interrupt| self.inconclusive(interrupt, history))
    }

    /// Tells a violation that [`Checker::check`] found in the history, with its place and its clause, in the words of the spec ([`Spec::tell`]), for a
    /// reader who does not know its rules; the clause, if one is broken, is quoted behind. `None` where the spec has no
    /// words for it.
    ///
    /// The cost is that of checking the history, and memory grows with the configurations met on the way.
    pub fn tell(&self, history: &HistoryOf<S>, at: At, clause: Option<&'static str>) -> Option<String> {
        let told = self.spec.tell(&story::story(self, history, at, clause)?)?;
        Some(match clause {
            Some(clause) => format!("{told} ({})", quoted::<S>(clause)),
            None => told,
        })
    }

    fn run(&self, events: &[EventOf<S>], close: Close) -> Result<Judgement, Interrupt> {
        let run = Run::ordered(self, events, close);
        let failed_at = match run.track()? {
            Tracked::Fits(allowed) => return Ok(Judgement::Allowed(allowed)),
            Tracked::Fails { at } => at,
        };
        // Looking ahead may have found out early. The first event that has no explanation so far is at or after it.
        let fits = |end: usize| -> Result<bool, Interrupt> {
            Ok(matches!(Run::ordered(self, &events[..end], Close::Cut).track()?, Tracked::Fits(_)))
        };
        if fits(events.len())? {
            let fits = |freer: &Self| Ok(matches!(Run::ordered(freer, events, close).track()?, Tracked::Fits(_)));
            return Ok(Judgement::Violation(explain::withheld(self, explain::unrest(self, events), fits)));
        }
        let (mut fitting, mut failing) = (failed_at.unwrap_or(events.len()), events.len());
        while fitting + 1 < failing {
            let middle = fitting + (failing - fitting) / 2;
            if fits(middle)? {
                fitting = middle;
            } else {
                failing = middle;
            }
        }
        let events = &events[..failing];
        let fits = |freer: &Self| Ok(matches!(Run::ordered(freer, events, Close::Cut).track()?, Tracked::Fits(_)));
        Ok(Judgement::Violation(explain::withheld(self, explain::event(self, events), fits)))
    }

    fn run_unordered(&self, history: &HistoryOf<S>) -> Result<Judgement, Interrupt> {
        if let Tracked::Fits(allowed) = Run::unordered(self, &history.events, history.close).track_unordered()? {
            return Ok(Judgement::Allowed(allowed));
        }
        let cut = Run::unordered(self, &history.events, Close::Cut);
        let violation = match cut.track_unordered()? {
            Tracked::Fits(_) => explain::unordered_unrest(self, &history.events),
            Tracked::Fails { .. } => explain::unordered_answers(self, &history.events),
        };
        let fits = |freer: &Self| {
            let run = Run::unordered(freer, &history.events, history.close);
            Ok(matches!(run.track_unordered()?, Tracked::Fits(_)))
        };
        Ok(Judgement::Violation(explain::withheld(self, violation, fits)))
    }

    fn inconclusive(&self, interrupt: Interrupt, history: &HistoryOf<S>) -> Judgement {
        let limit = match interrupt {
            Interrupt::Steps => format!("{} spec steps", self.budget.steps_max),
            Interrupt::Configurations => format!("{} configurations at one time", self.budget.configurations_max),
        };
        let events = history.events.len();
        Judgement::Inconclusive { reason: format!("the checker's budget of {limit} ran out ({events} events)") }
    }

    fn thread_name(&self, thread: ThreadIndex) -> String {
        self.names.get(thread).cloned().unwrap_or_else(|| format!("T{}", thread + 1))
    }
}

/// Judges a history whose order is that of real time. See [`Checker::check`].
pub fn check<S: Spec>(spec: &S, initial: &S::State, history: &HistoryOf<S>, budget: &Budget) -> Judgement {
    Checker::new(spec.clone(), initial.clone()).budget(*budget).check(history)
}

/// Judges a history in which only the order within each thread means anything. See [`Checker::check_unordered`].
pub fn check_unordered<S: Spec>(spec: &S, initial: &S::State, history: &HistoryOf<S>, budget: &Budget) -> Judgement {
    Checker::new(spec.clone(), initial.clone()).budget(*budget).check_unordered(history)
}

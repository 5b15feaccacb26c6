//! What an executable spec is.
//!
//! A spec is a labelled transition system. An operation proceeds in atomic steps, each by a named [`Rule`]; an operation
//! that blocks is one whose next step is not enabled. Nothing here runs anything: no threads, no clock, no I/O. That is
//! what makes a spec usable three ways: an explorer enumerates it, a checker follows it along a recorded history, and a
//! reader compares it with the manual page.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::ops::Range;
use std::str::FromStr;

/// A program thread, numbered in the order in which the program declares its threads.
///
/// A spec may use it to say who holds a lock or who owns a ticket. It carries no other meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Thread(pub u8);

/// One requirement: what must hold, in a sentence, and where it comes from.
///
/// Evidence is counted per clause, so an id is never reused and never renumbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clause {
    /// Stable id, for instance `COND-04`.
    pub id: &'static str,
    /// The requirement, one sentence.
    pub text: &'static str,
    /// Where the requirement comes from.
    pub source: &'static str,
    /// An extension of ours that the system the spec is named after does not have.
    pub extension: bool,
}

impl Clause {
    /// A requirement of the system that the spec is named after.
    pub const fn new(id: &'static str, source: &'static str, text: &'static str) -> Self {
        Self { id, text, source, extension: false }
    }

    /// A requirement on an extension of ours.
    pub const fn extension(id: &'static str, source: &'static str, text: &'static str) -> Self {
        Self { id, text, source, extension: true }
    }
}

/// Whether a rule that stays enabled is taken eventually.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Obligation {
    /// Taken eventually if it stays enabled. A state with an enabled must-rule is not at rest.
    Must,
    /// May never be taken: a spurious wakeup, a failure, the passing of time.
    May,
}

/// A named kind of step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Name, unique within the spec, for instance `wait.enqueue`.
    pub name: &'static str,
    /// The id of the clause that demands or permits the step.
    pub clause: &'static str,
    /// Must or may.
    pub obligation: Obligation,
    /// What the step does, one sentence.
    pub text: &'static str,
}

/// A rule, by its position in [`Spec::rules`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub u16);

/// Declares the rules of a spec: a constant of type [`RuleId`](crate::RuleId) for each, and `RULES` in the same order.
///
/// ```
/// selvedge_model::rules! {
///     READ = "read", "REG-01", Must, "Returns the value.";
///     WRITE = "write", "REG-02", Must, "Replaces the value.";
/// }
/// assert_eq!(RULES[usize::from(WRITE.0)].name, "write");
/// # let _ = READ;
/// ```
#[macro_export]
macro_rules! rules {
    ($($id:ident = $name:literal, $clause:literal, $obligation:ident, $text:literal;)+) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Position { $($id),+ }
        $(const $id: $crate::RuleId = $crate::RuleId(Position::$id as u16);)+
        static RULES: &[$crate::Rule] = &[$($crate::Rule {
            name: $name,
            clause: $clause,
            obligation: $crate::Obligation::$obligation,
            text: $text,
        }),+];
    };
}

/// How an operation stands after a step.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Progress<Phase, Ret> {
    /// It goes on from this phase.
    Next(Phase),
    /// It returns this value.
    Return(Ret),
    /// It ends the whole program: a fatal error that nobody can catch.
    Abort {
        /// The clause that demands the abort.
        clause: &'static str,
        /// What the real system prints.
        text: String,
    },
}

/// One enabled step of an operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Step<State, Phase, Ret> {
    /// The rule taken.
    pub rule: RuleId,
    /// The spec's state after the step.
    pub state: State,
    /// How the operation goes on.
    pub progress: Progress<Phase, Ret>,
}

/// The enabled steps of an operation of spec `S`.
pub type StepOf<S> = Step<<S as Spec>::State, <S as Spec>::Phase, <S as Spec>::Ret>;

/// How an operation's next step stands to the steps of other threads. Explorers use it to leave out
/// interleavings that differ only in the order of steps that commute.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Commutation {
    /// Nothing is promised.
    Unknown,
    /// To take the step at once, alone, loses nothing. As long as this operation does not move, its enabled steps stay
    /// exactly what they are; and whatever ends an execution can come to in which others move first, it can come to
    /// as well when this step comes first. The usual reason is that the step commutes with everything that others can
    /// do before it, as an unlock does with all that is possible while the lock is held. The promise counts only where
    /// nobody ever takes an `Undisciplined` step.
    Independent,
    /// A right mover in Lipton's sense: whatever step another thread or daemon can take right after one of these steps,
    /// it could have taken right before it, to the same effect. Taking a lock is the classic one.
    RightMover,
    /// The step breaks the discipline on which the other promises rest, for instance the unlocking of a lock that
    /// somebody else holds.
    Undisciplined,
}

/// The exclusion that a thread enjoys in a state: what it may do to plain data without a data race.
///
/// While one thread has `Exclusive`, no other has anything else than `Nothing`; and as long as nobody takes a step that
/// is [`Commutation::Undisciplined`], only a thread's own steps change what it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Exclusion {
    /// None: the thread holds no lock.
    Nothing,
    /// A read lock: others may hold one too.
    Shared,
    /// A lock that nobody else holds in any form.
    Exclusive,
}

/// A clause found broken in a state, with what was seen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Broken {
    /// The clause.
    pub clause: &'static str,
    /// What is wrong in this state, in words.
    pub text: String,
}

/// A text that is not in the vocabulary: what is wrong and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// What is wrong, one sentence, lower case, no full stop.
    pub message: String,
    /// The offending bytes of the text that was read.
    pub span: Range<usize>,
    /// What would have been accepted there.
    pub expected: Vec<String>,
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unreadable {}

/// An operation's form, for listings and for "did you mean".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// The word, for instance `wait-timeout`.
    pub name: &'static str,
    /// Its arguments as a reader would write them, for instance `MS`; empty if there are none.
    pub arguments: &'static str,
    /// What it does, one sentence.
    pub text: &'static str,
}

impl Form {
    /// A form of operation.
    pub const fn new(name: &'static str, arguments: &'static str, text: &'static str) -> Self {
        Self { name, arguments, text }
    }
}

/// A choice of semantics that a litmus file or a history may set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Name, for instance `order`.
    pub name: &'static str,
    /// The values it can take; the first is the default.
    pub values: &'static [&'static str],
    /// What it chooses, one sentence.
    pub text: &'static str,
}

/// A licence that a choice of semantics gives to an implementation, and that another one withholds: to wake threads without
/// reason, say. An expectation that only holds where a licence is withheld leans on that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Freedom {
    /// The parameter that gives it.
    pub parameter: &'static str,
    /// The value that gives it. The parameter's default withholds it.
    pub value: &'static str,
    /// What is so where it is given; follows "only if": `spurious wakeups exist`.
    pub text: &'static str,
    /// The clause that withholds it, if there is one: whoever takes the licence where it is withheld breaks that one.
    pub withheld_by: Option<&'static str>,
}

/// Values for several parameters under the name by which the field knows their combination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Semantics {
    /// Name, for instance `posix`.
    pub name: &'static str,
    /// Parameters and their values.
    pub settings: &'static [(&'static str, &'static str)],
    /// Whose semantics these are, one sentence.
    pub text: &'static str,
}

/// A wrong parameter, initial value or observation: which, and what was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// What is wrong, one sentence, lower case, no full stop.
    pub message: String,
    /// What would have been accepted.
    pub expected: Vec<String>,
}

impl Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unknown {}

/// A step that an explanation of a history takes.
#[derive(Clone, Debug)]
pub struct Taken<S: Spec> {
    /// Whose step it is, and of which operation; `None` for a daemon's.
    pub by: Option<(Thread, S::Op)>,
    /// The rule taken.
    pub rule: RuleId,
    /// The state before it.
    pub before: S::State,
    /// The state after it.
    pub after: S::State,
}

/// How a subject left what the spec allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Departure<Ret> {
    /// This thread's operation returned this, which the spec does not allow there.
    Returned(Thread, Ret),
    /// This thread's operation ended the program, which the spec does not demand there.
    Died(Thread),
    /// Nothing moved any more, which the spec does not allow there.
    Stuck,
}

/// A failure of a subject as its spec sees it: what the spec would have had happen, as far as it could follow the
/// subject, and where the subject departed from that. What [`Spec::tell`] tells.
#[derive(Clone, Debug)]
pub struct Story<'a, S: Spec> {
    /// The threads' names.
    pub names: &'a [String],
    /// The steps by which the spec explains what the subject did, up to where it departed, in order.
    pub steps: Vec<Taken<S>>,
    /// The spec's state at the departure.
    pub state: S::State,
    /// The operations that were running then, with the phases that the spec has them in.
    pub running: Vec<(Thread, S::Op, S::Phase)>,
    /// The departure.
    pub departure: Departure<S::Ret>,
}

impl<S: Spec> Story<'_, S> {
    /// A thread's name.
    pub fn name(&self, thread: Thread) -> String {
        let name = self.names.get(usize::from(thread.0)).cloned();
        name.unwrap_or_else(|| format!("T{}", usize::from(thread.0) + 1))
    }
}

/// The things of one kind in a state. See [`Spec::statuses`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statuses {
    /// What they are, in the plural and in lower case: `processors`.
    pub things: &'static str,
    /// The status of each, by number.
    pub statuses: Vec<&'static str>,
}

/// An executable spec.
///
/// The value itself holds the choice of semantics (the parameters); [`Spec::State`] holds what changes.
pub trait Spec: Clone + Debug + Send + Sync + 'static {
    /// What changes as operations proceed.
    type State: Clone + Eq + Hash + Debug + Send + Sync;
    /// An operation, arguments included. Its text form is the litmus file's vocabulary and round-trips.
    type Op: Clone + Eq + Hash + Debug + Display + FromStr<Err = Unreadable> + Send + Sync;
    /// Where a running operation stands. The default is: not begun.
    type Phase: Clone + Eq + Hash + Debug + Default + Send + Sync;
    /// What an operation returns. Its text form is what registers and recorded histories hold, and round-trips.
    /// An integer reads as a number in expectations, anything else as a word.
    type Ret: Clone + Eq + Hash + Debug + Display + FromStr<Err = Unreadable> + Send + Sync;

    /// The spec's name, as litmus files and histories write it.
    fn name(&self) -> &'static str;

    /// The spec with the parameters given by name; those not given keep their defaults.
    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown>;

    /// The parameters that can be set.
    fn parameters() -> &'static [Parameter];

    /// What the parameters may permit beyond their defaults. By default nothing that is worth telling apart.
    fn freedoms() -> &'static [Freedom] {
        &[]
    }

    /// The clause that says what happened before what. A data race that the spec does not allow breaks it. By default there is
    /// none to name.
    fn happens_before() -> Option<&'static str> {
        None
    }

    /// Whether an operation ever returns such a value, in whatever state. By default it may.
    fn answers(&self, _op: &Self::Op, _ret: &Self::Ret) -> bool {
        true
    }

    /// Whether a step by this rule is ordered, in the sense of happens-before, with the others that are. What one thread has done
    /// before a step that is not is no more known to others after it than before. By default every step is.
    fn orders(_rule: RuleId) -> bool {
        true
    }

    /// Combinations of parameters that have a name. By default there are none.
    fn semantics() -> &'static [Semantics] {
        &[]
    }

    /// The value each parameter has in this spec, in the order of [`Spec::parameters`].
    fn configuration(&self) -> Vec<(&'static str, &'static str)>;

    /// Every requirement.
    fn clauses() -> &'static [Clause];

    /// Every kind of step.
    fn rules() -> &'static [Rule];

    /// The ids of the clauses that some step's [`Progress::Abort`] names. An expectation about the abort of any other says
    /// nothing, and is refused. By default nothing aborts.
    fn aborts() -> &'static [&'static str] {
        &[]
    }

    /// Every form of operation.
    fn forms() -> &'static [Form];

    /// The names of the initial values that a program may set and of the values that a state shows (see
    /// [`Spec::observe`]).
    fn observables() -> &'static [&'static str];

    /// The most threads that a state of this spec has room for. Whoever runs the spec refuses programs and histories
    /// with more. The default is what a [`Thread`] can number.
    fn threads_max() -> usize {
        usize::from(u8::MAX) + 1
    }

    /// The initial state, with some observables set by name.
    fn initial(&self, set: &[(String, i64)]) -> Result<Self::State, Unknown>;

    /// The value of an observable in a state. `None` if there is no such observable.
    fn observe(&self, state: &Self::State, name: &str) -> Option<i64>;

    /// Pushes every enabled step of `op`, which `thread` is executing and which stands at `phase`.
    ///
    /// A checker passes the value that it saw the operation return; a spec with a large answer set then answers by
    /// membership instead of enumerating. Steps whose `Return` differs from `seen` are ignored by the caller.
    fn steps(
        &self,
        state: &Self::State,
        thread: Thread,
        op: &Self::Op,
        phase: &Self::Phase,
        seen: Option<&Self::Ret>,
        out: &mut Vec<StepOf<Self>>,
    );

    /// Pushes every enabled step of declared daemons: steps that belong to no operation of the program.
    fn internal(&self, _state: &Self::State, _out: &mut Vec<(RuleId, Self::State)>) {}

    /// Clauses that a reachable state breaks. A correct spec's reachable states break none.
    fn invariants(&self, _state: &Self::State) -> Vec<Broken> {
        Vec::new()
    }

    /// Clauses that are broken if nothing ever moves again from here: a missed deadline, lost work.
    /// `running` lists the operations that are blocked, with their phases.
    fn at_rest(&self, _state: &Self::State, _running: &[(Thread, &Self::Op, &Self::Phase)]) -> Vec<Broken> {
        Vec::new()
    }

    /// How the next step of `op`, which `thread` is executing and which stands at `phase`, stands to the steps of other
    /// threads. A hint for explorers; the default promises nothing.
    fn commutation(&self, _state: &Self::State, _thread: Thread, _op: &Self::Op, _phase: &Self::Phase) -> Commutation {
        Commutation::Unknown
    }

    /// The exclusion that `thread` has in this state. A hint for explorers; the default promises nothing.
    fn exclusion(&self, _state: &Self::State, _thread: Thread) -> Exclusion {
        Exclusion::Nothing
    }

    /// The operations that a well-formed thread may perform after `done`, for generated programs: no unlock without a
    /// lock, for instance. Arguments are drawn from a small domain.
    fn next_ops(&self, done: &[Self::Op]) -> Vec<Self::Op>;

    /// The initial values of a generated program with so many threads, where those of an empty list would give them nothing to
    /// do.
    fn initial_for(&self, _threads: usize) -> Vec<(String, i64)> {
        Vec::new()
    }

    /// Tells a failure of a subject in one sentence, for a reader who knows the primitive and not this spec: lower case
    /// unless it begins with a name, no full stop. The default says nothing; the checker's own words then stand.
    fn tell(&self, _story: &Story<'_, Self>) -> Option<String> {
        None
    }

    /// The things that a state numbers, kind by kind, with the status that each has: for whoever draws which rule takes
    /// a thing from which status to which. A thing keeps its number; more may come, and none goes. By default there is
    /// nothing to draw.
    fn statuses(&self, _state: &Self::State) -> Vec<Statuses> {
        Vec::new()
    }

    /// Whether a well-formed thread may end after `done`: no lock held, for instance.
    fn may_end(&self, _done: &[Self::Op]) -> bool {
        true
    }
}

/// A rule of `S` by id.
///
/// # Panics
///
/// If the id is not one of `S`: that is a defect of the spec.
pub fn rule<S: Spec>(id: RuleId) -> &'static Rule {
    &S::rules()[usize::from(id.0)]
}

/// A clause of `S` by id, if there is one.
pub fn clause<S: Spec>(id: &str) -> Option<&'static Clause> {
    S::clauses().iter().find(|clause| clause.id == id)
}

/// The known name nearest to `word`, if it is near enough to be a slip of the pen.
///
/// What counts is letters added, left out and replaced, and neighbours that changed places (optimal string alignment);
/// near enough is at most a third of the word, and at least one.
///
/// ```
/// assert_eq!(selvedge_model::spec::nearest("signl", ["wait", "signal"]), Some("signal"));
/// assert_eq!(selvedge_model::spec::nearest("wiat", ["wait", "signal"]), Some("wait"));
/// assert_eq!(selvedge_model::spec::nearest("open", ["wait", "signal"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (edit_distance(word, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // The distances of the beginnings of `a` that are two, one and no letter shorter than this turn's.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best = (last[j] + usize::from(a[i] != b[j])).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::edit_distance;

    #[test]
    fn neighbours_that_change_places_are_one_slip() {
        for (from, to, distance) in [
            ("wait", "wait", 0),
            ("", "wait", 4),
            ("wait", "", 4),
            ("wiat", "wait", 1),
            ("awit", "wait", 1),
            ("wati", "wait", 1),
            ("tiaw", "wait", 3),
            ("wat", "wait", 1),
            ("waiit", "wait", 1),
            ("wakt", "wait", 1),
            ("unlokc", "unlock", 1),
            // Optimal string alignment changes no letter twice.
            ("ca", "abc", 3),
        ] {
            assert_eq!(edit_distance(from, to), distance, "from {from} to {to}");
            assert_eq!(edit_distance(to, from), distance, "from {to} to {from}");
        }
    }
}

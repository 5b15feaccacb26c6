//! A system: a spec with its corpus, its subjects and its planted bugs. Everything that a check needs to know.

use std::path::PathBuf;

use selvedge::platform::{Loom, Shuttle, Std};
use selvedge_model::Spec;

use crate::conformance::{Driver, on_loom, on_shuttle, on_threads};
use crate::engine::Engine;
use crate::gaps::Gap;
use crate::generate::Shape;
use crate::litmus::Program;
use crate::litmus::corpus::CorpusFile;
use crate::subject::{Subject, Variant};

/// A spec with everything that is held against it.
#[derive(Clone, Debug)]
pub struct System<S: Spec> {
    pub(super) name: &'static str,
    pub(super) corpus: &'static [CorpusFile],
    pub(super) reference_engines: &'static [Engine],
    pub(super) reference_executions_quick: u64,
    pub(super) shape: Shape,
    pub(super) generated_quick: usize,
    pub(super) subjects: Vec<Entry<S>>,
    pub(super) program_mutants: Vec<ProgramMutant<S>>,
    pub(super) regressions: Option<PathBuf>,
    pub(super) gaps: &'static [Gap],
}

/// A subject of a system.
#[derive(Clone, Debug)]
pub(super) struct Entry<S: Spec> {
    pub name: &'static str,
    pub role: Role,
    pub drivers: Drivers<S>,
}

/// What a subject is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It must conform.
    Primitive,
    /// It must not.
    Mutant {
        /// What is planted.
        planted: &'static str,
        /// The clause that the bug breaks.
        breaks: &'static str,
    },
    /// It must not, under any engine, at once.
    Canary {
        /// What is planted.
        planted: &'static str,
    },
    /// Somebody else's: violations of clauses that it does not promise are findings, not failures.
    Peer {
        /// Which one, with its version.
        version: String,
        /// The clauses that its documentation does not promise.
        does_not_promise: &'static [NotPromised],
    },
}

/// A clause that a peer's documentation does not promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotPromised {
    /// The clause.
    pub clause: &'static str,
    /// What the documentation says instead, and where.
    pub source: &'static str,
}

/// How a subject runs on each platform that it stands on.
#[derive(Debug)]
pub struct Drivers<S: Spec> {
    loom: Option<OnPlatform<S>>,
    shuttle: Option<OnPlatform<S>>,
    threads: Option<OnPlatform<S>>,
    /// The variant of the subject to make.
    pub(super) variant: Variant,
    /// The name that the system gives the subject: a replay token belongs to it.
    pub(super) subject: &'static str,
}

// By hand: a derive would ask the same of the spec.
impl<S: Spec> Clone for Drivers<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Spec> Copy for Drivers<S> {}

/// How a subject runs on a platform, and which programs it refuses there: [`Subject::supports`].
#[derive(Debug)]
struct OnPlatform<S: Spec> {
    run: Driver<S>,
    supports: fn(&S, &Program<S::Op>) -> Result<(), String>,
}

impl<S: Spec> OnPlatform<S> {
    fn of<X: Subject<S>>(run: Driver<S>) -> Option<Self> {
        Some(OnPlatform { run, supports: X::supports })
    }
}

impl<S: Spec> Clone for OnPlatform<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Spec> Copy for OnPlatform<S> {}

impl<S: Spec> Drivers<S> {
    /// On no platform yet.
    pub const NONE: Drivers<S> = Drivers { loom: None, shuttle: None, threads: None, variant: 0, subject: "" };

    /// The same subject on all three platforms.
    pub fn everywhere<L, H, T>() -> Self
    where
        L: Subject<S, Platform = Loom>,
        H: Subject<S, Platform = Shuttle>,
        T: Subject<S, Platform = Std>,
    {
        Drivers::NONE.loom::<L>().shuttle::<H>().threads::<T>()
    }

    /// Under loom as well.
    pub fn loom<X: Subject<S, Platform = Loom>>(self) -> Self {
        Drivers { loom: OnPlatform::of::<X>(on_loom::<S, X>), ..self }
    }

    /// Under shuttle's schedulers and our own as well.
    pub fn shuttle<X: Subject<S, Platform = Shuttle>>(self) -> Self {
        Drivers { shuttle: OnPlatform::of::<X>(on_shuttle::<S, X>), ..self }
    }

    /// On real threads as well.
    pub fn threads<X: Subject<S, Platform = Std>>(self) -> Self {
        Drivers { threads: OnPlatform::of::<X>(on_threads::<S, X>), ..self }
    }

    /// The same subject with one of its planted bugs.
    pub fn variant(self, variant: Variant) -> Self {
        Drivers { variant, ..self }
    }

    pub(super) fn named(self, subject: &'static str) -> Self {
        Drivers { subject, ..self }
    }

    /// The driver that an engine needs, if the subject stands on its platform.
    pub fn of(&self, engine: Engine) -> Option<Driver<S>> {
        self.on_platform_of(engine).map(|subject| subject.run)
    }

    /// Why the subject cannot run a program there, if it says so of the program alone. Asked before the program is explored.
    pub(super) fn refuses(&self, engine: Engine, spec: &S, program: &Program<S::Op>) -> Option<String> {
        let subject = self.on_platform_of(engine)?;
        (subject.supports)(spec, program).err()
    }

    fn on_platform_of(&self, engine: Engine) -> Option<OnPlatform<S>> {
        match engine {
            Engine::Loom => self.loom,
            Engine::Threads => self.threads,
            Engine::Exhaustive
            | Engine::Dfs
            | Engine::Random
            | Engine::Pct
            | Engine::Urw
            | Engine::Pos
            | Engine::Portfolio => self.shuttle,
        }
    }
}

/// Rewrites a program into one with a classic mistake; `None` where the mistake cannot be made.
pub type Rewrite<S> = fn(&Program<<S as Spec>::Op>) -> Option<Program<<S as Spec>::Op>>;

/// A mistake in the use of a primitive, as a rewriting of programs. The spec itself shows it: some expectation of the
/// program no longer holds.
#[derive(Clone, Debug)]
pub(super) struct ProgramMutant<S: Spec> {
    pub name: &'static str,
    pub planted: &'static str,
    pub rewrite: Rewrite<S>,
}

impl<S: Spec> System<S> {
    /// A system with a corpus and nothing to hold against its spec yet.
    pub fn new(name: &'static str, corpus: &'static [CorpusFile]) -> Self {
        System {
            name,
            corpus,
            reference_engines: &[Engine::Exhaustive, Engine::Loom],
            reference_executions_quick: u64::MAX,
            shape: Shape::default(),
            generated_quick: usize::MAX,
            subjects: Vec::new(),
            program_mutants: Vec::new(),
            regressions: None,
            gaps: &[],
        }
    }

    /// With these engines for the reference subject instead of the exhaustive one and loom, and with no more than so many
    /// executions each in the quick profile.
    pub fn reference(self, engines: &'static [Engine], executions_quick: u64) -> Self {
        System { reference_engines: engines, reference_executions_quick: executions_quick, ..self }
    }

    /// With generated programs of that shape instead of the usual one, and with no more than so many for each setting of the
    /// spec in the quick profile: for a spec that takes long to explore.
    pub fn programs_of(self, shape: Shape, generated_quick: usize) -> Self {
        System { shape, generated_quick, ..self }
    }

    /// With a subject that must conform.
    pub fn primitive(self, name: &'static str, drivers: Drivers<S>) -> Self {
        self.subject(name, Role::Primitive, drivers)
    }

    /// With a subject that has a planted bug and must be killed.
    pub fn mutant(self, name: &'static str, planted: &'static str, breaks: &'static str, drivers: Drivers<S>) -> Self {
        self.subject(name, Role::Mutant { planted, breaks }, drivers)
    }

    /// With a subject that is plainly wrong: an engine that finds nothing wrong with it finds nothing at all.
    pub fn canary(self, name: &'static str, planted: &'static str, drivers: Drivers<S>) -> Self {
        self.subject(name, Role::Canary { planted }, drivers)
    }

    /// With somebody else's primitive.
    pub fn peer(
        self,
        name: &'static str,
        version: String,
        does_not_promise: &'static [NotPromised],
        drivers: Drivers<S>,
    ) -> Self {
        self.subject(name, Role::Peer { version, does_not_promise }, drivers)
    }

    /// With a mistake in programs.
    pub fn program_mutant(mut self, name: &'static str, planted: &'static str, rewrite: Rewrite<S>) -> Self {
        self.program_mutants.push(ProgramMutant { name, planted, rewrite });
        self
    }

    /// With a folder in which a generated program is saved that makes a primitive fail, shrunk, in litmus syntax. The
    /// folder is made when it is first needed. Without one the record alone holds the program.
    pub fn regressions(mut self, folder: impl Into<PathBuf>) -> Self {
        self.regressions = Some(folder.into());
        self
    }

    /// With what engines are known not to show.
    pub fn gaps(mut self, gaps: &'static [Gap]) -> Self {
        self.gaps = gaps;
        self
    }

    /// # Panics
    ///
    /// If there is a subject of that name already: the second one would never run.
    fn subject(mut self, name: &'static str, role: Role, drivers: Drivers<S>) -> Self {
        assert!(self.subjects.iter().all(|other| other.name != name), "{} has two subjects {name:?}", self.name);
        self.subjects.push(Entry { name, role, drivers: drivers.named(name) });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_model::toy::register::RegisterSpec;

    #[test]
    #[should_panic(expected = "two subjects \"same\"")]
    fn two_subjects_of_one_name_are_refused() {
        let once = System::<RegisterSpec>::new("register", &[]).primitive("same", Drivers::NONE);
        drop(once.mutant("same", "nothing", "REG-01", Drivers::NONE));
    }
}

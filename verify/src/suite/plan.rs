//! Planning: which checks there are of one system.

use selvedge_model::Spec;

use super::drive::modes_of;
use super::run::{REFERENCE, reference_drivers};
use super::system::{Drivers, Entry, Role};
use super::{Options, Planned, System};
use crate::engine::{Engine, Profile};
use crate::evidence::Kind;

/// The engines that every primitive runs under.
const ENGINES: [Engine; 4] = [Engine::Portfolio, Engine::Exhaustive, Engine::Loom, Engine::Threads];

impl<S: Spec> System<S> {
    /// All checks, each once.
    pub(super) fn plan_checks(&self, options: &Options) -> Vec<Planned> {
        let mut plan = Vec::new();
        for file in self.corpus {
            plan.push(self.planned(Kind::Spec, Some(file.name), None, "explorer"));
        }
        for file in self.corpus {
            for engine in self.reference_engines {
                plan.push(self.planned(Kind::Reference, Some(file.name), Some(REFERENCE), engine.name()));
            }
        }
        plan.extend(self.plan_outcomes().into_iter().filter(|planned| {
            planned.kind == Kind::Reference && options.profile == Profile::Full && is_for_the_table(planned)
        }));
        for entry in &self.subjects {
            match &entry.role {
                Role::Primitive | Role::Peer { .. } => {
                    let kind = if entry.role == Role::Primitive { Kind::Conformance } else { Kind::Peer };
                    for file in self.corpus {
                        for engine in ENGINES.into_iter().filter(|engine| entry.drivers.of(*engine).is_some()) {
                            plan.push(self.planned(kind, Some(file.name), Some(entry.name), engine.name()));
                        }
                    }
                    if entry.role == Role::Primitive {
                        plan.extend(self.plan_outcomes().into_iter().filter(|planned| {
                            planned.subject.as_deref() == Some(entry.name)
                                && options.profile == Profile::Full
                                && is_for_the_table(planned)
                        }));
                        let engines = [Engine::Portfolio, Engine::Loom, Engine::Threads].into_iter();
                        let engines = engines.filter(|engine| {
                            // Real threads need time that the quick profile does not have.
                            entry.drivers.of(*engine).is_some()
                                && (*engine != Engine::Threads || options.profile == Profile::Full)
                        });
                        for engine in engines {
                            plan.push(self.planned(Kind::Generated, None, Some(entry.name), engine.name()));
                        }
                    }
                }
                Role::Mutant { .. } => plan.push(self.planned(Kind::Mutant, None, Some(entry.name), "hunters")),
                Role::Canary { .. } => {
                    plan.extend(self.plan_canary(entry, &ENGINES));
                    if options.profile == Profile::Full {
                        plan.extend(self.plan_canary(entry, &Engine::COMPARED).into_iter().filter(is_for_the_table));
                    }
                }
            }
        }
        for mutant in &self.program_mutants {
            plan.push(self.planned(Kind::Mutant, None, Some(mutant.name), "explorer"));
        }
        plan
    }

    /// The checks that the table of outcomes stands on.
    pub(super) fn plan_outcomes(&self) -> Vec<Planned> {
        let primitives = self.subjects.iter().filter(|entry| entry.role == Role::Primitive);
        let subjects: Vec<(Kind, &str, Drivers<S>)> =
            std::iter::once((Kind::Reference, REFERENCE, reference_drivers()))
                .chain(primitives.map(|entry| (Kind::Conformance, entry.name, entry.drivers)))
                .collect();
        let mut plan = Vec::new();
        for file in self.corpus {
            for (kind, subject, drivers) in &subjects {
                let runs = |engine: &Engine| {
                    let has_room =
                        *subject != REFERENCE || *engine != Engine::Loom || self.reference_engines.contains(engine);
                    has_room && drivers.of(*engine).is_some()
                };
                for engine in Engine::COMPARED.into_iter().filter(runs) {
                    plan.push(self.planned(*kind, Some(file.name), Some(subject), engine.name()));
                }
            }
        }
        // What an engine does not show is worth something only if it can raise the alarm.
        let canaries = self.subjects.iter().filter(|entry| matches!(entry.role, Role::Canary { .. }));
        plan.extend(canaries.flat_map(|entry| self.plan_canary(entry, &Engine::COMPARED)));
        plan
    }

    fn planned(&self, kind: Kind, program: Option<&str>, subject: Option<&str>, engine: &str) -> Planned {
        let mut parts = vec![self.name, kind.name()];
        parts.extend(program);
        parts.extend(subject);
        parts.push(engine);
        Planned {
            id: parts.join("/"),
            kind,
            system: self.name.to_owned(),
            program: program.map(str::to_owned),
            subject: subject.map(str::to_owned),
            engine: engine.to_owned(),
            mode: None,
        }
    }

    /// The alarm must go off under each engine, in each mode that it is relied on in.
    fn plan_canary(&self, entry: &Entry<S>, engines: &[Engine]) -> Vec<Planned> {
        let mut plan = Vec::new();
        for engine in engines.iter().copied().filter(|engine| entry.drivers.of(*engine).is_some()) {
            let alarm = self.planned(Kind::Canary, None, Some(entry.name), engine.name());
            match modes_of(engine) {
                [_] => plan.push(alarm),
                several => plan.extend(several.iter().map(|&mode| {
                    let id = format!("{}/{}", alarm.id, mode.name());
                    Planned { id, mode: Some(mode), ..alarm.clone() }
                })),
            }
        }
        plan
    }
}

/// Whether the quick profile leaves a check to those who ask for the table of outcomes: how far each scheduler of the
/// portfolio sees by itself, and what real threads make of the reference subject.
pub(super) fn is_for_the_table(planned: &Planned) -> bool {
    let is_compared = matches!(planned.kind, Kind::Reference | Kind::Conformance | Kind::Canary);
    let engine = planned.engine.parse::<Engine>();
    is_compared
        && engine
            .is_ok_and(|engine| engine.is_drawn_alone() || engine == Engine::Threads && planned.kind == Kind::Reference)
}

/// The check that `selvedge check FILE --subject NAME --engine E` stands for.
pub(super) fn planned_for_file(file: &str, subject: &str, engine: Engine) -> Planned {
    Planned {
        id: format!("file/{file}/{subject}/{engine}"),
        kind: if subject == REFERENCE { Kind::Reference } else { Kind::Conformance },
        system: String::new(),
        program: Some(file.to_owned()),
        subject: Some(subject.to_owned()),
        engine: engine.name().to_owned(),
        mode: None,
    }
}

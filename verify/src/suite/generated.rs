//! Programs from nothing, run under an engine.

use selvedge::platform::Arc;
use selvedge_model::Spec;

use super::drive::{Run, incapable, run_beside, shrunk};
use super::record::{self, Found};
use super::system::Drivers;
use super::{Options, System};
use crate::conformance::{Findings, Target};
use crate::engine::{Budget, Engine, Profile};
use crate::generate;
use crate::litmus::Program;

impl<S: Spec> System<S> {
    /// Programs from nothing, under the settings of the spec. A failure is shrunk to a small program before it is
    /// reported.
    pub(super) fn generated(&self, drivers: &Drivers<S>, engine: Engine, options: &Options) -> Result<Found, String> {
        let effort = self.effort(engine, options.profile);
        let mut tally = record::Tally::default();
        for (setting, parameters) in (0u64..).zip(settings::<S>(options.profile)) {
            let spec = S::configure(&parameters).map_err(|unknown| unknown.message)?;
            let seed = options.seed.wrapping_add(setting);
            let (programs, report) = generate::generate(&spec, &self.shape, seed, effort.programs);
            tally.begin(&parameters, report);
            for program in programs {
                let attempt = |program: &Program<S::Op>, executions: u64| -> Result<Attempt<S>, String> {
                    if let Some(reason) = drivers.refuses(engine, &spec, program) {
                        return Ok(Attempt::Declined(reason));
                    }
                    let target = Arc::new(Target::<S>::new(program.clone()).map_err(|unknown| unknown.message)?);
                    if let Some(reason) = incapable(&target, engine, false) {
                        return Ok(Attempt::Declined(reason));
                    }
                    let budget = Budget { executions, ..options.profile.budget(engine, options.seed) };
                    // The variables of these programs are plain or sequentially consistent: weak memory does nothing to them.
                    Ok(match run_beside(&target, drivers, engine, None, budget, || None) {
                        None => {
                            Attempt::Declined(format!("the subject does not stand on a platform that {engine} drives"))
                        }
                        Some(Run { findings: Findings { refused: Some(reason), .. }, .. }) => Attempt::Declined(reason),
                        Some(run) => Attempt::Ran(target, Box::new(run)),
                    })
                };
                match attempt(&program, effort.executions)? {
                    Attempt::Declined(reason) => tally.decline(reason),
                    Attempt::Ran(target, run) if run.findings.violation.is_none() => tally.add(&target, &run),
                    Attempt::Ran(target, run) => {
                        if let Some(shrunk) = shrunk(&target, drivers, engine, &run, options) {
                            let mut found = record::conformance(&target, engine, &run, false);
                            found.shrink(drivers.subject, &shrunk);
                            return Ok(self.saved(found, &shrunk.target.program));
                        }
                        let executions = 5 * effort.executions;
                        let smallest = generate::shrink(
                            &spec,
                            &program,
                            |candidate| matches!(attempt(candidate, executions), Ok(Attempt::Ran(_, run)) if run.findings.violation.is_some()),
                        );
                        return self.fails(&smallest, attempt(&smallest, executions)?, engine);
                    }
                }
            }
        }
        Ok(tally.found(engine))
    }

    fn effort(&self, engine: Engine, profile: Profile) -> Effort {
        let (programs, executions) = match (profile, engine) {
            (Profile::Quick, Engine::Loom) => (20, 100),
            (Profile::Quick, _) => (60, 60),
            (Profile::Full, Engine::Loom) => (500, 2_000),
            // Programs that end blocked take their time on real threads.
            (Profile::Full, Engine::Threads) => (200, 200),
            (Profile::Full, _) => (5_000, 60),
        };
        let most = if profile == Profile::Quick { self.generated_quick } else { usize::MAX };
        Effort { programs: programs.min(most), executions }
    }

    /// The record of a generated program that fails, saved if there is a folder for it.
    fn fails(&self, smallest: &Program<S::Op>, attempt: Attempt<S>, engine: Engine) -> Result<Found, String> {
        let Attempt::Ran(target, run) = attempt else { return Err("the subject no longer runs".into()) };
        Ok(self.saved(record::conformance(&target, engine, &run, false), smallest))
    }

    fn saved(&self, mut found: Found, smallest: &Program<S::Op>) -> Found {
        // Where no folder is named, the record alone holds the program.
        found.note = self.regressions.as_deref().map(|folder| match generate::save_regression(folder, smallest) {
            Ok(path) => path.display().to_string(),
            Err(error) => format!("the program could not be saved in {}: {error}", folder.display()),
        });
        found
    }
}

/// What became of a generated program.
enum Attempt<S: Spec> {
    /// It ran.
    Ran(Arc<Target<S>>, Box<Run<S>>),
    /// The engine or the subject does not take such programs.
    Declined(String),
}

/// How much is done with generated programs.
struct Effort {
    /// Programs for each setting of the spec.
    programs: usize,
    /// Executions of each at most.
    executions: u64,
}

/// The settings under which programs are generated: the defaults, each other value of each parameter by itself, and in the
/// full profile any two of those together.
fn settings<S: Spec>(profile: Profile) -> Vec<Vec<(String, String)>> {
    let others = S::parameters().iter().flat_map(|parameter| {
        let others = parameter.values.iter().skip(1);
        others.map(|value| (parameter.name.to_owned(), (*value).to_owned()))
    });
    let others: Vec<(String, String)> = others.collect();
    let mut settings = vec![Vec::new()];
    settings.extend(others.iter().map(|one| vec![one.clone()]));
    if profile == Profile::Full {
        for (at, one) in others.iter().enumerate() {
            let of_another = others[at + 1..].iter().filter(|other| other.0 != one.0);
            settings.extend(of_another.map(|other| vec![one.clone(), other.clone()]));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use selvedge_model::cond::CondSpec;

    use super::{Profile, settings};

    #[test]
    fn the_full_profile_draws_any_two_parameters_together() {
        let (quick, full) = (settings::<CondSpec>(Profile::Quick), settings::<CondSpec>(Profile::Full));
        assert!(quick[0].is_empty() && quick[1..].iter().all(|setting| setting.len() == 1), "{quick:?}");
        assert_eq!(full[..quick.len()], quick, "what the quick profile draws comes first, and under the same seeds");

        let names =
            |setting: &[(String, String)]| setting.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
        let pairs: BTreeSet<_> = full[quick.len()..].iter().cloned().collect();
        assert!(pairs.iter().all(|pair| names(pair).len() == 2), "{pairs:?}");
        let of_two_parameters = |one: &Vec<_>, other: &Vec<_>| names(&[one.clone(), other.clone()].concat()).len() == 2;
        let wanted = quick[1..].iter().enumerate().flat_map(|(at, one)| {
            quick[at + 2..]
                .iter()
                .filter(move |other| of_two_parameters(one, other))
                .map(|other| [one.clone(), other.clone()].concat())
        });
        assert_eq!(pairs, wanted.collect());
    }
}

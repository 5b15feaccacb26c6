//! The real suite behind the command.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;

use miette::{IntoDiagnostic, Report as Problem, miette};
use selvedge::platform::Ordering;
use selvedge_model::spec;
use selvedge_verify::engine;
use selvedge_verify::evidence::{Evidence, Maker, Verdict};
use selvedge_verify::info::SystemInfo;
use selvedge_verify::suite::{self, SearchOptions, UnderError};
use serde_json::json;

use crate::report::counted;
use crate::suite::{Answer, Checked, Options, Planned, Profile, SearchPart, Suite};
use crate::table;

impl Suite for suite::Suite {
    fn maker(&self) -> Maker {
        suite::maker()
    }

    fn systems(&self) -> Vec<SystemInfo> {
        suite::Suite::systems(self)
    }

    fn plan(&self, options: &Options) -> miette::Result<Vec<Planned>> {
        Ok(suite::Suite::plan(self, &options.into()).into_iter().map(Planned::from).collect())
    }

    fn plan_table(&self) -> miette::Result<Vec<Planned>> {
        Ok(suite::Suite::plan_table(self).into_iter().map(Planned::from).collect())
    }

    fn run(&self, planned: &Planned, options: &Options) -> Evidence {
        suite::Suite::run(self, &planned.into(), &options.into())
    }

    fn outcomes(
        &self,
        file: &Path,
        states: usize,
        look: &mut dyn FnMut(&'static str, usize),
        options: &Options,
    ) -> miette::Result<Answer> {
        let (name, text) = read_under(self, file, options)?;
        let mut look = |doing, met| {
            look(doing, met);
            if options.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let found = self.outcomes_within(&name, &text, states, &mut look)?;
        let mut out = format!("{} under {}\n\n", found.program, found.spec);
        for allowed in &found.outcomes {
            writeln!(out, "{}\n", allowed.outcome).expect("a string takes everything");
            if allowed.path.is_empty() {
                out.push_str("    (how it comes about was not found within the bound)\n");
            }
            for line in allowed.path.lines() {
                writeln!(out, "    {line}").expect("a string takes everything");
            }
            out.push('\n');
        }
        if let Some(path) = &found.endless {
            out.push_str("some executions never end, and come to no outcome: from here nothing leads to an end\n\n");
            for line in path.lines() {
                writeln!(out, "    {line}").expect("a string takes everything");
            }
            out.push('\n');
        }
        for expected in &found.expectations {
            out.push_str(&table::expectation(expected));
        }
        for observed in &found.observations {
            let allowed = match observed.allowed {
                Some(true) => "allowed",
                Some(false) => "not allowed",
                None => "unknown",
            };
            writeln!(out, "\nobservation {}: {} is {allowed}", observed.name, observed.condition)
                .expect("a string takes everything");
            if !observed.text.is_empty() {
                writeln!(out, "{}", observed.text).expect("a string takes everything");
            }
            if !observed.rows.is_empty() {
                let path = selvedge_verify::columns::render(&observed.threads, &observed.rows);
                writeln!(out, "\n{path}").expect("a string takes everything");
            }
        }
        let taken: Vec<String> = found
            .rules
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(rule, count)| format!("{rule} {count}"))
            .collect();
        writeln!(
            out,
            "\n{}; {} states, {} transitions, depth {}{}\nrules taken: {}",
            counted(found.outcomes.len() as u64, "outcome", "outcomes"),
            found.states,
            found.transitions,
            found.depth,
            match (&found.cut, found.complete) {
                (Some(cut), false) => format!("; NOT COMPLETE, there may be more outcomes: {cut}"),
                (Some(cut), true) =>
                    format!("; these are all outcomes, but not all that is said of them was looked for: {cut}"),
                (None, _) => String::new(),
            },
            taken.join(", "),
        )
        .expect("a string takes everything");
        let verdict = if found.expectations.iter().any(|expected| expected.held == Some(false)) {
            Verdict::Fail
        } else if !found.complete || found.expectations.iter().any(|expected| expected.held.is_none()) {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        };
        Ok(Answer { text: out, json: serde_json::to_value(&found).into_diagnostic()?, verdict })
    }

    fn check(
        &self,
        file: &Path,
        subject: &str,
        engine: &str,
        search: Option<&SearchOptions>,
        options: &Options,
    ) -> miette::Result<Checked> {
        let (name, text) = read_under(self, file, options)?;
        let engine: engine::Engine = engine.parse().map_err(|message: String| miette!("{message}"))?;
        let source = selvedge_verify::litmus::parse(&name, &text)?;
        let subjects = self.subjects(&source.untyped().spec);
        if !subjects.is_empty() && !subjects.contains(&subject) {
            let help = match spec::nearest(subject, subjects.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", subjects.join(", ")),
            };
            return Err(miette!(help = help, "{} has no subject `{subject}`", source.untyped().spec));
        }
        let mut found = match search {
            None => suite::Suite::check(self, &name, &text, subject, engine, &options.into())?,
            Some(_) if engine != engine::Engine::Exhaustive => {
                return Err(miette!(
                    help = "leave out --mode, --executions, --part, --jobs and --resume, or choose --engine exhaustive",
                    "only the exhaustive engine's search can be split, and gone on with; {engine}'s cannot"
                ));
            }
            Some(search) => {
                let found = suite::Suite::search(self, &name, &text, subject, search, &options.into(), &options.stop);
                found.map_err(|refusal| match refusal {
                    suite::Refusal::Program(diagnostics) => diagnostics.into(),
                    suite::Refusal::Resume(message) => miette!("{message}"),
                })?
            }
        };
        // Searches that judge different things are different checks, and so are checks under different semantics. One that is
        // gone on with says so already.
        let add = |name: &mut String, more: &str| {
            if !name.ends_with(more) {
                name.push_str(more);
            }
        };
        let mut which = search.map_or_else(String::new, |search| format!("/{}", search.mode.name()));
        // The suite was handed another text than the file's, and does not know why.
        if let Some(semantics) = &options.semantics {
            write!(found.reproduce, " --semantics {semantics}").expect("a string takes everything");
            write!(which, "/{semantics}").expect("a string takes everything");
            add(found.program.get_or_insert_default(), &format!(" ({semantics})"));
        }
        add(&mut found.check, &which);
        let held = found.search.as_ref().filter(|held| held.count > 1).and_then(|held| match held.parts.as_slice() {
            [part] => Some(SearchPart { index: part.index, count: held.count }),
            _ => None,
        });
        // Where a process died the record holds no search.
        let asked = search.and_then(|search| search.part).map(|(index, count)| SearchPart { index, count });
        let part = if found.search.is_some() { held } else { asked };
        Ok(Checked { evidence: found, text, part })
    }

    fn replay(&self, evidence: &Evidence, _: &Options) -> miette::Result<Answer> {
        let replay = suite::Suite::replay(self, evidence).map_err(|message| miette!("{message}"))?;
        Ok(Answer {
            json: json!({ "check": evidence.check, "verdict": replay.verdict, "text": replay.text }),
            text: format!("{}\n{}\n", evidence.check, replay.text),
            verdict: replay.verdict,
        })
    }

    fn history(&self, file: &Path, _: &Options) -> miette::Result<Answer> {
        let (name, text) = read(file)?;
        let judged = suite::Suite::history(self, &name, &text)?;
        Ok(Answer {
            json: serde_json::to_value(&judged).into_diagnostic()?,
            text: format!("{}\n", judged.sentence),
            verdict: judged.verdict,
        })
    }
}

/// A litmus file's name as diagnostics give it, and its text under the semantics that the user has chosen.
fn read_under(suite: &suite::Suite, file: &Path, options: &Options) -> miette::Result<(String, String)> {
    let (name, text) = read(file)?;
    let Some(semantics) = &options.semantics else { return Ok((name, text)) };
    match suite.under(&name, &text, semantics) {
        Ok(text) => Ok((name, text)),
        Err(UnderError::Text(diagnostics)) => Err(diagnostics.into()),
        Err(UnderError::NoSuchSemantics { spec, semantics, known }) => {
            let help = match spec::nearest(&semantics, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has none with a name".to_owned(),
                None => format!("there are: {}", known.join(", ")),
            };
            Err(miette!(help = help, "{spec} has no semantics `{semantics}`"))
        }
    }
}

/// A file's name as diagnostics give it, and its text.
fn read(file: &Path) -> miette::Result<(String, String)> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Problem::msg(format!("cannot read {}: {error}", file.display())))?;
    Ok((file.display().to_string(), text))
}

impl From<&Options> for suite::Options {
    fn from(options: &Options) -> Self {
        suite::Options {
            profile: match options.profile {
                Profile::Quick => engine::Profile::Quick,
                Profile::Full => engine::Profile::Full,
            },
            seed: options.seed.unwrap_or(suite::Options::SEED),
        }
    }
}

impl From<suite::Planned> for Planned {
    fn from(planned: suite::Planned) -> Self {
        let suite::Planned { id, kind, system, program, subject, engine, mode } = planned;
        Planned { id, kind, system, program, subject, engine, mode }
    }
}

impl From<&Planned> for suite::Planned {
    fn from(planned: &Planned) -> Self {
        let Planned { id, kind, system, program, subject, engine, mode } = planned.clone();
        suite::Planned { id, kind, system, program, subject, engine, mode }
    }
}

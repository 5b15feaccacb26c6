//! State graphs, drawn from what a spec does: which rule takes a thing from which status to which.
//!
//! A graph is collected from every step of every execution of a program, and graphs of several programs are put together.
//! So it shows what happens there and nothing that somebody believes to happen; an arrow that is missing is a transition
//! that none of the programs takes. A spec has graphs as soon as it says the statuses of its things ([`Spec::statuses`]):
//! its checks then record them, and the report draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use selvedge_model::proc::ProcSpec;
use selvedge_model::{Rule, Spec, Unknown, spec::rule};

use crate::evidence::{Arrow, StateGraph};
use crate::explore::every_step;
use crate::info::spec_in_words;
use crate::litmus::Program;
use crate::litmus::corpus::{self, CorpusFile};

/// The states that a program may have under a setting. Of one with more the graph is not complete, and says so.
const STATES_MAX: usize = 100_000;

/// The graphs of a program: for each value that each parameter of its spec can have, the program's own other ones with it,
/// one a kind of thing. None if the spec's states have no statuses.
///
/// # Errors
///
/// If the program is not one of the spec's.
pub fn of_program<S: Spec>(program: &Program<S::Op>) -> Result<Vec<StateGraph>, Unknown> {
    let own = S::configure(&program.parameters)?;
    if own.statuses(&own.initial(&program.initial)?).is_empty() {
        return Ok(Vec::new());
    }
    let mut graphs: Vec<StateGraph> = Vec::new();
    for spec in settings::<S>(&program.parameters)? {
        if graphs.iter().all(|graph| graph.spec != spec_in_words(&spec)) {
            graphs.extend(under(&spec, program)?);
        }
    }
    Ok(graphs)
}

/// Graphs of the same things under the same setting put together, in the order in which they are first met.
pub fn merged<'a>(graphs: impl IntoIterator<Item = &'a StateGraph>) -> Vec<StateGraph> {
    let mut all: Vec<(&StateGraph, bool, Arrows)> = Vec::new();
    for graph in graphs {
        let known = all.iter().position(|(known, ..)| (&known.spec, &known.things) == (&graph.spec, &graph.things));
        let index = known.unwrap_or_else(|| {
            all.push((graph, true, Arrows::new()));
            all.len() - 1
        });
        let (_, complete, arrows) = &mut all[index];
        *complete &= graph.complete;
        for Arrow { from, to, rules } in &graph.arrows {
            arrows.entry((from.clone(), to.clone())).or_default().extend(rules.iter().cloned());
        }
    }
    let graph = |(first, complete, arrows): (&StateGraph, bool, Arrows)| StateGraph {
        arrows: listed(arrows),
        complete,
        ..first.clone()
    };
    all.into_iter().map(graph).collect()
}

/// A graph in the language of Mermaid, which hosts of Markdown draw.
pub fn mermaid(graph: &StateGraph) -> String {
    let mut text = "stateDiagram-v2\n".to_owned();
    for Arrow { from, to, rules } in &graph.arrows {
        let from = from.as_deref().unwrap_or("[*]");
        let _ = writeln!(text, "    {from} --> {to}: {}", rules.join("<br/>"));
    }
    text
}

/// The graphs of all programs of a corpus.
///
/// # Errors
///
/// If a program is not one of the spec's, or has more states than are looked at.
pub fn of_corpus<S: Spec>(files: &[CorpusFile]) -> Result<Vec<StateGraph>, Unknown> {
    let mut graphs = Vec::new();
    for file in files {
        let program = crate::litmus::parse(file.name, file.text)
            .and_then(|source| source.program::<S>())
            .map_err(|diagnostics| Unknown { message: diagnostics.to_string(), expected: Vec::new() })?;
        let found = of_program::<S>(&program)?;
        if found.iter().any(|graph| !graph.complete) {
            let message = format!("{} has more than {STATES_MAX} states", file.name);
            return Err(Unknown { message, expected: Vec::new() });
        }
        graphs.extend(found);
    }
    Ok(merged(&graphs))
}

/// `docs/proc.md`: the graphs, version by version.
///
/// # Errors
///
/// As [`of_corpus`].
pub fn document() -> Result<String, Unknown> {
    let graphs = of_corpus::<ProcSpec>(corpus::PROC)?;
    let mut text = HEAD.to_owned();
    for (version, title) in VERSIONS {
        let spec = spec_in_words(&ProcSpec::configure(&[("version".to_owned(), version.to_owned())])?);
        for graph in graphs.iter().filter(|graph| graph.spec == spec) {
            let (first, rest) = graph.things.split_at(1);
            let _ = write!(
                text,
                "\n## {}{rest}, {title}\n\n```mermaid\n{}```\n\n{}",
                first.to_uppercase(),
                mermaid(graph),
                table(graph, ProcSpec::rules())
            );
        }
    }
    Ok(text)
}

const VERSIONS: [(&str, &str); 3] =
    [("go1.12", "Go 1.12 to 1.25"), ("go1.26", "Go 1.26 and later"), ("go1.11", "Go 1.11 and earlier")];

const HEAD: &str = "\
# Go's scheduler around system calls: who goes where

The status graphs of processors (P) and goroutines (G), with the rules of the spec (`model/src/proc.rs`) on the arrows.
Nobody drew them: they are every change of status in every execution of the programs under `verify/litmus/proc`, each
taken under each version of Go. A transition that is missing is one that no program takes.

`PROC_DOCUMENT=write cargo test -p selvedge-verify --test proc` writes this page anew, and the test fails where it is out of
date. What the clauses say stands in `model/src/proc/clauses.rs`.
";

/// From, to, and the rules. A thing that was not there before has come from nothing.
type Arrows<Name = String> = BTreeMap<(Option<Name>, Name), BTreeSet<Name>>;

fn listed<Name: Into<String>>(arrows: Arrows<Name>) -> Vec<Arrow> {
    let arrow = |((from, to), rules): ((Option<Name>, Name), BTreeSet<Name>)| Arrow {
        from: from.map(Into::into),
        to: to.into(),
        rules: rules.into_iter().map(Into::into).collect(),
    };
    arrows.into_iter().map(arrow).collect()
}

/// The spec under each value of each parameter; as it is where there are no parameters.
fn settings<S: Spec>(own: &[(String, String)]) -> Result<Vec<S>, Unknown> {
    let mut specs = Vec::new();
    for parameter in S::parameters() {
        for value in parameter.values {
            let mut parameters: Vec<_> = own.iter().filter(|(name, _)| name != parameter.name).cloned().collect();
            parameters.push((parameter.name.to_owned(), (*value).to_owned()));
            specs.push(S::configure(&parameters)?);
        }
    }
    if specs.is_empty() {
        specs.push(S::configure(own)?);
    }
    Ok(specs)
}

fn under<S: Spec>(spec: &S, program: &Program<S::Op>) -> Result<Vec<StateGraph>, Unknown> {
    let mut found: Vec<(&'static str, Arrows<&'static str>)> = Vec::new();
    let complete = every_step(spec, program, STATES_MAX, |id, before, after| {
        let (before, after) = (spec.statuses(before), spec.statuses(after));
        found.resize_with(found.len().max(after.len()), Default::default);
        for ((kind, after), (things, arrows)) in after.iter().enumerate().zip(&mut found) {
            *things = after.things;
            for (number, to) in after.statuses.iter().enumerate() {
                let from = before.get(kind).and_then(|before| before.statuses.get(number));
                if from != Some(to) {
                    arrows.entry((from.copied(), to)).or_default().insert(rule::<S>(id).name);
                }
            }
        }
    })?;
    let graph = |(things, arrows): (&'static str, Arrows<&'static str>)| StateGraph {
        things: things.to_owned(),
        spec: spec_in_words(spec),
        complete,
        arrows: listed(arrows),
    };
    Ok(found.into_iter().filter(|(_, arrows)| !arrows.is_empty()).map(graph).collect())
}

/// A graph as a table: an arrow and rule a row, with the clause that demands or permits the rule.
fn table(graph: &StateGraph, rules: &[Rule]) -> String {
    let mut text = "| from | to | rule | clause |\n|---|---|---|---|\n".to_owned();
    for Arrow { from, to, rules: names } in &graph.arrows {
        for name in names {
            let clause = rules.iter().find(|rule| rule.name == name).map_or("", |rule| rule.clause);
            let from = from.as_deref().unwrap_or("(new)");
            let _ = writeln!(text, "| {from} | {to} | `{name}` | {clause} |");
        }
    }
    text
}

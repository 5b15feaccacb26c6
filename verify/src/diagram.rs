//! State graphs, drawn from what a spec does: which rule takes a thing from which status to which.
//!
//! The graph is collected from every step of every execution of some programs. So it shows what happens there and nothing
//! that somebody believes to happen; an arrow that is missing is a transition that no program of the corpus takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use selvedge_model::proc::{ProcSpec, State};
use selvedge_model::{Rule, Spec, Unknown, spec::rule};

use crate::explore::every_step;
use crate::litmus::Program;
use crate::litmus::corpus::{self, CorpusFile};

/// The states that one program of the corpus may have here. It is an error if one has more.
const STATES_MAX: usize = 100_000;

/// Statuses, and the rules that lead from one to another.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Graph {
    arrows: BTreeMap<(String, String), BTreeSet<&'static str>>,
}

impl Graph {
    /// Adds what the rule did to things that are numbered: each one's status before and after. A thing that was not
    /// there before has come from nothing.
    pub fn add(&mut self, rule: &'static str, before: &[String], after: &[String]) {
        for (index, to) in after.iter().enumerate() {
            let from = before.get(index).map_or("[*]", String::as_str);
            if from != to {
                self.arrows.entry((from.to_owned(), to.clone())).or_default().insert(rule);
            }
        }
    }

    /// The arrows: from, to, and the rules.
    pub fn arrows(&self) -> impl Iterator<Item = (&str, &str, &BTreeSet<&'static str>)> {
        self.arrows.iter().map(|((from, to), rules)| (from.as_str(), to.as_str(), rules))
    }

    /// In the language of Mermaid, which hosts of Markdown draw.
    pub fn mermaid(&self) -> String {
        let mut text = "stateDiagram-v2\n".to_owned();
        for (from, to, rules) in self.arrows() {
            let rules: Vec<&str> = rules.iter().copied().collect();
            let _ = writeln!(text, "    {from} --> {to}: {}", rules.join("<br/>"));
        }
        text
    }

    /// As a table: an arrow and rule a row, with the clause that demands or permits the rule.
    fn table(&self, rules: &[Rule]) -> String {
        let mut text = "| from | to | rule | clause |\n|---|---|---|---|\n".to_owned();
        for (from, to, names) in self.arrows() {
            for name in names {
                let clause = rules.iter().find(|rule| rule.name == *name).map_or("", |rule| rule.clause);
                let from = if from == "[*]" { "(new)" } else { from };
                let _ = writeln!(text, "| {from} | {to} | `{name}` | {clause} |");
            }
        }
        text
    }
}

/// The graphs of processors and of goroutines under one version of Go, from every program of the corpus, taken under that
/// version whichever it was written for.
///
/// # Errors
///
/// If a program is not one of the spec's, or has more states than are looked at.
pub fn processors_and_goroutines(version: &str) -> Result<(Graph, Graph), Unknown> {
    let (mut processors, mut goroutines) = (Graph::default(), Graph::default());
    let spec = ProcSpec::configure(&[("version".to_owned(), version.to_owned())])?;
    for file in corpus::PROC {
        let program = program(file)?;
        let complete = every_step(&spec, &program, STATES_MAX, |id, before, after| {
            let name = rule::<ProcSpec>(id).name;
            processors.add(name, &processor_statuses(before), &processor_statuses(after));
            goroutines.add(name, &goroutine_statuses(before), &goroutine_statuses(after));
        })?;
        if !complete {
            let message = format!("{} has more than {STATES_MAX} states", file.name);
            return Err(Unknown { message, expected: Vec::new() });
        }
    }
    Ok((processors, goroutines))
}

/// `docs/proc.md`: the graphs, version by version.
///
/// # Errors
///
/// As [`processors_and_goroutines`].
pub fn document() -> Result<String, Unknown> {
    let mut text = HEAD.to_owned();
    for (version, title) in VERSIONS {
        let (processors, goroutines) = processors_and_goroutines(version)?;
        for (what, graph) in [("Processors", processors), ("Goroutines", goroutines)] {
            let _ = write!(
                text,
                "\n## {what}, {title}\n\n```mermaid\n{}```\n\n{}",
                graph.mermaid(),
                graph.table(ProcSpec::rules())
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

fn program(file: &CorpusFile) -> Result<Program<<ProcSpec as Spec>::Op>, Unknown> {
    crate::litmus::parse(file.name, file.text)
        .and_then(|source| source.program::<ProcSpec>())
        .map_err(|diagnostics| Unknown { message: diagnostics.to_string(), expected: Vec::new() })
}

fn processor_statuses(state: &State) -> Vec<String> {
    state.ps.iter().map(|p| format!("{:?}", p.status).to_lowercase()).collect()
}

fn goroutine_statuses(state: &State) -> Vec<String> {
    let scan = |scan: bool| if scan { "scan_" } else { "" };
    state.gs.iter().map(|g| format!("{}{}", scan(g.scan), format!("{:?}", g.status).to_lowercase())).collect()
}

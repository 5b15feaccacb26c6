//! What a report must know of a spec: its clauses, rules and parameters, as plain data.
//!
//! Evidence names clauses and rules by id only. A report that is to say which clauses nothing has touched needs the whole
//! list, and needs it without the spec's types.

use schemars::JsonSchema;
use selvedge_model::{Obligation, Spec};
use serde::{Deserialize, Serialize};

use crate::gaps::GapInfo;

/// The spec's name with the parameters it has: `proc (version go1.26)`.
pub(crate) fn spec_in_words<S: Spec>(spec: &S) -> String {
    let parameters: Vec<String> =
        spec.configuration().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    if parameters.is_empty() { spec.name().to_owned() } else { format!("{} ({})", spec.name(), parameters.join(", ")) }
}

/// A system, described by its spec.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SystemInfo {
    /// The spec's name, as litmus files and [`Evidence::system`](crate::evidence::Evidence::system) write it.
    pub name: String,
    /// Every requirement, in the spec's order.
    pub clauses: Vec<ClauseInfo>,
    /// Every kind of step, in the spec's order.
    pub rules: Vec<RuleInfo>,
    /// Every choice of semantics.
    pub parameters: Vec<ParameterInfo>,
    /// What engines are known not to show of it.
    #[serde(default)]
    pub gaps: Vec<GapInfo>,
}

/// A requirement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClauseInfo {
    /// Stable id, for instance `COND-04`.
    pub id: String,
    /// The requirement, one sentence.
    pub text: String,
    /// Where the requirement comes from.
    pub source: String,
    /// An extension of ours that the system the spec is named after does not have.
    pub extension: bool,
}

/// A named kind of step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RuleInfo {
    /// Name, unique within the spec.
    pub name: String,
    /// The id of the clause that demands or permits the step.
    pub clause: String,
    /// What the step does, one sentence.
    pub text: String,
    /// Whether a step that stays enabled is taken eventually.
    pub obligation: ObligationInfo,
}

/// Must or may: see [`Obligation`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObligationInfo {
    /// Taken eventually if it stays enabled.
    Must,
    /// May never be taken.
    May,
}

/// A choice of semantics.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ParameterInfo {
    /// Name.
    pub name: String,
    /// The values it can take; the first is the default.
    pub values: Vec<String>,
    /// What it chooses, one sentence.
    pub text: String,
}

impl SystemInfo {
    /// The description of `S`, without gaps: they belong to the system.
    ///
    /// # Panics
    ///
    /// If the spec refuses its own defaults: that is a defect of the spec.
    pub fn of<S: Spec>() -> Self {
        let spec = S::configure(&[]).expect("a spec accepts its defaults");
        SystemInfo {
            name: spec.name().to_owned(),
            clauses: S::clauses()
                .iter()
                .map(|clause| ClauseInfo {
                    id: clause.id.to_owned(),
                    text: clause.text.to_owned(),
                    source: clause.source.to_owned(),
                    extension: clause.extension,
                })
                .collect(),
            rules: S::rules()
                .iter()
                .map(|rule| RuleInfo {
                    name: rule.name.to_owned(),
                    clause: rule.clause.to_owned(),
                    text: rule.text.to_owned(),
                    obligation: match rule.obligation {
                        Obligation::Must => ObligationInfo::Must,
                        Obligation::May => ObligationInfo::May,
                    },
                })
                .collect(),
            parameters: S::parameters()
                .iter()
                .map(|parameter| ParameterInfo {
                    name: parameter.name.to_owned(),
                    values: parameter.values.iter().map(|value| (*value).to_owned()).collect(),
                    text: parameter.text.to_owned(),
                })
                .collect(),
            gaps: Vec::new(),
        }
    }
}

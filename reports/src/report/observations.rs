//! What was observed about a spec, program by program.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use selvedge_verify::evidence::Evidence;
use serde::{Deserialize, Serialize};

/// An observation about a spec, with every program that names it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ObservationRow {
    /// Its name.
    pub name: String,
    /// What came out, over all programs.
    pub sight: Sight,
    /// The checks that looked: those where the spec allows it first, then those that could not tell.
    pub looks: Vec<Look>,
}

/// Whether a spec allows what was observed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// It does. Of several programs: in one of them.
    Allowed,
    /// There were more states than are looked at. Of several programs: in one, and none allows it.
    Unknown,
    /// It does not, and everything was looked at.
    NotAllowed,
}

/// A check that looked for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// Index into [`Report::evidence`](super::Report::evidence).
    pub evidence: usize,
    /// Index into the observations of that record.
    pub observation: usize,
    /// What it found.
    pub sight: Sight,
}

/// Every observation of a system's records, by name.
pub(super) fn observations(records: &[(usize, &Evidence)]) -> Vec<ObservationRow> {
    let mut by_name: BTreeMap<&str, Vec<Look>> = BTreeMap::new();
    for &(evidence, record) in records {
        for (observation, observed) in record.observations.iter().enumerate() {
            let sight = match observed.allowed {
                Some(true) => Sight::Allowed,
                Some(false) => Sight::NotAllowed,
                None => Sight::Unknown,
            };
            by_name.entry(&observed.name).or_default().push(Look { evidence, observation, sight });
        }
    }
    let row = |(name, mut looks): (&str, Vec<Look>)| {
        looks.sort_by_key(|look| look.sight);
        let sight = looks.first().map_or(Sight::Unknown, |look| look.sight);
        ObservationRow { name: name.to_owned(), sight, looks }
    };
    by_name.into_iter().map(row).collect()
}

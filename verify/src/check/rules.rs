//! Which rules of a spec explain a history.

use selvedge_model::RuleId;

const WORDS: usize = 4;

/// A set of a spec's rules. Holds the rules numbered 0 to 255.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RuleSet([u64; WORDS]);

impl RuleSet {
    /// The set of no rules.
    pub const fn new() -> Self {
        RuleSet([0; WORDS])
    }

    /// Adds a rule.
    ///
    /// # Panics
    ///
    /// If the rule's number is above 255: specs are far from that large.
    pub fn insert(&mut self, rule: RuleId) {
        self.0[usize::from(rule.0) / 64] |= 1 << (rule.0 % 64);
    }

    /// Whether the rule is in the set.
    pub fn contains(&self, rule: RuleId) -> bool {
        self.0.get(usize::from(rule.0) / 64).is_some_and(|word| word >> (rule.0 % 64) & 1 == 1)
    }

    /// The rules that are in either set.
    pub fn union(&self, other: &Self) -> Self {
        RuleSet(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// The rules that are in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        RuleSet(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// How many rules the set holds.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether the set holds no rule.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The rules, by number.
    pub fn iter(&self) -> impl Iterator<Item = RuleId> + '_ {
        (0..64 * WORDS as u16).map(RuleId).filter(|rule| self.contains(*rule))
    }
}

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(|rule| rule.0)).finish()
    }
}

/// The rules of all the ways that led to one spec configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Coverage {
    /// Rules that at least one way takes.
    pub some: RuleSet,
    /// Rules that every way takes.
    pub every: RuleSet,
}

impl Coverage {
    /// The one way that takes no step.
    pub const START: Self = Coverage { some: RuleSet::new(), every: RuleSet::new() };

    /// The same ways, each with one more step.
    pub fn then(mut self, rule: RuleId) -> Self {
        self.some.insert(rule);
        self.every.insert(rule);
        self
    }

    /// The ways of both; whether that is more than there was.
    pub fn merge(&mut self, other: &Self) -> bool {
        let merged = Coverage { some: self.some.union(&other.some), every: self.every.intersection(&other.every) };
        let changed = *self != merged;
        *self = merged;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut set = RuleSet::new();
        assert!(set.is_empty());
        for rule in [0, 63, 64, 255] {
            set.insert(RuleId(rule));
        }
        assert_eq!(set.iter().map(|rule| rule.0).collect::<Vec<_>>(), [0, 63, 64, 255]);
        assert_eq!(set.len(), 4);
        assert!(!set.contains(RuleId(1)) && !set.contains(RuleId(9999)));
    }

    #[test]
    fn merging_keeps_what_some_and_what_every_way_took() {
        let mut left = Coverage::START.then(RuleId(1)).then(RuleId(2));
        let right = Coverage::START.then(RuleId(2)).then(RuleId(3));
        assert!(left.merge(&right));
        assert_eq!(left.some.iter().map(|rule| rule.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(left.every.iter().map(|rule| rule.0).collect::<Vec<_>>(), [2]);
        assert!(!left.merge(&right), "nothing new the second time");
    }
}

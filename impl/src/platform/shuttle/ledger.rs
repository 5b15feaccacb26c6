//! What an execution does to its objects, in the terms that a strategy thinks in: how far each is open to those who wait,
//! how often each was changed, and what a step turned out to touch.

use super::super::simulated::{Mention, ObjectId, Openness};

/// What became known about a step after it was taken.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It also touched this object, which had been open so far before it.
    Touched(Mention, Openness),
    /// It did not change this object after all.
    OnlyLooked(ObjectId),
}

/// The account of one execution.
#[derive(Default)]
pub(super) struct Ledger {
    /// By maker and number of the object; missing entries are fresh.
    accounts: Vec<Vec<Account>>,
    changes: u64,
    notes: Vec<Noted>,
}

#[derive(Clone, Copy)]
struct Account {
    openness: Openness,
    changes: u32,
}

impl Account {
    const FRESH: Self = Self { openness: Openness::OPEN, changes: 0 };
}

impl Ledger {
    /// For the next execution. Keeps its memory.
    pub(super) fn clear(&mut self) {
        for accounts in &mut self.accounts {
            accounts.clear();
        }
        self.changes = 0;
        self.notes.clear();
    }

    pub(super) fn openness(&self, object: ObjectId) -> Openness {
        self.account(object).openness
    }

    /// How often the object has been changed.
    pub(super) fn change(&self, object: ObjectId) -> u32 {
        self.account(object).changes
    }

    /// How often anything has been changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Returns whether it was open otherwise before.
    pub(super) fn open(&mut self, object: ObjectId, openness: Openness) -> bool {
        let account = self.account_mut(object);
        std::mem::replace(&mut account.openness, openness) != openness
    }

    /// Counts a change of the object, and returns how many there are now.
    pub(super) fn alter(&mut self, object: ObjectId) -> u32 {
        self.changes += 1;
        let account = self.account_mut(object);
        account.changes += 1;
        account.changes
    }

    pub(super) fn note(&mut self, mention: Mention) {
        let before = self.openness(mention.object);
        self.notes.push(Noted::Touched(mention, before));
    }

    pub(super) fn note_look(&mut self, object: ObjectId) {
        self.notes.push(Noted::OnlyLooked(object));
    }

    pub(super) fn take_notes(&mut self, into: &mut Vec<Noted>) {
        into.append(&mut self.notes);
    }

    fn account(&self, object: ObjectId) -> Account {
        let accounts = self.accounts.get(object.maker as usize);
        accounts.and_then(|accounts| accounts.get(object.number as usize)).copied().unwrap_or(Account::FRESH)
    }

    fn account_mut(&mut self, object: ObjectId) -> &mut Account {
        let (maker, number) = (object.maker as usize, object.number as usize);
        if self.accounts.len() <= maker {
            self.accounts.resize_with(maker + 1, Vec::new);
        }
        let accounts = &mut self.accounts[maker];
        if accounts.len() <= number {
            accounts.resize(number + 1, Account::FRESH);
        }
        &mut accounts[number]
    }
}

#[cfg(test)]
mod tests {
    use super::super::Access;
    use super::*;

    #[test]
    fn an_account_starts_open_and_unchanged_and_forgets() {
        let object = ObjectId { maker: 2, number: 5 };
        let mut ledger = Ledger::default();
        assert_eq!((ledger.openness(object), ledger.change(object)), (Openness::OPEN, 0));
        assert!(ledger.open(object, Openness::CLOSED));
        assert!(!ledger.open(object, Openness::CLOSED), "it was closed already");
        assert_eq!((ledger.alter(object), ledger.alter(object), ledger.changes()), (1, 2, 2));
        let mention = Mention { object, access: Access::Write, needs: Openness::OPEN };
        ledger.note(mention);
        let mut notes = Vec::new();
        ledger.take_notes(&mut notes);
        assert_eq!(notes, [Noted::Touched(mention, Openness::CLOSED)]);
        ledger.clear();
        assert_eq!((ledger.openness(object), ledger.change(object), ledger.changes()), (Openness::OPEN, 0, 0));
    }
}

//! Mutants: subjects and programs with one classic bug each. The suite must kill every one.

pub mod cond;
pub mod getopt;
pub mod proc;
pub mod uio;

/// A bug with its name, what is planted, and the clause that it breaks. `B` is what selects it: a variant of the subject, a
/// switch, or nothing where only its description matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planted<B> {
    /// What selects it.
    pub bug: B,
    /// Its name: a letter and a number, a hyphen, and what it does.
    pub name: &'static str,
    /// What is planted, a sentence without its full stop.
    pub planted: &'static str,
    /// The clause that it breaks.
    pub breaks: &'static str,
}

impl<B: Copy> Planted<B> {
    /// The bug of that name, or of that part before its first hyphen.
    ///
    /// # Errors
    ///
    /// If there is none; the message lists those that there are.
    pub fn find(all: &[Self], name: &str) -> Result<Self, String> {
        let is_named = |known: &&Self| known.name == name || known.name.split('-').next() == Some(name);
        all.iter().find(is_named).copied().ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|known| known.name).collect();
            format!("there is no planted bug `{name}`; there are {}", names.join(", "))
        })
    }

    /// Its description, without what selects it.
    pub fn described(self) -> Planted<()> {
        Planted { bug: (), name: self.name, planted: self.planted, breaks: self.breaks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_found_by_its_name_or_number() {
        let find = |name| Planted::find(uio::MUTANTS, name).map(|planted| planted.bug);
        assert_eq!(find("U04-empty-not-skipped"), Ok(uio::EMPTY_NOT_SKIPPED));
        assert_eq!(find("U12"), Ok(uio::FAULT_MASKED));
        assert!(find("U").unwrap_err().contains("U01-resid-kept-on-fault"));
    }
}

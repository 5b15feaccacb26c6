//! Which options there are.

use std::cell::Cell;
use std::fmt;

/// Whether an option takes an argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HasArg {
    /// None: `no_argument`.
    No,
    /// Always, after `=` or as the next element: `required_argument`.
    Required,
    /// Perhaps, after `=` only: `optional_argument`.
    Optional,
}

/// An option with a name: C's `struct option`.
#[derive(Clone, Copy, Debug)]
pub struct LongOption<'a> {
    /// The name, without dashes.
    pub name: &'a [u8],
    /// Whether it takes an argument.
    pub has_arg: HasArg,
    /// Where `val` is stored; without it, `val` is what [`Opt::code`](super::Opt::code) returns.
    pub flag: Option<&'a Cell<i32>>,
    /// What is returned or stored.
    pub val: i32,
}

impl LongOption<'_> {
    /// Whether an abbreviation of both means the same.
    pub(super) fn is_same(&self, other: &LongOption<'_>) -> bool {
        self.has_arg == other.has_arg
            && self.val == other.val
            && self.flag.map(std::ptr::from_ref) == other.flag.map(std::ptr::from_ref)
    }
}

/// A table that cannot be meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// What is wrong, with the place.
    message: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Malformed {}

/// What a letter is, in the table of letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Letter {
    /// Not in optstring.
    Unknown,
    /// In optstring, but no option: `:` and `;`.
    Punctuation,
    /// An option.
    Takes(HasArg),
    /// `W;`: its argument is a long option.
    LongName,
}

/// Which operands come where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ordering {
    Permute,
    RequireOrder,
    InOrder,
}

/// Which options there are: an optstring and, for the long functions, a table of names.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    letters: [Letter; 256],
    prefix: Option<u8>,
    pub(super) is_colon_mode: bool,
    /// `None` for plain `getopt`.
    pub(super) table: Option<Vec<LongOption<'a>>>,
    pub(super) is_long_only: bool,
    posixly_correct: Option<bool>,
}

impl<'a> Options<'a> {
    /// The options of `getopt`: letters only.
    ///
    /// # Errors
    ///
    /// If the optstring is malformed: it has a NUL, a letter twice, a `:` that belongs to no letter, or a `;` elsewhere than
    /// after `W`.
    pub fn getopt(optstring: &str) -> Result<Self, Malformed> {
        Self::checked(optstring, None)
    }

    /// The options of `getopt_long`. [`Options::long`] adds the names.
    ///
    /// # Errors
    ///
    /// As [`Options::getopt`].
    pub fn getopt_long(optstring: &str) -> Result<Self, Malformed> {
        Self::checked(optstring, Some(Vec::new()))
    }

    /// The options of `getopt_long_only`: names come after one dash as well.
    ///
    /// # Errors
    ///
    /// As [`Options::getopt`].
    pub fn getopt_long_only(optstring: &str) -> Result<Self, Malformed> {
        Ok(Options { is_long_only: true, ..Self::getopt_long(optstring)? })
    }

    /// Anything at all, read as glibc reads it: of a letter that occurs twice the first counts, of a name that does so too,
    /// and a NUL ends the optstring and a name. `table` is `None` for plain `getopt`.
    pub fn lenient(optstring: &[u8], mut table: Option<Vec<LongOption<'a>>>, is_long_only: bool) -> Self {
        let optstring = until_nul(optstring);
        table.iter_mut().flatten().for_each(|option| option.name = until_nul(option.name));
        let prefix = optstring.first().copied().filter(|first| matches!(first, b'+' | b'-'));
        let optstring = &optstring[usize::from(prefix.is_some())..];
        let mut letters = [Letter::Unknown; 256];
        for (at, letter) in optstring.iter().enumerate().rev() {
            letters[usize::from(*letter)] = match (letter, &optstring[at + 1..]) {
                (b':' | b';', _) => Letter::Punctuation,
                (b'W', [b';', ..]) if table.is_some() => Letter::LongName,
                (_, [b':', b':', ..]) => Letter::Takes(HasArg::Optional),
                (_, [b':', ..]) => Letter::Takes(HasArg::Required),
                _ => Letter::Takes(HasArg::No),
            };
        }
        let is_colon_mode = optstring.first() == Some(&b':');
        Options { letters, prefix, is_colon_mode, table, is_long_only, posixly_correct: None }
    }

    /// With one more name, whose `val` is returned.
    ///
    /// # Errors
    ///
    /// If the name is empty, has a NUL or a `=`, which could never be typed, or is there already; if `val` is -1, which is
    /// the end's; or if these are the options of plain `getopt`.
    pub fn long(self, name: &'a str, has_arg: HasArg, val: i32) -> Result<Self, Malformed> {
        self.with(LongOption { name: name.as_bytes(), has_arg, flag: None, val })
    }

    /// With one more name, whose `val` is stored into `flag`.
    ///
    /// # Errors
    ///
    /// As [`Options::long`], but that any `val` may be stored.
    pub fn flag(self, name: &'a str, has_arg: HasArg, flag: &'a Cell<i32>, val: i32) -> Result<Self, Malformed> {
        self.with(LongOption { name: name.as_bytes(), has_arg, flag: Some(flag), val })
    }

    /// Whether the first operand ends the options, unless optstring begins with `-`. Without this call the environment
    /// decides: whether it has POSIXLY_CORRECT.
    pub fn posixly_correct(self, posixly_correct: bool) -> Self {
        Options { posixly_correct: Some(posixly_correct), ..self }
    }

    /// The table of names.
    pub fn table(&self) -> &[LongOption<'a>] {
        self.table.as_deref().unwrap_or_default()
    }

    pub(super) fn letter(&self, letter: u8) -> Letter {
        self.letters[usize::from(letter)]
    }

    /// Looks at the environment if nothing else decides.
    pub(super) fn ordering(&self) -> Ordering {
        let from_environment = || std::env::var_os("POSIXLY_CORRECT").is_some();
        match self.prefix {
            Some(b'-') => Ordering::InOrder,
            Some(_) => Ordering::RequireOrder,
            None if self.posixly_correct.unwrap_or_else(from_environment) => Ordering::RequireOrder,
            None => Ordering::Permute,
        }
    }

    fn checked(optstring: &str, table: Option<Vec<LongOption<'a>>>) -> Result<Self, Malformed> {
        let refuse =
            |at: usize, why: &str| Err(Malformed { message: format!("optstring `{optstring}`, byte {at}: {why}") });
        let bytes = optstring.as_bytes();
        let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let start = start + usize::from(bytes.get(start) == Some(&b':'));
        let mut at = start;
        while let Some(letter) = bytes.get(at).copied() {
            if letter == 0 {
                return refuse(at, "a NUL ends the string in C");
            } else if letter == b':' {
                return refuse(at, "this colon belongs to no letter");
            } else if letter == b';' {
                return refuse(at, "a semicolon can only follow `W`");
            } else if bytes[start..at].contains(&letter) {
                return refuse(at, "this letter is there twice");
            }
            at += match &bytes[at + 1..] {
                [b':', b':', ..] => 3,
                [b':', ..] => 2,
                [b';', ..] if letter == b'W' => 2,
                _ => 1,
            };
        }
        Ok(Self::lenient(bytes, table, false))
    }

    fn with(mut self, option: LongOption<'a>) -> Result<Self, Malformed> {
        let name = String::from_utf8_lossy(option.name);
        let refuse = |why: &str| Err(Malformed { message: format!("long option `{name}`: {why}") });
        let Some(table) = &mut self.table else { return refuse("plain getopt knows letters only") };
        if option.name.is_empty() {
            return refuse("a name must not be empty");
        } else if option.name.iter().any(|byte| matches!(byte, 0 | b'=')) {
            return refuse("a name with a NUL or `=` can never be typed");
        } else if table.iter().any(|known| known.name == option.name) {
            return refuse("this name is there twice");
        } else if option.flag.is_none() && option.val == -1 {
            return refuse("-1 is what the end returns");
        }
        table.push(option);
        Ok(self)
    }
}

/// A string as C sees it.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

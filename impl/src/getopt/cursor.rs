//! Taking one option: what [`Parser`](super::Parser) and [`Scan`](super::Scan) have in common. Here nothing is moved.

use super::Opt;
use super::error::{Error, ErrorKind};
use super::options::{HasArg, Letter, LongOption, Options};

/// A place in argv.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor<'a> {
    /// The element to look at next.
    pub optind: usize,
    /// The letters of the current cluster that are not taken yet.
    pub cluster: &'a [u8],
}

/// What stands before the first `=`.
pub(super) fn name_of(text: &[u8]) -> &[u8] {
    text.iter().position(|byte| *byte == b'=').map_or(text, |end| &text[..end])
}

/// No leading dash, or nothing behind it.
pub(super) fn is_operand(element: &[u8]) -> bool {
    !matches!(element, [b'-', _, ..])
}

/// Which entry a name means.
enum Meaning {
    One(usize),
    Several,
    Nothing,
}

impl<'a> Cursor<'a> {
    /// Takes an option: the next letter of the cluster or, if that is used up, what the element at `optind` says, which is
    /// neither operand nor `--`.
    pub fn take(&mut self, options: &'a Options<'a>, argv: &[&'a [u8]]) -> Result<Opt<'a>, Error<'a>> {
        let fail = |kind| Error { kind, program: argv[0], options };
        if self.cluster.is_empty() {
            let element = argv[self.optind];
            if let Some(table) = &options.table {
                if let [b'-', b'-', text @ ..] = element {
                    return self.name(options, table, "--", text, options.is_long_only, argv).map_err(fail);
                }
                let text = &element[1..];
                let is_tried = options.is_long_only && (text.len() > 1 || options.letter(text[0]) == Letter::Unknown);
                if is_tried {
                    let before = *self;
                    match self.name(options, table, "-", text, true, argv) {
                        Err(ErrorKind::UnknownName { .. }) if options.letter(text[0]) != Letter::Unknown => {
                            *self = before;
                        }
                        result => return result.map_err(fail),
                    }
                }
            }
            self.cluster = &element[1..];
        }
        self.letter(options, argv).map_err(fail)
    }

    fn letter(&mut self, options: &'a Options<'a>, argv: &[&'a [u8]]) -> Result<Opt<'a>, ErrorKind<'a>> {
        let (letter, rest) = (self.cluster[0], &self.cluster[1..]);
        self.cluster = rest;
        let has_arg = match options.letter(letter) {
            Letter::Takes(HasArg::No) => {
                self.optind += usize::from(rest.is_empty());
                return Ok(Opt::Short { letter, argument: None });
            }
            Letter::Unknown | Letter::Punctuation => {
                self.optind += usize::from(rest.is_empty());
                return Err(ErrorKind::InvalidLetter(letter));
            }
            Letter::Takes(has_arg) => has_arg,
            Letter::LongName => HasArg::Required,
        };
        self.cluster = &[];
        self.optind += 1;
        let argument = if !rest.is_empty() {
            Some(rest)
        } else if has_arg == HasArg::Optional {
            None
        } else {
            let next = argv.get(self.optind).copied().ok_or(ErrorKind::MissingAfterLetter(letter))?;
            self.optind += 1;
            Some(next)
        };
        match (options.letter(letter), &options.table, argument) {
            (Letter::LongName, Some(table), Some(text)) => {
                // A name counts its own element, and this one is counted.
                self.optind -= 1;
                self.name(options, table, "-W ", text, false, argv)
            }
            _ => Ok(Opt::Short { letter, argument }),
        }
    }

    /// Takes a name with its value, as far as `text` goes.
    fn name(
        &mut self,
        options: &'a Options<'a>,
        table: &'a [LongOption<'a>],
        prefix: &'static str,
        text: &'a [u8],
        is_long_only: bool,
        argv: &[&'a [u8]],
    ) -> Result<Opt<'a>, ErrorKind<'a>> {
        debug_assert_eq!(options.table().len(), table.len());
        let name = name_of(text);
        self.cluster = &[];
        self.optind += 1;
        let index = match meaning(table, name, is_long_only) {
            Meaning::One(index) => index,
            Meaning::Several => return Err(ErrorKind::Ambiguous { prefix, text }),
            Meaning::Nothing => return Err(ErrorKind::UnknownName { prefix, text }),
        };
        let entry = &table[index];
        let value = text.get(name.len() + 1..);
        let argument = match (entry.has_arg, value) {
            (HasArg::No, Some(_)) => return Err(ErrorKind::Surplus { prefix, index }),
            (HasArg::Required, None) => {
                let next = argv.get(self.optind).copied().ok_or(ErrorKind::MissingAfterName { prefix, index })?;
                self.optind += 1;
                Some(next)
            }
            (_, value) => value,
        };
        if let Some(flag) = entry.flag {
            flag.set(entry.val);
        }
        Ok(Opt::Long { index, entry, argument })
    }
}

/// An exact name means its first entry. A beginning means the first entry that it begins, unless another one differs
/// from that, or merely exists where `is_long_only`.
fn meaning(table: &[LongOption<'_>], name: &[u8], is_long_only: bool) -> Meaning {
    let mut meaning = Meaning::Nothing;
    for (index, entry) in table.iter().enumerate() {
        // Told apart by the first byte, mostly: `starts_with` is a call.
        if entry.name.first() != name.first() && !name.is_empty() || !entry.name.starts_with(name) {
            continue;
        }
        if entry.name.len() == name.len() {
            return Meaning::One(index);
        }
        meaning = match meaning {
            Meaning::Nothing => Meaning::One(index),
            Meaning::One(first) if is_long_only || !table[first].is_same(entry) => Meaning::Several,
            other => other,
        };
    }
    meaning
}

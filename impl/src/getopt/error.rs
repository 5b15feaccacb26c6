//! What can be wrong with a command line, in glibc's words.

use std::fmt;

use super::options::{HasArg, Options};

/// Something wrong with the command line. As a text it is the message that glibc prints.
#[derive(Clone, Copy)]
pub struct Error<'a> {
    /// What is wrong.
    pub kind: ErrorKind<'a>,
    pub(super) program: &'a [u8],
    pub(super) options: &'a Options<'a>,
}

/// What is wrong with a command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind<'a> {
    /// The letter is no option.
    InvalidLetter(u8),
    /// The letter needs an argument and there is no element left.
    MissingAfterLetter(u8),
    /// The name abbreviates several options that differ.
    Ambiguous {
        /// What stands before the name: `--`, `-` or `-W `.
        prefix: &'static str,
        /// The name, with its value if it has one.
        text: &'a [u8],
    },
    /// The name is no option.
    UnknownName {
        /// What stands before the name.
        prefix: &'static str,
        /// The name, with its value if it has one.
        text: &'a [u8],
    },
    /// The option takes no argument and was given one.
    Surplus {
        /// What stands before the name.
        prefix: &'static str,
        /// The option's place in the table.
        index: usize,
    },
    /// The long option needs an argument and there is no element left.
    MissingAfterName {
        /// What stands before the name.
        prefix: &'static str,
        /// The option's place in the table.
        index: usize,
    },
}

impl<'a> Error<'a> {
    /// What the C function returns: `:` for a missing argument where optstring begins with a colon, otherwise `?`.
    pub fn code(&self) -> i32 {
        let is_missing = matches!(self.kind, ErrorKind::MissingAfterLetter(_) | ErrorKind::MissingAfterName { .. });
        i32::from(if is_missing && self.options.is_colon_mode { b':' } else { b'?' })
    }

    /// What the C function leaves in `optopt`: the letter, the option's `val`, or 0 if there is no such option.
    pub fn optopt(&self) -> i32 {
        match self.kind {
            ErrorKind::InvalidLetter(letter) | ErrorKind::MissingAfterLetter(letter) => i32::from(letter),
            ErrorKind::Ambiguous { .. } | ErrorKind::UnknownName { .. } => 0,
            ErrorKind::Surplus { index, .. } | ErrorKind::MissingAfterName { index, .. } => {
                self.options.table()[index].val
            }
        }
    }

    /// Whether glibc would print the message: not where optstring begins with a colon.
    pub fn is_printed(&self) -> bool {
        !self.options.is_colon_mode
    }

    /// The message, byte for byte as glibc prints it, without the newline. The text form differs where the command line is
    /// not UTF-8.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        self.pieces(&mut |piece| {
            message.extend_from_slice(piece);
            Ok(())
        })
        .expect("a vector takes everything");
        message
    }

    /// The options that an ambiguous name may mean: the first that it begins, and those that differ from it.
    pub fn candidates(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let text = match self.kind {
            ErrorKind::Ambiguous { text, .. } => Some(text),
            _ => None,
        };
        let is_long_only =
            self.options.is_long_only && !matches!(self.kind, ErrorKind::Ambiguous { prefix: "-W ", .. });
        let table = self.options.table();
        let hits = move |name: &[u8]| text.is_some_and(|text| name.starts_with(super::cursor::name_of(text)));
        let first = table.iter().position(|entry| hits(entry.name)).unwrap_or(0);
        let differs = move |index: usize| index == first || is_long_only || !table[first].is_same(&table[index]);
        (first..table.len())
            .filter(move |index| hits(table[*index].name) && differs(*index))
            .map(|index| table[index].name)
    }

    fn pieces(&self, put: &mut dyn FnMut(&[u8]) -> fmt::Result) -> fmt::Result {
        let mut all = |pieces: &[&[u8]]| pieces.iter().try_for_each(|piece| put(piece));
        all(&[self.program, b": "])?;
        match self.kind {
            ErrorKind::InvalidLetter(letter) => all(&[b"invalid option -- '", &[letter], b"'"]),
            ErrorKind::MissingAfterLetter(letter) => all(&[b"option requires an argument -- '", &[letter], b"'"]),
            ErrorKind::Ambiguous { prefix, text } => {
                all(&[b"option '", prefix.as_bytes(), text, b"' is ambiguous; possibilities:"])?;
                self.candidates().try_for_each(|name| all(&[b" '", prefix.as_bytes(), name, b"'"]))
            }
            ErrorKind::UnknownName { prefix, text } => all(&[b"unrecognized option '", prefix.as_bytes(), text, b"'"]),
            ErrorKind::Surplus { prefix, index } => {
                let name = self.options.table()[index].name;
                all(&[b"option '", prefix.as_bytes(), name, b"' doesn't allow an argument"])
            }
            ErrorKind::MissingAfterName { prefix, index } => {
                debug_assert_eq!(self.options.table()[index].has_arg, HasArg::Required);
                let name = self.options.table()[index].name;
                all(&[b"option '", prefix.as_bytes(), name, b"' requires an argument"])
            }
        }
    }
}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces(&mut |piece| {
            piece.utf8_chunks().try_for_each(|chunk| {
                f.write_str(chunk.valid())?;
                if chunk.invalid().is_empty() { Ok(()) } else { f.write_str("\u{fffd}") }
            })
        })
    }
}

impl fmt::Debug for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.kind).finish()
    }
}

impl std::error::Error for Error<'_> {}

//! What is printed on an error: a template a library and kind of error.

use super::Word;

/// An error that may be worth a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Complaint<'a> {
    /// The letter is no option.
    InvalidLetter(u8),
    /// The letter's argument is missing.
    MissingAfterLetter(u8),
    /// The name abbreviates several options.
    Ambiguous {
        /// What stood before the name: `--`, `-` or `-W `.
        prefix: &'a [u8],
        /// The name with its value.
        text: &'a [u8],
        /// The options' names.
        candidates: &'a [&'a [u8]],
    },
    /// The name is no option.
    UnknownName {
        /// What stood before the name.
        prefix: &'a [u8],
        /// The name with its value.
        text: &'a [u8],
    },
    /// The option was given an argument and takes none.
    Surplus {
        /// What stood before the name.
        prefix: &'a [u8],
        /// The name with its value.
        text: &'a [u8],
        /// The option's full name.
        name: &'a [u8],
    },
    /// The long option's argument is missing.
    MissingAfterName {
        /// What stood before the name.
        prefix: &'a [u8],
        /// The name.
        text: &'a [u8],
        /// The option's full name.
        name: &'a [u8],
    },
}

/// A library's texts. `{c}` is the letter, `{p}` the prefix, `{t}` the name with its value as it was written, `{w}` the same
/// as far as `=`, and `{n}` the option's own name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Messages {
    invalid_letter: &'static str,
    /// For `getopt`, and for the others under POSIXLY_CORRECT.
    invalid_letter_strict: &'static str,
    missing_after_letter: &'static str,
    ambiguous: &'static str,
    /// Repeated for each option that the name abbreviates.
    candidate: &'static str,
    unknown_name: &'static str,
    surplus: &'static str,
    missing_after_name: &'static str,
}

impl Messages {
    /// As glibc prints since 2.26 or before, in the C locale.
    pub const GLIBC: Messages = Messages {
        invalid_letter: "invalid option -- '{c}'",
        invalid_letter_strict: "invalid option -- '{c}'",
        missing_after_letter: "option requires an argument -- '{c}'",
        ambiguous: "option '{p}{t}' is ambiguous; possibilities:",
        candidate: " '{p}{n}'",
        unknown_name: "unrecognized option '{p}{t}'",
        surplus: "option '{p}{n}' doesn't allow an argument",
        missing_after_name: "option '{p}{n}' requires an argument",
    };

    /// As musl prints.
    pub const MUSL: Messages = Messages {
        invalid_letter: "unrecognized option: {c}",
        invalid_letter_strict: "unrecognized option: {c}",
        missing_after_letter: "option requires an argument: {c}",
        ambiguous: "option is ambiguous: {t}",
        candidate: "",
        unknown_name: "unrecognized option: {t}",
        surplus: "option does not take an argument: {n}",
        missing_after_name: "option requires an argument: {n}",
    };

    /// As FreeBSD prints.
    pub const FREEBSD: Messages = Messages {
        invalid_letter: "invalid option -- {c}",
        invalid_letter_strict: "illegal option -- {c}",
        missing_after_letter: "option requires an argument -- {c}",
        ambiguous: "option `{p}{w}' is ambiguous",
        candidate: "",
        unknown_name: "unrecognized option `{p}{t}'",
        surplus: "option `{p}{w}' doesn't allow an argument",
        missing_after_name: "option `{p}{w}' requires an argument",
    };

    /// As NetBSD prints.
    pub const NETBSD: Messages = Messages {
        invalid_letter: "unknown option -- {c}",
        invalid_letter_strict: "unknown option -- {c}",
        missing_after_letter: "option requires an argument -- {c}",
        ambiguous: "ambiguous option -- {w}",
        candidate: "",
        unknown_name: "unknown option -- {t}",
        surplus: "option doesn't take an argument -- {w}",
        missing_after_name: "option requires an argument -- {w}",
    };

    /// Appends the program's name, the text and a newline to `out`.
    pub fn print(&self, program: &[u8], complaint: &Complaint<'_>, strict: bool, out: &mut Word) {
        out.extend(program);
        out.extend(b": ");
        let mut fill = |template, letter: &[u8], prefix, text, name| fill(template, [letter, prefix, text, name], out);
        match *complaint {
            Complaint::InvalidLetter(letter) => {
                let template = if strict { self.invalid_letter_strict } else { self.invalid_letter };
                fill(template, &[letter], b"", b"", b"");
            }
            Complaint::MissingAfterLetter(letter) => fill(self.missing_after_letter, &[letter], b"", b"", b""),
            Complaint::Ambiguous { prefix, text, candidates } => {
                fill(self.ambiguous, b"", prefix, text, b"");
                for name in candidates {
                    fill(self.candidate, b"", prefix, text, name);
                }
            }
            Complaint::UnknownName { prefix, text } => fill(self.unknown_name, b"", prefix, text, b""),
            Complaint::Surplus { prefix, text, name } => fill(self.surplus, b"", prefix, text, name),
            Complaint::MissingAfterName { prefix, text, name } => {
                fill(self.missing_after_name, b"", prefix, text, name);
            }
        }
        out.push(b'\n');
    }
}

fn fill(template: &str, [letter, prefix, text, name]: [&[u8]; 4], out: &mut Word) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.extend(before.as_bytes());
        let (placeholder, after) = after.split_once('}').expect("a template closes its braces");
        out.extend(match placeholder {
            "c" => letter,
            "p" => prefix,
            "t" => text,
            "w" => text.split(|byte| *byte == b'=').next().unwrap_or_default(),
            _ => name,
        });
        rest = after;
    }
    out.extend(rest.as_bytes());
}

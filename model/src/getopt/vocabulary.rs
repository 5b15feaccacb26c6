//! The litmus vocabulary: what a C program does around getopt, as operations in text.
//!
//! A word is written as it is, with bytes that are no printable ASCII, commas and percent signs as `%` and two hex
//! digits, blanks as `%20`, and the empty word as `%`. argv is its words with commas between them, in brackets where it does
//! not begin with a letter or digit; so, without brackets, is the table of long options:
//! `alpha=a,beta:=b,colour::=c,verbose@0=3` says that beta needs an argument, that colour may have one, and that verbose
//! stores 3 into flag 0. There are two flags. A byte 0 ends a string in C, so that no word has one; and an option that
//! returns -1 cannot be told apart from the end.

use std::fmt;
use std::str::FromStr;

use super::{FLAGS, HasArg, LongOption, Word};
use crate::spec::{Form, Unreadable};
use crate::text;

/// An operation of a program that parses its command line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Another argv from now on, without the program's name, which is `prog`.
    Argv(Vec<Word>),
    /// An argv of no elements at all from now on: argc is 0.
    NoArgv,
    /// Another optstring from now on.
    Optstring(Word),
    /// Another table of long options from now on.
    Longopts(Vec<LongOption>),
    /// Calls `getopt`.
    Getopt,
    /// Calls `getopt_long`.
    GetoptLong,
    /// Calls `getopt_long_only`.
    GetoptLongOnly,
    /// Assigns to optind.
    SetOptind(u8),
    /// Assigns to opterr.
    SetOpterr(bool),
    /// Assigns to optreset.
    SetOptreset(bool),
    /// Sets POSIXLY_CORRECT or removes it.
    PosixlyCorrect(bool),
    /// Reads optind.
    Optind,
    /// Reads optopt.
    Optopt,
    /// Reads longindex.
    Longindex,
    /// Reads argv, without the program's name.
    Arguments,
    /// Takes what was printed since this was done last.
    Printed,
}

/// What an operation returns.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// Done.
    Ok,
    /// A call's value, with optarg if that is set; or a variable's.
    Value(i32, Option<Word>),
    /// argv.
    Words(Vec<Word>),
    /// What was printed.
    Text(Word),
    /// Nothing is promised of such a call.
    Undefined,
}

pub(super) static FORMS: &[Form] = &[
    Form::new("argv", "WORDS", "Another argv from now on, without the program's name, which is `prog`; `[]` is none."),
    Form::new("no-argv", "", "An argv of no elements from now on: argc is 0."),
    Form::new("optstring", "TEXT", "Another optstring from now on; `%` is the empty one."),
    Form::new("longopts", "TABLE", "Another table of long options from now on, for instance `alpha=a,beta:=b`."),
    Form::new("getopt", "", "Calls getopt."),
    Form::new("getopt_long", "", "Calls getopt_long."),
    Form::new("getopt_long_only", "", "Calls getopt_long_only."),
    Form::new("set-optind", "N", "Assigns to optind."),
    Form::new("set-opterr", "N", "Assigns to opterr."),
    Form::new("set-optreset", "N", "Assigns to optreset."),
    Form::new("posixly-correct", "N", "Sets POSIXLY_CORRECT, or removes it if N is 0."),
    Form::new("optind", "", "Reads optind."),
    Form::new("optopt", "", "Reads optopt."),
    Form::new("longindex", "", "Reads longindex."),
    Form::new("arguments", "", "Reads argv, without the program's name."),
    Form::new("printed", "", "Takes what was printed since this was done last."),
];

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Argv(words) => {
                let text = join(words);
                // A statement that began `argv --` would be read as arithmetic.
                let is_plain = text.starts_with(|first: char| first.is_ascii_alphanumeric());
                if is_plain { write!(f, "argv {text}") } else { write!(f, "argv [{text}]") }
            }
            Op::NoArgv => f.write_str("no-argv"),
            Op::Optstring(text) => {
                let escaped = escape(text);
                // As above.
                match text.as_slice() {
                    [b'=', ..] | [b'+' | b'-' | b'*' | b':', b'=', ..] | [b'+', b'+', ..] | [b'-', b'-', ..] => {
                        write!(f, "optstring %{:02X}{}", text[0], &escaped[1..])
                    }
                    _ => write!(f, "optstring {escaped}"),
                }
            }
            Op::Longopts(table) => {
                let entries: Vec<String> = table.iter().map(entry_text).collect();
                write!(f, "longopts {}", if entries.is_empty() { "%".to_owned() } else { entries.join(",") })
            }
            Op::Getopt => f.write_str("getopt"),
            Op::GetoptLong => f.write_str("getopt_long"),
            Op::GetoptLongOnly => f.write_str("getopt_long_only"),
            Op::SetOptind(n) => write!(f, "set-optind {n}"),
            Op::SetOpterr(n) => write!(f, "set-opterr {}", u8::from(*n)),
            Op::SetOptreset(n) => write!(f, "set-optreset {}", u8::from(*n)),
            Op::PosixlyCorrect(n) => write!(f, "posixly-correct {}", u8::from(*n)),
            Op::Optind => f.write_str("optind"),
            Op::Optopt => f.write_str("optopt"),
            Op::Longindex => f.write_str("longindex"),
            Op::Arguments => f.write_str("arguments"),
            Op::Printed => f.write_str("printed"),
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        let switch = || call.number(0, 0_u8..=1).map(|number| number == 1);
        let word = || text.split_whitespace().nth(1).unwrap_or_default();
        let wrong = |expected: &str| {
            let start = text.find(word()).unwrap_or(0);
            Unreadable {
                message: format!("cannot read `{}`", word()),
                span: start..start + word().len(),
                expected: vec![expected.to_owned()],
            }
        };
        const ESCAPES: &str = "printable ASCII, other bytes than 0 as `%` and two hex digits";
        const ENTRIES: &str =
            "entries such as `alpha=a`, `beta:=b`, `verbose@0=3`, with flags 0 and 1, and none that returns -1";
        Ok(match call.name {
            "argv" => {
                let inside = word().strip_prefix('[').map_or(Some(word()), |rest| rest.strip_suffix(']'));
                Op::Argv(inside.and_then(split).ok_or_else(|| wrong(ESCAPES))?)
            }
            "no-argv" => Op::NoArgv,
            "optstring" => Op::Optstring(unescape(word()).ok_or_else(|| wrong(ESCAPES))?),
            "longopts" => {
                let read = || if word() == "%" { Some(Vec::new()) } else { word().split(',').map(entry).collect() };
                Op::Longopts(read().ok_or_else(|| wrong(ENTRIES))?)
            }
            "getopt" => Op::Getopt,
            "getopt_long" => Op::GetoptLong,
            "getopt_long_only" => Op::GetoptLongOnly,
            "set-optind" => Op::SetOptind(call.number(0, 0_u8..=u8::MAX)?),
            "set-opterr" => Op::SetOpterr(switch()?),
            "set-optreset" => Op::SetOptreset(switch()?),
            "posixly-correct" => Op::PosixlyCorrect(switch()?),
            "optind" => Op::Optind,
            "optopt" => Op::Optopt,
            "longindex" => Op::Longindex,
            "arguments" => Op::Arguments,
            _ => Op::Printed,
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Ok => f.write_str("ok"),
            Ret::Value(value, None) => f.write_str(&value_text(*value)),
            Ret::Value(value, Some(optarg)) => write!(f, "{}({})", value_text(*value), escape(optarg)),
            Ret::Words(words) => write!(f, "[{}]", join(words)),
            Ret::Text(text) => write!(f, "{{{}}}", escape(text).replace("%20", " ")),
            Ret::Undefined => f.write_str("undefined"),
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let word = text.trim();
        let wrong = || Unreadable {
            message: format!("unknown answer `{word}`"),
            span: 0..text.len(),
            expected: ["ok", "undefined", "a", "-1", "b(argument)", "[-a,x]", "{what was printed%0A}"]
                .map(str::to_owned)
                .to_vec(),
        };
        let inside = |open: char, close: char| word.strip_prefix(open)?.strip_suffix(close);
        let read = || {
            Some(match word {
                "ok" => Ret::Ok,
                "undefined" => Ret::Undefined,
                _ if inside('[', ']').is_some() => Ret::Words(split(inside('[', ']')?)?),
                _ if inside('{', '}').is_some() => Ret::Text(unescape(inside('{', '}')?)?),
                _ => match word.split_once('(') {
                    Some((code, optarg)) => Ret::Value(value(code)?, Some(unescape(optarg.strip_suffix(')')?)?)),
                    None => Ret::Value(value(word)?, None),
                },
            })
        };
        read().ok_or_else(wrong)
    }
}

/// A letter as itself, everything else as a number. Digits are numbers, as most of them come from tables.
fn value_text(value: i32) -> String {
    match u8::try_from(value) {
        Ok(letter) if is_letter(letter) => char::from(letter).to_string(),
        _ => value.to_string(),
    }
}

fn value(text: &str) -> Option<i32> {
    match text.as_bytes() {
        [letter] if is_letter(*letter) => Some(i32::from(*letter)),
        _ => text.parse().ok(),
    }
}

fn is_letter(letter: u8) -> bool {
    letter.is_ascii_alphabetic() || b"?:;-=".contains(&letter)
}

fn entry_text(entry: &LongOption) -> String {
    let colons = match entry.has_arg {
        HasArg::No => "",
        HasArg::Required => ":",
        HasArg::Optional => "::",
    };
    let flag = entry.flag.map_or_else(String::new, |flag| format!("@{flag}"));
    let val = if entry.val == 0 { String::new() } else { format!("={}", value_text(entry.val)) };
    format!("{}{colons}{flag}{val}", escape(&entry.name))
}

fn entry(text: &str) -> Option<LongOption> {
    let (text, val) = text.rsplit_once('=').map_or(Some((text, 0)), |(text, val)| Some((text, value(val)?)))?;
    let (text, flag) =
        text.split_once('@').map_or(Some((text, None)), |(text, n)| Some((text, Some(n.parse().ok()?))))?;
    let (name, has_arg) = match (text.strip_suffix("::"), text.strip_suffix(':')) {
        (Some(name), _) => (name, HasArg::Optional),
        (None, Some(name)) => (name, HasArg::Required),
        (None, None) => (text, HasArg::No),
    };
    let is_meant = flag.map_or(val != -1, |flag: u8| usize::from(flag) < FLAGS);
    let name = unescape(name).filter(|name| is_meant && !name.is_empty())?;
    Some(LongOption { name, has_arg, flag, val })
}

fn join(words: &[Word]) -> String {
    words.iter().map(|word| escape(word)).collect::<Vec<_>>().join(",")
}

fn split(text: &str) -> Option<Vec<Word>> {
    if text.is_empty() { Some(Vec::new()) } else { text.split(',').map(unescape).collect() }
}

/// The empty word is written `%`, so that it can be seen.
fn escape(word: &[u8]) -> String {
    if word.is_empty() {
        return "%".to_owned();
    }
    let escaped = word.iter().map(|byte| match byte {
        b',' | b'%' | b'#' => format!("%{byte:02X}"),
        _ if byte.is_ascii_graphic() => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    escaped.collect()
}

fn unescape(text: &str) -> Option<Word> {
    if text == "%" {
        return Some(Word::new());
    }
    let mut bytes = text.bytes();
    let mut word = Word::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let byte = u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?;
            if byte == 0 {
                return None;
            }
            word.push(byte);
        } else if byte == b' ' || byte.is_ascii_graphic() {
            word.push(byte);
        } else {
            return None;
        }
    }
    Some(word)
}

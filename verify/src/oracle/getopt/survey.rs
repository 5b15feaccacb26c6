//! What the argument parsers of Rust make of command lines that getopt has an answer to.
//!
//! Each peer is used as its documentation shows, with the same options declared. What comes out is brought into one form:
//! the options in their order with their arguments, then the operands, or that there was an error. getopts and pico-args do
//! not tell the order among different options; for all, options are compared sorted.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use selvedge_model::getopt::profile::GLIBC;
use selvedge_model::getopt::{Function, HasArg, LongOption, Word};

use super::{Case, Run, SpecRun};

/// A command line that bears on a clause.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The clause.
    pub clause: &'static str,
    case: Case,
}

/// A parser of somebody else's.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The crate and its version.
    pub name: &'static str,
    /// What it makes of a command line.
    pub parse: fn(&Probe) -> String,
}

/// The peers, with the versions that the workspace asks for.
pub fn peers() -> [Peer; 4] {
    [
        Peer { name: "getopts 0.2.24", parse: with_getopts },
        Peer { name: "lexopt 0.3.2", parse: with_lexopt },
        Peer { name: "pico-args 0.5.0", parse: with_pico_args },
        Peer { name: "clap_lex 1.1.1", parse: with_clap_lex },
    ]
}

/// Every probe: letters `a`, `c`, `b` with an argument, `d` with an optional one; names alpha, all, all-of-it, beta with an
/// argument, delta with an optional one.
pub fn probes() -> Vec<Probe> {
    const PROBES: &[(&str, &str, &[&[u8]])] = &[
        ("GETOPT-04", "", &[b"-a", b"--", b"-c"]),
        ("GETOPT-04", "", &[b"x", b"--", b"--", b"-a"]),
        ("GETOPT-05", "", &[b"x", b"-a", b"y", b"-c"]),
        ("GETOPT-05", "", &[b"-", b"-a"]),
        ("GETOPT-05", "", &[b"", b"-a"]),
        ("GETOPT-06", "+", &[b"-a", b"x", b"-c"]),
        ("GETOPT-06", "+", &[b"-a", b"x", b"--", b"y"]),
        ("GETOPT-08", "", &[b"-z"]),
        ("GETOPT-08", "", &[b"-az"]),
        ("GETOPT-09", "", &[b"-a", b"-c"]),
        ("GETOPT-09", "", &[b"-aca"]),
        ("GETOPT-10", "", &[b"-dval"]),
        ("GETOPT-10", "", &[b"-d", b"val"]),
        ("GETOPT-11", "", &[b"-b1"]),
        ("GETOPT-11", "", &[b"-b", b"1"]),
        ("GETOPT-11", "", &[b"-ab", b"1"]),
        ("GETOPT-11", "", &[b"-acb1"]),
        ("GETOPT-11", "", &[b"-b=1"]),
        ("GETOPT-11", "", &[b"-b", b""]),
        ("GETOPT-11", "", &[b"-b", b"-a"]),
        ("GETOPT-11", "", &[b"-b", b"--"]),
        ("GETOPT-11", "", &[b"-b", b"--alpha"]),
        ("GETOPT-11", "", &[b"-b", b"\xff"]),
        ("GETOPT-12", "", &[b"-b"]),
        ("GETOPT-12", "", &[b"x", b"-ab"]),
        ("GETOPT-21", "", &[b"--al"]),
        ("GETOPT-22", "", &[b"--nope"]),
        ("GETOPT-22", "", &[b"--alphabet"]),
        ("GETOPT-23", "", &[b"--alpha=1"]),
        ("GETOPT-23", "", &[b"--alpha="]),
        ("GETOPT-24", "", &[b"--alpha"]),
        ("GETOPT-24", "", &[b"--alp"]),
        ("GETOPT-24", "", &[b"--be", b"1"]),
        ("GETOPT-24", "", &[b"--beta=1"]),
        ("GETOPT-24", "", &[b"--beta="]),
        ("GETOPT-24", "", &[b"--beta", b"--"]),
        ("GETOPT-24", "", &[b"--delta=1"]),
        ("GETOPT-24", "", &[b"--delta", b"1"]),
        ("GETOPT-25", "", &[b"--beta"]),
        ("GETOPT-S10", "", &[b"--all"]),
    ];
    let entry = |(val, (_, name, has_arg)): (i32, &(&str, &str, HasArg))| LongOption {
        name: name.trim_start_matches('-').as_bytes().to_vec(),
        has_arg: *has_arg,
        flag: None,
        val,
    };
    let table: Vec<LongOption> = (1000..).zip(&OPTIONS[LETTERS..]).map(entry).collect();
    let probe = |(clause, prefix, words): &(&'static str, &str, &[&[u8]])| {
        let argv: Vec<&[u8]> = std::iter::once(&b"prog"[..]).chain(words.iter().copied()).collect();
        let optstring = format!("{prefix}acb:d::");
        Probe {
            clause,
            case: Case { table: table.clone(), ..Case::new(Function::GetoptLong, optstring.as_bytes(), &argv) },
        }
    };
    PROBES.iter().map(probe).collect()
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.case.optstring.escape_ascii())?;
        self.case.argv[1..].iter().try_for_each(|word| write!(f, " \"{}\"", word.escape_ascii()))
    }
}

/// What a parser made of a command line.
#[derive(Default)]
struct Parsed {
    options: BTreeMap<String, Vec<Option<Word>>>,
    operands: Vec<Word>,
}

impl Parsed {
    fn option(&mut self, name: &str, argument: Option<Word>) {
        self.options.entry(name.to_owned()).or_default().push(argument);
    }
}

const ERROR: &str = "an error";

fn shown(parsed: Option<Parsed>) -> String {
    let Some(parsed) = parsed else { return ERROR.to_owned() };
    let mut text = String::new();
    for (name, arguments) in &parsed.options {
        for argument in arguments {
            let argument = argument.as_ref().map_or(String::new(), |argument| format!("({})", argument.escape_ascii()));
            text += &format!("{name}{argument} ");
        }
    }
    let operands = parsed.operands.iter().map(|operand| format!("\"{}\"", operand.escape_ascii()));
    text + "| " + &operands.collect::<Vec<_>>().join(" ")
}

impl Probe {
    /// What the spec of glibc comes to.
    pub fn expected(&self) -> String {
        let mut parsed = Parsed::default();
        let mut spec = SpecRun::new(&GLIBC, &self.case);
        loop {
            let code = spec.call().expect("it is defined");
            if code == i32::from(b'?') {
                return ERROR.to_owned();
            } else if code == -1 {
                break;
            }
            let long = self.case.table.iter().find(|entry| entry.val == code);
            let name = long.map_or_else(|| char::from(code as u8).to_string(), |entry| text(&entry.name));
            parsed.option(&name, spec.optarg().map(<[u8]>::to_vec));
        }
        parsed.operands = spec.state().words()[spec.optind()..].to_vec();
        shown(Some(parsed))
    }

    fn words(&self) -> Vec<OsString> {
        self.case.argv[1..].iter().map(|word| OsString::from_vec(word.clone())).collect()
    }

    /// Whether the first operand ends the options.
    fn stops_at_operand(&self) -> bool {
        self.case.optstring.first() == Some(&b'+')
    }
}

/// What each option is called, how it is typed, and whether it takes an argument: the letters, then the names.
const OPTIONS: [(&str, &str, HasArg); 9] = [
    ("a", "-a", HasArg::No),
    ("c", "-c", HasArg::No),
    ("b", "-b", HasArg::Required),
    ("d", "-d", HasArg::Optional),
    ("alpha", "--alpha", HasArg::No),
    ("all", "--all", HasArg::No),
    ("all-of-it", "--all-of-it", HasArg::No),
    ("beta", "--beta", HasArg::Required),
    ("delta", "--delta", HasArg::Optional),
];

/// How many of them are letters.
const LETTERS: usize = 4;

fn has_arg_of(name: &str) -> Option<HasArg> {
    OPTIONS.iter().find(|(known, ..)| *known == name).map(|(.., has_arg)| *has_arg)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn bytes(text: &OsStr) -> Word {
    text.as_bytes().to_vec()
}

fn with_getopts(probe: &Probe) -> String {
    let mut options = getopts::Options::new();
    for (name, _, has_arg) in OPTIONS {
        let has_arg = match has_arg {
            HasArg::No => getopts::HasArg::No,
            HasArg::Required => getopts::HasArg::Yes,
            HasArg::Optional => getopts::HasArg::Maybe,
        };
        let (short, long) = if name.len() == 1 { (name, "") } else { ("", name) };
        options.opt(short, long, "", "", has_arg, getopts::Occur::Multi);
    }
    if probe.stops_at_operand() {
        options.parsing_style(getopts::ParsingStyle::StopAtFirstFree);
    }
    let parse = || {
        let matches = options.parse(probe.words()).ok()?;
        let mut parsed = Parsed::default();
        for (name, _, has_arg) in OPTIONS {
            let arguments = matches.opt_strs(name);
            for argument in &arguments {
                parsed.option(name, (has_arg != HasArg::No).then(|| argument.clone().into_bytes()));
            }
            for _ in arguments.len()..matches.opt_count(name) {
                parsed.option(name, None);
            }
        }
        parsed.operands = matches.free.into_iter().map(String::into_bytes).collect();
        Some(parsed)
    };
    shown(parse())
}

fn with_lexopt(probe: &Probe) -> String {
    let parse = || {
        let mut parser = lexopt::Parser::from_args(probe.words());
        let mut parsed = Parsed::default();
        while let Some(argument) = parser.next().ok()? {
            let (name, has_arg) = match argument {
                lexopt::Arg::Short(letter) => (letter.to_string(), has_arg_of(&letter.to_string())?),
                lexopt::Arg::Long(name) => (name.to_owned(), has_arg_of(name)?),
                lexopt::Arg::Value(operand) => {
                    parsed.operands.push(bytes(&operand));
                    if probe.stops_at_operand() {
                        parsed.operands.extend(parser.raw_args().ok()?.map(OsString::into_vec));
                        break;
                    }
                    continue;
                }
            };
            let value = match has_arg {
                HasArg::No => None,
                HasArg::Required => Some(parser.value().ok()?),
                HasArg::Optional => parser.optional_value(),
            };
            parsed.option(&name, value.map(OsString::into_vec));
        }
        Some(parsed)
    };
    shown(parse())
}

fn with_pico_args(probe: &Probe) -> String {
    let parse = || {
        let mut arguments = pico_args::Arguments::from_vec(probe.words());
        let mut parsed = Parsed::default();
        for (name, key, has_arg) in OPTIONS {
            if has_arg == HasArg::Required {
                let value = |text: &OsStr| Ok::<_, std::convert::Infallible>(bytes(text));
                while let Some(argument) = arguments.opt_value_from_os_str(key, value).ok()? {
                    parsed.option(name, Some(argument));
                }
            } else {
                // It has no optional arguments.
                while arguments.contains(key) {
                    parsed.option(name, None);
                }
            }
        }
        // What begins with a dash and was not asked for is, by its documentation, the program's to refuse.
        let rest = arguments.finish();
        if rest.iter().any(|word| word.len() > 1 && word.as_bytes()[0] == b'-' && word != "--") {
            return None;
        }
        parsed.operands = rest.into_iter().map(OsString::into_vec).collect();
        Some(parsed)
    };
    shown(parse())
}

fn with_clap_lex(probe: &Probe) -> String {
    let parse = || {
        let raw = clap_lex::RawArgs::new(probe.words());
        let mut cursor = raw.cursor();
        let mut parsed = Parsed::default();
        while let Some(argument) = raw.next(&mut cursor) {
            let has_ended = probe.stops_at_operand() && !parsed.operands.is_empty();
            if argument.is_escape() && !has_ended {
                // Not after the last one: the cursor is then past the end, and 1.1.1 panics.
                parsed.operands.extend(raw.remaining(&mut cursor).map(bytes));
                break;
            } else if let Some((name, value)) = argument.to_long().filter(|_| !has_ended) {
                let name = name.ok()?;
                let value = match (has_arg_of(name)?, value) {
                    (HasArg::No, Some(_)) => return None,
                    (HasArg::Required, None) => Some(raw.next_os(&mut cursor)?),
                    (_, value) => value,
                };
                parsed.option(name, value.map(bytes));
            } else if let Some(mut letters) = argument.to_short().filter(|_| !has_ended) {
                while let Some(letter) = letters.next_flag() {
                    let letter = letter.ok()?;
                    let value = match has_arg_of(&letter.to_string())? {
                        HasArg::No => None,
                        HasArg::Required => Some(match letters.next_value_os() {
                            Some(value) => value,
                            None => raw.next_os(&mut cursor)?,
                        }),
                        HasArg::Optional => letters.next_value_os(),
                    };
                    parsed.option(&letter.to_string(), value.map(bytes));
                }
            } else {
                parsed.operands.push(bytes(argument.to_value_os()));
            }
        }
        Some(parsed)
    };
    shown(parse())
}

//! Histories as text: a line of JSON for each event, which any program in any language can write.
//!
//! `docs/history.md` describes the format. Reading reports everything that it finds wrong, each problem with its line and
//! column; a file that ends before its last line says so is an error too, never a shorter history.
//!
//! ```
//! use selvedge_model::cond::CondSpec;
//! use selvedge_verify::history::{Close, jsonl};
//!
//! let text = r#"{"selvedge_history": 1, "spec": "cond", "threads": ["T1"]}
//! {"thread": "T1", "call": "signal"}
//! {"thread": "T1", "return": "ok"}
//! {"close": "at_rest"}
//! "#;
//! let recording = jsonl::read::<CondSpec>("signal.jsonl", text)?;
//! assert_eq!(recording.history.close, Close::AtRest);
//!
//! let broken = jsonl::read::<CondSpec>("signal.jsonl", &text.replace("signal\"", "signl\"")).unwrap_err();
//! assert!(broken.to_string().starts_with("signal.jsonl:2:27: unknown operation `signl`; did you mean `signal`?"));
//! # Ok::<(), selvedge_verify::litmus::Diagnostics>(())
//! ```

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use selvedge_model::spec::nearest;
use selvedge_model::{Spec, Unknown, Unreadable};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Close, Event, EventOf, History, HistoryOf};
use crate::litmus::{Diagnostic, Diagnostics, Span, Value};

/// The version of the format that this module reads and writes.
pub const VERSION: u64 = 1;

/// The most threads that a history may name.
pub const THREADS_MAX: usize = 256;

/// The first line: what the history is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// The spec's name.
    pub spec: String,
    /// Parameters of the spec, those that differ from their defaults.
    pub parameters: Vec<(String, String)>,
    /// Initial values of the spec's observables.
    pub initial: Vec<(String, i64)>,
    /// The threads' names.
    pub threads: Vec<String>,
    /// The shared variables' names, if reads and writes of such are recorded.
    pub variables: Vec<String>,
}

/// A history that was read, with what it is to be held against.
#[derive(Clone, Debug)]
pub struct Recording<S: Spec> {
    /// The first line.
    pub header: Header,
    /// The spec, its parameters set.
    pub spec: S,
    /// The state that the history starts in.
    pub initial: S::State,
    /// The history.
    pub history: HistoryOf<S>,
}

/// Reads only the first line: enough to know which spec the history is about.
///
/// # Errors
///
/// Everything that is wrong with that line. `name` stands for the text in messages, usually a path.
pub fn header(name: &str, text: &str) -> Result<Header, Diagnostics> {
    let mut reader = Reader::new(text);
    let header = reader.header();
    match header {
        Some((header, _)) if reader.problems.is_empty() => Ok(header),
        _ => Err(Diagnostics::new(name, text, reader.problems)),
    }
}

/// Says that no spec has the name that the first line gives; `known` are those that there are.
pub(crate) fn unknown_spec(name: &str, text: &str, spec: &str, known: &[&str]) -> Diagnostics {
    let line_end = text.find('\n').unwrap_or(text.len());
    let written = quoted(spec);
    let span = text[..line_end].find(&written).map_or(0..line_end, |start| start..start + written.len());
    let help = match nearest(spec, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    let problem = Diagnostic::new(format!("there is no spec `{spec}`"), span, "this spec").maybe_help(Some(help));
    Diagnostics::new(name, text, vec![problem])
}

/// Reads a history of spec `S`.
///
/// # Errors
///
/// Everything that is wrong with the text. `name` stands for it in messages, usually a path.
pub fn read<S: Spec>(name: &str, text: &str) -> Result<Recording<S>, Diagnostics> {
    let mut reader = Reader::new(text);
    let recording = reader.header().and_then(|(header, places)| {
        let spec = reader.spec::<S>(&header, &places);
        // With a bad header the rest would be measured by the wrong names.
        if !reader.problems.is_empty() {
            return None;
        }
        let (spec, initial) = spec?;
        let history = reader.history::<S>(&header)?;
        Some(Recording { header, spec, initial, history })
    });
    match recording {
        Some(recording) if reader.problems.is_empty() => Ok(recording),
        _ => Err(Diagnostics::new(name, text, reader.problems)),
    }
}

/// Writes a history, so that [`read`] gives it back.
///
/// # Panics
///
/// If a thread or a variable of the history has no name in the header.
pub fn write<Op: Display, Ret: Display>(header: &Header, history: &History<Op, Ret>) -> String {
    let mut out = format!("{{\"selvedge_history\":{VERSION},\"spec\":{}", quoted(&header.spec));
    if !header.parameters.is_empty() {
        let members = header.parameters.iter().map(|(name, value)| (name, quoted(value)));
        put_object(&mut out, "parameters", members);
    }
    if !header.initial.is_empty() {
        put_object(&mut out, "initial", header.initial.iter().map(|(name, value)| (name, value.to_string())));
    }
    put_names(&mut out, "threads", &header.threads);
    if !header.variables.is_empty() {
        put_names(&mut out, "variables", &header.variables);
    }
    out.push_str("}\n");
    for event in &history.events {
        put_event(&mut out, header, event);
    }
    out.push_str(match history.close {
        Close::AtRest => "{\"close\":\"at_rest\"}\n",
        Close::Cut => "{\"close\":\"cut\"}\n",
    });
    out
}

fn put_event<Op: Display, Ret: Display>(out: &mut String, header: &Header, event: &Event<Op, Ret>) {
    let thread = quoted(&header.threads[event.thread()]);
    let variable = |index: &usize| quoted(&header.variables[*index]);
    let value = |value: &Value| match value {
        Value::Int(number) => number.to_string(),
        Value::Word(word) => quoted(word),
    };
    let (verb, what, rest) = match event {
        Event::Call { op, .. } => ("call", quoted(&op.to_string()), String::new()),
        Event::Return { ret, .. } => ("return", answer(&ret.to_string()), String::new()),
        Event::Abort { text, .. } => ("abort", quoted(text), String::new()),
        Event::Read { variable: index, value: read, .. } => {
            ("read", variable(index), format!(",\"value\":{}", value(read)))
        }
        Event::Write { variable: index, value: written, .. } => {
            ("write", variable(index), format!(",\"value\":{}", value(written)))
        }
    };
    writeln!(out, "{{\"thread\":{thread},\"{verb}\":{what}{rest}}}").expect("writing to a string does not fail");
}

/// An answer that reads as a number is written as one.
fn answer(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => text.to_owned(),
        _ => quoted(text),
    }
}

fn put_names(out: &mut String, key: &str, names: &[String]) {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    write!(out, ",\"{key}\":[{}]", names.join(",")).expect("writing to a string does not fail");
}

fn put_object<'n>(out: &mut String, key: &str, members: impl Iterator<Item = (&'n String, String)>) {
    let members: Vec<String> = members.map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    write!(out, ",\"{key}\":{{{}}}", members.join(",")).expect("writing to a string does not fail");
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Where in the text the header's parts are.
#[derive(Default)]
struct Places {
    spec: Span,
    threads: Span,
    /// Each parameter and each initial value: its name and its whole member.
    members: Vec<(String, Span)>,
    parameters: Span,
    initial: Span,
}

/// What a thread is doing, for the order of its calls and returns.
#[derive(Clone)]
enum Doing {
    Nothing,
    /// It called here.
    Running(Span),
    /// It ended the program here.
    Dead(Span),
}

struct Reader<'t> {
    text: &'t str,
    /// The lines that are not blank, still to be read.
    lines: std::vec::IntoIter<Span>,
    problems: Vec<Diagnostic>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let mut start = 0;
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            let content = line.trim();
            if !content.is_empty() {
                let from = start + (line.len() - line.trim_start().len());
                lines.push(from..from + content.len());
            }
            start += line.len();
        }
        Reader { text, lines: lines.into_iter(), problems: Vec::new() }
    }

    fn problem(&mut self, message: impl Into<String>, span: Span, label: impl Into<String>) -> Option<&mut Diagnostic> {
        self.problems.push(Diagnostic::new(message, span, label));
        self.problems.last_mut()
    }

    fn help(&mut self, help: impl Into<String>) {
        if let Some(problem) = self.problems.last_mut() {
            problem.help = Some(help.into());
        }
    }

    fn header(&mut self) -> Option<(Header, Places)> {
        let Some(line) = self.lines.next() else {
            self.problem("an empty history", 0..self.text.len(), "here");
            self.help("the first line is a header: {\"selvedge_history\": 1, \"spec\": ..., \"threads\": [...]}");
            return None;
        };
        let members = self.object(line.clone())?;
        let known = ["selvedge_history", "spec", "parameters", "initial", "threads", "variables", "note"];
        let Some(version) = members.iter().find(|member| member.key == "selvedge_history") else {
            self.problem("not the header of a history", line, "`selvedge_history` is missing");
            self.help("the first line is a header: {\"selvedge_history\": 1, \"spec\": ..., \"threads\": [...]}");
            return None;
        };
        if serde_json::from_str::<u64>(version.value).ok() != Some(VERSION) {
            self.problem(
                format!("unknown version of the format: {}", version.value),
                version.value_span(self.text),
                format!("this program reads version {VERSION}"),
            );
            return None;
        }
        self.check_keys(&members, &known);
        let mut header = Header::default();
        let mut places = Places { spec: line.clone(), ..Places::default() };
        for member in &members {
            let span = member.value_span(self.text);
            match &*member.key {
                "spec" => {
                    header.spec = self.string(member)?;
                    places.spec = span;
                }
                "parameters" => {
                    for (name, value, place) in self.nested(member)? {
                        let value = match serde_json::from_str::<serde_json::Value>(value.get()) {
                            Ok(serde_json::Value::String(word)) => word,
                            Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                                value.to_string()
                            }
                            _ => {
                                self.problem("a parameter that is no word", place.clone(), "expected a string");
                                continue;
                            }
                        };
                        places.members.push((name.clone(), place));
                        header.parameters.push((name, value));
                    }
                    places.parameters = span;
                }
                "initial" => {
                    for (name, value, place) in self.nested(member)? {
                        let Ok(value) = serde_json::from_str::<i64>(value.get()) else {
                            self.problem("an initial value that is no number", place.clone(), "expected an integer");
                            continue;
                        };
                        places.members.push((name.clone(), place));
                        header.initial.push((name, value));
                    }
                    places.initial = span;
                }
                "threads" => {
                    header.threads = self.names(member, "thread")?;
                    places.threads = span;
                }
                "variables" => header.variables = self.names(member, "variable")?,
                _ => {}
            }
        }
        for required in ["spec", "threads"] {
            if !members.iter().any(|member| member.key == required) {
                self.problem(format!("the header does not say `{required}`"), line.clone(), "expected here");
            }
        }
        if header.threads.len() > THREADS_MAX {
            self.problem(
                format!("{} threads", header.threads.len()),
                line,
                format!("at most {THREADS_MAX} are possible"),
            );
        }
        Some((header, places))
    }

    /// The spec that the header asks for, and the state it starts in.
    fn spec<S: Spec>(&mut self, header: &Header, places: &Places) -> Option<(S, S::State)> {
        let place_of = |unknown: &Unknown, otherwise: &Span| {
            let named = places.members.iter().find(|(name, _)| unknown.message.contains(&format!("`{name}`")));
            named.map_or_else(|| otherwise.clone(), |(_, place)| place.clone())
        };
        let spec = match S::configure(&header.parameters) {
            Ok(spec) => spec,
            Err(unknown) => {
                self.unknown(&unknown, place_of(&unknown, &places.parameters));
                return None;
            }
        };
        if spec.name() != header.spec {
            let message = format!("a history of `{}`, not of `{}`", header.spec, spec.name());
            self.problem(message, places.spec.clone(), format!("expected `{}`", spec.name()));
            return None;
        }
        if header.threads.len() > S::threads_max() {
            let message = format!("{} threads are too many for the spec `{}`", header.threads.len(), spec.name());
            self.problem(message, places.threads.clone(), format!("expected at most {} threads", S::threads_max()));
            return None;
        }
        match spec.initial(&header.initial) {
            Ok(initial) => Some((spec, initial)),
            Err(unknown) => {
                self.unknown(&unknown, place_of(&unknown, &places.initial));
                None
            }
        }
    }

    fn unknown(&mut self, unknown: &Unknown, place: Span) {
        self.problem(unknown.message.clone(), place, expected(&unknown.expected));
    }

    fn history<S: Spec>(&mut self, header: &Header) -> Option<HistoryOf<S>> {
        let mut events = Vec::new();
        let mut doing = vec![Doing::Nothing; header.threads.len()];
        let mut close = None;
        while let Some(line) = self.lines.next() {
            let Some(members) = self.object(line.clone()) else { continue };
            if let Some((_, closed)) = &close {
                let closed: &Span = closed;
                let problem = self.problem("a line after the end of the history", line, "not read");
                if let Some(problem) = problem {
                    problem.related = Some((closed.clone(), "the history ends here".to_owned()));
                }
                break;
            }
            if members.iter().any(|member| member.key == "close") {
                if let Some(end) = self.close(&members) {
                    close = Some((end, line));
                } else {
                    // Its end is there, only not understood.
                    close = Some((Close::Cut, line));
                }
            } else if let Some(event) = self.event::<S>(&members, &line, header, &mut doing) {
                events.push(event);
            }
        }
        let Some((close, _)) = close else {
            let end = self.text.trim_end().len();
            let last = self.text[..end].rfind('\n').map_or(0, |newline| newline + 1);
            self.problem("the history does not say how it ends", last..end, "nothing follows this line");
            self.help(
                "end it with {\"close\": \"at_rest\"} if nothing could move any more, or with {\"close\": \"cut\"} if the \
                 recording stopped; without one of these the file may have been cut short",
            );
            return None;
        };
        Some(History { events, close })
    }

    fn close(&mut self, members: &[Member<'t>]) -> Option<Close> {
        self.check_keys(members, &["close", "note"]);
        let member = members.iter().find(|member| member.key == "close")?;
        match self.string(member)?.as_str() {
            "at_rest" => Some(Close::AtRest),
            "cut" => Some(Close::Cut),
            other => {
                let message = format!("unknown end `{other}`");
                self.problem(message, member.value_span(self.text), "expected `at_rest` or `cut`");
                None
            }
        }
    }

    fn event<S: Spec>(
        &mut self,
        members: &[Member<'t>],
        line: &Span,
        header: &Header,
        doing: &mut [Doing],
    ) -> Option<EventOf<S>> {
        const VERBS: [&str; 5] = ["call", "return", "abort", "read", "write"];
        let verbs: Vec<&Member<'t>> = members.iter().filter(|member| VERBS.contains(&&*member.key)).collect();
        let accesses = verbs.iter().any(|verb| verb.key == "read" || verb.key == "write");
        let known: &[&str] = match (verbs.len(), accesses) {
            (0, _) => &["thread", "value", "note", "call", "return", "abort", "read", "write", "close"],
            (_, true) => &["thread", "value", "note", "call", "return", "abort", "read", "write"],
            (_, false) => &["thread", "note", "call", "return", "abort", "read", "write"],
        };
        let all_known = self.check_keys(members, known);
        let verb = match verbs[..] {
            [verb] => verb,
            [] if !all_known => return None,
            [] => {
                self.problem("a line that says nothing", line.clone(), "expected `call`, `return`, `abort` or `close`");
                return None;
            }
            [_, second, ..] => {
                self.problem("a line that says two things", second.key_span.clone(), "one event a line");
                return None;
            }
        };
        let Some(thread) = members.iter().find(|member| member.key == "thread") else {
            self.problem("an event without a thread", line.clone(), "`thread` is missing");
            return None;
        };
        let thread = self.named(thread, "thread", &header.threads)?;
        match &*verb.key {
            "call" => {
                let op = self.word::<S::Op>(verb)?;
                match std::mem::replace(&mut doing[thread], Doing::Running(line.clone())) {
                    Doing::Nothing => Some(Event::Call { thread, op }),
                    Doing::Running(before) => {
                        let message =
                            format!("{} calls although its last call has not returned", header.threads[thread]);
                        self.out_of_order(message, line, before, "it called here");
                        None
                    }
                    Doing::Dead(before) => {
                        doing[thread] = Doing::Dead(before.clone());
                        let message = format!("{} calls after it ended the program", header.threads[thread]);
                        self.out_of_order(message, line, before, "it ended the program here");
                        None
                    }
                }
            }
            "return" => {
                let ret = self.word::<S::Ret>(verb)?;
                self.ends(thread, line, header, doing, Doing::Nothing)?;
                Some(Event::Return { thread, ret })
            }
            "abort" => {
                let text = self.string(verb)?;
                self.ends(thread, line, header, doing, Doing::Dead(line.clone()))?;
                Some(Event::Abort { thread, text })
            }
            verb_key => {
                let variable = self.named(verb, "variable", &header.variables)?;
                let Some(member) = members.iter().find(|member| member.key == "value") else {
                    self.problem(format!("a {verb_key} without a value"), line.clone(), "`value` is missing");
                    return None;
                };
                let value = match serde_json::from_str::<serde_json::Value>(member.value) {
                    Ok(serde_json::Value::Number(number)) if number.is_i64() => number.as_i64().map(Value::Int),
                    Ok(serde_json::Value::String(word)) => Some(Value::Word(word.into())),
                    _ => None,
                };
                let Some(value) = value else {
                    let span = member.value_span(self.text);
                    self.problem("neither a number nor a word", span, "expected an integer or a string");
                    return None;
                };
                Some(match verb_key {
                    "read" => Event::Read { thread, variable, value },
                    _ => Event::Write { thread, variable, value },
                })
            }
        }
    }

    /// The thread's call ends here, if it has called.
    fn ends(&mut self, thread: usize, line: &Span, header: &Header, doing: &mut [Doing], then: Doing) -> Option<()> {
        let name = &header.threads[thread];
        match &doing[thread] {
            Doing::Running(_) => {
                doing[thread] = then;
                Some(())
            }
            Doing::Nothing => {
                let message = format!("{name} ends an operation although it has called none");
                self.problem(message, line.clone(), "no call to match");
                None
            }
            Doing::Dead(before) => {
                let message = format!("{name} goes on after it ended the program");
                self.out_of_order(message, line, before.clone(), "it ended the program here");
                None
            }
        }
    }

    fn out_of_order(&mut self, message: String, line: &Span, before: Span, there: &str) {
        if let Some(problem) = self.problem(message, line.clone(), "here") {
            problem.related = Some((before, there.to_owned()));
        }
    }

    /// A text of the spec's vocabulary: a string, or a number for the number's digits.
    fn word<T: std::str::FromStr<Err = Unreadable>>(&mut self, member: &Member<'t>) -> Option<T> {
        let span = member.value_span(self.text);
        let word = match serde_json::from_str::<serde_json::Value>(member.value) {
            Ok(serde_json::Value::String(word)) => word,
            Ok(serde_json::Value::Number(number)) => number.to_string(),
            _ => {
                self.problem(format!("`{}` is no word", member.key), span, "expected a string");
                return None;
            }
        };
        match word.parse() {
            Ok(value) => Some(value),
            Err(Unreadable { message, span: within, expected: accepted }) => {
                // A string without escapes says where in the line its bytes are.
                let plain = member.value.strip_prefix('"').is_some() && !member.value.contains('\\');
                let span = if plain { span.start + 1 + within.start..span.start + 1 + within.end } else { span };
                self.problem(message, span, expected(&accepted));
                None
            }
        }
    }

    fn string(&mut self, member: &Member<'t>) -> Option<String> {
        let string = serde_json::from_str(member.value).ok();
        if string.is_none() {
            let span = member.value_span(self.text);
            self.problem(format!("`{}` is no string", member.key), span, "expected a string");
        }
        string
    }

    /// The index of a name that the header declares.
    fn named(&mut self, member: &Member<'t>, what: &str, names: &[String]) -> Option<usize> {
        let name = self.string(member)?;
        let found = names.iter().position(|known| *known == name);
        if found.is_none() {
            let span = member.value_span(self.text);
            self.problem(format!("unknown {what} `{name}`"), span, format!("the header names no such {what}"));
            if let Some(near) = nearest(&name, names.iter().map(String::as_str)) {
                self.help(format!("did you mean `{near}`?"));
            }
        }
        found
    }

    fn names(&mut self, member: &Member<'t>, what: &str) -> Option<Vec<String>> {
        let span = member.value_span(self.text);
        let Ok(names) = serde_json::from_str::<Vec<String>>(member.value) else {
            self.problem(format!("`{}` is no list of names", member.key), span, "expected an array of strings");
            return None;
        };
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            self.problem(format!("{what} `{}` is declared twice", twice.1), span, "names are unique");
        }
        Some(names)
    }

    /// The members of an object within a line: name, value, and where the value is.
    fn nested(&mut self, member: &Member<'t>) -> Option<Vec<(String, &'t RawValue, Span)>> {
        match serde_json::from_str::<Members<'t>>(member.value) {
            Ok(Members(members)) => Some(
                members
                    .into_iter()
                    .map(|(key, value)| (key.into_owned(), value, place(self.text, value.get())))
                    .collect(),
            ),
            Err(_) => {
                let span = member.value_span(self.text);
                self.problem(format!("`{}` is no object", member.key), span, "expected an object");
                None
            }
        }
    }

    /// The members of the object that a line is.
    fn object(&mut self, line: Span) -> Option<Vec<Member<'t>>> {
        let text: &'t str = self.text;
        let content = &text[line.clone()];
        let members = match serde_json::from_str::<Members<'t>>(content) {
            Ok(Members(members)) => members,
            Err(error) => {
                let at = content.floor_char_boundary(error.column().saturating_sub(1).min(content.len()));
                let rest = content[at..].chars().next().map_or(0, char::len_utf8);
                let reason = error.to_string();
                let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason);
                self.problem("not a JSON object", line.start + at..line.start + at + rest, reason);
                return None;
            }
        };
        let members: Vec<Member<'t>> = members
            .into_iter()
            .map(|(key, value)| {
                let key_span = match &key {
                    Cow::Borrowed(key) => place(text, key),
                    Cow::Owned(_) => line.clone(),
                };
                Member { key, key_span, value: value.get() }
            })
            .collect();
        let mut whole = true;
        for (at, member) in members.iter().enumerate() {
            if let Some(first) = members[..at].iter().find(|first| first.key == member.key) {
                whole = false;
                let message = format!("`{}` is said twice", member.key);
                if let Some(problem) = self.problem(message, member.key_span.clone(), "again") {
                    problem.related = Some((first.key_span.clone(), "first here".to_owned()));
                }
            }
        }
        whole.then_some(members)
    }

    /// Reports keys that mean nothing here; whether there were none.
    fn check_keys(&mut self, members: &[Member<'t>], known: &[&str]) -> bool {
        let mut all_known = true;
        for member in members.iter().filter(|member| !known.contains(&&*member.key)) {
            all_known = false;
            let message = format!("unknown key `{}`", member.key);
            self.problem(message, member.key_span.clone(), "means nothing here");
            match nearest(&member.key, known.iter().copied()) {
                Some(near) => self.help(format!("did you mean `{near}`?")),
                None => self.help("anything of your own goes under `note`"),
            }
        }
        all_known
    }
}

fn expected(accepted: &[String]) -> String {
    match accepted {
        [] => "here".to_owned(),
        [one] => format!("expected `{one}`"),
        [others @ .., last] => {
            let others: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
            format!("expected {} or `{last}`", others.join(", "))
        }
    }
}

/// Where a part of the text is.
fn place(text: &str, part: &str) -> Span {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// A member of a JSON object, and where it is.
struct Member<'t> {
    key: Cow<'t, str>,
    key_span: Span,
    /// The value as it stands in the text.
    value: &'t str,
}

impl<'t> Member<'t> {
    fn value_span(&self, text: &str) -> Span {
        place(text, self.value)
    }
}

/// The members of a JSON object in their order, double ones too, each value left as text.
struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'t> Visitor<'t> for Object {
            type Value = Members<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key_seed(Key)? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed from the text where it has no escapes.
struct Key;

impl<'t> DeserializeSeed<'t> for Key {
    type Value = Cow<'t, str>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Key {
    type Value = Cow<'t, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'t str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngSeed, TestRunner};
    use selvedge_model::cond::CondSpec;
    use selvedge_model::toy::RegisterSpec;
    use selvedge_model::toy::register::{Op, Ret};

    use super::*;
    use crate::check::{Budget, Judgement, check};

    const HEADER: &str = r#"{"selvedge_history": 1, "spec": "cond", "threads": ["T1", "T2"]}"#;

    /// The first problem with these lines after a good header, as `LINE:COLUMN: MESSAGE`.
    fn problem(lines: &str) -> String {
        whole_problem(&format!("{HEADER}\n{lines}"))
    }

    fn whole_problem(text: &str) -> String {
        let problems = read::<CondSpec>("h", text).map(|_| ()).unwrap_err().to_string();
        problems.lines().next().unwrap().strip_prefix("h:").unwrap().to_owned()
    }

    #[test]
    fn problems_say_where_they_are() {
        let end = "\n{\"close\": \"cut\"}";
        let cases = [
            (r#"{"thread": "T1", "call": "wiat"}"#, "2:27: unknown operation `wiat`; did you mean `wait`?"),
            (r#"{"thread": "T1", "call": "listen"}"#, "2:27: unknown operation `listen`"),
            (r#"{"thread": "T1", "call": "signall"}"#, "2:27: unknown operation `signall`; did you mean `signal`?"),
            (r#"{"thread": "T1", "call": "wait-timeout x"}"#, "2:40: "),
            (r#"{"thread": "T1", "call": 5}"#, "2:26: unknown operation `5`"),
            (r#"{"thread": "T1", "call": ["wait"]}"#, "2:26: `call` is no word"),
            (r#"{"thread": "T3", "call": "wait"}"#, "2:12: unknown thread `T3` (did you mean `T1`?)"),
            (r#"{"thread": "main", "call": "wait"}"#, "2:12: unknown thread `main`"),
            (r#"{"call": "wait"}"#, "2:1: an event without a thread"),
            (r#"{"thread": "T1", "cal": "wait"}"#, "2:19: unknown key `cal` (did you mean `call`?)"),
            (r#"{"thread": "T1", "call": "wait", "t_ns": 5}"#, "2:35: unknown key `t_ns` (anything of your own"),
            (r#"{"thread": "T1"}"#, "2:1: a line that says nothing"),
            (r#"{"thread": "T1", "call": "wait", "return": "ok"}"#, "2:35: a line that says two things"),
            (r#"{"thread": "T1", "thread": "T2", "call": "wait"}"#, "2:19: `thread` is said twice"),
            (r#"{"thread": "T1", "return": "ok"}"#, "2:1: T1 ends an operation although it has called none"),
            (r#"{"thread": "T1", "abort": "boom"}"#, "2:1: T1 ends an operation although it has called none"),
            (r#"{"thread": "T1", "read": "x", "value": 1}"#, "2:26: unknown variable `x`"),
            (r#"{"thread": "T1", "call": "wait""#, "2:31: not a JSON object"),
            (r#"T1 call wait"#, "2:1: not a JSON object"),
            (r#"["T1"]"#, "2:1: not a JSON object"),
            (
                "{\"thread\": \"T1\", \"call\": \"wait\"}\n{\"thread\": \"T1\", \"call\": \"wait\"}",
                "3:1: T1 calls although",
            ),
            (
                "{\"thread\": \"T1\", \"call\": \"wait\"}\n{\"thread\": \"T1\", \"return\": \"okay\"}",
                "3:29: unknown answer `okay`",
            ),
            (
                "{\"thread\": \"T1\", \"call\": \"unlock\"}\n{\"thread\": \"T1\", \"abort\": \"b\"}\n\n{\"thread\": \"T1\", \"call\": \"lock\"}",
                "5:1: T1 calls after it ended the program",
            ),
        ];
        for (lines, expected) in cases {
            let found = problem(&format!("{lines}{end}"));
            assert!(found.starts_with(expected), "{lines}\n  gives    {found}\n  expected {expected}");
        }
    }

    #[test]
    fn a_history_must_say_how_it_ends() {
        let call = r#"{"thread": "T1", "call": "signal"}"#;
        assert!(problem(call).starts_with("2:1: the history does not say how it ends"));
        assert!(problem("").starts_with("1:1: the history does not say how it ends"));
        assert!(problem(r#"{"close": "done"}"#).starts_with("2:11: unknown end `done`"));
        assert!(problem(&format!("{{\"close\": \"cut\"}}\n{call}")).starts_with("3:1: a line after the end"));
        assert!(problem(r#"{"close": "cut", "thread": "T1"}"#).starts_with("2:19: unknown key `thread`"));
    }

    #[test]
    fn headers_are_checked() {
        for (header, expected) in [
            ("", "1:1: an empty history"),
            (r#"{"thread": "T1", "call": "wait"}"#, "1:1: not the header of a history"),
            (r#"{"selvedge_history": 2}"#, "1:22: unknown version of the format: 2"),
            (r#"{"selvedge_history": 1}"#, "1:1: the header does not say `spec`"),
            (r#"{"selvedge_history": 1, "spec": "lock", "threads": []}"#, "1:33: a history of `lock`, not of `cond`"),
            (r#"{"selvedge_history": 1, "spec": "cond", "threads": ["A", "A"]}"#, "1:52: thread `A` is declared twice"),
            (r#"{"selvedge_history": 1, "spec": "cond", "threads": "A"}"#, "1:52: `threads` is no list of names"),
            (r#"{"selvedge_history": 1, "spec": "cond", "parameters": {"order": "fif"}, "threads": []}"#, "1:65: "),
            (
                r#"{"selvedge_history": 1, "spec": "cond", "initial": {"wait": 0, "now": "x"}, "threads": []}"#,
                "1:71: an initial value that is no number",
            ),
            (
                r#"{"selvedge_history": 1, "spec": "cond", "initial": {"now": 1, "wait": -1}, "threads": []}"#,
                "1:71: -1 is out of range for `wait`",
            ),
        ] {
            let found = whole_problem(header);
            assert!(found.starts_with(expected), "{header}\n  gives    {found}\n  expected {expected}");
        }
    }

    #[test]
    fn threads_that_a_state_has_no_room_for_are_refused() {
        let history = |count: usize| {
            let names: Vec<String> = (1..=count).map(|number| format!("\"T{number}\"")).collect();
            let header = format!(r#"{{"selvedge_history": 1, "spec": "cond", "threads": [{}]}}"#, names.join(", "));
            format!("{header}\n{{\"thread\": \"T{count}\", \"call\": \"signal\"}}\n{{\"close\": \"cut\"}}\n")
        };
        read::<CondSpec>("h", &history(16)).map(|_| ()).unwrap_or_else(|problems| panic!("{problems}"));
        let refusal = read::<CondSpec>("h", &history(17)).map(|_| ()).unwrap_err();
        assert_eq!(refusal.to_string(), "h:1:52: 17 threads are too many for the spec `cond`");
        assert_eq!(refusal.problems()[0].label, "expected at most 16 threads");
    }

    #[test]
    fn every_problem_is_reported() {
        let text = format!(
            "{HEADER}\n{{\"thread\": \"T9\", \"call\": \"wait\"}}\n{{\"thread\": \"T1\", \"call\": \"wiat\"}}\n"
        );
        let problems = read::<CondSpec>("h", &text).map(|_| ()).unwrap_err();
        assert_eq!(problems.problems().len(), 3, "{problems}");
    }

    #[test]
    fn notes_and_blank_lines_are_skipped() {
        let text = format!(
            "{HEADER}\r\n\n{{\"note\": [1], \"thread\": \"T1\", \"call\": \"signal\"}}\r\n  {{\"close\": \"cut\", \"note\": 1}}\n\n"
        );
        let recording = read::<CondSpec>("h", &text).unwrap();
        assert_eq!((recording.history.events.len(), recording.history.close), (1, Close::Cut));
    }

    #[test]
    fn the_documentation_s_examples_are_judged_as_it_says() {
        let document = include_str!("../../../docs/history.md");
        let examples: Vec<&str> =
            document.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        let judgements: Vec<Judgement> = examples
            .iter()
            .map(|text| {
                assert_eq!(header("docs/history.md", text).unwrap().spec, "cond");
                let Recording { spec, initial, history, .. } = read::<CondSpec>("docs/history.md", text).unwrap();
                check(&spec, &initial, &history, &Budget::default())
            })
            .collect();
        let [allowed, lost] = &judgements[..] else { panic!("{} examples", judgements.len()) };
        assert!(allowed.is_allowed());
        let sentence = &lost.violation().unwrap().sentence;
        let printed: String = document.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(printed.contains(sentence), "the document does not print: {sentence}");
    }

    /// Histories in order, over a register and a variable.
    fn histories() -> impl Strategy<Value = HistoryOf<RegisterSpec>> {
        let event = (0_usize..3, 0_u8..6, any::<u32>(), "\\PC{0,6}");
        (proptest::collection::vec(event, 0..20), any::<bool>()).prop_map(|(drawn, cut)| {
            let mut running = [false; 3];
            let mut events = Vec::new();
            for (thread, kind, number, text) in drawn {
                match kind {
                    0 => events.push(Event::Read { thread, variable: 1, value: Value::Int(i64::from(number)) }),
                    1 => events.push(Event::Write { thread, variable: 0, value: Value::Word(text.into()) }),
                    2 if running[thread] => {
                        events.push(Event::Abort { thread, text });
                        break;
                    }
                    _ if running[thread] => {
                        running[thread] = false;
                        let ret = if number % 2 == 0 { Ret::Ok } else { Ret::Value(number) };
                        events.push(Event::Return { thread, ret });
                    }
                    _ => {
                        running[thread] = true;
                        let op = if number % 2 == 0 { Op::Read } else { Op::Write(number) };
                        events.push(Event::Call { thread, op });
                    }
                }
            }
            History { events, close: if cut { Close::Cut } else { Close::AtRest } }
        })
    }

    #[test]
    fn what_is_written_reads_back() {
        let config = Config { cases: 300, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&(histories(), "\\PC{1,4}"), |(history, name)| {
                let header = Header {
                    spec: "register".to_owned(),
                    parameters: Vec::new(),
                    initial: vec![("value".to_owned(), 7)],
                    threads: vec!["T1".to_owned(), format!("\"{name}"), "\\u00e9".to_owned()],
                    variables: vec!["x".to_owned(), "y\n".to_owned()],
                };
                let text = write(&header, &history);
                let recording = read::<RegisterSpec>("h", &text).map_err(|bad| TestCaseError::fail(bad.to_string()))?;
                prop_assert_eq!((recording.header, recording.initial), (header, 7));
                prop_assert_eq!(recording.history, history);
                Ok(())
            })
            .unwrap_or_else(|failure| panic!("{failure}"));
    }
}

//! From text to program, in two passes, with the place of everything that either pass may want to point at.

use selvedge_model::{Form, Spec, Unreadable};

use super::diagnostic::{Diagnostic, Diagnostics, PROBLEMS_MAX, Span, line_of};
use super::grammar::{self, ATOMS, Directive, KEYWORDS, OpText, RawStatement, Word, list};
use super::program::{
    Access, Expectation, Observation, Program, Quantifier, Statement, ThreadBody, ThreadIndex, Variable,
};
use super::resolve::{Mentions, Scope, condition, expression, nearest, never_or_always};

/// A program has at most this many threads.
pub const THREADS_MAX: usize = 16;
/// A program has at most this many statements, all threads together.
pub const STATEMENTS_MAX: usize = 256;
/// A program has at most this many shared variables, parameters, initial values, clauses and expectations, each.
pub const ITEMS_MAX: usize = 64;

/// Reads a litmus test without knowing its spec.
///
/// `name` is what diagnostics call the text, often a path; the program's name is its last part without `.litmus`.
///
/// # Errors
///
/// Everything that is wrong with the text, as far as it can be told line by line.
pub fn parse(name: &str, text: &str) -> Result<Source, Diagnostics> {
    let mut reader = Reader::new(name);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        reader.line(text, start, line);
        start += line.len();
        if reader.problems.len() > PROBLEMS_MAX {
            break;
        }
    }
    reader.finish(name, text)
}

/// A litmus test as it was read: the program, its operations still texts, and where everything stands.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    program: Program<String>,
    places: Places,
}

/// Where things stand, for the typed pass and for those who speak of lines.
#[derive(Clone, Debug, Default)]
struct Places {
    spec: Span,
    parameters: Vec<(Span, Span)>,
    initial: Vec<Span>,
    variables: Vec<Span>,
    registers: Vec<Vec<Word>>,
    statements: Vec<Vec<StatementPlace>>,
    expectations: Vec<Span>,
    observations: Vec<Word>,
    clauses: Vec<Word>,
    mentions: Mentions,
}

#[derive(Clone, Debug)]
struct StatementPlace {
    span: Span,
    op: Option<OpText>,
}

impl Source {
    /// The name of the text, as it was given to [`parse`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The program, its operations as texts.
    pub fn untyped(&self) -> &Program<String> {
        &self.program
    }

    /// The line of a statement, from 1.
    ///
    /// # Panics
    ///
    /// If the program has no such statement.
    pub fn statement_line(&self, thread: ThreadIndex, statement: usize) -> usize {
        line_of(&self.text, self.places.statements[thread][statement].span.start)
    }

    /// A statement as the author wrote it, without comment.
    ///
    /// # Panics
    ///
    /// If the program has no such statement.
    pub fn statement_text(&self, thread: ThreadIndex, statement: usize) -> &str {
        &self.text[self.places.statements[thread][statement].span.clone()]
    }

    /// The line of an expectation, from 1.
    ///
    /// # Panics
    ///
    /// If the program has no such expectation.
    pub fn expectation_line(&self, expectation: usize) -> usize {
        line_of(&self.text, self.places.expectations[expectation].start)
    }

    /// An expectation as the author wrote it, without comment.
    ///
    /// # Panics
    ///
    /// If the program has no such expectation.
    pub fn expectation_text(&self, expectation: usize) -> &str {
        &self.text[self.places.expectations[expectation].clone()]
    }

    /// Says that no spec has the name that the text gives; `known` are those that there are.
    pub fn unknown_spec(&self, known: &[&str]) -> Diagnostics {
        let name = &self.program.spec;
        let help = match selvedge_model::spec::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        self.refused(format!("there is no spec `{name}`"), help)
    }

    /// Says what the spec refuses about the program as a whole.
    pub fn refuse(&self, unknown: &selvedge_model::Unknown) -> Diagnostics {
        let help = if unknown.expected.is_empty() {
            String::new()
        } else {
            format!("expected: {}", unknown.expected.join(", "))
        };
        self.refused(unknown.message.clone(), help)
    }

    fn refused(&self, message: String, help: String) -> Diagnostics {
        let problem = Diagnostic::new(message, self.places.spec.clone(), "this spec").maybe_help(Some(help));
        Diagnostics::new(&self.name, &self.text, vec![problem])
    }

    /// The program with its operations read as those of spec `S`, everything checked that only the spec knows:
    /// operations, parameters and their values, observables, clauses, answers.
    ///
    /// # Errors
    ///
    /// Everything that the spec does not know.
    pub fn program<S: Spec>(&self) -> Result<Program<S::Op>, Diagnostics> {
        let mut problems = Vec::new();
        self.check_semantics::<S>(&mut problems);
        self.check_names::<S>(&mut problems);
        self.check_mentions::<S>(&mut problems);
        let mut ops = Vec::new();
        for (thread, statements) in self.places.statements.iter().enumerate() {
            for (index, op) in
                statements.iter().enumerate().filter_map(|(index, place)| Some((index, place.op.as_ref()?)))
            {
                match op.text().parse::<S::Op>() {
                    Ok(read) => ops.push(read),
                    Err(unreadable) => problems.push(self.explain_op::<S>(thread, index, op, unreadable)),
                }
            }
        }
        if !problems.is_empty() {
            return Err(Diagnostics::new(&self.name, &self.text, problems));
        }
        let mut ops = ops.into_iter();
        Ok(self.program.clone().map_ops(|_| ops.next().expect("one operation was read for each that is mapped")))
    }

    /// The spec's name, parameters and initial values.
    fn check_semantics<S: Spec>(&self, problems: &mut Vec<Diagnostic>) {
        let places = &self.places;
        let known = problems.len();
        if let Ok(default) = S::configure(&[])
            && default.name() != self.program.spec
        {
            let message = format!("this is a test of spec `{}`, not of `{}`", self.program.spec, default.name());
            problems.push(Diagnostic::new(message, places.spec.clone(), "another spec"));
        }
        for ((name, value), (name_at, value_at)) in self.program.parameters.iter().zip(&places.parameters) {
            let Some(parameter) = S::parameters().iter().find(|parameter| parameter.name == name) else {
                let names = S::parameters().iter().map(|parameter| parameter.name);
                problems.push(unknown("parameter", name, name_at, names));
                continue;
            };
            if !parameter.values.contains(&value.as_str()) {
                let message = format!("unknown value `{value}` of parameter `{name}`");
                let help = suggest(value, parameter.values.iter().copied());
                problems.push(Diagnostic::new(message, value_at.clone(), "no such value").maybe_help(help));
            }
        }
        for ((name, _), at) in self.program.initial.iter().zip(&places.initial) {
            if !S::observables().contains(&name.as_str()) {
                problems.push(unknown("observable", name, at, S::observables().iter().copied()));
            }
        }
        if problems.len() > known {
            return;
        }
        // Each name and value is known; together they may still make no sense.
        let place = |spans: &[Span]| match (spans.first(), spans.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => places.spec.clone(),
        };
        match S::configure(&self.program.parameters) {
            Err(unknown) => {
                let spans: Vec<Span> = places.parameters.iter().map(|(name, value)| name.start..value.end).collect();
                problems.push(
                    Diagnostic::new(unknown.message, place(&spans), "these parameters together")
                        .maybe_help(expected(&unknown.expected)),
                );
            }
            Ok(spec) => match spec.initial(&self.program.initial) {
                Err(unknown) => problems.push(
                    Diagnostic::new(unknown.message, place(&places.initial), "these initial values")
                        .maybe_help(expected(&unknown.expected)),
                ),
                Ok(state) => {
                    for name in &places.mentions.observables {
                        let known = S::observables().contains(&name.text.as_str());
                        if known && spec.observe(&state, &name.text).is_none() {
                            let chosen = spec
                                .configuration()
                                .iter()
                                .map(|(name, value)| format!("{name} {value}"))
                                .collect::<Vec<_>>();
                            problems.push(
                                Diagnostic::new(
                                    format!("`{}` is not shown under these parameters", name.text),
                                    name.span.clone(),
                                    "never known",
                                )
                                .help(format!("the parameters are {}", list(&chosen, "and"))),
                            );
                        }
                    }
                }
            },
        }
    }

    /// Variables and registers that carry an operation's name: legal for the grammar, a trap for the reader.
    fn check_names<S: Spec>(&self, problems: &mut Vec<Diagnostic>) {
        let variables = self.program.variables.iter().map(|variable| &variable.name).zip(&self.places.variables);
        let registers = self.places.registers.iter().flatten().map(|register| (&register.text, &register.span));
        for (name, at) in variables.chain(registers) {
            if S::forms().iter().any(|form| form.name == name) {
                let message = format!("`{name}` is an operation of spec `{}`", self.program.spec);
                problems.push(Diagnostic::new(message, at.clone(), "an operation's name").help("choose another name"));
            }
        }
    }

    /// Clauses, observables and answers that expressions and expectations speak of.
    fn check_mentions<S: Spec>(&self, problems: &mut Vec<Diagnostic>) {
        let mentions = &self.places.mentions;
        for clause in self.places.clauses.iter().chain(&mentions.clauses) {
            if !S::clauses().iter().any(|known| known.id == clause.text) {
                let ids = S::clauses().iter().map(|clause| clause.id);
                problems.push(unknown("clause", &clause.text, &clause.span, ids));
            }
        }
        for clause in &mentions.clauses {
            let is_known = S::clauses().iter().any(|known| known.id == clause.text);
            if is_known && !S::aborts().contains(&clause.text.as_str()) {
                let message = format!("no program dies of `{}`", clause.text);
                let aborting: Vec<String> = S::aborts().iter().map(ToString::to_string).collect();
                let help = if aborting.is_empty() {
                    "nothing in this spec aborts".to_owned()
                } else {
                    format!("clauses of which a program can die: {}", aborting.join(", "))
                };
                problems
                    .push(Diagnostic::new(message, clause.span.clone(), "no rule of this clause aborts").help(help));
            }
        }
        for name in &mentions.observables {
            if !S::observables().contains(&name.text.as_str()) {
                problems.push(unknown("observable", &name.text, &name.span, S::observables().iter().copied()));
            }
        }
        for word in &mentions.answers {
            if let Err(unreadable) = word.text.parse::<S::Ret>() {
                let message = format!("`{}` is no answer that an operation of this spec gives", word.text);
                let names = unreadable.expected.iter().map(String::as_str);
                problems.push(
                    Diagnostic::new(message, word.span.clone(), "neither an answer nor a variable or register")
                        .maybe_help(suggest(&word.text, names)),
                );
            }
        }
    }

    fn explain_op<S: Spec>(
        &self,
        thread: ThreadIndex,
        statement: usize,
        op: &OpText,
        unreadable: Unreadable,
    ) -> Diagnostic {
        let name = &op.name.text;
        if let Some(form) = S::forms().iter().find(|form| form.name == name) {
            let mut span = op.locate(unreadable.span);
            if span.is_empty() {
                // Something is missing: show the whole operation rather than nothing.
                span = op.span();
            }
            let label = expected(&unreadable.expected).unwrap_or_else(|| "not understood".to_owned());
            return Diagnostic::new(unreadable.message, span, label).help(format!("`{}`: {}", usage(form), form.text));
        }
        let at = op.name.span.clone();
        let body = &self.program.threads[thread];
        if self.program.variables.iter().any(|variable| variable.name == *name) {
            return Diagnostic::new(format!("`{name}` is a shared variable, not an operation"), at, "not an operation")
                .help(format!("to write it: `{name} = 1` or `{name} += 1`"));
        }
        if body.registers.contains(name) {
            return Diagnostic::new(format!("`{name}` is a register, not an operation"), at, "not an operation")
                .help(format!("to write it: `{name} = ...`"));
        }
        let assigned = matches!(body.statements[statement], Statement::Operation { register: Some(_), .. });
        let forms = S::forms().iter().map(|form| form.name);
        let readable = body.registers.iter().chain(self.program.variables.iter().map(|variable| &variable.name));
        let near = if assigned {
            nearest(name, forms.chain(readable.map(String::as_str)))
        } else {
            nearest(name, forms.chain(KEYWORDS))
        };
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "operations of `{}`: {}",
                self.program.spec,
                S::forms().iter().map(usage).collect::<Vec<_>>().join(", ")
            ),
        };
        let (message, label) = if assigned {
            let thread = &body.name;
            let message = format!("`{name}` is no operation, variable or register that thread {thread} has assigned");
            (message, "unknown here")
        } else {
            (format!("unknown operation `{name}`"), "not an operation of this spec")
        };
        Diagnostic::new(message, at, label).help(help)
    }
}

fn usage(form: &Form) -> String {
    format!("{} {}", form.name, form.arguments).trim_end().to_owned()
}

fn expected<T: AsRef<str>>(expected: &[T]) -> Option<String> {
    (!expected.is_empty()).then(|| format!("expected {}", list(expected, "or")))
}

/// "did you mean" if one is near, else everything there is.
fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(word, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let known: Vec<&str> = known.collect();
    (!known.is_empty()).then(|| format!("one of: {}", known.join(", ")))
}

fn unknown<'a>(what: &str, name: &str, at: &Span, known: impl Iterator<Item = &'a str> + Clone) -> Diagnostic {
    let label = format!("no such {what}");
    let help = suggest(name, known).unwrap_or_else(|| "this spec has none".to_owned());
    Diagnostic::new(format!("unknown {what} `{name}`"), at.clone(), label).help(help)
}

/// What may come next: a file has a head, then threads, then expectations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    About,
    Head,
    Threads,
    Expectations,
}

struct Reader {
    section: Section,
    program: Program<String>,
    places: Places,
    threads: Vec<Span>,
    statements: usize,
    /// Names whose declaration could not be read: speaking of them again would only repeat the first problem.
    spoiled: Vec<String>,
    /// Likewise of the latest expectation: what is said of it is not looked at.
    spoiled_expectation: bool,
    problems: Vec<Diagnostic>,
}

impl Reader {
    fn new(name: &str) -> Self {
        let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
        Reader {
            section: Section::About,
            program: Program {
                name: file.strip_suffix(".litmus").unwrap_or(file).to_owned(),
                about: Vec::new(),
                spec: String::new(),
                parameters: Vec::new(),
                initial: Vec::new(),
                clauses: Vec::new(),
                variables: Vec::new(),
                threads: Vec::new(),
                expectations: Vec::new(),
            },
            places: Places::default(),
            threads: Vec::new(),
            statements: 0,
            spoiled: Vec::new(),
            spoiled_expectation: false,
            problems: Vec::new(),
        }
    }

    fn line(&mut self, text: &str, start: usize, line: &str) {
        let trimmed = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let start = start + (line.len() - trimmed.len());
        if self.section == Section::About
            && let Some(about) = trimmed.strip_prefix('#')
        {
            let about = about.trim_end();
            self.program.about.push(about.strip_prefix(' ').unwrap_or(about).to_owned());
            return;
        }
        let content = grammar::without_comment(trimmed).trim_end();
        if content.is_empty() {
            // A blank line ends the head comment, but only once there is one.
            if !self.program.about.is_empty() {
                self.section = self.section.max(Section::Head);
            }
            return;
        }
        self.section = self.section.max(Section::Head);
        let span = start..start + content.len();
        let first = grammar::first_word(content);
        if KEYWORDS.contains(&first) && first != "await" {
            match grammar::directive(text, span.clone()) {
                Ok(directive) => self.directive(directive, span, first),
                Err(problem) => self.unreadable(*problem, content),
            }
        } else if self.section == Section::Threads {
            self.statement(text, span, content);
        } else {
            self.misplaced(content, span, first);
        }
    }

    /// A line outside any thread that is no directive.
    fn misplaced(&mut self, content: &str, span: Span, first: &str) {
        let word = if first.is_empty() { content } else { first };
        let at = span.start..span.start + word.len();
        self.problems.push(if self.section == Section::Expectations {
            Diagnostic::new("a statement after the expectations", at, "belongs to no thread")
                .help("statements stand under their `thread` line, expectations at the end of the file")
        } else {
            let directives = KEYWORDS.into_iter().filter(|keyword| *keyword != "await");
            let help = match nearest(first, directives.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "a statement stands under a `thread NAME` line; before the first one there are only directives"
                    .to_owned(),
            };
            Diagnostic::new(format!("unknown directive `{word}`"), at, "not a directive").help(help)
        });
    }

    /// A line that the grammar refused: remember what it meant to declare.
    fn unreadable(&mut self, problem: Diagnostic, content: &str) {
        self.problems.push(problem);
        let mut words = content.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
        let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match first {
            "var" | "atomic" if grammar::is_identifier(second) => self.spoiled.push(second.to_owned()),
            "thread" => self.push_thread(Word { text: second.to_owned(), span: 0..0 }),
            "spec" => self.program.spec = "?".to_owned(),
            "exists" | "forall" | "never" | "observation" => self.spoiled_expectation = true,
            _ => {}
        }
        self.enter(first);
    }

    fn enter(&mut self, keyword: &str) {
        self.section = self.section.max(match keyword {
            "thread" => Section::Threads,
            "exists" | "forall" | "never" => Section::Expectations,
            _ => Section::Head,
        });
    }

    fn directive(&mut self, directive: Directive, line: Span, keyword: &str) {
        let at = line.start..line.start + keyword.len();
        let needs = match directive {
            Directive::Thread(_) => Section::Threads,
            Directive::Expectation(..) | Directive::Observation(_) | Directive::ObservationText(_) => {
                Section::Expectations
            }
            _ => Section::Head,
        };
        if self.section > needs {
            let (message, help) = match needs {
                Section::Threads => ("a thread after the expectations", "expectations stand at the end of the file"),
                _ => ("a directive after the first thread", "directives stand before the first `thread`"),
            };
            self.problems.push(Diagnostic::new(message, at.clone(), "too late").help(help));
        }
        if self.program.spec.is_empty() && !matches!(directive, Directive::Spec(_)) {
            self.program.spec = "?".to_owned();
            self.problems.push(
                Diagnostic::new("the first directive names the spec", at, "expected `spec NAME`")
                    .help("for instance `spec cond`"),
            );
        }
        self.enter(keyword);
        match directive {
            Directive::Spec(name) => self.spec(name, line),
            Directive::Parameter(name, value) => {
                let known = self.program.parameters.iter().map(|(name, _)| name.as_str());
                let spans = self.places.parameters.iter().map(|(name, _)| name.clone());
                duplicate("parameter", &name, known.zip(spans), &mut self.problems);
                self.limit("parameters", self.program.parameters.len(), ITEMS_MAX, &name.span);
                self.program.parameters.push((name.text, value.text));
                self.places.parameters.push((name.span, value.span));
            }
            Directive::Initial(name, value) => {
                let known = self.program.initial.iter().map(|(name, _)| name.as_str());
                duplicate("initial value", &name, known.zip(self.places.initial.iter().cloned()), &mut self.problems);
                self.limit("initial values", self.program.initial.len(), ITEMS_MAX, &name.span);
                self.program.initial.push((name.text, value));
                self.places.initial.push(name.span);
            }
            Directive::Clauses(clauses) => {
                for clause in clauses {
                    let known = self.places.clauses.iter().map(|known| (known.text.as_str(), known.span.clone()));
                    duplicate("clause", &clause, known, &mut self.problems);
                    self.limit("clauses", self.program.clauses.len(), ITEMS_MAX, &clause.span);
                    self.program.clauses.push(clause.text.clone());
                    self.places.clauses.push(clause);
                }
            }
            Directive::Variable(name, access, initial) => self.variable(name, access, initial),
            Directive::Thread(name) => self.open_thread(name),
            Directive::Expectation(quantifier, tree) => {
                self.limit("expectations", self.program.expectations.len(), ITEMS_MAX, &line);
                let scope = Scope::outcome(&self.program, &self.spoiled);
                let condition = condition(&tree, &scope, &mut self.places.mentions);
                self.spoiled_expectation = condition.is_err();
                match condition {
                    Ok(condition) => {
                        let place = line.clone();
                        let expectation = Expectation { quantifier, condition, observation: None };
                        if let Some(problem) = never_or_always(&expectation, &self.program, tree.span) {
                            self.problems.push(problem);
                        }
                        self.program.expectations.push(expectation);
                        self.places.expectations.push(place);
                    }
                    Err(problems) => self.problems.extend(problems),
                }
            }
            Directive::Observation(name) => self.observation(name, line),
            Directive::ObservationText(text) => self.observation_text(text, line),
        }
    }

    /// The latest expectation, for what is said of it. None if that could not be read, or if there is none, which is
    /// reported.
    fn observed(&mut self, line: &Span) -> Option<usize> {
        if self.spoiled_expectation {
            return None;
        }
        let latest = self.program.expectations.len().checked_sub(1);
        if latest.is_none() {
            self.problems.push(
                Diagnostic::new("an observation of nothing", line.clone(), "no expectation stands above it")
                    .help("an observation stands below the `exists` or `never` that it is about"),
            );
        }
        latest
    }

    fn observation(&mut self, name: Word, line: Span) {
        let Some(latest) = self.observed(&line) else { return };
        let known = self.places.observations.iter().map(|known| (known.text.as_str(), known.span.clone()));
        duplicate("observation", &name, known, &mut self.problems);
        let place = self.places.expectations[latest].clone();
        let expectation = &mut self.program.expectations[latest];
        if expectation.quantifier == Quantifier::Forall {
            self.problems.push(
                Diagnostic::new("an observation of a `forall`", line, "says of which outcomes?")
                    .and(place, "the expectation above it")
                    .help("an observation is that there are such outcomes, `exists`, or that there are none, `never`"),
            );
        } else if expectation.observation.is_some() {
            self.problems.push(
                Diagnostic::new("a second observation of one expectation", line, "has a name already")
                    .and(place, "the expectation above it")
                    .help("further sentences stand in quotes: `observation \"TEXT\"`"),
            );
        }
        expectation.observation = Some(Observation { name: name.text.clone(), text: Vec::new() });
        self.places.observations.push(name);
    }

    fn observation_text(&mut self, text: String, line: Span) {
        let Some(latest) = self.observed(&line) else { return };
        if text.trim().is_empty() {
            self.problems.push(Diagnostic::new("an observation that says nothing", line.clone(), "empty"));
        }
        match &mut self.program.expectations[latest].observation {
            Some(observation) => {
                observation.text.push(text);
                let count = observation.text.len() - 1;
                self.limit("sentences of an observation", count, ITEMS_MAX, &line);
            }
            None => self.problems.push(
                Diagnostic::new("an observation without a name", line, "which one is it?")
                    .help("its name stands on a line above its text: `observation NAME`"),
            ),
        }
    }

    fn spec(&mut self, name: Word, line: Span) {
        if !self.program.spec.is_empty() && self.program.spec != "?" {
            self.problems.push(
                Diagnostic::new("the spec is named twice", line, "the second")
                    .and(self.places.spec.clone(), "the first")
                    .help("a test is a test of one spec"),
            );
            return;
        }
        self.program.spec = name.text;
        self.places.spec = name.span;
    }

    fn variable(&mut self, name: Word, access: Access, initial: i64) {
        self.reserved(&name);
        let known = self.program.variables.iter().map(|variable| variable.name.as_str());
        duplicate("variable", &name, known.zip(self.places.variables.iter().cloned()), &mut self.problems);
        self.limit("variables", self.program.variables.len(), ITEMS_MAX, &name.span);
        self.program.variables.push(Variable { name: name.text, access, initial });
        self.places.variables.push(name.span);
    }

    fn open_thread(&mut self, name: Word) {
        self.reserved(&name);
        let known = self.program.threads.iter().map(|thread| thread.name.as_str());
        duplicate("thread", &name, known.zip(self.threads.iter().cloned()), &mut self.problems);
        self.limit("threads", self.program.threads.len(), THREADS_MAX, &name.span);
        self.push_thread(name);
    }

    fn push_thread(&mut self, name: Word) {
        self.program.threads.push(ThreadBody { name: name.text, registers: Vec::new(), statements: Vec::new() });
        self.threads.push(name.span);
        self.places.registers.push(Vec::new());
        self.places.statements.push(Vec::new());
    }

    fn statement(&mut self, text: &str, line: Span, content: &str) {
        self.limit("statements", self.statements, STATEMENTS_MAX, &line);
        self.statements += 1;
        let thread = self.program.threads.len() - 1;
        let raw = {
            let program = &self.program;
            let known = |name: &str| {
                program.variables.iter().any(|variable| variable.name == name)
                    || program.threads[thread].registers.iter().any(|register| register == name)
                    || self.spoiled.iter().any(|spoiled| spoiled == name)
            };
            grammar::statement(text, line.clone(), &known)
        };
        match raw.map_err(|problem| vec![*problem]).and_then(|raw| self.resolve(thread, raw)) {
            Ok((statement, op)) => {
                self.program.threads[thread].statements.push(statement);
                self.places.statements[thread].push(StatementPlace { span: line, op });
            }
            Err(problems) => {
                self.problems.extend(problems);
                // A register that would have been assigned here is not unknown further down.
                if let Some((target, _)) = content.split_once('=') {
                    self.spoiled.push(target.trim().to_owned());
                }
            }
        }
    }

    fn resolve(
        &mut self,
        thread: ThreadIndex,
        raw: RawStatement,
    ) -> Result<(Statement<String>, Option<OpText>), Vec<Diagnostic>> {
        let read = |reader: &mut Self, tree| {
            let scope = Scope::thread(&reader.program, thread, &reader.spoiled);
            expression(tree, &scope, &mut reader.places.mentions)
        };
        Ok(match raw {
            RawStatement::Operation(target, op) => {
                let register = match target {
                    None => None,
                    Some(target) if self.program.variables.iter().any(|variable| variable.name == target.text) => {
                        let scope = Scope::thread(&self.program, thread, &self.spoiled);
                        return Err(scope.answer_into_variable(&target, &op));
                    }
                    Some(target) => Some(self.assign(thread, target)),
                };
                (Statement::Operation { register, op: op.text() }, Some(op))
            }
            RawStatement::While(op, tree) => {
                let condition = read(self, &tree)?;
                (Statement::While { op: op.text(), condition }, Some(op))
            }
            RawStatement::If(op, tree) => {
                let condition = read(self, &tree)?;
                (Statement::If { op: op.text(), condition }, Some(op))
            }
            RawStatement::Assign(target, tree) => {
                let value = read(self, &tree)?;
                let variable = self.program.variables.iter().position(|variable| variable.name == target.text);
                let statement = match variable {
                    Some(variable) => Statement::Write { variable, value },
                    None => Statement::Set { register: self.assign(thread, target), value },
                };
                (statement, None)
            }
            RawStatement::Add(target, tree) => {
                let value = read(self, &tree)?;
                let variable = Scope::thread(&self.program, thread, &self.spoiled).variable(&target)?;
                (Statement::Add { variable, value }, None)
            }
            RawStatement::Await(tree) => {
                let condition = read(self, &tree)?;
                Scope::thread(&self.program, thread, &self.spoiled).awaitable(&tree)?;
                (Statement::Await { condition }, None)
            }
        })
    }

    /// The register of that name; its first assignment makes it.
    fn assign(&mut self, thread: ThreadIndex, name: Word) -> usize {
        let registers = &self.program.threads[thread].registers;
        if let Some(index) = registers.iter().position(|register| *register == name.text) {
            return index;
        }
        self.reserved(&name);
        self.program.threads[thread].registers.push(name.text.clone());
        self.places.registers[thread].push(name);
        self.program.threads[thread].registers.len() - 1
    }

    /// Reports one more of something of which there are `count`, if that is one too many.
    fn limit(&mut self, what: &str, count: usize, max: usize, at: &Span) {
        if count >= max {
            self.problems.push(
                Diagnostic::new(format!("more than {max} {what}"), at.clone(), "one too many")
                    .help("a litmus test is tiny; split it"),
            );
        }
    }

    fn reserved(&mut self, name: &Word) {
        if KEYWORDS.contains(&name.text.as_str()) || ATOMS.contains(&name.text.as_str()) {
            let message = format!("`{}` is a word of the language", name.text);
            self.problems.push(Diagnostic::new(message, name.span.clone(), "reserved").help("choose another name"));
        }
    }

    fn finish(mut self, name: &str, text: &str) -> Result<Source, Diagnostics> {
        let end = text.trim_end().len();
        if self.program.spec.is_empty() && self.problems.is_empty() {
            self.problems.push(
                Diagnostic::new("no spec is named", end..end, "expected `spec NAME`").help("for instance `spec cond`"),
            );
        } else if self.program.threads.is_empty() && self.problems.is_empty() {
            self.problems.push(
                Diagnostic::new("there is no thread", end..end, "expected `thread NAME`")
                    .help("a test needs at least one thread; its statements stand under it, one a line"),
            );
        }
        if self.problems.is_empty() {
            Ok(Source { name: name.to_owned(), text: text.to_owned(), program: self.program, places: self.places })
        } else {
            Err(Diagnostics::new(name, text, self.problems))
        }
    }
}

/// Reports a name that is already there.
fn duplicate<'a>(
    what: &str,
    name: &Word,
    known: impl Iterator<Item = (&'a str, Span)>,
    problems: &mut Vec<Diagnostic>,
) {
    let mut known = known;
    if let Some((_, first)) = known.find(|(known, _)| *known == name.text) {
        problems.push(
            Diagnostic::new(format!("{what} `{}` is given twice", name.text), name.span.clone(), "the second")
                .and(first, "the first"),
        );
    }
}

#[cfg(test)]
mod tests {
    use selvedge_model::cond::CondSpec;
    use selvedge_model::toy::RegisterSpec;

    use super::*;

    /// What a newcomer would see of a text.
    fn complaint(text: &str) -> String {
        match parse("t.litmus", text) {
            Err(problems) => problems.render(),
            Ok(source) => match source.program::<CondSpec>() {
                Err(problems) => problems.render(),
                Ok(_) => "nothing wrong".to_owned(),
            },
        }
    }

    /// The same, for one line of a thread in a program that is otherwise right.
    fn complaint_of_statement(line: &str) -> String {
        complaint(&format!("spec cond\nvar n = 0\natomic p = 0 acqrel\nthread T\n  r0 = wait-timeout 5\n  {line}\n"))
    }

    /// The same, for one expectation.
    fn complaint_of_expectation(line: &str) -> String {
        complaint(&format!(
            "spec cond\nvar n = 0\natomic p = 0 acqrel\nthread T\n  r0 = wait-timeout 5\nthread U\n  signal\n{line}\n"
        ))
    }

    #[test]
    fn several_problems_are_reported_at_once() {
        insta::assert_snapshot!(complaint("spec cnd\nparametr order any\nvar n = 0\nvar n = 1\nthread T\n  lock\n  wait-while m != 1\n  n +=\n  unlok\nexists done W"), @r##"
         × unknown directive `parametr`
          ╭─[t.litmus:2:1]
        1 │ spec cnd
        2 │ parametr order any
          · ────┬───
          ·     ╰── not a directive
        3 │ var n = 0
          ╰────
         help: did you mean `parameter`?
         × variable `n` is given twice
          ╭─[t.litmus:4:5]
        2 │ parametr order any
        3 │ var n = 0
          ·     ┬
          ·     ╰── the first
        4 │ var n = 1
          ·     ┬
          ·     ╰── the second
        5 │ thread T
          ╰────
         × `m` is neither a variable nor a register that thread T has assigned
          ╭─[t.litmus:7:14]
        6 │   lock
        7 │   wait-while m != 1
          ·              ┬
          ·              ╰── unknown here
        8 │   n +=
          ╰────
         help: a shared variable is declared before the first thread: `var m = 0`; an answer can only be
               compared with a register
         × expected a value, found the end of the line
          ╭─[t.litmus:8:7]
        7 │   wait-while m != 1
        8 │   n +=
          ·       ▲
          ·       ╰── expected a value
        9 │   unlok
          ╰────
         × unknown thread `W`
           ╭─[t.litmus:10:13]
         9 │   unlok
        10 │ exists done W
           ·             ┬
           ·             ╰── no such thread
           ╰────
         help: one of: T
        "##);
    }

    #[test]
    fn typed_problems_come_together() {
        insta::assert_snapshot!(complaint("spec cond\nparameter ordre any\nparameter spurious yes\ninitial waits 3\nclauses COND-99\nthread T\n  lok\n  r = wait-timeout soon\n  wait-timeout\n  advance -1\nexists T:r == notifed\nnever abort COND-98 || state.waiters == 1"), @r##"
         × unknown parameter `ordre`
          ╭─[t.litmus:2:11]
        1 │ spec cond
        2 │ parameter ordre any
          ·           ──┬──
          ·             ╰── no such parameter
        3 │ parameter spurious yes
          ╰────
         help: did you mean `order`?
         × unknown value `yes` of parameter `spurious`
          ╭─[t.litmus:3:20]
        2 │ parameter ordre any
        3 │ parameter spurious yes
          ·                    ─┬─
          ·                     ╰── no such value
        4 │ initial waits 3
          ╰────
         help: one of: never, allowed
         × unknown observable `waits`
          ╭─[t.litmus:4:9]
        3 │ parameter spurious yes
        4 │ initial waits 3
          ·         ──┬──
          ·           ╰── no such observable
        5 │ clauses COND-99
          ╰────
         help: did you mean `wait`?
         × unknown clause `COND-99`
          ╭─[t.litmus:5:9]
        4 │ initial waits 3
        5 │ clauses COND-99
          ·         ───┬───
          ·            ╰── no such clause
        6 │ thread T
          ╰────
         help: did you mean `COND-09`?
         × unknown operation `lok`
          ╭─[t.litmus:7:3]
        6 │ thread T
        7 │   lok
          ·   ─┬─
          ·    ╰── not an operation of this spec
        8 │   r = wait-timeout soon
          ╰────
         help: did you mean `lock`?
         × MS of `wait-timeout` is not a number: `soon`
          ╭─[t.litmus:8:20]
        7 │   lok
        8 │   r = wait-timeout soon
          ·                    ──┬─
          ·                      ╰── expected a number from 0 to 4294967295
        9 │   wait-timeout
          ╰────
         help: `wait-timeout MS`: Waits, but not longer; returns `notified` or `timeout`.
         × `wait-timeout` needs MS
           ╭─[t.litmus:9:3]
         8 │   r = wait-timeout soon
         9 │   wait-timeout
           ·   ──────┬─────
           ·         ╰── expected wait-timeout MS
        10 │   advance -1
           ╰────
         help: `wait-timeout MS`: Waits, but not longer; returns `notified` or `timeout`.
         × -1 is out of range
           ╭─[t.litmus:10:11]
         9 │   wait-timeout
        10 │   advance -1
           ·           ─┬
           ·            ╰── expected a number from 0 to 4294967295
        11 │ exists T:r == notifed
           ╰────
         help: `advance MS`: Lets virtual time pass.
         × `notifed` is no answer that an operation of this spec gives
           ╭─[t.litmus:11:15]
        10 │   advance -1
        11 │ exists T:r == notifed
           ·               ───┬───
           ·                  ╰── neither an answer nor a variable or register
        12 │ never abort COND-98 || state.waiters == 1
           ╰────
         help: did you mean `notified`?
         × unknown clause `COND-98`
           ╭─[t.litmus:12:13]
        11 │ exists T:r == notifed
        12 │ never abort COND-98 || state.waiters == 1
           ·             ───┬───
           ·                ╰── no such clause
           ╰────
         help: did you mean `COND-08`?
         × unknown observable `waiters`
           ╭─[t.litmus:12:30]
        11 │ exists T:r == notifed
        12 │ never abort COND-98 || state.waiters == 1
           ·                              ───┬───
           ·                                 ╰── no such observable
           ╰────
         help: one of: wait, notify, now
        "##);
    }

    #[test]
    fn an_expression_that_stops() {
        insta::assert_snapshot!(complaint_of_statement("n = 1 +"), @r##"
         × expected a variable, a register, a number or `(`, found the end of the line
          ╭─[t.litmus:6:10]
        5 │   r0 = wait-timeout 5
        6 │   n = 1 +
          ·          ▲
          ·          ╰── expected a variable, a register, a number or `(`
          ╰────
        "##);
    }

    #[test]
    fn an_assignment_where_a_comparison_is_meant() {
        insta::assert_snapshot!(complaint_of_statement("wait-while n = 1"), @r##"
         × `=` is not an operator
          ╭─[t.litmus:6:16]
        5 │   r0 = wait-timeout 5
        6 │   wait-while n = 1
          ·                ┬
          ·                ╰── expected an operator
          ╰────
         help: compare with `==`
        "##);
    }

    #[test]
    fn chained_comparisons() {
        insta::assert_snapshot!(complaint_of_statement("await 0 < p < 3"), @r##"
         × comparisons do not chain
          ╭─[t.litmus:6:15]
        5 │   r0 = wait-timeout 5
        6 │   await 0 < p < 3
          ·           ┬   ┬
          ·           │   ╰── a second comparison
          ·           ╰── the first
          ╰────
         help: join two comparisons with `&&`, or put parentheses around one
        "##);
    }

    #[test]
    fn an_open_parenthesis() {
        insta::assert_snapshot!(complaint_of_statement("n = (1 + 2"), @r##"
         × a parenthesis is never closed
          ╭─[t.litmus:6:13]
        5 │   r0 = wait-timeout 5
        6 │   n = (1 + 2
          ·       ┬     ▲
          ·       │     ╰── expected `)`
          ·       ╰── opened here
          ╰────
        "##);
    }

    #[test]
    fn a_number_too_large() {
        insta::assert_snapshot!(complaint_of_statement("n = 9223372036854775808"), @r##"
         × `9223372036854775808` does not fit in 64 bits
          ╭─[t.litmus:6:7]
        5 │   r0 = wait-timeout 5
        6 │   n = 9223372036854775808
          ·       ─────────┬─────────
          ·                ╰── too large
          ╰────
         help: numbers go from -9223372036854775808 to 9223372036854775807
        "##);
    }

    #[test]
    fn letters_in_a_number() {
        insta::assert_snapshot!(complaint_of_statement("n = 0x10"), @r##"
         × not a number
          ╭─[t.litmus:6:7]
        5 │   r0 = wait-timeout 5
        6 │   n = 0x10
          ·       ──┬─
          ·         ╰── letters in a number
          ╰────
         help: numbers are written in decimal, digits only
        "##);
    }

    #[test]
    fn minus_before_a_name() {
        insta::assert_snapshot!(complaint_of_statement("n = -r0"), @r##"
         × a minus sign here needs a number right after it
          ╭─[t.litmus:6:7]
        5 │   r0 = wait-timeout 5
        6 │   n = -r0
          ·       ┬
          ·       ╰── expected a number
          ╰────
         help: to negate a variable, write `0 - NAME`
        "##);
    }

    #[test]
    fn increment() {
        insta::assert_snapshot!(complaint_of_statement("n++"), @r##"
         × there is no `++`
          ╭─[t.litmus:6:4]
        5 │   r0 = wait-timeout 5
        6 │   n++
          ·    ─┬
          ·     ╰── expected `=` or `+=`
          ╰────
         help: write `n += 1`
        "##);
    }

    #[test]
    fn decrement() {
        insta::assert_snapshot!(complaint_of_statement("n -= 2"), @r##"
         × there is no `-=`
          ╭─[t.litmus:6:5]
        5 │   r0 = wait-timeout 5
        6 │   n -= 2
          ·     ─┬
          ·      ╰── expected `=` or `+=`
          ╰────
         help: add a negative number: `n += -1`
        "##);
    }

    #[test]
    fn a_register_never_assigned() {
        insta::assert_snapshot!(complaint_of_statement("n = r1"), @r##"
         × `r1` is neither a variable nor a register that thread T has assigned
          ╭─[t.litmus:6:7]
        5 │   r0 = wait-timeout 5
        6 │   n = r1
          ·       ─┬
          ·        ╰── unknown here
          ╰────
         help: did you mean `r0`?
        "##);
    }

    #[test]
    fn a_misspelt_register() {
        insta::assert_snapshot!(complaint_of_statement("n = r00"), @r##"
         × `r00` is neither a variable nor a register that thread T has assigned
          ╭─[t.litmus:6:7]
        5 │   r0 = wait-timeout 5
        6 │   n = r00
          ·       ─┬─
          ·        ╰── unknown here
          ╰────
         help: did you mean `r0`?
        "##);
    }

    #[test]
    fn await_over_a_plain_variable() {
        insta::assert_snapshot!(complaint_of_statement("await n == 1"), @r##"
         × `await` over plain variable `n`
          ╭─[t.litmus:6:9]
        5 │   r0 = wait-timeout 5
        6 │   await n == 1
          ·         ┬
          ·         ╰── reading it while another thread writes it is a data race
          ╰────
         help: declare it atomic: `atomic n = 0 acqrel`
        "##);
    }

    #[test]
    fn await_over_nothing_shared() {
        insta::assert_snapshot!(complaint_of_statement("await r0 == timeout"), @r##"
         × `await` without a shared variable
          ╭─[t.litmus:6:9]
        5 │   r0 = wait-timeout 5
        6 │   await r0 == timeout
          ·         ──────┬──────
          ·               ╰── this never changes
          ╰────
         help: wait for an atomic variable that another thread writes
        "##);
    }

    #[test]
    fn an_answer_into_a_shared_variable() {
        insta::assert_snapshot!(complaint_of_statement("n = wait"), @r##"
         × `wait` is neither a variable nor a register that thread T has assigned
          ╭─[t.litmus:6:7]
        5 │   r0 = wait-timeout 5
        6 │   n = wait
          ·       ──┬─
          ·         ╰── unknown here
          ╰────
         help: if it is an operation, keep its answer in a register first: `answer = wait`
        "##);
    }

    #[test]
    fn the_answer_of_a_loop() {
        insta::assert_snapshot!(complaint_of_statement("r1 = wait-while n == 0"), @r##"
         × a repeated or conditional operation has no answer to keep
          ╭─[t.litmus:6:8]
        5 │   r0 = wait-timeout 5
        6 │   r1 = wait-while n == 0
          ·        ──┬─
          ·          ╰── gives none
          ╰────
         help: write `wait` without `-while`, or without `r1 =`
        "##);
    }

    #[test]
    fn another_threads_register() {
        insta::assert_snapshot!(complaint_of_statement("n = U:r0"), @r##"
         × a register of a thread, read in a thread
          ╭─[t.litmus:6:7]
        5 │   r0 = wait-timeout 5
        6 │   n = U:r0
          ·       ──┬─
          ·         ╰── not possible here
          ╰────
         help: registers are private: pass the value through a shared variable
        "##);
    }

    #[test]
    fn an_outcome_in_a_thread() {
        insta::assert_snapshot!(complaint_of_statement("n = 1 + (done T)"), @r##"
         × a thread cannot know this
          ╭─[t.litmus:6:11]
        5 │   r0 = wait-timeout 5
        6 │   n = 1 + (done T)
          ·           ────┬───
          ·               ╰── only an expectation can speak of it
          ╰────
         help: a thread reads shared variables and its own registers
        "##);
    }

    #[test]
    fn a_word_beside_a_number() {
        insta::assert_snapshot!(complaint_of_statement("wait-while timeout != 1"), @r##"
         × `timeout` is neither a variable nor a register that thread T has assigned
          ╭─[t.litmus:6:14]
        5 │   r0 = wait-timeout 5
        6 │   wait-while timeout != 1
          ·              ───┬───
          ·                 ╰── unknown here
          ╰────
         help: a shared variable is declared before the first thread: `var timeout = 0`; an answer can
               only be compared with a register
        "##);
    }

    #[test]
    fn a_misspelt_word() {
        insta::assert_snapshot!(complaint_of_statement("wait-while r0 == timeuot"), @r##"
         × `timeuot` is no answer that an operation of this spec gives
          ╭─[t.litmus:6:20]
        5 │   r0 = wait-timeout 5
        6 │   wait-while r0 == timeuot
          ·                    ───┬───
          ·                       ╰── neither an answer nor a variable or register
          ╰────
         help: did you mean `timeout`?
        "##);
    }

    #[test]
    fn a_misspelt_operation() {
        insta::assert_snapshot!(complaint_of_statement("brodcast"), @r##"
         × unknown operation `brodcast`
          ╭─[t.litmus:6:3]
        5 │   r0 = wait-timeout 5
        6 │   brodcast
          ·   ────┬───
          ·       ╰── not an operation of this spec
          ╰────
         help: did you mean `broadcast`?
        "##);
    }

    #[test]
    fn an_operation_that_resembles_nothing() {
        insta::assert_snapshot!(complaint_of_statement("frobnicate"), @r##"
         × unknown operation `frobnicate`
          ╭─[t.litmus:6:3]
        5 │   r0 = wait-timeout 5
        6 │   frobnicate
          ·   ─────┬────
          ·        ╰── not an operation of this spec
          ╰────
         help: operations of `cond`: lock, unlock, write-lock, write-unlock, wait, signal, broadcast,
               wait-timeout MS, advance MS, copy, wait-copy, signal-copy, broadcast-copy
        "##);
    }

    #[test]
    fn a_variable_as_operation() {
        insta::assert_snapshot!(complaint_of_statement("n"), @r##"
         × `n` is a shared variable, not an operation
          ╭─[t.litmus:6:3]
        5 │   r0 = wait-timeout 5
        6 │   n
          ·   ┬
          ·   ╰── not an operation
          ╰────
         help: to write it: `n = 1` or `n += 1`
        "##);
    }

    #[test]
    fn a_missing_argument() {
        insta::assert_snapshot!(complaint_of_statement("wait-timeout"), @r##"
         × `wait-timeout` needs MS
          ╭─[t.litmus:6:3]
        5 │   r0 = wait-timeout 5
        6 │   wait-timeout
          ·   ──────┬─────
          ·         ╰── expected wait-timeout MS
          ╰────
         help: `wait-timeout MS`: Waits, but not longer; returns `notified` or `timeout`.
        "##);
    }

    #[test]
    fn a_wrong_argument() {
        insta::assert_snapshot!(complaint_of_statement("wait-timeout-while 5x : n != 1"), @r##"
         × MS of `wait-timeout` is not a number: `5x`
          ╭─[t.litmus:6:22]
        5 │   r0 = wait-timeout 5
        6 │   wait-timeout-while 5x : n != 1
          ·                      ─┬
          ·                       ╰── expected a number from 0 to 4294967295
          ╰────
         help: `wait-timeout MS`: Waits, but not longer; returns `notified` or `timeout`.
        "##);
    }

    #[test]
    fn too_many_arguments() {
        insta::assert_snapshot!(complaint_of_statement("r1 = signal W1 W2"), @r##"
         × `signal` takes no argument
          ╭─[t.litmus:6:15]
        5 │   r0 = wait-timeout 5
        6 │   r1 = signal W1 W2
          ·               ──┬──
          ·                 ╰── expected signal
          ╰────
         help: `signal`: Notifies one waiter.
        "##);
    }

    #[test]
    fn a_missing_condition() {
        insta::assert_snapshot!(complaint_of_statement("wait-while"), @r##"
         × expected the condition to repeat on, found the end of the line
          ╭─[t.litmus:6:13]
        5 │   r0 = wait-timeout 5
        6 │   wait-while
          ·             ▲
          ·             ╰── expected the condition to repeat on
          ╰────
        "##);
    }

    #[test]
    fn an_operations_name_for_a_register() {
        insta::assert_snapshot!(complaint_of_statement("signal = 3"), @r##"
         × `signal` is an operation of spec `cond`
          ╭─[t.litmus:6:3]
        5 │   r0 = wait-timeout 5
        6 │   signal = 3
          ·   ───┬──
          ·      ╰── an operation's name
          ╰────
         help: choose another name
        "##);
    }

    #[test]
    fn a_reserved_name() {
        insta::assert_snapshot!(complaint_of_statement("done = 3"), @r##"
         × `done` is a word of the language
          ╭─[t.litmus:6:3]
        5 │   r0 = wait-timeout 5
        6 │   done = 3
          ·   ──┬─
          ·     ╰── reserved
          ╰────
         help: choose another name
        "##);
    }

    #[test]
    fn not_a_statement() {
        insta::assert_snapshot!(complaint_of_statement("{"), @r##"
         × expected an operation, an assignment or `await`, found `{`
          ╭─[t.litmus:6:3]
        5 │   r0 = wait-timeout 5
        6 │   {
          ·   ┬
          ·   ╰── expected an operation, an assignment or `await`
          ╰────
        "##);
    }

    #[test]
    fn a_quoted_number() {
        insta::assert_snapshot!(complaint_of_statement("wait-while r0 == \"5\""), @r##"
         × a number in quotes
          ╭─[t.litmus:6:20]
        5 │   r0 = wait-timeout 5
        6 │   wait-while r0 == "5"
          ·                    ─┬─
          ·                     ╰── this is a word, which no number equals
          ╰────
         help: write `5`
        "##);
    }

    #[test]
    fn and_in_words() {
        insta::assert_snapshot!(complaint_of_statement("wait-while n != 1 and n != 2"), @r##"
         × `and` is not an operator
          ╭─[t.litmus:6:21]
        5 │   r0 = wait-timeout 5
        6 │   wait-while n != 1 and n != 2
          ·                     ─┬─
          ·                      ╰── expected an operator
          ╰────
         help: write `&&`
        "##);
    }

    #[test]
    fn an_unknown_thread() {
        insta::assert_snapshot!(complaint_of_expectation("exists done V"), @r##"
         × unknown thread `V`
          ╭─[t.litmus:8:13]
        7 │   signal
        8 │ exists done V
          ·             ┬
          ·             ╰── no such thread
          ╰────
         help: one of: T, U
        "##);
    }

    #[test]
    fn a_thread_without_its_end() {
        insta::assert_snapshot!(complaint_of_expectation("exists T"), @r##"
         × unknown variable `T`
          ╭─[t.litmus:8:8]
        7 │   signal
        8 │ exists T
          ·        ┬
          ·        ╰── not a shared variable
          ╰────
         help: write `done T` or `blocked T`
        "##);
    }

    #[test]
    fn a_constant() {
        insta::assert_snapshot!(complaint_of_expectation("exists 0"), @r##"
         × no outcome can satisfy this
          ╭─[t.litmus:8:8]
        7 │   signal
        8 │ exists 0
          ·        ┬
          ·        ╰── false whatever happens
          ╰────
         help: an expectation tells outcomes apart: some must meet it and some not
        "##);
    }

    #[test]
    fn two_constants() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T && 1 == 2"), @r##"
         × two constants are compared
          ╭─[t.litmus:8:18]
        7 │   signal
        8 │ exists done T && 1 == 2
          ·                  ───┬──
          ·                     ╰── the same for every outcome
          ╰────
        "##);
    }

    #[test]
    fn a_contradiction() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T && blocked T"), @r##"
         × no outcome can satisfy this
          ╭─[t.litmus:8:8]
        7 │   signal
        8 │ exists done T && blocked T
          ·        ─────────┬─────────
          ·                 ╰── false whatever happens
          ╰────
         help: an expectation tells outcomes apart: some must meet it and some not
        "##);
    }

    #[test]
    fn what_is_always_so() {
        insta::assert_snapshot!(complaint_of_expectation("forall !(done T && blocked T)"), @r##"
         × every outcome satisfies this
          ╭─[t.litmus:8:8]
        7 │   signal
        8 │ forall !(done T && blocked T)
          ·        ───────────┬──────────
          ·                   ╰── true whatever happens
          ╰────
         help: an expectation tells outcomes apart: some must meet it and some not
        "##);
    }

    #[test]
    fn a_race_on_an_atomic() {
        insta::assert_snapshot!(complaint_of_expectation("never race p"), @r##"
         × there is never a data race on atomic `p`
          ╭─[t.litmus:8:12]
        7 │   signal
        8 │ never race p
          ·            ┬
          ·            ╰── atomic
          ╰────
         help: only a plain variable (`var`) can be raced on
        "##);
    }

    #[test]
    fn a_register_without_its_thread() {
        insta::assert_snapshot!(complaint_of_expectation("exists r0 == timeout"), @r##"
         × unknown variable `r0`
          ╭─[t.litmus:8:8]
        7 │   signal
        8 │ exists r0 == timeout
          ·        ─┬
          ·         ╰── not a shared variable
          ╰────
         help: a register is written with its thread: `T:r0`
        "##);
    }

    #[test]
    fn an_unknown_register_of_a_thread() {
        insta::assert_snapshot!(complaint_of_expectation("exists T:r1 == timeout"), @r##"
         × thread T never assigns register `r1`
          ╭─[t.litmus:8:10]
        7 │   signal
        8 │ exists T:r1 == timeout
          ·          ─┬
          ·           ╰── never assigned
          ╰────
         help: did you mean `T:r0`?
        "##);
    }

    #[test]
    fn a_word_compared_with_a_variable() {
        insta::assert_snapshot!(complaint_of_expectation("exists n == timeout"), @r##"
         × unknown variable `timeout`
          ╭─[t.litmus:8:13]
        7 │   signal
        8 │ exists n == timeout
          ·             ───┬───
          ·                ╰── not a shared variable
          ╰────
         help: a shared variable is declared before the first thread: `var timeout = 0`; an answer can
               only be compared with a register
        "##);
    }

    #[test]
    fn a_statement_after_the_expectations() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T\nunlock"), @r##"
         × a statement after the expectations
          ╭─[t.litmus:9:1]
        8 │ exists done T
        9 │ unlock
          · ───┬──
          ·    ╰── belongs to no thread
          ╰────
         help: statements stand under their `thread` line, expectations at the end of the file
        "##);
    }

    #[test]
    fn a_thread_after_the_expectations() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T\nthread V"), @r##"
         × a thread after the expectations
          ╭─[t.litmus:9:1]
        8 │ exists done T
        9 │ thread V
          · ───┬──
          ·    ╰── too late
          ╰────
         help: expectations stand at the end of the file
        "##);
    }

    #[test]
    fn an_observation_without_an_expectation() {
        insta::assert_snapshot!(complaint_of_expectation("observation lost"), @r##"
         × an observation of nothing
          ╭─[t.litmus:8:1]
        7 │   signal
        8 │ observation lost
          · ────────┬───────
          ·         ╰── no expectation stands above it
          ╰────
         help: an observation stands below the `exists` or `never` that it is about
        "##);
    }

    #[test]
    fn an_observation_without_anything() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T\nobservation"), @r##"
         × expected a name, or a text in quotes, found the end of the line
          ╭─[t.litmus:9:12]
        8 │ exists done T
        9 │ observation
          ·            ▲
          ·            ╰── expected a name, or a text in quotes
          ╰────
        "##);
    }

    #[test]
    fn an_observation_without_a_name() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T\nobservation \"It may.\""), @r##"
         × an observation without a name
          ╭─[t.litmus:9:1]
        8 │ exists done T
        9 │ observation "It may."
          · ──────────┬──────────
          ·           ╰── which one is it?
          ╰────
         help: its name stands on a line above its text: `observation NAME`
        "##);
    }

    #[test]
    fn an_observation_that_says_nothing() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T\nobservation lost\nobservation \" \""), @r##"
         × an observation that says nothing
           ╭─[t.litmus:10:1]
         9 │ observation lost
        10 │ observation " "
           · ───────┬───────
           ·        ╰── empty
           ╰────
        "##);
    }

    #[test]
    fn an_observation_whose_quote_is_never_closed() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T\nobservation \"It may."), @r##"
         × a quote is never closed
          ╭─[t.litmus:9:13]
        8 │ exists done T
        9 │ observation "It may.
          ·             ────┬───
          ·                 ╰── expected `"` before the end
          ╰────
        "##);
    }

    #[test]
    fn an_observation_of_a_forall() {
        insta::assert_snapshot!(
            complaint_of_expectation("forall done T\nobservation lost\nobservation \"It may.\""), @r##"
         × an observation of a `forall`
           ╭─[t.litmus:9:1]
         7 │   signal
         8 │ forall done T
           · ──────┬──────
           ·       ╰── the expectation above it
         9 │ observation lost
           · ────────┬───────
           ·         ╰── says of which outcomes?
        10 │ observation "It may."
           ╰────
         help: an observation is that there are such outcomes, `exists`, or that there are none, `never`
        "##);
    }

    #[test]
    fn a_second_observation_of_one_expectation() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T\nobservation lost\nobservation found"), @r##"
         × a second observation of one expectation
           ╭─[t.litmus:10:1]
         7 │   signal
         8 │ exists done T
           · ──────┬──────
           ·       ╰── the expectation above it
         9 │ observation lost
        10 │ observation found
           · ────────┬────────
           ·         ╰── has a name already
           ╰────
         help: further sentences stand in quotes: `observation "TEXT"`
        "##);
    }

    #[test]
    fn an_observation_named_twice() {
        insta::assert_snapshot!(
            complaint_of_expectation("exists done T\nobservation lost\nnever done U\nobservation lost"), @r##"
         × observation `lost` is given twice
           ╭─[t.litmus:11:13]
         8 │ exists done T
         9 │ observation lost
           ·             ──┬─
           ·               ╰── the first
        10 │ never done U
        11 │ observation lost
           ·             ──┬─
           ·               ╰── the second
           ╰────
        "##);
    }

    /// One problem, not two: what stands below an expectation that cannot be read is not looked at.
    #[test]
    fn an_observation_of_an_expectation_that_cannot_be_read() {
        for line in ["exists done V", "exists", "never done T &&"] {
            let complaint = complaint_of_expectation(&format!("{line}\nobservation lost\nobservation \"It may.\""));
            assert_eq!(complaint.matches('×').count(), 1, "{complaint}");
        }
    }

    #[test]
    fn an_expectation_without_a_condition() {
        insta::assert_snapshot!(complaint_of_expectation("forall"), @r##"
         × expected a condition, found the end of the line
          ╭─[t.litmus:8:7]
        7 │   signal
        8 │ forall
          ·       ▲
          ·       ╰── expected a condition
          ╰────
        "##);
    }

    #[test]
    fn an_unknown_clause() {
        insta::assert_snapshot!(complaint_of_expectation("never abort COND-1"), @r##"
         × unknown clause `COND-1`
          ╭─[t.litmus:8:13]
        7 │   signal
        8 │ never abort COND-1
          ·             ───┬──
          ·                ╰── no such clause
          ╰────
         help: did you mean `COND-01`?
        "##);
    }

    #[test]
    fn an_abort_of_a_clause_that_aborts_nothing() {
        insta::assert_snapshot!(complaint_of_expectation("never abort COND-03"), @r##"
         × no program dies of `COND-03`
          ╭─[t.litmus:8:13]
        7 │   signal
        8 │ never abort COND-03
          ·             ───┬───
          ·                ╰── no rule of this clause aborts
          ╰────
         help: clauses of which a program can die: COND-12, COND-16
        "##);
        let registers = "spec register\nthread T\n  r = read\nnever abort REG-01\n";
        let problems = parse("t.litmus", registers).unwrap().program::<RegisterSpec>().unwrap_err();
        assert!(problems.to_string().contains("nothing in this spec aborts"), "{problems}");
    }

    #[test]
    fn a_term_beside_itself() {
        insta::assert_snapshot!(complaint_of_expectation("exists done T && n != n"), @r##"
         × something is compared with itself
          ╭─[t.litmus:8:18]
        7 │   signal
        8 │ exists done T && n != n
          ·                  ───┬──
          ·                     ╰── the same for every outcome
          ╰────
        "##);
        for operator in ["==", "!=", "<", "<=", ">", ">="] {
            for term in ["n", "state.notify", "T:r0", "done T", "n + 1"] {
                let problem = complaint_of_expectation(&format!("exists {term} {operator} ({term})"));
                assert!(problem.contains("compared with itself"), "{term} {operator} {term}: {problem}");
            }
        }
        // In a thread the two are read one after the other.
        let in_thread = "spec cond\natomic p = 0 seqcst\nthread T\n  await p != p\nexists done T\n";
        assert_eq!(complaint(in_thread), "nothing wrong");
    }

    #[test]
    fn bounds_that_leave_nothing() {
        insta::assert_snapshot!(complaint_of_expectation("exists n > 3 && n < 2"), @r##"
         × no outcome can satisfy this
          ╭─[t.litmus:8:8]
        7 │   signal
        8 │ exists n > 3 && n < 2
          ·        ───────┬──────
          ·               ╰── false whatever happens
          ╰────
         help: an expectation tells outcomes apart: some must meet it and some not
        "##);
        let says = |condition: &str, answer: &str| {
            let problem = complaint_of_expectation(&format!("never {condition}"));
            assert!(problem.contains(answer), "{condition}: {problem}");
        };
        for condition in [
            "n == 1 && n == 2",
            "n > 3 && n < 4",
            "n == 1 && n != 1 && done T",
            "state.notify > 1 && state.notify < 1",
            "T:r0 == timeout && T:r0 == notified",
            "T:r0 == timeout && T:r0 > 0",
            "n < -9223372036854775808",
            "3 < n && 2 > n",
        ] {
            says(condition, "no outcome can satisfy this");
        }
        for condition in ["n != 1 || n != 2", "T:r0 != timeout || T:r0 != notified"] {
            says(condition, "every outcome satisfies this");
        }
        for condition in [
            "n > 3 && n < 5",
            "n > 3 && p < 2",
            "T:r0 != timeout && T:r0 != notified",
            // What an expression comes to is not looked into, nor how two terms stand to each other.
            "n + 1 > 3 && n < 1",
            "n < p && p < n",
            // After an abort or a race no comparison with a number holds.
            "n > 3 || n < 5",
            "!(n <= 3 || n > 2)",
        ] {
            assert_eq!(complaint_of_expectation(&format!("never {condition}")), "nothing wrong", "{condition}");
        }
    }

    #[test]
    fn an_empty_file() {
        insta::assert_snapshot!(complaint(""), @r##"
        × no spec is named
         ╭─[t.litmus:1:1]
         ╰────
        help: for instance `spec cond`
        "##);
    }

    #[test]
    fn no_thread() {
        insta::assert_snapshot!(complaint("spec cond\nvar n = 0\n"), @r##"
         × there is no thread
          ╭─[t.litmus:2:10]
        1 │ spec cond
        2 │ var n = 0
          ·          ▲
          ·          ╰── expected `thread NAME`
          ╰────
         help: a test needs at least one thread; its statements stand under it, one a line
        "##);
    }

    #[test]
    fn the_spec_is_not_named_first() {
        insta::assert_snapshot!(complaint("var n = 0\nspec cond\nthread T\n  signal\n"), @r##"
         × the first directive names the spec
          ╭─[t.litmus:1:1]
        1 │ var n = 0
          · ─┬─
          ·  ╰── expected `spec NAME`
        2 │ spec cond
          ╰────
         help: for instance `spec cond`
        "##);
    }

    #[test]
    fn another_spec() {
        insta::assert_snapshot!(complaint("spec semaphore\nthread T\n  signal\n"), @r##"
         × this is a test of spec `semaphore`, not of `cond`
          ╭─[t.litmus:1:6]
        1 │ spec semaphore
          ·      ────┬────
          ·          ╰── another spec
        2 │ thread T
          ╰────
        "##);
    }

    #[test]
    fn two_specs() {
        insta::assert_snapshot!(complaint("spec cond\nspec toy\nthread T\n  signal\n"), @r##"
         × the spec is named twice
          ╭─[t.litmus:2:1]
        1 │ spec cond
          ·      ──┬─
          ·        ╰── the first
        2 │ spec toy
          · ────┬───
          ·     ╰── the second
        3 │ thread T
          ╰────
         help: a test is a test of one spec
        "##);
    }

    #[test]
    fn an_atomic_without_ordering() {
        insta::assert_snapshot!(complaint("spec cond\natomic p = 0\nthread T\n  p = 1\n"), @r##"
         × expected `relaxed`, `acqrel` or `seqcst`, found the end of the line
          ╭─[t.litmus:2:13]
        1 │ spec cond
        2 │ atomic p = 0
          ·             ▲
          ·             ╰── expected `relaxed`, `acqrel` or `seqcst`
        3 │ thread T
          ╰────
        "##);
    }

    #[test]
    fn an_unknown_ordering() {
        insta::assert_snapshot!(complaint("spec cond\natomic p = 0 release\nthread T\n  p = 1\n"), @r##"
         × expected `relaxed`, `acqrel` or `seqcst`, found `release`
          ╭─[t.litmus:2:14]
        1 │ spec cond
        2 │ atomic p = 0 release
          ·              ───┬───
          ·                 ╰── expected `relaxed`, `acqrel` or `seqcst`
        3 │ thread T
          ╰────
        "##);
    }

    #[test]
    fn a_directive_in_a_thread() {
        insta::assert_snapshot!(complaint("spec cond\nthread T\n  signal\n  var n = 0\n  n = 1\n"), @r##"
         × a directive after the first thread
          ╭─[t.litmus:4:3]
        3 │   signal
        4 │   var n = 0
          ·   ─┬─
          ·    ╰── too late
        5 │   n = 1
          ╰────
         help: directives stand before the first `thread`
        "##);
    }

    #[test]
    fn the_same_name_twice() {
        insta::assert_snapshot!(complaint("spec cond\natomic p = 0 relaxed\nvar p = 1\nthread T\n  signal\nthread T\n  signal\n"), @r##"
         × variable `p` is given twice
          ╭─[t.litmus:3:5]
        1 │ spec cond
        2 │ atomic p = 0 relaxed
          ·        ┬
          ·        ╰── the first
        3 │ var p = 1
          ·     ┬
          ·     ╰── the second
        4 │ thread T
          ╰────
         × thread `T` is given twice
          ╭─[t.litmus:6:8]
        3 │ var p = 1
        4 │ thread T
          ·        ┬
          ·        ╰── the first
        5 │   signal
        6 │ thread T
          ·        ┬
          ·        ╰── the second
        7 │   signal
          ╰────
        "##);
    }

    #[test]
    fn initial_values_that_do_not_fit() {
        insta::assert_snapshot!(complaint("spec cond\ninitial wait 3\ninitial notify 2\nthread T\n  signal\n"), @r##"
         × `wait` is 3 and `notify` is 2: the tickets between would have no owner
          ╭─[t.litmus:2:9]
        1 │     spec cond
        2 │ ╭─▶ initial wait 3
        3 │ ├─▶ initial notify 2
          · ╰──── these initial values
        4 │     thread T
          ╰────
         help: expected wait = 3 and notify = 3
        "##);
    }

    #[test]
    fn an_observable_that_is_not_shown() {
        insta::assert_snapshot!(complaint("spec cond\nparameter spurious allowed\nthread T\n  signal\nexists state.wait == 0\n"), @r##"
         × `wait` is not shown under these parameters
          ╭─[t.litmus:5:14]
        4 │   signal
        5 │ exists state.wait == 0
          ·              ──┬─
          ·                ╰── never known
          ╰────
         help: the parameters are order fifo, spurious allowed, locker mutex and timeouts clocked
        "##);
    }
}

//! From text to program, in two passes, with the place of everything that either pass may want to point at.

use selvedge_model::spec::nearest;
use selvedge_model::{Form, Spec, Unreadable};

use super::diagnostic::{Diagnostic, Diagnostics, PROBLEMS_MAX, Span, line_of};
use super::grammar::{self, ATOMS, Directive, KEYWORDS, OpText, RawStatement, Word, list};
use super::program::{Access, Expectation, Program, Statement, ThreadBody, ThreadIndex, Variable};
use super::resolve::{Mentions, Scope, condition, expression, never_or_always};

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
            for op in statements.iter().filter_map(|place| place.op.as_ref()) {
                match op.text().parse::<S::Op>() {
                    Ok(read) => ops.push(read),
                    Err(unreadable) => problems.push(self.explain_op::<S>(thread, op, unreadable)),
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
                problems.push(unknown(&format!("value of `{name}`"), value, value_at, parameter.values.iter().copied()));
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
            Ok(spec) => {
                if let Err(unknown) = spec.initial(&self.program.initial) {
                    problems.push(
                        Diagnostic::new(unknown.message, place(&places.initial), "these initial values")
                            .maybe_help(expected(&unknown.expected)),
                    );
                }
            }
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

    fn explain_op<S: Spec>(&self, thread: ThreadIndex, op: &OpText, unreadable: Unreadable) -> Diagnostic {
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
        if self.program.variables.iter().any(|variable| variable.name == *name) {
            return Diagnostic::new(format!("`{name}` is a shared variable, not an operation"), at, "not an operation")
                .help(format!("to write it: `{name} = 1` or `{name} += 1`"));
        }
        if self.program.threads[thread].registers.contains(name) {
            return Diagnostic::new(format!("`{name}` is a register, not an operation"), at, "not an operation")
                .help(format!("to write it: `{name} = ...`"));
        }
        let forms = S::forms().iter().map(|form| form.name);
        let help = match nearest(name, forms.chain(KEYWORDS)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "operations of `{}`: {}",
                self.program.spec,
                S::forms().iter().map(usage).collect::<Vec<_>>().join(", ")
            ),
        };
        Diagnostic::new(format!("unknown operation `{name}`"), at, "not an operation of this spec").help(help)
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
    (!known.is_empty()).then(|| format!("there is {}", list(&known, "and")))
}

fn unknown<'a>(what: &str, name: &str, at: &Span, known: impl Iterator<Item = &'a str> + Clone) -> Diagnostic {
    let label = format!("no such {}", what.split(' ').next().unwrap_or(what));
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
            Directive::Expectation(..) => Section::Expectations,
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
                match condition(&tree, &scope, &mut self.places.mentions) {
                    Ok(condition) => {
                        let place = line.clone();
                        let expectation = Expectation { quantifier, condition };
                        if let Some(problem) = never_or_always(&expectation, &self.program, tree.span) {
                            self.problems.push(problem);
                        }
                        self.program.expectations.push(expectation);
                        self.places.expectations.push(place);
                    }
                    Err(problems) => self.problems.extend(problems),
                }
            }
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
                    Some(target) => {
                        if self.program.variables.iter().any(|variable| variable.name == target.text) {
                            let message = format!("an answer cannot go straight into shared variable `{}`", target.text);
                            return Err(vec![
                                Diagnostic::new(message, target.span, "a shared variable").help(format!(
                                    "keep it in a register first: `answer = {}`, then `{} = answer`",
                                    op.text(),
                                    target.text
                                )),
                            ]);
                        }
                        Some(self.assign(thread, target))
                    }
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
                Diagnostic::new("this names no spec", end..end, "expected `spec NAME`").help("for instance `spec cond`"),
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

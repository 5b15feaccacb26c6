//! The grammar of one line.
//!
//! Every line stands for itself, so a mistake in one does not hide the next. What a name means is not decided here but
//! in [`super::resolve`], with one exception: `r0 = NAME` reads an expression if the name is one that the thread knows
//! and an operation otherwise, so [`statement`] asks.

use std::ops::Range;

use winnow::combinator::{alt, cut_err, delimited, empty, not, opt, peek, preceded, repeat, terminated};
use winnow::error::{AddContext, ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{Location, Stream};
use winnow::token::{one_of, rest, take_while};
use winnow::{LocatingSlice, Stateful};

use super::diagnostic::{Diagnostic, Span};
use super::program::{Access, Binary, Quantifier};

/// Parentheses and negations may nest this deep: enough for anybody, and the reader's stack is finite.
pub(super) const DEPTH_MAX: usize = 64;
/// One expression may have this many operators: evaluating and dropping a chain costs stack in proportion.
pub(super) const OPERATORS_MAX: usize = 256;

/// The words that begin a line of their own; no name may be one of them.
pub(super) const KEYWORDS: [&str; 12] = [
    "spec",
    "parameter",
    "initial",
    "clauses",
    "var",
    "atomic",
    "thread",
    "await",
    "exists",
    "forall",
    "never",
    "observation",
];
/// The words that begin an atom of an expectation; no variable, register or thread may be one of them.
pub(super) const ATOMS: [&str; 5] = ["done", "blocked", "abort", "race", "state"];

/// A name and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub text: String,
    pub span: Span,
}

/// An operation's text, in two parts because `wait-while` puts a suffix between them.
#[derive(Clone, Debug)]
pub(super) struct OpText {
    pub name: Word,
    /// Empty if there are none.
    pub arguments: Word,
}

impl OpText {
    /// The operation as its spec reads it.
    pub(super) fn text(&self) -> String {
        if self.arguments.text.is_empty() {
            self.name.text.clone()
        } else {
            format!("{} {}", self.name.text, self.arguments.text)
        }
    }

    /// Where a part of [`OpText::text`] stands in the file.
    pub(super) fn locate(&self, part: Range<usize>) -> Span {
        let length = self.text().len();
        let place = |offset: usize| {
            let arguments_from = self.name.text.len() + 1;
            if offset < arguments_from || self.arguments.text.is_empty() {
                self.name.span.start + offset.min(self.name.text.len())
            } else {
                self.arguments.span.start + (offset - arguments_from)
            }
        };
        // A spec may name a place between two bytes of a character, or beyond the end: stay within the text.
        let floor = |offset: usize| {
            let text = self.text();
            (0..=offset.min(length)).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0)
        };
        let (start, end) = (place(floor(part.start)), place(floor(part.end)));
        start..end.max(start)
    }

    /// Where the whole operation stands.
    pub(super) fn span(&self) -> Span {
        if self.arguments.text.is_empty() {
            self.name.span.clone()
        } else {
            self.name.span.start..self.arguments.span.end
        }
    }
}

/// An expression or a condition, before names are resolved.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub node: Node,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Int(i64),
    /// A variable, a register or a word.
    Name(String),
    /// A word in quotes, quotes and escapes removed.
    Quoted(String),
    Register(Word, Word),
    State(Word),
    Done(Word),
    Blocked(Word),
    Abort(Word),
    Race(Word),
    Not(Box<Tree>),
    Binary(Binary, Box<Tree>, Box<Tree>),
}

/// A directive or an expectation.
#[derive(Clone, Debug)]
pub(super) enum Directive {
    Spec(Word),
    Parameter(Word, Word),
    Initial(Word, i64),
    Clauses(Vec<Word>),
    Variable(Word, Access, i64),
    Thread(Word),
    Expectation(Quantifier, Tree),
    /// The name of an observation.
    Observation(Word),
    /// What an observation says, quotes and escapes removed.
    ObservationText(String),
}

/// A statement, before names are resolved.
#[derive(Clone, Debug)]
pub(super) enum RawStatement {
    Operation(Option<Word>, OpText),
    While(OpText, Tree),
    If(OpText, Tree),
    Assign(Word, Tree),
    Add(Word, Tree),
    Await(Tree),
}

/// Reads a line that begins with one of [`KEYWORDS`], `await` excepted.
pub(super) fn directive(text: &str, line: Span) -> Result<Directive, Box<Diagnostic>> {
    run(text, line, any_directive)
}

/// Reads a statement. `known` tells the variables and the registers that the thread has assigned so far.
pub(super) fn statement(text: &str, line: Span, known: &dyn Fn(&str) -> bool) -> Result<RawStatement, Box<Diagnostic>> {
    run(text, line, |input: &mut Input<'_>| any_statement(input, known))
}

/// The first word of a line: letters, digits, `_` and `-`.
pub(super) fn first_word(line: &str) -> &str {
    let end = line.find(|c: char| !is_word(c)).unwrap_or(line.len());
    &line[..end]
}

/// Whether the text is an identifier: a letter or `_`, then letters, digits and `_`.
pub(super) fn is_identifier(text: &str) -> bool {
    text.starts_with(is_identifier_start) && text.chars().all(is_identifier_part)
}

/// The part of a line that is not a comment. A comment is a `#` at the start of the line or after a space, outside
/// quotes.
pub(super) fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    let mut space = true;
    for (offset, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted && space => return &line[..offset],
            _ => {}
        }
        space = c.is_whitespace();
    }
    line
}

type Input<'a> = Stateful<LocatingSlice<&'a str>, Limits>;
type Parsed<T> = Result<T, ErrMode<Fault>>;

#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    depth: usize,
    operators: usize,
}

/// Why a parser gave up: what it expected where, or a diagnosis that says it better.
#[derive(Clone, Debug)]
struct Fault {
    at: usize,
    expected: Vec<&'static str>,
    diagnosis: Option<Box<Diagnostic>>,
}

impl ParserError<Input<'_>> for Fault {
    type Inner = Self;

    fn from_input(input: &Input<'_>) -> Self {
        Fault { at: input.current_token_start(), expected: Vec::new(), diagnosis: None }
    }

    /// The alternative that got furthest knows best.
    fn or(mut self, other: Self) -> Self {
        if other.diagnosis.is_some() || other.at > self.at {
            return other;
        }
        if other.at == self.at && self.diagnosis.is_none() {
            self.expected.extend(other.expected);
        }
        self
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

impl<'a> AddContext<Input<'a>, &'static str> for Fault {
    /// What was expected, unless the parser got beyond its start and knows better.
    fn add_context(
        mut self,
        input: &Input<'a>,
        token_start: &<Input<'a> as Stream>::Checkpoint,
        context: &'static str,
    ) -> Self {
        let mut from = *input;
        from.reset(token_start);
        if self.diagnosis.is_none() && self.at == from.current_token_start() {
            self.expected = vec![context];
        }
        self
    }
}

fn run<'a, T>(
    text: &'a str,
    line: Span,
    mut parser: impl FnMut(&mut Input<'a>) -> Parsed<T>,
) -> Result<T, Box<Diagnostic>> {
    let mut input = Stateful { input: LocatingSlice::new(&text[..line.end]), state: Limits::default() };
    input.next_slice(line.start);
    let parsed = parser(&mut input).and_then(|parsed| {
        end_of_line(&mut input)?;
        Ok(parsed)
    });
    parsed.map_err(|error| match error {
        ErrMode::Backtrack(fault) | ErrMode::Cut(fault) => fault.explain(text, &line),
        ErrMode::Incomplete(_) => unreachable!("the whole line is there"),
    })
}

impl Fault {
    fn explain(self, text: &str, line: &Span) -> Box<Diagnostic> {
        if let Some(diagnosis) = self.diagnosis {
            return diagnosis;
        }
        let mut expected = self.expected;
        expected.dedup();
        let expected = if expected.is_empty() { "something else".to_owned() } else { list(&expected, "or") };
        let found = token_at(text, self.at, line.end);
        let message = if found.is_empty() {
            format!("expected {expected}, found the end of the line")
        } else {
            format!("expected {expected}, found `{}`", &text[found.clone()])
        };
        // The end of a line is shown under its last character: a caret beyond it may have nothing to stand under.
        Box::new(Diagnostic::new(message, found, format!("expected {expected}")))
    }
}

/// `a, b or c`.
pub(super) fn list<T: AsRef<str>>(items: &[T], last: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [init @ .., end] => {
            let init: Vec<&str> = init.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", init.join(", "), end.as_ref())
        }
    }
}

/// What a reader would call the token here: a word, or one character.
fn token_at(text: &str, at: usize, end: usize) -> Span {
    let after = &text[at..end];
    let length = match after.chars().next() {
        None => 0,
        Some(c) if is_word(c) => first_word(after).len(),
        Some(c) => c.len_utf8(),
    };
    at..at + length
}

fn diagnosis<T>(diagnostic: Diagnostic) -> Parsed<T> {
    Err(ErrMode::Cut(Fault { at: diagnostic.span.start, expected: Vec::new(), diagnosis: Some(Box::new(diagnostic)) }))
}

fn is_identifier_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_identifier_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_word(c: char) -> bool {
    is_identifier_part(c) || c == '-'
}

fn spaces(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., [' ', '\t']).void().parse_next(input)
}

fn gap(input: &mut Input<'_>) -> Parsed<()> {
    take_while(1.., [' ', '\t']).void().context("a space").parse_next(input)
}

fn word_of<'a>(
    parser: impl Parser<Input<'a>, &'a str, ErrMode<Fault>>,
) -> impl Parser<Input<'a>, Word, ErrMode<Fault>> {
    parser.with_span().map(|(text, span)| Word { text: text.to_owned(), span })
}

fn identifier(input: &mut Input<'_>) -> Parsed<Word> {
    word_of((one_of(is_identifier_start), take_while(0.., is_identifier_part)).take()).parse_next(input)
}

/// The name of a spec, a parameter, its value, an observable, a clause: hyphens and dots allowed.
fn name(input: &mut Input<'_>) -> Parsed<Word> {
    word_of((one_of(is_identifier_part), take_while(0.., |c| is_word(c) || c == '.')).take()).parse_next(input)
}

fn integer(input: &mut Input<'_>) -> Parsed<i64> {
    let (digits, span) = (opt('-'), take_while(1.., |c: char| c.is_ascii_digit()))
        .take()
        .with_span()
        .context("a whole number")
        .parse_next(input)?;
    if let Ok(Some(c)) = opt(peek(one_of(is_identifier_start))).parse_next(input) as Parsed<Option<char>> {
        let help = match c {
            'x' | 'X' | 'b' | 'o' | '_' => "numbers are written in decimal, digits only",
            _ => "names begin with a letter",
        };
        let end = span.end + take_while(1.., is_identifier_part).parse_next(input)?.len();
        return diagnosis(Diagnostic::new("not a number", span.start..end, "letters in a number").help(help));
    }
    match digits.parse() {
        Ok(number) => Ok(number),
        Err(_) => {
            diagnosis(Diagnostic::new(format!("`{digits}` does not fit in 64 bits"), span, "too large").help(format!(
                "numbers go from {} to {}",
                i64::MIN,
                i64::MAX
            )))
        }
    }
}

fn end_of_line(input: &mut Input<'_>) -> Parsed<()> {
    spaces(input)?;
    let start = input.current_token_start();
    let left = rest.parse_next(input)?;
    if left.is_empty() {
        return Ok(());
    }
    Err(ErrMode::Cut(Fault { at: start, expected: vec!["the end of the line"], diagnosis: None }))
}

fn any_directive(input: &mut Input<'_>) -> Parsed<Directive> {
    let keyword = identifier.parse_next(input)?;
    match keyword.text.as_str() {
        "spec" => after_keyword(name, "the name of a spec").map(Directive::Spec).parse_next(input),
        "parameter" => (after_keyword(name, "the name of a parameter"), after_keyword(name, "the parameter's value"))
            .map(|(name, value)| Directive::Parameter(name, value))
            .parse_next(input),
        "initial" => (after_keyword(name, "the name of an observable"), after_keyword(integer, "a whole number"))
            .map(|(name, value)| Directive::Initial(name, value))
            .parse_next(input),
        "clauses" => {
            let first = after_keyword(name, "the id of a clause").parse_next(input)?;
            let mut clauses: Vec<Word> = repeat(0.., preceded(gap, name)).parse_next(input)?;
            clauses.insert(0, first);
            Ok(Directive::Clauses(clauses))
        }
        "var" => {
            let (name, initial) = variable(input)?;
            Ok(Directive::Variable(name, Access::Plain, initial))
        }
        "atomic" => {
            let (name, initial) = variable(input)?;
            let access = after_keyword(name_of_access, "`relaxed`, `acqrel` or `seqcst`").parse_next(input)?;
            Ok(Directive::Variable(name, access, initial))
        }
        "thread" => after_keyword(identifier, "the thread's name").map(Directive::Thread).parse_next(input),
        "exists" => expectation(Quantifier::Exists, input),
        "forall" => expectation(Quantifier::Forall, input),
        "never" => expectation(Quantifier::Never, input),
        "observation" => after_keyword(observation, "a name, or a text in quotes").parse_next(input),
        other => unreachable!("`{other}` was dispatched here but is no directive"),
    }
}

/// A gap and then, without a way back, what the keyword needs.
fn after_keyword<'a, T>(
    parser: impl Parser<Input<'a>, T, ErrMode<Fault>>,
    expected: &'static str,
) -> impl Parser<Input<'a>, T, ErrMode<Fault>> {
    // The label stands on both: at the end of the line there is not even a gap.
    cut_err(preceded(gap.context(expected), parser.context(expected)))
}

fn variable(input: &mut Input<'_>) -> Parsed<(Word, i64)> {
    let name = after_keyword(identifier, "the variable's name").parse_next(input)?;
    cut_err(preceded(spaces, '='.context("`=` and the initial value"))).parse_next(input)?;
    let value = cut_err(preceded(spaces, integer.context("the initial value, a whole number"))).parse_next(input)?;
    Ok((name, value))
}

fn name_of_access(input: &mut Input<'_>) -> Parsed<Access> {
    let ends = not(one_of(is_word));
    let access =
        alt(("relaxed".value(Access::Relaxed), "acqrel".value(Access::AcqRel), "seqcst".value(Access::SeqCst)));
    terminated(access, ends).parse_next(input)
}

fn expectation(quantifier: Quantifier, input: &mut Input<'_>) -> Parsed<Directive> {
    let condition = after_keyword(tree, "a condition").parse_next(input)?;
    Ok(Directive::Expectation(quantifier, condition))
}

fn observation(input: &mut Input<'_>) -> Parsed<Directive> {
    alt((text_in_quotes.map(Directive::ObservationText), name.map(Directive::Observation))).parse_next(input)
}

fn any_statement<'a>(input: &mut Input<'a>, known: &dyn Fn(&str) -> bool) -> Parsed<RawStatement> {
    if opt(keyword("await")).parse_next(input)?.is_some() {
        return after_keyword(tree, "a condition").map(RawStatement::Await).parse_next(input);
    }
    let start = input.checkpoint();
    if let Some(target) = opt(terminated(identifier, spaces)).parse_next(input)? {
        let operator_at = input.current_token_start();
        let operator = opt(alt((
            "+=",
            terminated("=", not('=')),
            // Wrong, but what somebody who comes from elsewhere writes.
            "-=",
            "*=",
            "++",
            "--",
            ":=",
        )))
        .parse_next(input)?;
        spaces(input)?;
        match operator {
            None => input.reset(&start),
            Some("=") => return assignment(target, input, known),
            Some("+=") => {
                let value = cut_err(tree.context("a value")).parse_next(input)?;
                return Ok(RawStatement::Add(target, value));
            }
            Some(other) => {
                let name = &target.text;
                let instead = match other {
                    "++" => format!("write `{name} += 1`"),
                    "--" => format!("write `{name} += -1`"),
                    "-=" => format!("add a negative number: `{name} += -1`"),
                    _ => format!("write `{name} = ...`"),
                };
                let span = operator_at..operator_at + other.len();
                return diagnosis(
                    Diagnostic::new(format!("there is no `{other}`"), span, "expected `=` or `+=`").help(instead),
                );
            }
        }
    }
    operation_line(input)
}

/// `TARGET =` has been read: an expression if the first word is one that the thread knows, else an operation.
fn assignment(target: Word, input: &mut Input<'_>, known: &dyn Fn(&str) -> bool) -> Parsed<RawStatement> {
    let right: &str = peek(rest).parse_next(input)?;
    let first = first_word(right);
    // `W1:r0` and `state.wait` are no operations either, but something that an expression must refuse.
    let is_name = |part: &str| known(part) || part.parse::<u64>().is_ok();
    let is_expression = first.split('-').all(is_name) || right[first.len()..].starts_with([':', '.']);
    if first.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_expression {
        let (op, guard) = operation(input)?;
        return match guard {
            None => Ok(RawStatement::Operation(Some(target), op)),
            Some((_, suffix)) => diagnosis(
                Diagnostic::new(
                    "a repeated or conditional operation has no answer to keep",
                    op.name.span,
                    "gives none",
                )
                .help(format!("write `{}` without `{suffix}`, or without `{} =`", op.name.text, target.text)),
            ),
        };
    }
    let value = cut_err(tree.context("a value or an operation")).parse_next(input)?;
    Ok(RawStatement::Assign(target, value))
}

#[derive(Clone, Copy)]
enum Guard {
    While,
    If,
}

fn operation_line(input: &mut Input<'_>) -> Parsed<RawStatement> {
    let (op, guard) = operation(input)?;
    let Some((guard, suffix)) = guard else {
        return Ok(RawStatement::Operation(None, op));
    };
    let missing = if suffix == "-while" { "the condition to repeat on" } else { "the condition" };
    let condition = cut_err(preceded(spaces, tree.context(missing))).parse_next(input)?;
    Ok(match guard {
        Guard::While => RawStatement::While(op, condition),
        Guard::If => RawStatement::If(op, condition),
    })
}

/// An operation's text. With `-while` or `-if` after its name it ends before the condition.
fn operation(input: &mut Input<'_>) -> Parsed<(OpText, Option<(Guard, &'static str)>)> {
    let mut name = word_of(
        terminated(
            (one_of(|c: char| c.is_ascii_alphabetic()), take_while(0.., is_word)).take(),
            peek(alt((one_of([' ', '\t']).void(), winnow::combinator::eof.void()))).context("a space"),
        )
        .context("an operation, an assignment or `await`"),
    )
    .parse_next(input)?;
    spaces(input)?;
    let guard = [(Guard::While, "-while"), (Guard::If, "-if")]
        .into_iter()
        .find(|(_, suffix)| name.text.len() > suffix.len() && name.text.ends_with(suffix));
    let Some((_, suffix)) = guard else {
        let arguments = word_of(rest).parse_next(input)?;
        return Ok((OpText { name, arguments }, None));
    };
    name.text.truncate(name.text.len() - suffix.len());
    name.span.end -= suffix.len();
    let right: &str = peek(rest).parse_next(input)?;
    let arguments = match last_colon(right) {
        None => Word { text: String::new(), span: name.span.end..name.span.end },
        Some(colon) => {
            let at = input.current_token_start();
            let text = right[..colon].trim_end();
            input.next_slice(colon + 1);
            Word { text: text.to_owned(), span: at..at + text.len() }
        }
    };
    Ok((OpText { name, arguments }, guard))
}

/// The last `:` outside quotes: it separates an operation's arguments from the condition, which has none.
fn last_colon(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let mut last = None;
    for (offset, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ':' if !quoted => last = Some(offset),
            _ => {}
        }
    }
    last
}

/// Loosest first. One comparison an expression: `a < b < c` means something else than it says.
const LEVELS: [&[(&str, Binary)]; 5] = [
    &[("||", Binary::Or)],
    &[("&&", Binary::And)],
    &[
        ("==", Binary::Equal),
        ("!=", Binary::NotEqual),
        ("<=", Binary::LessOrEqual),
        (">=", Binary::GreaterOrEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("*", Binary::Multiply)],
];
const COMPARISON: usize = 2;

fn tree(input: &mut Input<'_>) -> Parsed<Tree> {
    let tree = level(input, 0)?;
    spaces(input)?;
    let at = input.current_token_start();
    let left: &str = peek(rest).parse_next(input)?;
    let slip = [
        ("=", "compare with `==`"),
        ("&", "write `&&`"),
        ("|", "write `||`"),
        ("and ", "write `&&`"),
        ("or ", "write `||`"),
        ("/", "there is no division"),
        ("%", "there is no remainder"),
    ]
    .into_iter()
    .find(|(slip, _)| left.starts_with(slip));
    if let Some((slip, help)) = slip {
        let span = at..at + slip.trim_end().len();
        let message = format!("`{}` is not an operator", slip.trim_end());
        return diagnosis(Diagnostic::new(message, span, "expected an operator").help(help));
    }
    if left.is_empty() || left.starts_with(')') {
        return Ok(tree);
    }
    Err(ErrMode::Cut(Fault { at, expected: vec!["an operator", "the end of the line"], diagnosis: None }))
}

fn level(input: &mut Input<'_>, index: usize) -> Parsed<Tree> {
    let Some(operators) = LEVELS.get(index) else {
        return operand(input);
    };
    let mut left = level(input, index + 1)?;
    let mut compared: Option<Span> = None;
    loop {
        let before = input.checkpoint();
        spaces(input)?;
        let at = input.current_token_start();
        let ahead: &str = peek(rest).parse_next(input)?;
        let Some((symbol, operator)) = operators.iter().find(|(symbol, _)| ahead.starts_with(symbol)) else {
            input.reset(&before);
            return Ok(left);
        };
        let span = at..at + symbol.len();
        if let Some(first) = compared {
            return diagnosis(
                Diagnostic::new("comparisons do not chain", span, "a second comparison")
                    .and(first, "the first")
                    .help("join two comparisons with `&&`, or put parentheses around one"),
            );
        }
        input.next_slice(symbol.len());
        input.state.operators += 1;
        if input.state.operators > OPERATORS_MAX {
            let message = format!("more than {OPERATORS_MAX} operators in one expression");
            return diagnosis(Diagnostic::new(message, span, "one too many"));
        }
        if index == COMPARISON {
            compared = Some(span);
        }
        spaces(input)?;
        let right = cut_err(|input: &mut Input<'_>| level(input, index + 1)).parse_next(input)?;
        let span = left.span.start..right.span.end;
        left = Tree { node: Node::Binary(*operator, Box::new(left), Box::new(right)), span };
    }
}

fn operand(input: &mut Input<'_>) -> Parsed<Tree> {
    input.state.depth += 1;
    let start = input.current_token_start();
    if input.state.depth > DEPTH_MAX {
        let message = format!("nested more than {DEPTH_MAX} deep");
        return diagnosis(Diagnostic::new(message, token_at_input(input), "too deep"));
    }
    let node = alt((parenthesised, negation, number, quoted, minus, named))
        .context("a variable, a register, a number or `(`")
        .parse_next(input);
    input.state.depth -= 1;
    Ok(Tree { node: node?, span: start..input.previous_token_end().max(start) })
}

fn token_at_input(input: &Input<'_>) -> Span {
    let at = input.current_token_start();
    let text: &str = input.input.as_ref();
    let length = text.chars().next().map_or(0, char::len_utf8);
    at..at + length
}

fn parenthesised(input: &mut Input<'_>) -> Parsed<Node> {
    let open = input.current_token_start();
    '('.parse_next(input)?;
    spaces(input)?;
    let inner = cut_err(tree).parse_next(input)?;
    spaces(input)?;
    if opt(')').parse_next(input)?.is_none() {
        let at = input.current_token_start();
        return diagnosis(
            Diagnostic::new("a parenthesis is never closed", at..at, "expected `)`").and(open..open + 1, "opened here"),
        );
    }
    Ok(inner.node)
}

fn negation(input: &mut Input<'_>) -> Parsed<Node> {
    terminated('!', not('=')).parse_next(input)?;
    spaces(input)?;
    let inner = cut_err(operand).parse_next(input)?;
    Ok(Node::Not(Box::new(inner)))
}

fn number(input: &mut Input<'_>) -> Parsed<Node> {
    integer.map(Node::Int).parse_next(input)
}

fn minus(input: &mut Input<'_>) -> Parsed<Node> {
    let span = '-'.span().parse_next(input)?;
    diagnosis(
        Diagnostic::new("a minus sign here needs a number right after it", span, "expected a number")
            .help("to negate a variable, write `0 - NAME`"),
    )
}

fn quoted(input: &mut Input<'_>) -> Parsed<Node> {
    let start = input.current_token_start();
    let text = text_in_quotes.parse_next(input)?;
    if text.parse::<i64>().is_ok() {
        let span = start..input.previous_token_end();
        return diagnosis(
            Diagnostic::new("a number in quotes", span, "this is a word, which no number equals")
                .help(format!("write `{text}`")),
        );
    }
    Ok(Node::Quoted(text))
}

/// A text in quotes, without them and its escapes.
fn text_in_quotes(input: &mut Input<'_>) -> Parsed<String> {
    let start = input.current_token_start();
    '"'.parse_next(input)?;
    let mut text = String::new();
    loop {
        let at = input.current_token_start();
        let next = opt(winnow::token::any).parse_next(input)?;
        match next {
            None => {
                return diagnosis(Diagnostic::new(
                    "a quote is never closed",
                    start..at,
                    "expected `\"` before the end",
                ));
            }
            Some('"') => return Ok(text),
            Some('\\') => match opt(winnow::token::any).parse_next(input)? {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some(c @ ('"' | '\\')) => text.push(c),
                _ => {
                    let end = input.previous_token_end();
                    return diagnosis(
                        Diagnostic::new("unknown escape", at..end, "expected `\\n`, `\\r`, `\\\"` or `\\\\`")
                            .help("a backslash itself is written `\\\\`"),
                    );
                }
            },
            Some(c) => text.push(c),
        }
    }
}

fn named(input: &mut Input<'_>) -> Parsed<Node> {
    let first = identifier.parse_next(input)?;
    let after = |input: &mut Input<'_>| -> Parsed<Option<Word>> { opt(preceded(gap, identifier)).parse_next(input) };
    let node = match first.text.as_str() {
        "done" => after(input)?.map(Node::Done),
        "blocked" => after(input)?.map(Node::Blocked),
        "race" => after(input)?.map(Node::Race),
        "abort" => opt(preceded(gap, name)).parse_next(input)?.map(Node::Abort),
        "state" => {
            opt(preceded('.', cut_err(name.context("the name of an observable")))).parse_next(input)?.map(Node::State)
        }
        _ => opt(preceded(':', cut_err(identifier.context("a register"))))
            .parse_next(input)?
            .map(|register| Node::Register(first.clone(), register)),
    };
    Ok(node.unwrap_or(Node::Name(first.text)))
}

fn keyword<'a>(word: &'static str) -> impl Parser<Input<'a>, (), ErrMode<Fault>> {
    delimited(empty, word, not(one_of(is_word))).void()
}

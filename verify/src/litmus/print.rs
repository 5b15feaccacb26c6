//! The canonical form of a program: what [`super::parse`] reads back as the same program.
//!
//! That holds for every program that the language can express: names are identifiers and none is a word of the
//! language or an operation's name, registers stand in the order of their first assignments and are read only after
//! them, words are compared only with registers, and an operation's text is one line.

use std::fmt::{self, Display, Write};

use super::grammar::{ATOMS, KEYWORDS, is_identifier};
use super::program::{Access, Binary, Condition, Expr, Program, Statement, ThreadBody};

impl<Op: Display> Display for Program<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.about {
            writeln!(f, "{}", format!("# {line}").trim_end())?;
        }
        writeln!(f, "spec {}", self.spec)?;
        for (name, value) in &self.parameters {
            writeln!(f, "parameter {name} {value}")?;
        }
        for (name, value) in &self.initial {
            writeln!(f, "initial {name} {value}")?;
        }
        if !self.clauses.is_empty() {
            writeln!(f, "clauses {}", self.clauses.join(" "))?;
        }
        for variable in &self.variables {
            let (name, initial) = (&variable.name, variable.initial);
            match variable.access {
                Access::Plain => writeln!(f, "var {name} = {initial}")?,
                Access::Relaxed => writeln!(f, "atomic {name} = {initial} relaxed")?,
                Access::AcqRel => writeln!(f, "atomic {name} = {initial} acqrel")?,
                Access::SeqCst => writeln!(f, "atomic {name} = {initial} seqcst")?,
            }
        }
        for thread in &self.threads {
            writeln!(f, "\nthread {}", thread.name)?;
            for statement in &thread.statements {
                writeln!(f, "  {}", self.statement(thread, statement))?;
            }
        }
        for (index, expectation) in self.expectations.iter().enumerate() {
            if index == 0 {
                writeln!(f)?;
            }
            writeln!(f, "{} {}", expectation.quantifier, self.condition(&expectation.condition))?;
        }
        Ok(())
    }
}

impl<Op: Display> Program<Op> {
    /// A statement of one of the program's threads as it is printed.
    pub fn statement(&self, thread: &ThreadBody<Op>, statement: &Statement<Op>) -> String {
        let names = Names { program: self, thread: Some(thread), quote_words: false };
        let expr = |expr: &Expr| printed(expr, &names);
        let variable = |index: &usize| &self.variables[*index].name;
        let guarded = |op: &Op, suffix: &str, condition: &Expr| {
            let op = op.to_string();
            match op.split_once(' ') {
                None => format!("{op}-{suffix} {}", expr(condition)),
                Some((name, arguments)) => format!("{name}-{suffix} {arguments} : {}", expr(condition)),
            }
        };
        // `r = word == s` would read as an operation named `word`.
        let assigned = |value: &Expr| printed(value, &Names { quote_words: begins_with_word(value), ..names });
        match statement {
            Statement::Operation { register: None, op } => op.to_string(),
            Statement::Operation { register: Some(register), op } => format!("{} = {op}", thread.registers[*register]),
            Statement::While { op, condition } => guarded(op, "while", condition),
            Statement::If { op, condition } => guarded(op, "if", condition),
            Statement::Write { variable: index, value } => format!("{} = {}", variable(index), assigned(value)),
            Statement::Add { variable: index, value } => format!("{} += {}", variable(index), expr(value)),
            Statement::Set { register, value } => format!("{} = {}", thread.registers[*register], assigned(value)),
            Statement::Await { condition } => format!("await {}", expr(condition)),
        }
    }

    /// A condition on the program's outcomes as it is printed.
    pub fn condition(&self, condition: &Condition) -> String {
        printed(condition, &Names { program: self, thread: None, quote_words: false })
    }
}

impl Binary {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Less => "<",
            Binary::LessOrEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterOrEqual => ">=",
            Binary::And => "&&",
            Binary::Or => "||",
        }
    }

    /// How tightly it binds; higher is tighter.
    fn strength(self) -> u8 {
        match self {
            Binary::Or => 1,
            Binary::And => 2,
            Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::LessOrEqual
            | Binary::Greater
            | Binary::GreaterOrEqual => COMPARISON,
            Binary::Add | Binary::Subtract => 4,
            Binary::Multiply => 5,
        }
    }
}

const COMPARISON: u8 = 3;
const OPERAND: u8 = 6;

struct Names<'a, Op> {
    program: &'a Program<Op>,
    thread: Option<&'a ThreadBody<Op>>,
    /// Put every word in quotes, needed or not.
    quote_words: bool,
}

impl<Op> Names<'_, Op> {
    /// A word, in quotes if it would read as something else.
    fn word(&self, word: &str) -> String {
        let taken = self.program.variables.iter().any(|variable| variable.name == word)
            || self.thread.is_some_and(|thread| thread.registers.iter().any(|register| register == word))
            || KEYWORDS.contains(&word)
            || ATOMS.contains(&word);
        if is_identifier(word) && !taken && !self.quote_words {
            return word.to_owned();
        }
        let mut quoted = String::from("\"");
        for c in word.chars() {
            match c {
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '"' | '\\' => quoted.extend(['\\', c]),
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        quoted
    }
}

/// What expressions and conditions have in common.
enum View<'a, T> {
    Leaf(String),
    Not(&'a T),
    Binary(Binary, &'a T, &'a T),
}

trait Viewed: Sized {
    fn view<Op>(&self, names: &Names<'_, Op>) -> View<'_, Self>;
}

impl Viewed for Expr {
    fn view<Op>(&self, names: &Names<'_, Op>) -> View<'_, Self> {
        View::Leaf(match self {
            Expr::Int(number) => number.to_string(),
            Expr::Word(word) => names.word(word),
            Expr::Variable(index) => names.program.variables[*index].name.clone(),
            Expr::Register(index) => {
                names.thread.expect("an expression belongs to a thread").registers[*index].clone()
            }
            Expr::Not(inner) => return View::Not(inner),
            Expr::Binary(operator, left, right) => return View::Binary(*operator, left, right),
        })
    }
}

impl Viewed for Condition {
    fn view<Op>(&self, names: &Names<'_, Op>) -> View<'_, Self> {
        let program = names.program;
        View::Leaf(match self {
            Condition::Int(number) => number.to_string(),
            Condition::Word(word) => names.word(word),
            Condition::Variable(index) => program.variables[*index].name.clone(),
            Condition::Register(thread, register) => {
                let thread = &program.threads[*thread];
                format!("{}:{}", thread.name, thread.registers[*register])
            }
            Condition::State(name) => format!("state.{name}"),
            Condition::Done(thread) => format!("done {}", program.threads[*thread].name),
            Condition::Blocked(thread) => format!("blocked {}", program.threads[*thread].name),
            Condition::Abort(clause) => format!("abort {clause}"),
            Condition::Race(variable) => format!("race {}", program.variables[*variable].name),
            Condition::Not(inner) => return View::Not(inner),
            Condition::Binary(operator, left, right) => return View::Binary(*operator, left, right),
        })
    }
}

fn printed<T: Viewed, Op>(tree: &T, names: &Names<'_, Op>) -> String {
    let mut out = String::new();
    write_tree(tree, names, 0, &mut out).expect("writing to a string does not fail");
    out
}

/// Writes a tree whose surroundings bind with `outer`: in parentheses if its own operator binds less.
fn write_tree<T: Viewed, Op>(tree: &T, names: &Names<'_, Op>, outer: u8, out: &mut String) -> fmt::Result {
    match tree.view(names) {
        View::Leaf(leaf) => out.write_str(&leaf),
        View::Not(inner) => {
            out.write_char('!')?;
            write_tree(inner, names, OPERAND, out)
        }
        View::Binary(operator, left, right) => {
            let strength = operator.strength();
            let parentheses = strength < outer;
            if parentheses {
                out.write_char('(')?;
            }
            // Operators group to the left, so a right operand of the same strength needs parentheses; comparisons do
            // not chain, so there the left one does, too.
            let left_outer = if strength == COMPARISON { strength + 1 } else { strength };
            write_tree(left, names, left_outer, out)?;
            write!(out, " {} ", operator.symbol())?;
            write_tree(right, names, strength + 1, out)?;
            if parentheses {
                out.write_char(')')?;
            }
            Ok(())
        }
    }
}

fn begins_with_word(expr: &Expr) -> bool {
    match expr {
        Expr::Word(_) => true,
        Expr::Binary(_, left, _) => begins_with_word(left),
        _ => false,
    }
}

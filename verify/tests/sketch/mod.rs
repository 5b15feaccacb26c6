//! Litmus programs in a few words of Rust, for tests of the explorer. Not the litmus language: just enough to write a
//! statement the way that language does.

use selvedge_model::{Spec, Unreadable};
use selvedge_verify::litmus::{Access, Binary, Expr, Program, Statement, ThreadBody, Value, Variable};

/// A program under construction, its operations still text.
#[derive(Clone, Debug)]
pub struct Sketch {
    program: Program<String>,
}

impl Sketch {
    /// A program for a spec of this name.
    pub fn new(spec: &str) -> Self {
        Self {
            program: Program {
                name: "sketch".to_owned(),
                about: Vec::new(),
                spec: spec.to_owned(),
                parameters: Vec::new(),
                initial: Vec::new(),
                clauses: Vec::new(),
                variables: Vec::new(),
                threads: Vec::new(),
                expectations: Vec::new(),
            },
        }
    }

    /// A program for the condition variable.
    pub fn cond() -> Self {
        Self::new("cond")
    }

    /// Sets an observable of the initial state.
    pub fn initial(mut self, name: &str, value: i64) -> Self {
        self.program.initial.push((name.to_owned(), value));
        self
    }

    /// Declares a plain variable.
    pub fn plain(self, name: &str, initial: i64) -> Self {
        self.variable(name, Access::Plain, initial)
    }

    /// Declares an atomic variable.
    pub fn atomic(self, name: &str, initial: i64) -> Self {
        self.variable(name, Access::SeqCst, initial)
    }

    fn variable(mut self, name: &str, access: Access, initial: i64) -> Self {
        self.program.variables.push(Variable { name: name.to_owned(), access, initial });
        self
    }

    /// Adds a thread. A statement is `r0 = EXPR`, `x = EXPR`, `x += EXPR`, `await EXPR`, `OP-while EXPR`, `OP-if EXPR`,
    /// `r0 = OP` or `OP`, where EXPR is `TERM` or `TERM OPERATOR TERM` and OP-while goes with `wait` only.
    pub fn thread(mut self, name: &str, statements: &[&str]) -> Self {
        let mut body = ThreadBody { name: name.to_owned(), registers: Vec::new(), statements: Vec::new() };
        for line in statements {
            let statement = self.statement(&mut body.registers, line);
            body.statements.push(statement);
        }
        self.program.threads.push(body);
        self
    }

    /// The program, its operations read.
    pub fn program<S: Spec>(self) -> Program<S::Op> {
        self.program.map_ops(|op| op.parse().unwrap_or_else(|error: Unreadable| panic!("{op}: {error}")))
    }

    fn statement(&self, registers: &mut Vec<String>, line: &str) -> Statement<String> {
        if let Some((wait, condition)) = line.split_once("-while ") {
            return Statement::While { op: wait.to_owned(), condition: self.expression(registers, condition) };
        }
        if let Some((wait, condition)) = line.split_once("-if ") {
            return Statement::If { op: wait.to_owned(), condition: self.expression(registers, condition) };
        }
        if let Some(condition) = line.strip_prefix("await ") {
            return Statement::Await { condition: self.expression(registers, condition) };
        }
        if let Some((name, value)) = line.split_once(" += ") {
            let variable = self.variable_named(name).unwrap_or_else(|| panic!("no variable {name}"));
            return Statement::Add { variable, value: self.expression(registers, value) };
        }
        let Some((name, value)) = line.split_once(" = ") else {
            return Statement::Operation { register: None, op: line.to_owned() };
        };
        if let Some(variable) = self.variable_named(name) {
            return Statement::Write { variable, value: self.expression(registers, value) };
        }
        let first = value.split(' ').next().unwrap_or_default();
        let is_expression = first.parse::<i64>().is_ok()
            || self.variable_named(first).is_some()
            || registers.iter().any(|register| register == first);
        let expression = is_expression.then(|| self.expression(registers, value));
        let register = registers.iter().position(|known| known == name).unwrap_or_else(|| {
            registers.push(name.to_owned());
            registers.len() - 1
        });
        match expression {
            Some(value) => Statement::Set { register, value },
            None => Statement::Operation { register: Some(register), op: value.to_owned() },
        }
    }

    fn expression(&self, registers: &[String], text: &str) -> Expr {
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            [term] => self.term(registers, term),
            [left, operator, right] => {
                let (left, right) = (self.term(registers, left), self.term(registers, right));
                Expr::Binary(operator_named(operator), Box::new(left), Box::new(right))
            }
            _ => panic!("not an expression: {text}"),
        }
    }

    fn term(&self, registers: &[String], text: &str) -> Expr {
        if let Some(variable) = self.variable_named(text) {
            return Expr::Variable(variable);
        }
        if let Some(register) = registers.iter().position(|register| register == text) {
            return Expr::Register(register);
        }
        match Value::of_text(text) {
            Value::Int(number) => Expr::Int(number),
            Value::Word(word) => Expr::Word(word),
        }
    }

    fn variable_named(&self, name: &str) -> Option<usize> {
        self.program.variables.iter().position(|variable| variable.name == name)
    }
}

fn operator_named(text: &str) -> Binary {
    match text {
        "==" => Binary::Equal,
        "!=" => Binary::NotEqual,
        "<" => Binary::Less,
        ">=" => Binary::GreaterOrEqual,
        "+" => Binary::Add,
        "-" => Binary::Subtract,
        "&&" => Binary::And,
        _ => panic!("not an operator: {text}"),
    }
}

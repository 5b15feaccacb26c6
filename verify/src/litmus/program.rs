//! A litmus program, parsed: what the explorer enumerates and what an engine runs.
//!
//! The program is generic over its operations: `Program<String>` is what the parser reads without knowing any spec,
//! `Program<S::Op>` is what everything else works on.

use std::collections::BTreeMap;
use std::fmt;

/// What a register or a variable holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// A number.
    Int(i64),
    /// A word that an operation returned, for instance `timeout`.
    Word(Box<str>),
}

impl Value {
    /// The value that a text stands for: a number if it reads as one.
    pub fn of_text(text: &str) -> Self {
        text.parse().map_or_else(|_| Value::Word(text.into()), Value::Int)
    }

    /// Whether the value counts as true: a number other than zero.
    pub fn is_true(&self) -> bool {
        matches!(self, Value::Int(number) if *number != 0)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Word(word) => f.write_str(word),
        }
    }
}

/// How a shared variable is accessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// A tracked cell: two accesses that are not ordered, one of them a write, are a data race.
    Plain,
    /// Atomic, `Relaxed`.
    Relaxed,
    /// Atomic: loads acquire, stores release, read-modify-writes do both.
    AcqRel,
    /// Atomic, `SeqCst`.
    SeqCst,
}

/// A shared variable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// How it is accessed.
    pub access: Access,
    /// Its value before the program starts.
    pub initial: i64,
}

/// Index of a variable in [`Program::variables`].
pub type VariableIndex = usize;
/// Index of a register in [`ThreadBody::registers`].
pub type RegisterIndex = usize;
/// Index of a thread in [`Program::threads`].
pub type ThreadIndex = usize;

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)] // The names say it.
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// An expression of a thread. Arithmetic wraps around; comparisons give 1 or 0.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Expr {
    /// A number.
    Int(i64),
    /// A word, to compare an operation's answer with.
    Word(Box<str>),
    /// A shared variable: evaluating it is a read event.
    Variable(VariableIndex),
    /// A register of the thread.
    Register(RegisterIndex),
    /// Logical negation.
    Not(Box<Expr>),
    /// Two operands; `And` and `Or` evaluate both (each read is an event, whatever the other operand's value).
    Binary(Binary, Box<Expr>, Box<Expr>),
}

/// One statement, one line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Statement<Op> {
    /// `OP` or `r0 = OP`: an operation of the spec; its answer may go to a register.
    Operation {
        /// Where the answer goes.
        register: Option<RegisterIndex>,
        /// The operation.
        op: Op,
    },
    /// `wait-while EXPR`: as long as the expression is true, perform the operation.
    While {
        /// The operation.
        op: Op,
        /// The condition, read anew before each turn.
        condition: Expr,
    },
    /// `wait-if EXPR`: if the expression is true, perform the operation, once. For condition variables this is the
    /// classic mistake.
    If {
        /// The operation.
        op: Op,
        /// The condition.
        condition: Expr,
    },
    /// `x = EXPR`: a write event.
    Write {
        /// The variable.
        variable: VariableIndex,
        /// The value.
        value: Expr,
    },
    /// `x += EXPR`: one read-modify-write on an atomic variable; on a plain one a read, then a write.
    Add {
        /// The variable.
        variable: VariableIndex,
        /// What is added; a subtraction is written as a negative number.
        value: Expr,
    },
    /// `r0 = EXPR`: into a register.
    Set {
        /// The register.
        register: RegisterIndex,
        /// The value.
        value: Expr,
    },
    /// `await EXPR`: blocks without effect until the expression over atomic variables is true. It forces an order, and
    /// orders: what happened before the write that made it true happens before what follows.
    Await {
        /// The condition.
        condition: Expr,
    },
}

impl<Op> Statement<Op> {
    /// The operation that the statement performs, if it performs one.
    pub fn op(&self) -> Option<&Op> {
        match self {
            Statement::Operation { op, .. } | Statement::While { op, .. } | Statement::If { op, .. } => Some(op),
            _ => None,
        }
    }
}

/// A thread.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ThreadBody<Op> {
    /// Its name.
    pub name: String,
    /// The names of its registers; each starts at 0.
    pub registers: Vec<String>,
    /// Its statements.
    pub statements: Vec<Statement<Op>>,
}

/// An expectation's quantifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Quantifier {
    /// Some outcome satisfies it.
    Exists,
    /// Every outcome satisfies it.
    Forall,
    /// No outcome satisfies it.
    Never,
}

impl fmt::Display for Quantifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quantifier::Exists => "exists",
            Quantifier::Forall => "forall",
            Quantifier::Never => "never",
        })
    }
}

/// A condition on an outcome.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Condition {
    /// A number.
    Int(i64),
    /// A word.
    Word(Box<str>),
    /// A variable's final value.
    Variable(VariableIndex),
    /// A register's final value, written `T1:r0`.
    Register(ThreadIndex, RegisterIndex),
    /// An observable of the spec's final state, written `state.notify`. Unknown for a subject that does not show it.
    State(String),
    /// `done T1`: the thread reached its end.
    Done(ThreadIndex),
    /// `blocked T1`: the thread can never go on.
    Blocked(ThreadIndex),
    /// `abort COND-01`: the program died of that clause.
    Abort(String),
    /// `race x`: a data race on the variable.
    Race(VariableIndex),
    /// Negation.
    Not(Box<Condition>),
    /// Two operands.
    Binary(Binary, Box<Condition>, Box<Condition>),
}

/// What a program's author expects of all its outcomes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Expectation {
    /// Of some, every or no outcome.
    pub quantifier: Quantifier,
    /// The condition.
    pub condition: Condition,
    /// What is remarkable about there being such outcomes, or none; never beside a `forall`.
    pub observation: Option<Observation>,
}

/// That a spec allows some outcomes, or does not, is worth reporting by itself: something seen in the spec, whose author
/// may not have meant it, and which the real system may or may not share.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Observation {
    /// Its name. Programs that name the same one are reported side by side.
    pub name: String,
    /// What to say of it, sentence by sentence.
    pub text: Vec<String>,
}

/// A litmus test.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Program<Op> {
    /// Its name, by convention the file's stem.
    pub name: String,
    /// What it shows: the `#` lines at the head of the file, without the `#`.
    pub about: Vec<String>,
    /// The spec's name.
    pub spec: String,
    /// Parameters of the spec, in file order.
    pub parameters: Vec<(String, String)>,
    /// Initial values of the spec's observables, in file order.
    pub initial: Vec<(String, i64)>,
    /// Clauses that the author wrote the test for.
    pub clauses: Vec<String>,
    /// The shared variables.
    pub variables: Vec<Variable>,
    /// The threads.
    pub threads: Vec<ThreadBody<Op>>,
    /// The expectations.
    pub expectations: Vec<Expectation>,
}

impl<Op> Program<Op> {
    /// Every operation that the program may perform, thread by thread.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.threads.iter().flat_map(|thread| &thread.statements).filter_map(Statement::op)
    }

    /// The same program with each operation mapped.
    pub fn map_ops<To>(self, mut map: impl FnMut(Op) -> To) -> Program<To> {
        let threads = self
            .threads
            .into_iter()
            .map(|thread| ThreadBody {
                name: thread.name,
                registers: thread.registers,
                statements: thread
                    .statements
                    .into_iter()
                    .map(|statement| match statement {
                        Statement::Operation { register, op } => Statement::Operation { register, op: map(op) },
                        Statement::While { op, condition } => Statement::While { op: map(op), condition },
                        Statement::If { op, condition } => Statement::If { op: map(op), condition },
                        Statement::Write { variable, value } => Statement::Write { variable, value },
                        Statement::Add { variable, value } => Statement::Add { variable, value },
                        Statement::Set { register, value } => Statement::Set { register, value },
                        Statement::Await { condition } => Statement::Await { condition },
                    })
                    .collect(),
            })
            .collect();
        Program {
            name: self.name,
            about: self.about,
            spec: self.spec,
            parameters: self.parameters,
            initial: self.initial,
            clauses: self.clauses,
            variables: self.variables,
            threads,
            expectations: self.expectations,
        }
    }
}

/// How a thread stands at the end of an execution.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ThreadEnd {
    /// It reached its end.
    Done,
    /// It can never go on from this statement (an index into its body).
    Blocked(usize),
}

/// How an execution ended when nothing could move any more.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Final {
    /// How each thread ended.
    pub threads: Vec<ThreadEnd>,
    /// The variables' final values.
    pub variables: Vec<i64>,
    /// Each thread's registers.
    pub registers: Vec<Vec<Value>>,
}

/// What an execution of a program comes to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// Everything ended or is blocked for ever.
    Final(Final),
    /// The program died of a fatal error; nothing after it counts.
    Abort {
        /// The thread that died.
        thread: ThreadIndex,
        /// The clause that demands it; empty where a subject died and no clause is known.
        clause: String,
    },
    /// There was a data race; nothing after it means anything.
    Race {
        /// The variable.
        variable: VariableIndex,
    },
}

/// The observables of the spec's final state, for conditions that ask for them.
pub type Observed = BTreeMap<String, i64>;

impl Condition {
    /// Whether the condition holds of the outcome. `None` if it asks for a state that nobody observed.
    pub fn holds(&self, outcome: &Outcome, observed: Option<&Observed>) -> Option<bool> {
        self.value(outcome, observed).map(|value| value.is_true())
    }

    fn value(&self, outcome: &Outcome, observed: Option<&Observed>) -> Option<Value> {
        let number = |truth: bool| Some(Value::Int(i64::from(truth)));
        let ended = match outcome {
            Outcome::Final(ended) => Some(ended),
            Outcome::Abort { .. } | Outcome::Race { .. } => None,
        };
        // After an abort or a race no variable has a value: a word that equals nothing stands for it.
        let nothing = || Value::Word("?".into());
        match self {
            Condition::Int(value) => Some(Value::Int(*value)),
            Condition::Word(word) => Some(Value::Word(word.clone())),
            Condition::Variable(index) => Some(ended.map_or_else(nothing, |ended| Value::Int(ended.variables[*index]))),
            Condition::Register(thread, register) => {
                Some(ended.map_or_else(nothing, |ended| ended.registers[*thread][*register].clone()))
            }
            Condition::State(name) => match ended {
                Some(_) => observed?.get(name).copied().map(Value::Int),
                None => Some(nothing()),
            },
            Condition::Done(thread) => number(ended.is_some_and(|ended| ended.threads[*thread] == ThreadEnd::Done)),
            Condition::Blocked(thread) => {
                number(ended.is_some_and(|ended| matches!(ended.threads[*thread], ThreadEnd::Blocked(_))))
            }
            Condition::Abort(wanted) => {
                number(matches!(outcome, Outcome::Abort { clause, .. } if clause == wanted || clause.is_empty()))
            }
            Condition::Race(wanted) => number(matches!(outcome, Outcome::Race { variable } if variable == wanted)),
            Condition::Not(operand) => number(!operand.value(outcome, observed)?.is_true()),
            Condition::Binary(operator, left, right) => {
                let left = left.value(outcome, observed);
                let right = right.value(outcome, observed);
                match (operator, &left, &right) {
                    // Three-valued: an unknown operand does not matter where the other one decides.
                    (Binary::And, Some(known), None) | (Binary::And, None, Some(known)) if !known.is_true() => {
                        number(false)
                    }
                    (Binary::Or, Some(known), None) | (Binary::Or, None, Some(known)) if known.is_true() => {
                        number(true)
                    }
                    _ => Some(operator.apply(&left?, &right?)),
                }
            }
        }
    }
}

impl Binary {
    /// Whether it compares its operands.
    pub fn compares(self) -> bool {
        use Binary::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    /// The operator applied to two values. Words can only be compared for equality; anything else about them is false.
    pub fn apply(self, left: &Value, right: &Value) -> Value {
        let truth = |truth: bool| Value::Int(i64::from(truth));
        match self {
            Binary::Equal => return truth(left == right),
            Binary::NotEqual => return truth(left != right),
            Binary::And => return truth(left.is_true() && right.is_true()),
            Binary::Or => return truth(left.is_true() || right.is_true()),
            _ => {}
        }
        let (Value::Int(left), Value::Int(right)) = (left, right) else {
            return Value::Int(0);
        };
        match self {
            Binary::Add => Value::Int(left.wrapping_add(*right)),
            Binary::Subtract => Value::Int(left.wrapping_sub(*right)),
            Binary::Multiply => Value::Int(left.wrapping_mul(*right)),
            Binary::Less => truth(left < right),
            Binary::LessOrEqual => truth(left <= right),
            Binary::Greater => truth(left > right),
            Binary::GreaterOrEqual => truth(left >= right),
            Binary::Equal | Binary::NotEqual | Binary::And | Binary::Or => unreachable!("decided above"),
        }
    }
}

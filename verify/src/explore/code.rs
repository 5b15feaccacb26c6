//! A thread's statements as a list of instructions, each at most one atomic step.
//!
//! The values that a statement has read before it can act are kept in *temporaries*: registers behind the thread's own
//! ones, zero again as soon as the statement has used them, so that they distinguish no states.

use selvedge_model::Unknown;

use crate::litmus::{Access, Binary, Expr, Program, RegisterIndex, Statement, ThreadBody, Value, VariableIndex};

/// One instruction. Expressions in it name registers and temporaries only, except in `Await`.
#[derive(Clone, Debug)]
pub(super) enum Instruction<Op> {
    /// A step: reads a variable into a temporary.
    Load { variable: VariableIndex, into: RegisterIndex },
    /// A step: writes a variable.
    Store { variable: VariableIndex, value: Expr },
    /// A step: adds to an atomic variable.
    Add { variable: VariableIndex, value: Expr },
    /// No step: sets a register.
    Set { register: RegisterIndex, value: Expr },
    /// No step: goes elsewhere unless the condition holds.
    SkipUnless { condition: Expr, to: usize },
    /// As many steps as the operation has; then goes elsewhere.
    Perform { op: Op, register: Option<RegisterIndex>, then: usize },
    /// A step, enabled once the condition holds of the variables.
    Await { condition: Expr },
}

/// A thread's instructions.
#[derive(Clone, Debug)]
pub(super) struct Code<Op> {
    pub(super) instructions: Vec<Instruction<Op>>,
    /// The statement that each instruction belongs to.
    pub(super) statements: Vec<usize>,
    /// Registers of the thread's own.
    pub(super) registers: usize,
    /// Temporaries behind them.
    pub(super) temporaries: usize,
}

/// Compiles the threads of a program.
pub(super) fn compile<Op: Clone>(program: &Program<Op>) -> Result<Vec<Code<Op>>, Unknown> {
    program.threads.iter().map(|thread| compile_thread(program, thread)).collect()
}

fn compile_thread<Op: Clone>(program: &Program<Op>, thread: &ThreadBody<Op>) -> Result<Code<Op>, Unknown> {
    let mut code =
        Code { instructions: Vec::new(), statements: Vec::new(), registers: thread.registers.len(), temporaries: 0 };
    for (index, statement) in thread.statements.iter().enumerate() {
        let start = code.instructions.len();
        let mut temporaries = 0;
        let mut read = |code: &mut Code<Op>, expression: &Expr| code.load(expression, &mut temporaries);
        match statement {
            Statement::Operation { register, op } => {
                code.instructions.push(Instruction::Perform { op: op.clone(), register: *register, then: start + 1 });
            }
            Statement::While { op, condition } | Statement::If { op, condition } => {
                let condition = read(&mut code, condition);
                let perform = code.instructions.len() + 1;
                let after = perform + 1;
                let then = if matches!(statement, Statement::While { .. }) { start } else { after };
                code.instructions.push(Instruction::SkipUnless { condition, to: after });
                code.instructions.push(Instruction::Perform { op: op.clone(), register: None, then });
            }
            Statement::Write { variable, value } => {
                let value = read(&mut code, value);
                code.instructions.push(Instruction::Store { variable: *variable, value });
            }
            Statement::Add { variable, value } => {
                let value = read(&mut code, value);
                let instruction = if program.variables[*variable].access == Access::Plain {
                    let before = read(&mut code, &Expr::Variable(*variable));
                    let sum = Expr::Binary(Binary::Add, Box::new(before), Box::new(value));
                    Instruction::Store { variable: *variable, value: sum }
                } else {
                    Instruction::Add { variable: *variable, value }
                };
                code.instructions.push(instruction);
            }
            Statement::Set { register, value } => {
                let value = read(&mut code, value);
                code.instructions.push(Instruction::Set { register: *register, value });
            }
            Statement::Await { condition } => {
                if let Some(plain) = find_plain(program, condition) {
                    return Err(Unknown {
                        message: format!("`await` reads the plain variable `{plain}`: it would race with every write"),
                        expected: vec!["an expression over atomic variables".to_owned()],
                    });
                }
                code.instructions.push(Instruction::Await { condition: condition.clone() });
            }
        }
        code.statements.resize(code.instructions.len(), index);
        code.temporaries = code.temporaries.max(temporaries);
    }
    Ok(code)
}

impl<Op> Code<Op> {
    /// Loads every variable of the expression, from left to right, each into a temporary of its own. Returns the
    /// expression with the temporaries in their places.
    fn load(&mut self, expression: &Expr, temporaries: &mut usize) -> Expr {
        match expression {
            Expr::Int(_) | Expr::Word(_) | Expr::Register(_) => expression.clone(),
            Expr::Variable(variable) => {
                let into = self.registers + *temporaries;
                *temporaries += 1;
                self.instructions.push(Instruction::Load { variable: *variable, into });
                Expr::Register(into)
            }
            Expr::Not(operand) => Expr::Not(Box::new(self.load(operand, temporaries))),
            Expr::Binary(operator, left, right) => {
                let left = Box::new(self.load(left, temporaries));
                Expr::Binary(*operator, left, Box::new(self.load(right, temporaries)))
            }
        }
    }
}

fn find_plain<'a, Op>(program: &'a Program<Op>, expression: &Expr) -> Option<&'a str> {
    match expression {
        Expr::Int(_) | Expr::Word(_) | Expr::Register(_) => None,
        Expr::Variable(variable) => {
            let variable = &program.variables[*variable];
            (variable.access == Access::Plain).then_some(variable.name.as_str())
        }
        Expr::Not(operand) => find_plain(program, operand),
        Expr::Binary(_, left, right) => find_plain(program, left).or_else(|| find_plain(program, right)),
    }
}

/// The value of an expression over registers and, in an `await`, variables.
pub(super) fn evaluate(expression: &Expr, registers: &[Value], memory: &[i64]) -> Value {
    match expression {
        Expr::Int(number) => Value::Int(*number),
        Expr::Word(word) => Value::Word(word.clone()),
        Expr::Variable(variable) => Value::Int(memory[*variable]),
        Expr::Register(register) => registers[*register].clone(),
        Expr::Not(operand) => Value::Int(i64::from(!evaluate(operand, registers, memory).is_true())),
        Expr::Binary(operator, left, right) => {
            operator.apply(&evaluate(left, registers, memory), &evaluate(right, registers, memory))
        }
    }
}

/// The number that a value stands for in a variable. Variables hold numbers only: a word counts as zero there.
pub(super) fn number(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::Word(_) => 0,
    }
}

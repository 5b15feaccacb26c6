//! What the names in an expression mean, and whether an expectation can mean anything.

use selvedge_model::spec;

use super::diagnostic::{Diagnostic, Span};
use super::grammar::{Node, OpText, Tree, Word, is_identifier};
use super::program::{
    Access, Binary, Condition, Expectation, Expr, Outcome, Program, RegisterIndex, ThreadBody, ThreadIndex, Value,
    VariableIndex,
};

/// What only the spec can check, noted for the typed pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Mentions {
    /// Words compared with a register.
    pub answers: Vec<Word>,
    /// `abort CLAUSE`.
    pub clauses: Vec<Word>,
    /// `state.NAME`.
    pub observables: Vec<Word>,
}

/// The names that can be used in one place.
pub(super) struct Scope<'a> {
    program: &'a Program<String>,
    /// The thread that the expression belongs to; none in an expectation.
    thread: Option<ThreadIndex>,
    spoiled: &'a [String],
}

/// What an operand can be compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Always a number.
    Number,
    /// A number or a word: whatever was last put there.
    Register,
    /// A word written down.
    Word,
}

type Problems = Vec<Diagnostic>;

/// The known name that was probably meant. One letter is too little to tell.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() < 2 { None } else { spec::nearest(word, known) }
}

impl<'a> Scope<'a> {
    /// Inside a thread.
    pub(super) fn thread(program: &'a Program<String>, thread: ThreadIndex, spoiled: &'a [String]) -> Self {
        Scope { program, thread: Some(thread), spoiled }
    }

    /// In an expectation.
    pub(super) fn outcome(program: &'a Program<String>, spoiled: &'a [String]) -> Self {
        Scope { program, thread: None, spoiled }
    }

    fn body(&self) -> Option<&'a ThreadBody<String>> {
        self.thread.map(|thread| &self.program.threads[thread])
    }

    fn variable_index(&self, name: &str) -> Option<VariableIndex> {
        self.program.variables.iter().position(|variable| variable.name == name)
    }

    fn is_spoiled(&self, name: &str) -> bool {
        self.spoiled.iter().any(|spoiled| spoiled == name)
    }

    /// The variable of that name.
    pub(super) fn variable(&self, name: &Word) -> Result<VariableIndex, Problems> {
        self.variable_index(&name.text).ok_or_else(|| {
            if self.is_spoiled(&name.text) {
                return Vec::new();
            }
            let message = format!("unknown variable `{}`", name.text);
            let problem = Diagnostic::new(message, name.span.clone(), "not a shared variable");
            let register = self.body().is_some_and(|body| body.registers.contains(&name.text));
            vec![if register {
                problem.help(format!("`{0}` is a register: write `{0} = {0} + ...`", name.text))
            } else {
                problem.maybe_help(self.near_variable(&name.text))
            }]
        })
    }

    fn near_variable(&self, name: &str) -> Option<String> {
        let variables = self.program.variables.iter().map(|variable| variable.name.as_str());
        match nearest(name, variables) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if is_identifier(name) => Some(format!(
                "a shared variable is declared before the first thread: `var {name} = 0`; \
                 an answer can only be compared with a register"
            )),
            None => None,
        }
    }

    /// `n = NAME`, `n` a shared variable and `NAME` nothing that can be read: a slip, or an operation.
    pub(super) fn answer_into_variable(&self, target: &Word, op: &OpText) -> Problems {
        let name = &op.name.text;
        let computes = op.arguments.text.is_empty() || op.arguments.text.starts_with(|c: char| "+-*=!<>&|".contains(c));
        if is_identifier(name) && computes {
            let registers = self.body().into_iter().flat_map(|body| &body.registers).map(String::as_str);
            let variables = self.program.variables.iter().map(|variable| variable.name.as_str());
            let help = match nearest(name, registers.chain(variables)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("if it is an operation, keep its answer in a register first: `answer = {name}`"),
            };
            return vec![self.unknown_in_thread(name, &op.name.span).help(help)];
        }
        let message = format!("an answer cannot go straight into shared variable `{}`", target.text);
        vec![Diagnostic::new(message, target.span.clone(), "a shared variable").help(format!(
            "keep it in a register first: `answer = {}`, then `{} = answer`",
            op.text(),
            target.text
        ))]
    }

    fn unknown_in_thread(&self, name: &str, at: &Span) -> Diagnostic {
        let thread = self.body().map_or("", |body| body.name.as_str());
        let message = format!("`{name}` is neither a variable nor a register that thread {thread} has assigned");
        Diagnostic::new(message, at.clone(), "unknown here")
    }

    fn thread_index(&self, name: &Word) -> Result<ThreadIndex, Problems> {
        self.program.threads.iter().position(|thread| thread.name == name.text).ok_or_else(|| {
            let threads: Vec<&str> = self.program.threads.iter().map(|thread| thread.name.as_str()).collect();
            let help = match nearest(&name.text, threads.iter().copied()) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => (!threads.is_empty()).then(|| format!("one of: {}", threads.join(", "))),
            };
            vec![
                Diagnostic::new(format!("unknown thread `{}`", name.text), name.span.clone(), "no such thread")
                    .maybe_help(help),
            ]
        })
    }

    fn register(&self, thread: &Word, register: &Word) -> Result<(ThreadIndex, RegisterIndex), Problems> {
        let index = self.thread_index(thread)?;
        let body = &self.program.threads[index];
        let found = body.registers.iter().position(|known| *known == register.text);
        found.map(|register| (index, register)).ok_or_else(|| {
            if self.is_spoiled(&register.text) {
                return Vec::new();
            }
            let message = format!("thread {} never assigns register `{}`", thread.text, register.text);
            let near = nearest(&register.text, body.registers.iter().map(String::as_str));
            let help = match near {
                Some(near) => Some(format!("did you mean `{}:{near}`?", thread.text)),
                None if self.variable_index(&register.text).is_some() => {
                    Some(format!("`{0}` is a shared variable: write `{0}`", register.text))
                }
                None => None,
            };
            vec![Diagnostic::new(message, register.span.clone(), "never assigned").maybe_help(help)]
        })
    }

    /// Whether an `await` can ever be told that its condition changed: only atomic variables, and at least one.
    pub(super) fn awaitable(&self, tree: &Tree) -> Result<(), Problems> {
        let mut problems = Vec::new();
        let mut atomics = 0;
        visit(tree, &mut |tree| {
            let Node::Name(name) = &tree.node else { return };
            let Some(variable) = self.variable_index(name) else { return };
            if self.program.variables[variable].access == Access::Plain {
                problems.push(
                    Diagnostic::new(
                        format!("`await` over plain variable `{name}`"),
                        tree.span.clone(),
                        "reading it while another thread writes it is a data race",
                    )
                    .help(format!("declare it atomic: `atomic {name} = 0 acqrel`")),
                );
            } else {
                atomics += 1;
            }
        });
        if problems.is_empty() && atomics == 0 {
            problems.push(
                Diagnostic::new("`await` without a shared variable", tree.span.clone(), "this never changes")
                    .help("wait for an atomic variable that another thread writes"),
            );
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn visit(tree: &Tree, see: &mut impl FnMut(&Tree)) {
    see(tree);
    match &tree.node {
        Node::Not(inner) => visit(inner, see),
        Node::Binary(_, left, right) => {
            visit(left, see);
            visit(right, see);
        }
        _ => {}
    }
}

/// What a thread computes.
pub(super) fn expression(tree: &Tree, scope: &Scope<'_>, mentions: &mut Mentions) -> Result<Expr, Problems> {
    resolve(tree, scope, mentions, &mut |leaf| match leaf {
        Leaf::Int(number) => Ok(Expr::Int(number)),
        Leaf::Word(word) => Ok(Expr::Word(word)),
        Leaf::Variable(variable) => Ok(Expr::Variable(variable)),
        Leaf::Own(register) => Ok(Expr::Register(register)),
        Leaf::Not(inner) => Ok(Expr::Not(Box::new(inner))),
        Leaf::Binary(operator, left, right) => Ok(Expr::Binary(operator, Box::new(left), Box::new(right))),
        Leaf::Outcome(_) => Err(()),
    })
}

/// What an expectation says.
pub(super) fn condition(tree: &Tree, scope: &Scope<'_>, mentions: &mut Mentions) -> Result<Condition, Problems> {
    resolve(tree, scope, mentions, &mut |leaf| match leaf {
        Leaf::Int(number) => Ok(Condition::Int(number)),
        Leaf::Word(word) => Ok(Condition::Word(word)),
        Leaf::Variable(variable) => Ok(Condition::Variable(variable)),
        Leaf::Outcome(condition) => Ok(condition),
        Leaf::Not(inner) => Ok(Condition::Not(Box::new(inner))),
        Leaf::Binary(operator, left, right) => Ok(Condition::Binary(operator, Box::new(left), Box::new(right))),
        Leaf::Own(_) => Err(()),
    })
}

/// A resolved node, before it becomes an [`Expr`] or a [`Condition`].
enum Leaf<T> {
    Int(i64),
    Word(Box<str>),
    Variable(VariableIndex),
    Own(RegisterIndex),
    /// What only an expectation can speak of.
    Outcome(Condition),
    Not(T),
    Binary(Binary, T, T),
}

/// Builds a node; refuses what its place cannot speak of.
type Build<'b, T> = dyn FnMut(Leaf<T>) -> Result<T, ()> + 'b;

fn resolve<T: PartialEq>(
    tree: &Tree,
    scope: &Scope<'_>,
    mentions: &mut Mentions,
    build: &mut Build<'_, T>,
) -> Result<T, Problems> {
    let (value, kind) = node(tree, scope, mentions, build, false)?;
    if kind == Kind::Word { Err(vec![lonely_word(tree, scope)]) } else { Ok(value) }
}

/// A node and what it can be compared with. `beside_register`: a name that means nothing else is a word here.
fn node<T: PartialEq>(
    tree: &Tree,
    scope: &Scope<'_>,
    mentions: &mut Mentions,
    build: &mut Build<'_, T>,
    beside_register: bool,
) -> Result<(T, Kind), Problems> {
    let outside = |_: ()| {
        vec![
            Diagnostic::new("a thread cannot know this", tree.span.clone(), "only an expectation can speak of it")
                .help("a thread reads shared variables and its own registers"),
        ]
    };
    let (leaf, kind) = match &tree.node {
        Node::Int(number) => (Leaf::Int(*number), Kind::Number),
        Node::Quoted(word) => {
            if beside_register {
                mentions.answers.push(Word { text: word.clone(), span: tree.span.clone() });
            }
            (Leaf::Word(word.as_str().into()), Kind::Word)
        }
        Node::Name(name) => match name_of(name, tree, scope, beside_register)? {
            Named::Variable(variable) => (Leaf::Variable(variable), Kind::Number),
            Named::Register(register) => (Leaf::Own(register), Kind::Register),
            Named::Word => {
                if beside_register {
                    mentions.answers.push(Word { text: name.clone(), span: tree.span.clone() });
                }
                (Leaf::Word(name.as_str().into()), Kind::Word)
            }
        },
        Node::Register(thread, register) => {
            if let Some(body) = scope.body() {
                let own = body.name == thread.text;
                let help = if own {
                    format!("a thread's own register is written without its name: `{}`", register.text)
                } else {
                    "registers are private: pass the value through a shared variable".to_owned()
                };
                return Err(vec![
                    Diagnostic::new("a register of a thread, read in a thread", tree.span.clone(), "not possible here")
                        .help(help),
                ]);
            }
            let (thread, register) = scope.register(thread, register)?;
            (Leaf::Outcome(Condition::Register(thread, register)), Kind::Register)
        }
        Node::State(name) => {
            mentions.observables.push(name.clone());
            (Leaf::Outcome(Condition::State(name.text.clone())), Kind::Number)
        }
        Node::Done(thread) if scope.thread.is_none() => {
            (Leaf::Outcome(Condition::Done(scope.thread_index(thread)?)), Kind::Number)
        }
        Node::Blocked(thread) if scope.thread.is_none() => {
            (Leaf::Outcome(Condition::Blocked(scope.thread_index(thread)?)), Kind::Number)
        }
        Node::Abort(clause) => {
            mentions.clauses.push(clause.clone());
            (Leaf::Outcome(Condition::Abort(clause.text.clone())), Kind::Number)
        }
        Node::Race(name) if scope.thread.is_none() => {
            let variable = scope.variable(name)?;
            if scope.program.variables[variable].access != Access::Plain {
                return Err(vec![
                    Diagnostic::new(
                        format!("there is never a data race on atomic `{}`", name.text),
                        name.span.clone(),
                        "atomic",
                    )
                    .help("only a plain variable (`var`) can be raced on"),
                ]);
            }
            (Leaf::Outcome(Condition::Race(variable)), Kind::Number)
        }
        Node::Done(_) | Node::Blocked(_) | Node::Race(_) => return Err(outside(())),
        Node::Not(inner) => {
            let value = resolve(inner, scope, mentions, build)?;
            (Leaf::Not(value), Kind::Number)
        }
        Node::Binary(operator, left, right) => {
            let (left, right) = operands(*operator, left, right, tree, scope, mentions, build)?;
            (Leaf::Binary(*operator, left, right), Kind::Number)
        }
    };
    build(leaf).map(|value| (value, kind)).map_err(outside)
}

fn operands<T: PartialEq>(
    operator: Binary,
    left: &Tree,
    right: &Tree,
    whole: &Tree,
    scope: &Scope<'_>,
    mentions: &mut Mentions,
    build: &mut Build<'_, T>,
) -> Result<(T, T), Problems> {
    // What an expectation speaks of has one value in an outcome; a thread reads twice.
    let apart = |(left, right): (T, T)| {
        if scope.thread.is_none() && operator.compares() && left == right {
            let message = "something is compared with itself";
            return Err(vec![Diagnostic::new(message, whole.span.clone(), "the same for every outcome")]);
        }
        Ok((left, right))
    };
    if !matches!(operator, Binary::Equal | Binary::NotEqual) {
        return both(resolve(left, scope, mentions, build), resolve(right, scope, mentions, build)).and_then(apart);
    }
    let is_register = |tree: &Tree| match &tree.node {
        Node::Register(..) => true,
        Node::Name(name) => match scope.body() {
            Some(body) => body.registers.contains(name),
            // Written without its thread, which is a problem of its own: one is enough.
            None => scope.program.threads.iter().any(|thread| thread.registers.contains(name)),
        },
        _ => false,
    };
    let read_left = node(left, scope, mentions, build, is_register(right));
    let read_right = node(right, scope, mentions, build, is_register(left));
    let ((left_value, left_kind), (right_value, right_kind)) = both(read_left, read_right)?;
    let constant = |tree: &Tree, kind: Kind| kind == Kind::Word || matches!(tree.node, Node::Int(_));
    if scope.thread.is_none() && constant(left, left_kind) && constant(right, right_kind) {
        return Err(vec![Diagnostic::new(
            "two constants are compared",
            whole.span.clone(),
            "the same for every outcome",
        )]);
    }
    match (left_kind, right_kind) {
        (Kind::Word, Kind::Number | Kind::Word) => Err(vec![lonely_word(left, scope)]),
        (Kind::Number, Kind::Word) => Err(vec![lonely_word(right, scope)]),
        _ => apart((left_value, right_value)),
    }
}

fn both<A, B>(left: Result<A, Problems>, right: Result<B, Problems>) -> Result<(A, B), Problems> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
        (Err(mut problems), Err(more)) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

enum Named {
    Variable(VariableIndex),
    Register(RegisterIndex),
    Word,
}

fn name_of(name: &str, tree: &Tree, scope: &Scope<'_>, beside_register: bool) -> Result<Named, Problems> {
    if let Some(variable) = scope.variable_index(name) {
        return Ok(Named::Variable(variable));
    }
    if let Some(register) = scope.body().and_then(|body| body.registers.iter().position(|known| known == name)) {
        return Ok(Named::Register(register));
    }
    if scope.is_spoiled(name) {
        // The problem of its declaration stands above.
        return Err(Vec::new());
    }
    if beside_register { Ok(Named::Word) } else { Err(vec![lonely_word(tree, scope)]) }
}

/// A name that means nothing, or a word where no word can be.
fn lonely_word(tree: &Tree, scope: &Scope<'_>) -> Diagnostic {
    let name = match &tree.node {
        Node::Name(name) => name,
        _ => {
            return Diagnostic::new("a word stands alone", tree.span.clone(), "not a number")
                .help("a word can only be compared (`==`, `!=`) with a register that holds an operation's answer");
        }
    };
    let at = tree.span.clone();
    let Some(body) = scope.body() else {
        let help = match name.as_str() {
            "done" | "blocked" => Some(format!("write `{name} THREAD`")),
            "abort" => Some("write `abort CLAUSE`".to_owned()),
            "race" => Some("write `race VARIABLE`".to_owned()),
            "state" => Some("write `state.OBSERVABLE`".to_owned()),
            _ => {
                let threads = scope.program.threads.iter();
                let owner = threads.clone().find(|thread| thread.registers.contains(name));
                let thread = threads.clone().find(|thread| thread.name == *name);
                match (owner, thread) {
                    (Some(owner), _) => Some(format!("a register is written with its thread: `{}:{name}`", owner.name)),
                    (None, Some(_)) => Some(format!("write `done {name}` or `blocked {name}`")),
                    (None, None) => scope.near_variable(name),
                }
            }
        };
        return Diagnostic::new(format!("unknown variable `{name}`"), at, "not a shared variable").maybe_help(help);
    };
    let registers = body.registers.iter().map(String::as_str);
    let help = nearest(name, registers).map(|near| format!("did you mean `{near}`?"));
    scope.unknown_in_thread(name, &at).maybe_help(help.or_else(|| scope.near_variable(name)))
}

/// An expectation that speaks of the ends of more threads than this is not judged: the cost doubles with each.
const ENDS_MAX: usize = 8;

/// Where there are more ways than this to give values to what an expectation compares, they are left unknown.
const VALUES_MAX: usize = 1 << 10;

/// Reports an expectation that no program could fail or none could meet.
///
/// The condition is evaluated for every way in which an execution can end. What is compared with numbers and words that
/// are written down, and nothing else, has every value that tells these apart; of the rest nothing is known. If the
/// answer never depends on the outcome, the expectation says nothing.
pub(super) fn never_or_always(expectation: &Expectation, program: &Program<String>, span: Span) -> Option<Diagnostic> {
    let condition = &expectation.condition;
    let mut threads = Vec::new();
    let mut clauses = vec!["another clause".to_owned()];
    mentioned(condition, &mut threads, &mut clauses);
    threads.sort_unstable();
    threads.dedup();
    if threads.len() > ENDS_MAX {
        return None;
    }
    let mut answers = Vec::new();
    for clause in clauses {
        answers.push(condition.holds(&Outcome::Abort { thread: 0, clause }, None));
    }
    for variable in 0..program.variables.len() {
        if program.variables[variable].access == Access::Plain {
            answers.push(condition.holds(&Outcome::Race { variable }, None));
        }
    }
    let mut terms = Vec::new();
    compared(condition, &mut terms);
    terms.retain(|term| term.is_lone);
    let values: Vec<Vec<Value>> = terms.iter().map(Term::values).collect();
    let assignments = values.iter().try_fold(1_usize, |product, values| product.checked_mul(values.len()));
    let assignments = assignments.filter(|count| *count <= VALUES_MAX);
    for assignment in 0..assignments.unwrap_or(1) {
        let mut rest = assignment;
        let mut known = Vec::new();
        if assignments.is_some() {
            for (term, values) in terms.iter().zip(&values) {
                known.push((term.condition, &values[rest % values.len()]));
                rest /= values.len();
            }
        }
        for done in 0..1_u32 << threads.len() {
            let is_done = |thread: ThreadIndex| {
                let position = threads.iter().position(|known| *known == thread);
                position.is_some_and(|position| done & (1 << position) != 0)
            };
            answers.push(partly_known(condition, &is_done, &known).map(|value| value.is_true()));
        }
    }
    let problem = if answers.iter().all(|answer| *answer == Some(false)) {
        Diagnostic::new("no outcome can satisfy this", span, "false whatever happens")
    } else if answers.iter().all(|answer| *answer == Some(true)) {
        Diagnostic::new("every outcome satisfies this", span, "true whatever happens")
    } else {
        return None;
    };
    Some(problem.help("an expectation tells outcomes apart: some must meet it and some not"))
}

fn mentioned(condition: &Condition, threads: &mut Vec<ThreadIndex>, clauses: &mut Vec<String>) {
    match condition {
        Condition::Done(thread) | Condition::Blocked(thread) => threads.push(*thread),
        Condition::Abort(clause) => clauses.push(clause.clone()),
        Condition::Not(inner) => mentioned(inner, threads, clauses),
        Condition::Binary(_, left, right) => {
            mentioned(left, threads, clauses);
            mentioned(right, threads, clauses);
        }
        _ => {}
    }
}

/// A variable, register or observable, and what it is compared with.
struct Term<'a> {
    condition: &'a Condition,
    numbers: Vec<i64>,
    words: Vec<Box<str>>,
    /// Whether it is compared with numbers and words, and nothing else is done with it.
    is_lone: bool,
}

impl Term<'_> {
    /// A value for each way in which the comparisons can come out, at least.
    fn values(&self) -> Vec<Value> {
        let around = |number: &i64| [number.checked_sub(1), Some(*number), number.checked_add(1)];
        let mut numbers: Vec<i64> = self.numbers.iter().flat_map(around).flatten().collect();
        if numbers.is_empty() {
            numbers.push(0);
        }
        numbers.sort_unstable();
        numbers.dedup();
        let mut values: Vec<Value> = numbers.into_iter().map(Value::Int).collect();
        if matches!(self.condition, Condition::Register(..)) {
            // And a word that is none of them.
            let words = self.words.iter().cloned().chain(["?".into()]);
            values.extend(words.map(Value::Word));
        }
        values
    }
}

/// Collects the terms of a condition.
fn compared<'a>(condition: &'a Condition, terms: &mut Vec<Term<'a>>) {
    match condition {
        Condition::Variable(_) | Condition::Register(..) | Condition::State(_) => {
            term(condition, terms).is_lone = false;
        }
        Condition::Not(inner) => compared(inner, terms),
        Condition::Binary(operator, left, right) => {
            let is_term =
                |it: &Condition| matches!(it, Condition::Variable(_) | Condition::Register(..) | Condition::State(_));
            match (&**left, &**right) {
                (it, Condition::Int(number)) | (Condition::Int(number), it) if operator.compares() && is_term(it) => {
                    term(it, terms).numbers.push(*number);
                }
                (it, Condition::Word(word)) | (Condition::Word(word), it) if operator.compares() && is_term(it) => {
                    term(it, terms).words.push(word.clone());
                }
                (left, right) => {
                    compared(left, terms);
                    compared(right, terms);
                }
            }
        }
        _ => {}
    }
}

fn term<'t, 'a>(condition: &'a Condition, terms: &'t mut Vec<Term<'a>>) -> &'t mut Term<'a> {
    let known = terms.iter().position(|term| term.condition == condition).unwrap_or(terms.len());
    if known == terms.len() {
        terms.push(Term { condition, numbers: Vec::new(), words: Vec::new(), is_lone: true });
    }
    &mut terms[known]
}

/// The condition's value at an ordinary end with these threads done and the others blocked, and with these values, if
/// that decides it.
fn partly_known(
    condition: &Condition,
    done: &dyn Fn(ThreadIndex) -> bool,
    known: &[(&Condition, &Value)],
) -> Option<Value> {
    let truth = |truth: bool| Some(Value::Int(i64::from(truth)));
    match condition {
        Condition::Int(number) => Some(Value::Int(*number)),
        Condition::Word(word) => Some(Value::Word(word.clone())),
        Condition::Variable(_) | Condition::Register(..) | Condition::State(_) => {
            known.iter().find(|(term, _)| *term == condition).map(|(_, value)| (*value).clone())
        }
        Condition::Done(thread) => truth(done(*thread)),
        Condition::Blocked(thread) => truth(!done(*thread)),
        Condition::Abort(_) | Condition::Race(_) => truth(false),
        Condition::Not(inner) => truth(!partly_known(inner, done, known)?.is_true()),
        Condition::Binary(operator, left, right) => {
            let (left, right) = (partly_known(left, done, known), partly_known(right, done, known));
            match (operator, &left, &right) {
                (Binary::And, Some(known), None) | (Binary::And, None, Some(known)) if !known.is_true() => truth(false),
                (Binary::Or, Some(known), None) | (Binary::Or, None, Some(known)) if known.is_true() => truth(true),
                _ => Some(operator.apply(&left?, &right?)),
            }
        }
    }
}

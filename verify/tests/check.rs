//! The checker against a naive one on random histories, and on histories whose judgement is known.
//!
//! The naive checker shares no code with the real one and none of its ideas: it tries every interleaving of events and
//! steps, forgets nothing, and knows neither laziness nor looking ahead nor deduplication.

use std::cell::RefCell;
use std::str::FromStr;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use selvedge_model::cond::{self, CondSpec};
use selvedge_model::toy::{self, DaemonSpec, LockSpec, RegisterSpec};
use selvedge_model::{Obligation, Progress, RuleId, Spec, StepOf, Thread};
use selvedge_verify::check::{At, Budget, Checker, Judge, Judgement, RuleSet, Violation, check, check_unordered};
use selvedge_verify::history::{Close, Disorder, Event, EventOf, History, HistoryOf};
use selvedge_verify::litmus::Value;

// --- The naive checker ---------------------------------------------------------------------------------------------

/// A running operation: where it stands, and what it will return if it has finished.
#[derive(Clone)]
struct Running<S: Spec> {
    op: S::Op,
    phase: S::Phase,
    finished: Option<S::Ret>,
}

impl<S: Spec> Running<S> {
    fn start(op: &S::Op) -> Self {
        Running { op: op.clone(), phase: S::Phase::default(), finished: None }
    }
}

type Threads<S> = Vec<Option<Running<S>>>;

/// The history still to be explained: one queue for all threads, or one for each.
#[derive(Clone)]
struct Rest<'h, S: Spec> {
    queues: Vec<&'h [EventOf<S>]>,
    close: Close,
}

/// The naive checker would take too long.
#[derive(Debug)]
struct TooMuch;

struct Naive<'s, S: Spec> {
    spec: &'s S,
    visits: u64,
}

impl<S: Spec> Naive<'_, S> {
    fn allows(&mut self, state: &S::State, threads: &Threads<S>, rest: &Rest<'_, S>) -> Result<bool, TooMuch> {
        self.visits += 1;
        if self.visits > 20_000 {
            return Err(TooMuch);
        }
        if !self.spec.invariants(state).is_empty() {
            return Ok(false);
        }
        let ended = rest.queues.iter().all(|queue| queue.is_empty());
        if ended && (rest.close == Close::Cut || self.at_rest(state, threads)) {
            return Ok(true);
        }
        for (at, queue) in rest.queues.iter().enumerate() {
            let Some((event, others)) = queue.split_first() else { continue };
            let mut threads = threads.clone();
            match event {
                Event::Call { thread, op } => threads[*thread] = Some(Running::start(op)),
                Event::Return { thread, ret } => {
                    if threads[*thread].take().and_then(|running| running.finished).as_ref() != Some(ret) {
                        continue;
                    }
                }
                // That it was due is seen below, wherever its operation runs.
                Event::Abort { .. } => continue,
                Event::Read { .. } | Event::Write { .. } => {}
            }
            let mut rest = rest.clone();
            rest.queues[at] = others;
            if self.allows(state, &threads, &rest)? {
                return Ok(true);
            }
        }
        for (thread, running) in threads.iter().enumerate() {
            let Some(running) = running.as_ref().filter(|running| running.finished.is_none()) else { continue };
            let mut to_come = rest.queues.iter().flat_map(|queue| queue.iter());
            let dies = matches!(to_come.find(|event| event.thread() == thread), Some(Event::Abort { .. }));
            for step in self.steps(state, thread, running, rest) {
                let mut threads = threads.clone();
                let running = threads[thread].as_mut().unwrap();
                match step.progress {
                    Progress::Next(phase) => running.phase = phase,
                    Progress::Return(ret) => running.finished = Some(ret),
                    // The program has ended: what others are yet to do does not count.
                    Progress::Abort { .. } if dies && self.returns_fit(&threads, rest) => return Ok(true),
                    Progress::Abort { .. } => continue,
                }
                if self.allows(&step.state, &threads, rest)? {
                    return Ok(true);
                }
            }
        }
        let mut internal = Vec::new();
        self.spec.internal(state, &mut internal);
        for (_, state) in internal {
            if self.allows(&state, threads, rest)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what has finished returns what it is yet to be recorded to return, if it is.
    fn returns_fit(&self, threads: &Threads<S>, rest: &Rest<'_, S>) -> bool {
        threads.iter().enumerate().all(|(thread, running)| {
            let mut to_come = rest.queues.iter().flat_map(|queue| queue.iter());
            let finished = running.as_ref().and_then(|running| running.finished.as_ref());
            match (finished, to_come.find(|event| event.thread() == thread)) {
                (Some(finished), Some(Event::Return { ret, .. })) => finished == ret,
                _ => true,
            }
        })
    }

    fn steps(&self, state: &S::State, thread: usize, running: &Running<S>, rest: &Rest<'_, S>) -> Vec<StepOf<S>> {
        // A spec with a large answer set wants to know what was seen.
        let seen = rest.queues.iter().flat_map(|queue| queue.iter()).find_map(|event| match event {
            Event::Return { thread: by, ret } if *by == thread => Some(ret),
            _ => None,
        });
        let mut steps = Vec::new();
        self.spec.steps(state, Thread(thread as u8), &running.op, &running.phase, seen, &mut steps);
        steps
    }

    fn at_rest(&self, state: &S::State, threads: &Threads<S>) -> bool {
        let mut blocked = Vec::new();
        for (thread, running) in threads.iter().enumerate() {
            let Some(running) = running else { continue };
            let thread = Thread(thread as u8);
            let mut steps = Vec::new();
            self.spec.steps(state, thread, &running.op, &running.phase, None, &mut steps);
            if running.finished.is_some() || steps.iter().any(|step| is_must::<S>(step.rule)) {
                return false;
            }
            blocked.push((thread, &running.op, &running.phase));
        }
        let mut internal = Vec::new();
        self.spec.internal(state, &mut internal);
        !internal.iter().any(|(rule, _)| is_must::<S>(*rule)) && self.spec.at_rest(state, &blocked).is_empty()
    }
}

fn is_must<S: Spec>(rule: RuleId) -> bool {
    S::rules()[usize::from(rule.0)].obligation == Obligation::Must
}

fn naive<S: Spec>(spec: &S, initial: &S::State, history: &HistoryOf<S>) -> Result<bool, TooMuch> {
    let rest = Rest { queues: vec![&history.events[..]], close: history.close };
    Naive { spec, visits: 0 }.allows(initial, &vec![None; history.threads()], &rest)
}

fn naive_unordered<S: Spec>(spec: &S, initial: &S::State, history: &HistoryOf<S>) -> Result<bool, TooMuch> {
    let by_thread: Vec<Vec<EventOf<S>>> = (0..history.threads())
        .map(|thread| history.events.iter().filter(|event| event.thread() == thread).cloned().collect())
        .collect();
    let rest = Rest { queues: by_thread.iter().map(|queue| &queue[..]).collect(), close: history.close };
    Naive { spec, visits: 0 }.allows(initial, &vec![None; history.threads()], &rest)
}

// --- Random histories ----------------------------------------------------------------------------------------------

/// A source of choices that proptest can shrink: once it is empty, every choice is the first.
struct Choices<'c>(std::slice::Iter<'c, u32>);

impl Choices<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next().map_or(0, |choice| *choice as usize % bound)
    }
}

/// What can happen next on a walk through a spec.
enum Happening<S: Spec> {
    Return(usize, S::Ret),
    Step(usize, StepOf<S>),
    Internal(S::State),
    Call(usize, S::Op),
    Stop(Close),
}

/// The operations that a thread may perform next.
type Vocabulary<'v, S> = &'v dyn Fn(&[<S as Spec>::Op]) -> Vec<<S as Spec>::Op>;

/// A history that the spec allows, because it is a walk through it.
fn walk<S: Spec>(
    spec: &S,
    threads: usize,
    calls_max: usize,
    vocabulary: Vocabulary<'_, S>,
    choices: &mut Choices<'_>,
) -> HistoryOf<S> {
    let mut state = spec.initial(&[]).unwrap();
    let mut running: Threads<S> = vec![None; threads];
    let mut done: Vec<Vec<S::Op>> = vec![Vec::new(); threads];
    let mut calls = 0;
    let mut events = Vec::new();
    let mut dying: Option<EventOf<S>> = None;
    loop {
        // It takes a while until a program that has ended is seen to.
        if dying.is_some() && choices.below(4) == 0 {
            events.extend(dying);
            return History { events, close: Close::AtRest };
        }
        let mut happenings: Vec<Happening<S>> = Vec::new();
        let mut must_move = false;
        for (thread, running) in running.iter().enumerate() {
            match running {
                Some(Running { finished: Some(ret), .. }) => {
                    must_move = true;
                    happenings.push(Happening::Return(thread, ret.clone()));
                }
                Some(Running { op, phase, .. }) => {
                    let mut steps = Vec::new();
                    spec.steps(&state, Thread(thread as u8), op, phase, None, &mut steps);
                    must_move |= steps.iter().any(|step| is_must::<S>(step.rule));
                    happenings.extend(steps.into_iter().map(|step| Happening::Step(thread, step)));
                }
                None => {}
            }
        }
        let mut internal = Vec::new();
        spec.internal(&state, &mut internal);
        must_move |= internal.iter().any(|(rule, _)| is_must::<S>(*rule));
        happenings.extend(internal.into_iter().map(|(_, state)| Happening::Internal(state)));
        if calls < calls_max {
            let may_call = |thread: &usize| {
                running[*thread].is_none() && dying.as_ref().is_none_or(|event| event.thread() != *thread)
            };
            for thread in (0..threads).filter(may_call) {
                let ops = vocabulary(&done[thread]);
                if !ops.is_empty() {
                    happenings.push(Happening::Call(thread, ops[choices.below(ops.len())].clone()));
                }
            }
        }
        if !must_move {
            happenings.push(Happening::Stop(Close::AtRest));
        }
        if choices.below(24) == 23 {
            happenings = vec![Happening::Stop(Close::Cut)];
        }
        match happenings.swap_remove(choices.below(happenings.len())) {
            Happening::Return(thread, ret) => {
                running[thread] = None;
                events.push(Event::Return { thread, ret });
            }
            Happening::Step(thread, step) => {
                state = step.state;
                let call = running[thread].as_mut().unwrap();
                match step.progress {
                    Progress::Next(phase) => call.phase = phase,
                    Progress::Return(ret) => call.finished = Some(ret),
                    // One abort is enough: this operation hangs.
                    Progress::Abort { .. } if dying.is_some() => {}
                    Progress::Abort { text, .. } => {
                        running[thread] = None;
                        dying = Some(Event::Abort { thread, text });
                    }
                }
            }
            Happening::Internal(next) => state = next,
            Happening::Call(thread, op) => {
                calls += 1;
                done[thread].push(op.clone());
                running[thread] = Some(Running::start(&op));
                events.push(Event::Call { thread, op });
            }
            Happening::Stop(close) => {
                events.extend(dying);
                return History { events, close };
            }
        }
    }
}

/// The history with something about it changed, still in order.
fn mutated<S: Spec>(history: &HistoryOf<S>, rets: &[S::Ret], choices: &mut Choices<'_>) -> HistoryOf<S> {
    let mut mutant = history.clone();
    let events = &mut mutant.events;
    if events.is_empty() {
        return mutant;
    }
    let at = choices.below(events.len());
    match choices.below(5) {
        // A return value changed.
        0 => {
            let returns = |event: &&mut EventOf<S>| matches!(event, Event::Return { .. });
            if let Some(Event::Return { ret, .. }) = events[at..].iter_mut().find(returns) {
                *ret = rets[choices.below(rets.len())].clone();
            }
        }
        // A return dropped, and what its thread did afterwards.
        1 => {
            if let Event::Return { thread, .. } = events[at] {
                let mut index = 0;
                events.retain(|event| {
                    index += 1;
                    index <= at || event.thread() != thread
                });
            }
        }
        // An event moved towards the beginning, past those of other threads.
        2 => {
            let earliest = events[..at].iter().rposition(|event| event.thread() == events[at].thread());
            let to = earliest.map_or(0, |before| before + 1) + choices.below(at + 1);
            if to < at {
                let event = events.remove(at);
                events.insert(to, event);
            }
        }
        // Everything after some point forgotten.
        3 => events.truncate(at),
        // The other end.
        _ => {
            mutant.close = match mutant.close {
                Close::AtRest => Close::Cut,
                Close::Cut => Close::AtRest,
            }
        }
    }
    mutant
}

/// How often which answer was compared.
#[derive(Default, Debug)]
struct Tally {
    allowed: u32,
    violations: u32,
    skipped: u32,
}

impl Tally {
    fn count(&mut self, verdict: &Result<bool, TooMuch>) {
        match verdict {
            Ok(true) => self.allowed += 1,
            Ok(false) => self.violations += 1,
            Err(TooMuch) => self.skipped += 1,
        }
    }

    /// The comparison says something only if both answers are frequent.
    fn demand_both_answers(&self) {
        let total = self.allowed + self.violations + self.skipped;
        assert!(self.allowed > total / 10 && self.violations > total / 20 && self.skipped < total / 4, "{self:?}");
    }
}

/// Holds the checker against the naive one on random histories and their mutants.
fn compare<S: Spec>(
    spec: &S,
    seed: u64,
    (threads, calls_max): (usize, usize),
    vocabulary: Vocabulary<'_, S>,
    rets: &[S::Ret],
) {
    let initial = spec.initial(&[]).unwrap();
    let budget = Budget::default();
    let (ordered, unordered) = (RefCell::new(Tally::default()), RefCell::new(Tally::default()));
    let config = Config { cases: 300, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let choices = (proptest::collection::vec(any::<u32>(), 0..120), proptest::collection::vec(any::<u32>(), 8));
    TestRunner::new(config)
        .run(&choices, |(walked, changed)| {
            let legal = walk(spec, threads, calls_max, vocabulary, &mut Choices(walked.iter()));
            prop_assert!(check(spec, &initial, &legal, &budget).is_allowed(), "a walk is allowed: {legal:?}");
            prop_assert!(check_unordered(spec, &initial, &legal, &budget).is_allowed(), "a walk is allowed: {legal:?}");
            let mut choices = Choices(changed.iter());
            let once = mutated::<S>(&legal, rets, &mut choices);
            let twice = mutated::<S>(&once, rets, &mut choices);
            for history in [legal, once, twice] {
                let judged = check(spec, &initial, &history, &budget);
                let expected = naive(spec, &initial, &history);
                ordered.borrow_mut().count(&expected);
                if let Ok(allowed) = expected {
                    prop_assert_eq!(judged.is_allowed(), allowed, "{:?}: {:?}", history, judged);
                    prop_assert_eq!(judged.violation().is_some(), !allowed);
                }
                let judged = check_unordered(spec, &initial, &history, &budget);
                let expected = naive_unordered(spec, &initial, &history);
                unordered.borrow_mut().count(&expected);
                if let Ok(allowed) = expected {
                    prop_assert_eq!(judged.is_allowed(), allowed, "unordered {:?}: {:?}", history, judged);
                    prop_assert_eq!(judged.violation().is_some(), !allowed);
                }
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    println!("{}: {:?}, unordered {:?}", spec.name(), ordered.borrow(), unordered.borrow());
    ordered.borrow().demand_both_answers();
    unordered.borrow().demand_both_answers();
}

#[test]
fn agrees_with_the_naive_checker_on_registers() {
    use toy::register::Ret;
    let rets = [Ret::Ok, Ret::Value(0), Ret::Value(1), Ret::Value(2)];
    compare(&RegisterSpec, 1, (3, 7), &|done| RegisterSpec.next_ops(done), &rets);
}

#[test]
fn agrees_with_the_naive_checker_on_locks() {
    use toy::lock::{Op, Ret};
    let rets = [Ret::Ok, Ret::Busy];
    compare(&LockSpec, 2, (3, 7), &|done| LockSpec.next_ops(done), &rets);
    // Without discipline: an unlock of what somebody else holds ends the program.
    compare(&LockSpec, 3, (3, 7), &|_| vec![Op::Lock, Op::Unlock, Op::TryLock], &rets);
}

#[test]
fn agrees_with_the_naive_checker_where_a_daemon_acts() {
    use toy::daemon::Ret;
    let rets = [Ret::Ok, Ret::Empty, Ret::Number(1), Ret::Number(2), Ret::Number(123_456), Ret::Number(2_000_000)];
    for room in [1, 2] {
        let spec = DaemonSpec { room };
        compare(&spec, 4, (3, 5), &|done| spec.next_ops(done), &rets);
    }
}

#[test]
fn agrees_with_the_naive_checker_on_condition_variables() {
    use cond::{Op, Ret, Which};
    let rets = [Ret::Ok, Ret::Timeout, Ret::Notified];
    let choices =
        [(5, &[][..]), (6, &[("order", "any")]), (7, &[("spurious", "allowed")]), (8, &[("timeouts", "free")])];
    for (seed, parameters) in choices {
        let spec = configured(parameters);
        compare(&spec, seed, (3, 7), &|done| spec.next_ops(done), &rets);
    }
    // Without discipline: waits and unlocks without the lock end the program.
    let wild = [Op::Lock, Op::Unlock, Op::Wait(Which::Original), Op::Signal(Which::Original)];
    compare(&configured(&[]), 9, (3, 5), &|_| wild.to_vec(), &rets);
}

// --- Known histories -----------------------------------------------------------------------------------------------

fn configured(parameters: &[(&str, &str)]) -> CondSpec {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    CondSpec::configure(&parameters).unwrap()
}

/// A history from its short form: `T1 lock`, `T1 = ok`, `T1 ! text`, and at the end `at rest` or `cut`.
fn history<S: Spec>(text: &str) -> HistoryOf<S> {
    let mut events = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line {
            "at rest" => return History { events, close: Close::AtRest },
            "cut" => return History { events, close: Close::Cut },
            _ => {}
        }
        let (thread, what) = line.split_once(' ').unwrap();
        let thread = thread[1..].parse::<usize>().unwrap() - 1;
        events.push(match (what.strip_prefix("= "), what.strip_prefix("! ")) {
            (Some(ret), _) => Event::Return { thread, ret: S::Ret::from_str(ret).unwrap() },
            (_, Some(text)) => Event::Abort { thread, text: text.to_owned() },
            _ => Event::Call { thread, op: S::Op::from_str(what).unwrap() },
        });
    }
    panic!("the history does not say how it ends");
}

fn judged_by<S: Spec>(spec: &S, text: &str) -> Judgement {
    check(spec, &spec.initial(&[]).unwrap(), &history::<S>(text), &Budget::default())
}

fn judged<S: Spec + Default>(text: &str) -> Judgement {
    judged_by(&S::default(), text)
}

fn judged_unordered<S: Spec + Default>(text: &str) -> Judgement {
    let spec = S::default();
    check_unordered(&spec, &spec.initial(&[]).unwrap(), &history::<S>(text), &Budget::default())
}

#[track_caller]
fn violation(judgement: Judgement) -> Violation {
    match judgement {
        Judgement::Violation(violation) => violation,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn allowed(judgement: Judgement) -> selvedge_verify::check::Allowed {
    match judgement {
        Judgement::Allowed(allowed) => allowed,
        other => panic!("{other:?}"),
    }
}

fn names<S: Spec>(rules: RuleSet) -> Vec<&'static str> {
    rules.iter().map(|rule| S::rules()[usize::from(rule.0)].name).collect()
}

#[test]
fn a_value_overwritten_before_the_read_was_called_is_rejected() {
    let found = violation(judged::<RegisterSpec>("T1 write 1\nT1 = ok\nT2 read\nT2 = 0\ncut"));
    assert_eq!((found.at, found.clause), (At::Event(3), Some("REG-01")));
    assert_eq!(
        found.sentence,
        "T2's `read` returned 0, against REG-01: A read returns the value of the last write; the spec allowed: T2's \
         `read` to return 1"
    );
    assert_eq!(found.allowed, ["T2's `read` to return 1"]);
    assert_eq!(found.seen, "T2's `read` returned 0");
    // While the write runs, the read may return either.
    for value in [0, 1] {
        allowed(judged::<RegisterSpec>(&format!("T1 write 1\nT2 read\nT2 = {value}\nT1 = ok\nat rest")));
    }
}

#[test]
fn without_order_between_threads_the_same_history_is_allowed() {
    allowed(judged_unordered::<RegisterSpec>("T1 write 1\nT1 = ok\nT2 read\nT2 = 0\nat rest"));
    // Within a thread the order counts: new, then old, has no interleaving.
    let backwards = "T1 write 1\nT1 = ok\nT2 read\nT2 = 1\nT2 read\nT2 = 0\nat rest";
    let found = violation(judged_unordered::<RegisterSpec>(backwards));
    assert_eq!((found.at, found.clause), (At::End, Some("REG-01")));
    assert_eq!(
        found.sentence,
        "no order of the threads' operations gives these answers: where they can be followed furthest, T2's `read` \
         returned 0, against REG-01: A read returns the value of the last write; the spec allowed: T2's `read` to \
         return 1"
    );
}

#[test]
fn without_order_the_operation_that_is_wrong_is_named_and_not_the_last() {
    let found = violation(judged_unordered::<RegisterSpec>("T1 read\nT1 = 5\nT1 write 1\nT1 = ok\ncut"));
    assert!(found.seen.contains("`read` returned 5"), "{}", found.sentence);
}

#[test]
fn the_event_reported_is_the_first_that_has_no_explanation() {
    // T1 can be told `busy` only if T2 has the lock already; that T2 will be told nonsense is not T1's fault.
    let found = violation(judged::<LockSpec>("T2 lock\nT1 try-lock\nT1 = busy\nT2 = busy\ncut"));
    assert_eq!((found.at, found.clause), (At::Event(3), Some("LOCK-01")));
    assert_eq!(found.allowed, ["T2's `lock` to return ok"]);
    // Here T2's lock never returns at all: up to the end everything is fine.
    let found = violation(judged::<LockSpec>("T2 lock\nT1 try-lock\nT1 = busy\nat rest"));
    assert_eq!((found.at, found.clause), (At::End, None));
    assert_eq!(found.sentence, "nothing can move, yet T2's `lock` is done and must return");
}

#[test]
fn a_wait_that_returns_unsignalled_is_rejected() {
    let text = "T1 lock\nT1 = ok\nT1 wait\nT2 lock\nT2 = ok\nT2 unlock\nT2 = ok\nT1 = ok\ncut";
    let found = violation(judged::<CondSpec>(text));
    assert_eq!((found.at, found.clause), (At::Event(7), Some("COND-17")));
    assert_eq!(
        found.sentence,
        "T1's `wait` returned ok, which is so only where spurious wakeups exist (COND-17: Wait does not return before \
         its ticket has been notified: there is no spurious wakeup); the spec allowed: nothing, every running operation \
         is blocked"
    );
    allowed(judged_by(&configured(&[("spurious", "allowed")]), text));
}

#[test]
fn an_answer_that_an_operation_never_gives_breaks_no_clause() {
    for (text, returned) in [
        ("T1 lock\nT1 = timeout\ncut", "`lock` returned timeout"),
        ("T1 lock\nT1 = ok\nT1 wait\nT1 = notified\ncut", "`wait` returned notified"),
    ] {
        let found = violation(judged::<CondSpec>(text));
        assert_eq!(found.clause, None, "{}", found.sentence);
        assert!(found.sentence.contains(&format!("{returned}, which it never does")), "{}", found.sentence);
    }
}

#[test]
fn the_wrong_waiter_is_rejected() {
    let park = |thread: usize| format!("T{thread} lock\nT{thread} = ok\nT{thread} wait\n");
    // T2 can lock only once T1 has released the lock, hence has its ticket; likewise T3 after T2.
    let start = park(1) + &park(2) + "T3 lock\nT3 = ok\nT3 signal\nT3 = ok\nT3 unlock\nT3 = ok\n";
    let wrong = format!("{start}T2 = ok\ncut");
    let found = violation(judged::<CondSpec>(&wrong));
    assert_eq!((found.at, found.clause), (At::Event(12), Some("COND-05")));
    assert_eq!(found.allowed, ["T1's `wait` to return ok"]);
    allowed(judged::<CondSpec>(&format!("{start}T1 = ok\nT1 unlock\nT1 = ok\nat rest")));
    allowed(judged_by(&configured(&[("order", "any")]), &wrong));
    // Where wakeups may be spurious too, the one who was not woken shows it, and only at the end.
    let posix_but_in_order = configured(&[("spurious", "allowed")]);
    let sleeps_on = violation(judged_by(&posix_but_in_order, &wrong.replace("cut", "T2 unlock\nT2 = ok\nat rest")));
    assert_eq!((sleeps_on.at, sleeps_on.clause), (At::End, Some("COND-05")));
    assert!(
        sleeps_on.sentence.contains("T1's `wait` blocked, which is so only where waiters"),
        "{}",
        sleeps_on.sentence
    );
}

#[test]
fn a_wait_that_returns_while_another_holds_the_lock_is_rejected() {
    let text = "T1 lock\nT1 = ok\nT1 wait\nT2 lock\nT2 = ok\nT2 signal\nT2 = ok\nT1 = ok\ncut";
    let found = violation(judged::<CondSpec>(text));
    assert_eq!(found.clause, Some("COND-04"));
    assert!(found.sentence.contains("it would take `unlock` to enable wait.relock"), "{}", found.sentence);
}

#[test]
fn a_timeout_before_its_time_is_rejected() {
    let found = violation(judged::<CondSpec>("T1 lock\nT1 = ok\nT1 wait-timeout 10\nT1 = timeout\ncut"));
    assert_eq!(found.clause, Some("COND-T01"));
    assert!(found.sentence.contains("it would take `advance 10` to enable timeout.due"), "{}", found.sentence);
}

#[test]
fn a_lost_wakeup_is_seen_at_rest_and_only_there() {
    let text = "T1 lock\nT1 = ok\nT1 wait\nT2 lock\nT2 = ok\nT2 signal\nT2 = ok\nT2 unlock\nT2 = ok\n";
    let found = violation(judged::<CondSpec>(&format!("{text}at rest")));
    assert_eq!((found.at, found.clause), (At::End, Some("COND-03")));
    assert_eq!(
        found.sentence,
        "nothing can move, yet T1's `wait` must go on by wait.notified (COND-03: Wait goes on once its ticket is \
         notified, whether or not it slept already; no notification is lost)"
    );
    assert_eq!(found.seen, "nothing moved any more, with T1's `wait` blocked");
    allowed(judged::<CondSpec>(&format!("{text}cut")));
    // Without order between the threads the signal may have come first.
    allowed(judged_unordered::<CondSpec>(&format!("{text}at rest")));
    // In no order is a free lock left to nobody.
    let found = violation(judged_unordered::<LockSpec>("T1 lock\nT1 = ok\nT1 unlock\nT1 = ok\nT2 lock\nat rest"));
    assert_eq!((found.at, found.clause), (At::End, Some("LOCK-01")));
}

#[test]
fn a_legally_blocked_end_is_accepted() {
    let allowed = allowed(judged::<CondSpec>("T2 signal\nT2 = ok\nT1 lock\nT1 = ok\nT1 wait\nat rest"));
    // The wait must have released the lock and sleep, or the end would not be at rest.
    let shown = ["lock", "wait.enqueue", "wait.release", "signal.begin", "signal.none"];
    assert_eq!(names::<CondSpec>(allowed.certain), shown);
    assert_eq!(allowed.exercised, allowed.certain);
    assert_eq!(allowed.aborted, None);
}

#[test]
fn a_lock_that_nobody_gets_although_it_is_free_is_rejected() {
    let found = violation(judged::<LockSpec>("T1 lock\nT1 = ok\nT2 lock\nT1 unlock\nT1 = ok\nat rest"));
    assert_eq!(found.clause, Some("LOCK-01"));
    assert!(found.sentence.starts_with("nothing can move, yet T2's `lock` must go on by lock"), "{}", found.sentence);
}

#[test]
fn what_may_happen_need_not() {
    // A collect may fail while the outbox is empty, and it may wait for ever.
    allowed(judged::<DaemonSpec>("T1 collect\nat rest"));
    allowed(judged::<DaemonSpec>("T1 collect\nT1 = empty\nat rest"));
    // Once a letter was posted, the daemon must carry it and the collect must take it.
    let found = violation(judged::<DaemonSpec>("T1 collect\nT2 post 1\nT2 = ok\nat rest"));
    assert_eq!(found.clause, Some("POST-02"));
    assert_eq!(
        found.sentence,
        "nothing can move, yet the daemon's step carry must be taken (POST-02: No letter stays in the inbox for ever)"
    );
    allowed(judged::<DaemonSpec>("T1 collect\nT2 post 1\nT2 = ok\nT1 = empty\nat rest"));
}

#[test]
fn an_operation_that_must_return_and_does_not_is_missed() {
    let found = violation(judged::<DaemonSpec>("T1 draw\nat rest"));
    assert_eq!(found.clause, Some("POST-05"));
    assert_eq!(found.allowed, ["T1's `draw` to go on by draw"]);
}

#[test]
fn an_answer_out_of_a_large_set_is_judged_by_membership() {
    allowed(judged::<DaemonSpec>("T1 draw\nT1 = 123456\nat rest"));
    let found = violation(judged::<DaemonSpec>("T1 draw\nT1 = 1000000\nat rest"));
    assert_eq!((found.at, found.clause), (At::Event(1), Some("POST-05")));
}

#[test]
fn aborts_are_judged() {
    let dies = "T1 unlock\nT1 ! unlock of a lock that the caller does not hold\nT2 lock\nat rest";
    let judgement = allowed(judged::<LockSpec>(dies));
    assert_eq!(judgement.aborted, Some("LOCK-03"));
    assert_eq!(names::<LockSpec>(judgement.certain), ["unlock.abort"]);

    let found = violation(judged::<LockSpec>("T1 lock\nT1 = ok\nT1 unlock\nT1 ! boom\ncut"));
    assert_eq!((found.at, found.clause), (At::Event(3), Some("LOCK-02")));
    assert_eq!(
        found.sentence,
        "T1's `unlock` ended the program with \"boom\", against LOCK-02: The holder's unlock frees the lock; the spec \
         allowed: T1's `unlock` to return ok"
    );

    let found = violation(judged::<LockSpec>("T1 unlock\nT1 = ok\ncut"));
    assert_eq!((found.at, found.clause), (At::Event(1), Some("LOCK-03")));
    assert_eq!(
        found.sentence,
        "T1's `unlock` returned ok, but it must end the program (LOCK-03: An unlock by anybody else ends the program); \
         the spec allowed: T1's `unlock` to end the program with \"unlock of a lock that the caller does not hold\" \
         (LOCK-03)"
    );

    let found = violation(judged_unordered::<LockSpec>("T1 lock\nT1 = ok\nT1 unlock\nT1 ! boom\ncut"));
    assert_eq!((found.at, found.clause), (At::End, Some("LOCK-02")));
}

#[test]
fn rules_that_only_some_explanations_take_are_not_certain() {
    // Was the wait signalled, or did it wake spuriously? Both explain the history.
    let text = "T1 lock\nT1 = ok\nT1 wait\nT2 lock\nT2 = ok\nT2 signal\nT2 = ok\nT2 unlock\nT2 = ok\nT1 = ok\ncut";
    let judgement = allowed(judged_by(&configured(&[("spurious", "allowed")]), text));
    let (certain, exercised) = (names::<CondSpec>(judgement.certain), names::<CondSpec>(judgement.exercised));
    for rule in ["wait.notified", "wait.spurious", "signal.wake", "signal.none"] {
        assert!(exercised.contains(&rule) && !certain.contains(&rule), "{rule}: {exercised:?}, {certain:?}");
    }
    assert!(certain.contains(&"wait.relock"));
}

#[test]
fn a_budget_that_runs_out_is_inconclusive() {
    let history = history::<RegisterSpec>("T1 write 1\nT2 write 2\nT3 read\nT3 = 2\nT1 = ok\nT2 = ok\nat rest");
    for budget in [Budget { steps_max: 3, ..Budget::default() }, Budget { configurations_max: 2, ..Budget::default() }]
    {
        for check in [check, check_unordered] {
            let judgement = check(&RegisterSpec, &0, &history, &budget);
            let Judgement::Inconclusive { reason } = judgement else { panic!("{judgement:?}") };
            assert!(reason.contains("budget of "), "{reason}");
        }
    }
    allowed(check(&RegisterSpec, &0, &history, &Budget::default()));
}

#[test]
fn what_is_no_history_is_not_judged() {
    for (text, at, disorder) in [
        ("T1 = ok\ncut", 0, Disorder::NothingRunning),
        ("T1 read\nT1 read\ncut", 1, Disorder::CallWhileRunning),
        ("T1 read\nT1 ! died\nT1 read\ncut", 2, Disorder::CallWhileRunning),
        ("T300 read\ncut", 0, Disorder::ThreadTooLarge),
    ] {
        let judgement = judged::<RegisterSpec>(text);
        let Judgement::Malformed(found) = judgement else { panic!("{judgement:?}") };
        assert_eq!((found.at, found.disorder), (at, disorder));
    }
}

#[test]
fn threads_go_by_their_names() {
    let checker = Checker::new(RegisterSpec, 0).thread_names(["reader"]);
    let found = violation(checker.check(&history::<RegisterSpec>("T1 read\nT1 = 7\ncut")));
    assert!(found.sentence.starts_with("reader's `read` returned 7"), "{}", found.sentence);
}

#[test]
fn equal_histories_are_checked_once() {
    let mut judge = Judge::new(Checker::new(RegisterSpec, 0));
    let one = history::<RegisterSpec>("T1 write 1\nT2 read\nT2 = 0\nT1 = ok\nat rest");
    let mut with_variables = one.clone();
    with_variables.events.insert(1, Event::Write { thread: 0, variable: 0, value: Value::Int(1) });
    let other_order = history::<RegisterSpec>("T2 read\nT1 write 1\nT2 = 0\nT1 = ok\nat rest");
    let wrong = history::<RegisterSpec>("T1 read\nT1 = 5\nat rest");
    let one_after_the_other = history::<RegisterSpec>("T2 read\nT2 = 0\nT1 write 1\nT1 = ok\nat rest");
    for history in [&one, &with_variables, &other_order, &one_after_the_other] {
        assert!(judge.judge(history).is_allowed());
    }
    assert!(judge.judge(&wrong).violation().is_some());
    assert!(judge.judge(&History { close: Close::Cut, ..wrong.clone() }).violation().is_some());
    assert_eq!(judge.judged().iter().map(|judged| judged.seen).collect::<Vec<_>>(), [3, 1, 1, 1]);
    assert_eq!(judge.seen(), 6);
    assert_eq!(judge.first_not_allowed().map(|judged| &judged.history), Some(&wrong));
    // Neither which of two calls was first, nor which of two returns, means anything. The four allowed ones show a write and a read each; the wrong ones show nothing.
    assert_eq!(judge.certain().into_values().collect::<Vec<_>>(), [4, 4]);
    assert_eq!(judge.exercised(), judge.certain());

    let mut unordered = Judge::unordered(Checker::new(RegisterSpec, 0));
    unordered.judge(&one);
    unordered.judge(&other_order);
    assert_eq!(unordered.judged().len(), 1);
}

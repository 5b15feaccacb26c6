//! What every spec owes its users, held against each spec of the crate: the texts round-trip, the names fit together,
//! well-formed threads stay within the rules, and the hints to explorers are true where they can be looked up.

use std::collections::BTreeSet;
use std::fmt::Debug;

use proptest::prelude::*;
use selvedge_model::cond::CondSpec;
use selvedge_model::getopt::GetoptSpec;
use selvedge_model::iovec::IovecSpec;
use selvedge_model::proc::ProcSpec;
use selvedge_model::toy::{DaemonSpec, LockSpec, ObjectsSpec, RegisterSpec, daemon, lock, register};
use selvedge_model::uio::{DeviceSpec, UioSpec};
use selvedge_model::{Commutation, Exclusion, Progress, Spec, StepOf, Thread};

fn names_fit_together<S: Spec>(spec: &S) {
    let clauses: BTreeSet<&str> = S::clauses().iter().map(|clause| clause.id).collect();
    assert_eq!(clauses.len(), S::clauses().len(), "{}: clause ids are unique", spec.name());
    let rules: BTreeSet<&str> = S::rules().iter().map(|rule| rule.name).collect();
    assert_eq!(rules.len(), S::rules().len(), "{}: rule names are unique", spec.name());
    for rule in S::rules() {
        assert!(clauses.contains(rule.clause), "{}: {} is by {}", spec.name(), rule.name, rule.clause);
        assert!(rule.text.ends_with('.'), "{}: {}", spec.name(), rule.text);
    }
    for clause in S::aborts() {
        assert!(clauses.contains(clause), "{}: {clause} aborts", spec.name());
        assert!(S::rules().iter().any(|rule| rule.clause == *clause), "{}: no rule is by {clause}", spec.name());
    }
    for clause in S::clauses() {
        assert!(clause.text.ends_with('.') && !clause.source.is_empty(), "{}", clause.id);
    }
    let configuration = spec.configuration();
    assert_eq!(configuration.len(), S::parameters().len());
    for (parameter, (name, value)) in S::parameters().iter().zip(configuration.clone()) {
        assert_eq!(parameter.name, name);
        assert_eq!(parameter.values[0], value, "{}: the first value of {name} is the default", spec.name());
    }
    let settings = S::semantics().iter().flat_map(|semantics| semantics.settings.iter().copied());
    for (name, value) in settings.chain(S::freedoms().iter().map(|freedom| (freedom.parameter, freedom.value))) {
        let parameter = S::parameters().iter().find(|parameter| parameter.name == name).expect("a parameter");
        assert!(parameter.values.contains(&value), "{}: {name} {value}", spec.name());
    }
    for freedom in S::freedoms() {
        let withheld = configuration.iter().all(|setting| *setting != (freedom.parameter, freedom.value));
        assert!(withheld, "{}: {} is no default", spec.name(), freedom.parameter);
    }
    for name in S::observables() {
        let initial = spec.initial(&[]).unwrap();
        assert!(spec.observe(&initial, name).is_some(), "{}: {name}", spec.name());
    }
    let initial = spec.initial(&[]).unwrap();
    assert_eq!(spec.observe(&initial, "no such thing"), None);
    assert!(spec.initial(&[("no such thing".to_owned(), 0)]).is_err());
    assert!(S::configure(&[("no such thing".to_owned(), "x".to_owned())]).is_err());
}

fn forms_are_read<S: Spec>() {
    for form in S::forms() {
        let text = form.arguments.split_whitespace().fold(form.name.to_owned(), |text, _| text + " 1");
        let op: S::Op = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(op.to_string(), text);
        let surplus = format!("{text} 1").parse::<S::Op>().unwrap_err();
        assert_eq!(&format!("{text} 1")[surplus.span], "1");
    }
    let unknown = "no-such-operation".parse::<S::Op>().unwrap_err();
    assert_eq!(unknown.expected.len(), S::forms().len());
}

#[test]
fn every_spec_is_of_one_piece() {
    names_fit_together(&CondSpec::default());
    names_fit_together(&ProcSpec::default());
    names_fit_together(&RegisterSpec);
    names_fit_together(&LockSpec);
    names_fit_together(&ObjectsSpec::default());
    names_fit_together(&DaemonSpec::default());
    names_fit_together(&GetoptSpec::default());
    names_fit_together(&UioSpec::default());
    names_fit_together(&DeviceSpec::default());
    names_fit_together(&IovecSpec::default());
    forms_are_read::<CondSpec>();
    forms_are_read::<ProcSpec>();
    forms_are_read::<RegisterSpec>();
    forms_are_read::<LockSpec>();
    forms_are_read::<ObjectsSpec>();
    forms_are_read::<DaemonSpec>();
    forms_are_read::<GetoptSpec>();
    forms_are_read::<UioSpec>();
    forms_are_read::<DeviceSpec>();
    forms_are_read::<IovecSpec>();
}

/// Threads of a random well-formed program, run step by step in a random order.
struct Walk<'a, S: Spec> {
    spec: &'a S,
    state: S::State,
    threads: Vec<Running<S>>,
}

struct Running<S: Spec> {
    done: Vec<S::Op>,
    current: Option<(S::Op, S::Phase)>,
    /// Operations that it may still begin.
    left: usize,
}

impl<S: Spec> Walk<'_, S> {
    fn steps(&self, thread: usize) -> Vec<StepOf<S>> {
        let mut out = Vec::new();
        if let Some((op, phase)) = &self.threads[thread].current {
            self.spec.steps(&self.state, Thread(thread as u8), op, phase, None, &mut out);
        }
        out
    }

    fn commutation(&self, thread: usize) -> Option<Commutation> {
        let (op, phase) = self.threads[thread].current.as_ref()?;
        Some(self.spec.commutation(&self.state, Thread(thread as u8), op, phase))
    }

    /// Begins an operation in every idle thread that has some left.
    fn begin(&mut self, draws: &mut impl FnMut(usize) -> usize) {
        for running in &mut self.threads {
            let may_stop = running.left == 0 && self.spec.may_end(&running.done);
            if running.current.is_none() && !may_stop && running.done.len() < 12 {
                let choices = self.spec.next_ops(&running.done);
                let op = choices[draws(choices.len())].clone();
                running.current = Some((op, S::Phase::default()));
                running.left = running.left.saturating_sub(1);
            }
        }
    }
}

/// Walks, and looks in every state at what can be looked at.
fn walk<S: Spec>(spec: &S, drawn: Vec<u16>) -> Result<(), TestCaseError> {
    let mut drawn = drawn.into_iter();
    let mut walk = Walk {
        spec,
        state: spec.initial(&[]).unwrap(),
        threads: (0..3).map(|_| Running { done: Vec::new(), current: None, left: 3 }).collect(),
    };
    while let Some(first) = drawn.next() {
        let mut draws = |count: usize| usize::from(drawn.next().unwrap_or(0)) % count;
        walk.begin(&mut draws);
        prop_assert_eq!(spec.invariants(&walk.state), vec![]);
        check_exclusion(&walk)?;
        check_commutation(&walk)?;

        let thread = usize::from(first) % walk.threads.len();
        let mut steps = walk.steps(thread);
        if steps.is_empty() {
            let mut moved = Vec::new();
            spec.internal(&walk.state, &mut moved);
            if let Some((_, state)) = moved.pop() {
                walk.state = state;
            }
            continue;
        }
        let step = steps.swap_remove(draws(steps.len()));
        let before: Vec<Exclusion> = (0..3).map(|other| spec.exclusion(&walk.state, Thread(other))).collect();
        walk.state = step.state;
        for (other, exclusion) in before.into_iter().enumerate() {
            let after = spec.exclusion(&walk.state, Thread(other as u8));
            prop_assert!(
                other == thread || after == exclusion,
                "a step of thread {} changed what {} has",
                thread,
                other
            );
        }
        let running = &mut walk.threads[thread];
        let (op, _) = running.current.clone().unwrap();
        match step.progress {
            Progress::Next(phase) => running.current = Some((op, phase)),
            Progress::Return(ret) => {
                let text = ret.to_string();
                prop_assert_eq!(text.parse::<S::Ret>().unwrap(), ret);
                running.done.push(op);
                running.current = None;
            }
            Progress::Abort { clause, text } => prop_assert!(false, "a well-formed program died: {clause} {text}"),
        }
    }
    Ok(())
}

fn check_exclusion<S: Spec>(walk: &Walk<'_, S>) -> Result<(), TestCaseError> {
    let has: Vec<Exclusion> =
        (0..walk.threads.len()).map(|thread| walk.spec.exclusion(&walk.state, Thread(thread as u8))).collect();
    let inside = has.iter().filter(|exclusion| **exclusion != Exclusion::Nothing).count();
    prop_assert!(inside <= 1 || !has.contains(&Exclusion::Exclusive), "{:?}", has);
    Ok(())
}

/// The next step of another thread must not change what an independent operation can do, nor notice a right mover.
fn check_commutation<S: Spec>(walk: &Walk<'_, S>) -> Result<(), TestCaseError> {
    let spec = walk.spec;
    for thread in 0..walk.threads.len() {
        let Some(hint) = walk.commutation(thread) else { continue };
        prop_assert_ne!(hint, Commutation::Undisciplined, "well-formed threads are disciplined");
        let (op, phase) = walk.threads[thread].current.clone().unwrap();
        for other in (0..walk.threads.len()).filter(|other| *other != thread) {
            let Some((other_op, other_phase)) = &walk.threads[other].current else { continue };
            let from = |state: &S::State, first: bool| {
                let (who, op, phase) = if first { (thread, &op, &phase) } else { (other, other_op, other_phase) };
                let mut out = Vec::new();
                spec.steps(state, Thread(who as u8), op, phase, None, &mut out);
                out
            };
            match hint {
                Commutation::Independent => {
                    let now = rules_of(&from(&walk.state, true));
                    for step in from(&walk.state, false) {
                        prop_assert_eq!(&rules_of(&from(&step.state, true)), &now, "{} before {}", other_op, op);
                    }
                }
                Commutation::RightMover => {
                    for mine in from(&walk.state, true) {
                        for theirs in from(&mine.state, false) {
                            let swapped = from(&walk.state, false)
                                .into_iter()
                                .filter(|step| step.rule == theirs.rule && step.progress == theirs.progress);
                            let same_end = swapped
                                .flat_map(|step| from(&step.state, true))
                                .any(|step| step.rule == mine.rule && step.state == theirs.state);
                            prop_assert!(same_end, "{} could not come before {}", other_op, op);
                        }
                    }
                }
                Commutation::Unknown | Commutation::Undisciplined => {}
            }
        }
    }
    Ok(())
}

fn rules_of<State, Phase, Ret>(steps: &[selvedge_model::Step<State, Phase, Ret>]) -> Vec<u16> {
    steps.iter().map(|step| step.rule.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: proptest::test_runner::RngSeed::Fixed(11),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn walks_stay_within_the_rules(drawn in prop::collection::vec(any::<u16>(), 80)) {
        for parameters in [
            &[][..],
            &[("order", "any"), ("spurious", "allowed")],
            &[("locker", "rwmutex")],
            &[("timeouts", "free")],
        ] {
            let given: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            walk(&CondSpec::configure(&given).unwrap(), drawn.clone())?;
        }
        for version in ["go1.11", "go1.12", "go1.26"] {
            walk(&ProcSpec::configure(&[("version".to_owned(), version.to_owned())]).unwrap(), drawn.clone())?;
        }
        walk(&RegisterSpec, drawn.clone())?;
        walk(&LockSpec, drawn.clone())?;
        walk(&ObjectsSpec::default(), drawn.clone())?;
        walk(&GetoptSpec::default(), drawn.clone())?;
        walk(&DaemonSpec::default(), drawn.clone())?;
        for direction in ["read", "write"] {
            walk(&UioSpec::configure(&[("direction".to_owned(), direction.to_owned())]).unwrap(), drawn.clone())?;
        }
        walk(&DeviceSpec::default(), drawn.clone())?;
        for file in ["regular", "pipe", "null"] {
            walk(&IovecSpec::configure(&[("file".to_owned(), file.to_owned())]).unwrap(), drawn.clone())?;
        }
    }
}

/// All steps of an operation that has not begun.
fn steps<S: Spec>(spec: &S, state: &S::State, op: &str, seen: Option<&S::Ret>) -> Vec<StepOf<S>>
where
    S::Phase: Debug,
{
    let mut out = Vec::new();
    let op: S::Op = op.parse().unwrap();
    spec.steps(state, Thread(0), &op, &S::Phase::default(), seen, &mut out);
    out
}

#[test]
fn the_register_holds_what_was_written_last() {
    let written = steps(&RegisterSpec, &3, "write 7", None);
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].progress, Progress::Return(register::Ret::Ok));
    let read = steps(&RegisterSpec, &written[0].state, "read", None);
    assert_eq!(read[0].progress, Progress::Return(register::Ret::Value(7)));
    assert_eq!(RegisterSpec.initial(&[("value".to_owned(), 5)]), Ok(5));
}

#[test]
fn the_toy_lock_blocks_answers_and_dies() {
    let held = steps(&LockSpec, &None, "lock", None).remove(0).state;
    assert_eq!(held, Some(Thread(0)));
    assert_eq!(steps(&LockSpec, &held, "lock", None), []);
    assert_eq!(steps(&LockSpec, &held, "try-lock", None)[0].progress, Progress::Return(lock::Ret::Busy));
    assert_eq!(steps(&LockSpec, &held, "unlock", None)[0].state, None);
    let died = steps(&LockSpec, &Some(Thread(1)), "unlock", None).remove(0);
    assert!(matches!(died.progress, Progress::Abort { clause: "LOCK-03", .. }));
    let op = lock::Op::Lock;
    assert_eq!(LockSpec.at_rest(&None, &[(Thread(0), &op, &())])[0].clause, "LOCK-01");
    assert_eq!(LockSpec.at_rest(&held, &[(Thread(0), &op, &())]), []);
}

#[test]
fn a_lot_is_answered_by_membership_where_it_was_seen() {
    let spec = DaemonSpec::default();
    let state = daemon::State::default();
    let draw = |seen: u32| steps(&spec, &state, "draw", Some(&daemon::Ret::Number(seen))).len();
    assert_eq!((draw(0), draw(777_777), draw(daemon::LOTS - 1), draw(daemon::LOTS)), (1, 1, 1, 0));
    assert_eq!(steps(&spec, &state, "draw", Some(&daemon::Ret::Empty)), []);
    assert_eq!(steps(&spec, &state, "draw", None).len(), daemon::LOTS_ENUMERATED.len());
}

#[test]
fn the_post_office_blocks_when_full_and_its_daemon_owes_delivery() {
    let spec = DaemonSpec::configure(&[("room".to_owned(), "1".to_owned())]).unwrap();
    let full = steps(&spec, &daemon::State::default(), "post 9", None).remove(0).state;
    assert_eq!(steps(&spec, &full, "post 8", None), []);
    assert_eq!(spec.at_rest(&full, &[])[0].clause, "POST-02");
    let mut carried = Vec::new();
    spec.internal(&full, &mut carried);
    let (_, carried) = carried.remove(0);
    assert_eq!((carried.inbox.len(), carried.outbox.len()), (0, 1));
    assert_eq!(spec.at_rest(&carried, &[]), []);
    let overfull = daemon::State { inbox: vec![1, 2], outbox: vec![] };
    assert_eq!(spec.invariants(&overfull)[0].clause, "POST-01");
    assert_eq!(steps(&spec, &carried, "collect", None)[0].progress, Progress::Next(daemon::Phase::Holding(9)));
    assert_eq!(steps(&spec, &full, "collect", None)[0].progress, Progress::Return(daemon::Ret::Empty));
}

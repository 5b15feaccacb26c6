//! A failure of a condition variable in one sentence: who was notified, who should have been, and what each waiter
//! believes.

use super::*;
use crate::spec::{Departure, Taken};

/// See [`Spec::tell`].
pub(super) fn tell(story: &Story<'_, CondSpec>) -> Option<String> {
    match story.departure {
        Departure::Stuck => stuck(story),
        Departure::Returned(thread, ret) => returned(story, thread, ret),
        Departure::Died(thread) => died(story, thread),
    }
}

/// A ticket that was notified.
struct Notice {
    /// Where in the story.
    at: usize,
    owner: Thread,
    /// Who notified it, and by what.
    by: Thread,
    op: Op,
    /// The others that were outstanding, oldest first.
    others: Vec<Thread>,
    /// Whether it was notified together with all others.
    is_broadcast: bool,
}

/// Nothing moves any more: somebody sleeps who was notified, or wants a lock that is free.
fn stuck(story: &Story<'_, CondSpec>) -> Option<String> {
    let name = |thread| story.name(thread);
    let lost: Vec<Notice> = asleep(story)
        .filter(|(thread, which)| !story.state.is_outstanding(*thread, *which))
        .filter_map(|(thread, _)| notice_of(story, thread))
        .collect();
    if let Some(first) = lost.first() {
        let waiters: Vec<String> = lost.iter().map(|lost| name(lost.owner)).collect();
        let by = |notice: &Notice| format!("{}'s `{}`", name(notice.by), notice.op);
        let mut sentence = match &waiters[..] {
            [only] => format!(
                "{only} sleeps for ever and believes that nobody has notified it, although {} had to: {}",
                by(first),
                why_notified(story, first)
            ),
            _ => {
                let each = lost.iter().map(|lost| {
                    format!("{} had to notify {} ({})", by(lost), name(lost.owner), why_notified(story, lost))
                });
                let each: Vec<String> = each.collect();
                format!(
                    "{} sleep for ever and believe that nobody has notified them, although {}",
                    all_of(&waiters),
                    all_of(&each)
                )
            }
        };
        sentence.push_str(&others_notified(story, &lost));
        sentence.push_str(&rest_asleep(story));
        return Some(sentence);
    }
    let overdue = story.running.iter().find_map(|(thread, op, phase)| match phase {
        Phase::Parked { deadline_ms: Some(deadline_ms) } if *deadline_ms <= story.state.now_ms => {
            Some((*thread, op, *deadline_ms))
        }
        _ => None,
    });
    if let Some((thread, op, deadline_ms)) = overdue {
        return Some(format!(
            "{}'s `{op}` sleeps for ever although its time was over at {deadline_ms} ms and it is {} ms",
            name(thread),
            story.state.now_ms
        ));
    }
    if !story.state.lock.holders.is_empty() {
        return None;
    }
    story.running.iter().find_map(|(thread, op, phase)| match (phase, op) {
        (Phase::Relocking { .. }, _) => {
            Some(format!("{}'s `{op}` is over and never gets the lock back, although the lock is free", name(*thread)))
        }
        (Phase::Start | Phase::Wanting, Op::Lock | Op::WriteLock) => {
            Some(format!("{}'s `{op}` waits for ever for a lock that is free", name(*thread)))
        }
        _ => None,
    })
}

/// An operation returned that must still wait, or returned something else than it must.
fn returned(story: &Story<'_, CondSpec>, thread: Thread, ret: Ret) -> Option<String> {
    let me = story.name(thread);
    let (_, op, phase) = story.running.iter().find(|(running, ..)| *running == thread)?;
    let which = which_of(op);
    match (op, phase) {
        (Op::Wait(_) | Op::WaitTimeout { .. }, Phase::Parked { .. })
            if story.state.is_outstanding(thread, which) && ret != Ret::Timeout =>
        {
            Some(format!(
                "{me}'s `{op}` returned although nobody had notified {me}: {}",
                who_was_notified(story, thread)
            ))
        }
        (Op::WaitTimeout { .. }, Phase::Parked { deadline_ms: Some(deadline_ms) }) if ret == Ret::Timeout => {
            let now_ms = story.state.now_ms;
            Some(format!("{me}'s `{op}` gave up at {now_ms} ms, and its time is over at {deadline_ms} ms only"))
        }
        (Op::Wait(_) | Op::WaitTimeout { .. }, Phase::Relocking { timed_out }) => {
            if ret == Ret::Timeout && !timed_out {
                let notice = notice_of(story, thread)?;
                let by = format!("{}'s `{}`", story.name(notice.by), notice.op);
                return Some(format!("{me}'s `{op}` says that its time was over, but {by} has notified {me}"));
            }
            let inside = others_inside(story, thread)?;
            Some(format!(
                "{me}'s `{op}` returned without the lock: {inside} inside, and {me} believes that it is alone there"
            ))
        }
        (Op::Lock | Op::WriteLock, Phase::Start | Phase::Wanting) => {
            let inside = others_inside(story, thread)?;
            Some(format!("{me}'s `{op}` returned although {inside} inside: both believe that they hold the lock"))
        }
        _ => None,
    }
}

/// An operation ended the program without reason.
fn died(story: &Story<'_, CondSpec>, thread: Thread) -> Option<String> {
    let (_, op, _) = story.running.iter().find(|(running, ..)| *running == thread)?;
    if !story.state.lock.holders.has(thread) {
        return None;
    }
    let me = story.name(thread);
    let gained = story
        .steps
        .iter()
        .rev()
        .find(|step| !step.before.lock.holders.has(thread) && step.after.lock.holders.has(thread))?;
    let (_, by) = gained.by.as_ref()?;
    Some(format!(
        "{me}'s `{op}` found the lock not locked, but {me} must have it: its `{by}` has returned, and that takes the lock"
    ))
}

/// The waits that sleep.
fn asleep(story: &Story<'_, CondSpec>) -> impl Iterator<Item = (Thread, Which)> {
    let sleeping = story.running.iter().filter(|(_, _, phase)| matches!(phase, Phase::Parked { .. }));
    sleeping.map(|(thread, op, _)| (*thread, which_of(op)))
}

fn which_of(op: &Op) -> Which {
    match op {
        Op::Wait(which) | Op::Signal(which) | Op::Broadcast(which) => *which,
        _ => Which::Original,
    }
}

/// Every ticket that was notified, in order.
fn notices(story: &Story<'_, CondSpec>) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (at, Taken { by, rule, before, after }) in story.steps.iter().enumerate() {
        let Some((by, op)) = by else { continue };
        let is_broadcast = *rule == BROADCAST_WAKE;
        if !is_broadcast && *rule != SIGNAL_WAKE && *rule != SIGNAL_WAKE_ANY {
            continue;
        }
        let which = which_of(op);
        let queue = |state: &State| state.waiters(which).map(|waiters| waiters.queue).unwrap_or_default();
        let (queue, left) = (queue(before), queue(after));
        for owner in queue.iter().filter(|owner| !left.has(*owner)) {
            let others = queue.iter().filter(|other| *other != owner).collect();
            notices.push(Notice { at, owner, by: *by, op: *op, others, is_broadcast });
        }
    }
    notices
}

/// How the thread was notified last.
fn notice_of(story: &Story<'_, CondSpec>, thread: Thread) -> Option<Notice> {
    notices(story).into_iter().rev().find(|notice| notice.owner == thread)
}

/// When the thread's wait did what the rule says, before a place in the story.
fn last_taken(story: &Story<'_, CondSpec>, thread: Thread, rule: RuleId, before: usize) -> Option<usize> {
    story.steps[..before]
        .iter()
        .rposition(|step| step.rule == rule && step.by.as_ref().is_some_and(|(by, _)| *by == thread))
}

/// Why it was this ticket's turn.
fn why_notified(story: &Story<'_, CondSpec>, notice: &Notice) -> String {
    let owner = story.name(notice.owner);
    let others: Vec<String> = notice.others.iter().map(|other| story.name(*other)).collect();
    let mut why = match (notice.is_broadcast, others.is_empty()) {
        (_, true) => format!("{owner}'s ticket was the only one outstanding"),
        (true, false) => format!("it notifies every ticket outstanding, {owner}'s and {}'s", all_of(&others)),
        (false, false) => format!("{owner}'s ticket was older than {}'s", all_of(&others)),
    };
    // A ticket is known to be taken because somebody else got the lock that its owner then released.
    let released = last_taken(story, notice.owner, WAIT_RELEASE, notice.at);
    let witness = released.and_then(|released| {
        story.steps[released..notice.at].iter().find_map(|step| match &step.by {
            Some((by, _)) if *by != notice.owner && !step.before.lock.holders.has(*by) => {
                step.after.lock.holders.has(*by).then_some(*by)
            }
            _ => None,
        })
    });
    if let Some(witness) = witness {
        why.push_str(&format!(", taken before {owner} let {} have the lock", story.name(witness)));
    }
    let gave_up = story.steps[..notice.at].iter().filter_map(|step| match &step.by {
        Some((by, _)) if matches!(step.rule, TIMEOUT_DUE | TIMEOUT_FREE) => Some(story.name(*by)),
        _ => None,
    });
    let gave_up: Vec<String> = gave_up.collect();
    if !gave_up.is_empty() {
        why.push_str(&format!(", and {} had given up before, the time being over", all_of(&gave_up)));
    }
    why
}

/// What is to be said of those who were notified and are no longer asleep.
fn others_notified(story: &Story<'_, CondSpec>, lost: &[Notice]) -> String {
    let is_lost = |thread: Thread| lost.iter().any(|lost| lost.owner == thread);
    let mut awake: Vec<String> = Vec::new();
    for notice in notices(story).iter().filter(|notice| !is_lost(notice.owner)) {
        let name = story.name(notice.owner);
        if !awake.contains(&name) {
            awake.push(name);
        }
    }
    let is_else_waiting = story
        .running
        .iter()
        .any(|(thread, op, _)| matches!(op, Op::Wait(_) | Op::WaitTimeout { .. }) && !is_lost(*thread));
    match awake.len() {
        // Somebody else in a wait may have been notified by mistake without that showing.
        0 if is_else_waiting => String::new(),
        0 => "; nobody was notified instead".to_owned(),
        1 => format!("; {} was notified and went on", awake[0]),
        _ => format!("; {} were notified and went on", all_of(&awake)),
    }
}

/// Who was notified since the thread's wait took its ticket.
fn who_was_notified(story: &Story<'_, CondSpec>, thread: Thread) -> String {
    let me = story.name(thread);
    let since = last_taken(story, thread, WAIT_ENQUEUE, story.steps.len()).unwrap_or_default();
    let notices: Vec<Notice> = notices(story).into_iter().filter(|notice| notice.at > since).collect();
    let told: Vec<String> = notices
        .iter()
        .map(|notice| {
            let older = if notice.others.contains(&thread) && !notice.is_broadcast {
                format!(", whose ticket is older than {me}'s")
            } else {
                String::new()
            };
            format!("{}'s `{}` was for {}{older}", story.name(notice.by), notice.op, story.name(notice.owner))
        })
        .collect();
    match told.is_empty() {
        true => format!("nobody has signalled or broadcast since {me} took its ticket"),
        false => told.join(", and "),
    }
}

/// What is to be said of those who sleep and were not notified.
fn rest_asleep(story: &Story<'_, CondSpec>) -> String {
    let rest: Vec<String> = asleep(story)
        .filter(|(thread, which)| story.state.is_outstanding(*thread, *which))
        .map(|(thread, _)| story.name(thread))
        .collect();
    match rest.len() {
        0 => String::new(),
        1 => format!("; {} sleeps too, and nobody had to notify it", rest[0]),
        _ => format!("; {} sleep too, and nobody had to notify them", all_of(&rest)),
    }
}

/// "T2 is", "T2 and T3 are": those inside the lock besides the thread.
fn others_inside(story: &Story<'_, CondSpec>, thread: Thread) -> Option<String> {
    let holders = story.state.lock.holders;
    let inside = (0..THREADS_MAX as u8).map(Thread).filter(|other| *other != thread && holders.has(*other));
    let inside: Vec<String> = inside.map(|other| story.name(other)).collect();
    match inside.len() {
        0 => None,
        1 => Some(format!("{} is", inside[0])),
        _ => Some(format!("{} are", all_of(&inside))),
    }
}

/// "T1", "T1 and T2", "T1, T2 and T3".
fn all_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::rule;

    /// A story being told: operations that move when they are told to.
    struct Teller {
        spec: CondSpec,
        state: State,
        running: Vec<(Thread, Op, Phase)>,
        steps: Vec<Taken<CondSpec>>,
    }

    impl Teller {
        fn new(spec: CondSpec) -> Self {
            Self { spec, state: spec.initial(&[]).unwrap(), running: Vec::new(), steps: Vec::new() }
        }

        fn call(&mut self, thread: u8, op: &str) -> &mut Self {
            self.running.push((Thread(thread), op.parse().unwrap(), Phase::default()));
            self
        }

        /// Lets the thread's operation take the step of that rule.
        fn take(&mut self, thread: u8, name: &str) -> &mut Self {
            let at = self.running.iter().position(|(running, ..)| running.0 == thread).expect("it runs something");
            let (by, op, phase) = self.running[at];
            let mut steps = Vec::new();
            self.spec.steps(&self.state, by, &op, &phase, None, &mut steps);
            let step = steps.into_iter().find(|step| rule::<CondSpec>(step.rule).name == name);
            let step = step.unwrap_or_else(|| panic!("{op} cannot take {name}"));
            let before = std::mem::replace(&mut self.state, step.state);
            self.steps.push(Taken { by: Some((by, op)), rule: step.rule, before, after: self.state.clone() });
            match step.progress {
                Progress::Next(phase) => self.running[at].2 = phase,
                Progress::Return(_) | Progress::Abort { .. } => drop(self.running.remove(at)),
            }
            self
        }

        /// Locks, takes a ticket, releases the lock.
        fn park(&mut self, thread: u8) -> &mut Self {
            self.call(thread, "lock").take(thread, "lock").call(thread, "wait");
            self.take(thread, "wait.enqueue").take(thread, "wait.release")
        }

        fn wake(&mut self, thread: u8, op: &str) -> &mut Self {
            self.call(thread, op).take(thread, &format!("{op}.begin")).take(thread, &format!("{op}.wake"))
        }

        fn told(&self, departure: Departure<Ret>) -> Option<String> {
            let (steps, state, running) = (self.steps.clone(), self.state.clone(), self.running.clone());
            self.spec.tell(&Story { names: &[], steps, state, running, departure })
        }
    }

    #[test]
    fn a_broadcast_that_loses_two_of_three() {
        let mut teller = Teller::new(CondSpec::default());
        teller.park(0).park(1).park(2).wake(3, "broadcast");
        teller.take(1, "wait.notified").take(1, "wait.relock");
        let told = teller.told(Departure::Stuck).unwrap();
        assert!(told.starts_with("T1 and T3 sleep for ever and believe that nobody has notified them"), "{told}");
        assert!(told.contains("T4's `broadcast` had to notify T1 (it notifies every ticket outstanding"), "{told}");
        assert!(told.ends_with("; T2 was notified and went on"), "{told}");
    }

    #[test]
    fn a_signal_that_loses_the_first_of_two() {
        let mut teller = Teller::new(CondSpec::default());
        let told = teller.park(0).park(1).wake(2, "signal").told(Departure::Stuck).unwrap();
        assert_eq!(
            told,
            "T1 sleeps for ever and believes that nobody has notified it, although T3's `signal` had to: T1's ticket was \
             older than T2's, taken before T1 let T2 have the lock; T2 sleeps too, and nobody had to notify it"
        );
    }

    #[test]
    fn a_wait_that_comes_back_too_soon() {
        let mut teller = Teller::new(CondSpec::default());
        teller.park(0);
        let told = teller.told(Departure::Returned(Thread(0), Ret::Ok)).unwrap();
        assert!(told.ends_with("nobody has signalled or broadcast since T1 took its ticket"), "{told}");
        teller.wake(1, "signal").take(0, "wait.notified").call(2, "lock").take(2, "lock");
        let told = teller.told(Departure::Returned(Thread(0), Ret::Ok)).unwrap();
        assert!(told.starts_with("T1's `wait` returned without the lock: T3 is inside"), "{told}");
    }

    #[test]
    fn two_inside_the_lock() {
        let mut teller = Teller::new(CondSpec::default());
        teller.call(0, "lock").take(0, "lock").call(1, "lock");
        let told = teller.told(Departure::Returned(Thread(1), Ret::Ok)).unwrap();
        assert_eq!(told, "T2's `lock` returned although T1 is inside: both believe that they hold the lock");
    }

    #[test]
    fn a_timed_wait_that_sleeps_past_its_time_or_gives_up_before_it() {
        let mut teller = Teller::new(CondSpec::default());
        teller.call(0, "lock").take(0, "lock").call(0, "wait-timeout 20");
        teller.take(0, "timeout.set").take(0, "wait.enqueue").take(0, "wait.release");
        let told = teller.told(Departure::Returned(Thread(0), Ret::Timeout)).unwrap();
        assert_eq!(told, "T1's `wait-timeout 20` gave up at 0 ms, and its time is over at 20 ms only");
        teller.call(1, "advance 30").take(1, "advance");
        let told = teller.told(Departure::Stuck).unwrap();
        assert!(told.ends_with("sleeps for ever although its time was over at 20 ms and it is 30 ms"), "{told}");
    }

    #[test]
    fn what_it_has_no_words_for_it_does_not_tell() {
        let mut teller = Teller::new(CondSpec::default());
        teller.call(0, "signal");
        assert_eq!(teller.told(Departure::Returned(Thread(0), Ret::Timeout)), None);
        assert_eq!(teller.told(Departure::Stuck), None);
        assert_eq!(teller.told(Departure::Died(Thread(0))), None);
    }
}

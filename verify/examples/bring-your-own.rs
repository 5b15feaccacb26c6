//! Walks through the suite for other people's code.
//!
//! 1. A condition variable that somebody else wrote, on std's types, against our spec. It looks plausible, and one signal
//!    wakes everybody; the suite says which clause that breaks.
//! 2. A spin lock on loom's types: right, and with a store that orders nothing, which loom sees.
//! 3. A condition variable on shuttle's types, under every engine that stands on shuttle. It conforms.
//! 4. A gate against a spec of the reader's own: one subject conforms, one does not, and one takes its process down.
//!
//! `cargo run --example bring-your-own` prints the findings; the tests run it too.

use std::fmt;
use std::str::FromStr;

use selvedge::platform::host::{Condvar, Mutex};
use selvedge::platform::{Arc, Loom, Platform, Region, Shuttle, Std};
use selvedge_model::cond::{CondSpec, Op, Ret};
use selvedge_model::toy::lock::{self, LockSpec};
use selvedge_model::{Clause, Form, Parameter, Progress, Rule, Spec, Step, StepOf, Thread, Unknown, Unreadable, text};
use selvedge_verify::evidence::Verdict;
use selvedge_verify::subject::locker::{RegionLock, Side};
use selvedge_verify::subject::{Stop, Subject};
use selvedge_verify::suite::{CorpusFile, Drivers, Options, Suite, System};

// 1. Somebody else's condition variable.

/// Remembers in a flag that it was signalled, so that no signal is lost. But whoever waits sees the same flag.
struct FlagCond {
    lock: RegionLock<Std>,
    signalled: Mutex<bool>,
    changed: Condvar,
}

impl Subject<CondSpec> for FlagCond {
    type Platform = Std;
    type Local<'a> = ();

    fn create(_: &CondSpec, _: &[(String, i64)]) -> Result<Self, String> {
        Ok(FlagCond { lock: RegionLock::new(), signalled: Mutex::new(false), changed: Condvar::new() })
    }

    fn perform(&self, _: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
        match op {
            Op::Lock => self.lock.lock(Side::Write),
            Op::Unlock => self.lock.unlock(Side::Write)?,
            Op::Wait(_) => {
                self.lock.unlock(Side::Write)?;
                let mut signalled = self.signalled.lock().expect("nobody panics");
                while !*signalled {
                    signalled = self.changed.wait(signalled).expect("nobody panics");
                }
                drop(signalled);
                self.lock.lock(Side::Write);
            }
            Op::Signal(_) | Op::Broadcast(_) => {
                *self.signalled.lock().expect("nobody panics") = true;
                self.changed.notify_all();
            }
            other => unreachable!("{other} is in none of the programs below"),
        }
        Ok(Ret::Ok)
    }
}

const TWO_WAITERS: CorpusFile = CorpusFile {
    name: "two-waiters-one-signal",
    text: "
        spec cond
        clauses COND-05
        atomic queued = 0 seqcst

        thread First
          lock
          queued += 1
          wait
          unlock

        thread Second
          lock
          queued += 1
          wait
          unlock

        thread Signaller
          await queued == 2
          lock
          signal
          unlock

        never done First && done Second
    ",
};

// 2. Somebody else's lock on loom's types. `FOREIGN` lets threads switch inside it.

/// With `ORDERS`, whoever takes it sees what the one before did.
struct SpinLock<const ORDERS: bool>(loom::sync::atomic::AtomicBool);

impl<const ORDERS: bool> Subject<LockSpec> for SpinLock<ORDERS> {
    type Platform = Loom;
    type Local<'a> = ();

    const FOREIGN: bool = true;

    fn create(_: &LockSpec, _: &[(String, i64)]) -> Result<Self, String> {
        Ok(SpinLock(loom::sync::atomic::AtomicBool::new(false)))
    }

    fn perform(&self, _: Thread, _: &mut (), op: &lock::Op) -> Result<lock::Ret, Stop> {
        use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
        match op {
            lock::Op::Lock => {
                while self.0.compare_exchange(false, true, Acquire, Relaxed).is_err() {
                    loom::thread::yield_now();
                }
            }
            lock::Op::Unlock => self.0.store(false, if ORDERS { Release } else { Relaxed }),
            lock::Op::TryLock => unreachable!("{op} is not in the program below"),
        }
        Ok(lock::Ret::Ok)
    }
}

const TWO_COUNT: CorpusFile = CorpusFile {
    name: "two-count",
    text: "
        spec lock
        clauses LOCK-01
        var n = 0

        thread A
          lock
          n += 1
          unlock

        thread B
          lock
          n += 1
          unlock

        forall done A && done B && n == 2
    ",
};

// 3. Somebody else's condition variable on shuttle's types.

/// Waiters take tickets, which are called in order. The lock is the platform's: the two may be mixed.
struct TicketCond {
    lock: RegionLock<Shuttle>,
    /// How many were taken, and how many were called.
    tickets: shuttle::sync::Mutex<(u32, u32)>,
    called: shuttle::sync::Condvar,
}

impl Subject<CondSpec> for TicketCond {
    type Platform = Shuttle;
    type Local<'a> = ();

    const FOREIGN: bool = true;

    fn create(_: &CondSpec, _: &[(String, i64)]) -> Result<Self, String> {
        let tickets = shuttle::sync::Mutex::new((0, 0));
        Ok(TicketCond { lock: RegionLock::new(), tickets, called: shuttle::sync::Condvar::new() })
    }

    fn perform(&self, _: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
        match op {
            Op::Lock => self.lock.lock(Side::Write),
            Op::Unlock => self.lock.unlock(Side::Write)?,
            Op::Wait(_) => {
                let mut tickets = self.tickets.lock().expect("nobody panics");
                let mine = tickets.0;
                tickets.0 += 1;
                self.lock.unlock(Side::Write)?;
                while tickets.1 <= mine {
                    tickets = self.called.wait(tickets).expect("nobody panics");
                }
                drop(tickets);
                self.lock.lock(Side::Write);
            }
            Op::Signal(_) => {
                let mut tickets = self.tickets.lock().expect("nobody panics");
                tickets.1 = tickets.0.min(tickets.1 + 1);
                self.called.notify_all();
            }
            other => unreachable!("{other} is in none of the programs below"),
        }
        Ok(Ret::Ok)
    }
}

// 4. A spec of the reader's own: a gate that opens once and stays open.

#[derive(Clone, Debug)]
struct GateSpec;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum GateOp {
    Open,
    Pass,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Through;

selvedge_model::rules! {
    OPEN = "open", "GATE-01", Must, "Opens the gate.";
    PASS = "pass", "GATE-02", Must, "Lets a thread through, once the gate is open.";
}

static CLAUSES: &[Clause] = &[
    Clause::new("GATE-01", "this example", "An open gate stays open."),
    Clause::new("GATE-02", "this example", "Nobody passes before the gate is open, and then everybody does."),
];
static FORMS: &[Form] = &[Form::new("open", "", "Opens the gate."), Form::new("pass", "", "Waits and passes.")];

impl Spec for GateSpec {
    type State = bool;
    type Op = GateOp;
    type Phase = ();
    type Ret = Through;

    fn name(&self) -> &'static str {
        "gate"
    }
    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        text::choices(parameters, Self::parameters()).map(|_| GateSpec)
    }
    fn parameters() -> &'static [Parameter] {
        &[]
    }
    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
    fn clauses() -> &'static [Clause] {
        CLAUSES
    }
    fn rules() -> &'static [Rule] {
        RULES
    }
    fn forms() -> &'static [Form] {
        FORMS
    }
    fn observables() -> &'static [&'static str] {
        &[]
    }
    fn initial(&self, _: &[(String, i64)]) -> Result<bool, Unknown> {
        Ok(false)
    }
    fn observe(&self, _: &bool, _: &str) -> Option<i64> {
        None
    }
    fn steps(&self, is_open: &bool, _: Thread, op: &GateOp, (): &(), _: Option<&Through>, out: &mut Vec<StepOf<Self>>) {
        let progress = Progress::Return(Through);
        match op {
            GateOp::Open => out.push(Step { rule: OPEN, state: true, progress }),
            GateOp::Pass if *is_open => out.push(Step { rule: PASS, state: true, progress }),
            GateOp::Pass => {}
        }
    }
    fn next_ops(&self, _: &[GateOp]) -> Vec<GateOp> {
        vec![GateOp::Open, GateOp::Pass]
    }
}

impl fmt::Display for GateOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == GateOp::Open { "open" } else { "pass" })
    }
}

impl FromStr for GateOp {
    type Err = Unreadable;
    fn from_str(words: &str) -> Result<Self, Unreadable> {
        Ok(if text::call(words, FORMS)?.name == "open" { GateOp::Open } else { GateOp::Pass })
    }
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ok")
    }
}

impl FromStr for Through {
    type Err = Unreadable;
    fn from_str(word: &str) -> Result<Self, Unreadable> {
        text::one_of(word, "answer", &[("ok", Through)])
    }
}

/// A gate with a behaviour: 0 waits until it is open, 1 does not wait, 2 aborts when somebody comes too early.
struct Gate<P: Platform, const BEHAVIOUR: u8>(P::Region<bool>);

impl<P: Platform, const BEHAVIOUR: u8> Subject<GateSpec> for Gate<P, BEHAVIOUR> {
    type Platform = P;
    type Local<'a> = ();

    fn create(_: &GateSpec, _: &[(String, i64)]) -> Result<Self, String> {
        Ok(Gate(Region::new(false)))
    }

    fn perform(&self, _: Thread, _: &mut (), op: &GateOp) -> Result<Through, Stop> {
        match op {
            GateOp::Open => self.0.with(|is_open| *is_open = true),
            GateOp::Pass if BEHAVIOUR == 1 => {}
            GateOp::Pass => {
                if BEHAVIOUR == 2 && self.0.with(|is_open| !*is_open) {
                    std::process::abort();
                }
                self.0.when(|is_open| *is_open, |_| ());
            }
        }
        Ok(Through)
    }
}

const ONE_OPENS_ONE_PASSES: CorpusFile = CorpusFile {
    name: "one-opens-one-passes",
    text: "
        spec gate
        clauses GATE-02

        thread Visitor
          pass
          pass

        thread Porter
          open

        forall done Visitor && done Porter
    ",
};

fn main() {
    let suite = Arc::new(
        Suite::empty()
            .with(
                System::new("cond", &[TWO_WAITERS])
                    .primitive("flag-cond", Drivers::<CondSpec>::NONE.threads::<FlagCond>())
                    .primitive("ticket-cond", Drivers::NONE.shuttle::<TicketCond>()),
            )
            .with(
                System::new("lock", &[TWO_COUNT])
                    .primitive("spins", Drivers::<LockSpec>::NONE.loom::<SpinLock<true>>())
                    .primitive("spins-unordered", Drivers::NONE.loom::<SpinLock<false>>()),
            )
            .with(
                System::new("gate", &[ONE_OPENS_ONE_PASSES])
                    .primitive("waits", Drivers::<GateSpec>::NONE.shuttle::<Gate<Shuttle, 0>>())
                    .primitive("does-not-wait", Drivers::NONE.shuttle::<Gate<Shuttle, 1>>())
                    .primitive("aborts", Drivers::NONE.shuttle::<Gate<Shuttle, 2>>()),
            ),
    );
    // The first line of any `main` that runs checks: in a child process it does the child's work.
    suite.intercept();
    for planned in suite.plan(&Options::quick()).iter().filter(|planned| planned.id.contains("/conformance/")) {
        let evidence = suite.run(planned, &Options::quick());
        println!("{:?}  {}", evidence.verdict, evidence.check);
        match &evidence.counterexample {
            // What is wrong, in a sentence, and the way there; the `>` marks the place.
            Some(counterexample) => println!("{counterexample}"),
            None => println!("{}\n", evidence.reason),
        }
        let conforms = matches!(planned.subject.as_deref(), Some("waits" | "spins" | "ticket-cond"));
        assert_eq!(evidence.verdict == Verdict::Pass, conforms, "{}: {}", evidence.check, evidence.reason);
    }
}

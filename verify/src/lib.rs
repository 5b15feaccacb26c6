//! Hold a concurrency primitive against its executable spec.
//!
//! A *spec* ([`selvedge_model::Spec`]) says what may happen, one atomic step at a time. A *litmus test* is a tiny
//! concurrent program over the spec's operations. This crate computes everything that the spec lets the program come to,
//! runs the same program over something real, again and again under engines that control the schedule, and compares the
//! two: outcome by outcome, and history by history. What comes out is a record of evidence that says what was looked at,
//! how far, and what was found.
//!
//! # The nouns
//!
//! | noun | what it is |
//! |---|---|
//! | [`litmus::Program`] | a litmus test: initial values, threads of operations, expectations; [`litmus::parse`] reads one |
//! | [`explore::Exploration`] | everything that a spec allows a program to come to |
//! | [`subject::Subject`] | an adapter that performs a spec's operations on something real |
//! | [`engine::Engine`] | who decides which thread runs next: loom, depth-first search, random schedulers, real threads |
//! | [`history::History`] | calls, returns and accesses in their order, and who was left blocked |
//! | [`check`](mod@check) | is this history one that the spec can follow? |
//! | [`conformance::Target`], [`conformance::Findings`] | one program under one engine: what it may do, what it did |
//! | [`generate`](mod@generate) | random programs for any spec, and shrinking those that fail |
//! | [`mutant`] | subjects and programs with one classic bug each: the suite must kill every one |
//! | [`evidence::Evidence`] | the record of one check: the only thing that reports read |
//! | [`suite::Suite`] | all of it, as a list of checks with stable ids |
//! | [`isolate`] | child processes: a subject that aborts or hangs ends its own check only |
//!
//! # What a verdict means
//!
//! A pass is never absolute: [`Evidence::technique`](evidence::Evidence::technique) names the engine, the bound and the
//! [mode](evidence::Mode). In *outcomes* mode the values returned, the final state and who is blocked are judged. In
//! *histories* mode the order of calls and returns is judged as well, which finds a subject that returns a value it
//! fetched before its call. Under loom the order between threads means nothing, so the mode there is outcomes; what loom
//! adds is weak memory and data races.
//!
//! # Holding your own code against a spec
//!
//! Everything below is spelt out in full, with subjects that go wrong, in `verify/examples/bring-your-own.rs`.
//!
//! ## A primitive of yours against a spec of ours
//!
//! Write an adapter: which [platform](selvedge::platform::Platform) your code stands on, how to make one, how to perform
//! each operation. Code on std's own types stands on [`Std`](selvedge::platform::Std) and runs on real threads; code that
//! is generic over the platform runs under every engine; code on loom's or shuttle's types runs under theirs, see below. Then name the programs and run the checks. Here is a register:
//!
//! ```
//! use selvedge::platform::{Atomic, Loom, Ordering, Platform, Shuttle, Std};
//! use selvedge_model::Thread;
//! use selvedge_model::toy::register::{Op, RegisterSpec, Ret};
//! use selvedge_verify::evidence::Verdict;
//! use selvedge_verify::litmus::corpus;
//! use selvedge_verify::subject::{Stop, Subject};
//! use selvedge_verify::suite::{Drivers, Options, Suite, System};
//!
//! struct Mine<P: Platform>(P::AtomicU32);
//!
//! impl<P: Platform> Subject<RegisterSpec> for Mine<P> {
//!     type Platform = P;
//!     type Local<'a> = ();
//!
//!     fn create(_: &RegisterSpec, _: &[(String, i64)]) -> Result<Self, String> {
//!         Ok(Mine(Atomic::new(0)))
//!     }
//!
//!     fn perform(&self, _: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
//!         Ok(match op {
//!             Op::Read => Ret::Value(self.0.load(Ordering::SeqCst)),
//!             Op::Write(value) => {
//!                 // The bug.
//!                 self.0.store(value + 1, Ordering::SeqCst);
//!                 Ret::Ok
//!             }
//!         })
//!     }
//! }
//!
//! let everywhere = Drivers::everywhere::<Mine<Loom>, Mine<Shuttle>, Mine<Std>>();
//! let suite = Suite::empty().with(System::new("register", corpus::REGISTER).primitive("mine", everywhere));
//! let options = Options::quick();
//! let plan = suite.plan(&options);
//! let check = plan.iter().find(|check| check.id == "register/conformance/two-reads/mine/exhaustive").expect("it is planned");
//! let evidence = suite.run_here(check, &options);
//! assert_eq!(evidence.verdict, Verdict::Fail);
//! let counterexample = evidence.counterexample.expect("the execution that the spec does not allow");
//! println!("{counterexample}");
//! # // Made small: what is left of the program names its threads anew.
//! # assert_eq!(counterexample.threads, ["T1", "T2"]);
//! ```
//!
//! [`Suite::run_here`](suite::Suite::run_here) runs a check in this process. [`Suite::run`](suite::Suite::run) runs it in
//! a child, so that a subject that aborts, hangs or eats all memory is a finding and not the end of the run. The child is
//! your executable, started again; so your `main` begins with [`Suite::intercept`](suite::Suite::intercept):
//!
//! ```no_run
//! use selvedge_verify::suite::{Options, Suite};
//!
//! fn main() {
//!     let suite = Suite::standard(); // or yours
//!     suite.intercept();
//!     for check in suite.plan(&Options::quick()) {
//!         let evidence = suite.run(&check, &Options::quick());
//!         println!("{:?}  {}: {}", evidence.verdict, evidence.check, evidence.reason);
//!     }
//! }
//! ```
//!
//! ## A primitive of yours on loom's or shuttle's types
//!
//! Code that is written for loom or shuttle is checked as it is: name the platform of that engine and set
//! [`Subject::FOREIGN`](subject::Subject::FOREIGN), which lets threads switch where the platform does not see why. Here is a
//! lock whose release orders nothing, and loom finds the race on what it guards:
//!
//! ```
//! use loom::sync::atomic::{AtomicBool, Ordering};
//! use selvedge::platform::Loom;
//! use selvedge_model::Thread;
//! use selvedge_model::toy::lock::{LockSpec, Op, Ret};
//! use selvedge_verify::evidence::Verdict;
//! use selvedge_verify::litmus::corpus::CorpusFile;
//! use selvedge_verify::subject::{Stop, Subject};
//! use selvedge_verify::suite::{Drivers, Options, Suite, System};
//!
//! struct SpinLock(AtomicBool);
//!
//! impl Subject<LockSpec> for SpinLock {
//!     type Platform = Loom;
//!     type Local<'a> = ();
//!
//!     const FOREIGN: bool = true;
//!
//!     fn create(_: &LockSpec, _: &[(String, i64)]) -> Result<Self, String> {
//!         Ok(SpinLock(AtomicBool::new(false)))
//!     }
//!
//!     fn perform(&self, _: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
//!         match op {
//!             Op::Lock => {
//!                 while self.0.swap(true, Ordering::Acquire) {
//!                     loom::thread::yield_now();
//!                 }
//!             }
//!             // The bug.
//!             Op::Unlock => self.0.store(false, Ordering::Relaxed),
//!             Op::TryLock => unreachable!("not in this program"),
//!         }
//!         Ok(Ret::Ok)
//!     }
//! }
//!
//! const COUNT: CorpusFile = CorpusFile {
//!     name: "count",
//!     text: "spec lock\n\
//!            var n = 0\n\
//!            thread A\n  lock\n  n += 1\n  unlock\n\
//!            thread B\n  lock\n  n += 1\n  unlock\n\
//!            forall n == 2\n",
//! };
//!
//! let suite = Suite::empty().with(System::new("lock", &[COUNT]).primitive("spins", Drivers::NONE.loom::<SpinLock>()));
//! let options = Options::quick();
//! let plan = suite.plan(&options);
//! let check = plan.iter().find(|check| check.id == "lock/conformance/count/spins/loom").expect("it is planned");
//! let evidence = suite.run_here(check, &options);
//! assert_eq!(evidence.verdict, Verdict::Fail);
//! assert!(evidence.reason.contains("data race"), "{}", evidence.reason);
//! ```
//!
//! What to know of it:
//!
//! - Threads that stay blocked inside are an outcome, as everywhere. A spin that nobody ends is none: such an execution is
//!   given up, and the verdict is no pass.
//! - loom knows its own objects and loses nothing. It must be left to start the threads: what the subject itself starts
//!   must come to its end.
//! - Under shuttle all engines work, and no step inside commutes with another: the exhaustive engine tries every order of
//!   them, and soon has more to do than it is granted. The engines that draw are the ones to rely on. Random numbers and
//!   threads of shuttle's own are refused, with an error that says so.
//! - Both may be mixed with the platform's types. Code that uses the engine's types without saying so is an error, not a
//!   pass.
//! - Guards may be kept between operations, in [`Subject::Local`](subject::Subject::Local). For a condition variable with the
//!   shape of std's the adapter is there: [`GuardedCond`](subject::cond::GuardedCond).
//!
//! ## A spec of your own
//!
//! A spec is plain data: a state, the operations, and for each operation the steps that are enabled. An operation that
//! blocks is one without an enabled step: a gate that nobody has opened offers `pass` none. The example's gate takes some
//! sixty lines, most of them names and texts. From there on nothing is new: a litmus test over the new operations, a
//! subject for each thing to be held against the spec, a [`System`](suite::System) that names them.
//!
//! A spec is judged by programs before anything runs: each file's expectations (`exists`, `forall`, `never`) must hold
//! of what the spec allows. That is the check of kind [`Spec`](evidence::Kind::Spec), and a program is tried out most
//! quickly with [`Suite::outcomes`](suite::Suite::outcomes):
//!
//! ```
//! use selvedge_verify::suite::Suite;
//!
//! let outcomes = Suite::standard().outcomes(
//!     "late.litmus",
//!     "spec cond\n\
//!      thread Waiter\n  lock\n  wait\n  unlock\n\
//!      thread Signaller\n  signal\n\
//!      exists blocked Waiter\n",
//! )?;
//! // The signal comes first and nobody remembers it, or the wait does and is ended.
//! assert_eq!(outcomes.outcomes.len(), 2);
//! assert_eq!(outcomes.expectations[0].held, Some(true));
//! # Ok::<(), selvedge_verify::litmus::Diagnostics>(())
//! ```

pub mod check;
pub mod columns;
pub mod conformance;
pub mod diagram;
pub mod engine;
pub mod evidence;
pub mod execute;
pub mod explore;
pub mod fuzz;
pub mod gaps;
pub mod generate;
pub mod history;
pub mod info;
pub mod isolate;
pub mod litmus;
pub mod mutant;
pub mod oracle;
pub mod orderings;
pub mod parts;
pub mod shrink;
pub mod subject;
pub mod suite;

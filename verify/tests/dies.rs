//! What dies, hangs or takes all memory ends its own child process, be it an oracle or a subject: the record says so.
//!
//! These checks run as the command runs them ([`Suite::run`]), each in a child: that is why this file has a `main` of its own.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use selvedge::platform::host::atomic::{AtomicBool, Ordering};
use selvedge::platform::{Platform, Shuttle};
use selvedge_model::Thread;
use selvedge_model::toy::register::{Op, RegisterSpec, Ret};
use selvedge_verify::engine::{Engine, Profile};
use selvedge_verify::evidence::{Evidence, Mode, Verdict};
use selvedge_verify::isolate::Limits;
use selvedge_verify::litmus::corpus;
use selvedge_verify::oracle::{Inquiry, Oracle};
use selvedge_verify::subject::register::{AtomicRegister, STORES_WRONG};
use selvedge_verify::subject::{Stop, Subject};
use selvedge_verify::suite::{Drivers, Options, SearchOptions, Suite, System};

/// What the toy does after its seventh question.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Habit {
    Honest,
    Panics,
    Aborts,
    Exits,
    Hangs,
    TakesAllMemory,
    /// Is ended by somebody else.
    IsKilled,
    /// Dies, and what it has started lives on with its standard error.
    LeavesAProcess,
    /// Answers all, and what it has started lives on.
    AnswersAndLeavesAProcess,
    /// Hangs before anybody was asked.
    HangsAtOnce,
}

const ALL: [Habit; 10] = [
    Habit::Honest,
    Habit::Panics,
    Habit::Aborts,
    Habit::Exits,
    Habit::Hangs,
    Habit::TakesAllMemory,
    Habit::IsKilled,
    Habit::LeavesAProcess,
    Habit::AnswersAndLeavesAProcess,
    Habit::HangsAtOnce,
];

/// Asked for the lengths of words.
struct Toy(Habit);

impl Toy {
    fn act(&self) {
        match self.0 {
            Habit::Panics => panic!("the toy fell down"),
            Habit::Aborts => {
                eprintln!("the toy is about to abort");
                std::process::abort()
            }
            Habit::Exits => std::process::exit(0),
            Habit::Hangs => loop {
                std::thread::park();
            },
            Habit::TakesAllMemory => {
                // Touched nowhere: it is the address space that is limited. Sixteen times the limit, should it not hold.
                let kept: Vec<Vec<u8>> = (0..1 << 10).map(|_| Vec::with_capacity(1 << 24)).collect();
                std::hint::black_box(&kept);
            }
            Habit::IsKilled => {
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM)
                    .expect("it may");
            }
            Habit::LeavesAProcess => {
                leave_a_process();
                std::process::abort()
            }
            Habit::AnswersAndLeavesAProcess => leave_a_process(),
            Habit::Honest | Habit::HangsAtOnce => {}
        }
    }
}

#[expect(clippy::zombie_processes, reason = "that nobody waits for it is what is tested")]
fn leave_a_process() {
    Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().expect("every system has it");
}

impl Oracle for Toy {
    fn name(&self) -> &'static str {
        match self.0 {
            Habit::Honest => "words/honest",
            Habit::Panics => "words/panics",
            Habit::Aborts => "words/aborts",
            Habit::Exits => "words/exits",
            Habit::Hangs => "words/hangs",
            Habit::TakesAllMemory => "words/takes-all-memory",
            Habit::IsKilled => "words/is-killed",
            Habit::LeavesAProcess => "words/leaves-a-process",
            Habit::AnswersAndLeavesAProcess => "words/answers-and-leaves-a-process",
            Habit::HangsAtOnce => "words/hangs-at-once",
        }
    }

    fn about(&self) -> &'static str {
        "The length of a word."
    }

    fn respondent(&self) -> Result<String, String> {
        if self.0 == Habit::HangsAtOnce {
            loop {
                std::thread::park();
            }
        }
        Ok("toy 1.2".to_owned())
    }

    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        for number in 0..20_usize {
            if number == 7 {
                self.act();
            }
            inquiry.compare(&["WORD-01"], "w".repeat(number), &number, &number);
        }
        inquiry.that_was_all();
        Ok(())
    }

    fn questions(&self, _: Profile) -> u64 {
        20
    }
}

/// A register of which each write hangs, where no engine can see it, or ends the process.
struct Misbehaving<const HANGS: bool, P: Platform>(AtomicRegister<P>);

impl<const HANGS: bool, P: Platform> Subject<RegisterSpec> for Misbehaving<HANGS, P> {
    type Platform = P;
    type Local<'a> = Option<u32>;

    fn create(spec: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        AtomicRegister::create(spec, initial).map(Misbehaving)
    }

    fn perform(&self, thread: Thread, local: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        match op {
            Op::Write(_) if HANGS => loop {
                std::thread::park();
            },
            Op::Write(_) => std::process::abort(),
            Op::Read => self.0.perform(thread, local, op),
        }
    }
}

/// A correct register, whose process somebody interrupts as it begins. Once: who is started next finds the file that says so.
struct Interrupted<P: Platform>(AtomicRegister<P>);

impl<P: Platform> Subject<RegisterSpec> for Interrupted<P> {
    type Platform = P;
    type Local<'a> = Option<u32>;

    fn create(spec: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        let parent = rustix::process::getppid().expect("a child has one");
        if std::fs::File::create_new(interrupted(parent.as_raw_pid().unsigned_abs())).is_ok() {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).expect("it may");
        }
        AtomicRegister::create(spec, initial).map(Interrupted)
    }

    fn perform(&self, thread: Thread, local: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        self.0.perform(thread, local, op)
    }
}

/// Is there once a child of that process was interrupted.
fn interrupted(parent: u32) -> PathBuf {
    std::env::temp_dir().join(format!("selvedge-interrupted-{parent}"))
}

fn register() -> System<RegisterSpec> {
    let aborting = Drivers::NONE.shuttle::<Misbehaving<false, Shuttle>>();
    let hanging = Drivers::NONE.shuttle::<Misbehaving<true, Shuttle>>();
    System::new("register", corpus::REGISTER)
        .primitive("hangs", hanging)
        .primitive("aborts", aborting)
        .primitive("interrupted", Drivers::NONE.shuttle::<Interrupted<Shuttle>>())
        .mutant("aborts-as-planted", "a write ends the process", "REG-01", aborting)
        .mutant("hangs-as-planted", "a write never returns", "REG-01", hanging)
}

/// A limit that no machine is too slow for, and one that is reached.
const LIMITS: Limits = Limits { duration: Duration::from_secs(60), memory_bytes: 1 << 30 };
const SHORT: Limits = Limits { duration: Duration::from_secs(2), ..LIMITS };

fn suite(limits: Limits) -> Suite {
    ALL.into_iter().fold(Suite::empty().with(register()).within(limits), |suite, habit| suite.oracle(Toy(habit)))
}

/// What the check of that id comes to.
fn run(id: &str, limits: Limits) -> Evidence {
    let (suite, options) = (suite(limits), Options::quick());
    let plan = suite.plan(&options);
    let planned = plan.iter().find(|planned| planned.id == id).expect("it is planned");
    let began = Instant::now();
    let evidence = suite.run(planned, &options);
    // The processes that are left sleep for ten minutes; nobody may wait for them.
    assert!(began.elapsed() < LIMITS.duration, "{id}: {:?}", began.elapsed());
    assert_eq!(evidence.check, planned.id);
    assert!(evidence.reproduce.ends_with(&planned.id), "{}", evidence.reproduce);
    evidence
}

/// What the check of that toy comes to.
fn ask(habit: Habit, limits: Limits) -> Evidence {
    run(&format!("{}/differential", Toy(habit).name().replace('/', "/oracle/")), limits)
}

/// What the reason of a hang is, within the short limits.
const HUNG: &str = "it did not end within 2s: it hangs, or this machine is too slow for it";

/// Nobody knows what it would have answered; the reason begins like this, and contains that.
fn says_nothing(habit: Habit, limits: Limits, verdict: Verdict, begins: &str, says: &str) {
    let evidence = ask(habit, limits);
    assert_eq!((evidence.verdict, evidence.executions), (verdict, 0), "{habit:?}: {}", evidence.reason);
    assert!(evidence.reason.starts_with(begins) && evidence.reason.contains(says), "{habit:?}: {}", evidence.reason);
    assert!(!evidence.complete && evidence.comparison.is_none() && evidence.clauses.is_empty(), "{evidence:?}");
}

fn passes(habit: Habit) {
    let evidence = ask(habit, LIMITS);
    assert_eq!((evidence.verdict, evidence.executions), (Verdict::Pass, 20), "{habit:?}: {}", evidence.reason);
}

/// A subject's abort is its own, and a bug that was planted has then been noticed. Whether it hangs a clock cannot tell.
fn subjects_are_judged() -> Result<(), Failed> {
    for hangs in ["register/conformance/two-writers/hangs/exhaustive", "register/mutant/hangs-as-planted/hunters"] {
        let hung = run(hangs, SHORT);
        assert_eq!((hung.verdict, hung.reason.as_str()), (Verdict::Inconclusive, HUNG), "{hangs}");
        assert_eq!((hung.duration_ms, hung.killed_after), (2_000, None), "{hangs}");
    }
    let aborted = run("register/conformance/two-writers/aborts/exhaustive", LIMITS);
    assert_eq!(aborted.verdict, Verdict::Fail);
    assert!(aborted.reason.starts_with("the process aborted (signal 6)"), "{}", aborted.reason);
    let planted = run("register/mutant/aborts-as-planted/hunters", LIMITS);
    assert_eq!(planted.verdict, Verdict::Pass);
    assert!(planted.reason.starts_with("killed: the process aborted (signal 6)"), "{}", planted.reason);
    Ok(())
}

/// What failed may hang or abort when it is run again, for it is not what it was.
fn a_replay_outlives_its_subject() -> Result<(), Failed> {
    // As it was: wrong, and nothing worse.
    let wrong = Drivers::NONE.variant(STORES_WRONG).shuttle::<AtomicRegister<Shuttle>>();
    let program = corpus::REGISTER.iter().find(|file| file.name == "two-writers").expect("it is one of them");
    for (name, verdict, says) in
        [("aborts", Verdict::Fail, "the process aborted (signal 6)"), ("hangs", Verdict::Inconclusive, HUNG)]
    {
        let before = Suite::empty().with(System::new("register", corpus::REGISTER).primitive(name, wrong));
        let found = before.check_here(program.name, program.text, name, Engine::Exhaustive, &Options::quick());
        let found = found.map_err(|diagnostics| diagnostics.to_string())?;
        assert!(found.counterexample.is_some(), "{name}: {}", found.reason);
        let replay = suite(SHORT).replay(&found)?;
        assert!(replay.verdict == verdict && replay.text.starts_with(says), "{name}: {}", replay.text);
    }
    Ok(())
}

/// Ctrl-C reaches a child that is just being started, too. What the search has found by then is not lost over it.
fn a_search_outlives_an_interrupted_child() -> Result<(), Failed> {
    let sign = interrupted(std::process::id());
    let stop = AtomicBool::new(false);
    let options = SearchOptions { mode: Mode::Histories, executions: None, part: None, jobs: 1, resume: None };
    let program = corpus::REGISTER.iter().find(|file| file.name == "two-writers").expect("it is one of them");
    let found = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !sign.exists() {
                std::thread::sleep(Duration::from_millis(1));
            }
            stop.store(true, Ordering::Relaxed);
        });
        suite(LIMITS).search("two-writers.litmus", program.text, "interrupted", &options, &Options::quick(), &stop)
    });
    std::fs::remove_file(sign)?;
    let found = found.map_err(|refusal| format!("{refusal:?}"))?;
    // The second child may have been done before it was asked to stop.
    let is_whole = found.verdict == Verdict::Pass && found.complete;
    let goes_on = found.verdict == Verdict::Inconclusive && found.search.is_some();
    assert!(is_whole || goes_on, "{:?}: {}", found.verdict, found.reason);
    Ok(())
}

fn main() -> ExitCode {
    // In a child process this is where the toy is asked.
    suite(LIMITS).intercept();
    let died = |habit, begins: &'static str, says: &'static str| {
        let test = move || -> Result<(), Failed> {
            says_nothing(habit, LIMITS, Verdict::Error, begins, says);
            Ok(())
        };
        Trial::test(format!("one_that_dies_is_an_error::{habit:?}"), test)
    };
    let hangs = |habit| {
        let test = move || -> Result<(), Failed> {
            says_nothing(habit, SHORT, Verdict::Inconclusive, HUNG, "");
            Ok(())
        };
        Trial::test(format!("one_that_hangs_is_inconclusive::{habit:?}"), test)
    };
    let answers = |habit| {
        let test = move || -> Result<(), Failed> {
            passes(habit);
            Ok(())
        };
        Trial::test(format!("one_that_answers_passes::{habit:?}"), test)
    };
    let trials = vec![
        answers(Habit::Honest),
        died(Habit::Panics, "the process exited with code 101: ", "the toy fell down"),
        died(Habit::Aborts, "the process aborted (signal 6): ", "the toy is about to abort"),
        died(Habit::Exits, "the process exited without an answer", ""),
        died(Habit::TakesAllMemory, "the process aborted (signal 6): ", "memory allocation"),
        died(Habit::IsKilled, "somebody killed the process, by signal 15", ""),
        died(Habit::LeavesAProcess, "the process aborted (signal 6)", ""),
        answers(Habit::AnswersAndLeavesAProcess),
        hangs(Habit::Hangs),
        hangs(Habit::HangsAtOnce),
        Trial::test("a_subject_that_hangs_or_aborts_fails", subjects_are_judged),
        Trial::test("a_replay_outlives_its_subject", a_replay_outlives_its_subject),
        Trial::test("a_search_outlives_an_interrupted_child", a_search_outlives_an_interrupted_child),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

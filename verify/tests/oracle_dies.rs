//! An oracle that dies, hangs or takes all memory ends its own child process: the record says so, and the others are asked.
//!
//! These checks run as the command runs them ([`Suite::run`]), each in a child: that is why this file has a `main` of its own.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use selvedge_verify::engine::Profile;
use selvedge_verify::evidence::{Evidence, Verdict};
use selvedge_verify::isolate::Limits;
use selvedge_verify::oracle::{Inquiry, Oracle};
use selvedge_verify::suite::{Options, Suite};

/// What the toy does after its seventh question.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Habit {
    Honest,
    Panics,
    Aborts,
    Exits,
    Hangs,
    TakesAllMemory,
    /// Dies, and what it has started lives on with its standard error.
    LeavesAProcess,
    /// Answers all, and what it has started lives on.
    AnswersAndLeavesAProcess,
    /// Hangs before anybody was asked.
    HangsAtOnce,
}

const ALL: [Habit; 9] = [
    Habit::Honest,
    Habit::Panics,
    Habit::Aborts,
    Habit::Exits,
    Habit::Hangs,
    Habit::TakesAllMemory,
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
            Habit::LeavesAProcess => {
                leave_a_process();
                std::process::abort()
            }
            Habit::AnswersAndLeavesAProcess => leave_a_process(),
            Habit::Honest | Habit::HangsAtOnce => {}
        }
    }
}

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

/// A limit that no machine is too slow for, and one that is reached.
const LIMITS: Limits = Limits { duration: Duration::from_secs(60), memory_bytes: 1 << 30 };
const SHORT: Limits = Limits { duration: Duration::from_secs(2), ..LIMITS };

fn suite(limits: Limits) -> Suite {
    ALL.into_iter().fold(Suite::empty().within(limits), |suite, habit| suite.oracle(Toy(habit)))
}

/// What the check of that toy comes to.
fn ask(habit: Habit, limits: Limits) -> Evidence {
    let (suite, options) = (suite(limits), Options::quick());
    let name = Toy(habit).name().replace('/', "/oracle/");
    let plan = suite.plan(&options);
    let planned = plan.iter().find(|planned| planned.id == format!("{name}/differential")).expect("it is planned");
    let began = Instant::now();
    let evidence = suite.run(planned, &options);
    // The processes that are left sleep for ten minutes; nobody may wait for them.
    assert!(began.elapsed() < LIMITS.duration, "{habit:?}: {:?}", began.elapsed());
    assert_eq!(evidence.check, planned.id);
    assert!(evidence.reproduce.ends_with(&planned.id), "{}", evidence.reproduce);
    evidence
}

/// Nobody knows what it would have answered: an error, of which the reason begins and ends like this.
fn is_an_error(habit: Habit, limits: Limits, begins: &str, says: &str) {
    let evidence = ask(habit, limits);
    assert_eq!((evidence.verdict, evidence.executions), (Verdict::Error, 0), "{habit:?}: {}", evidence.reason);
    assert!(evidence.reason.starts_with(begins) && evidence.reason.contains(says), "{habit:?}: {}", evidence.reason);
    assert!(!evidence.complete && evidence.comparison.is_none() && evidence.clauses.is_empty(), "{evidence:?}");
}

fn passes(habit: Habit) {
    let evidence = ask(habit, LIMITS);
    assert_eq!((evidence.verdict, evidence.executions), (Verdict::Pass, 20), "{habit:?}: {}", evidence.reason);
}

fn main() -> ExitCode {
    // In a child process this is where the toy is asked.
    suite(LIMITS).intercept();
    let died = |habit, begins: &'static str, says: &'static str| {
        let test = move || -> Result<(), Failed> {
            is_an_error(habit, LIMITS, begins, says);
            Ok(())
        };
        Trial::test(format!("one_that_dies_is_an_error::{habit:?}"), test)
    };
    let hangs = |habit| {
        let test = move || -> Result<(), Failed> {
            is_an_error(habit, SHORT, "it did not end within 2s", "");
            Ok(())
        };
        Trial::test(format!("one_that_hangs_is_an_error::{habit:?}"), test)
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
        died(Habit::LeavesAProcess, "the process aborted (signal 6)", ""),
        answers(Habit::AnswersAndLeavesAProcess),
        hangs(Habit::Hangs),
        hangs(Habit::HangsAtOnce),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

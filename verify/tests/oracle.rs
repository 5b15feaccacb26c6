//! Oracles: a check of one must notice a real system that lies, and must not take silence for agreement.
//!
//! The real system here is a toy that answers what it is made to answer: an oracle that is wrong in a known way is the
//! canary of all others.

use selvedge_verify::engine::Profile;
use selvedge_verify::evidence::{Evidence, Kind, Verdict};
use selvedge_verify::info::SystemInfo;
use selvedge_verify::oracle::{self, Inquiry, Oracle};
use selvedge_verify::suite::{Options, Suite};

/// What the toy does instead of answering truly.
#[derive(Clone, Copy, PartialEq)]
enum Habit {
    Honest,
    /// Gives a wrong answer to one question of all.
    LiesOnce,
    /// Answers nothing, and so contradicts nothing.
    IsSilent,
    /// Stops answering in the middle.
    Breaks,
    /// Has more to ask than it may.
    NeverEnds,
    /// Is not there.
    IsAbsent,
}

/// Asked for the lengths of words.
struct Toy(Habit);

const WORDS: u64 = 500;

impl Oracle for Toy {
    fn name(&self) -> &'static str {
        "words/toy"
    }

    fn about(&self) -> &'static str {
        "The length of a word."
    }

    fn respondent(&self) -> Result<String, String> {
        match self.0 {
            Habit::IsAbsent => Err("there is no toy on this machine".to_owned()),
            _ => Ok("toy 1.2".to_owned()),
        }
    }

    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        assert_eq!((inquiry.seed(), inquiry.profile()), (Options::SEED, Profile::Quick));
        for number in 0..WORDS {
            if self.0 == Habit::IsSilent {
                break;
            }
            if self.0 == Habit::Breaks && number == 7 {
                return Err("the toy fell down".to_owned());
            }
            let word = "w".repeat(usize::try_from(number).expect("it is small"));
            let lie = u64::from(self.0 == Habit::LiesOnce && number == 123);
            inquiry.compare(&["WORD-01"], &word, &number, &(number + lie));
        }
        if self.0 != Habit::NeverEnds {
            inquiry.that_was_all();
        }
        Ok(())
    }

    fn questions(&self, _: Profile) -> u64 {
        WORDS
    }
}

fn ask(habit: Habit) -> Evidence {
    let suite = Suite::empty().oracle(Toy(habit));
    let [planned] = &suite.plan(&Options::quick())[..] else { panic!("one check") };
    assert_eq!((planned.id.as_str(), planned.kind), ("words/oracle/toy/differential", Kind::Oracle));
    let evidence = suite.run_here(planned, &Options::quick());
    assert_eq!(evidence.check, planned.id);
    evidence
}

#[test]
fn a_real_system_that_answers_truly_passes() {
    let evidence = ask(Habit::Honest);
    assert_eq!((evidence.verdict, evidence.executions, evidence.complete), (Verdict::Pass, WORDS, true));
    assert_eq!(evidence.technique, "differential against toy 1.2, all 500 questions");
    assert_eq!(evidence.clauses, ["WORD-01"]);
    assert!(!evidence.blames("WORD-01"));
    assert!(evidence.reproduce.ends_with("verify words/oracle/toy/differential"), "{}", evidence.reproduce);
    assert_eq!(evidence.seed, Some(Options::SEED));
}

#[test]
fn one_lie_among_all_answers_fails_and_names_input_answers_and_clause() {
    let evidence = ask(Habit::LiesOnce);
    assert_eq!(evidence.verdict, Verdict::Fail);
    assert!(evidence.reason.starts_with("1 of 500 answers of toy 1.2"), "{}", evidence.reason);
    assert!(evidence.blames("WORD-01") && !evidence.blames("WORD-02"));
    let comparison = evidence.comparison.expect("what was compared");
    let [lie] = &comparison.differences[..] else { panic!("one difference: {:?}", comparison.differences) };
    assert_eq!((lie.input.len(), lie.spec.as_str(), lie.answer.as_str()), (123, "123", "124"));
    assert_eq!(comparison.differing, 1);
}

#[test]
fn silence_is_not_agreement() {
    let silent = ask(Habit::IsSilent);
    assert_eq!((silent.verdict, silent.reason.as_str()), (Verdict::Error, "it asked nothing"));
    let broken = ask(Habit::Breaks);
    assert_eq!((broken.verdict, broken.reason.as_str()), (Verdict::Error, "after 7 questions: the toy fell down"));
    let endless = ask(Habit::NeverEnds);
    assert_eq!((endless.verdict, endless.complete), (Verdict::Inconclusive, false), "{}", endless.reason);
    let absent = ask(Habit::IsAbsent);
    assert_eq!((absent.verdict, absent.comparison), (Verdict::Skipped, None));
    assert_eq!(absent.reason, "there is no toy on this machine");
}

/// A name that no spec has would be evidence for nothing.
#[test]
fn every_oracle_of_ours_asks_about_a_system_of_ours() {
    let systems: Vec<SystemInfo> = Suite::standard().systems();
    for oracle in oracle::all() {
        let system = oracle.name().split_once('/').map(|(system, _)| system);
        assert!(systems.iter().any(|known| Some(known.name.as_str()) == system), "{}", oracle.name());
        assert!(oracle.about().ends_with('.'), "{}: {}", oracle.name(), oracle.about());
    }
}

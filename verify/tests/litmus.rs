//! The litmus tests that come with the suite: each is read, is written canonically, and expects of the spec exactly
//! what the explorer finds. Also: the examples of the language reference, and the texts that once broke the reader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use selvedge_model::Spec;
use selvedge_model::cond::CondSpec;
use selvedge_model::iovec::IovecSpec;
use selvedge_model::toy::RegisterSpec;
use selvedge_model::uio::{DeviceSpec, UioSpec};
use selvedge_verify::explore::{Exploration, Limits, describe, explore, judge};
use selvedge_verify::litmus::corpus::{self, CorpusFile, Unloadable};
use selvedge_verify::litmus::{Observed, Outcome, Quantifier, Source, ThreadEnd, oracle, parse};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(file: &CorpusFile) -> Source {
    parse(&format!("{}.litmus", file.name), file.text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn outcomes<S: Spec>(source: &Source) -> Exploration {
    let program = source.program::<S>().unwrap_or_else(|problems| panic!("{problems:?}"));
    let spec = S::configure(&program.parameters).expect("reading the program has checked the parameters");
    let found =
        explore(&spec, &program, &Limits::default()).expect("reading the program has checked the initial values");
    assert!(found.complete, "{}: {} states were not enough", source.name(), found.states);
    assert!(found.violations.is_empty(), "{}: {:?}", source.name(), found.violations);
    found
}

/// Every expectation that the explorer does not find met, with everything it does find.
fn disappointments<S: Spec>(source: &Source) -> Vec<String> {
    let found = outcomes::<S>(source);
    let program = source.untyped();
    let disappointed = program.expectations.iter().enumerate().filter_map(|(index, expectation)| {
        let judgement = judge(expectation, &found);
        (judgement.held != Some(true)).then(|| {
            let all: Vec<String> =
                found.outcomes.keys().map(|outcome| format!("    {}", describe(program, outcome))).collect();
            let line = source.expectation_line(index);
            let text = source.expectation_text(index);
            format!("{}:{line}: `{text}`: {:?}; outcomes:\n{}", source.name(), judgement.held, all.join("\n"))
        })
    });
    disappointed.collect()
}

fn expectations_hold<S: Spec>(files: &[CorpusFile]) {
    let broken: Vec<String> = files.iter().flat_map(|file| disappointments::<S>(&read(file))).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_explorer_meets_every_expectation_of_the_condition_variable() {
    expectations_hold::<CondSpec>(corpus::COND);
}

#[test]
fn the_explorer_meets_every_expectation_of_the_register() {
    expectations_hold::<RegisterSpec>(corpus::REGISTER);
}

#[test]
fn the_explorer_meets_every_expectation_of_transfers_and_vectored_calls() {
    expectations_hold::<UioSpec>(corpus::UIO);
    expectations_hold::<DeviceSpec>(corpus::UIO_DEVICE);
    expectations_hold::<IovecSpec>(corpus::IOVEC);
}

/// The expectations above pin the outcomes: with one of them wrong the explorer must disagree.
#[test]
fn a_wrong_expectation_is_noticed() {
    let fifo = corpus::COND.iter().find(|file| file.name == "L04-fifo").expect("the corpus has L04");
    for wrong in ["exists done T2", "never blocked T2", "forall done T2 || state.notify == 2", "exists abort COND-12"] {
        let text = format!("{}{wrong}\n", fifo.text);
        let source = parse("wrong", &text).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(disappointments::<CondSpec>(&source).len(), 1, "{wrong}");
    }
}

/// What a `forall` leaves open, an `exists` must show: every way in which the threads can end meets an `exists` of its
/// file. After a data race nothing means anything; there the race is asked for.
#[test]
fn every_kind_of_outcome_is_asked_for() {
    let mut unasked = Vec::new();
    for file in corpus::COND {
        let source = read(file);
        let program = source.untyped();
        let found = outcomes::<CondSpec>(&source);
        let kind = |outcome: &Outcome| match outcome {
            Outcome::Final(end) => {
                format!("{:?}", end.threads.iter().map(|end| *end == ThreadEnd::Done).collect::<Vec<_>>())
            }
            other => format!("{other:?}"),
        };
        let is_race = |outcome: &&Outcome| matches!(outcome, Outcome::Race { .. });
        let races: BTreeSet<String> = found.outcomes.keys().filter(is_race).map(kind).collect();
        let kinds = if races.is_empty() { found.outcomes.keys().map(kind).collect() } else { races };
        if kinds.len() == 1 && found.outcomes.len() == 1 {
            // Only one way: any `forall` that holds speaks of it.
            continue;
        }
        let shown: BTreeSet<String> = program
            .expectations
            .iter()
            .filter(|expectation| expectation.quantifier == Quantifier::Exists)
            .flat_map(|expectation| {
                let nothing = Observed::new();
                let meets =
                    move |outcome: &&Outcome| expectation.condition.holds(outcome, Some(&nothing)) == Some(true);
                found.outcomes.keys().filter(meets).map(kind)
            })
            .collect();
        for kind in kinds.difference(&shown) {
            unasked.push(format!("{}: no `exists` asks for {kind}", file.name));
        }
    }
    assert!(unasked.is_empty(), "{}", unasked.join("\n"));
}

#[test]
fn every_clause_and_every_rule_has_a_litmus_test() {
    every_clause_and_every_rule::<CondSpec>(corpus::COND);
    every_clause_and_every_rule::<UioSpec>(corpus::UIO);
    every_clause_and_every_rule::<DeviceSpec>(corpus::UIO_DEVICE);
    every_clause_and_every_rule::<IovecSpec>(corpus::IOVEC);
}

fn every_clause_and_every_rule<S: Spec>(files: &[CorpusFile]) {
    let mut clauses: BTreeMap<&str, usize> = S::clauses().iter().map(|clause| (clause.id, 0)).collect();
    let mut rules: BTreeMap<&str, u64> = S::rules().iter().map(|rule| (rule.name, 0)).collect();
    let mut idle_claims = Vec::new();
    for file in files {
        let source = read(file);
        let program = source.untyped();
        for clause in &program.clauses {
            *clauses.get_mut(clause.as_str()).expect("reading the program has checked the clauses") += 1;
        }
        let found = outcomes::<S>(&source);
        for (rule, count) in &found.rules {
            *rules.entry(rule).or_default() += count;
        }
        // A clause that a test names is one that a rule of an execution stands for, or one without rules.
        for clause in &program.clauses {
            let of_clause: Vec<&str> =
                S::rules().iter().filter(|rule| rule.clause == clause).map(|rule| rule.name).collect();
            let taken = of_clause.iter().any(|rule| found.rules.get(rule).is_some_and(|count| *count > 0));
            if !taken && !of_clause.is_empty() {
                idle_claims.push(format!("{} names {clause} and never takes {of_clause:?}", file.name));
            }
        }
        assert!(!program.about.is_empty(), "{} does not say what it is about", file.name);
        assert!(!program.expectations.is_empty(), "{} expects nothing", file.name);
    }
    assert!(idle_claims.is_empty(), "{}", idle_claims.join("\n"));
    let bare: Vec<&&str> = clauses.iter().filter(|(_, tests)| **tests == 0).map(|(clause, _)| clause).collect();
    assert!(bare.is_empty(), "clauses without a litmus test: {bare:?}");
    let idle: Vec<&&str> = rules.iter().filter(|(_, taken)| **taken == 0).map(|(rule, _)| rule).collect();
    assert!(idle.is_empty(), "rules that no litmus test takes: {idle:?}");
}

/// The seed printed one run: goroutine 2 left the loop, goroutine 1 went back to waiting.
#[test]
fn the_seeds_outcome_is_among_those_of_its_program() {
    let find = |name: &str| corpus::COND.iter().find(|file| file.name == name).expect("the corpus has the seed");
    let printed = |outcome: &Outcome| match outcome {
        Outcome::Final(end) => {
            matches!(end.threads[..], [ThreadEnd::Blocked(_), ThreadEnd::Done, ThreadEnd::Done])
                && end.variables[0] == 2
        }
        _ => false,
    };
    let ordered = outcomes::<CondSpec>(&read(find("seed-two-waiters-ordered")));
    assert_eq!(ordered.outcomes.len(), 2);
    assert!(ordered.outcomes.keys().any(printed));
    let as_printed = outcomes::<CondSpec>(&read(find("seed-two-waiters")));
    assert!(as_printed.outcomes.keys().any(printed));
    assert!(as_printed.outcomes.keys().any(|outcome| matches!(outcome, Outcome::Race { .. })));
}

#[test]
fn the_corpus_is_the_folder() {
    let folders: BTreeSet<String> = std::fs::read_dir(repository("verify/litmus"))
        .expect("the repository has a corpus")
        .map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned())
        .filter(|folder| folder != "regressions")
        .collect();
    assert_eq!(folders, corpus::FOLDERS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, files) in corpus::FOLDERS {
        let on_disk = corpus::load(&repository("verify/litmus").join(name)).unwrap_or_else(|error| panic!("{error}"));
        let on_disk: Vec<(&str, &str)> =
            on_disk.iter().map(|source| (source.untyped().name.as_str(), source.text())).collect();
        let embedded: Vec<(&str, &str)> = files.iter().map(|file| (file.name, file.text)).collect();
        let names =
            |files: &[(&str, &str)]| files.iter().map(|(name, _)| format!("    {name:?}\n")).collect::<String>();
        assert_eq!(names(&embedded), names(&on_disk), "corpus.rs lists other files than the folder `{name}` has");
        assert!(embedded == on_disk, "the texts of `{name}` differ: build again");
    }
}

#[test]
fn the_corpus_is_written_canonically() {
    for (_, files) in corpus::FOLDERS {
        for file in *files {
            assert_eq!(read(file).untyped().to_string(), file.text, "{}", file.name);
            let widest = file.text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= 200, "{} has a line of {widest} characters", file.name);
        }
    }
}

/// Every ```` ```litmus ```` block of the reference is a program of the condition variable that expects what is so;
/// every ```` ```litmus-error ```` block is refused in the words of the block that follows it.
#[test]
fn the_examples_of_the_reference_are_litmus_tests() {
    let reference = std::fs::read_to_string(repository("docs/litmus.md")).expect("there is a language reference");
    // Every other part between fences is the inside of a block, its language on the first line.
    let parts: Vec<&str> = reference.split("\n```").collect();
    let blocks: Vec<(&str, &str)> =
        parts.iter().skip(1).step_by(2).map(|block| block.split_once('\n').unwrap_or((block, ""))).collect();
    let (mut good, mut bad) = (0, 0);
    for (index, (language, text)) in blocks.iter().enumerate() {
        match *language {
            "litmus" => {
                good += 1;
                let source = parse(&format!("example-{good}"), text).unwrap_or_else(|problems| panic!("{problems:?}"));
                assert_eq!(disappointments::<CondSpec>(&source), Vec::<String>::new());
            }
            "litmus-error" => {
                bad += 1;
                let read = parse("mistakes.litmus", text).and_then(|source| source.program::<CondSpec>());
                let problems = read.expect_err("the reference says that this is wrong");
                assert_eq!(problems.to_string(), blocks[index + 1].1);
            }
            _ => {}
        }
    }
    assert_eq!((good, bad), (5, 1));
}

#[test]
fn a_folder_is_loaded_in_order_and_every_bad_file_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("the file is in a folder")).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    };
    write("b.litmus", "spec cond\nthread T\n  signal\n");
    write("a/z.litmus", "spec cond\nthread T\n  wait\n");
    write("notes.txt", "not a litmus test");
    let names = |sources: Vec<Source>| sources.iter().map(|source| source.untyped().name.clone()).collect::<Vec<_>>();
    assert_eq!(names(corpus::load(folder.path()).unwrap_or_else(|error| panic!("{error}"))), ["z", "b"]);
    write("bad.litmus", "spec cond\nthread T\n  n++\n");
    write("worse.litmus", "thread T\n");
    let error = corpus::load(folder.path()).expect_err("two files are no litmus tests");
    let Unloadable::Texts(texts) = &error else { panic!("{error}") };
    assert_eq!(texts.len(), 2);
    assert!(error.to_string().contains("bad.litmus:3:4: "), "{error}");
    assert!(error.to_string().contains("worse.litmus:1:1: "), "{error}");
    let missing = corpus::load(&folder.path().join("missing")).expect_err("there is no such folder");
    assert!(missing.to_string().starts_with("cannot read "), "{missing}");
}

/// What the fuzzer once found stays found.
#[test]
fn texts_that_once_broke_the_reader_no_longer_do() {
    let mut replayed = 0;
    for folder in ["fuzz/regressions/litmus_parse", "fuzz/seeds/litmus_parse"] {
        for entry in std::fs::read_dir(repository(folder)).expect("the fuzzer's folders are there") {
            let path = entry.expect("the folder can be read").path();
            let bytes = std::fs::read(&path).expect("the file can be read");
            if let Ok(text) = std::str::from_utf8(&bytes) {
                eprintln!("{}", path.display());
                oracle::check_text(text);
                replayed += 1;
            }
        }
    }
    for (_, files) in corpus::FOLDERS {
        for file in *files {
            oracle::check_text(file.text);
            replayed += 1;
        }
    }
    assert!(replayed > corpus::COND.len());
}

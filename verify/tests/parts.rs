//! A search in legs, in parts, and in both: together they are the search in one, to the last count.

use selvedge_model::cond::CondSpec;
use selvedge_verify::evidence::{Evidence, Mode, Relation, Verdict};
use selvedge_verify::litmus::{self, corpus};
use selvedge_verify::parts::{conclude, join};
use selvedge_verify::suite::{Options, Refusal, SearchOptions, Suite};

fn text(program: &str) -> &'static str {
    let mut files = corpus::COND.iter().chain(corpus::REGISTER);
    files.find(|file| file.name == program).expect("it is of the corpus").text
}

/// One search in one process: what the others are held against.
fn whole(mode: Mode) -> SearchOptions {
    SearchOptions { mode, executions: Some(100_000), part: None, jobs: 1, resume: None }
}

fn search(program: &str, subject: &str, options: &SearchOptions) -> Evidence {
    try_search(program, subject, options).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn try_search(program: &str, subject: &str, options: &SearchOptions) -> Result<Evidence, Refusal> {
    Suite::standard().search_here(program, text(program), subject, options, &Options::quick())
}

/// As another process would read it.
fn written_and_read(record: &Evidence) -> Evidence {
    serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
}

/// Everything that a record says of what was found.
fn content(record: &Evidence) -> Evidence {
    let mut content = record.clone();
    (content.duration_ms, content.technique, content.reproduce) = Default::default();
    content
}

/// Programs small enough to be searched to the end, with the subjects that are.
const SEARCHES: [(&str, &str); 5] = [
    ("two-writers", "atomic"),
    ("two-reads", "reference"),
    ("one-signal-two-waiters", "ticket"),
    ("spurious-wait", "reference"),
    ("any-order", "cond"),
];

#[test]
fn a_search_in_legs_is_the_search_in_one() {
    for (program, subject) in SEARCHES {
        for (mode, executions) in [(Mode::Outcomes, 3), (Mode::Histories, 60)] {
            let one = search(program, subject, &whole(mode));
            assert!(one.complete && one.search.is_none(), "{program}: {}", one.technique);
            assert_eq!(one.verdict, Verdict::Pass, "{program}: {}", one.reason);
            let limited = SearchOptions { executions: Some(executions), ..whole(mode) };
            let mut record = search(program, subject, &limited);
            let mut legs = 1;
            while record.search.is_some() {
                assert_eq!((record.verdict, record.complete), (Verdict::Inconclusive, false), "{}", record.reason);
                // What is left may turn out to be equivalent to what was explored.
                assert!(record.executions <= one.executions, "{}", record.technique);
                let resume = Some(written_and_read(&record));
                record = search(program, subject, &SearchOptions { resume, ..limited.clone() });
                legs += 1;
            }
            assert!(legs >= one.executions.div_ceil(executions), "{program}: {legs} legs");
            assert_eq!(content(&record), content(&one), "{program} {mode:?}");
        }
    }
}

#[test]
fn the_parts_of_a_search_are_the_search() {
    for (program, subject) in SEARCHES {
        for mode in [Mode::Outcomes, Mode::Histories] {
            let one = search(program, subject, &whole(mode));
            for count in [2, 3] {
                let part =
                    |index| search(program, subject, &SearchOptions { part: Some((index, count)), ..whole(mode) });
                let parts: Vec<Evidence> = (1..=count).map(part).collect();
                let sum: u64 = parts.iter().map(|part| part.executions).sum();
                assert_eq!(sum, one.executions, "{program} {mode:?}");
                assert!(parts.iter().all(|part| part.verdict == Verdict::Inconclusive && !part.complete));
                let joined = join(&parts).expect("they are parts of one search");
                assert_eq!(content(&joined), content(&one), "{program} {mode:?}");
                if one.executions > 100 {
                    let busy = parts.iter().filter(|part| part.executions > 0).count();
                    assert!(busy > 1, "{program}: one part did all of it");
                }
                let some = join(&parts[1..]).expect("as above");
                assert_eq!(some.verdict, Verdict::Inconclusive);
                assert_eq!(some.reason, format!("part 1 of {count} is missing"));
                let twice = join(&[parts[0].clone(), parts[0].clone()]).expect("as above");
                assert_eq!(twice.executions, parts[0].executions, "a part counts once");
            }
        }
    }
}

#[test]
fn parts_in_legs_side_by_side_are_the_search() {
    for (program, subject) in SEARCHES {
        let one = search(program, subject, &whole(Mode::Histories));
        let split = SearchOptions { jobs: 3, ..whole(Mode::Histories) };
        assert_eq!(content(&search(program, subject, &split)), content(&one), "{program}");
        let limited = SearchOptions { executions: Some(40), ..split };
        let mut record = search(program, subject, &limited);
        while record.search.is_some() {
            let resume = Some(written_and_read(&record));
            record = search(program, subject, &SearchOptions { resume, ..limited.clone() });
        }
        assert_eq!(content(&record), content(&one), "{program}");
    }
}

#[test]
fn what_one_part_finds_the_whole_has_found() {
    let parts: Vec<Evidence> = (1..=3)
        .map(|index| {
            search("L04-fifo", "sleepless", &SearchOptions { part: Some((index, 3)), ..whole(Mode::Histories) })
        })
        .collect();
    assert!(parts.iter().any(|part| part.verdict == Verdict::Fail));
    let joined = join(&parts).expect("they are parts of one search");
    assert_eq!((joined.verdict, joined.relation), (Verdict::Fail, Some(Relation::Wider)), "{}", joined.reason);
    assert!(joined.counterexample.is_some() && joined.search.is_none() && !joined.complete);
    // There is nothing to go on with once something is found.
    let refused =
        try_search("L04-fifo", "sleepless", &SearchOptions { resume: Some(joined), ..whole(Mode::Histories) });
    assert!(matches!(&refused, Err(Refusal::Resume(why)) if why.contains("nothing left")), "{refused:?}");
}

#[test]
fn a_record_of_another_search_is_refused_saying_what_differs() {
    let limited = SearchOptions { executions: Some(3), ..whole(Mode::Histories) };
    let record = search("any-order", "cond", &limited);
    let refusal = |program: &str, subject: &str, mode: Mode, change: fn(&mut Evidence)| {
        let mut record = record.clone();
        change(&mut record);
        let options = SearchOptions { mode, resume: Some(record), ..limited.clone() };
        match try_search(program, subject, &options) {
            Err(Refusal::Resume(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let nothing: fn(&mut Evidence) = |_| ();
    let program = refusal("L04-fifo", "cond", Mode::Histories, nothing);
    assert!(program.contains("its program is") && program.contains("order any"), "{program}");
    let subject = refusal("any-order", "ticket", Mode::Histories, nothing);
    assert_eq!(subject, "the record belongs to another search: its subject is cond, and this is ticket");
    let mode = refusal("any-order", "cond", Mode::Outcomes, nothing);
    assert_eq!(mode, "the record belongs to another search: its mode is histories, and this is outcomes");
    let version = refusal("any-order", "cond", Mode::Histories, |record| {
        record.search.as_mut().unwrap().identity.suite = "0.0.1".to_owned();
    });
    assert!(version.contains("its suite's version is 0.0.1, and this is"), "{version}");
    let engine = refusal("any-order", "cond", Mode::Histories, |record| {
        record.search.as_mut().unwrap().identity.engine = 99;
    });
    assert!(engine.contains("its engine's version is 99, and this is"), "{engine}");
    let damaged = refusal("any-order", "cond", Mode::Histories, |record| {
        record.search.as_mut().unwrap().parts[0].left = Some(serde_json::json!({"version": 99}));
    });
    assert!(damaged.contains("cannot be read: the frontier has version 99"), "{damaged}");
    let complete = refusal("any-order", "cond", Mode::Histories, |record| record.search = None);
    assert!(complete.contains("nothing left"), "{complete}");
}

/// Other code may take other steps: what is left of its search says nothing here.
#[test]
fn records_of_different_commits_are_not_of_one_search() {
    let limited = SearchOptions { executions: Some(3), ..whole(Mode::Histories) };
    let parts =
        [1, 2].map(|index| search("any-order", "cond", &SearchOptions { part: Some((index, 2)), ..limited.clone() }));
    assert!(join(&parts).is_some());
    let [first, mut second] = parts;
    second.maker.commit = "of yesterday".to_owned();
    assert_eq!(join(&[first.clone(), second.clone()]), None);
    let whole = search("any-order", "cond", &whole(Mode::Histories));
    assert!(join(&[first, whole.clone()]).is_some());
    assert_eq!(join(&[second, whole]), None);
}

#[test]
fn what_could_not_be_judged_stays_open_when_everything_is_together() {
    let limited = SearchOptions { executions: Some(3), ..whole(Mode::Outcomes) };
    let mut record = search("any-order", "cond", &limited);
    record.search.as_mut().unwrap().unresolved = Some("it was too much".to_owned());
    let resume = Some(record);
    let done = search("any-order", "cond", &SearchOptions { resume, ..whole(Mode::Outcomes) });
    assert_eq!((done.verdict, done.reason.as_str()), (Verdict::Inconclusive, "it was too much"));
    assert_eq!(conclude(done.clone()), done, "a record without a search is left as it is");
}

#[test]
fn the_identity_holds_the_program_and_not_its_layout() {
    let parsed = |text: &str| litmus::parse("p", text).and_then(|source| source.program::<CondSpec>()).unwrap();
    let original = text("any-order");
    let spaced = original.replace("thread T1", "\nthread   T1");
    assert_eq!(parsed(original).to_string(), parsed(&spaced).to_string());
}

/// The share is an estimate, and may fall as a search goes on.
#[test]
fn the_leg_that_went_on_counts_whatever_was_estimated_before() {
    let limited = SearchOptions { executions: Some(60), ..whole(Mode::Histories) };
    let mut earlier = search("one-signal-two-waiters", "ticket", &limited);
    let resume = Some(written_and_read(&earlier));
    let later = search("one-signal-two-waiters", "ticket", &SearchOptions { resume, ..limited });
    assert!(later.search.is_some() && later.executions > earlier.executions, "{}", later.technique);
    let parts = &mut earlier.search.as_mut().expect("it was cut").parts;
    *parts[0].left.as_mut().and_then(|left| left.pointer_mut("/account/share_done")).expect("it says how far") =
        0.99.into();
    let joined = join(&[later.clone(), earlier]).expect("they are of one search");
    assert_eq!(joined.executions, later.executions);
}

#[test]
fn a_search_of_which_no_execution_ended_does_not_pass() {
    let text = "spec cond\nthread A\n  signal-while 1\nthread B\n  lock\nexists done B\n";
    for mode in [Mode::Outcomes, Mode::Histories] {
        let found =
            Suite::standard().search_here("spins", text, "cond", &whole(mode), &Options::quick()).expect("it runs");
        assert_eq!(found.verdict, Verdict::Inconclusive, "{}", found.reason);
        assert!(found.reason.starts_with("none of "), "{}", found.reason);
    }
}

//! What the report says of its own worth: what it rests on, and what a reader should know before believing it.

use selvedge_reports::exit::Exit;
use selvedge_reports::html::render;
use selvedge_reports::report::{About, Coverage, Failure, FailureKind, Finding, Report, Summary, System};
use selvedge_reports::store::Source;
use selvedge_reports::table;
use selvedge_verify::evidence::{Counterexample, Evidence, Expected, Kind, Maker, Verdict};
use selvedge_verify::info::ObligationInfo;

use crate::support;

fn report_with(change: impl FnMut(&mut Evidence)) -> Report {
    let mut evidence = support::evidence();
    evidence.iter_mut().for_each(change);
    report_from(evidence)
}

fn report_from(evidence: Vec<Evidence>) -> Report {
    let run = support::run_record(evidence.iter().map(support::planned).collect(), None);
    let source = Source { directory: "report".to_owned(), run: Some(run), evidence };
    Report::assemble(vec![source], &support::systems(), support::GENERATED_AT.to_owned())
}

fn notices(report: &Report, about: About) -> Vec<&str> {
    report.notices.iter().filter(|notice| notice.about == about).map(|notice| notice.text.as_str()).collect()
}

#[test]
fn the_summary_counts_what_the_tables_show() {
    let summary = report_from(support::evidence()).systems[0].summary;
    let clauses = support::systems()[0].clauses.len() as u64;
    // COND-01 to COND-08 are covered; of COND-09 and COND-10 only the spec was explored. Of six planted bugs one survives,
    // and one cannot be observed. Of three real systems one agrees, one differs and one is not there.
    let (mutants, canaries, oracles) = (6, 5, 3);
    assert_eq!(summary, Summary { clauses, covered: 8, mutants, killed: 4, canaries, went_off: 5, oracles, agree: 1 });
    let silent = report_with(|record| {
        if record.kind == Kind::Canary && record.engine == "loom" {
            record.verdict = Verdict::Fail;
        }
    });
    assert_eq!(silent.systems[0].summary.went_off, 4);
}

#[test]
fn an_engine_without_a_canary_is_named() {
    let whole = report_from(support::evidence());
    assert_eq!(
        notices(&whole, About::NoCanary),
        ["No canary of cond ran under portfolio judging histories: nothing here shows that its alarm works."]
    );
    // A canary that never ran shows nothing either; a silent one does, and fails the run by itself.
    let missing = report_with(|record| {
        if record.kind == Kind::Canary && record.engine == "pct" {
            record.verdict = Verdict::Skipped;
        }
    });
    assert_eq!(notices(&missing, About::NoCanary).len(), 2);
    let silent = report_with(|record| {
        if record.kind == Kind::Canary {
            record.verdict = Verdict::Fail;
        }
    });
    assert_eq!(notices(&silent, About::NoCanary).len(), 1);
    // What nothing of ours ran under needs no canary.
    let peers = support::report_of(|record| record.kind == Kind::Peer);
    assert!(notices(&peers, About::NoCanary).is_empty());
}

#[test]
fn a_suite_that_no_commit_holds_is_named() {
    let of = |commit: &str| report_with(|record| record.maker.commit = commit.to_owned());
    assert!(notices(&of("61402ed0c1b7"), About::UnknownCommit).is_empty());
    assert!(notices(&of("61402ed0c1b7+"), About::UnknownCommit)[0].contains("61402ed0c1b7 with changes"));
    assert!(notices(&of("unknown"), About::UnknownCommit)[0].contains("is not known"));
}

#[test]
fn what_a_peer_does_not_promise_is_said_of_that_clause_only() {
    let note = "not promised: COND-04; Condvar of std 1.95; https://doc.rust-lang.org/std/sync/struct.Condvar.html";
    let report = report_with(|record| {
        if record.kind == Kind::Peer && record.subject.as_deref() == Some("std") {
            record.clauses = ["COND-03", "COND-04"].map(str::to_owned).to_vec();
            record.note = Some(note.to_owned());
            record.verdict = Verdict::Pass;
        }
    });
    let system = &report.systems[0];
    let column = system.peers.iter().position(|peer| peer == "std").unwrap();
    let cell = |clause: &str| {
        let row = system.survey.iter().find(|row| row.question == clause).unwrap();
        &row.cells[column]
    };
    assert_eq!((cell("COND-04").promised, cell("COND-04").documentation.len()), (Some(false), 1));
    assert_eq!((cell("COND-03").promised, cell("COND-03").documentation.len()), (None, 0));
}

#[test]
fn a_failure_counts_for_the_clause_that_it_breaks_and_for_no_other() {
    // One peer, whose program is about two clauses, and breaks a third one.
    let survey = |blamed: Option<&str>| {
        let mut evidence = support::evidence();
        evidence.retain(|record| record.kind != Kind::Peer || record.subject.as_deref() == Some("parking_lot"));
        for record in evidence.iter_mut().filter(|record| record.kind == Kind::Peer) {
            record.clauses = ["COND-03", "COND-04"].map(str::to_owned).to_vec();
            record.verdict = Verdict::Fail;
            record.counterexample =
                Some(Counterexample { clause: blamed.map(str::to_owned), ..support::fifo_counterexample() });
        }
        report_from(evidence).systems.swap_remove(0)
    };
    let finding = |system: &System, question: &str| {
        let column = system.peers.iter().position(|peer| peer == "parking_lot").expect("it was asked");
        system.survey.iter().find(|row| row.question == question).map(|row| row.cells[column].finding)
    };
    let of_a_third = survey(Some("COND-06"));
    assert_eq!(finding(&of_a_third, "COND-06"), Some(Finding::Violated));
    assert_eq!(finding(&of_a_third, "COND-03"), Some(Finding::Undecided), "it stopped before it could tell");
    assert_eq!(finding(&of_a_third, "no clause"), None);
    let of_none = survey(None);
    assert_eq!(finding(&of_none, "no clause"), Some(Finding::Violated));
    assert_eq!(finding(&of_none, "COND-04"), Some(Finding::Undecided));
}

#[test]
fn a_clause_that_only_permits_is_not_asked_of_peers() {
    let questions = |obligation| {
        let mut systems = support::systems();
        systems[0]
            .rules
            .iter_mut()
            .filter(|rule| rule.clause == "COND-04")
            .for_each(|rule| rule.obligation = obligation);
        let mut evidence = support::evidence();
        evidence.retain(|record| record.kind == Kind::Peer);
        // Whoever fails is listed under what is blamed, whatever that is.
        evidence.iter_mut().for_each(|record| record.verdict = Verdict::Pass);
        let source = Source { directory: "report".to_owned(), run: None, evidence };
        let report = Report::assemble(vec![source], &systems, support::GENERATED_AT.to_owned());
        report.systems[0].survey.iter().filter(|row| row.question == "COND-04").count()
    };
    assert_eq!((questions(ObligationInfo::Must), questions(ObligationInfo::May)), (1, 0));
}

#[test]
fn a_clause_that_only_permits_is_covered_by_whoever_makes_use_of_it() {
    let coverage = |obligation, shown: u64| {
        let mut systems = support::systems();
        let of_clause = systems[0].rules.iter_mut().filter(|rule| rule.clause == "COND-04");
        let rules: Vec<String> = of_clause
            .map(|rule| {
                rule.obligation = obligation;
                rule.name.clone()
            })
            .collect();
        assert!(!rules.is_empty());
        let mut evidence = support::evidence();
        evidence.retain(|record| record.kind == Kind::Conformance && record.verdict == Verdict::Pass);
        for record in &mut evidence {
            record.clauses = vec!["COND-04".to_owned()];
            record.rules = rules.iter().map(|rule| (rule.clone(), shown)).collect();
        }
        let source = Source { directory: "report".to_owned(), run: None, evidence };
        let report = Report::assemble(vec![source], &systems, support::GENERATED_AT.to_owned());
        report.systems[0].clauses.iter().find(|clause| clause.id == "COND-04").unwrap().coverage
    };
    assert_eq!(coverage(ObligationInfo::Must, 0), Coverage::Covered);
    assert_eq!(coverage(ObligationInfo::May, 0), Coverage::NotUsed);
    assert_eq!(coverage(ObligationInfo::May, 2), Coverage::Covered);
}

#[test]
fn what_was_planted_is_told_from_what_was_noticed() {
    let report = report_with(|record| {
        if record.kind == Kind::Mutant && record.subject.as_deref() == Some("M01-late-ticket") {
            let found = record.counterexample.as_mut().expect("it was killed");
            found.clause = Some("COND-03".to_owned());
        }
    });
    let mutant = report.systems[0].mutants.iter().find(|mutant| mutant.name == "M01-late-ticket").unwrap();
    assert_eq!(
        (&mutant.breaks[..], &mutant.noticed_as[..]),
        (&["COND-01".to_owned()][..], &["COND-03".to_owned()][..])
    );
    let page = render(&report);
    assert!(page.contains("Noticed as"));
}

#[test]
fn a_real_system_that_differs_fails_the_run_and_speaks_for_no_implementation() {
    let report = report_from(support::evidence());
    let clause = |id: &str| report.systems[0].clauses.iter().find(|clause| clause.id == id).unwrap();
    // Only oracles bear on these two.
    assert_eq!((clause("COND-11").coverage, clause("COND-12").coverage), (Coverage::SpecOnly, Coverage::SpecOnly));
    assert!(clause("COND-11").violations.is_empty() && clause("COND-01").violations.is_empty());
    let [blamed] = clause("COND-12").violations[..] else { panic!("one record blames COND-12") };
    assert_eq!(report.evidence[blamed].check, "cond/oracle/freebsd/differential");
    assert!(report.failures.contains(&Failure { evidence: blamed, what: FailureKind::Difference, said: None }));

    let only = |name: &'static str| support::report_of(move |it| it.kind == Kind::Oracle && it.check.contains(name));
    assert_eq!(only("freebsd").conclusion.outcome, Exit::Violation);
    assert!(only("freebsd").conclusion.sentence.starts_with("1 real system does what its spec does not allow."));
    assert_eq!(only("linux").conclusion.outcome, Exit::Pass);
    assert_eq!(only("netbsd").conclusion.outcome, Exit::NothingRan);
    let page = render(&report);
    let terminal = table::failure_in_words(&report.evidence[blamed]);
    for words in ["FreeBSD 14.3", "wake 1", "0 waiters woken", "1 waiter woken"] {
        assert!(page.contains(words), "{words} is not on the page");
    }
    assert!(terminal.contains("asked wake 1  (COND-12)") && terminal.contains("the answer is   0 waiters woken"));
}

#[test]
fn what_an_oracle_hears_from_peers_stands_in_the_survey() {
    let system = &report_from(support::evidence()).systems[0];
    let column = system.peers.iter().position(|peer| peer == "rustix 1.1").expect("a peer that only an oracle asks");
    let cell = |clause: &str| &system.survey.iter().find(|row| row.question == clause).unwrap().cells[column];
    assert_eq!((cell("COND-11").finding, cell("COND-11").executions), (Finding::Violated, 600));
    assert_eq!(cell("COND-11").example.as_ref().map(|example| example.input.as_str()), Some("wake 0"));
    assert_eq!((cell("COND-10").finding, cell("COND-10").executions), (Finding::NotSeen, 70));
    assert_eq!(cell("COND-04").finding, Finding::NotAsked);
}

#[test]
fn a_fuzz_target_that_did_not_run_comes_first_and_is_said_to_be_unknown() {
    let report = support::report();
    let system = report.systems.iter().find(|system| system.name == "fuzz").expect("fuzz targets stand together");
    let rows: Vec<(&str, Option<Verdict>)> = system
        .fuzzing
        .iter()
        .map(|row| (row.target.as_str(), row.evidence.map(|index| report.evidence[index].verdict)))
        .collect();
    let (pass, fail, error) = (Some(Verdict::Pass), Some(Verdict::Fail), Some(Verdict::Error));
    let expected = [
        ("cond_schedule", None),
        ("uio_model", error),
        ("getopt_model", fail),
        ("canary", pass),
        ("litmus_parse", pass),
    ];
    assert_eq!(rows, expected);
    assert_eq!(
        notices(&report, About::NotFuzzed),
        ["The fuzz target cond_schedule is defined and did not run: what it would find is not known."]
    );
    let is_about_fuzz = |text: &&str| text.contains("`fuzz`");
    assert!(!notices(&report, About::Unknown).iter().any(is_about_fuzz), "it has no spec, and needs none");
    let page = render(&report);
    assert!(page.contains("`--=x` &lt;b&gt;is&lt;/b&gt; matched"), "a crash is told as it is");

    let crashed = support::report_of(|record| record.check == "fuzz/getopt_model");
    assert_eq!(crashed.conclusion.outcome, Exit::Violation);
    assert_eq!(crashed.conclusion.sentence, "1 fuzz target crashed. 0 of 1 check passed.");
}

#[test]
fn one_record_comes_and_several_come() {
    let told = |records: usize| {
        let maker = Maker { commit: "0123abc+".to_owned(), ..Maker::unknown() };
        let records = support::evidence().into_iter().take(records);
        report_from(records.map(|record| Evidence { maker: maker.clone(), ..record }).collect()).notices
    };
    let begins = |words: &str, records: usize| told(records).iter().any(|notice| notice.text.starts_with(words));
    assert!(begins("1 record comes from a checkout of commit 0123abc ", 1));
    assert!(begins("2 records come from a checkout of commit 0123abc ", 2));
}

#[test]
fn what_a_file_expects_and_the_spec_does_not_hold_fails_the_report() {
    let expecting = |kind, held: &[Option<bool>]| {
        let mut record = passing(kind);
        let expected = |held| Expected { text: "forall done T1".to_owned(), held, leans: None };
        record.expectations = held.iter().copied().map(expected).collect();
        report_from(vec![record])
    };
    for kind in [Kind::Conformance, Kind::Reference] {
        let broken = expecting(kind, &[Some(true), Some(false), None]);
        assert_eq!(broken.conclusion.outcome, Exit::Violation, "{}", broken.conclusion.sentence);
        let [failure] = broken.failures.as_slice() else { panic!("{:?}", broken.failures) };
        assert_eq!(failure.what, FailureKind::Expectation);
        assert!(render(&broken).contains("What the file expects does not hold in the spec: forall done T1."));
        let unclear = expecting(kind, &[Some(true), None]);
        assert_eq!(unclear.conclusion.outcome, Exit::Inconclusive, "{}", unclear.conclusion.sentence);
        assert!(unclear.failures.is_empty() && unclear.unanswered[0].checks == [0]);
        assert!(render(&unclear).contains(&unclear.unanswered[0].reason));
        assert_eq!(expecting(kind, &[Some(true)]).conclusion.outcome, Exit::Pass);
    }
    // A record of the spec itself says so by its verdict; what a planted bug's program expects is meant to break.
    for kind in [Kind::Spec, Kind::Mutant] {
        assert!(expecting(kind, &[Some(false), None]).failures.is_empty());
    }
}

#[test]
fn an_error_elsewhere_takes_no_violation_away() {
    let of = |verdict, directory: &str| {
        let record = Evidence { verdict, reason: format!("as {directory} has it"), ..passing(Kind::Conformance) };
        Source { directory: directory.to_owned(), run: None, evidence: vec![record] }
    };
    let sources = vec![of(Verdict::Error, "one"), of(Verdict::Fail, "two"), of(Verdict::Pass, "three")];
    let report = Report::assemble(sources, &support::systems(), support::GENERATED_AT.to_owned());
    assert_eq!((report.evidence.len(), report.evidence[0].verdict), (1, Verdict::Fail));
    assert_eq!(report.conclusion.outcome, Exit::HarnessFailed);
    let kinds: Vec<FailureKind> = report.failures.iter().map(|failure| failure.what).collect();
    assert_eq!(kinds, [FailureKind::Violation, FailureKind::HarnessError]);
    assert_eq!(notices(&report, About::Duplicate).len(), 1);
    let page = render(&report);
    assert!(page.contains("as two has it") && page.contains("The record in one: as one has it"));
    let junit = selvedge_reports::junit::render(&report).unwrap();
    assert!(junit.contains("as two has it") && junit.contains("The record in one: as one has it"));

    // Where nothing was found the error is the worst.
    let sources = vec![of(Verdict::Pass, "one"), of(Verdict::Error, "two")];
    let report = Report::assemble(sources, &support::systems(), support::GENERATED_AT.to_owned());
    assert_eq!((report.evidence[0].verdict, report.failures.len()), (Verdict::Error, 1));
}

fn passing(kind: Kind) -> Evidence {
    let known = support::evidence().into_iter().find(|it| it.kind == Kind::Conformance && it.verdict == Verdict::Pass);
    Evidence { kind, expectations: vec![], ..known.expect("one passes") }
}

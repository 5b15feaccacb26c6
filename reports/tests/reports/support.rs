//! Records such as a night on two machines leaves: a violation, a surviving mutant, canaries, peers, checks that were
//! skipped, ran out of budget or were never run.

use std::collections::BTreeMap;

use selvedge_reports::report::Report;
use selvedge_reports::store::{RunRecord, Source};
use selvedge_reports::suite::{Partition, Planned, Profile};
use selvedge_verify::evidence::{
    Arrow, ClauseAnswers, Comparison, Counterexample, Crash, Difference, Evidence, Expected, FORMAT, Fuzzing, Kind,
    Maker, Mode, Observation, PeerAnswers, Relation, Row, StateGraph, Verdict, Witness,
};
use selvedge_verify::gaps::GapInfo;
use selvedge_verify::info::{ClauseInfo, ObligationInfo, ParameterInfo, RuleInfo, SystemInfo};

pub const GENERATED_AT: &str = "2026-11-22T06:12:09Z";

/// The report of everything below.
pub fn report() -> Report {
    Report::assemble(sources(), &systems(), GENERATED_AT.to_owned())
}

/// The report of the checks that satisfy `keep`, as if nothing else had been planned.
pub fn report_of(keep: impl Fn(&Evidence) -> bool) -> Report {
    let evidence: Vec<Evidence> = evidence().into_iter().filter(keep).collect();
    let run = run_record(evidence.iter().map(planned).collect(), None);
    let source = Source { directory: "report".to_owned(), run: Some(run), evidence };
    Report::assemble(vec![source], &systems(), GENERATED_AT.to_owned())
}

/// Two machines' parts of one run, the third part missing.
pub fn sources() -> Vec<Source> {
    let mut selected: Vec<Planned> = evidence().iter().map(planned).collect();
    for program in ["L05-not-yet-parked", "L07-two-waiters-loop", "L12-readers"] {
        for engine in ["loom", "pct"] {
            selected.push(Planned {
                id: format!("cond/conformance/{program}/cond/{engine}"),
                kind: Kind::Conformance,
                system: "cond".to_owned(),
                program: Some(program.to_owned()),
                subject: Some("cond".to_owned()),
                engine: engine.to_owned(),
                mode: None,
            });
        }
    }
    // Every record of the fixture must be somewhere: the parts that are here share those of the one that is missing.
    let parts = [Partition { index: 1, count: 3 }, Partition { index: 2, count: 3 }];
    let of_part = |wanted: usize| {
        let records = evidence();
        records.into_iter().enumerate().filter(move |(index, _)| index % 2 == wanted).map(|(_, record)| record)
    };
    let mut sources: Vec<Source> = parts
        .into_iter()
        .enumerate()
        .map(|(index, partition)| Source {
            directory: format!("night/machine-{}", index + 1),
            run: Some(run_record(selected.clone(), Some(partition))),
            evidence: of_part(index).collect(),
        })
        .collect();
    // A check that both machines ran; they disagree.
    let mut again =
        evidence().into_iter().find(|record| record.check.ends_with("L01-signal-no-lock/cond/pct")).unwrap();
    again.verdict = Verdict::Inconclusive;
    again.reason = "The time budget of 10 s ended after 312 of 10,000 schedules.".to_owned();
    again.executions = 312;
    again.complete = false;
    let other = usize::from(!sources[1].evidence.iter().any(|record| record.check == again.check));
    sources[1 - other].evidence.push(again);
    if let Some(run) = &mut sources[1].run {
        run.interrupted = true;
    }
    if let Some(run) = &mut sources[0].run {
        run.targets = strings(&["canary", "cond_schedule", "getopt_model", "litmus_parse", "uio_model"]);
    }
    sources
}

pub fn planned(record: &Evidence) -> Planned {
    Planned {
        id: record.check.clone(),
        kind: record.kind,
        system: record.system.clone(),
        program: record.program.clone(),
        subject: record.subject.clone(),
        engine: record.engine.clone(),
        mode: None,
    }
}

pub fn run_record(selected: Vec<Planned>, partition: Option<Partition>) -> RunRecord {
    RunRecord {
        format: FORMAT,
        command: match partition {
            Some(partition) => format!("selvedge verify --profile full --seed 20261122 --partition {partition}"),
            None => "selvedge verify --profile quick".to_owned(),
        },
        profile: Some(if partition.is_some() { Profile::Full } else { Profile::Quick }),
        filters: vec![],
        engine: None,
        seed: partition.map(|_| 20_261_122),
        jobs: 2,
        partition,
        known: selected.len(),
        selected,
        targets: vec![],
        texts: BTreeMap::new(),
        started_at: "2026-11-22T05:58:01Z".to_owned(),
        finished_at: Some("2026-11-22T06:11:47Z".to_owned()),
        interrupted: false,
        processors: 2,
        processor: Some("AMD EPYC 7B13".to_owned()),
        maker: maker(),
    }
}

pub fn maker() -> Maker {
    Maker {
        suite: "0.1.0".to_owned(),
        commit: "61402ed0c1b7".to_owned(),
        rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
        target: "linux x86_64".to_owned(),
        kernel: "6.12.48".to_owned(),
    }
}

pub fn systems() -> Vec<SystemInfo> {
    let clause = |id: &str, text: &str, source: &str, extension: bool| ClauseInfo {
        id: id.to_owned(),
        text: text.to_owned(),
        source: source.to_owned(),
        extension,
    };
    let rule = |name: &str, clause: &str, obligation, text: &str| RuleInfo {
        name: name.to_owned(),
        clause: clause.to_owned(),
        text: text.to_owned(),
        obligation,
    };
    let (must, may) = (ObligationInfo::Must, ObligationInfo::May);
    vec![SystemInfo {
        name: "cond".to_owned(),
        clauses: vec![
            clause(
                "COND-01",
                "`wait` takes a ticket before it releases the lock.",
                "Go, runtime/sema.go, notifyListAdd",
                false,
            ),
            clause(
                "COND-02",
                "`wait` releases the lock and parks as one step as far as `signal` can tell: a signal between them is not lost.",
                "Go, sync/cond.go, Wait",
                false,
            ),
            clause(
                "COND-03",
                "`wait` returns only after a `signal` or `broadcast` has notified its ticket: there are no spurious wakeups.",
                "Go, sync/cond.go, Wait: “Wait cannot return unless awoken by Broadcast or Signal”",
                false,
            ),
            clause(
                "COND-04",
                "`signal` notifies the oldest ticket that has not been notified.",
                "Go, runtime/sema.go, notifyListNotifyOne",
                false,
            ),
            clause(
                "COND-05",
                "When `signal` returns, it has advanced the notification by one, or every ticket taken before its first load has been notified.",
                "Facts 1.9",
                false,
            ),
            clause(
                "COND-06",
                "When `broadcast` returns, every ticket taken before its first load has been notified.",
                "Go, runtime/sema.go, notifyListNotifyAll",
                false,
            ),
            clause("COND-07", "`wait` holds the lock again when it returns.", "Go, sync/cond.go, Wait", false),
            clause(
                "COND-08",
                "`signal` without waiters has no effect and no memory.",
                "Go, sync/cond.go, Signal",
                false,
            ),
            clause(
                "COND-09",
                "`wait` without the lock ends the program.",
                "Go, sync/mutex.go, fatal(“sync: unlock of unlocked mutex”)",
                false,
            ),
            clause("COND-10", "Ticket order survives wrap-around of the counter.", "Go, runtime/sema.go, less", false),
            clause("COND-11", "A copy made after first use is refused.", "Go, sync/cond.go, copyChecker", false),
            clause(
                "COND-12",
                "`signal` and `broadcast` happen before the return of the `wait` that they end.",
                "Go, sync/cond.go, type Cond",
                false,
            ),
            clause("COND-X1", "A waiter that timed out never consumes a signal.", "This project", true),
        ],
        rules: vec![
            rule("wait.enqueue", "COND-01", must, "Takes the next ticket and releases the lock."),
            rule("wait.notified", "COND-03", must, "A notified ticket leaves the queue."),
            rule("wait.spurious", "COND-03", may, "Wakes without notification, where the parameter allows it."),
            rule("wait.relock", "COND-07", must, "Takes the lock again and returns."),
            rule("wait.unlocked", "COND-09", must, "Ends the program."),
            rule("signal.oldest", "COND-04", must, "Notifies the oldest ticket."),
            rule("signal.none", "COND-08", must, "Finds no waiter."),
            rule("broadcast.all", "COND-06", must, "Notifies every ticket."),
            rule("wait-timeout.expire", "COND-X1", may, "Virtual time has reached the deadline."),
        ],
        parameters: vec![
            ParameterInfo {
                name: "order".to_owned(),
                values: vec!["fifo".to_owned(), "any".to_owned()],
                text: "Which waiter `signal` wakes.".to_owned(),
            },
            ParameterInfo {
                name: "spurious".to_owned(),
                values: vec!["never".to_owned(), "may".to_owned()],
                text: "Whether `wait` may return without notification.".to_owned(),
            },
        ],
        gaps: vec![GapInfo {
            id: "loom-condvar-wakes-in-order".to_owned(),
            engine: "loom".to_owned(),
            text: "loom's `notify_one` wakes whoever has waited longest.".to_owned(),
            consequence: "A program that is wrong only if another waiter is woken passes.".to_owned(),
            source: "loom 0.7.2".to_owned(),
            subject: Some("cond".to_owned()),
            program: Some("L04-fifo".to_owned()),
        }],
    }]
}

/// A passing record to start from.
pub fn passing(kind: Kind, program: &str, subject: Option<&str>, engine: &str) -> Evidence {
    let mut check = format!("cond/{}/{program}", kind.name());
    if let Some(subject) = subject {
        check.push_str(&format!("/{subject}/{engine}"));
    }
    let (technique, mode, complete) = match engine {
        "explorer" => ("explorer, every reachable state", None, true),
        "loom" => ("loom, outcomes, at most 2 preemptions", Some(Mode::Outcomes), true),
        "pct" => ("PCT depth 3, histories, 10,000 schedules", Some(Mode::Histories), false),
        "random" => ("random, histories, 10,000 schedules", Some(Mode::Histories), false),
        "dfs" => ("shuttle DFS, histories, every schedule", Some(Mode::Histories), true),
        "threads" => ("real threads, histories, 2 s with jitter", Some(Mode::Histories), false),
        _ => ("portfolio of random, PCT and URW, histories", Some(Mode::Histories), false),
    };
    Evidence {
        format: FORMAT,
        kind,
        system: "cond".to_owned(),
        program: Some(program.to_owned()),
        subject: subject.map(str::to_owned),
        engine: engine.to_owned(),
        verdict: Verdict::Pass,
        reason: match kind {
            Kind::Spec => "Every expectation holds of everything that the spec allows.".to_owned(),
            _ => "Every execution is one that the spec allows.".to_owned(),
        },
        mode,
        technique: technique.to_owned(),
        complete,
        preemptions: None,
        executions: if engine == "explorer" { 0 } else { 10_000 },
        histories: if engine == "explorer" { 0 } else { 37 },
        states: 412,
        outcomes: vec![],
        relation: None,
        rules: BTreeMap::new(),
        clauses: vec![],
        expectations: vec![],
        observations: vec![],
        graphs: vec![],
        note: None,
        killed_after: None,
        counterexample: None,
        comparison: None,
        fuzzing: None,
        search: None,
        reproduce: format!("selvedge verify {check} --profile full --seed 20261122"),
        seed: matches!(engine, "pct" | "random" | "portfolio").then_some(20_261_122),
        duration_ms: 840,
        maker: maker(),
        check,
    }
}

fn witness(outcome: &str, seen: u64, allowed: bool) -> Witness {
    Witness { outcome: outcome.to_owned(), seen, allowed }
}

fn rules(taken: &[(&str, u64)]) -> BTreeMap<String, u64> {
    taken.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

const FIFO_PROGRAM: &str = "# Signal wakes in ticket order.\nspec cond\nclauses COND-04\n\nthread T1\n  lock\n  wait\n  unlock\n\nthread T2\n  await state.wait == 1\n  lock\n  wait\n  unlock\n\nthread T3\n  await state.wait == 2\n  signal\n\nforall done T1 and blocked T2\n";

pub fn fifo_counterexample() -> Counterexample {
    let row = |thread: usize, text: &str| Row { thread, text: text.to_owned(), here: false };
    Counterexample {
        clause: Some("COND-04".to_owned()),
        sentence: "`signal` woke T2, which holds ticket 1, while T1, which holds ticket 0, still waits: COND-04 demands the oldest ticket.".to_owned(),
        threads: strings(&["T1", "T2", "T3"]),
        rows: vec![
            row(0, "call lock"),
            row(0, "return from lock"),
            row(0, "call wait"),
            row(0, "takes ticket 0, releases the lock"),
            row(1, "await state.wait == 1"),
            row(1, "call lock"),
            row(1, "return from lock"),
            row(1, "call wait"),
            row(1, "takes ticket 1, releases the lock"),
            row(2, "await state.wait == 2"),
            row(2, "call signal"),
            row(2, "return from signal"),
            Row { thread: 1, text: "return from wait".to_owned(), here: true },
            row(1, "call unlock"),
            row(1, "return from unlock"),
            row(0, "blocked in wait"),
        ],
        allowed: strings(&["T1 returns from `wait`", "nothing more: T1 not yet notified, T2 blocked"]),
        seen: "T2 returned from `wait`".to_owned(),
        program: FIFO_PROGRAM.to_owned(),
        history: String::new(),
        token: Some("L04-fifo:cond:cond:pct:0.1.0:9f31c2a07be4:AQIAAwEBAgIA".to_owned()),
    }
}

/// The records, a check each.
pub fn evidence() -> Vec<Evidence> {
    let mut records = Vec::new();
    records.extend(specs());
    records.extend(conformance());
    records.extend(mutants());
    records.extend(canaries());
    records.extend(peers());
    records.extend(oracles());
    records.extend(fuzzed());
    records
}

fn specs() -> Vec<Evidence> {
    let mut records = Vec::new();
    for (program, clauses, outcomes) in [
        ("L01-signal-no-lock", &["COND-08"][..], &["T1 done", "T1 blocked in wait"][..]),
        ("L02-loop", &["COND-01", "COND-02"], &["all done"]),
        ("L04-fifo", &["COND-04"], &["T1 done, T2 blocked in wait"]),
        ("L09-wrap-around", &["COND-10"], &["all done, state.notify=0"]),
        ("L13-late-signal", &["COND-05"], &["T1 done, T2 blocked in wait", "all done"]),
    ] {
        let mut record = passing(Kind::Spec, program, None, "explorer");
        record.clauses = strings(clauses);
        record.outcomes = outcomes.iter().map(|outcome| witness(outcome, 1, true)).collect();
        record.rules = rules(&[("wait.enqueue", 12), ("wait.notified", 9), ("wait.relock", 9), ("signal.oldest", 7)]);
        record.expectations = vec![Expected { text: format!("exists {}", outcomes[0]), held: Some(true), leans: None }];
        record.reproduce = format!("selvedge outcomes verify/litmus/cond/{program}.litmus");
        records.push(record);
    }
    let mut abort = passing(Kind::Spec, "wait-unlocked", None, "explorer");
    abort.clauses = strings(&["COND-09"]);
    abort.rules = rules(&[("wait.unlocked", 1)]);
    abort.outcomes = vec![witness("T1 aborts the program (COND-09)", 1, true)];
    records.push(abort);
    for record in &mut records {
        record.observations = observations(record.program.as_deref().unwrap_or_default());
        record.graphs = graphs(record.program.as_deref().unwrap_or_default());
    }
    records
}

/// One that a program's spec allows, another's does not, and of which a third cannot tell.
fn observations(program: &str) -> Vec<Observation> {
    let (allowed, text, spec) = match program {
        "L01-signal-no-lock" => (Some(true), "A signal that nobody waits for is lost in this model.", "cond"),
        "L02-loop" => (Some(false), "With a loop.", "cond"),
        "L13-late-signal" => (None, "", "cond (order fifo)"),
        _ => return Vec::new(),
    };
    let row = |thread: usize, text: &str| Row { thread, text: text.to_owned(), here: false };
    let path = if allowed == Some(true) { vec![row(1, "signal.none"), row(0, "wait.enqueue")] } else { Vec::new() };
    vec![Observation {
        name: "signal-is-lost".to_owned(),
        text: text.to_owned(),
        spec: spec.to_owned(),
        condition: "blocked T1".to_owned(),
        allowed,
        outcome: allowed.filter(|allowed| *allowed).map(|_| "T1 blocked in wait".to_owned()),
        threads: if path.is_empty() { Vec::new() } else { strings(&["T1", "T2"]) },
        rows: path,
        program: "spec cond\n\nthread T1\n  lock\n  wait\n\nthread T2\n  signal\n\nexists blocked T1\n".to_owned(),
        command: allowed.map(|_| "selvedge outcomes verify/litmus/cond/L01.litmus".to_owned()),
    }]
}

/// Two programs know arrows of one graph, and one of them an arrow of another.
fn graphs(program: &str) -> Vec<StateGraph> {
    let arrow = |from: Option<&str>, to: &str, rules: &[&str]| Arrow {
        from: from.map(str::to_owned),
        to: to.to_owned(),
        rules: strings(rules),
    };
    let graph = |spec: &str, arrows: Vec<Arrow>| StateGraph {
        things: "waiters".to_owned(),
        spec: spec.to_owned(),
        complete: true,
        arrows,
    };
    let oldest = arrow(Some("parked"), "notified", &["signal.oldest"]);
    match program {
        "L01-signal-no-lock" => vec![graph("cond", vec![arrow(None, "parked", &["wait.enqueue"]), oldest])],
        "L02-loop" => {
            let all = arrow(Some("parked"), "notified", &["broadcast.all"]);
            let relocked = arrow(Some("notified"), "running", &["wait.relock"]);
            vec![graph("cond", vec![relocked, all]), graph("cond (order any)", vec![oldest])]
        }
        _ => Vec::new(),
    }
}

fn conformance() -> Vec<Evidence> {
    let mut records = Vec::new();
    for engine in ["loom", "pct", "dfs"] {
        let mut record = passing(Kind::Conformance, "L01-signal-no-lock", Some("cond"), engine);
        record.clauses = strings(&["COND-08"]);
        record.executions = if engine == "loom" { 33 } else { 10_000 };
        record.outcomes =
            vec![witness("T1 done", record.executions - 15, true), witness("T1 blocked in wait", 15, true)];
        record.relation = Some(Relation::Equal);
        record.rules = rules(&[("wait.enqueue", 33), ("signal.none", 15), ("signal.oldest", 18), ("wait.relock", 18)]);
        records.push(record);
    }
    for engine in ["loom", "random"] {
        let mut record = passing(Kind::Conformance, "L02-loop", Some("cond"), engine);
        record.clauses = strings(&["COND-01", "COND-02"]);
        record.outcomes = vec![witness("all done", record.executions, true)];
        record.relation = Some(Relation::Equal);
        record.rules = rules(&[("wait.enqueue", 6_120), ("wait.notified", 6_120), ("wait.relock", 6_120)]);
        records.push(record);
    }

    let mut loom = passing(Kind::Conformance, "L04-fifo", Some("cond"), "loom");
    loom.verdict = Verdict::Skipped;
    loom.reason = "loom holds 5 threads with its own and one for `choose`; the program needs 4 beside them.".to_owned();
    (loom.executions, loom.histories, loom.states, loom.complete) = (0, 0, 0, false);
    loom.clauses = strings(&["COND-04"]);
    records.push(loom);
    let mut violated = passing(Kind::Conformance, "L04-fifo", Some("cond"), "pct");
    violated.verdict = Verdict::Fail;
    violated.reason = "An execution is not one that the spec allows.".to_owned();
    violated.clauses = strings(&["COND-04"]);
    violated.executions = 1_284;
    violated.outcomes =
        vec![witness("T1 done, T2 blocked in wait", 1_283, true), witness("T1 blocked in wait, T2 done", 1, false)];
    violated.relation = Some(Relation::Wider);
    violated.rules = rules(&[("wait.enqueue", 2_568), ("signal.oldest", 1_284), ("wait.relock", 1_284)]);
    violated.expectations = vec![Expected {
        text: "forall done T1 and blocked T2".to_owned(),
        held: Some(false),
        leans: Some("fails only if spurious wakeups exist".to_owned()),
    }];
    violated.counterexample = Some(fifo_counterexample());
    records.push(violated);

    let mut narrower = passing(Kind::Conformance, "L13-late-signal", Some("cond"), "pct");
    narrower.clauses = strings(&["COND-05"]);
    narrower.outcomes = vec![witness("T1 done, T2 blocked in wait", 0, true), witness("all done", 10_000, true)];
    narrower.relation = Some(Relation::Narrower);
    records.push(narrower);
    let mut budget = passing(Kind::Conformance, "L06-broadcast-late-wait", Some("cond"), "loom");
    budget.verdict = Verdict::Inconclusive;
    budget.reason = "The time budget of 20 s ended after 511,647 executions; none of them was a violation.".to_owned();
    budget.technique = "loom, outcomes, preemptions unbounded, 20 s".to_owned();
    (budget.executions, budget.complete, budget.duration_ms) = (511_647, false, 20_004);
    budget.clauses = strings(&["COND-06"]);
    budget.outcomes = vec![witness("all done", 301_002, true), witness("T3 blocked in wait", 210_645, true)];
    budget.relation = Some(Relation::Equal);
    budget.rules = rules(&[("broadcast.all", 511_647)]);
    records.push(budget);

    let mut generated = passing(Kind::Generated, "proptest", Some("cond"), "portfolio");
    generated.program = None;
    generated.technique = "256 generated programs, up to 3 threads of 4 operations, 200 schedules each".to_owned();
    (generated.executions, generated.histories) = (51_200, 9_312);
    generated.reason =
        "Every execution is one that the spec allows. 11 of 267 programs drawn (4%) were discarded.".to_owned();
    generated.rules = rules(&[("wait.enqueue", 80_211), ("signal.none", 40_000), ("broadcast.all", 12_050)]);
    records.push(generated);

    for (program, engine, seen) in [
        ("L01-signal-no-lock", "loom", [15, 18]),
        ("L01-signal-no-lock", "pct", [40, 9_960]),
        ("L13-late-signal", "pct", [0, 10_000]),
    ] {
        let mut record = passing(Kind::Reference, program, Some("reference"), engine);
        record.outcomes = vec![witness("T1 blocked in wait", seen[0], true), witness("T1 done", seen[1], true)];
        record.relation = Some(if seen[0] > 0 { Relation::Equal } else { Relation::Narrower });
        record.reason = match record.relation {
            Some(Relation::Equal) => "The engine reaches every outcome.".to_owned(),
            _ => "The engine misses 1 of 2 outcomes.".to_owned(),
        };
        records.push(record);
    }
    records
}

fn mutants() -> Vec<Evidence> {
    let mut records = Vec::new();
    for (mutant, planted, program, engine, clause, executions) in [
        ("M01-late-ticket", "The ticket is taken after the lock is released.", "L02-loop", "loom", "COND-01", Some(4)),
        (
            "M01-late-ticket",
            "The ticket is taken after the lock is released.",
            "L02-loop",
            "random",
            "COND-01",
            Some(31),
        ),
        (
            "M02-park-unasked",
            "Parks without looking whether its ticket has been notified.",
            "L05-not-yet-parked",
            "loom",
            "COND-02",
            Some(9),
        ),
        (
            "M03-pop-head",
            "`signal` takes the head of the list instead of the oldest ticket.",
            "L05-not-yet-parked",
            "pct",
            "COND-04",
            Some(1_190),
        ),
        (
            "M08-unsigned-less",
            "Tickets are compared as unsigned numbers.",
            "L09-wrap-around",
            "dfs",
            "COND-10",
            Some(1),
        ),
        (
            "M12-stale-tail",
            "The tail stays when the last waiter leaves the list.",
            "L06-broadcast-late-wait",
            "portfolio",
            "COND-06",
            None,
        ),
    ] {
        let mut record = passing(Kind::Mutant, program, Some(mutant), engine);
        record.note = Some(planted.to_owned());
        record.clauses = strings(&[clause]);
        record.killed_after = executions;
        match executions {
            Some(executions) => {
                record.reason = "The planted bug was found.".to_owned();
                record.executions = executions;
                record.relation = Some(Relation::Wider);
                record.counterexample = Some(Counterexample {
                    clause: Some(clause.to_owned()),
                    sentence: "T1 is blocked in `wait` for ever although its ticket was notified.".to_owned(),
                    threads: strings(&["T1", "T2"]),
                    rows: vec![
                        Row { thread: 0, text: "call wait".to_owned(), here: false },
                        Row { thread: 1, text: "call signal".to_owned(), here: false },
                        Row { thread: 1, text: "return from signal".to_owned(), here: false },
                        Row { thread: 0, text: "blocked in wait".to_owned(), here: true },
                    ],
                    allowed: strings(&["T1 returns from `wait`"]),
                    seen: "T1 blocked".to_owned(),
                    program: String::new(),
                    history: String::new(),
                    token: None,
                });
            }
            None => {
                record.verdict = Verdict::Fail;
                record.reason = "The planted bug survived 30,000 executions.".to_owned();
                record.executions = 30_000;
            }
        }
        records.push(record);
    }
    let mut equivalent = passing(Kind::Mutant, "any", Some("M13-next-not-cleared"), "explorer");
    equivalent.note = Some("The link to the next waiter is not cleared before the waiter is made ready.".to_owned());
    equivalent.verdict = Verdict::Skipped;
    equivalent.reason =
        "Equivalent: no operation reads the link of a waiter that has left the list, so that nothing can be observed."
            .to_owned();
    records.push(equivalent);
    records
}

fn canaries() -> Vec<Evidence> {
    [("loom", 2), ("random", 14), ("pct", 3), ("dfs", 1), ("threads", 212)]
        .into_iter()
        .map(|(engine, executions)| {
            let mut record = passing(Kind::Canary, "lost-wakeup", Some("canary"), engine);
            record.note = Some("A condvar whose `signal` does nothing.".to_owned());
            record.reason = "The alarm went off.".to_owned();
            record.killed_after = Some(executions);
            record.executions = executions;
            record
        })
        .collect()
}

fn peers() -> Vec<Evidence> {
    let std_note = "not promised: std 1.95, https://doc.rust-lang.org/std/sync/struct.Condvar.html says which thread is woken is unspecified.";
    let lot_note = "promised: parking_lot 0.13, https://docs.rs/parking_lot/latest/parking_lot/type.Condvar.html says no spurious wakeups.";
    let mut records = Vec::new();
    for (peer, clause, program, note, broken) in [
        ("std", "COND-04", "L04-fifo", Some(std_note), true),
        (
            "std",
            "COND-03",
            "L01-signal-no-lock",
            Some(
                "not promised: std 1.95, https://doc.rust-lang.org/std/sync/struct.Condvar.html warns of spurious wakeups.",
            ),
            false,
        ),
        ("parking_lot", "COND-04", "L04-fifo", None, false),
        ("parking_lot", "COND-03", "L01-signal-no-lock", Some(lot_note), false),
    ] {
        let mut record = passing(Kind::Peer, program, Some(peer), "threads");
        record.clauses = strings(&[clause]);
        record.note = note.map(str::to_owned);
        record.executions = 48_211;
        if broken {
            record.verdict = Verdict::Fail;
            record.reason = "An execution is not one that the spec allows.".to_owned();
            record.counterexample = Some(Counterexample { token: None, ..fifo_counterexample() });
        }
        records.push(record);
    }
    let mut inconclusive = passing(Kind::Peer, "L04-fifo", Some("loom"), "loom");
    inconclusive.clauses = strings(&["COND-04"]);
    inconclusive.verdict = Verdict::Inconclusive;
    inconclusive.reason = "loom's branch limit was reached.".to_owned();
    records.push(inconclusive);
    records
}

/// One real system that agrees, one that does not, one that nobody finds on this machine.
fn oracles() -> Vec<Evidence> {
    let asked = |name: &str, comparison: Option<Comparison>| {
        let mut record = passing(Kind::Oracle, name, None, "differential");
        record.check = format!("cond/oracle/{name}/differential");
        record.program = None;
        record.subject = Some(name.to_owned());
        (record.mode, record.states, record.histories) = (None, 0, 0);
        record.note = Some("What `futex` does with a waiter, for every order of two calls.".to_owned());
        record.technique = format!("differential against {name}, all 10000 questions");
        record.reason = format!("{name} answers as the spec allows, 10000 questions");
        record.clauses = comparison.iter().flat_map(|it| &it.clauses).map(|it| it.clause.clone()).collect();
        record.reproduce = format!("selvedge verify {}", record.check);
        record.comparison = comparison;
        record
    };
    let clause = |clause: &str, differing| ClauseAnswers { clause: clause.to_owned(), questions: 10_000, differing };
    let difference = |input: &str| Difference {
        clause: Some("COND-12".to_owned()),
        input: input.to_owned(),
        spec: "1 waiter woken".to_owned(),
        answer: "0 waiters woken".to_owned(),
    };
    let agreeing = Comparison {
        respondent: "Linux 6.12.48".to_owned(),
        differing: 0,
        differences: vec![],
        clauses: vec![clause("COND-11", 0)],
        peers: vec![
            PeerAnswers {
                peer: "rustix 1.1".to_owned(),
                clause: "COND-11".to_owned(),
                questions: 600,
                differing: 2,
                example: Some(difference("wake 0")),
            },
            PeerAnswers {
                peer: "rustix 1.1".to_owned(),
                clause: "COND-10".to_owned(),
                questions: 70,
                differing: 0,
                example: None,
            },
        ],
    };
    let differing = Comparison {
        respondent: "FreeBSD 14.3".to_owned(),
        differing: 31,
        differences: vec![difference("wake 1"), difference("wait, wake 1")],
        clauses: vec![clause("COND-12", 31), clause("COND-01", 0)],
        peers: vec![],
    };
    let mut fails = asked("freebsd", Some(differing));
    fails.verdict = Verdict::Fail;
    fails.reason = "31 of 10000 answers of FreeBSD 14.3 are not what the spec allows.".to_owned();
    let mut skipped = asked("netbsd", None);
    skipped.verdict = Verdict::Skipped;
    skipped.reason = "this is no NetBSD".to_owned();
    (skipped.executions, skipped.complete) = (0, false);
    vec![asked("linux", Some(agreeing)), fails, skipped]
}

/// A canary that was found, a target without a crash, one with one, one that could not be built.
fn fuzzed() -> Vec<Evidence> {
    let ran = |target: &str, kind: Kind, crashes: Vec<Crash>| {
        let mut record = passing(kind, target, None, "libfuzzer");
        record.check = format!("fuzz/{target}");
        record.system = "fuzz".to_owned();
        record.program = None;
        record.subject = Some(target.to_owned());
        (record.mode, record.states, record.histories, record.complete) = (None, 0, 0, false);
        record.executions = 1_204_311;
        record.technique = "libFuzzer, at most 60 s, from 12 inputs, 1204311 executions".to_owned();
        record.reason = "no input crashed it: 1204311 executions, 2310 edges".to_owned();
        record.reproduce = format!("selvedge fuzz {target} --minutes 1.00");
        record.seed = Some(77_041);
        record.fuzzing = Some(Fuzzing {
            granted_ms: 60_000,
            inputs_before: 12,
            inputs_after: 431,
            new_units: 902,
            executions_per_second: 20_071,
            edges: 2_310,
            features: 8_125,
            peak_rss_mib: 58,
            crashes,
        });
        record
    };
    let crash = |bytes: u64, message: &str| Crash {
        input: "artifacts/getopt_model/small-crash-0a1b".to_owned(),
        found_bytes: 41,
        bytes,
        message: message.to_owned(),
        reproduce: "cargo fuzz run --target x86_64-unknown-linux-gnu --sanitizer none getopt_model small".to_owned(),
    };
    let mut canary = ran("canary", Kind::Canary, vec![crash(8, "the canary was found")]);
    canary.note = Some("a panic behind a word".to_owned());
    canary.killed_after = Some(30_112);
    let mut crashed = ran("getopt_model", Kind::Fuzz, vec![crash(3, "src/getopt.rs:7:1\n`--=x` <b>is</b> matched")]);
    crashed.verdict = Verdict::Fail;
    crashed.reason = "an input of 3 bytes crashes it".to_owned();
    let mut unbuilt = ran("uio_model", Kind::Fuzz, vec![]);
    (unbuilt.fuzzing, unbuilt.executions, unbuilt.seed) = (None, 0, None);
    unbuilt.verdict = Verdict::Error;
    unbuilt.reason = "uio_model cannot be built: error".to_owned();
    let hunted = |bug: &str, planted: &str, verdict: Verdict| {
        let mut record = ran("getopt_model", Kind::Mutant, vec![]);
        record.check = format!("fuzz/getopt_model/{bug}");
        (record.program, record.subject) = (record.subject, Some(bug.to_owned()));
        (record.verdict, record.note, record.executions) = (verdict, Some(planted.to_owned()), 8_017);
        record.clauses = vec!["GETOPT-04".to_owned()];
        record.killed_after = (verdict == Verdict::Pass).then_some(8_017);
        record.duration_ms = 1_203;
        record
    };
    let found = hunted("M01-no-exchange", "`--` is not moved", Verdict::Pass);
    let survived = hunted("M02-prefix", "an abbreviation is found first", Verdict::Fail);
    vec![canary, ran("litmus_parse", Kind::Fuzz, vec![]), crashed, unbuilt, found, survived]
}

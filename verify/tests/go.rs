//! Traces of the real Go, recorded earlier, against the spec of its scheduler; and the same traces made wrong.
//!
//! `verify/oracle/go/traces` holds two of each version, one with goroutines locked to threads, recorded by the program beside them
//! with `-callers 4 -calls 60 -sleepers 3 -sleeps 8 -sleep-us 150 -pipes 1 -bytes 9 -stops 6 -collections 1 -procs 2,4,1,3` and
//! `-locked 0` or `-locked 2`. So this needs no Go; the oracle `proc/go` asks the one that is here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use selvedge_model::Spec;
use selvedge_model::proc::{Bug, ProcSpec};
use selvedge_verify::evidence::Verdict;
use selvedge_verify::oracle::go::follow::{UNJUDGED, follow, follow_with};
use selvedge_verify::oracle::go::mutate::{self, Kind};
use selvedge_verify::oracle::go::toolchain::Toolchain;
use selvedge_verify::oracle::go::trace::{Trace, What};
use selvedge_verify::oracle::go::{GoScheduler, arguments, shows, told};
use selvedge_verify::suite::{Options, Suite};

const TRACES: [(&str, &[u8]); 6] = [
    ("go1.19.8", include_bytes!("../oracle/go/traces/go1.19.8.trace")),
    ("go1.25.5", include_bytes!("../oracle/go/traces/go1.25.5.trace")),
    ("go1.26.6", include_bytes!("../oracle/go/traces/go1.26.6.trace")),
    ("go1.19.8-locked", include_bytes!("../oracle/go/traces/go1.19.8-locked.trace")),
    ("go1.25.5-locked", include_bytes!("../oracle/go/traces/go1.25.5-locked.trace")),
    ("go1.26.6-locked", include_bytes!("../oracle/go/traces/go1.26.6-locked.trace")),
];

/// A machine that was woken before a stop halts in it. The theft of a processor is told long after it. A stop begins between the
/// beginning of a call and its look for one, with and without another machine that starts meanwhile with a processor that the stop
/// takes. A goroutine is queued once the stop lets go of the lock, and started by the monitor, which has a processor in its hands.
/// A machine with a locked goroutine hands its processor off as late as that.
const MISREAD_ONCE: [(&str, &[u8]); 6] = [
    ("go1.25.5-halts", include_bytes!("../oracle/go/traces/go1.25.5-halts.trace")),
    ("go1.25.5-late-theft", include_bytes!("../oracle/go/traces/go1.25.5-late-theft.trace")),
    ("go1.26.6-stop-in-between", include_bytes!("../oracle/go/traces/go1.26.6-stop-in-between.trace")),
    ("go1.27.3-start-before-stop", include_bytes!("../oracle/go/traces/go1.27.3-start-before-stop.trace")),
    ("go1.26.6-waits-for-the-lock", include_bytes!("../oracle/go/traces/go1.26.6-waits-for-the-lock.trace")),
    ("go1.27.3-hand-off-in-a-stop", include_bytes!("../oracle/go/traces/go1.27.3-hand-off-in-a-stop.trace")),
];

fn traces() -> impl Iterator<Item = (&'static str, Trace)> {
    read(&TRACES)
}

fn read(traces: &'static [(&str, &[u8])]) -> impl Iterator<Item = (&'static str, Trace)> {
    traces.iter().map(|(name, bytes)| (*name, Trace::read(bytes).unwrap_or_else(|text| panic!("{name}: {text}"))))
}

#[test]
fn the_spec_allows_every_event() {
    for (name, trace) in traces() {
        let followed = follow(&trace, &trace.events);
        if let Some(rejected) = followed.rejected {
            panic!("{name}: {}\n{}", rejected.why, rejected.neighbours);
        }
        assert_eq!(followed.accepted, trace.events.len() as u64);
        let calls = trace.events.iter().filter(|event| event.what == What::CallBegin).count();
        assert!(calls > 300, "{name}: {calls} calls");
        let inferred = trace.events.iter().filter(|event| event.inferred).count();
        assert_eq!(inferred > 0, trace.format < 22, "only the old format leaves anything to infer");
    }
}

/// The runtime hands a processor to a machine that has not parked yet, for the goroutine that is locked to it.
#[test]
fn locked_goroutines_are_handed_processors() {
    for (name, trace) in traces().filter(|(name, _)| name.ends_with("-locked")) {
        let followed = follow(&trace, &trace.events);
        for rule in ["m.hand-locked", "m.hand-locked-early", "m.told-locked", "m.run-locked"] {
            assert!(followed.rules.contains_key(rule), "{name} does not show {rule}");
        }
        let forgets = follow_with(&trace, &trace.events, Some(Bug::NoteForgotten)).rejected;
        assert_eq!(forgets.map(|rejected| rejected.why.clause), Some("PROC-I10"), "{name}");
    }
}

/// What the table says that a format shows is shown by these traces, but for what they do not happen to contain.
#[test]
fn each_format_shows_what_the_table_says() {
    let absent: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("go1.19.8", &[][..]),
        ("go1.25.5", &["m.halt", "block.release", "block.call"]),
        ("go1.26.6", &["m.halt", "block.release", "m.preempt", "m.preempt-next"]),
    ]);
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, trace) in traces() {
        let followed = follow(&trace, &trace.events);
        let taken: BTreeSet<&str> = followed.rules.keys().copied().collect();
        let table = shows::table(trace.format);
        let known: BTreeSet<&str> = ProcSpec::rules().iter().map(|rule| rule.name).collect();
        let version = name.trim_end_matches("-locked");
        let shown = || table.iter().flat_map(|shows| shows.rules).copied();
        missing.entry(version).or_insert_with(|| shown().collect()).retain(|rule| !taken.contains(rule));
        assert!(table.iter().flat_map(|shows| shows.rules).all(|rule| known.contains(rule)));
        for event in trace.events.iter().filter(|event| !event.inferred) {
            let is_compared = matches!(event.what, What::StopBegin | What::StopEnd | What::ProcIs(_) | What::GoIs(_));
            assert_eq!(shows::rules(trace.format, event.what).is_empty(), is_compared, "{}", event.what);
        }
        println!("{name}: {}", told(trace.format, &taken));
        println!("{name}: {:?}", followed.rules);
    }
    for (version, missing) in missing {
        assert!(missing.iter().all(|rule| absent[version].contains(rule)), "{version} does not show {missing:?}");
    }
}

/// Run with `--nocapture` to see the counts.
#[test]
fn a_trace_made_wrong_is_rejected() {
    for (name, trace) in traces() {
        for kind in Kind::ALL {
            let places = mutate::sample(&trace, kind, 40);
            let accepted = |at: &usize| follow(&trace, &mutate::mutant(&trace, kind, *at)).rejected.is_none();
            let survivors: Vec<usize> = places.iter().copied().filter(accepted).collect();
            let all = mutate::places(&trace, kind).len();
            println!(
                "{name}, {}: {} of {} rejected, of {all} places",
                kind.name(),
                places.len() - survivors.len(),
                places.len()
            );
            assert!(places.len() >= 20, "{name}, {}: {} places", kind.name(), places.len());
            for at in survivors {
                let event = &trace.events[at];
                let other = mutate::partner(&trace.events, at).map(|other| &trace.events[other]);
                let shown = (trace.show(event), other.map(|other| trace.show(other)));
                let is_a_trace = kind == Kind::Swapped
                    && other
                        .is_some_and(|other| SWAPPED_IS_A_TRACE.iter().any(|swapped| swapped(event.what, other.what)));
                assert!(is_a_trace, "{name}, {}, at event {at}, is accepted: {shown:?}", kind.name());
            }
        }
    }
}

/// Swapped, these are another trace that Go might have recorded.
const SWAPPED_IS_A_TRACE: [fn(What, What) -> bool; 5] = [
    // A machine without a goroutine readies one as well: it has looked at the network.
    |one, other| one == What::GoUnblock || other == What::GoUnblock,
    // It found an idle processor, without the lock or later under it.
    |one, other| (one, other) == (What::ProcStart, What::CallEndBlocked),
    // What was taken for the stop was taken for a safe point before.
    |one, other| (one, other) == (What::StopBegin, What::ProcSteal),
    // The monitor took two processors in two looks, the other one first.
    |one, other| (one, other) == (What::ProcSteal, What::ProcSteal),
    // When tracing begins, GOMAXPROCS is said outside a stop that shows.
    |one, other| matches!((one, other), (What::Procs(_), What::StopBegin)),
];

/// These real traces contradict a spec with one of these mistakes. Other mistakes they do not contradict: what gives those
/// away is in no trace, or these calls did not meet it.
#[test]
fn real_traces_notice_planted_mistakes() {
    for (name, trace) in traces() {
        let notices =
            |bug: Bug| follow_with(&trace, &trace.events, Some(bug)).rejected.map(|rejected| rejected.why.clause);
        assert_eq!(notices(Bug::TakenWithoutTick), Some("PROC-I11"), "{name}");
        assert_eq!(notices(Bug::NextStays), Some("PROC-I10"), "{name}");
        if trace.format < 26 {
            assert_eq!(notices(Bug::ReclaimByStore), Some("PROC-P06"), "{name}");
        }
        if name == "go1.19.8" {
            assert_eq!(notices(Bug::HandOffIgnoresStop), Some("PROC-W02"), "{name}");
        }
    }
}

#[test]
fn a_rejected_event_is_shown_among_its_neighbours() {
    let (_, trace) = traces().next().expect("there are three");
    let at = mutate::places(&trace, Kind::SharedProcessor)[5];
    let events = mutate::mutant(&trace, Kind::SharedProcessor, at);
    let rejected = follow(&trace, &events).rejected.expect("a processor has one machine");
    assert_eq!((rejected.at, rejected.why.clause), (at + 1, "PROC-P04"));
    let marked: Vec<&str> = rejected.neighbours.lines().filter(|line| line.starts_with('>')).collect();
    assert_eq!(marked.len(), 1);
    assert!(marked[0].contains("proc-start"), "{}", rejected.neighbours);
    assert_eq!(rejected.neighbours.lines().count(), 11);
}

#[test]
fn a_broken_file_is_refused() {
    for (name, bytes) in TRACES {
        for length in (16..bytes.len()).step_by(97) {
            // An error or a shorter trace, and no panic.
            if let Ok(trace) = Trace::read(&bytes[..length]) {
                _ = follow(&trace, &trace.events);
            }
        }
        let mut broken = bytes.to_vec();
        broken[16] = 0xff;
        assert!(Trace::read(&broken).is_err(), "{name}");
    }
}

#[test]
fn what_is_not_judged_is_known() {
    for clause in UNJUDGED {
        assert!(ProcSpec::clauses().iter().any(|known| known.id == *clause), "{clause}");
    }
}

/// Skipped, and said to be, where there is no Go.
#[test]
fn the_go_that_is_here_is_followed() {
    let suite = Suite::empty().oracle(GoScheduler);
    let [check] = &suite.plan(&Options::quick())[..] else { panic!("one check") };
    assert_eq!(check.id, "proc/oracle/go/differential");
    let evidence = suite.run_here(check, &Options::quick());
    println!("{}; {:?}", evidence.reason, evidence.note);
    match Toolchain::find() {
        Err(reason) => assert_eq!((evidence.verdict, evidence.reason), (Verdict::Skipped, reason)),
        Ok(_) => {
            assert_eq!(evidence.verdict, Verdict::Pass, "{}", evidence.reason);
            assert!(evidence.executions > 1_000, "{} events", evidence.executions);
        }
    }
}

#[test]
fn traces_that_were_misread_once_are_followed() {
    for (name, trace) in read(&MISREAD_ONCE) {
        let rejected = follow(&trace, &trace.events).rejected;
        assert!(rejected.is_none(), "{name}: {rejected:?}");
    }
}

/// A machine let go of its processor for its locked goroutine, and handed it on 25 ms later, in the midst of a stop that began long
/// after. We take it for idle from the first moment on. Whoever mends that will see it here.
#[test]
fn a_trace_that_is_still_misread() {
    let trace = Trace::read(include_bytes!("../oracle/go/traces/go1.27.3-long-in-hand.trace")).expect("it is whole");
    let rejected = follow(&trace, &trace.events).rejected.expect("it is misread");
    assert_eq!((rejected.at, rejected.why.clause), (2032, "PROC-P04"), "{rejected:?}");
}

/// Records as many traces as `SELVEDGE_GO_TRACES` says, or four, three of four of them with locked goroutines; or follows the one
/// that `SELVEDGE_GO_TRACE` names. Skipped, with a notice, where there is no Go and none is named.
#[test]
fn new_traces_are_followed() {
    if let Some(path) = std::env::var_os("SELVEDGE_GO_TRACE") {
        let trace = Trace::read(&fs::read(path).expect("it can be read")).expect("it is whole");
        if let Some(why) = follow(&trace, &trace.events).rejected {
            panic!("{}\n{}", why.why, why.neighbours);
        }
        return;
    }
    let toolchain = match Toolchain::find() {
        Ok(toolchain) => toolchain,
        Err(none) => {
            assert!(std::env::var_os("SELVEDGE_GO").is_none(), "{none}");
            return println!("skipped: {none}");
        }
    };
    let program = toolchain.build().expect("it is a program");
    let count = std::env::var("SELVEDGE_GO_TRACES").ok().map_or(4, |count| count.parse().expect("a number"));
    let (mut early, mut rejected) = (0, 0);
    for run in 0..count {
        let bytes = program.record(&arguments(run)).expect("it records a trace");
        let trace = Trace::read(&bytes).expect("it is whole");
        let followed = follow(&trace, &trace.events);
        early += followed.rules.get("m.hand-locked-early").copied().unwrap_or_default();
        if let Some(why) = followed.rejected {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rejected-{run}.trace"));
            fs::write(&kept, &bytes).expect("it can be kept");
            println!("run {run}: {}\n{}", why.why, why.neighbours);
            println!("again: SELVEDGE_GO_TRACE={} cargo test -p selvedge-verify --test go new_traces", kept.display());
            rejected += 1;
        }
    }
    println!("{}: {rejected} of {count} traces rejected; {early} processors handed over early", toolchain.version);
    assert_eq!(rejected, 0);
}

//! The orderings of a toy, and those of `Cond`, weakened one at a time.
//!
//! The whole table of `Cond` is committed as `docs/orderings.md` and takes half a minute. Where the source of the primitives
//! changes, so does the table; it is written anew by `SELVEDGE_BLESS=1 cargo test -p selvedge-verify --test orderings`.

#[path = "../../impl/tests/proc_protocol/programs.rs"]
mod proc_programs;
#[path = "orderings/programs.rs"]
mod programs;
#[path = "orderings/table.rs"]
mod table;

use selvedge::platform::loom::weaken::{Purpose, Site};
use selvedge::platform::{Arc, Atomic, AtomicInteger, Body, Loom, Ordering, Platform, TrackedCell};
use selvedge_verify::orderings::{Bound, Finding, Row, Trial, collect};

const BOUND: Bound = Bound { preemptions: 2, executions: 1_000 };

/// Data passed from one thread to another under a flag that one stores and the other loads.
fn pass_a_message(store: impl Fn(&Flag) + Send + 'static, load: impl Fn(&Flag) -> u32 + Send + 'static) {
    let flag = Arc::new(Flag::new(0));
    let data = Arc::new(<Loom as Platform>::Cell::new(0));
    let (their_flag, their_data) = (flag.clone(), data.clone());
    let sender = move || {
        // SAFETY: the receiver looks after it has seen the flag; if the orderings do not say so, loom does.
        data.with_mut(|data| unsafe { *data = 42 });
        store(&flag);
    };
    let receiver = move || {
        if load(&their_flag) == 1 {
            // SAFETY: as above.
            assert_eq!(their_data.with(|data| unsafe { *data }), 42);
        }
    };
    programs::all_return(vec![Box::new(sender) as Body, Box::new(receiver)]);
}

type Flag = <Loom as Platform>::AtomicU32;

fn release_and_acquire() {
    pass_a_message(|flag| flag.store(1, Ordering::Release), |flag| flag.load(Ordering::Acquire));
}

fn too_strong_an_update() {
    pass_a_message(
        |flag| {
            flag.fetch_add(1, Ordering::AcqRel);
        },
        |flag| flag.load(Ordering::Acquire),
    );
}

fn sequentially_consistent() {
    pass_a_message(|flag| flag.store(1, Ordering::SeqCst), |flag| flag.load(Ordering::Acquire));
}

/// Each thread writes one flag and reads the other: one of them must see the other's write.
fn store_buffering() {
    let flags = Arc::new((Flag::new(0), Flag::new(0)));
    let seen = Arc::new(Flag::new(0));
    let body = |mine: fn(&(Flag, Flag)) -> &Flag, other: fn(&(Flag, Flag)) -> &Flag| {
        let (flags, seen) = (flags.clone(), seen.clone());
        Box::new(move || {
            mine(&flags).store(1, Ordering::Relaxed);
            Loom::fence(Ordering::SeqCst);
            seen.fetch_add(other(&flags).load(Ordering::Relaxed), Ordering::Relaxed);
        }) as Body
    };
    programs::all_return(vec![body(|flags| &flags.0, |flags| &flags.1), body(|flags| &flags.1, |flags| &flags.0)]);
    assert_ne!(seen.load(Ordering::Relaxed), 0, "neither saw the other");
}

/// The rows of a toy.
fn survey(toy: fn()) -> Vec<Row> {
    let trials = [Trial::body("toy", toy)];
    let here = |site: &Site| site.file == file!();
    collect(&trials, BOUND, here).expect("it is right as it is").survey()
}

fn shortly(rows: &[Row]) -> Vec<(Purpose, Ordering, Option<Ordering>, bool)> {
    let is_necessary = |row: &Row| matches!(row.finding, Finding::Necessary(_));
    rows.iter().map(|row| (row.site.purpose, row.ordering, row.weaker, is_necessary(row))).collect()
}

#[test]
fn release_and_acquire_are_necessary_to_pass_a_message() {
    let rows = survey(release_and_acquire);
    let relaxed = Some(Ordering::Relaxed);
    assert_eq!(
        shortly(&rows),
        [(Purpose::Store, Ordering::Release, relaxed, true), (Purpose::Load, Ordering::Acquire, relaxed, true)]
    );
    let Finding::Necessary(witness) = &rows[0].finding else { unreachable!("as has been seen") };
    assert!(witness.sentence.contains("data race"), "{witness:?}");
}

#[test]
fn what_is_stronger_than_it_need_be_is_not_shown_necessary() {
    let rows = survey(too_strong_an_update);
    assert_eq!(
        shortly(&rows)[..2],
        [
            // To lose the release is to lose the message.
            (Purpose::Update, Ordering::AcqRel, Some(Ordering::Acquire), true),
            (Purpose::Update, Ordering::AcqRel, Some(Ordering::Release), false),
        ]
    );
    assert!(matches!(rows[1].finding, Finding::NotShown { trials: 1, executions } if executions > 1), "{rows:?}");
}

#[test]
fn a_sequentially_consistent_access_cannot_be_decided() {
    let rows = survey(sequentially_consistent);
    assert_eq!((rows[0].ordering, &rows[0].finding), (Ordering::SeqCst, &Finding::Undecidable));
}

#[test]
fn a_fence_is_weakened_and_left_out() {
    let rows = survey(store_buffering);
    let orders: Vec<_> = shortly(&rows).into_iter().filter(|row| row.0 == Purpose::Fence).collect();
    let to = |weaker| (Purpose::Fence, Ordering::SeqCst, weaker, true);
    assert_eq!(orders, [to(Some(Ordering::AcqRel)), to(None)]);
}

#[test]
fn a_trial_that_fails_by_itself_is_refused() {
    let trials = [Trial::body("wrong", || panic!("as planned"))];
    let error = collect(&trials, BOUND, |_| true).err().expect("refused");
    assert_eq!(error, "wrong fails with every ordering as it is: as planned");
}

/// As found by the whole table; the place is named by what is written there.
const NECESSARY: &[(&str, &str, Purpose)] = &[
    ("mutual-exclusion", "compare_exchange_weak(0, LOCKED", Purpose::Success),
    ("mutual-exclusion", "compare_exchange(LOCKED, 0", Purpose::Success),
    ("mutual-exclusion", "compare_exchange_weak(state, wanted", Purpose::Success),
    ("mutual-exclusion", "swap(WOKEN", Purpose::Update),
    ("overtaken-while", "compare_exchange_weak(state, left", Purpose::Success),
    ("L02-predicate-under-lock", "compare_exchange(RUNNING, PARKED", Purpose::Failure),
    ("(program) try-lock", "compare_exchange_weak(state, state | LOCKED", Purpose::Success),
    ("(program) token-of-a-stranger", "== WOKEN", Purpose::Load),
    ("(program) end-of-a-mutex", "errand.load", Purpose::Load),
    ("(program) end-of-a-mutex", "errand.store(!line.rest.is_empty()", Purpose::Store),
    ("(proc) another-ones-call", "Status::Syscall as u32, Ordering::Release", Purpose::Store),
];

#[test]
fn a_fixed_part_of_what_cond_needs_stays_necessary() {
    for &(trial, text, purpose) in NECESSARY {
        let trials = table::trials(|name| name == trial);
        let collected = collect(&trials, BOUND, table::concerns).unwrap_or_else(|error| panic!("{error}"));
        let (site, ordering) = collected
            .sites()
            .into_iter()
            .find(|(site, _)| site.purpose == purpose && table::text_at(site).contains(text))
            .unwrap_or_else(|| panic!("{trial} does not come by `{text}`"));
        for row in collected.rows(site, ordering) {
            assert!(matches!(row.finding, Finding::Necessary(_)), "{trial}: {row:?}");
        }
    }
}

#[test]
fn the_document_is_the_whole_table() {
    assert!(table::source().len() > 20, "{:?}", table::source());
    let found = table::document(&table::trials(|_| true)).unwrap_or_else(|error| panic!("{error}"));
    if std::env::var_os("SELVEDGE_BLESS").is_some() {
        std::fs::write(table::DOCUMENT, &found).expect("the document can be written");
    }
    let committed = std::fs::read_to_string(table::DOCUMENT).expect("it is committed");
    let wants =
        "docs/orderings.md wants to be written anew: SELVEDGE_BLESS=1 cargo test -p selvedge-verify --test orderings";
    for (number, (committed, found)) in (1..).zip(committed.lines().zip(found.lines())) {
        assert_eq!(committed, found, "line {number}; {wants}");
    }
    assert_eq!(committed.lines().count(), found.lines().count(), "{wants}");
}

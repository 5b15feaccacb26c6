//! The exhaustive engine: what it costs, and that it misses nothing.

mod litmus;
mod programs;

use std::collections::BTreeMap;

use selvedge::platform::host::Mutex;
use selvedge::platform::{Arc, Bounds};
use selvedge_verify::engine::exhaustive::{Account, Options, Reduction, explore, is_pruned};

/// The outcomes of a program, how often each was seen, and what the search did.
fn outcomes(
    reduction: Reduction,
    program: impl Fn() -> String + Send + Sync + 'static,
) -> (BTreeMap<String, u64>, Account) {
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let theirs = seen.clone();
    let options = Options { reduction, ..Options::default() };
    let (run, account) = explore(&Bounds::default(), options, move || {
        let outcome = program();
        if !is_pruned() {
            *theirs.lock().unwrap().entry(outcome).or_default() += 1;
        }
    });
    assert!(run.complete, "{run:?}");
    let seen = seen.lock().unwrap().clone();
    (seen, account)
}

#[test]
fn probe() {
    let show = |name: &str, program: &(dyn Fn() -> (BTreeMap<String, u64>, Account))| {
        let start = std::time::Instant::now();
        let (outcomes, account) = program();
        let rate = (account.complete + account.blocked) as f64 / start.elapsed().as_secs_f64();
        println!("{name}: {} outcomes, {account:?}, {rate:.0}/s", outcomes.len());
    };
    for reduction in [Reduction::Optimal, Reduction::Sleep] {
        println!("{reduction:?}");
        show("mutex 3x3", &|| outcomes(reduction, || programs::mutexes(3, 3)));
        show("counters 3x3", &|| outcomes(reduction, || programs::counters(3, 3)));
        show("counters 4x2", &|| outcomes(reduction, || programs::counters(4, 2)));
        show("disjoint 4x3", &|| outcomes(reduction, || programs::disjoint_counters(4, 3)));
        if reduction == Reduction::Optimal {
            show("disjoint 8x3", &|| outcomes(reduction, || programs::disjoint_counters(8, 3)));
            show("buffer 4", &|| outcomes(reduction, || programs::buffer(4)));
            show("buffer 5", &|| outcomes(reduction, || programs::buffer(5)));
        }
        show("buffer 3", &|| outcomes(reduction, || programs::buffer(3)));
        show("consumers 2", &|| outcomes(reduction, || programs::consumers(2)));
        show("consumers 3", &|| outcomes(reduction, || programs::consumers(3)));
        show("store buffering", &|| outcomes(reduction, programs::store_buffering));
    }
}

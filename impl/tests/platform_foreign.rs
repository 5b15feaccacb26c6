//! Code on loom's and shuttle's own types, as somebody would write it who does not know the platform: what it leaves behind,
//! and what it shares with the platform. (How it is held against specs is tested in `verify/tests/foreign.rs`.)

use selvedge::platform::shuttle::SchedulerKind;
use selvedge::platform::{Arc, Body, Bounds, End, Loom, Platform, Region, Shuttle, host};

/// Two threads take two locks in opposite orders, and end blocked if each has got one.
macro_rules! opposite_orders {
    ($engine:ident, $platform:ty) => {{
        let locks = Arc::new([(); 2].map(|()| $engine::sync::Mutex::new(())));
        let thread = |first: usize| {
            let locks = locks.clone();
            Box::new(move || {
                <$platform>::foreign(|| {
                    let _outer = locks[first].lock().unwrap();
                    let _inner = locks[1 - first].lock().unwrap();
                });
            }) as Body
        };
        let bodies = vec![thread(0), thread(1)];
        drop(locks);
        let ends = <$platform>::run_to_rest(bodies);
        let is_blocked = matches!(ends[..], [End::Blocked, End::Blocked]);
        assert!(is_blocked || matches!(ends[..], [End::Returned, End::Returned]), "{ends:?}");
        is_blocked
    }};
}

/// What the process has in memory.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// How much the process grows with each execution that ends blocked, if `run` is told how many executions to make and says how
/// many ended so.
fn growth(run: impl Fn(u64) -> u64) -> u64 {
    run(1_000);
    let before = resident_bytes();
    let blocked = run(10_000);
    assert!(blocked > 1_000, "{blocked}");
    match (before, resident_bytes()) {
        (Some(before), Some(after)) => after.saturating_sub(before) / blocked,
        _ => 0,
    }
}

#[test]
fn a_thread_that_stays_blocked_inside_leaves_little_behind() {
    let under_shuttle = growth(|executions| {
        let blocked = Arc::new(host::Mutex::new(0));
        let counted = blocked.clone();
        let bounds = Bounds { foreign: true, max_executions: Some(executions), ..Bounds::default() };
        let run = selvedge::platform::shuttle::explore(SchedulerKind::Random { seed: 1 }, &bounds, move || {
            *counted.lock().unwrap() += u64::from(opposite_orders!(shuttle, Shuttle));
        });
        assert_eq!((run.failure, run.executions), (None, executions));
        let blocked = blocked.lock().unwrap();
        *blocked
    });
    let under_loom = growth(|executions| {
        let mut blocked = 0;
        let bounds = Bounds { foreign: true, ..Bounds::default() };
        // A search is over soon; again, then.
        let mut left = executions as i64;
        while left > 0 {
            let found = Arc::new(host::Mutex::new(0));
            let counted = found.clone();
            let run = selvedge::platform::loom::explore(&bounds, move || {
                *counted.lock().unwrap() += u64::from(opposite_orders!(loom, Loom));
            });
            assert_eq!((run.failure, run.complete), (None, true));
            left -= run.executions as i64;
            blocked += *found.lock().unwrap();
        }
        blocked
    });
    println!("a blocked execution leaves {under_shuttle} bytes behind under shuttle, {under_loom} under loom");
    assert!(under_shuttle < 8 << 10, "{under_shuttle}");
    assert!(under_loom < 64, "{under_loom}");
}

#[test]
fn a_token_of_loom_that_was_meant_for_foreign_code_gets_there() {
    let bounds = Bounds { foreign: true, ..Bounds::default() };
    let run = selvedge::platform::loom::explore(&bounds, || {
        let parker = Arc::new(<Loom as Platform>::Region::<Option<loom::thread::Thread>>::new(None));
        let is_open = Arc::new(<Loom as Platform>::Region::new(false));
        let (theirs, opens) = (parker.clone(), is_open.clone());
        let parks = move || {
            parker.with(|handle| *handle = Some(loom::thread::current()));
            // Loom's token may come while the thread waits for the platform.
            is_open.when(|is_open| *is_open, |_| ());
            Loom::foreign(loom::thread::park);
        };
        let unparks = move || {
            let thread = theirs.when(Option::is_some, |handle| handle.clone().unwrap());
            Loom::foreign(|| thread.unpark());
            opens.with(|is_open| *is_open = true);
        };
        let ends = Loom::run_to_rest(vec![Box::new(parks), Box::new(unparks)]);
        assert!(matches!(ends[..], [End::Returned, End::Returned]), "{ends:?}");
    });
    assert_eq!((run.failure, run.complete), (None, true));
    assert!(run.executions > 1);
}

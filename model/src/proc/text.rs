//! The vocabulary: operations, answers, observables and initial values.

use std::fmt;
use std::str::FromStr;

use super::*;
use crate::spec::Unreadable;

pub(super) static FORMS: &[Form] = &[
    Form::new("enter-call", "", "Enters a system call."),
    Form::new("enter-block", "", "Enters a system call that is known to block."),
    Form::new("exit-call", "", "Leaves the system call; returns once the goroutine runs."),
    Form::new("run", "", "Runs for a moment: returns once the goroutine runs."),
    Form::new("yield", "", "Lets others run."),
    Form::new("park", "", "Sleeps until readied."),
    Form::new(
        "ready",
        "THREAD",
        "Readies a goroutine once it sleeps; from outside the goroutines, as the network poller does.",
    ),
    Form::new("end", "", "Ends the goroutine."),
    Form::new("lock-thread", "", "Locks the goroutine to its machine."),
    Form::new("stop", "", "Stops the world."),
    Form::new("start", "", "Starts the world that this thread has stopped."),
    Form::new("resize", "PROCS", "Sets GOMAXPROCS as of the start of the world."),
    Form::new("freeze", "", "Freezes the world: the program is dying."),
    Form::new("safe-point", "", "Has every processor run a function at a safe point."),
    Form::new("look", "", "The monitor looks at every processor; returns how many it took."),
    Form::new("advance", "US", "Lets virtual time pass."),
];

pub(super) static OBSERVABLES: &[&str] = &[
    "procs", "running", "waiting", "queued0", "queued1", "queued2", "queued3", "tick0", "tick1", "tick2", "tick3",
    "p0", "p1", "p2", "p3", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "global", "idle", "machines", "spinning",
    "stopwait", "now",
];

pub(super) fn initial(set: &[(String, i64)]) -> Result<State, Unknown> {
    let (mut procs, mut running, mut waiting) = (1, 1, 0);
    let mut queued = [0; PROCESSORS_MAX];
    let mut ticks = [0; PROCESSORS_MAX];
    let most_procs = PROCESSORS_MAX as u8;
    let most_goroutines = GOROUTINES_MAX as u8;
    for (name, value) in set {
        match (name.as_str(), indexed(name)) {
            ("procs", _) => procs = reading::initial_value(name, *value, 1..=most_procs)?,
            ("running", _) => running = reading::initial_value(name, *value, 1..=most_procs)?,
            ("waiting", _) => waiting = reading::initial_value(name, *value, 0..=most_goroutines)?,
            (_, Some(("queued", p))) if p < PROCESSORS_MAX => {
                queued[p] = reading::initial_value(name, *value, 0..=most_goroutines)?;
            }
            (_, Some(("tick", p))) if p < PROCESSORS_MAX => {
                ticks[p] = reading::initial_value(name, *value, 0..=u32::MAX)?;
            }
            _ => {
                let known = OBSERVABLES.iter().copied().filter(|name| is_initial(name));
                return Err(reading::unknown_name("initial value", name, known));
            }
        }
    }
    let wrong = |message: String, expected: String| Err(Unknown { message, expected: vec![expected] });
    if running > procs {
        return wrong(format!("{running} goroutines cannot run on {procs} processors"), format!("at most {procs}"));
    }
    if let Some(p) = (usize::from(running)..PROCESSORS_MAX).find(|p| queued[*p] > 0) {
        let message = format!("`queued{p}` is {}, but no goroutine runs on processor {p}", queued[p]);
        return wrong(message, format!("queues of processors below {running}"));
    }
    let goroutines = running + waiting + queued.iter().sum::<u8>();
    if goroutines > most_goroutines {
        return wrong(format!("{goroutines} goroutines are too many"), format!("at most {GOROUTINES_MAX}"));
    }
    let mut state = State::new(procs, running, queued, waiting);
    for (processor, tick) in state.ps.iter_mut().zip(ticks) {
        processor.tick = tick;
    }
    Ok(state)
}

pub(super) fn observe(state: &State, name: &str) -> Option<i64> {
    let count = |count: usize| i64::try_from(count).ok();
    let with = |status: GStatus| state.gs.iter().filter(|g| g.status == status).count();
    Some(match (name, indexed(name)) {
        ("procs", _) => i64::from(state.procs),
        ("running", _) => count(with(GStatus::Running))?,
        ("waiting", _) => count(with(GStatus::Waiting))?,
        ("global", _) => count(state.global.len())?,
        ("idle", _) => count(state.idle_ps.len())?,
        ("machines", _) => count(state.ms.len())?,
        ("spinning", _) => i64::from(state.spinning),
        ("stopwait", _) => i64::from(state.stop_wait),
        ("now", _) => i64::from(state.now_us),
        (_, Some(("g", g))) if g < GOROUTINES_MAX => state.gs.get(g).map_or(GStatus::Idle, |g| g.status) as i64,
        (_, Some((what, p))) if p < PROCESSORS_MAX => match (what, state.ps.get(p)) {
            ("p", processor) => processor.map_or(PStatus::Dead, |processor| processor.status) as i64,
            ("queued", processor) => count(processor.map_or(0, |processor| processor.run_queue.len()))?,
            ("tick", processor) => processor.map_or(0, |processor| i64::from(processor.tick)),
            _ => return None,
        },
        _ => return None,
    })
}

/// Processors and goroutines; a goroutine whose status somebody holds still has one of its own.
pub(super) fn statuses(state: &State) -> Vec<Statuses> {
    let processor = |p: &P| match p.status {
        PStatus::Idle => "idle",
        PStatus::Running => "running",
        PStatus::Syscall => "syscall",
        PStatus::GcStop => "gcstop",
        PStatus::Dead => "dead",
    };
    let goroutine = |g: &G| match (g.status, g.scan) {
        (GStatus::Idle, false) => "idle",
        (GStatus::Runnable, false) => "runnable",
        (GStatus::Running, false) => "running",
        (GStatus::Syscall, false) => "syscall",
        (GStatus::Waiting, false) => "waiting",
        (GStatus::Dead, false) => "dead",
        (GStatus::Idle, true) => "scan_idle",
        (GStatus::Runnable, true) => "scan_runnable",
        (GStatus::Running, true) => "scan_running",
        (GStatus::Syscall, true) => "scan_syscall",
        (GStatus::Waiting, true) => "scan_waiting",
        (GStatus::Dead, true) => "scan_dead",
    };
    vec![
        Statuses { things: "processors", statuses: state.ps.iter().map(processor).collect() },
        Statuses { things: "goroutines", statuses: state.gs.iter().map(goroutine).collect() },
    ]
}

fn is_initial(name: &str) -> bool {
    let by_index = indexed(name).is_some_and(|(what, _)| matches!(what, "queued" | "tick"));
    by_index || matches!(name, "procs" | "running" | "waiting")
}

/// A name that ends with a number of one digit.
fn indexed(name: &str) -> Option<(&str, usize)> {
    let digit = name.chars().last()?.to_digit(10)?;
    Some((&name[..name.len() - 1], digit as usize))
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::EnterCall => f.write_str("enter-call"),
            Op::EnterBlock => f.write_str("enter-block"),
            Op::ExitCall => f.write_str("exit-call"),
            Op::Run => f.write_str("run"),
            Op::Yield => f.write_str("yield"),
            Op::Park => f.write_str("park"),
            Op::Ready(g) => write!(f, "ready {g}"),
            Op::End => f.write_str("end"),
            Op::LockThread => f.write_str("lock-thread"),
            Op::Stop => f.write_str("stop"),
            Op::Start => f.write_str("start"),
            Op::Resize(procs) => write!(f, "resize {procs}"),
            Op::Freeze => f.write_str("freeze"),
            Op::SafePoint => f.write_str("safe-point"),
            Op::Look => f.write_str("look"),
            Op::Advance { by_us } => write!(f, "advance {by_us}"),
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = reading::call(text, FORMS)?;
        Ok(match call.name {
            "enter-call" => Op::EnterCall,
            "enter-block" => Op::EnterBlock,
            "exit-call" => Op::ExitCall,
            "run" => Op::Run,
            "yield" => Op::Yield,
            "park" => Op::Park,
            "ready" => Op::Ready(call.number(0, 0..=GOROUTINES_MAX as u8 - 1)?),
            "end" => Op::End,
            "lock-thread" => Op::LockThread,
            "stop" => Op::Stop,
            "start" => Op::Start,
            "resize" => Op::Resize(call.number(0, 1..=PROCESSORS_MAX as u8)?),
            "freeze" => Op::Freeze,
            "safe-point" => Op::SafePoint,
            "look" => Op::Look,
            "advance" => Op::Advance { by_us: call.number(0, 0..=u32::MAX)? },
            other => unreachable!("`{other}` is a form that nobody reads"),
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Ok => f.write_str("ok"),
            Ret::Taken(count) => write!(f, "{count}"),
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        match text.trim().parse() {
            Ok(count) => Ok(Ret::Taken(count)),
            Err(_) => reading::one_of(text, "answer", &[("ok", Ret::Ok)]),
        }
    }
}

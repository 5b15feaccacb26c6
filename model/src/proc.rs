//! Go's scheduler around system calls: processors (P), machines (M, operating system threads) and goroutines (G).
//!
//! # What it models
//!
//! A goroutine that enters a system call leaves its processor behind, so that others can use it if the call lasts. Who
//! may take it, and how it comes back, is a protocol between five parties: the goroutine's machine, the monitor
//! (`sysmon`), whoever stops the world, whoever wants every processor to run a function at a safe point (`forEachP`),
//! and other machines that come back from calls of their own. The thread of a litmus program is a goroutine; threads
//! beyond the goroutines that the initial values make are the outside: the monitor (`look`), the clock (`advance`) and
//! the network poller (`ready`). Machines that have no goroutine move by themselves: they are this spec's daemons.
//!
//! A step is one atomic access to what the parties share, or what one of them does at once under the scheduler's lock.
//! The lock is held over several steps where the runtime does that and others could notice: by whoever stops the world
//! while he halts processors, and while it starts again.
//!
//! # Versions
//!
//! `go1.12` stands for Go 1.12 to 1.25, `go1.11` for that and before, `go1.26` for what follows. Until Go 1.25 the status of the
//! processor says that its machine is in a call, and whoever takes it changes the status by compare-and-swap. From Go 1.26 on the
//! processor keeps running and stays bound; whoever takes it first sets the scan bit of the goroutine that is in the
//! call, looks again whether that one still has the processor, and clears the bit afterwards. In Go 1.11 the machine keeps
//! its link to the processor (`m.p`) during the call; later it is remembered as `m.oldp`. That who yields has one more machine look for
//! work came with Go 1.22; under `go1.12` it may be so or not.
//!
//! Who starts the world hands `worldsema` to the goroutine that has waited longest for it, since golang/go issue 40459 was
//! closed in 2020. What stands for Go 1.12 here has that, as the sources have from which it was read (1.19 to 1.25); those few
//! versions before it do as `go1.11` does.
//!
//! # What is left out
//!
//! Timers, the garbage collector's and the tracer's reasons to start a machine, the network poller's own blocking, and
//! the monitor's sleep: a look happens when the program says so, also while the world is being stopped (the real
//! monitor may be in its deep sleep then). Of the statuses of goroutines those of cgo, of growing stacks and of goroutines
//! that are suspended one by one; the stopper's own goroutine stays running. A machine that steals takes one goroutine,
//! not half of the queue, and looks at all queues at once. Which turn of a processor is one of those in 61 that serve the global queue
//! first is open: any may be, and one only, for no program has 61 turns. Preempting is asking: a running goroutine reaches a safe point
//! by itself and leaves if it was asked to. What happens below the scheduler's lock is one step, so a compare-and-swap
//! that could only fail for somebody else's lock does not fail.
//!
//! # Planted bugs
//!
//! [`Bug`] names classic mistakes. A spec with one of them is no spec of anything: tests see to it that its clauses
//! notice.

mod bug;
mod call;
mod clauses;
mod invariants;
mod machine;
mod monitor;
mod state;
mod text;
mod world;
mod worldsema;

pub use self::bug::Bug;
pub use self::state::{
    FREEZE_STOP_WAIT, G, GOROUTINES_MAX, GStatus, Gid, M, Mid, P, PROCESSORS_MAX, PStatus, Pid, SafePointRound, Seen,
    Standing, State,
};

use crate::spec::{Broken, Clause, Form, Parameter, Progress, RuleId, Spec, Statuses, Step, StepOf, Thread, Unknown};
use crate::text as reading;

/// The most threads of a program: goroutines, the monitor, the clock.
pub const THREADS_MAX: usize = 8;

/// The spec: which Go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProcSpec {
    /// Which Go.
    pub version: Version,
    /// A planted bug. No parameter sets it.
    pub bug: Option<Bug>,
}

/// Which Go, by the version from which it is so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Version {
    /// Go 1.12 to 1.25.
    #[default]
    Go1_12,
    /// Go 1.26 and later.
    Go1_26,
    /// Go 1.11 and earlier.
    Go1_11,
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Enters a system call.
    EnterCall,
    /// Enters a system call that is known to block: hands the processor off at once.
    EnterBlock,
    /// Leaves the system call; returns once the goroutine runs again.
    ExitCall,
    /// Runs for a moment.
    Run,
    /// Lets others run.
    Yield,
    /// Sleeps until readied.
    Park,
    /// Readies the goroutine of another thread, once it sleeps.
    Ready(Gid),
    /// Ends the goroutine.
    End,
    /// Locks the goroutine to its machine.
    LockThread,
    /// Stops the world.
    Stop,
    /// Starts it again.
    Start,
    /// Sets GOMAXPROCS as of the next start of the world.
    Resize(u8),
    /// Freezes the world: the program is dying.
    Freeze,
    /// Has every processor run a function at a safe point.
    SafePoint,
    /// The monitor looks at every processor once; returns how many it took.
    Look,
    /// Lets virtual time pass.
    Advance {
        /// How long.
        by_us: u32,
    },
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// It is done.
    Ok,
    /// How many processors the monitor took.
    Taken(u8),
}

/// Where a running operation stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Phase {
    /// Not begun.
    #[default]
    Start,
    /// A call has been entered: up to Go 1.25 the goroutine's status says so, nothing else yet.
    Entered,
    /// The processor owed no safe-point function when the machine looked.
    OwesNothing,
    /// Up to Go 1.25: the processor's status says so, `gcwaiting` has not been read yet.
    Published,
    /// `gcwaiting` was read and was set; what it calls for needs the scheduler's lock.
    SawStop,
    /// Go 1.26: everything has been looked at, the goroutine's status comes last.
    Recorded,
    /// A planted bug: `gcwaiting` was read too early.
    ReadEarly,
    /// The processor has been let go and is to be handed off.
    Released(Pid),
    /// Up to Go 1.25: the own processor is out of the call and idle, in the machine's hands.
    Reclaimed(Pid),
    /// The own processor is gone; the idle list is next.
    Bereft,
    /// Nothing idle either.
    Empty,
    /// Up to Go 1.25: the machine has a processor, the goroutine is not running yet.
    Rewired,
    /// Go 1.26: the goroutine is running, whether or not its machine has a processor.
    Back,
    /// The goroutine is on a queue, or asleep; it goes on once it runs.
    Off {
        /// It came back from a call, which its processor's tick must tell.
        from_call: bool,
    },
    /// Somebody takes a processor out of a call, Go 1.26's way.
    Takes(Errand, Pid, Bit),
    /// Somebody hands a processor off; he has not got the scheduler's lock yet.
    HandsOff(Errand, Pid),
    /// The same, with nothing found that would call for a machine; the lock is next.
    HandsOffLocked(Errand, Pid),
    /// The monitor is about to look at this processor.
    Looks(Rounds, Pid),
    /// The monitor has decided to take this processor.
    Retakes(Rounds, Pid),
    /// The goroutine sleeps in the queue of `worldsema`, or has been readied from there.
    InLine,
    /// It has `worldsema`, and nobody has been told yet what for.
    HasWorld,
    /// The stopper has announced himself.
    StopAnnounced,
    /// He looks at this processor.
    StopScans(Pid),
    /// He waits for those that have not halted.
    StopWaits,
    /// The world is starting: processors are made.
    StartGrows,
    /// Those beyond the number are destroyed, the first of them first.
    StartDestroys,
    /// Those before this one get something to do or become idle, the last first; then the world goes.
    StartPairs(Pid),
    /// A safe-point round is announced; idle processors from this one on are next, then the caller's own.
    RoundIdle(Pid),
    /// Then those in calls from this one on; then one waits for the rest.
    RoundScans(Pid),
    /// The world goes on, or the round is over: `worldsema` is to be let go.
    LetsGo,
    /// It has been let go, and somebody waited for it.
    Readies,
}

/// What a processor is taken, or handed off, for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Errand {
    /// The monitor's look.
    Look(Rounds),
    /// A stop of the world.
    Stop,
    /// A safe-point round.
    Round,
    /// Go 1.26: a machine on its way out of a call gets its old processor back.
    Exit,
    /// A goroutine that enters a call which is known to block.
    Block,
}

/// What the monitor keeps during one look.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rounds {
    /// Processors taken.
    pub taken: u8,
    /// Go 1.26: the turn of the goroutine whose call it looks at was seen ten milliseconds ago.
    pub is_long_turn: bool,
    /// When it found that call.
    pub found_us: u32,
}

impl Rounds {
    /// On to the next processor, with so many taken.
    fn after(taken: u8) -> Self {
        Rounds { taken, ..Rounds::default() }
    }
}

/// How far the taking of a processor is, Go 1.26's way: of this machine, from this goroutine's call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bit {
    /// Both were read; the scan bit is next.
    Unset(Mid, Gid),
    /// The scan bit is set; the links are to be looked at again.
    Set(Mid, Gid),
    /// The processor is taken; the bit is to be cleared.
    Clear(Gid),
}

crate::rules! {
    ENTER_CALL = "enter.call", "PROC-G01", Must, "Up to Go 1.25: the goroutine's status goes from running to syscall.";
    ENTER_SAFE_POINT = "enter.safe-point", "PROC-F03", Must, "Runs the safe-point function that the processor still owes.";
    ENTER_OWES_NOTHING = "enter.owes-nothing", "PROC-F03", Must, "Finds that the processor owes no safe-point function.";
    ENTER_PUBLISH = "enter.publish", "PROC-P05", Must, "The machine notes the tick, lets go of the processor and sets its status to syscall.";
    ENTER_READS = "enter.reads-no-stop", "PROC-E01", Must, "Reads gcwaiting afterwards: no stop.";
    ENTER_READS_STOP = "enter.reads-stop", "PROC-E01", Must, "Reads gcwaiting afterwards: the world is to stop.";
    ENTER_HALTS = "enter.halts", "PROC-P10", Must, "Halts the processor that it has just published.";
    ENTER_HALTED = "enter.halted-already", "PROC-P10", Must, "Finds that somebody else took the processor, or that nobody waits any more.";
    ENTER_READS_EARLY = "enter.reads-early-no-stop", "PROC-Q01", Must, "Go 1.26: reads gcwaiting, while still running: no stop.";
    ENTER_READS_EARLY_STOP = "enter.reads-early-stop", "PROC-Q01", Must, "Go 1.26: reads gcwaiting, while still running: the world is to stop.";
    ENTER_GIVES_UP = "enter.gives-up", "PROC-Q02", Must, "Go 1.26: lets go of the processor and halts it.";
    ENTER_CALL_LAST = "enter.call-last", "PROC-Q01", Must, "Go 1.26: the goroutine's status goes from running to syscall, last of all.";
    BLOCK_CALL = "block.call", "PROC-G01", Must, "Up to Go 1.25: moves the tick; the goroutine's status goes from running to syscall.";
    BLOCK_CALL_LAST = "block.call-last", "PROC-Q07", Must, "Go 1.26: the goroutine's status goes from running to syscall, after the processor was handed off.";
    BLOCK_RELEASE = "block.release", "PROC-P02", Must, "Lets go of the processor, which is idle and in transit.";
    EXIT_RECLAIM = "exit.reclaim", "PROC-P06", Must, "Compares and swaps the old processor's status from syscall to idle.";
    EXIT_REWIRE = "exit.rewire", "PROC-P01", Must, "Binds the processor again, and moves its tick if it had been taken meanwhile.";
    EXIT_RECLAIM_LINKED = "exit.reclaim-linked", "PROC-P06", Must, "Go 1.11: compares and swaps the status from syscall to running.";
    EXIT_LOST = "exit.lost", "PROC-P06", Must, "Finds the old processor in no call, or the program dying: forgets it.";
    EXIT_IDLE = "exit.idle", "PROC-P04", Must, "Takes a processor from the idle list and binds it.";
    EXIT_NO_IDLE = "exit.no-idle", "PROC-G03", Must, "Finds the idle list empty.";
    EXIT_RUN = "exit.run", "PROC-G02", Must, "Moves the tick; the goroutine's status goes from syscall to running.";
    EXIT_LATE_IDLE = "exit.late-idle", "PROC-P04", Must, "Finds an idle processor under the lock after all, and runs.";
    EXIT_STAYS_OUT = "exit.stays-out", "PROC-W09", May, "The program is dying: queues although a processor is idle.";
    EXIT_QUEUE = "exit.queue", "PROC-G03", Must, "Puts the goroutine on the global queue; its machine goes to sleep.";
    EXIT_RETURN_FIRST = "exit.return-first", "PROC-G06", Must, "Go 1.26: the goroutine's status goes from syscall to running, before anybody looks for a processor; not while the scan bit is set.";
    EXIT_KEPT = "exit.kept", "PROC-Q05", Must, "Go 1.26: the machine still has its processor, and moves its tick.";
    EXIT_SEES_CALL = "exit.sees-call", "PROC-Q03", Must, "Go 1.26: finds the old processor in somebody else's call.";
    EXIT_STOLEN = "exit.stolen", "PROC-Q03", Must, "Go 1.26: binds the old processor, taken out of somebody else's call.";
    EXIT_IDLE_COUNTED = "exit.idle-counted", "PROC-Q06", Must, "Go 1.26: takes a processor from the idle list and binds it.";
    RESUME = "resume", "PROC-G04", Must, "The goroutine runs again.";
    RESUME_CALL = "resume.call", "PROC-L04", Must, "The goroutine runs again after its call; the tick of the processor that it ended up with moves.";
    TAKE_BIT = "take.bit", "PROC-Q03", Must, "Sets the scan bit of the goroutine, which is in a call.";
    TAKE_MISS = "take.miss", "PROC-Q03", Must, "The goroutine has left the call, or somebody else has the bit.";
    TAKE_UNDO = "take.undo", "PROC-Q03", Must, "Finds the goroutine on another machine or that without the processor: clears the bit.";
    TAKE = "take", "PROC-Q03", Must, "Takes the processor: both links, the status, the tick.";
    TAKE_HALT = "take.halt", "PROC-Q04", Must, "Takes the processor and halts it.";
    TAKE_CLEAR = "take.clear", "PROC-Q03", Must, "Clears the scan bit.";
    LOOK_SKIP = "look.skip", "PROC-S01", Must, "Finds nothing to do about this processor.";
    LOOK_PREEMPT = "look.preempt", "PROC-S02", Must, "Asks a goroutine that has run for ten milliseconds to leave.";
    LOOK_NOTE = "look.note", "PROC-S03", Must, "Notes a call that is new to it.";
    LOOK_SPARE = "look.spare", "PROC-S04", Must, "Leaves a processor that has no work, while others could do any, for ten milliseconds.";
    LOOK_DECIDE = "look.decide", "PROC-S05", Must, "Up to Go 1.25: decides to take the processor, and pretends that one more machine runs.";
    LOOK_SEES_CALL = "look.sees-call", "PROC-Q09", Must, "Go 1.26: finds a processor whose goroutine is in a call, and pretends that one more machine runs.";
    LOOK_RETAKE = "look.retake", "PROC-P07", Must, "Compares and swaps the status from syscall to idle, and moves the tick.";
    LOOK_MISS = "look.miss", "PROC-P07", Must, "The processor has left the call.";
    LOOK_END = "look.end", "PROC-S01", Must, "The monitor ends its look.";
    HAND_START = "hand-off.start", "PROC-P19", Must, "There is work: starts a machine with the processor.";
    HAND_SPIN = "hand-off.spin", "PROC-H02", Must, "Nobody looks for work and nothing is idle: starts a machine that looks.";
    HAND_NONE = "hand-off.none", "PROC-H03", Must, "Nothing calls for a machine yet.";
    HAND_HALT = "hand-off.halt", "PROC-P14", Must, "The world is to stop: halts the processor.";
    HAND_SAFE_POINT = "hand-off.safe-point", "PROC-F04", Must, "Runs the safe-point function that the processor still owes.";
    HAND_START_LATE = "hand-off.start-late", "PROC-H03", Must, "Finds global work under the lock: starts a machine.";
    HAND_IDLE = "hand-off.idle", "PROC-P03", Must, "Puts the processor on the idle list.";
    M_WAKE = "m.wake", "PROC-P19", Must, "The machine binds the processor that it was given.";
    M_HALT = "m.halt", "PROC-P11", Must, "The world is to stop: halts the processor and parks.";
    M_SAFE_POINT = "m.safe-point", "PROC-F02", Must, "Runs the safe-point function that the processor still owes.";
    M_LOCAL = "m.local", "PROC-G04", Must, "Runs the oldest goroutine of the local queue.";
    M_NEXT = "m.next", "PROC-G15", Must, "Runs the goroutine that comes next, in the turn of the one before.";
    M_PAST_NEXT = "m.past-next", "PROC-G12", May, "The turn is to end: runs the oldest of the local queue, or else of the global one, before the goroutine that comes next.";
    M_GLOBAL = "m.global", "PROC-G09", Must, "Runs the oldest goroutine of the global queue, and moves the rest of its share to the local one.";
    M_GLOBAL_FEWER = "m.global-fewer", "PROC-G11", May, "Runs the oldest goroutine of the global queue, and moves fewer.";
    M_GLOBAL_FIRST = "m.global-first", "PROC-G10", Must, "One turn in 61: runs the oldest goroutine of the global queue, whatever is in the local one.";
    M_SPIN = "m.spin", "PROC-M03", Must, "Begins to look for work at other processors.";
    M_STEAL = "m.steal", "PROC-M03", Must, "Runs a goroutine from another processor's queue.";
    M_RELEASE = "m.release", "PROC-P03", Must, "Nothing to do: puts the processor on the idle list.";
    M_AGAIN = "m.again", "PROC-M04", Must, "Looks at the queues once more, finds work, and takes an idle processor.";
    M_PARK = "m.park", "PROC-M01", Must, "Sleeps on the list of idle machines.";
    M_PARK_LOCKED = "m.park-locked", "PROC-M05", Must, "Hands the processor off and sleeps until the locked goroutine comes.";
    M_HAND_LOCKED = "m.hand-locked", "PROC-M05", Must, "Hands the processor to the machine to which the goroutine is locked, and parks.";
    M_HAND_EARLY = "m.hand-locked-early", "PROC-M05", Must, "The same, before that machine has come to sleep: it has the processor as its nextp beside its own, and its note remembers.";
    M_TOLD_LOCKED = "m.told-locked", "PROC-M05", Must, "Hands its own processor off, and does not sleep: it has been given another one already.";
    M_RUN_LOCKED = "m.run-locked", "PROC-M05", Must, "Runs the locked goroutine.";
    M_PREEMPT = "m.preempt", "PROC-G05", Must, "The goroutine reaches a safe point and leaves for the end of the global queue, as it was asked to.";
    M_PREEMPT_WAKES = "m.preempt-wakes", "PROC-G13", Must, "The same, and one more machine looks for work; in Go 1.12 to 1.25 from 1.22 on.";
    M_PREEMPT_NEXT = "m.preempt-next", "PROC-Q08", Must, "Go 1.26: the goroutine leaves because the world is to stop, and comes next on its processor.";
    M_PREEMPT_STAYS = "m.preempt-stays", "PROC-G14", May, "The same up to Go 1.25.";
    RUN = "run", "PROC-G04", Must, "The goroutine runs, on a machine with a processor.";
    YIELD = "yield", "PROC-G05", Must, "The goroutine goes to the end of the global queue.";
    YIELD_WAKES = "yield.wakes", "PROC-G13", Must, "The same, and one more machine looks for work; in Go 1.12 to 1.25 from 1.22 on.";
    PARK = "park", "PROC-G07", Must, "The goroutine goes to sleep.";
    READY = "ready", "PROC-G07", Must, "The sleeper comes next on this processor; one more machine may look for work.";
    READY_POLLED = "ready.polled", "PROC-M02", Must, "The sleeper goes to the global queue; a machine is started if a processor is idle.";
    END = "end", "PROC-G08", Must, "The goroutine ends.";
    LOCK_THREAD = "lock-thread", "PROC-M05", Must, "The goroutine is locked to its machine.";
    WORLD_TAKE = "world.take", "PROC-W05", Must, "Takes worldsema, which is free.";
    WORLD_QUEUE = "world.queue", "PROC-W05", Must, "Somebody else has worldsema: goes to sleep at the end of its queue, and the machine looks for other work.";
    WORLD_STAYS_OUT = "world.stays-out", "PROC-W10", May, "The program is dying: goes to sleep at the end of worldsema's queue although it is free.";
    WORLD_HANDED = "world.handed", "PROC-W06", Must, "Runs again, and worldsema has been handed over to it.";
    WORLD_RELEASE = "world.release", "PROC-W06", Must, "Lets go of worldsema; nobody waits for it.";
    WORLD_RELEASE_WAITED = "world.release-waited", "PROC-W06", Must, "Lets go of worldsema; somebody waits for it.";
    WORLD_HAND_OVER = "world.hand-over", "PROC-W06", Must, "After a stop, later than Go 1.11: takes worldsema for the one who has waited longest, and readies him.";
    WORLD_HAND_ON = "world.hand-on", "PROC-W08", May, "Hands worldsema over after a round, as after a stop.";
    WORLD_READY = "world.ready", "PROC-W07", Must, "Readies the one who has waited longest, without worldsema: after a round, in Go 1.11, or because somebody else was faster.";
    STOP_ANNOUNCE = "stop.announce", "PROC-W01", Must, "Sets stopwait and gcwaiting, and asks everybody to leave.";
    STOP_OWN = "stop.own", "PROC-P12", Must, "Halts the stopper's own processor, which stays bound.";
    STOP_CALL = "stop.call", "PROC-P09", Must, "Compares and swaps a processor's status from syscall to gcstop.";
    STOP_SEES_CALL = "stop.sees-call", "PROC-Q04", Must, "Go 1.26: finds a processor whose goroutine is in a call.";
    STOP_PASS = "stop.pass", "PROC-W01", Must, "Finds a processor in no call.";
    STOP_IDLE = "stop.idle", "PROC-P13", Must, "Halts a processor from the idle list.";
    STOP_WAIT = "stop.wait", "PROC-W01", Must, "Lets go of the lock and waits.";
    STOP_DONE = "stop.done", "PROC-W02", Must, "Every processor has halted.";
    START_GROW = "start.grow", "PROC-P18", Must, "Makes a processor, or makes one anew.";
    START_KEEP = "start.keep", "PROC-P15", Must, "The stopper's own processor runs again.";
    START_SWITCH = "start.switch", "PROC-P15", Must, "The stopper's own processor is beyond the number: he goes on with the first.";
    START_DESTROY = "start.destroy", "PROC-P17", Must, "Destroys a processor; its queue goes to the head of the global one.";
    START_IDLE = "start.idle", "PROC-P16", Must, "A processor without work becomes idle.";
    START_PAIR = "start.pair", "PROC-P16", Must, "A processor with work gets a machine.";
    START_GO = "start.go", "PROC-W03", Must, "Clears gcwaiting, and has one more machine look for work; worldsema is still the stopper's.";
    RESIZE = "resize", "PROC-W03", Must, "Notes the number of processors as of the next start.";
    FREEZE = "freeze", "PROC-W04", Must, "Sets stopwait out of reach and gcwaiting, and asks everybody to leave.";
    ROUND_ANNOUNCE = "round.announce", "PROC-F01", Must, "Every other processor owes the function; everybody is asked to leave.";
    ROUND_IDLE = "round.idle", "PROC-F01", Must, "An idle processor's function is run under the lock.";
    ROUND_PASS = "round.pass", "PROC-F01", Must, "Finds nothing to do about this processor.";
    ROUND_OWN = "round.own", "PROC-F01", Must, "Runs the function for the caller's own processor.";
    ROUND_CALL = "round.call", "PROC-P08", Must, "Compares and swaps a processor's status from syscall to idle, and moves the tick.";
    ROUND_SEES_CALL = "round.sees-call", "PROC-Q03", Must, "Go 1.26: finds a processor whose goroutine is in a call.";
    ROUND_DONE = "round.done", "PROC-F05", Must, "Every processor has run the function.";
    ADVANCE = "advance", "PROC-S06", Must, "Lets virtual time pass.";
}

impl Spec for ProcSpec {
    type State = State;
    type Op = Op;
    type Phase = Phase;
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "proc"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let version = match reading::choices(parameters, PARAMETERS)?[0] {
            "go1.26" => Version::Go1_26,
            "go1.11" => Version::Go1_11,
            _ => Version::Go1_12,
        };
        Ok(Self { version, bug: None })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        vec![("version", PARAMETERS[0].values[self.version as usize])]
    }

    fn clauses() -> &'static [Clause] {
        clauses::CLAUSES
    }

    fn rules() -> &'static [crate::Rule] {
        RULES
    }

    fn forms() -> &'static [Form] {
        text::FORMS
    }

    /// `p0`.. and `g0`.. are statuses with Go's numbers (a processor that does not exist is dead, 4; a goroutine idle, 0),
    /// `tick0`.. `syscalltick`, `queued0`.. the lengths of the local run queues, `global` that of the global one, `idle`
    /// and `machines` how many processors are idle and how many machines exist, `now` virtual time in microseconds.
    /// A program may set `procs` (GOMAXPROCS), `running` (goroutines, each on a processor of its own), `queued0`..,
    /// `waiting` (goroutines asleep) and `tick0`..: its first threads are these goroutines, in this order.
    fn observables() -> &'static [&'static str] {
        text::OBSERVABLES
    }

    fn threads_max() -> usize {
        THREADS_MAX
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<State, Unknown> {
        text::initial(set)
    }

    fn observe(&self, state: &State, name: &str) -> Option<i64> {
        text::observe(state, name)
    }

    fn steps(
        &self,
        state: &State,
        thread: Thread,
        op: &Op,
        phase: &Phase,
        _seen: Option<&Ret>,
        out: &mut Vec<StepOf<Self>>,
    ) {
        if state.thrown.is_some() {
            return;
        }
        let moves = Moves { spec: *self, state, me: thread.0, out };
        match phase {
            Phase::Takes(errand, p, bit) => moves.takes(*errand, *p, *bit),
            Phase::HandsOff(errand, p) => moves.hands_off(*errand, *p),
            Phase::HandsOffLocked(errand, p) => moves.hands_off_locked(*errand, *p),
            _ => match op {
                Op::EnterCall => moves.enter_call(*phase),
                Op::EnterBlock => moves.enter_block(*phase),
                Op::ExitCall => moves.exit_call(*phase),
                Op::Run | Op::Yield | Op::Park | Op::Ready(_) | Op::End | Op::LockThread => {
                    moves.goroutine(*op, *phase);
                }
                Op::Stop => moves.stop(*phase),
                Op::Start => moves.start(*phase),
                Op::Resize(procs) => moves.resize(*procs),
                Op::Freeze => moves.freeze(),
                Op::SafePoint => moves.safe_point(*phase),
                Op::Look => moves.look(*phase),
                Op::Advance { by_us } => moves.advance(*by_us),
            },
        }
    }

    fn internal(&self, state: &State, out: &mut Vec<(RuleId, State)>) {
        for m in 0..state.ms.len() {
            self.machine_steps(state, m as Mid, out);
        }
    }

    fn invariants(&self, state: &State) -> Vec<Broken> {
        invariants::broken(self, state)
    }

    fn at_rest(&self, state: &State, running: &[(Thread, &Op, &Phase)]) -> Vec<Broken> {
        invariants::broken_at_rest(self, state, running)
    }

    /// Every thread a goroutine, the last one queued: with a processor less than there are goroutines.
    fn initial_for(&self, threads: usize) -> Vec<(String, i64)> {
        let running = threads.saturating_sub(1).clamp(1, PROCESSORS_MAX) as i64;
        let queued = i64::from(threads > 1);
        [("procs", running), ("running", running), ("queued0", queued)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// A goroutine is inside a call or outside; the world is its to start only if it has stopped it.
    fn next_ops(&self, done: &[Op]) -> Vec<Op> {
        match Discipline::after(done) {
            Discipline::InCall => vec![Op::ExitCall],
            Discipline::Stopped => vec![Op::Start, Op::Resize(1), Op::Resize(2)],
            Discipline::Free => vec![
                Op::EnterCall,
                Op::EnterBlock,
                Op::Yield,
                Op::Stop,
                Op::SafePoint,
                Op::Look,
                Op::Advance { by_us: 10_000 },
            ],
        }
    }

    fn statuses(&self, state: &State) -> Vec<Statuses> {
        text::statuses(state)
    }

    fn may_end(&self, done: &[Op]) -> bool {
        Discipline::after(done) == Discipline::Free
    }
}

impl ProcSpec {
    /// What one machine can do by itself: its part of [`Spec::internal`], for those who know which machine moved.
    ///
    /// # Panics
    ///
    /// If there is no such machine.
    pub fn machine_steps(&self, state: &State, m: Mid, out: &mut Vec<(RuleId, State)>) {
        if state.thrown.is_none() {
            machine::moves(self, state, m, out);
        }
    }
}

static PARAMETERS: &[Parameter] = &[Parameter {
    name: "version",
    values: &["go1.12", "go1.26", "go1.11"],
    text: "Which Go: 1.12 to 1.25, 1.26 and later, or 1.11 and earlier.",
}];

/// What a well-formed goroutine is in the middle of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Discipline {
    Free,
    InCall,
    Stopped,
}

impl Discipline {
    fn after(done: &[Op]) -> Self {
        done.iter().fold(Discipline::Free, |discipline, op| match op {
            Op::EnterCall | Op::EnterBlock => Discipline::InCall,
            Op::Stop => Discipline::Stopped,
            Op::ExitCall | Op::Start => Discipline::Free,
            _ => discipline,
        })
    }
}

/// What a thread can do in a state, step by step into a list.
struct Moves<'a> {
    spec: ProcSpec,
    state: &'a State,
    /// The thread, and the goroutine that it is, if it is one.
    me: Gid,
    out: &'a mut Vec<StepOf<ProcSpec>>,
}

impl Moves<'_> {
    fn has(&self, bug: Bug) -> bool {
        self.spec.bug == Some(bug)
    }

    fn is(&self, version: Version) -> bool {
        self.spec.version == version
    }

    fn is_goroutine(&self) -> bool {
        usize::from(self.me) < self.state.gs.len()
    }

    /// The machine on which this thread's goroutine runs its own code, with the machine's processor.
    fn running(&self) -> Option<(Mid, Pid)> {
        let g = self.state.gs.get(usize::from(self.me))?;
        let m = g.m.filter(|_| g.status == GStatus::Running)?;
        Some((m, self.state.m(m).p?))
    }

    /// The machine on which this thread's goroutine is.
    fn machine(&self) -> Option<Mid> {
        self.state.gs.get(usize::from(self.me))?.m
    }

    fn lock_is_free(&self) -> bool {
        self.state.lock.is_none_or(|holder| holder == self.me)
    }

    fn goes_on(&mut self, rule: RuleId, phase: Phase, change: impl FnOnce(&mut State)) {
        let mut state = self.state.clone();
        change(&mut state);
        self.out.push(Step { rule, state, progress: Progress::Next(phase) });
    }

    fn returns(&mut self, rule: RuleId, ret: Ret, change: impl FnOnce(&mut State)) {
        let mut state = self.state.clone();
        change(&mut state);
        self.out.push(Step { rule, state, progress: Progress::Return(ret) });
    }
}

#[cfg(test)]
mod tests;

//! The requirements, each with where it comes from.

use crate::spec::Clause;

const PROC: &str = "runtime/proc.go as of Go 1.19 to 1.25";
const PROC_22: &str = "runtime/proc.go as of Go 1.22";
const PROC_26: &str = "runtime/proc.go as of Go 1.26";
const COMMENT: &str = "runtime/proc.go, comments of its functions";
const SEMA: &str = "runtime/sema.go, `semacquire1` and `semrelease1`";
const START_THE_WORLD: &str = "runtime/proc.go, `startTheWorld`; golang/go issue 40459";
const RUNTIME2: &str = "runtime/runtime2.go, comments of the status values";

pub(super) static CLAUSES: &[Clause] = &[
    // Processors.
    Clause::new("PROC-P01", PROC, "A processor is bound only if it is idle and neither side is bound; then it runs."),
    Clause::new(
        "PROC-P02",
        PROC,
        "A processor is let go only by the machine that it is bound to, while it runs; then it is idle and in transit.",
    ),
    Clause::new(
        "PROC-P03",
        PROC,
        "A processor is put on the idle list under the scheduler's lock, and only without work of its own.",
    ),
    Clause::new("PROC-P04", PROC, "A processor is taken from the idle list under the scheduler's lock."),
    Clause::new(
        "PROC-P05",
        PROC,
        "Up to Go 1.25 a machine that enters a call notes the tick, breaks both links, remembers the processor, and then stores the status syscall.",
    ),
    Clause::new(
        "PROC-P06",
        PROC,
        "Up to Go 1.25 a machine that leaves a call gets its processor back by comparing and swapping the status away from syscall, and not while the program is dying.",
    ),
    Clause::new(
        "PROC-P07",
        PROC,
        "Up to Go 1.25 the monitor takes a processor out of a call by comparing and swapping its status to idle, moves the tick, and hands the processor off.",
    ),
    Clause::new(
        "PROC-P08",
        PROC,
        "A safe-point round takes processors that still owe the function out of their calls and hands them off.",
    ),
    Clause::new(
        "PROC-P09",
        PROC,
        "Up to Go 1.25 whoever stops the world halts processors in calls by comparing and swapping their status, and moves the tick.",
    ),
    Clause::new(
        "PROC-P10",
        PROC,
        "Up to Go 1.25 a machine that enters a call and then finds the world to be stopping halts its processor itself, unless somebody else has.",
    ),
    Clause::new(
        "PROC-P11",
        PROC,
        "A machine that looks for work while the world is to stop halts its processor and parks; if it had read gcwaiting before that was set, it may still run what it finds.",
    ),
    Clause::new("PROC-P12", PROC, "The stopper's own processor halts and stays bound to him."),
    Clause::new("PROC-P13", PROC, "Whoever stops the world halts every idle processor."),
    Clause::new("PROC-P14", PROC, "A processor that is handed off while the world is to stop halts."),
    Clause::new(
        "PROC-P15",
        PROC,
        "When the world starts, the stopper goes on with his own processor, or with the first if his is beyond the number.",
    ),
    Clause::new(
        "PROC-P16",
        PROC,
        "When the world starts, every other processor gets a machine if it has work and becomes idle if it has none.",
    ),
    Clause::new(
        "PROC-P17",
        PROC,
        "The processors beyond the number are destroyed, the first of them first; the goroutines of each go to the head of the global queue in their order.",
    ),
    Clause::new("PROC-P18", PROC, "When the number grows, processors are made, or destroyed ones are made anew."),
    Clause::new(
        "PROC-P19",
        PROC,
        "A processor with work that is handed on goes to a sleeping or a new machine as its nextp, and that machine binds it.",
    ),
    Clause::new(
        "PROC-Q01",
        PROC_26,
        "From Go 1.26 on the processor stays bound and running during a call; gcwaiting is read before the goroutine's status says that it is in a call.",
    ),
    Clause::new(
        "PROC-Q02",
        PROC_26,
        "From Go 1.26 on a machine that is about to enter a call while the world is to stop halts its processor first.",
    ),
    Clause::new(
        "PROC-Q03",
        PROC_26,
        "From Go 1.26 on a processor is taken out of a call only while the scan bit of its goroutine is held, after looking again whose processor it is; the tick moves, and the bit is cleared in any case.",
    ),
    Clause::new(
        "PROC-Q04",
        PROC_26,
        "From Go 1.26 on whoever stops the world takes and halts the processors of goroutines in calls.",
    ),
    Clause::new(
        "PROC-Q05",
        PROC_26,
        "From Go 1.26 on a machine that leaves a call and still has its processor only moves the tick.",
    ),
    Clause::new(
        "PROC-Q06",
        PROC_26,
        "From Go 1.26 on a machine that leaves a call without a processor takes one from the idle list, and is no longer counted as being in a call without one.",
    ),
    Clause::new(
        "PROC-Q07",
        PROC_26,
        "From Go 1.26 on a goroutine that enters a call known to block hands its processor off before its status says that it is in a call.",
    ),
    Clause::new(
        "PROC-Q08",
        PROC_26,
        "From Go 1.26 on a goroutine that is asked to leave because the world is to stop comes next on its processor.",
    ),
    Clause::new(
        "PROC-Q09",
        PROC_26,
        "From Go 1.26 on the monitor decides about a call while it holds the scan bit of its goroutine: it takes no processor out of a call that began later.",
    ),
    // Goroutines.
    Clause::new("PROC-G01", PROC, "A goroutine that enters a call goes from running to syscall."),
    Clause::new(
        "PROC-G02",
        PROC,
        "Up to Go 1.25 a goroutine that leaves a call runs once its machine has a processor.",
    ),
    Clause::new(
        "PROC-G03",
        PROC,
        "A goroutine that leaves a call and finds no processor goes to the end of the global queue, and its machine parks.",
    ),
    Clause::new("PROC-G04", PROC, "A goroutine runs once a machine with a processor takes it from a queue."),
    Clause::new(
        "PROC-G05",
        PROC,
        "A goroutine that yields or is asked to leave is runnable, at the end of the global queue; from Go 1.26 on see PROC-Q08.",
    ),
    Clause::new(
        "PROC-G06",
        PROC_26,
        "From Go 1.26 on a goroutine that leaves a call runs first and looks for a processor second; it waits for its scan bit to be clear.",
    ),
    Clause::new("PROC-G07", PROC, "A goroutine that sleeps is in no queue; whoever readies it puts it into one."),
    Clause::new("PROC-G08", PROC, "A goroutine that has ended is nowhere."),
    Clause::new(
        "PROC-G09",
        PROC,
        "A machine that finds its processor's queue empty takes its share of the global queue, the length of that over GOMAXPROCS and one more: it runs the oldest, and the others come last on its processor.",
    ),
    Clause::new(
        "PROC-G10",
        PROC,
        "Once in 61 turns a machine looks at the global queue first, and takes one goroutine.",
    ),
    Clause::extension(
        "PROC-G11",
        "Selvedge: where tasks are bound to threads not all can be moved",
        "Of its share of the global queue a machine may leave some there.",
    ),
    Clause::extension(
        "PROC-G12",
        "Selvedge: tasks that ready each other and come by no safe point must not starve others",
        "At the end of a turn that the monitor has seen for ten milliseconds, the goroutine that comes next may come behind all others.",
    ),
    Clause::new(
        "PROC-G13",
        PROC_22,
        "From Go 1.22 on whoever yields or is asked to leave, and not for a stop, has one more machine look for work.",
    ),
    Clause::extension(
        "PROC-G14",
        "Selvedge: what Go does from 1.26 on",
        "Up to Go 1.25, too, a goroutine that is asked to leave because the world is to stop may come next on its processor.",
    ),
    Clause::new(
        "PROC-G15",
        PROC,
        "A goroutine that is readied comes next on the processor of whoever readies it, and shares its turn: the monitor sees one turn.",
    ),
    // Machines.
    Clause::new("PROC-M01", PROC, "A machine without a processor parks on the idle list, under the scheduler's lock."),
    Clause::new("PROC-M02", PROC, "A machine that is being made is counted before the scheduler's lock is released."),
    Clause::new(
        "PROC-M03",
        PROC,
        "A machine without work looks at other processors' queues, unless half as many as the busy processors do already.",
    ),
    Clause::new(
        "PROC-M04",
        PROC,
        "A machine that was looking for work looks once more after it has given its processor up.",
    ),
    Clause::new(
        "PROC-M05",
        PROC,
        "A goroutine locked to a machine runs on no other: whoever picks it hands his processor to that machine, whether or not that one has come to sleep yet.",
    ),
    // Entering a call while the world stops; handing off.
    Clause::new(
        "PROC-E01",
        COMMENT,
        "Up to Go 1.25 a machine publishes that its processor is in a call before it reads gcwaiting, and the stopper sets gcwaiting before he reads the statuses: at least one sees the other.",
    ),
    Clause::new(
        "PROC-H02",
        PROC,
        "A processor that is handed off without work goes to a machine that looks for some, if nobody looks and no processor is idle.",
    ),
    Clause::new(
        "PROC-H03",
        PROC,
        "A processor that is handed off without work anywhere halts if the world is to stop and is idle otherwise; global work is looked for again under the lock.",
    ),
    // Safe points.
    Clause::new(
        "PROC-F01",
        PROC,
        "A safe-point round marks every other processor, runs the function for the idle ones and for its own, and takes those in calls.",
    ),
    Clause::new("PROC-F02", PROC, "A machine runs the function that its processor owes before it looks for work."),
    Clause::new("PROC-F03", PROC, "A machine runs the function that its processor owes before it enters a call."),
    Clause::new(
        "PROC-F04",
        PROC,
        "Whoever hands a processor off runs the function that it owes before it becomes idle.",
    ),
    Clause::new("PROC-F05", PROC, "The round is over once no processor owes the function."),
    // The monitor.
    Clause::new("PROC-S01", PROC, "A look of the monitor considers every processor that runs or is in a call."),
    Clause::new("PROC-S02", PROC, "A goroutine whose turn was seen ten milliseconds ago is asked to leave."),
    Clause::new(
        "PROC-S03",
        PROC,
        "A call that is new to the monitor is noted and left alone, unless its goroutine's turn was seen ten milliseconds ago.",
    ),
    Clause::new(
        "PROC-S04",
        PROC,
        "A processor without work is left in its call for ten milliseconds if others could do any work.",
    ),
    Clause::new(
        "PROC-S05",
        PROC,
        "Before it takes a processor the monitor pretends that one more machine runs, so that nobody reports a deadlock while the processor is in transit.",
    ),
    Clause::new("PROC-S06", "Selvedge: virtual time", "Virtual time only moves forward, and only by `advance`."),
    // The world.
    Clause::new(
        "PROC-W01",
        PROC,
        "Whoever stops the world sets stopwait and gcwaiting under the scheduler's lock and looks at every processor before he waits.",
    ),
    Clause::new("PROC-W02", PROC, "The world has stopped once every processor has halted."),
    Clause::new("PROC-W03", PROC, "The world starts with the number of processors asked for; then gcwaiting is clear."),
    Clause::new(
        "PROC-W04",
        PROC,
        "While the program is dying no processor is taken out of a call. A goroutine that leaves one does not get its own back; up to Go 1.25 it runs if another one is idle, from then on it never runs again.",
    ),
    Clause::new(
        "PROC-W05",
        SEMA,
        "Whoever wants to stop the world, or a safe-point round, takes worldsema first; while somebody else has it the goroutine sleeps, and its machine looks for other work.",
    ),
    Clause::new(
        "PROC-W06",
        START_THE_WORLD,
        "Once the world goes on, worldsema is handed to the goroutine that has waited longest, unless another one takes it at that very moment.",
    ),
    Clause::new(
        "PROC-W07",
        SEMA,
        "After a safe-point round, and up to Go 1.11 after a stop, who has waited longest is readied and takes worldsema if it is free then; else it sleeps again, behind all others.",
    ),
    Clause::extension(
        "PROC-W08",
        "Selvedge: who is handed worldsema would have had it if he had been faster",
        "After a safe-point round, too, worldsema may be handed to the goroutine that has waited longest.",
    ),
    Clause::extension(
        "PROC-W09",
        "Selvedge: whoever froze the world wants to find it as it was",
        "While the program is dying a goroutine that leaves a call may wait for ever although a processor is idle.",
    ),
    Clause::extension(
        "PROC-W10",
        "Selvedge: worldsema is of no use to anybody then",
        "While the program is dying whoever wants worldsema may sleep for ever although it is free.",
    ),
    // Invariants.
    Clause::new(
        "PROC-I01",
        RUNTIME2,
        "A running processor and its machine name each other; in Go 1.11 a machine in a call may still name a processor that is another's.",
    ),
    Clause::new("PROC-I02", RUNTIME2, "No processor is bound to two machines."),
    Clause::new(
        "PROC-I03",
        RUNTIME2,
        "The processors that are not dead number GOMAXPROCS, and no more machines than that run goroutines.",
    ),
    Clause::new(
        "PROC-I04",
        RUNTIME2,
        "A processor on the idle list is there once, is idle, has no machine and no work.",
    ),
    Clause::new(
        "PROC-I05",
        RUNTIME2,
        "A runnable goroutine is in exactly one queue, or on its way to the machine that it is locked to; any other is in none.",
    ),
    Clause::new("PROC-I06", RUNTIME2, "A goroutine runs its own code only on a machine with a processor."),
    Clause::new(
        "PROC-I07",
        PROC,
        "While the world is to stop, stopwait is the number of processors that have not halted.",
    ),
    Clause::new(
        "PROC-I08",
        PROC,
        "While the world has stopped, nobody but the stopper runs goroutines or gets a processor.",
    ),
    Clause::new("PROC-I09", PROC, "Each processor runs the safe-point function once a round."),
    Clause::new(
        "PROC-I10",
        PROC,
        "A parked machine has no processor, does not spin and is preemptible; only a machine that is waking, or about to sleep for its locked goroutine, has been given one, and no two the same.",
    ),
    Clause::new(
        "PROC-I11",
        COMMENT,
        "A processor's tick moves between the time that a machine loses it and the time that it has it again.",
    ),
    Clause::new(
        "PROC-I12",
        PROC,
        "nmspinning is the number of machines that look for work; such a machine begins without any of its own.",
    ),
    Clause::new(
        "PROC-I13",
        PROC_26,
        "From Go 1.26 on the goroutines in calls, or on the way out, whose machine has no processor are counted.",
    ),
    Clause::new("PROC-I14", RUNTIME2, "A dead processor has no machine and no work."),
    Clause::new(
        "PROC-I15",
        PROC,
        "The runtime never throws: no link is broken, and no deadlock is reported while a goroutine is runnable, running or in a call.",
    ),
    Clause::new(
        "PROC-I16",
        SEMA,
        "While the world is to stop somebody has worldsema; who is in its queue sleeps, is there once, and is not the one who has it.",
    ),
    // Progress.
    Clause::new(
        "PROC-L01",
        COMMENT,
        "Of the looks that find a processor in one call with work queued, only the first leaves it there.",
    ),
    Clause::new(
        "PROC-L02",
        "golang/go issue 28701",
        "A processor with work queued is not left in calls, however short, by a look ten milliseconds after one that found the same turn.",
    ),
    Clause::new("PROC-L03", PROC, "Up to Go 1.25 a stop of the world ends although calls do not return."),
    Clause::new("PROC-L04", PROC, "A goroutine whose call returned runs or is queued, unless the program is dying."),
    Clause::new("PROC-L05", PROC, "No runnable goroutine waits while a processor is idle."),
    Clause::new("PROC-L06", PROC, "A safe-point round waits for processors in calls only."),
    Clause::new(
        "PROC-L07",
        PROC,
        "A processor is not left in a call by a look ten milliseconds after one that found the same call.",
    ),
    Clause::new(
        "PROC-L08",
        SEMA,
        "Nobody sleeps for worldsema while it is free, unless somebody was readied for it or the program is dying.",
    ),
];

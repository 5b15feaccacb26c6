//! A small M:N executor in the shape of the Go scheduler: tasks that may block run on few processors.
//!
//! A **processor** (Go's P) is a permit to run tasks; there are as many as the program says, usually one for each core. A
//! **machine** (Go's M) is a thread. A **task** (Go's G) is a closure that runs on one machine from beginning to end. While it
//! runs, its machine holds a processor; while it is in a blocking call it leaves the processor behind, for the price of
//! a few atomic operations, and gets it back with a compare-and-swap. Only if the call lasts, the **monitor** takes the
//! processor and gives it to another machine, and the task waits for one when its call returns.
//!
//! The semantics are those of Go 1.12 to 1.25 around system calls, with the rules and clauses of this project's spec `proc`. What
//! is different: a task is never interrupted, so that a world that is to stop waits for [`Context::checkpoint`] or any other method that
//! lets others run; and a task that waits keeps its thread. A task that halts for a stop of the world comes next on its own processor
//! when that starts again, as from Go 1.26 on; and in a frozen world no call returns, where Go up to 1.25 lets it if another
//! processor is idle. The spec has a rule that may be taken, or not, for each.
//!
//! # How it works
//!
//! `protocol.rs` has the status words; `scheduler.rs` the queues, the lists under the lock, and how work finds a machine;
//! `machine.rs` how a
//! sleeping machine gets a processor; `context.rs` what a machine does; `world.rs` stopping and starting the world, and safe points; `monitor.rs` the monitor.
//!
//! A processor that is in no call has exactly one `Held`, the permission to it: in a machine's hands, on a list under
//! the lock, or on its way from one to the other. Entering a call gives it up, and whoever gets the processor out of the
//! call, its machine or somebody else, makes it anew. Queues and flags of a processor are written by its holder only.
//!
//! Memory events:
//!
//! | event | who | what |
//! |---|---|---|
//! | PublishCall | a machine that enters a call | stores `Syscall` into the status (`Release`) |
//! | EnterFence | the same | `SeqCst` fence |
//! | ReadAttention | the same | relaxed load of the attention word |
//! | Reclaim | a machine that is back | compare-and-swap of the status from `Syscall` to `Running` (`Acquire`) |
//! | Take | monitor, stopper, asker for a safe point | compare-and-swap of the status from `Syscall` to `Idle` or `Halted` (`Acquire`) |
//! | Tick | whoever has just taken or reclaimed, and each exit | the holder moves the processor's tick |
//! | Announce | stopper, asker, monitor before its deep sleep | sets a bit of the attention word |
//! | AnnounceFence | the same | `SeqCst` fence |
//! | Queue | a holder, whoever submits | puts work on its own processor, or a task on the global queue |
//! | QueueFence | the same | `SeqCst` fence |
//! | LookForIdle | the same | relaxed loads of the numbers of idle processors and of machines that spin |
//! | Retire | a holder without work | puts its processor on the idle list, under the lock |
//! | RetireFence | the same | `SeqCst` fence |
//! | LookForWork | the same, and who stops spinning | looks at all queues |
//! | StopSpin | a machine that spun | takes itself off the number of those that spin |
//! | StopSpinFence | the same | `SeqCst` fence |
//! | StartFence | who starts the world, after Retire of those without work | `SeqCst` fence |
//! | Give | whoever hands a processor over | stores its number into the machine's `next` (`Release`), unparks |
//! | TakeNext | the machine | loads `next` (`Acquire`), clears it |
//!
//! **One holder at a time.** A `Held` is moved, never copied. It ends at PublishCall. After it the status is `Syscall`, and
//! only Take and Reclaim write a status that they did not set themselves; both are compare-and-swaps of one word from
//! `Syscall`, so exactly one of those that compete wins, and it makes the new `Held`. That `Syscall` may stem from a later call
//! of another machine with the same processor: then the winner takes the processor out of that call, which is as good, and
//! that machine finds it gone. `Acquire` at the win reads from the `Release` of PublishCall: what one holder did with the queue
//! happens before what the next does. The other ways from holder to holder are the lock, and Give and TakeNext.
//!
//! **The tick tells.** A machine compares the tick at entry with that at exit. Every Take moves it, under the permission that
//! Take made, before the processor is given on; and a Reclaim that finds it moved moves it once more. So between two
//! possessions by the same machine with somebody else's in between the tick has changed, and the monitor, which takes only
//! what has the tick that it saw a look before, does not take a call for the one that it knew.
//!
//! **A stop never misses a call.** This is store buffering: PublishCall and ReadAttention here, Announce and Take there. With
//! EnterFence between the one pair and AnnounceFence between the other, fences are totally ordered. If EnterFence is first,
//! Take, which comes after AnnounceFence, reads PublishCall's status or a later one, so it wins or finds the processor in the
//! hands of somebody who holds it. If AnnounceFence is first, ReadAttention sees the announcement, and the machine itself
//! competes for its processor with Take. Either way somebody halts it, and the call need not return. The same argument serves safe
//! points, and the flag of the monitor's deep sleep. A processor that is held reaches a safe point by its holder; one that is
//! moved is halted by whoever moves it, because putting it anywhere needs the lock, under which the announcement is made.
//!
//! **A call that returns during a stop gets nothing**: its processor's status is `Halted`, so Reclaim fails; the idle list is
//! empty; it waits on the global queue.
//!
//! **No work is lost.** Claim: if work is queued and a processor is idle, somebody who looks at the queues afterwards is
//! on his way. Machines go to the global queue under the lock when no processor was idle, and Retire looks at that queue
//! under the same lock. For work on a processor, and for tasks from outside on the global queue, it is store buffering again: Queue and LookForIdle here, Retire and LookForWork
//! there, with a `SeqCst` fence between each pair, so that either the one who queued sees the idle processor, or the one who
//! retired sees the work. Who sees it starts a machine that spins, unless one spins already. That one may be about to
//! stop: it found work, and then looks for idle processors and a spinning machine itself after StopSpinFence; or it found none,
//! and then looks at all queues after StopSpinFence. In both cases StopSpin and LookForWork face Queue and LookForIdle
//! with a fence between each pair, so that either it sees the work or its absence was seen. Whoever began to be counted as
//! spinning and then finds no idle processor undoes that the same way. A spinning machine that halts for a stop of the world
//! is off the number before it takes the lock to halt: who starts the world looks at queues and number under that lock after
//! all have halted, so what it finds spinning is not one of them. It may be somebody who has queued work from a call, found no idle
//! processor, and is about to be off the number: StartFence faces StopSpinFence there as RetireFence does.
//!
//! **No task waits for ever for its processor.** What waits is on one queue, once; a `Sleeper` is the one permission to
//! give its machine a processor. Every 61st turn looks at the global queue first. What was readied last comes first and shares
//! the turn of whoever ran before, as in Go; once the monitor has seen that turn for ten milliseconds, what else is queued comes
//! before. (A task that comes by no safe point can starve its processor's queue; others steal from it.)

mod context;
mod executor;
mod job;
mod join;
#[doc(hidden)]
pub mod lab;
mod lifetime;
mod machine;
mod monitor;
mod plant;
mod protocol;
mod scheduler;
mod snapshot;
mod world;

pub use self::context::{Context, Unparker};
pub use self::executor::{Builder, Executor};
pub use self::join::{JoinError, JoinHandle};
#[doc(hidden)]
#[cfg(feature = "planted-bugs")]
pub use self::plant::Bug;
pub use self::protocol::Status;
pub use self::snapshot::{ProcessorSnapshot, Snapshot};
pub use self::world::Stopped;

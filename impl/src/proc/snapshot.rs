//! What a scheduler looks like at some moment: for programs that watch themselves.

use super::protocol::Status;
use super::scheduler::Scheduler;
use crate::platform::Platform;

/// A scheduler at some moment. Its parts are read one after the other while the program goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The processors that there are, and those that there were.
    pub processors: Vec<ProcessorSnapshot>,
    /// The length of the queue for all processors.
    pub global: usize,
    /// Processors without work.
    pub idle: usize,
    /// Machines that look for work at other processors.
    pub spinning: usize,
    /// Threads of the executor, and threads whose own code is a task.
    pub machines: usize,
    /// Processors that have not halted yet, while somebody stops the world.
    pub stop_wait: usize,
}

/// A processor at some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessorSnapshot {
    /// Where it is.
    pub status: Status,
    /// Go's `syscalltick`: moves with each return from a call, and when the processor is taken out of one.
    pub tick: u32,
    /// The length of its own queue.
    pub queued: usize,
}

impl Snapshot {
    pub(super) fn of<P: Platform>(scheduler: &Scheduler<P>) -> Self {
        let processor = |index| ProcessorSnapshot {
            status: scheduler.protocol.status(index),
            tick: scheduler.protocol.tick(index),
            queued: scheduler.processors[index].work_len(),
        };
        let processors = (0..scheduler.protocol.capacity()).map(processor).collect();
        let (idle, spinning) = (scheduler.idle_count(), scheduler.spinning_count());
        let lists = scheduler.lock();
        Snapshot {
            processors,
            global: lists.global.len(),
            idle,
            spinning,
            machines: lists.machines,
            stop_wait: lists.world.stop_wait(),
        }
    }
}

//! The machine's run queue: `crossbeam-deque`'s worker and one stealer of it, in one place.

use crossbeam_deque::{Stealer, Worker};

use super::super::{RunQueue as RunQueueTrait, Steal};

/// `crossbeam_deque::Worker`, first in, first out, beside a `Stealer` of it.
#[derive(Debug)]
pub struct RunQueue<T> {
    worker: Worker<T>,
    stealer: Stealer<T>,
}

// SAFETY: `stealer` is `Sync`. `worker` is `Send` and not `Sync`: its `push` and `pop` must not be called by two threads at once.
// They are called only by the owner's methods, whose callers promise that each call happens after the one before: that is a
// worker which goes from thread to thread, as `Send` allows. Nothing else uses `worker` through a shared reference.
unsafe impl<T: Send> Sync for RunQueue<T> {}

impl<T: Send> RunQueueTrait<T> for RunQueue<T> {
    fn new() -> Self {
        let worker = Worker::new_fifo();
        let stealer = worker.stealer();
        Self { worker, stealer }
    }

    #[inline]
    unsafe fn push(&self, value: T) {
        self.worker.push(value);
    }

    #[inline]
    unsafe fn pop(&self) -> Option<T> {
        self.worker.pop()
    }

    #[inline]
    fn steal(&self) -> Steal<T> {
        match self.stealer.steal() {
            crossbeam_deque::Steal::Empty => Steal::Empty,
            crossbeam_deque::Steal::Success(value) => Steal::Success(value),
            crossbeam_deque::Steal::Retry => Steal::Retry,
        }
    }

    /// The stealer's: the worker's own may be called by the owner alone.
    #[inline]
    fn len(&self) -> usize {
        self.stealer.len()
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.stealer.is_empty()
    }
}

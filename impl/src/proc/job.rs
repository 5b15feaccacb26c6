//! What waits in the queues: a task that has not begun.

use super::context::Context;
use crate::platform::{Arc, Platform, TrackedCell};

/// What a machine runs from beginning to end.
pub(super) trait Run<P: Platform>: Send + Sync {
    /// Runs it. Once, if at all, and never beside or after [`Run::never_begins`].
    fn run(self: Arc<Self>, context: &mut Context<P>);
    /// It is dropped before it was run.
    fn never_begins(&self);
}

/// The one permission to run something. Shared memory and not a box, so that a task and the handle to it are one
/// allocation.
pub(super) struct Job<P: Platform>(Option<Arc<dyn Run<P>>>);

impl<P: Platform> Job<P> {
    /// The only one to run `what`.
    pub(super) fn new(what: Arc<dyn Run<P>>) -> Self {
        Job(Some(what))
    }

    /// One that no handle belongs to, and that contains no panic.
    pub(super) fn bare(body: impl FnOnce(&mut Context<P>) + Send + 'static) -> Self {
        Self::new(Arc::new(Bare(Body::new(body))))
    }

    pub(super) fn run(mut self, context: &mut Context<P>) {
        if let Some(what) = self.0.take() {
            what.run(context);
        }
    }
}

impl<P: Platform> Drop for Job<P> {
    fn drop(&mut self) {
        if let Some(what) = &self.0 {
            what.never_begins();
        }
    }
}

/// A closure that the holder of the [`Job`] takes.
pub(super) struct Body<F: Send, P: Platform>(P::Cell<Option<F>>);

impl<F: Send, P: Platform> Body<F, P> {
    pub(super) fn new(body: F) -> Self {
        Body(P::Cell::new(Some(body)))
    }

    /// Takes it, the first time.
    ///
    /// # Safety
    ///
    /// The caller is the [`Run`] of the only [`Job`] to it, which goes from thread to thread with an order of its own.
    pub(super) unsafe fn take(&self) -> Option<F> {
        self.0.with_mut(|body| {
            // SAFETY: there is one job, and whoever has it happens after whoever had it before. The pointer is valid.
            unsafe { (*body).take() }
        })
    }
}

struct Bare<F: Send, P: Platform>(Body<F, P>);

impl<F: FnOnce(&mut Context<P>) + Send, P: Platform> Run<P> for Bare<F, P> {
    fn run(self: Arc<Self>, context: &mut Context<P>) {
        // SAFETY: this is the run, of the only job.
        if let Some(body) = unsafe { self.0.take() } {
            body(context);
        }
    }

    fn never_begins(&self) {}
}

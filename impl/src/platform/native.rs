//! The engines' own condition variable and mutex, so that they can be surveyed as peers.
//!
//! Everywhere else nothing blocks inside loom or shuttle, and that is how the platform knows at once that nothing can go
//! on. A thread in the engine's own `lock` or `wait` is out of its sight, so here that is found out differently:
//!
//! - Under shuttle the scheduler is told who is runnable. A thread inside the engine's primitive is enabled if it is.
//! - Loom answers a deadlock with a panic that ends the search. So as soon as a [`Cond`] exists the body of the search
//!   does not park while it waits but yields, again and again. Loom lets a thread that has just yielded go on only if no
//!   other one can. One that goes on may pass a few scheduling points in the engine's code without telling us, and then
//!   block; when more yields in a row than those come back without news, every thread is blocked.
//!
//! **Rest** is then as everywhere: whoever waits in vain is doomed. But a doomed thread must first come out of the engine's
//! primitive. The body notifies all waiters and gives back what a doomed thread holds; each comes out, releases the lock
//! while it is not unwinding yet (or the next one would find it poisoned), and leaves.
//!
//! For the same reason a guard lives beside its mutex and not on its holder's stack. A second lock by the holder is not
//! passed on: loom could only report a deadlock of which nothing can be made, and shuttle panics.

/// Defines `Cond` for one engine. What is defined is the same but for the crate that `Mutex` and `Condvar` come from.
macro_rules! native_cond {
    ($platform:ident, $engine:ident) => {
        use std::cell::RefCell;
        use std::panic::Location;
        use std::sync::{Arc, PoisonError, Weak};
        use std::time::Duration;

        use $engine::sync::{Condvar, Mutex, MutexGuard};

        use super::super::simulated::{Confined, Execution, Object as _, ObjectId, Shape, object, step};
        use super::{Object, $platform};

        /// The engine's own condition variable with its own mutex.
        pub struct Cond(Arc<Inner>);

        struct Inner {
            object: Object,
            condvar: Condvar,
            /// The guard in it is of `mutex`; it is gone before `mutex` is, for it comes first.
            held: Confined<$platform, Held>,
            mutex: Mutex<()>,
        }

        /// Who holds the mutex, and the guard.
        struct Held(Option<(usize, MutexGuard<'static, ()>)>);

        // SAFETY: it is used only through `Confined`, on the thread of the machine that runs its execution. Elsewhere it
        // can only be dropped, which forgets the guard.
        unsafe impl Send for Held {}

        impl Drop for Held {
            fn drop(&mut self) {
                // Perhaps outside the execution, where the engine is not there to be told.
                std::mem::forget(self.0.take());
            }
        }

        impl Held {
            fn put(&mut self, thread: usize, guard: MutexGuard<'_, ()>) {
                // SAFETY: this only forgets the lifetime. The guard stays beside the mutex that it is of: both are in an
                // `Inner`, which is made on the heap and never moved.
                let guard = unsafe { std::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
                self.0 = Some((thread, guard));
            }

            fn take(&mut self, is_holder: impl FnOnce(usize) -> bool) -> Option<MutexGuard<'static, ()>> {
                self.0.take_if(|(holder, _)| is_holder(*holder)).map(|(_, guard)| guard)
            }
        }

        thread_local! {
            /// What the execution has made.
            static MADE: RefCell<Vec<Weak<Inner>>> = const { RefCell::new(Vec::new()) };
            /// The threads that are inside the engine's code, with the object and the place of the call.
            static INSIDE: RefCell<Vec<(usize, ObjectId, &'static Location<'static>)>> =
                const { RefCell::new(Vec::new()) };
        }

        /// Forgets the execution before.
        pub(super) fn begin_execution() {
            MADE.with_borrow_mut(Vec::clear);
            INSIDE.with_borrow_mut(Vec::clear);
        }

        /// Lets doomed threads come out. Called by the body, which is never inside.
        pub(super) fn rescue(execution: &Execution<$platform>) {
            // Who holds the mutex and has ended has panicked, or found a race.
            let is_gone = |holder: usize| execution.doom_of(holder).is_some() || execution.has_ended(holder);
            let made: Vec<Arc<Inner>> = MADE.with_borrow(|made| made.iter().filter_map(Weak::upgrade).collect());
            for inner in made {
                drop(inner.held.with(|held| held.take(is_gone)));
                inner.condvar.notify_all();
            }
        }

        /// Takes the mark of a thread that is inside away again, also when it unwinds.
        struct Inside(usize);

        impl Drop for Inside {
            fn drop(&mut self) {
                INSIDE.with_borrow_mut(|inside| inside.retain(|(thread, ..)| *thread != self.0));
            }
        }

        impl Inner {
            /// Runs the engine's own code as the calling thread, which may block there.
            fn native<R>(&self, location: &'static Location<'static>, operate: impl FnOnce() -> R) -> R {
                let execution = Execution::<$platform>::current();
                let me = execution.running();
                INSIDE.with_borrow_mut(|inside| inside.push((me, self.object.id(), location)));
                let inside = Inside(me);
                let result = operate();
                drop(inside);
                execution.resume(me);
                result
            }

            /// The calling thread has got the mutex; it keeps it, unless it has to leave.
            fn keep(&self, location: &'static Location<'static>, guard: MutexGuard<'_, ()>) {
                let execution = Execution::<$platform>::current();
                let me = execution.running();
                if execution.doom_of(me).is_some() {
                    self.native(location, || drop(guard));
                    execution.leave_if_doomed(me);
                } else {
                    self.held.with(|held| held.put(me, guard));
                    acquired(&self.object);
                }
            }

            /// The guard of the calling thread.
            fn mine(&self) -> MutexGuard<'static, ()> {
                let me = Execution::<$platform>::current().running();
                let guard = self.held.with(|held| held.take(|holder| holder == me));
                released(&self.object);
                guard.expect("the calling thread holds the mutex")
            }

            fn begin(&self) {
                let execution = Execution::<$platform>::current();
                execution.begin_step(execution.running());
            }
        }

        impl Cond {
            /// A condition variable that nobody waits on, with a free mutex.
            pub fn new() -> Self {
                let inner = Arc::new(Inner {
                    object: object::<$platform>(Shape::Silent),
                    condvar: Condvar::new(),
                    held: Confined::new(Held(None)),
                    mutex: Mutex::new(()),
                });
                MADE.with_borrow_mut(|made| made.push(Arc::downgrade(&inner)));
                Self(inner)
            }

            /// Waits for the mutex; for ever, if the calling thread holds it.
            #[track_caller]
            pub fn lock(&self) -> Guard<'_> {
                let (inner, location) = (&*self.0, Location::caller());
                let me = Execution::<$platform>::current().running();
                let is_held_here = |held: &mut Held| held.0.as_ref().is_some_and(|(holder, _)| *holder == me);
                if inner.held.with(is_held_here) {
                    step::<$platform>(location, &[], Some(&|| false));
                }
                inner.begin();
                let guard = inner.native(location, || inner.mutex.lock().unwrap_or_else(PoisonError::into_inner));
                inner.keep(location, guard);
                Guard(self)
            }

            /// Waits to be notified.
            #[track_caller]
            pub fn wait<'a>(&'a self, guard: Guard<'a>) -> Guard<'a> {
                let (inner, location) = (&*self.0, Location::caller());
                inner.begin();
                let mine = inner.mine();
                let mine = inner.native(location, || inner.condvar.wait(mine).unwrap_or_else(PoisonError::into_inner));
                inner.keep(location, mine);
                guard
            }

            /// Waits, but not longer than `timeout` if the engine heeds it: the guard, and whether the time was over
            /// first.
            #[track_caller]
            pub fn wait_timeout<'a>(&'a self, guard: Guard<'a>, timeout: Duration) -> (Guard<'a>, bool) {
                let (inner, location) = (&*self.0, Location::caller());
                inner.begin();
                let mine = inner.mine();
                let (mine, result) = inner.native(location, || {
                    inner.condvar.wait_timeout(mine, timeout).unwrap_or_else(PoisonError::into_inner)
                });
                inner.keep(location, mine);
                (guard, result.timed_out())
            }

            /// Wakes one waiter.
            #[track_caller]
            pub fn notify_one(&self) {
                self.begin_notifying();
                self.0.native(Location::caller(), || self.0.condvar.notify_one());
                self.leave_if_doomed();
            }

            /// Wakes all waiters.
            #[track_caller]
            pub fn notify_all(&self) {
                self.begin_notifying();
                self.0.native(Location::caller(), || self.0.condvar.notify_all());
                self.leave_if_doomed();
            }

            /// What the caller has done so far comes before what the woken thread does. Nobody tells us who is woken, so
            /// whoever gets the mutex next is taken for it: a race may be missed, but none is made up.
            fn begin_notifying(&self) {
                self.0.begin();
                released(&self.0.object);
            }

            fn leave_if_doomed(&self) {
                let execution = Execution::<$platform>::current();
                execution.leave_if_doomed(execution.running());
            }
        }

        impl Default for Cond {
            fn default() -> Self {
                Self::new()
            }
        }

        /// Holding it is holding the mutex.
        #[must_use = "dropping it gives the mutex back"]
        pub struct Guard<'a>(&'a Cond);

        impl Drop for Guard<'_> {
            #[track_caller]
            fn drop(&mut self) {
                // What an unwinding thread holds, the body gives back: see `rescue`.
                if !std::thread::panicking() {
                    let inner = &*self.0.0;
                    let guard = inner.mine();
                    inner.native(Location::caller(), || drop(guard));
                }
            }
        }
    };
}

pub(super) use native_cond;

//! A queue of runnable work, from which whoever has none steals: what [`RunQueue`] promises.
//!
//! On the machine it is `crossbeam-deque`'s. The checking platforms have one of their own that keeps this contract and no
//! more, so that a scheduler is verified *on the assumption that crossbeam keeps it*. The assumption is written here, next to
//! the promises, and nowhere else.

/// A first-in, first-out queue with one owner, who pushes and pops, and any number of thieves.
///
/// # What is promised
///
/// - **Linearizable.** Each operation takes effect at one moment between its call and its return, on one sequence of values:
///   [`push`](RunQueue::push) appends; [`pop`](RunQueue::pop) and [`steal`](RunQueue::steal) take the first value, so that
///   every value is taken at most once, in the order of the pushes; [`len`](RunQueue::len) and
///   [`is_empty`](RunQueue::is_empty) look. [`Steal::Retry`] has no effect and says nothing.
/// - **A push happens before the `pop` or `steal` that takes its value**, and before nothing else: not before later takes
///   as such, and a take is not ordered with the pushes that follow it. Who takes nothing has learnt nothing.
/// - **Nobody waits.** A `steal` that meets no other operation does not answer `Retry`; on the machine it may if a thief or the
///   owner was quicker, or if the owner's queue was growing, in which case nobody has taken anything.
///
/// # What an answer of emptiness may miss
///
/// `Empty`, `None`, `true` and `0` are answers about a moment, which is over when the caller reads them. And on the machine
/// that moment counts as one only among operations that something orders: *a push by another thread that does not happen before
/// the call may be missed*, however long ago it was. A scheduler that pushes and then looks for sleepers, and whose sleepers
/// announce themselves and then look for work, puts a sequentially consistent fence between the two on both sides: then
/// one of the two sees the other. Shuttle and loom always show the newest state of a queue, so that **a fence that is
/// missing there is found by nobody**.
///
/// # What is assumed of `crossbeam-deque`
///
/// All of the above of its `Worker::new_fifo` and `Stealer`, and that a `Worker` may go from thread to thread, of which its
/// `Send` is the promise. The tests of this crate hold it against that on real threads, which is evidence and no proof.
///
/// ```
/// use selvedge::platform::{Platform, RunQueue, Std, Steal};
///
/// let queue: <Std as Platform>::RunQueue<&str> = RunQueue::new();
/// // SAFETY: this thread is the only owner there ever is.
/// unsafe { queue.push("first") };
/// // SAFETY: as above.
/// unsafe { queue.push("second") };
/// assert_eq!(queue.len(), 2);
/// assert_eq!(queue.steal(), Steal::Success("first"));
/// // SAFETY: as above.
/// assert_eq!(unsafe { queue.pop() }, Some("second"));
/// assert_eq!(queue.steal(), Steal::Empty);
/// ```
pub trait RunQueue<T>: Send + Sync {
    /// An empty queue. The maker is its first owner.
    fn new() -> Self;

    /// Appends a value.
    ///
    /// # Safety
    ///
    /// The caller is the owner: every other `push` and `pop` of the queue, and its making, happens before this call or after
    /// it. The checking platforms report two owners that nothing orders as a data race, at the places of their calls.
    #[track_caller]
    unsafe fn push(&self, value: T);

    /// Takes the first value; `None` if there is none.
    ///
    /// # Safety
    ///
    /// As for [`push`](RunQueue::push).
    #[track_caller]
    unsafe fn pop(&self) -> Option<T>;

    /// Takes the first value, whoever calls.
    #[track_caller]
    fn steal(&self) -> Steal<T>;

    /// How many values there are.
    #[track_caller]
    fn len(&self) -> usize;

    /// Whether there are none.
    #[track_caller]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a [`RunQueue::steal`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steal<T> {
    /// There was nothing.
    Empty,
    /// The value that had waited longest.
    Success(T),
    /// Another operation got in the way. There may be something, or nothing.
    Retry,
}

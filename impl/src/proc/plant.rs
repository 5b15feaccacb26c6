//! Mistakes that can be planted on purpose, so that the suite can show that it would notice them.
//!
//! They exist only with the feature `planted-bugs`, which nobody who uses this crate wants. Without it every question
//! whether a mistake is planted is answered at compile time.

/// A classic mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(not(feature = "planted-bugs"), allow(dead_code, reason = "nobody plants one then"))]
pub enum Bug {
    /// The attention word is read first, the processor published as in a call second.
    StopReadFirst,
    /// Whoever takes a processor out of a call does not move its tick.
    TakenWithoutTick,
    /// A machine that leaves a call stores its processor's status if it cannot compare and swap it.
    ReclaimByStore,
    /// A machine that gets its processor back out of somebody else's call does not move the tick once more.
    ReclaimWithoutTick,
    /// The monitor spares a processor without work whenever anybody could do that work, however long the call lasts.
    SparedForEver,
    /// The monitor spares a processor with work, too, if anybody could do work.
    SparedWithWork,
    /// Handing a processor off does not look whether the world is to stop.
    HandOffIgnoresStop,
    /// Handing a processor off puts it on the idle list although its queue has work, and does not look again.
    IdleWithWork,
    /// A call that returns takes an idle processor that it has looked up under an earlier holding of the lock.
    IdleWithoutLock,
    /// A round of the safe-point function does not look at processors in calls.
    SafePointMissesCalls,
    /// Whoever asks for the safe-point function runs it for an idle processor without clearing what that owes.
    SafePointUnclaimed,
    /// A processor that is destroyed takes its queue with it.
    QueueDies,
    /// A machine that wakes does not consume the processor that it was given.
    NextStays,
    /// The monitor does not count a task's long turn against the calls that it makes.
    ShortCallsSpared,
    /// A machine trusts its link to the processor after the call, whoever has it now.
    LinkStays,
    /// Whoever retires a processor does not look at the queues once more.
    RetiresBlindly,
    /// Whoever queues work does not see to it that somebody looks for it.
    QueuesSilently,
}

/// Which mistake is planted.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<Bug>,
}

impl Planted {
    #[cfg(feature = "planted-bugs")]
    pub(super) fn new(bug: Option<Bug>) -> Self {
        Planted { bug }
    }

    #[inline(always)]
    pub(super) fn has(self, bug: Bug) -> bool {
        #[cfg(feature = "planted-bugs")]
        return self.bug == Some(bug);
        #[cfg(not(feature = "planted-bugs"))]
        {
            _ = bug;
            false
        }
    }
}

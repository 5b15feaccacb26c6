//! Classic mistakes, for a spec that shows that its clauses notice them.

/// A classic mistake, planted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Bug {
    /// Before Go 1.26: the call is entered and `gcwaiting` read first, the processor published as in a call second.
    StopReadFirst,
    /// Whoever takes a processor out of a call does not move its tick.
    TakenWithoutTick,
    /// A machine that leaves a call stores its processor's status instead of comparing and swapping it.
    ReclaimByStore,
    /// A machine that gets its processor back out of somebody else's call does not move the tick once more.
    ReclaimWithoutTick,
    /// The monitor spares a processor without work whenever anybody could do that work, however long the call lasts.
    SparedForEver,
    /// The monitor spares a processor with work, too, if anybody could do work.
    SparedWithWork,
    /// Handing a processor off does not look whether the world is to stop.
    HandOffIgnoresStop,
    /// Handing a processor off puts it on the idle list although its queue has work.
    IdleWithWork,
    /// A machine that is being made is not counted until it runs.
    IdReservedLate,
    /// The monitor pretends that one more machine runs only after it has taken the processor.
    PretendsLate,
    /// The round of the safe-point function does not look at processors in calls.
    SafePointMissesCalls,
    /// Whoever asks for the safe-point function runs it for an idle processor without claiming the flag.
    SafePointUnclaimed,
    /// Go 1.26: whoever has set the scan bit does not look again whose processor it is.
    NoSecondLook,
    /// Go 1.26: whoever has set the scan bit in vain leaves it set.
    ScanBitStays,
    /// A processor that is destroyed takes its queue with it.
    QueueDies,
    /// A machine that wakes does not consume `nextp`.
    NextStays,
    /// The monitor does not count a goroutine's long turn against the calls it makes.
    ShortCallsSpared,
    /// Before Go 1.26: the machine keeps its link to the processor during the call and trusts it afterwards.
    LinkStays,
    /// A machine that goes to sleep for its locked goroutine does not see that it has been woken already.
    NoteForgotten,
    /// Whoever lets go of `worldsema` readies nobody.
    WaiterForgotten,
    /// Whoever hands `worldsema` over does not look whether somebody has taken it meanwhile.
    HandedBlindly,
}

//! Go's condition variable with one planted bug, or none.
//!
//! The ticket protocol is written down here a second time, plainly and without any optimisation, so that each classic
//! mistake of facts sheets and post-mortems can be made in it by turning one switch. With [`NONE`] it is itself a
//! subject that must pass: what kills a mutant is then the planted bug and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use selvedge::platform::{Arc, Atomic, AtomicInteger, Ordering, Platform, PlatformMutex, Unpark};
use selvedge_model::Thread;
use selvedge_model::cond::Op;

use super::Planted;
use crate::litmus::{Access, Program, Statement};
use crate::subject::locker::{RegionLock, Side};
use crate::subject::{Stop, Variant};

/// A planted bug: a variant of [`TicketCond`].
pub type Bug = Variant;
/// No bug.
pub const NONE: Bug = 0;
/// Wait takes its ticket after it has released the lock.
pub const TICKET_AFTER_UNLOCK: Bug = 1;
/// Wait sleeps without looking whether its ticket has been notified meanwhile.
pub const PARK_UNCHECKED: Bug = 2;
/// Signal wakes the head of the list, whatever its ticket.
pub const SIGNAL_POPS_HEAD: Bug = 3;
/// Signal does not advance `notify` when the waiter does not sleep yet.
pub const SIGNAL_FORGETS_UNPARKED: Bug = 4;
/// The fast path compares a `wait` that an earlier call has read.
pub const STALE_FAST_PATH: Bug = 5;
/// Broadcast covers the sleeping waiters only, by counting them.
pub const BROADCAST_COUNTS_LIST: Bug = 6;
/// Broadcast advances `notify` before it takes the list lock.
pub const BROADCAST_UNLOCKED: Bug = 7;
/// Tickets are compared as plain numbers, which fails where they wrap around.
pub const UNSIGNED_COMPARE: Bug = 8;
/// A wait that need not sleep returns without the lock.
pub const EARLY_RETURN_UNLOCKED: Bug = 9;
/// The tail is not mended when the last element is unlinked.
pub const STALE_TAIL: Bug = 12;
/// An unlinked node keeps its link and is used again.
pub const STALE_LINK: Bug = 13;
/// A waiter that timed out leaves its ticket behind, and a signal is spent on it.
pub const ABANDONED_TICKET_SWALLOWS: Bug = 16;
/// Wait keeps the lock while it sleeps.
pub const KEEPS_THE_LOCK: Bug = 17;
/// The fast path of broadcast compares a `wait` that an earlier call has read.
pub const STALE_BROADCAST: Bug = 18;
/// Signal leaves the ticket of the sleeper that it wakes outstanding, and the next signal is spent on it again.
pub const NOTIFIES_TWICE: Bug = 19;
/// The read side of the lock does not look for a writer.
pub const READS_BESIDE_A_WRITER: Bug = 20;
/// Unlocking a lock that is not locked goes unnoticed.
pub const UNLOCKS_UNCHECKED: Bug = 21;
/// A wait whose time is over returns without the lock.
pub const TIMES_OUT_UNLOCKED: Bug = 22;
/// A timed wait moves the clock to its own deadline.
pub const MOVES_THE_CLOCK: Bug = 23;
/// The timeout counts from when the wait goes to sleep.
pub const COUNTS_FROM_SLEEP: Bug = 24;
/// A wait that finds itself notified before it sleeps does not synchronize with who notified it.
pub const RELAXED_NOTICE: Bug = 25;
/// For the canary: wait does not wait.
pub const SLEEPLESS: Bug = 255;

/// Every planted bug.
pub const MUTANTS: &[Planted<Bug>] = &[
    Planted {
        bug: TICKET_AFTER_UNLOCK,
        name: "M01-ticket-after-unlock",
        planted: "wait takes its ticket after it has released the lock",
        breaks: "COND-01",
    },
    Planted {
        bug: PARK_UNCHECKED,
        name: "M02-park-unchecked",
        planted: "wait sleeps without looking whether its ticket has been notified meanwhile",
        breaks: "COND-03",
    },
    Planted {
        bug: SIGNAL_POPS_HEAD,
        name: "M03-signal-pops-head",
        planted: "signal wakes the head of the list, whatever its ticket",
        breaks: "COND-05",
    },
    Planted {
        bug: SIGNAL_FORGETS_UNPARKED,
        name: "M04-signal-forgets-unparked",
        planted: "signal does not advance `notify` when the waiter does not sleep yet",
        breaks: "COND-05",
    },
    Planted {
        bug: STALE_FAST_PATH,
        name: "M05-stale-fast-path",
        planted: "the fast path compares a `wait` that an earlier call has read",
        breaks: "COND-06",
    },
    Planted {
        bug: BROADCAST_COUNTS_LIST,
        name: "M06-broadcast-counts-list",
        planted: "broadcast covers the sleeping waiters only, by counting them",
        breaks: "COND-07",
    },
    Planted {
        bug: BROADCAST_UNLOCKED,
        name: "M07-broadcast-unlocked",
        planted: "broadcast advances `notify` before it takes the list lock",
        breaks: "COND-07",
    },
    Planted {
        bug: UNSIGNED_COMPARE,
        name: "M08-unsigned-compare",
        planted: "tickets are compared as plain numbers, which fails where they wrap around",
        breaks: "COND-10",
    },
    Planted {
        bug: EARLY_RETURN_UNLOCKED,
        name: "M09-early-return-unlocked",
        planted: "a wait that need not sleep returns without the lock",
        breaks: "COND-04",
    },
    Planted {
        bug: STALE_TAIL,
        name: "M12-stale-tail",
        planted: "the tail is not mended when the last element is unlinked",
        breaks: "COND-03",
    },
    Planted {
        bug: STALE_LINK,
        name: "M13-stale-link",
        planted: "an unlinked node keeps its link and is used again",
        breaks: "COND-03",
    },
    Planted {
        bug: ABANDONED_TICKET_SWALLOWS,
        name: "M16-abandoned-ticket-swallows",
        planted: "a waiter that timed out leaves its ticket behind, and a signal is spent on it",
        breaks: "COND-T01",
    },
    Planted {
        bug: KEEPS_THE_LOCK,
        name: "M17-keeps-the-lock",
        planted: "wait keeps the lock while it sleeps",
        breaks: "COND-02",
    },
    Planted {
        bug: STALE_BROADCAST,
        name: "M18-stale-broadcast",
        planted: "the fast path of broadcast compares a `wait` that an earlier call has read",
        breaks: "COND-08",
    },
    Planted {
        bug: NOTIFIES_TWICE,
        name: "M19-notifies-twice",
        planted: "signal leaves the ticket of the sleeper that it wakes outstanding, and the next signal is spent on it again",
        breaks: "COND-09",
    },
    Planted {
        bug: READS_BESIDE_A_WRITER,
        name: "M20-reads-beside-a-writer",
        planted: "the read side of the lock does not look for a writer",
        breaks: "COND-11",
    },
    Planted {
        bug: UNLOCKS_UNCHECKED,
        name: "M21-unlocks-unchecked",
        planted: "unlocking a lock that is not locked goes unnoticed",
        breaks: "COND-12",
    },
    Planted {
        bug: TIMES_OUT_UNLOCKED,
        name: "M22-times-out-unlocked",
        planted: "a wait whose time is over returns without the lock",
        breaks: "COND-T03",
    },
    Planted {
        bug: MOVES_THE_CLOCK,
        name: "M23-moves-the-clock",
        planted: "a timed wait moves the clock to its own deadline",
        breaks: "COND-T04",
    },
    Planted {
        bug: COUNTS_FROM_SLEEP,
        name: "M24-counts-from-sleep",
        planted: "the timeout counts from when the wait goes to sleep",
        breaks: "COND-T05",
    },
    Planted {
        bug: RELAXED_NOTICE,
        name: "M25-relaxed-notice",
        planted: "a wait that finds itself notified before it sleeps does not synchronize with who notified it",
        breaks: "COND-18",
    },
];

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// A signal or a broadcast covered the ticket.
    Notified,
    /// The time was over first.
    TimedOut,
}

/// M10: the caller waits in an `if` instead of a loop.
pub fn if_for_while(program: &Program<Op>) -> Option<Program<Op>> {
    rewritten(program, |statement| match statement {
        Statement::While { op, condition } => vec![Statement::If { op, condition }],
        other => vec![other],
    })
}

/// M11: the predicate is changed without the lock: a critical section that writes and does not wait loses its lock.
///
/// The variables become relaxed atomics, so that what shows is the lost wakeup and not a data race.
pub fn predicate_unlocked(program: &Program<Op>) -> Option<Program<Op>> {
    let mut mutant = program.clone();
    let mut changed = false;
    for thread in &mut mutant.threads {
        let waits = thread
            .statements
            .iter()
            .filter_map(Statement::op)
            .any(|op| matches!(op, Op::Wait(_) | Op::WaitTimeout { .. }));
        let writes = thread.statements.iter().any(|s| matches!(s, Statement::Write { .. } | Statement::Add { .. }));
        if writes && !waits {
            let before = thread.statements.len();
            thread.statements.retain(|statement| !matches!(statement.op(), Some(Op::Lock | Op::Unlock)));
            changed |= thread.statements.len() < before;
        }
    }
    for variable in &mut mutant.variables {
        if variable.access == Access::Plain {
            variable.access = Access::Relaxed;
        }
    }
    changed.then_some(mutant)
}

/// M14: broadcast is used as signal, by callers that wait in an `if`.
pub fn broadcast_for_signal(program: &Program<Op>) -> Option<Program<Op>> {
    if !program.ops().any(|op| matches!(op, Op::Signal(_))) {
        return None;
    }
    let mutant = if_for_while(program)?;
    Some(mutant.map_ops(|op| if let Op::Signal(which) = op { Op::Broadcast(which) } else { op }))
}

/// The program with each statement rewritten; `None` if that changes nothing.
fn rewritten(program: &Program<Op>, rewrite: impl Fn(Statement<Op>) -> Vec<Statement<Op>>) -> Option<Program<Op>> {
    let mut mutant = program.clone();
    for thread in &mut mutant.threads {
        thread.statements = std::mem::take(&mut thread.statements).into_iter().flat_map(&rewrite).collect();
    }
    (mutant != *program).then_some(mutant)
}

/// The ticket protocol with one planted bug, or none.
pub struct TicketCond<P: Platform> {
    bug: Bug,
    locker: RegionLock<P>,
    wait: P::AtomicU32,
    notify: P::AtomicU32,
    /// For [`STALE_FAST_PATH`] and [`STALE_BROADCAST`] only.
    wait_seen_earlier: P::AtomicU32,
    list: P::Mutex<List<P>>,
}

/// The parked waiters, linked in the order in which they parked. A node belongs to a thread for good.
struct List<P: Platform> {
    bug: Bug,
    nodes: Vec<Option<Node<P>>>,
    head: Option<usize>,
    tail: Option<usize>,
    /// Tickets of waiters that timed out, not yet passed by `notify`.
    abandoned: BTreeSet<u32>,
}

struct Node<P: Platform> {
    ticket: u32,
    next: Option<usize>,
    waiter: Arc<Waiter<P>>,
}

struct Waiter<P: Platform> {
    thread: P::Thread,
    notified: P::AtomicBool,
}

impl<P: Platform> Waiter<P> {
    fn ready(&self) {
        self.notified.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl<P: Platform> TicketCond<P> {
    /// A condition variable with that bug, whose counters stand at `wait` and `notify`.
    pub fn new(bug: Bug, wait: u32, notify: u32) -> Self {
        TicketCond {
            bug,
            locker: RegionLock::new(),
            wait: Atomic::new(wait),
            notify: Atomic::new(notify),
            wait_seen_earlier: Atomic::new(wait),
            list: PlatformMutex::new(List {
                bug,
                nodes: Vec::new(),
                head: None,
                tail: None,
                abandoned: BTreeSet::new(),
            }),
        }
    }

    /// Takes a side of the lock that goes with it.
    pub fn lock(&self, side: Side) {
        match side {
            Side::Read if self.bug == READS_BESIDE_A_WRITER => self.locker.read_unchecked(),
            _ => self.locker.lock(side),
        }
    }

    /// Releases it; a fatal error if it is not held.
    pub fn unlock(&self, side: Side) -> Result<(), Stop> {
        match self.locker.unlock(side) {
            Err(_) if self.bug == UNLOCKS_UNCHECKED => Ok(()),
            result => result,
        }
    }

    /// The counters.
    pub fn counters(&self) -> (u32, u32) {
        (self.wait.load(Ordering::Relaxed), self.notify.load(Ordering::Relaxed))
    }

    /// Waits, for at most `timeout` if there is one. `side` of the lock is held.
    pub fn wait(&self, thread: Thread, side: Side, timeout: Option<Duration>) -> Result<Woken, Stop> {
        if self.bug == SLEEPLESS {
            self.unlock(side)?;
            self.lock(side);
            return Ok(Woken::Notified);
        }
        let mut deadline = timeout.map(|timeout| P::now() + timeout);
        let ticket = if self.bug == TICKET_AFTER_UNLOCK {
            self.unlock(side)?;
            self.wait.fetch_add(1, Ordering::AcqRel)
        } else {
            let ticket = self.wait.fetch_add(1, Ordering::AcqRel);
            if self.bug != KEEPS_THE_LOCK {
                self.unlock(side)?;
            }
            ticket
        };
        match (self.bug, timeout) {
            (MOVES_THE_CLOCK, Some(timeout)) => P::advance(timeout),
            (COUNTS_FROM_SLEEP, Some(timeout)) => deadline = Some(P::now() + timeout),
            (RELAXED_NOTICE, _) if self.less(ticket, self.notify.load(Ordering::Relaxed)) => {
                self.lock(side);
                return Ok(Woken::Notified);
            }
            _ => {}
        }
        let waiter = Arc::new(Waiter::<P> { thread: P::current(), notified: Atomic::new(false) });
        {
            let mut list = self.list.lock();
            if self.bug != PARK_UNCHECKED && self.less(ticket, self.notify.load(Ordering::Relaxed)) {
                drop(list);
                if self.bug != EARLY_RETURN_UNLOCKED {
                    self.lock(side);
                }
                return Ok(Woken::Notified);
            }
            list.append(usize::from(thread.0), ticket, waiter.clone());
        }
        let woken = self.park(ticket, &waiter, deadline);
        match (self.bug, woken) {
            (KEEPS_THE_LOCK, _) | (TIMES_OUT_UNLOCKED, Woken::TimedOut) => {}
            _ => self.lock(side),
        }
        Ok(woken)
    }

    fn park(&self, ticket: u32, waiter: &Waiter<P>, deadline: Option<Duration>) -> Woken {
        while !waiter.notified.load(Ordering::Acquire) {
            let Some(deadline) = deadline else {
                P::park();
                continue;
            };
            let unparked = P::park_until(deadline);
            if unparked {
                continue;
            }
            let mut list = self.list.lock();
            if waiter.notified.load(Ordering::Acquire) {
                break;
            }
            let notify = self.notify.load(Ordering::Relaxed);
            // Covered, but not readied yet: by a broadcast that walks the list it detached.
            if !list.unlink(ticket) || self.less(ticket, notify) {
                drop(list);
                while !waiter.notified.load(Ordering::Acquire) {
                    P::park();
                }
                break;
            }
            if self.bug != ABANDONED_TICKET_SWALLOWS {
                list.abandoned.insert(ticket);
                self.skip_abandoned(&mut list);
            }
            return Woken::TimedOut;
        }
        Woken::Notified
    }

    /// Wakes the waiter with the oldest ticket.
    pub fn signal(&self) {
        if self.nobody_waits(&[STALE_FAST_PATH]) {
            return;
        }
        let mut list = self.list.lock();
        let ticket = self.notify.load(Ordering::Relaxed);
        if ticket == self.wait.load(Ordering::Acquire) {
            return;
        }
        let woken = if self.bug == SIGNAL_POPS_HEAD {
            list.head.and_then(|head| list.node(head).map(|node| node.ticket)).and_then(|first| list.remove(first))
        } else {
            list.remove(ticket)
        };
        let is_forgotten = match self.bug {
            SIGNAL_FORGETS_UNPARKED => woken.is_none(),
            NOTIFIES_TWICE => woken.is_some(),
            _ => false,
        };
        if !is_forgotten {
            self.notify.store(ticket.wrapping_add(1), Ordering::Release);
            self.skip_abandoned(&mut list);
        }
        drop(list);
        if let Some(waiter) = woken {
            waiter.ready();
        }
    }

    /// Wakes every waiter whose ticket was taken before.
    pub fn broadcast(&self) {
        if self.nobody_waits(&[STALE_FAST_PATH, STALE_BROADCAST]) {
            return;
        }
        if self.bug == BROADCAST_UNLOCKED {
            self.notify.store(self.wait.load(Ordering::Acquire), Ordering::Release);
        }
        let mut list = self.list.lock();
        let detached = list.detach();
        match self.bug {
            BROADCAST_UNLOCKED => {}
            BROADCAST_COUNTS_LIST => {
                let first = detached.first().map_or(self.notify.load(Ordering::Relaxed), |(ticket, _)| *ticket);
                self.notify.store(first.wrapping_add(detached.len() as u32), Ordering::Release);
            }
            _ => self.notify.store(self.wait.load(Ordering::Acquire), Ordering::Release),
        }
        list.abandoned.clear();
        drop(list);
        for (_, waiter) in detached {
            waiter.ready();
        }
    }

    /// `stale` are the bugs by which the caller compares what an earlier call has read.
    fn nobody_waits(&self, stale: &[Bug]) -> bool {
        let wait = match self.bug {
            bug if stale.contains(&bug) => {
                self.wait_seen_earlier.swap(self.wait.load(Ordering::Acquire), Ordering::Relaxed)
            }
            _ => self.wait.load(Ordering::Acquire),
        };
        wait == self.notify.load(Ordering::Acquire)
    }

    /// No waiter answers to an abandoned ticket: `notify` never stops at one.
    fn skip_abandoned(&self, list: &mut List<P>) {
        let mut notify = self.notify.load(Ordering::Relaxed);
        while list.abandoned.remove(&notify) {
            notify = notify.wrapping_add(1);
            self.notify.store(notify, Ordering::Release);
        }
    }

    /// Whether ticket `a` was taken before ticket `b`, around the wrap.
    fn less(&self, a: u32, b: u32) -> bool {
        if self.bug == UNSIGNED_COMPARE { a < b } else { (a.wrapping_sub(b) as i32) < 0 }
    }
}

impl<P: Platform> List<P> {
    fn node(&mut self, index: usize) -> Option<&mut Node<P>> {
        self.nodes[index].as_mut()
    }

    fn append(&mut self, index: usize, ticket: u32, waiter: Arc<Waiter<P>>) {
        if self.nodes.len() <= index {
            self.nodes.resize_with(index + 1, || None);
        }
        match &mut self.nodes[index] {
            // The link is not cleared here: whoever unlinked the node has done so, unless that is the planted bug.
            Some(node) => (node.ticket, node.waiter) = (ticket, waiter),
            vacant => *vacant = Some(Node { ticket, next: None, waiter }),
        }
        match self.tail {
            Some(tail) => self.nodes[tail].as_mut().expect("the tail is a node").next = Some(index),
            None => self.head = Some(index),
        }
        self.tail = Some(index);
    }

    fn unlink(&mut self, ticket: u32) -> bool {
        self.remove(ticket).is_some()
    }

    /// Unlinks the node with that ticket.
    fn remove(&mut self, ticket: u32) -> Option<Arc<Waiter<P>>> {
        let mut before = None;
        let mut at = self.head;
        let mut seen = 0;
        while let Some(index) = at {
            self.assert_acyclic(&mut seen);
            let node = self.nodes[index].as_mut().expect("links lead to nodes");
            let next = node.next;
            if node.ticket == ticket {
                if self.bug != STALE_LINK {
                    node.next = None;
                }
                let waiter = node.waiter.clone();
                match before {
                    Some(before) => self.node(before).expect("links lead to nodes").next = next,
                    None => self.head = next,
                }
                if next.is_none() && self.bug != STALE_TAIL {
                    self.tail = before;
                }
                return Some(waiter);
            }
            before = at;
            at = next;
        }
        None
    }

    /// Unlinks every node, oldest first.
    fn detach(&mut self) -> Vec<(u32, Arc<Waiter<P>>)> {
        let mut detached = Vec::new();
        let mut at = self.head.take();
        let mut seen = 0;
        self.tail = None;
        while let Some(index) = at {
            self.assert_acyclic(&mut seen);
            let node = self.nodes[index].as_mut().expect("links lead to nodes");
            detached.push((node.ticket, node.waiter.clone()));
            at = if self.bug == STALE_LINK { node.next } else { node.next.take() };
        }
        detached
    }

    /// A walk that meets more nodes than there are would never end.
    fn assert_acyclic(&self, seen: &mut usize) {
        *seen += 1;
        assert!(*seen <= self.nodes.len(), "the waiter list has a cycle");
    }
}

//! What the kernel is asked: a call with everything that it depends on, in the terms in which a fuzzer draws it.

use arbitrary::Arbitrary;
use selvedge_model::iovec::FileKind;
use selvedge_model::iovec::calls::{self, Call, PAGE};
use selvedge_model::uio::{Direction, Iovec};

use super::PAGES;
use super::arena::Arena;

/// Where an element points.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
pub enum Place {
    /// So far from the start of memory, of which two pages fault.
    Inside(u16),
    /// So far before the end of a page.
    BeforeThePageEnds(u8, u8),
    /// So far above zero, where nothing is ever mapped.
    Low(u8),
    /// So far before the end of all addresses: the kernel's.
    Kernel(u8),
    /// So far around the end of a process's addresses.
    AroundTheUserEnd(i8),
}

/// How long an element is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
pub enum Length {
    /// Nothing.
    Zero,
    /// Short.
    Short(u8),
    /// Around a page.
    AroundAPage(i8),
    /// Around the cap on one call.
    AroundTheCap(i8),
    /// Around the greatest that is not negative.
    AroundTheSign(i8),
    /// Negative as a signed number.
    Negative(u8),
}

/// How many elements are announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
pub enum Count {
    /// As many as there are.
    Exact,
    /// More than can be read.
    More(u8),
    /// The same elements again and again, to this many.
    Repeated(u16),
    /// The most, from the same elements again and again.
    Most,
    /// One more than that.
    TooMany,
    /// A negative number.
    Negative,
    /// As many as there are, and a bit that the kernel does not look at.
    #[arbitrary(skip)]
    Wrapped,
}

/// A vector.
#[derive(Clone, PartialEq, Eq, Debug, Arbitrary)]
pub struct VectorOf {
    /// Its elements; at most eight of them are used.
    pub elements: Vec<(Place, Length)>,
    /// How many are announced.
    pub count: Count,
}

/// What is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
#[allow(missing_docs)] // The names say it.
pub enum Open {
    Disk,
    Memory,
    Pipe,
    Socket,
    Null,
    Zero,
    Nothing,
}

/// A position that is passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
pub enum At {
    /// So far from the start.
    Byte(u16),
    /// The one that means the file's own to some calls.
    MinusOne,
    /// Another negative one.
    Negative(u8),
    /// The greatest.
    Greatest,
    /// So far behind where some files must end.
    #[arbitrary(skip)]
    Far(u8),
}

/// Flags that are passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
#[allow(missing_docs)] // The names say it.
pub enum Flags {
    None,
    HighPriority,
    Unknown,
    #[arbitrary(skip)]
    Wrapped,
}

/// The call.
#[derive(Clone, PartialEq, Eq, Debug, Arbitrary)]
#[allow(missing_docs)] // The names say it.
pub enum Which {
    Vectored { is_write: bool },
    AtPosition { is_write: bool, at: At },
    WithFlags { is_write: bool, at: At, flags: Flags },
    BetweenProcesses { is_write: bool, remote: VectorOf, is_known: bool, flags: u8 },
}

/// A call and everything that it depends on.
#[derive(Clone, PartialEq, Eq, Debug, Arbitrary)]
pub struct Question {
    /// What is open.
    pub open: Open,
    /// How many bytes it holds.
    pub held: u16,
    /// Where it stands.
    pub position: u8,
    /// The call.
    pub which: Which,
    /// The vector.
    pub vector: VectorOf,
}

impl Question {
    /// Makes its vectors short, whole and of this process, and leaves the holes: most that are drawn are refused for one
    /// element or another, and of those no byte is moved.
    pub fn tame(&mut self) {
        self.vector.tame();
        if let Which::BetweenProcesses { remote, is_known, flags, .. } = &mut self.which {
            remote.tame();
            (*is_known, *flags) = (true, 0);
        }
    }

    /// Asks for what is never drawn, so that inputs of a fuzzer mean what they meant: a position that is far, or a count or
    /// flags of more than 32 bits.
    pub fn stretch(&mut self, by: u8) {
        match (&mut self.which, by % 3) {
            (Which::AtPosition { at, .. } | Which::WithFlags { at, .. }, 0) => *at = At::Far(by),
            (Which::WithFlags { flags, .. }, 1) => *flags = Flags::Wrapped,
            (Which::BetweenProcesses { remote, .. }, 1) => remote.count = Count::Wrapped,
            _ => self.vector.count = Count::Wrapped,
        }
    }
}

impl VectorOf {
    fn tame(&mut self) {
        self.count = Count::Exact;
        for (place, length) in &mut self.elements {
            match *place {
                Place::Inside(_) | Place::BeforeThePageEnds(..) => {}
                Place::Low(by) | Place::Kernel(by) => *place = Place::Inside(u16::from(by)),
                Place::AroundTheUserEnd(by) => *place = Place::Inside(by.cast_unsigned().into()),
            }
            match *length {
                Length::Zero | Length::Short(_) | Length::AroundAPage(_) => {}
                Length::AroundTheCap(by) | Length::AroundTheSign(by) => *length = Length::Short(by.cast_unsigned()),
                Length::Negative(by) => *length = Length::Short(by),
            }
        }
    }
}

impl Place {
    /// Always in `memory`, or where the kernel maps nothing for anybody: then no call can do harm.
    pub(super) fn address(self, memory: &Arena) -> u64 {
        match self {
            Place::Inside(at) => memory.start() + u64::from(at) % (PAGES as u64 * PAGE),
            Place::BeforeThePageEnds(page, by) => {
                memory.start() + (1 + u64::from(page) % PAGES as u64) * PAGE - 1 - u64::from(by)
            }
            Place::Low(address) => u64::from(address),
            Place::Kernel(before_end) => u64::MAX - u64::from(before_end),
            // The last page before the end is kept free by the kernel.
            Place::AroundTheUserEnd(by) => calls::USER_END.wrapping_add_signed(i64::from(by).max(0)),
        }
    }
}

impl Length {
    pub(super) fn element(self, base: u64) -> Iovec {
        let len = match self {
            Length::Zero => 0,
            Length::Short(len) => u64::from(len),
            Length::AroundAPage(by) => PAGE.wrapping_add_signed(i64::from(by)),
            Length::AroundTheCap(by) => calls::MAX_RW_COUNT.wrapping_add_signed(i64::from(by)),
            Length::AroundTheSign(by) => (i64::MAX as u64).wrapping_add_signed(i64::from(by)),
            Length::Negative(by) => u64::MAX - u64::from(by),
        };
        Iovec { base, len }
    }
}

impl Open {
    pub(super) fn file(self) -> Option<(FileKind, bool)> {
        match self {
            Open::Disk => Some((FileKind::Regular, false)),
            Open::Memory => Some((FileKind::Regular, true)),
            Open::Pipe => Some((FileKind::Pipe, false)),
            Open::Socket => Some((FileKind::Socket, false)),
            Open::Null => Some((FileKind::Null, false)),
            Open::Zero => Some((FileKind::Zero, false)),
            Open::Nothing => None,
        }
    }
}

impl Which {
    pub(super) fn call(&self) -> Option<Call> {
        let at = |at: At| match at {
            At::Byte(byte) => i64::from(byte),
            At::MinusOne => -1,
            At::Negative(by) => -2 - i64::from(by),
            At::Greatest => i64::MAX,
            At::Far(by) => (1 << 62) + i64::from(by),
        };
        let flags = |flags: Flags| match flags {
            Flags::None => 0,
            Flags::HighPriority => 1,
            Flags::Unknown => 1 << 30,
            Flags::Wrapped => 1 << 32,
        };
        match self {
            Which::Vectored { is_write } => Some(Call { direction: direction(*is_write), position: None, flags: None }),
            Which::AtPosition { is_write, at: position } => {
                Some(Call { direction: direction(*is_write), position: Some(at(*position)), flags: None })
            }
            Which::WithFlags { is_write, at: position, flags: given } => Some(Call {
                direction: direction(*is_write),
                position: Some(at(*position)),
                flags: Some(flags(*given)),
            }),
            Which::BetweenProcesses { .. } => None,
        }
    }
}

/// The direction of a call.
pub(super) fn direction(is_write: bool) -> Direction {
    if is_write { Direction::Write } else { Direction::Read }
}

//! Transfers, cursors and untrusted vectors out of bytes, held against the spec step by step.
//!
//! Three oracles: [`session`] runs calls of one transfer in lockstep with the spec, over memory with holes; [`cursors`] does
//! the same with the cursors over real slices; [`import`] takes a vector in. Each can be made to run a planted bug
//! ([`mutant::uio`](crate::mutant::uio)) instead of ours, to show that it would be found.

use std::cell::RefCell;
use std::fmt;
use std::io::{IoSlice, IoSliceMut};

use arbitrary::Arbitrary;
use selvedge::uio::{self, AddressSpace, Fault, Gather, Layout, Limits, Scatter};
use selvedge_model::iovec::calls::{self, USER_END, Vector};
use selvedge_model::uio::movement::{self, Assertions, Failure, Flags, Movement, Turn};
use selvedge_model::uio::{Direction, Errno, Iovec, Memory, Segment, Uio};

use crate::mutant::Planted;
use crate::mutant::uio::{self as bug, Bug};
use crate::subject::uio::{Flat, Mover, Space, vector_space};

/// Bytes of memory in a session, from [`MEMORY_START`] on, and of the kernel buffer.
const MEMORY_LEN: u64 = 64;
const MEMORY_START: u64 = 8;
const BUFFER_LEN: usize = 32;

/// One element: both numbers are taken modulo what makes it interesting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
pub struct Element {
    /// Where it begins: mostly in memory, sometimes before or after it.
    pub base: u8,
    /// How long it is: short.
    pub len: u8,
}

/// A call of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
pub enum Step {
    /// Moves, possibly a negative number of bytes.
    Uiomove(i8),
    /// Moves out of, or into, a buffer as if it were a file.
    Frombuf(u8),
    /// Puts a byte.
    Ureadc(u8),
    /// Says where the transfer stands.
    SetOffset(i8),
    /// Keeps a copy.
    Clone,
    /// Goes on with the copy.
    Swap,
}

/// A transfer and what is done with it.
#[derive(Clone, PartialEq, Eq, Debug, Arbitrary)]
pub struct Session {
    /// The vector; at most twelve elements of it are used.
    pub elements: Vec<Element>,
    /// Stretches of memory that fault; at most three are used.
    pub holes: Vec<Element>,
    /// Which way bytes go.
    pub is_write: bool,
    /// Whether nothing is copied.
    pub is_nocopy: bool,
    /// Where the transfer stands.
    pub offset: i8,
    /// The calls; at most 24 are made.
    pub steps: Vec<Step>,
}

/// What a subject did that the spec does not allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The clause that it breaks.
    pub clause: &'static str,
    /// In words.
    pub text: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.clause, self.text)
    }
}

fn found<T>(clause: &'static str, text: String) -> Result<T, Found> {
    Err(Found { clause, text })
}

impl Session {
    fn vector(&self) -> Vec<Iovec> {
        let element = |it: &Element| Iovec { base: u64::from(it.base % 80), len: u64::from(it.len % 12) };
        self.elements.iter().take(12).map(element).collect()
    }

    fn holes(&self) -> Vec<(u64, u64)> {
        let hole = |it: &Element| {
            let from = u64::from(it.base % 80);
            (from, from + u64::from(it.len % 8))
        };
        self.holes.iter().take(3).map(hole).collect()
    }
}

/// The bug planted in a transfer that has this name, or this part before its first hyphen; none for no name.
///
/// # Errors
///
/// If there is none; the message lists those that there are.
pub fn planted_session(name: Option<&str>) -> Result<Option<Bug>, String> {
    planted(bug::MUTANTS, name)
}

/// The same of those planted in what takes a vector in.
///
/// # Errors
///
/// As there.
pub fn planted_import(name: Option<&str>) -> Result<Option<Bug>, String> {
    planted(bug::IMPORT_MUTANTS, name)
}

fn planted(all: &[Planted<Bug>], name: Option<&str>) -> Result<Option<Bug>, String> {
    name.map(|name| Planted::find(all, name).map(|planted| planted.bug)).transpose()
}

/// The spec's side and the subject's, kept in step.
struct Pair {
    uio: Uio,
    mover: Mover,
}

/// Runs a session over our transfer, or over the plain one with this bug.
///
/// # Errors
///
/// The first difference.
pub fn session(session: &Session, bug: Option<Bug>) -> Result<(), Found> {
    let vector = session.vector();
    let direction = if session.is_write { Direction::Write } else { Direction::Read };
    let segment = if session.is_nocopy { Segment::NoCopy } else { Segment::User };
    let bytes: Vec<u8> = (0..MEMORY_LEN as u8).collect();
    let mut memory = Memory::new(MEMORY_START, bytes.clone());
    let holes = session.holes();
    holes.iter().for_each(|(from, to)| memory.punch(*from..*to));
    let holes = holes.iter().map(|(from, to)| (*from as usize, *to as usize)).collect();
    let space = Space(RefCell::new(Flat { start: MEMORY_START as usize, bytes, holes }));
    let mut buffer: [u8; BUFFER_LEN] = std::array::from_fn(|index| 128 + index as u8);
    let mut theirs = buffer;
    let offset = i64::from(session.offset);
    let mut pair = Pair {
        mover: Mover::new(
            bug,
            vector.iter().map(|it| uio::Iovec { base: it.base as usize, len: it.len as usize }).collect(),
            offset,
        ),
        uio: Uio::new(vector, offset, segment, direction, 0),
    };
    let mut kept: Option<Pair> = None;
    for (index, step) in session.steps.iter().take(24).enumerate() {
        let there: Option<&dyn AddressSpace> = (!session.is_nocopy).then_some(&space);
        let Pair { uio, mover } = &mut pair;
        let mut world = World { memory: &mut memory, space: &space, buffer: &mut buffer, theirs: &mut theirs };
        match *step {
            Step::Uiomove(n) => {
                // The contract: a buffer of that many bytes.
                let n = n.min(BUFFER_LEN as i8);
                let end = world.uiomove(uio, 0, i64::from(n));
                let wanted = usize::try_from(n).unwrap_or(0);
                let answer = mover.uiomove(direction, &mut world.theirs[..wanted], there).map_err(|_| Errno::EFAULT);
                world.agree(index, step, end, answer)?;
            }
            Step::Frombuf(len) => {
                let len = usize::from(len) % (BUFFER_LEN + 1);
                let end = match movement::frombuf(len as i64, uio, i64::MAX) {
                    Ok(Some((at, n))) => world.uiomove(uio, at, n),
                    Ok(None) => End::from(Ok(())),
                    Err(errno) => End::from(Err(errno)),
                };
                let answer = mover.frombuf(direction, &mut world.theirs[..len], there);
                world.agree(index, step, end, answer)?;
            }
            // Into a vector that is written only, and where there is room: else the kernel panics.
            Step::Ureadc(byte) if !session.is_write && uio.resid > 0 => {
                let put = movement::ureadc(byte, uio, world.memory);
                let expected = put.map_err(|failure| match failure {
                    Failure::Error(errno) => errno,
                    Failure::Violation(violation) => panic!("there is room, and yet: {violation:?}"),
                });
                let Some(answer) = mover.ureadc(byte, there) else {
                    return found("UIO-15", format!("step {index}: there is room for a byte, and it was refused"));
                };
                world.agree(index, step, End::from(expected), answer.map_err(|_| Errno::EFAULT))?;
            }
            Step::Ureadc(_) => {}
            Step::SetOffset(offset) => {
                uio.offset = i64::from(offset);
                mover.set_offset(i64::from(offset));
            }
            Step::Clone => kept = Some(Pair { uio: uio.clone(), mover: mover.clone() }),
            Step::Swap => {
                if let Some(kept) = &mut kept {
                    std::mem::swap(kept, &mut pair);
                }
            }
        }
        same_account(index, step, &pair)?;
        same_bytes(index, step, &memory, &space, &buffer, &theirs)?;
    }
    Ok(())
}

/// How the spec's call ended, and where bytes are that may have been copied or not.
struct End {
    result: Result<(), Errno>,
    /// The first address, the first position in the buffer, and how many.
    uncertain: Option<(u64, usize, u64)>,
}

impl From<Result<(), Errno>> for End {
    fn from(result: Result<(), Errno>) -> Self {
        End { result, uncertain: None }
    }
}

/// Memory and buffer on both sides.
struct World<'a> {
    memory: &'a mut Memory,
    space: &'a Space,
    buffer: &'a mut [u8; BUFFER_LEN],
    theirs: &'a mut [u8; BUFFER_LEN],
}

impl World<'_> {
    /// The spec's `uiomove`, from a position in the buffer on.
    fn uiomove(&mut self, uio: &mut Uio, at: usize, n: i64) -> End {
        let assertions = Assertions { compiled_in: true, recent: true };
        let mut flags = Flags::default();
        let entered = Movement::enter(uio, n, false, 0, assertions, &mut flags);
        let mut movement = entered.expect("the contract is kept").from(at);
        loop {
            match movement.turn(&mut self.buffer[..], uio, self.memory).expect("the contract is kept") {
                Turn::Done => return End::from(Ok(())),
                Turn::Skipped | Turn::Moved(_) => {}
                Turn::Faulted { copied_max, .. } => {
                    let base = uio.vector[uio.element].base;
                    return End { result: Err(Errno::EFAULT), uncertain: Some((base, movement.at, copied_max)) };
                }
            }
        }
    }

    /// Compares the answers, and takes over what the subject has copied of a chunk that faulted.
    fn agree(&mut self, index: usize, step: &Step, end: End, answer: Result<(), Errno>) -> Result<(), Found> {
        if end.result != answer {
            let clause = if answer.is_ok() || end.result == Err(Errno::EFAULT) { "UIO-05" } else { "UIO-14" };
            return found(clause, format!("step {index}, {step:?}: {answer:?} and not {:?}", end.result));
        }
        let Some((base, at, count)) = end.uncertain else { return Ok(()) };
        let flat = self.space.0.borrow();
        for byte in 0..count {
            let place = (base + byte - MEMORY_START) as usize;
            let position = at + byte as usize;
            // Each byte is what it was or what it would have become. Which, only the subject knows.
            if self.theirs[position] == self.memory.bytes(base + byte, 1)[0] {
                self.buffer[position] = self.theirs[position];
            }
            if flat.bytes[place] == self.buffer[position] {
                self.memory.bytes_mut(base + byte, 1)[0] = flat.bytes[place];
            }
        }
        Ok(())
    }
}

fn same_account(index: usize, step: &Step, Pair { uio, mover }: &Pair) -> Result<(), Found> {
    let account = |clause, name: &str, expected: i128, got: i128| {
        if expected == got {
            Ok(())
        } else {
            found(clause, format!("step {index}, {step:?}: {name} is {got} and not {expected}"))
        }
    };
    account("UIO-01", "resid", uio.resid.into(), mover.resid().into())?;
    account("UIO-02", "offset", uio.offset.into(), mover.offset().into())?;
    account("UIO-04", "iovcnt", uio.iovcnt as i128, mover.iovcnt() as i128)?;
    let left: Vec<Iovec> = mover.left().iter().map(|it| Iovec { base: it.base as u64, len: it.len as u64 }).collect();
    match left == uio.vector[uio.element..] {
        true => Ok(()),
        false => found(
            "UIO-11",
            format!("step {index}, {step:?}: {left:?} is left and not {:?}", &uio.vector[uio.element..]),
        ),
    }
}

fn same_bytes(
    index: usize,
    step: &Step,
    memory: &Memory,
    space: &Space,
    buffer: &[u8; BUFFER_LEN],
    theirs: &[u8; BUFFER_LEN],
) -> Result<(), Found> {
    let flat = space.0.borrow();
    if let Some(at) = flat.bytes.iter().zip(memory.all()).position(|(got, expected)| got != expected) {
        let (got, expected) = (flat.bytes[at], memory.all()[at]);
        let address = at as u64 + MEMORY_START;
        return found("UIO-06", format!("step {index}, {step:?}: memory at {address} is {got} and not {expected}"));
    }
    match theirs.iter().zip(buffer).position(|(got, expected)| got != expected) {
        Some(at) => {
            let (got, expected) = (theirs[at], buffer[at]);
            found("UIO-06", format!("step {index}, {step:?}: byte {at} of the buffer is {got} and not {expected}"))
        }
        None => Ok(()),
    }
}

/// Runs the moves of a session over [`Gather`] or [`Scatter`], whose elements are real slices side by side.
///
/// # Errors
///
/// The first difference.
pub fn cursors(session: &Session) -> Result<(), Found> {
    let lens: Vec<usize> = session.elements.iter().take(12).map(|it| usize::from(it.len % 12)).collect();
    let total: usize = lens.iter().sum();
    let data: Vec<u8> = (0..total as u8).collect();
    let mut base = 0;
    let vector = lens.iter().map(|len| {
        base += *len as u64;
        Iovec { base: base - *len as u64, len: *len as u64 }
    });
    let direction = if session.is_write { Direction::Write } else { Direction::Read };
    let mut uio = Uio::new(vector.collect(), 0, Segment::System, direction, 0);
    let mut memory = Memory::new(0, data.clone());
    let mut theirs = data;
    let mut rest = &mut theirs[..];
    let mut split = |len: &usize| {
        let (now, later) = std::mem::take(&mut rest).split_at_mut(*len);
        rest = later;
        now
    };
    let mut expected: [u8; BUFFER_LEN] = std::array::from_fn(|index| 128 + index as u8);
    let mut buffer = expected;
    if session.is_write {
        let slices: Vec<IoSlice<'_>> = lens.iter().map(|len| IoSlice::new(split(len))).collect();
        let mut gather = Gather::new(&slices);
        for (index, step) in session.steps.iter().take(24).enumerate() {
            let Step::Uiomove(n) = *step else { continue };
            let n = usize::try_from(n).unwrap_or(0).min(BUFFER_LEN);
            let (moved, _) = movement::uiomove(&mut expected, n as i64, &mut uio, &mut memory);
            let count = gather.copy_to(&mut buffer[..n]);
            cursor_agrees(index, (moved, &uio), (count, gather.resid(), gather.offset(), gather.elements_left()))?;
        }
    } else {
        let mut slices: Vec<IoSliceMut<'_>> = lens.iter().map(|len| IoSliceMut::new(split(len))).collect();
        let mut scatter = Scatter::new(&mut slices);
        for (index, step) in session.steps.iter().take(24).enumerate() {
            let (moved, count) = match *step {
                Step::Uiomove(n) => {
                    let n = usize::try_from(n).unwrap_or(0).min(BUFFER_LEN);
                    let (moved, _) = movement::uiomove(&mut expected, n as i64, &mut uio, &mut memory);
                    (moved, scatter.copy_from(&buffer[..n]))
                }
                Step::Ureadc(byte) if uio.resid > 0 => {
                    movement::ureadc(byte, &mut uio, &mut memory).expect("kernel memory does not fault");
                    (1, usize::from(scatter.push(byte)))
                }
                Step::Ureadc(byte) => (0, usize::from(scatter.push(byte))),
                _ => continue,
            };
            cursor_agrees(index, (moved, &uio), (count, scatter.resid(), scatter.offset(), scatter.elements_left()))?;
        }
    }
    if theirs != memory.all() || buffer != expected {
        return found("UIO-06", format!("{theirs:?} and {buffer:?} and not {:?} and {expected:?}", memory.all()));
    }
    Ok(())
}

fn cursor_agrees(
    index: usize,
    (moved, uio): (u64, &Uio),
    (count, resid, offset, elements): (usize, usize, i64, usize),
) -> Result<(), Found> {
    let got = (count as u64, resid as i64, offset, elements);
    let expected = (moved, uio.resid, uio.offset, uio.iovcnt);
    if got == expected {
        return Ok(());
    }
    found("UIO-01", format!("step {index}: moved, resid, offset, elements are {got:?} and not {expected:?}"))
}

/// A number near one of the edges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
#[allow(missing_docs)] // The names say it.
pub enum Edge {
    Small(u8),
    AroundIntMax(i8),
    AroundTheCap(i8),
    AroundHalfTheCap(i8),
    AroundSsizeMax(i8),
    AroundHalfOfSsizeMax(i8),
    BeforeTheEnd(u8),
    AroundTheUserEnd(i8),
    Any(u64),
}

impl Edge {
    fn value(self) -> u64 {
        let around = |center: u64, by: i8| center.wrapping_add_signed(i64::from(by));
        match self {
            Edge::Small(value) => u64::from(value),
            Edge::AroundIntMax(by) => around(i32::MAX as u64, by),
            Edge::AroundTheCap(by) => around(calls::MAX_RW_COUNT, by),
            Edge::AroundHalfTheCap(by) => around(calls::MAX_RW_COUNT / 2, by),
            Edge::AroundSsizeMax(by) => around(i64::MAX as u64, by),
            Edge::AroundHalfOfSsizeMax(by) => around(i64::MAX as u64 / 2, by),
            Edge::BeforeTheEnd(by) => u64::MAX - u64::from(by),
            Edge::AroundTheUserEnd(by) => around(USER_END, by),
            Edge::Any(value) => value,
        }
    }
}

/// How many elements are announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
#[allow(missing_docs)] // The names say it.
pub enum Announced {
    Exact,
    Fewer(u8),
    More(u8),
    /// The vector again and again, to 1020 to 1027 elements.
    AroundTheMost(u8),
    Huge(u64),
}

/// Whose limits and layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
#[allow(missing_docs)] // The names say it.
pub enum Kernel {
    FreeBsd,
    FreeBsd32,
    Linux,
    Linux32,
}

/// A vector that somebody hands over.
#[derive(Clone, PartialEq, Eq, Debug, Arbitrary)]
pub struct Handed {
    /// Its elements; at most sixteen of them are used.
    pub elements: Vec<(Edge, Edge)>,
    /// How many are announced.
    pub count: Announced,
    /// To whom.
    pub kernel: Kernel,
}

/// The space that a vector lies in, with the end of a process's addresses.
struct Process(Space);

impl AddressSpace for Process {
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault> {
        self.0.copyin(from, to)
    }

    fn copyout(&self, from: &[u8], to: usize) -> Result<(), Fault> {
        self.0.copyout(from, to)
    }

    fn admits(&self, base: usize, len: usize) -> bool {
        base.checked_add(len).is_some_and(|end| end as u64 <= USER_END)
    }
}

/// Takes a vector in, by ours or by the plain one with this bug. The plain one knows no 32-bit layout: such inputs it
/// passes.
///
/// # Errors
///
/// The first difference.
pub fn import(handed: &Handed, bug: Option<Bug>) -> Result<(), Found> {
    let is_compat = matches!(handed.kernel, Kernel::FreeBsd32 | Kernel::Linux32);
    let is_linux = matches!(handed.kernel, Kernel::Linux | Kernel::Linux32);
    let narrow = |value: u64| if is_compat { u64::from(value as u32) } else { value };
    let some: Vec<Iovec> = handed
        .elements
        .iter()
        .take(16)
        .map(|(base, len)| Iovec { base: narrow(base.value()), len: narrow(len.value()) })
        .collect();
    let (elements, count) = match handed.count {
        Announced::Exact => (some.clone(), some.len() as u64),
        Announced::Fewer(by) => (some.clone(), (some.len() as u64).saturating_sub(by.into())),
        Announced::More(by) => (some.clone(), some.len() as u64 + u64::from(by)),
        Announced::AroundTheMost(by) => {
            let elements: Vec<Iovec> = some.iter().cycle().take(1020 + usize::from(by % 8)).copied().collect();
            let count = elements.len() as u64;
            (elements, count)
        }
        Announced::Huge(count) => (some.clone(), count),
    };
    let given: Vec<uio::Iovec> =
        elements.iter().map(|it| uio::Iovec { base: it.base as usize, len: it.len as usize }).collect();
    let got: Result<Vec<uio::Iovec>, i32> = match bug {
        Some(_) if is_compat => return Ok(()),
        Some(bug) => bug::import(&given, count as usize, is_linux.then_some(USER_END as usize), bug),
        None => {
            let (layout, space) = if is_compat {
                let halves = given.iter().flat_map(|it| [it.base as u32, it.len as u32]);
                let bytes = halves.flat_map(u32::to_ne_bytes).collect();
                (Layout::Compat32, Space(RefCell::new(Flat { start: 0, bytes, holes: Vec::new() })))
            } else {
                (Layout::Native, vector_space(&given, usize::MAX))
            };
            let limits = match handed.kernel {
                Kernel::FreeBsd => Limits::FREEBSD,
                Kernel::FreeBsd32 => Limits::FREEBSD_32,
                Kernel::Linux | Kernel::Linux32 => Limits::LINUX,
            };
            let taken = uio::import(&Process(space), 0, count as usize, layout, limits);
            taken.map(|uio| uio.left().collect()).map_err(uio::ImportError::errno)
        }
    };
    let got: Result<Vec<Iovec>, Errno> = got
        .map(|taken| taken.iter().map(|it| Iovec { base: it.base as u64, len: it.len as u64 }).collect())
        .map_err(|errno| Errno(errno as u16));
    // The spec's count is the signed number that a system call has.
    let count = i64::try_from(count).unwrap_or(-1);
    if is_linux {
        judge_linux(&elements, count, is_compat, &got)
    } else {
        judge_freebsd(&elements, count, is_compat, &got)
    }
}

fn judge_linux(elements: &[Iovec], count: i64, is_compat: bool, got: &Result<Vec<Iovec>, Errno>) -> Result<(), Found> {
    // A 32-bit length that is negative is a negative one here.
    let widened: Vec<Iovec> = elements
        .iter()
        .map(|it| Iovec { len: if is_compat { i64::from(it.len as u32 as i32) as u64 } else { it.len }, ..*it })
        .collect();
    let allowed = calls::import(Vector { elements: &widened, readable: widened.len(), count });
    let agrees = match (&allowed, got) {
        (Ok(imported), Ok(taken)) => imported.elements == *taken,
        (Ok(imported), Err(errno)) => imported.perhaps.contains(errno),
        (Err(refused), Err(errno)) => refused.errors.contains(errno),
        (Err(_), Ok(_)) => false,
    };
    let clause = allowed.as_ref().err().map_or("IOV-06", |refused| refused.clause);
    let expected = allowed.map(|imported| imported.elements).map_err(|refused| refused.errors[0]);
    if agrees { Ok(()) } else { found(clause, format!("{} and not {}", in_short(got), in_short(&expected))) }
}

fn judge_freebsd(
    elements: &[Iovec],
    count: i64,
    is_compat: bool,
    got: &Result<Vec<Iovec>, Errno>,
) -> Result<(), Found> {
    let max = if is_compat { i64::from(i32::MAX) } else { i64::MAX };
    let expected = movement::copyinuio(elements, elements.len(), count, max, Direction::Read, 0).map(|uio| uio.vector);
    if expected == *got {
        Ok(())
    } else {
        found("UIO-16", format!("{} and not {}", in_short(got), in_short(&expected)))
    }
}

/// A thousand elements say no more than how many there are.
fn in_short(taken: &Result<Vec<Iovec>, Errno>) -> String {
    match taken {
        Err(errno) => errno.to_string(),
        Ok(elements) if elements.len() <= 16 => format!("{elements:?}"),
        Ok(elements) => format!("{} elements", elements.len()),
    }
}

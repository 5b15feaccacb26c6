//! Transfers and the device behind them as subjects: ours, and the plain ones with their planted bugs.
//!
//! A thread's transfer is its own; memory is shared, behind the platform's mutex, and every copy of a chunk is one
//! critical section. Kernel segments are no subject here: they are [`selvedge::uio::Gather`] and
//! [`selvedge::uio::Scatter`] over real slices, which the property tests hold against the same spec.

use std::cell::RefCell;

use selvedge::platform::host::{Mutex, PoisonError};
use selvedge::platform::{Loom, Platform, PlatformMutex, Shuttle, Std};
use selvedge::uio::device::{ByteQueue, Refused};
use selvedge::uio::{AddressSpace, AtOffset, Fault, Iovec, Layout, Limits, Paged, Sum, Uio, import};
use selvedge_model::Thread;
use selvedge_model::uio::spec::{BUFFER_LEN, Field, MEMORY_LEN, Op, Ret};
use selvedge_model::uio::{DeviceSpec, Direction, Errno, Segment, UioSpec, device};

use super::{Stop, Subject, Variant};
use crate::litmus::{self, Observed, Program, Statement};
use crate::mutant::uio::{self as bug, Bug, Plain, PlainQueue};
use crate::suite::{Drivers, System};

/// A transfer of ours, or a plain one.
#[derive(Clone, Debug)]
pub enum Mover {
    /// Ours.
    Ours(Uio),
    /// Plain, with or without a planted bug.
    Plain(Plain),
}

impl Mover {
    /// A transfer over a vector: ours if `bug` is `None`.
    pub fn new(bug: Option<Bug>, vector: Vec<Iovec>, offset: i64) -> Self {
        match bug {
            None => Mover::Ours(Uio::new(vector, offset)),
            Some(bug) => Mover::Plain(Plain::new(vector, offset, bug)),
        }
    }

    /// `uiomove` of the whole buffer; without an address space nothing is copied.
    ///
    /// # Errors
    ///
    /// The fault.
    pub fn uiomove(
        &mut self,
        direction: Direction,
        buffer: &mut [u8],
        space: Option<&dyn AddressSpace>,
    ) -> Result<(), Fault> {
        match (self, space, direction) {
            (Mover::Plain(plain), _, _) => plain.uiomove(direction, buffer, space),
            (Mover::Ours(uio), None, _) => {
                uio.advance(buffer.len());
                Ok(())
            }
            (Mover::Ours(uio), Some(space), Direction::Read) => fault(uio.copy_out(space, buffer)),
            (Mover::Ours(uio), Some(space), Direction::Write) => fault(uio.copy_in(space, buffer)),
        }
    }

    /// `uiomove_frombuf` over the whole buffer.
    ///
    /// # Errors
    ///
    /// The error number.
    pub fn frombuf(
        &mut self,
        direction: Direction,
        buffer: &mut [u8],
        space: Option<&dyn AddressSpace>,
    ) -> Result<(), Errno> {
        if let (Mover::Ours(uio), Some(space)) = (&mut *self, space) {
            let moved = match direction {
                Direction::Read => uio.copy_out_at(space, buffer),
                Direction::Write => uio.copy_in_at(space, buffer),
            };
            return moved.map(|_| ()).map_err(|error| match error {
                AtOffset::Negative => Errno::EINVAL,
                AtOffset::Interrupted(_) => Errno::EFAULT,
            });
        }
        let from = usize::try_from(self.offset()).map_err(|_| Errno::EINVAL)?;
        let rest = buffer.get_mut(from..).unwrap_or_default();
        self.uiomove(direction, rest, space).map_err(|_| Errno::EFAULT)
    }

    /// `ureadc`. `None` if there was no room.
    pub fn ureadc(&mut self, byte: u8, space: Option<&dyn AddressSpace>) -> Option<Result<(), Fault>> {
        if let (Mover::Ours(uio), Some(space)) = (&mut *self, space) {
            return uio.push(space, byte).ok();
        }
        let room = self.resid() > 0;
        room.then(|| self.uiomove(Direction::Read, &mut [byte], space))
    }

    /// `uio_resid`.
    pub fn resid(&self) -> i64 {
        match self {
            Mover::Ours(uio) => uio.resid() as i64,
            Mover::Plain(plain) => plain.resid(),
        }
    }

    /// `uio_offset`.
    pub fn offset(&self) -> i64 {
        match self {
            Mover::Ours(uio) => uio.offset(),
            Mover::Plain(plain) => plain.offset(),
        }
    }

    /// Sets `uio_offset`.
    pub fn set_offset(&mut self, offset: i64) {
        match self {
            Mover::Ours(uio) => uio.set_offset(offset),
            Mover::Plain(plain) => plain.set_offset(offset),
        }
    }

    /// The elements from `uio_iov` on.
    pub fn left(&self) -> Vec<Iovec> {
        match self {
            Mover::Ours(uio) => uio.left().collect(),
            Mover::Plain(plain) => plain.left(),
        }
    }

    /// `uio_iovcnt`.
    pub fn iovcnt(&self) -> usize {
        match self {
            Mover::Ours(uio) => uio.left().len(),
            Mover::Plain(plain) => plain.iovcnt(),
        }
    }
}

fn fault<T>(moved: Result<T, selvedge::uio::Interrupted>) -> Result<(), Fault> {
    moved.map(|_| ()).map_err(|interrupted| interrupted.fault)
}

/// Bytes from an address on, with holes.
#[derive(Clone, Debug, Default)]
pub struct Flat {
    /// The first address.
    pub start: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What faults, each the first address and the end.
    pub holes: Vec<(usize, usize)>,
}

impl Flat {
    /// As much of the range as comes before the first address that faults, as positions in [`Flat::bytes`], and that
    /// address.
    fn good(&self, base: usize, len: usize) -> (std::ops::Range<usize>, Result<(), Fault>) {
        let is_good = |address: &usize| {
            let inside = address.checked_sub(self.start).is_some_and(|at| at < self.bytes.len());
            inside && !self.holes.iter().any(|(from, end)| (*from..*end).contains(address))
        };
        let good = (0..len).map(|at| base.wrapping_add(at)).take_while(is_good).count();
        let end = if good == len { Ok(()) } else { Err(Fault { address: base.wrapping_add(good) }) };
        let from = if good == 0 { 0 } else { base - self.start };
        (from..from + good, end)
    }
}

/// The same as an address space, for one thread.
#[derive(Clone, Debug)]
pub struct Space(pub RefCell<Flat>);

impl AddressSpace for Space {
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault> {
        let flat = self.0.borrow();
        let (range, end) = flat.good(from, to.len());
        to[..range.len()].copy_from_slice(&flat.bytes[range]);
        end
    }

    fn copyout(&self, from: &[u8], to: usize) -> Result<(), Fault> {
        let mut flat = self.0.borrow_mut();
        let (range, end) = flat.good(to, from.len());
        let count = range.len();
        flat.bytes[range].copy_from_slice(&from[..count]);
        end
    }
}

/// For the engines: a critical section a chunk.
struct Shared<'a, P: Platform>(&'a P::Mutex<Flat>);

impl<P: Platform> AddressSpace for Shared<'_, P> {
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault> {
        let flat = self.0.lock();
        let (range, end) = flat.good(from, to.len());
        to[..range.len()].copy_from_slice(&flat.bytes[range]);
        end
    }

    fn copyout(&self, from: &[u8], to: usize) -> Result<(), Fault> {
        let mut flat = self.0.lock();
        let (range, end) = flat.good(to, from.len());
        let count = range.len();
        flat.bytes[range].copy_from_slice(&from[..count]);
        end
    }
}

/// Transfers of one process: variant 0 is ours, [`PLAIN`] the plain one without a bug, any other one with that bug.
pub struct Transfers<P: Platform> {
    spec: UioSpec,
    bug: Option<Bug>,
    memory: P::Mutex<Flat>,
    /// What the first thread's transfer shows. Only that thread writes it, and only the end is looked at.
    shown: Mutex<Shown>,
}

/// The plain transfer without a bug, as a variant of [`Transfers`].
pub const PLAIN: Variant = 255;

#[derive(Clone, Copy)]
struct Shown {
    resid: i64,
    offset: i64,
    iovcnt: i64,
    element: i64,
    first: Option<Iovec>,
    moved: i64,
}

/// What a thread has in the kernel.
pub struct Kernel {
    vector: Vec<Iovec>,
    readable: usize,
    transfer: Option<(Mover, Began)>,
    clone: Option<(Mover, Began)>,
    buffer: Vec<u8>,
}

/// What a transfer was before anything was moved.
#[derive(Clone, Copy)]
struct Began {
    resid: i64,
    elements: usize,
    /// Whether the vector points anywhere.
    copies: bool,
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel {
            vector: Vec::new(),
            readable: usize::MAX,
            transfer: None,
            clone: None,
            buffer: (0..BUFFER_LEN).map(|index| 128 + index).collect(),
        }
    }
}

impl<P: Platform> Subject<UioSpec> for Transfers<P> {
    type Platform = P;
    type Local<'a> = Kernel;

    fn create(spec: &UioSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        Self::create_variant(spec, initial, 0)
    }

    fn create_variant(spec: &UioSpec, _: &[(String, i64)], variant: Variant) -> Result<Self, String> {
        let bug = match variant {
            0 => None,
            PLAIN => Some(bug::NONE),
            bug => Some(bug),
        };
        let memory = Flat { start: 0, bytes: (0..MEMORY_LEN).collect(), holes: Vec::new() };
        let shown = Shown { resid: 0, offset: 0, iovcnt: 0, element: 0, first: None, moved: 0 };
        Ok(Transfers { spec: *spec, bug, memory: PlatformMutex::new(memory), shown: Mutex::new(shown) })
    }

    fn supports(spec: &UioSpec, program: &Program<Op>) -> Result<(), String> {
        if spec.segment == Segment::System {
            return Err("kernel segments are Gather and Scatter, which the property tests hold against the spec".into());
        }
        if program.clauses.iter().any(|clause| clause == "UIO-08") {
            return Err("a library has no flags of the thread to restore".into());
        }
        for thread in &program.threads {
            let ops = || thread.statements.iter().filter_map(Statement::op);
            let lens = ops().map(|op| if let Op::Element(element) = op { u128::from(element.len) } else { 0 });
            if lens.sum::<u128>() > i64::MAX as u128 && ops().any(|op| matches!(op, Op::Start { .. })) {
                return Err("resid is counted, and does not wrap around".into());
            }
        }
        for op in program.ops() {
            match op {
                Op::SetResid(_) => return Err("resid is counted, and cannot be set".into()),
                Op::UiomoveNofault(_) if spec.segment != Segment::User => {
                    return Err("a transfer that copies nothing has no variant without faults to misuse".into());
                }
                Op::UiomoveOf(..) => {
                    return Err("a transfer belongs to whoever borrows it, which the compiler checks".into());
                }
                Op::Uiomove(n) | Op::UiomoveNofault(n) | Op::UiomoveFrombuf(n) if *n > i64::from(BUFFER_LEN) => {
                    return Err("a buffer knows its length".into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn perform(&self, Thread(thread): Thread, own: &mut Kernel, op: &Op) -> Result<Ret, Stop> {
        let ret = self.act(own, op)?;
        if thread == 0
            && let Some((mover, began)) = &own.transfer
        {
            let left = mover.left();
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown {
                resid: mover.resid(),
                offset: mover.offset(),
                iovcnt: mover.iovcnt() as i64,
                element: (began.elements - left.len()) as i64,
                first: left.first().copied(),
                moved: began.resid - mover.resid(),
            };
        }
        Ok(ret)
    }

    fn observe(&self) -> Observed {
        let shown = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let first = shown.first.map_or((-1, -1), |first| (first.base as i64, first.len as i64));
        let values = [
            ("resid", shown.resid),
            ("offset", shown.offset),
            ("iovcnt", shown.iovcnt),
            ("element", shown.element),
            ("base", first.0),
            ("len", first.1),
            ("moved", shown.moved),
        ];
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl<P: Platform> Transfers<P> {
    fn act(&self, own: &mut Kernel, op: &Op) -> Result<Ret, Stop> {
        let shared = Shared::<P>(&self.memory);
        let copies = self.spec.segment != Segment::NoCopy;
        // Which a transfer that there is may know better.
        let space: Option<&dyn AddressSpace> =
            own.transfer.as_ref().map_or(copies, |(_, began)| began.copies).then_some(&shared);
        let direction = self.spec.direction;
        let iovec =
            |element: &selvedge_model::uio::Iovec| Iovec { base: element.base as usize, len: element.len as usize };
        match *op {
            Op::Element(element) => own.vector.push(iovec(&element)),
            Op::VectorEnd(count) => own.readable = usize::from(count),
            Op::Hole(address, len) => {
                let from = address as usize;
                self.memory.lock().holes.push((from, from.saturating_add(usize::from(len))));
            }
            Op::BufferSet(index, value) => own.buffer[usize::from(index)] = value,
            Op::BufferGet(index) => return Ok(Ret::Value(i64::from(own.buffer[usize::from(index)]))),
            Op::Store(address, value) => self.memory.lock().bytes[usize::from(address)] = value,
            Op::Load(address) => return Ok(Ret::Value(i64::from(self.memory.lock().bytes[usize::from(address)]))),
            Op::Start { offset } => own.begin(self.bug, own.vector.clone(), offset, copies),
            Op::SetOffset(offset) => own.mover(self.bug, copies).set_offset(offset),
            Op::Copyiniov { count, too_many } => {
                let limits = Limits { sum: Sum::Any, ..Limits::FREEBSD };
                return Ok(match own.import(count, limits) {
                    Ok(_) => Ret::Ok,
                    Err(22) => Ret::Error(too_many),
                    Err(errno) => Ret::Error(Errno(errno as u16)),
                });
            }
            Op::Copyinuio { count } => {
                let limits = if self.spec.iosize_max == i64::MAX { Limits::FREEBSD } else { Limits::FREEBSD_32 };
                match own.import(count, limits) {
                    // It is the memory of the process that a system call's vector points to.
                    Ok(vector) => own.begin(self.bug, vector, -1, true),
                    Err(errno) => return Ok(Ret::Error(Errno(errno as u16))),
                }
            }
            Op::Uiomove(n) | Op::UiomoveNofault(n) => {
                let mut buffer = std::mem::take(&mut own.buffer);
                let wanted = &mut buffer[..usize::try_from(n).unwrap_or(0)];
                let moved = own.mover(self.bug, copies).uiomove(direction, wanted, space);
                own.buffer = buffer;
                return Ok(moved.map_or(Ret::Error(Errno::EFAULT), |()| Ret::Ok));
            }
            Op::UiomoveFrombuf(len) => {
                let mut buffer = std::mem::take(&mut own.buffer);
                let file = &mut buffer[..usize::try_from(len).unwrap_or(0)];
                let moved = own.mover(self.bug, copies).frombuf(direction, file, space);
                own.buffer = buffer;
                return Ok(moved.map_or_else(Ret::Error, |()| Ret::Ok));
            }
            Op::Ureadc(byte) => {
                return match own.mover(self.bug, copies).ureadc(byte, space) {
                    None => Err(Stop::Abort("ureadc: no room".into())),
                    Some(put) => Ok(put.map_or(Ret::Error(Errno::EFAULT), |()| Ret::Ok)),
                };
            }
            Op::Look(field) => {
                let mover = own.mover(self.bug, copies);
                let first = mover.left().first().copied();
                return Ok(Ret::Value(match field {
                    Field::Resid => mover.resid(),
                    Field::Offset => mover.offset(),
                    Field::Iovcnt => mover.iovcnt() as i64,
                    Field::Base => first.map_or(-1, |first| first.base as i64),
                    Field::Len => first.map_or(-1, |first| first.len as i64),
                }));
            }
            Op::Cloneuio => {
                own.mover(self.bug, copies);
                own.clone = own.transfer.clone();
            }
            Op::Swap => {
                if own.clone.is_some() {
                    std::mem::swap(&mut own.clone, &mut own.transfer);
                }
            }
            Op::SetResid(_) | Op::UiomoveOf(..) => unreachable!("such programs are not supported"),
        }
        Ok(Ret::Ok)
    }
}

impl Kernel {
    fn begin(&mut self, bug: Option<Bug>, vector: Vec<Iovec>, offset: i64, copies: bool) {
        let elements = vector.len();
        let mover = Mover::new(bug, vector, offset);
        self.transfer = Some((mover.clone(), Began { resid: mover.resid(), elements, copies }));
    }

    /// The transfer; before there was one, one over nothing.
    fn mover(&mut self, bug: Option<Bug>, copies: bool) -> &mut Mover {
        if self.transfer.is_none() {
            self.begin(bug, Vec::new(), 0, copies);
        }
        &mut self.transfer.as_mut().expect("there is one now").0
    }

    /// Takes the vector in as a kernel does: from an address space that ends where the vector cannot be read.
    fn import(&self, count: i64, limits: Limits) -> Result<Vec<Iovec>, i32> {
        let space = vector_space(&self.vector, self.readable);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let uio = import(&space, 0, count, Layout::Native, limits).map_err(selvedge::uio::ImportError::errno)?;
        Ok(uio.left().collect())
    }
}

/// An address space that holds the first `readable` elements of a vector from address 0 on, and nothing else.
pub fn vector_space(vector: &[Iovec], readable: usize) -> Space {
    let words = vector.iter().take(readable).flat_map(|element| [element.base, element.len]);
    Space(RefCell::new(Flat { start: 0, bytes: words.flat_map(usize::to_ne_bytes).collect(), holes: Vec::new() }))
}

/// The device: ours.
pub struct Device<P: Platform>(ByteQueue<P>);

/// Where the caller's memory of a device operation begins, and how much there is of it.
const CALLER: (usize, usize) = (64, 32);

/// The caller's vector: in two elements, so that there is something between them. `good` bytes do not fault.
fn caller(len: u8, good: Option<u8>) -> Uio {
    let len = usize::from(len);
    let first = good.map_or(len / 2, usize::from).min(len);
    let (base, end) = (CALLER.0, CALLER.0 + CALLER.1);
    let second = if good.is_some() { end } else { base + first };
    Uio::new(vec![Iovec { base, len: first }, Iovec { base: second, len: len - first }], 0)
}

impl<P: Platform> Subject<DeviceSpec> for Device<P> {
    type Platform = P;
    type Local<'a> = ();

    fn create(spec: &DeviceSpec, _: &[(String, i64)]) -> Result<Self, String> {
        Ok(Device(ByteQueue::new(spec.room)))
    }

    fn perform(&self, _: Thread, (): &mut (), op: &device::Op) -> Result<device::Ret, Stop> {
        let space = Paged::new(CALLER.0, CALLER.1, 1);
        let (len, good, first) = match *op {
            device::Op::Write { first, len } => (len, None, Some(first)),
            device::Op::WriteFault { first, len, good } => (len, Some(good), Some(first)),
            device::Op::Read { len } => (len, None, None),
            device::Op::ReadFault { len, good } => (len, Some(good), None),
        };
        let mut uio = caller(len, good);
        let result = match first {
            Some(first) => {
                let bytes: Vec<u8> = (0..len).map(|index| first.wrapping_add(index)).collect();
                space.copyout(&bytes, CALLER.0).expect("the caller has room for them");
                self.0.write(&space, &mut uio)
            }
            None => self.0.read(&space, &mut uio),
        };
        Ok(match result {
            Ok(count) if first.is_some() => device::Ret::Count(count as u8),
            Ok(count) => {
                let mut bytes = vec![0; count];
                space.copyin(CALLER.0, &mut bytes).expect("they were just put there");
                device::Ret::Bytes(bytes)
            }
            Err(Refused::WouldBlock) => device::Ret::Error(Errno::EAGAIN),
            Err(Refused::Fault(_)) => device::Ret::Error(Errno::EFAULT),
        })
    }

    fn observe(&self) -> Observed {
        [("held".to_owned(), self.0.len() as i64)].into()
    }
}

/// The device, plain, with or without a planted bug.
pub struct PlainDevice<P: Platform>(PlainQueue<P>);

impl<P: Platform> Subject<DeviceSpec> for PlainDevice<P> {
    type Platform = P;
    type Local<'a> = ();

    fn create(spec: &DeviceSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        Self::create_variant(spec, initial, bug::NONE)
    }

    fn create_variant(spec: &DeviceSpec, _: &[(String, i64)], bug: Variant) -> Result<Self, String> {
        Ok(PlainDevice(PlainQueue::new(spec.room, bug)))
    }

    fn perform(&self, _: Thread, (): &mut (), op: &device::Op) -> Result<device::Ret, Stop> {
        let write = |first: u8, len: u8, good: u8| {
            let bytes: Vec<u8> = (0..len).map(|index| first.wrapping_add(index)).collect();
            let (one, two) = bytes.split_at(usize::from(good.min(len / 2)));
            match self.0.write(&[one, two], usize::from(good)) {
                None => device::Ret::Error(Errno::EAGAIN),
                Some((_, true)) => device::Ret::Error(Errno::EFAULT),
                Some((count, false)) => device::Ret::Count(count as u8),
            }
        };
        let read = |len: u8, good: u8| match self.0.read(usize::from(len), usize::from(good)) {
            None => device::Ret::Error(Errno::EAGAIN),
            Some((_, true)) => device::Ret::Error(Errno::EFAULT),
            Some((bytes, false)) => device::Ret::Bytes(bytes),
        };
        Ok(match *op {
            device::Op::Write { first, len } => write(first, len, len),
            device::Op::WriteFault { first, len, good } => write(first, len, good),
            device::Op::Read { len } => read(len, len),
            device::Op::ReadFault { len, good } => read(len, good),
        })
    }

    fn observe(&self) -> Observed {
        [("held".to_owned(), self.0.len() as i64)].into()
    }
}

/// The transfers' entry for the suite. They are sequential but for the memory that threads share, so that one platform
/// is enough.
pub fn system() -> System<UioSpec> {
    let transfers = Drivers::NONE.shuttle::<Transfers<Shuttle>>();
    let mut system = System::new("uio", litmus::corpus::UIO)
        .primitive("uio", transfers)
        .primitive("plain", transfers.variant(PLAIN))
        .canary("moves-all", "a move takes all that is left", transfers.variant(bug::CHUNK_BY_RESID));
    for mutant in bug::MUTANTS {
        system = system.mutant(mutant.name, mutant.planted, mutant.breaks, transfers.variant(mutant.bug));
    }
    system
}

/// The device's entry for the suite.
pub fn device_system() -> System<DeviceSpec> {
    let plain = Drivers::everywhere::<PlainDevice<Loom>, PlainDevice<Shuttle>, PlainDevice<Std>>();
    let mut system = System::new("uio-device", litmus::corpus::UIO_DEVICE)
        .primitive("queue", Drivers::everywhere::<Device<Loom>, Device<Shuttle>, Device<Std>>())
        .canary("writes-nothing", "a write answers and writes nothing", plain.variant(bug::WRITES_NOTHING));
    for mutant in bug::DEVICE_MUTANTS {
        system = system.mutant(mutant.name, mutant.planted, mutant.breaks, plain.variant(mutant.bug));
    }
    system
}

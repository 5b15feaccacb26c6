//! The semantics of Linux's vectored system calls as plain functions on plain data.

use std::ops::RangeInclusive;

use crate::uio::movement::Iovec;
use crate::uio::{Direction, Errno, UIO_MAXIOV};

/// The page, in bytes.
pub const PAGE: u64 = 4096;
/// What one call moves at most: the greatest multiple of a page that an `int` holds.
pub const MAX_RW_COUNT: u64 = i32::MAX as u64 & !(PAGE - 1);
/// What a pipe takes whole or not at all.
pub const PIPE_BUF: u64 = 4096;
/// The end of what a process may address on x86-64 with four levels of page tables.
pub const USER_END: u64 = 0x7fff_ffff_f000;
/// What every file system lets a file grow to. Where the end is beyond, how large a file may be is the file system's.
pub const FILE_SIZE_SURE: u64 = u32::MAX as u64;
/// From here on addresses are the kernel's on every machine. What lies between is for the kernel to refuse early or to
/// fault on.
pub const KERNEL_START: u64 = 1 << 63;

/// A vector as a process hands it over: elements in its memory, of which some can be read, and a count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vector<'a> {
    /// The elements.
    pub elements: &'a [Iovec],
    /// How many of them can be read; what comes after them cannot.
    pub readable: usize,
    /// The count that was passed.
    pub count: i64,
}

impl<'a> Vector<'a> {
    /// All of these elements.
    pub fn of(elements: &'a [Iovec]) -> Self {
        Vector { elements, readable: elements.len(), count: elements.len() as i64 }
    }

    /// With the count as the kernel hands it on to [`import`]: of 32 bits.
    pub fn cut(self) -> Self {
        Vector { count: i64::from(self.count as u32), ..self }
    }
}

/// What can be read and written: ranges of addresses, each the first and the end, in order and apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mapped(pub Vec<(u64, u64)>);

impl Mapped {
    /// Takes a range out. One of no length takes nothing.
    pub fn unmap(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let pieces = self.0.iter().flat_map(|&(start, end)| [(start, end.min(from)), (start.max(to), end)]);
        self.0 = pieces.filter(|(start, end)| start < end).collect();
    }

    /// How many bytes of this stretch come before the first that faults.
    fn good(&self, Iovec { base, len }: Iovec) -> u64 {
        let inside = self.0.iter().find(|(start, end)| (*start..*end).contains(&base));
        inside.map_or(0, |(_, end)| (end - base).min(len))
    }

    /// How many bytes of these elements, one after the other, come before the first that faults.
    pub fn good_of(&self, elements: &[Iovec]) -> u64 {
        let mut sum = 0;
        for element in elements {
            let good = self.good(*element);
            sum += good;
            if good < element.len {
                break;
            }
        }
        sum
    }
}

/// What a descriptor is open for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum FileKind {
    /// A regular file, on a disk or in memory.
    #[default]
    Regular,
    /// A pipe, both ends open.
    Pipe,
    /// One of two connected stream sockets.
    Socket,
    /// `/dev/null`.
    Null,
    /// `/dev/zero`.
    Zero,
}

impl FileKind {
    /// Whether it has a position.
    pub fn is_seekable(self) -> bool {
        matches!(self, FileKind::Regular | FileKind::Null | FileKind::Zero)
    }
}

/// An open file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct File {
    /// Its kind.
    pub kind: FileKind,
    /// Bytes in it: a regular file's size, or what waits to be read.
    pub held: u64,
    /// Its position, where it has one.
    pub position: i64,
    /// How many more bytes a pipe or socket surely takes, and how many at most.
    pub room: (u64, u64),
}

impl File {
    /// An empty one with plenty of room. A socket surely takes eight pages, and how many more is its own business.
    pub fn empty(kind: FileKind) -> Self {
        let room = if kind == FileKind::Socket { (8 * PAGE, u64::from(u32::MAX)) } else { (16 * PAGE, 16 * PAGE) };
        File { kind, held: 0, position: 0, room }
    }

    /// Puts bytes into it, by one write. What is put into a pipe or socket may take whole pages of it.
    pub fn fill(&mut self, count: u64) {
        self.held += count;
        self.room.0 = self.room.0.saturating_sub(count.div_ceil(PAGE) * PAGE);
        self.room.1 = self.room.1.saturating_sub(count);
    }
}

/// A vectored call on a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Call {
    /// Whether the file is read or written.
    pub direction: Direction,
    /// The position that was passed, by the calls that take one.
    pub position: Option<i64>,
    /// The flags that were passed, by the calls that take some.
    pub flags: Option<i64>,
}

/// The flags of `preadv2` that this spec knows nothing of: the kernel may know them or not.
pub const FLAGS_UNKNOWN_HERE: i64 = 0xffff;

/// What a call may answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// The counts, from the least to the greatest.
    pub counts: Option<RangeInclusive<u64>>,
    /// The errors.
    pub errors: Vec<Errno>,
    /// Why: the clause that decides.
    pub clause: &'static str,
}

impl Allowed {
    fn count(count: u64, clause: &'static str) -> Self {
        Allowed { counts: Some(count..=count), errors: Vec::new(), clause }
    }

    fn error(errno: Errno, clause: &'static str) -> Self {
        Allowed { counts: None, errors: vec![errno], clause }
    }

    /// Whether this answer is one of them.
    pub fn has(&self, answer: Result<u64, Errno>) -> bool {
        match answer {
            Ok(count) => self.counts.as_ref().is_some_and(|counts| counts.contains(&count)),
            Err(errno) => self.errors.contains(&errno),
        }
    }

    /// The same, or one of these errors.
    fn or(mut self, errors: &[Errno]) -> Self {
        self.errors.extend(errors);
        self
    }
}

/// A vector that the kernel took in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// The elements, clamped.
    pub elements: Vec<Iovec>,
    /// The sum of their lengths.
    pub total: u64,
    /// Errors that another kernel would have answered with.
    pub perhaps: Vec<Errno>,
}

/// Takes a vector in: `import_iovec`.
///
/// # Errors
///
/// What the call may answer instead, if it surely does not go on.
pub fn import(vector: Vector<'_>) -> Result<Imported, Allowed> {
    let mut perhaps = Vec::new();
    let mut elements = take(vector, &[])?;
    // The shortcut for a single element clamps before it looks at the range.
    if let [only] = &mut elements[..] {
        only.len = only.len.min(MAX_RW_COUNT);
    }
    for Iovec { base, len } in &elements {
        match base.checked_add(*len) {
            Some(end) if end <= USER_END => {}
            Some(end) if end < KERNEL_START => perhaps.push(Errno::EFAULT),
            _ => return Err(Allowed::error(Errno::EFAULT, "IOV-05")),
        }
    }
    let mut total = 0;
    for element in &mut elements {
        element.len = element.len.min(MAX_RW_COUNT - total);
        total += element.len;
    }
    Ok(Imported { elements, total, perhaps })
}

/// The elements as they stand in the memory of the process, with the checks that come with reading them:
/// `iovec_from_user`.
fn take(vector: Vector<'_>, perhaps: &[Errno]) -> Result<Vec<Iovec>, Allowed> {
    let Vector { elements, readable, count } = vector;
    if !(0..=UIO_MAXIOV).contains(&count) {
        return Err(Allowed::error(Errno::EINVAL, "IOV-02").or(perhaps));
    }
    let count = count as usize;
    let readable = readable.min(elements.len()).min(count);
    let negative = elements[..readable].iter().any(|element| element.len >= KERNEL_START);
    if readable < count {
        // Element by element, or the whole vector before any of it is looked at.
        let refused = Allowed::error(Errno::EFAULT, "IOV-03");
        return Err(if negative { refused.or(&[Errno::EINVAL]) } else { refused }.or(perhaps));
    }
    if negative {
        return Err(Allowed::error(Errno::EINVAL, "IOV-04").or(perhaps));
    }
    Ok(elements[..count].to_vec())
}

/// What a vectored call on a file may answer. `file` is `None` for a descriptor that is not open. Of the count and of the
/// flags the kernel looks at 32 bits.
pub fn allowed(call: Call, file: Option<&File>, vector: Vector<'_>, mapped: &Mapped) -> Allowed {
    let own_position = call.flags.is_some() && call.position == Some(-1);
    let position = call.position.filter(|_| !own_position);
    if position.is_some_and(|position| position < 0) {
        return Allowed::error(Errno::EINVAL, "IOV-08");
    }
    let Some(file) = file else {
        return Allowed::error(Errno::EBADF, "IOV-01");
    };
    if position.is_some() && !file.kind.is_seekable() {
        return Allowed::error(Errno::ESPIPE, "IOV-08");
    }
    let Imported { elements, total, perhaps } = match import(vector.cut()) {
        Ok(imported) => imported,
        Err(refused) => return refused,
    };
    if total == 0 {
        return Allowed::count(0, "IOV-07").or(&perhaps);
    }
    let at = position.unwrap_or(file.position);
    if file.kind.is_seekable() && at.checked_add(total as i64).is_none() {
        return Allowed::error(Errno::EINVAL, "IOV-08").or(&perhaps);
    }
    if let Some(flags) = call.flags.map(|flags| i64::from(flags as i32)).filter(|flags| *flags != 0) {
        let unsupported = Allowed::error(Errno::EOPNOTSUPP, "IOV-09").or(&perhaps);
        if flags & !FLAGS_UNKNOWN_HERE != 0 {
            return unsupported;
        }
        let served = transfer(call.direction, file, at, total, mapped.good_of(&elements));
        return served.or(&[Errno::EOPNOTSUPP, Errno::EINVAL, Errno::EAGAIN]).or(&perhaps);
    }
    transfer(call.direction, file, at, total, mapped.good_of(&elements)).or(&perhaps)
}

/// What the file does with `total` bytes of which the first `good` do not fault.
fn transfer(direction: Direction, file: &File, at: i64, total: u64, good: u64) -> Allowed {
    let File { kind, held, room, .. } = file;
    match (kind, direction) {
        (FileKind::Null, Direction::Read) => Allowed::count(0, "IOV-10"),
        (FileKind::Null | FileKind::Zero, Direction::Write) => Allowed::count(total, "IOV-10"),
        (FileKind::Zero, Direction::Read) => in_part(total, good),
        (FileKind::Regular, Direction::Read) => in_part(total.min(held.saturating_sub(at as u64)), good),
        (FileKind::Regular, Direction::Write) => {
            let answer = in_part(total, good);
            if at as u64 + total <= FILE_SIZE_SURE {
                return answer;
            }
            // Up to the limit, or nothing.
            let counts = answer.counts.map(|counts| 1..=*counts.end());
            Allowed { counts, clause: "IOV-19", ..answer }.or(&[Errno::EFBIG])
        }
        (FileKind::Pipe | FileKind::Socket, Direction::Read) => match held {
            0 => Allowed::error(Errno::EAGAIN, "IOV-13"),
            _ => in_buffers(total.min(*held), good),
        },
        (FileKind::Pipe | FileKind::Socket, Direction::Write) => {
            let (surely, at_most) = *room;
            if total <= surely {
                return in_buffers(total, good);
            }
            // Not enough room, perhaps: a pipe refuses what it would have to split, if that is small.
            let whole_or_nothing = *kind == FileKind::Pipe && total <= PIPE_BUF;
            let most = total.min(at_most).min(good);
            let counts = match (whole_or_nothing, most) {
                (_, 0) => None,
                (true, most) => (most == total).then_some(total..=total),
                (false, most) => Some(1..=most),
            };
            let fault = (good < total).then_some(Errno::EFAULT);
            Allowed { counts, errors: [Errno::EAGAIN].into_iter().chain(fault).collect(), clause: "IOV-13" }
        }
    }
}

/// A file that keeps what was moved before a fault, by the byte or by the page.
fn in_part(wanted: u64, good: u64) -> Allowed {
    match good {
        _ if good >= wanted => Allowed::count(wanted, "IOV-06"),
        0 => Allowed::error(Errno::EFAULT, "IOV-11"),
        _ => Allowed { counts: Some(1..=good), errors: Vec::new(), clause: "IOV-11" },
    }
}

/// A file that moves buffers, each whole or not at all.
fn in_buffers(wanted: u64, good: u64) -> Allowed {
    match good {
        _ if good >= wanted => Allowed::count(wanted, "IOV-06"),
        0 => Allowed::error(Errno::EFAULT, "IOV-12"),
        _ => Allowed { counts: Some(1..=good), errors: vec![Errno::EFAULT], clause: "IOV-12" },
    }
}

/// The process on the other side of `process_vm_readv`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// One that the caller may look into.
    Open,
    /// One that it may not.
    Forbidden,
    /// None.
    Unknown,
}

/// What `process_vm_readv` and `process_vm_writev` may answer.
pub fn process_vm(
    local: Vector<'_>,
    remote: Vector<'_>,
    flags: i64,
    target: Target,
    local_mapped: &Mapped,
    remote_mapped: &Mapped,
) -> Allowed {
    if flags != 0 {
        return Allowed::error(Errno::EINVAL, "IOV-14");
    }
    let local = match import(local.cut()) {
        Ok(imported) => imported,
        Err(refused) => return refused,
    };
    let perhaps = local.perhaps;
    if local.total == 0 {
        return Allowed::count(0, "IOV-07").or(&perhaps);
    }
    // Neither ranges nor the sum are looked at on the remote side.
    let remote = match take(remote, &perhaps) {
        Ok(elements) => elements,
        Err(refused) => return refused,
    };
    let remote_total: u128 = remote.iter().map(|element| u128::from(element.len)).sum();
    if remote_total == 0 {
        return Allowed::count(0, "IOV-14").or(&perhaps);
    }
    match target {
        Target::Unknown => return Allowed::error(Errno::ESRCH, "IOV-14").or(&perhaps),
        Target::Forbidden => return Allowed::error(Errno::EPERM, "IOV-14").or(&perhaps),
        Target::Open => {}
    }
    let wanted = u64::try_from(remote_total).unwrap_or(u64::MAX).min(local.total);
    let good = local_mapped.good_of(&local.elements).min(remote_mapped.good_of(&remote));
    let answer = in_part(wanted, good);
    Allowed { clause: if answer.clause == "IOV-06" { "IOV-06" } else { "IOV-15" }, ..answer }.or(&perhaps)
}

/// The file after a call that answered so.
pub fn after(call: Call, file: &File, answer: Result<u64, Errno>) -> File {
    let (Ok(count), mut file) = (answer, file.clone()) else {
        return file.clone();
    };
    match (file.kind, call.direction) {
        (FileKind::Pipe | FileKind::Socket, Direction::Read) => {
            file.held = file.held.saturating_sub(count);
            // The space of a buffer is free once the buffer is empty, and not before.
            file.room.1 = file.room.1.saturating_add(count);
            if file.held == 0 {
                let most = if file.kind == FileKind::Socket { File::empty(file.kind).room.0 } else { file.room.1 };
                file.room.0 = file.room.0.max(most);
            }
        }
        (FileKind::Pipe | FileKind::Socket, Direction::Write) => {
            file.fill(count);
        }
        (FileKind::Regular, Direction::Write) if count > 0 => {
            file.held = file.held.max(place(call, &file) + count);
        }
        _ => {}
    }
    // The devices count too, but where nobody can see it.
    if is_at_own_position(call) && file.kind == FileKind::Regular {
        file.position += count as i64;
    }
    file
}

/// The other file that may be there after a call that answered so (IOV-18), if `allowed` is what it might answer. Some
/// kernels take a write that faults at its first byte for one of no bytes, and the file then ends no earlier than that.
pub fn grown(call: Call, file: &File, answer: Result<u64, Errno>, allowed: &Allowed) -> Option<File> {
    let faults = answer == Err(Errno::EFAULT) && ["IOV-11", "IOV-19"].contains(&allowed.clause);
    let is_write = file.kind == FileKind::Regular && call.direction == Direction::Write;
    let begins = place(call, file);
    (faults && is_write && begins > file.held).then(|| File { held: begins, ..file.clone() })
}

/// Whether a call is made at the file's own position, and moves it.
fn is_at_own_position(call: Call) -> bool {
    call.position.is_none() || call.flags.is_some() && call.position == Some(-1)
}

/// Where in a regular file a call that was not refused begins.
fn place(call: Call, file: &File) -> u64 {
    let position = if is_at_own_position(call) { file.position } else { call.position.unwrap_or(0) };
    position as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const READV: Call = Call { direction: Direction::Read, position: None, flags: None };

    fn element(base: u64, len: u64) -> Iovec {
        Iovec { base, len }
    }

    fn mapped() -> Mapped {
        Mapped(vec![(0x1000, 0x3000)])
    }

    #[test]
    fn taking_nothing_out_leaves_all_as_it_was() {
        let whole = Mapped(vec![(0, 100)]);
        for (from, to) in [(50, 50), (60, 40), (0, 0), (100, 100)] {
            let mut mapped = whole.clone();
            mapped.unmap(from, to);
            assert_eq!(mapped, whole);
        }
    }

    #[test]
    fn the_order_of_the_checks_is_the_kernels() {
        let file = File { held: 100, ..File::empty(FileKind::Regular) };
        let errors = |call, file, vector| allowed(call, file, vector, &mapped()).errors;
        let bad = [element(u64::MAX - 8, 0), element(0x1000, 5)];
        assert_eq!(errors(READV, Some(&file), Vector::of(&bad)), [Errno::EFAULT], "also one of no length");
        assert_eq!(errors(READV, None, Vector::of(&bad)), [Errno::EBADF]);
        let negative = Call { position: Some(-1), ..READV };
        assert_eq!(errors(negative, None, Vector::of(&bad)), [Errno::EINVAL]);
        let none = Vector { elements: &[], readable: 0, count: 0 };
        assert!(allowed(READV, Some(&file), none, &mapped()).has(Ok(0)));
        assert_eq!(errors(READV, Some(&file), Vector { count: 1025, ..none }), [Errno::EINVAL]);
        assert_eq!(errors(READV, Some(&file), Vector { count: -1, ..none }), [Errno::EINVAL]);
        assert_eq!(errors(READV, Some(&file), Vector { count: 1, ..none }), [Errno::EFAULT]);
    }

    #[test]
    fn the_sum_is_capped_and_not_each_length() {
        let null = File::empty(FileKind::Null);
        let write = Call { direction: Direction::Write, ..READV };
        let half = element(0x1000, i32::MAX as u64);
        let answer = allowed(write, Some(&null), Vector::of(&[half, half]), &mapped());
        assert_eq!(answer.counts, Some(MAX_RW_COUNT..=MAX_RW_COUNT));
    }

    #[test]
    fn a_fault_in_the_middle_is_short_on_a_file_and_anything_on_a_pipe() {
        let vector = [element(0x1000, 10), element(0x4000, 10), element(0x1100, 10)];
        let of = |kind| {
            let file = File { held: 30, ..File::empty(kind) };
            allowed(READV, Some(&file), Vector::of(&vector), &mapped())
        };
        let file = of(FileKind::Regular);
        assert!(file.has(Ok(10)) && !file.has(Ok(11)) && !file.has(Ok(0)) && !file.has(Err(Errno::EFAULT)));
        let pipe = of(FileKind::Pipe);
        assert!(pipe.has(Ok(10)) && !pipe.has(Ok(11)) && pipe.has(Err(Errno::EFAULT)));
    }

    #[test]
    fn what_another_kernel_refuses_early_may_win_over_what_comes_later() {
        // Beyond the addresses of a process and below the kernel's.
        let between = [element(USER_END + 10, 5)];
        let none = Vector { elements: &[], readable: 0, count: -1 };
        let answer = process_vm(Vector::of(&between), none, 0, Target::Open, &mapped(), &mapped());
        assert!(answer.has(Err(Errno::EFAULT)) && answer.has(Err(Errno::EINVAL)));
        let negative = Vector { count: 1025, ..none };
        let answer = process_vm(Vector::of(&[element(0x1000, 5)]), negative, 0, Target::Open, &mapped(), &mapped());
        assert_eq!(answer.errors, [Errno::EINVAL]);
    }

    #[test]
    fn what_is_not_returned_stays() {
        let pipe = File { held: 30, ..File::empty(FileKind::Pipe) };
        assert_eq!(after(READV, &pipe, Err(Errno::EFAULT)), pipe);
        assert_eq!(after(READV, &pipe, Ok(12)).held, 18);
        let file = File { held: 30, position: 4, ..File::empty(FileKind::Regular) };
        assert_eq!(after(READV, &file, Ok(10)).position, 14);
        assert_eq!(after(Call { position: Some(0), ..READV }, &file, Ok(10)).position, 4);
        let own = Call { direction: Direction::Write, position: Some(-1), flags: Some(0) };
        let written = after(own, &file, Ok(40));
        assert_eq!((written.held, written.position), (44, 44));
    }

    #[test]
    fn count_and_flags_are_cut_where_the_kernel_cuts_them() {
        let file = File { held: 100, ..File::empty(FileKind::Regular) };
        let elements = [element(0x1000, 5)];
        let vector = Vector { count: 1 << 32 | 1, ..Vector::of(&elements) };
        assert!(allowed(READV, Some(&file), vector, &mapped()).has(Ok(5)));
        let nothing = Vector { count: 1 << 32, ..vector };
        assert!(allowed(READV, Some(&file), nothing, &mapped()).has(Ok(0)));
        let with = |flags| Call { position: Some(0), flags: Some(flags), ..READV };
        assert!(allowed(with(1 << 32), Some(&file), vector, &mapped()).has(Ok(5)));
        assert_eq!(allowed(with(1 << 30), Some(&file), vector, &mapped()).errors, [Errno::EOPNOTSUPP]);
        let one = Vector { count: 1, ..vector };
        let between = |local, remote, flags| process_vm(local, remote, flags, Target::Open, &mapped(), &mapped());
        assert!(between(vector, one, 0).has(Ok(5)));
        assert_eq!(between(one, vector, 0).errors, [Errno::EINVAL], "not on the other side");
        assert_eq!(between(one, one, 1 << 32).errors, [Errno::EINVAL]);
    }

    #[test]
    fn a_socket_that_is_read_empty_has_room_for_what_it_had_at_first() {
        let socket = File::empty(FileKind::Socket);
        let mut full = socket.clone();
        full.fill(40_000);
        assert_eq!(full.room.0, 0);
        assert_eq!(after(READV, &full, Ok(40_000)), socket);
        let mut pipe = File::empty(FileKind::Pipe);
        pipe.fill(40_000);
        assert_eq!(after(READV, &pipe, Ok(50_000)).held, 0, "more than there is leaves nothing");
    }

    #[test]
    fn only_a_write_that_faults_at_once_beyond_the_end_may_leave_the_file_longer() {
        let file = File { held: 30, position: 4, ..File::empty(FileKind::Regular) };
        let (none, some) = (in_part(5, 0), in_part(5, 2));
        let write = |position| Call { direction: Direction::Write, position: Some(position), flags: None };
        let fault = Err(Errno::EFAULT);
        assert_eq!(grown(write(40), &file, fault, &none), Some(File { held: 40, ..file.clone() }));
        assert_eq!(grown(write(30), &file, fault, &none), None);
        assert_eq!(grown(write(40), &file, Ok(2), &some), None);
        assert_eq!(grown(Call { direction: Direction::Read, ..write(40) }, &file, fault, &none), None);
        assert_eq!(grown(write(40), &file, fault, &Allowed::error(Errno::EFAULT, "IOV-05")), None);
        let device = File { held: 30, ..File::empty(FileKind::Null) };
        assert_eq!(grown(write(40), &device, fault, &none), None);
    }
}

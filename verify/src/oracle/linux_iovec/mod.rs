//! The Linux kernel that this runs on, asked about vectored system calls.
//!
//! A [`Question`] is a call with everything that it depends on: what the file is and holds, where the elements point, how
//! the vector itself lies in memory. [`ask`] sets that up anew, makes the call, and looks at the answer, at the position
//! and content of the file, and at every byte of memory, on both sides of a copy between processes. The answer must be one
//! that the spec allows, and the rest must fit to it.

pub mod arena;
pub mod files;
mod image;
mod question;

use std::fmt::{self, Write as _};
use std::io::{IoSlice, Write as _};

use arbitrary::{Arbitrary, Unstructured};
use files::{Opened, between, content, vectored};
use selvedge_model::iovec::calls::{self, Allowed, Call, Target};
use selvedge_model::iovec::{File, FileKind, Vector};
use selvedge_model::uio::{Direction, Errno, Iovec};

use self::arena::Arena;
use self::image::Image;
use self::question::direction;
pub use self::question::{At, Count, Flags, Length, Open, Place, Question, VectorOf, Which};
use super::{Inquiry, Oracle};
use crate::engine::Profile;

/// Pages of memory that elements point into, and those of them that fault.
const PAGES: usize = 8;
const HOLES: [usize; 2] = [2, 5];

/// An answer that the spec does not allow, or something that does not fit to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Surprise {
    /// What is wrong, in words.
    pub what: String,
    /// The question.
    pub question: Question,
    /// What the spec allows.
    pub allowed: Allowed,
    /// What the kernel answered.
    pub answer: Result<u64, Errno>,
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "question  {:?}", self.question)?;
        writeln!(f, "allowed   {}", in_words(&self.allowed))?;
        writeln!(f, "answered  {}", answer_in_words(self.answer))?;
        write!(f, "kernel    {}", version())
    }
}

/// The kernel's release.
pub fn version() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or_else(|_| "Linux of unknown version".to_owned(), |release| format!("Linux {}", release.trim()))
}

/// What the spec allows to a question, and what the kernel answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What is allowed.
    pub allowed: Allowed,
    /// What was answered.
    pub answer: Result<u64, Errno>,
}

/// What is made of the kernel's answer before anybody looks at it: to show that a kernel with such a bug would be noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// One more byte than it was.
    OneMore,
    /// One less.
    OneLess,
    /// No error, but nothing.
    ErrorIsNothing,
    /// The file's position has moved although the call failed.
    PositionMovesOnError,
    /// Something is lost from a pipe or socket although the call failed.
    LosesOnError,
    /// The first byte that was moved into memory is another one.
    FlipsMoved,
    /// A byte of memory that no element has is another one.
    FlipsBeside,
    /// The first byte after those that were moved into memory is another one, although it is in an element.
    FlipsBehind,
    /// The first byte that a write has moved out of memory is another one there.
    FlipsSource,
    /// The last byte of the file is another one.
    FlipsFile,
}

impl Lie {
    fn tell(self, answer: Result<u64, Errno>) -> Result<u64, Errno> {
        match (self, answer) {
            (Lie::OneMore, Ok(count)) => Ok(count + 1),
            (Lie::OneLess, Ok(count)) => Ok(count.saturating_sub(1)),
            (Lie::ErrorIsNothing, Err(_)) => Ok(0),
            _ => answer,
        }
    }

    fn tamper(self, opened: &Opened, before: &File, answer: Result<u64, Errno>) {
        match self {
            Lie::PositionMovesOnError if answer.is_err() => {
                opened.seek(before.position + 1).expect("the position can be set");
            }
            Lie::LosesOnError if answer.is_err() && !before.kind.is_seekable() && before.held > 0 => {
                opened.drop_one().expect("there is a byte to be lost");
            }
            Lie::FlipsFile if before.kind == FileKind::Regular && before.held > 0 => {
                opened.flip(before.held - 1).expect("the byte can be written");
            }
            _ => {}
        }
    }

    /// The same with memory that bytes were moved into or out of, or would have been.
    fn tamper_with_memory(self, moved: [Option<&Side<'_>>; 2], answer: Result<u64, Errno>) {
        let [into, out_of] = moved;
        let count = answer.unwrap_or(0);
        let flip = |side: Option<&Side<'_>>, number: u64| {
            let address = side.and_then(|side| side.image.address(side.elements, number));
            side.zip(address).into_iter().for_each(|(side, address)| side.memory.flip(address));
        };
        match self {
            Lie::FlipsMoved if count > 0 => flip(into, 0),
            Lie::FlipsBehind => flip(into, count),
            Lie::FlipsSource if count > 0 => flip(out_of, 0),
            Lie::FlipsBeside => {
                for side in moved.into_iter().flatten() {
                    let beside = side.image.beside(side.elements);
                    beside.into_iter().for_each(|address| side.memory.flip(address));
                }
            }
            _ => {}
        }
    }
}

/// Memory on one side of a call.
struct Side<'a> {
    memory: &'a Arena,
    image: &'a Image<'a>,
    elements: &'a [Iovec],
}

/// Asks the kernel.
///
/// # Errors
///
/// A surprise.
///
/// # Panics
///
/// If the kernel does not let the question be set up: no memory, no descriptors.
pub fn ask(question: &Question) -> Result<Asked, Box<Surprise>> {
    ask_through(question, None)
}

/// Asks the kernel through a lie.
///
/// # Errors
///
/// As [`ask`].
///
/// # Panics
///
/// As [`ask`].
pub fn ask_through(question: &Question, lie: Option<Lie>) -> Result<Asked, Box<Surprise>> {
    let memory = Arena::new(PAGES, &HOLES).expect("memory can be mapped");
    memory.fill(0);
    let local = Laid::out(&question.vector, &memory);
    match &question.which {
        Which::BetweenProcesses { is_write, remote, is_known, flags } => {
            // Memory of its own, so that what is copied there and back is told apart.
            let there = Arena::new(PAGES, &HOLES).expect("memory can be mapped");
            there.fill(1);
            let remote = Laid::out(remote, &there);
            let way = Way { direction: direction(*is_write), is_known: *is_known, flags: i64::from(*flags % 2) };
            between_processes(question, way, (&memory, &local), (&there, &remote), lie)
        }
        which => {
            let call = which.call().expect("the other one is done");
            on_file(question, call, &memory, &local, lie)
        }
    }
}

/// How bytes are copied between processes.
#[derive(Clone, Copy)]
struct Way {
    direction: Direction,
    is_known: bool,
    flags: i64,
}

fn between_processes(
    question: &Question,
    way: Way,
    (memory, local): (&Arena, &Laid),
    (there, remote): (&Arena, &Laid),
    lie: Option<Lie>,
) -> Result<Asked, Box<Surprise>> {
    let Way { direction, is_known, flags } = way;
    let target = if is_known { Target::Open } else { Target::Unknown };
    let (mapped, mapped_there) = (memory.mapped(), there.mapped());
    let allowed = calls::process_vm(local.vector(), remote.vector(), flags, target, &mapped, &mapped_there);
    let (mut here, mut over_there) = (Image::of(memory), Image::of(there));
    // SAFETY: every element points into memory of ours or to where nothing can be mapped: see `Place::address`.
    let answer = unsafe { between(direction, is_known, local.side(), remote.side(), flags) };
    let (elements, elements_there) = (local.imported(), remote.announced());
    let answer = lie.map_or(answer, |lie| {
        let near = Side { memory, image: &here, elements: &elements };
        let far = Side { memory: there, image: &over_there, elements: elements_there };
        let moved = if direction == Direction::Read { [near, far] } else { [far, near] };
        lie.tamper_with_memory(moved.each_ref().map(Some), answer);
        lie.tell(answer)
    });
    let asked = Asked { allowed, answer };
    if !asked.allowed.has(answer) {
        return Err(asked.surprise(question, NOT_ALLOWED));
    }
    let begun = asked.begun(mapped.good_of(&elements).min(mapped_there.good_of(elements_there)));
    let (count, from, to) =
        (answer.unwrap_or(0), here.gathered(&elements, begun), over_there.gathered(elements_there, begun));
    match direction {
        Direction::Read => here.moved(&elements, count, &to),
        Direction::Write => over_there.moved(elements_there, count, &from),
    }
    let wrong = here.wrong().or_else(|| over_there.wrong().map(|what| format!("on the other side, {what}")));
    wrong.map_or(Ok(asked.clone()), |what| Err(asked.surprise(question, &what)))
}

fn on_file(
    question: &Question,
    call: Call,
    memory: &Arena,
    local: &Laid,
    lie: Option<Lie>,
) -> Result<Asked, Box<Surprise>> {
    let mut image = Image::of(memory);
    let elements = local.imported();
    let tampered = |lie: Lie, image: &Image<'_>, answer: Result<u64, Errno>| {
        let side = Side { memory, image, elements: &elements };
        let is_read = call.direction == Direction::Read;
        lie.tamper_with_memory(if is_read { [Some(&side), None] } else { [None, Some(&side)] }, answer);
        lie.tell(answer)
    };
    let Some((kind, in_memory)) = question.open.file() else {
        let allowed = calls::allowed(call, None, local.vector(), &memory.mapped());
        // SAFETY: as above; and the descriptor is none.
        let answer = unsafe { vectored(-1, call, local.address, local.count) };
        let answer = lie.map_or(answer, |lie| tampered(lie, &image, answer));
        let asked = Asked { allowed, answer };
        let wrong = if asked.allowed.has(answer) { image.wrong() } else { Some(NOT_ALLOWED.to_owned()) };
        return wrong.map_or(Ok(asked.clone()), |what| Err(asked.surprise(question, &what)));
    };
    let opened = Opened::new(kind, in_memory, u64::from(question.held)).expect("files can be opened");
    opened.seek(i64::from(question.position)).expect("the position can be set");
    let before = opened.look().expect("the file can be looked at");
    let allowed = calls::allowed(call, Some(&before), local.vector(), &memory.mapped());
    // SAFETY: every element points into `memory` or to where nothing can be mapped: see `Place::address`.
    let answer = unsafe { vectored(opened.descriptor(call.direction), call, local.address, local.count) };
    let answer = lie.map_or(answer, |lie| {
        lie.tamper(&opened, &before, answer);
        tampered(lie, &image, answer)
    });
    let asked = Asked { allowed, answer };
    if !asked.allowed.has(answer) {
        return Err(asked.surprise(question, NOT_ALLOWED));
    }
    let now = opened.look().expect("the file can be looked at");
    let after = calls::after(call, &before, answer);
    let grown = calls::grown(call, &before, answer, &asked.allowed);
    let is_like = |file: &File| (now.position, now.held) == (file.position, file.held);
    if !is_like(&after) && !grown.as_ref().is_some_and(is_like) {
        let what = format!(
            "the file stands at {} and holds {}; it should stand at {} and hold {}",
            now.position, now.held, after.position, after.held
        );
        return Err(asked.surprise(question, &what));
    }
    let at = match call.position {
        Some(position) if position >= 0 => position,
        _ => before.position,
    };
    let count = answer.unwrap_or(0);
    let wrong = match call.direction {
        Direction::Read => {
            let begun = asked.begun(memory.mapped().good_of(&elements));
            image.moved(&elements, count, &waiting(&before, at, begun));
            image.wrong().or_else(|| check_file(&opened, &before, count, at, &[], now.held))
        }
        Direction::Write => {
            // A device looks at no byte, and says that it has taken more than there are.
            let looks = !matches!(kind, FileKind::Null | FileKind::Zero);
            let written = image.gathered(&elements, if looks { count } else { 0 });
            image.wrong().or_else(|| check_file(&opened, &before, 0, at, &written, now.held))
        }
    };
    wrong.map_or(Ok(asked.clone()), |what| Err(asked.surprise(question, &what)))
}

/// What is wrong if the answer itself is.
const NOT_ALLOWED: &str = "the answer is not one of those that the spec allows";

/// The bytes of a file that a read from a position on finds, and at most so many.
fn waiting(file: &File, at: i64, most: u64) -> Vec<u8> {
    match file.kind {
        FileKind::Null => Vec::new(),
        FileKind::Zero => vec![0; most as usize],
        FileKind::Regular => (at as u64..file.held).take(most as usize).map(content).collect(),
        FileKind::Pipe | FileKind::Socket => (0..file.held).take(most as usize).map(content).collect(),
    }
}

/// What was written is in the file, in order, and the rest of it is as it was, but for zeros if it now `holds` more, and
/// for the `read` bytes that a pipe or socket has no more. Zeros are not looked at where there are too many of them.
fn check_file(opened: &Opened, before: &File, read: u64, at: i64, written: &[u8], holds: u64) -> Option<String> {
    const ZEROS_MAX: u64 = 1 << 20;
    let File { kind, held, .. } = *before;
    if matches!(kind, FileKind::Null | FileKind::Zero) {
        return None;
    }
    let is_regular = kind == FileKind::Regular;
    let mut expected: Vec<u8> = (if is_regular { 0 } else { read }..held).map(content).collect();
    let at = if is_regular { at as u64 } else { expected.len() as u64 };
    if at > held + ZEROS_MAX && !written.is_empty() {
        let tail = opened.at(at, written.len()).expect("the file can be read");
        let head = opened.at(0, expected.len()).expect("the file can be read");
        return (tail != written || head != expected).then(|| "a byte of the file is wrong".to_owned());
    }
    if !written.is_empty() {
        let at = at as usize;
        expected.resize(expected.len().max(at + written.len()), 0);
        expected[at..at + written.len()].copy_from_slice(written);
    } else if is_regular {
        expected.resize(holds.min(held + ZEROS_MAX) as usize, 0);
    }
    let found = if is_regular { opened.at(0, expected.len()) } else { opened.rest(0) };
    let found = found.expect("the file can be read");
    let wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    match wrong {
        Some(position) => Some(format!("byte {position} of the file is wrong")),
        None if found.len() != expected.len() => {
            Some(format!("the file has {} bytes and not {}", found.len(), expected.len()))
        }
        None => None,
    }
}

/// A vector as it lies in memory.
struct Laid {
    elements: Vec<Iovec>,
    count: i64,
    address: u64,
    /// Keeps the memory of the vector itself.
    _arena: Arena,
}

impl Laid {
    fn out(vector: &VectorOf, memory: &Arena) -> Self {
        let some: Vec<Iovec> =
            vector.elements.iter().take(8).map(|(place, len)| len.element(place.address(memory))).collect();
        let again = |count: usize| some.iter().cycle().take(count).copied().collect::<Vec<_>>();
        let (elements, count) = match vector.count {
            Count::Exact => (some.clone(), some.len() as i64),
            Count::More(more) => (some.clone(), some.len() as i64 + 1 + i64::from(more)),
            Count::Repeated(count) => {
                let elements = again(usize::from(count % 1025));
                let count = elements.len() as i64;
                (elements, count)
            }
            Count::Most => (again(1024), if some.is_empty() { 0 } else { 1024 }),
            Count::TooMany => (again(1025), 1025),
            Count::Negative => (some.clone(), -1),
            Count::Wrapped => (some.clone(), (1 << 32) + some.len() as i64),
        };
        let arena = Arena::new(5, &[]).expect("memory can be mapped");
        let address = arena.put_vector(&elements);
        Laid { elements, count, address, _arena: arena }
    }

    fn vector(&self) -> Vector<'_> {
        Vector { elements: &self.elements, readable: self.elements.len(), count: self.count }
    }

    fn side(&self) -> files::Side {
        files::Side { vector: self.address, count: self.count }
    }

    /// The elements that are moved to or from, as the kernel cuts them; none if it refuses them.
    fn imported(&self) -> Vec<Iovec> {
        calls::import(self.vector().cut()).map_or_else(|_| Vec::new(), |imported| imported.elements)
    }

    /// The elements that are announced and there, as they stand.
    fn announced(&self) -> &[Iovec] {
        &self.elements[..usize::try_from(self.count).map_or(0, |count| count.min(self.elements.len()))]
    }
}

impl Asked {
    /// How many bytes may have been moved, accounted or not, of which the first `good` do not fault.
    fn begun(&self, good: u64) -> u64 {
        match self.answer {
            Ok(count) if self.allowed.clause == "IOV-06" => count,
            Ok(_) | Err(Errno::EFAULT) => good,
            Err(_) => 0,
        }
    }

    fn surprise(&self, question: &Question, what: &str) -> Box<Surprise> {
        Box::new(Surprise {
            what: what.to_owned(),
            question: question.clone(),
            allowed: self.allowed.clone(),
            answer: self.answer,
        })
    }
}

fn answer_in_words(answer: Result<u64, Errno>) -> String {
    answer.map_or_else(|errno| errno.to_string(), |count| count.to_string())
}

fn in_words(allowed: &Allowed) -> String {
    let mut words = String::new();
    if let Some(counts) = &allowed.counts {
        if counts.start() == counts.end() {
            write!(words, "{}", counts.start()).expect("a string takes everything");
        } else {
            write!(words, "{} to {}", counts.start(), counts.end()).expect("a string takes everything");
        }
    }
    for errno in &allowed.errors {
        let separator = if words.is_empty() { "" } else { ", " };
        write!(words, "{separator}{errno}").expect("a string takes everything");
    }
    words
}

/// A question out of bytes; any bytes are one.
pub fn question(bytes: &[u8]) -> Option<Question> {
    Question::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

/// Draws bytes: xorshift, for questions that are the same in every run of a seed.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Draws(seed | 1)
    }

    /// The next bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as u8
        };
        (0..len).map(|_| next()).collect()
    }
}

/// The oracle.
pub struct LinuxIovec;

impl Oracle for LinuxIovec {
    fn name(&self) -> &'static str {
        "iovec/linux"
    }

    fn about(&self) -> &'static str {
        "Vectored reads and writes of files on disk and in memory, pipes, sockets and devices, and copies between \
         processes, over memory with holes, with every limit in reach."
    }

    fn respondent(&self) -> Result<String, String> {
        if cfg!(target_arch = "x86_64") {
            Ok(version())
        } else {
            Err("the spec knows the addresses of x86-64 only".to_owned())
        }
    }

    fn questions(&self, profile: Profile) -> u64 {
        match profile {
            Profile::Quick => 4_000,
            Profile::Full => 400_000,
        }
    }

    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        let mut draws = Draws::new(inquiry.seed());
        while !inquiry.is_over() {
            let len = 16 + inquiry.asked() as usize % 64;
            let Some(mut question) = question(&draws.bytes(len)) else { continue };
            if inquiry.asked() % 2 == 1 {
                question.tame();
            }
            if inquiry.asked() % 8 == 7 {
                question.stretch((inquiry.asked() / 8) as u8);
            }
            match ask(&question) {
                Ok(asked) => inquiry.answered(&[asked.allowed.clause, "IOV-17"], true, || unreachable!("they agree")),
                Err(surprise) => inquiry.answered(&[surprise.allowed.clause], false, || {
                    let answer = format!("{}; {}", answer_in_words(surprise.answer), surprise.what);
                    (format!("{:?}", surprise.question), in_words(&surprise.allowed), answer)
                }),
            }
        }
        ask_std(inquiry).map_err(|error| error.to_string())?;
        inquiry.that_was_all();
        Ok(())
    }
}

/// What somebody gets who asks the kernel through std: it announces no more elements than the kernel takes.
fn ask_std(inquiry: &mut Inquiry) -> std::io::Result<()> {
    const FILE: &str = "std File::write_vectored";
    let mut null = std::fs::File::options().write(true).open("/dev/null")?;
    let mut ask = |input: &str, clause, slices: &[IoSlice<'_>], spec: Result<u64, Errno>| {
        let answer = null.write_vectored(slices).map(|count| count as u64);
        let answer = answer.map_err(|error| Errno(error.raw_os_error().unwrap_or(0) as u16));
        inquiry.peer(FILE, clause, answer == spec, || (input.into(), answer_in_words(spec), answer_in_words(answer)));
    };
    let (empty, byte) = (IoSlice::new(b""), IoSlice::new(b"x"));
    let mut slices = vec![empty; 1024];
    ask("1,024 empty slices", "IOV-07", &slices, Ok(0));
    slices.push(byte);
    ask("1,024 empty slices, then one of a byte", "IOV-02", &slices, Err(Errno::EINVAL));
    ask("1,024 slices of a byte", "IOV-06", &[byte; 1024], Ok(1024));
    ask("1,025 slices of a byte", "IOV-02", &[byte; 1025], Err(Errno::EINVAL));
    Ok(())
}

//! The Linux kernel that this runs on, asked about vectored system calls.
//!
//! A [`Question`] is a call with everything that it depends on: what the file is and holds, where the elements point, how
//! the vector itself lies in memory. [`ask`] sets that up anew, makes the call, and looks at the answer, at the position
//! and content of the file, and at every byte of memory. The answer must be one that the spec allows, and the rest must
//! fit to it.

pub mod arena;
pub mod files;
mod question;

use std::fmt::{self, Write as _};
use std::io::{IoSlice, Write as _};

use arbitrary::{Arbitrary, Unstructured};
use files::{Opened, Side, between, content, vectored};
use selvedge_model::iovec::calls::{self, Allowed, Call, PAGE, Target};
use selvedge_model::iovec::{File, FileKind, Vector};
use selvedge_model::uio::{Direction, Errno, Iovec};

use self::arena::Arena;
use self::question::direction;
pub use self::question::{At, Count, Flags, Length, Open, Place, Question, VectorOf, Which};
use super::{Inquiry, Oracle};
use crate::engine::Profile;

/// Pages of memory that elements point into, and those of them that fault.
const PAGES: usize = 8;
const HOLES: [usize; 2] = [2, 5];
/// What memory holds before a call.
const BLANK: u8 = 0xee;

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
            _ => {}
        }
    }
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
    memory.fill(BLANK);
    let local = Laid::out(&question.vector, &memory);
    match &question.which {
        Which::BetweenProcesses { is_write, remote, is_known, flags } => {
            let remote = Laid::out(remote, &memory);
            let (direction, target) = (direction(*is_write), if *is_known { Target::Open } else { Target::Unknown });
            let mapped = memory.mapped();
            let flags = i64::from(*flags % 2);
            let allowed = calls::process_vm(local.vector(), remote.vector(), flags, target, &mapped, &mapped);
            // SAFETY: every element points into `memory` or to where nothing can be mapped: see `Place::address`.
            let answer = unsafe { between(direction, *is_known, local.side(), remote.side(), flags) };
            let answer = lie.map_or(answer, |lie| lie.tell(answer));
            let asked = Asked { allowed, answer };
            let surprise = |what: &str| asked.surprise(question, what);
            if !asked.allowed.has(answer) {
                return Err(surprise("the answer is not one of those that the spec allows"));
            }
            Ok(asked)
        }
        which => {
            let call = which.call().expect("the other one is done");
            on_file(question, call, &memory, &local, lie)
        }
    }
}

fn on_file(
    question: &Question,
    call: Call,
    memory: &Arena,
    local: &Laid,
    lie: Option<Lie>,
) -> Result<Asked, Box<Surprise>> {
    let Some((kind, in_memory)) = question.open.file() else {
        let allowed = calls::allowed(call, None, local.vector(), &memory.mapped());
        // SAFETY: as above; and the descriptor is none.
        let answer = unsafe { vectored(-1, call, local.address, local.count) };
        let answer = lie.map_or(answer, |lie| lie.tell(answer));
        let asked = Asked { allowed, answer };
        return match asked.allowed.has(answer) {
            true => Ok(asked),
            false => Err(asked.surprise(question, "the answer is not one of those that the spec allows")),
        };
    };
    let opened = Opened::new(kind, in_memory, u64::from(question.held)).expect("files can be opened");
    opened.seek(i64::from(question.position)).expect("the position can be set");
    let before = opened.look().expect("the file can be looked at");
    let allowed = calls::allowed(call, Some(&before), local.vector(), &memory.mapped());
    // SAFETY: every element points into `memory` or to where nothing can be mapped: see `Place::address`.
    let answer = unsafe { vectored(opened.descriptor(call.direction), call, local.address, local.count) };
    let answer = lie.map_or(answer, |lie| {
        lie.tamper(&opened, &before, answer);
        lie.tell(answer)
    });
    let asked = Asked { allowed, answer };
    if !asked.allowed.has(answer) {
        return Err(asked.surprise(question, "the answer is not one of those that the spec allows"));
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
    if answer.is_err() && call.direction == Direction::Read {
        // A beginning may be in memory, of which nothing is promised.
        return Ok(asked);
    }
    let count = answer.unwrap_or(0);
    let at = match call.position {
        Some(position) if position >= 0 => position,
        _ => before.position,
    };
    let moved = Moved { elements: &local.elements, count, at, before: &before };
    let wrong = match call.direction {
        Direction::Read => moved.check_memory(kind, memory),
        Direction::Write => moved.check_file(&opened, now.held, memory),
    };
    match wrong {
        Some(what) => Err(asked.surprise(question, &what)),
        None => Ok(asked),
    }
}

/// A transfer that the kernel says it has made.
struct Moved<'a> {
    elements: &'a [Iovec],
    count: u64,
    at: i64,
    before: &'a File,
}

impl Moved<'_> {
    /// The parts of elements that were moved, in order. Elements may overlap: the last one that was written stands.
    fn parts(&self) -> Vec<Iovec> {
        let mut left = self.count;
        let parts = self.elements.iter().map(|element| {
            let len = element.len.min(left);
            left -= len;
            Iovec { base: element.base, len }
        });
        parts.filter(|part| part.len > 0).collect()
    }

    /// What was read is in memory, in order; beyond it nothing is known of elements that came after a fault.
    fn check_memory(&self, kind: FileKind, memory: &Arena) -> Option<String> {
        let parts = self.parts();
        let touched: u64 = self.elements.iter().map(|element| element.len.min(PAGES as u64 * PAGE)).sum();
        // What a short read leaves behind may overlap what was counted.
        if touched != self.count && overlap(self.elements) {
            return None;
        }
        let mut expected = std::collections::BTreeMap::new();
        let mut position = if kind == FileKind::Regular { self.at as u64 } else { 0 };
        for part in parts {
            for address in part.base..part.base + part.len {
                expected.insert(address, if kind == FileKind::Zero { 0 } else { content(position) });
                position += 1;
            }
        }
        let wrong = expected.iter().find(|(address, byte)| memory.read(**address, 1) != Some(vec![**byte]));
        wrong.map(|(address, byte)| {
            format!("byte {} of memory is {:?} and not {byte}", address - memory.start(), memory.read(*address, 1))
        })
    }

    /// What was written is in the file, in order, and the rest of it is as it was, but for zeros if it now `holds` more.
    fn check_file(&self, opened: &Opened, holds: u64, memory: &Arena) -> Option<String> {
        let File { kind, held, .. } = *self.before;
        if matches!(kind, FileKind::Null | FileKind::Zero) {
            return None;
        }
        let written: Vec<u8> = self
            .parts()
            .iter()
            .flat_map(|part| memory.read(part.base, part.len as usize).expect("the kernel has read it"))
            .collect();
        let mut expected: Vec<u8> = (0..held).map(content).collect();
        let at = if kind == FileKind::Regular { self.at as usize } else { expected.len() };
        if !written.is_empty() {
            expected.resize(expected.len().max(at + written.len()), 0);
            expected[at..at + written.len()].copy_from_slice(&written);
        } else if kind == FileKind::Regular {
            expected.resize(holds as usize, 0);
        }
        let found = opened.rest(0).expect("the file can be read");
        let wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        match wrong {
            Some(position) => Some(format!("byte {position} of the file is wrong")),
            None if found.len() != expected.len() => {
                Some(format!("the file has {} bytes and not {}", found.len(), expected.len()))
            }
            None => None,
        }
    }
}

fn overlap(elements: &[Iovec]) -> bool {
    let mut ranges: Vec<(u64, u64)> =
        elements.iter().map(|it| (it.base, it.base.saturating_add(it.len))).filter(|(from, to)| from < to).collect();
    ranges.sort_unstable();
    ranges.windows(2).any(|pair| pair[1].0 < pair[0].1)
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
        };
        let arena = Arena::new(5, &[]).expect("memory can be mapped");
        let address = arena.put_vector(&elements);
        Laid { elements, count, address, _arena: arena }
    }

    fn vector(&self) -> Vector<'_> {
        Vector { elements: &self.elements, readable: self.elements.len(), count: self.count }
    }

    fn side(&self) -> Side {
        Side { vector: self.address, count: self.count }
    }
}

impl Asked {
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
            let Some(question) = question(&draws.bytes(len)) else { continue };
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

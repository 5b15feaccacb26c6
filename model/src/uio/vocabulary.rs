//! The words of the litmus language for transfers: operations and answers.

use std::fmt;
use std::str::FromStr;

use super::movement::Iovec;
use super::spec::{BUFFER_LEN, MEMORY_LEN, THREADS_MAX};
use super::{Errno, UIO_MAXIOV};
use crate::spec::{Form, Unreadable};
use crate::text;

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Appends an element to the thread's vector.
    Element(Iovec),
    /// From this element on the thread's vector itself cannot be read.
    VectorEnd(u16),
    /// Makes addresses fault.
    Hole(u64, u8),
    /// Stores into memory.
    Store(u8, u8),
    /// Loads from memory.
    Load(u8),
    /// Sets a byte of the kernel buffer.
    BufferSet(u8, u8),
    /// Returns a byte of the kernel buffer.
    BufferGet(u8),
    /// Makes a transfer over the vector.
    Start {
        /// Its offset.
        offset: i64,
    },
    /// Sets `uio_resid`, whatever the vector has.
    SetResid(i64),
    /// Sets `uio_offset`.
    SetOffset(i64),
    /// Takes a vector out of the process, and drops it.
    Copyiniov {
        /// How many elements.
        count: i64,
        /// The error for too many.
        too_many: Errno,
    },
    /// Makes a transfer over a vector of the process.
    Copyinuio {
        /// How many elements.
        count: i64,
    },
    /// Moves.
    Uiomove(i64),
    /// Moves by the transfer of another thread.
    UiomoveOf(u8, i64),
    /// Moves without faulting.
    UiomoveNofault(i64),
    /// Moves out of, or into, a buffer of this length.
    UiomoveFrombuf(i64),
    /// Puts one byte.
    Ureadc(u8),
    /// Makes a copy of the transfer.
    Cloneuio,
    /// Goes on with the copy; the other one is the copy then.
    Swap,
    /// Returns a field of the transfer.
    Look(Field),
}

/// What a thread can ask its transfer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// `uio_resid`.
    Resid,
    /// `uio_offset`.
    Offset,
    /// `uio_iovcnt`.
    Iovcnt,
    /// The base of the element at `uio_iov`; -1 if there is none.
    Base,
    /// Its length; -1 if there is none.
    Len,
}

impl Field {
    const NAMES: [(&'static str, Field); 5] = [
        ("resid", Field::Resid),
        ("offset", Field::Offset),
        ("iovcnt", Field::Iovcnt),
        ("base", Field::Base),
        ("len", Field::Len),
    ];
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// It is done.
    Ok,
    /// An error number.
    Error(Errno),
    /// The byte or field read.
    Value(i64),
}

pub(super) static FORMS: &[Form] = &[
    Form::new("element", "BASE LEN", "Appends an element to the thread's vector."),
    Form::new("vector-end", "COUNT", "Makes the vector unreadable from this element on."),
    Form::new("hole", "ADDRESS LEN", "Makes addresses fault."),
    Form::new("store", "ADDRESS VALUE", "Stores a byte into memory."),
    Form::new("load", "ADDRESS", "Returns a byte of memory."),
    Form::new("buffer-set", "INDEX VALUE", "Sets a byte of the kernel buffer."),
    Form::new("buffer-get", "INDEX", "Returns a byte of the kernel buffer."),
    Form::new("start", "OFFSET", "Makes a transfer over the vector."),
    Form::new("set-resid", "RESID", "Sets uio_resid, right or wrong."),
    Form::new("set-offset", "OFFSET", "Sets uio_offset."),
    Form::new("copyiniov", "COUNT ERRNO", "Takes the vector in and drops it; ERRNO is for too many elements."),
    Form::new("copyinuio", "COUNT", "Makes a transfer of the vector as a system call does."),
    Form::new("uiomove", "N", "Moves at most N bytes."),
    Form::new("uiomove-of", "THREAD N", "Moves by the transfer of another thread."),
    Form::new("uiomove-nofault", "N", "Moves at most N bytes and serves no fault."),
    Form::new("uiomove-frombuf", "LEN", "Moves what a buffer of this length has at the offset."),
    Form::new("ureadc", "BYTE", "Puts one byte into the vector."),
    Form::new("cloneuio", "", "Makes a copy of the transfer."),
    Form::new("resid", "", "Returns uio_resid."),
    Form::new("offset", "", "Returns uio_offset."),
    Form::new("iovcnt", "", "Returns uio_iovcnt."),
    Form::new("base", "", "Returns the base of the element at uio_iov, or -1."),
    Form::new("len", "", "Returns its length, or -1."),
    Form::new("swap", "", "Goes on with the copy, if there is one; the other is the copy then."),
];

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Element(Iovec { base, len }) => write!(f, "element {} {}", *base as i64, *len as i64),
            Op::VectorEnd(count) => write!(f, "vector-end {count}"),
            Op::Hole(address, len) => write!(f, "hole {} {len}", *address as i64),
            Op::Store(address, value) => write!(f, "store {address} {value}"),
            Op::Load(address) => write!(f, "load {address}"),
            Op::BufferSet(index, value) => write!(f, "buffer-set {index} {value}"),
            Op::BufferGet(index) => write!(f, "buffer-get {index}"),
            Op::Start { offset } => write!(f, "start {offset}"),
            Op::SetResid(resid) => write!(f, "set-resid {resid}"),
            Op::SetOffset(offset) => write!(f, "set-offset {offset}"),
            Op::Copyiniov { count, too_many } => write!(f, "copyiniov {count} {}", too_many.0),
            Op::Copyinuio { count } => write!(f, "copyinuio {count}"),
            Op::Uiomove(n) => write!(f, "uiomove {n}"),
            Op::UiomoveOf(thread, n) => write!(f, "uiomove-of {thread} {n}"),
            Op::UiomoveNofault(n) => write!(f, "uiomove-nofault {n}"),
            Op::UiomoveFrombuf(len) => write!(f, "uiomove-frombuf {len}"),
            Op::Ureadc(byte) => write!(f, "ureadc {byte}"),
            Op::Cloneuio => f.write_str("cloneuio"),
            Op::Swap => f.write_str("swap"),
            Op::Look(field) => {
                let name = Field::NAMES.iter().find(|(_, known)| known == field);
                f.write_str(name.expect("every field has a name").0)
            }
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        let any = |at| call.number(at, i64::MIN..=i64::MAX);
        let byte = |at| call.number(at, 0..=u8::MAX);
        let address = |at| call.number(at, 0..=MEMORY_LEN - 1);
        let index = |at| call.number(at, 0..=BUFFER_LEN - 1);
        Ok(match call.name {
            "element" => Op::Element(Iovec { base: any(0)? as u64, len: any(1)? as u64 }),
            "vector-end" => Op::VectorEnd(call.number(0, 0..=UIO_MAXIOV as u16)?),
            "hole" => Op::Hole(any(0)? as u64, byte(1)?),
            "store" => Op::Store(address(0)?, byte(1)?),
            "load" => Op::Load(address(0)?),
            "buffer-set" => Op::BufferSet(index(0)?, byte(1)?),
            "buffer-get" => Op::BufferGet(index(0)?),
            "start" => Op::Start { offset: any(0)? },
            "set-resid" => Op::SetResid(any(0)?),
            "set-offset" => Op::SetOffset(any(0)?),
            "copyiniov" => Op::Copyiniov { count: any(0)?, too_many: Errno(call.number(1, 1..=u16::MAX)?) },
            "copyinuio" => Op::Copyinuio { count: any(0)? },
            "uiomove" => Op::Uiomove(any(0)?),
            "uiomove-of" => Op::UiomoveOf(call.number(0, 0..=THREADS_MAX as u8 - 1)?, any(1)?),
            "uiomove-nofault" => Op::UiomoveNofault(any(0)?),
            "uiomove-frombuf" => Op::UiomoveFrombuf(any(0)?),
            "ureadc" => Op::Ureadc(byte(0)?),
            "cloneuio" => Op::Cloneuio,
            "swap" => Op::Swap,
            name => Op::Look(text::one_of(name, "field", &Field::NAMES)?),
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Ok => f.write_str("ok"),
            Ret::Error(errno) => write!(f, "{errno}"),
            Ret::Value(value) => write!(f, "{value}"),
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        match text.trim() {
            "ok" => Ok(Ret::Ok),
            text => text.parse().map(Ret::Value).or_else(|_| text.parse().map(Ret::Error)),
        }
    }
}

//! Our own transfers and cursors, asked what the spec of `uiomove` is asked; and beside them what the standard library
//! offers for the same work.
//!
//! The inputs are drawn, and are those of the fuzz targets ([`crate::fuzz::uio`]). std promises none of `uiomove`'s
//! semantics: its cells of the survey say what somebody gets who uses it instead.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::panic::{self, AssertUnwindSafe};

use arbitrary::{Arbitrary, Unstructured};
use selvedge_model::uio::{Direction, Iovec, Memory, Segment, Uio, movement};

use super::linux_iovec::Draws;
use super::{Inquiry, Oracle};
use crate::fuzz::uio::{self, Found, Handed, Session, Step};

/// The oracle.
pub struct UioCursors;

impl Oracle for UioCursors {
    fn name(&self) -> &'static str {
        "uio/cursors"
    }

    fn about(&self) -> &'static str {
        "Transfers over memory with holes call by call, cursors over slices, and untrusted vectors with every limit in \
         reach; std's vectored reads, writes and advances beside them."
    }

    fn respondent(&self) -> Result<String, String> {
        Ok(concat!("selvedge::uio ", env!("CARGO_PKG_VERSION")).to_owned())
    }

    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        let mut draws = Draws::new(inquiry.seed());
        while !inquiry.is_over() {
            let len = 16 + inquiry.asked() as usize % 160;
            let bytes = draws.bytes(len);
            let answer = |inquiry: &mut Inquiry,
                          clauses: &[&'static str],
                          input: String,
                          outcome: Result<(), Found>| {
                match outcome {
                    Ok(()) => inquiry.answered(clauses, true, || unreachable!("they agree")),
                    Err(found) => inquiry.answered(&[found.clause], false, || (input, "the same".into(), found.text)),
                }
            };
            if let Ok(session) = Session::arbitrary_take_rest(Unstructured::new(&bytes)) {
                let input = format!("{session:?}");
                answer(inquiry, &SESSION, input.clone(), uio::session(&session, None));
                answer(inquiry, &CURSORS, input, uio::cursors(&session));
                ask_std(&session, inquiry);
            }
            if let Ok(handed) = Handed::arbitrary_take_rest(Unstructured::new(&bytes)) {
                answer(inquiry, &["UIO-16"], format!("{handed:?}"), uio::import(&handed, None));
            }
        }
        ask_std_for_too_much(inquiry);
        inquiry.that_was_all();
        Ok(())
    }
}

const SESSION: [&str; 13] = [
    "UIO-06", "UIO-01", "UIO-02", "UIO-04", "UIO-05", "UIO-07", "UIO-09", "UIO-10", "UIO-11", "UIO-12", "UIO-13",
    "UIO-14", "UIO-18",
];
const CURSORS: [&str; 3] = ["UIO-06", "UIO-09", "UIO-07"];

const ADVANCE: &str = "std IoSlice::advance_slices";
const WRITE: &str = "std write_vectored into &mut [u8]";
const READ: &str = "std read_vectored from &[u8]";

/// std's ways to do what one move does.
fn ask_std(session: &Session, inquiry: &mut Inquiry) {
    let lens: Vec<usize> = session.elements.iter().take(12).map(|it| usize::from(it.len % 12)).collect();
    let total: usize = lens.iter().sum();
    let data: Vec<u8> = (0..total as u8).collect();
    let wanted = session.steps.iter().find_map(|step| match step {
        Step::Uiomove(n) => usize::try_from(*n).ok().map(|n| n.min(32)),
        _ => None,
    });
    let Some(wanted) = wanted else { return };
    let input = || format!("{wanted} of elements of {lens:?}");

    let mut base = 0;
    let vector = lens.iter().map(|len| {
        base += *len as u64;
        Iovec { base: base - *len as u64, len: *len as u64 }
    });
    let mut gathered = Uio::new(vector.collect(), 0, Segment::System, Direction::Write, 0);
    let mut scattered = Uio { direction: Direction::Read, ..gathered.clone() };
    let mut memory = Memory::new(0, data.clone());
    let mut buffer = vec![255; wanted];
    let (moved, _) = movement::uiomove(&mut buffer, wanted as i64, &mut gathered, &mut memory);

    let mut slices = split(&data, &lens);
    let mut found = vec![255; wanted];
    let written = (&mut found[..]).write_vectored(&slices).expect("memory has no errors");
    let agrees = written as u64 == moved && found == buffer;
    inquiry.peer(WRITE, "UIO-06", agrees, || (input(), format!("{buffer:?}"), format!("{found:?}")));

    if wanted <= total {
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, wanted);
        let left: Vec<u8> = rest.iter().flat_map(|slice| slice.iter().copied()).collect();
        inquiry.peer(ADVANCE, "UIO-12", left == data[wanted..], || {
            (input(), format!("{:?} is left", &data[wanted..]), format!("{left:?} is left"))
        });
        inquiry.peer(ADVANCE, "UIO-11", rest.len() == gathered.iovcnt, || {
            (input(), format!("{} elements are left", gathered.iovcnt), format!("{} elements are left", rest.len()))
        });
    }

    let source: Vec<u8> = (0..wanted).map(|index| 128 + index as u8).collect();
    let (moved, _) = movement::uiomove(&mut source.clone(), wanted as i64, &mut scattered, &mut memory);
    let mut theirs = data.clone();
    let mut rest = &mut theirs[..];
    let mut slices: Vec<IoSliceMut<'_>> = Vec::new();
    for len in &lens {
        let (now, later) = rest.split_at_mut(*len);
        slices.push(IoSliceMut::new(now));
        rest = later;
    }
    let read = (&source[..]).read_vectored(&mut slices).expect("memory has no errors");
    inquiry.peer(READ, "UIO-06", read as u64 == moved && theirs == memory.all(), || {
        (input(), format!("{:?}", memory.all()), format!("{theirs:?}"))
    });
}

/// More than there is: a move stops at the end, and so it says.
fn ask_std_for_too_much(inquiry: &mut Inquiry) {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let survives = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut slices = [IoSlice::new(b"abc")];
        IoSlice::advance_slices(&mut &mut slices[..], 4);
    }));
    panic::set_hook(hook);
    inquiry.peer(ADVANCE, "UIO-07", survives.is_ok(), || {
        ("4 of elements of [3]".to_owned(), "3 are moved".to_owned(), "a panic".to_owned())
    });
}

fn split<'a>(data: &'a [u8], lens: &[usize]) -> Vec<IoSlice<'a>> {
    let mut rest = data;
    let pieces = lens.iter().map(|len| {
        let (now, later) = rest.split_at(*len);
        rest = later;
        IoSlice::new(now)
    });
    pieces.collect()
}

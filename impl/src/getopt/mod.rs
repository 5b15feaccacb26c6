//! `getopt(3)` for Rust programs that take over the command line of a C program.
//!
//! The same optstrings, the same tables of long options, the same messages, the same order of operands as in the GNU C
//! library; no global variables, no output of its own, and no requirement that arguments be text. Arguments are byte
//! strings; [`Opt::argument_os`] gives them as [`OsStr`](std::ffi::OsStr) where those are byte strings too.
//!
//! An [`Options`] says which options there are. A [`Parser`] is an iterator over what a command line says. Operands are
//! moved behind the options, as glibc does, but in linear time: they are set aside as they are met and put back once, at
//! the end. [`Scan`] is the compatibility mode: one call at a time, with `optind` to read and write and argv in the order
//! in which glibc has it between any two calls, which takes glibc's quadratic time.
//!
//! # A program with letters
//!
//! `prog [-dmp] [-s name] -f name file [file ...]`
//!
//! ```
//! use selvedge::getopt::{Opt, Options, Parser};
//!
//! let options = Options::getopt("df:mps:")?.posixly_correct(false);
//! let mut parser = Parser::new(&options, ["prog", "-dp", "one", "-f", "list", "two", "-sname"]);
//! let (mut debug, mut file, mut name) = (false, None, None);
//! for option in &mut parser {
//!     // The error is the message that getopt prints: `prog: invalid option -- 'z'`.
//!     match option.map_err(|error| error.to_string())? {
//!         Opt::Short { letter: b'd', .. } => debug = true,
//!         Opt::Short { letter: b'm' | b'p', .. } => {}
//!         Opt::Short { letter: b'f', argument } => file = argument,
//!         Opt::Short { letter: b's', argument } => name = argument,
//!         other => unreachable!("{other:?} is not in the optstring"),
//!     }
//! }
//! assert!(debug);
//! assert_eq!(file.expect("-f is required"), b"list");
//! assert_eq!(name, Some(&b"name"[..]));
//! assert_eq!(parser.operands(), [b"one", b"two"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A program with names
//!
//! What `size` of the GNU binutils understands. `--totals` stores into a flag; `--format` is told apart from every letter
//! by a number beyond them; `--ta` is short for `--target`.
//!
//! ```
//! use std::cell::Cell;
//! use selvedge::getopt::{HasArg, Options, Parser};
//!
//! const FORMAT: i32 = 200;
//! const RADIX: i32 = FORMAT + 1;
//! const TARGET: i32 = RADIX + 1;
//! let (common, totals, version, help) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
//! let options = Options::getopt_long("ABHhVvdfotx")?
//!     .flag("common", HasArg::No, &common, 1)?
//!     .long("format", HasArg::Required, FORMAT)?
//!     .long("radix", HasArg::Required, RADIX)?
//!     .long("target", HasArg::Required, TARGET)?
//!     .flag("totals", HasArg::No, &totals, 1)?
//!     .flag("version", HasArg::No, &version, 1)?
//!     .flag("help", HasArg::No, &help, 1)?
//!     .posixly_correct(false);
//!
//! let (mut format, mut radix, mut target) = (None, 10, None);
//! let argv = ["size", "a.out", "--format=sysv", "-x", "--totals", "--ta", "elf64", "b.out"];
//! let mut parser = Parser::new(&options, argv);
//! for option in &mut parser {
//!     let option = option.map_err(|error| error.to_string())?;
//!     match option.code() {
//!         FORMAT => format = option.argument(),
//!         RADIX => radix = std::str::from_utf8(option.argument().expect("it is required"))?.parse()?,
//!         TARGET => target = option.argument(),
//!         0 => {} // A flag, stored by now.
//!         code if code == i32::from(b'x') => radix = 16,
//!         other => unreachable!("{other} is not handled here"),
//!     }
//! }
//! assert_eq!((format, radix, totals.get()), (Some(&b"sysv"[..]), 16, 1));
//! assert_eq!(target, Some(&b"elf64"[..]));
//! assert_eq!(parser.operands(), [b"a.out", b"b.out"]);
//!
//! // Two names begin so.
//! let error = Parser::new(&options, ["size", "--t"]).next().unwrap().unwrap_err();
//! assert_eq!(error.to_string(), "size: option '--t' is ambiguous; possibilities: '--target' '--totals'");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where it differs from glibc
//!
//! - Nothing is printed. An error is a value whose text is what glibc would print, without the newline.
//! - A letter from 0x80 on is a byte, not a negative number, so that 0xff is not taken for the end.
//! - A [`Parser`] is done when it has said so once. glibc forgets that it has met `--`: called again it parses what comes
//!   after it. [`Scan`] does as glibc does.
//! - A table that cannot be meant ([`Malformed`]) is refused, unless it is made with [`Options::lenient`].
//! - A name whose `val` is -1 is returned like any other if [`Options::lenient`] has let it through. glibc's
//!   `getopt_long_only` takes it for no name after one dash, and goes on with the letters of the element after it, or
//!   beyond argv.

mod cursor;
mod error;
mod options;
mod parser;
mod scan;

pub use error::{Error, ErrorKind};
pub use options::{HasArg, LongOption, Malformed, Options};
pub use parser::Parser;
pub use scan::Scan;

/// What a command line says next.
#[derive(Clone, Copy, Debug)]
pub enum Opt<'a> {
    /// An option of one letter.
    Short {
        /// The letter.
        letter: u8,
        /// Its argument, if it takes one and, where that is optional, has one.
        argument: Option<&'a [u8]>,
    },
    /// An option with a name.
    Long {
        /// Its place in the table.
        index: usize,
        /// The entry of the table.
        entry: &'a LongOption<'a>,
        /// Its argument, if it takes one and, where that is optional, has one.
        argument: Option<&'a [u8]>,
    },
    /// An operand in its place: only where the optstring begins with `-`.
    Operand(&'a [u8]),
}

impl<'a> Opt<'a> {
    /// What the C function returns: the letter, an entry's `val` or 0 if that was stored into a flag, 1 for an operand.
    pub fn code(&self) -> i32 {
        match self {
            Opt::Short { letter, .. } => i32::from(*letter),
            Opt::Long { entry, .. } if entry.flag.is_some() => 0,
            Opt::Long { entry, .. } => entry.val,
            Opt::Operand(_) => 1,
        }
    }

    /// The option's argument, or the operand: `optarg`.
    pub fn argument(&self) -> Option<&'a [u8]> {
        match self {
            Opt::Short { argument, .. } | Opt::Long { argument, .. } => *argument,
            Opt::Operand(operand) => Some(operand),
        }
    }

    /// The same as a piece of the operating system's text.
    #[cfg(unix)]
    pub fn argument_os(&self) -> Option<&'a std::ffi::OsStr> {
        self.argument().map(std::os::unix::ffi::OsStrExt::from_bytes)
    }
}

#[cfg(test)]
mod tests;

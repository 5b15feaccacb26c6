//! The iterator: operands are set aside as they are met and put behind the options once, at the end.
//!
//! Until then what has been read of argv is in no order that anybody should look at: `argv[..written]` holds what the
//! options took, and the operands are in the scratch buffer. What has not been read is where it was, so that `optind` is
//! glibc's at every step. A parser that is dropped before the end puts the operands back all the same: between what is
//! written and what is not read there is room for exactly them.

use std::borrow::BorrowMut;

use super::Opt;
use super::cursor::{Cursor, is_operand};
use super::error::Error;
use super::options::{Options, Ordering};

/// Reads a command line: an iterator over its options.
///
/// It takes two buffers of `argc` pointers when it is made, or borrows them ([`Parser::lent`]), and allocates nothing
/// after that. All of a parse together takes time linear in the number of elements, and in letters and table entries
/// compared.
#[derive(Debug)]
pub struct Parser<'a, Buffer: BorrowMut<[&'a [u8]]> = Vec<&'a [u8]>> {
    options: &'a Options<'a>,
    ordering: Ordering,
    argv: Buffer,
    /// The operands skipped so far.
    skipped: Buffer,
    skipped_count: usize,
    /// `argv[..written]` is in its last place.
    written: usize,
    /// `argv[from..optind]` is what the current option took.
    from: usize,
    cursor: Cursor<'a>,
    has_ended: bool,
}

impl<'a> Parser<'a> {
    /// A parser of this command line, whose first element is the program's name. An empty one has no options.
    pub fn new<S: AsRef<[u8]> + ?Sized + 'a>(options: &'a Options<'a>, argv: impl IntoIterator<Item = &'a S>) -> Self {
        let argv: Vec<&[u8]> = argv.into_iter().map(AsRef::as_ref).collect();
        let skipped = vec![&b""[..]; argv.len()];
        Self::over(options, argv, skipped)
    }

    /// The same of the operating system's strings, as [`std::env::args_os`] gives them.
    #[cfg(unix)]
    pub fn of_os_strings<S: AsRef<std::ffi::OsStr> + 'a>(
        options: &'a Options<'a>,
        argv: impl IntoIterator<Item = &'a S>,
    ) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let argv: Vec<&[u8]> = argv.into_iter().map(|word| word.as_ref().as_bytes()).collect();
        let skipped = vec![&b""[..]; argv.len()];
        Self::over(options, argv, skipped)
    }
}

impl<'a, 'b> Parser<'a, &'b mut [&'a [u8]]> {
    /// A parser that allocates nothing: `argv` is permuted in place, and `scratch`, whose content does not matter, is as
    /// long.
    ///
    /// While the parser lives, words may be missing in `argv` and others be there twice. Once it has ended or is dropped,
    /// `argv` is a permutation of what it was: what options took, then the operands that they were found behind, then what
    /// has not been looked at.
    ///
    /// ```
    /// use selvedge::getopt::{Options, Parser};
    ///
    /// let options = Options::getopt("ab:")?.posixly_correct(false);
    /// let mut argv: [&[u8]; 5] = [b"prog", b"x", b"-a", b"-z", b"-b"];
    /// let mut scratch = [&b""[..]; 5];
    /// let wrong = Parser::lent(&options, &mut argv, &mut scratch).find(Result::is_err);
    /// assert!(wrong.is_some());
    /// assert_eq!(argv, [&b"prog"[..], b"-a", b"-z", b"x", b"-b"]);
    /// # Ok::<(), selvedge::getopt::Malformed>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `scratch` is shorter than `argv`.
    pub fn lent(options: &'a Options<'a>, argv: &'b mut [&'a [u8]], scratch: &'b mut [&'a [u8]]) -> Self {
        assert!(scratch.len() >= argv.len(), "the scratch buffer has room for all of argv");
        Self::over(options, argv, scratch)
    }
}

impl<'a, Buffer: BorrowMut<[&'a [u8]]>> Parser<'a, Buffer> {
    fn over(options: &'a Options<'a>, argv: Buffer, skipped: Buffer) -> Self {
        let is_empty = argv.borrow().is_empty();
        Parser {
            options,
            ordering: options.ordering(),
            argv,
            skipped,
            skipped_count: 0,
            written: 1,
            from: 1,
            cursor: Cursor { optind: 1, cluster: &[] },
            has_ended: is_empty,
        }
    }

    /// The element to look at next, as in C: while options are left, its place in argv as it was given; at the end the
    /// place of the first operand.
    pub fn optind(&self) -> usize {
        self.cursor.optind
    }

    /// argv in its present order: options, then operands, once the iterator has ended. Before that what has been read of it
    /// is in no order, and operands may be missing.
    pub fn argv(&self) -> &[&'a [u8]] {
        self.argv.borrow()
    }

    /// The operands, once the iterator has ended; until then, what has not been looked at.
    pub fn operands(&self) -> &[&'a [u8]] {
        self.argv.borrow().get(self.cursor.optind..).unwrap_or_default()
    }

    /// Puts what the last option took behind what earlier ones did.
    fn settle(&mut self) {
        if self.skipped_count > 0 {
            self.argv.borrow_mut().copy_within(self.from..self.cursor.optind, self.written);
        }
        self.written += self.cursor.optind - self.from;
        self.from = self.cursor.optind;
    }

    fn end(&mut self) {
        self.put_back();
        self.cursor.optind = self.written;
        self.has_ended = true;
    }

    /// Puts the skipped operands behind what is written.
    fn put_back(&mut self) {
        let skipped = &self.skipped.borrow()[..self.skipped_count];
        self.argv.borrow_mut()[self.written..self.written + skipped.len()].copy_from_slice(skipped);
    }
}

impl<'a, Buffer: BorrowMut<[&'a [u8]]>> Drop for Parser<'a, Buffer> {
    /// The words that were set aside go back: argv may be the caller's.
    fn drop(&mut self) {
        if !self.has_ended {
            self.settle();
            self.put_back();
        }
    }
}

impl<'a, Buffer: BorrowMut<[&'a [u8]]>> Iterator for Parser<'a, Buffer> {
    type Item = Result<Opt<'a>, Error<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.cluster.is_empty() {
            if self.has_ended {
                return None;
            }
            self.settle();
            let argv = self.argv.borrow();
            if self.ordering == Ordering::Permute {
                let skipped = self.skipped.borrow_mut();
                while let Some(operand) = argv.get(self.cursor.optind).filter(|element| is_operand(element)) {
                    skipped[self.skipped_count] = operand;
                    self.skipped_count += 1;
                    self.cursor.optind += 1;
                }
                self.from = self.cursor.optind;
            }
            match argv.get(self.cursor.optind).copied() {
                None => {
                    self.end();
                    return None;
                }
                Some(b"--") => {
                    self.cursor.optind += 1;
                    self.settle();
                    self.end();
                    return None;
                }
                Some(operand) if is_operand(operand) => {
                    if self.ordering == Ordering::InOrder {
                        self.cursor.optind += 1;
                        return Some(Ok(Opt::Operand(operand)));
                    }
                    self.has_ended = true;
                    return None;
                }
                Some(_) => {}
            }
        }
        Some(self.cursor.take(self.options, self.argv.borrow()))
    }
}

impl<'a, Buffer: BorrowMut<[&'a [u8]]>> std::iter::FusedIterator for Parser<'a, Buffer> {}

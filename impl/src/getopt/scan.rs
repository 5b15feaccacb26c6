//! The compatibility mode: one call at a time, argv moved as glibc moves it.

use super::Opt;
use super::cursor::{Cursor, is_operand};
use super::error::Error;
use super::options::{Options, Ordering};

/// getopt's variables, the hidden ones included: C's `getopt`, without anything global.
///
/// The caller keeps argv and passes it to each call. Between two calls `optind` may be set: to 0, which restarts the scan,
/// or to any other place in argv. Each call may move elements of argv, and all of them together may take time quadratic
/// in its length: that is how glibc does it. [`Parser`](super::Parser) is the one to use where this does not matter.
///
/// ```
/// use selvedge::getopt::{Options, Scan};
///
/// let options = Options::getopt("ab:")?;
/// let mut argv: Vec<&[u8]> = vec![b"prog", b"x", b"-a", b"y"];
/// let mut scan = Scan::new();
/// assert_eq!(scan.call(&options, &mut argv).map(|option| option.unwrap().code()), Some(i32::from(b'a')));
/// assert_eq!((scan.optind, argv[1]), (3, &b"x"[..]), "glibc moves operands in the next call");
/// assert!(scan.call(&options, &mut argv).is_none());
/// assert_eq!((scan.optind, argv[1]), (2, &b"-a"[..]));
/// # Ok::<(), selvedge::getopt::Malformed>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    /// The element to look at next. 0 restarts the scan.
    pub optind: usize,
    cluster: &'a [u8],
    /// The operands skipped so far that options have come behind.
    window: (usize, usize),
    /// `None` before the first call.
    ordering: Option<Ordering>,
    optopt: i32,
}

impl Default for Scan<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Scan<'a> {
    /// The variables as a program finds them.
    pub fn new() -> Self {
        Scan { optind: 1, cluster: &[], window: (1, 1), ordering: None, optopt: 0 }
    }

    /// C's `optopt` after a call: the letter or `val` of the last error, 0 before any.
    pub fn optopt(&self) -> i32 {
        self.optopt
    }

    /// Whether letters of an element are still to be taken.
    pub fn is_in_cluster(&self) -> bool {
        !self.cluster.is_empty()
    }

    /// The next option, or `None` for the end. As in C a further call after the end may find more: what came after `--`.
    ///
    /// # Panics
    ///
    /// Where the C function would read outside of argv: `optind` is beyond its end, or at its end in the middle of a
    /// cluster.
    pub fn call(&mut self, options: &'a Options<'a>, argv: &mut [&'a [u8]]) -> Option<Result<Opt<'a>, Error<'a>>> {
        if argv.is_empty() {
            return None;
        }
        let ordering = match self.ordering {
            Some(ordering) if self.optind != 0 => ordering,
            _ => {
                self.optind = self.optind.max(1);
                self.window = (self.optind, self.optind);
                self.cluster = &[];
                *self.ordering.insert(options.ordering())
            }
        };
        let left = argv.len().checked_sub(self.optind).expect("optind is within argv");
        assert!(self.cluster.is_empty() || left > 0, "a cluster is left, so its element is one of argv");
        if self.cluster.is_empty() {
            self.window.0 = self.window.0.min(self.optind);
            self.window.1 = self.window.1.min(self.optind);
            if ordering == Ordering::Permute {
                self.exchange(argv);
                self.optind += argv[self.optind..].iter().take_while(|element| is_operand(element)).count();
                self.window.1 = self.optind;
            }
            match argv.get(self.optind).copied() {
                None => return self.end(),
                Some(b"--") => {
                    self.optind += 1;
                    self.exchange(argv);
                    self.window.1 = argv.len();
                    return self.end();
                }
                Some(operand) if is_operand(operand) => {
                    if ordering == Ordering::RequireOrder {
                        return None;
                    }
                    self.optind += 1;
                    return Some(Ok(Opt::Operand(operand)));
                }
                Some(_) => {}
            }
        }
        let mut cursor = Cursor { optind: self.optind, cluster: self.cluster };
        let taken = cursor.take(options, argv);
        (self.optind, self.cluster) = (cursor.optind, cursor.cluster);
        if let Err(error) = &taken {
            self.optopt = error.optopt();
        }
        Some(taken)
    }

    /// Moves the options that came after the skipped operands before them.
    fn exchange(&mut self, argv: &mut [&'a [u8]]) {
        let (first, last) = self.window;
        if first == last {
            self.window.0 = self.optind;
        } else if last != self.optind {
            argv[first..self.optind].rotate_left(last - first);
            self.window = (first + self.optind - last, self.optind);
        }
    }

    fn end(&mut self) -> Option<Result<Opt<'a>, Error<'a>>> {
        if self.window.0 != self.window.1 {
            self.optind = self.window.0;
        }
        None
    }
}

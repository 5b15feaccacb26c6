//! The glibc of this process, through its C interface.
//!
//! Its variables are global, so one [`Glibc`] exists at a time. While it does, the C `stderr` is a memory stream: what is
//! printed is compared like everything else. The environment is not touched; a case must be for the one there is.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::{null, null_mut};

use selvedge::platform::host::{Mutex, MutexGuard, PoisonError};
use selvedge_model::getopt::{Function, HasArg, LongOption, Word};

use super::{Act, Case, FLAGS, Run};

mod c {
    use std::ffi::{c_char, c_int};

    /// `struct option` of getopt.h.
    #[repr(C)]
    pub struct LongOption {
        pub name: *const c_char,
        pub has_arg: c_int,
        pub flag: *mut c_int,
        pub val: c_int,
    }

    unsafe extern "C" {
        pub static mut optind: c_int;
        pub static mut opterr: c_int;
        pub static mut optopt: c_int;
        pub static mut optarg: *mut c_char;
        pub static mut stderr: *mut libc::FILE;
        pub fn getopt(argc: c_int, argv: *mut *mut c_char, optstring: *const c_char) -> c_int;
        pub fn getopt_long(
            argc: c_int,
            argv: *mut *mut c_char,
            optstring: *const c_char,
            table: *const LongOption,
            index: *mut c_int,
        ) -> c_int;
        pub fn getopt_long_only(
            argc: c_int,
            argv: *mut *mut c_char,
            optstring: *const c_char,
            table: *const LongOption,
            index: *mut c_int,
        ) -> c_int;
    }
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The process's getopt, for its holder alone.
pub struct Glibc {
    _alone: MutexGuard<'static, ()>,
    is_posixly_correct: bool,
    stderr_before: *mut libc::FILE,
    stream: *mut libc::FILE,
    /// Where the stream says what it holds. Boxed: the stream keeps their addresses.
    held: Box<(*mut c_char, libc::size_t)>,
}

impl Glibc {
    /// Waits until nobody else has it.
    ///
    /// # Panics
    ///
    /// If there is no memory for a stream.
    pub fn lock() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = Box::new((null_mut(), 0));
        // SAFETY: both places live as long as the stream: they are boxed, and `drop` closes the stream first.
        let stream = unsafe { libc::open_memstream(&raw mut held.0, &raw mut held.1) };
        assert!(!stream.is_null(), "there is memory for a stream");
        // SAFETY: nobody else in this process writes the variable; reading a pointer has no other condition.
        let stderr_before = unsafe { c::stderr };
        // SAFETY: as above; the stream is open until `drop` puts the old one back.
        unsafe { c::stderr = stream };
        let is_posixly_correct = std::env::var_os("POSIXLY_CORRECT").is_some();
        Glibc { _alone: alone, is_posixly_correct, stderr_before, stream, held }
    }

    /// Begins a case from the state of a new process.
    ///
    /// # Panics
    ///
    /// If the case is for another environment than this process has, or has a NUL.
    pub fn begin<'g>(&'g mut self, case: &Case) -> GlibcRun<'g> {
        assert_eq!(case.posixly_correct, self.is_posixly_correct, "the case is for the environment there is");
        let mut run = GlibcRun {
            glibc: self,
            function: case.function,
            optstring: c_string(b""),
            argv: Argv::new(&[b"reset".to_vec(), b"--reset".to_vec()]),
            argvs_before: Vec::new(),
            table: Table::new(&[]),
            longindex: -1,
            printed: Word::new(),
            has_begun: true,
        };
        // glibc keeps a copy of optopt that outlives a restart. An unknown long option makes it 0.
        run.set(0, 0);
        run.function = Function::GetoptLong;
        run.call();
        run.function = case.function;
        run.optstring = c_string(&case.optstring);
        run.argv = Argv::new(&case.argv);
        run.table = Table::new(&case.table);
        run.longindex = -1;
        run.set(0, c_int::from(case.opterr));
        run.has_begun = false;
        run
    }

    /// Takes what the stream holds.
    fn take_printed(&mut self, into: &mut Word) {
        into.clear();
        // SAFETY: the stream is open.
        unsafe { libc::fflush(self.stream) };
        if self.held.1 > 0 {
            // SAFETY: after a flush the stream's buffer is where it says, and that long.
            let bytes = unsafe { std::slice::from_raw_parts(self.held.0.cast::<u8>(), self.held.1) };
            into.extend_from_slice(bytes);
            // SAFETY: the stream is open.
            unsafe { libc::rewind(self.stream) };
        }
    }
}

impl Drop for Glibc {
    fn drop(&mut self) {
        // SAFETY: nobody else writes the variable while the lock is held.
        unsafe { c::stderr = self.stderr_before };
        // SAFETY: it is open, and nobody has it any more.
        unsafe { libc::fclose(self.stream) };
        // SAFETY: a closed memory stream leaves its buffer to be freed.
        unsafe { libc::free(self.held.0.cast()) };
    }
}

/// glibc at work on a case.
pub struct GlibcRun<'g> {
    glibc: &'g mut Glibc,
    function: Function,
    optstring: CString,
    argv: Argv,
    /// glibc may still point into them.
    argvs_before: Vec<Argv>,
    table: Table,
    longindex: c_int,
    printed: Word,
    /// Whether a call of this case has had an argv.
    has_begun: bool,
}

/// An argv as C has it.
struct Argv {
    /// The words in the order given; the pointers, which are moved, lead here.
    _words: Vec<CString>,
    pointers: Vec<*mut c_char>,
}

impl Argv {
    fn new(words: &[Word]) -> Self {
        let words: Vec<CString> = words.iter().map(|word| c_string(word)).collect();
        let pointers = words.iter().map(|word| word.as_ptr().cast_mut()).chain([null_mut()]).collect();
        Argv { _words: words, pointers }
    }
}

/// A table as C has it.
struct Table {
    _names: Vec<CString>,
    entries: Vec<c::LongOption>,
    flags: Box<[c_int; FLAGS]>,
}

impl Table {
    fn new(table: &[LongOption]) -> Self {
        let names: Vec<CString> = table.iter().map(|entry| c_string(&entry.name)).collect();
        let mut flags = Box::new([0; FLAGS]);
        let first = flags.as_mut_ptr();
        let entry = |(entry, name): (&LongOption, &CString)| c::LongOption {
            name: name.as_ptr(),
            has_arg: match entry.has_arg {
                HasArg::No => 0,
                HasArg::Required => 1,
                HasArg::Optional => 2,
            },
            flag: entry.flag.map_or(null_mut(), |flag| {
                assert!(usize::from(flag) < FLAGS);
                first.wrapping_add(usize::from(flag))
            }),
            val: entry.val,
        };
        let end = c::LongOption { name: null(), has_arg: 0, flag: null_mut(), val: 0 };
        let entries = table.iter().zip(&names).map(entry).chain([end]).collect();
        Table { _names: names, entries, flags }
    }
}

fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).expect("a case has no NUL")
}

impl GlibcRun<'_> {
    fn set(&mut self, optind: c_int, opterr: c_int) {
        // SAFETY: the lock is held, so that nobody else reads or writes the variable.
        unsafe { c::optind = optind };
        // SAFETY: as above.
        unsafe { c::opterr = opterr };
    }

    /// A new process begins with the first call that has an argv, wherever optind is; a process in which glibc has been used
    /// before begins anew where optind is 0. If the program has set optind since, this makes up for the difference.
    fn begin_as_in_a_new_process(&mut self) {
        // SAFETY: the lock is held.
        let optind = unsafe { c::optind };
        if optind != 0 {
            let argv = std::mem::replace(&mut self.argv, Argv::new(&[b"prog".to_vec()]));
            // SAFETY: the lock is held.
            unsafe { c::optind = 0 };
            self.ask();
            self.argvs_before.push(std::mem::replace(&mut self.argv, argv));
            // SAFETY: the lock is held.
            unsafe { c::optind = optind };
        }
    }

    fn ask(&mut self) -> c_int {
        let argc = c_int::try_from(self.argv.pointers.len() - 1).expect("an argv is short");
        let argv = self.argv.pointers.as_mut_ptr();
        let optstring = self.optstring.as_ptr();
        let (table, index) = (self.table.entries.as_ptr(), &raw mut self.longindex);
        match self.function {
            // SAFETY: argv ends in a null pointer and its strings, like optstring, in NULs; the lock is held; whoever moves
            // optind asks the spec first whether the call is defined.
            Function::Getopt => unsafe { c::getopt(argc, argv, optstring) },
            // SAFETY: as above, and the table ends in an entry without a name.
            Function::GetoptLong => unsafe { c::getopt_long(argc, argv, optstring, table, index) },
            // SAFETY: as above.
            Function::GetoptLongOnly => unsafe { c::getopt_long_only(argc, argv, optstring, table, index) },
        }
    }
}

impl Run for GlibcRun<'_> {
    fn name(&self) -> &'static str {
        "glibc"
    }

    fn call(&mut self) -> Option<i32> {
        let has_argv = self.argv.pointers.len() > 1;
        if has_argv && !self.has_begun {
            self.begin_as_in_a_new_process();
        }
        self.has_begun |= has_argv;
        let returned = self.ask();
        self.glibc.take_printed(&mut self.printed);
        Some(returned)
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::SetOptind(optind) => {
                // SAFETY: the lock is held.
                unsafe { c::optind = c_int::try_from(*optind).expect("optind is small") };
            }
            Act::Optstring(optstring) => self.optstring = c_string(optstring),
            Act::Argv(argv) => self.argvs_before.push(std::mem::replace(&mut self.argv, Argv::new(argv))),
        }
    }

    fn optind(&self) -> usize {
        // SAFETY: the lock is held.
        usize::try_from(unsafe { c::optind }).expect("optind is no negative number")
    }

    fn optopt(&self) -> i32 {
        // SAFETY: the lock is held.
        unsafe { c::optopt }
    }

    fn optarg(&self) -> Option<&[u8]> {
        // SAFETY: the lock is held.
        let optarg = unsafe { c::optarg };
        // SAFETY: it points into a string of this case's.
        (!optarg.is_null()).then(|| unsafe { CStr::from_ptr(optarg) }.to_bytes())
    }

    fn longindex(&self) -> i32 {
        self.longindex
    }

    fn flags(&self) -> [i32; FLAGS] {
        // SAFETY: the table's own; C writes it through the same pointer, and only during calls.
        unsafe { std::ptr::read_volatile(&raw const *self.table.flags) }
    }

    fn element(&self, index: usize) -> Option<&[u8]> {
        let pointer = self.argv.pointers.get(index).copied().filter(|pointer| !pointer.is_null())?;
        // SAFETY: it points to one of the words, which end in NULs.
        Some(unsafe { CStr::from_ptr(pointer) }.to_bytes())
    }

    fn printed(&self) -> &[u8] {
        &self.printed
    }
}

//! C libraries in child processes: a C program of ours, built with the library's own compiler driver, does what it is told
//! and says what it sees. Each child has one thread, so that it may set its environment.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use selvedge_model::getopt::{Function, HasArg, Word};

use super::{Act, Case, FLAGS, Run, call_op};

const PROGRAM: &str = include_str!("../../../oracle/getopt/program.c");

/// A C library that can be had as a child process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Libc {
    /// The system's, through `cc`. This is glibc on most Linux systems; [`Child::start`] checks.
    Glibc,
    /// musl, through `musl-gcc`.
    Musl,
}

impl Libc {
    fn compiler(self) -> &'static str {
        match self {
            Libc::Glibc => "cc",
            Libc::Musl => "musl-gcc",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Libc::Glibc => "glibc in a child",
            Libc::Musl => "musl",
        }
    }
}

/// A running program of ours on one of the libraries. Ends with its handle.
pub struct Child {
    libc: Libc,
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Child {
    /// Builds the program and starts it.
    ///
    /// # Errors
    ///
    /// Why it cannot be had, in a sentence: the compiler is missing, or builds for another library.
    pub fn start(libc: Libc) -> Result<Self, String> {
        if libc == Libc::Glibc && !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return Err("this system's C library is not glibc".to_owned());
        }
        let folder = std::env::temp_dir().join(format!("selvedge-getopt-{}-{}", std::process::id(), libc.compiler()));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        let started = Self::start_in(libc, folder.clone());
        if started.is_err() {
            // What is left of it is small, and in the temporary folder.
            let _ = std::fs::remove_dir_all(&folder);
        }
        started
    }

    fn start_in(libc: Libc, folder: PathBuf) -> Result<Self, String> {
        let (source, program) = (folder.join("program.c"), folder.join("program"));
        std::fs::write(&source, PROGRAM).map_err(|error| format!("{} cannot be written: {error}", source.display()))?;
        let compiler = libc.compiler();
        let built = Command::new(compiler).arg("-O1").arg("-o").arg(&program).arg(&source).output();
        let built = built.map_err(|error| format!("{compiler} cannot be run: {error}"))?;
        if !built.status.success() {
            return Err(format!("{compiler} fails: {}", String::from_utf8_lossy(&built.stderr)));
        }
        let mut command = Command::new(&program);
        command.env_remove("POSIXLY_CORRECT").env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
        let stdin = process.stdin.take();
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        Ok(Child { libc, process, stdin, stdout, folder })
    }

    /// Begins a case from the state of a new process.
    ///
    /// # Panics
    ///
    /// If the child is gone.
    pub fn begin<'c>(&'c mut self, case: &Case) -> ChildRun<'c> {
        let mut text = "reset\n".to_owned();
        if case.posixly_correct {
            text.push_str("posixly-correct\n");
        }
        text.push_str("optind 0\n");
        writeln!(text, "opterr {}", u8::from(case.opterr)).expect("a string takes everything");
        optstring_line(&mut text, &case.optstring);
        for entry in &case.table {
            let has_arg = match entry.has_arg {
                HasArg::No => 0,
                HasArg::Required => 1,
                HasArg::Optional => 2,
            };
            let flag = entry.flag.map_or(-1, i32::from);
            writeln!(text, "long {} {has_arg} {flag} {}", hex(&entry.name), entry.val).expect("as above");
        }
        argv_line(&mut text, &case.argv);
        let mut run = ChildRun { child: self, function: case.function, seen: Seen::default() };
        run.seen.longindex = -1;
        run.send(&text);
        run
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        self.stdin = None;
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A library in a child process at work on a case.
pub struct ChildRun<'c> {
    child: &'c mut Child,
    function: Function,
    seen: Seen,
}

/// An answer.
#[derive(Default)]
struct Seen {
    optind: usize,
    optopt: i32,
    longindex: i32,
    flags: [i32; FLAGS],
    optarg: Option<Word>,
    printed: Word,
    argv: Vec<Option<Word>>,
}

impl ChildRun<'_> {
    fn send(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("it is open until the end");
        stdin.write_all(text.as_bytes()).expect("the child reads");
        stdin.flush().expect("the child reads");
    }
}

impl Run for ChildRun<'_> {
    fn name(&self) -> &'static str {
        self.child.libc.name()
    }

    fn call(&mut self) -> Option<i32> {
        self.send(&format!("{}\n", call_op(self.function)));
        let mut line = String::new();
        self.child.stdout.read_line(&mut line).expect("the child writes text");
        let (returned, seen) = answer(&line).unwrap_or_else(|| panic!("the child answers `{line}`"));
        self.seen = seen;
        Some(returned)
    }

    fn act(&mut self, act: &Act) {
        let mut text = String::new();
        match act {
            Act::SetOptind(optind) => text = format!("optind {optind}\n"),
            Act::Optstring(optstring) => optstring_line(&mut text, optstring),
            Act::Argv(argv) => argv_line(&mut text, argv),
        }
        self.send(&text);
    }

    fn optind(&self) -> usize {
        self.seen.optind
    }

    fn optopt(&self) -> i32 {
        self.seen.optopt
    }

    fn optarg(&self) -> Option<&[u8]> {
        self.seen.optarg.as_deref()
    }

    fn longindex(&self) -> i32 {
        self.seen.longindex
    }

    fn flags(&self) -> [i32; FLAGS] {
        self.seen.flags
    }

    fn element(&self, index: usize) -> Option<&[u8]> {
        self.seen.argv.get(index)?.as_deref()
    }

    fn printed(&self) -> &[u8] {
        &self.seen.printed
    }
}

fn answer(line: &str) -> Option<(i32, Seen)> {
    let mut words = line.split_whitespace();
    let mut number = || words.next()?.parse::<i32>().ok();
    let returned = number()?;
    let optind = usize::try_from(number()?).ok()?;
    let (optopt, longindex, flags) = (number()?, number()?, [number()?, number()?]);
    let mut rest = words.map(bytes);
    let (optarg, printed) = (rest.next()??, rest.next()??.unwrap_or_default());
    let argv = rest.collect::<Option<_>>()?;
    Some((returned, Seen { optind, optopt, longindex, flags, optarg, printed, argv }))
}

/// `!` is a null pointer; other bytes come after an `x`. `None` if it is neither.
fn bytes(word: &str) -> Option<Option<Word>> {
    if word == "!" {
        return Some(None);
    }
    let digits = word.strip_prefix('x')?;
    let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect::<Option<Word>>().map(Some)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn optstring_line(text: &mut String, optstring: &[u8]) {
    writeln!(text, "optstring {}", hex(optstring)).expect("a string takes everything");
}

fn argv_line(text: &mut String, argv: &[Word]) {
    let words: Vec<String> = argv.iter().map(|word| hex(word)).collect();
    writeln!(text, "argv {}", words.join(" ")).expect("a string takes everything");
}

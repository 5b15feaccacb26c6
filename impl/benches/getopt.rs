//! getopt beside glibc's, through its C interface, and beside the parsers that Rust programs use.
//!
//!     cargo bench -p selvedge --bench getopt && scripts/bench-ratios
//!
//! - `short-cluster`, `exact-long`, `abbreviated-long`: a few options each.
//! - `permutation-N`: N words, operands and options by turns: linear in N for ours, quadratic for glibc's exchange.
//! - `1000-arguments`: clusters, names and both kinds of attached arguments.
//!
//! Every parser is given the same words and the same options, made beforehand where it can be; each parse includes what it
//! must do anew for a command line: copying pointers for those that permute in place, copying the words for those that want
//! to own them. Before the measurements a table says how often each allocates.

mod passes;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CString, OsStr, OsString, c_char, c_int};
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::ptr::{null, null_mut};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use selvedge::getopt::{Error, HasArg, Opt, Options, Parser};
use selvedge::platform::host::atomic::{AtomicUsize, Ordering};

/// Counts allocations.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system allocator's; counting touches no memory of its.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// `struct option` of getopt.h.
#[repr(C)]
struct COption {
    name: *const c_char,
    has_arg: c_int,
    flag: *mut c_int,
    val: c_int,
}

unsafe extern "C" {
    static mut optind: c_int;
    fn getopt_long(
        argc: c_int,
        argv: *mut *mut c_char,
        optstring: *const c_char,
        table: *const COption,
        index: *mut c_int,
    ) -> c_int;
}

const OPTSTRING: &str = "abcdefgho:";
const NAMES: [(&str, HasArg, i32); 10] = [
    ("all", HasArg::No, 1000),
    ("block-size", HasArg::Required, 1001),
    ("color", HasArg::Optional, 1002),
    ("directory", HasArg::No, 1003),
    ("file-type", HasArg::No, 1004),
    ("group-directories-first", HasArg::No, 1005),
    ("human-readable", HasArg::No, 1006),
    ("output", HasArg::Required, 1007),
    ("recursive", HasArg::No, 1008),
    ("size", HasArg::No, 1009),
];

/// A command line to be parsed.
struct Line {
    name: &'static str,
    words: Vec<String>,
    c_words: Vec<CString>,
    /// Not where only getopt understands it, and not again where the number of words alone differs.
    is_for_peers: bool,
}

fn line(name: &'static str, is_for_peers: bool, words: impl IntoIterator<Item = String>) -> Line {
    let words: Vec<String> = std::iter::once("prog".to_owned()).chain(words).collect();
    let c_words = words.iter().map(|word| CString::new(word.as_str()).expect("no NUL")).collect();
    Line { name, words, c_words, is_for_peers }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Operands and options by turns: each option must travel before all operands so far.
fn alternating(words: usize) -> Vec<String> {
    (0..words).map(|index| if index % 2 == 0 { format!("file{index}") } else { "-a".to_owned() }).collect()
}

fn lines() -> Vec<Line> {
    let thousand = (0..1000).map(|index| match index % 4 {
        0 => "-abc".to_owned(),
        1 => "--recursive".to_owned(),
        2 => "--output=x".to_owned(),
        _ => "-ox".to_owned(),
    });
    vec![
        line("short-cluster", true, owned(&["-abcdefgh", "-ofile", "-o", "file"])),
        line("exact-long", true, owned(&["--recursive", "--output=file", "--output", "file", "--size"])),
        line("abbreviated-long", false, owned(&["--rec", "--out=file", "--out", "file", "--si"])),
        line("permutation-64", true, alternating(64)),
        line("permutation-256", false, alternating(256)),
        line("permutation-1024", false, alternating(1024)),
        line("permutation-4096", false, alternating(4096)),
        line("1000-arguments", true, thousand),
    ]
}

fn options() -> Options<'static> {
    let options = Options::getopt_long(OPTSTRING).expect("it is well formed").posixly_correct(false);
    NAMES.iter().fold(options, |options, (name, has_arg, val)| options.long(name, *has_arg, *val).expect("as above"))
}

fn c_table() -> (Vec<CString>, Vec<COption>) {
    let names: Vec<CString> = NAMES.iter().map(|(name, ..)| CString::new(*name).expect("no NUL")).collect();
    let end = COption { name: null(), has_arg: 0, flag: null_mut(), val: 0 };
    let entry = |(name, (_, has_arg, val)): (&CString, &(&str, HasArg, i32))| COption {
        name: name.as_ptr(),
        has_arg: *has_arg as c_int,
        flag: null_mut(),
        val: *val,
    };
    let table = names.iter().zip(&NAMES).map(entry).chain([end]).collect();
    (names, table)
}

/// Options found by glibc.
fn with_glibc(line: &Line, table: &[COption], optstring: &CString, argv: &mut Vec<*mut c_char>) -> usize {
    argv.clear();
    argv.extend(line.c_words.iter().map(|word| word.as_ptr().cast_mut()));
    let argc = argv.len() as c_int;
    argv.push(null_mut());
    // SAFETY: this program has one thread.
    unsafe { optind = 0 };
    let mut count = 0;
    loop {
        // SAFETY: argv, optstring and table are terminated as C wants them, and live here.
        let code = unsafe { getopt_long(argc, argv.as_mut_ptr(), optstring.as_ptr(), table.as_ptr(), null_mut()) };
        if code == -1 {
            return count;
        }
        black_box(code);
        count += 1;
    }
}

/// Options found by ours, in buffers that are lent.
fn with_ours_lent<'a>(
    line: &'a Line,
    options: &'a Options<'a>,
    argv: &mut Vec<&'a [u8]>,
    scratch: &mut Vec<&'a [u8]>,
) -> usize {
    argv.clear();
    argv.extend(line.words.iter().map(String::as_bytes));
    scratch.resize(argv.len(), b"");
    let parser = Parser::lent(options, argv, scratch);
    count(parser)
}

fn with_ours(line: &Line, options: &Options<'_>) -> usize {
    count(Parser::new(options, line.words.iter().map(String::as_str)))
}

fn count<'a>(parser: impl Iterator<Item = Result<Opt<'a>, Error<'a>>>) -> usize {
    parser.fold(0, |count, option| {
        black_box(option.expect("it is right").code());
        count + 1
    })
}

fn with_lexopt(line: &Line) -> usize {
    use lexopt::Arg::{Long, Short, Value};
    let mut parser = lexopt::Parser::from_args(line.words[1..].iter().map(OsString::from));
    let mut count = 0;
    while let Some(argument) = parser.next().expect("it is right") {
        match argument {
            Short('o') | Long("output" | "block-size") => {
                black_box(parser.value().expect("it is right"));
            }
            Short('a'..='h') => {}
            Long("color") => {
                black_box(parser.optional_value());
            }
            Long(name) => assert!(NAMES.iter().any(|(known, ..)| *known == name)),
            Value(operand) => {
                black_box(operand);
                continue;
            }
            Short(letter) => panic!("{letter}"),
        }
        count += 1;
    }
    count
}

fn getopts_options() -> getopts::Options {
    let mut options = getopts::Options::new();
    for letter in OPTSTRING[..8].chars() {
        options.opt(&letter.to_string(), "", "", "", getopts::HasArg::No, getopts::Occur::Multi);
    }
    options.opt("o", "", "", "", getopts::HasArg::Yes, getopts::Occur::Multi);
    for (name, has_arg, _) in NAMES {
        let has_arg = match has_arg {
            HasArg::No => getopts::HasArg::No,
            HasArg::Required => getopts::HasArg::Yes,
            HasArg::Optional => getopts::HasArg::Maybe,
        };
        options.opt("", name, "", "", has_arg, getopts::Occur::Multi);
    }
    options
}

fn with_getopts(line: &Line, options: &getopts::Options) -> usize {
    let matches = options.parse(&line.words[1..]).expect("it is right");
    let letters: usize = OPTSTRING[..8].chars().map(|letter| matches.opt_count(&letter.to_string())).sum();
    let names: usize = NAMES.iter().map(|(name, ..)| matches.opt_count(name)).sum();
    letters + names + matches.opt_count("o")
}

/// pico-args has no clusters; it is asked for what it is made for, names and separate letters.
fn with_pico_args(line: &Line) -> usize {
    let mut arguments = pico_args::Arguments::from_vec(line.words[1..].iter().map(OsString::from).collect());
    let mut count = 0;
    for (key, takes) in [("-a", false), ("--recursive", false), ("--size", false), ("--output", true), ("-o", true)] {
        if takes {
            let value = |text: &OsStr| Ok::<_, std::convert::Infallible>(text.as_bytes().len());
            while arguments.opt_value_from_os_str(key, value).expect("it is right").is_some() {
                count += 1;
            }
        } else {
            while arguments.contains(key) {
                count += 1;
            }
        }
    }
    black_box(arguments.finish());
    count
}

fn allocations(mut parse: impl FnMut() -> usize) -> (usize, usize) {
    // Buffers that are kept from one parse to the next are there from the second on.
    parse();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let found = parse();
    (found, ALLOCATIONS.load(Ordering::Relaxed) - before)
}

fn measure(criterion: &mut Criterion) {
    // It would change what glibc and ours do.
    assert!(std::env::var_os("POSIXLY_CORRECT").is_none());
    let (options, theirs) = (options(), getopts_options());
    let (_names, table) = c_table();
    let optstring = CString::new(OPTSTRING).expect("no NUL");
    let lines = lines();
    println!("{:<26} {:<16} {:>8} {:>12}", "line", "parser", "options", "allocations");
    for pass in passes::passes() {
        for line in &lines {
            let (mut argv, mut scratch, mut c_argv) = (Vec::new(), Vec::new(), Vec::new());
            let mut group = criterion.benchmark_group(format!("getopt-{}", line.name));
            let mut measure = |name: &str, parse: &mut dyn FnMut() -> usize| {
                if pass == 1 {
                    let (found, allocated) = allocations(&mut *parse);
                    println!("{:<26} {name:<16} {found:>8} {allocated:>12}", line.name);
                }
                group.bench_function(BenchmarkId::new(name, pass), |bencher| bencher.iter(&mut *parse));
            };
            measure("selvedge-lent", &mut || with_ours_lent(line, &options, &mut argv, &mut scratch));
            measure("selvedge", &mut || with_ours(line, &options));
            measure("glibc", &mut || with_glibc(line, &table, &optstring, &mut c_argv));
            if line.is_for_peers {
                measure("lexopt", &mut || with_lexopt(line));
                measure("getopts", &mut || with_getopts(line, &theirs));
            }
            if matches!(line.name, "exact-long" | "permutation-64") {
                measure("pico-args", &mut || with_pico_args(line));
            }
        }
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .sample_size(20)
        .configure_from_args();
    measure(&mut criterion);
    criterion.final_summary();
}

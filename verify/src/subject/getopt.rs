//! Our getopt as a subject: what a program did so far, done again for each operation.
//!
//! A [`Scan`] borrows the options and the command line that it works on. Rather than keep both in one place, the subject
//! keeps the operations, and replays them: programs are a few operations long.

use std::cell::Cell;

use selvedge::getopt::{Opt, Options, Scan};
use selvedge::platform::{Loom, Platform, PlatformMutex, Shuttle, Std};
use selvedge_model::getopt::{self as model, GetoptSpec, Op, Ret, Word};
use selvedge_model::{Spec, Thread};

use super::{Stop, Subject, Variant};
use crate::litmus::{self, Observed, Program};
use crate::oracle::getopt::{FLAGS, ours};
use crate::suite::{Drivers, System};

/// For the canary: what a call returns is another number.
pub const RETURNS_WRONG: Variant = 1;

/// Our compatibility mode.
pub struct OurGetopt<P: Platform> {
    given: Given,
    done: P::Mutex<Vec<Op>>,
    flaw: Variant,
}

/// What a program begins with.
struct Given {
    argv: Vec<Word>,
    optstring: Word,
    table: Vec<model::LongOption>,
}

impl<P: Platform> Subject<GetoptSpec> for OurGetopt<P> {
    type Platform = P;
    type Local<'a> = ();

    fn create(spec: &GetoptSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        Self::create_variant(spec, initial, 0)
    }

    fn create_variant(spec: &GetoptSpec, initial: &[(String, i64)], flaw: Variant) -> Result<Self, String> {
        if !initial.is_empty() {
            return Err("ours begins as a new process does".to_owned());
        }
        let state = spec.initial(&[]).map_err(|unknown| unknown.message)?;
        let given = Given { argv: state.getopt.words(), optstring: state.optstring, table: state.table };
        Ok(OurGetopt { given, done: PlatformMutex::new(Vec::new()), flaw })
    }

    fn supports(spec: &GetoptSpec, _: &Program<Op>) -> Result<(), String> {
        if spec.profile.name == "glibc" { Ok(()) } else { Err(format!("ours is glibc's, not {}'s", spec.profile.name)) }
    }

    fn perform(&self, _: Thread, (): &mut (), op: &Op) -> Result<Ret, Stop> {
        let mut done = self.done.lock();
        done.push(op.clone());
        let (ret, _) = self.given.replay(&done);
        Ok(match ret {
            Ret::Value(value, optarg) if self.flaw == RETURNS_WRONG => Ret::Value(value + 1, optarg),
            ret => ret,
        })
    }

    fn observe(&self) -> Observed {
        self.given.replay(&self.done.lock()).1
    }
}

/// getopt's public variables, and what else a program sees.
struct Seen {
    opterr: bool,
    optopt: i32,
    longindex: i32,
    posixly_correct: bool,
    printed: Word,
}

impl Given {
    /// What the last operation returned, and what is to be seen after it.
    fn replay(&self, done: &[Op]) -> (Ret, Observed) {
        let flags: [Cell<i32>; FLAGS] = std::array::from_fn(|_| Cell::new(0));
        let options = self.options(done, &flags);
        let mut options = options.iter();
        let mut argv: Vec<&[u8]> = self.argv.iter().map(Vec::as_slice).collect();
        let mut scan = Scan::new();
        let mut seen =
            Seen { opterr: true, optopt: i32::from(b'?'), longindex: -1, posixly_correct: false, printed: Word::new() };
        let mut ret = Ret::Ok;
        for op in done {
            ret = Ret::Ok;
            match op {
                Op::Argv(words) => {
                    argv = std::iter::once(&b"prog"[..]).chain(words.iter().map(Vec::as_slice)).collect();
                }
                Op::NoArgv => argv.clear(),
                Op::SetOptind(optind) => scan.optind = usize::from(*optind),
                Op::SetOpterr(opterr) => seen.opterr = *opterr,
                Op::PosixlyCorrect(posixly_correct) => seen.posixly_correct = *posixly_correct,
                Op::Optstring(_) | Op::Longopts(_) | Op::SetOptreset(_) => {}
                Op::Optind => ret = Ret::Value(small(scan.optind), None),
                Op::Optopt => ret = Ret::Value(seen.optopt, None),
                Op::Longindex => ret = Ret::Value(seen.longindex, None),
                Op::Arguments => ret = Ret::Words(argv.iter().skip(1).map(|word| word.to_vec()).collect()),
                Op::Printed => ret = Ret::Text(std::mem::take(&mut seen.printed)),
                Op::Getopt | Op::GetoptLong | Op::GetoptLongOnly => {
                    let options = options.next().expect("there is one for each call");
                    ret = call(&mut scan, options, &mut argv, &mut seen);
                }
            }
        }
        let observed = [
            ("optind", small(scan.optind)),
            ("opterr", i32::from(seen.opterr)),
            ("optopt", seen.optopt),
            ("longindex", seen.longindex),
            ("posixly-correct", i32::from(seen.posixly_correct)),
            ("flag0", flags[0].get()),
        ];
        (ret, observed.map(|(name, value)| (name.to_owned(), i64::from(value))).into_iter().collect())
    }

    /// What the program passes to each call.
    fn options<'a>(&'a self, done: &'a [Op], flags: &'a [Cell<i32>; FLAGS]) -> Vec<Options<'a>> {
        let (mut optstring, mut table, mut posixly_correct) = (&self.optstring, &self.table, false);
        let mut options = Vec::new();
        for op in done {
            match op {
                Op::Optstring(other) => optstring = other,
                Op::Longopts(other) => table = other,
                Op::PosixlyCorrect(other) => posixly_correct = *other,
                Op::Getopt | Op::GetoptLong | Op::GetoptLongOnly => {
                    let entries = table.iter().map(|entry| ours(entry, flags)).collect();
                    let table = (*op != Op::Getopt).then_some(entries);
                    let made = Options::lenient(optstring, table, *op == Op::GetoptLongOnly);
                    options.push(made.posixly_correct(posixly_correct));
                }
                _ => {}
            }
        }
        options
    }
}

fn call<'a>(scan: &mut Scan<'a>, options: &'a Options<'a>, argv: &mut [&'a [u8]], seen: &mut Seen) -> Ret {
    // What ours answers with a panic.
    let is_outside = scan.optind > argv.len() || scan.is_in_cluster() && scan.optind >= argv.len();
    if is_outside && scan.optind > 0 && !argv.is_empty() {
        return Ret::Undefined;
    }
    let result = scan.call(options, argv);
    seen.optopt = scan.optopt();
    match result {
        None => Ret::Value(-1, None),
        Some(Ok(option)) => {
            if let Opt::Long { index, .. } = option {
                seen.longindex = small(index);
            }
            Ret::Value(option.code(), option.argument().map(<[u8]>::to_vec))
        }
        Some(Err(error)) => {
            if seen.opterr && error.is_printed() {
                seen.printed.extend(error.message());
                seen.printed.push(b'\n');
            }
            Ret::Value(error.code(), None)
        }
    }
}

fn small(number: usize) -> i32 {
    i32::try_from(number).expect("a program is small")
}

/// getopt's entry for the suite.
pub fn system() -> System<GetoptSpec> {
    let ours = Drivers::everywhere::<OurGetopt<Loom>, OurGetopt<Shuttle>, OurGetopt<Std>>();
    System::new("getopt", litmus::corpus::GETOPT).primitive("ours", ours).canary(
        "returns-wrong",
        "a call returns one more than it should",
        ours.variant(RETURNS_WRONG),
    )
}

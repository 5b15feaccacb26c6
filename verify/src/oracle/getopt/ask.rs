//! The live libraries as [`Oracle`]s: drawn cases, each a question of many calls.

use std::process::Command;

use selvedge_model::getopt::profile::{GLIBC, MUSL, Profile};

use super::survey::{peers, probes};
use super::{Case, Child, Difference, Libc, SpecRun, compare};
use crate::fuzz::getopt::drawn;
use crate::oracle::{Inquiry, Oracle};

/// Every oracle of getopt.
pub fn oracles() -> Vec<Box<dyn Oracle>> {
    vec![Box::new(GlibcOracle), Box::new(MuslOracle)]
}

/// The glibc of this process.
struct GlibcOracle;

impl Oracle for GlibcOracle {
    fn name(&self) -> &'static str {
        "getopt/glibc"
    }

    fn about(&self) -> &'static str {
        "Every call over drawn command lines, optstrings and tables of long options: what is returned, all variables, argv \
         and every byte printed."
    }

    fn respondent(&self) -> Result<String, String> {
        glibc_version()
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        let mut glibc = super::Glibc::lock();
        let is_posixly_correct = std::env::var_os("POSIXLY_CORRECT").is_some();
        draw(inquiry, &GLIBC, |_| is_posixly_correct, |case, spec| compare(case, spec, &mut [&mut glibc.begin(case)]));
        survey(inquiry);
        Ok(())
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    fn ask(&self, _: &mut Inquiry) -> Result<(), String> {
        Err("this process has another C library".to_owned())
    }
}

/// musl in a child process.
struct MuslOracle;

impl Oracle for MuslOracle {
    fn name(&self) -> &'static str {
        "getopt/musl"
    }

    fn about(&self) -> &'static str {
        "The same cases as glibc's, half of them under POSIXLY_CORRECT, in a child process built with musl-gcc."
    }

    fn respondent(&self) -> Result<String, String> {
        Child::start(Libc::Musl)?;
        // musl tells its version to those who run its loader without a program.
        let loader = format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH);
        let said = Command::new(loader).output().map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let version =
            said.ok().and_then(|said| said.lines().find_map(|line| line.strip_prefix("Version ").map(str::to_owned)));
        Ok(format!("musl {}", version.as_deref().unwrap_or("of unknown version")))
    }

    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        let mut child = Child::start(Libc::Musl)?;
        draw(inquiry, &MUSL, |number| number % 2 == 0, |case, spec| compare(case, spec, &mut [&mut child.begin(case)]));
        Ok(())
    }
}

/// Asks about drawn cases until no question is left.
fn draw(
    inquiry: &mut Inquiry,
    profile: &Profile,
    posixly_correct: impl Fn(u64) -> bool,
    mut compared: impl FnMut(&Case, &mut SpecRun<'_>) -> Result<usize, Box<Difference>>,
) {
    let seed = inquiry.seed();
    let mut number = 0;
    while !inquiry.is_over() {
        let mut case = drawn(seed, number);
        case.posixly_correct = posixly_correct(number);
        let mut spec = SpecRun::new(profile, &case);
        let result = compared(&case, &mut spec);
        inquiry.answered(spec.clauses(), result.is_ok(), || {
            let difference = result.as_ref().expect_err("they part");
            let what = format!("call {}, {}", difference.call, difference.what);
            (case.to_string(), format!("{what}: {}", difference.left.1), format!("{what}: {}", difference.right.1))
        });
        number += 1;
    }
    inquiry.that_was_all();
}

/// Asks the peers what each clause comes to with them.
fn survey(inquiry: &mut Inquiry) {
    for probe in probes() {
        let expected = probe.expected();
        for peer in peers() {
            let answer = (peer.parse)(&probe);
            inquiry.peer(peer.name, probe.clause, answer == expected, || (probe.to_string(), expected.clone(), answer));
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn glibc_version() -> Result<String, String> {
    // SAFETY: it may be called at any time.
    let version = unsafe { libc::gnu_get_libc_version() };
    // SAFETY: what it returns is a string that lives as long as the library.
    let version = unsafe { std::ffi::CStr::from_ptr(version) };
    Ok(format!("glibc {}", version.to_string_lossy()))
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn glibc_version() -> Result<String, String> {
    Err("this process has another C library".to_owned())
}

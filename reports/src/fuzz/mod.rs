//! `selvedge fuzz`: every fuzz target for a while, a record each.
//!
//! The targets are built by cargo-fuzz and are libFuzzer's; this is what stands around them: which there are
//! (`targets`), how one is run and what it found made small (`run`), what the fuzzer said (`libfuzzer`). The
//! command itself, with its report and its exit code, is [`cli`](crate::cli)'s.
//!
//! What finds nothing must be shown to find something: `--mutants` runs each target over each bug that is planted for it
//! ([`selvedge_verify::fuzz::planted`]), from an empty corpus. That is a check a bug, with a record of its own, like
//! every other planted bug's.
//!
//! Fuzzing is the one thing here that is bounded by time and not by executions. A record therefore says how many executions
//! there were, and a pass promises nothing beyond them.

mod libfuzzer;
mod run;
mod targets;

use std::process::{Command, Stdio};

use miette::{IntoDiagnostic, WrapErr, miette};
use selvedge_verify::evidence::Kind;
use selvedge_verify::fuzz::planted;
use selvedge_verify::mutant::Planted;

pub use run::{LIBFUZZER, Session};
pub use targets::{CANARY, Target, Targets};

use crate::suite::Planned;

/// The system under which records of fuzz targets stand. It has no spec: each target names its own oracle.
pub const SYSTEM: &str = "fuzz";

/// How to get what builds fuzz targets.
pub const INSTALL: &str = "cargo install cargo-fuzz --locked";

/// The compiler that builds the targets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Toolchain {
    /// The machine's triple.
    pub host: String,
    /// Whether it must be told to take the flags that instrumentation needs.
    pub is_stable: bool,
}

impl Toolchain {
    /// The one on the path.
    ///
    /// # Errors
    ///
    /// If there is no compiler, or it does not say what it compiles for.
    pub fn find() -> miette::Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(&rustc).arg("-vV").output();
        let output = output.into_diagnostic().wrap_err_with(|| format!("{} cannot be run", rustc.display()))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let host = line("host:").ok_or_else(|| miette!("{} does not say what it compiles for", rustc.display()))?;
        let release = line("release:").unwrap_or_default();
        Ok(Toolchain {
            host: host.to_owned(),
            is_stable: !(release.ends_with("-nightly") || release.ends_with("-dev")),
        })
    }

    /// The options that a build takes.
    ///
    /// The code under test is nearly all safe Rust, where an address sanitizer finds little that a panic does not, at half
    /// the speed; and with the coroutines that schedules are run on it does not work at all.
    pub fn options(&self) -> [&str; 4] {
        ["--target", &self.host, "--sanitizer", "none"]
    }

    /// The command, told to take unstable flags where it must be.
    pub fn command(&self, mut command: Command) -> Command {
        if self.is_stable {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }
}

/// Whether cargo-fuzz is installed.
pub fn is_installed() -> bool {
    let asked = targets::cargo().args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// A bug that is planted for a target.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// The target.
    pub target: Target,
    /// The bug.
    pub bug: Planted<()>,
}

impl Targets {
    /// The bugs that are planted for these targets, for all without one: what `TARGET` and `TARGET/BUG` name.
    ///
    /// # Errors
    ///
    /// If there is no such target or bug, or no bug is planted for the target.
    pub fn hunts(&self, names: &[String]) -> miette::Result<Vec<Hunt>> {
        let mut hunts = Vec::new();
        let mut add = |target: &Target, bug| hunts.push(Hunt { target: target.clone(), bug });
        if names.is_empty() {
            for target in &self.all {
                planted(&target.name).into_iter().for_each(|bug| add(target, bug));
            }
        }
        for name in names {
            let (target, bug) = name.split_once('/').map_or((name.as_str(), None), |(target, bug)| (target, Some(bug)));
            let target = self.named(target)?;
            let bugs = planted(&target.name);
            if bugs.is_empty() {
                let with_bugs = self.all.iter().map(|target| target.name.as_str()).filter(|it| !planted(it).is_empty());
                return Err(miette!(
                    help = format!("there are bugs for: {}", with_bugs.collect::<Vec<_>>().join(", ")),
                    "no bug is planted for `{}`",
                    target.name
                ));
            }
            match bug {
                None => bugs.into_iter().for_each(|bug| add(target, bug)),
                Some(bug) => add(target, Planted::find(&bugs, bug).map_err(|message| miette!("{message}"))?),
            }
        }
        Ok(hunts)
    }
}

/// The check that looking for a planted bug is.
pub fn planned_mutant(target: &str, bug: &Planted<()>) -> Planned {
    Planned {
        id: format!("{SYSTEM}/{target}/{}", bug.name),
        kind: Kind::Mutant,
        program: Some(target.to_owned()),
        subject: Some(bug.name.to_owned()),
        ..planned(target)
    }
}

/// The check that a target is.
pub fn planned(target: &str) -> Planned {
    Planned {
        id: format!("{SYSTEM}/{target}"),
        kind: if target == CANARY { Kind::Canary } else { Kind::Fuzz },
        system: SYSTEM.to_owned(),
        program: None,
        subject: Some(target.to_owned()),
        engine: LIBFUZZER.to_owned(),
        mode: None,
    }
}

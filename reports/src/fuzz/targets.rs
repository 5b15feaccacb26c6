//! Which fuzz targets there are: what `fuzz/Cargo.toml` defines, and what lies beside it.
//!
//! A target is found, not registered: a `[[bin]]` of the manifest. What one needs beyond the defaults stands in the
//! manifest too:
//!
//! ```toml
//! [package.metadata.selvedge.litmus_parse]
//! max_len = 4096                   # bytes of an input at most; libFuzzer's own choice without
//! seeds = ["../verify/litmus"]     # more folders of seeds, as seen from the manifest
//! ```
//!
//! `seeds/TARGET/` and `regressions/TARGET/` are its inputs, `dict/TARGET.dict` its words, where they are there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic, WrapErr, miette};
use selvedge_model::spec::nearest;
use serde::Deserialize;

/// The name of the target that must crash.
pub const CANARY: &str = "canary";

/// The fuzz targets of a checkout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Targets {
    /// The folder of the manifest.
    pub folder: PathBuf,
    /// Where cargo builds them.
    pub target_directory: PathBuf,
    /// Each of them, by name.
    pub all: Vec<Target>,
}

/// A fuzz target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Bytes of an input at most, where that is not left to libFuzzer.
    pub max_len: Option<u32>,
    /// Folders of inputs to begin with.
    pub inputs: Vec<PathBuf>,
    /// Its dictionary.
    pub dictionary: Option<PathBuf>,
}

/// The cargo that runs this command, or else the one on the path.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.stdin(Stdio::null());
    cargo
}

impl Targets {
    /// The targets of the checkout that `from` lies in.
    ///
    /// # Errors
    ///
    /// If there is no `fuzz/Cargo.toml` here or above, or cargo cannot read it.
    pub fn find(from: &Path) -> miette::Result<Self> {
        let manifest = from.ancestors().map(|folder| folder.join("fuzz/Cargo.toml")).find(|path| path.is_file());
        let manifest = manifest.ok_or_else(|| {
            miette!(
                help = "fuzz in a checkout of the sources",
                "there is no fuzz/Cargo.toml in {} or above",
                from.display()
            )
        })?;
        let folder = manifest.parent().expect("it has a file name").to_owned();
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(&manifest)
            .output()
            .into_diagnostic()
            .wrap_err("cargo cannot be started")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(miette!("cargo cannot read {}: {said}", manifest.display()));
        }
        let unreadable = || format!("{} has settings that cannot be read", manifest.display());
        let metadata: Metadata = serde_json::from_slice(&output.stdout).into_diagnostic().wrap_err_with(unreadable)?;
        let mut all = Vec::new();
        for package in metadata.packages {
            let targets = package.fuzz_targets(&folder);
            all.extend(targets.map_err(|wrong| miette!("{}: {wrong}", manifest.display()))?);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        if all.is_empty() {
            return Err(miette!("{} defines no target", manifest.display()));
        }
        Ok(Targets { folder, target_directory: metadata.target_directory, all })
    }

    /// The targets with these names, all without one. The canary is the first, named or not: without it nothing shows that
    /// a crash would have been noticed.
    ///
    /// # Errors
    ///
    /// If one of them does not exist; the message names the nearest.
    pub fn select(&self, names: &[String]) -> miette::Result<Vec<Target>> {
        for name in names {
            self.named(name)?;
        }
        let is_wanted = |target: &&Target| names.is_empty() || names.contains(&target.name) || target.name == CANARY;
        let mut wanted: Vec<Target> = self.all.iter().filter(is_wanted).cloned().collect();
        wanted.sort_by_key(|target| target.name != CANARY);
        Ok(wanted)
    }

    /// The target of that name.
    ///
    /// # Errors
    ///
    /// If it does not exist; the message names the nearest.
    pub fn named(&self, name: &str) -> miette::Result<&Target> {
        let known = || self.all.iter().map(|target| target.name.as_str());
        self.all.iter().find(|target| target.name == name).ok_or_else(|| {
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", known().collect::<Vec<_>>().join(", ")),
            };
            miette!(help = help, "there is no fuzz target `{name}`")
        })
    }
}

/// What `cargo metadata` prints, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<CargoTarget>,
    metadata: Option<PackageMetadata>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct PackageMetadata {
    #[serde(default)]
    selvedge: BTreeMap<String, Settings>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    max_len: Option<u32>,
    #[serde(default)]
    seeds: Vec<PathBuf>,
}

impl Package {
    /// # Errors
    ///
    /// If settings are of no target, or name seeds that are not there: a slip would go unnoticed for ever.
    fn fuzz_targets(self, folder: &Path) -> Result<Vec<Target>, String> {
        let mut settings = self.metadata.map(|metadata| metadata.selvedge).unwrap_or_default();
        let mut targets = Vec::new();
        for binary in self.targets.into_iter().filter(|target| target.kind.iter().any(|kind| kind == "bin")) {
            let Settings { max_len, seeds } = settings.remove(&binary.name).unwrap_or_default();
            let own = ["seeds", "regressions"].map(|kind| folder.join(kind).join(&binary.name));
            let mut inputs: Vec<PathBuf> = own.into_iter().filter(|path| path.is_dir()).collect();
            for seeds in seeds.into_iter().map(|path| folder.join(path)) {
                if !seeds.is_dir() {
                    return Err(format!("{} has seeds in {}, which is no folder", binary.name, seeds.display()));
                }
                inputs.push(seeds);
            }
            let dictionary = folder.join("dict").join(format!("{}.dict", binary.name));
            let dictionary = dictionary.is_file().then_some(dictionary);
            targets.push(Target { name: binary.name, max_len, inputs, dictionary });
        }
        match settings.into_keys().next() {
            Some(name) => Err(format!("there are settings of `{name}`, which is no target")),
            None => Ok(targets),
        }
    }
}

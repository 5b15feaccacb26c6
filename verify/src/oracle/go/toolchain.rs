//! The real Go: found, asked for its version, and made to record what it does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The variable that names the `go` command to use instead of the one on the PATH.
pub const VARIABLE: &str = "SELVEDGE_GO";

/// The program that keeps the scheduler busy and records a trace of itself.
const PROGRAM: &str = include_str!("../../../oracle/go/main.go");

/// A Go toolchain.
#[derive(Clone, Debug)]
pub struct Toolchain {
    command: OsString,
    /// `go1.19.8`.
    pub version: String,
}

impl Toolchain {
    /// The one that [`VARIABLE`] names, else the one on the PATH.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn find() -> Result<Self, String> {
        let named = std::env::var_os(VARIABLE).filter(|command| !command.is_empty());
        let command = named.clone().unwrap_or_else(|| "go".into());
        let asked = Command::new(&command).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output();
        let version = match asked {
            Ok(Output { status, stdout, .. }) if status.success() => String::from_utf8_lossy(&stdout).trim().to_owned(),
            Ok(Output { status, .. }) => return Err(format!("`{} env GOVERSION` fails: {status}", command.display())),
            Err(error) if named.is_some() => return Err(format!("{VARIABLE} names `{}`: {error}", command.display())),
            Err(_) => return Err(format!("there is no `go` on the PATH, and {VARIABLE} names none")),
        };
        Ok(Self { command, version })
    }

    /// Builds the program.
    ///
    /// # Errors
    ///
    /// What the compiler says, or the file system.
    pub fn build(&self) -> Result<Program, String> {
        let folder = std::env::temp_dir().join(format!("selvedge-go-{}", std::process::id()));
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let program = Program { folder };
        let source = program.folder.join("main.go");
        std::fs::write(&source, PROGRAM).map_err(|error| format!("{}: {error}", source.display()))?;
        let mut build = Command::new(&self.command);
        build.args(["build", "-o"]).arg(program.executable()).arg(&source);
        build.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0").stdin(Stdio::null());
        if std::env::var_os("HOME").is_none() && std::env::var_os("GOCACHE").is_none() {
            build.env("GOCACHE", program.folder.join("cache"));
        }
        run(build)?;
        Ok(program)
    }
}

/// The program, built. It is deleted in the end.
#[derive(Debug)]
pub struct Program {
    folder: PathBuf,
}

impl Program {
    fn executable(&self) -> PathBuf {
        self.folder.join("goprobe")
    }

    /// Runs it with these arguments, and returns the trace that it recorded.
    ///
    /// # Errors
    ///
    /// That it failed, with what it says.
    pub fn record(&self, arguments: &[String]) -> Result<Vec<u8>, String> {
        let trace = self.folder.join("trace");
        let mut probe = Command::new(self.executable());
        probe.arg("-trace").arg(&trace).args(arguments).stdin(Stdio::null());
        run(probe)?;
        read(&trace)
    }

    /// What a system call costs that the scheduler knows of, and one that it does not, as the program prints it.
    ///
    /// # Errors
    ///
    /// That it failed, with what it says.
    pub fn measure(&self, calls: u32) -> Result<String, String> {
        let mut probe = Command::new(self.executable());
        probe.arg("-measure").arg(calls.to_string()).stdin(Stdio::null());
        run(probe)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // What cannot be deleted stays in the folder for temporary files.
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(mut command: Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let Output { status, stdout, stderr } = command.output().map_err(|error| format!("`{name}`: {error}"))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(format!("`{name}`: {status}: {}", String::from_utf8_lossy(&stderr).trim()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

//! Where records lie on disk.
//!
//! ```text
//! DIR/run.json                       what was planned, by which command, on which machine
//! DIR/evidence/SYSTEM/KIND/....json  one record a check, at its id
//! DIR/report.json, report.html, junit.xml
//! DIR/artifacts/TARGET/, logs/       of fuzzing: inputs that crashed, and what the fuzzer said
//! ```
//!
//! Every file is written whole to a temporary name and renamed, so that a reader never meets half a record, whenever
//! the writer died. Reading refuses what it does not understand: a record of another format is an error, not a guess.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use schemars::JsonSchema;
use selvedge_verify::evidence::{self, Evidence, Maker};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::suite::{Partition, Planned, Profile};

/// The name of a run's record in its directory.
pub const RUN_FILE: &str = "run.json";
/// The name of the folder of records.
pub const EVIDENCE_FOLDER: &str = "evidence";

/// What a run set out to do. Without it a report could not know what is missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`evidence::FORMAT`].
    pub format: u32,
    /// The command line.
    pub command: String,
    /// How much work a check may do; absent for fuzzing, which goes by the minutes of its command.
    pub profile: Option<Profile>,
    /// The filters that were given.
    pub filters: Vec<String>,
    /// The engine that was asked for, if only one was.
    pub engine: Option<String>,
    /// The seed that was given.
    pub seed: Option<u64>,
    /// How many checks ran at a time.
    pub jobs: usize,
    /// The part that was run, if only a part was.
    pub partition: Option<Partition>,
    /// How many checks there are under the profile, before filters.
    pub known: usize,
    /// The checks that the filters selected, those of other parts included.
    pub selected: Vec<Planned>,
    /// For fuzzing, every target that is defined, by name.
    pub targets: Vec<String>,
    /// When it began, RFC 3339, UTC.
    pub started_at: String,
    /// When it ended; absent if it never came to its end.
    pub finished_at: Option<String>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Processors that it could use.
    pub processors: usize,
    /// The processor's name, where the system tells.
    pub processor: Option<String>,
    /// What ran.
    pub maker: Maker,
}

/// One directory's records.
#[derive(Clone, Debug)]
pub struct Source {
    /// The directory, as the user named it.
    pub directory: String,
    /// What the run set out to do; absent where only loose records were found.
    pub run: Option<RunRecord>,
    /// Its records.
    pub evidence: Vec<Evidence>,
}

/// Why records could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file system said no.
    Io {
        /// The path.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// The file system said no to a file that is to be one record.
    Record {
        /// The path.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// The file is not JSON, or not a record.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        error: serde_json::Error,
    },
    /// The record is of another format.
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format that it states; absent if it states none.
        found: Option<u64>,
    },
    /// There is nothing to read.
    Empty {
        /// The directory.
        path: PathBuf,
    },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Io { path, error } | ReadError::Record { path, error } => {
                write!(f, "cannot read {}: {error}", path.display())
            }
            ReadError::Malformed { path, error } => write!(f, "{} is not a record of ours: {error}", path.display()),
            ReadError::OtherFormat { path, found: Some(found) } => {
                write!(f, "{} has format {found}, this command reads format {}", path.display(), evidence::FORMAT)
            }
            ReadError::OtherFormat { path, found: None } => write!(f, "{} does not state a format", path.display()),
            ReadError::Empty { path } => write!(f, "{} holds no evidence", path.display()),
        }
    }
}

impl std::error::Error for ReadError {}

impl Diagnostic for ReadError {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(match self {
            ReadError::Io { .. } | ReadError::Record { .. } => "evidence::unreadable",
            ReadError::Malformed { .. } => "evidence::malformed",
            ReadError::OtherFormat { .. } => "evidence::other_format",
            ReadError::Empty { .. } => "evidence::none",
        }))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(match self {
            ReadError::Io { .. } => "name a directory that `selvedge verify --out` wrote".to_owned(),
            ReadError::Record { .. } => {
                format!("name one record: a file below the {EVIDENCE_FOLDER}/ that `selvedge verify --out` wrote")
            }
            ReadError::Malformed { .. } => {
                "records are written whole or not at all: the file was edited, cut off in a copy, or is another program's"
                    .to_owned()
            }
            ReadError::OtherFormat { .. } => {
                "a record of another version is refused, not guessed at: render it with the version that made it, or run \
                 the checks again with this one"
                    .to_owned()
            }
            ReadError::Empty { .. } => {
                format!("a run leaves {RUN_FILE} and {EVIDENCE_FOLDER}/ in its --out directory: name that directory")
            }
        }))
    }
}

/// Makes `directory` ready for a new run: an earlier run's records go, everything else stays.
///
/// # Errors
///
/// Whatever the file system says.
pub fn begin(directory: &Path) -> io::Result<()> {
    let folder = directory.join(EVIDENCE_FOLDER);
    if directory.join(RUN_FILE).exists() {
        fs::remove_file(directory.join(RUN_FILE))?;
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::create_dir_all(folder)
}

/// Writes a run's record.
///
/// # Errors
///
/// Whatever the file system says.
pub fn write_run(directory: &Path, run: &RunRecord) -> io::Result<()> {
    write_whole(&directory.join(RUN_FILE), &json(run))
}

/// Writes a check's record at its place and returns the place.
///
/// # Errors
///
/// Whatever the file system says.
pub fn write_evidence(directory: &Path, evidence: &Evidence) -> io::Result<PathBuf> {
    let path = directory.join(EVIDENCE_FOLDER).join(place(&evidence.check));
    write_whole(&path, &json(evidence))?;
    Ok(path)
}

/// Reads one record.
///
/// # Errors
///
/// If the file cannot be read, is no record, or is one of another format.
pub fn read_evidence(path: &Path) -> Result<Evidence, ReadError> {
    read_record(path).map_err(|error| match error {
        ReadError::Io { path, error } => ReadError::Record { path, error },
        other => other,
    })
}

/// Reads the records of a directory: of one run, or of every run below it (one folder a machine, as build servers
/// unpack what they stored).
///
/// # Errors
///
/// If anything in it cannot be read, is of another format, or if there is nothing.
pub fn read_directory(directory: &Path) -> Result<Vec<Source>, ReadError> {
    let mut sources = Vec::new();
    find_runs(directory, &mut sources)?;
    if sources.is_empty() {
        let evidence = read_all(directory)?;
        if evidence.is_empty() {
            return Err(ReadError::Empty { path: directory.to_owned() });
        }
        sources.push(Source { directory: directory.display().to_string(), run: None, evidence });
    }
    Ok(sources)
}

/// Writes a file so that a reader sees the old content or the new one, whole.
///
/// # Errors
///
/// Whatever the file system says.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
    // The process's id keeps two writers apart; the dot keeps readers away.
    let temporary = folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // The error that matters is already on its way.
        let _ = fs::remove_file(&temporary);
    })
}

/// A value as the JSON that all our files hold: indented, with a final newline.
pub fn json(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("plain data always serializes");
    text.push(b'\n');
    text
}

/// Where a check's record lies below the folder of records. Two ids never share a place, and none leaves the folder.
fn place(id: &str) -> PathBuf {
    let mut path: PathBuf = id.split('/').map(plain_name).collect();
    path.as_mut_os_string().push(".json");
    path
}

/// A name of letters, digits, `-`, `_`, `+` and inner dots; every other byte as `%XX`.
fn plain_name(part: &str) -> String {
    if part.is_empty() {
        // No other part is encoded as a lone percent sign.
        return "%".to_owned();
    }
    let mut name = String::new();
    for (position, byte) in part.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'+' => name.push(char::from(byte)),
            b'.' if position > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

fn find_runs(directory: &Path, sources: &mut Vec<Source>) -> Result<(), ReadError> {
    let run = directory.join(RUN_FILE);
    if run.is_file() {
        sources.push(Source {
            directory: directory.display().to_string(),
            run: Some(read_record(&run)?),
            evidence: match directory.join(EVIDENCE_FOLDER) {
                folder if folder.is_dir() => read_all(&folder)?,
                _ => Vec::new(),
            },
        });
        return Ok(());
    }
    for path in entries(directory)? {
        if path.is_dir() {
            find_runs(&path, sources)?;
        }
    }
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<Evidence>, ReadError> {
    let mut evidence = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            evidence.extend(read_all(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            evidence.push(read_record(&path)?);
        }
    }
    Ok(evidence)
}

/// The entries of a folder by name, without those that begin with a dot: unfinished writes.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |error| ReadError::Io { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_record<Record: DeserializeOwned>(path: &Path) -> Result<Record, ReadError> {
    let bytes = fs::read(path).map_err(|error| ReadError::Io { path: path.to_owned(), error })?;
    let malformed = |error| ReadError::Malformed { path: path.to_owned(), error };
    // The format first: a record of another version is told apart from a damaged one.
    let stated: serde_json::Value = serde_json::from_slice(&bytes).map_err(malformed)?;
    match stated.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(evidence::FORMAT) => {
            // From the bytes again, so that an error can name its line.
            serde_json::from_slice(&bytes).map_err(malformed)
        }
        found => Err(ReadError::OtherFormat { path: path.to_owned(), found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ids_share_a_place_and_none_leaves_the_folder() {
        let ids =
            ["a/b", "a%2Fb", "a//b", "a/%/b", "../x", "..", ".", "a/../b", "", "/", "a b", "a.b", "%2E", ".hidden"];
        let places: Vec<PathBuf> = ids.iter().map(|id| place(id)).collect();
        for (position, place) in places.iter().enumerate() {
            assert!(place.is_relative(), "{place:?}");
            assert!(place.components().all(|part| matches!(part, std::path::Component::Normal(_))), "{place:?}");
            assert!(!places[..position].contains(place), "{place:?} twice");
        }
        assert_eq!(place("cond/conformance/L04-fifo/cond/loom"), Path::new("cond/conformance/L04-fifo/cond/loom.json"));
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("inner"), "x").unwrap();
        write_whole(&taken, b"content").unwrap_err();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["taken"]);
    }
}

//! Where records lie on disk.
//!
//! ```text
//! DIR/run.json                       what was planned, by which command, on which machine
//! DIR/evidence/SYSTEM/KIND/....json  one record a check, at its id; behind an `@` which part of a search it is, if it is one
//! DIR/report.json, report.html, junit.xml
//! DIR/artifacts/TARGET/, logs/       of fuzzing: inputs that crashed, and what the fuzzer said
//! ```
//!
//! Every file is written whole to a temporary name and renamed, so that a reader never meets half a record, whenever
//! the writer died. Reading refuses what it does not understand: a record of another format is an error, not a guess.
//!
//! Who names a directory by mistake loses nothing: a run replaces an earlier run of ours and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use schemars::JsonSchema;
use selvedge_verify::evidence::{self, Evidence, Maker};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::suite::{Partition, Planned, Profile, SearchPart};

/// The version of the suite, which is every crate's: the only one whose records are read.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name of a run's record in its directory.
pub const RUN_FILE: &str = "run.json";
/// The name of the folder of records.
pub const EVIDENCE_FOLDER: &str = "evidence";
/// The names of what a run leaves beside its records: the report.
pub const REPORT_FILES: [&str; 3] = ["report.json", "report.html", "junit.xml"];

/// What a run set out to do. Without it a report could not know what is missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`evidence::FORMAT`].
    pub format: u32,
    /// The command line.
    pub command: String,
    /// How much work a check may do; absent for fuzzing, which goes by the minutes of its command, and where checks of several
    /// profiles were put together.
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
    /// The litmus text of each check of a file, by the check's id, which only has the file's name: under the semantics that was chosen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
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

impl RunRecord {
    /// What both are together, where the later one adds its checks to what the earlier one has left.
    fn followed_by(self, later: RunRecord) -> RunRecord {
        let is_in = |plan: &[Planned], check: &Planned| plan.iter().any(|known| known.id == check.id);
        let is_redone = self.selected.iter().all(|check| is_in(&later.selected, check));
        let added: Vec<Planned> =
            later.selected.iter().filter(|check| !is_in(&self.selected, check)).cloned().collect();
        let is_known = self.command.split("; ").any(|command| command == later.command);
        RunRecord {
            // A shell takes this for one command after the other.
            command: if is_known { self.command } else { format!("{}; {}", self.command, later.command) },
            profile: self.profile.filter(|_| self.profile == later.profile),
            filters: self.filters,
            engine: self.engine,
            seed: self.seed.filter(|_| self.seed == later.seed),
            jobs: self.jobs.max(later.jobs),
            partition: self.partition,
            known: self.known + added.len(),
            selected: self.selected.into_iter().chain(added).collect(),
            targets: self.targets,
            texts: self.texts.into_iter().chain(later.texts).collect(),
            started_at: self.started_at,
            finished_at: later.finished_at.filter(|_| is_redone || self.finished_at.is_some()),
            interrupted: later.interrupted || self.interrupted && !is_redone,
            ..later
        }
    }

    /// Whether it is another part of what `other` is a part of.
    fn is_other_part_of(&self, other: &RunRecord) -> bool {
        let plan = |run: &RunRecord| {
            let of = run.partition.map(|part| part.count);
            (of, run.profile, run.filters.clone(), run.engine.clone(), run.seed, run.maker.suite.clone())
        };
        self.partition.is_some() && self.partition != other.partition && plan(self) == plan(other)
    }
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
    /// The record is of another version of the suite.
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version that made it.
        found: String,
    },
    /// Two records of one check are of different programs.
    OtherProgram {
        /// The check's id.
        check: String,
        /// Where one lies.
        one: String,
        /// Where the other lies.
        other: String,
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
            ReadError::OtherVersion { path, found } => {
                write!(f, "{} is of version {found} of the suite, this is version {VERSION}", path.display())
            }
            ReadError::OtherProgram { check, one, other } => {
                write!(f, "{one} and {other} both hold records of {check}, and they are of different programs")
            }
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
            ReadError::OtherVersion { .. } => "evidence::other_version",
            ReadError::OtherProgram { .. } => "evidence::other_program",
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
            ReadError::OtherProgram { .. } => {
                "a check of a file goes by the file's name as it was typed: check one of them again under another name, or \
                 report on them apart"
                    .to_owned()
            }
            ReadError::OtherFormat { .. } | ReadError::OtherVersion { .. } => {
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

/// Why nothing is written to a directory.
#[derive(Debug)]
pub enum BeginError {
    /// The file system said no.
    Io {
        /// The directory.
        directory: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// Something lies there that no run of ours has left.
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// What lies there.
        path: PathBuf,
    },
    /// Another part of the same run lies there.
    OtherPart {
        /// The directory.
        directory: PathBuf,
        /// Which.
        part: Partition,
    },
    /// What lies there is of another version of the suite.
    OtherVersion {
        /// The directory.
        directory: PathBuf,
        /// The version that made it.
        found: String,
    },
}

impl BeginError {
    /// Whether there is no room, so that the directory may be as good as any.
    pub fn is_full(&self) -> bool {
        let BeginError::Io { error, .. } = self else { return false };
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
    }
}

impl std::fmt::Display for BeginError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BeginError::Io { directory, error } => write!(f, "cannot write to {}: {error}", directory.display()),
            BeginError::Foreign { directory, path } => {
                write!(f, "{} holds {}, which no run of ours has left there", directory.display(), path.display())
            }
            BeginError::OtherPart { directory, part } => {
                write!(f, "{} holds part {} of {} of this run", directory.display(), part.index, part.count)
            }
            BeginError::OtherVersion { directory, found } => write!(
                f,
                "{} holds evidence of version {found} of the suite, this is version {VERSION}",
                directory.display()
            ),
        }
    }
}

impl std::error::Error for BeginError {}

impl Diagnostic for BeginError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(match self {
            BeginError::Io { .. } => return None,
            BeginError::Foreign { .. } => "nothing was deleted: name another directory, or remove what is there",
            BeginError::OtherPart { .. } => "name a directory for each part, and give all of them to `selvedge report`",
            BeginError::OtherVersion { .. } => "one report has no room for both: name another directory",
        }))
    }
}

/// Makes `directory` ready for a new run, and says what is planned. An earlier run of ours goes, its report as well, so that it
/// is not taken for this one's.
///
/// # Errors
///
/// If something else lies where records or the report go, or another part of the same run; nothing is deleted then. And
/// whatever the file system says.
pub fn begin(directory: &Path, run: &RunRecord) -> Result<(), BeginError> {
    let earlier = earlier_run(directory)?;
    if let Some(earlier) = &earlier
        && let Some(part) = earlier.partition
        && earlier.is_other_part_of(run)
    {
        return Err(BeginError::OtherPart { directory: directory.to_owned(), part });
    }
    let report = REPORT_FILES.map(|name| directory.join(name));
    if earlier.is_none()
        && !is_report_of_ours(&report[0])
        && let Some(path) = report.iter().find(|path| path.exists())
    {
        return Err(BeginError::Foreign { directory: directory.to_owned(), path: path.clone() });
    }
    let clear = || {
        let folder = directory.join(EVIDENCE_FOLDER);
        // Whatever stops this in the middle, what is left is still a run of ours, without a report.
        report.iter().try_for_each(|path| gone(fs::remove_file(path)))?;
        gone(fs::remove_dir_all(&folder))?;
        fs::create_dir_all(folder)?;
        write_run(directory, run)
    };
    clear().map_err(|error| BeginError::Io { directory: directory.to_owned(), error })
}

/// Makes `directory` ready for more checks beside those that lie there already, of which the run's record then says as well.
///
/// # Errors
///
/// If what lies there is not ours, or of another version. And whatever the file system says.
pub fn go_on(directory: &Path, run: RunRecord) -> Result<(), BeginError> {
    let earlier = run_to_go_on_with(directory, &run.maker)?;
    let failed = |error| BeginError::Io { directory: directory.to_owned(), error };
    let Some(earlier) = earlier else { return write_run(directory, &run).map_err(failed) };
    for (check, text) in &run.texts {
        // The file was changed: records of what it was before are not of this check.
        if earlier.texts.get(check).is_some_and(|before| before != text) {
            remove_records(directory, check).map_err(failed)?;
        }
    }
    write_run(directory, &earlier.followed_by(run)).map_err(failed)
}

/// Whether [`go_on`] would; changes nothing.
///
/// # Errors
///
/// As there.
pub fn may_go_on(directory: &Path, maker: &Maker) -> Result<(), BeginError> {
    run_to_go_on_with(directory, maker).map(drop)
}

fn run_to_go_on_with(directory: &Path, maker: &Maker) -> Result<Option<RunRecord>, BeginError> {
    match earlier_run(directory)? {
        Some(earlier) if earlier.maker.suite != maker.suite => {
            Err(BeginError::OtherVersion { directory: directory.to_owned(), found: earlier.maker.suite })
        }
        earlier => Ok(earlier),
    }
}

/// What is gone need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The run that lies in a directory, if one does. Records lie there then, and nothing else among them.
fn earlier_run(directory: &Path) -> Result<Option<RunRecord>, BeginError> {
    let failed = |error| BeginError::Io { directory: directory.to_owned(), error };
    let foreign = |path| BeginError::Foreign { directory: directory.to_owned(), path };
    let path = directory.join(RUN_FILE);
    let run: Option<RunRecord> = match fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|_| foreign(path))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let folder = directory.join(EVIDENCE_FOLDER);
    let other = match fs::symlink_metadata(&folder) {
        Ok(found) if found.is_dir() && run.is_some() => find_foreign(&folder, &folder).map_err(failed)?,
        Ok(found) if found.is_dir() => {
            let first = fs::read_dir(&folder).map_err(failed)?.next().transpose().map_err(failed)?;
            first.map(|entry| entry.path())
        }
        Ok(_) => Some(folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    other.map_or(Ok(run), |path| Err(foreign(path)))
}

/// Something in the folder of records that is none at its place, and no unfinished write.
fn find_foreign(root: &Path, folder: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let kind = match fs::symlink_metadata(&path) {
            Ok(found) => found.file_type(),
            // Somebody who writes beside us has given it its name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let foreign = if kind.is_dir() {
            find_foreign(root, &path)?
        } else {
            let is_ours = kind.is_file() && (is_unfinished(&path) || is_at_its_place(root, &path));
            (!is_ours).then_some(path)
        };
        if foreign.is_some() {
            return Ok(foreign);
        }
    }
    Ok(None)
}

/// Whether a file has the name of those that [`write_whole`] renames.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let process = name.strip_prefix('.').and_then(|name| name.rsplit_once(".json.")).map(|(_, process)| process);
    process.is_some_and(|process| !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a file states the check at whose place it lies.
fn is_at_its_place(root: &Path, path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Stated {
        check: String,
    }
    let stated: Option<Stated> = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(Stated { check }) = stated else { return false };
    let whole = root.join(place(&check, None));
    path == whole || is_part_of(path, &whole)
}

/// Whether a place is that of a part of the search whose own place is `whole`.
fn is_part_of(path: &Path, whole: &Path) -> bool {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let part = stem(path);
    path.parent() == whole.parent() && part.split_once('@').is_some_and(|(before, _)| before == stem(whole))
}

/// Whether a report is one that this command makes.
fn is_report_of_ours(path: &Path) -> bool {
    let report: Option<serde_json::Value> = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let by = report.as_ref().and_then(|report| report.get("generated_by")?.as_str());
    by.is_some_and(|by| by.starts_with("selvedge "))
}

/// Removes the records of a check, whatever parts of it they are.
fn remove_records(directory: &Path, check: &str) -> io::Result<()> {
    let whole = directory.join(EVIDENCE_FOLDER).join(place(check, None));
    gone(fs::remove_file(&whole))?;
    let Some(folder) = whole.parent().filter(|folder| folder.is_dir()) else { return Ok(()) };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_part_of(&path, &whole) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Writes a run's record.
///
/// # Errors
///
/// Whatever the file system says.
pub fn write_run(directory: &Path, run: &RunRecord) -> io::Result<()> {
    write_whole(&directory.join(RUN_FILE), &json(run))
}

/// Writes a check's record at its place and returns the place. Each part of a search has a place of its own.
///
/// # Errors
///
/// Whatever the file system says.
pub fn write_evidence(directory: &Path, evidence: &Evidence, part: Option<SearchPart>) -> io::Result<PathBuf> {
    let path = directory.join(EVIDENCE_FOLDER).join(place(&evidence.check, part));
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

/// Looks for records of one check that are of different programs.
///
/// # Errors
///
/// If there are any.
pub fn tell_programs_apart(sources: &[Source]) -> Result<(), ReadError> {
    let mut texts: BTreeMap<(&str, bool), (&str, &str)> = BTreeMap::new();
    for source in sources {
        let recorded = source.run.iter().flat_map(|run| &run.texts);
        // Records without a run still have the program if they hold only some of its search.
        let searched = source.evidence.iter().filter_map(|record| {
            Some(((record.check.as_str(), false), record.search.as_ref()?.identity.program.as_str()))
        });
        for (key, text) in recorded.map(|(check, text)| ((check.as_str(), true), text.as_str())).chain(searched) {
            let (known, one) = texts.entry(key).or_insert((text, &source.directory));
            if *known != text {
                let (check, one, other) = (key.0.to_owned(), (*one).to_owned(), source.directory.clone());
                return Err(ReadError::OtherProgram { check, one, other });
            }
        }
    }
    Ok(())
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
fn place(id: &str, part: Option<SearchPart>) -> PathBuf {
    let mut path: PathBuf = id.split('/').map(plain_name).collect();
    if let Some(SearchPart { index, count }) = part {
        // No name has an `@` of its own.
        path.as_mut_os_string().push(format!("@{index}-of-{count}"));
    }
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
            if let Some(found) = stated.pointer("/maker/suite").and_then(serde_json::Value::as_str)
                && found != VERSION
            {
                return Err(ReadError::OtherVersion { path: path.to_owned(), found: found.to_owned() });
            }
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
        let places: Vec<PathBuf> = ids.iter().map(|id| place(id, None)).collect();
        for (position, place) in places.iter().enumerate() {
            assert!(place.is_relative(), "{place:?}");
            assert!(place.components().all(|part| matches!(part, std::path::Component::Normal(_))), "{place:?}");
            assert!(!places[..position].contains(place), "{place:?} twice");
        }
        let id = "cond/conformance/L04-fifo/cond/loom";
        assert_eq!(place(id, None), Path::new("cond/conformance/L04-fifo/cond/loom.json"));
        let part = place("f/a.litmus", Some(SearchPart { index: 1, count: 2 }));
        assert_eq!(part, Path::new("f/a.litmus@1-of-2.json"));
        assert!(is_part_of(&part, &place("f/a.litmus", None)) && !is_part_of(&part, &place("f/a", None)));
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

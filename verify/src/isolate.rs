//! Child processes: a subject that aborts, hangs or allocates without end takes down its own check only.
//!
//! The child is the current executable, run again with a job in its environment. Whoever owns `main` calls
//! [`intercept`] first, so that the job is done before anything else happens. An ordinary `#[test]` cannot do that; it
//! calls [`in_child`], which runs the same test again, alone, in a child.
//!
//! A child leads a process group of its own. What it has started itself ends with it; and Ctrl-C, which a terminal sends to
//! the whole group in front, reaches the parent alone: a child that it killed would look like one that died of its check.

use std::env;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::UnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, setrlimit};
use selvedge::platform::host::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

const JOB: &str = "SELVEDGE_CHILD_JOB";
/// The file that holds the job, if it is too long for the environment.
const JOB_FILE: &str = "SELVEDGE_CHILD_JOB_FILE";
/// A job of more bytes goes into a file: Linux grants a variable 128 KiB.
const JOB_BYTES_MAX: usize = 64 << 10;
const ANSWER: &str = "SELVEDGE_CHILD_ANSWER";

/// What a child may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Wall time.
    pub duration: Duration,
    /// Address space, in bytes.
    pub memory_bytes: u64,
}

impl Default for Limits {
    /// A minute and 8 GiB of address space (stacks of simulated threads are mapped generously and touched sparingly).
    fn default() -> Self {
        Limits { duration: Duration::from_secs(60), memory_bytes: 8 << 30 }
    }
}

/// How many children run at a time from now on: they share the memory of the machine.
pub fn set_children(at_a_time: usize) {
    CHILDREN.store(at_a_time, Ordering::Relaxed);
}

static CHILDREN: AtomicUsize = AtomicUsize::new(1);

/// What a child may write to where so many run at a time on a machine of so many bytes: 8 GiB, or its share, so that those
/// which allocate without end meet their limit before the machine kills whom it likes. Less than 512 MiB hold no check.
///
/// Address space that is only reserved is not counted: glibc's allocator reserves 64 MiB a thread and touches little of it,
/// and a check must not fail for want of that.
pub fn memory_for(children: usize, machine_bytes: Option<u64>) -> u64 {
    let share = machine_bytes.map_or(u64::MAX, |bytes| bytes / (children.max(1) as u64));
    share.clamp(512 << 20, 8 << 30)
}

/// What a child may write to now.
fn data_bytes(limits: Limits) -> u64 {
    memory_for(CHILDREN.load(Ordering::Relaxed), memory_of_machine()).min(limits.memory_bytes)
}

/// The memory of this machine, or what this process's control groups grant of it; absent where nobody tells.
fn memory_of_machine() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).as_deref().and_then(memory_total);
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let granted = group_files(&groups).into_iter().filter_map(|file| read(&file)?.trim().parse().ok());
    granted.chain(machine).min()
}

/// What `/proc/meminfo` says there is.
fn memory_total(meminfo: &str) -> Option<u64> {
    let words = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = words.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

/// The files in which the groups that `/proc/self/cgroup` names, and all above them, may state a limit. In a container the
/// names can be those outside: the root is then what it sees.
fn group_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (root, file) = match fields.next() {
            Some("") => ("/sys/fs/cgroup", "memory.max"),
            Some(kinds) if kinds.split(',').any(|kind| kind == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let group = Path::new(fields.next().unwrap_or_default().trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| Path::new(root).join(group).join(file)));
    }
    files
}

/// How a child ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChildEnd {
    /// It did its job and answered.
    Answered(String),
    /// It died by itself: of a signal, of memory, or by exiting. With what it last wrote to its standard error.
    Died {
        /// How, in words.
        how: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// It was killed when its time was over.
    TimedOut(Duration),
    /// Somebody else ended it, by this signal: the user, or a system that is short of memory. That says nothing of its job.
    Killed(i32),
}

/// The first line of a `main` that runs checks: does the job that the environment holds, and exits; returns at once if
/// there is none.
pub fn intercept(work: impl FnOnce(&str) -> String) {
    let job = match env::var_os(JOB_FILE) {
        Some(file) => std::fs::read_to_string(file).ok(),
        None => env::var(JOB).ok(),
    };
    let (Some(job), Some(answer)) = (job, env::var_os(ANSWER)) else {
        return;
    };
    submit_to_parent();
    finish(&PathBuf::from(answer), &work(&job));
}

/// In a child that [`run_until`] started: does `what` once the parent asks it to stop. The job goes on, and is to end soon.
pub fn at_stop(what: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        // Nothing is ever written there: it ends when the parent closes it.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        what();
    });
}

/// Runs the current executable again with a job and arguments, within limits.
///
/// # Errors
///
/// If no child can be started.
pub fn run(job: &str, arguments: &[&str], limits: Limits) -> std::io::Result<ChildEnd> {
    run_until(job, arguments, limits, None)
}

/// Like [`run`]. Once `stop` is set the child is asked to stop, and may still answer: see [`at_stop`], which it has to call.
///
/// # Errors
///
/// If no child can be started.
pub fn run_until(
    job: &str,
    arguments: &[&str],
    limits: Limits,
    stop: Option<&AtomicBool>,
) -> std::io::Result<ChildEnd> {
    let answer = answer_path();
    let job_file = (job.len() > JOB_BYTES_MAX).then(|| answer.with_extension("job"));
    let mut command = Command::new(env::current_exe()?);
    match &job_file {
        Some(file) => {
            std::fs::write(file, job)?;
            command.env(JOB_FILE, file).env_remove(JOB)
        }
        None => command.env(JOB, job).env_remove(JOB_FILE),
    };
    let mut child = command
        .args(arguments)
        .env(ANSWER, &answer)
        .env("SELVEDGE_CHILD_MEMORY", limits.memory_bytes.to_string())
        .env("SELVEDGE_CHILD_DATA", data_bytes(limits).to_string())
        // Its last lines are to be the reason, not the way there.
        .env("RUST_BACKTRACE", "0")
        .stdin(if stop.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    // It is asked by closing this: a subject may have handlers of signals, and hardly reads its standard input.
    let mut asking = child.stdin.take();
    let mut stderr = child.stderr.take().expect("it was piped");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        // A child that dies mid-line leaves what it wrote; that is all we ask for.
        let _ = stderr.read_to_end(&mut text);
        tail(&String::from_utf8_lossy(&text))
    });
    let started = Instant::now();
    let mut pause = Duration::from_micros(500);
    let end = loop {
        if let Some(status) = child.try_wait()? {
            let killed = status.signal().filter(|signal| FROM_OUTSIDE.contains(signal));
            break match (std::fs::read_to_string(&answer), killed) {
                (Ok(text), _) if status.success() => ChildEnd::Answered(text),
                (_, Some(signal)) => ChildEnd::Killed(signal),
                _ => ChildEnd::Died { how: how_it_died(status), stderr: String::new() },
            };
        }
        if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            asking = None;
        }
        if started.elapsed() > limits.duration {
            child.kill()?;
            child.wait()?;
            break ChildEnd::TimedOut(limits.duration);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    drop(asking);
    // What it has left running would hold its standard error open, for as long as it likes.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Mostly nobody is left to be told.
        let _ = kill_process_group(group, Signal::KILL);
    }
    // The file is there only if the child answered.
    let _ = std::fs::remove_file(&answer);
    // And this one only if the job was long.
    let _ = job_file.map(std::fs::remove_file);
    Ok(match end {
        ChildEnd::Died { how, .. } => ChildEnd::Died { how, stderr: reader.join().unwrap_or_default() },
        other => other,
    })
}

/// For an ordinary `#[test]`: runs `body` in a child process, by running the test `name` again, alone.
///
/// `name` is the test's full path as `cargo test -- --list` prints it.
///
/// # Panics
///
/// If the child does not end well within the limits: the message says how it ended. In the child, whatever `body` does.
pub fn in_child(name: &str, limits: Limits, body: impl FnOnce() + UnwindSafe) {
    match in_child_or_end(name, limits, body) {
        None | Some(ChildEnd::Answered(_)) => {}
        Some(ChildEnd::Died { how, stderr }) => panic!("the child process {how}\n{stderr}"),
        Some(ChildEnd::Killed(signal)) => panic!("somebody killed the child process by signal {signal}"),
        Some(ChildEnd::TimedOut(limit)) => panic!("the child process did not end within {limit:?}"),
    }
}

/// Like [`in_child`], and says how the child ended instead of panicking. `None` in the child itself.
///
/// # Panics
///
/// If no child can be started.
pub fn in_child_or_end(name: &str, limits: Limits, body: impl FnOnce() + UnwindSafe) -> Option<ChildEnd> {
    if env::var(JOB).is_ok_and(|job| job == name) {
        submit_to_parent();
        body();
        finish(&PathBuf::from(env::var_os(ANSWER).expect("set together with the job")), "done");
    }
    Some(run(name, &["--exact", name, "--nocapture", "--test-threads=1"], limits).expect("a child can be started"))
}

/// Ends the process with its parent, and keeps it within the address space and the memory that its parent granted.
fn submit_to_parent() {
    // Ctrl-C ends the parent alone. Elsewhere than on Linux a check that is left behind runs to its end.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    for (name, resource) in [("SELVEDGE_CHILD_MEMORY", Resource::As), ("SELVEDGE_CHILD_DATA", Resource::Data)] {
        if let Some(bytes) = env::var(name).ok().and_then(|text| text.parse().ok()) {
            // Without the limit the check still runs; it is a guard, not a requirement.
            let _ = setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) });
        }
    }
}

fn finish(answer: &Path, text: &str) -> ! {
    let partial = answer.with_extension("partial");
    let written = std::fs::write(&partial, text).and_then(|()| std::fs::rename(&partial, answer));
    std::process::exit(if written.is_ok() { 0 } else { 1 })
}

fn answer_path() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("selvedge-{}-{number}.json", std::process::id()))
}

/// The signals that a process is ended by, and does not die of.
const FROM_OUTSIDE: [i32; 4] =
    [Signal::HUP.as_raw(), Signal::INT.as_raw(), Signal::KILL.as_raw(), Signal::TERM.as_raw()];

fn how_it_died(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(6)) => "aborted (signal 6)".into(),
        (_, Some(11)) => "accessed memory that is not its own (signal 11)".into(),
        (_, Some(signal)) => format!("died of signal {signal}"),
        (Some(0), _) => "exited without an answer".into(),
        (Some(code), _) => format!("exited with code {code}"),
        (None, None) => "ended in an unknown way".into(),
    }
}

/// The last lines: where the reason is.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn children_share_the_machine_and_none_has_more_than_eight_gib_or_less_than_half_of_one() {
        assert_eq!(memory_for(1, None), 8 * GIB);
        assert_eq!(memory_for(64, None), 8 * GIB);
        assert_eq!(memory_for(2, Some(64 * GIB)), 8 * GIB);
        assert_eq!(memory_for(2, Some(8 * GIB)), 4 * GIB);
        assert_eq!(memory_for(4, Some(7 * GIB)), 7 * GIB / 4);
        assert_eq!(memory_for(64, Some(8 * GIB)), GIB / 2);
        assert_eq!(memory_for(0, Some(4 * GIB)), 4 * GIB);
    }

    #[test]
    fn the_memory_of_a_machine_is_read_as_linux_writes_it() {
        assert_eq!(memory_total("MemTotal:       16303564 kB\nMemFree:  12 kB\n"), Some(16_303_564 << 10));
        assert_eq!(memory_total("MemFree:  12 kB\n"), None);
        assert_eq!(memory_total("MemTotal: much\n"), None);
        let named = |groups: &str| -> Vec<String> {
            group_files(groups).iter().map(|file| file.display().to_string()).collect()
        };
        let newer = ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"];
        assert_eq!(named("0::/a/b\n"), newer);
        let older = ["/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        assert_eq!(named("5:cpu,cpuacct:/x\n4:memory:/a\n1:name=systemd:/y\n"), older);
        if cfg!(target_os = "linux") {
            assert!(memory_of_machine().is_some_and(|bytes| bytes > GIB / 4));
        }
    }
}

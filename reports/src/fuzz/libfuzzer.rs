//! What libFuzzer says, as numbers.
//!
//! libFuzzer reports on its standard error, in lines meant for people: what it reached (`#123 NEW cov: 7 ft: 9 ...`), what
//! a crash was written to, and, with `-print_final_stats=1`, a few sums (`stat::number_of_executed_units: 123`). It does so
//! too where it crashes or is interrupted.

use std::path::PathBuf;

/// Lines of a message that are kept.
const MESSAGE_LINES_MAX: usize = 60;

/// What one run of libFuzzer said.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Said {
    /// The seed that it drew, or was given.
    pub seed: Option<u64>,
    /// Inputs executed.
    pub executions: u64,
    /// Edges reached.
    pub edges: u64,
    /// Features reached: pairs of edge and count, mostly.
    pub features: u64,
    /// Inputs that reached something new.
    pub new_units: u64,
    /// Peak memory.
    pub peak_rss_mib: u64,
    /// The input that crashed it, where it was written to.
    pub crash: Option<PathBuf>,
    /// What was said of the crash: the panic's message, else libFuzzer's.
    pub message: Option<String>,
}

impl Said {
    /// Reads what libFuzzer printed.
    pub fn read(log: &str) -> Self {
        let mut said = Said::default();
        for line in log.lines() {
            if let Some((name, value)) = line.strip_prefix("stat::").and_then(|rest| rest.split_once(':')) {
                let value = value.trim().parse().unwrap_or(0);
                match name {
                    "number_of_executed_units" => said.executions = value,
                    "new_units_added" => said.new_units = value,
                    "peak_rss_mb" => said.peak_rss_mib = value,
                    _ => {}
                }
            } else if line.starts_with('#') {
                said.edges = number_after(line, "cov: ").unwrap_or(said.edges);
                said.features = number_after(line, "ft: ").unwrap_or(said.features);
            } else if let Some(seed) = line.strip_prefix("INFO: Seed: ") {
                said.seed = seed.trim().parse().ok();
            } else if let Some((_, path)) = line.split_once("Test unit written to ") {
                let path = PathBuf::from(path.trim());
                // An input that is merely slow is written too, and the run goes on.
                let is_slow = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("slow-unit-"));
                said.crash = if is_slow { said.crash } else { Some(path) };
            }
        }
        said.message = message(log);
        said
    }
}

fn number_after(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The panic's message, else what libFuzzer calls the error.
fn message(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    let panicked = lines.iter().position(|line| line.starts_with("thread '") && line.contains("panicked at "));
    let Some(at) = panicked else {
        let (_, error) = lines.iter().find_map(|line| line.split_once("ERROR: libFuzzer: "))?;
        return Some(error.trim().to_owned());
    };
    let is_over =
        |line: &&&str| line.starts_with("note: ") || line.starts_with("==") || line.starts_with("stack backtrace:");
    let said: Vec<&str> =
        lines[at + 1..].iter().take_while(|line| !is_over(line)).take(MESSAGE_LINES_MAX).copied().collect();
    let (_, place) = lines[at].split_once("panicked at ")?;
    Some(format!("{}\n{}", place.trim_end_matches(':'), said.join("\n")).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASHED: &str = "\
INFO: Running with entropic power schedule (0xFF, 100).
INFO: Seed: 1234567
INFO: Loaded 1 modules   (4242 inline 8-bit counters): 4242 [0x1, 0x2),
#2\tINITED cov: 11 ft: 12 corp: 1/1b exec/s: 0 rss: 30Mb
#900\tNEW    cov: 17 ft: 31 corp: 5/8b lim: 4 exec/s: 0 rss: 30Mb L: 3/3 MS: 1 ChangeBit-
artifact_prefix='/a/'; Test unit written to /a/slow-unit-00
thread '<unnamed>' (77) panicked at fuzz_targets/canary.rs:12:9:
the canary was found
in two lines
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
==77== ERROR: libFuzzer: deadly signal
artifact_prefix='/a/'; Test unit written to /a/crash-01
stat::number_of_executed_units: 901
stat::average_exec_per_sec:     450
stat::new_units_added:          4
stat::slowest_unit_time_sec:    0
stat::peak_rss_mb:              31
";

    #[test]
    fn what_a_crashed_run_said() {
        let said = Said::read(CRASHED);
        let expected = Said {
            seed: Some(1_234_567),
            executions: 901,
            edges: 17,
            features: 31,
            new_units: 4,
            peak_rss_mib: 31,
            crash: Some(PathBuf::from("/a/crash-01")),
            message: Some("fuzz_targets/canary.rs:12:9\nthe canary was found\nin two lines".to_owned()),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn an_error_without_a_panic_has_libfuzzers_own_words() {
        let said = Said::read("==9== ERROR: libFuzzer: timeout after 11 seconds\n");
        assert_eq!(said.message.as_deref(), Some("timeout after 11 seconds"));
    }

    #[test]
    fn a_slow_input_is_no_crash_and_silence_is_nothing() {
        assert_eq!(Said::read("artifact_prefix='./'; Test unit written to ./slow-unit-00\n").crash, None);
        assert_eq!(Said::read(""), Said::default());
    }
}

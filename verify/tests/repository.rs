//! Rules of the repository that a test can keep. Each says why it is one.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file of ours with this ending, below the workspace.
fn files(ending: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).expect("the workspace can be read").map(|entry| entry.expect("as above")) {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "corpus", "artifacts", "nightly", "evidence"].contains(&&*name)
                {
                    walk(&path, ending, found);
                }
            } else if path.to_string_lossy().ends_with(ending) {
                let text = fs::read_to_string(&path).expect("our files are text");
                found.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut found = Vec::new();
    walk(root, ending, &mut found);
    found.iter_mut().for_each(|(path, _)| *path = path.strip_prefix(root).expect("below the root").to_path_buf());
    assert!(!found.is_empty(), "there are {ending} files");
    found.sort();
    found
}

/// The code of a line: what stands before a comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// A reader must learn from the first line what a file is for.
#[test]
fn every_source_file_says_what_it_is() {
    for (path, text) in files(".rs") {
        // A crate whose README is its front page includes it.
        let has_header = text.starts_with("//!") || text.starts_with("#![doc = include_str!");
        assert!(has_header, "{} has no `//!` header", path.display());
    }
}

/// An engine cannot interleave what it cannot see, and an engine that is named in one place can be replaced.
#[test]
fn only_the_platform_names_std_sync_loom_and_shuttle() {
    for (path, text) in files(".rs") {
        let is_platform = path.starts_with("impl/src/platform");
        // Benchmarks measure the peers themselves, tests of the real thing use real threads, and this file names what it
        // looks for. What the harness costs is measured against programs written by hand on the engines' own types.
        let is_exempt = path.starts_with("impl/benches")
            || path == Path::new("verify/benches/overhead.rs")
            || path == Path::new("verify/benches/exhaustive.rs")
            || path.ends_with("tests.rs")
            || path.ends_with("repository.rs");
        if is_platform || is_exempt {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = code(line);
            for word in
                ["std::sync", "loom::sync", "loom::model", "loom::thread::", "shuttle::sync", "shuttle::thread::"]
            {
                let is_shown = word != "std::sync" && stands_for_a_reader(&path);
                assert!(is_shown || !code.contains(word), "{}:{}: names {word}", path.display(), number + 1);
            }
        }
    }
}

/// Code as a reader would have it, who knows loom or shuttle and not our platform: it shows that such code can be checked.
fn stands_for_a_reader(path: &Path) -> bool {
    ["verify/examples/bring-your-own.rs", "verify/tests/foreign.rs", "impl/tests/platform_foreign.rs"]
        .iter()
        .any(|shown| path == Path::new(shown))
}

/// A spec is pure data: that is what makes it usable by explorer, checker and reader alike.
#[test]
fn the_model_has_no_dependencies_and_touches_nothing() {
    for (path, text) in files(".rs").into_iter().filter(|(path, _)| path.starts_with("model/src")) {
        for word in ["unsafe ", "std::thread", "std::fs", "std::net", "std::time", "std::io", "std::env"] {
            let line = text.lines().position(|line| code(line).contains(word));
            assert_eq!(line, None, "{}: uses {word}", path.display());
        }
    }
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/Cargo.toml")).unwrap();
    assert!(!manifest.contains("\n[dependencies]"), "model has no dependencies");
}

/// `cargo run` must mean what a newcomer expects.
#[test]
fn there_is_exactly_one_binary() {
    let manifests = files("Cargo.toml");
    let ours = manifests.iter().filter(|(path, _)| !path.starts_with("fuzz"));
    let binaries: usize = ours.map(|(_, text)| text.matches("[[bin]]").count()).sum();
    assert_eq!(binaries, 1);
    let implicit: Vec<_> = files("src/main.rs").into_iter().map(|(path, _)| path).collect();
    assert_eq!(implicit, [PathBuf::from("reports/src/main.rs")]);
    assert!(manifests.iter().all(|(_, text)| !text.contains("default-members")));
}

/// Trailing blanks and tabs make diffs noisy.
#[test]
fn no_trailing_blanks() {
    for ending in [".rs", ".litmus", ".md", ".toml"] {
        // Seeds of the fuzzer are wrong on purpose.
        for (path, text) in files(ending).into_iter().filter(|(path, _)| !path.starts_with("fuzz")) {
            for (number, line) in text.lines().enumerate() {
                assert!(line.trim_end() == line, "{}:{}: trailing blank", path.display(), number + 1);
            }
        }
    }
}

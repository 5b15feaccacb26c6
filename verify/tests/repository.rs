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

/// What code outside the platform may not name, as two neighbours of a path.
const PLATFORMS_OWN: [[&str; 2]; 9] = [
    ["std", "sync"],
    ["core", "sync"],
    ["alloc", "sync"],
    ["loom", "sync"],
    ["loom", "model"],
    ["loom", "thread"],
    ["shuttle", "sync"],
    ["shuttle", "thread"],
    ["shuttle", "future"],
];

/// The words and signs of code; `::` is one. A comment ends with its line, and what stands in strings counts as code.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut rest = code(line).trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = match rest {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            found.push((number + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// Every path that the tokens from `at` on spell, groups in braces taken apart, each behind `before`; up to the end of the
/// group that `at` is in. A path that is renamed ends with `as`, and one of everything with `*`. Returns where it stopped.
fn paths<'t>(
    tokens: &[(usize, &'t str)],
    mut at: usize,
    before: &[&'t str],
    found: &mut Vec<(usize, Vec<&'t str>)>,
) -> usize {
    let token = |at: usize| tokens.get(at).map_or("", |(_, token)| *token);
    let is_word = |token: &str| token.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    while at < tokens.len() {
        if token(at) == "}" && !before.is_empty() {
            return at + 1;
        }
        if !is_word(token(at)) {
            at += 1;
            continue;
        }
        let line = tokens[at].0;
        let mut path = [before, &[token(at)]].concat();
        at += 1;
        while token(at) == "::" && is_word(token(at + 1)) {
            path.push(token(at + 1));
            at += 2;
        }
        match (token(at), token(at + 1)) {
            ("::", "{") => at = paths(tokens, at + 2, &path, found),
            ("::", "*") => path.push("*"),
            ("as", _) => path.push("as"),
            _ => {}
        }
        found.push((line, path));
    }
    at
}

/// The places at which code names what is the platform's own, or a way around the name.
fn trespasses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    paths(&tokens(text), 0, &[], &mut found);
    found.retain(|(_, path)| {
        let names = path.windows(2).any(|pair| PLATFORMS_OWN.iter().any(|own| own == pair));
        let is_root = |name: &str| PLATFORMS_OWN.iter().any(|own| own[0] == name);
        let hides = match path[..] {
            [root, "as" | "*"] | [root, "self", "as"] => is_root(root),
            _ => false,
        };
        names || hides
    });
    found.into_iter().map(|(line, path)| (line, path.join("::"))).collect()
}

/// An engine cannot interleave what it cannot see, and an engine that is named in one place can be replaced.
#[test]
fn only_the_platform_names_std_sync_loom_and_shuttle() {
    for (path, text) in files(".rs") {
        let is_platform = path.starts_with("impl/src/platform");
        // Benchmarks measure the peers themselves, and this file names what it looks for. What the harness costs is
        // measured against programs written by hand on the engines' own types.
        let is_exempt = path.starts_with("impl/benches")
            || path == Path::new("verify/benches/overhead.rs")
            || path == Path::new("verify/benches/exhaustive.rs")
            || path == Path::new("verify/tests/repository.rs");
        if is_platform || is_exempt {
            continue;
        }
        let mut found = trespasses(&text);
        if stands_for_a_reader(&path) {
            found.retain(|(_, named)| {
                named.starts_with("std") || named.starts_with("core") || named.starts_with("alloc")
            });
        }
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn a_name_of_the_platforms_own_is_seen_however_it_is_spelled() {
    for spelled in [
        "use std::sync::Arc;",
        "use ::std::sync::Arc;",
        "use core::sync::atomic::AtomicU32;",
        "use alloc::sync::Arc;",
        "use std::{fmt, sync::Arc};",
        "use std::{\n    fmt,\n    sync,\n};",
        "use std::{collections::{BTreeMap, BTreeSet}, sync::{Arc, mpsc}};",
        "use {std::sync::Arc, std::fmt};",
        "let lock = std :: sync :: Mutex::new(());",
        "let lock: std::\n    sync::Mutex<()>;",
        "use std as machine;",
        "use std::{self as machine};",
        "use core::*;",
        "use loom::{model, thread};",
        "loom::thread::spawn(work)",
        "use shuttle::{rand, sync::Mutex};",
    ] {
        assert_ne!(trespasses(spelled), [], "{spelled}");
    }
    for allowed in [
        "use std::{fmt, thread};",
        "use std::fmt::{self as words, Display};",
        "// as std::sync has it",
        "use selvedge::platform::{Arc, host::mpsc};",
        "use selvedge::platform::shuttle::{self, Schedule};",
        "let sync = std::cmp::min(1, 2);",
        "impl Display for std::fmt::Arguments<'_> { fn sync() {} }",
        "match it { std::cmp::Ordering::Less => sync, _ => loom::threads() }",
    ] {
        assert_eq!(trespasses(allowed), [], "{allowed}");
    }
}

/// What a workflow does can then be done, and tried, on any machine.
#[test]
fn workflows_only_call_scripts_of_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let workflows = fs::read_dir(root.join(".github/workflows")).expect("there are workflows");
    let mut calls = 0;
    for path in workflows.map(|entry| entry.expect("the folder can be read").path()) {
        for line in fs::read_to_string(&path).expect("a workflow is text").lines() {
            let Some((_, call)) =
                line.trim_start().trim_start_matches("- ").split_once("run:").filter(|it| it.0.is_empty())
            else {
                continue;
            };
            calls += 1;
            let script = call.split_whitespace().next().unwrap_or_default();
            let is_ours = script.starts_with("scripts/") || script.starts_with(".ci/");
            assert!(is_ours && root.join(script).is_file(), "{}: runs {call}", path.display());
        }
    }
    assert!(calls >= 2, "{calls} calls");
}

/// A runner that is not root may still become it: the script then asks for that, and for nothing where it may not.
#[cfg(target_os = "linux")]
#[test]
fn what_ci_needs_is_installed_as_root() {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let search = std::env::var_os("PATH").unwrap_or_default();
    let find = |name: &str| std::env::split_paths(&search).map(|folder| folder.join(name)).find(|path| path.is_file());
    let (bash, dirname) = (find("bash").expect("the script needs it"), find("dirname").expect("as does this"));
    let calls = |user: u32, has_sudo: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let fake = |name: &str, body: String| {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a script");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        };
        fake("dirname", format!("exec {} \"$@\"", dirname.display()));
        fake("id", format!("echo {user}"));
        fake("apt-get", format!("echo \"${{AS:-nobody}} apt-get $1\" >> {}; [ \"$AS\" = root ]", log.display()));
        if has_sudo {
            fake("sudo", "[ \"$1\" = -n ] && shift; AS=root \"$@\"".to_owned());
        }
        // What comes after the tools is not looked at.
        fake("cargo", "exit 1".to_owned());
        let mut command = Command::new(&bash);
        command.arg(".ci/run").current_dir(root).env_clear().env("PATH", folder.path());
        if user == 0 {
            command.env("AS", "root");
        }
        let said = String::from_utf8(command.output().expect("bash starts").stdout).expect("words");
        (fs::read_to_string(&log).unwrap_or_default(), said.matches("could not be installed").count())
    };
    let as_root = ("root apt-get update\nroot apt-get install\n".repeat(3), 0);
    assert_eq!(calls(0, false), as_root);
    assert_eq!(calls(0, true), as_root);
    assert_eq!(calls(1000, true), as_root);
    assert_eq!(calls(1000, false), ("nobody apt-get update\n".repeat(3), 3));
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

//! Generated programs that once failed: they are saved, and those that are saved are checked for ever after.

use std::path::{Path, PathBuf};

use selvedge::platform::{Loom, Shuttle, Std};
use selvedge_model::toy::register::RegisterSpec;
use selvedge_verify::engine::Engine;
use selvedge_verify::evidence::{Evidence, Kind, Verdict};
use selvedge_verify::litmus::{self, corpus};
use selvedge_verify::subject::register::{AtomicRegister, STORES_WRONG};
use selvedge_verify::suite::{Drivers, Options, Suite, System};

/// The subjects that must conform.
fn primitives(suite: &Suite, system: &str) -> Vec<String> {
    let plan = suite.plan(&Options::quick());
    let of_system = plan.into_iter().filter(|planned| planned.kind == Kind::Conformance && planned.system == system);
    let mut names: Vec<String> = of_system.filter_map(|planned| planned.subject).collect();
    names.dedup();
    assert!(!names.is_empty(), "no primitive stands behind `{system}`");
    names
}

/// Checks a saved program against every primitive of its system, under the portfolio.
fn check(suite: &Suite, path: &Path) -> Vec<Evidence> {
    let source = corpus::load_file(path).unwrap_or_else(|problem| panic!("{problem}"));
    primitives(suite, &source.untyped().spec)
        .into_iter()
        .map(|subject| {
            let file = path.display().to_string();
            suite
                .check_here(&file, source.text(), &subject, Engine::Portfolio, &Options::quick())
                .unwrap_or_else(|problems| panic!("{problems}"))
        })
        .collect()
}

fn litmus_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "litmus")).collect();
    files.sort();
    files
}

#[test]
fn programs_that_once_failed_fail_no_more() {
    let suite = Suite::standard();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("litmus/regressions");
    for path in litmus_files(&folder) {
        for evidence in check(&suite, &path) {
            let is_right = matches!(evidence.verdict, Verdict::Pass | Verdict::Skipped);
            assert!(is_right, "{}: {}\n{}", evidence.check, evidence.reason, evidence.reproduce);
        }
    }
}

/// The register as a system with one primitive, whose failures go to that folder.
fn suite_with(variant: u8, folder: &Path) -> Suite {
    let atomic = Drivers::everywhere::<AtomicRegister<Loom>, AtomicRegister<Shuttle>, AtomicRegister<Std>>();
    let system = System::<RegisterSpec>::new("register", corpus::REGISTER)
        .primitive("atomic", atomic.variant(variant))
        .regressions(folder);
    Suite::empty().with(system)
}

fn generated(suite: &Suite) -> Evidence {
    let plan = suite.plan(&Options::quick());
    let planned = plan.iter().find(|planned| planned.kind == Kind::Generated).expect("programs are generated");
    suite.run_here(planned, &Options::quick())
}

#[test]
fn a_generated_program_that_fails_is_shrunk_and_saved_and_fails_until_the_subject_is_mended() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let broken = suite_with(STORES_WRONG, folder.path());
    let evidence = generated(&broken);
    assert_eq!(evidence.verdict, Verdict::Fail, "{}", evidence.reason);

    let saved = litmus_files(folder.path());
    assert_eq!(saved.len(), 1, "{saved:?}");
    assert_eq!(evidence.note, Some(saved[0].display().to_string()), "the record says where");
    let text = std::fs::read_to_string(&saved[0]).expect("it was just written");
    assert_eq!(evidence.counterexample.expect("the failure").program, text);
    let program = litmus::parse("saved", &text).and_then(|source| source.program::<RegisterSpec>()).unwrap();
    assert!(program.threads.iter().map(|thread| thread.statements.len()).sum::<usize>() <= 2, "not shrunk:\n{text}");

    generated(&broken);
    assert_eq!(litmus_files(folder.path()), saved, "the same failure is saved once");
    assert!(check(&broken, &saved[0]).iter().all(|evidence| evidence.verdict == Verdict::Fail));
    let mended = suite_with(0, folder.path());
    assert!(check(&mended, &saved[0]).iter().all(|evidence| evidence.verdict == Verdict::Pass));
}

#[test]
fn a_system_that_names_no_folder_saves_nothing() {
    let atomic = Drivers::everywhere::<AtomicRegister<Loom>, AtomicRegister<Shuttle>, AtomicRegister<Std>>();
    let system =
        System::<RegisterSpec>::new("register", corpus::REGISTER).primitive("atomic", atomic.variant(STORES_WRONG));
    let evidence = generated(&Suite::empty().with(system));
    assert_eq!((evidence.verdict, evidence.note), (Verdict::Fail, None));
}

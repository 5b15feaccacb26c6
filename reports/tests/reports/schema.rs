//! The schema that is published is the one that the types have, and reports satisfy it.

use std::path::Path;

use selvedge_reports::report::Report;
use serde_json::Value;

use crate::support;

/// Set to rewrite the published schema.
const BLESS: &str = "SELVEDGE_BLESS";

#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report.schema.json");
    let derived = serde_json::to_value(schemars::schema_for!(Report)).unwrap();
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, format!("{derived:#}\n")).unwrap();
    }
    let text = std::fs::read_to_string(&path).expect("the schema is committed");
    let published: Value = serde_json::from_str(&text).unwrap();
    // Not `assert_eq`: it would print both, whole.
    assert!(
        published == derived,
        "{} is not the schema of the types; if that is meant, run this test with {BLESS}=1 and commit the file",
        path.display()
    );
}

#[test]
fn reports_satisfy_the_schema_and_others_do_not() {
    let schema = serde_json::to_value(schemars::schema_for!(Report)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let report = serde_json::to_value(support::report()).unwrap();
    validator.validate(&report).unwrap();
    for (pointer, wrong) in [
        ("/counts/deciding/pass", Value::from(-1)),
        ("/conclusion/outcome", Value::from("fine")),
        ("/evidence/0/verdict", Value::Null),
        ("/runs", Value::from("none")),
    ] {
        let mut changed = report.clone();
        *changed.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(!validator.is_valid(&changed), "{pointer}");
    }
}

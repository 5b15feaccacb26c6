use crate::support;
use selvedge_reports::html::render;

#[test]
fn dump() {
    std::fs::write("/tmp/report.html", render(&support::report())).unwrap();
    std::fs::write(
        "/tmp/report-pass.html",
        render(&support::report_of(|record| record.verdict == selvedge_verify::evidence::Verdict::Pass)),
    )
    .unwrap();
}

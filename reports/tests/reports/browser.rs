//! The page in a real browser, opened as a file, as whoever gets it by mail opens it.

use std::process::Command;

use selvedge_reports::html::render;

use crate::support;

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

#[test]
fn a_browser_shows_the_verdict_from_a_file() {
    let Some(browser) = BROWSERS
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
    else {
        println!("skipped: there is none of {}", BROWSERS.join(", "));
        return;
    };
    let report = support::report();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    std::fs::write(&page, render(&report)).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sentence = report.conclusion.sentence.replace('&', "&amp;");
    assert!(dom.contains(&sentence), "`{sentence}` is not in what {browser} shows");
    assert!(dom.contains("</html>"));
}

//! The `selvedge` command.

use std::process::ExitCode;

use selvedge_reports::cli;
use selvedge_verify::suite::Suite;

fn main() -> ExitCode {
    let suite = Suite::standard();
    // In a child process this is where the work is done; it never returns there.
    suite.intercept();
    ExitCode::from(cli::run(suite, std::env::args_os()).code())
}

//! The `selvedge` command: runs the suite, explores litmus tests, renders conformance reports.
//!
//! A library, so that rendering and the command's behaviour can be tested in process; the binary is one call into it.
//! Data flows one way: the suite makes records ([`store`]), records make the [`report`], and the report is laid out as
//! one HTML page ([`html`]), as JUnit ([`junit`]) and as the terminal's table ([`table`]).

// One place prints: see `say`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod differences;
pub mod exit;
pub mod fuzz;
pub mod html;
pub mod junit;
pub mod report;
mod say;
mod standard;
pub mod store;
pub mod suite;
pub mod table;

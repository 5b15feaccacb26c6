//! Mutants: subjects and programs with one classic bug each. The suite must kill every one.

pub mod cond;
pub mod getopt;
pub mod proc;
pub mod uio;

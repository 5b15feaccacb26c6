//! getopt: implementation, spec and live C libraries against each other, and planted bugs that show that these tests see.

mod exhaustive;
mod fuzz;
mod libraries;
mod litmus;
mod mutants;
mod survey;

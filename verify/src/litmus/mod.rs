//! Litmus tests: tiny concurrent programs as plain text.

pub mod program;

pub use program::*;

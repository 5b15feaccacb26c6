//! Concurrency primitives.
pub mod platform;

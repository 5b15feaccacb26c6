//! Real systems with the semantics of a spec, live.

pub mod getopt;

//! The Go scheduler, by what its own execution traces show.

pub mod follow;
mod format_1_11;
mod format_1_22;
pub mod trace;

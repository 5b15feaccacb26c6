//! Transfers and vectored calls: ours against the spec, the planted bugs, and the kernel that this runs on.

mod kernel;
mod mutants;
mod properties;

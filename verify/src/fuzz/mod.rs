//! What the fuzz targets do with their bytes: one file a system. A target is a few lines of glue around what stands here,
//! and property tests call the same.

pub mod canary;
pub mod cond;
pub mod getopt;
pub mod uio;

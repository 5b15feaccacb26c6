//! Hold a concurrency primitive against its executable spec.

pub mod evidence;
pub mod history;
pub mod info;
pub mod litmus;
pub mod subject;

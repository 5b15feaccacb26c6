//! Hold a concurrency primitive against its executable spec.

pub mod check;
pub mod evidence;
pub mod generate;
pub mod history;
pub mod litmus;
pub mod subject;

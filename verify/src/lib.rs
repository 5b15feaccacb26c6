//! Hold a concurrency primitive against its executable spec.

pub mod engine;
pub mod check;
pub mod evidence;
pub mod execute;
pub mod history;
pub mod isolate;
pub mod litmus;
pub mod mutant;
pub mod subject;

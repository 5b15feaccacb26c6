//! Hold a concurrency primitive against its executable spec.

pub mod columns;
pub mod evidence;
pub mod explore;
pub mod history;
pub mod litmus;
pub mod subject;

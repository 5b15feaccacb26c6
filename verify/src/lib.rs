//! Hold a concurrency primitive against its executable spec.

pub mod check;
pub mod columns;
pub mod conformance;
pub mod engine;
pub mod evidence;
pub mod execute;
pub mod explore;
pub mod generate;
pub mod history;
pub mod info;
pub mod isolate;
pub mod litmus;
pub mod mutant;
pub mod subject;
pub mod suite;

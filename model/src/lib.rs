//! Executable specs: what concurrency primitives and the system interfaces around them may do.
//!
//! Pure data: no threads, no `unsafe`, no I/O, no clock, and no code shared with the implementations that are held
//! against it. [`spec`] says what a spec is; every other module is one system.

pub mod cond;
pub mod getopt;
pub mod iovec;
pub mod proc;
pub mod spec;
pub mod text;
pub mod toy;
pub mod uio;

pub use spec::{
    Broken, Clause, Commutation, Departure, Exclusion, Form, Freedom, Obligation, Parameter, Progress, Rule, RuleId,
    Semantics, Spec, Statuses, Step, StepOf, Story, Taken, Thread, Unknown, Unreadable,
};

//! Litmus tests: tiny concurrent programs as plain text.
//!
//! The term and the method are those of memory-model research: a test is a few threads with a few statements each, and
//! the question is which outcomes are allowed. `docs/litmus.md` is the language reference.
//!
//! Reading takes two passes. [`parse`] reads the text without knowing any spec: an operation is then just a text with a
//! place. [`Source::program`] gives the operations their meaning for one spec and checks what only the spec knows: its
//! operations, parameters, observables, clauses and answers. Either pass reports everything that it finds wrong, with
//! the place and with what would have been accepted.
//!
//! ```
//! use selvedge_verify::litmus;
//!
//! let source = litmus::parse(
//!     "one-signal",
//!     "spec cond\n\
//!      thread W\n  lock\n  wait\n  unlock\n\
//!      thread S\n  signal\n\
//!      exists done W\n\
//!      exists blocked W\n",
//! )?;
//! assert_eq!(source.untyped().threads.len(), 2);
//! assert_eq!(source.statement_line(0, 1), 4);
//!
//! let mistake = litmus::parse("mistake", "spec cond\nthread W\n  await p == 1\n").unwrap_err();
//! assert!(mistake.to_string().starts_with("mistake:3:9: "));
//! # Ok::<(), litmus::Diagnostics>(())
//! ```

pub mod corpus;
mod diagnostic;
mod grammar;
pub mod oracle;
mod print;
pub mod program;
mod resolve;
mod source;

pub use diagnostic::{Diagnostic, Diagnostics, PROBLEMS_MAX, Span};
pub use program::*;
pub use source::{ITEMS_MAX, STATEMENTS_MAX, Source, THREADS_MAX, parse};

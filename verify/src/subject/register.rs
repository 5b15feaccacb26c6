//! The toy register, right and wrong: it keeps the engines and the history mode honest.
//!
//! A subject that fetches its value before its call returns values that were current once, only not during the call. No
//! look at outcomes finds it; an engine whose calls and returns are scheduling points does.

#![doc = include_str!("../README.md")]

pub mod cond;
pub mod getopt;
pub mod lock;
pub mod platform;
#[cfg(feature = "proc")]
pub mod proc;
pub mod uio;
mod waiter;

pub use cond::{Cond, Held, StdGuard, TimedOut, go};
pub use lock::{Locker, Mutex, MutexGuard, RawMutex, ReadLocker, RwMutex};

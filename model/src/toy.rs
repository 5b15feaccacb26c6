//! Three toy specs, for tests and documentation: the smallest one that is useful, one that blocks and can die, and one
//! that uses everything a spec can say.

pub mod daemon;
pub mod lock;
pub mod register;

pub use daemon::DaemonSpec;
pub use lock::LockSpec;
pub use register::RegisterSpec;

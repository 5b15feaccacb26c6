//! Toy specs, for tests and documentation: the smallest one that is useful, one that blocks and can die, one that uses
//! everything a spec can say, and one of the objects that the exhaustive engine must understand.

pub mod daemon;
pub mod lock;
pub mod objects;
pub mod register;

pub use daemon::DaemonSpec;
pub use lock::LockSpec;
pub use objects::ObjectsSpec;
pub use register::RegisterSpec;

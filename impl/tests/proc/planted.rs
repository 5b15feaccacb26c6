//! The same tests with a mistake in the executor, each in a process of its own, because what is wrong may be anything:
//! each must fail.

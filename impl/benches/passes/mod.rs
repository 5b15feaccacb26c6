//! How often a benchmark measures everything: peers are compared within a pass, and the passes follow one another, so that
//! what the machine does besides falls on all of them.

/// The passes, numbered: three, or as many as `SELVEDGE_BENCH_PASSES` says.
pub fn passes() -> impl Iterator<Item = usize> {
    let passes = std::env::var("SELVEDGE_BENCH_PASSES").map_or(3, |passes| {
        passes.parse().unwrap_or_else(|error| panic!("SELVEDGE_BENCH_PASSES is {passes:?}: {error}"))
    });
    1..=passes
}

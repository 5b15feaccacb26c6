//! stub
use crate::litmus::Program;
use selvedge_model::Spec;
#[derive(Default)]
pub struct Shape;
pub struct Generated<Op> { pub programs: Vec<Program<Op>>, pub discarded_share: f64 }
pub fn programs<S: Spec>(_: &S, _: &Shape, _: u64, _: usize) -> Generated<S::Op> { Generated { programs: vec![], discarded_share: 0.0 } }
pub fn shrink<Op: Clone>(p: &Program<Op>, _: impl FnMut(&Program<Op>) -> bool) -> Program<Op> { p.clone() }

//! Must crash: a run of the fuzzer that does not find this would find nothing else either.

#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::canary;

fuzz_target!(|bytes: &[u8]| canary::judge(bytes));

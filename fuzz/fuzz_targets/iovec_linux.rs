//! A vectored call with everything that it depends on, put to the kernel that this runs on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_verify::oracle::linux_iovec::{self, Question};

fuzz_target!(|question: Question| {
    if let Err(surprise) = linux_iovec::ask(&question) {
        panic!("{surprise}");
    }
});

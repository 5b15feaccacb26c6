//! Any text at all, read as a litmus test. What must hold is said in the library, where `cargo test` replays it too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_verify::litmus::oracle;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        oracle::check_text(text);
    }
});

//! A command line and what a program passes with it, over the getopt_long and getopt_long_only of this process's glibc.

#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_verify::fuzz::getopt;
use selvedge_verify::oracle::getopt::Glibc;

fuzz_target!(|bytes: &[u8]| getopt::glibc(&mut Glibc::lock(), true, bytes));

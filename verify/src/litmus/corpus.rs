//! stub
use crate::suite::CorpusFile;
pub const COND: &[CorpusFile] = &[];
pub const REGISTER: &[CorpusFile] = &[CorpusFile { name: "two-reads", text: include_str!("../../litmus/register/two-reads.litmus") }, CorpusFile { name: "two-writers", text: include_str!("../../litmus/register/two-writers.litmus") }];

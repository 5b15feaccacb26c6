//! An oracle that is wrong on purpose: a fuzzer that does not find this finds nothing.

/// What the input must begin with.
const WORD: &[u8; 8] = b"selvedge";

/// Judges an input, and finds fault with one that begins with a certain word.
///
/// Bytes drawn blindly spell it out once in 2^64 inputs. A fuzzer that is told which branches an input took, or what it was
/// compared with, has it within a second (`selvedge fuzz canary`: 250,124 executions, and 730,514 another time). Finding it
/// shows that inputs arrive, that feedback comes back, and that a panic is noticed.
///
/// # Panics
///
/// If the input begins with the word.
pub fn judge(input: &[u8]) {
    // One branch a letter.
    let spelled = WORD.iter().zip(input).take_while(|(letter, byte)| letter == byte).count();
    assert!(spelled < WORD.len(), "the canary was found");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_is_found() {
        for input in [&b""[..], b"selvedg", b"selvedgE", b" selvedge"] {
            judge(input);
        }
        for input in [&b"selvedge"[..], b"selvedge and more"] {
            let judged = std::panic::catch_unwind(|| judge(input));
            assert!(judged.is_err(), "{input:?}");
        }
    }
}

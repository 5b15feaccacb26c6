//! Ours against the spec, over drawn inputs: the oracles of the fuzz targets.

use arbitrary::{Arbitrary, Unstructured};
use proptest::prelude::*;
use selvedge_verify::fuzz::uio::{self, Handed, Session};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: proptest::test_runner::RngSeed::Fixed(4),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn drawn<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Result<T, TestCaseError> {
    T::arbitrary_take_rest(Unstructured::new(bytes)).map_err(|error| TestCaseError::reject(error.to_string()))
}

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    fn a_transfer_is_what_the_spec_says(bytes in prop::collection::vec(any::<u8>(), 16..200)) {
        let session: Session = drawn(&bytes)?;
        prop_assert_eq!(uio::session(&session, None), Ok(()), "{:?}", session);
    }

    #[test]
    fn a_cursor_over_slices_is_what_the_spec_says(bytes in prop::collection::vec(any::<u8>(), 16..200)) {
        let session: Session = drawn(&bytes)?;
        prop_assert_eq!(uio::cursors(&session), Ok(()), "{:?}", session);
    }

    #[test]
    fn a_vector_is_taken_in_as_the_spec_says(bytes in prop::collection::vec(any::<u8>(), 8..120)) {
        let handed: Handed = drawn(&bytes)?;
        prop_assert_eq!(uio::import(&handed, None), Ok(()), "{:?}", handed);
    }
}

//! The kernel that this runs on, asked what the spec is asked. A surprise names the kernel and the question.

use selvedge_model::uio::Errno;
use selvedge_verify::oracle::linux_iovec::*;

/// Asks, and panics with the surprise if there is one.
fn answer(question: &Question) -> Result<u64, Errno> {
    ask(question).unwrap_or_else(|surprise| panic!("{surprise}")).answer
}

fn vector(elements: &[(Place, Length)]) -> VectorOf {
    VectorOf { elements: elements.to_vec(), count: Count::Exact }
}

fn read(open: Open, elements: &[(Place, Length)]) -> Question {
    Question { open, held: 30, position: 0, which: Which::Vectored { is_write: false }, vector: vector(elements) }
}

fn write(open: Open, elements: &[(Place, Length)]) -> Question {
    Question { which: Which::Vectored { is_write: true }, held: 0, ..read(open, elements) }
}

const GOOD: (Place, Length) = (Place::Inside(0), Length::Short(10));
const OTHER: (Place, Length) = (Place::Inside(100), Length::Short(10));
const HOLE: (Place, Length) = (Place::Inside(2 * 4096), Length::Short(10));
const INTO_HOLE: (Place, Length) = (Place::BeforeThePageEnds(1, 6), Length::Short(20));

#[test]
fn faults_are_answered_by_the_kind_of_file() {
    for open in [Open::Disk, Open::Memory] {
        assert_eq!(answer(&read(open, &[GOOD, HOLE, OTHER])), Ok(10), "{open:?}");
        assert_eq!(answer(&read(open, &[HOLE, GOOD])), Err(Errno::EFAULT), "{open:?}");
        assert_eq!(answer(&read(open, &[INTO_HOLE])), Ok(7), "{open:?}");
        assert_eq!(answer(&write(open, &[GOOD, HOLE, OTHER])), Ok(10), "{open:?}");
    }
    // The spec leaves open which of the two it is on these. That nothing is lost the oracle looks at itself.
    for open in [Open::Pipe, Open::Socket] {
        for question in [read(open, &[GOOD, HOLE, OTHER]), write(open, &[GOOD, HOLE, OTHER])] {
            assert!([Ok(10), Err(Errno::EFAULT)].contains(&answer(&question)), "{question:?}");
        }
    }
    assert_eq!(answer(&write(Open::Null, &[HOLE])), Ok(10), "nothing is looked at");
}

#[test]
fn the_vector_is_looked_at_in_order() {
    let kernel = (Place::Kernel(200), Length::Zero);
    let low = (Place::Low(1), Length::Zero);
    assert_eq!(answer(&read(Open::Disk, &[kernel, GOOD])), Err(Errno::EFAULT), "also one of no length");
    assert_eq!(answer(&read(Open::Disk, &[low, GOOD])), Ok(10));
    let negative = (Place::Kernel(0), Length::Negative(0));
    assert_eq!(answer(&read(Open::Disk, &[GOOD, negative])), Err(Errno::EINVAL), "before its range");
    assert_eq!(answer(&read(Open::Nothing, &[kernel, negative])), Err(Errno::EBADF));
    let many = |count| Question { vector: VectorOf { elements: vec![GOOD], count }, ..read(Open::Null, &[]) };
    assert_eq!(answer(&many(Count::Most)), Ok(0));
    assert_eq!(answer(&many(Count::TooMany)), Err(Errno::EINVAL));
    assert_eq!(answer(&many(Count::Negative)), Err(Errno::EINVAL));
    assert_eq!(answer(&many(Count::More(0))), Err(Errno::EFAULT));
}

#[test]
fn the_sum_is_capped() {
    let huge = (Place::Inside(0), Length::AroundTheCap(1));
    assert_eq!(answer(&write(Open::Null, &[huge, huge])), Ok(2_147_479_552));
    assert_eq!(answer(&write(Open::Null, &[huge])), Ok(2_147_479_552));
}

#[test]
fn positions_and_flags() {
    let with =
        |open, at, flags| Question { which: Which::WithFlags { is_write: false, at, flags }, ..read(open, &[GOOD]) };
    assert_eq!(answer(&with(Open::Pipe, At::MinusOne, Flags::None)), Ok(10));
    assert_eq!(answer(&with(Open::Pipe, At::Byte(0), Flags::None)), Err(Errno::ESPIPE));
    assert_eq!(answer(&with(Open::Memory, At::Negative(0), Flags::None)), Err(Errno::EINVAL));
    assert_eq!(answer(&with(Open::Memory, At::Byte(25), Flags::None)), Ok(5));
    assert_eq!(answer(&with(Open::Memory, At::Byte(0), Flags::Unknown)), Err(Errno::EOPNOTSUPP));
    let at =
        Question { which: Which::AtPosition { is_write: false, at: At::MinusOne }, ..read(Open::Nothing, &[GOOD]) };
    assert_eq!(answer(&at), Err(Errno::EINVAL), "before the descriptor");
}

#[test]
fn between_processes() {
    let between = |local: &[(Place, Length)], remote: &[(Place, Length)], is_known, flags| Question {
        which: Which::BetweenProcesses { is_write: false, remote: vector(remote), is_known, flags },
        ..read(Open::Nothing, local)
    };
    assert_eq!(answer(&between(&[OTHER], &[GOOD], true, 0)), Ok(10));
    assert_eq!(answer(&between(&[OTHER], &[GOOD], false, 0)), Err(Errno::ESRCH));
    assert_eq!(answer(&between(&[], &[GOOD], false, 0)), Ok(0), "nobody is looked for");
    assert_eq!(answer(&between(&[OTHER], &[GOOD], true, 1)), Err(Errno::EINVAL));
    let long = (Place::Inside(4096), Length::Short(30));
    assert_eq!(answer(&between(&[long], &[GOOD, HOLE, GOOD], true, 0)), Ok(10));
    assert_eq!(answer(&between(&[long], &[INTO_HOLE], true, 0)), Ok(7));
    assert_eq!(answer(&between(&[INTO_HOLE], &[GOOD, GOOD], true, 0)), Ok(7));
}

#[test]
fn drawn_questions_have_no_surprising_answer() {
    let mut draws = Draws::new(11);
    let mut asked = 0;
    for number in 0..6_000 {
        if let Some(question) = question(&draws.bytes(16 + number % 64)) {
            asked += 1;
            if let Err(surprise) = ask(&question) {
                panic!("{surprise}");
            }
        }
    }
    assert!(asked > 5_000, "{asked} of the drawn inputs are questions");
}

/// A kernel that answered so would be noticed: each of these is, within a thousand questions, and soon.
#[test]
fn a_kernel_that_lies_is_noticed() {
    let lies = [Lie::OneMore, Lie::OneLess, Lie::ErrorIsNothing, Lie::PositionMovesOnError, Lie::LosesOnError];
    for lie in lies {
        let mut draws = Draws::new(13);
        let noticed = (0..1_000).find_map(|number| {
            let question = question(&draws.bytes(16 + number % 64))?;
            ask_through(&question, Some(lie)).err().map(|surprise| (number, surprise))
        });
        let (number, surprise) = noticed.unwrap_or_else(|| panic!("{lie:?} was not noticed"));
        println!("{lie:?} is noticed at question {number}: {}", surprise.what);
    }
}

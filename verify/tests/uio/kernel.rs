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

/// What is not drawn: each is asked here, and now and then by the oracle.
#[test]
fn what_is_beyond_32_bits_and_beyond_a_file() {
    let wrapped =
        |question: Question| Question { vector: VectorOf { count: Count::Wrapped, ..question.vector }, ..question };
    assert_eq!(answer(&wrapped(read(Open::Disk, &[GOOD]))), Ok(10));
    assert_eq!(answer(&wrapped(read(Open::Disk, &[]))), Ok(0));
    let flags = Which::WithFlags { is_write: false, at: At::Byte(0), flags: Flags::Wrapped };
    assert_eq!(answer(&Question { which: flags, ..read(Open::Disk, &[GOOD]) }), Ok(10));
    let far = Which::AtPosition { is_write: true, at: At::Far(3) };
    assert_eq!(answer(&Question { which: far.clone(), ..write(Open::Memory, &[GOOD]) }), Ok(10));
    // How large a file on a disk may be is the file system's business, and which one this is nobody knows.
    let on_disk = answer(&Question { which: far, ..write(Open::Disk, &[GOOD]) });
    assert!([Ok(10), Err(Errno::EFBIG)].contains(&on_disk), "{on_disk:?}");
    let between = |count| Which::BetweenProcesses {
        is_write: false,
        remote: VectorOf { count, ..vector(&[GOOD]) },
        is_known: true,
        flags: 0,
    };
    let from = |which| Question { which, ..read(Open::Nothing, &[OTHER]) };
    assert_eq!(answer(&wrapped(from(between(Count::Exact)))), Ok(10));
    assert_eq!(answer(&from(between(Count::Wrapped))), Err(Errno::EINVAL));
}

/// A socket takes more than its spec surely has room for.
#[test]
fn a_socket_takes_what_it_takes() {
    let long = (Place::Inside(0), Length::AroundAPage(0));
    let question =
        Question { vector: VectorOf { elements: vec![long], count: Count::Repeated(30) }, ..write(Open::Socket, &[]) };
    assert_eq!(answer(&question), Ok(30 * 4096));
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
        if let Some(mut question) = question(&draws.bytes(16 + number % 64)) {
            asked += 1;
            if asked % 2 == 1 {
                question.tame();
            }
            if asked % 8 == 7 {
                question.stretch((asked / 8) as u8);
            }
            if let Err(surprise) = ask(&question) {
                panic!("{surprise}");
            }
        }
    }
    assert!(asked > 5_000, "{asked} of the drawn inputs are questions");
}

/// A kernel that answered so would be noticed: each of these is, by the first questions of each kind that it is about.
#[test]
fn a_kernel_that_lies_is_noticed() {
    let lies = [
        (Lie::OneMore, true),
        (Lie::OneLess, true),
        (Lie::ErrorIsNothing, true),
        (Lie::PositionMovesOnError, false),
        (Lie::LosesOnError, false),
        (Lie::FlipsMoved, true),
        (Lie::FlipsBeside, true),
        (Lie::FlipsBehind, true),
        (Lie::FlipsSource, true),
        (Lie::FlipsFile, false),
    ];
    for (lie, between_too) in lies {
        for between in [false, true] {
            if between && !between_too {
                continue;
            }
            let mut draws = Draws::new(13);
            let noticed = (0..4_000).find_map(|number| {
                let mut question = question(&draws.bytes(16 + number % 64))?;
                if number % 2 == 1 {
                    question.tame();
                }
                let is_between = matches!(question.which, Which::BetweenProcesses { .. });
                (is_between == between)
                    .then(|| ask_through(&question, Some(lie)).err())
                    .flatten()
                    .map(|it| (number, it))
            });
            let on = if between { "between processes" } else { "on files" };
            let (number, surprise) = noticed.unwrap_or_else(|| panic!("{lie:?} was not noticed {on}"));
            println!("{lie:?} is noticed {on} at question {number}: {}", surprise.what);
        }
    }
}

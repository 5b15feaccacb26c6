//! Tests of the cursors that need no spec: the account, the edges, and the process's own memory.

use std::io::{IoSlice, IoSliceMut};

use super::device::{ByteQueue, Refused};
use super::*;

fn vector(elements: &[(usize, usize)]) -> Vec<Iovec> {
    elements.iter().map(|&(base, len)| Iovec { base, len }).collect()
}

#[test]
fn gather_and_scatter_are_each_others_inverse() {
    let data: Vec<u8> = (0..100).collect();
    for lens in [&[100][..], &[0, 30, 0, 0, 70, 0], &[1, 98, 1], &[50; 2]] {
        for step in [1, 3, 7, 99, 100, 200] {
            let mut rest = &data[..];
            let pieces: Vec<IoSlice<'_>> =
                lens.iter().map(|len| IoSlice::new(rest.split_off(..*len).unwrap())).collect();
            let mut gather = Gather::new(&pieces);
            let mut found = [vec![0; 60], vec![], vec![0; 40]];
            let mut room: Vec<IoSliceMut<'_>> = found.iter_mut().map(|piece| IoSliceMut::new(piece)).collect();
            let mut scatter = Scatter::new(&mut room);
            let mut buffer = vec![0; step];
            loop {
                let count = gather.copy_to(&mut buffer);
                assert_eq!(scatter.copy_from(&buffer[..count]), count);
                assert_eq!(gather.resid() + gather.offset() as usize, 100);
                assert_eq!((scatter.resid(), scatter.offset()), (gather.resid(), gather.offset()));
                if count == 0 {
                    break;
                }
            }
            assert_eq!(found.concat(), data, "{lens:?} in steps of {step}");
        }
    }
}

#[test]
fn peeking_and_advancing_go_the_same_way_as_copying() {
    let pieces = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdef")];
    let mut gather = Gather::new(&pieces);
    assert_eq!(gather.peek(), b"ab");
    assert_eq!(gather.advance(3), 3);
    assert_eq!((gather.peek(), gather.elements_left()), (&b"def"[..], 1));
    assert_eq!(gather.advance(9), 3);
    assert_eq!((gather.peek(), gather.resid(), gather.elements_left()), (&b""[..], 0, 1));
}

#[test]
fn pieces_of_every_length_are_copied_whole_and_nothing_beside_them() {
    let data: Vec<u8> = (1..=200).collect();
    for len in 0..80 {
        for at in 0..4 {
            let mut gather_from = [IoSlice::new(&data[at..][..len]), IoSlice::new(&data[100..])];
            let mut found = [0; 100];
            assert_eq!(Gather::new(&gather_from).copy_to(&mut found[..len]), len);
            assert_eq!((&found[..len], &found[len..]), (&data[at..][..len], &[0; 100][len..]));
            gather_from.rotate_left(1);
            let mut found = [0; 200];
            assert_eq!(Gather::new(&gather_from).copy_to(&mut found), 100 + len);
            assert_eq!(&found[100..][..len], &data[at..][..len]);
            let (mut one, mut other) = ([0; 100], [0; 100]);
            let mut room = [IoSliceMut::new(&mut one[at..][..len]), IoSliceMut::new(&mut other)];
            let mut scatter = Scatter::new(&mut room);
            assert_eq!((scatter.copy_from(&data[..len]), scatter.resid()), (len, 100));
            assert_eq!(scatter.copy_from(&data[..len]), len);
            for (found, at) in [(one, at), (other, 0)] {
                assert_eq!((&found[at..][..len], &found[at + len..]), (&data[..len], &[0; 100][at + len..]));
            }
        }
    }
}

#[test]
fn a_vector_without_elements_has_none_left() {
    let mut gather = Gather::new(&[]);
    assert_eq!((gather.elements_left(), gather.copy_to(&mut [0; 4]), gather.peek().len()), (0, 0, 0));
    let mut scatter = Scatter::new(&mut []);
    assert_eq!((scatter.elements_left(), scatter.push(1), scatter.advance(1)), (0, false, 0));
    assert_eq!(Uio::new(vec![], 3).left().len(), 0);
}

#[test]
fn a_sum_that_was_cut_off_is_all_that_can_be_moved() {
    let mut uio = Uio::new(vector(&[(0, usize::MAX - 1), (0, 5)]), 0);
    assert_eq!((uio.resid(), uio.advance(usize::MAX - 1), uio.advance(2)), (usize::MAX, usize::MAX - 1, 1));
    // Four bytes of the second element are left, and none of them may be moved.
    assert_eq!(uio.left().collect::<Vec<_>>(), vector(&[(1, 4)]));
    assert_eq!((uio.resid(), uio.advance(2), uio.push(&Paged::new(0, 8, 1), 0)), (0, 0, Err(Full)));
}

#[test]
fn a_fault_leaves_what_is_before_it_accounted() {
    let mut space = Paged::new(0, 8, 4);
    space.unmap(16);
    let mut uio = Uio::new(vector(&[(0, 3), (0, 0), (14, 4), (3, 2)]), 10);
    let interrupted = uio.copy_out(&space, b"abcdefghi").unwrap_err();
    assert_eq!(interrupted, Interrupted { moved: 3, fault: Fault { address: 16 } });
    assert_eq!((uio.resid(), uio.offset()), (6, 13));
    assert_eq!(uio.left().collect::<Vec<_>>(), vector(&[(14, 4), (3, 2)]));
    // Up to the fault it can go on.
    assert_eq!(uio.copy_out(&space, b"de"), Ok(2));
    assert_eq!(uio.left().next(), Some(Iovec { base: 16, len: 2 }));
    let mut buffer = [0; 1];
    assert_eq!(uio.copy_in(&space, &mut buffer).unwrap_err().moved, 0);
    assert_eq!(uio.advance(2), 2);
    assert_eq!(uio.push(&space, b'z'), Ok(Ok(())));
    assert_eq!(uio.advance(7), 1);
    assert_eq!(uio.push(&space, b'z'), Err(Full));
    assert_eq!((uio.resid(), uio.offset()), (0, 19));
}

#[test]
fn a_file_in_memory_is_read_from_the_offset_on() {
    let space = Paged::new(0, 8, 1);
    let file = b"0123456789";
    let at = |offset| Uio::new(vector(&[(0, 4)]), offset);
    assert_eq!(at(0).copy_out_at(&space, file), Ok(4));
    assert_eq!(at(8).copy_out_at(&space, file), Ok(2));
    assert_eq!(at(10).copy_out_at(&space, file), Ok(0));
    assert_eq!(at(-1).copy_out_at(&space, file), Err(AtOffset::Negative));
    assert_eq!(at(i64::MAX).copy_out_at(&space, file), Ok(0));
    let mut file = *file;
    assert_eq!(at(7).copy_in_at(&space, &mut file), Ok(3));
    // The first read left "0123" there, the second "89" over its beginning.
    assert_eq!(&file, b"0123456892");
}

/// What nobody has room for is refused like what is too much by the limits.
#[test]
fn import_of_more_than_memory_holds_is_refused() {
    let limits = Limits { elements_max: usize::MAX, ..Limits::LINUX };
    for count in [usize::MAX, usize::MAX / 8, isize::MAX as usize / size_of::<Iovec>() + 1] {
        let refused = import(&Paged::new(0, 16, 1), 0, count, Layout::Native, limits).unwrap_err();
        assert_eq!(refused, ImportError::TooMany { count });
    }
}

#[test]
fn import_holds_to_the_limits() {
    let space = Paged::new(0, 4096, 5);
    let of = |elements: &[(usize, usize)], limits: Limits| {
        let raw: Vec<u8> =
            elements.iter().flat_map(|(base, len)| [base.to_ne_bytes(), len.to_ne_bytes()]).flatten().collect();
        space.copyout(&raw, 0).unwrap();
        import(&space, 0, elements.len(), Layout::Native, limits).map(|uio| {
            let lens: Vec<usize> = uio.left().map(|element| element.len).collect();
            assert_eq!(uio.resid(), lens.iter().sum());
            lens
        })
    };
    let max = isize::MAX as usize;
    let lens = |lens: &[usize]| Ok(lens.to_vec());
    assert_eq!(of(&[], Limits::FREEBSD), lens(&[]));
    assert_eq!(of(&[(0, max), (0, 0)], Limits::FREEBSD), lens(&[max, 0]));
    assert_eq!(of(&[(0, max), (0, 1)], Limits::FREEBSD), Err(ImportError::Overflow { element: 1 }));
    assert_eq!(of(&[(0, usize::MAX), (0, 2)], Limits::FREEBSD), Err(ImportError::Overflow { element: 0 }));
    assert_eq!(of(&[(1, usize::MAX)], Limits::LINUX), Err(ImportError::Negative { element: 0 }));
    assert_eq!(of(&[(1, 5), (usize::MAX, 2)], Limits::LINUX), Err(ImportError::OutOfRange { element: 1 }));
    let int = i32::MAX as usize;
    assert_eq!(of(&[(1, int), (1, int), (1, 3)], Limits::LINUX), lens(&[0x7fff_f000, 0, 0]));
    assert_eq!(of(&[(1, 10), (1, int), (1, 3)], Limits::LINUX), lens(&[10, 0x7fff_f000 - 10, 0]));
    assert_eq!(of(&[(1, 1); 1024], Limits::LINUX), lens(&[1; 1024]));
    let too_many = import(&space, 0, 1025, Layout::Native, Limits::LINUX).unwrap_err();
    assert_eq!((too_many, too_many.errno()), (ImportError::TooMany { count: 1025 }, 22));
    let unreadable = import(&space, 5 * 4096 - 24, 2, Layout::Native, Limits::LINUX).unwrap_err();
    assert_eq!((unreadable, unreadable.errno()), (ImportError::Unreadable(Fault { address: 5 * 4096 }), 14));
}

/// Where no copy succeeds, not even of nothing.
struct Unmapped;

impl AddressSpace for Unmapped {
    fn copyin(&self, from: usize, _: &mut [u8]) -> Result<(), Fault> {
        Err(Fault { address: from })
    }

    fn copyout(&self, _: &[u8], to: usize) -> Result<(), Fault> {
        Err(Fault { address: to })
    }
}

#[test]
fn an_array_of_32_bits_is_spread_out_whole() {
    let space = Paged::new(0, 64, 3);
    let words: Vec<u32> = (1..=20).map(|number| number * 0x0101_0101).collect();
    space.copyout(&words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>(), 112).unwrap();
    let all: Vec<_> = words.chunks(2).map(|pair| (pair[0] as usize, pair[1] as usize)).collect();
    for count in 0..=10 {
        let limits = Limits { sum: Sum::Any, ..Limits::FREEBSD_32 };
        // The last of ten ends where the memory does.
        let uio = import(&space, 112, count, Layout::Compat32, limits).unwrap();
        assert_eq!(uio.left().collect::<Vec<_>>(), vector(&all[..count]));
        assert_eq!(uio.resid(), all[..count].iter().map(|element| element.1).sum());
    }
    let refusing = import(&Unmapped, 100, 1, Layout::Compat32, Limits::LINUX).unwrap_err();
    assert_eq!(refusing, ImportError::Unreadable(Fault { address: 100 }));
    assert_eq!(import(&Unmapped, 100, 0, Layout::Compat32, Limits::LINUX).unwrap().resid(), 0);
    let unreadable = import(&space, 112, 11, Layout::Compat32, Limits::LINUX).unwrap_err();
    assert_eq!(unreadable, ImportError::Unreadable(Fault { address: 192 }));
}

#[test]
fn lengths_that_only_fit_one_by_one_are_taken_in() {
    let space = Paged::new(0, 4096, 1);
    // Together their bits are more than a third of all, and their sum is not.
    let lens = [2, 3, 4].map(|bits| 1_usize.rotate_right(bits));
    let raw: Vec<u8> = lens.iter().flat_map(|len| [0, *len]).flat_map(usize::to_ne_bytes).collect();
    space.copyout(&raw, 0).unwrap();
    let import = |sum| import(&space, 0, 3, Layout::Native, Limits { sum, ..Limits::FREEBSD });
    let sum = lens.iter().sum();
    assert_eq!(import(Sum::Reject { max: sum }).unwrap().resid(), sum);
    assert_eq!(import(Sum::Reject { max: sum - 1 }).unwrap_err(), ImportError::Overflow { element: 2 });
    assert_eq!(import(Sum::Clamp { max: sum }).unwrap().resid(), sum);
    assert_eq!(import(Sum::Clamp { max: sum - 1 }).unwrap().resid(), sum - 1);
    assert_eq!(import(Sum::Any).unwrap().resid(), sum);
}

#[test]
fn a_queue_goes_round_and_keeps_what_a_fault_left() {
    let mut space = Paged::new(0, 8, 3);
    space.copyout(b"abcdefghijklmnop", 0).unwrap();
    space.unmap(16);
    let queue: ByteQueue = ByteQueue::new(4);
    let over = |elements: &[(usize, usize)]| Uio::new(vector(elements), 0);
    assert_eq!(queue.write(&space, &mut over(&[(0, 3)])), Ok(3));
    assert_eq!(queue.read(&space, &mut over(&[(8, 2)])), Ok(2));
    // Round the corner, and only as much as there is room for.
    assert_eq!(queue.write(&space, &mut over(&[(3, 1), (4, 9)])), Ok(3));
    assert_eq!(queue.write(&space, &mut over(&[(0, 1)])), Err(Refused::WouldBlock));
    assert_eq!(queue.write(&space, &mut over(&[])), Ok(0));
    let fault = Refused::Fault(Fault { address: 16 });
    assert_eq!(queue.read(&space, &mut over(&[(10, 1), (16, 3)])), Err(fault));
    assert_eq!(queue.len(), 3);
    assert_eq!(queue.read(&space, &mut over(&[(11, 4)])), Ok(3));
    let mut found = [0; 6];
    space.copyin(8, &mut found).unwrap();
    assert_eq!(&found, b"abcdef");
    assert_eq!(queue.write(&space, &mut over(&[(0, 2), (16, 1)])), Err(fault));
    assert_eq!(queue.len(), 2);
}

#[cfg(all(target_os = "linux", feature = "process-vm"))]
#[test]
fn the_memory_of_this_process_faults_as_an_error() {
    // SAFETY: the addresses below are of a buffer that nothing else refers to while it is accessed, or of nothing.
    let space = unsafe { OwnMemory::new() };
    let mut buffer = *b"0123456789";
    let base = (&raw mut buffer).expose_provenance();
    // An address in the page that is never mapped.
    let mut uio = Uio::new(vector(&[(base, 4), (base + 8, 2), (16, 4)]), 0);
    let interrupted = uio.copy_out(&space, b"abcdefghij").unwrap_err();
    assert_eq!(interrupted, Interrupted { moved: 6, fault: Fault { address: 16 } });
    let mut found = [0; 10];
    space.copyin(base, &mut found).unwrap();
    assert_eq!(&found, b"abcd4567ef");
    assert_eq!(space.copyin(usize::MAX, &mut [0]), Err(Fault { address: usize::MAX }));
    assert!(!space.admits(usize::MAX / 2 + 1, 0));
}

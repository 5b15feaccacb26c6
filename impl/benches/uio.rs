//! Scatter/gather side by side: ours, std's vectored calls, `bytes::Buf`, vm-memory's volatile slices, and `memcpy` of the
//! same bytes.
//!
//! `cargo bench -p selvedge --bench uio`; `cargo bench -p selvedge --bench uio -- --quick` for a first look.
//!
//! What is measured:
//!
//! - `gather-N-LEN`, `scatter-N-LEN`: all bytes of N elements of LEN bytes, to or from one buffer, the making of the cursor
//!   included, beside the peers. Elements are apart from one another. Combinations of more than 4 MiB are left out: beyond
//!   the caches everything is as fast as memory.
//! - `gather-limit-N-LEN`, `scatter-limit-N-LEN`: the same beside `memcpy` of as many bytes that lie together. That is less
//!   work: other addresses, and one call.
//! - `gather-pieces-N-LEN`, `scatter-pieces-N-LEN`: the same beside a loop written by hand, which copies the same pieces
//!   between the same addresses, one `memcpy` each, and keeps no account. What is slow there too is the memory's doing;
//!   what is faster there is the cursor's.
//! - `advance-N`: through N elements of 64 bytes by counts that were drawn once, without copying.
//! - `import-N`: N untrusted elements taken in and checked, against reading the same words without a check.
//! - `import-linux-N`, `import-freebsd-N`: the same against one loop written by hand that reads each word once, makes the
//!   checks of that kernel and adds the lengths up, but cannot say what is wrong: what the checks cost anybody.
//!
//! `scripts/bench-ratios` prints ours ÷ the better peer of each group. Three passes (`SELVEDGE_BENCH_PASSES`) follow one another.

mod passes;

use std::hint::black_box;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::time::Duration;

use bytes::Buf;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use selvedge::uio::{AddressSpace, Fault, Gather, Layout, Limits, Scatter, import};
use vm_memory::VolatileSlice;

const COUNTS: [usize; 5] = [1, 4, 16, 64, 1024];
const LENS: [usize; 4] = [16, 256, 4096, 65536];
const BYTES_MAX: usize = 4 << 20;

/// Slices behind `Buf`, as its documentation asks: the next piece, and how to go on. Everything else is `bytes`' own.
struct Pieces<'a> {
    slices: &'a [IoSlice<'a>],
    within: usize,
    left: usize,
}

impl<'a> Pieces<'a> {
    fn new(slices: &'a [IoSlice<'a>]) -> Self {
        Pieces { slices, within: 0, left: slices.iter().map(|slice| slice.len()).sum() }
    }
}

impl Buf for Pieces<'_> {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.slices.first().map_or(&[], |slice| &slice[self.within..])
    }

    fn advance(&mut self, count: usize) {
        self.left -= count;
        self.within += count;
        while let Some(first) = self.slices.first()
            && self.within >= first.len()
        {
            self.within -= first.len();
            self.slices = &self.slices[1..];
        }
    }
}

/// The groups of each shape: beside the peers, beside one `memcpy`, beside a `memcpy` for each piece.
fn each_shape(
    criterion: &mut Criterion,
    name: &str,
    mut measure: impl FnMut(&mut Criterion, [String; 3], usize, usize),
) {
    for count in COUNTS {
        for len in LENS.into_iter().filter(|len| count * len <= BYTES_MAX) {
            let names = [name.to_string(), format!("{name}-limit"), format!("{name}-pieces")];
            measure(criterion, names.map(|name| format!("{name}-{count}-{len}")), count, len);
        }
    }
}

fn sized<'a>(criterion: &'a mut Criterion, name: &str, bytes: usize) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes as u64));
    group
}

fn gather(criterion: &mut Criterion, pass: usize) {
    each_shape(criterion, "gather", |criterion, [peers, limit, by_piece], count, len| {
        let mut pieces = vec![vec![1_u8; len]; count];
        let whole = vec![1_u8; count * len];
        let mut buffer = vec![0_u8; count * len];
        {
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut group = sized(criterion, &limit, count * len);
            group.bench_function(BenchmarkId::new("memcpy", pass), |bencher| {
                bencher.iter(|| black_box(&mut buffer[..]).copy_from_slice(black_box(&whole)));
            });
            group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
                bencher.iter(|| Gather::new(black_box(&slices)).copy_to(black_box(&mut buffer)));
            });
            group.finish();
            let mut group = sized(criterion, &by_piece, count * len);
            group.bench_function(BenchmarkId::new("memcpy-pieces", pass), |bencher| {
                bencher.iter(|| {
                    let mut rest = &mut black_box(&mut buffer[..])[..];
                    for slice in black_box(&slices) {
                        let (now, later) = rest.split_at_mut(slice.len());
                        now.copy_from_slice(slice);
                        rest = later;
                    }
                });
            });
            group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
                bencher.iter(|| Gather::new(black_box(&slices)).copy_to(black_box(&mut buffer)));
            });
            group.finish();
            let mut group = sized(criterion, &peers, count * len);
            group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
                bencher.iter(|| Gather::new(black_box(&slices)).copy_to(black_box(&mut buffer)));
            });
            group.bench_function(BenchmarkId::new("std", pass), |bencher| {
                bencher.iter(|| black_box(&mut buffer[..]).write_vectored(black_box(&slices)));
            });
            group.bench_function(BenchmarkId::new("bytes", pass), |bencher| {
                bencher.iter(|| Pieces::new(black_box(&slices)).copy_to_slice(black_box(&mut buffer)));
            });
        }
        let slices: Vec<VolatileSlice<'_>> =
            pieces.iter_mut().map(|piece| VolatileSlice::from(&mut piece[..])).collect();
        sized(criterion, &peers, count * len).bench_function(BenchmarkId::new("vm-memory", pass), |bencher| {
            bencher.iter(|| {
                let mut rest = &mut black_box(&mut buffer[..])[..];
                for slice in black_box(&slices) {
                    let (now, later) = rest.split_at_mut(slice.len());
                    slice.copy_to(now);
                    rest = later;
                }
            });
        });
    });
}

fn scatter(criterion: &mut Criterion, pass: usize) {
    each_shape(criterion, "scatter", |criterion, [peers, limit, by_piece], count, len| {
        let mut pieces = vec![vec![0_u8; len]; count];
        let data = vec![1_u8; count * len];
        let mut buffer = vec![0_u8; count * len];
        {
            let mut slices: Vec<IoSliceMut<'_>> = pieces.iter_mut().map(|piece| IoSliceMut::new(piece)).collect();
            let mut group = sized(criterion, &limit, count * len);
            group.bench_function(BenchmarkId::new("memcpy", pass), |bencher| {
                bencher.iter(|| black_box(&mut buffer[..]).copy_from_slice(black_box(&data)));
            });
            group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
                bencher.iter(|| Scatter::new(black_box(&mut slices)).copy_from(black_box(&data)));
            });
            group.finish();
            let mut group = sized(criterion, &by_piece, count * len);
            group.bench_function(BenchmarkId::new("memcpy-pieces", pass), |bencher| {
                bencher.iter(|| {
                    let mut rest = black_box(&data[..]);
                    for slice in black_box(&mut slices) {
                        let (now, later) = rest.split_at(slice.len());
                        slice.copy_from_slice(now);
                        rest = later;
                    }
                });
            });
            group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
                bencher.iter(|| Scatter::new(black_box(&mut slices)).copy_from(black_box(&data)));
            });
            group.finish();
            let mut group = sized(criterion, &peers, count * len);
            group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
                bencher.iter(|| Scatter::new(black_box(&mut slices)).copy_from(black_box(&data)));
            });
            group.bench_function(BenchmarkId::new("std", pass), |bencher| {
                bencher.iter(|| black_box(&data[..]).read_vectored(black_box(&mut slices)));
            });
        }
        let slices: Vec<VolatileSlice<'_>> =
            pieces.iter_mut().map(|piece| VolatileSlice::from(&mut piece[..])).collect();
        sized(criterion, &peers, count * len).bench_function(BenchmarkId::new("vm-memory", pass), |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(&data[..]);
                for slice in black_box(&slices) {
                    let (now, later) = rest.split_at(slice.len());
                    slice.copy_from(now);
                    rest = later;
                }
            });
        });
    });
}

/// Numbers from 1 to `most`, always the same.
fn drawn(most: usize) -> impl Iterator<Item = usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % most + 1
    })
}

fn advance(criterion: &mut Criterion, pass: usize) {
    for count in COUNTS {
        let pieces = vec![vec![1_u8; 64]; count];
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = count * 64;
        let mut steps = Vec::new();
        for step in drawn(200) {
            steps.push(step.min(left));
            left -= step.min(left);
            if left == 0 {
                break;
            }
        }
        let mut group = criterion.benchmark_group(format!("advance-{count}"));
        group.throughput(Throughput::Elements(steps.len() as u64));
        group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
            bencher.iter(|| {
                let mut gather = Gather::new(black_box(&slices));
                steps.iter().for_each(|step| {
                    gather.advance(*step);
                });
                gather.resid()
            });
        });
        group.bench_function(BenchmarkId::new("bytes", pass), |bencher| {
            bencher.iter(|| {
                let mut rest = Pieces::new(black_box(&slices));
                steps.iter().for_each(|step| rest.advance(*step));
                rest.remaining()
            });
        });
        // std changes the slices themselves, so that it needs new ones each time: they are made outside the time.
        group.bench_function(BenchmarkId::new("std", pass), |bencher| {
            bencher.iter_batched_ref(
                || slices.clone(),
                |slices| {
                    let mut rest = black_box(&mut slices[..]);
                    steps.iter().for_each(|step| IoSlice::advance_slices(&mut rest, *step));
                    rest.len()
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

/// Bytes from address 0 on.
struct Bytes(Vec<u8>);

impl AddressSpace for Bytes {
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault> {
        let bytes = self.0.get(from..).and_then(|rest| rest.get(..to.len())).ok_or(Fault { address: self.0.len() })?;
        to.copy_from_slice(bytes);
        Ok(())
    }

    fn copyout(&self, _: &[u8], to: usize) -> Result<(), Fault> {
        Err(Fault { address: to })
    }
}

fn word(bytes: &[u8]) -> usize {
    usize::from_ne_bytes(bytes.try_into().expect("as many bytes as a word has"))
}

/// The elements and the sum of their lengths, if that is at most `max` and the elements pass.
fn by_hand(
    space: &Bytes,
    count: usize,
    max: usize,
    passes: impl Fn(usize, usize) -> bool,
) -> Option<(Vec<(usize, usize)>, usize)> {
    let (mut elements, mut sum) = (Vec::with_capacity(count), 0_usize);
    for element in space.0.get(..count * 2 * size_of::<usize>())?.chunks_exact(2 * size_of::<usize>()) {
        let (base, len) = element.split_at(size_of::<usize>());
        let (base, len) = (word(base), word(len));
        sum = sum.checked_add(len).filter(|sum| *sum <= max && passes(base, len))?;
        elements.push((base, len));
    }
    Some((elements, sum))
}

fn imports(criterion: &mut Criterion, pass: usize) {
    for count in COUNTS {
        let words = (0..count).flat_map(|number| [number * 64, 64]);
        let space = Bytes(words.flat_map(usize::to_ne_bytes).collect());
        let mut group = criterion.benchmark_group(format!("import-{count}"));
        group.throughput(Throughput::Elements(count as u64));
        for (name, limits) in [("selvedge-linux", Limits::LINUX), ("selvedge-freebsd", Limits::FREEBSD)] {
            group.bench_function(BenchmarkId::new(name, pass), |bencher| {
                bencher.iter(|| import(black_box(&space), 0, black_box(count), Layout::Native, limits));
            });
        }
        group.bench_function(BenchmarkId::new("unchecked", pass), |bencher| {
            bencher.iter(|| {
                let elements = black_box(&space).0.chunks_exact(2 * size_of::<usize>());
                let halves = elements.map(|element| element.split_at(size_of::<usize>()));
                halves.map(|(base, len)| (word(base), word(len))).collect::<Vec<_>>()
            });
        });
        group.finish();
        let mut group = criterion.benchmark_group(format!("import-linux-{count}"));
        group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
            bencher.iter(|| import(black_box(&space), 0, black_box(count), Layout::Native, Limits::LINUX));
        });
        group.bench_function(BenchmarkId::new("by-hand", pass), |bencher| {
            // The most that Linux moves is positive, so that a negative length is too long as well.
            let is_range = |base: usize, len: usize| base.checked_add(len).is_some();
            bencher.iter(|| by_hand(black_box(&space), black_box(count), 0x7fff_f000, is_range));
        });
        group.finish();
        let mut group = criterion.benchmark_group(format!("import-freebsd-{count}"));
        group.bench_function(BenchmarkId::new("selvedge", pass), |bencher| {
            bencher.iter(|| import(black_box(&space), 0, black_box(count), Layout::Native, Limits::FREEBSD));
        });
        group.bench_function(BenchmarkId::new("by-hand", pass), |bencher| {
            bencher.iter(|| by_hand(black_box(&space), black_box(count), isize::MAX as usize, |_, _| true));
        });
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    for pass in passes::passes() {
        gather(&mut criterion, pass);
        scatter(&mut criterion, pass);
        advance(&mut criterion, pass);
        imports(&mut criterion, pass);
    }
    criterion.final_summary();
}

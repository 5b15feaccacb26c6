//! Pauses between the statements of threads that nothing schedules.
//!
//! On real threads most interleavings are rare: a few operations are over before the next thread has come to its first. A
//! pause of random length before a statement makes the others overlap with whatever the thread does next. Which pauses
//! are made follows from the seed; what they lead to does not.

use std::time::Duration;

use selvedge::platform::Platform;

/// The pauses of one thread, or of one execution until [`Jitter::of_thread`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// The pauses of an execution, by its number.
    pub fn new(seed: u64, execution: u64) -> Self {
        Jitter(mix(seed ^ mix(execution)))
    }

    /// The pauses of one of its threads.
    pub fn of_thread(self, thread: usize) -> Self {
        Jitter(mix(self.0 ^ thread as u64))
    }

    /// Half of the time nothing; otherwise up to a thousand turns of a spin loop, a yield, or, seldom, a sleep.
    pub fn pause<P: Platform>(&mut self) {
        match self.draw() {
            Pause::None => {}
            Pause::Spin { turns } => (0..turns).for_each(|_| P::spin_loop()),
            Pause::Yield => P::yield_now(),
            Pause::Sleep { duration } => P::advance(duration),
        }
    }

    fn draw(&mut self) -> Pause {
        self.0 = self.0.wrapping_add(GOLDEN);
        let drawn = mix(self.0);
        let length = drawn >> 32;
        match drawn % 16 {
            0..8 => Pause::None,
            8..13 => Pause::Spin { turns: 1 << (length % 11) },
            13..15 => Pause::Yield,
            _ => Pause::Sleep { duration: Duration::from_micros(1 + length % 100) },
        }
    }
}

/// What a thread does before a statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pause {
    None,
    Spin { turns: u64 },
    Yield,
    Sleep { duration: Duration },
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: a bijection in which every bit depends on every other.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(mut jitter: Jitter) -> Vec<Pause> {
        (0..400).map(|_| jitter.draw()).collect()
    }

    #[test]
    fn the_seed_decides_and_each_thread_and_execution_has_its_own() {
        let execution = Jitter::new(1, 1);
        let drawn = pauses(execution.of_thread(0));
        assert_eq!(drawn, pauses(execution.of_thread(0)));
        for other in [execution.of_thread(1), Jitter::new(1, 2).of_thread(0), Jitter::new(2, 1).of_thread(0)] {
            assert_ne!(drawn, pauses(other));
        }
    }

    #[test]
    fn every_kind_of_pause_is_drawn_and_none_is_long() {
        let drawn = pauses(Jitter::new(1, 1).of_thread(0));
        let share = |is_meant: fn(&Pause) -> bool| drawn.iter().filter(|pause| is_meant(pause)).count();
        assert!((150..250).contains(&share(|pause| *pause == Pause::None)), "{drawn:?}");
        assert!(share(|pause| *pause == Pause::Yield) > 10, "{drawn:?}");
        let lengths = |pause: &Pause| match pause {
            Pause::Spin { turns } => Some(*turns),
            _ => None,
        };
        let turns: Vec<u64> = drawn.iter().filter_map(lengths).collect();
        assert!(turns.len() > 50 && turns.iter().all(|turns| (1..=1024).contains(turns)), "{turns:?}");
        let slept = drawn.iter().filter_map(|pause| match pause {
            Pause::Sleep { duration } => Some(*duration),
            _ => None,
        });
        let slept: Vec<Duration> = slept.collect();
        assert!(slept.len() > 5 && slept.iter().all(|slept| *slept <= Duration::from_micros(100)), "{slept:?}");
    }
}

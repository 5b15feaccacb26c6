//! A recorded schedule, and the text that people pass around.

use std::fmt;
use std::str::FromStr;

/// The decisions of one execution, in order: which thread took each step, and what each choice was.
///
/// As text, a letter for the format and then the decisions, separated by dots: `2` is a step of thread 2, `2x5` five of
/// them in a row, `c1/3` the choice of 1 out of 3.
///
/// ```
/// # #[cfg(feature = "shuttle")] {
/// use selvedge::platform::shuttle::Schedule;
/// let schedule: Schedule = "s0.1x3.c1/3.2".parse().unwrap();
/// assert_eq!(schedule.to_string(), "s0.1x3.c1/3.2");
/// assert!("s0..1".parse::<Schedule>().is_err());
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schedule(Vec<Decision>);

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// This thread takes its step.
    Thread(usize),
    /// A choice.
    Choice {
        /// What was chosen: less than `alternatives`.
        chosen: usize,
        /// Out of how many.
        alternatives: usize,
    },
}

impl Schedule {
    /// The decisions, in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.0
    }

    pub(super) fn push(&mut self, decision: Decision) {
        self.0.push(decision);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<Decision> for Schedule {
    fn from_iter<I: IntoIterator<Item = Decision>>(decisions: I) -> Self {
        Self(decisions.into_iter().collect())
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(thread) => write!(f, "{thread}"),
            Self::Choice { chosen, alternatives } => write!(f, "c{chosen}/{alternatives}"),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("s")?;
        let same = |a: &Decision, b: &Decision| matches!(a, Decision::Thread(_)) && a == b;
        for (index, run) in self.0.chunk_by(same).enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            match run {
                [one] => write!(f, "{one}")?,
                [first, ..] => write!(f, "{first}x{}", run.len())?,
                [] => {}
            }
        }
        Ok(())
    }
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSchedule {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for BadSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a schedule: expected {} at byte {}", self.expected, self.offset)
    }
}

impl std::error::Error for BadSchedule {}

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        /// A token of a few bytes must not ask for gigabytes.
        const LONGEST: usize = 1 << 24;
        let rest = text.strip_prefix('s').ok_or(BadSchedule { offset: 0, expected: "`s`" })?;
        let mut schedule = Self::default();
        if rest.is_empty() {
            return Ok(schedule);
        }
        let mut offset = 1;
        for part in rest.split('.') {
            let bad = |expected| BadSchedule { offset, expected };
            let number = |digits: &str| {
                let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                if is_plain { digits.parse::<usize>().ok() } else { None }
            };
            if let Some(choice) = part.strip_prefix('c') {
                let (chosen, alternatives) = choice
                    .split_once('/')
                    .and_then(|(chosen, alternatives)| Some((number(chosen)?, number(alternatives)?)))
                    .filter(|(chosen, alternatives)| chosen < alternatives)
                    .ok_or_else(|| bad("a choice such as `c1/3`"))?;
                schedule.push(Decision::Choice { chosen, alternatives });
            } else {
                let (thread, count) = part.split_once('x').unwrap_or((part, "1"));
                let thread = number(thread).ok_or_else(|| bad("a thread such as `2` or `2x5`"))?;
                let count = number(count)
                    .filter(|&count| count > 0 && schedule.0.len() + count <= LONGEST)
                    .ok_or_else(|| bad("a count of steps, up to 16 million in all"))?;
                schedule.0.extend(std::iter::repeat_n(Decision::Thread(thread), count));
            }
            offset += part.len() + 1;
        }
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_schedule_are_the_same() {
        for text in ["s", "s0", "s1x2.0.c0/2.c0/2.12x3"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        let long = "s0.0.0.1".parse::<Schedule>().unwrap();
        assert_eq!(long.to_string(), "s0x3.1");
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_its_place() {
        let offset_of = |text: &str| text.parse::<Schedule>().unwrap_err().offset;
        assert_eq!(offset_of(""), 0);
        assert_eq!(offset_of("0.1"), 0);
        assert_eq!(offset_of("s0."), 3);
        assert_eq!(offset_of("s0.x3"), 3);
        assert_eq!(offset_of("s0.+3"), 3);
        assert_eq!(offset_of("s10.c3/3"), 4);
        assert_eq!(offset_of("s1x0"), 1);
        assert_eq!(offset_of("s1x99999999999"), 1);
    }
}

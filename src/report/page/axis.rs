//! Maps time to places on a line: where a moment is drawn, and which moments are labelled below.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use crate::report::text::words;

/// The shortest line: a run of a moment would otherwise look long.
const SHORTEST: Duration = Duration::from_secs(1);

/// The most moments labelled below a line; a phone has room for these.
const TICKS: u32 = 6;

/// The least length drawn, in percent of the line; anything shorter would be invisible.
const THINNEST: f64 = 0.25;

/// The possible distances between labelled moments, in seconds.
const STEPS: [u64; 20] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];

/// A place on the line, or a length, as SVG and CSS write it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Two decimals are a tenth of a pixel on the widest screen. Trailing zeros would be half of a large page.
        let text = format!("{:.2}", self.0);
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        write!(f, "{text}%")
    }
}

impl Percent {
    /// The share of `part` in `whole`; 0 where `whole` is 0.
    pub(super) fn of(part: f64, whole: f64) -> Self {
        Self(if whole > 0.0 { (part / whole * 100.0).clamp(0.0, 100.0) } else { 0.0 })
    }

    /// True if a length has room for at least the beginning of a word.
    pub(super) fn has_room(self) -> bool {
        self.0 > 12.0
    }
}

/// The line of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// The labels count from this moment.
    zero: Timestamp,
    start: Timestamp,
    length: Duration,
}

impl Axis {
    /// A line from `start` to `end`, labelled from `zero`.
    pub(super) fn new(zero: Timestamp, start: Timestamp, end: Timestamp) -> Self {
        Self { zero, start, length: between(start, end).max(SHORTEST) }
    }

    /// As [`Self::new`], with some room at both ends, because the marks drawn there have a size.
    pub(super) fn roomy(zero: Timestamp, start: Timestamp, end: Timestamp) -> Self {
        let room = (between(start, end) / 40).max(SHORTEST / 2);
        let ms = u64::try_from(room.as_millis()).unwrap_or(u64::MAX);
        Self::new(zero, before(start, ms), after(end, ms))
    }

    /// The length of the line.
    pub(super) const fn length(&self) -> Duration {
        self.length
    }

    /// The place of a moment.
    pub(super) fn place(&self, at: Timestamp) -> Percent {
        Percent::of(between(self.start, at).as_secs_f64(), self.length.as_secs_f64())
    }

    /// The place and the length of a time span; never too short to be seen, and never past the end.
    pub(super) fn stretch(&self, from: Timestamp, to: Timestamp) -> (Percent, Percent) {
        let (Percent(from), Percent(to)) = (self.place(from), self.place(to));
        let width = (to - from).max(THINNEST);
        (Percent(from.min(100.0 - width)), Percent(width))
    }

    /// True if a time span is long enough to be seen.
    pub(super) fn shows(&self, from: Timestamp, to: Timestamp) -> bool {
        self.place(to).0 - self.place(from).0 >= THINNEST
    }

    /// The labelled moments, each with its place.
    pub(super) fn ticks(&self) -> Vec<(Percent, String)> {
        let longest = STEPS[STEPS.len() - 1];
        let seconds = self.length.as_secs();
        let step = STEPS.into_iter().find(|step| seconds <= step * u64::from(TICKS));
        // Past some weeks, each step is a multiple of the longest one.
        let step = step.unwrap_or_else(|| longest * (seconds / (longest * u64::from(TICKS)) + 1));
        let first = between(self.zero, self.start).as_millis().div_ceil(u128::from(step) * 1000);
        let first = u64::try_from(first).unwrap_or(u64::MAX / step);
        let moments = (first..).map(|n| Duration::from_secs(n * step));
        let placed = moments.map(|moment| (self.zero.checked_add(moment), moment));
        let end = self.start.checked_add(self.length).unwrap_or(Timestamp::MAX);
        let placed = placed.map_while(|(at, moment)| at.ok().filter(|at| *at <= end).map(|at| (at, moment)));
        placed.map(|(at, moment)| (self.place(at), words::setting(moment))).collect()
    }
}

/// The time from one moment to a later one; zero if it is not later, because clocks may be set back.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// The moment `ms` milliseconds later, or `at` itself if that cannot be represented.
pub(super) fn after(at: Timestamp, ms: u64) -> Timestamp {
    at.checked_add(Duration::from_millis(ms)).unwrap_or(at)
}

/// The moment `ms` milliseconds earlier, or `at` itself if that cannot be represented.
pub(super) fn before(at: Timestamp, ms: u64) -> Timestamp {
    at.checked_sub(Duration::from_millis(ms)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
    }

    #[test]
    fn moments_are_round_and_few() {
        let ticks = |from, to| {
            let ticks = Axis::new(at(0), at(from), at(to)).ticks();
            ticks.iter().map(|(place, text)| format!("{text} {place}")).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(ticks(0, 0), "0s 0%, 1s 100%");
        assert_eq!(ticks(0, 50), "0s 0%, 10s 20%, 20s 40%, 30s 60%, 40s 80%, 50s 100%");
        assert_eq!(ticks(70, 190), "90s 16.67%, 2m 41.67%, 150s 66.67%, 3m 91.67%");
        assert_eq!(ticks(100, 0), "100s 0%, 101s 100%", "a clock that was set back");
        for length in [1, 7, 61, 3_599, 86_401, 50_000_000] {
            let count = Axis::new(at(0), at(0), at(length)).ticks().len();
            assert!((2..=6).contains(&count), "{count} in {length}");
        }
    }

    #[test]
    fn one_moment_alone_stands_in_the_middle() {
        assert_eq!(Axis::roomy(at(0), at(7), at(7)).place(at(7)), Percent(50.0));
    }

    #[test]
    fn what_is_short_is_seen_and_nothing_leaves_the_line() {
        let axis = Axis::new(at(0), at(0), at(1000));
        assert_eq!(axis.stretch(at(250), at(750)), (Percent(25.0), Percent(50.0)));
        assert_eq!(axis.stretch(at(1000), at(1000)), (Percent(99.75), Percent(0.25)));
        assert_eq!(axis.stretch(at(-10), at(0)), (Percent(0.0), Percent(0.25)));
        assert_eq!(axis.place(at(2000)), Percent(100.0));
    }
}

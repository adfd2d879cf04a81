//! The progress of asking hosts for their records. Pure: counts and a clock in, lines out.

use jiff::Timestamp;

use super::discovery::since;
use crate::report::text::{cells, screen::Screen, words};

/// The number of hosts that were asked.
#[derive(Debug, Default)]
pub(in crate::report) struct Asked {
    began: Option<Timestamp>,
    done: usize,
    of: usize,
}

impl Asked {
    pub(in crate::report) fn enter(&mut self, done: usize, of: usize, now: Timestamp) {
        self.began.get_or_insert(now);
        (self.done, self.of) = (done, of);
    }

    /// The display at `now`.
    pub(in crate::report) fn lines(&self, now: Timestamp, width: usize, screen: &Screen) -> Vec<String> {
        let (done, of, dot) = (words::number(self.done), words::number(self.of), screen.signs().dot);
        let text = format!("asking hosts what they have on record  {done} of {of} {dot} {}", self.elapsed(now));
        vec![cells::cut(&text, width, screen.signs().ellipsis)]
    }

    /// The result, in a line.
    pub(in crate::report) fn conclusion(&self, now: Timestamp) -> String {
        format!("asked {} what they have on record, {}", words::count(self.of, "host"), self.elapsed(now))
    }

    fn elapsed(&self, now: Timestamp) -> String {
        words::duration(self.began.map(|began| since(began, now)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_fits_any_width() {
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        let mut asked = Asked::default();
        asked.enter(0, 1200, at(1));
        asked.enter(37, 1200, at(2));
        let lines = |width| asked.lines(at(4), width, &Screen::PLAIN).join("\n");
        assert_eq!(lines(80), "asking hosts what they have on record  37 of 1,200 · 3.0s");
        assert!((0..80).all(|width| cells::width(&lines(width)) <= width));
        assert_eq!(asked.conclusion(at(5)), "asked 1,200 hosts what they have on record, 4.0s");
    }
}

//! Cuts a stream that arrives in pieces into whole lines: output is shown by line, never by piece, so that two hosts
//! never share a line.

use std::{
    mem,
    time::{Duration, Instant},
};

use crate::report::text::{neutral, words};

/// The most that is kept of a line; the rest is counted. In bytes.
const LONGEST: usize = 8 * 1024;

/// A line that stays unfinished for so long is shown as it stands: it may be a question, or the dots of something slow.
const PATIENCE: Duration = Duration::from_secs(2);

/// The unfinished line of one stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of the text that has not been shown yet.
    text: Vec<u8>,
    /// The number of bytes that followed.
    more: usize,
    /// A carriage return was the last byte: what comes next replaces the line, unless it is a line feed.
    returned: bool,
    /// The line was overwritten: a progress bar, of which only the last state counts.
    overwritten: bool,
    /// The start of the line has been shown already.
    begun: bool,
    /// When the first byte that has not been shown arrived.
    since: Option<Instant>,
}

/// One line to be shown, harmless.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    /// It continues text that was shown as a line of its own.
    pub(super) goes_on: bool,
}

impl Lines {
    /// Takes the bytes that arrived at `now`; returns each line that they finish.
    pub(super) fn push(&mut self, bytes: &[u8], now: Instant) -> Vec<Line> {
        let mut finished = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match piece {
                b"\r" => self.returned = true,
                [body @ .., b'\n'] => {
                    self.add(body, now);
                    finished.extend(self.end());
                }
                [body @ .., b'\r'] => {
                    self.add(body, now);
                    self.returned = true;
                }
                body => self.add(body, now),
            }
        }
        finished
    }

    /// The unfinished line, if it has waited too long for its end.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Line> {
        let since = self.since.filter(|_| !self.overwritten && !self.returned)?;
        if now.saturating_duration_since(since) < PATIENCE {
            return None;
        }
        let line = self.take();
        self.begun = true;
        Some(line)
    }

    /// The unfinished line, if there is one, when the stream has ended.
    pub(super) fn finish(&mut self) -> Option<Line> {
        if self.since.is_some() { self.end() } else { None }
    }

    fn add(&mut self, body: &[u8], now: Instant) {
        if body.is_empty() {
            return;
        }
        if mem::take(&mut self.returned) {
            self.text.clear();
            (self.more, self.begun, self.overwritten) = (0, false, true);
        }
        self.since.get_or_insert(now);
        let kept = body.len().min(LONGEST - self.text.len());
        self.text.extend_from_slice(&body[..kept]);
        self.more += body.len() - kept;
    }

    /// Ends the line. Nothing is left to show if all of it was shown.
    fn end(&mut self) -> Option<Line> {
        let said = self.begun && self.since.is_none();
        let line = self.take();
        (self.returned, self.overwritten) = (false, false);
        (!said).then_some(line)
    }

    fn take(&mut self) -> Line {
        let text = String::from_utf8_lossy(&self.text);
        let more = mem::take(&mut self.more);
        let text = if more == 0 {
            neutral::line(&text)
        } else {
            let cut = text.char_indices().nth(neutral::LONGEST_LINE).map_or(text.len(), |(cut, _)| cut);
            let left_out = words::count(text.len() - cut + more, "more byte");
            format!("{} [... {left_out}]", neutral::line(&text[..cut]))
        };
        self.text.clear();
        self.since = None;
        Line { text, goes_on: mem::take(&mut self.begun) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines' texts; a `+` marks those that go on.
    fn texts(lines: impl IntoIterator<Item = Line>) -> Vec<String> {
        lines.into_iter().map(|line| format!("{}{}", if line.goes_on { "+" } else { "" }, line.text)).collect()
    }

    #[test]
    fn lines_come_whole() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        let mut push = |bytes: &[u8]| texts(lines.push(bytes, now));
        assert!(push(b"one ").is_empty());
        assert_eq!(push(b"line\r\nsecond\n\nth"), ["one line", "second", ""]);
        assert!(push(b"ird \x1b[31mred").is_empty());
        assert_eq!(texts(lines.finish()), ["third red"]);
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn of_a_progress_bar_the_last_state_counts() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        for percent in 0..100_000 {
            assert!(lines.push(format!("{percent}%\r").as_bytes(), now).is_empty());
            assert_eq!(lines.overdue(now + PATIENCE), None);
        }
        assert_eq!(texts(lines.push(b"\nnext\r", now)), ["99999%"]);
        assert_eq!(texts(lines.finish()), ["next"]);
    }

    #[test]
    fn an_endless_line_costs_one_line_and_little_memory() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        for _ in 0..1000 {
            assert!(lines.push(&vec![b'x'; 1 << 20], now).is_empty());
            assert!(lines.text.capacity() <= 2 * LONGEST);
        }
        let shown = texts(lines.push(b"\n", now));
        assert_eq!(shown, [format!("{} [... 1,048,575,000 more bytes]", "x".repeat(neutral::LONGEST_LINE))]);
    }

    #[test]
    fn what_waits_too_long_is_shown_as_it_stands() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        assert!(lines.push(b"Password: ", now).is_empty());
        assert_eq!(lines.overdue(now), None);
        assert_eq!(texts(lines.overdue(now + PATIENCE)), ["Password: "]);
        assert_eq!(lines.overdue(now + 2 * PATIENCE), None);
        assert_eq!(texts(lines.push(b"thanks\nnext", now)), ["+thanks"]);
        assert_eq!(texts(lines.overdue(now + PATIENCE)), ["next"]);
        assert_eq!(texts(lines.push(b"\nlast\n", now)), ["last"]);
    }

    #[test]
    fn of_a_slow_endless_line_a_little_is_shown_at_a_time() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        assert!(lines.push(&[b'x'; LONGEST + 1], now).is_empty());
        let beginning = texts(lines.overdue(now + PATIENCE));
        assert_eq!(beginning, [format!("{} [... 7,193 more bytes]", "x".repeat(neutral::LONGEST_LINE))]);
        assert!(lines.push(&[b'y'; 100], now + PATIENCE).is_empty());
        assert_eq!(texts(lines.overdue(now + 2 * PATIENCE)), ["+".to_owned() + &"y".repeat(100)]);
    }

    proptest! {
        /// A stream gives the same lines however it is cut into pieces.
        #[test]
        fn pieces_make_no_difference(
            pieces in proptest::collection::vec(
                proptest::collection::vec(proptest::sample::select(b"ab\n\r\xc3\xa9".to_vec()), 0..9), 0..12)
        ) {
            let now = Instant::now();
            let read = |pieces: &[Vec<u8>]| {
                let mut lines = Lines::default();
                let mut all: Vec<Line> = pieces.iter().flat_map(|piece| lines.push(piece, now)).collect();
                all.extend(lines.finish());
                texts(all)
            };
            prop_assert_eq!(read(&pieces), read(&[pieces.concat()]));
        }
    }
}

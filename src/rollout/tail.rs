//! The last lines of a stream, in constant memory.
//!
//! A host may print a gigabyte without a line break; what is kept of it is always the same few kilobytes. Of a line
//! that is overwritten with carriage returns, as progress bars do, only the last state counts: otherwise one bar would
//! be all that is left. Apart from that the text is as the host wrote it: neutralise before showing.

use std::borrow::Cow;

/// How many lines are kept.
pub const LINES: usize = 20;

/// How many bytes are kept.
pub const BYTES: usize = 8 * 1024;

/// What is shown, the last line break, and the byte before: it tells whether the first line is whole.
const ENOUGH: usize = BYTES + 2;

/// Stands where the beginning of the first line was cut off.
const CUT: &str = "…";

/// Keeps the last [`LINES`] lines, and of these the last [`BYTES`] bytes.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// At most twice [`BYTES`], so that old bytes are moved out rarely.
    kept: Vec<u8>,
    /// Bytes were dropped from the front.
    cut: bool,
    /// Where the current line begins.
    line: usize,
    /// A carriage return was the last byte: what comes next replaces the line, unless it is its end.
    returned: bool,
}

impl Tail {
    /// An empty tail.
    pub const fn new() -> Self {
        Self { kept: Vec::new(), cut: false, line: 0, returned: false }
    }

    /// Takes the next bytes of the stream, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match piece {
                [body @ .., b'\r'] => {
                    self.write(body);
                    self.returned = true;
                }
                [body @ .., b'\n'] => {
                    self.write(body);
                    self.returned = false;
                    self.append(b"\n");
                    self.line = self.kept.len();
                }
                body => self.write(body),
            }
        }
    }

    /// Continues the line, or begins it again.
    fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if std::mem::take(&mut self.returned) {
            // How much is left of the lines before must not depend on how the stream was cut.
            self.drop_front(self.kept.len().saturating_sub(ENOUGH));
            self.kept.truncate(self.line);
            self.cut &= !self.kept.is_empty();
        }
        self.append(bytes);
    }

    fn append(&mut self, bytes: &[u8]) {
        let fresh = &bytes[bytes.len().saturating_sub(ENOUGH)..];
        if fresh.len() < bytes.len() {
            self.drop_front(self.kept.len());
            self.cut = true;
        }
        if self.kept.len() + fresh.len() > 2 * BYTES {
            self.drop_front((self.kept.len() + fresh.len()).saturating_sub(ENOUGH).min(self.kept.len()));
        }
        self.kept.extend_from_slice(fresh);
    }

    fn drop_front(&mut self, bytes: usize) {
        if bytes > 0 {
            self.kept.drain(..bytes);
            self.line = self.line.saturating_sub(bytes);
            self.cut = true;
        }
    }

    /// The last lines, without the last line break; a `…` stands for the missing beginning of a line.
    /// Bytes that are not UTF-8 become `U+FFFD`.
    pub fn text(&self) -> String {
        let whole = self.kept.strip_suffix(b"\n").unwrap_or(&self.kept);
        let mut start = whole.len().saturating_sub(BYTES);
        if let Some((line_break, _)) = whole.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(LINES - 1)
        {
            start = start.max(line_break + 1);
        }
        let mid_line = match start.checked_sub(1) {
            Some(before) => whole[before] != b'\n',
            None => self.cut,
        };
        let shown = &whole[start..];
        if mid_line { format!("{CUT}{}", lossy(after_torn_character(shown))) } else { lossy(shown).into_owned() }
    }
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Drops the rest of a UTF-8 character whose beginning was cut off.
fn after_torn_character(bytes: &[u8]) -> &[u8] {
    let torn = bytes.iter().take(3).take_while(|byte| **byte & 0b1100_0000 == 0b1000_0000).count();
    &bytes[torn..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail_of(chunks: &[&[u8]]) -> String {
        let mut tail = Tail::new();
        for chunk in chunks {
            tail.push(chunk);
        }
        tail.text()
    }

    #[test]
    fn short_output_is_kept_whole() {
        assert_eq!(tail_of(&[]), "");
        assert_eq!(tail_of(&[b"a\nb", b"c\n"]), "a\nbc");
        assert_eq!(tail_of(&[b"a\n\n"]), "a\n");
        assert_eq!(tail_of(&[b"no line break"]), "no line break");
        assert_eq!(tail_of(&[b"\xff\xfe!"]), "\u{fffd}\u{fffd}!");
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let text: String = (1..=50).map(|n| format!("line {n}\n")).collect();
        let kept = tail_of(&[text.as_bytes()]);
        assert_eq!(kept.lines().count(), LINES);
        assert_eq!(kept.lines().next(), Some("line 31"));
        assert_eq!(kept.lines().last(), Some("line 50"));
    }

    #[test]
    fn a_gigabyte_without_a_line_break_costs_nothing() {
        let mut tail = Tail::new();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..1024 {
            tail.push(&chunk);
            tail.push(b"yz");
        }
        assert!(tail.kept.capacity() <= 4 * BYTES, "{}", tail.kept.capacity());
        let text = tail.text();
        assert!(text.starts_with("…x") && text.ends_with("xyz"));
        assert_eq!(text.len(), CUT.len() + BYTES);
    }

    #[test]
    fn of_a_progress_bar_the_last_state_is_kept_and_the_lines_before_it() {
        let bar: String = (0..=100_000).map(|n| format!("\r{n} of 100000")).collect();
        assert_eq!(tail_of(&[b"fetching\r\n", bar.as_bytes(), b"\r\ndone\n"]), "fetching\n100000 of 100000\ndone");
        let endless = "x".repeat(3 * BYTES);
        assert_eq!(tail_of(&[b"lost\n", endless.as_bytes(), b"\rshort"]), "short");
    }

    #[test]
    fn a_character_that_is_cut_in_two_leaves_no_rubbish() {
        let text = tail_of(&["é".repeat(BYTES).as_bytes(), b"x"]);
        assert!(!text.contains(char::REPLACEMENT_CHARACTER));
        assert!(text.starts_with("…é") && text.ends_with("éx"));
    }

    #[test]
    fn a_cut_between_lines_needs_no_mark() {
        let first = vec![b'a'; 3 * BYTES];
        let line = vec![b'b'; BYTES];
        assert_eq!(tail_of(&[&first, b"\n", &line]), "b".repeat(BYTES));
    }

    proptest! {
        /// However the stream is cut into chunks, the tail is that of the whole.
        #[test]
        fn chunks_make_no_difference(
            chunks in proptest::collection::vec(
                proptest::collection::vec(proptest::sample::select(b"aaaab\n\r\xc3\xa9".to_vec()), 0..6000), 0..12)
        ) {
            let whole = chunks.concat();
            let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let text = tail_of(&parts);
            prop_assert_eq!(&text, &tail_of(&[&whole]));
            prop_assert!(text.lines().count() <= LINES);

            let mut tail = Tail::new();
            for chunk in &chunks {
                tail.push(chunk);
            }
            prop_assert!(tail.kept.len() <= 2 * BYTES);
        }
    }
}

//! Whole lines out of a stream that comes in pieces: output is shown by line, never by piece, so
//! that two hosts never share a line.

use super::neutral;

/// A line that grows past this is shown as it stands. In bytes.
const LONGEST: usize = 8 * 1024;

/// The unfinished line of one stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    unfinished: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes; gives each line that they finish, harmless.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut finished = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in piece.chunks(LONGEST) {
                self.unfinished.extend_from_slice(part);
                if part.ends_with(b"\n") || self.unfinished.len() >= LONGEST && !self.drop_overwritten() {
                    finished.extend(self.finish());
                }
            }
        }
        finished
    }

    /// The unfinished line, if there is one, harmless.
    pub(super) fn finish(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.unfinished);
        (!bytes.is_empty()).then(|| neutral::line(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n'])))
    }

    /// Forgets what a progress bar wrote over; true when that made room.
    fn drop_overwritten(&mut self) -> bool {
        let body = self.unfinished.strip_suffix(b"\r").unwrap_or(&self.unfinished);
        let Some(last) = body.iter().rposition(|byte| *byte == b'\r') else { return false };
        self.unfinished.drain(..=last);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole() {
        let mut lines = Lines::default();
        assert!(lines.push(b"one ").is_empty());
        assert_eq!(lines.push(b"line\r\nsecond\n\nth"), ["one line", "second", ""]);
        assert_eq!(lines.push(b"ird \x1b[31mred"), Vec::<String>::new());
        assert_eq!(lines.finish().as_deref(), Some("third red"));
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn an_endless_line_is_shown_in_parts_and_an_endless_progress_bar_once() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(&vec![b'x'; 3 * LONGEST]).len(), 3);
        for percent in 0..100_000 {
            assert!(lines.push(format!("{percent}%\r").as_bytes()).is_empty());
            assert!(lines.unfinished.len() <= LONGEST + 16);
        }
        assert_eq!(lines.push(b"\n"), ["99999%"]);
    }
}

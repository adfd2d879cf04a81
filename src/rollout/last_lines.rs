//! The last lines of a script's stream; for a script in parts, those of its last part only.
//!
//! A part's output ends at a byte count, which may become known only after the next part has written something. So the
//! last bytes are kept as they came, to begin again in the middle of them.

use super::tail::{BYTES, Tail};

/// How many of the last bytes are kept to return to. More bytes than that fill a new [`Tail`] anyway.
const RECENT: usize = 2 * BYTES;

/// The kept end of a stream.
#[derive(Debug)]
pub(super) struct LastLines {
    tail: Tail,
    heard: u64,
    /// The last bytes; none for a script without parts.
    recent: Option<Vec<u8>>,
}

impl LastLines {
    pub(super) const fn new(in_parts: bool) -> Self {
        Self { tail: Tail::new(), heard: 0, recent: if in_parts { Some(Vec::new()) } else { None } }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.tail.push(bytes);
        self.heard += bytes.len() as u64;
        if let Some(recent) = &mut self.recent {
            if recent.len() + bytes.len() > 2 * RECENT {
                let kept = RECENT.saturating_sub(bytes.len());
                recent.drain(..recent.len().saturating_sub(kept));
            }
            recent.extend_from_slice(&bytes[bytes.len().saturating_sub(RECENT)..]);
        }
    }

    /// How many bytes there were.
    pub(super) const fn heard(&self) -> u64 {
        self.heard
    }

    /// Drops what came before the byte with this number. Does nothing if that many bytes have not come.
    pub(super) fn begin_at(&mut self, byte: u64) {
        let since = self.heard.checked_sub(byte).and_then(|since| usize::try_from(since).ok());
        if let (Some(recent), Some(since)) = (&self.recent, since)
            && let Some(first) = recent.len().checked_sub(since)
        {
            self.tail = Tail::new();
            self.tail.push(&recent[first..]);
        }
    }

    pub(super) fn text(&self) -> String {
        self.tail.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_the_part_began_is_left_out() {
        let mut lines = LastLines::new(true);
        lines.push(b"fetched\ntest");
        lines.push(b"ed\n");
        lines.begin_at(8);
        assert_eq!(lines.text(), "tested");
        lines.begin_at(15);
        assert_eq!((lines.text().as_str(), lines.heard()), ("", 15));
        lines.push(b"restarted\n");
        assert_eq!(lines.text(), "restarted");
        lines.begin_at(1000);
        assert_eq!(lines.text(), "restarted", "so much has not come");
    }

    #[test]
    fn after_a_flood_there_is_nothing_left_to_leave_out() {
        let mut lines = LastLines::new(true);
        lines.push(b"fetched\n");
        let flood = "tested\n".repeat(RECENT);
        for piece in flood.as_bytes().chunks(999) {
            lines.push(piece);
            assert!(lines.recent.as_ref().is_some_and(|recent| recent.len() <= 2 * RECENT));
        }
        lines.begin_at(8);
        assert!(lines.text().lines().all(|line| line == "tested"), "{}", lines.text());
    }

    #[test]
    fn of_one_script_all_counts() {
        let mut lines = LastLines::new(false);
        lines.push(b"fetched\ntested\n");
        lines.begin_at(8);
        assert_eq!(lines.text(), "fetched\ntested");
    }
}

//! Replaces known secrets in the output of scripts, hooks and checks by stars.
//!
//! There is one star for each byte, so that offsets into a host's output stay the same. Each line of a secret is searched
//! for exactly as it is. What a program made of it (quotes, Base64) is not found, and a line so short that it may be an
//! ordinary word is not searched for.

use std::{borrow::Cow, fmt, ops::Range, sync::Arc};

use aho_corasick::AhoCorasick;

use crate::config::Secret;

/// Shorter lines of a secret are not searched for.
const SHORTEST: usize = 8;

/// The secrets to search for.
#[derive(Clone, Default)]
pub struct Mask(Option<Arc<Known>>);

struct Known {
    lines: Vec<String>,
    finder: AhoCorasick,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Mask {
    /// Searches for these.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let long = |line: &&str| line.len() >= SHORTEST;
        let lines: Vec<String> =
            secrets.into_iter().flat_map(|secret| secret.reveal().lines().filter(long)).map(str::to_owned).collect();
        if lines.is_empty() {
            return Self(None);
        }
        // Building it fails only for more than two thousand million bytes.
        let finder = AhoCorasick::new(&lines).expect("secrets fit into an automaton");
        Self(Some(Arc::new(Known { lines, finder })))
    }

    /// Starts a stream.
    pub fn stream(&self) -> Masked {
        Masked { known: self.0.clone(), held: Vec::new(), covered: 0 }
    }

    /// Replaces them in a whole text.
    pub fn text(&self, text: &str) -> String {
        let mut stream = self.stream();
        let mut masked = stream.push(text.as_bytes()).into_owned();
        masked.extend(stream.rest());
        String::from_utf8_lossy(&masked).into_owned()
    }
}

/// A stream that comes in pieces. What may be the beginning of a secret is held back until the next piece.
#[derive(Debug)]
pub struct Masked {
    known: Option<Arc<Known>>,
    /// Always shorter than the longest secret.
    held: Vec<u8>,
    /// How many of these bytes belong to a secret that began before them.
    covered: usize,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Masked {
    /// Takes the next bytes, and returns what may be shown.
    pub fn push<'b>(&mut self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let Some(known) = &self.known else { return Cow::Borrowed(bytes) };
        let mut told = std::mem::take(&mut self.held);
        told.extend_from_slice(bytes);
        let secrets: Vec<Range<usize>> = known.finder.find_overlapping_iter(&told).map(|found| found.range()).collect();
        self.held = told.split_off(told.len() - known.unfinished(&told));
        let before = 0..std::mem::take(&mut self.covered);
        for Range { start, end } in secrets.into_iter().chain([before]) {
            let here = told.len().min(end);
            told[start.min(here)..here].fill(b'*');
            self.covered = self.covered.max(end - here);
        }
        Cow::Owned(told)
    }

    /// Returns what was held back, at the end of the stream.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.held);
        rest[..std::mem::take(&mut self.covered)].fill(b'*');
        rest
    }

    /// How many bytes are held back.
    pub const fn held(&self) -> usize {
        self.held.len()
    }
}

impl Known {
    /// How many of the last bytes may be the beginning of a secret.
    fn unfinished(&self, text: &[u8]) -> usize {
        let of_line = |line: &String| {
            let line = line.as_bytes();
            (1..line.len().min(text.len() + 1)).rev().find(|length| text.ends_with(&line[..*length]))
        };
        self.lines.iter().filter_map(of_line).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::SecretRef;

    fn mask(secrets: &[&str]) -> Mask {
        let secrets: Vec<Secret> = secrets
            .iter()
            .map(|secret| SecretRef::Env("X".into()).read(|_| Some((*secret).to_owned())).expect("set"))
            .collect();
        Mask::of(&secrets)
    }

    #[test]
    fn a_secret_is_stars_and_what_surrounds_it_stays() {
        let mask = mask(&["hunter2hunter2", "short", "first line of it\nsecond line of it\n", "hunter2hunter2andmore"]);
        assert_eq!(mask.text("+ TOKEN=hunter2hunter2 npm"), "+ TOKEN=************** npm");
        assert_eq!(mask.text("hunter2hunter2andmore"), "*".repeat(21));
        assert_eq!(mask.text("a short word"), "a short word");
        assert_eq!(mask.text("> second line of it"), "> *****************");
        assert_eq!(mask.text("hunter2hunter"), "hunter2hunter", "it is not the secret");
        assert_eq!(format!("{mask:?}"), "***");
    }

    #[test]
    fn only_what_may_be_a_secret_is_held_back() {
        let mut stream = mask(&["hunter2hunter2"]).stream();
        assert_eq!(&*stream.push(b"password: hunter2hun"), b"password: ");
        assert_eq!(stream.held(), 10);
        assert_eq!(&*stream.push(b"ter2\nh"), b"**************\n");
        assert_eq!(&*stream.push(b"\n"), b"h\n");
        assert_eq!(&*stream.push(b"hunter"), b"");
        assert_eq!((stream.rest(), stream.held()), (b"hunter".to_vec(), 0));
    }

    proptest! {
        #[test]
        fn pieces_say_what_the_whole_says(
            secrets in prop::collection::vec("[ab]{8,12}", 1..4),
            pieces in prop::collection::vec("[ab]{0,9}c?", 0..12),
        ) {
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let mask = mask(&secrets);
            let whole = pieces.concat();
            let mut stars = whole.clone().into_bytes();
            for secret in &secrets {
                for start in 0..whole.len() {
                    if whole[start..].starts_with(secret) {
                        stars[start..start + secret.len()].fill(b'*');
                    }
                }
            }
            let mut stream = mask.stream();
            let mut told = Vec::new();
            for piece in &pieces {
                told.extend_from_slice(&stream.push(piece.as_bytes()));
                prop_assert!(stream.held() < 12);
            }
            told.extend(stream.rest());
            prop_assert_eq!(told, stars);
        }
    }
}

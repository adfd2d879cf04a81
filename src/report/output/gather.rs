//! Gathers the output of each host, so that equal outputs are kept once. Pure.
//!
//! A hash over all bytes tells whether two outputs are equal; its size is constant. Texts are kept only of different
//! outputs, and of each only the beginning: [`IN_ALL`] bounds the memory, whatever hosts print. Of a line overwritten
//! with carriage returns only the last state counts, so that two downloads of different speed are equal.

use std::{collections::HashMap, mem, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{
    inventory::{HostId, natural},
    rollout::Outcome,
    transport::Stream,
};

/// The most that is kept of one stream of one host. In bytes.
pub(in crate::report) const OF_ONE: usize = 256 * 1024;

/// The most that is kept of all hosts, including those still running. In bytes.
const IN_ALL: usize = 24 * 1024 * 1024;

/// How a host ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::report) struct Ending {
    pub(in crate::report) outcome: Outcome,
    /// Includes the exit status or the signal.
    pub(in crate::report) words: String,
}

/// One of the outputs, and the hosts that printed it.
#[derive(Debug)]
pub(in crate::report) struct Gathered {
    /// Hosts that ended in different ways are kept apart, even if their outputs are equal.
    pub(in crate::report) ending: Ending,
    /// In the order of their names.
    pub(in crate::report) hosts: Vec<HostId>,
    pub(in crate::report) stdout: Arc<Kept>,
    pub(in crate::report) stderr: Arc<Kept>,
    /// Distinguish outputs, however little of them is kept.
    pub(in crate::report) hashes: Hashes,
}

/// Of standard output and standard error.
pub(in crate::report) type Hashes = [[u8; 32]; 2];

/// The beginning of a stream.
#[derive(Debug, Default)]
pub(in crate::report) struct Kept {
    pub(in crate::report) text: Vec<u8>,
    /// The number of bytes that followed.
    pub(in crate::report) more: u64,
}

/// Gathers the output of a run.
#[derive(Debug, Default)]
pub(in crate::report) struct Gathering {
    running: HashMap<(HostId, Stream), Capture>,
    places: HashMap<(Ending, Hashes), usize>,
    /// The index in `outputs` of each host that has ended.
    ended: HashMap<HostId, usize>,
    outputs: Vec<Gathered>,
    /// The size of all kept text.
    kept: usize,
}

impl Gathering {
    /// Adds output of a host.
    pub(in crate::report) fn output(&mut self, host: &HostId, stream: Stream, bytes: &[u8]) {
        let capture = self.running.entry((host.clone(), stream)).or_default();
        let before = capture.kept.text.len();
        capture.push(bytes, OF_ONE.min(before + IN_ALL.saturating_sub(self.kept)));
        self.kept = self.kept + capture.kept.text.len() - before;
    }

    /// Enters how a host ended. A second call moves the host to its new ending, with its former output if it has
    /// printed nothing since.
    pub(in crate::report) fn end(&mut self, host: &HostId, ending: Ending) {
        let mut before = self.ended.remove(host).and_then(|place| self.outputs.get_mut(place));
        if let Some(before) = &mut before {
            before.hosts.retain(|known| known != host);
        }
        let printed = |stream| self.running.contains_key(&(host.clone(), stream));
        let again = printed(Stream::Stdout) || printed(Stream::Stderr);
        let (stdout, stderr, hashes) = if let Some(before) = before.filter(|_| !again) {
            (Arc::clone(&before.stdout), Arc::clone(&before.stderr), before.hashes)
        } else {
            let mut take = |stream| self.running.remove(&(host.clone(), stream)).unwrap_or_default().finish();
            let ((stdout, out_hash), (stderr, err_hash)) = (take(Stream::Stdout), take(Stream::Stderr));
            let hashes = [out_hash, err_hash];
            if self.places.contains_key(&(ending.clone(), hashes)) {
                self.kept = self.kept.saturating_sub(stdout.text.len() + stderr.text.len());
            }
            (Arc::new(stdout), Arc::new(stderr), hashes)
        };
        let place = *self.places.entry((ending.clone(), hashes)).or_insert(self.outputs.len());
        match self.outputs.get_mut(place) {
            Some(known) => known.hosts.push(host.clone()),
            None => self.outputs.push(Gathered { ending, hosts: vec![host.clone()], stdout, stderr, hashes }),
        }
        self.ended.insert(host.clone(), place);
    }

    /// The different outputs, that of most hosts first, then in the natural order of the hosts' labels.
    pub(in crate::report) fn finish(self, label: impl Fn(&HostId) -> String) -> Vec<Gathered> {
        let mut outputs = self.outputs;
        // The hosts of an empty output have moved to another one.
        outputs.retain(|output| !output.hosts.is_empty());
        for output in &mut outputs {
            output.hosts.sort_by(|a, b| natural(&label(a), &label(b)));
        }
        let first = |output: &Gathered| output.hosts.first().map_or_else(String::new, &label);
        outputs.sort_by(|a, b| b.hosts.len().cmp(&a.hosts.len()).then_with(|| natural(&first(a), &first(b))));
        outputs
    }
}

/// One stream while it arrives.
#[derive(Debug, Default)]
struct Capture {
    kept: Kept,
    hash: Sha256,
    /// A carriage return was the last byte: what comes next replaces the line, unless it is a line feed.
    returned: bool,
    /// The state at the start of the current line.
    line: LineStart,
}

#[derive(Debug, Default)]
struct LineStart {
    kept: usize,
    more: u64,
    hash: Sha256,
}

impl Capture {
    /// Takes the next bytes; keeps no more than `room` in all.
    fn push(&mut self, bytes: &[u8], room: usize) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match piece {
                [body @ .., b'\r'] => {
                    self.add(body, room);
                    self.returned = true;
                }
                [body @ .., b'\n'] => {
                    self.add(body, room);
                    self.returned = false;
                    self.add(b"\n", room);
                    self.line = LineStart { kept: self.kept.text.len(), more: self.kept.more, hash: self.hash.clone() };
                }
                body => self.add(body, room),
            }
        }
    }

    fn add(&mut self, bytes: &[u8], room: usize) {
        if bytes.is_empty() {
            return;
        }
        if mem::take(&mut self.returned) {
            self.kept.text.truncate(self.line.kept);
            self.kept.more = self.line.more;
            self.hash = self.line.hash.clone();
        }
        self.hash.update(bytes);
        // Once a byte is left out, all later ones are too: what is kept is the beginning.
        let room = if self.kept.more == 0 { room.saturating_sub(self.kept.text.len()) } else { 0 };
        let taken = bytes.len().min(room);
        self.kept.text.extend_from_slice(&bytes[..taken]);
        self.kept.more += (bytes.len() - taken) as u64;
    }

    fn finish(self) -> (Kept, [u8; 32]) {
        let mut kept = self.kept;
        kept.text.shrink_to_fit();
        (kept, self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provider_core::{InstanceId, ProviderName};

    use super::*;

    fn id(n: usize) -> HostId {
        HostId::new(&ProviderName::new("aws"), &InstanceId::new(format!("i-{n}")))
    }

    fn ending(words: &str) -> Ending {
        Ending { outcome: Outcome::Succeeded, words: words.to_owned() }
    }

    fn of_one(pieces: &[&[u8]]) -> (Kept, [u8; 32]) {
        let mut capture = Capture::default();
        for piece in pieces {
            capture.push(piece, OF_ONE);
        }
        capture.finish()
    }

    #[test]
    fn equal_outputs_are_kept_once_and_an_ending_tells_them_apart() {
        let mut gathering = Gathering::default();
        for n in 0..100 {
            gathering.output(&id(n), Stream::Stdout, b"1.24.0\n");
            gathering.output(&id(n), Stream::Stderr, if n == 7 { b"odd\n" } else { b"" });
            gathering.end(&id(n), ending(if n % 10 == 0 { "failed" } else { "succeeded" }));
        }
        assert_eq!(gathering.kept, 3 * 7 + 4);
        let outputs = gathering.finish(|_| String::new());
        let sizes: Vec<_> = outputs.iter().map(|output| (&*output.ending.words, output.hosts.len())).collect();
        assert_eq!(sizes, [("succeeded", 89), ("failed", 10), ("succeeded", 1)]);
    }

    #[test]
    fn a_host_that_ends_again_moves_with_what_it_printed() {
        let mut gathering = Gathering::default();
        for n in 0..3 {
            gathering.output(&id(n), Stream::Stdout, b"1.24.0\n");
            gathering.end(&id(n), ending("succeeded"));
        }
        for n in [1, 2, 1] {
            gathering.end(&id(n), ending("check failed"));
        }
        assert_eq!(gathering.kept, 7);
        let shown = |output: &Gathered| (output.ending.words.clone(), output.hosts.clone(), output.stdout.text.clone());
        let outputs: Vec<_> = gathering.finish(HostId::to_string).iter().map(shown).collect();
        let expected = [("check failed", vec![id(1), id(2)]), ("succeeded", vec![id(0)])];
        assert_eq!(outputs, expected.map(|(words, hosts)| (words.to_owned(), hosts, b"1.24.0\n".to_vec())));
    }

    #[test]
    fn memory_is_bounded_and_a_difference_beyond_it_is_seen() {
        let mut gathering = Gathering::default();
        let chunk = vec![b'x'; 64 * 1024];
        for n in 0..200 {
            for _ in 0..8 {
                gathering.output(&id(n), Stream::Stdout, &chunk);
            }
            gathering.output(&id(n), Stream::Stdout, format!("{n}").as_bytes());
            assert!(gathering.kept <= IN_ALL);
        }
        for n in 0..200 {
            gathering.end(&id(n), ending(""));
        }
        let kept: usize = gathering.outputs.iter().map(|output| output.stdout.text.len()).sum();
        assert_eq!((kept, gathering.kept), (IN_ALL, IN_ALL));
        let outputs = gathering.finish(|_| String::new());
        assert_eq!(outputs.len(), 200);
        assert_eq!(outputs[5].stdout.text.len() as u64 + outputs[5].stdout.more, 8 * 64 * 1024 + 1);
    }

    #[test]
    fn of_a_progress_bar_the_last_state_counts() {
        let bar: Vec<u8> = (0..100_000).flat_map(|n| format!("{n}%\r").into_bytes()).collect();
        assert_eq!(of_one(&[b"a\n", &bar, b"\r\nb"]).1, of_one(&[b"a\n99999%\nb"]).1);
        assert_eq!(of_one(&[b"a\n", &bar, b"\nb"]).0.text, b"a\n99999%\nb");
        let long = vec![b'x'; 2 * OF_ONE];
        let (kept, hash) = of_one(&[b"a\n", &long, b"\rdone\n"]);
        assert_eq!((&kept.text[..], kept.more), (&b"a\ndone\n"[..], 0));
        assert_eq!(hash, of_one(&[b"a\ndone\n"]).1);
    }

    proptest! {
        /// A stream gives the same result however it is cut into pieces.
        #[test]
        fn pieces_make_no_difference(
            pieces in proptest::collection::vec(
                proptest::collection::vec(proptest::sample::select(b"ab\n\r".to_vec()), 0..6), 0..10)
        ) {
            let parts: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let (kept, hash) = of_one(&parts);
            let (whole, whole_hash) = of_one(&[&pieces.concat()]);
            prop_assert_eq!((kept.text, hash), (whole.text, whole_hash));
        }
    }
}

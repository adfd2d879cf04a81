//! Replays the inputs that fuzzing has kept, in an ordinary test, so that a fixed fault stays fixed.
//!
//! The search itself is `tests/fuzz`, which needs a nightly compiler.

use std::{fs, path::Path};

/// How many damaged copies of each input are also tried.
const DAMAGED: u64 = 64;

/// Passes every file of `tests/fuzz/corpus/<name>` to `target`, and copies of it with some bytes changed, removed or
/// doubled; always the same ones.
///
/// # Panics
/// When the folder is missing or empty, and when `target` panics, which means that something is wrong.
pub fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no input", folder.display());

    target(b"");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for file in &files {
        let input = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        target(&input);
        for _ in 0..DAMAGED {
            target(&damaged(input.clone(), &mut random));
        }
    }
}

/// Marsaglia's xorshift, so that every run is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap_or(0)
    }
}

fn damaged(mut input: Vec<u8>, random: &mut Random) -> Vec<u8> {
    const NASTY: [&[u8]; 12] = [
        b"\0",
        b"\n",
        b"\r",
        b"\x1b[2J",
        b"\x1b]0;",
        b"\"",
        b"'",
        b"\xff",
        b"\xe2\x80\xae",
        b"-1",
        b"99999999999999999999",
        b"$(",
    ];
    for _ in 0..=random.below(3) {
        let (from, to) = (random.below(input.len() + 1), random.below(input.len() + 1));
        let range = from.min(to)..from.max(to).min(from.min(to) + 40);
        match random.below(4) {
            0 => drop(input.drain(range)),
            1 => {
                let part = input[range].to_vec();
                drop(input.splice(to..to, part));
            }
            2 => drop(input.splice(from..from, NASTY[random.below(NASTY.len())].iter().copied())),
            _ => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    input
}

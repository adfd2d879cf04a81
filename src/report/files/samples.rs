//! The answers of checks. A record keeps only a selection: watching a thousand hosts for an hour gives nearly a million
//! answers.
//!
//! For each check of each host (or of all hosts), the first answer, the last ones and those at which the verdict
//! changed are kept; of the others, as many as there is room for, evenly spaced. The check's own record counts all of
//! them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rollout_record::SampleRecord;
use crate::{inventory::HostId, rollout::Verdict};

/// The number of answers kept of a check that is about all hosts; it is a curve.
const OF_ALL: usize = 512;

/// The number of answers kept of a check of single hosts, over all hosts, unless `LEAST` needs more.
const OF_HOSTS: usize = 16 * 1024;

/// The number of answers kept of each host, however many hosts there are.
const LEAST: usize = 8;

/// The kept answers, in the order of arrival. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    kept: BTreeMap<u64, Arc<SampleRecord>>,
    /// The number of all answers that came.
    heard: u64,
}

impl Samples {
    /// The kept answers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &SampleRecord> {
        self.kept.values().map(|sample| &**sample)
    }

    /// The number of all answers that came, including those left out; the place of the next one.
    pub(super) const fn heard(&self) -> u64 {
        self.heard
    }

    pub(super) fn push(&mut self, sample: SampleRecord) {
        self.kept.insert(self.heard, Arc::new(sample));
        self.heard += 1;
    }

    pub(super) fn remove(&mut self, place: u64) {
        self.kept.remove(&place);
    }
}

impl PartialEq for Samples {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl FromIterator<SampleRecord> for Samples {
    fn from_iter<I: IntoIterator<Item = SampleRecord>>(samples: I) -> Self {
        let mut all = Self::default();
        for sample in samples {
            all.push(sample);
        }
        all
    }
}

impl Serialize for Samples {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

/// Chooses which answers are left out.
#[derive(Debug, Default)]
pub(super) struct Thinning(HashMap<(String, Option<HostId>), Series>);

impl Thinning {
    /// Takes the answer at `place` and returns the places of the answers to leave out in return. `hosts` is the number
    /// of hosts in the run.
    pub(super) fn hear(&mut self, place: u64, sample: &SampleRecord, hosts: usize) -> Vec<u64> {
        let room = if sample.host.is_none() { OF_ALL } else { (OF_HOSTS / hosts.max(1)).clamp(LEAST, OF_ALL) };
        let series = self.0.entry((sample.check.clone(), sample.host.clone())).or_default();
        series.hear(place, sample.verdict, room)
    }
}

/// The kept answers of one check of one host, or of all hosts.
#[derive(Debug)]
struct Series {
    kept: Vec<Kept>,
    /// The number of all its answers.
    heard: usize,
    last: Option<Verdict>,
    /// Of the older answers without a turn, every `stride`th is kept.
    stride: usize,
    /// The verdict changes too often for turns to be worth keeping.
    is_restless: bool,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    place: u64,
    /// The position within the series, counted from 0.
    number: usize,
    /// The verdict changes at this answer or at the next one.
    turns: bool,
}

impl Default for Series {
    fn default() -> Self {
        Self { kept: Vec::new(), heard: 0, last: None, stride: 1, is_restless: false }
    }
}

impl Series {
    fn hear(&mut self, place: u64, verdict: Verdict, room: usize) -> Vec<u64> {
        let turns = self.last.replace(verdict).is_some_and(|last| last != verdict);
        if let Some(before) = self.kept.last_mut().filter(|_| turns) {
            before.turns = true;
        }
        self.kept.push(Kept { place, number: self.heard, turns });
        self.heard += 1;
        let mut gone = self.thin(room);
        while self.kept.len() > room {
            self.stride *= 2;
            self.is_restless |= self.kept.iter().filter(|kept| kept.turns).count() > room / 2;
            gone.extend(self.thin(room));
        }
        gone
    }

    /// Drops the answers that need not stay and returns their places. The last ones stay; the first stays on every
    /// stride.
    fn thin(&mut self, room: usize) -> Vec<u64> {
        let last_ones = self.heard.saturating_sub(room / 4);
        let (stride, is_restless) = (self.stride, self.is_restless);
        let goes = |kept: &mut Kept| {
            kept.number < last_ones && !kept.number.is_multiple_of(stride) && (is_restless || !kept.turns)
        };
        self.kept.extract_if(.., goes).map(|kept| kept.place).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Verdict::*, *};

    /// The places that are kept of these answers.
    fn kept(verdicts: &[Verdict], room: usize) -> Vec<u64> {
        let (mut series, mut kept) = (Series::default(), Vec::new());
        for (place, verdict) in (0..).zip(verdicts) {
            kept.push(place);
            let gone = series.hear(place, *verdict, room);
            kept.retain(|place| !gone.contains(place));
        }
        kept
    }

    #[test]
    fn of_a_calm_hour_the_ends_are_kept_and_an_even_part_between() {
        let kept = kept(&[Well; 720], 16);
        assert_eq!(kept, [0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 716, 717, 718, 719]);
    }

    proptest! {
        #[test]
        fn what_is_kept_fits_and_has_both_ends_and_every_change(
            room in LEAST..64,
            answers in prop::collection::vec(prop_oneof![9 => Just(Well), 1 => Just(Unwell)], 1..600),
        ) {
            let kept = kept(&answers, room);
            prop_assert!(kept.len() <= room);
            prop_assert_eq!((kept.first(), kept.last()), (Some(&0), Some(&(answers.len() as u64 - 1))));
            let turns: Vec<u64> = (1..answers.len()).filter(|n| answers[*n] != answers[n - 1]).map(|n| n as u64).collect();
            // Both sides of each turn are kept.
            if 2 * turns.len() <= room / 2 {
                prop_assert!(turns.iter().all(|turn| kept.contains(turn) && kept.contains(&(turn - 1))), "{turns:?} {kept:?}");
            }
        }
    }
}

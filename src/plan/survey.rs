//! The hosts' own records before a run, and what they mean for each host. `rollout` does the asking.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    history::History,
    model::{Revision, RunId},
    order::Standing,
};
use crate::{guard::Recorded, inventory::HostId};

/// All answers.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    answers: BTreeMap<HostId, Answer>,
}

/// The result of asking one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The host's record.
    Told(Recorded),
    /// No answer, and the reason in one line. Untrusted data: neutralise before showing.
    Silent(String),
}

/// How many hosts have which revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The most common first; `None` counts the hosts without a revision on record.
    pub revisions: Vec<(Option<String>, usize)>,
    /// How many did not answer.
    pub silent: usize,
}

impl FromIterator<(HostId, Answer)> for Survey {
    fn from_iter<T: IntoIterator<Item = (HostId, Answer)>>(answers: T) -> Self {
        Self { answers: answers.into_iter().collect() }
    }
}

impl Survey {
    /// The result of asking each host.
    pub fn answers(&self) -> impl Iterator<Item = (&HostId, &Answer)> {
        self.answers.iter()
    }

    /// The hosts that did not answer, and why.
    pub fn silent(&self) -> impl Iterator<Item = (&HostId, &str)> {
        self.answers.iter().filter_map(|(host, answer)| match answer {
            Answer::Silent(why) => Some((host, why.as_str())),
            Answer::Told(_) => None,
        })
    }

    fn histories(&self) -> impl Iterator<Item = (&HostId, History<'_>)> {
        self.answers.iter().filter_map(|(host, answer)| match answer {
            Answer::Told(recorded) => Some((host, History::of(recorded))),
            Answer::Silent(_) => None,
        })
    }

    /// The runs that started a script on any host.
    pub fn runs(&self) -> BTreeSet<RunId> {
        let started =
            |(_, history): (&HostId, History<'_>)| history.started().map(|entry| entry.run).collect::<Vec<_>>();
        self.histories().flat_map(started).collect()
    }

    /// How many hosts have which revision.
    pub fn tally(&self) -> Tally {
        let mut counts = BTreeMap::<Option<String>, usize>::new();
        for (_, history) in self.histories() {
            *counts.entry(history.revision.map(ToOwned::to_owned)).or_default() += 1;
        }
        let mut revisions: Vec<_> = counts.into_iter().collect();
        revisions.sort_by_key(|(_, hosts)| std::cmp::Reverse(*hosts));
        Tally { revisions, silent: self.silent().count() }
    }

    /// The standing of every host that was asked, before a deploy of `revision`.
    pub fn standings(&self, revision: &Revision) -> HashMap<HostId, Standing> {
        let target = Some(revision.as_str());
        let mut counts = BTreeMap::<Option<&str>, usize>::new();
        for answer in self.answers.values() {
            match answer {
                Answer::Told(recorded) if recorded.revision.as_deref() != target => {
                    *counts.entry(recorded.revision.as_deref()).or_default() += 1;
                }
                Answer::Told(_) | Answer::Silent(_) => {}
            }
        }
        // Of two revisions that are equally common, always the same one is taken.
        let usual = counts.into_iter().max_by_key(|(_, hosts)| *hosts).map(|(revision, _)| revision);
        let standing = |answer: &Answer| match answer {
            Answer::Silent(_) => Standing::Unready,
            Answer::Told(recorded) => {
                let history = History::of(recorded);
                if history.running().is_some() {
                    Standing::Unready
                } else if !history.is_well() {
                    Standing::Unwell
                } else if history.revision == target {
                    Standing::Current
                } else if Some(history.revision) == usual {
                    Standing::Usual
                } else {
                    Standing::Behind
                }
            }
        };
        self.answers.iter().map(|(host, answer)| (host.clone(), standing(answer))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::history::testing::recorded, *};
    use crate::inventory::testing::host;

    const A: &str = "01JQZX00000000000000000001";

    fn survey(hosts: &[(&str, Answer)]) -> Survey {
        hosts.iter().map(|(id, answer)| (host(id, "web").id, answer.clone())).collect()
    }

    fn told(revision: &str, attempts: &[&str]) -> Answer {
        let lines: Vec<_> = attempts.iter().map(|line| format!("{A}-{line}")).collect();
        Answer::Told(recorded(revision, &lines.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn silent() -> Answer {
        Answer::Silent("connection refused".into())
    }

    #[test]
    fn a_host_stands_by_its_last_end_and_by_what_the_others_have() {
        use Standing::{Behind, Current, Unready, Unwell, Usual};

        let survey = survey(&[
            ("a", told("v1", &["1 - v1 0"])),
            ("b", told("v1", &[])),
            ("c", told("v0", &[])),
            ("d", told("-", &[])),
            ("e", told("v2", &[])),
            ("f", told("v2", &["1 v1 v2 0", "undo-1 v2 v1 died"])),
            ("g", told("v1", &["1 v1 v2 running"])),
            ("h", silent()),
        ]);
        let standings = survey.standings(&"v2".parse().expect("a revision"));
        let of = |id: &str| standings[&host(id, "web").id];
        let found = ["a", "b", "c", "d", "e", "f", "g", "h"].map(of);
        assert_eq!(found, [Usual, Usual, Behind, Behind, Current, Unwell, Unready, Unready]);
    }

    #[test]
    fn hosts_are_counted_by_their_revision() {
        let survey = survey(&[
            ("a", told("v0", &[])),
            ("b", told("v1", &[])),
            ("c", told("v1", &[])),
            ("d", told("-", &[])),
            ("e", silent()),
        ]);
        let revisions = vec![(Some("v1".to_owned()), 2), (None, 1), (Some("v0".to_owned()), 1)];
        assert_eq!(survey.tally(), Tally { revisions, silent: 1 });
    }

    #[test]
    fn runs_are_known_by_what_was_started_of_them() {
        let survey = survey(&[
            ("a", told("v1", &["undo-1 - v1 0"])),
            ("b", Answer::Told(recorded("v1", &["01JQZX00000000000000000002-1 - v1 never-started"]))),
        ]);
        assert_eq!(survey.runs(), [A.parse().expect("an id")].into());
    }
}

//! How each host gets back to its previous revision, according to its own record.

use std::collections::BTreeMap;

use super::{
    history::{Entry, History, Part},
    model::{Payload, Revision, RunId},
    survey::{Answer, Survey},
};
use crate::{guard::Recorded, inventory::HostId};

/// A manual rollback.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// Its goal.
    pub goal: Goal,
    /// The deploy's work. It rolls hosts back if the plan has no script for that.
    pub payload: Payload,
    /// The way of each host. Hosts that are left alone are not listed.
    pub ways: BTreeMap<HostId, Way>,
}

/// The goal of a rollback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Goal {
    /// The run to undo. Without one, hosts are taken to a revision, whichever run gave them theirs.
    pub run: Option<RunId>,
    /// The revision to go to. Without one, each host gets the revision that it had before the run.
    pub to: Option<Revision>,
}

/// How a host is rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A script is started.
    Start(Back),
    /// A script is rolling it back already, and is followed to its end.
    Follow(Back),
    /// Not at all: it had no revision before, and there is only the deploy script to roll it back.
    Nowhere,
    /// Not now: a script of this run or undo is running there.
    Busy(String),
    /// Unknown, because the host could not be asked. The reason is untrusted data.
    Silent(String),
}

/// A script that rolls a host back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Its run name on the host.
    pub run: String,
    /// Its attempt number there; no number is used twice.
    pub attempt: u32,
    /// The revision that the host is to have; `None` if only the rollback script knows.
    pub revision: Option<String>,
    /// The revision that is rolled back, if there is one.
    pub failed: Option<String>,
}

impl Goal {
    /// The ways of all hosts that were asked, except those that are left alone.
    pub fn ways(&self, survey: &Survey, means: Means) -> BTreeMap<HostId, Way> {
        let way = |(host, answer): (&HostId, &Answer)| {
            let way = match answer {
                Answer::Silent(why) => Way::Silent(why.clone()),
                Answer::Told(recorded) => self.way(recorded, means)?,
            };
            Some((host.clone(), way))
        };
        survey.answers().filter_map(way).collect()
    }

    /// The way of a host with this record; `None` if it is left alone.
    fn way(&self, recorded: &Recorded, means: Means) -> Option<Way> {
        let history = History::of(recorded);
        let back = match (self.run, &self.to) {
            (Some(run), _) => self.undo_of(run, &history)?,
            (None, Some(to)) => {
                Back { run: means.own.to_string(), attempt: 1, revision: Some(to.to_string()), failed: None }
            }
            (None, None) => return None,
        };
        if self.to.as_ref().is_some_and(|to| is_at(&history, to)) {
            return None;
        }
        Some(match history.running() {
            Some(entry) if is_of(entry, &back) => Way::Follow(Back { attempt: entry.attempt.attempt, ..back }),
            Some(entry) => Way::Busy(entry.attempt.run.clone()),
            None if back.revision.is_none() && means.script == RollbackScript::None => Way::Nowhere,
            None => Way::Start(back),
        })
    }

    /// The undo of a run on a host; `None` if the run did not touch it, or if it is back already.
    fn undo_of(&self, run: RunId, history: &History<'_>) -> Option<Back> {
        let undos = || history.of_run(run, Part::Undo);
        let mut work = history.of_run(run, Part::Work).filter(|entry| entry.was_started());
        let (first, undone) = (work.next(), undos().rfind(|entry| entry.was_started()));
        let is_back = undone.is_some_and(|entry| entry.attempt.state.is_success()) || history.is_behind(run);
        if first.is_none() && undone.is_none() || is_back && self.to.is_none() {
            return None;
        }
        // A host forgets its oldest attempts. An earlier undo then tells the revision to go to.
        let before =
            first.map_or_else(|| undone.and_then(|it| it.attempt.revision.clone()), |it| it.attempt.previous.clone());
        Some(Back {
            run: run.undo(),
            attempt: undos().map(|entry| entry.attempt.attempt).max().unwrap_or(0) + 1,
            revision: self.to.as_ref().map(ToString::to_string).or(before),
            failed: work.next_back().or(first).and_then(|last| last.attempt.revision.clone()),
        })
    }
}

/// The means of a rollback.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// The rollback's own run.
    pub own: RunId,
    /// Whether there is a script for it.
    pub script: RollbackScript,
}

/// Whether there is a rollback script. It can also roll back hosts whose previous revision is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackScript {
    /// There is.
    Given,
    /// The deploy script rolls back, given the revision.
    None,
}

/// A host has a revision when its record says so, and the last script did not leave it halfway to another one.
fn is_at(history: &History<'_>, revision: &Revision) -> bool {
    history.revision == Some(revision.as_str()) && history.is_well()
}

/// Whether the running script is the one that would be started.
fn is_of(entry: &Entry<'_>, back: &Back) -> bool {
    entry.attempt.run == back.run && entry.attempt.revision == back.revision
}

#[cfg(test)]
mod tests {
    use super::{super::history::testing::recorded, *};

    const A: &str = "01JQZX00000000000000000001";
    const B: &str = "01JQZX00000000000000000002";
    const OWN: &str = "01JQZX00000000000000000009";

    fn way_of(goal: &Goal, script: RollbackScript, revision: &str, attempts: &[&str]) -> Option<Way> {
        let named: Vec<String> = attempts.iter().map(|line| line.replacen('A', A, 1).replacen('B', B, 1)).collect();
        let recorded = recorded(revision, &named.iter().map(String::as_str).collect::<Vec<_>>());
        goal.way(&recorded, Means { own: OWN.parse().expect("an id"), script })
    }

    /// The way back from run A, with the deploy script.
    fn way(revision: &str, attempts: &[&str]) -> Option<Way> {
        way_of(&undo(None), RollbackScript::None, revision, attempts)
    }

    fn undo(to: Option<&str>) -> Goal {
        Goal { run: Some(A.parse().expect("an id")), to: to.map(|to| to.parse().expect("a revision")) }
    }

    fn reach(to: &str) -> Goal {
        Goal { run: None, to: Some(to.parse().expect("a revision")) }
    }

    fn back(attempt: u32, revision: &str) -> Back {
        let (revision, failed) = (Some(revision.to_owned()), Some("v2".to_owned()));
        Back { run: format!("{A}-undo"), attempt, revision, failed }
    }

    #[test]
    fn only_what_the_run_touched_goes_back_and_to_what_it_had() {
        assert_eq!(way("v1", &["B-1 v0 v1 0"]), None, "another run's");
        assert_eq!(way("v1", &["A-1 v1 v2 never-started"]), None);
        for state in ["0", "3", "died", "killed"] {
            assert_eq!(way("v2", &[&format!("A-1 v1 v2 {state}")]), Some(Way::Start(back(1, "v1"))), "{state}");
        }
        let retried = way("v2", &["A-1 v1 v2 3", "A-2 v2 v2 0"]);
        assert_eq!(retried, Some(Way::Start(back(1, "v1"))), "what it had before the first attempt");
    }

    #[test]
    fn nobody_is_undone_twice_and_an_undo_that_did_not_end_well_is_done_again() {
        let after = |undo: &[&str]| way("v1", &[&["A-1 v1 v2 0"], undo].concat());
        assert_eq!(after(&["A-undo-1 v2 v1 0"]), None);
        assert_eq!(after(&["A-undo-1 v2 v1 3", "A-undo-2 v2 v1 0"]), None);
        for state in ["3", "died", "killed", "never-started"] {
            assert_eq!(after(&[&format!("A-undo-1 v2 v1 {state}")]), Some(Way::Start(back(2, "v1"))), "{state}");
        }
        assert_eq!(after(&["A-undo-2 v2 v1 died", "A-undo-10 v2 v1 died"]), Some(Way::Start(back(11, "v1"))));
    }

    /// It would bring back a revision that was rolled back on purpose.
    #[test]
    fn a_host_is_not_taken_forward_to_what_was_there_before_a_run() {
        let older = "@1795863831000 v3 v0 ";
        let since = |undo: &str| way_of(&undo_b(), RollbackScript::None, "v0", &["A-1 v0 v1 0", "B-1 v1 v2 3", undo]);
        let start = Some(Way::Start(Back { run: format!("{B}-undo"), ..back(1, "v1") }));
        assert_eq!(since(&format!("A-undo-1{older}0")), None);
        assert_eq!(since(&format!("A-undo-1{older}3")), start, "it failed");
        assert_eq!(since("A-undo-1 v1 v0 0"), start, "the run came later");
    }

    fn undo_b() -> Goal {
        Goal { run: Some(B.parse().expect("an id")), to: None }
    }

    #[test]
    fn what_runs_is_never_raced() {
        let undoing = ["A-1 v1 v2 0", "A-undo-1 v2 v1 died", "A-undo-2 v2 v1 running"];
        assert_eq!(way("v2", &undoing), Some(Way::Follow(back(2, "v1"))));
        let elsewhere = way_of(&undo(Some("v0")), RollbackScript::None, "v2", &undoing);
        assert_eq!(elsewhere, Some(Way::Busy(format!("{A}-undo"))), "it goes to another revision");
        assert_eq!(way("v1", &["A-1 v1 v2 running"]), Some(Way::Busy(A.into())));
        assert_eq!(way("v2", &["A-1 v1 v2 0", "B-1 v2 v3 running"]), Some(Way::Busy(B.into())));
        assert_eq!(way("v1", &["A-1 v1 v2 0", "A-undo-1 v2 v1 0", "B-1 v1 v3 running"]), None, "it is back");
        let reaching = way_of(&reach("v0"), RollbackScript::None, "v1", &["A-1 v1 v2 running"]);
        assert_eq!(reaching, Some(Way::Busy(A.into())));
    }

    #[test]
    fn without_a_revision_before_only_a_rollback_script_knows_a_way() {
        let first = ["A-1 - v2 0"];
        assert_eq!(way("v2", &first), Some(Way::Nowhere));
        let scripted = way_of(&undo(None), RollbackScript::Given, "v2", &first);
        assert_eq!(scripted, Some(Way::Start(Back { revision: None, ..back(1, "") })));
        let given = way_of(&undo(Some("v1")), RollbackScript::None, "v2", &first);
        assert_eq!(given, Some(Way::Start(back(1, "v1"))));
    }

    #[test]
    fn of_a_run_that_is_forgotten_the_undo_knows_where_to() {
        let expected = Back { failed: None, ..back(2, "v1") };
        assert_eq!(way("v2", &["A-undo-1 v2 v1 died"]), Some(Way::Start(expected)));
    }

    #[test]
    fn whoever_is_there_is_left_alone() {
        let to = |revision: &str, attempts: &[&str]| way_of(&reach("v1"), RollbackScript::None, revision, attempts);
        let start = |run: &str| {
            Some(Way::Start(Back { run: run.into(), attempt: 1, revision: Some("v1".into()), failed: None }))
        };
        assert_eq!(to("v1", &["A-1 - v1 0"]), None);
        assert_eq!(to("v1", &["A-1 v0 v1 0", "B-1 v1 v2 3"]), start(OWN), "half way to another one");
        assert_eq!(to("v2", &["A-1 v1 v2 0"]), start(OWN));
        assert_eq!(to("-", &[]), start(OWN));

        let undone_to = |revision: &str, last: &str| {
            way_of(&undo(Some("v1")), RollbackScript::None, revision, &["A-1 v0 v2 0", last])
        };
        assert_eq!(undone_to("v1", "A-undo-1 v2 v1 0"), None);
        assert_eq!(undone_to("v0", "A-undo-1 v2 v0 0"), Some(Way::Start(back(2, "v1"))), "back, but not there");
    }
}

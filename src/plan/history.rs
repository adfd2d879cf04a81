//! One host's record of earlier runs, in the order of those runs.

use super::model::RunId;
use crate::guard::{AttemptState, Recorded, RecordedAttempt};

/// Follows the run's id in the name of its undo.
const UNDO: &str = "-undo";

/// The attempts in a host's record, oldest first. Attempts that no Fleetwide run made are left out.
#[derive(Clone, Debug)]
pub struct History<'a> {
    /// The app's revision there.
    pub revision: Option<&'a str>,
    entries: Vec<Entry<'a>>,
}

/// One start of a script.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The run that it belongs to.
    pub run: RunId,
    /// Its purpose in that run.
    pub part: Part,
    /// The attempt, as the host recorded it.
    pub attempt: &'a RecordedAttempt,
}

impl Entry<'_> {
    /// The start of the run that made this attempt, in milliseconds since 1970. An undo may belong to a later run.
    fn began_ms(&self) -> u64 {
        self.attempt.fence.unwrap_or_else(|| self.run.started_ms())
    }
}

/// The purpose of an attempt in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The run's own work.
    Work,
    /// Rolling the host back.
    Undo,
}

impl RunId {
    /// The name under which hosts record the undo of this run.
    pub fn undo(self) -> String {
        format!("{self}{UNDO}")
    }

    /// The run and purpose that a recorded name stands for.
    fn of_name(name: &str) -> Option<(Self, Part)> {
        let (run, part) = name.strip_suffix(UNDO).map_or((name, Part::Work), |run| (run, Part::Undo));
        Some((run.parse().ok()?, part))
    }
}

impl<'a> History<'a> {
    /// The history in `recorded`.
    pub fn of(recorded: &'a Recorded) -> Self {
        let entry =
            |attempt: &'a RecordedAttempt| RunId::of_name(&attempt.run).map(|(run, part)| Entry { run, part, attempt });
        let mut entries: Vec<_> = recorded.attempts.iter().filter_map(entry).collect();
        entries.sort_by_key(|entry| (entry.began_ms(), entry.run, entry.part, entry.attempt.attempt));
        Self { revision: recorded.revision.as_deref(), entries }
    }

    /// The attempts whose script was started.
    pub fn started(&self) -> impl DoubleEndedIterator<Item = &Entry<'a>> {
        self.entries.iter().filter(|entry| entry.was_started())
    }

    /// All attempts of one part of a run, including those that never started.
    pub fn of_run(&self, run: RunId, part: Part) -> impl DoubleEndedIterator<Item = &Entry<'a>> {
        self.entries.iter().filter(move |entry| (entry.run, entry.part) == (run, part))
    }

    /// Whether an older run was undone on the host since this run last did anything there.
    pub fn is_behind(&self, run: RunId) -> bool {
        let mut since = self.started().rev().take_while(|entry| entry.run != run);
        since.any(|entry| entry.run < run && entry.part == Part::Undo && entry.attempt.state.is_success())
    }

    /// The script that is running there now.
    pub fn running(&self) -> Option<&Entry<'a>> {
        self.entries.iter().rev().find(|entry| entry.attempt.state == AttemptState::Running)
    }

    /// False when the last script failed, or has not ended.
    pub fn is_well(&self) -> bool {
        self.started().next_back().is_none_or(|last| last.attempt.state.is_success())
    }
}

impl Entry<'_> {
    /// Whether its script was started.
    pub fn was_started(&self) -> bool {
        match self.attempt.state {
            AttemptState::Ended(_) | AttemptState::Running | AttemptState::Died => true,
            AttemptState::NeverStarted => false,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::guard::{
        AttemptState, Cause, GroupState, Record, Recorded, RecordedAttempt, ScriptStatus, Signal, Trailer,
    };

    /// The record of a host at this revision with these attempts: `RUN-ATTEMPT[@FENCE] PREVIOUS REVISION STATE`, where
    /// the state is an exit status or a word.
    pub(crate) fn recorded(revision: &str, attempts: &[&str]) -> Recorded {
        Recorded { revision: known(revision), attempts: attempts.iter().map(|line| attempt(line)).collect() }
    }

    fn known(revision: &str) -> Option<String> {
        Some(revision.to_owned()).filter(|revision| revision != "-")
    }

    fn attempt(line: &str) -> RecordedAttempt {
        let [name, previous, revision, state] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (name, fence) = name.split_once('@').map_or((name, None), |(name, fence)| (name, fence.parse().ok()));
        let (run, attempt) = name.rsplit_once('-').expect("a name");
        let ended = |status, cause| {
            let (group, record) = (GroupState::Gone, Record::Kept);
            AttemptState::Ended(Trailer { status, cause, group, stdout: None, stderr: None, record })
        };
        let state = match state {
            "running" => AttemptState::Running,
            "died" => AttemptState::Died,
            "never-started" => AttemptState::NeverStarted,
            "killed" => ended(ScriptStatus::Signaled(Signal::named("TERM").expect("a name")), Cause::Stop),
            status => ended(ScriptStatus::Exited(status.parse().expect("a status")), Cause::None),
        };
        let (previous, revision) = (known(previous), known(revision));
        let attempt = attempt.parse().expect("a number");
        RecordedAttempt { run: run.to_owned(), attempt, fence, previous, revision, state }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::recorded, *};

    const A: &str = "01JQZX00000000000000000001";
    const B: &str = "01JQZX00000000000000000002";

    #[test]
    fn a_history_is_in_order_whatever_the_names_sort_like() {
        let lines = [
            format!("{A}-10 - v1 1"),
            format!("{A}-2 - v1 1"),
            format!("{A}-undo-1 - v0 0"),
            format!("{B}-1 v0 v2 0"),
            "by-hand-1 - - 0".to_owned(),
        ];
        let recorded = recorded("v2", &lines.each_ref().map(String::as_str));
        let history = History::of(&recorded);
        let order: Vec<_> =
            history.started().map(|entry| (entry.part, entry.attempt.attempt, entry.run.to_string())).collect();
        let expected = [(Part::Work, 2, A), (Part::Work, 10, A), (Part::Undo, 1, A), (Part::Work, 1, B)]
            .map(|(part, n, run)| (part, n, run.to_owned()));
        assert_eq!(order, expected);
        assert!(history.is_well());
    }

    /// A manual undo of an older run may come after newer runs in the record.
    #[test]
    fn what_a_later_run_did_comes_behind() {
        let lines = [format!("{A}-1 v0 v1 0"), format!("{A}-undo-1@1795863831000 v2 v0 0"), format!("{B}-1 v1 v2 3")];
        let recorded = recorded("v0", &lines.each_ref().map(String::as_str));
        let history = History::of(&recorded);
        let order: Vec<_> = history.started().map(|entry| (entry.run.to_string(), entry.part)).collect();
        let expected = [(A, Part::Work), (B, Part::Work), (A, Part::Undo)].map(|(run, part)| (run.to_owned(), part));
        assert_eq!(order, expected);
        assert!(history.is_well(), "that the newer one failed is history");
    }

    #[test]
    fn the_last_script_that_was_started_says_whether_a_host_is_well() {
        let well = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|line| format!("{A}-{line}")).collect();
            History::of(&recorded("v1", &lines.iter().map(String::as_str).collect::<Vec<_>>())).is_well()
        };
        assert!(well(&[]) && well(&["1 - v1 0"]) && well(&["1 v1 v2 3", "undo-1 v1 v1 0"]));
        assert!(well(&["1 - v1 0", "2 v1 v1 never-started"]));
        for state in ["3", "killed", "died", "running"] {
            assert!(!well(&[&format!("1 - v1 {state}")]), "{state}");
        }
    }
}

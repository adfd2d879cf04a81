//! The results of every host of a run so far. This module decides nothing and waits for nothing.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::super::{
    dispatcher::{AttemptEnd, HostIndex},
    executor::Attempt,
    outcome::{FailureCause, HostResult, Outcome, Summary, UndoOutcome, UndoResult},
    roster::Roster,
    undo::{NoWay, UndoAttempt},
};
use crate::inventory::Host;

/// The results of a run's hosts, by their places.
#[derive(Debug)]
pub(super) struct Book {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    result: HostResult,
    settled: bool,
    /// The host said what it had before the run, when the script first started there.
    heard: bool,
    /// The message and the hint from before the host was gone.
    covered: Option<(Option<String>, Option<String>)>,
}

impl Entry {
    fn uncover(&mut self) {
        if let Some((message, hint)) = self.covered.take() {
            (self.result.message, self.result.hint) = (message, hint);
        }
    }
}

impl Book {
    pub(super) fn of(roster: &Roster) -> Self {
        let mut book = Self { entries: Vec::new() };
        book.grow(roster);
        book
    }

    /// Makes room for late hosts.
    pub(super) fn grow(&mut self, roster: &Roster) {
        let new = roster.entries().skip(self.entries.len()).map(|(_, entry)| Entry {
            result: HostResult::skipped(entry.host.id.clone()),
            settled: false,
            heard: false,
            covered: None,
        });
        self.entries.extend(new);
    }

    pub(super) fn result(&self, host: HostIndex) -> &HostResult {
        &self.entries[host.0].result
    }

    pub(super) fn take(&mut self) -> Vec<HostResult> {
        std::mem::take(&mut self.entries).into_iter().map(|entry| entry.result).collect()
    }

    /// How many hosts had which outcome. Hosts without one count in the total only.
    pub(super) fn summary(&self) -> Summary {
        let settled = self.entries.iter().filter(|entry| entry.settled).map(|entry| entry.result.outcome);
        Summary { total: self.entries.len(), ..Summary::of(settled) }
    }

    /// The summary in a line, for a person.
    pub(super) fn so_far(&self) -> String {
        let summary = self.summary();
        format!("{} of {} hosts succeeded, {} failed", summary.succeeded, summary.total, summary.failures())
    }

    /// The hosts that per-host checks ask: those of the last stage worked on that have succeeded.
    pub(super) fn well_in_last_stage(&self, roster: &Roster) -> Vec<(HostIndex, Arc<str>, Arc<Host>)> {
        let well = |host: HostIndex| {
            let entry = &self.entries[host.0];
            entry.settled && entry.result.outcome == Outcome::Succeeded
        };
        let well: Vec<_> = roster.entries().filter(|(host, _)| well(*host)).collect();
        let last = well.iter().map(|(_, entry)| entry.stage_index).max();
        well.into_iter()
            .filter(|(_, entry)| Some(entry.stage_index) == last)
            .map(|(host, entry)| (host, Arc::clone(&entry.stage), Arc::clone(&entry.host)))
            .collect()
    }

    /// Enters the result of an attempt.
    pub(super) fn attempt_ended(&mut self, host: HostIndex, attempt: Attempt) {
        let entry = &mut self.entries[host.0];
        let Attempt { end, mut result } = attempt;
        if end == AttemptEnd::NotStarted {
            // Nothing was started, so the earlier result stands.
            return;
        }

        // The host's result covers all its attempts: it began with the first one.
        let before = &entry.result;
        if let (Some(first), Some(last)) = (before.started, result.started) {
            // If the clock was set back, nothing is added.
            result.duration += Duration::try_from(last.duration_since(first)).unwrap_or_default();
        }
        result.started = before.started.or(result.started).or(Some(Timestamp::now()).filter(|_| end.touched()));
        // An earlier attempt may have succeeded unheard: what a later one finds is not what the host had before the run.
        if entry.heard {
            result.previous_revision.clone_from(&before.previous_revision);
        }
        entry.heard |= result.group.is_some();
        entry.result = result;
    }

    /// Enters why a host that had succeeded has failed after all.
    pub(super) fn blame(&mut self, host: HostIndex, cause: FailureCause, message: String) {
        let result = &mut self.entries[host.0].result;
        result.failure = Some(cause);
        result.message = Some(message);
    }

    /// As `blame`, unless the host has failed already.
    pub(super) fn blame_unless_failed(&mut self, host: HostIndex, cause: FailureCause, message: String) {
        if self.entries[host.0].result.failure.is_none() {
            self.blame(host, cause, message);
        }
    }

    pub(super) fn settle(&mut self, host: HostIndex, outcome: Outcome) -> &HostResult {
        let entry = &mut self.entries[host.0];
        entry.uncover();
        entry.settled = true;
        entry.result.outcome = outcome;
        match outcome {
            Outcome::Gone => {
                let message = "it is not among the target's hosts any more".to_owned();
                entry.covered = Some((entry.result.message.replace(message), entry.result.hint.take()));
            }
            Outcome::Succeeded | Outcome::Failed | Outcome::Unreachable | Outcome::Unknown | Outcome::Skipped => {}
        }
        &entry.result
    }

    /// A host that was gone is to be worked on after all.
    pub(super) fn requeue(&mut self, host: HostIndex) {
        let entry = &mut self.entries[host.0];
        entry.uncover();
        entry.settled = false;
        (entry.result.failure, entry.result.message, entry.result.hint) = (None, None, None);
    }

    /// Enters the result of an attempt to roll a host back.
    pub(super) fn undo_ended(&mut self, host: HostIndex, attempt: &UndoAttempt) {
        self.entries[host.0].result.undo = Some(Box::new(attempt.result.clone()));
    }

    /// Enters that a hook around an undo failed. If it came before, nothing was undone; if it came after, the undo is
    /// incomplete.
    pub(super) fn blame_undo(&mut self, host: HostIndex, why: String) {
        let result = &mut self.entries[host.0].result;
        match &mut result.undo {
            None => result.undo = Some(Box::new(NoWay::failed(why).attempt(&result.host).result)),
            Some(undo) => match undo.outcome {
                UndoOutcome::Undone => {
                    undo.outcome = UndoOutcome::UndoFailed;
                    undo.run.outcome = Outcome::Failed;
                    undo.run.failure = Some(FailureCause::Hook);
                    undo.run.message = Some(why);
                }
                UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => {
                    let known = undo.run.message.take().map(|message| format!("{message}; ")).unwrap_or_default();
                    undo.run.message = Some(known + &why);
                }
            },
        }
    }

    /// As `settle_undo`, for a rollback by hand: the result of the undo is the result of the host.
    pub(super) fn settle_by_hand(&mut self, host: HostIndex, outcome: UndoOutcome) -> &HostResult {
        self.settle_undo(host, outcome);
        let entry = &mut self.entries[host.0];
        entry.settled = true;
        if let Some(undo) = entry.result.undo.take() {
            entry.result = HostResult { undo: Some(undo.clone()), ..undo.run };
        }
        &entry.result
    }

    pub(super) fn settle_undo(&mut self, host: HostIndex, outcome: UndoOutcome) -> &HostResult {
        let result = &mut self.entries[host.0].result;
        let not_tried = || {
            let run = HostResult {
                message: Some("not tried: the run was stopped before".to_owned()),
                ..HostResult::skipped(result.host.clone())
            };
            Box::new(UndoResult { outcome, revision: None, run })
        };
        let undo = result.undo.take().unwrap_or_else(not_tried);
        result.undo = Some(Box::new(UndoResult { outcome, ..*undo }));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::host;

    /// The revision that a host is rolled back to after these attempts. Each says what it found, `-` for nothing, or was
    /// not heard.
    fn had(attempts: &[Option<&str>]) -> Option<String> {
        let blank = HostResult::skipped(host("i-1", "web").id);
        let entry = Entry { result: blank.clone(), settled: false, heard: false, covered: None };
        let mut book = Book { entries: vec![entry] };
        for found in attempts {
            let result = HostResult {
                group: found.map(|_| 42),
                previous_revision: found.filter(|found| *found != "-").map(ToOwned::to_owned),
                ..blank.clone()
            };
            book.attempt_ended(HostIndex(0), Attempt { end: AttemptEnd::Retryable(Outcome::Unknown), result });
        }
        book.result(HostIndex(0)).previous_revision.clone()
    }

    /// v2 is what this run deploys, and a lost attempt may have succeeded.
    #[test]
    fn a_host_had_before_the_run_what_its_first_script_found() {
        assert_eq!(had(&[Some("v1"), Some("v2")]).as_deref(), Some("v1"));
        assert_eq!(had(&[Some("v1"), None]).as_deref(), Some("v1"), "not reached again");
        assert_eq!(had(&[Some("-"), None, Some("v2")]), None, "it had none");
        assert_eq!(had(&[None, Some("v1")]).as_deref(), Some("v1"));
    }
}

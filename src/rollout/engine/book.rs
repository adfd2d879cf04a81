//! What is known of every host of a run so far. No decision is taken here, and nothing is waited for.

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
    /// The message and the hint that it had before it was gone.
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

    /// Makes room for hosts that came late.
    pub(super) fn grow(&mut self, roster: &Roster) {
        let new = roster.entries().skip(self.entries.len()).map(|(_, entry)| Entry {
            result: HostResult::skipped(entry.host.id.clone()),
            settled: false,
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

    /// How many hosts had which outcome; those that have none yet are in the total only.
    pub(super) fn summary(&self) -> Summary {
        let settled = self.entries.iter().filter(|entry| entry.settled).map(|entry| entry.result.outcome);
        Summary { total: self.entries.len(), ..Summary::of(settled) }
    }

    /// In a line, for a person.
    pub(super) fn so_far(&self) -> String {
        let summary = self.summary();
        format!("{} of {} hosts succeeded, {} failed", summary.succeeded, summary.total, summary.failures())
    }

    /// The hosts that the checks of single hosts are about: those of the stage that was worked on last that are well.
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

    /// Takes in what an attempt came to.
    pub(super) fn attempt_ended(&mut self, host: HostIndex, attempt: Attempt) {
        let entry = &mut self.entries[host.0];
        let Attempt { end, mut result } = attempt;
        if end == AttemptEnd::NotStarted {
            // The attempt came to nothing: what is known of the host is what was known before.
            return;
        }

        // The host's story is that of all its attempts: it began with the first one.
        let before = &entry.result;
        if let (Some(first), Some(last)) = (before.started, result.started) {
            // A clock that was set back adds nothing.
            result.duration += Duration::try_from(last.duration_since(first)).unwrap_or_default();
        }
        result.started = before.started.or(result.started).or(Some(Timestamp::now()).filter(|_| end.touched()));
        if result.previous_revision.is_none() {
            result.previous_revision.clone_from(&before.previous_revision);
        }
        entry.result = result;
    }

    /// Says why a host that had succeeded has not.
    pub(super) fn blame(&mut self, host: HostIndex, cause: FailureCause, message: String) {
        let result = &mut self.entries[host.0].result;
        result.failure = Some(cause);
        result.message = Some(message);
    }

    /// The same, if nothing graver is known of it.
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
    }

    /// Takes in what an attempt to take a host back came to.
    pub(super) fn undo_ended(&mut self, host: HostIndex, attempt: &UndoAttempt) {
        self.entries[host.0].result.undo = Some(Box::new(attempt.result.clone()));
    }

    /// Says that a hook around taking a host back failed: where it came before, nothing was done; where it came behind,
    /// what was undone is not whole.
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
                UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => {}
            },
        }
    }

    /// The same of a host that was taken back by hand: what became of that is all that became of the host.
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

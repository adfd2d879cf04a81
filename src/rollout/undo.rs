//! Taking one host back to the revision that it had before the run: by the rollback script, or by the deploy itself.
//!
//! It runs under the guard like any deploy, as a run of its own name, so that a host is taken back at most once, and
//! whoever comes later can read how that ended. Which hosts, and in which order, is the dispatcher's to say.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    dispatcher::{AttemptEnd, UndoEnd},
    executor::{Attempt, Executor},
    job::{self, Back},
    outcome::{HostResult, Outcome, UndoOutcome, UndoResult},
};
use crate::{inventory::Host, plan::Plan};

/// What an attempt to take a host back came to.
#[derive(Debug)]
pub(super) struct UndoAttempt {
    pub(super) end: UndoEnd,
    pub(super) result: UndoResult,
}

impl UndoAttempt {
    /// Says that the hook behind it failed: what was undone is not whole.
    pub(super) fn blame(&mut self, why: &str) {
        if self.result.outcome == UndoOutcome::Undone {
            self.result.outcome = UndoOutcome::UndoFailed;
            self.end = UndoEnd::Final(UndoOutcome::UndoFailed);
            self.result.run.message = Some(why.to_owned());
        }
    }
}

/// To which revision a host goes back, if there is anything to go back to.
///
/// # Errors
/// Why there is nothing to be done about this host.
pub(super) fn way_back(plan: &Plan, result: &HostResult) -> Result<Back, &'static str> {
    let revision = result.previous_revision.clone();
    match (&revision, &plan.rollback, result.group) {
        (Some(_), _, _) | (None, Some(_), Some(_)) => Ok(Back { revision }),
        (None, None, Some(_)) => {
            Err("nothing to return to: it had no revision before, and there is no rollback script")
        }
        // The host was never heard.
        (None, _, None) => Err("not known what it had before: contact was lost before it said so"),
    }
}

/// A host that is not taken back, and why.
pub(super) fn not_undone(host: &Host, why: &str) -> UndoAttempt {
    let run = HostResult { message: Some(why.to_owned()), ..HostResult::skipped(host.id.clone()) };
    let result = UndoResult { outcome: UndoOutcome::UndoFailed, revision: None, run };
    UndoAttempt { end: UndoEnd::Final(UndoOutcome::UndoFailed), result }
}

impl Executor {
    /// Makes one attempt to take the host back, after a wait.
    pub(super) async fn undo(self, stage: &str, host: &Host, back: Back, attempt: u32, after: Duration) -> UndoAttempt {
        let job = job::undo(&self.plan, stage, host, attempt, &back);
        let Attempt { end, mut result, touched } = self.attempt(&job, host, attempt, after).await;
        let end = match end {
            AttemptEnd::Final(outcome) => UndoEnd::Final(undone(outcome)),
            // Never started, so it does no harm to try again.
            AttemptEnd::Retryable(outcome) if !touched => UndoEnd::Retryable(undone(outcome)),
            AttemptEnd::Retryable(outcome) => UndoEnd::Final(undone(outcome)),
            AttemptEnd::NotStarted => {
                result.message = Some("not tried: the run was stopped before".to_owned());
                UndoEnd::Final(UndoOutcome::UndoFailed)
            }
        };
        let (UndoEnd::Final(outcome) | UndoEnd::Retryable(outcome)) = end;
        result.started = result.started.or(Some(Timestamp::now()));
        UndoAttempt { end, result: UndoResult { outcome, revision: back.revision, run: result } }
    }
}

/// What the end of an undo's script means for the host.
const fn undone(outcome: Outcome) -> UndoOutcome {
    match outcome {
        Outcome::Succeeded => UndoOutcome::Undone,
        Outcome::Failed | Outcome::Unreachable | Outcome::Gone | Outcome::Skipped => UndoOutcome::UndoFailed,
        Outcome::Unknown => UndoOutcome::UndoUnknown,
    }
}

//! Rolls one host back to the revision that it had before the run, by the rollback script or by the deploy itself.
//!
//! The undo runs under the guard like any deploy, as a run with its own name. So a host is rolled back at most once,
//! and a later client can read how that ended. The dispatcher decides which hosts to roll back, and in which order.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    advice,
    dispatcher::{AttemptEnd, UndoEnd},
    executor::{Attempt, Executor},
    job,
    outcome::{HostResult, Outcome, UndoOutcome, UndoResult},
};
use crate::{
    inventory::{Host, HostId},
    plan::{Back, Plan, Way},
};

/// The result of an attempt to roll a host back.
#[derive(Debug)]
pub(super) struct UndoAttempt {
    pub(super) end: UndoEnd,
    pub(super) result: UndoResult,
}

/// Why nothing is done about a host, and the outcomes that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoWay {
    outcome: UndoOutcome,
    /// The outcome of the script that is not started.
    script: Outcome,
    why: String,
    hint: Option<&'static str>,
}

impl NoWay {
    /// A host that stays as it is.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self { outcome: UndoOutcome::UndoFailed, script: Outcome::Failed, why: why.into(), hint: None }
    }

    /// The attempt that reports this for the host.
    pub(super) fn attempt(self, host: &HostId) -> UndoAttempt {
        let Self { outcome, script, why, hint } = self;
        let hint = hint.map(ToOwned::to_owned);
        let run = HostResult { outcome: script, message: Some(why), hint, ..HostResult::skipped(host.clone()) };
        UndoAttempt { end: UndoEnd::NoWay(outcome), result: UndoResult { outcome, revision: None, run } }
    }
}

/// How a host is rolled back, if there is anything to go back to. Each further of several `tries` at an undo that never
/// started is another attempt on the host.
///
/// # Errors
/// Why nothing can be done about this host.
pub(super) fn way_back(plan: &Plan, result: &HostResult, tries: u32) -> Result<Back, NoWay> {
    let nowhere = "nothing to return to: it had no revision before, and there is no rollback script";
    if let Some(rollback) = plan.rollback_by_hand() {
        return match rollback.ways.get(&result.host) {
            Some(Way::Start(back)) => Ok(Back { attempt: back.attempt + tries - 1, ..back.clone() }),
            Some(Way::Follow(back)) => Ok(back.clone()),
            Some(Way::Nowhere) => Err(NoWay::failed(nowhere)),
            Some(Way::Busy(run)) => Err(NoWay {
                script: Outcome::Unreachable,
                hint: Some("wait for its end, or end it where it was started; then the same command again"),
                ..NoWay::failed(format!("not tried: a script of run {run} is running there"))
            }),
            Some(Way::Silent(why)) => Err(NoWay {
                outcome: UndoOutcome::UndoUnknown,
                script: Outcome::Unreachable,
                why: format!("not asked what it has on record: {why}"),
                hint: Some("the same command again rolls back every host that is not back by then, and no other"),
            }),
            None => Err(NoWay::failed("it is no part of this rollback")),
        };
    }
    let revision = result.previous_revision.clone();
    match (&revision, &plan.rollback, result.group) {
        (Some(_), _, _) | (None, Some(_), Some(_)) => Ok(Back {
            run: plan.run.undo(),
            attempt: tries,
            revision,
            failed: plan.revision().map(ToString::to_string),
        }),
        (None, None, Some(_)) => Err(NoWay::failed(nowhere)),
        // The host was never heard from.
        (None, _, None) => Err(NoWay::failed("not known what it had before: contact was lost before it said so")),
    }
}

impl Executor {
    /// Makes one attempt to roll the host back, after a wait.
    pub(super) async fn undo(self, stage: &str, host: &Host, back: Back, attempt: u32, after: Duration) -> UndoAttempt {
        let plan = Arc::clone(&self.plan);
        let job = job::undo(&plan, stage, host, &back);
        let Attempt { end, mut result } = self.attempt(&job, host, attempt, after).await;
        let end = match end {
            AttemptEnd::Final(outcome) => UndoEnd::Final(undone(outcome)),
            // The script never started, so it does no harm to try again.
            AttemptEnd::Retryable(outcome) if !end.touched() => UndoEnd::Retryable(undone(outcome)),
            AttemptEnd::Retryable(outcome) => UndoEnd::Final(undone(outcome)),
            AttemptEnd::NotStarted => {
                result.message = Some("not tried: the run was stopped before".to_owned());
                UndoEnd::Final(UndoOutcome::UndoFailed)
            }
        };
        let (UndoEnd::Final(outcome) | UndoEnd::Retryable(outcome) | UndoEnd::NoWay(outcome)) = end;
        if outcome == UndoOutcome::UndoUnknown {
            result.hint = Some(advice::look_at_undo(&plan, &back));
        }
        result.started = result.started.or(Some(Timestamp::now()));
        UndoAttempt { end, result: UndoResult { outcome, revision: back.revision, run: result } }
    }
}

/// What the outcome of an undo's script means for the host.
const fn undone(outcome: Outcome) -> UndoOutcome {
    match outcome {
        Outcome::Succeeded => UndoOutcome::Undone,
        Outcome::Failed | Outcome::Unreachable | Outcome::Gone | Outcome::Skipped => UndoOutcome::UndoFailed,
        Outcome::Unknown => UndoOutcome::UndoUnknown,
    }
}

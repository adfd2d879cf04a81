//! How a run ends.

use super::{
    Dispatcher,
    words::{Command, Purpose},
};
use crate::{
    config::OnFailure,
    rollout::outcome::{RunStatus, StopReason, Summary},
};

impl Dispatcher {
    pub(super) fn finish(&self) -> Command {
        let summary = Summary::of(self.fleet.outcomes());
        Command::Finish { status: self.status(&summary), summary }
    }

    /// How the run would end in its current state.
    pub fn status(&self, summary: &Summary) -> RunStatus {
        match self.stopped {
            Some(StopReason::Cancel(cancel)) => cancel.status(),
            Some(
                StopReason::Budget
                | StopReason::StageFailed
                | StopReason::Check
                | StopReason::Approval
                | StopReason::Hook,
            ) => match self.rules.on_failure {
                _ if !self.contacted => RunStatus::Refused,
                OnFailure::Stop => RunStatus::Failed,
                OnFailure::Rollback if self.undo.is_complete() => RunStatus::RolledBack,
                OnFailure::Rollback => RunStatus::RollbackIncomplete,
            },
            None => match self.rules.purpose {
                Purpose::Work => RunStatus::of(summary, self.fleet.budget(), self.blemished),
                Purpose::Rollback if !self.undo.is_complete() => RunStatus::RollbackIncomplete,
                Purpose::Rollback if self.blemished => RunStatus::FinishedWithFailures,
                Purpose::Rollback => RunStatus::Succeeded,
            },
        }
    }
}

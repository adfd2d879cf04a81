//! The outcomes of a host and of a run.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::parts::PartResult;
use crate::{inventory::HostId, transport::ConnectFailure};

/// The outcome of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The script exited 0.
    Succeeded,
    /// It exited non-zero, was killed, or ran out of time.
    Failed,
    /// It never started.
    Unreachable,
    /// It started, then contact was lost, and its end is not known.
    Unknown,
    /// The cloud says that the host no longer exists, or no longer runs.
    Gone,
    /// The host was never tried, because the run stopped first.
    Skipped,
}

impl Outcome {
    /// The outcome when the cloud says that the host no longer exists. A script that failed has failed.
    #[must_use]
    pub const fn when_gone(self) -> Self {
        match self {
            Self::Failed => Self::Failed,
            Self::Succeeded | Self::Unreachable | Self::Unknown | Self::Gone | Self::Skipped => Self::Gone,
        }
    }

    /// Whether this counts against the failure budget.
    pub const fn counts(self) -> bool {
        match self {
            Self::Failed | Self::Unreachable | Self::Unknown => true,
            Self::Succeeded | Self::Gone | Self::Skipped => false,
        }
    }

    /// The outcome as written in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Gone => "gone",
            Self::Skipped => "skipped",
        }
    }
}

/// The outcome of rolling a host back to the revision that it had before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoOutcome {
    /// The host is as it was before.
    Undone,
    /// The host is not as it was before: the undo failed, could not be started, or was not tried.
    UndoFailed,
    /// The undo was started, then contact was lost, and its end is not known.
    UndoUnknown,
}

impl UndoOutcome {
    /// The outcome as written in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undone => "undone",
            Self::UndoFailed => "undo-failed",
            Self::UndoUnknown => "undo-unknown",
        }
    }
}

/// Everything that is known of a host at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostResult {
    /// Which host.
    pub host: HostId,
    /// The host's outcome.
    pub outcome: Outcome,
    /// The script's own exit status, when it exited.
    pub exit_status: Option<u8>,
    /// The signal that ended the script, by name without `SIG`, when one did.
    pub signal: Option<String>,
    /// Why it failed, when it did.
    pub failure: Option<FailureCause>,
    /// One line for people: why it is not `succeeded`. Neutralise before showing.
    pub message: Option<String>,
    /// What to try.
    pub hint: Option<String>,
    /// The script's process group on the host, when it started.
    pub group: Option<u32>,
    /// When a kill was asked for: whether the host confirmed that nothing of the group is left.
    pub killed: Option<Killed>,
    /// The revision the host had before, by its own record.
    pub previous_revision: Option<String>,
    /// How many times the script was or would have been started.
    pub attempts: u32,
    /// How many times contact with the running script was lost and restored, in the last attempt.
    pub reattached: u32,
    /// When the first attempt began.
    pub started: Option<Timestamp>,
    /// From the first attempt's beginning to the end.
    pub duration: Duration,
    /// How long each part of the last attempt took.
    pub phases: Phases,
    /// The parts of the last attempt's script, in order, where it has some.
    pub parts: Vec<PartResult>,
    /// The last lines of standard output; of a script in parts, those of the last part that was begun.
    pub stdout_tail: String,
    /// The last lines of standard error.
    pub stderr_tail: String,
    /// The result of rolling the host back, if that was tried.
    pub undo: Option<Box<UndoResult>>,
}

/// The result of rolling a host back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoResult {
    /// The outcome of the undo.
    pub outcome: UndoOutcome,
    /// The revision that the host was to get back; none if only a rollback script knows.
    pub revision: Option<String>,
    /// The result of the script that rolled the host back.
    pub run: HostResult,
}

impl HostResult {
    /// A host that was never tried.
    pub fn skipped(host: HostId) -> Self {
        Self {
            host,
            outcome: Outcome::Skipped,
            exit_status: None,
            signal: None,
            failure: None,
            message: None,
            hint: None,
            group: None,
            killed: None,
            previous_revision: None,
            attempts: 0,
            reattached: 0,
            started: None,
            duration: Duration::ZERO,
            phases: Phases::default(),
            parts: Vec::new(),
            stdout_tail: String::new(),
            stderr_tail: String::new(),
            undo: None,
        }
    }
}

/// Whether a script that Fleetwide ended is known to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Killed {
    /// The host said that no process of its group is left.
    Confirmed,
    /// The host did not say so.
    Unconfirmed,
}

/// Why a host failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCause {
    /// The script exited non-zero, or a signal from elsewhere ended it.
    Script,
    /// The script ran longer than allowed.
    TimedOut,
    /// The script printed nothing for longer than allowed.
    Idle,
    /// The run was cancelled, and the script with it.
    Cancelled,
    /// The script never started, because this part of the way failed.
    Unreachable(UnreachableCause),
    /// Contact was lost while the script ran.
    Lost,
    /// The script exited 0, but a check says that the host is not well.
    Check,
    /// The script exited 0, but the hook after it failed.
    Hook,
    /// The script waited at a barrier when the run stopped, and was ended there.
    Barrier,
}

/// Which part of the way to a host failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreachableCause {
    /// No session could be opened.
    Connect(ConnectFailure),
    /// The host's guard refused: another run holds the lock, the fence is too low, or there is no place for the record.
    Refused,
    /// The connection ended before the guard started the script.
    BeforeStart,
    /// The hook before it failed, on this machine.
    Hook,
}

/// How long each part of an attempt took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Connection and key exchange.
    pub connect: Option<Duration>,
    /// Login.
    pub auth: Option<Duration>,
    /// The script.
    pub script: Option<Duration>,
}

/// Why nothing new is started any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// More hosts failed than the budget allows.
    Budget,
    /// Every host of a stage failed.
    StageFailed,
    /// A check failed.
    Check,
    /// An approval was refused or not given.
    Approval,
    /// A hook failed that comes before hosts are touched or after a stage.
    Hook,
    /// A signal asked for it; written as the signal alone.
    #[serde(untagged)]
    Cancel(Cancel),
}

/// A signal that asks a run to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cancel {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Cancel {
    /// How a run ends that this signal stopped.
    pub const fn status(self) -> RunStatus {
        match self {
            Self::Interrupt => RunStatus::Interrupted,
            Self::Terminate => RunStatus::Terminated,
        }
    }
}

impl StopReason {
    /// The reason as written in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::StageFailed => "stage-failed",
            Self::Check => "check",
            Self::Approval => "approval",
            Self::Hook => "hook",
            Self::Cancel(Cancel::Interrupt) => "interrupt",
            Self::Cancel(Cancel::Terminate) => "terminate",
        }
    }

    /// True when a signal asked for it; otherwise the run stopped by itself.
    pub const fn is_cancel(self) -> bool {
        match self {
            Self::Cancel(_) => true,
            Self::Budget | Self::StageFailed | Self::Check | Self::Approval | Self::Hook => false,
        }
    }
}

/// How many hosts had each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// All hosts.
    pub total: usize,
    /// Exited 0.
    pub succeeded: usize,
    /// Exited otherwise.
    pub failed: usize,
    /// Never started.
    pub unreachable: usize,
    /// Started, end not known.
    pub unknown: usize,
    /// No longer there.
    #[serde(default)]
    pub gone: usize,
    /// Never tried.
    pub skipped: usize,
}

impl Summary {
    /// Counts outcomes.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut summary = Self::default();
        for outcome in outcomes {
            summary.add(outcome);
        }
        summary
    }

    /// Counts one more.
    pub const fn add(&mut self, outcome: Outcome) {
        self.total += 1;
        *self.with(outcome) += 1;
    }

    /// Removes one that was counted with this outcome.
    pub const fn take_back(&mut self, outcome: Outcome) {
        self.total -= 1;
        *self.with(outcome) -= 1;
    }

    const fn with(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Failed => &mut self.failed,
            Outcome::Unreachable => &mut self.unreachable,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Gone => &mut self.gone,
            Outcome::Skipped => &mut self.skipped,
        }
    }

    /// How many count against the budget.
    pub const fn failures(&self) -> usize {
        self.failed + self.unreachable + self.unknown
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Every host succeeded.
    Succeeded,
    /// Every host was tried; some failed, within the budget.
    FinishedWithFailures,
    /// A check, an approval or a hook refused before the first host: nothing was touched.
    Refused,
    /// Stopped early or over the budget; the fleet is mixed.
    Failed,
    /// Stopped early or over the budget; every touched host is rolled back.
    RolledBack,
    /// Stopped early or over the budget; not every touched host could be rolled back.
    RollbackIncomplete,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl RunStatus {
    /// How a run ended that nothing stopped. A blemished run has not succeeded, even if no host failed.
    pub const fn of(summary: &Summary, budget: usize, blemished: bool) -> Self {
        let there = summary.total - summary.gone;
        let nobody_left = summary.succeeded == 0 && summary.failures() == 0;
        if nobody_left || summary.skipped > 0 || summary.failures() > budget {
            Self::Failed
        } else if summary.succeeded == there && !blemished {
            Self::Succeeded
        } else {
            Self::FinishedWithFailures
        }
    }

    /// The exit code for this status: README.md has the table.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Refused => 6,
            Self::FinishedWithFailures => 7,
            Self::Failed => 8,
            Self::RolledBack => 9,
            Self::RollbackIncomplete => 10,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_written_in_a_word() {
        use StopReason::{Approval, Budget, Check, Hook, StageFailed};
        let cancels = [Cancel::Interrupt, Cancel::Terminate].map(StopReason::Cancel);
        for reason in [Budget, StageFailed, Check, Approval, Hook].into_iter().chain(cancels) {
            let word = serde_json::Value::from(reason.as_str());
            assert_eq!(serde_json::to_value(reason).expect("a word"), word);
            assert_eq!(serde_json::from_value::<StopReason>(word).expect("a reason"), reason);
        }
    }

    #[test]
    fn the_status_follows_outcomes_and_budget() {
        use Outcome::{Failed, Gone, Skipped, Succeeded, Unknown, Unreachable};
        let status = |outcomes: &[Outcome], budget, blemished| {
            RunStatus::of(&Summary::of(outcomes.iter().copied()), budget, blemished).exit_code()
        };
        assert_eq!(status(&[Succeeded, Succeeded], 0, false), 0);
        assert_eq!(status(&[Succeeded, Gone], 0, false), 0);
        assert_eq!(status(&[Succeeded, Succeeded], 0, true), 7);
        assert_eq!(status(&[Succeeded, Failed], 1, false), 7);
        assert_eq!(status(&[Succeeded, Unreachable, Unknown], 1, false), 8);
        assert_eq!(status(&[Succeeded, Failed, Skipped], 1, false), 8);
        assert_eq!(status(&[Failed], 1, false), 7);
        assert_eq!(status(&[Gone], 0, false), 8, "of a fleet that is gone, nothing is deployed");
        assert_eq!(status(&[], 0, false), 8);
    }
}

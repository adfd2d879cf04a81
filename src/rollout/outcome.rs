//! What becomes of a host, and of a run.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{inventory::HostId, transport::ConnectFailure};

/// What became of a host.
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
    /// Never tried, because the run stopped first.
    Skipped,
}

impl Outcome {
    /// True when this counts against the failure budget.
    pub const fn counts(self) -> bool {
        match self {
            Self::Failed | Self::Unreachable | Self::Unknown => true,
            Self::Succeeded | Self::Skipped => false,
        }
    }

    /// The outcome as written in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

/// Everything that is known of a host at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostResult {
    /// Which host.
    pub host: HostId,
    /// What became of it.
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
    /// How many times contact with the running script was lost and had back, in the last attempt.
    pub reattached: u32,
    /// When the first attempt began.
    pub started: Option<Timestamp>,
    /// From the first attempt's beginning to the end.
    pub duration: Duration,
    /// How long each part of the last attempt took.
    pub phases: Phases,
    /// The last lines of standard output.
    pub stdout_tail: String,
    /// The last lines of standard error.
    pub stderr_tail: String,
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
            stdout_tail: String::new(),
            stderr_tail: String::new(),
        }
    }
}

/// Whether a script that we ended is known to be gone.
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
    /// The script exited non-zero, or a signal of somebody else's ended it.
    Script,
    /// It ran longer than it may.
    TimedOut,
    /// It was silent for longer than it may.
    Idle,
    /// The run was cancelled, and the script with it.
    Cancelled,
    /// The script never started; which part of the way failed.
    Unreachable(UnreachableCause),
    /// Contact was lost while the script ran.
    Lost,
}

/// Which part of the way to a host failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreachableCause {
    /// No session could be had.
    Connect(ConnectFailure),
    /// The host's guard refused: another run holds the lock, the fence is too low, no place for the record.
    Refused,
    /// The connection ended before the guard started the script.
    BeforeStart,
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
    /// More hosts failed than may.
    Budget,
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// How many hosts had each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// All of them.
    pub total: usize,
    /// Exited 0.
    pub succeeded: usize,
    /// Exited otherwise.
    pub failed: usize,
    /// Never started.
    pub unreachable: usize,
    /// Started, end not known.
    pub unknown: usize,
    /// Never tried.
    pub skipped: usize,
}

impl Summary {
    /// Counts outcomes.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut summary = Self::default();
        for outcome in outcomes {
            summary.total += 1;
            *match outcome {
                Outcome::Succeeded => &mut summary.succeeded,
                Outcome::Failed => &mut summary.failed,
                Outcome::Unreachable => &mut summary.unreachable,
                Outcome::Unknown => &mut summary.unknown,
                Outcome::Skipped => &mut summary.skipped,
            } += 1;
        }
        summary
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
    /// Stopped early or over the budget; the fleet is mixed.
    Failed,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl RunStatus {
    /// How a run ended that had these outcomes, this budget, and was stopped for this reason.
    pub const fn of(summary: &Summary, max_failures: usize, stopped: Option<StopReason>) -> Self {
        match stopped {
            Some(StopReason::Interrupt) => Self::Interrupted,
            Some(StopReason::Terminate) => Self::Terminated,
            Some(StopReason::Budget) => Self::Failed,
            None if summary.succeeded == summary.total => Self::Succeeded,
            None if summary.failures() <= max_failures && summary.skipped == 0 => Self::FinishedWithFailures,
            None => Self::Failed,
        }
    }

    /// The exit code that says so (DESIGN's table).
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::FinishedWithFailures => 7,
            Self::Failed => 8,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_follows_outcomes_and_budget() {
        use Outcome::{Failed, Skipped, Succeeded, Unknown, Unreachable};
        let status = |outcomes: &[Outcome], budget, stopped| {
            RunStatus::of(&Summary::of(outcomes.iter().copied()), budget, stopped).exit_code()
        };
        assert_eq!(status(&[Succeeded, Succeeded], 0, None), 0);
        assert_eq!(status(&[Succeeded, Failed], 1, None), 7);
        assert_eq!(status(&[Succeeded, Unreachable, Unknown], 1, None), 8);
        assert_eq!(status(&[Succeeded, Failed, Skipped], 1, None), 8);
        assert_eq!(status(&[Failed], 0, Some(StopReason::Budget)), 8);
        assert_eq!(status(&[Succeeded], 0, Some(StopReason::Interrupt)), 130);
        assert_eq!(status(&[Succeeded], 0, Some(StopReason::Terminate)), 143);
    }
}

//! The part of a run's record that describes one host.
//!
//! A host whose `outcome` is `null` has not ended: if `started` is set, it was being worked on; if not, it was
//! untouched.

use jiff::Timestamp;
use provider_core::ProviderName;
use serde::{Deserialize, Serialize};

use super::{record::ms, rollout_record::UndoRecord};
use crate::{
    inventory::{Host, HostId},
    rollout::{
        FailureCause, HostResult, Killed, Outcome, PartOutcome, PartResult, Phases, UndoOutcome, UnreachableCause,
    },
    transport::ConnectFailure,
};

/// All that is known of one host in a run. Text from the host is stored as the host wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The id, unique across clouds.
    pub id: HostId,
    /// The instance's name; not unique.
    pub name: String,
    /// The provider that found it.
    pub provider: ProviderName,
    /// Its region.
    pub region: String,
    /// The address at which it is reached.
    pub address: String,
    /// The stage that it belongs to.
    pub stage: String,
    /// How its work ended; `null` if it has not ended.
    pub outcome: Option<Outcome>,
    /// The script's own exit status, when it exited.
    pub exit_status: Option<u8>,
    /// The signal that ended the script, without `SIG`.
    pub signal: Option<String>,
    /// Why it did not succeed, in a word for programs.
    pub cause: Option<String>,
    /// Why it did not succeed, in a line for people.
    pub message: Option<String>,
    /// What to try.
    pub hint: Option<String>,
    /// The script's process group on the host, once it started.
    pub group: Option<u32>,
    /// If a kill was requested: whether the host confirmed it.
    pub killed: Option<Killed>,
    /// The revision that the host had before.
    pub previous_revision: Option<String>,
    /// The number of attempts.
    pub attempts: u32,
    /// How many times contact with the running script was lost and restored.
    #[serde(default)]
    pub reattached: u32,
    /// When the first attempt began.
    pub started: Option<Timestamp>,
    /// From the start of the first attempt to the end.
    pub duration_ms: Option<u64>,
    /// How long each part of the last attempt took.
    pub phases: PhasesRecord,
    /// The parts of the last attempt's script, in order; empty for a script without parts.
    #[serde(default)]
    pub parts: Vec<PartRecord>,
    /// The last lines of standard output; of a script in parts, those of the last part that started.
    pub stdout_tail: String,
    /// The last lines of standard error.
    pub stderr_tail: String,
    /// The file with all of its output.
    pub log: Option<String>,
    /// The result of rolling it back; `null` if that was not tried.
    #[serde(default)]
    pub undo: Option<UndoRecord>,
}

/// One part of a script on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Its name.
    pub name: String,
    /// `succeeded`, `failed`, `unfinished` or `not-started`.
    pub outcome: PartOutcome,
    /// Its own exit status, when it exited.
    pub exit_status: Option<u8>,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
    /// How long it took; `None` if its end was not observed.
    pub duration_ms: Option<u64>,
}

/// How long each part of an attempt took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhasesRecord {
    /// Connection and key exchange.
    pub connect_ms: Option<u64>,
    /// Login.
    pub auth_ms: Option<u64>,
    /// The script.
    pub script_ms: Option<u64>,
}

impl HostRecord {
    pub(super) fn new(host: &Host, stage: &str) -> Self {
        let instance = &host.instance;
        Self {
            id: host.id.clone(),
            name: instance.name.clone(),
            provider: instance.provider.clone(),
            region: instance.region.clone(),
            address: host.address.host.clone(),
            stage: stage.to_owned(),
            outcome: None,
            exit_status: None,
            signal: None,
            cause: None,
            message: None,
            hint: None,
            group: None,
            killed: None,
            previous_revision: None,
            attempts: 0,
            reattached: 0,
            started: None,
            duration_ms: None,
            phases: PhasesRecord::default(),
            parts: Vec::new(),
            stdout_tail: String::new(),
            stderr_tail: String::new(),
            log: None,
            undo: None,
        }
    }

    /// True when the host is at the wanted revision: the script succeeded, and the host was not rolled back, unless the
    /// rollback was the script's purpose.
    pub fn has_succeeded(&self) -> bool {
        let stayed = self.undo.as_ref().is_none_or(|undo| undo.by_hand && undo.outcome == UndoOutcome::Undone);
        self.outcome == Some(Outcome::Succeeded) && stayed
    }

    /// The rollback that followed the run's own work on the host, if one was tried.
    pub fn undo_after(&self) -> Option<&UndoRecord> {
        self.undo.as_ref().filter(|undo| !undo.by_hand)
    }

    /// True when the host was rolled back, or was to be, after the run's own work there.
    pub fn was_undone_after(&self) -> bool {
        self.undo_after().is_some()
    }

    /// The rollback after the run's own work, if it did not succeed.
    pub fn unhealed(&self) -> Option<&UndoRecord> {
        self.undo_after().filter(|undo| match undo.outcome {
            UndoOutcome::Undone => false,
            UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => true,
        })
    }

    /// The host's final state, in a word: that of the undo, if there was one.
    pub fn word(&self) -> Option<&'static str> {
        match &self.undo {
            Some(undo) => Some(undo.outcome.as_str()),
            None => self.outcome.map(Outcome::as_str),
        }
    }

    /// The result of the run's own work on the host, in a word.
    pub(in crate::report) fn own_word(&self) -> Option<&'static str> {
        if self.was_undone_after() { self.outcome.map(Outcome::as_str) } else { self.word() }
    }

    /// True when a script may still be running there unwatched.
    pub fn may_still_run(&self) -> bool {
        match self.outcome {
            Some(Outcome::Unknown) => self.killed != Some(Killed::Confirmed),
            Some(Outcome::Failed | Outcome::Unreachable | Outcome::Succeeded) => {
                self.killed == Some(Killed::Unconfirmed)
            }
            Some(Outcome::Skipped | Outcome::Gone) => false,
            None => self.started.is_some(),
        }
    }

    /// True when the host refused because another run was at work there. All refusals share one cause; only the message
    /// tells which it was.
    pub(in crate::report) fn was_busy(&self) -> bool {
        let refused = self.cause.as_deref() == Some(cause_word(FailureCause::Unreachable(UnreachableCause::Refused)));
        refused && self.message.as_deref().is_some_and(|message| message.starts_with("the host is busy"))
    }

    /// The host was gone and will be worked on after all, in this stage. Returns its former stage.
    pub(super) fn wait_again(&mut self, stage: &str) -> String {
        (self.outcome, self.cause, self.message, self.hint, self.duration_ms) = (None, None, None, None, None);
        std::mem::replace(&mut self.stage, stage.to_owned())
    }

    /// Enters how the run's work there ended. `by_hand`: the work was the rollback itself.
    pub(super) fn finish(&mut self, result: &HostResult, by_hand: bool) {
        self.outcome = Some(result.outcome);
        self.exit_status = result.exit_status;
        self.signal.clone_from(&result.signal);
        self.cause = result.failure.map(|cause| cause_word(cause).to_owned());
        self.message.clone_from(&result.message);
        self.hint.clone_from(&result.hint);
        self.group = result.group;
        self.killed = result.killed;
        self.previous_revision.clone_from(&result.previous_revision);
        self.attempts = result.attempts;
        self.reattached = result.reattached;
        self.started = result.started;
        self.duration_ms = Some(ms(result.duration));
        self.phases = result.phases.into();
        self.parts = result.parts.iter().map(PartRecord::from).collect();
        self.stdout_tail.clone_from(&result.stdout_tail);
        self.stderr_tail.clone_from(&result.stderr_tail);
        self.undo = result.undo.as_deref().map(|undo| UndoRecord::new(undo, by_hand));
    }
}

impl From<&PartResult> for PartRecord {
    fn from(part: &PartResult) -> Self {
        Self {
            name: part.name.clone(),
            outcome: part.outcome,
            exit_status: part.exit_status,
            signal: part.signal.clone(),
            duration_ms: part.duration.map(ms),
        }
    }
}

impl From<Phases> for PhasesRecord {
    fn from(phases: Phases) -> Self {
        Self { connect_ms: phases.connect.map(ms), auth_ms: phases.auth.map(ms), script_ms: phases.script.map(ms) }
    }
}

/// The cause of a host's failure as one flat list of words, which is easier to match than nested objects.
const fn cause_word(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::Script => "script",
        FailureCause::TimedOut => "timed-out",
        FailureCause::Idle => "idle",
        FailureCause::Cancelled => "cancelled",
        FailureCause::Lost => "lost",
        FailureCause::Check => "check",
        FailureCause::Hook => "hook",
        FailureCause::Barrier => "barrier",
        FailureCause::Unreachable(UnreachableCause::Hook) => "hook-before",
        FailureCause::Unreachable(UnreachableCause::Refused) => "refused-by-host",
        FailureCause::Unreachable(UnreachableCause::BeforeStart) => "lost-before-start",
        FailureCause::Unreachable(UnreachableCause::Connect(failure)) => match failure {
            ConnectFailure::Refused => "connect-refused",
            ConnectFailure::NoRoute => "connect-no-route",
            ConnectFailure::TimedOut => "connect-timed-out",
            ConnectFailure::NameNotFound => "connect-name-not-found",
            ConnectFailure::HostKeyChanged => "host-key-changed",
            ConnectFailure::HostKeyUnknown => "host-key-unknown",
            ConnectFailure::LoginRefused => "login-refused",
            ConnectFailure::ClosedEarly => "closed-early",
            ConnectFailure::TooManyLogins => "too-many-logins",
            ConnectFailure::Banned => "banned",
            ConnectFailure::TooManySessions => "too-many-sessions",
            ConnectFailure::ForwardingRefused => "forwarding-refused",
            ConnectFailure::NoCommonAlgorithm => "no-common-algorithm",
            ConnectFailure::LocalSsh => "local-ssh",
            ConnectFailure::Halted => "halted",
            ConnectFailure::Other => "connect-failed",
        },
    }
}

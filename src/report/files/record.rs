//! The record of a run: what `--report FILE` holds, and what every screen about a run is drawn from.
//!
//! Its JSON is a promise: a changed or removed field is a new [`SCHEMA`]. A host whose `outcome` is
//! `null` has not ended: it was being worked on when `started` is set, and not yet touched when not.
//! A run whose `finished` is `null` has not ended either; its `status` is `running`, or why it is being ended.
//! Writing it to a file is `record_file`'s work.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use provider_core::{FailureKind, Instance, ProviderName, Scope, ScopeError};
use serde::{Deserialize, Serialize};

use super::rollout_record::{RolloutRecord, UndoRecord};
use crate::{
    inventory::{Host, HostId},
    plan::{Goal, Plan, Revision, RunId},
    rollout::{
        EventKind, FailureCause, HostResult, Killed, Outcome, PartOutcome, PartResult, Phases, RunStatus, SCHEMA,
        StopReason, Summary, UndoOutcome, UnreachableCause, with_last_line,
    },
    transport::ConnectFailure,
};

/// All that is known of a run, at its end or on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this shape.
    pub schema: u32,
    /// Which run.
    pub run: RunId,
    /// The target's name.
    pub target: String,
    /// What was deployed; `null` for an ad hoc command.
    pub revision: Option<Revision>,
    /// The ad hoc command, as a person would type it; `null` for a deploy.
    #[serde(default)]
    pub command: Option<String>,
    /// What was undone by hand; `null` for anything but a rollback.
    #[serde(default)]
    pub rollback: Option<RollbackRecord>,
    /// How many hosts the target has, when only some of them were chosen.
    #[serde(default)]
    pub narrowed_from: Option<usize>,
    /// How far it got; while it is being ended, already why.
    pub status: Status,
    /// The exit code; `null` while it goes on.
    pub exit_code: Option<u8>,
    /// When the first host was about to be touched.
    pub started: Timestamp,
    /// When the last host was done with.
    pub finished: Option<Timestamp>,
    /// How many hosts were allowed to fail.
    pub max_failures: usize,
    /// Why nothing new was started any more, in a word; `null` when nothing stopped the run.
    #[serde(default)]
    pub stopped_by: Option<String>,
    /// When that was.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
    /// Every host of the plan, in its order; behind them those that came late.
    pub hosts: Vec<HostRecord>,
    /// What happened between and around the hosts: stages, checks, approvals, hooks.
    #[serde(default)]
    pub rollout: RolloutRecord,
    /// Scopes that could not be read, in a run that was told to go on without them.
    pub missing_scopes: Vec<MissingScope>,
    /// Instances that were left out because they have no wanted address.
    pub skipped_unaddressed: Vec<SkippedInstance>,
}

/// What a rollback by hand was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRecord {
    /// The run that was undone; `null` where hosts were taken to a revision whatever run they had theirs of.
    pub run: Option<RunId>,
    /// The revision that they were taken to; `null` where each got back its own.
    pub to: Option<Revision>,
}

/// How far a run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It goes on, or was killed before it could say otherwise.
    Running,
    /// See [`RunStatus::Succeeded`].
    Succeeded,
    /// See [`RunStatus::FinishedWithFailures`].
    FinishedWithFailures,
    /// See [`RunStatus::Refused`].
    Refused,
    /// See [`RunStatus::Failed`].
    Failed,
    /// See [`RunStatus::RolledBack`].
    RolledBack,
    /// See [`RunStatus::RollbackIncomplete`].
    RollbackIncomplete,
    /// See [`RunStatus::Interrupted`].
    Interrupted,
    /// See [`RunStatus::Terminated`].
    Terminated,
}

impl Status {
    /// The status as written in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::FinishedWithFailures => "finished-with-failures",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::RollbackIncomplete => "rollback-incomplete",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

impl From<RunStatus> for Status {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Succeeded => Self::Succeeded,
            RunStatus::FinishedWithFailures => Self::FinishedWithFailures,
            RunStatus::Refused => Self::Refused,
            RunStatus::Failed => Self::Failed,
            RunStatus::RolledBack => Self::RolledBack,
            RunStatus::RollbackIncomplete => Self::RollbackIncomplete,
            RunStatus::Interrupted => Self::Interrupted,
            RunStatus::Terminated => Self::Terminated,
        }
    }
}

/// All that is known of one host in a run. Text from the host is as the host wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The id, unique across clouds.
    pub id: HostId,
    /// The instance's name; not unique.
    pub name: String,
    /// Which provider found it.
    pub provider: ProviderName,
    /// Where it is.
    pub region: String,
    /// The address by which it is reached.
    pub address: String,
    /// The stage that it belongs to.
    pub stage: String,
    /// What became of it; `null` when it has not ended.
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
    /// When a kill was asked for: whether the host confirmed it.
    pub killed: Option<Killed>,
    /// The revision that the host had before.
    pub previous_revision: Option<String>,
    /// How many times it was tried.
    pub attempts: u32,
    /// How many times contact with the running script was lost and had back.
    #[serde(default)]
    pub reattached: u32,
    /// When the first attempt began.
    pub started: Option<Timestamp>,
    /// From the first attempt's beginning to the end.
    pub duration_ms: Option<u64>,
    /// How long each part of the last attempt took.
    pub phases: PhasesRecord,
    /// The parts of the last attempt's script, in order, where it has some.
    #[serde(default)]
    pub parts: Vec<PartRecord>,
    /// The last lines of standard output; of a script in parts, those of the last one that was begun.
    pub stdout_tail: String,
    /// The last lines of standard error.
    pub stderr_tail: String,
    /// The file with all of its output.
    pub log: Option<String>,
    /// What became of taking it back; `null` where that was not tried.
    #[serde(default)]
    pub undo: Option<UndoRecord>,
}

/// One part of a script on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// What it is called.
    pub name: String,
    /// `succeeded`, `failed`, `unfinished` or `not-started`.
    pub outcome: PartOutcome,
    /// Its own exit status, when it exited.
    pub exit_status: Option<u8>,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
    /// How long it took; none where that was not seen.
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

/// A scope that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingScope {
    /// What was asked.
    pub scope: Scope,
    /// What sort of failure it was, in a word for programs.
    pub kind: String,
    /// What happened.
    pub message: String,
}

/// An instance that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedInstance {
    /// The id, unique across clouds.
    pub id: HostId,
    /// Its name.
    pub name: String,
}

/// What discovery could not give, in a run that was told to go on without it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gaps<'a> {
    /// Scopes that could not be read.
    pub missing_scopes: &'a [ScopeError],
    /// Instances without a wanted address.
    pub unaddressed: &'a [Instance],
}

impl Record {
    /// The record of a run in which nothing was touched yet.
    pub fn new(plan: &Plan, gaps: Gaps<'_>, now: Timestamp) -> Self {
        let hosts =
            plan.stages.iter().flat_map(|stage| stage.hosts.iter().map(|host| HostRecord::new(host, &stage.name)));
        Self {
            schema: SCHEMA,
            run: plan.run,
            target: plan.target.clone(),
            revision: plan.revision().cloned(),
            command: plan.command(),
            rollback: plan.rollback_by_hand().map(|it| RollbackRecord { run: it.goal.run, to: it.goal.to.clone() }),
            narrowed_from: plan.narrowed_from,
            status: Status::Running,
            exit_code: None,
            started: now,
            finished: None,
            max_failures: plan.budget(),
            stopped_by: None,
            stopped_at: None,
            rollout: RolloutRecord::of(plan),
            hosts: hosts.collect(),
            missing_scopes: gaps.missing_scopes.iter().map(MissingScope::from).collect(),
            skipped_unaddressed: gaps.unaddressed.iter().map(SkippedInstance::from).collect(),
        }
    }

    /// How many hosts had which outcome; those that have not ended are in the total only, and so are those that had
    /// succeeded and were, or were to be, taken back.
    pub fn summary(&self) -> Summary {
        let ended = Summary::of(self.hosts.iter().filter_map(|host| host.outcome));
        let succeeded = self.hosts.iter().filter(|host| host.has_succeeded()).count();
        Summary { total: self.hosts.len(), succeeded, ..ended }
    }

    /// Why the run stopped by itself, in a line: the check, the approval or the hook that said no.
    pub fn objection(&self) -> Option<String> {
        let pause = self.rollout.pauses.iter().rev().find_map(|pause| pause.message.clone());
        let hook = || {
            let hook = self.rollout.hooks.iter().rev().find(|hook| hook.host.is_none() && hook.failure.is_some())?;
            let failure = with_last_line(hook.failure.as_deref().unwrap_or_default(), &hook.output);
            Some(format!("hook {}: {failure}", hook.hook))
        };
        match self.stopped_by.as_deref() {
            Some("check" | "approval") => pause,
            Some("hook") => hook(),
            Some(_) | None => None,
        }
    }

    /// From the run's beginning to its end.
    pub fn duration(&self) -> Option<Duration> {
        self.finished.map(|finished| finished.duration_since(self.started).unsigned_abs())
    }
}

impl RollbackRecord {
    /// The same as a plan has it.
    pub(in crate::report) fn goal(&self) -> Goal {
        Goal { run: self.run, to: self.to.clone() }
    }
}

impl HostRecord {
    fn new(host: &Host, stage: &str) -> Self {
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

    /// True when it is at the revision that was wanted: the script went well, and nobody took the host back, unless that
    /// was what the script was for.
    pub fn has_succeeded(&self) -> bool {
        let stayed = self.undo.as_ref().is_none_or(|undo| undo.by_hand && undo.outcome == UndoOutcome::Undone);
        self.outcome == Some(Outcome::Succeeded) && stayed
    }

    /// What is known of taking it back after the run's own work there, where that was tried.
    pub fn undo_after(&self) -> Option<&UndoRecord> {
        self.undo.as_ref().filter(|undo| !undo.by_hand)
    }

    /// True when it was, or was to be, taken back after the run's own work there.
    pub fn was_undone_after(&self) -> bool {
        self.undo_after().is_some()
    }

    /// What is known of taking it back, when it was not taken back.
    pub fn unhealed(&self) -> Option<&UndoRecord> {
        self.undo_after().filter(|undo| match undo.outcome {
            UndoOutcome::Undone => false,
            UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => true,
        })
    }

    /// What became of it at last, in a word: of the undo, where there was one.
    pub fn word(&self) -> Option<&'static str> {
        match &self.undo {
            Some(undo) => Some(undo.outcome.as_str()),
            None => self.outcome.map(Outcome::as_str),
        }
    }

    /// What became of it in the run's own work, in a word.
    pub(in crate::report) fn own_word(&self) -> Option<&'static str> {
        if self.was_undone_after() { self.outcome.map(Outcome::as_str) } else { self.word() }
    }

    /// True when a script may still be running there that nobody watches.
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

    /// True when the host refused because another run was at work there. Of refusals there is one
    /// cause only; which one it was is in the words.
    pub(in crate::report) fn was_busy(&self) -> bool {
        let refused = self.cause.as_deref() == Some(cause_word(FailureCause::Unreachable(UnreachableCause::Refused)));
        refused && self.message.as_deref().is_some_and(|message| message.starts_with("the host is busy"))
    }

    fn finish(&mut self, result: &HostResult) {
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
        self.undo = result.undo.as_deref().map(UndoRecord::from);
    }
}

/// Keeps a record true to a run's events.
#[derive(Debug)]
pub(in crate::report) struct Places(HashMap<HostId, usize>);

impl Places {
    /// Where each host stands in `record`.
    pub(in crate::report) fn of(record: &Record) -> Self {
        Self(record.hosts.iter().enumerate().map(|(place, host)| (host.id.clone(), place)).collect())
    }

    /// `id`'s part of `record`.
    pub(in crate::report) fn host<'r>(&self, record: &'r mut Record, id: &HostId) -> Option<&'r mut HostRecord> {
        self.0.get(id).and_then(|place| record.hosts.get_mut(*place))
    }

    /// Enters what `kind` says into `record`; true when that changed it.
    pub(in crate::report) fn enter(&mut self, record: &mut Record, kind: &EventKind<'_>, at: Timestamp) -> bool {
        let of_rollout = record.rollout.enter(kind, at);
        match kind {
            EventKind::FleetSighted { joined, .. } => {
                for (host, stage) in *joined {
                    self.0.insert(host.id.clone(), record.hosts.len());
                    record.hosts.push(HostRecord::new(host, stage));
                }
            }
            EventKind::RunStarted { .. } => record.started = at,
            EventKind::HostConnecting { host, attempt } => {
                let Some(host) = self.host(record, host) else { return false };
                host.started.get_or_insert(at);
                host.attempts = *attempt;
            }
            EventKind::ScriptStarted { host, group } => {
                let Some(host) = self.host(record, host) else { return false };
                host.group = Some(*group);
            }
            EventKind::HostLost { host, message } => {
                let Some(host) = self.host(record, host) else { return false };
                host.message = Some((*message).to_owned());
            }
            EventKind::HostReattached { host, .. } => {
                let Some(host) = self.host(record, host) else { return false };
                host.message = None;
                host.reattached += 1;
            }
            EventKind::HostRetrying { host, message, .. } => {
                let Some(host) = self.host(record, host) else { return false };
                host.message = Some((*message).to_owned());
            }
            EventKind::HostFinished { result } | EventKind::HostUndone { result } => {
                let by_hand = record.rollback.is_some();
                let Some(host) = self.host(record, &result.host) else { return false };
                host.finish(result);
                if let Some(undo) = &mut host.undo {
                    undo.by_hand = by_hand;
                }
            }
            EventKind::RunFinished { status, .. } => {
                record.status = (*status).into();
                record.exit_code = Some(status.exit_code());
                record.finished = Some(at);
            }
            // Said now: whoever asks us to end may not let us live to say more.
            EventKind::Stopping { reason, .. } => {
                record.stopped_by = Some(reason.as_str().to_owned());
                record.stopped_at.get_or_insert(at);
                match reason {
                    StopReason::Interrupt => record.status = Status::Interrupted,
                    StopReason::Terminate => record.status = Status::Terminated,
                    StopReason::Budget
                    | StopReason::StageFailed
                    | StopReason::Check
                    | StopReason::Approval
                    | StopReason::Hook => {}
                }
            }
            _ => return of_rollout,
        }
        true
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

impl From<&ScopeError> for MissingScope {
    fn from(error: &ScopeError) -> Self {
        Self { scope: error.scope.clone(), kind: kind_word(error.kind).to_owned(), message: error.message.clone() }
    }
}

impl From<&Instance> for SkippedInstance {
    fn from(instance: &Instance) -> Self {
        Self { id: HostId::new(&instance.provider, &instance.id), name: instance.name.clone() }
    }
}

/// Whole milliseconds.
pub(in crate::report) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Why a host did not succeed, in one flat list of words: easier to match than nested objects.
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

/// What sort of failure a scope had, in a word for programs.
pub(in crate::report) const fn kind_word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Credentials => "credentials",
        FailureKind::Denied => "denied",
        FailureKind::Throttled => "throttled",
        FailureKind::TimedOut => "timed-out",
        FailureKind::Unreachable => "unreachable",
        FailureKind::Scope => "scope",
        FailureKind::BadAnswer => "bad-answer",
        FailureKind::Service => "service",
        FailureKind::Configuration => "configuration",
    }
}

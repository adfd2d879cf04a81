//! The record of a run: the content of `--report FILE`, and the source of every screen about a run.
//!
//! Its JSON is a promise: changing or removing a field needs a new [`SCHEMA`]. A run whose `finished` is `null` has not
//! ended; its `status` is `running`, or the reason why it is being ended. `record_file` writes the record to a file.

use std::time::Duration;

use jiff::Timestamp;
use provider_core::{FailureKind, Instance, Scope, ScopeError};
use serde::{Deserialize, Serialize};

use super::{host_record::HostRecord, hosts::Hosts, rollout_record::RolloutRecord};
use crate::{
    inventory::HostId,
    plan::{Goal, Plan, Revision, RunId},
    rollout::{RunStatus, SCHEMA, Summary, with_last_line},
};

/// All that is known of a run, finished or under way.
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
    /// How far it got; the reason for the end as soon as it is being ended.
    pub status: Status,
    /// The exit code; `null` while the run goes on.
    pub exit_code: Option<u8>,
    /// When the run was about to touch its first host.
    pub started: Timestamp,
    /// When the last host had finished.
    pub finished: Option<Timestamp>,
    /// How many hosts may fail.
    pub max_failures: usize,
    /// Why the run stopped starting new work, in a word; `null` when nothing stopped it.
    #[serde(default)]
    pub stopped_by: Option<String>,
    /// When that was.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
    /// Every host of the plan, in its order, followed by those that joined late.
    pub hosts: Hosts,
    /// What happened between and around the hosts: stages, checks, approvals, hooks.
    #[serde(default)]
    pub rollout: RolloutRecord,
    /// Scopes that could not be read, in a run allowed to go on without them.
    pub missing_scopes: Vec<MissingScope>,
    /// Instances left out because they have none of the wanted addresses.
    pub skipped_unaddressed: Vec<SkippedInstance>,
}

/// The goal of a rollback by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRecord {
    /// The run that was undone; `null` where the goal was a revision, whichever run had deployed the present one.
    pub run: Option<RunId>,
    /// The revision that the hosts were taken to; `null` where each returned to its own previous one.
    pub to: Option<Revision>,
}

/// How far a run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The run goes on, or was killed before it could record its end.
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

/// A scope that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingScope {
    /// The scope that was queried.
    pub scope: Scope,
    /// The kind of failure, in a word for programs.
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

/// The gaps in discovery, in a run allowed to go on with them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gaps<'a> {
    /// Scopes that could not be read.
    pub missing_scopes: &'a [ScopeError],
    /// Instances with none of the wanted addresses.
    pub unaddressed: &'a [Instance],
}

impl Record {
    /// The record of a run that has touched nothing yet.
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

    /// The number of hosts with each outcome. Hosts that have not ended count only in the total; so do hosts that
    /// succeeded and were then rolled back, or were to be.
    pub fn summary(&self) -> Summary {
        let ended = Summary::of(self.hosts.iter().filter_map(|host| host.outcome));
        let succeeded = self.hosts.iter().filter(|host| host.has_succeeded()).count();
        Summary { total: self.hosts.len(), succeeded, ..ended }
    }

    /// Why the run stopped by itself, in a line: the check, the approval or the hook that failed.
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
    /// The same, as a plan's type.
    pub(in crate::report) fn goal(&self) -> Goal {
        Goal { run: self.run, to: self.to.clone() }
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

/// The kind of a scope's failure, in a word for programs.
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

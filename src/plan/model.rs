//! The plan: what runs, where, in which order and under which policy.

use std::{collections::BTreeMap, fmt, num::NonZeroUsize, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{mask::Mask, rollback::Rollback, survey::Tally};
use crate::{
    config::{AppName, Check, FailureLimit, Label, LateHosts, OnFailure, OnLost, OnStop, Part, Secret},
    guard::Input,
    inventory::Host,
};

/// Everything that a rollout needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// This run's id.
    pub run: RunId,
    /// The target's name.
    pub target: String,
    /// What means it on a command line: its name, and the flags that make it what it is.
    pub target_words: String,
    /// The application, which names lock and state on every host.
    pub app: AppName,
    /// What is run.
    pub work: Work,
    /// Arguments for the script or command.
    pub args: Vec<String>,
    /// The input of a command, the same on every host.
    pub input: Option<Input>,
    /// Environment for it, the same on every host.
    pub env: BTreeMap<String, String>,
    /// Environment for it that must never be shown.
    pub secrets: BTreeMap<String, Secret>,
    /// The steps, in order; each stage once.
    pub steps: Vec<PlanStep>,
    /// The hosts, stage by stage.
    pub stages: Vec<Stage>,
    /// The checks that the steps name.
    pub checks: BTreeMap<Label, Check>,
    /// The script that rolls a host back. Default: the deploy again, with the host's previous revision.
    pub rollback: Option<Script>,
    /// How many hosts the target has, when only some of them were chosen.
    pub narrowed_from: Option<usize>,
    /// How many hosts have which revision on record, if they were asked.
    pub found: Option<Tally>,
    /// The policy.
    pub policy: Policy,
}

impl Plan {
    /// Every host, in the order of the stages.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.stages.iter().flat_map(|stage| &stage.hosts)
    }

    /// The parts of a deploy; empty if it has none.
    pub fn parts(&self) -> &[Part] {
        match &self.work {
            Work::Deploy { payload: Payload::Parts(parts), .. } => parts,
            // A rollback of a host waits for no other host.
            Work::Deploy { payload: Payload::Script(_), .. } | Work::Rollback(_) | Work::Command(_) => &[],
        }
    }

    /// What keeps its secrets out of what scripts print.
    pub fn mask(&self) -> Mask {
        Mask::of(self.secrets.values())
    }

    /// How many barriers each host waits at.
    pub fn barriers(&self) -> usize {
        self.parts().iter().filter(|part| part.barrier).count()
    }

    /// The command as a person would type it; `None` for a deploy or a rollback.
    pub fn command(&self) -> Option<String> {
        match &self.work {
            Work::Deploy { .. } | Work::Rollback(_) => None,
            Work::Command(line) if line == Work::ARGUMENTS => {
                Some(self.args.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
            }
            Work::Command(line) => Some(line.clone()),
        }
    }

    /// The revision that all hosts are to have, if there is one.
    pub const fn revision(&self) -> Option<&Revision> {
        match &self.work {
            Work::Deploy { revision, .. } => Some(revision),
            Work::Rollback(rollback) => rollback.goal.to.as_ref(),
            Work::Command(_) => None,
        }
    }

    /// The manual rollback, if this is one.
    pub const fn rollback_by_hand(&self) -> Option<&Rollback> {
        match &self.work {
            Work::Rollback(rollback) => Some(rollback),
            Work::Deploy { .. } | Work::Command(_) => None,
        }
    }
}

/// What runs on every host.
#[derive(Clone, Debug)]
pub enum Work {
    /// A deploy script, under the host's lock and with a record there.
    Deploy {
        /// What is being deployed.
        revision: Revision,
        /// What runs to deploy it.
        payload: Payload,
    },
    /// A manual rollback: each host runs a script that is recorded there.
    Rollback(Rollback),
    /// An ad hoc command for the host's `sh`, not recorded.
    Command(String),
}

/// What runs on a host for a deploy.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A script.
    Script(Script),
    /// Named parts for the host's `sh`, one after the other.
    Parts(Arc<[Part]>),
}

impl Work {
    /// The command that consists of its arguments, taken literally.
    pub const ARGUMENTS: &str = "\"$@\"";
}

/// A word as a shell reads it, for people to copy.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The deploy script, as read from this machine.
#[derive(Clone)]
pub struct Script {
    /// Its file's name.
    pub name: String,
    /// Its bytes, sent to every host.
    pub bytes: Arc<[u8]>,
    /// The SHA-256 of the bytes, in hex.
    pub sha256: String,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("name", &self.name).field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanStep {
    /// Deploy to the hosts of this stage, counted from 0.
    Stage(usize),
    /// Wait, check or ask; go on if it succeeds.
    Pause(Pause),
}

/// What happens between stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pause {
    /// A wait during which these checks must keep passing.
    Soak {
        /// How long.
        time: Duration,
        /// The checks to watch.
        checks: Vec<Label>,
    },
    /// Checks that must pass.
    Check(Vec<Label>),
    /// A person's approval, and the name of the approver.
    Approve(Label),
}

impl Pause {
    /// The checks that it names.
    pub fn checks(&self) -> &[Label] {
        match self {
            Self::Soak { checks, .. } | Self::Check(checks) => checks,
            Self::Approve(_) => &[],
        }
    }
}

/// The hosts that one step adds.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name in the report: the size of its step (`1`, `10%`), or `all`.
    pub name: String,
    /// Its hosts.
    pub hosts: Vec<Arc<Host>>,
}

/// How the work is carried out.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Policy {
    /// How many hosts are in progress at once.
    pub concurrency: NonZeroUsize,
    /// How many SSH handshakes are in progress at once.
    pub handshakes: NonZeroUsize,
    /// Whether a stage begins with one host at a time, and doubles.
    pub slow_start: bool,
    /// How many hosts may fail; one more, and nothing new starts.
    pub max_failures: FailureLimit,
    /// Whether a stage in which every host failed stops the run, whatever the budget.
    pub stage_must_succeed: bool,
    /// What happens to running scripts when the run stops by itself.
    pub on_stop: OnStop,
    /// What happens to touched hosts then.
    pub on_failure: OnFailure,
    /// What happens to hosts that appear during the run.
    pub late_hosts: LateHosts,
    /// How long to wait for an approval.
    pub approve_timeout: Duration,
    /// How often a host is tried again if its script never started.
    pub retries: u32,
    /// Whether the script runs as root.
    pub sudo: bool,
    /// The script may be started again after a lost connection.
    pub idempotent: bool,
    /// What the script does when contact is lost.
    pub on_lost: OnLost,
    /// How long things may take.
    pub limits: Limits,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The script's time; the host enforces it too.
    pub script: Duration,
    /// How long the script may print nothing.
    pub idle: Option<Duration>,
    /// From TERM to KILL.
    pub kill_grace: Duration,
}

/// One execution of a plan: a ULID, so that ids sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Ulid);

impl RunId {
    /// An id for a run that starts now.
    pub fn new() -> Self {
        Self(Ulid::new())
    }

    /// When the run was started, in milliseconds since 1970; also its fence until a store gives one.
    pub const fn started_ms(self) -> u64 {
        self.0.timestamp_ms()
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = ulid::DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ulid::from_string(text).map(Self)
    }
}

/// What is being deployed: a commit id, a version. Opaque, but one word: it is shown in tables and is part of one line
/// in the host's record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision(String);

impl Revision {
    /// The revision as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Revision {
    type Err = BadRevision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = !text.is_empty() && text.len() <= 200 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if good { Ok(Self(text.to_owned())) } else { Err(BadRevision(text.to_owned())) }
    }
}

impl TryFrom<String> for Revision {
    type Error = BadRevision;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is not a revision.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a revision: it must be one word of at most 200 characters")]
pub struct BadRevision(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_reads_them() {
        assert_eq!(quoted("--tag=role=web"), "--tag=role=web");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}

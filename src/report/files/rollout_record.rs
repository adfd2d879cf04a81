//! What happened in a run between and around its hosts: stages, pauses, answers of checks, hooks, and later answers of
//! the clouds. It is part of the record, and like the record a promise.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    record::ms,
    samples::{Samples, Thinning},
};
use crate::{
    config::{Label, Probe, PromqlProbe},
    inventory::HostId,
    plan::{Pause, Plan},
    rollout::{EventKind, HostResult, PauseEnd, Sample, UndoOutcome, UndoResult, Verdict},
};

/// All of these, each list in the order of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// The plan's stages.
    pub stages: Vec<StageRecord>,
    /// The soaks, checks and approvals between stages.
    pub pauses: Vec<PauseRecord>,
    /// The answers of checks; a selection if there are many (see [`Samples`]).
    pub samples: Samples,
    /// The checks themselves.
    #[serde(default)]
    pub checks: Vec<CheckRecord>,
    /// Scripts on this machine.
    pub hooks: Vec<HookRecord>,
    /// What the clouds answered when they were queried again.
    pub sightings: Vec<SightingRecord>,
    /// When the rollback started; `null` if there was none.
    pub undo_started: Option<Timestamp>,
}

// `value` is a finite number or `None`, never NaN.
impl Eq for RolloutRecord {}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The size of its step, or `all`.
    pub name: String,
    /// The number of its hosts, late ones included.
    pub hosts: usize,
    /// When it started; `null` if it did not.
    pub started: Option<Timestamp>,
}

/// What stood between stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRecord {
    /// The step of the plan, counted from 0.
    pub step: usize,
    /// Its kind: `soak`, `check` or `approve`.
    pub kind: String,
    /// The names of its checks or its approver.
    pub names: Vec<String>,
    /// The configured time in milliseconds; `null` if it is not a soak.
    pub soak_ms: Option<u64>,
    /// When it started.
    pub started: Timestamp,
    /// When it ended; `null` while it goes on.
    pub ended: Option<Timestamp>,
    /// How it ended: `passed`, `check-failed`, `refused`, or `given-up` when the run stopped meanwhile; `null` while it
    /// goes on.
    pub end: Option<String>,
    /// Why it did not pass, if it did not.
    pub message: Option<String>,
    /// Who or what approved.
    pub approved_by: Option<String>,
}

/// A check that the plan names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Its name.
    pub name: String,
    /// Its kind: `http`, `tcp`, `command`, `remote` or `promql`.
    pub kind: String,
    /// The condition on its number, as in `< 5`; `null` if it gives no number.
    pub pass_if: Option<String>,
    /// How many answers came.
    #[serde(default)]
    pub answers: usize,
    /// How many of them were bad.
    #[serde(default)]
    pub bad: usize,
    /// How many of them the samples lack, because there was no room.
    #[serde(default)]
    pub left_out: usize,
}

/// An answer to a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// The name of the check.
    pub check: String,
    /// The host that was checked; `null` if the check is about all hosts.
    pub host: Option<HostId>,
    /// When it came.
    pub at: Timestamp,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Whether the answer is good.
    pub verdict: Verdict,
    /// The answered number, if there was one.
    pub value: Option<f64>,
    /// The answer in one line. Foreign text.
    pub text: String,
}

/// A script on this machine that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// Its key in the configuration file.
    pub hook: String,
    /// The host that the hook ran for; `null` if it ran for the run or a stage.
    pub host: Option<HostId>,
    /// When it ended.
    pub at: Timestamp,
    /// Why it did not succeed; `null` if it did.
    pub failure: Option<String>,
    /// Its last lines, if it did not succeed.
    pub output: String,
}

/// An answer of the clouds during the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightingRecord {
    /// When.
    pub at: Timestamp,
    /// New hosts.
    pub joined: Vec<HostId>,
    /// Hosts that no longer exist.
    pub gone: Vec<HostId>,
    /// Why nothing is known, if the clouds could not be queried.
    pub error: Option<String>,
}

/// The result of rolling a host back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRecord {
    /// `undone`, `undo-failed` or `undo-unknown`.
    pub outcome: UndoOutcome,
    /// The rollback was all that this run did on the host: a rollback by hand. The host's own fields then describe it.
    #[serde(default)]
    pub by_hand: bool,
    /// The revision that the host was to return to.
    pub revision: Option<String>,
    /// The undo's own exit status, when it exited.
    pub exit_status: Option<u8>,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
    /// Why it did not succeed, in a line for people.
    pub message: Option<String>,
    /// What to try.
    pub hint: Option<String>,
    /// The number of attempts.
    pub attempts: u32,
    /// When it started.
    pub started: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: u64,
    /// The last lines of its standard output.
    pub stdout_tail: String,
    /// The last lines of its standard error.
    pub stderr_tail: String,
    /// The file with all of its output; `null` in a rollback by hand, where the host's own log holds it.
    #[serde(default)]
    pub log: Option<String>,
}

impl RolloutRecord {
    /// The record of a run that has not started.
    pub(super) fn of(plan: &Plan) -> Self {
        let stage = |stage: &crate::plan::Stage| StageRecord {
            name: stage.name.clone(),
            hosts: stage.hosts.len(),
            started: None,
        };
        let checks = plan.checks.iter().map(|(name, check)| CheckRecord::new(name, &check.probe));
        Self { stages: plan.stages.iter().map(stage).collect(), checks: checks.collect(), ..Self::default() }
    }

    /// Enters the answer of a check.
    pub(super) fn hear(&mut self, sample: SampleRecord, thinning: &mut Thinning, hosts: usize) {
        let place = self.samples.heard();
        let gone = thinning.hear(place, &sample, hosts);
        if let Some(check) = self.checks.iter_mut().find(|check| check.name == sample.check) {
            check.answers += 1;
            check.bad += usize::from(sample.verdict == Verdict::Unwell);
            check.left_out += gone.len();
        }
        self.samples.push(sample);
        for place in gone {
            self.samples.remove(place);
        }
    }

    /// Moves one host from the stage of this name to the last stage.
    pub(super) fn moved(&mut self, from: &str) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == from) {
            stage.hosts -= 1;
        }
        if let Some(last) = self.stages.last_mut() {
            last.hosts += 1;
        }
    }

    /// Enters an event; true when it belongs in this part of the record.
    pub(super) fn enter(&mut self, kind: &EventKind<'_>, at: Timestamp) -> bool {
        match kind {
            EventKind::StageStarted { stage, .. } => {
                if let Some(stage) = self.stages.get_mut(*stage) {
                    stage.started.get_or_insert(at);
                }
            }
            EventKind::PauseStarted { step, pause } => self.pauses.push(PauseRecord::new(*step, pause, at)),
            EventKind::Approved { by, .. } => {
                if let Some(pause) = self.pauses.last_mut() {
                    pause.approved_by = Some((*by).to_owned());
                }
            }
            EventKind::PauseEnded { step, end, message } => {
                if let Some(pause) = self.pauses.iter_mut().rev().find(|pause| pause.step == *step) {
                    pause.ended = Some(at);
                    pause.end = Some(end_word(*end).to_owned());
                    pause.message = message.map(ToOwned::to_owned);
                }
            }
            EventKind::HookFinished { hook, host, failure } => self.hooks.push(HookRecord {
                hook: hook.as_str().to_owned(),
                host: host.cloned(),
                at,
                failure: failure.map(|failure| failure.message.clone()),
                output: failure.map(|failure| failure.output.clone()).unwrap_or_default(),
            }),
            EventKind::FleetSighted { joined, gone } => {
                if let (Some(last), false) = (self.stages.last_mut(), joined.is_empty()) {
                    last.hosts += joined.len();
                }
                let joined = joined.iter().map(|(host, _)| host.id.clone()).collect();
                self.sightings.push(SightingRecord { at, joined, gone: gone.to_vec(), error: None });
            }
            EventKind::FleetUnseen { message } => self.sightings.push(SightingRecord {
                at,
                joined: Vec::new(),
                gone: Vec::new(),
                error: Some((*message).to_owned()),
            }),
            EventKind::UndoStarted { .. } => self.undo_started = Some(at),
            // About a host or the run as a whole: the record has other fields for it. Answers of checks have their own
            // method, because some of them are left out.
            EventKind::RunStarted { .. }
            | EventKind::HostReturned { .. }
            | EventKind::CheckSampled { .. }
            | EventKind::HostUndone { .. }
            | EventKind::HostConnecting { .. }
            | EventKind::ScriptStarted { .. }
            | EventKind::Output { .. }
            | EventKind::PartStarted { .. }
            | EventKind::PartFinished { .. }
            | EventKind::HostHeld { .. }
            | EventKind::HostLost { .. }
            | EventKind::HostReattaching { .. }
            | EventKind::HostReattached { .. }
            | EventKind::HostRetrying { .. }
            | EventKind::HostFinished { .. }
            | EventKind::Stopping { .. }
            | EventKind::RunFinished { .. } => return false,
        }
        true
    }
}

impl CheckRecord {
    fn new(name: &Label, probe: &Probe) -> Self {
        let (kind, pass_if) = match probe {
            Probe::Http(_) => ("http", None),
            Probe::Tcp { .. } => ("tcp", None),
            Probe::Command { .. } => ("command", None),
            Probe::Remote { .. } => ("remote", None),
            Probe::Promql(PromqlProbe { pass_if, .. }) => ("promql", Some(pass_if.to_string())),
        };
        Self { name: name.to_string(), kind: kind.to_owned(), pass_if, answers: 0, bad: 0, left_out: 0 }
    }
}

impl SampleRecord {
    pub(in crate::report) fn new(
        check: &Label,
        host: Option<&HostId>,
        sample: &Sample,
        at: Timestamp,
        elapsed: Duration,
    ) -> Self {
        Self {
            check: check.to_string(),
            host: host.cloned(),
            at,
            elapsed_ms: ms(elapsed),
            verdict: sample.verdict,
            // JSON has no other numbers.
            value: sample.value.filter(|value| value.is_finite()),
            text: sample.text.clone(),
        }
    }
}

impl PauseRecord {
    pub(in crate::report) fn new(step: usize, pause: &Pause, started: Timestamp) -> Self {
        let (kind, names) = match pause {
            Pause::Soak { checks, .. } => ("soak", checks.iter().map(ToString::to_string).collect()),
            Pause::Check(checks) => ("check", checks.iter().map(ToString::to_string).collect()),
            Pause::Approve(who) => ("approve", vec![who.to_string()]),
        };
        let soak_ms = match pause {
            Pause::Soak { time, .. } => Some(ms(*time)),
            Pause::Check(_) | Pause::Approve(_) => None,
        };
        Self {
            step,
            kind: kind.to_owned(),
            names,
            soak_ms,
            started,
            ended: None,
            end: None,
            message: None,
            approved_by: None,
        }
    }

    /// The configured time of a soak.
    pub fn soak(&self) -> Option<Duration> {
        self.soak_ms.map(Duration::from_millis)
    }
}

impl UndoRecord {
    pub(super) fn new(undo: &UndoResult, by_hand: bool) -> Self {
        let HostResult { exit_status, signal, message, hint, attempts, started, duration, .. } = &undo.run;
        Self {
            outcome: undo.outcome,
            by_hand,
            revision: undo.revision.clone(),
            exit_status: *exit_status,
            signal: signal.clone(),
            message: message.clone(),
            hint: hint.clone(),
            attempts: *attempts,
            started: *started,
            duration_ms: ms(*duration),
            stdout_tail: undo.run.stdout_tail.clone(),
            stderr_tail: undo.run.stderr_tail.clone(),
            log: None,
        }
    }
}

/// How a pause ended, in a word.
pub(in crate::report) const fn end_word(end: PauseEnd) -> &'static str {
    match end {
        PauseEnd::Passed => "passed",
        PauseEnd::CheckFailed => "check-failed",
        PauseEnd::Refused => "refused",
        PauseEnd::GivenUp => "given-up",
    }
}

//! What happened in a run between and around its hosts: stages, pauses, answers of checks, hooks, what the
//! clouds said meanwhile. A part of the record, and like it a promise.

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

/// All of it, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// The plan's stages.
    pub stages: Vec<StageRecord>,
    /// Time that passed, checks that were held, people who were asked.
    pub pauses: Vec<PauseRecord>,
    /// The answers to checks; of many, a part (see [`Samples`]).
    pub samples: Samples,
    /// What the checks are.
    #[serde(default)]
    pub checks: Vec<CheckRecord>,
    /// Scripts on this machine.
    pub hooks: Vec<HookRecord>,
    /// What the clouds said when they were asked again.
    pub sightings: Vec<SightingRecord>,
    /// When it was begun to take hosts back; `null` where it was not.
    pub undo_started: Option<Timestamp>,
}

// A sample's value is a number that a check was answered with; where it is none there is none.
impl Eq for RolloutRecord {}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The size that its step has, or `all`.
    pub name: String,
    /// How many hosts it has, late ones included.
    pub hosts: usize,
    /// When it was begun; `null` when it was not.
    pub started: Option<Timestamp>,
}

/// What stood between stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRecord {
    /// Which step of the plan, from 0.
    pub step: usize,
    /// What it is: `soak`, `check` or `approve`.
    pub kind: String,
    /// The names of its checks, or of who approves.
    pub names: Vec<String>,
    /// How long it was to last, in milliseconds; `null` where it is no soak.
    pub soak_ms: Option<u64>,
    /// When it was begun.
    pub started: Timestamp,
    /// When it was over; `null` while it goes on.
    pub ended: Option<Timestamp>,
    /// How: `passed`, `check-failed`, `refused`, or `given-up` when the run stopped meanwhile; `null` while it goes on.
    pub end: Option<String>,
    /// Why, where it did not pass.
    pub message: Option<String>,
    /// Who or what approved.
    pub approved_by: Option<String>,
}

/// A check that the plan names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Its name.
    pub name: String,
    /// What it asks: `http`, `tcp`, `command`, `remote` or `promql`.
    pub kind: String,
    /// What its number has to be, as in `< 5`; `null` where it is about none.
    pub pass_if: Option<String>,
    /// How many answers it gave.
    #[serde(default)]
    pub answers: usize,
    /// How many of them were bad.
    #[serde(default)]
    pub bad: usize,
    /// How many of them are not among the samples: there is room for so many only.
    #[serde(default)]
    pub left_out: usize,
}

/// An answer to a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// The name of the check.
    pub check: String,
    /// The host that it is about; `null` where it is about all.
    pub host: Option<HostId>,
    /// When it came.
    pub at: Timestamp,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Whether it is a good one.
    pub verdict: Verdict,
    /// The number that was answered, if it was one.
    pub value: Option<f64>,
    /// In a line. Data from elsewhere.
    pub text: String,
}

/// A script on this machine that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// Its key in the file.
    pub hook: String,
    /// The host that it is about; `null` where it is about the run or a stage.
    pub host: Option<HostId>,
    /// When it ended.
    pub at: Timestamp,
    /// Why it did not succeed; `null` if it did.
    pub failure: Option<String>,
    /// Its last lines, where it did not succeed.
    pub output: String,
}

/// What the clouds said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightingRecord {
    /// When.
    pub at: Timestamp,
    /// Hosts that were new.
    pub joined: Vec<HostId>,
    /// Hosts that were there no more.
    pub gone: Vec<HostId>,
    /// Why nothing is known, where they could not be asked.
    pub error: Option<String>,
}

/// What became of taking a host back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRecord {
    /// `undone`, `undo-failed` or `undo-unknown`.
    pub outcome: UndoOutcome,
    /// It was all that this run did there: a rollback by hand. Then all that is said of the host is said of this.
    #[serde(default)]
    pub by_hand: bool,
    /// The revision that it was to have again.
    pub revision: Option<String>,
    /// The undo's own exit status, when it exited.
    pub exit_status: Option<u8>,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
    /// Why it did not succeed, in a line for people.
    pub message: Option<String>,
    /// What to try.
    pub hint: Option<String>,
    /// How many times it was tried.
    pub attempts: u32,
    /// When it was begun.
    pub started: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: u64,
    /// The last lines of its standard output.
    pub stdout_tail: String,
    /// The last lines of its standard error.
    pub stderr_tail: String,
    /// The file with all of its output; `null` where the host's own log is that, for nothing else was done there.
    #[serde(default)]
    pub log: Option<String>,
}

impl RolloutRecord {
    /// Of a run that has not begun.
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

    /// A host of the stage of this name is one of the last stage now.
    pub(super) fn moved(&mut self, from: &str) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == from) {
            stage.hosts -= 1;
        }
        if let Some(last) = self.stages.last_mut() {
            last.hosts += 1;
        }
    }

    /// Enters what `kind` says; true when it says something of this.
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
            // Of a host or of the run as a whole: the record has places of its own for it. So have the answers of checks,
            // of which some are left out.
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

    /// How long a soak was to last.
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

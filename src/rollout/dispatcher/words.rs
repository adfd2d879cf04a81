//! The dispatcher's inputs and commands. They stay inside the engine: the outside hears events.

use std::{num::NonZeroUsize, time::Duration};

use super::super::outcome::{Cancel, Outcome, RunStatus, StopReason, Summary, UndoOutcome};
use crate::config::{FailureLimit, OnFailure, OnStop};

/// A host's place in the run: the plan's hosts in their order, then the late hosts as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostIndex(pub usize);

/// A step's place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepIndex(pub usize);

/// A stage's place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageIndex(pub usize);

/// A step, as far as the dispatcher needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Works on the hosts of a stage: this many, the next ones in the plan's order.
    Stage {
        /// How many.
        hosts: usize,
    },
    /// Waits, checks or asks a person, and continues if that went well.
    Pause {
        /// Whether a person decides. A granted approval is not asked for again when late hosts repeat the step.
        approval: bool,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The run may begin.
    Begin,
    /// An attempt on a host has ended.
    Ended {
        /// Which host.
        host: HostIndex,
        /// How.
        end: AttemptEnd,
    },
    /// A host has finished the part before the next barrier, and waits there.
    Reached {
        /// Which host.
        host: HostIndex,
    },
    /// Contact with a host was lost and not restored at once. The host may be gone.
    InDoubt {
        /// Which host.
        host: HostIndex,
    },
    /// A host's script is heard again after contact was lost.
    HeardAgain {
        /// Which host.
        host: HostIndex,
    },
    /// A hook of one host has ended.
    HostHookEnded {
        /// Which host.
        host: HostIndex,
        /// How.
        end: HookEnd,
    },
    /// A hook of the run or of a stage has ended.
    HookEnded(HookEnd),
    /// A pause is over.
    PauseEnded(PauseEnd),
    /// A check in a pause found that a host that had succeeded is not well.
    CheckFailed {
        /// Which host.
        host: HostIndex,
    },
    /// The clouds have answered.
    Found(Answer),
    /// The undo of a host has ended.
    Undone {
        /// Which host.
        host: HostIndex,
        /// How.
        end: UndoEnd,
    },
    /// A hook around the undo of a host has ended.
    UndoHookEnded {
        /// Which host.
        host: HostIndex,
        /// How.
        end: HookEnd,
    },
    /// A person or the system asks to stop. The first cancel asks scripts to end; any further one kills them.
    Cancel(Cancel),
}

/// The clouds' answer about the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All of them have answered.
    Whole {
        /// How many hosts are new: they get the next free places.
        joined: usize,
        /// Hosts that no longer exist, or no longer run.
        gone: Vec<HostIndex>,
        /// Hosts that were gone, and are back.
        returned: Vec<HostIndex>,
        /// Hosts that have another address than before.
        moved: Vec<HostIndex>,
    },
    /// Not all clouds could be asked, so nothing is known.
    Failed,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The attempt decides the host's outcome.
    Final(Outcome),
    /// The attempt may be repeated: nothing was started, or the user said that starting again is safe. Without another
    /// attempt, this is the host's outcome.
    Retryable(Outcome),
    /// The run was stopping before the script was started. The outcome of an earlier attempt stands.
    NotStarted,
}

impl AttemptEnd {
    /// Whether the script was started in this attempt, or may have been.
    pub const fn touched(self) -> bool {
        match self {
            Self::Final(outcome) | Self::Retryable(outcome) => match outcome {
                Outcome::Succeeded | Outcome::Failed | Outcome::Unknown => true,
                Outcome::Unreachable | Outcome::Gone | Outcome::Skipped => false,
            },
            Self::NotStarted => false,
        }
    }
}

/// How an undo ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoEnd {
    /// The undo has this outcome.
    Final(UndoOutcome),
    /// The undo may be tried again, because nothing was started. Otherwise it has this outcome.
    Retryable(UndoOutcome),
    /// Nothing can be done, so nothing was started, not even the hook before the host. The undo has this outcome.
    NoWay(UndoOutcome),
}

/// How a hook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEnd {
    /// It exited 0.
    Succeeded,
    /// It did not.
    Failed,
}

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseEnd {
    /// The time is over, the checks have passed, the approval is granted.
    Passed,
    /// A check of the fleet failed.
    CheckFailed,
    /// The approval was refused or not given.
    Refused,
    /// None of these: the run stopped meanwhile.
    GivenUp,
}

/// A hook of the run or of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// Before anything is touched.
    BeforeRun,
    /// Before the first host of a stage.
    BeforeStage(StageIndex),
    /// After the last host of a stage.
    AfterStage(StageIndex),
    /// The run has failed, and running scripts have ended.
    OnFailure,
    /// Hosts are about to be undone.
    OnRollback,
    /// At the very end, whatever the result.
    AfterRun,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a hook of the run or of a stage.
    Hook(Hook),
    /// A stage begins, or begins again for late hosts.
    BeginStage {
        /// Which.
        stage: StageIndex,
        /// How many hosts of the stage wait.
        hosts: usize,
    },
    /// Run the hook that comes before a host.
    BeforeHost {
        /// Which host.
        host: HostIndex,
    },
    /// Start an attempt on a host.
    Start {
        /// Which host.
        host: HostIndex,
        /// Counted from 1.
        attempt: u32,
        /// How long to wait first.
        after: Duration,
    },
    /// Let a host that waits at a barrier go on.
    Release {
        /// Which host.
        host: HostIndex,
    },
    /// End the script of a host at a barrier that will not be opened.
    End {
        /// Which host.
        host: HostIndex,
    },
    /// Stop looking for a lost script: the host is gone.
    Abandon {
        /// Which host.
        host: HostIndex,
    },
    /// Run the hook that comes after a host. If the hook succeeds, the host has this outcome.
    AfterHost {
        /// Which host.
        host: HostIndex,
        /// What became of it so far.
        outcome: Outcome,
    },
    /// The host has its outcome. Repeated with another one if a check fails later, or if the host is gone or back.
    Settle {
        /// Which host.
        host: HostIndex,
        /// What became of it.
        outcome: Outcome,
    },
    /// The host was gone, and is to be worked on after all, in the last stage.
    Requeue {
        /// Which host.
        host: HostIndex,
    },
    /// Begin the pause of a step.
    Pause(StepIndex),
    /// Give up the current pause.
    EndPause,
    /// Ask the clouds again.
    Ask,
    /// Start no more scripts, not even on hosts that are being connected to.
    Halt(StopReason),
    /// Ask the running scripts to end.
    Terminate,
    /// Kill the running scripts.
    Kill,
    /// The undo begins: scripts may be started again, to roll these hosts back.
    BeginUndo {
        /// How many.
        hosts: usize,
    },
    /// Run the hook that comes before a host, to roll it back.
    BeforeUndo {
        /// Which host.
        host: HostIndex,
    },
    /// Roll a host back to what it was before.
    Undo {
        /// Which host.
        host: HostIndex,
        /// Counted from 1.
        attempt: u32,
        /// How long to wait first.
        after: Duration,
    },
    /// Run the hook that comes after the undo of a host, successful or not. If the hook succeeds, the undo has this
    /// outcome.
    AfterUndo {
        /// Which host.
        host: HostIndex,
        /// What became of its undo so far.
        outcome: UndoOutcome,
    },
    /// The host's undo has its outcome.
    SettleUndo {
        /// Which host.
        host: HostIndex,
        /// What became of it.
        outcome: UndoOutcome,
    },
    /// The run is over.
    Finish {
        /// How the run ended.
        status: RunStatus,
        /// How many hosts had which outcome.
        summary: Summary,
    },
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Work on the hosts, step by step.
    Work,
    /// Roll all hosts back, the last one first.
    Rollback,
}

/// The rules of a run.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the run is for.
    pub purpose: Purpose,
    /// The steps, in order. The hosts of the plan are those of its stages, in order.
    pub steps: Vec<StepKind>,
    /// How many hosts are worked on at once.
    pub concurrency: NonZeroUsize,
    /// Whether a stage starts with one host and grows to the full concurrency.
    pub slow_start: bool,
    /// How many hosts may fail. One more, and nothing new starts.
    pub max_failures: FailureLimit,
    /// Whether the run stops when every host of a stage failed, whatever the budget.
    pub stage_must_succeed: bool,
    /// The most hosts that can be in flight or failed together, as the printed plan says.
    pub worst_case: usize,
    /// How many times a host is tried again.
    pub retries: u32,
    /// How many barriers a host meets.
    pub barriers: usize,
    /// What happens to running scripts when the run stops by itself.
    pub on_stop: OnStop,
    /// What happens to touched hosts when the run stops by itself.
    pub on_failure: OnFailure,
    /// Whether the clouds are asked again while the run goes on.
    pub ask_again: AskAgain,
    /// Which hooks there are.
    pub hooks: Hooks,
}

/// Whether the clouds are asked again while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskAgain {
    /// Never.
    Never,
    /// When a host is not reached, to know whether it still exists. Late hosts are left alone.
    InDoubt,
    /// As `InDoubt`, and after each stage and at the end, for late hosts.
    Always,
}

/// Which hooks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of eight names")]
pub struct Hooks {
    /// Before anything is touched.
    pub before_run: bool,
    /// Before each stage.
    pub before_stage: bool,
    /// Before each host.
    pub before_host: bool,
    /// After each host.
    pub after_host: bool,
    /// After each stage.
    pub after_stage: bool,
    /// When the run has failed.
    pub on_failure: bool,
    /// Before hosts are undone.
    pub on_rollback: bool,
    /// At the end.
    pub after_run: bool,
}

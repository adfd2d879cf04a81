//! What the dispatcher hears and says. Private to the engine: what is told to the outside is an event.

use std::{num::NonZeroUsize, time::Duration};

use super::super::outcome::{Cancel, Outcome, RunStatus, StopReason, Summary, UndoOutcome};
use crate::config::{FailureLimit, OnFailure, OnStop};

/// A host's place in the run: the plan's hosts in their order, then the late ones as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostIndex(pub usize);

/// A step's place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepIndex(pub usize);

/// A stage's place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageIndex(pub usize);

/// A step, as far as the order of things is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Work on the hosts of a stage: so many, the next ones in the plan's order.
    Stage {
        /// How many.
        hosts: usize,
    },
    /// Wait, check or ask a person, and go on when that went well.
    Pause {
        /// A person decides; what was granted is not asked again when late hosts have the step done twice.
        approval: bool,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The run may begin.
    Begin,
    /// An attempt on a host came to its end.
    Ended {
        /// Which host.
        host: HostIndex,
        /// How.
        end: AttemptEnd,
    },
    /// A host has done the part in front of the next barrier, and waits there.
    Reached {
        /// Which host.
        host: HostIndex,
    },
    /// Contact with a host was lost and is not had back at once: is it still there?
    InDoubt {
        /// Which host.
        host: HostIndex,
    },
    /// A host's script is heard again after contact was lost.
    HeardAgain {
        /// Which host.
        host: HostIndex,
    },
    /// A hook of one host came to its end.
    HostHookEnded {
        /// Which host.
        host: HostIndex,
        /// How.
        end: HookEnd,
    },
    /// A hook of the run or of a stage came to its end.
    HookEnded(HookEnd),
    /// A pause is over.
    PauseEnded(PauseEnd),
    /// A check in a pause says that a host which had succeeded is not well.
    CheckFailed {
        /// Which host.
        host: HostIndex,
    },
    /// The clouds have answered.
    Found(Answer),
    /// The undo of a host came to its end.
    Undone {
        /// Which host.
        host: HostIndex,
        /// How.
        end: UndoEnd,
    },
    /// A hook around the undo of a host came to its end.
    UndoHookEnded {
        /// Which host.
        host: HostIndex,
        /// How.
        end: HookEnd,
    },
    /// A person or the system asks to stop. The first asks scripts to end; any further one kills them.
    Cancel(Cancel),
}

/// What the clouds say of the fleet now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All of them have answered.
    Whole {
        /// How many hosts are new: they get the next free places.
        joined: usize,
        /// Hosts that are there no more, or run no more.
        gone: Vec<HostIndex>,
        /// Hosts that were gone, and are there again.
        returned: Vec<HostIndex>,
        /// Hosts that have another address than before.
        moved: Vec<HostIndex>,
    },
    /// Not all could be asked, so nothing is known.
    Failed,
}

/// How an attempt came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// With this outcome, which is the host's.
    Final(Outcome),
    /// It may be tried again: nothing was started, or the user said that starting again is safe.
    /// If it is not tried again, the host's outcome is this.
    Retryable(Outcome),
    /// The run was stopping before the script was started. What an earlier attempt came to stands.
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

/// How an undo came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoEnd {
    /// With this outcome.
    Final(UndoOutcome),
    /// It may be tried again, for nothing was started. If it is not, the outcome is this.
    Retryable(UndoOutcome),
    /// Nothing was begun with, not even the hook before it, for nothing can be done. The outcome is this.
    NoWay(UndoOutcome),
}

/// How a hook came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEnd {
    /// It exited 0.
    Succeeded,
    /// It did not.
    Failed,
}

/// How a pause came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseEnd {
    /// The time is over, the checks are passed, the approval is granted.
    Passed,
    /// A check of the fleet failed.
    CheckFailed,
    /// Nobody approved.
    Refused,
    /// Neither: the run stopped meanwhile.
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
    /// The run has failed; what ran has ended.
    OnFailure,
    /// Hosts are about to be undone.
    OnRollback,
    /// At the very end, whatever it is.
    AfterRun,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a hook of the run or of a stage.
    Hook(Hook),
    /// A stage begins, or is taken up again for late hosts.
    BeginStage {
        /// Which.
        stage: StageIndex,
        /// How many hosts of it wait.
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
    /// End the script of a host that waits at a barrier which will not be opened.
    End {
        /// Which host.
        host: HostIndex,
    },
    /// Look for a lost script no longer: the host is gone.
    Abandon {
        /// Which host.
        host: HostIndex,
    },
    /// Run the hook that comes after a host. Its outcome will be this, if the hook succeeds.
    AfterHost {
        /// Which host.
        host: HostIndex,
        /// What became of it so far.
        outcome: Outcome,
    },
    /// The host has its outcome. Said again when it is another one: a check failed later on, or the host is gone, or is
    /// there again.
    Settle {
        /// Which host.
        host: HostIndex,
        /// What became of it.
        outcome: Outcome,
    },
    /// The host was gone, and is to be worked on after all, with the last stage.
    Requeue {
        /// Which host.
        host: HostIndex,
    },
    /// Begin the pause of a step.
    Pause(StepIndex),
    /// Give up the pause that is under way.
    EndPause,
    /// Ask the clouds again.
    Ask,
    /// Start no script any more, not even on hosts that are being connected to.
    Halt(StopReason),
    /// Ask the scripts that run to end.
    Terminate,
    /// Kill the scripts that run.
    Kill,
    /// The undo begins: scripts may be started again, to take these hosts back.
    BeginUndo {
        /// How many.
        hosts: usize,
    },
    /// Run the hook that comes before a host, to take it back.
    BeforeUndo {
        /// Which host.
        host: HostIndex,
    },
    /// Take a host back to what it was before.
    Undo {
        /// Which host.
        host: HostIndex,
        /// Counted from 1.
        attempt: u32,
        /// How long to wait first.
        after: Duration,
    },
    /// Run the hook that comes after a host that was taken back, or was not. Its undo's outcome will be this, if the hook
    /// succeeds.
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
    /// Everything has its end.
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
    /// Take all of them back, the last one first.
    Rollback,
}

/// The rules that a run keeps.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What it is for.
    pub purpose: Purpose,
    /// The steps, in order. The hosts of the plan are those of its stages, in order.
    pub steps: Vec<StepKind>,
    /// How many hosts are worked on at once.
    pub concurrency: NonZeroUsize,
    /// Whether a stage begins with one host at once, and doubles.
    pub slow_start: bool,
    /// How many hosts may fail; one more, and nothing new starts.
    pub max_failures: FailureLimit,
    /// Whether a stage of which every host failed stops the run, whatever the budget.
    pub stage_must_succeed: bool,
    /// Hosts in flight and failed ones together are never more: what the printed plan says.
    pub worst_case: usize,
    /// How many times a host is tried again.
    pub retries: u32,
    /// How many barriers a host meets.
    pub barriers: usize,
    /// What becomes of scripts that run when the run stops by itself.
    pub on_stop: OnStop,
    /// What becomes of touched hosts then.
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
    /// When a host is not reached, to know whether it is still there. Late hosts are left alone.
    InDoubt,
    /// That, and after each stage and at the end, for hosts that came late.
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

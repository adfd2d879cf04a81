//! The events of a run: public, versioned, one JSON object a line.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    dispatcher::PauseEnd,
    outcome::{HostResult, RunStatus, StopReason, Summary},
    parts::PartResult,
    world::{HookFailure, Sample},
};
use crate::{
    config::{HookName, Label},
    inventory::{Host, HostId},
    plan::{Pause, Plan, RunId},
    transport::Stream,
};

/// The version of the events' and the report's JSON. A change that breaks a promise raises it.
pub const SCHEMA: u32 = 1;

/// One thing that happened in a run.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Which run.
    pub run: RunId,
    /// Counts the run's events from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind<'a>,
}

/// What happened. It borrows, because output can be a flood: a sink copies what it keeps.
#[derive(Clone, Debug)]
pub enum EventKind<'a> {
    /// The plan is made, and the first host is about to be touched.
    RunStarted {
        /// The whole plan.
        plan: &'a Plan,
    },
    /// A stage begins, or begins again for late hosts.
    StageStarted {
        /// Counted from 0.
        stage: usize,
        /// How many hosts of it are to be worked on now.
        hosts: usize,
    },
    /// Time passes, checks are held, or a person is asked.
    PauseStarted {
        /// Which step of the plan, counted from 0.
        step: usize,
        /// What it is.
        pause: &'a Pause,
    },
    /// A check was answered.
    CheckSampled {
        /// Which.
        check: &'a Label,
        /// The host it is about, if it is not about the fleet.
        host: Option<&'a HostId>,
        /// The answer.
        sample: &'a Sample,
        /// When the answer came.
        at: Timestamp,
        /// How long it took.
        elapsed: Duration,
    },
    /// An approval was granted.
    Approved {
        /// Who was asked.
        who: &'a Label,
        /// Who or what said yes.
        by: &'a str,
    },
    /// A pause is over.
    PauseEnded {
        /// Which step of the plan, counted from 0.
        step: usize,
        /// How it ended.
        end: PauseEnd,
        /// Why, where it did not pass.
        message: Option<&'a str>,
    },
    /// A script on this machine has ended.
    HookFinished {
        /// Which.
        hook: HookName,
        /// The host, if it is a hook of a host.
        host: Option<&'a HostId>,
        /// Why it failed, if it did.
        failure: Option<&'a HookFailure>,
    },
    /// The clouds were asked again.
    FleetSighted {
        /// Hosts that are new, and the stage that they join.
        joined: &'a [(Arc<Host>, Arc<str>)],
        /// Hosts that no longer exist.
        gone: &'a [HostId],
    },
    /// The clouds could not be asked again.
    FleetUnseen {
        /// Why.
        message: &'a str,
    },
    /// Touched hosts are about to be rolled back.
    UndoStarted {
        /// How many.
        hosts: usize,
    },
    /// The undo of a host has ended, successfully or not.
    HostUndone {
        /// The host's result, that of the undo included.
        result: &'a HostResult,
    },
    /// A host is being connected to.
    HostConnecting {
        /// Which.
        host: &'a HostId,
        /// Counted from 1.
        attempt: u32,
    },
    /// The script has started on a host.
    ScriptStarted {
        /// Which.
        host: &'a HostId,
        /// The script's process group there.
        group: u32,
    },
    /// The script wrote something.
    Output {
        /// On which host.
        host: &'a HostId,
        /// To which stream.
        stream: Stream,
        /// Raw bytes, cut anywhere; data from elsewhere: neutralise before showing.
        bytes: &'a [u8],
    },
    /// A part of the script has begun.
    PartStarted {
        /// On which host.
        host: &'a HostId,
        /// Its name.
        part: &'a str,
    },
    /// A part has ended.
    PartFinished {
        /// On which host.
        host: &'a HostId,
        /// The part's result.
        part: &'a PartResult,
    },
    /// The script waits at a barrier until the other hosts of its stage have reached it, too.
    HostHeld {
        /// On which host.
        host: &'a HostId,
        /// The part before the barrier.
        part: &'a str,
    },
    /// Contact with a host was lost while its script ran, or may have been running. Fleetwide looks for it.
    HostLost {
        /// Which.
        host: &'a HostId,
        /// What was seen.
        message: &'a str,
    },
    /// A host that was lost will be connected to again, to hear how its script goes on. This starts nothing.
    HostReattaching {
        /// Which.
        host: &'a HostId,
        /// Counted from 1 since contact was lost.
        tries: u32,
        /// How long to wait first.
        wait: Duration,
    },
    /// A host that was lost is heard again; its script's output continues where it broke off.
    HostReattached {
        /// Which.
        host: &'a HostId,
        /// The script's process group there.
        group: u32,
    },
    /// A host whose script never started will be tried again.
    HostRetrying {
        /// Which.
        host: &'a HostId,
        /// The attempt to come, counted from 1.
        attempt: u32,
        /// What went wrong.
        message: &'a str,
        /// How long to wait first.
        wait: Duration,
    },
    /// A host has its outcome. Repeated with another one if a check fails, or if the host is gone or back.
    HostFinished {
        /// The host's result.
        result: &'a HostResult,
    },
    /// A host that was gone is back, and will be worked on after all.
    HostReturned {
        /// Which.
        host: &'a HostId,
        /// The name of the stage that it now belongs to.
        stage: &'a str,
    },
    /// Nothing new is started any more. Running scripts may finish, or are ended.
    Stopping {
        /// Why.
        reason: StopReason,
        /// How many scripts are running now.
        running: usize,
    },
    /// The run is over.
    RunFinished {
        /// How it ended.
        status: RunStatus,
        /// How many hosts had which outcome.
        summary: Summary,
    },
}

impl<'a> EventKind<'a> {
    /// The result of the host whose work or undo this event ends.
    pub const fn result(&self) -> Option<&'a HostResult> {
        match self {
            Self::HostFinished { result } | Self::HostUndone { result } => Some(result),
            Self::RunStarted { .. }
            | Self::StageStarted { .. }
            | Self::PauseStarted { .. }
            | Self::CheckSampled { .. }
            | Self::Approved { .. }
            | Self::PauseEnded { .. }
            | Self::HookFinished { .. }
            | Self::FleetSighted { .. }
            | Self::FleetUnseen { .. }
            | Self::UndoStarted { .. }
            | Self::HostConnecting { .. }
            | Self::ScriptStarted { .. }
            | Self::Output { .. }
            | Self::PartStarted { .. }
            | Self::PartFinished { .. }
            | Self::HostHeld { .. }
            | Self::HostLost { .. }
            | Self::HostReattaching { .. }
            | Self::HostReattached { .. }
            | Self::HostRetrying { .. }
            | Self::HostReturned { .. }
            | Self::Stopping { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}

/// Where a run's events go. A run has one sink; it fans out to terminal, record and files.
///
/// Called from many tasks, in `seq` order. Slow work here slows the run: this backpressure keeps memory bounded.
pub trait EventSink: Send + Sync {
    /// Receives one event.
    fn event(&self, event: &Event<'_>);
}

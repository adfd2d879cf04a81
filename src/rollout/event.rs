//! What is told about a run while it goes on: public, versioned, one JSON object a line.

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

/// The version of the events' and the report's JSON. A change to a promise raises it.
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

/// What happened. Borrows, because output can be a flood: a sink copies what it keeps.
#[derive(Clone, Debug)]
pub enum EventKind<'a> {
    /// The plan stands and the first host is about to be touched.
    RunStarted {
        /// All of it.
        plan: &'a Plan,
    },
    /// A stage begins, or is taken up again for hosts that came late.
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
        /// Of which host, if it is not about all.
        host: Option<&'a HostId>,
        /// The answer.
        sample: &'a Sample,
        /// When it came.
        at: Timestamp,
        /// How long it took.
        elapsed: Duration,
    },
    /// Somebody approved.
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
        /// How.
        end: PauseEnd,
        /// Why, where it did not pass.
        message: Option<&'a str>,
    },
    /// A script on this machine has ended.
    HookFinished {
        /// Which.
        hook: HookName,
        /// For which host, where it is one of a host.
        host: Option<&'a HostId>,
        /// Why it did not succeed, if it did not.
        failure: Option<&'a HookFailure>,
    },
    /// The clouds were asked again.
    FleetSighted {
        /// Hosts that are new, and the stage that they join.
        joined: &'a [(Arc<Host>, Arc<str>)],
        /// Hosts that are there no more.
        gone: &'a [HostId],
    },
    /// The clouds could not be asked again.
    FleetUnseen {
        /// Why.
        message: &'a str,
    },
    /// Touched hosts are taken back.
    UndoStarted {
        /// How many.
        hosts: usize,
    },
    /// A host was taken back, or was not.
    HostUndone {
        /// All that is known, of the undo too.
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
    /// A part has come to its own end.
    PartFinished {
        /// On which host.
        host: &'a HostId,
        /// All that is known.
        part: &'a PartResult,
    },
    /// The script waits at a barrier until the hosts of its stage have come there, too.
    HostHeld {
        /// On which host.
        host: &'a HostId,
        /// The part in front of the barrier.
        part: &'a str,
    },
    /// Contact with a host was lost when its script ran, or may have been running. It will be looked for.
    HostLost {
        /// Which.
        host: &'a HostId,
        /// What was seen.
        message: &'a str,
    },
    /// A host that was lost will be connected to again, to hear how its script goes on. Nothing is started by that.
    HostReattaching {
        /// Which.
        host: &'a HostId,
        /// Counted from 1 since contact was lost.
        tries: u32,
        /// How long is waited first.
        wait: Duration,
    },
    /// A host that was lost is heard again, its script from where it was.
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
        /// How long is waited first.
        wait: Duration,
    },
    /// A host is done with. Said again when it comes to something else: a check failed, or it is gone, or is there
    /// again.
    HostFinished {
        /// All that is known.
        result: &'a HostResult,
    },
    /// A host that was gone is there again, and will be worked on after all.
    HostReturned {
        /// Which.
        host: &'a HostId,
        /// The name of its stage now.
        stage: &'a str,
    },
    /// Nothing new is started any more; scripts that run are let finish or ended.
    Stopping {
        /// Why.
        reason: StopReason,
        /// How many scripts are running now.
        running: usize,
    },
    /// Every host is done with.
    RunFinished {
        /// How it ended.
        status: RunStatus,
        /// How many hosts had which outcome.
        summary: Summary,
    },
}

impl<'a> EventKind<'a> {
    /// What is known of the host with which this one ends, or its undo.
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

/// Where a run's events go. One sink a run; it fans out to terminal, record and files.
///
/// Called from many tasks, in `seq` order. Slow work here slows the run: that is the backpressure
/// which keeps memory bounded.
pub trait EventSink: Send + Sync {
    /// Hears one event.
    fn event(&self, event: &Event<'_>);
}

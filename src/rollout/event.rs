//! What is told about a run while it goes on: public, versioned, one JSON object a line.

use std::time::Duration;

use jiff::Timestamp;

use super::outcome::{HostResult, RunStatus, StopReason, Summary};
use crate::{
    inventory::HostId,
    plan::{Plan, RunId},
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
    /// A host is done with.
    HostFinished {
        /// All that is known.
        result: &'a HostResult,
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

/// Where a run's events go. One sink a run; it fans out to terminal, record and files.
///
/// Called from many tasks, in `seq` order. Slow work here slows the run: that is the backpressure
/// which keeps memory bounded.
pub trait EventSink: Send + Sync {
    /// Hears one event.
    fn event(&self, event: &Event<'_>);
}

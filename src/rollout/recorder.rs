//! Numbers a run's events and hands them to its sink, in order.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use provider_core::lock;

use super::event::{Event, EventKind, EventSink};
use crate::plan::RunId;

/// The only way from the engine to the sink.
pub(super) struct Recorder {
    run: RunId,
    sink: Arc<dyn EventSink>,
    /// Held while the sink receives an event, so that events arrive in the order of their numbers.
    seq: Mutex<u64>,
}

impl Recorder {
    pub(super) fn new(run: RunId, sink: Arc<dyn EventSink>) -> Self {
        Self { run, sink, seq: Mutex::new(0) }
    }

    pub(super) fn record(&self, kind: EventKind<'_>) {
        let mut seq = lock(&self.seq);
        *seq += 1;
        self.sink.event(&Event { run: self.run, seq: *seq, at: Timestamp::now(), kind });
    }
}

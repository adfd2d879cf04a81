//! Numbers a run's events and hands them to its sink, in order.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::event::{Event, EventKind, EventSink};
use crate::plan::RunId;

/// The one way from the engine to the sink.
pub(super) struct Recorder {
    run: RunId,
    sink: Arc<dyn EventSink>,
    /// Held while the sink hears an event, so that events arrive in the order of their numbers.
    seq: Mutex<u64>,
}

impl Recorder {
    pub(super) fn new(run: RunId, sink: Arc<dyn EventSink>) -> Self {
        Self { run, sink, seq: Mutex::new(0) }
    }

    pub(super) fn record(&self, kind: EventKind<'_>) {
        let mut seq = self.seq.lock().unwrap_or_else(PoisonError::into_inner);
        *seq += 1;
        self.sink.event(&Event { run: self.run, seq: *seq, at: Timestamp::now(), kind });
    }
}

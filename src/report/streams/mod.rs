//! Standard output and standard error: who writes there, in what order, and what happens when nobody reads.
//!
//! [`outlet`] is the queue of each stream. `display` shows that the run goes on, with all other text above it: `live`
//! on a terminal, `heartbeat` in a log. `json` is a run as a stream of events.

pub(super) mod display;
pub(super) mod heartbeat;
pub(super) mod json;
pub(super) mod live;
pub(super) mod outlet;

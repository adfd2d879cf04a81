//! Standard output and standard error: who writes there, in which order, and what happens when nobody reads.
//!
//! [`outlet`] is each stream's queue. `display` is what shows that something goes on, above which all else is
//! written: `live` on a terminal, `heartbeat` in a log. `json` is a run as a stream of events.

pub(super) mod display;
pub(super) mod heartbeat;
pub(super) mod json;
pub(super) mod live;
pub(super) mod outlet;

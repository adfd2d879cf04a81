//! The engine: a plan, a transport and an event sink go in; every host's outcome comes out.
//!
//! [`outcome`] says what can become of a host, [`event`] what is told about it on the way.

pub mod event;
pub mod outcome;

pub use event::{Event, EventKind, EventSink, SCHEMA};
pub use outcome::{
    FailureCause, HostResult, Killed, Outcome, Phases, RunStatus, StopReason, Summary, UnreachableCause,
};

//! The engine: a plan, a transport and an event sink go in; every host's outcome comes out.
//!
//! [`dispatcher`] decides (a pure state machine), [`engine`] carries its commands out, `executor`
//! makes one attempt on one host, `reattach` finds a script again when contact was lost, `verdict` turns the transport's words into outcomes.
//! [`outcome`] says what can become of a host, [`event`] what is told about it on the way.
//!
//! Not in here: any concrete transport, provider or reporter; it has traits and one event sink.

pub mod dispatcher;
pub mod engine;
pub mod event;
mod executor;
mod host_output;
mod job;
pub mod outcome;
mod reattach;
mod recorder;
pub mod tail;
mod verdict;

pub use engine::{Rollout, run};
pub use event::{Event, EventKind, EventSink, SCHEMA};
pub use outcome::{
    FailureCause, HostResult, Killed, Outcome, Phases, RunStatus, StopReason, Summary, UnreachableCause,
};

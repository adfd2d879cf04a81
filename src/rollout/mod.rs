//! The engine: a plan, a transport and an event sink go in; every host's outcome comes out.
//!
//! [`dispatcher`] decides (a pure state machine), [`engine`] carries its commands out, `executor` makes one attempt on one
//! host, `reattach` finds a script again when contact was lost (`script_time` knows for how long), `verdict` turns the
//! transport's words into outcomes (`refusal` knows why a host said no, `advice` what people can do there); `parts` is what is heard of the parts of a script, [`survey`] asks hosts what they
//! have on record before a run; `pause` holds checks (`judge` says when they have passed) and asks people, `undo` takes a
//! host back, `roster` knows the hosts by their places, and [`world`] is what all of them need.
//! [`outcome`] says what can become of a host, [`event`] what is told about it on the way.
//!
//! Not in here: any concrete transport, provider or reporter; it has traits and one event sink.

mod advice;
pub mod dispatcher;
pub mod engine;
pub mod event;
mod executor;
mod facts;
mod host_output;
mod job;
mod judge;
mod last_lines;
pub mod outcome;
pub mod parts;
mod pause;
mod reattach;
mod recorder;
mod refusal;
mod roster;
mod script_time;
pub mod survey;
pub mod tail;
mod undo;
mod verdict;
pub mod world;

pub use dispatcher::PauseEnd;
pub use engine::{Rollout, run};
pub use event::{Event, EventKind, EventSink, SCHEMA};
pub use outcome::{
    Cancel, FailureCause, HostResult, Killed, Outcome, Phases, RunStatus, StopReason, Summary, UndoOutcome, UndoResult,
    UnreachableCause,
};
pub use parts::{PartOutcome, PartResult};
pub use survey::{Asking, Inquiry};
pub use world::{
    Approval, Approver, Facts, Fleet, HookFailure, Hooks, Prober, Question, Sample, Sighting, Verdict, World,
    with_last_line,
};

//! The engine: takes a plan, a transport and an event sink, and returns every host's outcome.
//!
//! [`dispatcher`] decides (a pure state machine), and [`engine`] carries its commands out. `executor` makes one attempt
//! on one host, and `reattach` finds a script again when contact was lost (`script_time` knows for how long). `verdict`
//! turns the transport's words into outcomes (`refusal` explains why a host refused, `advice` what people can do
//! there). `parts` follows the parts of a script. [`survey`] asks hosts for their records before a run. `pause` holds
//! checks (`judge` decides when they have passed) and asks people. `undo` rolls a host back, `roster` knows the hosts
//! by their places, and [`world`] has the traits that all of them need. [`outcome`] defines the outcomes of a host and
//! of a run, [`event`] the events on the way.
//!
//! Not in here: any concrete transport, provider or reporter. The engine has traits and one event sink.

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

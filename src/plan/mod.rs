//! Hosts plus policy to a plan: pure data, no I/O. `plan` prints exactly what `deploy` runs.
//!
//! [`model`] is the plan itself, [`order`] says who goes first, [`build`] divides hosts into stages.

pub mod build;
pub mod model;
pub mod order;

pub use build::Assignment;
pub use model::{
    BadRevision, Limits, Pause, Payload, Plan, PlanStep, Policy, Revision, RunId, Script, Stage, Work, quoted,
};
pub use order::Ordering;

//! Hosts plus policy to a plan: pure data, no I/O. `plan` prints exactly what `deploy` runs.
//!
//! [`model`] is the plan itself, [`build`] makes one.

pub mod build;
pub mod model;

pub use build::Assignment;
pub use model::{BadRevision, Limits, Plan, Policy, Revision, RunId, Script, Stage, Work, quoted};

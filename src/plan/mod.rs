//! Hosts plus policy to a plan: pure data, no I/O. `plan` prints exactly what `deploy` runs.
//!
//! [`model`] is the plan itself.

pub mod model;

pub use model::{BadRevision, Limits, Plan, Policy, Revision, RunId, Script, Stage, Work};

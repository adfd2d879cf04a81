//! Hosts plus policy to a plan: pure data, no I/O. `plan` prints exactly what `deploy` runs.
//!
//! [`model`] is the plan itself, [`history`] reads one host's record, [`survey`] collects those of all hosts, [`order`]
//! decides which hosts go first, [`build`] divides hosts into stages, [`rollback`] decides how each host is rolled
//! back, [`mask`] keeps secrets out of what scripts print.

pub mod build;
pub mod history;
pub mod mask;
pub mod model;
pub mod order;
pub mod rollback;
pub mod survey;

pub use build::Assignment;
pub use mask::Mask;
pub use model::{
    BadRevision, Limits, Pause, Payload, Plan, PlanStep, Policy, Revision, RunId, Script, Stage, Work, quoted,
};
pub use order::{Ordering, Standing};
pub use rollback::{Back, Goal, Means, Rollback, RollbackScript, Way};
pub use survey::{Answer, Survey, Tally};

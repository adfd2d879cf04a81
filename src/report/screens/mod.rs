//! A discovery and a run as people see them.
//!
//! [`human`] hears the events, and decides what is said and where. While things go on, `discovery`, `asking` and `progress` draw (`between`
//! for what stands between stages), and `turns` are told; at the end `summary` does, with `failures` in full.

pub(super) mod asking;
mod between;
pub(super) mod discovery;
pub(super) mod failures;
pub(super) mod human;
pub(super) mod progress;
pub(super) mod summary;
mod turns;

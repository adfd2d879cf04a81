//! Discovery and runs as people see them.
//!
//! [`human`] receives the events and decides what is shown, and where. Meanwhile `discovery`, `asking` and `progress`
//! draw the display (`between` draws what stands between stages), and `turns` words the turns of a rollout. At the end
//! `summary` draws the last screen, with `failures` in full.

pub(super) mod asking;
mod between;
pub(super) mod discovery;
pub(super) mod failures;
pub(super) mod human;
pub(super) mod progress;
pub(super) mod summary;
mod turns;

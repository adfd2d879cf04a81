//! The output of hosts, on screens for people.
//!
//! `stream` shows it as it arrives, cut by `lines`. `group` shows it at the end, equal outputs once; `gather` keeps it
//! until then.

pub(super) mod gather;
pub(super) mod group;
mod lines;
pub(super) mod stream;

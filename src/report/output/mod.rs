//! What hosts print, on screens for people.
//!
//! `stream` shows it as it comes, by `lines`. `group` shows it at the end, equal outputs once; `gather` keeps it
//! until then.

pub(super) mod gather;
pub(super) mod group;
mod lines;
pub(super) mod stream;

//! Fleetwide finds every server that carries a tag in AWS, Google Cloud and Azure, and runs a
//! deploy script on all of them over SSH, with a true exit status for each.

pub mod config;
pub mod guard;
pub mod inventory;
pub mod plan;
pub mod report;
pub mod rollout;
pub mod transport;

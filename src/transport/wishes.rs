//! What whoever runs a job may want of it while it runs.

use tokio::sync::watch;

use super::Stop;

/// Watched while a job runs.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// How urgently it is to be ended.
    pub stop: watch::Receiver<Stop>,
    /// How many of its barriers are open, counted from its first one. Only ever rises.
    pub open: watch::Receiver<u32>,
}

impl Wishes {
    /// Of a job without barriers, or none of whose barriers will be opened.
    pub fn to_stop(stop: watch::Receiver<Stop>) -> Self {
        Self { stop, open: watch::Sender::new(0).subscribe() }
    }
}

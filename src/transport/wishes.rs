//! What the caller of a job may request while it runs.

use tokio::sync::watch;

use super::Stop;

/// The caller's requests, watched while a job runs.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// How urgently the job must end.
    pub stop: watch::Receiver<Stop>,
    /// How many of its barriers are open, counted from its first one. Only ever rises.
    pub open: watch::Receiver<u32>,
}

impl Wishes {
    /// For a job without barriers, or whose barriers stay closed.
    pub fn to_stop(stop: watch::Receiver<Stop>) -> Self {
        Self { stop, open: watch::Sender::new(0).subscribe() }
    }
}

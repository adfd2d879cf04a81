//! Whether handshakes may still begin.

use tokio::sync::watch;

use crate::local::until;

/// Signals when a run halts: after that, no handshake may begin. Those under way may finish, because a handshake that
/// is cut off looks like an attack to the host.
#[derive(Clone, Debug)]
pub struct Halt(watch::Receiver<bool>);

impl Halt {
    /// Halts once `halted` is true.
    pub fn when(halted: watch::Receiver<bool>) -> Self {
        Self(halted)
    }

    /// Never halts: for callers that must reach the host, even if the run has halted.
    pub fn never() -> Self {
        Self(watch::Sender::new(false).subscribe())
    }

    /// Whether the run has halted.
    pub fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the run halts; forever, if the sender is gone.
    pub async fn comes(&mut self) {
        until(&mut self.0, |halted| halted).await;
    }
}

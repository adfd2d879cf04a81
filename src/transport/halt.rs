//! Whether handshakes may still begin.

use tokio::sync::watch;

use crate::local::until;

/// Tells when a run halts: from then on no handshake may begin. Those under way may finish, for one that is cut off
/// looks like an attack to the host.
#[derive(Clone, Debug)]
pub struct Halt(watch::Receiver<bool>);

impl Halt {
    /// Once this is true.
    pub fn when(halted: watch::Receiver<bool>) -> Self {
        Self(halted)
    }

    /// Never: for whoever must have the host, whatever becomes of the run.
    pub fn never() -> Self {
        Self(watch::Sender::new(false).subscribe())
    }

    /// Whether it has come.
    pub fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it comes; for ever, if nobody can call it any more.
    pub async fn comes(&mut self) {
        until(&mut self.0, |halted| halted).await;
    }
}

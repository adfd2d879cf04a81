//! How long an answer may take.

use std::time::Duration;

use tokio::time::Instant;

/// A time that the user allows, counted from a moment on. What is left of it is waited for; an error tells the whole,
/// which is what the user wrote and can raise.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    allowed: Duration,
    began: Instant,
}

impl Deadline {
    /// So long, from now on.
    pub fn from_now(allowed: Duration) -> Self {
        Self { allowed, began: Instant::now() }
    }

    /// How long was allowed at first.
    pub const fn allowed(&self) -> Duration {
        self.allowed
    }

    /// What is left of it.
    pub fn left(&self) -> Duration {
        self.allowed.saturating_sub(self.began.elapsed())
    }
}

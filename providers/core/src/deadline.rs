//! How long an answer may take.

use std::time::Duration;

use tokio::time::Instant;

/// A time that the user allows, counted from some moment. The wait ends when nothing is left of it. An error shows the
/// whole time, because that is what the user set and can raise.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    allowed: Duration,
    began: Instant,
}

impl Deadline {
    /// A deadline of this length, from now on.
    pub fn from_now(allowed: Duration) -> Self {
        Self { allowed, began: Instant::now() }
    }

    /// The whole time.
    pub const fn allowed(&self) -> Duration {
        self.allowed
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.allowed.saturating_sub(self.began.elapsed())
    }
}

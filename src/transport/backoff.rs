//! How waits grow: each is twice the previous one.

use std::time::Duration;

/// The waits between tries.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Backoff {
    /// The wait after `waits` earlier ones.
    pub fn after(self, waits: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(waits)).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
        assert_eq!([0, 1, 4, 5, u32::MAX].map(|waits| backoff.after(waits).as_secs()), [1, 2, 16, 30, 30]);
    }
}

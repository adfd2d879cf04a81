//! The lines that may be sent to the guard while the script runs.

use std::time::Duration;

/// A line on the guard's stdin. It must not be sent before the guard has said that the script runs. Closing stdin says
/// that the client is gone: see [`OnLost`](super::OnLost).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifeline {
    /// Sends TERM to the script's group, and KILL to what is left of it after the grace (whole seconds, rounded up).
    Terminate {
        /// How long the script may tidy up.
        grace: Duration,
    },
    /// The same, because the script printed nothing for too long: the guard records that as the cause.
    Idle {
        /// How long the script may tidy up.
        grace: Duration,
    },
    /// Sends KILL to the script's group at once.
    Kill,
    /// Says that a client still waits for a script at a barrier. Without it for as long as the script may run, but at
    /// least a minute, the guard takes the client for gone and ends the script.
    Wait,
    /// Lets a script at a barrier go on: see [`Control::Held`](super::Control::Held).
    Go {
        /// The barrier, counted from 1.
        barrier: u32,
        /// How much of the script's time is left (whole seconds, rounded up, at least one).
        left: Duration,
    },
}

impl Lifeline {
    /// The bytes to send.
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Terminate { grace } => format!("T {}\n", whole_seconds(grace)).into_bytes(),
            Self::Idle { grace } => format!("I {}\n", whole_seconds(grace)).into_bytes(),
            Self::Kill => b"K\n".to_vec(),
            Self::Wait => b"W\n".to_vec(),
            Self::Go { barrier, left } => format!("G {barrier} {}\n", whole_seconds(left).max(1)).into_bytes(),
        }
    }
}

/// Seconds, rounded up, and no more than any host's `sleep` and shell arithmetic can take.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;
    let rounded = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    rounded.min(TEN_YEARS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Lifeline;

    #[test]
    fn a_grace_is_rounded_up_and_bounded() {
        let line = |grace| Lifeline::Terminate { grace }.encode();
        assert_eq!(line(Duration::from_millis(1)), b"T 1\n");
        assert_eq!(line(Duration::from_secs(7)), b"T 7\n");
        assert_eq!(line(Duration::ZERO), b"T 0\n");
        assert_eq!(line(Duration::MAX), b"T 315360000\n");
        assert_eq!(Lifeline::Idle { grace: Duration::from_secs(7) }.encode(), b"I 7\n");
        assert_eq!(Lifeline::Kill.encode(), b"K\n");
        assert_eq!(Lifeline::Wait.encode(), b"W\n");
        assert_eq!(Lifeline::Go { barrier: 2, left: Duration::ZERO }.encode(), b"G 2 1\n");
    }
}

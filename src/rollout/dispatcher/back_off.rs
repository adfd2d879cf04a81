//! How long to wait before a host is tried again.

use std::time::Duration;

use super::words::HostIndex;
use crate::transport::Backoff;

/// One second, doubled each time, at most half a minute, plus up to half of that: hosts that failed together should not
/// come back together. Each host has its own share, the same in every run.
pub(super) fn back_off(host: HostIndex, attempt: u32) -> Duration {
    const WAIT: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
    /// The fractional part of the golden ratio: its multiples are spread evenly over the unit interval, however many
    /// there are.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let place = u32::try_from(host.0).unwrap_or(u32::MAX);
    WAIT.after(attempt.saturating_sub(1)).mul_f64(1.0 + (f64::from(place) * GOLDEN).fract() / 2.0)
}

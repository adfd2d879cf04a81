//! How a host's time was spent, as the timeline draws it.

use jiff::Timestamp;

use super::{
    axis::{after, before},
    look::{self, Look},
};
use crate::report::files::host_record::HostRecord;

/// A phase of a host's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between two attempts.
    Waiting,
    Connecting,
    LoggingIn,
    Script(Look),
    Undo(Look),
}

impl Phase {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::LoggingIn => "login",
            Self::Script(look) => look.class,
            Self::Undo(_) => "undo",
        }
    }

    /// Its height in a high row, which distinguishes phases without colours.
    pub(super) const fn height(self) -> u32 {
        match self {
            Self::Waiting => 2,
            Self::Connecting => 4,
            Self::LoggingIn => 8,
            Self::Script(_) | Self::Undo(_) => 12,
        }
    }

    /// True if the phase is drawn however short it was.
    pub(super) const fn always_shows(self) -> bool {
        match self {
            Self::Waiting | Self::Connecting | Self::LoggingIn => false,
            Self::Script(_) | Self::Undo(_) => true,
        }
    }
}

/// The phases of a host, in order. A phase that has not ended goes on until `now`.
pub(super) fn phases(host: &HostRecord, now: Timestamp) -> Vec<(Phase, Timestamp, Timestamp)> {
    let Some(started) = host.started else { return Vec::new() };
    let look = look::of_script(host);
    let by_hand = host.undo.is_some() && host.undo_after().is_none();
    let script = if by_hand { Phase::Undo(look) } else { Phase::Script(look) };
    let mut phases = Vec::new();
    match host.duration_ms {
        None if host.group.is_some() => phases.push((script, started, now)),
        None => phases.push((Phase::Connecting, started, now)),
        // The record has the end of the last attempt, and how long its phases took.
        Some(ms) => {
            let mut until = after(started, ms);
            let parts = host.phases;
            let known =
                [(script, parts.script_ms), (Phase::LoggingIn, parts.auth_ms), (Phase::Connecting, parts.connect_ms)];
            for (phase, ms) in known {
                let Some(ms) = ms else { continue };
                let from = before(until, ms).max(started);
                phases.push((phase, from, until));
                until = from;
            }
            let rest = if parts.connect_ms.is_none() { Phase::Connecting } else { Phase::Waiting };
            phases.push((rest, started, until));
            phases.reverse();
        }
    }
    if let Some(undo) = host.undo_after()
        && let Some(started) = undo.started
    {
        phases.push((Phase::Undo(look::of_undo(undo.outcome)), started, after(started, undo.duration_ms)));
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::tests::{at, host_record};

    #[test]
    fn phases_are_reckoned_back_from_the_end() {
        let mut host = host_record(1);
        host.started = Some(at(10));
        host.duration_ms = Some(9_000);
        (host.phases.connect_ms, host.phases.auth_ms, host.phases.script_ms) = (Some(1000), Some(1000), Some(3000));
        let script = Phase::Script(look::of_script(&host));
        let expected = vec![
            (Phase::Waiting, at(10), at(14)),
            (Phase::Connecting, at(14), at(15)),
            (Phase::LoggingIn, at(15), at(16)),
            (script, at(16), at(19)),
        ];
        assert_eq!(phases(&host, at(99)), expected);
        host.phases = crate::report::PhasesRecord::default();
        assert_eq!(phases(&host, at(99)), [(Phase::Connecting, at(10), at(19))]);
        (host.duration_ms, host.group) = (None, None);
        assert_eq!(phases(&host, at(99)), [(Phase::Connecting, at(10), at(99))]);
    }
}

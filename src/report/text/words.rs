//! Numbers, times and reasons, worded for people.

use std::{collections::BTreeMap, time::Duration};

use super::neutral;
use crate::{
    config::Label,
    inventory::Host,
    plan::Pause,
    report::files::{host_record::HostRecord, rollout_record::UndoRecord},
    rollout::{Outcome, PartResult, UndoOutcome},
};

/// `1,234`.
pub(in crate::report) fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 host`, `1,234 hosts`.
pub(in crate::report) fn count(n: usize, thing: &str) -> String {
    format!("{} {thing}{}", number(n), if n == 1 { "" } else { "s" })
}

/// `48 hosts`, or `3 of 48 hosts` when these were chosen from more.
pub(in crate::report) fn chosen(hosts: usize, of: Option<usize>) -> String {
    match of {
        None => count(hosts, "host"),
        Some(of) => format!("{} of {}", number(hosts), count(of, "host")),
    }
}

/// How many hosts may fail.
pub(in crate::report) fn allowed(failures: usize) -> String {
    match failures {
        0 => "no failure allowed".to_owned(),
        n => format!("{} allowed", count(n, "failure")),
    }
}

/// `0.4s`, `12s`, `3m 05s`, `1h 02m`: as exact as people want it.
pub(in crate::report) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{}.{}s", seconds, duration.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A configured time, exactly: `10m`, `90s`, `1500ms`.
pub(in crate::report) fn setting(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        _ if !ms.is_multiple_of(1000) => format!("{ms}ms"),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ => format!("{}s", ms / 1000),
    }
}

/// `aws 12, gcp 9`: how many hosts each provider gave.
pub(in crate::report) fn by_provider<'a>(hosts: impl IntoIterator<Item = &'a Host>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for host in hosts {
        *counts.entry(host.instance.provider.as_str()).or_default() += 1;
    }
    let parts: Vec<_> = counts.iter().map(|(provider, n)| format!("{provider} {}", number(*n))).collect();
    parts.join(", ")
}

/// `30 hosts (aws 12, gcp 18)`; for no hosts only the count.
pub(in crate::report) fn with_providers<'a>(count: String, hosts: impl IntoIterator<Item = &'a Host>) -> String {
    let providers = by_provider(hosts);
    if providers.is_empty() { count } else { format!("{count} ({providers})") }
}

/// What stands between stages, in a line.
pub(in crate::report) fn pause(pause: &Pause) -> String {
    let names = |checks: &[Label]| checks.iter().map(Label::as_str).collect::<Vec<_>>().join(", ");
    match pause {
        Pause::Soak { time, checks } if checks.is_empty() => format!("Soak for {}", setting(*time)),
        Pause::Soak { time, checks } => {
            let many = if checks.len() == 1 { "check" } else { "checks" };
            format!("Soak for {}, under the {many} {}", setting(*time), names(checks))
        }
        Pause::Check(checks) => format!("Check {}", names(checks)),
        Pause::Approve(who) => format!("Ask {who} to approve"),
    }
}

/// How a part of a script ended, in a line: `part test: exit status 1 after 3.2s`.
pub(in crate::report) fn part(part: &PartResult) -> String {
    let end = match (part.exit_status, &part.signal) {
        (Some(status), _) => format!("exit status {status}"),
        (None, Some(signal)) => format!("killed by SIG{}", neutral::line(signal)),
        (None, None) => part.outcome.as_str().to_owned(),
    };
    let time = part.duration.map(|time| format!(" after {}", duration(time))).unwrap_or_default();
    format!("part {}: {end}{time}", neutral::line(&part.name))
}

/// The final state of a host, in one harmless line: the result of its undo, if there was one, and why it did not
/// succeed before: `back at v1`, `back at v1 (failed: exit status 3)`, `not back at v1: exit status 7`.
pub(in crate::report) fn fate(host: &HostRecord) -> String {
    let Some(undo) = host.undo_after() else { return why(host) };
    let before = match host.outcome {
        Some(
            outcome @ (Outcome::Failed | Outcome::Unreachable | Outcome::Unknown | Outcome::Gone | Outcome::Skipped),
        ) => format!(" ({}: {})", outcome.as_str(), why(host)),
        Some(Outcome::Succeeded) | None => String::new(),
    };
    format!("{}{before}", of_undo(undo))
}

/// The result of a host's undo, in one harmless line.
pub(in crate::report) fn of_undo(undo: &UndoRecord) -> String {
    let there =
        undo.revision.as_deref().map_or_else(|| "as it was".to_owned(), |to| format!("at {}", neutral::line(to)));
    let (ended, message) = (undo.exit_status.filter(|status| *status != 0), undo.message.as_deref());
    match undo.outcome {
        UndoOutcome::Undone => format!("back {there}"),
        UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => {
            let why = reason(ended, undo.signal.as_deref(), message);
            format!("not back {there}{}", if why.is_empty() { why } else { format!(": {why}") })
        }
    }
}

/// Why a host did not succeed, in one harmless line: `exit status 3`, `killed by SIGTERM: timed out`, …
pub(in crate::report) fn why(host: &HostRecord) -> String {
    // An exit status of 0 is not the reason for a failure.
    let status = host.exit_status.filter(|status| *status != 0 || host.message.is_none());
    let why = reason(status, host.signal.as_deref(), host.message.as_deref());
    if !why.is_empty() {
        return why;
    }
    match host.outcome {
        None => "not finished".to_owned(),
        Some(Outcome::Skipped) => "the run stopped first".to_owned(),
        Some(
            outcome @ (Outcome::Succeeded | Outcome::Failed | Outcome::Unreachable | Outcome::Unknown | Outcome::Gone),
        ) => outcome.as_str().to_owned(),
    }
}

/// How a script ended, and its message, in one harmless line; empty if nothing is known.
fn reason(exit_status: Option<u8>, signal: Option<&str>, message: Option<&str>) -> String {
    let message = message.map(neutral::line).unwrap_or_default();
    let (ended, message) = match (exit_status, signal.map(neutral::line)) {
        (Some(status), _) => (format!("exit status {status}"), message),
        // Messages name a signal as the protocol does; people know its full name.
        (None, Some(signal)) => {
            let ended = format!("killed by SIG{signal}");
            let message = message.replace(&format!("killed by {signal}"), &ended);
            (ended, message)
        }
        (None, None) => (String::new(), message),
    };
    match (ended.is_empty(), message.is_empty()) {
        (_, true) => ended,
        // A message that already says how it ended needs no prefix.
        (false, false) if !message.contains(&ended) => format!("{ended}: {message}"),
        (true | false, false) => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2].map(|n| count(n, "host")), ["1 host", "2 hosts"]);
        let times = [0, 400, 12_345, 185_000, 3_720_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(times, ["0.0s", "0.4s", "12s", "3m 05s", "1h 02m"]);
        let settings = [0, 1500, 90_000, 600_000, 7_200_000].map(|ms| setting(Duration::from_millis(ms)));
        assert_eq!(settings, ["0s", "1500ms", "90s", "10m", "2h"]);
    }
}

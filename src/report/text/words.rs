//! Numbers, times and reasons in words for people.

use std::{collections::BTreeMap, time::Duration};

use super::neutral;
use crate::{
    config::Label,
    inventory::Host,
    plan::Pause,
    report::files::record::HostRecord,
    rollout::{Outcome, PartResult},
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

/// `0.4s`, `12s`, `3m 05s`, `1h 02m`: as exact as a person wants it.
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

/// Why a host did not succeed, in one harmless line: `exit status 3`, `killed by SIGTERM: timed out`, …
pub(in crate::report) fn why(host: &HostRecord) -> String {
    if let Some(undo) = &host.undo {
        let before = host.outcome.map_or("", Outcome::as_str);
        let message = undo.message.as_deref().map(|message| format!(": {}", neutral::line(message)));
        let to = undo.revision.as_deref().map(|to| format!(" to {}", neutral::line(to)));
        return format!("{before} before{}{}", to.unwrap_or_default(), message.unwrap_or_default());
    }
    reason(host)
}

/// Why its own script did not succeed, whatever was done about it then.
pub(in crate::report) fn reason(host: &HostRecord) -> String {
    let message = host.message.as_deref().map(neutral::line).unwrap_or_default();
    let (ended, message) = match (host.exit_status, host.signal.as_deref().map(neutral::line)) {
        (Some(status), _) => (format!("exit status {status}"), message),
        // Messages name a signal as the protocol does, people know it by its whole name.
        (None, Some(signal)) => {
            let ended = format!("killed by SIG{signal}");
            let message = message.replace(&format!("killed by {signal}"), &ended);
            (ended, message)
        }
        (None, None) => (String::new(), message),
    };
    match (ended.is_empty(), message.is_empty()) {
        (true, true) => match host.outcome {
            None => "not finished".to_owned(),
            Some(Outcome::Skipped) => "the run stopped first".to_owned(),
            Some(
                outcome @ (Outcome::Succeeded
                | Outcome::Failed
                | Outcome::Unreachable
                | Outcome::Unknown
                | Outcome::Gone),
            ) => outcome.as_str().to_owned(),
        },
        (false, true) => ended,
        // A message that says how it ended already needs no prefix.
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

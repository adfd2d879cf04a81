//! What failed, by kind: hosts that failed for the same reason are one class, whatever their words.

use super::{Grade, Issue, cut};
use crate::{
    report::{
        files::record::{HostRecord, Record},
        screens::failures,
        text::{labels::Labels, neutral, words},
    },
    rollout::Outcome,
};

/// GitHub shows ten annotations of a step.
const MOST: usize = 10;

/// So many hosts of a class are named.
const NAMES: usize = 10;

/// How much of a host's last lines goes into an annotation, in bytes.
const TAIL: usize = 2_000;

/// Hosts that failed for the same reason, the largest class first.
#[derive(Debug)]
pub(super) struct Class<'r> {
    pub(super) outcome: &'static str,
    /// The reason, in a few words: `exit status 3`, `login refused`.
    pub(super) reason: String,
    /// At least one.
    pub(super) hosts: Vec<&'r HostRecord>,
}

/// The classes of `record`'s failures.
pub(super) fn of(record: &Record) -> Vec<Class<'_>> {
    let mut classes: Vec<Class<'_>> = Vec::new();
    for host in record.hosts.iter().filter(|host| failures::wants_telling(host)) {
        let (outcome, reason) = (host.outcome.map_or("running", Outcome::as_str), reason(host));
        match classes.iter_mut().find(|class| class.outcome == outcome && class.reason == reason) {
            Some(class) => class.hosts.push(host),
            None => classes.push(Class { outcome, reason, hosts: vec![host] }),
        }
    }
    classes.sort_by_key(|class| std::cmp::Reverse(class.hosts.len()));
    classes
}

impl Class<'_> {
    /// `12 hosts failed: exit status 3`.
    pub(super) fn headline(&self) -> String {
        format!("{} {}: {}", words::count(self.hosts.len(), "host"), self.outcome, self.reason)
    }

    /// Who they are.
    pub(super) fn names(&self, labels: &Labels) -> String {
        let shown: Vec<_> = self.hosts.iter().take(NAMES).map(|host| labels.get(&host.id)).collect();
        match self.hosts.len().saturating_sub(NAMES) {
            0 => shown.join(", "),
            more => format!("{} and {} more", shown.join(", "), words::number(more)),
        }
    }

    /// One annotation for all of them. A log shows it without its title, so the text begins with the hosts.
    fn issue(&self, record: &Record, labels: &Labels) -> Issue {
        let mut lines = vec![format!("{}: {}", self.reason, self.names(labels))];
        if let Some(host) = self.hosts.first() {
            let why = words::why(host);
            if why != self.reason {
                lines.push(why);
            }
            if let Some(tail) = last_words(host) {
                let tail = neutral::block(tail);
                let tail = tail.trim_matches('\n').trim_end();
                let kept = tail.ceil_char_boundary(tail.len().saturating_sub(TAIL));
                lines.push(tail[kept..].to_owned());
            }
            lines.extend(host.hint.as_ref().map(|hint| format!("hint: {hint}")));
            lines.extend(host.log.as_ref().map(|log| format!("log: {log}")));
        }
        let title = format!("{}: {}", neutral::line(&record.target), self.headline());
        Issue { grade: Grade::Error, title, text: lines.join("\n") }
    }
}

/// Every class as an annotation, as many as a pipeline shows; `closing` is what is said when nothing
/// failed and yet the run did not succeed.
pub(super) fn issues(record: &Record, labels: &Labels, closing: &str) -> Vec<Issue> {
    let classes = of(record);
    if classes.is_empty() {
        let title = neutral::line(&record.target);
        return vec![Issue { grade: Grade::Error, title, text: closing.to_owned() }];
    }
    let shown = if classes.len() > MOST { MOST - 1 } else { classes.len() };
    let mut issues: Vec<_> = classes[..shown].iter().map(|class| class.issue(record, labels)).collect();
    let rest = &classes[shown..];
    if !rest.is_empty() {
        let hosts: usize = rest.iter().map(|class| class.hosts.len()).sum();
        let title = format!("{}: {} failed in other ways", neutral::line(&record.target), words::count(hosts, "host"));
        let text: Vec<_> = rest.iter().map(Class::headline).collect();
        issues.push(Issue { grade: Grade::Error, title, text: text.join("\n") });
    }
    issues
}

/// The last lines of what a host wrote: of its errors, or else of what there is.
pub(super) fn last_words(host: &HostRecord) -> Option<&str> {
    [&host.stderr_tail, &host.stdout_tail].into_iter().map(String::as_str).find(|tail| !tail.trim().is_empty())
}

/// Why it failed, without the host's own words.
fn reason(host: &HostRecord) -> String {
    let ended = match (host.exit_status, host.signal.as_deref()) {
        (Some(status), _) => Some(format!("exit status {status}")),
        (None, Some(signal)) => Some(format!("killed by SIG{}", neutral::line(signal))),
        (None, None) => None,
    };
    match (host.cause.as_deref(), ended) {
        (Some("script") | None, Some(ended)) => ended,
        (Some(cause), Some(ended)) => format!("{} ({ended})", phrase(cause)),
        (Some(cause), None) => phrase(cause),
        (None, None) => cut(&words::why(host), 100).into_owned(),
    }
}

/// A cause as people say it.
fn phrase(cause: &str) -> String {
    match cause {
        "script" => "the script failed".to_owned(),
        "idle" => "silent for too long".to_owned(),
        "lost" => "contact was lost".to_owned(),
        "connect-refused" => "connection refused".to_owned(),
        "connect-timed-out" => "connection timed out".to_owned(),
        "connect-failed" => "no connection".to_owned(),
        "local-ssh" => "ssh could not be run here".to_owned(),
        // The word says it: `login-refused`, `host-key-changed`, `connect-no-route`.
        other => other.strip_prefix("connect-").unwrap_or(other).replace('-', " "),
    }
}

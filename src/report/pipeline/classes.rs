//! Groups failures by kind: hosts that failed for the same reason form one class, whatever they printed.

use super::{Grade, Issue, cut};
use crate::{
    report::{
        files::{host_record::HostRecord, record::Record, rollout_record::UndoRecord},
        screens::failures,
        text::{labels::Labels, neutral, words},
    },
    rollout::PartOutcome,
};

/// GitHub shows ten annotations per step.
const MOST: usize = 10;

/// The most hosts named per class.
const NAMES: usize = 10;

/// How much of a host's last lines goes into an annotation, in bytes.
const TAIL: usize = 2_000;

/// Hosts that failed for the same reason.
#[derive(Debug)]
pub(super) struct Class<'r> {
    pub(super) outcome: &'static str,
    /// The reason, in a few words: `exit status 3`, `login refused`, `check health`.
    pub(super) reason: String,
    /// At least one.
    pub(super) hosts: Vec<&'r HostRecord>,
    /// The reason of the first host, in full.
    why: String,
    /// The last output of the first host.
    pub(super) last_words: Option<&'r str>,
    /// What to try.
    pub(super) hint: Option<&'r str>,
    /// The file with its complete output.
    pub(super) log: Option<&'r str>,
}

/// The classes of `record`'s failures, failed undos included; the largest class first.
pub(super) fn of(record: &Record) -> Vec<Class<'_>> {
    let failed = record.hosts.iter().filter(|host| failures::wants_telling(host)).map(Class::of_deploy);
    let unhealed = record.hosts.iter().filter_map(|host| host.unhealed().map(|undo| Class::of_undo(host, undo)));
    let mut classes: Vec<Class<'_>> = Vec::new();
    for one in failed.chain(unhealed) {
        match classes.iter_mut().find(|class| class.outcome == one.outcome && class.reason == one.reason) {
            Some(class) => class.hosts.extend(one.hosts),
            None => classes.push(one),
        }
    }
    classes.sort_by_key(|class| std::cmp::Reverse(class.hosts.len()));
    classes
}

impl<'r> Class<'r> {
    fn of_deploy(host: &'r HostRecord) -> Self {
        Self {
            outcome: host.own_word().unwrap_or("running"),
            reason: reason(host),
            hosts: vec![host],
            why: words::why(host),
            last_words: last_words(&host.stderr_tail, &host.stdout_tail),
            hint: host.hint.as_deref(),
            log: host.log.as_deref(),
        }
    }

    fn of_undo(host: &'r HostRecord, undo: &'r UndoRecord) -> Self {
        let message = || undo.message.as_deref().map_or_else(|| words::of_undo(undo), neutral::line);
        let ended = ended(undo.exit_status.filter(|status| *status != 0), undo.signal.as_deref());
        Self {
            outcome: undo.outcome.as_str(),
            reason: ended.unwrap_or_else(|| gist(&message())),
            hosts: vec![host],
            why: words::of_undo(undo),
            last_words: last_words(&undo.stderr_tail, &undo.stdout_tail),
            hint: undo.hint.as_deref(),
            log: undo.log.as_deref(),
        }
    }

    /// `12 hosts failed: exit status 3`.
    pub(super) fn headline(&self) -> String {
        format!("{} {}: {}", words::count(self.hosts.len(), "host"), self.outcome, self.reason)
    }

    /// The names of the hosts.
    pub(super) fn names(&self, labels: &Labels) -> String {
        let shown: Vec<_> = self.hosts.iter().take(NAMES).map(|host| labels.get(&host.id)).collect();
        match self.hosts.len().saturating_sub(NAMES) {
            0 => shown.join(", "),
            more => format!("{} and {} more", shown.join(", "), words::number(more)),
        }
    }

    /// One annotation for the whole class. A log shows it without its title, so the text starts with the hosts.
    fn issue(&self, record: &Record, labels: &Labels) -> Issue {
        let mut lines = vec![format!("{}: {}", self.reason, self.names(labels))];
        if self.why != self.reason {
            lines.push(self.why.clone());
        }
        if let Some(tail) = self.last_words {
            let tail = neutral::block(tail);
            let tail = tail.trim_matches('\n').trim_end();
            let kept = tail.ceil_char_boundary(tail.len().saturating_sub(TAIL));
            lines.push(tail[kept..].to_owned());
        }
        lines.extend(self.hint.map(|hint| format!("hint: {hint}")));
        lines.extend(self.log.map(|log| format!("log: {log}")));
        let title = format!("{}: {}", neutral::line(&record.target), self.headline());
        Issue { grade: Grade::Error, title, text: lines.join("\n") }
    }
}

/// The annotations: what stopped the run, unless a host did, then the classes, as many as a pipeline shows. `closing`
/// is used if nothing failed and yet the run did not succeed.
pub(super) fn issues(record: &Record, labels: &Labels, closing: &str) -> Vec<Issue> {
    let classes = of(record);
    let of_run = |text| Issue { grade: Grade::Error, title: neutral::line(&record.target), text };
    let mut issues: Vec<_> = match record.objection() {
        Some(why) => vec![of_run(format!("{why}\n{closing}"))],
        None if classes.is_empty() => vec![of_run(closing.to_owned())],
        None => Vec::new(),
    };
    let room = MOST - issues.len();
    let shown = if classes.len() > room { room - 1 } else { classes.len() };
    issues.extend(classes[..shown].iter().map(|class| class.issue(record, labels)));
    let rest = &classes[shown..];
    if !rest.is_empty() {
        let hosts: usize = rest.iter().map(|class| class.hosts.len()).sum();
        let title = format!("{}: {} failed in other ways", neutral::line(&record.target), words::count(hosts, "host"));
        let text: Vec<_> = rest.iter().map(Class::headline).collect();
        issues.push(Issue { grade: Grade::Error, title, text: text.join("\n") });
    }
    issues
}

/// The last lines of a host's standard error, or of its standard output if that is empty.
fn last_words<'r>(stderr: &'r str, stdout: &'r str) -> Option<&'r str> {
    [stderr, stdout].into_iter().find(|tail| !tail.trim().is_empty())
}

/// Why the host failed, without its own output, and in which part of its script.
fn reason(host: &HostRecord) -> String {
    let part = host.parts.iter().find(|part| match part.outcome {
        PartOutcome::Failed | PartOutcome::Unfinished => true,
        PartOutcome::Succeeded | PartOutcome::NotStarted => false,
    });
    let part = part.map(|part| format!("part {}: ", neutral::line(&part.name))).unwrap_or_default();
    let ended = ended(host.exit_status, host.signal.as_deref());
    let reason = match (host.cause.as_deref(), ended) {
        (Some("script") | None, Some(ended)) => ended,
        // The script had succeeded; the message starts with the name of the objection: `check health: …`.
        (Some("check" | "hook" | "hook-before"), _) => gist(&words::why(host)),
        (Some(cause), Some(ended)) => format!("{} ({ended})", phrase(cause)),
        (Some(cause), None) => phrase(cause),
        (None, None) => gist(&words::why(host)),
    };
    format!("{part}{reason}")
}

/// The beginning of a message: the rest has addresses and other text that differs on every host.
fn gist(message: &str) -> String {
    cut(message.split_once(": ").map_or(message, |(gist, _)| gist), 100).into_owned()
}

fn ended(exit_status: Option<u8>, signal: Option<&str>) -> Option<String> {
    match (exit_status, signal) {
        (Some(status), _) => Some(format!("exit status {status}")),
        (None, Some(signal)) => Some(format!("killed by SIG{}", neutral::line(signal))),
        (None, None) => None,
    }
}

/// A cause in everyday words.
fn phrase(cause: &str) -> String {
    match cause {
        "script" => "the script failed".to_owned(),
        "idle" => "silent for too long".to_owned(),
        "lost" => "contact was lost".to_owned(),
        "connect-refused" => "connection refused".to_owned(),
        "connect-timed-out" => "connection timed out".to_owned(),
        "connect-failed" => "no connection".to_owned(),
        "local-ssh" => "ssh could not be run here".to_owned(),
        // The word explains itself: `login-refused`, `host-key-changed`, `connect-no-route`.
        other => other.strip_prefix("connect-").unwrap_or(other).replace('-', " "),
    }
}

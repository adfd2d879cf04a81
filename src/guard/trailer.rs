//! How a script ended, in the guard's words.

use std::fmt;

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The script's own status.
    pub status: ScriptStatus,
    /// What caused the end.
    pub cause: Cause,
    /// What is left of its process group. After a natural end it may be a server that the script started.
    pub group: GroupState,
    /// How many bytes it had written to stdout in total; only deploys are counted.
    pub stdout: Option<u64>,
    /// The same for stderr.
    pub stderr: Option<u64>,
    /// Whether the host recorded the end.
    pub record: Record,
}

/// Whether the host recorded a script's end, and the revision that a success gives the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// Everything was recorded; an ad hoc command has nothing to record.
    Kept,
    /// Something could not be written: the disk is full, or the script removed the folder.
    Lost,
}

/// A script's own status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptStatus {
    /// It exited with this status, which may be 127, 143 or 255.
    Exited(u8),
    /// A signal killed it.
    Signaled(Signal),
    /// Unknown, because the guard was killed, or because the script could not be killed.
    Unknown,
    /// Unknown, because the host went down before the end.
    Rebooted,
}

/// A signal's name on that host, without `SIG`, because numbers differ between systems; a number if the host had no
/// name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signal(String);

/// What caused the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The script itself, or something else on the host.
    None,
    /// [`Lifeline::Terminate`](super::Lifeline::Terminate).
    Stop,
    /// [`Lifeline::Kill`](super::Lifeline::Kill).
    Kill,
    /// The deadline.
    Timeout,
    /// Contact was lost, and the request asked for a kill in that case.
    Lost,
    /// [`Lifeline::Idle`](super::Lifeline::Idle).
    Idle,
}

/// What is left of a script's process group, and, after anything but a natural end, of processes that left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// No process.
    Gone,
    /// At least one process. After anything but a natural end: it could not be killed.
    Alive,
    /// Only processes of another user, which the guard may not signal: `sudo` inside the script started them.
    Denied,
}

impl Trailer {
    /// `exit 0 none gone 120 0`, followed by `unrecorded` if the host could not record it.
    pub(super) fn parse(words: &str) -> Option<Self> {
        let words: Vec<&str> = words.split(' ').collect();
        let (words, record) = match &words[..] {
            [words @ .., "unrecorded"] => (words, Record::Lost),
            words => (words, Record::Kept),
        };
        let &[kind, value, cause, group, stdout, stderr] = words else { return None };
        let status = status(kind, value)?;
        let cause = match cause {
            "none" => Cause::None,
            "stop" => Cause::Stop,
            "idle" => Cause::Idle,
            "kill" => Cause::Kill,
            "timeout" => Cause::Timeout,
            "lost" => Cause::Lost,
            _ => return None,
        };
        let group = match group {
            "gone" => GroupState::Gone,
            "alive" => GroupState::Alive,
            "denied" => GroupState::Denied,
            _ => return None,
        };
        Some(Self { status, cause, group, stdout: count(stdout)?, stderr: count(stderr)?, record })
    }
}

impl Signal {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let fine = !name.is_empty()
            && name.len() <= 16
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-');
        fine.then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ScriptStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit status {code}"),
            Self::Signaled(signal) => write!(f, "killed by {signal}"),
            Self::Unknown => f.write_str("unknown end"),
            Self::Rebooted => f.write_str("unknown end before a reboot"),
        }
    }
}

/// `exit 0`, `signal TERM`, `unknown -` or `unknown reboot`.
pub(super) fn status(kind: &str, value: &str) -> Option<ScriptStatus> {
    match kind {
        "exit" => value.parse().ok().map(ScriptStatus::Exited),
        "signal" => Signal::named(value).map(ScriptStatus::Signaled),
        "unknown" if value == "reboot" => Some(ScriptStatus::Rebooted),
        "unknown" => Some(ScriptStatus::Unknown),
        _ => None,
    }
}

/// A number, or `-` for "not counted"; the outer `None` means neither.
#[expect(clippy::option_option, reason = "unreadable and not counted are two answers")]
pub(super) fn count(word: &str) -> Option<Option<u64>> {
    if word == "-" { Some(None) } else { word.parse().ok().map(Some) }
}

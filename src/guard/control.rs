//! The guard's own words: what its lines mean, once they are known to be its own.

use std::fmt;

use super::{
    escape::unescape,
    protocol::{ControlLine, Effect, ProtocolError},
};

/// A line of the guard on stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// It has read the first part of the request, and waits for the second one.
    Ready,
    /// The script was not started by this request, and will not be.
    Refused {
        /// Why, in one word.
        reason: Refusal,
        /// Why, for people.
        text: String,
    },
    /// The script runs, or ran already when the request came a second time.
    Started {
        /// Its process group.
        group: u32,
        /// The app's revision on this host before it.
        previous: Option<String>,
    },
    /// The script's end.
    Ended(Trailer),
}

/// A line of the guard on stderr, so that what belongs to the script there is known too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// What follows is the script's.
    Started,
    /// Nothing follows.
    Ended,
}

/// Why the guard did not start the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Another run of the app holds the lock, or a script of it is still alive.
    Busy,
    /// The host has seen a higher fence: a later run was here.
    Fence,
    /// There is nowhere to keep state: neither `HOME` nor `XDG_STATE_HOME` is set.
    NoHome,
    /// State cannot be written.
    ReadOnly,
    /// The file system or the quota is full.
    Full,
    /// The host lacks a tool that the guard needs.
    NoTool,
    /// This attempt has not started the script, and will not: its guard died before it could, or the request never came.
    NeverStarted,
    /// A file of the host's record holds what no guard writes; the text is its path.
    Damaged,
    /// The request does not follow the protocol.
    BadRequest,
    /// The guard was to run as root, and `sudo` did not let it. No guard says this, for none came to run.
    NoSudo,
}

/// How a script came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The script's own status.
    pub status: ScriptStatus,
    /// What brought the end about.
    pub cause: Cause,
    /// What is left of its process group. After a natural end that may be a server which the script started.
    pub group: GroupState,
    /// How many bytes it had written to stdout by then, from its start; only a deploy is counted.
    pub stdout: Option<u64>,
    /// Likewise for stderr.
    pub stderr: Option<u64>,
    /// What the host has on record of it.
    pub record: Record,
}

/// What a host has on record of a script's end, and of the revision that a success makes the app's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// All that there was to record; of a run that is nothing.
    Kept,
    /// Not all, because it could not be written: the disk is full, or the script removed the folder.
    Lost,
}

/// A script's own status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptStatus {
    /// It exited with this status, be it 127, 143 or 255.
    Exited(u8),
    /// A signal killed it.
    Signaled(Signal),
    /// Nobody saw its end: its guard was killed. Or it could not be killed.
    Unknown,
    /// Nobody saw its end, for the host went down before it.
    Rebooted,
}

/// A signal's name on that host, without `SIG`: numbers differ between systems. A number where the host had no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signal(String);

/// What brought the end about.
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
    /// Contact was lost, and the request asked for a kill then.
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

impl Refusal {
    /// True when a host that took a request before may have another answer to the same question later: it boots, its
    /// home folder is not mounted yet, or a disk is full for a moment.
    pub const fn may_pass(self) -> bool {
        match self {
            Self::Busy | Self::ReadOnly | Self::Full | Self::NoTool | Self::NeverStarted | Self::NoSudo => true,
            // The record is another host's, another version's, or such as no guard writes.
            Self::Fence | Self::NoHome | Self::Damaged | Self::BadRequest => false,
        }
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

impl ControlLine for Control {
    fn parse(line: &str) -> Result<Self, ProtocolError> {
        let malformed = || ProtocolError::malformed(line);
        if line == "ready" {
            return Ok(Self::Ready);
        }
        let (word, rest) = line.split_once(' ').ok_or_else(malformed)?;
        match word {
            "refused" => {
                let (reason, text) = rest.split_once(' ').ok_or_else(malformed)?;
                Ok(Self::Refused { reason: refusal(reason).ok_or_else(malformed)?, text: text.to_owned() })
            }
            "started" => {
                let (group, previous) = rest.split_once(' ').ok_or_else(malformed)?;
                let previous = match previous {
                    "-" => None,
                    word => Some(
                        unescape(word.as_bytes()).and_then(|it| String::from_utf8(it).ok()).ok_or_else(malformed)?,
                    ),
                };
                Ok(Self::Started { group: group.parse().map_err(|_| malformed())?, previous })
            }
            "end" => trailer(rest).map(Self::Ended).ok_or_else(malformed),
            _ => Err(malformed()),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Ready => Effect::None,
            Self::Started { .. } => Effect::Begins,
            Self::Refused { .. } | Self::Ended(_) => Effect::Ends,
        }
    }
}

impl ControlLine for Mark {
    fn parse(line: &str) -> Result<Self, ProtocolError> {
        match line {
            "started" => Ok(Self::Started),
            "end" => Ok(Self::Ended),
            _ => Err(ProtocolError::malformed(line)),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Started => Effect::Begins,
            Self::Ended => Effect::Ends,
        }
    }
}

fn refusal(word: &str) -> Option<Refusal> {
    Some(match word {
        "busy" => Refusal::Busy,
        "fence" => Refusal::Fence,
        "no-home" => Refusal::NoHome,
        "read-only" => Refusal::ReadOnly,
        "full" => Refusal::Full,
        "no-tool" => Refusal::NoTool,
        "never-started" => Refusal::NeverStarted,
        "damaged" => Refusal::Damaged,
        "bad-request" => Refusal::BadRequest,
        _ => return None,
    })
}

/// `exit 0 none gone 120 0`, with one word more where the host could not record it: `unrecorded`.
fn trailer(words: &str) -> Option<Trailer> {
    let words: Vec<&str> = words.split(' ').collect();
    let (words, record) = match &words[..] {
        [words @ .., "unrecorded"] => (words, Record::Lost),
        words => (words, Record::Kept),
    };
    let &[kind, value, cause, group, stdout, stderr] = words else { return None };
    let status = match kind {
        "exit" => ScriptStatus::Exited(value.parse().ok()?),
        "signal" => ScriptStatus::Signaled(Signal::named(value)?),
        "unknown" if value == "reboot" => ScriptStatus::Rebooted,
        "unknown" => ScriptStatus::Unknown,
        _ => return None,
    };
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
    Some(Trailer { status, cause, group, stdout: count(stdout)?, stderr: count(stderr)?, record })
}

/// A number, or `-` for "not counted"; the outer `None` is neither.
#[expect(clippy::option_option, reason = "unreadable and not counted are two answers")]
fn count(word: &str) -> Option<Option<u64>> {
    if word == "-" { Some(None) } else { word.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_it_says() {
        let started = |previous: Option<&str>| Control::Started { group: 7, previous: previous.map(str::to_owned) };
        assert_eq!(Control::parse("ready"), Ok(Control::Ready));
        assert_eq!(Control::parse("started 7 -"), Ok(started(None)));
        assert_eq!(Control::parse("started 7 v1\\0040b"), Ok(started(Some("v1 b"))));
        assert_eq!(
            Control::parse("refused busy run r1-1 is under way"),
            Ok(Control::Refused { reason: Refusal::Busy, text: "run r1-1 is under way".to_owned() })
        );
        let trailer = Trailer {
            status: ScriptStatus::Signaled(Signal("RTMIN+3".to_owned())),
            cause: Cause::Timeout,
            group: GroupState::Alive,
            stdout: None,
            stderr: Some(9),
            record: Record::Kept,
        };
        assert_eq!(Control::parse("end signal RTMIN+3 timeout alive - 9"), Ok(Control::Ended(trailer.clone())));
        let rebooted = Trailer { status: ScriptStatus::Rebooted, group: GroupState::Denied, ..trailer.clone() };
        assert_eq!(Control::parse("end unknown reboot timeout denied - 9"), Ok(Control::Ended(rebooted)));
        let lost = Trailer { record: Record::Lost, ..trailer };
        assert_eq!(Control::parse("end signal RTMIN+3 timeout alive - 9 unrecorded"), Ok(Control::Ended(lost)));
        assert_eq!(Mark::parse("started"), Ok(Mark::Started));
        assert_eq!(Mark::parse("end"), Ok(Mark::Ended));
    }

    #[test]
    fn anything_else_is_an_error() {
        for line in [
            "",
            "end",
            "started",
            "ready ",
            "ready 7",
            "started x -",
            "started 7",
            "started 7 a b",
            "started 7 \\0377",
            "refused busy",
            "refused why text",
            "end exit 256 none gone 0 0",
            "end exit -1 none gone 0 0",
            "end signal T/M none gone 0 0",
            "end signal  none gone 0 0",
            "end exit 0 why gone 0 0",
            "end exit 0 none left 0 0",
            "end exit 0 none gone 0",
            "end exit 0 none gone 0 0 0",
            "end exit 0 none gone 0 unrecorded",
            "end exit 0 none gone 0 0 unrecorded unrecorded",
            "end exit 0 none gone x 0",
            "ended exit 0 none gone 0 0",
        ] {
            assert_eq!(Control::parse(line), Err(ProtocolError::malformed(line)), "{line:?}");
        }
        assert_eq!(Mark::parse("started 7"), Err(ProtocolError::malformed("started 7")));
    }
}

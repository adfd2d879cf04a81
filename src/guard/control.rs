//! The guard's control lines: what each means, once it is known to be the guard's own.

use super::{
    escape::unescape,
    protocol::{ControlLine, Effect, ProtocolError},
    recorded::RecordedAttempt,
    trailer::{ScriptStatus, Trailer, count, status},
};

/// A line of the guard on stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// The guard has read the first part of the request, and waits for the second one.
    Ready,
    /// This request has not started the script, and will not.
    Refused {
        /// The reason, in one word.
        reason: Refusal,
        /// The reason, for people.
        text: String,
    },
    /// The script runs, or was running already when the request came a second time.
    Started {
        /// Its process group.
        group: u32,
        /// The app's previous revision on this host.
        previous: Option<String>,
    },
    /// A part of the script has begun, counted from 1.
    PartBegun(u32),
    /// A part has ended by itself. A part that is ended together with the whole script is not reported.
    PartEnded(PartEnd),
    /// The script has come to this barrier, counted from 1. Nothing of it runs until
    /// [`Lifeline::Go`](super::Lifeline::Go).
    Held(u32),
    /// The script's end.
    Ended(Trailer),
    /// The app's revision on this host: the first line of the answer to a [`Query`](super::Query).
    Revision(Option<String>),
    /// An attempt in the host's record.
    Recorded(RecordedAttempt),
    /// The end of the record.
    Told,
}

/// How a part ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEnd {
    /// The part, counted from 1.
    pub part: u32,
    /// The part's own status.
    pub status: ScriptStatus,
    /// How many bytes of stdout the whole script had written by then, if known.
    pub stdout: Option<u64>,
    /// The same for stderr.
    pub stderr: Option<u64>,
}

/// A line of the guard on stderr, which marks the script's part of that stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The script's output follows.
    Started,
    /// Nothing follows.
    Ended,
}

/// Why the guard did not start the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Another run of the app holds the lock, or a script of it is still alive.
    Busy,
    /// The host has seen a higher fence, so a later run was here.
    Fence,
    /// There is nowhere to keep state: neither `HOME` nor `XDG_STATE_HOME` is set.
    NoHome,
    /// State cannot be written.
    ReadOnly,
    /// The file system or the quota is full.
    Full,
    /// The host lacks a tool that the guard needs.
    NoTool,
    /// This attempt has not started the script, and will not: its guard died first, or the request never came.
    NeverStarted,
    /// A file of the host's record holds something that no guard writes; the text is its path.
    Damaged,
    /// The request does not follow the protocol.
    BadRequest,
    /// `sudo` did not let the guard run as root. Inferred, because no guard ran that could say it.
    NoSudo,
}

impl Refusal {
    /// True when a host that has taken a request before may answer differently later: it is booting, its home folder is
    /// not mounted yet, or a disk is full for a moment.
    pub const fn may_pass(self) -> bool {
        match self {
            Self::Busy | Self::ReadOnly | Self::Full | Self::NoTool | Self::NeverStarted | Self::NoSudo => true,
            // The record belongs to another host or version, or no guard wrote it.
            Self::Fence | Self::NoHome | Self::Damaged | Self::BadRequest => false,
        }
    }
}

impl ControlLine for Control {
    fn parse(line: &str) -> Result<Self, ProtocolError> {
        let malformed = || ProtocolError::malformed(line);
        match line {
            "ready" => return Ok(Self::Ready),
            "told" => return Ok(Self::Told),
            _ => {}
        }
        let (word, rest) = line.split_once(' ').ok_or_else(malformed)?;
        match word {
            "refused" => {
                let (reason, text) = rest.split_once(' ').ok_or_else(malformed)?;
                Ok(Self::Refused { reason: refusal(reason).ok_or_else(malformed)?, text: text.to_owned() })
            }
            "started" => {
                let (group, previous) = rest.split_once(' ').ok_or_else(malformed)?;
                let previous = revision(previous).ok_or_else(malformed)?;
                Ok(Self::Started { group: group.parse().map_err(|_| malformed())?, previous })
            }
            "part" => part(rest).ok_or_else(malformed),
            "held" => rest.parse().map(Self::Held).map_err(|_| malformed()),
            "end" => Trailer::parse(rest).map(Self::Ended).ok_or_else(malformed),
            "revision" => revision(rest).map(Self::Revision).ok_or_else(malformed),
            "run" => RecordedAttempt::parse(rest).map(Self::Recorded).ok_or_else(malformed),
            _ => Err(malformed()),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Ready
            | Self::PartBegun(_)
            | Self::PartEnded(_)
            | Self::Held(_)
            | Self::Revision(_)
            | Self::Recorded(_) => Effect::None,
            Self::Started { .. } => Effect::Begins,
            Self::Refused { .. } | Self::Ended(_) | Self::Told => Effect::Ends,
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

/// An escaped revision, or `-` for none; the outer `None` means neither.
#[expect(clippy::option_option, reason = "unreadable and none are two answers")]
pub(super) fn revision(word: &str) -> Option<Option<String>> {
    match word {
        "" => None,
        "-" => Some(None),
        word => String::from_utf8(unescape(word.as_bytes())?).ok().map(Some),
    }
}

/// `1 begun fetch` or `1 ended exit 0 120 0`. The name is for people who read the record on the host.
fn part(words: &str) -> Option<Control> {
    let words: Vec<&str> = words.split(' ').collect();
    match words[..] {
        [part, "begun", _] => part.parse().ok().map(Control::PartBegun),
        [part, "ended", kind, value, stdout, stderr] => Some(Control::PartEnded(PartEnd {
            part: part.parse().ok()?,
            status: status(kind, value)?,
            stdout: count(stdout)?,
            stderr: count(stderr)?,
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::trailer::{Cause, GroupState, Record, Signal},
        *,
    };

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
            status: ScriptStatus::Signaled(Signal::named("RTMIN+3").unwrap()),
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
    fn parts_and_barriers_say_which_they_are() {
        assert_eq!(Control::parse("part 1 begun fetch"), Ok(Control::PartBegun(1)));
        let killed = ScriptStatus::Signaled(Signal::named("KILL").unwrap());
        let end = PartEnd { part: 2, status: killed, stdout: Some(120), stderr: None };
        assert_eq!(Control::parse("part 2 ended signal KILL 120 -"), Ok(Control::PartEnded(end)));
        assert_eq!(Control::parse("held 3"), Ok(Control::Held(3)));
    }

    #[test]
    fn what_is_on_record_is_told_line_by_line() {
        assert_eq!(Control::parse("revision -"), Ok(Control::Revision(None)));
        assert_eq!(Control::parse("revision v1\\0040b"), Ok(Control::Revision(Some("v1 b".to_owned()))));
        assert!(matches!(Control::parse("run r1-1 7 - v1 running"), Ok(Control::Recorded(_))));
        assert_eq!(Control::parse("told"), Ok(Control::Told));
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
            "part 1 begun",
            "part x begun fetch",
            "part 1 ended exit 256 0 0",
            "part 1 ended exit 0 0",
            "part 1 held",
            "held",
            "held x",
            "held 1 2",
            "revision",
            "revision ",
            "revision a b",
            "run r1-1 7 - v1",
            "told 1",
        ] {
            assert_eq!(Control::parse(line), Err(ProtocolError::malformed(line)), "{line:?}");
        }
        assert_eq!(Mark::parse("started 7"), Err(ProtocolError::malformed("started 7")));
    }
}

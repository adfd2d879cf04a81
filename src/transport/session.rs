//! A login on a host, what it is asked to run there, and how that ends.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use super::{ConnectError, Halt, Wishes};
use crate::{
    guard::{self, GuardRequest, PartEnd, Recorded, Refusal, Trailer},
    inventory::Host,
};

/// A longer time is for ever, and moments are not counted beyond it.
pub const YEAR: Duration = Duration::from_hours(365 * 24);

/// Opens sessions to hosts.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Connects and logs in; nothing is started on the host yet.
    async fn connect(&self, host: &Host) -> Result<Connected, ConnectError> {
        self.connect_unless(Halt::never(), host).await
    }

    /// The same, for a host that is left alone once the run halts: no handshake begins after that.
    async fn connect_unless(&self, halt: Halt, host: &Host) -> Result<Connected, ConnectError>;
}

/// A session, and how long it took to get.
#[derive(Debug)]
pub struct Connected {
    /// The session.
    pub session: Box<dyn Session>,
    /// How long the connection took, up to the end of the key exchange, as far as can be told.
    pub connect: Duration,
    /// How long the login took after that.
    pub auth: Duration,
}

/// One login on one host.
#[async_trait]
pub trait Session: fmt::Debug + Send {
    /// Runs one job under the guard, to its end. `wishes` may ask for an earlier one at any time, and say when it may
    /// go on where it is held.
    async fn run(&mut self, job: &Job, out: &mut dyn OutputSink, wishes: Wishes) -> Result<RemoteExit, Lost>;

    /// Logs out, and leaves no process behind on this machine.
    async fn close(self: Box<Self>);
}

/// What a session is to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The script and all that the guard needs to know.
    pub request: GuardRequest,
    /// How long the script may be silent.
    pub idle_timeout: Option<Duration>,
    /// Who runs it.
    pub run_as: RunAs,
}

/// Who runs a job on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// Whoever logs in.
    Login,
    /// Root: the guard itself is started by `sudo`, so that it may end whatever the script starts.
    Root,
}

impl RunAs {
    /// By the target's word.
    pub const fn of(sudo: bool) -> Self {
        if sudo { Self::Root } else { Self::Login }
    }

    /// The remote command line that becomes the guard.
    pub(super) const fn command(self) -> &'static str {
        match self {
            Self::Login => guard::COMMAND,
            Self::Root => guard::COMMAND_AS_ROOT,
        }
    }
}

/// Which of the script's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Hears what a job does while it runs.
pub trait OutputSink: Send {
    /// The guard has started the script, in this process group.
    fn started(&mut self, group: u32, previous_revision: Option<&str>);

    /// The script wrote something: raw bytes, cut anywhere.
    fn output(&mut self, stream: Stream, bytes: &[u8]);

    /// A part of the script has begun, from 1 on. Whoever takes a script up again hears this and what follows anew, from
    /// the script's beginning.
    fn part_begun(&mut self, _part: u32) {}

    /// It has ended by itself, and all that it wrote was handed on before; with that, something of the next one may have
    /// been. One that was ended with the script has no end of its own.
    fn part_ended(&mut self, _end: &PartEnd) {}

    /// The script is held at this barrier, from 1 on, until [`Wishes::open`] says that it may go on.
    fn held(&mut self, _barrier: u32) {}
}

/// The host's own word about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteExit {
    /// The script ran and ended.
    Ended(Trailer),
    /// The guard did not start the script.
    Refused {
        /// Why, in a word that programs can match.
        reason: Refusal,
        /// Why, in the guard's words.
        text: String,
    },
    /// What the host was asked for by a [`Query`](guard::Query).
    Recorded(Recorded),
}

/// Contact was lost before the host said how the job ended.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Lost {
    /// The script was started, as far as is known: its process group. `None` means that no start
    /// was seen, though the guard may have been on the point of it.
    pub group: Option<u32>,
    /// The request was sent, so the script may have started.
    pub sent: bool,
    /// What was seen, in one line.
    pub message: String,
}

impl Lost {
    /// Nothing was sent, so nothing can have started.
    pub(super) fn before_sending(message: String) -> Self {
        Self { group: None, sent: false, message }
    }
}

//! A login on a host, the job it runs there, and how the job ends.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use super::{ConnectError, Halt, Wishes};
use crate::{
    guard::{self, GuardRequest, PartEnd, Recorded, Refusal, Trailer},
    inventory::Host,
};

/// Longer times count as forever, and no later moments are computed.
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

/// A session, and how long it took to open.
#[derive(Debug)]
pub struct Connected {
    /// The session.
    pub session: Box<dyn Session>,
    /// How long the connection took, up to the end of the key exchange, as far as known.
    pub connect: Duration,
    /// How long the login took after that.
    pub auth: Duration,
}

/// One login on one host.
#[async_trait]
pub trait Session: fmt::Debug + Send {
    /// Runs one job under the guard, to its end. `wishes` may request an earlier end at any time, and opens barriers.
    async fn run(&mut self, job: &Job, out: &mut dyn OutputSink, wishes: Wishes) -> Result<RemoteExit, Lost>;

    /// Logs out, and leaves no process behind on this machine.
    async fn close(self: Box<Self>);
}

/// What a session runs.
#[derive(Clone, Debug)]
pub struct Job {
    /// The script and everything that the guard needs to know.
    pub request: GuardRequest,
    /// How long the script may be silent.
    pub idle_timeout: Option<Duration>,
    /// As which user it runs.
    pub run_as: RunAs,
}

/// As which user a job runs on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The user of the login.
    Login,
    /// Root: `sudo` starts the guard itself, so that it can end everything that the script starts.
    Root,
}

impl RunAs {
    /// From the target's setting.
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

/// A stream of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives what a job does while it runs.
pub trait OutputSink: Send {
    /// The guard has started the script, in this process group.
    fn started(&mut self, group: u32, previous_revision: Option<&str>);

    /// The script wrote something: raw bytes, cut anywhere.
    fn output(&mut self, stream: Stream, bytes: &[u8]);

    /// A part of the script has begun; parts count from 1. After re-attaching, this and the following methods are
    /// called again from the script's beginning.
    fn part_begun(&mut self, _part: u32) {}

    /// A part has ended by itself. All of its output was handed on before, possibly with some of the next part's. A
    /// part that was ended together with the script is not reported here.
    fn part_ended(&mut self, _end: &PartEnd) {}

    /// The script is held at this barrier (they count from 1) until [`Wishes::open`] lets it go on.
    fn held(&mut self, _barrier: u32) {}
}

/// The host's own report about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteExit {
    /// The script ran and ended.
    Ended(Trailer),
    /// The guard did not start the script.
    Refused {
        /// Why, as a value that programs can match.
        reason: Refusal,
        /// Why, in the guard's words.
        text: String,
    },
    /// The answer to a [`Query`](guard::Query).
    Recorded(Recorded),
}

/// Contact was lost before the host said how the job ended.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Lost {
    /// The process group of the script, if its start was seen. `None` means that no start was seen, though the guard
    /// may have been about to start it.
    pub group: Option<u32>,
    /// The request was sent completely, so the script may have started.
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

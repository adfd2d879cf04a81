//! How a script reaches a host.
//!
//! A [`Transport`] opens a [`Session`] to a host; a session runs one guarded job and says how it
//! ended in words of its own ([`RemoteExit`], [`Lost`], [`ConnectError`]). What that means for a
//! run is decided above, in `rollout`.
//!
//! Reading order of the one over OpenSSH: `openssh` (the transport itself),
//! `ssh_client` (the user's `ssh`), `jump` (the hosts on the way), `gate`, `pacing` and [`Halt`] (when a handshake may begin),
//! `ssh_command` and `ssh_by_hand` (the command lines), `master` (the process and its phases) on its `process_group`,
//! `ssh_log` and `ssh_words` (why a login failed), `known_hosts` and `host_key_facts`, `vouched` (who is not connected
//! to); then `exchange`, the `conversation` with the guard, its `barriers`, its `listener` and the `milestones` of what
//! that hears, which know nothing of SSH.
//!
//! Not in here: retries, budgets, outcomes.

mod barriers;
mod conversation;
mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
mod halt;
mod host_key_facts;
mod jump;
mod known_hosts;
mod limits;
mod listener;
mod master;
mod milestones;
mod openssh;
mod pacing;
mod process_group;
mod ssh_by_hand;
mod ssh_client;
mod ssh_command;
mod ssh_log;
mod ssh_words;
mod stop;
#[cfg(test)]
mod tests_sshd;
mod vouched;
mod wishes;

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    guard::{self, GuardRequest, PartEnd, Recorded, Refusal, Trailer},
    inventory::Host,
};

pub use self::{
    halt::Halt,
    known_hosts::{KnownHosts, KnownHostsError},
    limits::{OpenFiles, raise_nofile_limit},
    openssh::{OfferedKey, OpenSsh, OpenSshConfig, OpenSshError},
    ssh_by_hand::{HostBlock, Terminal},
    ssh_client::SshClient,
    stop::{Stop, until},
    vouched::{NoKey, Vouched},
    wishes::Wishes,
};

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
    const fn command(self) -> &'static str {
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
    fn before_sending(message: String) -> Self {
        Self { group: None, sent: false, message }
    }
}

/// No session could be had; nothing was started on the host.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct ConnectError {
    /// What sort of failure it is.
    pub kind: ConnectFailure,
    /// What happened, in one line, with ssh's own words.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

impl ConnectError {
    /// Nothing was begun, for the run halts.
    fn halted() -> Self {
        Self { kind: ConnectFailure::Halted, message: "the run was stopped before".to_owned(), hint: None }
    }
}

/// What sort of connection failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectFailure {
    /// Nothing listens on the port.
    Refused,
    /// No way to the network or host.
    NoRoute,
    /// No answer in time.
    TimedOut,
    /// The name has no address.
    NameNotFound,
    /// The host shows another key than before.
    HostKeyChanged,
    /// The host's key is not known, and only known ones are trusted.
    HostKeyUnknown,
    /// The login was refused.
    LoginRefused,
    /// The host closed the connection before the login was over.
    ClosedEarly,
    /// The host has too many logins under way (`MaxStartups`).
    TooManyLogins,
    /// The host turns this machine away for a while.
    Banned,
    /// The host allows no further session on one connection (`MaxSessions`).
    TooManySessions,
    /// The jump host forwards no connection.
    ForwardingRefused,
    /// Client and host share no algorithm.
    NoCommonAlgorithm,
    /// `ssh` itself cannot be run, or its configuration is wrong.
    LocalSsh,
    /// The run halted before it was begun.
    Halted,
    /// Something else.
    Other,
}

impl ConnectFailure {
    /// True when another try may go better.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Refused
            | Self::NoRoute
            | Self::TimedOut
            | Self::ClosedEarly
            | Self::TooManyLogins
            | Self::TooManySessions
            | Self::Other => true,
            // Knocking again makes a ban longer.
            Self::Banned
            | Self::ForwardingRefused
            | Self::NameNotFound
            | Self::HostKeyChanged
            | Self::HostKeyUnknown
            | Self::LoginRefused
            | Self::NoCommonAlgorithm
            | Self::LocalSsh
            | Self::Halted => false,
        }
    }
}

impl ConnectFailure {
    /// True when waiting may mend it: a host that boots refuses logins and has no name yet, and a ban passes. More
    /// patience than [`is_transient`](Self::is_transient), for where a host was reached before.
    pub const fn may_pass(self) -> bool {
        match self {
            Self::NameNotFound | Self::LoginRefused | Self::Banned | Self::ForwardingRefused => true,
            Self::Refused
            | Self::NoRoute
            | Self::TimedOut
            | Self::HostKeyChanged
            | Self::HostKeyUnknown
            | Self::ClosedEarly
            | Self::TooManyLogins
            | Self::TooManySessions
            | Self::NoCommonAlgorithm
            | Self::LocalSsh
            | Self::Halted
            | Self::Other => self.is_transient(),
        }
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::NoRoute => "no route",
            Self::TimedOut => "timed out",
            Self::NameNotFound => "name not found",
            Self::HostKeyChanged => "host key changed",
            Self::HostKeyUnknown => "host key unknown",
            Self::LoginRefused => "login refused",
            Self::ClosedEarly => "closed early",
            Self::TooManyLogins => "too many logins at once",
            Self::Banned => "banned",
            Self::TooManySessions => "too many sessions",
            Self::ForwardingRefused => "forwarding refused",
            Self::NoCommonAlgorithm => "no common algorithm",
            Self::LocalSsh => "local ssh",
            Self::Halted => "not begun",
            Self::Other => "connection failed",
        })
    }
}

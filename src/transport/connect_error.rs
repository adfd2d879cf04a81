//! Why no session could be opened.

use std::fmt;

/// No session could be opened; nothing was started on the host.
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
    /// No handshake began, because the run halts.
    pub(super) fn halted() -> Self {
        Self { kind: ConnectFailure::Halted, message: "the run was stopped before".to_owned(), hint: None }
    }
}

/// What sort of connection failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectFailure {
    /// Nothing listens on the port.
    Refused,
    /// No route to the network or host.
    NoRoute,
    /// No answer in time.
    TimedOut,
    /// The name has no address.
    NameNotFound,
    /// The host shows a different key than before.
    HostKeyChanged,
    /// The host's key is not known, and only known keys are trusted.
    HostKeyUnknown,
    /// The login was refused.
    LoginRefused,
    /// The host closed the connection before the login was over.
    ClosedEarly,
    /// The host has too many logins under way (`MaxStartups`).
    TooManyLogins,
    /// The host refuses this machine for a while.
    Banned,
    /// The host allows no further session on one connection (`MaxSessions`).
    TooManySessions,
    /// The jump host refuses to forward connections.
    ForwardingRefused,
    /// Client and host share no algorithm.
    NoCommonAlgorithm,
    /// `ssh` itself cannot be run, or its configuration is wrong.
    LocalSsh,
    /// The run halted before the handshake began.
    Halted,
    /// Something else.
    Other,
}

impl ConnectFailure {
    /// True when another try may succeed.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Refused
            | Self::NoRoute
            | Self::TimedOut
            | Self::ClosedEarly
            | Self::TooManyLogins
            | Self::TooManySessions
            | Self::Other => true,
            // Another try makes a ban longer.
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

    /// True when waiting may help: a booting host refuses logins and has no name yet, and a ban passes. More patient
    /// than [`is_transient`](Self::is_transient), for hosts that were reached before.
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

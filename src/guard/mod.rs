//! placeholder until the guard lands: the names that others lean on

use std::{collections::BTreeMap, fmt, time::Duration};

/// How a script ended, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptStatus {
    /// It exited with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled(Signal),
}

/// A signal by name, without `SIG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal(pub String);

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Placeholder of the request.
#[derive(Clone, Debug)]
pub struct GuardRequest {
    /// x
    pub work: Work,
    /// x
    pub app: String,
    /// x
    pub run: String,
    /// x
    pub attempt: u32,
    /// x
    pub fence: u64,
    /// x
    pub deadline: Duration,
    /// x
    pub grace: Duration,
    /// x
    pub on_lost: OnLost,
    /// x
    pub revision: Option<String>,
    /// x
    pub env: BTreeMap<String, String>,
    /// x
    pub args: Vec<String>,
    /// x
    pub resume: Option<()>,
}
/// x
#[derive(Clone, Debug)]
pub enum Work {
    /// x
    Deploy {
        /// x
        script: std::sync::Arc<[u8]>,
    },
    /// x
    Run {
        /// x
        command: String,
    },
}
/// x
#[derive(Clone, Copy, Debug)]
pub enum OnLost {
    /// x
    Finish,
    /// x
    Kill,
}
impl Signal {
    /// x
    pub fn new(s: &str) -> Self {
        Self(s.to_owned())
    }
}
impl Refusal {
    /// x
    pub fn hint(self) -> Option<&'static str> {
        None
    }
}
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("x")
    }
}

/// What the guard says at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// How the script ended.
    pub status: ScriptStatus,
    /// What made it end.
    pub cause: Cause,
    /// Whether its process group is known to be gone.
    pub group: GroupState,
}

/// What made a script end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It ended by itself.
    None,
    /// We asked it to (TERM).
    Stop,
    /// We killed it (KILL).
    Kill,
    /// The deadline passed.
    Timeout,
    /// Contact was lost, and it was to be killed then.
    Lost,
    /// x
    Idle,
}

/// Whether a process group is known to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// No process of it is left.
    Gone,
    /// Some process of it is left.
    Alive,
}

/// Why the guard did not start the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another run holds the host's lock.
    Busy,
    /// A newer run was here already.
    Fence,
    /// Anything else.
    Other,
}

//! How urgently a running job must end.

/// How urgently a running script must end. Only ever rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Let it run.
    #[default]
    No,
    /// TERM, then KILL after the job's grace; wait for the host's last word.
    Terminate,
    /// KILL at once; wait for the host's last word, but not for long.
    Kill,
}

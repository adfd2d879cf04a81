//! How urgently what runs is to be ended.

/// How urgently a running script is to be ended. Only ever rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Let it run.
    #[default]
    No,
    /// TERM, then KILL after the job's grace; wait for the host's word.
    Terminate,
    /// KILL at once; wait for the host's word, but not for long.
    Kill,
}

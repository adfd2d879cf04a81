//! What shows on standard error that a run goes on, and text that appears above it.

use super::{heartbeat::Heartbeat, live::Live};

/// What shows that the run goes on.
#[derive(Debug)]
pub(in crate::report) enum Display {
    /// Lines that are drawn again and again.
    Live(Live),
    /// A line every so often.
    Log { _heartbeat: Heartbeat },
    /// Nothing, as somebody wished.
    None,
}

impl Display {
    /// Lets `print` write to standard output or standard error.
    pub(in crate::report) fn above(&self, print: impl FnOnce()) {
        match self {
            Self::Live(live) => live.above(print),
            Self::Log { .. } | Self::None => print(),
        }
    }

    /// Leaves the terminal to whoever is asked something there, or takes it again.
    pub(in crate::report) fn hide(&self, hidden: bool) {
        match self {
            Self::Live(live) => live.hide(hidden),
            Self::Log { .. } | Self::None => {}
        }
    }

    /// True where each thing that happens is worth a line, for nothing is drawn again.
    pub(in crate::report) const fn is_log(&self) -> bool {
        matches!(self, Self::Log { .. })
    }
}

//! Shows on standard error that a run goes on, with text appearing above it.

use super::{heartbeat::Heartbeat, live::Live};

/// The sign that the run goes on.
#[derive(Debug)]
pub(in crate::report) enum Display {
    /// Lines that are redrawn again and again.
    Live(Live),
    /// A line at regular intervals.
    Log { _heartbeat: Heartbeat },
    /// Nothing, as the user wished.
    None,
}

impl Display {
    /// Runs `print`, which may write to standard output or standard error.
    pub(in crate::report) fn above(&self, print: impl FnOnce()) {
        match self {
            Self::Live(live) => live.above(print),
            Self::Log { .. } | Self::None => print(),
        }
    }

    /// Hides the display while the user is asked something on the terminal, or shows it again.
    pub(in crate::report) fn hide(&self, hidden: bool) {
        match self {
            Self::Live(live) => live.hide(hidden),
            Self::Log { .. } | Self::None => {}
        }
    }

    /// True where each event is worth a line, because nothing is redrawn.
    pub(in crate::report) const fn is_log(&self) -> bool {
        matches!(self, Self::Log { .. })
    }
}

//! How an outcome looks: a sign, a word and a colour, because colour alone is not accessible.

use crate::{
    report::files::host_record::HostRecord,
    rollout::{Outcome, PartOutcome, UndoOutcome},
};

/// The look of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// The CSS class with its colour.
    pub(super) class: &'static str,
    /// One letter.
    pub(super) sign: &'static str,
    /// One word.
    pub(super) word: &'static str,
}

const fn look(class: &'static str, sign: &'static str, word: &'static str) -> Look {
    Look { class, sign, word }
}

/// The look of the outcome of a host's own script, before any undo.
pub(super) const fn of_outcome(outcome: Option<Outcome>, started: bool) -> Look {
    match outcome {
        Some(Outcome::Succeeded) => look("good", "✓", "succeeded"),
        Some(Outcome::Failed) => look("bad", "✗", "failed"),
        Some(Outcome::Unreachable) => look("doubt", "⊘", "unreachable"),
        Some(Outcome::Unknown) => look("doubt", "?", "unknown"),
        Some(Outcome::Gone) => look("idle", "∅", "gone"),
        Some(Outcome::Skipped) => look("idle", "–", "skipped"),
        None if started => look("live", "…", "running"),
        None => look("idle", "–", "not begun"),
    }
}

/// The look of the result of an undo.
pub(super) const fn of_undo(outcome: UndoOutcome) -> Look {
    match outcome {
        UndoOutcome::Undone => look("back", "↩", "undone"),
        UndoOutcome::UndoFailed => look("bad", "✗", "undo-failed"),
        UndoOutcome::UndoUnknown => look("doubt", "?", "undo-unknown"),
    }
}

/// The look of the result of a part of a script.
pub(super) const fn of_part(outcome: PartOutcome) -> Look {
    match outcome {
        PartOutcome::Succeeded => look("good", "✓", "succeeded"),
        PartOutcome::Failed => look("bad", "✗", "failed"),
        PartOutcome::Unfinished => look("doubt", "…", "unfinished"),
        PartOutcome::NotStarted => look("idle", "–", "not begun"),
    }
}

/// The look of the run's own work on a host; in a rollback by hand, that is the undo.
pub(super) fn of_script(host: &HostRecord) -> Look {
    match &host.undo {
        Some(undo) if undo.by_hand => of_undo(undo.outcome),
        Some(_) | None => of_outcome(host.outcome, host.started.is_some()),
    }
}

/// The look of a host's final state.
pub(super) fn of_host(host: &HostRecord) -> Look {
    host.undo.as_ref().map_or_else(|| of_script(host), |undo| of_undo(undo.outcome))
}

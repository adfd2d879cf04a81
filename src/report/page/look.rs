//! What an outcome looks like: a sign, a word and a colour, for nobody should need to see colours.

use crate::{
    report::files::host_record::HostRecord,
    rollout::{Outcome, PartOutcome, UndoOutcome},
};

/// How something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// The class that has its colour.
    pub(super) class: &'static str,
    /// In one letter.
    pub(super) sign: &'static str,
    /// In a word.
    pub(super) word: &'static str,
}

const fn look(class: &'static str, sign: &'static str, word: &'static str) -> Look {
    Look { class, sign, word }
}

/// What a host's own script came to, whatever was done about it then.
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

/// What taking a host back came to.
pub(super) const fn of_undo(outcome: UndoOutcome) -> Look {
    match outcome {
        UndoOutcome::Undone => look("back", "↩", "undone"),
        UndoOutcome::UndoFailed => look("bad", "✗", "undo-failed"),
        UndoOutcome::UndoUnknown => look("doubt", "?", "undo-unknown"),
    }
}

/// What a part of a script came to.
pub(super) const fn of_part(outcome: PartOutcome) -> Look {
    match outcome {
        PartOutcome::Succeeded => look("good", "✓", "succeeded"),
        PartOutcome::Failed => look("bad", "✗", "failed"),
        PartOutcome::Unfinished => look("doubt", "…", "unfinished"),
        PartOutcome::NotStarted => look("idle", "–", "not begun"),
    }
}

/// What a host's script came to: the run's own work there, which in a rollback by hand is to take it back.
pub(super) fn of_script(host: &HostRecord) -> Look {
    match &host.undo {
        Some(undo) if undo.by_hand => of_undo(undo.outcome),
        Some(_) | None => of_outcome(host.outcome, host.started.is_some()),
    }
}

/// What became of a host at last.
pub(super) fn of_host(host: &HostRecord) -> Look {
    host.undo.as_ref().map_or_else(|| of_script(host), |undo| of_undo(undo.outcome))
}

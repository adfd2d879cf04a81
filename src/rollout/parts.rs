//! What a host reports of its script's parts, over one connection or several. Each report counts once, however often a
//! host that was lost repeats it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::outcome::{FailureCause, HostResult, Outcome};
use crate::guard::{Part, ScriptStatus};

/// One part of a script on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartResult {
    /// The part's name.
    pub name: String,
    /// The part's outcome.
    pub outcome: PartOutcome,
    /// The part's own exit status, when it exited.
    pub exit_status: Option<u8>,
    /// The signal that ended it, by name without `SIG`, when one did.
    pub signal: Option<String>,
    /// How long it took, measured on this machine; none if contact was lost before its end.
    pub duration: Option<Duration>,
}

/// The outcome of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartOutcome {
    /// It exited 0.
    Succeeded,
    /// It failed, so no later part was begun.
    Failed,
    /// It was begun, and has no end of its own: the script was ended during it, or contact was lost.
    Unfinished,
    /// It was not begun, as far as is known.
    NotStarted,
}

impl PartOutcome {
    /// The outcome as written in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unfinished => "unfinished",
            Self::NotStarted => "not-started",
        }
    }
}

/// The parts of one attempt's script.
pub(super) struct Parts<'a> {
    sent: &'a [Part],
    results: Vec<PartResult>,
    /// When the running part began; none if that was not seen.
    began: Option<Instant>,
    /// The last barrier that the script was held at, counted from 1.
    held: u32,
    /// Whether contact was never lost.
    seen: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn new(sent: &'a [Part]) -> Self {
        let result = |part: &Part| PartResult {
            name: part.name.clone(),
            outcome: PartOutcome::NotStarted,
            exit_status: None,
            signal: None,
            duration: None,
        };
        Self { sent, results: sent.iter().map(result).collect(), began: None, held: 0, seen: true }
    }

    /// A part, counted from 1, has begun. Returns its name if that is news.
    pub(super) fn begun(&mut self, part: u32, now: Instant) -> Option<&str> {
        let result = self.results.get_mut(index(part)?)?;
        if result.outcome != PartOutcome::NotStarted {
            return None;
        }
        result.outcome = PartOutcome::Unfinished;
        self.began = Some(now).filter(|_| self.seen);
        Some(&result.name)
    }

    /// A part has ended. Returns its result if that is news.
    pub(super) fn ended(&mut self, part: u32, status: &ScriptStatus, now: Instant) -> Option<&PartResult> {
        let result = self.results.get_mut(index(part)?)?;
        if result.outcome != PartOutcome::Unfinished {
            return None;
        }
        result.outcome = match status {
            ScriptStatus::Exited(0) => PartOutcome::Succeeded,
            ScriptStatus::Exited(_) | ScriptStatus::Signaled(_) => PartOutcome::Failed,
            ScriptStatus::Unknown | ScriptStatus::Rebooted => return None,
        };
        match status {
            ScriptStatus::Exited(status) => result.exit_status = Some(*status),
            ScriptStatus::Signaled(signal) => result.signal = Some(signal.to_string()),
            ScriptStatus::Unknown | ScriptStatus::Rebooted => {}
        }
        result.duration = self.began.take().map(|began| now - began);
        Some(result)
    }

    /// The script is held at a barrier, counted from 1. Returns the name of the part before it if that is news.
    pub(super) fn held(&mut self, barrier: u32) -> Option<&str> {
        let mut barriers = self.sent.iter().filter(|part| part.barrier);
        let part = barriers.nth(index(barrier)?)?;
        if barrier <= self.held {
            return None;
        }
        self.held = barrier;
        Some(&part.name)
    }

    /// Contact was lost: from here on it is not seen when parts begin and end.
    pub(super) fn lost(&mut self) {
        (self.seen, self.began) = (false, None);
    }

    pub(super) fn into_results(self) -> Vec<PartResult> {
        self.results
    }
}

fn index(from_1_on: u32) -> Option<usize> {
    usize::try_from(from_1_on).ok()?.checked_sub(1)
}

/// Where a script in parts ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    /// In this part.
    In(&'a str),
    /// After it, before the next one was begun.
    Behind(&'a str),
}

fn place(parts: &[PartResult]) -> Option<Place<'_>> {
    let (last, behind) = match parts.iter().position(|part| part.outcome == PartOutcome::NotStarted) {
        Some(place) => (parts[..place].last()?, true),
        None => (parts.last()?, false),
    };
    match last.outcome {
        PartOutcome::Failed | PartOutcome::Unfinished => Some(Place::In(&last.name)),
        PartOutcome::Succeeded if behind => Some(Place::Behind(&last.name)),
        PartOutcome::Succeeded | PartOutcome::NotStarted => None,
    }
}

/// Adds to a host's message where in its script that happened.
pub(super) fn locate(result: &mut HostResult) {
    let (Some(message), Some(place)) = (&mut result.message, place(&result.parts)) else { return };
    *message = match (place, result.failure) {
        // A script that waits at a barrier does nothing itself: other hosts are the reason.
        (Place::Behind(part), Some(FailureCause::Cancelled)) if result.outcome == Outcome::Failed => {
            result.failure = Some(FailureCause::Barrier);
            format!("ended at the barrier behind part {part}")
        }
        (Place::Behind(part), _) => format!("behind part {part}: {message}"),
        (Place::In(part), _) => format!("part {part}: {message}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{guard::Signal, inventory::testing::host};

    fn sent() -> Vec<Part> {
        let part = |name: &str, barrier| Part { name: name.to_owned(), run: "true".to_owned(), barrier };
        vec![part("fetch", false), part("test", true), part("restart", false)]
    }

    #[test]
    fn what_a_host_tells_again_is_no_news() {
        let (sent, start) = (sent(), Instant::now());
        let mut parts = Parts::new(&sent);
        let later = start + Duration::from_secs(3);
        assert_eq!(parts.begun(1, start), Some("fetch"));
        assert_eq!(parts.begun(1, later), None);
        let ended = parts.ended(1, &ScriptStatus::Exited(0), later).cloned().expect("news");
        assert_eq!((ended.outcome, ended.duration), (PartOutcome::Succeeded, Some(Duration::from_secs(3))));
        assert_eq!(parts.ended(1, &ScriptStatus::Exited(1), later), None);
        assert_eq!(parts.held(1), Some("test"));
        assert_eq!(parts.held(1), None);
    }

    #[test]
    fn what_was_not_sent_cannot_be_heard() {
        let (sent, now) = (sent(), Instant::now());
        let mut parts = Parts::new(&sent);
        for part in [0, 4, u32::MAX] {
            assert_eq!(parts.begun(part, now), None);
        }
        assert_eq!(parts.ended(2, &ScriptStatus::Exited(0), now), None, "it was not begun");
        for barrier in [0, 2] {
            assert_eq!(parts.held(barrier), None);
        }
    }

    #[test]
    fn nobody_knows_how_long_a_part_took_that_was_lost_out_of_sight() {
        let (sent, now) = (sent(), Instant::now());
        let mut parts = Parts::new(&sent);
        parts.begun(1, now);
        parts.lost();
        let ended = parts.ended(1, &ScriptStatus::Exited(0), now).expect("news");
        assert_eq!(ended.duration, None);
        parts.begun(2, now);
        let ended = parts.ended(2, &ScriptStatus::Exited(0), now).expect("news");
        assert_eq!(ended.duration, None, "it may have begun long ago");
    }

    #[test]
    fn people_are_told_where_it_ended() {
        let (sent, now) = (sent(), Instant::now());
        let mut parts = Parts::new(&sent);
        let told = |parts: &Parts<'_>, outcome| {
            let mut result = HostResult {
                outcome,
                failure: Some(FailureCause::Cancelled),
                message: Some("cancelled".to_owned()),
                parts: parts.results.clone(),
                ..HostResult::skipped(host("i-1", "web").id)
            };
            locate(&mut result);
            (result.message.expect("a message"), result.failure == Some(FailureCause::Barrier))
        };
        assert_eq!(told(&parts, Outcome::Failed), ("cancelled".into(), false));
        parts.begun(1, now);
        assert_eq!(told(&parts, Outcome::Failed), ("part fetch: cancelled".into(), false));
        parts.ended(1, &ScriptStatus::Exited(0), now);
        assert_eq!(told(&parts, Outcome::Failed), ("ended at the barrier behind part fetch".into(), true));
        assert_eq!(told(&parts, Outcome::Unknown), ("behind part fetch: cancelled".into(), false));
        parts.begun(2, now);
        parts.ended(2, &ScriptStatus::Signaled(Signal::named("KILL").expect("a name")), now);
        assert_eq!(told(&parts, Outcome::Failed), ("part test: cancelled".into(), false));
        assert_eq!(parts.results[1].signal.as_deref(), Some("KILL"));
    }
}

//! A host's record of an app, as it answers a query.

use super::{
    control::revision,
    trailer::{Cause, Record, ScriptStatus, Trailer},
};

/// Everything that a host has on record of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The app's revision there; `None` if no deploy with a revision has succeeded.
    pub revision: Option<String>,
    /// The attempts that it remembers, in the order of their names.
    pub attempts: Vec<RecordedAttempt>,
}

/// One start of a script, in a host's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// The run that it belonged to.
    pub run: String,
    /// The number of the start in that run.
    pub attempt: u32,
    /// The fence that it was started with: a higher one is later. `None` if the host has lost it.
    pub fence: Option<u64>,
    /// The app's previous revision.
    pub previous: Option<String>,
    /// The revision that its success makes the app's.
    pub revision: Option<String>,
    /// Its state.
    pub state: AttemptState,
}

/// The state of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// It has ended.
    Ended(Trailer),
    /// Its guard or some process of its script is alive.
    Running,
    /// Neither is alive, and no end is on record: the host went down, or the guard was killed.
    Died,
    /// Its guard died before the start, or was prevented from it.
    NeverStarted,
}

impl AttemptState {
    /// True when the script exited 0 by itself, and the host recorded that.
    pub fn is_success(&self) -> bool {
        match self {
            Self::Ended(trailer) => {
                (trailer.cause, &trailer.status, trailer.record)
                    == (Cause::None, &ScriptStatus::Exited(0), Record::Kept)
            }
            Self::Running | Self::Died | Self::NeverStarted => false,
        }
    }
}

impl RecordedAttempt {
    /// Reads `RUN-ATTEMPT FENCE PREVIOUS REVISION STATE`. A run's name may hold dashes.
    pub(super) fn parse(words: &str) -> Option<Self> {
        let mut words = words.splitn(5, ' ');
        let (run, attempt) = words.next()?.rsplit_once('-').filter(|(run, _)| !run.is_empty())?;
        Some(Self {
            run: run.to_owned(),
            attempt: attempt.parse().ok()?,
            fence: match words.next()? {
                "-" => None,
                fence => Some(fence.parse().ok()?),
            },
            previous: revision(words.next()?)?,
            revision: revision(words.next()?)?,
            state: match words.next()? {
                "running" => AttemptState::Running,
                "died" => AttemptState::Died,
                "never-started" => AttemptState::NeverStarted,
                end => AttemptState::Ended(Trailer::parse(end)?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_stands_behind_the_last_dash() {
        let read = |line| RecordedAttempt::parse(line).map(|it| (it.run, it.attempt));
        assert_eq!(read("01JRUN-2 7 - - running"), Some(("01JRUN".to_owned(), 2)));
        assert_eq!(read("01JRUN-undo-1 - v2 v1 died"), Some(("01JRUN-undo".to_owned(), 1)));
        for odd in ["01JRUN 7 - - running", "01JRUN-x 7 - - running", "-1 7 - - running"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn it_has_ended_or_not() {
        let read = |line: &str| RecordedAttempt::parse(line).map(|it| it.state);
        let end = "exit 3 none gone 12 0 unrecorded";
        assert_eq!(read(&format!("r1-1 7 - v1 {end}")), Some(AttemptState::Ended(Trailer::parse(end).unwrap())));
        assert_eq!(read("r1-1 7 - v1 never-started"), Some(AttemptState::NeverStarted));
        for odd in ["- v1", "- v1 ", "- v1 gone", "- v1 exit 3", " v1 running", "- \\ died"] {
            assert_eq!(read(&format!("r1-1 7 {odd}")), None, "{odd}");
        }
    }

    #[test]
    fn the_fence_may_be_lost_but_is_no_other_word() {
        let read = |line| RecordedAttempt::parse(line).map(|it| it.fence);
        assert_eq!(read("r1-1 1764327831000 - - running"), Some(Some(1_764_327_831_000)));
        assert_eq!(read("r1-1 - - - running"), Some(None));
        assert_eq!(read("r1-1 soon - - running"), None);
    }

    #[test]
    fn revisions_are_as_they_were_given() {
        let read = RecordedAttempt::parse("r1-1 7 v1\\0040b - running").unwrap();
        assert_eq!((read.previous.as_deref(), read.revision.as_deref()), (Some("v1 b"), None));
    }
}

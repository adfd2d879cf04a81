//! The barriers of one script: at which it is held, which are open, and how much of its time is left. Pure.
//!
//! A script's time runs only while its parts do, so the message that opens a barrier says how much is left.

use std::time::Duration;

use tokio::time::Instant;

use crate::guard::Lifeline;

/// How often a host that holds its script is told that this program is still there. The guard waits for a minute at
/// least.
pub(super) const REASSURE: Duration = Duration::from_secs(15);

/// The state of a script and its barriers.
#[derive(Debug)]
pub(super) struct Barriers {
    /// How many there are.
    count: u32,
    /// How many are open.
    open: u32,
    /// The barrier that holds the script.
    held: Option<u32>,
    /// The last barrier that held it.
    last: u32,
    /// The last barrier that it was told to pass.
    told: u32,
    /// How long it ran before it was held.
    used: Duration,
    /// Since when it runs; `None` while it is held.
    since: Option<Instant>,
    /// When the host that holds it is next to be reassured.
    word_due: Option<Instant>,
}

impl Barriers {
    /// `count` barriers, none of them open.
    pub(super) const fn new(count: u32) -> Self {
        Self { count, open: 0, held: None, last: 0, told: 0, used: Duration::ZERO, since: None, word_due: None }
    }

    /// Whether the script is held.
    pub(super) const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether it is held and has not been told to go on.
    pub(super) fn waits(&self) -> bool {
        self.held.is_some_and(|held| held > self.told)
    }

    /// How many are open, as far as this conversation knows.
    pub(super) const fn open(&self) -> u32 {
        self.open
    }

    /// Opens the first `open` barriers.
    pub(super) fn opened(&mut self, open: u32) {
        self.open = self.open.max(open);
    }

    /// Notes that the script runs or is held, and returns whether that is a change. Each barrier holds it once. A
    /// barrier that does not exist, or comes before the previous one is open, does not stop the clock, whatever the
    /// host says.
    pub(super) fn stands(&mut self, held: Option<u32>, now: Instant) -> bool {
        let next = self.last + 1..=self.open.saturating_add(1).min(self.count);
        let held = held.filter(|it| self.held == Some(*it) || next.contains(it));
        self.last = held.unwrap_or(self.last);
        match (held, self.since) {
            (Some(_), Some(since)) => {
                self.used += now - since;
                self.since = None;
            }
            (None, None) => self.since = Some(now),
            (Some(_), None) | (None, Some(_)) => {}
        }
        let changed = std::mem::replace(&mut self.held, held) != held;
        if changed {
            self.word_due = held.map(|_| now);
        }
        changed
    }

    /// When [`reassure`](Self::reassure) has something to say.
    pub(super) fn word_due(&self) -> Option<Instant> {
        self.word_due.filter(|_| self.waits())
    }

    /// The reassurance that is due, if any: the host then knows that its script is not held for a program that is gone.
    pub(super) fn reassure(&mut self, now: Instant) -> Option<Lifeline> {
        self.word_due().filter(|due| *due <= now)?;
        self.word_due = Some(now + REASSURE);
        Some(Lifeline::Wait)
    }

    /// What is left of `time`.
    pub(super) const fn left(&self, time: Duration) -> Duration {
        time.saturating_sub(self.used)
    }

    /// The permission to go on, if the script is held at an open barrier. Returned once per barrier.
    pub(super) fn release(&mut self, time: Duration) -> Option<Lifeline> {
        let barrier = self.held.filter(|held| (self.told + 1..=self.open).contains(held))?;
        self.told = barrier;
        Some(Lifeline::Go { barrier, left: self.left(time) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(100);

    #[test]
    fn time_runs_only_while_the_script_does() {
        let (mut barriers, start) = (Barriers::new(2), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!barriers.stands(None, start));
        assert!(barriers.stands(Some(1), at(30)));
        assert!(!barriers.stands(Some(1), at(40)));
        assert!(barriers.stands(None, at(1000)));
        assert!(!barriers.stands(Some(1), at(1005)), "it was there");
        assert!(!barriers.stands(Some(2), at(1005)), "it cannot be there yet");
        barriers.opened(1);
        assert!(barriers.stands(Some(2), at(1010)));
        assert!(barriers.waits());
        assert_eq!(barriers.left(TIME), Duration::from_mins(1));
        assert_eq!(barriers.left(Duration::from_secs(10)), Duration::ZERO);
    }

    #[test]
    fn it_is_told_once_to_pass_and_only_when_it_waits() {
        let (mut barriers, now) = (Barriers::new(2), Instant::now());
        barriers.stands(None, now);
        barriers.opened(1);
        assert_eq!(barriers.release(TIME), None, "it runs");
        barriers.stands(Some(1), now);
        assert_eq!(barriers.release(TIME), Some(Lifeline::Go { barrier: 1, left: TIME }));
        assert_eq!(barriers.release(TIME), None);
        assert!(barriers.is_held() && !barriers.waits());
        barriers.stands(None, now);
        barriers.stands(Some(2), now);
        assert_eq!(barriers.release(TIME), None, "that one is closed");
        barriers.opened(3);
        barriers.opened(0);
        assert_eq!(barriers.release(TIME), Some(Lifeline::Go { barrier: 2, left: TIME }));
    }

    #[test]
    fn it_is_held_at_no_barrier_that_is_not_there() {
        let (mut barriers, now) = (Barriers::new(1), Instant::now());
        barriers.opened(1);
        barriers.stands(None, now);
        assert!(!barriers.stands(Some(2), now) && !barriers.is_held());
        assert!(barriers.stands(Some(1), now) && barriers.is_held());
    }
}

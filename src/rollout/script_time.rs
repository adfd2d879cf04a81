//! How much of a script's time is used up, as its host counts it: time at a barrier does not count. Pure.
//!
//! The host keeps the script's time while the script runs, and allows as long a time at a barrier once contact is lost.
//! So the count here need not be exact, but the time left must not be less than the script's own: the job that
//! reattaches sets its clocks by it.

use std::time::Duration;

use tokio::time::Instant;

use crate::transport::{Job, YEAR};

/// The time of one script, over one connection or several.
#[derive(Debug)]
pub(super) struct ScriptTime {
    /// How long the script may run, and how long it may be held at one barrier when contact is lost.
    time: Duration,
    parts: u32,
    barriers: u32,
    /// The host's clock for the script began at this moment or later.
    began: Instant,
    /// The last part that has begun.
    begun: u32,
    /// The last barrier that the script was held at.
    held: u32,
    /// Since when the script is held, as far as is known.
    since: Option<Instant>,
    /// When contact was first lost while the script was held, or may have been. From then on, nothing may be there to
    /// tell it to go on.
    alone: Option<Instant>,
    /// How long the script was held at earlier barriers.
    off: Duration,
}

impl ScriptTime {
    /// The time of a job whose host's clock began at `began` or later.
    pub(super) fn of(job: &Job, began: Instant) -> Self {
        Self {
            time: job.request.deadline.min(YEAR),
            parts: u32::try_from(job.request.parts().len()).unwrap_or(u32::MAX),
            barriers: job.request.barriers(),
            began,
            begun: 0,
            held: 0,
            since: None,
            alone: None,
            off: Duration::ZERO,
        }
    }

    /// A part has begun, or is reported again. A host that reports more parts than there are gets no time for them.
    pub(super) fn begun(&mut self, part: u32, now: Instant) {
        if (self.begun + 1..=self.parts).contains(&part) {
            self.begun = part;
            self.off += self.held_for(now);
            (self.since, self.alone) = (None, None);
        }
    }

    /// The script is held at a barrier, or this is reported again.
    pub(super) fn held(&mut self, barrier: u32, now: Instant) {
        if (self.held + 1..=self.barriers).contains(&barrier) {
            self.held = barrier;
            self.since.get_or_insert(now);
            self.alone = None;
        }
    }

    /// Contact is lost. If a barrier is ahead, the script may be held there from now on, and this would not be heard.
    pub(super) fn lost(&mut self, now: Instant) {
        if self.held < self.barriers {
            self.since.get_or_insert(now);
        }
        if self.since.is_some() {
            self.alone.get_or_insert(now);
        }
    }

    fn held_for(&self, now: Instant) -> Duration {
        match (self.since, self.alone) {
            (None, _) => Duration::ZERO,
            (Some(since), None) => now - since,
            (Some(since), Some(alone)) => (alone - since) + (now - alone).min(self.time),
        }
    }

    /// How much of the script's time is left, at most.
    pub(super) fn left(&self, now: Instant) -> Duration {
        (self.time + self.off + self.held_for(now)).saturating_sub(now - self.began)
    }

    /// When the host must have begun to end the script, if nothing tells it to go on any more.
    pub(super) fn over(&self) -> Instant {
        let may_be_held = self.since.is_some() || self.held < self.barriers;
        let before = self.since.zip(self.alone).map_or(Duration::ZERO, |(since, alone)| alone - since);
        self.began + self.time + self.off + before + if may_be_held { self.time } else { Duration::ZERO }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        guard::{Deploy, GuardRequest, OnLost, Part, Payload, Work},
        transport::RunAs,
    };

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A job in parts, some of which are followed by a barrier; a plain script if there are no parts.
    pub(in super::super) fn in_parts(barriers: &[bool], deadline: Duration) -> Job {
        let parts = barriers.iter().map(|barrier| Part { name: "p".into(), run: String::new(), barrier: *barrier });
        let work = Work::Deploy(Deploy {
            app: "shop".into(),
            run: "r1".into(),
            attempt: 1,
            fence: 1,
            revision: None,
            payload: if barriers.is_empty() { Payload::Script(Vec::new()) } else { Payload::Parts(parts.collect()) },
        });
        let (env, args) = (BTreeMap::new(), Vec::new());
        let request = GuardRequest { work, deadline, grace: secs(1), on_lost: OnLost::Finish, env, args };
        Job { request, idle_timeout: None, run_as: RunAs::Login }
    }

    /// The time of such a job with a hundred seconds.
    fn time(barriers: &[bool]) -> (ScriptTime, Instant) {
        let now = Instant::now();
        (ScriptTime::of(&in_parts(barriers, secs(100)), now), now)
    }

    #[test]
    fn the_time_of_a_script_runs_without_a_break() {
        let (mut time, start) = time(&[]);
        time.lost(start + secs(10));
        assert_eq!(time.left(start + secs(30)), secs(70));
        assert_eq!(time.left(start + secs(130)), Duration::ZERO);
        assert_eq!(time.over(), start + secs(100));
    }

    #[test]
    fn what_is_held_does_not_use_up_its_time() {
        let (mut time, start) = time(&[true, false, true]);
        let at = |seconds| start + secs(seconds);
        time.begun(1, at(0));
        assert_eq!(time.over(), at(200), "it may be held yet");
        time.held(1, at(30));
        assert_eq!((time.left(at(30)), time.left(at(90))), (secs(70), secs(70)));
        time.begun(2, at(90));
        assert_eq!((time.left(at(90)), time.left(at(100))), (secs(70), secs(60)));
        assert_eq!(time.over(), at(160), "behind the last part nothing is held");
        time.begun(3, at(110));
        assert_eq!(time.left(at(120)), secs(40));
    }

    #[test]
    fn what_is_told_again_has_been_counted() {
        let (mut time, start) = time(&[true, true, false]);
        let at = |seconds| start + secs(seconds);
        time.begun(1, at(0));
        time.held(1, at(30));
        time.begun(2, at(90));
        time.lost(at(95));
        for _ in 0..2 {
            time.begun(1, at(99));
            time.held(1, at(99));
            time.begun(2, at(99));
        }
        time.held(2, at(99));
        assert_eq!(time.left(at(180)), secs(65), "from the loss on it may have been held");
        time.begun(3, at(180));
        assert_eq!(time.left(at(190)), secs(55));
    }

    /// What was reported without being heard happened some time before.
    #[test]
    fn time_in_which_it_was_not_heard_is_not_held_against_it() {
        let (mut time, start) = time(&[true, false]);
        let at = |seconds| start + secs(seconds);
        time.begun(1, at(0));
        time.lost(at(10));
        assert_eq!(time.left(at(80)), secs(90));
        time.held(1, at(80));
        time.begun(2, at(100));
        assert_eq!((time.left(at(100)), time.over()), (secs(90), at(190)));
        time.lost(at(110));
        assert_eq!(time.left(at(120)), secs(70), "no barrier is ahead of it");
    }

    #[test]
    fn a_host_gets_no_time_for_what_cannot_be() {
        let (mut time, start) = time(&[true, true, false]);
        let at = |seconds| start + secs(seconds);
        for number in 1..50 {
            time.lost(at(1000 * u64::from(number)));
            time.held(number, at(1000 * u64::from(number)));
            time.begun(number, at(1000 * u64::from(number) + 999));
        }
        // The script was heard at each of its two barriers.
        assert_eq!(time.over(), at(100 + 2 * 999));
        assert_eq!(time.left(at(3000)), Duration::ZERO);
    }

    /// The other hosts of its stage may need many times as long.
    #[test]
    fn what_is_held_has_all_the_time_until_it_is_lost() {
        let (mut time, start) = time(&[true, false]);
        let at = |seconds| start + secs(seconds);
        time.begun(1, at(0));
        time.held(1, at(30));
        assert_eq!(time.left(at(5000)), secs(70));
        time.lost(at(5000));
        assert_eq!((time.left(at(5100)), time.left(at(5150))), (secs(70), secs(20)));
        assert_eq!(time.over(), at(5170));
        time.lost(at(5160));
        assert_eq!(time.over(), at(5170), "it was alone before");
    }
}

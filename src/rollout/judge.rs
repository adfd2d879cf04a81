//! Decides when a check has passed, and when it has failed. Pure: the time is an input.

use std::time::Duration;

use super::world::Verdict;
use crate::config::Check;

/// The state of one check of one subject.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    passes: u32,
    failures: u32,
    /// The least time for which the subject is watched: a soak.
    soak: Duration,
    /// When the check must be decided.
    deadline: Duration,
    good: u32,
    bad: u32,
}

/// What is known so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Ask again.
    Open,
    /// The subject is well.
    Passed,
    /// The subject is not well: this many bad answers in a row.
    Failed(u32),
    /// Neither, and the time is over.
    Undecided,
}

impl Judge {
    /// A judge for a check that is held for `soak`; zero if the check has to pass only once.
    pub(super) fn new(check: &Check, soak: Duration) -> Self {
        Self {
            passes: check.passes.get(),
            failures: check.failures.get(),
            soak,
            deadline: soak.saturating_add(check.deadline),
            good: 0,
            bad: 0,
        }
    }

    /// Takes an answer that came `elapsed` after the beginning, `queued` of which was spent waiting for a turn. A soak
    /// lasts equally long for every subject, but no subject fails because it waited for a turn.
    pub(super) fn hear(&mut self, verdict: Verdict, elapsed: Duration, queued: Duration) -> Finding {
        match verdict {
            Verdict::Well => (self.good, self.bad) = (self.good.saturating_add(1), 0),
            Verdict::Unwell => (self.good, self.bad) = (0, self.bad.saturating_add(1)),
        }
        if self.bad >= self.failures {
            Finding::Failed(self.bad)
        } else if self.good >= self.passes && elapsed >= self.soak {
            Finding::Passed
        } else if elapsed.saturating_sub(queued) >= self.deadline {
            Finding::Undecided
        } else {
            Finding::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::{Finding::*, Verdict::*, *};
    use crate::config::Probe;

    fn check(passes: u32, failures: u32) -> Check {
        let positive = |number| NonZeroU32::new(number).expect("positive");
        Check {
            probe: Probe::Command { line: "true".into() },
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            deadline: Duration::from_secs(10),
            passes: positive(passes),
            failures: positive(failures),
        }
    }

    fn findings(check: &Check, soak: u64, answers: &[Verdict]) -> Vec<Finding> {
        let mut judge = Judge::new(check, Duration::from_secs(soak));
        (0..)
            .zip(answers)
            .map(|(second, verdict)| judge.hear(*verdict, Duration::from_secs(second), Duration::ZERO))
            .collect()
    }

    #[test]
    fn it_takes_good_answers_in_a_row_to_pass_and_bad_ones_to_fail() {
        assert_eq!(findings(&check(2, 3), 0, &[Unwell, Well, Unwell, Well, Well]), [Open, Open, Open, Open, Passed]);
        assert_eq!(findings(&check(1, 2), 0, &[Unwell, Unwell]), [Open, Failed(2)]);
    }

    #[test]
    fn a_soak_is_held_to_its_end_and_fails_before_it() {
        assert_eq!(findings(&check(1, 1), 3, &[Well, Well, Well, Well]), [Open, Open, Open, Passed]);
        assert_eq!(findings(&check(1, 1), 3, &[Well, Unwell])[1], Failed(1));
        assert_eq!(
            findings(&check(1, 2), 2, &[Well, Well, Unwell, Well])[2..],
            [Open, Passed],
            "it ends on a good one"
        );
    }

    #[test]
    fn what_comes_to_no_decision_comes_to_an_end() {
        let answers: Vec<_> = [Well, Unwell].into_iter().cycle().take(11).collect();
        assert_eq!(findings(&check(2, 2), 0, &answers).last(), Some(&Undecided));
    }

    #[test]
    fn who_waited_for_a_turn_has_as_much_time_as_anybody() {
        let second = Duration::from_secs;
        let mut judge = Judge::new(&check(2, 1), Duration::ZERO);
        assert_eq!(judge.hear(Well, second(12), second(11)), Open);
        assert_eq!(judge.hear(Well, second(24), second(22)), Passed);
        let mut judge = Judge::new(&check(2, 2), Duration::ZERO);
        assert_eq!(judge.hear(Unwell, second(12), second(2)), Undecided);
    }

    proptest! {
        #[test]
        fn every_check_comes_to_an_end(
            passes in 1_u32..5,
            failures in 1_u32..5,
            soak in 0_u64..20,
            answers in prop::collection::vec(prop_oneof![Just(Well), Just(Unwell)], 40),
        ) {
            let found = findings(&check(passes, failures), soak, &answers);
            let end = found.iter().position(|finding| *finding != Open);
            prop_assert!(end.is_some_and(|end| end as u64 <= soak + 10));
            if let Some(Passed) = end.map(|end| found[end]) {
                prop_assert!(end.expect("an end") as u64 >= soak, "a soak is not cut short");
            }
        }
    }
}

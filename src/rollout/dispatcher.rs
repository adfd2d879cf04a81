//! What happens next: a pure state machine.
//!
//! Inputs come in (an attempt ended, somebody pressed Ctrl-C), commands go out (start this host,
//! end what runs, finish). It has no clock, no socket and no task, so that thousands of generated
//! histories can be played through it in a test. All that touches the world is in the executor.

use std::{collections::VecDeque, num::NonZeroUsize, time::Duration};

use super::outcome::{Outcome, RunStatus, StopReason, Summary};

/// A host's place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostIndex(pub usize);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The run may begin.
    Begin,
    /// An attempt on a host came to its end.
    Ended {
        /// Which host.
        host: HostIndex,
        /// How.
        end: AttemptEnd,
    },
    /// A person or the system asks to stop. The first asks scripts to end; any further one kills them.
    Cancel(StopReason),
}

/// How an attempt came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// With this outcome, which is the host's.
    Final(Outcome),
    /// It may be tried again: nothing was started, or the user said that starting again is safe.
    /// If it is not tried again, the host's outcome is this.
    Retryable(Outcome),
    /// The run was stopping before the script was started. What an earlier attempt came to stands.
    NotStarted,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start an attempt on a host.
    Start {
        /// Which host.
        host: HostIndex,
        /// Counted from 1.
        attempt: u32,
        /// How long to wait first.
        after: Duration,
    },
    /// Start no script any more, not even on hosts that are being connected to.
    Halt(StopReason),
    /// Ask the scripts that run to end.
    Terminate,
    /// Kill the scripts that run.
    Kill,
    /// The host has its outcome.
    Settle {
        /// Which host.
        host: HostIndex,
        /// What became of it.
        outcome: Outcome,
    },
    /// Every host has its outcome.
    Finish {
        /// How the run ended.
        status: RunStatus,
        /// How many hosts had which outcome.
        summary: Summary,
    },
}

/// The limits that a run keeps.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How many hosts are worked on at once.
    pub concurrency: NonZeroUsize,
    /// How many hosts may fail; one more, and nothing new starts.
    pub max_failures: usize,
    /// How many times a host is tried again.
    pub retries: u32,
}

/// The state of a run.
#[derive(Debug)]
pub struct Dispatcher {
    rules: Rules,
    hosts: Vec<HostState>,
    waiting: VecDeque<HostIndex>,
    active: usize,
    settled: usize,
    failures: usize,
    stopped: Option<StopReason>,
    urgency: Urgency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HostState {
    Waiting,
    Active {
        attempt: u32,
        /// What the attempt before came to, if there was one.
        before: Option<Outcome>,
    },
    Settled(Outcome),
}

/// What has been asked of the scripts that run. Only ever rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Run,
    Terminate,
    Kill,
}

impl Dispatcher {
    /// A run over `hosts` hosts that has not begun.
    pub fn new(hosts: usize, rules: Rules) -> Self {
        Self {
            rules,
            hosts: vec![HostState::Waiting; hosts],
            waiting: (0..hosts).map(HostIndex).collect(),
            active: 0,
            settled: 0,
            failures: 0,
            stopped: None,
            urgency: Urgency::Run,
        }
    }

    /// Takes one input and says what to do, in order.
    pub fn handle(&mut self, input: Input) -> Vec<Command> {
        let finished_before = self.is_finished();
        let mut commands = Vec::new();
        match input {
            Input::Begin => {}
            Input::Ended { host, end } => self.ended(host, end, &mut commands),
            Input::Cancel(reason) => self.cancel(reason, &mut commands),
        }
        self.fill(&mut commands);
        if self.is_finished() && !finished_before || self.hosts.is_empty() && input == Input::Begin {
            commands.push(self.finish());
        }
        commands
    }

    fn is_finished(&self) -> bool {
        self.settled == self.hosts.len()
    }

    fn ended(&mut self, host: HostIndex, end: AttemptEnd, commands: &mut Vec<Command>) {
        let Some(HostState::Active { attempt, before }) = self.hosts.get(host.0).copied() else {
            debug_assert!(false, "an attempt ended on {host:?}, where none was under way");
            return;
        };
        let outcome = match end {
            AttemptEnd::Final(outcome) => outcome,
            AttemptEnd::Retryable(outcome) if self.stopped.is_none() && attempt <= self.rules.retries => {
                let next = attempt + 1;
                self.hosts[host.0] = HostState::Active { attempt: next, before: Some(outcome) };
                commands.push(Command::Start { host, attempt: next, after: back_off(host, attempt) });
                return;
            }
            AttemptEnd::Retryable(outcome) => outcome,
            AttemptEnd::NotStarted => before.unwrap_or(Outcome::Skipped),
        };
        self.active -= 1;
        self.settle(host, outcome, commands);
        if self.failures > self.rules.max_failures {
            self.halt(StopReason::Budget, commands);
        }
    }

    fn cancel(&mut self, reason: StopReason, commands: &mut Vec<Command>) {
        if self.is_finished() {
            return;
        }
        self.halt(reason, commands);
        let (urgency, command) = match self.urgency {
            Urgency::Run => (Urgency::Terminate, Command::Terminate),
            Urgency::Terminate => (Urgency::Kill, Command::Kill),
            Urgency::Kill => return,
        };
        self.urgency = urgency;
        commands.push(command);
    }

    /// Starts nothing new from here on. A signal is a graver reason than the budget; of several
    /// signals the first is kept, for those that follow only insist.
    fn halt(&mut self, reason: StopReason, commands: &mut Vec<Command>) {
        match (self.stopped, reason) {
            (None, _) | (Some(StopReason::Budget), StopReason::Interrupt | StopReason::Terminate) => {}
            (Some(StopReason::Budget), StopReason::Budget)
            | (Some(StopReason::Interrupt | StopReason::Terminate), _) => return,
        }
        self.stopped = Some(reason);
        commands.push(Command::Halt(reason));
        while let Some(host) = self.waiting.pop_front() {
            self.settle(host, Outcome::Skipped, commands);
        }
    }

    fn fill(&mut self, commands: &mut Vec<Command>) {
        while self.stopped.is_none() && self.active < self.rules.concurrency.get() {
            let Some(host) = self.waiting.pop_front() else { break };
            self.hosts[host.0] = HostState::Active { attempt: 1, before: None };
            self.active += 1;
            commands.push(Command::Start { host, attempt: 1, after: Duration::ZERO });
        }
    }

    fn settle(&mut self, host: HostIndex, outcome: Outcome, commands: &mut Vec<Command>) {
        self.hosts[host.0] = HostState::Settled(outcome);
        self.settled += 1;
        self.failures += usize::from(outcome.counts());
        commands.push(Command::Settle { host, outcome });
    }

    fn finish(&self) -> Command {
        let summary = Summary::of(self.hosts.iter().filter_map(|state| match state {
            HostState::Settled(outcome) => Some(*outcome),
            HostState::Waiting | HostState::Active { .. } => None,
        }));
        Command::Finish { status: RunStatus::of(&summary, self.rules.max_failures, self.stopped), summary }
    }
}

/// One second, doubled each time, at most half a minute; and up to half as long again, for hosts that failed together
/// are not to come back together. Each has a part of its own, the same in every run.
fn back_off(host: HostIndex, attempt: u32) -> Duration {
    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(30);
    /// The golden ratio's part of a circle: its multiples are spread evenly, however many there are.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let whole = FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(MOST);
    let place = u32::try_from(host.0).unwrap_or(u32::MAX);
    whole.mul_f64(1.0 + (f64::from(place) * GOLDEN).fract() / 2.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn rules(concurrency: usize, max_failures: usize, retries: u32) -> Rules {
        Rules { concurrency: NonZeroUsize::new(concurrency).expect("positive"), max_failures, retries }
    }

    fn started(commands: &[Command]) -> Vec<(usize, u32)> {
        commands
            .iter()
            .filter_map(|command| match command {
                Command::Start { host, attempt, .. } => Some((host.0, *attempt)),
                _ => None,
            })
            .collect()
    }

    fn ended(host: usize, outcome: Outcome) -> Input {
        Input::Ended { host: HostIndex(host), end: AttemptEnd::Final(outcome) }
    }

    #[test]
    fn hosts_start_as_places_become_free() {
        let mut dispatcher = Dispatcher::new(3, rules(2, 0, 0));
        assert_eq!(started(&dispatcher.handle(Input::Begin)), [(0, 1), (1, 1)]);
        assert_eq!(started(&dispatcher.handle(ended(1, Outcome::Succeeded))), [(2, 1)]);
        dispatcher.handle(ended(0, Outcome::Succeeded));
        let last = dispatcher.handle(ended(2, Outcome::Succeeded));
        assert!(matches!(last.last(), Some(Command::Finish { status: RunStatus::Succeeded, .. })), "{last:?}");
    }

    #[test]
    fn one_failure_too_many_starts_nothing_new_and_lets_the_rest_finish() {
        let mut dispatcher = Dispatcher::new(5, rules(2, 0, 0));
        dispatcher.handle(Input::Begin);
        let commands = dispatcher.handle(ended(0, Outcome::Failed));
        assert!(commands.contains(&Command::Halt(StopReason::Budget)));
        assert!(!commands.contains(&Command::Terminate), "what runs is let finish");
        assert!(started(&commands).is_empty());
        let last = dispatcher.handle(ended(1, Outcome::Succeeded));
        let Some(Command::Finish { status, summary }) = last.last() else { panic!("{last:?}") };
        assert_eq!((*status, summary.skipped, summary.failed), (RunStatus::Failed, 3, 1));
    }

    #[test]
    fn only_what_may_be_retried_is() {
        let mut dispatcher = Dispatcher::new(1, rules(1, 0, 1));
        dispatcher.handle(Input::Begin);
        let retryable = Input::Ended { host: HostIndex(0), end: AttemptEnd::Retryable(Outcome::Unreachable) };
        let again = dispatcher.handle(retryable);
        assert_eq!(again, [Command::Start { host: HostIndex(0), attempt: 2, after: Duration::from_secs(1) }]);
        let last = dispatcher.handle(retryable);
        assert!(last.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Unreachable }));
        assert!(matches!(last.last(), Some(Command::Finish { status: RunStatus::Failed, .. })));
    }

    #[test]
    fn a_host_that_was_tried_keeps_what_it_came_to_when_the_next_try_is_cut_off() {
        let mut dispatcher = Dispatcher::new(2, rules(2, 0, 3));
        dispatcher.handle(Input::Begin);
        let end = |end| Input::Ended { host: HostIndex(0), end };
        dispatcher.handle(end(AttemptEnd::Retryable(Outcome::Unreachable)));
        dispatcher.handle(Input::Cancel(StopReason::Interrupt));
        let commands = dispatcher.handle(end(AttemptEnd::NotStarted));
        assert!(commands.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Unreachable }));
        let never = Input::Ended { host: HostIndex(1), end: AttemptEnd::NotStarted };
        let commands = dispatcher.handle(never);
        assert!(commands.contains(&Command::Settle { host: HostIndex(1), outcome: Outcome::Skipped }));
    }

    #[test]
    fn the_first_cancel_asks_and_the_second_kills() {
        let mut dispatcher = Dispatcher::new(3, rules(1, 0, 5));
        dispatcher.handle(Input::Begin);
        assert!(dispatcher.handle(Input::Cancel(StopReason::Interrupt)).contains(&Command::Terminate));
        assert!(dispatcher.handle(Input::Cancel(StopReason::Interrupt)).contains(&Command::Kill));
        assert!(dispatcher.handle(Input::Cancel(StopReason::Interrupt)).is_empty());
        let end = Input::Ended { host: HostIndex(0), end: AttemptEnd::Retryable(Outcome::Unreachable) };
        let last = dispatcher.handle(end);
        assert!(started(&last).is_empty(), "nothing is retried while stopping");
        assert!(matches!(last.last(), Some(Command::Finish { status: RunStatus::Interrupted, .. })));
    }

    /// What a pipeline does that is cancelled.
    #[test]
    fn of_two_signals_the_first_says_how_the_run_ended() {
        let mut dispatcher = Dispatcher::new(1, rules(1, 0, 0));
        dispatcher.handle(Input::Begin);
        dispatcher.handle(Input::Cancel(StopReason::Interrupt));
        assert_eq!(dispatcher.handle(Input::Cancel(StopReason::Terminate)), [Command::Kill]);
        let last = dispatcher.handle(ended(0, Outcome::Failed));
        assert!(matches!(last.last(), Some(Command::Finish { status: RunStatus::Interrupted, .. })), "{last:?}");
    }

    #[test]
    fn back_off_doubles_is_bounded_and_differs_from_host_to_host() {
        for host in (0..1000).map(HostIndex) {
            for (attempt, least) in [(1, 1), (2, 2), (3, 4), (6, 30), (u32::MAX, 30)] {
                let (wait, least) = (back_off(host, attempt), Duration::from_secs(least));
                assert!(wait >= least && wait <= least + least / 2, "{wait:?}");
            }
        }
        let mut waits: Vec<_> = (0..50).map(|host| back_off(HostIndex(host), 1)).collect();
        waits.sort();
        assert!(waits.windows(2).all(|pair| pair[1].saturating_sub(pair[0]) >= Duration::from_millis(1)), "{waits:?}");
    }

    /// One random step of a history.
    #[derive(Clone, Copy, Debug)]
    enum Move {
        End(prop::sample::Index, AttemptEnd),
        Cancel(StopReason),
    }

    fn moves() -> impl Strategy<Value = Move> {
        let outcome = prop_oneof![
            6 => Just(Outcome::Succeeded),
            1 => Just(Outcome::Failed),
            1 => Just(Outcome::Unreachable),
            1 => Just(Outcome::Unknown),
        ];
        let end = prop_oneof![
            6 => outcome.clone().prop_map(AttemptEnd::Final),
            2 => outcome.prop_map(AttemptEnd::Retryable),
            1 => Just(AttemptEnd::NotStarted),
        ];
        prop_oneof![
            20 => (any::<prop::sample::Index>(), end).prop_map(|(which, end)| Move::End(which, end)),
            1 => prop_oneof![Just(StopReason::Interrupt), Just(StopReason::Terminate)].prop_map(Move::Cancel),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever happens, in whatever order: never more hosts at once than allowed, never more
        /// attempts than allowed, nothing started once stopped, no more hosts met a failing script
        /// than the plan's worst case, every host settled once, and one finish.
        #[test]
        fn every_history_keeps_the_rules(
            hosts in 0_usize..40,
            concurrency in 1_usize..12,
            max_failures in 0_usize..6,
            retries in 0_u32..3,
            history in prop::collection::vec(moves(), 0..400),
        ) {
            let mut dispatcher = Dispatcher::new(hosts, rules(concurrency, max_failures, retries));
            let mut running: BTreeMap<usize, u32> = BTreeMap::new();
            let mut settled: BTreeMap<usize, Outcome> = BTreeMap::new();
            let (mut stopped, mut finished) = (None, None);

            let mut history = history.into_iter();
            let mut input = Some(Input::Begin);
            while let Some(next) = input {
                if let Input::Ended { host, .. } = next {
                    running.remove(&host.0);
                }
                for command in dispatcher.handle(next) {
                    prop_assert!(finished.is_none(), "{command:?} after the finish");
                    match command {
                        Command::Start { host, attempt, .. } => {
                            prop_assert!(stopped.is_none(), "started while stopping");
                            prop_assert!(attempt <= retries + 1);
                            prop_assert!(!settled.contains_key(&host.0));
                            prop_assert!(running.insert(host.0, attempt).is_none());
                        }
                        Command::Settle { host, outcome } => {
                            prop_assert!(settled.insert(host.0, outcome).is_none(), "settled twice");
                        }
                        Command::Halt(reason) => stopped = Some(reason),
                        Command::Terminate | Command::Kill => prop_assert!(stopped.is_some()),
                        Command::Finish { status, summary } => finished = Some((status, summary)),
                    }
                }
                prop_assert!(running.len() <= concurrency);
                let failures = settled.values().filter(|outcome| outcome.counts()).count();
                prop_assert!(failures + running.len() <= max_failures + concurrency, "beyond the worst case");
                prop_assert!(failures <= max_failures || stopped.is_some(), "over the budget and not stopped");

                input = match history.next() {
                    Some(Move::Cancel(reason)) => Some(Input::Cancel(reason)),
                    Some(Move::End(which, end)) if !running.is_empty() => {
                        let host = *running.keys().nth(which.index(running.len())).expect("in range");
                        Some(Input::Ended { host: HostIndex(host), end })
                    }
                    // The history is over, or its move does not apply: everything ends well.
                    _ => running.keys().next().map(|host| ended(*host, Outcome::Succeeded)),
                };
            }

            let Some((status, summary)) = finished else { return Err(TestCaseError::fail("never finished")) };
            prop_assert_eq!(settled.len(), hosts);
            prop_assert_eq!(summary, Summary::of(settled.values().copied()));
            prop_assert_eq!(status == RunStatus::Succeeded, stopped.is_none() && summary.succeeded == hosts);
            match stopped {
                Some(StopReason::Interrupt) => prop_assert_eq!(status, RunStatus::Interrupted),
                Some(StopReason::Terminate) => prop_assert_eq!(status, RunStatus::Terminated),
                Some(StopReason::Budget) => prop_assert_eq!(status, RunStatus::Failed),
                None => prop_assert!(summary.skipped == 0 || status != RunStatus::Succeeded),
            }
        }
    }
}

//! The state of every host of a run, and how many hosts are in which state.

use super::{super::outcome::Outcome, words::HostIndex};
use crate::config::FailureLimit;

/// The state of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not started.
    Waiting,
    /// The hook before it runs.
    Entering,
    /// An attempt is under way.
    Active(Attempt),
    /// The host waits at one of its barriers.
    Held {
        attempt: Attempt,
        /// Counted from 0.
        barrier: usize,
    },
    /// The host was not reached, or was lost, and the clouds are asked whether it still exists.
    Doubtful {
        outcome: Outcome,
        attempt: u32,
        /// The number of the clouds' answer that decides.
        answer: u64,
    },
    /// The hook after it runs.
    Leaving { outcome: Outcome },
    /// The host has its outcome.
    Settled(Outcome),
}

/// An attempt on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Counted from 1.
    pub(super) number: u32,
    /// The outcome of the attempt before, if there was one.
    pub(super) before: Option<Outcome>,
    /// Contact with the script is lost at the moment.
    pub(super) lost: bool,
}

/// A host of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) state: State,
    /// A script was started there, or may have been.
    pub(super) touched: bool,
    /// The hook before the host has run, so the hook after it must run too.
    pub(super) entered: bool,
    /// The clouds say that the host no longer exists.
    pub(super) gone: bool,
    /// The outcome with which the host was settled, even if it is gone now.
    pub(super) came_to: Option<Outcome>,
    /// How many attempts were made.
    pub(super) attempts: u32,
    /// How many barriers the host has passed.
    pub(super) passed: usize,
    /// The order in which the host was settled, counted over all hosts.
    pub(super) settled: usize,
}

/// How many hosts are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    working: usize,
    held: usize,
    doubtful: usize,
    settled: usize,
    failures: usize,
    gone: usize,
}

/// All hosts of a run.
#[derive(Debug)]
pub(super) struct Fleet {
    members: Vec<Member>,
    counts: Counts,
    settlements: usize,
    limit: FailureLimit,
    /// The plan's own budget: an upper bound.
    planned_budget: usize,
}

impl Fleet {
    pub(super) fn new(hosts: usize, limit: FailureLimit) -> Self {
        let mut fleet = Self {
            members: Vec::new(),
            counts: Counts::default(),
            settlements: 0,
            limit,
            planned_budget: limit.of(hosts),
        };
        drop(fleet.join(hosts));
        fleet
    }

    /// Adds hosts, and returns their places.
    pub(super) fn join(&mut self, hosts: usize) -> impl Iterator<Item = HostIndex> + use<> {
        let first = self.members.len();
        let member = Member {
            state: State::Waiting,
            touched: false,
            entered: false,
            gone: false,
            came_to: None,
            attempts: 0,
            passed: 0,
            settled: 0,
        };
        self.members.resize(first + hosts, member);
        (first..first + hosts).map(HostIndex)
    }

    pub(super) fn get(&self, host: HostIndex) -> Option<&Member> {
        self.members.get(host.0)
    }

    pub(super) fn state(&self, host: HostIndex) -> Option<State> {
        self.get(host).map(|member| member.state)
    }

    /// Changes something about a host, but not its state.
    pub(super) fn note(&mut self, host: HostIndex, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.get_mut(host.0) {
            let state = member.state;
            change(member);
            member.state = state;
        }
    }

    /// Moves a host to a state.
    pub(super) fn set(&mut self, host: HostIndex, state: State) {
        let Some(member) = self.members.get_mut(host.0) else { return };
        count(&mut self.counts, member.state, |count| *count -= 1);
        count(&mut self.counts, state, |count| *count += 1);
        if let (State::Settled(_), false) = (state, matches!(member.state, State::Settled(_))) {
            self.settlements += 1;
            member.settled = self.settlements;
        }
        member.state = state;
    }

    pub(super) fn hosts(&self) -> impl DoubleEndedIterator<Item = (HostIndex, &Member)> {
        self.members.iter().enumerate().map(|(place, member)| (HostIndex(place), member))
    }

    /// The outcome of each settled host.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.members.iter().filter_map(|member| match member.state {
            State::Settled(outcome) => Some(outcome),
            State::Waiting
            | State::Entering
            | State::Active(_)
            | State::Held { .. }
            | State::Doubtful { .. }
            | State::Leaving { .. } => None,
        })
    }

    /// Hosts that take up concurrency. A host in doubt still does: it may have to be tried again.
    pub(super) fn working(&self) -> usize {
        self.counts.working
    }

    /// Hosts that were started and have no outcome yet.
    pub(super) fn in_flight(&self) -> usize {
        self.counts.working + self.counts.held
    }

    /// Hosts that count against the budget.
    pub(super) fn failures(&self) -> usize {
        self.counts.failures
    }

    /// Hosts that will count against the budget, unless the clouds say that they are gone.
    pub(super) fn feared(&self) -> usize {
        self.counts.failures + self.counts.doubtful
    }

    /// How many hosts may fail. Gone hosts no longer count towards the whole, and late hosts do not raise the budget.
    pub(super) fn budget(&self) -> usize {
        self.limit.of(self.members.len() - self.counts.gone).min(self.planned_budget)
    }

    /// Touched hosts, the last settled one first.
    pub(super) fn touched(&self) -> Vec<HostIndex> {
        let mut touched: Vec<_> = self.hosts().filter(|(_, member)| is_to_be_undone(member)).collect();
        touched.sort_by_key(|(_, member)| std::cmp::Reverse(member.settled));
        touched.into_iter().map(|(host, _)| host).collect()
    }
}

/// Only a host on which something was started has anything to undo. A gone host cannot be undone.
fn is_to_be_undone(member: &Member) -> bool {
    match member.state {
        State::Settled(Outcome::Succeeded | Outcome::Failed | Outcome::Unknown) => member.touched,
        // A touched host that cannot be reached any more is `Unknown`, not `Unreachable`.
        State::Settled(Outcome::Unreachable | Outcome::Skipped | Outcome::Gone) => false,
        State::Waiting
        | State::Entering
        | State::Active(_)
        | State::Held { .. }
        | State::Doubtful { .. }
        | State::Leaving { .. } => false,
    }
}

fn count(counts: &mut Counts, state: State, change: impl Fn(&mut usize)) {
    match state {
        State::Waiting => {}
        State::Entering | State::Active(_) | State::Leaving { .. } => change(&mut counts.working),
        State::Held { .. } => change(&mut counts.held),
        State::Doubtful { .. } => {
            change(&mut counts.working);
            change(&mut counts.doubtful);
        }
        State::Settled(outcome) => {
            change(&mut counts.settled);
            if outcome.counts() {
                change(&mut counts.failures);
            }
            if outcome == Outcome::Gone {
                change(&mut counts.gone);
            }
        }
    }
}

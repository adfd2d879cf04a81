//! The hosts of the stage that is being worked on: who is next, how many at once, and who waits at a barrier.

use std::collections::VecDeque;

use super::{
    fleet::{Fleet, State},
    words::HostIndex,
};

/// A stage under way.
///
/// Hosts that meet barriers go through them together, as one wave: late ones make another wave.
#[derive(Debug, Default)]
pub(super) struct Wave {
    /// Its hosts that were not begun with.
    waiting: VecDeque<HostIndex>,
    /// All of its hosts.
    hosts: Vec<HostIndex>,
    /// Hosts at a barrier that is open, in the order in which they came there.
    released: VecDeque<HostIndex>,
    /// How many barriers are open.
    open: usize,
    /// How many hosts are worked on at once now.
    window: usize,
}

impl Wave {
    /// A wave of these hosts, that begins with so many at once.
    pub(super) fn new(hosts: Vec<HostIndex>, window: usize) -> Self {
        Self { waiting: hosts.iter().copied().collect(), hosts, window, ..Self::default() }
    }

    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// A host came as far as it was to come: the next ones may be one more.
    pub(super) fn widen(&mut self, most: usize) {
        self.window = (self.window + 1).min(most);
    }

    /// Adds a host to those that wait.
    pub(super) fn push(&mut self, host: HostIndex) {
        self.hosts.push(host);
        self.waiting.push_back(host);
    }

    /// The next host at an open barrier.
    pub(super) fn next_released(&mut self) -> Option<HostIndex> {
        self.released.pop_front()
    }

    pub(super) fn next_waiting(&mut self) -> Option<HostIndex> {
        self.waiting.pop_front()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes out a host that waits, or has its outcome.
    pub(super) fn remove(&mut self, host: HostIndex) {
        self.waiting.retain(|other| *other != host);
        self.hosts.retain(|other| *other != host);
    }

    /// Leaves those that wait to another wave.
    pub(super) fn put_back_waiting(&mut self) {
        for host in std::mem::take(&mut self.waiting) {
            self.hosts.retain(|other| *other != host);
        }
    }

    /// Those that wait are begun with no more.
    pub(super) fn clear_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Hosts that stand at a barrier, open or not.
    pub(super) fn held(&self, fleet: &Fleet) -> Vec<HostIndex> {
        self.hosts.iter().copied().filter(|host| barrier(fleet, *host).is_some()).collect()
    }

    /// Opens the next barrier when everybody who is left of the wave stands there; then hosts pass it as at a stage's
    /// beginning, for the next part is as new as the first one was.
    pub(super) fn open_barrier(&mut self, fleet: &Fleet, window: usize) {
        let there = |host: &HostIndex| match fleet.state(*host) {
            Some(State::Held { barrier, .. }) => barrier == self.open,
            Some(State::Settled(_)) | None => true,
            Some(
                State::Waiting | State::Entering | State::Active(_) | State::Doubtful { .. } | State::Leaving { .. },
            ) => false,
        };
        if self.hosts.iter().all(there) {
            self.released.extend(self.hosts.iter().copied().filter(|host| barrier(fleet, *host) == Some(self.open)));
            if !self.released.is_empty() {
                self.open += 1;
                self.window = window;
            }
        }
    }

    /// A host stands at a barrier that may be open already.
    pub(super) fn release_late(&mut self, host: HostIndex, barrier: usize) {
        if barrier < self.open {
            self.released.push_back(host);
        }
    }

    /// A host that was about to pass a barrier does not stand there any more.
    pub(super) fn hold_back(&mut self, host: HostIndex) {
        self.released.retain(|other| *other != host);
    }

    /// True when every host of it is settled. Only hosts of the wave are in flight while there is one.
    pub(super) fn is_over(&self, fleet: &Fleet) -> bool {
        self.waiting.is_empty() && fleet.in_flight() == 0
    }
}

fn barrier(fleet: &Fleet, host: HostIndex) -> Option<usize> {
    match fleet.state(host) {
        Some(State::Held { barrier, .. }) => Some(barrier),
        Some(
            State::Waiting
            | State::Entering
            | State::Active(_)
            | State::Doubtful { .. }
            | State::Leaving { .. }
            | State::Settled(_),
        )
        | None => None,
    }
}

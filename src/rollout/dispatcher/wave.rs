//! The hosts of the current stage: which is next, how many run at once, and which wait at a barrier.

use std::collections::VecDeque;

use super::{
    fleet::{Fleet, State},
    words::HostIndex,
};

/// A stage under way.
///
/// Hosts that meet barriers go through them together, as one wave; late hosts make another wave.
#[derive(Debug, Default)]
pub(super) struct Wave {
    /// The wave's hosts that were not started.
    waiting: VecDeque<HostIndex>,
    /// All hosts of the wave.
    hosts: Vec<HostIndex>,
    /// Hosts at an open barrier, in the order in which they reached it.
    released: VecDeque<HostIndex>,
    /// How many barriers are open.
    open: usize,
    /// How many hosts may be worked on at once now.
    window: usize,
}

impl Wave {
    /// A wave of these hosts that starts `window` of them at once.
    pub(super) fn new(hosts: Vec<HostIndex>, window: usize) -> Self {
        Self { waiting: hosts.iter().copied().collect(), hosts, window, ..Self::default() }
    }

    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// A host came as far as it had to: one more may run at once.
    pub(super) fn widen(&mut self, most: usize) {
        self.window = (self.window + 1).min(most);
    }

    /// Adds a waiting host.
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

    /// Removes a host that waits, or that has its outcome.
    pub(super) fn remove(&mut self, host: HostIndex) {
        self.waiting.retain(|other| *other != host);
        self.hosts.retain(|other| *other != host);
    }

    /// Leaves the waiting hosts to another wave.
    pub(super) fn put_back_waiting(&mut self) {
        for host in std::mem::take(&mut self.waiting) {
            self.hosts.retain(|other| *other != host);
        }
    }

    /// Drops the waiting hosts.
    pub(super) fn clear_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Hosts at a barrier, open or not.
    pub(super) fn held(&self, fleet: &Fleet) -> Vec<HostIndex> {
        self.hosts.iter().copied().filter(|host| barrier(fleet, *host).is_some()).collect()
    }

    /// Opens the next barrier once all hosts left in the wave have reached it. Hosts then pass it as at the beginning
    /// of a stage, because the next part is as new as the first one was.
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

    /// A host has reached a barrier that may be open already.
    pub(super) fn release_late(&mut self, host: HostIndex, barrier: usize) {
        if barrier < self.open {
            self.released.push_back(host);
        }
    }

    /// A host that was about to pass a barrier is no longer there.
    pub(super) fn hold_back(&mut self, host: HostIndex) {
        self.released.retain(|other| *other != host);
    }

    /// True when every host of the wave is settled. While there is a wave, only its hosts are in flight.
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

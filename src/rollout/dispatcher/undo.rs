//! Rolls touched hosts back: the newest first, side by side. A failure does not stop the others.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    Dispatcher,
    back_off::back_off,
    fleet,
    words::{Command, HookEnd, HostIndex, Purpose, Rules, UndoEnd},
};
use crate::rollout::outcome::{Outcome, UndoOutcome};

/// The state of a run's undo.
#[derive(Debug, Default)]
pub(super) struct Undo {
    waiting: VecDeque<HostIndex>,
    /// Hosts being undone.
    active: BTreeMap<HostIndex, State>,
    outcomes: BTreeMap<HostIndex, UndoOutcome>,
    /// No further host is started.
    halted: bool,
}

/// The state of a host being undone. The hooks around it run once for all attempts, as in a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The hook before it runs.
    Entering,
    /// This attempt is under way, counted from 1.
    Active(u32),
    /// The hook after it runs.
    Leaving(UndoOutcome),
}

impl Undo {
    /// The undo of these hosts, in this order.
    pub(super) fn of(hosts: Vec<HostIndex>) -> Self {
        Self { waiting: hosts.into(), ..Self::default() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.active.is_empty()
    }

    /// True when every host was rolled back, or when there was none.
    pub(super) fn is_complete(&self) -> bool {
        self.is_over()
            && self.outcomes.values().all(|outcome| match outcome {
                UndoOutcome::Undone => true,
                UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => false,
            })
    }

    /// Adds a host that has come back.
    pub(super) fn join(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        self.waiting.push_back(host);
        if self.halted {
            self.halt(commands);
        }
    }

    /// Starts as many hosts as there is room for.
    pub(super) fn fill(&mut self, rules: &Rules, commands: &mut Vec<Command>) {
        while self.active.len() < rules.concurrency.get() {
            let Some(host) = self.waiting.pop_front() else { break };
            if rules.hooks.before_host {
                self.active.insert(host, State::Entering);
                commands.push(Command::BeforeUndo { host });
            } else {
                self.start(host, 1, Duration::ZERO, commands);
            }
        }
    }

    fn start(&mut self, host: HostIndex, attempt: u32, after: Duration, commands: &mut Vec<Command>) {
        self.active.insert(host, State::Active(attempt));
        commands.push(Command::Undo { host, attempt, after });
    }

    /// An attempt to undo a host has ended.
    pub(super) fn ended(&mut self, host: HostIndex, end: UndoEnd, rules: &Rules, commands: &mut Vec<Command>) {
        match (self.active.get(&host).copied(), end) {
            (Some(State::Entering | State::Active(_)), UndoEnd::NoWay(outcome)) => {
                self.settle(host, outcome, commands);
            }
            (Some(State::Active(attempt)), UndoEnd::Retryable(_)) if !self.halted && attempt <= rules.retries => {
                self.start(host, attempt + 1, back_off(host, attempt), commands);
            }
            (Some(State::Active(_)), UndoEnd::Final(outcome) | UndoEnd::Retryable(outcome)) => {
                self.leave(host, outcome, rules, commands);
            }
            (
                Some(State::Entering | State::Leaving(_)) | None,
                UndoEnd::Final(_) | UndoEnd::Retryable(_) | UndoEnd::NoWay(_),
            ) => debug_assert!(false, "an undo ended on {host:?}, where none was under way"),
        }
    }

    /// The hook before or after the undo of a host has ended.
    pub(super) fn hook_ended(&mut self, host: HostIndex, end: HookEnd, rules: &Rules, commands: &mut Vec<Command>) {
        match (self.active.get(&host).copied(), end) {
            (Some(State::Entering), HookEnd::Succeeded) if !self.halted => {
                self.start(host, 1, Duration::ZERO, commands);
            }
            // The hook may have done a part of its work, which the hook after the undo reverts.
            (Some(State::Entering), HookEnd::Succeeded | HookEnd::Failed) => {
                self.leave(host, UndoOutcome::UndoFailed, rules, commands);
            }
            (Some(State::Leaving(UndoOutcome::Undone)), HookEnd::Failed) => {
                self.settle(host, UndoOutcome::UndoFailed, commands);
            }
            (Some(State::Leaving(outcome)), HookEnd::Succeeded | HookEnd::Failed) => {
                self.settle(host, outcome, commands);
            }
            (Some(State::Active(_)) | None, HookEnd::Succeeded | HookEnd::Failed) => {
                debug_assert!(false, "a hook of an undo ended on {host:?}, where none ran");
            }
        }
    }

    /// Starts no further host: the hosts that wait count as not undone.
    pub(super) fn halt(&mut self, commands: &mut Vec<Command>) {
        self.halted = true;
        while let Some(host) = self.waiting.pop_front() {
            self.settle(host, UndoOutcome::UndoFailed, commands);
        }
    }

    /// Settles the undo of a host with this outcome; first runs the hook after the host, if there is one.
    fn leave(&mut self, host: HostIndex, outcome: UndoOutcome, rules: &Rules, commands: &mut Vec<Command>) {
        if rules.hooks.after_host {
            self.active.insert(host, State::Leaving(outcome));
            commands.push(Command::AfterUndo { host, outcome });
        } else {
            self.settle(host, outcome, commands);
        }
    }

    fn settle(&mut self, host: HostIndex, outcome: UndoOutcome, commands: &mut Vec<Command>) {
        self.active.remove(&host);
        self.outcomes.insert(host, outcome);
        commands.push(Command::SettleUndo { host, outcome });
    }
}

impl Dispatcher {
    /// The hosts to roll back, in order.
    pub(super) fn begin_undo(&mut self) -> Vec<HostIndex> {
        match self.rules.purpose {
            Purpose::Work => self.fleet.touched(),
            Purpose::Rollback => {
                let hosts: Vec<_> = self.fleet.hosts().map(|(host, _)| host).rev().collect();
                for host in &hosts {
                    self.fleet.set(*host, fleet::State::Settled(Outcome::Skipped));
                }
                hosts
            }
        }
    }
}

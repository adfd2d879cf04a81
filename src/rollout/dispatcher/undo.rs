//! Taking touched hosts back: newest first, side by side, and no failure stops the others.

use std::collections::{BTreeMap, VecDeque};

use super::{
    super::outcome::UndoOutcome,
    back_off,
    words::{Command, HostIndex, UndoEnd},
};

/// The undo of a run, once it has begun.
#[derive(Debug, Default)]
pub(super) struct Undo {
    waiting: VecDeque<HostIndex>,
    /// Hosts being undone, and their attempts.
    active: BTreeMap<HostIndex, u32>,
    outcomes: BTreeMap<HostIndex, UndoOutcome>,
    /// No host is begun with any more.
    halted: bool,
}

impl Undo {
    /// The undo of these hosts, in this order.
    pub(super) fn of(hosts: Vec<HostIndex>) -> Self {
        Self { waiting: hosts.into(), ..Self::default() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.active.is_empty()
    }

    /// True when every host was taken back; also when there was none.
    pub(super) fn is_complete(&self) -> bool {
        self.is_over()
            && self.outcomes.values().all(|outcome| match outcome {
                UndoOutcome::Undone => true,
                UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => false,
            })
    }

    /// Begins with as many hosts as there is room for.
    pub(super) fn fill(&mut self, concurrency: usize, commands: &mut Vec<Command>) {
        while self.active.len() < concurrency {
            let Some(host) = self.waiting.pop_front() else { break };
            self.active.insert(host, 1);
            commands.push(Command::Undo { host, attempt: 1, after: std::time::Duration::ZERO });
        }
    }

    /// An attempt to undo a host came to its end.
    pub(super) fn ended(&mut self, host: HostIndex, end: UndoEnd, retries: u32, commands: &mut Vec<Command>) {
        let Some(attempt) = self.active.get_mut(&host) else {
            debug_assert!(false, "an undo ended on {host:?}, where none was under way");
            return;
        };
        let outcome = match end {
            UndoEnd::Retryable(_) if !self.halted && *attempt <= retries => {
                let after = back_off(host, *attempt);
                *attempt += 1;
                commands.push(Command::Undo { host, attempt: *attempt, after });
                return;
            }
            UndoEnd::Final(outcome) | UndoEnd::Retryable(outcome) => outcome,
        };
        self.active.remove(&host);
        self.settle(host, outcome, commands);
    }

    /// Begins with no further host: those that wait were not undone.
    pub(super) fn halt(&mut self, commands: &mut Vec<Command>) {
        self.halted = true;
        while let Some(host) = self.waiting.pop_front() {
            self.settle(host, UndoOutcome::UndoFailed, commands);
        }
    }

    fn settle(&mut self, host: HostIndex, outcome: UndoOutcome, commands: &mut Vec<Command>) {
        self.outcomes.insert(host, outcome);
        commands.push(Command::SettleUndo { host, outcome });
    }
}

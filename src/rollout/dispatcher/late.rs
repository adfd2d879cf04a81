//! What the clouds say during a run: hosts that came late, are gone, came back, or have moved.

use super::{
    Dispatcher,
    fleet::{Member, State},
    machine::Position,
    words::{Answer, Command, HostIndex, StepIndex, StepKind},
};
use crate::rollout::outcome::Outcome;

/// How many changed answers the clouds may give at the end of a run. Without a limit, a scaling group that keeps
/// replacing its machines would keep the run going for ever.
const ROUNDS: usize = 10;

/// How many times the clouds may fail to answer at the end of a run.
const FAILURES: usize = 2;

/// The questions to the clouds, and their last answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asking {
    /// The number of the last question, from 1.
    asked: u64,
    /// The last question has no answer yet.
    open: bool,
    /// The number of the last question whose answer is wanted.
    wanted: u64,
    last: Reply,
    /// The last answer changed nothing, and nothing was done since.
    settled: bool,
    /// Changed answers at the end of the run.
    rounds: usize,
    /// Failed answers at the end of the run.
    failures: usize,
}

/// How an answer compares with the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reply {
    #[default]
    Same,
    Changed,
    Failed,
}

impl Asking {
    pub(super) fn is_answered(&self) -> bool {
        !self.open && self.wanted <= self.asked
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Something that takes time is about to be done, so the last answer may become outdated.
    pub(super) fn unsettle(&mut self) {
        self.settled = false;
    }

    /// The clouds keep changing, or do not answer: no more questions about late hosts.
    pub(super) fn is_exhausted(&self) -> bool {
        self.rounds >= ROUNDS || self.failures >= FAILURES
    }
}

impl Dispatcher {
    /// Asks the clouds. Returns the number of the answer that will be true of this moment: an answer that is on its way
    /// may be older.
    pub(super) fn ask(&mut self, commands: &mut Vec<Command>) -> u64 {
        let wanted = self.asking.asked + 1;
        self.asking.wanted = wanted;
        if !self.asking.open {
            self.pose(commands);
        }
        wanted
    }

    fn pose(&mut self, commands: &mut Vec<Command>) {
        self.asking.asked += 1;
        self.asking.open = true;
        commands.push(Command::Ask);
    }

    /// Whether an answer of the clouds can still change anything. It cannot once the last hook runs.
    pub fn hears_of_fleet(&self) -> bool {
        !matches!(self.at, Position::AfterRun | Position::Over)
    }

    /// The clouds have answered.
    pub(super) fn found(&mut self, answer: Answer, commands: &mut Vec<Command>) {
        self.asking.open = false;
        if !self.hears_of_fleet() {
            return;
        }
        self.asking.last = match answer {
            Answer::Failed => {
                self.resolve(&[], commands);
                Reply::Failed
            }
            Answer::Whole { joined, gone, returned, moved } => {
                // This comes first: what follows may stop the run, and settle the hosts in doubt.
                let returned: Vec<_> = returned.into_iter().filter(|host| self.is_gone(*host)).collect();
                for host in &returned {
                    self.fleet.note(*host, |member| member.gone = false);
                }
                let vanished = gone.into_iter().filter(|host| self.vanish(*host, commands)).count();
                for host in &returned {
                    self.come_back(*host, commands);
                }
                self.join(joined, commands);
                self.resolve(&moved, commands);
                self.judge(commands);
                if joined + vanished + returned.len() > 0 { Reply::Changed } else { Reply::Same }
            }
        };
        if self.asking.wanted > self.asking.asked && self.is_answer_awaited() {
            self.pose(commands);
        }
    }

    /// Whether the answer to a follow-up question is still needed: the hosts that needed it may have ended.
    fn is_answer_awaited(&self) -> bool {
        let awaits = |member: &Member| match member.state {
            State::Doubtful { .. } => true,
            State::Active(attempt) | State::Held { attempt, .. } => attempt.lost,
            State::Waiting | State::Entering | State::Leaving { .. } | State::Settled(_) => false,
        };
        matches!(self.at, Position::Asking(_)) || self.fleet.hosts().any(|(_, member)| awaits(member))
    }

    /// A host no longer exists. Returns whether that is news.
    fn vanish(&mut self, host: HostIndex, commands: &mut Vec<Command>) -> bool {
        let Some(member) = self.fleet.get(host).copied() else { return false };
        // A host being rolled back is not marked gone; its undo reports its state.
        if member.gone || matches!(self.at, Position::OnRollback | Position::Undoing) {
            return false;
        }
        self.fleet.note(host, |member| member.gone = true);
        match member.state {
            State::Waiting => {
                self.wave.remove(host);
                self.settle(host, Outcome::Gone, commands);
            }
            State::Active(attempt) | State::Held { attempt, .. } if attempt.lost => {
                commands.push(Command::Abandon { host });
            }
            // What is under way decides their outcome.
            State::Active(_)
            | State::Held { .. }
            | State::Entering
            | State::Leaving { .. }
            | State::Doubtful { .. } => {}
            State::Settled(outcome) => {
                if outcome.when_gone() != outcome {
                    self.settle(host, outcome, commands);
                }
            }
        }
        true
    }

    /// A host that was gone exists again.
    fn come_back(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        let Some(member) = self.fleet.get(host).copied() else { return };
        match member.state {
            State::Settled(Outcome::Gone) => self.take_up(host, member.came_to.unwrap_or(Outcome::Gone), commands),
            // It keeps its outcome.
            State::Settled(
                Outcome::Succeeded | Outcome::Failed | Outcome::Unreachable | Outcome::Unknown | Outcome::Skipped,
            )
            // It continues.
            | State::Waiting
            | State::Entering
            | State::Active(_)
            | State::Held { .. }
            | State::Doubtful { .. }
            | State::Leaving { .. } => {}
        }
    }

    /// Restores a host that was marked gone, from the outcome it had before.
    pub(super) fn take_up(&mut self, host: HostIndex, came_to: Outcome, commands: &mut Vec<Command>) {
        match came_to {
            Outcome::Succeeded | Outcome::Failed | Outcome::Unknown => {
                self.settle(host, came_to, commands);
                if self.at == Position::Undoing {
                    self.undo.join(host, commands);
                }
            }
            Outcome::Unreachable if self.stopped.is_some() => self.settle(host, came_to, commands),
            Outcome::Skipped | Outcome::Gone if self.stopped.is_some() => {
                self.settle(host, Outcome::Skipped, commands);
            }
            // Nothing was started there, so the host is treated like a late host.
            Outcome::Unreachable | Outcome::Skipped | Outcome::Gone => {
                self.fleet.note(host, |member| member.entered = false);
                self.fleet.set(host, State::Waiting);
                self.wave.remove(host);
                for hosts in &mut self.stages {
                    hosts.retain(|other| *other != host);
                }
                commands.push(Command::Requeue { host });
                self.enlist(host, commands);
            }
        }
    }

    fn join(&mut self, joined: usize, commands: &mut Vec<Command>) {
        let late: Vec<_> = self.fleet.join(joined).collect();
        for host in late {
            self.enlist(host, commands);
        }
    }

    /// Adds a late host to the last stage.
    fn enlist(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        let last = self.stages.len().checked_sub(1);
        if let Some(stage) = last.and_then(|last| self.stages.get_mut(last)) {
            stage.push(host);
        }
        if self.stopped.is_some() {
            self.settle(host, Outcome::Skipped, commands);
        } else if self.rules.barriers == 0
            && matches!(self.at, Position::Stage(step) if Some(self.stage_of(step).0) == last)
        {
            self.wave.push(host);
        }
    }

    /// Settles the hosts that waited for this answer, except those that have moved: they are tried again.
    fn resolve(&mut self, moved: &[HostIndex], commands: &mut Vec<Command>) {
        let asked = self.asking.asked;
        for (host, outcome, attempt) in self.doubtful(asked) {
            if !matches!(self.fleet.state(host), Some(State::Doubtful { .. })) {
                // The host before it stopped the run.
                continue;
            }
            if moved.contains(&host) && self.may_follow(host, attempt, outcome) {
                self.start_again(host, attempt, outcome, commands);
            } else {
                self.leave(host, outcome, commands);
            }
        }
    }

    /// Settles all hosts in doubt without waiting for an answer.
    pub(super) fn resolve_all(&mut self, commands: &mut Vec<Command>) {
        self.asking.wanted = self.asking.asked;
        self.asking.open = false;
        for (host, outcome, _) in self.doubtful(u64::MAX) {
            self.leave(host, outcome, commands);
        }
    }

    fn doubtful(&self, up_to: u64) -> Vec<(HostIndex, Outcome, u32)> {
        let doubtful = |(host, member): (HostIndex, &Member)| match member.state {
            State::Doubtful { outcome, attempt, answer } if answer <= up_to => Some((host, outcome, attempt)),
            State::Doubtful { .. }
            | State::Waiting
            | State::Entering
            | State::Active(_)
            | State::Held { .. }
            | State::Leaving { .. }
            | State::Settled(_) => None,
        };
        self.fleet.hosts().filter_map(doubtful).collect()
    }

    /// The step to which late hosts belong.
    pub(super) fn last_stage(&self) -> Option<StepIndex> {
        self.rules.steps.iter().rposition(|step| matches!(step, StepKind::Stage { .. })).map(StepIndex)
    }

    /// The next position after the clouds were asked, after a stage or after the last step.
    pub(super) fn after_answer(&mut self, step: StepIndex, commands: &mut Vec<Command>) -> Position {
        let next = Position::Step(StepIndex(step.0 + 1));
        let Some(last) = self.last_stage().filter(|last| *last <= step) else { return next };
        match self.asking.last {
            Reply::Same => self.asking.settled = true,
            Reply::Changed => self.asking.rounds += 1,
            Reply::Failed => self.asking.failures += 1,
        }
        self.blemished |= self.asking.is_exhausted();
        if self.waiting(last) > 0 {
            return Position::Step(last);
        }
        if self.asking.settled || self.asking.is_exhausted() {
            return next;
        }
        self.ask(commands);
        Position::Asking(step)
    }
}

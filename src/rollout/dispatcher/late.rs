//! What the clouds say while a run goes on: hosts that came late, hosts that are gone, hosts that have moved.

use super::{
    Dispatcher,
    fleet::{Member, State},
    machine::Position,
    words::{Answer, Command, HostIndex, StepIndex, StepKind},
};
use crate::rollout::outcome::Outcome;

/// How often the clouds may give a new answer at the end until that is called restless. A scaling group that goes on
/// replacing its machines would otherwise keep a run going for ever.
const ROUNDS: usize = 10;

/// How often they may fail to answer there.
const FAILURES: usize = 2;

/// What is asked of the clouds, and what they said at last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asking {
    /// The number of the last question, from 1.
    asked: u64,
    /// It has no answer yet.
    open: bool,
    /// The number of the last question that somebody wants to be answered.
    wanted: u64,
    last: Reply,
    /// Nothing was done since the clouds gave the same answer twice.
    settled: bool,
    /// New answers at the end.
    rounds: usize,
    /// Questions at the end without an answer.
    failures: usize,
}

/// What an answer says of the one before it.
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

    /// Something is done that takes time.
    pub(super) fn unsettle(&mut self) {
        self.settled = false;
    }

    /// The clouds do not come to rest, or do not answer: they are not asked for late hosts any more.
    pub(super) fn is_exhausted(&self) -> bool {
        self.rounds >= ROUNDS || self.failures >= FAILURES
    }
}

impl Dispatcher {
    /// Asks the clouds, and gives the number of the answer that will be true of this moment: one that is on its way
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

    /// Whether an answer of the clouds can still change anything: not when the last hook runs, or has run.
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
                // First of all: what follows may stop the run, and settle those that are in doubt.
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

    /// Whether anybody still wants the answer that was asked for after the last question: those who did may have come
    /// to their end.
    fn is_answer_awaited(&self) -> bool {
        let awaits = |member: &Member| match member.state {
            State::Doubtful { .. } => true,
            State::Active(attempt) | State::Held { attempt, .. } => attempt.lost,
            State::Waiting | State::Entering | State::Leaving { .. } | State::Settled(_) => false,
        };
        matches!(self.at, Position::Asking(_)) || self.fleet.hosts().any(|(_, member)| awaits(member))
    }

    /// A host is there no more. True if that is news.
    fn vanish(&mut self, host: HostIndex, commands: &mut Vec<Command>) -> bool {
        let Some(member) = self.fleet.get(host).copied() else { return false };
        // On whom a script may be at work just now to take it back, that one's end says how it stands.
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
            // What they come to says the rest.
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

    /// A host that was gone is there again.
    fn come_back(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        let Some(member) = self.fleet.get(host).copied() else { return };
        match member.state {
            State::Settled(Outcome::Gone) => self.take_up(host, member.came_to.unwrap_or(Outcome::Gone), commands),
            // It has what it came to.
            State::Settled(
                Outcome::Succeeded | Outcome::Failed | Outcome::Unreachable | Outcome::Unknown | Outcome::Skipped,
            )
            // It goes on.
            | State::Waiting
            | State::Entering
            | State::Active(_)
            | State::Held { .. }
            | State::Doubtful { .. }
            | State::Leaving { .. } => {}
        }
    }

    /// A host that was called gone is there again, and had come to this before.
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
            // Nothing was started there, so it is like a host that comes late.
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

    /// Late hosts belong to the last stage.
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

    /// Hosts about which this was the answer come to what they came to, but those that have moved: they are tried again.
    fn resolve(&mut self, moved: &[HostIndex], commands: &mut Vec<Command>) {
        let asked = self.asking.asked;
        for (host, outcome, attempt) in self.doubtful(asked) {
            if !matches!(self.fleet.state(host), Some(State::Doubtful { .. })) {
                // The run stopped for the sake of the one before.
                continue;
            }
            if moved.contains(&host) && self.may_follow(host, attempt, outcome) {
                self.start_again(host, attempt, outcome, commands);
            } else {
                self.leave(host, outcome, commands);
            }
        }
    }

    /// Nobody waits for an answer any more.
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

    /// The step that late hosts belong to.
    pub(super) fn last_stage(&self) -> Option<StepIndex> {
        self.rules.steps.iter().rposition(|step| matches!(step, StepKind::Stage { .. })).map(StepIndex)
    }

    /// What is next after the clouds were asked behind a stage, or behind the last step.
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

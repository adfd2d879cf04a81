//! The plan's steps, in order: which is next, and what the end of a pause means.

use super::{
    Dispatcher,
    machine::Position,
    words::{AskAgain, Command, PauseEnd, StageIndex, StepIndex, StepKind},
};
use crate::rollout::outcome::StopReason;

impl Dispatcher {
    pub(super) fn begin_step(&mut self, step: StepIndex, commands: &mut Vec<Command>) -> Position {
        let after = Position::Step(StepIndex(step.0 + 1));
        match self.rules.steps.get(step.0) {
            Some(StepKind::Stage { .. }) if self.waiting(step) > 0 => {
                self.asking.unsettle();
                commands.push(Command::BeginStage { stage: self.stage_of(step), hosts: self.waiting(step) });
                Position::BeforeStage(step)
            }
            // The fleet is small, so an earlier stage has all of this stage's hosts. Or they are gone.
            Some(StepKind::Stage { .. }) => after,
            Some(StepKind::Pause { .. }) if self.granted.contains(&step) => after,
            Some(StepKind::Pause { .. }) => {
                self.asking.unsettle();
                commands.push(Command::Pause(step));
                Position::Pause(step)
            }
            None if self.asks_for_late_hosts() && !self.asking.is_settled() => {
                self.ask(commands);
                Position::Asking(step)
            }
            // These hosts came, or came back, when the clouds were not asked for late hosts.
            None => match self.last_stage().filter(|last| self.waiting(*last) > 0) {
                Some(last) => Position::Step(last),
                None => Position::AfterRun,
            },
        }
    }

    pub(super) fn pause_ended(&mut self, end: PauseEnd, commands: &mut Vec<Command>) {
        match (self.at, end) {
            (Position::Pause(step), PauseEnd::Passed) => {
                if self.rules.steps.get(step.0) == Some(&StepKind::Pause { approval: true }) {
                    self.granted.insert(step);
                }
                self.at = Position::Step(StepIndex(step.0 + 1));
            }
            // A pause of a run that goes on is never given up; in any case it was not passed.
            (Position::Pause(_), PauseEnd::CheckFailed | PauseEnd::GivenUp) => {
                self.pause_failed(StopReason::Check, commands);
            }
            (Position::Pause(_), PauseEnd::Refused) => self.pause_failed(StopReason::Approval, commands),
            (
                Position::Winding { .. },
                PauseEnd::Passed | PauseEnd::CheckFailed | PauseEnd::Refused | PauseEnd::GivenUp,
            ) => self.at = Position::Winding { pausing: false },
            (
                Position::NotBegun
                | Position::BeforeRun
                | Position::Step(_)
                | Position::BeforeStage(_)
                | Position::Stage(_)
                | Position::AfterStage(_)
                | Position::Asking(_)
                | Position::OnFailure
                | Position::OnRollback
                | Position::Undoing
                | Position::AfterRun
                | Position::Over,
                PauseEnd::Passed | PauseEnd::CheckFailed | PauseEnd::Refused | PauseEnd::GivenUp,
            ) => debug_assert!(false, "a pause ended, and none was under way"),
        }
    }

    pub(super) fn pause_failed(&mut self, reason: StopReason, commands: &mut Vec<Command>) {
        self.at = Position::Winding { pausing: false };
        self.halt(reason, commands);
    }

    pub(super) fn asks_for_late_hosts(&self) -> bool {
        match self.rules.ask_again {
            AskAgain::Always => !self.asking.is_exhausted(),
            AskAgain::InDoubt | AskAgain::Never => false,
        }
    }

    /// The stage of a step.
    pub(super) fn stage_of(&self, step: StepIndex) -> StageIndex {
        let before = self.rules.steps.iter().take(step.0).filter(|step| matches!(step, StepKind::Stage { .. }));
        StageIndex(before.count())
    }
}

//! Stopping: by the run itself, or by a signal.

use super::{
    Dispatcher,
    machine::{Position, Urgency},
    words::Command,
};
use crate::{
    config::{OnFailure, OnStop},
    rollout::outcome::{Cancel, StopReason},
};

impl Dispatcher {
    pub(super) fn cancel(&mut self, cancel: Cancel, commands: &mut Vec<Command>) {
        if self.at == Position::AfterRun {
            // What the run came to stands, for the last hook was told so. Nothing else runs, so the hook is meant.
            if self.urgency < Urgency::Kill {
                self.urgency = Urgency::Kill;
                commands.push(Command::Kill);
            }
            return;
        }
        self.halt(StopReason::Cancel(cancel), commands);
        let (urgency, command) = match self.urgency {
            // The first signal asks, also what the run itself ended already; only another one kills.
            Urgency::Run | Urgency::Stopped => (Urgency::Terminate, Command::Terminate),
            Urgency::Terminate => (Urgency::Kill, Command::Kill),
            Urgency::Kill => return,
        };
        self.urgency = urgency;
        commands.push(command);
        self.undo.halt(commands);
        // Nobody waits for the clouds any more.
        self.resolve_all(commands);
    }

    /// Begins with nothing new from here on. A signal is a graver reason than any of the run's own; of several signals
    /// the first is kept, for those that follow only insist.
    pub(super) fn halt(&mut self, reason: StopReason, commands: &mut Vec<Command>) {
        match self.stopped {
            None => {}
            Some(known) if !known.is_cancel() && reason.is_cancel() => {}
            Some(_) => return,
        }
        self.stopped = Some(reason);
        commands.push(Command::Halt(reason));
        match self.at {
            Position::NotBegun
            | Position::BeforeRun
            | Position::Step(_)
            | Position::BeforeStage(_)
            | Position::Stage(_)
            | Position::AfterStage(_)
            | Position::Asking(_) => self.at = Position::Winding { pausing: false },
            Position::Pause(_) => {
                commands.push(Command::EndPause);
                self.at = Position::Winding { pausing: true };
            }
            Position::Winding { .. }
            | Position::OnFailure
            | Position::OnRollback
            | Position::Undoing
            | Position::AfterRun
            | Position::Over => {}
        }
        self.skip_waiting(commands);
        if self.rules.on_stop == OnStop::Kill && !reason.is_cancel() {
            self.urgency = Urgency::Stopped;
            commands.push(Command::Terminate);
            self.resolve_all(commands);
        } else if !reason.is_cancel() {
            // They cannot be let finish: what they wait for will not come.
            commands.extend(self.wave.held(&self.fleet).into_iter().map(|host| Command::End { host }));
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.stopped.is_some_and(StopReason::is_cancel)
    }

    pub(super) fn is_rolled_back(&self) -> bool {
        match self.rules.on_failure {
            OnFailure::Rollback => self.stopped.is_some_and(|reason| !reason.is_cancel()),
            OnFailure::Stop => false,
        }
    }
}

//! Stopping a run, by the run itself or by a signal.

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
            // The last hook was told the result of the run, so it stands. Only the hook runs now, so the signal is
            // meant for it.
            if self.urgency < Urgency::Kill {
                self.urgency = Urgency::Kill;
                commands.push(Command::Kill);
            }
            return;
        }
        self.halt(StopReason::Cancel(cancel), commands);
        let (urgency, command) = match self.urgency {
            // The first signal asks scripts to end, even those that the run has asked already. Only another one kills.
            Urgency::Run | Urgency::Stopped => (Urgency::Terminate, Command::Terminate),
            Urgency::Terminate => (Urgency::Kill, Command::Kill),
            Urgency::Kill => return,
        };
        self.urgency = urgency;
        commands.push(command);
        self.undo.halt(commands);
        // From now on the clouds' answers are not waited for.
        self.resolve_all(commands);
    }

    /// Starts nothing new from here on. A signal overrides any reason of the run's own. Of several signals the first is
    /// kept, because those that follow only insist.
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
            // Hosts at a barrier cannot finish: the hosts that they wait for will not come.
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

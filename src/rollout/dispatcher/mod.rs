//! What happens next: a pure state machine.
//!
//! Inputs come in (an attempt ended, a check failed, somebody pressed Ctrl-C), commands go out (start this host, begin
//! the soak, undo that host, finish). It has no clock, no socket and no task, so that many thousands of generated
//! histories can be played through it in a test. All that touches the world is in the executor and its siblings.
//!
//! [`words`] is what is heard and said, `fleet` where every host stands, `wave` the hosts of the stage under way, `hosts`
//! what an input means for a host, `late` what the clouds say meanwhile, `undo` the way back. Here is the order of things:
//!
//! ```text
//! before_run -> steps: a stage (hook, hosts, hook, ask the clouds) or a pause -> ask the clouds for late hosts
//!    |                    |                                                      |    ^ again, while there are some
//!    +---- something is not well: begin with nothing new, let what runs end <----+    |
//!                         |                                                           v
//!                         +-> on_failure -> on_rollback -> undo ----------------> after_run -> finish
//! ```
//!
//! A rollback by hand goes from `before_run` to `on_rollback` at once, with all hosts.

mod fleet;
mod hosts;
mod late;
mod undo;
mod wave;
pub mod words;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

pub use self::words::{
    Answer, AskAgain, AttemptEnd, Command, Hook, HookEnd, Hooks, HostIndex, Input, PauseEnd, Purpose, Rules,
    StageIndex, StepIndex, StepKind, UndoEnd,
};
use self::{fleet::Fleet, late::Asking, undo::Undo, wave::Wave};
use super::outcome::{Outcome, RunStatus, StopReason, Summary};
use crate::{
    config::{OnFailure, OnStop},
    transport::Backoff,
};

/// The state of a run.
#[derive(Debug)]
pub struct Dispatcher {
    rules: Rules,
    fleet: Fleet,
    /// The hosts of each stage; late ones are of the last.
    stages: Vec<Vec<HostIndex>>,
    at: Position,
    hook: HookState,
    wave: Wave,
    /// Pauses of which the approval was granted.
    granted: BTreeSet<StepIndex>,
    asking: Asking,
    stopped: Option<StopReason>,
    urgency: Urgency,
    /// Some host was begun with.
    contacted: bool,
    /// A hook failed whose failure stops nothing, or the clouds did not come to rest.
    blemished: bool,
    undo: Undo,
}

/// What is going on, apart from hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    NotBegun,
    BeforeRun,
    /// In front of this step; of the one behind the last, at the end of all.
    Step(StepIndex),
    BeforeStage(StepIndex),
    Stage(StepIndex),
    AfterStage(StepIndex),
    /// The clouds were asked, after a stage or at the end.
    Asking(StepIndex),
    Pause(StepIndex),
    /// A pause was given up, or what runs is to end: nothing new is begun with.
    Winding {
        pausing: bool,
    },
    OnFailure,
    OnRollback,
    Undoing,
    AfterRun,
    Over,
}

/// A hook of the run or of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HookState {
    Idle,
    Running,
    Ended(HookEnd),
}

/// What has been asked of the scripts that run. Only ever rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Run,
    /// To end, by the run itself.
    Stopped,
    /// To end, by a signal.
    Terminate,
    /// To be killed, by another one.
    Kill,
}

impl Dispatcher {
    /// A run that has not begun.
    pub fn new(rules: Rules) -> Self {
        let mut next = 0;
        let mut stages: Vec<Vec<HostIndex>> = Vec::new();
        for step in &rules.steps {
            match step {
                StepKind::Stage { hosts } => {
                    stages.push((next..next + hosts).map(HostIndex).collect());
                    next += hosts;
                }
                StepKind::Pause { .. } => {}
            }
        }
        Self {
            fleet: Fleet::new(next, rules.max_failures),
            stages,
            at: Position::NotBegun,
            hook: HookState::Idle,
            wave: Wave::default(),
            granted: BTreeSet::new(),
            asking: Asking::default(),
            stopped: None,
            urgency: Urgency::Run,
            contacted: false,
            blemished: false,
            undo: Undo::default(),
            rules,
        }
    }

    /// Takes one input and says what to do, in order.
    pub fn handle(&mut self, input: Input) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.at == Position::Over {
            return commands;
        }
        match input {
            Input::Begin => self.at = Position::BeforeRun,
            Input::Ended { host, end } => self.ended(host, end, &mut commands),
            Input::Reached { host } => self.reached(host, &mut commands),
            Input::InDoubt { host } => self.in_doubt(host, &mut commands),
            Input::HeardAgain { host } => self.heard_again(host),
            Input::HostHookEnded { host, end } => self.host_hook_ended(host, end, &mut commands),
            Input::HookEnded(end) => self.hook = HookState::Ended(end),
            Input::PauseEnded(end) => self.pause_ended(end, &mut commands),
            Input::CheckFailed { host } => self.check_failed(host, &mut commands),
            Input::Found(answer) => self.found(answer, &mut commands),
            Input::Undone { host, end } => self.undo.ended(host, end, &self.rules, &mut commands),
            Input::UndoHookEnded { host, end } => self.undo.hook_ended(host, end, &self.rules, &mut commands),
            Input::Cancel(reason) => self.cancel(reason, &mut commands),
        }
        while let Some(next) = self.next(&mut commands) {
            self.at = next;
        }
        commands
    }

    /// Where to go from here, if not to wait.
    fn next(&mut self, commands: &mut Vec<Command>) -> Option<Position> {
        let hooks = self.rules.hooks;
        match self.at {
            Position::NotBegun | Position::Over => None,
            Position::BeforeRun => {
                let end = self.hooked(Hook::BeforeRun, hooks.before_run, commands)?;
                let first = match self.rules.purpose {
                    Purpose::Work => Position::Step(StepIndex(0)),
                    Purpose::Rollback => Position::OnRollback,
                };
                Some(self.unless_failed(end, first, commands))
            }
            Position::Step(step) => Some(self.begin_step(step, commands)),
            Position::BeforeStage(step) => {
                let hook = Hook::BeforeStage(self.stage_of(step));
                let end = self.hooked(hook, hooks.before_stage, commands)?;
                if end == HookEnd::Succeeded {
                    self.begin_wave(step);
                }
                Some(self.unless_failed(end, Position::Stage(step), commands))
            }
            Position::Stage(step) => self.work(step, commands),
            Position::AfterStage(step) => {
                let hook = Hook::AfterStage(self.stage_of(step));
                let end = self.hooked(hook, hooks.after_stage, commands)?;
                let next = if self.asks_for_late_hosts() {
                    Position::Asking(step)
                } else {
                    Position::Step(StepIndex(step.0 + 1))
                };
                let next = self.unless_failed(end, next, commands);
                if next == Position::Asking(step) {
                    self.ask(commands);
                }
                Some(next)
            }
            Position::Asking(step) => self.asking.is_answered().then(|| self.after_answer(step, commands)),
            // Its end comes as an input.
            Position::Pause(_) => None,
            Position::Winding { pausing } => {
                let over = !pausing && self.hook != HookState::Running && self.fleet.in_flight() == 0;
                over.then(|| {
                    self.hook = HookState::Idle;
                    if self.is_cancelled() { Position::AfterRun } else { Position::OnFailure }
                })
            }
            Position::OnFailure => {
                let end = self.hooked(Hook::OnFailure, hooks.on_failure, commands)?;
                self.blemished |= end == HookEnd::Failed;
                let back = self.is_rolled_back() && !self.fleet.touched().is_empty();
                Some(if back { Position::OnRollback } else { Position::AfterRun })
            }
            Position::OnRollback => {
                let end = self.hooked(Hook::OnRollback, hooks.on_rollback, commands)?;
                self.blemished |= end == HookEnd::Failed;
                let hosts = self.begin_undo();
                commands.push(Command::BeginUndo { hosts: hosts.len() });
                self.undo = Undo::of(hosts);
                if self.is_cancelled() {
                    self.undo.halt(commands);
                } else {
                    // What was to end has ended; what begins now is asked first, if anybody wants it to end.
                    self.urgency = Urgency::Run;
                }
                Some(Position::Undoing)
            }
            Position::Undoing => {
                self.undo.fill(&self.rules, commands);
                self.undo.is_over().then_some(Position::AfterRun)
            }
            Position::AfterRun => {
                let end = self.hooked(Hook::AfterRun, hooks.after_run, commands)?;
                self.blemished |= end == HookEnd::Failed;
                commands.push(self.finish());
                Some(Position::Over)
            }
        }
    }

    /// How a hook ended, which is begun with when it was not yet. One that is not there has succeeded.
    fn hooked(&mut self, hook: Hook, exists: bool, commands: &mut Vec<Command>) -> Option<HookEnd> {
        match self.hook {
            HookState::Idle if exists => {
                self.hook = HookState::Running;
                commands.push(Command::Hook(hook));
                None
            }
            HookState::Idle => Some(HookEnd::Succeeded),
            HookState::Running => None,
            HookState::Ended(end) => {
                self.hook = HookState::Idle;
                Some(end)
            }
        }
    }

    fn unless_failed(&mut self, end: HookEnd, next: Position, commands: &mut Vec<Command>) -> Position {
        match end {
            HookEnd::Succeeded => next,
            HookEnd::Failed => {
                self.halt(StopReason::Hook, commands);
                self.at
            }
        }
    }

    fn begin_step(&mut self, step: StepIndex, commands: &mut Vec<Command>) -> Position {
        let after = Position::Step(StepIndex(step.0 + 1));
        match self.rules.steps.get(step.0) {
            Some(StepKind::Stage { .. }) if self.waiting(step) > 0 => {
                self.asking.unsettle();
                commands.push(Command::BeginStage { stage: self.stage_of(step), hosts: self.waiting(step) });
                Position::BeforeStage(step)
            }
            // A small fleet: an earlier stage has all of its hosts. Or they are gone.
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
            // They came, or came back, when nobody asked for late hosts.
            None => match self.last_stage().filter(|last| self.waiting(*last) > 0) {
                Some(last) => Position::Step(last),
                None => Position::AfterRun,
            },
        }
    }

    fn pause_ended(&mut self, end: PauseEnd, commands: &mut Vec<Command>) {
        match (self.at, end) {
            (Position::Pause(step), PauseEnd::Passed) => {
                if self.rules.steps.get(step.0) == Some(&StepKind::Pause { approval: true }) {
                    self.granted.insert(step);
                }
                self.at = Position::Step(StepIndex(step.0 + 1));
            }
            // Nobody gives up a pause of a run that goes on; in any case it was not passed.
            (Position::Pause(_), PauseEnd::CheckFailed | PauseEnd::GivenUp) => {
                self.pause_failed(StopReason::Check, commands)
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

    fn pause_failed(&mut self, reason: StopReason, commands: &mut Vec<Command>) {
        self.at = Position::Winding { pausing: false };
        self.halt(reason, commands);
    }

    fn cancel(&mut self, reason: StopReason, commands: &mut Vec<Command>) {
        if self.at == Position::AfterRun {
            // What the run came to stands, for the last hook was told so. Nothing else runs, so the hook is meant.
            if self.urgency < Urgency::Kill {
                self.urgency = Urgency::Kill;
                commands.push(Command::Kill);
            }
            return;
        }
        self.halt(reason, commands);
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
    fn halt(&mut self, reason: StopReason, commands: &mut Vec<Command>) {
        match self.stopped {
            None => {}
            Some(known) if !known.is_signal() && reason.is_signal() => {}
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
        if self.rules.on_stop == OnStop::Kill && !reason.is_signal() {
            self.urgency = Urgency::Stopped;
            commands.push(Command::Terminate);
            self.resolve_all(commands);
        } else if !reason.is_signal() {
            // They cannot be let finish: what they wait for will not come.
            commands.extend(self.wave.held(&self.fleet).into_iter().map(|host| Command::End { host }));
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stopped.is_some_and(StopReason::is_signal)
    }

    fn is_rolled_back(&self) -> bool {
        match self.rules.on_failure {
            OnFailure::Rollback => self.stopped.is_some_and(|reason| !reason.is_signal()),
            OnFailure::Stop => false,
        }
    }

    /// Says which hosts are taken back, in the order in which they are.
    fn begin_undo(&mut self) -> Vec<HostIndex> {
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

    fn asks_for_late_hosts(&self) -> bool {
        match self.rules.ask_again {
            AskAgain::Always => !self.asking.is_exhausted(),
            AskAgain::InDoubt | AskAgain::Never => false,
        }
    }

    /// The stage that a step is.
    fn stage_of(&self, step: StepIndex) -> StageIndex {
        let before = self.rules.steps.iter().take(step.0).filter(|step| matches!(step, StepKind::Stage { .. }));
        StageIndex(before.count())
    }

    fn finish(&self) -> Command {
        let summary = Summary::of(self.fleet.outcomes());
        Command::Finish { status: self.status(&summary), summary }
    }

    /// How the run ends, if it ends as it stands.
    pub fn status(&self, summary: &Summary) -> RunStatus {
        match self.stopped {
            Some(StopReason::Interrupt) => RunStatus::Interrupted,
            Some(StopReason::Terminate) => RunStatus::Terminated,
            Some(
                StopReason::Budget
                | StopReason::StageFailed
                | StopReason::Check
                | StopReason::Approval
                | StopReason::Hook,
            ) => match self.rules.on_failure {
                _ if !self.contacted => RunStatus::Refused,
                OnFailure::Stop => RunStatus::Failed,
                OnFailure::Rollback if self.undo.is_complete() => RunStatus::RolledBack,
                OnFailure::Rollback => RunStatus::RollbackIncomplete,
            },
            None => match self.rules.purpose {
                Purpose::Work => RunStatus::of(summary, self.fleet.budget(), self.blemished),
                Purpose::Rollback if !self.undo.is_complete() => RunStatus::RollbackIncomplete,
                Purpose::Rollback if self.blemished => RunStatus::FinishedWithFailures,
                Purpose::Rollback => RunStatus::Succeeded,
            },
        }
    }
}

/// One second, doubled each time, at most half a minute; and up to half as long again, for hosts that failed together
/// are not to come back together. Each has a part of its own, the same in every run.
fn back_off(host: HostIndex, attempt: u32) -> Duration {
    const WAIT: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
    /// The golden ratio's part of a circle: its multiples are spread evenly, however many there are.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let place = u32::try_from(host.0).unwrap_or(u32::MAX);
    WAIT.after(attempt.saturating_sub(1)).mul_f64(1.0 + (f64::from(place) * GOLDEN).fract() / 2.0)
}

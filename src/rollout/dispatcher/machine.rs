//! The machine: takes inputs, returns commands, and determines the next position from each position.

use std::collections::BTreeSet;

use super::{
    fleet::Fleet,
    late::Asking,
    undo::Undo,
    wave::Wave,
    words::{Command, Hook, HookEnd, HostIndex, Input, Purpose, Rules, StepIndex, StepKind},
};
use crate::rollout::outcome::StopReason;

/// The state of a run.
#[derive(Debug)]
pub struct Dispatcher {
    pub(super) rules: Rules,
    pub(super) fleet: Fleet,
    /// The hosts of each stage; late hosts belong to the last.
    pub(super) stages: Vec<Vec<HostIndex>>,
    pub(super) at: Position,
    pub(super) hook: HookState,
    pub(super) wave: Wave,
    /// Pauses whose approval was granted.
    pub(super) granted: BTreeSet<StepIndex>,
    pub(super) asking: Asking,
    pub(super) stopped: Option<StopReason>,
    pub(super) urgency: Urgency,
    /// Some host was started.
    pub(super) contacted: bool,
    /// A hook failed whose failure stops nothing, or the clouds kept changing or did not answer.
    pub(super) blemished: bool,
    pub(super) undo: Undo,
}

/// The position of the run, apart from its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    NotBegun,
    BeforeRun,
    /// Before this step; after the last step, at the end of the run.
    Step(StepIndex),
    BeforeStage(StepIndex),
    Stage(StepIndex),
    AfterStage(StepIndex),
    /// The clouds were asked, after a stage or at the end.
    Asking(StepIndex),
    Pause(StepIndex),
    /// The run is stopping: a pause was given up, or running work comes to its end. Nothing new is started.
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
pub(super) enum HookState {
    Idle,
    Running,
    Ended(HookEnd),
}

/// How urgently running scripts have been asked to end. It only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    Run,
    /// Asked to end by the run itself.
    Stopped,
    /// Asked to end by a signal.
    Terminate,
    /// To be killed, by another signal.
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

    /// Takes one input and returns the commands to carry out, in order.
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
            Input::Cancel(cancel) => self.cancel(cancel, &mut commands),
        }
        while let Some(next) = self.next(&mut commands) {
            self.at = next;
        }
        commands
    }

    /// The next position, or nothing if the run has to wait.
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
            // The end of the pause comes as an input.
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
                    // What was to end has ended. A first signal asks the undo's scripts to end; it does not kill them.
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

    /// The end of a hook, which is started if it was not yet. A hook that does not exist has succeeded.
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
}

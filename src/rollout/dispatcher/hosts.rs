//! What an input means for a host, and which host is next.

use std::time::Duration;

use super::{
    Dispatcher,
    back_off::back_off,
    fleet::{Attempt, State},
    machine::{Position, Urgency},
    wave::Wave,
    words::{AskAgain, AttemptEnd, Command, HookEnd, HostIndex, StepIndex},
};
use crate::rollout::outcome::{Outcome, StopReason};

impl Dispatcher {
    /// An attempt has ended.
    pub(super) fn ended(&mut self, host: HostIndex, end: AttemptEnd, commands: &mut Vec<Command>) {
        let Some(State::Active(attempt) | State::Held { attempt, .. }) = self.fleet.state(host) else {
            debug_assert!(false, "an attempt ended on {host:?}, where none was under way");
            return;
        };
        self.fleet.note(host, |member| member.touched |= end.touched());
        let outcome = match end {
            AttemptEnd::Final(outcome) => self.of_all_attempts(host, outcome),
            AttemptEnd::Retryable(outcome) => {
                let outcome = self.of_all_attempts(host, outcome);
                if self.may_retry(host, attempt.number) {
                    self.start_again(host, attempt.number, outcome, commands);
                    return;
                }
                outcome
            }
            AttemptEnd::NotStarted => attempt.before.unwrap_or(Outcome::Skipped),
        };
        match outcome {
            Outcome::Succeeded => self.wave.widen(self.rules.concurrency.get()),
            Outcome::Unreachable | Outcome::Unknown if self.may_ask() && !self.is_gone(host) => {
                let answer = self.ask(commands);
                self.fleet.set(host, State::Doubtful { outcome, attempt: attempt.number, answer });
                return;
            }
            Outcome::Failed | Outcome::Unreachable | Outcome::Unknown | Outcome::Skipped | Outcome::Gone => {}
        }
        self.leave(host, outcome, commands);
    }

    /// The host's outcome after an attempt. If an earlier attempt may have started the script, the host is not
    /// "unreachable", whatever prevents finding out more.
    fn of_all_attempts(&self, host: HostIndex, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Unreachable if self.fleet.get(host).is_some_and(|member| member.touched) => Outcome::Unknown,
            Outcome::Succeeded
            | Outcome::Failed
            | Outcome::Unreachable
            | Outcome::Unknown
            | Outcome::Gone
            | Outcome::Skipped => outcome,
        }
    }

    fn may_retry(&self, host: HostIndex, attempt: u32) -> bool {
        self.stopped.is_none() && attempt <= self.rules.retries && !self.is_gone(host)
    }

    /// Whether to ask the clouds if a host still exists. A run that is to end does not wait for them.
    fn may_ask(&self) -> bool {
        self.urgency == Urgency::Run && self.rules.ask_again != AskAgain::Never
    }

    pub(super) fn is_gone(&self, host: HostIndex) -> bool {
        self.fleet.get(host).is_some_and(|member| member.gone)
    }

    pub(super) fn start_again(&mut self, host: HostIndex, attempt: u32, before: Outcome, commands: &mut Vec<Command>) {
        let next = attempt + 1;
        self.fleet.note(host, |member| (member.attempts, member.passed) = (next, 0));
        self.wave.hold_back(host);
        self.fleet.set(host, State::Active(Attempt { number: next, before: Some(before), lost: false }));
        commands.push(Command::Start { host, attempt: next, after: back_off(host, attempt) });
    }

    /// Whether an unreachable host that has moved may be tried at its new address.
    pub(super) fn may_follow(&self, host: HostIndex, attempt: u32, outcome: Outcome) -> bool {
        outcome == Outcome::Unreachable && self.may_retry(host, attempt)
    }

    /// A host waits at a barrier. When a host runs its script for a second time, the barriers that the others have
    /// passed are open for it.
    pub(super) fn reached(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        let Some(State::Active(attempt)) = self.fleet.state(host) else { return };
        let barrier = self.fleet.get(host).map_or(0, |member| member.passed);
        self.fleet.note(host, |member| member.touched = true);
        self.fleet.set(host, State::Held { attempt: Attempt { lost: false, ..attempt }, barrier });
        if self.stopped.is_some() {
            commands.push(Command::End { host });
        } else {
            self.wave.widen(self.rules.concurrency.get());
            self.wave.release_late(host, barrier);
        }
    }

    /// Contact with a running script is lost: asks the clouds whether the host still exists.
    pub(super) fn in_doubt(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        // Otherwise the answer does not matter, or the attempt has ended meanwhile.
        if self.may_ask() && self.set_contact(host, true) {
            if self.is_gone(host) {
                commands.push(Command::Abandon { host });
            } else {
                self.ask(commands);
            }
        }
    }

    /// Contact with a running script is restored: the host is not given up, whatever the clouds say.
    pub(super) fn heard_again(&mut self, host: HostIndex) {
        self.set_contact(host, false);
    }

    /// Notes whether contact with a host's script is lost. False when no script runs there.
    fn set_contact(&mut self, host: HostIndex, lost: bool) -> bool {
        let state = match self.fleet.state(host) {
            Some(State::Active(attempt)) => State::Active(Attempt { lost, ..attempt }),
            Some(State::Held { attempt, barrier }) => State::Held { attempt: Attempt { lost, ..attempt }, barrier },
            Some(
                State::Waiting | State::Entering | State::Doubtful { .. } | State::Leaving { .. } | State::Settled(_),
            )
            | None => return false,
        };
        self.fleet.set(host, state);
        true
    }

    /// The hook before or after a host has ended.
    pub(super) fn host_hook_ended(&mut self, host: HostIndex, end: HookEnd, commands: &mut Vec<Command>) {
        match (self.fleet.state(host), end) {
            (Some(State::Entering), HookEnd::Succeeded) => {
                self.fleet.note(host, |member| member.entered = true);
                if self.stopped.is_some() {
                    self.leave(host, Outcome::Skipped, commands);
                } else if self.is_gone(host) {
                    self.leave(host, Outcome::Gone, commands);
                } else {
                    self.start(host, commands);
                }
            }
            (Some(State::Entering), HookEnd::Failed) => {
                // The hook may have done a part of its work, which the hook after the host reverts.
                self.fleet.note(host, |member| member.entered = true);
                let outcome = if self.stopped.is_some() { Outcome::Skipped } else { Outcome::Unreachable };
                self.leave(host, outcome, commands);
            }
            (Some(State::Leaving { outcome: Outcome::Succeeded }), HookEnd::Failed) => {
                self.settle(host, Outcome::Failed, commands);
            }
            (Some(State::Leaving { outcome: Outcome::Gone }), HookEnd::Succeeded | HookEnd::Failed)
                if !self.is_gone(host) =>
            {
                // The host came back while the hook ran.
                self.take_up(host, Outcome::Gone, commands);
            }
            (Some(State::Leaving { outcome }), HookEnd::Succeeded | HookEnd::Failed) => {
                self.settle(host, outcome, commands);
            }
            (
                Some(
                    State::Waiting | State::Active(_) | State::Held { .. } | State::Doubtful { .. } | State::Settled(_),
                )
                | None,
                HookEnd::Succeeded | HookEnd::Failed,
            ) => debug_assert!(false, "a hook ended on {host:?}, where none ran"),
        }
    }

    /// A check found that a host that had succeeded is not well.
    pub(super) fn check_failed(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        if self.fleet.state(host) == Some(State::Settled(Outcome::Succeeded)) {
            self.settle(host, Outcome::Failed, commands);
            if let Some(stage) = self.stages.iter().position(|hosts| hosts.contains(&host)) {
                self.judge_stage(stage, commands);
            }
        }
    }

    /// Settles a host with this outcome; first runs the hook after it, if the hook before it has run.
    pub(super) fn leave(&mut self, host: HostIndex, outcome: Outcome, commands: &mut Vec<Command>) {
        if self.rules.hooks.after_host && self.fleet.get(host).is_some_and(|member| member.entered) {
            self.fleet.set(host, State::Leaving { outcome });
            commands.push(Command::AfterHost { host, outcome });
        } else {
            self.settle(host, outcome, commands);
        }
    }

    pub(super) fn settle(&mut self, host: HostIndex, outcome: Outcome, commands: &mut Vec<Command>) {
        self.fleet.note(host, |member| member.came_to = Some(outcome));
        let outcome = if self.is_gone(host) { outcome.when_gone() } else { outcome };
        self.fleet.set(host, State::Settled(outcome));
        commands.push(Command::Settle { host, outcome });
        self.judge(commands);
    }

    /// Stops when more hosts have failed than the budget allows.
    pub(super) fn judge(&mut self, commands: &mut Vec<Command>) {
        if self.stopped.is_none() && self.fleet.failures() > self.fleet.budget() {
            self.halt(StopReason::Budget, commands);
        }
    }

    /// Stops when every host of a stage has failed: whatever the budget, that is no accident.
    fn judge_stage(&mut self, stage: usize, commands: &mut Vec<Command>) {
        if self.stopped.is_some() || !self.rules.stage_must_succeed {
            return;
        }
        let outcomes = || {
            self.stages[stage].iter().filter_map(|host| match self.fleet.state(*host) {
                Some(State::Settled(outcome)) => Some(outcome),
                Some(
                    State::Waiting
                    | State::Entering
                    | State::Active(_)
                    | State::Held { .. }
                    | State::Doubtful { .. }
                    | State::Leaving { .. },
                )
                | None => None,
            })
        };
        let all_failed = outcomes().any(Outcome::counts) && !outcomes().any(|outcome| outcome == Outcome::Succeeded);
        if all_failed {
            self.halt(StopReason::StageFailed, commands);
        }
    }

    /// Skips all hosts that wait.
    pub(super) fn skip_waiting(&mut self, commands: &mut Vec<Command>) {
        self.wave.clear_waiting();
        let waiting: Vec<_> =
            self.fleet.hosts().filter(|(_, member)| member.state == State::Waiting).map(|(host, _)| host).collect();
        for host in waiting {
            self.settle(host, Outcome::Skipped, commands);
        }
    }

    /// How many hosts of a stage are not started.
    pub(super) fn waiting(&self, step: StepIndex) -> usize {
        let stage = &self.stages[self.stage_of(step).0];
        stage.iter().filter(|host| self.fleet.state(**host) == Some(State::Waiting)).count()
    }

    /// How many hosts a stage or a part starts at once at first.
    fn first_window(&self) -> usize {
        if self.rules.slow_start { 1 } else { self.rules.concurrency.get() }
    }

    /// Begins a wave: the hosts that go through a stage together. Without barriers these are all hosts of the stage,
    /// with barriers no more than may be in flight.
    pub(super) fn begin_wave(&mut self, step: StepIndex) {
        let stage = &self.stages[self.stage_of(step).0];
        let waiting = stage.iter().copied().filter(|host| self.fleet.state(*host) == Some(State::Waiting));
        let most = match self.rules.barriers {
            0 => usize::MAX,
            _ => self.rules.worst_case.saturating_sub(self.fleet.failures()).max(1),
        };
        self.wave = Wave::new(waiting.take(most).collect(), self.first_window());
    }

    /// Works on the hosts of a stage. Returns the next position when all of them have their outcome.
    pub(super) fn work(&mut self, step: StepIndex, commands: &mut Vec<Command>) -> Option<Position> {
        if self.rules.barriers > 0 {
            if !self.has_room() && self.fleet.in_flight() > 0 {
                // A host came back as a failure. The hosts at the barrier do not wait for hosts that cannot begin.
                self.wave.put_back_waiting();
            }
            self.wave.open_barrier(&self.fleet, self.first_window());
        }
        self.fill(commands);
        if !self.wave.is_over(&self.fleet) {
            // The run may have stopped just now.
            return (self.at != Position::Stage(step)).then_some(self.at);
        }
        self.judge_stage(self.stage_of(step).0, commands);
        if self.at != Position::Stage(step) {
            return Some(self.at);
        }
        if self.waiting(step) > 0 {
            self.begin_wave(step);
            return Some(Position::Stage(step));
        }
        Some(Position::AfterStage(step))
    }

    /// Whether the worst case of the printed plan allows one more host.
    fn has_room(&self) -> bool {
        self.fleet.failures() + self.fleet.in_flight() < self.rules.worst_case
    }

    fn fill(&mut self, commands: &mut Vec<Command>) {
        while self.stopped.is_none() && self.fleet.working() < self.wave.window() {
            if let Some(host) = self.wave.next_released() {
                if let Some(State::Held { attempt, .. }) = self.fleet.state(host) {
                    self.fleet.note(host, |member| member.passed += 1);
                    self.fleet.set(host, State::Active(attempt));
                    commands.push(Command::Release { host });
                }
                continue;
            }
            if !self.has_room() || self.fleet.feared() > self.fleet.budget() {
                break;
            }
            let Some(host) = self.wave.next_waiting() else { break };
            self.contacted = true;
            if self.rules.hooks.before_host {
                self.fleet.set(host, State::Entering);
                commands.push(Command::BeforeHost { host });
            } else {
                self.fleet.note(host, |member| member.entered = true);
                self.start(host, commands);
            }
        }
        if self.stopped.is_none() && self.wave.has_waiting() && self.fleet.in_flight() == 0 {
            // Failures use up the worst case of the plan; late hosts do not raise it.
            self.halt(StopReason::Budget, commands);
        }
    }

    /// Makes the first attempt on a host, or the first since it came back.
    fn start(&mut self, host: HostIndex, commands: &mut Vec<Command>) {
        let number = self.fleet.get(host).map_or(0, |member| member.attempts) + 1;
        self.fleet.note(host, |member| member.attempts = number);
        self.fleet.set(host, State::Active(Attempt { number, before: None, lost: false }));
        commands.push(Command::Start { host, attempt: number, after: Duration::ZERO });
    }
}

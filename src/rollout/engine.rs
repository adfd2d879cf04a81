//! The loop between the dispatcher and the world: commands become tasks, and their results become the next inputs.

mod book;
mod rules;
mod tasks;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use self::{
    book::Book,
    rules::rules,
    tasks::{Done, Tasks, Word},
};
use super::{
    dispatcher::{Command, Dispatcher, Hook, HookEnd, HostIndex, Input, StageIndex},
    event::EventKind,
    executor::Standing,
    facts,
    outcome::{Cancel, FailureCause, HostResult, RunStatus, StopReason, Summary, UnreachableCause},
    recorder::Recorder,
    roster::Roster,
    undo::{self, NoWay},
    world::{Facts, HookFailure, World},
};
use crate::{
    config::HookName,
    plan::{Back, Plan, PlanStep},
    transport::Stop,
};

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// How the run ended.
    pub status: RunStatus,
    /// How many hosts had which outcome.
    pub summary: Summary,
    /// Every host, in the plan's order; then the late hosts.
    pub results: Vec<HostResult>,
}

/// Runs `plan` in this world, with these hooks. Each message on `cancel` asks to stop: the first ends the running
/// scripts, a second kills them.
pub async fn run(plan: Arc<Plan>, world: World, hooks: &[HookName], cancel: &mut mpsc::Receiver<Cancel>) -> Rollout {
    let mut engine = Engine::new(plan, world, hooks);
    engine.tasks.recorder.record(EventKind::RunStarted { plan: &engine.plan });

    let mut over = engine.step(Input::Begin);
    loop {
        if let Some(rollout) = over {
            return rollout;
        }
        over = tokio::select! {
            biased;
            Some(reason) = cancel.recv() => engine.step(Input::Cancel(reason)),
            Some(said) = engine.words.recv() => engine.hear(said),
            Some(done) = engine.tasks.next() => engine.end(done),
        };
    }
}

struct Engine {
    plan: Arc<Plan>,
    dispatcher: Dispatcher,
    roster: Roster,
    book: Book,
    tasks: Tasks,
    /// What tasks report while they run.
    words: mpsc::UnboundedReceiver<Word>,
    stopped: Option<StopReason>,
    /// Whether no script may be started any more, except to roll hosts back.
    halted: watch::Sender<bool>,
    /// Whether no script may be started any more at all.
    ended: watch::Sender<bool>,
    stop: watch::Sender<Stop>,
}

impl Engine {
    fn new(plan: Arc<Plan>, world: World, hooks: &[HookName]) -> Self {
        let roster = Roster::of(&plan);
        let recorder = Arc::new(Recorder::new(plan.run, Arc::clone(&world.sink)));
        let (tell, words) = mpsc::unbounded_channel();
        Self {
            dispatcher: Dispatcher::new(rules(&plan, hooks)),
            book: Book::of(&roster),
            tasks: Tasks::new(Arc::clone(&plan), world, recorder, tell),
            words,
            roster,
            stopped: None,
            halted: watch::Sender::new(false),
            ended: watch::Sender::new(false),
            stop: watch::Sender::new(Stop::No),
            plan,
        }
    }

    /// Feeds one input to the dispatcher and carries out its commands.
    fn step(&mut self, input: Input) -> Option<Rollout> {
        for command in self.dispatcher.handle(input) {
            if let Some(rollout) = self.obey(&command) {
                return Some(rollout);
            }
        }
        None
    }

    fn obey(&mut self, command: &Command) -> Option<Rollout> {
        match *command {
            Command::Hook(hook) => {
                let facts = self.facts_for(hook);
                self.tasks.hook(name_of(hook), facts, self.stop.subscribe());
            }
            Command::BeginStage { stage: StageIndex(stage), hosts } => {
                self.record(EventKind::StageStarted { stage, hosts });
            }
            Command::BeforeHost { host } => {
                let facts = facts::of_place(&self.plan, &self.roster, host);
                self.tasks.host_hook(host, HookName::BeforeHost, facts, self.stop.subscribe());
            }
            Command::AfterHost { host, outcome } => {
                let facts = facts::with_outcome(facts::of_place(&self.plan, &self.roster, host), outcome);
                self.tasks.host_hook(host, HookName::AfterHost, facts, self.stop.subscribe());
            }
            Command::Start { host, attempt, after } => {
                let entry = self.roster.get(host);
                if attempt > 1 {
                    let message = self.book.result(host).message.as_deref().unwrap_or("no session");
                    let id = &entry.host.id;
                    self.record(EventKind::HostRetrying { host: id, attempt, message, wait: after });
                }
                self.tasks.attempt(host, entry, attempt, after, self.halted.subscribe(), &self.stop);
            }
            Command::Release { host } => self.tasks.release(host),
            Command::End { host } => self.tasks.end(host),
            Command::Abandon { host } => self.tasks.abandon(host),
            Command::Settle { host, outcome } => {
                let result = self.book.settle(host, outcome);
                self.tasks.recorder.record(EventKind::HostFinished { result });
            }
            Command::Requeue { host } => {
                self.book.requeue(host);
                self.roster.requeue(host);
                let entry = self.roster.get(host);
                self.record(EventKind::HostReturned { host: &entry.host.id, stage: &entry.stage });
            }
            Command::Pause(step) => {
                let Some(PlanStep::Pause(pause)) = self.plan.steps.get(step.0) else {
                    unreachable!("the dispatcher's steps are made of the plan's, kind by kind")
                };
                self.record(EventKind::PauseStarted { step: step.0, pause });
                let hosts = self.book.well_in_last_stage(&self.roster);
                let so_far = self.book.so_far();
                self.tasks.pause(step, pause.clone(), hosts, so_far, next_of(&self.plan, step.0));
            }
            Command::EndPause => self.tasks.end_pause(),
            Command::Ask => self.tasks.ask(),
            Command::Halt(reason) => {
                self.stopped = Some(reason);
                self.halted.send_replace(true);
                let running = self.tasks.running();
                self.record(EventKind::Stopping { reason, running });
            }
            Command::Terminate => self.urge(Stop::Terminate),
            Command::Kill => self.urge(Stop::Kill),
            Command::BeginUndo { hosts } => {
                // What was to end has ended: from here on only a signal ends anything.
                if self.stopped.is_none_or(|reason| !reason.is_cancel()) {
                    self.stop.send_replace(Stop::No);
                }
                self.record(EventKind::UndoStarted { hosts });
            }
            Command::BeforeUndo { host } => match self.way_back(host, 1) {
                Ok(_) => {
                    let facts = facts::with_undo(facts::of_place(&self.plan, &self.roster, host), None);
                    self.tasks.undo_hook(host, HookName::BeforeHost, facts, self.stop.subscribe());
                }
                // A host that cannot be rolled back is not taken out of its balancer.
                Err(no_way) => self.tasks.no_way(host, &self.roster.get(host).host.id, no_way),
            },
            Command::Undo { host, attempt, after } => match self.way_back(host, attempt) {
                Ok(back) => {
                    let entry = self.roster.get(host);
                    self.tasks.undo(host, entry, back, attempt, after, self.ended.subscribe(), &self.stop);
                }
                Err(no_way) => self.tasks.no_way(host, &self.roster.get(host).host.id, no_way),
            },
            Command::AfterUndo { host, outcome } => {
                let facts = facts::with_undo(facts::of_place(&self.plan, &self.roster, host), Some(outcome));
                self.tasks.undo_hook(host, HookName::AfterHost, facts, self.stop.subscribe());
            }
            Command::SettleUndo { host, outcome } => {
                let result = match self.plan.rollback_by_hand() {
                    Some(_) => self.book.settle_by_hand(host, outcome),
                    None => self.book.settle_undo(host, outcome),
                };
                self.tasks.recorder.record(EventKind::HostUndone { result });
            }
            Command::Finish { status, summary } => {
                // The results of the scripts that rolled hosts back are in the book only.
                let summary = self.plan.rollback_by_hand().map_or(summary, |_| self.book.summary());
                self.record(EventKind::RunFinished { status, summary });
                return Some(Rollout { status, summary, results: self.book.take() });
            }
        }
        None
    }

    fn record(&self, kind: EventKind<'_>) {
        self.tasks.recorder.record(kind);
    }

    fn way_back(&self, host: HostIndex, attempt: u32) -> Result<Back, NoWay> {
        undo::way_back(&self.plan, self.book.result(host), attempt)
    }

    fn urge(&mut self, stop: Stop) {
        if self.stopped.is_some_and(StopReason::is_cancel) {
            self.ended.send_replace(true);
        }
        self.stop.send_replace(stop);
        self.tasks.urge(stop);
    }

    fn hear(&mut self, word: Word) -> Option<Rollout> {
        let input = self.heard(word);
        self.step(input)
    }

    /// Handles the end of a task, after everything that the task reported. On another thread it may have reported and
    /// ended since the reports were last looked at. It reported before it ended, so all its reports are there by now.
    fn end(&mut self, done: Done) -> Option<Rollout> {
        while let Ok(word) = self.words.try_recv() {
            if let Some(rollout) = self.hear(word) {
                return Some(rollout);
            }
        }
        let input = self.done(done)?;
        self.step(input)
    }

    /// The input for a report.
    fn heard(&mut self, word: Word) -> Input {
        match word {
            Word::Host(host, Standing::InDoubt) => Input::InDoubt { host },
            Word::Host(host, Standing::HeardAgain) => Input::HeardAgain { host },
            Word::Host(host, Standing::Reached) => Input::Reached { host },
            Word::CheckFailed(failed) => {
                self.book.blame(
                    failed.host,
                    FailureCause::Check,
                    format!("check {}: {}", failed.check, failed.message),
                );
                Input::CheckFailed { host: failed.host }
            }
        }
    }

    /// The input for a task's result; nothing if the task was given up.
    fn done(&mut self, done: Done) -> Option<Input> {
        Some(match done {
            Done::Attempt(host, attempt) => {
                let end = attempt.end;
                self.book.attempt_ended(host, *attempt);
                Input::Ended { host, end }
            }
            Done::HostHook(host, hook, end) => {
                let id = &self.roster.get(host).host.id;
                self.record(EventKind::HookFinished { hook, host: Some(id), failure: end.as_ref().err() });
                if let Err(failure) = &end {
                    self.blame_hook(host, hook, failure);
                }
                Input::HostHookEnded { host, end: hook_end(&end) }
            }
            Done::Hook(hook, end) => {
                self.record(EventKind::HookFinished { hook, host: None, failure: end.as_ref().err() });
                Input::HookEnded(hook_end(&end))
            }
            Done::Pause(step, paused) => {
                let message = paused.message.as_deref();
                self.record(EventKind::PauseEnded { step: step.0, end: paused.end, message });
                Input::PauseEnded(paused.end)
            }
            Done::Sighted(_) if !self.dispatcher.hears_of_fleet() => return None,
            Done::Sighted(Ok(sighting)) => {
                let known = self.roster.len();
                let answer = self.roster.sight(sighting);
                self.book.grow(&self.roster);
                let joined = self.roster.entries().skip(known);
                let joined: Vec<_> =
                    joined.map(|(_, entry)| (Arc::clone(&entry.host), Arc::clone(&entry.stage))).collect();
                let gone = self.roster.ids_of_gone(&answer);
                self.record(EventKind::FleetSighted { joined: &joined, gone: &gone });
                Input::Found(answer)
            }
            Done::Sighted(Err(message)) => {
                self.record(EventKind::FleetUnseen { message: &message });
                Input::Found(super::dispatcher::Answer::Failed)
            }
            Done::Undo(host, attempt) => {
                self.book.undo_ended(host, &attempt);
                Input::Undone { host, end: attempt.end }
            }
            Done::UndoHook(host, hook, end) => {
                let id = &self.roster.get(host).host.id;
                self.record(EventKind::HookFinished { hook, host: Some(id), failure: end.as_ref().err() });
                if let Err(failure) = &end {
                    self.book.blame_undo(host, format!("hook {}: {failure}", hook.as_str()));
                }
                Input::UndoHookEnded { host, end: hook_end(&end) }
            }
            Done::GivenUp => return None,
        })
    }

    fn blame_hook(&mut self, host: HostIndex, hook: HookName, failure: &HookFailure) {
        let cause = match hook {
            HookName::BeforeHost => FailureCause::Unreachable(UnreachableCause::Hook),
            HookName::AfterHost
            | HookName::BeforeRun
            | HookName::BeforeStage
            | HookName::AfterStage
            | HookName::OnFailure
            | HookName::OnRollback
            | HookName::AfterRun => FailureCause::Hook,
        };
        self.book.blame_unless_failed(host, cause, format!("hook {}: {failure}", hook.as_str()));
    }

    fn facts_for(&self, hook: Hook) -> Facts {
        let run = facts::of_run(&self.plan);
        match hook {
            Hook::BeforeRun => facts::with_summary(run, &self.book.summary(), self.stopped),
            Hook::BeforeStage(stage) => facts::of_stage(&self.plan, &self.roster, stage),
            Hook::AfterStage(stage) => {
                let facts = facts::of_stage(&self.plan, &self.roster, stage);
                facts::with_summary(facts, &self.book.summary(), self.stopped)
            }
            Hook::OnFailure | Hook::OnRollback => facts::with_summary(run, &self.book.summary(), self.stopped),
            Hook::AfterRun => {
                let summary = self.book.summary();
                facts::with_status(facts::with_summary(run, &summary, self.stopped), self.dispatcher.status(&summary))
            }
        }
    }
}

fn hook_end(end: &Result<(), HookFailure>) -> HookEnd {
    match end {
        Ok(()) => HookEnd::Succeeded,
        Err(_) => HookEnd::Failed,
    }
}

const fn name_of(hook: Hook) -> HookName {
    match hook {
        Hook::BeforeRun => HookName::BeforeRun,
        Hook::BeforeStage(_) => HookName::BeforeStage,
        Hook::AfterStage(_) => HookName::AfterStage,
        Hook::OnFailure => HookName::OnFailure,
        Hook::OnRollback => HookName::OnRollback,
        Hook::AfterRun => HookName::AfterRun,
    }
}

/// What follows a step, in a line.
fn next_of(plan: &Plan, step: usize) -> String {
    match plan.steps.get(step + 1) {
        Some(PlanStep::Stage(stage)) => {
            let stage = &plan.stages[*stage];
            format!("stage {}, {} hosts", stage.name, stage.hosts.len())
        }
        Some(PlanStep::Pause(crate::plan::Pause::Soak { time, .. })) => format!("a soak of {time:?}"),
        Some(PlanStep::Pause(crate::plan::Pause::Check(_))) => "a check".to_owned(),
        Some(PlanStep::Pause(crate::plan::Pause::Approve(who))) => format!("an approval of {who}"),
        None => "the end".to_owned(),
    }
}

#[cfg(test)]
mod tests;

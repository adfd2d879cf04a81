//! The loop between the dispatcher and the world: commands become tasks, and what they come to
//! becomes the next input.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinError, JoinSet},
};

use super::{
    dispatcher::{AttemptEnd, Command, Dispatcher, HostIndex, Input, Rules},
    event::{EventKind, EventSink},
    executor::{Attempt, Executor},
    outcome::{HostResult, Outcome, RunStatus, StopReason, Summary},
    recorder::Recorder,
};
use crate::{
    inventory::Host,
    plan::Plan,
    transport::{Halt, Stop, Transport},
};

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// How it ended.
    pub status: RunStatus,
    /// How many hosts had which outcome.
    pub summary: Summary,
    /// Every host, in the plan's order.
    pub results: Vec<HostResult>,
}

/// Runs `plan` over `transport`, telling `sink`. Each message on `cancel` asks to stop: the first
/// ends the scripts that run, a second kills them.
pub async fn run(
    plan: Arc<Plan>,
    transport: Arc<dyn Transport>,
    sink: Arc<dyn EventSink>,
    cancel: &mut mpsc::Receiver<StopReason>,
) -> Rollout {
    let mut engine = Engine::new(plan, transport, sink);
    engine.recorder.record(EventKind::RunStarted { plan: &engine.plan });

    let mut input = Input::Begin;
    loop {
        if let Some(rollout) = engine.step(input) {
            return rollout;
        }
        input = tokio::select! {
            Some(reason) = cancel.recv() => Input::Cancel(reason),
            Some(done) = engine.tasks.join_next_with_id() => engine.attempt_ended(done),
        };
    }
}

struct Engine {
    plan: Arc<Plan>,
    transport: Arc<dyn Transport>,
    recorder: Arc<Recorder>,
    dispatcher: Dispatcher,
    hosts: Vec<(Arc<str>, Arc<Host>)>,
    /// What is known of each host so far, of its last attempt.
    results: Vec<HostResult>,
    /// Hosts on which a script was started in some attempt.
    touched: Vec<bool>,
    tasks: JoinSet<Attempt>,
    hosts_of_tasks: HashMap<Id, HostIndex>,
    halted: watch::Sender<bool>,
    stop: watch::Sender<Stop>,
    /// How many scripts are running now.
    running: Arc<AtomicUsize>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("dispatcher", &self.dispatcher).finish_non_exhaustive()
    }
}

impl Engine {
    fn new(plan: Arc<Plan>, transport: Arc<dyn Transport>, sink: Arc<dyn EventSink>) -> Self {
        let hosts: Vec<(Arc<str>, Arc<Host>)> = plan
            .stages
            .iter()
            .flat_map(|stage| {
                let name: Arc<str> = stage.name.as_str().into();
                stage.hosts.iter().map(move |host| (Arc::clone(&name), Arc::clone(host)))
            })
            .collect();
        let rules = Rules {
            concurrency: plan.policy.concurrency,
            max_failures: plan.policy.max_failures,
            retries: plan.policy.retries,
        };
        Self {
            dispatcher: Dispatcher::new(hosts.len(), rules),
            results: hosts.iter().map(|(_, host)| HostResult::skipped(host.id.clone())).collect(),
            touched: vec![false; hosts.len()],
            recorder: Arc::new(Recorder::new(plan.run, sink)),
            tasks: JoinSet::new(),
            hosts_of_tasks: HashMap::new(),
            halted: watch::Sender::new(false),
            stop: watch::Sender::new(Stop::No),
            running: Arc::default(),
            plan,
            transport,
            hosts,
        }
    }

    /// Feeds one input to the dispatcher and carries its commands out.
    fn step(&mut self, input: Input) -> Option<Rollout> {
        for command in self.dispatcher.handle(input) {
            match command {
                Command::Start { host, attempt, after } => {
                    if attempt > 1 {
                        let message = self.results[host.0].message.as_deref().unwrap_or("no session");
                        let id = &self.hosts[host.0].1.id;
                        self.recorder.record(EventKind::HostRetrying { host: id, attempt, message, wait: after });
                    }
                    let executor = Executor {
                        plan: Arc::clone(&self.plan),
                        transport: Arc::clone(&self.transport),
                        recorder: Arc::clone(&self.recorder),
                        halt: Halt::when(self.halted.subscribe()),
                        stop: self.stop.subscribe(),
                        running: Arc::clone(&self.running),
                    };
                    let (stage, address) = self.hosts[host.0].clone();
                    let task = self.tasks.spawn(executor.attempt(stage, address, attempt, after));
                    self.hosts_of_tasks.insert(task.id(), host);
                }
                Command::Halt(reason) => {
                    self.halted.send_replace(true);
                    let running = self.running.load(Ordering::Relaxed);
                    self.recorder.record(EventKind::Stopping { reason, running });
                }
                Command::Terminate => _ = self.stop.send_replace(Stop::Terminate),
                Command::Kill => _ = self.stop.send_replace(Stop::Kill),
                Command::Settle { host, outcome } => {
                    let result = &mut self.results[host.0];
                    result.outcome = outcome;
                    self.recorder.record(EventKind::HostFinished { result });
                }
                Command::Finish { status, summary } => {
                    self.recorder.record(EventKind::RunFinished { status, summary });
                    return Some(Rollout { status, summary, results: std::mem::take(&mut self.results) });
                }
            }
        }
        None
    }

    /// Takes what an attempt came to into the host's result, and makes the next input of it.
    fn attempt_ended(&mut self, done: Result<(Id, Attempt), JoinError>) -> Input {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let host = self.hosts_of_tasks.remove(&id).expect("every task was entered when it was spawned");
        let before = &self.results[host.0];
        let attempt = match done {
            Ok((_, attempt)) => attempt,
            Err(error) => crashed(before.clone(), &error),
        };
        let Attempt { mut end, mut result, touched } = attempt;
        if end == AttemptEnd::NotStarted {
            // The attempt came to nothing: what is known of the host is what was known before.
            return Input::Ended { host, end };
        }

        // The host's story is that of all its attempts: it began with the first one.
        if let (Some(first), Some(last)) = (before.started, result.started) {
            // A clock that was set back adds nothing.
            result.duration += Duration::try_from(last.duration_since(first)).unwrap_or_default();
        }
        result.started = before.started.or(result.started).or(Some(Timestamp::now()).filter(|_| touched));
        self.touched[host.0] |= touched;
        if self.touched[host.0] && !touched {
            // A script ran here in an earlier attempt, so the host is not "unreachable", whatever
            // kept this attempt from finding out more.
            end = AttemptEnd::Final(Outcome::Unknown);
        }
        self.results[host.0] = result;
        Input::Ended { host, end }
    }
}

/// A task of ours panicked: nothing is known of the host, and the others go on.
fn crashed(result: HostResult, error: &JoinError) -> Attempt {
    let result = HostResult {
        outcome: Outcome::Unknown,
        message: Some(format!("internal error while working on this host: {error}")),
        hint: Some("please report this; the host may be half deployed".to_owned()),
        ..result
    };
    Attempt { end: AttemptEnd::Final(Outcome::Unknown), result, touched: true }
}

#[cfg(test)]
mod tests;

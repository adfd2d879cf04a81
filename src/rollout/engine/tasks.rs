//! The tasks under way, one for each attempt, hook, pause and question, and how to reach each.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::{AbortHandle, Id, JoinError, JoinSet},
};

use super::super::{
    dispatcher::{AttemptEnd, HostIndex, PauseEnd, StepIndex, UndoEnd},
    executor::{Attempt, Executor, Standing},
    job,
    outcome::{HostResult, Outcome, UndoOutcome, UndoResult},
    pause::{HostCheckFailed, Paused, Pausing},
    recorder::Recorder,
    roster::Entry,
    undo::{NoWay, UndoAttempt},
    world::{Facts, HookFailure, Sighting, World},
};
use crate::{
    config::HookName,
    inventory::{Host, HostId},
    plan::{Back, Mask, Pause, Plan},
    transport::{Halt, Stop},
};

/// The result of a task.
#[derive(Debug)]
pub(super) enum Done {
    Attempt(HostIndex, Box<Attempt>),
    HostHook(HostIndex, HookName, Result<(), HookFailure>),
    Hook(HookName, Result<(), HookFailure>),
    Pause(StepIndex, Paused),
    Sighted(Result<Sighting, String>),
    Undo(HostIndex, Box<UndoAttempt>),
    UndoHook(HostIndex, HookName, Result<(), HookFailure>),
    /// The task was given up, and nothing waits for it.
    GivenUp,
}

/// What a task reports while it runs.
#[derive(Debug)]
pub(super) enum Word {
    /// The state of a host's script.
    Host(HostIndex, Standing),
    /// A check found that a host is not well.
    CheckFailed(HostCheckFailed),
}

/// What a task was for, in case it dies.
#[derive(Clone, Debug)]
enum Kind {
    Attempt(HostIndex, HostId, u32),
    HostHook(HostIndex, HookName),
    Hook(HookName),
    Pause(StepIndex),
    Sighting,
    Undo(HostIndex, HostId),
    UndoHook(HostIndex, HookName),
}

/// The channels to a host's script while it runs.
#[derive(Debug)]
struct Line {
    stop: watch::Sender<Stop>,
    /// How many of the script's barriers are open.
    open: watch::Sender<u32>,
    abandoned: watch::Sender<bool>,
}

impl Line {
    fn urge(&self, wish: Stop) {
        self.stop.send_if_modified(|stop| std::mem::replace(stop, (*stop).max(wish)) < *stop);
    }
}

/// All tasks under way.
pub(super) struct Tasks {
    plan: Arc<Plan>,
    /// Built once: it takes megabytes for a secret of many lines.
    mask: Mask,
    world: World,
    pub(super) recorder: Arc<Recorder>,
    tell: mpsc::UnboundedSender<Word>,
    set: JoinSet<Done>,
    kinds: HashMap<Id, Kind>,
    lines: HashMap<HostIndex, Line>,
    pause: Option<(StepIndex, AbortHandle)>,
    asking: Option<AbortHandle>,
    /// How many scripts are running now.
    running: Arc<AtomicUsize>,
}

impl Tasks {
    pub(super) fn new(
        plan: Arc<Plan>,
        world: World,
        recorder: Arc<Recorder>,
        tell: mpsc::UnboundedSender<Word>,
    ) -> Self {
        Self {
            mask: plan.mask(),
            plan,
            world,
            recorder,
            tell,
            set: JoinSet::new(),
            kinds: HashMap::new(),
            lines: HashMap::new(),
            pause: None,
            asking: None,
            running: Arc::default(),
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Waits for the next task to end. Returns nothing if there is none.
    pub(super) async fn next(&mut self) -> Option<Done> {
        let joined = self.set.join_next_with_id().await?;
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let kind = self.kinds.remove(&id).expect("every task was entered when it was spawned");
        match &kind {
            Kind::Attempt(host, ..) | Kind::Undo(host, _) => _ = self.lines.remove(host),
            Kind::Pause(_) => self.pause = None,
            Kind::Sighting => self.asking = None,
            Kind::HostHook(..) | Kind::Hook(_) | Kind::UndoHook(..) => {}
        }
        Some(match joined {
            Ok((_, done)) => done,
            Err(error) => died(kind, &error),
        })
    }

    fn spawn(&mut self, kind: Kind, task: impl Future<Output = Done> + Send + 'static) -> AbortHandle {
        let handle = self.set.spawn(task);
        self.kinds.insert(handle.id(), kind);
        handle
    }

    pub(super) fn hook(&mut self, hook: HookName, facts: Facts, stop: watch::Receiver<Stop>) {
        let hooks = Arc::clone(&self.world.hooks);
        self.spawn(Kind::Hook(hook), async move { Done::Hook(hook, hooks.run(hook, &facts, stop).await) });
    }

    pub(super) fn host_hook(&mut self, host: HostIndex, hook: HookName, facts: Facts, stop: watch::Receiver<Stop>) {
        let hooks = Arc::clone(&self.world.hooks);
        let task = async move { Done::HostHook(host, hook, hooks.run(hook, &facts, stop).await) };
        self.spawn(Kind::HostHook(host, hook), task);
    }

    /// Opens the line to a host's script, and makes the executor of an attempt on it.
    fn executor(&mut self, host: HostIndex, halted: watch::Receiver<bool>, stop: &watch::Sender<Stop>) -> Executor {
        let line = Line {
            stop: watch::Sender::new(*stop.borrow()),
            open: watch::Sender::new(0),
            abandoned: watch::Sender::new(false),
        };
        let tell = self.tell.clone();
        let executor = Executor {
            plan: Arc::clone(&self.plan),
            mask: self.mask.clone(),
            transport: Arc::clone(&self.world.transport),
            recorder: Arc::clone(&self.recorder),
            halt: Halt::when(halted),
            stop: line.stop.subscribe(),
            open: line.open.subscribe(),
            abandoned: line.abandoned.subscribe(),
            // Once the run is over, nothing listens.
            tell: Box::new(move |standing| _ = tell.send(Word::Host(host, standing))),
            running: Arc::clone(&self.running),
        };
        self.lines.insert(host, line);
        executor
    }

    pub(super) fn attempt(
        &mut self,
        place: HostIndex,
        entry: &Entry,
        attempt: u32,
        after: Duration,
        halted: watch::Receiver<bool>,
        stop: &watch::Sender<Stop>,
    ) {
        let executor = self.executor(place, halted, stop);
        let job = job::job(&self.plan, &entry.stage, &entry.host, attempt);
        let host = Arc::clone(&entry.host);
        let kind = Kind::Attempt(place, host.id.clone(), attempt);
        self.spawn(
            kind,
            async move { Done::Attempt(place, Box::new(executor.attempt(&job, &host, attempt, after).await)) },
        );
    }

    /// Runs a hook around an undo.
    pub(super) fn undo_hook(&mut self, host: HostIndex, hook: HookName, facts: Facts, stop: watch::Receiver<Stop>) {
        let hooks = Arc::clone(&self.world.hooks);
        let task = async move { Done::UndoHook(host, hook, hooks.run(hook, &facts, stop).await) };
        self.spawn(Kind::UndoHook(host, hook), task);
    }

    #[expect(clippy::too_many_arguments, reason = "all that is known of a host and of the run's wish to end")]
    pub(super) fn undo(
        &mut self,
        place: HostIndex,
        entry: &Entry,
        back: Back,
        attempt: u32,
        after: Duration,
        ended: watch::Receiver<bool>,
        stop: &watch::Sender<Stop>,
    ) {
        let executor = self.executor(place, ended, stop);
        let (host, stage) = (Arc::clone(&entry.host), Arc::clone(&entry.stage));
        self.spawn(Kind::Undo(place, host.id.clone()), async move {
            Done::Undo(place, Box::new(executor.undo(&stage, &host, back, attempt, after).await))
        });
    }

    /// Ends the undo of a host that cannot be rolled back.
    pub(super) fn no_way(&mut self, place: HostIndex, host: &HostId, no_way: NoWay) {
        let attempt = Box::new(no_way.attempt(host));
        self.spawn(Kind::Undo(place, host.clone()), async move { Done::Undo(place, attempt) });
    }

    pub(super) fn pause(
        &mut self,
        step: StepIndex,
        pause: Pause,
        hosts: Vec<(HostIndex, Arc<str>, Arc<Host>)>,
        so_far: String,
        next: String,
    ) {
        let (failed, mut hears) = mpsc::unbounded_channel();
        let pausing = Pausing {
            plan: Arc::clone(&self.plan),
            prober: Arc::clone(&self.world.prober),
            approver: Arc::clone(&self.world.approver),
            recorder: Arc::clone(&self.recorder),
            hosts,
            failed,
            turns: Semaphore::new(self.plan.policy.concurrency.get()),
            so_far,
            next,
        };
        let tell = self.tell.clone();
        let handle = self.spawn(Kind::Pause(step), async move {
            let over = pausing.pass(&pause);
            tokio::pin!(over);
            loop {
                tokio::select! {
                    // Failed checks of hosts come before the end of their pause.
                    biased;
                    Some(failed) = hears.recv() => drop(tell.send(Word::CheckFailed(failed))),
                    paused = &mut over => {
                        while let Ok(failed) = hears.try_recv() {
                            drop(tell.send(Word::CheckFailed(failed)));
                        }
                        return Done::Pause(step, paused);
                    }
                }
            }
        });
        self.pause = Some((step, handle));
    }

    /// Gives the pause up. Its end is still reported.
    pub(super) fn end_pause(&mut self) {
        if let Some((_, handle)) = &self.pause {
            handle.abort();
        }
    }

    pub(super) fn ask(&mut self) {
        let fleet = Arc::clone(&self.world.fleet);
        self.asking = Some(self.spawn(Kind::Sighting, async move { Done::Sighted(fleet.again().await) }));
    }

    /// Lets a host that waits at a barrier go on.
    pub(super) fn release(&self, host: HostIndex) {
        if let Some(line) = self.lines.get(&host) {
            line.open.send_modify(|open| *open += 1);
        }
    }

    /// Ends the script of one host.
    pub(super) fn end(&self, host: HostIndex) {
        if let Some(line) = self.lines.get(&host) {
            line.urge(Stop::Terminate);
        }
    }

    pub(super) fn abandon(&mut self, host: HostIndex) {
        if let Some(line) = self.lines.get(&host) {
            line.abandoned.send_replace(true);
        }
    }

    /// Ends all scripts, and stops waiting for the clouds.
    pub(super) fn urge(&mut self, wish: Stop) {
        for line in self.lines.values() {
            line.urge(wish);
        }
        if let Some(handle) = self.asking.take() {
            handle.abort();
        }
    }
}

/// The result of a task that was given up or that panicked. Nothing is known of its work, and the others continue.
fn died(kind: Kind, error: &JoinError) -> Done {
    let failure = || HookFailure { message: format!("internal error: {error}"), output: String::new() };
    match kind {
        Kind::Attempt(place, host, attempt) => {
            let result = HostResult {
                outcome: Outcome::Unknown,
                attempts: attempt,
                message: Some(format!("internal error while working on this host: {error}")),
                hint: Some("please report this; the host may be half deployed".to_owned()),
                ..HostResult::skipped(host)
            };
            let end = AttemptEnd::Final(Outcome::Unknown);
            Done::Attempt(place, Box::new(Attempt { end, result }))
        }
        Kind::Undo(place, host) => {
            let message = Some(format!("internal error while rolling this host back: {error}"));
            let run = HostResult { outcome: Outcome::Unknown, message, ..HostResult::skipped(host) };
            let outcome = UndoOutcome::UndoUnknown;
            let result = UndoResult { outcome, revision: None, run };
            Done::Undo(place, Box::new(UndoAttempt { end: UndoEnd::Final(outcome), result }))
        }
        Kind::HostHook(place, hook) => Done::HostHook(place, hook, Err(failure())),
        Kind::Hook(hook) => Done::Hook(hook, Err(failure())),
        Kind::UndoHook(place, hook) => Done::UndoHook(place, hook, Err(failure())),
        Kind::Pause(step) if error.is_cancelled() => {
            Done::Pause(step, Paused { end: PauseEnd::GivenUp, message: None })
        }
        Kind::Pause(step) => {
            let message = Some(format!("internal error: {error}"));
            Done::Pause(step, Paused { end: PauseEnd::CheckFailed, message })
        }
        Kind::Sighting if error.is_cancelled() => Done::GivenUp,
        Kind::Sighting => Done::Sighted(Err(format!("internal error: {error}"))),
    }
}

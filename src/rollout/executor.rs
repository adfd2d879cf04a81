//! One attempt on one host, from the connection to the script's end. It touches the world only through the transport's
//! traits.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    dispatcher::AttemptEnd,
    event::EventKind,
    host_output::HostOutput,
    outcome::{HostResult, Phases},
    parts::locate,
    reattach::{Found, Search},
    recorder::Recorder,
    script_time::ScriptTime,
    verdict,
};
use crate::{
    inventory::Host,
    local::until,
    plan::{Mask, Plan},
    transport::{ConnectFailure, Connected, Halt, Job, Session, Stop, Transport, Wishes},
};

/// How long a handshake that is under way may still take when the run stops. To the host, cutting it off looks like an
/// attack, and the host may then refuse this machine for minutes. But the record must be saved within five seconds of a
/// Ctrl-C.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(3);

/// How long a logout may take. The script's end is known by then.
const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// What an attempt needs.
pub(super) struct Executor {
    pub(super) plan: Arc<Plan>,
    /// Of the plan's secrets.
    pub(super) mask: Mask,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) recorder: Arc<Recorder>,
    /// Comes when no script may be started any more.
    pub(super) halt: Halt,
    /// How urgently running scripts must end.
    pub(super) stop: watch::Receiver<Stop>,
    /// How many of the script's barriers are open.
    pub(super) open: watch::Receiver<u32>,
    /// Whether to give up the search for a lost host, because its cloud does not know it any more.
    pub(super) abandoned: watch::Receiver<bool>,
    /// Receives the state of the script.
    pub(super) tell: Box<Tell>,
    /// Counts the scripts that run.
    pub(super) running: Arc<AtomicUsize>,
}

/// A change in the state of a running script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Contact was lost, and not restored at once.
    InDoubt,
    /// Contact was restored.
    HeardAgain,
    /// The script waits at a barrier.
    Reached,
}

/// Receives the state of a script.
pub(super) type Tell = dyn Fn(Standing) + Send + Sync;

/// The result of an attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) end: AttemptEnd,
    pub(super) result: HostResult,
}

impl Executor {
    /// Makes one attempt, after a wait.
    pub(super) async fn attempt(mut self, job: &Job, host: &Host, attempt: u32, after: Duration) -> Attempt {
        let mut result = HostResult { attempts: attempt, ..HostResult::skipped(host.id.clone()) };
        tokio::select! {
            () = sleep(after) => {}
            () = self.halt.comes() => {}
        }
        if self.halt.has_come() {
            return Attempt { end: AttemptEnd::NotStarted, result };
        }

        self.recorder.record(EventKind::HostConnecting { host: &host.id, attempt });
        result.started = Some(Timestamp::now());
        let began = Instant::now();
        let mut attempt = self.connected(job, host, result).await;
        attempt.result.duration = began.elapsed();
        attempt
    }

    async fn connected(&mut self, job: &Job, host: &Host, mut result: HostResult) -> Attempt {
        let answer = tokio::select! {
            answer = self.transport.connect_unless(self.halt.clone(), host) => Some(answer),
            () = patience(&mut self.halt, &mut self.stop) => None,
        };
        let Connected { session, connect, auth } = match answer {
            Some(Ok(connected)) => connected,
            Some(Err(error)) if error.kind != ConnectFailure::Halted => return verdict::not_connected(result, error),
            Some(Err(_)) | None => return Attempt { end: AttemptEnd::NotStarted, result },
        };
        result.phases = Phases { connect: Some(connect), auth: Some(auth), script: None };

        if self.halt.has_come() {
            log_out(session).await;
            return Attempt { end: AttemptEnd::NotStarted, result };
        }
        self.run(session, job, host, result).await
    }

    /// Runs the script to its end, over as many connections as it takes.
    async fn run(&self, mut session: Box<dyn Session>, job: &Job, host: &Host, mut result: HostResult) -> Attempt {
        let began = Instant::now();
        let (parts, time) = (job.request.parts(), ScriptTime::of(job, began));
        let mut out = HostOutput::new(&self.recorder, &host.id, &self.running, parts, &self.mask, time, &*self.tell);
        let wishes = Wishes { stop: self.stop.clone(), open: self.open.clone() };
        let end = session.run(job, &mut out, wishes.clone()).await;
        log_out(session).await;
        let found = match end {
            // A script without a record on the host cannot be found again.
            Err(lost) if lost.sent && job.request.is_recorded() => {
                let (transport, recorder) = (&*self.transport, &*self.recorder);
                let search = Search { transport, recorder, host, job, tell: &*self.tell };
                let mut abandoned = self.abandoned.clone();
                tokio::select! {
                    found = search.search(lost.clone(), &mut out, wishes) => Err(found),
                    _ = until(&mut abandoned, |abandoned| abandoned) => {
                        Err(Found::Nothing { lost, trouble: Some("its cloud does not know it any more".to_owned()) })
                    }
                }
            }
            end => Ok(end),
        };
        result.phases.script = Some(began.elapsed());
        out.finish(&mut result);
        let stop = *self.stop.borrow();
        let mut attempt = match found {
            Ok(end) => verdict::ended(result, end, stop, &self.plan),
            Err(found) => verdict::found(result, found, stop, &self.plan),
        };
        locate(&mut attempt.result);
        attempt
    }
}

/// A logout that hangs is cut off by dropping the session, which leaves no process either.
pub(super) async fn log_out(session: Box<dyn Session>) {
    let _ = timeout(CLOSE_GRACE, session.close()).await;
}

/// Waits for as long as a handshake may take: without limit until the run stops, then for a moment, or until a kill.
async fn patience(halt: &mut Halt, stop: &mut watch::Receiver<Stop>) {
    halt.comes().await;
    tokio::select! {
        () = sleep(HANDSHAKE_GRACE) => {}
        _ = until(stop, |wish| wish >= Stop::Kill) => {}
    }
}

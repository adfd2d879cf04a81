//! One attempt on one host, from the connection to the script's end. The only file of the engine
//! that touches the world, through the transport's traits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
    job::job,
    outcome::{HostResult, Phases},
    recorder::Recorder,
    verdict,
};
use crate::{
    inventory::{Host, HostId},
    plan::Plan,
    rollout::tail::Tail,
    transport::{Connected, OutputSink, Stop, Stream, Transport},
};

/// How long a handshake that is under way when the run stops may still take. Cutting it off looks
/// like an attack to the host, which may then refuse us for minutes; but the record must be saved
/// within five seconds of a Ctrl-C.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(3);

/// How long logging out may take before it is given up: the script's end is known by then.
const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// What an attempt needs to know.
pub(super) struct Executor {
    pub(super) plan: Arc<Plan>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) recorder: Arc<Recorder>,
    /// True once no script may be started any more.
    pub(super) halted: watch::Receiver<bool>,
    /// How urgently running scripts are to be ended.
    pub(super) stop: watch::Receiver<Stop>,
    /// Counts the scripts that run.
    pub(super) running: Arc<AtomicUsize>,
}

/// What an attempt came to.
pub(super) struct Attempt {
    pub(super) end: AttemptEnd,
    pub(super) result: HostResult,
    /// The script was started on the host, or may have been.
    pub(super) touched: bool,
}

impl Executor {
    /// Makes one attempt, after a wait.
    pub(super) async fn attempt(mut self, stage: Arc<str>, host: Arc<Host>, attempt: u32, after: Duration) -> Attempt {
        let mut result = HostResult { attempts: attempt, ..HostResult::skipped(host.id.clone()) };
        tokio::select! {
            () = sleep(after) => {}
            () = raised(&mut self.halted) => {}
        }
        if *self.halted.borrow() {
            return Attempt { end: AttemptEnd::NotStarted, result, touched: false };
        }

        self.recorder.record(EventKind::HostConnecting { host: &host.id, attempt });
        result.started = Some(Timestamp::now());
        let began = Instant::now();
        let mut attempt = self.connected(&stage, &host, attempt, result).await;
        attempt.result.duration = began.elapsed();
        attempt
    }

    async fn connected(&mut self, stage: &str, host: &Host, attempt: u32, mut result: HostResult) -> Attempt {
        let answer = tokio::select! {
            answer = self.transport.connect(host) => Some(answer),
            () = patience(&mut self.halted, &mut self.stop) => None,
        };
        let Connected { mut session, connect, auth } = match answer {
            Some(Ok(connected)) => connected,
            Some(Err(error)) => return verdict::not_connected(result, error),
            None => return Attempt { end: AttemptEnd::NotStarted, result, touched: false },
        };
        result.phases = Phases { connect: Some(connect), auth: Some(auth), script: None };

        let attempt = if *self.halted.borrow() {
            Attempt { end: AttemptEnd::NotStarted, result, touched: false }
        } else {
            let job = job(&self.plan, stage, host, attempt);
            let mut out = HostOutput::new(&self.recorder, &host.id, &self.running);
            let began = Instant::now();
            let end = session.run(&job, &mut out, self.stop.clone()).await;
            result.phases.script = Some(began.elapsed());
            out.finish(&mut result);
            verdict::ended(result, end, &self.plan.policy)
        };
        // A logout that hangs is cut off by dropping the session, which leaves no process either.
        let _ = timeout(CLOSE_GRACE, session.close()).await;
        attempt
    }
}

/// How long a handshake is waited for: without end, until the run stops; then a moment, or no longer
/// than until somebody insists.
async fn patience(halted: &mut watch::Receiver<bool>, stop: &mut watch::Receiver<Stop>) {
    raised(halted).await;
    tokio::select! {
        () = sleep(HANDSHAKE_GRACE) => {}
        Ok(_) = stop.wait_for(|stop| *stop >= Stop::Kill) => {}
    }
}

/// Waits until the flag is raised; for ever, if nobody can raise it any more.
async fn raised(flag: &mut watch::Receiver<bool>) {
    if flag.wait_for(|raised| *raised).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Passes a script's output on as events, and keeps the last lines for the report.
struct HostOutput<'a> {
    recorder: &'a Recorder,
    host: &'a HostId,
    running: &'a AtomicUsize,
    group: Option<u32>,
    previous_revision: Option<String>,
    stdout: Tail,
    stderr: Tail,
}

impl<'a> HostOutput<'a> {
    fn new(recorder: &'a Recorder, host: &'a HostId, running: &'a AtomicUsize) -> Self {
        Self { recorder, host, running, group: None, previous_revision: None, stdout: Tail::new(), stderr: Tail::new() }
    }

    fn finish(&mut self, result: &mut HostResult) {
        result.group = self.group;
        result.previous_revision = self.previous_revision.take();
        result.stdout_tail = self.stdout.text();
        result.stderr_tail = self.stderr.text();
    }
}

impl Drop for HostOutput<'_> {
    fn drop(&mut self) {
        if self.group.is_some() {
            self.running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl OutputSink for HostOutput<'_> {
    fn started(&mut self, group: u32, previous_revision: Option<&str>) {
        if self.group.replace(group).is_none() {
            self.running.fetch_add(1, Ordering::Relaxed);
        }
        self.previous_revision = previous_revision.map(ToOwned::to_owned);
        self.recorder.record(EventKind::ScriptStarted { host: self.host, group });
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        }
        self.recorder.record(EventKind::Output { host: self.host, stream, bytes });
    }
}

//! Whole runs, reported to a [`Reporter`] and read back from where it wrote them.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use provider_core::{Addresses, Instance, InstanceId, InstanceState, ProviderName};

use super::{Destination, Reporter, Rerun, RunReporter, Screen, lock, reporter::Builder};
use crate::{
    config::{FailureLimit, LateHosts, OnFailure, OnLost, OnStop, SecretRef},
    inventory::{Host, HostId, SshAddress},
    plan::{Limits, Pause, Payload, Plan, PlanStep, Policy, Script, Stage, Work},
    rollout::{
        Cancel, Event, EventKind, EventSink, FailureCause, HostResult, Killed, Outcome, PauseEnd, Phases, RunStatus,
        StopReason, Summary, UndoOutcome, UndoResult, UnreachableCause,
    },
    transport::{ConnectFailure, Stream},
};

mod commands;
mod files;
mod human;
mod junit;
mod machines;
mod output;
mod pipelines;
mod readers;
mod reasons;
mod rollback;
mod tables;

/// A stream that a test can read.
#[derive(Clone, Debug, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(lock(&self.0).clone()).expect("we write UTF-8")
    }

    fn to(&self, screen: Screen) -> Destination {
        Destination { writer: Box::new(self.clone()), screen }
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal of some width, without colours, and not redrawn so that a test can read it.
const fn terminal(width: usize) -> Screen {
    Screen { width: Some(width), ..Screen::PLAIN }
}

/// The commands that repeat a run without a report.
fn rerun(again: &str) -> Rerun {
    Rerun { again: again.to_owned(), failed: None }
}

/// Standard output and standard error, and a reporter that writes to them.
fn capture(screen: Screen) -> (Captured, Captured, Builder) {
    let (out, err) = (Captured::default(), Captured::default());
    let builder = Reporter::builder(out.to(screen), err.to(screen)).clock(|| at(0));
    (out, err, builder)
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

/// The `n`th host, in one of three clouds.
pub(super) fn host(n: usize) -> Host {
    let (provider, id, zone) = match n % 3 {
        0 => ("aws", format!("i-0{n:015x}"), "eu-west-1a"),
        1 => ("gcp", format!("{}", 4_000_000_000_000_000_000 + n), "europe-west1-b"),
        _ => ("azure", format!("7f6e9a52-1111-4222-8333-{n:012x}"), "westeurope"),
    };
    let provider = ProviderName::new(provider);
    let instance = Instance {
        id: InstanceId::new(id),
        provider: provider.clone(),
        account: "shop-prod".to_owned(),
        region: zone.trim_end_matches(['a', 'b']).trim_end_matches('-').to_owned(),
        zone: zone.to_owned(),
        name: format!("web-{n}"),
        addresses: Addresses::default(),
        state: InstanceState::Running,
        image: None,
        image_name: None,
        resource_id: None,
        tag_keys: provider_core::TagKeys::Exact,
        launched: None,
        tags: BTreeMap::from([("env".to_owned(), "prod".to_owned()), ("role".to_owned(), "web".to_owned())]),
    };
    let address =
        SshAddress { host: format!("10.0.{}.{}", n / 250, n % 250), port: None, user: Some("deploy".to_owned()) };
    Host { id: HostId::new(&provider, &instance.id), address, instance, selector: 0 }
}

/// A deploy to these hosts: ten at once, no failure allowed.
pub(super) fn plan_for(hosts: Vec<Host>) -> Plan {
    let secret = SecretRef::Env("TOKEN".to_owned()).read(|_| Some("hunter2".to_owned())).expect("set");
    Plan {
        input: None,
        narrowed_from: None,
        found: None,
        run: "01JQZX0000000000000000TEST".parse().expect("an id"),
        target: "web".to_owned(),
        target_words: "web".to_owned(),
        app: "shop".parse().expect("a name"),
        work: Work::Deploy {
            revision: "4f2a91c".parse().expect("a revision"),
            payload: Payload::Script(Script {
                name: "deploy.sh".to_owned(),
                bytes: Arc::from(*b"exit 0\n"),
                sha256: "ab".repeat(32),
            }),
        },
        args: vec!["--fast".to_owned()],
        env: BTreeMap::from([("NODE_ENV".to_owned(), "production".to_owned())]),
        secrets: BTreeMap::from([("API_TOKEN".to_owned(), secret)]),
        steps: vec![PlanStep::Stage(0)],
        checks: BTreeMap::new(),
        rollback: None,
        stages: vec![Stage { name: "all".to_owned(), hosts: hosts.into_iter().map(Arc::new).collect() }],
        policy: Policy {
            concurrency: NonZeroUsize::new(10).expect("not 0"),
            handshakes: NonZeroUsize::new(4).expect("not 0"),
            slow_start: true,
            max_failures: FailureLimit::Hosts(0),
            stage_must_succeed: true,
            on_stop: OnStop::Finish,
            on_failure: OnFailure::Stop,
            late_hosts: LateHosts::Ignore,
            approve_timeout: Duration::from_hours(1),
            retries: 2,
            sudo: false,
            idempotent: false,
            on_lost: OnLost::Finish,
            limits: Limits {
                script: Duration::from_mins(10),
                idle: Some(Duration::from_secs(90)),
                kill_grace: Duration::from_secs(10),
            },
        },
    }
}

fn plan(hosts: usize) -> Plan {
    plan_for((1..=hosts).map(host).collect())
}

/// The result of a host with this outcome.
fn result(host: &HostId, outcome: Outcome) -> HostResult {
    HostResult {
        outcome,
        attempts: 1,
        started: Some(at(1)),
        duration: Duration::from_millis(12_300),
        phases: Phases {
            connect: Some(Duration::from_millis(85)),
            auth: Some(Duration::from_millis(20)),
            script: Some(Duration::from_secs(12)),
        },
        ..HostResult::skipped(host.clone())
    }
}

fn succeeded(host: &HostId) -> HostResult {
    HostResult {
        exit_status: Some(0),
        group: Some(4242),
        stdout_tail: "deployed\n".to_owned(),
        ..result(host, Outcome::Succeeded)
    }
}

fn failed(host: &HostId, status: u8, stderr: &str) -> HostResult {
    HostResult {
        exit_status: Some(status),
        failure: Some(FailureCause::Script),
        group: Some(4242),
        stdout_tail: "fetching 4f2a91c\nunpacking".to_owned(),
        stderr_tail: stderr.to_owned(),
        ..result(host, Outcome::Failed)
    }
}

fn timed_out(host: &HostId) -> HostResult {
    HostResult {
        signal: Some("KILL".to_owned()),
        failure: Some(FailureCause::TimedOut),
        message: Some("it ran longer than 10m".to_owned()),
        group: Some(977),
        killed: Some(Killed::Confirmed),
        ..result(host, Outcome::Failed)
    }
}

fn unreachable(host: &HostId) -> HostResult {
    HostResult {
        failure: Some(FailureCause::Unreachable(UnreachableCause::Connect(ConnectFailure::Refused))),
        message: Some("connection refused: connect to host 10.0.0.4 port 22".to_owned()),
        hint: Some("is sshd running, and does the firewall let this machine in?".to_owned()),
        attempts: 3,
        phases: Phases::default(),
        ..result(host, Outcome::Unreachable)
    }
}

fn lost(host: &HostId) -> HostResult {
    HostResult {
        failure: Some(FailureCause::Lost),
        message: Some("contact was lost while the script ran".to_owned()),
        group: Some(31337),
        stderr_tail: "restarting\n".to_owned(),
        ..result(host, Outcome::Unknown)
    }
}

/// The same result, with an undo of this outcome.
fn taken_back(result: HostResult, outcome: UndoOutcome, run: HostResult) -> HostResult {
    HostResult { undo: Some(Box::new(UndoResult { outcome, revision: Some("v1".to_owned()), run })), ..result }
}

/// A run of six hosts that a check stops, with an incomplete undo: the failures are not those of a deploy script.
fn tell_checks_hooks_and_undos(sink: &RunReporter, plan: &Plan) {
    let ids = ids(plan);
    let because = |result: HostResult, cause, message: &str| HostResult {
        failure: Some(cause),
        message: Some(message.to_owned()),
        ..result
    };
    let check = |id| HostResult { outcome: Outcome::Failed, ..succeeded(id) };
    let results = [
        succeeded(&ids[0]),
        because(check(&ids[1]), FailureCause::Check, "check health: 3 times in a row, the last time: HTTP 503"),
        because(check(&ids[2]), FailureCause::Check, "check health: connection refused"),
        because(check(&ids[3]), FailureCause::Hook, "hook after_host: timed out after 60s"),
        because(
            HostResult { attempts: 0, ..result(&ids[4], Outcome::Unreachable) },
            FailureCause::Unreachable(UnreachableCause::Hook),
            "hook before_host: exit status 1: no such server",
        ),
        succeeded(&ids[5]),
    ];
    let mut telling = Telling::of(sink, plan);
    for result in &results {
        telling.whole(result);
    }
    let pause = Pause::Check(vec!["errors".parse().expect("a name")]);
    telling.event(EventKind::PauseStarted { step: 1, pause: &pause });
    let message = Some("check errors: 7 is not < 5");
    telling.event(EventKind::PauseEnded { step: 1, end: PauseEnd::CheckFailed, message });
    telling.event(EventKind::Stopping { reason: StopReason::Check, running: 0 });
    telling.event(EventKind::UndoStarted { hosts: 5 });
    for result in &results {
        let [worn, lost] = [failed(&result.host, 7, "disk full\n"), lost(&result.host)];
        telling.event(EventKind::HostUndone {
            result: &match ids.iter().position(|id| *id == result.host) {
                Some(0) => taken_back(result.clone(), UndoOutcome::UndoFailed, worn),
                Some(2) => taken_back(result.clone(), UndoOutcome::UndoUnknown, lost),
                Some(4) => continue,
                Some(_) | None => taken_back(result.clone(), UndoOutcome::Undone, succeeded(&result.host)),
            },
        });
    }
    telling.finish(Some(StopReason::Check));
}

/// Sends a run's events in order.
struct Telling<'a> {
    sink: &'a RunReporter,
    plan: &'a Plan,
    seq: u64,
    ended: Vec<Outcome>,
}

impl<'a> Telling<'a> {
    fn of(sink: &'a RunReporter, plan: &'a Plan) -> Self {
        let mut telling = Self { sink, plan, seq: 0, ended: Vec::new() };
        telling.event(EventKind::RunStarted { plan });
        telling
    }

    fn event(&mut self, kind: EventKind<'_>) {
        self.seq += 1;
        let at = at(i64::try_from(self.seq).expect("few"));
        self.sink.event(&Event { run: self.plan.run, seq: self.seq, at, kind });
    }

    fn begin(&mut self, host: &HostId) {
        self.event(EventKind::HostConnecting { host, attempt: 1 });
        self.event(EventKind::ScriptStarted { host, group: 4242 });
    }

    fn output(&mut self, host: &HostId, stream: Stream, bytes: &[u8]) {
        self.event(EventKind::Output { host, stream, bytes });
    }

    fn end(&mut self, result: &HostResult) {
        self.ended.push(result.outcome);
        self.event(EventKind::HostFinished { result });
    }

    /// Connects to a host, and ends it.
    fn whole(&mut self, result: &HostResult) {
        self.event(EventKind::HostConnecting { host: &result.host, attempt: 1 });
        if let Some(group) = result.group {
            self.event(EventKind::ScriptStarted { host: &result.host, group });
        }
        self.end(result);
    }

    fn finish(&mut self, stopped: Option<StopReason>) {
        let ids: Vec<HostId> = self.plan.hosts().skip(self.ended.len()).map(|host| host.id.clone()).collect();
        for id in &ids {
            self.end(&HostResult::skipped(id.clone()));
        }
        let summary = Summary::of(self.ended.iter().copied());
        let status = match stopped {
            Some(StopReason::Cancel(Cancel::Interrupt)) => RunStatus::Interrupted,
            Some(StopReason::Cancel(Cancel::Terminate)) => RunStatus::Terminated,
            Some(_) => RunStatus::Failed,
            None => RunStatus::of(&summary, self.plan.budget(), false),
        };
        self.event(EventKind::RunFinished { status, summary });
    }
}

/// The ids of a plan's hosts, in order.
fn ids(plan: &Plan) -> Vec<HostId> {
    plan.hosts().map(|host| host.id.clone()).collect()
}

/// A run of eight hosts with every possible outcome.
fn tell_all_outcomes(sink: &RunReporter, plan: &Plan) {
    let ids = ids(plan);
    let mut telling = Telling::of(sink, plan);
    telling.whole(&succeeded(&ids[0]));
    telling.whole(&failed(&ids[1], 3, "npm ERR! code ENOSPC\nnpm ERR! no space left on device\n"));
    telling.event(EventKind::Stopping { reason: StopReason::Budget, running: 4 });
    telling.whole(&timed_out(&ids[2]));
    telling.whole(&unreachable(&ids[3]));
    telling.whole(&lost(&ids[4]));
    telling.whole(&failed(&ids[5], 3, "npm ERR! code ENOSPC\nnpm ERR! no space left on device\n"));
    telling.finish(Some(StopReason::Budget));
}

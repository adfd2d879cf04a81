//! The engine over a transport that does as it is told.

use std::{collections::HashMap, num::NonZeroUsize, sync::Mutex, time::Duration};

use async_trait::async_trait;

use super::*;
use crate::{
    guard::{Cause, GroupState, Record, ScriptStatus, Signal, Trailer},
    inventory::testing::{host, target},
    plan::{Assignment, RunId, Work},
    transport::{ConnectError, ConnectFailure, Connected, Job, Lost, OutputSink, RemoteExit, Session, Stream},
};

/// What a host does, attempt by attempt; a host that is not named exits 0.
#[derive(Clone, Debug)]
enum Act {
    Exit(u8),
    RefuseConnection,
    LoseContact,
    RunUntilStopped,
    Panic,
}

#[derive(Debug, Default)]
struct Stage {
    acts: Mutex<HashMap<String, Vec<Act>>>,
}

#[async_trait]
impl Transport for Stage {
    async fn connect(&self, host: &Host) -> Result<Connected, ConnectError> {
        let mut acts = self.acts.lock().expect("no panic while held");
        let act = match acts.get_mut(&host.instance.name) {
            Some(list) if !list.is_empty() => list.remove(0),
            _ => Act::Exit(0),
        };
        if let Act::RefuseConnection = act {
            return Err(ConnectError { kind: ConnectFailure::Refused, message: "refused".into(), hint: None });
        }
        let session = Box::new(Played(act));
        Ok(Connected { session, connect: Duration::ZERO, auth: Duration::ZERO })
    }
}

#[derive(Debug)]
struct Played(Act);

#[async_trait]
impl Session for Played {
    async fn run(
        &mut self,
        _: &Job,
        out: &mut dyn OutputSink,
        mut stop: watch::Receiver<Stop>,
    ) -> Result<RemoteExit, Lost> {
        out.started(4711, Some("v1"));
        out.output(Stream::Stderr, b"last words\n");
        let ended = |status, cause| {
            Ok(RemoteExit::Ended(Trailer {
                status,
                cause,
                group: GroupState::Gone,
                stdout: None,
                stderr: None,
                record: Record::Kept,
            }))
        };
        match self.0 {
            Act::Exit(status) => ended(ScriptStatus::Exited(status), Cause::None),
            Act::LoseContact => Err(Lost { group: Some(4711), sent: true, message: "reset".into() }),
            Act::RunUntilStopped => {
                stop.wait_for(|stop| *stop >= Stop::Terminate).await.expect("the engine holds the sender");
                ended(ScriptStatus::Signaled(Signal::named("TERM").expect("a name")), Cause::Stop)
            }
            Act::Panic => panic!("on purpose"),
            Act::RefuseConnection => unreachable!("never connected"),
        }
    }

    async fn close(self: Box<Self>) {}
}

/// Remembers the events' numbers and names.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(u64, &'static str)>>);

impl EventSink for Heard {
    fn event(&self, event: &super::super::Event<'_>) {
        let name = match &event.kind {
            EventKind::RunStarted { .. } => "run-started",
            EventKind::HostConnecting { .. } => "connecting",
            EventKind::ScriptStarted { .. } => "script-started",
            EventKind::Output { .. } => "output",
            EventKind::HostRetrying { .. } => "retrying",
            EventKind::HostFinished { .. } => "finished",
            EventKind::Stopping { .. } => "stopping",
            EventKind::RunFinished { .. } => "run-finished",
        };
        self.0.lock().expect("no panic while held").push((event.seq, name));
    }
}

fn plan(names: &[&str], concurrency: usize, max_failures: usize) -> Arc<Plan> {
    let mut target = target(Vec::new());
    target.deploy.concurrency = NonZeroUsize::new(concurrency).expect("positive");
    target.deploy.max_failures = crate::config::FailureLimit::Hosts(max_failures);
    let hosts = names.iter().map(|name| host(&format!("i-{name}"), name)).collect();
    let assignment = Assignment {
        work: Work::Command("true".into()),
        args: Vec::new(),
        env: std::collections::BTreeMap::new(),
        secrets: std::collections::BTreeMap::new(),
    };
    Arc::new(Plan::new(RunId::new(), &target, assignment, hosts))
}

async fn play(plan: Arc<Plan>, acts: &[(&str, &[Act])]) -> (Rollout, Vec<(u64, &'static str)>) {
    let (_never, cancel) = mpsc::channel(1);
    play_until(plan, acts, cancel).await
}

async fn play_until(
    plan: Arc<Plan>,
    acts: &[(&str, &[Act])],
    mut cancel: mpsc::Receiver<StopReason>,
) -> (Rollout, Vec<(u64, &'static str)>) {
    let acts = acts.iter().map(|(name, list)| ((*name).to_owned(), list.to_vec())).collect();
    let heard = Arc::new(Heard::default());
    let sink: Arc<dyn EventSink> = Arc::<Heard>::clone(&heard);
    let rollout = run(plan, Arc::new(Stage { acts: Mutex::new(acts) }), sink, &mut cancel).await;
    let events = heard.0.lock().expect("the run is over").clone();
    (rollout, events)
}

#[tokio::test]
async fn every_host_gets_its_own_end_and_events_are_numbered_without_gaps() {
    let (rollout, events) = play(plan(&["a", "b", "c"], 2, 1), &[("b", &[Act::Exit(3)])]).await;
    assert_eq!(rollout.status, RunStatus::FinishedWithFailures);
    let statuses: Vec<_> = rollout.results.iter().map(|result| result.exit_status).collect();
    assert_eq!(statuses, [Some(0), Some(3), Some(0)]);
    let failed = &rollout.results[1];
    assert_eq!((failed.stderr_tail.as_str(), failed.group), ("last words", Some(4711)));
    assert_eq!(failed.previous_revision.as_deref(), Some("v1"));

    let numbers: Vec<u64> = events.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!((events[0].1, events.last().map(|last| last.1)), ("run-started", Some("run-finished")));
    assert_eq!(events.iter().filter(|(_, name)| *name == "finished").count(), 3);
}

#[tokio::test]
async fn a_connection_is_tried_again_and_a_lost_script_is_not() {
    let acts: &[(&str, &[Act])] = &[("a", &[Act::RefuseConnection]), ("b", &[Act::LoseContact])];
    let (rollout, events) = play(plan(&["a", "b"], 2, 9), acts).await;
    let [a, b] = &rollout.results[..] else { panic!("two hosts") };
    assert_eq!((a.outcome, a.attempts), (Outcome::Succeeded, 2));
    assert_eq!((b.outcome, b.attempts), (Outcome::Unknown, 1));
    assert_eq!(events.iter().filter(|(_, name)| *name == "retrying").count(), 1);
}

#[tokio::test]
async fn the_budget_stops_the_run_and_the_rest_is_skipped() {
    let (rollout, _) = play(plan(&["a", "b", "c"], 1, 0), &[("a", &[Act::Exit(1)])]).await;
    let outcomes: Vec<_> = rollout.results.iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Skipped, Outcome::Skipped]);
    assert_eq!(rollout.status, RunStatus::Failed);
}

#[tokio::test]
async fn a_cancel_ends_running_scripts_and_waits_for_their_word() {
    let (sender, cancel) = mpsc::channel(1);
    sender.send(StopReason::Interrupt).await.expect("room");
    let (rollout, _) = play_until(plan(&["a", "b"], 1, 0), &[("a", &[Act::RunUntilStopped])], cancel).await;
    assert_eq!(rollout.status, RunStatus::Interrupted);
    let [a, b] = &rollout.results[..] else { panic!("two hosts") };
    // The cancel may come before or after the script's start; either way the host's end is known.
    assert!(matches!((a.outcome, a.attempts), (Outcome::Failed, 1) | (Outcome::Skipped, 0)), "{a:?}");
    assert_eq!(b.outcome, Outcome::Skipped);
}

#[tokio::test]
async fn a_crash_of_ours_is_one_hosts_matter() {
    let (rollout, _) = play(plan(&["a", "b"], 1, 5), &[("a", &[Act::Panic])]).await;
    let [a, b] = &rollout.results[..] else { panic!("two hosts") };
    assert_eq!((a.outcome, b.outcome), (Outcome::Unknown, Outcome::Succeeded));
    assert!(a.message.as_deref().is_some_and(|message| message.contains("internal error")), "{a:?}");
}

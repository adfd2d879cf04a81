//! The engine over a transport that does what a test orders.

mod by_hand;
mod calm;
mod parts;
mod pauses;
mod staged;

use std::{collections::HashMap, num::NonZeroUsize, sync::Mutex, time::Duration};

use async_trait::async_trait;

use self::calm::{Cancelling, world};
use super::{
    super::{
        Approval, Approver, Event, EventSink, Fleet, HookFailure, Hooks as HookRunner, Outcome, Prober, Question,
        Sample, Sighting, Verdict, outcome::Killed,
    },
    *,
};
use crate::{
    config::{HookName, Label, SecretRef},
    guard::{self, Cause, GroupState, Offsets, Record, Refusal, ScriptStatus, Signal, Trailer},
    inventory::{
        Host,
        testing::{host, target},
    },
    plan::{Assignment, Payload, RunId, Script, Work},
    transport::{
        ConnectError, ConnectFailure, Connected, Halt, Job, Lost, OutputSink, RemoteExit, Session, Stream, Transport,
        Wishes,
    },
};

/// What a host does, attempt by attempt; a host that is not named exits 0.
#[derive(Clone, Debug)]
enum Act {
    Exit(u8),
    RefuseConnection,
    /// The host's turn never comes.
    WaitForItsTurn,
    LoseContact,
    /// The order was sent, and nothing was heard after it.
    LoseContactBeforeTheStart,
    Refuse(Refusal),
    Reboot,
    RunUntilStopped,
    Panic,
}

#[derive(Debug, Default)]
struct Stage {
    acts: Mutex<HashMap<String, Vec<Act>>>,
    /// The offsets from which each attaching job wanted the output.
    resumed: Arc<Mutex<Vec<Offsets>>>,
}

#[async_trait]
impl Transport for Stage {
    async fn connect_unless(&self, mut halt: Halt, host: &Host) -> Result<Connected, ConnectError> {
        let act = match self.acts.lock().expect("no panic while held").get_mut(&host.instance.name) {
            Some(list) if !list.is_empty() => list.remove(0),
            _ => Act::Exit(0),
        };
        let not_connected = |kind| Err(ConnectError { kind, message: "no session".into(), hint: None });
        match act {
            Act::RefuseConnection => return not_connected(ConnectFailure::Refused),
            Act::WaitForItsTurn => {
                halt.comes().await;
                return not_connected(ConnectFailure::Halted);
            }
            _ => {}
        }
        let session = Box::new(Played(act, Arc::clone(&self.resumed)));
        Ok(Connected { session, connect: Duration::ZERO, auth: Duration::ZERO })
    }
}

#[derive(Debug)]
struct Played(Act, Arc<Mutex<Vec<Offsets>>>);

#[async_trait]
impl Session for Played {
    async fn run(&mut self, job: &Job, out: &mut dyn OutputSink, wishes: Wishes) -> Result<RemoteExit, Lost> {
        let mut stop = wishes.stop;
        if let guard::Work::Attach(attach) = &job.request.work {
            self.1.lock().expect("no panic while held").push(attach.resume);
        }
        match self.0 {
            Act::LoseContactBeforeTheStart => {
                return Err(Lost { group: None, sent: true, message: "reset".into() });
            }
            Act::Refuse(reason) => return Ok(RemoteExit::Refused { reason, text: "because".into() }),
            _ => {}
        }
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
            Act::Reboot => ended(ScriptStatus::Rebooted, Cause::None),
            Act::Panic => panic!("on purpose"),
            Act::RefuseConnection | Act::WaitForItsTurn | Act::LoseContactBeforeTheStart | Act::Refuse(_) => {
                unreachable!("seen before")
            }
        }
    }

    async fn close(self: Box<Self>) {}
}

/// Remembers the numbers and names of events.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(u64, &'static str)>>);

impl EventSink for Heard {
    fn event(&self, event: &Event<'_>) {
        let name = match &event.kind {
            EventKind::RunStarted { .. } => "run-started",
            EventKind::HostConnecting { .. } => "connecting",
            EventKind::ScriptStarted { .. } => "script-started",
            EventKind::Output { .. } => "output",
            EventKind::PartStarted { .. } => "part-started",
            EventKind::PartFinished { .. } => "part-finished",
            EventKind::HostHeld { .. } => "held",
            EventKind::HostLost { .. } => "lost",
            EventKind::HostReattaching { .. } => "reattaching",
            EventKind::HostReattached { .. } => "reattached",
            EventKind::HostRetrying { .. } => "retrying",
            EventKind::HostReturned { .. } => "returned",
            EventKind::HostFinished { .. } => "finished",
            EventKind::StageStarted { .. } => "stage-started",
            EventKind::PauseStarted { .. } => "pause-started",
            EventKind::CheckSampled { .. } => "check-sampled",
            EventKind::Approved { .. } => "approved",
            EventKind::PauseEnded { .. } => "pause-ended",
            EventKind::HookFinished { .. } => "hook-finished",
            EventKind::FleetSighted { .. } => "fleet-sighted",
            EventKind::FleetUnseen { .. } => "fleet-unseen",
            EventKind::UndoStarted { .. } => "undo-started",
            EventKind::HostUndone { .. } => "undone",
            EventKind::Stopping { .. } => "stopping",
            EventKind::RunFinished { .. } => "run-finished",
        };
        self.0.lock().expect("no panic while held").push((event.seq, name));
    }
}

fn plan(names: &[&str], concurrency: usize, max_failures: usize) -> Arc<Plan> {
    plan_of(Work::Command("true".into()), names, concurrency, max_failures)
}

/// A deploy of a script, which a host keeps a record of.
fn deploy(host: &str, change: impl FnOnce(&mut Plan)) -> Arc<Plan> {
    let (name, sha256) = ("deploy.sh".to_owned(), String::new());
    let script = Script { name, bytes: b"exit 0".as_slice().into(), sha256 };
    let work = Work::Deploy { revision: "v2".parse().expect("a revision"), payload: Payload::Script(script) };
    let mut plan = Arc::into_inner(plan_of(work, &[host], 1, 0)).expect("nobody else has it");
    change(&mut plan);
    Arc::new(plan)
}

fn plan_of(work: Work, names: &[&str], concurrency: usize, max_failures: usize) -> Arc<Plan> {
    let mut target = target(Vec::new());
    target.deploy.concurrency = NonZeroUsize::new(concurrency).expect("positive");
    target.deploy.max_failures = crate::config::FailureLimit::Hosts(max_failures);
    let hosts = names.iter().map(|name| host(&format!("i-{name}"), name)).collect();
    Arc::new(Plan::new(RunId::new(), &target, Assignment::of(work), hosts))
}

async fn play(plan: Arc<Plan>, acts: &[(&str, &[Act])]) -> (Rollout, Vec<(u64, &'static str)>) {
    let (_never, mut cancel) = mpsc::channel(1);
    let acts = acts.iter().map(|(name, list)| ((*name).to_owned(), list.to_vec())).collect();
    let heard = Arc::new(Heard::default());
    let sink: Arc<dyn EventSink> = Arc::<Heard>::clone(&heard);
    let resumed = Arc::default();
    let stage = Arc::new(Stage { acts: Mutex::new(acts), resumed });
    let rollout = run(Arc::clone(&plan), world(&plan, stage, sink), &[], &mut cancel).await;
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
    let acts = HashMap::from([("a".to_owned(), vec![Act::RunUntilStopped])]);
    let stage = Arc::new(Stage { acts: Mutex::new(acts), resumed: Arc::default() });
    let (sender, mut cancel) = mpsc::channel(1);
    let started = |event: &EventKind<'_>| matches!(event, EventKind::ScriptStarted { .. });
    let heard = Arc::new(Cancelling { at: started, times: 1, sender });
    let plan = plan(&["a", "b"], 1, 0);
    let rollout = run(Arc::clone(&plan), world(&plan, stage, heard), &[], &mut cancel).await;
    assert_eq!(rollout.status, RunStatus::Interrupted);
    let [a, b] = &rollout.results[..] else { panic!("two hosts") };
    assert_eq!((a.outcome, a.attempts, a.signal.as_deref()), (Outcome::Failed, 1, Some("TERM")));
    assert_eq!((a.failure, a.killed), (Some(FailureCause::Cancelled), Some(Killed::Confirmed)));
    assert_eq!(b.outcome, Outcome::Skipped);
}

#[tokio::test]
async fn a_crash_of_ours_is_one_hosts_matter() {
    let (rollout, _) = play(plan(&["a", "b"], 1, 5), &[("a", &[Act::Panic])]).await;
    let [a, b] = &rollout.results[..] else { panic!("two hosts") };
    assert_eq!((a.outcome, b.outcome), (Outcome::Unknown, Outcome::Succeeded));
    assert!(a.message.as_deref().is_some_and(|message| message.contains("internal error")), "{a:?}");
}

async fn play_deploy(acts: &[Act], change: impl FnOnce(&mut Plan)) -> (HostResult, Vec<Offsets>, Vec<&'static str>) {
    let resumed = Arc::default();
    let acts = HashMap::from([("a".to_owned(), acts.to_vec())]);
    let stage = Stage { acts: Mutex::new(acts), resumed: Arc::clone(&resumed) };
    let heard = Arc::new(Heard::default());
    let sink: Arc<dyn EventSink> = Arc::<Heard>::clone(&heard);
    let (_never, mut cancel) = mpsc::channel(1);
    let plan = deploy("a", change);
    let rollout = run(Arc::clone(&plan), world(&plan, Arc::new(stage), sink), &[], &mut cancel).await;
    let [result] = &rollout.results[..] else { panic!("one host") };
    let events = heard.0.lock().expect("the run is over").iter().map(|(_, name)| *name).collect();
    let resumed = resumed.lock().expect("the run is over").clone();
    (result.clone(), resumed, events)
}

const LAST_WORDS: u64 = b"last words\n".len() as u64;

#[tokio::test]
async fn a_script_that_was_lost_is_taken_up_where_it_was_heard_last() {
    let acts = [Act::LoseContact, Act::RefuseConnection, Act::LoseContact, Act::Exit(7)];
    let (result, resumed, events) = play_deploy(&acts, |_| {}).await;
    assert_eq!((result.outcome, result.exit_status), (Outcome::Failed, Some(7)));
    assert_eq!((result.attempts, result.reattached), (1, 2));
    let expected = [LAST_WORDS, 2 * LAST_WORDS].map(|stderr| Offsets { stdout: 0, stderr });
    assert_eq!(resumed, expected);
    let count = |wanted| events.iter().filter(|name| **name == wanted).count();
    assert_eq!((count("lost"), count("reattaching"), count("reattached")), (2, 3, 2));
    assert_eq!((count("script-started"), count("connecting"), count("retrying")), (1, 1, 0));
}

#[tokio::test]
async fn the_last_lines_of_a_script_show_none_of_its_secrets() {
    let (result, ..) = play_deploy(&[Act::Exit(1)], |plan| {
        let secret = SecretRef::Env("X".into()).read(|_| Some("st words".into())).expect("set");
        plan.secrets.insert("TOKEN".into(), secret);
    })
    .await;
    assert_eq!(result.stderr_tail, "la********");
}

#[tokio::test]
async fn a_host_that_proves_that_nothing_started_is_tried_again() {
    let acts = [Act::LoseContactBeforeTheStart, Act::Refuse(Refusal::NeverStarted), Act::Exit(0)];
    let (result, resumed, _) = play_deploy(&acts, |_| {}).await;
    assert_eq!((result.outcome, result.attempts, result.reattached), (Outcome::Succeeded, 2, 0));
    assert_eq!(resumed, [Offsets::default()]);
}

#[tokio::test]
async fn what_cannot_be_found_is_unknown_and_never_started_again() {
    let ends: [(&[Act], &str); 3] = [
        (&[Act::LoseContact, Act::Refuse(Refusal::Damaged)], "did not tell: a file of the host's record is damaged"),
        (&[Act::LoseContactBeforeTheStart, Act::Refuse(Refusal::NoHome)], "did not tell: no place for the record"),
        (&[Act::LoseContact, Act::Reboot], "the host went down"),
    ];
    for (acts, words) in ends {
        let (result, _, _) = play_deploy(acts, |_| {}).await;
        assert_eq!((result.outcome, result.attempts), (Outcome::Unknown, 1));
        assert!(result.message.as_deref().is_some_and(|message| message.contains(words)), "{result:#?}");
        assert!(result.hint.as_deref().is_some_and(|hint| hint.contains("/runs/")), "{result:#?}");

        // Unless the user said that starting again is safe.
        let (result, _, _) = play_deploy(acts, |plan| plan.policy.idempotent = true).await;
        assert_eq!((result.outcome, result.attempts), (Outcome::Succeeded, 2));
    }
}

/// The host may be booting, for example, with its home folder not there yet.
#[tokio::test]
async fn a_host_that_cannot_tell_yet_is_asked_again() {
    for reason in [Refusal::NeverStarted, Refusal::ReadOnly, Refusal::Full, Refusal::NoTool, Refusal::NoSudo] {
        let acts = [Act::LoseContact, Act::Refuse(reason), Act::Exit(7)];
        let (result, _, _) = play_deploy(&acts, |_| {}).await;
        assert_eq!((result.outcome, result.exit_status, result.attempts), (Outcome::Failed, Some(7), 1), "{reason:?}");
    }
}

#[tokio::test]
async fn a_host_that_could_not_tell_in_time_says_why() {
    for (reason, words) in [(Refusal::NeverStarted, "no record of the script"), (Refusal::Full, "no space for")] {
        let result = looked_for_in_vain(Act::Refuse(reason)).await;
        assert_eq!((result.outcome, result.group), (Outcome::Unknown, Some(4711)));
        let message = result.message.expect("a message");
        assert!(message.contains("not found again in") && message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn a_cancel_while_a_host_is_looked_for_ends_the_search_and_lists_the_group() {
    let result = looked_for_in_vain(Act::RefuseConnection).await;
    assert_eq!(
        (result.outcome, result.killed, result.group),
        (Outcome::Unknown, Some(Killed::Unconfirmed), Some(4711))
    );
}

/// A host that is lost, and then does nothing but `then` until the run is cancelled twice.
async fn looked_for_in_vain(then: Act) -> HostResult {
    let acts = std::iter::once(Act::LoseContact).chain(std::iter::repeat_n(then, 50));
    let acts = HashMap::from([("a".to_owned(), acts.collect())]);
    let stage = Arc::new(Stage { acts: Mutex::new(acts), resumed: Arc::default() });
    let (sender, mut cancel) = mpsc::channel(2);
    let heard = Arc::new(Cancelling { at: |event| matches!(event, EventKind::HostLost { .. }), times: 2, sender });
    let plan = deploy("a", |_| {});
    let rollout = run(Arc::clone(&plan), world(&plan, stage, heard), &[], &mut cancel).await;
    assert_eq!(rollout.status, RunStatus::Interrupted);
    let [result] = &rollout.results[..] else { panic!("one host") };
    result.clone()
}

#[tokio::test]
async fn whoever_waits_for_its_turn_when_the_run_halts_was_never_tried() {
    let acts = HashMap::from([("a".to_owned(), vec![Act::WaitForItsTurn])]);
    let stage = Arc::new(Stage { acts: Mutex::new(acts), resumed: Arc::default() });
    let (sender, mut cancel) = mpsc::channel(1);
    let connecting = |event: &EventKind<'_>| matches!(event, EventKind::HostConnecting { .. });
    let heard = Arc::new(Cancelling { at: connecting, times: 1, sender });
    let plan = plan(&["a"], 1, 0);
    let rollout = run(Arc::clone(&plan), world(&plan, stage, heard), &[], &mut cancel).await;
    assert_eq!((rollout.results[0].outcome, rollout.results[0].attempts), (Outcome::Skipped, 0));
}

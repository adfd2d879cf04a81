//! Scripts in parts: what hosts report of them, and how they wait for each other.

use super::*;
use crate::{
    config::Part,
    guard::PartEnd,
    plan::Payload,
    rollout::{PartOutcome, PartResult},
};

/// Hosts that test, meet at a barrier and restart.
#[derive(Debug, Default)]
struct Meeting {
    /// The host whose test fails.
    failing: Option<&'static str>,
    /// The host with which contact is lost once, at the barrier.
    cut_off: Mutex<Option<&'static str>>,
    story: Mutex<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Way(Arc<Meeting>);

#[derive(Debug)]
struct Visit {
    meeting: Arc<Meeting>,
    host: String,
}

#[async_trait]
impl Transport for Way {
    async fn connect_unless(&self, _: Halt, host: &Host) -> Result<Connected, ConnectError> {
        let session = Box::new(Visit { meeting: Arc::clone(&self.0), host: host.instance.name.clone() });
        Ok(Connected { session, connect: Duration::ZERO, auth: Duration::ZERO })
    }
}

impl Visit {
    fn note(&self, what: &str) {
        self.meeting.story.lock().expect("no panic while held").push(format!("{what} {}", self.host));
    }
}

fn ended(part: u32, status: ScriptStatus) -> PartEnd {
    PartEnd { part, status, stdout: None, stderr: None }
}

#[async_trait]
impl Session for Visit {
    async fn run(&mut self, _: &Job, out: &mut dyn OutputSink, mut wishes: Wishes) -> Result<RemoteExit, Lost> {
        let end = |status, cause| {
            let (stdout, stderr) = (None, None);
            Ok(RemoteExit::Ended(Trailer {
                status,
                cause,
                group: GroupState::Gone,
                stdout,
                stderr,
                record: Record::Kept,
            }))
        };
        out.started(4711, Some("v1"));
        out.part_begun(1);
        out.output(Stream::Stdout, b"of the test\n");
        let status = ScriptStatus::Exited(if self.meeting.failing == Some(self.host.as_str()) { 3 } else { 0 });
        out.part_ended(&ended(1, status.clone()));
        if status != ScriptStatus::Exited(0) {
            return end(status, Cause::None);
        }
        out.held(1);
        let cut_off = self.meeting.cut_off.lock().expect("no panic while held").take_if(|host| **host == self.host);
        if cut_off.is_some() {
            return Err(Lost { group: Some(4711), sent: true, message: "reset".into() });
        }
        self.note("waits");
        tokio::select! {
            _ = wishes.open.wait_for(|open| *open >= 1) => {}
            _ = wishes.stop.wait_for(|stop| *stop >= Stop::Terminate) => {
                self.note("ended");
                return end(ScriptStatus::Signaled(Signal::named("TERM").expect("a name")), Cause::Stop);
            }
        }
        self.note("restarts");
        out.part_begun(2);
        out.part_ended(&ended(2, ScriptStatus::Exited(0)));
        end(ScriptStatus::Exited(0), Cause::None)
    }

    async fn close(self: Box<Self>) {}
}

async fn meet(names: &[&str], meeting: Meeting) -> (Rollout, Vec<String>, Vec<&'static str>) {
    let part = |name: &str, barrier| Part { name: name.parse().expect("a name"), run: "true".into(), barrier };
    let parts = Payload::Parts([part("test", true), part("restart", false)].into());
    let work = Work::Deploy { revision: "v2".parse().expect("a revision"), payload: parts };
    let plan = plan_of(work, names, 1, 0);
    let (meeting, heard) = (Arc::new(meeting), Arc::new(Heard::default()));
    let sink: Arc<dyn EventSink> = Arc::<Heard>::clone(&heard);
    let (_never, mut cancel) = mpsc::channel(1);
    let way = Arc::new(Way(Arc::clone(&meeting)));
    let rollout = run(Arc::clone(&plan), world(&plan, way, sink), &[], &mut cancel).await;
    let story = meeting.story.lock().expect("the run is over").clone();
    let events = heard.0.lock().expect("the run is over").iter().map(|(_, name)| *name).collect();
    (rollout, story, events)
}

fn outcomes(parts: &[PartResult]) -> Vec<PartOutcome> {
    parts.iter().map(|part| part.outcome).collect()
}

#[tokio::test]
async fn nobody_restarts_before_all_have_tested() {
    let (rollout, story, events) = meet(&["a", "b", "c"], Meeting::default()).await;
    assert_eq!(rollout.status, RunStatus::Succeeded);
    let restarts: Vec<_> = story.iter().map(|line| line.starts_with("restarts")).collect();
    assert_eq!(restarts, [false, false, false, true, true, true], "{story:?}");
    let first = &rollout.results[0];
    assert_eq!(outcomes(&first.parts), [PartOutcome::Succeeded; 2]);
    assert!(first.parts.iter().all(|part| part.duration.is_some() && part.exit_status == Some(0)));
    let count = |name| events.iter().filter(|event| **event == name).count();
    assert_eq!(["part-started", "part-finished", "held"].map(count), [6, 6, 3]);
}

#[tokio::test]
async fn one_failure_too_many_and_nobody_restarts() {
    let (rollout, story, _) = meet(&["a", "b", "c"], Meeting { failing: Some("c"), ..Meeting::default() }).await;
    assert_eq!(rollout.status, RunStatus::Failed);
    assert!(!story.iter().any(|line| line.starts_with("restarts")), "{story:?}");
    let [waited, _, failed] = &rollout.results[..] else { panic!("three hosts") };
    assert_eq!(outcomes(&waited.parts), [PartOutcome::Succeeded, PartOutcome::NotStarted]);
    let told = "ended at the barrier behind part test";
    assert_eq!((waited.outcome, waited.message.as_deref()), (Outcome::Failed, Some(told)));
    assert_eq!(outcomes(&failed.parts), [PartOutcome::Failed, PartOutcome::NotStarted]);
    assert_eq!(failed.message.as_deref(), Some("part test: exit status 3"));
    assert_eq!(failed.stdout_tail, "of the test");
}

#[tokio::test]
async fn a_host_that_is_lost_at_the_barrier_is_found_there_and_goes_on() {
    let cut_off = Mutex::new(Some("a"));
    let (rollout, story, events) = meet(&["a", "b"], Meeting { cut_off, ..Meeting::default() }).await;
    assert_eq!(rollout.status, RunStatus::Succeeded, "{rollout:?}");
    assert_eq!(story.iter().filter(|line| *line == "restarts a").count(), 1, "{story:?}");
    assert_eq!(rollout.results[0].reattached, 1);
    assert_eq!(rollout.results[0].parts[1].duration, None, "it may have begun out of sight");
    assert_eq!(events.iter().filter(|event| **event == "held").count(), 2, "told once for each");
}

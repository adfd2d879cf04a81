//! A rollback by hand, from the plan to what each host was sent.

use super::{super::super::UndoOutcome, *};
use crate::plan::{Back, Goal, Payload, Rollback, Way};

/// Notes each job that it is asked to run: the name, the number and the revision.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<String>>);

#[async_trait]
impl Transport for Arc<Noting> {
    async fn connect_unless(&self, _: Halt, host: &Host) -> Result<Connected, ConnectError> {
        let session = Box::new(Noted { notes: Self::clone(self), host: host.instance.name.clone() });
        Ok(Connected { session, connect: Duration::ZERO, auth: Duration::ZERO })
    }
}

#[derive(Debug)]
struct Noted {
    notes: Arc<Noting>,
    host: String,
}

#[async_trait]
impl Session for Noted {
    async fn run(&mut self, job: &Job, out: &mut dyn OutputSink, _: Wishes) -> Result<RemoteExit, Lost> {
        let guard::Work::Deploy(deploy) = &job.request.work else { panic!("only deploys are noted") };
        let variable = |name: &str| job.request.env.get(name).map_or("-", String::as_str);
        let (to, failed) = (variable("FLEETWIDE_REVISION"), variable("FLEETWIDE_FAILED_REVISION"));
        let note = format!("{} {}-{} {to} {failed}", self.host, deploy.run, deploy.attempt);
        assert_eq!(deploy.revision.as_deref().unwrap_or_default(), to);
        let mut notes = self.notes.0.lock().expect("no panic while held");
        // The first try on the host "again" is cut off before the start.
        let cut = self.host == "again" && !notes.iter().any(|note| note.starts_with("again"));
        notes.push(note);
        if cut {
            return Err(Lost { group: None, sent: false, message: "reset".into() });
        }
        out.started(4711, Some("v2"));
        Ok(RemoteExit::Ended(Trailer {
            status: ScriptStatus::Exited(0),
            cause: Cause::None,
            group: GroupState::Gone,
            stdout: None,
            stderr: None,
            record: Record::Kept,
        }))
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::test]
async fn each_host_goes_its_own_way() {
    let back = |attempt, revision: &str| Back {
        run: "A-undo".into(),
        attempt,
        revision: Some(revision.into()),
        failed: Some("v2".into()),
    };
    let ways = [
        ("fresh", Way::Start(back(1, "v1"))),
        ("again", Way::Start(back(3, "v0"))),
        ("going", Way::Follow(back(2, "v1"))),
        ("new", Way::Nowhere),
        ("busy", Way::Busy("B".into())),
        ("dead", Way::Silent("connection refused".into())),
    ];
    let script = Script { name: "deploy.sh".into(), bytes: b"exit 0".as_slice().into(), sha256: String::new() };
    let work = Work::Rollback(Rollback {
        goal: Goal::default(),
        payload: Payload::Script(script),
        ways: ways.iter().map(|(name, way)| (host(&format!("i-{name}"), name).id, way.clone())).collect(),
    });
    let plan = plan_of(work, &ways.each_ref().map(|(name, _)| *name), 1, 0);
    let notes = Arc::new(Noting::default());
    let heard = Arc::new(Heard::default());
    let (_never, mut cancel) = mpsc::channel(1);
    let transport: Arc<dyn Transport> = Arc::new(Arc::clone(&notes));
    let rollout = run(Arc::clone(&plan), world(&plan, transport, heard), &[], &mut cancel).await;

    let sent = notes.0.lock().expect("the run is over").clone();
    let expected = ["going A-undo-2 v1 v2", "again A-undo-3 v0 v2", "again A-undo-4 v0 v2", "fresh A-undo-1 v1 v2"];
    assert_eq!(sent, expected, "the last one first, and no number twice");
    let ends: Vec<_> = rollout
        .results
        .iter()
        .map(|result| (result.outcome, result.undo.as_ref().map(|undo| undo.outcome).expect("an end")))
        .collect();
    let failed = (Outcome::Failed, UndoOutcome::UndoFailed);
    let busy = (Outcome::Unreachable, UndoOutcome::UndoFailed);
    let dead = (Outcome::Unreachable, UndoOutcome::UndoUnknown);
    let undone = (Outcome::Succeeded, UndoOutcome::Undone);
    assert_eq!(ends, [undone, undone, undone, failed, busy, dead]);
    assert_eq!(rollout.status, RunStatus::RollbackIncomplete);
    assert_eq!((rollout.summary.total, rollout.summary.succeeded, rollout.summary.unreachable), (6, 3, 2));
}

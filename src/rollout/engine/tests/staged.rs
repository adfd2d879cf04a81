//! Stages, hooks, late hosts and the undo, from the plan to what each host was sent.

use super::{super::super::UndoOutcome, *};
use crate::plan::Payload;

/// A world that writes everything down, and in which things happen by order.
#[derive(Default)]
pub(super) struct Told {
    /// What happened, in order.
    pub(super) story: Mutex<Vec<String>>,
    /// Hosts whose script fails when it deploys `v2`.
    pub(super) failing: Vec<&'static str>,
    /// Hosts whose undo fails.
    pub(super) stuck: Vec<&'static str>,
    /// Hosts that had no revision before.
    pub(super) new: Vec<&'static str>,
    /// Answers to checks, by their names; the last one repeats for ever.
    pub(super) answers: Mutex<HashMap<String, Vec<Verdict>>>,
    /// Hooks that fail.
    pub(super) broken: Vec<HookName>,
    /// What the clouds say; the last one repeats for ever. If empty, the plan's hosts.
    pub(super) sightings: Mutex<Vec<Vec<Host>>>,
    pub(super) approval: Option<Approval>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

impl Told {
    fn note(&self, what: String) {
        self.story.lock().expect("no panic while held").push(what);
    }

    pub(super) fn story(&self) -> Vec<String> {
        self.story.lock().expect("no panic while held").clone()
    }
}

/// The shared world, so that it can be the transport and everything else at once.
#[derive(Clone, Debug)]
struct Shared(Arc<Told>);

#[async_trait]
impl Transport for Shared {
    async fn connect_unless(&self, _: Halt, host: &Host) -> Result<Connected, ConnectError> {
        let session = Box::new(Telling { told: Arc::clone(&self.0), host: host.instance.name.clone() });
        Ok(Connected { session, connect: Duration::ZERO, auth: Duration::ZERO })
    }
}

#[derive(Debug)]
struct Telling {
    told: Arc<Told>,
    host: String,
}

#[async_trait]
impl Session for Telling {
    async fn run(&mut self, job: &Job, out: &mut dyn OutputSink, _: Wishes) -> Result<RemoteExit, Lost> {
        let guard::Work::Deploy(deploy) = &job.request.work else { panic!("only deploys are told of") };
        let undo = deploy.run.ends_with("-undo");
        let (host, told) = (self.host.as_str(), &self.told);
        out.started(4711, Some("v1").filter(|_| !told.new.contains(&host)));
        let verb = if undo { "undo" } else { "deploy" };
        let revision = job.request.env["FLEETWIDE_REVISION"].clone();
        told.note(format!("{verb} {host} {revision}"));
        let fails = if undo { told.stuck.contains(&host) } else { told.failing.contains(&host) };
        Ok(RemoteExit::Ended(Trailer {
            status: ScriptStatus::Exited(u8::from(fails)),
            cause: Cause::None,
            group: GroupState::Gone,
            stdout: None,
            stderr: None,
            record: Record::Kept,
        }))
    }

    async fn close(self: Box<Self>) {}
}

#[async_trait]
impl Fleet for Told {
    async fn again(&self) -> Result<Sighting, String> {
        let mut sightings = self.sightings.lock().expect("no panic while held");
        let hosts = if sightings.len() > 1 { sightings.remove(0) } else { sightings[0].clone() };
        Ok(Sighting { hosts, unaddressed: Vec::new(), whole: true })
    }
}

#[async_trait]
impl Prober for Told {
    async fn sample(&self, check: &Label, host: Option<&Host>, _: &Facts) -> Sample {
        let of = host.map(|host| format!(" {}", host.instance.name)).unwrap_or_default();
        let name = format!("{check}{of}");
        self.note(format!("check {name}"));
        let mut answers = self.answers.lock().expect("no panic while held");
        let verdict = match answers.get_mut(&name) {
            Some(list) if list.len() > 1 => list.remove(0),
            Some(list) => list[0],
            None => Verdict::Well,
        };
        Sample { verdict, value: None, text: "because".into() }
    }
}

#[async_trait]
impl HookRunner for Told {
    async fn run(&self, hook: HookName, facts: &Facts, _: watch::Receiver<Stop>) -> Result<(), HookFailure> {
        let of = facts.get("FLEETWIDE_HOST_NAME").map(|host| format!(" {host}")).unwrap_or_default();
        let outcome = facts.get("FLEETWIDE_OUTCOME").map(|outcome| format!(" {outcome}")).unwrap_or_default();
        self.note(format!("{}{of}{outcome}", hook.as_str()));
        if self.broken.contains(&hook) {
            return Err(HookFailure { message: "exit status 1".into(), output: "no".into() });
        }
        Ok(())
    }
}

#[async_trait]
impl Approver for Told {
    async fn ask(&self, question: &Question) -> Approval {
        self.note(format!("approve {}: {}", question.who, question.so_far));
        self.approval.clone().expect("an answer")
    }
}

/// A deploy of `v2` to these hosts, in these steps, one at a time.
pub(super) fn in_steps(names: &[&str], steps: &str, change: impl FnOnce(&mut crate::config::Target)) -> Arc<Plan> {
    let mut target = target(Vec::new());
    target.deploy.concurrency = NonZeroUsize::MIN;
    target.deploy.steps = steps.parse().expect("steps");
    change(&mut target);
    let (name, sha256) = ("deploy.sh".to_owned(), String::new());
    let script = Script { name, bytes: b"exit 0".as_slice().into(), sha256 };
    let work = Work::Deploy { revision: "v2".parse().expect("a revision"), payload: Payload::Script(script) };
    let hosts = names.iter().map(|name| host(&format!("i-{name}"), name)).collect();
    Arc::new(Plan::new(RunId::new(), &target, Assignment::of(work), hosts))
}

pub(super) fn check(target: &mut crate::config::Target, name: &str, per_host: bool) {
    use crate::config::{Check, Probe};
    let line = "true".to_owned();
    let positive = std::num::NonZeroU32::MIN;
    let check = Check {
        probe: if per_host { Probe::Remote { line } } else { Probe::Command { line } },
        interval: Duration::from_millis(1),
        timeout: Duration::from_secs(1),
        deadline: Duration::from_secs(5),
        passes: positive,
        failures: positive,
    };
    target.checks.insert(name.parse().expect("a name"), check);
}

pub(super) async fn play(plan: &Arc<Plan>, told: Told, hooks: &[HookName]) -> (Rollout, Vec<String>) {
    let (world, told) = world_of(plan, told);
    let (_never, mut cancel) = mpsc::channel(1);
    let rollout = run(Arc::clone(plan), world, hooks, &mut cancel).await;
    let story = told.story();
    (rollout, story)
}

pub(super) fn world_of(plan: &Plan, mut told: Told) -> (World, Arc<Told>) {
    let sightings = told.sightings.get_mut().expect("nobody else has it");
    if sightings.is_empty() {
        sightings.push(plan.hosts().map(|host| (**host).clone()).collect());
    }
    let told = Arc::new(told);
    let world = World {
        transport: Arc::new(Shared(Arc::clone(&told))),
        fleet: told.clone(),
        prober: told.clone(),
        hooks: told.clone(),
        approver: told.clone(),
        sink: Arc::new(Heard::default()),
    };
    (world, told)
}

pub(super) fn rolls_back(target: &mut crate::config::Target) {
    target.deploy.on_failure = crate::config::OnFailure::Rollback;
}

#[tokio::test]
async fn stages_and_pauses_come_in_their_order() {
    let plan = in_steps(&["a", "b", "c"], "check gate, 1, check health, approve ops, 100%", |target| {
        check(target, "gate", false);
        check(target, "health", true);
    });
    let told = Told { approval: Some(Approval::Granted("me".into())), ..Told::default() };
    let (rollout, story) = play(&plan, told, &[]).await;
    assert_eq!(rollout.status, RunStatus::Succeeded);
    let expected = [
        "check gate",
        "deploy a v2",
        "check health a",
        "approve ops: 1 of 3 hosts succeeded, 0 failed",
        "deploy b v2",
        "deploy c v2",
    ];
    assert_eq!(story, expected);
}

#[tokio::test]
async fn each_touched_host_goes_back_to_its_own_revision_and_no_other() {
    let plan = in_steps(&["a", "b", "c", "d"], "3, 100%", rolls_back);
    let told = Told { failing: vec!["c"], new: vec!["b"], ..Told::default() };
    let (rollout, story) = play(&plan, told, &[]).await;
    assert_eq!(story, ["deploy a v2", "deploy b v2", "deploy c v2", "undo c v1", "undo a v1"]);
    assert_eq!(rollout.status, RunStatus::RollbackIncomplete, "b has nothing to return to");
    let undo = |at: usize| rollout.results[at].undo.as_deref().map(|undo| undo.outcome);
    assert_eq!(
        [undo(0), undo(1), undo(2), undo(3)],
        [Some(UndoOutcome::Undone), Some(UndoOutcome::UndoFailed), Some(UndoOutcome::Undone), None]
    );
    let message = &rollout.results[1].undo.as_deref().expect("an undo").run.message;
    assert!(message.as_deref().is_some_and(|message| message.contains("nothing to return to")), "{message:?}");
}

#[tokio::test]
async fn a_rollback_script_needs_no_revision_before() {
    let mut plan = in_steps(&["a"], "100%", rolls_back);
    let script = Script { name: "back.sh".into(), bytes: b"exit 0".as_slice().into(), sha256: String::new() };
    Arc::get_mut(&mut plan).expect("nobody else has it").rollback = Some(script);
    let told = Told { failing: vec!["a"], new: vec!["a"], ..Told::default() };
    let (rollout, story) = play(&plan, told, &[]).await;
    assert_eq!((rollout.status, story), (RunStatus::RolledBack, vec!["deploy a v2".to_owned(), "undo a ".to_owned()]));
}

#[tokio::test]
async fn a_gate_that_refuses_touches_nothing() {
    let plan = in_steps(&["a"], "check gate, 100%", |target| check(target, "gate", false));
    let answers = HashMap::from([("gate".to_owned(), vec![Verdict::Unwell])]);
    let (rollout, story) = play(&plan, Told { answers: Mutex::new(answers), ..Told::default() }, &[]).await;
    assert_eq!((rollout.status, story), (RunStatus::Refused, vec!["check gate".to_owned()]));
    let plan = in_steps(&["a"], "approve ops, 100%", |_| {});
    let told = Told { approval: Some(Approval::Refused("no".into())), ..Told::default() };
    assert_eq!(play(&plan, told, &[]).await.0.status, RunStatus::Refused);
}

/// The host is out of its load balancer, and may stay there.
#[tokio::test]
async fn a_hook_that_fails_behind_a_failed_undo_is_told_with_it() {
    let plan = in_steps(&["a"], "100%", rolls_back);
    let broken = vec![HookName::AfterHost];
    let told = Told { failing: vec!["a"], stuck: vec!["a"], broken, ..Told::default() };
    let (rollout, _) = play(&plan, told, &[HookName::AfterHost]).await;
    let undo = rollout.results[0].undo.as_deref().expect("an undo");
    assert_eq!(undo.outcome, UndoOutcome::UndoFailed);
    let message = undo.run.message.as_deref().unwrap_or_default();
    assert!(message.starts_with("exit status ") && message.contains("; hook after_host: "), "{message}");
}

#[tokio::test]
async fn hooks_run_at_every_turn() {
    use HookName::{AfterHost, AfterRun, AfterStage, BeforeHost, BeforeRun, BeforeStage, OnFailure, OnRollback};
    let plan = in_steps(&["a", "b"], "1, 100%", rolls_back);
    let hooks = [BeforeRun, BeforeStage, BeforeHost, AfterHost, AfterStage, OnFailure, OnRollback, AfterRun];
    let (rollout, story) = play(&plan, Told { failing: vec!["b"], ..Told::default() }, &hooks).await;
    assert_eq!(rollout.status, RunStatus::RolledBack);
    let expected = [
        "before_run",
        "before_stage",
        "before_host a",
        "deploy a v2",
        "after_host a succeeded",
        "after_stage",
        "before_stage",
        "before_host b",
        "deploy b v2",
        "after_host b failed",
        "on_failure",
        "on_rollback",
        "before_host b",
        "undo b v1",
        "after_host b undone",
        "before_host a",
        "undo a v1",
        "after_host a undone",
        "after_run",
    ];
    assert_eq!(story, expected);
}

#[tokio::test]
async fn a_host_whose_hook_fails_is_not_touched() {
    let plan = in_steps(&["a", "b"], "100%", |_| {});
    let told = Told { broken: vec![HookName::BeforeHost], ..Told::default() };
    let (rollout, story) = play(&plan, told, &[HookName::BeforeHost]).await;
    assert_eq!(story, ["before_host a"]);
    let a = &rollout.results[0];
    assert_eq!((rollout.status, a.outcome, a.attempts), (RunStatus::Failed, Outcome::Unreachable, 0));
    assert_eq!(a.message.as_deref(), Some("hook before_host: exit status 1: no"));
}

#[tokio::test]
async fn the_fleet_of_the_end_is_what_counts() {
    let plan = in_steps(&["a", "b", "c"], "1, 100%", |_| {});
    let seen = |names: &[&str]| names.iter().map(|name| host(&format!("i-{name}"), name)).collect::<Vec<_>>();
    // b vanishes after the first stage and d appears; e comes at the end.
    let sightings = vec![seen(&["a", "c", "d"]), seen(&["a", "c", "d", "e"]), seen(&["a", "c", "d", "e"])];
    let (rollout, story) = play(&plan, Told { sightings: Mutex::new(sightings), ..Told::default() }, &[]).await;
    assert_eq!(story, ["deploy a v2", "deploy c v2", "deploy d v2", "deploy e v2"]);
    assert_eq!((rollout.status, rollout.summary.gone, rollout.summary.succeeded), (RunStatus::Succeeded, 1, 4));
}

/// Both hosts are stopped and started again: one before it was deployed to, one after.
#[tokio::test]
async fn hosts_that_come_back_are_deployed_to_once() {
    let plan = in_steps(&["a", "b", "c"], "1, 2, 100%", |_| {});
    let seen = |names: &[&str]| names.iter().map(|name| host(&format!("i-{name}"), name)).collect::<Vec<_>>();
    let sightings = vec![seen(&["c"]), seen(&["a", "b", "c"])];
    let (rollout, story) = play(&plan, Told { sightings: Mutex::new(sightings), ..Told::default() }, &[]).await;
    assert_eq!(story, ["deploy a v2", "deploy c v2", "deploy b v2"]);
    assert_eq!((rollout.status, rollout.summary.succeeded), (RunStatus::Succeeded, 3));
    let [a, b, _] = &rollout.results[..] else { panic!("three hosts") };
    assert_eq!((a.message.as_deref(), b.message.as_deref()), (None, None), "neither is gone");
}

#[tokio::test]
async fn an_undo_that_fails_stops_no_other() {
    let plan = in_steps(&["a", "b", "c"], "100%", rolls_back);
    let told = Told { failing: vec!["c"], stuck: vec!["b"], ..Told::default() };
    let (rollout, story) = play(&plan, told, &[]).await;
    assert_eq!(story[3..], ["undo c v1", "undo b v1", "undo a v1"]);
    assert_eq!(rollout.status, RunStatus::RollbackIncomplete);
}

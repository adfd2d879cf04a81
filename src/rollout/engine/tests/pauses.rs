//! Pauses: what checks find on hosts, and people who do not answer.

use super::{
    super::super::PauseEnd,
    staged::{Told, check, in_steps, play, rolls_back, world_of},
    *,
};

#[tokio::test]
async fn a_check_that_fails_in_the_soak_stops_and_undoes() {
    let plan = in_steps(&["a", "b"], "1, soak 10m check errors, 100%", |target| {
        check(target, "errors", false);
        rolls_back(target);
    });
    let answers = HashMap::from([("errors".to_owned(), vec![Verdict::Well, Verdict::Well, Verdict::Unwell])]);
    let (rollout, story) = play(&plan, Told { answers: Mutex::new(answers), ..Told::default() }, &[]).await;
    assert_eq!(rollout.status, RunStatus::RolledBack);
    assert_eq!(story, ["deploy a v2", "check errors", "check errors", "check errors", "undo a v1"]);
    assert_eq!(rollout.results[1].outcome, Outcome::Skipped);
}

#[tokio::test]
async fn a_host_that_is_not_well_has_failed_though_its_script_has_not() {
    let plan = in_steps(&["a", "b", "c"], "2, check health, 100%", |target| {
        check(target, "health", true);
        target.deploy.max_failures = crate::config::FailureLimit::Hosts(1);
    });
    let answers = HashMap::from([("health b".to_owned(), vec![Verdict::Unwell])]);
    let (rollout, _) = play(&plan, Told { answers: Mutex::new(answers), ..Told::default() }, &[]).await;
    assert_eq!(rollout.status, RunStatus::FinishedWithFailures);
    let b = &rollout.results[1];
    assert_eq!((b.outcome, b.failure, b.exit_status), (Outcome::Failed, Some(FailureCause::Check), Some(0)));
    assert!(b.message.as_deref().is_some_and(|message| message.contains("check health: because")), "{b:?}");
    assert_eq!(rollout.results[2].outcome, Outcome::Succeeded, "one may fail");
}

/// Failed checks of hosts and the end of their pause come from two channels.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_fails_at_the_very_end_is_never_missed() {
    for _ in 0..50 {
        let plan = in_steps(&["a", "b", "c"], "100%, check health", |target| check(target, "health", true));
        let answers = ["a", "b", "c"].map(|host| (format!("health {host}"), vec![Verdict::Unwell]));
        let (rollout, _) = play(&plan, Told { answers: Mutex::new(answers.into()), ..Told::default() }, &[]).await;
        assert_eq!(rollout.status, RunStatus::Failed);
    }
}

/// As if on another thread: the pause has reported an unwell host and ended before the engine looks at either.
#[tokio::test]
async fn what_a_task_said_comes_before_its_end() {
    let plan = in_steps(&["a", "b"], "1, check health, 100%", |target| check(target, "health", true));
    let answers = Mutex::new([("health a".to_owned(), vec![Verdict::Unwell])].into());
    let (world, told) = world_of(&plan, Told { answers, ..Told::default() });
    let mut engine = Engine::new(plan, world, &[]);
    let mut over = engine.step(Input::Begin);
    while over.is_none() {
        let done = engine.tasks.next().await.expect("something is under way");
        over = engine.end(done);
    }
    assert_eq!(over.map(|rollout| rollout.status), Some(RunStatus::Failed));
    assert_eq!(told.story(), ["deploy a v2", "check health a"]);
}

/// Never answers. Presses Ctrl-C when it is asked, and notes how the pause ended.
struct Impatient {
    cancel: mpsc::Sender<Cancel>,
    ends: Mutex<Vec<PauseEnd>>,
}

#[async_trait]
impl Approver for Impatient {
    async fn ask(&self, _: &Question) -> Approval {
        self.cancel.try_send(Cancel::Interrupt).expect("room");
        std::future::pending().await
    }
}

impl EventSink for Impatient {
    fn event(&self, event: &Event<'_>) {
        if let EventKind::PauseEnded { end, .. } = event.kind {
            self.ends.lock().expect("no panic while held").push(end);
        }
    }
}

#[tokio::test]
async fn an_approval_that_was_cut_off_is_no_consent() {
    let plan = in_steps(&["a"], "approve ops, 100%", |_| {});
    let (sender, mut cancel) = mpsc::channel(1);
    let nobody = Arc::new(Impatient { cancel: sender, ends: Mutex::default() });
    let (world, _) = world_of(&plan, Told::default());
    let world = World { approver: nobody.clone(), sink: nobody.clone(), ..world };
    assert_eq!(run(plan, world, &[], &mut cancel).await.status, RunStatus::Interrupted);
    assert_eq!(*nobody.ends.lock().expect("the run is over"), [PauseEnd::GivenUp]);
}

/// All is well, but the check "slow" takes its time.
struct Slow;

#[async_trait]
impl Prober for Slow {
    async fn sample(&self, check: &Label, _: Option<&Host>, _: &Facts) -> Sample {
        if check.as_str() == "slow" {
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        Sample { verdict: Verdict::Well, value: None, text: String::new() }
    }
}

#[tokio::test]
async fn a_host_has_its_whole_deadline_from_its_turn_on() {
    let plan = in_steps(&["a"], "100%, check slow quick", |target| {
        check(target, "slow", true);
        check(target, "quick", true);
        let quick = target.checks.get_mut(&"quick".parse::<Label>().expect("a name")).expect("entered");
        (quick.passes, quick.deadline) = (2.try_into().expect("positive"), Duration::from_millis(500));
    });
    let (world, _) = world_of(&plan, Told::default());
    let (_never, mut cancel) = mpsc::channel(1);
    let rollout = run(plan, World { prober: Arc::new(Slow), ..world }, &[], &mut cancel).await;
    assert_eq!(rollout.status, RunStatus::Succeeded, "{:?}", rollout.results);
}

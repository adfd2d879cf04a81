//! From a target and its hosts to a plan. Pure: all input is read beforehand.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    model::{Limits, Pause, Plan, PlanStep, Policy, RunId, Script, Stage, Work},
    survey::Survey,
};
use crate::{
    config::{BatchSize, Check, Label, LateHosts, OnFailure, Secret, Step, Strategy, Target, Written},
    guard::Input,
    inventory::Host,
};

/// The work, read and resolved: the part of a plan that does not come from the target.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The script and its revision, or a command.
    pub work: Work,
    /// Arguments for it.
    pub args: Vec<String>,
    /// The input of a command.
    pub input: Option<Input>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// The part of its environment that must never be shown.
    pub secrets: BTreeMap<String, Secret>,
    /// The script that rolls a host back.
    pub rollback: Option<Script>,
}

impl Assignment {
    /// This work, without arguments, input or environment.
    pub fn of(work: Work) -> Self {
        Self { work, args: Vec::new(), input: None, env: BTreeMap::new(), secrets: BTreeMap::new(), rollback: None }
    }
}

impl Plan {
    /// Divides `hosts`, in their order, into stages under the target's policy. A command or a rollback has one stage of
    /// all hosts.
    pub fn new(run: RunId, target: &Target, assignment: Assignment, hosts: Vec<Host>) -> Self {
        let Assignment { work, args, input, env, secrets, rollback } = assignment;
        let deploy = &target.deploy;
        let is_deploy = match &work {
            Work::Deploy { .. } => true,
            Work::Rollback(_) | Work::Command(_) => false,
        };
        let strategy = if is_deploy { deploy.steps.clone() } else { Strategy::default() };
        let (steps, stages) = divided(&strategy, hosts.into_iter().map(Arc::new).collect());
        Self {
            run,
            target: target.name.clone(),
            target_words: target.words.clone(),
            app: target.app.clone(),
            work,
            args,
            input,
            env,
            secrets,
            steps,
            stages,
            checks: target.checks.clone(),
            rollback,
            narrowed_from: None,
            found: None,
            policy: Policy {
                concurrency: deploy.concurrency,
                handshakes: deploy.handshakes,
                slow_start: deploy.slow_start && is_deploy,
                max_failures: deploy.max_failures,
                stage_must_succeed: is_deploy,
                on_stop: deploy.on_stop,
                on_failure: if is_deploy { deploy.on_failure } else { OnFailure::Stop },
                late_hosts: if is_deploy { deploy.late_hosts } else { LateHosts::Ignore },
                approve_timeout: deploy.approve_timeout,
                retries: deploy.retries,
                sudo: deploy.sudo,
                idempotent: deploy.idempotent,
                on_lost: deploy.on_lost,
                limits: Limits { script: deploy.timeout, idle: deploy.idle_timeout, kill_grace: deploy.kill_grace },
            },
        }
    }

    /// Marks the hosts as a choice from `of` hosts. A choice excludes hosts that appear later, even if all were chosen.
    #[must_use]
    pub fn chosen_from(mut self, of: usize) -> Self {
        self.policy.late_hosts = LateHosts::Ignore;
        self.narrowed_from = Some(of).filter(|of| self.hosts().count() < *of);
        self
    }

    /// Adds the hosts' own records.
    #[must_use]
    pub fn surveyed(self, survey: &Survey) -> Self {
        Self { found: Some(survey.tally()), ..self }
    }

    /// How many hosts may fail; one more, and nothing new starts.
    pub fn budget(&self) -> usize {
        self.policy.max_failures.of(self.hosts().count())
    }

    /// The most hosts of a stage that may fail at once: those in flight together; or the whole stage, if a check after
    /// it decides for each host, or if all hosts wait for each other at a barrier.
    pub fn at_once(&self) -> usize {
        let per_host = |label: &Label| self.checks.get(label).is_some_and(Check::is_per_host);
        let together = if self.barriers() > 0 { usize::MAX } else { self.policy.concurrency.get() };
        let (mut most, mut size) = (0, 0);
        for step in &self.steps {
            most = most.max(match step {
                PlanStep::Stage(stage) => {
                    size = self.stages[*stage].hosts.len();
                    size.min(together)
                }
                PlanStep::Pause(pause) if pause.checks().iter().any(per_host) => size,
                PlanStep::Pause(_) => 0,
            });
        }
        most
    }

    /// The most hosts that are connected at once: with a barrier, all hosts of a stage that may be in flight.
    pub fn connected_at_once(&self) -> usize {
        let largest = self.stages.iter().map(|stage| stage.hosts.len()).max().unwrap_or_default();
        largest.min(if self.barriers() > 0 { self.worst_case() } else { self.policy.concurrency.get() })
    }

    /// The most hosts that can have run a broken script when the run stops: those that may fail, plus those in flight
    /// when one more fails.
    pub fn worst_case(&self) -> usize {
        self.hosts().count().min(self.budget().saturating_add(self.at_once()))
    }

    /// How many hosts run a script that fails everywhere.
    pub fn broken_script_meets(&self) -> usize {
        let first = self.stages.iter().map(|stage| stage.hosts.len()).find(|hosts| *hosts > 0).unwrap_or_default();
        let policy = &self.policy;
        let at_once = if policy.slow_start { 1 } else { policy.concurrency.get().min(first) };
        let met = self.budget().saturating_add(at_once).min(self.hosts().count());
        if policy.stage_must_succeed { met.min(first) } else { met }
    }
}

/// The steps of a strategy for these hosts. A step that adds none, as in a small fleet, becomes a stage without hosts,
/// because the steps after it still apply.
fn divided(strategy: &Strategy, hosts: Vec<Arc<Host>>) -> (Vec<PlanStep>, Vec<Stage>) {
    let fleet = hosts.len();
    let mut rest = hosts.into_iter();
    let mut done = 0;
    let (mut steps, mut stages) = (Vec::new(), Vec::new());
    for Written { step, .. } in &strategy.steps {
        steps.push(match step {
            Step::Hosts(size) => {
                let more = size.of(fleet).saturating_sub(done);
                done += more;
                let name = if *size == BatchSize::ALL { "all".to_owned() } else { size.to_string() };
                stages.push(Stage { name, hosts: rest.by_ref().take(more).collect() });
                PlanStep::Stage(stages.len() - 1)
            }
            Step::Soak { time, checks } => PlanStep::Pause(Pause::Soak { time: *time, checks: checks.clone() }),
            Step::Check(checks) => PlanStep::Pause(Pause::Check(checks.clone())),
            Step::Approve(who) => PlanStep::Pause(Pause::Approve(who.clone())),
        });
    }
    (steps, stages)
}

#[cfg(test)]
mod tests {
    use std::{
        num::{NonZeroU32, NonZeroUsize},
        time::Duration,
    };

    use proptest::prelude::*;

    use super::*;
    use crate::{
        config::{FailureLimit, Part, Probe},
        inventory::testing::{host, target},
        plan::Payload,
    };

    fn plan(hosts: usize, change: impl Fn(&mut Target)) -> Plan {
        let mut target = target(Vec::new());
        target.deploy.concurrency = NonZeroUsize::new(50).expect("positive");
        change(&mut target);
        let hosts = (0..hosts).map(|number| host(&format!("i-{number}"), "web")).collect();
        let script = Script { name: "x".into(), bytes: b"true".to_vec().into(), sha256: String::new() };
        let revision = "v1".parse().expect("a revision");
        let assignment = Assignment::of(Work::Deploy { revision, payload: Payload::Script(script) });
        Plan::new(RunId::new(), &target, assignment, hosts)
    }

    fn in_steps(hosts: usize, steps: &str) -> Plan {
        plan(hosts, |target| target.deploy.steps = steps.parse().expect("steps"))
    }

    #[test]
    fn the_worst_case_is_budget_plus_what_is_in_flight() {
        let worst = |hosts, limit, concurrency| {
            plan(hosts, |target| {
                target.deploy.max_failures = limit;
                target.deploy.concurrency = NonZeroUsize::new(concurrency).expect("positive");
            })
            .worst_case()
        };
        assert_eq!(worst(30, FailureLimit::Hosts(0), 10), 10);
        assert_eq!(worst(30, FailureLimit::Percent(10), 10), 13);
        assert_eq!(worst(30, FailureLimit::Hosts(usize::MAX), 10), 30);
        assert_eq!(worst(5, FailureLimit::Hosts(0), 50), 5);
        assert_eq!(in_steps(20, "1, 50%, 100%").worst_case(), 10, "the largest stage");
        let checked = plan(20, |target| {
            target.deploy.concurrency = NonZeroUsize::MIN;
            target.deploy.steps = "1, 50%, check up, 100%".parse().expect("steps");
            let up = "up".parse().expect("a name");
            target.checks.insert(
                up,
                Check {
                    probe: Probe::Remote { line: "true".into() },
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_secs(1),
                    deadline: Duration::from_secs(1),
                    passes: NonZeroU32::MIN,
                    failures: NonZeroU32::MIN,
                },
            );
        });
        assert_eq!(checked.worst_case(), 9, "all of the stage that is checked");
    }

    #[test]
    fn who_waits_at_a_barrier_is_connected_and_at_risk() {
        let with = |barrier| {
            let part = |name: &str, barrier| Part { name: name.parse().expect("a name"), run: "true".into(), barrier };
            let parts = Payload::Parts([part("test", barrier), part("restart", false)].into());
            let work = Work::Deploy { revision: "v1".parse().expect("a revision"), payload: parts };
            let plan = Plan { work, ..in_steps(100, "1, 30%, 100%") };
            (plan.worst_case(), plan.connected_at_once())
        };
        assert_eq!((with(false), with(true)), ((50, 50), (70, 70)));
    }

    #[test]
    fn a_script_that_is_broken_everywhere_meets_few() {
        assert_eq!(plan(30, |_| {}).broken_script_meets(), 1);
        assert_eq!(plan(30, |target| target.deploy.max_failures = FailureLimit::Hosts(2)).broken_script_meets(), 3);
        let canary = |target: &mut Target| {
            target.deploy.max_failures = FailureLimit::Hosts(2);
            target.deploy.steps = "1, 100%".parse().expect("steps");
        };
        assert_eq!(plan(30, canary).broken_script_meets(), 1, "a stage of which every host failed");
        assert_eq!(plan(30, |target| target.deploy.slow_start = false).broken_script_meets(), 30);
    }

    #[test]
    fn whoever_chose_some_gets_no_others_even_if_all_were_chosen() {
        let chosen = |of| {
            let plan = plan(2, |_| {}).chosen_from(of);
            (plan.narrowed_from, plan.policy.late_hosts)
        };
        assert_eq!(chosen(2), (None, LateHosts::Ignore));
        assert_eq!(chosen(3), (Some(3), LateHosts::Ignore));
        assert_eq!(plan(2, |_| {}).policy.late_hosts, LateHosts::CatchUp);
    }

    #[test]
    fn steps_add_up_to_all_hosts() {
        let sizes = |hosts, steps: &str| -> Vec<usize> {
            in_steps(hosts, steps).stages.iter().map(|stage| stage.hosts.len()).collect()
        };
        assert_eq!(sizes(200, "1, 10%, 100%"), [1, 19, 180]);
        assert_eq!(sizes(5, "1, 10%, 100%"), [1, 0, 4], "10% of five is one, and that one is done");
        assert_eq!(sizes(3, "10, 100%"), [3, 0]);
        assert_eq!(sizes(100, "50, 10%, 100%"), [50, 0, 50]);
        assert_eq!(sizes(7, "50%"), [4, 3]);
        let plan = in_steps(10, "check health, 1, soak 5m check errors, approve ops, 100%");
        assert_eq!(plan.stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>(), ["1", "all"]);
        assert!(matches!(
            &plan.steps[..],
            [
                PlanStep::Pause(Pause::Check(_)),
                PlanStep::Stage(0),
                PlanStep::Pause(Pause::Soak { .. }),
                PlanStep::Pause(Pause::Approve(_)),
                PlanStep::Stage(1)
            ]
        ));
    }

    proptest! {
        /// For any fleet and steps, every host is in one stage, in order, and no stage is larger than its part, rounded
        /// up.
        #[test]
        fn every_host_is_in_one_stage(hosts in 0_usize..300, percents in prop::collection::btree_set(1_u8..=100, 0..5)) {
            let steps: Vec<String> = percents.iter().map(|percent| format!("{percent}%")).chain(["100%".into()]).collect();
            let steps = if percents.contains(&100) { steps[..steps.len() - 1].join(", ") } else { steps.join(", ") };
            let plan = in_steps(hosts, &steps);
            let ids: Vec<_> = plan.hosts().map(|host| host.id.to_string()).collect();
            prop_assert_eq!(ids, (0..hosts).map(|number| format!("aws:i-{number}")).collect::<Vec<_>>());
            let mut done = 0;
            for (percent, stage) in percents.iter().zip(&plan.stages) {
                done += stage.hosts.len();
                prop_assert!(done * 100 >= hosts * usize::from(*percent), "fewer than {percent}% of {hosts}: {done}");
                prop_assert!(done == 0 || (done - 1) * 100 < hosts * usize::from(*percent), "more than {percent}%");
            }
        }
    }
}

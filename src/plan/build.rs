//! From a target and its hosts to a plan. Pure: what it needs was read before.

use std::{collections::BTreeMap, sync::Arc};

use super::model::{Limits, Plan, Policy, RunId, Stage, Work};
use crate::{
    config::{Secret, Target},
    guard::Input,
    inventory::Host,
};

/// What is to be run, read and resolved: the part of a plan that does not come from the target.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The script and its revision, or a command.
    pub work: Work,
    /// Arguments for it.
    pub args: Vec<String>,
    /// What it is to read, when it is a command.
    pub input: Option<Input>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// The part of its environment that must never be shown.
    pub secrets: BTreeMap<String, Secret>,
}

impl Plan {
    /// Divides `hosts` into stages (one, of all) under the target's policy.
    pub fn new(run: RunId, target: &Target, assignment: Assignment, hosts: Vec<Host>) -> Self {
        let Assignment { work, args, input, env, secrets } = assignment;
        let deploy = &target.deploy;
        let max_failures = deploy.max_failures.of(hosts.len());
        let hosts = hosts.into_iter().map(Arc::new).collect();
        Self {
            run,
            target: target.name.clone(),
            app: target.app.clone(),
            work,
            args,
            input,
            env,
            secrets,
            stages: vec![Stage { name: "all".to_owned(), hosts }],
            narrowed_from: None,
            policy: Policy {
                concurrency: deploy.concurrency,
                handshakes: deploy.handshakes,
                max_failures,
                retries: deploy.retries,
                sudo: deploy.sudo,
                idempotent: deploy.idempotent,
                on_lost: deploy.on_lost,
                limits: Limits { script: deploy.timeout, idle: deploy.idle_timeout, kill_grace: deploy.kill_grace },
            },
        }
    }

    /// Says of how many hosts these are a choice.
    #[must_use]
    pub fn narrowed_from(mut self, of: usize) -> Self {
        self.narrowed_from = (self.hosts().count() < of).then_some(of);
        self
    }

    /// The most hosts that can have met a broken script when the run stops: those that may fail,
    /// and those under way when one more does.
    pub fn worst_case(&self) -> usize {
        let policy = &self.policy;
        self.hosts().count().min(policy.max_failures.saturating_add(policy.concurrency.get()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::{
        config::FailureLimit,
        inventory::testing::{host, target},
    };

    #[test]
    fn the_worst_case_is_budget_plus_concurrency() {
        let worst = |hosts: usize, limit, concurrency| {
            let mut target = target(Vec::new());
            target.deploy.max_failures = limit;
            target.deploy.concurrency = NonZeroUsize::new(concurrency).expect("positive");
            let hosts = (0..hosts).map(|number| host(&format!("i-{number}"), "web")).collect();
            let assignment = Assignment {
                work: Work::Command("true".into()),
                args: Vec::new(),
                input: None,
                env: BTreeMap::new(),
                secrets: BTreeMap::new(),
            };
            Plan::new(RunId::new(), &target, assignment, hosts).worst_case()
        };
        assert_eq!(worst(30, FailureLimit::Hosts(0), 10), 10);
        assert_eq!(worst(30, FailureLimit::Percent(10), 10), 13);
        assert_eq!(worst(30, FailureLimit::Hosts(usize::MAX), 10), 30);
        assert_eq!(worst(5, FailureLimit::Hosts(0), 50), 5);
    }
}

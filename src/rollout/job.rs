//! What one host is asked to run: the plan, seen from that host.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{OnLost, Secret},
    guard::{self, GuardRequest, Offsets},
    inventory::Host,
    plan::{Plan, Work},
    transport::{Job, RunAs},
};

/// The variable by which the guard, too, knows the host.
const HOST_ID: &str = "FLEETWIDE_HOST_ID";

/// The job of one attempt on one host.
pub(super) fn job(plan: &Plan, stage: &str, host: &Host, attempt: u32) -> Job {
    let limits = &plan.policy.limits;
    let work = match &plan.work {
        Work::Deploy { revision, script } => guard::Work::Deploy(guard::Deploy {
            app: plan.app.to_string(),
            run: plan.run.to_string(),
            attempt,
            fence: plan.run.started_ms(),
            revision: Some(revision.to_string()),
            payload: guard::Payload::Script(script.bytes.to_vec()),
        }),
        Work::Command(command) => guard::Work::Run { command: command.clone(), input: plan.input.clone() },
    };
    Job {
        request: GuardRequest {
            work,
            deadline: limits.script,
            grace: limits.kill_grace,
            on_lost: match plan.policy.on_lost {
                OnLost::Finish => guard::OnLost::Finish,
                OnLost::Kill => guard::OnLost::Kill,
            },
            env: environment(plan, stage, host),
            args: plan.args.clone(),
        },
        idle_timeout: limits.idle,
        run_as: if plan.policy.sudo { RunAs::Root } else { RunAs::Login },
    }
}

/// The job that takes `job` up again where `heard` ends, with so much time left; none for what has no record on the host.
pub(super) fn attach(job: &Job, left: Duration, heard: Offsets) -> Option<Job> {
    let request = &job.request;
    let (app, run, attempt, payload) = match &request.work {
        guard::Work::Deploy(guard::Deploy { app, run, attempt, payload, .. }) => {
            (app.clone(), run.clone(), *attempt, payload.kind())
        }
        guard::Work::Attach(_) | guard::Work::Query(_) | guard::Work::Run { .. } => return None,
    };
    Some(Job {
        request: GuardRequest {
            work: guard::Work::Attach(guard::Attach { app, run, attempt, resume: heard, payload }),
            deadline: left,
            grace: request.grace,
            on_lost: request.on_lost,
            // Hosts may share a home folder: each finds its own there.
            env: request.env.get_key_value(HOST_ID).map(|(name, id)| (name.clone(), id.clone())).into_iter().collect(),
            args: Vec::new(),
        },
        idle_timeout: job.idle_timeout,
        run_as: job.run_as,
    })
}

/// The script's environment on this host. The user's own variables come first, so that ours always
/// say what they promise.
fn environment(plan: &Plan, stage: &str, host: &Host) -> BTreeMap<String, String> {
    let mut env = plan.env.clone();
    env.extend(
        plan.secrets.iter().map(|(name, secret): (&String, &Secret)| (name.clone(), secret.reveal().to_owned())),
    );

    let instance = &host.instance;
    for (key, value) in &instance.tags {
        env.entry(tag_variable(key)).or_insert_with(|| value.clone());
    }
    let revision = plan.revision().map(ToString::to_string);
    let facts = [
        ("FLEETWIDE_RUN", plan.run.to_string()),
        ("FLEETWIDE_TARGET", plan.target.clone()),
        ("FLEETWIDE_STAGE", stage.to_owned()),
        (HOST_ID, host.id.to_string()),
        ("FLEETWIDE_HOST_NAME", instance.name.clone()),
        ("FLEETWIDE_PROVIDER", instance.provider.to_string()),
        ("FLEETWIDE_REGION", instance.region.clone()),
        ("FLEETWIDE_ZONE", instance.zone.clone()),
    ];
    env.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    env.extend(revision.map(|revision| ("FLEETWIDE_REVISION".to_owned(), revision)));
    env
}

/// `FLEETWIDE_TAG_<KEY>`: upper case, and `_` for whatever a variable's name cannot hold. Of two
/// keys that become one name, the first in the order of the keys is taken.
fn tag_variable(key: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("FLEETWIDE_TAG_{}", key.chars().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::SecretRef,
        inventory::testing::{host, target},
        plan::{Assignment, RunId},
    };

    #[test]
    fn the_script_sees_the_host_its_tags_and_the_users_variables() {
        let mut web = host("i-1", "web1");
        web.instance.tags.insert("cost-centre/eu".into(), "$(touch pwned); \"'\n".into());
        let secret = SecretRef::Env("X".into()).read(|_| Some("hunter2".into())).expect("set");
        let assignment = Assignment {
            work: Work::Command("true".into()),
            args: Vec::new(),
            input: None,
            env: BTreeMap::from([("NODE_ENV".into(), "production".into()), ("FLEETWIDE_RUN".into(), "mine".into())]),
            secrets: BTreeMap::from([("NPM_TOKEN".into(), secret)]),
        };
        let plan = Plan::new(RunId::new(), &target(Vec::new()), assignment, vec![web.clone()]);
        let env = environment(&plan, "all", &web);
        assert_eq!(env["FLEETWIDE_HOST_ID"], "aws:i-1");
        assert_eq!(env["FLEETWIDE_TAG_ROLE"], "web");
        assert_eq!(env["FLEETWIDE_TAG_COST_CENTRE_EU"], "$(touch pwned); \"'\n");
        assert_eq!(env["NODE_ENV"], "production");
        assert_eq!(env["NPM_TOKEN"], "hunter2");
        assert_eq!(env["FLEETWIDE_RUN"], plan.run.to_string(), "a promised fact cannot be overridden");
        assert!(!env.contains_key("FLEETWIDE_REVISION"), "a command has no revision");
    }
}

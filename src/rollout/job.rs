//! The job for one host: the plan, as seen from that host.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{AppName, OnLost, Part, Secret},
    guard::{self, GuardRequest, Offsets},
    inventory::Host,
    plan::{Back, Payload, Plan, Rollback, Work},
    transport::{Job, RunAs},
};

use super::survey::PATIENCE;

/// The variable by which the guard knows the host, too.
const HOST_ID: &str = "FLEETWIDE_HOST_ID";

/// The job of one attempt on one host.
pub(super) fn job(plan: &Plan, stage: &str, host: &Host, attempt: u32) -> Job {
    let work = match &plan.work {
        Work::Deploy { revision, payload } => {
            let revision = Some(revision.to_string());
            guard::Work::Deploy(deploy(plan, plan.run.to_string(), attempt, revision, sent(payload)))
        }
        // Never run: a rollback by hand deploys to no host.
        Work::Rollback(_) => query_of(&plan.app),
        Work::Command(command) => guard::Work::Run { command: command.clone(), input: plan.input.clone() },
    };
    request(plan, work, environment(plan, stage, host))
}

/// The job that rolls a host back. On the host it is a run of its own, whose name contains that of the run it undoes.
pub(super) fn undo(plan: &Plan, stage: &str, host: &Host, back: &Back) -> Job {
    let mut env = environment(plan, stage, host);
    env.extend(back.failed.iter().map(|failed| ("FLEETWIDE_FAILED_REVISION".to_owned(), failed.clone())));
    env.insert("FLEETWIDE_REVISION".to_owned(), back.revision.clone().unwrap_or_default());
    let payload = match (&plan.rollback, &plan.work) {
        (Some(script), _) => guard::Payload::Script(script.bytes.to_vec()),
        (None, Work::Deploy { payload, .. } | Work::Rollback(Rollback { payload, .. })) => {
            without_barriers(sent(payload))
        }
        // Never run: a command has no record by which it could be undone.
        (None, Work::Command(line)) => {
            return request(plan, guard::Work::Run { command: line.clone(), input: None }, env);
        }
    };
    let work = deploy(plan, back.run.clone(), back.attempt, back.revision.clone(), payload);
    request(plan, guard::Work::Deploy(work), env)
}

/// The job that asks a host for its record of an app.
pub(super) fn query(app: &AppName, host: &Host, run_as: RunAs) -> Job {
    Job {
        request: GuardRequest {
            work: query_of(app),
            deadline: PATIENCE,
            grace: Duration::ZERO,
            on_lost: guard::OnLost::Kill,
            env: [(HOST_ID.to_owned(), host.id.to_string())].into(),
            args: Vec::new(),
        },
        idle_timeout: None,
        run_as,
    }
}

fn query_of(app: &AppName) -> guard::Work {
    guard::Work::Query(guard::Query { app: app.to_string() })
}

/// What is sent to the host for a payload.
fn sent(payload: &Payload) -> guard::Payload {
    match payload {
        Payload::Script(script) => guard::Payload::Script(script.bytes.to_vec()),
        Payload::Parts(parts) => {
            let part = |part: &Part| guard::Part {
                name: part.name.as_str().to_owned(),
                run: part.run.clone(),
                barrier: part.barrier,
            };
            guard::Payload::Parts(parts.iter().map(part).collect())
        }
    }
}

/// The payload without barriers: each host is rolled back by itself.
fn without_barriers(payload: guard::Payload) -> guard::Payload {
    match payload {
        guard::Payload::Script(_) => payload,
        guard::Payload::Parts(mut parts) => {
            for part in &mut parts {
                part.barrier = false;
            }
            guard::Payload::Parts(parts)
        }
    }
}

fn deploy(plan: &Plan, run: String, attempt: u32, revision: Option<String>, payload: guard::Payload) -> guard::Deploy {
    guard::Deploy { app: plan.app.to_string(), run, attempt, fence: plan.run.started_ms(), revision, payload }
}

fn request(plan: &Plan, work: guard::Work, env: BTreeMap<String, String>) -> Job {
    let limits = &plan.policy.limits;
    Job {
        request: GuardRequest {
            work,
            deadline: limits.script,
            grace: limits.kill_grace,
            on_lost: match plan.policy.on_lost {
                OnLost::Finish => guard::OnLost::Finish,
                OnLost::Kill => guard::OnLost::Kill,
            },
            env,
            args: plan.args.clone(),
        },
        idle_timeout: limits.idle,
        run_as: RunAs::of(plan.policy.sudo),
    }
}

/// The job that continues `job` where `heard` ends, with this much time left; none for a job without a record on the
/// host.
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
            work: guard::Work::Attach(guard::Attach {
                app,
                run,
                attempt,
                resume: heard,
                payload,
                barriers: request.barriers(),
            }),
            deadline: left,
            grace: request.grace,
            on_lost: request.on_lost,
            // Hosts may share a home folder; each host's record is found by its id.
            env: request.env.get_key_value(HOST_ID).map(|(name, id)| (name.clone(), id.clone())).into_iter().collect(),
            args: Vec::new(),
        },
        idle_timeout: job.idle_timeout,
        run_as: job.run_as,
    })
}

/// The script's environment on this host. The user's variables come first, so that they never override Fleetwide's.
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

/// `FLEETWIDE_TAG_<KEY>`: upper case, and `_` for characters that a variable's name cannot hold. If two keys give the
/// same name, the first in the order of the keys is taken.
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
            env: BTreeMap::from([("NODE_ENV".into(), "production".into()), ("FLEETWIDE_RUN".into(), "mine".into())]),
            secrets: BTreeMap::from([("NPM_TOKEN".into(), secret)]),
            ..Assignment::of(Work::Command("true".into()))
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

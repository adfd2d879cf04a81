//! A plan for people and for programs: exactly what `deploy` runs. Of secrets it has only the names.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    hosts::{self, HostJson},
    rollback::{self, RollbackJson},
};
use crate::{
    config::{Label, LateHosts, OnFailure, OnLost, OnStop, Part},
    inventory::Host,
    plan::{Pause, Payload, Plan, PlanStep, Revision, Rollback, Script, Tally, Work},
    report::{
        files::record::{Gaps, MissingScope, SkippedInstance, ms},
        text::{
            neutral,
            screen::{Ink, Screen},
            words,
        },
    },
    rollout::SCHEMA,
};

/// A plan for programs.
#[derive(Debug, Serialize)]
pub(in crate::report) struct PlanJson<'a> {
    schema: u32,
    run: String,
    target: &'a str,
    app: &'a str,
    revision: Option<&'a str>,
    script: Option<ScriptJson<'a>>,
    /// Instead of a script.
    parts: Vec<PartJson<'a>>,
    /// The script that rolls a host back; `None` if the deploy script itself does.
    rollback: Option<ScriptJson<'a>>,
    command: Option<String>,
    args: &'a [String],
    env: &'a BTreeMap<String, String>,
    /// Only their names.
    secrets: Vec<&'a str>,
    concurrency: usize,
    handshakes: usize,
    max_failures: usize,
    worst_case: usize,
    /// The number of hosts that a script failing everywhere would reach.
    broken_script_meets: usize,
    slow_start: bool,
    on_stop: OnStop,
    on_failure: OnFailure,
    late_hosts: LateHosts,
    retries: u32,
    sudo: bool,
    idempotent: bool,
    on_lost: OnLost,
    limits: LimitsJson,
    /// The number of hosts of the target, if only some were chosen.
    narrowed_from: Option<usize>,
    /// The number of hosts per recorded revision; `None` if the hosts were not asked.
    on_record: Option<OnRecordJson<'a>>,
    /// The rollback, in a rollback by hand.
    taken_back: Option<RollbackJson<'a>>,
    /// The steps in order; a stage is given by its index in `stages`.
    steps: Vec<StepJson<'a>>,
    stages: Vec<StageJson<'a>>,
}

/// The result of `plan` for programs: what would be run, and the gaps in discovery.
#[derive(Debug, Serialize)]
pub(in crate::report) struct PlanResultJson<'a> {
    #[serde(flatten)]
    plan: PlanJson<'a>,
    missing_scopes: Vec<MissingScope>,
    skipped_unaddressed: Vec<SkippedInstance>,
}

impl<'a> PlanResultJson<'a> {
    pub(in crate::report) fn new(plan: &'a Plan, gaps: Gaps<'_>) -> Self {
        Self {
            plan: plan.into(),
            missing_scopes: gaps.missing_scopes.iter().map(MissingScope::from).collect(),
            skipped_unaddressed: gaps.unaddressed.iter().map(SkippedInstance::from).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct ScriptJson<'a> {
    name: &'a str,
    sha256: &'a str,
    bytes: usize,
}

#[derive(Debug, Serialize)]
struct PartJson<'a> {
    name: &'a str,
    run: &'a str,
    barrier: bool,
}

#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
enum StepJson<'a> {
    Stage { stage: usize },
    Soak { soak_ms: u64, checks: Vec<&'a str> },
    Check { checks: Vec<&'a str> },
    Approve { who: &'a str },
}

impl<'a> From<&'a Script> for ScriptJson<'a> {
    fn from(script: &'a Script) -> Self {
        Self { name: &script.name, sha256: &script.sha256, bytes: script.bytes.len() }
    }
}

impl<'a> From<&'a PlanStep> for StepJson<'a> {
    fn from(step: &'a PlanStep) -> Self {
        let names = |checks: &'a [Label]| checks.iter().map(Label::as_str).collect();
        match step {
            PlanStep::Stage(stage) => Self::Stage { stage: *stage },
            PlanStep::Pause(Pause::Soak { time, checks }) => Self::Soak { soak_ms: ms(*time), checks: names(checks) },
            PlanStep::Pause(Pause::Check(checks)) => Self::Check { checks: names(checks) },
            PlanStep::Pause(Pause::Approve(who)) => Self::Approve { who: who.as_str() },
        }
    }
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "a program must see the unit")]
struct LimitsJson {
    script_ms: u64,
    idle_ms: Option<u64>,
    kill_grace_ms: u64,
}

#[derive(Debug, Serialize)]
struct OnRecordJson<'a> {
    revisions: Vec<RevisionJson<'a>>,
    /// The number of hosts that did not answer.
    silent: usize,
}

#[derive(Debug, Serialize)]
struct RevisionJson<'a> {
    revision: Option<&'a str>,
    hosts: usize,
}

impl<'a> From<&'a Tally> for OnRecordJson<'a> {
    fn from(tally: &'a Tally) -> Self {
        let revision = |(revision, hosts): &'a (Option<String>, usize)| RevisionJson {
            revision: revision.as_deref(),
            hosts: *hosts,
        };
        Self { revisions: tally.revisions.iter().map(revision).collect(), silent: tally.silent }
    }
}

#[derive(Debug, Serialize)]
struct StageJson<'a> {
    name: &'a str,
    hosts: Vec<HostJson<'a>>,
}

impl<'a> From<&'a Plan> for PlanJson<'a> {
    fn from(plan: &'a Plan) -> Self {
        let script = match &plan.work {
            Work::Deploy { payload: Payload::Script(script), .. }
            | Work::Rollback(Rollback { payload: Payload::Script(script), .. }) => Some(script.into()),
            Work::Deploy { payload: Payload::Parts(_), .. }
            | Work::Rollback(Rollback { payload: Payload::Parts(_), .. })
            | Work::Command(_) => None,
        };
        let part = |part: &'a Part| PartJson { name: part.name.as_str(), run: &part.run, barrier: part.barrier };
        let policy = &plan.policy;
        Self {
            schema: SCHEMA,
            run: plan.run.to_string(),
            target: &plan.target,
            app: plan.app.as_str(),
            revision: plan.revision().map(Revision::as_str),
            script,
            parts: plan.parts().iter().map(part).collect(),
            rollback: plan.rollback.as_ref().map(ScriptJson::from),
            command: plan.command(),
            args: &plan.args,
            env: &plan.env,
            secrets: plan.secrets.keys().map(String::as_str).collect(),
            concurrency: policy.concurrency.get(),
            handshakes: policy.handshakes.get(),
            max_failures: plan.budget(),
            worst_case: plan.worst_case(),
            broken_script_meets: plan.broken_script_meets(),
            slow_start: policy.slow_start,
            on_stop: policy.on_stop,
            on_failure: policy.on_failure,
            late_hosts: policy.late_hosts,
            retries: policy.retries,
            sudo: policy.sudo,
            idempotent: policy.idempotent,
            on_lost: policy.on_lost,
            limits: LimitsJson {
                script_ms: ms(policy.limits.script),
                idle_ms: policy.limits.idle.map(ms),
                kill_grace_ms: ms(policy.limits.kill_grace),
            },
            narrowed_from: plan.narrowed_from,
            on_record: plan.found.as_ref().map(OnRecordJson::from),
            taken_back: plan.rollback_by_hand().map(RollbackJson::from),
            steps: plan.steps.iter().map(StepJson::from).collect(),
            stages: plan
                .stages
                .iter()
                .map(|stage| StageJson {
                    name: &stage.name,
                    hosts: stage.hosts.iter().map(|host| HostJson::from(&**host)).collect(),
                })
                .collect(),
        }
    }
}

/// The plan for people.
pub(in crate::report) fn screenful(plan: &Plan, screen: &Screen) -> String {
    let mut out = format!("{}\n\n", screen.paint(Ink::Strong, &title(plan)));
    for (label, value) in facts(plan) {
        out.push_str(&format!("  {} {value}\n", screen.paint(Ink::Faint, &format!("{label:<11}"))));
    }
    if let Some(by_hand) = plan.rollback_by_hand() {
        return out + &rollback::sections(plan, by_hand, screen);
    }
    for step in &plan.steps {
        let n = match step {
            PlanStep::Stage(stage) => *stage,
            PlanStep::Pause(pause) => {
                out.push_str(&format!("\n{}\n", screen.paint(Ink::Strong, &words::pause(pause))));
                continue;
            }
        };
        let stage = &plan.stages[n];
        let heading = format!(
            "Stage {} of {}: {}, {}",
            n + 1,
            plan.stages.len(),
            neutral::line(&stage.name),
            words::count(stage.hosts.len(), "host")
        );
        let hosts: Vec<&Host> = stage.hosts.iter().map(|host| &**host).collect();
        out.push_str(&format!("\n{}\n{}", screen.paint(Ink::Strong, &heading), hosts::table(&hosts, screen, 2)));
    }
    out
}

/// The number of hosts that may fail, and what then happens to the others.
fn failures(plan: &Plan) -> Vec<(&'static str, String)> {
    if plan.rollback_by_hand().is_some() {
        return vec![("failures", "none stops the others".to_owned())];
    }
    let allowed = match plan.budget() {
        0 => "none allowed: nothing new starts after the first".to_owned(),
        n => format!("{} allowed: nothing new starts after one more", words::number(n)),
    };
    let worst = words::count(plan.worst_case(), "host");
    let met = words::count(plan.broken_script_meets(), "host");
    let worst = format!("at most {worst} can fail before this stops; a script broken everywhere meets {met}");
    let mut facts = vec![("failures", allowed), ("worst case", worst)];
    facts.extend(on_failure(plan).map(|what| ("on failure", what)));
    facts
}

/// What happens to touched hosts, unless they simply stay as they are.
fn on_failure(plan: &Plan) -> Option<String> {
    match (plan.policy.on_failure, &plan.rollback) {
        (OnFailure::Stop, _) => None,
        (OnFailure::Rollback, None) => Some("touched hosts get the revision that they had before".to_owned()),
        (OnFailure::Rollback, Some(script)) => Some(format!("touched hosts are rolled back by {}", sized(script))),
    }
}

fn sized(script: &Script) -> String {
    format!("{}, {} bytes", neutral::line(&script.name), words::number(script.bytes.len()))
}

/// A part, in a line. In a rollback, hosts do not wait at barriers.
fn told(part: &Part, work: &Work) -> String {
    let barrier = match work {
        Work::Deploy { .. } if part.barrier => "; here a stage's hosts wait for each other",
        Work::Deploy { .. } | Work::Rollback(_) | Work::Command(_) => "",
    };
    format!("{}: {}{barrier}", part.name, neutral::line(part.run.trim()))
}

/// What runs where, in a line.
pub(in crate::report) fn title(plan: &Plan) -> String {
    let target = neutral::line(&plan.target);
    match &plan.work {
        Work::Deploy { revision, .. } => format!("Deploy {} to {target}", neutral::line(revision.as_str())),
        Work::Rollback(by_hand) => rollback::title(&by_hand.goal, &target),
        Work::Command(_) => format!("Run `{}` on {target}", neutral::line(&plan.command().unwrap_or_default())),
    }
}

fn facts(plan: &Plan) -> Vec<(&'static str, String)> {
    let policy = &plan.policy;
    let mut facts = Vec::new();
    match &plan.work {
        Work::Deploy { payload, .. } | Work::Rollback(Rollback { payload, .. }) => {
            match (payload, plan.rollback.as_ref().filter(|_| plan.rollback_by_hand().is_some())) {
                (_, Some(script)) | (Payload::Script(script), None) => {
                    facts.push(("script", sized(script)));
                    facts.push(("sha256", neutral::line(&script.sha256)));
                }
                (Payload::Parts(parts), None) => facts.extend(parts.iter().enumerate().map(|(place, part)| {
                    let label = if place == 0 { "parts" } else { "" };
                    (label, told(part, &plan.work))
                })),
            }
            facts.push(("app", plan.app.as_str().to_owned()));
        }
        Work::Command(_) => {}
    }
    let said = matches!(&plan.work, Work::Command(line) if line == Work::ARGUMENTS);
    if !plan.args.is_empty() && !said {
        let args: Vec<_> = plan.args.iter().map(|arg| format!("{:?}", neutral::line(arg))).collect();
        facts.push(("arguments", args.join(" ")));
    }
    if !plan.env.is_empty() {
        let pairs: Vec<_> = plan.env.iter().map(|(key, value)| format!("{key}={:?}", neutral::line(value))).collect();
        facts.push(("environment", pairs.join(" ")));
    }
    if !plan.secrets.is_empty() {
        let names: Vec<_> = plan.secrets.keys().map(String::as_str).collect();
        facts.push(("secrets", format!("{} (values are never shown)", names.join(" "))));
    }
    let of = plan.narrowed_from.map(|of| format!(" of {}", words::number(of))).unwrap_or_default();
    let hosts = format!("{}{of}", words::number(plan.hosts().count()));
    facts.push(("hosts", words::with_providers(hosts, plan.hosts().map(|host| &**host))));
    facts.extend(plan.found.as_ref().map(|found| ("on record", rollback::tally(found))));
    facts.push((
        "at once",
        format!(
            "{}, of these {} in the SSH handshake",
            words::count(policy.concurrency.get(), "host"),
            words::number(policy.handshakes.get())
        ),
    ));
    facts.extend(failures(plan));
    let idle = policy.limits.idle.map_or_else(|| "as long as it runs".to_owned(), words::setting);
    facts.push(("time limits", format!("script {}, silence {idle}", words::setting(policy.limits.script))));
    facts.push(("ending", format!("TERM, then KILL after {}", words::setting(policy.limits.kill_grace))));
    let tries = words::count(policy.retries as usize, "more try").replace("trys", "tries");
    let again = if policy.idempotent { "also after a lost connection" } else { "only where the script never started" };
    facts.push(("retries", format!("{tries}, {again}")));
    let lost = match policy.on_lost {
        OnLost::Finish => "the script goes on to its end",
        OnLost::Kill => "the script is ended",
    };
    facts.push(("if cut off", lost.to_owned()));
    if policy.sudo {
        facts.push(("runs as", "root, by sudo".to_owned()));
    }
    facts
}

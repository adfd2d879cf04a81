//! `deploy`: the one button.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, ValueHint};

use super::{
    approve::ApproveArgs,
    args::{GlobalArgs, PolicyArgs, RecordArgs, TargetArgs},
    error::CliError,
    exit_code,
    gate::Gate,
    rerun, revision,
    session::{self, Session, env},
    strategy::StrategyArgs,
    target,
};
use crate::{
    deploy::{self, DeployRequest, Task},
    inventory::HostId,
    plan::{Plan, Survey},
    report::{Gaps, Reporter, Rerun, RunReporter},
    rollout::EventSink,
};

/// Deploy: run the target's script on every one of its servers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetwide deploy web
  fleetwide deploy web --revision v1.2.3 --report report.json --log-dir logs
  fleetwide deploy web --dry-run
  fleetwide deploy --aws-region eu-west-1 --tag role=web --user deploy --script deploy.sh")]
pub(super) struct DeployArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    script: ScriptArgs,
    /// Print the plan, and start nothing on any server
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    approve: ApproveArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// What is deployed.
#[derive(Debug, Args)]
pub(super) struct ScriptArgs {
    /// What is being deployed [default: the pipeline's commit, or this checkout's]
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// The script to run on every server
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    script: Option<PathBuf>,
    /// Arguments for the script
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// How a request is carried out.
#[derive(Debug, Default)]
pub(super) struct Errand {
    /// Print the plan and touch nothing.
    pub(super) dry_run: bool,
    /// What the run leaves behind.
    pub(super) record: RecordArgs,
    /// What does the same again, to be shown to people; none where that makes no sense.
    pub(super) rerun: Option<Rerun>,
    /// What has to hold before the first host is touched.
    pub(super) gate: Option<Gate>,
    /// Who approves.
    pub(super) approve: ApproveArgs,
}

/// Deploys.
pub(super) async fn run(args: &DeployArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let request = request(&args.target, &args.script, &args.strategy, &args.policy, global)?;
    let rerun = Some(rerun::commands(args.record.report.as_deref(), ""));
    let errand = Errand {
        dry_run: args.dry_run,
        record: args.record.clone(),
        rerun,
        approve: args.approve.clone(),
        ..Errand::default()
    };
    carry_out(request, errand, global, session).await
}

/// What the flags ask for.
pub(super) fn request(
    target: &TargetArgs,
    script: &ScriptArgs,
    strategy: &StrategyArgs,
    policy: &PolicyArgs,
    global: &GlobalArgs,
) -> Result<DeployRequest, CliError> {
    let mut overrides = target::overrides(target, policy)?;
    strategy.add_to(&mut overrides);
    if script.script.is_some() {
        overrides.deploy.script.clone_from(&script.script);
    }
    let found = target::find(target, &overrides, global)?;
    let narrowing = target.narrow.narrowing(&found)?;
    Ok(DeployRequest {
        target: found,
        task: Task::Deploy(revision::find(script.revision.as_deref(), env)?),
        args: script.args.clone(),
        narrowing,
        seed: strategy.seed,
        known_hosts: session::known_hosts()?,
    })
}

/// Discovers, plans, and runs (or prints) the plan: what every verb that starts something does.
pub(super) async fn carry_out(
    request: DeployRequest,
    errand: Errand,
    global: &GlobalArgs,
    session: &mut Session,
) -> Result<u8, CliError> {
    let Errand { dry_run, record, rerun, gate, approve } = errand;
    record.are_apart()?;
    let RecordArgs { report, junit, html, log_dir } = record;
    let reporter =
        session::reporter(global).report(report).junit(junit).html(html).log_dir(log_dir).rerun(rerun).build();
    let prepared = session.unless_interrupted(deploy::prepare(request, &env, &reporter)).await;
    reporter.end_discovery();
    let mut prepared = prepared??;
    target::say_vanished(&prepared.vanished, &reporter);
    if let Some(asked) = prepared.lowered_from {
        let allowed = prepared.plan.policy.concurrency;
        reporter.warn(&format!(
            "the limit of open files allows {allowed} hosts at once, not {asked}; raise it with `ulimit -n` or LimitNOFILE="
        ));
    }
    if let Some(survey) = prepared.survey.as_ref().filter(|_| prepared.plan.rollback_by_hand().is_none()) {
        say_silent(survey, &prepared.plan, &reporter);
    }
    if dry_run {
        let gaps = Gaps { missing_scopes: &prepared.missing, unaddressed: &prepared.unaddressed };
        reporter.show_plan(&prepared.plan, gaps);
        return Ok(exit_code::SUCCESS);
    }
    if let Some(gate) = gate {
        gate.pass(&prepared.plan, session).await?;
    }
    let pinned = session.unless_interrupted(prepared.pin_host_keys(&reporter)).await;
    reporter.end_discovery();
    pinned??;
    let gaps = Gaps { missing_scopes: &prepared.missing, unaddressed: &prepared.unaddressed };
    let told = Arc::new(reporter.start(&prepared.plan, gaps)?);
    let sink: Arc<dyn EventSink> = Arc::<RunReporter>::clone(&told);
    let run = deploy::execute(prepared, sink, approve.approver(), &mut session.cancel).await;
    let code = run.rollout.status.exit_code();
    // Who asked for a record and has none must not read success. What went wrong has been said by now.
    let well = matches!(code, exit_code::SUCCESS | exit_code::WITHIN_BUDGET);
    Ok(if well && !told.trouble().is_empty() { exit_code::INTERNAL } else { code })
}

/// Says which hosts were asked in vain what they have on record, and what that means.
fn say_silent(survey: &Survey, plan: &Plan, reporter: &Reporter) {
    const SHOWN: usize = 3;
    let silent: Vec<_> = survey.silent().collect();
    if silent.is_empty() {
        return;
    }
    let name = |id: &HostId| {
        let host = plan.hosts().find(|host| host.id == *id);
        host.map_or_else(|| id.to_string(), |host| host.instance.name.clone())
    };
    let mut told: Vec<_> = silent.iter().take(SHOWN).map(|(host, why)| format!("{} ({why})", name(host))).collect();
    if silent.len() > SHOWN {
        told.push("…".to_owned());
    }
    let hosts = if silent.len() == 1 { "1 host goes".to_owned() } else { format!("{} hosts go", silent.len()) };
    let budget = if silent.len() > plan.budget() { "; more than may fail, if it stays like that" } else { "" };
    reporter.warn(&format!("{hosts} last, for it is not known what they have on record: {}{budget}", told.join(", ")));
}

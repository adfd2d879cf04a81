//! `deploy`: the one button.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    approve::ApproveArgs,
    args::{GlobalArgs, PolicyArgs, RecordArgs, TargetArgs},
    carry_out::{Errand, carry_out},
    error::CliError,
    rerun, revision,
    session::{self, Session, env},
    strategy::StrategyArgs,
    target,
};
use crate::deploy::{DeployRequest, Task};

/// Deploy: run the target's script on each of its servers
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
    /// The revision to deploy [default: the pipeline's commit, or this checkout's]
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// The script to run on every server
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    script: Option<PathBuf>,
    /// Arguments for the script
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
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

/// The request that the flags describe.
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

//! `plan`: exactly what `deploy` would run.

use clap::Args;

use super::{
    args::{GlobalArgs, PolicyArgs, TargetArgs},
    carry_out::{Errand, carry_out},
    deploy::{self, ScriptArgs},
    error::CliError,
    session::Session,
    strategy::StrategyArgs,
};

/// Print exactly what `deploy` would do, without starting anything on any server
#[derive(Debug, Args)]
#[command(after_help = "\
If some servers go before others (several stages, or canaries), `plan` asks each server for its
record, as `deploy` does; `survey = false` in the target prevents that.

Examples:
  fleetwide plan web --revision v1.2.3
  fleetwide plan web --output json")]
pub(super) struct PlanArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    script: ScriptArgs,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Plans a deploy and prints the plan.
pub(super) async fn run(args: &PlanArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let request = deploy::request(&args.target, &args.script, &args.strategy, &args.policy, global)?;
    carry_out(request, Errand { dry_run: true, ..Errand::default() }, global, session).await
}

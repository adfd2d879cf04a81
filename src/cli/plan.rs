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

/// Print exactly what `deploy` would do, and start nothing on any server
#[derive(Debug, Args)]
#[command(after_help = "\
Where some servers go before others (several stages, or canaries), each is asked what it has on
record, as `deploy` does; `survey = false` in the target asks nobody.

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

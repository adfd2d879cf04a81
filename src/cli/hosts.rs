//! `hosts`: which servers does a target mean, right now?

use std::sync::Arc;

use clap::Args;

use super::{
    args::{GlobalArgs, PolicyArgs, TargetArgs},
    error::CliError,
    exit_code,
    session::{self, Session},
    target,
};
use crate::{
    inventory::{self, Narrowed},
    report::Gaps,
};

/// List the servers that a target means, right now
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetwide hosts web
  fleetwide hosts web --output json | jq -r '.[].address'
  fleetwide hosts --aws-region all --tag role=web --tag env=prod")]
pub(super) struct HostsArgs {
    #[command(flatten)]
    target: TargetArgs,
}

/// Asks the clouds and prints the hosts.
pub(super) async fn run(args: &HostsArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let overrides = target::overrides(&args.target, &PolicyArgs::default())?;
    let target = target::find(&args.target, &overrides, global)?;
    let narrowing = args.target.narrow.narrowing(&target)?;
    let reporter = session::reporter(global).build();
    let found = session.unless_interrupted(inventory::discover(&target, &reporter)).await;
    reporter.end_discovery();
    let found = found??;
    let Narrowed { hosts, vanished, of: _ } = narrowing.choose(found.hosts)?;
    target::say_vanished(&vanished, &reporter);
    let hosts: Vec<_> = hosts.into_iter().map(Arc::new).collect();
    reporter.show_hosts(&hosts, Gaps { missing_scopes: &found.missing, unaddressed: &found.unaddressed });
    Ok(exit_code::SUCCESS)
}

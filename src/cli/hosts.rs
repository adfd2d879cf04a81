//! `hosts`: which servers are in a target right now?

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::{
    args::{GlobalArgs, Output, PolicyArgs, TargetArgs},
    error::CliError,
    exit_code,
    session::{self, Session, env},
    target,
};
use crate::{
    config::{HumanDuration, Target},
    deploy::DeployError,
    inventory::{self, Cache, Host, Inventory, Narrowed},
    report::{Field, Gaps, Listing, Reporter, SortKey, sort},
    transport::{HostBlock, OpenSshConfig, SshClient},
};

/// List the servers of a target, as they are right now
#[derive(Debug, Args)]
#[command(after_help = "\
Columns, also for --sort and --group-by: id, name, provider, account, region, zone, address, port,
user, state, image, launched, private_ipv4, public_ipv4, public_ipv6, private_dns, public_dns, tags,
tag:KEY.

Examples:
  fleetwide hosts web
  fleetwide hosts web --columns name,address,tag:version --sort -launched
  fleetwide hosts web --group-by region
  fleetwide hosts web --output json | jq -r '.[].address'
  fleetwide hosts web --output ssh-config > web.conf && ssh -F web.conf web-7
  printf '#!/bin/sh\\nexec fleetwide hosts web --output ansible\\n' > web.sh   (chmod +x: an inventory)
  fleetwide hosts --aws-region all --tag role=web --tag env=prod")]
pub(super) struct HostsArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Show these columns, in this order (the table and csv)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<Field>,
    /// Sort by these columns, the first one first; `-` before a name reverses its order
    #[arg(long, value_name = "NAMES", value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<SortKey>,
    /// Print one table, with its count, for each value of this column
    #[arg(long, value_name = "NAME")]
    group_by: Option<Field>,
    /// Reuse an answer no older than this instead of asking the clouds, and remember new ones
    #[arg(long, value_name = "TIME")]
    cache: Option<HumanDuration>,
}

/// Asks the clouds and prints the hosts.
pub(super) async fn run(args: &HostsArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let listing = Listing { columns: args.columns.clone(), group_by: args.group_by.clone() };
    fits(&listing, global.output)?;
    let overrides = target::overrides(&args.target, &PolicyArgs::default())?;
    let target = target::find(&args.target, &overrides, global)?;
    let narrowing = args.target.narrow.narrowing(&target)?;
    let reporter = session::reporter(global).build();
    let found = match args.cache {
        Some(age) => remembered(&target, age.into(), session, &reporter).await?,
        None => ask(&target, session, &reporter).await?,
    };

    let Narrowed { mut hosts, vanished, of: _ } = narrowing.choose(found.hosts)?;
    target::say_vanished(&vanished, &reporter);
    sort(&mut hosts, &args.sort);
    let gaps = Gaps { missing_scopes: &found.missing, unaddressed: &found.unaddressed };
    match global.output {
        Output::SshConfig => reporter.show_ssh_config(&target.name, &with_settings(&target, &hosts)?, gaps),
        Output::Ansible => reporter.show_ansible(&with_settings(&target, &hosts)?, gaps),
        Output::Csv => reporter.show_csv(&hosts, &listing, gaps),
        Output::Human | Output::Stream | Output::Group | Output::Json => reporter.show_hosts(&hosts, &listing, gaps),
    }
    Ok(exit_code::SUCCESS)
}

/// Refuses flags that would silently have no effect.
fn fits(listing: &Listing, output: Output) -> Result<(), CliError> {
    let refuse = |flag: &str, hint: &str| {
        Err(CliError::Usage { message: format!("{flag} does not go with this --output"), hint: Some(hint.to_owned()) })
    };
    match output {
        Output::Human => Ok(()),
        Output::Csv if listing.group_by.is_some() => {
            refuse("--group-by", "it shapes the table; csv has --sort and --columns")
        }
        Output::Csv => Ok(()),
        _ if listing.group_by.is_some() => refuse("--group-by", "it shapes the table only"),
        _ if !listing.columns.is_empty() => {
            refuse("--columns", "it shapes the table and csv; the others hold everything")
        }
        _ => Ok(()),
    }
}

async fn ask(target: &Target, session: &mut Session, reporter: &Reporter) -> Result<Inventory, CliError> {
    let found = session.unless_interrupted(inventory::discover(target, reporter)).await;
    reporter.end_discovery();
    Ok(found??)
}

/// The hosts from the cache if they are recent, or else from the clouds. A cache that does not work only costs time.
async fn remembered(
    target: &Target,
    age: Duration,
    session: &mut Session,
    reporter: &Reporter,
) -> Result<Inventory, CliError> {
    let cache = Cache::new(&session::cache_folder()?, target, &env);
    match cache.read(age, Timestamp::now()) {
        Ok(Some((inventory, old))) => {
            session.say(&format!("no cloud was asked: this is what was found {}s ago\n", old.as_secs()));
            return Ok(inventory);
        }
        Ok(None) => {}
        Err(error) => reporter.warn(&error.to_string()),
    }
    let found = ask(target, session, reporter).await?;
    if let Err(error) = cache.write(&found, Timestamp::now()) {
        reporter.warn(&format!("cannot remember what was found: {error}"));
    }
    Ok(found)
}

/// The hosts, each with its lines for an `ssh_config`.
fn with_settings<'h>(target: &Target, hosts: &'h [Host]) -> Result<Vec<(&'h Host, HostBlock)>, CliError> {
    let config = OpenSshConfig::of(target, session::known_hosts()?);
    let client = SshClient::new(config).map_err(DeployError::from)?;
    hosts.iter().map(|host| Ok((host, client.block(host)?))).collect()
}

//! `ssh`: a shell on one of a target's hosts, reached in the same way as by a deploy.

use std::{
    io::{self, IsTerminal},
    os::unix::process::CommandExt,
};

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::{
    args::{GlobalArgs, PolicyArgs, SelectArgs, TargetArgs},
    completions,
    error::CliError,
    narrow::NarrowArgs,
    session::{self, Session},
    target,
};
use crate::{
    deploy::{self, DeployError},
    inventory::{self, Host, Narrowing},
    report::neutral,
    transport::{OpenSshConfig, SshClient, Terminal},
};

/// Log in on one server of a target
#[derive(Debug, Args)]
#[command(after_help = "\
Fleetwide becomes your own `ssh`, with the address, login, jump host and host keys that a deploy
uses. The exit status is that of `ssh`: the remote command's, or 255.

Examples:
  fleetwide ssh web                    the only server of target `web`, or a choice of them
  fleetwide ssh web web-7              by name, id or address
  fleetwide ssh web web-7 -- journalctl -u shop -f")]
pub(super) struct SshArgs {
    /// The target in fleetwide.toml; needed if there are several, unless flags say where to look
    #[arg(value_name = "TARGET", add = ArgValueCandidates::new(completions::targets))]
    target: Option<String>,
    /// The server: a name, an id or an address
    #[arg(id = "on", value_name = "HOST", add = ArgValueCandidates::new(completions::hosts))]
    host: Option<String>,
    /// The command for `ssh` to run there, instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    select: SelectArgs,
}

/// Finds the server and becomes `ssh`.
pub(super) async fn run(args: &SshArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let of = TargetArgs { target: args.target.clone(), select: args.select.clone(), narrow: NarrowArgs::default() };
    let overrides = target::overrides(&of, &PolicyArgs::default())?;
    let target = target::find(&of, &overrides, global)?;
    let known_hosts = session::known_hosts()?;
    let client = SshClient::new(OpenSshConfig::of(&target, known_hosts.clone())).map_err(DeployError::from)?;

    let reporter = session::reporter(global).build();
    let found = session.unless_interrupted(inventory::discover(&target, &reporter)).await;
    reporter.end_discovery();
    let narrowing = Narrowing { names: args.host.iter().cloned().collect(), ..Narrowing::default() };
    let hosts = narrowing.choose(found??.hosts)?.hosts;
    let host = match &hosts[..] {
        [only] => only,
        several => choose(several, session).await?,
    };

    let pinned = session.unless_interrupted(deploy::pin_host_keys(&target, [host], &known_hosts, &reporter)).await;
    reporter.end_discovery();
    if let Some(none) = pinned??.remove(&host.id) {
        return Err(CliError::Usage {
            message: format!("the cloud tells no host key of {}: {}", host.instance.name, none.reason),
            hint: Some(none.hint),
        });
    }

    let watched = io::stdin().is_terminal() && io::stdout().is_terminal();
    let terminal = if watched && !args.command.is_empty() { Terminal::Wanted } else { Terminal::AsSsh };
    let mut ssh = client.at_a_terminal(host, &args.command, terminal)?;
    // From here on, terminal, signals and exit status are ssh's own.
    Err(CliError::Ssh(ssh.exec()))
}

/// Lets a person choose a host; without a person, the error lists the hosts.
async fn choose<'h>(hosts: &'h [Host], session: &mut Session) -> Result<&'h Host, CliError> {
    const SHOWN: usize = 20;
    let lines: Vec<String> = hosts
        .iter()
        .enumerate()
        .map(|(n, host)| {
            let row = format!("{:>4}  {}  ({})  {}", n + 1, host.instance.name, host.id, host.address.host);
            // A name with a line break could imitate a numbered line.
            neutral::line(&row)
        })
        .collect();
    let several = |message: String| CliError::Usage {
        message,
        hint: Some("name one, by its id if names are shared: fleetwide ssh TARGET HOST".to_owned()),
    };
    if hosts.len() <= SHOWN {
        let question = format!("{}\nwhich one? [1-{}] ", lines.join("\n"), hosts.len());
        if let Some(answer) = session.ask(&question).await? {
            let number = answer.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            return number
                .and_then(|n| hosts.get(n))
                .ok_or_else(|| several(format!("`{}` is none of the numbers above", answer.trim())));
        }
    }
    let more = hosts.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!("\n      and {more} more") } else { String::new() };
    let first: Vec<_> = lines.into_iter().take(SHOWN).collect();
    Err(several(format!("which of {} hosts?\n{}{rest}", hosts.len(), first.join("\n"))))
}

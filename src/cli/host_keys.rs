//! `host-keys`: the remembered keys of a target's hosts, and the way to accept or forget a key.

use std::{path::Path, sync::Arc};

use clap::Args;

use super::{
    args::{GlobalArgs, PolicyArgs, TargetArgs},
    error::CliError,
    exit_code,
    session::{self, Session},
    target,
};
use crate::{
    config::{HostKeys, Target},
    deploy::DeployError,
    inventory::{self, Host, Narrowed},
    report::{HostKeyRow, Reporter},
    transport::{KnownHosts, KnownHostsError, OfferedKey, OpenSsh, OpenSshConfig, OpenSshError},
};

/// List the remembered host keys of a target's servers; accept or forget one
#[derive(Debug, Args)]
#[command(after_help = "\
Fleetwide refuses a server that shows another key than the one it remembers. --accept connects to
the server and, if its key has exactly this fingerprint, remembers it in place of the old one; any
other key is refused again. --forget removes the remembered keys: at the next login, `host_keys`
decides.

Examples:
  fleetwide host-keys web
  fleetwide host-keys web --hosts web-1 --accept SHA256:NWIjzmqxmNlW4Dnba2+zVr3kJAO/PhFMvLb4ZmK30yk
  fleetwide host-keys web --hosts web-1 --forget")]
pub(super) struct HostKeysArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Accept the key with this fingerprint, and no other, for the one server that --hosts names
    #[arg(long, value_name = "SHA256:…", value_parser = fingerprint, conflicts_with = "forget")]
    accept: Option<String>,
    /// Forget the keys of the servers that --hosts names
    #[arg(long)]
    forget: bool,
}

/// Reads a fingerprint as `ssh` and this program show it.
fn fingerprint(text: &str) -> Result<String, String> {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    match text.strip_prefix("SHA256:") {
        Some(digest) if digest.len() == 43 && digest.chars().all(base64) => Ok(text.to_owned()),
        _ => Err("a fingerprint is SHA256: and 43 characters, as the error that refused the key shows it".to_owned()),
    }
}

/// Lists, accepts or forgets.
pub(super) async fn run(args: &HostKeysArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let overrides = target::overrides(&args.target, &PolicyArgs::default())?;
    let target = target::find(&args.target, &overrides, global)?;
    let narrowing = args.target.narrow.narrowing(&target)?;
    if args.forget && narrowing.names.is_empty() {
        return Err(CliError::Usage {
            message: "--forget needs to be told which servers".to_owned(),
            hint: Some("name them with --hosts; `--hosts '*'` is all of them".to_owned()),
        });
    }
    let reporter = session::reporter(global).build();
    let found = session.unless_interrupted(inventory::discover(&target, &reporter)).await;
    reporter.end_discovery();
    let Narrowed { hosts, vanished, of: _ } = narrowing.choose(found??.hosts)?;
    target::say_vanished(&vanished, &reporter);

    let folder = session::known_hosts()?;
    let known = KnownHosts::open(&folder, HostKeys::Strict).map_err(unusable)?;
    if let Some(wanted) = &args.accept {
        let [host] = &hosts[..] else {
            return Err(CliError::Usage {
                message: format!("--accept is for one server, and these are {}", hosts.len()),
                hint: Some("name it with --hosts".to_owned()),
            });
        };
        let accepting = accept(&target, host, wanted, &folder, &known);
        session.unless_interrupted(accepting).await??;
    }
    if args.forget {
        for host in &hosts {
            known.forget(&host.id).map_err(unusable)?;
        }
    }
    show(&hosts, &known, &reporter);
    Ok(exit_code::SUCCESS)
}

fn unusable(error: KnownHostsError) -> CliError {
    DeployError::from(OpenSshError::from(error)).into()
}

/// Remembers the key that `host` shows, if it has exactly this fingerprint.
async fn accept(target: &Target, host: &Host, wanted: &str, folder: &Path, known: &KnownHosts) -> Result<(), CliError> {
    let config = OpenSshConfig::of(target, folder.to_owned());
    let name = &host.instance.name;
    match OpenSsh::offered_key(config, host).await.map_err(DeployError::from)? {
        OfferedKey::Key(key) if key.fingerprint() == wanted => known.remember(&host.id, &[key]).map_err(unusable),
        OfferedKey::Key(key) => Err(CliError::Usage {
            message: format!("{name} shows another key: {} {}", key.kind(), key.fingerprint()),
            hint: Some("nothing was changed; find out on the server's own console which key is its own".to_owned()),
        }),
        OfferedKey::None(error) => Err(CliError::Usage {
            message: format!("{name} showed no key: {error}"),
            hint: error.hint.or_else(|| Some("nothing was changed".to_owned())),
        }),
    }
}

fn show(hosts: &[Host], known: &KnownHosts, reporter: &Reporter) {
    let rows: Vec<HostKeyRow> = hosts
        .iter()
        .map(|host| {
            let remembered = known.remembered(&host.id);
            HostKeyRow { host: Arc::new(host.clone()), keys: remembered.keys, since: remembered.since }
        })
        .collect();
    reporter.show_host_keys(&rows);
}

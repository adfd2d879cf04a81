//! `demo`: three simulated clouds and 30 SSH hosts inside this process, with the real adapters, the real guard and the
//! real `ssh` against them. No file or setting of the user is read or changed.

use std::{fs, io, path::Path};

use clap::Args;
use fleetwide_simulator::{
    Cloud,
    world::{AWS_ACCOUNT, AZURE_SUBSCRIPTION, GCP_PROJECT, World, WorldConfig},
};

use super::{
    args::GlobalArgs,
    carry_out::{Errand, carry_out},
    error::CliError,
    session::Session,
};
use crate::{
    config::{Config, Overrides, Places},
    deploy::{DeployRequest, Task},
    inventory::Narrowing,
    plan::Revision,
};

/// How many machines the demo's selectors find.
const HOSTS: usize = 30;

/// The user of the demo's logins. Its hosts run everything as the user who started the demo.
const USER: &str = "deploy";

/// See it work: three simulated clouds, 30 servers, no account needed
#[derive(Debug, Args)]
#[command(after_help = "\
Everything runs on this machine's loopback addresses, in a temporary folder that is removed at the
end.")]
pub(super) struct DemoArgs {
    /// Make the script fail on one server, to show what that looks like
    #[arg(long = "break")]
    broken: bool,
}

/// Plays the demo.
pub(super) async fn run(args: &DemoArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let folder = tempfile::Builder::new().prefix("fw-demo-").tempdir().map_err(CliError::Demo)?;
    let world = World::start(WorldConfig {
        wanted: HOSTS,
        user: USER.to_owned(),
        folder: folder.path().to_owned(),
        allow_forwarding: false,
    })
    .await
    .map_err(CliError::Demo)?;

    let code = play(args, global, session, &world, folder.path()).await;
    world.shutdown().await;
    code
}

async fn play(
    args: &DemoArgs,
    global: &GlobalArgs,
    session: &mut Session,
    world: &World,
    folder: &Path,
) -> Result<u8, CliError> {
    let broken = if args.broken { broken_host(world) } else { String::new() };
    write(folder, &config(world), &script(&broken)).map_err(CliError::Demo)?;
    session.say(&introduction(world));

    let places =
        Places { config: Some(folder.join("fleetwide.toml")), directory: folder.to_owned(), ..Places::default() };
    let target = Config::load(&places)?.target(Some("web"), &Overrides::default())?;
    let request = DeployRequest {
        target,
        task: Task::Deploy("demo-1".parse::<Revision>().expect("a plain word is a revision")),
        args: Vec::new(),
        narrowing: Narrowing::default(),
        seed: 0,
        known_hosts: folder.join("known_hosts"),
    };
    carry_out(request, Errand::default(), global, session).await
}

fn introduction(world: &World) -> String {
    let machines = world.fleet().select(|_| true).len();
    format!(
        "Three clouds simulated in this process: {machines} machines, {HOSTS} of them running and\n\
         tagged role=web, env=prod. Real API calls, real ssh, a real script on each.\n\n"
    )
}

/// The machine on which the script fails.
fn broken_host(world: &World) -> String {
    world.wanted().get(HOSTS / 2).map(|machine| machine.name.clone()).unwrap_or_default()
}

/// The configuration as a user would write it, with the endpoints of the simulated clouds.
fn config(world: &World) -> String {
    let [aws, gcp, azure] = [Cloud::Aws, Cloud::Gcp, Cloud::Azure].map(|cloud| world.endpoint(cloud));
    format!(
        r#"# The demo's AWS account is {AWS_ACCOUNT}.
[targets.web]
app = "shop"
min_hosts = 2
select = [
  {{ provider = "aws",   regions = "all", tags = {{ role = "web", env = "prod" }}, endpoint = "{aws}" }},
  {{ provider = "gcp",   projects = ["{GCP_PROJECT}"], tags = {{ role = "web", env = "prod" }}, endpoint = "{gcp}" }},
  {{ provider = "azure", subscriptions = ["{AZURE_SUBSCRIPTION}"], tags = {{ role = "web", env = "prod" }}, endpoint = "{azure}" }},
]

[targets.web.ssh]
user = "{USER}"
port = {port}
identity_file = "{key}"
config_file = "ssh_config"

[targets.web.deploy]
script = "deploy.sh"
timeout = "1m"
"#,
        port = world.ssh().port(),
        key = world.key().display(),
    )
}

/// The script, as a user would write it; on the host named `broken` it fails.
fn script(broken: &str) -> String {
    format!(
        r#"#!/bin/sh
set -eu
echo "deploying $FLEETWIDE_REVISION to $FLEETWIDE_HOST_NAME ($FLEETWIDE_PROVIDER $FLEETWIDE_REGION)"
sleep 0.3
if [ "$FLEETWIDE_HOST_NAME" = "{broken}" ]; then
  echo "error: shop did not come up: address already in use (port 8080)" >&2
  exit 3
fi
echo "shop $FLEETWIDE_REVISION is running"
"#
    )
}

fn write(folder: &Path, config: &str, script: &str) -> io::Result<()> {
    fs::write(folder.join("fleetwide.toml"), config)?;
    fs::write(folder.join("deploy.sh"), script)?;
    // Empty, so that the user's own is not read.
    fs::write(folder.join("ssh_config"), "")
}

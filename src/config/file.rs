//! The configuration file as it is written: one struct a table, every key optional.
//!
//! The doc comments here are what `fleetwide schema` prints, so they speak to the file's author. What a missing key
//! means is decided in `layers`; which keys of a selector may be combined is decided in `select`.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf};

use provider_core::TagFilter;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    check::CheckTable,
    duration::HumanDuration,
    hooks::HooksTable,
    part::Part,
    proxy_command::ProxyCommand,
    schema,
    select::SelectTable,
    steps::Strategy,
    target::{AppName, EnvValue},
    values::{AddressKind, FailureLimit, HostKeys, LateHosts, OnFailure, OnLost, OnStop, Unaddressed},
    ways::{Jump, PortFrom, UserFrom},
};

/// Fleetwide's configuration: `fleetwide.toml`, and the user's own `~/.config/fleetwide/config.toml`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    /// What holds for every target that does not say otherwise.
    #[serde(default)]
    pub(super) defaults: Defaults,
    /// The targets by name: which servers, and how to deploy to them.
    #[serde(default)]
    pub(super) targets: BTreeMap<String, TargetTable>,
    /// The checks by name, for the steps of all targets.
    #[serde(default)]
    pub(super) checks: BTreeMap<String, CheckTable>,
}

/// What holds for every target that does not say otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    /// How servers are reached.
    #[serde(default)]
    pub(super) ssh: SshTable,
    /// What is run on them, and how.
    #[serde(default)]
    pub(super) deploy: DeployTable,
    /// What is run on this machine at the turns of a rollout.
    #[serde(default)]
    pub(super) hooks: HooksTable,
}

/// Which servers, and how to deploy to them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetTable {
    /// The application: it names the lock and the state folder on every server. Default: the target's name.
    pub(super) app: Option<AppName>,
    /// Finding fewer hosts than this is an error (exit 4), and nothing is touched. Default: 1.
    pub(super) min_hosts: Option<NonZeroUsize>,
    /// Where to look for servers; what any of these finds belongs to the target.
    pub(super) select: Option<Vec<SelectTable>>,
    /// Instances to leave out, whatever found them.
    pub(super) exclude: Option<Vec<ExcludeTable>>,
    /// An instance that has none of the wanted addresses: "fail" (the default) or "skip".
    pub(super) unaddressed: Option<Unaddressed>,
    /// How servers are reached.
    #[serde(default)]
    pub(super) ssh: SshTable,
    /// What is run on them, and how.
    #[serde(default)]
    pub(super) deploy: DeployTable,
    /// What is run on this machine at the turns of a rollout.
    #[serde(default)]
    pub(super) hooks: HooksTable,
}

/// Which hosts are the first ones, whatever the order of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryTable {
    /// Tags that they carry, all of them.
    #[schemars(with = "schema::Tags")]
    pub tags: TagFilter,
}

/// Instances to leave out: all that is given must match.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExcludeTable {
    /// Tags that it carries.
    #[schemars(with = "Option<schema::Tags>")]
    pub(super) tags: Option<TagFilter>,
    /// Names; `*` and `?` are wildcards.
    pub(super) names: Option<Vec<String>>,
    /// Host ids, such as "aws:i-0abc".
    pub(super) ids: Option<Vec<String>>,
}

/// How servers are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SshTable {
    /// The login, or where an instance says it. Default: what `ssh` itself would use.
    pub user: Option<UserFrom>,
    /// The port, or where an instance says it. Default: what `ssh` itself would use.
    pub port: Option<PortFrom>,
    /// Which address of an instance to use: the first of these that it has. Default: `private_ipv4`, then `public_ipv4`.
    pub address: Option<Vec<AddressKind>>,
    /// The jump host, as for `ssh -J`; several, the first one first, as a list or with commas.
    pub jump: Option<Jump>,
    /// The command that carries the connection, instead of a jump host: `{id}` and its like stand for the host's own.
    pub proxy_command: Option<ProxyCommand>,
    /// The private key.
    pub identity_file: Option<PathBuf>,
    /// An `ssh_config` to read instead of `~/.ssh/config`.
    pub config_file: Option<PathBuf>,
    /// A host key never seen before: "accept-new" (the default) or "strict". A changed one is always refused.
    pub host_keys: Option<HostKeys>,
    /// How often a silent host is asked whether it is still there; after four questions without an answer it is
    /// looked for again. Whole seconds. Default: "15s".
    pub keepalive: Option<HumanDuration>,
}

/// What is run on the servers, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployTable {
    /// The script, a file on this machine; it is sent to every host.
    pub script: Option<PathBuf>,
    /// Instead of a script: named parts for the host's `sh`, run in this order, such as
    /// [{ name = "test", run = "npm test", barrier = true }, { name = "restart", run = "systemctl restart shop" }].
    pub parts: Option<Vec<Part>>,
    /// The script that takes a host back. Default: the deploy itself, with the host's previous revision.
    pub rollback: Option<PathBuf>,
    /// In which steps: a list such as [{ hosts = 1 }, { soak = "5m", check = "errors" }, { hosts = "100%" }], or
    /// "canary", "half-at-a-time", "one-at-a-time", "all-at-once". Default: one stage of all.
    pub steps: Option<Strategy>,
    /// Which hosts are the first ones, before those that are not well or behind; the others are spread over clouds,
    /// regions and zones.
    pub canary: Option<CanaryTable>,
    /// Before a deploy of which only some hosts go first, ask every host what it has on record, to begin with those that
    /// are not well or behind. Default: true.
    pub survey: Option<bool>,
    /// Begin each stage with one host at once, then two, four and so on. Default: true.
    pub slow_start: Option<bool>,
    /// When the run stops by itself, scripts that run: "finish" (the default) or "kill".
    pub on_stop: Option<OnStop>,
    /// When the run stops by itself, touched hosts: "stop" (the default: they stay as they are) or "rollback".
    pub on_failure: Option<OnFailure>,
    /// Hosts that appear while the run goes on: "catch-up" (the default: they are deployed to as well) or "ignore".
    pub late_hosts: Option<LateHosts>,
    /// How long an approval is waited for. Default: "1h".
    pub approve_timeout: Option<HumanDuration>,
    /// The script's arguments.
    pub args: Option<Vec<String>>,
    /// The script's environment. Secrets by reference: `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default)]
    pub env: BTreeMap<String, EnvValue>,
    /// How long the script may run on a host. Default: "10m".
    pub timeout: Option<HumanDuration>,
    /// How long connecting may take, key exchange included. Default: "10s".
    pub connect_timeout: Option<HumanDuration>,
    /// How long the login may take after that. Default: "20s".
    pub auth_timeout: Option<HumanDuration>,
    /// How long the script may print nothing. Default: as long as it may run.
    pub idle_timeout: Option<HumanDuration>,
    /// How long a script that is told to end may take before it is killed. Default: "10s".
    pub kill_grace: Option<HumanDuration>,
    /// What the script does when contact with it is lost: "finish" (the default) or "kill".
    pub on_lost: Option<OnLost>,
    /// How many hosts are worked on at once. Default: 50.
    pub concurrency: Option<NonZeroUsize>,
    /// How many SSH handshakes are under way at once. Default: 16.
    pub handshakes: Option<NonZeroUsize>,
    /// How often a host is tried again whose script never started. Default: 2.
    pub retries: Option<u32>,
    /// The script runs as root, by `sudo -n`, and is watched and ended as root. Default: false.
    pub sudo: Option<bool>,
    /// The script may be started again on a host with which contact was lost. Default: false.
    pub idempotent: Option<bool>,
    /// How many hosts may fail before no further one is started: a number, or a percentage such as "5%". Default: 0.
    pub max_failures: Option<FailureLimit>,
    /// `run` and `rollback` ask a person before they touch more hosts than this. Default: they do not ask.
    pub confirm_over: Option<usize>,
}

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

/// Fleetwide's configuration: `fleetwide.toml`, and your own `~/.config/fleetwide/config.toml`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    /// Settings of every target that does not set them itself.
    #[serde(default)]
    pub(super) defaults: Defaults,
    /// The targets by name.
    #[serde(default)]
    pub(super) targets: BTreeMap<String, TargetTable>,
    /// The checks by name, for the steps of any target.
    #[serde(default)]
    pub(super) checks: BTreeMap<String, CheckTable>,
}

/// Settings of every target that does not set them itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    /// How to reach servers.
    #[serde(default)]
    pub(super) ssh: SshTable,
    /// What to run on them, and how.
    #[serde(default)]
    pub(super) deploy: DeployTable,
    /// Scripts to run on this machine at certain points of a rollout.
    #[serde(default)]
    pub(super) hooks: HooksTable,
}

/// A set of servers, and how to deploy to them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetTable {
    /// The application. It names the lock and the state folder on every server. Default: the target's name.
    pub(super) app: Option<AppName>,
    /// Finding fewer hosts than this is an error (exit 4): nothing is touched. Default: 1.
    pub(super) min_hosts: Option<NonZeroUsize>,
    /// Where to look for servers. The target contains every server that any of these finds.
    pub(super) select: Option<Vec<SelectTable>>,
    /// Instances to leave out, whichever selector found them.
    pub(super) exclude: Option<Vec<ExcludeTable>>,
    /// What to do about an instance without any of the wanted addresses: "fail" (the default) or "skip" it.
    pub(super) unaddressed: Option<Unaddressed>,
    /// How to reach servers.
    #[serde(default)]
    pub(super) ssh: SshTable,
    /// What to run on them, and how.
    #[serde(default)]
    pub(super) deploy: DeployTable,
    /// Scripts to run on this machine at certain points of a rollout.
    #[serde(default)]
    pub(super) hooks: HooksTable,
}

/// The hosts that go first, whatever the order of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryTable {
    /// Tags that a host must carry, all of them.
    #[schemars(with = "schema::Tags")]
    pub tags: TagFilter,
}

/// Instances to leave out: those that match every key given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExcludeTable {
    /// Tags that an instance carries.
    #[schemars(with = "Option<schema::Tags>")]
    pub(super) tags: Option<TagFilter>,
    /// Names; `*` and `?` are wildcards.
    pub(super) names: Option<Vec<String>>,
    /// Host ids, such as "aws:i-0abc".
    pub(super) ids: Option<Vec<String>>,
}

/// How to reach servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SshTable {
    /// The login, or the property of an instance that holds it. Default: what `ssh` itself would use.
    pub user: Option<UserFrom>,
    /// The port, or the tag of an instance that holds it. Default: what `ssh` itself would use.
    pub port: Option<PortFrom>,
    /// The address of an instance to use: the first of these that it has. Default: `private_ipv4`, then `public_ipv4`.
    pub address: Option<Vec<AddressKind>>,
    /// The jump host, as for `ssh -J`, or several in order, as a list or separated by commas.
    pub jump: Option<Jump>,
    /// A command that carries the connection, instead of a jump host. `{id}` and the like are filled in for each host.
    pub proxy_command: Option<ProxyCommand>,
    /// The private key.
    pub identity_file: Option<PathBuf>,
    /// An `ssh_config` to read instead of `~/.ssh/config`.
    pub config_file: Option<PathBuf>,
    /// What to do with a host key never seen before: "accept-new" (the default), "strict" or "cloud". A changed key is
    /// always refused.
    pub host_keys: Option<HostKeys>,
    /// How often to ask a silent host whether it is still there. After four unanswered questions, contact counts as
    /// lost. Whole seconds. Default: "15s".
    pub keepalive: Option<HumanDuration>,
}

/// What to run on the servers, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployTable {
    /// The script, a file on this machine. Fleetwide sends it to every host.
    pub script: Option<PathBuf>,
    /// Named parts instead of a script, run in this order by the host's `sh`, such as
    /// [{ name = "test", run = "npm test", barrier = true }, { name = "restart", run = "systemctl restart shop" }].
    pub parts: Option<Vec<Part>>,
    /// The script that rolls a host back. Default: the deploy itself, with the host's previous revision.
    pub rollback: Option<PathBuf>,
    /// The steps of a deploy: a list such as [{ hosts = 1 }, { soak = "5m", check = "errors" }, { hosts = "100%" }], or
    /// "canary", "half-at-a-time", "one-at-a-time", "all-at-once". Default: all hosts in one stage.
    pub steps: Option<Strategy>,
    /// The hosts that go first, before hosts that are unwell or behind. The others are spread over clouds, regions and
    /// zones.
    pub canary: Option<CanaryTable>,
    /// Before a deploy in which some hosts go first, ask every host for its record, so that hosts that are unwell or
    /// behind go early. Default: true.
    pub survey: Option<bool>,
    /// Start each stage with one host at a time, then two, four and so on. Default: true.
    pub slow_start: Option<bool>,
    /// What happens to running scripts when the run stops by itself: "finish" (the default) or "kill".
    pub on_stop: Option<OnStop>,
    /// What happens to touched hosts when the run stops by itself: "stop" (the default: they stay as they are) or
    /// "rollback".
    pub on_failure: Option<OnFailure>,
    /// What to do about hosts that appear during the run: "catch-up" (the default: deploy to them too) or "ignore".
    pub late_hosts: Option<LateHosts>,
    /// How long to wait for an approval. Default: "1h".
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
    /// How long a script may take to end after TERM, before it is killed. Default: "10s".
    pub kill_grace: Option<HumanDuration>,
    /// What happens to the script when contact is lost: "finish" (the default) or "kill".
    pub on_lost: Option<OnLost>,
    /// How many hosts to work on at once. Default: 50.
    pub concurrency: Option<NonZeroUsize>,
    /// How many SSH handshakes may be under way at once. Default: 16.
    pub handshakes: Option<NonZeroUsize>,
    /// How many more times to try a host whose script never started. Default: 2.
    pub retries: Option<u32>,
    /// Run the script as root, through `sudo -n`; it is also watched and ended as root. Default: false.
    pub sudo: Option<bool>,
    /// The script may start again on a host with which contact was lost. Default: false.
    pub idempotent: Option<bool>,
    /// How many hosts may fail: a number, or a percentage such as "5%". After more, no further host starts. Default: 0.
    pub max_failures: Option<FailureLimit>,
    /// `run` and `rollback` ask for confirmation before they touch more hosts than this. Default: they do not ask.
    pub confirm_over: Option<usize>,
}

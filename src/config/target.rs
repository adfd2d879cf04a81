//! A target, checked and typed: the result of configuration, and the input of everything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZeroUsize,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use provider_core::{Endpoint, InstanceState, ProviderName, Selector, StaticHosts, TagFilter};
use serde::{Deserialize, Serialize};

use super::{
    check::Check,
    hooks::Hooks,
    part::Part,
    secret::SecretRef,
    steps::{Label, Strategy},
    values::{AddressKind, FailureLimit, HostKeys, LateHosts, OnFailure, OnLost, OnStop, Unaddressed},
    ways::{PortFrom, UserFrom, Way},
};

/// A named selector plus how to deploy to it: `[targets.web]`, every default filled in.
#[derive(Clone, Debug)]
pub struct Target {
    /// The name in the file; `adhoc` when there is no file.
    pub name: String,
    /// The words that select this target on a command line: its name, and the flags that complete it.
    pub words: String,
    /// The application: it names the state folder and the lock on every host.
    pub app: AppName,
    /// Finding fewer hosts than this is exit code 4.
    pub min_hosts: NonZeroUsize,
    /// Where to look; never empty.
    pub select: Vec<Select>,
    /// Instances to leave out, whichever selector found them.
    pub exclude: Vec<Exclude>,
    /// How hosts are reached.
    pub ssh: Ssh,
    /// What runs on the hosts, and how.
    pub deploy: Deploy,
    /// The checks that the steps name.
    pub checks: BTreeMap<Label, Check>,
    /// What runs on this machine during a rollout.
    pub hooks: Hooks,
}

/// The name of an application on its hosts. It names a folder, so only letters, digits, `.`, `_` and `-` are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(String);

impl AppName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AppName {
    type Err = BadAppName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let good = !text.is_empty() && text.len() <= 64 && !text.starts_with(['.', '-']) && text.chars().all(allowed);
        if good { Ok(Self(text.to_owned())) } else { Err(BadAppName(text.to_owned())) }
    }
}

impl TryFrom<String> for AppName {
    type Error = BadAppName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AppName> for String {
    fn from(name: AppName) -> Self {
        name.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that cannot name an application.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot name an app: use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit")]
pub struct BadAppName(String);

/// One `{ provider = …, … }` of a target's `select`.
#[derive(Clone, Debug)]
pub struct Select {
    /// Which cloud, and where in it.
    pub source: Source,
    /// Tags that an instance must carry.
    pub tags: TagFilter,
    /// States that an instance may be in.
    pub states: BTreeSet<InstanceState>,
    /// How long one scope may take, retries included.
    pub deadline: Duration,
    /// Go on without scopes that fail, and say so loudly.
    pub allow_partial: bool,
}

impl Select {
    /// The settings that mean the same in every cloud.
    pub fn selector(&self) -> Selector {
        let Self { tags, states, deadline, .. } = self;
        Selector { states: states.clone(), deadline: *deadline, ..Selector::running(tags.clone()) }
    }
}

/// A provider, and where in it to look.
#[derive(Clone, Debug)]
pub enum Source {
    /// AWS.
    Aws(AwsSource),
    /// Google Cloud.
    Gcp(GcpSource),
    /// Azure.
    Azure(AzureSource),
    /// Hosts that the user listed.
    Static(StaticHosts),
}

impl Source {
    /// The provider's name as written in configuration.
    pub const fn provider(&self) -> ProviderName {
        ProviderName::new(match self {
            Self::Aws(_) => "aws",
            Self::Gcp(_) => "gcp",
            Self::Azure(_) => "azure",
            Self::Static(_) => "static",
        })
    }
}

/// Which AWS regions are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// The region from the credential chain (environment, profile).
    FromChain,
    /// Every region that the account has opted into.
    All,
    /// These.
    Listed(Vec<String>),
}

/// Where in AWS to look.
#[derive(Clone, Debug)]
pub struct AwsSource {
    /// Which regions.
    pub regions: Regions,
    /// Only these availability zones; globs allowed; empty means all.
    pub zones: Vec<String>,
    /// Only these VPC ids; empty means all.
    pub vpcs: Vec<String>,
    /// The profile of the shared config files.
    pub profile: Option<String>,
    /// A role to assume, for another account.
    pub assume_role: Option<AssumeRole>,
    /// Where the API is, if not at the provider's own address.
    pub endpoint: Option<Endpoint>,
}

/// An AWS role to assume before asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role's ARN.
    pub arn: String,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
}

/// Where in Google Cloud to look.
#[derive(Clone, Debug)]
pub struct GcpSource {
    /// Which projects; empty means the credential chain's own.
    pub projects: Vec<String>,
    /// Only these regions; empty means all.
    pub regions: Vec<String>,
    /// Only these zones; globs allowed; empty means all.
    pub zones: Vec<String>,
    /// Only these networks; empty means all.
    pub networks: Vec<String>,
    /// A credentials file instead of the ordinary chain.
    pub credentials_file: Option<PathBuf>,
    /// Where the API is, if not at the provider's own address.
    pub endpoint: Option<Endpoint>,
}

/// Where in Azure to look.
#[derive(Clone, Debug)]
pub struct AzureSource {
    /// Which subscriptions; empty means `AZURE_SUBSCRIPTION_ID`.
    pub subscriptions: Vec<String>,
    /// Only these resource groups; globs allowed; empty means all.
    pub resource_groups: Vec<String>,
    /// Only members of these scale sets; empty means all VMs.
    pub scale_sets: Vec<String>,
    /// Only these locations; empty means all.
    pub regions: Vec<String>,
    /// Only these zones; empty means all.
    pub zones: Vec<String>,
    /// Only these virtual networks; empty means all.
    pub networks: Vec<String>,
    /// Where the API is, if not at the provider's own address.
    pub endpoint: Option<Endpoint>,
}

/// Instances to leave out: everything given here must match.
#[derive(Clone, Debug, Default)]
pub struct Exclude {
    /// Tags that the instance carries.
    pub tags: TagFilter,
    /// Names; globs allowed.
    pub names: Vec<String>,
    /// Host ids (`aws:i-0abc`).
    pub ids: Vec<String>,
}

/// How hosts are reached.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// The login; `None` leaves it to `ssh`.
    pub user: Option<UserFrom>,
    /// The port; `None` leaves it to `ssh`.
    pub port: Option<PortFrom>,
    /// The kinds of address, in order of preference.
    pub address: Vec<AddressKind>,
    /// What to do with an instance that has none of them.
    pub unaddressed: Unaddressed,
    /// Directly, through jump hosts, or through a command.
    pub way: Way,
    /// The private key.
    pub identity_file: Option<PathBuf>,
    /// The `ssh_config` to read instead of the user's.
    pub config_file: Option<PathBuf>,
    /// How host keys are trusted.
    pub host_keys: HostKeys,
    /// How often a silent host is asked whether it is still there.
    pub keepalive: Duration,
}

/// What runs on the hosts, and how.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Deploy {
    /// The script on this machine. Only `deploy` needs one, and only without parts.
    pub script: Option<PathBuf>,
    /// The parts that run instead of a script.
    pub parts: Vec<Part>,
    /// The script that rolls a host back. Default: the deploy again, with the host's previous revision.
    pub rollback: Option<PathBuf>,
    /// The steps.
    pub steps: Strategy,
    /// Tags of the hosts that go first.
    pub canary: Option<TagFilter>,
    /// Whether to ask hosts for their records before ordering them.
    pub survey: bool,
    /// Whether a stage begins with one host at a time.
    pub slow_start: bool,
    /// What happens to running scripts when the run stops by itself.
    pub on_stop: OnStop,
    /// What happens to touched hosts then.
    pub on_failure: OnFailure,
    /// What happens to hosts that appear during the run.
    pub late_hosts: LateHosts,
    /// How long to wait for an approval.
    pub approve_timeout: Duration,
    /// Arguments for the script.
    pub args: Vec<String>,
    /// Environment for the script.
    pub env: BTreeMap<String, EnvValue>,
    /// How long the script may run; the host enforces it too.
    pub timeout: Duration,
    /// How long the connection may take, up to the end of the key exchange.
    pub connect_timeout: Duration,
    /// How long the login may take after that.
    pub auth_timeout: Duration,
    /// How long the script may print nothing; `None` means no limit.
    pub idle_timeout: Option<Duration>,
    /// How long a script may take between TERM and KILL.
    pub kill_grace: Duration,
    /// What the script does when contact is lost.
    pub on_lost: OnLost,
    /// How many hosts are in progress at once.
    pub concurrency: NonZeroUsize,
    /// How many SSH handshakes are in progress at once.
    pub handshakes: NonZeroUsize,
    /// How often a host is tried again if its script never started.
    pub retries: u32,
    /// The script runs as root.
    pub sudo: bool,
    /// The script may be started again after a lost connection.
    pub idempotent: bool,
    /// How many hosts may fail before no further host is started.
    pub max_failures: FailureLimit,
    /// `run` and `rollback` ask for confirmation before they touch more hosts than this.
    pub confirm_over: Option<usize>,
}

/// A value of the script's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// Written in the file.
    Plain(String),
    /// Kept elsewhere; read when the run starts, and never shown.
    Secret(SecretRef),
}

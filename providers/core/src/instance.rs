//! A machine as its cloud describes it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A machine as its cloud describes it, in the vocabulary that all clouds share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The id, which the cloud never reuses (`i-0abc`, GCP's number, Azure's `vmId`).
    pub id: InstanceId,
    /// Which provider found it.
    pub provider: ProviderName,
    /// The AWS account, GCP project or Azure subscription that owns it.
    pub account: String,
    /// The region, as the cloud spells it (`eu-west-1`, `europe-west1`, `westeurope`).
    pub region: String,
    /// The zone, as the cloud spells it; empty if the machine has none.
    pub zone: String,
    /// The display name. Not unique: two machines may share one.
    pub name: String,
    /// Where it can be reached.
    pub addresses: Addresses,
    /// Its state.
    pub state: InstanceState,
    /// The image it was started from, if the cloud gives it.
    pub image: Option<String>,
    /// The image's name, if it differs from [`image`](Self::image) and was requested.
    #[serde(default)]
    pub image_name: Option<String>,
    /// The path by which the cloud's own tools name it, if it differs from the id (Azure's resource id).
    #[serde(default)]
    pub resource_id: Option<String>,
    /// When it was started (or created, if the cloud keeps no start time).
    pub launched: Option<Timestamp>,
    /// The cloud's key=value tags (AWS tags, GCP labels, Azure tags). GCP's network tags have an empty value.
    pub tags: BTreeMap<String, String>,
    /// Whether case distinguishes its tag keys.
    #[serde(default)]
    pub tag_keys: TagKeys,
}

impl Instance {
    /// The value of a tag, by its key as the user wrote it.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let exact = self.tags.get(key);
        let folded = || match self.tag_keys {
            TagKeys::Exact => None,
            TagKeys::IgnoreCase => {
                self.tags.iter().find(|(known, _)| known.to_lowercase() == key.to_lowercase()).map(|(_, value)| value)
            }
        };
        exact.or_else(folded).map(String::as_str)
    }
}

/// Whether case distinguishes tag keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagKeys {
    /// `Role` and `role` are two keys (AWS; Google Cloud, which has lower case only).
    #[default]
    Exact,
    /// `Role` and `role` are one key (Azure).
    IgnoreCase,
}

/// A cloud's own id of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(String);

impl InstanceId {
    /// Takes the id as the cloud wrote it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as the cloud wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The short name of a provider: `aws`, `gcp`, `azure`, `static`.
///
/// A newtype instead of an enum, so that a new cloud is a new crate without a change here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderName(Cow<'static, str>);

impl ProviderName {
    /// Makes a provider's name; for the constant in its crate.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as written in configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where an instance can be reached, one field per kind, so that a preference list can choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The first private IPv4 address of the primary interface.
    pub private_ipv4: Option<Ipv4Addr>,
    /// The public IPv4 address.
    pub public_ipv4: Option<Ipv4Addr>,
    /// The IPv6 address, which clouds assign from the global range.
    pub public_ipv6: Option<Ipv6Addr>,
    /// The name that resolves inside the cloud's network.
    pub private_dns: Option<String>,
    /// The name that resolves everywhere.
    pub public_dns: Option<String>,
    /// The address given by hand (static provider); it outranks every preference list.
    pub direct: Option<DirectAddress>,
}

/// An address that a person wrote for one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectAddress {
    /// An IP address or a host name.
    pub host: String,
    /// The SSH port, when it differs from the target's.
    pub port: Option<u16>,
    /// The login, when it differs from the target's.
    pub user: Option<String>,
}

/// The state of an instance, in the vocabulary that all clouds share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// Being created or started.
    Pending,
    /// Started, as far as the cloud can see.
    Running,
    /// Shutting down.
    Stopping,
    /// Exists, but is not running (stopped, deallocated, suspended).
    Stopped,
    /// Deleted permanently; some clouds still list it for a while.
    Terminated,
    /// The cloud gave another state, or none.
    Unknown,
}

impl InstanceState {
    /// Every state, in the order of a machine's life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Stopping, Self::Stopped, Self::Terminated, Self::Unknown];

    /// The state as written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for InstanceState {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| UnknownState(word.to_owned()))
    }
}

/// A word that is not an instance state.
#[derive(Debug, thiserror::Error)]
#[error("unknown instance state `{0}` (known: pending, running, stopping, stopped, terminated, unknown)")]
pub struct UnknownState(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_round_trip() {
        for state in InstanceState::ALL {
            assert_eq!(state.to_string().parse::<InstanceState>().unwrap_or(InstanceState::Unknown), state);
        }
        assert!("dreaming".parse::<InstanceState>().is_err());
    }
}

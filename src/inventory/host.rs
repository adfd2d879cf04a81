//! A host: an instance plus the way to reach it.

use std::fmt;

use provider_core::{Instance, InstanceId, ProviderName};
use serde::{Deserialize, Serialize};

/// An instance plus the address, port and user by which it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Unique across clouds.
    pub id: HostId,
    /// Where to log in, and as which user.
    pub address: SshAddress,
    /// The instance as its cloud describes it.
    pub instance: Instance,
    /// The first selector of the target that found it, counted from 0.
    pub selector: usize,
}

/// An instance's identity across clouds: `aws:i-0abc`, `gcp:1234567890`, `static:db1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(String);

impl HostId {
    /// The identity of one provider's instance.
    pub fn new(provider: &ProviderName, instance: &InstanceId) -> Self {
        Self(format!("{provider}:{instance}"))
    }

    /// The id as shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where to log in, and as which user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshAddress {
    /// An IP address or a host name.
    pub host: String,
    /// The port; `None` leaves it to `ssh`.
    pub port: Option<u16>,
    /// The login; `None` leaves it to `ssh`.
    pub user: Option<String>,
}

//! Host keys from the clouds, requested and stored before the first connection to a host.

use std::{collections::BTreeMap, path::Path};

use provider_core::{Progress, Published};

use super::DeployError;
use crate::{
    config::{HostKeys, Target},
    inventory::{self, Host, HostId, HostKeyAnswers, HostKeysError},
    plan::quoted,
    transport::{KnownHosts, NoKey, OpenSshError},
};

/// Stores the keys that the clouds publish for those `hosts` that have none in the folder `known_hosts`. Returns the
/// hosts that are still without one. Does nothing unless the target says `host_keys = "cloud"`.
///
/// # Errors
/// When a cloud cannot be asked for one of the hosts (keys of other hosts are stored all the same, and not requested
/// again), when a cloud knows no host keys at all, or when nothing can be stored.
pub async fn pin_host_keys(
    target: &Target,
    hosts: impl IntoIterator<Item = &Host>,
    known_hosts: &Path,
    progress: &dyn Progress,
) -> Result<BTreeMap<HostId, NoKey>, DeployError> {
    let mut without = BTreeMap::new();
    match target.ssh.host_keys {
        HostKeys::AcceptNew | HostKeys::Strict => return Ok(without),
        HostKeys::Cloud => {}
    }
    let folder = KnownHosts::open(known_hosts, HostKeys::Cloud).map_err(OpenSshError::from)?;
    let new: Vec<&Host> = hosts.into_iter().filter(|host| !folder.holds_a_key(&host.id)).collect();
    let HostKeyAnswers { published, unasked } = inventory::host_keys(target, &new, progress).await?;
    for (id, published) in published {
        match published {
            Published::Keys(keys) => folder.remember(&id, &keys).map_err(OpenSshError::from)?,
            Published::Nothing { reason, hint } => {
                let accept =
                    format!("fleetwide host-keys {} --hosts {} --accept SHA256:…", target.words, quoted(id.as_str()));
                let by_hand = format!("or, if you know the key's fingerprint, `{accept}`");
                without.insert(id, NoKey { reason, hint: format!("{hint}; {by_hand}") });
            }
        }
    }
    if unasked.is_empty() { Ok(without) } else { Err(HostKeysError::Clouds(unasked).into()) }
}

//! Asks the clouds again during a run.

use std::{num::NonZeroUsize, path::PathBuf};

use async_trait::async_trait;
use provider_core::Silent;

use super::pin_host_keys;
use crate::{
    config::Target,
    inventory::{self, HostId, Inventory},
    rollout::{Fleet, Sighting},
};

/// Repeats a target's discovery. `min_hosts` was for the beginning: fewer hosts are no error here.
#[derive(Debug)]
pub(super) struct Rediscovery {
    target: Target,
    known_hosts: PathBuf,
}

impl Rediscovery {
    pub(super) fn of(target: Target, known_hosts: PathBuf) -> Self {
        Self { target: Target { min_hosts: NonZeroUsize::MIN, ..target }, known_hosts }
    }
}

#[async_trait]
impl Fleet for Rediscovery {
    async fn again(&self) -> Result<Sighting, String> {
        let found = inventory::discover(&self.target, &Silent).await.map_err(|error| error.to_string())?;
        let Inventory { hosts, missing, unaddressed } = found;
        let unaddressed = unaddressed.iter().map(|instance| HostId::new(&instance.provider, &instance.id)).collect();
        // The transport refuses a host that is still without a key.
        pin_host_keys(&self.target, &hosts, &self.known_hosts, &Silent).await.map_err(|error| error.to_string())?;
        Ok(Sighting { hosts, unaddressed, whole: missing.is_empty() })
    }
}

//! Refuses to connect to hosts whose keys nothing vouches for.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use super::{ConnectError, ConnectFailure, Connected, Halt, Transport};
use crate::inventory::{Host, HostId};

/// Why a host's key is not known, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoKey {
    /// What was found instead.
    pub reason: String,
    /// What to try.
    pub hint: String,
}

impl From<NoKey> for ConnectError {
    fn from(NoKey { reason, hint }: NoKey) -> Self {
        Self { kind: ConnectFailure::HostKeyUnknown, message: reason, hint: Some(hint) }
    }
}

/// A transport that refuses some hosts before their first connection.
#[derive(Debug)]
pub struct Vouched {
    inner: Arc<dyn Transport>,
    without: BTreeMap<HostId, NoKey>,
}

impl Vouched {
    /// Refuses the hosts in `without`, which have no key.
    pub fn new(inner: Arc<dyn Transport>, without: BTreeMap<HostId, NoKey>) -> Self {
        Self { inner, without }
    }
}

#[async_trait]
impl Transport for Vouched {
    async fn connect_unless(&self, halt: Halt, host: &Host) -> Result<Connected, ConnectError> {
        match self.without.get(&host.id) {
            Some(refused) => Err(refused.clone().into()),
            None => self.inner.connect_unless(halt, host).await,
        }
    }
}

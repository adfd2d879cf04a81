//! The trait of those clouds that can say which host keys an instance has.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use crate::{error::ProviderError, host_key::HostKey, instance::Instance, progress::Progress};

/// A cloud that passes on what its instances publish of their SSH host keys.
///
/// Not every provider is one: Azure has no such place, and a list of hosts is no cloud.
#[async_trait]
pub trait HostKeySource: Debug + Send + Sync {
    /// What each of `instances` publishes, in their order, all of it within `deadline`.
    ///
    /// # Errors
    /// When the cloud could not be asked for one of them. An instance that publishes nothing is no error.
    async fn host_keys(
        &self,
        instances: &[&Instance],
        deadline: Duration,
        progress: &dyn Progress,
    ) -> Result<Vec<Published>, ProviderError>;
}

/// What an instance publishes of its host keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// These; never empty.
    Keys(Vec<HostKey>),
    /// None that could be used.
    Nothing {
        /// What was found instead, in one line.
        reason: String,
        /// What to switch on, or where to look.
        hint: String,
    },
}

//! A provider for each selector: the one place that knows which clouds this build has.

use provider_core::{Provider, ProviderName};

use crate::config::{Select, Source};

/// The provider that answers `select`.
///
/// # Errors
/// When this build was made without that cloud.
pub fn provider(select: &Select) -> Result<Box<dyn Provider>, NotBuiltIn> {
    match &select.source {
        Source::Static(hosts) => Ok(Box::new(hosts.clone())),
        other => Err(NotBuiltIn { provider: other.provider() }),
    }
}
/// x
#[derive(Debug, thiserror::Error)]
#[error("this build of fleetwide has no `{provider}` provider")]
pub struct NotBuiltIn {
    /// Which cloud.
    pub provider: ProviderName,
}

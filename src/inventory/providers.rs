//! The provider for each selector: the only place that knows which clouds this build has.

use provider_core::{HostKeySource, Provider, ProviderName};

use crate::config::{Select, Source};

/// The provider of `select`.
///
/// # Errors
/// When this build was made without that cloud.
pub fn provider(select: &Select) -> Result<Box<dyn Provider>, NotBuiltIn> {
    match &select.source {
        Source::Static(hosts) => Ok(Box::new(hosts.clone())),
        #[cfg(feature = "aws")]
        Source::Aws(source) => Ok(Box::new(aws(source))),
        #[cfg(feature = "gcp")]
        Source::Gcp(source) => Ok(Box::new(gcp(source))),
        #[cfg(feature = "azure")]
        Source::Azure(source) => Ok(Box::new(azure(source))),
        #[cfg(not(all(feature = "aws", feature = "gcp", feature = "azure")))]
        other => Err(NotBuiltIn { provider: other.provider() }),
    }
}

/// The source of host keys for the instances of `select`; `None` if their provider publishes none, or if this build
/// lacks the cloud (which then has no instances either).
pub(super) fn host_key_source(select: &Select) -> Option<Box<dyn HostKeySource>> {
    match &select.source {
        Source::Static(_) | Source::Azure(_) => None,
        #[cfg(feature = "aws")]
        Source::Aws(source) => Some(Box::new(aws(source))),
        #[cfg(not(feature = "aws"))]
        Source::Aws(_) => None,
        #[cfg(feature = "gcp")]
        Source::Gcp(source) => Some(Box::new(gcp(source))),
        #[cfg(not(feature = "gcp"))]
        Source::Gcp(_) => None,
    }
}

#[cfg(feature = "aws")]
fn aws(source: &crate::config::AwsSource) -> provider_aws::Aws {
    use crate::config::Regions;

    provider_aws::Aws::new(provider_aws::AwsConfig {
        regions: match &source.regions {
            Regions::FromChain => provider_aws::Regions::Named(Vec::new()),
            Regions::All => provider_aws::Regions::All,
            Regions::Listed(regions) => provider_aws::Regions::Named(regions.clone()),
        },
        zones: source.zones.clone(),
        vpcs: source.vpcs.clone(),
        profile: source.profile.clone(),
        assume_role: source.assume_role.as_ref().map(|role| provider_aws::AssumeRole {
            arn: role.arn.clone(),
            external_id: role.external_id.clone(),
            session_name: None,
        }),
        endpoint: source.endpoint.clone(),
    })
}

#[cfg(feature = "gcp")]
fn gcp(source: &crate::config::GcpSource) -> provider_gcp::Gcp {
    provider_gcp::Gcp::new(provider_gcp::GcpConfig {
        projects: source.projects.clone(),
        regions: source.regions.clone(),
        zones: source.zones.clone(),
        networks: source.networks.clone(),
        credentials_file: source.credentials_file.clone(),
        endpoint: source.endpoint.clone(),
    })
}

#[cfg(feature = "azure")]
fn azure(source: &crate::config::AzureSource) -> provider_azure::Azure {
    provider_azure::Azure::new(provider_azure::AzureConfig {
        subscriptions: source.subscriptions.clone(),
        resource_groups: source.resource_groups.clone(),
        scale_sets: source.scale_sets.clone(),
        regions: source.regions.clone(),
        zones: source.zones.clone(),
        networks: source.networks.clone(),
        endpoint: source.endpoint.clone(),
    })
}

/// The configuration names a cloud that this build lacks.
#[derive(Debug, thiserror::Error)]
#[error("this build of fleetwide has no `{provider}` provider")]
pub struct NotBuiltIn {
    /// Which cloud.
    pub provider: ProviderName,
}

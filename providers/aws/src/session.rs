//! Credentials, default region and endpoint, resolved once for all regions of one query.
//!
//! Credentials are resolved here and not by the first request, so that their absence is one clear error instead of one
//! per region, and a role is assumed only once. They outlive a query, so nothing is kept between queries.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig,
    default_provider::credentials::DefaultCredentialsChain,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    imds::region::ImdsRegionProvider,
    meta::{
        credentials::CredentialsProviderChain,
        region::{ProvideRegion, RegionProviderChain},
    },
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
    sts::AssumeRoleProvider,
};
use aws_sdk_ec2::{
    Client,
    config::{
        Credentials, ProvideCredentials, SharedCredentialsProvider,
        retry::{RetryConfig, RetryPartition, TokenBucket},
        timeout::TimeoutConfig,
    },
};
use aws_types::{origin::Origin, service_config::ServiceConfigKey};
use provider_core::{Endpoint, FailureKind};

use crate::{
    attempts::{Listener, OperationError},
    config::{AssumeRole, AwsConfig, Regions},
    failure::{Failure, causes},
    loopback,
};

/// Where `All` regions are listed and a stand-in is queried, if nothing else is set. Every account of AWS's own
/// partition has this region.
const HOME_REGION: &str = "us-east-1";

/// How long one attempt may take. A page of a thousand instances takes some seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(45);

/// More than any deadline has room for: the deadline or the listener ends the retries.
const MOST_ATTEMPTS: u32 = 1000;

/// The longest wait after the first failure. It doubles from there, and each wait is shortened at random.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The longest wait between two attempts.
const MOST_BACKOFF: Duration = Duration::from_secs(10);

/// The data that all regions of one query share.
#[derive(Debug)]
pub(crate) struct Session {
    sdk: SdkConfig,
    endpoint: Option<Endpoint>,
    region: Region,
}

impl Session {
    /// Resolves endpoint, region and credentials.
    pub(crate) async fn open(config: &AwsConfig) -> Result<Self, Failure> {
        let sdk = loader(config).load().await;
        let endpoint = match &config.endpoint {
            Some(endpoint) => Some(endpoint.clone()),
            None => endpoint_from_surroundings("EC2", &sdk)?,
        };
        let loopback = endpoint.as_ref().filter(|endpoint| endpoint.is_loopback());
        if loopback.is_none() {
            // The SDK finds STS's endpoint by itself, and would send a signed request with a session token in the
            // clear.
            endpoint_from_surroundings("STS", &sdk)?;
        }
        let region = default_region(config, &sdk, loopback).await?;

        let mut builder = sdk.into_builder().region(region.clone());
        if let Some(endpoint) = loopback {
            // A loopback override stands for the whole cloud: STS requests must not go to the real one, and no
            // HTTP_PROXY may see requests meant for this machine.
            builder = builder.endpoint_url(endpoint.as_str());
            builder.insert_origin("endpoint_url", Origin::shared_config());
            builder = builder.http_client(loopback::client(endpoint));
        }
        let credentials = credentials(config, &region, loopback).await?;
        let sdk = builder.credentials_provider(SharedCredentialsProvider::new(credentials)).build();
        let sdk = match &config.assume_role {
            Some(role) => {
                let credentials = assume(role, &sdk).await?;
                sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
            }
            None => sdk,
        };
        Ok(Self { sdk, endpoint, region })
    }

    /// A session with this SDK configuration.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(sdk: SdkConfig, region: Region) -> Self {
        Self { sdk, endpoint: None, region }
    }

    /// The default region.
    pub(crate) fn region(&self) -> &str {
        self.region.as_ref()
    }

    /// A client for one region, whose attempts `listener` observes.
    pub(crate) fn client<E: OperationError>(&self, region: &str, listener: &Listener<E>) -> Client {
        // The SDK's retry quota is shared by the whole process and never refilled over time, so a long-lived process
        // would end up without retries.
        let retries = RetryPartition::custom("fleetwide").token_bucket(TokenBucket::unlimited()).build();
        let mut builder = aws_sdk_ec2::config::Builder::from(&self.sdk)
            .region(Region::new(region.to_owned()))
            .retry_partition(retries)
            .interceptor(listener.clone())
            .retry_classifier(listener.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint_url(endpoint.as_str());
        }
        Client::from_conf(builder.build())
    }
}

/// Loads everything that needs no network: the environment and the shared config files.
fn loader(config: &AwsConfig) -> ConfigLoader {
    let mut profile = ProfileFileRegionProvider::builder();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .no_credentials()
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(MOST_ATTEMPTS)
                .with_initial_backoff(FIRST_BACKOFF)
                .with_max_backoff(MOST_BACKOFF),
        )
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build());
    if let Some(name) = &config.profile {
        profile = profile.profile_name(name);
        loader = loader.profile_name(name);
    }
    loader.region(RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile.build()))
}

/// `AWS_ENDPOINT_URL_<service>`, `AWS_ENDPOINT_URL`, or the same from the profile, in the SDK's own order.
///
/// The SDK would find it by itself. But whether EC2's endpoint is on loopback decides how credentials are resolved, and
/// neither EC2 nor STS may be queried over plain http elsewhere.
fn endpoint_from_surroundings(service: &str, sdk: &SdkConfig) -> Result<Option<Endpoint>, Failure> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let own = key.ok().and_then(|key| sdk.service_config()?.load_config(key));
    let Some(url) = own.or_else(|| sdk.endpoint_url().map(str::to_owned)) else { return Ok(None) };
    let refused = |error: provider_core::endpoint::BadEndpoint| {
        let hint = format!("mend AWS_ENDPOINT_URL_{service}, AWS_ENDPOINT_URL, or `endpoint_url` in the profile");
        Failure::new(FailureKind::Configuration, error.to_string(), hint)
    };
    url.parse().map(Some).map_err(refused)
}

/// The region of the environment or the profile; else the first configured one; else this machine's.
async fn default_region(config: &AwsConfig, sdk: &SdkConfig, loopback: Option<&Endpoint>) -> Result<Region, Failure> {
    let surroundings = match (&config.profile, loopback) {
        // A stand-in belongs to no account, so AWS_PROFILE does not apply to it.
        (None, Some(_)) => EnvironmentVariableRegionProvider::new().region().await,
        (Some(_), _) | (None, None) => sdk.region().cloned(),
    };
    if let Some(region) = surroundings {
        return Ok(region);
    }
    if let Regions::Named(named) = &config.regions
        && let Some(first) = named.first()
    {
        return Ok(Region::new(first.clone()));
    }
    // For a stand-in on loopback, this machine's EC2 metadata is not queried: off EC2 that hangs until it times out.
    if loopback.is_some() {
        return Ok(Region::from_static(HOME_REGION));
    }
    if let Some(region) = ImdsRegionProvider::builder().build().region().await {
        return Ok(region);
    }
    match config.regions {
        Regions::All => Ok(Region::from_static(HOME_REGION)),
        Regions::Named(_) => Err(Failure::new(
            FailureKind::Configuration,
            "no region is given, and neither AWS_REGION nor the profile has one",
            "set `regions` in the selector (`\"all\"` works), or AWS_REGION",
        )),
    }
}

/// Queries the credential chain. For a stand-in on loopback the chain is only the environment's keys, and everything
/// that a named profile needs (STS for its role, for example) goes to the stand-in too.
async fn credentials(config: &AwsConfig, region: &Region, loopback: Option<&Endpoint>) -> Result<Credentials, Failure> {
    let provider = match (&config.profile, loopback) {
        (Some(profile), loopback) => {
            let mut surroundings = ProviderConfig::without_region().with_region(Some(region.clone()));
            if let Some(endpoint) = loopback {
                surroundings = surroundings.with_http_client(loopback::Diverted::to(endpoint));
            }
            let provider = ProfileFileCredentialsProvider::builder().configure(&surroundings).profile_name(profile);
            SharedCredentialsProvider::new(provider.build())
        }
        (None, Some(_)) => SharedCredentialsProvider::new(
            CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
                .or_else("Loopback", Credentials::new("loopback", "loopback", None, None, "loopback")),
        ),
        (None, None) => {
            SharedCredentialsProvider::new(DefaultCredentialsChain::builder().region(region.clone()).build().await)
        }
    };
    provider.provide_credentials().await.map_err(|error| no_credentials(config.profile.as_deref(), &causes(&error)))
}

fn no_credentials(profile: Option<&str>, why: &str) -> Failure {
    let (tried, hint) = match profile {
        Some(profile) => (
            format!("profile `{profile}` of ~/.aws/config and ~/.aws/credentials"),
            format!("is it spelt right? try `aws sts get-caller-identity --profile {profile}`, or `aws sso login`"),
        ),
        None => (
            "environment (AWS_ACCESS_KEY_ID), profile (AWS_PROFILE or default, SSO and process included), web \
             identity token, container endpoint, EC2 instance metadata"
                .to_owned(),
            "give one of them; in a pipeline, use the platform's OIDC login or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY; on EC2, attach an instance profile; try `aws sts get-caller-identity`"
                .to_owned(),
        ),
    };
    // The SDK's message for "none" names its types instead of the places it tried.
    let why = if why.contains("no credentials found in chain") { "none found" } else { why };
    Failure::new(FailureKind::Credentials, format!("{why}; tried: {tried}"), hint)
}

async fn assume(role: &AssumeRole, sdk: &SdkConfig) -> Result<Credentials, Failure> {
    let mut provider = AssumeRoleProvider::builder(&role.arn)
        .session_name(role.session_name.as_deref().unwrap_or("fleetwide"))
        // STS gets only a few attempts: a refusal is final, and there is a deadline.
        .configure(&sdk.to_builder().retry_config(RetryConfig::standard()).build());
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    provider.build().await.provide_credentials().await.map_err(|error| {
        Failure::new(
            FailureKind::Credentials,
            format!("cannot assume role {}: {}", role.arn, causes(&error)),
            "does the role's trust policy name whoever asks, and its external id match `external_id`?",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_name_the_whole_chain() {
        let failure = no_credentials(None, "no providers in chain provided credentials");
        assert_eq!(failure.kind, FailureKind::Credentials);
        for link in ["environment", "profile", "web identity", "SSO", "container", "instance metadata"] {
            assert!(failure.message.contains(link), "{link}: {}", failure.message);
        }
        assert!(no_credentials(Some("prod"), "not found").message.contains("`prod`"));
    }
}

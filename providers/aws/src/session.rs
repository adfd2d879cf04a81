//! Who asks, from where and whom: credentials, default region and endpoint, settled once for all
//! regions of one question.
//!
//! Credentials are resolved here and not by the first request, so that their absence is one clear
//! error and not one per region, and a role is assumed once. They live for at least some minutes and
//! a question for less, so nothing is kept from one question to the next.

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

/// Where `All` regions are listed, and a stand-in is asked, when nothing says otherwise: every account
/// of AWS's own partition has it.
const HOME_REGION: &str = "us-east-1";

/// How long one attempt may take. A page of a thousand instances takes some seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(45);

/// More than any deadline has room for: what ends the retries is the deadline, or the listener.
const MOST_ATTEMPTS: u32 = 1000;

/// The wait after the first failure is at most this; it doubles from there, and each is cut at random.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The longest wait between two attempts.
const MOST_BACKOFF: Duration = Duration::from_secs(10);

/// What all regions of one question share.
#[derive(Debug)]
pub(crate) struct Session {
    sdk: SdkConfig,
    endpoint: Option<Endpoint>,
    region: Region,
}

impl Session {
    /// Settles endpoint, region and credentials.
    pub(crate) async fn open(config: &AwsConfig) -> Result<Self, Failure> {
        let sdk = loader(config).load().await;
        let endpoint = match &config.endpoint {
            Some(endpoint) => Some(endpoint.clone()),
            None => endpoint_from_surroundings("EC2", &sdk)?,
        };
        let loopback = endpoint.as_ref().filter(|endpoint| endpoint.is_loopback());
        if loopback.is_none() {
            // The SDK finds STS's by itself, and would sign a request with a session token into the clear.
            endpoint_from_surroundings("STS", &sdk)?;
        }
        let region = default_region(config, &sdk, loopback).await?;

        let mut builder = sdk.into_builder().region(region.clone());
        if let Some(endpoint) = loopback {
            // A loopback override stands for the whole cloud: STS must not go to the real one. Nor may
            // an HTTP_PROXY see what is meant for this machine.
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

    /// One that asks as `sdk` says.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(sdk: SdkConfig, region: Region) -> Self {
        Self { sdk, endpoint: None, region }
    }

    /// The region that is asked when none is named.
    pub(crate) fn region(&self) -> &str {
        self.region.as_ref()
    }

    /// A client for one region, whose attempts `listener` hears.
    pub(crate) fn client<E: OperationError>(&self, region: &str, listener: &Listener<E>) -> Client {
        // The SDK's quota of retries is shared by the whole process and never refilled by time; a
        // long-lived process would end up without retries.
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

/// Loads all that needs no network: the environment and the shared config files.
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
/// The SDK would find it by itself, but whether EC2's is on loopback decides how credentials are
/// sought, and neither EC2 nor STS may be asked over plain http elsewhere.
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

/// The region of the environment or the profile; else the first one asked for; else this machine's.
async fn default_region(config: &AwsConfig, sdk: &SdkConfig, loopback: Option<&Endpoint>) -> Result<Region, Failure> {
    let surroundings = match (&config.profile, loopback) {
        // A stand-in is nobody's account: what AWS_PROFILE names has nothing to do with it.
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
    // With a stand-in on loopback, this machine is not asked whether it is an EC2 instance: off EC2
    // the question hangs until it times out.
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

/// Asks the credential chain. For a stand-in on loopback there is none but the environment's keys, and
/// all that a named profile needs (STS for its role, say) is asked of the stand-in too.
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
    // The SDK's own words for "none" name its types and not the places.
    let why = if why.contains("no credentials found in chain") { "none found" } else { why };
    Failure::new(FailureKind::Credentials, format!("{why}; tried: {tried}"), hint)
}

async fn assume(role: &AssumeRole, sdk: &SdkConfig) -> Result<Credentials, Failure> {
    let mut provider = AssumeRoleProvider::builder(&role.arn)
        .session_name(role.session_name.as_deref().unwrap_or("fleetwide"))
        // STS is asked a few times at most: a refusal is final, and there is a deadline.
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

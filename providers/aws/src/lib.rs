//! Finds EC2 instances.
//!
//! A query resolves the credentials (`session`), lists the regions if all are wanted, queries the regions concurrently,
//! a thousand instances a call (`client`), and translates the answers (`response`). Finding instances makes no call per
//! instance. The names of images, if wanted, take one more call per region.
//!
//! Reading order: `config`, `session` (with `loopback`, for stand-ins), `client`, `attempts` (observing retries),
//! `wire` (checks of an answer before it is believed), `filter` and `response` (the request and the answer, both pure),
//! `failure` (errors into words); then `host_keys` on `console`: the SSH host keys that instances print, which EC2
//! gives out only instance by instance.
//!
//! Not in here: which address of an instance is used, whether an empty answer is an error, anything of another cloud.

mod attempts;
mod client;
mod config;
mod console;
mod failure;
mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod host_keys;
mod loopback;
mod response;
mod session;
mod wire;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use provider_core::{
    Deadline, FailureKind, Instance, Progress, Provider, ProviderError, ProviderName, Scope, ScopeError, Selector,
    gather,
};
use tokio::time::timeout;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use client::Place;
pub use config::{AssumeRole, AwsConfig, Regions};
use session::Session;

/// This provider's name.
pub const NAME: ProviderName = ProviderName::new("aws");

/// Each region enforces the deadline itself and says why it was missed. `gather` steps in only if that fails.
const GRACE: Duration = Duration::from_secs(5);

/// The regions of one AWS account.
#[derive(Clone, Debug)]
pub struct Aws {
    config: AwsConfig,
}

impl Aws {
    /// Takes the scope. Nothing is read or queried before the first call.
    pub fn new(config: AwsConfig) -> Self {
        Self { config }
    }

    async fn open(&self, deadline: Duration) -> Result<Session, ScopeError> {
        let scope = Scope::new(&NAME, self.config.identity().unwrap_or_else(|| "default credentials".to_owned()));
        // The SDK logs a refusal of STS in full, and its text may hold the session token. The error says what matters.
        let opening = Session::open(&self.config).with_subscriber(NoSubscriber::default());
        match timeout(deadline, opening).await {
            Ok(opened) => opened.map_err(|failure| failure.at(&scope)),
            Err(_) => Err(ScopeError::new(scope, FailureKind::TimedOut, "no credentials within the deadline")
                .with_hint("is the SSO, STS or metadata endpoint reachable from here?")),
        }
    }

    /// The regions to ask, each once.
    async fn regions(
        &self,
        session: &Session,
        deadline: Duration,
        progress: &dyn Progress,
    ) -> Result<BTreeSet<String>, ScopeError> {
        let named = match &self.config.regions {
            Regions::All => {
                let region = session.region();
                let scope = &self.scope(region);
                let deadline = Deadline::from_now(deadline);
                let listed = Place { session, region, scope, deadline, progress }.regions().await?;
                return Ok(listed.into_iter().collect());
            }
            Regions::Named(named) if named.is_empty() => BTreeSet::from([session.region().to_owned()]),
            Regions::Named(named) => named.iter().cloned().collect(),
        };
        // A region's name becomes part of a host name.
        let plain = |name: &&String| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        match named.iter().find(|name| !plain(name)) {
            None => Ok(named),
            Some(bad) => Err(ScopeError::new(
                self.scope(bad),
                FailureKind::Scope,
                format!("`{bad}` is not the name of a region"),
            )
            .with_hint("regions look like `eu-west-1`; `regions = \"all\"` means every one of the account")),
        }
    }

    fn scope(&self, region: &str) -> Scope {
        match self.config.identity() {
            Some(identity) => Scope::new(&NAME, format_args!("{region} ({identity})")),
            None => Scope::new(&NAME, region),
        }
    }
}

#[async_trait]
impl Provider for Aws {
    fn name(&self) -> ProviderName {
        NAME
    }

    async fn instances(&self, selector: &Selector, progress: &dyn Progress) -> Result<Vec<Instance>, ProviderError> {
        let deadline = selector.deadline;
        let single = |failure| ProviderError::single(NAME, failure);
        let session = &self.open(deadline).await.map_err(single)?;
        let regions = self.regions(session, deadline, progress).await.map_err(single)?;
        let scopes = regions.into_iter().map(|region| (self.scope(&region), region));
        let patient = Selector { deadline: deadline + GRACE, ..selector.clone() };
        gather(NAME, &patient, progress, scopes, |scope, region| async move {
            let deadline = Deadline::from_now(deadline);
            let place = Place { session, region: &region, scope: &scope, deadline, progress };
            let mut found = place.instances(selector, &self.config).await?;
            if selector.image_names {
                place.name_images(&mut found).await?;
            }
            Ok(found)
        })
        .await
    }
}

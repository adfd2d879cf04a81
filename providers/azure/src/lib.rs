//! Azure: virtual machines and scale-set instances, found through the Resource Manager.
//!
//! Reading order: [`AzureConfig`] (where to look), `survey` (the queries for one subscription, and how the answers
//! join), `client` (the calls; the only file that names the SDK), `listing` (one list: paging, and items that strict
//! models cannot read), `wire` (one request: where it may go, when it is retried), `machine` and `network` (the data
//! that is read), `power` (the state of a machine), `response` (all of it -> [`Instance`]), `credentials` (the
//! identity) and `failure` (what goes wrong).
//!
//! A subscription is read with bulk lists only, never with a call per machine. Resource Graph would answer everything
//! in one query, but it can be hours behind, which is too late for a deploy.

mod client;
mod config;
mod credentials;
mod environment;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod listing;
mod machine;
mod network;
mod power;
mod response;
mod survey;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use provider_core::{Instance, Progress, Provider, ProviderError, ProviderName, Scope, ScopeError, Selector, gather};
use tokio::sync::mpsc;

use crate::{
    client::Client,
    credentials::Credentials,
    environment::Environment,
    wire::{Connections, Wire, relay},
};

pub use crate::config::AzureConfig;

/// The provider's name in configuration and in every instance.
pub const NAME: ProviderName = ProviderName::new("azure");

/// The provider: one selector's scope in Azure.
#[derive(Clone, Debug)]
pub struct Azure {
    config: AzureConfig,
    environment: Environment,
}

impl Azure {
    /// A provider for `config`. The environment of this process supplies what `config` leaves open: the subscription,
    /// the endpoint, the credentials.
    pub fn new(config: AzureConfig) -> Self {
        Self { config, environment: Environment::of_process() }
    }

    /// Queries one subscription, all its lists concurrently.
    async fn ask(
        &self,
        connections: Connections,
        scope: Scope,
        subscription: String,
        selector: &Selector,
        progress: &dyn Progress,
    ) -> Result<Vec<Instance>, ScopeError> {
        let (steps, heard) = mpsc::unbounded_channel();
        let allowed = selector.deadline;
        let credentials = Arc::new(Credentials::new(&connections, &self.environment, &subscription, allowed));
        let wire = Wire::new(connections, allowed, steps);
        let client = Client::new(Arc::new(wire), Arc::clone(&credentials), subscription.clone());
        let survey = survey::subscription(&client, &self.config, selector);
        relay(&scope, progress, heard, survey)
            .await
            .map_err(|failure| failure.in_subscription(scope, &subscription, &credentials))
    }
}

#[async_trait]
impl Provider for Azure {
    fn name(&self) -> ProviderName {
        NAME
    }

    async fn instances(&self, selector: &Selector, progress: &dyn Progress) -> Result<Vec<Instance>, ProviderError> {
        let unasked = |failure| ProviderError::single(NAME, failure);
        let subscriptions = self.config.subscriptions(&self.environment).map_err(unasked)?;
        let endpoint = self.config.endpoint(&self.environment).map_err(unasked)?;
        let connections = Connections::new(endpoint).map_err(unasked)?;
        let scopes = subscriptions.into_iter().map(|id| (Scope::new(&NAME, format_args!("subscription {id}")), id));
        gather(NAME, selector, progress, scopes, |scope, subscription| {
            self.ask(connections.clone(), scope, subscription, selector, progress)
        })
        .await
    }
}

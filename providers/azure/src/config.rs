//! Where to look in Azure, and which machines are in scope. Plain data.

use provider_core::{Endpoint, FailureKind, Scope, ScopeError};
use wildmatch::WildMatch;

use crate::{
    NAME,
    environment::{ENDPOINT, Environment, SUBSCRIPTION},
    machine::{Machine, ScaleSet},
};

/// Where to look. An empty list does not restrict.
///
/// Names are patterns (`*` and `?`) and ignore case, as Azure itself does.
#[derive(Clone, Debug, Default)]
pub struct AzureConfig {
    /// Subscription ids. Default: `AZURE_SUBSCRIPTION_ID`.
    pub subscriptions: Vec<String>,
    /// Resource groups.
    pub resource_groups: Vec<String>,
    /// Scale sets, Uniform or Flexible. If any are named, only their members are found.
    pub scale_sets: Vec<String>,
    /// Locations, as `westeurope` or `West Europe`.
    pub regions: Vec<String>,
    /// Availability zones: `1`, `2`, `3`.
    pub zones: Vec<String>,
    /// Virtual networks. One of a machine's interfaces must be in one of them.
    pub networks: Vec<String>,
    /// Another address of the Resource Manager: a sovereign cloud, or a stand-in on loopback, which is queried without
    /// credentials. Default: `FLEETWIDE_AZURE_ENDPOINT`, then the public cloud.
    pub endpoint: Option<Endpoint>,
}

impl AzureConfig {
    /// The subscriptions to query, each once.
    pub(crate) fn subscriptions(&self, environment: &Environment) -> Result<Vec<String>, ScopeError> {
        let mut ids: Vec<String> = self.subscriptions.iter().map(|id| id.trim().to_lowercase()).collect();
        if ids.is_empty() {
            ids.extend(environment.get(SUBSCRIPTION).map(str::to_lowercase));
        }
        ids.sort();
        ids.dedup();
        if ids.is_empty() {
            return Err(configuration("no subscription is named").with_hint(format!(
                "set `subscriptions` in the selector or {SUBSCRIPTION}; `az account list --output table` shows yours"
            )));
        }
        // The id becomes part of a path that receives a bearer token.
        let odd = |id: &&String| id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        match ids.iter().find(odd) {
            Some(id) => Err(configuration(format!("`{id}` is no subscription id"))
                .with_hint("give the id, not the name; `az account list --output table` shows both")),
            None => Ok(ids),
        }
    }

    /// The endpoint that replaces the public cloud's, if any.
    pub(crate) fn endpoint(&self, environment: &Environment) -> Result<Option<Endpoint>, ScopeError> {
        if self.endpoint.is_some() {
            return Ok(self.endpoint.clone());
        }
        let from_environment = environment.get(ENDPOINT).map(str::parse::<Endpoint>).transpose();
        from_environment.map_err(|error| configuration(format!("{ENDPOINT}: {error}")))
    }

    /// True when `set` may have members in scope.
    pub(crate) fn wants_set(&self, set: &ScaleSet) -> bool {
        any(&self.scale_sets, set.id.name())
            && any(&self.resource_groups, set.id.group())
            && any_location(&self.regions, &set.location)
    }

    /// True when `machine` is in scope, not counting its networks.
    pub(crate) fn wants(&self, machine: &Machine) -> bool {
        let set = machine.scale_set().map_or("", |set| set.name());
        any(&self.scale_sets, set)
            && any(&self.resource_groups, machine.id.group())
            && any_location(&self.regions, &machine.location)
            && any(&self.zones, machine.zone())
    }

    /// True when a machine with interfaces in `networks` is in scope.
    pub(crate) fn wants_networks(&self, networks: &[&str]) -> bool {
        self.networks.is_empty() || networks.iter().any(|network| any(&self.networks, network))
    }
}

/// True when `patterns` is empty or one of them matches `name`.
fn any(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| WildMatch::new_case_insensitive(pattern).matches(name))
}

/// Like [`any`]. Azure accepts a location's display name (`West Europe`) wherever it accepts `westeurope`.
fn any_location(patterns: &[String], location: &str) -> bool {
    let plain = |text: &str| text.replace(' ', "");
    patterns.is_empty() || patterns.iter().any(|p| WildMatch::new_case_insensitive(&plain(p)).matches(&plain(location)))
}

/// A failure before any subscription is queried.
pub(crate) fn configuration(message: impl Into<String>) -> ScopeError {
    ScopeError::new(Scope::new(&NAME, "selector"), FailureKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().copied().collect()
    }

    fn subscriptions(ids: &[&str]) -> AzureConfig {
        AzureConfig { subscriptions: ids.iter().map(|id| (*id).to_owned()).collect(), ..AzureConfig::default() }
    }

    #[test]
    fn each_subscription_is_asked_once() {
        let ids = subscriptions(&["B-2", "a-1", "b-2"]).subscriptions(&environment(&[])).unwrap();
        assert_eq!(ids, ["a-1", "b-2"]);
    }

    #[test]
    fn the_environment_fills_in_what_is_left_open() {
        let environment = environment(&[(SUBSCRIPTION, "e-1"), (ENDPOINT, "http://127.0.0.1:9")]);
        assert_eq!(subscriptions(&[]).subscriptions(&environment).unwrap(), ["e-1"]);
        assert_eq!(subscriptions(&["a-1"]).subscriptions(&environment).unwrap(), ["a-1"]);
        let endpoint = subscriptions(&[]).endpoint(&environment).unwrap();
        assert_eq!(endpoint.map(|endpoint| endpoint.to_string()).as_deref(), Some("http://127.0.0.1:9"));
    }

    #[test]
    fn no_subscription_and_no_id_are_errors_that_say_what_to_do() {
        for config in [subscriptions(&[]), subscriptions(&["my subscription"]), subscriptions(&["../x"])] {
            let error = config.subscriptions(&environment(&[])).unwrap_err();
            assert_eq!(error.kind, FailureKind::Configuration);
            assert!(error.hint.unwrap().contains("az account list"));
        }
        let error = subscriptions(&[]).endpoint(&environment(&[(ENDPOINT, "http://10.0.0.1")])).unwrap_err();
        assert!(error.message.contains(ENDPOINT), "{error}");
    }

    #[test]
    fn names_are_patterns_without_case() {
        assert!(any(&[], "anything") && any(&["SHOP-*".into()], "shop-prod") && !any(&["shop".into()], "shop-prod"));
        assert!(any_location(&["West Europe".into()], "westeurope") && !any_location(&["westeurope".into()], "eastus"));
    }
}

//! Google Cloud: Compute Engine instances, by label, over any number of projects.
//!
//! One `instances.aggregatedList` per project returns every zone, 500 instances a page. Projects are queried
//! concurrently. An unreachable zone is an error, not an empty zone.
//!
//! Reading order: [`config`] (the user's choices), `credentials` (the identity), `filter` (the server-side filter),
//! `client` (one page), `retry` (until the deadline), `response` (a page in the vocabulary of `provider-core`),
//! `failure` (errors in that vocabulary too), `host_keys` (the SSH keys that single instances publish).
//!
//! GCP's key=value tags are its labels. Its network tags have no value: they match as `tag = ""`.
//! Not in here: managed instance groups as such (their members are ordinary instances), and images,
//! which the list does not name.

mod client;
pub mod config;
mod credentials;
mod failure;
mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod host_keys;
mod response;
mod retry;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use provider_core::{
    Deadline, FailureKind, Instance, Progress, Provider, ProviderError, ProviderName, Scope, ScopeError, Selector,
    Step, gather, lock,
};

use crate::{
    client::{Client, PageQuery},
    config::Environment,
    failure::Failure,
    response::{Machine, Place, Stated},
    retry::Retry,
};

pub use config::GcpConfig;

/// The provider's name in configuration.
pub const NAME: ProviderName = ProviderName::new("gcp");

/// The API's name of the operation that finds instances.
const OPERATION: &str = "aggregatedList";

/// The Compute Engine instances of one selector's projects.
#[derive(Clone, Debug)]
pub struct Gcp {
    config: GcpConfig,
    environment: Environment,
}

impl Gcp {
    /// A provider for `config`. The process's environment, read now, supplies what `config` leaves open.
    pub fn new(config: GcpConfig) -> Self {
        Self { config, environment: Environment::of_process() }
    }

    /// Every instance of one project, and the places that could not be read.
    async fn project(
        &self,
        client: &Client,
        project: &str,
        selector: &Selector,
        retry: &Retry<'_>,
    ) -> Result<(Vec<Instance>, Outages), Failure> {
        let filter = filter::for_server(selector);
        let mut found = Vec::new();
        let mut outages = Outages::new();
        let mut seen = HashSet::new();
        let mut token = None;
        loop {
            let query = PageQuery { project, filter: filter.as_deref(), token: token.as_deref() };
            let page = retry.until_deadline(OPERATION, || client.page(&query)).await?;
            retry.report(Step::Page { instances: page.machines.len() });
            for machine in page.machines {
                if self.config.admits(&machine.instance.zone, &machine.networks) {
                    found.push(with_known_state(selector, machine)?);
                }
            }
            let concerned = page.outages.into_iter().filter(|(place, _)| self.concerns(place));
            outages.extend(concerned);
            let Some(next) = page.next else { return Ok((found, outages)) };
            if !seen.insert(next.clone()) {
                return Err(Failure::bad_answer("the API gave the same page token twice: the list would never end"));
            }
            token = Some(next);
        }
    }

    /// True when the selector could have instances in `place`.
    fn concerns(&self, place: &Place) -> bool {
        match place {
            Place::Zone(zone) => self.config.admits_zone(zone),
            Place::Region(region) => self.config.admits_region(region),
            Place::Elsewhere => true,
        }
    }

    /// The projects to query: the configured ones, each once, else the environment's, else the credentials' own.
    async fn projects(&self, client: &Client) -> Result<BTreeSet<String>, Failure> {
        if !self.config.projects.is_empty() {
            return self.config.projects.iter().map(|name| checked_project(name)).collect();
        }
        let own = match self.environment.project.clone() {
            Some(project) => Some(project),
            None => client.quota_project().await?,
        };
        match own {
            Some(project) => Ok(BTreeSet::from([checked_project(&project)?])),
            None => Err(Failure::configuration("no project is named")
                .with_hint("list `projects` in the selector, or set GOOGLE_CLOUD_PROJECT")),
        }
    }
}

/// The instance of `machine`. It is an error if only its missing state keeps it from matching: leaving it out could
/// miss a running server.
fn with_known_state(selector: &Selector, Machine { instance, status, .. }: Machine) -> Result<Instance, Failure> {
    let wanted = || selector.tags.matches_by(|key| instance.tag(key));
    match status {
        Stated::No if wanted() && !selector.matches(&instance) => {
            let Instance { name, zone, .. } = &instance;
            Err(Failure::bad_answer(format!("the description of instance {name} in {zone} has no status")).with_hint(
                "look at it with `gcloud compute instances describe`, or leave its zone out of the selector",
            ))
        }
        Stated::No | Stated::Yes => Ok(instance),
    }
}

/// The places that could not be read, and the API's message about each.
type Outages = BTreeMap<Place, String>;

#[async_trait]
impl Provider for Gcp {
    fn name(&self) -> ProviderName {
        NAME
    }

    async fn instances(&self, selector: &Selector, progress: &dyn Progress) -> Result<Vec<Instance>, ProviderError> {
        let everything = Scope::new(&NAME, "projects");
        let prepared = tokio::time::timeout(selector.deadline, async {
            let client = Client::new(&self.config, &self.environment).await?;
            let projects = self.projects(&client).await?;
            Ok::<_, Failure>((client, projects))
        });
        let (client, projects) = prepared
            .await
            .map_err(|_| ScopeError::timed_out(everything.clone(), selector.deadline))
            .and_then(|prepared| prepared.map_err(|failure| failure.in_scope(everything)))
            .map_err(|failure| ProviderError::single(NAME, failure))?;

        let unreadable = Mutex::new(Vec::new());
        let scopes = projects.into_iter().map(|project| (project_scope(&project), project));
        let answer = gather(NAME, selector, progress, scopes, |scope, project| {
            let (client, unreadable) = (&client, &unreadable);
            async move {
                let retry = Retry::new(&scope, progress, Deadline::from_now(selector.deadline));
                let (found, outages) = self
                    .project(client, &project, selector, &retry)
                    .await
                    .map_err(|failure| failure.about_project(&project).in_scope(scope.clone()))?;
                let failures = outages.into_iter().map(|(place, words)| outage_error(&project, &place, &words));
                lock(unreadable).extend(failures);
                Ok(found)
            }
        })
        .await;
        // For a caller that allows a partial answer, an outage must not cost the project's other zones.
        with_outages(answer, unreadable.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Adds the places that could not be read to the result of `gather`.
fn with_outages(
    answer: Result<Vec<Instance>, ProviderError>,
    outages: Vec<ScopeError>,
) -> Result<Vec<Instance>, ProviderError> {
    match answer {
        Ok(found) if outages.is_empty() => Ok(found),
        Ok(found) => Err(ProviderError { provider: NAME, failures: outages, found }),
        Err(mut error) => {
            error.failures.extend(outages);
            Err(error)
        }
    }
}

fn project_scope(project: &str) -> Scope {
    Scope::new(&NAME, format_args!("project {project}"))
}

fn outage_error(project: &str, place: &Place, words: &str) -> ScopeError {
    let scope = match place {
        Place::Zone(name) => Scope::new(&NAME, format_args!("project {project} zone {name}")),
        Place::Region(name) => Scope::new(&NAME, format_args!("project {project} region {name}")),
        Place::Elsewhere => project_scope(project),
    };
    ScopeError::new(scope, FailureKind::Service, format!("its instances could not be listed: {words}"))
        .with_hint("leave the zone out of the selector (`zones`, `regions`), or wait until Google Cloud can read it")
}

/// Checks a project's name, which becomes part of a path.
///
/// It is an id (`shop-prod`), a number, or an id within an organisation's domain (`example.com:shop`).
fn checked_project(name: &str) -> Result<String, Failure> {
    let is_word = |word: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !word.is_empty() && word.bytes().all(plain) && !word.starts_with('-') && !word.ends_with('-')
    };
    let sound = match name.split_once(':') {
        Some((domain, id)) => domain.split('.').all(is_word) && is_word(id),
        None => is_word(name),
    };
    if sound {
        return Ok(name.to_owned());
    }
    Err(Failure::configuration(format!("`{name}` is not a project id"))
        .with_hint("a project id looks like `shop-prod`: `gcloud projects list` shows yours"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider_core::{Silent, TagFilter};

    fn provider(projects: &[&str], environment: Environment) -> Gcp {
        let projects = projects.iter().map(|&project| project.to_owned()).collect();
        Gcp { config: GcpConfig { projects, ..GcpConfig::default() }, environment }
    }

    async fn refusal(provider: &Gcp) -> ScopeError {
        let selector = Selector::running(TagFilter::default());
        let error = provider.instances(&selector, &Silent).await.expect_err("a refusal");
        error.failures.into_iter().next().expect("a failure")
    }

    #[tokio::test]
    async fn no_project_anywhere_is_an_error_with_a_hint() {
        let loopback = Environment { endpoint: Some("http://127.0.0.1:9".to_owned()), project: None };
        let failure = refusal(&provider(&[], loopback)).await;
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.hint.is_some_and(|hint| hint.contains("GOOGLE_CLOUD_PROJECT")));
    }

    #[tokio::test]
    async fn a_project_that_would_change_the_path_is_refused() {
        let loopback = Environment { endpoint: Some("http://127.0.0.1:9".to_owned()), project: None };
        let failure = refusal(&provider(&["a/../b"], loopback)).await;
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains("a/../b"), "{failure}");
    }

    #[tokio::test]
    async fn an_environment_endpoint_that_is_not_safe_is_refused() {
        let plain = Environment { endpoint: Some("http://10.0.0.1".to_owned()), project: None };
        let failure = refusal(&provider(&["shop"], plain)).await;
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains("FLEETWIDE_GCP_ENDPOINT"), "{failure}");
    }

    #[test]
    fn only_project_ids_and_numbers_are_projects() {
        for sound in ["shop", "shop-prod-1", "123456789012", "example.com:shop", "a.b.example.com:shop-1"] {
            assert!(checked_project(sound).is_ok_and(|project| project == sound), "{sound}");
        }
        for bad in
            ["", ".", "..", "a.b", "-shop", "shop-", "Shop", ":shop", "shop:", "..:shop", "a..b:shop", "a:b:c", "a b"]
        {
            assert!(checked_project(bad).is_err_and(|failure| failure.kind == FailureKind::Configuration), "{bad}");
        }
    }
}

//! What the clouds know of the host keys of hosts: each host's own selector is asked, side by side.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use provider_core::{Instance, Progress, Published, ScopeError};

use super::{
    host::{Host, HostId},
    providers::host_key_source,
};
use crate::config::Target;

/// So many hosts are named in an error.
const NAMED: usize = 5;

/// Asks the clouds for the host keys of `hosts`, which `target` found.
///
/// # Errors
/// When one of the hosts is of a provider that knows no host keys, or when a cloud could not be asked.
pub async fn host_keys(
    target: &Target,
    hosts: &[&Host],
    progress: &dyn Progress,
) -> Result<BTreeMap<HostId, Published>, HostKeysError> {
    let mut by_selector = BTreeMap::<usize, Vec<&Host>>::new();
    for host in hosts {
        by_selector.entry(host.selector).or_default().push(host);
    }
    let mut questions = Vec::new();
    let mut unpublished = Vec::new();
    for (select, hosts) in by_selector.into_iter().filter_map(|(at, hosts)| Some((target.select.get(at)?, hosts))) {
        match host_key_source(select) {
            Some(source) => questions.push((source, select.deadline, hosts)),
            None => unpublished.extend(hosts),
        }
    }
    if !unpublished.is_empty() {
        return Err(HostKeysError::unpublished(&unpublished));
    }
    let answers = questions.iter().map(|(source, deadline, hosts)| async move {
        let instances: Vec<&Instance> = hosts.iter().map(|host| &host.instance).collect();
        let published = source.host_keys(&instances, *deadline, progress).await?;
        Ok::<_, provider_core::ProviderError>(hosts.iter().map(|host| host.id.clone()).zip(published))
    });
    let answers = try_join_all(answers).await.map_err(|error| HostKeysError::Clouds(error.failures))?;
    Ok(answers.into_iter().flatten().collect())
}

/// Host keys could not be had from the clouds, for a reason that concerns the whole run.
#[derive(Debug, thiserror::Error)]
pub enum HostKeysError {
    /// Nobody publishes the keys of these hosts.
    #[error("`host_keys = \"cloud\"` cannot be had for {count} of the hosts, for {providers} publishes none: {names}")]
    Unpublished {
        /// How many.
        count: usize,
        /// Whose they are.
        providers: String,
        /// The first few.
        names: String,
    },
    /// A cloud could not be asked.
    #[error("the host keys could not be had: {}", lines(.0))]
    Clouds(Vec<ScopeError>),
}

impl HostKeysError {
    fn unpublished(hosts: &[&Host]) -> Self {
        let mut names: Vec<String> =
            hosts.iter().take(NAMED).map(|host| format!("{} ({})", host.instance.name, host.id)).collect();
        if hosts.len() > NAMED {
            names.push(format!("and {} more", hosts.len() - NAMED));
        }
        let mut providers: Vec<String> = hosts.iter().map(|host| format!("`{}`", host.instance.provider)).collect();
        providers.sort();
        providers.dedup();
        Self::Unpublished { count: hosts.len(), providers: providers.join(" and "), names: names.join(", ") }
    }
}

fn lines(failures: &[ScopeError]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

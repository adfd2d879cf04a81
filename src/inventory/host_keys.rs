//! The host keys that the clouds publish: each host's own selector is queried, all concurrently.

use std::collections::BTreeMap;

use futures::future::join_all;
use provider_core::{Instance, Progress, Published, ScopeError};

use super::{
    error::first_few,
    host::{Host, HostId},
    providers::host_key_source,
};
use crate::config::Target;

/// The answers of the clouds.
#[derive(Debug, Default)]
pub struct HostKeyAnswers {
    /// The keys that each host publishes, for hosts whose cloud answered.
    pub published: BTreeMap<HostId, Published>,
    /// The other hosts: one entry per reason and scope.
    pub unasked: Vec<Unasked>,
}

/// Hosts whose cloud could not be asked for their keys, all for the same reason.
#[derive(Debug)]
pub struct Unasked {
    /// Which.
    pub hosts: Vec<HostId>,
    /// Why. If several hosts failed alike, the failure of the first.
    pub failure: ScopeError,
}

/// Asks the clouds for the host keys of `hosts`, which `target` found.
///
/// # Errors
/// When a provider of one of the hosts publishes no host keys.
pub async fn host_keys(
    target: &Target,
    hosts: &[&Host],
    progress: &dyn Progress,
) -> Result<HostKeyAnswers, HostKeysError> {
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
        let answers = source.host_keys(&instances, *deadline, progress).await;
        hosts.iter().map(|host| host.id.clone()).zip(answers)
    });
    let mut all = HostKeyAnswers::default();
    for (id, answer) in join_all(answers).await.into_iter().flatten() {
        match answer {
            Ok(published) => _ = all.published.insert(id, published),
            Err(failure) => all.unasked(id, failure),
        }
    }
    Ok(all)
}

impl HostKeyAnswers {
    fn unasked(&mut self, host: HostId, failure: ScopeError) {
        let alike = |known: &&mut Unasked| (&known.failure.scope, known.failure.kind) == (&failure.scope, failure.kind);
        match self.unasked.iter_mut().find(alike) {
            Some(known) => known.hosts.push(host),
            None => self.unasked.push(Unasked { hosts: vec![host], failure }),
        }
    }
}

/// The clouds gave no host keys, for a reason that concerns the whole run.
#[derive(Debug, thiserror::Error)]
pub enum HostKeysError {
    /// The provider of these hosts publishes no keys.
    #[error("`host_keys = \"cloud\"` cannot be had for {count} of the hosts, for {providers} publishes none: {names}")]
    Unpublished {
        /// How many.
        count: usize,
        /// Their providers.
        providers: String,
        /// The first few.
        names: String,
    },
    /// A cloud could not be asked for the keys of some hosts.
    #[error("{}", lines(.0))]
    Clouds(Vec<Unasked>),
}

impl HostKeysError {
    fn unpublished(hosts: &[&Host]) -> Self {
        let names = first_few(hosts.iter().map(|host| format!("{} ({})", host.instance.name, host.id)));
        let mut providers: Vec<String> = hosts.iter().map(|host| format!("`{}`", host.instance.provider)).collect();
        providers.sort();
        providers.dedup();
        Self::Unpublished { count: hosts.len(), providers: providers.join(" and "), names }
    }
}

fn lines(unasked: &[Unasked]) -> String {
    let line = |Unasked { hosts, failure }: &Unasked| {
        format!("the host keys of {} could not be had: {failure}", first_few(hosts.iter().map(ToString::to_string)))
    };
    unasked.iter().map(line).collect::<Vec<_>>().join("\n")
}

//! Querying many scopes concurrently, and refusing a partial answer.

use std::future::Future;

use futures::{StreamExt, stream};
use tokio::time::timeout;

use crate::{
    error::{ProviderError, ScopeError},
    instance::{Instance, ProviderName},
    progress::{Progress, Step},
    selector::{Scope, Selector},
};

/// How many scopes of one provider are queried at once. EC2 has about 35 regions: all of them.
const SIDE_BY_SIDE: usize = 40;

/// Queries every scope with `ask`, concurrently, each within the selector's deadline, and applies the selector to the
/// answers.
///
/// # Errors
/// When any scope fails. Every failure is named, and the instances of the other scopes are included.
pub async fn gather<S, F, Fut>(
    provider: ProviderName,
    selector: &Selector,
    progress: &dyn Progress,
    scopes: impl IntoIterator<Item = (Scope, S)>,
    ask: F,
) -> Result<Vec<Instance>, ProviderError>
where
    F: Fn(Scope, S) -> Fut,
    Fut: Future<Output = Result<Vec<Instance>, ScopeError>>,
{
    let answers: Vec<_> = stream::iter(scopes)
        .map(|(scope, place)| {
            let answer = ask(scope.clone(), place);
            async move {
                let mut instances = timeout(selector.deadline, answer)
                    .await
                    .unwrap_or_else(|_| Err(ScopeError::timed_out(scope.clone(), selector.deadline)))?;
                instances.retain(|instance| selector.matches(instance));
                progress.step(&scope, Step::Done { matched: instances.len() });
                Ok(instances)
            }
        })
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await;

    let mut found = Vec::new();
    let mut failures = Vec::new();
    for answer in answers {
        match answer {
            Ok(instances) => found.extend(instances),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() { Ok(found) } else { Err(ProviderError { provider, failures, found }) }
}

//! The trait of clouds that publish the host keys of instances, and the loop that all of them share.

use std::{
    fmt::Debug,
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};

use crate::{
    error::ScopeError,
    host_key::HostKey,
    instance::Instance,
    progress::{Progress, Step},
    selector::Scope,
};

/// How many instances are queried at once. EC2 allows an account some tens of such calls a second, and Google counts
/// its quotas by the minute.
const SIDE_BY_SIDE: usize = 8;

/// A cloud through which instances publish their SSH host keys.
///
/// Not every provider is one: Azure has no place for them, and a list of hosts is no cloud.
#[async_trait]
pub trait HostKeySource: Debug + Send + Sync {
    /// The keys of each of `instances`, in their order, all within `deadline`. An instance that publishes nothing is no
    /// failure. An instance that the cloud could not be asked about is one, and does not affect the others.
    async fn host_keys(
        &self,
        instances: &[&Instance],
        deadline: Duration,
        progress: &dyn Progress,
    ) -> Vec<Result<Published, ScopeError>>;
}

/// The host keys that an instance publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// These keys; never empty.
    Keys(Vec<HostKey>),
    /// No usable keys.
    Nothing {
        /// What was found instead, in one line.
        reason: String,
        /// What to enable, or where to look.
        hint: String,
    },
}

/// Calls `ask` for each of `instances`, given with their scopes: some concurrently, and all of them even if one fails.
/// Reports how many were answered, and returns the answers in order.
pub async fn ask_each<'a, F, Fut>(
    instances: Vec<(Scope, &'a Instance)>,
    progress: &dyn Progress,
    ask: F,
) -> Vec<Result<Published, ScopeError>>
where
    F: Fn(Scope, &'a Instance) -> Fut,
    Fut: Future<Output = Result<Published, ScopeError>>,
{
    let (read, of) = (&AtomicUsize::new(0), instances.len());
    let mut asked = Vec::with_capacity(of);
    for (scope, instance) in instances {
        let answer = ask(scope.clone(), instance);
        asked.push(async move {
            let published = answer.await?;
            progress.step(&scope, Step::HostKeys { read: read.fetch_add(1, Ordering::Relaxed) + 1, of });
            Ok(published)
        });
    }
    stream::iter(asked).buffered(SIDE_BY_SIDE).collect().await
}

//! The trait of those clouds that can say which host keys an instance has, and the loop that all of them need.

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

/// How many instances are asked for at once. EC2 gives an account some tens of such calls a second, and Google counts
/// its quotas by the minute.
const SIDE_BY_SIDE: usize = 8;

/// A cloud that passes on what its instances publish of their SSH host keys.
///
/// Not every provider is one: Azure has no such place, and a list of hosts is no cloud.
#[async_trait]
pub trait HostKeySource: Debug + Send + Sync {
    /// What each of `instances` publishes, in their order, all of it within `deadline`. An instance that publishes
    /// nothing is no failure; one that the cloud could not be asked for is, and takes nothing from the others.
    async fn host_keys(
        &self,
        instances: &[&Instance],
        deadline: Duration,
        progress: &dyn Progress,
    ) -> Vec<Result<Published, ScopeError>>;
}

/// What an instance publishes of its host keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// These; never empty.
    Keys(Vec<HostKey>),
    /// None that could be used.
    Nothing {
        /// What was found instead, in one line.
        reason: String,
        /// What to switch on, or where to look.
        hint: String,
    },
}

/// Asks for each of `instances`, which stand beside their scopes, with `ask`: some side by side, all of them whatever
/// becomes of one. Counts those that were answered, and gives the answers in order.
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

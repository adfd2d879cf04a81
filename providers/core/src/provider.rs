//! The trait that every cloud implements.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{
    error::ProviderError,
    instance::{Instance, ProviderName},
    progress::Progress,
    selector::Selector,
};

/// A cloud API adapter, made from one selector's scope (regions, projects, …) and credentials.
///
/// It has no business logic: it queries, in bulk and concurrently, and translates.
#[async_trait]
pub trait Provider: Debug + Send + Sync {
    /// The provider's short name.
    fn name(&self) -> ProviderName;

    /// Every instance that `selector` matches, or an error; never a partial list.
    ///
    /// # Errors
    /// When any scope fails. The error names each scope that failed and carries the instances of the others, for a
    /// caller that the user explicitly allowed to go on without the failed ones.
    async fn instances(&self, selector: &Selector, progress: &dyn Progress) -> Result<Vec<Instance>, ProviderError>;
}

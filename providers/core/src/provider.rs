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
/// It has no business logic: it asks, in bulk and side by side, and translates.
#[async_trait]
pub trait Provider: Debug + Send + Sync {
    /// The provider's short name.
    fn name(&self) -> ProviderName;

    /// Every instance that `selector` matches, or an error; never a partial list.
    ///
    /// # Errors
    /// When any scope fails. The error names each scope that failed and carries what the others
    /// gave, so that a caller who was explicitly told to go on without them can.
    async fn instances(&self, selector: &Selector, progress: &dyn Progress) -> Result<Vec<Instance>, ProviderError>;
}

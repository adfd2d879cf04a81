//! The vocabulary that all providers share.
//!
//! A [`Provider`] answers one question: which instances does a [`Selector`] describe, right now? It returns every match
//! or an error, never a partial list. Everything else — merging clouds, choosing addresses, refusing doubtful answers —
//! is decided above, in the program's `inventory`.
//!
//! Reading order: [`instance`] (a machine as a cloud describes it), [`tags`] and [`selector`] (which ones),
//! [`provider`] (the trait), [`error`] (failures, per scope), [`gather()`] (querying many scopes concurrently),
//! [`deadline`] (for how long), [`host_key`] and [`host_key_source`] (the keys that some clouds publish), [`endpoint`]
//! (where a cloud's API is), [`static_hosts`] (the provider without a cloud), [`lock()`] (data that several threads
//! share).
//!
//! Not in here: any SDK, any cloud's vocabulary, any decision about hosts.

pub mod conformance;
pub mod deadline;
pub mod endpoint;
pub mod error;
pub mod gather;
pub mod host_key;
pub mod host_key_source;
pub mod instance;
pub mod lock;
pub mod progress;
pub mod provider;
pub mod replay;
pub mod selector;
pub mod static_hosts;
pub mod tags;

pub use deadline::Deadline;
pub use endpoint::Endpoint;
pub use error::{FailureKind, ProviderError, ScopeError};
pub use gather::gather;
pub use host_key::{BadHostKey, HostKey};
pub use host_key_source::{HostKeySource, Published, ask_each};
pub use instance::{Addresses, DirectAddress, Instance, InstanceId, InstanceState, ProviderName, TagKeys};
pub use lock::lock;
pub use progress::{Progress, Silent, Step};
pub use provider::Provider;
pub use selector::{Scope, Selector};
pub use static_hosts::{StaticHost, StaticHosts};
pub use tags::{TagFilter, TagMatch};

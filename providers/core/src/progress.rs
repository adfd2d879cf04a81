//! A provider's progress, for a person who waits and for a test that counts.

use std::time::Duration;

use crate::selector::Scope;

/// Receives a provider's progress. Must not block.
pub trait Progress: Send + Sync {
    /// One step in one scope.
    fn step(&self, scope: &Scope, step: Step<'_>);
}

/// One step in one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step<'a> {
    /// One API request is about to be made; each retry counts.
    Calling {
        /// The API's own name of the operation, such as `DescribeInstances`.
        operation: &'a str,
    },
    /// A page arrived.
    Page {
        /// How many instances it held, before filtering.
        instances: usize,
    },
    /// The last request is retried.
    Retrying {
        /// Why, in the cloud's own message.
        reason: &'a str,
        /// The wait before it.
        wait: Duration,
    },
    /// Another instance was queried for its host keys.
    HostKeys {
        /// How many have been queried, including this one.
        read: usize,
        /// How many there are in total.
        of: usize,
    },
    /// The scope is complete.
    Done {
        /// How many instances matched.
        matched: usize,
    },
}

/// Ignores all progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &Scope, _: Step<'_>) {}
}

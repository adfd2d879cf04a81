//! What a provider says while it works, for a person who waits and for a test that counts.

use std::time::Duration;

use crate::selector::Scope;

/// Hears what a provider is doing. Must not block.
pub trait Progress: Send + Sync {
    /// One step in one scope.
    fn step(&self, scope: &Scope, step: Step<'_>);
}

/// One step in one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step<'a> {
    /// One API request is about to be made (each attempt of a retried one counts).
    Calling {
        /// The API's own name of the operation, such as `DescribeInstances`.
        operation: &'a str,
    },
    /// A page arrived.
    Page {
        /// How many instances it held, before filtering.
        instances: usize,
    },
    /// The last request is tried again.
    Retrying {
        /// Why, in the cloud's words.
        reason: &'a str,
        /// How long is waited first.
        wait: Duration,
    },
    /// Another instance has been asked for its host keys.
    HostKeys {
        /// How many have been asked, this one included.
        read: usize,
        /// How many are to be.
        of: usize,
    },
    /// The scope is complete.
    Done {
        /// How many instances matched.
        matched: usize,
    },
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &Scope, _: Step<'_>) {}
}

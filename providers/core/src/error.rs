//! Errors of a query to a cloud, per scope.

use std::{fmt, time::Duration};

use crate::{
    instance::{Instance, ProviderName},
    selector::Scope,
};

/// One or more scopes of a provider failed.
#[derive(Debug)]
pub struct ProviderError {
    /// Which provider was asked.
    pub provider: ProviderName,
    /// Each scope that failed; never empty.
    pub failures: Vec<ScopeError>,
    /// The instances of the other scopes. Only for a caller that allows a partial answer.
    pub found: Vec<Instance>,
}

impl ProviderError {
    /// A failure before any scope could be queried (no credentials, or an unreadable list of scopes).
    pub fn single(provider: ProviderName, failure: ScopeError) -> Self {
        Self { provider, failures: vec![failure], found: Vec::new() }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failures[..] {
            [one] => write!(f, "{one}"),
            many => {
                write!(f, "{} scopes of {} failed:", many.len(), self.provider)?;
                many.iter().try_for_each(|failure| write!(f, "\n  {failure}"))
            }
        }
    }
}

impl std::error::Error for ProviderError {}

/// One scope that could not be read completely.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{scope}: {kind}: {message}")]
pub struct ScopeError {
    /// The scope.
    pub scope: Scope,
    /// The kind of failure.
    pub kind: FailureKind,
    /// What happened, in one line, with the cloud's own code and message.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

impl ScopeError {
    /// A failure without a hint.
    pub fn new(scope: Scope, kind: FailureKind, message: impl Into<String>) -> Self {
        Self { scope, kind, message: message.into(), hint: None }
    }

    /// Adds what to try.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The deadline passed.
    pub fn timed_out(scope: Scope, deadline: Duration) -> Self {
        Self::new(scope, FailureKind::TimedOut, format!("no complete answer within {deadline:?}"))
            .with_hint("raise `deadline` in the selector, or narrow it")
    }
}

/// The kind of a scope's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No credentials were found, or they were refused.
    Credentials,
    /// The credentials are good but do not permit this.
    Denied,
    /// The cloud throttled the requests until they were given up.
    Throttled,
    /// The deadline passed.
    TimedOut,
    /// The endpoint could not be reached.
    Unreachable,
    /// The scope (a region, a project, a zone) does not exist or is not available.
    Scope,
    /// The answer broke the API's promises: it was unreadable, endless, or led elsewhere.
    BadAnswer,
    /// The cloud reported its own failure (5xx) until the request was given up.
    Service,
    /// The selector asks for something this provider cannot do.
    Configuration,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "no usable credentials",
            Self::Denied => "permission denied",
            Self::Throttled => "throttled",
            Self::TimedOut => "timed out",
            Self::Unreachable => "cannot reach the API",
            Self::Scope => "no such scope",
            Self::BadAnswer => "bad answer",
            Self::Service => "the service failed",
            Self::Configuration => "configuration",
        })
    }
}

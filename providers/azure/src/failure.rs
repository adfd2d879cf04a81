//! Failures of one subscription, and how they are reported.

use std::{fmt, time::Duration};

use provider_core::{FailureKind, InstanceId, Scope, ScopeError};

use crate::{credentials::Credentials, machine::ResourceId};

/// Why a subscription could not be read completely. No failure holds a token.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No link of the credential chain gave a token.
    #[error("{0}")]
    Credentials(String),
    /// The Resource Manager answered with something other than a page.
    #[error("{operation} at {host}: HTTP {status} {code}: {message}")]
    Refused { operation: &'static str, host: String, status: u16, code: String, message: String },
    /// No answer came.
    #[error("{operation} at {host}: {reason}")]
    Unreachable { operation: &'static str, host: String, reason: String },
    /// A page's next link leads away from the endpoint.
    #[error("{operation}: nextLink leads to {elsewhere}, away from {host}; it was not followed")]
    ForeignLink { operation: &'static str, host: String, elsewhere: String },
    /// A page's next link had been followed before.
    #[error("{operation} at {host}: nextLink repeats, so the list has no end")]
    RepeatedLink { operation: &'static str, host: String },
    /// An entry, or a whole page, is not what the API promises.
    #[error("{operation} at {host}: cannot read {part}: {reason}")]
    Unreadable { operation: &'static str, host: String, part: Part, reason: String },
    /// A scale set whose id would make the address of another resource.
    #[error("the id of a scale set cannot be part of an address: {:?}", .0.to_string())]
    OddId(ResourceId),
    /// A page that is too large.
    #[error("{operation} at {host}: the answer is larger than {mebibytes} MiB")]
    TooLarge { operation: &'static str, host: String, mebibytes: usize },
    /// A machine without a power state.
    #[error("the power state of {0} is in no answer, though it was asked for twice")]
    NoPowerState(ResourceId),
    /// A machine without an id.
    #[error("the vmId of {0} is empty")]
    EmptyId(ResourceId),
    /// Two machines that cannot be told apart.
    #[error("{first} and {second} have one vmId, {id}")]
    SharedId { id: InstanceId, first: ResourceId, second: ResourceId },
    /// The deadline passed while an answer was awaited.
    #[error("{operation} at {host}: no complete answer within {deadline:?}")]
    TimedOut { operation: &'static str, host: String, deadline: Duration },
    /// An error of the SDK itself.
    #[error("{0}")]
    Sdk(String),
}

/// The part of a list that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A whole page.
    Page,
    /// The link to the next page.
    NextLink,
    /// The resource with this id.
    Resource(String),
    /// The resource with this name, which has no id.
    Named(String),
    /// An entry with neither, counted from 1.
    Nameless { number: usize },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page => f.write_str("a page"),
            Self::NextLink => f.write_str("the link to the next page"),
            Self::Resource(name) | Self::Named(name) => f.write_str(name),
            Self::Nameless { number } => write!(f, "entry {number} of a page, which has neither id nor name"),
        }
    }
}

impl Failure {
    /// True when the answer to a scale set's list of machines says that the set does not exist: it was deleted after it
    /// had been listed. For any other list, "not found" means that the list is missing.
    pub(crate) fn is_gone(&self) -> bool {
        const GONE: [&str; 3] = ["ResourceNotFound", "ParentResourceNotFound", "NotFound"];
        matches!(self, Self::Refused { status: 404, code, .. } if GONE.contains(&code.as_str()))
    }

    /// The failure as the program shows it: its kind, and what to try.
    pub(crate) fn in_subscription(self, scope: Scope, subscription: &str, credentials: &Credentials) -> ScopeError {
        let hint = self.hint(subscription, credentials);
        ScopeError::new(scope, self.kind(), self.to_string()).with_hint(hint)
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Credentials(_) => FailureKind::Credentials,
            Self::Unreachable { .. } => FailureKind::Unreachable,
            Self::TimedOut { .. } => FailureKind::TimedOut,
            Self::ForeignLink { .. }
            | Self::RepeatedLink { .. }
            | Self::Unreadable { .. }
            | Self::OddId(_)
            | Self::TooLarge { .. }
            | Self::NoPowerState(_)
            | Self::EmptyId(_)
            | Self::SharedId { .. }
            | Self::Sdk(_) => FailureKind::BadAnswer,
            Self::Refused { status, code, .. } => match (*status, code.as_str()) {
                (_, "SubscriptionNotFound" | "InvalidSubscriptionId") => FailureKind::Scope,
                (401, _) => FailureKind::Credentials,
                (403, _) => FailureKind::Denied,
                (429, _) => FailureKind::Throttled,
                (408 | 500..=599, _) => FailureKind::Service,
                _ => FailureKind::BadAnswer,
            },
        }
    }

    fn hint(&self, subscription: &str, credentials: &Credentials) -> String {
        let who = credentials.tried();
        match self.kind() {
            FailureKind::Credentials => format!(
                "run `az login`; or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; or give this machine \
                 a managed identity ({who})"
            ),
            FailureKind::Denied => format!(
                "grant the Reader role: az role assignment create --role Reader --assignee <identity> --scope \
                 /subscriptions/{subscription} ({who})"
            ),
            FailureKind::Scope => format!("check the id with `az account list --output table` ({who})"),
            FailureKind::Throttled => {
                "raise `deadline` in the selector, or ask when less else asks this subscription".to_owned()
            }
            FailureKind::TimedOut => "raise `deadline` in the selector".to_owned(),
            FailureKind::Unreachable => "check the network, the proxy and `endpoint`".to_owned(),
            FailureKind::Service => "try again; Azure's own state is at https://azure.status.microsoft".to_owned(),
            FailureKind::BadAnswer | FailureKind::Configuration => match self {
                Self::NoPowerState(id) => {
                    format!(
                        "ask again if it was deleted just now; else see what is wrong: `az resource show --ids {id}`"
                    )
                }
                Self::EmptyId(id) | Self::SharedId { second: id, .. } => {
                    format!("ask again if it was moved just now; else see what is wrong: `az resource show --ids {id}`")
                }
                Self::Unreadable { part: Part::Resource(id), .. } => {
                    format!("see how Azure describes it: `az resource show --ids {id}`")
                }
                Self::Unreadable { part: Part::Named(name), .. } => {
                    format!("see how Azure describes it: `az resource list --name {name}`")
                }
                _ => "check that `endpoint` is a Resource Manager, and that no proxy answers in its place".to_owned(),
            },
        }
    }
}

//! Failures, in the vocabulary that all clouds share. Pure: from codes and causes to kinds and hints.
//!
//! No message carries a secret. Of AWS's own text only the first line is kept, because the rest of a signature error is
//! the canonical request, session token included. The SDK's text for an error answer is Rust's debug form of all of it,
//! and is not used.

use std::error::Error;

use aws_sdk_ec2::error::ErrorMetadata;
use provider_core::{FailureKind, Scope, ScopeError};

/// A failure, before its scope is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: Some(hint.into()) }
    }

    /// Adds the scope.
    pub(crate) fn at(self, scope: &Scope) -> ScopeError {
        ScopeError { scope: scope.clone(), kind: self.kind, message: self.message, hint: self.hint }
    }
}

/// The request that failed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The API's own name of the operation.
    pub(crate) operation: &'static str,
    /// The region that was asked.
    pub(crate) region: String,
}

impl Request {
    /// The service answered with an error, or with something unreadable.
    pub(crate) fn refused(
        &self,
        status: Option<u16>,
        error: &ErrorMetadata,
        request_id: Option<&str>,
        cause: &(dyn Error + 'static),
    ) -> Failure {
        let kind = kind_of(error.code(), status);
        let mut message = match (error.code(), error.message()) {
            (Some(code), Some(words)) => format!("{}: {code}: {}", self.operation, first_line(words)),
            (Some(code), None) => format!("{}: {code}", self.operation),
            (None, _) => match status {
                Some(status) if status != 200 => format!("{}: HTTP {status}", self.operation),
                // The SDK calls it "unhandled error"; the error that it wraps says more.
                _ => format!(
                    "{}: the answer cannot be read: {}",
                    self.operation,
                    causes(cause.source().unwrap_or(cause))
                ),
            },
        };
        if let Some(id) = request_id {
            message = format!("{message} (request {id})");
        }
        Failure { kind, message, hint: Some(self.hint(kind)) }
    }

    /// The request or its answer did not arrive.
    pub(crate) fn undelivered(&self, cause: &(dyn Error + 'static)) -> Failure {
        let kind = FailureKind::Unreachable;
        Failure { kind, message: format!("{}: {}", self.operation, causes(cause)), hint: Some(self.hint(kind)) }
    }

    /// The request took longer than one attempt may.
    pub(crate) fn attempt_timed_out(&self) -> Failure {
        let kind = FailureKind::TimedOut;
        let message = format!("{}: the service accepted the request and did not answer it", self.operation);
        Failure { kind, message, hint: Some(self.hint(kind)) }
    }

    /// The request could not even be made.
    pub(crate) fn unmade(&self, cause: &(dyn Error + 'static)) -> Failure {
        let kind = FailureKind::Configuration;
        Failure { kind, message: format!("{}: {}", self.operation, causes(cause)), hint: Some(self.hint(kind)) }
    }

    /// The answer was read, but is not what the API promises.
    pub(crate) fn bad_answer(&self, what: &str) -> Failure {
        let kind = FailureKind::BadAnswer;
        Failure { kind, message: format!("{}: {what}", self.operation), hint: Some(self.hint(kind)) }
    }

    fn hint(&self, kind: FailureKind) -> String {
        let Self { operation, region } = self;
        match kind {
            FailureKind::Credentials => {
                "check the credentials (expired? clock wrong?) with `aws sts get-caller-identity`; if they \
                 work in other regions, this one may not be enabled for the account"
                    .to_owned()
            }
            FailureKind::Denied => format!("allow `ec2:{operation}` to the user or role that asked"),
            FailureKind::Throttled => {
                "raise `deadline` in the selector, or find what else is calling this API in the account".to_owned()
            }
            FailureKind::Unreachable => {
                format!("is `{region}` spelt right, and does this machine reach the endpoint (DNS, proxy, firewall)?")
            }
            FailureKind::Scope => format!("enable `{region}` for the account, or take it out of `regions`"),
            FailureKind::TimedOut => "raise `deadline` in the selector, or narrow it".to_owned(),
            FailureKind::BadAnswer => "is the endpoint really EC2's, with nothing in between?".to_owned(),
            FailureKind::Service => "try again in a minute; https://health.aws.amazon.com shows outages".to_owned(),
            FailureKind::Configuration => "check the selector and the endpoint".to_owned(),
        }
    }
}

/// EC2's common error codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.
fn kind_of(code: Option<&str>, status: Option<u16>) -> FailureKind {
    match code {
        Some(
            "AuthFailure"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "Blocked"
            | "PendingVerification",
        ) => FailureKind::Credentials,
        Some("UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException") => FailureKind::Denied,
        Some("OptInRequired") => FailureKind::Scope,
        Some("SlowDown" | "TooManyRequestsException" | "PriorRequestNotComplete") => FailureKind::Throttled,
        Some(code) if code.contains("Throttl") || code.ends_with("LimitExceeded") && status == Some(503) => {
            FailureKind::Throttled
        }
        _ => match status {
            // An answer without a code comes from a proxy or a load balancer.
            Some(401 | 407) if code.is_none() => FailureKind::Credentials,
            Some(403) if code.is_none() => FailureKind::Denied,
            Some(429) => FailureKind::Throttled,
            Some(500..) => FailureKind::Service,
            Some(300..) if code.is_some() => FailureKind::Configuration,
            _ => FailureKind::BadAnswer,
        },
    }
}

/// Longer than any first line worth reading.
const MOST_WORDS: usize = 300;

/// An error and its causes in one line, without repetition; for a service's refusal, only the refusal.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refusal) = error.downcast_ref::<ErrorMetadata>() {
            return match (refusal.code(), refusal.message()) {
                (Some(code), Some(words)) => format!("{}: {}", first_line(code), first_line(words)),
                (Some(words), None) | (None, Some(words)) => first_line(words).to_owned(),
                (None, None) => "refused without a reason".to_owned(),
            };
        }
        let words = first_line(&error.to_string()).to_owned();
        if !words.is_empty() && !said.iter().any(|earlier| earlier.ends_with(&words)) {
            said.push(words);
        }
        next = error.source();
    }
    said.join(": ")
}

/// The first line, bounded. A canonical request in the same line is cut off too.
fn first_line(words: &str) -> &str {
    let mut line = words.split(char::is_control).next().unwrap_or_default();
    for secret in ["The Canonical String", "x-amz-security-token", "X-Amz-Security-Token"] {
        line = line.split(secret).next().unwrap_or_default();
    }
    let end = line.char_indices().nth(MOST_WORDS).map_or(line.len(), |(end, _)| end);
    line[..end].trim()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn request() -> Request {
        Request { operation: "DescribeInstances", region: "eu-west-1".to_owned() }
    }

    fn refused(code: Option<&str>, words: &str, status: u16) -> Failure {
        let mut error = ErrorMetadata::builder().message(words);
        if let Some(code) = code {
            error = error.code(code);
        }
        request().refused(Some(status), &error.build(), Some("59dbff89"), &io::Error::other("unexpected end"))
    }

    #[test]
    fn codes_have_kinds() {
        let table = [
            (Some("AuthFailure"), 401, FailureKind::Credentials),
            (Some("InvalidClientTokenId"), 403, FailureKind::Credentials),
            (Some("ExpiredToken"), 400, FailureKind::Credentials),
            (Some("RequestExpired"), 400, FailureKind::Credentials),
            (Some("UnauthorizedOperation"), 403, FailureKind::Denied),
            (Some("RequestLimitExceeded"), 503, FailureKind::Throttled),
            (Some("Throttling"), 400, FailureKind::Throttled),
            (Some("EC2ThrottledException"), 503, FailureKind::Throttled),
            (Some("FilterLimitExceeded"), 400, FailureKind::Configuration),
            (Some("InvalidParameterValue"), 400, FailureKind::Configuration),
            (Some("OptInRequired"), 400, FailureKind::Scope),
            (Some("Unavailable"), 503, FailureKind::Service),
            (Some("InternalError"), 500, FailureKind::Service),
            (None, 502, FailureKind::Service),
            (None, 401, FailureKind::Credentials),
            (None, 403, FailureKind::Denied),
            (Some("Strange"), 403, FailureKind::Configuration),
            (None, 429, FailureKind::Throttled),
            (None, 404, FailureKind::BadAnswer),
            (None, 200, FailureKind::BadAnswer),
        ];
        for (code, status, kind) in table {
            assert_eq!(kind_of(code, Some(status)), kind, "{code:?} {status}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_asked_and_what_to_try() {
        let failure = refused(Some("UnauthorizedOperation"), "You are not authorized.", 403);
        let expected = "DescribeInstances: UnauthorizedOperation: You are not authorized. (request 59dbff89)";
        assert_eq!(failure.message, expected);
        assert!(failure.hint.is_some_and(|hint| hint.contains("ec2:DescribeInstances")));
        assert_eq!(refused(None, "", 502).message, "DescribeInstances: HTTP 502 (request 59dbff89)");
        assert!(refused(None, "", 200).message.contains("cannot be read: unexpected end"));
    }

    #[test]
    fn the_canonical_request_is_not_repeated() {
        let words = "The request signature does not match.\n\nThe Canonical String was\nx-amz-security-token:SECRET";
        let failure = refused(Some("SignatureDoesNotMatch"), words, 403);
        assert!(!failure.message.contains("SECRET") && failure.message.contains("does not match."), "{failure:?}");
    }

    #[test]
    fn a_cause_that_is_a_refusal_is_said_in_its_own_words() {
        #[derive(Debug, thiserror::Error)]
        #[error("unhandled error (SignatureDoesNotMatch)")]
        struct Unhandled(#[source] ErrorMetadata);
        for between in ["\n\n", "\r", " ", " The Canonical String was 'POST "] {
            let words = format!("No match.{between}x-amz-security-token:SECRET");
            let refusal = ErrorMetadata::builder().code("SignatureDoesNotMatch").message(words).build();
            assert_eq!(causes(&Unhandled(refusal)), "SignatureDoesNotMatch: No match.");
        }
        let long = ErrorMetadata::builder().message("é".repeat(10_000)).build();
        assert_eq!(causes(&Unhandled(long)).chars().count(), MOST_WORDS);
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot connect: refused")]
        struct Outer(#[source] io::Error);
        assert_eq!(causes(&Outer(io::Error::other("refused"))), "cannot connect: refused");
        assert_eq!(causes(&Outer(io::Error::other("no route"))), "cannot connect: refused: no route");
    }
}

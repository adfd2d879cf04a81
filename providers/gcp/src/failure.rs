//! A failed request: the API's reasons, sorted into kinds.

use std::time::Duration;

use bytes::Bytes;
use google_cloud_gax::error::rpc::{Status, StatusDetails};
use provider_core::{FailureKind, Scope, ScopeError};

use crate::credentials;

/// The API's reasons for throttling, which come with 403 as often as with 429.
const THROTTLED: [&str; 4] = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"];

/// The API's reasons when Compute Engine is not enabled in the project.
const DISABLED: [&str; 2] = ["accessNotConfigured", "SERVICE_DISABLED"];

/// How much is shown of an answer without a proper error message, in characters.
const SHOWN: usize = 200;

/// The failure of one request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub kind: FailureKind,
    pub message: String,
    pub hint: Option<String>,
    /// True when the same request is likely to succeed a little later.
    pub passing: bool,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, passing: false }
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Configuration, message)
    }

    pub(crate) fn bad_answer(message: impl Into<String>) -> Self {
        Self::new(FailureKind::BadAnswer, message)
    }

    /// The failure of a request that got no answer.
    pub(crate) fn unreachable(endpoint: &str, why: &(dyn std::error::Error + 'static)) -> Self {
        let mut root = why;
        while let Some(deeper) = root.source() {
            root = deeper;
        }
        Self { passing: true, ..Self::new(FailureKind::Unreachable, format!("{endpoint}: {root}")) }
            .with_hint("check the network, the proxy settings, and `endpoint` if you set one")
    }

    /// The failure for an answer with an HTTP status other than success.
    pub(crate) fn of_answer(code: u16, status: &Status) -> Self {
        let words: String = status.message.chars().take(SHOWN).collect();
        let message = format!("HTTP {code}: {}", if words.is_empty() { "no reason given" } else { &words });
        let says = |reasons: &[&str]| status.details.iter().any(|detail| reason_is(detail, reasons));
        let passing = |kind| Self { passing: true, ..Self::new(kind, message.clone()) };
        match code {
            429 => passing(FailureKind::Throttled),
            403 if says(&THROTTLED) || words.starts_with("Quota exceeded for quota metric") => {
                passing(FailureKind::Throttled)
            }
            403 if says(&DISABLED) => Self::new(FailureKind::Denied, message)
                .with_hint("enable the API: `gcloud services enable compute.googleapis.com --project PROJECT`"),
            403 => Self::new(FailureKind::Denied, message).with_hint(
                "these credentials need compute.instances.list in project PROJECT (the role roles/compute.viewer has it)",
            ),
            401 => credentials::missing(&message),
            404 => Self::new(FailureKind::Scope, message)
                .with_hint("is PROJECT the project's id, and may these credentials see it? `gcloud projects list`"),
            400 => Self::configuration(message),
            408 | 500 | 502 | 503 | 504 => passing(FailureKind::Service),
            _ => Self::new(FailureKind::Service, message),
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds that the retries were given up at the deadline.
    pub(crate) fn after(mut self, attempts: u32, deadline: Duration) -> Self {
        self.message = format!("{}; gave up after {attempts} attempts within {deadline:?}", self.message);
        self
    }

    /// Puts the project's name into the hint.
    pub(crate) fn about_project(mut self, project: &str) -> Self {
        self.hint = self.hint.map(|hint| hint.replace("PROJECT", project));
        self
    }

    pub(crate) fn in_scope(self, scope: Scope) -> ScopeError {
        ScopeError { scope, kind: self.kind, message: self.message, hint: self.hint }
    }
}

/// The API's error in a body. Any other content (a proxy's page) is kept as text.
pub(crate) fn status_of(body: &Bytes) -> Status {
    Status::try_from(body).unwrap_or_else(|_| Status::default().set_message(String::from_utf8_lossy(body).trim()))
}

/// The SDK turns both the old style of reasons (`errors`) and the new one (`ErrorInfo`) into this detail.
fn reason_is(detail: &StatusDetails, reasons: &[&str]) -> bool {
    matches!(detail, StatusDetails::ErrorInfo(info) if reasons.contains(&info.reason.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: u16, reason: &str, message: &str) -> Failure {
        let body = serde_json::json!({ "error": {
            "code": code, "message": message,
            "errors": [{ "reason": reason, "domain": "usageLimits", "message": message }],
        }});
        Failure::of_answer(code, &status_of(&body.to_string().into()))
    }

    #[test]
    fn every_answer_has_its_kind() {
        use FailureKind::{Configuration, Credentials, Denied, Scope, Service, Throttled};
        for (code, reason, kind, passing) in [
            (403, "rateLimitExceeded", Throttled, true),
            (403, "userRateLimitExceeded", Throttled, true),
            (403, "quotaExceeded", Throttled, true),
            (403, "RATE_LIMIT_EXCEEDED", Throttled, true),
            (429, "", Throttled, true),
            (403, "forbidden", Denied, false),
            (403, "accessNotConfigured", Denied, false),
            (401, "authError", Credentials, false),
            (404, "notFound", Scope, false),
            (400, "invalid", Configuration, false),
            (500, "backendError", Service, true),
            (503, "backendError", Service, true),
            (501, "notImplemented", Service, false),
        ] {
            let failure = failure(code, reason, "some words");
            assert_eq!((failure.kind, failure.passing), (kind, passing), "{code} {reason}");
            assert!(failure.message.contains("some words"), "{}", failure.message);
        }
    }

    #[test]
    fn a_quota_is_known_by_its_words_when_it_has_no_reason() {
        let words = "Quota exceeded for quota metric 'List requests' and limit 'List requests per minute'";
        assert_eq!(failure(403, "", words).kind, FailureKind::Throttled);
    }

    #[test]
    fn a_disabled_api_says_how_to_enable_it_and_a_refusal_names_the_permission() {
        let disabled = failure(403, "accessNotConfigured", "x").about_project("shop-prod");
        assert!(disabled.hint.is_some_and(|hint| hint.contains("services enable") && hint.contains("shop-prod")));
        let denied = failure(403, "forbidden", "x").about_project("shop-prod");
        assert!(denied.hint.is_some_and(|hint| hint.contains("compute.instances.list") && hint.contains("shop-prod")));
    }

    #[test]
    fn a_proxys_page_is_cut_short() {
        let failure = Failure::of_answer(502, &status_of(&"<html>".repeat(1000).into()));
        assert!(failure.passing && failure.message.len() < 300, "{}", failure.message);
    }
}

//! The identity: a file that the selector names, else Google's ordinary chain, else (on loopback) none.

use std::path::Path;

use google_cloud_auth::credentials::{
    Builder, Credentials, anonymous, external_account, impersonated, service_account, user_account,
};
use provider_core::{Endpoint, FailureKind};

use crate::failure::Failure;

/// The chain, for a person whose credentials do not work.
const CHAIN: &str =
    "GOOGLE_APPLICATION_CREDENTIALS, the file of `gcloud auth application-default login`, the metadata server";

/// The credentials to use with `endpoint`.
///
/// A loopback endpoint is a stand-in: no token is requested or sent. Any other endpoint always gets real credentials.
pub(crate) fn load(file: Option<&Path>, endpoint: Option<&Endpoint>) -> Result<Credentials, Failure> {
    if endpoint.is_some_and(Endpoint::is_loopback) {
        return Ok(anonymous::Builder::new().build());
    }
    match file {
        Some(path) => from_file(path),
        None => Builder::default().build().map_err(|error| missing(&error.to_string())),
    }
}

/// The failure for unusable credentials, with what was tried and what to do.
pub(crate) fn missing(why: &str) -> Failure {
    Failure::new(FailureKind::Credentials, why).with_hint(format!(
        "tried `credentials_file`, else {CHAIN}: run `gcloud auth application-default login`, or name a service \
         account's key file, or give this machine a service account"
    ))
}

fn from_file(path: &Path) -> Result<Credentials, Failure> {
    let unusable = |why: String| missing(&format!("credentials file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|_| unusable("it is not JSON".to_owned()))?;
    let kind = json["type"].as_str().unwrap_or_default().to_owned();
    let built = match kind.as_str() {
        "service_account" => service_account::Builder::new(json).build(),
        "authorized_user" => user_account::Builder::new(json).build(),
        "external_account" => external_account::Builder::new(json).build(),
        "impersonated_service_account" => impersonated::Builder::new(json).build(),
        other => return Err(unusable(format!("its type `{other}` is not one that Google's clients can use"))),
    };
    built.map_err(|error| unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_endpoint_needs_no_credentials_and_reads_none() {
        let loopback: Endpoint = "http://127.0.0.1:9".parse().expect("endpoint");
        assert!(load(Some(Path::new("/nonexistent")), Some(&loopback)).is_ok());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let elsewhere: Endpoint = "https://compute.example.com".parse().expect("endpoint");
        let failure = load(Some(Path::new("/nonexistent/key.json")), Some(&elsewhere)).expect_err("no file");
        assert_eq!(failure.kind, FailureKind::Credentials);
        assert!(failure.message.contains("/nonexistent/key.json"), "{}", failure.message);
        assert!(failure.hint.is_some_and(|hint| hint.contains("application-default login")));
    }
}

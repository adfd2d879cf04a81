//! The web client of a check: its timeout, its headers, the authorities it trusts.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use reqwest::{
    Certificate, Client,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};

use super::ProbeError;
use crate::config::{Check, EnvValue, Label};

/// The limit for a body: a larger page is no answer to a check.
pub(super) const LARGEST_BODY: usize = 1024 * 1024;

/// A client for one check. It follows no redirect and uses no proxy of the environment, so it asks exactly what is
/// written.
pub(super) fn client(
    label: &Label,
    check: &Check,
    headers: &BTreeMap<String, EnvValue>,
    ca_file: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Client, ProbeError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let text = match value {
            EnvValue::Plain(text) => text.clone(),
            EnvValue::Secret(place) => {
                let unreadable = |source| ProbeError::Header { check: label.clone(), header: name.clone(), source };
                place.read(env).map_err(unreadable)?.reveal().to_owned()
            }
        };
        let bad = || ProbeError::BadHeader { check: label.clone(), header: name.clone() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(&text).map_err(|_| bad())?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    let mut builder = Client::builder()
        .timeout(check.timeout)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("fleetwide/", env!("CARGO_PKG_VERSION")))
        .default_headers(map);
    if let Some(path) = ca_file {
        let bad = |message: String| ProbeError::Authorities { check: label.clone(), path: path.to_owned(), message };
        let pem = fs::read(path).map_err(|error| bad(error.to_string()))?;
        let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| bad(chain(&error)))?;
        if authorities.is_empty() {
            return Err(bad("it holds no certificate".to_owned()));
        }
        for authority in authorities {
            builder = builder.add_root_certificate(authority);
        }
    }
    builder.build().map_err(|error| ProbeError::Client { check: label.clone(), message: chain(&error) })
}

/// An error's last cause in a line, without the address, which may hold a secret.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let last = causes.pop().unwrap_or_else(|| error.to_string());
    // The messages of rustls mean little to most users.
    if last.contains("InvalidContentType") {
        "it does not speak TLS: http:// rather than https://?".to_owned()
    } else if last.contains("UnknownIssuer") {
        "its certificate is of an authority that is not trusted here: see `ca_file`".to_owned()
    } else {
        last
    }
}

/// The body of an answer, up to [`LARGEST_BODY`].
pub(super) async fn body(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error))? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(format!("the answer is larger than {} KiB", LARGEST_BODY / 1024));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

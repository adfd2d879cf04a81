//! The address of a cloud's API, if it is not the default.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An override of a cloud's API address: a private endpoint, or a stand-in on loopback.
///
/// Plain `http` is accepted for loopback only, and so is having no credentials: a bearer token
/// must not cross a network in the clear, nor an unsigned request reach a real cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(Url);

impl Endpoint {
    /// The address, without a trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address as a URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// True for 127.0.0.0/8, `::1` and `localhost`: the addresses that never leave this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

/// True when requests to the URL's host never leave this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why: &str| BadEndpoint { text: without_secrets(text), why: why.to_owned() };
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(bad("plain http is accepted for loopback addresses only; use https")),
            _ => return Err(bad("an endpoint is an https:// address")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("credentials do not belong in an endpoint"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("an endpoint has no query and no fragment"));
        }
        Ok(Self(url))
    }
}

/// The text in a form that an error may show: the part before the host and the part after the path may be secret.
fn without_secrets(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => format!("***@{host}"),
        Some((_, host)) => format!("{scheme}://***@{host}"),
        None => text.to_owned(),
    }
}

impl TryFrom<String> for Endpoint {
    type Error = BadEndpoint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.as_str().to_owned()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not an endpoint.
#[derive(Debug, thiserror::Error)]
#[error("bad endpoint `{text}`: {why}")]
pub struct BadEndpoint {
    text: String,
    why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "http://127.0.0.1:9",
            "http://127.9.9.9:1",
            "http://[::1]:9",
            "http://localhost:9",
            "https://vpce.example.com",
        ] {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
            "127.0.0.1:80",
            "https://u:p@x",
            "https://x/?a=b",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_shows_no_password() {
        for bad in
            ["https://ops:hunter2@x.example", "http://ops:hunter2@10.0.0.1/", "ops:hunter2@x", "https://ops:hunter2@"]
        {
            let error = bad.parse::<Endpoint>().expect_err(bad).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        assert!("http://127.0.0.2:80".parse::<Endpoint>().is_ok_and(|e| e.is_loopback()));
        assert!("https://example.com".parse::<Endpoint>().is_ok_and(|e| !e.is_loopback()));
    }
}

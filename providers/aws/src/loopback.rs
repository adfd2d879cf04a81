//! HTTP for a stand-in on this machine: no request meant for it leaves the machine.

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use provider_core::Endpoint;

/// A client that ignores `HTTP_PROXY`.
pub(crate) fn client(endpoint: &Endpoint) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    if endpoint.url().scheme() == "http" {
        builder.build_http()
    } else {
        builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
    }
}

/// A client that sends every request to the stand-in, whatever its address.
///
/// The SDK's profile provider accepts no endpoint, and would ask the real STS for the profile's role.
#[derive(Debug)]
pub(crate) struct Diverted {
    inner: SharedHttpClient,
    endpoint: Endpoint,
}

impl Diverted {
    pub(crate) fn to(endpoint: &Endpoint) -> Self {
        Self { inner: client(endpoint), endpoint: endpoint.clone() }
    }
}

impl HttpClient for Diverted {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(DivertedConnector { inner, endpoint: self.endpoint.clone() })
    }
}

#[derive(Debug)]
struct DivertedConnector {
    inner: SharedHttpConnector,
    endpoint: Endpoint,
}

impl HttpConnector for DivertedConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let there = format!("{}{}", self.endpoint, path(request.uri()));
        match request.set_uri(there) {
            Ok(()) => self.inner.call(request),
            Err(error) => HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        }
    }
}

/// The part of the URI after the host.
fn path(uri: &str) -> &str {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    after_scheme.find('/').map_or("/", |start| &after_scheme[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_is_replaced() {
        for (uri, expected) in [
            ("https://sts.eu-west-1.amazonaws.com/", "/"),
            ("https://sts.amazonaws.com", "/"),
            (
                "https://portal.sso.eu-west-1.amazonaws.com/federation/credentials?role_name=a",
                "/federation/credentials?role_name=a",
            ),
        ] {
            assert_eq!(path(uri), expected, "{uri}");
        }
    }
}

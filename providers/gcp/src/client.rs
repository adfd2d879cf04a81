//! One page of `instances.aggregatedList`, and one instance's guest attributes.
//!
//! The SDK supplies the credentials and the models, but not the transport. Its client follows redirects to any host and
//! takes the answer for the project's list, sends calls to loopback through `HTTP_PROXY`, and refuses a page of 500 for
//! one odd field that this crate does not read. Of these only the redirects can be configured. So the page is fetched
//! here, and `response` reads it.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use google_cloud_auth::credentials::{CacheableResource, Credentials};
use http::{Extensions, HeaderMap, StatusCode};
use provider_core::{Endpoint, Instance};
use reqwest::{RequestBuilder, Response, redirect::Policy};

use crate::{
    checked_project,
    config::{Environment, GcpConfig},
    credentials,
    failure::{Failure, status_of},
    response::Page,
};

/// The API's largest page.
const PAGE_SIZE: u32 = 500;

/// The longest answer accepted, in MiB. A page of 500 instances has one or two.
const LONGEST_ANSWER: usize = 64;

/// The header in which credentials name the project to bill.
const QUOTA_PROJECT: &str = "x-goog-user-project";

/// A connection to the API, shared by all projects of one selector.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    credentials: Credentials,
    endpoint: String,
}

/// The page to fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageQuery<'a> {
    pub project: &'a str,
    pub filter: Option<&'a str>,
    pub token: Option<&'a str>,
}

/// The API's answer for an instance's guest attributes in one namespace.
#[derive(Clone, Debug)]
pub(crate) enum Attributes {
    /// The answer's body.
    Found(Bytes),
    /// Nothing was ever written there.
    None,
    /// There is no such instance (any more).
    NoInstance,
}

impl Client {
    /// Finds credentials. It queries nothing yet, except (on a Google machine) the metadata server.
    pub(crate) async fn new(config: &GcpConfig, environment: &Environment) -> Result<Self, Failure> {
        let from_environment = || {
            let parse = |text: &String| text.parse();
            environment.endpoint.as_ref().map(parse).transpose().map_err(|error| {
                Failure::configuration(format!("FLEETWIDE_GCP_ENDPOINT: {error}"))
                    .with_hint("an endpoint is an https:// address, or http:// on loopback")
            })
        };
        let chosen = config.endpoint.clone().map_or_else(from_environment, |endpoint| Ok(Some(endpoint)))?;
        let credentials = credentials::load(config.credentials_file.as_deref(), chosen.as_ref())?;
        let http = http_client(chosen.as_ref()).map_err(|error| not_set_up(&error))?;
        let endpoint = if let Some(endpoint) = chosen {
            endpoint.as_str().to_owned()
        } else {
            let universe = credentials.universe_domain().await;
            format!("https://compute.{}", universe.as_deref().unwrap_or("googleapis.com"))
        };
        Ok(Self { http, credentials, endpoint })
    }

    /// One page, in one attempt.
    pub(crate) async fn page(&self, query: &PageQuery<'_>) -> Result<Page, Failure> {
        let url = format!("{}/compute/v1/projects/{}/aggregated/instances", self.endpoint, query.project);
        let request = self
            .http
            .get(url)
            .query(&[("maxResults", PAGE_SIZE)])
            .query(&query.filter.map(|filter| [("filter", filter)]))
            .query(&query.token.map(|token| [("pageToken", token)]));
        let (status, body) = self.send(request).await?;
        if status == StatusCode::OK {
            Page::from_json(query.project, &body)
        } else if status.is_success() {
            Err(Failure::bad_answer(format!("HTTP {status} where a list of instances was asked for")))
        } else {
            Err(Failure::of_answer(status.as_u16(), &status_of(&body)))
        }
    }

    /// The answer of `getGuestAttributes`, in one attempt.
    pub(crate) async fn guest_attributes(&self, instance: &Instance, namespace: &str) -> Result<Attributes, Failure> {
        let Instance { account, zone, id, .. } = instance;
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !word(zone) || !word(id.as_str()) {
            return Err(Failure::bad_answer(format!("`{id}` in `{zone}` is no instance that could be asked for")));
        }
        let project = checked_project(account)?;
        let path = format!("compute/v1/projects/{project}/zones/{zone}/instances/{id}/getGuestAttributes");
        let request =
            self.http.get(format!("{}/{path}", self.endpoint)).query(&[("queryPath", format!("{namespace}/"))]);
        let (status, body) = self.send(request).await?;
        let answer = status_of(&body);
        match status {
            StatusCode::OK => Ok(Attributes::Found(body)),
            // "The resource 'hostkeys/' of type 'Guest Attribute' was not found."
            StatusCode::NOT_FOUND if answer.message.contains("'Guest Attribute'") => Ok(Attributes::None),
            // "The resource 'projects/…/zones/…/instances/…' was not found."
            StatusCode::NOT_FOUND if answer.message.contains("/instances/") => Ok(Attributes::NoInstance),
            status if status.is_success() => {
                Err(Failure::bad_answer(format!("HTTP {status} where guest attributes were asked for")))
            }
            status => Err(Failure::of_answer(status.as_u16(), &answer)),
        }
    }

    /// Sends a request with the credentials, and accepts an answer only from the endpoint itself.
    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, Bytes), Failure> {
        let answer = request
            .headers(self.credential_headers().await?)
            .send()
            .await
            .map_err(|error| Failure::unreachable(&self.endpoint, &error))?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(Failure::bad_answer(format!("{} answers with a redirect (HTTP {status})", self.endpoint))
                .with_hint("redirects are not followed: check `endpoint` if you set one, and the proxy settings"));
        }
        Ok((status, self.body(answer).await?))
    }

    /// The body, unless it is longer than any answer of the API.
    async fn body(&self, mut answer: Response) -> Result<Bytes, Failure> {
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Failure::unreachable(&self.endpoint, &error))? {
            if body.len() + chunk.len() > LONGEST_ANSWER << 20 {
                return Err(Failure::bad_answer(format!("the answer is longer than {LONGEST_ANSWER} MiB")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The project that the credentials bill, if they name one.
    pub(crate) async fn quota_project(&self) -> Result<Option<String>, Failure> {
        let headers = self.credential_headers().await?;
        Ok(headers.get(QUOTA_PROJECT).and_then(|project| project.to_str().ok()).map(str::to_owned))
    }

    async fn credential_headers(&self) -> Result<HeaderMap, Failure> {
        match self.credentials.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            // Only returned to a caller that passes an entity tag; this one does not.
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) => Err(credentials::missing(&error.to_string())),
        }
    }
}

/// A client that accepts an answer only from the endpoint itself. A proxy cannot reach this machine's own loopback, so
/// an endpoint there is called directly.
fn http_client(endpoint: Option<&Endpoint>) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().redirect(Policy::none());
    if endpoint.is_some_and(Endpoint::is_loopback) { builder.no_proxy() } else { builder }.build()
}

fn not_set_up(why: &dyn Error) -> Failure {
    Failure::configuration(format!("cannot set the HTTP client up: {why}"))
}

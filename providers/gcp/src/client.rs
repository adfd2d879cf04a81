//! One page of `instances.aggregatedList`, by the SDK; or, where its models refuse the page, item by item.
//!
//! The SDK parses a whole page strictly: one instance with a string where a bool should be, in a
//! field that nobody here reads, and none of the 500 is given. It has no way to hand over the raw
//! answer. So that page alone is asked for once more, with the same credentials, and each instance is
//! cut down to the fields that are used before the SDK's models see it.

use std::error::Error;

use google_cloud_auth::credentials::{CacheableResource, Credentials};
use google_cloud_compute_v1::client::Instances;
use google_cloud_gax::retry_policy::NeverRetry;
use http::{Extensions, HeaderMap, StatusCode};

use crate::{
    config::{Environment, GcpConfig},
    credentials,
    failure::{Failure, status_of},
    response::Page,
};

/// The largest page that the API gives.
const PAGE_SIZE: u32 = 500;

/// The header by which credentials name the project that pays.
const QUOTA_PROJECT: &str = "x-goog-user-project";

/// A connection to the API, for all projects of one selector.
#[derive(Debug)]
pub(crate) struct Client {
    instances: Instances,
    credentials: Credentials,
    endpoint: String,
}

/// Which page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageQuery<'a> {
    pub project: &'a str,
    pub filter: Option<&'a str>,
    pub token: Option<&'a str>,
}

/// What the SDK made of a page.
#[derive(Debug)]
pub(crate) enum Answer {
    Page(Page),
    /// The API gave a page that the SDK's models do not fit; why, in its words.
    Unreadable(String),
}

impl Client {
    /// Finds credentials; asks nothing yet, except (on a Google machine) the metadata server.
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

        let mut builder = Instances::builder().with_credentials(credentials.clone()).with_retry_policy(NeverRetry);
        if let Some(endpoint) = &chosen {
            builder = builder.with_endpoint(endpoint.as_str());
        }
        let instances = builder.build().await.map_err(|error| not_set_up(&error))?;
        let endpoint = if let Some(endpoint) = chosen {
            endpoint.as_str().to_owned()
        } else {
            let universe = credentials.universe_domain().await;
            format!("https://compute.{}", universe.as_deref().unwrap_or("googleapis.com"))
        };
        Ok(Self { instances, credentials, endpoint })
    }

    /// One page, in one attempt.
    pub(crate) async fn page(&self, query: &PageQuery<'_>) -> Result<Answer, Failure> {
        let sent = self
            .instances
            .aggregated_list()
            .set_project(query.project)
            .set_max_results(PAGE_SIZE)
            .set_or_clear_filter(query.filter)
            .set_or_clear_page_token(query.token)
            .send()
            .await;
        match sent {
            Ok(list) => Page::from_model(query.project, list).map(Answer::Page),
            Err(error) if error.is_deserialization() => Ok(Answer::Unreadable(error.to_string())),
            Err(error) => Err(Failure::of_sdk(&self.endpoint, &error)),
        }
    }

    /// The same page, in one attempt, with what the models cannot read set aside.
    pub(crate) async fn page_item_by_item(&self, query: &PageQuery<'_>) -> Result<Page, Failure> {
        let http = reqwest::Client::builder().build().map_err(|error| not_set_up(&error))?;
        let url = format!("{}/compute/v1/projects/{}/aggregated/instances", self.endpoint, query.project);
        let answer = http
            .get(url)
            .query(&[("maxResults", PAGE_SIZE)])
            .query(&query.filter.map(|filter| [("filter", filter)]))
            .query(&query.token.map(|token| [("pageToken", token)]))
            .headers(self.credential_headers().await?)
            .send()
            .await
            .map_err(|error| Failure::unreachable(&self.endpoint, &error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| Failure::unreachable(&self.endpoint, &error))?;
        if status == StatusCode::OK {
            Page::from_json(query.project, &body)
        } else {
            Err(Failure::of_answer(status.as_u16(), &status_of(&body)))
        }
    }

    /// The project that the credentials charge their requests to, where they name one.
    pub(crate) async fn quota_project(&self) -> Result<Option<String>, Failure> {
        let headers = self.credential_headers().await?;
        Ok(headers.get(QUOTA_PROJECT).and_then(|project| project.to_str().ok()).map(str::to_owned))
    }

    async fn credential_headers(&self) -> Result<HeaderMap, Failure> {
        match self.credentials.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            // Only said to a caller who sends the tag of what it holds; we hold nothing.
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) => Err(credentials::missing(&error.to_string())),
        }
    }
}

fn not_set_up(why: &dyn Error) -> Failure {
    Failure::configuration(format!("cannot set the HTTP client up: {why}"))
}

//! A web server's answer: its status and its body.

use regex::bytes::Regex;
use reqwest::Client;

use super::{ProbeError, client, filled, unwell, verdict};
use crate::{
    config::{Check, HttpProbe, Label, Place, StatusSet, Template},
    inventory::Host,
    rollout::Sample,
};

/// An `http` check, ready to be asked.
pub(super) struct Http {
    client: Client,
    url: Template,
    status: StatusSet,
    body: Option<Regex>,
}

impl Http {
    pub(super) fn new(
        label: &Label,
        check: &Check,
        probe: &HttpProbe,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProbeError> {
        let broken = |error: regex::Error| ProbeError::Client { check: label.clone(), message: error.to_string() };
        Ok(Self {
            client: client::client(label, check, &probe.headers, probe.ca_file.as_deref(), env)?,
            url: probe.url.clone(),
            status: probe.status.clone(),
            body: probe.body.as_deref().map(Regex::new).transpose().map_err(broken)?,
        })
    }

    pub(super) async fn ask(&self, host: Option<&Host>) -> Sample {
        let url = match filled(&self.url, host, encoded) {
            Ok(url) => url,
            Err(why) => return unwell(why),
        };
        let answer = match self.client.get(&url).send().await {
            Ok(answer) => answer,
            Err(error) => return unwell(client::chain(&error)),
        };
        let status = answer.status().as_u16();
        let well = self.status.contains(status);
        let Some(pattern) = self.body.as_ref().filter(|_| well) else {
            return Sample { verdict: verdict(well), value: Some(f64::from(status)), text: format!("HTTP {status}") };
        };
        let (well, text) = match client::body(answer).await {
            Ok(body) if pattern.is_match(&body) => (true, format!("HTTP {status}, and the body matches")),
            Ok(_) => (false, format!("HTTP {status}, but the body does not match `{pattern}`")),
            Err(why) => (false, format!("HTTP {status}, but {why}")),
        };
        Sample { verdict: verdict(well), value: Some(f64::from(status)), text }
    }
}

/// A host's value, encoded for a URL.
fn encoded(place: Place, value: String) -> String {
    match place {
        Place::Address if value.contains(':') => format!("[{value}]"),
        Place::Address | Place::Port => value,
        Place::Id
        | Place::ResourceId
        | Place::Name
        | Place::Region
        | Place::Zone
        | Place::Project
        | Place::ResourceGroup
        | Place::Subscription
        | Place::User => url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
    }
}

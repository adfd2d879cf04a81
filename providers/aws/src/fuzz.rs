//! Fuzzing with arbitrary answers of EC2, or of something in its place. `tests/fuzz` searches; the test here replays.

use std::{collections::BTreeSet, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider, retry::RetryConfig};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use provider_core::{Deadline, InstanceState, Scope, Selector, Silent, TagFilter};

use crate::{AwsConfig, NAME, client::Place, session::Session};

/// Gives the same body to every request.
#[derive(Clone, Debug)]
struct Answer(Vec<u8>);

impl HttpClient for Answer {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Answer {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        // The first byte chooses between an answer and an error.
        let (status, body) = match self.0.split_first() {
            Some((b'!', error)) => (400, error),
            Some((_, page)) => (200, page),
            None => (200, &[][..]),
        };
        let status = http_status(status);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_vec()))))
    }
}

fn http_status(code: u16) -> StatusCode {
    StatusCode::try_from(code).expect("a status of HTTP")
}

/// Any answer is either a list of whole instances, or an error that is safe to print.
///
/// # Panics
/// When it is neither.
pub fn describe_instances(input: &[u8]) {
    let region = Region::from_static("eu-west-1");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .http_client(Answer(input.to_vec()))
        .retry_config(RetryConfig::disabled())
        .build();
    let session = Session::of(sdk, region);
    let scope = Scope::new(&NAME, "eu-west-1");
    let place = Place {
        session: &session,
        region: "eu-west-1",
        scope: &scope,
        deadline: Deadline::from_now(Duration::from_mins(1)),
        progress: &Silent,
    };
    let any_state = Selector { states: BTreeSet::from(InstanceState::ALL), ..Selector::running(TagFilter::default()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(place.instances(&any_state, &AwsConfig::default())) {
        Ok(found) => {
            for instance in found {
                assert!(!instance.id.as_str().is_empty() && !instance.name.is_empty(), "{instance:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use provider_core::replay::replay;

    #[test]
    fn every_answer_that_was_found_is_read_or_refused() {
        replay("ec2_instances", super::describe_instances);
    }
}

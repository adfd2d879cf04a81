//! Which answers are accepted, how they are reached, and how much of them is read.

use std::{env, process::Command};

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use fleetwide_simulator::{Cloud, CloudServer, Fleet, Machine};
use provider_core::{FailureKind, InstanceState, Provider, ProviderError, ScopeError, Selector, Silent, TagFilter};
use provider_gcp::{Gcp, GcpConfig};

/// Set for the child of `loopback_is_called_directly`: where the API is.
const ENDPOINT: &str = "FLEETWIDE_TEST_ENDPOINT";

async fn one_machine() -> CloudServer {
    let machine = Machine::new(Cloud::Gcp, "4000000", "shop", "europe-west1", "europe-west1-b");
    CloudServer::start(Cloud::Gcp, Fleet::new(vec![machine])).await.expect("a port")
}

/// Queries the project `shop` at `endpoint`; returns how many instances are found.
async fn ask(endpoint: &str, selector: &Selector) -> Result<usize, ProviderError> {
    let endpoint = Some(endpoint.parse().expect("an endpoint"));
    let provider = Gcp::new(GcpConfig { projects: vec!["shop".to_owned()], endpoint, ..GcpConfig::default() });
    Ok(provider.instances(selector, &Silent).await?.len())
}

fn all_running() -> Selector {
    Selector::running(TagFilter::default())
}

/// The failure when the API gives `answer` to every call.
async fn failure_of<A: IntoResponse>(answer: impl Fn() -> A + Clone + Send + Sync + 'static) -> ScopeError {
    let error = ask_of(answer, &all_running()).await.expect_err("no list");
    error.failures.into_iter().next().expect("a failure")
}

async fn ask_of<A: IntoResponse>(
    answer: impl Fn() -> A + Clone + Send + Sync + 'static,
    selector: &Selector,
) -> Result<usize, ProviderError> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(move || {
        let answer = answer().into_response();
        async move { answer }
    });
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let found = ask(&endpoint, selector).await;
    server.abort();
    found
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let elsewhere = one_machine().await;
    let target = format!("{}/compute/v1/projects/shop/aggregated/instances", elsewhere.endpoint());
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
        let target = target.clone();
        let failure = failure_of(move || (status, [(LOCATION, target.clone())])).await;
        assert_eq!(failure.kind, FailureKind::BadAnswer, "{failure}");
        assert!(failure.message.contains("redirect"), "{failure}");
    }
    assert_eq!(elsewhere.state.calls().len(), 0);
}

/// A process cannot change its own environment safely. So the test starts itself again, as a child with a proxy in its
/// environment.
#[tokio::test(flavor = "multi_thread")]
async fn loopback_is_called_directly() {
    if let Ok(endpoint) = env::var(ENDPOINT) {
        assert_eq!(ask(&endpoint, &all_running()).await.expect("an answer"), 1);
        return;
    }
    let server = one_machine().await;
    // Nothing listens on port 9, so no request there gets an answer.
    let nowhere = "http://127.0.0.1:9";
    let mut child = Command::new(env::current_exe().expect("this test"));
    child.args(["--exact", "loopback_is_called_directly"]).env(ENDPOINT, server.endpoint());
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        child.env(name, nowhere);
    }
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(name);
    }
    let mut child = tokio::process::Command::from(child);
    let output = child.kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(30), output).await.expect("in time");
    assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
    assert_eq!(server.state.calls().len(), 1);
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_the_end() {
    let chunk = " ".repeat(1 << 20);
    let endless = move || {
        let chunk = chunk.clone();
        let chunks = futures::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(chunk.clone()));
        Response::new(Body::from_stream(chunks))
    };
    let failure = failure_of(endless).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer, "{failure}");
    assert!(failure.message.contains("64 MiB"), "{failure}");
}

#[tokio::test]
async fn a_success_without_a_list_is_a_bad_answer() {
    let failure = failure_of(|| StatusCode::NO_CONTENT).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer, "{failure}");
    assert!(failure.message.contains("204"), "{failure}");
}

#[tokio::test]
async fn an_instance_without_a_status_is_named_where_its_state_matters() {
    let page = |status: &str| {
        format!(
            r#"{{"kind": "compute#instanceAggregatedList", "items": {{"zones/europe-west1-b": {{"instances": [
                {{"id": "7", "name": "web-1", "labels": {{"role": "web"}}{status}}}]}}}}}}"#
        )
    };
    let running = |role: &str| Selector::running([("role", role)].into_iter().collect());
    for status in ["", r#", "status": null"#, r#", "status": """#] {
        let body = page(status);
        let error = ask_of(move || body.clone(), &running("web")).await.expect_err("it may well run");
        let failure = &error.failures[0];
        assert_eq!(failure.kind, FailureKind::BadAnswer, "{failure}");
        assert!(failure.message.contains("web-1") && failure.message.contains("no status"), "{failure}");
    }
    let unsaid = page("");
    let any = Selector { states: InstanceState::ALL.into(), ..running("web") };
    for (selector, found) in [(running("db"), 0), (any, 1)] {
        let body = unsaid.clone();
        assert_eq!(ask_of(move || body.clone(), &selector).await.expect("a list"), found);
    }
    let foreign = page(r#", "status": "DREAMING""#);
    assert_eq!(ask_of(move || foreign.clone(), &running("web")).await.expect("a list"), 0);
}

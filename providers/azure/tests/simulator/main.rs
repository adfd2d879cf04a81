//! The provider against the simulator's Resource Manager: which instances are found, and how faults are reported.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so may what it is made of")]

mod answers;
mod faults;
mod found;

use std::{
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::Router;
use fleetwide_simulator::{Cloud, CloudServer, Fleet, Machine};
use provider_azure::{Azure, AzureConfig};
use provider_core::{Instance, Progress, Provider, ProviderError, Scope, ScopeError, Selector, Silent, Step};
use tokio::net::TcpListener;

const SUBSCRIPTION: &str = "99999999-9999-9999-9999-999999999999";

/// A running machine with `role=web`, in the group `shop`.
fn web(number: u32) -> Machine {
    Machine {
        name: format!("web-{number}"),
        group: "shop".to_owned(),
        tags: [("role".to_owned(), "web".to_owned())].into(),
        private_ipv4: Some(Ipv4Addr::from(0x0A00_0000 + number)),
        ..Machine::new(Cloud::Azure, format!("aaaaaaaa-0000-4000-8000-{number:012}"), SUBSCRIPTION, "westeurope", "1")
    }
}

async fn server(machines: Vec<Machine>) -> CloudServer {
    CloudServer::start(Cloud::Azure, Fleet::new(machines)).await.unwrap()
}

/// A provider that queries `router` in the Resource Manager's place, until the test ends.
async fn stand_in(router: Router) -> Azure {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let subscriptions = vec![SUBSCRIPTION.to_owned()];
    Azure::new(AzureConfig { subscriptions, endpoint: Some(endpoint), ..AzureConfig::default() })
}

/// A provider that looks at the whole subscription.
fn azure(server: &CloudServer) -> Azure {
    Azure::new(config(server))
}

fn config(server: &CloudServer) -> AzureConfig {
    AzureConfig {
        subscriptions: vec![SUBSCRIPTION.to_owned()],
        endpoint: Some(server.endpoint().parse().unwrap()),
        ..AzureConfig::default()
    }
}

fn role_web() -> Selector {
    Selector::running([("role", "web")].into_iter().collect())
}

/// A selector with a deadline short enough for a test to wait for.
fn impatient(milliseconds: u64) -> Selector {
    Selector { deadline: Duration::from_millis(milliseconds), ..role_web() }
}

/// The only failure of the only subscription.
async fn failure(server: &CloudServer, selector: &Selector) -> ScopeError {
    only(azure(server).instances(selector, &Silent).await)
}

fn only(answer: Result<Vec<Instance>, ProviderError>) -> ScopeError {
    let error = answer.unwrap_err();
    assert!(error.found.is_empty(), "{error}");
    let [failure] = <[ScopeError; 1]>::try_from(error.failures).unwrap();
    println!("{failure}\n  hint: {}", failure.hint.as_deref().unwrap_or_default());
    failure
}

/// Records a provider's progress.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn count(&self, prefix: &str) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|step| step.starts_with(prefix)).count()
    }
}

impl Progress for Heard {
    fn step(&self, _: &Scope, step: Step<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{step:?}"));
    }
}

//! Faults, and the errors for them.

use std::{future::pending, time::Duration};

use axum::{Router, http::StatusCode, http::header::RETRY_AFTER};
use fleetwide_simulator::{Fault, Machine, ScaleSet};
use provider_azure::{Azure, AzureConfig};
use provider_core::{FailureKind, Progress, Provider, Scope, Silent, Step};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{Heard, SUBSCRIPTION, azure, config, failure, impatient, only, role_web, server, stand_in, web};

#[tokio::test]
async fn throttled_twice_then_fine() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::Throttle { times: Some(2) });
    let heard = Heard::default();
    assert_eq!(azure(&server).instances(&role_web(), &heard).await.unwrap().len(), 1);
    assert_eq!(heard.count("Retrying"), 2);
    assert_eq!(server.state.calls().len(), 7);
}

#[tokio::test]
async fn unavailable_twice_then_fine() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::Unavailable { times: Some(2) });
    assert_eq!(azure(&server).instances(&role_web(), &Silent).await.unwrap().len(), 1);
}

#[tokio::test]
async fn throttled_for_ever_is_throttled_and_not_slow() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::Throttle { times: None });
    let failure = failure(&server, &impatient(1500)).await;
    assert_eq!(failure.kind, FailureKind::Throttled);
    assert!(failure.message.contains("TooManyRequests"), "{failure}");
    assert!(server.state.calls().len() > 5, "it was tried again");
}

#[tokio::test]
async fn throttled_and_then_no_answer_is_throttled() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::Throttle { times: None });
    let (retrying, mut retries) = mpsc::unbounded_channel();
    let (azure, selector, progress) = (azure(&server), impatient(2000), Retries(retrying));
    let asking = azure.instances(&selector, &progress);
    let hang = async {
        retries.recv().await;
        server.state.heal();
        server.state.order(Fault::Hang);
        pending::<()>().await;
    };
    let answer = tokio::select! { answer = asking => answer, () = hang => unreachable!("never ends") };
    assert_eq!(only(answer).kind, FailureKind::Throttled);
}

/// Passes on the length of each wait.
struct Retries(mpsc::UnboundedSender<Duration>);

impl Progress for Retries {
    fn step(&self, _: &Scope, step: Step<'_>) {
        if let Step::Retrying { wait, .. } = step {
            let _ = self.0.send(wait);
        }
    }
}

#[tokio::test]
async fn a_huge_retry_after_is_capped() {
    let throttled = || async { (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1200")], "slow down") };
    let azure = stand_in(Router::new().fallback(throttled)).await;
    let (retrying, mut retries) = mpsc::unbounded_channel();
    let (selector, progress) = (role_web(), Retries(retrying));
    tokio::select! {
        answer = azure.instances(&selector, &progress) => panic!("it should be waiting: {answer:?}"),
        wait = retries.recv() => assert_eq!(wait, Some(Duration::from_secs(30))),
    }
}

#[tokio::test]
async fn a_link_that_repeats_is_a_bad_answer() {
    let server = server((0..60).map(web).collect()).await;
    server.state.order(Fault::RepeatToken);
    let failure = failure(&server, &role_web()).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains("nextLink repeats"), "{failure}");
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed_and_the_token_stays_here() {
    let thief = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = thief.local_addr().unwrap();
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::ForeignNextLink { url: format!("http://{address}/take") });
    let failure = failure(&server, &impatient(5000)).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains(&address.to_string()) && failure.message.contains("not followed"), "{failure}");

    // The test's own connection is the first that the thief ever sees.
    let ours = tokio::net::TcpStream::connect(address).await.unwrap();
    let (_, first) = thief.accept().await.unwrap();
    assert_eq!(first, ours.local_addr().unwrap());
}

#[tokio::test]
async fn a_machine_that_the_models_cannot_read_is_found_all_the_same() {
    let uniform = Some(ScaleSet { name: "set".to_owned(), flexible: false });
    let machines: Vec<_> =
        (0..3).map(web).chain((3..6).map(|n| Machine { scale_set: uniform.clone(), ..web(n) })).collect();
    let server = server(machines.clone()).await;
    let plain = azure(&server).instances(&role_web(), &Silent).await.unwrap();
    for odd in [&machines[1], &machines[4]] {
        server.state.order(Fault::OddMachine { id: odd.id.clone() });
    }
    assert_eq!(azure(&server).instances(&role_web(), &Silent).await.unwrap(), plain);
    assert_eq!(plain.len(), 6);
}

#[tokio::test]
async fn a_machine_that_nothing_can_read_is_named() {
    let machines: Vec<_> = (0..3).map(web).collect();
    let server = server(machines.clone()).await;
    server.state.order(Fault::UnreadableMachine { id: machines[1].id.clone() });
    let failure = failure(&server, &role_web()).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains("/virtualMachines/web-1"), "{failure}");
}

#[tokio::test]
async fn refused_credentials_say_what_to_do() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::BadCredentials);
    let failure = failure(&server, &role_web()).await;
    assert_eq!(failure.kind, FailureKind::Credentials);
    let hint = failure.hint.unwrap();
    assert!(
        hint.contains("az login") && hint.contains("AZURE_CLIENT_ID") && hint.contains("managed identity"),
        "{hint}"
    );
    assert_eq!(server.state.calls().iter().filter(|call| call.operation == "virtualMachines").count(), 1, "no retry");
}

#[tokio::test]
async fn a_denial_names_the_action_and_the_role() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::Denied);
    let failure = failure(&server, &role_web()).await;
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(
        failure.message.contains("AuthorizationFailed") && failure.message.contains("action 'Microsoft."),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("Reader"));
}

#[tokio::test]
async fn unavailable_for_ever_is_the_service() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::Unavailable { times: None });
    let failure = failure(&server, &impatient(600)).await;
    assert_eq!(failure.kind, FailureKind::Service);
    assert!(failure.message.contains("ServerBusy"), "{failure}");
}

#[tokio::test]
async fn no_answer_ends_with_the_deadline() {
    let server = server(vec![web(1)]).await;
    server.state.order(Fault::Hang);
    let failure = failure(&server, &impatient(300)).await;
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert!(failure.message.contains("300ms"), "{failure}");
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_noticed_before_the_deadline() {
    let closed = server(Vec::new()).await.endpoint();
    let azure = Azure::new(AzureConfig {
        subscriptions: vec![SUBSCRIPTION.to_owned()],
        endpoint: Some(closed.parse().unwrap()),
        ..AzureConfig::default()
    });
    let failure = only(azure.instances(&role_web(), &Silent).await);
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains(closed.trim_start_matches("http://")), "{failure}");
}

#[tokio::test]
async fn an_unknown_subscription_is_a_scope_that_does_not_exist() {
    let server = server(vec![web(1)]).await;
    let subscriptions = vec!["11111111-1111-1111-1111-111111111111".to_owned()];
    let azure = Azure::new(AzureConfig { subscriptions, ..config(&server) });
    let failure = only(azure.instances(&role_web(), &Silent).await);
    assert_eq!(failure.kind, FailureKind::Scope);
    assert!(failure.message.contains("SubscriptionNotFound"), "{failure}");
}

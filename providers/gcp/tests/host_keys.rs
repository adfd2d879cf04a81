//! The host keys that instances publish in guest attributes, against the simulator's Compute Engine.

use std::time::Duration;

use fleetwide_simulator::{Cloud, CloudServer, Fault, Fleet, Machine, PublishedKeys};
use provider_core::{
    FailureKind, HostKeySource, Instance, Provider, Published, ScopeError, Selector, Silent, TagFilter,
};
use provider_gcp::{Gcp, GcpConfig};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEzJyQyn3Lvhs6L3SaqPRtNUdJHJR7EpxQAAPaEU69bL";

fn machine(id: &str, published: PublishedKeys) -> Machine {
    Machine { published, ..Machine::new(Cloud::Gcp, id, "shop-prod", "europe-west1", "europe-west1-b") }
}

/// A cloud with these machines, and all of them found.
async fn found(machines: Vec<Machine>) -> (CloudServer, Gcp, Vec<Instance>) {
    let server = CloudServer::start(Cloud::Gcp, Fleet::new(machines)).await.expect("a port");
    let provider = Gcp::new(GcpConfig {
        projects: vec!["shop-prod".to_owned()],
        endpoint: Some(server.endpoint().parse().expect("a loopback endpoint")),
        ..GcpConfig::default()
    });
    let instances = provider.instances(&Selector::running(TagFilter::default()), &Silent).await.expect("instances");
    (server, provider, instances)
}

type Answer = Result<Published, ScopeError>;

async fn ask(provider: &Gcp, instances: &[Instance], deadline: Duration) -> Vec<Answer> {
    provider.host_keys(&instances.iter().collect::<Vec<_>>(), deadline, &Silent).await
}

/// Asks for the keys of one instance.
async fn ask_one(provider: &Gcp, instances: &[Instance], deadline: Duration) -> Answer {
    ask(provider, instances, deadline).await.pop().expect("an answer")
}

fn keys() -> Published {
    Published::Keys(vec![KEY.parse().expect("a key")])
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn each_instance_has_its_own_answer() {
    let (_server, provider, instances) =
        found(vec![machine("1", PublishedKeys::key(KEY)), machine("2", PublishedKeys::default())]).await;
    let answers = ask(&provider, &instances, LONG).await;
    let [Ok(first), Ok(Published::Nothing { reason, hint })] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(*first, keys());
    assert_eq!(reason, "it publishes no host keys in its guest attributes");
    assert!(hint.contains("enable-guest-attributes=TRUE"), "{hint}");
}

#[tokio::test]
async fn throttled_for_a_while_is_waited_out_and_for_ever_is_said() {
    let (server, provider, instances) = found(vec![machine("1", PublishedKeys::key(KEY))]).await;
    server.state.order(Fault::KeysThrottled { times: Some(2) });
    assert_eq!(ask_one(&provider, &instances, LONG).await.expect("an answer"), keys());
    server.state.heal();
    server.state.order(Fault::KeysThrottled { times: None });
    let error = ask_one(&provider, &instances, SHORT).await.expect_err("never answered");
    assert_eq!(error.kind, FailureKind::Throttled, "{error}");
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let (server, provider, instances) = found(vec![machine("1", PublishedKeys::key(KEY))]).await;
    server.state.order(Fault::KeysDenied { of: None });
    let error = ask_one(&provider, &instances, LONG).await.expect_err("denied");
    assert_eq!(error.kind, FailureKind::Denied, "{error}");
    let hint = error.hint.as_deref().expect("a hint");
    assert!(hint.contains("compute.instances.getGuestAttributes") && hint.contains("shop-prod"), "{hint}");
}

#[tokio::test]
async fn what_fails_for_one_takes_nothing_from_the_others() {
    let machines = ["1", "2", "3"].map(|id| machine(id, PublishedKeys::key(KEY)));
    let (server, provider, instances) = found(machines.to_vec()).await;
    server.state.order(Fault::KeysDenied { of: Some("2".to_owned()) });
    let answers = ask(&provider, &instances, LONG).await;
    let kinds: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|failure| failure.kind)).collect();
    assert_eq!(kinds, [Ok(keys()), Err(FailureKind::Denied), Ok(keys())]);
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_meets_the_deadline_that_was_set() {
    let (server, provider, instances) = found(vec![machine("1", PublishedKeys::key(KEY))]).await;
    server.state.order(Fault::Hang);
    let error = ask_one(&provider, &instances, SHORT).await.expect_err("silence");
    assert_eq!(error.kind, FailureKind::TimedOut, "{error}");
    assert!(error.message.ends_with(" within 1s"), "what was allowed, and not what was left of it: {error}");
}

#[tokio::test]
async fn an_instance_that_is_gone_is_told_from_one_without_keys() {
    let (server, provider, instances) = found(vec![machine("1", PublishedKeys::key(KEY))]).await;
    server.state.fleet.change(Vec::clear);
    let answer = ask_one(&provider, &instances, LONG).await;
    assert!(matches!(&answer, Ok(Published::Nothing { reason, .. }) if reason.contains("any more")), "{answer:?}");
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_not_asked_for() {
    let (server, provider, mut instances) = found(vec![machine("1", PublishedKeys::key(KEY))]).await;
    let before = server.state.calls().len();
    instances[0].zone = "../../x".to_owned();
    let error = ask_one(&provider, &instances, LONG).await.expect_err("no zone");
    assert_eq!(error.kind, FailureKind::BadAnswer, "{error}");
    assert_eq!(server.state.calls().len(), before);
}

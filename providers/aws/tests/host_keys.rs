//! The host keys that instances print to their consoles, against the simulator's EC2.

mod heard;

use std::time::Duration;

use fleetwide_simulator::{Cloud, CloudServer, Fault, Fleet, Machine, PublishedKeys};
use heard::{Heard, Kind};
use provider_aws::{Aws, AwsConfig, Regions};
use provider_core::{
    FailureKind, HostKeySource, Instance, Provider, Published, ScopeError, Selector, Silent, TagFilter,
};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEzJyQyn3Lvhs6L3SaqPRtNUdJHJR7EpxQAAPaEU69bL";
const REGION: &str = "eu-west-1";

fn machine(id: &str, published: PublishedKeys) -> Machine {
    Machine { published, ..Machine::new(Cloud::Aws, id, "111122223333", REGION, "eu-west-1a") }
}

/// A cloud with these machines, and all of them found.
async fn found(machines: Vec<Machine>) -> (CloudServer, Aws, Vec<Instance>) {
    let server = CloudServer::start(Cloud::Aws, Fleet::new(machines)).await.expect("a port");
    let provider = Aws::new(AwsConfig {
        regions: Regions::Named(vec![REGION.to_owned()]),
        endpoint: Some(server.endpoint().parse().expect("a loopback endpoint")),
        ..AwsConfig::default()
    });
    let instances = provider.instances(&Selector::running(TagFilter::default()), &Silent).await.expect("instances");
    (server, provider, instances)
}

type Answer = Result<Published, ScopeError>;

async fn ask(provider: &Aws, instances: &[Instance], deadline: Duration) -> Vec<Answer> {
    provider.host_keys(&instances.iter().collect::<Vec<_>>(), deadline, &Silent).await
}

/// Asks for the keys of one instance.
async fn ask_one(provider: &Aws, instances: &[Instance], deadline: Duration) -> Answer {
    ask(provider, instances, deadline).await.pop().expect("an answer")
}

fn reason(published: &Published) -> &str {
    match published {
        Published::Nothing { reason, hint } if !hint.is_empty() => reason,
        other => panic!("{other:?}"),
    }
}

fn keys() -> Published {
    Published::Keys(vec![KEY.parse().expect("a key")])
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn each_instance_has_its_own_answer_in_order() {
    let key = PublishedKeys::key(KEY);
    let silent = PublishedKeys { console: "Linux version 6.1\n".to_owned(), ..PublishedKeys::default() };
    let nitro = PublishedKeys { console_now: Some(key.console.clone()), ..silent.clone() };
    let cut = PublishedKeys { console: key.console[..key.console.len() - 40].to_owned(), ..silent.clone() };
    let (server, provider, mut instances) = found(vec![
        machine("i-1", key),
        machine("i-2", silent),
        machine("i-3", PublishedKeys::default()),
        machine("i-4", nitro),
        machine("i-5", cut),
        machine("i-6", PublishedKeys::default()),
    ])
    .await;
    server.state.fleet.change(|machines| machines.retain(|machine| machine.id != "i-6"));
    instances.reverse();
    let answers = ask(&provider, &instances, LONG).await;
    let mut answers: Vec<_> = answers.into_iter().map(|answer| answer.expect("an answer")).collect();
    answers.reverse();
    assert_eq!((&answers[0], &answers[3]), (&keys(), &keys()));
    assert_eq!(reason(&answers[1]), "its console output (18 bytes) holds no SSH host keys");
    assert_eq!(reason(&answers[2]), "EC2 has no console output of it yet");
    assert_eq!(reason(&answers[4]), "the SSH host keys in its console output are cut short");
    assert_eq!(reason(&answers[5]), "EC2 knows no such instance any more");
}

#[tokio::test]
async fn forty_are_asked_each_once_and_counted() {
    let machines = (0..40).map(|number| machine(&format!("i-{number}"), PublishedKeys::key(KEY))).collect();
    let (server, provider, instances) = found(machines).await;
    let before = server.state.calls().len();
    let heard = Heard::default();
    let answers = provider.host_keys(&instances.iter().collect::<Vec<_>>(), LONG, &heard).await;
    assert!(answers.len() == 40 && answers.into_iter().all(|answer| answer.is_ok_and(|answer| answer == keys())));
    assert_eq!((server.state.calls().len() - before, heard.count(Kind::HostKeys)), (40, 40));
}

#[tokio::test]
async fn throttled_for_a_while_is_waited_out_and_for_ever_is_said() {
    let (server, provider, instances) = found(vec![machine("i-1", PublishedKeys::key(KEY))]).await;
    server.state.order(Fault::KeysThrottled { times: Some(2) });
    assert_eq!(ask_one(&provider, &instances, LONG).await.expect("an answer"), keys());
    server.state.heal();
    server.state.order(Fault::KeysThrottled { times: None });
    let error = ask_one(&provider, &instances, SHORT).await.expect_err("never answered");
    assert_eq!(error.kind, FailureKind::Throttled, "{error}");
    assert!(error.to_string().contains("GetConsoleOutput: RequestLimitExceeded"), "{error}");
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let (server, provider, instances) = found(vec![machine("i-1", PublishedKeys::key(KEY))]).await;
    server.state.order(Fault::KeysDenied { of: None });
    let error = ask_one(&provider, &instances, LONG).await.expect_err("denied");
    assert_eq!(error.kind, FailureKind::Denied, "{error}");
    let hint = error.hint.as_deref().expect("a hint");
    assert!(hint.contains("ec2:GetConsoleOutput"), "{hint}");
}

#[tokio::test]
async fn what_fails_for_one_takes_nothing_from_the_others() {
    let machines = ["i-1", "i-2", "i-3"].map(|id| machine(id, PublishedKeys::key(KEY)));
    let (server, provider, instances) = found(machines.to_vec()).await;
    server.state.order(Fault::KeysDenied { of: Some("i-2".to_owned()) });
    let answers = ask(&provider, &instances, LONG).await;
    let kinds: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|failure| failure.kind)).collect();
    assert_eq!(kinds, [Ok(keys()), Err(FailureKind::Denied), Ok(keys())]);
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_meets_the_deadline() {
    let (server, provider, instances) = found(vec![machine("i-1", PublishedKeys::key(KEY))]).await;
    server.state.order(Fault::Hang);
    let error = ask_one(&provider, &instances, SHORT).await.expect_err("silence");
    assert_eq!(error.kind, FailureKind::TimedOut, "{error}");
    assert!(error.message.ends_with(" within 1s"), "what was allowed, and not what was left of it: {error}");
}

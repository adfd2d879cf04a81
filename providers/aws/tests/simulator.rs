//! The provider against the simulator's EC2: the suite of all providers, paging, and every fault.

mod heard;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use fleetwide_simulator::{Cloud, CloudServer, Fault, Fleet, Image, Machine, MachineState};
use heard::{Heard, Kind};
use provider_aws::{AssumeRole, Aws, AwsConfig, Regions};
use provider_core::{
    FailureKind, Instance, Provider, ProviderError, ScopeError, Selector, TagFilter, TagMatch, conformance,
};

const ACCOUNT: &str = "111122223333";
const EU: &str = "eu-west-1";
const US: &str = "us-east-1";

/// Running machines with `role=web`, `count` of them, in zone a and VPC `default`.
fn web(region: &str, count: usize) -> Vec<Machine> {
    let machine = |number: usize| Machine {
        tags: BTreeMap::from([("role".to_owned(), "web".to_owned())]),
        private_ipv4: Some(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number).expect("fits"))),
        ..Machine::new(Cloud::Aws, format!("i-{region}-{number}"), ACCOUNT, region, &format!("{region}a"))
    };
    (0..count).map(machine).collect()
}

fn ids(machines: &[Machine]) -> BTreeSet<String> {
    machines.iter().map(|machine| machine.id.clone()).collect()
}

fn selector() -> Selector {
    Selector::running([("role", "web")].into_iter().collect())
}

/// A selector with a short deadline, for faults that never end.
fn hasty() -> Selector {
    Selector { deadline: Duration::from_secs(1), ..selector() }
}

async fn server(machines: Vec<Machine>) -> CloudServer {
    CloudServer::start(Cloud::Aws, Fleet::new(machines)).await.expect("a port")
}

fn config(server: &CloudServer, regions: &[&str]) -> AwsConfig {
    AwsConfig {
        regions: Regions::Named(regions.iter().map(|region| (*region).to_owned()).collect()),
        endpoint: Some(server.endpoint().parse().expect("a loopback endpoint")),
        ..AwsConfig::default()
    }
}

async fn ask(config: AwsConfig, selector: &Selector) -> (Result<Vec<Instance>, ProviderError>, Heard) {
    let heard = Heard::default();
    let answer = Aws::new(config).instances(selector, &heard).await;
    (answer, heard)
}

fn only_failure(answer: Result<Vec<Instance>, ProviderError>) -> ScopeError {
    let error = answer.expect_err("a fault is on order");
    assert_eq!(error.failures.len(), 1, "{error}");
    error.failures.into_iter().next().expect("one")
}

#[tokio::test]
async fn conforms() {
    let mut machines = web(EU, 3);
    machines.extend(web(US, 2));
    let wanted = ids(&machines);
    let other = |id: &str, change: fn(&mut Machine)| {
        let mut machine = Machine { id: id.to_owned(), name: id.to_owned(), ..web(EU, 1).remove(0) };
        change(&mut machine);
        machine
    };
    machines.push(other("i-stopped", |machine| machine.state = MachineState::Stopped));
    machines.push(other("i-terminated", |machine| machine.state = MachineState::Terminated));
    machines.push(other("i-untagged", |machine| machine.tags.clear()));
    machines.push(other("i-elsewhere", |machine| machine.region = "eu-north-1".to_owned()));
    machines.push(other("foreign", |machine| machine.cloud = Cloud::Gcp));
    let server = server(machines).await;

    let provider = Aws::new(config(&server, &[EU, US]));
    let found = conformance::gives_exactly(&provider, &selector(), &wanted).await;
    assert!(found.iter().all(|instance| instance.account == ACCOUNT && instance.addresses.private_ipv4.is_some()));
    conformance::honours_states(&provider, &selector()).await;
}

#[tokio::test]
async fn pages_of_a_thousand() {
    let machines = web(EU, 2_500);
    let wanted = ids(&machines);
    let server = server(machines).await;
    let (answer, heard) = ask(config(&server, &[EU]), &selector()).await;
    let found: BTreeSet<_> = answer.expect("instances").into_iter().map(|found| found.id.to_string()).collect();
    assert_eq!(found, wanted);
    let calls = server.state.calls();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call.operation == "DescribeInstances" && call.page_size == Some(1000)));
    assert_eq!((heard.count(Kind::Calling), heard.count(Kind::Page), heard.count(Kind::Done)), (3, 3, 1));
}

#[tokio::test]
async fn ten_thousand_are_ten_calls() {
    let mut machines = web(EU, 10_000);
    for machine in web(EU, 500) {
        machines.push(Machine { id: format!("{}-other", machine.id), tags: BTreeMap::new(), ..machine });
    }
    let server = server(machines).await;
    let (answer, _) = ask(config(&server, &[EU]), &selector()).await;
    let found = answer.expect("instances");
    let distinct: BTreeSet<_> = found.iter().map(|instance| instance.id.as_str()).collect();
    assert_eq!((found.len(), distinct.len(), server.state.calls().len()), (10_000, 10_000, 10));
}

#[tokio::test]
async fn a_selector_is_asked_and_applied_whole() {
    let mut machines = web(EU, 6);
    machines[0].zone = "eu-west-1b".to_owned();
    machines[1].network = "vpc-other".to_owned();
    machines[2].tags.insert("role".to_owned(), "web-old".to_owned());
    machines[3].tags.insert("team".to_owned(), "shop".to_owned());
    machines[3].tags.insert("path".to_owned(), r"a\b".to_owned());
    let server = server(machines).await;
    let scope = AwsConfig { zones: vec!["*a".into()], vpcs: vec!["def*".into()], ..config(&server, &[EU]) };

    for (tags, expected) in [
        (vec![("role", "web")], vec![3, 4, 5]),
        (vec![("role", "web*")], vec![2, 3, 4, 5]),
        (vec![("role", "web"), ("team", "")], vec![3]),
        (vec![("role", ""), ("team", ""), ("path", r"a\b")], vec![3]),
    ] {
        let filter: TagFilter = tags.iter().map(|(key, value)| (*key, TagMatch::from(*value))).collect();
        let (answer, _) = ask(scope.clone(), &Selector::running(filter)).await;
        let found: Vec<_> = answer.expect("instances").into_iter().map(|found| found.id.to_string()).collect();
        let expected: Vec<_> = expected.iter().map(|number| format!("i-{EU}-{number}")).collect();
        assert_eq!(found, expected, "{tags:?}");
    }
}

#[tokio::test]
async fn all_regions_are_listed_once() {
    let mut machines = web(EU, 1);
    machines.extend(web(US, 1));
    let server = server(machines).await;
    let everywhere = AwsConfig { regions: Regions::All, ..config(&server, &[]) };
    let (answer, _) = ask(everywhere, &selector()).await;
    assert_eq!(answer.expect("instances").len(), 2);
    let calls: Vec<_> = server.state.calls().into_iter().map(|call| (call.operation, call.scope)).collect();
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0].0, "DescribeRegions");
    let asked: BTreeSet<_> = calls[1..].iter().map(|(_, region)| region.as_str()).collect();
    assert_eq!(asked, BTreeSet::from([EU, US]));
}

#[tokio::test]
async fn a_role_sees_its_own_account() {
    let mut machines = web(EU, 2);
    machines[1].account = "444455556666".to_owned();
    let server = server(machines).await;
    let role = |arn: &str| AwsConfig {
        assume_role: Some(AssumeRole { arn: arn.to_owned(), external_id: Some("42".into()), session_name: None }),
        ..config(&server, &[EU, US])
    };
    let (answer, heard) = ask(role("arn:aws:iam::444455556666:role/deploy"), &selector()).await;
    let found = answer.expect("instances");
    assert_eq!(found.iter().map(|found| found.account.as_str()).collect::<Vec<_>>(), ["444455556666"]);
    assert!(heard.steps()[0].0.contains("role arn:aws:iam::444455556666:role/deploy"), "{:?}", heard.steps());
    let assumed = server.state.calls().iter().filter(|call| call.operation == "AssumeRole").count();
    assert_eq!(assumed, 1, "once for all regions");

    let failure = only_failure(ask(role("nonsense"), &selector()).await.0);
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.message.contains("nonsense is invalid"), "{failure}");
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_named() {
    let server = server(web(EU, 1)).await;
    let profile = Some("no-such-profile-anywhere".to_owned());
    let failure = only_failure(ask(AwsConfig { profile, ..config(&server, &[EU]) }, &selector()).await.0);
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.message.contains("no-such-profile-anywhere"), "{failure}");
    assert!(server.state.calls().is_empty(), "nothing is asked without credentials");
}

#[tokio::test]
async fn what_is_no_region_is_refused() {
    let server = server(Vec::new()).await;
    let failure = only_failure(ask(config(&server, &["eu-west-1.evil.example"]), &selector()).await.0);
    assert_eq!(failure.kind, FailureKind::Scope);
    assert!(server.state.calls().is_empty());
}

#[tokio::test]
async fn throttled_twice_then_fine() {
    let server = server(web(EU, 2)).await;
    server.state.order(Fault::Throttle { times: Some(2) });
    let (answer, heard) = ask(config(&server, &[EU]), &selector()).await;
    assert_eq!(answer.expect("instances").len(), 2);
    assert_eq!(server.state.calls().len(), 3);
    let kinds: Vec<_> = heard.steps().into_iter().map(|(_, kind)| kind).collect();
    let retried = [Kind::Retrying, Kind::Calling, Kind::Retrying, Kind::Calling];
    assert_eq!(kinds, [&[Kind::Calling], &retried[..], &[Kind::Page, Kind::Done]].concat());
}

#[tokio::test]
async fn throttled_for_ever_is_throttled_and_not_slow() {
    let server = server(web(EU, 1)).await;
    server.state.order(Fault::Throttle { times: None });
    let failure = only_failure(ask(config(&server, &[EU]), &hasty()).await.0);
    assert_eq!(failure.kind, FailureKind::Throttled);
    assert!(failure.message.contains("RequestLimitExceeded") && failure.message.contains("given up"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("deadline")));
}

#[tokio::test]
async fn unavailable_once_then_fine() {
    let server = server(web(EU, 1)).await;
    server.state.order(Fault::Unavailable { times: Some(1) });
    let (answer, _) = ask(config(&server, &[EU]), &selector()).await;
    assert_eq!((answer.expect("instances").len(), server.state.calls().len()), (1, 2));
}

#[tokio::test]
async fn unavailable_for_a_while_is_waited_out() {
    let server = server(web(EU, 1)).await;
    server.state.order(Fault::Unavailable { times: Some(4) });
    let (answer, _) = ask(config(&server, &[EU]), &selector()).await;
    assert_eq!((answer.expect("instances").len(), server.state.calls().len()), (1, 5));
}

#[tokio::test]
async fn unavailable_for_ever_is_the_services_failure() {
    let server = server(web(EU, 1)).await;
    server.state.order(Fault::Unavailable { times: None });
    let failure = only_failure(ask(config(&server, &[EU]), &hasty()).await.0);
    assert_eq!(failure.kind, FailureKind::Service, "{failure}");
    assert!(failure.message.contains("Unavailable") && failure.message.contains("given up"), "{failure}");
}

#[tokio::test]
async fn a_token_that_repeats_is_no_end() {
    let server = server(web(EU, 3)).await;
    server.state.order(Fault::RepeatToken);
    let failure = only_failure(ask(config(&server, &[EU]), &selector()).await.0);
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert_eq!(server.state.calls().len(), 2);
}

#[tokio::test]
async fn refused_credentials_are_not_retried() {
    let server = server(web(EU, 1)).await;
    server.state.order(Fault::BadCredentials);
    let failure = only_failure(ask(config(&server, &[EU]), &selector()).await.0);
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.message.contains("AuthFailure") && failure.message.contains("request "), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("aws sts get-caller-identity")));
    assert_eq!(server.state.calls().len(), 1);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let server = server(web(EU, 1)).await;
    server.state.order(Fault::Denied);
    let failure = only_failure(ask(config(&server, &[EU]), &selector()).await.0);
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.message.contains("UnauthorizedOperation"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("ec2:DescribeInstances")));
}

#[tokio::test]
async fn regions_hang_side_by_side_until_the_deadline() {
    let mut machines = web(EU, 1);
    machines.extend(web(US, 1));
    let server = server(machines).await;
    server.state.order(Fault::Hang);
    let (answer, _) = ask(config(&server, &[EU, US]), &hasty()).await;
    let error = answer.expect_err("nothing is answered");
    assert_eq!(error.failures.len(), 2, "{error}");
    assert!(error.failures.iter().all(|failure| failure.kind == FailureKind::TimedOut), "{error}");
    let calls = server.state.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.answered.is_none()), "the second was asked while the first hung");
}

#[tokio::test]
async fn an_oddly_described_machine_is_found_all_the_same() {
    let server = server(web(EU, 3)).await;
    server.state.order(Fault::OddMachine { id: format!("i-{EU}-1") });
    let (answer, _) = ask(config(&server, &[EU]), &selector()).await;
    let found = answer.expect("instances");
    assert_eq!(found.iter().map(|found| found.launched.is_some()).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn a_machine_that_nothing_can_read_is_named() {
    let server = server(web(EU, 3)).await;
    let id = format!("i-{EU}-1");
    server.state.order(Fault::UnreadableMachine { id: id.clone() });
    let failure = only_failure(ask(config(&server, &[EU]), &selector()).await.0);
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains(&id) && failure.message.contains("cannot be read"), "{failure}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_given_up_soon() {
    let endpoint = {
        let gone = server(Vec::new()).await;
        gone.endpoint()
    };
    let config = AwsConfig {
        regions: Regions::Named(vec![EU.to_owned()]),
        endpoint: Some(endpoint.parse().expect("a loopback endpoint")),
        ..AwsConfig::default()
    };
    let (answer, heard) = ask(config, &selector()).await;
    let failure = only_failure(answer);
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.message.contains("refused"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains(EU)));
    assert_eq!(heard.count(Kind::Calling), 5);
}

/// Machines with `count` images; every third image is deregistered.
fn of_images(count: usize) -> Vec<Machine> {
    let image = |number: usize| Image {
        id: format!("ami-{number}"),
        name: (!number.is_multiple_of(3)).then(|| format!("ubuntu-{number}")),
    };
    web(EU, count)
        .into_iter()
        .enumerate()
        .map(|(number, machine)| Machine { image: image(number), ..machine })
        .collect()
}

#[tokio::test]
async fn images_are_named_where_that_is_wanted_in_as_few_calls_as_may_be() {
    let server = server(of_images(450)).await;
    let asked = || server.state.calls().iter().filter(|call| call.operation == "DescribeImages").count();
    let (found, _) = ask(config(&server, &[EU]), &selector()).await;
    assert!(found.expect("instances").iter().all(|instance| instance.image_name.is_none()) && asked() == 0);

    let wanted = Selector { image_names: true, ..selector() };
    let (found, _) = ask(config(&server, &[EU, US]), &wanted).await;
    for instance in found.expect("instances") {
        let number: usize =
            instance.image.as_deref().and_then(|id| id.strip_prefix("ami-")?.parse().ok()).expect("a number");
        let name = (!number.is_multiple_of(3)).then(|| format!("ubuntu-{number}"));
        assert_eq!(instance.image_name, name, "{number}");
    }
    assert_eq!(asked(), 3, "two hundred a call, and none where nothing was found");
}

#[tokio::test]
async fn images_that_may_not_be_named_fail_the_scope() {
    let server = server(of_images(2)).await;
    server.state.order(Fault::ImagesDenied);
    ask(config(&server, &[EU]), &selector()).await.0.expect("the images are not asked for");
    let wanted = Selector { image_names: true, ..selector() };
    let error = ask(config(&server, &[EU]), &wanted).await.0.expect_err("denied");
    let [failure] = &error.failures[..] else { panic!("{error}") };
    assert!(failure.kind == FailureKind::Denied && failure.message.starts_with("DescribeImages: "), "{failure}");
    assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("ec2:DescribeImages")), "{failure:?}");
}

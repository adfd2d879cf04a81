//! The provider against the Compute Engine stand-in: which instances are found, which queries are made, and how faults
//! are reported.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use fleetwide_simulator::{Call, Cloud, CloudServer, Fault, Fleet, Machine, MachineState};
use proptest::{
    collection::{btree_map, btree_set, vec},
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use provider_core::{
    FailureKind, Instance, InstanceState, Progress, Provider, ProviderError, Scope, ScopeError, Selector, Silent, Step,
    TagFilter, TagMatch, conformance,
};
use provider_gcp::{Gcp, GcpConfig};

const ZONES: [&str; 3] = ["europe-west1-b", "europe-west1-c", "us-central1-a"];

/// Long enough for a retry or two, short enough for a test to wait for.
const SOON: Duration = Duration::from_secs(1);

/// `count` machines of `project`, in turns: web and labelled; stopped; unlabelled; another role.
fn fleet_of(project: &str, count: u32) -> Vec<Machine> {
    (0..count)
        .map(|number| {
            let zone = ZONES[number as usize % ZONES.len()];
            let region = zone.rsplit_once('-').expect("a zone").0;
            let id = format!("{}{number:05}", 4_000_000);
            let mut machine = Machine::new(Cloud::Gcp, id, project, region, zone);
            machine.name = format!("{project}-{number}");
            machine.private_ipv4 = Some(Ipv4Addr::from_bits(0x0A00_0000 + number));
            if number % 2 == 1 {
                "admin".clone_into(&mut machine.network);
            }
            match number % 4 {
                0 => machine.tags = tags(&[("role", "web"), ("env", "prod")]),
                1 => {
                    machine.tags = tags(&[("role", "web")]);
                    machine.state = MachineState::Stopped;
                }
                2 => machine.network_tags = vec!["http-server".to_owned()],
                _ => machine.tags = tags(&[("role", "db")]),
            }
            machine
        })
        .collect()
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn ids(machines: &[Machine], wanted: impl Fn(&Machine) -> bool) -> BTreeSet<String> {
    machines.iter().filter(|machine| wanted(machine)).map(|machine| machine.id.clone()).collect()
}

fn is_running_web(machine: &Machine) -> bool {
    machine.state == MachineState::Running && machine.tags.get("role").is_some_and(|role| role == "web")
}

async fn serve(machines: Vec<Machine>) -> CloudServer {
    CloudServer::start(Cloud::Gcp, Fleet::new(machines)).await.expect("a port")
}

/// A server with `count` machines of the project `shop`, with a fault; and a provider for it.
async fn broken(count: u32, fault: Fault) -> (CloudServer, Gcp) {
    let server = serve(fleet_of("shop", count)).await;
    server.state.order(fault);
    let provider = provider(&server, &["shop"]);
    (server, provider)
}

fn config(server: &CloudServer, projects: &[&str]) -> GcpConfig {
    let endpoint = server.endpoint().parse().expect("an endpoint");
    GcpConfig { projects: words(projects), endpoint: Some(endpoint), ..GcpConfig::default() }
}

fn provider(server: &CloudServer, projects: &[&str]) -> Gcp {
    Gcp::new(config(server, projects))
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

fn web() -> Selector {
    Selector::running([("role", "web")].into_iter().collect())
}

fn web_soon() -> Selector {
    Selector { deadline: SOON, ..web() }
}

async fn only_failure(provider: &Gcp, selector: &Selector) -> ScopeError {
    let error = provider.instances(selector, &Silent).await.expect_err("a failure");
    assert_eq!(error.failures.len(), 1, "{error}");
    error.failures[0].clone()
}

async fn found(provider: &Gcp, selector: &Selector) -> BTreeSet<String> {
    let instances = provider.instances(selector, &Silent).await.expect("instances");
    instances.iter().map(|instance| instance.id.to_string()).collect()
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn step(&self, scope: &Scope, step: Step<'_>) {
        let line = match step {
            Step::Calling { operation } => format!("{scope}: calling {operation}"),
            Step::Retrying { reason, .. } => format!("{scope}: retrying, {reason}"),
            Step::Page { instances } => format!("{scope}: page of {instances}"),
            Step::Done { matched } => format!("{scope}: {matched} matched"),
            other => format!("{scope}: {other:?}"),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

#[tokio::test]
async fn conforms() {
    let machines = [fleet_of("shop", 1300), fleet_of("other", 40)].concat();
    let expected = ids(&machines, |machine| machine.account == "shop" && is_running_web(machine));
    let server = serve(machines).await;
    let provider = provider(&server, &["shop"]);
    let instances = conformance::gives_exactly(&provider, &web(), &expected).await;
    conformance::honours_states(&provider, &web()).await;

    let one: &Instance = instances.iter().find(|instance| instance.name == "shop-8").expect("shop-8");
    assert_eq!(one.addresses.private_ipv4, Some(Ipv4Addr::new(10, 0, 0, 8)));
    assert_eq!(
        (one.region.as_str(), one.zone.as_str(), one.account.as_str()),
        ("us-central1", "us-central1-a", "shop")
    );
    assert!(one.launched.is_some());
}

#[tokio::test]
async fn ten_thousand_instances_take_twenty_calls() {
    let mut machines = fleet_of("shop", 10_000);
    for machine in &mut machines {
        machine.tags = tags(&[("role", "web")]);
        machine.state = MachineState::Running;
    }
    let server = serve(machines).await;
    let heard = Heard::default();
    let instances = provider(&server, &["shop"]).instances(&web(), &heard).await.expect("instances");
    let distinct: BTreeSet<_> = instances.iter().map(|instance| &instance.id).collect();
    assert_eq!((instances.len(), distinct.len()), (10_000, 10_000));
    let calls = server.state.calls();
    assert_eq!(calls.len(), 20);
    assert!(calls.iter().all(|call| call.operation == "aggregatedList" && call.page_size == Some(500)), "{calls:?}");

    let heard = heard.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let count = |what: &str| heard.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("calling aggregatedList"), count("page of 500")), (20, 20));
    assert_eq!(heard.last().map(String::as_str), Some("gcp project shop: 10000 matched"));
}

#[tokio::test]
async fn the_server_filters_what_it_can() {
    // A quarter of 2,000 machines match, which makes one page; the whole list would be four.
    let server = serve(fleet_of("shop", 2000)).await;
    assert_eq!(found(&provider(&server, &["shop"]), &web()).await.len(), 500);
    assert_eq!(server.state.calls().len(), 1);
}

#[tokio::test]
async fn every_project_is_asked_once_and_side_by_side() {
    let machines = [fleet_of("shop", 40), fleet_of("bank", 40)].concat();
    let expected = ids(&machines, is_running_web);
    let server = serve(machines).await;
    server.state.order(Fault::Hang);
    let provider = provider(&server, &["shop", "bank", "shop"]);
    let error = provider.instances(&web_soon(), &Silent).await.expect_err("both hang");
    assert_eq!(error.failures.len(), 2, "{error}");
    // Neither was answered by the deadline, and yet both were queried, so they overlap.
    let asked: BTreeSet<String> = server.state.calls().into_iter().map(|call: Call| call.scope).collect();
    assert_eq!(asked, BTreeSet::from(["bank".to_owned(), "shop".to_owned()]));

    server.state.heal();
    let before = server.state.calls().len();
    assert_eq!(found(&provider, &web()).await, expected);
    assert_eq!(server.state.calls().len() - before, 2);
}

#[tokio::test]
async fn tags_may_be_lists_globs_presence_and_network_tags() {
    let machines = fleet_of("shop", 40);
    let server = serve(machines.clone()).await;
    let provider = provider(&server, &["shop"]);
    let running = |machine: &Machine| machine.state == MachineState::Running;
    let has = |machine: &Machine, key: &str| machine.tags.contains_key(key);
    let role =
        |machine: &Machine, roles: &[&str]| machine.tags.get("role").is_some_and(|role| roles.contains(&role.as_str()));

    let selects = |key: &str, accepted: TagMatch| Selector::running([(key, accepted)].into_iter().collect());
    let list = found(&provider, &selects("role", TagMatch::any_of(["web", "db"]))).await;
    assert_eq!(list, ids(&machines, |machine| running(machine) && role(machine, &["web", "db"])));
    let glob = found(&provider, &selects("role", "w*".into())).await;
    assert_eq!(glob, ids(&machines, |machine| running(machine) && role(machine, &["web"])));
    let presence = found(&provider, &selects("env", "".into())).await;
    assert_eq!(presence, ids(&machines, |machine| running(machine) && has(machine, "env")));
    let network_tag = found(&provider, &selects("http-server", "".into())).await;
    assert_eq!(network_tag, ids(&machines, |machine| !machine.network_tags.is_empty()));
    let everything = found(&provider, &Selector::running(TagFilter::default())).await;
    assert_eq!(everything, ids(&machines, running));
    assert!(
        [list, glob, presence, network_tag].iter().all(|found| !found.is_empty() && found.len() < everything.len())
    );
}

#[tokio::test]
async fn zones_regions_and_networks_narrow_the_scope() {
    type InScope = fn(&Machine) -> bool;
    let machines = fleet_of("shop", 40);
    let server = serve(machines.clone()).await;
    let shop = config(&server, &["shop"]);
    let table: [(GcpConfig, InScope); 4] = [
        (GcpConfig { zones: words(&["europe-west1-b"]), ..shop.clone() }, |m| m.zone == "europe-west1-b"),
        (GcpConfig { zones: words(&["*-c", "*-a"]), ..shop.clone() }, |m| m.zone != "europe-west1-b"),
        (GcpConfig { regions: words(&["europe-*"]), ..shop.clone() }, |m| m.region == "europe-west1"),
        (GcpConfig { networks: words(&["adm*"]), ..shop.clone() }, |m| m.network == "admin"),
    ];
    for (config, in_scope) in table {
        let expected = ids(&machines, |machine| machine.state == MachineState::Running && in_scope(machine));
        assert!(!expected.is_empty());
        let everything = Selector::running(TagFilter::default());
        assert_eq!(found(&Gcp::new(config.clone()), &everything).await, expected, "{config:?}");
    }
}

#[tokio::test]
async fn throttled_twice_then_fine() {
    let (server, provider) = broken(40, Fault::Throttle { times: Some(2) }).await;
    let heard = Heard::default();
    let instances = provider.instances(&web(), &heard).await.expect("instances");
    assert_eq!(instances.len(), 10);
    assert_eq!(server.state.calls().len(), 3);
    let heard = heard.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let retries: Vec<_> = heard.iter().filter(|line| line.contains("retrying")).collect();
    assert!(retries.len() == 2 && retries.iter().all(|line| line.contains("Rate Limit Exceeded")), "{retries:?}");
}

#[tokio::test]
async fn throttled_for_ever_is_throttled_and_not_slow() {
    let (_server, provider) = broken(40, Fault::Throttle { times: None }).await;
    let failure = only_failure(&provider, &web_soon()).await;
    assert_eq!(failure.kind, FailureKind::Throttled);
    assert_eq!(failure.scope.as_str(), "gcp project shop");
    assert!(failure.message.contains("Rate Limit Exceeded") && failure.message.contains("attempts"), "{failure}");
}

#[tokio::test]
async fn unavailable_is_tried_again_and_named_when_it_lasts() {
    let (server, provider) = broken(40, Fault::Unavailable { times: Some(1) }).await;
    assert_eq!(found(&provider, &web()).await.len(), 10);
    assert_eq!(server.state.calls().len(), 2);
    server.state.heal();
    server.state.order(Fault::Unavailable { times: None });
    assert_eq!(only_failure(&provider, &web_soon()).await.kind, FailureKind::Service);
}

#[tokio::test]
async fn a_page_token_that_repeats_is_a_bad_answer() {
    let (server, provider) = broken(1000, Fault::RepeatToken).await;
    let failure = only_failure(&provider, &web()).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains("token"), "{failure}");
    assert_eq!(server.state.calls().len(), 2);
}

#[tokio::test]
async fn an_unreachable_zone_is_an_error_that_names_it_and_keeps_the_rest() {
    let fault = Fault::UnreachableZone { zone: "europe-west1-c".to_owned() };
    let (server, provider) = broken(40, fault).await;
    let ProviderError { failures, found: rest, .. } =
        provider.instances(&web(), &Silent).await.expect_err("a zone is missing");
    let [failure] = &failures[..] else { panic!("one failure, not {failures:?}") };
    assert_eq!(failure.kind, FailureKind::Service);
    assert_eq!(failure.scope.as_str(), "gcp project shop zone europe-west1-c");
    assert!(!rest.is_empty() && rest.iter().all(|instance| instance.zone != "europe-west1-c"));

    let elsewhere = GcpConfig { zones: words(&["europe-west1-b"]), ..config(&server, &["shop"]) };
    assert!(!found(&Gcp::new(elsewhere), &web()).await.is_empty(), "the selector leaves that zone out");
}

#[tokio::test]
async fn refusals_say_what_to_do_and_are_not_repeated() {
    for (fault, kind, hint) in [
        (Fault::BadCredentials, FailureKind::Credentials, "gcloud auth application-default login"),
        (Fault::Denied, FailureKind::Denied, "compute.instances.list in project shop"),
    ] {
        let (server, provider) = broken(4, fault).await;
        let failure = only_failure(&provider, &web()).await;
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.hint.as_deref().is_some_and(|words| words.contains(hint)), "{failure:?}");
        assert_eq!(server.state.calls().len(), 1);
    }
}

#[tokio::test]
async fn an_unknown_project_is_named_beside_one_that_works() {
    let server = serve(fleet_of("shop", 40)).await;
    let error = provider(&server, &["shop", "shpo"]).instances(&web(), &Silent).await.expect_err("a typo");
    assert_eq!((error.failures.len(), error.found.len()), (1, 10), "{error}");
    assert_eq!(error.failures[0].kind, FailureKind::Scope);
    assert_eq!(error.failures[0].scope.as_str(), "gcp project shpo");
}

#[tokio::test]
async fn a_server_that_never_answers_meets_the_deadline() {
    let (_server, provider) = broken(4, Fault::Hang).await;
    assert_eq!(only_failure(&provider, &web_soon()).await.kind, FailureKind::TimedOut);
}

#[tokio::test]
async fn no_server_at_all_is_unreachable() {
    let server = serve(Vec::new()).await;
    let provider = provider(&server, &["shop"]);
    let address = server.endpoint().trim_start_matches("http://").to_owned();
    drop(server);
    // The port is closed once its task has ended; until then a connection is still accepted.
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let failure = only_failure(&provider, &web_soon()).await;
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains(&address) && failure.message.contains("refused"), "{failure}");
}

#[tokio::test]
async fn an_instance_that_the_models_cannot_read_is_found_all_the_same() {
    let machines = fleet_of("shop", 1300);
    let expected = ids(&machines, |machine| machine.state == MachineState::Running);
    let odd = machines[900].id.clone();
    assert!(expected.contains(&odd));
    let (server, provider) = broken(1300, Fault::OddMachine { id: odd }).await;
    assert_eq!(found(&provider, &Selector::running(TagFilter::default())).await, expected);
    // 975 are running: two pages.
    assert_eq!(server.state.calls().len(), 2);
}

#[tokio::test]
async fn an_instance_that_nothing_can_read_is_named() {
    let machines = fleet_of("shop", 40);
    let (_server, provider) = broken(40, Fault::UnreadableMachine { id: machines[8].id.clone() }).await;
    let failure = only_failure(&provider, &web()).await;
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert!(failure.message.contains("shop-8"), "{failure}");
}

/// For any selector, the server's filter never drops an instance that the selector wants.
#[test]
fn a_generated_selector_gives_just_what_it_means() {
    let state =
        || select(&[MachineState::Pending, MachineState::Running, MachineState::Stopping, MachineState::Stopped][..]);
    let key = || select(&["role", "env", "a-b", "x_1", "Up"][..]);
    let value = || select(&["web", "w", "prod", "1-2", "db", "W"][..]);
    let pattern = || select(&["", "*", "w*", "?", "web", "prod", "1-2", "db", "W", "q\"x"][..]);
    let machine = (state(), btree_map(key(), value(), 0..4), btree_set(key(), 0..3));
    let wanted = (btree_set(select(&InstanceState::ALL[..]), 1..4), vec((key(), vec(pattern(), 1..3)), 0..3));

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(serve(Vec::new()));
    let provider = provider(&server, &["shop"]);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(vec(machine, 1..30), wanted), |(machines, (states, filters))| {
        let machines: Vec<Machine> = machines
            .into_iter()
            .enumerate()
            .map(|(number, (state, labels, network_tags))| Machine {
                state,
                tags: tags(&labels.into_iter().collect::<Vec<_>>()),
                network_tags: network_tags.into_iter().map(str::to_owned).collect(),
                ..Machine::new(Cloud::Gcp, (number + 1).to_string(), "shop", "europe-west1", "europe-west1-b")
            })
            .collect();
        let filters = filters.into_iter().map(|(key, patterns)| (key, TagMatch::any_of(patterns)));
        let selector = Selector { states, ..Selector::running(filters.collect()) };
        let expected = ids(&machines, |machine| is_meant(&selector, machine));
        server.state.fleet.change(|fleet| *fleet = machines);
        prop_assert_eq!(runtime.block_on(found(&provider, &selector)), expected);
        Ok(())
    });
    outcome.expect("the same set");
}

/// Whether a machine matches a selector, computed without the provider.
fn is_meant(selector: &Selector, machine: &Machine) -> bool {
    let state = match machine.state {
        MachineState::Pending => InstanceState::Pending,
        MachineState::Running => InstanceState::Running,
        MachineState::Stopping => InstanceState::Stopping,
        MachineState::Stopped => InstanceState::Stopped,
        MachineState::Terminated => InstanceState::Terminated,
    };
    let mut seen = machine.tags.clone();
    for tag in &machine.network_tags {
        seen.entry(tag.clone()).or_default();
    }
    selector.states.contains(&state) && selector.tags.matches(&seen)
}

//! Which instances are found, and with how many calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, http::Uri, serve::ListenerExt};
use fleetwide_simulator::{
    Machine, MachineState, ScaleSet,
    arm::{COMPUTE_PAGE, NETWORK_PAGE},
};
use provider_azure::{Azure, AzureConfig};
use provider_core::{InstanceState, Provider, Selector, Silent, conformance};
use tokio::net::TcpListener;

use crate::{Heard, SUBSCRIPTION, azure, config, role_web, server, web};

fn ids(machines: &[Machine]) -> BTreeSet<String> {
    machines.iter().map(|machine| machine.id.clone()).collect()
}

fn names(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// The names of the instances with `role=web` that `config` finds.
async fn found(config: AzureConfig) -> Vec<String> {
    let instances = Azure::new(config).instances(&role_web(), &Silent).await.unwrap();
    names(instances.into_iter().map(|instance| instance.name).collect())
}

fn uniform(set: &str, machine: Machine) -> Machine {
    Machine { scale_set: Some(ScaleSet { name: set.to_owned(), flexible: false }), ..machine }
}

fn flexible(set: &str, machine: Machine) -> Machine {
    Machine { scale_set: Some(ScaleSet { name: set.to_owned(), flexible: true }), ..machine }
}

#[tokio::test]
async fn conforms() {
    let wanted: Vec<Machine> = (0..120).map(web).collect();
    let mut all = wanted.clone();
    all.push(Machine { tags: BTreeMap::new(), ..web(900) });
    all.push(Machine { state: MachineState::Stopped, ..web(901) });
    all.push(Machine { state: MachineState::Terminated, ..web(902) });
    all.push(Machine { account: "other".to_owned(), ..web(903) });
    all.push(Machine { cloud: fleetwide_simulator::Cloud::Gcp, ..web(904) });
    let server = server(all).await;
    let instances = conformance::gives_exactly(&azure(&server), &role_web(), &ids(&wanted)).await;
    assert!(instances.iter().all(|instance| instance.addresses.private_ipv4.is_some()));
    conformance::honours_states(&azure(&server), &role_web()).await;
}

#[tokio::test]
async fn every_field_is_filled_in() {
    let machine = Machine { public_ipv4: Some([203, 0, 113, 7].into()), ..web(1) };
    let server = server(vec![machine.clone()]).await;
    let instances = azure(&server).instances(&role_web(), &Silent).await.unwrap();
    let [instance] = &instances[..] else { panic!("{instances:?}") };
    assert_eq!((instance.id.as_str(), instance.name.as_str()), (machine.id.as_str(), "web-1"));
    assert_eq!(
        (instance.account.as_str(), instance.region.as_str(), instance.zone.as_str()),
        (SUBSCRIPTION, "westeurope", "1")
    );
    assert_eq!(instance.state, InstanceState::Running);
    assert_eq!(instance.image.as_deref(), Some("Canonical:ubuntu-24_04-lts:server:latest"));
    assert_eq!(instance.launched.unwrap().to_string(), "2024-05-06T07:08:09.1234567Z");
    assert_eq!(
        (instance.addresses.private_ipv4, instance.addresses.public_ipv4),
        (machine.private_ipv4, machine.public_ipv4)
    );
    assert_eq!(instance.addresses.public_dns.as_deref(), Some("web-1.westeurope.cloudapp.azure.com"));
    assert_eq!(instance.addresses.private_dns.as_deref(), Some("web-1.fleet.bx.internal.cloudapp.net"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_machines_take_the_least_number_of_calls() {
    let machines: Vec<Machine> = (0..10_000).map(web).collect();
    let server = server(machines.clone()).await;
    let heard = Heard::default();
    let instances = azure(&server).instances(&role_web(), &heard).await.unwrap();
    let given: BTreeSet<_> = instances.iter().map(|instance| instance.id.to_string()).collect();
    assert_eq!((instances.len(), given), (10_000, ids(&machines)));

    // The machines, their power states and their interfaces; the empty lists of public addresses and scale sets take
    // one call each.
    let pages = 10_000_usize.div_ceil(COMPUTE_PAGE) * 2 + 10_000_usize.div_ceil(NETWORK_PAGE) + 2;
    let calls = server.state.calls();
    println!("10,000 machines: {} calls", calls.len());
    assert_eq!(calls.len(), pages);
    assert_eq!(heard.count("Calling"), pages);
    assert_eq!(heard.count("Page"), pages);
}

#[tokio::test]
async fn one_connection_serves_a_whole_list() {
    const PAGES: usize = 10;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (connected, requested, here) = (Arc::clone(&connections), Arc::clone(&requests), endpoint.clone());
    let answer = move |uri: Uri| async move {
        requested.fetch_add(1, Ordering::SeqCst);
        let page = uri.query().and_then(|query| query.split_once("page=")?.1.parse().ok()).unwrap_or(1);
        let next = format!("{here}{}?api-version=1&page={}", uri.path(), page + 1);
        if page < PAGES { format!(r#"{{"value": [], "nextLink": "{next}"}}"#) } else { r#"{"value": []}"#.to_owned() }
    };
    let counted = listener.tap_io(move |_| {
        connected.fetch_add(1, Ordering::SeqCst);
    });
    let server = tokio::spawn(async move { axum::serve(counted, Router::new().fallback(answer)).await });
    let (subscriptions, endpoint) = (vec![SUBSCRIPTION.to_owned()], Some(endpoint.parse().unwrap()));
    let azure = Azure::new(AzureConfig { subscriptions, endpoint, ..AzureConfig::default() });
    assert_eq!(azure.instances(&role_web(), &Silent).await.unwrap(), []);
    assert_eq!(requests.load(Ordering::SeqCst), 5 * PAGES);
    assert!(connections.load(Ordering::SeqCst) <= 5, "five lists, one connection each: {connections:?}");
    server.abort();
}

#[tokio::test]
async fn uniform_and_flexible_members_are_found_in_bulk() {
    let public = |n| Machine { public_ipv4: Some([203, 0, 113, 1].into()), ..web(n) };
    let untagged = |n| Machine { tags: BTreeMap::new(), ..web(n) };
    let machines: Vec<_> = (0..60)
        .map(|n| uniform("Front", public(n)))
        .chain((60..70).map(|n| flexible("back", web(n))))
        .chain((70..90).map(|n| uniform("other", untagged(n))))
        .chain([web(90)])
        .collect();
    let wanted: Vec<_> = machines.iter().filter(|machine| !machine.tags.is_empty()).cloned().collect();
    let server = server(machines).await;

    let instances = azure(&server).instances(&role_web(), &Silent).await.unwrap();
    assert_eq!(instances.iter().map(|instance| instance.id.to_string()).collect::<BTreeSet<_>>(), ids(&wanted));
    assert!(instances.iter().all(|instance| instance.addresses.private_ipv4.is_some()));
    assert_eq!(instances.iter().filter(|instance| instance.addresses.public_ipv4.is_some()).count(), 60);

    // Five lists; two pages of members, one of interfaces, one of addresses. The network of the set without a match is
    // not queried.
    let calls = server.state.calls();
    let of = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
    assert_eq!(of("virtualMachineScaleSets/virtualMachines"), 3);
    assert_eq!(of("virtualMachineScaleSets/networkInterfaces"), 1);
    assert_eq!(of("virtualMachineScaleSets/publicIPAddresses"), 1);
    assert_eq!(calls.len(), 10);
}

#[tokio::test]
async fn a_named_scale_set_gives_its_members_alone() {
    let server =
        server(vec![uniform("Front", web(1)), flexible("back", web(2)), uniform("other", web(3)), web(4)]).await;
    let sets = |sets: &[&str]| AzureConfig {
        scale_sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        ..config(&server)
    };
    assert_eq!(found(sets(&["front"])).await, ["web-1"]);
    assert_eq!(found(sets(&["BACK"])).await, ["web-2"]);
    assert_eq!(found(sets(&["front", "b*"])).await, ["web-1", "web-2"]);
}

#[tokio::test]
async fn groups_regions_zones_and_networks_narrow() {
    let server = server(vec![
        web(1),
        Machine { group: "Shop-Test".to_owned(), ..web(2) },
        Machine { region: "eastus".to_owned(), ..web(3) },
        Machine { zone: "2".to_owned(), ..web(4) },
        Machine { network: "Inner".to_owned(), ..web(5) },
        uniform("set", Machine { group: "shop-test".to_owned(), network: "inner".to_owned(), ..web(6) }),
    ])
    .await;
    let only = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let all = || config(&server);
    assert_eq!(found(AzureConfig { resource_groups: only(&["SHOP-*"]), ..all() }).await, ["web-2", "web-6"]);
    assert_eq!(found(AzureConfig { regions: only(&["East US"]), ..all() }).await, ["web-3"]);
    assert_eq!(found(AzureConfig { zones: only(&["2"]), ..all() }).await, ["web-4"]);
    assert_eq!(found(AzureConfig { networks: only(&["inner"]), ..all() }).await, ["web-5", "web-6"]);
    assert_eq!(found(all()).await.len(), 6);
}

#[tokio::test]
async fn tag_keys_have_no_case_and_values_have() {
    let tagged = |key: &str, value: &str, n| Machine { tags: [(key.to_owned(), value.to_owned())].into(), ..web(n) };
    let server = server(vec![tagged("Role", "web", 2), tagged("ROLE", "Web", 4)]).await;
    let instances = azure(&server).instances(&role_web(), &Silent).await.unwrap();
    assert_eq!(instances.len(), 1);
    assert_eq!(instances[0].tag("rOLE"), Some("web"));
    assert_eq!(instances[0].tags.keys().collect::<Vec<_>>(), ["Role"], "as Azure wrote it");
}

#[tokio::test]
async fn a_fleet_whose_tag_keys_are_of_mixed_case_is_found_whole() {
    let machines: Vec<_> = (0..4).map(web).chain((4..8).map(|n| uniform("set", web(n)))).collect();
    let server = server(machines.clone()).await;
    let instances = conformance::gives_exactly(&azure(&server), &role_web(), &ids(&machines)).await;
    let spelled: BTreeSet<_> = instances.iter().flat_map(|instance| instance.tags.keys().cloned()).collect();
    assert_eq!(spelled, ["Role".to_owned(), "role".to_owned()].into(), "both spellings are there, and kept");
    assert!(instances.iter().all(|instance| instance.tag("role") == Some("web")));
}

#[tokio::test]
async fn two_subscriptions_are_asked_side_by_side() {
    let other = "88888888-8888-8888-8888-888888888888";
    let mut machines: Vec<_> = (0..200).map(web).collect();
    machines.extend((200..400).map(|n| Machine { account: other.to_owned(), ..web(n) }));
    let server = server(machines).await;
    let subscriptions = vec![SUBSCRIPTION.to_owned(), other.to_owned()];
    let both = Azure::new(AzureConfig { subscriptions, ..config(&server) });
    assert_eq!(both.instances(&role_web(), &Silent).await.unwrap().len(), 400);

    let calls = server.state.calls();
    let span = |subscription: &str| {
        let of = || calls.iter().filter(|call| call.scope == subscription);
        (of().map(|call| call.at).min().unwrap(), of().filter_map(|call| call.answered).max().unwrap())
    };
    let ((first_start, first_end), (second_start, second_end)) = (span(SUBSCRIPTION), span(other));
    assert!(first_start < second_end && second_start < first_end, "one waited for the other");
}

#[tokio::test]
async fn one_failing_subscription_fails_all_and_is_named() {
    let server = server(vec![web(1)]).await;
    let subscriptions = vec![SUBSCRIPTION.to_owned(), "11111111-1111-1111-1111-111111111111".to_owned()];
    let both = Azure::new(AzureConfig { subscriptions, ..config(&server) });
    let error = both.instances(&role_web(), &Silent).await.unwrap_err();
    assert_eq!((error.failures.len(), error.found.len()), (1, 1));
    assert_eq!(error.failures[0].kind, provider_core::FailureKind::Scope);
    assert!(error.failures[0].scope.as_str().contains("11111111-"), "{error}");
}

#[tokio::test]
async fn every_state_can_be_asked_for() {
    let states = [MachineState::Pending, MachineState::Running, MachineState::Stopping, MachineState::Stopped];
    let machines = |first| (first..).zip(states).map(|(n, state)| Machine { state, ..web(n) });
    let server = server(machines(0).chain(machines(4).map(|machine| uniform("set", machine))).collect()).await;
    for state in [InstanceState::Pending, InstanceState::Running, InstanceState::Stopping, InstanceState::Stopped] {
        let selector = Selector { states: [state].into(), ..role_web() };
        let instances = azure(&server).instances(&selector, &Silent).await.unwrap();
        assert_eq!(instances.len(), 2, "{state}");
    }
}

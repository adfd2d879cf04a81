//! A cloud that misbehaves: each fault has its exit code and a message that says what and where.

use std::net::TcpListener;

use fleetwide_simulator::{Cloud, CloudServer, Fault, Fleet, Machine, arm};

use super::project::{Finished, Project};

const SUBSCRIPTION: &str = "00000000-1111-2222-3333-444444444444";

/// One cloud with `machines` machines that carry `role=web`, and a project that selects them.
struct Stage {
    server: CloudServer,
    project: Project,
}

impl Stage {
    async fn new(cloud: Cloud, machines: usize) -> Self {
        let fleet = Fleet::new((0..machines).map(|number| machine(cloud, number)).collect());
        let server = CloudServer::start(cloud, fleet).await.expect("a stand-in");
        let scope = match cloud {
            Cloud::Aws => r#"provider = "aws", regions = ["eu-west-1"]"#.to_owned(),
            Cloud::Gcp => r#"provider = "gcp", projects = ["shop-prod"]"#.to_owned(),
            Cloud::Azure => format!(r#"provider = "azure", subscriptions = ["{SUBSCRIPTION}"]"#),
        };
        let project = Project::with_config(&format!(
            "[targets.web]\nselect = [ {{ {scope}, endpoint = \"{}\", deadline = \"15s\", tags = {{ role = \"web\" }} }} ]\n",
            server.endpoint()
        ));
        Self { server, project }
    }

    async fn hosts(&self) -> Finished {
        let mut command = self.project.command(&["hosts", "web", "--output", "json"]);
        let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
        Finished::from(run.await.expect("no panic"))
    }

    /// The number of hosts found, after checking that the command succeeded.
    async fn found(&self) -> usize {
        self.hosts().await.expect(0).json().as_array().expect("an array").len()
    }
}

fn machine(cloud: Cloud, number: usize) -> Machine {
    let (id, account, region, zone) = match cloud {
        Cloud::Aws => (format!("i-{number:017x}"), "210347186425", "eu-west-1", "eu-west-1a"),
        Cloud::Gcp => (
            format!("{}", 5_000_000_000_000_000_000_u64 + number as u64),
            "shop-prod",
            "europe-west1",
            "europe-west1-b",
        ),
        Cloud::Azure => (format!("aaaaaaaa-0000-4000-8000-{number:012x}"), SUBSCRIPTION, "westeurope", "1"),
    };
    let mut machine = Machine::new(cloud, id, account, region, zone);
    machine.name = format!("web-{number}");
    machine.tags.insert("role".into(), "web".into());
    let [.., high, low] = u32::try_from(number).expect("a small fleet").to_be_bytes();
    machine.private_ipv4 = Some([10, 9, high, low].into());
    machine
}

fn id_of(cloud: Cloud, number: usize) -> String {
    machine(cloud, number).id
}

const CLOUDS: [Cloud; 3] = [Cloud::Aws, Cloud::Gcp, Cloud::Azure];

#[tokio::test]
async fn throttled_twice_then_fine() {
    for cloud in CLOUDS {
        let stage = Stage::new(cloud, 3).await;
        stage.server.state.order(Fault::Throttle { times: Some(2) });
        assert_eq!(stage.found().await, 3, "{cloud:?}");
    }
}

#[tokio::test]
async fn throttled_for_ever() {
    for cloud in CLOUDS {
        let stage = Stage::new(cloud, 3).await;
        stage.server.state.order(Fault::Throttle { times: None });
        stage.hosts().await.expect(3).says("throttled");
    }
}

#[tokio::test]
async fn a_page_that_points_to_itself() {
    for (cloud, machines) in [(Cloud::Aws, 1_500), (Cloud::Gcp, 800), (Cloud::Azure, 800)] {
        let stage = Stage::new(cloud, machines).await;
        stage.server.state.order(Fault::RepeatToken);
        stage.hosts().await.expect(3).says("bad answer");
    }
}

#[tokio::test]
async fn a_next_page_at_a_strangers() {
    let thief = TcpListener::bind("127.0.0.1:0").expect("a port");
    thief.set_nonblocking(true).expect("nonblocking");
    let stage = Stage::new(Cloud::Azure, 800).await;
    let url = format!("http://{}/subscriptions/x", thief.local_addr().expect("an address"));
    stage.server.state.order(Fault::ForeignNextLink { url });
    stage.hosts().await.expect(3).says("bad answer");
    assert!(thief.accept().is_err(), "the stranger was never called, so no token went there");
}

#[tokio::test]
async fn a_machine_that_the_models_cannot_read_is_found_all_the_same() {
    let stage = Stage::new(Cloud::Azure, 5).await;
    stage.server.state.order(Fault::OddMachine { id: id_of(Cloud::Azure, 2) });
    assert_eq!(stage.found().await, 5);
}

#[tokio::test]
async fn a_machine_that_nothing_can_read_is_named() {
    let stage = Stage::new(Cloud::Azure, 5).await;
    stage.server.state.order(Fault::UnreadableMachine { id: id_of(Cloud::Azure, 2) });
    stage.hosts().await.expect(3).says("web-2");
}

#[tokio::test]
async fn an_unreachable_zone_is_not_an_empty_one() {
    let stage = Stage::new(Cloud::Gcp, 5).await;
    stage.server.state.order(Fault::UnreachableZone { zone: "europe-west1-b".into() });
    stage.hosts().await.expect(3).says("europe-west1-b");
}

#[tokio::test]
async fn no_host_at_all() {
    for cloud in CLOUDS {
        let stage = Stage::new(cloud, 2).await;
        stage.server.state.fleet.change(|machines| machines.iter_mut().for_each(|machine| machine.tags.clear()));
        stage.hosts().await.expect(4).says("no host was found");
    }
}

#[tokio::test]
async fn credentials_that_are_refused() {
    for cloud in CLOUDS {
        let stage = Stage::new(cloud, 2).await;
        stage.server.state.order(Fault::BadCredentials);
        stage.hosts().await.expect(3).says("credentials").says("hint:");
    }
}

#[tokio::test]
async fn a_right_that_is_missing() {
    for cloud in CLOUDS {
        let stage = Stage::new(cloud, 2).await;
        stage.server.state.order(Fault::Denied);
        stage.hosts().await.expect(3).says("permission denied").says("hint:");
    }
}

#[tokio::test]
async fn check_tells_of_a_cloud_that_fails_once() {
    let stage = Stage::new(Cloud::Aws, 2).await;
    stage.server.state.order(Fault::Denied);
    let mut command = stage.project.command(&["check", "web"]);
    let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
    let run = Finished::from(run.await.expect("no panic")).expect(3);
    assert_eq!(run.stdout.matches("permission denied").count(), 1, "{}", run.stdout);
}

#[tokio::test]
async fn one_scope_that_fails_fails_all_unless_it_may() {
    let stage = Stage::new(Cloud::Aws, 2).await;
    let config = |allow: bool| {
        format!(
            "[targets.web]\nselect = [\n  {{ provider = \"static\", hosts = [\"127.0.0.9\"] }},\n  \
             {{ provider = \"aws\", regions = [\"eu-west-1\"], tags = {{ role = \"web\" }}, endpoint = \"{}\", deadline = \"15s\", allow_partial = {allow} }},\n]\n",
            stage.server.endpoint()
        )
    };
    stage.server.state.order(Fault::Denied);
    stage.project.write("fleetwide.toml", &config(false));
    stage.hosts().await.expect(3).says("aws eu-west-1");
    stage.project.write("fleetwide.toml", &config(true));
    let partial = stage.hosts().await.expect(0).says("aws eu-west-1");
    assert_eq!(partial.json().as_array().map(Vec::len), Some(1));
}

/// Ten thousand machines in each cloud: every matching one is found once, with the fewest calls that the API allows.
#[tokio::test]
async fn ten_thousand_machines_in_each_cloud() {
    for (cloud, page) in [(Cloud::Aws, Some(1_000)), (Cloud::Gcp, Some(500)), (Cloud::Azure, None)] {
        let stage = Stage::new(cloud, 10_000).await;
        assert_eq!(stage.found().await, 10_000, "{cloud:?}");
        let calls = stage.server.state.calls();
        println!("{cloud:?}: {} calls for 10,000 machines", calls.len());
        if let Some(page) = page {
            assert_eq!(calls.len(), 10_000 / page, "{cloud:?}");
            assert!(calls.iter().all(|call| call.page_size == u32::try_from(page).ok()));
        } else {
            // Machines, their power states, and their interfaces, plus one page for each list that is empty.
            let pages = 2 * 10_000 / arm::COMPUTE_PAGE + 10_000 / arm::NETWORK_PAGE + 2;
            assert_eq!(calls.len(), pages, "{cloud:?}");
        }
    }
}

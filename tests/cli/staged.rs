//! Rollouts in stages on simulated fleets, with what each host itself recorded at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::Ipv4Addr,
    path::Path,
};

use fleetwide_simulator::{
    Cloud,
    fleet::MachineState,
    ssh::{Behaviour, ClientKey, SshHost, SshHosts, SshHostsConfig},
    world::{World, WorldConfig},
};
use serde_json::Value;

use super::project::{Finished, Project};

const HOSTS: usize = 200;
const ZONES: usize = 6;

/// So many hosts on loopback, in six zones, and a project that deploys to them.
pub(crate) async fn listed(count: usize, settings: &str) -> (Project, SshHosts) {
    let project = Project::new();
    let key = ClientKey::create(&project.path("")).expect("a key");
    let pid = std::process::id().to_be_bytes();
    let host = |number: usize| SshHost {
        address: Ipv4Addr::new(127, 128 | pid[2], pid[3], u8::try_from(number + 1).expect("a small fleet")),
        name: format!("web-{number:03}"),
        behaviour: Behaviour::Normal,
    };
    let hosts = SshHosts::start(SshHostsConfig {
        hosts: (0..count).map(host).collect(),
        user: "deploy".to_owned(),
        authorized_keys: vec![key.public.clone()],
        homes: project.path("homes"),
        allow_forwarding: false,
    })
    .await
    .expect("simulated hosts");
    let line = |(number, host): (usize, &fleetwide_simulator::ssh::RunningHost)| {
        let zone = number % ZONES;
        format!("{{ name = \"{}\", address = \"{}\", zone = \"zone-{zone}\" }}", host.name(), host.address())
    };
    let lines: Vec<String> = hosts.hosts().iter().enumerate().map(line).collect();
    project.write("ssh_config", "");
    project.write(
        "fleetwide.toml",
        &format!(
            "[targets.web]\nselect = [ {{ provider = \"static\", hosts = [\n{}\n] }} ]\n\
             [targets.web.ssh]\nuser = \"deploy\"\nport = {}\nidentity_file = \"{}\"\nconfig_file = \"ssh_config\"\n\
             [targets.web.deploy]\nscript = \"deploy.sh\"\n{settings}",
            lines.join(",\n"),
            hosts.port(),
            key.path.display(),
        ),
    );
    (project, hosts)
}

/// Runs the binary while the simulator goes on.
pub(crate) async fn run(project: &Project, arguments: &[&str]) -> Finished {
    let mut command = project.command(arguments);
    let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
    Finished::from(run.await.expect("no panic"))
}

/// The revision that a host has on record, and the names of the runs there.
fn recorded(home: &Path) -> (Option<String>, BTreeSet<String>) {
    let state = home.join(".local/state/fleetwide/web");
    let revision = fs::read_to_string(state.join("revision")).ok().map(|text| text.trim().to_owned());
    let runs = fs::read_dir(state.join("runs")).into_iter().flatten();
    (revision, runs.map(|run| run.expect("a run").file_name().to_string_lossy().into_owned()).collect())
}

fn names(hosts: &Value) -> Vec<String> {
    let name = |host: &Value| host["name"].as_str().expect("a name").to_owned();
    hosts.as_array().expect("hosts").iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_breaks_a_twentieth_is_stopped_and_taken_back_where_it_was() {
    let settings = "steps = \"1, 10%, 100%\"\non_failure = \"rollback\"\nslow_start = false\n";
    let (project, hosts) = listed(HOSTS, settings).await;
    project.write("deploy.sh", "#!/bin/sh\nexit 0\n");
    run(&project, &["deploy", "web", "--revision", "v1", "--steps", "all-at-once", "--quiet"]).await.expect(0);

    let plan = run(&project, &["plan", "web", "--revision", "v2", "--output", "json"]).await.expect(0).json();
    let stages: Vec<Vec<String>> =
        plan["stages"].as_array().expect("stages").iter().map(|stage| names(&stage["hosts"])).collect();
    assert_eq!(stages.iter().map(Vec::len).collect::<Vec<_>>(), [1, 19, 180]);
    let zones: BTreeSet<usize> = stages[1]
        .iter()
        .map(|name| name.trim_start_matches("web-").parse::<usize>().expect("a number") % ZONES)
        .collect();
    assert_eq!(zones.len(), ZONES, "the second stage has hosts of every zone: {:?}", stages[1]);

    // One of the second stage, and nine of the third.
    let broken: Vec<&str> = [&stages[1][4]].into_iter().chain(&stages[2][..9]).map(String::as_str).collect();
    assert_eq!(broken.len(), HOSTS / 20);
    let script = format!(
        "#!/bin/sh\n[ \"$FLEETWIDE_REVISION\" = v2 ] || exit 0\n\
         case $FLEETWIDE_HOST_NAME in {}) echo broken >&2; exit 3;; esac\n",
        broken.join("|")
    );
    project.write("deploy.sh", &script);
    let told = run(&project, &["deploy", "web", "--revision", "v2", "--report", "report.json"]).await.expect(9);
    told.says("stage 2 of 3, 10%: 19 hosts").says("0 of 200 hosts of web are at v2: every touched host was taken back");

    let report = project.report("report.json");
    assert_eq!((report["status"].as_str(), report["exit_code"].as_i64()), (Some("rolled-back"), Some(9)));
    let run_id = report["run"].as_str().expect("an id");
    let mut touched = 0;
    for result in report["hosts"].as_array().expect("hosts") {
        let name = result["name"].as_str().expect("a name");
        let (revision, runs) = recorded(hosts.host(name).expect("a host").home());
        assert_eq!(revision.as_deref(), Some("v1"), "{name} has its own revision again");
        let of_this_run: BTreeSet<_> = runs.iter().filter(|run| run.starts_with(run_id)).cloned().collect();
        match result["outcome"].as_str().expect("an outcome") {
            "succeeded" | "failed" => {
                touched += 1;
                assert!(stages[0].contains(&name.to_owned()) || stages[1].contains(&name.to_owned()), "{name}");
                assert_eq!((&result["undo"]["outcome"], &result["undo"]["revision"]), (&"undone".into(), &"v1".into()));
                let expected = [format!("{run_id}-1"), format!("{run_id}-undo-1")];
                assert_eq!(of_this_run, expected.into(), "{name}: what the report says, the host has recorded");
            }
            "skipped" => {
                assert!(result["undo"].is_null(), "{name} was not touched");
                assert!(of_this_run.is_empty(), "{name} was not touched, but has {of_this_run:?}");
            }
            other => panic!("{name}: {other}"),
        }
    }
    assert!((2..=20).contains(&touched), "{touched}");
    println!("touched and undone: {touched}");
    hosts.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_that_changes_meanwhile_is_whole_at_the_end() {
    const WANTED: usize = 40;
    let project = Project::new();
    let config = WorldConfig {
        wanted: WANTED,
        user: "deploy".to_owned(),
        folder: project.path("world"),
        allow_forwarding: false,
    };
    fs::create_dir(project.path("world")).expect("a folder");
    let world = World::start(config).await.expect("three clouds");
    // Ten are there, but do not run yet.
    let ids: Vec<String> = world.wanted().iter().map(|machine| machine.id.clone()).collect();
    let late: BTreeSet<String> = ids.iter().step_by(4).cloned().collect();
    let state = |ids: &BTreeSet<String>, state: MachineState| {
        world.fleet().change(|machines| {
            machines.iter_mut().filter(|machine| ids.contains(&machine.id)).for_each(|machine| machine.state = state);
        });
    };
    state(&late, MachineState::Stopped);
    let [aws, gcp, azure] = [Cloud::Aws, Cloud::Gcp, Cloud::Azure].map(|cloud| world.endpoint(cloud));
    let (account, subscription) =
        (fleetwide_simulator::world::GCP_PROJECT, fleetwide_simulator::world::AZURE_SUBSCRIPTION);
    project.write("ssh_config", "");
    project.write(
        "fleetwide.toml",
        &format!(
            "[targets.web]\nselect = [\n\
             {{ provider = \"aws\", regions = \"all\", tags = {{ role = \"web\", env = \"prod\" }}, endpoint = \"{aws}\" }},\n\
             {{ provider = \"gcp\", projects = [\"{account}\"], tags = {{ role = \"web\", env = \"prod\" }}, endpoint = \"{gcp}\" }},\n\
             {{ provider = \"azure\", subscriptions = [\"{subscription}\"], tags = {{ role = \"web\", env = \"prod\" }}, endpoint = \"{azure}\" }},\n]\n\
             [targets.web.ssh]\nuser = \"deploy\"\nport = {}\nidentity_file = \"{}\"\nconfig_file = \"ssh_config\"\n\
             [targets.web.deploy]\nscript = \"deploy.sh\"\nsteps = \"2, soak 3s, 100%\"\n",
            world.ssh().port(),
            world.key().display(),
        ),
    );
    project.write("deploy.sh", "#!/bin/sh\nexit 0\n");

    let arguments = ["deploy", "web", "--revision", "v2", "--report", "report.json"];
    run(&project, &["plan", "web", "--revision", "v2"]).await.expect(0).says("Soak for 3s");
    let running = tokio::task::block_in_place(|| {
        let mut running = project.start(&arguments);
        running.await_events("pause-started", 1);
        running
    });
    // While the soak goes on: ten appear, five vanish, and two exchange their addresses.
    let there: Vec<String> = ids.iter().filter(|id| !late.contains(*id)).cloned().collect();
    let gone: BTreeSet<String> = there[..5].iter().cloned().collect();
    state(&late, MachineState::Running);
    world.fleet().change(|machines| {
        machines.retain(|machine| !gone.contains(&machine.id));
        let place = |id: &str| machines.iter().position(|machine| machine.id == id).expect("a machine");
        let (one, other) = (place(&there[10]), place(&there[11]));
        let address = machines[one].private_ipv4;
        machines[one].private_ipv4 = machines[other].private_ipv4;
        machines[other].private_ipv4 = address;
    });
    tokio::task::block_in_place(|| running.finish()).expect(0);

    let report = project.report("report.json");
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for host in report["hosts"].as_array().expect("hosts") {
        *outcomes.entry(host["outcome"].as_str().expect("an outcome")).or_default() += 1;
    }
    assert_eq!(outcomes, BTreeMap::from([("gone", 5), ("succeeded", WANTED - 5)]), "{report:#}");
    for machine in world.wanted() {
        let host = world.host(&machine.name).expect("an SSH host");
        assert_eq!(recorded(host.home()).0.as_deref(), Some("v2"), "{} is on the new revision", machine.name);
    }
    let joined: usize = report["rollout"]["sightings"]
        .as_array()
        .expect("sightings")
        .iter()
        .map(|sighting| sighting["joined"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(joined, 10);
    world.shutdown().await;
}

//! Rollouts in stages on simulated fleets, checked against each host's own record at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use fleetwide_simulator::{
    Cloud,
    fleet::MachineState,
    world::{World, WorldConfig},
};
use serde_json::Value;

use super::{
    project::Project,
    simulated_fleet::{SimulatedFleet, recorded},
};

const HOSTS: usize = 200;
const ZONES: usize = 6;

fn names(hosts: &Value) -> Vec<String> {
    let name = |host: &Value| host["name"].as_str().expect("a name").to_owned();
    hosts.as_array().expect("hosts").iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_breaks_a_twentieth_is_stopped_and_taken_back_where_it_was() {
    let settings = "steps = \"1, 10%, 100%\"\non_failure = \"rollback\"\nslow_start = false\n";
    let fleet = SimulatedFleet::of(HOSTS).zones(ZONES).start(settings).await;
    let project = &fleet.project;
    project.write("deploy.sh", "#!/bin/sh\nexit 0\n");
    fleet.run(&["deploy", "web", "--revision", "v1", "--steps", "all-at-once", "--quiet"]).await.expect(0);

    let plan = fleet.run(&["plan", "web", "--revision", "v2", "--output", "json"]).await.expect(0).json();
    let stages: Vec<Vec<String>> =
        plan["stages"].as_array().expect("stages").iter().map(|stage| names(&stage["hosts"])).collect();
    assert_eq!(stages.iter().map(Vec::len).collect::<Vec<_>>(), [1, 19, 180]);
    let zones: BTreeSet<usize> = stages[1]
        .iter()
        .map(|name| name.trim_start_matches("web-").parse::<usize>().expect("a number") % ZONES)
        .collect();
    assert_eq!(zones.len(), ZONES, "the second stage has hosts of every zone: {:?}", stages[1]);

    // One host of the second stage, and nine of the third.
    let broken: Vec<&str> = [&stages[1][4]].into_iter().chain(&stages[2][..9]).map(String::as_str).collect();
    assert_eq!(broken.len(), HOSTS / 20);
    let script = format!(
        "#!/bin/sh\n[ \"$FLEETWIDE_REVISION\" = v2 ] || exit 0\n\
         case $FLEETWIDE_HOST_NAME in {}) echo broken >&2; exit 3;; esac\n",
        broken.join("|")
    );
    project.write("deploy.sh", &script);
    let told = fleet.run(&["deploy", "web", "--revision", "v2", "--report", "report.json"]).await.expect(9);
    told.says("stage 2 of 3, 10%: 19 hosts")
        .says("0 of 200 hosts of web are at v2: every touched host was rolled back");

    let report = project.report("report.json");
    assert_eq!((report["status"].as_str(), report["exit_code"].as_i64()), (Some("rolled-back"), Some(9)));
    let run_id = report["run"].as_str().expect("an id");
    let mut touched = 0;
    for result in report["hosts"].as_array().expect("hosts") {
        let name = result["name"].as_str().expect("a name");
        let (revision, runs) = recorded(fleet.host(name).home());
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
    fleet.shutdown().await;
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
    // Ten of them exist, but are not running yet.
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
    project.run_beside(&["plan", "web", "--revision", "v2"]).await.expect(0).says("Soak for 3s");
    let running = tokio::task::block_in_place(|| {
        let mut running = project.start(&arguments);
        running.await_events("pause-started", 1);
        running
    });
    // During the soak, ten appear, five vanish, and two exchange their addresses.
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

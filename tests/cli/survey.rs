//! The hosts' own records decide which hosts go first.

use serde_json::Value;

use super::ssh_fleet::SshFleet;

const HOSTS: usize = 6;

/// Six hosts, and a seventh that cannot be reached; the first two stages are one host each.
fn fleet(settings: &str) -> SshFleet {
    let hosts: Vec<_> = (0..HOSTS).map(|number| (format!("web-{number}"), Vec::new())).collect();
    let fleet = SshFleet::start(&hosts, &format!("steps = \"1, 2, 100%\"\nretries = 0\n{settings}"));
    fleet.project.write("deploy.sh", "#!/bin/sh\n[ \"$FLEETWIDE_REVISION\" != broken ]\n");
    let config = fleet.project.read("fleetwide.toml");
    let dead = "hosts = [\n  { name = \"dead\", address = \"127.0.0.1\", port = 1 },\n";
    fleet.project.write("fleetwide.toml", &config.replacen("hosts = [\n", dead, 1));
    fleet
}

/// The names of a plan's hosts, stage by stage.
fn stages(plan: &Value) -> Vec<Vec<String>> {
    let names = |stage: &Value| -> Vec<String> {
        let hosts = stage["hosts"].as_array().expect("hosts").iter();
        hosts.map(|host| host["name"].as_str().expect("a name").to_owned()).collect()
    };
    plan["stages"].as_array().expect("stages").iter().map(names).collect()
}

#[test]
fn who_is_not_well_or_behind_goes_first_and_who_does_not_answer_last() {
    let fleet = fleet("max_failures = 1\n");
    let deploy = |revision: &str, hosts: &str, code: i32| {
        let arguments = ["deploy", "web", "--revision", revision, "--hosts", hosts, "--steps", "all-at-once"];
        fleet.project.run(&arguments).expect(code);
    };
    deploy("v1", "web-*", 0);
    deploy("v0", "web-4", 0);
    deploy("broken", "web-2", 8);
    deploy("v2", "web-5", 0);

    let plan = ["plan", "web", "--revision", "v2"];
    let text = fleet.project.run(&plan).expect(0);
    let text =
        text.says("4 on v1, 1 on v0, 1 on v2, 1 without an answer").says("asked 7 hosts what they have on record");
    text.says("1 host did not say what it has on record, so it goes last: dead (connection refused");
    let planned = stages(&fleet.project.run(&[&plan[..], &["--output", "json"]].concat()).expect(0).json());
    let flat: Vec<_> = planned.concat();
    assert_eq!(planned[0], ["web-2"], "its last deploy failed");
    assert_eq!(planned[1], ["web-4"], "it has what no other has");
    assert_eq!(flat[5..], ["web-5", "dead"], "one is where it is to be, one does not answer: {flat:?}");
    let seeded = fleet.project.run(&[&plan[..], &["--seed", "7", "--output", "json"]].concat()).expect(0).json();
    assert_eq!(stages(&seeded)[..2], planned[..2], "another seed varies among equals only");

    let run = ["deploy", "web", "--revision", "v2", "--report", "report.json"];
    fleet.project.run(&run).expect(7);
    let report = fleet.project.report("report.json");
    let hosts = report["hosts"].as_array().expect("hosts").iter();
    let deployed: Vec<_> = hosts.map(|host| host["name"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(deployed, flat, "a plan prints what a deploy runs");
}

#[test]
fn nobody_is_asked_where_nobody_goes_first_or_who_says_so() {
    let fleet = fleet("survey = false\n");
    let quiet = fleet.project.run(&["plan", "web", "--revision", "v1"]).expect(0);
    assert!(!quiet.stderr.contains("asked"), "{}", quiet.stderr);
    let config = fleet.project.read("fleetwide.toml").replace("survey = false\n", "");
    fleet.project.write("fleetwide.toml", &config);
    let one_stage = ["plan", "web", "--revision", "v1", "--steps", "all-at-once"];
    let quiet = fleet.project.run(&one_stage).expect(0);
    assert!(!quiet.stderr.contains("on record"), "{}", quiet.stderr);
}

#[test]
fn a_canary_that_does_not_answer_goes_first_and_that_is_said() {
    let fleet = fleet("canary = { tags = { canary = \"yes\" } }\n");
    let config = fleet.project.read("fleetwide.toml").replace("port = 1 }", "port = 1, tags = { canary = \"yes\" } }");
    fleet.project.write("fleetwide.toml", &config);
    let plan = fleet.project.run(&["plan", "web", "--revision", "v1", "--output", "json"]).expect(0);
    assert_eq!(stages(&plan.json())[0], ["dead"]);
    plan.says("1 host did not say what it has on record, but as a canary it goes first all the same: dead (connection");
}

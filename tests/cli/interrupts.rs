//! Ctrl-C leaves nothing behind, and the record is true.

use std::time::Duration;

use serde_json::json;

use super::{
    project::{eventually, processes_with},
    ssh_fleet::SshFleet,
};

const HOSTS: usize = 40;

/// Runs until it is ended, and has children.
const SCRIPT: &str = "#!/bin/sh\necho begun\nsleep 1000 &\nsleep 1001\n";

fn fleet(hosts: usize, script: &str, deploy: &str) -> SshFleet {
    let hosts: Vec<_> = (0..hosts).map(|number| (format!("web-{number}"), Vec::new())).collect();
    let fleet = SshFleet::start(&hosts, deploy);
    fleet.project.write("deploy.sh", script);
    fleet
}

#[test]
fn one_interrupt_ends_every_script_and_says_so() {
    let fleet = fleet(HOSTS, SCRIPT, "kill_grace = \"5s\"\n");
    let mut deploy = fleet.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    deploy.await_events("script-started", HOSTS);
    assert!(!processes_with(&fleet.states()).is_empty(), "the scripts can be seen while they run");
    deploy.signal("INT");
    deploy.finish().expect(130);

    assert_nothing_left(&fleet);
    let report = fleet.project.report("report.json");
    assert_eq!((&report["status"], &report["exit_code"]), (&json!("interrupted"), &json!(130)));
    let hosts = report["hosts"].as_array().expect("hosts");
    assert_eq!(hosts.len(), HOSTS);
    for host in hosts {
        assert_eq!((&host["outcome"], &host["signal"]), (&json!("failed"), &json!("TERM")), "{host:#}");
        assert_eq!(host["killed"], "confirmed", "{host:#}");
        assert_eq!(host["stdout_tail"], "begun");
    }
}

#[test]
fn sigterm_does_the_same() {
    let fleet = fleet(3, SCRIPT, "kill_grace = \"5s\"\n");
    let mut deploy = fleet.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    deploy.await_events("script-started", 3);
    deploy.signal("TERM");
    deploy.finish().expect(143);
    assert_nothing_left(&fleet);
    assert_eq!(fleet.project.report("report.json")["status"], "terminated");
}

#[test]
fn a_second_interrupt_kills_a_script_that_ignores_the_first() {
    let stubborn = "#!/bin/sh\ntrap '' TERM\necho begun\nwhile :; do sleep 1; done\n";
    let fleet = fleet(2, stubborn, "kill_grace = \"10m\"\n");
    let mut deploy = fleet.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    deploy.await_events("output", 2);
    deploy.signal("INT");
    deploy.await_events("stopping", 1);
    deploy.signal("INT");
    deploy.finish().expect(130);
    assert_nothing_left(&fleet);
    let report = fleet.project.report("report.json");
    for host in report["hosts"].as_array().expect("hosts") {
        assert_eq!((&host["signal"], &host["killed"]), (&json!("KILL"), &json!("confirmed")), "{host:#}");
    }
}

/// No script, no guard and no `ssh` of this test is left. The last processes may still be exiting.
fn assert_nothing_left(fleet: &SshFleet) {
    for mark in [fleet.states(), fleet.project.home()] {
        eventually(
            Duration::from_secs(10),
            || processes_with(&mark).is_empty().then_some(()),
            || format!("left behind: {:#?}", processes_with(&mark)),
        );
    }
}

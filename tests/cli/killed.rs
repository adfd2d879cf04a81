//! SIGKILL of Fleetwide itself: the hosts then do what `on_lost` says, and no `ssh` is left.

use std::time::Duration;

use super::{
    project::{eventually, processes_with},
    ssh_fleet::SshFleet,
    sshd::Sshd,
};

const HOSTS: usize = 5;

fn fleet(script: &str, deploy: &str) -> SshFleet {
    let hosts: Vec<_> = (0..HOSTS).map(|number| (format!("web-{number}"), Vec::new())).collect();
    let fleet = SshFleet::start(&hosts, deploy);
    fleet.project.write("deploy.sh", script);
    fleet
}

fn kill_mid_run(fleet: &SshFleet) {
    let mut deploy = fleet.project.start(&["deploy", "web", "--revision", "v1", "--report", "report.json"]);
    deploy.await_events("script-started", HOSTS);
    deploy.signal("KILL");
    assert_eq!(deploy.finish().code, None, "killed by a signal");
}

#[test]
fn with_kill_every_script_is_gone_within_the_grace() {
    let fleet = fleet("#!/bin/sh\nsleep 1000\n", "on_lost = \"kill\"\nkill_grace = \"2s\"\n");
    kill_mid_run(&fleet);
    no_master_remains(&fleet);
    gone(&fleet, Duration::from_mins(1));
}

#[test]
fn with_finish_each_goes_on_to_its_end_and_a_second_deploy_is_refused_meanwhile() {
    let script = "#!/bin/sh\nuntil [ -e \"$FLEETWIDE_TAG_GATE\" ]; do sleep 0.1; done\necho whole\nexit 7\n";
    let gate = tempfile::tempdir().expect("a folder");
    let gate = gate.path().join("gate");
    let tags = vec![("gate", gate.to_str().expect("text").to_owned())];
    let hosts: Vec<_> = (0..HOSTS).map(|number| (format!("web-{number}"), tags.clone())).collect();
    let fleet = SshFleet::start(&hosts, "on_lost = \"finish\"\n");
    fleet.project.write("deploy.sh", script);
    kill_mid_run(&fleet);
    no_master_remains(&fleet);

    let second = ["deploy", "web", "--revision", "v2", "--report", "second.json", "--max-failures", "100%"];
    fleet.project.run(&second).expect(8).says("busy");
    let report = fleet.project.report("second.json");
    for host in report["hosts"].as_array().expect("hosts") {
        assert_eq!(host["outcome"], "unreachable", "{host:#}");
    }

    std::fs::write(&gate, "").expect("the gate opens");
    gone(&fleet, Duration::from_secs(30));
    for number in 0..HOSTS {
        let name = format!("web-{number}");
        let run = fleet.only_run(&name);
        let end = std::fs::read_to_string(run.join("end")).expect("the end is recorded");
        assert!(end.starts_with("exit 7"), "{name}: {end}");
        assert_eq!(std::fs::read_to_string(run.join("stdout")).expect("the log"), "whole\n");
    }

    // The killed program could not finish its report; what it had written is true.
    assert_eq!(fleet.project.report("report.json")["status"], "running");
}

#[test]
fn the_logins_on_jump_hosts_go_with_us() {
    let fleet = fleet("#!/bin/sh\nsleep 1000\n", "on_lost = \"kill\"\nkill_grace = \"2s\"\n");
    let jump = Sshd::builder().start();
    let (address, key) = (jump.addresses()[0], jump.login_key());
    let (hop, key) = (format!("{address}:{}", jump.port()), key.display());
    let trust =
        format!("Host {address}\n  IdentityFile {key}\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n");
    std::fs::write(fleet.client_config(), trust).expect("writes");
    let mut deploy = fleet.project.start(&["deploy", "web", "--revision", "v1", "--jump", &hop]);
    deploy.await_events("script-started", HOSTS);
    // Fleetwide, the jump host's `ssh` and its leash, and for each host an `ssh`, its leash, and the `ssh` of its
    // forward.
    let ours = processes_with(&fleet.project.home());
    assert_eq!(ours.len(), 1 + 2 + 3 * HOSTS, "{ours:#?}");
    deploy.signal("KILL");
    assert_eq!(deploy.finish().code, None, "killed by a signal");
    no_master_remains(&fleet);
    gone(&fleet, Duration::from_mins(1));
}

fn gone(fleet: &SshFleet, limit: Duration) {
    let states = fleet.states();
    eventually(
        limit,
        || processes_with(&states).is_empty().then_some(()),
        || format!("still running: {:#?}", processes_with(&states)),
    );
}

fn no_master_remains(fleet: &SshFleet) {
    let home = fleet.project.home();
    eventually(
        Duration::from_mins(1),
        || processes_with(&home).is_empty().then_some(()),
        || format!("still there: {:#?}", processes_with(&home)),
    );
}

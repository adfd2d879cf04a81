//! Commands that Fleetwide's hints recommend, run exactly as they are shown.

use std::{fs, path::Path, process::Command};

use super::{
    project::{Finished, Project},
    ssh_fleet::SshFleet,
};

/// Runs the `fleetwide` command at the end of a hint, with the host's `name` filled in.
fn follow(project: &Project, hint: &str, name: &str) -> Finished {
    let command = &hint[hint.find("fleetwide run").expect("a command")..].replace("NAME", name);
    let fleetwide = project.command(&[]);
    let folder = Path::new(fleetwide.get_program()).parent().expect("the folder of the binary");
    let path = std::env::var("PATH").expect("a PATH");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).current_dir(project.path("")).env_clear().env("HOME", project.home());
    shell.env("PATH", format!("{}:{path}", folder.display())).output().expect("a shell").into()
}

/// The hosts of the fleet set `XDG_STATE_HOME`; here they are selected by flags alone.
#[test]
fn a_host_that_a_wrong_clock_locked_out_is_let_in_by_the_command_that_is_shown() {
    let fleet = SshFleet::start(&[("web-1".to_owned(), Vec::new())], "");
    fleet.project.write("deploy.sh", "exit 0\n");
    let (address, key, config) = (fleet.address("web-1"), fleet.key(), fleet.client_config());
    let reached =
        ["--host", &address, "--identity-file", key.to_str().unwrap(), "--ssh-config", config.to_str().unwrap()];
    let what = ["deploy", "--revision", "v1", "--script", "deploy.sh", "--report", "r.json"];
    let deploy = || fleet.project.run(&[&what[..], &reached].concat());
    deploy().expect(0);
    // In the year 2100.
    fs::write(fleet.state("web-1").join("adhoc/fence"), "4102444800000\n").expect("a record");
    let refused = deploy().expect(8).says("a later run was here");
    let report = fleet.project.report("r.json");
    let hint = report["hosts"][0]["hint"].as_str().expect("a hint");
    assert!(hint.starts_with("the host's fence is of 2100-01-01 00:00 UTC, in the future"), "{hint} {refused:?}");
    let (name, _) = address.rsplit_once(':').expect("a port");
    follow(&fleet.project, hint, name).expect(0);
    deploy().expect(0);
}

//! The verbs, each as a user first meets it.

use serde_json::json;

use super::{project::Project, ssh_fleet::SshFleet};

#[test]
fn hosts_prints_what_json_promises() {
    let project = Project::with_config(
        "[targets.web]\nselect = [ { provider = \"static\", tags = { role = \"db\" }, hosts = [ \
         { name = \"db1\", address = \"10.0.0.8\", port = 2222, tags = { role = \"db\" } }, \"10.0.0.9\" ] } ]\n\
         [targets.web.ssh]\nuser = \"deploy\"\n",
    );
    let hosts = project.run(&["hosts", "--output", "json"]).expect(0).json();
    assert_eq!(
        hosts,
        json!([{
            "id": "static:db1", "provider": "static", "account": "", "region": "", "zone": "", "name": "db1",
            "address": "10.0.0.8", "port": 2222, "user": "deploy", "state": "running", "tags": { "role": "db" },
        }])
    );
    project.run(&["hosts"]).expect(0).says("db1").says("10.0.0.8").says("1 host");
}

#[test]
fn everything_works_from_flags_alone() {
    let fleet = SshFleet::start(&[("only".to_owned(), Vec::new())], "");
    let project = Project::new();
    project.write(
        "deploy.sh",
        "#!/bin/sh\necho \"deployed $FLEETWIDE_REVISION, was ${FLEETWIDE_PREVIOUS_REVISION:-nothing}\"\n",
    );
    let (host, key) = (fleet.address("only"), fleet.key());
    let (key, config) = (key.to_str().expect("text"), fleet.client_config());
    let config = config.to_str().expect("text");
    let deploy = |revision: &str| {
        let flags = [
            "deploy",
            "--host",
            &host,
            "--identity-file",
            key,
            "--ssh-config",
            config,
            "--script",
            "deploy.sh",
            "--revision",
            revision,
        ];
        project.run(&[&flags[..], &["--verbose"]].concat())
    };
    deploy("v1").expect(0).says("deployed v1, was nothing");
    deploy("v2").expect(0).says("deployed v2, was v1");
    let flags = [
        "run",
        "--host",
        &host,
        "--identity-file",
        key,
        "--ssh-config",
        config,
        "--verbose",
        "--",
        "echo",
        "one  two",
        "$HOME",
    ];
    project.run(&flags).expect(0).says("one  two $HOME");
}

#[test]
fn plan_and_dry_run_print_the_same_and_touch_nothing() {
    let fleet = SshFleet::start(&[("a".to_owned(), Vec::new()), ("b".to_owned(), Vec::new())], "");
    fleet.project.write("deploy.sh", "#!/bin/sh\ntrue\n");
    let plan = fleet.project.run(&["plan", "web", "--revision", "v1"]).expect(0).says("v1").says("2 hosts");
    let dry = fleet.project.run(&["deploy", "web", "--revision", "v1", "--dry-run"]).expect(0);
    let without_run_id = |text: &str| text.lines().filter(|line| !line.contains("run ")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_run_id(&plan.stdout), without_run_id(&dry.stdout));
    assert!(!fleet.state("a").exists() && !fleet.state("b").exists());
}

#[test]
fn init_writes_a_file_that_check_can_read_and_never_over_another() {
    let project = Project::new();
    project.run(&["init"]).expect(0).says("fleetwide.toml");
    assert!(project.read("fleetwide.toml").contains("[targets."));
    project.run(&["init"]).expect(2).says("fleetwide.toml");
}

#[test]
fn check_ticks_what_is_well_and_gives_a_reason_for_what_is_not() {
    let fleet = SshFleet::start(&[("only".to_owned(), Vec::new())], "");
    fleet.project.write("deploy.sh", "#!/bin/sh\ntrue\n");
    fleet.project.run(&["check", "web"]).expect(0).says("only");
    let config = fleet.project.read("fleetwide.toml");
    let closed = config.lines().map(|line| if line.starts_with("port = ") { "port = 1" } else { line });
    fleet.project.write("fleetwide.toml", &closed.collect::<Vec<_>>().join("\n"));
    fleet.project.run(&["check", "web"]).expect(6).says("connection refused");
}

#[test]
fn schema_and_completions_are_printed() {
    let project = Project::new();
    let schema = project.run(&["schema"]).expect(0).json();
    assert!(schema["properties"]["targets"].is_object(), "{schema:#}");
    for shell in ["bash", "zsh", "fish"] {
        project.run(&["completions", shell]).expect(0).says("fleetwide");
    }
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let fleet = SshFleet::start(&[("only".to_owned(), Vec::new())], "");
    fleet.project.write("deploy.sh", "#!/bin/sh\nseq 20000\n");
    let mut command =
        fleet.project.command(&["deploy", "web", "--revision", "v1", "--report", "report.json", "--output", "json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(fleet.project.report("report.json")["status"], "succeeded");
}

#[test]
fn whole_logs_are_kept_under_log_dir() {
    let fleet = SshFleet::start(&[("only".to_owned(), Vec::new())], "");
    fleet.project.write("deploy.sh", "#!/bin/sh\nseq 50000\nprintf '\\033[31mred\\000'\n");
    fleet.project.run(&["deploy", "web", "--revision", "v1", "--log-dir", "logs"]).expect(0);
    let logs = fleet.logs("logs");
    assert!(logs.starts_with("1\n2\n3\n") && logs.ends_with("50000\n\u{1b}[31mred\0"), "{} bytes", logs.len());
}

#[test]
fn a_report_that_cannot_be_written_is_no_success() {
    let fleet = SshFleet::start(&[("only".to_owned(), Vec::new())], "");
    fleet.project.write("deploy.sh", "#!/bin/sh\nrm -r \"$FOLDER\"\n");
    let folder = fleet.project.path("reports");
    std::fs::create_dir(&folder).expect("a folder");
    let variable = format!("FOLDER={}", folder.display());
    let report = folder.join("report.json");
    let report = report.to_str().expect("text");
    fleet.project.run(&["deploy", "web", "--revision", "v1", "--env", &variable, "--report", report]).expect(1);
}

#[test]
fn a_signal_that_was_to_be_ignored_is_ignored() {
    let fleet = SshFleet::start(&[("only".to_owned(), Vec::new())], "");
    let line = "trap '' HUP; exec \"$0\" deploy web --revision v1 --env PID_OF_DEPLOY=$$";
    fleet.project.write("deploy.sh", "#!/bin/sh\nkill -s HUP \"$PID_OF_DEPLOY\"\nsleep 1\n");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_fleetwide")]).current_dir(fleet.project.path(""));
    command.env("HOME", fleet.project.home());
    let output = command.output().expect("sh runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

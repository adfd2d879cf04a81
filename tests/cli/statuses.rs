//! The reported exit status is exactly the script's own, over a real `sshd`.

use serde_json::{Value, json};

use super::ssh_fleet::SshFleet;

const EXITS: [u8; 10] = [0, 1, 2, 126, 127, 128, 194, 254, 255, 42];

/// The same script on every host; the host's tag decides how it ends.
const SCRIPT: &str = r#"#!/bin/sh
echo "on $FLEETWIDE_HOST_NAME"
case $FLEETWIDE_TAG_END in
  exit-*) exit "${FLEETWIDE_TAG_END#exit-}" ;;
  signal-*) kill -s "${FLEETWIDE_TAG_END#signal-}" $$ ;;
  hang) sleep 1000 ;;
esac
"#;

#[test]
fn every_status_is_exact() {
    let mut ends: Vec<String> = EXITS.iter().map(|status| format!("exit-{status}")).collect();
    ends.extend(["signal-TERM", "signal-KILL", "signal-INT", "signal-SEGV", "hang"].map(ToOwned::to_owned));
    let hosts: Vec<(String, Vec<(&str, String)>)> =
        ends.iter().map(|end| (end.clone(), vec![("end", end.clone())])).collect();
    let fleet = SshFleet::start(&hosts, "timeout = \"8s\"\nkill_grace = \"2s\"\nmax_failures = \"100%\"\n");
    fleet.project.write("deploy.sh", SCRIPT);

    fleet.project.run(&["deploy", "web", "--revision", "v1", "--report", "report.json"]).expect(7);

    let report = fleet.project.report("report.json");
    for status in EXITS {
        let host = host(&report, &format!("exit-{status}"));
        let outcome = if status == 0 { "succeeded" } else { "failed" };
        assert_eq!((&host["exit_status"], &host["signal"]), (&json!(status), &Value::Null), "{host:#}");
        assert_eq!(host["outcome"], outcome, "{host:#}");
    }
    for signal in ["TERM", "KILL", "INT", "SEGV"] {
        let host = host(&report, &format!("signal-{signal}"));
        assert_eq!((&host["outcome"], &host["signal"]), (&json!("failed"), &json!(signal)), "{host:#}");
        assert_eq!(host["exit_status"], Value::Null, "{host:#}");
    }
    let timed_out = host(&report, "hang");
    assert_eq!((&timed_out["outcome"], &timed_out["signal"]), (&json!("failed"), &json!("TERM")), "{timed_out:#}");
    assert!(timed_out["message"].as_str().is_some_and(|message| message.contains("timed out")), "{timed_out:#}");
    assert_eq!(timed_out["stdout_tail"], "on hang");
}

#[test]
fn an_ad_hoc_command_has_its_exact_status_and_leaves_no_record() {
    let fleet = SshFleet::start(&[("only".to_owned(), Vec::new())], "");
    fleet.project.run(&["run", "web", "--report", "report.json", "--", "exit 255"]).expect(7);
    let report = fleet.project.report("report.json");
    assert_eq!(host(&report, "only")["exit_status"], 255);
    assert!(!fleet.state("only").exists(), "`run` writes nothing on the host");
}

fn host<'a>(report: &'a Value, name: &str) -> &'a Value {
    let hosts = report["hosts"].as_array().expect("hosts");
    hosts.iter().find(|host| host["name"] == name).unwrap_or_else(|| panic!("{name} is in the report"))
}

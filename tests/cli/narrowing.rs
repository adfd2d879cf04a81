//! Some of a target's hosts: by name, unfinished in an earlier run, or only a few.

use super::{project::Project, ssh_fleet::SshFleet};

fn fleet(names: &[&str]) -> SshFleet {
    SshFleet::start(&names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect::<Vec<_>>(), "")
}

#[test]
fn only_the_named_hosts_are_touched_and_the_screen_says_of_how_many() {
    let fleet = fleet(&["web1", "web2", "db1"]);
    let run = |flags: &[&str], code| {
        let command = ["run", "web", "--report", "report.json"];
        fleet.project.run(&[&command, flags, &["--", "sh", "-c", "exit 0"][..]].concat()).expect(code)
    };
    run(&["--hosts", "web2,static:db1"], 0).says("2 of 3 hosts").says("all 2 chosen hosts of web");
    let report = fleet.project.report("report.json");
    let names: Vec<_> = report["hosts"].as_array().expect("hosts").iter().map(|host| host["name"].clone()).collect();
    assert_eq!(names, ["db1", "web2"]);
    assert_eq!(report["narrowed_from"], 3);
    assert_eq!(report["command"], "sh -c 'exit 0'");
    run(&["--hosts", "db1, web[1,2]"], 0).says("all 3 hosts of web");
    run(&["--hosts", "web[1-3]"], 2).says("`web3` is none of the 3 hosts that were found; near to it: web1");
    run(&["--hosts", "web*", "--limit", "1"], 0).says("1 of 3 hosts").says("the only chosen host of web");
    run(&[], 0).says("all 3 hosts of web");
    assert_eq!(fleet.project.report("report.json")["narrowed_from"], serde_json::Value::Null);
}

#[test]
fn a_name_that_means_nothing_touches_nothing() {
    let fleet = fleet(&["web1", "web2"]);
    fleet.project.write("deploy.sh", "#!/bin/sh\ntrue\n");
    fleet
        .project
        .run(&["deploy", "web", "--revision", "v1", "--hosts", "web1,wbe2"])
        .expect(2)
        .says("`wbe2` is none of the 2 hosts that were found; near to it: web2")
        .says("no host was touched");
    assert!(!fleet.state("web1").exists());
    fleet.project.run(&["hosts", "web", "--hosts", ""]).expect(2).says("`` is none of");
    fleet.project.run(&["check", "web", "--hosts", "nope"]).expect(2).says("`nope` is none of");
    fleet.project.run(&["plan", "web", "--revision", "v1", "--limit", "1"]).expect(0).says("1 of 2 (static 1)");
}

#[test]
fn only_what_an_earlier_run_left_undone_is_done_again() {
    let fleet = fleet(&["a", "b", "c"]);
    let line = r#"[ "$FLEETWIDE_HOST_NAME" != b ]"#;
    fleet.project.run(&["run", "web", "--report", "first.json", "--", line]).expect(7);
    let again = |flags: &[&str], code| {
        let command = ["run", "web", "--failed-of", "first.json", "--report", "second.json"];
        fleet.project.run(&[&command, flags, &["--", "true"][..]].concat()).expect(code)
    };
    again(&[], 0).says("1 of 3 hosts");
    let report = fleet.project.report("second.json");
    assert_eq!((report["hosts"].as_array().map(Vec::len), &report["hosts"][0]["name"]), (Some(1), &"b".into()));

    // A named host must be unfinished; a host that is gone is reported; a run that succeeded leaves nothing to do.
    again(&["--hosts", "a"], 4).says("none of the named hosts is one that did not succeed in that run");
    let gone = fleet.project.read("first.json").replace("static:b", "static:gone");
    fleet.project.write("gone.json", &gone);
    let other = ["run", "web", "--failed-of", "gone.json", "--", "true"];
    fleet.project.run(&other).expect(4).says("the host that did not succeed in that run is none of the 3");
    let both = fleet.project.read("gone.json").replace("\"succeeded\"", "\"failed\"");
    fleet.project.write("both.json", &both);
    let other = ["run", "web", "--failed-of", "both.json", "--", "true"];
    fleet.project.run(&other).expect(0).says("1 host of that run not found any more: static:gone").says("2 of 3 hosts");
    fleet
        .project
        .run(&["run", "web", "--failed-of", "second.json", "--", "true"])
        .expect(4)
        .says("nothing is left to do");
}

#[test]
fn a_report_that_does_not_fit_is_refused() {
    let project = Project::with_config(
        "[targets.web]\nselect = [ { provider = \"static\", hosts = [ \"127.0.0.1\" ] } ]\n[targets.web.ssh]\nport = 1\n\
         [targets.db]\nselect = [ { provider = \"static\", hosts = [ \"127.0.0.2\" ] } ]\n",
    );
    project.run(&["run", "web", "--report", "web.json", "--", "true"]).expect(7);
    let failed_of = |target: &str, report: &str| project.run(&["run", target, "--failed-of", report, "--", "true"]);
    failed_of("db", "web.json").expect(2).says("target `web`, not `db`");
    failed_of("web", "nowhere.json").expect(2).says("cannot read the report nowhere.json");
    project.write("bad.json", "{ \"schema\": 1");
    failed_of("web", "bad.json").expect(2).says("bad.json is no report");
    let other = project.read("web.json").replace("\"schema\": 1", "\"schema\": 99");
    project.write("other.json", &other);
    failed_of("web", "other.json").expect(2).says("schema 99");
    // Hosts that a killed run never reached are not done either.
    let killed = project.read("web.json").replace("\"unreachable\"", "null");
    project.write("killed.json", &killed);
    failed_of("web", "killed.json").expect(7).says("connection refused");
}

#[test]
fn numbers_are_refused_in_plain_words() {
    let project = Project::new();
    for (flags, words) in [
        (["--port", "22x"], "a port is a whole number from 1 to 65535"),
        (["--limit", "0"], "give a whole number, 1 or more"),
        (["--limit", "-3"], "give a whole number, 1 or more"),
        (["--concurrency", "0"], "give a whole number, 1 or more"),
        (["--max-failures", "-1"], "a number such as 0 or 3, or a percentage such as 5%"),
    ] {
        let arguments = [&["run", "--host", "127.0.0.1"][..], &flags, &["--", "true"]].concat();
        project.run(&arguments).expect(2).says(words);
    }
}

#[test]
fn a_hosts_file_that_is_not_there_is_a_mistake_in_the_usage() {
    let project = Project::new();
    let said = project.run(&["hosts", "--hosts-file", "nowhere.txt"]).expect(2).says("nowhere.txt");
    assert!(!said.stderr.contains("allow_partial"), "{}", said.stderr);
}

//! `rollback`: rolls each host back to what it had before, according to the hosts' own records. Scripts count their own
//! runs, so that a test need not rely on reports.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde_json::Value;

use super::{
    project::{eventually, kill, processes_with},
    ssh_fleet::SshFleet,
};

/// Records the revision, and then waits for the gate or fails, if a tag says so for this revision.
const SCRIPT: &str = "#!/bin/sh
echo \"$FLEETWIDE_REVISION ${FLEETWIDE_FAILED_REVISION:--}\" >>\"$XDG_STATE_HOME/ran\"
[ \"${FLEETWIDE_TAG_WAITS_AT:-never}\" != \"$FLEETWIDE_REVISION\" ] || until [ -e \"$FLEETWIDE_TAG_GATE\" ]; do sleep 0.1; done
[ \"${FLEETWIDE_TAG_FAILS_AT:-never}\" != \"$FLEETWIDE_REVISION\" ]
";

/// A gate that scripts wait for.
struct Gate {
    folder: tempfile::TempDir,
}

impl Gate {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> String {
        self.folder.path().join("gate").to_str().expect("text").to_owned()
    }

    fn open(&self) {
        fs::write(self.path(), "").expect("the gate opens");
    }
}

/// A fleet of `web-0`, `web-1`, …, with these tags.
fn fleet<'a>(hosts: usize, deploy: &str, tags: impl Fn(usize) -> Vec<(&'a str, String)>) -> SshFleet {
    let hosts: Vec<_> = (0..hosts).map(|number| (format!("web-{number}"), tags(number))).collect();
    let fleet = SshFleet::start(&hosts, deploy);
    fleet.project.write("deploy.sh", SCRIPT);
    fleet
}

fn plain(hosts: usize) -> SshFleet {
    fleet(hosts, "", |_| Vec::new())
}

fn deploy(fleet: &SshFleet, revision: &str, more: &[&str], code: i32) -> String {
    let arguments = [&["deploy", "web", "--revision", revision, "--report", "deploy.json"], more].concat();
    fleet.project.run(&arguments).expect(code);
    fleet.project.report("deploy.json")["run"].as_str().expect("an id").to_owned()
}

/// What ran on a host: each script's revision, and the revision that it rolls back.
fn ran(fleet: &SshFleet, name: &str) -> Vec<String> {
    let file = fleet.state(name).parent().expect("a folder").join("ran");
    fs::read_to_string(file).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
}

/// The revision that a host has on record.
fn revision(fleet: &SshFleet, name: &str) -> String {
    fs::read_to_string(fleet.state(name).join("shop/revision")).expect("a revision").trim().to_owned()
}

/// The ends of a run's attempts on a host, by their numbers.
fn ends(fleet: &SshFleet, name: &str, run: &str) -> BTreeMap<String, String> {
    let end = |entry: fs::DirEntry| {
        let attempt = entry.file_name().to_string_lossy().strip_prefix(&format!("{run}-"))?.to_owned();
        let end = fs::read_to_string(entry.path().join("end")).unwrap_or_default();
        attempt.parse::<u32>().ok().map(|_| (attempt, end.split(' ').take(2).collect::<Vec<_>>().join(" ")))
    };
    let runs = fs::read_dir(fleet.state(name).join("shop/runs")).expect("runs");
    runs.filter_map(|entry| end(entry.expect("a run"))).collect()
}

/// The entry of a host in a report.
fn told<'a>(report: &'a Value, name: &str) -> &'a Value {
    let hosts = report["hosts"].as_array().expect("hosts");
    hosts.iter().find(|host| host["name"] == name).unwrap_or_else(|| panic!("{name} is not in {report:#}"))
}

#[test]
fn an_undo_that_was_cut_short_is_finished_and_nobody_is_undone_twice() {
    const HOSTS: usize = 24;
    const SLOW: usize = 6;
    let gate = Gate::new();
    let settings = "on_failure = \"rollback\"\nconcurrency = 8\n";
    let fleet = fleet(HOSTS, settings, |number| match number {
        // The undo of these hosts waits for the gate.
        0..SLOW => vec![("waits_at", "v1".to_owned()), ("gate", gate.path())],
        number if number == HOSTS - 1 => vec![("fails_at", "v2".to_owned())],
        _ => Vec::new(),
    });
    gate.open();
    deploy(&fleet, "v1", &[], 0);
    fs::remove_file(gate.path()).expect("the gate is closed");

    let mut running =
        fleet.project.start(&["deploy", "web", "--revision", "v2", "--report", "report.json", "--max-failures", "0"]);
    running.await_events("undo-started", 1);
    running.await_events("host-undone", 5);
    // One of the waiting undos is running by now, or will be: the other hosts are done or wait for their turn.
    let names: Vec<_> = (0..HOSTS).map(|number| format!("web-{number}")).collect();
    let run = fleet.project.report("report.json")["run"].as_str().expect("an id").to_owned();
    let undo = format!("{run}-undo");
    let at_it = |name: &&String| {
        ends(&fleet, name, &undo).get("1").is_some_and(String::is_empty) && ran(&fleet, name).len() == 3
    };
    let dies =
        eventually(Duration::from_mins(1), || names[..SLOW].iter().find(at_it).cloned(), || "no undo waits".to_owned());
    running.signal("KILL");
    assert_eq!(running.finish().code, None, "killed by a signal");
    // Meanwhile, that host goes down.
    let state = fleet.state(&dies).parent().expect("a folder").to_owned();
    end_all(&state);

    let dry = fleet.project.run(&["rollback", "web", "--run", &run, "--dry-run", "--output", "json"]).expect(0).json();
    let ways = dry["taken_back"]["hosts"].as_array().expect("hosts").iter();
    let ways: BTreeMap<_, _> = ways.map(|way| (way["id"].as_str().expect("an id"), &way["way"])).collect();
    assert!(!ways.is_empty() && ways.values().any(|way| **way == "start"), "{ways:#?}");

    let before: usize = names.iter().map(|name| ran(&fleet, name).len()).sum();
    let mut again = fleet.project.start(&["rollback", "web", "--run", &run, "--report", "again.json"]);
    again.await_events("undo-started", 1);
    gate.open();
    again.finish().expect(0);

    let mut touched = 0;
    for name in &names {
        let ran = ran(&fleet, name);
        let undos = ran.iter().filter(|line| *line == "v1 v2").count();
        if !ran.contains(&"v2 -".to_owned()) {
            assert_eq!(undos, 0, "{name} was not touched: {ran:?}");
            continue;
        }
        touched += 1;
        let ends = ends(&fleet, name, &undo);
        let (tries, last) = if *name == dies { (2, "2") } else { (1, "1") };
        assert_eq!((undos, ends.len()), (tries, tries), "{name}: {ran:?}, {ends:?}");
        assert_eq!(ends[last], "exit 0", "{name}: {ends:?}");
        assert_eq!(revision(&fleet, name), "v1", "{name}");
    }
    let after: usize = names.iter().map(|name| self::ran(&fleet, name).len()).sum();
    assert!(touched > SLOW && after > before, "{touched} were touched, and {} scripts more ran", after - before);
    println!("touched: {touched}; undone by the second command: {}", after - before);

    fleet.project.run(&["rollback", "web", "--run", &run]).expect(0).says("nothing to roll back");
    assert_eq!(names.iter().map(|name| self::ran(&fleet, name).len()).sum::<usize>(), after);
}

/// Ends every process of a host at once, as a power cut does.
fn end_all(state: &Path) {
    // In an environment, the next value follows after a blank, so that `state-1` is not taken for `state-10`.
    let state = Path::new(&format!("{} ", state.display())).to_owned();
    let pid = |process: &String| process.split(' ').next().and_then(|pid| pid.parse::<u32>().ok()).expect("a pid");
    eventually(
        Duration::from_mins(1),
        || {
            let processes = processes_with(&state);
            for process in &processes {
                let _ = std::process::Command::new("kill").args(["-s", "KILL", &pid(process).to_string()]).output();
            }
            processes.is_empty().then_some(())
        },
        || format!("still running: {:#?}", processes_with(&state)),
    );
}

#[test]
fn the_newest_run_is_undone_on_each_host_to_its_own_revision() {
    let fleet = plain(3);
    deploy(&fleet, "v1", &[], 0);
    deploy(&fleet, "v0", &["--hosts", "web-0"], 0);
    let run = deploy(&fleet, "v2", &["--hosts", "web-0,web-1"], 0);

    fleet
        .project
        .run(&["rollback", "web", "--dry-run"])
        .expect(0)
        .says("Back to v0: 1 host")
        .says("Back to v1: 1 host");
    assert_eq!(ran(&fleet, "web-0").last().map(String::as_str), Some("v2 -"), "nothing is started");
    let arguments = ["rollback", "web", "--report", "back.json", "--junit", "back.xml"];
    fleet.project.run(&arguments).expect(0).says("all 2 hosts of web to be rolled back are back");
    let of = |name| (revision(&fleet, name), ran(&fleet, name).last().cloned().unwrap_or_default());
    assert_eq!(of("web-0"), ("v0".to_owned(), "v0 v2".to_owned()));
    assert_eq!(of("web-1"), ("v1".to_owned(), "v1 v2".to_owned()));
    assert_eq!(of("web-2"), ("v1".to_owned(), "v1 -".to_owned()), "it was not touched");

    let report = fleet.project.report("back.json");
    assert_eq!((&report["status"], &report["rollback"]["run"]), (&"succeeded".into(), &run.as_str().into()));
    let host = told(&report, "web-0");
    assert_eq!((&host["undo"]["outcome"], &host["undo"]["revision"]), (&"undone".into(), &"v0".into()), "{host:#}");
    assert_eq!((&host["outcome"], &host["exit_status"]), (&"succeeded".into(), &0.into()), "{host:#}");
    let junit = fleet.project.read("back.xml");
    assert!(junit.contains("tests=\"2\"") && junit.contains("failures=\"0\""), "{junit}");

    let again = fleet.project.run(&["rollback", "web", "--report", "again.json"]).expect(0);
    again.says(&format!("nothing to roll back: every host of web that run {run} touched is back"));
    assert_eq!(fleet.project.report("again.json")["hosts"], Value::Array(Vec::new()));
    assert_eq!(ran(&fleet, "web-0").len(), 4);
}

#[test]
fn all_go_to_a_revision_and_those_that_are_there_stay() {
    let fleet = plain(3);
    deploy(&fleet, "v1", &[], 0);
    let run = deploy(&fleet, "v2", &["--hosts", "web-0,web-1"], 0);
    fleet.project.run(&["rollback", "web", "--to", "v1"]).expect(0).says("2 hosts of web to be rolled back are at v1");
    for (name, scripts) in [("web-0", 3), ("web-1", 3), ("web-2", 1)] {
        assert_eq!((revision(&fleet, name).as_str(), ran(&fleet, name).len()), ("v1", scripts), "{name}");
    }
    fleet
        .project
        .run(&["rollback", "web", "--to", "v1"])
        .expect(0)
        .says("nothing to roll back: every host of web is at v1");

    let both = ["rollback", "web", "--run", &run, "--to", "v7"];
    fleet.project.run(&both).expect(0);
    assert_eq!(["web-0", "web-1", "web-2"].map(|name| revision(&fleet, name)), ["v7", "v7", "v1"]);
    assert_eq!(ran(&fleet, "web-0").last().map(String::as_str), Some("v7 v2"));
}

#[test]
fn an_undo_that_is_under_way_is_followed_and_a_deploy_is_left_alone() {
    let gate = Gate::new();
    let fleet = fleet(2, "", |number| match number {
        0 => vec![("waits_at", "v1".to_owned()), ("gate", gate.path())],
        _ => vec![("waits_at", "v3".to_owned()), ("gate", gate.path())],
    });
    gate.open();
    deploy(&fleet, "v1", &[], 0);
    deploy(&fleet, "v2", &[], 0);
    fs::remove_file(gate.path()).expect("the gate is closed");

    let mut first = fleet.project.start(&["rollback", "web", "--hosts", "web-0"]);
    first.await_events("script-started", 1);
    fleet.project.run(&["rollback", "web", "--hosts", "web-0", "--dry-run"]).expect(0).says("and followed: 1 host");
    let mut second = fleet.project.start(&["rollback", "web", "--hosts", "web-0"]);
    second.await_events("script-started", 1);

    let mut other =
        fleet.project.start(&["deploy", "web", "--revision", "v3", "--hosts", "web-1", "--report", "v3.json"]);
    other.await_events("script-started", 1);
    let run = fleet.project.report("v3.json")["run"].as_str().expect("an id").to_owned();
    let raced = ["rollback", "web", "--hosts", "web-1", "--report", "raced.json"];
    fleet.project.run(&raced).expect(10).says(&format!("a script of run {run} is running there"));
    assert_eq!(told(&fleet.project.report("raced.json"), "web-1")["undo"]["outcome"], "undo-failed");

    gate.open();
    for running in [first, second, other] {
        running.finish().expect(0);
    }
    assert_eq!(ran(&fleet, "web-0"), ["v1 -", "v2 -", "v1 v2"], "undone once");
    assert_eq!(ran(&fleet, "web-1"), ["v1 -", "v2 -", "v3 -"]);
}

#[test]
fn a_run_that_nobody_knows_is_refused_and_those_that_are_known_are_named() {
    let fleet = plain(1);
    let unknown = "01JQZX00000000000000000000";
    fleet.project.run(&["rollback", "web", "--run", unknown]).expect(2).says("no run is on record there");
    fleet.project.run(&["rollback", "web"]).expect(0).says("nothing to roll back: no run is on record on web");
    let run = deploy(&fleet, "v1", &[], 0);
    let refused = fleet.project.run(&["rollback", "web", "--run", unknown]).expect(2);
    refused.says(&format!("no host of `web` that was asked has a run {unknown} on record")).says(&run);
    fleet.project.run(&["rollback", "web", "--run", "yesterday"]).expect(2);
    fleet.project.run(&["rollback", "web", "--max-failures", "3"]).expect(2).says("no failure stops the others");
}

#[test]
fn who_cannot_be_asked_or_taken_back_is_said_and_stops_no_other() {
    let fleet = plain(3);
    deploy(&fleet, "v1", &["--hosts", "web-0"], 0);
    deploy(&fleet, "v2", &[], 0);
    let config = fleet.project.read("fleetwide.toml");
    let dead = "hosts = [\n  { name = \"dead\", address = \"127.0.0.1\", port = 1 },\n";
    fleet.project.write(
        "fleetwide.toml",
        &config.replacen("hosts = [\n", dead, 1).replace("slow_start", "retries = 0\nslow_start"),
    );
    let finished = fleet.project.run(&["rollback", "web", "--report", "back.json"]).expect(10);
    let finished = finished.says("1 of 4 hosts of web to be rolled back is back").says("nothing to return to");
    finished.says("rolls back every host that is not back by then");
    let report = fleet.project.report("back.json");
    let outcome = |name| told(&report, name)["undo"]["outcome"].as_str().expect("an outcome").to_owned();
    let outcomes = ["web-0", "web-1", "web-2", "dead"].map(outcome);
    assert_eq!(outcomes, ["undone", "undo-failed", "undo-failed", "undo-unknown"], "{report:#}");
    assert_eq!(told(&report, "dead")["outcome"], "unreachable");
    assert_eq!(report["status"], "rollback-incomplete");
    assert_eq!(ran(&fleet, "web-1"), ["v2 -"]);

    // A rollback script works even if there is no earlier revision.
    fleet.project.write("rollback.sh", SCRIPT);
    fleet.project.write("fleetwide.toml", &format!("{config}\nrollback = \"rollback.sh\"\n"));
    fleet.project.run(&["rollback", "web"]).expect(0).says("all 2 hosts of web to be rolled back are back");
    assert_eq!((ran(&fleet, "web-0").len(), ran(&fleet, "web-1")), (3, vec!["v2 -".to_owned(), " v2".to_owned()]));
}

#[test]
fn a_ctrl_c_leaves_what_the_same_command_finishes() {
    let gate = Gate::new();
    let fleet = fleet(3, "concurrency = 1\n", |_| vec![("waits_at", "v1".to_owned()), ("gate", gate.path())]);
    gate.open();
    deploy(&fleet, "v1", &[], 0);
    deploy(&fleet, "v2", &[], 0);
    fs::remove_file(gate.path()).expect("the gate is closed");

    let mut running = fleet.project.start(&["rollback", "web", "--report", "report.json"]);
    running.await_events("script-started", 1);
    kill("INT", running.pid());
    running.finish().expect(130);
    let report = fleet.project.report("report.json");
    assert_eq!(report["status"], "interrupted");
    let began = told(&report, "web-2");
    assert_eq!(
        (&began["undo"]["outcome"], &began["killed"]),
        (&"undo-failed".into(), &"confirmed".into()),
        "{began:#}"
    );
    for name in ["web-0", "web-1"] {
        assert_eq!((told(&report, name)["outcome"].as_str(), ran(&fleet, name).len()), (Some("skipped"), 2), "{name}");
    }

    gate.open();
    fleet.project.run(&["rollback", "web"]).expect(0);
    for (name, scripts) in [("web-0", 3), ("web-1", 3), ("web-2", 4)] {
        assert_eq!((revision(&fleet, name).as_str(), ran(&fleet, name).len()), ("v1", scripts), "{name}");
    }
}

#[test]
fn a_person_may_be_asked_first() {
    let fleet = plain(2);
    deploy(&fleet, "v1", &[], 0);
    let run = deploy(&fleet, "v2", &[], 0);
    let asked = fleet.project.run(&["rollback", "web", "--confirm"]).expect(2);
    asked.says(&format!("roll 2 hosts of web back (run {run})?")).says("--yes answers");
    assert_eq!(ran(&fleet, "web-0").len(), 2);
    fleet.project.run(&["rollback", "web", "--confirm", "--yes"]).expect(0);
}

//! Deploys in parts on real `sshd`s: the parts themselves count what ran where.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::ssh_fleet::SshFleet;

/// What people do by hand. Each part leaves a line in the host's file in the folder `done`.
const PARTS: &str = r#"parts = [
  { name = "fetch",   run = 'echo fetch >>"$DONE/$FLEETWIDE_HOST_NAME"; echo "fetched $1"' },
  { name = "test",    run = """
cd "$DONE" || exit
echo test >>"$FLEETWIDE_HOST_NAME"
if [ -e "$FLEETWIDE_HOST_NAME.broken" ]; then echo "3 of 80 tests failed" >&2; exit 4; fi
""", barrier = true },
  { name = "restart", run = 'echo restart >>"$DONE/$FLEETWIDE_HOST_NAME"; ls "$DONE" | wc -l' },
]
args = ["with spaces"]
"#;

struct Site {
    fleet: SshFleet,
    done: PathBuf,
}

impl Site {
    /// This many hosts, `h0` and so on, in one stage unless `settings` say otherwise.
    fn start(hosts: usize, settings: &str) -> Self {
        let names: Vec<_> = (0..hosts).map(|number| (format!("h{number}"), Vec::new())).collect();
        let fleet = SshFleet::start(&names, &format!("{PARTS}{settings}"));
        let done = fleet.project.path("done");
        fs::create_dir(&done).expect("a folder");
        let config = fs::read_to_string(fleet.project.path("fleetwide.toml")).expect("the file");
        let config = config.replace("script = \"deploy.sh\"\n", "");
        fleet.project.write("fleetwide.toml", &format!("{config}env = {{ DONE = \"{}\" }}\n", done.display()));
        Self { fleet, done }
    }

    /// The parts that a host has run, in order.
    fn ran(&self, host: &str) -> Vec<String> {
        let text = fs::read_to_string(self.done.join(host)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn break_tests_of(&self, host: &str) {
        fs::write(self.done.join(format!("{host}.broken")), "").expect("a file");
    }

    fn deploy(&self, more: &[&str]) -> super::project::Finished {
        let arguments = ["deploy", "web", "--revision", "v2", "--report", "report.json"];
        self.fleet.project.run(&[&arguments[..], more].concat())
    }

    fn hosts(&self) -> Vec<Value> {
        self.fleet.project.report("report.json")["hosts"].as_array().expect("hosts").clone()
    }
}

#[test]
fn parts_run_in_order_and_nobody_passes_a_barrier_alone() {
    let site = Site::start(4, "concurrency = 2\n");
    let plan = site.fleet.project.run(&["plan", "web", "--revision", "v2"]).expect(0);
    plan.says("fetch: ").says("here a stage's hosts wait for each other").says("at most 4 hosts can fail");
    site.deploy(&[]).expect(0);
    for host in site.hosts() {
        let name = host["name"].as_str().expect("a name");
        assert_eq!(site.ran(name), ["fetch", "test", "restart"]);
        let parts = host["parts"].as_array().expect("parts");
        let told: Vec<_> =
            parts.iter().map(|part| json!([part["name"], part["outcome"], part["exit_status"]])).collect();
        assert_eq!(told, ["fetch", "test", "restart"].map(|name| json!([name, "succeeded", 0])));
        assert!(parts.iter().all(|part| part["duration_ms"].is_u64()), "{host:#}");
        // Every host had tested when the first host restarted.
        assert_eq!(host["stdout_tail"].as_str().map(str::trim), Some("4"), "{host:#}");
    }
}

#[test]
fn one_hosts_test_fails_and_no_host_of_its_stage_restarts() {
    let site = Site::start(6, "steps = \"2, 100%\"\n");
    let plan = site.fleet.project.run(&["plan", "web", "--revision", "v2", "--output", "json"]).expect(0).json();
    let names = |stage: usize| -> Vec<String> {
        let hosts = plan["stages"][stage]["hosts"].as_array().expect("hosts");
        hosts.iter().map(|host| host["name"].as_str().expect("a name").to_owned()).collect()
    };
    let (first, second) = (names(0), names(1));
    site.break_tests_of(&second[2]);

    let told = site.deploy(&[]).expect(8);
    told.says("part test: exit status 4").says("3 of 80 tests failed");
    for name in &first {
        assert_eq!(site.ran(name), ["fetch", "test", "restart"], "{name} is of the stage before");
    }
    for name in &second {
        assert!(!site.ran(name).contains(&"restart".to_owned()), "{name} has restarted");
    }
    let hosts = site.hosts();
    let result = |name: &str| hosts.iter().find(|host| host["name"] == name).expect("a host");
    let broken = result(&second[2]);
    assert_eq!((&broken["exit_status"], &broken["parts"][1]["outcome"]), (&json!(4), &json!("failed")));
    assert_eq!((&broken["stderr_tail"], &broken["stdout_tail"]), (&json!("3 of 80 tests failed"), &json!("")));
    assert_eq!(broken["parts"][2]["outcome"], "not-started");
    for name in second.iter().filter(|name| site.ran(name).len() == 2 && **name != second[2]) {
        let waited = result(name);
        let message = waited["message"].as_str().expect("a message");
        assert_eq!(
            (message, &waited["cause"]),
            ("ended at the barrier behind part test", &json!("barrier")),
            "{waited:#}"
        );
        assert_eq!(waited["killed"], "confirmed", "{waited:#}");
    }
}

#[test]
fn inside_the_budget_the_others_go_on_without_the_one_that_failed() {
    let site = Site::start(3, "max_failures = 1\n");
    site.break_tests_of("h1");
    site.deploy(&[]).expect(7);
    let ran = ["h0", "h1", "h2"].map(|name| site.ran(name).len());
    assert_eq!(ran, [3, 2, 3]);
}

#[test]
fn whoever_interrupts_at_a_barrier_leaves_nothing_behind() {
    let site = Site::start(3, "");
    // One of the hosts never reaches the barrier by itself.
    let config = fs::read_to_string(site.fleet.project.path("fleetwide.toml")).expect("the file");
    let config = config
        .replace("cd \"$DONE\" || exit\n", "cd \"$DONE\" || exit\n[ $FLEETWIDE_HOST_NAME != h2 ] || sleep 1000\n");
    site.fleet.project.write("fleetwide.toml", &config);
    let mut running = site.fleet.project.start(&["deploy", "web", "--revision", "v2", "--report", "report.json"]);
    running.await_events("host-held", 2);
    running.signal("INT");
    running.finish().expect(130);
    for host in site.hosts() {
        let name = host["name"].as_str().expect("a name");
        assert_eq!((&host["outcome"], &host["killed"]), (&json!("failed"), &json!("confirmed")), "{host:#}");
        let place = if name == "h2" { "part test: cancelled" } else { "ended at the barrier behind part test" };
        assert!(host["message"].as_str().is_some_and(|message| message.starts_with(place)), "{host:#}");
    }
}

#[test]
fn hosts_are_taken_back_by_their_parts_and_wait_for_no_one() {
    let site = Site::start(2, "on_failure = \"rollback\"\nmax_failures = 1\nsteps = \"1, check gate, 100%\"\n");
    let config = fs::read_to_string(site.fleet.project.path("fleetwide.toml")).expect("the file");
    let config = format!("{config}[checks.gate]\ncommand = \"test $FLEETWIDE_REVISION != v2\"\nfailures = 1\n");
    site.fleet.project.write("fleetwide.toml", &config);
    site.fleet.project.run(&["deploy", "web", "--revision", "v1"]).expect(0);
    site.deploy(&[]).expect(9);
    let undone: Vec<_> = site.hosts().into_iter().filter(|host| !host["undo"].is_null()).collect();
    let [host] = &undone[..] else { panic!("one host was touched: {undone:?}") };
    assert_eq!((&host["undo"]["outcome"], &host["undo"]["revision"]), (&json!("undone"), &json!("v1")), "{host:#}");
    assert_eq!(site.ran(host["name"].as_str().expect("a name")).len(), 9, "deployed twice, rolled back once");
}

/// Once while one host waits for the other, and again after the barrier.
#[test]
fn hosts_that_are_lost_at_a_barrier_and_behind_it_go_on_together_and_run_each_part_once() {
    let site = Site::start(2, "");
    let config = fs::read_to_string(site.fleet.project.path("fleetwide.toml")).expect("the file");
    let until = |file: &str| format!("until [ -e \"$DONE/{file}\" ]; do sleep 0.1; done; ");
    let late = format!("[ $FLEETWIDE_HOST_NAME != h1 ] || {}\necho test >>", until("go-1"));
    let config = config.replace("echo test >>", &late).replace("echo restart >>", &(until("go-2") + "echo restart >>"));
    site.fleet.project.write("fleetwide.toml", &config);
    let mut running = site.fleet.project.start(&["deploy", "web", "--revision", "v2", "--report", "report.json"]);
    // The first host is at the barrier now, or nearly there.
    running.await_events("part-started", 4);
    site.fleet.cut_connections();
    running.await_events("host-reattached", 2);
    fs::write(site.done.join("go-1"), "").expect("a file");
    let mut restarts = 0;
    while restarts < 2 {
        let begun = running.await_events("part-started", 1);
        restarts += begun.iter().filter(|event| event["part"] == "restart").count();
    }
    site.fleet.cut_connections();
    running.await_events("host-reattached", 2);
    fs::write(site.done.join("go-2"), "").expect("a file");
    running.finish().expect(0);
    for host in site.hosts() {
        assert_eq!(site.ran(host["name"].as_str().expect("a name")), ["fetch", "test", "restart"]);
        assert_eq!((&host["reattached"], &host["attempts"]), (&json!(2), &json!(1)), "{host:#}");
    }
}

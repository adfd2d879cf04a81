//! Checks that query a real Prometheus: what it sees of the demo app decides a rollout, and every kind of answer is
//! reported.

use std::time::Duration;

use super::{
    demo_app::{DemoApp, Load, deployed, get},
    project::{Finished, eventually},
    prometheus::Prometheus,
    simulated_fleet::{SimulatedFleet, own_address, recorded},
};

const HOSTS: usize = 4;

/// As in the documentation: without errors, their series does not exist, and that must not count as "no data".
const ERRORS: &str = "sum(rate(http_requests_total{code=~\"5..\"}[10s])) or 0 * sum(rate(http_requests_total[10s]))";

/// A check with this name that fails at the second bad answer.
fn check(name: &str, prometheus: &Prometheus, query: &str) -> String {
    format!(
        "[checks.{name}]\npromql = '{query}'\nserver = \"http://{}\"\npass_if = \"< 5\"\n\
         interval = \"500ms\"\nfailures = 2\n",
        prometheus.address()
    )
}

/// Waits until the query has an answer with data.
fn await_data(prometheus: &Prometheus, query: &str) {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let answer = || get(prometheus.address(), &format!("/api/v1/query?query={query}"));
    let data = || answer().ok().filter(|answer| answer.contains("\"value\":")).map(drop);
    eventually(Duration::from_secs(30), data, || format!("{:?}", answer()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_serves_errors_is_caught_in_the_soak_and_taken_back() {
    let (app, port) = deployed();
    let steps = "steps = [ { hosts = 1 }, { soak = \"10s\", check = \"errors\" }, { hosts = \"100%\" } ]\n";
    let fleet =
        SimulatedFleet::of(HOSTS).start(&format!("{steps}on_failure = \"rollback\"\nslow_start = false\n{app}")).await;
    let app = DemoApp::of(&fleet, port);
    let addresses: Vec<_> = app.hosts().iter().map(|(_, address)| *address).collect();
    let prometheus = Prometheus::start(fleet.project.path("prometheus"), own_address(254), &addresses);
    let nothing = "sum(rate(http_requests_totals[10s]))";
    let checks = check("errors", &prometheus, ERRORS) + &check("nothing", &prometheus, nothing);
    let config = fleet.project.read("fleetwide.toml") + &checks;
    fleet.project.write("fleetwide.toml", &config);

    let deploy = |revision: &str, steps: Option<&str>| {
        let mut command = fleet.project.command(&["deploy", "web", "--revision", revision, "--report", "report.json"]);
        command.args(steps.iter().flat_map(|steps| ["--steps", *steps]));
        Finished::beside(command)
    };
    deploy("v1", Some("all-at-once")).await.expect(0);
    let load = Load::on(&addresses, 1);
    await_data(&prometheus, ERRORS);

    deploy("v2", None).await.expect(0);
    assert_eq!(app.served(), ["v2"; HOSTS]);

    // Its script succeeds everywhere.
    let told = deploy("broken-v3", None).await.expect(9);
    told.says("check errors: 2 times in a row, the last time: ").says("is not < 5");
    assert_eq!(app.served(), ["v2"; HOSTS]);
    let report = fleet.project.report("report.json");
    let hosts = report["hosts"].as_array().expect("hosts");
    let outcome = |host: &serde_json::Value| {
        (host["outcome"].as_str().map(str::to_owned), host["undo"]["outcome"].as_str().map(str::to_owned))
    };
    let outcomes: Vec<_> = hosts.iter().map(outcome).collect();
    let one = |outcome: &str, undo: Option<&str>| (Some(outcome.to_owned()), undo.map(str::to_owned));
    let expected = [one("succeeded", Some("undone")), one("skipped", None), one("skipped", None), one("skipped", None)];
    assert_eq!(outcomes, expected, "{report:#}");
    for host in fleet.hosts() {
        assert_eq!(recorded(host.home()).0.as_deref(), Some("v2"), "{}", host.name());
    }

    // Monitoring without data is not good news, unless the configuration says so.
    deploy("v4", Some("check nothing, 100%"))
        .await
        .expect(6)
        .says("check nothing: 2 times in a row, the last time: no data");
    let passing = format!("{config}no_data = \"pass\"\n");
    fleet.project.write("fleetwide.toml", &passing);
    deploy("v4", Some("check nothing, 100%")).await.expect(0);
    assert_eq!(app.served(), ["v4"; HOSTS]);
    let tally = load.finish();
    println!("{} requests answered well, {} not", tally.answered, tally.failures.len());
    drop(prometheus);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_the_soak_is_endured_and_an_end_is_not() {
    let fleet = SimulatedFleet::of(1).start("steps = [ { hosts = 1 }, { soak = \"15s\", check = \"up\" } ]\n").await;
    fleet.project.write("deploy.sh", "#!/bin/sh\nexit 0\n");
    let mut prometheus = Prometheus::start(fleet.project.path("prometheus"), own_address(254), &[]);
    let plain = fleet.project.read("fleetwide.toml");
    let check = check("up", &prometheus, "vector(1)").replace("500ms", "200ms");
    fleet.project.write("fleetwide.toml", &(plain.clone() + &check.replace("failures = 2", "failures = 1000")));

    let patient = ["deploy", "web", "--revision", "v1", "--report", "report.json"];
    tokio::task::block_in_place(|| {
        let mut running = fleet.project.start(&patient);
        running.await_events("check-sampled", 1);
        prometheus.stop();
        while running.await_events("check-sampled", 1)[0]["sample"]["verdict"] == "well" {}
        prometheus.resume();
        running.finish()
    })
    .expect(0);

    fleet.project.write("fleetwide.toml", &(plain + &check));
    let running = tokio::task::block_in_place(|| {
        let mut running = fleet.project.start(&["deploy", "web", "--revision", "v2"]);
        running.await_events("check-sampled", 1);
        prometheus.stop();
        running.finish()
    });
    let refused = format!("prometheus: {}: Connection refused", prometheus.address());
    running.expect(8).says(&format!("check up: 2 times in a row, the last time: {refused}"));
    fleet.shutdown().await;
}

/// Deploys to a fleet whose gate is a check with these keys. Expects these words from the check, or that it passes if
/// `words` is `None`.
async fn ask(fleet: &SimulatedFleet, plain: &str, keys: &str, words: Option<&str>) {
    let check = format!("[checks.it]\n{keys}\npass_if = \"< 5\"\nfailures = 1\n");
    fleet.project.write("fleetwide.toml", &format!("{plain}{check}"));
    let mut command = fleet.project.command(&["deploy", "web", "--revision", "v1", "--steps", "check it, 100%"]);
    // `ops:hunter2`.
    command.env("LOGIN", "Basic b3BzOmh1bnRlcjI=");
    let told = Finished::beside(command).await;
    assert!(!told.stderr.contains("b3BzOmh1"), "{}", told.stderr);
    match words {
        None => told.expect(0),
        Some(words) => told.expect(6).says(&format!("check it: {words}")),
    };
}

/// A fleet of one host, and a Prometheus that sees nothing.
async fn blind() -> (SimulatedFleet, String, Prometheus) {
    let fleet = SimulatedFleet::of(1).start("").await;
    fleet.project.write("deploy.sh", "#!/bin/sh\nexit 0\n");
    let prometheus = Prometheus::start(fleet.project.path("prometheus"), own_address(254), &[]);
    let plain = fleet.project.read("fleetwide.toml");
    (fleet, plain, prometheus)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_it_answers_is_told() {
    let (fleet, plain, prometheus) = blind().await;
    let server = format!("server = \"http://{}\"", prometheus.address());
    let several = r#"label_replace(vector(7), "zone", "b", "", "") or vector(1)"#;
    let unclosed = r#"prometheus: HTTP 400: invalid parameter "query": 1:5: parse error: unclosed left parenthesis"#;
    for (query, words) in [
        ("1 + 1", None),
        ("vector(2) or label_replace(vector(4), \"zone\", \"b\", \"\", \"\")", None),
        ("1 / 0", Some("inf is not < 5")),
        ("0 / 0", Some("NaN is not < 5 (0 divided by 0, where there is no traffic?)")),
        (several, Some("7 is not < 5: {zone=\"b\"}")),
        ("\"2\"", Some("prometheus: the query gives a text, and no number")),
        ("up[1m]", Some("prometheus: the query gives the values of a time, not of now")),
        ("sum(", Some(unclosed)),
    ] {
        ask(&fleet, &plain, &format!("promql = '{query}'\n{server}"), words).await;
    }
    let elsewhere = format!("promql = '1'\nserver = \"http://{}/prom\"", prometheus.address());
    let words = "prometheus: HTTP 404, and no answer of a Prometheus server: 404 page not found";
    ask(&fleet, &plain, &elsewhere, Some(words)).await;
    drop(prometheus);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_certificate_and_its_login_are_asked_for() {
    let (fleet, plain, mut prometheus) = blind().await;
    let address = prometheus.address();
    let (http, https) = (
        format!("promql = '1'\nserver = \"http://{address}\""),
        format!("promql = '1'\nserver = \"https://{address}\""),
    );
    let tls = format!("prometheus: {address}: it does not speak TLS: http:// rather than https://?");
    ask(&fleet, &plain, &https, Some(&tls)).await;

    prometheus.lock();
    let ca = format!("ca_file = \"{}\"", prometheus.authority().display());
    let login = "headers = { Authorization = { env = \"LOGIN\" } }";
    let wrong = "headers = { Authorization = \"Basic b3BzOm9wcw==\" }";
    let untrusted = format!("prometheus: {address}: its certificate is of an authority that is not trusted here");
    let refused = "prometheus: HTTP 401: it wants a login, or another one; see `headers`";
    for (keys, words) in [
        (format!("{https}\n{ca}\n{login}"), None),
        (format!("{https}\n{ca}"), Some(refused)),
        (format!("{https}\n{ca}\n{wrong}"), Some(refused)),
        (format!("{https}\n{login}"), Some(&*untrusted)),
        (
            http,
            Some("prometheus: HTTP 400, and no answer of a Prometheus server: Client sent an HTTP request to an HTTPS"),
        ),
    ] {
        ask(&fleet, &plain, &keys, words).await;
    }
    drop(prometheus);
    fleet.shutdown().await;
}

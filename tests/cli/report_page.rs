//! `report --html`: a page of a real run in a real browser, and the errors when there is no page to show.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use super::{browser::Browser, project::Project, simulated_fleet::SimulatedFleet};

/// The report of a run on two hosts, as a person could have written it.
fn report() -> Value {
    let host = |name: &str| {
        json!({
            "id": format!("static:{name}"), "name": name, "provider": "static", "region": "", "address": "10.0.0.7",
            "stage": "all", "outcome": "skipped", "exit_status": null, "signal": null, "cause": null, "message": null,
            "hint": null, "group": null, "killed": null, "previous_revision": null, "attempts": 0, "started": null,
            "duration_ms": null, "phases": { "connect_ms": null, "auth_ms": null, "script_ms": null },
            "stdout_tail": "", "stderr_tail": "", "log": null
        })
    };
    json!({
        "schema": 1, "run": "01JQZX0000000000000000TEST", "target": "web", "revision": "v1", "status": "refused",
        "exit_code": 6, "started": "2027-01-15T08:00:00Z", "finished": "2027-01-15T08:00:01Z", "max_failures": 0,
        "hosts": [host("web-1"), host("web-2")], "missing_scopes": [], "skipped_unaddressed": []
    })
}

fn with(report: &Value) -> Project {
    let project = Project::new();
    project.write("report.json", &report.to_string());
    project
}

/// One host of the second stage fails with text that would be a program elsewhere; then a check fails, and all hosts
/// are rolled back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_staged_run_that_was_taken_back_is_a_page_that_asks_nobody_and_fits_every_window() {
    let fleet = SimulatedFleet::of(12)
        .zones(6)
        .start(
            "steps = \"1, check up, 50%, check shop, 100%\"\non_failure = \"rollback\"\nmax_failures = 1\n\
         [checks.up]\nremote = \"true\"\n\
         [checks.shop]\ncommand = \"test ! -e down\"\ninterval = \"1s\"\nfailures = 2\n",
        )
        .await;
    let project = &fleet.project;
    project.write("deploy.sh", "#!/bin/sh\nexit 0\n");
    fleet.run(&["deploy", "web", "--revision", "v1", "--steps", "all-at-once", "--quiet"]).await.expect(0);
    let plan = fleet.run(&["plan", "web", "--revision", "v2", "--output", "json"]).await.expect(0).json();
    let broken = plan["stages"][1]["hosts"][0]["name"].as_str().expect("a name").to_owned();
    project.write(
        "deploy.sh",
        &format!(
            "#!/bin/sh\n[ \"$FLEETWIDE_REVISION\" = v2 ] || exit 0\n[ \"$FLEETWIDE_HOST_NAME\" = {broken} ] || exit 0\n\
             touch {}\nprintf '\\033[31m<script>alert(\"%s\")</script>\\n' \"$FLEETWIDE_HOST_NAME\" >&2\nexit 3\n",
            project.path("down").display()
        ),
    );
    let deploy = ["deploy", "web", "--revision", "v2", "--report", "report.json", "--html", "live.html"];
    fleet.run(&deploy).await.expect(9);
    project.run(&["report", "report.json", "--html", "page.html"]).expect(0).says("wrote page.html");
    let page = project.read("page.html");
    assert_eq!(page, project.read("live.html"), "the page of the run, and that of its report");

    let mut browser = Browser::start();
    for (width, scheme) in [(400, "light"), (1_400, "dark")] {
        let mut opened = browser.open(&project.path("page.html"), width, scheme);
        assert_eq!(opened.requests.len(), 1, "nothing but itself: {:#?}", opened.requests);
        assert!(opened.complaints.is_empty(), "{:#?}", opened.complaints);
        assert_eq!((opened.overhang(), opened.outside()), (0, json!([])), "at {width} pixels");
        let text = opened.value("document.body.innerText").as_str().expect("text").to_owned();
        for words in [
            "0 of 12 hosts of web are at v2: every touched host was rolled back",
            "Stopped: a check failed",
            &format!("{broken} failed: exit status 3"),
            &format!("<script>alert(\"{broken}\")</script>"),
            "Check shop: failed",
            "Taking back begins",
            "Stages and pauses",
        ] {
            assert!(text.contains(words), "no {words:?} in\n{text}");
        }
        let drawn = opened.value(
            "[document.querySelectorAll('#timeline rect.undo').length - 1, \
              document.querySelectorAll('#checks circle.good').length > 0, \
              document.querySelectorAll('#checks svg text.bad').length, \
              document.querySelectorAll('table.hosts tbody tr').length, document.scripts.length]",
        );
        assert_eq!(drawn, json!([6, true, 2, 12, 0]), "six hosts rolled back, two bad answers, twelve hosts");
    }
    fleet.shutdown().await;
}

/// Shows that the test above can fail.
#[test]
fn the_browser_sees_what_is_wrong_with_a_page() {
    let project = Project::new();
    let wrong =
        "<!DOCTYPE html><img src=\"missing.png\"><script>console.error('no')</script><p style=\"width: 900px\">wide";
    let mut browser = Browser::start();
    let mut opened = browser.open(&project.write("wrong.html", wrong), 400, "light");
    assert_eq!(opened.requests.len(), 2, "{:#?}", opened.requests);
    assert!(opened.complaints.iter().any(|it| it["method"] == "Runtime.consoleAPICalled"), "{:#?}", opened.complaints);
    assert!(opened.overhang() >= 500);
    assert_eq!(opened.outside().as_array().map(Vec::len), Some(1));
}

#[test]
fn a_page_takes_the_place_of_the_one_that_was_there() {
    let project = with(&report());
    project.write("real.html", "old");
    symlink("real.html", project.path("page.html")).expect("a link");
    project.run(&["report", "report.json", "--html", "page.html", "--quiet"]).expect(0);
    assert!(fs::symlink_metadata(project.path("page.html")).expect("there").is_symlink());
    let page = project.read("real.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");
    let printed = project.run(&["report", "report.json", "--html", "-"]).expect(0);
    assert_eq!((printed.stdout, printed.stderr.as_str()), (page, ""));
}

#[test]
fn what_is_no_report_is_told_and_nothing_is_written() {
    let project = with(&report());
    let refused = |arguments: &[&str]| project.run(&[&["report"], arguments].concat()).expect(2);
    project.write("page.html", "old");
    project.write("other.json", "{\"hosts\": []}");
    project.write("newer.json", "{\"schema\": 2, \"hosts\": \"elsewhere\"}");
    for (file, words) in [
        ("missing.json", "cannot read the report missing.json"),
        ("other.json", "missing field `schema`"),
        ("page.html", "page.html is no report that this program can read"),
        ("newer.json", "it has schema 2, not 1\nhint: a newer fleetwide wrote it"),
    ] {
        refused(&[file, "--html", "page.html"]).says(words).says("hint: ");
    }
    assert_eq!(project.read("page.html"), "old");
    refused(&["report.json", "--html", "report.json"]).says("the page would take the place of the report report.json");
    refused(&["report.json", "--html", "missing/page.html"]).says("cannot write the page missing/page.html");
    refused(&["report.json", "--html", "/dev/null"]).says("it exists and is not a file");
    refused(&["report.json", "--html", "page.html", "--output", "json"]).says("this verb cannot print");
    assert_eq!(serde_json::from_str::<Value>(&project.read("report.json")).expect("JSON"), report());
}

#[test]
fn the_files_of_a_run_are_apart() {
    let project = Project::new();
    let same = ["run", "--host", "127.0.0.1", "--junit", "a.xml", "--html", "a.xml", "--", "true"];
    project.run(&same).expect(2).says("--junit and --html name the same file");
    // The same by other paths. The file does not exist yet.
    let folder = project.path("");
    let link = |name: &str, target: &str| std::os::unix::fs::symlink(target, project.path(name)).expect("a link");
    link("link", "a");
    link("here", ".");
    let whole = folder.join("a").to_str().expect("text").to_owned();
    for other in ["./a", "link", "here/a", "here/link", &whole] {
        let same = ["run", "--host", "127.0.0.1", "--report", "a", "--html", other, "--", "true"];
        project.run(&same).expect(2).says("--report and --html name the same file");
    }
    link("round", "round");
    let never = ["run", "--host", "127.0.0.1", "--report", "round", "--html", "missing/a", "--", "true"];
    assert_ne!(project.run(&never).code, Some(0), "and a link that leads round and round ends");
}

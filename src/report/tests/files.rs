//! The record and the logs on disk.

use std::fs;

use super::*;
use crate::{
    report::{Gaps, Record, ReportError, Status, files::rollout_record::RolloutRecord},
    rollout::{Sample, Verdict},
};

fn read(path: &std::path::Path) -> Record {
    serde_json::from_slice(&fs::read(path).expect("there")).expect("a whole record")
}

#[test]
fn the_record_is_there_before_the_first_host_and_true_at_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("report.json");
    let (_, _, builder) = capture(Screen::PLAIN);
    let reporter = builder.report(path.clone()).log_dir(dir.path().join("logs")).build();
    let plan = plan(8);
    let run = reporter.start(&plan, Gaps::default()).expect("writable");

    let before = read(&path);
    assert_eq!((before.status, before.exit_code, before.hosts.len()), (Status::Running, None, 8));
    assert!(before.hosts.iter().all(|host| host.outcome.is_none() && host.started.is_none()));

    tell_all_outcomes(&run, &plan);
    let after = read(&path);
    assert_eq!(after, run.record());
    assert_eq!((after.status, after.exit_code), (Status::Failed, Some(8)));
    assert_eq!(after.hosts[3].log, None, "nothing was started there");
    let log = after.hosts[0].log.clone().expect("it was started");
    assert!(log.ends_with("/01JQZX0000000000000000TEST/web-1--gcp_4000000000000000001.log"), "{log}");
    assert!(fs::metadata(log).expect("there").is_file());
    let left: Vec<_> = fs::read_dir(dir.path()).expect("there").map(|entry| entry.expect("read").file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_records_json_is_a_promise() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("report.json");
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(1);
    let run = builder.report(path.clone()).build().start(&plan, Gaps::default()).expect("writable");
    let mut telling = Telling::of(&run, &plan);
    telling.whole(&failed(&ids(&plan)[0], 3, "\x1b[31mno\n"));
    telling.finish(None);
    insta::assert_snapshot!(fs::read_to_string(path).expect("there"), @r#"
    {
      "schema": 1,
      "run": "01JQZX0000000000000000TEST",
      "target": "web",
      "revision": "4f2a91c",
      "command": null,
      "rollback": null,
      "narrowed_from": null,
      "status": "failed",
      "exit_code": 8,
      "started": "2027-01-15T08:00:01Z",
      "finished": "2027-01-15T08:00:05Z",
      "max_failures": 0,
      "stopped_by": null,
      "stopped_at": null,
      "hosts": [
        {
          "id": "gcp:4000000000000000001",
          "name": "web-1",
          "provider": "gcp",
          "region": "europe-west1",
          "address": "10.0.0.1",
          "stage": "all",
          "outcome": "failed",
          "exit_status": 3,
          "signal": null,
          "cause": "script",
          "message": null,
          "hint": null,
          "group": 4242,
          "killed": null,
          "previous_revision": null,
          "attempts": 1,
          "reattached": 0,
          "started": "2027-01-15T08:00:01Z",
          "duration_ms": 12300,
          "phases": {
            "connect_ms": 85,
            "auth_ms": 20,
            "script_ms": 12000
          },
          "parts": [],
          "stdout_tail": "fetching 4f2a91c\nunpacking",
          "stderr_tail": "\u001b[31mno\n",
          "log": null,
          "undo": null
        }
      ],
      "rollout": {
        "stages": [
          {
            "name": "all",
            "hosts": 1,
            "started": null
          }
        ],
        "pauses": [],
        "samples": [],
        "checks": [],
        "hooks": [],
        "sightings": [],
        "undo_started": null
      },
      "missing_scopes": [],
      "skipped_unaddressed": []
    }
    "#);
}

#[test]
fn a_run_that_dies_leaves_what_it_knew() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("report.json");
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(3);
    let ids = ids(&plan);
    let run = builder.report(path.clone()).build().start(&plan, Gaps::default()).expect("writable");
    let mut telling = Telling::of(&run, &plan);
    telling.whole(&succeeded(&ids[0]));
    telling.begin(&ids[1]);
    drop(run);
    let record = read(&path);
    assert_eq!((record.status, record.finished), (Status::Running, None));
    assert_eq!(record.hosts[0].outcome, Some(Outcome::Succeeded));
    assert!(record.hosts[1].may_still_run() && record.hosts[1].group == Some(4242));
    assert!(record.hosts[2].started.is_none() && !record.hosts[2].may_still_run());
}

#[test]
fn a_host_that_was_gone_and_came_back_waits_again_in_the_stage_that_it_joins() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("report.json");
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(1);
    let id = &ids(&plan)[0];
    let run = builder.report(path.clone()).build().start(&plan, Gaps::default()).expect("writable");
    let mut telling = Telling::of(&run, &plan);
    let message = Some("it is not among the target's hosts any more".to_owned());
    telling.end(&HostResult { message, ..result(id, Outcome::Gone) });
    telling.event(EventKind::HostReturned { host: id, stage: "100%" });
    drop(run);
    let host = &read(&path).hosts[0];
    assert_eq!((host.outcome, host.stage.as_str(), host.message.as_deref()), (None, "100%", None));
}

#[test]
fn it_is_on_disk_soon_without_being_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("report.json");
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(1);
    let run = builder.report(path.clone()).build().start(&plan, Gaps::default()).expect("writable");
    let mut telling = Telling::of(&run, &plan);
    telling.begin(&ids(&plan)[0]);
    telling.event(EventKind::Stopping { reason: StopReason::Cancel(Cancel::Interrupt), running: 1 });
    // Ends as soon as the saver's thread has saved; never, if the thread does not save by itself.
    while read(&path).hosts[0].group.is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run_before_it_begins() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = |path: &std::path::Path| {
        let (_, _, builder) = capture(Screen::PLAIN);
        builder.report(path.to_owned()).build().start(&plan(1), Gaps::default())
    };
    for bad in [dir.path().join("missing/report.json"), dir.path().to_owned(), "/dev/null".into()] {
        let error = start(&bad).expect_err("cannot be");
        assert!(matches!(&error, ReportError::Record { path, .. } if *path == bad), "{error}");
    }
    assert!(!fs::metadata("/dev/null").expect("still there").is_file());
}

#[test]
fn a_link_to_the_report_stays_a_link() {
    let dir = tempfile::tempdir().expect("a folder");
    let (real, link) = (dir.path().join("real.json"), dir.path().join("link.json"));
    fs::write(&real, "old").expect("writable");
    std::os::unix::fs::symlink(&real, &link).expect("writable");
    let (_, _, builder) = capture(Screen::PLAIN);
    drop(builder.report(link.clone()).build().start(&plan(1), Gaps::default()).expect("writable"));
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(read(&real).status, Status::Running);
}

#[test]
fn a_new_report_goes_by_the_umask_and_one_that_is_there_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().expect("a folder");
    let [report, junit, html] = ["report.json", "junit.xml", "report.html"].map(|name| dir.path().join(name));
    for (path, mode) in [(&junit, 0o644), (&html, 0o400)] {
        fs::write(path, "old").expect("writable");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }
    let (_, _, builder) = capture(Screen::PLAIN);
    let builder = builder.report(report.clone()).junit(junit.clone()).html(html.clone());
    let plan = plan(1);
    let run = builder.build().start(&plan, Gaps::default()).expect("writable");
    let modes = || [&report, &junit, &html].map(|path| fs::metadata(path).expect("there").permissions().mode() & 0o777);
    fs::write(dir.path().join("plain"), "").expect("writable");
    let usual = fs::metadata(dir.path().join("plain")).expect("there").permissions().mode() & 0o777;
    assert_eq!(modes(), [usual, 0o644, 0o400]);
    fs::set_permissions(&report, fs::Permissions::from_mode(0o640)).expect("ours");
    Telling::of(&run, &plan).finish(None);
    assert_eq!(modes(), [0o640, 0o644, 0o400]);
}

/// Keeping every answer of an hour of checks would fill the memory, and saving them would take longer than the hour.
#[test]
fn of_many_answers_of_checks_all_are_counted_and_a_part_is_kept() {
    let (_, _, builder) = capture(Screen::PLAIN);
    let mut plan = plan(2);
    let (second, one) = (Duration::from_secs(1), std::num::NonZeroU32::MIN);
    let probe = crate::config::Probe::Command { line: "true".into() };
    let check =
        crate::config::Check { probe, interval: second, timeout: second, deadline: second, passes: one, failures: one };
    let name: crate::config::Label = "up".parse().expect("a name");
    plan.checks.insert(name.clone(), check);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    let ids = ids(&plan);
    for n in 0..1500 {
        for id in &ids {
            let verdict = if n == 700 { Verdict::Unwell } else { Verdict::Well };
            let sample = Sample { verdict, value: None, text: n.to_string() };
            let (host, at, elapsed) = (Some(id), at(n), Duration::ZERO);
            telling.event(EventKind::CheckSampled { check: &name, host, sample: &sample, at, elapsed });
        }
    }
    let RolloutRecord { samples, checks, .. } = run.record().rollout;
    let kept: Vec<_> = samples.iter().map(|sample| &*sample.text).collect();
    assert!((512..=1024).contains(&kept.len()), "{}", kept.len());
    assert_eq!((checks[0].answers, checks[0].bad, checks[0].left_out), (3000, 2, 3000 - kept.len()));
    for text in ["0", "699", "700", "701", "1499"] {
        assert_eq!(kept.iter().filter(|kept| **kept == text).count(), 2, "{text}: {kept:?}");
    }
    assert!(samples.iter().is_sorted_by_key(|sample| sample.at), "they are in order");
}

#[test]
fn logs_are_raw_and_each_in_a_file_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut one, mut two) = (host(3), host(6));
    one.instance.name = "../../web\x1b".to_owned();
    two.instance.name = "../../web*".to_owned();
    // Two ids that become the same harmless letters.
    let aws = ProviderName::new("aws");
    one.id = HostId::new(&aws, &InstanceId::new("i/1"));
    two.id = HostId::new(&aws, &InstanceId::new("i:1"));
    let plan = plan_for(vec![one, two]);
    let ids = ids(&plan);
    let (_, _, builder) = capture(Screen::PLAIN);
    let run = builder.log_dir(dir.path().to_owned()).build().start(&plan, Gaps::default()).expect("writable");
    let mut telling = Telling::of(&run, &plan);
    for id in &ids {
        telling.begin(id);
    }
    telling.output(&ids[0], Stream::Stdout, b"\xff\x1b[31mout ");
    telling.output(&ids[1], Stream::Stdout, b"other\r\n");
    telling.output(&ids[0], Stream::Stderr, b"err");
    for id in &ids {
        telling.end(&succeeded(id));
    }
    telling.finish(None);

    let logs: Vec<_> = run.record().hosts.iter().map(|host| host.log.clone().expect("started")).collect();
    let names: Vec<_> = logs.iter().map(|log| log.rsplit('/').next().expect("a name")).collect();
    assert_eq!(names, ["_._.._web_--aws_i_1.log", "_._.._web_--aws_i_1-2.log"]);
    assert_eq!(fs::read(&logs[0]).expect("there"), b"\xff\x1b[31mout err");
    assert_eq!(fs::read(&logs[1]).expect("there"), b"other\r\n");
}

/// Hosts that join a run's last stage late.
pub(super) fn joined(hosts: &[usize]) -> Vec<(Arc<Host>, Arc<str>)> {
    hosts.iter().map(|n| (Arc::new(host(*n)), Arc::from("all"))).collect()
}

#[test]
fn logs_have_what_a_late_host_prints_and_what_takes_a_host_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = plan(2);
    let (_, _, builder) = capture(Screen::PLAIN);
    let run = builder.log_dir(dir.path().to_owned()).build().start(&plan, Gaps::default()).expect("writable");
    let mut telling = Telling::of(&run, &plan);
    let late = joined(&[9]);
    let mut ids = ids(&plan);
    ids.push(late[0].0.id.clone());
    telling.event(EventKind::FleetSighted { joined: &late, gone: &[] });
    for id in &ids {
        telling.begin(id);
        telling.output(id, Stream::Stdout, format!("deploys {id}\n").as_bytes());
        telling.end(&succeeded(id));
    }
    // Its check fails: the host ends again, having printed nothing more.
    telling.end(&failed(&ids[0], 0, ""));
    telling.event(EventKind::UndoStarted { hosts: 3 });
    for id in &ids {
        telling.begin(id);
    }
    telling.output(&ids[0], Stream::Stderr, b"takes back");
    telling.output(&ids[2], Stream::Stdout, b"takes back, too\n");
    for id in &ids {
        telling.event(EventKind::HostUndone { result: &taken_back(succeeded(id), UndoOutcome::Undone, succeeded(id)) });
    }
    telling.event(EventKind::RunFinished { status: RunStatus::RolledBack, summary: Summary::default() });

    let read = |path: &Option<String>| fs::read_to_string(path.as_deref().expect("a log")).expect("there");
    for (host, back) in run.record().hosts.iter().zip(["takes back", "", "takes back, too\n"]) {
        let undo = host.undo.as_ref().expect("rolled back");
        assert_eq!((read(&host.log), read(&undo.log)), (format!("deploys {}\n", host.id), back.to_owned()));
        let [own, undo] = [&host.log, &undo.log].map(|path| path.clone().expect("a log"));
        assert_eq!(undo, own.replace(".log", ".undo.log"));
    }
}

#[test]
fn a_folder_or_file_that_is_there_already_is_never_used() {
    let dir = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let plan = plan(1);
    let folder = dir.path().join(plan.run.to_string());
    std::os::unix::fs::symlink(elsewhere.path(), &folder).expect("writable");
    let (_, err, builder) = capture(Screen::PLAIN);
    let reporter = builder.log_dir(dir.path().to_owned()).build();
    assert!(matches!(reporter.start(&plan, Gaps::default()), Err(ReportError::LogDir { .. })));

    fs::remove_file(&folder).expect("ours");
    let run = reporter.start(&plan, Gaps::default()).expect("free now");
    let trap = elsewhere.path().join("target");
    std::os::unix::fs::symlink(&trap, folder.join("web-1--gcp_4000000000000000001.log")).expect("writable");
    let mut telling = Telling::of(&run, &plan);
    telling.begin(&ids(&plan)[0]);
    telling.output(&ids(&plan)[0], Stream::Stdout, b"secret");
    telling.end(&succeeded(&ids(&plan)[0]));
    telling.finish(None);
    assert!(!trap.exists());
    assert_eq!(run.record().hosts[0].log, None);
    assert_eq!(err.text().matches("warning: cannot write").count(), 1, "{}", err.text());
}

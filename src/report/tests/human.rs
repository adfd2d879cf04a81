//! Screens for people.

use super::*;
use crate::report::{Detail, Format, Gaps};
use provider_core::{Progress as _, Scope, Step};

/// Runs eight hosts with every outcome and gives both streams.
pub(super) fn all_outcomes(screen: Screen, detail: Detail) -> (String, String) {
    let (out, err, builder) = capture(screen);
    let reporter = builder.detail(detail).rerun(rerun("fleetwide deploy web --revision 4f2a91c")).build();
    let plan = plan(8);
    let run = reporter.start(&plan, Gaps::default()).expect("no files");
    tell_all_outcomes(&run, &plan);
    (out.text(), err.text())
}

#[test]
fn every_outcome_at_80_columns() {
    let (out, err) = all_outcomes(terminal(80), Detail::Normal);
    insta::assert_snapshot!(err, @r"
    Deploy 4f2a91c to web: 8 hosts (aws 2, azure 3, gcp 3)
      10 at once · no failure allowed · run 01JQZX0000000000000000TEST
    ✓ web-1 succeeded in 12s
    ✗ web-2 failed after 12s: exit status 3
    stopping (too many failures): no new host is started, letting 4 scripts finish
    ✗ web-3 failed after 12s: killed by SIGKILL: it ran longer than 10m
    ✗ web-4 unreachable after 3 attempts in 12s: connection refused: connect to host
      10.0.0.4 port 22
    ✗ web-5 unknown after 12s: contact was lost while the script ran
    ✗ web-6 failed after 12s: exit status 3
    ");
    insta::assert_snapshot!(out, @r"

      succeeded   1
      failed      3
      unreachable 1
      unknown     1
      skipped     2

      HOST   OUTCOME      TRIES  TIME  WHY
      web-2  failed           1   12s  exit status 3
      web-3  failed           1   12s  killed by SIGKILL: it ran longer than 10m
      web-4  unreachable      3   12s  connection refused: connect to host 10.0.0.4…
      web-5  unknown          1   12s  contact was lost while the script ran
      web-6  failed           1   12s  exit status 3

    ✗ web-2 failed after 12s: exit status 3
      azure:7f6e9a52-1111-4222-8333-000000000002 · 10.0.0.2 · westeurope
      stderr │ npm ERR! code ENOSPC
             │ npm ERR! no space left on device
      stdout │ fetching 4f2a91c
             │ unpacking
      also:  1 other host in the same way: web-6

    ✗ web-3 failed after 12s: killed by SIGKILL: it ran longer than 10m
      aws:i-0000000000000003 · 10.0.0.3 · eu-west-1
      output: none

    ✗ web-4 unreachable after 3 attempts in 12s: connection refused: connect to host
      10.0.0.4 port 22
      gcp:4000000000000000004 · 10.0.0.4 · europe-west1
      hint:  is sshd running, and does the firewall let this machine in?

    ✗ web-5 unknown after 12s: contact was lost while the script ran
      azure:7f6e9a52-1111-4222-8333-000000000005 · 10.0.0.5 · westeurope
      stderr │ restarting

    warning: on 1 host the script may still be running
      web-5 (10.0.0.5, process group 31337)

    ✗ failed (exit code 8): 1 of 8 hosts of web is at 4f2a91c: the fleet is mixed
      5 failures, none allowed · 2 hosts not touched · 21s
      run 01JQZX0000000000000000TEST
    next: fleetwide deploy web --revision 4f2a91c  # runs it again, on every host
    ");
}

#[test]
fn what_was_not_taken_back_is_told_in_full() {
    let (out, _, builder) = capture(terminal(100));
    let plan = plan(6);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    tell_checks_hooks_and_undos(&run, &plan);
    insta::assert_snapshot!(out.text(), @"

      succeeded   0
      failed      3
      unreachable 1

      3 undone, 1 undo-failed, 1 undo-unknown

      HOST   OUTCOME       TRIES  TIME  WHY
      web-1  undo-failed       1   12s  not back at v1: exit status 7
      web-2  undone            1   12s  back at v1 (failed: check health: 3 times in a row, the last ti…
      web-3  undo-unknown      1   12s  not back at v1: contact was lost while the script ran (failed: …
      web-4  undone            1   12s  back at v1 (failed: hook after_host: timed out after 60s)
      web-5  unreachable       0   12s  hook before_host: exit status 1: no such server
      web-6  undone            1   12s  back at v1

    ✗ web-1 undo-failed after 12s: not back at v1: exit status 7
      gcp:4000000000000000001 · 10.0.0.1 · europe-west1
      stdout │ deployed
      undo   │ disk full

    ✗ web-2 failed after 12s: check health: 3 times in a row, the last time: HTTP 503
      azure:7f6e9a52-1111-4222-8333-000000000002 · 10.0.0.2 · westeurope
      stdout │ deployed

    ✗ web-3 undo-unknown after 12s: not back at v1: contact was lost while the script ran (failed: check
      health: connection refused)
      aws:i-0000000000000003 · 10.0.0.3 · eu-west-1
      stdout │ deployed
      undo   │ restarting

    ✗ web-4 failed after 12s: hook after_host: timed out after 60s
      gcp:4000000000000000004 · 10.0.0.4 · europe-west1
      stdout │ deployed

    ✗ web-5 unreachable after 12s: hook before_host: exit status 1: no such server
      azure:7f6e9a52-1111-4222-8333-000000000005 · 10.0.0.5 · westeurope

    ✗ failed (exit code 8): 0 of 6 hosts of web are at 4f2a91c: the fleet is mixed
      check errors: 7 is not < 5
      4 failures, none allowed · 27s · run 01JQZX0000000000000000TEST
    ");
}

#[test]
fn every_outcome_at_200_columns() {
    let (out, _) = all_outcomes(terminal(200), Detail::Normal);
    insta::assert_snapshot!(out, @r"

      succeeded   1
      failed      3
      unreachable 1
      unknown     1
      skipped     2

      HOST   OUTCOME      TRIES  TIME  WHY
      web-2  failed           1   12s  exit status 3
      web-3  failed           1   12s  killed by SIGKILL: it ran longer than 10m
      web-4  unreachable      3   12s  connection refused: connect to host 10.0.0.4 port 22
      web-5  unknown          1   12s  contact was lost while the script ran
      web-6  failed           1   12s  exit status 3

    ✗ web-2 failed after 12s: exit status 3
      azure:7f6e9a52-1111-4222-8333-000000000002 · 10.0.0.2 · westeurope
      stderr │ npm ERR! code ENOSPC
             │ npm ERR! no space left on device
      stdout │ fetching 4f2a91c
             │ unpacking
      also:  1 other host in the same way: web-6

    ✗ web-3 failed after 12s: killed by SIGKILL: it ran longer than 10m
      aws:i-0000000000000003 · 10.0.0.3 · eu-west-1
      output: none

    ✗ web-4 unreachable after 3 attempts in 12s: connection refused: connect to host 10.0.0.4 port 22
      gcp:4000000000000000004 · 10.0.0.4 · europe-west1
      hint:  is sshd running, and does the firewall let this machine in?

    ✗ web-5 unknown after 12s: contact was lost while the script ran
      azure:7f6e9a52-1111-4222-8333-000000000005 · 10.0.0.5 · westeurope
      stderr │ restarting

    warning: on 1 host the script may still be running
      web-5 (10.0.0.5, process group 31337)

    ✗ failed (exit code 8): 1 of 8 hosts of web is at 4f2a91c: the fleet is mixed
      5 failures, none allowed · 2 hosts not touched · 21s · run 01JQZX0000000000000000TEST
    next: fleetwide deploy web --revision 4f2a91c  # runs it again, on every host
    ");
}

#[test]
fn a_pipe_is_cut_nowhere_and_coloured_nowhere() {
    let (out, err) = all_outcomes(Screen::PLAIN, Detail::Normal);
    assert_eq!(out, all_outcomes(terminal(200), Detail::Normal).0);
    assert!(!format!("{out}{err}").contains('\x1b'));
}

#[test]
fn without_unicode_all_is_ascii() {
    let (out, err) = all_outcomes(Screen { unicode: false, ..terminal(80) }, Detail::Verbose);
    assert!(out.is_ascii() && err.is_ascii(), "{err}{out}");
}

#[test]
fn quiet_is_failures_and_the_closing_line() {
    let (out, err) = all_outcomes(terminal(80), Detail::Quiet);
    assert!(!out.contains("OUTCOME") && out.contains("exit code 8") && out.contains("ENOSPC"), "{out}");
    assert!(err.lines().all(|line| line.starts_with("stopping")), "{err}");
    assert_eq!(out.matches("✗ web-2 failed").count(), 1, "{out}");
}

#[test]
fn colours_are_basic_and_end() {
    let (out, _) = all_outcomes(Screen { colour: true, ..terminal(80) }, Detail::Normal);
    let codes: std::collections::BTreeSet<&str> =
        out.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(code, _)| code).collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["0", "1", "2", "31", "32", "33"]);
    assert!(out.lines().all(|line| !line.contains("\x1b[") || line.rfind("\x1b[0m") == line.rfind("\x1b[")), "{out}");
}

#[test]
fn success_is_short() {
    let (out, err, builder) = capture(terminal(80));
    let plan = plan(3);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for id in &ids(&plan) {
        telling.whole(&succeeded(id));
    }
    telling.finish(None);
    insta::assert_snapshot!(format!("{}--\n{}", err.text(), out.text()), @r"
    Deploy 4f2a91c to web: 3 hosts (aws 1, azure 1, gcp 1)
      10 at once · no failure allowed · run 01JQZX0000000000000000TEST
    ✓ web-1 succeeded in 12s
    ✓ web-2 succeeded in 12s
    ✓ web-3 succeeded in 12s
    --
    ✓ succeeded: all 3 hosts of web are at 4f2a91c
      10s · run 01JQZX0000000000000000TEST
    ");
}

#[test]
fn hosts_that_a_stop_leaves_untouched_are_no_progress() {
    let (_, err, builder) = capture(terminal(80));
    let plan = plan(1000);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    let ids = ids(&plan);
    telling.whole(&failed(&ids[0], 1, "disk full\n"));
    telling.event(EventKind::Stopping { reason: StopReason::Budget, running: 0 });
    for id in &ids[1..] {
        telling.end(&HostResult::skipped(id.clone()));
    }
    telling.finish(Some(StopReason::Budget));
    let err = err.text();
    assert!(!err.contains("to go"), "{err}");
}

#[test]
fn an_interrupted_run_says_what_may_still_run() {
    let (out, err, builder) = capture(terminal(80));
    let plan = plan(4);
    let ids = ids(&plan);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    telling.begin(&ids[0]);
    telling.begin(&ids[1]);
    telling.event(EventKind::Stopping { reason: StopReason::Cancel(Cancel::Interrupt), running: 2 });
    for (id, killed) in [(&ids[0], Killed::Confirmed), (&ids[1], Killed::Unconfirmed)] {
        telling.end(&HostResult {
            signal: Some("TERM".to_owned()),
            failure: Some(FailureCause::Cancelled),
            message: Some("the run was cancelled".to_owned()),
            killed: Some(killed),
            group: Some(4242),
            ..result(id, Outcome::Failed)
        });
    }
    telling.finish(Some(StopReason::Cancel(Cancel::Interrupt)));
    insta::assert_snapshot!(format!("{}--\n{}", err.text(), out.text()), @r"
    Deploy 4f2a91c to web: 4 hosts (aws 1, azure 1, gcp 2)
      10 at once · no failure allowed · run 01JQZX0000000000000000TEST
    stopping (Ctrl-C): no new host is started, ending 2 scripts; Ctrl-C again kills at once
    ✗ web-1 failed after 12s: killed by SIGTERM: the run was cancelled
    ✗ web-2 failed after 12s: killed by SIGTERM: the run was cancelled
    --

      succeeded   0
      failed      2
      skipped     2

      HOST   OUTCOME  TRIES  TIME  WHY
      web-1  failed       1   12s  killed by SIGTERM: the run was cancelled
      web-2  failed       1   12s  killed by SIGTERM: the run was cancelled

    ✗ web-2 failed after 12s: killed by SIGTERM: the run was cancelled
      azure:7f6e9a52-1111-4222-8333-000000000002 · 10.0.0.2 · westeurope
      output: none

    warning: on 1 host the script may still be running
      web-2 (10.0.0.2, process group 4242)

    ✗ interrupted (exit code 130): 0 of 4 hosts of web are at 4f2a91c: the fleet is
      mixed
      2 failures, none allowed · 2 hosts not touched · 10s
      run 01JQZX0000000000000000TEST
    ");
}

#[test]
fn a_closed_standard_output_is_told_once_and_ends_nothing() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let err = Captured::default();
    let stdout = Destination { writer: Box::new(Closed), screen: Screen::PLAIN };
    let reporter = Reporter::builder(stdout, err.to(Screen::PLAIN)).clock(|| at(0)).build();
    let plan = plan(8);
    let run = reporter.start(&plan, Gaps::default()).expect("no files");
    tell_all_outcomes(&run, &plan);
    assert_eq!(err.text().matches("standard output was closed").count(), 1, "{}", err.text());
    assert_eq!(run.record().exit_code, Some(8));
}

#[test]
fn a_live_display_is_drawn_below_and_taken_away() {
    let (out, err, builder) = capture(Screen { live: true, ..terminal(80) });
    let reporter = builder.rerun(rerun("fleetwide deploy web --revision 4f2a91c")).build();
    let scope = Scope::new(&ProviderName::new("aws"), "eu-west-1");
    reporter.step(&scope, Step::Calling { operation: "DescribeInstances" });
    reporter.warn("careful");
    let plan = plan(8);
    let run = reporter.start(&plan, Gaps::default()).expect("no files");
    tell_all_outcomes(&run, &plan);
    let drawn = err.text();
    for part in ["finding hosts", "warning: careful\n", "found 0 instances", "━", "✗ web-2 failed"] {
        assert!(drawn.contains(part), "{part} is missing in {drawn:?}");
    }
    assert!(drawn.ends_with("\x1b[2A"), "the three lines are cleared: {drawn:?}");
    assert_eq!(out.text(), all_outcomes(terminal(80), Detail::Normal).0);
}

#[test]
fn the_last_screen_comes_after_the_live_display_has_gone() {
    for (format, detail) in [
        (Format::Human, Detail::Normal),
        (Format::Human, Detail::Verbose),
        (Format::Stream, Detail::Normal),
        (Format::Group, Detail::Normal),
    ] {
        let stream = Captured::default();
        let screen = Screen { live: true, ..terminal(80) };
        let builder = Reporter::builder(stream.to(screen), stream.to(screen)).clock(|| at(0));
        let plan = plan(8);
        let run = builder.format(format).detail(detail).build().start(&plan, Gaps::default()).expect("no files");
        tell_all_outcomes(&run, &plan);
        let drawn = stream.text();
        assert!(drawn.ends_with("21s\n  run 01JQZX0000000000000000TEST\n"), "{format:?}: {drawn:?}");
    }
}

/// How a host's end is told, at once and in the last screen.
pub(super) fn told_of(result: &HostResult, plan: &Plan) -> String {
    let (out, err, builder) = capture(terminal(100));
    let run = builder.rerun(rerun("fleetwide run web -- true")).build().start(plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, plan);
    telling.whole(result);
    telling.finish(None);
    format!("{}--\n{}", err.text(), out.text())
}

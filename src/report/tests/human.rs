//! Screens for people.

use super::*;
use crate::report::{Detail, Gaps};
use provider_core::{FailureKind, Progress as _, Scope, ScopeError, Step};

/// Runs eight hosts with every outcome and gives both streams.
fn all_outcomes(screen: Screen, detail: Detail) -> (String, String) {
    let (out, err, builder) = capture(screen);
    let reporter = builder.detail(detail).rerun("fleetwide deploy web --revision 4f2a91c".to_owned()).build();
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
      5 failures, none allowed · 2 hosts not touched · 21s · run 01JQZX0000000000000000TEST
    next: fleetwide deploy web --revision 4f2a91c  # runs it again, on every host
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
    assert!(err.lines().all(|line| line.starts_with(['✗', ' ']) || line.starts_with("stopping")), "{err}");
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
fn a_thousand_hosts_are_no_flood() {
    let (out, err, builder) = capture(terminal(80));
    let plan = plan(1000);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for (n, id) in ids(&plan).iter().enumerate() {
        match n % 100 {
            50 => telling.whole(&failed(id, 1, "disk full\n")),
            51 => telling.whole(&failed(id, 1, &format!("{n} is odd\n"))),
            _ => telling.whole(&succeeded(id)),
        }
    }
    telling.finish(None);
    let (out, err) = (out.text(), err.text());
    assert!(err.lines().count() <= 2 + 20 + 9, "a start, the failures, each tenth:\n{err}");
    assert!(out.contains("9 other hosts in the same way: "), "{out}");
    assert_eq!(out.matches("disk full").count(), 1, "{out}");
    assert!(out.contains("and 1 more host that failed in other ways"), "{out}");
    insta::assert_snapshot!(err.lines().filter(|line| !line.starts_with('✗')).take(5).collect::<Vec<_>>().join("\n"), @r"
    Deploy 4f2a91c to web: 1,000 hosts (aws 333, azure 333, gcp 334)
      10 at once · no failure allowed · run 01JQZX0000000000000000TEST
    5m 01s: 98 done · 2 failed · 900 to go
    10m 01s: 196 done · 4 failed · 800 to go
    15m 01s: 294 done · 6 failed · 700 to go
    ");
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
    telling.event(EventKind::Stopping { reason: StopReason::Interrupt, running: 2 });
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
    telling.finish(Some(StopReason::Interrupt));
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

    ✗ interrupted (exit code 130): 0 of 4 hosts of web are at 4f2a91c: the fleet is mixed
      2 failures, none allowed · 2 hosts not touched · 10s · run 01JQZX0000000000000000TEST
    ");
}

#[test]
fn output_is_shown_by_line_with_the_hosts_name() {
    let (out, err, builder) = capture(terminal(80));
    let plan = plan(2);
    let ids = ids(&plan);
    let run = builder.detail(Detail::Verbose).build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for id in &ids {
        telling.begin(id);
    }
    telling.output(&ids[0], Stream::Stdout, b"first ha");
    telling.output(&ids[1], Stream::Stdout, b"other\n 10%\r 20%");
    telling.output(&ids[0], Stream::Stderr, b"\x1b[31mwarn\x1b[0m\n");
    telling.output(&ids[0], Stream::Stdout, b"lf\nlast");
    for id in &ids {
        telling.end(&succeeded(id));
    }
    drop(run);
    let shown = out.text();
    insta::assert_snapshot!(shown, @r"
    web-2: other
    web-1: first half
    web-1: last
    web-2:  20%
    ");
    assert!(err.text().contains("web-1: warn\n"), "{}", err.text());
}

#[test]
fn an_ad_hoc_command_shows_its_output_unasked() {
    let (out, err, builder) = capture(terminal(80));
    let plan = Plan { work: Work::Command("uptime".to_owned()), ..plan(1) };
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let id = &ids(&plan)[0];
    let mut telling = Telling::of(&run, &plan);
    telling.begin(id);
    telling.output(id, Stream::Stdout, b"up 3 days\n");
    telling.end(&succeeded(id));
    telling.finish(None);
    insta::assert_snapshot!(format!("{}--\n{}", err.text(), out.text()), @r"
    Run `uptime` on web: 1 host (gcp 1)
      10 at once · no failure allowed · run 01JQZX0000000000000000TEST
    ✓ web-1 succeeded in 12s
    --
    web-1: up 3 days
    ✓ succeeded: exit status 0 on the only host of web
      5.0s · run 01JQZX0000000000000000TEST
    ");
}

/// Names, tags, messages and output with everything that a terminal obeys.
#[test]
fn nothing_foreign_reaches_the_terminal_raw() {
    const EVIL: &str = "\x1b]0;owned\x07\x1b[2J\u{9b}31mweb\u{202e}\r\n\u{200b}1";
    let mut evil = host(0);
    evil.instance.name = EVIL.to_owned();
    evil.instance.zone = EVIL.to_owned();
    evil.address.host = EVIL.to_owned();
    evil.instance.tags.insert(EVIL.to_owned(), EVIL.to_owned());
    let (out, err, builder) = capture(terminal(200));
    let plan = plan_for(vec![evil.clone()]);
    let reporter = builder.detail(Detail::Verbose).build();
    let missing = [ScopeError::new(Scope::new(&ProviderName::new("aws"), EVIL), FailureKind::Service, EVIL)];
    let gaps = Gaps { missing_scopes: &missing, unaddressed: std::slice::from_ref(&evil.instance) };
    reporter.step(&missing[0].scope, Step::Retrying { reason: EVIL, wait: Duration::ZERO });
    reporter.show_hosts(&[Arc::new(evil.clone())], gaps);
    reporter.show_plan(&plan, gaps);
    let run = reporter.start(&plan, gaps).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    telling.begin(&evil.id);
    telling.event(EventKind::HostRetrying { host: &evil.id, attempt: 2, message: EVIL, wait: Duration::ZERO });
    telling.output(&evil.id, Stream::Stdout, EVIL.as_bytes());
    telling.end(&HostResult {
        message: Some(EVIL.to_owned()),
        hint: Some(EVIL.to_owned()),
        signal: Some(EVIL.to_owned()),
        exit_status: None,
        ..failed(&evil.id, 1, EVIL)
    });
    telling.finish(None);
    for text in [out.text(), err.text()] {
        assert!(text.contains("web"), "{text}");
        let bad = |c: char| c.is_control() && c != '\n' || crate::report::neutral::is_bidi_control(c);
        assert!(!text.contains(bad), "{:?}", text.lines().find(|line| line.contains(bad)));
        assert!(!text.contains("owned"), "{text}");
    }
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
fn the_hosts_table_fits() {
    let hosts: Vec<Arc<Host>> = (1..=4).map(|n| Arc::new(host(n))).collect();
    let shown = |screen| {
        let (out, _, builder) = capture(screen);
        builder.build().show_hosts(&hosts, Gaps::default());
        out.text()
    };
    insta::assert_snapshot!(shown(terminal(80)), @r"
    NAME   ID                          ZONE            ADDRESS          TAGS
    web-1  gcp:4000000000000000001     europe-west1-b  deploy@10.0.0.1  env=prod ro…
    web-2  azure:7f6e9a…-000000000002  westeurope      deploy@10.0.0.2  env=prod ro…
    web-3  aws:i-0000000000000003      eu-west-1a      deploy@10.0.0.3  env=prod ro…
    web-4  gcp:4000000000000000004     europe-west1-b  deploy@10.0.0.4  env=prod ro…
    4 hosts: aws 1, azure 1, gcp 2
    ");
    insta::assert_snapshot!(shown(terminal(200)), @r"
    NAME   ID                                          ZONE            ADDRESS          TAGS
    web-1  gcp:4000000000000000001                     europe-west1-b  deploy@10.0.0.1  env=prod role=web
    web-2  azure:7f6e9a52-1111-4222-8333-000000000002  westeurope      deploy@10.0.0.2  env=prod role=web
    web-3  aws:i-0000000000000003                      eu-west-1a      deploy@10.0.0.3  env=prod role=web
    web-4  gcp:4000000000000000004                     europe-west1-b  deploy@10.0.0.4  env=prod role=web
    4 hosts: aws 1, azure 1, gcp 2
    ");
    assert_eq!(shown(Screen::PLAIN), shown(terminal(200)));
}

#[test]
fn gaps_are_told_loudly() {
    let missing =
        [ScopeError::new(Scope::new(&ProviderName::new("aws"), "eu-west-1"), FailureKind::TimedOut, "no answer in 2m")];
    let left_out = host(3).instance;
    let gaps = Gaps { missing_scopes: &missing, unaddressed: std::slice::from_ref(&left_out) };
    let (out, err, builder) = capture(terminal(80));
    let reporter = builder.build();
    let plan = plan(1);
    let run = reporter.start(&plan, gaps).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    telling.whole(&succeeded(&ids(&plan)[0]));
    telling.finish(None);
    insta::assert_snapshot!(format!("{}--\n{}", err.text(), out.text()), @r"
    warning: 1 scope could not be read; hosts there are missing
      aws eu-west-1: timed out: no answer in 2m
    warning: 1 instance left out for want of a usable address
      web-3 (aws:i-0000000000000003)
    Deploy 4f2a91c to web: 1 host (gcp 1)
      10 at once · no failure allowed · run 01JQZX0000000000000000TEST
    ✓ web-1 succeeded in 12s
    --

    warning: hosts may be missing, for discovery could not read aws eu-west-1
    warning: 1 instance left out for want of a usable address

    ✓ succeeded: the only host of web is at 4f2a91c
      4.0s · run 01JQZX0000000000000000TEST
    ");
}

#[test]
fn the_plan_says_exactly_what_is_run() {
    let (out, _, builder) = capture(terminal(80));
    builder.build().show_plan(&plan(2), Gaps::default());
    assert!(!out.text().contains("hunter2"));
    insta::assert_snapshot!(out.text(), @r#"
    Deploy 4f2a91c to web

      script      deploy.sh, 7 bytes
      sha256      abababababababababababababababababababababababababababababababab
      app         shop
      arguments   "--fast"
      environment NODE_ENV="production"
      secrets     API_TOKEN (values are never shown)
      hosts       2 (azure 1, gcp 1)
      at once     10 hosts, of these 4 in the SSH handshake
      failures    none allowed: nothing new starts after the first
      worst case  at most 2 hosts can be in flight or failed when this stops
      time limits script 10m, silence 90s
      ending      TERM, then KILL after 10s
      retries     2 more tries, only where the script never started
      if cut off  the script goes on to its end

    Stage 1 of 1: all, 2 hosts
      NAME   ID                        ZONE            ADDRESS          TAGS
      web-1  gcp:4000000000000000001   europe-west1-b  deploy@10.0.0.1  env=prod ro…
      web-2  azure:7f6e9…000000000002  westeurope      deploy@10.0.0.2  env=prod ro…
    "#);
}

#[test]
fn discovery_is_concluded_in_a_line() {
    let (_, err, builder) = capture(terminal(80));
    let reporter = builder.build();
    let scope = Scope::new(&ProviderName::new("aws"), "eu-west-1");
    reporter.step(&scope, Step::Calling { operation: "DescribeInstances" });
    reporter.step(&scope, Step::Retrying { reason: "RequestLimitExceeded", wait: Duration::from_secs(1) });
    reporter.step(&scope, Step::Calling { operation: "DescribeInstances" });
    reporter.step(&scope, Step::Page { instances: 40 });
    reporter.step(&scope, Step::Done { matched: 12 });
    reporter.end_discovery();
    reporter.end_discovery();
    insta::assert_snapshot!(err.text(), @r"
    aws eu-west-1: RequestLimitExceeded, trying again in 1.0s
    found 12 instances in 1 scope: 2 API calls (aws 2), 0.0s
    ");
}

#[test]
fn a_live_display_is_drawn_below_and_taken_away() {
    let (out, err, builder) = capture(Screen { live: true, ..terminal(80) });
    let reporter = builder.rerun("fleetwide deploy web --revision 4f2a91c".to_owned()).build();
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

/// How a host's end is told, at once and in the last screen.
fn told_of(result: &HostResult, plan: &Plan) -> String {
    let (out, err, builder) = capture(terminal(100));
    let run =
        builder.rerun("fleetwide run web -- true".to_owned()).build().start(plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, plan);
    telling.whole(result);
    telling.finish(None);
    format!("{}--\n{}", err.text(), out.text())
}

#[test]
fn a_signal_is_named_once() {
    let plan = plan(1);
    let killed = |message: &str| HostResult {
        signal: Some("KILL".to_owned()),
        failure: Some(FailureCause::Script),
        message: Some(message.to_owned()),
        ..result(&ids(&plan)[0], Outcome::Failed)
    };
    let told = told_of(&killed("killed by KILL"), &plan);
    assert!(told.contains("failed after 12s: killed by SIGKILL\n") && !told.contains("killed by KILL"), "{told}");
    let told = told_of(&killed("timed out after 3s; the script was ended (killed by KILL)"), &plan);
    let once = "failed after 12s: timed out after 3s; the script was ended (killed by SIGKILL)\n";
    assert!(told.contains(once), "{told}");
}

#[test]
fn what_to_do_next_suits_why_hosts_are_unreachable() {
    let plan = plan(1);
    let refused = |message: &str| HostResult {
        failure: Some(FailureCause::Unreachable(UnreachableCause::Refused)),
        message: Some(message.to_owned()),
        ..result(&ids(&plan)[0], Outcome::Unreachable)
    };
    let next = |result: &HostResult| {
        let told = told_of(result, &plan);
        told.split_once("next: ").map(|(_, next)| next.to_owned()).expect("it says what to do")
    };
    assert_eq!(
        next(&refused("the host is busy with another run: since 12:00")),
        "fleetwide run web -- true  # later, when hosts are no longer busy with another run\n"
    );
    assert_eq!(
        next(&refused("no space for the record: disk full")),
        "fleetwide run web -- true  # runs it again, on every host\n"
    );
    assert_eq!(next(&unreachable(&ids(&plan)[0])), "fleetwide run web -- true  # runs it again, on every host\n");
}

//! The output of hosts, on screens for people.

use provider_core::{FailureKind, Progress as _, Scope, ScopeError, Step};

use super::*;
use crate::report::{Detail, Format, Gaps};

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
    web-2 │ other
    web-1 │ first half
    web-1 │ last
    web-2 │  20%
    ");
    assert!(err.text().contains("web-1 ! warn\n"), "{}", err.text());
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
    web-1 │ up 3 days
    ✓ succeeded: exit status 0 on the only host of web
      5.0s · run 01JQZX0000000000000000TEST
    ");
}

/// Names, tags, messages and output with every sequence that a terminal obeys.
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
    reporter.show_hosts(&[evil.clone()], &crate::report::Listing::default(), gaps);
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

/// A run of three hosts with names of different lengths, with streamed output.
fn streamed(screen: Screen, detail: Detail) -> (String, String) {
    let (out, err, builder) = capture(screen);
    let names = ["web-1", "database-12", "web-2"];
    let mut hosts: Vec<Host> = (0..3).map(host).collect();
    for (host, name) in hosts.iter_mut().zip(names) {
        name.clone_into(&mut host.instance.name);
    }
    let plan = plan_for(hosts);
    let ids = ids(&plan);
    let run = builder.format(Format::Stream).detail(detail).build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for id in &ids {
        telling.begin(id);
        telling.output(id, Stream::Stdout, b"fetching\n  1%\r 50%\r");
    }
    telling.output(&ids[1], Stream::Stderr, b"\x1b[31mdisk nearly full\x1b[0m\n\n");
    for id in &ids {
        telling.output(id, Stream::Stdout, b"100%\ndone");
        telling.end(&succeeded(id));
    }
    telling.finish(None);
    (out.text(), err.text())
}

#[test]
fn a_stream_is_aligned_and_tells_standard_error_apart() {
    let (out, err) = streamed(terminal(80), Detail::Quiet);
    insta::assert_snapshot!(format!("{err}--\n{out}"), @r"
    database-12 ! disk nearly full
    database-12 !
    ✓ succeeded: all 3 hosts of web are at 4f2a91c
    --
    web-1       │ fetching
    database-12 │ fetching
    web-2       │ fetching
    web-1       │ 100%
    web-1       │ done
    database-12 │ 100%
    database-12 │ done
    web-2       │ 100%
    web-2       │ done
    ");
    assert_eq!(streamed(Screen::PLAIN, Detail::Quiet), (out, err));
}

/// No output of a host may stand where a name does.
#[test]
fn a_line_longer_than_the_terminal_goes_on_behind_the_sign() {
    let plan = plan(2);
    let ids = ids(&plan);
    for format in [Format::Stream, Format::Group] {
        let (out, _, builder) = capture(terminal(40));
        let run = builder.format(format).build().start(&plan, Gaps::default()).expect("no files");
        let mut telling = Telling::of(&run, &plan);
        telling.begin(&ids[0]);
        let text = format!("a\tb{}web-2 │ fake {}\n", " ".repeat(14), "x".repeat(40));
        telling.output(&ids[0], Stream::Stdout, text.as_bytes());
        telling.end(&succeeded(&ids[0]));
        telling.finish(None);
        let shown = out.text();
        let lines = shown.lines().filter(|line| !line.starts_with('✓'));
        let behind: Vec<_> = lines.map(|line| line.split_once('│').expect("a sign")).collect();
        assert!(behind.len() > 2 && behind[1..].iter().all(|(before, _)| before.trim().is_empty()), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
    }
}

#[test]
fn the_result_of_a_stream_is_the_output_alone() {
    let (out, err) = streamed(Screen::PLAIN, Detail::Normal);
    assert_eq!(out.lines().count(), 9, "{out}");
    assert!(err.contains("Deploy 4f2a91c to web: 3 hosts") && err.contains("succeeded: all 3 hosts"), "{err}");
}

#[test]
fn each_host_of_a_stream_keeps_its_colour() {
    let colour = Screen { colour: true, ..terminal(80) };
    let (out, _) = streamed(colour, Detail::Quiet);
    let colours = |name: &str| {
        let lines = out.lines().filter(|line| line.contains(name));
        let codes: std::collections::BTreeSet<_> =
            lines.filter_map(|line| line.split_once('m')).map(|(code, _)| code).collect();
        assert_eq!(codes.len(), 1, "{codes:?}");
        codes.into_iter().next().map(ToOwned::to_owned)
    };
    assert_ne!(colours("web-1"), colours("database-12"));
    let plain: String = out
        .replace("\x1b[0m", "")
        .split("\x1b[")
        .map(|part| part.split_once('m').map_or(part, |(_, text)| text))
        .collect();
    assert_eq!(plain, streamed(terminal(80), Detail::Quiet).0);
}

/// A run of two hosts and a late one. A check of the first host fails after the host succeeded, and all are rolled
/// back.
fn taken_back_after_a_check(format: Format) -> (String, String) {
    let (out, err, builder) = capture(Screen::PLAIN);
    let plan = plan(2);
    let run = builder.format(format).build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    let late = super::files::joined(&[9]);
    telling.event(EventKind::FleetSighted { joined: &late, gone: &[] });
    let mut ids = ids(&plan);
    ids.push(late[0].0.id.clone());
    for id in &ids {
        telling.begin(id);
        telling.output(id, Stream::Stdout, b"deployed\n");
        telling.end(&succeeded(id));
    }
    let unwell = HostResult {
        outcome: Outcome::Failed,
        failure: Some(FailureCause::Check),
        message: Some("check health: HTTP 503".to_owned()),
        ..succeeded(&ids[0])
    };
    telling.end(&unwell);
    telling.event(EventKind::UndoStarted { hosts: 3 });
    for id in &ids {
        telling.begin(id);
        telling.output(id, Stream::Stdout, b"back again");
        let (outcome, run) = if *id == ids[1] {
            (UndoOutcome::UndoFailed, failed(id, 7, "disk full\n"))
        } else {
            (UndoOutcome::Undone, succeeded(id))
        };
        let own = if *id == ids[0] { unwell.clone() } else { succeeded(id) };
        telling.event(EventKind::HostUndone { result: &taken_back(own, outcome, run) });
    }
    telling.event(EventKind::RunFinished { status: RunStatus::RollbackIncomplete, summary: Summary::default() });
    (out.text(), err.text())
}

#[test]
fn a_group_has_each_host_once_and_what_took_hosts_back_after_it() {
    let (out, _) = taken_back_after_a_check(Format::Group);
    insta::assert_snapshot!(out, @"
    ✓ 2 hosts, exit status 0: web-[2,9]
      │ deployed

    ✗ 1 host, check health: HTTP 503: web-1
      printed the same as the 2 hosts above

    ✓ 2 hosts, back at v1: web-[1,9]
      │ back again

    ✗ 1 host, not back at v1: exit status 7: web-2
      printed the same as the 2 hosts above
    ");
}

#[test]
fn a_stream_has_the_last_words_of_what_takes_a_host_back_and_calls_late_hosts_by_name() {
    let (out, err) = taken_back_after_a_check(Format::Stream);
    insta::assert_snapshot!(out, @"
    web-1 │ deployed
    web-2 │ deployed
    web-9 │ deployed
    web-1 │ back again
    web-2 │ back again
    web-9 │ back again
    ");
    assert!(!err.contains("aws:i-"), "{err}");
}

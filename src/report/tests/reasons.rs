//! Why hosts failed, said once for all of them, and what to do next.

use super::{human::told_of, *};
use crate::{
    config::Part,
    report::{Format, Gaps},
    rollout::{Sample, Verdict},
};

/// What a script says of its errors is the same on both; what it does first names the host.
#[test]
fn hosts_that_fail_with_the_same_error_are_told_of_once() {
    let (out, _, builder) = capture(terminal(80));
    let plan = plan(3);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for (id, stderr) in ids(&plan).iter().zip(["disk full\n", "disk full\n", ""]) {
        telling.whole(&HostResult { stdout_tail: format!("fetching for {id}\n"), ..failed(id, 1, stderr) });
    }
    telling.finish(None);
    let told = out.text();
    assert_eq!(told.matches("stderr │ disk full").count(), 1, "{told}");
    assert_eq!(told.matches("also:  1 other host in the same way: web-2").count(), 1, "{told}");
    assert_eq!(told.matches("stdout │ fetching for").count(), 2, "what says nothing but that is told of each: {told}");
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
    assert!(out.contains("9 other hosts in the same way:"), "{out}");
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
fn in_groups_the_last_lines_of_a_failure_are_told_once() {
    let (out, err, builder) = capture(terminal(80));
    let plan = plan(2);
    let ids = ids(&plan);
    let run = builder.format(Format::Group).build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    let endless = "x".repeat(300_000) + "\n";
    for (id, text) in ids.iter().zip(["no space left\n", &endless]) {
        telling.begin(id);
        telling.output(id, Stream::Stderr, text.as_bytes());
        telling.end(&failed(id, 3, &text[text.len() - 14..]));
    }
    telling.finish(None);
    assert_eq!(out.text().matches("no space left").count(), 1, "{}", out.text());
    let told = err.text();
    assert!(!told.contains("no space left"), "{told}");
    assert_eq!(told.matches("output: with that of its group, on standard output").count(), 1, "{told}");
    // What the group had no room for is told.
    assert!(told.contains("stderr │ xxxxxxxxxxxxx\n"), "{told}");
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
fn hosts_that_a_broken_network_took_are_told_of_once() {
    let (out, _, builder) = capture(terminal(80));
    let plan = plan(3);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for host in plan.hosts() {
        let message = format!("contact was lost (ssh stands at: Connecting to {0} [{0}] port 22.)", host.address.host);
        telling.whole(&HostResult { message: Some(message), ..lost(&host.id) });
    }
    telling.finish(None);
    let told = out.text();
    assert!(told.contains("also:  2 other hosts in the same way: web-[2-3]"), "{told}");
}

#[test]
fn a_check_that_one_bad_answer_decides_is_told_of_once() {
    let [once, twice] = [1, 2].map(|failures| {
        let (_, err, builder) = capture(Screen::PLAIN);
        let mut plan = plan(1);
        let second = Duration::from_secs(1);
        let check = crate::config::Check {
            probe: crate::config::Probe::Command { line: "true".into() },
            interval: second,
            timeout: second,
            deadline: second,
            passes: std::num::NonZeroU32::MIN,
            failures: std::num::NonZeroU32::new(failures).expect("positive"),
        };
        let name: crate::config::Label = "errors".parse().expect("a name");
        plan.checks.insert(name.clone(), check);
        let run = builder.build().start(&plan, Gaps::default()).expect("no files");
        let mut telling = Telling::of(&run, &plan);
        let sample = Sample { verdict: Verdict::Unwell, value: None, text: "7 is not < 5".to_owned() };
        telling.event(EventKind::CheckSampled {
            check: &name,
            host: None,
            sample: &sample,
            at: at(1),
            elapsed: Duration::ZERO,
        });
        let message = Some("check errors: 7 is not < 5");
        telling.event(EventKind::PauseEnded { step: 1, end: PauseEnd::CheckFailed, message });
        drop(run);
        err.text().matches("check errors: 7 is not < 5").count()
    });
    assert_eq!((once, twice), (1, 2));
}

#[test]
fn a_log_says_who_was_lost_and_not_had_back_at_once() {
    let (_, err, builder) = capture(Screen::PLAIN);
    let plan = plan(2);
    let ids = ids(&plan);
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    for (host, tries) in [(&ids[0], 1), (&ids[1], 3)] {
        telling.begin(host);
        telling.event(EventKind::HostLost { host, message: "connection reset" });
        for tries in 1..=tries {
            telling.event(EventKind::HostReattaching { host, tries, wait: Duration::from_secs(1) });
        }
        telling.event(EventKind::HostReattached { host, group: 4242 });
        telling.end(&succeeded(host));
    }
    telling.finish(None);
    let told = err.text();
    assert_eq!(told.matches("contact was lost; looking for it again").count(), 1, "{told}");
    assert!(told.contains("web-2: contact was lost; looking for it again\n"), "{told}");
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

#[test]
fn whoever_waits_at_a_barrier_is_not_said_to_finish() {
    let mut plan = plan(2);
    let Work::Deploy { payload, .. } = &mut plan.work else { panic!("a deploy") };
    let part = |name: &str, barrier| Part { name: name.parse().expect("a name"), run: "true".into(), barrier };
    *payload = Payload::Parts([part("test", true), part("restart", false)].into());
    let (_, err, builder) = capture(terminal(100));
    let run = builder.build().start(&plan, Gaps::default()).expect("no files");
    let mut telling = Telling::of(&run, &plan);
    telling.event(EventKind::Stopping { reason: StopReason::Budget, running: 2 });
    telling.event(EventKind::RunFinished { status: RunStatus::Failed, summary: Summary::default() });
    let text = err.text();
    assert!(text.ends_with("no new host is started, letting 2 scripts go on, but past no barrier\n"), "{text}");
}

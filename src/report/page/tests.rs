//! Pages of records: what they contain, and what they must never contain.

use jiff::Timestamp;

use super::html;
use crate::{
    config::{Check, Probe, PromqlProbe},
    inventory::HostId,
    plan::{Pause, Plan, PlanStep, Stage},
    report::{
        Gaps, HostRecord, PhasesRecord, Record, Status,
        files::{
            host_record::PartRecord,
            record::{RollbackRecord, SkippedInstance},
            rollout_record::{HookRecord, PauseRecord, SampleRecord, SightingRecord, UndoRecord},
            samples::Samples,
        },
        tests::{host, plan_for},
    },
    rollout::{Outcome, PartOutcome, UndoOutcome, Verdict},
};

pub(super) use crate::report::tests::at;

/// Foreign text with everything that could harm a browser, a reader's eyes, or a page's frame.
const HOSTILE: &str = "<script>alert(1)</script>]]></style></svg><img src=x onerror=alert(1)>\"'&\u{202e}gpj\u{1}\u{1b}[31m\u{2066}\u{200b}&lt;";

/// A record of `n` untouched hosts.
fn untouched(n: usize) -> Record {
    Record::new(&plan_for((0..n).map(host).collect()), Gaps::default(), at(0))
}

/// A host that has succeeded.
pub(super) fn host_record(n: usize) -> HostRecord {
    let mut record = untouched(n + 1).hosts[n].clone();
    succeed(&mut record, n);
    record
}

fn succeed(record: &mut HostRecord, n: usize) {
    record.outcome = Some(Outcome::Succeeded);
    record.exit_status = Some(0);
    record.attempts = 1;
    record.group = Some(4242);
    record.started = Some(at(i64::try_from(n / 10).expect("few")));
    record.duration_ms = Some(2_105);
    record.phases = PhasesRecord { connect_ms: Some(85), auth_ms: Some(20), script_ms: Some(2000) };
}

fn succeeded(n: usize) -> Record {
    let mut record = untouched(n);
    record.hosts.iter_mut().enumerate().for_each(|(n, host)| succeed(host, n));
    finish(record, Status::Succeeded, 0)
}

fn finish(mut record: Record, status: Status, code: u8) -> Record {
    (record.status, record.exit_code, record.finished) = (status, Some(code), Some(at(300)));
    record
}

fn sample(n: i64, verdict: Verdict, value: Option<f64>) -> SampleRecord {
    SampleRecord {
        check: "errors".to_owned(),
        host: None,
        at: at(100 + n),
        elapsed_ms: 12,
        verdict,
        value,
        text: format!("answer {n}"),
    }
}

/// A deploy in two stages with a soak, ended by a check, and a host that could not be rolled back.
fn taken_back() -> Record {
    let hosts: Vec<_> = (0..4).map(host).collect();
    let mut plan: Plan = plan_for(hosts.clone());
    let stage = |name: &str, hosts: &[crate::inventory::Host]| Stage {
        name: name.to_owned(),
        hosts: hosts.iter().cloned().map(std::sync::Arc::new).collect(),
    };
    plan.stages = vec![stage("2", &hosts[..2]), stage("100%", &hosts[2..])];
    plan.steps = vec![PlanStep::Stage(0), PlanStep::Stage(1)];
    let probe = Probe::Promql(PromqlProbe {
        query: "up".to_owned(),
        server: "http://prometheus:9090".parse().expect("a URL"),
        pass_if: "< 5".parse().expect("a condition"),
        no_data: crate::config::NoData::Fail,
        headers: std::collections::BTreeMap::new(),
        ca_file: None,
    });
    let (second, one) = (std::time::Duration::from_secs(1), std::num::NonZeroU32::MIN);
    let check = Check { probe, interval: second, timeout: second, deadline: second, passes: one, failures: one };
    plan.checks.insert("errors".parse().expect("a name"), check);
    let mut record = Record::new(&plan, Gaps::default(), at(0));
    for (n, host) in record.hosts.iter_mut().enumerate().take(2) {
        succeed(host, n);
        host.undo = Some(UndoRecord {
            by_hand: false,
            outcome: if n == 0 { UndoOutcome::Undone } else { UndoOutcome::UndoFailed },
            revision: Some("v1".to_owned()),
            exit_status: Some(if n == 0 { 0 } else { 4 }),
            signal: None,
            message: (n == 1).then(|| "exit status 4".to_owned()),
            hint: (n == 1).then(|| "look at the disk".to_owned()),
            attempts: 1,
            started: Some(at(250)),
            duration_ms: 1_500,
            stdout_tail: String::new(),
            stderr_tail: "disk is full\n".to_owned(),
            log: None,
        });
    }
    record.hosts.iter_mut().skip(2).for_each(|host| host.outcome = Some(Outcome::Skipped));
    record.stopped_by = Some("check".to_owned());
    record.stopped_at = Some(at(240));
    record.rollout.stages[0].started = Some(at(0));
    record.rollout.undo_started = Some(at(241));
    let soak = Pause::Soak { time: std::time::Duration::from_mins(5), checks: vec!["errors".parse().expect("a name")] };
    let mut pause = PauseRecord::new(1, &soak, at(100));
    pause.ended = Some(at(240));
    pause.end = Some("check-failed".to_owned());
    pause.message = Some("check errors: 9 is not < 5".to_owned());
    record.rollout.pauses.push(pause);
    record.rollout.samples = (0..10)
        .map(|n| {
            sample(
                n * 14,
                if n < 9 { Verdict::Well } else { Verdict::Unwell },
                Some(f64::from(i32::try_from(n).expect("few"))),
            )
        })
        .collect();
    finish(record, Status::RollbackIncomplete, 10)
}

fn part(name: &str, outcome: PartOutcome, exit_status: Option<u8>, duration_ms: Option<u64>) -> PartRecord {
    PartRecord { name: name.to_owned(), outcome, exit_status, signal: None, duration_ms }
}

#[track_caller]
fn has(page: &str, words: &str) {
    assert!(page.contains(words), "no {words:?} in\n{page}");
}

/// Asserts that nothing in the page runs in a browser or makes a request.
#[track_caller]
fn does_nothing(page: &str) {
    let lower = page.to_lowercase();
    for active in [
        "<script",
        "<img",
        "<iframe",
        "<link",
        "<object",
        " src=",
        " onerror",
        " onload",
        " style=",
        "javascript:",
        "http://",
        "https://",
        "@import",
    ] {
        // Escaped text may hold the words; only a tag makes them active.
        let inert = active.starts_with(' ')
            && lower.matches(active).count()
                == lower.matches(&format!("&lt;img{active}")).count()
                    + lower.matches(&format!("x{active}=alert")).count();
        assert!(inert || !lower.contains(active), "{active} in\n{page}");
    }
    assert_eq!(lower.matches("</style>").count(), 1);
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "a control character");
    assert!(!page.chars().any(crate::report::neutral::is_bidi_control), "a sign that turns text round");
}

#[test]
fn a_run_that_went_well_says_so() {
    let page = html(&succeeded(1));
    does_nothing(&page);
    has(&page, "<title>web 4f2a91c: succeeded</title>");
    has(&page, "the only host of web is at 4f2a91c");
    has(&page, "connect 85 ms, login 20 ms, script 2.0s");
    assert!(!page.contains("id=\"failures\"") && !page.contains("id=\"checks\""));
    has(&page, "default-src 'none'; style-src 'sha256-");
}

#[test]
fn what_stopped_a_run_and_what_was_done_about_it_are_told() {
    let page = html(&taken_back());
    does_nothing(&page);
    for words in [
        "Stopped: a check failed: check errors: 9 is not &lt; 5",
        "failed (exit code 10)",
        "Soak 5m, errors",
        "10 answers, 1 bad; well if &lt; 5",
        "Stopped: a check failed</span>",
        "not back at v1: exit status 4",
        "Taking back begins",
        "undo-failed",
        "Hint: </strong>look at the disk",
        "disk is full",
        "2 hosts not touched",
        "Stage 2 of 2: 100%",
    ] {
        has(&page, words);
    }
    assert_eq!(page.matches("<circle class=\"good\"").count(), 9, "every good answer");
    assert_eq!(page.matches(">✗<title>").count(), 1, "and the bad one");
    assert_eq!(page.matches("<rect class=\"undo\"").count(), 2 + 1, "two hosts, and the legend");
}

#[test]
fn the_parts_of_a_script_are_told_with_their_ends() {
    let mut record = succeeded(1);
    record.hosts[0].outcome = Some(Outcome::Failed);
    record.hosts[0].parts = vec![
        part("fetch", PartOutcome::Succeeded, Some(0), Some(700)),
        part("<test>", PartOutcome::Failed, Some(3), Some(12_000)),
        part("restart", PartOutcome::NotStarted, None, None),
    ];
    let page = html(&finish(record, Status::Failed, 8));
    for words in [
        "fetch</span> <small>700 ms<",
        "&lt;test&gt;</span> <small>exit status 3, 12s<",
        "restart</span> <small>not begun<",
    ] {
        assert_eq!(page.matches(words).count(), 2, "{words}: with the failure, and in the table");
    }
}

#[test]
fn nothing_that_a_stranger_wrote_does_anything() {
    let mut record = taken_back();
    let hostile = || HOSTILE.to_owned();
    record.target = hostile();
    record.command = Some(hostile());
    record.stopped_by = Some(hostile());
    record.revision = None;
    for host in record.hosts.iter_mut() {
        (host.name, host.region, host.address, host.stage) = (hostile(), hostile(), hostile(), hostile());
        host.id = HostId::new(
            &provider_core::ProviderName::new("aws"),
            &provider_core::InstanceId::new(format!("{HOSTILE}{}", host.address.len())),
        );
        (host.message, host.hint, host.signal, host.log, host.cause) =
            (Some(hostile()), Some(hostile()), Some(hostile()), Some(hostile()), Some(hostile()));
        (host.stdout_tail, host.stderr_tail, host.exit_status) = (hostile(), hostile(), None);
        host.previous_revision = Some(hostile());
        host.parts = vec![part(&hostile(), PartOutcome::Unfinished, None, None)];
    }
    record.hosts[2].outcome = Some(Outcome::Failed);
    record.hosts[3].outcome = Some(Outcome::Unknown);
    let undo = record.hosts[1].undo.as_mut().expect("undone");
    (undo.revision, undo.message, undo.hint, undo.stdout_tail) =
        (Some(hostile()), Some(hostile()), Some(hostile()), hostile());
    record.rollout.stages[0].name = hostile();
    let pause = &mut record.rollout.pauses[0];
    (pause.kind, pause.names, pause.message, pause.approved_by) =
        (hostile(), vec![hostile()], Some(hostile()), Some(hostile()));
    // Ids of hosts that the report does not list are not checked by anything.
    let stranger = || HostId::new(&provider_core::ProviderName::new("aws"), &provider_core::InstanceId::new(HOSTILE));
    record.rollout.samples = change(&record, |n, sample| {
        (sample.check, sample.text) = (hostile(), hostile());
        sample.host = if n == 0 { Some(stranger()) } else { sample.host.take() };
    });
    (record.rollout.checks[0].name, record.rollout.checks[0].pass_if) = (hostile(), Some(hostile()));
    record.rollout.hooks.push(HookRecord {
        hook: hostile(),
        host: Some(stranger()),
        at: at(9),
        failure: Some(hostile()),
        output: hostile(),
    });
    let (joined, gone) = (vec![record.hosts[0].id.clone()], vec![stranger()]);
    record.rollout.sightings.push(SightingRecord { at: at(9), joined, gone, error: None });
    record.rollout.sightings.push(SightingRecord {
        at: at(9),
        joined: Vec::new(),
        gone: Vec::new(),
        error: Some(hostile()),
    });
    record.skipped_unaddressed.push(SkippedInstance { id: record.hosts[0].id.clone(), name: hostile() });
    let page = html(&record);
    does_nothing(&page);
    has(&page, "&lt;script&gt;alert(1)&lt;/script&gt;]]&gt;");
}

#[test]
fn an_approval_that_was_cut_off_is_not_shown_as_passed() {
    let mut record = taken_back();
    record.rollout.pauses[0].end = Some("given-up".to_owned());
    record.rollout.pauses[0].message = None;
    has(&html(&record), "·</span>Soak 5m, errors: given up");
}

#[test]
fn what_a_rollback_by_hand_did_is_told_once() {
    let mut record = taken_back();
    record.revision = None;
    record.rollback = Some(RollbackRecord { run: None, to: Some("v1".parse().expect("a revision")) });
    for host in record.hosts.iter_mut().take(2) {
        let undo = host.undo.as_mut().expect("undone");
        undo.by_hand = true;
        (undo.started, undo.duration_ms) = (host.started, host.duration_ms.expect("ended"));
    }
    let worn = &mut record.hosts[1];
    (worn.outcome, worn.exit_status, worn.stderr_tail) = (Some(Outcome::Failed), Some(4), "disk is full".to_owned());
    let page = html(&record);
    for words in [
        "A rollback of",
        "<p>Take web to v1</p>",
        "web-0: undone after 2.1s (",
        "web-1: undo-failed after 2.1s (",
        "<small>back at v1</small>",
        "<dd>1</dd>",
    ] {
        has(&page, words);
    }
    assert!(!page.contains("; then un") && !page.contains("<small>undo "), "no undo of an undo");
    assert!(!page.contains("script: failed"), "nothing that the legend explains");
    assert_eq!(page.matches("<rect class=\"undo\"").count(), 2 + 1, "a bar a host, and the legend");
    assert_eq!(page.matches("<details class=\"failure").count(), 1);
}

#[test]
fn a_run_that_touched_nothing_has_no_timeline() {
    let mut record = untouched(3);
    record.hosts.iter_mut().for_each(|host| host.outcome = Some(Outcome::Skipped));
    let page = html(&finish(record, Status::Refused, 6));
    does_nothing(&page);
    has(&page, "refused (exit code 6)");
    has(&page, "nothing was touched");
    assert!(!page.contains("id=\"timeline\"") && page.contains("id=\"hosts\""));
    html(&untouched(0));
}

#[test]
fn a_run_under_way_is_drawn_up_to_the_last_that_is_known() {
    let mut record = succeeded(3);
    (record.status, record.exit_code, record.finished) = (Status::Running, None, None);
    (record.hosts[2].outcome, record.hosts[2].duration_ms) = (None, None);
    let page = html(&record);
    has(&page, "the run had not ended when its report was written");
    has(&page, "on 1 host the script may still be running: web-2 (10.0.0.2, process group 4242)");
    has(&page, "<rect class=\"live\"");
    record.rollout.stages[0].started = Some(at(0));
    let lasted = "3 hosts</span></td><td class=\"time\">";
    has(&html(&record), &format!("{lasted}</td>"));
    record.hosts[2].duration_ms = Some(1_000);
    has(&html(&record), &format!("{lasted}2.1s</td>"));
}

#[test]
fn two_thousand_hosts_are_a_page_that_opens() {
    let mut record = succeeded(2_000);
    for (n, host) in record.hosts.iter_mut().enumerate().filter(|(n, _)| n % 20 == 7) {
        host.outcome = Some(Outcome::Failed);
        host.exit_status = Some(3);
        host.stderr_tail = format!("host {n} says: {}\n", "no space left on device\n".repeat(19));
    }
    let name = record.hosts.iter().map(|host| host.id.clone());
    record.rollout.samples =
        name.map(|host| SampleRecord { host: Some(host), ..sample(0, Verdict::Well, None) }).collect();
    let page = html(&finish(record, Status::Failed, 8));
    does_nothing(&page);
    assert!(page.len() < 2_500_000, "{} bytes", page.len());
    assert_eq!(page.matches("<tr><th scope=\"row\">").count(), 2_000, "every host is in the table");
    assert_eq!(page.matches("<g><title>").count(), 2_000, "and has a row");
    has(&page, "And 40 more hosts that failed in other ways");
    println!("{} bytes", page.len());
}

#[test]
fn clocks_that_were_set_back_and_numbers_without_bounds_are_drawn() {
    let mut record = taken_back();
    record.finished = Some(at(-500));
    record.hosts[0].started = Some(Timestamp::MIN);
    record.hosts[1].duration_ms = Some(u64::MAX);
    record.rollout.samples = change(&record, |n, sample| match n {
        0 => sample.value = Some(f64::MAX),
        1 => sample.value = Some(f64::MIN),
        2 => sample.elapsed_ms = u64::MAX,
        _ => {}
    });
    let page = html(&record);
    does_nothing(&page);
    assert!(!page.contains("NaN") && !page.contains("inf%"));
}

/// The answers of a record's checks, each changed by `change`.
fn change(record: &Record, mut change: impl FnMut(usize, &mut SampleRecord)) -> Samples {
    let changed = record.rollout.samples.iter().cloned().enumerate().map(|(n, mut sample)| {
        change(n, &mut sample);
        sample
    });
    changed.collect()
}

//! The JUnit file, read back as XML.

use std::{fs, path::Path};

use proptest::prelude::*;
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

use super::*;
use crate::report::{Gaps, HostRecord, Record, files::junit};

fn record_of(plan: &Plan, tell: impl FnOnce(&RunReporter)) -> Record {
    let (_, _, builder) = capture(Screen::PLAIN);
    let run = builder.build().start(plan, Gaps::default()).expect("no files");
    tell(&run);
    run.record()
}

fn xml(record: &Record) -> String {
    String::from_utf8(junit::xml(record).expect("XML")).expect("UTF-8")
}

#[test]
fn every_host_is_a_test_case() {
    let plan = plan(8);
    let record = record_of(&plan, |run| tell_all_outcomes(run, &plan));
    insta::assert_snapshot!(xml(&record));
}

#[test]
fn a_test_case_says_what_became_of_taking_its_host_back() {
    let plan = plan(6);
    let record = record_of(&plan, |run| tell_checks_hooks_and_undos(run, &plan));
    let cases = xml(&record);
    let told: Vec<&str> = cases
        .split("<testcase ")
        .skip(1)
        .filter_map(|case| case.split_once(">\n").and_then(|(_, rest)| rest.split("<system-").next()))
        .map(str::trim)
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    <failure message="undo-failed: not back at v1: exit status 7" type="undo-failed">not back at v1: exit status 7
    deployed

    what was to roll it back said:
    disk full
    </failure>
    <failure message="undone: back at v1 (failed: check health: 3 times in a row, the last time: HTTP 503)" type="check">back at v1 (failed: check health: 3 times in a row, the last time: HTTP 503)
    deployed
    </failure>
    <error message="undo-unknown: not back at v1: contact was lost while the script ran (failed: check health: connection refused)" type="check">not back at v1: contact was lost while the script ran (failed: check health: connection refused)
    deployed

    what was to roll it back said:
    restarting
    </error>
    <failure message="undone: back at v1 (failed: hook after_host: timed out after 60s)" type="hook">back at v1 (failed: hook after_host: timed out after 60s)
    deployed
    </failure>
    <error message="unreachable: hook before_host: exit status 1: no such server" type="hook-before">hook before_host: exit status 1: no such server</error>
            </testcase>
    <failure message="undone: back at v1" type="undone">back at v1
    deployed
    </failure>
    "#);
}

#[test]
fn before_the_first_host_all_are_skipped_and_in_the_middle_what_runs_is_an_error() {
    let plan = plan(2);
    let before = record_of(&plan, |_| {});
    assert_eq!(xml(&before).matches("<skipped").count(), 2, "{}", xml(&before));
    let amid = record_of(&plan, |run| Telling::of(run, &plan).begin(&ids(&plan)[0]));
    let amid = xml(&amid);
    assert!(amid.contains("message=\"running: not finished\""), "{amid}");
    assert!(amid.contains("the script may still be running on 10.0.0.1, process group 4242"), "{amid}");
}

#[test]
fn it_is_written_whole_like_the_report() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("junit.xml");
    let (_, _, builder) = capture(Screen::PLAIN);
    let plan = plan(2);
    let run = builder.junit(path.clone()).build().start(&plan, Gaps::default()).expect("writable");
    assert_eq!(parse(&path).skipped(), 2);
    let mut telling = Telling::of(&run, &plan);
    for id in &ids(&plan) {
        telling.whole(&succeeded(id));
    }
    telling.finish(None);
    assert_eq!(parse(&path).skipped(), 0);
}

trait Count {
    fn skipped(&self) -> usize;
}

impl Count for Report {
    fn skipped(&self) -> usize {
        let cases = self.test_suites.iter().flat_map(|suite| &suite.test_cases);
        cases.filter(|case| matches!(case.status, TestCaseStatus::Skipped { .. })).count()
    }
}

fn parse(path: &Path) -> Report {
    Report::deserialize(fs::File::open(path).map(std::io::BufReader::new).expect("there")).expect("JUnit")
}

/// The characters that XML 1.0 allows (section 2.2).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

proptest! {
    /// The file is valid XML, whatever a host prints or is called.
    #[test]
    fn it_is_xml_whatever_a_host_prints(
        out in any::<String>(),
        words in "[\\x00-\\x1f\\x7f-\\u{9f}\\u{fffe}\\u{ffff}\\]<>&\"'a-c:]{0,40}",
        name in any::<String>(),
    ) {
        let mut record = record_of(&plan(1), |_| {});
        let host: &mut HostRecord = &mut record.hosts[0];
        host.outcome = Some(Outcome::Failed);
        host.name = name;
        host.stdout_tail = out;
        host.stderr_tail = format!("{words}]]>{words}");
        host.message = Some(words.clone());
        host.hint = Some(words);
        let text = xml(&record);
        prop_assert!(text.chars().all(is_xml), "{text:?}");
        let read = Report::deserialize_from_str(&text).expect("it is XML");
        prop_assert_eq!(read.test_suites[0].test_cases.len(), 1);
        let failed =
            matches!(read.test_suites[0].test_cases[0].status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. });
        prop_assert!(failed);
    }
}

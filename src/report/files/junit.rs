//! `--junit FILE`: one test case per host, for pipelines that show such files (GitLab, Jenkins, Azure, …).
//!
//! A host that failed or was rolled back is a `failure`; a host that was not reached, or whose end or undo is unknown,
//! is an `error`; an untried host is `skipped`. The text says how a rollback ended. JUnit has no standard: the file
//! holds only what all readers agree on.

use std::{io, time::Duration};

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{host_record::HostRecord, record::Record};
use crate::{
    plan::Revision,
    report::text::{labels::Labels, neutral, words},
    rollout::{Outcome, UndoOutcome},
};

/// `record` as a JUnit file.
///
/// # Errors
/// When it cannot be put into XML.
pub(in crate::report) fn xml(record: &Record) -> io::Result<Vec<u8>> {
    let labels = Labels::of(record);
    let mut suite = TestSuite::new(text(&record.target));
    let properties = [
        ("run", record.run.to_string()),
        ("revision", record.revision.as_ref().map(Revision::to_string).unwrap_or_default()),
        ("status", record.status.as_str().to_owned()),
        ("started", record.started.to_string()),
    ];
    suite.add_properties(properties.map(|(name, value)| Property::new(name, text(&value))));
    suite.add_test_cases(record.hosts.iter().map(|host| case(record, host, labels.get(&host.id))));
    let mut report = Report::new("fleetwide");
    if let Some(duration) = record.duration() {
        suite.set_time(duration);
        report.set_time(duration);
    }
    report.add_test_suite(suite);
    let mut bytes = Vec::new();
    report.serialize(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn case(record: &Record, host: &HostRecord, label: &str) -> TestCase {
    let mut case = TestCase::new(text(label), ending(host));
    let place = [record.target.as_str(), &host.stage, host.provider.as_str(), &host.region];
    let place: Vec<_> = place.into_iter().filter(|part| !part.is_empty()).map(text).collect();
    case.set_classname(place.join("."));
    case.set_time(Duration::from_millis(host.duration_ms.unwrap_or(0)));
    for (tail, set) in [
        (&host.stdout_tail, TestCase::set_system_out as fn(&mut TestCase, String) -> &mut TestCase),
        (&host.stderr_tail, TestCase::set_system_err),
    ] {
        if !tail.is_empty() {
            set(&mut case, text(tail));
        }
    }
    case
}

/// How the host's test case ended.
fn ending(host: &HostRecord) -> TestCaseStatus {
    let kind = match host.outcome {
        Some(_) if host.unhealed().is_some_and(|undo| undo.outcome == UndoOutcome::UndoUnknown) => {
            NonSuccessKind::Error
        }
        Some(Outcome::Succeeded) if host.has_succeeded() => return TestCaseStatus::success(),
        // It was rolled back.
        Some(Outcome::Succeeded) => NonSuccessKind::Failure,
        Some(Outcome::Failed) => NonSuccessKind::Failure,
        Some(Outcome::Unreachable | Outcome::Unknown) => NonSuccessKind::Error,
        None if host.started.is_some() => NonSuccessKind::Error,
        Some(Outcome::Skipped | Outcome::Gone) | None => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(words::why(host));
            return skipped;
        }
    };
    let outcome = host.word().unwrap_or("running");
    let why = text(&words::fate(host));
    let mut ending = TestCaseStatus::non_success(kind);
    ending.set_message(format!("{outcome}: {why}")).set_type(host.cause.as_deref().unwrap_or(outcome));
    ending.set_description(explanation(host, why));
    ending
}

/// The full explanation of a failure, because many viewers show nothing else.
fn explanation(host: &HostRecord, why: String) -> String {
    let mut lines = vec![why];
    if host.may_still_run() {
        let group = host.group.map(|group| format!(", process group {group}")).unwrap_or_default();
        lines.push(format!("the script may still be running on {}{group}", host.address));
    }
    let tail = [&host.stderr_tail, &host.stdout_tail].into_iter().find(|tail| !tail.trim().is_empty());
    lines.extend(tail.cloned());
    lines.extend(host.hint.as_ref().map(|hint| format!("hint: {hint}")));
    if let Some(undo) = host.unhealed() {
        let tail = [&undo.stderr_tail, &undo.stdout_tail].into_iter().find(|tail| !tail.trim().is_empty());
        lines.extend(tail.map(|tail| format!("what was to roll it back said:\n{tail}")));
        lines.extend(undo.hint.as_ref().map(|hint| format!("hint: {hint}")));
        lines.extend(undo.log.as_ref().map(|log| format!("log of that: {log}")));
    }
    lines.extend(host.log.as_ref().map(|log| format!("log: {log}")));
    text(&lines.join("\n"))
}

/// `text` reduced to characters that XML 1.0 allows and that are harmless where they are shown.
fn text(text: &str) -> String {
    neutral::block(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

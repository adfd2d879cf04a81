//! All hosts in words: for readers who cannot see the drawings, and for searching.

use std::time::Duration;

use maud::{Markup, html};

use super::{document::Part, look};
use crate::{
    report::{
        files::{
            host_record::{HostRecord, PartRecord},
            record::Record,
        },
        text::{labels::Labels, neutral, words},
    },
    rollout::{Outcome, PartOutcome},
};

/// A longer list is folded away.
const OPEN: usize = 100;

pub(super) fn part(record: &Record, labels: &Labels) -> Option<Part> {
    let body = html! {
        details open[record.hosts.len() <= OPEN] {
            summary { (words::count(record.hosts.len(), "host")) }
            table.hosts {
                thead { tr { th scope="col" { "Host" } th scope="col" { "Stage" } th scope="col" { "Outcome" } th scope="col" { "Time" } } }
                tbody { @for host in &record.hosts { (row(record, host, labels)) } }
            }
        }
    };
    (!record.hosts.is_empty()).then_some(Part { id: "hosts", title: "Hosts", body })
}

fn row(record: &Record, host: &HostRecord, labels: &Labels) -> Markup {
    let look = look::of_host(host);
    let why = why(host);
    html! {
        tr {
            th scope="row" { (labels.get(&host.id)) small { (place(host)) } }
            td { (neutral::line(&host.stage)) }
            td {
                span.outcome.(look.class) { span.sign aria-hidden="true" { (look.sign) } (look.word) }
                @if !why.is_empty() { small { (why) } }
                (parts(host))
            }
            td {
                @if let Some(ms) = host.started.and(host.duration_ms) { (took(ms)) }
                @for fact in times(record, host) { small { (fact) } }
            }
        }
    }
}

/// Where a host is: its address, region and id.
pub(super) fn place(host: &HostRecord) -> String {
    let parts = [host.address.as_str(), &host.region, host.id.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).map(neutral::line).collect::<Vec<_>>().join(" · ")
}

/// Details beyond the outcome's word.
fn why(host: &HostRecord) -> String {
    match (host.outcome, &host.undo) {
        (_, Some(_)) if host.was_undone_after() => words::fate(host),
        (Some(Outcome::Succeeded), Some(undo)) => words::of_undo(undo),
        (Some(Outcome::Succeeded), None) if host.exit_status == Some(0) && host.message.is_none() => String::new(),
        (Some(Outcome::Skipped) | None, _) if host.message.is_none() => String::new(),
        (Some(_) | None, _) => words::why(host),
    }
}

/// How the host's time was spent.
fn times(record: &Record, host: &HostRecord) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(started) = host.started {
        facts.push(format!("at +{}", words::duration(super::axis::between(record.started, started))));
    }
    facts.extend(phases(host));
    if host.attempts > 1 {
        facts.push(words::count(host.attempts as usize, "attempt"));
    }
    if host.reattached > 0 {
        facts.push(format!("contact lost and had back {}", times_in_words(host.reattached)));
    }
    if let Some(undo) = host.undo_after() {
        facts.push(format!("undo {}", took(undo.duration_ms)));
    }
    facts
}

/// How long each part of the last attempt took, in a line.
pub(super) fn phases(host: &HostRecord) -> Option<String> {
    let phases =
        [("connect", host.phases.connect_ms), ("login", host.phases.auth_ms), ("script", host.phases.script_ms)];
    let known: Vec<_> = phases.into_iter().filter_map(|(name, ms)| Some(format!("{name} {}", took(ms?)))).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// The parts of a script that has some: the outcome and the duration of each.
pub(super) fn parts(host: &HostRecord) -> Markup {
    let facts = |part: &PartRecord| {
        let end = match (part.exit_status, &part.signal, part.outcome) {
            (Some(0), _, PartOutcome::Succeeded) => None,
            (Some(status), _, _) => Some(format!("exit status {status}")),
            (None, Some(signal), _) => Some(format!("SIG{}", neutral::line(signal))),
            (None, None, outcome) => Some(look::of_part(outcome).word.to_owned()),
        };
        [end, part.duration_ms.map(took)].into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    html! {
        @if !host.parts.is_empty() {
            ol.parts aria-label="Parts of the script" {
                @for part in &host.parts {
                    @let look = look::of_part(part.outcome);
                    li {
                        span.(look.class) { span.sign aria-hidden="true" { (look.sign) } (neutral::line(&part.name)) }
                        " " small { (facts(part)) }
                    }
                }
            }
        }
    }
}

/// A duration: exact if it is short, because logins are.
pub(super) fn took(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { words::duration(Duration::from_millis(ms)) }
}

fn times_in_words(n: u32) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

//! What a reader wants to know first: the target and the work, how it ended and why, and the state of the fleet.

use maud::{Markup, html};

use super::{
    axis::Percent,
    look::{self, Look},
};
use crate::{
    report::{
        files::{host_record::HostRecord, record::Record},
        screens::{
            progress::stop_word,
            summary::{Grade, verdict},
        },
        tables::rollback,
        text::{labels::Labels, neutral, words},
    },
    rollout::StopReason,
};

/// What was done, and how it ended.
pub(super) fn head(record: &Record) -> Markup {
    let verdict = verdict(record);
    let (class, sign) = match verdict.grade {
        Grade::Open => ("live", "…"),
        Grade::Good => ("good", "✓"),
        Grade::Blemished => ("doubt", "!"),
        Grade::Bad => ("bad", "✗"),
    };
    let what = match (&record.rollback, &record.command) {
        (Some(_), _) => "A rollback of",
        (None, Some(_)) => "A command on",
        (None, None) => "A deploy to",
    };
    html! {
        p.eyebrow { (what) }
        h1 {
            (neutral::line(&record.target))
            @if let Some(revision) = &record.revision { " " span.revision { (neutral::line(revision.as_str())) } }
        }
        @if let Some(it) = &record.rollback { p { (rollback::title(&it.goal(), &neutral::line(&record.target))) } }
        @if let Some(command) = &record.command { p { code { (neutral::line(command)) } } }
        div.verdict.(class) {
            p { span.sign aria-hidden="true" { (sign) } strong { (verdict.head) } ": " (verdict.state) }
            @if let Some(why) = why(record) { p.why { (why) } }
        }
    }
}

/// What stopped the run, if something did.
fn why(record: &Record) -> Option<String> {
    let word = stopped_by(record)?;
    Some(match record.objection() {
        Some(objection) => format!("Stopped: {word}: {}", neutral::line(&objection)),
        None => format!("Stopped: {word}"),
    })
}

/// Why the run stopped starting new work, in a few words.
pub(super) fn stopped_by(record: &Record) -> Option<String> {
    let word = record.stopped_by.as_deref()?;
    let reason = serde_json::from_value::<StopReason>(word.into());
    Some(reason.map_or_else(|_| neutral::line(word), |reason| stop_word(reason).to_owned()))
}

/// The counts, the facts, and what must not be overlooked.
pub(super) fn body(record: &Record, labels: &Labels) -> Markup {
    html! {
        section.summary aria-label="Summary" {
            (counts(record))
            dl.facts {
                @for (name, value) in facts(record) { div { dt { (name) } dd { (value) } } }
                div.wide { dt { "Run" } dd { code { (record.run) } } }
            }
            @for warning in warnings(record, labels) { p.warning { strong { "Warning: " } (warning) } }
        }
    }
}

/// The number of hosts with each outcome, as a bar and in numbers.
fn counts(record: &Record) -> Markup {
    let counts = tally(record);
    let total = u32::try_from(record.hosts.len()).unwrap_or(u32::MAX);
    let part = |n: u32| Percent::of(f64::from(n), f64::from(total));
    let before = |place: usize| counts[..place].iter().map(|(_, n)| n).sum();
    html! {
        svg.share aria-hidden="true" height="14" {
            @for (place, (look, n)) in counts.iter().enumerate() {
                rect.(look.class) x=(part(before(place))) width=(part(*n)) height="14" {}
            }
        }
        ul.counts {
            @for (look, n) in &counts {
                li.(look.class) {
                    b { (words::number(*n as usize)) }
                    span { span.sign aria-hidden="true" { (look.sign) } (look.word) }
                }
            }
        }
    }
}

/// The number of hosts of each look, the good ones first.
fn tally(record: &Record) -> Vec<(Look, u32)> {
    let mut counts: Vec<(Look, u32)> = Vec::new();
    for host in &record.hosts {
        let look = look::of_host(host);
        match counts.iter_mut().find(|(other, _)| *other == look) {
            Some((_, n)) => *n += 1,
            None => counts.push((look, 1)),
        }
    }
    let rank = |look: &Look| ["good", "back", "live", "doubt", "bad", "idle"].iter().position(|it| *it == look.class);
    counts.sort_by_key(|(look, _)| rank(look));
    counts
}

fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let summary = record.summary();
    // The record of a rollback lacks the hosts that are left alone, so its hosts are not the chosen ones.
    let of = record.narrowed_from.filter(|_| record.rollback.is_none());
    let mut facts = vec![("Hosts", words::chosen(record.hosts.len(), of))];
    facts.push(("Status", record.status.as_str().to_owned()));
    facts.push(("Exit code", record.exit_code.map_or_else(|| "none yet".to_owned(), |code| code.to_string())));
    let failures = words::number(summary.failures());
    facts.push(match (&record.rollback, record.max_failures) {
        // In a rollback, a failure does not stop the other hosts.
        (Some(_), _) => ("Failures", failures),
        (None, 0) => ("Failures", format!("{failures}, none allowed")),
        (None, allowed) => ("Failures", format!("{failures}, {} allowed", words::number(allowed))),
    });
    facts.extend(stopped_by(record).map(|word| ("Stopped by", word)));
    facts.push(("Began", record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()));
    facts.push(("Took", record.duration().map_or_else(|| "not ended".to_owned(), words::duration)));
    facts
}

/// What the numbers alone do not show.
fn warnings(record: &Record, labels: &Labels) -> Vec<String> {
    let mut warnings = Vec::new();
    if record.finished.is_none() {
        warnings.push("the run had not ended when its report was written".to_owned());
    }
    let running: Vec<String> =
        record.hosts.iter().filter(|host| host.may_still_run()).map(|host| place(host, labels)).collect();
    if !running.is_empty() {
        let many = words::count(running.len(), "host");
        warnings.push(format!("on {many} the script may still be running: {}", running.join("; ")));
    }
    if !record.missing_scopes.is_empty() {
        let scopes: Vec<_> = record.missing_scopes.iter().map(|it| neutral::line(it.scope.as_str())).collect();
        warnings.push(format!("hosts may be missing, for discovery could not read {}", scopes.join(", ")));
    }
    if !record.skipped_unaddressed.is_empty() {
        let names: Vec<_> = record.skipped_unaddressed.iter().map(|it| neutral::line(&it.name)).collect();
        let many = words::count(names.len(), "instance");
        warnings.push(format!("{many} left out for want of a usable address: {}", names.join(", ")));
    }
    if let (Some(_), Some(error)) =
        (record.finished, record.rollout.sightings.last().and_then(|sighting| sighting.error.as_deref()))
    {
        let error = neutral::line(error);
        warnings.push(format!("the clouds could not be asked at the end, so hosts may have come late: {error}"));
    }
    warnings
}

/// Where a script may still be running.
fn place(host: &HostRecord, labels: &Labels) -> String {
    let group = host.group.map(|group| format!(", process group {group}")).unwrap_or_default();
    format!("{} ({}{group})", labels.get(&host.id), neutral::line(&host.address))
}

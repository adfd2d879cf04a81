//! What happened between and around the hosts, in chronological order: stages, pauses, hooks, answers of the clouds,
//! the stop, the undo.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    axis::{after, between},
    document::Part,
    failures, summary,
};
use crate::report::{
    files::{
        record::Record,
        rollout_record::{HookRecord, PauseRecord, SightingRecord},
    },
    text::{labels::Labels, names, neutral, words},
};

/// The most hooks of single hosts listed: all of them may have failed.
const MOST: usize = 100;

/// Something that happened.
struct Entry {
    at: Timestamp,
    what: String,
    lasted: Option<Duration>,
    end: End,
    /// Anything else to say.
    note: Option<String>,
    /// The last lines of a script.
    output: String,
}

/// How it ended.
#[derive(Clone, Copy)]
enum End {
    Well,
    Badly,
    /// Neither good nor bad.
    Neither,
}

pub(super) fn part(record: &Record, labels: &Labels) -> Option<Part> {
    let rollout = &record.rollout;
    let mut entries: Vec<Entry> = stages(record);
    entries.extend(rollout.pauses.iter().map(pause));
    let (told, rest): (Vec<_>, Vec<_>) =
        rollout.hooks.iter().partition(|hook| hook.host.is_none() || hook.failure.is_some());
    entries.extend(told.into_iter().take(MOST).map(|it| hook(it, labels)));
    entries.extend(rollout.sightings.iter().filter_map(|it| sighting(it, labels)));
    entries.extend(stop(record));
    entries.extend(rollout.undo_started.map(|at| Entry { note: undone(record), ..entry(at, "Taking back begins") }));
    entries.extend(record.finished.map(|at| entry(at, "The run ends")));
    entries.sort_by_key(|entry| entry.at);
    let body = html! {
        table.course {
            thead { tr { th scope="col" { "At" } th scope="col" { "What" } th scope="col" { "Lasted" } } }
            tbody { @for entry in &entries { (row(entry, record.started)) } }
        }
        @if !rest.is_empty() {
            p.faint { "Hooks of single hosts that went well are not listed: " (words::number(rest.len())) "." }
        }
    };
    (!entries.is_empty()).then_some(Part { id: "course", title: "Stages and pauses", body })
}

fn entry(at: Timestamp, what: &str) -> Entry {
    Entry { at, what: what.to_owned(), lasted: None, end: End::Neither, note: None, output: String::new() }
}

fn row(entry: &Entry, zero: Timestamp) -> Markup {
    let (class, sign) = match entry.end {
        End::Well => ("good", "✓"),
        End::Badly => ("bad", "✗"),
        End::Neither => ("idle", "·"),
    };
    html! {
        tr {
            td.time { "+" (words::duration(between(zero, entry.at))) }
            td {
                span.outcome.(class) { span.sign aria-hidden="true" { (sign) } (entry.what) }
                @if let Some(note) = &entry.note { small { (note) } }
                @if !entry.output.is_empty() { pre tabindex="0" { (entry.output) } }
            }
            td.time { @if let Some(lasted) = entry.lasted { (words::duration(lasted)) } }
        }
    }
}

/// The stages that started. A stage ends with its last host.
fn stages(record: &Record) -> Vec<Entry> {
    let of = record.rollout.stages.len();
    let mut ends = HashMap::<&str, Option<Timestamp>>::new();
    for (host, started) in record.hosts.iter().filter_map(|host| Some((host, host.started?))) {
        let end = host.duration_ms.map(|ms| after(started, ms));
        let later = |last: &mut Option<Timestamp>| *last = last.zip(end).map(|(last, end)| last.max(end));
        ends.entry(&host.stage).and_modify(later).or_insert(end);
    }
    let stages = record.rollout.stages.iter().enumerate();
    let entries = stages.filter_map(|(number, stage)| {
        let at = stage.started?;
        let ended = ends.get(&*stage.name).copied().flatten();
        let name = neutral::line(&stage.name);
        let what = format!("Stage {} of {of}, {name}: {}", number + 1, words::count(stage.hosts, "host"));
        Some(Entry { lasted: ended.map(|ended| between(at, ended)), ..entry(at, &what) })
    });
    entries.collect()
}

/// A pause in a few words.
pub(super) fn of_pause(pause: &PauseRecord) -> String {
    let names = pause.names.iter().map(|name| neutral::line(name)).collect::<Vec<_>>().join(", ");
    match (pause.kind.as_str(), pause.soak()) {
        ("soak", Some(time)) if names.is_empty() => format!("Soak {}", words::setting(time)),
        ("soak", Some(time)) => format!("Soak {}, {names}", words::setting(time)),
        ("approve", _) => format!("Approval by {names}"),
        ("check", _) => format!("Check {names}"),
        (other, _) => format!("{} {names}", neutral::line(other)),
    }
}

fn pause(pause: &PauseRecord) -> Entry {
    let (end, word) = match pause.end.as_deref() {
        Some("passed") => (End::Well, ""),
        Some("check-failed") => (End::Badly, ": failed"),
        Some("refused") => (End::Badly, ": refused"),
        Some("given-up") => (End::Neither, ": given up"),
        Some(_) => (End::Neither, ""),
        None => (End::Neither, ": not ended"),
    };
    let approved = pause.approved_by.as_deref().map(|by| format!("approved by {}", neutral::line(by)));
    let lasted = pause.ended.map(|ended| between(pause.started, ended));
    let note = pause.message.as_deref().map(neutral::line).or(approved);
    Entry { lasted, end, note, ..entry(pause.started, &format!("{}{word}", of_pause(pause))) }
}

fn hook(hook: &HookRecord, labels: &Labels) -> Entry {
    let host = hook.host.as_ref().map(|host| format!(" for {}", labels.get(host)));
    let (end, word, note) = match &hook.failure {
        None => (End::Well, "", None),
        Some(failure) => (End::Badly, ": failed", Some(neutral::line(failure))),
    };
    let what = format!("Hook {}{}{word}", neutral::line(&hook.hook), host.unwrap_or_default());
    Entry { end, note, output: failures::lines(&hook.output), ..entry(hook.at, &what) }
}

/// An answer of the clouds, if it brought news.
fn sighting(sighting: &SightingRecord, labels: &Labels) -> Option<Entry> {
    if let Some(error) = &sighting.error {
        let entry = entry(sighting.at, "The clouds are asked again: no answer");
        return Some(Entry { end: End::Badly, note: Some(neutral::line(error)), ..entry });
    }
    let parts: Vec<String> = [("new", &sighting.joined), ("gone", &sighting.gone)]
        .into_iter()
        .filter(|(_, hosts)| !hosts.is_empty())
        .map(|(word, hosts)| format!("{word}: {}", names::fold(hosts.iter().map(|host| labels.get(host))).join(", ")))
        .collect();
    let entry = entry(sighting.at, "The clouds are asked again");
    (!parts.is_empty()).then(|| Entry { note: Some(parts.join("; ")), ..entry })
}

fn stop(record: &Record) -> Option<Entry> {
    let (at, word) = (record.stopped_at?, summary::stopped_by(record)?);
    let entry = entry(at, &format!("Stopped: {word}"));
    Some(Entry { end: End::Badly, note: Some("nothing new is started any more".to_owned()), ..entry })
}

fn undone(record: &Record) -> Option<String> {
    let undone = record.hosts.iter().filter(|host| host.undo.is_some()).count();
    (undone > 0).then(|| words::count(undone, "host"))
}

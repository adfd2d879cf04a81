//! The timeline: a row for every touched host, stage by stage, with how its time was spent and how it ended.
//!
//! A few hosts have high rows with names. Many hosts have thin rows, and only those that did not end well have names: a
//! single failure can be found among thousands, and the shape of the whole is visible.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    axis::{Axis, after, between},
    document::Part,
    hosts,
    layout::{Head, Layout, PAUSES, REMARK, Row, STAGE, StageRows, by_stage, laid_out, marked},
    look::{self, Look},
    phases::phases,
    summary,
};
use crate::report::{
    files::{host_record::HostRecord, record::Record, rollout_record::PauseRecord},
    text::{cells, labels::Labels, neutral, words},
};

/// The width of a name, in cells: what fits beside the rows.
const NAME: usize = 24;

/// The height below the last row, where the time stands.
const FOOT: u32 = 26;

pub(super) fn part(record: &Record, labels: &Labels) -> Option<Part> {
    let touched = record.hosts.iter().filter(|host| host.started.is_some()).count();
    if touched == 0 && record.rollout.pauses.is_empty() {
        return None;
    }
    let end = end(record);
    let axis = Axis::new(record.started, record.started, end);
    let Layout { stages, head, bottom } = laid_out(record, touched);
    let body = html! {
        (legend(record))
        svg.lanes role="img" aria-labelledby="timeline-name timeline-words" height=(bottom + FOOT) {
            title id="timeline-name" { "Timeline of " (words::count(touched, "host")) }
            desc id="timeline-words" { (in_words(record, axis)) }
            defs {
                pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect.ground width="6" height="6" {}
                    rect.stripe width="3" height="6" {}
                }
            }
            g.names { @for stage in &stages { @for row in stage.rows.iter().filter(|row| row.named) {
                text y=(row.middle()) dy=".35em" { (cells::cut_middle(labels.get(&row.host.id), NAME, "…")) }
            } } }
            rect.cover width="100%" height=(bottom) {}
            g.bands { @for pause in &record.rollout.pauses { (band(pause, axis, end, bottom)) } }
            (grid(axis, head, bottom))
            (marks(record, axis, bottom))
            @for stage in &stages { (drawn(stage, axis, end, labels)) }
        }
    };
    Some(Part { id: "timeline", title: "Timeline", body })
}

/// The last moment in the record.
pub(super) fn end(record: &Record) -> Timestamp {
    let hosts = record.hosts.iter().flat_map(|host| {
        let undo = host.undo.as_ref();
        let own = host.started.map(|started| after(started, host.duration_ms.unwrap_or(0)));
        [own, undo.and_then(|undo| Some(after(undo.started?, undo.duration_ms)))]
    });
    let pauses = record.rollout.pauses.iter().flat_map(|pause| [Some(pause.started), pause.ended]);
    let samples = record.rollout.samples.iter().map(|sample| Some(sample.at));
    let all = hosts.chain(pauses).chain(samples).chain([record.finished, record.stopped_at]);
    all.flatten().fold(record.started, Timestamp::max)
}

fn drawn(stage: &StageRows<'_>, axis: Axis, now: Timestamp, labels: &Labels) -> Markup {
    let bottom = stage.rows.last().map_or(stage.top + STAGE, |row| row.top + row.height);
    let title = match stage.of {
        1 => neutral::line(stage.name),
        of => format!("Stage {} of {of}: {}", stage.number, neutral::line(stage.name)),
    };
    let hosts = words::count(stage.rows.len() + stage.untouched, "host");
    html! {
        g.names { text.stage y=(stage.top + STAGE - 9) { (title) " · " (hosts) } }
        line.rule x1="0" x2="100%" y1=(stage.top + STAGE - 2) y2=(stage.top + STAGE - 2) {}
        @for row in &stage.rows { (bars(row, axis, now, labels)) }
        @if stage.untouched > 0 {
            g.names { text.remark y=(bottom + REMARK - 6) { (words::count(stage.untouched, "host")) " not touched" } }
        }
    }
}

fn bars(row: &Row<'_>, axis: Axis, now: Timestamp, labels: &Labels) -> Markup {
    let look = look::of_host(row.host);
    let drawn: Vec<_> = phases(row.host, now)
        .into_iter()
        .filter(|(phase, from, to)| phase.always_shows() || axis.shows(*from, *to))
        .collect();
    let last = drawn.last().map_or(row.host.started.unwrap_or(now), |(_, _, to)| *to);
    html! {
        g {
            title { (labels.get(&row.host.id)) ": " (sentence(row.host)) }
            @for (phase, from, to) in &drawn {
                @let (x, width) = axis.stretch(*from, *to);
                @let height = if row.named { phase.height() } else { row.height };
                rect.(phase.class()) x=(x) width=(width) y=(row.top + (row.height - height) / 2) height=(height) {}
            }
            // For a host that was never reached, nothing else may be long enough to be seen.
            @if drawn.is_empty() {
                circle.(look.class) cx=(axis.place(last)) cy=(row.middle()) r=(if row.named { 4 } else { 2 }) {}
            }
            @if row.named { text.end x="100%" dx="6" y=(row.middle()) dy=".35em" { (ending(row.host, look)) } }
        }
    }
}

/// How a host ended, in as few letters as possible; where there is little room, words are left out.
fn ending(host: &HostRecord, look: Look) -> Markup {
    let script = look::of_script(host);
    let short = match (&host.undo, host.exit_status, &host.signal) {
        (None, Some(0), _) => Some(String::new()),
        (None, Some(status), _) => Some(status.to_string()),
        (None, None, Some(signal)) => Some(cells::cut(&neutral::line(signal), 6, "…")),
        (Some(_), _, _) | (None, None, None) => None,
    };
    html! {
        @if script != look && script.class != "good" { tspan.(script.class) { (script.sign) " " } }
        tspan.(look.class) {
            (look.sign) " "
            @match short {
                Some(short) => (short),
                None => tspan.word { (look.word.trim_start_matches("undo-")) },
            }
        }
    }
}

/// What became of a host, and when.
fn sentence(host: &HostRecord) -> String {
    let look = look::of_script(host);
    let mut text = look.word.to_owned();
    if let Some(ms) = host.duration_ms {
        text.push_str(&format!(" after {}", hosts::took(ms)));
    }
    text.extend(hosts::phases(host).map(|phases| format!(" ({phases})")));
    if let Some(undo) = host.undo_after() {
        text.push_str(&format!("; then {} in {}", undo.outcome.as_str(), hosts::took(undo.duration_ms)));
    }
    text
}

/// A pause, behind the rows.
fn band(pause: &PauseRecord, axis: Axis, now: Timestamp, bottom: u32) -> Markup {
    let (x, width) = axis.stretch(pause.started, pause.ended.unwrap_or(now));
    let name = super::course::of_pause(pause);
    let class = if pause.end.as_deref().is_none_or(|end| end == "passed") { "passed" } else { "stopped" };
    html! {
        g.(class) {
            title { (name) }
            rect x=(x) width=(width) height=(bottom) {}
            // A nested drawing clips text that does not fit.
            @if width.has_room() { svg x=(x) width=(width) height=(PAUSES) { text x="4" y="14" { (name) } } }
        }
    }
}

/// The labelled moments, and a line through all rows at each.
fn grid(axis: Axis, head: Head, bottom: u32) -> Markup {
    html! {
        g.grid { @for (place, text) in axis.ticks() {
            line x1=(place) x2=(place) y1=(head.bottom) y2=(bottom) {}
            @for y in head.times.into_iter().chain([bottom + 16]) {
                text x=(place) y=(y) text-anchor="middle" { (text) }
            }
        } }
    }
}

/// The moments when the run was stopped and when the rollback started.
fn marks(record: &Record, axis: Axis, bottom: u32) -> Markup {
    let top = if record.rollout.pauses.is_empty() { 0 } else { PAUSES };
    html! {
        @for (word, at) in marked(record) {
            @let x = axis.place(at);
            @let (anchor, dx) = if word == "stop" { ("end", "-4") } else { ("start", "4") };
            g.mark.(word) {
                line x1=(x) x2=(x) y1=(top + 2) y2=(bottom) {}
                text x=(x) dx=(dx) y=(top + 12) text-anchor=(anchor) { (word) }
            }
        }
    }
}

fn legend(record: &Record) -> Markup {
    // A rollback by hand has no scripts other than the undos.
    let any = |class| record.rollback.is_none() && record.hosts.iter().any(|host| look::of_script(host).class == class);
    let scripts = [("good", "succeeded"), ("bad", "failed"), ("doubt", "unreachable or unknown"), ("live", "running")];
    let undone = record.hosts.iter().any(|host| host.undo.is_some());
    html! {
        ul.legend aria-hidden="true" {
            li { (swatch("connecting", 4)) "connecting" }
            li { (swatch("login", 8)) "logging in" }
            @for (class, word) in scripts { @if any(class) { li { (swatch(class, 12)) "script: " (word) } } }
            @if undone { li { (swatch("undo", 12)) "rolled back" } }
            @if !record.rollout.pauses.is_empty() { li { (swatch("band", 16)) "soak, check, approval" } }
        }
    }
}

fn swatch(class: &str, height: u32) -> Markup {
    html! { svg width="24" height="16" { rect.(class) width="24" y=((16 - height) / 2) height=(height) {} } }
}

/// A description of the drawing, for readers who cannot see it.
fn in_words(record: &Record, axis: Axis) -> String {
    let mut text = format!("{} long.", words::duration(axis.length()));
    for (name, hosts) in by_stage(record) {
        let touched: Vec<_> = hosts.iter().filter_map(|host| host.started).collect();
        let name = neutral::line(name);
        text.push_str(&match touched.iter().min() {
            None => format!(" Stage {name}: {}, none touched.", words::count(hosts.len(), "host")),
            Some(first) => format!(
                " Stage {name}: {} of {} touched, from {} on.",
                words::number(touched.len()),
                words::count(hosts.len(), "host"),
                words::duration(between(record.started, *first)),
            ),
        });
    }
    if let Some(word) = summary::stopped_by(record) {
        text.push_str(&format!(" Stopped: {word}."));
    }
    text + " The table of hosts has all of it in words."
}

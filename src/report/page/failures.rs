//! Each failure in full: the host, how it ended, what to try, the last lines. Hosts that failed in the same way with
//! the same words share one entry, as on the last screen of the run.

use maud::{Markup, html};

use super::{
    document::Part,
    hosts,
    look::{self, Look},
};
use crate::report::{
    files::{host_record::HostRecord, record::Record, rollout_record::UndoRecord},
    screens::failures::{alike, wants_telling},
    text::{labels::Labels, names, neutral, words},
};

/// The most kinds of failures shown with their last lines. The page must stay small enough to open, and a fleet can
/// fail in many words.
const MOST: usize = 60;

/// The number of them that are unfolded.
const OPEN: usize = 3;

/// The most failed undos shown.
const MOST_UNDOS: usize = 60;

pub(super) fn part(record: &Record, labels: &Labels) -> Option<Part> {
    // Hosts that succeeded and could not be rolled back come after the others.
    let kinds: Vec<_> =
        alike(record).into_iter().filter(|hosts| hosts.iter().any(|host| wants_telling(host))).collect();
    let undos: Vec<(&HostRecord, &UndoRecord)> = record.hosts.iter().filter_map(not_undone).collect();
    let (told, rest) = kinds.split_at(kinds.len().min(MOST));
    let (told_undos, rest_undos) = undos.split_at(undos.len().min(MOST_UNDOS));
    let body = html! {
        @for (n, hosts) in told.iter().enumerate() { (kind(hosts, labels, n < OPEN)) }
        (left_out(rest.iter().map(Vec::len).sum(), "failed in other ways"))
        @for (n, (host, undo)) in told_undos.iter().enumerate() { (undo_failure(host, undo, labels, n < OPEN)) }
        (left_out(rest_undos.len(), "could not be rolled back"))
    };
    let any = !kinds.is_empty() || !undos.is_empty();
    any.then_some(Part { id: "failures", title: "Failures", body })
}

fn not_undone(host: &HostRecord) -> Option<(&HostRecord, &UndoRecord)> {
    Some((host, host.unhealed()?))
}

fn kind(alike: &[&HostRecord], labels: &Labels, open: bool) -> Markup {
    let Some((host, others)) = alike.split_first() else { return html! {} };
    let look = look::of_script(host);
    let reason = words::why(host);
    html! {
        details.failure.(look.class) open[open] {
            summary {
                (title(look, labels.get(&host.id)))
                @if !others.is_empty() { " and " (words::count(others.len(), "other host")) }
                @if reason != look.word { ": " span.why { (reason) } }
            }
            p.faint { (facts(host)) }
            (hosts::parts(host))
            @if let Some(undo) = host.undo_after() { p { "Then: " (words::of_undo(undo)) } }
            @if !others.is_empty() {
                p { "Likewise: " (names::fold(others.iter().map(|host| labels.get(&host.id))).join(", ")) }
            }
            (words_of_host(host.hint.as_deref(), &host.stderr_tail, &host.stdout_tail, host.group.is_some()))
            (whole(host.log.as_deref()))
        }
    }
}

fn undo_failure(host: &HostRecord, undo: &UndoRecord, labels: &Labels, open: bool) -> Markup {
    let look = look::of_undo(undo.outcome);
    html! {
        details.failure.(look.class) open[open] {
            summary { (title(look, labels.get(&host.id))) ": " span.why { (words::of_undo(undo)) } }
            p.faint { (hosts::place(host)) " · undo " (hosts::took(undo.duration_ms)) }
            (words_of_host(undo.hint.as_deref(), &undo.stderr_tail, &undo.stdout_tail, undo.started.is_some()))
            (whole(undo.log.as_deref()))
        }
    }
}

fn title(look: Look, label: &str) -> Markup {
    html! { span.sign aria-hidden="true" { (look.sign) } strong { (label) } " " span.outcome { (look.word) } }
}

/// Where a host is, and how its time was spent, in a line.
fn facts(host: &HostRecord) -> String {
    let mut facts = vec![hosts::place(host)];
    if !host.stage.is_empty() {
        facts.push(format!("stage {}", neutral::line(&host.stage)));
    }
    facts.extend(hosts::phases(host));
    if host.attempts > 1 {
        facts.push(words::count(host.attempts as usize, "attempt"));
    }
    facts.join(" · ")
}

/// What to try, and the last lines of both streams.
fn words_of_host(hint: Option<&str>, stderr: &str, stdout: &str, ran: bool) -> Markup {
    let streams = [("Standard error, its end", lines(stderr)), ("Standard output, its end", lines(stdout))];
    let silent = ran && streams.iter().all(|(_, text)| text.is_empty());
    html! {
        @if let Some(hint) = hint { p.hint { strong { "Hint: " } (neutral::line(hint)) } }
        @for (name, text) in streams.iter().filter(|(_, text)| !text.is_empty()) {
            figure { figcaption { (name) } pre tabindex="0" { (text) } }
        }
        @if silent { p.faint { "It printed nothing." } }
    }
}

/// The path of the complete output.
fn whole(log: Option<&str>) -> Markup {
    html! { @if let Some(log) = log { p.log { "All of it: " code { (neutral::line(log)) } } } }
}

/// The last lines of a stream, harmless.
pub(super) fn lines(tail: &str) -> String {
    neutral::block(tail).trim_matches('\n').trim_end().to_owned()
}

fn left_out(hosts: usize, how: &str) -> Markup {
    html! {
        @if hosts > 0 {
            p.faint { "And " (words::count(hosts, "more host")) " that " (how) ": the report and the table below name them." }
        }
    }
}

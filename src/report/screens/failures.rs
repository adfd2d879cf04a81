//! Each failure in full: the host, how it ended, the last lines, the log. Hosts that failed in the same way with the
//! same words share one entry.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    inventory::HostId,
    report::{
        files::{host_record::HostRecord, record::Record, rollout_record::UndoRecord},
        text::{
            cells,
            labels::Labels,
            names, neutral,
            screen::{Ink, Screen},
            words,
        },
    },
    rollout::Outcome,
};

/// The most different failures shown; the others are only counted. They are in the table, the record and the logs.
const MOST: usize = 10;

/// The most names, folded, listed of the hosts that failed in the same way.
const NAMES: usize = 8;

/// The indent of text that belongs to a host.
pub(in crate::report) const INDENT: usize = 2;

/// The column where the value of a labelled line starts.
const FIELD: usize = 9;

/// Every failure of `record` that needs an explanation; the last lines are omitted for hosts in `shown_whole`.
pub(in crate::report) fn screenful(
    record: &Record,
    labels: &Labels,
    screen: &Screen,
    shown_whole: &HashSet<HostId>,
    all: bool,
) -> String {
    let groups = alike(record);
    let shown = if all { groups.len() } else { groups.len().min(MOST) };
    let mut out = String::new();
    for group in &groups[..shown] {
        out.push('\n');
        out.push_str(&failure(group, labels, screen, shown_whole));
    }
    let untold: usize = groups[shown..].iter().map(Vec::len).sum();
    if untold > 0 {
        let more =
            format!("and {} that failed in other ways: --verbose shows them all", words::count(untold, "more host"));
        out.push_str(&format!("\n{}\n", screen.paint(Ink::Faint, &more)));
    }
    out
}

/// One line about a host that has just failed.
pub(in crate::report) fn headline(host: &HostRecord, label: &str, screen: &Screen) -> String {
    // Without a connection attempt, the time means nothing.
    let time = host.started.and(host.duration_ms);
    let deploy = (host.own_word().unwrap_or("running"), host.attempts, time);
    let undo = host.unhealed().map(|undo| (undo.outcome.as_str(), undo.attempts, Some(undo.duration_ms)));
    let (outcome, attempts, duration) = undo.unwrap_or(deploy);
    let sign = screen.paint(Ink::Bad, screen.signs().cross);
    let tries =
        if attempts > 1 { format!("{} in ", words::count(attempts as usize, "attempt")) } else { String::new() };
    let time = duration.map(|ms| format!(" after {tries}{}", words::duration(Duration::from_millis(ms))));
    let why = if undo.is_some() { words::fate(host) } else { words::why(host) };
    let time = time.unwrap_or_default();
    let head = format!("{} {label} {outcome}{time}", screen.signs().cross);
    let (label, painted) = (screen.paint(Ink::Strong, label), screen.paint(Ink::Bad, outcome));
    let mut line = format!("{sign} {label} {painted}{time}");
    if why != outcome {
        line.push_str(": ");
        line.push_str(&wrapped(&why, cells::width(&head) + 2, INDENT, screen));
    }
    line
}

/// True when a host's end needs an explanation. A host that the run itself ended needs none, provided its script is
/// known to be gone.
pub(in crate::report) fn wants_telling(host: &HostRecord) -> bool {
    match host.outcome {
        Some(Outcome::Failed) => {
            !matches!(host.cause.as_deref(), Some("cancelled" | "barrier")) || host.may_still_run()
        }
        Some(Outcome::Unreachable | Outcome::Unknown) => true,
        Some(Outcome::Succeeded | Outcome::Gone | Outcome::Skipped) | None => false,
    }
}

/// The failures, grouped by equal words, in the order of the first of each. Standard output is compared only where
/// standard error is empty: it names the host too often to be the same on two.
pub(in crate::report) fn alike(record: &Record) -> Vec<Vec<&HostRecord>> {
    let mut groups: Vec<Vec<&HostRecord>> = Vec::new();
    let mut places = HashMap::new();
    for host in record.hosts.iter().filter(|host| wants_telling(host) || host.unhealed().is_some()) {
        let said = if host.stderr_tail.trim().is_empty() { &host.stdout_tail } else { &host.stderr_tail };
        let undo = host.unhealed().map(|undo| (undo.outcome, words::of_undo(undo), &undo.hint, undo_said(undo)));
        let words = (host.outcome, impersonal(host), &host.hint, said, undo);
        let place = *places.entry(words).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(host),
            None => groups.push(vec![host]),
        }
    }
    groups
}

/// Why a host did not succeed, without its own address; otherwise no two hosts behind a broken network would be alike.
fn impersonal(host: &HostRecord) -> String {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    let address = bare(&host.address);
    words::why(host).split(' ').filter(|word| bare(word) != address).collect::<Vec<_>>().join(" ")
}

fn failure(group: &[&HostRecord], labels: &Labels, screen: &Screen, shown_whole: &HashSet<HostId>) -> String {
    let Some((host, others)) = group.split_first() else { return String::new() };
    let mut out = format!("{}\n  {}\n", headline(host, labels.get(&host.id), screen), facts(host, screen));
    let tails = [("stderr", &host.stderr_tail), ("stdout", &host.stdout_tail)];
    if host.group.is_some() && tails.iter().all(|(_, tail)| tail.trim().is_empty()) {
        out.push_str(&field("output", "none", screen));
    } else if shown_whole.contains(&host.id) {
        out.push_str(&field("output", "with that of its group, on standard output", screen));
    } else {
        for (stream, tail) in tails {
            out.push_str(&quoted(stream, tail, screen));
        }
    }
    if let Some(undo) = host.unhealed() {
        out.push_str(&quoted("undo", undo_said(undo), screen));
    }
    for hint in [host.hint.as_ref(), host.unhealed().and_then(|undo| undo.hint.as_ref())].into_iter().flatten() {
        out.push_str(&field("hint", &wrapped(&neutral::line(hint), FIELD, FIELD, screen), screen));
    }
    for log in [host.log.as_ref(), host.unhealed().and_then(|undo| undo.log.as_ref())].into_iter().flatten() {
        out.push_str(&field("log", log, screen));
    }
    if !others.is_empty() {
        out.push_str(&field("also", &wrapped(&fellows(others, labels, screen), FIELD, FIELD, screen), screen));
    }
    out
}

/// The last output of a host's undo.
fn undo_said(undo: &UndoRecord) -> &str {
    if undo.stderr_tail.trim().is_empty() { &undo.stdout_tail } else { &undo.stderr_tail }
}

fn facts(host: &HostRecord, screen: &Screen) -> String {
    let mut facts = vec![neutral::line(host.id.as_str()), neutral::line(&host.address)];
    if !host.region.is_empty() {
        facts.push(neutral::line(&host.region));
    }
    let facts = facts.join(&format!(" {} ", screen.signs().dot));
    screen.paint(Ink::Faint, &wrapped(&facts, INDENT, INDENT, screen))
}

/// The last lines of a stream behind a rule, so that they are not mistaken for Fleetwide's own.
fn quoted(stream: &str, tail: &str, screen: &Screen) -> String {
    let clean = neutral::block(tail);
    let clean = clean.trim_matches('\n').trim_end();
    if clean.trim().is_empty() {
        return String::new();
    }
    let mut out = String::new();
    let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(FIELD + INDENT));
    for (n, line) in clean.lines().flat_map(|line| cells::fold(line.trim_end(), room)).enumerate() {
        let label = if n == 0 { stream } else { "" };
        let margin = screen.paint(Ink::Faint, &format!("{label:<6} {}", screen.signs().gutter));
        out.push_str(format!("  {margin} {line}").trim_end());
        out.push('\n');
    }
    out
}

/// `text` wrapped at the screen's width: the first line starts after `used` cells, the others at `indent`.
pub(in crate::report) fn wrapped(text: &str, used: usize, indent: usize, screen: &Screen) -> String {
    let Some(width) = screen.width else { return text.to_owned() };
    let lines = cells::wrap(text, width.saturating_sub(used), width.saturating_sub(indent));
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

fn field(label: &str, value: &str, screen: &Screen) -> String {
    format!("  {} {value}\n", screen.paint(Ink::Faint, &format!("{:<6}", format!("{label}:"))))
}

fn fellows(others: &[&HostRecord], labels: &Labels, screen: &Screen) -> String {
    let mut shown = names::fold(others.iter().map(|host| labels.get(&host.id)));
    let rest = if shown.len() > NAMES { format!(", {}", screen.signs().ellipsis) } else { String::new() };
    shown.truncate(NAMES);
    let many = words::count(others.len(), "other host");
    format!("{many} in the same way: {}{rest}", shown.join(", "))
}

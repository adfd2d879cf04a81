//! Each failure in full: who, where, how it ended, the last lines, the log. Hosts that failed in
//! the same way with the same words are told of once.

use std::collections::HashMap;

use super::{
    labels::Labels,
    neutral,
    record::{HostRecord, Record},
    screen::{Ink, Screen},
    words,
};
use crate::rollout::Outcome;

/// After so many different failures, the others are counted only; they are in the table, the record and the logs.
const MOST: usize = 10;

/// So many names are listed of the hosts that failed in the same way.
const NAMES: usize = 8;

/// Every failure of `record` that asks for an explanation.
pub(super) fn screenful(record: &Record, labels: &Labels, screen: &Screen, all: bool) -> String {
    let groups = alike(record);
    let shown = if all { groups.len() } else { groups.len().min(MOST) };
    let mut out = String::new();
    for group in &groups[..shown] {
        out.push('\n');
        out.push_str(&failure(group, labels, screen));
    }
    let untold: usize = groups[shown..].iter().map(Vec::len).sum();
    if untold > 0 {
        let more =
            format!("and {} that failed in other ways: --verbose shows them all", words::count(untold, "more host"));
        out.push_str(&format!("\n{}\n", screen.paint(Ink::Faint, &more)));
    }
    out
}

/// What one line tells at once about a host that has just failed.
pub(super) fn headline(host: &HostRecord, label: &str, screen: &Screen) -> String {
    let outcome = host.outcome.map_or("running", Outcome::as_str);
    let sign = screen.paint(Ink::Bad, screen.signs().cross);
    let why = words::why(host);
    let why = if why == outcome { String::new() } else { format!(": {why}") };
    format!("{sign} {} {}{why}", screen.paint(Ink::Strong, label), screen.paint(Ink::Bad, outcome))
}

/// True when a host's end wants to be explained. Those that we ended ourselves do not, as long as
/// they are known to be gone.
pub(super) fn wants_telling(host: &HostRecord) -> bool {
    match host.outcome {
        Some(Outcome::Failed) => host.cause.as_deref() != Some("cancelled") || host.may_still_run(),
        Some(Outcome::Unreachable | Outcome::Unknown) => true,
        Some(Outcome::Succeeded | Outcome::Skipped) | None => false,
    }
}

/// The failures, those with the same words together, in the order of their first.
fn alike(record: &Record) -> Vec<Vec<&HostRecord>> {
    let mut groups: Vec<Vec<&HostRecord>> = Vec::new();
    let mut places = HashMap::new();
    for host in record.hosts.iter().filter(|host| wants_telling(host)) {
        let words = (host.outcome, words::why(host), &host.hint, &host.stdout_tail, &host.stderr_tail);
        let place = *places.entry(words).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(host),
            None => groups.push(vec![host]),
        }
    }
    groups
}

fn failure(group: &[&HostRecord], labels: &Labels, screen: &Screen) -> String {
    let Some((host, others)) = group.split_first() else { return String::new() };
    let mut out = format!("{}\n  {}\n", headline(host, labels.get(&host.id), screen), facts(host, screen));
    let tails = [("stderr", &host.stderr_tail), ("stdout", &host.stdout_tail)];
    for (stream, tail) in tails {
        out.push_str(&quoted(stream, tail, screen));
    }
    if host.group.is_some() && tails.iter().all(|(_, tail)| tail.trim().is_empty()) {
        out.push_str(&field("output", "none", screen));
    }
    if let Some(hint) = &host.hint {
        out.push_str(&field("hint", &neutral::block(hint).replace('\n', "\n         "), screen));
    }
    if let Some(log) = &host.log {
        out.push_str(&field("log", log, screen));
    }
    if !others.is_empty() {
        out.push_str(&field("also", &names(others, labels, screen), screen));
    }
    out
}

fn facts(host: &HostRecord, screen: &Screen) -> String {
    let mut facts = vec![neutral::line(host.id.as_str()), neutral::line(&host.address)];
    if !host.region.is_empty() {
        facts.push(neutral::line(&host.region));
    }
    facts.push(words::count(host.attempts as usize, "attempt"));
    if let Some(ms) = host.duration_ms {
        facts.push(words::duration(std::time::Duration::from_millis(ms)));
    }
    screen.paint(Ink::Faint, &facts.join(&format!(" {} ", screen.signs().dot)))
}

/// The last lines of a stream behind a rule, so that nobody takes them for ours.
fn quoted(stream: &str, tail: &str, screen: &Screen) -> String {
    let clean = neutral::block(tail);
    let clean = clean.trim_matches('\n').trim_end();
    if clean.trim().is_empty() {
        return String::new();
    }
    let mut out = String::new();
    for (n, line) in clean.lines().enumerate() {
        let label = if n == 0 { stream } else { "" };
        let margin = screen.paint(Ink::Faint, &format!("{label:<6} {}", screen.signs().gutter));
        out.push_str(format!("  {margin} {}", line.trim_end()).trim_end());
        out.push('\n');
    }
    out
}

fn field(label: &str, value: &str, screen: &Screen) -> String {
    format!("  {} {value}\n", screen.paint(Ink::Faint, &format!("{:<6}", format!("{label}:"))))
}

fn names(others: &[&HostRecord], labels: &Labels, screen: &Screen) -> String {
    let shown: Vec<_> = others.iter().take(NAMES).map(|host| labels.get(&host.id)).collect();
    let rest = match others.len().saturating_sub(NAMES) {
        0 => String::new(),
        n => format!(", {} {} more", screen.signs().ellipsis, words::number(n)),
    };
    format!("{} in the same way: {}{rest}", words::count(others.len(), "host"), shown.join(", "))
}

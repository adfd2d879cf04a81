//! The last screen of a run, drawn from its record: the counts, the hosts that did not succeed, each failure in full,
//! what may still be running, and one closing line that explains the exit code.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    time::Duration,
};

use super::failures;
use crate::{
    inventory::HostId,
    report::{
        files::{
            host_record::HostRecord,
            record::{Record, RollbackRecord, Status},
        },
        reporter::Detail,
        tables::{
            rollback,
            table::{Cell, Column, Table},
        },
        text::{
            cells,
            labels::Labels,
            names, neutral,
            screen::{Ink, Screen},
            words,
        },
    },
    rollout::{Outcome, UndoOutcome},
};

/// The indent of text that belongs to the line above.
const INDENT: usize = 2;

/// The column where the command after `next:` starts.
const NEXT: usize = 6;

/// The most names, folded, listed with each exit status.
const FEW_NAMES: usize = 3;

/// The most rows of the table; further hosts are only counted.
const MOST_ROWS: usize = 50;

/// The commands that repeat a run, as a person would type them.
#[derive(Clone, Debug)]
pub struct Rerun {
    /// On the same hosts.
    pub again: String,
    /// On the hosts that did not succeed; `None` if no report lists them.
    pub failed: Option<String>,
}

/// The last screen. The reader has already seen the full output of the hosts in `shown_whole`; `rerun` has the commands
/// that repeat the run.
pub(in crate::report) fn screenful(
    record: &Record,
    screen: &Screen,
    detail: Detail,
    shown_whole: &HashSet<HostId>,
    rerun: Option<&Rerun>,
) -> String {
    let labels = Labels::of(record);
    let mut out = String::new();
    match detail {
        Detail::Quiet => {}
        Detail::Normal | Detail::Verbose => {
            out.push_str(&counts(record, screen));
            out.push_str(&statuses(record, &labels, screen));
            out.push_str(&rows(record, &labels, screen, detail == Detail::Verbose));
        }
    }
    out.push_str(&failures::screenful(record, &labels, screen, shown_whole, detail == Detail::Verbose));
    out.push_str(&left_running(record, &labels, screen));
    out.push_str(&gaps(record, screen));
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&closing(record, screen));
    if let Some(why) = record.objection() {
        let line = format!("  {}", neutral::line(&why));
        out.push_str(&format!("{}\n", screen.paint(Ink::Bad, &line)));
    }
    if record.finished.is_some()
        && let Some(error) = record.rollout.sightings.last().and_then(|sighting| sighting.error.as_deref())
    {
        let warning = format!(
            "warning: the clouds could not be asked at the end, so hosts may have come late: {}",
            neutral::line(error)
        );
        out.push_str(&format!("{}\n", screen.paint(Ink::Warning, &warning)));
    }
    if detail != Detail::Quiet {
        out.push_str(&circumstances(record, screen));
    }
    let commands = next(record, rerun);
    let width = commands.iter().map(|(command, _)| cells::width(command)).max().unwrap_or(0);
    // Commands are there to be copied: if a line would break, the explanation stands below the command instead.
    let longest = commands.iter().map(|(_, reason)| cells::width(reason)).max().unwrap_or(0);
    let beside = screen.width.is_none_or(|room| NEXT + width + 2 + longest <= room);
    for (n, (command, reason)) in commands.iter().enumerate() {
        let label = if n == 0 { "next:" } else { "     " };
        let (command, gap) = if beside {
            (cells::pad(command, width), "  ".to_owned())
        } else {
            (command.clone(), format!("\n{}", " ".repeat(NEXT + INDENT)))
        };
        let (command, reason) = (screen.paint(Ink::Strong, &command), screen.paint(Ink::Faint, reason));
        out.push_str(&format!("{label} {command}{gap}{reason}\n"));
    }
    out
}

fn counts(record: &Record, screen: &Screen) -> String {
    let summary = record.summary();
    // The closing line covers this.
    if summary.succeeded == summary.total {
        return String::new();
    }
    if record.rollback.is_some() {
        return undone(record, screen);
    }
    let counts = [
        ("succeeded", summary.succeeded, Ink::Good),
        ("failed", summary.failed, Ink::Bad),
        ("unreachable", summary.unreachable, Ink::Bad),
        ("unknown", summary.unknown, Ink::Bad),
        ("gone", summary.gone, Ink::Warning),
        ("skipped", summary.skipped, Ink::Warning),
    ];
    let width = words::number(summary.total).len();
    let mut out = String::from("\n");
    for (word, n, ink) in counts {
        if n > 0 || word == "succeeded" {
            let ink = if n > 0 { ink } else { Ink::Faint };
            out.push_str(&format!("  {} {:>width$}\n", screen.paint(ink, &format!("{word:<11}")), words::number(n)));
        }
    }
    out + &undone(record, screen)
}

/// The number of hosts rolled back, and of those that could not be.
fn undone(record: &Record, screen: &Screen) -> String {
    let count = |wanted| {
        record.hosts.iter().filter(|host| host.undo.as_ref().is_some_and(|undo| undo.outcome == wanted)).count()
    };
    let counts = [
        (UndoOutcome::Undone, Ink::Warning),
        (UndoOutcome::UndoFailed, Ink::Bad),
        (UndoOutcome::UndoUnknown, Ink::Bad),
    ];
    let said =
        counts.into_iter().map(|(outcome, ink)| (count(outcome), outcome.as_str(), ink)).filter(|(n, ..)| *n > 0);
    let said: Vec<_> = said.map(|(n, word, ink)| screen.paint(ink, &format!("{} {word}", words::number(n)))).collect();
    if said.is_empty() { String::new() } else { format!("\n  {}\n", said.join(", ")) }
}

/// How often a command ended in which way, because its exit status may carry meaning; with the hosts, if they are few.
fn statuses(record: &Record, labels: &Labels, screen: &Screen) -> String {
    let mut ways = BTreeMap::<Way<'_>, Vec<&HostRecord>>::new();
    for host in &record.hosts {
        let way = match (host.exit_status, host.signal.as_deref()) {
            (Some(status), _) => Way::Status(status),
            (None, Some(signal)) => Way::Signal(signal),
            (None, None) => continue,
        };
        ways.entry(way).or_default().push(host);
    }
    // A deploy's status is its outcome. A single host is shown in full below, and status 0 is the first line of the
    // counts.
    let is_news = ways.keys().any(|way| *way != Way::Status(0));
    if record.command.is_none() || record.hosts.len() == 1 || !is_news {
        return String::new();
    }
    let parts = ways.iter().map(|(way, hosts)| {
        let names = names::fold(hosts.iter().map(|host| labels.get(&host.id)));
        let names = match way {
            Way::Status(1..) | Way::Signal(_) if names.len() <= FEW_NAMES => format!(" ({})", names.join(", ")),
            Way::Status(_) | Way::Signal(_) => String::new(),
        };
        format!("{way} {} {}{names}", screen.signs().times, words::number(hosts.len()))
    });
    let label = "  exit statuses: ";
    let parts = parts.collect::<Vec<_>>().join(", ");
    format!("\n{label}{}\n", failures::wrapped(&parts, label.len(), 2 * INDENT, screen))
}

/// How a command ended. Statuses come before signals, each in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way<'r> {
    Status(u8),
    Signal(&'r str),
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Signal(signal) => write!(f, "SIG{}", neutral::line(signal)),
        }
    }
}

fn rows(record: &Record, labels: &Labels, screen: &Screen, all: bool) -> String {
    let listed: Vec<&HostRecord> = record.hosts.iter().filter(|host| all || is_listed(host)).collect();
    // One failure is shown in full below: a table of one row would repeat it.
    if listed.len() < 2 && listed.iter().all(|host| host.unhealed().is_none()) {
        return String::new();
    }
    let mut table = Table::new([
        Column::left("HOST", 14),
        Column::left("OUTCOME", usize::MAX),
        Column::right("TRIES"),
        Column::right("TIME"),
        Column::left("WHY", 20),
    ]);
    let shown = if all { listed.len() } else { listed.len().min(MOST_ROWS) };
    for host in &listed[..shown] {
        let ink = match (&host.undo, host.outcome) {
            (Some(_), _) if host.has_succeeded() => Ink::Good,
            (Some(undo), _) => match undo.outcome {
                UndoOutcome::Undone => Ink::Warning,
                UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => Ink::Bad,
            },
            (None, Some(Outcome::Succeeded)) => Ink::Good,
            (None, Some(Outcome::Failed | Outcome::Unreachable | Outcome::Unknown)) => Ink::Bad,
            (None, Some(Outcome::Skipped | Outcome::Gone) | None) => Ink::Warning,
        };
        let word = host.word().unwrap_or("running");
        let why = if host.has_succeeded() { String::new() } else { words::fate(host) };
        let time = host.started.and(host.duration_ms).map(|ms| words::duration(Duration::from_millis(ms)));
        table.row([
            Cell::from(labels.get(&host.id)),
            Cell::inked(word, ink),
            words::number(host.attempts as usize).into(),
            time.unwrap_or_default().into(),
            why.into(),
        ]);
    }
    let rest = match listed.len() - shown {
        0 => String::new(),
        n => format!("  and {}: --verbose lists them all\n", words::count(n, "more host")),
    };
    format!("\n{}{rest}", table.render(screen, 2))
}

/// True when a host is worth a row: it was rolled back, or it neither succeeded nor was left untouched.
fn is_listed(host: &HostRecord) -> bool {
    match host.outcome {
        _ if host.was_undone_after() => true,
        Some(Outcome::Skipped) if host.undo.is_some() => true,
        Some(Outcome::Succeeded | Outcome::Gone | Outcome::Skipped) => false,
        Some(Outcome::Failed | Outcome::Unreachable | Outcome::Unknown) | None => true,
    }
}

fn left_running(record: &Record, labels: &Labels, screen: &Screen) -> String {
    let hosts: Vec<&HostRecord> = record.hosts.iter().filter(|host| host.may_still_run()).collect();
    if hosts.is_empty() {
        return String::new();
    }
    let warning = format!("warning: on {} the script may still be running", words::count(hosts.len(), "host"));
    let mut out = format!("\n{}\n", screen.paint(Ink::Warning, &warning));
    for host in hosts {
        let group = host.group.map(|group| format!(", process group {group}")).unwrap_or_default();
        out.push_str(&format!("  {} ({}{group})\n", labels.get(&host.id), neutral::line(&host.address)));
    }
    out
}

fn gaps(record: &Record, screen: &Screen) -> String {
    let mut out = String::new();
    if !record.missing_scopes.is_empty() {
        let scopes: Vec<_> =
            record.missing_scopes.iter().map(|missing| neutral::line(missing.scope.as_str())).collect();
        let warning = format!("warning: hosts may be missing, for discovery could not read {}", scopes.join(", "));
        out.push_str(&format!("{}\n", screen.paint(Ink::Warning, &warning)));
    }
    if !record.skipped_unaddressed.is_empty() {
        let instances = words::count(record.skipped_unaddressed.len(), "instance");
        let warning = format!("warning: {instances} left out for want of a usable address");
        out.push_str(&format!("{}\n", screen.paint(Ink::Warning, &warning)));
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

/// One line: how the run ended, its exit code, and the state of the fleet.
pub(in crate::report) fn closing(record: &Record, screen: &Screen) -> String {
    let signs = screen.signs();
    let Verdict { grade, head, state } = verdict(record);
    let (sign, ink) = match grade {
        Grade::Open => (signs.skip, Ink::Warning),
        Grade::Good => (signs.tick, Ink::Good),
        Grade::Blemished => (signs.cross, Ink::Warning),
        Grade::Bad => (signs.cross, Ink::Bad),
    };
    let used = cells::width(&format!("{sign} {head}: "));
    let state = failures::wrapped(&state, used, INDENT, screen);
    format!("{} {}: {state}\n", screen.paint(ink, sign), screen.paint(ink, &head))
}

/// The content of the closing line.
#[derive(Debug)]
pub(in crate::report) struct Verdict {
    pub(in crate::report) grade: Grade,
    /// How the run ended, and its exit code.
    pub(in crate::report) head: String,
    /// The state of the fleet. Harmless text.
    pub(in crate::report) state: String,
}

/// How well a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Grade {
    /// It has not ended.
    Open,
    /// Well.
    Good,
    /// Well enough.
    Blemished,
    /// Not well.
    Bad,
}

/// The verdict on the run, in words.
pub(in crate::report) fn verdict(record: &Record) -> Verdict {
    let summary = record.summary();
    let mixed = match (&record.revision, record.hosts.iter().any(|host| host.group.is_some())) {
        _ if record.rollback.is_some() => "",
        (None, _) => "",
        (Some(_), false) => ": no script was started",
        (Some(_), true) if summary.total == 1 => "",
        (Some(_), true) => ": the fleet is mixed",
    };
    let (grade, word, mixed) = match record.status {
        Status::Running => (Grade::Open, "running", ""),
        Status::Succeeded => (Grade::Good, "succeeded", ""),
        Status::FinishedWithFailures => (Grade::Blemished, "finished with failures", ""),
        Status::Refused => (Grade::Bad, "refused", ": nothing was touched"),
        Status::Failed => (Grade::Bad, "failed", mixed),
        Status::RolledBack if record.rollout.undo_started.is_none() => {
            (Grade::Bad, "failed", ": no script was started")
        }
        Status::RolledBack => (Grade::Bad, "failed", ": every touched host was rolled back"),
        Status::RollbackIncomplete if record.rollback.is_some() => (Grade::Bad, "failed", ""),
        Status::RollbackIncomplete => (Grade::Bad, "failed", ": not every touched host could be rolled back"),
        Status::Interrupted => (Grade::Bad, "interrupted", mixed),
        Status::Terminated => (Grade::Bad, "ended by SIGTERM", mixed),
    };
    let code =
        record.exit_code.filter(|code| *code != 0).map(|code| format!(" (exit code {code})")).unwrap_or_default();
    let target = neutral::line(&record.target);
    let host = if record.narrowed_from.is_some() { "chosen host" } else { "host" };
    // The record of a rollback lacks the hosts that are left alone.
    let which = if record.rollback.is_some() { " to be rolled back" } else { "" };
    let hosts = match (summary.succeeded, summary.total) {
        (0 | 1, 1) if record.command.is_none() => format!("the only {host} of {target}{which}"),
        (1, 1) => format!("the only {host} of {target}"),
        (all, total) if all == total => format!("all {} of {target}{which}", words::count(total, host)),
        (some, total) => format!("{} of {} of {target}{which}", words::number(some), words::count(total, host)),
    };
    let state = match (&record.rollback, &record.revision) {
        (Some(rollback), _) if record.hosts.is_empty() => {
            rollback::nothing(&rollback.goal(), &target, record.narrowed_from)
        }
        (Some(RollbackRecord { to: None, .. }), _) => match summary.succeeded {
            1 => format!("{hosts} is back"),
            0 if summary.total == 1 => format!("{hosts} is not back"),
            _ => format!("{hosts} are back"),
        },
        (_, Some(revision)) => {
            let verb = match (summary.succeeded, summary.total) {
                (0, 1) => "is not",
                (1, _) => "is",
                (_, _) => "are",
            };
            format!("{hosts} {verb} at {}", neutral::line(revision.as_str()))
        }
        (_, None) => format!("exit status 0 on {hosts}"),
    };
    Verdict { grade, head: format!("{word}{code}"), state: format!("{state}{mixed}") }
}

/// Further facts, in fainter lines.
fn circumstances(record: &Record, screen: &Screen) -> String {
    let summary = record.summary();
    let mut facts = Vec::new();
    if let Some(of) = record.narrowed_from.filter(|_| record.rollback.is_none()) {
        facts.push(format!("{} chosen", words::chosen(summary.total, Some(of))));
    }
    if summary.failures() > 0 && record.rollback.is_none() {
        let allowed = match record.max_failures {
            0 => "none".to_owned(),
            n => words::number(n),
        };
        facts.push(format!("{}, {allowed} allowed", words::count(summary.failures(), "failure")));
    }
    if summary.skipped > 0 {
        facts.push(format!("{} not touched", words::count(summary.skipped, "host")));
    }
    facts.extend(record.duration().map(words::duration));
    facts.push(format!("run {}", record.run));
    // A fact is not broken across lines, because a run's id is there to be copied.
    let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT));
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut().map(|line| (format!("{line} {} {fact}", screen.signs().dot), line)) {
            Some((longer, line)) if cells::width(&longer) <= room => *line = longer,
            _ => lines.push(fact),
        }
    }
    lines.iter().map(|line| format!("  {}\n", screen.paint(Ink::Faint, line))).collect()
}

/// The commands that help now, each with its purpose.
fn next(record: &Record, rerun: Option<&Rerun>) -> Vec<(String, String)> {
    match record.status {
        Status::Succeeded | Status::Running => return Vec::new(),
        Status::FinishedWithFailures
        | Status::Refused
        | Status::Failed
        | Status::RolledBack
        | Status::RollbackIncomplete
        | Status::Interrupted
        | Status::Terminated => {}
    }
    let Some(Rerun { again, failed }) = rerun else { return Vec::new() };
    let summary = record.summary();
    let rest = summary.total - summary.succeeded;
    let mut commands = Vec::new();
    let named = failed.as_ref().filter(|_| summary.succeeded > 0);
    if let Some(failed) = named {
        let which = match rest {
            1 => "the host".to_owned(),
            n => format!("the {}", words::count(n, "host")),
        };
        let in_words = "# the same command, with --failed-of and the report of this run";
        commands.push((copied(failed, in_words), format!("# only {which} that did not succeed")));
    }
    if let Some(rollback) = &record.rollback {
        let in_words = "# the same command, which cannot be shown as it was given";
        let again = &of_the_same_run(again, rollback);
        let reason = "# rolls back every host that is not back by then, and no other";
        return vec![(copied(again, in_words), reason.to_owned())];
    }
    // A command that already narrows to the hosts in this run's report was named above.
    if named != Some(again) {
        let which = match record.narrowed_from {
            Some(of) => format!("the same {}", words::chosen(record.hosts.len(), Some(of))),
            None => "every host".to_owned(),
        };
        let in_words = "# the same command, which cannot be shown as it was given";
        commands.push((copied(again, in_words), format!("# runs it again, on {which}")));
    }
    if let Some((_, reason)) = commands.first_mut().filter(|_| record.hosts.iter().any(HostRecord::was_busy)) {
        "# later, when hosts are no longer busy with another run".clone_into(reason);
    }
    // No lock prevents a command from running twice on a host.
    if record.command.is_some() && record.hosts.iter().any(HostRecord::may_still_run) {
        for (_, reason) in &mut commands {
            *reason = reason.replacen("# ", "# when it has ended there: ", 1);
        }
    }
    commands
}

/// The command with the run that it undid; without it, the newest run at that time would be undone.
fn of_the_same_run(again: &str, rollback: &RollbackRecord) -> String {
    let (words, args) = again.find(" -- ").map_or((again, ""), |at| again.split_at(at));
    match rollback {
        RollbackRecord { run: Some(run), to: None } if !words.contains(" --run") => {
            format!("{words} --run {run}{args}")
        }
        RollbackRecord { .. } => again.to_owned(),
    }
}

/// The command for copying, or `in_words` if making it harmless would change it.
fn copied(command: &str, in_words: &str) -> String {
    if neutral::is_harmless_line(command) { command.to_owned() } else { in_words.to_owned() }
}

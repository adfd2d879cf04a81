//! Writes the page that GitHub shows for a step: Markdown, appended to `$GITHUB_STEP_SUMMARY`.
//!
//! Output of hosts stands in blocks with a fence longer than any in the text. In tables, every character that could
//! have a meaning in Markdown or HTML is escaped.

use super::classes::{self, Class};
use crate::{
    report::{
        files::{
            host_record::HostRecord,
            record::{Record, Status},
        },
        text::{labels::Labels, neutral, words},
    },
    rollout::UndoOutcome,
};

/// The most classes of failures shown with their last lines.
const MOST: usize = 10;

/// How much of a host's last lines is shown, in bytes.
const TAIL: usize = 8 * 1024;

/// The page, of at most `room` bytes; `closing` is the run's last line. What does not fit is left out, the least
/// important first.
pub(super) fn markdown(record: &Record, labels: &Labels, closing: &str, room: usize) -> String {
    let mut page = head(record, closing);
    let classes = classes::of(record);
    let parts = [counts(record), table(&classes, labels), left_running(record, labels)];
    let details = classes.iter().take(MOST).filter_map(|class| details(class, labels));
    for part in parts.into_iter().chain(details) {
        if page.len() + part.len() <= room {
            page.push_str(&part);
        }
    }
    page
}

fn head(record: &Record, closing: &str) -> String {
    let sign = match record.status {
        Status::Succeeded => "✅",
        Status::FinishedWithFailures => "⚠️",
        Status::Running
        | Status::Refused
        | Status::Failed
        | Status::RolledBack
        | Status::RollbackIncomplete
        | Status::Interrupted
        | Status::Terminated => "❌",
    };
    let target = escaped(&neutral::line(&record.target));
    let what = match &record.revision {
        _ if record.rollback.is_some() => format!("{target} rolled back"),
        Some(revision) => format!("{target} {}", escaped(&neutral::line(revision.as_str()))),
        None => format!("a command on {target}"),
    };
    let time = record.duration().map(|time| format!(", {}", words::duration(time))).unwrap_or_default();
    format!("### {sign} {what}\n\n{}\n\nRun `{}`{time}\n\n", escaped(&neutral::line(closing)), record.run)
}

fn counts(record: &Record) -> String {
    let summary = record.summary();
    let undone = |outcome: UndoOutcome| {
        let came_to = |host: &&HostRecord| host.undo.as_ref().is_some_and(|undo| undo.outcome == outcome);
        (outcome.as_str(), record.hosts.iter().filter(came_to).count())
    };
    let own = [
        ("succeeded", summary.succeeded),
        ("failed", summary.failed),
        ("unreachable", summary.unreachable),
        ("unknown", summary.unknown),
        ("gone", summary.gone),
        ("skipped", summary.skipped),
    ];
    // A rollback by hand consists of undos only.
    let own = own.into_iter().filter(|_| record.rollback.is_none());
    let undos = [UndoOutcome::Undone, UndoOutcome::UndoFailed, UndoOutcome::UndoUnknown].map(undone);
    let rows: String = own
        .chain(undos)
        .filter(|(_, n)| *n > 0)
        .map(|(word, n)| format!("| {word} | {} |\n", words::number(n)))
        .collect();
    if rows.is_empty() { rows } else { format!("| outcome | hosts |\n| --- | ---: |\n{rows}\n") }
}

fn table(classes: &[Class<'_>], labels: &Labels) -> String {
    if classes.is_empty() {
        return String::new();
    }
    let row = |class: &Class<'_>| {
        let names = escaped(&class.names(labels));
        format!("| {} | {} | {} | {names} |\n", words::number(class.hosts.len()), class.outcome, escaped(&class.reason))
    };
    let rows: String = classes.iter().take(50).map(row).collect();
    let rest = match classes.len().saturating_sub(50) {
        0 => String::new(),
        more => format!("\nand {} other reasons, in the log\n", words::number(more)),
    };
    format!("| hosts | outcome | why | which |\n| ---: | --- | --- | --- |\n{rows}{rest}\n")
}

fn left_running(record: &Record, labels: &Labels) -> String {
    let hosts: Vec<&HostRecord> = record.hosts.iter().filter(|host| host.may_still_run()).collect();
    if hosts.is_empty() {
        return String::new();
    }
    let mut out = format!("**On {} the script may still be running:**\n\n", words::count(hosts.len(), "host"));
    for host in hosts.iter().take(50) {
        let group = host.group.map(|group| format!(", process group {group}")).unwrap_or_default();
        let (label, address) = (escaped(labels.get(&host.id)), escaped(&neutral::line(&host.address)));
        out.push_str(&format!("- {label} \\({address}{group}\\)\n"));
    }
    if hosts.len() > 50 {
        out.push_str(&format!("- and {} more, in the log\n", words::number(hosts.len() - 50)));
    }
    out.push('\n');
    out
}

/// The last lines of the first host of a class.
fn details(class: &Class<'_>, labels: &Labels) -> Option<String> {
    let host = class.hosts.first()?;
    let tail = neutral::block(class.last_words?);
    let tail = tail.trim_matches('\n').trim_end();
    let tail = &tail[tail.ceil_char_boundary(tail.len().saturating_sub(TAIL))..];
    let fence = "`".repeat(longest_run(tail, '`').max(2) + 1);
    // The `<summary>` element is HTML: GitHub reads no Markdown in it, so characters are escaped as in HTML.
    let title = html(&format!("{}: {}", labels.get(&host.id), class.reason));
    let hint = class.hint.map(|hint| format!("hint: {}\n\n", escaped(&neutral::line(hint)))).unwrap_or_default();
    let log = class.log.map(|log| format!("log: {}\n\n", escaped(&neutral::line(log)))).unwrap_or_default();
    Some(format!("<details><summary>{title}</summary>\n\n{fence}text\n{tail}\n{fence}\n\n{hint}{log}</details>\n\n"))
}

/// The length of the longest run of `sign`.
fn longest_run(text: &str, sign: char) -> usize {
    text.split(|c| c != sign).map(str::len).max().unwrap_or(0)
}

/// `text`, one line, as Markdown that renders literally. Any ASCII punctuation may be escaped (`CommonMark` 2.4).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // These have no meaning inside a line, and are frequent.
        if c.is_ascii_punctuation() && !matches!(c, '-' | ',' | '.') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_mean_themselves() {
        assert_eq!(escaped("a|b <img src=x> [x](y) `z`"), "a\\|b \\<img src\\=x\\> \\[x\\]\\(y\\) \\`z\\`");
        assert_eq!(html("<b>&"), "&lt;b&gt;&amp;");
        assert_eq!([longest_run("", '`'), longest_run("a```b``", '`')], [0, 3]);
    }
}

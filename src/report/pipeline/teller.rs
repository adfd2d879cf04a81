//! Reports a run to a pipeline: folded logs, annotations, a page, and outputs for later steps.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{Fold, Grade, Issue, Pipeline, classes, step_summary};
use crate::report::{
    files::record::{Record, Status},
    screens::{failures, summary},
    streams::outlet::Outlet,
    text::{labels::Labels, neutral, screen::Screen, words},
};

/// The most hosts whose logs are shown, folded.
const MOST_LOGS: usize = 10;

/// The most that is shown of each log, from its end. In bytes.
const LOG: u64 = 256 * 1024;

/// GitHub rejects a longer page entirely. In bytes.
const PAGE: u64 = 1024 * 1024;

/// Reports a run to a pipeline, at its end.
#[derive(Clone, Debug)]
pub(in crate::report) struct Teller {
    pipeline: Pipeline,
    page: Option<PathBuf>,
    outputs: Option<PathBuf>,
    /// The report's file, as an output for later steps.
    report: Option<PathBuf>,
}

impl Teller {
    /// A teller for `pipeline`, which names its other files in the environment.
    pub(in crate::report) fn new(pipeline: Pipeline, env: impl Fn(&str) -> Option<String>) -> Self {
        let file = |name| match pipeline {
            Pipeline::GitHub => env(name).filter(|path| !path.is_empty()).map(PathBuf::from),
            Pipeline::GitLab | Pipeline::Azure => None,
        };
        Self { pipeline, page: file("GITHUB_STEP_SUMMARY"), outputs: file("GITHUB_OUTPUT"), report: None }
    }

    /// A teller for a run whose report is in this file.
    pub(in crate::report) fn of(self, report: Option<&Path>) -> Self {
        Self { report: report.map(Path::to_owned), ..self }
    }

    /// Shows the run's end on `err`, and returns what could not be written. With `logs`, the hosts' logs are shown too.
    pub(in crate::report) fn finish(&self, record: &Record, err: &Outlet, logs: bool) -> Vec<String> {
        let labels = Labels::of(record);
        let closing = summary::closing(record, &Screen::PLAIN);
        // Without the sign in front: each pipeline has its own.
        let closing = closing.trim().trim_start_matches(|c: char| !c.is_alphanumeric());
        if logs {
            self.logs(record, &labels, err);
        }
        for issue in issues(record, &labels, closing) {
            if let Some(command) = self.pipeline.issue(&issue) {
                err.print(&command);
            }
        }
        let page = self.page.as_deref().map(|path| {
            let room = PAGE.saturating_sub(path.metadata().map_or(0, |found| found.len()));
            let page = step_summary::markdown(record, &labels, closing, usize::try_from(room).unwrap_or(usize::MAX));
            let full = || io::Error::other("the page is full: GitHub takes 1 MiB a step");
            let written = if page.len() as u64 > room { Err(full()) } else { append(path, &page) };
            written.map_err(|error| format!("cannot write the step's summary {}: {error}", path.display()))
        });
        let outputs = self.outputs.as_deref().map(|path| {
            append(path, &self.outputs(record))
                .map_err(|error| format!("cannot write the step's outputs {}: {error}", path.display()))
        });
        [page, outputs].into_iter().flatten().filter_map(Result::err).collect()
    }

    /// Shows the logs of failed hosts that are longer than what the last screen shows.
    fn logs(&self, record: &Record, labels: &Labels, err: &Outlet) {
        let failed = record.hosts.iter().filter(|host| failures::wants_telling(host));
        let own = failed.map(|host| (host, "it", &host.log, host.stdout_tail.len() + host.stderr_tail.len()));
        let unhealed = record.hosts.iter().filter_map(|host| Some((host, host.unhealed()?)));
        let undo =
            unhealed.map(|(host, undo)| (host, "its undo", &undo.log, undo.stdout_tail.len() + undo.stderr_tail.len()));
        let longer = own.chain(undo).filter_map(|(host, who, log, shown)| {
            let log = log.as_deref()?;
            // The last line break of each stream is not in its tail.
            let is_longer = Path::new(log).metadata().is_ok_and(|found| found.len() > shown as u64 + 2);
            is_longer.then_some((host, who, log))
        });
        for (number, (host, who, log)) in longer.take(MOST_LOGS).enumerate() {
            self.log(number, &format!("{who} printed ({log})"), labels.get(&host.id), Path::new(log), err);
        }
    }

    fn log(&self, number: usize, printed: &str, label: &str, path: &Path, err: &Outlet) {
        let Ok((text, missing)) = end_of(path) else { return };
        let id = format!("fleetwide-log-{number}");
        let much = if missing > 0 { "the end of what" } else { "all that" };
        let title = format!("{label}: {much} {printed}");
        let fold = Fold { id: &id, title: &title, at: Timestamp::now() };
        err.print(&self.pipeline.open(&fold));
        if missing > 0 {
            let missing = usize::try_from(missing).unwrap_or(usize::MAX);
            err.line(&format!("… the first {} are in the file only", words::count(missing, "byte")));
        }
        let text = neutral::block(&text);
        err.line(text.trim_end_matches('\n'));
        err.print(&self.pipeline.close(&fold));
    }

    /// `NAME=VALUE` lines for `$GITHUB_OUTPUT`. A line break in a value would set other outputs.
    fn outputs(&self, record: &Record) -> String {
        let exit_code = record.exit_code.map(|code| code.to_string()).unwrap_or_default();
        let report = self.report.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let values = [
            ("status", record.status.as_str().to_owned()),
            ("exit_code", exit_code),
            ("run", record.run.to_string()),
            ("report", report),
        ];
        let safe = values.into_iter().filter(|(_, value)| !value.is_empty() && !value.contains(['\n', '\r']));
        safe.map(|(name, value)| format!("{name}={value}\n")).collect()
    }
}

/// The annotations above the log.
fn issues(record: &Record, labels: &Labels, closing: &str) -> Vec<Issue> {
    let mut issues = match record.status {
        Status::Succeeded => Vec::new(),
        Status::FinishedWithFailures
        | Status::Refused
        | Status::Failed
        | Status::RolledBack
        | Status::RollbackIncomplete
        | Status::Interrupted
        | Status::Terminated
        | Status::Running => classes::issues(record, labels, closing),
    };
    if !record.missing_scopes.is_empty() {
        let scopes: Vec<_> = record.missing_scopes.iter().map(|missing| missing.scope.as_str()).collect();
        let text = format!("hosts may be missing, for discovery could not read {}", scopes.join(", "));
        issues.push(Issue { grade: Grade::Warning, title: record.target.clone(), text });
    }
    issues
}

/// Appends, because the file belongs to the pipeline, and others may have written to it in the same step.
fn append(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// The end of a log, and the number of bytes before it.
fn end_of(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let missing = file.metadata()?.len().saturating_sub(LOG);
    file.seek(SeekFrom::Start(missing))?;
    let mut bytes = Vec::new();
    file.take(LOG).read_to_end(&mut bytes)?;
    // A line that starts before the shown part is left out.
    let torn = if missing > 0 { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) } else { 0 };
    Ok((String::from_utf8_lossy(&bytes[torn..]).into_owned(), missing + torn as u64))
}

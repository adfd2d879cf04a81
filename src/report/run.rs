//! One run's sink: each event goes to the record, the log files and the screen (or the JSON stream).

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use super::{
    human::{CLOSED, Human},
    json::Json,
    lock,
    log_dir::LogDir,
    outlet::Outlet,
    record::{Places, Record},
    record_file::RecordFile,
};
use crate::{
    inventory::HostId,
    rollout::{Event, EventKind, EventSink},
};

/// Hears one run. That it exists means that its log folder and the first save of its record do too.
///
/// Dropped before the run's end, it leaves the record as it stands, with `status` `running`.
#[derive(Debug)]
pub struct RunReporter {
    parts: Mutex<Parts>,
}

#[derive(Debug)]
struct Parts {
    record: Arc<Mutex<Record>>,
    places: Places,
    file: Option<RecordFile>,
    logs: Option<LogDir>,
    view: View,
}

/// How the run is shown.
#[derive(Debug)]
pub(super) enum View {
    Human(Box<Human>),
    Json { json: Json, err: Outlet },
}

/// Reporting cannot begin, so the run must not either.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no place for the hosts' logs.
    #[error("cannot make a log folder for this run in {}", path.display())]
    LogDir {
        /// What was asked for.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no place for the record.
    #[error("cannot write the report {}", path.display())]
    Record {
        /// What was asked for.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl RunReporter {
    pub(super) fn new(record: Arc<Mutex<Record>>, file: Option<RecordFile>, logs: Option<LogDir>, view: View) -> Self {
        let places = Places::of(&lock(&record));
        Self { parts: Mutex::new(Parts { record, places, file, logs, view }) }
    }

    /// The record as it stands.
    pub fn record(&self) -> Record {
        lock(&lock(&self.parts).record).clone()
    }
}

impl EventSink for RunReporter {
    fn event(&self, event: &Event<'_>) {
        lock(&self.parts).event(event);
    }
}

impl Parts {
    fn event(&mut self, event: &Event<'_>) {
        self.log(&event.kind);
        // A flood of output must not wait for the record, which may be being saved.
        let changed = !matches!(event.kind, EventKind::Output { .. })
            && self.places.enter(&mut lock(&self.record), &event.kind, event.at);
        match (&event.kind, &self.file) {
            (EventKind::Stopping { .. }, Some(file)) => file.changed_gravely(),
            (_, Some(file)) if changed => file.changed(),
            (_, Some(_) | None) => {}
        }
        self.show(event);
        if let EventKind::RunFinished { .. } = event.kind {
            self.finish();
        }
    }

    fn log(&mut self, kind: &EventKind<'_>) {
        let Some(logs) = &mut self.logs else { return };
        let (host, bytes): (_, &[u8]) = match kind {
            EventKind::ScriptStarted { host, .. } => (*host, b""),
            EventKind::Output { host, bytes, .. } => (*host, bytes),
            EventKind::HostFinished { result } => return logs.close(&result.host),
            EventKind::RunStarted { .. }
            | EventKind::HostConnecting { .. }
            | EventKind::HostRetrying { .. }
            | EventKind::Stopping { .. }
            | EventKind::RunFinished { .. } => return,
        };
        if let Some(path) = logs.write(host, bytes)
            && let Some(host) = self.places.host(&mut lock(&self.record), host)
        {
            host.log = Some(path.display().to_string());
        }
    }

    fn show(&mut self, event: &Event<'_>) {
        let host = finished(&event.kind).and_then(|id| self.places.host(&mut lock(&self.record), id).cloned());
        match &mut self.view {
            View::Human(human) => human.event(event, host.as_ref()),
            View::Json { json, .. } => json.event(event, &self.record, host.as_ref()),
        }
    }

    /// Saves all for the last time, and says what of it failed.
    fn finish(&mut self) {
        let logs = self.logs.as_ref().and_then(LogDir::trouble);
        let record = self.file.as_mut().and_then(RecordFile::finish);
        let troubles: Vec<String> = logs.into_iter().chain(record).collect();
        match &mut self.view {
            View::Human(human) => human.finish(&lock(&self.record), &troubles),
            View::Json { json, err } => {
                let closed = json.failure().map(|failure| format!("{CLOSED}: {failure}"));
                troubles.iter().chain(&closed).for_each(|trouble| err.line(&format!("warning: {trouble}")));
            }
        }
    }
}

fn finished<'a>(kind: &EventKind<'a>) -> Option<&'a HostId> {
    match kind {
        EventKind::HostFinished { result } => Some(&result.host),
        EventKind::RunStarted { .. }
        | EventKind::HostConnecting { .. }
        | EventKind::ScriptStarted { .. }
        | EventKind::Output { .. }
        | EventKind::HostRetrying { .. }
        | EventKind::Stopping { .. }
        | EventKind::RunFinished { .. } => None,
    }
}

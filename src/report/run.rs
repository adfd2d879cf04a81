//! The sink of one run's events: each goes to the record, the log files and the screen (or the JSON stream).

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::{
    files::{host_record::HostRecord, log_dir::LogDir, places::Places, record::Record, record_file::RecordFile},
    lock,
    pipeline::Teller,
    screens::human::Human,
    streams::{
        json::Json,
        outlet::{Outlet, Shortfall, Wait},
    },
};
use crate::{
    inventory::HostId,
    rollout::{Event, EventKind, EventSink, RunStatus},
};

/// Receives the events of one run. Once it exists, so do the run's log folder and the first save of its record.
///
/// If it is dropped before the run's end, the record stays as it is, with `status` `running`.
#[derive(Debug)]
pub struct RunReporter {
    /// Never held while waiting for a stream: files on disk must not depend on the reader of a screen.
    books: Mutex<Books>,
    view: Mutex<View>,
    /// The streams on which the run is shown.
    outlets: [Outlet; 2],
    /// Reports to the pipeline that runs the program.
    teller: Option<Teller>,
}

/// The files of the run.
#[derive(Debug)]
struct Books {
    record: Arc<Mutex<Record>>,
    places: Places,
    /// The report, the JUnit file and the page.
    files: Vec<RecordFile>,
    logs: Option<LogDir>,
    /// What could not be written.
    troubles: Vec<String>,
}

/// How the run is shown.
#[derive(Debug)]
pub(super) enum View {
    Human(Box<Human>),
    Json { json: Json, out: Outlet, err: Outlet },
}

/// Reporting cannot start, so the run must not start either.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The log folder could not be created.
    #[error("cannot make a log folder for this run in {}", path.display())]
    LogDir {
        /// The requested folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The record could not be written.
    #[error("cannot write the report {}", path.display())]
    Record {
        /// The requested file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl RunReporter {
    pub(super) fn new(
        record: Arc<Mutex<Record>>,
        files: Vec<RecordFile>,
        logs: Option<LogDir>,
        view: View,
        teller: Option<Teller>,
    ) -> Self {
        let places = Places::of(&lock(&record));
        let outlets = view.outlets();
        let books = Mutex::new(Books { record, places, files, logs, troubles: Vec::new() });
        Self { books, view: Mutex::new(view), outlets, teller }
    }

    /// The record as it stands.
    pub fn record(&self) -> Record {
        lock(&lock(&self.books).record).clone()
    }

    /// What could not be written of the record, the logs or the results, one line each; final once the run is over. A
    /// reader that closes the stream early (`| head`) is not a problem.
    pub fn trouble(&self) -> Vec<String> {
        let mut troubles = lock(&self.books).troubles.clone();
        troubles.extend(lock(&self.view).trouble());
        troubles
    }
}

impl EventSink for RunReporter {
    fn event(&self, event: &Event<'_>) {
        if let EventKind::Stopping { .. } = event.kind {
            // Before the view is locked: the holder of the lock may be waiting for a reader.
            self.outlets.iter().for_each(Outlet::hurry);
        }
        let (record, host) = lock(&self.books).event(event);
        let mut view = lock(&self.view);
        view.event(event, &record, host.as_deref());
        if let EventKind::RunFinished { status, .. } = event.kind {
            let mut troubles = lock(&self.books).troubles.clone();
            if let Some(teller) = &self.teller {
                let [_, err] = &self.outlets;
                troubles.extend(teller.finish(&lock(&record), err, view.leaves_logs_out()));
            }
            view.finish(&record, &troubles, patience(status));
        }
    }
}

impl Books {
    /// Takes an event; returns the record, and the entry of the host that the event ended.
    fn event(&mut self, event: &Event<'_>) -> (Arc<Mutex<Record>>, Option<Arc<HostRecord>>) {
        let logged = self.log(&event.kind);
        // Output must not wait for the record, which may be in the middle of a save.
        let changed = !matches!(event.kind, EventKind::Output { .. })
            && self.places.enter(&mut lock(&self.record), &event.kind, event.at);
        if let Some(host) = logged {
            self.enter_logs(host);
        }
        match event.kind {
            EventKind::Stopping { .. } => self.files.iter().for_each(RecordFile::changed_gravely),
            _ if changed => self.files.iter().for_each(RecordFile::changed),
            _ => {}
        }
        if let EventKind::RunFinished { .. } = event.kind {
            let logs = self.logs.as_ref().and_then(LogDir::trouble);
            let files = self.files.iter_mut().filter_map(RecordFile::finish);
            self.troubles = logs.into_iter().chain(files).collect();
        }
        let host = event.kind.result().and_then(|it| self.places.shared(&lock(&self.record), &it.host));
        (Arc::clone(&self.record), host)
    }

    /// Writes output to the logs; returns the host whose set of files changed.
    fn log<'a>(&mut self, kind: &EventKind<'a>) -> Option<&'a HostId> {
        let logs = self.logs.as_mut()?;
        match *kind {
            EventKind::ScriptStarted { host, .. } => logs.write(host, b"").then_some(host),
            EventKind::Output { host, bytes, .. } => logs.write(host, bytes).then_some(host),
            EventKind::HostFinished { result } | EventKind::HostUndone { result } => {
                logs.close(&result.host);
                Some(&result.host)
            }
            EventKind::FleetSighted { joined, .. } => {
                for (host, _) in joined {
                    logs.join(host);
                }
                None
            }
            EventKind::UndoStarted { .. } => {
                // In a rollback by hand, the undo is the run's own work.
                if lock(&self.record).rollback.is_none() {
                    logs.begin_undo();
                }
                None
            }
            EventKind::RunStarted { .. }
            | EventKind::StageStarted { .. }
            | EventKind::PauseStarted { .. }
            | EventKind::CheckSampled { .. }
            | EventKind::Approved { .. }
            | EventKind::PauseEnded { .. }
            | EventKind::HookFinished { .. }
            | EventKind::FleetUnseen { .. }
            | EventKind::HostReturned { .. }
            | EventKind::HostConnecting { .. }
            | EventKind::PartStarted { .. }
            | EventKind::PartFinished { .. }
            | EventKind::HostHeld { .. }
            | EventKind::HostLost { .. }
            | EventKind::HostReattaching { .. }
            | EventKind::HostReattached { .. }
            | EventKind::HostRetrying { .. }
            | EventKind::Stopping { .. }
            | EventKind::RunFinished { .. } => None,
        }
    }

    /// Enters the paths of a host's logs in the record.
    fn enter_logs(&self, id: &HostId) {
        let Some(logs) = &self.logs else { return };
        let mut record = lock(&self.record);
        let Some(host) = self.places.host(&mut record, id) else { return };
        let shown = |path: &Path| path.display().to_string();
        host.log = logs.log(id).map(shown);
        if let Some(undo) = &mut host.undo {
            undo.log = logs.undo_log(id).map(shown);
        }
    }
}

impl View {
    fn outlets(&self) -> [Outlet; 2] {
        match self {
            Self::Human(human) => human.outlets(),
            Self::Json { out, err, .. } => [out.clone(), err.clone()],
        }
    }

    fn event(&mut self, event: &Event<'_>, record: &Mutex<Record>, host: Option<&HostRecord>) {
        match self {
            Self::Human(human) => human.event(event, record, host),
            Self::Json { json, .. } => json.event(event, record, host),
        }
    }

    /// Shows the end, and what could not be written.
    fn finish(&mut self, record: &Mutex<Record>, troubles: &[String], wait: Wait) {
        match self {
            Self::Human(human) => human.finish(&lock(record), troubles, wait),
            Self::Json { out, err, .. } => {
                out.finish(wait);
                let shortfall = out.shortfall().map(|shortfall| shortfall.to_string());
                troubles.iter().chain(&shortfall).for_each(|trouble| err.line(&format!("warning: {trouble}")));
                err.finish(wait);
            }
        }
    }

    /// True when the readers are people who have not seen the full output of failed hosts.
    fn leaves_logs_out(&self) -> bool {
        match self {
            Self::Human(human) => human.leaves_logs_out(),
            Self::Json { .. } => false,
        }
    }

    /// Why standard output is incomplete, if that is a fault.
    fn trouble(&self) -> Option<String> {
        if let Self::Json { json, .. } = self
            && let Some(trouble) = json.trouble()
        {
            return Some(trouble);
        }
        let [out, _] = self.outlets();
        let shortfall = out.shortfall()?;
        match (self, &shortfall) {
            (_, Shortfall::Closed(_)) => None,
            // People see the gap, and the logs have the missing output.
            (Self::Human(_), Shortfall::Unread(_)) => None,
            (Self::Json { .. }, Shortfall::Unread(_)) | (_, Shortfall::Failed(_)) => Some(shortfall.to_string()),
        }
    }
}

/// How long the last output of a run waits for its reader.
const fn patience(status: RunStatus) -> Wait {
    match status {
        RunStatus::Succeeded
        | RunStatus::FinishedWithFailures
        | RunStatus::Refused
        | RunStatus::Failed
        | RunStatus::RolledBack
        | RunStatus::RollbackIncomplete => Wait::WhileRead,
        RunStatus::Interrupted | RunStatus::Terminated => Wait::Briefly,
    }
}

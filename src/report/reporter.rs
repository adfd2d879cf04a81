//! All that the program shows, from discovery to the last screen. The caller says where to show it and how much; the
//! reporter detects nothing itself, so a test can simulate any terminal.

mod preparing;

use std::{
    fmt,
    io::Write,
    mem,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    files::{
        junit,
        log_dir::LogDir,
        record::{Gaps, Record},
        record_file::{self, Form, RecordFile},
    },
    lock, page,
    pipeline::{Pipeline, Teller},
    run::{ReportError, RunReporter, View},
    screens::{
        asking::Asked,
        discovery::Discovery,
        human::{Clock, Human, Stage, warning},
        summary::Rerun,
    },
    streams::{
        json::{Json, harmless},
        live::{Live, LiveWidth},
        outlet::{Outlet, Wait},
    },
    tables::{
        ansible,
        check::{self, Check},
        host_keys::{self, HostKeyJson, HostKeyRow},
        hosts::{self, HostJson},
        listing::{self, Listing},
        plan::{self, PlanResultJson},
        ssh_config,
    },
    text::screen::Screen,
};
use crate::{inventory::Host, plan::Plan, transport::HostBlock};

/// The reader of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// People: the progress and the last screen.
    #[default]
    Human,
    /// People: every line of the hosts' output as it arrives.
    Stream,
    /// People: the output of hosts, equal outputs once.
    Group,
    /// Programs: results and events as JSON on standard output.
    Json,
}

/// How much detail people want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Failures and the closing line.
    Quiet,
    /// The progress, the failures, the closing line.
    #[default]
    Normal,
    /// Also every host's start and end, and all of its output.
    Verbose,
}

/// An output stream and what it can show.
pub struct Destination {
    /// Where the bytes go.
    pub writer: Box<dyn Write + Send>,
    /// What the stream can show.
    pub screen: Screen,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").field("screen", &self.screen).finish_non_exhaustive()
    }
}

/// The settings of a [`Reporter`].
#[derive(Debug)]
pub struct Builder {
    stage: Stage,
    format: Format,
    report: Option<PathBuf>,
    junit: Option<PathBuf>,
    html: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    rerun: Option<Rerun>,
    teller: Option<Teller>,
}

impl Builder {
    /// Sets the reader of the output; by default people.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets the level of detail.
    #[must_use]
    pub fn detail(mut self, detail: Detail) -> Self {
        self.stage.detail = detail;
        self
    }

    /// `--report FILE`.
    #[must_use]
    pub fn report(mut self, file: impl Into<Option<PathBuf>>) -> Self {
        self.report = file.into();
        self
    }

    /// `--junit FILE`.
    #[must_use]
    pub fn junit(mut self, file: impl Into<Option<PathBuf>>) -> Self {
        self.junit = file.into();
        self
    }

    /// `--html FILE`.
    #[must_use]
    pub fn html(mut self, file: impl Into<Option<PathBuf>>) -> Self {
        self.html = file.into();
        self
    }

    /// Sets the pipeline that reads the output, if any; the environment names its files.
    #[must_use]
    pub fn pipeline(mut self, pipeline: Option<Pipeline>, env: impl Fn(&str) -> Option<String>) -> Self {
        self.teller = pipeline.map(|pipeline| Teller::new(pipeline, env));
        self
    }

    /// `--log-dir DIR`.
    #[must_use]
    pub fn log_dir(mut self, dir: impl Into<Option<PathBuf>>) -> Self {
        self.log_dir = dir.into();
        self
    }

    /// Sets the commands that repeat the run.
    #[must_use]
    pub fn rerun(mut self, commands: impl Into<Option<Rerun>>) -> Self {
        self.rerun = commands.into();
        self
    }

    /// Sets a source for the terminal's current width; by default the width stays as it was.
    #[must_use]
    pub fn live_width(mut self, width: impl Fn() -> u16 + Send + Sync + 'static) -> Self {
        self.stage.live_width = Arc::new(width);
        self
    }

    /// Sets the clock; by default the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.stage.clock = Arc::new(clock);
        self
    }

    /// Builds the reporter.
    pub fn build(self) -> Reporter {
        let Self { stage, format, report, junit, html, log_dir, rerun, teller } = self;
        let (discovery, asking, display) = (Arc::default(), Arc::default(), Mutex::default());
        Reporter { stage, format, report, junit, html, log_dir, rerun, teller, discovery, asking, display }
    }
}

/// Shows all that the program has to say, except its errors.
#[derive(Debug)]
pub struct Reporter {
    stage: Stage,
    format: Format,
    report: Option<PathBuf>,
    junit: Option<PathBuf>,
    html: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    rerun: Option<Rerun>,
    teller: Option<Teller>,
    discovery: Arc<Mutex<Discovery>>,
    /// The progress of asking hosts for their records.
    asking: Arc<Mutex<Asked>>,
    /// The live display of discovery or of asking, while there is one.
    display: Mutex<Option<Live>>,
}

impl Reporter {
    /// A reporter that writes results to `stdout` and progress to `stderr`.
    pub fn builder(stdout: Destination, stderr: Destination) -> Builder {
        let width = u16::try_from(stderr.screen.width.unwrap_or(80)).unwrap_or(u16::MAX);
        let live_width: LiveWidth = Arc::new(move || width);
        let clock: Clock = Arc::new(Timestamp::now);
        let (out, err) = Outlet::pair(stdout.writer, stderr.writer);
        let stage = Stage {
            out,
            err,
            out_screen: stdout.screen,
            err_screen: stderr.screen,
            detail: Detail::default(),
            clock,
            live_width,
        };
        Builder {
            stage,
            format: Format::default(),
            report: None,
            junit: None,
            html: None,
            log_dir: None,
            rerun: None,
            teller: None,
        }
    }

    /// Ends discovery, successful or not: removes its display and says what it cost.
    pub fn end_discovery(&self) {
        drop(lock(&self.display).take());
        let discovery = mem::take(&mut *lock(&self.discovery));
        if self.shows_progress() && !discovery.is_empty() {
            self.stage.err.line(&discovery.conclusion((self.stage.clock)()));
        }
        // The next output may be an error, which does not pass through here.
        self.stage.err.flush(Wait::Briefly);
    }

    /// Shows a warning.
    pub fn warn(&self, text: &str) {
        self.above(&format!("{}\n", warning(text, &self.stage.err_screen)));
        self.stage.err.flush(Wait::Briefly);
    }

    /// Shows the result of `hosts`.
    pub fn show_hosts(&self, hosts: &[Host], listing: &Listing, gaps: Gaps<'_>) {
        self.end_discovery();
        match self.format {
            Format::Human | Format::Stream | Format::Group => {
                self.stage.out.print(&hosts::screenful(hosts, listing, &self.stage.out_screen));
            }
            Format::Json => self.print_json(&hosts.iter().map(HostJson::from).collect::<Vec<_>>()),
        }
        self.stage.err.print(&hosts::gaps(gaps, &self.stage.err_screen));
        self.flush();
    }

    /// Shows the result of `host-keys`.
    pub fn show_host_keys(&self, rows: &[HostKeyRow]) {
        self.end_discovery();
        match self.format {
            Format::Human | Format::Stream | Format::Group => {
                self.stage.out.print(&host_keys::screenful(rows, &self.stage.out_screen));
            }
            Format::Json => self.print_json(&rows.iter().map(HostKeyJson::from).collect::<Vec<_>>()),
        }
        self.flush();
    }

    /// Shows the result of `hosts` for `ssh -F`.
    pub fn show_ssh_config(&self, target: &str, hosts: &[(&Host, HostBlock)], gaps: Gaps<'_>) {
        self.show_text(&ssh_config::file(target, hosts), gaps);
    }

    /// Shows the result of `hosts` for Ansible.
    pub fn show_ansible(&self, hosts: &[(&Host, HostBlock)], gaps: Gaps<'_>) {
        self.print_json(&ansible::inventory(hosts));
        self.show_text("", gaps);
    }

    /// Shows the result of `hosts` for a spreadsheet.
    pub fn show_csv(&self, hosts: &[Host], listing: &Listing, gaps: Gaps<'_>) {
        match listing::csv(hosts, listing) {
            Ok(text) => self.show_text(&text, gaps),
            Err(error) => self.warn(&format!("cannot write the result as CSV: {error}")),
        }
    }

    fn show_text(&self, text: &str, gaps: Gaps<'_>) {
        self.stage.out.print(text);
        self.stage.err.print(&hosts::gaps(gaps, &self.stage.err_screen));
        self.flush();
    }

    /// Shows the result of `plan`.
    pub fn show_plan(&self, plan: &Plan, gaps: Gaps<'_>) {
        self.end_discovery();
        match self.format {
            Format::Human | Format::Stream | Format::Group => {
                self.stage.out.print(&plan::screenful(plan, &self.stage.out_screen));
            }
            Format::Json => self.print_json(&PlanResultJson::new(plan, gaps)),
        }
        self.stage.err.print(&hosts::gaps(gaps, &self.stage.err_screen));
        self.flush();
    }

    /// Shows the result of `check`.
    pub fn show_checks(&self, checks: &[Check]) {
        self.end_discovery();
        match self.format {
            Format::Human | Format::Stream | Format::Group => {
                self.stage.out.print(&check::screenful(checks, &self.stage.out_screen));
            }
            Format::Json => self.print_json(checks),
        }
        self.flush();
    }

    /// Opens the record's files and the log folder of a run that is about to start.
    ///
    /// # Errors
    /// When one of them cannot be written. The run must not start then, because nothing could be reported of it.
    pub fn start(&self, plan: &Plan, gaps: Gaps<'_>) -> Result<RunReporter, ReportError> {
        self.end_discovery();
        self.stage.err.print(&hosts::gaps(gaps, &self.stage.err_screen));
        let record = Arc::new(Mutex::new(Record::new(plan, gaps, (self.stage.clock)())));
        let logs = match &self.log_dir {
            Some(path) => {
                let failed = |source| ReportError::LogDir { path: path.clone(), source };
                Some(LogDir::create(path, plan).map_err(failed)?)
            }
            None => None,
        };
        let wanted: [(&Option<PathBuf>, Form); 3] = [
            (&self.report, record_file::json),
            (&self.junit, junit::xml),
            (&self.html, |record| Ok(page::html(record).into_bytes())),
        ];
        let mut files = Vec::new();
        for (path, form) in wanted {
            let Some(path) = path else { continue };
            let failed = |source| ReportError::Record { path: path.clone(), source };
            files.push(RecordFile::create(path, form, &record).map_err(failed)?);
        }
        let view = match self.format {
            Format::Human | Format::Stream | Format::Group => {
                let human = Human::new(self.stage.clone(), self.format, plan, &lock(&record), self.rerun.clone());
                View::Human(Box::new(human))
            }
            Format::Json => {
                let Stage { out, err, .. } = self.stage.clone();
                View::Json { json: Json::new(out.clone()), out, err }
            }
        };
        Ok(RunReporter::new(
            record,
            files,
            logs,
            view,
            self.teller.clone().map(|teller| teller.of(self.report.as_deref())),
        ))
    }

    /// Waits until the result has been read, however long that takes: nothing else remains to be done.
    fn flush(&self) {
        self.stage.out.flush(Wait::Ever);
        self.stage.err.flush(Wait::Ever);
    }

    fn shows_progress(&self) -> bool {
        self.format != Format::Json && self.stage.detail != Detail::Quiet
    }

    /// Writes to standard error, above the live display if there is one.
    fn above(&self, text: &str) {
        match &*lock(&self.display) {
            Some(live) => live.above(|| self.stage.err.print(text)),
            None => self.stage.err.print(text),
        }
    }

    fn print_json(&self, value: &(impl Serialize + ?Sized)) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.stage.out.line(&harmless(text)),
            Err(error) => self.warn(&format!("cannot write the result as JSON: {error}")),
        }
    }
}

//! `--output human`: a run as a person or a pipeline's log sees it.
//!
//! Results go to standard output: what the scripts print (with `--verbose`, and for `run`), and the
//! last screen. How things go, and each failure at once, goes to standard error. So
//! `fleetwide … > file` keeps the results, and the person still sees the progress.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    failures,
    heartbeat::Heartbeat,
    labels::Labels,
    lines::Lines,
    live::{Live, LiveWidth},
    lock, neutral,
    outlet::{Outlet, Wait},
    plan,
    progress::{self, FEW, Progress},
    record::{HostRecord, Record},
    reporter::Detail,
    screen::{Ink, Screen},
    summary, words,
};
use crate::{
    inventory::HostId,
    plan::{Plan, Work},
    rollout::{Event, EventKind, Outcome, StopReason},
    transport::Stream,
};

/// Without a terminal, the longest time without a word.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Tells what time it is; a test's stands still.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The two streams, what they can show, and how much is wanted.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) out: Outlet,
    pub(super) err: Outlet,
    pub(super) out_screen: Screen,
    pub(super) err_screen: Screen,
    pub(super) detail: Detail,
    pub(super) clock: Clock,
    pub(super) live_width: LiveWidth,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("out", &self.out_screen).field("err", &self.err_screen).finish_non_exhaustive()
    }
}

/// Shows one run.
#[derive(Debug)]
pub(super) struct Human {
    stage: Stage,
    labels: Arc<Labels>,
    progress: Arc<Mutex<Progress>>,
    display: Display,
    /// The unfinished lines of hosts whose output is shown.
    lines: HashMap<(HostId, Stream), Lines>,
    /// What hosts print is shown as it comes.
    shows_output: bool,
    total: usize,
    rerun: Option<String>,
}

/// What shows that the run goes on.
#[derive(Debug)]
enum Display {
    Live(Live),
    Log { _heartbeat: Heartbeat },
    None,
}

impl Human {
    /// Gets ready to show a run of `plan`.
    pub(super) fn new(stage: Stage, plan: &Plan, record: &Record, rerun: Option<String>) -> Self {
        let ad_hoc = matches!(plan.work, Work::Command(_));
        let shows_output = match stage.detail {
            Detail::Quiet => false,
            // The output of an ad hoc command is what it was run for.
            Detail::Normal => ad_hoc,
            Detail::Verbose => true,
        };
        let total = record.hosts.len();
        Self {
            labels: Arc::new(Labels::of(record)),
            progress: Arc::new(Mutex::new(Progress::new(plan::title(plan), total, record.started))),
            display: Display::None,
            lines: HashMap::new(),
            shows_output,
            total,
            rerun,
            stage,
        }
    }

    /// Standard output and standard error.
    pub(super) fn outlets(&self) -> [Outlet; 2] {
        [self.stage.out.clone(), self.stage.err.clone()]
    }

    /// Shows one event. `host` is the record of the host that it is about.
    pub(super) fn event(&mut self, event: &Event<'_>, host: Option<&HostRecord>) {
        lock(&self.progress).enter(&event.kind, event.at);
        let verbose = self.stage.detail == Detail::Verbose;
        match event.kind {
            EventKind::RunStarted { plan } => self.start(plan),
            EventKind::HostConnecting { host, attempt } if verbose => {
                let again = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                self.say(&format!("{}: connecting{again}", self.labels.get(host)));
            }
            EventKind::ScriptStarted { host, group } if verbose => {
                self.say(&format!("{}: script started (process group {group})", self.labels.get(host)));
            }
            EventKind::HostRetrying { host, attempt, message, wait } if verbose => {
                let (label, message, wait) = (self.labels.get(host), neutral::line(message), words::duration(wait));
                self.say(&format!("{label}: {message}; attempt {attempt} in {wait}"));
            }
            EventKind::Output { host, stream, bytes } if self.shows_output => self.output(host, stream, bytes),
            EventKind::HostFinished { result } => {
                self.finish_lines(&result.host);
                if let Some(host) = host {
                    self.host_finished(host, event.at);
                }
            }
            EventKind::Stopping { reason, running } => self.stopping(reason, running),
            EventKind::HostConnecting { .. }
            | EventKind::ScriptStarted { .. }
            | EventKind::HostRetrying { .. }
            | EventKind::Output { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }

    /// Shows the end of the run, and what went wrong with reporting it.
    pub(super) fn finish(&mut self, record: &Record, troubles: &[String], wait: Wait) {
        self.display = Display::None;
        let Stage { out, err, out_screen, err_screen, detail, .. } = &self.stage;
        for (outlet, screen) in [(out, out_screen), (err, err_screen)] {
            let gap = outlet.take_gap();
            if gap > 0 {
                outlet.print(&left_out(gap, screen));
            }
        }
        out.print(&summary::screenful(record, out_screen, *detail, self.rerun.as_deref()));
        out.finish(wait);
        for trouble in troubles {
            err.line(&warning(trouble, err_screen));
        }
        if let Some(shortfall) = out.shortfall() {
            err.line(&warning(&shortfall.to_string(), err_screen));
        }
        err.finish(wait);
    }

    fn start(&mut self, plan: &Plan) {
        let Stage { err, err_screen, detail, clock, live_width, .. } = self.stage.clone();
        if detail == Detail::Quiet {
            return;
        }
        let dot = err_screen.signs().dot;
        let title = err_screen.paint(Ink::Strong, &plan::title(plan));
        let hosts = words::chosen(self.total, plan.narrowed_from);
        self.say(&format!("{title}: {hosts} ({})", words::by_provider(plan.hosts().map(|host| &**host))));
        let allowed = words::allowed(plan.policy.max_failures);
        let terms = format!("  {} at once {dot} {allowed} {dot} run {}", plan.policy.concurrency, plan.run);
        self.say(&err_screen.paint(Ink::Faint, &terms));
        let (progress, labels) = (Arc::clone(&self.progress), Arc::clone(&self.labels));
        self.display = if err_screen.live {
            let draw = move |width: usize| {
                lock(&progress).lines(clock(), width, &err_screen, |host| labels.get(host).to_owned())
            };
            Display::Live(Live::start(err, live_width, draw))
        } else {
            let beat = move || {
                let line = lock(&progress).heartbeat(clock(), &err_screen, |host| labels.get(host).to_owned());
                err.line(&line);
            };
            Display::Log { _heartbeat: Heartbeat::start(HEARTBEAT, beat) }
        };
    }

    fn host_finished(&self, host: &HostRecord, now: Timestamp) {
        let Stage { err_screen, detail, .. } = &self.stage;
        let label = self.labels.get(&host.id);
        let time = host.duration_ms.map(|ms| words::duration(Duration::from_millis(ms))).unwrap_or_default();
        let in_a_log = matches!(self.display, Display::Log { .. });
        if failures::wants_telling(host) {
            self.say(&failures::headline(host, label, err_screen));
        } else if *detail == Detail::Verbose || in_a_log && self.total <= FEW {
            match host.outcome {
                Some(Outcome::Succeeded) => {
                    self.say(&format!(
                        "{} {label} succeeded in {time}",
                        err_screen.paint(Ink::Good, err_screen.signs().tick)
                    ));
                }
                Some(Outcome::Failed | Outcome::Unreachable | Outcome::Unknown) => {
                    self.say(&failures::headline(host, label, err_screen));
                }
                // Skipped hosts end together, untouched: the last screen counts them.
                Some(Outcome::Skipped) | None => {}
            }
        }
        if in_a_log {
            let mut progress = lock(&self.progress);
            if progress.heartbeat_due() {
                let line = progress.heartbeat(now, err_screen, |host| self.labels.get(host).to_owned());
                drop(progress);
                self.say(&line);
            }
        }
    }

    fn stopping(&self, reason: StopReason, running: usize) {
        let scripts = words::count(running, "script");
        let what = match (reason, running) {
            (_, 0) => "no script is running".to_owned(),
            (StopReason::Budget, _) => format!("letting {scripts} finish"),
            (StopReason::Interrupt, _) => format!("ending {scripts}; Ctrl-C again kills at once"),
            (StopReason::Terminate, _) => format!("ending {scripts}"),
        };
        let text = format!("stopping ({}): no new host is started, {what}", progress::stop_word(reason));
        self.say(&self.stage.err_screen.paint(Ink::Warning, &text));
    }

    fn output(&mut self, host: &HostId, stream: Stream, bytes: &[u8]) {
        let finished = self.lines.entry((host.clone(), stream)).or_default().push(bytes);
        self.show(host, stream, &finished);
    }

    fn finish_lines(&mut self, host: &HostId) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = self.lines.remove(&(host.clone(), stream)).and_then(|mut lines| lines.finish());
            self.show(host, stream, rest.as_slice());
        }
    }

    /// Shows lines that a host printed, each with the host's name, on the same stream here.
    fn show(&self, host: &HostId, stream: Stream, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let (outlet, screen) = match stream {
            Stream::Stdout => (&self.stage.out, &self.stage.out_screen),
            Stream::Stderr => (&self.stage.err, &self.stage.err_screen),
        };
        let prefix = screen.paint(Ink::Faint, &format!("{}:", self.labels.get(host)));
        let text: String = lines.iter().flat_map(|line| [&prefix, " ", line, "\n"]).collect();
        self.above(|| outlet.flood(&text, |bytes| left_out(bytes, screen)));
    }

    /// Says something about how things go.
    fn say(&self, line: &str) {
        self.above(|| self.stage.err.line(line));
    }

    fn above(&self, print: impl FnOnce()) {
        match &self.display {
            Display::Live(live) => live.above(print),
            Display::Log { .. } | Display::None => print(),
        }
    }
}

/// What stands for output that nobody read in time.
fn left_out(bytes: usize, screen: &Screen) -> String {
    let text = format!("{} {} not shown", screen.signs().ellipsis, words::count(bytes, "byte"));
    format!("{}\n", screen.paint(Ink::Warning, &text))
}

/// A line that must not be overlooked.
pub(super) fn warning(text: &str, screen: &Screen) -> String {
    screen.paint(Ink::Warning, &format!("warning: {}", neutral::line(text)))
}

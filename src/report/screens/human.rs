//! A run as shown to a person or in a pipeline's log.
//!
//! Progress, and each failure at once, go to standard error; results go to standard output. The result is the last
//! screen, after the scripts' output (with `--verbose`, and for `run`). With `--output stream` and `group` the result
//! is the scripts' output alone, and the last screen goes to standard error. So `fleetwide … > file` keeps the results,
//! and the person still sees the progress.

use std::{
    fmt, mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    failures,
    progress::{self, FEW, Progress},
    summary::{self, Rerun},
    turns::{Turns, Wanted},
};
use crate::{
    config::OnStop,
    plan::{Pause, Plan, Work},
    report::{
        files::{host_record::HostRecord, record::Record},
        lock,
        output::{
            gather::{Ending, Gathering},
            group,
            stream::Streamed,
        },
        reporter::{Detail, Format},
        streams::{
            display::Display,
            heartbeat::Heartbeat,
            live::{Live, LiveWidth},
            outlet::{Outlet, Wait},
        },
        tables::plan,
        text::{
            cells,
            labels::LiveLabels,
            neutral,
            screen::{Ink, Screen},
            words,
        },
    },
    rollout::{Cancel, Event, EventKind, HostResult, Outcome, StopReason, UndoResult},
};

/// Without a terminal, the longest silence.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Tells the time; in a test it stands still.
pub(in crate::report) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The two streams, what they can show, and the wanted detail.
#[derive(Clone)]
pub(in crate::report) struct Stage {
    pub(in crate::report) out: Outlet,
    pub(in crate::report) err: Outlet,
    pub(in crate::report) out_screen: Screen,
    pub(in crate::report) err_screen: Screen,
    pub(in crate::report) detail: Detail,
    pub(in crate::report) clock: Clock,
    pub(in crate::report) live_width: LiveWidth,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("out", &self.out_screen).field("err", &self.err_screen).finish_non_exhaustive()
    }
}

/// Shows one run.
#[derive(Debug)]
pub(in crate::report) struct Human {
    stage: Stage,
    labels: LiveLabels,
    progress: Arc<Mutex<Progress>>,
    display: Arc<Display>,
    output: Output,
    /// The output of hosts is the only result; the last screen is not part of it.
    output_is_result: bool,
    total: usize,
    /// The run is a rollback by hand.
    by_hand: bool,
    turns: Turns,
    on_stop: OnStop,
    /// The number of barriers that a host passes.
    barriers: usize,
    rerun: Option<Rerun>,
}

/// How the output of hosts is shown.
#[derive(Debug)]
enum Output {
    Hidden,
    /// As it arrives; set once the run has started.
    Streamed(Option<Streamed>),
    /// At the end, equal outputs once.
    Grouped(Box<Grouped>),
}

/// The output of hosts, gathered.
#[derive(Debug, Default)]
struct Grouped {
    /// Of the run's own work.
    own: Gathering,
    /// Of the rollback afterwards.
    undo: Gathering,
    /// The rollback has started.
    undoing: bool,
}

impl Human {
    /// Prepares to show a run of `plan`.
    pub(in crate::report) fn new(
        stage: Stage,
        format: Format,
        plan: &Plan,
        record: &Record,
        rerun: Option<Rerun>,
    ) -> Self {
        let ad_hoc = matches!(plan.work, Work::Command(_));
        let output = match (format, stage.detail) {
            (Format::Stream, _) => Output::Streamed(None),
            (Format::Group, _) => Output::Grouped(Box::default()),
            // An ad hoc command is run for its output.
            (Format::Human | Format::Json, Detail::Normal) if ad_hoc => Output::Streamed(None),
            (Format::Human | Format::Json, Detail::Verbose) => Output::Streamed(None),
            (Format::Human | Format::Json, Detail::Quiet | Detail::Normal) => Output::Hidden,
        };
        let total = record.hosts.len();
        Self {
            labels: LiveLabels::of(record),
            progress: Arc::new(Mutex::new(Progress::new(plan::title(plan), Some(plan), total, record.started))),
            display: Arc::new(Display::None),
            output,
            output_is_result: matches!(format, Format::Stream | Format::Group),
            total,
            by_hand: plan.rollback_by_hand().is_some(),
            turns: Turns::of(plan),
            on_stop: plan.policy.on_stop,
            barriers: plan.barriers(),
            rerun,
            stage,
        }
    }

    /// Standard output and standard error.
    pub(in crate::report) fn outlets(&self) -> [Outlet; 2] {
        [self.stage.out.clone(), self.stage.err.clone()]
    }

    /// True when the reader wants to see progress, but has not seen the output of hosts.
    pub(in crate::report) fn leaves_logs_out(&self) -> bool {
        matches!(self.output, Output::Hidden) && self.stage.detail != Detail::Quiet
    }

    /// Shows one event, which `record` already includes. `host` is the record of the host that it ends.
    pub(in crate::report) fn event(&mut self, event: &Event<'_>, record: &Mutex<Record>, host: Option<&HostRecord>) {
        lock(&self.progress).enter(&event.kind, event.at);
        let verbose = self.stage.detail == Detail::Verbose;
        match event.kind {
            EventKind::RunStarted { plan } => self.start(plan),
            EventKind::HostConnecting { host, attempt } if verbose => {
                let again = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                self.say(&format!("{}: connecting{again}", self.labels.now().get(host)));
            }
            EventKind::ScriptStarted { host, group } if verbose => {
                self.say(&format!("{}: script started (process group {group})", self.labels.now().get(host)));
            }
            EventKind::PartStarted { host, part } if verbose => {
                self.say(&format!("{}: part {}", self.labels.now().get(host), neutral::line(part)));
            }
            EventKind::PartFinished { host, part } if verbose => {
                self.say(&format!("{}: {}", self.labels.now().get(host), words::part(part)));
            }
            EventKind::HostHeld { host, part } if verbose => {
                let part = neutral::line(part);
                self.say(&format!("{}: waits at the barrier behind {part}", self.labels.now().get(host)));
            }
            EventKind::HostLost { host, message } if verbose => {
                self.say(&format!("{}: {}; looking for it again", self.labels.now().get(host), neutral::line(message)));
            }
            EventKind::HostReattaching { host, tries, wait } if verbose => {
                let (labels, wait) = (self.labels.now(), words::duration(wait));
                self.say(&format!("{}: re-attaching in {wait} (try {tries})", labels.get(host)));
            }
            // A live display counts such hosts; in a log, a host that is back at once is not worth a line.
            EventKind::HostReattaching { host, tries: 2, .. } if self.display.is_log() => {
                self.say(&format!("{}: contact was lost; looking for it again", self.labels.now().get(host)));
            }
            EventKind::HostReattached { host, group } if verbose => {
                self.say(&format!("{}: heard again (process group {group})", self.labels.now().get(host)));
            }
            EventKind::HostRetrying { host, attempt, message, wait } if verbose => {
                let (labels, message, wait) = (self.labels.now(), neutral::line(message), words::duration(wait));
                self.say(&format!("{}: {message}; attempt {attempt} in {wait}", labels.get(host)));
            }
            EventKind::Output { host, stream, bytes } => match &mut self.output {
                Output::Streamed(Some(streamed)) => streamed.output(host, stream, bytes),
                Output::Grouped(grouped) => grouped.now().output(host, stream, bytes),
                Output::Streamed(None) | Output::Hidden => {}
            },
            EventKind::HostFinished { result } | EventKind::HostUndone { result } => {
                self.output_ended(result, host);
                match (&event.kind, host) {
                    (EventKind::HostUndone { .. }, _) if !self.by_hand => self.turn(&event.kind),
                    (_, Some(host)) => self.host_finished(host, event.at),
                    (_, None) => {}
                }
            }
            EventKind::FleetSighted { joined, .. } => {
                if !joined.is_empty() {
                    self.labels.renew(&lock(record));
                }
                self.turn(&event.kind);
            }
            EventKind::UndoStarted { .. } => {
                if let Output::Grouped(grouped) = &mut self.output {
                    grouped.undoing = !self.by_hand;
                }
                self.turn(&event.kind);
            }
            EventKind::Stopping { reason, running } => self.stopping(reason, running),
            EventKind::StageStarted { .. }
            | EventKind::PauseStarted { .. }
            | EventKind::PauseEnded { .. }
            | EventKind::CheckSampled { .. }
            | EventKind::Approved { .. }
            | EventKind::HookFinished { .. }
            | EventKind::FleetUnseen { .. }
            | EventKind::HostReturned { .. } => self.turn(&event.kind),
            EventKind::HostConnecting { .. }
            | EventKind::ScriptStarted { .. }
            | EventKind::PartStarted { .. }
            | EventKind::PartFinished { .. }
            | EventKind::HostHeld { .. }
            | EventKind::HostLost { .. }
            | EventKind::HostReattaching { .. }
            | EventKind::HostReattached { .. }
            | EventKind::HostRetrying { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }

    /// Shows the end of the run, and what could not be reported.
    pub(in crate::report) fn finish(&mut self, record: &Record, troubles: &[String], wait: Wait) {
        let labels = self.labels.now();
        let [own, undo] = match mem::replace(&mut self.output, Output::Hidden) {
            Output::Grouped(grouped) => {
                [grouped.own, grouped.undo].map(|outputs| outputs.finish(|host| labels.get(host).to_owned()))
            }
            Output::Streamed(streamed) => {
                // The streamed output holds the display, which must be removed before the last screen.
                drop(streamed);
                Default::default()
            }
            Output::Hidden => Default::default(),
        };
        let shown_whole = group::shown_whole(&own);
        self.display = Arc::new(Display::None);
        let Stage { out, err, out_screen, err_screen, detail, .. } = &self.stage;
        for (outlet, screen) in [(out, out_screen), (err, err_screen)] {
            let gap = outlet.take_gap();
            if gap > 0 {
                outlet.print(&left_out(gap, screen));
            }
        }
        let mut read = true;
        let mut print = |text: &str| {
            out.print(text);
            // Wait after each, so that at most one is in memory twice; once nobody reads, stop waiting.
            read = read && out.flush(wait);
        };
        let apart = !own.is_empty() && !undo.is_empty();
        let mut patience = group::PATIENCE;
        group::print(own, &labels, out_screen, &mut patience, &mut print);
        if apart {
            print("\n");
        }
        group::print(undo, &labels, out_screen, &mut patience, &mut print);
        let (last, last_screen) = if self.output_is_result { (err, err_screen) } else { (out, out_screen) };
        let mut rerun = self.rerun.clone();
        if let Some(rerun) = rerun.as_mut().filter(|_| !troubles.is_empty()) {
            // The report may lack what the command would read.
            rerun.failed = None;
        }
        last.print(&summary::screenful(record, last_screen, *detail, &shown_whole, rerun.as_ref()));
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
        if self.stage.detail != Detail::Quiet {
            self.introduce(plan);
            self.display = Arc::new(self.display());
        }
        if let Output::Streamed(streamed) = &mut self.output {
            let (labels, display) = (self.labels.clone(), Arc::clone(&self.display));
            *streamed = Some(Streamed::start(self.stage.clone(), labels, display));
        }
    }

    fn introduce(&self, plan: &Plan) {
        let Stage { err_screen, .. } = &self.stage;
        let dot = err_screen.signs().dot;
        let hosts = words::chosen(self.total, plan.narrowed_from);
        let hosts = words::with_providers(hosts, plan.hosts().map(|host| &**host));
        // A long command is wrapped between words.
        let title = failures::wrapped(&format!("{}:", plan::title(plan)), 0, failures::INDENT, err_screen);
        let used = title.lines().last().map_or(0, cells::width) + 1;
        let hosts = failures::wrapped(&hosts, used, failures::INDENT, err_screen);
        self.say(&format!("{} {hosts}", err_screen.paint(Ink::Strong, &title)));
        let allowed =
            if self.by_hand { "no failure stops the others".to_owned() } else { words::allowed(plan.budget()) };
        let terms = format!("  {} at once {dot} {allowed} {dot} run {}", plan.policy.concurrency, plan.run);
        self.say(&err_screen.paint(Ink::Faint, &terms));
    }

    /// Starts the display that shows that the run goes on.
    fn display(&self) -> Display {
        let Stage { err, err_screen, clock, live_width, .. } = self.stage.clone();
        let (progress, labels) = (Arc::clone(&self.progress), self.labels.clone());
        if err_screen.live {
            let draw = move |width: usize| {
                lock(&progress).lines(clock(), width, &err_screen, |host| labels.now().get(host).to_owned())
            };
            Display::Live(Live::start(err, live_width, draw))
        } else {
            let beat = move || {
                let line = lock(&progress).heartbeat(clock(), &err_screen, |host| labels.now().get(host).to_owned());
                err.line(&line);
            };
            Display::Log { _heartbeat: Heartbeat::start(HEARTBEAT, beat) }
        }
    }

    /// Ends the output of a host.
    fn output_ended(&mut self, result: &HostResult, host: Option<&HostRecord>) {
        match &mut self.output {
            Output::Streamed(Some(streamed)) => streamed.end(&result.host),
            Output::Grouped(grouped) => {
                let undo = host.and_then(|host| host.undo_after()).zip(result.undo.as_deref());
                // If no script started, there is no output to compare.
                let ending = match undo {
                    Some((undo, UndoResult { run, .. })) => {
                        run.group.map(|_| Ending { outcome: run.outcome, words: words::of_undo(undo) })
                    }
                    None => host.filter(|host| host.group.is_some()).and_then(ending),
                };
                if let Some(ending) = ending {
                    grouped.now().end(&result.host, ending);
                }
            }
            Output::Streamed(None) | Output::Hidden => {}
        }
    }

    fn host_finished(&self, host: &HostRecord, now: Timestamp) {
        let Stage { err_screen, detail, .. } = &self.stage;
        if *detail == Detail::Quiet {
            // The last screen shows each failure; in quiet mode once is enough.
            return;
        }
        let labels = self.labels.now();
        let label = labels.get(&host.id);
        let time = host.duration_ms.map(|ms| words::duration(Duration::from_millis(ms))).unwrap_or_default();
        let in_a_log = self.display.is_log();
        if failures::wants_telling(host) {
            self.say(&failures::headline(host, label, err_screen));
        } else if *detail == Detail::Verbose || in_a_log && self.total <= FEW {
            match host.outcome {
                Some(Outcome::Succeeded) => {
                    let tick = err_screen.paint(Ink::Good, err_screen.signs().tick);
                    self.say(&format!("{tick} {label} {} in {time}", host.own_word().unwrap_or_default()));
                }
                Some(Outcome::Failed | Outcome::Unreachable | Outcome::Unknown) => {
                    self.say(&failures::headline(host, label, err_screen));
                }
                // Skipped hosts end together, untouched: the last screen counts them.
                Some(Outcome::Skipped | Outcome::Gone) | None => {}
            }
        }
        // A stop ends all untouched hosts at the same moment.
        if in_a_log && host.outcome != Some(Outcome::Skipped) {
            let mut progress = lock(&self.progress);
            if progress.heartbeat_due() {
                let line = progress.heartbeat(now, err_screen, |host| self.labels.now().get(host).to_owned());
                drop(progress);
                self.say(&line);
            }
        }
    }

    /// Shows a turn of the rollout.
    fn turn(&self, kind: &EventKind<'_>) {
        let Stage { err_screen, detail, .. } = &self.stage;
        let wanted = match detail {
            Detail::Quiet => return,
            Detail::Normal => Wanted::Turns,
            Detail::Verbose => Wanted::All,
        };
        if let EventKind::PauseStarted { pause: Pause::Approve(_), .. } = kind {
            self.display.hide(true);
        }
        if let EventKind::PauseEnded { .. } = kind {
            self.display.hide(false);
        }
        if let Some(line) = self.turns.line(kind, wanted, err_screen, |host| self.labels.now().get(host).to_owned()) {
            self.say(&line);
        }
    }

    fn stopping(&self, reason: StopReason, running: usize) {
        let scripts = words::count(running, "script");
        let what = match (reason, running) {
            (_, 0) => "no script is running".to_owned(),
            (
                StopReason::Budget
                | StopReason::StageFailed
                | StopReason::Check
                | StopReason::Approval
                | StopReason::Hook,
                _,
            ) => match (self.on_stop, self.barriers) {
                (OnStop::Finish, 0) => format!("letting {scripts} finish"),
                // The run ends scripts that wait at a barrier, because what they wait for will not come.
                (OnStop::Finish, _) => format!("letting {scripts} go on, but past no barrier"),
                (OnStop::Kill, _) => format!("ending {scripts}"),
            },
            (StopReason::Cancel(Cancel::Interrupt), _) => format!("ending {scripts}; Ctrl-C again kills at once"),
            (StopReason::Cancel(Cancel::Terminate), _) => format!("ending {scripts}"),
        };
        let text = format!("stopping ({}): no new host is started, {what}", progress::stop_word(reason));
        self.say(&self.stage.err_screen.paint(Ink::Warning, &text));
    }

    /// Shows a line of progress.
    fn say(&self, line: &str) {
        self.display.above(|| self.stage.err.line(line));
    }
}

impl Grouped {
    /// Where output that arrives now belongs.
    fn now(&mut self) -> &mut Gathering {
        if self.undoing { &mut self.undo } else { &mut self.own }
    }
}

/// How a host ended, in words that other hosts may share.
fn ending(host: &HostRecord) -> Option<Ending> {
    let outcome = host.outcome?;
    let words = if outcome == Outcome::Succeeded { "exit status 0".to_owned() } else { words::why(host) };
    Some(Ending { outcome, words })
}

/// The mark in place of output that was not read in time.
pub(in crate::report) fn left_out(bytes: usize, screen: &Screen) -> String {
    let text = format!("{} {} not shown", screen.signs().ellipsis, words::count(bytes, "byte"));
    format!("{}\n", screen.paint(Ink::Warning, &text))
}

/// A line with a warning.
pub(in crate::report) fn warning(text: &str, screen: &Screen) -> String {
    screen.paint(Ink::Warning, &format!("warning: {}", neutral::line(text)))
}

//! `--output stream`: shows every line of a host as it arrives, behind the host's name. `run` and `--verbose` show
//! output in the same way.
//!
//! The standard output of hosts goes to ours, behind `│`; their standard error goes to ours, behind `!`. The names form
//! a column, each in its own colour. On a terminal a long line continues behind the sign, so that no output of a host
//! stands where a name does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::lines::{Line, Lines};
use crate::{
    inventory::HostId,
    report::{
        lock,
        screens::human::{Stage, left_out},
        streams::{display::Display, heartbeat::Heartbeat},
        text::{
            cells,
            labels::{Labels, LiveLabels},
            screen::{Ink, Screen},
        },
    },
    transport::Stream,
};

/// How often unfinished lines are checked.
const PERIOD: Duration = Duration::from_millis(500);

/// The widest column of names, unless it must be wider; longer names stick out. In cells.
const WIDEST: usize = 40;

/// The width of the sign between a name and a line, and of the blanks around it. In cells.
const MARGIN: usize = 3;

/// Shows output line by line.
#[derive(Debug)]
pub(in crate::report) struct Streamed {
    printer: Arc<Printer>,
    _overdue: Heartbeat,
}

#[derive(Debug)]
struct Printer {
    stage: Stage,
    display: Arc<Display>,
    labels: LiveLabels,
    /// The unfinished lines.
    lines: Mutex<HashMap<(HostId, Stream), Lines>>,
}

impl Streamed {
    /// Shows output from now on, above `display`.
    pub(in crate::report) fn start(stage: Stage, labels: LiveLabels, display: Arc<Display>) -> Self {
        let printer = Arc::new(Printer { stage, display, labels, lines: Mutex::default() });
        let overdue = Arc::clone(&printer);
        Self { printer, _overdue: Heartbeat::start(PERIOD, move || overdue.show_overdue()) }
    }

    /// Takes output of a host.
    pub(in crate::report) fn output(&self, host: &HostId, stream: Stream, bytes: &[u8]) {
        let mut lines = lock(&self.printer.lines);
        let finished = lines.entry((host.clone(), stream)).or_default().push(bytes, Instant::now());
        // Shown before the lock is released, so that no later line overtakes these.
        self.printer.show(host, stream, &finished);
    }

    /// Shows the last, unfinished line of a host.
    pub(in crate::report) fn end(&self, host: &HostId) {
        let mut lines = lock(&self.printer.lines);
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = lines.remove(&(host.clone(), stream)).and_then(|mut lines| lines.finish());
            self.printer.show(host, stream, rest.as_slice());
        }
    }
}

impl Printer {
    fn show_overdue(&self) {
        let now = Instant::now();
        for ((host, stream), lines) in lock(&self.lines).iter_mut() {
            let overdue = lines.overdue(now);
            self.show(host, *stream, overdue.as_slice());
        }
    }

    fn show(&self, host: &HostId, stream: Stream, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        let (outlet, screen) = match stream {
            Stream::Stdout => (&self.stage.out, &self.stage.out_screen),
            Stream::Stderr => (&self.stage.err, &self.stage.err_screen),
        };
        // On a terminal the names leave most of the line to the output.
        let labels = self.labels.now();
        let column = labels.width().min(WIDEST);
        let column = screen.width.map_or(column, |width| column.min((width / 3).max(8)));
        let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(column + MARGIN));
        let (sign, ink) = stream_sign(stream, screen);
        let sign = screen.paint(ink, sign);
        let (name, blank) = (name(host, &labels, column, screen), cells::pad("", column));
        let mut text = String::new();
        for line in lines {
            let goes_on = if line.goes_on { screen.signs().ellipsis } else { "" };
            for (n, piece) in cells::fold(&format!("{goes_on}{}", line.text), room).iter().enumerate() {
                let before = if n == 0 { &name } else { &blank };
                let gap = if piece.is_empty() { "" } else { " " };
                text.push_str(&format!("{before} {sign}{gap}{piece}\n"));
            }
        }
        self.display.above(|| outlet.flood(&text, |bytes| left_out(bytes, screen)));
    }
}

/// The host's name, padded to the column.
fn name(host: &HostId, labels: &Labels, column: usize, screen: &Screen) -> String {
    let label = labels.get(host);
    let label = if screen.width.is_some() {
        cells::cut_middle(label, column, screen.signs().ellipsis)
    } else {
        label.to_owned()
    };
    screen.paint(Ink::of_host(host), &cells::pad(&label, column))
}

/// The sign before a line of a host.
pub(in crate::report) const fn stream_sign(stream: Stream, screen: &Screen) -> (&'static str, Ink) {
    match stream {
        Stream::Stdout => (screen.signs().gutter, Ink::Faint),
        Stream::Stderr => ("!", Ink::Bad),
    }
}

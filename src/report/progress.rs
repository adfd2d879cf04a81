//! How far a run is. Pure: events and a clock in, lines out.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::{
    cells,
    discovery::since,
    screen::{Ink, Screen},
    words,
};
use crate::{
    inventory::HostId,
    rollout::{EventKind, Outcome, StopReason, Summary},
};

/// Without a terminal, a run that goes well says something every tenth part …
const PARTS: usize = 10;

/// … but a run of so few hosts names each that ends.
pub(super) const FEW: usize = 20;

/// Counts of one run.
#[derive(Debug)]
pub(super) struct Progress {
    title: String,
    total: usize,
    began: Timestamp,
    ended: Summary,
    /// The hosts being worked on, and since when.
    running: HashMap<HostId, Timestamp>,
    stopping: Option<StopReason>,
    /// How many had ended when a heartbeat was last given.
    told: usize,
}

impl Progress {
    pub(super) fn new(title: String, total: usize, began: Timestamp) -> Self {
        Self { title, total, began, ended: Summary::default(), running: HashMap::new(), stopping: None, told: 0 }
    }

    pub(super) fn enter(&mut self, kind: &EventKind<'_>, at: Timestamp) {
        match kind {
            EventKind::HostConnecting { host, .. } => {
                self.running.entry((*host).clone()).or_insert(at);
            }
            EventKind::HostFinished { result } => {
                self.running.remove(&result.host);
                let ended = &mut self.ended;
                ended.total += 1;
                *match result.outcome {
                    Outcome::Succeeded => &mut ended.succeeded,
                    Outcome::Failed => &mut ended.failed,
                    Outcome::Unreachable => &mut ended.unreachable,
                    Outcome::Unknown => &mut ended.unknown,
                    Outcome::Skipped => &mut ended.skipped,
                } += 1;
            }
            EventKind::Stopping { reason, .. } => self.stopping = Some(*reason),
            EventKind::RunStarted { .. }
            | EventKind::ScriptStarted { .. }
            | EventKind::Output { .. }
            | EventKind::HostRetrying { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }

    /// The display as it stands at `now`: a bar, the counts, the slowest host.
    pub(super) fn lines(
        &self,
        now: Timestamp,
        width: usize,
        screen: &Screen,
        label: impl Fn(&HostId) -> String,
    ) -> Vec<String> {
        let cut = |text: &str| cells::cut(text, width, screen.signs().ellipsis);
        let mut counts = format!("  {}", self.counts(screen));
        if let Some(reason) = self.stopping {
            counts.push_str(&format!(" {} stopping ({})", screen.signs().dot, stop_word(reason)));
        }
        let counts = cut(&counts);
        let counts =
            if self.stopping.is_some() || self.ended.failures() > 0 { screen.paint(Ink::Bad, &counts) } else { counts };
        let slowest =
            self.slowest(now).map(|(host, time)| format!("  slowest: {} {}", label(host), words::duration(time)));
        vec![self.bar(now, width, screen), counts, screen.paint(Ink::Faint, &cut(&slowest.unwrap_or_default()))]
    }

    /// How far it is, in a line for a log.
    pub(super) fn heartbeat(&mut self, now: Timestamp, screen: &Screen, label: impl Fn(&HostId) -> String) -> String {
        self.told = self.ended.total;
        let slowest =
            self.slowest(now).map(|(host, time)| format!("; slowest {} {}", label(host), words::duration(time)));
        let elapsed = words::duration(since(self.began, now));
        format!("{elapsed}: {}{}", self.counts(screen), slowest.unwrap_or_default())
    }

    /// True when another tenth of the hosts has ended since the last heartbeat.
    pub(super) fn heartbeat_due(&self) -> bool {
        let part = |n: usize| n * PARTS / self.total.max(1);
        self.total > FEW && self.ended.total < self.total && part(self.ended.total) > part(self.told)
    }

    fn counts(&self, screen: &Screen) -> String {
        let Summary { total: ended, succeeded, failed, unreachable, unknown, skipped } = self.ended;
        let waiting = self.total.saturating_sub(ended + self.running.len());
        let counts = [
            (succeeded, "done", true),
            (self.running.len(), "running", true),
            (failed, "failed", false),
            (unreachable, "unreachable", false),
            (unknown, "unknown", false),
            (skipped, "skipped", false),
            (waiting, "to go", false),
        ];
        let shown: Vec<_> = counts
            .into_iter()
            .filter(|(n, _, always)| *n > 0 || *always)
            .map(|(n, word, _)| format!("{} {word}", words::number(n)))
            .collect();
        shown.join(&format!(" {} ", screen.signs().dot))
    }

    fn bar(&self, now: Timestamp, width: usize, screen: &Screen) -> String {
        let signs = screen.signs();
        let title = cells::cut(&self.title, width / 2, signs.ellipsis);
        let numbers = format!("{}/{}", words::number(self.ended.total), words::number(self.total));
        let right = format!("{numbers}  {}", words::duration(since(self.began, now)));
        let room = width.saturating_sub(cells::width(&title) + cells::width(&right) + 4).min(50);
        let done = (self.ended.total * room).checked_div(self.total).unwrap_or(room);
        let (done, left) = (signs.bar_done.repeat(done), signs.bar_left.repeat(room - done));
        let ink = if self.ended.failures() > 0 { Ink::Bad } else { Ink::Good };
        let line = format!("{title}  {done}{left}  {right}");
        if cells::width(&line) > width {
            return cells::cut(&format!("{title}  {right}"), width, signs.ellipsis);
        }
        format!(
            "{}  {}{}  {right}",
            screen.paint(Ink::Strong, &title),
            screen.paint(ink, &done),
            screen.paint(Ink::Faint, &left)
        )
    }

    fn slowest(&self, now: Timestamp) -> Option<(&HostId, Duration)> {
        let (host, began) = self.running.iter().min_by_key(|(host, began)| (**began, *host))?;
        Some((host, since(*began, now)))
    }
}

/// Why a run is stopping, in a word.
pub(super) const fn stop_word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Budget => "too many failures",
        StopReason::Interrupt => "Ctrl-C",
        StopReason::Terminate => "SIGTERM",
    }
}

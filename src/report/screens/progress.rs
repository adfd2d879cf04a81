//! The progress of a run. Pure: events and a clock in, lines out.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{between::Between, discovery::since, turns::Turns};
use crate::{
    inventory::HostId,
    plan::Plan,
    report::text::{
        cells,
        screen::{Ink, Screen},
        words,
    },
    rollout::{Cancel, EventKind, HostResult, Outcome, StopReason, Summary},
};

/// Without a terminal, a run that goes well reports every tenth part …
const PARTS: usize = 10;

/// … but a run of at most this many hosts reports each host that ends.
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
    /// The running hosts that contact was lost with.
    lost: HashSet<HostId>,
    /// The running hosts that wait at a barrier.
    held: HashSet<HostId>,
    stopping: Option<StopReason>,
    /// The outcome of each host that has ended.
    outcomes: HashMap<HostId, Outcome>,
    turns: Turns,
    /// The stage that started last.
    stage: Option<usize>,
    /// The pause between stages.
    between: Option<Between>,
    /// The number of hosts whose undo has ended, and of all that are rolled back.
    undo: Option<(usize, usize)>,
    /// The run is a rollback by hand.
    by_hand: bool,
    /// How many hosts may fail.
    budget: usize,
    /// The number of ended hosts at the last heartbeat.
    told: usize,
}

impl Progress {
    pub(super) fn new(title: String, plan: Option<&Plan>, total: usize, began: Timestamp) -> Self {
        Self {
            title,
            total,
            began,
            ended: Summary::default(),
            running: HashMap::new(),
            lost: HashSet::new(),
            held: HashSet::new(),
            stopping: None,
            outcomes: HashMap::new(),
            turns: plan.map(Turns::of).unwrap_or_default(),
            stage: None,
            between: None,
            undo: None,
            by_hand: plan.is_some_and(|plan| plan.rollback_by_hand().is_some()),
            budget: plan.filter(|plan| plan.rollback_by_hand().is_none()).map_or(0, Plan::budget),
            told: 0,
        }
    }

    pub(super) fn enter(&mut self, kind: &EventKind<'_>, at: Timestamp) {
        match kind {
            EventKind::HostConnecting { host, .. } => {
                self.running.entry((*host).clone()).or_insert(at);
            }
            EventKind::HostFinished { result } => self.end(result),
            EventKind::HostUndone { result } if self.by_hand => self.end(result),
            EventKind::HostReturned { host, .. } => self.forget(host),
            EventKind::StageStarted { stage, .. } => self.stage = Some(*stage),
            EventKind::PauseStarted { pause, .. } => self.between = Some(Between::new(pause, at)),
            EventKind::CheckSampled { check, sample, .. } => {
                if let Some(between) = &mut self.between {
                    between.sampled(check.as_str(), sample);
                }
            }
            EventKind::PauseEnded { .. } => self.between = None,
            EventKind::FleetSighted { joined, .. } => self.total += joined.len(),
            EventKind::UndoStarted { hosts } => self.undo = Some((0, *hosts)).filter(|_| !self.by_hand),
            EventKind::HostUndone { result } => {
                self.leave(&result.host);
                if let Some((done, all)) = &mut self.undo {
                    *done += 1;
                    // A host may have returned since.
                    *all = (*all).max(*done);
                }
            }
            EventKind::HostLost { host, .. } => _ = self.lost.insert((*host).clone()),
            EventKind::HostReattached { host, .. } | EventKind::HostRetrying { host, .. } => {
                _ = self.lost.remove(*host);
            }
            EventKind::HostHeld { host, .. } => _ = self.held.insert((*host).clone()),
            EventKind::PartStarted { host, .. } => _ = self.held.remove(*host),
            EventKind::Stopping { reason, .. } => self.stopping = Some(*reason),
            EventKind::RunStarted { .. }
            | EventKind::ScriptStarted { .. }
            | EventKind::Output { .. }
            | EventKind::PartFinished { .. }
            | EventKind::HostReattaching { .. }
            | EventKind::Approved { .. }
            | EventKind::HookFinished { .. }
            | EventKind::FleetUnseen { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }

    /// Enters the outcome of a host, which may replace an earlier one.
    fn end(&mut self, result: &HostResult) {
        self.leave(&result.host);
        self.forget(&result.host);
        self.outcomes.insert(result.host.clone(), result.outcome);
        self.ended.add(result.outcome);
    }

    /// Drops the outcome of a host from the counts.
    fn forget(&mut self, host: &HostId) {
        if let Some(before) = self.outcomes.remove(host) {
            self.ended.take_back(before);
        }
    }

    /// Marks a host as no longer running.
    fn leave(&mut self, host: &HostId) {
        self.running.remove(host);
        self.lost.remove(host);
        self.held.remove(host);
    }

    /// The display at `now`: a bar, the counts, the slowest host.
    pub(super) fn lines(
        &self,
        now: Timestamp,
        width: usize,
        screen: &Screen,
        label: impl Fn(&HostId) -> String,
    ) -> Vec<String> {
        let cut = |text: &str| cells::cut(text, width, screen.signs().ellipsis);
        let mut counts = self.counts();
        counts.extend(self.stage.and_then(|stage| self.turns.stage(stage)).map(|stage| (stage, Ink::Strong)));
        counts.extend(self.undo.map(|(done, of)| (format!("undo {done}/{of}"), Ink::Warning)));
        if self.budget > 0 && self.stopping.is_none() {
            let left = self.budget.saturating_sub(self.ended.failures());
            counts.push((format!("{} may still fail", words::number(left)), Ink::Faint));
        }
        counts.extend(self.stopping.map(|reason| (format!("stopping ({})", stop_word(reason)), Ink::Warning)));
        let plain = format!("  {}", joined(counts.iter().map(|(text, _)| text.clone()), screen));
        let counts = if cells::width(&plain) > width {
            cut(&plain)
        } else {
            format!("  {}", joined(counts.iter().map(|(text, ink)| screen.paint(*ink, text)), screen))
        };
        let slowest = || {
            let (host, time) = self.slowest(now)?;
            Some(format!("slowest: {} {}", label(host), words::duration(time)))
        };
        let last = self.between.as_ref().map(|between| between.line(now, screen)).or_else(slowest);
        let last = last.map(|last| format!("  {last}")).unwrap_or_default();
        vec![self.bar(now, width, screen), counts, screen.paint(Ink::Faint, &cut(&last))]
    }

    /// The progress in one line, for a log.
    pub(super) fn heartbeat(&mut self, now: Timestamp, screen: &Screen, label: impl Fn(&HostId) -> String) -> String {
        self.told = self.ended.total;
        let slowest =
            self.slowest(now).map(|(host, time)| format!("; slowest {} {}", label(host), words::duration(time)));
        let elapsed = words::duration(since(self.began, now));
        let counts = joined(self.counts().into_iter().map(|(text, _)| text), screen);
        format!("{elapsed}: {counts}{}", slowest.unwrap_or_default())
    }

    /// True when another tenth of the hosts has ended since the last heartbeat.
    pub(super) fn heartbeat_due(&self) -> bool {
        let part = |n: usize| n * PARTS / self.total.max(1);
        self.total > FEW && self.ended.total < self.total && part(self.ended.total) > part(self.told)
    }

    /// The number of hosts in each state, without the empty ones.
    fn counts(&self) -> Vec<(String, Ink)> {
        let Summary { total: ended, succeeded, failed, unreachable, unknown, gone, skipped } = self.ended;
        let (lost, running) = (self.lost.len(), self.running.len());
        let held = self.held.difference(&self.lost).count();
        let to_go = self.total.saturating_sub(ended + running);
        let counts = [
            (succeeded, "done", Ink::Good),
            (running.saturating_sub(lost + held), "running", Ink::Strong),
            (held, "at a barrier", Ink::Strong),
            (lost, "re-attaching", Ink::Warning),
            (failed, "failed", Ink::Bad),
            (unreachable, "unreachable", Ink::Bad),
            (unknown, "unknown", Ink::Bad),
            (gone, "gone", Ink::Warning),
            (skipped, "skipped", Ink::Warning),
            (to_go, "to go", Ink::Faint),
        ];
        let shown = counts.into_iter().filter(|(n, word, _)| *n > 0 || *word == "done");
        shown.map(|(n, word, ink)| (format!("{} {word}", words::number(n)), ink)).collect()
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

/// The parts, separated by the screen's dot.
fn joined(parts: impl IntoIterator<Item = String>, screen: &Screen) -> String {
    parts.into_iter().collect::<Vec<_>>().join(&format!(" {} ", screen.signs().dot))
}

/// Why a run is stopping, in a word.
pub(in crate::report) const fn stop_word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Budget => "too many failures",
        StopReason::StageFailed => "a whole stage failed",
        StopReason::Check => "a check failed",
        StopReason::Approval => "not approved",
        StopReason::Hook => "a hook failed",
        StopReason::Cancel(Cancel::Interrupt) => "Ctrl-C",
        StopReason::Cancel(Cancel::Terminate) => "SIGTERM",
    }
}

#[cfg(test)]
mod tests {
    use provider_core::{InstanceId, ProviderName};

    use super::*;

    fn id(n: usize) -> HostId {
        HostId::new(&ProviderName::new("aws"), &InstanceId::new(format!("i-{n}")))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    /// 412 of 1,000 hosts have ended, every hundredth badly, and five are running.
    fn under_way() -> Progress {
        let mut progress = Progress::new("Deploy 4f2a91c to web".to_owned(), None, 1000, at(0));
        for n in 0..412 {
            let outcome = if n % 100 == 99 { Outcome::Unreachable } else { Outcome::Succeeded };
            let result = HostResult { outcome, ..HostResult::skipped(id(n)) };
            progress.enter(&EventKind::HostConnecting { host: &id(n), attempt: 1 }, at(1));
            progress.enter(&EventKind::HostFinished { result: &result }, at(2));
        }
        for n in 500..505 {
            progress
                .enter(&EventKind::HostConnecting { host: &id(n), attempt: 1 }, at(i64::try_from(n).expect("small")));
        }
        progress
    }

    fn lines(progress: &Progress, width: usize) -> String {
        progress.lines(at(562), width, &Screen::PLAIN, HostId::to_string).join("\n")
    }

    #[test]
    fn the_display_fits_any_width() {
        let mut progress = under_way();
        insta::assert_snapshot!(lines(&progress, 79), @r"
        Deploy 4f2a91c to web  ━━━━━━━━━━━━━━━──────────────────────  412/1,000  9m 22s
          408 done · 5 running · 4 unreachable · 583 to go
          slowest: aws:i-500 1m 02s
        ");
        insta::assert_snapshot!(lines(&progress, 199), @r"
        Deploy 4f2a91c to web  ━━━━━━━━━━━━━━━━━━━━──────────────────────────────  412/1,000  9m 22s
          408 done · 5 running · 4 unreachable · 583 to go
          slowest: aws:i-500 1m 02s
        ");
        progress.enter(&EventKind::Stopping { reason: StopReason::Cancel(Cancel::Interrupt), running: 5 }, at(562));
        insta::assert_snapshot!(lines(&progress, 40), @r"
        Deploy 4f2a91c to w…  412/1,000  9m 22s
          408 done · 5 running · 4 unreachable …
          slowest: aws:i-500 1m 02s
        ");
        for width in 0..200 {
            let lines = progress.lines(at(562), width, &Screen::PLAIN, HostId::to_string);
            assert!(lines.iter().all(|line| cells::width(line) <= width), "{width}: {lines:?}");
        }
    }

    #[test]
    fn whoever_is_taken_back_is_neither_lost_nor_held_any_more() {
        let mut progress = Progress::new("Deploy".to_owned(), None, 1, at(0));
        let result = HostResult { outcome: Outcome::Failed, ..HostResult::skipped(id(1)) };
        progress.enter(&EventKind::HostFinished { result: &result }, at(1));
        progress.enter(&EventKind::HostConnecting { host: &id(1), attempt: 1 }, at(2));
        progress.enter(&EventKind::HostHeld { host: &id(1), part: "test" }, at(3));
        progress.enter(&EventKind::HostLost { host: &id(1), message: "gone" }, at(3));
        assert!(lines(&progress, 80).contains("re-attaching"));
        progress.enter(&EventKind::HostUndone { result: &result }, at(4));
        assert!(lines(&progress, 80).contains("0 done · 1 failed\n"), "{}", lines(&progress, 80));
    }

    #[test]
    fn a_log_hears_of_each_tenth_once() {
        let mut progress = under_way();
        assert!(progress.heartbeat_due());
        insta::assert_snapshot!(progress.heartbeat(at(562), &Screen::PLAIN, HostId::to_string), @"9m 22s: 408 done · 5 running · 4 unreachable · 583 to go; slowest aws:i-500 1m 02s");
        assert!(!progress.heartbeat_due());
    }
}

//! What happens between stages: time passes, checks are held, or a person is asked.
//!
//! `judge` decides what the answers of a check amount to, and the dispatcher what that means for the run.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    dispatcher::{HostIndex, PauseEnd},
    event::EventKind,
    facts,
    judge::{Finding, Judge},
    recorder::Recorder,
    world::{Approval, Approver, Facts, Prober, Question, Sample, Verdict},
};
use crate::{
    config::{Check, Label},
    inventory::Host,
    plan::{Pause, Plan},
};

/// A check of a host that failed.
#[derive(Debug)]
pub(super) struct HostCheckFailed {
    pub(super) host: HostIndex,
    pub(super) check: Label,
    pub(super) message: String,
}

/// What a pause needs.
pub(super) struct Pausing {
    pub(super) plan: Arc<Plan>,
    pub(super) prober: Arc<dyn Prober>,
    pub(super) approver: Arc<dyn Approver>,
    pub(super) recorder: Arc<Recorder>,
    /// The hosts that per-host checks ask.
    pub(super) hosts: Vec<(HostIndex, Arc<str>, Arc<Host>)>,
    /// Receives the hosts that are not well.
    pub(super) failed: mpsc::UnboundedSender<HostCheckFailed>,
    /// Limits how many subjects are asked at once.
    pub(super) turns: Semaphore,
    /// What happened so far, and what comes next, for the approver.
    pub(super) so_far: String,
    pub(super) next: String,
}

/// How a pause ended, and why it did not pass, in a line.
#[derive(Debug)]
pub(super) struct Paused {
    pub(super) end: PauseEnd,
    pub(super) message: Option<String>,
}

impl Paused {
    fn passed() -> Self {
        Self { end: PauseEnd::Passed, message: None }
    }
}

impl Pausing {
    /// Waits for a pause to pass. Dropping the future gives it up.
    pub(super) async fn pass(self, pause: &Pause) -> Paused {
        match pause {
            Pause::Soak { time, checks } => {
                let until = Instant::now() + *time;
                let watched = self.checked(checks, *time).await;
                if watched.end == PauseEnd::Passed {
                    sleep_until(until).await;
                }
                watched
            }
            Pause::Check(checks) => self.checked(checks, Duration::ZERO).await,
            Pause::Approve(who) => self.approved(who).await,
        }
    }

    /// Holds all checks side by side. The first fleet-wide check that fails ends the pause.
    async fn checked(&self, labels: &[Label], soak: Duration) -> Paused {
        let run = facts::of_run(&self.plan);
        let mut watches = FuturesUnordered::new();
        for label in labels {
            let Some(check) = self.plan.checks.get(label) else { continue };
            if check.is_per_host() {
                for (index, stage, host) in &self.hosts {
                    let facts = facts::of_host(&self.plan, host, stage);
                    watches.push(self.watch(label, check, soak, Some((*index, host)), facts));
                }
            } else {
                watches.push(self.watch(label, check, soak, None, run.clone()));
            }
        }
        while let Some((label, subject, message)) = watches.next().await {
            match (subject, message) {
                (_, None) => {}
                // The dispatcher decides by the failure budget what becomes of the run, and ends this pause if it must.
                (Some(host), Some(message)) => {
                    _ = self.failed.send(HostCheckFailed { host, check: label.clone(), message });
                }
                (None, Some(message)) => {
                    return Paused { end: PauseEnd::CheckFailed, message: Some(format!("check {label}: {message}")) };
                }
            }
        }
        Paused::passed()
    }

    /// Asks one check of one subject until it is decided. Returns why it failed, if it did.
    async fn watch<'a>(
        &'a self,
        label: &'a Label,
        check: &'a Check,
        soak: Duration,
        subject: Option<(HostIndex, &'a Arc<Host>)>,
        facts: Facts,
    ) -> (&'a Label, Option<HostIndex>, Option<String>) {
        let (began, mut queued) = (Instant::now(), Duration::ZERO);
        let mut judge = Judge::new(check, soak);
        let host = subject.map(|(_, host)| &**host);
        loop {
            let came = Instant::now();
            // A whole fleet is not asked at once.
            let turn = self.turns.acquire().await;
            let asked = Instant::now();
            queued += asked - came;
            let sample = self.asked(label, check, host, &facts).await;
            drop(turn);
            let finding = judge.hear(sample.verdict, began.elapsed(), queued);
            let (at, elapsed) = (Timestamp::now(), asked.elapsed());
            self.recorder.record(EventKind::CheckSampled {
                check: label,
                host: host.map(|host| &host.id),
                sample: &sample,
                at,
                elapsed,
            });
            let message = match finding {
                Finding::Open => {
                    sleep(check.interval.saturating_sub(asked.elapsed())).await;
                    continue;
                }
                Finding::Passed => None,
                Finding::Failed(1) => Some(sample.text),
                Finding::Failed(times) => Some(format!("{times} times in a row, the last time: {}", sample.text)),
                Finding::Undecided => Some(format!("undecided after {:?}: {}", check.deadline, sample.text)),
            };
            return (label, subject.map(|(index, _)| index), message);
        }
    }

    /// One answer. Probers keep the check's timeout themselves; this limit is for those that do not.
    async fn asked(&self, label: &Label, check: &Check, host: Option<&Host>, facts: &Facts) -> Sample {
        // Logging in to a host takes time of its own.
        const MARGIN: Duration = Duration::from_mins(1);
        let sample = timeout(check.timeout + MARGIN, self.prober.sample(label, host, facts)).await;
        sample.unwrap_or_else(|_| Sample {
            verdict: Verdict::Unwell,
            value: None,
            text: format!("no answer within {:?}", check.timeout),
        })
    }

    async fn approved(&self, who: &Label) -> Paused {
        let limit = self.plan.policy.approve_timeout;
        let question = Question {
            who: who.clone(),
            target: self.plan.target.clone(),
            revision: self.plan.revision().map(ToString::to_string),
            so_far: self.so_far.clone(),
            next: self.next.clone(),
            timeout: limit,
        };
        let answer = timeout(limit, self.approver.ask(&question)).await;
        match answer.unwrap_or_else(|_| Approval::Refused(format!("nobody answered within {limit:?}"))) {
            Approval::Granted(by) => {
                self.recorder.record(EventKind::Approved { who, by: &by });
                Paused::passed()
            }
            Approval::Refused(why) => {
                Paused { end: PauseEnd::Refused, message: Some(format!("approval of {who}: {why}")) }
            }
        }
    }
}

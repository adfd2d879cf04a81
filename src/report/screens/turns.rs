//! The turns of a rollout in lines: a stage starts, a soak ends, hosts join late, an undo starts. Pure: returns text.

use std::collections::HashSet;

use crate::{
    inventory::HostId,
    plan::{Plan, PlanStep},
    report::text::{
        neutral,
        screen::{Ink, Screen},
        words,
    },
    rollout::{EventKind, PauseEnd, UndoOutcome, Verdict},
};

/// Which turns are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The important ones.
    Turns,
    /// Also every answer of every check, and every hook.
    All,
}

/// What the lines need to know of a plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    stages: Vec<String>,
    /// There is more than one step.
    staged: bool,
    /// Checks that fail at one bad answer: the consequence then says all that the answer would.
    decided_at_once: HashSet<String>,
}

impl Turns {
    pub(super) fn of(plan: &Plan) -> Self {
        let with_hosts = plan.stages.iter().filter(|stage| !stage.hosts.is_empty()).count();
        let pauses = plan.steps.iter().any(|step| matches!(step, PlanStep::Pause(_)));
        Self {
            stages: plan.stages.iter().map(|stage| neutral::line(&stage.name)).collect(),
            staged: with_hosts > 1 || pauses,
            decided_at_once: plan
                .checks
                .iter()
                .filter(|(_, check)| check.failures.get() == 1)
                .map(|(name, _)| name.to_string())
                .collect(),
        }
    }

    /// The name of a stage and its number, `2 of 3, 10%`; `None` if there is only one.
    pub(super) fn stage(&self, stage: usize) -> Option<String> {
        let name = self.stages.get(stage)?;
        self.staged.then(|| format!("stage {} of {}, {name}", stage + 1, self.stages.len()))
    }

    /// The line for an event, if it is a turn to show.
    pub(super) fn line<'a>(
        &self,
        kind: &EventKind<'_>,
        wanted: Wanted,
        screen: &Screen,
        label: impl Fn(&HostId) -> String + 'a,
    ) -> Option<String> {
        let signs = screen.signs();
        let good = |text: String| format!("{} {text}", screen.paint(Ink::Good, signs.tick));
        let bad = |text: String| format!("{} {text}", screen.paint(Ink::Bad, signs.cross));
        Some(match kind {
            EventKind::StageStarted { stage, hosts } => {
                let text = format!("{}: {}", self.stage(*stage)?, words::count(*hosts, "host"));
                screen.paint(Ink::Strong, &text)
            }
            EventKind::PauseStarted { pause, .. } => screen.paint(Ink::Strong, &words::pause(pause)),
            EventKind::PauseEnded { end, message, .. } => {
                let why = message.map(neutral::line).unwrap_or_default();
                match end {
                    // The stop itself is reported.
                    PauseEnd::Passed | PauseEnd::GivenUp => return None,
                    PauseEnd::CheckFailed | PauseEnd::Refused => bad(why),
                }
            }
            EventKind::CheckSampled { check, host, sample, .. } => {
                let of = host.map(|host| format!(" of {}", label(host))).unwrap_or_default();
                let text = format!("check {check}{of}: {}", neutral::line(&sample.text));
                match (sample.verdict, wanted) {
                    (Verdict::Well, Wanted::All) => good(text),
                    (Verdict::Unwell, Wanted::Turns) if self.decided_at_once.contains(check.as_str()) => return None,
                    (Verdict::Unwell, Wanted::All | Wanted::Turns) => bad(text),
                    (Verdict::Well, Wanted::Turns) => return None,
                }
            }
            EventKind::Approved { who, by } => good(format!("{who} approved ({})", neutral::line(by))),
            EventKind::HookFinished { hook, host, failure } => {
                let of = host.map(|host| format!(" of {}", label(host))).unwrap_or_default();
                match failure {
                    Some(failure) => {
                        let mut text = format!("hook {}{of}: {}", hook.as_str(), neutral::line(&failure.message));
                        for line in neutral::block(&failure.output).lines() {
                            text.push_str(&format!("\n    {line}"));
                        }
                        bad(text)
                    }
                    None if wanted == Wanted::All => good(format!("hook {}{of}", hook.as_str())),
                    None => return None,
                }
            }
            EventKind::FleetSighted { joined: [], gone: [] } => return None,
            EventKind::FleetSighted { joined, gone } => {
                let mut parts = Vec::new();
                if !joined.is_empty() {
                    parts.push(format!("{} came late and will be deployed to", words::count(joined.len(), "host")));
                }
                if !gone.is_empty() {
                    let names: Vec<_> = gone.iter().map(label).collect();
                    parts.push(format!("{} gone: {}", words::count(gone.len(), "host"), names.join(", ")));
                }
                screen.paint(Ink::Warning, &parts.join("; "))
            }
            EventKind::HostReturned { host, .. } => {
                screen.paint(Ink::Warning, &format!("{} is back and will be worked on", label(host)))
            }
            EventKind::FleetUnseen { message } => {
                let text = format!("the clouds could not be asked again: {}", neutral::line(message));
                screen.paint(Ink::Warning, &text)
            }
            // The closing line says that there was nothing to roll back.
            EventKind::UndoStarted { hosts: 0 } => return None,
            EventKind::UndoStarted { hosts } => {
                screen.paint(Ink::Strong, &format!("Undo: rolling {} back", words::count(*hosts, "host")))
            }
            EventKind::HostUndone { result } => {
                let undo = result.undo.as_deref()?;
                let to = undo.revision.as_deref().map(|to| format!(" to {}", neutral::line(to))).unwrap_or_default();
                let why =
                    undo.run.message.as_deref().map(|why| format!(": {}", neutral::line(why))).unwrap_or_default();
                match undo.outcome {
                    UndoOutcome::Undone if wanted == Wanted::All => good(format!("{} undone{to}", label(&result.host))),
                    UndoOutcome::Undone => return None,
                    UndoOutcome::UndoFailed | UndoOutcome::UndoUnknown => {
                        bad(format!("{} {}{why}", label(&result.host), undo.outcome.as_str()))
                    }
                }
            }
            // Shown with the hosts, or not at all.
            EventKind::RunStarted { .. }
            | EventKind::HostConnecting { .. }
            | EventKind::ScriptStarted { .. }
            | EventKind::Output { .. }
            | EventKind::PartStarted { .. }
            | EventKind::PartFinished { .. }
            | EventKind::HostHeld { .. }
            | EventKind::HostLost { .. }
            | EventKind::HostReattaching { .. }
            | EventKind::HostReattached { .. }
            | EventKind::HostRetrying { .. }
            | EventKind::HostFinished { .. }
            | EventKind::Stopping { .. }
            | EventKind::RunFinished { .. } => return None,
        })
    }
}

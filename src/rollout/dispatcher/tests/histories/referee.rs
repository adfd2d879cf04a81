//! The rules that hold in every history: when each command is allowed, and how the run must end.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::*,
    world::{Seen, World},
};

impl World {
    /// Carries out a command, and panics if it breaks a rule.
    #[expect(clippy::too_many_lines, reason = "one arm a command, each with its rules")]
    pub(super) fn obey(&mut self, command: &Command) {
        assert!(self.finished.is_none(), "{command:?} after the finish");
        assert!(self.rules.purpose == Purpose::Work || !is_work(command), "{command:?} in a rollback by hand");
        match command {
            Command::Hook(hook) => {
                assert!(self.hook.is_none() && !self.hosts.iter().any(|seen| seen.running || seen.hook));
                assert!(!self.hooks_run.contains(&Hook::AfterRun), "something after the last hook");
                if *hook == Hook::AfterRun {
                    let outcomes = self.hosts.iter().filter_map(|seen| seen.outcome);
                    self.told = Some(self.dispatcher.status(&Summary::of(outcomes)));
                }
                self.hook = Some(*hook);
                self.hooks_run.push(*hook);
            }
            Command::BeginStage { stage, hosts } => {
                assert!(self.halted.is_none() && self.pause.is_none());
                let earlier = self.hosts.iter().filter(|seen| seen.stage < stage.0);
                assert!(earlier.clone().all(|seen| seen.outcome.is_some()), "an earlier stage is not over");
                let waiting =
                    self.hosts.iter().filter(|seen| seen.stage == stage.0 && !seen.begun && seen.outcome.is_none());
                assert_eq!(*hosts, waiting.count());
                self.stage_begun = Some(stage.0);
            }
            Command::BeforeHost { host } => {
                self.begin(*host);
                self.hosts[host.0].hook = true;
                self.look_at_places();
            }
            Command::Start { host, attempt, .. } => {
                assert!(self.halted.is_none(), "started while stopping");
                let first = !self.rules.hooks.before_host && !self.hosts[host.0].begun;
                if first {
                    self.begin(*host);
                }
                let seen = &mut self.hosts[host.0];
                assert!(seen.outcome.is_none() && !seen.running && !seen.hook);
                assert!(!seen.touched || self.idempotent, "started twice");
                assert_eq!(*attempt, seen.attempt + 1);
                assert!(*attempt <= (self.rules.retries + 1).max(seen.attempt_before + 1));
                (seen.lost, seen.abandoned, seen.told_to_end) = (false, false, false);
                (seen.attempt, seen.running, seen.passed, seen.touched_now) = (*attempt, true, 0, false);
                if first {
                    self.look_at_places();
                }
            }
            Command::Release { host } => {
                assert!(self.halted.is_none(), "let go on while stopping");
                let (stage, passed) = (self.hosts[host.0].stage, self.hosts[host.0].passed);
                assert!(self.hosts[host.0].held && self.hosts[host.0].running);
                let behind = |seen: &&Seen| {
                    seen.stage == stage && seen.begun && seen.outcome.is_none() && seen.passed <= passed && !seen.held
                };
                if passed == self.open {
                    assert!(!self.hosts.iter().any(|seen| behind(&seen)), "the barrier was opened too early");
                    self.open += 1;
                }
                assert!(passed < self.open);
                let seen = &mut self.hosts[host.0];
                seen.held = false;
                seen.passed += 1;
                self.look_at_places();
            }
            Command::End { host } => {
                assert!(self.hosts[host.0].held && self.halted.is_some());
                self.hosts[host.0].told_to_end = true;
            }
            Command::Abandon { host } => {
                assert!(self.hosts[host.0].running && self.hosts[host.0].gone);
                assert!(self.hosts[host.0].lost, "a script that is heard is given up");
                self.hosts[host.0].abandoned = true;
            }
            Command::AfterHost { host, .. } => {
                assert!(self.hosts[host.0].begun && !self.hosts[host.0].running && !self.hosts[host.0].hook);
                self.hosts[host.0].hook = true;
            }
            Command::Settle { host, outcome } => {
                let seen = &mut self.hosts[host.0];
                assert!(!seen.running && !seen.hook, "settled while it is worked on");
                let news = match (seen.outcome, outcome) {
                    (None, _) => true,
                    (Some(Outcome::Succeeded), Outcome::Failed | Outcome::Gone) => true,
                    (Some(before), Outcome::Gone) => before != Outcome::Failed && before != Outcome::Gone,
                    // The host is back, and has the outcome that it had before.
                    (Some(Outcome::Gone), Outcome::Succeeded | Outcome::Unknown) => !seen.gone && seen.touched,
                    (Some(Outcome::Gone), Outcome::Unreachable | Outcome::Skipped) => {
                        !seen.gone && !seen.touched && self.halted.is_some()
                    }
                    (Some(_), _) => false,
                };
                assert!(news, "{outcome:?} after {:?}", seen.outcome);
                assert!(*outcome != Outcome::Gone || seen.gone, "nobody said that it is gone");
                assert!(*outcome != Outcome::Unreachable || !seen.touched, "a script was started there");
                if seen.outcome == Some(Outcome::Gone) {
                    assert!(seen.came_to.is_none_or(|before| before == *outcome), "it had come to something else");
                    self.back_as_failures += usize::from(outcome.counts());
                    if self.undoing && seen.touched {
                        self.to_undo.insert(host.0);
                    }
                }
                if *outcome != Outcome::Gone {
                    seen.came_to = Some(*outcome);
                }
                seen.outcome = Some(*outcome);
            }
            Command::Requeue { host } => {
                let stage = self.stages - 1;
                let seen = &mut self.hosts[host.0];
                assert!(matches!(seen.outcome, None | Some(Outcome::Gone)) && !seen.gone && !seen.touched);
                assert!(self.halted.is_none() && !seen.running && !seen.hook);
                (seen.outcome, seen.came_to, seen.begun, seen.stage) = (None, None, false, stage);
                seen.attempt_before = seen.attempt;
            }
            Command::Pause(step) => {
                assert!(self.halted.is_none() && self.pause.is_none());
                assert!(self.hosts.iter().all(|seen| !seen.begun || seen.outcome.is_some()));
                self.pause = Some(*step);
            }
            Command::EndPause => assert!(self.pause.is_some()),
            Command::Ask => {
                assert!(!self.asking || self.urgent, "asked twice at once");
                assert!(self.rules.ask_again != AskAgain::Never);
                self.asking = true;
            }
            Command::Halt(reason) => self.halted = Some(*reason),
            Command::Terminate | Command::Kill => {
                let last_hook = self.hook == Some(Hook::AfterRun);
                assert!(self.halted.is_some() || last_hook);
                assert!(*command == Command::Terminate || self.cancels > 1 || last_hook, "killed at once");
                self.urgent = true;
                self.asking = false;
            }
            Command::BeginUndo { hosts } => {
                assert!(!self.hosts.iter().any(|seen| seen.running || seen.hook), "undone while it is worked on");
                self.to_undo = match self.rules.purpose {
                    Purpose::Work => {
                        assert_eq!(self.rules.on_failure, OnFailure::Rollback);
                        self.to_be_undone()
                    }
                    Purpose::Rollback => (0..self.hosts.len()).collect(),
                };
                assert_eq!(*hosts, self.to_undo.len());
                self.undoing = true;
            }
            Command::BeforeUndo { host } => {
                assert!(self.undoing && !self.undone_cancelled);
                assert!(self.to_undo.contains(&host.0), "nothing to undo on {host:?}");
                let seen = &mut self.hosts[host.0];
                assert!(seen.undo_attempt == 0 && !seen.undo_entered && !seen.undo_hook && seen.undo.is_none());
                seen.undo_hook = true;
            }
            Command::Undo { host, attempt, .. } => {
                assert!(self.undoing && !self.undone_cancelled);
                assert!(self.to_undo.contains(&host.0), "nothing to undo on {host:?}");
                let before_host = self.rules.hooks.before_host;
                let seen = &mut self.hosts[host.0];
                assert!(seen.undo.is_none() && !seen.undo_running && !seen.undo_hook && !seen.undo_left);
                assert!(seen.undo_entered || !before_host && *attempt == 1, "undone before the hook in front of it");
                seen.undo_entered = true;
                assert_eq!(*attempt, seen.undo_attempt + 1);
                assert!(*attempt <= self.rules.retries + 1);
                (seen.undo_attempt, seen.undo_running) = (*attempt, true);
            }
            Command::AfterUndo { host, .. } => {
                let seen = &mut self.hosts[host.0];
                assert!(seen.undo_entered && !seen.undo_running && !seen.undo_hook && !seen.undo_left);
                (seen.undo_hook, seen.undo_left) = (true, true);
            }
            Command::SettleUndo { host, outcome } => {
                let after_host = self.rules.hooks.after_host;
                let seen = &mut self.hosts[host.0];
                assert!(!seen.undo_running && !seen.undo_hook, "settled while it is taken back");
                assert!(!seen.undo_entered || seen.undo_left || !after_host, "the hook behind it never ran");
                assert!(seen.undo.replace(*outcome).is_none(), "its undo has two ends");
            }
            Command::Finish { status, summary } => self.finished = Some((*status, *summary)),
        }
    }

    fn begin(&mut self, host: HostIndex) {
        let seen = &mut self.hosts[host.0];
        assert!(!seen.begun && self.halted.is_none() && self.hook.is_none() && self.pause.is_none());
        assert_eq!(self.stage_begun, Some(seen.stage));
        seen.begun = true;
        self.contacted = true;
    }

    /// The rule for starting a host. A host at a barrier takes no place, but needs one to run to its end.
    fn look_at_places(&self) {
        let working = self.hosts.iter().filter(|seen| seen.begun && seen.outcome.is_none() && !seen.held).count();
        assert!(working <= self.rules.concurrency.get(), "{working} at once");
    }

    fn to_be_undone(&self) -> BTreeSet<usize> {
        let undo = |seen: &Seen| {
            seen.touched && matches!(seen.outcome, Some(Outcome::Succeeded | Outcome::Failed | Outcome::Unknown))
        };
        (0..self.hosts.len()).filter(|place| undo(&self.hosts[*place])).collect()
    }

    /// What holds at any moment.
    pub(super) fn look(&mut self) {
        let in_flight = self.hosts.iter().filter(|seen| seen.begun && seen.outcome.is_none()).count();
        let failures = self.hosts.iter().filter(|seen| seen.outcome.is_some_and(Outcome::counts)).count();
        if in_flight == 0 {
            self.open = 0;
        }
        // Hosts that were gone may come back as failures after others were started in their place.
        let worst = self.rules.worst_case + self.back_as_failures;
        if self.pause.is_none() {
            // In a soak, hosts that had succeeded may turn out to be unwell.
            assert!(failures.min(in_flight) == 0 || failures + in_flight <= worst, "beyond the worst case");
        }
        let undoing = self.hosts.iter().filter(|seen| seen.undo_running || seen.undo_hook).count();
        assert!(undoing <= self.rules.concurrency.get());
    }

    pub(super) fn judge_the_end(&self) {
        if self.rules.purpose == Purpose::Rollback {
            self.judge_rollback();
            return;
        }
        let (status, summary) = self.finished.expect("finished");
        let there = |seen: &Seen| seen.outcome != Some(Outcome::Gone) || seen.gone;
        assert!(self.hosts.iter().all(there), "a host is called gone that is there again");
        let outcomes: Vec<_> = self.hosts.iter().map(|seen| seen.outcome.expect("every host has an outcome")).collect();
        assert_eq!(summary, Summary::of(outcomes.iter().copied()));
        let gone = summary.gone;
        let budget = self.rules.max_failures.of(self.hosts.len() - gone);
        assert!(self.halted.is_some() || summary.failures() <= budget, "over the budget and not stopped");
        let undone: BTreeMap<_, _> =
            self.hosts.iter().enumerate().filter_map(|(place, seen)| Some((place, seen.undo?))).collect();
        if self.undoing {
            assert_eq!(undone.keys().copied().collect::<BTreeSet<_>>(), self.to_undo, "some were missed");
        } else {
            assert!(undone.is_empty());
        }
        let all_back = undone.values().all(|outcome| *outcome == UndoOutcome::Undone);
        match self.halted {
            Some(StopReason::Cancel(Cancel::Interrupt)) => assert_eq!(status, RunStatus::Interrupted),
            Some(StopReason::Cancel(Cancel::Terminate)) => assert_eq!(status, RunStatus::Terminated),
            Some(_) if !self.contacted => assert_eq!(status, RunStatus::Refused),
            Some(_) if self.rules.on_failure == OnFailure::Stop => assert_eq!(status, RunStatus::Failed),
            Some(_) => {
                assert!(self.undoing || self.to_be_undone().is_empty(), "touched hosts and no undo");
                let expected = if all_back { RunStatus::RolledBack } else { RunStatus::RollbackIncomplete };
                assert_eq!(status, expected);
            }
            None => {
                assert_eq!(summary.skipped, 0, "skipped, and nothing stopped");
                assert!(!matches!(status, RunStatus::RolledBack | RunStatus::RollbackIncomplete | RunStatus::Refused));
                if status == RunStatus::Succeeded {
                    assert!(summary.succeeded > 0 && summary.succeeded + gone == summary.total);
                }
            }
        }
        self.judge_last_hook(status);
    }

    /// After a rollback by hand: no host was left out, and the run succeeded only if all hosts are back.
    fn judge_rollback(&self) {
        let (status, _) = self.finished.expect("finished");
        let undone: Vec<_> = self.hosts.iter().filter_map(|seen| seen.undo).collect();
        assert!(undone.is_empty() || undone.len() == self.hosts.len(), "some were missed");
        let all_back = undone.iter().all(|outcome| *outcome == UndoOutcome::Undone);
        match self.halted {
            Some(StopReason::Cancel(Cancel::Interrupt)) => assert_eq!(status, RunStatus::Interrupted),
            Some(StopReason::Cancel(Cancel::Terminate)) => assert_eq!(status, RunStatus::Terminated),
            Some(_) => assert_eq!((status, self.undoing), (RunStatus::Refused, false)),
            None if all_back => assert!(matches!(status, RunStatus::Succeeded | RunStatus::FinishedWithFailures)),
            None => assert_eq!(status, RunStatus::RollbackIncomplete),
        }
        self.judge_last_hook(status);
    }

    fn judge_last_hook(&self, status: RunStatus) {
        if self.rules.hooks.after_run {
            assert_eq!(self.hooks_run.last(), Some(&Hook::AfterRun));
            let told = self.told.expect("the last hook is told");
            // Only the failure of the last hook itself may change the result.
            let blemished = (told, status) == (RunStatus::Succeeded, RunStatus::FinishedWithFailures);
            assert!(status == told || blemished, "the last hook was told {told:?}, and it ended {status:?}");
        }
    }
}

/// Whether a command belongs to working on hosts, step by step.
fn is_work(command: &Command) -> bool {
    matches!(
        command,
        Command::BeginStage { .. }
            | Command::BeforeHost { .. }
            | Command::Start { .. }
            | Command::Requeue { .. }
            | Command::Pause(_)
            | Command::Ask
    )
}

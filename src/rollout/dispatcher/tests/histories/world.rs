//! A world that carries out a dispatcher's commands, and in which things happen.

use std::collections::BTreeSet;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{super::*, rules::some_rules};

/// The state of a host in this world.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) stage: usize,
    pub(super) begun: bool,
    pub(super) hook: bool,
    pub(super) attempt: u32,
    pub(super) running: bool,
    pub(super) held: bool,
    pub(super) passed: usize,
    pub(super) touched: bool,
    /// Whether the attempt under way has touched the host.
    pub(super) touched_now: bool,
    pub(super) outcome: Option<Outcome>,
    /// The last outcome that was not "gone".
    pub(super) came_to: Option<Outcome>,
    pub(super) gone: bool,
    /// The last attempt before the host was put back to the waiting hosts.
    pub(super) attempt_before: u32,
    pub(super) lost: bool,
    pub(super) abandoned: bool,
    pub(super) told_to_end: bool,
    pub(super) undo_hook: bool,
    /// The undo, or the hook before it, was started, so the hook after it is due.
    pub(super) undo_entered: bool,
    pub(super) undo_left: bool,
    pub(super) undo_attempt: u32,
    pub(super) undo_running: bool,
    pub(super) undo: Option<UndoOutcome>,
}

/// A world that carries out commands, and in which things happen.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(super) struct World {
    pub(super) rng: StdRng,
    pub(super) rules: Rules,
    pub(super) dispatcher: Dispatcher,
    pub(super) hosts: Vec<Seen>,
    pub(super) stages: usize,
    pub(super) hook: Option<Hook>,
    pub(super) hooks_run: Vec<Hook>,
    pub(super) pause: Option<StepIndex>,
    pub(super) asking: bool,
    pub(super) joins_left: usize,
    pub(super) halted: Option<StopReason>,
    pub(super) undoing: bool,
    pub(super) to_undo: BTreeSet<usize>,
    pub(super) undone_cancelled: bool,
    pub(super) cancels: usize,
    /// Some host was started.
    pub(super) contacted: bool,
    /// Hosts that were gone, and came back as failures.
    pub(super) back_as_failures: usize,
    /// Barriers that are open for the hosts in flight.
    pub(super) open: usize,
    pub(super) urgent: bool,
    pub(super) failing: f64,
    pub(super) losing: f64,
    /// A script that was lost may be started again.
    pub(super) idempotent: bool,
    pub(super) finished: Option<(RunStatus, Summary)>,
    /// The status that the last hook was told.
    pub(super) told: Option<RunStatus>,
    pub(super) stage_begun: Option<usize>,
    pub(super) story: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let pick = |rng: &mut StdRng, of: &[f64]| of[rng.random_range(0..of.len())];
        let rules = some_rules(&mut rng);
        let mut hosts = Vec::new();
        let sizes = rules.steps.iter().filter_map(|step| match step {
            StepKind::Stage { hosts } => Some(*hosts),
            StepKind::Pause { .. } => None,
        });
        let mut stages = 0;
        for size in sizes {
            hosts.extend(std::iter::repeat_n(Seen { stage: stages, ..Seen::default() }, size));
            stages += 1;
        }
        let failing = pick(&mut rng, &[0.0, 0.02, 0.1, 0.3, 1.0]);
        let losing = pick(&mut rng, &[0.0, 0.05, 0.3]);
        let idempotent = rng.random_bool(0.3);
        let joins_left = if rng.random_bool(0.4) { rng.random_range(0..8) } else { 0 };
        Self {
            dispatcher: Dispatcher::new(rules.clone()),
            rng,
            rules,
            hosts,
            stages,
            hook: None,
            hooks_run: Vec::new(),
            pause: None,
            asking: false,
            joins_left,
            halted: None,
            undoing: false,
            to_undo: BTreeSet::new(),
            undone_cancelled: false,
            cancels: 0,
            contacted: false,
            back_as_failures: 0,
            open: 0,
            urgent: false,
            failing,
            losing,
            idempotent,
            finished: None,
            told: None,
            stage_begun: None,
            story: Vec::new(),
        }
    }

    pub(super) fn play(&mut self) {
        self.give(Input::Begin);
        let mut inputs = 0;
        while self.finished.is_none() {
            inputs += 1;
            assert!(inputs < 5_000, "it never ends");
            let input = self.happen();
            self.give(input);
        }
        self.judge_the_end();
    }

    fn give(&mut self, input: Input) {
        self.story.push(format!("{input:?}"));
        let commands = self.dispatcher.handle(input);
        for command in commands {
            self.story.push(format!("    {command:?}"));
            self.obey(&command);
            self.look();
        }
        self.look();
    }

    /// One random thing that can happen now.
    fn happen(&mut self) -> Input {
        if self.cancels < 3 && self.rng.random_bool(0.004) {
            self.cancels += 1;
            self.undone_cancelled |= self.undoing;
            return Input::Cancel(if self.rng.random_bool(0.5) { Cancel::Interrupt } else { Cancel::Terminate });
        }
        if !self.hosts.is_empty() && self.rng.random_bool(0.01) {
            let place = self.rng.random_range(0..self.hosts.len());
            if !self.hosts[place].running {
                return self.say_late(place);
            }
        }
        let mut possible: Vec<Happening> = Vec::new();
        for (place, seen) in self.hosts.iter().enumerate() {
            if seen.hook {
                possible.push(Happening::HostHook(place));
            }
            // A host at a barrier that will not be opened does nothing by itself.
            if seen.running && (!seen.held || seen.told_to_end || seen.abandoned || self.urgent) {
                possible.push(Happening::Host(place));
            }
            if seen.undo_running {
                possible.push(Happening::Undo(place));
            }
            if seen.undo_hook {
                possible.push(Happening::UndoHook(place));
            }
        }
        possible.extend(self.hook.map(|_| Happening::Hook));
        possible.extend(self.pause.map(|_| Happening::Pause));
        possible.extend(self.asking.then_some(Happening::Answer));
        assert!(!possible.is_empty(), "nothing can happen any more");
        let held: Vec<_> = (0..self.hosts.len()).filter(|place| self.hosts[*place].held).collect();
        if !held.is_empty() && self.rng.random_bool(self.losing / 4.0) {
            let place = held[self.rng.random_range(0..held.len())];
            return self.lose_while_held(place);
        }
        let happening = possible[self.rng.random_range(0..possible.len())];
        self.turn(happening)
    }

    fn turn(&mut self, happening: Happening) -> Input {
        match happening {
            Happening::HostHook(place) => {
                self.hosts[place].hook = false;
                Input::HostHookEnded { host: HostIndex(place), end: self.hook_end() }
            }
            Happening::Hook => {
                self.hook = None;
                Input::HookEnded(self.hook_end())
            }
            Happening::Pause => {
                // Some of these hosts have failed another check, or are gone by now.
                let checked: Vec<_> = (0..self.hosts.len())
                    .filter(|place| self.hosts[*place].came_to == Some(Outcome::Succeeded) || self.rng.random_bool(0.1))
                    .collect();
                if !checked.is_empty() && self.rng.random_bool(self.failing / 2.0) {
                    return Input::CheckFailed { host: HostIndex(checked[self.rng.random_range(0..checked.len())]) };
                }
                self.pause = None;
                Input::PauseEnded(if self.rng.random_bool(self.failing / 4.0) {
                    if self.rng.random_bool(0.5) { PauseEnd::CheckFailed } else { PauseEnd::Refused }
                } else {
                    PauseEnd::Passed
                })
            }
            Happening::Answer => {
                self.asking = false;
                if self.rng.random_bool(self.losing / 4.0) {
                    return Input::Found(Answer::Failed);
                }
                let (mut gone, mut returned) = (Vec::new(), Vec::new());
                for place in 0..self.hosts.len() {
                    if self.hosts[place].gone && self.rng.random_bool(0.3) {
                        returned.push(HostIndex(place));
                    } else if self.rng.random_bool(self.losing / 4.0) {
                        gone.push(HostIndex(place));
                    }
                }
                let moved: Vec<_> =
                    (0..self.hosts.len()).filter(|_| self.rng.random_bool(self.losing / 4.0)).map(HostIndex).collect();
                let heard = self.dispatcher.hears_of_fleet();
                let joined = match self.rules.ask_again {
                    _ if !heard => 0,
                    AskAgain::Always if self.joins_left > 0 => self.rng.random_range(0..=self.joins_left.min(3)),
                    AskAgain::Always | AskAgain::InDoubt | AskAgain::Never => 0,
                };
                self.joins_left -= joined;
                let late = Seen { stage: self.stages - 1, ..Seen::default() };
                self.hosts.extend(std::iter::repeat_n(late, joined));
                for host in gone.iter().filter(|_| heard) {
                    self.hosts[host.0].gone = true;
                }
                for host in returned.iter().filter(|_| heard) {
                    self.hosts[host.0].gone = false;
                }
                Input::Found(Answer::Whole { joined, gone, returned, moved })
            }
            Happening::Undo(place) => {
                self.hosts[place].undo_running = false;
                let end = if self.rng.random_bool(self.losing) {
                    UndoEnd::Retryable(UndoOutcome::UndoFailed)
                } else if self.rng.random_bool(self.failing / 2.0) {
                    UndoEnd::Final(self.bad_undo())
                } else {
                    UndoEnd::Final(UndoOutcome::Undone)
                };
                Input::Undone { host: HostIndex(place), end }
            }
            Happening::UndoHook(place) => {
                let seen = &mut self.hosts[place];
                seen.undo_hook = false;
                if !seen.undo_entered && self.rng.random_bool(self.failing / 4.0) {
                    return Input::Undone { host: HostIndex(place), end: UndoEnd::NoWay(self.bad_undo()) };
                }
                self.hosts[place].undo_entered = true;
                Input::UndoHookEnded { host: HostIndex(place), end: self.hook_end() }
            }
            Happening::Host(place) => self.turn_host(place),
        }
    }

    /// A late input about a host on which no script runs any more.
    fn say_late(&mut self, place: usize) -> Input {
        let host = HostIndex(place);
        match self.rng.random_range(0..3) {
            0 => Input::InDoubt { host },
            1 => Input::HeardAgain { host },
            _ => Input::Reached { host },
        }
    }

    /// Contact with a script is lost at a barrier: the host went down.
    fn lose_while_held(&mut self, place: usize) -> Input {
        let seen = &mut self.hosts[place];
        (seen.running, seen.held) = (false, false);
        let again = self.idempotent && !seen.abandoned;
        let end = if again { AttemptEnd::Retryable } else { AttemptEnd::Final };
        Input::Ended { host: HostIndex(place), end: end(Outcome::Unknown) }
    }

    fn turn_host(&mut self, place: usize) -> Input {
        let host = HostIndex(place);
        let lose = self.rng.random_bool(self.losing);
        let fail = self.rng.random_bool(self.failing);
        let retry = self.rng.random_bool(0.5);
        let begun = self.rng.random_bool(0.5);
        let seen = &mut self.hosts[place];
        if seen.lost && !seen.abandoned && retry {
            seen.lost = false;
            return Input::HeardAgain { host };
        }
        if lose && !seen.abandoned && self.rng.random_bool(0.5) {
            seen.lost = true;
            return Input::InDoubt { host };
        }
        if !seen.held && seen.passed < self.rules.barriers && !fail && !lose && !self.urgent {
            seen.held = true;
            (seen.touched, seen.touched_now, seen.lost) = (true, true, false);
            return Input::Reached { host };
        }
        seen.running = false;
        let was_held = std::mem::take(&mut seen.held);
        let end = if seen.abandoned {
            AttemptEnd::Final(Outcome::Unknown)
        } else if seen.told_to_end || was_held {
            AttemptEnd::Final(Outcome::Failed)
        } else if lose && !seen.touched_now && !begun {
            // An earlier attempt may have started the script.
            let end = if retry { AttemptEnd::Retryable } else { AttemptEnd::Final };
            end(Outcome::Unreachable)
        } else if lose {
            let end = if retry && self.idempotent { AttemptEnd::Retryable } else { AttemptEnd::Final };
            end(Outcome::Unknown)
        } else if fail || seen.passed < self.rules.barriers {
            AttemptEnd::Final(Outcome::Failed)
        } else if self.halted.is_some() && !seen.touched_now && retry {
            AttemptEnd::NotStarted
        } else {
            AttemptEnd::Final(Outcome::Succeeded)
        };
        seen.touched |= end.touched();
        Input::Ended { host, end }
    }

    fn bad_undo(&mut self) -> UndoOutcome {
        if self.rng.random_bool(0.5) { UndoOutcome::UndoFailed } else { UndoOutcome::UndoUnknown }
    }

    fn hook_end(&mut self) -> HookEnd {
        if self.rng.random_bool(self.failing / 4.0) { HookEnd::Failed } else { HookEnd::Succeeded }
    }
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    HostHook(usize),
    Host(usize),
    Undo(usize),
    UndoHook(usize),
    Hook,
    Pause,
    Answer,
}

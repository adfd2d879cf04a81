//! Generated histories: whatever happens, in whatever order, the rules hold.
//!
//! `FLEETWIDE_TEST_SEED` plays other histories, `FLEETWIDE_TEST_HISTORIES` another number of them. What fails says the
//! seed of its one history, which `FLEETWIDE_TEST_HISTORY` plays alone.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

/// What the world knows of a host.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    stage: usize,
    begun: bool,
    hook: bool,
    attempt: u32,
    running: bool,
    held: bool,
    passed: usize,
    touched: bool,
    outcome: Option<Outcome>,
    gone: bool,
    abandoned: bool,
    told_to_end: bool,
    undo_attempt: u32,
    undo_running: bool,
    undo: Option<UndoOutcome>,
}

/// A world that does what it is told, and to which things happen.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
struct World {
    rng: StdRng,
    rules: Rules,
    dispatcher: Dispatcher,
    hosts: Vec<Seen>,
    stages: usize,
    hook: Option<Hook>,
    hooks_run: Vec<Hook>,
    pause: Option<StepIndex>,
    asking: bool,
    joins_left: usize,
    halted: Option<StopReason>,
    undoing: bool,
    to_undo: BTreeSet<usize>,
    undone_cancelled: bool,
    cancels: usize,
    /// Barriers that are open for the hosts in flight.
    open: usize,
    urgent: bool,
    failing: f64,
    losing: f64,
    finished: Option<(RunStatus, Summary)>,
    stage_begun: Option<usize>,
    story: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let pick = |rng: &mut StdRng, of: &[f64]| of[rng.random_range(0..of.len())];
        let mut steps = Vec::new();
        let (mut total, mut stages) = (0, 0);
        for _ in 0..rng.random_range(1..=4) {
            while rng.random_bool(0.3) {
                steps.push(StepKind::Pause { approval: rng.random_bool(0.3) });
            }
            let hosts = rng.random_range(0..=7);
            steps.push(StepKind::Stage { hosts });
            total += hosts;
            stages += 1;
        }
        while rng.random_bool(0.3) {
            steps.push(StepKind::Pause { approval: rng.random_bool(0.3) });
        }
        let concurrency = rng.random_range(1..=8);
        let max_failures = if rng.random_bool(0.5) {
            FailureLimit::Hosts(rng.random_range(0..=4))
        } else {
            FailureLimit::Percent(rng.random_range(0..=100))
        };
        let barriers = if rng.random_bool(0.3) { rng.random_range(1..=2) } else { 0 };
        let largest = steps.iter().map(|step| if let StepKind::Stage { hosts } = step { *hosts } else { 0 }).max();
        let at_once = if barriers > 0 { largest.unwrap_or(0) } else { concurrency };
        let hook = |rng: &mut StdRng| rng.random_bool(0.2);
        let rules = Rules {
            concurrency: NonZeroUsize::new(concurrency).expect("positive"),
            slow_start: rng.random_bool(0.5),
            worst_case: total.min(max_failures.of(total).saturating_add(at_once)),
            max_failures,
            stage_must_succeed: rng.random_bool(0.8),
            retries: rng.random_range(0..=2),
            barriers,
            on_stop: if rng.random_bool(0.3) { OnStop::Kill } else { OnStop::Finish },
            on_failure: if rng.random_bool(0.6) { OnFailure::Rollback } else { OnFailure::Stop },
            ask_again: [AskAgain::Never, AskAgain::InDoubt, AskAgain::Always][rng.random_range(0..3)],
            hooks: Hooks {
                before_run: hook(&mut rng),
                before_stage: hook(&mut rng),
                before_host: hook(&mut rng),
                after_host: hook(&mut rng),
                after_stage: hook(&mut rng),
                on_failure: hook(&mut rng),
                on_rollback: hook(&mut rng),
                after_run: hook(&mut rng),
            },
            steps,
        };
        let mut hosts = Vec::new();
        for step in &rules.steps {
            if let StepKind::Stage { hosts: size } = step {
                hosts.extend(std::iter::repeat_n(Seen::default(), *size));
            }
        }
        let mut place = 0;
        let sizes = rules.steps.iter().filter_map(|step| match step {
            StepKind::Stage { hosts } => Some(*hosts),
            StepKind::Pause { .. } => None,
        });
        for (stage, size) in sizes.enumerate() {
            hosts[place..place + size].iter_mut().for_each(|seen| seen.stage = stage);
            place += size;
        }
        let failing = pick(&mut rng, &[0.0, 0.02, 0.1, 0.3, 1.0]);
        let losing = pick(&mut rng, &[0.0, 0.05, 0.3]);
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
            open: 0,
            urgent: false,
            failing,
            losing,
            finished: None,
            stage_begun: None,
            story: Vec::new(),
        }
    }

    fn play(&mut self) {
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

    /// Something that can happen now.
    fn happen(&mut self) -> Input {
        if self.cancels < 3 && self.rng.random_bool(0.004) {
            self.cancels += 1;
            self.undone_cancelled |= self.undoing;
            return Input::Cancel(if self.rng.random_bool(0.5) {
                StopReason::Interrupt
            } else {
                StopReason::Terminate
            });
        }
        let mut possible: Vec<Happening> = Vec::new();
        for (place, seen) in self.hosts.iter().enumerate() {
            if seen.hook {
                possible.push(Happening::HostHook(place));
            }
            // Who waits at a barrier that will not be opened does nothing by itself.
            if seen.running && (!seen.held || seen.told_to_end || seen.abandoned || self.urgent) {
                possible.push(Happening::Host(place));
            }
            if seen.undo_running {
                possible.push(Happening::Undo(place));
            }
        }
        possible.extend(self.hook.map(|_| Happening::Hook));
        possible.extend(self.pause.map(|_| Happening::Pause));
        possible.extend(self.asking.then_some(Happening::Answer));
        // Somebody lost may be abandoned, or come to an end while held.
        assert!(!possible.is_empty(), "nothing can happen any more");
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
                let well: Vec<_> = (0..self.hosts.len())
                    .filter(|place| self.hosts[*place].outcome == Some(Outcome::Succeeded))
                    .collect();
                if !well.is_empty() && self.rng.random_bool(self.failing / 2.0) {
                    return Input::CheckFailed { host: HostIndex(well[self.rng.random_range(0..well.len())]) };
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
                let gone: Vec<_> =
                    (0..self.hosts.len()).filter(|_| self.rng.random_bool(self.losing / 4.0)).map(HostIndex).collect();
                let moved: Vec<_> =
                    (0..self.hosts.len()).filter(|_| self.rng.random_bool(self.losing / 4.0)).map(HostIndex).collect();
                let joined = match self.rules.ask_again {
                    AskAgain::Always if self.joins_left > 0 => self.rng.random_range(0..=self.joins_left.min(3)),
                    AskAgain::Always | AskAgain::InDoubt | AskAgain::Never => 0,
                };
                self.joins_left -= joined;
                let late = Seen { stage: self.stages - 1, ..Seen::default() };
                self.hosts.extend(std::iter::repeat_n(late, joined));
                for host in &gone {
                    self.hosts[host.0].gone = true;
                }
                Input::Found(Answer::Whole { joined, gone, moved })
            }
            Happening::Undo(place) => {
                self.hosts[place].undo_running = false;
                let end = if self.rng.random_bool(self.losing) {
                    UndoEnd::Retryable(UndoOutcome::UndoFailed)
                } else if self.rng.random_bool(self.failing / 2.0) {
                    UndoEnd::Final(if self.rng.random_bool(0.5) {
                        UndoOutcome::UndoFailed
                    } else {
                        UndoOutcome::UndoUnknown
                    })
                } else {
                    UndoEnd::Final(UndoOutcome::Undone)
                };
                Input::Undone { host: HostIndex(place), end }
            }
            Happening::Host(place) => self.turn_host(place),
        }
    }

    fn turn_host(&mut self, place: usize) -> Input {
        let host = HostIndex(place);
        let lose = self.rng.random_bool(self.losing);
        let fail = self.rng.random_bool(self.failing);
        let retry = self.rng.random_bool(0.5);
        let seen = &mut self.hosts[place];
        if lose && !seen.abandoned && self.rng.random_bool(0.5) {
            return Input::InDoubt { host };
        }
        if !seen.held && seen.passed < self.rules.barriers && !fail && !lose && !self.urgent && self.halted.is_none() {
            seen.held = true;
            seen.touched = true;
            return Input::Reached { host };
        }
        seen.running = false;
        let was_held = std::mem::take(&mut seen.held);
        let (end, touched) = if seen.abandoned {
            (AttemptEnd::Final(Outcome::Unknown), true)
        } else if seen.told_to_end || was_held {
            (AttemptEnd::Final(Outcome::Failed), true)
        } else if lose && !seen.touched {
            let end = if retry { AttemptEnd::Retryable } else { AttemptEnd::Final };
            (end(Outcome::Unreachable), false)
        } else if lose {
            (AttemptEnd::Final(Outcome::Unknown), true)
        } else if fail || seen.passed < self.rules.barriers {
            (AttemptEnd::Final(Outcome::Failed), true)
        } else if self.halted.is_some() && !seen.touched && retry {
            (AttemptEnd::NotStarted, false)
        } else {
            (AttemptEnd::Final(Outcome::Succeeded), true)
        };
        seen.touched |= touched;
        Input::Ended { host, end, touched }
    }

    fn hook_end(&mut self) -> HookEnd {
        if self.rng.random_bool(self.failing / 4.0) { HookEnd::Failed } else { HookEnd::Succeeded }
    }

    /// Does what it is told, and says when that breaks a rule.
    #[expect(clippy::too_many_lines, reason = "one arm a command, each with its rules")]
    fn obey(&mut self, command: &Command) {
        assert!(self.finished.is_none(), "{command:?} after the finish");
        match command {
            Command::Hook(hook) => {
                assert!(self.hook.is_none() && !self.hosts.iter().any(|seen| seen.running || seen.hook));
                assert!(!self.hooks_run.contains(&Hook::AfterRun), "something after the last hook");
                self.hook = Some(*hook);
                self.hooks_run.push(*hook);
            }
            Command::BeginStage(stage) => {
                assert!(self.halted.is_none() && self.pause.is_none());
                let earlier = self.hosts.iter().filter(|seen| seen.stage < stage.0);
                assert!(earlier.clone().all(|seen| seen.outcome.is_some()), "an earlier stage is not over");
                self.stage_begun = Some(stage.0);
            }
            Command::BeforeHost { host } => {
                self.begin(*host);
                self.hosts[host.0].hook = true;
                self.look_at_places();
            }
            Command::Start { host, attempt, .. } => {
                assert!(self.halted.is_none(), "started while stopping");
                if *attempt == 1 && !self.rules.hooks.before_host {
                    self.begin(*host);
                }
                let seen = &mut self.hosts[host.0];
                assert!(seen.outcome.is_none() && !seen.running && !seen.hook);
                assert!(!seen.touched, "started twice");
                assert_eq!(*attempt, seen.attempt + 1);
                assert!(*attempt <= self.rules.retries + 1);
                (seen.attempt, seen.running) = (*attempt, true);
                if *attempt == 1 && !self.rules.hooks.before_host {
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
                    (Some(_), _) => false,
                };
                assert!(news, "{outcome:?} after {:?}", seen.outcome);
                assert!(*outcome != Outcome::Gone || seen.gone, "nobody said that it is gone");
                seen.outcome = Some(*outcome);
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
                assert!(self.halted.is_some());
                self.urgent = true;
                self.asking = false;
            }
            Command::BeginUndo { hosts } => {
                assert!(!self.hosts.iter().any(|seen| seen.running || seen.hook), "undone while it is worked on");
                assert_eq!(self.rules.on_failure, OnFailure::Rollback);
                self.to_undo = self.to_be_undone();
                assert_eq!(*hosts, self.to_undo.len());
                self.undoing = true;
            }
            Command::Undo { host, attempt, .. } => {
                assert!(self.undoing && !self.undone_cancelled);
                assert!(self.to_undo.contains(&host.0), "nothing to undo on {host:?}");
                let seen = &mut self.hosts[host.0];
                assert!(seen.undo.is_none() && !seen.undo_running);
                assert_eq!(*attempt, seen.undo_attempt + 1);
                assert!(*attempt <= self.rules.retries + 1);
                (seen.undo_attempt, seen.undo_running) = (*attempt, true);
            }
            Command::SettleUndo { host, outcome } => {
                assert!(self.hosts[host.0].undo.replace(*outcome).is_none(), "its undo has two ends");
            }
            Command::Finish { status, summary } => self.finished = Some((*status, *summary)),
        }
    }

    fn begin(&mut self, host: HostIndex) {
        let seen = &mut self.hosts[host.0];
        assert!(!seen.begun && self.halted.is_none() && self.hook.is_none() && self.pause.is_none());
        assert_eq!(self.stage_begun, Some(seen.stage));
        seen.begun = true;
    }

    /// What holds when something is begun with. A host at a barrier takes no place, but needs one to come to its end.
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
    fn look(&mut self) {
        let in_flight = self.hosts.iter().filter(|seen| seen.begun && seen.outcome.is_none()).count();
        let failures = self.hosts.iter().filter(|seen| seen.outcome.is_some_and(Outcome::counts)).count();
        if in_flight == 0 {
            self.open = 0;
        }
        if self.pause.is_none() {
            // In a soak, hosts that had succeeded may turn out not to be well.
            assert!(failures.min(in_flight) == 0 || failures + in_flight <= self.worst_case(), "beyond the worst case");
        }
        let undoing = self.hosts.iter().filter(|seen| seen.undo_running).count();
        assert!(undoing <= self.rules.concurrency.get());
    }

    fn worst_case(&self) -> usize {
        self.rules.worst_case
    }

    fn judge_the_end(&self) {
        let (status, summary) = self.finished.expect("finished");
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
        let contacted = self.hosts.iter().any(|seen| seen.begun);
        match self.halted {
            Some(StopReason::Interrupt) => assert_eq!(status, RunStatus::Interrupted),
            Some(StopReason::Terminate) => assert_eq!(status, RunStatus::Terminated),
            Some(_) if !contacted => assert_eq!(status, RunStatus::Refused),
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
        if self.rules.hooks.after_run {
            assert_eq!(self.hooks_run.last(), Some(&Hook::AfterRun));
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    HostHook(usize),
    Host(usize),
    Undo(usize),
    Hook,
    Pause,
    Answer,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn every_history_keeps_the_rules() {
    let seed = number("FLEETWIDE_TEST_SEED").unwrap_or(20_261_128);
    let count = number("FLEETWIDE_TEST_HISTORIES").unwrap_or(100_000);
    println!("FLEETWIDE_TEST_SEED={seed} FLEETWIDE_TEST_HISTORIES={count}");
    let mut seeds = StdRng::seed_from_u64(seed);
    let mut statuses: BTreeMap<u8, usize> = BTreeMap::new();
    let one = number("FLEETWIDE_TEST_HISTORY");
    for _ in 0..one.map_or(count, |_| 1) {
        let history = one.unwrap_or_else(|| seeds.random());
        let mut world = World::new(history);
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.play()));
        if let Err(panic) = played {
            println!("{:#?}\n{}", world.rules, world.story.join("\n"));
            println!("FLEETWIDE_TEST_HISTORY={history}");
            std::panic::resume_unwind(panic);
        }
        *statuses.entry(world.finished.expect("finished").0.exit_code()).or_default() += 1;
    }
    println!("how they ended, by exit code: {statuses:?}");
    if one.is_none() && count >= 10_000 {
        assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [0, 6, 7, 8, 9, 10, 130, 143], "some end never came");
    }
}

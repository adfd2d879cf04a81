//! Single histories that show what the rules mean.

use super::*;

#[test]
fn hosts_start_as_places_become_free() {
    let mut dispatcher = Dispatcher::new(rules(3, 2, 0));
    assert_eq!(started(&dispatcher.handle(Input::Begin)), [(0, 1), (1, 1)]);
    assert_eq!(started(&dispatcher.handle(came_to(1, Outcome::Succeeded))), [(2, 1)]);
    dispatcher.handle(came_to(0, Outcome::Succeeded));
    let last = dispatcher.handle(came_to(2, Outcome::Succeeded));
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::Succeeded), "{last:?}");
}

#[test]
fn a_stage_begins_with_one_host_and_doubles() {
    let mut dispatcher = Dispatcher::new(Rules { slow_start: true, ..rules(20, 4, 9) });
    assert_eq!(started(&dispatcher.handle(Input::Begin)).len(), 1);
    assert_eq!(started(&dispatcher.handle(came_to(0, Outcome::Succeeded))).len(), 2);
    assert_eq!(started(&dispatcher.handle(came_to(1, Outcome::Failed))).len(), 1, "a failure makes it no wider");
    assert_eq!(started(&dispatcher.handle(came_to(2, Outcome::Succeeded))).len(), 2);
    assert_eq!(started(&dispatcher.handle(came_to(3, Outcome::Succeeded))).len(), 2);
    assert_eq!(started(&dispatcher.handle(came_to(4, Outcome::Succeeded))).len(), 1, "no wider than the concurrency");
}

#[test]
fn one_failure_too_many_starts_nothing_new_and_lets_the_rest_finish() {
    let mut dispatcher = Dispatcher::new(rules(5, 2, 0));
    dispatcher.handle(Input::Begin);
    let commands = dispatcher.handle(came_to(0, Outcome::Failed));
    assert!(commands.contains(&Command::Halt(StopReason::Budget)));
    assert!(!commands.contains(&Command::Terminate), "what runs is let finish");
    assert!(started(&commands).is_empty());
    let last = dispatcher.handle(came_to(1, Outcome::Succeeded));
    let (status, summary) = finish(&last).expect("the end");
    assert_eq!((status, summary.skipped, summary.failed), (RunStatus::Failed, 3, 1));
}

#[test]
fn on_stop_kill_ends_what_runs() {
    let mut dispatcher = Dispatcher::new(Rules { on_stop: OnStop::Kill, ..rules(5, 2, 0) });
    dispatcher.handle(Input::Begin);
    assert!(dispatcher.handle(came_to(0, Outcome::Failed)).contains(&Command::Terminate));
}

#[test]
fn only_what_may_be_retried_is() {
    let mut dispatcher = Dispatcher::new(Rules { retries: 1, ..rules(1, 1, 0) });
    dispatcher.handle(Input::Begin);
    let retryable = ended(0, AttemptEnd::Retryable(Outcome::Unreachable));
    let again = dispatcher.handle(retryable.clone());
    assert_eq!(again, [Command::Start { host: HostIndex(0), attempt: 2, after: Duration::from_secs(1) }]);
    let last = dispatcher.handle(retryable);
    assert!(last.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Unreachable }));
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::Failed));
}

/// The host may be rebooting, for example, and refuse connections for a while.
#[test]
fn a_lost_script_that_may_be_started_again_is_tried_as_often_as_any_and_is_unknown_at_last() {
    for last in [AttemptEnd::Retryable(Outcome::Unreachable), AttemptEnd::Final(Outcome::Unreachable)] {
        let mut dispatcher = Dispatcher::new(Rules { retries: 2, ..rules(1, 1, 0) });
        dispatcher.handle(Input::Begin);
        assert_eq!(started(&dispatcher.handle(ended(0, AttemptEnd::Retryable(Outcome::Unknown)))), [(0, 2)]);
        assert_eq!(started(&dispatcher.handle(ended(0, AttemptEnd::Retryable(Outcome::Unreachable)))), [(0, 3)]);
        let commands = dispatcher.handle(ended(0, last));
        assert!(commands.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Unknown }), "{commands:?}");
    }
}

#[test]
fn a_host_that_was_tried_keeps_what_it_came_to_when_the_next_try_is_cut_off() {
    let mut dispatcher = Dispatcher::new(Rules { retries: 3, ..rules(2, 2, 0) });
    dispatcher.handle(Input::Begin);
    dispatcher.handle(ended(0, AttemptEnd::Retryable(Outcome::Unreachable)));
    dispatcher.handle(Input::Cancel(Cancel::Interrupt));
    let commands = dispatcher.handle(ended(0, AttemptEnd::NotStarted));
    assert!(commands.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Unreachable }));
    let commands = dispatcher.handle(ended(1, AttemptEnd::NotStarted));
    assert!(commands.contains(&Command::Settle { host: HostIndex(1), outcome: Outcome::Skipped }));
}

#[test]
fn the_first_cancel_asks_and_the_second_kills() {
    let mut dispatcher = Dispatcher::new(Rules { retries: 5, ..rules(3, 1, 0) });
    dispatcher.handle(Input::Begin);
    assert!(dispatcher.handle(Input::Cancel(Cancel::Interrupt)).contains(&Command::Terminate));
    assert!(dispatcher.handle(Input::Cancel(Cancel::Interrupt)).contains(&Command::Kill));
    assert!(dispatcher.handle(Input::Cancel(Cancel::Interrupt)).is_empty());
    let last = dispatcher.handle(ended(0, AttemptEnd::Retryable(Outcome::Unreachable)));
    assert!(started(&last).is_empty(), "nothing is retried while stopping");
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::Interrupted));
}

#[test]
fn a_first_cancel_kills_nothing_that_the_run_ended_itself() {
    let mut dispatcher = Dispatcher::new(Rules { on_stop: OnStop::Kill, ..rules(5, 2, 0) });
    dispatcher.handle(Input::Begin);
    assert!(dispatcher.handle(came_to(0, Outcome::Failed)).contains(&Command::Terminate));
    let interrupt = Cancel::Interrupt;
    let commands = dispatcher.handle(Input::Cancel(interrupt));
    assert_eq!(
        commands,
        [Command::Halt(StopReason::Cancel(interrupt)), Command::Terminate],
        "the screen says that the next one kills"
    );
    assert_eq!(dispatcher.handle(Input::Cancel(interrupt)), [Command::Kill]);
}

#[test]
fn a_cancel_of_the_last_hook_ends_it_and_changes_no_end_that_it_was_told() {
    let hooks = Hooks { after_run: true, ..Hooks::default() };
    for (outcome, status) in [(Outcome::Succeeded, RunStatus::Succeeded), (Outcome::Failed, RunStatus::Failed)] {
        let mut dispatcher = Dispatcher::new(Rules { hooks, ..rules(1, 1, 0) });
        dispatcher.handle(Input::Begin);
        assert_eq!(dispatcher.handle(came_to(0, outcome)).last(), Some(&Command::Hook(Hook::AfterRun)));
        assert_eq!(dispatcher.handle(Input::Cancel(Cancel::Interrupt)), [Command::Kill]);
        assert!(dispatcher.handle(Input::Cancel(Cancel::Interrupt)).is_empty());
        let last = dispatcher.handle(Input::HookEnded(HookEnd::Succeeded));
        assert_eq!(finish(&last).map(|(status, _)| status), Some(status));
    }
}

/// A cancelled pipeline sends two signals.
#[test]
fn of_two_signals_the_first_says_how_the_run_ended() {
    let mut dispatcher = Dispatcher::new(rules(1, 1, 0));
    dispatcher.handle(Input::Begin);
    dispatcher.handle(Input::Cancel(Cancel::Interrupt));
    assert_eq!(dispatcher.handle(Input::Cancel(Cancel::Terminate)), [Command::Kill]);
    let last = dispatcher.handle(came_to(0, Outcome::Failed));
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::Interrupted), "{last:?}");
}

#[test]
fn a_stage_of_which_every_host_failed_stops_whatever_the_budget() {
    let steps = vec![StepKind::Stage { hosts: 2 }, StepKind::Stage { hosts: 8 }];
    let mut dispatcher = Dispatcher::new(Rules { steps, ..rules(10, 2, 9) });
    dispatcher.handle(Input::Begin);
    dispatcher.handle(came_to(0, Outcome::Failed));
    let last = dispatcher.handle(came_to(1, Outcome::Failed));
    assert!(last.contains(&Command::Halt(StopReason::StageFailed)), "{last:?}");
    assert_eq!(finish(&last).map(|(status, summary)| (status, summary.skipped)), Some((RunStatus::Failed, 8)));
}

#[test]
fn a_check_before_the_first_host_refuses_and_one_later_stops() {
    let steps = vec![
        StepKind::Pause { approval: false },
        StepKind::Stage { hosts: 1 },
        StepKind::Pause { approval: false },
        StepKind::Stage { hosts: 1 },
    ];
    let rules = Rules { steps, on_failure: OnFailure::Rollback, ..rules(2, 2, 0) };
    let mut dispatcher = Dispatcher::new(rules.clone());
    assert_eq!(dispatcher.handle(Input::Begin), [Command::Pause(StepIndex(0))]);
    let last = dispatcher.handle(Input::PauseEnded(PauseEnd::CheckFailed));
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::Refused), "{last:?}");

    let mut dispatcher = Dispatcher::new(rules);
    dispatcher.handle(Input::Begin);
    dispatcher.handle(Input::PauseEnded(PauseEnd::Passed));
    assert!(dispatcher.handle(came_to(0, Outcome::Succeeded)).contains(&Command::Pause(StepIndex(2))));
    let commands = dispatcher.handle(Input::PauseEnded(PauseEnd::CheckFailed));
    let undo = Command::Undo { host: HostIndex(0), attempt: 1, after: Duration::ZERO };
    assert_eq!(commands.last(), Some(&undo), "{commands:?}");
    let end = UndoEnd::Final(UndoOutcome::Undone);
    let last = dispatcher.handle(Input::Undone { host: HostIndex(0), end });
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::RolledBack));
}

#[test]
fn the_undo_begins_with_the_newest_and_one_that_fails_stops_no_other() {
    let mut dispatcher = Dispatcher::new(Rules { on_failure: OnFailure::Rollback, ..rules(4, 1, 0) });
    dispatcher.handle(Input::Begin);
    dispatcher.handle(came_to(0, Outcome::Succeeded));
    dispatcher.handle(came_to(1, Outcome::Succeeded));
    let undone = |commands: Vec<Command>| {
        commands.iter().find_map(|command| match command {
            Command::Undo { host, .. } => Some(host.0),
            _ => None,
        })
    };
    assert_eq!(undone(dispatcher.handle(came_to(2, Outcome::Failed))), Some(2));
    let end = |host, outcome| Input::Undone { host: HostIndex(host), end: UndoEnd::Final(outcome) };
    assert_eq!(undone(dispatcher.handle(end(2, UndoOutcome::Undone))), Some(1));
    assert_eq!(undone(dispatcher.handle(end(1, UndoOutcome::UndoFailed))), Some(0));
    let last = dispatcher.handle(end(0, UndoOutcome::Undone));
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::RollbackIncomplete));
}

/// A load balancer gets its host back, whatever the outcome of the undo.
#[test]
fn a_cancel_between_two_tries_of_an_undo_leaves_no_host_without_the_hook_behind_it() {
    let hooks = Hooks { before_host: true, after_host: true, ..Hooks::default() };
    let (retries, on_failure) = (3, OnFailure::Rollback);
    let mut dispatcher = Dispatcher::new(Rules { retries, on_failure, hooks, ..rules(1, 1, 0) });
    let host = HostIndex(0);
    let hook = |end| Input::HostHookEnded { host, end };
    dispatcher.handle(Input::Begin);
    dispatcher.handle(hook(HookEnd::Succeeded));
    dispatcher.handle(came_to(0, Outcome::Failed));
    assert_eq!(dispatcher.handle(hook(HookEnd::Succeeded)).last(), Some(&Command::BeforeUndo { host }));
    let hook = |end| Input::UndoHookEnded { host, end };
    let undo = |attempt, after| Command::Undo { host, attempt, after };
    assert_eq!(dispatcher.handle(hook(HookEnd::Succeeded)), [undo(1, Duration::ZERO)]);
    dispatcher.handle(Input::Cancel(Cancel::Interrupt));
    let outcome = UndoOutcome::UndoFailed;
    let commands = dispatcher.handle(Input::Undone { host, end: UndoEnd::Retryable(outcome) });
    assert_eq!(commands, [Command::AfterUndo { host, outcome }]);
    let last = dispatcher.handle(hook(HookEnd::Succeeded));
    assert!(last.contains(&Command::SettleUndo { host, outcome }) && finish(&last).is_some(), "{last:?}");
}

#[test]
fn a_host_with_nothing_to_return_to_meets_no_hook() {
    let hooks = Hooks { before_host: true, after_host: true, ..Hooks::default() };
    let mut dispatcher = Dispatcher::new(Rules { purpose: Purpose::Rollback, hooks, ..rules(1, 1, 0) });
    let host = HostIndex(0);
    assert_eq!(dispatcher.handle(Input::Begin).last(), Some(&Command::BeforeUndo { host }));
    let outcome = UndoOutcome::UndoFailed;
    let last = dispatcher.handle(Input::Undone { host, end: UndoEnd::NoWay(outcome) });
    assert_eq!(last.first(), Some(&Command::SettleUndo { host, outcome }));
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::RollbackIncomplete));
}

#[test]
fn no_host_passes_a_barrier_before_all_stand_there() {
    let mut dispatcher = Dispatcher::new(Rules { barriers: 1, worst_case: 3, ..rules(3, 1, 0) });
    dispatcher.handle(Input::Begin);
    let reached = |host| Input::Reached { host: HostIndex(host) };
    assert_eq!(started(&dispatcher.handle(reached(0))), [(1, 1)]);
    assert_eq!(started(&dispatcher.handle(reached(1))), [(2, 1)]);
    assert_eq!(dispatcher.handle(reached(2)), [Command::Release { host: HostIndex(0) }], "as many at once as may be");
    let next = dispatcher.handle(came_to(0, Outcome::Succeeded));
    assert!(next.contains(&Command::Release { host: HostIndex(1) }), "{next:?}");
}

#[test]
fn hosts_at_a_barrier_that_stays_shut_are_ended() {
    let mut dispatcher = Dispatcher::new(Rules { barriers: 1, worst_case: 3, ..rules(3, 3, 0) });
    dispatcher.handle(Input::Begin);
    dispatcher.handle(Input::Reached { host: HostIndex(0) });
    dispatcher.handle(Input::Reached { host: HostIndex(1) });
    let commands = dispatcher.handle(came_to(2, Outcome::Failed));
    assert!(!commands.iter().any(|command| matches!(command, Command::Release { .. })));
    for host in [0, 1].map(HostIndex) {
        assert!(commands.contains(&Command::End { host }), "{commands:?}");
    }
}

#[test]
fn a_failing_hook_leaves_its_host_untouched() {
    let hooks = Hooks { before_host: true, after_host: true, ..Hooks::default() };
    let mut dispatcher = Dispatcher::new(Rules { hooks, ..rules(2, 1, 1) });
    assert_eq!(dispatcher.handle(Input::Begin).last(), Some(&Command::BeforeHost { host: HostIndex(0) }));
    let hook = |host, end| Input::HostHookEnded { host: HostIndex(host), end };
    let commands = dispatcher.handle(hook(0, HookEnd::Failed));
    assert_eq!(commands, [Command::AfterHost { host: HostIndex(0), outcome: Outcome::Unreachable }]);
    let commands = dispatcher.handle(hook(0, HookEnd::Succeeded));
    assert!(commands.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Unreachable }));
    assert_eq!(started(&dispatcher.handle(hook(1, HookEnd::Succeeded))), [(1, 1)]);
    let commands = dispatcher.handle(came_to(1, Outcome::Succeeded));
    assert_eq!(commands, [Command::AfterHost { host: HostIndex(1), outcome: Outcome::Succeeded }]);
    let last = dispatcher.handle(hook(1, HookEnd::Failed));
    assert!(last.contains(&Command::Settle { host: HostIndex(1), outcome: Outcome::Failed }), "{last:?}");
}

#[test]
fn back_off_doubles_is_bounded_and_differs_from_host_to_host() {
    for host in (0..1000).map(HostIndex) {
        for (attempt, least) in [(1, 1), (2, 2), (3, 4), (6, 30), (u32::MAX, 30)] {
            let (wait, least) = (back_off(host, attempt), Duration::from_secs(least));
            assert!(wait >= least && wait <= least + least / 2, "{wait:?}");
        }
    }
    let mut waits: Vec<_> = (0..50).map(|host| back_off(HostIndex(host), 1)).collect();
    waits.sort();
    assert!(waits.windows(2).all(|pair| pair[1].saturating_sub(pair[0]) >= Duration::from_millis(1)), "{waits:?}");
}

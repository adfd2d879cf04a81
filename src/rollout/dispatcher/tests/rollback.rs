//! A rollback by hand: all hosts are rolled back, and nothing else is done.

use super::*;

fn by_hand(hosts: usize, concurrency: usize) -> Rules {
    Rules { purpose: Purpose::Rollback, ..rules(hosts, concurrency, 0) }
}

/// The hosts whose undo is started.
fn undone(commands: &[Command]) -> Vec<usize> {
    let begun = |command: &Command| match command {
        Command::Undo { host, .. } => Some(host.0),
        _ => None,
    };
    commands.iter().filter_map(begun).collect()
}

fn undo(host: usize, outcome: UndoOutcome) -> Input {
    Input::Undone { host: HostIndex(host), end: UndoEnd::Final(outcome) }
}

fn status(commands: &[Command]) -> Option<RunStatus> {
    finish(commands).map(|(status, _)| status)
}

#[test]
fn all_are_taken_back_the_last_one_first_and_none_is_deployed_to() {
    let mut dispatcher = Dispatcher::new(by_hand(3, 2));
    let first = dispatcher.handle(Input::Begin);
    assert_eq!((undone(&first), started(&first)), (vec![2, 1], Vec::new()));
    assert!(first.contains(&Command::BeginUndo { hosts: 3 }), "{first:?}");
    assert_eq!(undone(&dispatcher.handle(undo(1, UndoOutcome::Undone))), [0]);
    assert_eq!(status(&dispatcher.handle(undo(0, UndoOutcome::Undone))), None);
    assert_eq!(status(&dispatcher.handle(undo(2, UndoOutcome::Undone))), Some(RunStatus::Succeeded));
}

#[test]
fn one_that_does_not_get_back_stops_no_other_and_is_not_passed_over() {
    for bad in [UndoOutcome::UndoFailed, UndoOutcome::UndoUnknown] {
        let mut dispatcher = Dispatcher::new(by_hand(2, 1));
        dispatcher.handle(Input::Begin);
        assert_eq!(undone(&dispatcher.handle(undo(1, bad))), [0]);
        assert_eq!(status(&dispatcher.handle(undo(0, UndoOutcome::Undone))), Some(RunStatus::RollbackIncomplete));
    }
}

#[test]
fn where_there_is_nobody_to_be_taken_back_all_is_well() {
    assert_eq!(status(&Dispatcher::new(by_hand(0, 1)).handle(Input::Begin)), Some(RunStatus::Succeeded));
}

#[test]
fn a_cancel_begins_with_no_other_and_waits_for_those_under_way() {
    let mut dispatcher = Dispatcher::new(by_hand(3, 1));
    dispatcher.handle(Input::Begin);
    let commands = dispatcher.handle(Input::Cancel(Cancel::Interrupt));
    assert!(commands.contains(&Command::Terminate) && undone(&commands).is_empty(), "{commands:?}");
    let left = |host| Command::SettleUndo { host: HostIndex(host), outcome: UndoOutcome::UndoFailed };
    assert!(commands.contains(&left(1)) && commands.contains(&left(0)), "{commands:?}");
    assert_eq!(status(&dispatcher.handle(undo(2, UndoOutcome::Undone))), Some(RunStatus::Interrupted));
}

#[test]
fn a_hook_before_it_may_forbid_it() {
    let hooks = Hooks { before_run: true, on_rollback: true, ..Hooks::default() };
    let rules = || Rules { hooks, ..by_hand(2, 2) };
    let mut dispatcher = Dispatcher::new(rules());
    dispatcher.handle(Input::Begin);
    let last = dispatcher.handle(Input::HookEnded(HookEnd::Failed));
    assert_eq!((undone(&last), status(&last)), (Vec::new(), Some(RunStatus::Refused)));

    let mut dispatcher = Dispatcher::new(rules());
    dispatcher.handle(Input::Begin);
    let commands = dispatcher.handle(Input::HookEnded(HookEnd::Succeeded));
    assert_eq!(commands, [Command::Hook(Hook::OnRollback)]);
    assert_eq!(undone(&dispatcher.handle(Input::HookEnded(HookEnd::Succeeded))), [1, 0]);
}

//! Hosts that vanish, move, come late or come back.

use super::*;

#[test]
fn a_host_that_the_cloud_does_not_know_any_more_is_gone_and_no_failure() {
    let mut dispatcher = Dispatcher::new(Rules { ask_again: AskAgain::InDoubt, ..rules(2, 1, 0) });
    dispatcher.handle(Input::Begin);
    assert_eq!(dispatcher.handle(came_to(0, Outcome::Unreachable)), [Command::Ask], "it may be one failure too many");
    let commands = dispatcher.handle(sighting(0, &[0], &[], &[]));
    assert!(commands.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Gone }), "{commands:?}");
    let last = dispatcher.handle(came_to(1, Outcome::Succeeded));
    assert_eq!(finish(&last).map(|(status, summary)| (status, summary.gone)), Some((RunStatus::Succeeded, 1)));
}

#[test]
fn a_script_that_is_heard_again_is_not_given_up_for_what_the_clouds_say() {
    let script = HostIndex(0);
    for heard in [false, true] {
        let mut dispatcher = Dispatcher::new(Rules { ask_again: AskAgain::InDoubt, ..rules(2, 2, 1) });
        dispatcher.handle(Input::Begin);
        assert_eq!(dispatcher.handle(Input::InDoubt { host: script }), [Command::Ask]);
        if heard {
            dispatcher.handle(Input::HeardAgain { host: script });
        }
        dispatcher.handle(came_to(1, Outcome::Unreachable));
        let given_up = dispatcher.handle(sighting(0, &[0], &[], &[])).contains(&Command::Abandon { host: script });
        assert_eq!(given_up, !heard);
    }
}

#[test]
fn a_host_that_moved_is_tried_where_it_is_now() {
    let mut dispatcher = Dispatcher::new(Rules { ask_again: AskAgain::InDoubt, retries: 1, ..rules(1, 1, 0) });
    dispatcher.handle(Input::Begin);
    dispatcher.handle(came_to(0, Outcome::Unreachable));
    assert_eq!(started(&dispatcher.handle(sighting(0, &[], &[], &[0]))), [(0, 2)]);
}

#[test]
fn late_hosts_join_the_last_stage_until_two_answers_agree() {
    let mut dispatcher = Dispatcher::new(Rules { ask_again: AskAgain::Always, ..rules(1, 4, 0) });
    dispatcher.handle(Input::Begin);
    assert_eq!(
        dispatcher.handle(came_to(0, Outcome::Succeeded)),
        [Command::Settle { host: HostIndex(0), outcome: Outcome::Succeeded }, Command::Ask]
    );
    let answer =
        |joined| Input::Found(Answer::Whole { joined, gone: Vec::new(), returned: Vec::new(), moved: Vec::new() });
    let commands = dispatcher.handle(answer(1));
    assert_eq!(started(&commands), [(1, 1)], "{commands:?}");
    assert!(dispatcher.handle(came_to(1, Outcome::Succeeded)).contains(&Command::Ask));
    let last = dispatcher.handle(answer(0));
    assert_eq!(finish(&last).map(|(status, summary)| (status, summary.total)), Some((RunStatus::Succeeded, 2)));
}

/// It was stopped and started again, for example.
#[test]
fn a_host_that_comes_back_untouched_joins_the_last_stage() {
    let steps = vec![StepKind::Stage { hosts: 1 }, StepKind::Stage { hosts: 1 }];
    let mut dispatcher = Dispatcher::new(Rules { steps, ask_again: AskAgain::Always, ..rules(2, 4, 0) });
    dispatcher.handle(Input::Begin);
    dispatcher.handle(came_to(0, Outcome::Succeeded));
    let commands = dispatcher.handle(sighting(0, &[1], &[], &[]));
    assert!(commands.contains(&Command::Settle { host: HostIndex(1), outcome: Outcome::Gone }), "{commands:?}");
    let commands = dispatcher.handle(sighting(0, &[], &[1], &[]));
    assert!(commands.contains(&Command::Requeue { host: HostIndex(1) }), "{commands:?}");
    assert_eq!(started(&commands), [(1, 1)]);
    dispatcher.handle(came_to(1, Outcome::Succeeded));
    let last = dispatcher.handle(sighting(0, &[], &[], &[]));
    assert_eq!(finish(&last).map(|(status, summary)| (status, summary.succeeded)), Some((RunStatus::Succeeded, 2)));
}

#[test]
fn a_host_that_was_never_reached_goes_on_counting_its_attempts_when_it_comes_back() {
    let mut dispatcher = Dispatcher::new(Rules { ask_again: AskAgain::InDoubt, retries: 1, ..rules(2, 2, 0) });
    dispatcher.handle(Input::Begin);
    let refused = ended(0, AttemptEnd::Retryable(Outcome::Unreachable));
    assert_eq!(started(&dispatcher.handle(refused.clone())), [(0, 2)]);
    dispatcher.handle(refused);
    dispatcher.handle(sighting(0, &[0], &[], &[]));
    dispatcher.handle(Input::InDoubt { host: HostIndex(1) });
    // The host has seen attempts 1 and 2.
    assert_eq!(started(&dispatcher.handle(sighting(0, &[], &[0], &[]))), [(0, 3)]);
}

#[test]
fn a_host_that_comes_back_has_what_it_came_to_and_is_undone_with_the_others() {
    for late in [false, true] {
        let rules = Rules { ask_again: AskAgain::InDoubt, on_failure: OnFailure::Rollback, ..rules(3, 3, 0) };
        let mut dispatcher = Dispatcher::new(rules);
        dispatcher.handle(Input::Begin);
        dispatcher.handle(came_to(0, Outcome::Succeeded));
        dispatcher.handle(Input::InDoubt { host: HostIndex(1) });
        let commands = dispatcher.handle(sighting(0, &[0], &[], &[]));
        assert!(commands.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Gone }), "{commands:?}");
        dispatcher.handle(Input::InDoubt { host: HostIndex(1) });
        let mut commands = Vec::new();
        if !late {
            commands.extend(dispatcher.handle(sighting(0, &[], &[0], &[])));
        }
        dispatcher.handle(came_to(1, Outcome::Succeeded));
        commands.extend(dispatcher.handle(came_to(2, Outcome::Failed)));
        if late {
            // The answer was still on its way when the undo began.
            commands.extend(dispatcher.handle(sighting(0, &[], &[0], &[])));
        }
        assert!(commands.contains(&Command::Settle { host: HostIndex(0), outcome: Outcome::Succeeded }));
        let undo = Command::Undo { host: HostIndex(0), attempt: 1, after: Duration::ZERO };
        assert!(commands.contains(&undo), "{commands:?}");
    }
}

#[test]
fn hosts_at_a_barrier_do_not_wait_for_one_that_a_returning_failure_leaves_no_room_for() {
    let steps = vec![StepKind::Stage { hosts: 1 }, StepKind::Stage { hosts: 3 }];
    let (worst_case, ask_again) = (3, AskAgain::InDoubt);
    let rules = Rules { steps, worst_case, barriers: 1, stage_must_succeed: false, ask_again, ..rules(4, 2, 1) };
    let mut dispatcher = Dispatcher::new(rules);
    let reached = |host| Input::Reached { host: HostIndex(host) };
    dispatcher.handle(Input::Begin);
    dispatcher.handle(came_to(0, Outcome::Unknown));
    assert_eq!(started(&dispatcher.handle(sighting(0, &[0], &[], &[]))), [(1, 1), (2, 1)]);
    dispatcher.handle(Input::InDoubt { host: HostIndex(1) });
    dispatcher.handle(sighting(0, &[], &[0], &[]));
    dispatcher.handle(reached(1));
    let commands = dispatcher.handle(reached(2));
    let release = |host| Command::Release { host: HostIndex(host) };
    assert_eq!(commands, [release(1), release(2)], "the third goes with another wave");
    dispatcher.handle(came_to(1, Outcome::Succeeded));
    assert_eq!(started(&dispatcher.handle(came_to(2, Outcome::Succeeded))), [(3, 1)]);
}

#[test]
fn a_fleet_that_never_comes_to_rest_is_told_of() {
    let mut dispatcher = Dispatcher::new(Rules { ask_again: AskAgain::Always, ..rules(1, 4, 0) });
    dispatcher.handle(Input::Begin);
    let mut last = dispatcher.handle(came_to(0, Outcome::Succeeded));
    for host in 1.. {
        if finish(&last).is_some() {
            break;
        }
        assert!(host < 100, "it never ends");
        dispatcher.handle(sighting(1, &[], &[], &[]));
        last = dispatcher.handle(came_to(host, Outcome::Succeeded));
    }
    assert_eq!(finish(&last).map(|(status, _)| status), Some(RunStatus::FinishedWithFailures));
}

mod histories;
mod late;
mod rollback;
mod stories;

use std::{num::NonZeroUsize, time::Duration};

use super::{back_off::back_off, *};
use crate::{
    config::{FailureLimit, OnFailure, OnStop},
    rollout::outcome::{Cancel, Outcome, RunStatus, StopReason, Summary, UndoOutcome},
};

/// Rules for one stage with this many hosts, and nothing else.
fn rules(hosts: usize, concurrency: usize, max_failures: usize) -> Rules {
    Rules {
        purpose: Purpose::Work,
        steps: vec![StepKind::Stage { hosts }],
        concurrency: NonZeroUsize::new(concurrency).expect("positive"),
        slow_start: false,
        max_failures: FailureLimit::Hosts(max_failures),
        stage_must_succeed: true,
        worst_case: hosts.min(max_failures + concurrency),
        retries: 0,
        barriers: 0,
        on_stop: OnStop::Finish,
        on_failure: OnFailure::Stop,
        ask_again: AskAgain::Never,
        hooks: Hooks::default(),
    }
}

fn started(commands: &[Command]) -> Vec<(usize, u32)> {
    let start = |command: &Command| match command {
        Command::Start { host, attempt, .. } => Some((host.0, *attempt)),
        _ => None,
    };
    commands.iter().filter_map(start).collect()
}

fn ended(host: usize, end: AttemptEnd) -> Input {
    Input::Ended { host: HostIndex(host), end }
}

fn came_to(host: usize, outcome: Outcome) -> Input {
    ended(host, AttemptEnd::Final(outcome))
}

/// A complete answer of the clouds.
fn sighting(joined: usize, gone: &[usize], returned: &[usize], moved: &[usize]) -> Input {
    let hosts = |places: &[usize]| places.iter().copied().map(HostIndex).collect();
    Input::Found(Answer::Whole { joined, gone: hosts(gone), returned: hosts(returned), moved: hosts(moved) })
}

fn finish(commands: &[Command]) -> Option<(RunStatus, Summary)> {
    match commands.last() {
        Some(Command::Finish { status, summary }) => Some((*status, *summary)),
        _ => None,
    }
}

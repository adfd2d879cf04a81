//! Random rules for a history.

use rand::{Rng, rngs::StdRng};

use super::super::*;

/// Random rules, over a few small stages.
pub(super) fn some_rules(rng: &mut StdRng) -> Rules {
    let mut steps = Vec::new();
    let mut total = 0;
    for _ in 0..rng.random_range(1..=4) {
        while rng.random_bool(0.3) {
            steps.push(StepKind::Pause { approval: rng.random_bool(0.3) });
        }
        let hosts = rng.random_range(0..=7);
        steps.push(StepKind::Stage { hosts });
        total += hosts;
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
    let by_hand = rng.random_bool(0.05);
    Rules {
        purpose: if by_hand { Purpose::Rollback } else { Purpose::Work },
        concurrency: NonZeroUsize::new(concurrency).expect("positive"),
        slow_start: rng.random_bool(0.5),
        worst_case: total.min(max_failures.of(total).saturating_add(at_once)),
        max_failures,
        stage_must_succeed: rng.random_bool(0.8),
        retries: rng.random_range(0..=2),
        barriers,
        on_stop: if rng.random_bool(0.3) { OnStop::Kill } else { OnStop::Finish },
        on_failure: if rng.random_bool(0.6) { OnFailure::Rollback } else { OnFailure::Stop },
        ask_again: if by_hand {
            AskAgain::Never
        } else {
            [AskAgain::Never, AskAgain::InDoubt, AskAgain::Always][rng.random_range(0..3)]
        },
        hooks: Hooks {
            before_run: hook(rng),
            before_stage: hook(rng),
            before_host: hook(rng),
            after_host: hook(rng),
            after_stage: hook(rng),
            on_failure: hook(rng),
            on_rollback: hook(rng),
            after_run: hook(rng),
        },
        steps,
    }
}

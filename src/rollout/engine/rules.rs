//! A plan's rules for the dispatcher.

use super::super::dispatcher::{AskAgain, Hooks, Purpose, Rules, StepKind};
use crate::{
    config::{HookName, LateHosts},
    plan::{Pause, Plan, PlanStep, Work},
};

/// The rules of a plan with these hooks.
pub(super) fn rules(plan: &Plan, hooks: &[HookName]) -> Rules {
    let policy = &plan.policy;
    let step = |step: &PlanStep| match step {
        PlanStep::Stage(stage) => StepKind::Stage { hosts: plan.stages[*stage].hosts.len() },
        PlanStep::Pause(pause) => StepKind::Pause { approval: matches!(pause, Pause::Approve(_)) },
    };
    let has = |name| hooks.contains(&name);
    Rules {
        purpose: match &plan.work {
            Work::Deploy { .. } | Work::Command(_) => Purpose::Work,
            Work::Rollback(_) => Purpose::Rollback,
        },
        steps: plan.steps.iter().map(step).collect(),
        concurrency: policy.concurrency,
        slow_start: policy.slow_start,
        max_failures: policy.max_failures,
        stage_must_succeed: policy.stage_must_succeed,
        worst_case: plan.worst_case(),
        retries: policy.retries,
        barriers: plan.barriers(),
        on_stop: policy.on_stop,
        on_failure: policy.on_failure,
        ask_again: match (&plan.work, policy.late_hosts) {
            (Work::Command(_) | Work::Rollback(_), _) => AskAgain::Never,
            (Work::Deploy { .. }, LateHosts::CatchUp) => AskAgain::Always,
            (Work::Deploy { .. }, LateHosts::Ignore) => AskAgain::InDoubt,
        },
        hooks: Hooks {
            before_run: has(HookName::BeforeRun),
            before_stage: has(HookName::BeforeStage),
            before_host: has(HookName::BeforeHost),
            after_host: has(HookName::AfterHost),
            after_stage: has(HookName::AfterStage),
            on_failure: has(HookName::OnFailure),
            on_rollback: has(HookName::OnRollback),
            after_run: has(HookName::AfterRun),
        },
    }
}

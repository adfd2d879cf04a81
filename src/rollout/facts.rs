//! The environment of programs on this machine: facts about the run, the stage and the host.

use super::{
    dispatcher::{HostIndex, StageIndex},
    outcome::{Outcome, RunStatus, StopReason, Summary, UndoOutcome},
    roster::{Entry, Roster},
    world::Facts,
};
use crate::{inventory::Host, plan::Plan};

/// Facts about the run.
pub(super) fn of_run(plan: &Plan) -> Facts {
    let mut facts = Facts::from([
        ("FLEETWIDE_RUN", plan.run.to_string()),
        ("FLEETWIDE_TARGET", plan.target.clone()),
        ("FLEETWIDE_APP", plan.app.to_string()),
    ]);
    facts.extend(plan.revision().map(|revision| ("FLEETWIDE_REVISION", revision.to_string())));
    facts
}

/// Facts about a host and the run.
pub(super) fn of_host(plan: &Plan, host: &Host, stage: &str) -> Facts {
    let instance = &host.instance;
    let mut facts = of_run(plan);
    facts.extend([
        ("FLEETWIDE_STAGE", stage.to_owned()),
        ("FLEETWIDE_HOST_ID", host.id.to_string()),
        ("FLEETWIDE_HOST_NAME", instance.name.clone()),
        ("FLEETWIDE_HOST_ADDRESS", host.address.host.clone()),
        ("FLEETWIDE_PROVIDER", instance.provider.to_string()),
        ("FLEETWIDE_REGION", instance.region.clone()),
        ("FLEETWIDE_ZONE", instance.zone.clone()),
    ]);
    facts
}

/// Adds the outcome of a host.
pub(super) fn with_outcome(mut facts: Facts, outcome: Outcome) -> Facts {
    facts.insert("FLEETWIDE_OUTCOME", outcome.as_str().to_owned());
    facts
}

/// Adds that the host is rolled back, and with what outcome.
pub(super) fn with_undo(mut facts: Facts, outcome: Option<UndoOutcome>) -> Facts {
    facts.insert("FLEETWIDE_UNDO", "yes".to_owned());
    facts.extend(outcome.map(|outcome| ("FLEETWIDE_OUTCOME", outcome.as_str().to_owned())));
    facts
}

/// Facts about a stage: its number, its name, and its hosts, one line each with id and address.
pub(super) fn of_stage(plan: &Plan, roster: &Roster, stage: StageIndex) -> Facts {
    let mut facts = of_run(plan);
    let hosts: Vec<&Entry> =
        roster.entries().map(|(_, entry)| entry).filter(|entry| entry.stage_index == stage.0).collect();
    let listed = hosts.iter().map(|entry| format!("{} {}\n", entry.host.id, entry.host.address.host)).collect();
    facts.extend([
        ("FLEETWIDE_STAGE", plan.stages.get(stage.0).map(|stage| stage.name.clone()).unwrap_or_default()),
        ("FLEETWIDE_STAGE_NUMBER", (stage.0 + 1).to_string()),
        ("FLEETWIDE_STAGE_HOSTS", listed),
    ]);
    facts
}

/// Adds the state of the run.
pub(super) fn with_summary(mut facts: Facts, summary: &Summary, stopped: Option<StopReason>) -> Facts {
    let numbers = [
        ("FLEETWIDE_HOSTS", summary.total),
        ("FLEETWIDE_SUCCEEDED", summary.succeeded),
        ("FLEETWIDE_FAILURES", summary.failures()),
        ("FLEETWIDE_GONE", summary.gone),
        ("FLEETWIDE_SKIPPED", summary.skipped),
    ];
    facts.extend(numbers.map(|(name, number)| (name, number.to_string())));
    facts.extend(stopped.map(|reason| ("FLEETWIDE_STOPPED_BY", reason.as_str().to_owned())));
    facts
}

/// Facts about the host in this place.
pub(super) fn of_place(plan: &Plan, roster: &Roster, host: HostIndex) -> Facts {
    let Entry { host, stage, .. } = roster.get(host);
    of_host(plan, host, stage)
}

/// Adds the exit code of the run.
pub(super) fn with_status(mut facts: Facts, status: RunStatus) -> Facts {
    facts.insert("FLEETWIDE_EXIT_CODE", status.exit_code().to_string());
    facts
}

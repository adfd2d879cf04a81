//! What every verb that starts something does with its request: discover, plan, and then run or print the plan.

use std::{collections::HashSet, sync::Arc};

use super::{
    approve::ApproveArgs,
    args::{GlobalArgs, RecordArgs},
    error::CliError,
    exit_code,
    gate::Gate,
    session::{self, Session, env},
    target,
};
use crate::{
    deploy::{self, DeployRequest, Prepared},
    inventory::HostId,
    plan::{Plan, Survey},
    report::{Gaps, Reporter, Rerun, RunReporter},
    rollout::EventSink,
};

/// How to carry out a request.
#[derive(Debug, Default)]
pub(super) struct Errand {
    /// Print the plan and touch nothing.
    pub(super) dry_run: bool,
    /// The files that the run writes.
    pub(super) record: RecordArgs,
    /// The command that repeats the run, to be shown to people; `None` where that makes no sense.
    pub(super) rerun: Option<Rerun>,
    /// What must hold before the first host is touched.
    pub(super) gate: Option<Gate>,
    /// Where approvals come from.
    pub(super) approve: ApproveArgs,
}

/// Discovers, plans, and runs (or prints) the plan.
pub(super) async fn carry_out(
    request: DeployRequest,
    errand: Errand,
    global: &GlobalArgs,
    session: &mut Session,
) -> Result<u8, CliError> {
    let Errand { dry_run, record, rerun, gate, approve } = errand;
    record.are_apart()?;
    let RecordArgs { report, junit, html, log_dir } = record;
    let reporter = session::reporter(global).report(report).junit(junit).html(html).log_dir(log_dir).rerun(rerun);
    let reporter = Arc::new(reporter.build());
    let prepared = session.unless_interrupted(deploy::prepare(request, &env, &*reporter)).await;
    reporter.end_discovery();
    let mut prepared = prepared??;
    say_what_is_odd(&prepared, &reporter);
    if dry_run {
        reporter.show_plan(&prepared.plan, gaps(&prepared));
        return Ok(exit_code::SUCCESS);
    }
    if let Some(gate) = gate {
        gate.pass(&prepared.plan, session).await?;
    }
    let pinned = session.unless_interrupted(prepared.pin_host_keys(&*reporter)).await;
    reporter.end_discovery();
    pinned??;
    let told = Arc::new(reporter.start(&prepared.plan, gaps(&prepared))?);
    let sink: Arc<dyn EventSink> = Arc::<RunReporter>::clone(&told);
    let approver = approve.approver(move |text| reporter.warn(text));
    let run = deploy::execute(prepared, sink, approver, &mut session.cancel).await;
    let code = run.rollout.status.exit_code();
    // A run whose record could not be written must not report success. The cause has been shown by now.
    let well = matches!(code, exit_code::SUCCESS | exit_code::WITHIN_BUDGET);
    Ok(if well && !told.trouble().is_empty() { exit_code::INTERNAL } else { code })
}

const fn gaps(prepared: &Prepared) -> Gaps<'_> {
    Gaps { missing_scopes: prepared.missing.as_slice(), unaddressed: prepared.unaddressed.as_slice() }
}

/// Warns of deviations from the request that do not stop the run.
fn say_what_is_odd(prepared: &Prepared, reporter: &Reporter) {
    target::say_vanished(&prepared.vanished, reporter);
    if let Some(asked) = prepared.lowered_from {
        let allowed = prepared.plan.policy.concurrency;
        reporter.warn(&format!(
            "the limit of open files allows {allowed} hosts at once, not {asked}; raise it with `ulimit -n` or LimitNOFILE="
        ));
    }
    if let Some(survey) = prepared.survey.as_ref().filter(|_| prepared.plan.rollback_by_hand().is_none()) {
        say_silent(survey, &prepared.plan, reporter);
    }
}

/// Says which hosts could not be asked for their record, and what that means.
fn say_silent(survey: &Survey, plan: &Plan, reporter: &Reporter) {
    const SHOWN: usize = 3;
    let silent: Vec<_> = survey.silent().collect();
    if silent.is_empty() {
        return;
    }
    let name = |id: &HostId| {
        let host = plan.hosts().find(|host| host.id == *id);
        host.map_or_else(|| id.to_string(), |host| host.instance.name.clone())
    };
    let mut told: Vec<_> = silent.iter().take(SHOWN).map(|(host, why)| format!("{} ({why})", name(host))).collect();
    if silent.len() > SHOWN {
        told.push("…".to_owned());
    }
    let silence: HashSet<&HostId> = silent.iter().map(|(host, _)| *host).collect();
    // Only other silent hosts come after a silent host, unless it is a canary.
    let order: Vec<&HostId> = plan.hosts().map(|host| &host.id).collect();
    let answered = order.iter().rposition(|host| !silence.contains(host)).unwrap_or(0);
    let canaries = order[..answered].iter().filter(|host| silence.contains(*host)).count();
    let (hosts, have) = match silent.len() {
        1 => ("1 host".to_owned(), "it has"),
        n => (format!("{n} hosts"), "they have"),
    };
    let turn = match (silent.len() - canaries, canaries) {
        (1, 0) => ", so it goes last".to_owned(),
        (_, 0) => ", so they go last".to_owned(),
        (0, 1) => ", but as a canary it goes first all the same".to_owned(),
        (0, _) => ", but as canaries they go first all the same".to_owned(),
        (last, canaries) => format!("; last: {last}, first all the same, as canaries: {canaries}"),
    };
    let budget = if silent.len() > plan.budget() { "; more than may fail, if it stays like that" } else { "" };
    reporter.warn(&format!("{hosts} did not say what {have} on record{turn}: {}{budget}", told.join(", ")));
}

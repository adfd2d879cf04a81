//! `rollback`: back to what the servers had before, by what they have on record themselves.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    args::{GlobalArgs, PolicyArgs, RecordArgs, TargetArgs},
    carry_out::{Errand, carry_out},
    error::CliError,
    gate::ConfirmArgs,
    rerun,
    session::{self, Session},
    target,
};
use crate::{
    deploy::{DeployRequest, Task},
    plan::{Goal, Revision, RunId},
    report::Rerun,
};

/// Above the flags that are this verb's own.
const WHAT: &str = "Which run, and to what";

/// Take servers back to the revision that they had before a run
#[derive(Debug, Args)]
#[command(mut_arg("max_failures", |flag| flag.hide(true)), after_help = "\
Every server is asked what it has on record. Without --run and --to, the newest run that any of them
knows is undone: each server that it touched gets back the revision that it had itself, by the
script `rollback`, or by the deploy script. A server that is back already is left alone; where a
script of the run is still running, none is started. A run's id is on the last screen and in the
report.

Examples:
  fleetwide rollback web --dry-run
  fleetwide rollback web
  fleetwide rollback web --run 01JQZX5T0M3V8Q4E2N7R6K9YBC
  fleetwide rollback web --to v1.2.2

Exit codes: 0 every server that was to be taken back is back · 2 usage, or no server knows this
run · 3 discovery failed · 4 too few hosts · 6 a gate refused · 7 all are back, but a hook failed ·
10 not all are back; the same command again takes back the others · 130/143 interrupted.")]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Undo this run: what it touched, and nothing else
    #[arg(long, value_name = "ID", help_heading = WHAT)]
    run: Option<RunId>,
    /// Take servers to this revision: all that are not there, or with --run those that it touched
    #[arg(long, value_name = "REVISION", help_heading = WHAT)]
    to: Option<Revision>,
    /// The script that deploys, and takes back where the target has no other for that
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = WHAT)]
    script: Option<PathBuf>,
    /// Arguments for the script
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
    /// Print what would be done, and start nothing on any server
    #[arg(long, help_heading = WHAT)]
    dry_run: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Takes servers back.
pub(super) async fn run(args: &RollbackArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    args.policy.refuse_budget()?;
    let mut overrides = target::overrides(&args.target, &args.policy)?;
    if args.script.is_some() {
        overrides.deploy.script.clone_from(&args.script);
    }
    let target = target::find(&args.target, &overrides, global)?;
    let narrowing = args.target.narrow.narrowing(&target)?;
    let gate = args.confirm.gate_before_scripts(target.deploy.confirm_over);
    let request = DeployRequest {
        target,
        task: Task::Rollback(Goal { run: args.run, to: args.to.clone() }),
        args: args.args.clone(),
        narrowing,
        seed: 0,
        known_hosts: session::known_hosts()?,
    };
    let errand = Errand {
        dry_run: args.dry_run,
        record: args.record.clone(),
        // Whoever is not back is found by the same words.
        rerun: Some(Rerun { failed: None, ..rerun::commands(None, "") }),
        gate: Some(gate),
        ..Errand::default()
    };
    carry_out(request, errand, global, session).await
}

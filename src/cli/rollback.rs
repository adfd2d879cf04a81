//! `rollback`: rolls servers back to the revisions they had before, according to their own records.

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

/// The heading of the flags that only this verb has.
const WHAT: &str = "What to undo";

/// Roll servers back to the revisions they had before a run
#[derive(Debug, Args)]
#[command(mut_arg("max_failures", |flag| flag.hide(true)), after_help = "\
Fleetwide asks every server for its record. Without --run and --to, it undoes the newest run that
any of them knows: each server that the run touched gets its own earlier revision back, through the
script `rollback`, or else through the deploy script. A server that is already back is left alone.
Nothing starts on a server where a script of the run is still running. The last screen and the
report of a run show its id.

Examples:
  fleetwide rollback web --dry-run
  fleetwide rollback web
  fleetwide rollback web --run 01JQZX5T0M3V8Q4E2N7R6K9YBC
  fleetwide rollback web --to v1.2.2

Exit codes: 0 every server to be rolled back is back · 2 usage, or no server knows this run ·
3 discovery failed · 4 too few hosts · 6 a gate refused · 7 all are back, but a hook failed ·
10 not all are back; the same command again rolls back the others · 130/143 interrupted.")]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Undo this run, on the servers that it touched and no others
    #[arg(long, value_name = "ID", help_heading = WHAT)]
    run: Option<RunId>,
    /// Bring servers to this revision: all that are not there, or with --run those it touched
    #[arg(long, value_name = "REVISION", help_heading = WHAT)]
    to: Option<Revision>,
    /// The deploy script; it also rolls back, unless the target has a script for that
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = WHAT)]
    script: Option<PathBuf>,
    /// Arguments for the script
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
    /// Print what would be done, without starting anything on any server
    #[arg(long, help_heading = WHAT)]
    dry_run: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Rolls servers back.
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
        // The same command finds the hosts that are not rolled back yet.
        rerun: Some(Rerun { failed: None, ..rerun::commands(None, "") }),
        gate: Some(gate),
        ..Errand::default()
    };
    carry_out(request, errand, global, session).await
}

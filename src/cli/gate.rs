//! Stands between `run` or `rollback` and the first host: a person's confirmation, if required.

use clap::Args;

use super::{error::CliError, session::Session, stdin, terminal};
use crate::plan::{Goal, Plan, Work};

/// Whether a person is asked first.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Confirmation")]
pub(super) struct ConfirmArgs {
    /// Ask before touching more than N hosts [default: any; `confirm_over` in the file asks too]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    confirm: Option<usize>,
    /// Answer yes without asking
    #[arg(long)]
    yes: bool,
}

impl ConfirmArgs {
    /// The gate that these flags and the target's `confirm_over` describe.
    pub(super) fn gate(&self, confirm_over: Option<usize>, reads_input: bool) -> Gate {
        Gate { ask_over: self.confirm.or(confirm_over).filter(|_| !self.yes), reads_input }
    }

    /// The same before scripts, which never read standard input.
    pub(super) fn gate_before_scripts(&self, confirm_over: Option<usize>) -> Gate {
        self.gate(confirm_over, true)
    }
}

/// What must hold before a command touches the first host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    /// A person is asked if there are more hosts than this.
    ask_over: Option<usize>,
    /// Standard input needs no check: the command has read it, or nothing ever reads it.
    reads_input: bool,
}

impl Gate {
    /// Returns if the run may begin; otherwise the error says why not.
    pub(super) async fn pass(&self, plan: &Plan, session: &mut Session) -> Result<(), CliError> {
        if !self.reads_input {
            stdin::refuse_unread()?;
        }
        let hosts = plan.hosts().count();
        let Some(over) = self.ask_over.filter(|over| hosts > *over) else { return Ok(()) };
        let many = if hosts == 1 { "1 host".to_owned() } else { format!("{hosts} hosts") };
        let what = match &plan.work {
            Work::Command(_) => format!("run `{}` on {many} of {}?", plan.command().unwrap_or_default(), plan.target),
            Work::Deploy { revision, .. } => format!("deploy {revision} to {many} of {}?", plan.target),
            Work::Rollback(rollback) => format!("roll {many} of {} back ({})?", plan.target, purpose(&rollback.goal)),
        };
        match session.ask(&format!("{what} [y/N] ")).await? {
            Some(answer) if terminal::is_yes(&answer) => Ok(()),
            Some(_) => Err(CliError::Declined),
            None => Err(CliError::Usage {
                message: format!("nobody is there to be asked: {what}"),
                hint: Some(format!(
                    "no host was touched; --yes answers, and is needed for more than {over} without a terminal"
                )),
            }),
        }
    }
}

/// The purpose of a rollback, in a few words.
fn purpose(goal: &Goal) -> String {
    match (goal.run, &goal.to) {
        (Some(run), None) => format!("run {run}"),
        (Some(run), Some(to)) => format!("run {run}, to {to}"),
        (None, Some(to)) => format!("to {to}"),
        (None, None) => "no run is on record".to_owned(),
    }
}

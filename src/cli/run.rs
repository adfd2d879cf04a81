//! `run`: one command on every server of a target, without a revision and without a record on the servers.

use clap::Args;

use super::{
    args::{GlobalArgs, PolicyArgs, RecordArgs, TargetArgs},
    carry_out::{Errand, carry_out},
    error::CliError,
    gate::ConfirmArgs,
    rerun,
    session::{self, Session},
    stdin, target,
};
use crate::{
    config::{FailureLimit, OnLost},
    deploy::{DeployRequest, Task},
    plan::{Work, quoted},
};

/// Run one command on every server of a target
#[derive(Debug, Args)]
#[command(after_help = "\
The words after `--` are the command. A single word goes to the server's `sh` as it is, so it may
hold pipes and variables; several words are a program and its arguments, taken literally. The
command runs on every server, even if it fails on others, unless --max-failures sets a limit.

A file on standard input is sent whole to every server, for the command to read there. A pipe is
read only with --stdin, because it may belong to another program, or never end. Without --stdin, a
pipe that holds data is an error.

Examples:
  fleetwide run web -- uptime
  fleetwide run web -- 'df -h / | tail -n 1'
  fleetwide run web -- sh < fix.sh
  tar c conf | fleetwide run web --stdin -- tar x -C /etc/shop
  fleetwide run web --hosts 'web-1,web-2*' --confirm -- systemctl restart shop
  fleetwide run --host 10.0.0.7 --user admin -- systemctl is-active shop")]
pub(super) struct RunArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// The command
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Send all of standard input to the command on every server (a file is sent without this)
    #[arg(long)]
    stdin: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Runs the command everywhere.
pub(super) async fn run(args: &RunArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let mut overrides = target::overrides(&args.target, &args.policy)?;
    // The target's own `on_lost` is for its deploy script; a command whose output is lost must end.
    overrides.deploy.on_lost.get_or_insert(OnLost::Kill);
    // Likewise its budget: the command goes to every server, even if it fails on some.
    overrides.deploy.max_failures.get_or_insert(FailureLimit::Percent(100));
    let mut target = target::find(&args.target, &overrides, global)?;
    // Likewise its arguments.
    target.deploy.args.clear();
    let (command, words) = match &args.command[..] {
        [line] => (line.clone(), Vec::new()),
        words => (Work::ARGUMENTS.to_owned(), words.to_vec()),
    };
    let narrowing = args.target.narrow.narrowing(&target)?;
    let input = stdin::take(args.stdin, session).await?;
    let rerun = |input: &str| rerun::commands(args.record.report.as_deref(), input);
    let rerun = match &input {
        None => Some(rerun("")),
        // The content of a pipe is gone and cannot be sent again.
        Some(_) => stdin::name().map(|path| rerun(&format!(" < {}", quoted(&path.to_string_lossy())))),
    };
    let gate = args.confirm.gate(target.deploy.confirm_over, args.stdin || input.is_some());
    let task = Task::Command { line: command, input };
    let known_hosts = session::known_hosts()?;
    let request = DeployRequest { target, task, args: words, narrowing, seed: 0, known_hosts };
    let errand = Errand { record: args.record.clone(), rerun, gate: Some(gate), ..Errand::default() };
    carry_out(request, errand, global, session).await
}

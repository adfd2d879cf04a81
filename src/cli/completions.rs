//! `completions`: a script that teaches a shell our words.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::args::Cli;

/// Print a completion script for your shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetwide completions bash > /etc/bash_completion.d/fleetwide
  fleetwide completions fish > ~/.config/fish/completions/fleetwide.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// The completion script.
pub(super) fn script(args: &CompletionsArgs) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fleetwide", &mut text);
    text
}

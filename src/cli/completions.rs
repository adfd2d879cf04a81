//! `completions`: a script that teaches a shell our command line, and the answers to that script on TAB.
//!
//! The script calls the program itself with [`VARIABLE`] set, so that not only verbs and flags complete, but also the
//! targets of the project's file and the hosts that files list. TAB never queries a cloud.

use std::{collections::BTreeSet, ffi::OsString, io, path::PathBuf};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{CompleteEnv, Shell, engine::CompletionCandidate, env::Shells};

use provider_core::Silent;
use tokio::runtime;

use super::{
    args::Cli,
    session::{self, env},
};
use crate::{
    config::{Config, Overrides, Places, Source, Target},
    inventory,
    plan::quoted,
};

/// The variable by which a shell's script asks for completions.
const VARIABLE: &str = "FLEETWIDE_COMPLETE";

/// Print a completion script for your shell: verbs, flags, targets and listed hosts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(fleetwide completions bash)                 in ~/.bashrc
  source <(fleetwide completions zsh)                  in ~/.zshrc, after compinit
  fleetwide completions fish | source                  in ~/.config/fish/config.fish
  eval (fleetwide completions elvish | slurp)          in ~/.config/elvish/rc.elv
  fleetwide completions powershell | Out-String | Invoke-Expression

The script asks the program itself on every TAB; print it again after an upgrade.")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// The completion script.
pub(super) fn script(args: &CompletionsArgs) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let name = args.shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    if let Some(shell) = Shells::builtins().completer(&name) {
        shell.write_registration(VARIABLE, "fleetwide", "fleetwide", "fleetwide", &mut text)?;
    }
    Ok(text)
}

/// Answers a shell that asks for completions; false if none asks.
pub(super) fn answer() -> Result<bool, clap::Error> {
    let here = std::env::current_dir().ok();
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).try_complete(std::env::args_os(), here.as_deref())
}

/// The targets of the configuration that the line so far selects. Empty if it cannot be read, because a completing
/// shell has no place for an error.
pub(super) fn targets() -> Vec<CompletionCandidate> {
    configuration()
        .map(|config| config.target_names())
        .unwrap_or_default()
        .into_iter()
        .map(CompletionCandidate::new)
        .collect()
}

/// The hosts that files list, for the targets on the line or else for all. Clouds are not queried for more hosts: a
/// person is waiting after pressing TAB.
pub(super) fn hosts() -> Vec<CompletionCandidate> {
    let (Some(config), Ok(runtime)) = (configuration(), runtime::Builder::new_current_thread().enable_all().build())
    else {
        return Vec::new();
    };
    let line = line();
    let all = config.target_names();
    let named: Vec<_> = all.iter().filter(|name| line.iter().any(|word| *word == name.as_str())).collect();
    let targets = if named.is_empty() { all.iter().collect() } else { named };
    let found = targets.into_iter().filter_map(|name| config.target(Some(name), &Overrides::default()).ok());
    let listed = |target: Target| {
        let lists = target.select.iter().filter(|select| matches!(select.source, Source::Static(_)));
        let ask = |select| runtime.block_on(inventory::ask(select, &target.ssh, &Silent)).ok()?.ok();
        lists.filter_map(ask).flatten().map(|instance| instance.name).collect::<Vec<_>>()
    };
    // Not every shell quotes completions, and the next key may run the line.
    let is_plain = |name: &String| quoted(name) == *name;
    let known: BTreeSet<_> = found.flat_map(listed).filter(is_plain).collect();
    known.into_iter().map(CompletionCandidate::new).collect()
}

/// The line to complete. Two dashes separate it from the words with which the shell's script calls the program.
fn line() -> Vec<OsString> {
    std::env::args_os().skip_while(|word| word != "--").skip(1).collect()
}

fn configuration() -> Option<Config> {
    let named = session::flag(&line(), "--config").or_else(|| std::env::var_os("FLEETWIDE_CONFIG"));
    let named = named.filter(|file| !file.is_empty()).map(PathBuf::from);
    Config::load(&Places::new(named, std::env::current_dir().ok()?, &env)).ok()
}

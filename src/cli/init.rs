//! `init`: writes a commented `fleetwide.toml` to start from.

use std::{io, path::PathBuf};

use clap::{Args, ValueHint};

use super::{
    error::CliError,
    session::{self, Session},
};
use crate::config;

/// Write a commented fleetwide.toml to start from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetwide init
  fleetwide init deploy/fleetwide.toml")]
pub(super) struct InitArgs {
    /// The file to write; an existing file is never overwritten
    #[arg(value_name = "FILE", default_value = "fleetwide.toml", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

/// Writes the file.
pub(super) fn run(args: &InitArgs, session: &Session) -> Result<u8, CliError> {
    session::create(&args.file, config::STARTER).map_err(|source| CliError::File {
        what: "write",
        path: args.file.clone(),
        hint: (source.kind() == io::ErrorKind::AlreadyExists)
            .then_some("it is there already; name another: `fleetwide init FILE`"),
        source,
    })?;
    session.say(&format!(
        "wrote {}\nnext: set the selectors and the script, then `fleetwide check`, `fleetwide hosts`\n",
        args.file.display()
    ));
    Ok(super::exit_code::SUCCESS)
}

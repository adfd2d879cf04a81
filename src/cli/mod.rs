//! The command line: clap types, one file a verb, errors as people see them, exit codes.
//!
//! [`main`] parses and runs one verb. Each verb reads its flags into a request, calls the floor
//! below, and gives an exit code. Not in here: anything that another way in (a webhook, a schedule)
//! would need as well.

mod args;
mod check;
mod completions;
mod demo;
mod deploy;
mod error;
pub mod exit_code;
mod host_keys;
mod hosts;
mod init;
mod narrow;
mod numbers;
mod plan;
mod revision;
mod run;
mod session;
mod signals;
mod target;

use std::io::{self, Write};

use clap::Parser;

use self::{
    args::{Cli, Verb},
    error::CliError,
    session::Session,
};

/// Runs the program and gives its exit code.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => {
            // Help and version are answers; anything else is a mistake in the usage.
            let _ = asked.print();
            return u8::try_from(asked.exit_code()).unwrap_or(exit_code::USAGE);
        }
    };
    match start(&cli) {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to be told when even this cannot be written.
            let _ = io::stderr().write_all(error.shown_in(session::pipeline(&cli.global)).as_bytes());
            error.exit_code()
        }
    }
}

fn start(cli: &Cli) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let code = runtime.block_on(run(cli));
    // What still runs in the background (a reader of standard input, a slow name lookup) is not waited for.
    runtime.shutdown_background();
    code
}

async fn run(cli: &Cli) -> Result<u8, CliError> {
    let global = &cli.global;
    global.output.suits(&cli.verb)?;
    let mut session = Session::begin(global)?;
    match &cli.verb {
        Verb::Hosts(args) => hosts::run(args, global, &mut session).await,
        Verb::Plan(args) => plan::run(args, global, &mut session).await,
        Verb::Deploy(args) => deploy::run(args, global, &mut session).await,
        Verb::Run(args) => run::run(args, global, &mut session).await,
        Verb::HostKeys(args) => host_keys::run(args, global, &mut session).await,
        Verb::Check(args) => check::run(args, global, &mut session).await,
        Verb::Demo(args) => demo::run(args, global, &mut session).await,
        Verb::Init(args) => init::run(args, &session),
        Verb::Schema => {
            let schema = serde_json::to_string_pretty(&crate::config::schema()).map_err(io::Error::other);
            session::print(format!("{}\n", schema.map_err(CliError::Output)?).as_bytes())
        }
        Verb::Completions(args) => session::print(&completions::script(args)),
    }
}

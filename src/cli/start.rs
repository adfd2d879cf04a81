//! Turns the command line into one verb, and the verb's end into the exit code.

use std::io;

use clap::FromArgMatches;

use super::{
    args::{self, Cli, Verb},
    check, completions, demo, deploy,
    error::CliError,
    exit_code, host_keys, hosts, init, man, plan, report, rollback, run,
    session::{self, Session},
    ssh, usage,
};

/// Runs the program and returns its exit code.
pub fn main() -> u8 {
    match completions::answer() {
        Ok(false) => {}
        Ok(true) => return exit_code::SUCCESS,
        Err(error) => return refuse(&error),
    }
    let cli = match args::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(asked) => return refuse(&asked),
    };
    match begin(&cli) {
        Ok(code) => code,
        Err(error) => {
            session::complain(&error.shown_in(session::pipeline(cli.global.pipeline)));
            error.exit_code()
        }
    }
}

/// Prints clap's message. Help and version are answers; anything else is a usage error.
fn refuse(asked: &clap::Error) -> u8 {
    use clap::error::ErrorKind;

    match asked.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // A reader that has gone (`| head`) is not an error.
            let _ = asked.print();
        }
        _ => {
            let line: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            session::complain(&usage::shown_in(asked, &line, session::pipeline_of_line()));
        }
    }
    u8::try_from(asked.exit_code()).unwrap_or(exit_code::USAGE)
}

fn begin(cli: &Cli) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let code = runtime.block_on(verb(cli));
    // Background work (a reader of standard input, a slow name lookup) is not awaited.
    runtime.shutdown_background();
    code
}

async fn verb(cli: &Cli) -> Result<u8, CliError> {
    let global = &cli.global;
    global.output.suits(&cli.verb)?;
    let mut session = Session::begin(global)?;
    match &cli.verb {
        Verb::Hosts(args) => hosts::run(args, global, &mut session).await,
        Verb::Plan(args) => plan::run(args, global, &mut session).await,
        Verb::Deploy(args) => deploy::run(args, global, &mut session).await,
        Verb::Rollback(args) => rollback::run(args, global, &mut session).await,
        Verb::Run(args) => run::run(args, global, &mut session).await,
        Verb::HostKeys(args) => host_keys::run(args, global, &mut session).await,
        Verb::Ssh(args) => ssh::run(args, global, &mut session).await,
        Verb::Report(args) => report::run(args, &session),
        Verb::Check(args) => check::run(args, global, &mut session).await,
        Verb::Demo(args) => demo::run(args, global, &mut session).await,
        Verb::Init(args) => init::run(args, &session),
        Verb::Schema => {
            let schema = serde_json::to_string_pretty(&crate::config::schema()).map_err(io::Error::other);
            session::print(format!("{}\n", schema.map_err(CliError::Output)?).as_bytes())
        }
        Verb::Completions(args) => session::print(&completions::script(args).map_err(CliError::Output)?),
        Verb::Man(args) => man::run(args),
    }
}

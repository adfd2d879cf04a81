//! `report`: the record of a run, as a page for people.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};

use super::{
    error::CliError,
    exit_code, report_file,
    session::{self, Session},
};
use crate::report::{
    html,
    whole::{self, Sync},
};

/// Make a page for a browser from a run's report
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetwide report report.json --html report.html
  fleetwide report report.json --html - > report.html

The page is one file and makes no requests: it can be kept, sent and opened anywhere. It shows a
summary, each failure with its last lines, a timeline of every host, stages and pauses, the answers
of every check, and a table of all hosts. `deploy`, `rollback` and `run` write the same page with
--html FILE.")]
pub(super) struct ReportArgs {
    /// A file that `--report FILE` wrote
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The file to write the page to; `-` is standard output
    #[arg(long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    html: PathBuf,
}

/// Writes the page.
pub(super) fn run(args: &ReportArgs, session: &Session) -> Result<u8, CliError> {
    let page = html(&report_file::read(&args.file)?);
    if args.html == Path::new("-") {
        return session::print(page.as_bytes());
    }
    let failed = |source| CliError::File {
        what: "write the page",
        path: args.html.clone(),
        hint: Some("name a file in a folder that is there and that this user may write to; `-` is standard output"),
        source,
    };
    let path = whole::destination(&args.html).map_err(failed)?;
    if fs::canonicalize(&args.file).is_ok_and(|report| report == path) {
        return Err(CliError::Usage {
            message: format!("the page would take the place of the report {}", args.file.display()),
            hint: Some("give it a file of its own".to_owned()),
        });
    }
    whole::write(&path, page.as_bytes(), Sync::Now).map_err(failed)?;
    session.say(&format!("wrote {}\n", args.html.display()));
    Ok(exit_code::SUCCESS)
}

//! Some of a target's hosts, by flags: the same for every verb that has hosts.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;

use super::{completions, error::CliError, numbers, report_file};
use crate::{
    config::Target,
    inventory::{HostId, Narrowing},
    report::HostRecord,
    rollout::Outcome,
};

/// Which of the servers that were found.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Some of the servers found")]
pub(super) struct NarrowArgs {
    /// Only these names, ids or addresses; `web-*` and `web-[1-3,7]` too (repeat, or use commas)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', add = ArgValueCandidates::new(completions::hosts))]
    hosts: Vec<String>,
    /// Only the hosts that did not succeed in the run of this report
    #[arg(long, value_name = "REPORT", value_hint = ValueHint::FilePath)]
    failed_of: Option<PathBuf>,
    /// Only this many, spread over clouds and zones; the same ones each time
    #[arg(long, value_name = "N", value_parser = numbers::positive, allow_negative_numbers = true)]
    limit: Option<NonZeroUsize>,
}

impl NarrowArgs {
    /// What these flags mean for `target`.
    pub(super) fn narrowing(&self, target: &Target) -> Result<Narrowing, CliError> {
        let unfinished = self.failed_of.as_ref().map(|path| unfinished(path, target)).transpose()?;
        Ok(Narrowing { names: whole(&self.hosts), unfinished, limit: self.limit })
    }
}

/// The names between commas, for some commas stand in brackets: `web-[1-3,7]`. A list that is copied from a screen has
/// blanks besides.
fn whole(parts: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in parts {
        match names.last_mut() {
            Some(open) if open.rfind('[') > open.rfind(']') => *open = format!("{open},{part}"),
            Some(_) | None => names.push(part.trim().to_owned()),
        }
    }
    names
}

/// The hosts that did not succeed in the run of a report, those included that it never came to.
fn unfinished(path: &Path, target: &Target) -> Result<BTreeSet<HostId>, CliError> {
    let record = report_file::read(path)?;
    if record.target != target.name {
        return Err(CliError::Usage {
            message: format!(
                "{} is the report of a run on target `{}`, not `{}`",
                path.display(),
                record.target,
                target.name
            ),
            hint: Some("no host was touched; name the report of a run on this target".to_owned()),
        });
    }
    // One that is gone nobody will find again.
    let done = |host: &HostRecord| host.has_succeeded() || host.outcome == Some(Outcome::Gone);
    Ok(record.hosts.iter().filter(|host| !done(host)).map(|host| host.id.clone()).collect())
}

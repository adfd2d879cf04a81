//! Choosing some of a target's hosts by flags: the same for every verb that takes hosts.

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
    /// The narrowing of `target` that these flags describe.
    pub(super) fn narrowing(&self, target: &Target) -> Result<Narrowing, CliError> {
        let unfinished = self.failed_of.as_ref().map(|path| unfinished(path, target)).transpose()?;
        Ok(Narrowing { names: whole(&self.hosts), unfinished, limit: self.limit })
    }
}

/// Joins the names that were split at commas inside brackets: `web-[1-3,7]`. Also trims blanks, which a list copied
/// from a screen has.
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

/// The hosts that did not succeed in the run of a report, including those that the run never reached.
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
    // A host that is gone will not be found again.
    let done = |host: &HostRecord| host.has_succeeded() || host.outcome == Some(Outcome::Gone);
    Ok(record.hosts.iter().filter(|host| !done(host)).map(|host| host.id.clone()).collect())
}

//! Reads a file that `--report FILE` wrote.

use std::{fs, path::Path};

use serde::Deserialize;

use super::error::CliError;
use crate::{report::Record, rollout::SCHEMA};

/// The part that reports of every version have.
#[derive(Deserialize)]
#[serde(expecting = "an object with a `schema`")]
struct Version {
    schema: u32,
}

/// The record of a run.
pub(super) fn read(path: &Path) -> Result<Record, CliError> {
    let text = fs::read(path).map_err(|source| CliError::File {
        what: "read the report",
        path: path.to_owned(),
        hint: Some("name a file that `--report FILE` wrote"),
        source,
    })?;
    let bad = |why: String, hint: &str| CliError::Usage {
        message: format!("{} is no report that this program can read: {why}", path.display()),
        hint: Some(hint.to_owned()),
    };
    let not_one = |error: serde_json::Error| bad(error.to_string(), "name a file that `--report FILE` wrote");
    let Version { schema } = serde_json::from_slice(&text).map_err(not_one)?;
    if schema != SCHEMA {
        let whose = if schema > SCHEMA { "a newer" } else { "an older" };
        let hint = format!("{whose} fleetwide wrote it: read it with that one");
        return Err(bad(format!("it has schema {schema}, not {SCHEMA}"), &hint));
    }
    serde_json::from_slice(&text).map_err(not_one)
}

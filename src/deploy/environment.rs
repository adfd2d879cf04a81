//! A script's environment: as the target says, secrets read.

use std::collections::BTreeMap;

use super::DeployError;
use crate::config::{EnvValue, Secret, Target};

/// The part of a script's environment that may be shown, and the part that must never be.
pub(super) type Environment = (BTreeMap<String, String>, BTreeMap<String, Secret>);

/// Reads the script's environment, secrets and all.
pub(super) fn environment(target: &Target, read: &dyn Fn(&str) -> Option<String>) -> Result<Environment, DeployError> {
    let mut env = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for (name, value) in &target.deploy.env {
        let what = || format!("the value of `{name}` for the script's environment");
        match value {
            EnvValue::Plain(text) => {
                short_enough(what, text)?;
                env.insert(name.clone(), text.clone());
            }
            EnvValue::Secret(place) => {
                let secret = place.read(read).map_err(|source| DeployError::Secret { name: name.clone(), source })?;
                short_enough(what, secret.reveal())?;
                secrets.insert(name.clone(), secret);
            }
        }
    }
    Ok((env, secrets))
}

/// The longest argument or variable that Linux hands to a program, its name included (`MAX_ARG_STRLEN`
/// in execve(2)): 32 pages of 4 KiB.
pub(super) const LONGEST_VALUE: usize = 128 * 1024;

/// Refuses what no host could hand to the script.
pub(super) fn short_enough(what: impl Fn() -> String, value: &str) -> Result<(), DeployError> {
    // The variable's name and the terminating NUL count too.
    const ROOM: usize = 256;
    if value.len() < LONGEST_VALUE - ROOM {
        return Ok(());
    }
    Err(DeployError::TooLong { what: what(), length: value.len() })
}

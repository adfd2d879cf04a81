//! From flags, variables and files to a target: the same for every verb that has one.

use super::{
    args::{GlobalArgs, PolicyArgs, TargetArgs},
    error::CliError,
    session::{self, env},
};
use crate::config::{Config, Overrides, Target};

/// The target that the command line means.
pub(super) fn find(args: &TargetArgs, policy: &PolicyArgs, global: &GlobalArgs) -> Result<Target, CliError> {
    let mut flags = args.select.overrides();
    policy.add_to(&mut flags);
    resolve(args.target.as_deref(), flags, global)
}

/// The target of this name, under flags and variables.
pub(super) fn resolve(name: Option<&str>, flags: Overrides, global: &GlobalArgs) -> Result<Target, CliError> {
    let overrides = flags.over(Overrides::from_env(&env)?);
    Ok(Config::load(&session::places(global)?)?.target(name, &overrides)?)
}

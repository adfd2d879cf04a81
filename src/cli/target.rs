//! From flags, variables and files to a target: the same for every verb that has one.

use super::{
    args::{GlobalArgs, PolicyArgs, TargetArgs},
    error::CliError,
    session::{self, env},
};
use crate::{
    config::{ADHOC, Config, Overrides, Target},
    inventory::HostId,
    report::Reporter,
};

/// Says which hosts of an earlier run were looked for in vain.
pub(super) fn say_vanished(vanished: &[HostId], reporter: &Reporter) {
    const SHOWN: usize = 5;
    if vanished.is_empty() {
        return;
    }
    let mut names: Vec<_> = vanished.iter().take(SHOWN).map(ToString::to_string).collect();
    if vanished.len() > SHOWN {
        names.push("…".to_owned());
    }
    let hosts = if vanished.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", vanished.len()) };
    reporter.warn(&format!("{hosts} of that run not found any more: {}", names.join(", ")));
}

/// What flags set, and variables where the flags do not.
pub(super) fn overrides(args: &TargetArgs, policy: &PolicyArgs) -> Result<Overrides, CliError> {
    let mut flags = args.select.overrides();
    policy.add_to(&mut flags);
    Ok(flags.over(Overrides::from_env(&env)?))
}

/// The target that the command line means.
pub(super) fn find(args: &TargetArgs, overrides: &Overrides, global: &GlobalArgs) -> Result<Target, CliError> {
    // Flags that say where to look are a target of their own, unless one is named.
    let by_flags = args.select.overrides().says_where().then_some(ADHOC);
    Ok(Config::load(&session::places(global)?)?.target(args.target.as_deref().or(by_flags), overrides)?)
}

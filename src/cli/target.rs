//! From flags, variables and files to a target: the same for every verb that has one.

use clap::Args as _;

use super::{
    args::{GlobalArgs, PolicyArgs, SelectArgs, TargetArgs},
    error::CliError,
    session::{self, env},
};
use crate::{
    config::{ADHOC, Config, Overrides, Target},
    inventory::HostId,
    plan::quoted,
    report::Reporter,
};

/// Warns of the hosts of an earlier run that were not found any more.
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

/// The settings of the flags, and of variables where no flag is given.
pub(super) fn overrides(args: &TargetArgs, policy: &PolicyArgs) -> Result<Overrides, CliError> {
    let mut flags = args.select.overrides();
    policy.add_to(&mut flags);
    Ok(flags.over(Overrides::from_env(&env)?))
}

/// The target that the command line selects.
pub(super) fn find(args: &TargetArgs, overrides: &Overrides, global: &GlobalArgs) -> Result<Target, CliError> {
    // Flags that say where to look form a target of their own, unless one is named.
    let by_flags = args.select.overrides().says_where().then_some(ADHOC);
    let mut target = Config::load(&session::places(global)?)?.target(args.target.as_deref().or(by_flags), overrides)?;
    target.words = words(&target.name, session::arguments());
    Ok(target)
}

/// The words that select the same target on another verb's command line: its name, and those flags of this line that
/// say which servers and how to reach them.
fn words(name: &str, command_line: impl Iterator<Item = String>) -> String {
    let select = SelectArgs::augment_args(clap::Command::new(""));
    let kept: Vec<&str> = select.get_arguments().filter_map(clap::Arg::get_long).chain(["config"]).collect();
    let mut words = vec![quoted(name)];
    let mut rest = command_line.take_while(|word| word != "--");
    while let Some(word) = rest.next() {
        let flag = word
            .strip_prefix("--")
            .map(|flag| flag.split_once('=').map_or((flag, None), |(flag, it)| (flag, Some(it))));
        match flag {
            Some((flag, value)) if kept.contains(&flag) => {
                words.push(quoted(&word));
                if value.is_none() {
                    words.extend(rest.next().map(|value| quoted(&value)));
                }
            }
            Some(_) | None => {}
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_meant_again_by_its_name_and_the_flags_that_make_it() {
        let words = |name: &str, line: &[&str]| words(name, line.iter().map(|word| (*word).to_owned()));
        assert_eq!(words("web", &["deploy", "web", "--revision", "v1", "--user", "ops"]), "web --user ops");
        let line = ["run", "--config=a b.toml", "--host", "10.0.0.7", "--timeout", "5m", "--", "--user", "x"];
        assert_eq!(words("adhoc", &line), "adhoc '--config=a b.toml' --host 10.0.0.7");
    }
}

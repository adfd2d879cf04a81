//! From layers to a [`Target`]: choosing it, and merging its settings.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    check::Check,
    defaults,
    document::{Key, Problem, at},
    error::{ConfigError, nearest},
    layers::{Layer, TargetLayer},
    load::Config,
    overrides::Overrides,
    steps::{Label, Step, Strategy},
    target::{AppName, Target},
};

/// The name of a target made of flags alone.
pub const ADHOC: &str = "adhoc";

impl Config {
    /// The names of all targets, in order.
    pub fn target_names(&self) -> Vec<String> {
        let names: BTreeSet<_> = self.project.targets.keys().chain(self.user.targets.keys()).cloned().collect();
        names.into_iter().collect()
    }

    /// The chosen target, with every layer applied.
    ///
    /// Without a name, the only target is chosen. If there are no targets, or the name is `adhoc`, the flags that say
    /// where to look make one. For a target from a file, flags replace parts of it: `--aws-region` the regions of its
    /// aws selectors, `--tag` the value of one tag (other tags stay).
    ///
    /// # Errors
    /// When the choice is not clear, when the target does not exist or names no place to look, and when a flag does not
    /// fit it.
    pub fn target(&self, name: Option<&str>, overrides: &Overrides) -> Result<Target, ConfigError> {
        let names = self.target_names();
        match (name, &names[..]) {
            (Some(name), names) if names.iter().any(|known| known == name) => self.named(name, overrides),
            (Some(ADHOC), _) | (None, []) => self.adhoc(overrides),
            (Some(name), _) => Err(ConfigError::UnknownTarget {
                name: name.to_owned(),
                nearest: nearest(name, names.iter().map(String::as_str)).map(ToOwned::to_owned),
                names,
            }),
            (None, [only]) => self.named(only, overrides),
            (None, _) => Err(ConfigError::WhichTarget { names }),
        }
    }

    fn named(&self, name: &str, overrides: &Overrides) -> Result<Target, ConfigError> {
        let nothing = TargetLayer::default();
        let of = |layer: &Layer| layer.targets.get(name).cloned().unwrap_or_else(|| nothing.clone());
        let (project, user) = (of(&self.project), of(&self.user));
        let Some(mut select) = project.select.or(user.select) else {
            let layer = if self.project.targets.contains_key(name) { &self.project } else { &self.user };
            let problem = Problem::new(at(["targets", name]), format!("the target `{name}` has no `select`"))
                .hint("say where its servers are: select = [{ provider = \"aws\", tags = { role = \"web\" } }]");
            return Err(layer.document.problem(problem));
        };
        overrides.apply(name, &mut select, &self.anchor)?;
        let said = TargetLayer {
            app: project.app.or(user.app),
            min_hosts: project.min_hosts.or(user.min_hosts),
            select: Some(select),
            exclude: project.exclude.or(user.exclude),
            unaddressed: project.unaddressed.or(user.unaddressed),
            ..nothing
        };
        self.complete(name, said, overrides)
    }

    fn adhoc(&self, overrides: &Overrides) -> Result<Target, ConfigError> {
        let select = overrides.select(&self.anchor)?;
        if select.is_empty() {
            return Err(ConfigError::Nothing { file: self.sources.project.clone() });
        }
        self.complete(ADHOC, TargetLayer { select: Some(select), ..TargetLayer::default() }, overrides)
    }

    /// Lays flags and variables over the files, and the files over the defaults.
    fn complete(&self, name: &str, said: TargetLayer, overrides: &Overrides) -> Result<Target, ConfigError> {
        let flags = |problem: Problem| problem.of_flags();
        let ssh = overrides.ssh.clone().checked(&self.anchor).map_err(flags)?;
        let deploy = overrides.deploy.clone().checked(&self.anchor).map_err(flags)?;
        let hooks = self.project.hooks_of(name).over(self.user.hooks_of(name));
        let checks = self.checks_of(name, deploy.steps.as_ref())?;
        let own_name = || name.parse::<AppName>().map_err(|bad| Problem::new(Vec::new(), bad.to_string()).of_flags());
        Ok(Target {
            name: name.to_owned(),
            words: name.to_owned(),
            app: overrides.app.clone().or(said.app).map_or_else(own_name, Ok)?,
            min_hosts: overrides.min_hosts.or(said.min_hosts).unwrap_or(defaults::MIN_HOSTS),
            select: said.select.unwrap_or_default(),
            exclude: said.exclude.unwrap_or_default(),
            ssh: defaults::ssh(
                ssh.over(self.project.ssh_of(name)).over(self.user.ssh_of(name)),
                overrides.unaddressed.or(said.unaddressed),
            ),
            deploy: defaults::deploy(deploy.over(self.project.deploy_of(name)).over(self.user.deploy_of(name))),
            checks,
            hooks: hooks.complete(),
        })
    }

    /// The checks that the target's steps name; `flags` are the steps from a flag or a variable.
    ///
    /// # Errors
    /// When a check is not defined: its step could never pass.
    fn checks_of(&self, name: &str, flags: Option<&Strategy>) -> Result<BTreeMap<Label, Check>, ConfigError> {
        let known = |label: &Label| self.project.checks.get(label).or_else(|| self.user.checks.get(label));
        let unknown = |label: &Label| {
            let names = self.project.checks.keys().chain(self.user.checks.keys()).map(Label::as_str);
            let hint = match nearest(label.as_str(), names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("define it: [checks.{label}], with http, tcp, command, remote or promql"),
            };
            Problem::new(Vec::new(), format!("there is no check `{label}`")).hint(hint)
        };
        let own = |layer: &'_ Layer| layer.targets.get(name).and_then(|target| target.deploy.steps.clone());
        let places = [
            (own(&self.project), &self.project, at(["targets", name, "deploy", "steps"])),
            (self.project.deploy.steps.clone(), &self.project, at(["defaults", "deploy", "steps"])),
            (own(&self.user), &self.user, at(["targets", name, "deploy", "steps"])),
            (self.user.deploy.steps.clone(), &self.user, at(["defaults", "deploy", "steps"])),
        ];
        let written = places.into_iter().find_map(|(steps, layer, place)| Some((steps?, layer, place)));
        let steps = flags.or(written.as_ref().map(|(steps, ..)| steps)).cloned().unwrap_or_default();
        let mut checks = BTreeMap::new();
        let first =
            steps.steps.iter().find(|written| matches!(written.step, Step::Hosts(_))).map(|written| written.item);
        for (label, item) in steps.checks() {
            if known(label).is_some_and(Check::is_per_host) && first.is_some_and(|first| item < first) {
                let problem = Problem::new(Vec::new(), format!("nobody is deployed to before the check `{label}`"))
                    .hint(
                        "it asks each server just deployed to: put it behind a step of hosts, or ask without {address}",
                    );
                return Err(match (flags, &written) {
                    (None, Some((_, layer, place))) => layer.document.problem(problem.within(&item_of(place, item))),
                    (Some(_), _) | (None, None) => problem.of_flags(),
                });
            }
            match (known(label), flags, &written) {
                (Some(check), ..) => _ = checks.insert(label.clone(), check.clone()),
                (None, None, Some((_, layer, place))) => {
                    return Err(layer.document.problem(unknown(label).within(&item_of(place, item))));
                }
                (None, ..) => return Err(unknown(label).of_flags()),
            }
        }
        Ok(checks)
    }
}

/// The keys of an item of the list at `place`.
fn item_of(place: &[Key], item: usize) -> Vec<Key> {
    place.iter().cloned().chain([Key::Index(item)]).collect()
}

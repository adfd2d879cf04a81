//! One file's settings as a layer, and merging a stronger layer over a weaker one.
//!
//! Strongest first: flag, `FLEETWIDE_*`, `fleetwide.toml`, the user's file, built-in. Within a file a target's own
//! table is stronger than `[defaults]`. Tables merge key by key. A list is taken whole from the strongest layer that
//! has it: a mixture of two lists is something that no author wrote.

use std::{collections::BTreeMap, num::NonZeroUsize};

use provider_core::TagFilter;

use super::{
    check::Check,
    document::{Document, Key, Problem, at},
    error::ConfigError,
    file::{ConfigFile, DeployTable, ExcludeTable, SshTable, TargetTable},
    hooks::HooksTable,
    part,
    paths::Anchor,
    secret::SecretRef,
    select::SelectTable,
    steps::{Label, Strategy},
    target::{AppName, EnvValue, Exclude, Select, Source},
    values::Unaddressed,
};

/// One file's settings, checked, with every path resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) document: Document,
    pub(super) ssh: SshTable,
    pub(super) deploy: DeployTable,
    pub(super) hooks: HooksTable,
    pub(super) checks: BTreeMap<Label, Check>,
    pub(super) targets: BTreeMap<String, TargetLayer>,
}

/// One file's settings for one target.
#[derive(Clone, Debug, Default)]
pub(super) struct TargetLayer {
    pub(super) app: Option<AppName>,
    pub(super) min_hosts: Option<NonZeroUsize>,
    pub(super) select: Option<Vec<Select>>,
    pub(super) exclude: Option<Vec<Exclude>>,
    pub(super) unaddressed: Option<Unaddressed>,
    pub(super) ssh: SshTable,
    pub(super) deploy: DeployTable,
    pub(super) hooks: HooksTable,
}

impl Layer {
    /// Reads and checks the whole document, including targets that this run does not use.
    ///
    /// # Errors
    /// The first problem, with its place.
    pub(super) fn read(document: Document, anchor: &Anchor) -> Result<Self, ConfigError> {
        let ConfigFile { defaults, targets, checks } = document.parse()?;
        let checked = || {
            let ssh = defaults.ssh.checked(anchor).map_err(|problem| problem.within(&at(["defaults", "ssh"])))?;
            let deploy =
                defaults.deploy.checked(anchor).map_err(|problem| problem.within(&at(["defaults", "deploy"])))?;
            let hooks = defaults.hooks.checked(anchor).map_err(|problem| problem.within(&at(["defaults", "hooks"])))?;
            let checks = checks.into_iter().map(|(name, table)| {
                let place = at(["checks", &name]);
                let label = name.parse::<Label>().map_err(|bad| Problem::new(place.clone(), bad.to_string()))?;
                Ok((label, table.checked(anchor).map_err(|problem| problem.within(&place))?))
            });
            let checks = checks.collect::<Result<_, _>>()?;
            let targets = targets.into_iter().map(|(name, table)| {
                let place = at(["targets", &name]);
                TargetLayer::checked(&name, table, anchor)
                    .map(|target| (name, target))
                    .map_err(|problem| problem.within(&place))
            });
            Ok((ssh, deploy, hooks, checks, targets.collect::<Result<_, _>>()?))
        };
        match checked() {
            Ok((ssh, deploy, hooks, checks, targets)) => Ok(Self { document, ssh, deploy, hooks, checks, targets }),
            Err(problem) => Err(document.problem(problem)),
        }
    }

    /// This file's settings for reaching the target's hosts.
    pub(super) fn ssh_of(&self, target: &str) -> SshTable {
        let own = self.targets.get(target).map(|target| target.ssh.clone()).unwrap_or_default();
        own.over(self.ssh.clone())
    }

    /// This file's settings for what runs on the target's hosts.
    pub(super) fn deploy_of(&self, target: &str) -> DeployTable {
        let own = self.targets.get(target).map(|target| target.deploy.clone()).unwrap_or_default();
        own.over(self.deploy.clone())
    }
}

impl Layer {
    /// This file's settings for what runs on this machine during a deploy of the target.
    pub(super) fn hooks_of(&self, target: &str) -> HooksTable {
        let own = self.targets.get(target).map(|target| target.hooks.clone()).unwrap_or_default();
        own.over(self.hooks.clone())
    }
}

impl TargetLayer {
    fn checked(name: &str, table: TargetTable, anchor: &Anchor) -> Result<Self, Problem> {
        let TargetTable { app, min_hosts, select, exclude, unaddressed, ssh, deploy, hooks } = table;
        // A target's name is the default for the app's name, and the script sees it.
        if name.parse::<AppName>().is_err() {
            return Err(Problem::new(Vec::new(), format!("`{name}` cannot name a target"))
                .hint("use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit"));
        }
        let ssh = ssh.checked(anchor).map_err(|problem| problem.within(&at(["ssh"])))?;
        let deploy = deploy.checked(anchor).map_err(|problem| problem.within(&at(["deploy"])))?;
        let hooks = hooks.checked(anchor).map_err(|problem| problem.within(&at(["hooks"])))?;
        let select = select.map(|tables| select_checked(tables, anchor)).transpose()?;
        let exclude = exclude.map(exclude_checked).transpose()?;
        Ok(Self { app, min_hosts, select, exclude, unaddressed, ssh, deploy, hooks })
    }
}

/// True for `provider:instance`.
fn is_host_id(text: &str) -> bool {
    text.split_once(':').is_some_and(|(provider, instance)| {
        matches!(provider, "aws" | "gcp" | "azure" | "static") && !instance.is_empty()
    })
}

/// The keys of one key in an item of a list of tables.
fn at_item(list: &str, index: usize, key: &str) -> Vec<Key> {
    let mut keys = item(list, index);
    keys.push(Key::Name(key.to_owned()));
    keys
}

/// The keys of an item of a list of tables.
fn item(list: &str, index: usize) -> Vec<Key> {
    vec![Key::Name(list.to_owned()), Key::Index(index)]
}

fn select_checked(tables: Vec<SelectTable>, anchor: &Anchor) -> Result<Vec<Select>, Problem> {
    if tables.is_empty() {
        return Err(Problem::new(at(["select"]), "`select` is empty: the target has no servers").hint(
            "for example select = [{ provider = \"aws\", regions = [\"eu-west-1\"], tags = { role = \"web\" } }]",
        ));
    }
    let check = |(index, table): (usize, SelectTable)| {
        let located = |problem: Problem| problem.within(&item("select", index));
        let mut select = table.check().map_err(located)?;
        let (path, key) = match &mut select.source {
            Source::Gcp(gcp) => (gcp.credentials_file.as_mut(), "credentials_file"),
            Source::Static(listed) => (listed.file.as_mut(), "file"),
            Source::Aws(_) | Source::Azure(_) => (None, ""),
        };
        if let Some(path) = path {
            *path = anchor.resolve(path).map_err(|why| located(Problem::new(at([key]), why)))?;
        }
        Ok(select)
    };
    tables.into_iter().enumerate().map(check).collect()
}

fn exclude_checked(tables: Vec<ExcludeTable>) -> Result<Vec<Exclude>, Problem> {
    let check = |(index, table): (usize, ExcludeTable)| {
        let tags = table.tags.unwrap_or_default();
        let (names, ids) = (table.names.unwrap_or_default(), table.ids.unwrap_or_default());
        if tags.is_empty() && names.is_empty() && ids.is_empty() {
            return Err(Problem::new(
                item("exclude", index),
                "an exclude without anything would leave out every instance",
            )
            .hint("say which: tags, names or ids"));
        }
        if let Some(id) = ids.iter().find(|id| !is_host_id(id)) {
            return Err(Problem::new(at_item("exclude", index, "ids"), format!("`{id}` is not a host id"))
                .hint("write it as `fleetwide hosts` shows it: aws:…, gcp:…, azure:… or static:…"));
        }
        Ok(Exclude { tags, names, ids })
    };
    tables.into_iter().enumerate().map(check).collect()
}

impl SshTable {
    /// This table, completed from a weaker one.
    #[must_use]
    pub fn over(self, weaker: Self) -> Self {
        // The way to the hosts is one setting: a stronger layer's jump host replaces a weaker one's command.
        let way = if self.jump.is_some() || self.proxy_command.is_some() {
            (self.jump, self.proxy_command)
        } else {
            (weaker.jump, weaker.proxy_command)
        };
        Self {
            user: self.user.or(weaker.user),
            port: self.port.or(weaker.port),
            address: self.address.or(weaker.address),
            jump: way.0,
            proxy_command: way.1,
            identity_file: self.identity_file.or(weaker.identity_file),
            config_file: self.config_file.or(weaker.config_file),
            host_keys: self.host_keys.or(weaker.host_keys),
            keepalive: self.keepalive.or(weaker.keepalive),
        }
    }

    /// Checks what the types cannot, and resolves the paths.
    pub(super) fn checked(mut self, anchor: &Anchor) -> Result<Self, Problem> {
        if self.address.as_ref().is_some_and(Vec::is_empty) {
            return Err(Problem::new(at(["address"]), "`address` is empty: no host could be reached"));
        }
        if self.jump.is_some() && self.proxy_command.is_some() {
            return Err(Problem::new(at(["proxy_command"]), "`jump` and `proxy_command` are both given")
                .hint("a host is reached through one of them: take the other away"));
        }
        for (key, path) in [("identity_file", &mut self.identity_file), ("config_file", &mut self.config_file)] {
            if let Some(path) = path {
                *path = anchor.resolve(path).map_err(|why| Problem::new(at([key]), why))?;
            }
        }
        Ok(self)
    }
}

impl DeployTable {
    /// This table, completed from a weaker one.
    #[must_use]
    pub fn over(self, weaker: Self) -> Self {
        let mut env = weaker.env;
        env.extend(self.env);
        // What runs is one setting: a stronger layer's script replaces a weaker one's parts.
        let (script, parts) = if self.script.is_some() || self.parts.is_some() {
            (self.script, self.parts)
        } else {
            (weaker.script, weaker.parts)
        };
        Self {
            script,
            parts,
            rollback: self.rollback.or(weaker.rollback),
            steps: self.steps.or(weaker.steps),
            canary: self.canary.or(weaker.canary),
            survey: self.survey.or(weaker.survey),
            slow_start: self.slow_start.or(weaker.slow_start),
            on_stop: self.on_stop.or(weaker.on_stop),
            on_failure: self.on_failure.or(weaker.on_failure),
            late_hosts: self.late_hosts.or(weaker.late_hosts),
            approve_timeout: self.approve_timeout.or(weaker.approve_timeout),
            args: self.args.or(weaker.args),
            env,
            timeout: self.timeout.or(weaker.timeout),
            connect_timeout: self.connect_timeout.or(weaker.connect_timeout),
            auth_timeout: self.auth_timeout.or(weaker.auth_timeout),
            idle_timeout: self.idle_timeout.or(weaker.idle_timeout),
            kill_grace: self.kill_grace.or(weaker.kill_grace),
            on_lost: self.on_lost.or(weaker.on_lost),
            concurrency: self.concurrency.or(weaker.concurrency),
            handshakes: self.handshakes.or(weaker.handshakes),
            retries: self.retries.or(weaker.retries),
            sudo: self.sudo.or(weaker.sudo),
            idempotent: self.idempotent.or(weaker.idempotent),
            max_failures: self.max_failures.or(weaker.max_failures),
            confirm_over: self.confirm_over.or(weaker.confirm_over),
        }
    }

    /// Checks what the types cannot, and resolves the paths.
    pub(super) fn checked(mut self, anchor: &Anchor) -> Result<Self, Problem> {
        for (key, path) in [("script", &mut self.script), ("rollback", &mut self.rollback)] {
            if let Some(path) = path {
                *path = anchor.resolve(path).map_err(|why| Problem::new(at([key]), why))?;
            }
        }
        if self.script.is_some() && self.parts.is_some() {
            return Err(Problem::new(at(["parts"]), "`script` and `parts` are both given")
                .hint("a deploy is one script, or parts: take the other away"));
        }
        if let Some((place, key, why)) = self.parts.as_deref().and_then(part::problem_of) {
            let at = place.map_or_else(|| at([key]), |place| at_item("parts", place, key));
            return Err(Problem::new(at, why));
        }
        if let Some((place, bad)) = self.steps.as_ref().and_then(Strategy::problem) {
            return Err(Problem::new(item("steps", place), bad.to_string()));
        }
        if self.canary.as_ref().is_some_and(|canary| canary.tags.is_empty()) {
            return Err(Problem::new(at(["canary", "tags"]), "`tags` is empty: any host would be a canary"));
        }
        if self.args.iter().flatten().any(|arg| arg.contains('\0')) {
            return Err(Problem::new(at(["args"]), "an argument cannot hold a NUL character"));
        }
        for (name, value) in &mut self.env {
            let problem = |why: String| Problem::new(at(["env", name]), why);
            check_variable(name).map_err(problem)?;
            resolve_secret(value, anchor).map_err(problem)?;
        }
        Ok(self)
    }
}

/// Resolves the path of a secret in a file.
pub(super) fn resolve_secret(value: &mut EnvValue, anchor: &Anchor) -> Result<(), String> {
    if let EnvValue::Secret(SecretRef::File(path)) = value {
        *path = anchor.resolve(path)?;
    }
    Ok(())
}

/// Checks a variable for the script: every shell must accept its name, and it must not be one of Fleetwide's own.
fn check_variable(name: &str) -> Result<(), String> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(letters) {
        return Err(format!(
            "`{name}` cannot name a variable: use letters, digits and `_`, not beginning with a digit"
        ));
    }
    if name.starts_with("FLEETWIDE_") {
        return Err(format!("`{name}` is one of the variables that Fleetwide itself gives to the script"));
    }
    Ok(())
}

/// Merges tags key by key: a stronger layer replaces the values of its keys, and keeps the other keys.
pub(super) fn tags_over(mut strong: TagFilter, weak: &TagFilter) -> TagFilter {
    let missing: Vec<_> = weak.iter().filter(|(key, _)| strong.iter().all(|(known, _)| known != *key)).collect();
    for (key, accepted) in missing {
        strong.insert(key, accepted.clone());
    }
    strong
}

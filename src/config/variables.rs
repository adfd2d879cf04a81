//! The `FLEETWIDE_*` variables that set the same as flags: one table, for reading and for documenting them.
//!
//! Not here: the variables of other parts (`FLEETWIDE_CONFIG`, `FLEETWIDE_REVISION`, `FLEETWIDE_GCP_ENDPOINT`, …), and
//! those that a script sees. An unknown variable is no error: environments are shared.

use std::{collections::BTreeSet, fmt, str::FromStr};

use provider_core::StaticHost;

use super::{
    error::ConfigError,
    overrides::{Overrides, parse_tag},
};

/// One variable.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it sets, in words.
    pub sets: &'static str,
    read: fn(&mut Overrides, &str) -> Result<(), String>,
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every variable, in the order of the documentation.
pub const VARIABLES: &[Variable] = &[
    variable("FLEETWIDE_AWS_REGIONS", "AWS regions, separated by commas, or `all`", |o, text| {
        list(&mut o.aws_regions, text)
    }),
    variable("FLEETWIDE_AWS_PROFILE", "the AWS profile", |o, text| one(&mut o.aws_profile, text)),
    variable("FLEETWIDE_GCP_PROJECTS", "Google Cloud projects, separated by commas", |o, text| {
        list(&mut o.gcp_projects, text)
    }),
    variable("FLEETWIDE_AZURE_SUBSCRIPTIONS", "Azure subscriptions, separated by commas", |o, text| {
        list(&mut o.azure_subscriptions, text)
    }),
    variable("FLEETWIDE_HOSTS", "hosts, `[user@]host[:port]`, separated by commas", |o, text| {
        o.hosts = items(text).map(StaticHost::from_address).collect::<Result<_, _>>()?;
        Ok(())
    }),
    variable("FLEETWIDE_HOSTS_FILE", "a file of hosts", |o, text| one(&mut o.hosts_file, text)),
    variable("FLEETWIDE_TAGS", "tags, `KEY=VALUE`, separated by commas", |o, text| {
        o.tags = items(text).map(parse_tag).collect::<Result<Vec<_>, _>>()?.into_iter().collect();
        Ok(())
    }),
    variable("FLEETWIDE_STATES", "states that an instance may be in, separated by commas", |o, text| {
        o.states = many(text)?.into_iter().collect::<BTreeSet<_>>();
        Ok(())
    }),
    variable("FLEETWIDE_DEADLINE", "how long a region, project or subscription may take to answer", |o, text| {
        one(&mut o.deadline, text)
    }),
    variable("FLEETWIDE_APP", "`app`", |o, text| one(&mut o.app, text)),
    variable("FLEETWIDE_MIN_HOSTS", "`min_hosts`", |o, text| one(&mut o.min_hosts, text)),
    variable("FLEETWIDE_UNADDRESSED", "`unaddressed`", |o, text| one(&mut o.unaddressed, text)),
    variable("FLEETWIDE_USER", "`ssh.user`", |o, text| one(&mut o.ssh.user, text)),
    variable("FLEETWIDE_PORT", "`ssh.port`", |o, text| one(&mut o.ssh.port, text)),
    variable("FLEETWIDE_ADDRESS", "`ssh.address`, separated by commas", |o, text| {
        o.ssh.address = Some(many(text)?);
        Ok(())
    }),
    variable("FLEETWIDE_JUMP", "`ssh.jump`", |o, text| one(&mut o.ssh.jump, text)),
    variable("FLEETWIDE_PROXY_COMMAND", "`ssh.proxy_command`", |o, text| one(&mut o.ssh.proxy_command, text)),
    variable("FLEETWIDE_IDENTITY_FILE", "`ssh.identity_file`", |o, text| one(&mut o.ssh.identity_file, text)),
    variable("FLEETWIDE_SSH_CONFIG", "`ssh.config_file`", |o, text| one(&mut o.ssh.config_file, text)),
    variable("FLEETWIDE_HOST_KEYS", "`ssh.host_keys`", |o, text| one(&mut o.ssh.host_keys, text)),
    variable("FLEETWIDE_KEEPALIVE", "`ssh.keepalive`", |o, text| one(&mut o.ssh.keepalive, text)),
    variable("FLEETWIDE_SCRIPT", "`deploy.script`", |o, text| one(&mut o.deploy.script, text)),
    variable("FLEETWIDE_TIMEOUT", "`deploy.timeout`", |o, text| one(&mut o.deploy.timeout, text)),
    variable("FLEETWIDE_CONNECT_TIMEOUT", "`deploy.connect_timeout`", |o, text| {
        one(&mut o.deploy.connect_timeout, text)
    }),
    variable("FLEETWIDE_AUTH_TIMEOUT", "`deploy.auth_timeout`", |o, text| one(&mut o.deploy.auth_timeout, text)),
    variable("FLEETWIDE_IDLE_TIMEOUT", "`deploy.idle_timeout`", |o, text| one(&mut o.deploy.idle_timeout, text)),
    variable("FLEETWIDE_KILL_GRACE", "`deploy.kill_grace`", |o, text| one(&mut o.deploy.kill_grace, text)),
    variable("FLEETWIDE_ON_LOST", "`deploy.on_lost`", |o, text| one(&mut o.deploy.on_lost, text)),
    variable("FLEETWIDE_CONCURRENCY", "`deploy.concurrency`", |o, text| one(&mut o.deploy.concurrency, text)),
    variable("FLEETWIDE_HANDSHAKES", "`deploy.handshakes`", |o, text| one(&mut o.deploy.handshakes, text)),
    variable("FLEETWIDE_RETRIES", "`deploy.retries`", |o, text| one(&mut o.deploy.retries, text)),
    variable("FLEETWIDE_SUDO", "`deploy.sudo`", |o, text| one(&mut o.deploy.sudo, text)),
    variable("FLEETWIDE_IDEMPOTENT", "`deploy.idempotent`", |o, text| one(&mut o.deploy.idempotent, text)),
    variable("FLEETWIDE_MAX_FAILURES", "`deploy.max_failures`", |o, text| one(&mut o.deploy.max_failures, text)),
    variable("FLEETWIDE_ROLLBACK", "`deploy.rollback`", |o, text| one(&mut o.deploy.rollback, text)),
    variable("FLEETWIDE_STEPS", "`deploy.steps`, as for --steps", |o, text| one(&mut o.deploy.steps, text)),
    variable("FLEETWIDE_SURVEY", "`deploy.survey`", |o, text| one(&mut o.deploy.survey, text)),
    variable("FLEETWIDE_SLOW_START", "`deploy.slow_start`", |o, text| one(&mut o.deploy.slow_start, text)),
    variable("FLEETWIDE_ON_STOP", "`deploy.on_stop`", |o, text| one(&mut o.deploy.on_stop, text)),
    variable("FLEETWIDE_ON_FAILURE", "`deploy.on_failure`", |o, text| one(&mut o.deploy.on_failure, text)),
    variable("FLEETWIDE_LATE_HOSTS", "`deploy.late_hosts`", |o, text| one(&mut o.deploy.late_hosts, text)),
    variable("FLEETWIDE_APPROVE_TIMEOUT", "`deploy.approve_timeout`", |o, text| {
        one(&mut o.deploy.approve_timeout, text)
    }),
    variable("FLEETWIDE_CONFIRM_OVER", "`deploy.confirm_over`", |o, text| one(&mut o.deploy.confirm_over, text)),
];

const fn variable(
    name: &'static str,
    sets: &'static str,
    read: fn(&mut Overrides, &str) -> Result<(), String>,
) -> Variable {
    Variable { name, sets, read }
}

impl Overrides {
    /// The settings in the environment. An empty variable counts as not set, because pipelines often leave some.
    ///
    /// # Errors
    /// When a variable's value cannot be parsed.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut overrides = Self::default();
        for Variable { name, sets: _, read } in VARIABLES {
            if let Some(text) = env(name).filter(|text| !text.trim().is_empty()) {
                read(&mut overrides, text.trim()).map_err(|why| ConfigError::Variable { name, why })?;
            }
        }
        Ok(overrides)
    }
}

fn one<T: FromStr<Err: fmt::Display>>(slot: &mut Option<T>, text: &str) -> Result<(), String> {
    *slot = Some(read_one(text)?);
    Ok(())
}

fn many<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<Vec<T>, String> {
    items(text).map(read_one).collect()
}

fn read_one<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| {
        let error = format!("{error}");
        // The standard library's own messages do not quote the text.
        if error.contains(text) { error } else { format!("`{text}`: {error}") }
    })
}

fn list<T: FromStr<Err: fmt::Display>>(slot: &mut Vec<T>, text: &str) -> Result<(), String> {
    *slot = many(text)?;
    Ok(())
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

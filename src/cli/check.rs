//! `check`: would a deploy get as far as its first script? Checks the configuration, credentials and discovery of each
//! selector, the script, and one login.

use clap::Args;
use provider_core::{Instance, ProviderError, Selector};

use super::{
    args::{GlobalArgs, PolicyArgs, TargetArgs},
    error::CliError,
    exit_code,
    session::{self, Session, env},
    target,
};
use crate::{
    config::{Select, Target},
    deploy::{self, DeployError},
    inventory::{self, Host, InventoryError, Narrowed, Narrowing},
    plan::Payload,
    report::{Check, Finding, Reporter},
    transport::NoKey,
};

/// Check whether a deploy would get as far as its first script
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetwide check web")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    target: TargetArgs,
}

/// Checks everything, and returns the exit code of the first failure.
pub(super) async fn run(args: &CheckArgs, global: &GlobalArgs, session: &mut Session) -> Result<u8, CliError> {
    let reporter = session::reporter(global).build();
    let mut list = List::default();
    let target = target::overrides(&args.target, &PolicyArgs::default())
        .and_then(|overrides| target::find(&args.target, &overrides, global));
    match target {
        Err(error) => list.failed("configuration", &error),
        Ok(target) => {
            list.ok("configuration", format!("target `{}`, app `{}`", target.name, target.app));
            list.script(&target);
            match args.target.narrow.narrowing(&target) {
                Ok(narrowing) => session.unless_interrupted(list.servers(&target, &narrowing, &reporter)).await??,
                Err(error) => list.failed("hosts", &error),
            }
        }
    }
    reporter.show_checks(&list.checks);
    Ok(list.code)
}

/// The findings so far.
#[derive(Debug, Default)]
struct List {
    checks: Vec<Check>,
    code: u8,
}

impl List {
    fn ok(&mut self, label: impl Into<String>, detail: String) {
        self.checks.push(Check { label: label.into(), finding: Finding::Ok { detail } });
    }

    fn skipped(&mut self, label: impl Into<String>, reason: &str) {
        self.checks.push(Check { label: label.into(), finding: Finding::Skipped { reason: reason.to_owned() } });
    }

    fn failed(&mut self, label: impl Into<String>, error: &CliError) {
        let hints = error.hints();
        self.fail(label, error.with_causes(), (!hints.is_empty()).then(|| hints.join("\n")), error.exit_code());
    }

    fn fail(&mut self, label: impl Into<String>, reason: String, hint: Option<String>, code: u8) {
        self.checks.push(Check { label: label.into(), finding: Finding::Failed { reason, hint } });
        if self.code == exit_code::SUCCESS {
            self.code = code;
        }
    }

    /// The script and the secrets for its environment.
    fn script(&mut self, target: &Target) {
        match deploy::look_at_payload(target, &env) {
            Ok(Some(Payload::Script(script))) => self.ok("script", script.name),
            Ok(Some(Payload::Parts(parts))) => {
                let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
                self.ok("parts", names.join(", "));
            }
            Ok(None) => self.skipped("script", "the target names none; `run` needs none"),
            Err(error) => self.failed("script", &error.into()),
        }
    }

    /// Each selector by itself, then all of them together, then one login.
    async fn servers(&mut self, target: &Target, narrowing: &Narrowing, reporter: &Reporter) -> Result<(), CliError> {
        let mut answers = Vec::new();
        for select in &target.select {
            let answer = inventory::ask(select, &target.ssh, reporter).await.map_err(InventoryError::from)?;
            self.selector(select, &answer);
            answers.push(answer);
        }
        reporter.end_discovery();
        let merged = inventory::merge(target, answers).map_err(CliError::from);
        match merged.and_then(|found| Ok(narrowing.choose(found.hosts)?)) {
            Ok(Narrowed { hosts, of, vanished }) => {
                target::say_vanished(&vanished, reporter);
                let count = hosts.len();
                let chosen = if count < of { format!("{count} of {of}") } else { count.to_string() };
                self.ok("hosts", format!("{chosen} to deploy to, at least {} needed", target.min_hosts));
                match hosts.first() {
                    Some(host) => self.login(target, host, count, reporter).await?,
                    None => self.skipped("login", "there is no host"),
                }
            }
            // The selector's own line has already reported it.
            Err(CliError::Deploy(DeployError::Inventory(InventoryError::Discovery { .. }))) => {
                self.skipped("hosts", "not every selector gave an answer");
                self.skipped("login", "there is no host to log in on");
            }
            Err(error) => {
                self.failed("hosts", &error);
                self.skipped("login", "there is no host to log in on");
            }
        }
        Ok(())
    }

    fn selector(&mut self, select: &Select, answer: &Result<Vec<Instance>, ProviderError>) {
        let provider = select.source.provider();
        let Selector { tags, .. } = select.selector();
        let asked: Vec<String> = tags.iter().map(|(key, accepted)| format!("{key}={accepted}")).collect();
        let label = format!("{provider} {}", asked.join(" "));
        match answer {
            Ok(found) => self.ok(label.trim_end(), format!("{} found", found.len())),
            Err(error) => {
                let hints: Vec<String> = error.failures.iter().filter_map(|failure| failure.hint.clone()).collect();
                let hint = (!hints.is_empty()).then(|| hints.join("\n"));
                self.fail(label.trim_end(), error.to_string(), hint, exit_code::DISCOVERY);
            }
        }
    }

    async fn login(&mut self, target: &Target, host: &Host, of: usize, reporter: &Reporter) -> Result<(), CliError> {
        let label = format!("login on {}", host.instance.name);
        let transport = match deploy::transport(target, session::known_hosts()?) {
            Ok(transport) => transport,
            Err(error) => {
                self.failed(label, &DeployError::from(error).into());
                return Ok(());
            }
        };
        match deploy::pin_host_keys(target, [host], &session::known_hosts()?, reporter).await {
            Ok(mut without) => {
                if let Some(NoKey { reason, hint }) = without.remove(&host.id) {
                    self.fail(label, reason, Some(hint), exit_code::GATE);
                    return Ok(());
                }
            }
            Err(error) => {
                self.failed(label, &error.into());
                return Ok(());
            }
        }
        match transport.connect(host).await {
            Ok(connected) => {
                let took = connected.connect + connected.auth;
                connected.session.close().await;
                let address = &host.address.host;
                self.ok(label, format!("{address} in {} ms (1 of {of} hosts tried)", took.as_millis()));
            }
            Err(error) => self.fail(label, error.to_string(), error.hint, exit_code::GATE),
        }
        Ok(())
    }
}

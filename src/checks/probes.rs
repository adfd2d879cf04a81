//! The checks of a plan, made ready before the first host is touched, and asked when their turn comes.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{http, promql, remote, tcp};
use crate::{
    config::{Check, Label, Probe, SecretError, Template},
    inventory::{Host, known_of},
    local::{self, End, Program},
    plan::{Mask, Plan},
    rollout::{Facts, Prober, Sample, Verdict, with_last_line},
    transport::Transport,
};

/// The checks of a plan, ready to be asked.
pub struct Probes {
    checks: BTreeMap<Label, (Check, Asker)>,
    plan: Arc<Plan>,
    transport: Arc<dyn Transport>,
    /// Hides secrets in their answers.
    mask: Mask,
}

/// How a check is asked.
enum Asker {
    Http(http::Http),
    Promql(promql::Promql),
    Tcp(Template),
    Command(String),
    Remote(String),
}

impl std::fmt::Debug for Probes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probes").field("checks", &self.checks.keys()).finish_non_exhaustive()
    }
}

/// Why a check could never be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A secret for one of its headers cannot be read.
    #[error("cannot read the header `{header}` of the check `{check}`")]
    Header {
        /// Which check.
        check: Label,
        /// Which header.
        header: String,
        /// Why.
        source: SecretError,
    },
    /// A header is not valid.
    #[error("`{header}` of the check `{check}` cannot be sent as a header")]
    BadHeader {
        /// Which check.
        check: Label,
        /// Which header.
        header: String,
    },
    /// Its certificate authorities cannot be used.
    #[error("cannot use the certificate authorities of the check `{check}`, {}: {message}", path.display())]
    Authorities {
        /// Which check.
        check: Label,
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        message: String,
    },
    /// The web client cannot be made.
    #[error("cannot make a web client for the check `{check}`: {message}")]
    Client {
        /// Which check.
        check: Label,
        /// Why.
        message: String,
    },
}

impl Probes {
    /// Makes the plan's checks ready, secrets and all.
    ///
    /// # Errors
    /// When one of them could never be asked.
    pub fn new(
        plan: Arc<Plan>,
        transport: Arc<dyn Transport>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProbeError> {
        let ready = |(label, check): (&Label, &Check)| {
            let asker = match &check.probe {
                Probe::Http(probe) => Asker::Http(http::Http::new(label, check, probe, env)?),
                Probe::Promql(probe) => Asker::Promql(promql::Promql::new(label, check, probe, env)?),
                Probe::Tcp { address } => Asker::Tcp(address.clone()),
                Probe::Command { line } => Asker::Command(line.clone()),
                Probe::Remote { line } => Asker::Remote(line.clone()),
            };
            Ok((label.clone(), (check.clone(), asker)))
        };
        let checks = plan.checks.iter().map(ready).collect::<Result<_, _>>()?;
        let mask = plan.mask();
        Ok(Self { checks, plan, transport, mask })
    }
}

#[async_trait]
impl Prober for Probes {
    async fn sample(&self, check: &Label, host: Option<&Host>, facts: &Facts) -> Sample {
        let Some((check, asker)) = self.checks.get(check) else {
            return unwell("the plan has no such check");
        };
        let sample = match asker {
            Asker::Http(http) => http.ask(host).await,
            Asker::Promql(promql) => promql.ask().await,
            Asker::Tcp(address) => tcp::ask(address, host, check.timeout).await,
            Asker::Command(line) => command(line, facts, check).await,
            Asker::Remote(line) => match host {
                Some(host) => remote::ask(&*self.transport, &self.plan, host, line, facts, check.timeout).await,
                None => unwell("no host to ask"),
            },
        };
        Sample { text: self.mask.text(&sample.text), ..sample }
    }
}

/// A command on this machine.
async fn command(line: &str, facts: &Facts, check: &Check) -> Sample {
    let env = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    match local::run(&Program::line(line, env, check.timeout), watch::Sender::new(false).subscribe()).await {
        Ok(ended) => {
            let text = with_last_line(&ended.end.describe(check.timeout), &ended.output);
            Sample { verdict: verdict(ended.end == End::Exited(0)), value: None, text }
        }
        Err(error) => unwell(format!("cannot start it: {error}")),
    }
}

pub(super) const fn verdict(well: bool) -> Verdict {
    if well { Verdict::Well } else { Verdict::Unwell }
}

pub(super) fn unwell(text: impl Into<String>) -> Sample {
    Sample { verdict: Verdict::Unwell, value: None, text: text.into() }
}

/// An address with its places filled. An address without places needs no host.
pub(super) fn filled(
    template: &Template,
    host: Option<&Host>,
    harmless: impl Fn(crate::config::Place, String) -> String,
) -> Result<String, String> {
    template.filled(|place| {
        let value = host.and_then(|host| known_of(host, place)).filter(|value| !value.is_empty());
        value.map(|value| harmless(place, value)).ok_or_else(|| format!("the host has no {}", place.as_str()))
    })
}

#[cfg(test)]
mod tests;

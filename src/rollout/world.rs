//! What a rollout needs of the world besides its hosts: each a trait, so that the engine knows no cloud, no web server
//! and no terminal.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use super::event::EventSink;
use crate::{
    config::{HookName, Label},
    inventory::{Host, HostId},
    transport::{Stop, Transport},
};

/// Variables for a program on this machine: what is known of the run, the stage and the host. Values are data.
pub type Facts = BTreeMap<&'static str, String>;

/// All of it.
#[derive(Clone)]
pub struct World {
    /// The way to the hosts.
    pub transport: Arc<dyn Transport>,
    /// The clouds.
    pub fleet: Arc<dyn Fleet>,
    /// The checks that the plan names.
    pub prober: Arc<dyn Prober>,
    /// The scripts on this machine.
    pub hooks: Arc<dyn Hooks>,
    /// Who approves.
    pub approver: Arc<dyn Approver>,
    /// Who is told.
    pub sink: Arc<dyn EventSink>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// Knows which hosts a target means at the moment.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// Asks the clouds again.
    ///
    /// # Errors
    /// Why there is no answer that could be trusted, in a line.
    async fn again(&self) -> Result<Sighting, String>;
}

/// What the clouds say of a target's hosts.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// Hosts that are there, but cannot be reached as they are: they have no address now.
    pub unaddressed: Vec<HostId>,
    /// These are all. Where a scope may be missing, a host that is not among them may still be there.
    pub whole: bool,
}

/// Asks what a check asks.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks once: a fleet-wide check of nobody in particular, another one of a host. Never takes much longer than the
    /// check's timeout.
    async fn sample(&self, check: &Label, host: Option<&Host>, facts: &Facts) -> Sample;
}

/// One answer to a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What it means.
    pub verdict: Verdict,
    /// The number that was answered, if it was one; the worst of several.
    pub value: Option<f64>,
    /// In a line for people. Data from elsewhere: neutralise before showing.
    pub text: String,
}

/// What an answer to a check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All is well.
    Well,
    /// It is not, or nobody could be asked.
    Unwell,
}

/// Scripts on this machine.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Runs one to its end, or until it is to stop.
    ///
    /// # Errors
    /// Why it did not succeed.
    async fn run(&self, hook: HookName, facts: &Facts, stop: watch::Receiver<Stop>) -> Result<(), HookFailure>;
}

/// A hook that did not succeed; in a line, with the last of what it said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", with_last_line(message, output))]
pub struct HookFailure {
    /// In a line.
    pub message: String,
    /// Its last lines. Data from elsewhere: neutralise before showing.
    pub output: String,
}

/// `message`, and behind it the last line of `output` that says something.
pub fn with_last_line(message: &str, output: &str) -> String {
    match output.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("{message}: {line}"),
        None => message.to_owned(),
    }
}

/// Somebody who may approve.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Asks, and waits for the answer; dropped when it is not wanted any more.
    async fn ask(&self, question: &Question) -> Approval;
}

/// What somebody is asked to approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who is asked.
    pub who: Label,
    /// The target's name.
    pub target: String,
    /// What is being deployed.
    pub revision: Option<String>,
    /// What happened so far, in a line.
    pub so_far: String,
    /// What comes next, in a line.
    pub next: String,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Yes; by whom or what.
    Granted(String),
    /// No, or nothing; why.
    Refused(String),
}

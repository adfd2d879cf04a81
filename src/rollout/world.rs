//! What a rollout needs of the world besides its hosts, each as a trait, so that the engine knows no cloud, no web
//! server and no terminal.

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

/// Everything that a rollout needs of the world.
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
    /// Gives approvals.
    pub approver: Arc<dyn Approver>,
    /// Receives the events.
    pub sink: Arc<dyn EventSink>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// Finds the hosts that a target means at the moment.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// Asks the clouds again.
    ///
    /// # Errors
    /// Why there is no trustworthy answer, in a line.
    async fn again(&self) -> Result<Sighting, String>;
}

/// The clouds' answer about a target's hosts.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// Hosts that exist, but cannot be reached, because they have no address now.
    pub unaddressed: Vec<HostId>,
    /// Whether these are all hosts. If a scope may be missing, a host that is not listed may still exist.
    pub whole: bool,
}

/// Asks a check's question.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks once: without a host for a fleet-wide check, of one host for any other. Never takes much longer than the
    /// check's timeout.
    async fn sample(&self, check: &Label, host: Option<&Host>, facts: &Facts) -> Sample;
}

/// One answer to a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What it means.
    pub verdict: Verdict,
    /// The number in the answer, if there is one; the worst of several.
    pub value: Option<f64>,
    /// A line for people. Data from elsewhere: neutralise before showing.
    pub text: String,
}

/// What an answer to a check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All is well.
    Well,
    /// Not all is well, or there was no answer.
    Unwell,
}

/// Scripts on this machine.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Runs a hook to its end, or until it has to stop.
    ///
    /// # Errors
    /// Why it failed.
    async fn run(&self, hook: HookName, facts: &Facts, stop: watch::Receiver<Stop>) -> Result<(), HookFailure>;
}

/// A hook that failed. It displays as one line, with the last line of its output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", with_last_line(message, output))]
pub struct HookFailure {
    /// Why it failed, in a line.
    pub message: String,
    /// Its last lines. Data from elsewhere: neutralise before showing.
    pub output: String,
}

/// `message`, followed by the last line of `output` that is not empty.
pub fn with_last_line(message: &str, output: &str) -> String {
    match output.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("{message}: {line}"),
        None => message.to_owned(),
    }
}

/// Gives approvals.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Asks, and waits for the answer. Dropped when the answer is no longer needed.
    async fn ask(&self, question: &Question) -> Approval;
}

/// A question for an approval.
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
    /// How long to wait for an answer.
    pub timeout: Duration,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Yes; by whom or what.
    Granted(String),
    /// No, or no answer; why.
    Refused(String),
}

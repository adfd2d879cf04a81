//! The front door: a [`DeployRequest`] goes in, a [`Report`] comes out.
//!
//! This is the one place where all parts are put together. The command line builds a request and calls this; any other
//! trigger (a webhook, a schedule) does the same.

mod environment;
mod fleet;
mod hooks;
mod host_keys;
mod script;
mod survey;

use std::{collections::BTreeMap, io, num::NonZeroUsize, path::PathBuf, sync::Arc};

use provider_core::{Instance, Progress, ScopeError};
use tokio::sync::mpsc;

use crate::{
    checks::{ProbeError, Probes},
    config::{SecretError, Target},
    guard::Input,
    inventory::{self, HostId, HostKeysError, Inventory, InventoryError, NarrowError, Narrowed, Narrowing},
    plan::{Assignment, Goal, Mask, Payload, Plan, Revision, Rollback, RunId, Survey, Work},
    rollout::{self, Approver, Asking, Cancel, EventSink, Rollout, World},
    transport::{OpenFiles, OpenSsh, OpenSshConfig, OpenSshError, Transport, Vouched, raise_nofile_limit},
};

use environment::{LONGEST_VALUE, environment, short_enough};
use fleet::Rediscovery;
use hooks::LocalHooks;
use script::{payload, script};
use survey::Surveyor;

pub use hooks::HookError;
pub use host_keys::pin_host_keys;
pub use script::Role;

/// A request to run something on every host of a target.
#[derive(Clone, Debug)]
pub struct DeployRequest {
    /// Where, and how to run it.
    pub target: Target,
    /// What to run.
    pub task: Task,
    /// Arguments for the script or command, after those of the target.
    pub args: Vec<String>,
    /// Which of the target's hosts.
    pub narrowing: Narrowing,
    /// Decides the order of hosts where nothing else does; another number gives another order.
    pub seed: u64,
    /// The folder that remembers host keys, one file per instance.
    pub known_hosts: PathBuf,
}

/// What is to be run.
#[derive(Clone, Debug)]
pub enum Task {
    /// The target's deploy script.
    Deploy(Revision),
    /// A rollback. Without a run and a revision, the newest run on record on the hosts is undone.
    Rollback(Goal),
    /// An ad hoc command.
    Command {
        /// The line for the host's `sh`.
        line: String,
        /// The line's standard input.
        input: Option<Input>,
    },
}

/// A plan that is ready to run, and what its discovery left out.
#[derive(Debug)]
pub struct Prepared {
    /// Exactly what will be run.
    pub plan: Arc<Plan>,
    /// Scopes that failed, and were allowed to fail.
    pub missing: Vec<ScopeError>,
    /// Instances without a usable address, left out as the target says.
    pub unaddressed: Vec<Instance>,
    /// Hosts that an earlier run's report asked for, and that no longer exist.
    pub vanished: Vec<HostId>,
    /// The hosts' records, where the hosts were asked.
    pub survey: Option<Survey>,
    /// The requested concurrency, if the limit of open files allows only the plan's lower one.
    pub lowered_from: Option<NonZeroUsize>,
    transport: Arc<dyn Transport>,
    probes: Probes,
    hooks: LocalHooks,
    target: Target,
    known_hosts: PathBuf,
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// What was run.
    pub plan: Arc<Plan>,
    /// What became of every host.
    pub rollout: Rollout,
}

/// Reads the script and the secrets, asks the clouds, asks the hosts for their records where these matter, and makes
/// the plan. Starts nothing on any host.
///
/// # Errors
/// When anything is missing or in doubt.
pub async fn prepare(
    request: DeployRequest,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
    progress: &(impl Progress + Asking),
) -> Result<Prepared, DeployError> {
    let DeployRequest { mut target, task, args, narrowing, seed, known_hosts } = request;
    let run = RunId::new();
    let limit = raise_nofile_limit(target.deploy.concurrency.get());
    let lowered_from = keep_within_open_files(&mut target, limit);
    let mut assignment = assign(&target, task, args, env)?;
    let transport = transport(&target, known_hosts.clone())?;
    let hooks = match &assignment.work {
        Work::Deploy { .. } | Work::Rollback(_) => {
            LocalHooks::new(&target.hooks, Mask::of(assignment.secrets.values()))?
        }
        Work::Command(_) => LocalHooks::default(),
    };
    let Inventory { hosts, missing, unaddressed } = inventory::discover(&target, progress).await?;
    let chosen = narrowing != Narrowing::default();
    let Narrowed { hosts, of, vanished } = narrowing.choose(hosts)?;
    let surveyor = Surveyor { target: &target, transport: &transport, known_hosts: &known_hosts, progress };
    let (hosts, survey) = match &mut assignment.work {
        Work::Deploy { revision, .. } => surveyor.in_order(hosts, seed, Some(revision)).await?,
        Work::Command(_) => surveyor.in_order(hosts, seed, None).await?,
        Work::Rollback(rollback) => {
            let (hosts, survey) = surveyor.ways_back(rollback, run, hosts).await?;
            (hosts, Some(survey))
        }
    };
    // Without hosts there is nothing to announce, so no hook runs.
    let hooks = if hosts.is_empty() { LocalHooks::default() } else { hooks };
    let mut plan = Plan::new(run, &target, assignment, hosts);
    if let Some(survey) = &survey {
        plan = plan.surveyed(survey);
    }
    let plan = Arc::new(if chosen { plan.chosen_from(of) } else { plan });
    let connected = plan.connected_at_once();
    let most = raise_nofile_limit(connected).hosts();
    if connected as u64 > most {
        return Err(DeployError::TooManyAtABarrier { hosts: connected, most });
    }
    let probes = Probes::new(Arc::clone(&plan), Arc::clone(&transport), env)?;
    Ok(Prepared {
        plan,
        missing,
        unaddressed,
        vanished,
        survey,
        lowered_from,
        transport,
        probes,
        hooks,
        target,
        known_hosts,
    })
}

/// The way to a target's hosts.
///
/// # Errors
/// When SSH cannot be used on this machine.
pub fn transport(target: &Target, known_hosts: PathBuf) -> Result<Arc<dyn Transport>, OpenSshError> {
    Ok(Arc::new(OpenSsh::new(OpenSshConfig::of(target, known_hosts))?))
}

/// Reads a target's script and secrets as a deploy would. Returns what a deploy runs, if the target names something.
///
/// # Errors
/// When a deploy would fail because of them.
pub fn look_at_payload(target: &Target, read: &dyn Fn(&str) -> Option<String>) -> Result<Option<Payload>, DeployError> {
    environment(target, read)?;
    target.deploy.rollback.as_deref().map(|path| script(Role::Rollback, path)).transpose()?;
    payload(target)
}

/// Lowers the target's concurrency to what the limit of open files allows, and returns the old value if it was higher.
fn keep_within_open_files(target: &mut Target, limit: OpenFiles) -> Option<NonZeroUsize> {
    let allowed = usize::try_from(limit.hosts()).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MAX);
    let asked = target.deploy.concurrency;
    target.deploy.concurrency = asked.min(allowed);
    (asked > allowed).then_some(asked)
}

impl Prepared {
    /// Pins the keys of hosts that will be connected to for the first time, if the target trusts the clouds for them. A
    /// plan alone needs no keys; a run refuses a host without one.
    ///
    /// # Errors
    /// When the keys cannot be asked for or written down; nothing was touched then.
    pub async fn pin_host_keys(&mut self, progress: &dyn Progress) -> Result<(), DeployError> {
        let hosts = self.plan.hosts().map(|host| &**host);
        let without = pin_host_keys(&self.target, hosts, &self.known_hosts, progress).await?;
        if !without.is_empty() {
            self.transport = Arc::new(Vouched::new(Arc::clone(&self.transport), without));
        }
        Ok(())
    }
}

/// Runs a prepared plan to its end. The caller decides where events go and who approves.
pub async fn execute(
    prepared: Prepared,
    sink: Arc<dyn EventSink>,
    approver: Arc<dyn Approver>,
    cancel: &mut mpsc::Receiver<Cancel>,
) -> Report {
    let Prepared { plan, transport, probes, hooks, target, known_hosts, .. } = prepared;
    let names = hooks.names();
    let world = World {
        transport,
        fleet: Arc::new(Rediscovery::of(target, known_hosts)),
        prober: Arc::new(probes),
        hooks: Arc::new(hooks),
        approver,
        sink,
    };
    let rollout = rollout::run(Arc::clone(&plan), world, &names, cancel).await;
    Report { plan, rollout }
}

fn assign(
    target: &Target,
    task: Task,
    args: Vec<String>,
    read: &dyn Fn(&str) -> Option<String>,
) -> Result<Assignment, DeployError> {
    let rollback = target.deploy.rollback.as_deref().map(|path| script(Role::Rollback, path)).transpose()?;
    let (work, input) = match task {
        Task::Deploy(revision) => {
            let payload = payload(target)?.ok_or_else(|| DeployError::NoScript(target.name.clone()))?;
            (Work::Deploy { revision, payload }, None)
        }
        Task::Rollback(goal) => {
            let by_script = || rollback.clone().map(Payload::Script);
            let payload =
                payload(target)?.or_else(by_script).ok_or_else(|| DeployError::NoScript(target.name.clone()))?;
            (Work::Rollback(Rollback { goal, payload, ways: BTreeMap::new() }), None)
        }
        Task::Command { line, input } => (Work::Command(line), input),
    };
    let (env, secrets) = environment(target, read)?;
    let args: Vec<String> = target.deploy.args.iter().cloned().chain(args).collect();
    for (number, argument) in args.iter().enumerate() {
        short_enough(|| format!("argument {}", number + 1), argument)?;
    }
    Ok(Assignment { work, args, input, env, secrets, rollback })
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The target names no script.
    #[error("target `{0}` names no script to deploy with")]
    NoScript(String),
    /// A script cannot be read.
    #[error("cannot read the {role} {}", path.display())]
    Script {
        /// What it is for.
        role: Role,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A script has no content.
    #[error("the {} {} is empty", .0, .1.display())]
    EmptyScript(Role, PathBuf),
    /// A script's first line ends in CR LF, so no host would find its interpreter.
    #[error("the {} {} has Windows line ends, so no host would find its interpreter", .0, .1.display())]
    WindowsScript(Role, PathBuf),
    /// A script begins with a byte order mark, so no host would see its `#!`.
    #[error("the {} {} begins with a byte order mark, so no host would see its `#!`", .0, .1.display())]
    MarkedScript(Role, PathBuf),
    /// An argument or variable is longer than a program can be given.
    #[error("{what} is {length} bytes long; a program on Linux can be given less than {LONGEST_VALUE}")]
    TooLong {
        /// What.
        what: String,
        /// How long it is.
        length: usize,
    },
    /// More hosts would be connected at once than this machine has room for.
    #[error(
        "{hosts} hosts wait for each other at a barrier; this machine's limit of open files allows {most} connections"
    )]
    TooManyAtABarrier {
        /// How many.
        hosts: usize,
        /// How many can be.
        most: u64,
    },
    /// A secret for the script's environment cannot be read.
    #[error("cannot read the value of `{name}` for the script's environment")]
    Secret {
        /// The variable's name.
        name: String,
        /// Why.
        source: SecretError,
    },
    /// No host carries the tags of the canaries.
    #[error("none of the hosts of `{target}` carries the tags of its `canary`")]
    NoCanary {
        /// Of which target.
        target: String,
        /// The words that name it on a command line.
        words: String,
    },
    /// The run that is to be undone is on no host's record.
    #[error("no host of `{target}` that was asked has a run {run} on record")]
    UnknownRun {
        /// Which.
        run: RunId,
        /// The target's name.
        target: String,
        /// The runs on record, the newest first.
        known: Vec<RunId>,
        /// How many hosts could not be asked.
        silent: usize,
    },
    /// A check could never be asked.
    #[error(transparent)]
    Check(#[from] ProbeError),
    /// A hook cannot be started.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// SSH cannot be used on this machine.
    #[error(transparent)]
    Ssh(#[from] OpenSshError),
    /// The clouds gave no host keys.
    #[error(transparent)]
    HostKeys(#[from] HostKeysError),
    /// There is no list of hosts that could be trusted.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// None of the target's hosts is meant.
    #[error(transparent)]
    Narrow(#[from] NarrowError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{EnvValue, SecretRef},
        inventory::testing::target,
    };

    #[test]
    fn concurrency_stays_within_the_limit_of_open_files() {
        let mut target = target(Vec::new());
        let limit = OpenFiles { soft: 1024, hard: 1024 };
        target.deploy.concurrency = NonZeroUsize::new(500).expect("positive");
        assert_eq!(keep_within_open_files(&mut target, limit).map(NonZeroUsize::get), Some(500));
        assert_eq!(target.deploy.concurrency.get() as u64, limit.hosts());
        assert_eq!(keep_within_open_files(&mut target, limit), None);
    }

    #[test]
    fn secrets_are_kept_apart() {
        let mut target = target(Vec::new());
        target.deploy.args = vec!["--fast".into()];
        target.deploy.env.insert("A".into(), EnvValue::Plain("1".into()));
        target.deploy.env.insert("B".into(), EnvValue::Secret(SecretRef::Env("TOKEN".into())));
        let task = || Task::Command { line: "true".into(), input: None };
        let read = |name: &str| (name == "TOKEN").then(|| "hunter2".to_owned());
        let assignment = assign(&target, task(), vec!["x".into()], &read).expect("assigned");
        assert_eq!(assignment.args, ["--fast", "x"]);
        assert!(assignment.env.contains_key("A") && !assignment.env.contains_key("B"));
        assert!(!format!("{assignment:?}").contains("hunter2"));
        let long = assign(&target, task(), vec!["x".repeat(200_000)], &read).expect_err("too long");
        assert!(long.to_string().contains("argument 2"), "{long}");
        let error = assign(&target, task(), Vec::new(), &|_| None).expect_err("unset");
        assert!(error.to_string().contains("`B`"), "{error}");
    }
}

//! The front door: a [`DeployRequest`] goes in, a [`Report`] comes out.
//!
//! The one place where all parts are put together. The command line builds a request and calls
//! this; whatever else will start a run (a webhook, a schedule) does the same.

mod fleet;
mod hooks;
mod host_keys;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use provider_core::{Instance, Progress, ScopeError};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::{
    checks::{ProbeError, Probes},
    config::{EnvValue, Part, Secret, SecretError, Strategy, Target},
    guard::Input,
    inventory::{self, Host, HostId, HostKeysError, Inventory, InventoryError, NarrowError, Narrowed, Narrowing},
    plan::{Assignment, Ordering, Payload, Plan, Revision, RunId, Script, Work},
    rollout::{self, Approver, EventSink, Rollout, StopReason, World},
    transport::{OpenFiles, OpenSsh, OpenSshConfig, OpenSshError, Transport, Vouched, raise_nofile_limit},
};

use fleet::Rediscovery;
use hooks::LocalHooks;

pub use hooks::HookError;
pub use host_keys::pin_host_keys;

/// A wish to run something on every host of a target.
#[derive(Clone, Debug)]
pub struct DeployRequest {
    /// Where, and how.
    pub target: Target,
    /// What.
    pub task: Task,
    /// Arguments for the script or command, after those of the target.
    pub args: Vec<String>,
    /// Which of the target's hosts.
    pub narrowing: Narrowing,
    /// Another number puts hosts in another order, where nothing else says who goes first.
    pub seed: u64,
    /// The folder that remembers host keys, one file an instance.
    pub known_hosts: PathBuf,
}

/// What is to be run.
#[derive(Clone, Debug)]
pub enum Task {
    /// The target's deploy script.
    Deploy(Revision),
    /// An ad hoc command.
    Command {
        /// The line for the host's `sh`.
        line: String,
        /// What it is to read.
        input: Option<Input>,
    },
}

/// A plan that is ready to be run, and what its discovery left out.
#[derive(Debug)]
pub struct Prepared {
    /// Exactly what will be run.
    pub plan: Arc<Plan>,
    /// Scopes that failed and were allowed to.
    pub missing: Vec<ScopeError>,
    /// Instances without a usable address, left out as the target says.
    pub unaddressed: Vec<Instance>,
    /// Hosts that were asked for by an earlier run's report, and are there no more.
    pub vanished: Vec<HostId>,
    /// The concurrency that was asked for, when the limit of open files allows only what the plan says.
    pub lowered_from: Option<NonZeroUsize>,
    transport: Arc<dyn Transport>,
    probes: Probes,
    hooks: LocalHooks,
    target: Target,
    known_hosts: PathBuf,
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// What was run.
    pub plan: Arc<Plan>,
    /// What became of every host.
    pub rollout: Rollout,
}

/// Reads the script and the secrets, asks the clouds, and makes the plan. Touches no host.
///
/// # Errors
/// When anything is missing or in doubt.
pub async fn prepare(
    request: DeployRequest,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
    progress: &dyn Progress,
) -> Result<Prepared, DeployError> {
    let DeployRequest { mut target, task, args, narrowing, seed, known_hosts } = request;
    let run = RunId::new();
    let open_files = raise_nofile_limit();
    let lowered_from = keep_within_open_files(&mut target, open_files);
    let assignment = assign(&target, task, args, env)?;
    let transport = transport(&target, known_hosts.clone())?;
    let hooks = match &assignment.work {
        Work::Deploy { .. } => LocalHooks::new(&target.hooks)?,
        Work::Command(_) => LocalHooks::default(),
    };
    let Inventory { hosts, missing, unaddressed } = inventory::discover(&target, progress).await?;
    let chosen = narrowing != Narrowing::default();
    let Narrowed { hosts, of, vanished } = narrowing.choose(hosts)?;
    let hosts = in_order(&target, hosts, seed)?;
    let plan = Plan::new(run, &target, assignment, hosts);
    let plan = Arc::new(if chosen { plan.chosen_from(of) } else { plan });
    let connected = plan.connected_at_once();
    if connected as u64 > open_files.hosts() {
        return Err(DeployError::TooManyAtABarrier { hosts: connected, most: open_files.hosts() });
    }
    let probes = Probes::new(Arc::clone(&plan), Arc::clone(&transport), env)?;
    Ok(Prepared { plan, missing, unaddressed, vanished, lowered_from, transport, probes, hooks, target, known_hosts })
}

/// Puts hosts in the order in which they are deployed to. Where all are one stage, they stay as they are listed.
fn in_order(target: &Target, hosts: Vec<Host>, seed: u64) -> Result<Vec<Host>, DeployError> {
    let deploy = &target.deploy;
    if deploy.canary.is_none() && deploy.steps == Strategy::default() {
        return Ok(hosts);
    }
    let order = Ordering { canary: deploy.canary.clone(), seed };
    if order.canary.is_some() && !hosts.iter().any(|host| order.is_canary(host)) {
        return Err(DeployError::NoCanary(target.name.clone()));
    }
    Ok(order.apply(hosts))
}

/// The way to a target's hosts.
///
/// # Errors
/// When SSH cannot be used on this machine.
pub fn transport(target: &Target, known_hosts: PathBuf) -> Result<Arc<dyn Transport>, OpenSshError> {
    Ok(Arc::new(OpenSsh::new(OpenSshConfig::of(target, known_hosts))?))
}

/// Reads a target's script and secrets as a deploy would, and gives what is run if it names something.
///
/// # Errors
/// When a deploy would fail for their sake.
pub fn look_at_payload(target: &Target, read: &dyn Fn(&str) -> Option<String>) -> Result<Option<Payload>, DeployError> {
    environment(target, read)?;
    target.deploy.rollback.as_deref().map(|path| script(Role::Rollback, path)).transpose()?;
    payload(target)
}

/// What a target runs for a deploy: its script, or its parts.
fn payload(target: &Target) -> Result<Option<Payload>, DeployError> {
    let deploy = &target.deploy;
    if deploy.parts.is_empty() {
        return Ok(deploy.script.as_deref().map(|path| script(Role::Deploy, path)).transpose()?.map(Payload::Script));
    }
    for Part { name, run, .. } in &deploy.parts {
        short_enough(|| format!("the part `{name}`"), run)?;
    }
    Ok(Some(Payload::Parts(deploy.parts.as_slice().into())))
}

/// Lowers the target's concurrency to what the limit of open files allows, and gives what it was.
fn keep_within_open_files(target: &mut Target, limit: OpenFiles) -> Option<NonZeroUsize> {
    let allowed = usize::try_from(limit.hosts()).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MAX);
    let asked = target.deploy.concurrency;
    target.deploy.concurrency = asked.min(allowed);
    (asked > allowed).then_some(asked)
}

impl Prepared {
    /// Pins the keys of hosts that are to be connected to for the first time, where the target says that the clouds
    /// know them. Whoever plans only needs none; a host that is run on without one is refused.
    ///
    /// # Errors
    /// When the keys cannot be asked for, or not be written down: nothing was touched.
    pub async fn pin_host_keys(&mut self, progress: &dyn Progress) -> Result<(), DeployError> {
        let hosts = self.plan.hosts().map(|host| &**host);
        let without = pin_host_keys(&self.target, hosts, &self.known_hosts, progress).await?;
        if !without.is_empty() {
            self.transport = Arc::new(Vouched::new(Arc::clone(&self.transport), without));
        }
        Ok(())
    }
}

/// Runs a prepared plan to its end. Who is told of it, and who may approve, is for the caller to say.
pub async fn execute(
    prepared: Prepared,
    sink: Arc<dyn EventSink>,
    approver: Arc<dyn Approver>,
    cancel: &mut mpsc::Receiver<StopReason>,
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
    let (work, input) = match task {
        Task::Deploy(revision) => {
            let payload = payload(target)?.ok_or_else(|| DeployError::NoScript(target.name.clone()))?;
            (Work::Deploy { revision, payload }, None)
        }
        Task::Command { line, input } => (Work::Command(line), input),
    };
    let (env, secrets) = environment(target, read)?;
    let args: Vec<String> = target.deploy.args.iter().cloned().chain(args).collect();
    for (number, argument) in args.iter().enumerate() {
        short_enough(|| format!("argument {}", number + 1), argument)?;
    }
    let rollback = target.deploy.rollback.as_deref().map(|path| script(Role::Rollback, path)).transpose()?;
    Ok(Assignment { work, args, input, env, secrets, rollback })
}

/// The part of a script's environment that may be shown, and the part that must never be.
type Environment = (BTreeMap<String, String>, BTreeMap<String, Secret>);

/// Reads the script's environment, secrets and all.
fn environment(target: &Target, read: &dyn Fn(&str) -> Option<String>) -> Result<Environment, DeployError> {
    let mut env = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for (name, value) in &target.deploy.env {
        let what = || format!("the value of `{name}` for the script's environment");
        match value {
            EnvValue::Plain(text) => {
                short_enough(what, text)?;
                env.insert(name.clone(), text.clone());
            }
            EnvValue::Secret(place) => {
                let secret = place.read(read).map_err(|source| DeployError::Secret { name: name.clone(), source })?;
                short_enough(what, secret.reveal())?;
                secrets.insert(name.clone(), secret);
            }
        }
    }
    Ok((env, secrets))
}

/// The longest argument or variable that Linux hands to a program, its name included (`MAX_ARG_STRLEN`
/// in execve(2)): 32 pages of 4 KiB.
const LONGEST_VALUE: usize = 128 * 1024;

/// Refuses what no host could hand to the script.
fn short_enough(what: impl Fn() -> String, value: &str) -> Result<(), DeployError> {
    // The variable's name and the end mark stand in the same space.
    const ROOM: usize = 256;
    if value.len() < LONGEST_VALUE - ROOM {
        return Ok(());
    }
    Err(DeployError::TooLong { what: what(), length: value.len() })
}

/// What a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To deploy.
    Deploy,
    /// To take a host back.
    Rollback,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deploy => "deploy script",
            Self::Rollback => "rollback script",
        })
    }
}

/// Reads a script, and refuses what would only fail on every host.
fn script(role: Role, path: &Path) -> Result<Script, DeployError> {
    let bytes = fs::read(path).map_err(|source| DeployError::Script { role, path: path.to_owned(), source })?;
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(DeployError::EmptyScript(role, path.to_owned()));
    }
    if first_line.starts_with(b"#!") && first_line.ends_with(b"\r") {
        return Err(DeployError::WindowsScript(role, path.to_owned()));
    }
    if [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| bytes.starts_with(mark)) {
        return Err(DeployError::MarkedScript(role, path.to_owned()));
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Script { name, bytes: bytes.into(), sha256 })
}

/// Nothing was run.
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
    /// Longer than a program can be given.
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
    #[error("none of the hosts of `{0}` carries the tags of its `canary`")]
    NoCanary(String),
    /// A check could never be asked.
    #[error(transparent)]
    Check(#[from] ProbeError),
    /// A hook cannot be started.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// SSH cannot be used on this machine.
    #[error(transparent)]
    Ssh(#[from] OpenSshError),
    /// No host keys from the clouds.
    #[error(transparent)]
    HostKeys(#[from] HostKeysError),
    /// No list of hosts that could be trusted.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// None of its hosts is meant.
    #[error(transparent)]
    Narrow(#[from] NarrowError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::SecretRef, inventory::testing::target};

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("write");
        (dir, path)
    }

    #[test]
    fn a_script_that_can_only_fail_is_refused() {
        let (_dir, empty) = file("empty.sh", b" \n");
        assert!(matches!(script(Role::Deploy, &empty), Err(DeployError::EmptyScript(..))));
        let (_dir, windows) = file("windows.sh", b"#!/bin/sh\r\ntrue\r\n");
        assert!(matches!(script(Role::Deploy, &windows), Err(DeployError::WindowsScript(..))));
        let (_dir, marked) = file("marked.sh", b"\xef\xbb\xbf#!/bin/bash\ntrue\n");
        assert!(matches!(script(Role::Deploy, &marked), Err(DeployError::MarkedScript(..))));
        let missing = script(Role::Rollback, Path::new("/nonexistent/x.sh")).expect_err("it is not there");
        assert_eq!(missing.to_string(), "cannot read the rollback script /nonexistent/x.sh");
        let (_dir, good) = file("deploy.sh", b"#!/bin/sh\ntrue\n");
        let script = script(Role::Deploy, &good).expect("a script");
        assert_eq!((script.name.as_str(), script.sha256.len()), ("deploy.sh", 64));
    }

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

//! Errors as people see them: `error:`, `caused by:`, `hint:`. Hints are added only here.

use std::{error::Error, fmt::Write as _, io, path::PathBuf, process::ExitStatus};

use super::exit_code;
use crate::{
    checks::ProbeError,
    config::{ConfigError, SecretError},
    deploy::{DeployError, HookError},
    inventory::{HostKeysError, InventoryError, NarrowError},
    plan::{BadRevision, RunId, quoted},
    report::{Pipeline, ReportError, neutral},
    rollout::Cancel,
    transport::{ConnectError, OpenSshError},
};

/// A verb could not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Revision(#[from] RevisionError),
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    #[error("cannot {what} {}", path.display())]
    File { what: &'static str, path: PathBuf, hint: Option<&'static str>, source: io::Error },
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("interrupted before any host was touched")]
    Interrupted(Cancel),
    #[error("the demo could not be set up")]
    Demo(#[source] io::Error),
    #[error("cannot start the program's own machinery")]
    Runtime(#[source] io::Error),
    #[error("not run: the answer was no")]
    Declined,
    #[error("cannot read standard input")]
    Stdin(#[source] io::Error),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("cannot become ssh")]
    Ssh(#[source] io::Error),
    #[error("cannot ask at the terminal")]
    Terminal(#[source] io::Error),
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

/// There is no revision to deploy.
#[derive(Debug, thiserror::Error)]
pub(super) enum RevisionError {
    #[error("no revision to deploy was given, and none could be found")]
    None,
    #[error(transparent)]
    Bad(#[from] BadRevision),
    #[error("git could not tell the commit of this checkout ({0})")]
    Git(ExitStatus),
}

impl From<NarrowError> for CliError {
    fn from(error: NarrowError) -> Self {
        Self::Deploy(error.into())
    }
}

impl From<InventoryError> for CliError {
    fn from(error: InventoryError) -> Self {
        Self::Deploy(error.into())
    }
}

impl CliError {
    /// The exit code for this error.
    pub(super) fn exit_code(&self) -> u8 {
        exit_code::of(self)
    }

    /// The error as shown to people, several lines.
    pub(super) fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.with_causes());
        for hint in self.hints() {
            let _ = writeln!(text, "hint: {hint}");
        }
        neutral::block(&text)
    }

    /// The error as shown to people and to the pipeline that runs this program.
    pub(super) fn shown_in(&self, pipeline: Option<Pipeline>) -> String {
        let text = self.render();
        let Some(pipeline) = pipeline else { return text };
        text + &pipeline.error(&self.with_causes()).unwrap_or_default()
    }

    /// The error and its causes, one per line.
    pub(super) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let _ = write!(text, "\ncaused by: {error}");
            cause = error.source();
        }
        text
    }

    /// What to try.
    pub(super) fn hints(&self) -> Vec<String> {
        match self {
            Self::Config(error) => error.hint().into_iter().collect(),
            Self::Usage { hint, .. } => hint.iter().cloned().collect(),
            Self::File { hint, .. } => hint.iter().map(|hint| (*hint).to_owned()).collect(),
            Self::Revision(RevisionError::None) => {
                one("give one with --revision, set FLEETWIDE_REVISION, or run inside a git checkout")
            }
            Self::Revision(RevisionError::Git(_)) => one("give the revision with --revision"),
            Self::Deploy(error) => deploy_hints(error),
            Self::Connect(error) => error.hint.iter().cloned().collect(),
            Self::Report(ReportError::LogDir { source, .. } | ReportError::Record { source, .. }) => {
                one(match source.kind() {
                    io::ErrorKind::NotFound => "no host was touched; make the folder first (`mkdir -p`)",
                    _ => "no host was touched; name a place that this user may write to",
                })
            }
            Self::Revision(RevisionError::Bad(_))
            | Self::Interrupted(_)
            | Self::Demo(_)
            | Self::Runtime(_)
            | Self::Declined
            | Self::Stdin(_)
            | Self::Ssh(_)
            | Self::Terminal(_)
            | Self::Output(_) => Vec::new(),
        }
    }
}

/// One hint.
fn one(hint: &str) -> Vec<String> {
    vec![hint.to_owned()]
}

/// The hints of several scopes of a cloud, each once, and then `last`, which applies to all.
fn all<'a>(hints: impl Iterator<Item = &'a Option<String>>, last: &str) -> Vec<String> {
    let mut hints: Vec<String> = hints.flatten().cloned().collect();
    hints.sort();
    hints.dedup();
    hints.push(last.to_owned());
    hints
}

fn deploy_hints(error: &DeployError) -> Vec<String> {
    match error {
        DeployError::NoScript(target) => {
            vec![format!("set `script` in [targets.{target}.deploy], or give --script FILE")]
        }
        DeployError::Script { .. } => {
            one("the path is relative to the file that names it; --script is relative to here")
        }
        DeployError::EmptyScript(..) => Vec::new(),
        DeployError::WindowsScript(..) => {
            one("save it with Unix line ends (`dos2unix`, or `* text=auto eol=lf` in .gitattributes)")
        }
        DeployError::MarkedScript(..) => one("save it as UTF-8 without a byte order mark"),
        DeployError::NoCanary { target, words } => {
            vec![format!(
                "no host was touched; see `canary` in [targets.{target}.deploy], and `fleetwide hosts {words}`"
            )]
        }
        DeployError::UnknownRun { known, silent, .. } => vec![unknown_run_hint(known, *silent)],
        DeployError::Check(error) => check_hints(error),
        DeployError::Hook(error) => hook_hints(error),
        DeployError::TooManyAtABarrier { .. } => {
            one("deploy in smaller stages (steps), or raise the limit (ulimit -n)")
        }
        DeployError::TooLong { .. } => one("put it in a file on the servers, or let the script fetch it"),
        DeployError::Secret { source, .. } => secret_hints(source),
        DeployError::Ssh(error) => ssh_hints(error),
        DeployError::Narrow(error) => narrow_hints(error),
        DeployError::HostKeys(error) => host_key_hints(error),
        DeployError::Inventory(error) => inventory_hints(error),
    }
}

fn secret_hints(error: &SecretError) -> Vec<String> {
    match error {
        SecretError::NoVariable(name) => {
            vec![format!("set {name} where Fleetwide runs; in a pipeline, hand this job the secret of that name")]
        }
        SecretError::NoFile { .. } => one("the path is relative to the file that names it; let this user read it"),
    }
}

fn check_hints(error: &ProbeError) -> Vec<String> {
    match error {
        ProbeError::Header { source: source @ SecretError::NoVariable(_), .. } => secret_hints(source),
        ProbeError::Header { .. }
        | ProbeError::BadHeader { .. }
        | ProbeError::Authorities { .. }
        | ProbeError::Client { .. } => one("no host was touched"),
    }
}

fn hook_hints(error: &HookError) -> Vec<String> {
    match error {
        HookError::Missing { .. } => one("no host was touched; the path is relative to the file that names it"),
        HookError::NotExecutable { path, .. } => {
            vec![format!("no host was touched; chmod +x {}", quoted(&path.to_string_lossy()))]
        }
    }
}

fn unknown_run_hint(known: &[RunId], silent: usize) -> String {
    const SHOWN: usize = 5;
    let mut runs: Vec<_> = known.iter().take(SHOWN).map(ToString::to_string).collect();
    if known.len() > SHOWN {
        runs.push("…".to_owned());
    }
    let on_record = match &runs[..] {
        [] => "no run is on record there".to_owned(),
        runs => format!("on record there, the newest first: {}", runs.join(", ")),
    };
    let unasked = match silent {
        0 => String::new(),
        1 => "; 1 host could not be asked".to_owned(),
        n => format!("; {n} hosts could not be asked"),
    };
    format!("nothing was started on any host; {on_record}{unasked}")
}

fn ssh_hints(error: &OpenSshError) -> Vec<String> {
    match error {
        OpenSshError::Unreadable { .. } => one(
            "no host was touched; a path in fleetwide.toml is relative to that file, one of a flag or variable to here",
        ),
        OpenSshError::NoSsh | OpenSshError::KnownHosts(_) | OpenSshError::NoSockets { .. } => Vec::new(),
    }
}

fn narrow_hints(error: &NarrowError) -> Vec<String> {
    match error {
        NarrowError::NoSuchHost { near, known, .. } if near.is_empty() => vec![format!(
            "no host was touched; there are {}, …: `fleetwide hosts` with the same target and flags lists all",
            known.join(", ")
        )],
        NarrowError::NoSuchHost { .. } | NarrowError::NoneLeft { .. } | NarrowError::NoneNamed => {
            one("no host was touched; `fleetwide hosts` with the same target and flags lists all that there are")
        }
    }
}

fn host_key_hints(error: &HostKeysError) -> Vec<String> {
    match error {
        HostKeysError::Unpublished { .. } => {
            one("no host was touched; have their keys remembered first (`fleetwide host-keys --help`), or give them a \
             target of their own with host_keys = \"strict\" or \"accept-new\"")
        }
        HostKeysError::Clouds(unasked) => all(
            unasked.iter().map(|it| &it.failure.hint),
            "no host was touched; keys that were had are remembered, and not asked for again",
        ),
    }
}

fn inventory_hints(error: &InventoryError) -> Vec<String> {
    match error {
        InventoryError::Discovery { failures, found } => all(
            failures.iter().map(|failure| &failure.hint),
            match found {
                0 => "no host was touched",
                _ => "no host was touched; `allow_partial = true` in a selector goes on without its failed scopes",
            },
        ),
        InventoryError::Unaddressed { .. } => {
            one("add another kind to `address`, or set `unaddressed = \"skip\"` in the target")
        }
        InventoryError::Ways(_) => one(
            "no host was touched; correct the tag or the name in its cloud, leave the host out with `exclude`, or see `user`, `port` and `proxy_command` in the target's `ssh`",
        ),
        InventoryError::TwoAddresses { .. } => {
            one("two listed hosts share a name (give each its own), or the machine moved just now (try again)")
        }
        InventoryError::Shared { .. } => one(
            "they are one machine found twice (exclude one), or in networks that overlap (reach one by another kind of `address` or by a `proxy_command` that names `{id}`, or deploy to them apart)",
        ),
        InventoryError::TooFew { found: 0, .. } => one(
            "no host was touched; is a tag misspelt, does another region or account have them, are they stopped, or left out by `exclude`?",
        ),
        InventoryError::TooFew { .. } => one("no host was touched; `min_hosts` in the target says how few are too few"),
        InventoryError::NotBuiltIn(error) => vec![format!("build it with `--features {}`", error.provider)],
    }
}

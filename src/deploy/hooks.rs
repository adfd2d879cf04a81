//! A target's hooks: scripts on this machine, each started as a program of its own.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    config::{HookName, Hooks as Configured},
    local::{self, End, Ended, Program, until},
    plan::Mask,
    rollout::{Facts, HookFailure, Hooks},
    transport::Stop,
};

/// The hooks of a target.
#[derive(Debug, Default)]
pub(super) struct LocalHooks {
    hooks: Configured,
    /// Hides secrets in their output.
    mask: Mask,
}

/// A hook that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The hook's file cannot be read.
    #[error("cannot read the hook {}, {}", name.as_str(), path.display())]
    Missing {
        /// Which.
        name: HookName,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The hook is no executable file.
    #[error("the hook {}, {}, is no program that may be executed", name.as_str(), path.display())]
    NotExecutable {
        /// Which.
        name: HookName,
        /// Which file.
        path: PathBuf,
    },
}

impl LocalHooks {
    /// Checks that every hook could be started.
    pub(super) fn new(hooks: &Configured, mask: Mask) -> Result<Self, HookError> {
        for (name, path) in &hooks.scripts {
            startable(*name, path)?;
        }
        Ok(Self { hooks: hooks.clone(), mask })
    }

    /// Which hooks there are.
    pub(super) fn names(&self) -> Vec<HookName> {
        self.hooks.scripts.keys().copied().collect()
    }
}

fn startable(name: HookName, path: &Path) -> Result<(), HookError> {
    let unreadable = |source| HookError::Missing { name, path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
        Ok(())
    } else {
        Err(HookError::NotExecutable { name, path: path.to_owned() })
    }
}

#[async_trait]
impl Hooks for LocalHooks {
    async fn run(&self, hook: HookName, facts: &Facts, mut stop: watch::Receiver<Stop>) -> Result<(), HookFailure> {
        let Some(path) = self.hooks.scripts.get(&hook) else { return Ok(()) };
        let mut env: Vec<(String, String)> =
            facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        env.push(("FLEETWIDE_HOOK".to_owned(), hook.as_str().to_owned()));
        let program = Program { words: vec![path.clone().into()], env, timeout: self.hooks.timeout };
        let ending = watch::Sender::new(false);
        let hears = ending.subscribe();
        // Hooks that put things back in order are stopped only by `Kill`.
        let enough = match hook {
            HookName::BeforeRun | HookName::BeforeStage | HookName::BeforeHost | HookName::AfterStage => {
                Stop::Terminate
            }
            HookName::AfterHost | HookName::OnFailure | HookName::OnRollback | HookName::AfterRun => Stop::Kill,
        };
        let mut running = std::pin::pin!(local::run(&program, hears));
        let ended = tokio::select! {
            ended = &mut running => ended,
            _ = until(&mut stop, |wish| wish >= enough) => {
                ending.send_replace(true);
                running.await
            }
        };
        match ended {
            Ok(Ended { end: End::Exited(0), .. }) => Ok(()),
            Ok(Ended { end, output }) => {
                Err(HookFailure { message: end.describe(self.hooks.timeout), output: self.mask.text(&output) })
            }
            Err(error) => Err(HookFailure { message: format!("cannot be started: {error}"), output: String::new() }),
        }
    }
}

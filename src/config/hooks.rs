//! Scripts that run on this machine at fixed points of a rollout.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    document::{Problem, at},
    duration::HumanDuration,
    paths::Anchor,
};

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HookName {
    /// Before anything is touched; if it fails, nothing is touched.
    BeforeRun,
    /// Before each stage; if it fails, the run stops.
    BeforeStage,
    /// Before each host; if it fails, that host is not touched.
    BeforeHost,
    /// After each host on which work began; if it fails, the host has failed.
    AfterHost,
    /// After each stage; if it fails, the run stops.
    AfterStage,
    /// When the run has failed, before any host is rolled back.
    OnFailure,
    /// Before hosts are rolled back.
    OnRollback,
    /// At the very end.
    AfterRun,
}

impl HookName {
    /// The key in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeRun => "before_run",
            Self::BeforeStage => "before_stage",
            Self::BeforeHost => "before_host",
            Self::AfterHost => "after_host",
            Self::AfterStage => "after_stage",
            Self::OnFailure => "on_failure",
            Self::OnRollback => "on_rollback",
            Self::AfterRun => "after_run",
        }
    }
}

/// Scripts that run on this machine at certain points of a rollout, with its facts in their environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HooksTable {
    /// Runs before any host is touched. If it fails, no host is touched (exit 6).
    before_run: Option<PathBuf>,
    /// Runs before each stage. If it fails, the run stops.
    before_stage: Option<PathBuf>,
    /// Runs before each host, for example to take it out of a load balancer. If it fails, the host is not touched.
    before_host: Option<PathBuf>,
    /// Runs after each host, whatever its outcome. If it fails, the host has failed.
    after_host: Option<PathBuf>,
    /// Runs after each stage. If it fails, the run stops.
    after_stage: Option<PathBuf>,
    /// Runs when the run has failed, before any host is rolled back.
    on_failure: Option<PathBuf>,
    /// Runs before hosts are rolled back.
    on_rollback: Option<PathBuf>,
    /// Runs at the very end, however the run ended.
    after_run: Option<PathBuf>,
    /// How long a hook may run. Default: "5m".
    timeout: Option<HumanDuration>,
}

/// The hooks of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// The script of each hook.
    pub scripts: BTreeMap<HookName, PathBuf>,
    /// How long a hook may run.
    pub timeout: Duration,
}

impl HooksTable {
    /// This table, completed from a weaker one.
    #[must_use]
    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            before_run: self.before_run.or(weaker.before_run),
            before_stage: self.before_stage.or(weaker.before_stage),
            before_host: self.before_host.or(weaker.before_host),
            after_host: self.after_host.or(weaker.after_host),
            after_stage: self.after_stage.or(weaker.after_stage),
            on_failure: self.on_failure.or(weaker.on_failure),
            on_rollback: self.on_rollback.or(weaker.on_rollback),
            after_run: self.after_run.or(weaker.after_run),
            timeout: self.timeout.or(weaker.timeout),
        }
    }

    /// Resolves the paths.
    pub(super) fn checked(mut self, anchor: &Anchor) -> Result<Self, Problem> {
        for (name, path) in self.scripts_mut() {
            if let Some(path) = path {
                *path = anchor.resolve(path).map_err(|why| Problem::new(at([name.as_str()]), why))?;
            }
        }
        Ok(self)
    }

    /// Fills in what no layer sets.
    pub(super) fn complete(mut self) -> Hooks {
        let scripts = self.scripts_mut().into_iter().filter_map(|(name, path)| Some((name, path.take()?))).collect();
        Hooks { scripts, timeout: self.timeout.map_or(super::defaults::HOOK_TIMEOUT, Into::into) }
    }

    fn scripts_mut(&mut self) -> [(HookName, &mut Option<PathBuf>); 8] {
        [
            (HookName::BeforeRun, &mut self.before_run),
            (HookName::BeforeStage, &mut self.before_stage),
            (HookName::BeforeHost, &mut self.before_host),
            (HookName::AfterHost, &mut self.after_host),
            (HookName::AfterStage, &mut self.after_stage),
            (HookName::OnFailure, &mut self.on_failure),
            (HookName::OnRollback, &mut self.on_rollback),
            (HookName::AfterRun, &mut self.after_run),
        ]
    }
}

//! In which steps a deploy goes, by flags.

use clap::Args;

use crate::config::{OnFailure, OnStop, Overrides, Strategy};

/// In which steps, and what becomes of the fleet when one goes wrong.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "In which steps")]
pub(super) struct StrategyArgs {
    /// The steps: '1, check health, soak 5m check errors, 10%, approve ops, 100%', or a preset:
    /// all-at-once, canary, one-at-a-time, half-at-a-time
    #[arg(long, value_name = "STEPS")]
    steps: Option<Strategy>,
    /// When the deploy stops by itself, touched servers: stop (stay as they are) or rollback
    #[arg(long, value_name = "WHAT")]
    on_failure: Option<OnFailure>,
    /// When the deploy stops by itself, scripts that run: finish or kill
    #[arg(long, value_name = "WHAT")]
    on_stop: Option<OnStop>,
    /// Another number puts servers in another order, where nothing else says who goes first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
}

impl StrategyArgs {
    /// Adds what these flags set.
    pub(super) fn add_to(&self, overrides: &mut Overrides) {
        let deploy = &mut overrides.deploy;
        deploy.steps = self.steps.clone().or(deploy.steps.take());
        deploy.on_failure = self.on_failure.or(deploy.on_failure);
        deploy.on_stop = self.on_stop.or(deploy.on_stop);
    }
}

//! The steps of a deploy, by flags.

use clap::Args;

use crate::config::{OnFailure, OnStop, Overrides, Strategy};

/// The steps of a deploy, and what happens to the fleet when one fails.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Steps")]
pub(super) struct StrategyArgs {
    /// The steps: '1, check health, soak 5m check errors, 10%, approve ops, 100%', or a preset:
    /// all-at-once, canary, one-at-a-time, half-at-a-time
    #[arg(long, value_name = "STEPS")]
    steps: Option<Strategy>,
    /// What happens to touched servers when the deploy stops by itself: stop (nothing) or rollback
    #[arg(long, value_name = "WHAT")]
    on_failure: Option<OnFailure>,
    /// What happens to running scripts when the deploy stops by itself: finish or kill
    #[arg(long, value_name = "WHAT")]
    on_stop: Option<OnStop>,
    /// A number that varies the order of servers wherever nothing else decides it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
}

impl StrategyArgs {
    /// Adds the settings of these flags.
    pub(super) fn add_to(&self, overrides: &mut Overrides) {
        let deploy = &mut overrides.deploy;
        deploy.steps = self.steps.clone().or(deploy.steps.take());
        deploy.on_failure = self.on_failure.or(deploy.on_failure);
        deploy.on_stop = self.on_stop.or(deploy.on_stop);
    }
}

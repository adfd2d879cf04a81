//! Asks the hosts for their records before a run: they decide the order of the hosts, and how each is rolled back.

use std::{path::Path, sync::Arc};

use provider_core::Progress;

use super::{DeployError, pin_host_keys};
use crate::{
    config::{Deploy, Step, Strategy, Target, Written},
    inventory::Host,
    plan::{Means, Ordering, Revision, Rollback, RollbackScript, RunId, Survey},
    rollout::{Asking, Inquiry},
    transport::{RunAs, Transport, Vouched},
};

/// Asks a target's hosts.
pub(super) struct Surveyor<'a, P> {
    pub(super) target: &'a Target,
    pub(super) transport: &'a Arc<dyn Transport>,
    pub(super) known_hosts: &'a Path,
    pub(super) progress: &'a P,
}

impl<P: Progress + Asking> Surveyor<'_, P> {
    /// Puts hosts in the order in which they are worked on. If some go before others, asks each how it stands before a
    /// deploy of `revision`. If all are in one stage, they keep the order in which they are listed.
    pub(super) async fn in_order(
        &self,
        hosts: Vec<Host>,
        seed: u64,
        revision: Option<&Revision>,
    ) -> Result<(Vec<Host>, Option<Survey>), DeployError> {
        let deploy = &self.target.deploy;
        if !is_ordered(deploy) {
            return Ok((hosts, None));
        }
        let mut order = Ordering { canary: deploy.canary.clone(), seed, ..Ordering::default() };
        if order.canary.is_some() && !hosts.iter().any(|host| order.is_canary(host)) {
            return Err(DeployError::NoCanary { target: self.target.name.clone(), words: self.target.words.clone() });
        }
        let survey = match revision {
            Some(revision) if deploy.survey && is_staged(deploy) => {
                let survey = self.survey(&hosts, 0).await?;
                order.standings = survey.standings(revision);
                Some(survey)
            }
            Some(_) | None => None,
        };
        Ok((order.apply(hosts), survey))
    }

    /// Determines how each host is rolled back. Returns the hosts that are not left alone, in the order of a deploy;
    /// the rollback begins at the end.
    pub(super) async fn ways_back(
        &self,
        rollback: &mut Rollback,
        own: RunId,
        hosts: Vec<Host>,
    ) -> Result<(Vec<Host>, Survey), DeployError> {
        let deploy = &self.target.deploy;
        let survey = self.survey(&hosts, deploy.retries).await?;
        let runs = survey.runs();
        let goal = &mut rollback.goal;
        match goal.run {
            Some(run) if !runs.contains(&run) => {
                let (target, silent) = (self.target.name.clone(), survey.silent().count());
                let known = runs.into_iter().rev().collect();
                return Err(DeployError::UnknownRun { run, target, known, silent });
            }
            None if goal.to.is_none() => goal.run = runs.last().copied(),
            Some(_) | None => {}
        }
        let script = if deploy.rollback.is_some() { RollbackScript::Given } else { RollbackScript::None };
        rollback.ways = goal.ways(&survey, Means { own, script });
        let hosts: Vec<_> = hosts.into_iter().filter(|host| rollback.ways.contains_key(&host.id)).collect();
        if !is_ordered(deploy) {
            return Ok((hosts, survey));
        }
        let order = Ordering { canary: deploy.canary.clone(), ..Ordering::default() };
        Ok((order.apply(hosts), survey))
    }

    /// Asks all `hosts`, except those whose key is not vouched for.
    async fn survey(&self, hosts: &[Host], retries: u32) -> Result<Survey, DeployError> {
        let Self { target, transport, known_hosts, progress } = self;
        progress.begins();
        let without = pin_host_keys(target, hosts, known_hosts, *progress).await?;
        let vouched: Arc<dyn Transport> = Arc::new(Vouched::new(Arc::clone(transport), without));
        let inquiry = Inquiry {
            app: target.app.clone(),
            run_as: RunAs::of(target.deploy.sudo),
            concurrency: target.deploy.concurrency,
            retries,
        };
        Ok(inquiry.ask(hosts, &vouched, *progress).await)
    }
}

/// Whether the target says anything about the order of its hosts.
fn is_ordered(deploy: &Deploy) -> bool {
    deploy.canary.is_some() || deploy.steps != Strategy::default()
}

/// Whether the order matters: there are canaries, or more than one stage.
fn is_staged(deploy: &Deploy) -> bool {
    let stages = deploy.steps.steps.iter().filter(|Written { step, .. }| matches!(step, Step::Hosts(_)));
    deploy.canary.is_some() || stages.count() > 1
}

//! What is asked of one subscription, and how the answers join: five lists side by side, and three
//! more for each Uniform scale set that holds a match. Never a call per machine.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream, try_join};
use provider_core::{Instance, Selector};

use crate::{
    client::Client,
    config::AzureConfig,
    failure::Failure,
    machine::{Machine, ResourceId},
    network::{Network, Nic},
    response::instance,
};

/// How many scale sets are read at once. A cluster's node pools are scale sets, a subscription can have hundreds,
/// and the Resource Manager throttles per subscription.
const SETS_AT_ONCE: usize = 8;

/// Every machine of the subscription that is where `config` says and that `selector` matches, once.
pub(crate) async fn subscription(
    client: &Client,
    config: &AzureConfig,
    selector: &Selector,
) -> Result<Vec<Instance>, Failure> {
    let survey = Survey { client, config, selector };
    let (machines, states, nics, public_ips, members) = try_join!(
        client.machines(),
        client.power_states(),
        client.nics(),
        client.public_ips(),
        survey.uniform_sets(),
    )?;
    let power: HashMap<_, _> = states.iter().filter_map(|state| Some((&state.id, state.power()?))).collect();
    let power_of = |machine: &Machine| power.get(&machine.id).copied();
    let matches = machines.iter().filter_map(|machine| survey.matching(machine, power_of(machine))).collect();
    let mut found = survey.addressed(matches, &Network::new(nics, public_ips));
    found.extend(members);

    // A machine that comes or goes while a list is read shifts its pages, and one is read twice.
    let mut known = HashSet::new();
    found.retain(|instance| known.insert(instance.id.clone()));
    Ok(found)
}

struct Survey<'a> {
    client: &'a Client,
    config: &'a AzureConfig,
    selector: &'a Selector,
}

impl Survey<'_> {
    /// The matching instances of all Uniform scale sets.
    async fn uniform_sets(&self) -> Result<Vec<Instance>, Failure> {
        let sets = self.client.scale_sets().await?;
        let wanted = sets.into_iter().filter(|set| set.is_uniform() && self.config.wants_set(set));
        stream::iter(wanted)
            .map(|set| async move { self.uniform_set(&set.id).await })
            .buffered(SETS_AT_ONCE)
            .try_concat()
            .await
    }

    /// The matching instances of one; its network is asked about only if there are any.
    async fn uniform_set(&self, set: &ResourceId) -> Result<Vec<Instance>, Failure> {
        let members = match self.client.instances_of(set).await {
            Err(failure) if failure.is_gone() => return Ok(Vec::new()),
            members => members?,
        };
        let matches: Vec<_> = members.iter().filter_map(|member| self.matching(member, member.power())).collect();
        if matches.is_empty() {
            return Ok(Vec::new());
        }
        let nics = self.client.nics_of(set).await?;
        let has_public = nics.iter().any(Nic::has_public_address);
        let public_ips = if has_public { self.client.public_ips_of(set).await? } else { Vec::new() };
        Ok(self.addressed(matches, &Network::new(nics, public_ips)))
    }

    /// The machine and its instance, if tags and state match.
    fn matching<'m>(&self, machine: &'m Machine, power: Option<&str>) -> Option<(&'m Machine, Instance)> {
        let instance = instance(machine, power, self.client.subscription());
        self.selector.matches(&instance).then_some((machine, instance))
    }

    /// Those of `matches` that are where we were told to look, with their addresses.
    fn addressed(&self, matches: Vec<(&Machine, Instance)>, network: &Network) -> Vec<Instance> {
        let placed = matches.into_iter().filter(|(machine, _)| self.config.wants(machine, &network.names(machine)));
        placed.map(|(machine, instance)| Instance { addresses: network.addresses(machine), ..instance }).collect()
    }
}

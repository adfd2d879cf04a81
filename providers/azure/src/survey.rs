//! The queries for one subscription, and how the answers join: five lists concurrently, and three more for each Uniform
//! scale set with a match. Never a call per machine.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream, try_join};
use provider_core::{Instance, InstanceId, InstanceState, Selector};

use crate::{
    client::Client,
    config::AzureConfig,
    failure::Failure,
    machine::{Machine, PowerState, ResourceId},
    network::{Network, Nic},
    power::PowerStates,
    response::instance,
};

/// How many scale sets are read at once. A cluster's node pools are scale sets, so a subscription can have hundreds,
/// and the Resource Manager throttles per subscription.
const SETS_AT_ONCE: usize = 8;

/// Every machine of the subscription that is in `config`'s scope and that `selector` matches, once.
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
    let network = Network::new(nics, public_ips);
    let machines = survey.placed(machines, &network);
    let matches = survey.matching(machines, states, client.power_states()).await?;
    let mut found = addressed(matches, &network);
    found.extend(members);
    each_once(found)
}

/// The instances, each once. A machine that comes or goes while a list is read shifts its pages, so that one machine is
/// read twice. But if two machines had the same id, one would be deployed to in the other's name.
fn each_once(found: Vec<(ResourceId, Instance)>) -> Result<Vec<Instance>, Failure> {
    let mut known: HashMap<InstanceId, ResourceId> = HashMap::new();
    let mut instances = Vec::new();
    for (resource, instance) in found {
        match known.get(&instance.id) {
            Some(first) if *first == resource => {}
            Some(first) => {
                return Err(Failure::SharedId { id: instance.id, first: first.clone(), second: resource });
            }
            None => {
                known.insert(instance.id.clone(), resource);
                instances.push(instance);
            }
        }
    }
    Ok(instances)
}

struct Survey<'a> {
    client: &'a Client,
    config: &'a AzureConfig,
    selector: &'a Selector,
}

impl Survey<'_> {
    /// The matching instances of all Uniform scale sets.
    async fn uniform_sets(&self) -> Result<Vec<(ResourceId, Instance)>, Failure> {
        let sets = self.client.scale_sets().await?;
        let wanted = sets.into_iter().filter(|set| set.is_uniform() && self.config.wants_set(set));
        stream::iter(wanted)
            .map(|set| async move { self.uniform_set(&set.id).await })
            .buffered(SETS_AT_ONCE)
            .try_concat()
            .await
    }

    /// The matching instances of one set. Its network is queried only if there are any.
    async fn uniform_set(&self, set: &ResourceId) -> Result<Vec<(ResourceId, Instance)>, Failure> {
        let members = match self.client.instances_of(set).await {
            Err(failure) if failure.is_gone() => return Ok(Vec::new()),
            members => members?,
        };
        let members: Vec<_> = members.into_iter().filter(|member| self.config.wants(member)).collect();
        let states = members.iter().map(Machine::power_state).collect();
        let again = async { Ok(self.client.instances_of(set).await?.iter().map(Machine::power_state).collect()) };
        let matches = self.matching(members, states, again).await?;
        if matches.is_empty() {
            return Ok(Vec::new());
        }
        let nics = self.client.nics_of(set).await?;
        let has_public = nics.iter().any(Nic::has_public_address);
        let public_ips = if has_public { self.client.public_ips_of(set).await? } else { Vec::new() };
        let network = Network::new(nics, public_ips);
        let in_network = matches.into_iter().filter(|(member, _)| self.config.wants_networks(&network.names(member)));
        Ok(addressed(in_network, &network))
    }

    /// Those of `machines` that are in scope.
    fn placed(&self, machines: Vec<Machine>, network: &Network) -> Vec<Machine> {
        let wanted =
            |machine: &Machine| self.config.wants(machine) && self.config.wants_networks(&network.names(machine));
        machines.into_iter().filter(wanted).collect()
    }

    /// Those of `machines` whose tags and state match. `again` is awaited only if `states` lacks some.
    async fn matching(
        &self,
        machines: Vec<Machine>,
        states: Vec<PowerState>,
        again: impl Future<Output = Result<Vec<PowerState>, Failure>>,
    ) -> Result<Vec<(Machine, Instance)>, Failure> {
        let account = self.client.subscription();
        let tagged = |machine: &Machine| {
            let instance = instance(machine, InstanceState::Unknown, account);
            self.selector.tags.matches_by(|key| instance.tag(key))
        };
        let machines: Vec<_> = machines.into_iter().filter(tagged).collect();
        if let Some(nameless) = machines.iter().find(|machine| machine.properties.vm_id.trim().is_empty()) {
            return Err(Failure::EmptyId(nameless.id.clone()));
        }
        let mut known = PowerStates::default();
        known.learn(states);
        if machines.iter().any(|machine| known.of(machine).is_none()) {
            known.learn(again.await?);
        }
        let mut matches = Vec::new();
        for machine in machines {
            let state = match known.of(&machine) {
                Some(state) => state,
                None if known.has_failed(&machine) || self.selector.states.contains(&InstanceState::Unknown) => {
                    InstanceState::Unknown
                }
                None => return Err(Failure::NoPowerState(machine.id)),
            };
            let instance = instance(&machine, state, account);
            if self.selector.matches(&instance) {
                matches.push((machine, instance));
            }
        }
        Ok(matches)
    }
}

/// The instances of `matches`, with their addresses and under their resources' ids.
fn addressed(matches: impl IntoIterator<Item = (Machine, Instance)>, network: &Network) -> Vec<(ResourceId, Instance)> {
    let addressed = |(machine, instance): (Machine, Instance)| {
        let instance = Instance { addresses: network.addresses(&machine), ..instance };
        (machine.id, instance)
    };
    matches.into_iter().map(addressed).collect()
}

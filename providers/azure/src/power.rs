//! The state of each machine, which is in a separate list from its description. Pure.
//!
//! The two lists are taken at two moments, and the Resource Manager sometimes omits a power state. A machine whose
//! state is unknown would match no wanted state, and silently vanish.

use std::collections::HashMap;

use provider_core::InstanceState;

use crate::machine::{Machine, PowerState, ResourceId};

/// The known states, by machine.
#[derive(Debug, Default)]
pub(crate) struct PowerStates(HashMap<ResourceId, PowerState>);

impl PowerStates {
    /// Adds a list. Its states replace earlier ones; a state that it omits does not.
    pub(crate) fn learn(&mut self, list: impl IntoIterator<Item = PowerState>) {
        for said in list {
            let known = self.0.get(&said.id);
            if said.power().is_some() || known.is_none_or(|known| known.power().is_none()) {
                self.0.insert(said.id.clone(), said);
            }
        }
    }

    /// The state of the machine; `None` when the lists do not give one.
    pub(crate) fn of(&self, machine: &Machine) -> Option<InstanceState> {
        match self.0.get(&machine.id).and_then(PowerState::power) {
            Some(power) => Some(state(power)),
            // Before a machine has a physical host, and after it has lost it, it has no power state.
            None => match self.provisioning(machine)? {
                word if word.eq_ignore_ascii_case("Creating") => Some(InstanceState::Pending),
                word if word.eq_ignore_ascii_case("Deleting") => Some(InstanceState::Stopping),
                _ => None,
            },
        }
    }

    /// True when the machine's last change failed. A machine whose creation failed never gets a power state.
    pub(crate) fn has_failed(&self, machine: &Machine) -> bool {
        self.provisioning(machine).is_some_and(|word| word.eq_ignore_ascii_case("Failed"))
    }

    /// The state in the later list, else the one in the machine's description.
    fn provisioning<'s>(&'s self, machine: &'s Machine) -> Option<&'s str> {
        let said = self.0.get(&machine.id).and_then(|said| said.properties.provisioning_state.as_deref());
        said.or(machine.properties.provisioning_state.as_deref())
    }
}

/// The word after `PowerState/`.
fn state(power: &str) -> InstanceState {
    match power {
        "starting" => InstanceState::Pending,
        "running" => InstanceState::Running,
        "stopping" | "deallocating" => InstanceState::Stopping,
        "stopped" | "deallocated" => InstanceState::Stopped,
        _ => InstanceState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn machine(provisioning: &str) -> Machine {
        from_value(json!({"id": "/A", "name": "a", "properties": {"vmId": "1", "provisioningState": provisioning}}))
            .unwrap()
    }

    fn said(power: Option<&str>, provisioning: &Value) -> PowerState {
        let codes: Vec<_> = power.iter().map(|word| json!({"code": format!("PowerState/{word}")})).collect();
        let properties = json!({"provisioningState": provisioning, "instanceView": {"statuses": codes}});
        from_value(json!({"id": "/a", "properties": properties})).unwrap()
    }

    fn known(lists: impl IntoIterator<Item = PowerState>) -> PowerStates {
        let mut known = PowerStates::default();
        lists.into_iter().for_each(|list| known.learn([list]));
        known
    }

    #[test]
    fn every_power_state_has_a_meaning() {
        for (power, expected) in [
            ("starting", InstanceState::Pending),
            ("running", InstanceState::Running),
            ("stopping", InstanceState::Stopping),
            ("deallocating", InstanceState::Stopping),
            ("stopped", InstanceState::Stopped),
            ("deallocated", InstanceState::Stopped),
            ("dreaming", InstanceState::Unknown),
        ] {
            let states = known([said(Some(power), &json!("Creating"))]);
            assert_eq!(states.of(&machine("Succeeded")), Some(expected), "{power}");
        }
    }

    #[test]
    fn without_a_power_state_the_provisioning_state_may_tell() {
        for (described, later, expected) in [
            ("Creating", json!(null), Some(InstanceState::Pending)),
            ("succeeded", json!("deleting"), Some(InstanceState::Stopping)),
            ("Creating", json!("Succeeded"), None),
            ("Failed", json!(null), None),
        ] {
            let states = known([said(None, &later)]);
            assert_eq!(states.of(&machine(described)), expected, "{described} {later}");
        }
        assert_eq!(known([]).of(&machine("Creating")), Some(InstanceState::Pending));
        assert_eq!(known([]).of(&machine("Succeeded")), None);
        assert!(known([]).has_failed(&machine("failed")) && !known([]).has_failed(&machine("Succeeded")));
    }

    #[test]
    fn what_a_later_list_leaves_out_is_not_forgotten() {
        let (running, stopped) = (said(Some("running"), &json!(null)), said(Some("stopped"), &json!(null)));
        let silent = said(None, &json!(null));
        assert_eq!(known([running.clone(), silent.clone()]).of(&machine("")), Some(InstanceState::Running));
        assert_eq!(known([silent, running.clone()]).of(&machine("")), Some(InstanceState::Running));
        assert_eq!(known([running, stopped]).of(&machine("")), Some(InstanceState::Stopped));
    }
}

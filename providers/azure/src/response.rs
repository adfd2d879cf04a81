//! A machine as Azure describes it -> an [`Instance`]. Pure.

use std::collections::BTreeMap;

use provider_core::{Addresses, Instance, InstanceId, InstanceState, TagFilter};

use crate::{
    NAME,
    machine::{Image, Machine},
};

/// The instance without its addresses: those need a join that is worth making for matches only.
pub(crate) fn instance(machine: &Machine, power: Option<&str>, account: &str, asked: &TagFilter) -> Instance {
    let properties = &machine.properties;
    Instance {
        // Azure writes the same vmId in upper case here and in lower case there.
        id: InstanceId::new(properties.vm_id.to_lowercase()),
        provider: NAME,
        account: account.to_owned(),
        region: machine.location.clone(),
        zone: machine.zone().to_owned(),
        name: machine.name.clone(),
        addresses: Addresses::default(),
        state: power.map_or(InstanceState::Unknown, state),
        tag_keys: provider_core::TagKeys::IgnoreCase,
        image: properties.storage_profile.as_ref().and_then(|profile| image(profile.image_reference.as_ref()?)),
        launched: properties.time_created,
        tags: in_spelling_of(asked, machine.tags.clone().unwrap_or_default()),
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

/// `publisher:offer:sku:version` as the Azure CLI writes it, or the id of a custom image.
fn image(image: &Image) -> Option<String> {
    let words = [&image.publisher, &image.offer, &image.sku, &image.version];
    let urn: Option<Vec<&str>> = words.into_iter().map(Option::as_deref).collect();
    urn.map(|words| words.join(":")).or_else(|| image.id.clone())
}

/// Azure's tag keys have no case, the selector's have: a key that differs in case alone takes the
/// selector's spelling.
fn in_spelling_of(asked: &TagFilter, mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for (key, _) in asked.iter() {
        if tags.contains_key(key) {
            continue;
        }
        let spelled = tags.keys().find(|known| known.to_lowercase() == key.to_lowercase()).cloned();
        if let Some(value) = spelled.and_then(|known| tags.remove(&known)) {
            tags.insert(key.to_owned(), value);
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_machine_becomes_an_instance() {
        let machine: Machine = from_value(json!({
            "id": "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/Web-1",
            "name": "Web-1", "location": "westeurope", "zones": ["2"], "tags": {"Role": "web", "env": "prod"},
            "properties": {
                "vmId": "AB-1", "timeCreated": "2024-05-06T07:08:09.1234567+00:00",
                "storageProfile": {"imageReference": {"publisher": "p", "offer": "o", "sku": "s", "version": "v"}}
            }
        }))
        .unwrap();
        let asked: TagFilter = [("role", "web")].into_iter().collect();
        let instance = instance(&machine, Some("running"), "s", &asked);
        assert_eq!(instance.id.as_str(), "ab-1");
        assert_eq!(
            (instance.name.as_str(), instance.region.as_str(), instance.zone.as_str()),
            ("Web-1", "westeurope", "2")
        );
        assert_eq!((instance.account.as_str(), instance.state), ("s", InstanceState::Running));
        assert_eq!(instance.image.as_deref(), Some("p:o:s:v"));
        assert_eq!(instance.launched.unwrap().as_second(), 1_714_979_289);
        assert!(asked.matches(&instance.tags) && !instance.tags.contains_key("Role"));
        assert_eq!(instance.tags["env"], "prod");
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
            assert_eq!(state(power), expected, "{power}");
        }
    }

    #[test]
    fn a_custom_image_is_its_id() {
        let custom = Image { id: Some("/images/x".into()), version: Some("1".into()), ..Image::default() };
        assert_eq!(image(&custom).as_deref(), Some("/images/x"));
        assert_eq!(image(&Image::default()), None);
    }

    #[test]
    fn an_exact_key_wins_over_one_that_differs_in_case() {
        let tags = BTreeMap::from([("ROLE".to_owned(), "a".to_owned()), ("role".to_owned(), "b".to_owned())]);
        let asked: TagFilter = [("role", "b")].into_iter().collect();
        assert_eq!(in_spelling_of(&asked, tags.clone()), tags);
    }
}

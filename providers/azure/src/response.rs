//! A machine as Azure describes it -> an [`Instance`]. Pure.

use provider_core::{Addresses, Instance, InstanceId, InstanceState, TagKeys};

use crate::{
    NAME,
    machine::{Image, Machine},
};

/// The instance without its addresses, which need a join that is only worth making for matches.
pub(crate) fn instance(machine: &Machine, state: InstanceState, account: &str) -> Instance {
    let properties = &machine.properties;
    Instance {
        // Azure writes the same vmId sometimes in upper case and sometimes in lower case.
        id: InstanceId::new(properties.vm_id.to_lowercase()),
        provider: NAME,
        account: account.to_owned(),
        region: machine.location.clone(),
        zone: machine.zone().to_owned(),
        name: machine.name.clone(),
        addresses: Addresses::default(),
        state,
        image_name: None,
        resource_id: Some(machine.id.to_string()),
        tag_keys: TagKeys::IgnoreCase,
        image: properties.storage_profile.as_ref().and_then(|profile| image(profile.image_reference.as_ref()?)),
        launched: properties.time_created,
        tags: machine.tags.clone().unwrap_or_default(),
    }
}

/// `publisher:offer:sku:version` as the Azure CLI writes it, or the id of a custom image.
fn image(image: &Image) -> Option<String> {
    let words = [&image.publisher, &image.offer, &image.sku, &image.version];
    let urn: Option<Vec<&str>> = words.into_iter().map(Option::as_deref).collect();
    urn.map(|words| words.join(":")).or_else(|| image.id.clone())
}

#[cfg(test)]
mod tests {
    use provider_core::{Selector, TagFilter};
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
        let instance = instance(&machine, InstanceState::Running, "s");
        assert_eq!(instance.id.as_str(), "ab-1");
        assert_eq!(
            (instance.name.as_str(), instance.region.as_str(), instance.zone.as_str()),
            ("Web-1", "westeurope", "2")
        );
        assert_eq!((instance.account.as_str(), instance.state), ("s", InstanceState::Running));
        assert_eq!(instance.image.as_deref(), Some("p:o:s:v"));
        let path = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachines/web-1";
        assert_eq!(instance.resource_id.as_deref(), Some(path));
        assert_eq!(instance.launched.unwrap().as_second(), 1_714_979_289);
        let keys: Vec<_> = instance.tags.keys().collect();
        assert_eq!(keys, ["Role", "env"], "as Azure wrote them");
        let asked: TagFilter = [("role", "web"), ("ENV", "prod")].into_iter().collect();
        assert!(Selector::running(asked).matches(&instance));
    }

    #[test]
    fn a_custom_image_is_its_id() {
        let custom = Image { id: Some("/images/x".into()), version: Some("1".into()), ..Image::default() };
        assert_eq!(image(&custom).as_deref(), Some("/images/x"));
        assert_eq!(image(&Image::default()), None);
    }

    #[test]
    fn an_exact_key_wins_over_one_that_differs_in_case() {
        let machine: Machine = from_value(json!({
            "id": "/a", "name": "a", "tags": {"ROLE": "a", "role": "b"}, "properties": {"vmId": "1"}
        }))
        .unwrap();
        let instance = instance(&machine, InstanceState::Running, "s");
        assert_eq!((instance.tag("role"), instance.tag("ROLE"), instance.tags.len()), (Some("b"), Some("a"), 2));
    }
}

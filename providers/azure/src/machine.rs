//! The data of machines and scale sets that Fleetwide needs, and no more.
//!
//! Each type reads itself from the Resource Manager's JSON, so that an unused field can never stop a deploy. `client`
//! makes the same values from the SDK's strict models. If even these types cannot read a machine, the error names it.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A resource's path, `/subscriptions/…/resourceGroups/…/providers/…`, in lower case.
///
/// One resource is spelled `MIQ-VMS-EASTUS` in one answer and `miq-vms-eastus` in the next, so ids must ignore case to
/// join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ResourceId(String);

impl ResourceId {
    /// The id in lower case.
    pub(crate) fn new(id: &str) -> Self {
        Self(id.to_lowercase())
    }

    /// The resource's own name: the last segment.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The resource group; empty if there is none.
    pub(crate) fn group(&self) -> &str {
        self.segment("resourcegroups").unwrap_or_default()
    }

    /// The segment after `kind`: `segment("virtualnetworks")` of a subnet's id is its network.
    pub(crate) fn segment(&self, kind: &str) -> Option<&str> {
        let mut segments = self.0.split('/');
        segments.find(|segment| *segment == kind)?;
        segments.next()
    }

    /// The group and the name, if a path made of them leads to the resource and nowhere else.
    ///
    /// Azure's names hold no character with a meaning in an address, so an id with one is suspect.
    pub(crate) fn group_and_name(&self) -> Option<(&str, &str)> {
        let signs = |c: char| matches!(c, '?' | '#' | '%' | '\\') || c.is_control();
        let dots = self.0.split('/').any(|segment| matches!(segment, "." | ".."));
        let (group, name) = (self.group(), self.name());
        (!self.0.contains(signs) && !dots && !group.is_empty() && !name.is_empty()).then_some((group, name))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|id| Self::new(&id))
    }
}

/// `{ "id": … }`, which is how resources refer to each other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Reference {
    pub(crate) id: ResourceId,
}

/// A virtual machine, or an instance of a Uniform scale set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Machine {
    pub(crate) id: ResourceId,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) location: String,
    #[serde(default)]
    pub(crate) zones: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) properties: Properties,
}

/// The part of a machine that the Resource Manager keeps under `properties`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Properties {
    /// Never given to another machine, unlike the resource's id.
    pub(crate) vm_id: String,
    pub(crate) provisioning_state: Option<String>,
    pub(crate) instance_view: Option<InstanceView>,
    pub(crate) network_profile: Option<NetworkProfile>,
    pub(crate) os_profile: Option<OsProfile>,
    pub(crate) storage_profile: Option<StorageProfile>,
    /// Set for a Flexible set's member; for a Uniform one the list that it came from fills it in.
    pub(crate) virtual_machine_scale_set: Option<Reference>,
    /// `None` when it is not a time, because nothing depends on it.
    #[serde(default, deserialize_with = "time_or_nothing")]
    pub(crate) time_created: Option<Timestamp>,
}

fn time_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_str().and_then(|time| time.parse().ok()))
}

/// The current state of a machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct InstanceView {
    #[serde(default)]
    pub(crate) statuses: Option<Vec<Status>>,
}

/// One status of a machine: `ProvisioningState/succeeded`, `PowerState/running`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Status {
    pub(crate) code: Option<String>,
}

/// The interfaces of a machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkProfile {
    pub(crate) network_interfaces: Option<Vec<InterfaceReference>>,
}

/// One interface of a machine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct InterfaceReference {
    pub(crate) id: ResourceId,
    #[serde(default)]
    pub(crate) properties: Option<Primary>,
}

/// Whether it is the machine's first interface; set only if there are several.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Primary {
    pub(crate) primary: Option<bool>,
}

/// The machine's own name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OsProfile {
    pub(crate) computer_name: Option<String>,
}

/// The image that the machine was started from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StorageProfile {
    pub(crate) image_reference: Option<Image>,
}

/// A marketplace image has four words, a custom one an id.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: Option<String>,
    pub(crate) publisher: Option<String>,
    pub(crate) offer: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) version: Option<String>,
}

impl Machine {
    /// The first zone; empty if the machine has none.
    pub(crate) fn zone(&self) -> &str {
        self.zones.as_deref().and_then(<[_]>::first).map_or("", String::as_str)
    }

    /// The scale set it is a member of.
    pub(crate) fn scale_set(&self) -> Option<&ResourceId> {
        self.properties.virtual_machine_scale_set.as_ref().map(|set| &set.id)
    }

    /// The interfaces it refers to.
    pub(crate) fn interfaces(&self) -> &[InterfaceReference] {
        let profile = self.properties.network_profile.as_ref();
        profile.and_then(|profile| profile.network_interfaces.as_deref()).unwrap_or_default()
    }

    /// The power state in the list that it came from; the ordinary list has none.
    pub(crate) fn power_state(&self) -> PowerState {
        let Properties { instance_view, provisioning_state, .. } = &self.properties;
        let (instance_view, provisioning_state) = (instance_view.clone(), provisioning_state.clone());
        PowerState { id: self.id.clone(), properties: PowerProperties { instance_view, provisioning_state } }
    }
}

impl InstanceView {
    fn power(&self) -> Option<&str> {
        let codes = self.statuses.iter().flatten().filter_map(|status| status.code.as_deref());
        codes.filter_map(|code| code.split_once('/')).find(|(kind, _)| *kind == "PowerState").map(|(_, word)| word)
    }
}

/// One machine of the `statusOnly` list, which need not contain anything else.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct PowerState {
    pub(crate) id: ResourceId,
    #[serde(default)]
    pub(crate) properties: PowerProperties,
}

/// The part of it that the Resource Manager keeps under `properties`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PowerProperties {
    pub(crate) instance_view: Option<InstanceView>,
    pub(crate) provisioning_state: Option<String>,
}

impl PowerState {
    /// The word after `PowerState/`.
    pub(crate) fn power(&self) -> Option<&str> {
        self.properties.instance_view.as_ref().and_then(InstanceView::power)
    }
}

/// A scale set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ScaleSet {
    pub(crate) id: ResourceId,
    #[serde(default)]
    pub(crate) location: String,
    #[serde(default)]
    pub(crate) properties: ScaleSetProperties,
}

/// The part of a scale set that the Resource Manager keeps under `properties`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScaleSetProperties {
    pub(crate) orchestration_mode: Option<String>,
}

impl ScaleSet {
    /// False when its members are ordinary machines. Sets older than the setting do not have it; they are Uniform.
    pub(crate) fn is_uniform(&self) -> bool {
        let mode = self.properties.orchestration_mode.as_deref();
        !mode.is_some_and(|mode| mode.eq_ignore_ascii_case("Flexible"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_join_whatever_their_case_and_give_their_parts() {
        let id =
            ResourceId::new("/subscriptions/S/resourceGroups/MIQ-VMS/providers/Microsoft.Compute/virtualMachines/A");
        assert_eq!(id, ResourceId::new(&id.to_string().to_uppercase()));
        assert_eq!((id.group(), id.name()), ("miq-vms", "a"));
        assert_eq!(id.segment("virtualnetworks"), None);
    }

    #[test]
    fn an_id_that_would_lead_elsewhere_gives_no_path() {
        let id = |rest: &str| ResourceId::new(&format!("/subscriptions/s/resourceGroups/{rest}"));
        assert_eq!(id("G_(1)/x/Web.1").group_and_name(), Some(("g_(1)", "web.1")));
        for odd in
            ["g/x/a?b#../c", "g/x/a?", "g/x/a#", "g/x/%2e%2e", "g/x/..", "../x/a", "g/x/./a", "g/x/a\\b", "g/x/.\t."]
        {
            assert_eq!(id(odd).group_and_name(), None, "{odd}");
        }
        assert_eq!(id("/x/a").group_and_name(), None, "no group");
        assert_eq!(id("g/x/").group_and_name(), None, "no name");
    }

    #[test]
    fn null_and_absent_are_alike_and_a_number_for_tags_is_unreadable() {
        let bare = r#"{"id": "/x", "name": "x", "tags": null, "zones": null, "properties": {"vmId": "1"}}"#;
        let machine: Machine = serde_json::from_str(bare).unwrap();
        assert_eq!((machine.zone(), machine.power_state().power(), machine.interfaces().len()), ("", None, 0));
        let odd = bare.replace("\"tags\": null", "\"tags\": 7");
        assert!(serde_json::from_str::<Machine>(&odd).unwrap_err().to_string().contains("map"));
    }

    #[test]
    fn a_set_is_uniform_unless_it_says_otherwise() {
        let set = |properties: &str| -> ScaleSet {
            serde_json::from_str(&format!(r#"{{"id": "/x", "properties": {properties}}}"#)).unwrap()
        };
        assert!(set("{}").is_uniform() && set(r#"{"orchestrationMode": "Uniform"}"#).is_uniform());
        assert!(!set(r#"{"orchestrationMode": "Flexible"}"#).is_uniform());
    }
}

//! The calls for one subscription, and the only file that names the compute SDK.
//!
//! `azure_mgmt_compute` is the last release of its line. It makes the compute calls, and its strict models read the
//! answers. The needed part of a model becomes a type of [`crate::machine`] right here.

use std::{collections::BTreeMap, future::ready, sync::Arc};

use azure_core::time::OffsetDateTime;
use azure_core_mgmt::{
    ClientOptions, HttpClient, Pageable, RetryOptions, TransportOptions, auth::TokenCredential, error::Error,
};
use azure_mgmt_compute::package_2024_07_01::{
    self as compute,
    models::{self, OrchestrationMode},
};
use futures::TryStreamExt;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    credentials::Credentials,
    failure::Failure,
    listing::{Listing, Model, into_failure},
    machine::{
        Image, InstanceView, InterfaceReference, Machine, NetworkProfile, OsProfile, PowerProperties, PowerState,
        Primary, Properties, Reference, ResourceId, ScaleSet, ScaleSetProperties, Status, StorageProfile,
    },
    network::{Nic, PublicIp},
    wire::Wire,
};

/// The version of `Microsoft.Network` for the lists of interfaces and addresses.
const NETWORK_VERSION: &str = "2024-05-01";
/// The only version that lists interfaces and addresses of a scale set's instances; every SDK sends this one.
const SET_NETWORK_VERSION: &str = "2018-10-01";

/// One subscription. Each call reads one whole list.
#[derive(Debug)]
pub(crate) struct Client {
    wire: Arc<Wire>,
    credentials: Arc<Credentials>,
    subscription: String,
}

impl Client {
    /// Calls over `wire`, with `credentials`.
    pub(crate) fn new(wire: Arc<Wire>, credentials: Arc<Credentials>, subscription: String) -> Self {
        Self { wire, credentials, subscription }
    }

    /// The subscription's id.
    pub(crate) fn subscription(&self) -> &str {
        &self.subscription
    }

    /// All machines except the instances of Uniform scale sets. Their power state is not in this list.
    pub(crate) async fn machines(&self) -> Result<Vec<Machine>, Failure> {
        let listing = self.listing::<models::VirtualMachine>("virtualMachines");
        let list = self.sdk(&listing).virtual_machines_client().list_all(&self.subscription);
        drive(&listing, list.into_stream()).await
    }

    /// The power states of the same machines, in a separate list.
    pub(crate) async fn power_states(&self) -> Result<Vec<PowerState>, Failure> {
        let listing = self.listing::<StatusOnly>("virtualMachines statusOnly");
        let list = self.sdk(&listing).virtual_machines_client().list_all(&self.subscription).status_only("true");
        drive(&listing, list.into_stream()).await
    }

    /// All scale sets, Uniform and Flexible.
    pub(crate) async fn scale_sets(&self) -> Result<Vec<ScaleSet>, Failure> {
        let listing = self.listing::<models::VirtualMachineScaleSet>("virtualMachineScaleSets");
        let list = self.sdk(&listing).virtual_machine_scale_sets_client().list_all(&self.subscription);
        drive(&listing, list.into_stream()).await
    }

    /// The instances of a Uniform scale set, with their power state.
    pub(crate) async fn instances_of(&self, set: &ResourceId) -> Result<Vec<Machine>, Failure> {
        let listing = self.listing::<models::VirtualMachineScaleSetVm>("virtualMachineScaleSets/virtualMachines");
        let (group, name) = path_of(set)?;
        let client = self.sdk(&listing).virtual_machine_scale_set_v_ms_client();
        let list = client.list(group, name, &self.subscription).expand("instanceView");
        let mut instances = drive(&listing, list.into_stream()).await?;
        for instance in &mut instances {
            instance.properties.virtual_machine_scale_set = Some(Reference { id: set.clone() });
        }
        Ok(instances)
    }

    /// All network interfaces except those of Uniform scale sets.
    pub(crate) async fn nics(&self) -> Result<Vec<Nic>, Failure> {
        let path = format!("/subscriptions/{}/providers/Microsoft.Network/networkInterfaces", self.subscription);
        self.network::<Nic>("networkInterfaces", &path, NETWORK_VERSION).await
    }

    /// All public addresses except those of Uniform scale sets.
    pub(crate) async fn public_ips(&self) -> Result<Vec<PublicIp>, Failure> {
        let path = format!("/subscriptions/{}/providers/Microsoft.Network/publicIPAddresses", self.subscription);
        self.network::<PublicIp>("publicIPAddresses", &path, NETWORK_VERSION).await
    }

    /// The network interfaces of a Uniform scale set's instances.
    pub(crate) async fn nics_of(&self, set: &ResourceId) -> Result<Vec<Nic>, Failure> {
        let operation = "virtualMachineScaleSets/networkInterfaces";
        self.network::<Nic>(operation, &self.path_in(set, "networkInterfaces")?, SET_NETWORK_VERSION).await
    }

    /// The public addresses of a Uniform scale set's instances.
    pub(crate) async fn public_ips_of(&self, set: &ResourceId) -> Result<Vec<PublicIp>, Failure> {
        let operation = "virtualMachineScaleSets/publicIPAddresses";
        self.network::<PublicIp>(operation, &self.path_in(set, "publicIPAddresses")?, SET_NETWORK_VERSION).await
    }

    fn path_in(&self, set: &ResourceId, what: &str) -> Result<String, Failure> {
        let (subscription, (group, name)) = (&self.subscription, path_of(set)?);
        Ok(format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute\
             /virtualMachineScaleSets/{name}/{what}"
        ))
    }

    async fn network<M: Model>(
        &self,
        operation: &'static str,
        path: &str,
        version: &str,
    ) -> Result<Vec<M::Needed>, Failure> {
        let mut first = self.wire.endpoint().clone();
        first.set_path(path);
        first.query_pairs_mut().append_pair("api-version", version);
        self.listing::<M>(operation).read_all(first, &self.credentials).await
    }

    fn listing<M: Model>(&self, operation: &'static str) -> Arc<Listing<M>> {
        Arc::new(Listing::new(Arc::clone(&self.wire), operation))
    }

    /// A client whose every page passes through `listing`. The wire retries, so the SDK's pipeline must not.
    fn sdk<M: Model>(&self, listing: &Arc<Listing<M>>) -> compute::Client {
        let transport = TransportOptions::new(Arc::clone(listing) as Arc<dyn HttpClient>);
        let options = ClientOptions::new(transport).retry(RetryOptions::none());
        let credentials = Arc::clone(&self.credentials) as Arc<dyn TokenCredential>;
        compute::Client::new(self.wire.endpoint().clone(), credentials, Vec::new(), options)
    }
}

/// The scale set's group and name, which become part of an address that receives a token.
fn path_of(set: &ResourceId) -> Result<(&str, &str), Failure> {
    set.group_and_name().ok_or_else(|| Failure::OddId(set.clone()))
}

/// Lets the SDK page to the end of the list; `listing` collects the entries.
async fn drive<M: Model, P>(listing: &Listing<M>, pages: Pageable<P, Error>) -> Result<Vec<M::Needed>, Failure> {
    pages.try_for_each(|_| ready(Ok(()))).await.map_err(into_failure)?;
    Ok(listing.take())
}

impl Model for models::VirtualMachine {
    type Needed = Machine;
    const IS_MACHINE: bool = true;

    fn needed(self) -> Option<Machine> {
        let properties = self.properties?;
        Some(Machine {
            id: id(self.resource.id)?,
            name: self.resource.name?,
            location: self.resource.location,
            zones: Some(self.zones),
            tags: tags(self.resource.tags).ok()?,
            properties: Properties {
                vm_id: properties.vm_id?,
                provisioning_state: properties.provisioning_state,
                instance_view: properties.instance_view.map(|view| instance_view(view.statuses)),
                network_profile: match properties.network_profile {
                    Some(profile) => Some(network_profile(profile)?),
                    None => None,
                },
                os_profile: properties.os_profile.map(os_profile),
                storage_profile: properties.storage_profile.map(storage_profile),
                virtual_machine_scale_set: match properties.virtual_machine_scale_set {
                    Some(set) => Some(Reference { id: id(set.id)? }),
                    None => None,
                },
                time_created: properties.time_created.and_then(timestamp),
            },
        })
    }
}

impl Model for models::VirtualMachineScaleSetVm {
    type Needed = Machine;
    const IS_MACHINE: bool = true;

    fn needed(self) -> Option<Machine> {
        let properties = self.properties?;
        Some(Machine {
            id: id(self.resource.id)?,
            name: self.resource.name?,
            location: self.resource.location,
            zones: Some(self.zones),
            tags: tags(self.resource.tags).ok()?,
            properties: Properties {
                vm_id: properties.vm_id?,
                provisioning_state: properties.provisioning_state,
                instance_view: properties.instance_view.map(|view| instance_view(view.statuses)),
                network_profile: match properties.network_profile {
                    Some(profile) => Some(network_profile(profile)?),
                    None => None,
                },
                os_profile: properties.os_profile.map(os_profile),
                storage_profile: properties.storage_profile.map(storage_profile),
                virtual_machine_scale_set: None,
                time_created: properties.time_created.and_then(timestamp),
            },
        })
    }
}

/// The same model, read only for its power state: the `statusOnly` list need not hold the rest.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct StatusOnly(models::VirtualMachine);

impl Model for StatusOnly {
    type Needed = PowerState;

    fn needed(self) -> Option<PowerState> {
        let properties = self.0.properties.map_or_else(PowerProperties::default, |properties| PowerProperties {
            instance_view: properties.instance_view.map(|view| instance_view(view.statuses)),
            provisioning_state: properties.provisioning_state,
        });
        Some(PowerState { id: id(self.0.resource.id)?, properties })
    }
}

impl Model for models::VirtualMachineScaleSet {
    type Needed = ScaleSet;

    fn needed(self) -> Option<ScaleSet> {
        let mode = self.properties.and_then(|properties| properties.orchestration_mode);
        let orchestration_mode = mode.map(|mode| match mode {
            OrchestrationMode::Uniform => "Uniform".to_owned(),
            OrchestrationMode::Flexible => "Flexible".to_owned(),
            OrchestrationMode::UnknownValue(word) => word,
        });
        let properties = ScaleSetProperties { orchestration_mode };
        Some(ScaleSet { id: id(self.resource.id)?, location: self.resource.location, properties })
    }
}

fn id(id: Option<String>) -> Option<ResourceId> {
    id.map(|id| ResourceId::new(&id))
}

/// The models hold tags as arbitrary JSON.
fn tags(tags: Option<Value>) -> serde_json::Result<Option<BTreeMap<String, String>>> {
    serde_json::from_value(tags.unwrap_or_default())
}

fn instance_view(statuses: Vec<models::InstanceViewStatus>) -> InstanceView {
    InstanceView { statuses: Some(statuses.into_iter().map(|status| Status { code: status.code }).collect()) }
}

/// `None` if an interface has no id.
fn network_profile(profile: models::NetworkProfile) -> Option<NetworkProfile> {
    let reference = |interface: models::NetworkInterfaceReference| {
        let properties = interface.properties.map(|properties| Primary { primary: properties.primary });
        Some(InterfaceReference { id: id(interface.sub_resource.id)?, properties })
    };
    let network_interfaces = profile.network_interfaces.into_iter().map(reference).collect::<Option<_>>()?;
    Some(NetworkProfile { network_interfaces: Some(network_interfaces) })
}

fn os_profile(profile: models::OsProfile) -> OsProfile {
    OsProfile { computer_name: profile.computer_name }
}

fn storage_profile(profile: models::StorageProfile) -> StorageProfile {
    let image = |image: models::ImageReference| Image {
        id: image.sub_resource.id,
        publisher: image.publisher,
        offer: image.offer,
        sku: image.sku,
        version: image.version,
    };
    StorageProfile { image_reference: profile.image_reference.map(image) }
}

fn timestamp(time: OffsetDateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_strict_model_and_the_minimal_struct_read_the_same_machine() {
        let set = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachineScaleSets/Web";
        let entry = json!({
            "id": format!("{set}/virtualMachines/0"), "name": "web_0", "location": "westeurope", "zones": ["1"],
            "tags": {"Role": "web"},
            "properties": {
                "vmId": "AB", "provisioningState": "Updating", "timeCreated": "2024-05-06T07:08:09.1234567+00:00",
                "instanceView": {"statuses": [{"code": "ProvisioningState/succeeded"}, {"code": "PowerState/running"}]},
                "networkProfile": {"networkInterfaces": [{"id": "/nic/A", "properties": {"primary": true}}]},
                "osProfile": {"computerName": "web000000"},
                "storageProfile": {"imageReference": {"publisher": "p", "offer": "o", "sku": "s", "version": "v"}},
            }
        });
        let minimal: Machine = serde_json::from_value(entry.clone()).unwrap();
        let member: models::VirtualMachineScaleSetVm = serde_json::from_value(entry.clone()).unwrap();
        assert_eq!(member.needed().unwrap(), minimal);

        let mut entry = entry;
        entry["properties"]["virtualMachineScaleSet"] = json!({"id": set});
        let minimal: Machine = serde_json::from_value(entry.clone()).unwrap();
        let model: models::VirtualMachine = serde_json::from_value(entry.clone()).unwrap();
        assert_eq!(model.needed().unwrap(), minimal);
        assert_eq!((minimal.power_state().power(), minimal.scale_set().unwrap().name()), (Some("running"), "web"));
        assert_eq!(minimal.properties.time_created.unwrap().as_second(), 1_714_979_289);

        let power: PowerState = serde_json::from_value(entry.clone()).unwrap();
        let model: StatusOnly = serde_json::from_value(entry).unwrap();
        assert_eq!(model.needed().unwrap(), power);
    }

    #[test]
    fn what_the_models_let_through_is_not_taken_for_tags() {
        let entry = json!({"id": "/a", "name": "a", "location": "x", "tags": 7, "properties": {"vmId": "1"}});
        let model: models::VirtualMachine = serde_json::from_value(entry).unwrap();
        assert!(model.needed().is_none());
    }
}

//! Network interfaces and public addresses, which a machine's own description lacks.
//!
//! They belong to `Microsoft.Network`, which the compute SDK does not cover. These structs read only what is needed to
//! find the address of a machine.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use provider_core::Addresses;
use serde::Deserialize;

use crate::{
    listing::Model,
    machine::{InterfaceReference, Machine, Reference, ResourceId},
};

/// A network interface.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Nic {
    id: ResourceId,
    #[serde(default)]
    properties: NicProperties,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NicProperties {
    primary: Option<bool>,
    ip_configurations: Option<Vec<IpConfiguration>>,
    dns_settings: Option<NicDns>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NicDns {
    internal_fqdn: Option<String>,
    internal_domain_name_suffix: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct IpConfiguration {
    #[serde(default)]
    properties: IpProperties,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpProperties {
    primary: Option<bool>,
    #[serde(rename = "privateIPAddress")]
    private_ip_address: Option<String>,
    #[serde(rename = "publicIPAddress")]
    public_ip_address: Option<Reference>,
    subnet: Option<Reference>,
}

/// A public address.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PublicIp {
    id: ResourceId,
    #[serde(default)]
    properties: PublicIpProperties,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicIpProperties {
    ip_address: Option<String>,
    dns_settings: Option<PublicDns>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PublicDns {
    fqdn: Option<String>,
}

impl Model for Nic {
    type Needed = Self;

    fn needed(self) -> Option<Self> {
        Some(self)
    }
}

impl Model for PublicIp {
    type Needed = Self;

    fn needed(self) -> Option<Self> {
        Some(self)
    }
}

impl Nic {
    fn configurations(&self) -> impl Iterator<Item = &IpProperties> {
        self.properties.ip_configurations.iter().flatten().map(|configuration| &configuration.properties)
    }

    /// True when its public addresses must be looked up.
    pub(crate) fn has_public_address(&self) -> bool {
        self.configurations().any(|ip| ip.public_ip_address.is_some())
    }
}

/// Interfaces and public addresses by id, to be joined to machines.
#[derive(Debug, Default)]
pub(crate) struct Network {
    nics: HashMap<ResourceId, Nic>,
    public: HashMap<ResourceId, PublicIp>,
}

impl Network {
    /// The interfaces and public addresses of a subscription or a scale set.
    pub(crate) fn new(nics: Vec<Nic>, public: Vec<PublicIp>) -> Self {
        Self {
            nics: nics.into_iter().map(|nic| (nic.id.clone(), nic)).collect(),
            public: public.into_iter().map(|address| (address.id.clone(), address)).collect(),
        }
    }

    /// The virtual networks that the machine's interfaces are in.
    pub(crate) fn names(&self, machine: &Machine) -> Vec<&str> {
        let nics = machine.interfaces().iter().filter_map(|interface| self.nics.get(&interface.id));
        let subnets = nics.flat_map(Nic::configurations).filter_map(|ip| ip.subnet.as_ref());
        subnets.filter_map(|subnet| subnet.id.segment("virtualnetworks")).collect()
    }

    /// The addresses of the machine's primary interface, its primary configuration first.
    pub(crate) fn addresses(&self, machine: &Machine) -> Addresses {
        let Some(nic) = self.primary(machine) else { return Addresses::default() };
        let mut configurations: Vec<_> = nic.configurations().collect();
        configurations.sort_by_key(|ip| ip.primary != Some(true));

        let private = configurations.iter().filter_map(|ip| ip.private_ip_address.as_deref()?.parse().ok());
        let public: Vec<_> = configurations
            .iter()
            .filter_map(|ip| self.public.get(&ip.public_ip_address.as_ref()?.id))
            .map(|address| &address.properties)
            .collect();
        let public_ips = public.iter().filter_map(|address| address.ip_address.as_deref()?.parse().ok());
        let public_dns = public.iter().find_map(|address| address.dns_settings.as_ref()?.fqdn.clone());
        Addresses {
            private_ipv4: private.clone().find_map(v4),
            public_ipv4: public_ips.clone().find_map(v4),
            public_ipv6: public_ips.clone().find_map(v6),
            private_dns: nic.properties.dns_settings.as_ref().and_then(|dns| dns.name_of(machine)),
            public_dns,
            direct: None,
        }
    }

    /// The interface marked as primary by the machine or else by itself; else the first.
    fn primary(&self, machine: &Machine) -> Option<&Nic> {
        let called = |interface: &&InterfaceReference| {
            interface.properties.as_ref().is_some_and(|properties| properties.primary == Some(true))
        };
        let references = machine.interfaces();
        let by_machine = references.iter().find(called).and_then(|interface| self.nics.get(&interface.id));
        let mut known = references.iter().filter_map(|interface| self.nics.get(&interface.id));
        by_machine.or_else(|| known.clone().find(|nic| nic.properties.primary == Some(true))).or_else(|| known.next())
    }
}

impl NicDns {
    /// The explicit name, else the one that Azure's own DNS makes of the computer's name.
    fn name_of(&self, machine: &Machine) -> Option<String> {
        let computer = machine.properties.os_profile.as_ref()?.computer_name.as_deref();
        let made = || Some(format!("{}.{}", computer?, self.internal_domain_name_suffix.as_deref()?));
        self.internal_fqdn.clone().or_else(made)
    }
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn machine(interfaces: &Value) -> Machine {
        from_value(json!({
            "id": "/subscriptions/s/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/a", "name": "a",
            "properties": {
                "vmId": "1", "osProfile": {"computerName": "host-a"},
                "networkProfile": {"networkInterfaces": interfaces}
            }
        }))
        .unwrap()
    }

    fn nic(id: &str, configurations: &Value) -> Nic {
        from_value(json!({"id": id, "properties": {
            "ipConfigurations": configurations, "dnsSettings": {"internalDomainNameSuffix": "internal.example"}
        }}))
        .unwrap()
    }

    fn public(id: &str, address: &str) -> PublicIp {
        from_value(json!({"id": id, "properties": {"ipAddress": address, "dnsSettings": {"fqdn": "a.example"}}}))
            .unwrap()
    }

    #[test]
    fn the_primary_interface_and_configuration_win_and_ids_join_without_case() {
        let second = json!({"properties": {"privateIPAddress": "10.0.0.2", "primary": false}});
        let first = json!({"properties": {
            "privateIPAddress": "10.0.0.1", "primary": true, "publicIPAddress": {"id": "/IP/ONE"},
            "subnet": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/Shop/subnets/a"}
        }});
        let v6 = json!({"properties": {"privateIPAddress": "fd00::1", "publicIPAddress": {"id": "/ip/six"}}});
        let network = Network::new(
            vec![
                nic("/nic/other", &json!([{"properties": {"privateIPAddress": "10.9.9.9"}}])),
                nic("/NIC/main", &json!([second, first, v6])),
            ],
            vec![public("/ip/one", "203.0.113.7"), public("/ip/six", "2001:db8::7")],
        );
        let machine = machine(&json!([{"id": "/nic/OTHER"}, {"id": "/nic/MAIN", "properties": {"primary": true}}]));
        let addresses = network.addresses(&machine);
        assert_eq!(addresses.private_ipv4.unwrap().to_string(), "10.0.0.1");
        assert_eq!(addresses.public_ipv4.unwrap().to_string(), "203.0.113.7");
        assert_eq!(addresses.public_ipv6.unwrap().to_string(), "2001:db8::7");
        assert_eq!(addresses.private_dns.as_deref(), Some("host-a.internal.example"));
        assert_eq!(addresses.public_dns.as_deref(), Some("a.example"));
        assert_eq!(network.names(&machine), ["shop"]);
    }

    #[test]
    fn an_unknown_interface_gives_no_address() {
        let network = Network::new(vec![nic("/nic/a", &json!([]))], Vec::new());
        assert_eq!(network.addresses(&machine(&json!([{"id": "/nic/gone"}]))), Addresses::default());
        assert_eq!(network.addresses(&machine(&json!([]))), Addresses::default());
    }
}

//! EC2's answers in the vocabulary that all clouds share. Pure: no client, no clock.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use aws_sdk_ec2::{
    primitives::DateTime,
    types::{
        Image, Instance as Ec2Instance, InstanceIpv6Address, InstanceNetworkInterface, InstanceState as Ec2State,
        InstanceStateName, Placement, Region, Reservation, Tag,
    },
};
use jiff::Timestamp;
use provider_core::{Addresses, Instance, InstanceId, InstanceState, Selector};

use crate::{NAME, config::AwsConfig};

/// An instance or a region without a part that every one must have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The instance has no id.
    #[error("an instance of reservation `{reservation}` has no id")]
    NoId { reservation: String },
    /// Without its state, the instance may or may not be wanted.
    #[error("instance `{id}` is described without its state")]
    NoState { id: String },
    /// An address that is not one.
    #[error("instance `{id}` has the {what} `{text}`, which is not one")]
    Address { id: String, what: &'static str, text: String },
    /// A region that could not be queried, and would silently be missing.
    #[error("a region is listed without a name")]
    NamelessRegion,
    /// An account always has a region, so none is not an answer.
    #[error("not one region is listed that the account can use")]
    NoRegions,
}

/// The instances of one page that `selector` matches and that lie in `config`'s zones and VPCs.
///
/// Other instances need not be readable: a machine long terminated must not fail the rest.
pub(crate) fn instances(
    reservations: &[Reservation],
    region: &str,
    config: &AwsConfig,
    selector: &Selector,
) -> Result<Vec<Instance>, Unreadable> {
    let mut found = Vec::new();
    for reservation in reservations {
        for described in reservation.instances() {
            let tags = tags(described);
            if !config.covers(zone(described), described.vpc_id().unwrap_or_default()) || !selector.tags.matches(&tags)
            {
                continue;
            }
            let id = id(described, reservation)?;
            let state = match state(described) {
                Some(state) => state,
                None if selector.states.contains(&InstanceState::Unknown) => InstanceState::Unknown,
                None => return Err(Unreadable::NoState { id: id.to_owned() }),
            };
            if selector.states.contains(&state) {
                found.push(instance(described, id, state, tags, reservation, region)?);
            }
        }
    }
    Ok(found)
}

fn id<'a>(described: &'a Ec2Instance, reservation: &Reservation) -> Result<&'a str, Unreadable> {
    let nameless = || Unreadable::NoId { reservation: reservation.reservation_id().unwrap_or_default().to_owned() };
    described.instance_id().filter(|id| !id.is_empty()).ok_or_else(nameless)
}

fn instance(
    described: &Ec2Instance,
    id: &str,
    state: InstanceState,
    tags: BTreeMap<String, String>,
    reservation: &Reservation,
    region: &str,
) -> Result<Instance, Unreadable> {
    Ok(Instance {
        id: InstanceId::new(id),
        provider: NAME,
        account: reservation.owner_id().unwrap_or_default().to_owned(),
        region: region.to_owned(),
        zone: zone(described).to_owned(),
        name: tags.get("Name").filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| id.to_owned()),
        addresses: addresses(described, id)?,
        state,
        image: described.image_id().map(str::to_owned),
        image_name: None,
        resource_id: None,
        tag_keys: provider_core::TagKeys::Exact,
        launched: described.launch_time().and_then(timestamp),
        tags,
    })
}

fn zone(described: &Ec2Instance) -> &str {
    described.placement().and_then(Placement::availability_zone).unwrap_or_default()
}

fn tags(described: &Ec2Instance) -> BTreeMap<String, String> {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    described.tags().iter().filter_map(pair).collect()
}

fn addresses(described: &Ec2Instance, id: &str) -> Result<Addresses, Unreadable> {
    let ipv6 = described.ipv6_address().or_else(|| {
        let interfaces = described.network_interfaces().iter();
        interfaces.flat_map(InstanceNetworkInterface::ipv6_addresses).find_map(InstanceIpv6Address::ipv6_address)
    });
    Ok(Addresses {
        private_ipv4: address(id, "private IPv4 address", described.private_ip_address())?,
        public_ipv4: address(id, "public IPv4 address", described.public_ip_address())?,
        public_ipv6: address(id, "IPv6 address", ipv6)?,
        private_dns: named(described.private_dns_name()),
        public_dns: named(described.public_dns_name()),
        direct: None,
    })
}

/// EC2 writes an absent address as an empty element, or not at all.
fn address<T: FromStr + Into<IpAddr>>(
    id: &str,
    what: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Unreadable> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let unreadable = |_| Unreadable::Address { id: id.to_owned(), what, text: text.to_owned() };
    text.parse().map(Some).map_err(unreadable)
}

fn named(name: Option<&str>) -> Option<String> {
    name.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// `None` when the description gives none.
fn state(described: &Ec2Instance) -> Option<InstanceState> {
    let name = described.state().and_then(Ec2State::name).filter(|name| !name.as_str().is_empty())?;
    Some(match name {
        InstanceStateName::Pending => InstanceState::Pending,
        InstanceStateName::Running => InstanceState::Running,
        InstanceStateName::Stopping | InstanceStateName::ShuttingDown => InstanceState::Stopping,
        InstanceStateName::Stopped => InstanceState::Stopped,
        InstanceStateName::Terminated => InstanceState::Terminated,
        // The SDK's enum is open: states that it does not know yet end here.
        _ => InstanceState::Unknown,
    })
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

/// The names of images, by their ids.
pub(crate) fn image_names(listed: &[Image]) -> impl Iterator<Item = (String, String)> {
    listed.iter().filter_map(|image| Some((named(image.image_id())?, named(image.name())?)))
}

/// The names of the regions that the account can use. Every account can use some.
pub(crate) fn regions(listed: &[Region]) -> Result<Vec<String>, Unreadable> {
    let usable = listed.iter().filter(|region| region.opt_in_status() != Some("not-opted-in"));
    let name = |region: &Region| named(region.region_name()).ok_or(Unreadable::NamelessRegion);
    let names = usable.map(name).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() { Err(Unreadable::NoRegions) } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use provider_core::TagFilter;

    use super::*;

    fn reservation(instance: Ec2Instance) -> [Reservation; 1] {
        [Reservation::builder().reservation_id("r-1").owner_id("111122223333").instances(instance).build()]
    }

    fn any_state() -> Selector {
        let states = [
            InstanceState::Pending,
            InstanceState::Running,
            InstanceState::Stopping,
            InstanceState::Stopped,
            InstanceState::Terminated,
            InstanceState::Unknown,
        ];
        Selector { states: states.into(), ..Selector::running(TagFilter::default()) }
    }

    fn read(instance: Ec2Instance) -> Result<Vec<Instance>, Unreadable> {
        instances(&reservation(instance), "eu-west-1", &AwsConfig::default(), &any_state())
    }

    fn only(instance: Ec2Instance) -> Instance {
        let mut found = read(instance).expect("readable");
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    #[test]
    fn everything_is_translated() {
        let state = Ec2State::builder().code(16).name(InstanceStateName::Running).build();
        let interface = InstanceNetworkInterface::builder()
            .ipv6_addresses(InstanceIpv6Address::builder().ipv6_address("2001:db8::1").build())
            .build();
        let instance = only(
            Ec2Instance::builder()
                .instance_id("i-0abc")
                .image_id("ami-1")
                .state(state)
                .private_ip_address("10.0.0.1")
                .public_ip_address("192.0.2.1")
                .private_dns_name("ip-10-0-0-1.ec2.internal")
                .public_dns_name("")
                .network_interfaces(interface)
                .placement(Placement::builder().availability_zone("eu-west-1a").build())
                .launch_time(DateTime::from_millis(1_700_000_000_500))
                .tags(Tag::builder().key("Name").value("web1").build())
                .tags(Tag::builder().key("flag").build())
                .build(),
        );
        assert_eq!((instance.id.as_str(), instance.name.as_str()), ("i-0abc", "web1"));
        assert_eq!((instance.provider, instance.account.as_str()), (NAME, "111122223333"));
        assert_eq!((instance.region.as_str(), instance.zone.as_str()), ("eu-west-1", "eu-west-1a"));
        assert_eq!(instance.state, InstanceState::Running);
        assert_eq!(instance.image.as_deref(), Some("ami-1"));
        assert_eq!(instance.launched.map(|at| at.to_string()).as_deref(), Some("2023-11-14T22:13:20.5Z"));
        assert_eq!(instance.tags.get("flag").map(String::as_str), Some(""));
        let addresses = instance.addresses;
        assert_eq!(addresses.private_ipv4, "10.0.0.1".parse().ok());
        assert_eq!(addresses.public_ipv4, "192.0.2.1".parse().ok());
        assert_eq!(addresses.public_ipv6, "2001:db8::1".parse().ok());
        assert_eq!(addresses.private_dns.as_deref(), Some("ip-10-0-0-1.ec2.internal"));
        assert_eq!(addresses.public_dns, None, "an empty element is no name");
    }

    #[test]
    fn a_nameless_instance_is_called_by_its_id() {
        let instance = only(Ec2Instance::builder().instance_id("i-1").build());
        assert_eq!((instance.name.as_str(), instance.state), ("i-1", InstanceState::Unknown));
        let blank = Tag::builder().key("Name").value("").build();
        assert_eq!(only(Ec2Instance::builder().instance_id("i-1").tags(blank).build()).name, "i-1");
    }

    #[test]
    fn states_are_those_of_ec2() {
        let table = [
            ("pending", InstanceState::Pending),
            ("running", InstanceState::Running),
            ("stopping", InstanceState::Stopping),
            ("shutting-down", InstanceState::Stopping),
            ("stopped", InstanceState::Stopped),
            ("terminated", InstanceState::Terminated),
            ("dreaming", InstanceState::Unknown),
        ];
        for (name, expected) in table {
            let state = Ec2State::builder().name(name.into()).build();
            let instance = only(Ec2Instance::builder().instance_id("i-1").state(state).build());
            assert_eq!(instance.state, expected, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(read(Ec2Instance::builder().build()), Err(Unreadable::NoId { reservation: "r-1".into() }));
        let error = read(Ec2Instance::builder().instance_id("i-1").private_ip_address("10.0.0").build());
        assert!(error.expect_err("no address").to_string().contains("`i-1`"));
    }

    #[test]
    fn what_is_not_asked_for_need_not_be_readable() {
        let role = |value: &str| Tag::builder().key("role").value(value).build();
        let state = |name| Ec2State::builder().name(name).build();
        let broken = || Ec2Instance::builder().instance_id("i-1").private_ip_address("10.0.0");
        let read = |instance: Ec2Instance| {
            let selector = Selector::running([("role", "web")].into_iter().collect());
            instances(&reservation(instance), "eu-west-1", &AwsConfig::default(), &selector)
        };
        let terminated = broken().tags(role("web")).state(state(InstanceStateName::Terminated)).build();
        assert_eq!(read(terminated), Ok(Vec::new()));
        let other = broken().tags(role("db")).state(state(InstanceStateName::Running)).build();
        assert_eq!(read(other), Ok(Vec::new()));
        assert_eq!(read(broken().tags(role("db")).build()), Ok(Vec::new()));
        let wanted = broken().tags(role("web")).state(state(InstanceStateName::Running)).build();
        assert!(matches!(read(wanted), Err(Unreadable::Address { .. })));
        let stateless = Err(Unreadable::NoState { id: "i-1".to_owned() });
        assert_eq!(read(broken().tags(role("web")).build()), stateless);
        assert_eq!(read(broken().tags(role("web")).state(state("".into())).build()), stateless);
    }

    #[test]
    fn zones_and_vpcs_are_applied_here_too() {
        let config = AwsConfig { vpcs: vec!["vpc-1".into()], ..AwsConfig::default() };
        for (vpc, expected) in [("vpc-1", 1), ("vpc-2", 0)] {
            let instance = Ec2Instance::builder().instance_id("i-1").vpc_id(vpc).build();
            assert_eq!(
                instances(&reservation(instance), "r", &config, &any_state()).map(|found| found.len()),
                Ok(expected)
            );
        }
    }

    #[test]
    fn a_region_not_opted_into_is_left_out() {
        let region = |name: &str, status: &str| Region::builder().region_name(name).opt_in_status(status).build();
        let listed = [region("a", "opt-in-not-required"), region("b", "not-opted-in"), region("c", "opted-in")];
        assert_eq!(regions(&listed), Ok(vec!["a".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn no_region_is_lost_in_silence() {
        let named = Region::builder().region_name("a").build();
        for nameless in [Region::builder().build(), Region::builder().region_name("").build()] {
            assert_eq!(regions(&[named.clone(), nameless]), Err(Unreadable::NamelessRegion));
        }
        assert_eq!(regions(&[]), Err(Unreadable::NoRegions));
    }
}

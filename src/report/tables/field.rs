//! The fields of a host, by name: for columns, sorting and grouping.

use std::{borrow::Cow, cmp::Ordering, fmt, str::FromStr};

use provider_core::InstanceState;

use crate::inventory::{Host, natural};

/// One field of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The id, unique across clouds.
    Id,
    /// The display name.
    Name,
    /// The provider that found it.
    Provider,
    /// The account, project or subscription.
    Account,
    /// Its region.
    Region,
    /// Its zone.
    Zone,
    /// The address at which it is reached.
    Address,
    /// The port at which it is reached.
    Port,
    /// The login.
    User,
    /// Its state.
    State,
    /// The image it was started from.
    Image,
    /// When it was started.
    Launched,
    /// Its private IPv4 address.
    PrivateIpv4,
    /// Its public IPv4 address.
    PublicIpv4,
    /// Its public IPv6 address.
    PublicIpv6,
    /// Its private DNS name.
    PrivateDns,
    /// Its public DNS name.
    PublicDns,
    /// All tags.
    Tags,
    /// The value of one tag.
    Tag(String),
}

/// The fields with a fixed name.
const NAMED: [(&str, Field); 18] = [
    ("id", Field::Id),
    ("name", Field::Name),
    ("provider", Field::Provider),
    ("account", Field::Account),
    ("region", Field::Region),
    ("zone", Field::Zone),
    ("address", Field::Address),
    ("port", Field::Port),
    ("user", Field::User),
    ("state", Field::State),
    ("image", Field::Image),
    ("launched", Field::Launched),
    ("private_ipv4", Field::PrivateIpv4),
    ("public_ipv4", Field::PublicIpv4),
    ("public_ipv6", Field::PublicIpv6),
    ("private_dns", Field::PrivateDns),
    ("public_dns", Field::PublicDns),
    ("tags", Field::Tags),
];

impl Field {
    /// The value of this field for `host`; empty if it has none.
    pub(in crate::report) fn of<'h>(&self, host: &'h Host) -> Cow<'h, str> {
        let instance = &host.instance;
        let addresses = &instance.addresses;
        let text = |text: &'h Option<String>| Cow::Borrowed(text.as_deref().unwrap_or_default());
        let said = |value: Option<String>| Cow::Owned(value.unwrap_or_default());
        match self {
            Self::Id => host.id.as_str().into(),
            Self::Name => instance.name.as_str().into(),
            Self::Provider => instance.provider.as_str().into(),
            Self::Account => instance.account.as_str().into(),
            Self::Region => instance.region.as_str().into(),
            Self::Zone => instance.zone.as_str().into(),
            Self::Address => host.address.host.as_str().into(),
            Self::Port => said(host.address.port.map(|port| port.to_string())),
            Self::User => text(&host.address.user),
            Self::State => instance.state.as_str().into(),
            Self::Image => text(&instance.image),
            Self::Launched => said(instance.launched.map(|launched| launched.to_string())),
            Self::PrivateIpv4 => said(addresses.private_ipv4.map(|address| address.to_string())),
            Self::PublicIpv4 => said(addresses.public_ipv4.map(|address| address.to_string())),
            Self::PublicIpv6 => said(addresses.public_ipv6.map(|address| address.to_string())),
            Self::PrivateDns => text(&addresses.private_dns),
            Self::PublicDns => text(&addresses.public_dns),
            Self::Tags => {
                let pairs = instance.tags.iter().map(|(key, value)| match value.as_str() {
                    "" => key.clone(),
                    value => format!("{key}={value}"),
                });
                pairs.collect::<Vec<_>>().join(" ").into()
            }
            Self::Tag(key) => instance.tag(key).unwrap_or_default().into(),
        }
    }

    /// Compares two hosts by this field: numbers in names count as numbers, missing values come last.
    fn compare(&self, a: &Host, b: &Host) -> Ordering {
        match self {
            Self::Launched => missing_last(a.instance.launched, b.instance.launched, Ord::cmp),
            Self::State => state_rank(a.instance.state).cmp(&state_rank(b.instance.state)),
            Self::PublicIpv4 => {
                missing_last(a.instance.addresses.public_ipv4, b.instance.addresses.public_ipv4, Ord::cmp)
            }
            Self::PublicIpv6 => {
                missing_last(a.instance.addresses.public_ipv6, b.instance.addresses.public_ipv6, Ord::cmp)
            }
            _ => {
                let some = |host| Some(self.of(host)).filter(|text| !text.is_empty());
                missing_last(some(a), some(b), |a, b| natural(a, b))
            }
        }
    }
}

/// Compares present values by `order`; missing ones come after them.
fn missing_last<T>(a: Option<T>, b: Option<T>, order: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => order(&a, &b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// The position in the order of a machine's life.
fn state_rank(state: InstanceState) -> Option<usize> {
    InstanceState::ALL.iter().position(|known| *known == state)
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(key) => write!(f, "tag:{key}"),
            named => f.write_str(NAMED.iter().find(|(_, field)| field == named).map_or("", |(name, _)| name)),
        }
    }
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let word = word.trim();
        if let Some(key) = word.strip_prefix("tag:").filter(|key| !key.is_empty()) {
            return Ok(Self::Tag(key.to_owned()));
        }
        let known = NAMED.iter().find(|(name, _)| *name == word);
        known.map(|(_, field)| field.clone()).ok_or_else(|| UnknownField(word.to_owned()))
    }
}

/// A word that is not the name of a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no `{0}` (known: {known}, tag:KEY)", known = NAMED.map(|(name, _)| name).join(", "))]
pub struct UnknownField(String);

/// One field to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    field: Field,
    /// In descending order.
    reverse: bool,
}

impl FromStr for SortKey {
    type Err = UnknownField;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let (reverse, name) = word.trim().strip_prefix('-').map_or((false, word), |name| (true, name));
        Ok(Self { field: name.parse()?, reverse })
    }
}

/// Sorts by each of `keys` in turn. Hosts that are equal in all keep their order.
pub fn sort(hosts: &mut [Host], keys: &[SortKey]) {
    hosts.sort_by(|a, b| {
        keys.iter().fold(Ordering::Equal, |order, SortKey { field, reverse }| {
            order.then_with(|| {
                // Missing values stay last in either direction.
                let missing = field.of(a).is_empty().cmp(&field.of(b).is_empty());
                let there = field.compare(a, b);
                missing.then(if *reverse { there.reverse() } else { there })
            })
        })
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::host;

    fn names(hosts: &[Host]) -> Vec<&str> {
        hosts.iter().map(|host| host.instance.name.as_str()).collect()
    }

    fn by(hosts: &mut [Host], keys: &[&str]) {
        let keys: Vec<SortKey> = keys.iter().map(|key| key.parse().expect("a key")).collect();
        sort(hosts, &keys);
    }

    #[test]
    fn every_name_reads_as_it_prints_and_others_are_told_the_known_ones() {
        for (name, field) in NAMED {
            assert_eq!(name.parse(), Ok(field.clone()));
            assert_eq!(field.to_string(), name);
        }
        assert_eq!("tag:a:b".parse(), Ok(Field::Tag("a:b".into())));
        insta::assert_snapshot!("tag:".parse::<Field>().expect_err("no key"), @"there is no `tag:` (known: id, name, provider, account, region, zone, address, port, user, state, image, launched, private_ipv4, public_ipv4, public_ipv6, private_dns, public_dns, tags, tag:KEY)");
        assert!("-".parse::<SortKey>().is_err() && "Name".parse::<Field>().is_err());
    }

    #[test]
    fn sorting_counts_as_people_do_and_leaves_what_is_missing_to_the_end() {
        let mut hosts = vec![host("i-1", "web-10"), host("i-2", "web-9"), host("i-3", "db-1")];
        hosts[0].instance.launched = "2027-01-01T00:00:00Z".parse().ok();
        hosts[1].instance.launched = "2027-02-01T00:00:00Z".parse().ok();
        by(&mut hosts, &["name"]);
        assert_eq!(names(&hosts), ["db-1", "web-9", "web-10"]);
        by(&mut hosts, &["-name"]);
        assert_eq!(names(&hosts), ["web-10", "web-9", "db-1"]);
        by(&mut hosts, &["-launched"]);
        assert_eq!(names(&hosts), ["web-9", "web-10", "db-1"]);
        by(&mut hosts, &["launched"]);
        assert_eq!(names(&hosts), ["web-10", "web-9", "db-1"]);
        by(&mut hosts, &["tag:role", "state", "-id"]);
        assert_eq!(names(&hosts), ["db-1", "web-9", "web-10"]);
    }
}

//! Choosing some of the discovered hosts, as a person names them: `--hosts`, `--failed-of`, `--limit`. Pure.
//!
//! Discovery itself is never narrowed: every cloud is asked for everything, and `min_hosts` applies to the whole
//! answer. Hosts are chosen only then. A name that matches no host is an error, so that a typing error does not turn
//! into "nothing to do".

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
};

use provider_core::Addresses;
use wildmatch::WildMatch;

use super::{
    host::{Host, HostId},
    ranges::unfold,
};

/// The choice of hosts; all of them, unless something is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Names, ids or addresses; `*` and `?` are wildcards, and `web-[01-03,7]` is four names.
    pub names: Vec<String>,
    /// Hosts that an earlier run did not finish.
    pub unfinished: Option<BTreeSet<HostId>>,
    /// At most this many hosts, spread over providers and zones.
    pub limit: Option<NonZeroUsize>,
}

/// The chosen hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// In the order of the inventory.
    pub hosts: Vec<Host>,
    /// How many hosts there were to choose from.
    pub of: usize,
    /// Hosts of the earlier run that no longer exist.
    pub vanished: Vec<HostId>,
}

impl Narrowing {
    /// Chooses from all of `hosts`.
    ///
    /// # Errors
    /// When a name matches no host, or when no host is left.
    pub fn choose(&self, mut hosts: Vec<Host>) -> Result<Narrowed, NarrowError> {
        let of = hosts.len();
        // A name must match one of all hosts, whatever the other options leave.
        let named = (!self.names.is_empty()).then(|| named(&self.names, &hosts)).transpose()?;
        let mut vanished = Vec::new();
        if let Some(unfinished) = &self.unfinished {
            let there: BTreeSet<_> = hosts.iter().map(|host| &host.id).collect();
            vanished = unfinished.iter().filter(|id| !there.contains(id)).cloned().collect();
            hosts.retain(|host| unfinished.contains(&host.id));
            if hosts.is_empty() {
                return Err(NarrowError::NoneLeft { unfinished: unfinished.len(), of });
            }
        }
        if let Some(named) = named {
            hosts.retain(|host| named.contains(&host.id));
            if hosts.is_empty() {
                return Err(NarrowError::NoneNamed);
            }
        }
        if let Some(limit) = self.limit {
            spread(&mut hosts, limit.get());
        }
        Ok(Narrowed { hosts, of, vanished })
    }
}

/// The hosts that `patterns` match. Each pattern must match at least one.
fn named(patterns: &[String], hosts: &[Host]) -> Result<BTreeSet<HostId>, NarrowError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        match (meant(pattern, hosts), unfold(pattern)) {
            (Some(ids), _) => found.extend(ids),
            (None, Some(names)) => {
                for name in names {
                    found.extend(meant(&name, hosts).ok_or_else(|| no_such_host(&name, hosts))?);
                }
            }
            (None, None) => return Err(no_such_host(pattern, hosts)),
        }
    }
    Ok(found)
}

/// The hosts that one pattern matches, if any.
fn meant(pattern: &str, hosts: &[Host]) -> Option<Vec<HostId>> {
    let glob = WildMatch::new(pattern);
    let is_meant = |host: &&Host| names_of(host).iter().any(|name| glob.matches(name));
    let ids: Vec<_> = hosts.iter().filter(is_meant).map(|host| host.id.clone()).collect();
    (!ids.is_empty()).then_some(ids)
}

fn no_such_host(name: &str, hosts: &[Host]) -> NarrowError {
    NarrowError::NoSuchHost { name: name.to_owned(), near: near(name, hosts), known: sample(hosts), of: hosts.len() }
}

/// All names by which a person may call a host.
fn names_of(host: &Host) -> Vec<String> {
    let Addresses { private_ipv4, public_ipv4, public_ipv6, private_dns, public_dns, direct: _ } =
        &host.instance.addresses;
    let mut names =
        vec![host.instance.name.clone(), host.id.to_string(), host.instance.id.to_string(), host.address.host.clone()];
    names.extend([private_ipv4, public_ipv4].into_iter().flatten().map(ToString::to_string));
    names.extend(public_ipv6.map(|address| address.to_string()));
    names.extend([private_dns, public_dns].into_iter().flatten().cloned());
    names
}

/// Names that `word` may have meant, the nearest first.
fn near(word: &str, hosts: &[Host]) -> Vec<String> {
    const SHOWN: usize = 3;
    // With more than half of the letters wrong it is another word. Long words are not worth measuring.
    let length = word.chars().count();
    if length > 64 {
        return Vec::new();
    }
    let wanted = word.to_lowercase();
    let mut found = BTreeSet::new();
    for name in hosts.iter().flat_map(names_of) {
        let lower = name.to_lowercase();
        let distance = if !wanted.is_empty() && lower.contains(&wanted) {
            0
        } else {
            strsim::damerau_levenshtein(&wanted, &lower)
        };
        if distance <= (length / 2).max(1) {
            found.insert((distance, name));
        }
    }
    found.into_iter().map(|(_, name)| name).take(SHOWN).collect()
}

/// The first few names.
fn sample(hosts: &[Host]) -> Vec<String> {
    const SHOWN: usize = 5;
    let names: BTreeSet<_> = hosts.iter().map(|host| host.instance.name.clone()).collect();
    names.into_iter().take(SHOWN).collect()
}

/// Keeps `limit` hosts in their order: the first of every zone before the second of any, with providers in turn. So a
/// few hosts represent the fleet, and they are the same ones each time.
fn spread(hosts: &mut Vec<Host>, limit: usize) {
    let mut zones: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let mut ranks: Vec<(usize, usize, usize)> = Vec::new();
    let mut zones_of: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for host in hosts.iter() {
        let instance = &host.instance;
        let provider = instance.provider.as_str().to_owned();
        zones_of.entry(provider).or_default().insert((instance.region.clone(), instance.zone.clone()));
    }
    for (place, host) in hosts.iter().enumerate() {
        let instance = &host.instance;
        let provider = instance.provider.as_str().to_owned();
        let zone = (instance.region.clone(), instance.zone.clone());
        let nth_zone = zones_of[&provider].iter().position(|known| *known == zone).unwrap_or_default();
        let in_zone = zones.entry((provider, zone.0, zone.1)).or_default();
        ranks.push((*in_zone, nth_zone, place));
        *in_zone += 1;
    }
    ranks.sort_unstable();
    let kept: BTreeSet<usize> = ranks.into_iter().take(limit).map(|(_, _, place)| place).collect();
    let mut place = 0..;
    hosts.retain(|_| place.next().is_some_and(|place| kept.contains(&place)));
}

/// The wanted hosts do not exist.
#[derive(Debug, thiserror::Error)]
pub enum NarrowError {
    /// A name that no discovered host has.
    #[error("`{name}` is none of the {of} hosts that were found{}", so_near(near))]
    NoSuchHost {
        /// The name as it was written.
        name: String,
        /// Similar names.
        near: Vec<String>,
        /// Some existing names.
        known: Vec<String>,
        /// How many hosts there are.
        of: usize,
    },
    /// No host that an earlier run left unfinished exists any more.
    #[error("{}", none_left(*unfinished, *of))]
    NoneLeft {
        /// How many hosts that run left unfinished.
        unfinished: usize,
        /// How many hosts were found.
        of: usize,
    },
    /// The named hosts are not among those that an earlier run left unfinished.
    #[error("none of the named hosts is one that did not succeed in that run")]
    NoneNamed,
}

fn so_near(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; near to it: {}", near.join(", ")) }
}

fn none_left(unfinished: usize, of: usize) -> String {
    match unfinished {
        0 => "nothing is left to do: every host of that run succeeded".to_owned(),
        1 => format!("the host that did not succeed in that run is none of the {of} that were found"),
        n => format!("none of the {n} hosts that did not succeed in that run is among the {of} that were found"),
    }
}

#[cfg(test)]
mod tests {
    use provider_core::ProviderName;

    use super::*;
    use crate::inventory::testing::host;

    fn fleet() -> Vec<Host> {
        let mut hosts = Vec::new();
        for (provider, zone, name, last) in [
            ("aws", "eu-west-1a", "web-1", 1),
            ("aws", "eu-west-1a", "web-2", 2),
            ("aws", "eu-west-1b", "web-3", 3),
            ("gcp", "europe-west1-b", "api-1", 4),
            ("gcp", "europe-west1-b", "web-1", 5),
        ] {
            let mut host = host(&format!("i-{last}"), name);
            host.instance.provider = ProviderName::new(provider);
            host.instance.zone = zone.to_owned();
            host.id = HostId::new(&host.instance.provider, &host.instance.id);
            host.address.host = format!("10.0.0.{last}");
            host.instance.addresses.private_ipv4 = Some([10, 0, 0, last].into());
            hosts.push(host);
        }
        hosts
    }

    fn ids(narrowed: &Narrowed) -> Vec<&str> {
        narrowed.hosts.iter().map(|host| host.id.as_str()).collect()
    }

    fn by_name(names: &[&str]) -> Result<Narrowed, NarrowError> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Narrowing { names, ..Narrowing::default() }.choose(fleet())
    }

    #[test]
    fn nothing_set_means_all() {
        let all = Narrowing::default().choose(fleet()).expect("all");
        assert_eq!((all.hosts.len(), all.of), (5, 5));
    }

    #[test]
    fn a_name_an_id_and_an_address_all_mean_a_host() {
        assert_eq!(ids(&by_name(&["web-2"]).expect("a name")), ["aws:i-2"]);
        assert_eq!(ids(&by_name(&["gcp:i-4", "i-3"]).expect("ids")), ["aws:i-3", "gcp:i-4"]);
        assert_eq!(ids(&by_name(&["10.0.0.5"]).expect("an address")), ["gcp:i-5"]);
        assert_eq!(ids(&by_name(&["web-1"]).expect("two of one name")), ["aws:i-1", "gcp:i-5"]);
        let globbed = by_name(&["web-?", "gcp:*"]).expect("globs");
        assert_eq!((ids(&globbed).len(), globbed.of), (5, 5));
    }

    #[test]
    fn a_name_that_means_nothing_is_an_error_that_names_its_neighbours() {
        let error = by_name(&["web-2", "wbe-3"]).expect_err("a slip").to_string();
        insta::assert_snapshot!(error, @"`wbe-3` is none of the 5 hosts that were found; near to it: web-3, web-1, web-2");
        let error = by_name(&[""]).expect_err("an unset variable").to_string();
        insta::assert_snapshot!(error, @"`` is none of the 5 hosts that were found");
        assert!(by_name(&["db-*"]).is_err() && by_name(&["10.0.0.99"]).is_err());
        assert!(by_name(&[&"x".repeat(10_000)]).is_err());
    }

    #[test]
    fn names_are_read_back_as_the_screens_fold_them() {
        assert_eq!(ids(&by_name(&["web-[2-3]"]).expect("two")), ["aws:i-2", "aws:i-3"]);
        assert_eq!(ids(&by_name(&["10.0.0.[1,4-5]"]).expect("three")), ["aws:i-1", "gcp:i-4", "gcp:i-5"]);
        let error = by_name(&["web-[2-9999999999999]"]).expect_err("each must mean a host");
        assert!(matches!(error, NarrowError::NoSuchHost { name, .. } if name == "web-4"));
        // A host with exactly this name is meant.
        let mut odd = fleet();
        odd[3].instance.name = "web-[2-3]".to_owned();
        let narrowing = Narrowing { names: vec!["web-[2-3]".to_owned()], ..Narrowing::default() };
        assert_eq!(ids(&narrowing.choose(odd).expect("one")), ["gcp:i-4"]);
    }

    #[test]
    fn a_few_are_spread_over_zones_and_are_always_the_same() {
        let few = |limit| {
            let narrowing = Narrowing { limit: NonZeroUsize::new(limit), ..Narrowing::default() };
            ids(&narrowing.choose(fleet()).expect("some")).join(" ")
        };
        assert_eq!(few(1), "aws:i-1");
        assert_eq!(few(2), "aws:i-1 gcp:i-4");
        assert_eq!(few(3), "aws:i-1 aws:i-3 gcp:i-4");
        assert_eq!(few(4), "aws:i-1 aws:i-2 aws:i-3 gcp:i-4");
        assert_eq!(few(9).split(' ').count(), 5);
    }

    #[test]
    fn what_an_earlier_run_left_undone_is_chosen_and_what_is_gone_is_said() {
        let of_run = |ids: &[&str]| {
            let ids = ids.iter().map(|id| {
                let (provider, id) = id.split_once(':').expect("an id");
                HostId::new(
                    &ProviderName::new(if provider == "aws" { "aws" } else { "gcp" }),
                    &provider_core::InstanceId::new(id),
                )
            });
            Narrowing { unfinished: Some(ids.collect()), ..Narrowing::default() }.choose(fleet())
        };
        let some = of_run(&["aws:i-2", "aws:i-77"]).expect("one");
        assert_eq!((ids(&some), some.vanished.len()), (vec!["aws:i-2"], 1));
        assert!(of_run(&[]).expect_err("all succeeded").to_string().contains("nothing is left to do"));
        assert!(of_run(&["aws:i-77"]).expect_err("gone").to_string().contains("none of the 5"));
    }
}

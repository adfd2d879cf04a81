//! Which hosts go first: canaries, then hosts that failed or are behind, then the rest, spread over clouds, regions and
//! zones.
//!
//! The order is the same from run to run, in whatever order the clouds answer; another seed gives another order.

use std::collections::{BTreeMap, HashMap};

use provider_core::TagFilter;
use sha2::{Digest, Sha256};

use crate::inventory::{Host, HostId};

/// The state of a host before a deploy. Hosts are taken in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The last script there failed.
    Unwell,
    /// It has neither the new revision nor the one that most hosts have.
    Behind,
    /// It has the revision that most hosts have, or was not asked.
    Usual,
    /// It has the new revision already.
    Current,
    /// It did not answer, or a script is running there: a deploy would learn nothing else from it.
    Unready,
}

/// The order of the hosts.
#[derive(Clone, Debug, Default)]
pub struct Ordering {
    /// Tags of the hosts that go first in any case.
    pub canary: Option<TagFilter>,
    /// The standing of each host.
    pub standings: HashMap<HostId, Standing>,
    /// Another number gives another order among equals.
    pub seed: u64,
}

impl Ordering {
    /// Puts hosts in order.
    pub fn apply(&self, hosts: Vec<Host>) -> Vec<Host> {
        let mut classes: BTreeMap<(bool, Standing), Vec<Host>> = BTreeMap::new();
        for host in hosts {
            let later = !self.is_canary(&host);
            classes.entry((later, self.standing(&host))).or_default().push(host);
        }
        classes.into_values().flat_map(|class| self.spread(class)).collect()
    }

    /// Whether the host is tagged to go first.
    pub fn is_canary(&self, host: &Host) -> bool {
        self.canary.as_ref().is_some_and(|tags| tags.matches(&host.instance.tags))
    }

    fn standing(&self, host: &Host) -> Standing {
        self.standings.get(&host.id).copied().unwrap_or(Standing::Usual)
    }

    /// Takes hosts from every zone in proportion, from large zones first. So the last host of a zone comes after all
    /// hosts that leave another one in their zone.
    fn spread(&self, hosts: Vec<Host>) -> Vec<Host> {
        let mut zones: BTreeMap<(String, String, String), Vec<Host>> = BTreeMap::new();
        for host in hosts {
            let instance = &host.instance;
            let zone = (instance.provider.to_string(), instance.region.clone(), instance.zone.clone());
            zones.entry(zone).or_default().push(host);
        }
        let mut places: Vec<Place> = Vec::new();
        for (zone, mut hosts) in zones {
            hosts.sort_by_cached_key(|host| self.lot(host.id.as_str()));
            let size = hosts.len();
            let lot = self.lot(&format!("{} {} {}", zone.0, zone.1, zone.2));
            places.extend(hosts.into_iter().enumerate().map(|(taken, host)| Place {
                taken: taken + 1,
                size,
                lot,
                host,
            }));
        }
        places.sort_by(Place::cmp);
        places.into_iter().map(|place| place.host).collect()
    }

    /// A random number that is fixed for `of` and the seed.
    fn lot(&self, of: &str) -> u64 {
        let digest = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(of).finalize();
        digest.iter().take(8).fold(0, |lot, byte| lot << 8 | u64::from(*byte))
    }
}

/// A host, and its position in its zone.
struct Place {
    taken: usize,
    size: usize,
    lot: u64,
    host: Host,
}

impl Place {
    /// By the part of the zone that is used up with this host.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.taken * other.size).cmp(&(other.taken * self.size)).then(self.lot.cmp(&other.lot))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provider_core::TagMatch;

    use super::*;
    use crate::inventory::testing::host;

    fn in_zone(id: usize, zone: usize) -> Host {
        let mut host = host(&format!("i-{id}"), "web");
        host.instance.zone = format!("zone-{zone}");
        host
    }

    fn ids(hosts: &[Host]) -> Vec<String> {
        hosts.iter().map(|host| host.id.to_string()).collect()
    }

    #[test]
    fn canaries_come_first() {
        let mut hosts: Vec<Host> = (0..6).map(|id| in_zone(id, 0)).collect();
        hosts[4].instance.tags.insert("canary".into(), "yes".into());
        let canary = Some([("canary".to_owned(), TagMatch::from("yes"))].into_iter().collect());
        let order = ids(&Ordering { canary, ..Ordering::default() }.apply(hosts));
        assert_eq!((order[0].as_str(), order.len()), ("aws:i-4", 6));
    }

    #[test]
    fn another_seed_gives_another_order() {
        let hosts: Vec<Host> = (0..20).map(|id| in_zone(id, id % 3)).collect();
        let order = |seed| ids(&Ordering { seed, ..Ordering::default() }.apply(hosts.clone()));
        assert_eq!(order(0), order(0));
        assert_ne!(order(0), order(1));
    }

    fn standing() -> impl Strategy<Value = Standing> {
        use Standing::{Behind, Current, Unready, Unwell, Usual};
        prop_oneof![Just(Unwell), Just(Behind), Just(Usual), Just(Current), Just(Unready)]
    }

    proptest! {
        /// Canaries come before all others, and within both groups hosts come in order of standing. No host is lost,
        /// and neither the clouds' order nor the seed changes any of this.
        #[test]
        fn hosts_come_as_they_stand(fleet in prop::collection::vec((standing(), any::<bool>(), 0_usize..3), 0..40), seed: u64) {
            let mut ordering = Ordering { seed, ..Ordering::default() };
            ordering.canary = Some([("canary".to_owned(), TagMatch::from("yes"))].into_iter().collect());
            let mut hosts = Vec::new();
            for (id, (standing, canary, zone)) in fleet.iter().enumerate() {
                let mut host = in_zone(id, *zone);
                if *canary {
                    host.instance.tags.insert("canary".into(), "yes".into());
                }
                ordering.standings.insert(host.id.clone(), *standing);
                hosts.push(host);
            }
            let order = ordering.apply(hosts.clone());
            let class = |host: &Host| (!ordering.is_canary(host), ordering.standing(host));
            prop_assert!(order.is_sorted_by_key(class));
            let mut all = ids(&order);
            all.sort_unstable();
            let mut known = ids(&hosts);
            known.sort_unstable();
            prop_assert_eq!(all, known);
            hosts.reverse();
            prop_assert_eq!(ids(&ordering.apply(hosts)), ids(&order));
        }

        /// However many hosts a zone has, a stage takes its part of it, and takes the last host of a zone only when
        /// each of the others has at most one left.
        #[test]
        fn no_stage_empties_a_zone_before_it_must(sizes in prop::collection::vec(1_usize..9, 1..6), seed: u64) {
            let mut hosts = Vec::new();
            for (zone, size) in sizes.iter().enumerate() {
                for _ in 0..*size {
                    hosts.push(in_zone(hosts.len(), zone));
                }
            }
            let ordering = Ordering { seed, ..Ordering::default() };
            let order = ordering.apply(hosts.clone());
            hosts.reverse();
            prop_assert_eq!(ids(&ordering.apply(hosts)), ids(&order), "whatever order the clouds answer in");
            for taken in 0..=order.len() - sizes.len() {
                let mut left = sizes.clone();
                for host in &order[..taken] {
                    left[host.instance.zone.trim_start_matches("zone-").parse::<usize>().expect("a zone")] -= 1;
                }
                prop_assert!(left.iter().all(|left| *left > 0), "{taken} hosts empty a zone: {left:?}");
            }
        }
    }
}

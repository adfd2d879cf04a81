//! Who goes first: canaries, the rest spread over clouds, regions and zones.
//!
//! The order is the same from run to run, whatever order the clouds answer in; another seed gives another one.

use std::collections::BTreeMap;

use provider_core::TagFilter;
use sha2::{Digest, Sha256};

use crate::inventory::Host;

/// How hosts are put in order.
#[derive(Clone, Debug, Default)]
pub struct Ordering {
    /// Tags of the hosts that are the first ones, whatever else holds.
    pub canary: Option<TagFilter>,
    /// Another number gives another order among equals.
    pub seed: u64,
}

impl Ordering {
    /// Puts hosts in order.
    pub fn apply(&self, hosts: Vec<Host>) -> Vec<Host> {
        let (canaries, others): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|host| self.is_canary(host));
        [canaries, others].into_iter().flat_map(|class| self.spread(class)).collect()
    }

    /// Whether the host is one of those that were chosen to go first.
    pub fn is_canary(&self, host: &Host) -> bool {
        self.canary.as_ref().is_some_and(|tags| tags.matches(&host.instance.tags))
    }

    /// Takes from every zone in proportion, from large ones first: so the last host of a zone comes behind all hosts that
    /// leave another one in theirs.
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

    /// A number that is drawn once and for all.
    fn lot(&self, of: &str) -> u64 {
        let digest = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(of).finalize();
        digest.iter().take(8).fold(0, |lot, byte| lot << 8 | u64::from(*byte))
    }
}

/// A host, and which of its zone's it is.
struct Place {
    taken: usize,
    size: usize,
    lot: u64,
    host: Host,
}

impl Place {
    /// By the part of the zone that is taken with this host.
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
        let order = ids(&Ordering { canary, seed: 0 }.apply(hosts));
        assert_eq!((order[0].as_str(), order.len()), ("aws:i-4", 6));
    }

    #[test]
    fn another_seed_gives_another_order() {
        let hosts: Vec<Host> = (0..20).map(|id| in_zone(id, id % 3)).collect();
        let order = |seed| ids(&Ordering { seed, ..Ordering::default() }.apply(hosts.clone()));
        assert_eq!(order(0), order(0));
        assert_ne!(order(0), order(1));
    }

    proptest! {
        /// However many hosts a zone has, a stage takes its part of it, and the last host of a zone only when each of
        /// the others has at most one left.
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

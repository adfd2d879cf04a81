//! The hosts of a run by their places, and what a new sighting of the fleet means for them. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    dispatcher::{Answer, HostIndex},
    world::Sighting,
};
use crate::{
    config::LateHosts,
    inventory::{Host, HostId},
    plan::Plan,
};

/// A host of a run.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The host as it was last seen.
    pub(super) host: Arc<Host>,
    /// The name of its stage.
    pub(super) stage: Arc<str>,
    /// Which stage that is.
    pub(super) stage_index: usize,
    /// The clouds do not list the host any more.
    gone: bool,
}

/// All hosts of a run.
#[derive(Debug)]
pub(super) struct Roster {
    entries: Vec<Entry>,
    places: HashMap<HostId, usize>,
    late_hosts: LateHosts,
    /// The stage of late hosts.
    last: (usize, Arc<str>),
}

impl Roster {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut roster = Self {
            entries: Vec::new(),
            places: HashMap::new(),
            late_hosts: plan.policy.late_hosts,
            last: (0, "all".into()),
        };
        for (index, stage) in plan.stages.iter().enumerate() {
            roster.last = (index, stage.name.as_str().into());
            stage.hosts.iter().for_each(|host| roster.push(Arc::clone(host)));
        }
        roster
    }

    /// Adds a host to the stage that is the last one so far.
    fn push(&mut self, host: Arc<Host>) {
        let (stage_index, stage) = self.last.clone();
        self.places.insert(host.id.clone(), self.entries.len());
        self.entries.push(Entry { host, stage, stage_index, gone: false });
    }

    /// Moves a host to the last stage.
    pub(super) fn requeue(&mut self, host: HostIndex) {
        let entry = &mut self.entries[host.0];
        (entry.stage_index, entry.stage) = self.last.clone();
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, host: HostIndex) -> &Entry {
        &self.entries[host.0]
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (HostIndex, &Entry)> {
        self.entries.iter().enumerate().map(|(place, entry)| (HostIndex(place), entry))
    }

    /// The ids of the hosts that an answer calls gone.
    pub(super) fn ids_of_gone(&self, answer: &Answer) -> Vec<HostId> {
        match answer {
            Answer::Whole { gone, .. } => gone.iter().map(|host| self.get(*host).host.id.clone()).collect(),
            Answer::Failed => Vec::new(),
        }
    }

    /// Takes in a sighting. Returns which hosts are new, gone, back or moved.
    pub(super) fn sight(&mut self, sighting: Sighting) -> Answer {
        let mut seen: BTreeMap<HostId, Host> = sighting.hosts.into_iter().map(|host| (host.id.clone(), host)).collect();
        let (mut gone, mut returned, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        for (place, entry) in self.entries.iter_mut().enumerate() {
            match seen.remove(&entry.host.id) {
                Some(host) => {
                    if host.address != entry.host.address {
                        moved.push(HostIndex(place));
                    }
                    entry.host = Arc::new(host);
                    if std::mem::take(&mut entry.gone) {
                        returned.push(HostIndex(place));
                    }
                }
                None if sighting.whole && !entry.gone && !sighting.unaddressed.contains(&entry.host.id) => {
                    entry.gone = true;
                    gone.push(HostIndex(place));
                }
                None => {}
            }
        }
        let joined = match self.late_hosts {
            LateHosts::CatchUp => {
                let joined = seen.len();
                for host in seen.into_values() {
                    self.push(Arc::new(host));
                }
                joined
            }
            LateHosts::Ignore => 0,
        };
        Answer::Whole { joined, gone, returned, moved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        inventory::testing::{host, target},
        plan::{Assignment, RunId, Work},
    };

    fn roster(hosts: Vec<Host>, late_hosts: LateHosts) -> Roster {
        let mut plan =
            Plan::new(RunId::new(), &target(Vec::new()), Assignment::of(Work::Command("true".into())), hosts);
        plan.policy.late_hosts = late_hosts;
        Roster::of(&plan)
    }

    fn moved(mut host: Host) -> Host {
        host.address.host = "10.9.9.9".into();
        host
    }

    #[test]
    fn a_sighting_says_who_is_new_gone_and_moved() {
        let mut roster = roster(vec![host("i-1", "a"), host("i-2", "b"), host("i-3", "c")], LateHosts::CatchUp);
        let hosts = vec![host("i-1", "a"), moved(host("i-3", "c")), host("i-4", "d")];
        let answer = roster.sight(Sighting { hosts: hosts.clone(), unaddressed: Vec::new(), whole: true });
        assert_eq!(
            answer,
            Answer::Whole { joined: 1, gone: vec![HostIndex(1)], returned: Vec::new(), moved: vec![HostIndex(2)] }
        );
        assert_eq!(roster.get(HostIndex(2)).host.address.host, "10.9.9.9", "it is tried where it is now");
        assert_eq!(roster.get(HostIndex(3)).host.id.to_string(), "aws:i-4");
        let again = roster.sight(Sighting { hosts, unaddressed: Vec::new(), whole: true });
        assert_eq!(
            again,
            Answer::Whole { joined: 0, gone: Vec::new(), returned: Vec::new(), moved: Vec::new() },
            "told once"
        );
    }

    #[test]
    fn a_host_that_comes_back_is_told_of_once_and_is_no_new_one() {
        let mut roster = roster(vec![host("i-1", "a"), host("i-2", "b")], LateHosts::CatchUp);
        let mut sight = |hosts| roster.sight(Sighting { hosts, unaddressed: Vec::new(), whole: true });
        let answer = |gone, returned| Answer::Whole { joined: 0, gone, returned, moved: Vec::new() };
        let (all, a) = (vec![host("i-1", "a"), host("i-2", "b")], vec![host("i-1", "a")]);
        assert_eq!(sight(a.clone()), answer(vec![HostIndex(1)], Vec::new()));
        assert_eq!(sight(all.clone()), answer(Vec::new(), vec![HostIndex(1)]));
        assert_eq!(sight(all), answer(Vec::new(), Vec::new()));
        assert_eq!(sight(a), answer(vec![HostIndex(1)], Vec::new()), "it may go again");
    }

    #[test]
    fn who_is_not_seen_where_a_scope_is_missing_may_still_be_there() {
        let mut roster = roster(vec![host("i-1", "a")], LateHosts::Ignore);
        let answer = roster.sight(Sighting { hosts: vec![host("i-2", "b")], unaddressed: Vec::new(), whole: false });
        assert_eq!(answer, Answer::Whole { joined: 0, gone: Vec::new(), returned: Vec::new(), moved: Vec::new() });
        assert_eq!(roster.len(), 1, "late hosts are left alone");
    }

    #[test]
    fn another_instance_at_the_same_address_is_another_host() {
        let mut roster = roster(vec![host("i-1", "a")], LateHosts::CatchUp);
        let answer = roster.sight(Sighting { hosts: vec![host("i-2", "a")], unaddressed: Vec::new(), whole: true });
        assert_eq!(
            answer,
            Answer::Whole { joined: 1, gone: vec![HostIndex(0)], returned: Vec::new(), moved: Vec::new() }
        );
    }
}

//! Discovery: queries every selector's provider concurrently and merges the answers into one list of hosts.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, btree_map::Entry},
};

use futures::future::join_all;
use provider_core::{Instance, Progress, ProviderError, ScopeError, Selector};
use wildmatch::WildMatch;

use super::{
    address,
    doorstep::Doorstep,
    error::{InventoryError, asked},
    host::{Host, HostId},
    login::{BadWay, WayProblem},
    natural,
    providers::{NotBuiltIn, provider},
};
use crate::config::{Exclude, Select, Ssh, Target, Unaddressed, UserFrom};

/// The hosts that a target's selectors found at one moment.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The hosts, sorted by provider, region, zone, name and id; names in [`natural`] order.
    pub hosts: Vec<Host>,
    /// Scopes that failed, as the user allowed: the list may lack hosts.
    pub missing: Vec<ScopeError>,
    /// Instances left out, as the user allowed, because they have none of the wanted addresses.
    pub unaddressed: Vec<Instance>,
}

/// Queries every selector of `target` concurrently and merges the answers.
///
/// # Errors
/// When a scope fails and its selector does not allow that, when an instance has no address, when two hosts would be
/// reached in the same way, or when too few hosts are left. A partial answer decides nothing.
pub async fn discover(target: &Target, progress: &dyn Progress) -> Result<Inventory, InventoryError> {
    let answers = join_all(target.select.iter().map(|select| ask(select, &target.ssh, progress))).await;
    merge(target, answers.into_iter().collect::<Result<_, _>>()?)
}

/// Queries one selector's provider; `ssh` says which data it must fetch.
///
/// # Errors
/// When this build lacks the provider. An error of the provider itself is part of the answer.
pub async fn ask(
    select: &Select,
    ssh: &Ssh,
    progress: &dyn Progress,
) -> Result<Result<Vec<Instance>, ProviderError>, NotBuiltIn> {
    let image_names = matches!(ssh.user, Some(UserFrom::Image { .. }));
    let selector = Selector { image_names, ..select.selector() };
    Ok(provider(select)?.instances(&selector, progress).await)
}

/// Merges the selectors' answers, given in the order of `target.select`, into one inventory.
///
/// # Errors
/// As [`discover`].
pub fn merge(target: &Target, answers: Vec<Result<Vec<Instance>, ProviderError>>) -> Result<Inventory, InventoryError> {
    let mut inventory = Inventory::default();
    let mut failures = Vec::new();
    let mut instances = BTreeMap::new();
    let counts: Vec<usize> =
        answers.iter().map(|answer| answer.as_ref().map_or_else(|error| error.found.len(), Vec::len)).collect();
    for (selector, (select, answer)) in target.select.iter().zip(answers).enumerate() {
        for instance in accept(select, answer, &mut inventory.missing, &mut failures) {
            let id = HostId::new(&instance.provider, &instance.id);
            if target.exclude.iter().any(|exclude| excludes(exclude, &id, &instance)) {
                continue;
            }
            match instances.entry(id) {
                Entry::Vacant(free) => _ = free.insert((selector, instance)),
                Entry::Occupied(known) => same_machine(known.key(), &known.get().1, &instance)?,
            }
        }
    }
    if !failures.is_empty() {
        return Err(InventoryError::Discovery { failures, found: counts.iter().sum() });
    }

    let mut without_address = Vec::new();
    let mut bad_ways = Vec::new();
    for (id, (selector, instance)) in instances {
        match address::choose(&instance, &target.ssh) {
            Ok(Some(address)) => inventory.hosts.push(Host { id, address, instance, selector }),
            Ok(None) => without_address.push(instance),
            Err(problem) => bad_ways.push(BadWay { host: id, name: instance.name, problem }),
        }
    }
    let mut doorsteps = Vec::new();
    for host in &inventory.hosts {
        match Doorstep::of(host, &target.ssh.way) {
            Ok(doorstep) => doorsteps.push((doorstep, host)),
            Err(problem) => {
                let (host, name) = (host.id.clone(), host.instance.name.clone());
                bad_ways.push(BadWay { host, name, problem: WayProblem::Command(problem) });
            }
        }
    }
    if !bad_ways.is_empty() {
        return Err(InventoryError::Ways(bad_ways));
    }
    match target.ssh.unaddressed {
        Unaddressed::Skip => inventory.unaddressed = without_address,
        Unaddressed::Fail if without_address.is_empty() => {}
        Unaddressed::Fail => return Err(InventoryError::unaddressed(&without_address, target)),
    }

    refuse_shared(doorsteps)?;
    if inventory.hosts.len() < target.min_hosts.get() {
        let asked = target.select.iter().zip(counts).map(|(select, found)| asked(select, found)).collect();
        return Err(InventoryError::TooFew { found: inventory.hosts.len(), wanted: target.min_hosts, asked });
    }
    inventory.hosts.sort_by(order);
    Ok(inventory)
}

fn order(a: &Host, b: &Host) -> Ordering {
    place(a)
        .cmp(&place(b))
        .then_with(|| natural(&a.instance.name, &b.instance.name))
        .then_with(|| natural(a.id.as_str(), b.id.as_str()))
}

fn place(host: &Host) -> (&str, &str, &str) {
    let Instance { provider, region, zone, .. } = &host.instance;
    (provider.as_str(), region, zone)
}

/// One id with two addresses is either two machines with the same name, or a machine that has just moved. In both cases
/// one of the two would be lost.
fn same_machine(id: &HostId, known: &Instance, again: &Instance) -> Result<(), InventoryError> {
    if known.addresses == again.addresses {
        return Ok(());
    }
    Err(InventoryError::TwoAddresses { id: id.clone() })
}

/// The usable instances of one selector's answer. The selector's policy decides where failures go.
fn accept(
    select: &Select,
    answer: Result<Vec<Instance>, ProviderError>,
    missing: &mut Vec<ScopeError>,
    failures: &mut Vec<ScopeError>,
) -> Vec<Instance> {
    match answer {
        Ok(instances) => instances,
        Err(error) if select.allow_partial => {
            missing.extend(error.failures);
            error.found
        }
        Err(error) => {
            failures.extend(error.failures);
            Vec::new()
        }
    }
}

fn excludes(exclude: &Exclude, id: &HostId, instance: &Instance) -> bool {
    let Exclude { tags, names, ids } = exclude;
    let said = !(tags.is_empty() && names.is_empty() && ids.is_empty());
    said && tags.matches_by(|key| instance.tag(key))
        && (names.is_empty() || names.iter().any(|name| WildMatch::new(name).matches(&instance.name)))
        && (ids.is_empty() || ids.iter().any(|excluded| excluded == id.as_str()))
}

/// Two instances at one doorstep are one machine or a mistake: networks that overlap, or a host both listed and
/// discovered. A script "on both" would run there twice.
fn refuse_shared(doorsteps: Vec<(Doorstep, &Host)>) -> Result<(), InventoryError> {
    let mut taken = BTreeMap::new();
    for (doorstep, host) in doorsteps {
        match taken.entry(doorstep) {
            Entry::Vacant(free) => _ = free.insert(host),
            Entry::Occupied(taken) => {
                let (doorstep, first) = taken.remove_entry();
                return Err(InventoryError::Shared { doorstep, first: first.id.clone(), second: host.id.clone() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use provider_core::{FailureKind, InstanceState, ProviderName, Scope, StaticHosts, TagFilter};

    use super::*;
    use crate::{
        config::{PortFrom, Source, Way},
        inventory::testing::{instance, target},
    };

    fn select(allow_partial: bool) -> Select {
        Select {
            source: Source::Static(StaticHosts::default()),
            tags: TagFilter::default(),
            states: BTreeSet::from([InstanceState::Running]),
            deadline: Duration::from_secs(1),
            allow_partial,
        }
    }

    fn at(id: &str, name: &str, last: u8) -> Instance {
        let mut machine = instance(id, name);
        machine.addresses.private_ipv4 = Some([10, 0, 0, last].into());
        machine
    }

    fn failing(found: Vec<Instance>) -> Result<Vec<Instance>, ProviderError> {
        let provider = ProviderName::new("aws");
        let scope = Scope::new(&provider, "eu-west-1");
        let failures = vec![ScopeError::new(scope, FailureKind::Throttled, "RequestLimitExceeded")];
        Err(ProviderError { provider, failures, found })
    }

    #[test]
    fn one_machine_found_twice_is_one_host_and_two_of_one_name_stay_two() {
        let target = target(vec![select(false), select(false)]);
        let answers = vec![Ok(vec![at("i-1", "web", 1), at("i-2", "web", 2)]), Ok(vec![at("i-1", "web", 1)])];
        let found = merge(&target, answers).expect("hosts");
        let ids: Vec<_> = found.hosts.iter().map(|host| host.id.as_str()).collect();
        assert_eq!(ids, ["aws:i-1", "aws:i-2"]);
    }

    #[test]
    fn a_failed_scope_fails_all_unless_allowed() {
        let answers = || vec![Ok(vec![at("i-1", "a", 1)]), failing(vec![at("i-2", "b", 2)])];
        let error = merge(&target(vec![select(false), select(false)]), answers()).expect_err("partial");
        assert!(error.to_string().contains("aws eu-west-1"), "{error}");
        let found = merge(&target(vec![select(false), select(true)]), answers()).expect("allowed");
        assert_eq!((found.hosts.len(), found.missing.len()), (2, 1));
    }

    #[test]
    fn no_host_is_an_error() {
        let error = merge(&target(vec![select(false)]), vec![Ok(Vec::new())]).expect_err("none");
        assert_eq!(error.to_string(), "no host was found, and the target needs at least 1\n  static (running): 0");
    }

    #[test]
    fn an_instance_without_an_address_is_named_or_skipped() {
        let mut bare = at("i-9", "bare", 9);
        bare.addresses.private_ipv4 = None;
        let mut target = target(vec![select(false)]);
        let answers = || vec![Ok(vec![at("i-1", "a", 1), bare.clone()])];
        let error = merge(&target, answers()).expect_err("unaddressed").to_string();
        assert!(error.contains("bare (aws:i-9)") && error.contains("private_ipv4"), "{error}");
        target.ssh.unaddressed = Unaddressed::Skip;
        let found = merge(&target, answers()).expect("skipped");
        assert_eq!((found.hosts.len(), found.unaddressed.len()), (1, 1));
    }

    #[test]
    fn hosts_whose_tags_are_no_login_are_named_with_tag_and_value() {
        let mut target = target(vec![select(false)]);
        target.ssh.port = Some(PortFrom::Tag { key: "ssh-port".into(), default: None });
        let tagged = |last: u8, port: &str| {
            let mut machine = at(&format!("i-{last}"), &format!("web{last}"), last);
            machine.tags.insert("ssh-port".into(), port.into());
            machine
        };
        let found = merge(&target, vec![Ok(vec![tagged(1, "2222")])]).expect("a port");
        assert_eq!(found.hosts[0].address.port, Some(2222));
        let error = merge(&target, vec![Ok(vec![tagged(1, "2222"), tagged(2, "ssh")])]).expect_err("no port");
        assert_eq!(
            error.to_string(),
            "cannot log in as the target says: web2 (aws:i-2): its tag `ssh-port` is `ssh`, which is not a port (1 to 65535)"
        );
        let many = (1..9).map(|last| tagged(last, "0")).collect();
        let error = merge(&target, vec![Ok(many)]).expect_err("no ports").to_string();
        assert!(error.starts_with("cannot log in on 8 hosts") && error.ends_with("and 3 more"), "{error}");
    }

    #[test]
    fn a_command_that_cannot_be_made_is_an_error_before_any_host_is_touched() {
        let mut target = target(vec![select(false)]);
        target.ssh.way = Way::Command("nc {name} 22".parse().expect("a command"));
        assert!(merge(&target, vec![Ok(vec![at("i-1", "web1", 1)])]).is_ok());
        let error = merge(&target, vec![Ok(vec![at("i-1", "$(touch pwned)", 1)])]).expect_err("hostile").to_string();
        assert!(error.contains("$(touch pwned) (aws:i-1): its name `$(touch pwned)` is not safe"), "{error}");
    }

    #[test]
    fn two_hosts_that_nothing_tells_apart_are_refused() {
        let mut target = target(vec![select(false)]);
        let mut pair = [at("i-1", "a", 1), at("i-2", "b", 1)];
        let merge = |target: &Target, pair: &[Instance; 2]| merge(target, vec![Ok(pair.to_vec())]);
        let error = merge(&target, &pair).expect_err("doubt").to_string();
        assert_eq!(error, "aws:i-1 and aws:i-2 would both be reached at 10.0.0.1 port 22");

        target.ssh.way = Way::Command("tunnel --to {id}".parse().expect("a command"));
        assert_eq!(merge(&target, &pair).expect("apart by their ids").hosts.len(), 2);
        target.ssh.way = Way::Command("nc {address} %p".parse().expect("a command"));
        let error = merge(&target, &pair).expect_err("doubt").to_string();
        assert_eq!(error, "aws:i-1 and aws:i-2 would both be reached by `nc 10.0.0.1 22`");
        target.ssh.port = Some(PortFrom::Tag { key: "ssh-port".into(), default: None });
        pair[1].tags.insert("ssh-port".into(), "2222".into());
        assert_eq!(merge(&target, &pair).expect("apart by their ports").hosts.len(), 2);
    }

    #[test]
    fn one_id_with_two_addresses_is_refused() {
        let answers = vec![Ok(vec![at("web1", "a", 1)]), Ok(vec![at("web1", "a", 2)])];
        let error = merge(&target(vec![select(false), select(false)]), answers).expect_err("doubt").to_string();
        assert!(error.contains("aws:web1"), "{error}");
    }

    #[test]
    fn excluded_instances_are_left_out() {
        let mut target = target(vec![select(false)]);
        target.exclude = vec![
            Exclude { tags: [("role", "db")].into_iter().collect(), ..Exclude::default() },
            Exclude { names: vec!["canary-*".into()], ..Exclude::default() },
            Exclude::default(),
        ];
        let mut database = at("i-2", "b", 2);
        database.tags.insert("role".into(), "db".into());
        let answers = vec![Ok(vec![at("i-1", "a", 1), database, at("i-3", "canary-1", 3)])];
        let found = merge(&target, answers).expect("hosts");
        assert_eq!(found.hosts.len(), 1);
    }
}

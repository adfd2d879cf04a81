//! Why discovery gave no list of hosts that can be trusted, in words for people.

use std::num::NonZeroUsize;

use provider_core::{Instance, ScopeError};

use super::{doorstep::Doorstep, host::HostId, login::BadWay, providers::NotBuiltIn};
use crate::config::{Regions, Select, Source, Target};

/// No list of hosts that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// Scopes failed.
    #[error("discovery failed: {}", lines(failures))]
    Discovery {
        /// Each of them.
        failures: Vec<ScopeError>,
        /// How many instances the other scopes gave.
        found: usize,
    },
    /// Instances have none of the wanted addresses.
    #[error("{count} of the selected instances have none of the addresses {wanted}: {names}")]
    Unaddressed {
        /// How many.
        count: usize,
        /// The preference list.
        wanted: String,
        /// The first few.
        names: String,
    },
    /// Hosts cannot be reached as their target says.
    #[error("{}", ways(.0))]
    Ways(Vec<BadWay>),
    /// One id was given with two addresses.
    #[error("{id} was found with two different addresses")]
    TwoAddresses {
        /// The id.
        id: HostId,
    },
    /// Two hosts would be reached in the same way.
    #[error("{first} and {second} would both be reached {doorstep}")]
    Shared {
        /// The doorstep of both.
        doorstep: Doorstep,
        /// One host.
        first: HostId,
        /// The other.
        second: HostId,
    },
    /// Fewer hosts than the target needs.
    #[error("{} found, and the target needs at least {wanted}{}", hosts(*found), below(asked))]
    TooFew {
        /// How many were found.
        found: usize,
        /// How many are needed.
        wanted: NonZeroUsize,
        /// Each selector, and how many instances it gave before any were left out.
        asked: Vec<String>,
    },
    /// A cloud that this build lacks.
    #[error(transparent)]
    NotBuiltIn(#[from] NotBuiltIn),
}

impl InventoryError {
    pub(super) fn unaddressed(instances: &[Instance], target: &Target) -> Self {
        let name = |instance: &Instance| format!("{} ({}:{})", instance.name, instance.provider, instance.id);
        let names = first_few(instances.iter().map(name));
        let wanted: Vec<String> = target.ssh.address.iter().map(ToString::to_string).collect();
        Self::Unaddressed { count: instances.len(), wanted: wanted.join(", "), names }
    }
}

/// The first of many names, and how many more there are.
pub(super) fn first_few(names: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    let more = names.len().saturating_sub(SHOWN);
    let rest = (more > 0).then(|| format!("and {more} more"));
    names.take(SHOWN).chain(rest).collect::<Vec<_>>().join(", ")
}

fn lines(failures: &[ScopeError]) -> String {
    match failures {
        [one] => one.to_string(),
        many => {
            many.iter().fold(format!("{} scopes failed", many.len()), |text, failure| format!("{text}\n  {failure}"))
        }
    }
}

fn ways(bad: &[BadWay]) -> String {
    const SHOWN: usize = 5;
    match bad {
        [one] => format!("cannot log in as the target says: {one}"),
        many => {
            let first = many.iter().take(SHOWN).map(|way| format!("\n  {way}"));
            let rest = many.len().saturating_sub(SHOWN);
            let more = if rest > 0 { format!("\n  and {rest} more") } else { String::new() };
            format!("cannot log in on {} hosts as the target says:{}{more}", many.len(), first.collect::<String>())
        }
    }
}

/// A selector and the number of its instances, for a person who expected more.
pub(super) fn asked(select: &Select, found: usize) -> String {
    let within = match &select.source {
        Source::Aws(aws) => match &aws.regions {
            Regions::FromChain => String::new(),
            Regions::All => "all regions".to_owned(),
            Regions::Listed(regions) => regions.join(", "),
        },
        Source::Gcp(gcp) => gcp.projects.join(", "),
        Source::Azure(azure) => azure.subscriptions.join(", "),
        Source::Static(_) => String::new(),
    };
    let tags: Vec<String> = select.tags.iter().map(|(key, accepted)| format!("{key}={accepted}")).collect();
    let states: Vec<_> = select.states.iter().map(|state| state.as_str()).collect();
    let parts = [within, tags.join(" "), states.join(" or ")];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{} ({}): {found}", select.source.provider(), parts.join("; "))
}

fn below(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

fn hosts(count: usize) -> String {
    match count {
        0 => "no host was".to_owned(),
        1 => "1 host was".to_owned(),
        many => format!("{many} hosts were"),
    }
}

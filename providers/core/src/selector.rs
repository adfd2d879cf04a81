//! Which instances are wanted: the part of a selector that means the same in every cloud.
//!
//! Where to look (regions, projects, subscriptions, zones, networks) is each provider's own configuration, because the
//! clouds divide their world differently.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    instance::{Instance, InstanceState, ProviderName},
    tags::TagFilter,
};

/// The instances to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Tags that an instance must carry.
    pub tags: TagFilter,
    /// States that an instance may be in.
    pub states: BTreeSet<InstanceState>,
    /// How long one scope may take, retries included.
    pub deadline: Duration,
    /// Whether the names of images are wanted too, if the cloud lists only their ids.
    pub image_names: bool,
}

impl Selector {
    /// The default for `deadline`.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_mins(2);

    /// Running instances that carry `tags`.
    pub fn running(tags: TagFilter) -> Self {
        let states = BTreeSet::from([InstanceState::Running]);
        Self { tags, states, deadline: Self::DEFAULT_DEADLINE, image_names: false }
    }

    /// True when `instance` is wanted. Providers filter on the server where they can, and apply this to the answer,
    /// because servers filter loosely and fakes not at all.
    pub fn matches(&self, instance: &Instance) -> bool {
        self.states.contains(&instance.state) && self.tags.matches_by(|key| instance.tag(key))
    }
}

/// One place to query: a region of an account, a project, a subscription. Shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// `place` is in the provider's own words: `eu-west-1`, `project shop-prod`, `subscription 1234…`.
    pub fn new(provider: &ProviderName, place: impl fmt::Display) -> Self {
        Self(format!("{provider} {place}"))
    }

    /// The scope as shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

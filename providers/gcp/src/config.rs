//! The user's configuration: which projects, which part of them, and how they are reached.

use std::{env, path::PathBuf};

use provider_core::Endpoint;
use wildmatch::WildMatch;

/// Where to look, and with which identity. Empty lists mean everything.
#[derive(Clone, Debug, Default)]
pub struct GcpConfig {
    /// Project ids. Default: `GOOGLE_CLOUD_PROJECT`, else the credentials' quota project.
    pub projects: Vec<String>,
    /// Regions (`europe-west1`, `europe-*`); `all` is every region.
    pub regions: Vec<String>,
    /// Zones (`europe-west1-b`, `*-b`).
    pub zones: Vec<String>,
    /// Networks (VPCs) by name. One of an instance's interfaces must be in one of them.
    pub networks: Vec<String>,
    /// A credentials file of any type that Google issues, instead of the ordinary chain.
    pub credentials_file: Option<PathBuf>,
    /// Where the API is. Default: `FLEETWIDE_GCP_ENDPOINT`, else Google's own address.
    pub endpoint: Option<Endpoint>,
}

impl GcpConfig {
    /// True when an instance in `zone`, with interfaces in `networks`, is in scope.
    pub(crate) fn admits(&self, zone: &str, networks: &[String]) -> bool {
        self.admits_zone(zone)
            && (self.networks.is_empty() || networks.iter().any(|network| any_matches(&self.networks, network)))
    }

    /// True when some instance of `zone` may be in scope.
    pub(crate) fn admits_zone(&self, zone: &str) -> bool {
        (self.zones.is_empty() || any_matches(&self.zones, zone)) && self.region_listed(region_of(zone))
    }

    /// True when some instance of `region` may be in scope. Zone names narrow it; a glob of zones may match any region.
    pub(crate) fn admits_region(&self, region: &str) -> bool {
        let may_hold = |zone: &String| zone.contains(['*', '?']) || region_of(zone) == region;
        self.region_listed(region) && (self.zones.is_empty() || self.zones.iter().any(may_hold))
    }

    fn region_listed(&self, region: &str) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|name| name == "all") || any_matches(&self.regions, region)
    }
}

/// The region of a zone: all but its last part (`europe-west1` of `europe-west1-b`).
pub(crate) fn region_of(zone: &str) -> &str {
    zone.rsplit_once('-').map_or(zone, |(region, _)| region)
}

fn any_matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| WildMatch::new(pattern).matches(name))
}

/// The process's environment, read once so that everything below is a function of its input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `FLEETWIDE_GCP_ENDPOINT`.
    pub endpoint: Option<String>,
    /// `GOOGLE_CLOUD_PROJECT`.
    pub project: Option<String>,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let read = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self { endpoint: read("FLEETWIDE_GCP_ENDPOINT"), project: read("GOOGLE_CLOUD_PROJECT") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn zones_and_regions_may_be_globs_and_must_both_agree() {
        let config = GcpConfig { regions: list(&["europe-*"]), zones: list(&["*-b"]), ..GcpConfig::default() };
        assert!(config.admits_zone("europe-west1-b"));
        assert!(!config.admits_zone("europe-west1-c"));
        assert!(!config.admits_zone("us-central1-b"));
        let all = GcpConfig { regions: list(&["all"]), ..GcpConfig::default() };
        assert!(all.admits_zone("us-central1-b") && GcpConfig::default().admits_zone("us-central1-b"));
    }

    #[test]
    fn a_region_is_ruled_out_by_zones_named_elsewhere_but_not_by_a_glob() {
        let named = GcpConfig { zones: list(&["europe-west1-b"]), ..GcpConfig::default() };
        assert!(named.admits_region("europe-west1") && !named.admits_region("us-central1"));
        let glob = GcpConfig { zones: list(&["*-b"]), ..GcpConfig::default() };
        assert!(glob.admits_region("us-central1"));
    }

    #[test]
    fn one_interface_in_a_listed_network_is_enough() {
        let config = GcpConfig { networks: list(&["prod-*"]), ..GcpConfig::default() };
        assert!(config.admits("europe-west1-b", &list(&["default", "prod-eu"])));
        assert!(!config.admits("europe-west1-b", &list(&["default"])));
        assert!(!config.admits("europe-west1-b", &[]));
    }
}

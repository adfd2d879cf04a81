//! Where to look in AWS, and with which identity.

use provider_core::Endpoint;
use wildmatch::WildMatch;

/// One selector's AWS scope. The default is the credential chain's own region and identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsConfig {
    /// The regions to ask.
    pub regions: Regions,
    /// Availability zones (`eu-west-1a`), globs allowed; empty is all.
    pub zones: Vec<String>,
    /// VPC ids, globs allowed; empty is all.
    pub vpcs: Vec<String>,
    /// A profile of the shared config files. It outranks keys in the environment, as `--profile` does in AWS's own
    /// tools: a selector that names an account must not query another.
    pub profile: Option<String>,
    /// A role to assume with the credentials found, for machines in another account.
    pub assume_role: Option<AssumeRole>,
    /// Where the API is. It outranks `AWS_ENDPOINT_URL_EC2` and `AWS_ENDPOINT_URL`.
    pub endpoint: Option<Endpoint>,
}

/// Which regions to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// These; when empty, the default region of the environment, the profile, or this machine.
    Named(Vec<String>),
    /// Every region that the account has opted into.
    All,
}

impl Default for Regions {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// `arn:aws:iam::123456789012:role/deploy`.
    pub arn: String,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The session's name in AWS's audit log; `fleetwide` unless given.
    pub session_name: Option<String>,
}

impl AwsConfig {
    /// True when a machine in `zone` and `vpc` is in scope. The server filters too, but servers filter loosely and
    /// fakes not at all.
    pub(crate) fn covers(&self, zone: &str, vpc: &str) -> bool {
        let any = |patterns: &[String], value: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| WildMatch::new(pattern).matches(value))
        };
        any(&self.zones, zone) && any(&self.vpcs, vpc)
    }

    /// The identity in use, for people; `None` for the chain's own.
    pub(crate) fn identity(&self) -> Option<String> {
        match (&self.assume_role, &self.profile) {
            (Some(role), _) => Some(format!("role {}", role.arn)),
            (None, Some(profile)) => Some(format!("profile {profile}")),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_vpcs_both_count() {
        let config = AwsConfig { zones: vec!["eu-west-1?".into()], vpcs: vec!["vpc-1".into()], ..AwsConfig::default() };
        assert!(config.covers("eu-west-1a", "vpc-1"));
        assert!(!config.covers("eu-west-2a", "vpc-1"));
        assert!(!config.covers("eu-west-1a", "vpc-2"));
        assert!(AwsConfig::default().covers("", ""));
    }
}

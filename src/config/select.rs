//! One selector as it is written, and which of its keys may be combined.

use std::{collections::BTreeSet, path::PathBuf};

use provider_core::{Endpoint, InstanceState, Selector, StaticHosts, TagFilter};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    document::{Problem, at},
    duration::HumanDuration,
    schema,
    shapes::ListedHost,
    target::{AssumeRole, AwsSource, AzureSource, GcpSource, Regions, Select, Source},
};

/// The provider that a selector asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProviderKey {
    /// Amazon EC2.
    Aws,
    /// Google Compute Engine.
    Gcp,
    /// Azure virtual machines and scale sets.
    Azure,
    /// Hosts listed by hand.
    Static,
}

impl ProviderKey {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::Static => "static",
        }
    }
}

/// Where to look for servers, and which of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SelectTable {
    /// The cloud to ask, or "static" for a list of hosts.
    provider: ProviderKey,
    /// Tags that an instance must carry, all of them (labels on gcp).
    #[schemars(with = "Option<schema::Tags>")]
    tags: Option<TagFilter>,
    /// States that an instance may be in. Default: `["running"]`.
    #[schemars(with = "Option<Vec<schema::State>>")]
    states: Option<BTreeSet<InstanceState>>,
    /// How long one region, project or subscription may take to answer, retries included. Default: "2m".
    deadline: Option<HumanDuration>,
    /// Go on without regions, projects or subscriptions that fail, and say so loudly in the report. Default: false.
    allow_partial: Option<bool>,
    /// aws, gcp, azure: these regions, or "all". Default: the region of the environment or profile on aws, else all.
    regions: Option<Regions>,
    /// aws, gcp, azure: only these zones; `*` and `?` are wildcards on aws and gcp.
    zones: Option<Vec<String>>,
    /// aws: only these VPC ids.
    vpcs: Option<Vec<String>>,
    /// aws: the profile of the shared config files.
    profile: Option<String>,
    /// aws: a role to assume, for another account.
    assume_role: Option<AssumeRole>,
    /// gcp: the projects. Default: that of the credentials.
    projects: Option<Vec<String>>,
    /// gcp, azure: only these networks.
    networks: Option<Vec<String>>,
    /// gcp: a credentials file instead of the ordinary chain.
    credentials_file: Option<PathBuf>,
    /// azure: the subscriptions. Default: `AZURE_SUBSCRIPTION_ID`.
    subscriptions: Option<Vec<String>>,
    /// azure: only these resource groups; `*` and `?` are wildcards.
    resource_groups: Option<Vec<String>>,
    /// azure: only members of these scale sets.
    scale_sets: Option<Vec<String>>,
    /// aws, gcp, azure: another address of the API: https, or plain http on loopback.
    #[schemars(with = "Option<schema::EndpointUrl>")]
    endpoint: Option<Endpoint>,
    /// static: the hosts, inline.
    hosts: Option<Vec<ListedHost>>,
    /// static: a file of hosts: TOML if its name ends in `.toml`, else one host per line.
    file: Option<PathBuf>,
}

impl SelectTable {
    /// Checks that the keys fit together, and fills in the settings common to all providers.
    ///
    /// # Errors
    /// The first problem, located within this table.
    pub(super) fn check(self) -> Result<Select, Problem> {
        self.foreign_keys()?;
        self.empty_lists()?;
        self.everything()?;
        let source = match self.provider {
            ProviderKey::Aws => Source::Aws(AwsSource {
                regions: self.regions.unwrap_or(Regions::FromChain),
                zones: self.zones.unwrap_or_default(),
                vpcs: self.vpcs.unwrap_or_default(),
                profile: self.profile,
                assume_role: self.assume_role,
                endpoint: self.endpoint,
            }),
            ProviderKey::Gcp => Source::Gcp(GcpSource {
                projects: self.projects.unwrap_or_default(),
                regions: only(self.regions),
                zones: self.zones.unwrap_or_default(),
                networks: self.networks.unwrap_or_default(),
                credentials_file: self.credentials_file,
                endpoint: self.endpoint,
            }),
            ProviderKey::Azure => Source::Azure(AzureSource {
                subscriptions: self.subscriptions.unwrap_or_default(),
                resource_groups: self.resource_groups.unwrap_or_default(),
                scale_sets: self.scale_sets.unwrap_or_default(),
                regions: only(self.regions),
                zones: self.zones.unwrap_or_default(),
                networks: self.networks.unwrap_or_default(),
                endpoint: self.endpoint,
            }),
            ProviderKey::Static if self.hosts.is_none() && self.file.is_none() => {
                return Err(Problem::new(at(["provider"]), "a static selector needs `hosts` or `file`")
                    .hint("for example hosts = [\"10.0.0.7\", \"deploy@10.0.0.8:2222\"], or file = \"hosts.toml\""));
            }
            ProviderKey::Static => Source::Static(StaticHosts {
                hosts: self.hosts.unwrap_or_default().into_iter().map(|host| host.0).collect(),
                file: self.file,
            }),
        };
        Ok(Select {
            source,
            tags: self.tags.unwrap_or_default(),
            states: self.states.unwrap_or_else(|| BTreeSet::from([InstanceState::Running])),
            deadline: self.deadline.map_or(Selector::DEFAULT_DEADLINE, Into::into),
            allow_partial: self.allow_partial.unwrap_or(false),
        })
    }

    /// A forgotten `tags` would select every machine that the credentials can see.
    fn everything(&self) -> Result<(), Problem> {
        let narrowed = self.tags.is_some()
            || [&self.vpcs, &self.networks, &self.resource_groups, &self.scale_sets].into_iter().any(Option::is_some);
        if narrowed || self.provider == ProviderKey::Static {
            return Ok(());
        }
        let provider = self.provider.as_str();
        let problem = format!("without `tags` this selects every {provider} machine that the credentials can see");
        Err(Problem::new(at(["provider"]), problem)
            .hint("add tags = { KEY = \"VALUE\" }; an empty value stands for any, as in tags = { Name = \"\" }"))
    }

    /// A key of another provider would silently have no effect here.
    fn foreign_keys(&self) -> Result<(), Problem> {
        use ProviderKey::{Aws, Azure, Gcp, Static};
        let owners: [(&str, bool, &[ProviderKey]); 14] = [
            ("regions", self.regions.is_some(), &[Aws, Gcp, Azure]),
            ("zones", self.zones.is_some(), &[Aws, Gcp, Azure]),
            ("vpcs", self.vpcs.is_some(), &[Aws]),
            ("profile", self.profile.is_some(), &[Aws]),
            ("assume_role", self.assume_role.is_some(), &[Aws]),
            ("projects", self.projects.is_some(), &[Gcp]),
            ("networks", self.networks.is_some(), &[Gcp, Azure]),
            ("credentials_file", self.credentials_file.is_some(), &[Gcp]),
            ("subscriptions", self.subscriptions.is_some(), &[Azure]),
            ("resource_groups", self.resource_groups.is_some(), &[Azure]),
            ("scale_sets", self.scale_sets.is_some(), &[Azure]),
            ("endpoint", self.endpoint.is_some(), &[Aws, Gcp, Azure]),
            ("hosts", self.hosts.is_some(), &[Static]),
            ("file", self.file.is_some(), &[Static]),
        ];
        let Some((key, _, whose)) = owners.iter().find(|(_, given, whose)| *given && !whose.contains(&self.provider))
        else {
            return Ok(());
        };
        let of = whose.iter().map(|provider| provider.as_str()).collect::<Vec<_>>().join(", ");
        let ours = owners.iter().filter(|(_, _, whose)| whose.contains(&self.provider));
        let ours = ours.map(|(key, ..)| *key).collect::<Vec<_>>().join(", ");
        let provider = self.provider.as_str();
        Err(Problem::new(at([*key]), format!("`{key}` is a key of {of} selectors, not of {provider}"))
            .hint(format!("keys of {provider} selectors: {ours}, tags, states, deadline, allow_partial")))
    }

    /// An empty list would mean "no limit", which its author seldom intends.
    fn empty_lists(&self) -> Result<(), Problem> {
        fn empty<T>(list: Option<&Vec<T>>) -> bool {
            list.is_some_and(Vec::is_empty)
        }
        let lists = [
            ("tags", self.tags.as_ref().is_some_and(TagFilter::is_empty)),
            ("states", self.states.as_ref().is_some_and(BTreeSet::is_empty)),
            ("zones", empty(self.zones.as_ref())),
            ("vpcs", empty(self.vpcs.as_ref())),
            ("projects", empty(self.projects.as_ref())),
            ("networks", empty(self.networks.as_ref())),
            ("subscriptions", empty(self.subscriptions.as_ref())),
            ("resource_groups", empty(self.resource_groups.as_ref())),
            ("scale_sets", empty(self.scale_sets.as_ref())),
            ("hosts", empty(self.hosts.as_ref())),
        ];
        match lists.iter().find(|(_, empty)| *empty) {
            Some((key, _)) => Err(Problem::new(at([*key]), format!("`{key}` is empty"))
                .hint(format!("leave `{key}` out for no limit, or say which"))),
            None => Ok(()),
        }
    }
}

/// The regions to keep; empty means all.
fn only(regions: Option<Regions>) -> Vec<String> {
    match regions {
        None | Some(Regions::FromChain | Regions::All) => Vec::new(),
        Some(Regions::Listed(regions)) => regions,
    }
}

//! The settings of flags and `FLEETWIDE_*` variables: the layers above the files.

use std::{collections::BTreeSet, num::NonZeroUsize, path::PathBuf};

use provider_core::{InstanceState, Selector, StaticHost, StaticHosts, TagFilter, TagMatch};

use super::{
    duration::HumanDuration,
    error::ConfigError,
    file::{DeployTable, SshTable},
    layers::tags_over,
    paths::Anchor,
    target::{AppName, AwsSource, AzureSource, GcpSource, Regions, Select, Source},
    values::Unaddressed,
};

/// Everything that flags and variables can set. Empty or `None` means not set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// AWS regions to ask, or `all` alone.
    pub aws_regions: Vec<String>,
    /// The AWS profile. If no place to look is named, AWS is searched in the profile's own region.
    pub aws_profile: Option<String>,
    /// Google Cloud projects to ask.
    pub gcp_projects: Vec<String>,
    /// Azure subscriptions to ask.
    pub azure_subscriptions: Vec<String>,
    /// Hosts by address ([`StaticHost::from_address`] reads one).
    pub hosts: Vec<StaticHost>,
    /// A file of hosts.
    pub hosts_file: Option<PathBuf>,
    /// Tags that an instance must carry ([`parse_tag`] reads one).
    pub tags: TagFilter,
    /// States that an instance may be in.
    pub states: BTreeSet<InstanceState>,
    /// How long one scope may take to answer.
    pub deadline: Option<HumanDuration>,
    /// The application's name.
    pub app: Option<AppName>,
    /// Finding fewer hosts than this is an error.
    pub min_hosts: Option<NonZeroUsize>,
    /// What happens to an instance without an address.
    pub unaddressed: Option<Unaddressed>,
    /// How hosts are reached; paths relative to the working directory.
    pub ssh: SshTable,
    /// What runs on the hosts, and how; paths relative to the working directory.
    pub deploy: DeployTable,
}

/// Reads `KEY=VALUE`. `KEY=` stands for any value.
///
/// # Errors
/// A message when there is no `=`, or nothing before it.
pub fn parse_tag(text: &str) -> Result<(String, TagMatch), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().into())),
        _ => Err(format!("`{text}` is not KEY=VALUE (`KEY=` stands for any value)")),
    }
}

impl Overrides {
    /// These, completed from weaker ones: `flags.over(Overrides::from_env(…)?)`.
    #[must_use]
    pub fn over(self, weaker: Self) -> Self {
        // The places to look are one setting: a variable adds none to those that the flags name.
        let places = if self.says_where() { &self } else { &weaker }.clone();
        Self {
            aws_regions: places.aws_regions,
            aws_profile: self.aws_profile.or(weaker.aws_profile),
            gcp_projects: places.gcp_projects,
            azure_subscriptions: places.azure_subscriptions,
            hosts: places.hosts,
            hosts_file: places.hosts_file,
            tags: tags_over(self.tags, &weaker.tags),
            states: if self.states.is_empty() { weaker.states } else { self.states },
            deadline: self.deadline.or(weaker.deadline),
            app: self.app.or(weaker.app),
            min_hosts: self.min_hosts.or(weaker.min_hosts),
            unaddressed: self.unaddressed.or(weaker.unaddressed),
            ssh: self.ssh.over(weaker.ssh),
            deploy: self.deploy.over(weaker.deploy),
        }
    }

    /// True when a place to look is named.
    pub fn says_where(&self) -> bool {
        let lists = [&self.aws_regions, &self.gcp_projects, &self.azure_subscriptions];
        lists.iter().any(|list| !list.is_empty()) || self.says_static()
    }

    /// A profile says how to query AWS. Alone, it also says to search AWS, in the profile's own region.
    fn says_aws(&self) -> bool {
        !self.aws_regions.is_empty() || (self.aws_profile.is_some() && !self.says_where())
    }

    fn says_static(&self) -> bool {
        !self.hosts.is_empty() || self.hosts_file.is_some()
    }

    /// The places to look, one per provider.
    fn sources(&self, anchor: &Anchor) -> Result<Vec<Source>, ConfigError> {
        let bad = |what: String| ConfigError::Flags { what, hint: None };
        let mut sources = Vec::new();
        if self.says_aws() {
            let regions = match &self.aws_regions[..] {
                [] => Regions::FromChain,
                some => Regions::listed(some.to_vec()).map_err(|why| bad(format!("AWS regions: {why}")))?,
            };
            sources.push(Source::Aws(AwsSource {
                regions,
                zones: Vec::new(),
                vpcs: Vec::new(),
                profile: None,
                assume_role: None,
                endpoint: None,
            }));
        }
        if !self.gcp_projects.is_empty() {
            sources.push(Source::Gcp(GcpSource {
                projects: self.gcp_projects.clone(),
                regions: Vec::new(),
                zones: Vec::new(),
                networks: Vec::new(),
                credentials_file: None,
                endpoint: None,
            }));
        }
        if !self.azure_subscriptions.is_empty() {
            sources.push(Source::Azure(AzureSource {
                subscriptions: self.azure_subscriptions.clone(),
                resource_groups: Vec::new(),
                scale_sets: Vec::new(),
                regions: Vec::new(),
                zones: Vec::new(),
                networks: Vec::new(),
                endpoint: None,
            }));
        }
        if self.says_static() {
            let file = self.hosts_file.as_deref().map(|file| anchor.resolve(file)).transpose().map_err(bad)?;
            sources.push(Source::Static(StaticHosts { hosts: self.hosts.clone(), file }));
        }
        Ok(sources)
    }

    /// The selectors made of these settings alone; none if they name no place.
    ///
    /// # Errors
    /// When a cloud is named without a tag: a forgotten `--tag` would select every machine in it.
    pub(super) fn select(&self, anchor: &Anchor) -> Result<Vec<Select>, ConfigError> {
        let select = |source: Source| {
            if self.tags.is_empty() && !matches!(source, Source::Static(_)) {
                let provider = source.provider();
                return Err(ConfigError::Flags {
                    what: format!("no tag says which instances of {provider} are meant"),
                    hint: Some("add --tag KEY=VALUE; `KEY=` stands for any value".into()),
                });
            }
            let states = BTreeSet::from([InstanceState::Running]);
            let (tags, deadline) = (TagFilter::default(), Selector::DEFAULT_DEADLINE);
            Ok(self.applied(Select { source, tags, states, deadline, allow_partial: false }))
        };
        self.sources(anchor)?.into_iter().map(select).collect()
    }

    /// Replaces the parts of a target's selectors that these settings name.
    ///
    /// # Errors
    /// When the target has no selector of the named provider: the flag would have no effect.
    pub(super) fn apply(&self, target: &str, select: &mut Vec<Select>, anchor: &Anchor) -> Result<(), ConfigError> {
        for place in self.sources(anchor)? {
            let fitting: Vec<_> =
                select.iter_mut().filter(|select| select.source.provider() == place.provider()).collect();
            if fitting.is_empty() {
                let provider = place.provider();
                return Err(ConfigError::Flags {
                    what: format!(
                        "a flag or variable says where to look in {provider}, but the target `{target}` has no {provider} selector"
                    ),
                    hint: Some("leave it out, or name the target `adhoc`, which consists of the flags alone".into()),
                });
            }
            for select in fitting {
                replace_scope(&mut select.source, &place);
            }
        }
        *select = select.drain(..).map(|select| self.applied(select)).collect();
        Ok(())
    }

    /// Applies the settings that do not depend on the provider.
    fn applied(&self, mut select: Select) -> Select {
        if let (Source::Aws(aws), Some(profile)) = (&mut select.source, &self.aws_profile) {
            aws.profile = Some(profile.clone());
        }
        Select {
            source: select.source,
            tags: tags_over(self.tags.clone(), &select.tags),
            states: if self.states.is_empty() { select.states } else { self.states.clone() },
            deadline: self.deadline.map_or(select.deadline, Into::into),
            allow_partial: select.allow_partial,
        }
    }
}

/// Takes the scope of `place`, and keeps how to query it: profile, role, credentials, endpoint.
fn replace_scope(source: &mut Source, place: &Source) {
    match (source, place) {
        (Source::Aws(aws), Source::Aws(place)) => {
            if place.regions != Regions::FromChain {
                aws.regions.clone_from(&place.regions);
            }
        }
        (Source::Gcp(gcp), Source::Gcp(place)) => gcp.projects.clone_from(&place.projects),
        (Source::Azure(azure), Source::Azure(place)) => azure.subscriptions.clone_from(&place.subscriptions),
        (Source::Static(hosts), Source::Static(place)) => hosts.clone_from(place),
        // The caller passes selectors of the same provider only.
        (Source::Aws(_) | Source::Gcp(_) | Source::Azure(_) | Source::Static(_), _) => {}
    }
}

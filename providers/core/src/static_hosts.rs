//! The provider without a cloud: hosts that a person listed, inline or in a file.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    error::{FailureKind, ProviderError, ScopeError},
    gather::gather,
    instance::{Addresses, DirectAddress, Instance, InstanceId, InstanceState, ProviderName, TagKeys},
    progress::Progress,
    provider::Provider,
    selector::{Scope, Selector},
};

/// The provider's name in configuration.
pub const NAME: ProviderName = ProviderName::new("static");

/// One host that a person listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticHost {
    /// The name to show; also its id, so it is unique within the list. Default: the address.
    #[serde(default)]
    pub name: Option<String>,
    /// An IP address or a host name.
    pub address: String,
    /// The SSH port, when it differs from the target's.
    #[serde(default)]
    pub port: Option<u16>,
    /// The login, when it differs from the target's.
    #[serde(default)]
    pub user: Option<String>,
    /// Where it stands, if that matters.
    #[serde(default)]
    pub region: String,
    /// Which zone, if that matters.
    #[serde(default)]
    pub zone: String,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl StaticHost {
    /// A host given only by its address, as `[user@]host[:port]`; IPv6 with a port needs brackets.
    ///
    /// # Errors
    /// A message for people when the text is not such an address.
    pub fn from_address(text: &str) -> Result<Self, String> {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = split_port(rest)?;
        if !is_host(host) || user.as_deref().is_some_and(|user| !is_login(user)) {
            return Err(format!("`{text}` is not a host address (expected [user@]host[:port])"));
        }
        Ok(Self {
            name: None,
            address: host.to_owned(),
            port,
            user,
            region: String::new(),
            zone: String::new(),
            tags: BTreeMap::new(),
        })
    }

    /// Checks that the fields of a table are as strict as [`StaticHost::from_address`]: `ssh` must not read one as an
    /// option.
    ///
    /// # Errors
    /// A message for people when the address or the login is invalid.
    pub fn checked(self) -> Result<Self, String> {
        let plain = Self::from_address(&self.address)?;
        if plain.address != self.address || plain.port.is_some() {
            return Err(format!("`{}`: in a table, `user` and `port` are keys of their own", self.address));
        }
        if let Some(user) = self.user.as_ref().filter(|user| !is_login(user)) {
            return Err(format!("`{user}` is not a login"));
        }
        if self.port == Some(0) {
            return Err("`port` is 1 to 65535".to_owned());
        }
        if self.name.as_ref().is_some_and(String::is_empty) || self.tags.contains_key("") {
            return Err(format!("{}: a name and a tag's key cannot be empty", self.address));
        }
        Ok(self)
    }

    fn instance(self) -> Instance {
        let name = self.name.unwrap_or_else(|| match self.port {
            Some(port) => format!("{}:{port}", self.address),
            None => self.address.clone(),
        });
        Instance {
            id: InstanceId::new(name.clone()),
            provider: NAME,
            account: String::new(),
            region: self.region,
            zone: self.zone,
            name,
            addresses: Addresses {
                direct: Some(DirectAddress { host: self.address, port: self.port, user: self.user }),
                ..Addresses::default()
            },
            state: InstanceState::Running,
            image: None,
            image_name: None,
            resource_id: None,
            tag_keys: TagKeys::Exact,
            launched: None,
            tags: self.tags,
        }
    }
}

/// An IP address, or a possible host name. It becomes a word of `ssh`'s command line.
fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name = !text.is_empty() && !text.starts_with('-') && text.chars().all(allowed);
    // `10.0.0.256` is not accepted as a name either.
    let numeric = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let (address, _zone) = text.split_once('%').unwrap_or((text, ""));
    address.parse::<Ipv6Addr>().is_ok() || text.parse::<Ipv4Addr>().is_ok() || name && !numeric
}

fn is_login(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// `host`, `host:port`, `[v6]:port`, or a bare IPv6 address.
fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let port = |digits: &str| match digits.parse::<u16>() {
        Ok(port) if port > 0 && !digits.starts_with('+') => Ok(Some(port)),
        _ => Err(format!("`{digits}` in `{text}` is not a port (1 to 65535)")),
    };
    if let Some(bracketed) = text.strip_prefix('[') {
        return match bracketed.split_once(']') {
            Some((host, "")) => Ok((host, None)),
            Some((host, rest)) => match rest.strip_prefix(':') {
                Some(digits) => Ok((host, port(digits)?)),
                None => Err(format!("`{text}`: expected `:port` after the bracket")),
            },
            None => Err(format!("`{text}`: the bracket is never closed")),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((text, None)),
        Some((host, digits)) => Ok((host, port(digits)?)),
        None => Ok((text, None)),
    }
}

/// Hosts listed inline, in a file, or both.
#[derive(Clone, Debug, Default)]
pub struct StaticHosts {
    /// Listed inline.
    pub hosts: Vec<StaticHost>,
    /// A TOML file of `[[hosts]]` tables (its name ends in `.toml`), or a plain one: an address per line, followed by
    /// `key=value` tags; `#` begins a comment.
    pub file: Option<PathBuf>,
}

impl StaticHosts {
    async fn listed(&self, scope: &Scope) -> Result<Vec<Instance>, ScopeError> {
        let mut hosts = self.hosts.clone();
        if let Some(path) = &self.file {
            let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                ScopeError::new(
                    scope.clone(),
                    FailureKind::Configuration,
                    format!("cannot read {}: {error}", path.display()),
                )
            })?;
            let parsed = parse_file(path, &text)
                .map_err(|message| ScopeError::new(scope.clone(), FailureKind::Configuration, message))?;
            hosts.extend(parsed);
        }
        let mut by_id: BTreeMap<InstanceId, Instance> = BTreeMap::new();
        for host in hosts {
            let instance = host.instance();
            if let Some(known) = by_id.insert(instance.id.clone(), instance.clone())
                && known != instance
            {
                return Err(ScopeError::new(
                    scope.clone(),
                    FailureKind::Configuration,
                    format!("two different hosts are named `{}`", known.name),
                )
                .with_hint("a static host's name is its identity: give each its own"));
            }
        }
        Ok(by_id.into_values().collect())
    }
}

#[async_trait]
impl Provider for StaticHosts {
    fn name(&self) -> ProviderName {
        NAME
    }

    async fn instances(&self, selector: &Selector, progress: &dyn Progress) -> Result<Vec<Instance>, ProviderError> {
        let place = self.file.as_deref().map_or_else(|| "hosts".to_owned(), |path| path.display().to_string());
        let scope = Scope::new(&NAME, place);
        gather(NAME, selector, progress, [(scope, ())], |scope, ()| async move { self.listed(&scope).await }).await
    }
}

/// Parses a file of hosts, in the format that its extension tells.
fn parse_file(path: &Path, text: &str) -> Result<Vec<StaticHost>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct HostsFile {
        hosts: Vec<StaticHost>,
    }

    if path.extension().is_some_and(|ending| ending == "toml") {
        let file: HostsFile = toml::from_str(text).map_err(|error| format!("{}: {error}", path.display()))?;
        return file
            .hosts
            .into_iter()
            .map(|host| host.checked().map_err(|why| format!("{}: {why}", path.display())))
            .collect();
    }
    let mut hosts = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        // A `#` within a word is part of it.
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(address) = words.next() else { continue };
        let located = |message: String| format!("{} line {}: {message}", path.display(), number + 1);
        let mut host = StaticHost::from_address(address).map_err(located)?;
        for word in words {
            let (key, value) =
                word.split_once('=').ok_or_else(|| located(format!("`{word}` is not a tag (expected key=value)")))?;
            host.tags.insert(key.to_owned(), value.to_owned());
        }
        let host = host.checked().map_err(located)?;
        hosts.push(host);
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Silent, TagFilter};

    #[test]
    fn addresses_are_split_into_user_host_and_port() {
        let table = [
            ("10.0.0.7", (None, "10.0.0.7", None)),
            ("deploy@web1:2222", (Some("deploy"), "web1", Some(2222))),
            ("[fe80::1]:22", (None, "fe80::1", Some(22))),
            ("fe80::1", (None, "fe80::1", None)),
        ];
        for (text, (user, host, port)) in table {
            let parsed = StaticHost::from_address(text).expect(text);
            assert_eq!((parsed.user.as_deref(), parsed.address.as_str(), parsed.port), (user, host, port), "{text}");
        }
        for bad in [
            "",
            "-oProxyCommand=x",
            "a b",
            "web:0",
            "web:70000",
            "[::1",
            "[::1]x",
            "@host",
            "-x@host",
            "10.0.0.1:22:22",
            "10.0.0.1,10.0.0.2",
            "a;b",
            "x$(y)",
            "10.0.0.256",
            "host:+22",
            "1::2::3",
        ] {
            assert!(StaticHost::from_address(bad).is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_plain_file_gives_hosts_and_tags() {
        let dir = std::env::temp_dir().join(format!("fleetwide-static-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("temp dir");
        let path = dir.join("hosts");
        std::fs::write(&path, "# web tier\n10.0.0.1 role=web\n\nops@10.0.0.2:2022 role=db # the old one\n")
            .expect("write");
        let provider = StaticHosts { hosts: Vec::new(), file: Some(path) };
        let selector = Selector::running([("role", "db")].into_iter().collect());
        let found = provider.instances(&selector, &Silent).await.expect("hosts");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].addresses.direct.as_ref().and_then(|a| a.port), Some(2022));
        std::fs::remove_dir_all(&dir).expect("clean up");
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = parse_file(Path::new("hosts"), "10.0.0.1\n10.0.0.2 web\n").expect_err("no tag");
        assert!(error.contains("line 2") && error.contains("`web`"), "{error}");
        for table in ["address = \"-oProxyCommand=x\"", "address = \"ops@x\"", "address = \"x\"\nuser = \"-l\""] {
            assert!(parse_file(Path::new("hosts.toml"), &format!("[[hosts]]\n{table}\n")).is_err(), "{table}");
        }
        let error = parse_file(Path::new("hosts.toml"), "[[hosts]]\nadress = \"x\"\n").expect_err("typo");
        assert!(error.contains("adress") && error.contains("line 2"), "{error}");
    }

    #[tokio::test]
    async fn two_hosts_of_one_name_are_refused() {
        let named = |address: &str| StaticHost {
            name: Some("web1".into()),
            ..StaticHost::from_address(address).expect("address")
        };
        let provider = StaticHosts { hosts: vec![named("10.0.0.1"), named("10.0.0.2")], file: None };
        let error = provider.instances(&Selector::running(TagFilter::default()), &Silent).await.expect_err("doubt");
        assert!(error.to_string().contains("web1"), "{error}");
    }
}

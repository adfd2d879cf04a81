//! The login, the port and the proxy command of a host: the target's settings, filled in from the instance. Tags are
//! data, so an invalid value is an error before any host is touched.

use std::fmt;

use provider_core::{DirectAddress, Instance};
use wildmatch::WildMatch;

use super::host::{Host, HostId};
use crate::config::{Place, PortFrom, ProxyCommand, Ssh, Unfillable, UserFrom, is_login};

/// The default port of SSH.
pub(super) const SSH_PORT: u16 = 22;

/// A host that cannot be reached as its target demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWay {
    /// Which host.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub problem: WayProblem,
}

/// What is wrong with the way to a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WayProblem {
    /// A tag's value is not a port.
    #[error("its tag `{key}` is `{}`, which is not a port (1 to 65535)", value.escape_debug())]
    Port {
        /// Which tag.
        key: String,
        /// Its value.
        value: String,
    },
    /// A tag's value is not a login.
    #[error("its tag `{key}` is `{}`, which is not a login", value.escape_debug())]
    User {
        /// Which tag.
        key: String,
        /// Its value.
        value: String,
    },
    /// A login from the list of hosts is invalid.
    #[error("`{}` is not a login", .0.escape_debug())]
    Login(String),
    /// The proxy command cannot be filled.
    #[error("{0}, which `proxy_command` asks for")]
    Command(Unfillable),
}

impl fmt::Display for BadWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, name, problem } = self;
        write!(f, "{name} ({host}): {problem}")
    }
}

/// The login on an instance; `None` leaves it to `ssh`. A login listed by hand for this host outranks the target's.
pub(super) fn user(
    instance: &Instance,
    direct: Option<&DirectAddress>,
    ssh: &Ssh,
) -> Result<Option<String>, WayProblem> {
    let fixed = |user: &str| if is_login(user) { Ok(user.to_owned()) } else { Err(WayProblem::Login(user.to_owned())) };
    if let Some(user) = direct.and_then(|direct| direct.user.as_deref()) {
        return fixed(user).map(Some);
    }
    let written = match &ssh.user {
        None => return Ok(None),
        Some(UserFrom::Fixed(user)) => Some(user),
        Some(UserFrom::Tag { key, default }) => match instance.tag(key).filter(|user| !user.is_empty()) {
            Some(user) if is_login(user) => return Ok(Some(user.to_owned())),
            Some(user) => return Err(WayProblem::User { key: key.clone(), value: user.to_owned() }),
            None => default.as_ref(),
        },
        Some(UserFrom::Image { globs, default }) => {
            let images = [&instance.image, &instance.image_name].map(|image| image.as_deref().unwrap_or_default());
            let fits = |glob: &str| images.iter().any(|image| WildMatch::new(glob).matches(image));
            let fitting = globs.iter().filter(|(glob, _)| fits(glob));
            fitting.max_by_key(|(glob, _)| glob.len()).map(|(_, user)| user).or(default.as_ref())
        }
    };
    written.map(|user| fixed(user.as_str())).transpose()
}

/// The port of an instance; `None` leaves it to `ssh`.
pub(super) fn port(instance: &Instance, direct: Option<&DirectAddress>, ssh: &Ssh) -> Result<Option<u16>, WayProblem> {
    if let Some(port) = direct.and_then(|direct| direct.port) {
        return Ok(Some(port));
    }
    match &ssh.port {
        None => Ok(None),
        Some(PortFrom::Fixed(port)) => Ok(Some((*port).into())),
        Some(PortFrom::Tag { key, default }) => match instance.tag(key).filter(|port| !port.is_empty()) {
            Some(text) => match text.parse() {
                Ok(port) if port > 0 && text.bytes().all(|digit| digit.is_ascii_digit()) => Ok(Some(port)),
                _ => Err(WayProblem::Port { key: key.clone(), value: text.to_owned() }),
            },
            None => Ok(default.map(Into::into)),
        },
    }
}

/// The command that carries the connection to `host`.
///
/// # Errors
/// When it needs a value that the host lacks, or that is not safe in a shell.
pub fn proxy_command(command: &ProxyCommand, host: &Host) -> Result<String, Unfillable> {
    command.filled(|place| known_of(host, place))
}

/// The value of a place for a host.
pub fn known_of(host: &Host, place: Place) -> Option<String> {
    let Host { address, instance, .. } = host;
    let account_of = |provider: &str| (instance.provider.as_str() == provider).then(|| instance.account.clone());
    match place {
        Place::Id => Some(instance.id.as_str().to_owned()),
        Place::ResourceId => instance.resource_id.clone(),
        Place::Name => Some(instance.name.clone()),
        Place::Region => Some(instance.region.clone()),
        Place::Zone => Some(instance.zone.clone()),
        Place::Project => account_of("gcp"),
        Place::ResourceGroup => instance.resource_id.as_deref().and_then(resource_group).map(ToOwned::to_owned),
        Place::Subscription => account_of("azure"),
        Place::Address => Some(address.host.clone()),
        Place::Port => Some(address.port.unwrap_or(SSH_PORT).to_string()),
        Place::User => address.user.clone(),
    }
}

/// The group in `/subscriptions/…/resourceGroups/GROUP/…`. Azure varies the case of these words.
fn resource_group(id: &str) -> Option<&str> {
    let mut words = id.split('/');
    words.find(|word| word.eq_ignore_ascii_case("resourceGroups"))?;
    words.next()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::inventory::testing::{host, instance, ssh};

    fn tagged(key: &str, value: &str) -> Instance {
        let mut machine = instance("i-1", "web1");
        machine.tags.insert(key.into(), value.into());
        machine
    }

    #[test]
    fn a_port_may_come_from_a_tag() {
        let by_tag = |default: Option<u16>| {
            let default = default.and_then(std::num::NonZeroU16::new);
            Ssh { port: Some(PortFrom::Tag { key: "ssh-port".into(), default }), ..ssh() }
        };
        let table = [("2222", Ok(Some(2222))), ("", Ok(Some(22))), ("65535", Ok(Some(65535)))];
        for (value, found) in table {
            assert_eq!(port(&tagged("ssh-port", value), None, &by_tag(Some(22))), found, "{value}");
        }
        assert_eq!(port(&instance("i-1", "a"), None, &by_tag(None)), Ok(None));
        for bad in ["0", "65536", "ssh", "22 ", "+22", "-oX", "22;id"] {
            let error = port(&tagged("ssh-port", bad), None, &by_tag(Some(22))).expect_err(bad).to_string();
            assert!(error.contains("`ssh-port`") && error.contains(&format!("`{bad}`")), "{error}");
        }
        let direct = DirectAddress { host: "x".into(), port: Some(7), user: None };
        assert_eq!(port(&tagged("ssh-port", "9"), Some(&direct), &by_tag(None)), Ok(Some(7)));
    }

    #[test]
    fn a_login_may_come_from_a_tag() {
        let by_tag =
            Ssh { user: Some(UserFrom::Tag { key: "ssh-user".into(), default: "ubuntu".parse().ok() }), ..ssh() };
        assert_eq!(user(&tagged("ssh-user", "admin"), None, &by_tag), Ok(Some("admin".into())));
        assert_eq!(user(&instance("i-1", "a"), None, &by_tag), Ok(Some("ubuntu".into())));
        for bad in ["-oProxyCommand=x", "a b", "$(id)", "a;b", "`id`", "a\nb", "a'b"] {
            let error = user(&tagged("ssh-user", bad), None, &by_tag).expect_err(bad);
            assert_eq!(error, WayProblem::User { key: "ssh-user".into(), value: bad.into() });
        }
    }

    #[test]
    fn a_login_may_come_from_the_image_and_the_longest_glob_counts() {
        let globs = [("*ubuntu*", "ubuntu"), ("*ubuntu-pro*", "pro"), ("al2023-*", "ec2-user")];
        let globs: BTreeMap<_, _> =
            globs.into_iter().map(|(glob, user)| (glob.to_owned(), user.parse().expect("a login"))).collect();
        let ssh = Ssh { user: Some(UserFrom::Image { globs, default: "admin".parse().ok() }), ..ssh() };
        for (image, login) in [
            (Some("Canonical:ubuntu-24:server:latest"), "ubuntu"),
            (Some("x-ubuntu-pro-24"), "pro"),
            (Some("al2023-ami-1"), "ec2-user"),
            (Some("debian-12"), "admin"),
            (None, "admin"),
        ] {
            let mut machine = instance("i-1", "web1");
            machine.image = image.map(ToOwned::to_owned);
            assert_eq!(user(&machine, None, &ssh), Ok(Some(login.to_owned())), "{image:?}");
            // A cloud that lists image ids gives the image's name separately.
            machine.image_name = machine.image.replace("ami-1".to_owned());
            assert_eq!(user(&machine, None, &ssh), Ok(Some(login.to_owned())), "{image:?} of ami-1");
        }
    }

    #[test]
    fn a_command_is_filled_from_each_clouds_own_words() {
        let filled = |command: &str, host: &Host| proxy_command(&command.parse().expect("a command"), host);
        let mut azure = host("vm-guid", "web1");
        azure.instance.provider = provider_core::ProviderName::new("azure");
        azure.instance.account = "6f1d".into();
        azure.instance.resource_id =
            Some("/subscriptions/6f1d/resourcegroups/Shop-EU/providers/Microsoft.Compute/virtualMachines/web1".into());
        assert_eq!(filled("t {subscription} {resource_group} {port}", &azure).as_deref(), Ok("t 6f1d Shop-EU 22"));
        assert_eq!(filled("t {project}", &azure), Err(Unfillable::Missing(Place::Project)));
        let aws = host("i-1", "web1");
        assert_eq!(filled("t {id} {region} {zone} {user}", &aws).as_deref(), Ok("t i-1 eu-west-1 eu-west-1a deploy"));
        assert_eq!(filled("t {resource_group}", &aws), Err(Unfillable::Missing(Place::ResourceGroup)));
        let hostile = host("i-1", "$(touch pwned)");
        assert!(matches!(filled("t {name}", &hostile), Err(Unfillable::Unsafe { .. })));
    }
}

//! Choosing the address by which a host is reached.

use provider_core::Instance;

use super::{
    host::SshAddress,
    login::{self, WayProblem},
};
use crate::config::{AddressKind, Ssh};

/// The address of `instance` that the target prefers; `None` when the instance has none of the wanted kinds. An address
/// listed by hand for this host outranks the preference.
///
/// # Errors
/// When the instance gives a port or a login that is invalid.
pub(super) fn choose(instance: &Instance, ssh: &Ssh) -> Result<Option<SshAddress>, WayProblem> {
    let direct = instance.addresses.direct.as_ref();
    let host = match direct {
        Some(direct) => Some(direct.host.clone()),
        None => ssh.address.iter().find_map(|kind| of_kind(instance, kind)),
    };
    let Some(host) = host else { return Ok(None) };
    let (user, port) = (login::user(instance, direct, ssh)?, login::port(instance, direct, ssh)?);
    Ok(Some(SshAddress { host, port, user }))
}

fn of_kind(instance: &Instance, kind: &AddressKind) -> Option<String> {
    let addresses = &instance.addresses;
    match kind {
        AddressKind::PrivateIpv4 => addresses.private_ipv4.map(|address| address.to_string()),
        AddressKind::PublicIpv4 => addresses.public_ipv4.map(|address| address.to_string()),
        AddressKind::PublicIpv6 => addresses.public_ipv6.map(|address| address.to_string()),
        AddressKind::PrivateDns => addresses.private_dns.clone(),
        AddressKind::PublicDns => addresses.public_dns.clone(),
        AddressKind::Name => Some(instance.name.clone()),
        AddressKind::Tag(key) => instance.tag(key).map(ToOwned::to_owned),
    }
    .filter(|address| is_address(address))
}

/// The text of a tag or a name becomes a word of `ssh`'s command line, so it must look like a host.
fn is_address(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    !text.is_empty() && !text.starts_with('-') && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::{instance, ssh};

    #[test]
    fn the_first_that_exists_is_taken() {
        let mut machine = instance("i-1", "web1");
        machine.addresses.public_ipv4 = Some([192, 0, 2, 7].into());
        let order = |kinds: &[&str]| {
            let mut ssh = ssh();
            ssh.address = kinds.iter().map(|kind| kind.parse().expect("kind")).collect();
            choose(&machine, &ssh).expect("no tags").map(|address| address.host)
        };
        assert_eq!(order(&["private_ipv4", "public_ipv4"]).as_deref(), Some("10.0.0.1"));
        assert_eq!(order(&["public_ipv6", "public_ipv4"]).as_deref(), Some("192.0.2.7"));
        assert_eq!(order(&["tag:address", "name"]).as_deref(), Some("web1"));
        assert_eq!(order(&["public_dns"]), None);
    }

    #[test]
    fn text_that_could_be_an_option_is_no_address() {
        let mut machine = instance("i-1", "-oProxyCommand=touch pwned");
        machine.tags.insert("address".into(), "a b".into());
        let mut ssh = ssh();
        ssh.address = vec![AddressKind::Tag("address".into()), AddressKind::Name];
        assert_eq!(choose(&machine, &ssh), Ok(None));
    }
}

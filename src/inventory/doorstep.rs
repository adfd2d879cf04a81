//! The place that a connection to a host leads to. Two hosts at one doorstep are one machine, or a mistake.

use std::{fmt, net::IpAddr};

use super::{
    host::{Host, SshAddress},
    login::{SSH_PORT, proxy_command},
};
use crate::config::{Unfillable, Way};

/// What distinguishes the way to one host from the way to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doorstep {
    /// An address and a port, seen from this machine or from the last jump host.
    Address(String, u16),
    /// The command that makes the connection: hosts may share an address behind it, or have none that is meaningful.
    Command(String),
}

impl Doorstep {
    /// The doorstep of `host` for this way. The login is not part of it, because it does not tell machines apart.
    ///
    /// # Errors
    /// When the way's command cannot be filled for the host.
    pub fn of(host: &Host, way: &Way) -> Result<Self, Unfillable> {
        let mut host = host.clone();
        host.address.host = spelled_alike(&host.address.host);
        match way {
            Way::Ssh | Way::Jump(_) => Ok(Self::Address(host.address.host, host.address.port.unwrap_or(SSH_PORT))),
            Way::Command(command) => Ok(Self::Command(expanded(&proxy_command(command, &host)?, &host.address))),
        }
    }
}

impl fmt::Display for Doorstep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(host, port) => write!(f, "at {host} port {port}"),
            Self::Command(command) => write!(f, "by `{command}`"),
        }
    }
}

/// One spelling for every form of the same address.
fn spelled_alike(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => address.trim_end_matches('.').to_lowercase(),
    }
}

/// The command as `ssh` hands it to a shell, with every token that a `ProxyCommand` may hold (`ssh_config(5)`).
fn expanded(command: &str, address: &SshAddress) -> String {
    let mut text = String::new();
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match (c, rest.as_str().chars().next()) {
            ('%', Some('h' | 'n')) => text.push_str(&address.host),
            ('%', Some('p')) => text.push_str(&address.port.unwrap_or(SSH_PORT).to_string()),
            ('%', Some('r')) => text.push_str(address.user.as_deref().unwrap_or_default()),
            ('%', Some('%')) => text.push('%'),
            _ => {
                text.push(c);
                continue;
            }
        }
        rest.next();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::host;

    fn at(id: &str, address: &str, port: Option<u16>) -> Host {
        let mut host = host(id, "web");
        (host.address.host, host.address.port) = (address.to_owned(), port);
        host
    }

    fn command(text: &str) -> Way {
        Way::Command(text.parse().expect("a command"))
    }

    #[test]
    fn an_address_has_one_spelling() {
        for way in [Way::Ssh, Way::Jump("bastion".parse().expect("a jump host")), command("nc %h {port}")] {
            let doorstep = |address: &str, port| Doorstep::of(&at("i-1", address, port), &way).expect("a doorstep");
            for (one, other) in [("WEB1.", "web1"), ("::1", "0:0:0:0:0:0:0:1"), ("::ffff:10.0.0.1", "10.0.0.1")] {
                assert_eq!(doorstep(one, None), doorstep(other, Some(22)), "{way:?}");
            }
            assert_ne!(doorstep("web1", None), doorstep("web2", None), "{way:?}");
            assert_ne!(doorstep("web1", None), doorstep("web1", Some(2222)), "{way:?}");
        }
    }

    #[test]
    fn what_a_command_does_not_look_at_tells_nobody_apart() {
        let (one, other) = (at("i-1", "10.0.0.1", None), at("i-2", "10.0.0.2", None));
        for (text, apart) in [
            ("tunnel {id}", true),
            ("nc {address} 22", true),
            ("nc %h %p", true),
            ("nc %n 22", true),
            ("nc web 22", false),
            ("tunnel {name}", false),
            ("echo %%h", false),
        ] {
            let way = command(text);
            let doorsteps = [&one, &other].map(|host| Doorstep::of(host, &way).expect("a doorstep"));
            assert_eq!(doorsteps[0] != doorsteps[1], apart, "{text}: {doorsteps:?}");
        }
    }

    #[test]
    fn a_command_is_shown_as_it_is_run() {
        let mut host = at("i-1", "10.0.0.1", Some(2222));
        host.address.user = Some("deploy".into());
        let doorstep = Doorstep::of(&host, &command("t {id} %r@%h:%p %%p %x %")).expect("a doorstep");
        assert_eq!(doorstep.to_string(), "by `t i-1 deploy@10.0.0.1:2222 %p %x %`");
        assert_eq!(Doorstep::of(&host, &Way::Ssh).expect("one").to_string(), "at 10.0.0.1 port 2222");
    }
}

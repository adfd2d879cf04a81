//! The `ssh` command line of a host's master: pure.
//!
//! The user's `~/.ssh/config`, agent, certificates and `ProxyJump` or `ProxyCommand` are honoured:
//! nothing here replaces them, and a `-o` is added only where a deploy must not depend on them. A
//! host's address may come from a cloud tag and the user from a file, and `ssh` gives both to shells
//! (`%h` and `%r` in a `ProxyCommand` or `Match exec`): so what is not a plain name is refused here.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    ConnectError, ConnectFailure,
    known_hosts::{KnownHosts, alias},
};
use crate::{config::HostKeys, inventory::Host};

/// How to log in, for all hosts of a target.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) jump: Option<String>,
    pub(super) identity_file: Option<PathBuf>,
    pub(super) config_file: Option<PathBuf>,
    pub(super) host_keys: HostKeys,
    pub(super) known_hosts: KnownHosts,
    pub(super) connect_timeout: Duration,
    /// Whether this `ssh` knows the option.
    pub(super) fork_after_authentication: Known,
}

/// Whether an option is one that the `ssh` of this machine knows. To one that does not, it is an error;
/// and `IgnoreUnknown` on the command line would take the place of the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

impl Login {
    /// The arguments of `ssh` for a master to `host` that listens at `socket`.
    pub(super) fn arguments(&self, host: &Host, socket: &Path) -> Result<Vec<OsString>, ConnectError> {
        let mut args: Vec<OsString> = Vec::new();
        let mut add =
            |flag: &str, value: &dyn AsRef<std::ffi::OsStr>| args.extend([flag.into(), value.as_ref().to_owned()]);
        if let Some(file) = &self.config_file {
            add("-F", file);
        }
        // `-v`: its log is the only place where `ssh` says how far it is, and why it failed.
        for option in [
            "BatchMode=yes",
            "ControlPersist=no",
            "ConnectionAttempts=1",
            // A peer that is gone is noticed within a minute.
            "ServerAliveInterval=15",
            "ServerAliveCountMax=4",
            // A deploy needs a command's streams, and nothing else that the user's configuration may ask for.
            "ClearAllForwardings=yes",
            "ForwardAgent=no",
            "ForwardX11=no",
            "Tunnel=no",
            "RequestTTY=no",
            "PermitLocalCommand=no",
            "RemoteCommand=none",
            // One file an instance, which nothing but the first login ever writes.
            "CheckHostIP=no",
            "HashKnownHosts=no",
            "UpdateHostKeys=no",
        ] {
            add("-o", &option);
        }
        // It would log in and then leave us, with the login held open for ever. `ssh` 8.7 and newer.
        match self.fork_after_authentication {
            Known::Yes => add("-o", &"ForkAfterAuthentication=no"),
            Known::No => {}
        }
        let trust = match self.host_keys {
            HostKeys::AcceptNew => "accept-new",
            HostKeys::Strict => "yes",
        };
        add("-o", &format!("StrictHostKeyChecking={trust}"));
        add("-o", &format!("HostKeyAlias={}", alias(&host.id)));
        add("-o", &format!("UserKnownHostsFile={}", self.known_hosts.option()));
        add("-o", &format!("ConnectTimeout={}", self.connect_timeout.as_secs().max(1)));
        if let Some(file) = &self.identity_file {
            add("-o", &"IdentitiesOnly=yes");
            add("-i", file);
        }
        if let Some(user) = host.address.user.as_ref().or(self.user.as_ref()) {
            add("-l", &plain(user, "user", is_user)?);
        }
        if let Some(port) = host.address.port.or(self.port) {
            add("-p", &port.to_string());
        }
        if let Some(jump) = &self.jump {
            add("-J", &plain(jump, "jump host", is_jump)?);
        }
        add("-S", &socket);
        args.extend(["-v", "-M", "-N", "--"].map(OsString::from));
        args.push(plain(&host.address.host, "address", is_address)?.into());
        Ok(args)
    }
}

/// `text`, if it is fit to be given to `ssh` as such a thing.
fn plain<'a>(text: &'a str, what: &str, fit: fn(&str) -> bool) -> Result<&'a str, ConnectError> {
    if fit(text) {
        return Ok(text);
    }
    Err(ConnectError {
        kind: ConnectFailure::LocalSsh,
        message: format!("`{}` is not fit to be given to ssh as {what}", text.escape_debug()),
        hint: Some(format!(
            "use a plain {what}: no leading `-`, no blanks, no quotes, nothing that a shell would read"
        )),
    })
}

fn starts_plainly(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-')
}

/// A name, an alias of `ssh_config`, an IPv4 or IPv6 address with or without a zone.
fn is_address(text: &str) -> bool {
    starts_plainly(text) && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%'))
}

/// The characters that OpenSSH 9.6 and newer refuse in a user, and blanks.
fn is_user(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "'`\";&<>|(){}$".contains(c);
    starts_plainly(text) && !text.ends_with('\\') && !text.contains(odd)
}

/// One or more `[user@]host[:port]`, with commas between.
fn is_jump(text: &str) -> bool {
    text.split(',').all(|hop| {
        let (user, host) = hop.rsplit_once('@').map_or((None, hop), |(user, host)| (Some(user), host));
        let host = host.replacen(['[', ']'], "", 2);
        user.is_none_or(is_user) && is_address(&host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_or_an_option_parser_would_read_are_refused() {
        for good in ["10.0.0.7", "fe80::1%eth0", "web-1.example.com", "müller", "web_1"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "-oProxyCommand=x", "a b", "a@b", "ssh://a", "$(x)", "a;b", "`x`", "a\nb", "a'b"] {
            assert!(!is_address(bad), "{bad}");
        }
        for good in ["deploy", "CORP\\ops", "ops@corp.example", "a.b+c"] {
            assert!(is_user(good), "{good}");
        }
        for bad in ["", "-x", "a b", "$(x)", "a;b", "a\\", "`x`", "a'b"] {
            assert!(!is_user(bad), "{bad}");
        }
        for good in ["bastion", "ops@bastion:2222", "a,ops@b:22", "ops@[::1]:22"] {
            assert!(is_jump(good), "{good}");
        }
        for bad in ["", "a,,b", "-oX", "ops@-oX", "a b", "a;b", "$(x)@b"] {
            assert!(!is_jump(bad), "{bad}");
        }
    }
}

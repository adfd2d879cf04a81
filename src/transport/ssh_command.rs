//! The `ssh` command line of a master, to a host or to a jump host: pure.
//!
//! The user's `~/.ssh/config`, agent, certificates and `ProxyJump` or `ProxyCommand` are honoured:
//! nothing here replaces them, and a `-o` is added only where a deploy must not depend on them. A
//! host's address may come from a cloud tag and the user from a file, and `ssh` gives both to shells
//! (`%h` and `%r` in a `ProxyCommand` or `Match exec`): so what is not a plain name is refused here.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    ConnectError, ConnectFailure,
    known_hosts::{KnownHosts, alias},
};
use crate::{
    config::{Hop, HostKeys, is_host, is_login},
    inventory::Host,
};

/// How to log in, for all hosts of a target.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) identity_file: Option<PathBuf>,
    pub(super) config_file: Option<PathBuf>,
    pub(super) host_keys: HostKeys,
    pub(super) known_hosts: KnownHosts,
    /// The type of host key to be shown, of those that a host has.
    pub(super) prefer: Option<&'static str>,
    pub(super) connect_timeout: Duration,
    /// How often a silent peer is asked whether it is still there.
    pub(super) keepalive: Duration,
    /// Whether this `ssh` knows the option.
    pub(super) fork_after_authentication: Known,
}

/// Through what a login goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Via<'a> {
    /// As the user's configuration says.
    Ssh,
    /// Through nothing, whatever the user's configuration says.
    Nothing,
    /// Over a forward of the master that listens at this socket.
    Master(&'a Path),
    /// Through a command, whose every part is fit for a shell.
    Command(&'a str),
}

/// Whether an option is one that the `ssh` of this machine knows. To one that does not, it is an error;
/// and `IgnoreUnknown` on the command line would take the place of the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

/// Options of every master. `-v`: its log is the only place where `ssh` says how far it is, and why it failed.
const ALWAYS: [&str; 11] = [
    "BatchMode=yes",
    "ControlPersist=no",
    "ConnectionAttempts=1",
    "ServerAliveCountMax=4",
    // A deploy needs a command's streams, and nothing else that the user's configuration may ask for.
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "RequestTTY=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
];

impl Login {
    /// The arguments of `ssh` for a master to `host` that listens at `socket`.
    pub(super) fn arguments(
        &self,
        ssh: &Path,
        host: &Host,
        via: Via<'_>,
        socket: &Path,
    ) -> Result<Vec<OsString>, ConnectError> {
        let mut args = self.common(ssh, via);
        let mut add = |flag: &str, value: &dyn AsRef<OsStr>| args.extend([flag.into(), value.as_ref().to_owned()]);
        // One file an instance, which nothing but the first login ever writes.
        for option in ["CheckHostIP=no", "HashKnownHosts=no", "UpdateHostKeys=no"] {
            add("-o", &option);
        }
        let trust = match self.host_keys {
            HostKeys::AcceptNew => "accept-new",
            HostKeys::Strict | HostKeys::Cloud => "yes",
        };
        add("-o", &format!("StrictHostKeyChecking={trust}"));
        match self.prefer {
            // Its signatures have names of their own.
            Some("ssh-rsa") => add("-o", &"HostKeyAlgorithms=^rsa-sha2-512,rsa-sha2-256"),
            Some(kind) => add("-o", &format!("HostKeyAlgorithms=^{kind}")),
            None => {}
        }
        add("-o", &format!("HostKeyAlias={}", alias(&host.id)));
        add("-o", &format!("UserKnownHostsFile={}", self.known_hosts.option()));
        if let Some(file) = &self.identity_file {
            add("-o", &"IdentitiesOnly=yes");
            add("-i", file);
        }
        if let Some(user) = &host.address.user {
            add("-l", &plain(user, "user", is_login)?);
        }
        if let Some(port) = host.address.port {
            add("-p", &port.to_string());
        }
        add("-S", &socket);
        args.extend(["-v", "-M", "-N", "--"].map(OsString::from));
        args.push(plain(&host.address.host, "address", is_host)?.into());
        Ok(args)
    }

    /// The same for a jump host. Its host key and its keys are the business of the user's own configuration.
    pub(super) fn arguments_of_jump(&self, ssh: &Path, hop: &Hop, via: Via<'_>, socket: &Path) -> Vec<OsString> {
        let mut args = self.common(ssh, via);
        let mut add = |flag: &str, value: &dyn AsRef<OsStr>| args.extend([flag.into(), value.as_ref().to_owned()]);
        if let Some(file) = &self.identity_file {
            add("-i", file);
        }
        if let Some(user) = &hop.user {
            add("-l", user);
        }
        if let Some(port) = hop.port {
            add("-p", &port.to_string());
        }
        add("-S", &socket);
        args.extend(["-v", "-M", "-N", "--"].map(OsString::from));
        args.push(OsString::from(&hop.host));
        args
    }

    fn common(&self, ssh: &Path, via: Via<'_>) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        let mut add = |flag: &str, value: &dyn AsRef<OsStr>| args.extend([flag.into(), value.as_ref().to_owned()]);
        if let Some(file) = &self.config_file {
            add("-F", file);
        }
        for option in ALWAYS {
            add("-o", &option);
        }
        // It would log in and then leave us, with the login held open for ever. `ssh` 8.7 and newer.
        match self.fork_after_authentication {
            Known::Yes => add("-o", &"ForkAfterAuthentication=no"),
            Known::No => {}
        }
        add("-o", &format!("ServerAliveInterval={}", self.keepalive.as_secs().max(1)));
        // Somewhat later than our own clock, which knows what it was that took so long.
        add("-o", &format!("ConnectTimeout={}", self.connect_timeout.as_secs().saturating_add(5)));
        match via {
            Via::Ssh => {}
            Via::Nothing => {
                add("-o", &"ProxyJump=none");
                add("-o", &"ProxyCommand=none");
            }
            Via::Master(master) => {
                let mut option = OsString::from("ProxyCommand=");
                option.push(forward(ssh, master));
                add("-o", &option);
                // `ssh -W` passes bytes and no descriptor, whatever the user's own command does.
                add("-o", &"ProxyUseFdpass=no");
            }
            Via::Command(command) => add("-o", &format!("ProxyCommand={command}")),
        }
        args
    }
}

/// The command for `ProxyCommand` that asks the master at `socket` for a forward. Without that master it
/// must not connect anywhere by itself, which its own `ProxyCommand` sees to; and its last word is a name that
/// means nothing, for `ssh` wants one.
fn forward(ssh: &Path, socket: &Path) -> OsString {
    let mut command = quoted(ssh);
    command.push(" -F none -o BatchMode=yes -o ControlMaster=no -o ProxyCommand=false -S ");
    command.push(quoted(socket));
    command.push(" -W '[%h]:%p' jump");
    command
}

/// A path as one word of a shell, with nothing in it that `ssh` would expand first.
fn quoted(path: &Path) -> OsString {
    let mut word = vec![b'\''];
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'\'' => word.extend(b"'\\''"),
            b'%' => word.extend(b"%%"),
            byte => word.push(*byte),
        }
    }
    word.push(b'\'');
    OsString::from_vec(word)
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        for path in ["/usr/bin/ssh", "/a b/s'sh", "/$(touch pwned)/`id`/ssh", "/100%/\"x\"\\/ssh"] {
            let word = quoted(Path::new(path)).into_string().expect("text").replace("%%", "%");
            let said = Command::new("/bin/sh").args(["-c", &format!("printf %s {word}")]).output().expect("sh runs");
            assert_eq!(String::from_utf8_lossy(&said.stdout), path);
        }
    }

    #[test]
    fn a_forward_comes_from_the_master_or_from_nowhere() {
        let command = forward(Path::new("/usr/bin/ssh"), Path::new("/tmp/fw/0"));
        assert_eq!(
            command.to_string_lossy(),
            "'/usr/bin/ssh' -F none -o BatchMode=yes -o ControlMaster=no -o ProxyCommand=false -S '/tmp/fw/0' -W '[%h]:%p' jump"
        );
    }
}

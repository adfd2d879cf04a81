//! The `ssh` command line of a master, to a host or to a jump host: pure.
//!
//! The user's `~/.ssh/config`, agent, certificates and `ProxyJump` or `ProxyCommand` are honoured: nothing here
//! replaces them, and a `-o` is added only where a deploy must not depend on them. A host's address may come from a
//! cloud tag and the user from a file, and `ssh` passes both to shells (`%h` and `%r` in a `ProxyCommand` or
//! `Match exec`). So anything but a plain name is refused here.

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
    /// The preferred type of host key, if the host has several.
    pub(super) prefer: Option<&'static str>,
    pub(super) connect_timeout: Duration,
    /// How often a silent peer is asked whether it is still there.
    pub(super) keepalive: Duration,
    /// Whether this `ssh` knows the option.
    pub(super) fork_after_authentication: Known,
}

/// What a login goes through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Via<'a> {
    /// As the user's configuration says.
    Ssh,
    /// Directly, despite the user's configuration.
    Nothing,
    /// Over a forward of the master that listens at this socket.
    Master(&'a Path),
    /// Through this command, whose parts are all safe for a shell.
    Command(&'a str),
}

/// Whether this machine's `ssh` knows an option. An unknown option is an error, and `IgnoreUnknown` on the command line
/// would replace the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

/// Options of every master. With `-v`, because only the log shows how far `ssh` is, and why it failed.
const ALWAYS: [&str; 11] = [
    "BatchMode=yes",
    "ControlPersist=no",
    "ConnectionAttempts=1",
    "ServerAliveCountMax=4",
    // A deploy needs only the streams of a command, whatever else the user's configuration requests.
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "RequestTTY=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
];

impl Login {
    /// The arguments of `ssh` for a master to `host` that listens on `socket`.
    pub(super) fn arguments(
        &self,
        ssh: &Path,
        host: &Host,
        via: Via<'_>,
        socket: &Path,
    ) -> Result<Vec<OsString>, ConnectError> {
        let mut args = self.common(ssh, via);
        args.extend(["-S".into(), socket.into()]);
        args.extend(["-v", "-M", "-N"].map(OsString::from));
        self.add_route(&self.route(host)?, &mut args);
        Ok(args)
    }

    /// The same for a jump host. Its host key and its keys are left to the user's own configuration.
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
        let mut args = self.config();
        for option in ALWAYS {
            args.extend(["-o".into(), option.into()]);
        }
        // Otherwise, a configured `ForkAfterAuthentication` would detach `ssh` after the login and hold it open
        // forever. The option exists since `ssh` 8.7.
        match self.fork_after_authentication {
            Known::Yes => args.extend(["-o".into(), "ForkAfterAuthentication=no".into()]),
            Known::No => {}
        }
        let keepalive = self.keepalive.as_secs().max(1);
        args.extend(["-o".into(), format!("ServerAliveInterval={keepalive}").into()]);
        // Slightly later than our own clock, which knows what took so long.
        let timeout = self.connect_timeout.as_secs().saturating_add(5);
        args.extend(["-o".into(), format!("ConnectTimeout={timeout}").into()]);
        for (keyword, value) in way_in(ssh, via) {
            let mut option = OsString::from(format!("{keyword}="));
            option.push(value);
            args.extend(["-o".into(), option]);
        }
        args
    }

    /// The configuration to read: the user's own, unless another is named.
    pub(super) fn config(&self) -> Vec<OsString> {
        self.config_file.iter().flat_map(|file| ["-F".into(), file.into()]).collect()
    }

    /// The address, port and user of `host`, and how its key is checked.
    pub(super) fn route<'a>(&'a self, host: &'a Host) -> Result<Route<'a>, ConnectError> {
        let trust = match self.host_keys {
            HostKeys::AcceptNew => "accept-new",
            HostKeys::Strict | HostKeys::Cloud => "yes",
        };
        let mut settings = vec![
            // Each instance has its own file, which only the first login ever writes.
            ("CheckHostIP", "no".to_owned()),
            ("HashKnownHosts", "no".to_owned()),
            ("UpdateHostKeys", "no".to_owned()),
            ("StrictHostKeyChecking", trust.to_owned()),
            ("HostKeyAlias", alias(&host.id)),
            ("UserKnownHostsFile", self.known_hosts.option().to_owned()),
        ];
        match self.prefer {
            // Signature algorithms of RSA keys have names of their own.
            Some("ssh-rsa") => settings.push(("HostKeyAlgorithms", "^rsa-sha2-512,rsa-sha2-256".to_owned())),
            Some(kind) => settings.push(("HostKeyAlgorithms", format!("^{kind}"))),
            None => {}
        }
        if self.identity_file.is_some() {
            settings.push(("IdentitiesOnly", "yes".to_owned()));
        }
        Ok(Route {
            address: plain(&host.address.host, "address", is_host)?,
            user: host.address.user.as_ref().map(|user| plain(user, "user", is_login)).transpose()?,
            port: host.address.port,
            trust: settings,
        })
    }

    /// Adds the arguments that lead to a host. They come last, before the words of a command.
    pub(super) fn add_route(&self, route: &Route<'_>, args: &mut Vec<OsString>) {
        let mut add = |flag: &str, value: &dyn AsRef<OsStr>| args.extend([flag.into(), value.as_ref().to_owned()]);
        for (keyword, value) in &route.trust {
            add("-o", &format!("{keyword}={value}"));
        }
        if let Some(file) = &self.identity_file {
            add("-i", file);
        }
        if let Some(user) = route.user {
            add("-l", &user);
        }
        if let Some(port) = route.port {
            add("-p", &port.to_string());
        }
        args.extend(["--".into(), route.address.into()]);
    }
}

/// The settings for what a login goes through.
pub(super) fn way_in(ssh: &Path, via: Via<'_>) -> Vec<(&'static str, OsString)> {
    let mut settings = Vec::new();
    match via {
        Via::Ssh => {}
        Via::Nothing => settings.extend([("ProxyJump", "none".into()), ("ProxyCommand", "none".into())]),
        Via::Master(master) => settings.extend([
            ("ProxyCommand", forward(ssh, master)),
            // `ssh -W` passes bytes and no descriptor, even if the user's own command passes one.
            ("ProxyUseFdpass", "no".into()),
        ]),
        Via::Command(command) => settings.push(("ProxyCommand", command.into())),
    }
    settings
}

/// How to log in on a host and check its key, for any purpose.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) address: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) port: Option<u16>,
    pub(super) trust: Vec<(&'static str, String)>,
}

/// The command for `ProxyCommand` that requests a forward from the master at `socket`. Without that master, it must not
/// connect anywhere itself; `ProxyCommand=false` prevents that. The last word is a placeholder, because `ssh` requires
/// a host name.
fn forward(ssh: &Path, socket: &Path) -> OsString {
    let mut command = quoted(ssh);
    command.push(" -F none -o BatchMode=yes -o ControlMaster=no -o ProxyCommand=false -S ");
    command.push(quoted(socket));
    command.push(" -W '[%h]:%p' jump");
    command
}

/// A path as one word of a shell, with nothing in it that `ssh` would expand first.
pub(super) fn quoted(path: &Path) -> OsString {
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

/// `text`, if it is safe to pass to `ssh` as a `what`.
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

//! The user's `ssh` on this machine, and its settings to reach a host: for a master, for a person at a terminal, and
//! for a file that other programs read. All three use the same settings.

use std::{
    env, fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{self, Command},
};

use super::{
    ConnectError, ConnectFailure, OpenSshConfig, OpenSshError,
    known_hosts::KnownHosts,
    ssh_by_hand::{HostBlock, Terminal},
    ssh_command::{Known, Login, Via},
};
use crate::{
    config::{Unfillable, Way},
    inventory::{Host, proxy_command},
};

/// `ssh`, and how to log in on the hosts of a target.
#[derive(Clone, Debug)]
pub struct SshClient {
    pub(super) ssh: PathBuf,
    pub(super) login: Login,
    pub(super) way: Way,
}

impl SshClient {
    /// Finds `ssh`, and checks that the files it is to read exist.
    ///
    /// # Errors
    /// When no host can be reached in this way, for a reason on this machine.
    pub fn new(config: OpenSshConfig) -> Result<Self, OpenSshError> {
        let files = [("identity_file", &config.identity_file), ("ssh config_file", &config.config_file)];
        for (what, path) in files.into_iter().filter_map(|(what, path)| Some((what, path.as_ref()?))) {
            // `ssh` expands these itself, some of them differently for every host.
            let expanded = path.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b'~' | b'%' | b'$'));
            if !expanded {
                fs::File::open(path).map_err(|source| OpenSshError::Unreadable { what, path: path.clone(), source })?;
            }
        }
        let ssh = find_ssh().ok_or(OpenSshError::NoSsh)?;
        let login = Login {
            identity_file: config.identity_file,
            config_file: config.config_file,
            host_keys: config.host_keys,
            known_hosts: KnownHosts::open(&config.known_hosts_dir, config.host_keys)?,
            prefer: None,
            connect_timeout: config.connect_timeout,
            keepalive: config.keepalive,
            fork_after_authentication: knows(&ssh, "ForkAfterAuthentication=no"),
        };
        Ok(Self { ssh, login, way: config.way })
    }

    /// An `ssh` to `host` for a person, who may be asked for a password. `words` are the remote command, if any.
    ///
    /// # Errors
    /// When the host's address or login is not safe to pass to `ssh`.
    pub fn at_a_terminal(&self, host: &Host, words: &[String], terminal: Terminal) -> Result<Command, ConnectError> {
        let mut command = Command::new(&self.ssh);
        let carrier = self.carrier(&self.ssh, host)?;
        command.args(self.login.by_hand(&self.ssh, host, self.via(carrier.as_deref()), words, terminal)?);
        Ok(command)
    }

    /// The lines of an `ssh_config` for `host`.
    ///
    /// # Errors
    /// When the host's address or login is not safe to pass to `ssh`.
    pub fn block(&self, host: &Host) -> Result<HostBlock, ConnectError> {
        // The reader of the file has their own `ssh`.
        let ssh = Path::new("ssh");
        let carrier = self.carrier(ssh, host)?;
        self.login.block(ssh, host, self.via(carrier.as_deref()))
    }

    /// The command that carries the connection to `host`, if there is one.
    fn carrier(&self, ssh: &Path, host: &Host) -> Result<Option<String>, ConnectError> {
        Ok(match &self.way {
            Way::Ssh => None,
            Way::Jump(jump) => self.login.through(ssh, &jump.hops)?,
            Way::Command(command) => Some(proxy_command(command, host).map_err(|error| unfillable(&error))?),
        })
    }

    fn via<'a>(&self, carrier: Option<&'a str>) -> Via<'a> {
        match (carrier, &self.way) {
            (Some(command), _) => Via::Command(command),
            (None, Way::Jump(_)) => Via::Nothing,
            (None, Way::Ssh | Way::Command(_)) => Via::Ssh,
        }
    }
}

/// Only if the host has changed: the run checked this before it began.
pub(super) fn unfillable(error: &Unfillable) -> ConnectError {
    let message = format!("{error}, which `proxy_command` asks for");
    ConnectError { kind: ConnectFailure::LocalSsh, message, hint: None }
}

/// `ssh` in `PATH`.
fn find_ssh() -> Option<PathBuf> {
    let executable =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join("ssh")).find(executable)
}

/// Whether `ssh` accepts an option. It parses the options of its command line before it obeys `-V`, and connects to
/// nothing. An `ssh` that cannot run at all fails at the first login.
fn knows(ssh: &Path, option: &str) -> Known {
    let mut probe = Command::new(ssh);
    probe.args(["-o", option, "-V"]).stdin(process::Stdio::null()).stdout(process::Stdio::null());
    match probe.stderr(process::Stdio::null()).status() {
        Ok(status) if status.success() => Known::Yes,
        Ok(_) | Err(_) => Known::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_this_ssh_does_not_know_is_told_from_one_that_it_does() {
        let ssh = find_ssh().expect("the OpenSSH client is installed");
        assert_eq!(knows(&ssh, "BatchMode=yes"), Known::Yes);
        assert_eq!(knows(&ssh, "NoSuchOption=no"), Known::No);
        assert_eq!(knows(Path::new("/nowhere/ssh"), "BatchMode=yes"), Known::No);
    }
}

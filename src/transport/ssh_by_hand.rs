//! How a person's own `ssh` reaches a host, and the host's lines for an `ssh_config`: pure. The login, keys and way are
//! those of a master. Everything else is left to the user's configuration: an agent, forwardings, a password prompt.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use super::{
    ConnectError, ConnectFailure,
    ssh_command::{Login, Via, quoted, way_in},
};
use crate::{config::Hop, inventory::Host};

/// Whether a command that a person gives runs on a terminal of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It does: a person reads and types.
    Wanted,
    /// As `ssh` decides: only for a login without a command.
    AsSsh,
}

/// The lines of an `ssh_config` for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBlock {
    /// The host's address.
    pub address: String,
    /// Keywords and values, in the most readable order. Values are spelled as in `ssh_config`.
    pub settings: Vec<(&'static str, String)>,
}

impl Login {
    /// The arguments of `ssh` for a person who wants a login on `host`, or to run `words` there.
    pub(super) fn by_hand(
        &self,
        ssh: &Path,
        host: &Host,
        via: Via<'_>,
        words: &[String],
        terminal: Terminal,
    ) -> Result<Vec<OsString>, ConnectError> {
        let mut args = self.config();
        args.extend(["-o".into(), format!("ConnectTimeout={}", self.patience()).into()]);
        for (keyword, value) in way_in(ssh, via) {
            args.extend(["-o".into(), option(keyword, &value)]);
        }
        match terminal {
            Terminal::Wanted => args.push("-t".into()),
            Terminal::AsSsh => {}
        }
        self.add_route(&self.route(host)?, &mut args);
        args.extend(words.iter().map(OsString::from));
        Ok(args)
    }

    /// The lines of an `ssh_config` for `host`.
    pub(super) fn block(&self, ssh: &Path, host: &Host, via: Via<'_>) -> Result<HostBlock, ConnectError> {
        let route = self.route(host)?;
        let mut settings = Vec::new();
        settings.extend(route.user.map(|user| ("User", user.to_owned())));
        settings.extend(route.port.map(|port| ("Port", port.to_string())));
        for (keyword, value) in way_in(ssh, via) {
            settings.push((keyword, spelled(keyword, &value)?));
        }
        if let Some(file) = &self.identity_file {
            settings.push(("IdentityFile", in_quotes(file)?));
        }
        settings.push(("ConnectTimeout", self.patience().to_string()));
        settings.extend(route.trust);
        Ok(HostBlock { address: route.address.to_owned(), settings })
    }

    /// How long a connection may take, in seconds.
    fn patience(&self) -> u64 {
        self.connect_timeout.as_secs().max(1)
    }

    /// The `ProxyCommand` that goes through `hops`, the first one first; `None` if there are none. A login on a jump
    /// host is like one by the user's own `ssh`; the target's key is offered in addition.
    pub(super) fn through(&self, ssh: &Path, hops: &[Hop]) -> Result<Option<String>, ConnectError> {
        let Some((last, before)) = hops.split_last() else { return Ok(None) };
        let mut words = self.config();
        if let Some(file) = &self.identity_file {
            words.extend(["-i".into(), file.into()]);
        }
        if let Some(user) = &last.user {
            words.extend(["-l".into(), user.into()]);
        }
        if let Some(port) = last.port {
            words.extend(["-p".into(), port.to_string().into()]);
        }
        if let Some(command) = self.through(ssh, before)? {
            words.extend(["-o".into(), format!("ProxyCommand={command}").into()]);
        }
        // `%h` and `%p` stand for the host behind. The `ssh` that runs this command must expand them, not an outer one.
        let mut command = quoted(ssh);
        for word in words {
            command.push(" ");
            command.push(quoted(Path::new(&word)));
        }
        command.push(" -W '[%h]:%p' -- ");
        command.push(quoted(Path::new(&last.host)));
        spelled("ProxyCommand", &command).map(Some)
    }
}

fn option(keyword: &str, value: &OsStr) -> OsString {
    let mut option = OsString::from(keyword);
    option.push("=");
    option.push(value);
    option
}

/// A value that stands at the end of a configuration line.
fn spelled(keyword: &str, value: &OsStr) -> Result<String, ConnectError> {
    match value.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        Some(_) | None => Err(unspeakable(keyword, value)),
    }
}

/// A path as the value of a keyword. `ssh` splits it at blanks unless it is quoted, and cannot express a quote.
fn in_quotes(path: &Path) -> Result<String, ConnectError> {
    let text = spelled("IdentityFile", path.as_os_str())?;
    if text.contains(['"', '\\']) {
        return Err(unspeakable("IdentityFile", path.as_os_str()));
    }
    Ok(format!("\"{text}\""))
}

fn unspeakable(keyword: &str, value: &OsStr) -> ConnectError {
    ConnectError {
        kind: ConnectFailure::LocalSsh,
        message: format!("{keyword} {} cannot be written in an ssh_config", value.to_string_lossy().escape_debug()),
        hint: Some("use a path without quotes, backslashes and line breaks".to_owned()),
    }
}

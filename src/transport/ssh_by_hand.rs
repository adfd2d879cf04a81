//! How a person's own `ssh` reaches a host, and the lines that an `ssh_config` has for it: pure. The same login, keys
//! and way as a master's; what else the user's configuration says (an agent, forwardings, a password to be typed) is
//! theirs to say.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use super::{
    ConnectError, ConnectFailure,
    ssh_command::{Login, Via, quoted, way_in},
};
use crate::{config::Hop, inventory::Host};

/// Whether a command that a person gives is run on a terminal of the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It is: a person reads and types.
    Wanted,
    /// As `ssh` itself has it: for a login without a command only.
    AsSsh,
}

/// What an `ssh_config` says of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBlock {
    /// Where it is.
    pub address: String,
    /// Keywords and values, in the order in which they are best read. Values are as `ssh_config` spells them.
    pub settings: Vec<(&'static str, String)>,
}

impl Login {
    /// The arguments of `ssh` for a person who wants to be on `host`, or to run `words` there.
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

    /// What an `ssh_config` says of `host`.
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

    /// How long a connection may take. In seconds.
    fn patience(&self) -> u64 {
        self.connect_timeout.as_secs().max(1)
    }

    /// The command for `ProxyCommand` that goes through `hops`, the first one first; none without any. A jump host is
    /// logged in on as the user's own `ssh` would, and the target's key is offered besides.
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
        // What stands for the host behind is to be filled in by the `ssh` that runs this command, not by one further out.
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

/// A value that a line of a configuration ends with.
fn spelled(keyword: &str, value: &OsStr) -> Result<String, ConnectError> {
    match value.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        Some(_) | None => Err(unspeakable(keyword, value)),
    }
}

/// A path as the value of a keyword. `ssh` splits it at blanks unless it is quoted, and has no way to write a quote.
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

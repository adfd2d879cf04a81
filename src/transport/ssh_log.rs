//! What `ssh -v` says on its standard error, understood: how far a login has come, and what went
//! wrong with it.
//!
//! Pure: lines in, words out. `ssh` has no other way of saying why it failed (its exit status is
//! 255 for everything), and its words have been stable for many years; what is not recognised is
//! passed on verbatim as [`ConnectFailure::Other`]. A host can say things in its banner that look
//! like errors: so the last line that means anything is the one that counts, for the banner
//! always comes before it.

use std::{borrow::Cow, collections::VecDeque};

use super::ConnectFailure;

/// Lines kept: a login behind two jump hosts is about 200.
const LINES: usize = 500;

/// How `ssh` begins to say that it could not write down a new key, before it goes on without.
const FORGOT: &str = "Failed to add the host to the list of known hosts (";

/// How far a login has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Resolving, connecting, jumping, exchanging keys.
    Connect,
    /// Keys are exchanged; the login is under way.
    Auth,
    /// Logged in.
    LoggedIn,
}

/// Why no session could be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) kind: ConnectFailure,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// The log of one master, as it comes.
#[derive(Debug)]
pub(super) struct SshLog {
    /// `debug1: using hostkeyalias: …` with our alias: said by our own `ssh` only, never by that of
    /// a jump host, whose log comes through the same pipe.
    alias_line: String,
    lines: VecDeque<String>,
    /// Our own `ssh` has the other end's version, and is about to exchange keys.
    reached: bool,
    /// What our own `ssh` said when it could not write down the key that it had just accepted.
    forgot: Option<String>,
    phase: Phase,
}

impl SshLog {
    /// An empty log of a master with this `HostKeyAlias`.
    pub(super) fn new(alias: &str) -> Self {
        Self {
            alias_line: format!("debug1: using hostkeyalias: {alias}"),
            lines: VecDeque::new(),
            reached: false,
            forgot: None,
            phase: Phase::Connect,
        }
    }

    /// Takes one line, and says how far the login has come.
    pub(super) fn push(&mut self, line: &str) -> Phase {
        let line: String = without_place(line.trim_end()).chars().filter(|c| !c.is_control()).collect();
        self.reached |= line == self.alias_line;
        if self.reached {
            // A banner comes later, so a host cannot say this.
            if self.phase == Phase::Connect && line.starts_with(FORGOT) {
                self.forgot.get_or_insert_with(|| line.clone());
            }
            self.phase = match self.phase {
                Phase::Connect if line.starts_with("debug1: SSH2_MSG_NEWKEYS received") => Phase::Auth,
                Phase::Auth if line.starts_with("Authenticated to ") => Phase::LoggedIn,
                phase => phase,
            };
        }
        // They come of `LogVerbose` alone, and would push out what counts.
        if line.starts_with("debug2: ") || line.starts_with("debug3: ") {
            return self.phase;
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.phase
    }

    /// The host's new key was accepted and not kept: any key would be, at every login. `ssh` itself
    /// goes on.
    pub(super) fn forgot_the_key(&self) -> bool {
        self.forgot.is_some()
    }

    /// Forgets the lines of a login that is over: a banner is no complaint about what comes after.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }

    /// The last thing that `ssh` said to people, if it said anything.
    pub(super) fn last_words(&self) -> Option<&str> {
        self.said().next_back()
    }

    /// Where a login that makes no progress stands: its latest line, chatter included.
    pub(super) fn standing(&self) -> Option<&str> {
        self.lines.back().map(|line| split_level(line).1)
    }

    /// Why it failed, when it did.
    pub(super) fn diagnosis(&self) -> Diagnosis {
        if let Some(line) = &self.forgot {
            return Diagnosis {
                kind: ConnectFailure::HostKeyUnknown,
                message: line.clone(),
                hint: Some(
                    "a key that cannot be remembered cannot be checked the next time: make that file and its folder \
                     writable, and see that the disk is not full"
                        .to_owned(),
                ),
            };
        }
        let telling = || self.said().rev().filter(|line| !is_aftermath(line));
        let killed;
        let (kind, line) = if let Some(known) = telling().find_map(|line| Some((recognise(line)?, line))) {
            known
        } else if let Some(line) = telling().next().or_else(|| self.last_words()) {
            (ConnectFailure::Other, line)
        } else {
            killed = format!("ssh ended without a word, after: {}", self.standing().unwrap_or("nothing"));
            (ConnectFailure::Other, killed.as_str())
        };
        let kind = match kind {
            ConnectFailure::HostKeyUnknown if self.has("REMOTE HOST IDENTIFICATION HAS CHANGED") => {
                ConnectFailure::HostKeyChanged
            }
            // It never came as far as trying: what it says is about itself. Nor can a ProxyCommand
            // that does not exist be helped by another try.
            ConnectFailure::Other if !self.tried() || line.ends_with(": not found") => ConnectFailure::LocalSsh,
            kind => kind,
        };
        let mut message = self.specific(kind).unwrap_or(line).to_owned();
        if let Some(banner) = self.banner() {
            message = format!("{message}; the host said: {banner}");
        }
        if self.on_the_way() {
            message = format!("on the way to the host (jump host or ProxyCommand): {message}");
        }
        Diagnosis { kind, message, hint: self.hint(kind) }
    }

    /// The lines for people: neither debugging chatter nor what every login says.
    fn said(&self) -> impl DoubleEndedIterator<Item = &str> {
        let noise = [
            "debug1: ",
            "OpenSSH_",
            "Warning: Permanently added",
            "Authenticated to ",
            "Transferred: ",
            "Bytes per second: ",
            "Killed by signal",
        ];
        self.lines
            .iter()
            .map(String::as_str)
            .filter(move |line| !line.is_empty() && !noise.iter().any(|noise| line.starts_with(noise)))
    }

    /// A better line than the one that gave the kind away.
    fn specific(&self, kind: ConnectFailure) -> Option<&str> {
        match kind {
            ConnectFailure::HostKeyChanged => self.find(" has changed and you have requested strict checking"),
            ConnectFailure::HostKeyUnknown => self.find(" host key is known for "),
            ConnectFailure::LocalSsh => self.find(": Bad configuration option: "),
            ConnectFailure::Refused
            | ConnectFailure::NoRoute
            | ConnectFailure::TimedOut
            | ConnectFailure::NameNotFound
            | ConnectFailure::LoginRefused
            | ConnectFailure::ClosedEarly
            | ConnectFailure::NoCommonAlgorithm
            | ConnectFailure::Other => None,
        }
    }

    fn hint(&self, kind: ConnectFailure) -> Option<String> {
        let hint = match kind {
            ConnectFailure::Refused => "is sshd running there, and is this its port?",
            ConnectFailure::NoRoute => "is the address right, and is the VPN, peering or jump host up?",
            ConnectFailure::TimedOut => {
                "does a firewall or security group let this machine in, and is the address the one to use from here?"
            }
            ConnectFailure::NameNotFound => "is the name right, and does this machine's resolver know it?",
            ConnectFailure::HostKeyChanged => return Some(self.changed_key_hint()),
            ConnectFailure::HostKeyUnknown if self.on_the_way() => {
                "log in to the jump host once by hand, or add its key to your known_hosts"
            }
            ConnectFailure::HostKeyUnknown => {
                "add the host's key to its known_hosts file, or use host_keys = \"accept-new\""
            }
            ConnectFailure::LoginRefused => return Some(self.refused_login_hint()),
            ConnectFailure::ClosedEarly if self.banner().is_some_and(|banner| !is_sshd_refusal(banner)) => {
                "something other than an SSH server seems to answer at this port"
            }
            ConnectFailure::ClosedEarly => {
                "the host may limit logins at once (MaxStartups) or have banned this address for a while \
                 (PerSourcePenalties, fail2ban): start fewer handshakes at once, or wait some minutes"
            }
            ConnectFailure::NoCommonAlgorithm => {
                "update the older side, or allow an algorithm of the host's offer for it in ~/.ssh/config"
            }
            ConnectFailure::LocalSsh => "try the same login with `ssh` by hand: its own configuration stops it",
            ConnectFailure::Other => return None,
        };
        Some(hint.to_owned())
    }

    fn changed_key_hint(&self) -> String {
        let file = self.find("Offending ").and_then(|line| line.split_once(" in ")).map(|(_, place)| place);
        let place = file.map(|place| format!(" (line {place})")).unwrap_or_default();
        format!(
            "if this instance got a new key for a good reason, remove the old one{place}; \
             if not, somebody may be between you and it"
        )
    }

    fn refused_login_hint(&self) -> String {
        if let Some(line) = self.find("bad permissions").or_else(|| self.find("not accessible: ")) {
            return line.trim_start_matches("Warning: ").to_owned();
        }
        let keys = |prefix| -> Vec<&str> {
            let own = self.lines.iter().skip_while(|line| self.reached && **line != self.alias_line);
            own.filter_map(|line| line.strip_prefix(prefix)).map(|key| key.trim_end_matches(" explicit")).collect()
        };
        // The host took the key, but no signature followed.
        if let [key, ..] = keys("debug1: Server accepts key: ")[..] {
            return format!(
                "the host would take the key {key}, but it cannot be used here: it may have a passphrase \
                 (load it with ssh-add) or be held by an agent that refuses"
            );
        }
        match &keys("debug1: Offering public key: ")[..] {
            [] => "no key was offered: load one into ssh-agent, or set identity_file".to_owned(),
            offered => format!(
                "none of the keys offered may log in as this user: {}; set the right user or identity_file, \
                 or authorise one of them on the host",
                offered.join(", ")
            ),
        }
    }

    /// The first line of what the other end said instead of an SSH version.
    fn banner(&self) -> Option<&str> {
        self.find("banner line 0: ").and_then(|line| line.split_once("banner line 0: ")).map(|(_, said)| said)
    }

    /// It failed before our own `ssh` reached the host, which it does through something else.
    fn on_the_way(&self) -> bool {
        !self.reached && self.has("debug1: Executing proxy command: ")
    }

    fn tried(&self) -> bool {
        ["debug1: Connecting to ", "debug1: Executing proxy command: ", "Could not resolve hostname "]
            .iter()
            .any(|sign| self.has(sign))
    }

    fn has(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    fn find(&self, text: &str) -> Option<&str> {
        self.lines.iter().map(String::as_str).find(|line| line.contains(text))
    }
}

/// The line without the place in the source of `ssh` that wrote it, which `LogVerbose` in the user's
/// configuration puts before the text: `debug1: kex.c:kex_send_kexinit():123 (pid=45): SSH2_…`. (The
/// function's name that some lines have of their own, `load_hostkeys: …`, is then left out.)
fn without_place(line: &str) -> Cow<'_, str> {
    let (level, text) = split_level(line);
    let text_after_place = || {
        let (place, rest) = text.split_once(" (")?;
        let (file_and_function, number) = place.rsplit_once("():")?;
        let (process, text) = rest.split_once("): ")?;
        let is_place = file_and_function.contains(".c:")
            && !file_and_function.contains(' ')
            && number.bytes().all(|digit| digit.is_ascii_digit())
            // Newer ones name their program and user, too.
            && process.contains("pid=");
        is_place.then_some(text)
    };
    match text_after_place() {
        Some(text) => Cow::Owned(format!("{level}{text}")),
        None => Cow::Borrowed(line),
    }
}

/// `debug1: ` and its like, and the rest.
fn split_level(line: &str) -> (&str, &str) {
    let level = ["debug1: ", "debug2: ", "debug3: "].into_iter().find(|level| line.starts_with(level));
    line.split_at(level.map_or(0, str::len))
}

/// What sshd says in place of its version when it turns a client away.
fn is_sshd_refusal(banner: &str) -> bool {
    banner == "Exceeded MaxStartups" || banner == "Not allowed at this time"
}

/// What our own `ssh` says when its jump host or `ProxyCommand` has gone: the reason stands before.
fn is_aftermath(line: &str) -> bool {
    line.ends_with("UNKNOWN port 65535")
        || line.trim_start_matches("kex_exchange_identification: ") == "Connection closed by remote host"
        || line == "stdio forwarding failed"
}

/// The kind of failure that a line tells of.
fn recognise(line: &str) -> Option<ConnectFailure> {
    let connecting = line.starts_with("ssh: connect to host ") || line.contains("open failed: connect failed: ");
    let has = |text: &str| line.contains(text);
    Some(if connecting && has("Connection refused") {
        ConnectFailure::Refused
    } else if connecting && (has("No route to host") || has("is unreachable") || has("Host is down")) {
        ConnectFailure::NoRoute
    } else if connecting && has("timed out")
        || has("during banner exchange")
        || line.starts_with("Connection to ") && line.ends_with(" timed out")
    {
        ConnectFailure::TimedOut
    } else if has("Temporary failure in name resolution") {
        ConnectFailure::Other
    } else if has("Could not resolve hostname ") || connecting && has("Name or service not known") {
        ConnectFailure::NameNotFound
    } else if has("Host key verification failed") {
        ConnectFailure::HostKeyUnknown
    } else if has(": Permission denied (") || has("Too many authentication failures") {
        ConnectFailure::LoginRefused
    } else if line.starts_with("Unable to negotiate with ") {
        ConnectFailure::NoCommonAlgorithm
    } else if line.starts_with("Connection closed by ") || line.starts_with("Connection reset by ") {
        ConnectFailure::ClosedEarly
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests;

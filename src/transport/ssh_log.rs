//! Interprets the standard error of `ssh -v`: how far a login has come, and why it failed.
//!
//! Pure: lines in, words out. `ssh` has no other way to report why it failed (its exit status is 255 for everything),
//! and its messages have been stable for many years. An unrecognised message is passed on verbatim as
//! [`ConnectFailure::Other`]. A host's banner can contain text that looks like an error, so the last meaningful line
//! counts: the banner always comes before it.

use std::{borrow::Cow, collections::VecDeque};

use super::{
    ConnectFailure,
    host_key_facts::{HostKeyFacts, Offered},
    ssh_words::{Forwards, forwarded_to, hint_of, is_aftermath, is_refused_forward, recognise, refusal_in_banner},
};

/// How many lines are kept: a login behind two jump hosts has about 200.
const LINES: usize = 500;

/// The beginning of the message that `ssh` could not store a new key. It continues without.
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

/// A login over another master's forward that ended before the host said anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    /// The destination: `host:port`.
    pub(super) to: String,
    /// True if the master refused the forward, false if the forward was closed.
    pub(super) refused: bool,
}

/// What a login waits for before the end of its key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The connection.
    Connection,
    /// The other side's first words.
    Banner,
    /// The same through one of our jump hosts, which reports neither a connection nor its absence.
    BannerThroughJump,
    /// The end of the key exchange.
    KeyExchange,
}

/// Whose login a log describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// A host's, reached as the user's configuration says.
    Host,
    /// A host's, reached over the forward of one of our masters.
    HostBehindMaster,
    /// A jump host's.
    JumpHost,
}

/// Why no session could be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) kind: ConnectFailure,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// The log of one master, line by line.
#[derive(Debug)]
pub(super) struct SshLog {
    whose: Whose,
    /// `debug1: using hostkeyalias: …` with our alias. Only our own `ssh` prints it, never that of a jump host, whose
    /// log comes through the same pipe. Our jump hosts have no alias; for them this is a line that every `ssh` prints
    /// at this moment.
    reached_line: String,
    lines: VecDeque<String>,
    /// Our own `ssh` has the other side's version, and is about to exchange keys.
    reached: bool,
    /// The message of our own `ssh` that it could not store the key it had just accepted.
    forgot: Option<String>,
    phase: Phase,
    forwards: Forwards,
    /// What is known of the host's key.
    facts: Option<HostKeyFacts>,
}

impl SshLog {
    /// An empty log of a master with this `HostKeyAlias`.
    pub(super) fn new(alias: &str) -> Self {
        Self::of(Whose::Host, format!("debug1: using hostkeyalias: {alias}"))
    }

    /// The same for a login through a forward of another master.
    pub(super) fn behind_master(alias: &str) -> Self {
        Self { whose: Whose::HostBehindMaster, ..Self::new(alias) }
    }

    /// An empty log of a master to a jump host.
    pub(super) fn of_jump_host() -> Self {
        Self::of(Whose::JumpHost, "debug1: Authenticating to ".to_owned())
    }

    fn of(whose: Whose, reached_line: String) -> Self {
        Self {
            whose,
            reached_line,
            lines: VecDeque::new(),
            reached: false,
            forgot: None,
            phase: Phase::Connect,
            forwards: Forwards::default(),
            facts: None,
        }
    }

    /// Adds what is known of the host's key.
    pub(super) fn knowing(self, facts: HostKeyFacts) -> Self {
        Self { facts: Some(facts), ..self }
    }

    /// Takes one line, and returns how far the login has come.
    pub(super) fn push(&mut self, line: &str) -> Phase {
        let line: String = without_place(line.trim_end()).chars().filter(|c| !c.is_control()).collect();
        self.reached |= match self.whose {
            Whose::Host | Whose::HostBehindMaster => line == self.reached_line,
            Whose::JumpHost => line.starts_with(&self.reached_line),
        };
        if self.phase == Phase::LoggedIn {
            self.forwards.push(&line);
        }
        if self.reached {
            // A banner comes later, so a host cannot forge this.
            let ours = self.whose != Whose::JumpHost;
            if ours && self.phase == Phase::Connect && line.starts_with(FORGOT) {
                self.forgot.get_or_insert_with(|| line.clone());
            }
            self.phase = match self.phase {
                Phase::Connect if line.starts_with("debug1: SSH2_MSG_NEWKEYS received") => Phase::Auth,
                Phase::Auth if line.starts_with("Authenticated to ") => Phase::LoggedIn,
                phase => phase,
            };
        }
        // These come from `LogVerbose` alone, and would displace the lines that matter.
        if line.starts_with("debug2: ") || line.starts_with("debug3: ") {
            return self.phase;
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.phase
    }

    /// Whether the host itself has answered.
    pub(super) fn reached(&self) -> bool {
        self.reached
    }

    /// Whether the host's new key was accepted and not stored. `ssh` continues, and would accept any key at every
    /// login.
    pub(super) fn forgot_the_key(&self) -> bool {
        self.forgot.is_some()
    }

    /// Drops the lines of the completed login: its banner does not explain later failures.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }

    /// Removes and returns why this master could not make a forward, if it has logged that yet.
    pub(super) fn refused_forward(&mut self, to: &str) -> Option<Diagnosis> {
        let line = self.forwards.take(to)?;
        let kind = recognise(&line).unwrap_or(ConnectFailure::Other);
        let reason = line.split_once(": open failed: ").map_or(line.as_str(), |(_, reason)| reason);
        let message = reason.trim_start_matches("connect failed: ").to_owned();
        Some(Diagnosis { kind, message, hint: hint_of(kind).map(str::to_owned) })
    }

    /// Whether the login ended on another master's forward, before the host said anything.
    pub(super) fn carried(&self) -> Option<Carried> {
        let told = self.said().any(|line| recognise(line).is_some()) || self.banner().is_some();
        let to = self.lines.iter().find_map(|line| forwarded_to(line)).filter(|_| !self.reached && !told)?;
        Some(Carried { to, refused: self.said().any(is_refused_forward) })
    }

    /// The last message of `ssh` to people, if any.
    pub(super) fn last_words(&self) -> Option<&str> {
        self.said().next_back()
    }

    /// The latest line, including debug lines, of a login that makes no progress.
    pub(super) fn standing(&self) -> Option<&str> {
        self.lines.back().map(|line| split_level(line).1)
    }

    /// What the login waits for, before the login proper.
    pub(super) fn where_it_stands(&self) -> Standing {
        // A jump host or command between here and the host does not report its own connection.
        let open = self.has("debug1: Connection established.") && !self.on_the_way();
        match (self.reached, self.whose, open) {
            (true, _, _) => Standing::KeyExchange,
            (false, Whose::HostBehindMaster, _) => Standing::BannerThroughJump,
            (false, _, true) => Standing::Banner,
            (false, _, false) => Standing::Connection,
        }
    }

    /// Why the login failed.
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
            kind if !self.reached && self.refusal().is_some() => self.refusal().unwrap_or(kind),
            ConnectFailure::HostKeyUnknown if self.has("REMOTE HOST IDENTIFICATION HAS CHANGED") => {
                ConnectFailure::HostKeyChanged
            }
            // `ssh` never began to connect, so its message is about itself. Another try cannot help a missing
            // ProxyCommand either.
            ConnectFailure::Other if !self.tried() || line.ends_with(": not found") => ConnectFailure::LocalSsh,
            kind => kind,
        };
        let mut message = self.specific(kind).unwrap_or(line).to_owned();
        if let Some(banner) = self.banner() {
            message = format!("{message}; the host said: {banner}");
        }
        if let (ConnectFailure::HostKeyChanged, Some((message, hint))) = (kind, self.changed_key()) {
            return Diagnosis { kind, message, hint: Some(hint) };
        }
        if self.on_the_way() {
            message = format!("on the way to the host (jump host or ProxyCommand): {message}");
        }
        Diagnosis { kind, message, hint: self.hint(kind) }
    }

    /// The lines for people: neither debug lines nor what every login prints.
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

    /// A more informative line than the one that revealed the kind.
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
            | ConnectFailure::TooManyLogins
            | ConnectFailure::Banned
            | ConnectFailure::TooManySessions
            | ConnectFailure::ForwardingRefused
            | ConnectFailure::NoCommonAlgorithm
            | ConnectFailure::Halted
            | ConnectFailure::Other => None,
        }
    }

    /// The kind of failure that sshd printed in place of its version.
    fn refusal(&self) -> Option<ConnectFailure> {
        self.banner().and_then(refusal_in_banner)
    }

    fn hint(&self, kind: ConnectFailure) -> Option<String> {
        let hint = match kind {
            ConnectFailure::HostKeyChanged => return Some(self.changed_key_hint()),
            ConnectFailure::HostKeyUnknown if self.on_the_way() || self.whose == Whose::JumpHost => {
                "log in to the jump host once by hand, or add its key to your known_hosts"
            }
            ConnectFailure::HostKeyUnknown => {
                return Some(match &self.facts {
                    Some(facts) => facts.unknown(self.offered()),
                    None => "add the host's key to its known_hosts file, or use host_keys = \"accept-new\"".to_owned(),
                });
            }
            ConnectFailure::LoginRefused => return Some(self.refused_login_hint()),
            ConnectFailure::ClosedEarly if self.banner().is_some() => {
                "something other than an SSH server seems to answer at this port"
            }
            ConnectFailure::Refused
            | ConnectFailure::NoRoute
            | ConnectFailure::TimedOut
            | ConnectFailure::NameNotFound
            | ConnectFailure::ClosedEarly
            | ConnectFailure::TooManyLogins
            | ConnectFailure::Banned
            | ConnectFailure::TooManySessions
            | ConnectFailure::ForwardingRefused
            | ConnectFailure::NoCommonAlgorithm
            | ConnectFailure::LocalSsh
            | ConnectFailure::Halted
            | ConnectFailure::Other => hint_of(kind)?,
        };
        Some(hint.to_owned())
    }

    /// The message and the hint about a changed key, if the previous key is known.
    fn changed_key(&self) -> Option<(String, String)> {
        self.facts.as_ref()?.changed(self.offered()?)
    }

    /// The key that the host itself showed.
    fn offered(&self) -> Option<Offered<'_>> {
        const SHOWN: &str = "debug1: Server host key: ";
        // The jump hosts on the way showed theirs earlier.
        let shown = self.lines.iter().rev().find_map(|line| line.strip_prefix(SHOWN))?;
        if self.reached { Offered::parse(shown) } else { None }
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
        if let Some(line) = self.find("bad permissions") {
            let key = line.split('"').nth(1).unwrap_or("the private key");
            return format!("others can read {key}, so ssh does not use it: chmod 600 {key}");
        }
        if let Some(line) = self.find("not accessible: ") {
            return line.trim_start_matches("Warning: ").to_owned();
        }
        let keys = |prefix| -> Vec<&str> {
            let own = self.lines.iter().skip_while(|line| self.reached && !line.starts_with(&self.reached_line));
            own.filter_map(|line| line.strip_prefix(prefix)).map(|key| key.trim_end_matches(" explicit")).collect()
        };
        // The host accepted the key, but no signature followed.
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

    /// The first line that the other side sent instead of an SSH version.
    fn banner(&self) -> Option<&str> {
        self.find("banner line 0: ").and_then(|line| line.split_once("banner line 0: ")).map(|(_, said)| said)
    }

    /// Whether it failed before our own `ssh` reached the host through a jump host or command.
    fn on_the_way(&self) -> bool {
        // Behind one of our masters, every message comes from the host itself.
        self.whose != Whose::HostBehindMaster && !self.reached && self.has("debug1: Executing proxy command: ")
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

/// The line without the source location that `LogVerbose` in the user's configuration puts before the text:
/// `debug1: kex.c:kex_send_kexinit():123 (pid=45): SSH2_…`. (Lines that normally begin with a function name, such as
/// `load_hostkeys: …`, lack it then.)
fn without_place(line: &str) -> Cow<'_, str> {
    let (level, text) = split_level(line);
    let text_after_place = || {
        let (place, rest) = text.split_once(" (")?;
        let (file_and_function, number) = place.rsplit_once("():")?;
        let (process, text) = rest.split_once("): ")?;
        let is_place = file_and_function.contains(".c:")
            && !file_and_function.contains(' ')
            && number.bytes().all(|digit| digit.is_ascii_digit())
            // Newer versions also name their program and user.
            && process.contains("pid=");
        is_place.then_some(text)
    };
    match text_after_place() {
        Some(text) => Cow::Owned(format!("{level}{text}")),
        None => Cow::Borrowed(line),
    }
}

/// Splits off `debug1: ` and the like.
fn split_level(line: &str) -> (&str, &str) {
    let level = ["debug1: ", "debug2: ", "debug3: "].into_iter().find(|level| line.starts_with(level));
    line.split_at(level.map_or(0, str::len))
}

#[cfg(test)]
mod tests;

//! What single lines of `ssh`'s log mean: pure.
//!
//! The texts are OpenSSH's own of the last ten years (`sshconnect.c`, `ssh_api.c`, `packet.c`, `mux.c`, `channels.c`;
//! sshd's refusals come from its `sshd.c` and `srclimit.c`).

use std::collections::{HashMap, VecDeque};

use super::ConnectFailure;

/// What to do about a ban, and how long it lasts.
pub(super) const BANNED_HINT: &str = "wait, and try nothing meanwhile: sshd's own penalties (PerSourcePenalties) end by \
     themselves after 15 s to 10 min, a ban by fail2ban after 10 min unless set otherwise; if it comes back, exempt this \
     machine's address there (PerSourcePenaltyExemptList, ignoreip) and lower `handshakes`";

/// What to do about a host that closes connections.
pub(super) const CLOSED_HINT: &str = "the host may limit logins at once (MaxStartups) or have banned this address for a \
     while (PerSourcePenalties, fail2ban): start fewer handshakes at once, or wait some minutes";

/// What to do about each kind of failure, if nothing more is known.
pub(super) const fn hint_of(kind: ConnectFailure) -> Option<&'static str> {
    Some(match kind {
        ConnectFailure::Refused => "is sshd running there, and is this its port?",
        ConnectFailure::NoRoute => "is the address right, and is the VPN, peering or jump host up?",
        ConnectFailure::TimedOut => {
            "does a firewall or security group let this machine in, and is the address the one to use from here?"
        }
        ConnectFailure::NameNotFound => "is the name right, and does this machine's resolver know it?",
        ConnectFailure::ClosedEarly => CLOSED_HINT,
        ConnectFailure::TooManyLogins => {
            "the host limits logins at once (MaxStartups): lower `handshakes`, or raise the limit there"
        }
        ConnectFailure::Banned => BANNED_HINT,
        ConnectFailure::TooManySessions => {
            "the host limits sessions on one connection (MaxSessions in its sshd_config): raise it"
        }
        ConnectFailure::ForwardingRefused => {
            "the jump host forwards nothing for this login: look at AllowTcpForwarding, PermitOpen and DisableForwarding \
             in its sshd_config, and at the options of the key there"
        }
        ConnectFailure::NoCommonAlgorithm => {
            "update the older side, or allow an algorithm of the host's offer for it in ~/.ssh/config"
        }
        ConnectFailure::LocalSsh => "try the same login with `ssh` by hand: its own configuration stops it",
        ConnectFailure::HostKeyChanged
        | ConnectFailure::HostKeyUnknown
        | ConnectFailure::LoginRefused
        | ConnectFailure::Halted
        | ConnectFailure::Other => return None,
    })
}

/// The kind of failure that sshd prints in place of its version when it refuses a client.
pub(super) fn refusal_in_banner(banner: &str) -> Option<ConnectFailure> {
    match banner {
        "Exceeded MaxStartups" => Some(ConnectFailure::TooManyLogins),
        "Not allowed at this time" => Some(ConnectFailure::Banned),
        _ => None,
    }
}

/// Whether our own `ssh` only reports that its jump host or `ProxyCommand` has gone; the reason is in an earlier line.
pub(super) fn is_aftermath(line: &str) -> bool {
    line.ends_with("UNKNOWN port 65535")
        || line.trim_start_matches("kex_exchange_identification: ") == "Connection closed by remote host"
        || line == "stdio forwarding failed"
        || is_refused_forward(line)
}

/// Whether an `ssh` reports that the master refused its forward.
pub(super) fn is_refused_forward(line: &str) -> bool {
    // The prefix depends on the version.
    line.trim_start_matches("mux_client_request_stdio_fwd: ")
        .to_ascii_lowercase()
        .starts_with("stdio forwarding request failed")
}

/// The destination of an `ssh -W '[HOST]:PORT'` that another `ssh` started as its `ProxyCommand`.
pub(super) fn forwarded_to(line: &str) -> Option<String> {
    let (_, destination) = line.strip_prefix("debug1: Executing proxy command: ")?.split_once(" -W '[")?;
    let (host, rest) = destination.split_once("]:")?;
    let (port, _) = rest.split_once('\'')?;
    Some(format!("{host}:{port}"))
}

/// The kind of failure that a line reports.
pub(super) fn recognise(line: &str) -> Option<ConnectFailure> {
    let forward = line.contains("open failed: ");
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
    } else if forward && has("administratively prohibited") {
        ConnectFailure::ForwardingRefused
    } else if forward && (has("connect failed: open failed") || has("resource shortage"))
        || has("session request failed: Session open refused by peer")
    {
        ConnectFailure::TooManySessions
    } else if has("Host key verification failed") {
        ConnectFailure::HostKeyUnknown
    } else if has(": Permission denied (") || has("Too many authentication failures") {
        ConnectFailure::LoginRefused
    } else if line.starts_with("Unable to negotiate with ") {
        ConnectFailure::NoCommonAlgorithm
    } else if (line.starts_with("Connection closed by ") || line.starts_with("Connection reset by "))
        && !is_aftermath(line)
    {
        ConnectFailure::ClosedEarly
    } else {
        return None;
    })
}

/// Forwards that a master was asked for and could not make, from its log.
#[derive(Debug, Default)]
pub(super) struct Forwards {
    /// The destination of the latest request, before it has a channel.
    asked: Option<String>,
    channels: HashMap<u32, String>,
    refused: VecDeque<(String, String)>,
}

impl Forwards {
    /// Reasons kept; each has a caller that waits for it.
    const KEPT: usize = 200;

    /// Takes a line of the log.
    pub(super) fn push(&mut self, line: &str) {
        if let Some(destination) = line.strip_prefix("debug1: channel_connect_stdio_fwd: ") {
            self.asked = Some(destination.to_owned());
        } else if let Some((channel, rest)) = channel(line.strip_prefix("debug1: ").unwrap_or(line)) {
            if rest.starts_with("new ") && rest.contains("[stdio-forward]") {
                if let Some(destination) = self.asked.take() {
                    self.channels.insert(channel, destination);
                }
            } else if rest.starts_with("open failed: ") {
                if let Some(destination) = self.channels.get(&channel) {
                    if self.refused.len() == Self::KEPT {
                        self.refused.pop_front();
                    }
                    self.refused.push_back((destination.clone(), line.to_owned()));
                }
            } else if rest.starts_with("free: ") {
                self.channels.remove(&channel);
            }
        }
    }

    /// Removes and returns why there was no forward to `destination`.
    pub(super) fn take(&mut self, destination: &str) -> Option<String> {
        let at = self.refused.iter().position(|(known, _)| known == destination)?;
        self.refused.remove(at).map(|(_, line)| line)
    }
}

/// `channel 2: rest`.
fn channel(line: &str) -> Option<(u32, &str)> {
    let (number, rest) = line.strip_prefix("channel ")?.split_once(": ")?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_that_fails_is_known_by_its_destination() {
        let log = include_str!("../../fixtures/ssh-9.2/master-forwards.log");
        let mut forwards = Forwards::default();
        log.lines().for_each(|line| forwards.push(line));
        for (destination, kind) in [
            ("127.9.9.9:1", ConnectFailure::Refused),
            ("no-such.invalid:22", ConnectFailure::NameNotFound),
            ("::1:9", ConnectFailure::Refused),
            ("127.9.9.8:22", ConnectFailure::ForwardingRefused),
        ] {
            let line = forwards.take(destination).expect(destination);
            assert_eq!(recognise(&line), Some(kind), "{line}");
            assert_eq!(forwards.take(destination), None, "told once");
        }
        assert_eq!(forwards.take("127.9.9.9:2299"), None, "this one was made");
        assert!(forwards.channels.is_empty() && forwards.asked.is_none());
    }

    #[test]
    fn reasons_that_nobody_asks_for_are_bounded() {
        let mut forwards = Forwards::default();
        for number in 0..1000 {
            forwards.push(&format!("debug1: channel_connect_stdio_fwd: h{number}:22"));
            forwards.push("debug1: channel 2: new stdio-forward [stdio-forward] (inactive timeout: 0)");
            forwards.push("channel 2: open failed: connect failed: Connection refused");
            forwards.push("debug1: channel 2: free: direct-tcpip: listening port 0");
        }
        assert_eq!((forwards.refused.len(), forwards.channels.len()), (Forwards::KEPT, 0));
        assert!(forwards.take("h0:22").is_none() && forwards.take("h999:22").is_some());
    }

    #[test]
    fn the_end_of_a_forward_is_read_from_the_command() {
        let line =
            "debug1: Executing proxy command: exec '/usr/bin/ssh' -F none -S /tmp/fw/0 -W '[fe80::1%eth0]:22' jump";
        assert_eq!(forwarded_to(line).as_deref(), Some("fe80::1%eth0:22"));
        assert_eq!(forwarded_to("debug1: Executing proxy command: exec nc h 22"), None);
        assert!(is_aftermath("Stdio forwarding request failed: Session open refused by peer"));
        assert!(is_aftermath(
            "mux_client_request_stdio_fwd: stdio forwarding request failed: Session open refused by peer"
        ));
    }

    #[test]
    fn a_session_that_is_refused_is_told_from_a_forward() {
        let table = [
            ("channel 2: open failed: administratively prohibited: open failed", ConnectFailure::ForwardingRefused),
            ("channel 2: open failed: connect failed: open failed", ConnectFailure::TooManySessions),
            (
                "mux_client_request_session: session request failed: Session open refused by peer",
                ConnectFailure::TooManySessions,
            ),
        ];
        for (line, kind) in table {
            assert_eq!(recognise(line), Some(kind), "{line}");
        }
    }
}

//! What is known of a host's key, for the case that the host shows another one. Pure: the facts are gathered by the
//! caller.

use std::path::PathBuf;

use jiff::Timestamp;
use provider_core::HostKey;

/// What is known of a host's key before its login.
#[derive(Clone, Debug)]
pub(super) struct HostKeyFacts {
    /// The host's name in its known-hosts file.
    pub(super) alias: String,
    /// That file.
    pub(super) file: PathBuf,
    /// The keys in it.
    pub(super) remembered: Vec<HostKey>,
    /// When that file was last written.
    pub(super) since: Option<Timestamp>,
    /// When the instance was started.
    pub(super) launched: Option<Timestamp>,
    /// The command that accepts a key, up to its fingerprint.
    pub(super) accept: String,
}

/// The key that a host showed, as `ssh` names it: its type, and `SHA256:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offered<'a> {
    pub(super) kind: &'a str,
    pub(super) fingerprint: &'a str,
}

impl<'a> Offered<'a> {
    /// Reads `ssh-ed25519 SHA256:…`, and nothing else, because the result becomes part of a command that people run.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (kind, fingerprint) = text.trim().split_once(' ')?;
        let digest = fingerprint.strip_prefix("SHA256:")?;
        let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
        (digest.len() == 43 && digest.chars().all(base64)).then_some(Self { kind, fingerprint })
    }
}

impl HostKeyFacts {
    /// The message and the hint for a host that shows a different key than before.
    pub(super) fn changed(&self, offered: Offered<'_>) -> Option<(String, String)> {
        let remembered: Vec<_> = self.remembered.iter().map(shown).collect();
        if remembered.is_empty() {
            return None;
        }
        let since = self.since.map(|since| format!(" since {}", minute(since))).unwrap_or_default();
        let launched = match (self.launched, self.since) {
            (Some(launched), Some(since)) if launched > since => {
                format!("; the instance was launched after that, {}", minute(launched))
            }
            (Some(launched), _) => format!("; the instance was launched {}", minute(launched)),
            (None, _) => String::new(),
        };
        let Offered { kind, fingerprint } = offered;
        let message =
            format!("it shows {kind} {fingerprint}, and remembered{since} is {}{launched}", remembered.join(", "));
        let hint = format!(
            "if you know why it has a new key, this accepts that key and no other: `{} {fingerprint}`; if not, somebody \
             may be between you and it",
            self.accept
        );
        Some((message, hint))
    }

    /// The hint for a host whose key is not known, where only known keys are trusted.
    pub(super) fn unknown(&self, offered: Option<Offered<'_>>) -> String {
        let Self { alias, file, accept, .. } = self;
        let by_hand = format!("write its public key into {} as `{alias} TYPE KEY`", file.display());
        match offered {
            Some(Offered { kind, fingerprint }) => format!(
                "it shows {kind} {fingerprint}: if that is its own, accept it with `{accept} {fingerprint}`, or {by_hand}; \
                 host_keys = \"accept-new\" trusts at first sight"
            ),
            None => format!("{by_hand}, or use host_keys = \"accept-new\""),
        }
    }
}

fn shown(key: &HostKey) -> String {
    format!("{} {}", key.kind(), key.fingerprint())
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> HostKeyFacts {
        HostKeyFacts {
            alias: "aws+i-0abc".into(),
            file: "/home/ops/.local/state/fleetwide/known_hosts/aws+i-0abc".into(),
            remembered: vec![
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP54jq/1LtlxHxF7dUgX3AwCvG+h2mSAgrneUCdGq73v"
                    .parse()
                    .expect("a key"),
            ],
            since: "2026-11-18T09:00:00Z".parse().ok(),
            launched: "2026-11-20T10:02:33Z".parse().ok(),
            accept: "fleetwide host-keys web --hosts aws:i-0abc --accept".into(),
        }
    }

    const OFFERED: &str = "ssh-ed25519 SHA256:NWIjzmqxmNlW4Dnba2+zVr3kJAO/PhFMvLb4ZmK30yk";

    #[test]
    fn a_changed_key_names_both_and_how_to_accept_the_new_one() {
        let offered = Offered::parse(OFFERED).expect("a key");
        let (message, hint) = facts().changed(offered).expect("one is remembered");
        insta::assert_snapshot!(format!("{message}\n{hint}"));
        let younger = HostKeyFacts { launched: "2026-11-17T10:02:33Z".parse().ok(), ..facts() };
        let (message, _) = younger.changed(offered).expect("one is remembered");
        assert!(message.ends_with("; the instance was launched 2026-11-17 10:02 UTC"), "{message}");
        assert_eq!(HostKeyFacts { remembered: Vec::new(), ..facts() }.changed(offered), None);
    }

    #[test]
    fn an_unknown_key_says_where_to_write_it() {
        insta::assert_snapshot!(facts().unknown(Offered::parse(OFFERED)));
        insta::assert_snapshot!(facts().unknown(None));
    }

    #[test]
    fn what_is_no_fingerprint_gets_into_no_command() {
        for bad in ["", "ssh-ed25519", "ssh-ed25519 MD5:aa:bb", "x SHA256:$(reboot)aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            assert_eq!(Offered::parse(bad), None, "{bad}");
        }
    }
}

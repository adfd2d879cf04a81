//! The small values of the configuration file, each a type that parses and prints itself.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer, value},
};

/// Which address of an instance to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum AddressKind {
    /// `private_ipv4`
    PrivateIpv4,
    /// `public_ipv4`
    PublicIpv4,
    /// `public_ipv6`
    PublicIpv6,
    /// `private_dns`
    PrivateDns,
    /// `public_dns`
    PublicDns,
    /// `name`: the instance's name, for `~/.ssh/config` or a resolver to look up.
    Name,
    /// `tag:KEY`: the value of a tag.
    Tag(String),
}

impl FromStr for AddressKind {
    type Err = BadWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "private_ipv4" => Self::PrivateIpv4,
            "public_ipv4" => Self::PublicIpv4,
            "public_ipv6" => Self::PublicIpv6,
            "private_dns" => Self::PrivateDns,
            "public_dns" => Self::PublicDns,
            "name" => Self::Name,
            _ => match word.strip_prefix("tag:") {
                Some(key) if !key.is_empty() => Self::Tag(key.to_owned()),
                _ => return Err(BadWord::new("an address kind", word, ADDRESS_KINDS)),
            },
        })
    }
}

const ADDRESS_KINDS: &str = "private_ipv4, public_ipv4, public_ipv6, private_dns, public_dns, name, tag:KEY";

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrivateIpv4 => "private_ipv4",
            Self::PublicIpv4 => "public_ipv4",
            Self::PublicIpv6 => "public_ipv6",
            Self::PrivateDns => "private_dns",
            Self::PublicDns => "public_dns",
            Self::Name => "name",
            Self::Tag(key) => return write!(f, "tag:{key}"),
        })
    }
}

impl From<AddressKind> for String {
    fn from(kind: AddressKind) -> Self {
        kind.to_string()
    }
}

/// What to do with a host key never seen before. A changed key is always refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// Trust it at first sight, and remember it under the instance's id.
    #[default]
    AcceptNew,
    /// Refuse it: a key must be known beforehand.
    Strict,
    /// Get the keys from the instance's cloud before the first connection, and refuse any other.
    Cloud,
}

/// What to do about an instance without any of the wanted addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unaddressed {
    /// Fail the discovery, and name the instance.
    #[default]
    Fail,
    /// Leave the instance out, and say so in the report.
    Skip,
}

/// What happens to the script on the host when contact is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLost {
    /// It runs on to its end or its deadline: half a deploy is worse than a whole one.
    Finish,
    /// It is ended like a cancelled script.
    Kill,
}

/// What happens to running scripts when the run stops by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// They run on to their end.
    #[default]
    Finish,
    /// They are ended like cancelled scripts.
    Kill,
}

/// What happens to touched hosts when the run stops by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// They stay as they are; the fleet is mixed.
    #[default]
    Stop,
    /// Each is rolled back to the revision it had before.
    Rollback,
}

/// What to do about hosts that appear during a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LateHosts {
    /// Deploy to them, in the last stage.
    #[default]
    CatchUp,
    /// Leave them alone.
    Ignore,
}

/// How many hosts may fail: a number, or a percentage of all hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum FailureLimit {
    /// A number of hosts.
    Hosts(usize),
    /// A percentage of the hosts, 0 to 100, rounded down.
    Percent(u8),
}

impl FailureLimit {
    /// How many of `hosts` may fail. Rounded down: the budget never exceeds the setting.
    pub const fn of(self, hosts: usize) -> usize {
        match self {
            Self::Hosts(limit) => limit,
            Self::Percent(percent) => hosts * percent as usize / 100,
        }
    }
}

impl FromStr for FailureLimit {
    type Err = BadWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let bad = || BadWord::new("a failure limit", word, "a number such as 0 or 3, or a percentage such as 5%");
        match word.strip_suffix('%') {
            Some(percent) => {
                percent.trim().parse().ok().filter(|percent| *percent <= 100).map(Self::Percent).ok_or_else(bad)
            }
            None => word.trim().parse().map(Self::Hosts).map_err(|_| bad()),
        }
    }
}

impl fmt::Display for FailureLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(limit) => write!(f, "{limit}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl From<FailureLimit> for String {
    fn from(limit: FailureLimit) -> Self {
        limit.to_string()
    }
}

/// Parses an enum by its name in the file, so that flags and variables accept the same words.
macro_rules! from_str_as_in_the_file {
    ($($word:ty),+) => {$(
        impl FromStr for $word {
            type Err = value::Error;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::deserialize(word.into_deserializer())
            }
        }
    )+};
}

from_str_as_in_the_file!(HostKeys, Unaddressed, OnLost, OnStop, OnFailure, LateHosts);

/// A login or a jump host: `ssh` must read the text neither as an option nor as two words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Word(String);

impl Word {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Word {
    type Err = NoWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let broken = |c: char| c.is_whitespace() || c.is_control();
        if text.is_empty() || text.starts_with('-') || text.contains(broken) {
            return Err(NoWord(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Word {
    type Error = NoWord;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0
    }
}

/// A text that is not one word, or that `ssh` would take for an option.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not one plain word: no spaces, not empty, and not beginning with `-`")]
pub struct NoWord(String);

/// An unknown word.
#[derive(Debug, thiserror::Error)]
#[error("`{word}` is not {what} (known: {known})")]
pub struct BadWord {
    what: &'static str,
    word: String,
    known: &'static str,
}

impl BadWord {
    fn new(what: &'static str, word: &str, known: &'static str) -> Self {
        Self { what, word: word.to_owned(), known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for word in ["private_ipv4", "public_ipv4", "public_ipv6", "private_dns", "public_dns", "name", "tag:ssh"] {
            assert_eq!(word.parse::<AddressKind>().expect(word).to_string(), word);
        }
        for word in ["0", "3", "5%", "100%"] {
            assert_eq!(word.parse::<FailureLimit>().expect(word).to_string(), word);
        }
        for word in ["-1", "101%", "some", "", "%"] {
            assert!(word.parse::<FailureLimit>().is_err(), "{word}");
        }
        assert!("tag:".parse::<AddressKind>().is_err());
    }

    #[test]
    fn enums_are_read_by_their_names_in_the_file() {
        assert_eq!("accept-new".parse(), Ok(HostKeys::AcceptNew));
        assert_eq!("skip".parse(), Ok(Unaddressed::Skip));
        assert_eq!("kill".parse(), Ok(OnLost::Kill));
        let error = "off".parse::<HostKeys>().expect_err("never off").to_string();
        assert!(error.contains("`accept-new`, `strict`, `cloud`"), "{error}");
    }

    #[test]
    fn a_word_is_never_an_option_for_ssh() {
        assert!("deploy".parse::<Word>().is_ok() && "ops@bastion:22".parse::<Word>().is_ok());
        for bad in ["", "-oProxyCommand=x", "a b", "a\nb"] {
            assert!(bad.parse::<Word>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_percentage_is_rounded_down() {
        assert_eq!(FailureLimit::Percent(5).of(30), 1);
        assert_eq!(FailureLimit::Percent(5).of(19), 0);
        assert_eq!(FailureLimit::Percent(100).of(30), 30);
        assert_eq!(FailureLimit::Hosts(3).of(1), 3);
    }
}

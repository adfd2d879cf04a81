//! The small words of the configuration file, each a type that reads and prints itself.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Which address of an instance to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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
    /// `name`: the instance's name, for `~/.ssh/config` or a resolver to make sense of.
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

impl TryFrom<String> for AddressKind {
    type Error = BadWord;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl From<AddressKind> for String {
    fn from(kind: AddressKind) -> Self {
        kind.to_string()
    }
}

/// How a host key that was never seen is treated. A changed key is always refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// Trusted at first sight and remembered under the instance's id.
    #[default]
    AcceptNew,
    /// Refused: it must be known already.
    Strict,
}

/// What happens to an instance without any of the wanted addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unaddressed {
    /// Discovery fails and names it.
    #[default]
    Fail,
    /// It is left out, and the report says so.
    Skip,
}

/// What the script on the host does when contact is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLost {
    /// It goes on to its end or its deadline: half a deploy is worse than a whole one.
    Finish,
    /// It is ended like a cancelled one.
    Kill,
}

/// How many hosts may fail: a number, or a part of all hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FailureLimit {
    /// So many.
    Hosts(usize),
    /// So many of a hundred, 0 to 100, rounded down.
    Percent(u8),
}

impl FailureLimit {
    /// How many of `hosts` may fail. Rounded down: a budget is never more than was asked for.
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

impl TryFrom<String> for FailureLimit {
    type Error = BadWord;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl From<FailureLimit> for String {
    fn from(limit: FailureLimit) -> Self {
        limit.to_string()
    }
}

/// A word that is not one of those that are known.
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
    fn a_percentage_is_rounded_down() {
        assert_eq!(FailureLimit::Percent(5).of(30), 1);
        assert_eq!(FailureLimit::Percent(5).of(19), 0);
        assert_eq!(FailureLimit::Percent(100).of(30), 30);
        assert_eq!(FailureLimit::Hosts(3).of(1), 3);
    }
}

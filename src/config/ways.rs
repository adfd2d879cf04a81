//! How a host is reached: the login, the port, and the way through. Login and port may be fixed or come from the
//! instance.

use std::{collections::BTreeMap, fmt, num::NonZeroU16, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    proxy_command::ProxyCommand,
    shapes::{Shorthand, shorthand, text},
    values::Word,
};

/// The way through which hosts are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// As the user's own `ssh` would.
    #[default]
    Ssh,
    /// Through these hosts, in this order. An empty list means directly, whatever `ssh_config` says.
    Jump(Jump),
    /// Through a command per host.
    Command(ProxyCommand),
}

/// Jump hosts, the first one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jump {
    /// The hosts.
    pub hops: Vec<Hop>,
}

/// One jump host: `[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The login; `None` leaves it to `ssh`.
    pub user: Option<String>,
    /// An address, or a name that `ssh` or a resolver knows.
    pub host: String,
    /// The port; `None` leaves it to `ssh`.
    pub port: Option<NonZeroU16>,
}

impl Jump {
    /// The word with which `ssh -J` means no jump host.
    const NONE: &'static str = "none";

    fn listed(hops: &[String]) -> Result<Self, BadHop> {
        match hops {
            [] => Err(BadHop::NoHop),
            hops => Ok(Self { hops: hops.iter().map(|hop| hop.parse()).collect::<Result<_, _>>()? }),
        }
    }
}

impl FromStr for Jump {
    type Err = BadHop;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::NONE {
            return Ok(Self::default());
        }
        let hops: Vec<String> = text.split(',').map(|hop| hop.trim().to_owned()).collect();
        Self::listed(&hops)
    }
}

impl FromStr for Hop {
    type Err = BadHop;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadHop::NoHost(text.to_owned());
        let (user, place) = text.rsplit_once('@').map_or((None, text), |(user, place)| (Some(user), place));
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or_else(bad)?;
                (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(bad)?) })
            }
            None => match place.split_once(':') {
                // More than one colon is an IPv6 address.
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                Some(_) | None => (place, None),
            },
        };
        let digits = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
        let port = port.map(|port| port.parse().ok().filter(|_| digits(port)).ok_or_else(bad)).transpose()?;
        if !is_host(host) || !user.is_none_or(is_login) {
            return Err(bad());
        }
        Ok(Self { user: user.map(ToOwned::to_owned), host: host.to_owned(), port })
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, port } = self;
        if let Some(user) = user {
            write!(f, "{user}@")?;
        }
        match port {
            Some(port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Some(port) => write!(f, "{host}:{port}"),
            None => f.write_str(host),
        }
    }
}

/// A text that is not a jump host.
#[derive(Debug, thiserror::Error)]
pub enum BadHop {
    /// An empty list, which its author seldom intends.
    #[error("the list of jump hosts is empty: name one, or write \"none\"")]
    NoHop,
    /// Not a host.
    #[error("`{}` is not a jump host: expected [user@]host[:port], IPv6 with a port in brackets", .0.escape_debug())]
    NoHost(String),
}

/// True for a name, an alias of `ssh_config`, or an IPv4 or IPv6 address with or without a zone: text that is safe as a
/// host for `ssh`, which may hand it to a shell (`%h`).
pub fn is_host(text: &str) -> bool {
    starts_plainly(text) && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%'))
}

/// True for text that is safe as a login for `ssh`, which may hand it to a shell (`%r`): it has no blanks, and none of
/// the characters that OpenSSH 9.6 and newer refuse there.
pub fn is_login(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "'`\";&<>|(){}$".contains(c);
    starts_plainly(text) && !text.ends_with('\\') && !text.contains(odd)
}

fn starts_plainly(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-')
}

/// The login on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserFrom {
    /// The same everywhere.
    Fixed(Word),
    /// A tag's value.
    Tag {
        /// The tag.
        key: String,
        /// The login if the tag is missing; `None` leaves it to `ssh`.
        default: Option<Word>,
    },
    /// Chosen by the image from which the instance was started.
    Image {
        /// Logins by glob. If several match, the longest glob wins.
        globs: BTreeMap<String, Word>,
        /// The login if no glob matches; `None` leaves it to `ssh`.
        default: Option<Word>,
    },
}

/// The port of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortFrom {
    /// The same everywhere.
    Fixed(NonZeroU16),
    /// A tag's value.
    Tag {
        /// The tag.
        key: String,
        /// The port if the tag is missing; `None` leaves it to `ssh`.
        default: Option<NonZeroU16>,
    },
}

impl From<Word> for UserFrom {
    fn from(user: Word) -> Self {
        Self::Fixed(user)
    }
}

impl FromStr for UserFrom {
    type Err = <Word as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Fixed)
    }
}

impl FromStr for PortFrom {
    type Err = <NonZeroU16 as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Fixed)
    }
}

/// A login that comes from the instance: from a tag, or from its image.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    /// The tag whose value is the login.
    tag: Option<String>,
    /// Logins by the cloud's name of the image. `*` and `?` are wildcards; the longest pattern that matches wins.
    image: Option<BTreeMap<String, Word>>,
    /// The login if the tag is missing or no pattern matches. Default: what `ssh` itself would use.
    default: Option<Word>,
}

impl Shorthand for UserFrom {
    type Table = UserTable;
    const EXPECTED: &'static str = "a login, { tag = \"KEY\" } or { image = { \"GLOB\" = \"LOGIN\" } }";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: <Self as FromStr>::Err| error.to_string())
    }

    fn from_table(table: UserTable) -> Result<Self, String> {
        let UserTable { tag, image, default } = table;
        match (tag, image) {
            (Some(key), None) if !key.is_empty() => Ok(Self::Tag { key, default }),
            (None, Some(globs)) if !globs.is_empty() => Ok(Self::Image { globs, default }),
            (Some(_), Some(_)) => Err("`tag` and `image` are both given: a login comes from one of them".into()),
            (Some(_), None) => Err("the tag is empty".into()),
            (None, Some(_)) => Err("`image` is empty: name a glob and its login".into()),
            (None, None) => Err(format!("neither `tag` nor `image` is given: expected {}", Self::EXPECTED)),
        }
    }
}

impl<'de> Deserialize<'de> for UserFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shorthand(deserializer)
    }
}

/// A port that comes from the instance.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PortTable {
    /// The tag whose value is the port.
    tag: String,
    /// The port if the instance has no such tag. Default: what `ssh` itself would use.
    default: Option<NonZeroU16>,
}

impl<'de> Deserialize<'de> for PortFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrTag;

        impl<'de> Visitor<'de> for NumberOrTag {
            type Value = PortFrom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 1 to 65535, or { tag = \"KEY\" }")
            }

            fn visit_i64<E: de::Error>(self, port: i64) -> Result<PortFrom, E> {
                let fits = u16::try_from(port).ok().and_then(NonZeroU16::new);
                fits.map(PortFrom::Fixed).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(port), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PortFrom, A::Error> {
                let PortTable { tag, default } = PortTable::deserialize(MapAccessDeserializer::new(map))?;
                if tag.is_empty() {
                    return Err(de::Error::custom("the tag is empty"));
                }
                Ok(PortFrom::Tag { key: tag, default })
            }
        }

        deserializer.deserialize_any(NumberOrTag)
    }
}

impl<'de> Deserialize<'de> for Jump {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Jump;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a jump host, or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Jump, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut hops: A) -> Result<Jump, A::Error> {
                let mut listed: Vec<String> = Vec::new();
                while let Some(hop) = hops.next_element()? {
                    listed.push(hop);
                }
                Jump::listed(&listed).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(OneOrSeveral)
    }
}

impl<'de> Deserialize<'de> for ProxyCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a command, as a string", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_or_an_option_parser_would_read_are_refused() {
        for good in ["10.0.0.7", "fe80::1%eth0", "::1", "web-1.example.com", "müller", "web_1"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "-oProxyCommand=x", "a b", "a@b", "ssh://a", "$(x)", "a;b", "`x`", "a\nb", "a'b"] {
            assert!(!is_host(bad), "{bad}");
        }
        for good in ["deploy", "CORP\\ops", "ops@corp.example", "a.b+c"] {
            assert!(is_login(good), "{good}");
        }
        for bad in ["", "-x", "a b", "$(x)", "a;b", "a\\", "`x`", "a'b"] {
            assert!(!is_login(bad), "{bad}");
        }
    }

    #[test]
    fn jump_hosts_are_one_or_several() {
        for (text, hops) in [
            ("bastion", vec!["bastion"]),
            ("ops@bastion:2222", vec!["ops@bastion:2222"]),
            ("a,ops@b:22", vec!["a", "ops@b:22"]),
            ("ops@[::1]:22", vec!["ops@[::1]:22"]),
            ("fe80::1%eth0", vec!["fe80::1%eth0"]),
            ("ops@corp.example@bastion", vec!["ops@corp.example@bastion"]),
            ("none", vec![]),
        ] {
            let jump: Jump = text.parse().expect(text);
            assert_eq!(jump.hops.iter().map(ToString::to_string).collect::<Vec<_>>(), hops, "{text}");
        }
        for bad in ["", "a,,b", "-oX", "ops@-oX", "a b", "a;b", "$(x)@b", "a:0", "a:70000", "a:+1", "[::1", "[::1]22"] {
            assert!(bad.parse::<Jump>().is_err(), "{bad}");
        }
    }
}

//! Values that may be written in more than one shape: a text or a number, a text or a table.
//!
//! The visitors are written by hand, because serde's `untagged` answers every mistake with "did not match any variant".

use std::{collections::BTreeMap, fmt, marker::PhantomData, num::NonZeroU16, path::PathBuf};

use provider_core::StaticHost;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    secret::SecretRef,
    target::{AssumeRole, EnvValue, Regions},
    values::{AddressKind, FailureLimit, Word},
};

/// Reads a value that must be a text; for anything else, the error says what was `expected`.
pub(super) fn text<'de, D, T, E>(
    deserializer: D,
    expected: &'static str,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    struct Text<T, E>(&'static str, fn(&str) -> Result<T, E>);

    impl<T, E: fmt::Display> Visitor<'_> for Text<T, E> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<X: de::Error>(self, text: &str) -> Result<T, X> {
            self.1(text).map_err(X::custom)
        }
    }

    deserializer.deserialize_any(Text(expected, parse))
}

/// A value with a short form (a text) and a long one (a table).
pub(super) trait Shorthand: Sized {
    /// The long form.
    type Table: for<'de> Deserialize<'de>;

    /// Both forms, in words.
    const EXPECTED: &'static str;

    fn from_text(text: &str) -> Result<Self, String>;
    fn from_table(table: Self::Table) -> Result<Self, String>;
}

/// Reads either form.
pub(super) fn shorthand<'de, D: Deserializer<'de>, T: Shorthand>(deserializer: D) -> Result<T, D::Error> {
    struct Either<T>(PhantomData<T>);

    impl<'de, T: Shorthand> Visitor<'de> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            T::from_text(text).map_err(E::custom)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            let table = T::Table::deserialize(MapAccessDeserializer::new(map))?;
            T::from_table(table).map_err(de::Error::custom)
        }
    }

    deserializer.deserialize_any(Either(PhantomData))
}

/// `"arn:…"` or `{ arn, external_id }`.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssumeRoleTable {
    /// The role's ARN.
    arn: String,
    /// The external id that the role's trust policy asks for.
    external_id: Option<String>,
}

impl Shorthand for AssumeRole {
    type Table = AssumeRoleTable;
    const EXPECTED: &'static str = "a role's ARN, or { arn = \"…\", external_id = \"…\" }";

    fn from_text(text: &str) -> Result<Self, String> {
        Self::from_table(AssumeRoleTable { arn: text.to_owned(), external_id: None })
    }

    fn from_table(table: AssumeRoleTable) -> Result<Self, String> {
        let AssumeRoleTable { arn, external_id } = table;
        if arn.starts_with("arn:") && arn.contains(":role/") {
            Ok(Self { arn, external_id })
        } else {
            Err(format!("`{arn}` is not the ARN of a role (expected arn:aws:iam::ACCOUNT:role/NAME)"))
        }
    }
}

impl<'de> Deserialize<'de> for AssumeRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shorthand(deserializer)
    }
}

/// `"[user@]host[:port]"` or `{ name, address, … }`.
#[derive(Clone, Debug)]
pub(super) struct ListedHost(pub(super) StaticHost);

/// A host of a static selector, as a table.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListedHostTable {
    /// The name to show. It is also the host's id, so it must be unique. Default: the address.
    name: Option<String>,
    /// An IP address or a host name.
    address: String,
    /// The SSH port, if it differs from the target's.
    port: Option<NonZeroU16>,
    /// The login, if it differs from the target's.
    user: Option<Word>,
    /// The host's tags.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// The host's region, if that matters.
    #[serde(default)]
    region: String,
    /// The host's zone, if that matters.
    #[serde(default)]
    zone: String,
}

impl Shorthand for ListedHost {
    type Table = ListedHostTable;
    const EXPECTED: &'static str =
        "\"[user@]host[:port]\", or { address = \"…\", name, port, user, tags, region, zone }";

    fn from_text(text: &str) -> Result<Self, String> {
        StaticHost::from_address(text).map(Self)
    }

    fn from_table(table: ListedHostTable) -> Result<Self, String> {
        let ListedHostTable { name, address, port, user, tags, region, zone } = table;
        let (port, user) = (port.map(Into::into), user.map(Into::into));
        StaticHost { name, address, port, user, region, zone, tags }.checked().map(Self)
    }
}

impl<'de> Deserialize<'de> for ListedHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shorthand(deserializer)
    }
}

/// `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretTable {
    /// The environment variable that holds the secret.
    env: Option<String>,
    /// The file that holds the secret.
    file: Option<PathBuf>,
}

impl Shorthand for EnvValue {
    type Table = SecretTable;
    // Numbers are excluded: serde would print one in its error, and it may be a secret.
    const EXPECTED: &'static str = "a string, { env = \"NAME\" } or { file = \"PATH\" }";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.contains('\0') {
            Err("a variable cannot hold a NUL character".into())
        } else {
            Ok(Self::Plain(text.to_owned()))
        }
    }

    fn from_table(table: SecretTable) -> Result<Self, String> {
        match (table.env, table.file) {
            (Some(name), None) if !name.is_empty() => Ok(Self::Secret(SecretRef::Env(name))),
            (None, Some(path)) if !path.as_os_str().is_empty() => Ok(Self::Secret(SecretRef::File(path))),
            (Some(_), Some(_)) => Err("`env` and `file` are both given: a secret is in one place".into()),
            (None, None) => Err(format!("neither `env` nor `file` is given: expected {}", Self::EXPECTED)),
            (Some(_), None) | (None, Some(_)) => Err("the place of the secret is empty".into()),
        }
    }
}

impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shorthand(deserializer)
    }
}

impl Regions {
    /// `all` must stand alone; with other regions it is a mistake.
    pub(super) fn listed(regions: Vec<String>) -> Result<Self, String> {
        match &regions[..] {
            [] => Err("the list of regions is empty: name one, or write \"all\"".into()),
            [one] if one == "all" => Ok(Self::All),
            many if many.iter().any(|region| region == "all") => {
                Err("\"all\" stands alone: it already holds the other regions".into())
            }
            many if many.iter().any(String::is_empty) => Err("a region is empty".into()),
            _ => Ok(Self::Listed(regions)),
        }
    }
}

impl<'de> Deserialize<'de> for Regions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllOrListed;

        impl<'de> Visitor<'de> for AllOrListed {
            type Value = Regions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a list of regions")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Regions, E> {
                match text {
                    "all" => Ok(Regions::All),
                    one => Err(E::custom(format_args!("`{one}` stands alone: write [\"{one}\"], or \"all\""))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut regions: A) -> Result<Regions, A::Error> {
                let mut listed = Vec::new();
                while let Some(region) = regions.next_element()? {
                    listed.push(region);
                }
                Regions::listed(listed).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(AllOrListed)
    }
}

// By hand instead of `try_from`, so that an error in a list has the place of the item.
impl<'de> Deserialize<'de> for AddressKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "an address kind, as a string", str::parse)
    }
}

impl<'de> Deserialize<'de> for FailureLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrPercent;

        impl Visitor<'_> for NumberOrPercent {
            type Value = FailureLimit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of hosts, or a percentage such as \"5%\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FailureLimit, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, hosts: u64) -> Result<FailureLimit, E> {
                usize::try_from(hosts)
                    .map(FailureLimit::Hosts)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(hosts), &self))
            }

            fn visit_i64<E: de::Error>(self, hosts: i64) -> Result<FailureLimit, E> {
                usize::try_from(hosts)
                    .map(FailureLimit::Hosts)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(hosts), &self))
            }
        }

        deserializer.deserialize_any(NumberOrPercent)
    }
}

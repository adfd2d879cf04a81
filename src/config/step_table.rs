//! How a strategy is written in the file: a text, or a list of tables. A table gives a number or a text for how many
//! hosts, and a name or a list of names for checks.

use std::{fmt, num::NonZeroUsize};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::{
    duration::HumanDuration,
    steps::{BadStep, BatchSize, Label, Step, Strategy},
};

/// A step as a table. Its keys take effect in this order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepTable {
    /// Deploy until this many hosts have been deployed to: a number, or a percentage of all such as "10%".
    #[schemars(with = "Option<super::schema::Batch>")]
    hosts: Option<BatchSize>,
    /// Then wait this long.
    soak: Option<HumanDuration>,
    /// Checks that must pass; with `soak`, throughout it.
    check: Option<OneOrMore>,
    /// Then go on when somebody approves; the word names who should.
    approve: Option<Label>,
}

/// The name of a check, or several.
#[derive(Debug, JsonSchema)]
#[schemars(with = "super::schema::Names")]
pub(super) struct OneOrMore(Vec<Label>);

impl StepTable {
    fn steps(self) -> Result<Vec<Step>, BadStep> {
        let Self { hosts, soak, check, approve } = self;
        let checks = check.map(|names| names.0).unwrap_or_default();
        let mut steps: Vec<Step> = hosts.map(Step::Hosts).into_iter().collect();
        match soak {
            Some(time) => steps.push(Step::Soak { time: time.into(), checks }),
            None if !checks.is_empty() => steps.push(Step::Check(checks)),
            None => {}
        }
        steps.extend(approve.map(Step::Approve));
        if steps.is_empty() { Err(BadStep::Nothing) } else { Ok(steps) }
    }
}

/// The steps of one item.
struct Item(Vec<Step>);

// Converted here, not in the list, so that an error has the place of the item.
impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StepTable::deserialize(deserializer)?.steps().map(Self).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrPercent;

        impl Visitor<'_> for NumberOrPercent {
            type Value = BatchSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of hosts, at least 1, or a percentage such as \"10%\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<BatchSize, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, hosts: i64) -> Result<BatchSize, E> {
                let size = usize::try_from(hosts).ok().and_then(NonZeroUsize::new);
                size.map(BatchSize::Hosts).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(hosts), &self))
            }
        }

        deserializer.deserialize_any(NumberOrPercent)
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a check, or a list of names")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![text.parse().map_err(E::custom)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<OneOrMore, A::Error> {
                let mut listed = Vec::new();
                while let Some(name) = names.next_element()? {
                    listed.push(name);
                }
                if listed.is_empty() { Err(de::Error::custom(BadStep::Nothing)) } else { Ok(OneOrMore(listed)) }
            }
        }

        deserializer.deserialize_any(Names)
    }
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;

        impl<'de> Visitor<'de> for TextOrList {
            type Value = Strategy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a list of steps such as [{ hosts = 1 }, { hosts = \"100%\" }], or a preset such as \"canary\"",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Strategy, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut tables: A) -> Result<Strategy, A::Error> {
                let mut items = Vec::new();
                while let Some(Item(steps)) = tables.next_element()? {
                    items.push(steps);
                }
                Strategy::of(items).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(TextOrList)
    }
}

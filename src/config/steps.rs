//! The strategy: the steps of a deploy, as they are written.
//!
//! In a file it is a list of tables, `[{ hosts = 1 }, { soak = "5m", check = "errors" }, { hosts = "100%" }]`, or, as
//! on the command line, a text, `1, soak 5m check errors, 100%`, or a preset's name. How many hosts a step means is
//! decided in `plan`, where the fleet is known.

use std::{fmt, num::NonZeroUsize, str::FromStr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::duration::HumanDuration;

/// How many hosts have been deployed to at the end of a step, including earlier steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub enum BatchSize {
    /// A number of hosts.
    Hosts(NonZeroUsize),
    /// A percentage of the fleet, 1 to 100, rounded up.
    Percent(u8),
}

impl BatchSize {
    /// All of them.
    pub const ALL: Self = Self::Percent(100);

    /// How many of `fleet` hosts. Rounded up: at least one if the fleet has any, and never more than it has.
    pub fn of(self, fleet: usize) -> usize {
        match self {
            Self::Hosts(hosts) => hosts.get().min(fleet),
            Self::Percent(percent) => (fleet * usize::from(percent)).div_ceil(100),
        }
    }
}

impl FromStr for BatchSize {
    type Err = BadStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadStep::Size(text.to_owned());
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim_end().parse() {
                Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
                Ok(_) | Err(_) => Err(bad()),
            },
            None => text.parse().map(Self::Hosts).map_err(|_| bad()),
        }
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(hosts) => write!(f, "{hosts}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl From<BatchSize> for String {
    fn from(size: BatchSize) -> Self {
        size.to_string()
    }
}

/// The name of a check, an approver or a part: one plain word.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(transparent)]
pub struct Label(#[schemars(regex(pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"))] String);

impl Label {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = BadStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let good = !text.is_empty() && text.len() <= 64 && !text.starts_with(['.', '-']) && text.chars().all(allowed);
        if good { Ok(Self(text.to_owned())) } else { Err(BadStep::Name(text.to_owned())) }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::shapes::text(deserializer, "a name, as a string", str::parse)
    }
}

/// One step. A line of a strategy may hold several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Deploy until this many hosts have been deployed to.
    Hosts(BatchSize),
    /// Wait, while these checks must keep passing.
    Soak {
        /// How long.
        time: Duration,
        /// The checks to watch meanwhile.
        checks: Vec<Label>,
    },
    /// Go on when these checks pass.
    Check(Vec<Label>),
    /// Go on when a person approves.
    Approve(Label),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |checks: &[Label]| checks.iter().map(Label::as_str).collect::<Vec<_>>().join(" ");
        match self {
            Self::Hosts(size) => write!(f, "{size}"),
            Self::Soak { time, checks } if checks.is_empty() => write!(f, "soak {}", HumanDuration::from(*time)),
            Self::Soak { time, checks } => write!(f, "soak {} check {}", HumanDuration::from(*time), names(checks)),
            Self::Check(checks) => write!(f, "check {}", names(checks)),
            Self::Approve(who) => write!(f, "approve {who}"),
        }
    }
}

/// The steps of a deploy. The last one of hosts covers the whole fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// The steps, each with its place in the file or text.
    pub steps: Vec<Written>,
    /// At most this many hosts at once, whatever the target says.
    pub concurrency: Option<NonZeroUsize>,
}

/// A step, and the item of the list that it was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The step.
    pub step: Step,
    /// Counted from 0.
    pub item: usize,
}

/// A strategy with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name.
    pub name: &'static str,
    /// The strategy as text.
    pub steps: &'static str,
    /// How many hosts at once.
    at_once: Option<NonZeroUsize>,
}

/// Every preset.
pub const PRESETS: [Preset; 4] = [
    Preset { name: "all-at-once", steps: "100%", at_once: None },
    Preset { name: "canary", steps: "1, 10%, 100%", at_once: None },
    Preset { name: "one-at-a-time", steps: "100%", at_once: Some(NonZeroUsize::MIN) },
    Preset { name: "half-at-a-time", steps: "50%, 100%", at_once: None },
];

impl Default for Strategy {
    /// One stage of all hosts.
    fn default() -> Self {
        Self { steps: vec![Written { step: Step::Hosts(BatchSize::ALL), item: 0 }], concurrency: None }
    }
}

impl Strategy {
    /// Makes a strategy of items, each of which may be several steps.
    pub(super) fn of(items: Vec<Vec<Step>>) -> Result<Self, BadStep> {
        let number = |(item, steps): (usize, Vec<Step>)| steps.into_iter().map(move |step| Written { step, item });
        let mut steps: Vec<Written> = items.into_iter().enumerate().flat_map(number).collect();
        if steps.is_empty() {
            return Err(BadStep::Empty);
        }
        let last = steps.iter().rev().find_map(|written| match written.step {
            Step::Hosts(size) => Some(size),
            Step::Soak { .. } | Step::Check(_) | Step::Approve(_) => None,
        });
        if last != Some(BatchSize::ALL) {
            // A strategy that names only a canary still covers the rest.
            let item = steps.last().map_or(0, |written| written.item + 1);
            steps.push(Written { step: Step::Hosts(BatchSize::ALL), item });
        }
        Ok(Self { steps, concurrency: None })
    }

    /// A step that makes no sense for any fleet, and its item.
    pub(super) fn problem(&self) -> Option<(usize, BadStep)> {
        let (mut hosts, mut percent) = (0, 0);
        for Written { step, item } in &self.steps {
            let Step::Hosts(size) = *step else { continue };
            let before = match size {
                // No step can add hosts after all of them.
                _ if percent == 100 => Some("100%".to_owned()),
                BatchSize::Hosts(now) if now.get() <= hosts => Some(hosts.to_string()),
                BatchSize::Percent(now) if now <= percent => Some(format!("{percent}%")),
                // Whether a number or a percentage is larger depends on the fleet.
                BatchSize::Hosts(_) | BatchSize::Percent(_) => None,
            };
            if let Some(before) = before {
                return Some((*item, BadStep::Shrinks(before, size.to_string())));
            }
            match size {
                BatchSize::Hosts(now) => hosts = now.get(),
                BatchSize::Percent(now) => percent = now,
            }
        }
        None
    }

    /// Every check that a step names, with the step's item.
    pub fn checks(&self) -> impl Iterator<Item = (&Label, usize)> {
        self.steps.iter().flat_map(|Written { step, item }| {
            let checks = match step {
                Step::Soak { checks, .. } | Step::Check(checks) => checks.as_slice(),
                Step::Hosts(_) | Step::Approve(_) => &[],
            };
            checks.iter().map(|check| (check, *item))
        })
    }
}

impl FromStr for Strategy {
    type Err = BadStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(preset) = PRESETS.iter().find(|preset| preset.name == text.trim()) {
            return Ok(Self { concurrency: preset.at_once, ..preset.steps.parse()? });
        }
        let strategy = Self::of(text.split(',').map(item).collect::<Result<_, _>>()?)?;
        match strategy.problem() {
            Some((_, bad)) => Err(bad),
            None => Ok(strategy),
        }
    }
}

/// Parses one item of the text form.
fn item(text: &str) -> Result<Vec<Step>, BadStep> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let labels = |names: &[&str]| names.iter().map(|name| name.parse()).collect::<Result<Vec<Label>, _>>();
    let bad = || BadStep::Item(text.trim().to_owned());
    match &words[..] {
        ["check", names @ ..] if !names.is_empty() => Ok(vec![Step::Check(labels(names)?)]),
        ["soak", time] => Ok(vec![Step::Soak { time: duration(time)?, checks: Vec::new() }]),
        ["soak", time, "check", names @ ..] if !names.is_empty() => {
            Ok(vec![Step::Soak { time: duration(time)?, checks: labels(names)? }])
        }
        ["approve", who] => Ok(vec![Step::Approve(who.parse()?)]),
        [size] if size.starts_with(|c: char| c.is_ascii_digit()) => Ok(vec![Step::Hosts(size.parse()?)]),
        [] | [..] => Err(bad()),
    }
}

fn duration(text: &str) -> Result<Duration, BadStep> {
    text.parse::<HumanDuration>().map(Into::into).map_err(|error| BadStep::Time(error.to_string()))
}

/// An error in a strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStep {
    /// Not a number of hosts.
    #[error("`{0}` is not a number of hosts: write 1 or more, or a percentage from 1% to 100%")]
    Size(String),
    /// Not a name.
    #[error("`{0}` is not a name: use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit")]
    Name(String),
    /// Not a duration.
    #[error("{0}")]
    Time(String),
    /// Not a step.
    #[error(
        "`{0}` is not a step: write a number of hosts (1, 10%), `check NAME`, `soak TIME`, `soak TIME check NAME`, `approve NAME`, or a preset (all-at-once, canary, one-at-a-time, half-at-a-time)"
    )]
    Item(String),
    /// An empty table.
    #[error("a step says what to do: hosts, soak, check or approve")]
    Nothing,
    /// No step at all.
    #[error("there is no step: leave `steps` out for one stage of all hosts")]
    Empty,
    /// A step that adds no host, whatever the fleet.
    #[error(
        "the steps shrink: `{1}` after `{0}` adds no host, for each step says how many hosts are done when it ends"
    )]
    Shrinks(String, String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match text.parse::<Strategy>() {
            Ok(strategy) => {
                strategy.steps.iter().map(|written| written.step.to_string()).collect::<Vec<_>>().join(", ")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn a_strategy_is_read_and_ends_with_all() {
        for text in ["1, check health, soak 5m, 10%, 100%", "soak 30s check errors more, approve ops, 100%", "100%"] {
            assert_eq!(read(text), text);
        }
        assert_eq!(read("1"), "1, 100%");
        assert_eq!(read("1, check health"), "1, check health, 100%");
        assert_eq!(read("50, 10%"), "50, 10%, 100%", "which is more depends on the fleet");
    }

    #[test]
    fn presets_are_strategies() {
        assert_eq!(read("all-at-once"), "100%");
        assert_eq!(read(" canary "), "1, 10%, 100%");
        assert_eq!(read("half-at-a-time"), "50%, 100%");
        let one = "one-at-a-time".parse::<Strategy>().expect("a preset");
        assert_eq!(one.concurrency, NonZeroUsize::new(1));
    }

    #[test]
    fn what_is_no_strategy_says_why() {
        for (text, why) in [
            ("", "not a step"),
            ("1,,2", "not a step"),
            ("0", "not a number of hosts"),
            ("0%", "not a number"),
            ("101%", "not a number"),
            ("1.5", "not a number"),
            ("-1", "not a step"),
            ("10%, 5%", "shrink"),
            ("3, 3", "shrink"),
            ("100%, 100%", "shrink"),
            ("5, 100%, 10", "shrink"),
            ("10, 50%, 5, 100%", "shrink"),
            ("check", "not a step"),
            ("check a/b", "not a name"),
            ("soak", "not a step"),
            ("soak five", "not a duration"),
            ("soak 5m health", "not a step"),
            ("approve", "not a step"),
            ("canari", "canary"),
        ] {
            assert!(read(text).starts_with("error: ") && read(text).contains(why), "{text}: {}", read(text));
        }
    }

    #[test]
    fn a_part_is_rounded_up_and_never_none_or_more_than_all() {
        for fleet in 1..=250 {
            for percent in 1..=100 {
                let hosts = BatchSize::Percent(percent).of(fleet);
                assert!((1..=fleet).contains(&hosts), "{percent}% of {fleet}");
                assert!(
                    hosts * 100 >= fleet * usize::from(percent) && (hosts - 1) * 100 < fleet * usize::from(percent)
                );
            }
        }
        assert_eq!(BatchSize::Percent(100).of(0), 0);
        assert_eq!("7".parse::<BatchSize>().expect("a size").of(3), 3);
    }
}

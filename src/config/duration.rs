//! Durations as people write them: `90s`, `10m`, `1h30m`, `500ms`.

use std::{fmt, str::FromStr, time::Duration};

use jiff::fmt::friendly::{Spacing, SpanParser, SpanPrinter};
use serde::{Deserialize, Deserializer};

use super::shapes;

/// The longest duration accepted. A host's own deadline runs in `sleep`, and anything over a month is a typing error.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// A duration as a person writes it: more than nothing, at most 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(Duration);

impl HumanDuration {
    /// The type error for values that are not text.
    pub const EXPECTED: &'static str = "a duration such as \"90s\", \"10m\" or \"1h30m\"";

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// For showing it.
impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<HumanDuration> for Duration {
    fn from(human: HumanDuration) -> Self {
        human.0
    }
}

impl FromStr for HumanDuration {
    type Err = BadDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why| BadDuration { text: text.to_owned(), why };
        let duration = SpanParser::new()
            .parse_unsigned_duration(text.trim())
            .map_err(|_| bad("write it as 90s, 10m, 1h30m or 500ms"))?;
        if duration.is_zero() {
            return Err(bad("it must be more than nothing"));
        }
        if duration > LONGEST {
            return Err(bad("the longest is 720h (30 days)"));
        }
        Ok(Self(duration))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SpanPrinter::new().spacing(Spacing::None).unsigned_duration_to_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shapes::text(deserializer, Self::EXPECTED, str::parse)
    }
}

/// A text that is not a duration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration: {why}")]
pub struct BadDuration {
    text: String,
    why: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_durations() {
        let table = [
            ("500ms", 500),
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            (" 2 minutes ", 120_000),
            ("720h", 2_592_000_000),
        ];
        for (text, millis) in table {
            assert_eq!(text.parse::<HumanDuration>().expect(text).get(), Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn durations_round_trip() {
        for text in ["500ms", "10m", "1h30m", "720h", "1m30s"] {
            assert_eq!(text.parse::<HumanDuration>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_reason() {
        for (text, why) in [
            ("", "write it as"),
            ("10", "write it as"),
            ("ten minutes", "write it as"),
            ("-5m", "write it as"),
            ("5m ago", "write it as"),
            ("0s", "more than nothing"),
            ("721h", "30 days"),
            ("999999999999999999999h", "write it as"),
        ] {
            let error = text.parse::<HumanDuration>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

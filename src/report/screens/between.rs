//! What happens between stages, in a line of the live display: how long a soak still lasts, and what its checks
//! answered. Pure: events and a clock in, text out.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::discovery::since;
use crate::{
    plan::Pause,
    report::text::{screen::Screen, words},
    rollout::{Sample, Verdict},
};

/// The number of answers shown per check.
const SHOWN: usize = 20;

/// The last answers of a check.
type Answers = VecDeque<(Verdict, Option<f64>)>;

/// A pause under way.
#[derive(Clone, Debug)]
pub(super) struct Between {
    pause: Pause,
    began: Timestamp,
    /// The last answers of each check: good or bad, and the number if there is one.
    checks: Vec<(String, Answers)>,
}

impl Between {
    pub(super) fn new(pause: &Pause, began: Timestamp) -> Self {
        let checks = pause.checks().iter().map(|check| (check.to_string(), VecDeque::new())).collect();
        Self { pause: pause.clone(), began, checks }
    }

    /// Adds an answer of a check.
    pub(super) fn sampled(&mut self, check: &str, sample: &Sample) {
        if let Some((_, samples)) = self.checks.iter_mut().find(|(name, _)| name == check) {
            samples.push_back((sample.verdict, sample.value));
            if samples.len() > SHOWN {
                samples.pop_front();
            }
        }
    }

    /// `soak, 3m 12s left  errors ▁▂▁ 0.4`.
    pub(super) fn line(&self, now: Timestamp, screen: &Screen) -> String {
        let elapsed = since(self.began, now);
        let mut parts = vec![match &self.pause {
            Pause::Soak { time, .. } => format!("soak, {} left", words::duration(time.saturating_sub(elapsed))),
            Pause::Check(_) => format!("checking for {}", words::duration(elapsed)),
            Pause::Approve(who) => format!("waiting for {who} to approve, for {}", words::duration(elapsed)),
        }];
        parts.extend(self.checks.iter().map(|(check, samples)| {
            let last =
                samples.back().and_then(|(_, value)| *value).map(|value| format!(" {value}")).unwrap_or_default();
            format!("{check} {}{last}", sparkline(samples, screen))
        }));
        parts.join("  ")
    }
}

/// The answers of a check as a small curve: numbers by their size, others as good or bad.
fn sparkline(samples: &Answers, screen: &Screen) -> String {
    let bars = screen.signs().spark;
    let numbers: Vec<f64> = samples.iter().filter_map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |(verdict, value): &(Verdict, Option<f64>)| match (value, verdict) {
        (Some(value), _) if most > least && value.is_finite() => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "from 0 to the last bar, of which there are few"
            )]
            let place = ((value - least) / (most - least) * (bars.len() - 1) as f64).round() as usize;
            bars[place.min(bars.len() - 1)]
        }
        (_, Verdict::Well) => bars[0],
        (_, Verdict::Unwell) => bars[bars.len() - 1],
    };
    samples.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_soak_counts_down_and_its_checks_are_a_curve() {
        let began = Timestamp::UNIX_EPOCH;
        let pause = Pause::Soak { time: Duration::from_mins(5), checks: vec!["errors".parse().expect("a name")] };
        let mut between = Between::new(&pause, began);
        for value in [0.0, 0.0, 4.0, 8.0, 2.0] {
            let verdict = if value > 5.0 { Verdict::Unwell } else { Verdict::Well };
            between.sampled("errors", &Sample { verdict, value: Some(value), text: String::new() });
        }
        let now = began + jiff::SignedDuration::from_secs(75);
        assert_eq!(between.line(now, &Screen::PLAIN), "soak, 3m 45s left  errors ▁▁▅█▃ 2");
    }

    #[test]
    fn answers_without_numbers_are_good_or_bad() {
        let mut between = Between::new(&Pause::Check(vec!["up".parse().expect("a name")]), Timestamp::UNIX_EPOCH);
        for verdict in [Verdict::Well, Verdict::Unwell, Verdict::Well] {
            between.sampled("up", &Sample { verdict, value: None, text: String::new() });
        }
        assert_eq!(between.line(Timestamp::UNIX_EPOCH, &Screen::PLAIN), "checking for 0.0s  up ▁█▁");
    }
}

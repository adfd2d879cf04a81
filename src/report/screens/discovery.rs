//! The progress of discovery, scope by scope, and its cost. Pure: steps and a clock in, lines out.

use std::{collections::BTreeMap, mem, time::Duration};

use jiff::Timestamp;
use provider_core::{Scope, Step};

use crate::report::text::{
    cells, neutral,
    screen::{Ink, Screen},
    words,
};

/// The most unfinished scopes shown by name.
const NAMED: usize = 4;

/// Counts of one discovery.
#[derive(Debug, Default)]
pub(in crate::report) struct Discovery {
    /// When its first step was taken.
    began: Option<Timestamp>,
    scopes: BTreeMap<Scope, ScopeCount>,
}

#[derive(Debug, Default)]
struct ScopeCount {
    calls: usize,
    read: usize,
    matched: Option<usize>,
    /// The reason for the present wait, and its length.
    waiting: Option<String>,
    /// A request was retried.
    waited: bool,
    /// The number of instances whose host keys were read, and of those to read.
    keys: (usize, usize),
}

impl Discovery {
    pub(in crate::report) fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Takes one step; returns the line for a log that cannot be redrawn, at most one per scope.
    pub(in crate::report) fn step(&mut self, scope: &Scope, step: Step<'_>, now: Timestamp) -> Option<String> {
        self.began.get_or_insert(now);
        let count = self.scopes.entry(scope.clone()).or_default();
        match step {
            Step::Calling { .. } => {
                count.calls += 1;
                count.waiting = None;
            }
            Step::Page { instances } => count.read += instances,
            Step::Retrying { reason, wait } => {
                let text = format!("{}, trying again in {}", neutral::line(reason), words::duration(wait));
                let line = format!("{}: {text}", neutral::line(scope.as_str()));
                count.waiting = Some(text);
                let said = mem::replace(&mut count.waited, true);
                return (!said).then_some(line);
            }
            Step::HostKeys { read, of } => {
                count.keys = (count.keys.0.max(read), of);
                count.waiting = None;
            }
            Step::Done { matched } => {
                *count.matched.get_or_insert(0) += matched;
                count.waiting = None;
            }
            // The trait may gain new steps; unknown ones are not shown.
            _ => {}
        }
        None
    }

    /// The display at `now`.
    pub(in crate::report) fn lines(&self, now: Timestamp, width: usize, screen: &Screen) -> Vec<String> {
        if let Some((read, of)) = self.keys() {
            let head = format!("host keys  {} of {}", words::number(read), words::number(of));
            return vec![cells::cut(&head, width, screen.signs().ellipsis)];
        }
        let done = self.scopes.values().filter(|count| count.matched.is_some()).count();
        let read: usize = self.scopes.values().map(|count| count.read).sum();
        let head = format!(
            "finding hosts  {} of {} done {dot} {} read {dot} {}",
            words::number(done),
            words::count(self.scopes.len(), "scope"),
            words::count(read, "instance"),
            words::duration(self.elapsed(now)),
            dot = screen.signs().dot,
        );
        let mut lines = vec![cells::cut(&head, width, screen.signs().ellipsis)];
        let open: Vec<_> = self.scopes.iter().filter(|(_, count)| count.matched.is_none()).collect();
        for (scope, count) in open.iter().take(NAMED) {
            let state = count.waiting.clone().unwrap_or_else(|| words::count(count.read, "instance"));
            let line =
                cells::cut(&format!("  {}: {state}", neutral::line(scope.as_str())), width, screen.signs().ellipsis);
            lines.push(if count.waiting.is_some() {
                screen.paint(Ink::Warning, &line)
            } else {
                screen.paint(Ink::Faint, &line)
            });
        }
        if let Some(more) = open.len().checked_sub(NAMED).filter(|more| *more > 0) {
            lines.push(screen.paint(Ink::Faint, &cells::cut(&format!("  and {more} more"), width, "")));
        }
        lines
    }

    /// The number of instances whose host keys were read, and of those to read; `None` before any.
    fn keys(&self) -> Option<(usize, usize)> {
        // A provider counts all of its scopes together.
        let mut by_provider = BTreeMap::<&str, (usize, usize)>::new();
        for (scope, count) in &self.scopes {
            let provider = scope.as_str().split(' ').next().unwrap_or_default();
            let (read, of) = by_provider.entry(provider).or_default();
            (*read, *of) = ((*read).max(count.keys.0), (*of).max(count.keys.1));
        }
        let all = by_provider.values().fold((0, 0), |(read, of), keys| (read + keys.0, of + keys.1));
        (all.1 > 0).then_some(all)
    }

    /// The result and the cost, in a line.
    pub(in crate::report) fn conclusion(&self, now: Timestamp) -> String {
        if let Some((read, of)) = self.keys() {
            let elapsed = words::duration(self.elapsed(now));
            return format!("asked for the host keys of {read} of {}, {elapsed}", words::count(of, "host"));
        }
        let matched: usize = self.scopes.values().filter_map(|count| count.matched).sum();
        let calls: usize = self.scopes.values().map(|count| count.calls).sum();
        let mut by_provider = BTreeMap::<&str, usize>::new();
        for (scope, count) in self.scopes.iter().filter(|(_, count)| count.calls > 0) {
            let provider = scope.as_str().split(' ').next().unwrap_or_default();
            *by_provider.entry(provider).or_default() += count.calls;
        }
        let shares: Vec<_> =
            by_provider.iter().map(|(provider, n)| format!("{provider} {}", words::number(*n))).collect();
        let shares = if shares.is_empty() { String::new() } else { format!(" ({})", shares.join(", ")) };
        format!(
            "found {} in {}: {}{shares}, {}",
            words::count(matched, "instance"),
            words::count(self.scopes.len(), "scope"),
            words::count(calls, "API call"),
            words::duration(self.elapsed(now)),
        )
    }

    fn elapsed(&self, now: Timestamp) -> Duration {
        self.began.map_or(Duration::ZERO, |began| since(began, now))
    }
}

/// The time from `then` to `now`; zero if the clock was set back.
pub(in crate::report) fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use provider_core::ProviderName;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    #[test]
    fn scopes_are_counted_and_the_open_ones_named() {
        let (aws, gcp) = (ProviderName::new("aws"), ProviderName::new("gcp"));
        let mut discovery = Discovery::default();
        let ireland = Scope::new(&aws, "eu-west-1");
        for _ in 0..2 {
            assert_eq!(discovery.step(&ireland, Step::Calling { operation: "DescribeInstances" }, at(1)), None);
            discovery.step(&ireland, Step::Page { instances: 1000 }, at(1));
        }
        discovery.step(&ireland, Step::Done { matched: 12 }, at(1));
        let shop = Scope::new(&gcp, "project shop");
        discovery.step(&shop, Step::Calling { operation: "instances.aggregatedList" }, at(1));
        let said = discovery.step(
            &shop,
            Step::Retrying { reason: "rate\x1b[2JLimitExceeded", wait: Duration::from_secs(2) },
            at(1),
        );
        assert_eq!(said.as_deref(), Some("gcp project shop: rateLimitExceeded, trying again in 2.0s"));

        insta::assert_snapshot!(discovery.lines(at(3), 80, &Screen::PLAIN).join("\n"), @r"
        finding hosts  1 of 2 scopes done · 2,000 instances read · 2.0s
          gcp project shop: rateLimitExceeded, trying again in 2.0s
        ");
        insta::assert_snapshot!(discovery.conclusion(at(4)), @"found 12 instances in 2 scopes: 3 API calls (aws 2, gcp 1), 3.0s");
    }
}

//! A selector as EC2's server-side filters.
//!
//! A filter only reduces what is sent over the wire. The selector itself is applied again to the answer, so each filter
//! may let too much through, but never too little.

use aws_sdk_ec2::types::Filter;
use provider_core::{InstanceState, Selector};

use crate::config::AwsConfig;

/// EC2 takes this many filter values in one request (`FilterLimitExceeded` beyond).
pub(crate) const MOST_VALUES: usize = 200;

/// The filters for `selector` within `config`'s zones and VPCs.
pub(crate) fn filters(selector: &Selector, config: &AwsConfig) -> Vec<Filter> {
    let mut asked = vec![
        ("instance-state-name".to_owned(), states(selector)),
        ("availability-zone".to_owned(), patterns(&config.zones)),
        ("vpc-id".to_owned(), patterns(&config.vpcs)),
    ];
    let mut keys = Vec::new();
    for (key, accepted) in selector.tags.iter() {
        if accepted.is_presence() {
            keys.push(literal(key));
        } else {
            asked.push((format!("tag:{key}"), patterns(accepted.patterns())));
        }
    }
    // The server needs only one of the keys; the selector demands all of them later.
    asked.push(("tag-key".to_owned(), keys));

    let mut room = MOST_VALUES;
    asked
        .into_iter()
        .filter(|(_, values)| {
            let fits = !values.is_empty() && values.len() <= room;
            room -= if fits { values.len() } else { 0 };
            fits
        })
        .map(|(name, values)| Filter::builder().name(name).set_values(Some(values)).build())
        .collect()
}

/// EC2's names of the wanted states; empty when one of them has no name there.
fn states(selector: &Selector) -> Vec<String> {
    let mut names = Vec::new();
    for state in &selector.states {
        names.extend_from_slice(match state {
            InstanceState::Pending => &["pending"],
            InstanceState::Running => &["running"],
            InstanceState::Stopping => &["stopping", "shutting-down"],
            InstanceState::Stopped => &["stopped"],
            InstanceState::Terminated => &["terminated"],
            InstanceState::Unknown => return Vec::new(),
        });
    }
    names.into_iter().map(str::to_owned).collect()
}

/// `*` and `?` mean the same there. A backslash escapes them there, but is an ordinary character here.
fn patterns(globs: &[String]) -> Vec<String> {
    globs.iter().map(|glob| glob.replace('\\', r"\\")).collect()
}

fn literal(text: &str) -> String {
    text.replace('\\', r"\\").replace('*', r"\*").replace('?', r"\?")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use provider_core::{TagFilter, TagMatch};

    use super::*;

    fn asked(selector: &Selector, config: &AwsConfig) -> Vec<(String, Vec<String>)> {
        let parts = |filter: Filter| (filter.name.unwrap_or_default(), filter.values.unwrap_or_default());
        filters(selector, config).into_iter().map(parts).collect()
    }

    fn pair(name: &str, values: &[&str]) -> (String, Vec<String>) {
        (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_selector_becomes_filters() {
        let tags = [
            ("role", TagMatch::any_of(["web", "api-*"])),
            ("owner", TagMatch::from("")),
            ("odd*key", TagMatch::from("")),
            ("path", TagMatch::from(r"a\b")),
        ];
        let config = AwsConfig { zones: vec!["eu-west-1?".into()], vpcs: vec!["vpc-1".into()], ..AwsConfig::default() };
        let expected = [
            pair("instance-state-name", &["running"]),
            pair("availability-zone", &["eu-west-1?"]),
            pair("vpc-id", &["vpc-1"]),
            pair("tag:path", &[r"a\\b"]),
            pair("tag:role", &["web", "api-*"]),
            pair("tag-key", &[r"odd\*key", "owner"]),
        ];
        assert_eq!(asked(&Selector::running(tags.into_iter().collect()), &config), expected);
    }

    #[test]
    fn an_unknown_state_cannot_be_asked_for() {
        let states = BTreeSet::from([InstanceState::Running, InstanceState::Unknown]);
        let selector = Selector { states, ..Selector::running(TagFilter::default()) };
        assert_eq!(asked(&selector, &AwsConfig::default()), []);
        let all = Selector { states: BTreeSet::from([InstanceState::Stopping]), ..selector };
        assert_eq!(asked(&all, &AwsConfig::default()), [pair("instance-state-name", &["stopping", "shutting-down"])]);
    }

    #[test]
    fn what_does_not_fit_is_left_to_us() {
        let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let tags = [("number", TagMatch::any_of(many)), ("role", TagMatch::from("web"))];
        let selector = Selector::running(tags.into_iter().collect());
        let expected = [pair("instance-state-name", &["running"]), pair("tag:role", &["web"])];
        assert_eq!(asked(&selector, &AwsConfig::default()), expected);
    }
}

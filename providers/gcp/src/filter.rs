//! A selector in Compute Engine's filter language.
//!
//! The server's filter only saves traffic: the selector is applied again to the answer. So a condition is sent only if
//! the server cannot possibly drop an instance that the selector wants. Other conditions are left to the selector:
//! globs, presence (a network tag of that name would match too), zones and networks (their fields hold whole URLs).

use std::collections::BTreeSet;

use provider_core::{InstanceState, Selector, TagMatch};

/// A filter that lets through at least everything that `selector` matches; `None` when there are no conditions.
pub(crate) fn for_server(selector: &Selector) -> Option<String> {
    let labels = selector.tags.iter().filter_map(|(key, accepted)| label(key, accepted));
    let conditions: Vec<String> = states(&selector.states).into_iter().chain(labels).collect();
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

/// `(status = "RUNNING")`, or several.
fn states(wanted: &BTreeSet<InstanceState>) -> Option<String> {
    let statuses: Option<Vec<&[&str]>> = wanted.iter().map(|&state| statuses_of(state)).collect();
    let statuses = statuses?.concat();
    any_of("status", statuses.iter().copied())
}

/// Compute Engine's words for a state; `None` for `Unknown`, which stands for any other word.
///
/// Its `TERMINATED` means stopped here, because the instance can be started again. A deleted one is not listed.
fn statuses_of(state: InstanceState) -> Option<&'static [&'static str]> {
    match state {
        InstanceState::Pending => Some(&["PENDING", "PROVISIONING", "STAGING"]),
        InstanceState::Running => Some(&["RUNNING"]),
        InstanceState::Stopping => Some(&["STOPPING", "SUSPENDING", "PENDING_STOP", "DEPROVISIONING"]),
        InstanceState::Stopped => Some(&["STOPPED", "SUSPENDED", "TERMINATED"]),
        InstanceState::Terminated => Some(&[]),
        InstanceState::Unknown => None,
    }
}

/// `(labels.role = "web")`, or several.
fn label(key: &str, accepted: &TagMatch) -> Option<String> {
    let values = accepted.exact_values()?;
    let sound = is_plain(key) && values.iter().all(|value| is_plain(value));
    sound.then(|| any_of(&format!("labels.{key}"), values.iter().map(String::as_str)))?
}

/// True for a word of ASCII characters that labels allow, which needs no quoting. Labels may also have letters of other
/// scripts; those are not sent to the server.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

fn any_of<'a>(field: &str, values: impl Iterator<Item = &'a str>) -> Option<String> {
    let equal: Vec<String> = values.map(|value| format!("({field} = \"{value}\")")).collect();
    match &equal[..] {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("({})", many.join(" OR "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider_core::TagFilter;

    fn filter(states: &[InstanceState], tags: &[(&str, TagMatch)]) -> Option<String> {
        let tags = tags.iter().cloned().collect::<TagFilter>();
        for_server(&Selector { states: states.iter().copied().collect(), ..Selector::running(tags) })
    }

    #[test]
    fn states_and_labels_are_sent() {
        let web = ("role", TagMatch::from("web"));
        assert_eq!(
            filter(&[InstanceState::Running], &[web]).as_deref(),
            Some(r#"(status = "RUNNING") AND (labels.role = "web")"#)
        );
        let either = ("role", TagMatch::any_of(["web", "api"]));
        assert_eq!(
            filter(&[InstanceState::Running], &[either]).as_deref(),
            Some(r#"(status = "RUNNING") AND ((labels.role = "web") OR (labels.role = "api"))"#)
        );
        assert_eq!(
            filter(&[InstanceState::Stopped], &[]).as_deref(),
            Some(r#"((status = "STOPPED") OR (status = "SUSPENDED") OR (status = "TERMINATED"))"#)
        );
    }

    #[test]
    fn what_the_server_might_read_otherwise_is_left_to_us() {
        for (key, accepted) in [
            ("role", TagMatch::from("")),                 // a network tag would do
            ("role", TagMatch::from("web*")),             // `*` also accepts a network tag's empty value
            ("role", TagMatch::any_of(["web", "api-?"])), // one glob in a list
            ("role", TagMatch::from(r#"x" OR (labels.a = "y"#)),
            ("role", TagMatch::from("Web")),
            ("rôle", TagMatch::from("web")),
            ("a.b", TagMatch::from("web")),
        ] {
            assert_eq!(filter(&[InstanceState::Unknown], &[(key, accepted.clone())]), None, "{key}={accepted}");
        }
        assert_eq!(filter(&InstanceState::ALL, &[]), None);
        assert_eq!(filter(&[InstanceState::Terminated], &[]), None);
    }
}

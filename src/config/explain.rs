//! Serde's messages in the words of a configuration file.
//!
//! Derived code writes messages of fixed forms (`serde::de::Error`). A message of any other form is Fleetwide's own and
//! is passed on unchanged.

use super::{document::Key, error::nearest, schema};

/// A message for a person, and a hint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Rewrites `message`, which arose at `keys`; without the value, if it is `secret`.
pub(super) fn explain(message: &str, keys: &[Key], secret: bool) -> Explained {
    if let Some((key, known)) = message.strip_prefix("unknown field ").and_then(quoted_then_known) {
        return unknown_key(key, &known, keys.split_last().map_or(&[], |(_, outer)| outer));
    }
    if let Some((word, known)) = message.strip_prefix("unknown variant ").and_then(quoted_then_known) {
        let what = last_name(keys).unwrap_or("value");
        let hint = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        let message = match what {
            "provider" => format!("unknown provider `{word}`"),
            "states" => format!("unknown instance state `{word}`"),
            key => format!("`{word}` is no value of `{key}`"),
        };
        return Explained { message, hint: Some(hint) };
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return Explained { message: format!("{key} is missing{}", place(keys)), hint: None };
    }
    let wrong = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = wrong.and_then(|rest| rest.rsplit_once(", expected ")) {
        let expected = in_plain_words(expected);
        let what = last_name(keys).map(|name| format!("`{name}`: ")).unwrap_or_default();
        let found = if secret { String::new() } else { format!(", found {found}") };
        return Explained { message: format!("{what}expected {expected}{found}"), hint: None };
    }
    Explained { message: message.to_owned(), hint: None }
}

fn unknown_key(key: &str, known: &[&str], outer: &[Key]) -> Explained {
    let hint = match (nearest(key, known.iter().copied()), schema::home_of(key)) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(home)) => format!("`{key}` belongs in {home}"),
        (None, None) => format!("known keys: {}", known.join(", ")),
    };
    Explained { message: format!("unknown key `{key}`{}", place(outer)), hint: Some(hint) }
}

/// Splits "`word`, expected one of `a`, `b`" (also "expected `a` or `b`", "expected `a`", "there are no fields").
///
/// The word comes from the file and may hold anything, so it is split off from the right.
fn quoted_then_known(text: &str) -> Option<(&str, Vec<&str>)> {
    let (word, known) = text.rsplit_once("`, expected ")?;
    Some((word.strip_prefix('`')?, known.split('`').skip(1).step_by(2).collect()))
}

/// The place of the keys: " in targets.web.select".
fn place(keys: &[Key]) -> String {
    let names: Vec<_> = keys.iter().filter_map(name).collect();
    if names.is_empty() { " at the top of the file".to_owned() } else { format!(" in {}", names.join(".")) }
}

fn name(key: &Key) -> Option<&str> {
    match key {
        Key::Name(name) => Some(name),
        Key::Index(_) => None,
    }
}

fn last_name(keys: &[Key]) -> Option<&str> {
    keys.iter().rev().find_map(name)
}

/// Serde names Rust's types, which the file's author need not know.
fn in_plain_words(expected: &str) -> &str {
    match expected {
        "a nonzero u16" => "a number from 1 to 65535",
        "a nonzero usize" => "a number from 1 up",
        "u32" => "a number from 0 up",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a map" => "a table",
        "path string" => "a path",
        record if record.starts_with("struct ") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::at;

    #[test]
    fn the_message_forms_of_serde_are_known() {
        let table = [
            ("unknown field `a`, expected `user`", "unknown key `a` in targets.web"),
            ("unknown field `a`, expected `user` or `port`", "unknown key `a` in targets.web"),
            ("unknown field `a`, expected one of `user`, `port`, `jump`", "unknown key `a` in targets.web"),
            ("unknown field ``, expected `x`, expected `user`", "unknown key ``, expected `x` in targets.web"),
            ("unknown variant `a`, expected `fail` or `skip`", "`a` is no value of `ssh`"),
            ("missing field `provider`", "`provider` is missing in targets.web.ssh"),
            (
                "invalid value: integer `0`, expected a nonzero usize",
                "`ssh`: expected a number from 1 up, found integer `0`",
            ),
            ("something of ours", "something of ours"),
        ];
        for (message, said) in table {
            assert_eq!(explain(message, &at(["targets", "web", "ssh"]), false).message, said);
        }
    }

    #[test]
    fn a_secret_value_is_not_repeated() {
        let said = explain("invalid type: string \"hunter2\", expected a map", &at(["deploy", "env"]), true);
        assert_eq!(said.message, "`env`: expected a table");
    }
}

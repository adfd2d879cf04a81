//! A configuration file's text: parsing it, and finding the place of an error in it.
//!
//! The tables of [`super::file`] carry no positions. A problem names its keys instead, and this module looks up their
//! place only when there is an error to print.

use std::{ops::Range, path::Path};

use serde::Deserialize;
use toml::de::{DeTable, DeValue, Deserializer};

use super::{
    error::{ConfigError, Located},
    excerpt::{Excerpt, Position, Shown, head, plain},
    explain::{Explained, explain},
    file::ConfigFile,
    schema,
};

/// One step of the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A key of a table.
    Name(String),
    /// A place in a list.
    Index(usize),
}

/// The keys of a value in nested tables.
pub(super) fn at<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Key> {
    names.into_iter().map(|name| Key::Name(name.to_owned())).collect()
}

/// Called with the path to a key or an item, the key's range, and the value's range.
type Visit<'v> = dyn FnMut(&[Key], &Range<usize>, &Range<usize>) + 'v;

/// A problem, located by keys.
#[derive(Debug)]
pub(super) struct Problem {
    keys: Vec<Key>,
    message: String,
    hint: Option<String>,
}

impl Problem {
    pub(super) fn new(keys: Vec<Key>, message: impl Into<String>) -> Self {
        Self { keys, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error for a flag or a variable, which has no place in a file.
    pub(super) fn of_flags(self) -> ConfigError {
        ConfigError::Flags { what: self.message, hint: self.hint }
    }

    /// Places it within the value at `outer`.
    pub(super) fn within(mut self, outer: &[Key]) -> Self {
        self.keys.splice(..0, outer.iter().cloned());
        self
    }
}

/// A file's text, and the name to show for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    name: String,
    text: String,
}

impl Document {
    /// Takes the text of the file at `path`, which is shown as seen from `directory`.
    pub(super) fn new(path: &Path, directory: &Path, text: String) -> Self {
        let name = path.strip_prefix(directory).unwrap_or(path).display();
        Self { name: plain(&name.to_string()), text }
    }

    /// Reads the tables.
    pub(super) fn parse(&self) -> Result<ConfigFile, ConfigError> {
        let tree = match DeTable::parse(&self.text) {
            Ok(tree) => tree,
            Err(error) => return Err(self.malformed(&error)),
        };
        ConfigFile::deserialize(Deserializer::from(tree)).map_err(|error| self.misfit(&error))
    }

    /// The error for text that is not TOML.
    fn malformed(&self, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or_default();
        let line = Position::of(&self.text, span.start).bytes;
        let shown = if self.may_hide(&line) { Shown::Nothing } else { Shown::Line };
        let hint = if error.message().ends_with("expected `\"`") {
            "a text begins and ends with a double quote, on one line"
        } else if error.message() == "duplicate key" {
            "it stands in this table twice: keep one of them"
        } else {
            "the file is TOML: a text stands in quotes, a list in [ ], a table in { } or below its [header]"
        };
        self.located(&span, Explained { message: error.message().to_owned(), hint: Some(hint.to_owned()) }, shown)
    }

    /// The error for TOML that does not fit the tables.
    fn misfit(&self, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or_default();
        let line = Position::of(&self.text, span.start).bytes;
        let mut keys = Vec::new();
        let mut secret = false;
        self.walk(&mut |path, key, value| {
            if keys.is_empty() && (*key == span || *value == span) {
                keys = path.to_vec();
            }
            secret |= is_secret(path) && key.start < line.end && value.end > line.start;
        });
        // A string where only tables belong may be an environment variable whose header was lost.
        let astray =
            matches!(&keys[..], [Key::Name(tables), Key::Name(_)] if matches!(tables.as_str(), "targets" | "checks"));
        secret |= astray && error.message().starts_with("invalid type: string");
        let shown = match &keys[..] {
            _ if secret => Shown::Nothing,
            // This may be an environment variable whose header was lost.
            [Key::Name(tables), Key::Name(_), Key::Name(key)] if tables == "targets" && !schema::is_key(key) => {
                Shown::UpToMark
            }
            [.., Key::Name(table), Key::Name(key)] if table == "deploy" && !schema::is_key(key) => Shown::UpToMark,
            _ => Shown::Line,
        };
        self.located(&span, explain(error.message(), &keys, secret), shown)
    }

    /// The error for values that fit the tables but make no sense.
    pub(super) fn problem(&self, problem: Problem) -> ConfigError {
        let Problem { keys, message, hint } = problem;
        let mut span = 0..0;
        let mut depth = 0;
        // The deepest key that exists: the problem may be that a key is missing.
        self.walk(&mut |path, key, value| {
            if path.len() > depth && keys.starts_with(path) {
                depth = path.len();
                let whole = depth == keys.len() && !matches!(path.last(), Some(Key::Index(_)));
                span = if whole { key.clone() } else { key.start..value.end.max(key.end) };
            }
        });
        let shown = if is_secret(&keys) { Shown::Nothing } else { Shown::Line };
        self.located(&span, Explained { message, hint }, shown)
    }

    fn located(&self, span: &Range<usize>, explained: Explained, shown: Shown) -> ConfigError {
        let position = Position::of(&self.text, span.start);
        let line = &self.text[position.bytes.clone()];
        // The address may contain a password.
        let userinfo = line.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
        let shown = if userinfo { Shown::Nothing } else { shown };
        ConfigError::Located(Box::new(Located {
            file: self.name.clone(),
            line: position.line,
            column: position.column,
            // Bounded, because a message may quote the file.
            message: head(&plain(&explained.message), 400),
            hint: explained.hint,
            excerpt: Excerpt::new(&self.text, &position, span, shown),
        }))
    }

    /// Visits every key and list item with its path, its key's range and its value's range.
    fn walk(&self, visit: &mut Visit<'_>) {
        if let Ok(tree) = DeTable::parse(&self.text) {
            walk_table(tree.get_ref(), &mut Vec::new(), visit);
        }
    }

    /// True when the line may hold a secret, judged without a parse: it mentions a script's environment or arguments,
    /// stands below such a header, or begins with an unknown key.
    fn may_hide(&self, line: &Range<usize>) -> bool {
        // The search goes up to the last header: an `env` may lack its brace, or its header may be commented out.
        let is_header = |line: &&str| line.trim_start().starts_with('[');
        let above = || self.text[..line.start].lines().rev();
        let below_env = above().take_while(|line| !is_header(line)).any(|line| words(line).any(|word| word == "env"));
        let header = above().find(is_header);
        let line = &self.text[line.clone()];
        let speaks = ["deploy", "env", "args"].iter().any(|word| line.contains(word));
        let known =
            words(line).next().is_none_or(|word| schema::is_key(word) || matches!(word, "targets" | "defaults"));
        speaks || !known || below_env || header.is_some_and(|header| words(header).any(|word| word == "env"))
    }
}

fn walk_table(table: &DeTable<'_>, path: &mut Vec<Key>, visit: &mut Visit<'_>) {
    for (key, value) in table {
        path.push(Key::Name(key.get_ref().to_string()));
        visit(path, &key.span(), &value.span());
        walk_value(value.get_ref(), path, visit);
        path.pop();
    }
}

fn walk_value(value: &DeValue<'_>, path: &mut Vec<Key>, visit: &mut Visit<'_>) {
    match value {
        DeValue::Table(table) => walk_table(table, path, visit),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Key::Index(index));
                visit(path, &item.span(), &item.span());
                walk_value(item.get_ref(), path, visit);
                path.pop();
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// A script's environment and arguments hold secrets more often than they should.
fn is_secret(path: &[Key]) -> bool {
    path.windows(2).any(|pair| match pair {
        // A tag may have this name; tags are not secret.
        [Key::Name(outer), Key::Name(inner)] => outer != "tags" && matches!(inner.as_str(), "env" | "args"),
        _ => false,
    })
}

/// The bare words of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

//! Errors in a configuration, in words for the person who wrote it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::excerpt::Excerpt;

/// A configuration that cannot be used. Every one of these is exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something in a file.
    #[error("{0}")]
    Located(Box<Located>),
    /// A named or found file that cannot be read.
    #[error("cannot read the configuration in {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that cannot be a configuration: a directory, not text, or too large.
    #[error("{} is no configuration: {why}", path.display())]
    NoText {
        /// Which file.
        path: PathBuf,
        /// What the file is instead.
        why: String,
    },
    /// There is no file with targets, and no flag says where to look.
    #[error("no target: {}, and no flag says where to look", no_targets_in(file.as_deref()))]
    Nothing {
        /// The project's file, if there is one.
        file: Option<PathBuf>,
    },
    /// There are several targets, and none was named.
    #[error("which target? the configuration has {}", names.join(", "))]
    WhichTarget {
        /// All targets.
        names: Vec<String>,
    },
    /// A target that does not exist.
    #[error("there is no target `{name}`{}", known(names))]
    UnknownTarget {
        /// The name that was asked for.
        name: String,
        /// The nearest known name.
        nearest: Option<String>,
        /// All targets.
        names: Vec<String>,
    },
    /// Flags that cannot be used together, or not with this target.
    #[error("{what}")]
    Flags {
        /// What does not fit.
        what: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A `FLEETWIDE_*` variable with a bad value.
    #[error("the environment variable {name}: {why}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with its value.
        why: String,
    },
}

impl ConfigError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Located(located) => located.hint.clone(),
            Self::Unreadable { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => {
                    Some("name another with --config, or write one with `fleetwide init`".into())
                }
                io::ErrorKind::PermissionDenied => Some("let this user read it, or name another with --config".into()),
                _ => None,
            },
            Self::NoText { .. } => Some("name another file with --config".into()),
            Self::Nothing { .. } => Some(BEGINNING.into()),
            Self::WhichTarget { names } => {
                Some(format!("name one, for example {}", names.first().map_or("web", String::as_str)))
            }
            Self::UnknownTarget { names, .. } if names.is_empty() => Some(BEGINNING.into()),
            Self::UnknownTarget { nearest, .. } => nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`?")),
            Self::Flags { hint, .. } => hint.clone(),
            Self::Variable { name, .. } => Some(format!("correct {name} or unset it")),
        }
    }
}

/// What to try when there is no target.
const BEGINNING: &str = "write a file with `fleetwide init`, name one with --config, or say where to look: \
                         --aws-region eu-west-1 --tag role=web";

fn known(names: &[String]) -> String {
    if names.is_empty() {
        ": no fleetwide.toml here or above, up to the checkout's root, has one".into()
    } else {
        format!(" (known: {})", names.join(", "))
    }
}

fn no_targets_in(file: Option<&Path>) -> String {
    match file {
        Some(file) => format!("{} has none", file.display()),
        None => "there is no fleetwide.toml here or above".into(),
    }
}

/// Something wrong at a place in a file.
#[derive(Debug)]
pub struct Located {
    /// The file's path as a person would write it from the working directory.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The line itself, unless it may hold a secret.
    pub(super) excerpt: Option<Excerpt>,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, hint: _, excerpt } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        excerpt.as_ref().map_or(Ok(()), |excerpt| write!(f, "\n{excerpt}"))
    }
}

/// The known word nearest to `word`, if it is close enough for a typing error.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // With more than a third of the letters wrong it is another word. Long words are not worth measuring.
    let length = word.chars().count();
    let reach = (length / 3).max(1);
    if length > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        let known = ["regions", "zones", "tags", "provider"];
        assert_eq!(nearest("regoins", known), Some("regions"));
        assert_eq!(nearest("Tags", known), Some("tags"));
        assert_eq!(nearest("tag", known), Some("tags"));
        assert_eq!(nearest("steps", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}

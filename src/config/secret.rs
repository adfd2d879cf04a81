//! Secrets by reference: where a secret is, never its value.

use std::{fmt, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Where a secret is: `{ env = "NAME" }` or `{ file = "/run/secrets/x" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SecretRef {
    /// The value of an environment variable.
    Env(String),
    /// The text of a file, without its last line break.
    File(PathBuf),
}

impl SecretRef {
    /// Reads the secret, asking `env` for variables.
    ///
    /// # Errors
    /// When it is not there. The error names where it was looked for, and nothing else.
    pub fn read(&self, env: impl Fn(&str) -> Option<String>) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => env(name).map(Secret).ok_or_else(|| SecretError::NoVariable(name.clone())),
            Self::File(path) => match fs::read_to_string(path) {
                Ok(text) => Ok(Secret(text.strip_suffix('\n').unwrap_or(&text).to_owned())),
                Err(source) => Err(SecretError::NoFile { path: path.clone(), source }),
            },
        }
    }
}

/// A secret's value. It prints as `***`, so that no log shows it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A secret that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable {0}, which holds a secret, is not set")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("cannot read the secret in {}", path.display())]
    NoFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = SecretRef::Env("X".into()).read(|_| Some("hunter2".into())).expect("set");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn a_missing_secret_names_its_place_only() {
        let error = SecretRef::Env("SLACK_URL".into()).read(|_| None).expect_err("unset");
        assert!(error.to_string().contains("SLACK_URL"));
        assert!(SecretRef::File("/nonexistent/x".into()).read(|_| None).is_err());
    }
}
